"""Comparing: models side by side in the background, one model over a range, and labels wherever a sweep is shown."""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontMetricsF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from models.chain import GreyLevels, ImageChain
from models.condition import Category, Vector
from models.errors import FileError
from models.files import load_take, read_saved
from models.shaping import NEUTRAL, Shaping
from models.sweep import Label, Seeds, Temperatures, Values, labels
from models.trace import ModelReference, Take, new_take
from studio.app import MainWindow
from studio.canvas.cells import fitting, lay_out
from studio.canvas.image import ImageCanvas
from studio.export import ExportDialog
from studio.inference import InferenceThread
from studio.looking import Pointer
from studio.panels.compare import MODELS, ONE, CompareDialog
from studio.panels.compare_models import exceptions_of, first_models, mean_surprise, offered_choices, what_differs
from studio.panels.compare_parts import SETTINGS_WIDTH, LimitedBox
from studio.profile import Profile
from studio.state import Activity, Studio
from studio.theme import DARK, apply_theme
from tests.studio.conftest import DIGIT, IMAGE, finish, listed, load, write

OTHER = "tiny-other"
BROKEN = "tiny-broken"
DIGITS = Values(("0", "1", "2"), "digit")


@pytest.fixture
def several(qtbot: QtBot, tmp_path: Path, checkpoints: Path):  # type: ignore[no-untyped-def]
    """A studio with three models of images, one of which knows no digits; the first is loaded."""
    shutil.copytree(checkpoints, tmp_path / "assets")
    config = {"channels": 8, "head": 8, "dilations": [1, 2]}
    for name, factors in ((OTHER, ()), (BROKEN, (DIGIT,))):
        write(tmp_path / "assets", name, "gated_pixelcnn", ImageChain(GreyLevels(4), 6, 6), factors, config)
    profile = Profile(tmp_path / "profile")
    worker = InferenceThread(profile.save_take)
    studio = Studio(listed(tmp_path / "assets", profile.folder), profile, worker)
    worker.start()
    load(studio, qtbot, IMAGE)
    studio.change("pace", pace=math.inf)
    yield studio
    studio.close()


@pytest.fixture
def dialog(several: Studio, qtbot: QtBot) -> CompareDialog:
    dialog = CompareDialog(several)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def tick(dialog: CompareDialog, *names: str) -> None:
    for path, box in dialog.models.boxes.items():
        box.setChecked(path.stem in names)


def compare(dialog: CompareDialog, qtbot: QtBot, *names: str) -> list[Take | None]:
    tick(dialog, *names)
    dialog.models.compare_button.click()
    qtbot.waitUntil(lambda: not dialog.studio.comparison.running, timeout=20_000)
    return [column.take for column in dialog.studio.comparison.columns]


def swept(studio: Studio, qtbot: QtBot, axis: Values | Temperatures | Seeds = DIGITS) -> Take:
    studio.change("pace", pace=math.inf)
    studio.sweep(axis)
    finish(studio, qtbot)
    assert studio.take is not None
    return studio.take


# --- models side by side ---------------------------------------------------------------------------------------------


def test_a_seed_larger_than_the_boxes_take_does_not_keep_the_dialog_away(several: Studio, qtbot: QtBot) -> None:
    several.set_seed(5_000_000_000)
    dialog = CompareDialog(several)
    qtbot.addWidget(dialog)
    assert dialog.models.seed.value() == 1


def test_every_model_draws_a_take_of_its_own_while_the_chosen_one_stays(
    dialog: CompareDialog, several: Studio, qtbot: QtBot
) -> None:
    loaded = several.loaded
    dialog.models.seed.setValue(11)
    first, second = compare(dialog, qtbot, IMAGE, OTHER)
    assert first is not None
    assert second is not None
    assert {first.model.name, second.model.name} == {IMAGE, OTHER}
    for take in (first, second):
        assert take.finished
        assert [t.schedule[0].seed for t in take.traces] == [11, 11]
        assert [t.schedule[0].sample for t in take.traces] == [0, 1]
    assert several.loaded is loaded
    assert several.take is None
    qtbot.waitUntil(lambda: {e.id for e in several.profile.history()} == {first.id, second.id})
    for view, take in zip(dialog.models.views, (first, second), strict=True):
        assert view.figure.text() == mean_surprise(take) != ""
        assert all(picture.full for picture in view.images.pictures)


def test_a_compared_take_is_what_the_model_draws_by_itself(
    dialog: CompareDialog, several: Studio, qtbot: QtBot
) -> None:
    dialog.models.seed.setValue(11)
    takes = compare(dialog, qtbot, IMAGE, OTHER)
    (own,) = [take for take in takes if take is not None and take.model.name == IMAGE]
    condition = own.traces[0].schedule[0].condition
    several.change("all", seed=11, seed_locked=True, count=2, condition=condition, shaping=NEUTRAL)
    several.begin()
    finish(several, qtbot)
    assert several.take is not None
    for alone, compared in zip(several.take.traces, own.traces, strict=True):
        np.testing.assert_array_equal(alone.symbols, compared.symbols)


def test_a_class_that_some_models_know_is_chosen_for_them_and_the_others_do_without(
    dialog: CompareDialog, qtbot: QtBot
) -> None:
    tick(dialog, IMAGE, BROKEN)
    assert list(dialog.models.classes) == ["digit"]
    dialog.models.classes["digit"].textActivated.emit("2")
    dialog.models.classes["digit"].setCurrentText("2")
    takes = compare(dialog, qtbot, IMAGE, BROKEN)
    assert {t.traces[0].segment.condition["digit"] for t in takes if t is not None} == {"2"}
    tick(dialog, IMAGE, OTHER)
    assert dialog.models.classes["digit"].currentText() == "2"
    assert dialog.models.exceptions.full == "Without the digit: Tiny Other."
    takes = compare(dialog, qtbot, IMAGE, OTHER)
    assert sorted(str(t.traces[0].segment.condition) for t in takes if t is not None) == ["{'digit': '2'}", "{}"]


def test_what_is_told_of_unlike_models_is_one_line_that_ends_with_a_word(
    several: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    config = {"hidden": 4, "output": "softmax"}
    names = [f"a-model-of-the-house-{n}" for n in range(3)]
    for name in names:
        write(tmp_path / "assets", name, "nade", ImageChain(GreyLevels(4), 6, 6), (), config)
    several.catalog.entries()
    dialog = CompareDialog(several)
    qtbot.addWidget(dialog)
    dialog.show()
    line = dialog.models.exceptions
    tick(dialog, IMAGE, OTHER)
    before = line.geometry()
    tick(dialog, IMAGE, *names)
    qtbot.wait(1)
    whole = "Without the digit: " + "; ".join(name.replace("-", " ").title() for name in names) + "."
    assert (line.full, line.geometry()) == (whole, before)
    *shown, end = line.text().split(" ")
    assert end == "…"
    assert len(shown) > 4
    assert shown == whole.split(" ")[: len(shown)]
    assert line.fontMetrics().horizontalAdvance(line.text()) <= line.width()
    assert all(word in line.toolTip() for word in whole.split(" "))


def test_of_a_factor_only_what_all_of_its_models_know_is_offered_and_the_rest_keeps_its_default(
    several: Studio, tmp_path: Path
) -> None:
    chain, config = ImageChain(GreyLevels(4), 6, 6), {"hidden": 4, "output": "softmax"}
    own = {
        "few": Category("digit", ("1", "2", "7")),
        "none": Category("digit", ("x", "y")),
        "other-code": Category("code", ("a", "b")),
    }
    for name, factor in own.items():
        write(tmp_path / "assets", name, "nade", chain, (factor,), config)
    coded = {"channels": 4, "head": 4, "dilations": [1], "encoder": [4, 4], "hidden": 8, "noise": 0.1}
    write(tmp_path / "assets", "point", "pixelcnn_autoencoder", chain, (Vector("code", 2),), coded)
    known = {entry.path.stem: entry for entry in several.catalog.entries()}
    assert offered_choices([known[IMAGE], known["few"], known[OTHER]]) == {"digit": ["1", "2"]}
    assert offered_choices([known[IMAGE], known["none"]]) == {}
    assert exceptions_of([known[IMAGE], known["none"]], {}).endswith("At its default: digit.")
    named_alike = [known["other-code"], known["point"]]
    assert offered_choices(named_alike) == {"code": ["a", "b"]}
    assert exceptions_of(named_alike, {"code"}).endswith("At its default: code.")
    several.comparison.start(named_alike, seed=1, count=1, condition={"code": "b"})
    assert [column.asked.condition for column in several.comparison.columns] == [{"code": "b"}, {"code": [0.0, 0.0]}]


def test_what_is_drawn_already_is_not_drawn_and_kept_twice(
    dialog: CompareDialog, several: Studio, qtbot: QtBot
) -> None:
    first = compare(dialog, qtbot, IMAGE, OTHER)
    with qtbot.waitSignal(several.message) as heard:
        again = compare(dialog, qtbot, IMAGE, OTHER)
    assert "drawn already" in heard.args[0]
    assert again == first
    assert all(picture.full for view in dialog.models.views for picture in view.images.pictures)
    more = compare(dialog, qtbot, IMAGE, OTHER, BROKEN)
    assert [take for take in more if take in first] == first
    assert None not in more
    qtbot.waitUntil(lambda: len(several.profile.history()) == 3)
    dialog.models.seed.setValue(dialog.models.seed.value() + 1)
    assert not {take.id for take in first if take} & {t.id for t in compare(dialog, qtbot, IMAGE, OTHER) if t}


def test_what_was_deleted_edited_or_drawn_by_other_weights_is_drawn_again(
    dialog: CompareDialog, several: Studio, qtbot: QtBot
) -> None:
    def again(before: list[Take | None]) -> list[bool]:
        return [now is take for now, take in zip(compare(dialog, qtbot, IMAGE, OTHER), before, strict=True)]

    def drawn() -> list[Take | None]:
        return [column.take for column in several.comparison.columns]

    takes = compare(dialog, qtbot, IMAGE, OTHER)
    assert takes[0] is not None
    qtbot.waitUntil(lambda: len(several.profile.history()) == 2)
    several.delete_take(takes[0].id)
    assert again(takes) == [False, True]
    edited = drawn()
    assert edited[0] is not None
    edited[0].branch(0, 3, value=1)
    edited[0].samples[0].current = 0
    assert again(edited) == [False, True]
    takes, path = drawn(), several.comparison.columns[1].entry.path
    os.utime(path, ns=(1, 1))
    assert again(takes) == [True, False]


def test_no_frame_of_another_colour_stands_in_the_button_while_it_is_pressed(dialog: CompareDialog) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, DARK)
    button = dialog.models.compare_button
    button.clearFocus()
    button.setDown(True)
    drawn = button.grab().toImage()
    row = drawn.height() // 2
    assert drawn.pixelColor(0, row) == drawn.pixelColor(5, row) != QColor(DARK.primary)


def test_a_number_beyond_the_limit_is_seen_to_become_the_limit(dialog: CompareDialog, qtbot: QtBot) -> None:
    for box, typed, shown in (
        (dialog.models.count, "5", "4"),
        (dialog.models.count, "12", "4"),
        (dialog.models.count, "3", "3"),
        (dialog.one.ranges[0].findChildren(LimitedBox)[0], "100", "64"),
    ):
        box.selectAll()
        qtbot.keyClicks(box, typed)
        assert box.text() == shown
        assert f"to {box.maximum()}" in box.toolTip()
    assert dialog.models.count.value() == 3
    QApplication.clipboard().setText("9" * 5000)  # more digits than Python makes a number of
    dialog.models.count.selectAll()
    dialog.models.count.lineEdit().paste()
    assert dialog.models.count.text() == "4"


def test_two_to_four_models_can_be_compared(dialog: CompareDialog) -> None:
    tick(dialog, IMAGE)
    assert not dialog.models.compare_button.isEnabled()
    tick(dialog, IMAGE, OTHER)
    assert dialog.models.compare_button.isEnabled()
    assert all("wavenet" not in path.stem for path in dialog.models.boxes), "models of sound are not offered"


def test_a_model_that_cannot_be_loaded_says_so_in_its_column(
    dialog: CompareDialog, several: Studio, qtbot: QtBot
) -> None:
    path = next(path for path in dialog.models.boxes if path.stem == BROKEN)
    path.write_bytes(path.read_bytes()[:-100])
    compare(dialog, qtbot, BROKEN, IMAGE)
    problems = {column.entry.path.stem: column.problem for column in several.comparison.columns}
    assert problems[IMAGE] == ""
    assert BROKEN in problems[BROKEN]
    shown = {view.title.text(): view.problem.text() for view in dialog.models.views}
    assert problems[BROKEN] in shown.values()


def test_closing_the_dialog_ends_the_comparison_and_keeps_what_is_drawn(
    dialog: CompareDialog, several: Studio, qtbot: QtBot
) -> None:
    tick(dialog, IMAGE, OTHER)
    several.worker.kernels_warm = False
    dialog.models.count.setValue(4)
    dialog.models.compare_button.click()
    qtbot.waitUntil(
        lambda: several.comparison.columns[0].take is not None and several.comparison.columns[0].take.longest > 0
    )
    dialog.close()
    assert not several.comparison.running
    qtbot.waitUntil(lambda: several.worker._comparison is None)
    take = several.comparison.columns[0].take
    assert take is not None
    length = take.longest
    qtbot.waitUntil(lambda: any(entry.id == take.id for entry in several.profile.history()))
    qtbot.wait(50)
    assert take.longest == length
    assert several.comparison.columns[1].take is None or length == take.limit
    assert load_take(several.profile.takes_folder / f"{take.id}.npz").longest == length


def test_a_comparison_gives_way_to_a_walk_and_outlives_another_choice_of_model(
    dialog: CompareDialog, several: Studio, qtbot: QtBot
) -> None:
    tick(dialog, IMAGE, BROKEN)
    dialog.models.compare_button.click()
    several.begin()
    finish(several, qtbot)
    several.loading.choose(OTHER)
    qtbot.waitUntil(lambda: several.activity is Activity.IDLE)
    qtbot.waitUntil(lambda: not several.comparison.running, timeout=20_000)
    assert [column.problem for column in several.comparison.columns] == ["", ""]
    assert all(column.take is not None and column.take.finished for column in several.comparison.columns)


def test_of_two_comparisons_the_last_one_is_shown(dialog: CompareDialog, several: Studio, qtbot: QtBot) -> None:
    tick(dialog, IMAGE, BROKEN)
    dialog.models.compare_button.click()
    takes = compare(dialog, qtbot, IMAGE, OTHER)
    assert {take.model.name for take in takes if take is not None} == {IMAGE, OTHER}


def test_the_studio_closes_in_the_middle_of_a_comparison(dialog: CompareDialog, several: Studio, qtbot: QtBot) -> None:
    tick(dialog, IMAGE, OTHER)
    dialog.models.compare_button.click()
    qtbot.waitUntil(
        lambda: several.comparison.columns[0].take is not None and several.comparison.columns[0].take.longest > 0
    )
    several.worker.close()
    take = several.comparison.columns[0].take
    assert take is not None
    assert load_take(several.profile.takes_folder / f"{take.id}.npz").longest == take.longest


def test_the_picture_of_a_comparison_has_all_columns_under_their_titles(
    dialog: CompareDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    compare(dialog, qtbot, IMAGE, OTHER)
    with qtbot.waitSignal(dialog.studio.worker.exported):
        dialog.models.save_to(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 2 * 168
        assert picture.height > 2 * 224
        assert all(title in picture.info["Description"] for title in ("Tiny Pixelcnn", "Tiny Other"))


def test_the_first_two_are_the_chosen_model_and_the_one_most_like_it(
    several: Studio, tmp_path: Path, qtbot: QtBot
) -> None:
    chain, config = ImageChain(GreyLevels(4), 6, 6), {"hidden": 4, "output": "softmax"}
    write(tmp_path / "assets", "a-of-the-chain", "nade", chain, (), config, data_name="stripes")
    write(tmp_path / "assets", "z-of-the-data", "nade", ImageChain(GreyLevels(2), 6, 6), (), config, data_name="dots")
    write(tmp_path / "assets", "z-of-both", "nade", chain, (), config, data_name="dots")
    write(tmp_path / "assets", "y-of-both", "nade", chain, (), config, data_name="dots")
    write(tmp_path / "assets", "dots", "nade", chain, (), config, data_name="dots")
    entries = {entry.header.name: entry for entry in several.catalog.entries()}
    stripes = entries["a-of-the-chain"]
    other_set = {**stripes.header.data, "title": "Stripes"}
    entries["a-of-the-chain"] = replace(stripes, header=replace(stripes.header, data=other_set))

    def likest(chosen: str, *others: str) -> str:
        first, second = first_models([entries[name] for name in (*others, chosen)], entries[chosen])
        assert first.header.name == chosen
        return second.header.name

    assert likest("dots", IMAGE, "z-of-the-data", "a-of-the-chain", "z-of-both") == "z-of-both"
    assert likest("dots", IMAGE, "a-of-the-chain", "z-of-the-data") == "z-of-the-data"
    assert likest("dots", IMAGE, "a-of-the-chain") == "a-of-the-chain"
    assert likest("dots", IMAGE) == IMAGE
    assert likest("dots", "a-of-the-chain", BROKEN) == BROKEN, "of the same set, prepared in another way"
    assert likest("dots", "y-of-both", "z-of-both") == "z-of-both", "the nearest in the list"
    assert [entry.header.name for entry in first_models([entries["dots"]], None)] == ["dots"]


def test_the_dialog_follows_the_chosen_model_until_somebody_ticks_one(
    dialog: CompareDialog, several: Studio, qtbot: QtBot
) -> None:
    def ticked() -> set[str]:
        return {path.stem for path, box in dialog.models.boxes.items() if box.isChecked()}

    assert IMAGE in ticked()
    assert len(ticked()) == 2
    load(several, qtbot, OTHER)
    assert ticked() == {OTHER, BROKEN}, "of the same chain and data"
    next(box for path, box in dialog.models.boxes.items() if path.stem == BROKEN).click()
    load(several, qtbot, IMAGE)
    assert ticked() == {OTHER}


def test_the_class_is_that_of_the_condition_panel_until_one_is_chosen_here(
    dialog: CompareDialog, several: Studio, qtbot: QtBot
) -> None:
    several.change("digit", condition={"digit": "1"})
    tick(dialog, IMAGE, BROKEN)
    box = dialog.models.classes["digit"]
    assert box.currentText() == "1"
    several.change("digit", condition={"digit": "2"})
    assert box.currentText() == "2"
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert box.currentText() == "1"
    several.change("digit", condition={"digit": "0"})
    assert dialog.models.condition == {"digit": "1"}


def test_images_of_two_levels_are_told_in_nats_and_others_in_bits(studio: Studio) -> None:
    def take(levels: int) -> Take:
        chain = ImageChain(GreyLevels(levels), 2, 2)
        made = new_take(
            ModelReference("m", "M", "0" * 64, chain, ()),
            seed=0,
            count=2,
            condition={},
            shaping=NEUTRAL,
            engine="cached",
        )
        for trace in made.traces:
            trace.append(np.zeros(2, np.int32), np.ones(2, np.float32), np.ones(2, np.float32), np.zeros(2, np.bool_))
        return made

    assert mean_surprise(None) == ""
    assert mean_surprise(take(2)) == f"these samples: {2 * math.log(2):.1f} nats so far"
    assert mean_surprise(take(4)) == "these samples: 1.000 bits/dim"


def test_numbers_of_different_alphabets_or_sizes_are_said_not_to_compare(dialog: CompareDialog, qtbot: QtBot) -> None:
    chain = ImageChain(GreyLevels(2), 6, 6)
    assert what_differs([chain, replace(chain, order="spiral")]) == ""
    assert what_differs([chain, ImageChain(GreyLevels(2), 4, 4)]).startswith("Of different sizes: ")
    compare(dialog, qtbot, IMAGE, OTHER)
    assert dialog.models.differ.text() == "Of different alphabets and sizes: these numbers cannot be compared."
    assert dialog.models.differ.isVisible()
    compare(dialog, qtbot, OTHER, BROKEN)
    assert not dialog.models.differ.isVisible()


def test_before_the_first_comparison_the_settings_stand_at_the_left(dialog: CompareDialog, qtbot: QtBot) -> None:
    qtbot.wait(1)
    models = dialog.models
    assert models.seed.mapTo(dialog, models.seed.rect().topLeft()).x() < SETTINGS_WIDTH
    assert models.empty.width() > SETTINGS_WIDTH
    assert models.empty.height() > dialog.height() / 2


@pytest.mark.parametrize("mode", [MODELS, ONE])
def test_on_a_low_screen_the_button_stays_inside(dialog: CompareDialog, qtbot: QtBot, mode: str) -> None:
    dialog.show_mode(mode)
    dialog.resize(860, 420)
    qtbot.wait(1)
    assert dialog.height() == 420
    button = dialog.models.compare_button if mode == MODELS else dialog.one.generate_button
    corner = button.mapTo(dialog, button.rect().bottomRight())
    assert dialog.rect().contains(corner)


# --- one model over a range ------------------------------------------------------------------------------------------


def test_a_sweep_is_drawn_on_the_main_canvas(dialog: CompareDialog, several: Studio, qtbot: QtBot) -> None:
    dialog.show_mode(ONE)
    one = dialog.one
    assert [page.name for page in one.ranges] == ["temperature", "seed", "digit", "digit, blended"]
    one.choose("digit")
    assert one.preview.text() == "3 images, each under its label:\ndigit 0, digit 1, digit 2"
    one.generate_button.click()
    assert not dialog.isVisible(), "the canvas under it shows the sweep"
    finish(several, qtbot)
    assert several.take is not None
    assert [label.full for label in labels(several.take)] == ["digit 0", "digit 1", "digit 2"]


def test_a_comparison_goes_on_while_a_sweep_hides_the_dialog(
    dialog: CompareDialog, several: Studio, qtbot: QtBot
) -> None:
    tick(dialog, IMAGE, OTHER)
    dialog.models.compare_button.click()
    dialog.show_mode(ONE)
    dialog.one.generate_button.click()
    finish(several, qtbot)
    qtbot.waitUntil(lambda: not several.comparison.running, timeout=20_000)
    assert all(column.take is not None and column.take.finished for column in several.comparison.columns)


def test_the_dialog_stays_where_no_sweep_can_begin(dialog: CompareDialog, several: Studio, qtbot: QtBot) -> None:
    dialog.show_mode(ONE)
    first, last = dialog.one.ranges[0].ends  # type: ignore[attr-defined]
    first.setValue(last.value())
    with qtbot.waitSignal(several.error):
        dialog.one._generate()
    assert dialog.isVisible()
    assert several.take is None


def test_of_many_labels_the_first_and_the_last_are_told(dialog: CompareDialog) -> None:
    page = dialog.one.ranges[1]
    page.first.setValue(4)  # type: ignore[attr-defined]
    dialog.one.choose("seed")
    assert dialog.one.preview.text().endswith("seed 4, seed 5, …, seed 12")


def test_what_makes_no_sweep_is_said_and_cannot_be_generated(dialog: CompareDialog) -> None:
    one = dialog.one
    first, last = one.ranges[0].ends  # type: ignore[attr-defined]
    first.setValue(1.0)
    last.setValue(1.0)
    assert "comes twice" in one.problem.text()
    assert not one.generate_button.isEnabled()
    last.setValue(0.5)
    assert one.generate_button.isEnabled()
    assert one.preview.text().startswith("9 images, each under its label:\nT 1, ")


def test_values_of_a_class_can_go_backwards(dialog: CompareDialog) -> None:
    page = next(page for page in dialog.one.ranges if page.name == "digit")
    first, last = page.ends  # type: ignore[attr-defined]
    first.setCurrentText("2")
    last.setCurrentText("0")
    assert page.axis.values == ("2", "1", "0")


def test_the_temperatures_of_a_sweep_are_kept_while_it_is_walked_and_gone_on_with(
    image_studio: Studio, qtbot: QtBot
) -> None:
    image_studio.change("all", pace=200.0, shaping=Shaping(temperature=0.9))
    image_studio.sweep(Temperatures((0.5, 1.0, 1.5)))
    qtbot.waitUntil(lambda: image_studio.frontier > 2)
    image_studio.reshape(temperature=0.2)
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    image_studio.generate()
    image_studio.change("pace", pace=math.inf)
    finish(image_studio, qtbot)
    assert image_studio.take is not None
    held = [[s.shaping.temperature for s in trace.schedule] for trace in image_studio.take.traces]
    assert held == [[0.5], [1.0], [1.5]]


def test_the_pace_is_that_of_each_sample_however_many_temperatures_there_are(
    image_studio: Studio, qtbot: QtBot
) -> None:
    """All 48 steps at 60 a second take 0.8 s, for eight samples that no batch holds together as for one."""
    image_studio.change("pace", pace=60.0)
    image_studio.sweep(Temperatures(tuple(0.5 + n / 10 for n in range(8))))
    qtbot.waitUntil(lambda: image_studio.take is not None and image_studio.take.finished, timeout=3_000)


def test_new_noise_leaves_each_sample_what_the_sweep_gave_it(image_studio: Studio, qtbot: QtBot) -> None:
    take = swept(image_studio, qtbot)
    image_studio.looking.move_cursor(5)
    image_studio.editing.new_noise(all_samples=True)
    finish(image_studio, qtbot)
    assert [trace.segment.condition["digit"] for trace in take.traces] == ["0", "1", "2"]
    assert {trace.segment.salt for trace in take.traces} == {1}


def test_showing_a_sweep_again_leaves_the_settings_that_it_goes_over(image_studio: Studio, qtbot: QtBot) -> None:
    take = swept(image_studio, qtbot)
    image_studio.change("digit", condition={"digit": "1"})
    image_studio.show_take(take, image_studio.entry)
    assert image_studio.settings is not None
    assert image_studio.settings.condition == {"digit": "1"}


# --- labels on the canvas --------------------------------------------------------------------------------------------


@pytest.fixture
def canvas(image_studio: Studio, qtbot: QtBot) -> ImageCanvas:
    canvas = ImageCanvas(image_studio)
    qtbot.addWidget(canvas)
    canvas.resize(520, 420)
    canvas.show()
    return canvas


def test_labels_stand_above_the_cells_also_when_the_take_comes_back(
    canvas: ImageCanvas, image_studio: Studio, qtbot: QtBot
) -> None:
    take = swept(image_studio, qtbot)
    canvas.grid.grab()
    assert canvas.grid._labels == ["digit 0", "digit 1", "digit 2"]
    for n in range(3):
        where, cell = canvas.grid._above(canvas.grid._grid.cell(n)), canvas.grid._grid.cell(n)
        assert where.top() >= 0
        assert where.bottom() <= cell.top()
    qtbot.waitUntil(lambda: any(entry.id == take.id and entry.finished for entry in image_studio.profile.history()))
    again = load_take(image_studio.profile.takes_folder / f"{take.id}.npz")
    image_studio.begin()
    finish(image_studio, qtbot)
    canvas.grid.grab()
    assert canvas.grid._labels == []
    image_studio.show_take(again, image_studio.entry)
    canvas.grid.grab()
    assert canvas.grid._labels == ["digit 0", "digit 1", "digit 2"]


def test_pixels_are_found_below_their_labels(canvas: ImageCanvas, image_studio: Studio, qtbot: QtBot) -> None:
    swept(image_studio, qtbot, Seeds(tuple(range(7))))
    canvas.grid.grab()
    for pointer in (Pointer(0, 0), Pointer(3, 17), Pointer(6, 47)):
        assert canvas.grid.pointer_at(canvas.grid.position_of(pointer)) == pointer


def test_a_single_sample_keeps_its_label(canvas: ImageCanvas, image_studio: Studio, qtbot: QtBot) -> None:
    swept(image_studio, qtbot)
    image_studio.looking.select(2)
    canvas.grid.show_alone(True)
    canvas.grid.grab()
    assert canvas.grid._labels[2] == "digit 2"
    assert canvas.grid._above(canvas.grid._grid.cell(2)).top() >= 0


def test_where_there_is_no_room_labels_are_short_then_cut_off_then_left_out(qtbot: QtBot, canvas: ImageCanvas) -> None:
    metrics = QFontMetricsF(canvas.grid._label_font)
    made = [Label("garment Trousers", "Trousers"), Label("garment Coat", "Coat")]

    def width(text: str) -> float:
        return metrics.horizontalAdvance(text)

    assert fitting(made, metrics, width("garment Trousers") + 1) == ["garment Trousers", "garment Coat"]
    assert fitting(made, metrics, width("Trousers") + 1) == ["Trousers", "Coat"]
    cut, whole = fitting(made, metrics, width("Trous…") + 1)
    assert (cut[-1], whole) == ("…", "Coat")
    assert fitting(made, metrics, width("0")) == []
    seeds = [Label("seed 1000", "1000"), Label("seed 1001", "1001")]
    assert fitting(seeds, metrics, width("10…") + 1) == [], "what is left would say the same of both"


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_a_labelled_grid_lies_inside_the_canvas(ratio: float) -> None:
    chain, head = ImageChain(GreyLevels(256), 28, 28), round(18 * ratio)
    width, height = round(800 * ratio), round(600 * ratio)
    for count in (2, 9, 25, 64):
        layout = lay_out(range(count), chain, width, height, ratio, head=head)
        assert all(cell.top() >= head and cell.bottom() < height and cell.right() < width for cell in layout.cells)
    assert lay_out(range(25), chain, 1600, 400, 1.0, beside=5).columns == 5


# --- saving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG image", "Animated GIF of the generation"])
def test_a_picture_with_labels_opens_again_as_the_take(
    kind: str, image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    take = swept(image_studio, qtbot)
    dialog = ExportDialog(image_studio)
    qtbot.addWidget(dialog)
    dialog.format.setCurrentText(kind)
    assert dialog.labels.isEnabled()
    sizes = []
    for wanted in (True, False):
        dialog.labels.setChecked(wanted)
        path = tmp_path / f"{wanted}{dialog.chosen.suffix}"
        with qtbot.waitSignal(image_studio.worker.exported):
            image_studio.export(path, **dialog.options)
        read = read_saved(path).take
        assert labels(read) == labels(take)
        assert all(
            np.array_equal(one.symbols, other.symbols) for one, other in zip(read.traces, take.traces, strict=True)
        )
        with Image.open(path) as picture:
            sizes.append(picture.height)
    assert sizes[0] > sizes[1]


def test_a_labelled_picture_whose_pixels_were_changed_is_refused(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    from PIL import PngImagePlugin

    swept(image_studio, qtbot)
    dialog = ExportDialog(image_studio)
    qtbot.addWidget(dialog)
    with qtbot.waitSignal(image_studio.worker.exported):
        image_studio.export(tmp_path / "a.png", **dialog.options)
    with Image.open(tmp_path / "a.png") as picture:
        pixels, text = np.array(picture), PngImagePlugin.PngInfo()
        for key in ("sampling_studio",):
            text.add_itxt(key, picture.info[key])
    pixels[len(pixels) - picture.height // 4, 0] ^= 255
    Image.fromarray(pixels).save(tmp_path / "b.png", pnginfo=text)
    with pytest.raises(FileError, match="was edited after it was saved"):
        read_saved(tmp_path / "b.png")


def test_labels_are_offered_only_where_there_are_any(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("all", pace=math.inf, count=2)
    image_studio.begin()
    finish(image_studio, qtbot)
    dialog = ExportDialog(image_studio)
    qtbot.addWidget(dialog)
    assert not dialog.labels.isVisibleTo(dialog)
    assert not dialog.options["form"].labels
    swept(image_studio, qtbot)
    dialog = ExportDialog(image_studio)
    qtbot.addWidget(dialog)
    assert dialog.labels.isVisibleTo(dialog)
    dialog.what.setCurrentIndex(0)
    dialog._want(0)
    assert not dialog.labels.isEnabled()
    assert not dialog.options["form"].labels


# --- the window ------------------------------------------------------------------------------------------------------


def test_the_window_opens_one_dialog_and_copies_the_command_of_the_selected_sample(
    image_studio: Studio, qtbot: QtBot
) -> None:
    window = MainWindow(image_studio)
    qtbot.addWidget(window)
    window.show_comparison()
    dialog = window._compare
    window.show_comparison()
    assert window._compare is dialog is not None
    assert not dialog.isModal()
    swept(image_studio, qtbot)
    image_studio.looking.select(2)
    window.copy_command()
    assert "selected sample" in window.message_label.text()
    swept(image_studio, qtbot, Seeds((4, 5)))
    assert window.model_label.text().endswith("2 seeds")
    window.hide()


def test_no_model_makes_no_sweep(studio: Studio, qtbot: QtBot) -> None:
    dialog = CompareDialog(studio)
    qtbot.addWidget(dialog)
    assert dialog.one.title.text() == "Choose a model of images."
    assert not dialog.one.generate_button.isEnabled()
    studio.sweep(DIGITS)
    assert studio.take is None
