"""Plots of a conditional: a curve over values in their order, a list of the likeliest, or one of three colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from models.chain import Alphabet, ImageChain
from models.trace import Take
from studio.canvas.alternatives import likeliest, paint_value
from studio.canvas.given import was_found, was_given
from studio.canvas.text_flow import glyph
from studio.messages import MOST_ROWS, Inspection
from studio.theme import DARK, LIGHT, QUIET_PIXELS, Theme, colours, faded, fill_hatched, mixed, small
from studio.widgets.controls import NOTCH, RETURN_KEYS, claims_key
from studio.widgets.numbers import probability_text
from studio.widgets.painting import paint_focus_frame, painting

SCALES = {
    "linear": "Heights are probabilities: shows the probable values",
    "√": "Heights are square roots of probabilities: shows small probabilities beside large ones",
    "log": "Every factor of ten is as high as the next: shows even very small probabilities",
}
"""With what each is good for."""
DEFAULT_SCALE = "√"
LOG_DECADES = 6
"""How far below the top of the plot the logarithmic scale reaches."""

COLOURS = (
    ("red", "p(R)", ""),
    ("green", "p(G | R)", "after red is drawn"),
    ("blue", "p(B | R, G)", "after green is drawn"),
)
"""Of a colour pixel in the order of the chain: name, conditional, and when there is one."""
TINTS = {
    DARK.dark: (QColor("#ef6a6c"), QColor("#45b97c"), DARK.chosen),
    LIGHT.dark: (QColor("#cf3b43"), QColor("#1a7d48"), LIGHT.chosen),
}
"""Of the three colours in a dark theme and in a light one."""
WIDEST_BITS = "   surprise 10.00 · entropy 0.00 bits"
"""In the heading of a colour, after the value; where it has no room, fewer words tell it."""
NOT_LOOKED_AT = "shown when drawing pauses"
"""Of a colour, and so its curve is not known before generation pauses: to compute it in mid-run would hold that up."""
ASIDE = 0.45
"""How far the curve of a colour that is not looked at falls back behind the present one's."""

LEAST_ZOOMED = 8
"""Values are shown, however far one zooms in."""
ZOOM = 1.25
"""Times as many values are shown for a notch of the wheel."""
LEAST_SHOWN, UNLIKELY = 256, 1e-3
"""Of an alphabet with many levels at least so many are shown, and all but this share of the probability at each end."""

NOTCHES_ACROSS = 8
"""Of the wheel, to move along by as much as is shown."""
ZOOM_IN = (Qt.Key.Key_Plus, Qt.Key.Key_Equal)
ZOOM_OUT = (Qt.Key.Key_Minus,)

GUTTER = 44.0
TOP = 20.0
BOTTOM = 18.0
STOP_WIDTH = 24.0
STOP_GAP = 10.0
DRAWN_WIDTH = 1.5
GROUND = 0.25
"""Logical pixels below which a curve lies on the ground."""
HEADING = 18.0
"""Height of the line above the curve of a colour."""
BAR_WIDTH = 3.0
"""Of what stands beside the colour that is looked at."""
TICK_FRACTIONS = {"linear": (1.0, 0.5), "√": (1.0, 0.2, 0.02), "log": (1.0, 1e-2, 1e-4)}
"""Where the value axis is labelled, as fractions of its top."""


def axis_top(largest: float) -> float:
    """The end of an axis that holds a probability: the next of 1, 0.5, 0.2, 0.1, 0.05 …, so that it seldom moves."""
    if not math.isfinite(largest):
        return 1.0
    decade = 10.0 ** math.floor(math.log10(max(largest, 1e-12)))
    return min(1.0, next(step * decade for step in (1, 2, 5, 10) if step * decade >= largest * (1 - 1e-9)))


def heights(p: npt.NDArray[np.float64], top: float, scale: str) -> npt.NDArray[np.float64]:
    """Probabilities as heights in 0 … 1."""
    share = np.clip(p / top, 0.0, 1.0)
    if scale == "√":
        return np.sqrt(share)
    if scale == "log":
        return np.clip(1 + np.log10(np.maximum(share, 10.0 ** (-LOG_DECADES - 1))) / LOG_DECADES, 0.0, 1.0)
    return share


def rank(p: npt.NDArray[np.float64], symbol: int) -> int:
    """The place of a symbol among all, from 1 for the most probable; ties go to the lower symbol."""
    return 1 + int((p > p[symbol]).sum()) + int((p[:symbol] == p[symbol]).sum())


def entropy_bits(p: npt.NDArray[np.float64]) -> float:
    positive = p[p > 0]
    return float(-(positive * np.log2(positive)).sum())


def surprise_bits(p: npt.NDArray[np.float64], symbol: int) -> float:
    return abs(math.log2(p[symbol])) if p[symbol] > 0 else math.inf  # of a probability of 1 it is 0, not -0


def how_it_came(take: Take, sample: int, step: int, symbol: int | None, *, clamped: bool) -> str:
    """How a symbol came to its step.

    ``drawn``; ``given`` as known to a completion beforehand; ``found`` by a beam search; ``put`` by an edit.
    """
    if symbol is None or not clamped:
        return "drawn"
    if was_found(take, sample, step, symbol) and not was_given(take, step, symbol):
        return "found"
    return "given" if was_given(take, step, symbol) else "put"


def level_ticks(levels: range) -> list[int]:
    """Those of the levels that are shown that are labelled."""
    last = levels[-1]
    quarters = {levels.start, *(levels.start + round(len(levels) * n / 4) for n in (1, 2, 3)), last}
    return sorted(quarters) if len(levels) > 9 else list(levels)


def shown_levels(inspection: Inspection, alphabet: Alphabet) -> range:
    """All levels, or where they are many more than there are pixels, a stretch with all that is likely.

    And with what was drawn. Its length is a power of two, and its place a multiple of a quarter of that: it seldom
    moves from one step to the next.
    """
    levels = alphabet.levels
    if levels <= MOST_ROWS:
        return range(levels)
    first, last = levels, 0
    for p in (inspection.raw[:levels], inspection.shaped[:levels]):
        below = p.cumsum()
        ends = np.searchsorted(below, below[-1] * np.array([UNLIKELY, 1 - UNLIKELY]))
        first, last = min(first, int(ends[0])), max(last, int(ends[1]))
    if inspection.symbol is not None and inspection.symbol < levels:
        first, last = min(first, inspection.symbol), max(last, inspection.symbol)
    count = LEAST_SHOWN
    while True:
        start = (first + last - count) // 2
        start = min(max(0, round(start / (count / 4)) * (count // 4)), max(0, levels - count))
        if (start <= first and last < start + count) or count >= levels:
            return range(start, min(levels, start + count))
        count *= 2


def component_colour(theme: Theme) -> QColor:
    """Of the components of a mixture."""
    return mixed(theme.text, theme.panel, 0.35)


class ConditionalPlot(QWidget):
    """Probability by value: as the present settings shape it a filled step curve, the raw one a line over it.

    The stop symbol stands apart at the right. Pointing at a value tells its probabilities, a click chooses it; with
    the keyboard, Left and Right point and Return chooses. The wheel, + and - zoom in on some of the values; a click on
    their axis, or 0, shows all of them again. Nothing is kept but the latest inspection, so that a new one costs one
    painting.
    """

    value_chosen = Signal(int)
    zoomed = Signal(object)
    """The range of values to be shown from now on; None: as ``shown_levels`` has it."""
    KEYS: ClassVar[tuple[Qt.Key, ...]] = (
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
        *ZOOM_IN,
        *ZOOM_OUT,
        Qt.Key.Key_0,
        *RETURN_KEYS,
    )
    top = TOP
    bottom = BOTTOM
    """Heights of what is written above and below the curves."""
    zooms = True

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Conditional distribution")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(200, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(
            "Click a value to put it there and go on from it; or by keys: Tab, ← and → to the value, Return. "
            "Wheel, or + and −: zoom; with Shift: move along; click on the axis, or 0: show all again"
        )
        self.scale = DEFAULT_SCALE
        self.aim: int | None = None
        """The value that is pointed at."""
        self.inspection: Inspection | None = None
        """What is shown."""
        self.alphabet: Alphabet | None = None
        self.came = "drawn"
        """How the symbol came to its step, see ``how_it_came``."""
        self.levels = range(1)
        """What is shown of the alphabet."""
        self.span: range | None = None
        """What was zoomed in on."""
        self._top = 1.0
        self._curves: tuple[QPainterPath, QPainterPath] | None = None
        self._densities: list[QPolygonF] = []
        """Of a mixture: that of every component that is shown, and last their sum."""

    def sizeHint(self) -> QSize:
        return QSize(320, 260)

    def show_inspection(self, inspection: Inspection, alphabet: Alphabet, came: str = "drawn") -> None:
        """came: see ``how_it_came``."""
        self.inspection, self.alphabet, self.came = inspection, alphabet, came
        self.levels = self.span or shown_levels(inspection, alphabet)
        self._top = axis_top(max(float(inspection.raw.max()), float(inspection.shaped.max())))
        if self.aim is not None:
            self.aim = min(self.aim, len(inspection.raw) - 1)
        self._curves = None
        self.update()

    def clear(self) -> None:
        self.inspection = self._curves = None
        self._point_at(None)
        self.update()

    def set_scale(self, scale: str) -> None:
        self.scale = scale
        self._curves = None
        self.update()

    def show_span(self, span: range | None) -> None:
        """Of the alphabet these values alone; None: as ``shown_levels`` has it."""
        self.span = span
        if self.alphabet is not None and self.inspection is not None:
            self.levels = span or shown_levels(self.inspection, self.alphabet)
        elif self.alphabet is not None:
            self.levels = span or range(self.alphabet.levels)
        self._curves = None
        self.update()

    # --- where things are ------------------------------------------------------------------------------------------

    def _area(self) -> QRectF:
        """Where the ordinary values stand."""
        area = QRectF(self.rect()).adjusted(GUTTER, self.top, -2, -self.bottom)
        if self.alphabet is not None and self.alphabet.stop:
            area.setRight(area.right() - STOP_WIDTH - STOP_GAP)
        return area

    @property
    def ground(self) -> float:
        """Where the curves stand, in widget coordinates."""
        return self._area().bottom()

    def _stop_area(self) -> QRectF:
        area = self._area()
        return QRectF(area.right() + STOP_GAP, area.top(), STOP_WIDTH, area.height())

    def x_of(self, symbol: int) -> float:
        """The middle of a value's step, in widget coordinates."""
        assert self.alphabet is not None
        if symbol == self.alphabet.stop_symbol:
            return self._stop_area().center().x()
        area = self._area()
        return area.left() + (symbol - self.levels.start + 0.5) * area.width() / len(self.levels)

    def _aside(self, symbol: int) -> int:
        """Whether a value lies left of what is shown, -1, or right of it, 1."""
        assert self.alphabet is not None
        if symbol == self.alphabet.stop_symbol or symbol in self.levels:
            return 0
        return 1 if symbol >= self.levels.stop else -1

    def symbol_at(self, x: float) -> int:
        assert self.alphabet is not None
        area = self._area()
        if self.alphabet.stop_symbol is not None and x > area.right() + STOP_GAP / 2:
            return self.alphabet.stop_symbol
        place = math.floor((x - area.left()) / max(area.width(), 1.0) * len(self.levels))
        return self.levels[min(len(self.levels) - 1, max(0, place))]

    # --- input -----------------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point_at(self.symbol_at(event.position().x()) if self.inspection is not None else None)

    def leaveEvent(self, event: QEvent) -> None:
        self._point_at(None)
        super().leaveEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._point_at(None)
        super().focusOutEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self.inspection is None:
            event.ignore()
        elif self.span is not None and event.position().y() > self.ground:
            self.zoomed.emit(None)
        else:
            self.value_chosen.emit(self.symbol_at(event.position().x()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.inspection is None or not self.zooms:
            event.ignore()
            return
        turned, x = event.angleDelta(), event.position().x()
        sideways = abs(turned.x()) > abs(turned.y())
        if sideways or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._move(-(turned.x() if sideways else turned.y()) / NOTCH)
        else:
            self._zoom(turned.y() / NOTCH, self.symbol_at(x))
        self._point_at(self.symbol_at(x))

    def _zoom(self, notches: float, about: int) -> None:
        """About a value, which stays where it is; by at least one value, where a touch pad turns by little."""
        assert self.alphabet is not None
        if not self.zooms or not notches:
            return
        levels, all_ = self.levels, self.alphabet.levels
        count = round(len(levels) * ZOOM**-notches)
        count = min(max(LEAST_ZOOMED, count), len(levels) - 1) if notches > 0 else max(count, len(levels) + 1)
        if count < LEAST_ZOOMED:
            return
        if count >= all_:
            self.zoomed.emit(None if all_ <= MOST_ROWS else range(all_))
            return
        middle = min(max(levels.start, about), levels[-1]) + 0.5
        left = (middle - levels.start) / len(levels)
        start = min(max(0, round(middle - left * count)), all_ - count)
        self.zoomed.emit(range(start, start + count))

    def _move(self, notches: float) -> None:
        assert self.alphabet is not None
        count, all_ = len(self.levels), self.alphabet.levels
        by = round(notches * count / NOTCHES_ACROSS) or (notches > 0) - (notches < 0)
        start = min(max(0, self.levels.start + by), all_ - count)
        if start != self.levels.start:
            self.zoomed.emit(range(start, start + count))

    def event(self, event: QEvent) -> bool:
        return claims_key(event, *self.KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        inspection = self.inspection
        if inspection is None:
            return super().keyPressEvent(event)
        shown = inspection.raw[self.levels.start : self.levels.stop]
        start = self.aim if self.aim is not None else self.levels.start + int(shown.argmax())
        match event.key():
            case Qt.Key.Key_Left:
                self._step_to(max(0, start - 1))
            case Qt.Key.Key_Right:
                self._step_to(min(len(inspection.raw) - 1, start + 1))
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if self.aim is not None:
                self.value_chosen.emit(self.aim)
            case key if key in ZOOM_IN:
                self._zoom(1, start)
            case key if key in ZOOM_OUT:
                self._zoom(-1, start)
            case Qt.Key.Key_0:
                self.zoomed.emit(None)
            case _:
                super().keyPressEvent(event)
        return None

    def _step_to(self, symbol: int) -> None:
        """By a key; what is shown follows."""
        assert self.alphabet is not None
        self._point_at(symbol)
        if self._aside(symbol):
            count, all_ = len(self.levels), self.alphabet.levels
            start = min(max(0, symbol - count // 2), all_ - count)
            self.zoomed.emit(range(start, start + count))

    def _point_at(self, symbol: int | None) -> None:
        if symbol != self.aim:
            self.aim = symbol
            self.setAccessibleDescription(self.aim_text())
            self.update()

    def aim_text(self) -> str:
        """What stands at the value that is pointed at, in words."""
        if self.aim is None or self.inspection is None or self.alphabet is None:
            return ""
        raw, shaped = self.inspection.raw[self.aim], self.inspection.shaped[self.aim]
        return f"{self.alphabet.label(self.aim)}  raw {probability_text(raw)}  shaped {probability_text(shaped)}"

    # --- painting --------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._curves = None
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(small(self.font()))
            inspection, alphabet = self.inspection, self.alphabet
            if inspection is not None and alphabet is not None:
                self._paint_axes(painter, theme, alphabet)
                if self._curves is None:
                    self._curves = self._outline(inspection.shaped, alphabet), self._outline(inspection.raw, alphabet)
                    self._densities = self._density_curves(inspection, alphabet)
                self._paint_curves(painter, theme, *self._curves)
                if inspection.symbol is not None:
                    self._paint_drawn(painter, theme, inspection, alphabet)
                if self.aim is not None:
                    self._paint_aim(painter, theme)
            if self.hasFocus():
                paint_focus_frame(painter, QRectF(self.rect()), theme)

    def _paint_curves(self, painter: QPainter, theme: Theme, shaped: QPainterPath, raw: QPainterPath) -> None:
        painter.fillPath(shaped, self._fill(theme))
        painter.setPen(QPen(component_colour(theme), 1))
        painter.save()
        painter.setClipRect(self._area())
        for curve in self._densities:
            painter.drawPolyline(curve)
        painter.restore()
        painter.strokePath(raw, QPen(mixed(theme.text, theme.panel, 0.15), 1))

    def _fill(self, theme: Theme) -> QColor:
        return faded(theme.chosen, 0.55)

    def _density_curves(self, inspection: Inspection, alphabet: Alphabet) -> list[QPolygonF]:
        """The density of each component and their sum, which a bar, one level wide, is as high as on average."""
        density = inspection.density
        if density is None:
            return []
        area = self._area()
        xs = area.left() + (density.places - self.levels.start + 0.5) * (area.width() / len(self.levels))
        curves = []
        for values in (*density.shares, density.total):
            up = heights(values, self._top, self.scale) * area.height()
            seen = np.flatnonzero(up > GROUND)
            if seen.size:
                part = slice(max(0, seen[0] - 1), seen[-1] + 2)
                points = zip(xs[part].tolist(), (area.bottom() - up[part]).tolist(), strict=True)
                curves.append(QPolygonF([QPointF(x, y) for x, y in points]))
        return curves

    def _outline(self, p: npt.NDArray[np.float64], alphabet: Alphabet) -> QPainterPath:
        """The step curve of the ordinary values and the bar of the stop symbol, closed along the ground."""
        area = self._area()
        levels = p[self.levels.start : self.levels.stop]
        bins = max(1, int(2 * area.width() * self.devicePixelRatioF()))
        if len(levels) > bins:
            # More values than the screen can tell apart: each step shows the largest of its values.
            levels = np.maximum.reduceat(levels, np.arange(bins) * len(levels) // bins)
        ys = (area.bottom() - heights(levels, self._top, self.scale) * area.height()).tolist()
        xs = np.linspace(area.left(), area.right(), len(ys) + 1).tolist()
        path = QPainterPath()
        path.moveTo(area.left(), area.bottom())
        before = area.bottom()
        for number, y in enumerate(ys):
            if y != before:
                path.lineTo(xs[number], before)
                path.lineTo(xs[number], y)
                before = y
        path.lineTo(area.right(), before)
        path.lineTo(area.right(), area.bottom())
        path.closeSubpath()
        if alphabet.stop:
            bar = self._stop_area()
            height = float(heights(p[alphabet.levels :], self._top, self.scale)[0]) * bar.height()
            path.addRect(QRectF(bar.left(), bar.bottom() - height, bar.width(), height))
        return path

    def ticks(self, apart: float) -> list[tuple[float, float]]:
        """The probabilities that the value axis tells, and where, in widget coordinates; at least ``apart``."""
        area = self._area()
        found: list[tuple[float, float]] = []
        for fraction in TICK_FRACTIONS[self.scale]:
            height = float(heights(np.array([fraction]), 1.0, self.scale)[0])
            y = area.bottom() - height * area.height()
            if not found or y - found[-1][1] >= apart:
                found.append((fraction * self._top, y))
        return found

    def _paint_axes(self, painter: QPainter, theme: Theme, alphabet: Alphabet) -> None:
        area = self._area()
        for probability, y in self.ticks(painter.fontMetrics().height()):
            painter.fillRect(QRectF(area.left(), y, area.width(), 1), theme.line)
            painter.setPen(theme.quiet)
            where = QRectF(0, y - 8, GUTTER - 6, 16)
            centred = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(where, centred, f"{probability:.2g}")
        painter.fillRect(QRectF(area.left(), area.bottom(), area.width(), 1), theme.border)
        self._paint_levels(painter, theme, alphabet)

    def _paint_levels(self, painter: QPainter, theme: Theme, alphabet: Alphabet) -> None:
        self.paint_level_labels(painter, theme, alphabet)

    def paint_level_labels(self, painter: QPainter, theme: Theme, alphabet: Alphabet) -> None:
        """What stands below the ground."""
        area = self._area()
        painter.setPen(theme.quiet)
        of_palette = alphabet.quantity == "colours"
        if of_palette:
            self._paint_colours(painter, alphabet, area)
        for symbol in () if of_palette else level_ticks(self.levels):
            name = str(symbol)
            if alphabet.quantity == "characters":
                name = glyph(str(alphabet.decode(symbol)))
            elif alphabet.levels > MOST_ROWS:  # nobody knows the numbers of so many
                name = f"{alphabet.decode(symbol):+d}".replace("-", "−")
            self._paint_label(painter, name, self.x_of(symbol), area)
        if alphabet.stop:
            bar = self._stop_area()
            painter.fillRect(QRectF(bar.left(), bar.bottom(), bar.width(), 1), theme.border)
            self._paint_label(painter, "stop", bar.center().x(), bar)

    def _paint_colours(self, painter: QPainter, alphabet: Alphabet, area: QRectF) -> None:
        """Of a palette, each below its value."""
        table = alphabet.decode(np.array(self.levels))
        row = QImage(np.ascontiguousarray(table).tobytes(), len(table), 1, 3 * len(table), QImage.Format.Format_RGB888)
        painter.drawImage(QRectF(area.left(), area.bottom() + 3, area.width(), BOTTOM - 5), row)

    def _paint_label(self, painter: QPainter, text: str, x: float, area: QRectF) -> None:
        """A word under the plot, kept within the width of its area as far as it fits."""
        half = painter.fontMetrics().horizontalAdvance(text) / 2 + 1
        x = min(max(x, area.left() + half), area.right() - half) if 2 * half < area.width() else area.center().x()
        where = QRectF(x - half, area.bottom() + 2, 2 * half, BOTTOM - 2)
        painter.drawText(where, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_drawn(self, painter: QPainter, theme: Theme, inspection: Inspection, alphabet: Alphabet) -> None:
        assert inspection.symbol is not None
        symbol, area = inspection.symbol, self._area()
        x, text = self.x_of(symbol), f"{self.came} {alphabet.label(symbol)}"
        if (aside := self._aside(symbol)) != 0:
            x, text = (area.right(), f"{text} →") if aside > 0 else (area.left(), f"← {text}")
        else:
            painter.fillRect(QRectF(x - DRAWN_WIDTH / 2, 0, DRAWN_WIDTH, area.bottom()), theme.now)
        width = painter.fontMetrics().horizontalAdvance(text) + 2.0
        left = x - 5 - width if x - 5 - width > 0 else x + 6
        painter.setPen(theme.now)
        painter.drawText(QRectF(left, 0, width, TOP - 4), Qt.AlignmentFlag.AlignCenter, text)

    def _paint_aim(self, painter: QPainter, theme: Theme) -> None:
        assert self.aim is not None
        area, x = self._area(), self.x_of(self.aim)
        if self._aside(self.aim):
            return
        painter.setPen(QPen(theme.quiet, 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        text = self.aim_text()
        width = painter.fontMetrics().horizontalAdvance(text) + 14.0
        left = min(max(0.0, x + 8), self.width() - width)
        if left < x < left + width:
            left = max(0.0, x - 8 - width)
        box = QRectF(left, area.top() + 4, width, 20)
        painter.setPen(QPen(theme.border, 1))
        painter.setBrush(theme.raised)
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(theme.text)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


class RankedPlot(ConditionalPlot):
    """The likeliest of symbols that are in no order, as tokens: one below the other, as many as there is room for.

    Up and Down point, Return chooses.
    """

    KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, *RETURN_KEYS)
    ROW = 20.0
    """In logical pixels."""
    zooms = False

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(
            "Click a value to put it there and go on from it; or by keys: Tab, ↑ and ↓ to the value, Return"
        )
        self.symbols: list[int] = []

    def show_inspection(self, inspection: Inspection, alphabet: Alphabet, came: str = "drawn") -> None:
        super().show_inspection(inspection, alphabet, came)
        self._rank()

    def clear(self) -> None:
        super().clear()
        self.symbols = []

    def _rank(self) -> None:
        if self.inspection is not None:
            self.symbols = likeliest(self.inspection, max(1, int(self.height() / self.ROW)))

    def symbol_in(self, y: float) -> int | None:
        row = int(y // self.ROW)
        return self.symbols[row] if 0 <= row < len(self.symbols) else None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._rank()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point_at(self.symbol_in(event.position().y()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        symbol = self.symbol_in(event.position().y())
        if event.button() == Qt.MouseButton.LeftButton and symbol is not None:
            self.value_chosen.emit(symbol)
        else:
            event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() not in (Qt.Key.Key_Up, Qt.Key.Key_Down) or not self.symbols:
            return super().keyPressEvent(event)
        down = event.key() == Qt.Key.Key_Down
        at = self.symbols.index(self.aim) + (1 if down else -1) if self.aim in self.symbols else 0
        self._point_at(self.symbols[min(max(0, at), len(self.symbols) - 1)])
        return None

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, inspection, alphabet = colours(self), self.inspection, self.alphabet
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(small(self.font()))
            for number, symbol in enumerate(self.symbols):
                assert inspection is not None
                assert alphabet is not None
                row = QRectF(0, number * self.ROW, self.width(), self.ROW)
                paint_value(
                    painter, row, theme, inspection, alphabet, symbol, aimed=symbol == self.aim, share=self._share
                )
            if self.hasFocus():
                paint_focus_frame(painter, QRectF(self.rect()), theme)

    def _share(self, p: float) -> float:
        return float(heights(np.array([p]), self._top, self.scale)[0])


def widest_values(ways: Sequence[str]) -> tuple[str, str]:
    """The widest value in the headings of colours that came in these ways, with the way and as briefly as can be."""
    long = [f"{way} 255" for way in ways]
    brief = ["255" if way == "drawn" else f"{way} 255" for way in ways]
    return max(long, key=len), max(brief, key=len)


class ColourPlot(ConditionalPlot):
    """The conditional of one colour of a pixel, under a line with its name, what was drawn, and the bits of that.

    The colour that is looked at has a bar at its left. A click on the line looks at this one.
    """

    looked_at = Signal()
    top, bottom = HEADING + 6, 4.0

    def __init__(self, channel: int) -> None:
        super().__init__()
        self.channel = channel
        self.name, self.formula, self.waits = COLOURS[channel]
        self.setToolTip(
            f"Value, surprise and entropy of {self.formula}. Click here to look at {self.name}; click a value below to "
            "put it there and go on from it. The wheel zooms"
        )
        self.setMinimumSize(200, 54)
        self.clear()

    def clear(self) -> None:
        super().clear()
        self.present = self.waiting = False
        self.symbol: int | None = None
        self.came = "drawn"
        self.widest = widest_values([self.came])
        self.surprise = self.entropy = math.nan

    def show_colour(self, inspection: Inspection, take: Take) -> None:
        """Shows its part of the pixel that was inspected, of a take of images in colour."""
        chain, trace = take.chain, take.samples[inspection.sample].trace
        assert isinstance(chain, ImageChain)
        step = inspection.step - inspection.step % chain.channels + self.channel
        own = next((part for part in (inspection, *inspection.beside) if part.step == step), None)
        if own is None:
            aim = self.aim
            self.clear()
            self.alphabet, self.aim = chain.alphabet, aim
            self.levels = self.span or range(chain.alphabet.levels)
            # After the step not yet drawn there is no conditional yet; one before it may not be at hand in mid-run.
            self.waiting = step > inspection.step
            if not self.waiting:
                self.symbol = int(trace.symbols[step])
                self.came = how_it_came(take, inspection.sample, step, self.symbol, clamped=bool(trace.clamped[step]))
                self.surprise, self.entropy = float(trace.surprise[step]), float(trace.entropy[step])
        else:
            came = how_it_came(take, inspection.sample, step, own.symbol, clamped=own.clamped)
            self.show_inspection(own, chain.alphabet, came)
            self.waiting, self.symbol = False, own.symbol
            self.surprise = math.nan if own.symbol is None else surprise_bits(own.raw, own.symbol)
            self.entropy = entropy_bits(own.raw)
        self.present = own is inspection
        said = self.waits if self.waiting else ", ".join(filter(None, self._headings()[0]))
        self.setAccessibleName(f"Conditional distribution of {self.name}: {said}")

    def _headings(self) -> list[tuple[str, str]]:
        """What was drawn and the bits of that, in ever fewer words."""
        drawn = "" if self.symbol is None or self.alphabet is None else self.alphabet.label(self.symbol)
        brief = drawn if self.came == "drawn" else f"{self.came} {drawn}"
        entropy = "" if math.isnan(self.entropy) else f"entropy {self.entropy:.2f}"
        if math.isnan(self.surprise):
            return [(brief, entropy and f"{entropy} bits")] * 3
        surprise = f"{self.surprise:.2f}".replace("inf", "∞")
        words = f"surprise {surprise} · {entropy} bits"
        return [(f"{self.came} {drawn}", words), (brief, words), (brief, f"{surprise} · {self.entropy:.2f} bits")]

    def mousePressEvent(self, event: QMouseEvent) -> None:
        heading = event.position().y() < HEADING
        if heading and event.button() == Qt.MouseButton.LeftButton and self.inspection is not None:
            self.looked_at.emit()
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.position().y() < HEADING:
            self._point_at(None)
        else:
            super().mouseMoveEvent(event)

    def event(self, event: QEvent) -> bool:
        """Over the curve the value that is pointed at is told there: a tool tip would cover it and the next colour."""
        if event.type() == QEvent.Type.ToolTip and self.aim is not None:
            event.ignore()
            return True
        return super().event(event)

    def tint(self, theme: Theme) -> QColor:
        return TINTS[theme.dark][self.channel]

    def _fill(self, theme: Theme) -> QColor:
        return faded(self.tint(theme), 0.6 if self.present else 0.6 * (1 - ASIDE))

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            self._paint_heading(painter, theme)
            if self.waiting:
                fill_hatched(painter, self._area(), theme)
                painter.setPen(theme.quiet)
                painter.drawText(self._area(), Qt.AlignmentFlag.AlignCenter, self.waits)
            elif self.inspection is None and self.symbol is not None:
                self._paint_mark(painter, theme)
                self._paint_not_looked_at(painter, theme)
        super().paintEvent(event)

    def _paint_not_looked_at(self, painter: QPainter, theme: Theme) -> None:
        """In as many lines as it takes, on a ground of its own that parts it from the mark of the value."""
        centred = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        where = painter.boundingRect(self._area(), centred, NOT_LOOKED_AT)
        painter.fillRect(where.adjusted(-4, 0, 4, 0), theme.panel)
        painter.setPen(theme.quiet)
        painter.drawText(where, centred, NOT_LOOKED_AT)

    def _paint_heading(self, painter: QPainter, theme: Theme) -> None:
        left, right, middle = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignVCenter
        line = QRectF(BAR_WIDTH + 6, 0, self.width() - BAR_WIDTH - 8, HEADING)
        if self.present:
            painter.fillRect(QRectF(0, 0, BAR_WIDTH, self.height()), self.tint(theme))
        font = QFont(self.font())
        font.setPixelSize(QUIET_PIXELS)
        font.setBold(True)
        named = max(QFontMetricsF(font).horizontalAdvance(formula) for _, formula, _ in COLOURS)
        font.setBold(self.present)
        painter.setFont(font)
        painter.setPen(self.tint(theme))
        painter.drawText(line, left | middle, self.formula)
        painter.setFont(small(self.font()))
        line.setLeft(line.left() + named + 8)  # values stand below one another
        value, bits = self._headings()[self._brevity(painter, line.width())]
        painter.setPen(theme.now)
        painter.drawText(line, left | middle, value)
        painter.setPen(theme.text if self.present else theme.quiet)
        painter.drawText(line, right | middle, bits)

    def _brevity(self, painter: QPainter, width: float) -> int:
        """Which of the ``_headings`` has room. Not by its own numbers: those of all colours are to be alike."""
        for number, value in enumerate(self.widest):
            if painter.fontMetrics().horizontalAdvance(value + WIDEST_BITS) <= width:
                return number
        return len(self.widest)

    def _paint_levels(self, painter: QPainter, theme: Theme, alphabet: Alphabet) -> None:
        """Lines that lead down to the labels, which stand once below all colours."""
        area = self._area()
        for symbol in level_ticks(self.levels)[1:-1]:
            painter.fillRect(QRectF(self.x_of(symbol), area.top(), 1, area.height() + self.bottom), theme.line)

    def _paint_drawn(self, painter: QPainter, theme: Theme, inspection: Inspection, alphabet: Alphabet) -> None:
        self._paint_mark(painter, theme)

    def _paint_mark(self, painter: QPainter, theme: Theme) -> None:
        assert self.symbol is not None
        if self._aside(self.symbol):
            return
        area, x = self._area(), self.x_of(self.symbol)
        painter.fillRect(QRectF(x - DRAWN_WIDTH / 2, area.top() - 4, DRAWN_WIDTH, area.height() + 4), theme.now)


class LevelAxis(QWidget):
    """The labels of the levels, once below the curves of all colours."""

    def __init__(self, plot: ColourPlot) -> None:
        super().__init__()
        self.plot = plot
        self.setFixedHeight(round(BOTTOM))
        self.setToolTip("Click to show all values again")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.plot.zoomed.emit(None)

    def paintEvent(self, event: QPaintEvent) -> None:
        alphabet = self.plot.alphabet
        if alphabet is not None:
            with painting(self) as painter:
                painter.setFont(small(self.font()))
                painter.translate(0, -self.plot.ground)
                self.plot.paint_level_labels(painter, colours(self), alphabet)
