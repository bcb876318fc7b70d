"""The canvas of images: every pixel as it is drawn, in a grid of all samples of the take, or of one that is enlarged.

One picture per sample is kept in memory; a step colours its pixel once, and only the rows that grew are painted anew.
Everything is laid out in device pixels, so that a pixel of the image is a square of a whole number of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from models.chain import DRAW, Alphabet, ImageChain, Symbols
from models.completion import how_it_is_completed
from models.heat import heat_table
from models.sweep import Label, labels
from models.sweep import columns as columns_of
from models.trace import Take
from studio.canvas.common import SHORT_NAMES, Canvas, Invitation, Legend, ReadOut, full_bits, packed, step_facts
from studio.canvas.given import GivenBorder
from studio.canvas.influence import LEAST_STRENGTH, influence_picture, strongest
from studio.canvas.order import order_colours, paint_order
from studio.messages import Influence
from studio.state import Pointer, Studio
from studio.theme import QUIET_PIXELS, Theme, colours, faded, hatch_brush, tabular
from studio.thumbnail import image_pixels
from studio.widgets.painting import painting

MARGIN, GAP = 16, 8
"""Around the grid and between its cells, in logical pixels."""

VEIL = 0.74
"""How much of the stage lies over steps that are drawn but beyond the cursor."""

LABEL_GAP = 2
"""Between a label and the cell below it, in logical pixels."""
LEAST_OF_A_LABEL = "00…"
"""Where there is no room for so much, there are no labels."""

FORESEEN = 0.35
"""Opacity of what is given and not yet taken."""

HINT = "Point at a pixel to see its conditional; click to keep it."
HINT_OF_SEVERAL = "Point at a pixel; click to keep it; double click to enlarge."
HINT_OF_INFLUENCE = "Click a pixel to see which earlier ones can change it, and how much they do."
HINT_ALONE = "Esc or a double click shows all samples again."


HEAT = packed(heat_table())


def _tables(alphabet: Alphabet) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
    """Of every symbol: the pixel of a grey image, uint32 (K,), and the intensity, uint8 (K,)."""
    levels = alphabet.decode(np.arange(alphabet.levels))
    return packed(np.repeat(levels[:, None], 3, axis=1)), levels


class Steps(Protocol):
    """What a picture shows: a trace, or the part of one that lies in a frame of a video."""

    def __len__(self) -> int: ...
    @property
    def symbols(self) -> Symbols: ...
    @property
    def surprise(self) -> npt.NDArray[np.float32]: ...
    @property
    def entropy(self) -> npt.NDArray[np.float32]: ...
    @property
    def finished(self) -> bool: ...


class Picture:
    """The pixels of one trace: transparent where nothing is drawn."""

    def __init__(
        self,
        trace: Steps,
        chain: ImageChain,
        overlay: str,
        given: Sequence[int] = (),
        before: npt.NDArray[np.uint32] | None = None,
    ) -> None:
        """given: see ``Take``; what is known beforehand is seen faintly until its turn comes.

        before: pixels (H, W) that are seen until others are drawn over them.
        """
        self.trace, self.chain, self.overlay = trace, chain, overlay
        self.shown = 0
        """Steps that are coloured."""
        self.unscored = False
        self._grey, self._levels = _tables(chain.alphabet)
        self.pixels = self._foreseen(given) if before is None else before.copy()
        self.image = QImage(
            self.pixels.data,
            chain.width,
            chain.height,
            4 * chain.width,
            QImage.Format.Format_ARGB32_Premultiplied,
        )

    def _foreseen(self, given: Sequence[int]) -> npt.NDArray[np.uint32]:
        """Transparent (H, W) but for the pixels of which all channels are given."""
        chain = self.chain
        symbols = np.full(chain.length, DRAW)
        symbols[: len(given)] = given
        by_pixel = symbols.reshape(-1, chain.channels)[chain.ranks]
        pixels = np.zeros((chain.height, chain.width, 4), np.float64)
        known = (by_pixel != DRAW).all(-1)
        pixels[known] = [0, 0, 0, 255]
        pixels[..., :3][known] = self._levels[by_pixel[known]][:, ::-1]
        premultiplied: npt.NDArray[np.uint8] = np.rint(pixels * FORESEEN).astype(np.uint8)
        return premultiplied.view(np.uint32)[..., 0].copy()

    @property
    def full(self) -> bool:
        return self.shown == self.chain.length

    def sync(self) -> tuple[int, int]:
        """Colours the steps that are new. Returns the rows [start, stop) that changed."""
        chain, length = self.chain, len(self.trace)
        if self.unscored and not np.isnan(self.trace.entropy[:length]).any():
            self.shown, self.unscored = 0, False
        if length == self.shown:
            return 0, 0
        first, last = self.shown // chain.channels, -(-length // chain.channels)
        self.pixels.reshape(-1)[chain.pixels[first:last]] = self._colours(first, last, length)
        self.shown = length
        return rows_of(chain, first, last)

    def veil(self, cursor: int, colour: QColor) -> QImage:
        """What lies over the pixels that are drawn but come at the cursor or after it."""
        chain = self.chain
        hidden = (chain.ranks >= cursor // chain.channels) & (chain.ranks < -(-self.shown // chain.channels))
        image = QImage(chain.width, chain.height, QImage.Format.Format_ARGB32)
        pixels = np.frombuffer(image.bits(), np.uint32).reshape(chain.height, chain.width)
        pixels[...] = np.where(hidden, np.uint32(colour.rgba()), np.uint32(0))
        return image

    def _colours(self, first: int, last: int, length: int) -> npt.NDArray[np.uint32]:
        """The colours of the pixels [first, last) of a trace that has ``length`` steps."""
        chain = self.chain
        steps = slice(first * chain.channels, length)
        if chain.channels == 1:
            plain = self._grey[self.trace.symbols[steps]]
        else:
            plain = packed(self._by_pixel(self._levels[self.trace.symbols[steps]]))
        if self.overlay not in ("entropy", "surprise"):
            return plain
        bits = self.trace.entropy[steps] if self.overlay == "entropy" else self.trace.surprise[steps]
        if chain.channels > 1:
            bits = self._by_pixel(bits).sum(axis=1) / self._by_pixel(np.ones_like(bits)).sum(axis=1)
        unknown = np.isnan(bits)
        heat = HEAT[np.minimum(np.where(unknown, 0, bits) * (255 / full_bits(chain.alphabet)), 255).astype(np.uint8)]
        if unknown.any():
            self.unscored = True
            heat[unknown] = plain[unknown]
        return heat

    def _by_pixel(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values of steps, from a pixel's first on, as rows of channels; 0 for the channels not drawn yet."""
        channels = self.chain.channels
        return np.pad(values, (0, -len(values) % channels)).reshape(-1, channels)


def rows_of(chain: ImageChain, first: int, last: int) -> tuple[int, int]:
    """The rows [start, stop) of the image in which the pixels lie that come first … last - 1, at least one."""
    rows = chain.pixels[first:last] // chain.width
    return int(rows.min()), int(rows.max()) + 1


@dataclass(frozen=True)
class Layout:
    """Where the cells lie, in device pixels. scale: device pixels per pixel; a fraction where an image is too large."""

    columns: int
    rows: int
    scale: float
    left: int
    top: int
    across: int
    down: int
    """Distance from cell to cell."""
    samples: range
    """Those that are shown, row after row."""
    cells: tuple[QRect, ...]
    """Of each of them."""

    def cell(self, sample: int) -> QRect:
        return self.cells[self.samples.index(sample)]


def lay_out(
    samples: range, chain: ImageChain, width: int, height: int, ratio: float, *, head: int = 0, beside: int = 0
) -> Layout:
    """The grid with the largest whole scale, of those the one closest to a square.

    head: device pixels above each cell for its label. beside: how many columns; 0 for as many as suit.
    """
    count = len(samples)
    margin, gap = round(MARGIN * ratio), round(GAP * ratio)
    best: tuple[float, float, int] | None = None
    for columns in [beside] if beside else range(1, count + 1):
        rows = -(-count // columns)
        scale = min(
            (width - 2 * margin - (columns - 1) * gap) / (columns * chain.width),
            (height - 2 * margin - (rows - 1) * gap - rows * head) / (rows * chain.height),
        )
        whole = math.floor(scale) if scale >= 1 else 1 / math.ceil(1 / max(scale, 1 / 64))
        candidate = (whole, -abs(columns - rows) - 0.5 * (columns * rows - count), columns)
        best = candidate if best is None else max(best, candidate)
    assert best is not None
    scale, columns = best[0], best[2]
    rows = -(-count // columns)
    cell_width, cell_height = round(chain.width * scale), round(chain.height * scale)
    across, down = cell_width + gap, cell_height + gap + head
    left = (width - columns * across + gap) // 2
    top = (height - rows * down + gap) // 2 + head
    cells = tuple(
        QRect(left + n % columns * across, top + n // columns * down, cell_width, cell_height) for n in range(count)
    )
    return Layout(columns, rows, scale, left, top, across, down, samples, cells)


def fitting(made: Sequence[Label], metrics: QFontMetricsF, width: float) -> list[str]:
    """The labels in one form for all: in full, short, or cut off; none at all where that leaves too little.

    Too little is what shows hardly a letter, or what no longer tells the labels apart.
    """
    for texts in ([label.full for label in made], [label.short for label in made]):
        if all(metrics.horizontalAdvance(text) <= width for text in texts):
            return texts
    if metrics.horizontalAdvance(LEAST_OF_A_LABEL) > width:
        return []
    cut = [metrics.elidedText(label.short, Qt.TextElideMode.ElideRight, width) for label in made]
    return cut if len(set(cut)) == len({label.short for label in made}) else []


def around(rect: QRect, width: int) -> QRect:
    return rect.adjusted(-width, -width, width, width)


def edges(rect: QRect, width: int) -> list[QRect]:
    """The four sides of a frame of ``width`` around a rectangle, none of it inside: the value stays visible."""
    outer = around(rect, width)
    return [
        QRect(outer.left(), outer.top(), outer.width(), width),
        QRect(outer.left(), rect.bottom() + 1, outer.width(), width),
        QRect(outer.left(), rect.top(), width, rect.height()),
        QRect(rect.right() + 1, rect.top(), width, rect.height()),
    ]


class ImageGrid(QWidget):
    """The pictures themselves: of all samples, or of the selected one alone."""

    def __init__(self, studio: Studio, read_out: ReadOut) -> None:
        super().__init__()
        self._studio = studio
        self.alone = False
        """Whether only the selected one of several samples is shown."""
        self._read_out = read_out
        self._pictures: list[Picture] = []
        self._before: list[npt.NDArray[np.uint32]] = []
        """The pixels of the samples that those of an image which follows a hand come in place of."""
        self._layout: Layout | None = None
        self._labels: list[str] = []
        """Of all samples, as they fit the layout; none where nothing differs, or there is no room."""
        self._cursor: int | None = None
        self._looked_at: tuple[int, Pointer | None, Pointer | None] = (0, None, None)
        self._over: Pointer | None = None
        self._painted_influence: tuple[tuple[object, ...], Influence, QPixmap] | None = None
        self._border: tuple[tuple[object, ...], GivenBorder] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(160, 120)
        self.setAccessibleName("Images")
        studio.take_changed.connect(self._on_take)
        studio.branches_changed.connect(self._on_branches)
        studio.grown.connect(self._on_grown)
        studio.cursor_changed.connect(self._on_cursor)
        studio.selection_changed.connect(self._on_selection)
        studio.view_changed.connect(self._repaint)
        studio.activity_changed.connect(self._on_activity)
        studio.influence.changed.connect(self._on_influence)
        self._on_take()

    # --- following the state -----------------------------------------------------------------------------------------

    @property
    def _take(self) -> Take | None:
        take = self._studio.take
        return take if take is not None and isinstance(take.chain, ImageChain) else None

    @property
    def _shown_cursor(self) -> int | None:
        """The cursor where it hides something: None while it follows the frontier."""
        return None if self._studio.following else self._studio.cursor

    def show_alone(self, alone: bool) -> None:
        """Shows the selected one of several samples alone, or all of them again."""
        several = self._take is not None and len(self._take.samples) > 1
        self.alone = alone and several
        self._layout = None
        self._over = None
        hint = HINT_ALONE if self.alone else HINT_OF_SEVERAL if several else HINT
        self._read_out.set_hint(HINT_OF_INFLUENCE if self._studio.overlay == "influence" else hint)
        self._show_facts()
        self.update()

    @Slot()
    def _on_take(self) -> None:
        self._looked_at = (self._studio.selected, self._studio.pinned, self._studio.hovered)
        passing = self._studio.drawing_along.passing is not None
        self._before = [picture.pixels for picture in self._pictures] if passing else []
        self.show_alone(False)
        self._repaint()

    @Slot()
    def _repaint(self) -> None:
        """Everything anew."""
        self.show_alone(self.alone)
        self._pictures.clear()
        self._over = None
        self._on_grown()
        self.update()

    @Slot()
    def _on_activity(self) -> None:
        """Where drawing has ended early, nothing of another image is left where nothing was drawn."""
        if self._before and not self._studio.running:
            self._before = []
            if not all(picture.full for picture in self._pictures):
                self._repaint()

    @Slot()
    def _on_influence(self) -> None:
        self.update()

    @Slot()
    def _on_branches(self) -> None:
        """Another branch may have begun under something else, which its label says."""
        self._layout = None
        self._on_grown()
        self.update()

    @Slot()
    def _on_grown(self) -> None:
        take = self._take
        if take is None:
            return
        chain = take.chain
        assert isinstance(chain, ImageChain)
        # One band for each row of the grid: its samples mostly grow together.
        bands: dict[int, tuple[int, int]] = {}
        for n, trace in enumerate(take.traces):
            if n == len(self._pictures):
                before = self._before[n] if n < len(self._before) else None
                if before is not None and before.shape != chain.ranks.shape:
                    before = None
                self._pictures.append(Picture(trace, chain, self._studio.overlay, take.given, before))
            elif self._pictures[n].trace is not trace:
                self._pictures[n] = Picture(trace, chain, self._studio.overlay, take.given)
                self.update()
            start, stop = self._pictures[n].sync()
            if stop > start and n in self._grid.samples:
                row = self._grid.samples.index(n) // self._grid.columns
                low, high = bands.get(row, (start, stop))
                bands[row] = min(low, start), max(high, stop)
        for row, (start, stop) in bands.items():
            self._update_band(row, start - 1, stop + 1)
        self._show_facts()

    @Slot()
    def _on_cursor(self) -> None:
        cursor, before = self._shown_cursor, self._cursor
        self._cursor = cursor
        if cursor is None and before is None:
            return
        if cursor is None or before is None or self._take is None:
            self.update()
            return
        chain = self._take.chain
        assert isinstance(chain, ImageChain)
        first, last = sorted((before // chain.channels, cursor // chain.channels))
        start, stop = rows_of(chain, max(0, first - 1), last + 1)
        for row in range(self._grid.rows):
            self._update_band(row, start - 1, stop + 1)

    @Slot()
    def _on_selection(self) -> None:
        before = self._looked_at
        self._looked_at = now = (self._studio.selected, self._studio.pinned, self._studio.hovered)
        if before[2] is not None and now[2] is None and self._reachable(self._over):
            self._over = None  # the keys have moved on from under a mouse that lies still
        if now[0] != before[0] and self.alone:
            self.show_alone(True)
        elif now[0] != before[0]:
            self.update()
        for pointer in {*before[1:], *now[1:]} - {None}:
            assert pointer is not None
            self._update_pixel(pointer)
        self._show_facts()

    # --- geometry ----------------------------------------------------------------------------------------------------

    @property
    def _grid(self) -> Layout:
        if self._layout is None:
            assert self._take is not None
            chain = self._take.chain
            assert isinstance(chain, ImageChain)
            ratio = self.devicePixelRatioF()
            width, height = round(self.width() * ratio), round(self.height() * ratio)
            selected = self._studio.selected
            samples = range(selected, selected + 1) if self.alone else range(len(self._take.samples))
            beside = 0 if self.alone else columns_of(self._take)
            made = labels(self._take)
            layout: Layout | None = None
            self._labels = []
            if made:
                metrics = QFontMetricsF(self._label_font)
                head = round((metrics.height() + LABEL_GAP) * ratio)
                layout = lay_out(samples, chain, width, height, ratio, head=head, beside=beside)
                self._labels = fitting(made, metrics, layout.cells[0].width() / ratio)
            if layout is None or not self._labels:
                layout = lay_out(samples, chain, width, height, ratio, beside=beside)
            self._layout = layout
        return self._layout

    @property
    def _label_font(self) -> QFont:
        font = tabular(QFont(self.font()))
        font.setPixelSize(QUIET_PIXELS)
        return font

    def _label_rect(self, sample: int) -> QRectF:
        """Above the sample's cell, in logical pixels."""
        cell, ratio = self._grid.cell(sample), self.devicePixelRatioF()
        height = QFontMetricsF(self._label_font).height()
        return QRectF(cell.left() / ratio, cell.top() / ratio - height - LABEL_GAP, cell.width() / ratio, height)

    def _logical(self, device: QRect) -> QRect:
        """The smallest rectangle of logical pixels around one of device pixels and the outlines at its edge."""
        ratio = self.devicePixelRatioF()
        reach = math.ceil(3 * ratio)
        wide = device.adjusted(-reach, -reach, reach, reach)
        left, top = math.floor(wide.left() / ratio), math.floor(wide.top() / ratio)
        right, bottom = math.ceil((wide.right() + 1) / ratio), math.ceil((wide.bottom() + 1) / ratio)
        return QRect(left, top, right - left, bottom - top)

    def _pixels(self, sample: int, row: int, column: int, rows: int = 1, columns: int = 1) -> QRect:
        """A block of pixels of one sample, in device pixels."""
        grid = self._grid
        cell = grid.cell(sample)
        left, top = round(column * grid.scale), round(row * grid.scale)
        right, bottom = round((column + columns) * grid.scale), round((row + rows) * grid.scale)
        return QRect(cell.left() + left, cell.top() + top, max(1, right - left), max(1, bottom - top))

    def _pixel(self, pointer: Pointer) -> QRect:
        assert self._take is not None
        chain = self._take.chain
        assert isinstance(chain, ImageChain)
        row, column, _ = chain.position(pointer.step)
        return self._pixels(pointer.sample, row, column)

    def _update_band(self, row_of_cells: int, start: int, stop: int) -> None:
        """Has the image rows [start, stop) painted anew in a whole row of the grid."""
        sample = self._grid.samples[row_of_cells * self._grid.columns]
        chain = self._pictures[sample].chain
        start, stop = max(0, start), min(chain.height, stop)
        if start < stop:
            band = self._pixels(sample, start, 0, stop - start, chain.width)
            band.setWidth(self._grid.columns * self._grid.across)
            self.update(self._logical(band))

    def _update_pixel(self, pointer: Pointer) -> None:
        if (
            self._pictures
            and pointer.sample in self._grid.samples
            and pointer.step < (self._pictures[0].chain.length or 0)
        ):
            self.update(self._logical(self._pixel(pointer)))

    def pointer_at(self, position: QPoint | QPointF) -> Pointer | None:
        """The step under a position of this widget; the thirds of a colour pixel are its channels."""
        if self._take is None:
            return None
        chain = self._take.chain
        assert isinstance(chain, ImageChain)
        ratio, grid = self.devicePixelRatioF(), self._grid
        x, y = position.x() * ratio - grid.left, position.y() * ratio - grid.top
        column_of_cells, x = divmod(x, grid.across)
        row_of_cells, y = divmod(y, grid.down)
        if not (0 <= column_of_cells < grid.columns and 0 <= row_of_cells < grid.rows):
            return None
        number = int(row_of_cells * grid.columns + column_of_cells)
        row, column = y / grid.scale, x / grid.scale
        if number >= len(grid.samples) or row >= chain.height or column >= chain.width:
            return None
        channel = int((column % 1) * chain.channels)
        return Pointer(grid.samples[number], chain.step(int(row), int(column), channel))

    def position_of(self, pointer: Pointer) -> QPointF:
        """The centre of a step's pixel (of its channel's third), in this widget's logical pixels."""
        assert self._take is not None
        chain = self._take.chain
        assert isinstance(chain, ImageChain)
        rect, ratio = self._pixel(pointer), self.devicePixelRatioF()
        channel = pointer.step % chain.channels
        across = rect.left() + rect.width() * (channel + 0.5) / chain.channels
        return QPointF(across / ratio, (rect.top() + rect.height() / 2) / ratio)

    # --- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, ratio = colours(self), self.devicePixelRatioF()
            painter.fillRect(event.rect(), theme.window)
            if self._take is None or len(self._pictures) != len(self._take.samples):
                return
            grid, region, studio = self._grid, event.region(), self._studio
            self._paint_labels(painter, event)
            painter.scale(1 / ratio, 1 / ratio)
            painter.setPen(Qt.PenStyle.NoPen)
            shown = [n for n in grid.samples if region.intersects(self._logical(grid.cell(n)))]
            pictures = {n: self._pictures[n] for n in shown}
            fill = painter.drawRects
            # Frames first, as whole rectangles: what they enclose is covered by pixels and hatch.
            painter.setBrush(theme.line)
            fill([around(grid.cell(n), max(1, round(ratio))) for n in shown])
            if len(grid.samples) > 1:
                painter.setBrush(theme.chosen)
                fill([around(grid.cell(studio.selected), round(2 * ratio))])
            if bare := [grid.cell(n) for n, picture in pictures.items() if not picture.full]:
                painter.setBrush(hatch_brush(theme, ratio))
                fill(bare)
            for n, picture in pictures.items():
                painter.drawImage(grid.cell(n), picture.image)
            if studio.overlay == "order":
                for n, picture in pictures.items():
                    paint_order(painter, picture.chain, grid.cell(n), picture.pixels, theme.window, ratio)
            influence = studio.influence.found
            if influence is not None and influence.sample in pictures:
                cell, chain = grid.cell(influence.sample), pictures[influence.sample].chain
                painter.drawPixmap(cell.topLeft(), self._influence_picture(influence, chain, cell.size(), theme, ratio))
            cursor = self._shown_cursor
            if cursor is not None and influence is None:
                for n, picture in pictures.items():
                    painter.drawImage(grid.cell(n), picture.veil(cursor, faded(theme.window, VEIL)))
            if self._take.given:
                border = self._given_border(self._take)
                for n in pictures:
                    corner = grid.cell(n).topLeft()
                    painter.translate(corner)
                    border.paint(painter, theme)
                    painter.translate(-corner)
            for colour, weight, pointers in (
                (theme.now, 1.5, [Pointer(n, now) for n, p in pictures.items() if (now := self._now(p)) is not None]),
                (theme.chosen, 2.0, [studio.pinned]),
                (theme.chosen, 1.0, [studio.hovered]),
            ):
                width = max(1, round(weight * ratio))
                pixels = [self._pixel(p) for p in pointers if p is not None and p.sample in pictures]
                if pixels:
                    painter.setBrush(colour)
                    fill([edge for pixel in pixels for edge in edges(pixel, width)])

    def _given_border(self, take: Take) -> GivenBorder:
        """Kept for a take as it is laid out: it is painted with every step."""
        scale, ratio = self._grid.scale, self.devicePixelRatioF()
        key = (take.id, scale, ratio)
        if self._border is None or self._border[0] != key:
            self._border = key, GivenBorder(take, scale, ratio)
        return self._border[1]

    def _influence_picture(
        self, influence: Influence, chain: ImageChain, size: QSize, theme: Theme, ratio: float
    ) -> QPixmap:
        """Kept while nothing of it changes: what is pointed at is painted anew all the time."""
        key = (id(influence), chain, size, theme, ratio)
        if self._painted_influence is None or self._painted_influence[0] != key:
            # With the influence itself, so that no other gets its id.
            self._painted_influence = key, influence, influence_picture(influence, chain, size, theme, ratio)
        return self._painted_influence[2]

    def _paint_labels(self, painter: QPainter, event: QPaintEvent) -> None:
        theme, grid = colours(self), self._grid
        painter.setFont(self._label_font)
        for n in grid.samples if self._labels else ():
            where = self._label_rect(n)
            if event.region().intersects(where.toAlignedRect()):
                painter.setPen(theme.chosen if n == self._studio.selected and len(grid.samples) > 1 else theme.quiet)
                painter.drawText(where, Qt.AlignmentFlag.AlignCenter, self._labels[n])

    def _now(self, picture: Picture) -> int | None:
        """The step that is outlined: the cursor's; at the frontier the one not drawn yet, if there is one."""
        cursor = self._shown_cursor
        if cursor is not None and cursor < picture.shown:
            return cursor
        return None if picture.full or picture.trace.finished else picture.shown

    # --- pointing ----------------------------------------------------------------------------------------------------

    def _reachable(self, pointer: Pointer | None) -> bool:
        """Whether there is a conditional to show: the step is drawn, or it is the very next."""
        return pointer is not None and pointer.step <= len(self._pictures[pointer.sample].trace)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._over = self.pointer_at(event.position())
        self._studio.hover(self._over if self._reachable(self._over) else None)
        self._show_facts()

    def leaveEvent(self, event: QEvent) -> None:
        self._over = None
        self._studio.hover(None)
        self._show_facts()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        pointer = self.pointer_at(event.position())
        if pointer is None or pointer == self._studio.pinned:
            self._studio.pin(None)
        elif self._reachable(pointer):
            self._studio.pin(pointer)
        else:
            self._studio.select(pointer.sample)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Shows the sample alone, or all again. What the first of the two clicks kept is let go."""
        pointer = self.pointer_at(event.position())
        several = self._take is not None and len(self._take.samples) > 1
        if event.button() is not Qt.MouseButton.LeftButton or not several or (pointer is None and not self.alone):
            self.mousePressEvent(event)
            return
        if pointer is not None:
            self._studio.select(pointer.sample)
        self._studio.pin(None)
        self.show_alone(not self.alone)

    def _show_facts(self) -> None:
        take, pointer = self._take, self._over or self._studio.hovered or self._studio.pinned
        if take is None or pointer is None or pointer.sample >= len(take.samples):
            self._read_out.show_facts([] if take is None or not take.given else [how_it_is_completed(take)])
            return
        back = " (Esc: all)" if self.alone else ""
        made = labels(take)
        which = f" ({made[pointer.sample].full})" if made else ""
        sample = [f"sample {pointer.sample}{which}{back}"] if len(take.samples) > 1 else []
        where = [take.chain.locate(pointer.step)]
        if self._studio.overlay == "order":
            chain = take.chain
            assert isinstance(chain, ImageChain)
            where.insert(0, f"pixel {pointer.step // chain.channels} of {len(chain.pixels)}")
        self._read_out.show_facts([*sample, *where, *step_facts(take, pointer)])

    # --- changes of size and look ------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._layout = None
        super().resizeEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._layout = None
            self.update()
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)


class ImageCanvas(Canvas):
    """The grid with its read-out and legend; an invitation while there is no take."""

    copies = True

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self.setAccessibleName("Canvas")
        self.read_out = ReadOut(HINT)
        self.legend = Legend()
        self.grid = ImageGrid(studio, self.read_out)
        self.invitation = Invitation(studio)
        body = QWidget()
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 4, 16, 8)
        foot.setSpacing(24)
        foot.addWidget(self.read_out, 1)
        foot.addWidget(self.legend)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.grid, 1)
        column.addLayout(foot)
        self._cover(body, self.invitation)
        self.setFocusProxy(self.grid)
        for changed in (studio.take_changed, studio.view_changed, studio.influence.changed):
            changed.connect(self._refresh)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        take, overlay = self._studio.take, self._studio.overlay
        influence, awaited = self._studio.influence.found, self._studio.influence.awaited
        self.invitation.setVisible(take is None)
        named = overlay in SHORT_NAMES or overlay == "order"
        self.legend.setVisible(take is not None and (named or influence is not None or awaited))
        if take is not None and overlay in SHORT_NAMES:
            self.legend.show_scale(overlay, take.chain)
        elif overlay == "order" and take is not None and isinstance(take.chain, ImageChain):
            last = len(take.chain.pixels) - 1
            self.legend.show_range("Order", f"pixel {last}", "pixel 0", order_colours(256))
        elif influence is not None:
            most = strongest(influence)
            much = f"{most:.2g}" if most > LEAST_STRENGTH else f"below {LEAST_STRENGTH:.0e}"
            self.legend.show_range("Influence", f"{much} nats a level; hatched: out of reach")
        elif awaited:
            self.legend.show_range("Influence", "computing …")

    def step_out(self) -> None:
        self.grid.show_alone(False)

    def copied(self) -> QImage | None:
        """The selected sample as it is drawn, one pixel a pixel."""
        trace, chain = self._studio.trace, self._studio.chain
        if trace is None or not len(trace) or not isinstance(chain, ImageChain):
            return None
        pixels = image_pixels(chain, trace.symbols)
        image = QImage(pixels.tobytes(), chain.width, chain.height, 4 * chain.width, QImage.Format.Format_RGBA8888)
        return image.copy()


def main() -> int:
    from studio.canvas.demo import DIGIT_CHAIN, show_alone

    return show_alone(ImageCanvas, DIGIT_CHAIN, 16)


if __name__ == "__main__":
    raise SystemExit(main())
