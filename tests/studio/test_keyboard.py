"""The keys: with the mouse, with the computer's keys, and into a walk that is heard."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from models.chain import MuLaw, SoundChain
from models.condition import Category
from models.track import Number, Track
from studio.panels.choosers import TrackChooser
from studio.panels.condition import ConditionPanel
from studio.panels.keyboard import Keyboard
from studio.state import Studio
from tests.studio.conftest import load, write

CHAIN = SoundChain(MuLaw(16), rate=8000, default_seconds=0.1, max_seconds=100)
NOTES = Track("notes", 100, 50, (Number("pitch", 21, 108), Category("touch", ("pp", "ff"))), "60 pp", held=True)
SIZES = {"residual": 4, "skip": 4, "head": 4, "dilations": [1, 2], "frames": 4}

FRAME = 80

Heard = list[int | None]


@pytest.fixture
def keyboard(qtbot: QtBot) -> Keyboard:
    keyboard = Keyboard(21, 108)
    qtbot.addWidget(keyboard)
    keyboard.resize(2 * 7 * 20, 80)
    keyboard.show()
    keyboard.setFocus()
    return keyboard


@pytest.fixture
def heard(keyboard: Keyboard) -> Heard:
    """What was pressed, and None for each release."""
    told: Heard = []
    keyboard.pressed.connect(told.append)
    keyboard.released.connect(lambda: told.append(None))
    return told


def place(keyboard: Keyboard, key: int) -> QPoint:
    rect = dict(keyboard.shown_keys())[key]
    return QPoint(int(rect.center().x()), int(rect.bottom()) - 4)


def letter(keyboard: Keyboard, text: str, *, down: bool) -> None:
    kind = QEvent.Type.KeyPress if down else QEvent.Type.KeyRelease
    QApplication.sendEvent(keyboard, QKeyEvent(kind, ord(text.upper()), Qt.KeyboardModifier.NoModifier, text))


def test_a_key_sounds_while_the_mouse_is_down_and_sliding_goes_on_to_others(keyboard: Keyboard, heard: Heard) -> None:
    QTest.mousePress(keyboard, Qt.MouseButton.LeftButton, pos=place(keyboard, 60))
    QTest.mouseMove(keyboard, place(keyboard, 62))
    QTest.mouseRelease(keyboard, Qt.MouseButton.LeftButton, pos=place(keyboard, 62))
    assert heard == [60, 62, None]


def test_black_keys_lie_above_white_ones(keyboard: Keyboard, heard: Heard) -> None:
    black = dict(keyboard.shown_keys())[61].center().toPoint()
    QTest.mouseClick(keyboard, Qt.MouseButton.LeftButton, pos=black)
    assert heard == [61, None]
    assert [key % 12 for key, _ in keyboard.shown_keys()][-10:] == [1, 3, 6, 8, 10] * 2


def test_the_computer_s_keys_play_and_the_last_one_that_is_held_counts(keyboard: Keyboard, heard: Heard) -> None:
    letter(keyboard, "a", down=True)
    letter(keyboard, "e", down=True)
    letter(keyboard, "e", down=False)
    letter(keyboard, "a", down=False)
    assert heard == [48, 51, 48, None]


def test_octaves_are_shown_that_have_room_and_shifted_within_the_piano(keyboard: Keyboard) -> None:
    assert next(key for key, _ in keyboard.shown_keys()) == 48
    letter(keyboard, "x", down=True)
    assert keyboard.first == 60
    for _ in range(20):
        letter(keyboard, "x", down=True)
    assert max(key for key, _ in keyboard.shown_keys()) == 108
    for _ in range(20):
        letter(keyboard, "z", down=True)
    assert min(key for key, _ in keyboard.shown_keys()) == 21


def test_a_key_does_not_sound_for_ever_when_the_keyboard_loses_the_focus(keyboard: Keyboard, heard: Heard) -> None:
    letter(keyboard, "a", down=True)
    keyboard.clearFocus()
    assert heard == [48, None]


# --- in the studio ----------------------------------------------------------------------------------------------------


@pytest.fixture
def chooser(studio: Studio, qtbot: QtBot, tmp_path: Path) -> TrackChooser:
    folder = tmp_path / "made"
    (folder / "checkpoints").mkdir(parents=True)
    write(folder, "played", "wavenet", CHAIN, (NOTES,), SIZES)
    panel = ConditionPanel(studio)
    qtbot.addWidget(panel)
    panel.show()
    load(studio, qtbot, str(folder / "checkpoints" / "played.safetensors"))
    (found,) = panel.choosers
    assert isinstance(found, TrackChooser)
    found.panel = panel  # type: ignore[attr-defined]  # which would be gone else
    return found


def test_a_key_begins_a_take_in_real_time_and_is_written_on_its_track(chooser: TrackChooser, qtbot: QtBot) -> None:
    studio = chooser.studio
    chooser.keyboard.press(60)
    assert studio.running
    qtbot.waitUntil(lambda: bool(chooser.view.events) and len(chooser.view.events) == 1 and studio.frontier > 0)
    assert chooser.view.events[0][2:] == [60.0, "ff"]
    qtbot.waitUntil(lambda: studio.frontier > 4 * FRAME)
    chooser.keyboard.release()
    qtbot.waitUntil(lambda: chooser.view.events[0][1] < 10_000)
    chooser.keyboard.press(67)
    qtbot.waitUntil(lambda: len(chooser.view.events) == 2)
    first, second = chooser.view.events
    assert first[0] + first[1] <= second[0]
    assert studio.running
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)
    take = studio.take
    assert take is not None
    assert take.traces[0].segment.condition["notes"] == chooser.view.events
    assert studio.settings is not None
    assert studio.settings.condition["notes"] == chooser.view.events


def test_what_was_written_on_the_track_is_back_when_the_playing_is_undone(chooser: TrackChooser, qtbot: QtBot) -> None:
    studio = chooser.studio
    assert studio.settings is not None
    written = [[0, 3, 62.0, "ff"]]
    studio.change("notes", condition={**studio.settings.condition, "notes": written})
    for key, count in ((60, 1), (64, 2)):
        chooser.keyboard.press(key)
        qtbot.waitUntil(lambda count=count: len(studio.settings.condition["notes"]) == count)  # type: ignore[misc]
        qtbot.waitUntil(lambda: studio.frontier > 4 * FRAME)
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)
    studio.undo_stack.undo()
    assert studio.settings.condition["notes"] == written


def test_a_key_goes_on_with_what_was_paused(chooser: TrackChooser, qtbot: QtBot) -> None:
    studio = chooser.studio
    chooser.keyboard.press(60)
    qtbot.waitUntil(lambda: studio.frontier > 4 * FRAME)
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)
    take = studio.take
    chooser.keyboard.press(64)
    qtbot.waitUntil(lambda: len(chooser.view.events) == 2)
    assert studio.take is take
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)
