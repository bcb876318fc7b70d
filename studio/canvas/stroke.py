"""Drawing over a sound: a stroke of the mouse becomes symbols on a branch; and the marks of all that was put there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Slot
from PySide6.QtGui import QMouseEvent, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from models.chain import INT16_PEAK, SoundChain
from models.trace import Trace
from studio.looking import Pointer
from studio.messages import pictured
from studio.state import Studio
from studio.theme import DARK, SIGN, Theme, colours, faded, set_role
from studio.widgets.controls import ToolButton
from studio.widgets.painting import painting_with

LEAST_PIXELS = 2.0
"""Device pixels that the mark of a single step is wide."""
MARK_OPACITY = 0.18
PENCIL_TIP = (
    "Draw over the wave or the conditionals: what the stroke covers is put there on a branch, and generation goes on "
    "after it. Without it: drag with Ctrl"
)


class Clamped(pg.GraphicsObject):  # type: ignore[misc]
    """Marks the steps of a trace that were not drawn by the model: given beforehand, or put there."""

    def __init__(self, plot: pg.PlotWidget) -> None:
        super().__init__()
        self._owner = plot
        self._rate = 1
        self._trace: Trace | None = None
        self._seen = 0
        """Steps of the trace that are in the runs: a long one is not read again with every frame."""
        self.runs: npt.NDArray[np.int64] = np.empty((0, 2), np.int64)
        """First step and the one after the last of each, (n, 2)."""
        self.setZValue(-8)
        plot.addItem(self, ignoreBounds=True)

    def show_trace(self, trace: Trace, rate: int) -> None:
        if trace is not self._trace or rate != self._rate:
            self._trace, self._rate, self._seen = trace, rate, 0
            self.runs = np.empty((0, 2), np.int64)
            self.update()
        new = trace.clamped[self._seen :].astype(np.int8)
        runs = self._seen + np.flatnonzero(np.diff(new, prepend=0, append=0)).reshape(-1, 2)
        self._seen += len(new)
        if len(runs):
            if len(self.runs) and self.runs[-1, 1] == runs[0, 0]:
                runs[0, 0], self.runs = self.runs[-1, 0], self.runs[:-1]
            self.runs = np.concatenate([self.runs, runs])
            self.update()

    def viewRangeChanged(self) -> None:
        self.prepareGeometryChange()

    def boundingRect(self) -> QRectF:
        """All that is in view."""
        rect: QRectF = self.viewRect()
        return rect

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        view = self.boundingRect()
        left, right = view.left() * self._rate, view.right() * self._rate
        with painting_with(painter):
            transform = painter.transform()
            painter.resetTransform()
            colour = faded(colours(self._owner).quiet, MARK_OPACITY)
            for start, stop in self.runs[(self.runs[:, 1] > left) & (self.runs[:, 0] < right)].tolist():
                # A step is drawn where it lies: its mark is centred on it.
                box = QRectF((start - 0.5) / self._rate, view.top(), (stop - start) / self._rate, view.height())
                device = transform.mapRect(box)
                if device.width() < LEAST_PIXELS:
                    device.setWidth(LEAST_PIXELS)
                painter.fillRect(device, colour)


class Pencil(QObject):
    """Strokes over the wave, by amplitude, and over the conditional-gram, by symbol; while its button is down, or Ctrl.

    A stroke that goes back and forth keeps what was drawn last. The right button gives up the stroke that is drawn.
    """

    def __init__(self, studio: Studio, wave: pg.PlotWidget, gram: pg.PlotWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self._studio = studio
        self._owner = parent
        self._plots = {plot.viewport(): plot for plot in (wave, gram)}
        self._gram = gram
        self._lines: dict[pg.PlotWidget, pg.PlotCurveItem] = {}
        for plot in (wave, gram):
            self._lines[plot] = pg.PlotCurveItem(antialias=True)
            self._lines[plot].setZValue(15)
            plot.addItem(self._lines[plot], ignoreBounds=True)
            plot.viewport().installEventFilter(self)
        self.button = ToolButton("", glyph="pencil", tip=PENCIL_TIP, name="Draw")
        self.button.setCheckable(True)
        set_role(self.button, SIGN)
        self.button.toggled.connect(self._show_cursor)
        self._drawing: pg.PlotWidget | None = None
        self._last: tuple[int, float] = (0, 0.0)
        self._stroke: dict[int, float] = {}
        """By step, as high as it was drawn: an amplitude in the wave, a row in the conditional-gram."""
        for changed in (studio.take_changed, studio.branches_changed):
            changed.connect(self.give_up)

    @Slot(bool)
    def _show_cursor(self, draws: bool) -> None:
        for viewport in self._plots:
            viewport.setCursor(Qt.CursorShape.CrossCursor if draws else Qt.CursorShape.ArrowCursor)

    @property
    def _chain(self) -> SoundChain | None:
        take = self._studio.take
        return take.chain if take is not None and isinstance(take.chain, SoundChain) else None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        plot = self._plots.get(watched) if isinstance(watched, QWidget) else None
        if plot is None or not isinstance(event, QMouseEvent):
            return False
        left = event.button() == Qt.MouseButton.LeftButton
        match event.type():
            case QEvent.Type.MouseButtonPress if self._drawing is not None:
                self.give_up()
            case QEvent.Type.MouseButtonPress | QEvent.Type.MouseButtonDblClick if left and self._draws(event):
                if (place := self._place(plot, event)) is None:
                    return False
                self._drawing, self._last = plot, place
                self._go_to(*place)
            case QEvent.Type.MouseMove if self._drawing is plot:
                if (place := self._place(plot, event, outside=True)) is not None:
                    self._go_to(*place)
            case QEvent.Type.MouseButtonRelease if left and self._drawing is plot:
                self._finish()
            case _:
                return False
        return True

    def _draws(self, event: QMouseEvent) -> bool:
        return self.button.isChecked() or bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)

    def _place(self, plot: pg.PlotWidget, event: QMouseEvent, *, outside: bool = False) -> tuple[int, float] | None:
        """The step and the height under the mouse, if it is over the plot; ``outside``: the nearest there."""
        take, chain, view = self._studio.take, self._chain, plot.getViewBox()
        scene = plot.mapToScene(event.position().toPoint())
        if take is None or chain is None or not (outside or view.sceneBoundingRect().contains(scene)):
            return None
        point: QPointF = view.mapSceneToView(scene)
        low, high = (0.0, pictured(chain.alphabet).levels - 1.0) if plot is self._gram else (-1.0, 1.0)
        return min(max(0, round(point.x() * chain.rate)), take.limit - 1), min(max(low, point.y()), high)

    def _go_to(self, step: int, height: float) -> None:
        """A straight line from where the stroke was, and what it looks like."""
        assert self._drawing is not None
        before, old = self._last
        steps = np.arange(min(before, step), max(before, step) + 1)
        ends = sorted([(before, old), (step, height)])
        heights = np.interp(steps, [ends[0][0], ends[1][0]], [ends[0][1], ends[1][1]])
        if before == step:
            heights[:] = height
        self._stroke.update(zip(steps.tolist(), heights.tolist(), strict=True))
        self._last = step, height
        chain = self._chain
        if chain is not None:
            theme: Theme = DARK if self._drawing is self._gram else colours(self._owner)
            drawn = np.array(sorted(self._stroke.items()))
            line = self._lines[self._drawing]
            line.setPen(pg.mkPen(theme.now, width=2 * self._drawing.devicePixelRatioF()))
            line.setData(drawn[:, 0] / chain.rate, drawn[:, 1])

    @Slot()
    def give_up(self) -> None:
        """The stroke that is drawn leaves nothing."""
        self._drawing, self._stroke = None, {}
        for line in self._lines.values():
            line.setData([], [])

    def _finish(self) -> None:
        studio, chain, stroke, over_gram = self._studio, self._chain, self._stroke, self._drawing is self._gram
        trace = studio.trace
        self.give_up()
        if chain is None or trace is None:
            return
        start = min(stroke)
        heights = np.array([height for _, height in sorted(stroke.items())])
        if start > len(trace) - trace.finished:
            studio.message.emit("A stroke begins where something is drawn already.")
            return
        symbols = chain.alphabet.encode(heights * INT16_PEAK)
        if over_gram:
            drawn, rows = np.rint(heights).astype(np.int32), pictured(chain.alphabet)
            symbols = drawn if rows is chain.alphabet else chain.alphabet.encode(rows.decode(drawn))
        studio.editing.put_stroke(symbols, Pointer(studio.looking.selected, start))
