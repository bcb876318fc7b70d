"""What the next take is conditioned on: for every factor of the model a chooser of its kind, of texts the prompt."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from models.condition import Factor, in_words
from models.text import TextChain
from studio.panels.choosers import CHOOSERS, Chooser, NoChooser
from studio.panels.prompt import PromptBox
from studio.state import Studio
from studio.theme import QUIET
from studio.widgets.labels import EmptyState, label
from studio.widgets.layouts import GAP, MARGIN, PanelScroll, clear


class ConditionPanel(QWidget):
    """See the module."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.studio = studio
        self.choosers: list[Chooser] = []
        self._factors: tuple[Factor, ...] | None = None
        self.prompt = PromptBox(studio)
        self.empty = EmptyState("")
        self.later = label("", QUIET)
        self.later.setWordWrap(True)
        self.later.setContentsMargins(MARGIN, 4, MARGIN, GAP)
        self._list = QVBoxLayout()
        self._list.setSpacing(GAP)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(MARGIN, 4, MARGIN, GAP)
        column.setSpacing(GAP)
        column.addLayout(self._list)
        column.addWidget(self.prompt)
        column.addWidget(self.empty)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(PanelScroll(content), 1)
        outer.addWidget(self.later)  # below what scrolls: seen however high that is, and it moves nothing
        studio.model_changed.connect(self._rebuild)
        studio.settings_changed.connect(self._refresh)
        for changed in (
            studio.take_changed, studio.branches_changed, studio.looking.selection_changed, studio.drawing_along.kept,
        ):  # fmt: skip
            changed.connect(self._refresh_note)
        studio.walk_began.connect(self._settle)
        self._rebuild()

    @Slot()
    def _rebuild(self) -> None:
        entry = self.studio.entry
        factors = entry.header.factors if entry else None
        self.empty.setText("This model has no conditions." if entry else "Choose a model.")
        self.empty.setVisible(not factors and not (entry and isinstance(entry.header.chain, TextChain)))
        if factors != self._factors:
            self._factors = factors
            clear(self._list)
            self.choosers = [CHOOSERS.get(factor.kind, NoChooser)(factor, self.studio) for factor in factors or ()]
            for chooser in self.choosers:
                self._list.addWidget(chooser)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        settings = self.studio.settings
        if settings is not None:
            for chooser in self.choosers:
                chooser.show_value(settings.condition.get(chooser.factor.name, chooser.factor.default))
        self._refresh_note()

    @Slot()
    def _settle(self) -> None:
        for chooser in self.choosers:
            chooser.settle()

    @Slot()
    def _refresh_note(self) -> None:
        """A take keeps the condition that it began with: said while the next one is to have another.

        Not of an image that follows the hand: it does apply to it.
        """
        take, settings = self.studio.take, self.studio.settings
        text = ""
        if (
            take is not None
            and settings is not None
            and take.model.factors == self._factors
            and take is not self.studio.drawing_along.passing
        ):
            had = take.samples[self.studio.looking.selected].trace.segment.condition
            chosen = settings.condition
            others = [f for f in take.model.factors if had[f.name] != chosen.get(f.name, f.default)]
            if others:
                text = f"The take shown has {', '.join(in_words(others, had))}; this applies to the next one."
        self.later.setText(text)
        self.later.setVisible(bool(text))


if __name__ == "__main__":
    from studio.panels.demo import show_panel

    show_panel(ConditionPanel)
