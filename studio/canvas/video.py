"""The canvas of videos: the present frame of every sample, large, and below it all frames of one as a film strip.

The present frame is that of the cursor, which a replay moves on by whole frames at their rate, over and over; or that
of the step that is kept. Where it is known how the given frames really went on, that plays beside what was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QIcon, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from models.chain import ImageChain, Symbols
from models.completion import how_it_is_completed
from models.sweep import labels
from models.trace import Take, Trace
from models.video import VideoChain
from studio.canvas.common import SHORT_NAMES, Canvas, Invitation, Legend, ReadOut, step_facts
from studio.canvas.image import (
    GAP,
    HINT_ALONE,
    LABEL_GAP,
    MARGIN,
    VEIL,
    Layout,
    Picture,
    around,
    edges,
    lay_out,
)
from studio.class_pictures import pixmap
from studio.folders import remembered_folder
from studio.state import Activity, Pointer, Studio
from studio.theme import QUIET, QUIET_PIXELS, Theme, colours, faded, hatch_brush, tabular
from studio.thumbnail import image_pixels
from studio.widgets.controls import PushButton, ToolButton
from studio.widgets.labels import label
from studio.widgets.layouts import Flow, as_high_as_its_width_asks, clear
from studio.widgets.painting import painting

STRIP_SHARE = 0.42
"""Of the height, that the film strip may take."""
THUMBNAIL = 36
HINT = "Point at a pixel of any frame to see its conditional; click to keep it. Space plays the film."
HINT_OF_SEVERAL = "Point at a pixel of any frame; click to keep it; double click to enlarge. Space plays the film."
FILTERS = "Videos (*.gif *.png *.apng *.npz);;All files (*)"


class FrameOfTrace:
    """The steps of a trace that lie in one frame, as ``image.Steps``."""

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

    @property
    def finished(self) -> bool:
        return self.whole.finished


def frames_of(trace: Trace, chain: VideoChain, overlay: str, given: tuple[int, ...] = ()) -> list[Picture]:
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

    samples: range
    large: Layout
    strip: Layout


class FilmView(QWidget):
    """The pictures themselves."""

    def __init__(self, studio: Studio, read_out: ReadOut) -> None:
        super().__init__()
        self._studio = studio
        self._read_out = read_out
        self.alone = False
        """Whether only the selected one of several samples is shown."""
        self._films: list[list[Picture]] = []
        """By sample and frame."""
        self._truth: list[Picture] = []
        self._reel: Reel | None = None
        self._over: Pointer | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(200, 200)
        self.setAccessibleName("Frames")
        for anew in (studio.take_changed, studio.view_changed, studio.given_video.changed):
            anew.connect(self._repaint)
        for moved in (studio.cursor_changed, studio.selection_changed, studio.activity_changed):
            moved.connect(self._on_moved)
        for grown in (studio.grown, studio.branches_changed):
            grown.connect(self._on_grown)
        self._repaint()

    # --- following the state -----------------------------------------------------------------------------------------

    @property
    def _take(self) -> Take | None:
        take = self._studio.take
        return take if take is not None and isinstance(take.chain, VideoChain) else None

    @property
    def chain(self) -> VideoChain:
        assert self._take is not None
        chain = self._take.chain
        assert isinstance(chain, VideoChain)
        return chain

    @property
    def present(self) -> int:
        """The frame that is seen large: that of the step which is kept, else of the last step before the cursor."""
        studio = self._studio
        playing = studio.activity is Activity.REPLAYING
        pinned = None if playing else studio.pinned
        step = studio.cursor - 1 if pinned is None else pinned.step
        return min(max(0, step) // self.chain.frame.length, self.chain.frames - 1)

    def show_alone(self, alone: bool) -> None:
        """Shows the selected one of several samples alone, or all of them again."""
        several = self._take is not None and len(self._take.samples) > 1
        self.alone = alone and several
        self._reel = None
        self._over = None
        self._read_out.set_hint(HINT_ALONE if self.alone else HINT_OF_SEVERAL if several else HINT)
        self._show_facts()
        self.update()

    @Slot()
    def _repaint(self) -> None:
        """Everything anew."""
        self._films, self._truth = [], []
        take = self._take
        truth = None if take is None else self._studio.given_video.truth(take)
        if take is not None and truth is not None:
            real = Trace(take.traces[0].segment)
            nothing = np.full(len(truth), np.nan, np.float32)
            real.append(truth, nothing, nothing, np.zeros(len(truth), np.bool_))
            self._truth = frames_of(real, self.chain, "none")
            for picture in self._truth:
                picture.sync()
        self.show_alone(self.alone)
        self._on_grown()

    @Slot()
    def _on_grown(self) -> None:
        take = self._take
        if take is None:
            return
        for n, trace in enumerate(take.traces):
            known = cast(FrameOfTrace, self._films[n][0].trace).whole if n < len(self._films) else None
            if known is not trace:
                self._films[n : n + 1] = [frames_of(trace, self.chain, self._studio.overlay, take.given)]
            for picture in self._films[n]:
                picture.sync()
        self._show_facts()
        self.update()

    @Slot()
    def _on_moved(self) -> None:
        if self.alone and self._reel is not None and self._studio.selected not in self._reel.samples:
            self._reel = None
        self._show_facts()
        self.update()

    # --- geometry ----------------------------------------------------------------------------------------------------

    @property
    def _label_font(self) -> QFont:
        font = tabular(QFont(self.font()))
        font.setPixelSize(QUIET_PIXELS)
        return font

    @property
    def reel(self) -> Reel:
        if self._reel is None:
            assert self._take is not None
            chain, ratio = self.chain, self.devicePixelRatioF()
            width, height = round(self.width() * ratio), round(self.height() * ratio)
            head = round((QFontMetricsF(self._label_font).height() + LABEL_GAP) * ratio)
            frames, rows = range(chain.frames * (2 if self._truth else 1)), chain.frames if self._truth else 0
            place = partial(lay_out, frames, chain.frame, width, ratio=ratio, head=head, beside=rows)
            strip = place(round(height * STRIP_SHARE))
            used = strip.rows * strip.down + round((2 * MARGIN - GAP) * ratio)
            strip = _moved(place(used), height - used)
            count, selected = len(self._take.samples), self._studio.selected
            samples = range(selected, selected + 1) if self.alone else range(count)
            cells = range(len(samples) + bool(self._truth))
            large = lay_out(cells, chain.frame, width, height - used, ratio, head=head if len(cells) > 1 else 0)
            self._reel = Reel(samples, large, strip)
        return self._reel

    def _cells(self, pointer: Pointer) -> list[tuple[QRect, float]]:
        """Where the frame of a step is seen, and how large a pixel is there."""
        reel, frame, found = self.reel, pointer.step // self.chain.frame.length, []
        if frame == self.present and pointer.sample in reel.samples:
            found.append((reel.large.cells[reel.samples.index(pointer.sample)], reel.large.scale))
        if pointer.sample == self._studio.selected and frame < self.chain.frames:
            found.append((reel.strip.cells[frame], reel.strip.scale))
        return found

    def _pixels(self, pointer: Pointer) -> list[QRect]:
        """Where a step is seen, in device pixels."""
        _, row, column, _ = self.chain.position(pointer.step)
        found = []
        for cell, scale in self._cells(pointer):
            left, top = round(column * scale), round(row * scale)
            right, bottom = round((column + 1) * scale), round((row + 1) * scale)
            found.append(QRect(cell.left() + left, cell.top() + top, max(1, right - left), max(1, bottom - top)))
        return found

    def pointer_at(self, position: QPoint | QPointF) -> Pointer | None:
        """The step under a position of this widget; the thirds of a colour pixel are its channels."""
        if self._take is None:
            return None
        reel, chain, ratio = self.reel, self.chain, self.devicePixelRatioF()
        x, y = position.x() * ratio, position.y() * ratio
        large, strip, selected = reel.large, reel.strip, self._studio.selected
        places = [(cell, large.scale, n, self.present) for n, cell in zip(reel.samples, large.cells, strict=False)]
        places += [(cell, strip.scale, selected, f) for f, cell in enumerate(strip.cells[: chain.frames])]
        for cell, scale, sample, frame in places:
            row, column = (y - cell.top()) / scale, (x - cell.left()) / scale
            if 0 <= row < chain.height and 0 <= column < chain.width:
                return Pointer(sample, chain.step(frame, int(row), int(column), int((column % 1) * chain.channels)))
        return None

    def position_of(self, pointer: Pointer) -> QPointF:
        """The centre of a step's pixel where it is seen largest, in this widget's logical pixels."""
        pixel, ratio = self._pixels(pointer)[0], self.devicePixelRatioF()
        return QPointF((pixel.left() + pixel.width() / 2) / ratio, (pixel.top() + pixel.height() / 2) / ratio)

    # --- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, ratio = colours(self), self.devicePixelRatioF()
            painter.fillRect(event.rect(), theme.window)
            if self._take is None or len(self._films) != len(self._take.samples):
                return
            reel, present, studio = self.reel, self.present, self._studio
            frames = self._films[studio.selected]
            painter.scale(1 / ratio, 1 / ratio)
            painter.setPen(Qt.PenStyle.NoPen)
            large = [self._films[n][present] for n in reel.samples]
            self._paint_frames(painter, reel.large.cells, large, self._truth[present : present + 1], theme, ratio)
            self._paint_frames(painter, reel.strip.cells, frames, self._truth, theme, ratio)
            self._paint_marks(painter, theme, ratio)
            self._paint_words(painter, theme, ratio)

    def _paint_frames(
        self,
        painter: QPainter,
        cells: tuple[QRect, ...],
        drawn: list[Picture],
        truth: list[Picture],
        theme: Theme,
        ratio: float,
    ) -> None:
        pictures = [*drawn, *truth]
        painter.setBrush(theme.line)
        painter.drawRects([around(cell, max(1, round(ratio))) for cell in cells])
        painter.setBrush(hatch_brush(theme, ratio))
        if bare := [cell for cell, picture in zip(cells, pictures, strict=True) if not picture.full]:
            painter.drawRects(bare)
        for cell, picture in zip(cells, pictures, strict=True):
            painter.drawImage(cell, picture.image)
        studio, veil = self._studio, faded(theme.window, VEIL)
        if studio.following or studio.activity is Activity.REPLAYING:
            return
        for cell, picture in zip(cells, drawn, strict=False):  # the truth comes last, and is never veiled
            first = cast(FrameOfTrace, picture.trace).first
            if studio.cursor < first + picture.shown:
                painter.drawImage(cell, picture.veil(max(0, studio.cursor - first), veil))

    def _paint_marks(self, painter: QPainter, theme: Theme, ratio: float) -> None:
        """The present frame, the line after what was given, and the steps that are drawn next, kept and pointed at."""
        take, reel, studio, chain = self._take, self.reel, self._studio, self.chain
        assert take is not None
        thick = max(1, round(2 * ratio))
        painter.setBrush(theme.chosen)
        painter.drawRects(edges(reel.strip.cells[self.present], thick))
        if len(reel.samples) > 1:
            painter.drawRects(edges(reel.large.cells[reel.samples.index(studio.selected)], thick))
        given = len(take.given) // chain.frame.length
        if 0 < given < chain.frames:
            first = reel.strip.cells[given]
            middle = first.left() - round(GAP * ratio / 2)
            painter.drawRect(QRect(middle, first.top() - thick, max(1, round(ratio)), first.height() + 2 * thick))
        now = [] if studio.activity is Activity.REPLAYING else [self._now(n) for n in reel.samples]
        for colour, weight, pointers in (
            (theme.now, 1.5, now),
            (theme.chosen, 2.0, [studio.pinned]),
            (theme.chosen, 1.0, [studio.hovered]),
        ):
            width = max(1, round(weight * ratio))
            painter.setBrush(colour)
            pixels = [pixel for p in pointers if p is not None and p.step < chain.length for pixel in self._pixels(p)]
            if pixels:
                painter.drawRects([edge for pixel in pixels for edge in edges(pixel, width)])

    def _now(self, sample: int) -> Pointer | None:
        """The step that is outlined: the cursor's; at the frontier the one not drawn yet, if there is one."""
        assert self._take is not None
        trace, studio = self._take.samples[sample].trace, self._studio
        if not studio.following and studio.cursor < len(trace):
            return Pointer(sample, studio.cursor)
        return None if trace.finished or len(trace) >= self.chain.length else Pointer(sample, len(trace))

    def _paint_words(self, painter: QPainter, theme: Theme, ratio: float) -> None:
        """Above the frames: their numbers, and which are real."""
        reel, chain, font = self.reel, self.chain, self._label_font
        font.setPixelSize(round(QUIET_PIXELS * ratio))
        painter.setFont(font)
        words = [(cell, str(f), f == self.present) for f, cell in enumerate(reel.strip.cells[: chain.frames])]
        if self._truth:
            drawn = ["drawn"] if len(reel.samples) == 1 else [str(n) for n in reel.samples]
            words += [(cell, word, False) for cell, word in zip(reel.large.cells, [*drawn, "truth"], strict=True)]
            words.append((reel.strip.cells[chain.frames], "truth", False))
        elif len(reel.samples) > 1:
            chosen = self._studio.selected
            words += [(cell, str(n), n == chosen) for n, cell in zip(reel.samples, reel.large.cells, strict=True)]
        height = QFontMetricsF(font).height()
        for cell, word, marked in words:
            painter.setPen(theme.chosen if marked else theme.quiet)
            where = QRectF(cell.left(), cell.top() - height - LABEL_GAP * ratio, cell.width(), height)
            painter.drawText(where, Qt.AlignmentFlag.AlignCenter, word)

    # --- pointing ----------------------------------------------------------------------------------------------------

    def _reachable(self, pointer: Pointer | None) -> bool:
        """Whether there is a conditional to show: the step is drawn, or it is the very next."""
        return (
            pointer is not None
            and self._take is not None
            and (pointer.step <= len(self._take.samples[pointer.sample].trace))
        )

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
        made = labels(take)
        which = f" ({made[pointer.sample].full})" if made else ""
        sample = [f"sample {pointer.sample}{which}"] if len(take.samples) > 1 else []
        self._read_out.show_facts([*sample, take.chain.locate(pointer.step), *step_facts(take, pointer)])

    # --- changes of size and look ------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._reel = None
        super().resizeEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._reel = None
            self.update()
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)


def _moved(layout: Layout, down: int) -> Layout:
    cells = tuple(cell.translated(0, down) for cell in layout.cells)
    return Layout(**{**layout.__dict__, "top": layout.top + down, "cells": cells})


class GivenRow(QWidget):
    """What the next take begins with: the first frames of an example or of a file, or nothing."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self.buttons: list[ToolButton] = []
        self.open_button = PushButton("Open…", "A GIF, an animated PNG or an .npz of videos, of the model's size")
        self.nothing_button = PushButton("nothing", "The model draws all frames", "Begin with nothing")
        self.nothing_button.setCheckable(True)
        self._examples = as_high_as_its_width_asks()
        self._flow = Flow(self._examples, GAP // 2)
        self._flow.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 0, MARGIN, GAP)
        row.setSpacing(GAP)
        row.addWidget(label("Begin with", QUIET))
        row.addWidget(self._examples, 1)
        row.addWidget(self.open_button)
        row.addWidget(self.nothing_button)
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
            self._studio.open_video(Path(name))


class VideoCanvas(Canvas):
    """The frames with read-out and legend, and below them what is given; an invitation while there is no take."""

    copies = True

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self.setAccessibleName("Canvas")
        self.read_out = ReadOut(HINT)
        self.legend = Legend()
        self.film = FilmView(studio, self.read_out)
        self.invitation = Invitation(studio)
        self.given = GivenRow(studio)
        body = QWidget()
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 4, 16, 8)
        foot.setSpacing(24)
        foot.addWidget(self.read_out, 1)
        foot.addWidget(self.legend)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.film, 1)
        column.addLayout(foot)
        self._cover(body, self.invitation)
        cell = self.layout()
        assert isinstance(cell, QGridLayout)
        cell.addWidget(self.given, 1, 0)
        cell.setRowStretch(0, 1)
        self.setFocusProxy(self.film)
        for changed in (studio.take_changed, studio.view_changed):
            changed.connect(self._refresh)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        take, overlay = self._studio.take, self._studio.overlay
        self.invitation.setVisible(take is None)
        self.legend.setVisible(take is not None and overlay in SHORT_NAMES)
        if take is not None and overlay in SHORT_NAMES:
            self.legend.show_scale(overlay, take.chain)

    def step_out(self) -> None:
        self.film.show_alone(False)

    def copied(self) -> QImage | None:
        """The present frame of the selected sample as it is drawn, one pixel a pixel."""
        trace, chain = self._studio.trace, self._studio.chain
        if trace is None or not len(trace) or not isinstance(chain, VideoChain):
            return None
        frame: ImageChain = chain.frame
        first = self.film.present * frame.length
        pixels = image_pixels(frame, trace.symbols[first : first + frame.length])
        image = QImage(pixels.tobytes(), frame.width, frame.height, 4 * frame.width, QImage.Format.Format_RGBA8888)
        return image.copy()
