"""Save as…: the file gets the format's suffix, and nothing is replaced unasked."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLineEdit, QMessageBox
from pytestqt.qtbot import QtBot

from models.sound_files import Wav
from studio.export import NO, YES, ExportDialog
from studio.state import Studio
from tests.studio.conftest import finish


@pytest.fixture
def dialog(image_studio: Studio, qtbot: QtBot, tmp_path: Path) -> ExportDialog:
    """The dialog on a finished image; its folder has nothing in it."""
    image_studio.change("test", pace=math.inf)
    image_studio.begin()
    finish(image_studio, qtbot)
    folder = tmp_path / "saved"
    folder.mkdir()
    image_studio.profile.set("export_folder", str(folder))
    dialog = ExportDialog(image_studio)
    qtbot.addWidget(dialog)
    return dialog


def save(dialog: ExportDialog, name: str, answer: QMessageBox.StandardButton | None = None) -> list[str]:
    """Types a name, presses Save and answers the question that may follow; returns the questions."""
    asked: list[str] = []

    def act() -> None:
        top = QApplication.activeModalWidget()
        if isinstance(top, QMessageBox):
            asked.append(top.text())
            assert answer is not None, f"not expected: {top.text()}"
            top.button(answer).click()
        elif isinstance(top, QFileDialog) and not asked:
            field = top.findChild(QLineEdit)
            assert isinstance(field, QLineEdit)
            field.setText(name)
            QTimer.singleShot(0, top.accept)
        elif isinstance(top, QFileDialog):
            top.reject()

    timer = QTimer(dialog, interval=20)
    timer.timeout.connect(act)
    timer.start()
    dialog._ask_path()
    timer.stop()
    return asked


def accepted(dialog: ExportDialog) -> bool:
    return dialog.result() == QDialog.DialogCode.Accepted


@pytest.mark.parametrize(
    ("name", "file"),
    [("foo", "foo.png"), ("foo.png", "foo.png"), ("foo.PNG", "foo.PNG"), ("foo-1.5", "foo-1.5.png")],
)
def test_a_name_gets_the_suffix_of_the_format(dialog: ExportDialog, tmp_path: Path, name: str, file: str) -> None:
    assert save(dialog, name) == []
    assert accepted(dialog)
    assert dialog.path == tmp_path / "saved" / file
    assert dialog.studio.profile.get("export_folder") == str(tmp_path / "saved")


@pytest.mark.parametrize("name", ["foo", "foo.png", "foo-1.5"])
def test_a_file_is_replaced_only_if_the_user_says_so(dialog: ExportDialog, tmp_path: Path, name: str) -> None:
    taken = tmp_path / "saved" / (name if name.endswith(".png") else f"{name}.png")
    taken.touch()
    (question,) = save(dialog, name, NO)
    assert taken.name in question
    assert not accepted(dialog)
    assert len(save(dialog, name, YES)) == 1
    assert accepted(dialog)
    assert dialog.path == taken


def test_the_choices_are_the_formats_of_the_take(dialog: ExportDialog) -> None:
    titles = [dialog.format.itemText(n) for n in range(dialog.format.count())]
    assert titles == ["PNG image", "Animated GIF of the generation", "NumPy arrays"]
    assert set(dialog.options) == {"scale", "form"}
    assert dialog.options["scale"] == 8
    assert not dialog.options["form"].labels
    dialog.format.setCurrentText("NumPy arrays")
    assert not dialog.scale.isEnabled()
    assert dialog.options == {}


def test_a_format_that_holds_one_sample_gets_the_selected_one(sound_studio: Studio, qtbot: QtBot) -> None:
    sound_studio.change("test", pace=math.inf, count=2)
    sound_studio.begin()
    finish(sound_studio, qtbot)
    sound_studio.looking.select(1)
    dialog = ExportDialog(sound_studio)
    qtbot.addWidget(dialog)
    assert dialog.format.currentText() == "WAV sound"
    assert not dialog.what.isEnabled()
    assert dialog.options == {"samples": [1]}
    dialog.format.setCurrentText("NumPy arrays")
    assert dialog.what.isEnabled()
    assert dialog.options == {}, "all of them, unless the user chose otherwise"
    qtbot.keyClick(dialog.what, Qt.Key.Key_Up)
    assert dialog.options == {"samples": [1]}
    dialog.format.setCurrentText("WAV sound")
    dialog.format.setCurrentText("NumPy arrays")
    assert dialog.options == {"samples": [1]}


def test_a_folder_that_is_gone_gives_way_to_the_user_s_own(dialog: ExportDialog, tmp_path: Path) -> None:
    (tmp_path / "saved").rmdir()
    folders: list[str] = []

    def cancel() -> None:
        top = QApplication.activeModalWidget()
        if isinstance(top, QFileDialog):
            folders.append(top.directory().absolutePath())
            top.reject()

    QTimer.singleShot(50, cancel)
    dialog._ask_path()
    assert folders == [str(Path.home())]


def test_wav_is_saved_in_16_bits_or_floats_and_flac_in_what_it_has(sound_studio: Studio, qtbot: QtBot) -> None:
    sound_studio.change("test", pace=math.inf)
    sound_studio.begin()
    finish(sound_studio, qtbot)
    dialog = ExportDialog(sound_studio)
    qtbot.addWidget(dialog)
    assert [dialog.format.itemText(n) for n in range(dialog.format.count())] == [
        "WAV sound", "FLAC sound", "NumPy arrays",
    ]  # fmt: skip
    assert "form" not in dialog.options
    dialog.samples.setCurrentText("32-bit float")
    form = dialog.options["form"]
    assert isinstance(form, Wav)
    assert form.floats
    dialog.format.setCurrentText("FLAC sound")
    assert not dialog.samples.isEnabled()
    assert dialog.samples.currentText() == "16 bit"
    assert "form" not in dialog.options
