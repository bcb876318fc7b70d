"""Plots over time: their axes, their zooming, and the marks that all of them share. Times are in seconds.

All plots are made once and only their data change: pyqtgraph leaks from making items, not from updating them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen, QPolygonF, QWheelEvent
from PySide6.QtWidgets import (
    QFrame,
    QGraphicsSceneWheelEvent,
    QHBoxLayout,
    QLabel,
    QStyleOptionGraphicsItem,
    QVBoxLayout,
    QWidget,
)

from studio.theme import QUIET, TITLE, Theme, colours, faded, fill_hatched, set_role, style_plot
from studio.widgets.controls import NOTCH
from studio.widgets.labels import ElidedLabel
from studio.widgets.painting import painting_with

PAN_PER_NOTCH = 0.1
"""Of the stretch in view."""

AXIS_PIXELS, LEAST_PLOT = 46, 52
MARKER_PIXELS = 9.0
GRIP_PIXELS = 5
"""An end of a loop can be taken this far from it."""
TIMES_PIXELS, BARE_PIXELS = 22, 6
"""The height of an axis of time with labels, and without."""

LABEL_PIXELS = 20
"""Labels of an upright axis lie at least this far apart."""

ZOOM_TIP = "Wheel: zoom. Drag, or wheel with Shift: move along. Double click: all of it"


class LabelledAxis(pg.AxisItem):  # type: ignore[misc]
    """An axis with the labels that it is told; fewer of them where they would run into one another."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self._labels: dict[float, str] = {}

    def show_labels(self, labels: Iterable[tuple[float, str]]) -> None:
        """labels: at which values, evenly spaced, and what they say."""
        self._labels = dict(labels)
        self.picture = None  # what pyqtgraph keeps of how it was painted
        self.update()

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        kept = list(self._labels)
        while len(kept) > 2 and size < LABEL_PIXELS * (len(kept) - 1):
            kept = kept[::2]
        return [(1.0, kept)]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [self._labels[value] for value in values]


class TimeAxis(pg.AxisItem):  # type: ignore[misc]
    """Seconds below a plot, with as many digits as the ticks need."""

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        digits = max(0, -math.floor(math.log10(spacing) + 1e-9)) if spacing > 0 else 0
        return [f"{value:.{digits}f} s" for value in values]


class Stretch(pg.GraphicsObject):  # type: ignore[misc]
    """A stretch of time in a plot, filled in device pixels: with a colour in a frame, or hatched as not drawn yet."""

    def __init__(self, owner: QWidget, depth: int) -> None:
        super().__init__()
        self._owner = owner
        self._rect = QRectF()
        self.colour: QColor | None = None
        """None: hatched."""
        self.frame: QColor | None = None
        self.setZValue(depth)

    @property
    def span(self) -> tuple[float, float]:
        """Where it begins and ends, in the plot's units."""
        return self._rect.left(), self._rect.right()

    def cover(self, left: float, right: float, bottom: float, top: float) -> None:
        rect = QRectF(left, bottom, max(0.0, right - left), top - bottom)
        if rect != self._rect:
            self.prepareGeometryChange()
            self._rect = rect
            self.update()

    def boundingRect(self) -> QRectF:
        return self._rect

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        with painting_with(painter):
            device = painter.transform().mapRect(self._rect)
            painter.resetTransform()
            if self.colour is None:
                fill_hatched(painter, device, colours(self._owner))
            else:
                painter.fillRect(device, self.colour)
            if self.frame is not None and not device.isEmpty():
                painter.setPen(QPen(self.frame, 1))
                painter.drawRect(device.adjusted(0.5, 0.5, -0.5, -0.5))


class LoopMark(pg.GraphicsObject):  # type: ignore[misc]
    """The stretch that is played over and over: a bar along the top between two lines; the rest is veiled."""

    BAR = 4

    def __init__(self) -> None:
        super().__init__()
        self.loop: tuple[float, float] | None = None
        self.colour, self.veil = QColor(), QColor()
        self.setZValue(5)
        self.hide()

    def cover(self, loop: tuple[float, float] | None) -> None:
        self.loop = loop
        self.setVisible(loop is not None)
        self.update()

    def viewTransformChanged(self) -> None:
        super().viewTransformChanged()
        self.prepareGeometryChange()  # it is as large as the plot

    def boundingRect(self) -> QRectF:
        return QRectF(self.viewRect())

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self.loop is None:
            return
        with painting_with(painter):
            transform, view = painter.transform(), self.viewRect()
            room = transform.mapRect(QRectF(view))
            left, right = (transform.map(QPointF(at, view.top())).x() for at in self.loop)
            painter.resetTransform()
            painter.setClipRect(room)
            painter.fillRect(QRectF(room.left(), room.top(), left - room.left(), room.height()), self.veil)
            painter.fillRect(QRectF(right, room.top(), room.right() - right, room.height()), self.veil)
            painter.fillRect(QRectF(left, room.top(), right - left, self.BAR), self.colour)
            for at in (left, right - 1):
                painter.fillRect(QRectF(at, room.top(), 1, room.height()), self.colour)


class TimeView(pg.ViewBox):  # type: ignore[misc]
    """A plot's area that zooms and pans in time alone and tells where it is clicked.

    The wheel zooms about the pointer; sideways, or with Shift, it pans, as dragging does.
    """

    clicked = Signal(float)
    whole_wanted = Signal()
    magnified = Signal(float)
    """The wheel turned with Ctrl, by so many notches."""
    stretched = Signal(float, float, bool)
    """A loop is drawn with Shift, or by one of its ends: from where, to where, and whether that is its last place."""

    def __init__(self, *, zooms: bool) -> None:
        super().__init__(enableMenu=False, defaultPadding=0)
        self.setMouseEnabled(x=zooms, y=False)
        self._zooms = zooms
        self.magnifies = False
        """Whether Ctrl with the wheel is of use here."""
        self._anchor: float | None = None
        """Where the loop that is being drawn is held."""
        self.loop: tuple[float, float] | None = None

    def other_end(self, scene: QPointF) -> float | None:
        """At an end of the loop, the other one."""
        if self.loop is None:
            return None
        for end, other in (self.loop, self.loop[::-1]):
            if abs(self.mapViewToScene(QPointF(end, 0)).x() - scene.x()) <= GRIP_PIXELS:
                return other
        return None

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Pans; with Shift, or by one of its ends, draws a loop."""
        if event.isStart() and event.button() == Qt.MouseButton.LeftButton and axis is None:
            pressed = event.buttonDownScenePos()
            drawn = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            self._anchor = self.mapSceneToView(pressed).x() if drawn else self.other_end(pressed)
        if self._anchor is None:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        self.stretched.emit(self._anchor, self.mapSceneToView(event.scenePos()).x(), event.isFinish())
        if event.isFinish():
            self._anchor = None

    def wheelEvent(self, event: QGraphicsSceneWheelEvent, axis: int | None = None) -> None:
        """axis: 0 or 1 where the wheel is over that axis."""
        sideways = event.orientation() == Qt.Orientation.Horizontal
        if self.magnifies and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.magnified.emit(event.delta() / NOTCH)
            event.accept()
        elif not sideways and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            super().wheelEvent(event, axis)
        elif self._zooms:
            (left, right), _ = self.viewRange()
            self.translateBy(x=-event.delta() / NOTCH * PAN_PER_NOTCH * (right - left))
            self.sigRangeChangedManually.emit([True, False])
            event.accept()

    def mouseClickEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            if event.double() and self._zooms:
                self.whole_wanted.emit()
            else:
                self.clicked.emit(self.mapSceneToView(event.scenePos()).x())


class Playhead(pg.GraphicsObject):  # type: ignore[misc]
    """What is heard now: a thin line under a triangle, as high as the plot."""

    SIZE = 5.0

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0
        self.colour = QColor()
        self.setZValue(20)
        self.hide()

    def move_to(self, seconds: float | None) -> None:
        self.setVisible(seconds is not None)
        if seconds is not None and seconds != self._seconds:
            self.prepareGeometryChange()
            self._seconds = seconds
            self.update()

    def viewTransformChanged(self) -> None:
        super().viewTransformChanged()
        self.prepareGeometryChange()  # its width is in pixels, its height that of the plot

    def boundingRect(self) -> QRectF:
        across, _ = self.pixelVectors()
        reach = (self.SIZE + 1) * (across.x() if across is not None else 0.0)
        view = self.viewRect()
        return QRectF(self._seconds - reach, view.top(), 2 * reach, view.height())

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        with painting_with(painter):
            view = self.viewRect()
            top = painter.transform().map(QPointF(self._seconds, view.bottom()))
            bottom = painter.transform().map(QPointF(self._seconds, view.top()))
            painter.resetTransform()
            painter.setPen(QPen(self.colour, 1))
            painter.drawLine(top, bottom)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.colour)
            size = QPointF(self.SIZE, 0)
            painter.drawPolygon(QPolygonF([top - size, top + size, top + QPointF(0, 1.4 * self.SIZE)]))


class TimePlot(pg.PlotWidget):  # type: ignore[misc]
    """A plot over time, with the marks that all of them share."""

    pointed = Signal(object)
    """The time under the mouse, or None when it has left."""

    def __init__(self, name: str, *, zooms: bool, left: pg.AxisItem | None = None) -> None:
        """left: the axis of what the plot shows over time."""
        self.view = TimeView(zooms=zooms)
        self.pointed_height: float | None = None
        """Where the mouse is along the other axis, while it is over the plot."""
        super().__init__(
            viewBox=self.view, axisItems={"bottom": TimeAxis("bottom"), "left": left or LabelledAxis("left")}
        )
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumHeight(LEAST_PLOT)
        self.hideButtons()
        for axis in (self.getAxis("left"), self.getAxis("bottom")):
            axis.enableAutoSIPrefix(False)  # a label that these do not have would be made anew with every range
        self.getAxis("left").setWidth(AXIS_PIXELS)
        self.show_times(True)
        if zooms:
            self.setAccessibleDescription(ZOOM_TIP)
            self.getAxis("bottom").setToolTip(ZOOM_TIP)  # of the whole plot it would lie over the wave
        self.hatch = Stretch(self, -10)
        self.frontier = pg.InfiniteLine(angle=90)
        self.inspected = pg.InfiniteLine(angle=90)
        self.hovered = pg.InfiniteLine(angle=90)
        self.playhead = Playhead()
        self.loop_mark = LoopMark()
        for item in (self.hatch, self.frontier, self.inspected, self.hovered, self.playhead, self.loop_mark):
            self.addItem(item, ignoreBounds=True)
        for line in (self.frontier, self.inspected, self.hovered):
            line.setZValue(10)
        self.inspected.addMarker("<|>", position=0, size=MARKER_PIXELS)
        self.getPlotItem().layout.setContentsMargins(0, 7, 1, 0)
        self.setMouseTracking(True)

    def dress(self, theme: Theme, marks: Theme) -> None:
        """Colours and lines; ``marks``: the theme of the lines, which must stand out from what the plot shows."""
        ratio = self.devicePixelRatioF()  # pens are cosmetic: their width is in device pixels
        style_plot(self, theme)
        self.frontier.setPen(pg.mkPen(marks.now, width=2 * ratio))
        self.inspected.setPen(pg.mkPen(marks.chosen, width=2 * ratio))
        self.hovered.setPen(pg.mkPen(faded(marks.chosen, 0.8), width=ratio))
        self.playhead.colour = marks.text
        self.playhead.update()
        self.loop_mark.colour, self.loop_mark.veil = faded(marks.text, 0.75), faded(marks.window, 0.6)
        self.loop_mark.update()

    def show_times(self, shown: bool) -> None:
        """Whether the axis of time has its labels; without, a plot below has the same axis."""
        axis = self.getAxis("bottom")
        axis.setStyle(showValues=shown)
        axis.setHeight(TIMES_PIXELS if shown else BARE_PIXELS)

    def show_loop(self, loop: tuple[float, float] | None) -> None:
        """From when to when is played over and over, in seconds."""
        self.view.loop = loop
        self.loop_mark.cover(loop)

    def shows(self, seconds: float) -> bool:
        (left, right), _ = self.view.viewRange()
        return bool(left <= seconds <= right)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._point(event.position())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """What lies under the mouse is something else now."""
        super().wheelEvent(event)
        self._point(event.position())

    def _point(self, position: QPointF) -> None:
        scene = self.mapToScene(position.toPoint())
        inside, at = self.view.sceneBoundingRect().contains(scene), self.view.mapSceneToView(scene)
        self.pointed_height = at.y() if inside else None
        grips = inside and self.view.other_end(scene) is not None
        self.viewport().setCursor(Qt.CursorShape.SizeHorCursor if grips else Qt.CursorShape.ArrowCursor)
        self.pointed.emit(at.x() if inside else None)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.pointed_height = None
        self.pointed.emit(None)

    def position_of(self, seconds: float, y: float = 0.0) -> QPointF:
        """Where a point of the plot lies in its viewport, in logical pixels."""
        scene = self.view.mapViewToScene(QPointF(seconds, y))
        return QPointF(self.mapFromScene(scene))


def place(line: pg.InfiniteLine, seconds: float | None) -> None:
    line.setVisible(seconds is not None)
    if seconds is not None:
        line.setPos(seconds)


@dataclass(frozen=True)
class InView:
    """The steps start … stop - 1 that a plot shows, one more at either end included."""

    rate: int
    start: int
    stop: int
    per_pixel: float
    """Steps per pixel of the screen."""

    @property
    def empty(self) -> bool:
        return self.start >= self.stop

    @property
    def columns(self) -> int:
        """Pixels of the screen that the steps cover."""
        return max(1, math.ceil((self.stop - self.start) / max(self.per_pixel, 1e-9)))

    def times(self, count: int) -> npt.NDArray[np.float64]:
        """The middles of ``count`` equal columns, in seconds (count,)."""
        return (self.start + (np.arange(count) + 0.5) * ((self.stop - self.start) / count)) / self.rate


def in_view(plot: TimePlot, rate: int, length: int) -> InView:
    """What a plot shows of a clip of ``length`` steps."""
    (left, right), _ = plot.view.viewRange()
    start, stop = min(length, max(0, math.floor(left * rate) - 1)), min(length, math.ceil(right * rate) + 2)
    width = max(1.0, plot.view.width() * plot.devicePixelRatioF())
    return InView(rate, start, stop, (right - left) * rate / width)


class Pane(QWidget):
    """A plot under its title, with what there is to say of it at the right."""

    def __init__(self, title: str, plot: TimePlot) -> None:
        super().__init__()
        self.plot = plot
        self.title = QLabel(title)
        set_role(self.title, TITLE)
        self.facts = ElidedLabel("", QUIET, align=Qt.AlignmentFlag.AlignRight)
        self.head = QHBoxLayout()
        self.head.addWidget(self.title)
        self.head.addWidget(self.facts, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(self.head)
        column.addWidget(plot, 1)
