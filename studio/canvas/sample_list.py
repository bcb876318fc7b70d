"""The samples of a take as a list beside the one that is looked at."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from studio.state import Studio
from studio.theme import Theme, colours
from studio.widgets.controls import claims_key
from studio.widgets.painting import painting

ROW_HEIGHT, LIST_WIDTH = 40, 168
NUMBER_WIDTH = 30
"""Of a row, in logical pixels."""


class SampleList(QWidget):
    """A row for each sample, one below the other; a click, or Up and Down, choose the one that is looked at."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio

    @property
    def rows(self) -> int:
        """How many samples there are."""
        raise NotImplementedError

    def paint_content(self, painter: QPainter, room: QRectF, n: int, theme: Theme) -> None:
        """What stands in a row beside the number."""
        raise NotImplementedError

    def sizeHint(self) -> QSize:
        return QSize(LIST_WIDTH, ROW_HEIGHT * self.rows)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._studio.looking.select(int(event.position().y() // ROW_HEIGHT))

    def event(self, event: QEvent) -> bool:
        return claims_key(event, Qt.Key.Key_Up, Qt.Key.Key_Down) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down choose the sample."""
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if steps is None:
            super().keyPressEvent(event)
        else:
            self._studio.looking.select(self._studio.looking.selected + steps)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            painter.fillRect(event.rect(), theme.window)
            first, last = event.rect().top() // ROW_HEIGHT, event.rect().bottom() // ROW_HEIGHT
            for n in range(first, min(last + 1, self.rows)):
                self._paint_row(painter, n, theme)

    def _paint_row(self, painter: QPainter, n: int, theme: Theme) -> None:
        row = QRectF(2, n * ROW_HEIGHT + 2, self.width() - 4, ROW_HEIGHT - 4)
        chosen = n == self._studio.looking.selected
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.chosen if chosen else theme.line, 1))
        painter.setBrush(theme.chosen_fill if chosen else theme.panel)
        painter.drawRoundedRect(row.adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(theme.text if chosen else theme.quiet)
        painter.drawText(row.adjusted(8, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, str(n))
        self.paint_content(painter, row.adjusted(NUMBER_WIDTH, 4, -8, -4), n, theme)


def scrolled(samples: SampleList) -> QScrollArea:
    """The list in an area of its width that scrolls, and that Tab passes by."""
    area = QScrollArea()
    area.setWidget(samples)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFixedWidth(LIST_WIDTH + 12)
    return area
