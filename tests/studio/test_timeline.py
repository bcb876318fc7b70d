"""The timeline, painted offscreen on takes made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from models.shaping import Shaping
from models.trace import Take
from studio.canvas.demo import DIGIT_CHAIN, SPEECH_CHAIN, empty_take, grow, hum, rings
from studio.panels.timeline import BELOW, EntropyCurve, Timeline
from studio.state import Studio
from studio.theme import DARK


@pytest.fixture
def timeline(idle: Studio, qtbot: QtBot) -> Timeline:
    timeline = Timeline(idle)
    qtbot.addWidget(timeline)
    timeline.resize(808, 52)
    timeline.show()
    return timeline


def show(studio: Studio, steps: int) -> Take:
    take = empty_take(DIGIT_CHAIN)
    studio.show_take(take)
    draw(studio, take, steps)
    return take


def draw(studio: Studio, take: Take, steps: int) -> None:
    trace = take.traces[0]
    grow(trace, rings(DIGIT_CHAIN, 1)[len(trace) : len(trace) + steps], DIGIT_CHAIN)
    trace.finished = len(trace) == DIGIT_CHAIN.length
    studio.worker.grown.emit(take.id)


def point(timeline: Timeline, step: int) -> QPoint:
    return QPoint(round(timeline.x_of(step)), round(timeline.height() - BELOW))


def colour_on_track(timeline: Timeline, step: int, dy: int = 0) -> QColor:
    return timeline.grab().toImage().pixelColor(point(timeline, step) + QPoint(0, dy))


def test_the_track_is_the_whole_chain_and_its_drawn_part_is_blue(idle: Studio, timeline: Timeline) -> None:
    show(idle, 400)
    assert timeline.total == 784
    assert colour_on_track(timeline, 200) == DARK.chosen
    assert colour_on_track(timeline, 600) == DARK.line


def test_an_open_chain_is_as_long_as_its_limit_until_it_has_ended(idle: Studio, timeline: Timeline) -> None:
    take = empty_take(SPEECH_CHAIN, limit=5000)
    idle.show_take(take)
    grow(take.traces[0], hum(SPEECH_CHAIN, 3000, 1), SPEECH_CHAIN)
    assert timeline.total == 5000
    take.traces[0].finished = True
    assert timeline.total == 3000


def test_cursor_and_frontier_are_marked_apart(idle: Studio, timeline: Timeline) -> None:
    show(idle, 400)
    idle.looking.move_cursor(100)
    assert colour_on_track(timeline, 100, dy=-4) == DARK.chosen
    assert colour_on_track(timeline, 400, dy=-4) == DARK.now


def test_a_finished_take_has_no_frontier(idle: Studio, timeline: Timeline) -> None:
    show(idle, 784)
    idle.looking.move_cursor(100)
    assert colour_on_track(timeline, 784, dy=-4) != DARK.now


def test_the_entropy_stands_on_the_track_where_the_model_was_unsure(idle: Studio, timeline: Timeline) -> None:
    take = empty_take(DIGIT_CHAIN)
    entropy = np.zeros(784, np.float32)
    entropy[295:306] = 8.0
    take.traces[0].append(rings(DIGIT_CHAIN, 1), entropy, entropy, np.zeros(784, np.bool_))
    take.traces[0].finished = True
    idle.show_take(take)
    image = timeline.grab().toImage()
    column = [image.pixelColor(round(timeline.x_of(300)) + dx, 14) for dx in (-2, -1, 0, 1, 2)]
    assert DARK.area in column
    assert image.pixelColor(round(timeline.x_of(500)), 14) == DARK.panel


def test_the_entropy_curve_is_built_anew_once_a_take_is_scored(idle: Studio) -> None:
    take = empty_take(DIGIT_CHAIN)
    trace = take.traces[0]
    unknown = np.full(784, np.nan, np.float32)
    trace.append(rings(DIGIT_CHAIN, 1), unknown, unknown, np.zeros(784, np.bool_))
    curve = EntropyCurve(trace)
    assert curve.sync().values(0, 784).max() == 0
    trace.entropy[:] = 3.0
    assert curve.sync().values(0, 784).max() == 3.0


def test_a_press_and_a_drag_move_the_cursor(idle: Studio, timeline: Timeline, qtbot: QtBot) -> None:
    show(idle, 400)
    qtbot.mousePress(timeline, Qt.MouseButton.LeftButton, pos=point(timeline, 100))
    assert idle.looking.cursor == pytest.approx(100, abs=1)
    qtbot.mouseMove(timeline, point(timeline, 300))
    qtbot.mouseRelease(timeline, Qt.MouseButton.LeftButton, pos=point(timeline, 300))
    assert idle.looking.cursor == pytest.approx(300, abs=1)
    qtbot.mouseMove(timeline, point(timeline, 50))
    assert idle.looking.cursor == pytest.approx(300, abs=1)


def test_growth_during_a_drag_leaves_the_cursor_where_it_is(idle: Studio, timeline: Timeline, qtbot: QtBot) -> None:
    take = show(idle, 400)
    qtbot.mousePress(timeline, Qt.MouseButton.LeftButton, pos=point(timeline, 100))
    cursor = idle.looking.cursor
    draw(idle, take, 50)
    assert (idle.looking.cursor, idle.frontier) == (cursor, 450)
    qtbot.mouseRelease(timeline, Qt.MouseButton.LeftButton)


def test_a_drag_beyond_what_is_drawn_follows_the_frontier(idle: Studio, timeline: Timeline, qtbot: QtBot) -> None:
    show(idle, 400)
    qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=point(timeline, 700))
    assert idle.looking.cursor == 400
    assert idle.looking.following


def test_keys_walk_by_step_and_row_to_the_ends(idle: Studio, timeline: Timeline, qtbot: QtBot) -> None:
    show(idle, 400)
    idle.looking.move_cursor(100)
    for key, cursor in (
        (Qt.Key.Key_Left, 99),
        (Qt.Key.Key_Right, 100),
        (Qt.Key.Key_PageDown, 112),
        (Qt.Key.Key_PageUp, 84),
        (Qt.Key.Key_Home, 0),
        (Qt.Key.Key_End, 400),
    ):
        qtbot.keyClick(timeline, key)
        assert idle.looking.cursor == cursor
    assert idle.looking.following


def test_a_branch_leaves_a_tick_where_it_forks(idle: Studio, timeline: Timeline) -> None:
    take = show(idle, 784)
    before = colour_on_track(timeline, 300, dy=7)
    take.branch(0, 300, new_noise=True)
    idle.branches_changed.emit()
    assert before == DARK.panel
    assert colour_on_track(timeline, 300, dy=7) != DARK.panel


def test_a_step_is_described_with_its_place(idle: Studio, timeline: Timeline) -> None:
    show(idle, 400)
    assert timeline.describe(300) == "step 300 · row 10, column 20"
    assert timeline.describe(784) == "step 784 · end"


def test_a_change_of_temperature_leaves_a_mark_and_is_told(idle: Studio, timeline: Timeline) -> None:
    take = show(idle, 300)
    trace = take.traces[0]
    trace.reschedule(replace(trace.segment, start=300, shaping=Shaping(temperature=0.5, top_p=0.9)))
    draw(idle, take, 484)
    image = timeline.grab().toImage()
    assert [image.pixelColor(round(timeline.x_of(step)), 2) for step in (300, 600)] == [DARK.quiet, DARK.panel]
    assert timeline.describe(299) == "step 299 · row 10, column 19 · neutral settings"
    assert timeline.describe(300) == "step 300 · row 10, column 20 · temperature 0.5, top-p 0.9"
    assert timeline.describe(784) == "step 784 · end"


def test_without_a_take_the_timeline_is_a_bare_track(timeline: Timeline, qtbot: QtBot) -> None:
    qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=point(timeline, 0) + QPoint(100, 0))
    assert timeline.grab().toImage().pixelColor(400, round(timeline.height() - BELOW)) == DARK.line
