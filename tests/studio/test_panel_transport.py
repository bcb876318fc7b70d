"""The transport: one button that never moves, steps about the cursor, and where it stands."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from models.wording import grouped
from studio.canvas.demo import SPEECH_CHAIN, empty_take, grow, hum
from studio.panels.transport import TransportPanel
from studio.state import Activity, Studio
from tests.studio.conftest import IMAGE, SOUND, finish, load

CHILDREN = Qt.FindChildOption.FindDirectChildrenOnly


def panel_of(studio: Studio, qtbot: QtBot, width: int = 690) -> TransportPanel:
    panel = TransportPanel(studio)
    qtbot.addWidget(panel)
    panel.resize(width, panel.sizeHint().height())
    panel.show()
    return panel


def half_way(studio: Studio, qtbot: QtBot) -> None:
    studio.change("pace", pace=40.0)
    studio.begin()
    qtbot.waitUntil(lambda: studio.frontier >= 8)
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)


def test_the_main_button_says_the_obvious_thing_and_never_moves(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    place = panel.main_button.geometry()
    assert not panel.main_button.isEnabled()
    studio.loading.choose(IMAGE)
    assert studio.activity is Activity.LOADING
    assert panel.main_button.isEnabled()  # pressed now, it begins as soon as the model is there
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=20_000)
    studio.change("pace", pace=40.0)
    said = [panel.main_button.text()]
    panel.main_button.click()
    qtbot.waitUntil(lambda: studio.frontier >= 8)
    said.append(panel.main_button.text())
    panel.main_button.click()
    qtbot.waitUntil(lambda: not studio.running)
    said.append(panel.main_button.text())
    assert panel.main_button.geometry() == place
    studio.change("pace", pace=math.inf)
    panel.main_button.click()
    finish(studio, qtbot)
    said.append(panel.main_button.text())
    assert said == ["Generate", "Pause", "Resume", "Generate"]
    load(studio, qtbot, SOUND)
    assert panel.main_button.geometry() == place


def test_steps_and_rows_move_the_cursor_both_ways(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    half_way(image_studio, qtbot)
    panel.start_button.click()
    assert image_studio.looking.cursor == 0
    panel.forward_step.click()
    panel.forward_stride.click()
    assert image_studio.looking.cursor == 6
    panel.back_step.click()
    panel.back_stride.click()
    assert image_studio.looking.cursor == 0
    panel.end_button.click()
    assert image_studio.looking.following
    end = image_studio.frontier
    panel.forward_step.click()
    qtbot.waitUntil(lambda: image_studio.frontier == end + 1 and not image_studio.running)


def test_the_label_tells_the_step_and_its_place(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    assert panel.step_label.text() == "nothing drawn yet"
    half_way(image_studio, qtbot)
    image_studio.looking.move_cursor(7)
    assert panel.step_label.text() == "step 7 of 48 · row 1, column 1"
    image_studio.change("pace", pace=math.inf)
    image_studio.generate()
    finish(image_studio, qtbot)
    assert panel.step_label.text() == "all 48 steps drawn"


def test_the_label_tells_where_the_selected_sample_ended_before_the_others(idle: Studio, qtbot: QtBot) -> None:
    panel = panel_of(idle, qtbot)
    take = empty_take(SPEECH_CHAIN, 2, 8000)
    idle.show_take(take, None)
    for trace, steps in zip(take.traces, (8000, 4067), strict=True):
        grow(trace, hum(SPEECH_CHAIN, steps, 0), SPEECH_CHAIN)
        trace.finished = True
    idle.worker.grown.emit(take.id)
    idle.looking.follow()
    assert panel.step_label.full == f"all {grouped(8000)} steps drawn"
    idle.looking.select(1)
    assert panel.step_label.full == f"ended at step {grouped(4067)}"


def test_the_label_is_never_cut_off_at_the_width_of_a_small_screen(sound_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(sound_studio, qtbot, width=685)
    sound_studio.change("count", pace=math.inf, limit=8000)
    sound_studio.begin()
    finish(sound_studio, qtbot)
    sound_studio.looking.move_cursor(3)
    qtbot.waitUntil(lambda: panel.bits_label.width() >= panel.bits_label.sizeHint().width())
    assert panel.step_label.full.startswith("step 3 of ")
    assert panel.step_label.text() == panel.step_label.full


def test_no_label_asks_for_more_width_than_the_buttons(sound_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(sound_studio, qtbot, width=685)
    before = panel.minimumSizeHint().width()
    sound_studio.change("count", pace=math.inf, limit=8000)
    sound_studio.begin()
    finish(sound_studio, qtbot)
    assert panel.minimumSizeHint().width() == before <= 685


def test_bits_per_dimension_run_up_to_the_cursor(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    image_studio.change("pace", pace=math.inf)
    image_studio.begin()
    finish(image_studio, qtbot)
    surprise = image_studio.trace.surprise  # type: ignore[union-attr]
    for step in (1, 10, 48):
        image_studio.looking.move_cursor(step)
        assert panel.bits_label.text() == f"{surprise[:step].mean():.3f} bits/dim"
    image_studio.looking.move_cursor(0)
    assert panel.bits_label.text() == ""


def test_replay_plays_from_the_cursor_and_pauses(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    assert not panel.replay_button.isEnabled()
    image_studio.change("pace", pace=math.inf)
    image_studio.begin()
    finish(image_studio, qtbot)
    image_studio.change("pace", pace=20.0)
    panel.start_button.click()
    panel.replay_button.click()
    qtbot.waitUntil(lambda: image_studio.looking.cursor >= 3)
    assert panel.replay_button.accessibleName() == "Pause replay"
    panel.replay_button.click()
    assert image_studio.activity is Activity.IDLE
    assert 3 <= image_studio.looking.cursor < 48


def test_a_new_take_can_be_begun_half_way_through_another(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    assert not panel.new_button.isEnabled()
    half_way(image_studio, qtbot)
    first = image_studio.take
    image_studio.change("pace", pace=math.inf)
    panel.new_button.click()
    finish(image_studio, qtbot)
    assert image_studio.take is not first


def test_the_overlay_is_chosen_and_shown(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    panel.overlay_box.setCurrentText("entropy")
    panel.overlay_box.textActivated.emit("entropy")
    assert image_studio.overlay == "entropy"
    image_studio.set_overlay("surprise")
    assert panel.overlay_box.currentText() == "surprise"


def test_only_sound_has_a_volume_and_its_stride_is_a_millisecond(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    load(studio, qtbot, IMAGE)
    assert not panel.sound.isVisible()
    assert panel.forward_stride.text() == "row"
    load(studio, qtbot, SOUND)
    assert panel.sound.isVisible()
    assert panel.forward_stride.text() == "ms"
    assert panel.forward_stride.accessibleName() == "Next millisecond"


def test_volume_and_mute_are_signals(sound_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(sound_studio, qtbot)
    volumes: list[float] = []
    mutes: list[bool] = []
    panel.volume_changed.connect(volumes.append)
    panel.mute_toggled.connect(mutes.append)
    assert panel.volume.ladder[panel.volume.value()] == pytest.approx(0.8)
    qtbot.keyClick(panel.volume, Qt.Key.Key_Home)
    panel.mute_button.click()
    assert volumes == [0.0]
    assert mutes == [True]
    assert panel.mute_button.isChecked()


def test_every_button_has_a_name_and_tells_its_shortcut(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    for button, key in (
        (panel.main_button, "Ctrl+Return"),
        (panel.start_button, "Home"),
        (panel.back_stride, "Up"),
        (panel.back_step, "Left"),
        (panel.forward_step, "Right"),
        (panel.forward_stride, "Down"),
        (panel.end_button, "End"),
        (panel.replay_button, "Space"),
        (panel.new_button, "Ctrl+N"),
    ):
        assert button.accessibleName()
        assert f"({key})" in button.toolTip()


def test_with_less_room_words_go_then_gaps_and_nothing_overlaps(sound_studio: Studio, qtbot: QtBot) -> None:
    sound_studio.change("count", pace=math.inf, limit=8000)
    sound_studio.begin()
    finish(sound_studio, qtbot)
    sound_studio.looking.move_cursor(3)
    panel = panel_of(sound_studio, qtbot)
    wide, least = panel.back_step.width(), panel.minimumSizeHint().width()
    assert panel.back_step.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonTextBesideIcon
    for width in (690, least + 100, least):
        panel.resize(width, panel.height())
        qtbot.wait(1)
        shown = [part for part in panel.findChildren(QWidget, options=CHILDREN) if part.isVisible()]
        for n, part in enumerate(shown):
            assert panel.rect().contains(part.geometry()), width
            assert not any(part.geometry().intersects(other.geometry()) for other in shown[:n]), width
        assert panel.minimumSizeHint().width() == least
        assert "…" not in panel.step_label.text(), width
    assert panel.back_step.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonIconOnly
    assert panel.overlay_label.isHidden()
    panel.resize(690, panel.height())
    assert panel.back_step.width() == wide
    assert not panel.overlay_label.isHidden()


def test_what_stands_above_the_buttons_stays_while_a_take_is_walked(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    panel.resize(panel.minimumSizeHint().width(), panel.height())
    half_way(image_studio, qtbot)
    seen = set()
    for step in range(image_studio.frontier):
        image_studio.looking.move_cursor(step)
        seen.add((panel.bits_label.isHidden(), panel.overlay_label.isHidden()))
    assert len(seen) == 1
