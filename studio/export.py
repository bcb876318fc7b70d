"""Save as…: what to save of the shown take, in which format, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from models.chain import ImageChain
from studio.state import Studio

LARGEST_SCALE = 32
DEFAULT_SCALE = 8

IMAGE_FORMATS = {"PNG image": ".png", "Animated GIF of the generation": ".gif", "NumPy arrays": ".npz"}
SOUND_FORMATS = {"WAV sound": ".wav", "NumPy arrays": ".npz"}


class ExportDialog(QDialog):
    """After it was accepted, ``path`` and ``options`` say what to do."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        assert studio.take is not None
        self.setWindowTitle("Save as")
        self.studio = studio
        self.path = Path()
        self.image = isinstance(studio.take.model.chain, ImageChain)
        self.format = QComboBox()
        self.format.addItems(list(IMAGE_FORMATS if self.image else SOUND_FORMATS))
        self.what = QComboBox()
        several = len(studio.take.samples) > 1
        self.what.addItems(["Selected sample", "All samples"] if several else ["This sample"])
        if several and self.image:
            self.what.setCurrentIndex(1)
        self.scale = QSpinBox(minimum=1, maximum=LARGEST_SCALE, value=DEFAULT_SCALE, suffix=" ×")
        self.scale.setToolTip("Pixels of the file to one pixel of the image, nearest neighbour")
        note = QLabel("Every format carries symbols, model, settings and seed: open or drop the file to go on from it.")
        note.setWordWrap(True)
        form = QFormLayout()
        form.addRow("Format", self.format)
        form.addRow("What", self.what)
        if self.image:
            form.addRow("Size", self.scale)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self._ask_path)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(note)
        layout.addWidget(buttons)
        self.format.currentTextChanged.connect(self._refresh)
        self._refresh()

    @property
    def suffix(self) -> str:
        return (IMAGE_FORMATS if self.image else SOUND_FORMATS)[self.format.currentText()]

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments for ``models.files.export``."""
        options: dict[str, Any] = {}
        if self.suffix in (".png", ".gif"):
            options["scale"] = self.scale.value()
        if self.suffix == ".wav" or self.what.currentText() == "Selected sample":
            options["samples"] = [self.studio.selected]
        return options

    def _refresh(self) -> None:
        self.scale.setEnabled(self.suffix in (".png", ".gif"))
        self.what.setEnabled(self.suffix != ".wav")

    def _ask_path(self) -> None:
        assert self.studio.take is not None
        start = f"{self.studio.take.model.name}-{self.studio.take.traces[0].schedule[0].seed}{self.suffix}"
        folder = str(self.studio.profile.get("export_folder", Path.home()))
        name, _ = QFileDialog.getSaveFileName(self, "Save as", str(Path(folder) / start), f"*{self.suffix}")
        if name:
            path = Path(name)
            self.path = path if path.suffix == self.suffix else path.with_name(path.name + self.suffix)
            self.studio.profile.set("export_folder", str(self.path.parent))
            self.accept()
