"""The canvas of texts: every character in a cell of its own, in lines that are broken between words.

The cells of what one step drew, of a token several, can be pointed at, outlined and coloured, a space, a line break
and the stop symbol as well; what is a part of a character stands there as its bytes. Only the lines in view are
painted, and only the last one is laid out again as the text grows, so that a frame costs the same at any length.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QFontMetricsF,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from models.heat import bright, heat_table
from models.sweep import labels
from models.text import Characters, TextChain
from models.text_files import STOP_MARK
from models.trace import Take, Trace
from studio.canvas.alternatives import Alternatives
from studio.canvas.common import (
    HEAT,
    SHORT_NAMES,
    VEIL,
    CellCanvas,
    ReadOut,
    heat_places,
    sample_facts,
    step_facts,
    take_of,
    veiled_from,
)
from studio.canvas.sample_list import ROW_HEIGHT, SampleList, scrolled
from studio.canvas.text_flow import SIGNS, TextFlow, glyph
from studio.looking import Pointer
from studio.messages import Inspection
from studio.state import Studio
from studio.theme import Theme, colours, faded, mixed, small
from studio.widgets.painting import painting

LETTER_PIXELS, LINE_PIXELS = 15, 23
"""Height of the letters, and of a line of them, in logical pixels."""
MARGIN = 12
"""Around the text, in logical pixels."""
LEAST_COLUMNS, MOST_COLUMNS = 8, 84
"""Lines longer than this are hard to follow with the eye."""
DWELL_MS = 150
"""A mouse that rests for so long on a character wants to know what else could stand there."""
SNIPPET = 60
"""Characters of a text, of which a row of the list shows what it has room for."""

HINT = "Point at the text to see what else could stand there; click to keep it."

BRIGHT = bright(heat_table())
ON_BRIGHT, ON_DARK = QColor("#101114"), QColor("#f4f5f7")
"""Letters over the colours of an overlay."""

DRAWN, GIVEN, PUT, SIGN, OVER_DARK, OVER_BRIGHT = range(6)
"""What a letter's colour says: how it came there, that it is a sign for something else; what it stands on."""


class Letters:
    """What is painted for each character of a text, and the cells that all of it fits into.

    characters: those that are known beforehand. Of tokens nobody knows which they make: one that is wider than a cell
    is squeezed into it.
    """

    def __init__(self, characters: str) -> None:
        self.font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        self.font.setStyleHint(QFont.StyleHint.Monospace)
        self.font.setPixelSize(LETTER_PIXELS)
        self._metrics = QFontMetricsF(self.font)
        self._usual = self._metrics.horizontalAdvance("x")
        widest = max([self._usual, *(self._advance(c) for c in characters if c not in SIGNS)])
        self.width = math.ceil(widest - 0.01)
        self._alone: dict[str, bool] = {}
        self.font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, self.width - self._usual)
        self.ascent = (LINE_PIXELS - self._metrics.height()) / 2 + self._metrics.ascent()

    def _advance(self, character: str) -> float:
        return self._metrics.horizontalAdvance(glyph(character))

    def alone(self, character: str) -> bool:
        """Whether it is painted by itself: one that is not as wide as the others."""
        if character not in self._alone:
            self._alone[character] = abs(self._advance(character) - self._usual) > 0.01
        return self._alone[character]


@lru_cache(maxsize=8)
def letters_of(characters: str) -> Letters:
    """Measured once for all pages that show them."""
    return Letters(characters)


def cells_of(chain: TextChain) -> Callable[[npt.NDArray[np.int32]], list[tuple[str, bool]]]:
    """Of a text that grows, from its next symbols to what stands in the cells of each: at least one character, and
    whether that is a sign for something else.
    """
    read = chain.reader()

    def cells(symbols: npt.NDArray[np.int32]) -> list[tuple[str, bool]]:
        ends = len(symbols) and int(symbols[-1]) == chain.alphabet.stop_symbol
        ordinary = symbols[:-1] if ends else symbols
        found = [
            (part, False) if part else (chain.alphabet.label(symbol), True)
            for part, symbol in zip(read(ordinary), ordinary.tolist(), strict=True)
        ]
        return [*found, (STOP_MARK, True)] if ends else found

    return cells


class TextPage(QAbstractScrollArea):
    """A sample as a page that scrolls, with what else could stand at the step that is pointed at."""

    def __init__(
        self, studio: Studio, read_out: ReadOut, sample: int | None = None, over: QWidget | None = None
    ) -> None:
        """sample: None for the selected one, in the middle of the page. over: what the alternatives are shown over, of
        a page that is too small for them.
        """
        super().__init__()
        self._studio = studio
        self._own_sample = sample
        self._read_out = read_out
        self._letters: Letters | None = None
        self._trace: Trace | None = None
        self._given: npt.NDArray[np.int32] = np.empty(0, np.int32)
        """The symbols that every sample of the take was given."""
        self._flow = TextFlow(MOST_COLUMNS)
        """Of the characters in the cells."""
        self._edges = [0]
        """The first cell of every step, and of the one that comes next."""
        self._signed: list[bool] = []
        """Of which steps the cells show signs for something else."""
        self._read: Callable[[npt.NDArray[np.int32]], list[tuple[str, bool]]] | None = None
        self._follows = True
        """Whether the page scrolls along with what is drawn, or with the cursor: until the user scrolls elsewhere."""
        self._scrolling = False
        self._unscored = False
        """Whether bits that are not known yet were painted."""
        self._looked_at: tuple[Pointer | None, Pointer | None] = (None, None)
        self._cursor: int | None = None
        self._inspection: Inspection | None = None
        self._dwell = QTimer(self, singleShot=True, interval=DWELL_MS)
        self._dwell.timeout.connect(self._show_alternatives)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(LINE_PIXELS)
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.setMinimumSize(160, 120)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Text")
        self.viewport().setMouseTracking(True)
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.alternatives = Alternatives(over if over is not None else self.viewport())
        self.alternatives.chosen.connect(self._put)
        self.alternatives.left.connect(self._leave)
        studio.take_changed.connect(self._on_take)
        studio.branches_changed.connect(self._on_branches)
        studio.grown.connect(self._on_grown)
        studio.looking.cursor_changed.connect(self._on_cursor)
        studio.looking.selection_changed.connect(self._on_selection)
        studio.view_changed.connect(self._repaint)
        studio.inspection.answered.connect(self._on_inspection)
        self._on_take()

    # --- following the state -----------------------------------------------------------------------------------------

    @property
    def sample(self) -> int:
        return self._studio.looking.selected if self._own_sample is None else self._own_sample

    @property
    def lines(self) -> int:
        """How many there are."""
        return len(self._flow.starts)

    @property
    def _take(self) -> Take | None:
        take = take_of(self._studio, TextChain)
        return take if take is not None and self.sample < len(take.samples) else None

    @Slot()
    def _on_take(self) -> None:
        self._follows = True
        self._lay_out()

    @Slot()
    def _on_branches(self) -> None:
        take = self._take
        if take is not None and take.samples[self.sample].trace is not self._trace:
            self._lay_out()

    def _lay_out(self) -> None:
        """The shown branch of the selected sample from its beginning."""
        take = self._take
        self._trace = None
        self._flow, self._edges, self._signed = TextFlow(self._columns), [0], []
        self._inspection = None
        self.alternatives.hide()
        if take is not None:
            chain = take.chain
            assert isinstance(chain, TextChain)
            self._letters = letters_of(chain.alphabet.characters if isinstance(chain.alphabet, Characters) else "")
            self._flow = TextFlow(self._columns)  # as wide as the letters let it be
            self._read = cells_of(chain)
            self._trace = take.samples[self.sample].trace
            self._given = np.array(take.given, np.int32)
        self._on_grown()
        self.viewport().update()

    @Slot()
    def _on_grown(self) -> None:
        take, trace, read, flow = self._take, self._trace, self._read, self._flow
        if take is None or trace is None or read is None:
            self._fit_range()
            return
        if take.samples[self.sample].trace is not trace:
            self._lay_out()  # a search has found a better text
            return
        new = read(trace.symbols[self._drawn :])
        for text, signed in new:
            self._edges.append(self._edges[-1] + len(text))
            self._signed.append(signed)
        first = flow.extend("".join(text for text, _ in new))
        if new or trace.finished:
            self._update_lines(first, len(flow.starts))
        if self._unscored and not np.isnan(trace.entropy).any():
            self._unscored = False
            self.viewport().update()
        self._fit_range()
        self._show_facts()

    def _fit_range(self) -> None:
        bar, height = self.verticalScrollBar(), self.viewport().height()
        self._scrolling = True
        bar.setPageStep(height)
        bar.setRange(0, max(0, 2 * MARGIN + LINE_PIXELS * len(self._flow.starts) - height))
        self._scrolling = False
        if self._follows:
            self._show_step(self._drawn if self._studio.looking.following else self._studio.looking.cursor)

    def _show_step(self, step: int) -> None:
        """Scrolls no further than it takes to have a step in view."""
        bar, (line, _) = self.verticalScrollBar(), self._flow.place(self._edges[min(step, self._drawn)])
        top = LINE_PIXELS * line
        self._scrolling = True
        bar.setValue(min(max(bar.value(), top + LINE_PIXELS + 2 * MARGIN - self.viewport().height()), top))
        self._scrolling = False

    @Slot()
    def _on_cursor(self) -> None:
        """Wherever the cursor goes, the page follows it, but for one that only follows what is drawn."""
        if self._take is None:
            return
        before, self._cursor = self._cursor, veiled_from(self._studio)
        if self._cursor is not None or before is not None:
            self._follows = True
            self.viewport().update()
        if self._follows:
            self._show_step(self._studio.looking.cursor)

    @Slot()
    def _on_selection(self) -> None:
        take = self._take
        before, self._looked_at = self._looked_at, (self._studio.looking.pinned, self._studio.looking.hovered)
        if take is None:
            return
        if take.samples[self.sample].trace is not self._trace:
            self._lay_out()
        for pointer in {*before, *self._looked_at} - {None}:
            assert pointer is not None
            if pointer.step <= self._drawn:
                first, last = (
                    self._flow.place(self._edges[pointer.step])[0],
                    self._flow.place(self._end(pointer.step) - 1)[0],
                )
                self._update_lines(first, last + 1)
        if self._target is None or self._target.sample != self.sample:
            self.alternatives.hide()
        self._show_facts()

    @Slot()
    def _repaint(self) -> None:
        self.viewport().update()

    # --- geometry ----------------------------------------------------------------------------------------------------

    @property
    def _columns(self) -> int:
        """How many cells a line has, beside the one that a space at its end may take."""
        width = self._letters.width if self._letters is not None else LETTER_PIXELS
        room = (self.viewport().width() - 2 * MARGIN) // width - 1
        return min(max(room, LEAST_COLUMNS), MOST_COLUMNS)

    @property
    def _left(self) -> int:
        """Where lines begin: a page that is alone stands in the middle."""
        if self._own_sample is not None:
            return MARGIN
        width = self._letters.width if self._letters is not None else LETTER_PIXELS
        return max(MARGIN, (self.viewport().width() - (self._flow.columns + 1) * width) // 2)

    def _top(self, line: int) -> int:
        return MARGIN + line * LINE_PIXELS - self.verticalScrollBar().value()

    @property
    def _drawn(self) -> int:
        """Steps that have their cells."""
        return len(self._signed)

    def _end(self, step: int) -> int:
        """Where the cells of a step end; the one that comes next has one."""
        return self._edges[step + 1] if step < self._drawn else self._edges[step] + 1

    def cells(self, step: int) -> list[QRect]:
        """Where a step stands in the viewport, in logical pixels: a rectangle in each of its lines."""
        assert self._letters is not None
        flow, width, found = self._flow, self._letters.width, []
        start, stop = self._edges[step], self._end(step)
        while start < stop:
            line, column = flow.place(start)
            end = min(stop, flow.starts[line + 1]) if line + 1 < len(flow.starts) else stop
            found.append(QRect(self._left + column * width, self._top(line), (end - start) * width, LINE_PIXELS))
            start = end
        return found

    def cell(self, step: int) -> QRect:
        """Where a step begins in the viewport, in logical pixels."""
        return self.cells(step)[0]

    def _update_lines(self, first: int, stop: int) -> None:
        """Has lines painted anew, with the outlines that reach into their neighbours."""
        top = self._top(first)
        self.viewport().update(0, top - 3, self.viewport().width(), (stop - first) * LINE_PIXELS + 6)

    def pointer_at(self, position: QPoint | QPointF) -> Pointer | None:
        """The step under a position of the viewport: one that is drawn, or the very next."""
        trace, letters, flow = self._trace, self._letters, self._flow
        if trace is None or letters is None:
            return None
        line = int((position.y() - self._top(0)) // LINE_PIXELS)
        column = int((position.x() - self._left) // letters.width)
        if not 0 <= line < len(flow.starts) or column < 0:
            return None
        cell = flow.starts[line] + column
        next_one = cell == len(flow.text) and line == len(flow.starts) - 1 and not trace.finished
        step = self._drawn if next_one else bisect_right(self._edges, cell) - 1
        return Pointer(self.sample, step) if cell in flow.steps(line) or next_one else None

    # --- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self.viewport()) as painter:
            theme = colours(self)
            painter.fillRect(event.rect(), theme.window)
            take, trace, letters, flow = self._take, self._trace, self._letters, self._flow
            if take is None or trace is None or letters is None:
                return
            painter.setFont(letters.font)
            first = max(0, (event.rect().top() - self._top(0)) // LINE_PIXELS)
            last = min(len(flow.starts) - 1, (event.rect().bottom() - self._top(0)) // LINE_PIXELS)
            for line in range(first, last + 1):
                if cells := flow.steps(line):
                    self._paint_line(painter, theme, take, trace, letters, line, cells)
            self._paint_marks(painter, theme, trace)

    def _paint_line(
        self, painter: QPainter, theme: Theme, take: Take, trace: Trace, letters: Letters, line: int, cells: range
    ) -> None:
        edges, text = self._edges, self._flow.text[cells.start : cells.stop]
        part = slice(bisect_right(edges, cells.start) - 1, bisect_left(edges, cells.stop))
        step_of = np.searchsorted(edges[part], np.array(cells), side="right") - 1
        """Of each cell the step, counted from the first of the line."""
        symbols, left, top, width = trace.symbols[part], self._left, self._top(line), letters.width
        known = self._given[part]
        given = np.zeros(len(symbols), np.bool_)
        given[: len(known)] = symbols[: len(known)] == known  # an edit may have put another one there
        put = trace.clamped[part].copy()
        if take.beam is not None:
            found = take.samples[self.sample].branches[0].symbols[part]
            put[: len(found)] &= symbols[: len(found)] != found
        kinds = np.where(given, GIVEN, np.where(put, PUT, DRAWN))
        kinds, given = kinds[step_of], given[step_of]
        kinds[np.array(self._signed[part])[step_of] | np.array([c in SIGNS for c in text])] = SIGN
        heat = self._heat(trace, take, part)
        if heat is not None:
            heat = heat[step_of]
            shades = HEAT[np.maximum(heat, 0)] * (heat >= 0)
            row = QImage(shades.astype(np.uint32).tobytes(), len(shades), 1, QImage.Format.Format_ARGB32_Premultiplied)
            painter.drawImage(QRectF(left, top, len(shades) * width, LINE_PIXELS), row)
            kinds = np.where(heat < 0, kinds, np.where(BRIGHT[heat], OVER_BRIGHT, OVER_DARK))
        self._paint_letters(painter, theme, letters, text, kinds, QPointF(left, top + letters.ascent))
        thick = 1 if heat is None else 2  # on its colours a thin line would be lost
        for column in np.flatnonzero(given).tolist():
            painter.fillRect(left + column * width, top + LINE_PIXELS - 2 - thick, width, thick, theme.chosen)
        cursor = veiled_from(self._studio)
        if cursor is not None and edges[min(cursor, self._drawn)] < cells.stop:
            hidden = max(0, edges[cursor] - cells.start) * width
            veil = QRect(left + hidden, top, len(cells) * width - hidden, LINE_PIXELS)
            painter.fillRect(veil, faded(theme.window, VEIL))

    def _heat(self, trace: Trace, take: Take, part: slice) -> npt.NDArray[np.int64] | None:
        """See ``heat_places``; None without an overlay."""
        overlay = self._studio.overlay
        if overlay not in SHORT_NAMES:
            return None
        places = heat_places(trace.entropy[part] if overlay == "entropy" else trace.surprise[part], take.chain.alphabet)
        self._unscored |= bool((places < 0).any())
        return places

    def _paint_letters(
        self,
        painter: QPainter,
        theme: Theme,
        letters: Letters,
        text: str,
        kinds: npt.NDArray[np.int64],
        at: QPointF,
    ) -> None:
        """As few words as there are colours; what is wider or narrower than the others alone, in the middle."""
        pens = {
            DRAWN: theme.text,
            GIVEN: theme.quiet,
            PUT: theme.chosen,
            SIGN: mixed(theme.quiet, theme.window, 0.55),
            OVER_DARK: ON_DARK,
            OVER_BRIGHT: ON_BRIGHT,
        }
        alone = np.array([letters.alone(c) for c in text])
        turns = np.flatnonzero((np.diff(kinds) != 0) | alone[1:] | alone[:-1]) + 1
        drawn = [glyph(c) for c in text]
        for start, stop in pairwise([0, *turns.tolist(), len(drawn)]):
            painter.setPen(pens[int(kinds[start])])
            if drawn[start] == STOP_MARK and kinds[start] == SIGN:
                painter.setPen(theme.chosen)
            x = at.x() + start * letters.width
            if not alone[start]:
                painter.drawText(QPointF(x, at.y()), "".join(drawn[start:stop]))
                continue
            advance = painter.fontMetrics().horizontalAdvance(drawn[start])
            squeezed = min(1.0, letters.width / max(advance, 1)) if text[start] not in SIGNS else 1.0
            painter.save()
            painter.translate(x + (letters.width - squeezed * advance) / 2, at.y())
            painter.scale(squeezed, 1.0)
            painter.drawText(QPointF(0, 0), drawn[start])
            painter.restore()

    def _paint_marks(self, painter: QPainter, theme: Theme, trace: Trace) -> None:
        """The outlines of the step that is now, of the one that is kept, and of the one that is pointed at."""
        studio, cursor, shown = self._studio, veiled_from(self._studio), self._drawn
        ended = trace.finished and shown == len(trace)
        now = cursor if cursor is not None and cursor < shown else None if ended else shown
        painter.setBrush(Qt.BrushStyle.NoBrush)
        steps = [(theme.now, 1.5, now)]
        for width, pointer in ((2.0, studio.looking.pinned), (1.0, studio.looking.hovered)):
            if pointer is not None and pointer.sample == self.sample:
                steps.append((theme.chosen, width, pointer.step))
        for colour, width, step in steps:
            if step is not None and step <= shown:
                pen = QPen(colour, width)
                pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
                painter.setPen(pen)
                for cell in self.cells(step):
                    painter.drawRect(QRectF(cell).adjusted(-0.5, 0.5, 0.5, -0.5))

    # --- pointing ----------------------------------------------------------------------------------------------------

    @property
    def _target(self) -> Pointer | None:
        """The step whose alternatives are wanted."""
        return self._studio.looking.hovered or self._studio.looking.pinned

    @Slot(object)
    def _on_inspection(self, inspection: Inspection) -> None:
        self._inspection = inspection
        if not self._dwell.isActive():
            self._show_alternatives()

    @Slot()
    def _show_alternatives(self) -> None:
        take, found, target = self._take, self._inspection, self._target
        if take is None or found is None or target is None or not self.isVisible():
            return
        if (found.sample, found.step) == (self.sample, target.step) and target.sample == found.sample:
            cell, over = self.cell(target.step), self.alternatives.parent()
            if self.viewport().rect().intersects(cell):
                assert isinstance(over, QWidget)
                cell.moveTopLeft(self.viewport().mapTo(over, cell.topLeft()))
                self.alternatives.show_at(cell, found, take.chain.alphabet)

    @Slot(int)
    def _put(self, symbol: int) -> None:
        """The character goes where its list was seen, wherever generation has got to meanwhile."""
        found = self.alternatives.inspection
        self.alternatives.hide()
        self._studio.looking.hover(None)
        self._studio.looking.pin(None)
        if found is not None:
            self._studio.editing.put_value(symbol, Pointer(found.sample, found.step))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        pointer = self.pointer_at(event.position())
        if pointer != self._studio.looking.hovered:
            self.alternatives.hide()
            self._dwell.start()
            self._studio.looking.hover(pointer)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            pointer = self.pointer_at(event.position())
            self._dwell.stop()
            self._studio.looking.pin(None if pointer == self._studio.looking.pinned else pointer)
            self._show_alternatives()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """The second of two clicks is one like the first."""
        self.mousePressEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave and self._take is not None and not self.alternatives.under_mouse:
            self._leave()
        return super().viewportEvent(event)

    @Slot()
    def _leave(self) -> None:
        self._dwell.stop()
        self._studio.looking.hover(None)

    @Slot(int)
    def _on_scrolled(self, value: int) -> None:
        self.alternatives.hide()
        if not self._scrolling:
            self._follows = value >= self.verticalScrollBar().maximum()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().scroll(0, dy)

    def _show_facts(self) -> None:
        take, pointer = self._take, self._target
        if take is None or pointer is None or pointer.sample >= len(take.samples):
            self._read_out.show_facts([])
            return
        where = take.chain.locate(pointer.step)
        self._read_out.show_facts([*sample_facts(take, pointer.sample), where, *step_facts(take, pointer)])

    # --- changes of size and look ------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.alternatives.hide()
        if self._columns != self._flow.columns:
            self._lay_out()
        else:
            self._fit_range()
            self.viewport().update()


class TextList(SampleList):
    """All texts of a take by how they go on after what was given."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.setAccessibleName("Texts")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for changed in (studio.grown, studio.take_changed, studio.branches_changed, studio.looking.selection_changed):
            changed.connect(self._refresh)

    @property
    def _take(self) -> Take | None:
        return take_of(self._studio, TextChain)

    @property
    def rows(self) -> int:
        return len(self._take.samples) if self._take is not None else 0

    @Slot()
    def _refresh(self) -> None:
        self.setMinimumHeight(ROW_HEIGHT * self.rows)
        self.update()

    def paint_content(self, painter: QPainter, room: QRectF, n: int, theme: Theme) -> None:
        take = self._take
        assert take is not None
        chain, trace, made = take.chain, take.samples[n].trace, labels(take)
        assert isinstance(chain, TextChain)
        start = len(take.given)
        words = " ".join(chain.text(trace.symbols[start : start + SNIPPET]).split())
        if made:
            words = f"{made[n].full}: {words}"
        painter.setFont(small(self.font()))
        height = painter.fontMetrics().lineSpacing()
        lines = room.adjusted(0, (room.height() - 2 * height) / 2, 0, 0)
        lines.setHeight(2 * height)
        painter.drawText(lines, Qt.TextFlag.TextWordWrap, words)


class TextCanvas(CellCanvas):
    """The page with its list, read-out and legend; an invitation while there is no take."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio, HINT)
        self.page = TextPage(studio, self.read_out)
        self.list = TextList(studio)
        self.list_scroll = scrolled(self.list)
        self._lay_out(self.page, beside=self.list_scroll)

    @Slot()
    def _refresh(self) -> None:
        super()._refresh()
        take = self._studio.take
        self.list_scroll.setVisible(take is not None and len(take.samples) > 1)

    def copied(self) -> str | None:
        """The selected text."""
        trace, chain = self._studio.trace, self._studio.chain
        if trace is None or not len(trace) or not isinstance(chain, TextChain):
            return None
        return chain.text(trace.symbols)


def main() -> int:
    from studio.canvas.demo import TEXT_CHAIN, show_alone

    return show_alone(TextCanvas, TEXT_CHAIN, 3)


if __name__ == "__main__":
    raise SystemExit(main())
