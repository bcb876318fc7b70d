"""The canvas of images: every pixel as it is drawn, in a grid of all samples of the take.

One picture per sample is kept in memory; a step colours its pixel once, and only the rows that grew are painted anew.
Everything is laid out in device pixels, so that a pixel of the image is a square of a whole number of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt, Slot
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from models.chain import ImageChain
from models.trace import Take, Trace
from studio.canvas.common import Invitation, Legend, ReadOut, full_bits, step_facts
from studio.state import Pointer, Studio
from studio.theme import STAGE, Theme, colours, faded, hatch_brush, heat_table, set_role

MARGIN, GAP = 16, 8
"""Around the grid and between its cells, in logical pixels."""

VEIL = 0.74
"""How much of the stage lies over steps that are drawn but beyond the cursor."""

OPAQUE = 0xFF000000


def _packed(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """uint8 (n, 3) to opaque uint32 pixels (n,)."""
    wide = rgb.astype(np.uint32)
    packed: npt.NDArray[np.uint32] = OPAQUE | wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]
    return packed


HEAT = _packed(heat_table())


class Picture:
    """The pixels of one trace: transparent where nothing is drawn."""

    def __init__(self, trace: Trace, chain: ImageChain, overlay: str) -> None:
        self.trace, self.chain, self.overlay = trace, chain, overlay
        self.shown = 0
        """Steps that are coloured."""
        self.unscored = False
        self.pixels = np.zeros((chain.height, chain.width), np.uint32)
        self.image = QImage(
            self.pixels.data,  # type: ignore[call-overload]
            chain.width,
            chain.height,
            4 * chain.width,
            QImage.Format.Format_ARGB32_Premultiplied,
        )

    def sync(self) -> tuple[int, int]:
        """Colours the steps that are new. Returns the rows [start, stop) that changed."""
        chain, length = self.chain, len(self.trace)
        if self.unscored and not np.isnan(self.trace.entropy[:length]).any():
            self.shown, self.unscored = 0, False
        if length == self.shown:
            return 0, 0
        first, last = self.shown // chain.channels, -(-length // chain.channels)
        self.pixels.reshape(-1)[first:last] = self._colours(first, last, length)
        self.shown = length
        return first // chain.width, -(-last // chain.width)

    def _colours(self, first: int, last: int, length: int) -> npt.NDArray[np.uint32]:
        """The colours of the pixels [first, last) of a trace that has ``length`` steps."""
        chain = self.chain
        steps = slice(first * chain.channels, length)
        padding = (0, last * chain.channels - length)
        shape = (-1, chain.channels)
        levels = np.pad(chain.alphabet.decode(self.trace.symbols[steps]), padding).reshape(shape)
        plain = _packed(np.broadcast_to(levels, (len(levels), 3)))
        if self.overlay == "none":
            return plain
        figures = self.trace.entropy if self.overlay == "entropy" else self.trace.surprise
        bits = np.pad(figures[steps], padding).reshape(shape)
        drawn = np.pad(np.ones(length - steps.start), padding).reshape(shape).sum(axis=1)
        mean = bits.sum(axis=1) / drawn
        known = ~np.isnan(mean)
        self.unscored |= not known.all()
        heat = HEAT[np.clip(np.nan_to_num(mean) * (255 / full_bits(chain.alphabet)), 0, 255).astype(np.uint8)]
        return np.where(known, heat, plain)


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
    width: int
    height: int
    """Size of a cell."""

    def cell(self, sample: int) -> QRect:
        row, column = divmod(sample, self.columns)
        return QRect(self.left + column * self.across, self.top + row * self.down, self.width, self.height)


def lay_out(count: int, chain: ImageChain, width: int, height: int, ratio: float) -> Layout:
    """The grid with the largest whole scale, of those the one closest to a square."""
    margin, gap = round(MARGIN * ratio), round(GAP * ratio)
    best: tuple[float, float, int] | None = None
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        scale = min(
            (width - 2 * margin - (columns - 1) * gap) / (columns * chain.width),
            (height - 2 * margin - (rows - 1) * gap) / (rows * chain.height),
        )
        whole = math.floor(scale) if scale >= 1 else 1 / math.ceil(1 / max(scale, 1 / 64))
        candidate = (whole, -abs(columns - rows) - 0.5 * (columns * rows - count), columns)
        best = candidate if best is None else max(best, candidate)
    assert best is not None
    scale, columns = best[0], best[2]
    rows = -(-count // columns)
    cell_width, cell_height = round(chain.width * scale), round(chain.height * scale)
    across, down = cell_width + gap, cell_height + gap
    left = (width - columns * across + gap) // 2
    top = (height - rows * down + gap) // 2
    return Layout(columns, rows, scale, left, top, across, down, cell_width, cell_height)


class ImageGrid(QWidget):
    """The pictures themselves."""

    def __init__(self, studio: Studio, read_out: ReadOut) -> None:
        super().__init__()
        self._studio = studio
        self._read_out = read_out
        self._pictures: list[Picture] = []
        self._layout: Layout | None = None
        self._cursor: int | None = None
        self._looked_at: tuple[int, Pointer | None, Pointer | None] = (0, None, None)
        self._over: Pointer | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(160, 120)
        self.setAccessibleName("Images")
        studio.take_changed.connect(self._on_take)
        studio.branches_changed.connect(self._on_grown)
        studio.grown.connect(self._on_grown)
        studio.cursor_changed.connect(self._on_cursor)
        studio.selection_changed.connect(self._on_selection)
        studio.view_changed.connect(self._on_take)
        self._on_take()

    # --- following the state -----------------------------------------------------------------------------------------

    @property
    def _take(self) -> Take | None:
        take = self._studio.take
        return take if take is not None and isinstance(take.model.chain, ImageChain) else None

    @property
    def _shown_cursor(self) -> int | None:
        """The cursor where it hides something: None while it follows the frontier."""
        return None if self._studio.following else self._studio.cursor

    @Slot()
    def _on_take(self) -> None:
        self._pictures.clear()
        self._layout = None
        self._over = None
        self._on_grown()
        self.update()

    @Slot()
    def _on_grown(self) -> None:
        take = self._take
        if take is None:
            return
        chain = take.model.chain
        assert isinstance(chain, ImageChain)
        self.setAccessibleDescription(f"{len(take.samples)} of {chain.describe()}, {take.frontier} steps drawn")
        for n, trace in enumerate(take.traces):
            if n == len(self._pictures):
                self._pictures.append(Picture(trace, chain, self._studio.overlay))
            elif self._pictures[n].trace is not trace:
                self._pictures[n] = Picture(trace, chain, self._studio.overlay)
                self.update(self._logical(self._grid.cell(n)))
            start, stop = self._pictures[n].sync()
            if stop > start:
                self._update_rows(n, start - 1, stop + 1)
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
        chain = self._take.model.chain
        first, last = sorted((before // chain.stride, cursor // chain.stride))
        for n in range(len(self._pictures)):
            self._update_rows(n, first - 1, last + 2)

    @Slot()
    def _on_selection(self) -> None:
        before = self._looked_at
        self._looked_at = now = (self._studio.selected, self._studio.pinned, self._studio.hovered)
        if now[0] != before[0]:
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
            chain = self._take.model.chain
            assert isinstance(chain, ImageChain)
            ratio = self.devicePixelRatioF()
            width, height = round(self.width() * ratio), round(self.height() * ratio)
            self._layout = lay_out(len(self._take.samples), chain, width, height, ratio)
        return self._layout

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
        chain = self._take.model.chain
        assert isinstance(chain, ImageChain)
        row, column, _ = chain.position(pointer.step)
        return self._pixels(pointer.sample, row, column)

    def _span(self, sample: int, start: int, stop: int) -> list[QRect]:
        """The pixels of the steps [start, stop), as at most three rectangles of device pixels."""
        assert self._take is not None
        chain = self._take.model.chain
        assert isinstance(chain, ImageChain)
        width = chain.width
        first, last = start // chain.channels, -(-stop // chain.channels)
        if first >= last:
            return []
        row, column = divmod(first, width)
        last_row, last_column = divmod(last, width)
        if row == last_row:
            return [self._pixels(sample, row, column, 1, last_column - column)]
        rects = [self._pixels(sample, row, column, 1, width - column)]
        if last_row > row + 1:
            rects.append(self._pixels(sample, row + 1, 0, last_row - row - 1, width))
        if last_column:
            rects.append(self._pixels(sample, last_row, 0, 1, last_column))
        return rects

    def _update_rows(self, sample: int, start: int, stop: int) -> None:
        picture = self._pictures[sample]
        start, stop = max(0, start), min(picture.chain.height, stop)
        self.update(self._logical(self._pixels(sample, start, 0, max(1, stop - start), picture.chain.width)))

    def _update_pixel(self, pointer: Pointer) -> None:
        if pointer.sample < len(self._pictures) and pointer.step < (self._pictures[0].chain.length or 0):
            self.update(self._logical(self._pixel(pointer)))

    def pointer_at(self, position: QPoint | QPointF) -> Pointer | None:
        """The step under a position of this widget; the thirds of a colour pixel are its channels."""
        if self._take is None:
            return None
        chain = self._take.model.chain
        assert isinstance(chain, ImageChain)
        ratio, grid = self.devicePixelRatioF(), self._grid
        x, y = position.x() * ratio - grid.left, position.y() * ratio - grid.top
        column_of_cells, x = divmod(x, grid.across)
        row_of_cells, y = divmod(y, grid.down)
        if not (0 <= column_of_cells < grid.columns and 0 <= row_of_cells < grid.rows):
            return None
        sample = int(row_of_cells * grid.columns + column_of_cells)
        row, column = y / grid.scale, x / grid.scale
        if sample >= len(self._take.samples) or row >= chain.height or column >= chain.width:
            return None
        channel = int((column % 1) * chain.channels)
        return Pointer(sample, chain.step(int(row), int(column), channel))

    def position_of(self, pointer: Pointer) -> QPointF:
        """The centre of a step's pixel (of its channel's third), in this widget's logical pixels."""
        assert self._take is not None
        chain = self._take.model.chain
        assert isinstance(chain, ImageChain)
        rect, ratio = self._pixel(pointer), self.devicePixelRatioF()
        channel = pointer.step % chain.channels
        across = rect.left() + rect.width() * (channel + 0.5) / chain.channels
        return QPointF(across / ratio, (rect.top() + rect.height() / 2) / ratio)

    # --- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, ratio = colours(self), self.devicePixelRatioF()
        painter = QPainter(self)
        painter.fillRect(event.rect(), theme.window)
        if self._take is None or len(self._pictures) != len(self._take.samples):
            return
        painter.scale(1 / ratio, 1 / ratio)
        hatch = hatch_brush(theme, ratio)
        region = event.region()
        for n, picture in enumerate(self._pictures):
            if region.intersects(self._logical(self._grid.cell(n))):
                self._paint_cell(painter, n, picture, theme, hatch)
        for pointer, colour, weight in (
            (self._studio.pinned, theme.chosen, 2.0),
            (self._studio.hovered, theme.chosen, 1.0),
        ):
            if pointer is not None and pointer.sample < len(self._pictures):
                self._outline(painter, self._pixel(pointer), QPen(colour), round(weight * ratio))

    def _paint_cell(self, painter: QPainter, n: int, picture: Picture, theme: Theme, hatch: object) -> None:
        chain, grid, ratio = picture.chain, self._grid, self.devicePixelRatioF()
        cell = grid.cell(n)
        length = picture.chain.length
        if picture.shown < length:
            row = picture.shown // chain.stride
            painter.fillRect(self._pixels(n, row, 0, chain.height - row, chain.width), hatch)  # type: ignore[call-overload]
        rows = -(-picture.shown // chain.stride)
        if rows:
            source = QRect(0, 0, chain.width, rows)
            painter.drawImage(self._pixels(n, 0, 0, rows, chain.width), picture.image, source)
        cursor = self._shown_cursor
        if cursor is not None and cursor < picture.shown:
            for rect in self._span(n, cursor, picture.shown):
                painter.fillRect(rect, faded(theme.window, VEIL))
        thin = max(1, round(ratio))
        self._outline(painter, cell, QPen(theme.line), thin)
        if n == self._studio.selected and len(self._pictures) > 1:
            self._outline(painter, cell, QPen(theme.chosen), round(2 * ratio))
        now = self._now(picture)
        if now is not None:
            self._outline(painter, self._pixel(Pointer(n, now)), QPen(theme.now), max(1, round(1.5 * ratio)))

    def _now(self, picture: Picture) -> int | None:
        """The step that is outlined: the cursor's, or the newest one while the sample grows."""
        cursor = self._shown_cursor
        if cursor is not None and cursor < picture.shown:
            return cursor
        return picture.shown - 1 if picture.shown and not picture.trace.finished else None

    @staticmethod
    def _outline(painter: QPainter, rect: QRect, pen: QPen, width: int) -> None:
        """A frame of ``width`` device pixels around a rectangle, none of it inside."""
        outer = rect.adjusted(-width, -width, width, width)
        colour = pen.color()
        painter.fillRect(outer.left(), outer.top(), outer.width(), width, colour)
        painter.fillRect(outer.left(), rect.bottom() + 1, outer.width(), width, colour)
        painter.fillRect(outer.left(), rect.top(), width, rect.height(), colour)
        painter.fillRect(rect.right() + 1, rect.top(), width, rect.height(), colour)

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

    def _show_facts(self) -> None:
        take, pointer = self._take, self._over or self._studio.hovered or self._studio.pinned
        if take is None or pointer is None or pointer.sample >= len(take.samples):
            self._read_out.show_facts([])
            return
        sample = [f"sample {pointer.sample}"] if len(take.samples) > 1 else []
        place = [f"step {pointer.step}", take.model.chain.locate(pointer.step)]
        self._read_out.show_facts(sample + place + step_facts(take, pointer))

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


class ImageCanvas(QWidget):
    """The grid with its read-out and legend; an invitation while there is no take."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self.setAccessibleName("Canvas")
        self.read_out = ReadOut("Point at a pixel to see its conditional; click to keep it.")
        self.legend = Legend()
        self.grid = ImageGrid(studio, self.read_out)
        self.invitation = Invitation(studio)
        body = QWidget()
        body.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        set_role(body, STAGE)
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 4, 16, 8)
        foot.addWidget(self.read_out, 1)
        foot.addWidget(self.legend)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.grid, 1)
        column.addLayout(foot)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self.invitation)
        self._pages.addWidget(body)
        self.setFocusProxy(self.grid)
        studio.take_changed.connect(self._refresh)
        studio.view_changed.connect(self._refresh)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        take, overlay = self._studio.take, self._studio.overlay
        self._pages.setCurrentIndex(take is not None)
        self.legend.setVisible(take is not None and overlay != "none")
        if take is not None and overlay != "none":
            self.legend.show_scale(overlay, take.model.chain)


def main() -> int:
    from studio.canvas.demo import DIGIT_CHAIN, show_alone

    return show_alone(ImageCanvas, DIGIT_CHAIN, 16)


if __name__ == "__main__":
    raise SystemExit(main())
