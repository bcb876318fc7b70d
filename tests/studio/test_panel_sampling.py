"""The sampling panel: sliders, numbers, seed, pace and engine ask the studio and show what holds."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from models.chain import GreyLevels, ImageChain, MuLaw, SoundChain
from models.errors import InputError
from models.wording import grouped
from studio.looking import Pointer
from studio.panels.sampling import Length, Row, SamplingPanel, pace_ladder, pace_text
from studio.settings import Settings, default_pace
from studio.state import Studio
from studio.widgets.layouts import PanelScroll
from tests.studio.conftest import SOUND, finish, load

DIGIT = ImageChain(GreyLevels(256), 28, 28)
SPEECH = SoundChain(MuLaw(256, stop=True), 8000, 1.0, 10.0)


def panel_of(studio: Studio, qtbot: QtBot) -> SamplingPanel:
    panel = SamplingPanel(studio)
    qtbot.addWidget(panel)
    panel.resize(340, 420)
    panel.show()
    return panel


def settings_of(studio: Studio) -> Settings:
    assert studio.settings is not None
    return studio.settings


def type_into(qtbot: QtBot, row: Row, text: str) -> None:
    row.field.setFocus()
    row.field.selectAll()
    qtbot.keyClicks(row.field, text)
    qtbot.keyClick(row.field, Qt.Key.Key_Return)


def test_without_a_model_there_is_nothing_to_set(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    assert panel.stack.currentWidget() is panel.empty
    load(studio, qtbot, SOUND)
    assert panel.stack.currentWidget() is panel.content


def test_a_typed_temperature_holds_and_is_one_undo_step(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    type_into(qtbot, panel.temperature, "0,7")
    assert settings_of(image_studio).shaping.temperature == 0.7
    assert panel.temperature.field.text() == "0.70"
    assert panel.temperature.slider.value() == 70
    image_studio.undo_stack.undo()
    assert panel.temperature.field.text() == "1.00"


@pytest.mark.parametrize(
    ("text", "says"), [("warm", "'warm'"), ("-1", "-1"), ("3", "0 … 2"), ("nan", "nan"), ("1e999", "inf")]
)
def test_a_temperature_that_cannot_be_is_marked_and_not_applied(
    image_studio: Studio, qtbot: QtBot, text: str, says: str
) -> None:
    panel = panel_of(image_studio, qtbot)
    type_into(qtbot, panel.temperature, text)
    assert settings_of(image_studio).shaping.temperature == 1.0
    assert panel.temperature.field.problem
    assert panel.message.isVisible()
    assert says in panel.message.text()
    assert "\n" not in panel.message.text()
    type_into(qtbot, panel.temperature, "0.5")
    assert not panel.temperature.field.problem
    assert not panel.message.isVisible()


@pytest.mark.parametrize("field", ["temperature", "top_p", "top_k", "min_p", "count", "length"])
@pytest.mark.parametrize("text", ["1e9", "much", "-2"])
def test_what_is_wrong_is_told_by_the_words_of_the_label(studio: Studio, qtbot: QtBot, field: str, text: str) -> None:
    panel = panel_of(load(studio, qtbot, SOUND), qtbot)
    row: Row = getattr(panel, field)
    type_into(qtbot, row, text)
    assert panel.message.text().startswith(f"{row.label.text()} ")
    assert "_" not in panel.message.text()


def test_top_k_keeps_at_most_as_many_values_as_there_are(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    type_into(qtbot, panel.top_k, "16")
    assert settings_of(image_studio).shaping.top_k == 16
    type_into(qtbot, panel.top_k, "17")
    assert settings_of(image_studio).shaping.top_k == 16
    assert "1 … 16" in panel.message.text()


def test_all_of_a_sound_model_stands_without_scrolling_in_a_low_dock(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(load(studio, qtbot, SOUND), qtbot)
    panel.resize(345, 274)
    qtbot.wait(20)
    bar = panel.findChildren(PanelScroll)[0].verticalScrollBar()
    assert bar.maximum() == 0


def test_a_drag_of_the_temperature_takes_effect_live_and_is_undone_at_once(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    slider = panel.temperature.slider
    middle = slider.height() // 2
    seen = []
    image_studio.settings_changed.connect(lambda: seen.append(settings_of(image_studio).shaping.temperature))
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() // 4, middle))
    for x in range(slider.width() // 4, slider.width() // 2, 4):
        qtbot.mouseMove(slider, QPoint(x, middle))
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() // 2, middle))
    assert len(set(seen)) > 3
    image_studio.undo_stack.undo()
    assert settings_of(image_studio).shaping.temperature == 1.0


def test_off_is_neutral_in_every_cut(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    image_studio.reshape(top_p=0.9, top_k=4, min_p=0.1)
    assert [row.field.text() for row in (panel.top_p, panel.top_k, panel.min_p)] == ["0.90", "4", "0.10"]
    for row in (panel.top_p, panel.top_k, panel.min_p):
        type_into(qtbot, row, "off")
    assert settings_of(image_studio).shaping.neutral
    assert [row.field.text() for row in (panel.top_p, panel.top_k, panel.min_p)] == ["off", "off", "off"]


def test_top_k_goes_from_one_to_off_at_the_alphabet_and_stays_a_whole_number(
    image_studio: Studio, qtbot: QtBot
) -> None:
    panel = panel_of(image_studio, qtbot)
    slider = panel.top_k.slider
    assert (slider.ladder[0], slider.ladder[-1]) == (1, 16)
    slider.step(-1)
    k = settings_of(image_studio).shaping.top_k
    assert isinstance(k, int)
    assert k == slider.ladder[-2]
    slider.step(1)
    assert settings_of(image_studio).shaping.top_k == 0
    type_into(qtbot, panel.top_k, "2.5")
    assert "whole number" in panel.message.text()


def test_neutral_puts_all_shaping_back_in_one_step(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    assert not panel.neutral_button.isEnabled()
    image_studio.reshape(temperature=0.5, top_p=0.9)
    panel.neutral_button.click()
    assert settings_of(image_studio).shaping.neutral
    image_studio.undo_stack.undo()
    assert settings_of(image_studio).shaping.temperature == 0.5


def test_a_typed_seed_is_locked_and_a_rolled_one_is_not(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    panel.seed_field.selectAll()
    qtbot.keyClicks(panel.seed_field, "20 417")
    qtbot.keyClick(panel.seed_field, Qt.Key.Key_Return)
    assert (settings_of(image_studio).seed, settings_of(image_studio).seed_locked) == (20417, True)
    assert panel.seed_field.text() == "20\u202f417"
    assert panel.lock_button.isChecked()
    panel.lock_button.click()
    assert not settings_of(image_studio).seed_locked
    panel.dice_button.click()
    assert settings_of(image_studio).seed != 20417


@pytest.mark.parametrize("text", ["lucky", "-3", "1.5", str(2**53)])
def test_a_seed_that_cannot_be_is_marked_and_not_applied(image_studio: Studio, qtbot: QtBot, text: str) -> None:
    panel = panel_of(image_studio, qtbot)
    before = settings_of(image_studio)
    panel.seed_field.selectAll()
    qtbot.keyClicks(panel.seed_field, text)
    qtbot.keyClick(panel.seed_field, Qt.Key.Key_Return)
    assert settings_of(image_studio) == before
    assert panel.seed_field.problem
    assert panel.message.text().startswith("Seed ")


def test_the_largest_seed_keeps_all_its_digits(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    panel._set_seed(str(2**53 - 1))
    assert settings_of(image_studio).seed == 2**53 - 1


def test_the_last_seed_can_be_used_again(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    assert not panel.last_button.isEnabled()
    image_studio.change("pace", pace=math.inf)
    image_studio.begin()
    finish(image_studio, qtbot)
    used = image_studio.take.traces[0].schedule[0].seed  # type: ignore[union-attr]
    panel.dice_button.click()
    panel.last_button.click()
    assert (settings_of(image_studio).seed, settings_of(image_studio).seed_locked) == (used, True)


def test_the_seed_that_stands_there_is_the_shown_take_s_and_the_lock_keeps_it(
    image_studio: Studio, qtbot: QtBot
) -> None:
    """Undo may have gone back to another take than the last one drawn."""
    panel = panel_of(image_studio, qtbot)
    image_studio.change("pace", pace=math.inf)
    image_studio.begin()
    finish(image_studio, qtbot)
    first = image_studio.take
    assert first is not None
    image_studio.editing.put_value(3, Pointer(0, 5))
    finish(image_studio, qtbot)
    image_studio.begin()
    finish(image_studio, qtbot)
    assert panel.seed_field.text() == grouped(image_studio.shown_seed or 0)
    image_studio.undo_stack.undo()
    qtbot.waitUntil(lambda: image_studio.take is first)
    seed = first.traces[0].schedule[0].seed
    assert (panel.seed_label.text(), panel.seed_field.text()) == ("Last seed", grouped(seed))
    panel.lock_button.click()
    assert (settings_of(image_studio).seed, settings_of(image_studio).seed_locked) == (seed, True)


@pytest.mark.parametrize(("text", "count"), [("64", 64), ("1", 1)])
def test_the_count_goes_from_one_to_64(image_studio: Studio, qtbot: QtBot, text: str, count: int) -> None:
    panel = panel_of(image_studio, qtbot)
    type_into(qtbot, panel.count, text)
    assert settings_of(image_studio).count == count
    for wrong in ("0", "65", "2.5", "many"):
        type_into(qtbot, panel.count, wrong)
        assert settings_of(image_studio).count == count
        assert panel.count.field.problem


def test_the_longest_length_is_asked_in_seconds_and_only_of_open_chains(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    load(studio, qtbot, SOUND)
    assert panel.length.field.isVisible()
    assert panel.length.field.text() == "0.20 s"
    type_into(qtbot, panel.length, "0.5 s")
    assert settings_of(studio).limit == 4000
    type_into(qtbot, panel.length, "1.5")
    assert settings_of(studio).limit == 4000
    assert "up to 1 s" in panel.message.text()
    load(studio, qtbot, "tiny-pixelcnn")
    assert not panel.length.field.isVisible()


def test_the_pace_is_told_in_human_terms() -> None:
    assert pace_text(DIGIT, default_pace(DIGIT)) == "4 s an image"
    assert pace_text(DIGIT, 12) == "12 steps/s"
    assert pace_text(DIGIT, math.inf) == "max"
    assert pace_text(SPEECH, default_pace(SPEECH)) == "real time"
    assert pace_text(SPEECH, 4000) == "0.5 × real time"
    assert pace_text(SPEECH, 1) == "1 steps/s"


@pytest.mark.parametrize("chain", [DIGIT, SPEECH, ImageChain(GreyLevels(2), 2, 2)])
def test_paces_rise_from_one_step_a_second_to_max_and_hold_the_default(chain: ImageChain | SoundChain) -> None:
    ladder = pace_ladder(chain)
    assert (ladder[0], ladder[-1]) == (1.0, math.inf)
    assert ladder == sorted(set(ladder))
    assert default_pace(chain) in ladder


def test_the_pace_slider_changes_the_pace_of_the_walk(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    panel.pace.setValue(panel.pace.maximum())
    assert math.isinf(settings_of(image_studio).pace)
    assert panel.pace_value.text() == "max"


def test_the_engines_are_those_of_the_model_and_the_automatic_choice_says_which(
    image_studio: Studio, qtbot: QtBot
) -> None:
    panel = panel_of(image_studio, qtbot)
    box = panel.engine_box
    assert image_studio.loaded is not None
    assert [box.itemData(n) for n in range(box.count())] == ["auto", *image_studio.loaded.engines]
    assert box.currentText() == f"auto · {image_studio.engine_name()}"
    index = box.findData("reference")
    box.setCurrentIndex(index)
    box.activated.emit(index)
    assert settings_of(image_studio).engine == "reference"
    image_studio.undo_stack.undo()
    assert box.currentData() == "auto"


def test_at_the_right_end_a_sound_has_no_end() -> None:
    chain = SoundChain(MuLaw(256), 8000, default_seconds=1.0, max_seconds=10.0)
    length = Length(chain)
    assert length.ladder()[-1] == length.parse("no end") == math.inf
    assert length.text(math.inf) == "no end"
    assert length.steps(math.inf) == chain.endless_limit > chain.limit
    assert length.of(chain.endless_limit) == math.inf
    assert length.of(chain.limit) == 10.0
    with pytest.raises(InputError, match="up to 10 s"):
        length.parse("11")
