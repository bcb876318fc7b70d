"""What else a character, or a token, could have been: the likeliest values of its step, to be put there by a click."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QCursor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from models.chain import Alphabet
from models.wording import grouped
from studio.messages import Inspection
from studio.theme import RADIUS, Theme, colours, faded, small
from studio.widgets.numbers import probability_text
from studio.widgets.painting import painting

MOST = 8
"""How many values are told."""
WIDTH, HEAD, ROW, EDGE = 288, 24, 22, 5
"""In logical pixels."""
LABEL, NUMBER = 100, 50
"""Widths of what stands left and right of a bar."""


def likeliest(inspection: Inspection, most: int = MOST) -> list[int]:
    """The most probable symbols as the model has it, and what was drawn wherever that ranks."""
    order: list[int] = (-inspection.raw).argsort(kind="stable")[:most].tolist()
    if inspection.symbol is not None and inspection.symbol not in order:
        order[-1] = inspection.symbol
    return order


def paint_value(
    painter: QPainter,
    row: QRectF,
    theme: Theme,
    inspection: Inspection,
    alphabet: Alphabet,
    symbol: int,
    *,
    aimed: bool,
    share: Callable[[float], float] = float,
) -> None:
    """A symbol in a row, with its bar and its probability. share: of the bar's length for a probability."""
    if aimed:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.chosen_fill)
        painter.drawRoundedRect(row, 4, 4)
    inner = row.adjusted(6, 0, -6, 0)
    painter.setPen(theme.now if symbol == inspection.symbol else theme.text)
    middle = Qt.AlignmentFlag.AlignVCenter
    label = painter.fontMetrics().elidedText(alphabet.label(symbol), Qt.TextElideMode.ElideRight, LABEL)
    painter.drawText(inner, middle, label)
    painter.drawText(inner, middle | Qt.AlignmentFlag.AlignRight, probability_text(inspection.raw[symbol]))
    track = inner.adjusted(LABEL + 4, 5, -NUMBER - 4, -5)
    painter.fillRect(track, faded(theme.line, 0.8))
    shaped, raw = share(float(inspection.shaped[symbol])), share(float(inspection.raw[symbol]))
    painter.fillRect(QRectF(track.left(), track.top(), track.width() * shaped, track.height()), theme.chosen)
    line = QRectF(track.left() + track.width() * raw - 0.5, track.top() - 2, 1, track.height() + 4)
    painter.fillRect(line, theme.text)


class Alternatives(QWidget):
    """A list over the text. Bars: filled as the present settings shape the conditional, a line as the model gave it,
    which the numbers tell, too. Amber is what stands there.
    """

    chosen = Signal(int)
    left = Signal()
    """The mouse has left it, where it does not lie on what it is about: then it is left with that."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.inspection: Inspection | None = None
        self.symbols: list[int] = []
        self._alphabet: Alphabet | None = None
        self._aim: int | None = None
        """The row that is pointed at."""
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Click a line to put it there and go on from it")
        self.setAccessibleName("Alternatives")
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, HEAD + ROW * len(self.symbols) + 2 * EDGE)

    def show_at(self, cell: QRect, inspection: Inspection, alphabet: Alphabet) -> None:
        """Below a cell of the parent, or above it where there is more room."""
        self.inspection, self._alphabet = inspection, alphabet
        self.symbols = likeliest(inspection)
        size, page = self.sizeHint(), self.parentWidget()
        assert page is not None
        left = max(0, min(cell.left() - EDGE, page.width() - size.width()))
        below = cell.bottom() + 1 + size.height() <= page.height() or cell.top() < page.height() // 2
        top = cell.bottom() + 1 if below else cell.top() - size.height()
        self.setGeometry(QRect(QPoint(left, top), size))
        told = ", ".join(f"{alphabet.label(k)} {probability_text(inspection.raw[k])}" for k in self.symbols)
        self.setAccessibleDescription(told)
        self.raise_()
        self.show()
        self.update()

    @property
    def under_mouse(self) -> bool:
        return self.isVisible() and self.rect().contains(self.mapFromGlobal(QCursor.pos()))

    def symbol_at(self, y: float) -> int | None:
        row = int((y - EDGE - HEAD) // ROW)
        return self.symbols[row] if 0 <= row < len(self.symbols) else None

    def row_of(self, symbol: int) -> QRect:
        """Where a symbol that is told stands."""
        return QRect(EDGE, EDGE + HEAD + ROW * self.symbols.index(symbol), self.width() - 2 * EDGE, ROW)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point_at(self.symbol_at(event.position().y()))

    def leaveEvent(self, event: QEvent) -> None:
        self._point_at(None)
        super().leaveEvent(event)
        self.left.emit()

    def _point_at(self, symbol: int | None) -> None:
        if symbol != self._aim:
            self._aim = symbol
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        symbol = self.symbol_at(event.position().y())
        if event.button() is Qt.MouseButton.LeftButton and symbol is not None:
            self.chosen.emit(symbol)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, inspection, alphabet = colours(self), self.inspection, self._alphabet
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.border, 1))
            painter.setBrush(theme.raised)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
            if inspection is None or alphabet is None:
                return
            painter.setFont(small(self.font()))
            painter.setPen(theme.quiet)
            head = QRectF(EDGE + 6, EDGE, self.width() - 2 * EDGE - 12, HEAD)
            painter.drawText(head, Qt.AlignmentFlag.AlignVCenter, f"step {grouped(inspection.step)}")
            right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
            painter.drawText(head, right, "click to put it there")
            painter.setFont(self.font())
            for symbol in self.symbols:
                row = QRectF(self.row_of(symbol))
                paint_value(painter, row, theme, inspection, alphabet, symbol, aimed=symbol == self._aim)
