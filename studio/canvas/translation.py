"""The canvas of translations: the source above, below it what is written of it, all samples beside each other.

A model that looks at its source is seen at that: each character of the source is as amber as the model looked at it
when it wrote the character that one looks at. Every text has its log-probability, so that what a beam search finds can
be compared with what is drawn; the one stands below the other, and a click shows it in its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QToolTip, QVBoxLayout, QWidget

from models.source_text import Text
from models.sweep import Label, labels
from models.text import TextChain
from models.text_files import STOP_MARK
from models.trace import Take, Trace
from studio.canvas.common import CellCanvas, ReadOut, take_of
from studio.canvas.text import HINT, LINE_PIXELS, MARGIN, MOST_COLUMNS, ON_BRIGHT, Letters, TextPage, letters_of
from studio.canvas.text_flow import TextFlow
from studio.messages import Attention
from studio.state import Studio
from studio.theme import QUIET, RADIUS, STAGE, Theme, colours, faded, set_role, small
from studio.widgets.controls import ComboBox, PushButton
from studio.widgets.labels import ElidedLabel, label
from studio.widgets.layouts import GAP, EvenGrid
from studio.widgets.painting import painting

LAYER_PIXELS = 10
"""Of the letters that number the layers beside their rows."""
HEADS_PIXELS = 48
"""Height of the rows of all heads together, below a line of the source."""
STRONGEST = 0.85
"""Opacity of the amber of the character that is looked at most."""
DARK_ON_AMBER = 0.7
"""From which share of that on its letter is dark, in the dark theme."""
MOST_SOURCE = 210
"""Height of the source, in logical pixels: of a longer one a part is seen."""
BOX_WIDTH, BOX_HEAD, BOX_LINES = 300, 30, range(2, 7)
"""Of a sample: how wide its box is at least, the height of its head, and how many lines there is room for below."""
ROW, MOST_ROWS = 24, 4
"""Height of a row of what is compared, and how many are seen at once."""
WIDTHS = range(1, 17)
FIRST_WIDTH = 4
NOT_THE_MODE = "need be the most probable sentence"


def log_prob(trace: Trace) -> str:
    """The natural logarithm of a text's probability, of what there is of it so far: ``−8.21 nats``."""
    nats = round(-trace.bits * math.log(2), 2) + 0.0  # not -0
    return "…" if math.isnan(nats) else f"{nats:.2f} nats".replace("-", "−")


def total_of(trace: Trace) -> str:
    return f"log p = {log_prob(trace)}" + ("" if trace.finished else " so far")


def how_made(take: Take) -> str:
    """How the texts of a take were found, and what they are not."""
    if take.beam is not None:
        return f"Beam search, width {take.beam}: neither this nor temperature 0 {NOT_THE_MODE}."
    drawn = "Drawn" if len(take.samples) == 1 else f"{len(take.samples)} draws"
    temperatures = {segment.shaping.temperature for trace in take.traces for segment in trace.schedule}
    if temperatures == {0.0}:
        return (
            f"{drawn} at temperature 0, the likeliest character each time: neither this nor beam search {NOT_THE_MODE}."
        )
    at = f" at temperature {temperatures.pop():g}" if len(temperatures) == 1 else ""
    return f"{drawn}{at}. log p: of all characters and the end, as the model has it at temperature 1."


class SourceText(QWidget):
    """The source in lines of cells, and how much the model looked at each, in the mean and head by head."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self._letters: Letters | None = None
        self._of: Text | None = None
        self.text = ""
        self.flow = TextFlow(MOST_COLUMNS)
        self.setAccessibleName("Source")
        studio.attention.changed.connect(self.update)

    @property
    def attention(self) -> Attention | None:
        """The one of this very text."""
        found = self._studio.attention.found
        return found if found is not None and found.source == self.text else None

    @property
    def _line_height(self) -> int:
        attends = self._studio.loaded is not None and self._studio.loaded.attends
        return LINE_PIXELS + (HEADS_PIXELS + 6 if attends else 0)

    def show_text(self, text: str, factor: Text) -> None:
        self._letters, self._of = letters_of(factor.characters), factor
        self.text = text
        self._lay_out()

    def _lay_out(self) -> None:
        letters = self._letters
        if letters is None:
            return
        self.flow = TextFlow(min(max(1, (self.width() - 2 * MARGIN) // letters.width - 1), MOST_COLUMNS))
        self.flow.extend(self.text + STOP_MARK)
        self.setFixedHeight(self._line_height * len(self.flow.starts))
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def cell(self, place: int) -> QRect:
        """Where a character stands; the place after the last one is the end."""
        assert self._letters is not None
        line, column = self.flow.place(place)
        return QRect(MARGIN + column * self._letters.width, line * self._line_height, self._letters.width, LINE_PIXELS)

    def place_at(self, position: QPoint) -> int | None:
        """The character at a position, or below which it lies."""
        if self._letters is None:
            return None
        line, column = position.y() // self._line_height, (position.x() - MARGIN) // self._letters.width
        if not 0 <= line < len(self.flow.starts):
            return None
        steps = self.flow.steps(line)
        return steps[column] if 0 <= column < len(steps) else None

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, letters, found = colours(self), self._letters, self.attention
            painter.fillRect(event.rect(), theme.window)
            if letters is None:
                return
            painter.setFont(letters.font)
            mean = None if found is None else found.weights.mean((0, 1))
            for place, drawn in enumerate(self.flow.text):
                cell = self.cell(place)
                share = 0.0 if mean is None else float(mean[place] / mean.max())
                painter.fillRect(cell, faded(theme.now, STRONGEST * share))
                end = place == len(self.flow.text) - 1
                pen = theme.quiet if end else theme.text
                painter.setPen(ON_BRIGHT if theme.dark and share > DARK_ON_AMBER else pen)
                painter.drawText(QPointF(cell.left(), cell.top() + letters.ascent), drawn)
            if found is not None:
                for line in range(len(self.flow.starts)):
                    self._paint_heads(painter, theme, found.weights, self.flow.steps(line), letters.width)

    def _paint_heads(
        self, painter: QPainter, theme: Theme, weights: npt.NDArray[np.float32], steps: range, width: int
    ) -> None:
        """A row for each head, those of the first layer above: as opaque as the square root of how much it looked."""
        if not steps:
            return
        rows = weights.reshape(-1, weights.shape[-1])[:, steps.start : steps.stop]
        first = self.cell(steps.start)
        picture = QRectF(first.left(), first.bottom() + 2, len(steps) * width, HEADS_PIXELS)
        painter.fillRect(picture, faded(theme.line, 0.5))
        painter.drawImage(picture, amber(np.sqrt(rows), theme.now))
        of_layer = QRectF(picture.left(), picture.top(), picture.width(), HEADS_PIXELS / weights.shape[0])
        font = painter.font()
        font.setPixelSize(LAYER_PIXELS)
        painter.setFont(font)
        for layer in range(weights.shape[0]):
            here = of_layer.translated(0, layer * of_layer.height())
            if layer:
                painter.setPen(QPen(theme.line, 1))
                painter.drawLine(here.topLeft(), here.topRight())
            if not steps.start and of_layer.height() >= LAYER_PIXELS:
                painter.setPen(theme.quiet)
                right = QRectF(here.right() + MARGIN / 2, here.top(), self.width(), here.height())
                painter.drawText(right, Qt.AlignmentFlag.AlignVCenter, f"layer {layer + 1}")

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            place, found = self.place_at(event.pos()), self.attention
            if place is None or found is None:
                QToolTip.hideText()
            else:
                share = 100 * float(found.weights.mean((0, 1))[place])
                QToolTip.showText(event.globalPos(), f"{self.name_of(place)}: {share:.3g} % of the attention", self)
            return True
        return super().event(event)

    def name_of(self, place: int) -> str:
        """A character of the source in words."""
        assert self._of is not None
        if place == len(self.text):
            return "the end"
        return self._of.alphabet.label(int(self._of.alphabet.encode([self.text[place]])[0]))


def amber(weights: npt.NDArray[np.float32], colour: QColor) -> QImage:
    """A picture of weights in 0 … 1 (rows, columns) as opacities of a colour."""
    alpha = weights.clip(0, 1)[..., None]
    parts = np.array([colour.blueF(), colour.greenF(), colour.redF(), 1.0], np.float32)
    pixels = np.rint(255 * alpha * parts).astype(np.uint8)
    rows, columns = weights.shape
    form = QImage.Format.Format_ARGB32_Premultiplied
    return QImage(pixels.tobytes(), columns, rows, 4 * columns, form).copy()


class SourcePart(QWidget):
    """What stands above: the source with its attention, and a bar that begins a search."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self.source = SourceText(studio)
        self.caption = ElidedLabel(role=QUIET, align=Qt.AlignmentFlag.AlignRight)
        self.search_button = PushButton("Beam search", "The most probable texts that a beam finds, kept as a take")
        self.width_box = ComboBox("Beam width", "How many beginnings the beam keeps at each step, 1 to 16")
        self.width_box.addItems([str(width) for width in WIDTHS])
        self.width_box.setCurrentText(str(FIRST_WIDTH))
        self.note = label(role=QUIET)
        self.note.setWordWrap(True)
        self._scroll = QScrollArea()
        self._scroll.setWidget(self.source)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        head, bar, column = QHBoxLayout(), QHBoxLayout(), QVBoxLayout(self)
        head.setContentsMargins(MARGIN, 0, MARGIN, 0)
        head.addWidget(label("Source", QUIET))
        head.addWidget(self.caption, 1)
        bar.setContentsMargins(MARGIN, 4, MARGIN, 0)
        bar.setSpacing(GAP)
        bar.addWidget(self.search_button)
        bar.addWidget(label("width", QUIET))
        bar.addWidget(self.width_box)
        bar.addWidget(self.note, 1)
        column.setContentsMargins(4, 10, 4, 4)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(self._scroll)
        column.addLayout(bar)
        self.search_button.clicked.connect(self._search)
        studio.attention.changed.connect(self._refresh_caption)
        for changed in (
            studio.take_changed, studio.model_changed, studio.settings_changed, studio.activity_changed,
            studio.looking.selection_changed, studio.branches_changed,
        ):  # fmt: skip
            changed.connect(self._refresh)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        studio, factor = self._studio, self._studio.source
        if factor is None or studio.settings is None:
            return
        if studio.trace is not None:
            text = studio.trace.segment_at(studio.looking.cursor).condition[factor.name]
        else:
            text = studio.settings.condition.get(factor.name, factor.default)
        self.source.show_text(text, factor)
        self._fit()
        self.search_button.setEnabled(studio.can_begin)
        self.note.setText(how_made(studio.take) if studio.take is not None else "")
        self._refresh_caption()

    def _fit(self) -> None:
        self._scroll.setFixedHeight(min(self.source.height(), MOST_SOURCE))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _refresh_caption(self) -> None:
        found, chain = self.source.attention, self._studio.chain
        if found is None or not isinstance(chain, TextChain):
            self.caption.say("")
            return
        mean = found.weights.mean((0, 1))
        most = int(mean.argmax())
        trace = self._studio.trace
        drawn = trace is not None and found.step < len(trace)
        which = f"of {chain.alphabet.label(int(trace.symbols[found.step]))}" if drawn and trace is not None else "now"
        strongest = (
            f"Attention {which} (step {found.step}): most on {self.source.name_of(most)}, {100 * mean[most]:.0f} %"
        )
        layers, heads, _ = found.weights.shape
        self.caption.say(f"{strongest}; below, a row for each of {layers} x {heads} heads", strongest)

    @Slot()
    def _search(self) -> None:
        self._studio.search(int(self.width_box.currentText()))


class Box(QFrame):
    """A sample: its number and log-probability, above its text."""

    def __init__(self, studio: Studio, read_out: ReadOut, sample: int, over: QWidget) -> None:
        super().__init__()
        self._studio, self.sample = studio, sample
        self.page = TextPage(studio, read_out, sample, over)
        self.page.setMinimumSize(0, 0)
        self.page.setAccessibleName(f"Text {sample}")
        self.name, self.total = ElidedLabel(), label()
        head, column = QHBoxLayout(), QVBoxLayout(self)
        head.setContentsMargins(MARGIN, 6, MARGIN, 0)
        head.addWidget(self.name, 1)
        head.addWidget(self.total)
        column.setContentsMargins(2, 2, 2, 2)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.page, 1)

    def sizeHint(self) -> QSize:
        lines = min(max(self.page.lines, BOX_LINES.start), BOX_LINES[-1])
        return QSize(BOX_WIDTH, BOX_HEAD + 2 * MARGIN + lines * LINE_PIXELS)

    def refresh(self, take: Take, made: Sequence[Label]) -> None:
        """made: the labels of the take's samples."""
        what = f"{'text' if take.beam is not None else 'draw'} {self.sample}"
        self.name.say(f"{what} · {made[self.sample].full}" if made else what)
        self.total.setText(total_of(take.samples[self.sample].trace))
        self.updateGeometry()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._studio.looking.select(self.sample)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            chosen = self.sample == self._studio.looking.selected
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.chosen if chosen else theme.line, 1))
            painter.setBrush(theme.window)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)


class Boxes(QScrollArea):
    """All samples of the take that is shown, as many beside each other as there is room for."""

    def __init__(self, studio: Studio, read_out: ReadOut, over: QWidget) -> None:
        super().__init__()
        self._studio, self._read_out, self._over = studio, read_out, over
        self.boxes: list[Box] = []
        content = QWidget()
        set_role(content, STAGE)
        column = QVBoxLayout(content)
        column.setContentsMargins(MARGIN, 4, MARGIN, 4)
        self._grid = EvenGrid(spacing=GAP)
        column.addLayout(self._grid)
        column.addStretch(1)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Translations")
        self.verticalScrollBar().valueChanged.connect(self._hide_alternatives)
        studio.take_changed.connect(self._on_take)
        for changed in (studio.grown, studio.branches_changed, studio.activity_changed):
            changed.connect(self._refresh)
        studio.looking.selection_changed.connect(self._on_selection)
        self._on_take()

    @property
    def _take(self) -> Take | None:
        return take_of(self._studio, TextChain) if self._studio.source is not None else None

    @Slot()
    def _on_take(self) -> None:
        take = self._take
        count = len(take.samples) if take is not None else 0
        while len(self.boxes) < count:
            self.boxes.append(Box(self._studio, self._read_out, len(self.boxes), self._over))
            self._grid.addWidget(self.boxes[-1])
        while len(self.boxes) > count:
            gone = self.boxes.pop()
            self._grid.removeWidget(gone)
            gone.hide()  # it is gone when nothing else is to be done
            gone.page.alternatives.deleteLater()
            gone.deleteLater()
        self._grid.invalidate()
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        take = self._take
        if take is None:
            return
        made = labels(take)
        for box in self.boxes:
            box.refresh(take, made)

    @Slot()
    def _on_selection(self) -> None:
        for box in self.boxes:
            box.update()

    @Slot()
    def _hide_alternatives(self) -> None:
        for box in self.boxes:
            box.page.alternatives.hide()


class Others(QWidget):
    """What was found of the same source in the other way, by a search or by drawing: a click shows it."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self._last: dict[bool, Take] = {}
        """What was drawn last of a source, and what a search found."""
        self._of: object = None
        self.other: Take | None = None
        self.rows = OtherRows(self)
        self.head = ElidedLabel(role=QUIET)
        area = QScrollArea()
        area.setWidget(self.rows)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area = area
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, 2, MARGIN, 2)
        column.setSpacing(2)
        column.addWidget(self.head)
        column.addWidget(area)
        studio.take_changed.connect(self._on_take)
        studio.history_changed.connect(self._on_take)  # it may have been deleted
        self._on_take()

    @Slot()
    def _on_take(self) -> None:
        take, factor = self._studio.take, self._studio.source
        if take is None or factor is None:
            self.other = None
        else:
            source = take.traces[0].schedule[0].condition[factor.name]
            if self._of != (take.model.weights, source):
                self._of, self._last = (take.model.weights, source), {}
            self._last[take.beam is not None] = take
            other = self._last.get(take.beam is None)
            self.other = None if other is None or self._studio.worker.forgets(other.id) else other
        self.setVisible(self.other is not None)
        if self.other is not None:
            self.head.say(f"For comparison: {how_made(self.other)}")
            self.rows.setFixedHeight(ROW * len(self.other.samples))
            self._area.setFixedHeight(ROW * min(MOST_ROWS, len(self.other.samples)))
            self.rows.update()

    def show_other(self, sample: int) -> None:
        other = self.other
        if other is not None:
            # Of the model whose take is shown, as is the other.
            self._studio.show_with_model(other, self._studio.entry)
            self._studio.looking.select(sample)


class OtherRows(QWidget):
    """A line for each text that is compared: its log-probability, and how it begins."""

    TOTAL_WIDTH = 92

    def __init__(self, others: Others) -> None:
        super().__init__()
        self._others = others
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Click to show it")
        self.setAccessibleName("For comparison")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._others.show_other(int(event.position().y() // ROW))

    def paintEvent(self, event: QPaintEvent) -> None:
        other = self._others.other
        with painting(self) as painter:
            theme = colours(self)
            painter.fillRect(event.rect(), theme.window)
            if other is None:
                return
            chain = other.chain
            assert isinstance(chain, TextChain)
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.setFont(small(self.font()))
            for n, trace in enumerate(other.traces):
                row = QRectF(0, n * ROW, self.width(), ROW)
                painter.setPen(theme.quiet)
                total = QRectF(row.left(), row.top(), self.TOTAL_WIDTH - 12, ROW)
                painter.drawText(total, middle | Qt.AlignmentFlag.AlignRight, log_prob(trace))
                room = row.adjusted(self.TOTAL_WIDTH, 0, 0, 0)
                words = " ".join(chain.text(trace.symbols).split())
                painter.setPen(theme.text)
                shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(room.width()))
                painter.drawText(room, middle, shown)


class TranslationCanvas(CellCanvas):
    """The source, what is written of it, and what it is compared with."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio, HINT)
        self.source_part = SourcePart(studio)
        self.boxes = Boxes(studio, self.read_out, over=self)
        self.others = Others(studio)
        view = QWidget()
        column = QVBoxLayout(view)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.boxes, 1)
        column.addWidget(self.others)
        self._lay_out(view, above=self.source_part)
        self.setFocusProxy(self.boxes)

    def copied(self) -> str | None:
        """The selected text."""
        trace, chain = self._studio.trace, self._studio.chain
        if trace is None or not len(trace) or not isinstance(chain, TextChain):
            return None
        return chain.text(trace.symbols)
