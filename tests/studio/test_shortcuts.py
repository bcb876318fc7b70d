"""F1: the list of shortcuts."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QUndoCommand, QUndoStack
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from studio.shortcuts import shortcuts_html


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    window = QMainWindow()
    qtbot.addWidget(window)
    stack = QUndoStack(window)
    stack.push(QUndoCommand("put a value"))
    stack.push(QUndoCommand("temperature"))
    stack.undo()
    menu = window.menuBar().addMenu("&Edit")
    for action, key in ((stack.createUndoAction(window), "Ctrl+Z"), (stack.createRedoAction(window), "Ctrl+Y")):
        action.setShortcut(key)
        menu.addAction(action)
    assert [action.text() for action in menu.actions()] == ["Undo put a value", "Redo temperature"]
    menu.addAction("Use the &last seed").setShortcut("Ctrl+L")
    menu.addAction("Without a shortcut")
    return window


def test_undo_and_redo_are_listed_whatever_they_would_undo(window: QMainWindow) -> None:
    html = shortcuts_html(window)
    assert "<b>Ctrl+Z</b></td><td>Undo</td>" in html
    assert "<b>Ctrl+Y</b></td><td>Redo</td>" in html


def test_actions_stand_with_their_keys_and_without_marks(window: QMainWindow) -> None:
    html = shortcuts_html(window)
    assert "<h4>Edit</h4>" in html
    assert "<b>Ctrl+L</b></td><td>Use the last seed</td>" in html
    assert "Without a shortcut" not in html


def test_what_only_the_mouse_does_is_listed_too(window: QMainWindow) -> None:
    html = shortcuts_html(window)
    for words in (
        "Drag a wave, or wheel sideways or with Shift",
        "Drag with Shift along a wave",
        "Double click a sample",
    ):
        assert words in html
