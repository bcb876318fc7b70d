"""Images in cells, or frames of videos: where they lie, what is outlined in them, and what the mouse does over them.

Everything is laid out in device pixels, so that a pixel of an image is a square of a whole number of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QMouseEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QWidget

from models.chain import Chain, ImageChain
from models.completion import how_it_is_completed
from models.sweep import Label
from models.trace import Take
from studio.canvas.common import ReadOut, sample_facts, step_facts, take_of, veiled_from
from studio.canvas.picture import Picture
from studio.looking import Pointer
from studio.state import Studio
from studio.theme import QUIET_PIXELS, Theme, hatch_brush, tabular

MARGIN, GAP = 16, 8
"""Around the grid and between its cells, in logical pixels."""

LABEL_GAP = 2
"""Between a label and the cell below it, in logical pixels."""

LEAST_OF_A_LABEL = "00…"
"""Where there is no room for so much, there are no labels."""

HINT_ALONE = "Esc or a double click shows all samples again."


@dataclass(frozen=True)
class Cell:
    """Where an image or a frame is seen, in device pixels."""

    rect: QRect
    scale: float
    """Device pixels per pixel; a fraction where an image is too large."""
    first: int = 0
    """The step that it begins with."""

    def block(self, row: int, column: int, rows: int = 1, columns: int = 1) -> QRect:
        """Some of its pixels."""
        left, top = round(column * self.scale), round(row * self.scale)
        right, bottom = round((column + columns) * self.scale), round((row + rows) * self.scale)
        return QRect(self.rect.left() + left, self.rect.top() + top, max(1, right - left), max(1, bottom - top))


@dataclass(frozen=True)
class Layout:
    """Where the cells lie, in device pixels, all of one scale, see ``Cell``."""

    columns: int
    rows: int
    scale: float
    across: int
    down: int
    """Distance from cell to cell."""
    samples: range
    """Those that are shown, row after row."""
    cells: tuple[QRect, ...]
    """Of each of them."""

    def cell(self, sample: int) -> QRect:
        return self.cells[self.samples.index(sample)]

    @cached_property
    def places(self) -> dict[int, list[Cell]]:
        """The one of each sample."""
        return {n: [Cell(rect, self.scale)] for n, rect in zip(self.samples, self.cells, strict=True)}


def lay_out(
    samples: range,
    chain: ImageChain,
    width: int,
    height: int,
    ratio: float,
    *,
    head: int = 0,
    beside: int = 0,
    margin: int = MARGIN,
) -> Layout:
    """The grid with the largest whole scale, of those the one closest to a square.

    head: device pixels above each cell for its label. beside: how many columns; 0 for as many as suit. margin: around
    the grid, in logical pixels.
    """
    count = len(samples)
    edge, gap = round(margin * ratio), round(GAP * ratio)
    best: tuple[float, float, int] | None = None
    for columns in [beside] if beside else range(1, count + 1):
        rows = -(-count // columns)
        scale = min(
            (width - 2 * edge - (columns - 1) * gap) / (columns * chain.width),
            (height - 2 * edge - (rows - 1) * gap - rows * head) / (rows * chain.height),
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
    return Layout(columns, rows, scale, across, down, samples, cells)


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


def paint_pictures(
    painter: QPainter,
    theme: Theme,
    ratio: float,
    cells: Sequence[QRect],
    pictures: Sequence[Picture | None],
    chosen: Sequence[QRect] = (),
) -> None:
    """Frames first, as whole rectangles: what they enclose is covered by pixels and hatch. The painter has no pen.

    cells, chosen: in device pixels. pictures: None where nothing is drawn yet.
    """
    bare = [cell for cell, picture in zip(cells, pictures, strict=True) if picture is None or not picture.full]
    for brush, rects in (
        (theme.line, [around(cell, max(1, round(ratio))) for cell in cells]),
        (theme.chosen, [around(cell, round(2 * ratio)) for cell in chosen]),
        (hatch_brush(theme, ratio), bare),
    ):
        painter.setBrush(brush)
        painter.drawRects(rects)
    for cell, picture in zip(cells, pictures, strict=True):
        if picture is not None:
            painter.drawImage(cell, picture.image)


class CellView(QWidget):
    """The samples of a take in cells: all of them, or the selected one alone.

    The mouse looks at the pixel that it lies on and a click keeps it; a double click shows a sample alone, or all
    again.
    """

    kind: ClassVar[type[Chain]]
    """Of the takes that it shows."""
    hint: ClassVar[str]
    hint_of_several: ClassVar[str]

    def __init__(self, studio: Studio, read_out: ReadOut) -> None:
        super().__init__()
        self._studio = studio
        self._read_out = read_out
        self.alone = False
        """Whether only the selected one of several samples is shown."""
        self._layout: object = None
        """Where everything lies; None until somebody asks again."""
        self._over: Pointer | None = None
        """The step under the mouse, drawn or not."""
        self._looked_at: tuple[int, Pointer | None, Pointer | None] = (0, None, None)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        studio.take_changed.connect(self._on_take)
        studio.branches_changed.connect(self._on_branches)
        studio.grown.connect(self._on_grown)
        studio.looking.cursor_changed.connect(self._on_cursor)
        studio.looking.selection_changed.connect(self._on_selection)
        studio.view_changed.connect(self._repaint)

    # --- what a view says --------------------------------------------------------------------------------------------

    @property
    def _image(self) -> ImageChain:
        """The chain of what stands in one cell."""
        raise NotImplementedError

    @property
    def _cells(self) -> Mapping[int, Sequence[Cell]]:
        """Where each sample is seen, largest first."""
        raise NotImplementedError

    @Slot()
    def _on_grown(self) -> None:
        """Takes in the steps that are new."""
        raise NotImplementedError

    @Slot()
    def _on_cursor(self) -> None:
        self.update()

    # --- following the state -----------------------------------------------------------------------------------------

    @property
    def _take(self) -> Take | None:
        return take_of(self._studio, self.kind)

    @property
    def _several(self) -> bool:
        return self._take is not None and len(self._take.samples) > 1

    @property
    def _hint(self) -> str:
        return HINT_ALONE if self.alone else self.hint_of_several if self._several else self.hint

    def show_alone(self, alone: bool) -> None:
        """Shows the selected one of several samples alone, or all of them again."""
        self.alone = alone and self._several
        self._layout = None
        self._over = None
        self._read_out.set_hint(self._hint)
        self._show_facts()
        self.update()

    @Slot()
    def _on_take(self) -> None:
        looking = self._studio.looking
        self._looked_at = (looking.selected, looking.pinned, looking.hovered)
        self.alone = False
        self._repaint()

    @Slot()
    def _repaint(self) -> None:
        """Everything anew."""
        self.show_alone(self.alone)
        self._on_grown()

    @Slot()
    def _on_branches(self) -> None:
        """Another branch may have begun under something else, which its label says."""
        self._layout = None
        self._on_grown()
        self.update()

    @Slot()
    def _on_selection(self) -> None:
        before, looking = self._looked_at, self._studio.looking
        self._looked_at = now = (looking.selected, looking.pinned, looking.hovered)
        if before[2] is not None and now[2] is None and self._reachable(self._over):
            self._over = None  # the keys have moved on from under a mouse that lies still
        if now[0] != before[0] and self.alone:
            self.show_alone(True)
        elif now[0] != before[0]:
            self.update()
        for pointer in {*before[1:], *now[1:]} - {None}:
            assert pointer is not None
            for pixel in self._pixels(pointer):
                self.update(self._logical(pixel))
        self._show_facts()

    # --- geometry ----------------------------------------------------------------------------------------------------

    @property
    def shown(self) -> range:
        """The samples that are shown."""
        assert self._take is not None
        selected = self._studio.looking.selected
        return range(selected, selected + 1) if self.alone else range(len(self._take.samples))

    @property
    def _device_size(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return round(self.width() * ratio), round(self.height() * ratio)

    @property
    def _label_font(self) -> QFont:
        font = tabular(QFont(self.font()))
        font.setPixelSize(QUIET_PIXELS)
        return font

    @property
    def _head(self) -> int:
        """What a label takes above a cell, in device pixels."""
        return round((QFontMetricsF(self._label_font).height() + LABEL_GAP) * self.devicePixelRatioF())

    def _above(self, cell: QRect) -> QRectF:
        """Where the label of a cell stands, in logical pixels."""
        ratio, height = self.devicePixelRatioF(), QFontMetricsF(self._label_font).height()
        return QRectF(cell.left() / ratio, cell.top() / ratio - height - LABEL_GAP, cell.width() / ratio, height)

    def _logical(self, device: QRect) -> QRect:
        """The smallest rectangle of logical pixels around one of device pixels and the outlines at its edge."""
        ratio = self.devicePixelRatioF()
        wide = around(device, math.ceil(3 * ratio))
        left, top = math.floor(wide.left() / ratio), math.floor(wide.top() / ratio)
        right, bottom = math.ceil((wide.right() + 1) / ratio), math.ceil((wide.bottom() + 1) / ratio)
        return QRect(left, top, right - left, bottom - top)

    def _pixels(self, pointer: Pointer) -> list[QRect]:
        """Where a step is seen, largest first, in device pixels."""
        if self._take is None:
            return []
        image, found = self._image, []
        for cell in self._cells.get(pointer.sample, ()):
            if 0 <= pointer.step - cell.first < image.length:
                row, column, _ = image.position(pointer.step - cell.first)
                found.append(cell.block(row, column))
        return found

    def pointer_at(self, position: QPoint | QPointF) -> Pointer | None:
        """The step under a position of this widget; the thirds of a colour pixel are its channels."""
        if self._take is None:
            return None
        image, ratio = self._image, self.devicePixelRatioF()
        for sample, cells in self._cells.items():
            for cell in cells:
                row = (position.y() * ratio - cell.rect.top()) / cell.scale
                column = (position.x() * ratio - cell.rect.left()) / cell.scale
                if 0 <= row < image.height and 0 <= column < image.width:
                    channel = int((column % 1) * image.channels)
                    return Pointer(sample, cell.first + image.step(int(row), int(column), channel))
        return None

    def position_of(self, pointer: Pointer) -> QPointF:
        """The centre of a step's pixel (of its channel's third) where it is largest, in logical pixels."""
        pixel, ratio, channels = self._pixels(pointer)[0], self.devicePixelRatioF(), self._image.channels
        across = pixel.left() + pixel.width() * (pointer.step % channels + 0.5) / channels
        return QPointF(across / ratio, (pixel.top() + pixel.height() / 2) / ratio)

    # --- painting ----------------------------------------------------------------------------------------------------

    def _paint_label(self, painter: QPainter, theme: Theme, cell: QRect, label: str, *, chosen: bool = False) -> None:
        """Above a cell, in logical pixels."""
        painter.setFont(self._label_font)
        painter.setPen(theme.chosen if chosen else theme.quiet)
        painter.drawText(self._above(cell), Qt.AlignmentFlag.AlignCenter, label)

    def _paint_outlines(self, painter: QPainter, theme: Theme, now: Iterable[Pointer | None]) -> None:
        """Of the steps that are now, of the one that is kept, and of the one that is pointed at."""
        for colour, weight, pointers in (
            (theme.now, 1.5, now),
            (theme.chosen, 2.0, [self._studio.looking.pinned]),
            (theme.chosen, 1.0, [self._studio.looking.hovered]),
        ):
            width = max(1, round(weight * self.devicePixelRatioF()))
            pixels = [pixel for pointer in pointers if pointer is not None for pixel in self._pixels(pointer)]
            painter.setBrush(colour)
            painter.drawRects([edge for pixel in pixels for edge in edges(pixel, width)])

    def _now(self, sample: int, painted: int) -> Pointer | None:
        """The step that is outlined: the cursor's; at the frontier the one not drawn yet, if there is one.

        painted: how many steps of the sample are.
        """
        assert self._take is not None
        cursor = veiled_from(self._studio)
        if cursor is not None and cursor < painted:
            return Pointer(sample, cursor)
        ended = self._take.samples[sample].trace.finished or painted == self._take.chain.length
        return None if ended else Pointer(sample, painted)

    # --- pointing ----------------------------------------------------------------------------------------------------

    def _reachable(self, pointer: Pointer | None) -> bool:
        """Whether there is a conditional to show: the step is drawn, or it is the very next."""
        take = self._take
        return take is not None and pointer is not None and pointer.step <= len(take.samples[pointer.sample].trace)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._over = self.pointer_at(event.position())
        self._studio.looking.hover(self._over if self._reachable(self._over) else None)
        self._show_facts()

    def leaveEvent(self, event: QEvent) -> None:
        self._over = None
        self._studio.looking.hover(None)
        self._show_facts()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        pointer = self.pointer_at(event.position())
        if pointer is None or pointer == self._studio.looking.pinned:
            self._studio.looking.pin(None)
        elif self._reachable(pointer):
            self._studio.looking.pin(pointer)
        else:
            self._studio.looking.select(pointer.sample)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Shows the sample alone, or all again. What the first of the two clicks kept is let go."""
        pointer = self.pointer_at(event.position())
        left = event.button() is Qt.MouseButton.LeftButton
        if not left or not self._several or (pointer is None and not self.alone):
            self.mousePressEvent(event)
            return
        if pointer is not None:
            self._studio.looking.select(pointer.sample)
        self._studio.looking.pin(None)
        self.show_alone(not self.alone)

    def _show_facts(self) -> None:
        take, pointer = self._take, self._over or self._studio.looking.hovered or self._studio.looking.pinned
        if take is None or pointer is None or pointer.sample >= len(take.samples):
            self._read_out.show_facts([] if take is None or not take.given else [how_it_is_completed(take)])
            return
        which = sample_facts(take, pointer.sample, " (Esc: all)" if self.alone else "")
        self._read_out.show_facts([*which, *self._where(take, pointer.step), *step_facts(take, pointer)])

    def _where(self, take: Take, step: int) -> list[str]:
        """Where a step lies, in words."""
        return [take.chain.locate(step)]

    # --- changes of size and look ------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._layout = None
        super().resizeEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._layout = None
            self.update()
        return super().event(event)
