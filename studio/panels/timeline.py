"""The timeline: the whole chain as a track, what is drawn of it, where the model was unsure, and the cursor."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from models.trace import Trace
from models.wording import grouped
from studio.canvas.common import full_bits
from studio.canvas.pyramid import Pyramid
from studio.state import Studio
from studio.theme import colours, faded, mixed
from studio.widgets.painting import painting

SIDE = 12
"""Room left and right of the track, for half a handle."""

HANDLE = 6.0
"""Radius of the cursor's handle."""

TRACK = 3.0
BELOW = 13.0
"""From the track's middle to the lower edge: the handle, and the ticks of the branches."""

CHANGE = 6.0
"""Width and height of the mark at the top where the settings changed."""

LARGEST_WIDTH = 4096


def changes(trace: Trace) -> list[int]:
    """The steps from which on a trace was drawn under another temperature, top-k, top-p, min-p or condition."""
    return [
        after.start
        for before, after in pairwise(trace.schedule)
        if (before.shaping, before.condition) != (after.shaping, after.condition)
    ]


class EntropyCurve:
    """The entropies of one trace as a pyramid that grows with it."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._pyramid = self._empty()
        self._unscored = False

    def _empty(self) -> Pyramid:
        return Pyramid(lambda start, stop: self.trace.entropy[start:stop])

    def sync(self) -> Pyramid:
        """The pyramid of what the trace holds by now; built anew once a trace without figures got them."""
        entropy = self.trace.entropy
        if self._unscored and not np.isnan(entropy).any():
            self._pyramid, self._unscored = self._empty(), False
        new = entropy[len(self._pyramid) :]
        if len(new):
            self._unscored |= bool(np.isnan(new).any())
            self._pyramid.grow(len(entropy))
        return self._pyramid


class Timeline(QWidget):
    """See the module. Dragging moves the cursor and leaves generation alone."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self._studio = studio
        self._curve: EntropyCurve | None = None
        self._dragging = False
        self.setAccessibleName("Timeline")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(52)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        for signal in (studio.take_changed, studio.branches_changed, studio.grown, studio.looking.selection_changed):
            signal.connect(self._refresh)
        studio.looking.cursor_changed.connect(self._refresh)
        self._refresh()

    def sizeHint(self) -> QSize:
        return QSize(600, 52)

    # --- geometry ----------------------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """Steps that the whole track stands for: the chain's, or the longest that an open one may become."""
        take = self._studio.take
        if take is None:
            return 1
        if take.chain.length is not None:
            return take.chain.length
        return max(1, take.extent if take.finished or take.endless else take.limit)

    def x_of(self, step: int) -> float:
        """Where a step lies on the track, in logical pixels."""
        return SIDE + min(step, self.total) / self.total * (self.width() - 2 * SIDE)

    def step_at(self, x: float) -> int:
        return round((x - SIDE) / max(1, self.width() - 2 * SIDE) * self.total)

    # --- following the state -----------------------------------------------------------------------------------------

    @Slot()
    def _refresh(self) -> None:
        trace = self._studio.trace
        if trace is None:
            self._curve = None
        elif self._curve is None or self._curve.trace is not trace:
            self._curve = EntropyCurve(trace)
        self.update()

    def describe(self, step: int) -> str:
        """A step and where it lies, in words; where the settings changed on the way, those that it was drawn under."""
        take, trace = self._studio.take, self._studio.trace
        if take is None or trace is None:
            return ""
        words = [f"step {grouped(step)}", take.chain.locate(step) if step < self.total else "end"]
        if changes(trace) and step < len(trace):
            words.append(trace.segment_at(step).shaping.describe())
        return " · ".join(words)

    # --- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, studio = colours(self), self._studio
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            base = self.height() - BELOW
            left, right = float(SIDE), float(self.width() - SIDE)
            self._bar(painter, left, right, base, theme.line)
            take = studio.take
            if take is None:
                return
            trace = take.samples[studio.looking.selected].trace
            drawn = self.x_of(len(trace))
            painter.setBrush(theme.area if studio.looking.following else mixed(theme.area, theme.panel, 0.3))
            painter.drawPolygon(self._entropy_shape(base - TRACK / 2 - 1))
            self._bar(painter, left, drawn, base, faded(theme.chosen, 0.45))
            self._bar(painter, left, min(drawn, self.x_of(studio.looking.cursor)), base, theme.chosen)
            for number, branch in enumerate(take.samples[studio.looking.selected].branches):
                if branch.parent is not None:
                    shown = number == take.samples[studio.looking.selected].current
                    painter.setBrush(theme.chosen if shown else theme.quiet)
                    painter.drawRect(QRectF(self.x_of(branch.fork) - 0.75, base + TRACK / 2 + 2.5, 1.5, 5))
            painter.setBrush(theme.quiet)
            for step in changes(trace):
                x = self.x_of(step)
                painter.drawPolygon([QPointF(x - CHANGE / 2, 0), QPointF(x + CHANGE / 2, 0), QPointF(x, CHANGE)])
            if not trace.finished:
                painter.setBrush(theme.now)
                painter.drawRoundedRect(QRectF(drawn - 1.5, base - 7, 3, 14), 1.5, 1.5)
            for pointer, width in ((studio.looking.pinned, 2.0), (studio.looking.hovered, 1.0)):
                if pointer is not None and pointer.sample == studio.looking.selected:
                    painter.setBrush(theme.chosen)
                    painter.drawRect(QRectF(self.x_of(pointer.step) - width / 2, 3, width, base - 3))
            self._handle(painter, QPointF(self.x_of(studio.looking.cursor), base))

    def _handle(self, painter: QPainter, centre: QPointF) -> None:
        """The cursor: blue; with an amber heart where it follows the frontier of what still grows."""
        theme, studio = colours(self), self._studio
        painter.setBrush(theme.panel)
        painter.drawEllipse(centre, HANDLE + 2, HANDLE + 2)
        if self.hasFocus():
            painter.setBrush(faded(theme.chosen, 0.35))
            painter.drawEllipse(centre, HANDLE + 2.5, HANDLE + 2.5)
        painter.setBrush(theme.chosen)
        painter.drawEllipse(centre, HANDLE, HANDLE)
        if studio.looking.following and studio.take is not None and not studio.take.finished:
            painter.setBrush(theme.now)
            painter.drawEllipse(centre, HANDLE / 2, HANDLE / 2)

    @staticmethod
    def _bar(painter: QPainter, left: float, right: float, middle: float, colour: QColor) -> None:
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(left, middle - TRACK / 2, max(0.0, right - left), TRACK), TRACK / 2, TRACK / 2)

    def _entropy_shape(self, base: float) -> QPolygonF:
        """The largest entropy in every two pixels of the track, standing on ``base``; full height is log2 K bits."""
        shape = QPolygonF()
        pyramid = self._curve.sync() if self._curve is not None else None
        take = self._studio.take
        if pyramid is None or take is None or not len(pyramid):
            return shape
        width = self.x_of(len(pyramid)) - SIDE
        count = max(1, min(int(width / 2), len(pyramid), LARGEST_WIDTH))
        _, high, _ = pyramid.columns(0, len(pyramid), count)
        y = base - np.clip(high / full_bits(take.chain.alphabet), 0, 1) * (base - 4)
        x = SIDE + (np.arange(count) + 0.5) * (width / count)
        shape.append(QPointF(SIDE, base))
        shape.append([QPointF(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)])
        shape.append(QPointF(SIDE + width, base))
        return shape

    # --- mouse and keys ----------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self._studio.take is not None:
            self._dragging = True
            self._drag_to(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._drag_to(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragging = False
        QToolTip.hideText()

    def _drag_to(self, event: QMouseEvent) -> None:
        self._studio.looking.move_cursor(self.step_at(event.position().x()))
        QToolTip.showText(event.globalPosition().toPoint(), self.describe(self._studio.looking.cursor), self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        studio = self._studio
        match event.key():
            case Qt.Key.Key_Left:
                studio.step_by(-1)
            case Qt.Key.Key_Right:
                studio.step_by(1)
            case Qt.Key.Key_PageUp:
                studio.step_stride(-1)
            case Qt.Key.Key_PageDown:
                studio.step_stride(1)
            case Qt.Key.Key_Home:
                studio.looking.move_cursor(0)
            case Qt.Key.Key_End:
                studio.looking.follow()
            case _:
                super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and self._studio.take is not None:
            position = event.pos()  # type: ignore[attr-defined]
            step = min(max(0, self.step_at(position.x())), self._studio.take.longest)
            QToolTip.showText(event.globalPos(), self.describe(step), self)  # type: ignore[attr-defined]
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)


def main() -> int:
    from studio.canvas.demo import DIGIT_CHAIN, show_alone

    return show_alone(Timeline, DIGIT_CHAIN, 1)


if __name__ == "__main__":
    raise SystemExit(main())
