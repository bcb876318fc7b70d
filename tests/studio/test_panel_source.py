"""A source text in the window: typed into a line, refused by name, and walked from."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio.panels.choosers import TextChooser
from studio.panels.condition import ConditionPanel
from studio.state import Studio
from tests.studio.conftest import finish, load, write
from tests.translation_models import CHAIN, SIZES, SOURCE


@pytest.fixture(params=SIZES)
def chooser(studio: Studio, qtbot: QtBot, request: pytest.FixtureRequest, tmp_path: Path) -> TextChooser:
    folder = tmp_path / "made"
    (folder / "checkpoints").mkdir(parents=True)
    write(folder, "translator", request.param, CHAIN, (SOURCE,), SIZES[request.param])
    panel = ConditionPanel(studio)
    qtbot.addWidget(panel)
    panel.resize(300, 200)
    panel.show()
    load(studio, qtbot, str(folder / "checkpoints" / "translator.safetensors"))
    (found,) = panel.choosers
    assert isinstance(found, TextChooser)
    QApplication.processEvents()
    found.panel = panel  # type: ignore[attr-defined]  # which would be gone else
    return found


def value(chooser: TextChooser) -> object:
    assert chooser.studio.settings is not None
    return chooser.studio.settings.condition["source"]


def type_line(chooser: TextChooser, text: str, *, enter: bool = True) -> None:
    chooser.line.setFocus()
    chooser.line.selectAll()
    QTest.keyClicks(chooser.line, text)
    if enter:
        QTest.keyClick(chooser.line, Qt.Key.Key_Return)


def test_a_window_begins_with_the_example_and_takes_what_is_typed_as_one_change(chooser: TextChooser) -> None:
    assert chooser.line.text() == value(chooser) == "ACE BAD."
    type_line(chooser, "CAB ")
    assert value(chooser) == "CAB "
    chooser.studio.undo_stack.undo_in_turn()
    assert chooser.line.text() == value(chooser) == "ACE BAD."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CABx", "source: not among the 7 characters that the model knows: x"),
        ("ABCABCABCABCA", "source has at most 12 characters, not 13"),
    ],
)
def test_what_the_model_cannot_read_is_refused_and_what_could_be_read_of_it_holds(
    chooser: TextChooser, text: str, words: str
) -> None:
    said: list[str] = []
    chooser.studio.error.connect(said.append)
    type_line(chooser, text)
    assert [words in message for message in said] == [True]
    assert chooser.line.text() == value(chooser) == text[: len(text) - 1]


def test_a_walk_begins_with_what_stands_in_the_line(chooser: TextChooser, qtbot: QtBot) -> None:
    studio = chooser.studio
    type_line(chooser, "BAD", enter=False)
    studio.generate()
    finish(studio, qtbot)
    assert studio.trace is not None
    assert studio.trace.segment.condition == {"source": "BAD"}
    assert len(studio.trace) > 0


def test_what_is_pasted_with_a_line_break_or_a_foreign_letter_is_told_at_once_by_name(chooser: TextChooser) -> None:
    type_line(chooser, "CAB", enter=False)
    assert not chooser.problem.isVisible()
    chooser.line.insert("\nß")
    chooser.line.textEdited.emit(chooser.line.text())  # as a paste does
    assert chooser.problem.isVisible()
    assert chooser.problem.text() == "source: not among the 7 characters that the model knows: line break, ß"
    assert value(chooser) == "CAB"
    type_line(chooser, "BAD", enter=False)
    assert not chooser.problem.isVisible()
    assert value(chooser) == "BAD"
