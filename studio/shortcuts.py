"""F1: every shortcut of the window, read from its actions, so that the list cannot be out of date."""

from __future__ import annotations

from html import escape

from PySide6.QtGui import QAction, QKeySequence, QPalette
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QMainWindow, QMenu, QTextBrowser, QVBoxLayout

MOUSE = (
    ("Hover over a pixel, a sample or a character", "preview its conditional"),
    ("Click a pixel, a sample or a character", "keep the inspector on it, until Esc or another click"),
    ("Click a value in the conditional", "put it there and go on from it"),
    ("Wheel over a conditional, with Shift along it", "show fewer of its values; a click on their axis: all again"),
    ("Drag along the timeline", "look at another step; generation goes on"),
    ("Double click a sample of several images or videos", "show it alone, or all again (also Esc)"),
    ("Wheel over a wave", "zoom, down to single samples"),
    ("Drag a wave, or wheel sideways or with Shift", "move along it"),
    ("Double click a wave", "show all of it again"),
    ("Drag with Ctrl over a wave or its conditionals", "draw there and go on from it (also the pencil)"),
    ("Drag with Shift along a wave", "play this stretch over and over; drag its ends to move them"),
    ("Drop a file", "open a checkpoint or a saved sample, complete a picture, continue a recording"),
)


def shortcuts_html(window: QMainWindow) -> str:
    """A table per menu."""
    parts = []
    for menu_action in window.menuBar().actions():
        menu = menu_action.menu()
        rows = rows_of(menu) if isinstance(menu, QMenu) else []
        if rows:
            parts.append(f"<h4>{escape(without_mnemonic(menu_action.text()))}</h4>{table(rows)}")
    parts.append(f"<h4>Mouse</h4>{table(list(MOUSE))}")
    return "".join(parts)


def rows_of(menu: QMenu) -> list[tuple[str, str]]:
    native = QKeySequence.SequenceFormat.NativeText
    return [
        (action.shortcut().toString(native), name_of(action))
        for action in menu.actions()
        if not action.shortcut().isEmpty()
    ]


def name_of(action: QAction) -> str:
    """The text of an action without marks; undo and redo also tell what would be undone, which is left out."""
    text = without_mnemonic(action.text())
    undoes, *_ = text.split(maxsplit=1)
    return undoes if undoes in ("Undo", "Redo") else text


def table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td width='45%'><b>{escape(key)}</b></td><td>{escape(what)}</td></tr>" for key, what in rows)
    return f"<table width='100%' cellpadding='3' cellspacing='0'>{cells}</table>"


def without_mnemonic(text: str) -> str:
    return text.replace("&", "")


def show_shortcuts(window: QMainWindow) -> None:
    dialog = QDialog(window)
    dialog.setWindowTitle("Shortcuts")
    dialog.resize(520, 640)
    text = QTextBrowser()
    text.viewport().setBackgroundRole(QPalette.ColorRole.Window)
    text.setHtml(shortcuts_html(window))
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.addWidget(text)
    layout.addWidget(buttons)
    dialog.exec()
    dialog.deleteLater()
