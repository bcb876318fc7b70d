"""Compare: several models side by side on the same seed and class, or one model over a range of settings."""

from __future__ import annotations

from PySide6.QtCore import QSize, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.panels.compare_models import ModelsPage
from studio.panels.compare_sweep import OnePage
from studio.state import Studio
from studio.widgets.controls import Segments
from studio.widgets.layouts import GAP, MARGIN

FIRST_SIZE = QSize(940, 600)

MODELS, ONE = "Models", "One model"
MODES = {MODELS: "Two to four models on the same seed and class", ONE: "One model over temperatures, seeds or classes"}


class CompareDialog(QDialog):
    """Stays open while the window goes on. Closing it ends a comparison that still runs; what is drawn is kept.

    A sweep hides it, since the canvas under it shows the sweep, and ends nothing.
    """

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare")
        self.studio = studio
        self.modes = Segments(MODES, "What to compare")
        self.models, self.one = ModelsPage(studio), OnePage(studio)
        self._pages = QStackedWidget()
        for page in (self.models, self.one):
            self._pages.addWidget(page)
        head = QHBoxLayout()
        head.addWidget(self.modes)
        head.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, GAP, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(head)
        column.addWidget(self._pages, 1)
        self.modes.chosen.connect(self.show_mode)
        self.one.began.connect(self.hide)
        self.finished.connect(studio.comparison.stop)
        self.show_mode(MODELS)
        self.resize(FIRST_SIZE.boundedTo(self.screen().availableSize() * 0.9))

    def showEvent(self, event: QShowEvent) -> None:
        if not event.spontaneous():
            models = self._pages.currentWidget() is self.models
            (self.models.compare_button if models else self.one.generate_button).setFocus()
        super().showEvent(event)

    @Slot(str)
    def show_mode(self, mode: str) -> None:
        self.modes.choose(mode)
        self._pages.setCurrentIndex(list(MODES).index(mode))
