"""The canvas of videos: the present frame of every sample, large, and below it all frames of one as a film strip.

The present frame is that of the cursor, which a replay moves on by whole frames at their rate, over and over; or that
of the step that is kept. Where it is known how the given frames really went on, that plays beside what was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFontMetricsF, QIcon, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QWidget

from models.chain import ImageChain, Symbols
from models.sweep import labels
from models.trace import Take, Trace
from models.video import VideoChain
from studio.canvas.cells import GAP, MARGIN, Cell, CellView, Layout, fitting, lay_out, paint_pictures
from studio.canvas.common import VEIL, CellCanvas, ReadOut, veiled_from
from studio.canvas.picture import Picture, picture_to_copy
from studio.class_pictures import pixmap
from studio.folders import remembered_folder
from studio.state import Activity, Studio
from studio.theme import QUIET, Theme, colours, faded
from studio.widgets.controls import ComboBox, PushButton, ToolButton
from studio.widgets.labels import label
from studio.widgets.layouts import FlowLayout, as_high_as_its_width_asks, clear
from studio.widgets.painting import painting

STRIP_SHARE = 0.42
"""Of the height, that the film strip may take."""
RATES = (1, 2, 5, 10, 20, 30, 50)
"""Frames per second that are offered."""
THUMBNAIL = 36
FILTERS = "Videos (*.gif *.png *.apng *.npz);;All files (*)"


class FrameOfTrace:
    """The steps of a trace that lie in one frame, as ``picture.Steps``."""

    def __init__(self, trace: Trace, first: int, length: int) -> None:
        self.whole, self.first, self.length = trace, first, length

    @property
    def _steps(self) -> slice:
        return slice(self.first, self.first + self.length)

    def __len__(self) -> int:
        return min(max(0, len(self.whole) - self.first), self.length)

    @property
    def symbols(self) -> Symbols:
        return self.whole.symbols[self._steps]

    @property
    def surprise(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return self.whole.surprise[self._steps]

    @property
    def entropy(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return self.whole.entropy[self._steps]


def film_of(trace: Trace, chain: VideoChain, overlay: str, given: tuple[int, ...] = ()) -> list[Picture]:
    """A picture of each frame."""
    pixels = chain.frame.length
    return [
        Picture(FrameOfTrace(trace, first, pixels), chain.frame, overlay, given[first : first + pixels])
        for first in range(0, chain.length, pixels)
    ]


@dataclass(frozen=True)
class Reel:
    """Where everything lies, in device pixels.

    large: the present frame of the samples that are shown, and last the truth where there is one. strip: all frames of
    the selected one, and in a second row those of the truth.
    """

    large: Layout
    strip: Layout


class FilmView(CellView):
    """The pictures themselves."""

    kind = VideoChain
    hint = "Point at a pixel of any frame to see its conditional; click to keep it. Space plays the film."
    hint_of_several = "Point at a pixel of any frame; click to keep it; double click to enlarge. Space plays the film."

    def __init__(self, studio: Studio, read_out: ReadOut) -> None:
        super().__init__(studio, read_out)
        self._films: list[list[Picture]] = []
        """By sample and frame."""
        self._truth: list[Picture] = []
        self._layout: Reel | None = None
        self.setMinimumSize(200, 200)
        self.setAccessibleName("Frames")
        studio.given_video.changed.connect(self._repaint)
        studio.activity_changed.connect(self._on_activity)
        self._on_take()

    # --- following the state -----------------------------------------------------------------------------------------

    @property
    def chain(self) -> VideoChain:
        assert self._take is not None
        chain = self._take.chain
        assert isinstance(chain, VideoChain)
        return chain

    @property
    def _image(self) -> ImageChain:
        return self.chain.frame

    @property
    def _plays(self) -> bool:
        return self._studio.activity is Activity.REPLAYING

    @property
    def present(self) -> int:
        """The frame that is seen large: that of the step which is kept, else of the last step before the cursor."""
        studio = self._studio
        pinned = None if self._plays else studio.looking.pinned
        step = studio.looking.cursor - 1 if pinned is None else pinned.step
        return min(max(0, step) // self.chain.frame.length, self.chain.frames - 1)

    @Slot()
    def _repaint(self) -> None:
        self._films, self._truth = [], []
        take = self._take
        truth = None if take is None else self._studio.given_video.truth(take)
        if take is not None and truth is not None:
            real = Trace(take.traces[0].segment)
            nothing = np.full(len(truth), np.nan, np.float32)
            real.append(truth, nothing, nothing, np.zeros(len(truth), np.bool_))
            self._truth = film_of(real, self.chain, "none")
            for picture in self._truth:
                picture.sync()
        super()._repaint()

    @Slot()
    def _on_grown(self) -> None:
        take = self._take
        if take is None:
            return
        for n, trace in enumerate(take.traces):
            known = cast(FrameOfTrace, self._films[n][0].trace).whole if n < len(self._films) else None
            if known is not trace:
                self._films[n : n + 1] = [film_of(trace, self.chain, self._studio.overlay, take.given)]
            for picture in self._films[n]:
                picture.sync()
        self._show_facts()
        self.update()

    @Slot()
    def _on_selection(self) -> None:
        super()._on_selection()
        self.update()  # another frame may be the present one

    @Slot()
    def _on_activity(self) -> None:
        self.update()

    # --- geometry ----------------------------------------------------------------------------------------------------

    @property
    def reel(self) -> Reel:
        if self._layout is None:
            chain, ratio, head, truth = self.chain, self.devicePixelRatioF(), self._head, bool(self._truth)
            width, height = self._device_size
            frames, rows = range(chain.frames * (1 + truth)), chain.frames * truth
            place = partial(lay_out, frames, chain.frame, width, ratio=ratio, head=head, beside=rows)
            strip = place(round(height * STRIP_SHARE))
            used = strip.rows * strip.down + round((2 * MARGIN - GAP) * ratio)
            strip = place(used)
            strip = replace(strip, cells=tuple(cell.translated(0, height - used) for cell in strip.cells))
            samples = range(self.shown.start, self.shown.stop + truth)
            large = lay_out(samples, chain.frame, width, height - used, ratio, head=head if len(samples) > 1 else 0)
            self._layout = Reel(large, strip)
        return self._layout

    @property
    def _cells(self) -> dict[int, list[Cell]]:
        reel, selected, pixels = self.reel, self._studio.looking.selected, self._image.length
        large = {n: Cell(reel.large.cell(n), reel.large.scale, self.present * pixels) for n in self.shown}
        strip = [Cell(reel.strip.cell(f), reel.strip.scale, f * pixels) for f in range(self.chain.frames)]
        return {n: [cell, *(strip if n == selected else [])] for n, cell in large.items()}

    # --- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, ratio = colours(self), self.devicePixelRatioF()
            painter.fillRect(event.rect(), theme.window)
            if self._take is None or len(self._films) != len(self._take.samples):
                return
            self._paint_words(painter, theme, self._take)
            painter.scale(1 / ratio, 1 / ratio)
            painter.setPen(Qt.PenStyle.NoPen)
            reel, present, selected = self.reel, self.present, self._studio.looking.selected
            large = [*(self._films[n][present] for n in self.shown), *self._truth[present : present + 1]]
            chosen = [reel.large.cell(selected)] if len(self.shown) > 1 else []
            paint_pictures(painter, theme, ratio, reel.large.cells, large, chosen)
            strip = [*self._films[selected], *self._truth]
            paint_pictures(painter, theme, ratio, reel.strip.cells, strip, [reel.strip.cell(present)])
            cursor = veiled_from(self._studio)
            if cursor is not None and not self._plays:
                self._paint_veils(painter, cursor, faded(theme.window, VEIL))
            self._paint_end_of_given(painter, theme, len(self._take.given))
            now = [self._now(n, sum(picture.shown for picture in self._films[n])) for n in self.shown]
            self._paint_outlines(painter, theme, [] if self._plays else now)

    def _paint_words(self, painter: QPainter, theme: Theme, take: Take) -> None:
        """Above the frames: their numbers, what the samples differ in, and which are real."""
        large, strip, frames, several = self.reel.large, self.reel.strip, self.chain.frames, len(self.shown) > 1
        for frame in range(frames):
            self._paint_label(painter, theme, strip.cell(frame), str(frame), chosen=frame == self.present)
        room = large.cells[0].width() / self.devicePixelRatioF()
        names = fitting(labels(take), QFontMetricsF(self._label_font), room) or [*map(str, range(len(take.samples)))]
        if several or self._truth:
            given = (self.present + 1) * self.chain.frame.length <= len(take.given)
            alone = "given" if given else "drawn"
            for n in self.shown:
                chosen = several and n == self._studio.looking.selected
                self._paint_label(painter, theme, large.cell(n), names[n] if several else alone, chosen=chosen)
        if self._truth:
            for cell in (large.cells[-1], strip.cell(frames)):
                self._paint_label(painter, theme, cell, "truth")

    def _paint_veils(self, painter: QPainter, cursor: int, colour: QColor) -> None:
        """Over what is drawn but beyond the cursor; never over the truth."""
        for n, cells in self._cells.items():
            for cell in cells:
                picture = self._films[n][cell.first // self._image.length]
                if cursor < cell.first + picture.shown:
                    painter.drawImage(cell.rect, picture.veil(max(0, cursor - cell.first), colour))

    def _paint_end_of_given(self, painter: QPainter, theme: Theme, steps: int) -> None:
        """A line in the strip."""
        given, ratio = steps // self._image.length, self.devicePixelRatioF()
        if 0 < given < self.chain.frames:
            first, thick = self.reel.strip.cell(given), max(1, round(2 * ratio))
            middle = first.left() - round(GAP * ratio / 2)
            painter.setBrush(theme.chosen)
            painter.drawRect(QRect(middle, first.top() - thick, max(1, round(ratio)), first.height() + 2 * thick))


class GivenRow(QWidget):
    """What the next take begins with: the first frames of an example or of a file, or nothing; how fast films play."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self.buttons: list[ToolButton] = []
        self.open_button = PushButton("Open…", "A GIF, an animated PNG or an .npz of videos, of the model's size")
        self.nothing_button = PushButton("nothing", "The model draws all frames", "Begin with nothing")
        self.nothing_button.setCheckable(True)
        self._examples = as_high_as_its_width_asks()
        self._flow = FlowLayout(self._examples, GAP // 2)
        self._flow.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 0, MARGIN, GAP)
        row.setSpacing(GAP)
        row.addWidget(label("Begin with", QUIET))
        row.addWidget(self._examples, 1)
        row.addWidget(self.open_button)
        row.addWidget(self.nothing_button)
        row.addSpacing(GAP)
        row.addWidget(RateBox(studio))
        self.open_button.clicked.connect(self._open)
        self.nothing_button.clicked.connect(partial(self._choose, None))
        studio.given_video.changed.connect(self._refresh)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        given = self._studio.given_video
        clear(self._flow)
        self.buttons = []
        for n, video in enumerate(given.offered):
            button = ToolButton("", tip=f"Begin with the first frames of video {n}", name=f"Begin with video {n}")
            button.setCheckable(True)
            button.setChecked(n == given.chosen)
            frame = video[0] if video.ndim == 4 else video[0][..., None].repeat(3, -1)
            button.setIcon(QIcon(pixmap(np.ascontiguousarray(frame))))
            button.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
            button.clicked.connect(partial(self._choose, n))
            self._flow.addWidget(button)
            self.buttons.append(button)
        self.nothing_button.setChecked(given.chosen is None)

    def _choose(self, number: int | None, *_: object) -> None:
        self._studio.given_video.choose(number)
        self._refresh()  # a click on what is chosen already leaves it chosen

    @Slot()
    def _open(self) -> None:
        folder = remembered_folder(self._studio.profile.get("open_folder"))
        name, _ = QFileDialog.getOpenFileName(self, "Open a video", folder, FILTERS)
        if name:
            self._studio.profile.set("open_folder", str(Path(name).parent))
            self._studio.opening.open_video(Path(name))


class RateBox(ComboBox):
    """How many frames a second the film plays, and is saved with."""

    def __init__(self, studio: Studio) -> None:
        super().__init__("Frames per second", "How fast the film plays, and is saved")
        self._studio = studio
        self.activated.connect(self._choose)
        studio.model_changed.connect(self._refresh)
        studio.take_changed.connect(self._refresh)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        chain = self._studio.chain
        if isinstance(chain, VideoChain):
            rate = self._studio.replay.rate_of(chain)
            self.clear()
            for each in sorted({*RATES, chain.rate, rate}):
                self.addItem(f"{each} frames/s", each)
            self.setCurrentIndex(self.findData(rate))

    @Slot(int)
    def _choose(self, index: int) -> None:
        self._studio.replay.film_rate = self.itemData(index)


class VideoCanvas(CellCanvas):
    """The frames with read-out and legend, and below them what is given; an invitation while there is no take."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.film = FilmView(studio, self.read_out)
        self.given = GivenRow(studio)
        self._lay_out(self.film)
        cell = self.layout()
        assert isinstance(cell, QGridLayout)
        cell.addWidget(self.given, 1, 0)
        cell.setRowStretch(0, 1)

    def step_out(self) -> None:
        self.film.show_alone(False)
        super().step_out()

    def copied(self) -> QImage | None:
        """The present frame of the selected sample as it is drawn, one pixel a pixel."""
        trace, chain = self._studio.trace, self._studio.chain
        if trace is None or not len(trace) or not isinstance(chain, VideoChain):
            return None
        first = self.film.present * chain.frame.length
        return picture_to_copy(chain.frame, trace.symbols[first : first + chain.frame.length])
