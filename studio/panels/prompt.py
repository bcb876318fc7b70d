"""What the next texts begin with: typed, or opened from a file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QSignalBlocker, Signal, Slot
from PySide6.QtGui import QFocusEvent, QFontDatabase, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from models.completion import check_prefix
from models.errors import InputError
from models.text import TextChain
from models.text_files import canonical
from models.wording import grouped
from studio.folders import remembered_folder
from studio.state import Studio
from studio.theme import QUIET, TEXT_PIXELS
from studio.widgets.controls import ToolButton, next_drag
from studio.widgets.labels import MessageLine, label
from studio.widgets.layouts import GAP

LINES = 5
"""That the field shows."""
FILTERS = "Texts (*.txt);;All files (*)"
EMPTY = "Every text begins with it; without one the model begins by itself."


class PromptField(QPlainTextEdit):
    """Several lines. While nobody has written in it, undo and redo are the window's."""

    typed = Signal(str, int)
    """All of the text, with the number of the visit in which it was written."""

    def __init__(self) -> None:
        super().__init__()
        self._visit = next_drag()
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPixelSize(TEXT_PIXELS)
        self.setFont(font)
        self.setPlaceholderText("How the text begins")
        self.setAccessibleName("Prompt")
        self.setTabChangesFocus(True)
        self.setAcceptDrops(False)  # a file that is dropped here is for the window to read
        self.setMinimumHeight(LINES * self.fontMetrics().lineSpacing() + 2 * GAP)
        self.setMaximumHeight(self.minimumHeight())
        self.textChanged.connect(self._on_changed)

    def show_text(self, text: str) -> None:
        if text != self.toPlainText():
            with QSignalBlocker(self):
                self.setPlainText(text)

    @Slot()
    def _on_changed(self) -> None:
        self.typed.emit(self.toPlainText(), self._visit)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._visit = next_drag()
        super().focusInEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            undo, document = event.matches(QKeySequence.StandardKey.Undo), self.document()
            redo = event.matches(QKeySequence.StandardKey.Redo)
            if (undo and not document.isUndoAvailable()) or (redo and not document.isRedoAvailable()):
                event.ignore()
                return False
        return super().event(event)


class PromptBox(QWidget):
    """See the module. Shown for models of texts alone."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.studio = studio
        self.field = PromptField()
        self.open_button = ToolButton("Open…", tip="A text file, in UTF-8; or drop one on the window")
        self.note, self.problem = label("", QUIET), MessageLine()
        self.note.setWordWrap(True)
        self.problem.setContentsMargins(0, 0, 0, 0)
        self._judged: tuple[TextChain, str] | None = None
        """What ``problem`` is about: a long prompt is not read again with every change of a setting."""
        self._steps = 0
        """Of the prompt."""
        head, column = QHBoxLayout(), QVBoxLayout(self)
        head.addWidget(label("Prompt"), 1)
        head.addWidget(self.open_button)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addLayout(head)
        column.addWidget(self.field)
        column.addWidget(self.note)
        column.addWidget(self.problem)
        self.field.typed.connect(studio.set_prompt)
        self.open_button.clicked.connect(self._open)
        for changed in (studio.model_changed, studio.settings_changed):
            changed.connect(self._refresh)
        self._refresh()

    @property
    def chain(self) -> TextChain | None:
        chain = self.studio.entry.header.chain if self.studio.entry is not None else None
        return chain if isinstance(chain, TextChain) else None

    @Slot()
    def _refresh(self) -> None:
        chain, settings = self.chain, self.studio.settings
        self.setVisible(chain is not None)
        if chain is None or settings is None:
            return
        self.field.show_text(settings.prompt)
        prompt = canonical(settings.prompt)
        if self._judged != (chain, prompt):
            self._judged = chain, prompt
            self._steps, problem = judged(chain, prompt)
            self.problem.show_problem(problem)
        more = min(settings.limit, chain.limit - self._steps)
        as_said = (
            "as Sampling says"
            if more == settings.limit
            else f"until the model's context of {grouped(chain.limit)} is full"
        )
        told = f"{grouped(self._steps)} {chain.step_noun}s; up to {grouped(more)} more follow, {as_said}."
        self.note.setText(told if prompt else EMPTY)
        self.note.setVisible(not self.problem.text())

    @Slot()
    def _open(self) -> None:
        folder = remembered_folder(self.studio.profile.get("open_folder"))
        name, _ = QFileDialog.getOpenFileName(self, "Open a text", folder, FILTERS)
        if name:
            self.studio.profile.set("open_folder", str(Path(name).parent))
            self.studio.opening.open_prompt(Path(name))


def judged(chain: TextChain, prompt: str) -> tuple[int, str]:
    """How many steps a prompt has, and why no text of a chain can begin so; nothing where it can."""
    if not prompt:
        return 0, ""
    try:
        symbols = chain.symbols(prompt, closed=False)
        check_prefix(symbols, chain)
    except InputError as error:
        return 0, f"{str(error)[0].upper()}{str(error)[1:]}."
    return len(symbols), ""


if __name__ == "__main__":
    from studio.panels.demo import show_panel

    show_panel(PromptBox)
