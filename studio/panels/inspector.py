"""The conditional of one step: what the model had in mind there, what the settings make of it, and what was drawn."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QFocusEvent,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from models.chain import Alphabet
from models.shaping import NEUTRAL, Shaping
from models.trace import Take, Trace
from studio.inference import Inspection
from studio.panels.widgets import (
    GAP,
    MARGIN,
    RETURN_KEYS,
    EmptyState,
    PushButton,
    Segments,
    claims_key,
    grouped,
    label,
    paint_focus_frame,
    painting,
    probability_text,
)
from studio.state import Pointer, Studio
from studio.theme import QUIET, QUIET_PIXELS, Theme, colours, faded, mixed

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
GUTTER = 44.0
TOP = 20.0
BOTTOM = 18.0
STOP_WIDTH = 24.0
STOP_GAP = 10.0
DRAWN_WIDTH = 1.5
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


def shaping_words(shaping: Shaping) -> str:
    """The settings that are not neutral: ``temperature 0.8, top-p 0.9``."""
    named = [
        (f"temperature {shaping.temperature:g}", shaping.temperature != NEUTRAL.temperature),
        (f"top-k {shaping.top_k}", shaping.top_k != NEUTRAL.top_k),
        (f"top-p {shaping.top_p:g}", shaping.top_p != NEUTRAL.top_p),
        (f"min-p {shaping.min_p:g}", shaping.min_p != NEUTRAL.min_p),
    ]
    return ", ".join(words for words, set_ in named if set_) or "neutral settings"


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


class ConditionalPlot(QWidget):
    """Probability by value: as the present settings shape it a filled step curve, the raw one a line over it.

    The stop symbol stands apart at the right. Pointing at a value tells its probabilities, a click chooses it; with
    the keyboard, Left and Right point and Return chooses. Nothing is kept but the latest inspection, so that a new one
    costs one painting.
    """

    value_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Conditional distribution")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(200, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Click a value to put it there and go on from it")
        self.scale = DEFAULT_SCALE
        self.aim: int | None = None
        """The value that is pointed at."""
        self._inspection: Inspection | None = None
        self._alphabet: Alphabet | None = None
        self._top = 1.0
        self._curves: tuple[QPainterPath, QPainterPath] | None = None

    def sizeHint(self) -> QSize:
        return QSize(320, 260)

    def show_inspection(self, inspection: Inspection, alphabet: Alphabet) -> None:
        self._inspection, self._alphabet = inspection, alphabet
        self._top = axis_top(max(float(inspection.raw.max()), float(inspection.shaped.max())))
        if self.aim is not None:
            self.aim = min(self.aim, len(inspection.raw) - 1)
        self._curves = None
        self.update()

    def clear(self) -> None:
        self._inspection = self._curves = None
        self._point_at(None)
        self.update()

    def set_scale(self, scale: str) -> None:
        self.scale = scale
        self._curves = None
        self.update()

    # --- where things are ------------------------------------------------------------------------------------------

    def _area(self) -> QRectF:
        """Where the ordinary values stand."""
        area = QRectF(self.rect()).adjusted(GUTTER, TOP, -2, -BOTTOM)
        if self._alphabet is not None and self._alphabet.stop:
            area.setRight(area.right() - STOP_WIDTH - STOP_GAP)
        return area

    def _stop_area(self) -> QRectF:
        area = self._area()
        return QRectF(area.right() + STOP_GAP, area.top(), STOP_WIDTH, area.height())

    def x_of(self, symbol: int) -> float:
        """The middle of a value's step, in widget coordinates."""
        assert self._alphabet is not None
        if symbol == self._alphabet.stop_symbol:
            return self._stop_area().center().x()
        area = self._area()
        return area.left() + (symbol + 0.5) * area.width() / self._alphabet.levels

    def symbol_at(self, x: float) -> int:
        assert self._alphabet is not None
        area = self._area()
        if self._alphabet.stop_symbol is not None and x > area.right() + STOP_GAP / 2:
            return self._alphabet.stop_symbol
        symbol = math.floor((x - area.left()) / max(area.width(), 1.0) * self._alphabet.levels)
        return min(self._alphabet.levels - 1, max(0, symbol))

    # --- input -----------------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point_at(self.symbol_at(event.position().x()) if self._inspection is not None else None)

    def leaveEvent(self, event: QEvent) -> None:
        self._point_at(None)
        super().leaveEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._point_at(None)
        super().focusOutEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._inspection is not None:
            self.value_chosen.emit(self.symbol_at(event.position().x()))
        else:
            event.ignore()

    def event(self, event: QEvent) -> bool:
        return claims_key(event, Qt.Key.Key_Left, Qt.Key.Key_Right, *RETURN_KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        inspection = self._inspection
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
        if self.aim is None or self._inspection is None or self._alphabet is None:
            return ""
        raw, shaped = self._inspection.raw[self.aim], self._inspection.shaped[self.aim]
        return f"{self._alphabet.label(self.aim)}  raw {probability_text(raw)}  shaped {probability_text(shaped)}"

    # --- painting --------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._curves = None
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            font = QFont(self.font())
            font.setPixelSize(QUIET_PIXELS - 1)
            painter.setFont(font)
            inspection, alphabet = self._inspection, self._alphabet
            if inspection is not None and alphabet is not None:
                self._paint_axes(painter, theme, alphabet)
                if self._curves is None:
                    self._curves = self._outline(inspection.shaped, alphabet), self._outline(inspection.raw, alphabet)
                shaped, raw = self._curves
                painter.fillPath(shaped, faded(theme.chosen, 0.55))
                painter.strokePath(raw, QPen(mixed(theme.text, theme.panel, 0.15), 1))
                if inspection.symbol is not None:
                    self._paint_drawn(painter, theme, inspection, alphabet)
                if self.aim is not None:
                    self._paint_aim(painter, theme)
            if self.hasFocus():
                paint_focus_frame(painter, QRectF(self.rect()), theme)

    def _outline(self, p: npt.NDArray[np.float64], alphabet: Alphabet) -> QPainterPath:
        """The step curve of the ordinary values and the bar of the stop symbol, closed along the ground."""
        area = self._area()
        levels = p[: alphabet.levels]
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

    def _paint_axes(self, painter: QPainter, theme: Theme, alphabet: Alphabet) -> None:
        area = self._area()
        for fraction in TICK_FRACTIONS[self.scale]:
            height = float(heights(np.array([fraction]), 1.0, self.scale)[0])
            y = area.bottom() - height * area.height()
            painter.fillRect(QRectF(area.left(), y, area.width(), 1), theme.line)
            painter.setPen(theme.quiet)
            where = QRectF(0, y - 8, GUTTER - 6, 16)
            centred = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(where, centred, f"{fraction * self._top:.2g}")
        painter.fillRect(QRectF(area.left(), area.bottom(), area.width(), 1), theme.border)
        painter.setPen(theme.quiet)
        last = alphabet.levels - 1
        ticks = sorted({0, *(round(alphabet.levels * n / 4) for n in (1, 2, 3)), last}) if last > 8 else range(last + 1)
        for symbol in ticks:
            self._paint_label(painter, str(symbol), self.x_of(symbol), area)
        if alphabet.stop:
            bar = self._stop_area()
            painter.fillRect(QRectF(bar.left(), bar.bottom(), bar.width(), 1), theme.border)
            self._paint_label(painter, "stop", bar.center().x(), bar)

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
        text = f"{'put' if inspection.clamped else 'drawn'} {alphabet.label(inspection.symbol)}"
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


class Swatch(QWidget):
    """A small sign in front of a legend's word: the filled curve, or the line."""

    def __init__(self, *, filled: bool) -> None:
        super().__init__()
        self.filled = filled
        self.setFixedSize(12, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            if self.filled:
                painter.fillRect(QRectF(1, 1, 10, 10), mixed(theme.chosen, theme.panel, 0.3))
            else:
                painter.fillRect(QRectF(0, 6, 12, 1.5), theme.text)


class InspectorPanel(QWidget):
    """Shows ``Studio.inspected``; a click on a value puts it there."""

    HINT = "Click a value to put it there and go on from it."
    NO_MODEL = "Without its model a take can be looked at, but not into."
    LOADING = "The model is being loaded."
    EMPTY = "Generate, then point at a pixel or a sample: here stands the distribution that it was drawn from."

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.studio = studio
        self.inspection: Inspection | None = None
        self._of: Take | None = None
        """The take that is looked into."""
        self.plot = ConditionalPlot()
        self.plot.value_chosen.connect(self._put)
        self.step_label = label(role=QUIET)
        self.sample_label = label(role=QUIET)
        self.scale = Segments(SCALES, "Scale of the probabilities")
        scale = str(studio.profile.get(SCALE_KEY, DEFAULT_SCALE))
        self.plot.set_scale(scale if scale in SCALES else DEFAULT_SCALE)
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
        studio.inspected.connect(self._show_inspection)
        for signal in (studio.take_changed, studio.model_changed, studio.activity_changed):
            signal.connect(self._refresh)
        studio.branches_changed.connect(self._refresh_branches)
        studio.selection_changed.connect(self._refresh_branches)
        self._refresh()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.step_label, 1)
        head.addWidget(self.sample_label)
        legend = QHBoxLayout()
        legend.setSpacing(5)
        for text, tip, filled in (
            ("with these settings", "Filled: what a value is drawn from under the present temperature and cuts", True),
            ("raw", "Line: the conditional as the model gave it", False),
        ):
            parts = Swatch(filled=filled), label(text, QUIET)
            for part in parts:
                part.setToolTip(tip)
                legend.addWidget(part)
            legend.addSpacing(6)
        legend.addStretch(1)
        legend.addWidget(self.scale)
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
        column.addWidget(self.plot, 1)
        column.addLayout(legend)
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
        if self.inspection is None:
            loading = studio.loaded is None and studio.entry is not None
            self.empty.setText(self.EMPTY if studio.take is None else self.LOADING if loading else self.NO_MODEL)
            self._blank()
            # Where a conditional is on its way, the page stays: to turn it twice for every take flickers and costs.
            self.stack.setCurrentWidget(self.content if studio.looks_into else self.empty)
        self._refresh_branches()

    def _blank(self) -> None:
        self.plot.clear()
        self.sample_label.setText("")
        for text in (self.step_label, *self.facts.values()):
            text.setText("–")

    @Slot()
    def _refresh_branches(self) -> None:
        pointer = self.studio.edit_pointer
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
        chain = take.model.chain
        self.plot.show_inspection(inspection, chain.alphabet)
        self.step_label.setText(f"step {grouped(inspection.step)} · {chain.locate(inspection.step)}")
        self.sample_label.setText(f"sample {inspection.sample}" if len(take.samples) > 1 else "")
        self._show_facts(inspection, chain.alphabet)
        self._show_schedule(inspection, take.samples[inspection.sample].trace)
        self.stack.setCurrentWidget(self.content)

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
            texts["surprise"] = f"{-math.log2(p):.2f} bits" if p > 0 else "∞ bits"
        self.fact_names[0].setText("Put" if inspection.clamped else "Drawn")
        for name, text in texts.items():
            self.facts[name].setText(text)

    def _show_schedule(self, inspection: Inspection, trace: Trace) -> None:
        """What the symbol was drawn under, where the present settings would give it another probability."""
        p = p_as_drawn(inspection, trace)
        if p is None or probability_text(p) == self.facts["shaped"].text():
            self.note.setText(self.HINT)
        else:
            held = shaping_words(trace.segment_at(inspection.step).shaping)
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
        self.plot.set_scale(scale)
        self.studio.profile.set(SCALE_KEY, scale)

    # --- doing -----------------------------------------------------------------------------------------------------

    @Slot(int)
    def _put(self, value: int) -> None:
        """The value goes where the curve was seen, wherever generation has got to meanwhile."""
        if self.inspection is not None:
            self.studio.put_value(value, Pointer(self.inspection.sample, self.inspection.step))

    @Slot()
    def _new_noise(self) -> None:
        self.studio.new_noise()

    @Slot()
    def _new_noise_everywhere(self) -> None:
        self.studio.new_noise(all_samples=True)

    @Slot()
    def _fill_branches(self) -> None:
        self.branches_menu.clear()
        pointer, take = self.studio.edit_pointer, self.studio.take
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
                    value = int(trace.symbols[trace.fork])
                what = "new noise" if value is None else f"put {take.model.chain.alphabet.label(value)}"
                origin = f"{what} at step {grouped(trace.fork)}"
            action = group.addAction(f"{number}   {origin} · {grouped(len(trace))} steps")
            action.setCheckable(True)
            action.setChecked(number == owner.current)
            action.setData((pointer.sample, number))
        self.branches_menu.addActions(group.actions())

    @Slot(QAction)
    def _switch_branch(self, action: QAction) -> None:
        sample, number = action.data()
        self.studio.show_branch(sample, number)


if __name__ == "__main__":
    from studio.panels.demo import show_panel

    show_panel(InspectorPanel)
