"""The conditional of one step: what the model had in mind there, what the settings make of it, and what was drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QAction,
    QActionGroup,
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
)
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QMenu, QSizePolicy, QStackedLayout, QVBoxLayout, QWidget

from models.chain import Alphabet, Chain, ImageChain
from models.trace import Take, Trace
from models.wording import grouped
from studio.canvas.alternatives import likeliest, paint_value
from studio.canvas.given import was_found, was_given
from studio.canvas.text_flow import glyph
from studio.looking import Pointer
from studio.messages import MENTIONED_WEIGHT, MOST_ROWS, Density, Inspection
from studio.state import Studio
from studio.theme import DARK, LIGHT, QUIET, QUIET_PIXELS, Theme, colours, faded, fill_hatched, mixed, small
from studio.widgets.controls import RETURN_KEYS, PushButton, Segments, claims_key
from studio.widgets.labels import ElidedLabel, EmptyState, label
from studio.widgets.layouts import GAP, MARGIN
from studio.widgets.numbers import probability_text
from studio.widgets.painting import paint_focus_frame, painting

SCALES = {
    "linear": "Heights are probabilities: shows the probable values",
    "√": "Heights are square roots of probabilities: shows small probabilities beside large ones",
    "log": "Every factor of ten is as high as the next: shows even very small probabilities",
}
"""With what each is good for."""
FACTS = {
    "drawn": ("Drawn", "The value that this step got"),
    "rank": ("Rank", "The place of this value among all, 1 for the most probable"),
    "raw": ("p raw", "The probability of this value as the model gave it"),
    "shaped": ("p shaped", "The probability of this value under the present temperature, top-k, top-p and min-p"),
    "surprise": (
        "Surprise",
        "How unexpected this value was: −log2 of p raw. 0 bits: it was certain; 1 bit: as a side of a coin",
    ),
    "entropy": (
        "Entropy",
        "How unsure the model was before a value was drawn: the surprise to be expected. 0 bits: sure of one value",
    ),
}
"""Names and explanations of what stands under the curve."""

DEFAULT_SCALE = "√"
SCALE_KEY = "conditional scale"
LOG_DECADES = 6
"""How far below the top of the plot the logarithmic scale reaches."""

ROOMY = 400
"""Logical pixels of height from which on there is room for a hint."""
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

LEAST_SHOWN, UNLIKELY = 256, 1e-3
"""Of an alphabet with many levels at least so many are shown, and all but this share of the probability at each end."""

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


def p_as_drawn(inspection: Inspection, trace: Trace) -> float | None:
    """The probability that the drawn symbol had under the schedule that held at its step; None if it was not drawn."""
    if inspection.symbol is None or inspection.clamped:
        return None
    shaping = trace.segment_at(inspection.step).shaping
    if shaping == inspection.shaping:
        return float(inspection.shaped[inspection.symbol])
    # What was inspected came out of torch, so that it is here by now.
    import torch

    from models.conditional import shape_probs

    return float(shape_probs(torch.from_numpy(inspection.raw).log(), shaping)[inspection.symbol])


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
    the keyboard, Left and Right point and Return chooses. Nothing is kept but the latest inspection, so that a new one
    costs one painting.
    """

    value_chosen = Signal(int)
    top = TOP
    bottom = BOTTOM
    """Heights of what is written above and below the curves."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Conditional distribution")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(200, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(
            "Click a value to put it there and go on from it; or by keys: Tab, ← and → to the value, Return"
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
        self._top = 1.0
        self._curves: tuple[QPainterPath, QPainterPath] | None = None
        self._densities: list[QPolygonF] = []
        """Of a mixture: that of every component that is shown, and last their sum."""

    def sizeHint(self) -> QSize:
        return QSize(320, 260)

    def show_inspection(self, inspection: Inspection, alphabet: Alphabet, came: str = "drawn") -> None:
        """came: see ``how_it_came``."""
        self.inspection, self.alphabet, self.came = inspection, alphabet, came
        self.levels = shown_levels(inspection, alphabet)
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
        if event.button() == Qt.MouseButton.LeftButton and self.inspection is not None:
            self.value_chosen.emit(self.symbol_at(event.position().x()))
        else:
            event.ignore()

    def event(self, event: QEvent) -> bool:
        return claims_key(event, Qt.Key.Key_Left, Qt.Key.Key_Right, *RETURN_KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        inspection = self.inspection
        if inspection is None:
            return super().keyPressEvent(event)
        start = self.aim if self.aim is not None else int(inspection.raw.argmax())
        match event.key():
            case Qt.Key.Key_Left:
                self._point_at(max(0, start - 1))
            case Qt.Key.Key_Right:
                self._point_at(min(len(inspection.raw) - 1, start + 1))
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if self.aim is not None:
                self.value_chosen.emit(self.aim)
            case _:
                super().keyPressEvent(event)
        return None

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
        area, x = self._area(), self.x_of(inspection.symbol)
        painter.fillRect(QRectF(x - DRAWN_WIDTH / 2, 0, DRAWN_WIDTH, area.bottom()), theme.now)
        text = f"{self.came} {alphabet.label(inspection.symbol)}"
        width = painter.fontMetrics().horizontalAdvance(text) + 2.0
        left = x - 5 - width if x - 5 - width > 0 else x + 6
        painter.setPen(theme.now)
        painter.drawText(QRectF(left, 0, width, TOP - 4), Qt.AlignmentFlag.AlignCenter, text)

    def _paint_aim(self, painter: QPainter, theme: Theme) -> None:
        assert self.aim is not None
        area, x = self._area(), self.x_of(self.aim)
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

    ROW = 20.0
    """In logical pixels."""

    def __init__(self) -> None:
        super().__init__()
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

    def event(self, event: QEvent) -> bool:
        return claims_key(event, Qt.Key.Key_Up, Qt.Key.Key_Down, *RETURN_KEYS) or super().event(event)

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
            "put it there and go on from it"
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
            self.alphabet, self.levels, self.aim = chain.alphabet, range(chain.alphabet.levels), aim
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
        for symbol in level_ticks(range(alphabet.levels))[1:-1]:
            painter.fillRect(QRectF(self.x_of(symbol), area.top(), 1, area.height() + self.bottom), theme.line)

    def _paint_drawn(self, painter: QPainter, theme: Theme, inspection: Inspection, alphabet: Alphabet) -> None:
        self._paint_mark(painter, theme)

    def _paint_mark(self, painter: QPainter, theme: Theme) -> None:
        assert self.symbol is not None
        area, x = self._area(), self.x_of(self.symbol)
        painter.fillRect(QRectF(x - DRAWN_WIDTH / 2, area.top() - 4, DRAWN_WIDTH, area.height() + 4), theme.now)


class LevelAxis(QWidget):
    """The labels of the levels, once below the curves of all colours."""

    def __init__(self, plot: ColourPlot) -> None:
        super().__init__()
        self.plot = plot
        self.setFixedHeight(round(BOTTOM))

    def paintEvent(self, event: QPaintEvent) -> None:
        alphabet = self.plot.alphabet
        if alphabet is not None:
            with painting(self) as painter:
                painter.setFont(small(self.font()))
                painter.translate(0, -self.plot.ground)
                self.plot.paint_level_labels(painter, colours(self), alphabet)


class Swatch(QWidget):
    """A small sign in front of a legend's word: the filled curve, or a line of it."""

    def __init__(self, colour: Callable[[Theme], QColor], *, filled: bool = False) -> None:
        super().__init__()
        self.colour, self.filled = colour, filled
        self.setFixedSize(12, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            if self.filled:
                painter.fillRect(QRectF(1, 1, 10, 10), mixed(self.colour(theme), theme.panel, 0.3))
            else:
                painter.fillRect(QRectF(0, 6, 12, 1.5), self.colour(theme))


class InspectorPanel(QWidget):
    """Shows what ``Studio.inspection`` answers; a click on a value puts it there."""

    HINT = "Click a value to put it there and go on from it."
    NO_MODEL = "Without its model a take can be looked at, but not into."
    LOADING = "The model is being loaded."
    EMPTY = (
        "Generate, then point at a pixel, a sample or a character: here stands the distribution that it was drawn from."
    )

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.studio = studio
        self.inspection: Inspection | None = None
        self._of: Take | None = None
        """The take that is looked into."""
        self.plot = ConditionalPlot()
        """Of what has neither colours one by one nor tokens."""
        self.ranked = RankedPlot()
        self.colour_plots = [ColourPlot(channel) for channel in range(len(COLOURS))]
        self.plots: list[ConditionalPlot] = [self.plot, self.ranked, *self.colour_plots]
        self.level_axis = LevelAxis(self.colour_plots[-1])
        for plot in self.plots:
            plot.value_chosen.connect(partial(self._put, plot))
        for plot in self.colour_plots:
            plot.looked_at.connect(partial(self._look_at, plot))
        self.step_label = label(role=QUIET)
        self.sample_label = label(role=QUIET)
        self.scale = Segments(SCALES, "Scale of the probabilities")
        scale = str(studio.profile.get(SCALE_KEY, DEFAULT_SCALE))
        for plot in self.plots:
            plot.set_scale(scale if scale in SCALES else DEFAULT_SCALE)
        self.scale.choose(self.plot.scale)
        self.scale.chosen.connect(self._set_scale)
        self.facts = {name: label() for name in FACTS}
        self.noise_button = PushButton("New noise from here", "Go on from this step with noise not used before (N)")
        self.noise_button.clicked.connect(self._new_noise)
        self.noise_menu = QMenu(self.noise_button)
        for text, action in (("This sample", self._new_noise), ("All samples", self._new_noise_everywhere)):
            self.noise_menu.addAction(text).triggered.connect(action)
        self.branches_button = PushButton(tip="What this sample became after each edit")
        self.branches_menu = QMenu(self.branches_button)
        self.branches_menu.aboutToShow.connect(self._fill_branches)
        self.branches_menu.triggered.connect(self._switch_branch)
        self.branches_button.setMenu(self.branches_menu)
        self._build()
        studio.inspection.answered.connect(self._show_inspection)
        studio.inspection.late.connect(self._show_nothing)
        for signal in (studio.take_changed, studio.model_changed, studio.activity_changed):
            signal.connect(self._refresh)
        studio.branches_changed.connect(self._refresh_branches)
        studio.looking.selection_changed.connect(self._refresh_branches)
        self._refresh()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.step_label, 1)
        head.addWidget(self.sample_label)
        self.swatch = Swatch(self._fill, filled=True)
        legend = QHBoxLayout()
        legend.setSpacing(5)
        for text, tip, swatch in (
            (
                "with these settings",
                "Filled: what a value is drawn from under the present temperature and cuts",
                self.swatch,
            ),
            ("raw", "Line: the conditional as the model gave it", Swatch(lambda theme: theme.text)),
        ):
            for part in (swatch, label(text, QUIET)):
                part.setToolTip(tip)
                legend.addWidget(part)
            legend.addSpacing(6)
        legend.addStretch(1)
        legend.addWidget(self.scale)
        self.mixture = QWidget()
        self.mixture_label = ElidedLabel(role=QUIET)
        of_mixture = QHBoxLayout(self.mixture)
        of_mixture.setContentsMargins(0, 0, 0, 0)
        of_mixture.setSpacing(5)
        of_mixture.addWidget(Swatch(component_colour))
        of_mixture.addWidget(self.mixture_label, 1)
        self.mixture.hide()
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(3)
        self.fact_names = []
        for number, (fact, value) in enumerate(self.facts.items()):
            row, side = divmod(number, 2)
            word, tip = FACTS[fact]
            name = label(word, QUIET)
            self.fact_names.append(name)
            value.setAccessibleName(word)
            for part in (name, value):
                part.setToolTip(tip)
            # What a value needs in width must not move the others while generation runs.
            value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            grid.addWidget(name, row, 2 * side)
            grid.addWidget(value, row, 2 * side + 1)
        grid.setColumnStretch(1, 5)
        grid.setColumnStretch(3, 4)
        self.note = label(self.HINT, QUIET)
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addWidget(self.noise_button)
        buttons.addWidget(self.branches_button)
        buttons.addStretch(1)
        self.content = QWidget()
        column = QVBoxLayout(self.content)
        column.setContentsMargins(MARGIN, 4, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(head)
        curves = QVBoxLayout()
        curves.setSpacing(2)
        for plot in self.plots:
            curves.addWidget(plot, 1)
            plot.setVisible(plot is self.plot)
        curves.addWidget(self.level_axis)
        self.level_axis.hide()
        column.addLayout(curves, 1)
        column.addLayout(legend)
        column.addWidget(self.mixture)
        column.addLayout(grid)
        column.addWidget(self.note)
        column.addLayout(buttons)
        self.empty = EmptyState(self.EMPTY)
        self.stack = QStackedLayout(self)
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.content)

    # --- showing ---------------------------------------------------------------------------------------------------

    @Slot()
    def _refresh(self) -> None:
        studio = self.studio
        if studio.take is None or studio.loaded is None or studio.take is not self._of:
            self.inspection = None  # of another take: nothing rather than something stale
        self._of = studio.take
        if studio.take is not None:
            self._make_room(studio.take.model.chain)
        if self.inspection is None:
            loading = studio.loaded is None and studio.entry is not None
            self.empty.setText(self.EMPTY if studio.take is None else self.LOADING if loading else self.NO_MODEL)
            self._blank()
            # Where a conditional is on its way, the page stays: to turn it twice for every take flickers and costs.
            self.stack.setCurrentWidget(self.content if studio.looks_into else self.empty)
        self._refresh_branches()

    def _make_room(self, chain: Chain) -> None:
        """For one curve, or a list, or for those of three colours, whose lines say what else would stand below."""
        in_colour = isinstance(chain, ImageChain) and chain.channels == len(COLOURS)
        shown = self.colour_plots if in_colour else [self._plot_of(chain)]
        for plot in self.plots:
            plot.setVisible(plot in shown)
        self.level_axis.setVisible(in_colour)
        for fact in ("surprise", "entropy"):
            self.facts[fact].setVisible(not in_colour)
            self.fact_names[list(FACTS).index(fact)].setVisible(not in_colour)

    def _plot_of(self, chain: Chain) -> ConditionalPlot:
        """Of what has no colours one by one."""
        return self.ranked if chain.alphabet.quantity == "tokens" else self.plot

    @Slot()
    def _show_nothing(self) -> None:
        """Rather than what is about another step."""
        self.inspection = None
        self._blank()
        self.step_label.setText("computing …")

    def _blank(self) -> None:
        for plot in self.plots:
            plot.clear()
        self.mixture.hide()
        self.sample_label.setText("")
        for text in (self.step_label, *self.facts.values()):
            text.setText("–")

    @Slot()
    def _refresh_branches(self) -> None:
        pointer = self.studio.looking.edit_pointer
        take = self.studio.take
        count = len(take.samples[pointer.sample].branches) if take is not None and pointer is not None else 0
        self.branches_button.setText(f"Branches {count}" if count > 1 else "No branches")
        self.branches_button.setAccessibleName(self.branches_button.text())
        self.branches_button.setEnabled(count > 1)
        self.noise_button.setEnabled(count > 0 and self.studio.looks_into)
        several = take is not None and len(take.samples) > 1
        self.noise_button.setMenu(self.noise_menu if several else None)  # type: ignore[arg-type]

    @Slot(object)
    def _show_inspection(self, inspection: Inspection) -> None:
        studio = self.studio
        take = studio.take
        if take is None or inspection.sample >= len(take.samples):
            return
        self.inspection = inspection
        chain = take.chain
        trace = take.samples[inspection.sample].trace
        came = how_it_came(take, inspection.sample, inspection.step, inspection.symbol, clamped=inspection.clamped)
        if isinstance(chain, ImageChain) and chain.channels == len(COLOURS):
            for plot in self.colour_plots:
                plot.show_colour(inspection, take)
            ways = [plot.came for plot in self.colour_plots]
            for plot in self.colour_plots:
                plot.widest = widest_values(ways)
            self.level_axis.update()
        else:
            self._plot_of(chain).show_inspection(inspection, chain.alphabet, came)
        self.swatch.update()
        self._show_mixture(inspection.density)
        self.step_label.setText(f"step {grouped(inspection.step)} · {chain.locate(inspection.step)}")
        self.sample_label.setText(f"sample {inspection.sample}" if len(take.samples) > 1 else "")
        self._show_facts(inspection, chain.alphabet)
        self.fact_names[0].setText(came.capitalize())
        self._show_schedule(inspection, trace)
        self.stack.setCurrentWidget(self.content)

    def _show_mixture(self, density: Density | None) -> None:
        self.mixture.setVisible(density is not None)
        if density is not None:
            heavy, all_ = len(density.shares), density.components
            self.mixture_label.say(f"{heavy} of {all_} components weigh more than {100 * MENTIONED_WEIGHT:g} %")

    def _fill(self, theme: Theme) -> QColor:
        """The colour of the filled curve of what is looked at."""
        return next((plot.tint(theme) for plot in self.colour_plots if plot.present), theme.chosen)

    def _show_facts(self, inspection: Inspection, alphabet: Alphabet) -> None:
        raw, symbol = inspection.raw, inspection.symbol
        texts = dict.fromkeys(self.facts, "–")
        texts["entropy"] = f"{entropy_bits(raw):.2f} bits"
        if symbol is None:
            texts["drawn"] = "not drawn yet"
        else:
            p = float(raw[symbol])
            texts["drawn"] = alphabet.label(symbol)
            texts["rank"] = f"{rank(raw, symbol)} of {len(raw)}"
            texts["raw"] = probability_text(p)
            texts["shaped"] = probability_text(float(inspection.shaped[symbol]))
            texts["surprise"] = f"{surprise_bits(raw, symbol):.2f} bits".replace("inf", "∞")
        for name, text in texts.items():
            self.facts[name].setText(text)

    def _show_schedule(self, inspection: Inspection, trace: Trace) -> None:
        """What the symbol was drawn under, where the present settings would give it another probability."""
        p = p_as_drawn(inspection, trace)
        if p is None or probability_text(p) == self.facts["shaped"].text():
            self.note.setText(self.HINT)
        else:
            held = trace.segment_at(inspection.step).shaping.describe()
            self.note.setText(f"p as drawn {probability_text(p)}, at {held}")
        self.note.setToolTip(self.note.text())
        self._show_note()

    def _show_note(self) -> None:
        """On a low screen the curve needs the room more than the hint, which its tool tip repeats."""
        self.note.setVisible(self.height() >= ROOMY or self.note.text() != self.HINT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._show_note()
        super().resizeEvent(event)

    @Slot(str)
    def _set_scale(self, scale: str) -> None:
        for plot in self.plots:
            plot.set_scale(scale)
        self.studio.profile.set(SCALE_KEY, scale)

    # --- doing -----------------------------------------------------------------------------------------------------

    def _put(self, plot: ConditionalPlot, value: int) -> None:
        """The value goes where the curve was seen, wherever generation has got to meanwhile."""
        if plot.inspection is not None:
            self.studio.editing.put_value(value, Pointer(plot.inspection.sample, plot.inspection.step))

    def _look_at(self, plot: ConditionalPlot) -> None:
        if plot.inspection is not None:
            self.studio.looking.pin(Pointer(plot.inspection.sample, plot.inspection.step))

    @Slot()
    def _new_noise(self) -> None:
        self.studio.editing.new_noise()

    @Slot()
    def _new_noise_everywhere(self) -> None:
        self.studio.editing.new_noise(all_samples=True)

    @Slot()
    def _fill_branches(self) -> None:
        self.branches_menu.clear()
        pointer, take = self.studio.looking.edit_pointer, self.studio.take
        if pointer is None or take is None:
            return
        owner = take.samples[pointer.sample]
        group = QActionGroup(self.branches_menu)
        for number, trace in enumerate(owner.branches):
            if trace.parent is None:
                origin = "the first"
            else:
                value = trace.forced.get(trace.fork)
                if value is None and trace.fork < len(trace) and trace.clamped[trace.fork]:
                    found = int(trace.symbols[trace.fork])
                    value = None if was_given(take, trace.fork, found) else found
                what = "new noise" if value is None else f"put {take.chain.alphabet.label(value)}"
                origin = f"{what} at step {grouped(trace.fork)}"
            action = group.addAction(f"{number}   {origin} · {grouped(len(trace))} steps")
            action.setCheckable(True)
            action.setChecked(number == owner.current)
            action.setData((pointer.sample, number))
        self.branches_menu.addActions(group.actions())

    @Slot(QAction)
    def _switch_branch(self, action: QAction) -> None:
        sample, number = action.data()
        self.studio.editing.show_branch(sample, number)


if __name__ == "__main__":
    from studio.panels.demo import show_panel

    show_panel(InspectorPanel)
