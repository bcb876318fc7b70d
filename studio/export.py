"""Save as…: what to save of the shown take, in which format, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QMessageBox,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from models.formats import Format, formats_of
from models.image_files import PictureFile
from models.sound_files import Wav
from models.sweep import labels
from models.text_files import COLOURS, Html
from models.video import MAX_RATE, VideoChain
from models.video_files import Film
from studio.folders import remembered_folder
from studio.state import Studio

WIDTH = 420
FILES_SIZE = QSize(820, 520)
LARGEST_SCALE = 32
DEFAULT_SCALE = 8

SIXTEEN_BITS, FLOATS = "16 bit", "32-bit float"

NOTE = (
    "It carries symbols, model, settings and seed: open or drop the file to go on from it. "
    "Of an edited sample it holds the branch that is shown."
)
NOTE_OF_DATA = "It holds what is shown alone, and not how it came about. The other formats carry all the rest."

YES, NO = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No


class ExportDialog(QDialog):
    """After it was accepted, ``path`` and ``options`` say what to do."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        assert studio.take is not None
        self.setWindowTitle("Save as")
        self.setMinimumWidth(WIDTH)
        self.studio = studio
        self.path = Path()
        self.formats = formats_of(studio.take.chain)
        self.format = QComboBox()
        self.format.addItems([form.title for form in self.formats])
        self.what = QComboBox()
        several = len(studio.take.samples) > 1
        self.what.addItems(["Selected sample", "All samples"] if several else ["This sample"])
        self._wanted = self.what.count() - 1
        """What is saved where the format holds several: all, unless the user chose otherwise."""
        self.scale = QSpinBox(minimum=1, maximum=LARGEST_SCALE, value=DEFAULT_SCALE, suffix=" ×")
        self.scale.setToolTip("Pixels of the file to one pixel of the image, nearest neighbour")
        self.samples = QComboBox()
        self.samples.addItems([SIXTEEN_BITS, FLOATS])
        self.samples.setToolTip("The same sound: floats are for programs that want them")
        self.labels = QCheckBox("Write what each image began under, and which model made them")
        self.labels.setChecked(True)
        self.colours = QComboBox()
        self.colours.addItems(COLOURS)
        self.colours.setCurrentText(studio.overlay)
        self.colours.setToolTip("What the characters of the page are coloured by")
        self.note = QLabel()
        self.note.setWordWrap(True)
        form = QFormLayout()
        form.addRow("Format", self.format)
        form.addRow("What", self.what)
        if any(kind.scaled for kind in self.formats):
            form.addRow("Size", self.scale)
        if any(isinstance(kind, Wav) for kind in self.formats):
            form.addRow("Sample format", self.samples)
        if any(isinstance(kind, Html) for kind in self.formats):
            form.addRow("Colours", self.colours)
        self.rate = QSpinBox(minimum=1, maximum=MAX_RATE, suffix=" frames/s")
        if isinstance(studio.take.chain, VideoChain):
            self.rate.setValue(studio.replay.rate_of(studio.take.chain))
            form.addRow("Frame rate", self.rate)
        self._labelled = bool(labels(studio.take)) and any(isinstance(kind, PictureFile) for kind in self.formats)
        if self._labelled:
            form.addRow("Labels", self.labels)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self._ask_path)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.note)
        layout.addWidget(buttons)
        self.format.currentTextChanged.connect(self._refresh)
        self.what.activated.connect(self._want)
        self._refresh()

    @property
    def chosen(self) -> Format:
        return self.formats[self.format.currentIndex()]

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments for ``Studio.export``."""
        options: dict[str, Any] = {}
        if self.chosen.scaled:
            options["scale"] = self.scale.value()
        if not self.chosen.several or self.what.currentText() == "Selected sample":
            options["samples"] = [self.studio.looking.selected]
        chosen, wanted = self.chosen, self.labels.isEnabled() and self.labels.isChecked()
        if isinstance(chosen, Film):
            options["form"] = type(chosen)(labels=self._labelled and wanted, rate=self.rate.value())
        elif isinstance(chosen, PictureFile):
            options["form"] = type(chosen)(labels=self._labelled and wanted)
        if isinstance(chosen, Wav) and self.samples.currentText() == FLOATS:
            options["form"] = Wav(floats=True)
        if isinstance(chosen, Html):
            options["form"] = Html(coloured_by=self.colours.currentText())
        return options

    @Slot()
    def _refresh(self) -> None:
        self.scale.setEnabled(self.chosen.scaled)
        self.note.setText(NOTE if self.chosen.keeps_record else NOTE_OF_DATA)
        self.colours.setEnabled(isinstance(self.chosen, Html))
        self.rate.setEnabled(isinstance(self.chosen, Film))
        if isinstance(self.chosen, Film):
            self.rate.setMaximum(self.chosen.fastest)
        if not isinstance(self.chosen, Wav):
            self.samples.setCurrentText(SIXTEEN_BITS)  # what a FLAC has
        self.samples.setEnabled(isinstance(self.chosen, Wav))
        self.what.setEnabled(self.chosen.several)
        self.what.setCurrentIndex(self._wanted if self.chosen.several else 0)
        # A sample by itself differs from nothing.
        all_of_them = self.what.currentIndex() == self.what.count() - 1
        self.labels.setEnabled(isinstance(self.chosen, PictureFile) and all_of_them)

    @Slot(int)
    def _want(self, index: int) -> None:
        self._wanted = index
        self._refresh()

    @Slot()
    def _ask_path(self) -> None:
        assert self.studio.take is not None
        suffix = self.chosen.suffix
        start = f"{self.studio.take.model.name}-{self.studio.take.seed}{suffix}"
        dialog = QFileDialog(self, "Save as", remembered_folder(self.studio.profile.get("export_folder")))
        dialog.resize(FILES_SIZE)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(f"*{suffix}")
        dialog.setDefaultSuffix(suffix.removeprefix("."))
        dialog.selectFile(start)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            path = Path(dialog.selectedFiles()[0])
            if path.suffix.lower() == suffix:
                self._choose(path)
            else:
                # The default suffix is given to a name without a point alone: ``tuned-1.5`` still needs one.
                path = path.with_name(path.name + suffix)
                if not path.exists() or self._may_replace(path):
                    self._choose(path)
        dialog.deleteLater()

    def _may_replace(self, path: Path) -> bool:
        question = f"{path.name} already exists.\nDo you want to replace it?"
        return QMessageBox.warning(self, "Save as", question, YES | NO, NO) == YES

    def _choose(self, path: Path) -> None:
        self.path = path
        self.studio.profile.set("export_folder", str(path.parent))
        self.accept()


def ask_and_export(studio: Studio, parent: QWidget) -> None:
    """Asks what to save of the shown take, if there is one, and where, and saves it."""
    if studio.take is None:
        return
    dialog = ExportDialog(studio, parent)
    if dialog.exec() == QDialog.DialogCode.Accepted:
        studio.export(dialog.path, **dialog.options)
    dialog.deleteLater()
