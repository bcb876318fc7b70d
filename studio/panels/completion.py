"""Complete an image: choose one, take parts of it away, and have the model draw them anew."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from models.chain import ImageChain
from models.completion import LEAST_PARTICLES, MISSING, Mask
from models.condition import Category, Order
from models.image_files import Pixels, fitted_pixels
from studio.class_pictures import class_pictures, pixmap
from studio.folders import remembered_folder
from studio.panels.widgets import (
    GAP,
    LadderSlider,
    PushButton,
    ToolButton,
    clear,
    grid_of_cells,
    label,
    painting,
)
from studio.state import Studio
from studio.theme import PRIMARY, QUIET, colours, hatch_brush, set_role

BRUSHES = [1, 2, 3, 4, 6, 8]
"""Pixels across."""
FIRST_BRUSH = 4
VIEW_SIDE = 320
FIRST_SIZE = QSize(800, 560)
THUMBNAIL = 40
FIRST_PART = "lower half"


class MaskView(QWidget):
    """An image whose missing pixels are hatched; the mouse takes pixels away, and with the right button gives back."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.image: Pixels | None = None
        self.known: Mask = np.ones((1, 1), np.bool_)
        self.brush = FIRST_BRUSH
        self._at: QPointF | None = None
        self._shown: QImage | None = None
        """What is known of the image, transparent elsewhere; None after a change, until it is painted."""
        self.setMouseTracking(True)
        self.setMinimumSize(VIEW_SIDE, VIEW_SIDE)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Image to complete")
        self.setToolTip("Drag to take pixels away, with the right button to give them back")

    def show_image(self, image: Pixels, known: Mask) -> None:
        self.image = image
        self.set_known(known)

    def set_known(self, known: Mask) -> None:
        self.known = known
        self._shown = None
        self.update()
        self.changed.emit()

    @property
    def _square(self) -> tuple[QRect, float]:
        """Where the image lies, in logical pixels, and how large one of its pixels is there."""
        assert self.image is not None
        height, width = self.image.shape[:2]
        ratio = self.devicePixelRatioF()
        scale = max(1, int(min(self.width() * ratio / width, self.height() * ratio / height))) / ratio
        size = QSize(round(width * scale), round(height * scale))
        corner = QPoint((self.width() - size.width()) // 2, (self.height() - size.height()) // 2)
        return QRect(corner, size), scale

    def _touched(self, at: QPointF) -> Mask:
        """The pixels under the brush."""
        assert self.image is not None
        square, scale = self._square
        rows, columns = np.indices(self.known.shape)
        x, y = (at.x() - square.left()) / scale, (at.y() - square.top()) / scale
        reach = max(0.5, self.brush / 2)
        touched: Mask = np.maximum(np.abs(columns + 0.5 - x), np.abs(rows + 0.5 - y)) <= reach
        return touched

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._at = event.position()
        if self.image is not None:
            buttons = event.buttons()
            if buttons & Qt.MouseButton.LeftButton:
                self.set_known(self.known & ~self._touched(self._at))
            elif buttons & Qt.MouseButton.RightButton:
                self.set_known(self.known | self._touched(self._at))
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._at = None
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            painter.fillRect(self.rect(), theme.window)
            if self.image is None:
                return
            square, scale = self._square
            if self._shown is None:
                self._shown = _known_part(self.image, self.known)
            painter.fillRect(square, hatch_brush(theme, 1.0))
            painter.drawImage(square, self._shown)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.line, 1))
            painter.drawRect(square.adjusted(-1, -1, 0, 0))
            if self._at is not None and (touched := self._touched(self._at)).any():
                self._paint_brush(painter, touched, square, scale)

    def _paint_brush(self, painter: QPainter, touched: Mask, square: QRect, scale: float) -> None:
        rows, columns = np.nonzero(touched)
        painter.setPen(QPen(colours(self).chosen, 1.5))
        left, top = square.left() + columns.min() * scale, square.top() + rows.min() * scale
        across, down = (np.ptp(columns) + 1) * scale, (np.ptp(rows) + 1) * scale
        painter.drawRect(QRectF(left, top, across, down))


def _known_part(image: Pixels, known: Mask) -> QImage:
    """The pixels that are known, the others transparent."""
    height, width = known.shape
    rgba = np.empty((height, width, 4), np.uint8)
    rgba[..., :3] = image if image.ndim == 3 else image[..., None]
    rgba[..., 3] = np.where(known, 255, 0)
    return QImage(rgba.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


class CompletionDialog(QDialog):
    """Stays open while the window goes on, so that an image can be completed again and again."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Complete an image")
        self.studio = studio
        self.view = MaskView()
        self.sample_button = PushButton("Selected sample", "The sample that is selected in the window")
        self.open_button = PushButton("Open…", "Any picture: it is cut, scaled and coloured as the model needs it")
        self.examples, self._grid = grid_of_cells()
        self.parts: dict[str, ToolButton] = {}
        parts, grid = grid_of_cells()
        for name in MISSING:
            button = ToolButton(name, tip=f"Take away: {name}", name=f"Take away {name}")
            button.clicked.connect(partial(self._take_away, name))
            self.parts[name] = button
            grid.addWidget(button)
        self.nothing_button = ToolButton("nothing", tip="Give all pixels back", name="Take away nothing")
        self.nothing_button.clicked.connect(self._give_back)
        self.invert_button = ToolButton("the other part", tip="Swap what is known and what is missing")
        self.invert_button.clicked.connect(self._invert)
        for button in (self.nothing_button, self.invert_button):
            grid.addWidget(button)
        self.brush = LadderSlider("Brush", BRUSHES)
        self.brush.setToolTip("Pixels across that the mouse takes away")
        self.brush.show_value(FIRST_BRUSH)
        self.note = label("", QUIET)
        self.note.setWordWrap(True)
        self.complete_button = PushButton("Complete", "Draws the missing pixels, as many samples as Sampling says")
        set_role(self.complete_button, PRIMARY)
        brush = QHBoxLayout()
        brush.addWidget(label("Brush", QUIET))
        brush.addWidget(self.brush, 1)
        sources = QHBoxLayout()
        for source in (self.sample_button, self.open_button):
            sources.addWidget(source)
        sources.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(GAP)
        right.addWidget(label("Image"))
        right.addLayout(sources)
        right.addWidget(self.examples)
        right.addWidget(label("Missing"))
        right.addWidget(parts)
        right.addLayout(brush)
        right.addWidget(self.note)
        right.addStretch(1)
        right.addWidget(self.complete_button)
        row = QHBoxLayout(self)
        row.setSpacing(2 * GAP)
        row.addWidget(self.view, 3)
        row.addLayout(right, 2)
        self.sample_button.clicked.connect(self._take_sample)
        self.open_button.clicked.connect(self._open)
        self.brush.moved.connect(self._set_brush)
        self.complete_button.clicked.connect(self._complete)
        self.view.changed.connect(self._refresh)
        studio.model_changed.connect(self._show_model)
        studio.picture_opened.connect(self.show_picture)
        for changed in (studio.take_changed, studio.activity_changed, studio.settings_changed, studio.grown):
            changed.connect(self._refresh)
        self._model: Path | None = None
        self._show_model()
        self.resize(FIRST_SIZE)

    # --- the image ---------------------------------------------------------------------------------------------------

    @property
    def chain(self) -> ImageChain | None:
        """Of the model, in any order."""
        chain = self.studio.entry.header.chain if self.studio.entry is not None else None
        return chain if isinstance(chain, ImageChain) else None

    @Slot()
    def _show_model(self) -> None:
        """Of another model the image goes, unless it fits that one, too."""
        entry, chain = self.studio.entry, self.chain
        if entry is None or chain is None or entry.path == self._model:
            self._refresh()
            return
        self._model = entry.path
        clear(self._grid)
        first: Pixels | None = None
        for factor in entry.header.factors:
            if isinstance(factor, Category):
                for value, pixels in zip(factor.values, class_pictures(entry, factor), strict=False):
                    example = fitted_pixels(pixels, chain)
                    first = example if first is None else first
                    button = ToolButton("", tip=value, name=f"Image of {value}")
                    button.setIcon(QIcon(pixmap(pixels)))
                    button.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
                    button.clicked.connect(partial(self.show_picture, example))
                    self._grid.addWidget(button)
        self.examples.setVisible(first is not None)
        shape = (chain.height, chain.width) if chain.channels == 1 else (chain.height, chain.width, 3)
        if self.view.image is None or self.view.image.shape != shape:
            self.show_picture(first if first is not None else np.zeros(shape, np.uint8))
        else:
            self.show_picture(fitted_pixels(self.view.image, chain))

    @Slot(object)
    def show_picture(self, image: Pixels, *_: object) -> None:
        """An image of the chain's shape; what is missing of it stays so."""
        chain = self.chain
        if chain is None:
            return
        known = self.view.known
        if known.shape != (chain.height, chain.width):
            known = ~MISSING[FIRST_PART](chain.height, chain.width)
        self.view.show_image(image, known)

    @Slot()
    def _take_sample(self) -> None:
        sample, chain = self._sample, self.chain
        if sample is not None and chain is not None:
            self.show_picture(fitted_pixels(sample, chain))

    @property
    def _sample(self) -> Pixels | None:
        """The selected sample, if it is a whole image."""
        take, trace = self.studio.take, self.studio.trace
        if take is None or trace is None or not isinstance(take.chain, ImageChain) or len(trace) < take.chain.length:
            return None
        return take.chain.image(trace.symbols)

    @Slot()
    def _open(self) -> None:
        folder = remembered_folder(self.studio.profile.get("open_folder"))
        name, _ = QFileDialog.getOpenFileName(self, "Open a picture", folder)
        if name:
            self.studio.profile.set("open_folder", str(Path(name).parent))
            self.studio.open_picture(Path(name))

    # --- what is missing ---------------------------------------------------------------------------------------------

    def _take_away(self, part: str, *_: object) -> None:
        self.view.set_known(~MISSING[part](*self.view.known.shape))

    @Slot()
    def _give_back(self) -> None:
        self.view.set_known(np.ones_like(self.view.known))

    @Slot()
    def _invert(self) -> None:
        self.view.set_known(~self.view.known)

    @Slot(float, int)
    def _set_brush(self, brush: float, drag: int) -> None:
        self.view.brush = int(brush)

    # --- completing --------------------------------------------------------------------------------------------------

    def _complete(self) -> None:
        if self.view.image is not None:
            self.studio.complete(self.view.image, self.view.known)

    @Slot()
    def _refresh(self) -> None:
        studio, chain, known = self.studio, self.chain, self.view.known
        self.sample_button.setEnabled(self._sample is not None and chain is not None)
        self.open_button.setEnabled(chain is not None)
        some = bool(known.any()) and not known.all()
        self.complete_button.setEnabled(studio.loaded is not None and chain is not None and some)
        self.note.setText(self._words(chain, known, some=some))

    def _words(self, chain: ImageChain | None, known: Mask, *, some: bool) -> str:
        entry = self.studio.entry
        if entry is None or chain is None:
            return "Choose a model of images."
        if not some:
            return "Take some pixels away: drag over the image, or choose a part."
        if any(isinstance(factor, Order) for factor in entry.header.factors):
            return "Exact: this model takes what is known first, wherever it lies."
        ranks = np.sort(chain.ranks[known])
        if ranks[-1] == len(ranks) - 1:
            return "Exact: what is known comes before what is missing."
        return (
            f"By particles: some of what is known comes after what is missing, so at least {LEAST_PARTICLES} samples "
            "are drawn together, and those that foretell it badly give way to others. The more effective samples are "
            "left, the closer it is to the truth."
        )
