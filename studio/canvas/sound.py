"""The canvas of sounds: the wave as it grows, the bits it cost, and the conditionals along it.

All plots are made once and only their data change. What is drawn is taken from pyramids, so that a frame costs the
width of the plot, not the length of the clip. Times are in seconds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QGraphicsSceneWheelEvent,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QStyleOptionGraphicsItem,
    QVBoxLayout,
    QWidget,
)

from models.chain import INT16_PEAK, Alphabet, SoundChain
from models.trace import Take, Trace
from models.wording import grouped
from studio.canvas.common import SHORT_NAMES, Canvas, Invitation, ReadOut, full_bits, step_facts
from studio.canvas.pyramid import Pyramid
from studio.messages import Gram
from studio.state import Activity, Pointer, Studio
from studio.theme import DARK, QUIET, TITLE, Theme, colours, faded, fill_hatched, heat_table, set_role, style_plot
from studio.widgets.controls import claims_key
from studio.widgets.labels import ElidedLabel
from studio.widgets.painting import painting, painting_with

GRAM_SECONDS = 0.025
"""The stretch whose conditionals are pictured."""

GRAM_EDGE = 0.08
"""The picture moves on when the inspected step comes this close to its ends, as a part of its width."""

GRAM_DELAY_MS, GRAM_RUNNING_DELAY_MS = 20, 200
"""A picture is asked for this long after it is wanted: many moves are one request, and a walk is not slowed down."""

CLIPS_DELAY_MS = 150

CLOSEST_STEPS = 16
"""The wheel zooms in down to this many steps."""

POINT_PIXELS = 5
"""Samples at least this far apart are drawn as points."""

LOW_PIXELS = 64
"""Below this height labels between 0 and the top would run into one another."""

NOTCH = 120
"""What a notch of a wheel counts; a touch pad counts in smaller steps."""

PAN_PER_NOTCH = 0.1
"""Of the stretch in view."""

AXIS_PIXELS, LEAST_PLOT = 46, 52
CLIP_HEIGHT, CLIPS_WIDTH = 40, 168

ZOOM_TIP = "Wheel: zoom. Drag, or wheel with Shift: move along. Double click: all of it"


class Clip:
    """What is drawn of one trace: its amplitudes, -1 … 1, entropies and surprises, in bits, as pyramids."""

    def __init__(self, trace: Trace, amplitudes: npt.NDArray[np.float32]) -> None:
        """amplitudes: of the symbols, (K,)."""
        self.trace = trace
        self.wave = Pyramid(lambda start, stop: amplitudes[trace.symbols[start:stop]])
        self._measure()

    def _measure(self) -> None:
        trace = self.trace
        self.entropy = Pyramid(lambda start, stop: trace.entropy[start:stop])
        self.surprise = Pyramid(lambda start, stop: trace.surprise[start:stop])
        self._unscored = False

    def sync(self) -> None:
        """Takes in the steps that are new."""
        trace = self.trace
        length = len(trace)
        start = len(self.wave)
        rescored = self._unscored and not np.isnan(trace.entropy[:length]).any()
        if rescored:
            self._measure()
        if length == start and not rescored:
            return
        self.wave.grow(length)
        for pyramid, figures in ((self.entropy, trace.entropy), (self.surprise, trace.surprise)):
            new = figures[len(pyramid) : length]
            self._unscored |= bool(np.isnan(new).any())
            pyramid.grow(length)


def symbol_amplitudes(alphabet: Alphabet) -> npt.NDArray[np.float32]:
    """What the symbols sound like, (K,) in -1 … 1: silence for one that only stops."""
    table = np.zeros(alphabet.size, np.float32)
    table[: alphabet.levels] = alphabet.decode(np.arange(alphabet.levels)) / INT16_PEAK
    return table


class TimeAxis(pg.AxisItem):  # type: ignore[misc]
    """Seconds below a plot, with as many digits as the ticks need."""

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        digits = max(0, -math.floor(math.log10(spacing) + 1e-9)) if spacing > 0 else 0
        return [f"{value:.{digits}f} s" for value in values]


class BitsAxis(pg.AxisItem):  # type: ignore[misc]
    """Bits from 0 up: where the plot is too low for several labels, only its two ends are labelled."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        if size < LOW_PIXELS:
            return [(high - low, [low, high])]
        ticks: list[tuple[float, list[float]]] = super().tickValues(low, high, size)
        return ticks


class Stretch(pg.GraphicsObject):  # type: ignore[misc]
    """A stretch of time in a plot, filled in device pixels: with a colour, or hatched as not drawn yet."""

    def __init__(self, owner: QWidget, depth: int) -> None:
        super().__init__()
        self._owner = owner
        self._rect = QRectF()
        self.colour: QColor | None = None
        """None: hatched."""
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


class TimeView(pg.ViewBox):  # type: ignore[misc]
    """A plot's area that zooms and pans in time alone and tells where it is clicked.

    The wheel zooms about the pointer; sideways, or with Shift, it pans, as dragging does.
    """

    clicked = Signal(float)
    whole_wanted = Signal()

    def __init__(self, *, zooms: bool) -> None:
        super().__init__(enableMenu=False, defaultPadding=0)
        self.setMouseEnabled(x=zooms, y=False)
        self._zooms = zooms

    def wheelEvent(self, event: QGraphicsSceneWheelEvent, axis: int | None = None) -> None:
        """axis: 0 or 1 where the wheel is over that axis."""
        sideways = event.orientation() == Qt.Orientation.Horizontal
        if not sideways and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
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


class TimePlot(pg.PlotWidget):  # type: ignore[misc]
    """A plot over time, with the marks that all of them share."""

    pointed = Signal(object)
    """The time under the mouse, or None when it has left."""

    def __init__(self, name: str, *, zooms: bool, left: type[pg.AxisItem] = pg.AxisItem) -> None:
        self.view = TimeView(zooms=zooms)
        super().__init__(viewBox=self.view, axisItems={"bottom": TimeAxis("bottom"), "left": left("left")})
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumHeight(LEAST_PLOT)
        self.hideButtons()
        for axis in (self.getAxis("left"), self.getAxis("bottom")):
            axis.enableAutoSIPrefix(False)  # a label that these do not have would be made anew with every range
        self.getAxis("left").setWidth(AXIS_PIXELS)
        self.getAxis("bottom").setHeight(22)
        if zooms:
            self.setAccessibleDescription(ZOOM_TIP)
            self.getAxis("bottom").setToolTip(ZOOM_TIP)  # of the whole plot it would lie over the wave
        self.hatch = Stretch(self, -10)
        self.frontier = pg.InfiniteLine(angle=90)
        self.inspected = pg.InfiniteLine(angle=90)
        self.hovered = pg.InfiniteLine(angle=90)
        for item in (self.hatch, self.frontier, self.inspected, self.hovered):
            self.addItem(item, ignoreBounds=True)
        for line in (self.frontier, self.inspected, self.hovered):
            line.setZValue(10)
        self.getPlotItem().layout.setContentsMargins(0, 7, 1, 0)
        self.setMouseTracking(True)

    def dress(self, theme: Theme, marks: Theme) -> None:
        """Colours and lines; ``marks``: the theme of the lines, which must stand out from what the plot shows."""
        ratio = self.devicePixelRatioF()  # pens are cosmetic: their width is in device pixels
        style_plot(self, theme)
        self.frontier.setPen(pg.mkPen(marks.now, width=2 * ratio))
        self.inspected.setPen(pg.mkPen(marks.chosen, width=2 * ratio))
        self.hovered.setPen(pg.mkPen(faded(marks.chosen, 0.8), width=ratio))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        scene = self.mapToScene(event.position().toPoint())
        inside = self.view.sceneBoundingRect().contains(scene)
        self.pointed.emit(self.view.mapSceneToView(scene).x() if inside else None)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.pointed.emit(None)

    def position_of(self, seconds: float, y: float = 0.0) -> QPointF:
        """Where a point of the plot lies in its viewport, in logical pixels."""
        scene = self.view.mapViewToScene(QPointF(seconds, y))
        return QPointF(self.mapFromScene(scene))


class Playhead(pg.GraphicsObject):  # type: ignore[misc]
    """What is heard now: a thin line under a triangle."""

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

    def boundingRect(self) -> QRectF:
        across, _ = self.pixelVectors()
        reach = (self.SIZE + 1) * (across.x() if across is not None else 0.0)
        return QRectF(self._seconds - reach, -1, 2 * reach, 2)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        with painting_with(painter):
            top = painter.transform().map(QPointF(self._seconds, 1))
            bottom = painter.transform().map(QPointF(self._seconds, -1))
            painter.resetTransform()
            painter.setPen(QPen(self.colour, 1))
            painter.drawLine(top, bottom)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.colour)
            size = QPointF(self.SIZE, 0)
            painter.drawPolygon(QPolygonF([top - size, top + size, top + QPointF(0, 1.4 * self.SIZE)]))


class ClipList(QWidget):
    """All clips of a take as small waves, one below the other; the selected one is heard."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self.clips: list[Clip] = []
        self.span = 1
        """Steps that the width of a row stands for."""
        self.setAccessibleName("Clips")

    def sizeHint(self) -> QSize:
        return QSize(CLIPS_WIDTH, CLIP_HEIGHT * len(self.clips))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._studio.select(int(event.position().y() // CLIP_HEIGHT))

    def event(self, event: QEvent) -> bool:
        return claims_key(event, Qt.Key.Key_Up, Qt.Key.Key_Down) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down choose the clip that is heard."""
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if steps is None:
            super().keyPressEvent(event)
        else:
            self._studio.select(self._studio.selected + steps)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            painter.fillRect(event.rect(), theme.window)
            first, last = event.rect().top() // CLIP_HEIGHT, event.rect().bottom() // CLIP_HEIGHT
            for n in range(first, min(last + 1, len(self.clips))):
                self._paint_row(painter, n, theme)

    def _paint_row(self, painter: QPainter, n: int, theme: Theme) -> None:
        row = QRectF(2, n * CLIP_HEIGHT + 2, self.width() - 4, CLIP_HEIGHT - 4)
        chosen = n == self._studio.selected
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.chosen if chosen else theme.line, 1))
        painter.setBrush(theme.chosen_fill if chosen else theme.panel)
        painter.drawRoundedRect(row.adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(theme.text if chosen else theme.quiet)
        painter.drawText(row.adjusted(8, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, str(n))
        wave, room = self.clips[n].wave, row.adjusted(30, 4, -8, -4)
        count = min(int(room.width() * len(wave) / max(self.span, len(wave))), len(wave))
        if count < 1:
            return
        low, high, _ = wave.columns(0, len(wave), count)
        x = room.left() + np.arange(count)
        middle, reach = room.center().y(), room.height() / 2
        top = middle - np.maximum(high, 0.02) * reach
        bottom = middle - np.minimum(low, -0.02) * reach
        painter.setPen(QPen(theme.chosen, 1))
        corners = np.stack([np.stack([x, top], 1), np.stack([x, bottom], 1)], 1).reshape(-1, 2).tolist()
        painter.drawLines([QPointF(a, b) for a, b in corners])


class SoundCanvas(Canvas):
    """Wave, bits and conditional-gram of the selected clip; an invitation while there is no take."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self._clips: list[Clip] = []
        self._amplitudes = np.empty(0, np.float32)
        self._levels = 0
        """Those that the gram's axis shows."""
        self._zoomed = False
        self._gram: Gram | None = None
        self._gram_wanted: tuple[Trace, int, int] | None = None
        self._gram_held = False
        """Whether the stretch stays where it is while the mouse is on its way to the gram, or over it."""
        self._shown_trace: Trace | None = None
        self._ask_gram = QTimer(self, singleShot=True)
        self._ask_gram.timeout.connect(self._request_gram)
        self._clips_due = QTimer(self, singleShot=True)
        self._clips_due.timeout.connect(self._draw_clips)
        self.setAccessibleName("Canvas")

        self.read_out = ReadOut("Point at the wave to see a conditional; click to keep it; the wheel zooms.")
        self.wave_plot = TimePlot("Waveform", zooms=True)
        self.bits_plot = TimePlot("Bits per sample", zooms=True, left=BitsAxis)
        self.gram_plot = TimePlot("Conditional-gram", zooms=False)
        self.clip_list = ClipList(studio)
        self.invitation = Invitation(studio)
        self._make_items()
        right = Qt.AlignmentFlag.AlignRight
        self._wave_facts, self._bits_facts, self._gram_facts = (ElidedLabel("", QUIET, align=right) for _ in range(3))
        self._bits_title = QLabel()
        self._lay_out()
        self._dress()

        self.wave_plot.view.sigXRangeChanged.connect(self._on_range)
        self.wave_plot.view.sigRangeChangedManually.connect(self._on_zoom)
        self.bits_plot.view.sigRangeChangedManually.connect(self._on_bits_zoom)
        self.wave_plot.view.whole_wanted.connect(self.show_whole)
        self.bits_plot.view.whole_wanted.connect(self.show_whole)
        for plot in (self.wave_plot, self.bits_plot, self.gram_plot):
            plot.view.clicked.connect(self._on_click)
            plot.pointed.connect(self._on_pointed)
        studio.take_changed.connect(self._on_take)
        studio.branches_changed.connect(self._on_branches)
        studio.grown.connect(self._on_grown)
        studio.cursor_changed.connect(self._on_cursor)
        studio.selection_changed.connect(self._on_selection)
        studio.view_changed.connect(self._on_view)
        studio.gram_ready.connect(self._on_gram)
        for signal in (studio.model_changed, studio.activity_changed):
            signal.connect(self._on_model)
        for signal in (studio.model_changed, studio.settings_changed):
            signal.connect(self._prepare)
        self._on_view()
        self._on_take()

    def _make_items(self) -> None:
        self._wave = pg.PlotCurveItem(antialias=False)
        self._points = pg.ScatterPlotItem(size=5, pxMode=True, pen=None)
        self.lens = Stretch(self.wave_plot, -5)
        self.playhead = Playhead()
        for item in (self.lens, self._wave, self._points, self.playhead):
            self.wave_plot.addItem(item, ignoreBounds=True)
        self.wave_plot.setYRange(-1, 1, padding=0)
        self.wave_plot.getAxis("left").setTicks([[(-1, "−1"), (-0.5, "−0.5"), (0, "0"), (0.5, "0.5"), (1, "1")]])
        self._peak_bits = pg.PlotCurveItem(antialias=False)
        self._mean_bits = pg.PlotCurveItem(antialias=False, fillLevel=0)
        for item in (self._mean_bits, self._peak_bits):
            self.bits_plot.addItem(item, ignoreBounds=True)
        self._picture = pg.ImageItem(axisOrder="col-major")
        self._picture.setLookupTable(heat_table())
        self._path = pg.PlotCurveItem(antialias=True)
        for item in (self._picture, self._path):
            self.gram_plot.addItem(item, ignoreBounds=True)

    def _lay_out(self) -> None:
        body = QWidget()
        self._bits_box, self._gram_box = QWidget(), QWidget()
        column = QVBoxLayout()
        column.setSpacing(6)
        wave_title = QLabel("Waveform")
        for title in (wave_title, self._bits_title):
            title.setToolTip(ZOOM_TIP)
        self._add_plot(column, wave_title, self._wave_facts, self.wave_plot, QWidget(), 4)
        self._add_plot(column, self._bits_title, self._bits_facts, self.bits_plot, self._bits_box, 2)
        self._add_plot(column, QLabel("Conditional-gram"), self._gram_facts, self.gram_plot, self._gram_box, 4)
        column.addWidget(self.read_out)
        self.clip_scroll = QScrollArea()
        self.clip_scroll.setWidget(self.clip_list)
        self.clip_scroll.setWidgetResizable(True)
        self.clip_scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.clip_scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.clip_scroll.setFixedWidth(CLIPS_WIDTH + 12)
        row = QHBoxLayout(body)
        row.setContentsMargins(16, 12, 16, 8)
        row.setSpacing(12)
        row.addWidget(self.clip_scroll)
        row.addLayout(column, 1)
        self._cover(body, self.invitation)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    @staticmethod
    def _add_plot(
        column: QVBoxLayout, title: QLabel, facts: ElidedLabel, plot: QWidget, box: QWidget, share: int
    ) -> None:
        set_role(title, TITLE)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addWidget(facts, 1)
        inner = QVBoxLayout(box)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(4)
        inner.addLayout(head)
        inner.addWidget(plot, 1)
        column.addWidget(box, share)

    def _dress(self) -> None:
        """Colours of the present theme."""
        theme = colours(self)
        self.wave_plot.dress(theme, theme)
        self.bits_plot.dress(theme, theme)
        self.gram_plot.dress(theme, DARK)  # its picture is dark in every theme
        self._wave.setPen(pg.mkPen(theme.chosen, width=1))
        self._points.setBrush(pg.mkBrush(theme.chosen))
        self.lens.colour = faded(theme.chosen, 0.28)
        self.playhead.colour = theme.text
        self.playhead.update()
        self._mean_bits.setPen(pg.mkPen(theme.quiet, width=1))
        self._mean_bits.setBrush(pg.mkBrush(faded(theme.quiet, 0.45)))
        self._peak_bits.setPen(pg.mkPen(faded(theme.quiet, 0.55), width=1))
        self._path.setPen(pg.mkPen(QColor(255, 255, 255, 190), width=1))

    # --- following the state -----------------------------------------------------------------------------------------

    @property
    def _take(self) -> Take | None:
        take = self._studio.take
        return take if take is not None and isinstance(take.chain, SoundChain) else None

    @property
    def _chain(self) -> SoundChain:
        """Of the take that is shown, or of the one to come."""
        chain = self._studio.chain
        assert isinstance(chain, SoundChain)
        return chain

    @property
    def _clip(self) -> Clip | None:
        """The selected clip."""
        return self._clips[self._studio.selected] if self._studio.selected < len(self._clips) else None

    @property
    def extent(self) -> int:
        """Steps that the whole view shows: the clip, or while it grows a round length that holds it."""
        take, settings = self._take, self._studio.settings
        extent = self._chain.default_limit
        if take is None:
            return extent if settings is None else max(CLOSEST_STEPS, min(extent, settings.limit))
        return max(take.extent, CLOSEST_STEPS)

    def set_playhead(self, seconds: float | None) -> None:
        self.playhead.move_to(seconds)

    @Slot()
    def _on_take(self) -> None:
        take = self._take
        self._clips = []
        if take is not None:
            self._amplitudes = symbol_amplitudes(self._chain.alphabet)
            self._clips = [Clip(trace, self._amplitudes) for trace in take.traces]
        self._drop_gram()
        self._gram_wanted = None
        self._gram_held = False
        self._zoomed = False
        self.set_playhead(None)
        self.clip_list.clips = self._clips
        self._arrange()
        self.invitation.setVisible(take is None)
        if take is None:
            return
        self._draw_clips()
        self._on_grown()
        self._on_model()

    @Slot()
    def _prepare(self) -> None:
        """Under the invitation, makes room for the take to come: all of it would else be laid out at its first step."""
        if self._take is None and self._studio.settings is not None:
            self._arrange()

    def _arrange(self) -> None:
        """Axes and list of clips for the take that is shown, or for the one to come."""
        studio = self._studio
        if not isinstance(studio.chain, SoundChain):
            return
        count = len(self._clips) if self._take is not None or studio.settings is None else studio.settings.count
        self.clip_scroll.setVisible(count > 1)
        self.clip_list.setMinimumHeight(CLIP_HEIGHT * count)
        # Under the invitation nobody sees where Tab has led.
        reached = Qt.FocusPolicy.StrongFocus if self._clips else Qt.FocusPolicy.NoFocus
        self.clip_list.setFocusPolicy(reached)
        levels = self._chain.alphabet.levels
        if levels != self._levels:
            self._levels = levels
            self.gram_plot.setYRange(0, levels, padding=0)
            quarters = range(0, levels + 1, max(1, levels // 4))
            self.gram_plot.getAxis("left").setTicks([[(value, str(min(value, levels - 1))) for value in quarters]])
        self._fit()

    @Slot()
    def _on_branches(self) -> None:
        take = self._take
        if take is None:
            return
        for n, trace in enumerate(take.traces):
            if self._clips[n].trace is not trace:
                self._clips[n] = Clip(trace, self._amplitudes)
        self._draw_clips()
        self._on_grown()

    @Slot()
    def _on_grown(self) -> None:
        if self._take is None:
            return
        if self.isVisible() and len(self._clips) > 1 and not self._clips_due.isActive():
            self._clips_due.start(CLIPS_DELAY_MS)
        self._fit()
        self._draw()
        self._on_marks()

    @Slot()
    def _draw_clips(self) -> None:
        """The list of clips catches up; less often than the selected clip, since it costs as many times as much."""
        if self._take is not None:
            for clip in self._clips:
                clip.sync()
            self.clip_list.span = self.extent
            self.clip_list.update()

    @Slot()
    def _on_view(self) -> None:
        overlay = self._studio.overlay  # of images too, while one of them is shown
        self._bits_box.setVisible(overlay in SHORT_NAMES)
        if overlay in SHORT_NAMES:
            self._bits_title.setText(SHORT_NAMES[overlay])
            if self._take is not None:
                self._draw()

    @Slot()
    def _on_selection(self) -> None:
        clip = self._clip
        if clip is None:
            return
        if self._shown_trace is not clip.trace:
            self.clip_list.update()
            self._fit()
            self._draw()
            self._on_model()
        self._on_marks()

    def _fit(self) -> None:
        """The limits of zooming, and the whole clip in view unless the user zoomed in."""
        rate, extent = self._chain.rate, self.extent
        view = self.wave_plot.view
        for each in (view, self.bits_plot.view):
            each.setLimits(xMin=0, xMax=extent / rate, minXRange=CLOSEST_STEPS / rate, maxXRange=extent / rate)
        if not self._zoomed:
            view.setXRange(0, extent / rate, padding=0)

    @Slot()
    def show_whole(self) -> None:
        """The whole clip again."""
        self._zoomed = False
        if self._take is not None:
            self._fit()

    @Slot()
    def _on_zoom(self) -> None:
        (left, right), _ = self.wave_plot.view.viewRange()
        self._zoomed = (right - left) * self._chain.rate < self.extent * 0.999 if self._take is not None else False

    @Slot()
    def _on_bits_zoom(self) -> None:
        """The wheel over the bits zooms the wave, which takes the bits along."""
        self.wave_plot.view.setXRange(*self.bits_plot.view.viewRange()[0], padding=0)
        self._on_zoom()

    @Slot()
    def _on_range(self) -> None:
        self.bits_plot.view.setXRange(*self.wave_plot.view.viewRange()[0], padding=0)
        if self._take is not None:
            self._draw()
            self._fit_gram()
            self._want_gram()

    # --- drawing -----------------------------------------------------------------------------------------------------

    def _visible(self, length: int) -> tuple[int, int]:
        """The steps in view, with one more at either end."""
        (left, right), _ = self.wave_plot.view.viewRange()
        rate = self._chain.rate
        return min(length, max(0, math.floor(left * rate) - 1)), min(length, math.ceil(right * rate) + 2)

    def _draw(self) -> None:
        """Wave and bits of what is in view, at the resolution of the screen."""
        clip, rate = self._clip, self._chain.rate
        if clip is None:
            return
        clip.sync()
        self._shown_trace = clip.trace
        length = len(clip.wave)
        start, stop = self._visible(length)
        width = max(1.0, self.wave_plot.view.width() * self.devicePixelRatioF())
        (left, right), _ = self.wave_plot.view.viewRange()
        per_pixel = (right - left) * rate / width
        columns = max(1, math.ceil((stop - start) / max(per_pixel, 1e-9)))
        if start >= stop:
            self._wave.setData([], [])
        elif per_pixel <= 2:
            self._wave.setData(np.arange(start, stop) / rate, clip.wave.values(start, stop))
        else:
            low, high, _ = clip.wave.columns(start, stop, columns)
            at = (start + (np.arange(columns) + 0.5) * ((stop - start) / columns)) / rate
            self._wave.setData(np.repeat(at, 2), np.stack([low, high], axis=1).reshape(-1))
        if start < stop and per_pixel * self.devicePixelRatioF() * POINT_PIXELS <= 1:
            self._points.setData(np.arange(start, stop) / rate, clip.wave.values(start, stop))
        elif len(self._points.data):
            self._points.clear()
        if self._studio.overlay != "none":
            pyramid = clip.entropy if self._studio.overlay == "entropy" else clip.surprise
            self._draw_bits(pyramid, start, stop, min(columns, stop - start))
        self._hatch(length)
        self._wave_facts.say(self._describe(clip))

    def _draw_bits(self, pyramid: Pyramid, start: int, stop: int, columns: int) -> None:
        if start >= stop:
            self._peak_bits.setData([], [])
            self._mean_bits.setData([], [])
            return
        # A pixel's mean jitters as much as its samples do: three pixels to a bin read as a curve.
        bins = max(1, columns // 3) if columns < stop - start else columns
        _, high, mean = pyramid.columns(start, stop, bins)
        at = (start + (np.arange(bins) + 0.5) * ((stop - start) / bins) - 0.5) / self._chain.rate
        self._mean_bits.setData(at, mean)
        if bins < stop - start:
            self._peak_bits.setData(at, high)
        else:
            self._peak_bits.setData([], [])
        top = full_bits(self._chain.alphabet)
        self.bits_plot.setYRange(0, max(top, float(high.max()) * 1.05), padding=0)
        self._bits_facts.say(f"mean {pyramid.mean:.2f} bits/{self._chain.step_noun}")

    def _hatch(self, length: int) -> None:
        rate, end = self._chain.rate, self.extent / self._chain.rate
        self.wave_plot.hatch.cover(length / rate, end, -1, 1)
        (_, _), (bottom, top) = self.bits_plot.view.viewRange()
        self.bits_plot.hatch.cover(length / rate, end, bottom, top)

    def _describe(self, clip: Clip) -> str:
        rate, length = self._chain.rate, len(clip.wave)
        facts = [f"{length / rate:.2f} s", f"{rate / 1000:g} kHz"]
        if length:
            low, high, _ = clip.wave.columns(0, length, 1)
            facts.append(f"peak {decibels(max(-float(low[0]), float(high[0])))}")
        return " · ".join(facts)

    @Slot()
    def _on_cursor(self) -> None:
        """Where the user moves the cursor, the gram goes along; what only grows leaves it where the mouse keeps it."""
        studio = self._studio
        if studio.hovered is None and not (studio.running and studio.following):
            self._gram_held = False
        self._on_marks()

    @Slot()
    def _on_marks(self) -> None:
        """Frontier, inspected and hovered step, lens and read-out."""
        clip, studio = self._clip, self._studio
        if clip is None or self._take is None:
            return
        rate, length = self._chain.rate, len(clip.wave)
        mine = studio.hovered if studio.hovered is not None and studio.hovered.sample == studio.selected else None
        pinned = studio.pinned if studio.pinned is not None and studio.pinned.sample == studio.selected else None
        looked_at = pinned.step if pinned is not None else None if studio.following else studio.cursor
        steps = (
            None if clip.trace.finished or not length else length,
            looked_at,
            None if mine is None else mine.step,
        )
        gram = range(0) if self._gram is None else range(self._gram.start, self._gram.start + len(self._gram.image) + 1)
        for plot in (self.wave_plot, self.bits_plot, self.gram_plot):
            for line, step in zip((plot.frontier, plot.inspected, plot.hovered), steps, strict=True):
                # A line that lies outside of the picture would have it painted anew for nothing.
                _place(line, None if step is None or (plot is self.gram_plot and step not in gram) else step / rate)
        self._show_facts(mine or pinned)
        self._want_gram()

    def _show_facts(self, pointer: Pointer | None) -> None:
        take, clip = self._take, self._clip
        if pointer is None or take is None or clip is None:
            self.read_out.show_facts([])
            return
        facts = [self._chain.locate(pointer.step), f"step {grouped(pointer.step)}"]
        if pointer.step < len(clip.wave):
            amplitude = float(clip.wave.values(pointer.step, pointer.step + 1)[0])
            facts += [f"amplitude {amplitude:+.3f}".replace("-", "−"), decibels(abs(amplitude))]
        self.read_out.show_facts(facts + step_facts(take, pointer))

    # --- conditional-gram --------------------------------------------------------------------------------------------

    @property
    def _close_up(self) -> tuple[float, float] | None:
        """The seconds that the wave shows where they are fewer than the gram's: then it shows the same."""
        (left, right), _ = self.wave_plot.view.viewRange()
        return (left, right) if right - left < GRAM_SECONDS else None

    def _want_gram(self) -> None:
        """Finds the stretch to picture and asks for it a little later, so that a drag is not a hundred requests."""
        clip = self._clip
        if clip is None or not len(clip.wave):
            return
        length, wanted = len(clip.wave), self._gram_wanted
        stretch = self._visible(length) if self._close_up is not None else self._stretch(clip, length)
        if stretch is None or stretch[0] >= stretch[1]:
            return
        if wanted is not None and wanted[0] is clip.trace and wanted[1:] == stretch:
            return
        self._gram_wanted = (clip.trace, *stretch)
        if not self._ask_gram.isActive():
            self._ask_gram.start(GRAM_RUNNING_DELAY_MS if self._studio.running else GRAM_DELAY_MS)

    def _stretch(self, clip: Clip, length: int) -> tuple[int, int] | None:
        """The steps [start, stop) about the inspected one, or those before where they still do."""
        span, wanted = max(2, round(GRAM_SECONDS * self._chain.rate)), self._gram_wanted
        pointer = self._studio.inspected_pointer
        if pointer is None or pointer.sample != self._studio.selected:
            return None
        if wanted is not None and wanted[0] is clip.trace:
            _, start, stop = wanted
            edge = round(GRAM_EDGE * span)
            inside = start + (edge if start else 0) <= pointer.step < stop - (edge if stop < length else 0)
            full = stop - start == min(span, length)
            at_end = pointer.step >= length
            if full and (self._gram_held or inside or (at_end and stop == length)):
                return start, stop
        centre = min(pointer.step, length)
        start = max(0, min(centre - span // 2, length - span))
        return start, min(length, start + span)

    def _fit_gram(self) -> None:
        """The seconds that the gram shows, and the lens on the wave that tells where they lie."""
        gram, close_up = self._gram, self._close_up
        if gram is None:
            return
        rate, steps = self._chain.rate, len(gram.image)
        left, right = gram.start / rate, (gram.start + steps) / rate
        # A step's column is centred on it.
        shown = (left - 0.5 / rate, right - 0.5 / rate) if close_up is None else close_up
        self.gram_plot.setXRange(*shown, padding=0)
        self.lens.cover(left, right if close_up is None else left, -1, 1)
        start, seconds = (left, right - left) if close_up is None else (close_up[0], close_up[1] - close_up[0])
        self._gram_facts.say(f"{1000 * seconds:.0f} ms from {start:.4f} s · brighter = more probable")

    @Slot()
    def _on_model(self) -> None:
        """Says why there is no picture, and asks for it as soon as it can be made."""
        clip = self._clip
        if self._take is None or clip is None or (self._gram is not None and self._gram.trace is clip.trace):
            return
        self._drop_gram()
        if self._studio.looks_into:
            self._gram_facts.say("")
            if self.isVisible():
                self._ask_gram.start(GRAM_DELAY_MS)
        elif self._studio.activity is Activity.LOADING:
            self._gram_facts.say("needs the model, which is being loaded")
        else:
            self._gram_facts.say("needs the model that made this take: it is not loaded")

    def _drop_gram(self) -> None:
        """The picture of another clip than the one that is shown."""
        self._gram = None
        self._gram_facts.say("")
        self._picture.hide()
        self.lens.cover(0, 0, -1, 1)
        self._path.setData([], [])

    @Slot()
    def _request_gram(self) -> None:
        if self._gram_wanted is not None and self.isVisible() and self._studio.looks_into:
            self._studio.request_gram(*self._gram_wanted)

    @Slot(object)
    def _on_gram(self, gram: Gram) -> None:
        clip = self._clip
        if clip is None or gram.trace is not clip.trace:
            return
        self._gram = gram
        rate, steps, levels = self._chain.rate, *gram.image.shape
        self._picture.setImage(gram.image, levels=(0, 255), autoLevels=False)
        # A step's column and a value's row are centred on them.
        self._picture.setRect(QRectF((gram.start - 0.5) / rate, -0.5, steps / rate, levels))
        self._picture.show()
        symbols = gram.trace.symbols[gram.start : gram.start + steps]
        symbols = symbols[symbols < levels]
        self._path.setData((gram.start + np.arange(len(symbols))) / rate, symbols.astype(np.float32))
        self._fit_gram()
        self._on_marks()

    # --- pointing ----------------------------------------------------------------------------------------------------

    def _step_at(self, seconds: float) -> int | None:
        """The step at a time, if it has a conditional: it is drawn, or it is the very next."""
        clip = self._clip
        if clip is None:
            return None
        step = round(seconds * self._chain.rate)
        last = len(clip.trace) - 1 if clip.trace.finished else len(clip.trace)
        return step if 0 <= step <= last else None

    @Slot(object)
    def _on_pointed(self, seconds: float | None) -> None:
        if seconds is not None:
            self._gram_held = self.sender() is self.gram_plot
        elif self._studio.hovered is not None:
            self._gram_held = True
        step = self._step_at(seconds) if seconds is not None and self._take is not None else None
        self._studio.hover(None if step is None else Pointer(self._studio.selected, step))

    @Slot(float)
    def _on_click(self, seconds: float) -> None:
        if self._take is None:
            return
        step = self._step_at(seconds)
        pointer = None if step is None else Pointer(self._studio.selected, step)
        self._studio.pin(None if pointer == self._studio.pinned else pointer)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._gram_held = False
        self._on_marks()

    # --- changes of size and look ------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._take is not None:
            self._draw()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._dress()
        return super().event(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask_gram.start(GRAM_DELAY_MS)
        self._draw_clips()

    def hideEvent(self, event: QHideEvent) -> None:
        self._ask_gram.stop()
        self._clips_due.stop()
        super().hideEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()
        super().changeEvent(event)


def decibels(amplitude: float) -> str:
    """An amplitude of 0 … 1 relative to full scale."""
    return f"{20 * math.log10(amplitude):.1f} dB".replace("-", "−") if amplitude > 0 else "−∞ dB"


def _place(line: pg.InfiniteLine, seconds: float | None) -> None:
    line.setVisible(seconds is not None)
    if seconds is not None:
        line.setPos(seconds)


def main() -> int:
    from studio.canvas.demo import SPEECH_CHAIN, show_alone

    return show_alone(SoundCanvas, SPEECH_CHAIN, 4)


if __name__ == "__main__":
    raise SystemExit(main())
