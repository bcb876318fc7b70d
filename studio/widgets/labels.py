"""Texts that are shown: labels, banners, empty states, and the mark of something that goes on."""

from __future__ import annotations

import textwrap
from html import escape

from PySide6.QtCore import QEvent, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from studio.theme import QUIET, colours, set_role
from studio.widgets.layouts import MARGIN
from studio.widgets.painting import painting


def label(text: str = "", role: str = "") -> QLabel:
    """A label that shows its text as it is: names out of a file are no markup."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        set_role(made, role)
    return made


TIP_WIDTH = 80
"""Characters in a line of a tool tip."""


def tip_of(text: str) -> str:
    """A tool tip in lines that are not too long. As markup, since Qt would take a name with angle brackets for such."""
    lines = "\n".join(textwrap.wrap(text, TIP_WIDTH, break_on_hyphens=False))
    return f"<p style='white-space: pre'>{escape(lines)}</p>"


def shorter_by_words(text: str) -> list[str]:
    """Ever shorter beginnings of a text, none of which ends within a word."""
    words = text.split(" ")
    return [f"{' '.join(words[:n])} …" for n in range(len(words) - 1, 0, -1)]


class ElidedLabel(QLabel):
    """A line that takes the width it gets and asks for none: what has no room is cut off, and told by the tool tip.

    It may be given shorter texts to say before anything is cut off.
    """

    def __init__(self, text: str = "", role: str = "", *, align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAlignment(align | Qt.AlignmentFlag.AlignVCenter)
        if role:
            set_role(self, role)
        self.full = ""
        self._shorter: tuple[str, ...] = ()
        self.say(text)

    def say(self, text: str, *shorter: str) -> None:
        """shorter: ever shorter texts for less and less room."""
        if (text, shorter) != (self.full, self._shorter):
            self.full, self._shorter = text, shorter
            self.setAccessibleName(text)
            self._fit()

    def _fit(self) -> None:
        texts, metrics = (self.full, *self._shorter), self.fontMetrics()
        fitted = [metrics.elidedText(text, Qt.TextElideMode.ElideRight, self.width()) for text in texts]
        shown = next((text for text in fitted if text in texts), fitted[-1])
        self.setText(shown)
        self.setToolTip("" if shown == self.full else self.full if len(self.full) <= TIP_WIDTH else tip_of(self.full))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()


class Banner(QLabel):
    """A message on as many lines as it needs, which takes the width it gets and asks for none.

    Words that are longer than a line, and what is very long as a whole, lose their middle; the tool tip has it all.
    """

    LONGEST = 600
    """Characters that are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = self.sizePolicy()
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        self.setSizePolicy(policy)
        self.full = ""

    def say(self, text: str) -> None:
        self.full = text
        self._fit()

    def _fit(self) -> None:
        text, half = " ".join(self.full.split()), self.LONGEST // 2
        if len(text) > self.LONGEST:
            text = f"{text[:half]} … {text[-half:]}"
        metrics, middle = self.fontMetrics(), Qt.TextElideMode.ElideMiddle
        # A little less than there is: the text's own layout may round each letter up.
        room = self.contentsRect().width() - 2 * metrics.averageCharWidth()
        text = " ".join(metrics.elidedText(word, middle, room) for word in text.split(" "))
        self.setText(text)
        self.setToolTip(tip_of(self.full) if text != self.full else "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()


class MessageLine(QLabel):
    """One line under fields: empty, or what was wrong, in the colour of danger."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setContentsMargins(MARGIN, 4, MARGIN, 6)
        self.setMinimumWidth(1)  # else a long word makes the window wide
        self.hide()

    def show_problem(self, text: str) -> None:
        self.setText(text)
        self._dress()
        self.setVisible(bool(text))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange and self.text():
            self._dress()
        super().changeEvent(event)

    def _dress(self) -> None:
        sheet = f"color: {colours(self).danger.name()};"
        if self.styleSheet() != sheet:
            self.setStyleSheet(sheet)


class EmptyState(QLabel):
    """What a panel says while it has nothing to show."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMargin(MARGIN)
        set_role(self, QUIET)


class Spinner(QWidget):
    """A ring that turns while it is visible."""

    PERIOD_MS = 900
    TICK_MS = 50

    def __init__(self, side: int = 18) -> None:
        super().__init__()
        self.setFixedSize(side, side)
        self._turn = 0.0
        self._timer = QTimer(self, interval=self.TICK_MS)
        self._timer.timeout.connect(self._tick)

    def showEvent(self, event: QShowEvent) -> None:
        self._timer.start()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    @Slot()
    def _tick(self) -> None:
        self._turn = (self._turn + self.TICK_MS / self.PERIOD_MS) % 1.0
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            ring = QRectF(self.rect()).adjusted(2, 2, -2, -2)
            pen = QPen(theme.border, 2)
            painter.setPen(pen)
            painter.drawEllipse(ring)
            pen.setColor(theme.chosen)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawArc(ring, round(-self._turn * 360 * 16), 90 * 16)
