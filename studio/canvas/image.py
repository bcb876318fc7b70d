"""The canvas of images: every pixel as it is drawn, in a grid of all samples of the take, or of one that is enlarged.

One picture per sample is kept in memory; a step colours its pixel once, and only the rows that grew are painted anew.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QFontMetricsF, QImage, QPaintEvent, QPixmap

from models.chain import ImageChain
from models.sweep import columns as columns_of
from models.sweep import labels
from models.trace import Take
from studio.canvas.cells import Cell, CellView, Layout, fitting, lay_out, paint_pictures
from studio.canvas.common import SHORT_NAMES, VEIL, CellCanvas, ReadOut, veiled_from
from studio.canvas.given import GivenBorder
from studio.canvas.influence import LEAST_STRENGTH, influence_picture, strongest
from studio.canvas.order import order_colours, paint_order
from studio.canvas.picture import Picture, picture_to_copy, rows_of
from studio.looking import Pointer
from studio.messages import Influence
from studio.state import Studio
from studio.theme import Theme, colours, faded
from studio.widgets.painting import painting

HINT_OF_INFLUENCE = "Click a pixel to see what can change it."


class ImageGrid(CellView):
    """The pictures themselves: of all samples, or of the selected one alone."""

    kind = ImageChain
    hint = "Point at a pixel to see its conditional; click to keep it."
    hint_of_several = "Point at a pixel; click to keep it; double click to enlarge."

    def __init__(self, studio: Studio, read_out: ReadOut) -> None:
        super().__init__(studio, read_out)
        self._pictures: list[Picture] = []
        self._before: list[npt.NDArray[np.uint32]] = []
        """The pixels of the samples that those of an image which follows a hand come in place of."""
        self._layout: Layout | None = None
        self._labels: list[str] = []
        """Of all samples, as they fit the layout; none where nothing differs, or there is no room."""
        self._cursor: int | None = None
        self._painted_influence: tuple[tuple[object, ...], Influence, QPixmap] | None = None
        self._border: tuple[tuple[object, ...], GivenBorder] | None = None
        self.setMinimumSize(160, 120)
        self.setAccessibleName("Images")
        studio.activity_changed.connect(self._on_activity)
        studio.influence.changed.connect(self._on_influence)
        self._on_take()

    # --- following the state -----------------------------------------------------------------------------------------

    @property
    def _image(self) -> ImageChain:
        assert self._take is not None
        chain = self._take.chain
        assert isinstance(chain, ImageChain)
        return chain

    @property
    def _hint(self) -> str:
        if self._studio.overlay != "influence":
            return super()._hint
        return HINT_OF_INFLUENCE if self._studio.influence.found is None else "Click another."

    @Slot()
    def _on_take(self) -> None:
        passing = self._studio.drawing_along.passing is not None
        self._before = [picture.pixels for picture in self._pictures] if passing else []
        super()._on_take()

    @Slot()
    def _repaint(self) -> None:
        self._pictures.clear()
        super()._repaint()

    @Slot()
    def _on_activity(self) -> None:
        """Where drawing has ended early, nothing of another image is left where nothing was drawn."""
        if self._before and not self._studio.running:
            self._before = []
            if not all(picture.full for picture in self._pictures):
                self._repaint()

    @Slot()
    def _on_influence(self) -> None:
        self._read_out.set_hint(self._hint)
        self.update()

    @Slot()
    def _on_grown(self) -> None:
        take = self._take
        if take is None:
            return
        chain = self._image
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
        before, self._cursor = self._cursor, veiled_from(self._studio)
        cursor = self._cursor
        if cursor is None and before is None:
            return
        if cursor is None or before is None or self._take is None:
            self.update()
            return
        chain = self._image
        first, last = sorted((before // chain.channels, cursor // chain.channels))
        start, stop = rows_of(chain, max(0, first - 1), last + 1)
        for row in range(self._grid.rows):
            self._update_band(row, start - 1, stop + 1)

    # --- geometry ----------------------------------------------------------------------------------------------------

    @property
    def _grid(self) -> Layout:
        if self._layout is None:
            assert self._take is not None
            chain, ratio, samples = self._image, self.devicePixelRatioF(), self.shown
            width, height = self._device_size
            beside = 0 if self.alone else columns_of(self._take)
            made = labels(self._take)
            layout: Layout | None = None
            self._labels = []
            if made:
                layout = lay_out(samples, chain, width, height, ratio, head=self._head, beside=beside)
                self._labels = fitting(made, QFontMetricsF(self._label_font), layout.cells[0].width() / ratio)
            if layout is None or not self._labels:
                layout = lay_out(samples, chain, width, height, ratio, beside=beside)
            self._layout = layout
        return self._layout

    @property
    def _cells(self) -> dict[int, list[Cell]]:
        return self._grid.places

    def _update_band(self, row_of_cells: int, start: int, stop: int) -> None:
        """Has the image rows [start, stop) painted anew in a whole row of the grid."""
        grid, chain = self._grid, self._image
        start, stop = max(0, start), min(chain.height, stop)
        if start < stop:
            (cell,) = grid.places[grid.samples[row_of_cells * grid.columns]]
            band = cell.block(start, 0, stop - start, chain.width)
            band.setWidth(grid.columns * grid.across)
            self.update(self._logical(band))

    # --- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, ratio = colours(self), self.devicePixelRatioF()
            painter.fillRect(event.rect(), theme.window)
            if self._take is None or len(self._pictures) != len(self._take.samples):
                return
            grid, region, studio = self._grid, event.region(), self._studio
            chosen = studio.looking.selected if len(grid.samples) > 1 else None
            for n in grid.samples if self._labels else ():
                if region.intersects(self._above(grid.cell(n)).toAlignedRect()):
                    self._paint_label(painter, theme, grid.cell(n), self._labels[n], chosen=n == chosen)
            painter.scale(1 / ratio, 1 / ratio)
            painter.setPen(Qt.PenStyle.NoPen)
            cells = {n: grid.cell(n) for n in grid.samples if region.intersects(self._logical(grid.cell(n)))}
            pictures = {n: self._pictures[n] for n in cells}
            framed = [] if chosen is None else [grid.cell(chosen)]
            paint_pictures(painter, theme, ratio, [*cells.values()], [*pictures.values()], framed)
            if studio.overlay == "order":
                for n, picture in pictures.items():
                    paint_order(painter, picture.chain, cells[n], picture.pixels, theme.window, ratio)
            influence = studio.influence.found
            if influence is not None and influence.sample in pictures:
                cell = cells[influence.sample]
                painter.drawPixmap(cell.topLeft(), self._influence_picture(influence, cell.size(), theme, ratio))
            cursor = veiled_from(studio)
            if cursor is not None and influence is None:
                for n, picture in pictures.items():
                    painter.drawImage(cells[n], picture.veil(cursor, faded(theme.window, VEIL)))
            if self._take.given:
                border = self._given_border(self._take)
                for cell in cells.values():
                    painter.translate(cell.topLeft())
                    border.paint(painter, theme)
                    painter.translate(-cell.topLeft())
            now = [self._now(n, picture.shown) for n, picture in pictures.items()]
            if influence is not None and influence.sample in pictures:
                now.append(Pointer(influence.sample, influence.step))
            self._paint_outlines(painter, theme, now)

    def _given_border(self, take: Take) -> GivenBorder:
        """Kept for a take as it is laid out: it is painted with every step."""
        scale, ratio = self._grid.scale, self.devicePixelRatioF()
        key = (take.id, scale, ratio)
        if self._border is None or self._border[0] != key:
            self._border = key, GivenBorder(take, scale, ratio)
        return self._border[1]

    def _influence_picture(self, influence: Influence, size: QSize, theme: Theme, ratio: float) -> QPixmap:
        """Kept while nothing of it changes: what is pointed at is painted anew all the time."""
        chain = self._image
        key = (id(influence), chain, size, theme, ratio)
        if self._painted_influence is None or self._painted_influence[0] != key:
            # With the influence itself, so that no other gets its id.
            self._painted_influence = key, influence, influence_picture(influence, chain, size, theme, ratio)
        return self._painted_influence[2]

    def _where(self, take: Take, step: int) -> list[str]:
        where = super()._where(take, step)
        if self._studio.overlay == "order":
            chain = self._image
            where.insert(0, f"pixel {step // chain.channels} of {len(chain.pixels)}")
        return where


class ImageCanvas(CellCanvas):
    """The grid with its read-out and legend; an invitation while there is no take."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.grid = ImageGrid(studio, self.read_out)
        self._lay_out(self.grid)
        studio.influence.changed.connect(self._refresh)

    @Slot()
    def _refresh(self) -> None:
        super()._refresh()
        take, overlay = self._studio.take, self._studio.overlay
        influence, awaited = self._studio.influence.found, self._studio.influence.awaited
        if take is None or overlay in SHORT_NAMES:
            return
        self.legend.setVisible(overlay == "order" or influence is not None or awaited)
        if overlay == "order" and isinstance(take.chain, ImageChain):
            last = len(take.chain.pixels) - 1
            self.legend.show_range("Order", f"pixel {last}", "pixel 0", order_colours(256))
        elif influence is not None:
            most = strongest(influence)
            much = f"{most:.2g}" if most > LEAST_STRENGTH else f"below {LEAST_STRENGTH:.0e}"
            of = take.chain.locate(influence.step)
            self.legend.show_range(f"Influence on {of}", f"{much} nats a level; hatched: out of reach")
        elif awaited:
            self.legend.show_range("Influence", "computing …")

    def step_out(self) -> None:
        self.grid.show_alone(False)
        super().step_out()

    def copied(self) -> QImage | None:
        """The selected sample as it is drawn, one pixel a pixel."""
        trace, chain = self._studio.trace, self._studio.chain
        if trace is None or not len(trace) or not isinstance(chain, ImageChain):
            return None
        return picture_to_copy(chain, trace.symbols)


def main() -> int:
    from studio.canvas.demo import DIGIT_CHAIN, show_alone

    return show_alone(ImageCanvas, DIGIT_CHAIN, 16)


if __name__ == "__main__":
    raise SystemExit(main())
