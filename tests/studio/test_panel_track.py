"""A track in the window: typed as text, drawn as blocks, and shown where a walk of it has come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from models.chain import MuLaw, SoundChain
from models.condition import Category
from models.track import Number, Track
from studio.panels.choosers import TrackChooser
from studio.panels.condition import ConditionPanel
from studio.panels.track import TrackView
from studio.state import Studio
from tests.studio.conftest import load, write

CHAIN = SoundChain(MuLaw(16, stop=True), rate=8000, default_seconds=0.1, max_seconds=10)
DIGITS = Track("digits", 100, 40, (Category("digit", tuple("0123456789")),), "4 0 7")
NOTES = Track("notes", 100, 50, (Number("pitch", 21, 108), Category("touch", ("pp", "ff"))), "60 pp, 67 ff", held=True)
SIZES = {"residual": 4, "skip": 4, "head": 4, "dilations": [1, 2], "frames": 4}


@pytest.fixture
def chooser(studio: Studio, qtbot: QtBot, request: pytest.FixtureRequest, tmp_path: Path) -> TrackChooser:
    track = getattr(request, "param", DIGITS)
    folder = tmp_path / "made"
    (folder / "checkpoints").mkdir(parents=True)
    write(folder, "directed", "wavenet", CHAIN, (track,), SIZES)
    panel = ConditionPanel(studio)
    qtbot.addWidget(panel)
    panel.resize(300, 400)
    panel.show()
    load(studio, qtbot, str(folder / "checkpoints" / "directed.safetensors"))
    (found,) = panel.choosers
    assert isinstance(found, TrackChooser)
    QApplication.processEvents()
    found.panel = panel  # type: ignore[attr-defined]  # which would be gone else
    return found


def value(chooser: TrackChooser) -> Any:
    assert chooser.studio.settings is not None
    return chooser.studio.settings.condition[chooser.factor.name]


def type_line(chooser: TrackChooser, text: str) -> None:
    chooser.line.setFocus()
    chooser.line.selectAll()
    QTest.keyClicks(chooser.line, text)
    QTest.keyClick(chooser.line, Qt.Key.Key_Return)


def middle(view: TrackView, number: int) -> QPoint:
    return view.block(number).center().toPoint()


def drag(view: TrackView, start: QPoint, *places: QPoint) -> None:
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=start)
    for place in places:
        QTest.mouseMove(view, place)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=places[-1] if places else start)


def key(view: TrackView, key: Qt.Key, text: str = "") -> None:
    QApplication.sendEvent(view, QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier, text))


def test_the_window_begins_with_the_example_as_short_as_it_can_be_typed(chooser: TrackChooser) -> None:
    assert chooser.line.text() == "4, 0, 7"
    assert chooser.view.events == DIGITS.example


def test_what_is_typed_is_laid_out_when_enter_is_pressed(chooser: TrackChooser) -> None:
    type_line(chooser, "1 2")
    assert value(chooser) == [[10, 40, "1"], [60, 40, "2"]]
    assert chooser.line.text() == "1, 2"
    type_line(chooser, "0.5+0.3 9")
    assert value(chooser) == [[50, 30, "9"]]
    assert chooser.line.text() == "0.5+0.3 9"


def test_the_longest_length_comes_along_with_a_track_that_is_longer(chooser: TrackChooser) -> None:
    settings = chooser.studio.settings
    assert settings is not None
    assert settings.limit == 800
    type_line(chooser, "1 2 3")
    assert chooser.studio.settings.limit == (150 + 20) * 80  # type: ignore[union-attr]
    type_line(chooser, "1")
    assert chooser.studio.settings.limit == (150 + 20) * 80  # type: ignore[union-attr]
    chooser.studio.undo_stack.undo()
    chooser.studio.undo_stack.undo()
    assert chooser.studio.settings == settings
    chooser.studio.change("shorter", limit=400)
    chooser.studio.change("the same", condition={"digits": settings.condition["digits"]})
    assert chooser.studio.settings.limit == 400  # type: ignore[union-attr]
    type_line(chooser, "0.5+99 1")
    assert chooser.studio.settings.limit == CHAIN.limit  # type: ignore[union-attr]


def test_what_is_no_track_is_refused_and_the_line_shows_what_holds(chooser: TrackChooser, qtbot: QtBot) -> None:
    with qtbot.waitSignal(chooser.studio.error) as told:
        type_line(chooser, "4 x")
    assert "digit has no value 'x'" in told.args[0]
    assert chooser.line.text() == "4, 0, 7"


def test_nothing_is_a_track_too(chooser: TrackChooser) -> None:
    chooser.line.setFocus()
    chooser.line.selectAll()
    QTest.keyClick(chooser.line, Qt.Key.Key_Delete)
    QTest.keyClick(chooser.line, Qt.Key.Key_Return)
    assert value(chooser) == []


def test_a_block_is_moved_by_its_middle_and_one_drag_is_one_undo(chooser: TrackChooser) -> None:
    view = chooser.view
    start = middle(view, 2)
    by = round(0.2 / view.seconds * view.width())
    drag(view, start, start + QPoint(by // 2, 0), start + QPoint(by, 0))
    first, second, third = value(chooser)
    assert (first, second) == tuple(DIGITS.example[:2])
    assert third[0] == pytest.approx(DIGITS.example[2][0] + 20, abs=1)
    assert third[1:] == DIGITS.example[2][1:]
    chooser.studio.undo_stack.undo()
    assert value(chooser) == DIGITS.example == view.events


def test_what_goes_on_is_painted_up_to_where_the_walk_is_and_can_be_ended_by_hand(chooser: TrackChooser) -> None:
    view = chooser.view
    type_line(chooser, "0.5+ 9")
    assert chooser.line.text() == "0.5+ 9"
    assert view.seconds == 2
    view.show_now(6.5)
    assert view.seconds == pytest.approx(6.8)
    block = view.block(0)
    assert block.right() / view.width() * view.seconds == pytest.approx(6.5, abs=0.1)
    end = QPointF(block.right() - 1, block.center().y()).toPoint()
    drag(view, end, end - QPoint(round(2 / view.seconds * view.width()), 0))
    ((start, duration, _),) = value(chooser)
    assert start == 50
    assert duration == pytest.approx(400, abs=5)


def test_blocks_may_be_dragged_past_one_another(chooser: TrackChooser) -> None:
    view = chooser.view
    start = middle(view, 0)
    drag(view, start, start + QPoint(view.width() // 4, 0), middle(view, 2))
    assert [event[2] for event in value(chooser)] == ["0", "7", "4"] or [e[2] for e in value(chooser)] == [
        "0",
        "4",
        "7",
    ]
    assert view.events == value(chooser)
    starts = [event[0] for event in value(chooser)]
    assert starts == sorted(set(starts))


@pytest.mark.parametrize("side", ["start", "end"])
def test_a_block_is_stretched_at_its_ends(chooser: TrackChooser, side: str) -> None:
    view, block = chooser.view, chooser.view.block(1)
    at = QPointF(block.left() + 1 if side == "start" else block.right() - 1, block.center().y()).toPoint()
    by = round(0.1 / view.seconds * view.width())
    drag(view, at, at + QPoint(-by, 0))
    start, duration, _ = DIGITS.example[1]
    found = value(chooser)[1]
    if side == "start":
        assert found[0] == pytest.approx(start - 10, abs=1)
        assert found[0] + found[1] == start + duration
    else:
        assert found[0] == start
        assert found[1] == pytest.approx(duration - 10, abs=1)


def test_a_double_click_adds_and_delete_takes_away(chooser: TrackChooser) -> None:
    view = chooser.view
    free = QPoint(view.width() - 6, view.height() // 3)
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, pos=free)
    assert len(value(chooser)) == 4
    assert value(chooser)[3][2] == "7"
    key(view, Qt.Key.Key_Delete)
    assert value(chooser) == DIGITS.example


def test_keys_change_the_chosen_block(chooser: TrackChooser) -> None:
    view = chooser.view
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=middle(view, 1))
    key(view, Qt.Key.Key_5, "5")
    key(view, Qt.Key.Key_Right)
    assert value(chooser)[1] == [DIGITS.example[1][0] + 2, 40, "5"]
    key(view, Qt.Key.Key_Up)
    assert value(chooser)[1][2] == "6"


@pytest.mark.parametrize("chooser", [NOTES], indirect=True)
def test_where_events_have_a_number_it_is_how_high_they_stand(chooser: TrackChooser) -> None:
    view = chooser.view
    assert view.block(1).center().y() < view.block(0).center().y()
    start = middle(view, 0)
    drag(view, start, start + QPoint(0, -12), QPoint(start.x(), middle(view, 1).y()))
    assert value(chooser)[0][2] == pytest.approx(67, abs=1)
    assert value(chooser)[0][:2] == NOTES.example[0][:2]


def test_the_view_shows_where_the_cursor_is(chooser: TrackChooser, qtbot: QtBot) -> None:
    studio = chooser.studio
    studio.begin(until=40)
    qtbot.waitUntil(lambda: studio.take is not None and not studio.running)
    assert chooser.view.now == studio.looking.cursor / CHAIN.rate


def test_a_change_in_the_settings_is_shown(chooser: TrackChooser) -> None:
    chooser.studio.change("digits", condition={"digits": [[5, 5, "3"]]})
    assert chooser.view.events == [[5, 5, "3"]]
    assert chooser.line.text() == "0.05+0.05 3"
