"""What texts begin with: typed, dropped, kept with the settings, and shown again with the take."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from models.files import read_saved
from studio.app import MainWindow
from studio.export import ExportDialog
from studio.panels.condition import ConditionPanel
from studio.panels.sampling import Length
from studio.panels.transport import TransportPanel
from studio.settings import settings_from_json
from studio.state import Studio
from studio.thumbnail import thumbnail
from tests.melody_model import MODE
from tests.studio.conftest import IMAGE, finish, load, open_model
from tests.text_model import CHAIN, register_text, save_text_model


@pytest.fixture
def studio(make_studio: Callable[[], Studio], qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """A studio with the model of texts loaded, as fast as it goes."""
    register_text(monkeypatch)
    studio = make_studio()
    open_model(studio, qtbot, save_text_model(tmp_path / "text.safetensors"))
    studio.change("pace", pace=math.inf)
    studio.change("longest length", limit=40)
    return studio


@pytest.fixture
def panel(studio: Studio, qtbot: QtBot) -> ConditionPanel:
    panel = ConditionPanel(studio)
    qtbot.addWidget(panel)
    panel.resize(280, 500)
    panel.show()
    return panel


def text_of(studio: Studio) -> str:
    assert studio.trace is not None
    return CHAIN.text(studio.trace.symbols)


def test_a_text_begins_with_the_prompt_which_is_given_and_not_drawn(studio: Studio, qtbot: QtBot) -> None:
    studio.set_prompt("once é\n")
    studio.generate()
    finish(studio, qtbot)
    assert text_of(studio).startswith("once é\n")
    assert studio.trace is not None
    assert studio.take is not None
    assert studio.trace.clamped[:8].tolist() == [True] * 7 + [False]
    assert studio.take.limit == 47


def test_it_is_there_at_once_at_any_pace(studio: Studio, qtbot: QtBot) -> None:
    studio.set_prompt("once upon a time there was a model")
    studio.change("pace", pace=1.0)
    studio.generate()
    qtbot.waitUntil(lambda: studio.frontier >= 34, timeout=10_000)
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)


def test_a_take_without_a_prompt_begins_by_itself(studio: Studio, qtbot: QtBot) -> None:
    studio.generate()
    finish(studio, qtbot)
    assert studio.take is not None
    assert studio.take.given == ()


def test_what_is_typed_is_the_prompt_and_what_the_model_does_not_know_is_named(
    studio: Studio, panel: ConditionPanel, qtbot: QtBot
) -> None:
    box = panel.prompt
    assert box.isVisible()
    box.field.insertPlainText("ok é")
    assert studio.settings is not None
    assert studio.settings.prompt == "ok é"
    assert box.note.text() == "4 characters; up to 40 more follow, as Sampling says."
    box.field.insertPlainText(" “Z”")
    assert box.problem.text() == "Not among the 35 characters that the model knows: Z, “, ”."
    assert not box.note.isVisible()
    with qtbot.waitSignal(studio.error) as told:
        studio.generate()
    assert "Z, “, ”" in told.args[0]
    assert studio.take is None
    studio.set_prompt("a" * 400)
    assert "has 1 to 399 characters, not 400" in box.problem.text()
    studio.set_prompt("")
    assert not box.problem.isVisible()


def test_a_visit_to_the_field_is_one_undo_step(studio: Studio, panel: ConditionPanel, qtbot: QtBot) -> None:
    for letter in "abc":
        panel.prompt.field.insertPlainText(letter)
    studio.undo_stack.undo_in_turn()
    assert studio.settings is not None
    assert studio.settings.prompt == panel.prompt.field.toPlainText() == ""
    studio.undo_stack.redo_in_turn()
    assert panel.prompt.field.toPlainText() == "abc"


def test_it_is_kept_with_the_settings_and_comes_back_with_a_take(studio: Studio, qtbot: QtBot) -> None:
    studio.set_prompt("abc")
    assert studio.settings is not None
    assert "a prompt" in studio.settings.kept_in_words()
    assert settings_from_json(studio.settings.to_json(), CHAIN, (MODE,)).prompt == "abc"
    studio.generate()
    finish(studio, qtbot)
    take = studio.take
    assert take is not None
    studio.set_prompt("d")
    studio.begin()
    finish(studio, qtbot)
    qtbot.waitUntil(lambda: len(studio.profile.history()) == 2)
    studio.opening.open_history(take.id)
    qtbot.waitUntil(lambda: studio.take is take)
    assert studio.settings.prompt == "abc"
    assert studio.settings.limit == 40


def test_a_text_that_is_dropped_is_the_prompt(
    studio: Studio, panel: ConditionPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "begin.txt"
    path.write_bytes("ein cafe\u0301\r\n".encode())
    studio.opening.open_path(path)
    qtbot.waitUntil(lambda: panel.prompt.field.toPlainText() == "ein café\n")
    path.write_bytes(b"\xff\xff")
    with qtbot.waitSignal(studio.error) as told:
        studio.opening.open_path(path)
    assert "no text in UTF-8" in told.args[0]


def test_a_text_needs_a_model_of_texts(studio: Studio, panel: ConditionPanel, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    load(studio, qtbot, IMAGE)
    assert not panel.prompt.isVisible()
    with qtbot.waitSignal(studio.error) as told:
        studio.opening.open_path(tmp_path / "a.txt")
    assert "choose a model of texts" in told.args[0]


def test_lengths_and_strides_are_in_characters(studio: Studio, qtbot: QtBot) -> None:
    assert Length(CHAIN).unit == "characters"
    panel = TransportPanel(studio)
    qtbot.addWidget(panel)
    panel.resize(1200, panel.sizeHint().height())
    panel.show()
    button = panel.forward_stride
    assert button.toolTip() == "Next 10 characters (Down)"
    assert button.fontMetrics().horizontalAdvance(button.text()) < button.width()


def test_the_history_shows_what_was_drawn_after_the_prompt(studio: Studio, qtbot: QtBot) -> None:
    pictures = set()
    for seed in (1, 2):
        studio.set_prompt("one two three four five six seven eight nine ten eleven")
        studio.set_seed(seed)
        studio.begin()
        finish(studio, qtbot)
        assert studio.take is not None
        pictures.add(thumbnail(studio.take))
    assert len(pictures) == 2


def test_a_text_is_copied_saved_and_opened_in_the_window(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    window = MainWindow(studio)
    qtbot.addWidget(window)
    window.show()
    studio.set_prompt("ab")
    studio.generate()
    finish(studio, qtbot)
    whole = text_of(studio)
    window.copy_shown()
    assert QGuiApplication.clipboard().text() == whole
    dialog = ExportDialog(studio, window)
    assert [form.suffix for form in dialog.formats] == [".html", ".txt", ".npz"]
    dialog.format.setCurrentIndex(0)
    dialog.colours.setCurrentText("entropy")
    studio.export(tmp_path / "a.html", **dialog.options)
    dialog.format.setCurrentIndex(1)
    assert "alone" in dialog.note.text()
    assert not dialog.colours.isEnabled()
    studio.export(tmp_path / "a.txt", **dialog.options)
    qtbot.waitUntil((tmp_path / "a.txt").exists)
    assert (tmp_path / "a.txt").read_text("utf-8") == whole
    assert b"coloured by entropy" in (tmp_path / "a.html").read_bytes()
    assert CHAIN.text(read_saved(tmp_path / "a.html").take.traces[0].symbols) == whole
    before = studio.take
    studio.set_prompt("")
    studio.set_overlay("none")
    studio.begin()
    finish(studio, qtbot)
    studio.opening.open_path(tmp_path / "a.html")
    qtbot.waitUntil(lambda: studio.take is before, timeout=10_000)
    assert text_of(studio) == whole
    window.close()
