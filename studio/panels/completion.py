"""Complete an image: choose one, take parts of it away, and have the model draw them anew on the main canvas."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QIcon,
    QImage,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QShowEvent,
    QUndoCommand,
    QUndoStack,
)
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from models.chain import GreyLevels, ImageChain
from models.completion import LEAST_PARTICLES, MISSING, Mask
from models.condition import Category, Order, left_open
from models.errors import FileError
from models.image_files import Pixels, fitted_pixels, opened
from models.record import read_bytes
from models.trace import Trace
from studio.class_pictures import class_pictures, pixmap
from studio.folders import remembered_folder
from studio.panels.left_open import show_left_open
from studio.state import Studio
from studio.theme import PRIMARY, QUIET, colours, hatch_brush, set_role
from studio.widgets.controls import LadderSlider, PushButton, ToolButton, next_drag
from studio.widgets.labels import label
from studio.widgets.layouts import GAP, FlowLayout, PanelScroll, as_high_as_its_width_asks, clear, grid_of_cells
from studio.widgets.painting import painting

BRUSHES = [1, 2, 3, 4, 6, 8]
"""Pixels across."""
FIRST_BRUSH = 4
PAINTING = "Drag over the image to take pixels away, with the right button to give them back"
VIEW_SIDE = 300
FIRST_SIZE = QSize(800, 560)
THUMBNAIL = 40
FIRST_PART = "lower half"
DARK = 64
"""Grey that the border of images on a dark ground is at most."""
ENDINGS = (
    *("png", "apng", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "tif", "tiff", "webp"),
    *("ppm", "pgm", "pbm", "pnm"),
)
"""Of the names of pictures in one of the formats that are read, ``image_files.PICTURES``; a PFM has 32 bits."""
FILTERS = f"Pictures ({' '.join(f'*.{ending}' for ending in ENDINGS)});;All files (*)"


class MaskCommand(QUndoCommand):
    """Other pixels are known; changes of one drag merge into one."""

    def __init__(self, view: MaskView, known: Mask, drag: int | None) -> None:
        super().__init__()
        self.view, self.before, self.after, self.drag = view, view.known, known, drag

    def id(self) -> int:
        return 1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, MaskCommand) or self.drag is None or other.drag != self.drag:
            return False
        self.after = other.after
        return True

    def undo(self) -> None:
        self.view.set_known(self.before)

    def redo(self) -> None:
        self.view.set_known(self.after)


class MaskView(QWidget):
    """An image whose missing pixels are hatched; the mouse takes pixels away, and with the right button gives back."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.image: Pixels | None = None
        self.known: Mask = np.ones((1, 1), np.bool_)
        self.brush = FIRST_BRUSH
        self.undo_stack = QUndoStack(self)
        self._drag = 0
        self._at: QPointF | None = None
        self._shown: QImage | None = None
        """What is known of the image, transparent elsewhere; None after a change, until it is painted."""
        self.setMouseTracking(True)
        self.setMinimumSize(VIEW_SIDE, VIEW_SIDE)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Image to complete")
        self.setToolTip(PAINTING)

    def show_image(self, image: Pixels, known: Mask) -> None:
        """What was known of an image of another size cannot come back."""
        self.image = image
        if known.shape != self.known.shape:
            self.undo_stack.clear()
        self.set_known(known)

    def change_known(self, known: Mask, drag: int | None = None) -> None:
        """What the user does, which can be undone. drag: its number, where it is part of one."""
        if not np.array_equal(known, self.known):
            self.undo_stack.push(MaskCommand(self, known, drag))

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
        self._drag = next_drag()
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._at = event.position()
        if self.image is not None:
            buttons = event.buttons()
            if buttons & Qt.MouseButton.LeftButton:
                self.change_known(self.known & ~self._touched(self._at), self._drag)
            elif buttons & Qt.MouseButton.RightButton:
                self.change_known(self.known | self._touched(self._at), self._drag)
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


def ground(image: Pixels) -> float:
    """The grey in the middle of those along the border."""
    return float(np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])))


def on_paper(image: Pixels) -> bool:
    """Whether the border is no dark ground and nearer to the lightest than to the darkest; paper may lie in shade."""
    return ground(image) > DARK and ground(image) >= (float(image.min()) + float(image.max())) / 2


def inverted(image: Pixels) -> Pixels:
    """Light for dark, so that what is as light as the paper becomes black: paper is never quite white."""
    paper = ground(image) if on_paper(image) else 255.0
    light: Pixels = np.clip((paper - image) * (255 / paper), 0, 255).round().astype(np.uint8)
    return light


def _of_all_levels(chain: ImageChain) -> ImageChain:
    """For what a picture shows before it has only the chain's levels: of two, paper in shade and ink are both black."""
    return replace(chain, alphabet=GreyLevels(256), channels=3 if chain.coloured else 1)


def _same(image: Pixels, other: Pixels | None) -> bool:
    return other is not None and np.array_equal(image, other)


class CompletionDialog(QDialog):
    """Closes when a completion begins, which the main canvas shows; opened again, it has the same image and mask.

    It opens on the selected sample, unless it has shown that before, or drawn it.
    """

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Complete an image")
        self.studio = studio
        self.view = MaskView()
        self.sample_button = PushButton("Selected sample", "The sample that is selected in the window")
        self.sample_button.setCheckable(True)
        self.open_button = PushButton("Open…", "Any picture: it is cut, scaled and coloured as the model needs it")
        self.invert_button = PushButton(
            "Invert", "Makes dark strokes on light paper light strokes on a dark ground; for a picture that was opened"
        )
        self.invert_button.setCheckable(True)
        self.examples, self._grid = grid_of_cells()
        self.images: dict[ToolButton, Pixels] = {}
        """The examples, as images of the model."""
        self.parts: dict[str, ToolButton] = {}
        parts = as_high_as_its_width_asks()
        flow = FlowLayout(parts, GAP // 2)
        flow.setContentsMargins(0, 0, 0, 0)
        for name in MISSING:
            button = ToolButton(name, tip=f"Take away: {name}", name=f"Take away {name}")
            button.setCheckable(True)
            button.clicked.connect(partial(self._take_away, name))
            self.parts[name] = button
            flow.addWidget(button)
        self.nothing_button = ToolButton("nothing", tip="Give all pixels back", name="Take away nothing")
        self.nothing_button.setCheckable(True)
        self.nothing_button.clicked.connect(self._give_back)
        self.swap_button = ToolButton("the other part", tip="Swap what is known and what is missing")
        self.swap_button.clicked.connect(self._swap)
        for button in (self.nothing_button, self.swap_button):
            flow.addWidget(button)
        self.brush = LadderSlider("Brush", BRUSHES)
        self.brush.setToolTip("Pixels across that the mouse takes away")
        self.brush.show_value(FIRST_BRUSH)
        self.open_box = QCheckBox()
        self.open_box.setChecked(True)
        self.condition_note, self.note = label("", QUIET), label("", QUIET)
        self.hint = label(f"{PAINTING}.", QUIET)
        self.hint.setWordWrap(True)
        self.complete_button = PushButton(
            "Complete", "Draws the missing pixels on the main canvas, as many samples as Sampling says"
        )
        set_role(self.complete_button, PRIMARY)
        self.cancel_button = PushButton("Cancel", "Closes this window; the image stays in it (Esc)")
        buttons = QDialogButtonBox()  # in the order that the platform has
        buttons.addButton(self.complete_button, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self.cancel_button, QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        brush = QHBoxLayout()
        brush.addWidget(label("Brush", QUIET))
        brush.addWidget(self.brush, 1)
        sources = QHBoxLayout()
        for source in (self.sample_button, self.open_button, self.invert_button):
            sources.addWidget(source)
        sources.addStretch(1)
        choices = QWidget()
        chosen = QVBoxLayout(choices)
        chosen.setContentsMargins(0, 0, 0, 0)
        chosen.setSpacing(GAP)
        chosen.addWidget(label("Image"))
        chosen.addLayout(sources)
        chosen.addWidget(self.examples)
        chosen.addWidget(label("Missing"))
        chosen.addWidget(parts)
        chosen.addLayout(brush)
        chosen.addWidget(self.open_box)
        for note in (self.condition_note, self.note):
            note.setWordWrap(True)
            chosen.addWidget(note)
        chosen.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(GAP)
        right.addWidget(PanelScroll(choices), 1)
        right.addWidget(buttons)
        row = QHBoxLayout(self)
        row.setSpacing(2 * GAP)
        left = QVBoxLayout()
        left.setSpacing(GAP)
        left.addWidget(self.view, 1)
        left.addWidget(self.hint)
        row.addLayout(left, 3)
        row.addLayout(right, 2)
        stack = self.view.undo_stack
        undo, redo = stack.createUndoAction(self), stack.createRedoAction(self)
        undo.setShortcuts(QKeySequence.StandardKey.Undo)
        redo.setShortcuts([QKeySequence("Ctrl+Y"), QKeySequence("Ctrl+Shift+Z")])  # as in the window
        self.addActions([undo, redo])
        self.sample_button.clicked.connect(self._take_sample)
        self.open_button.clicked.connect(self._open)
        self.invert_button.clicked.connect(self._show_image)
        self.open_box.toggled.connect(self._refresh)
        self.brush.moved.connect(self._set_brush)
        self.complete_button.clicked.connect(self._complete)
        self.view.changed.connect(self._refresh)
        studio.model_changed.connect(self._show_model)
        studio.opening.picture_opened.connect(self.show_picture)
        for changed in (
            studio.take_changed, studio.activity_changed, studio.settings_changed, studio.branches_changed,
            studio.grown, studio.looking.selection_changed,
        ):  # fmt: skip
            changed.connect(self._follow)
        self._model: Path | None = None
        self._image: Pixels | None = None
        """What the image is made of, before it is fitted to the model and inverted."""
        self._opened = False
        """Whether that was opened or dropped; else it is an example or a sample."""
        self._offered: Trace | None = None
        """The sample that it opened on."""
        self._drawn = ""
        """The take that it began last, by its id."""
        self._show_model()
        self.resize(FIRST_SIZE.boundedTo(self.screen().availableSize() * 0.9))

    def showEvent(self, event: QShowEvent) -> None:
        if not event.spontaneous():
            self._show_selected()
            self._refresh()
            self.complete_button.setFocus()  # else one of the sources has it, and looks chosen
        super().showEvent(event)

    # --- the image ---------------------------------------------------------------------------------------------------

    @property
    def chain(self) -> ImageChain | None:
        """Of the model, in any order."""
        chain = self.studio.entry.header.chain if self.studio.entry is not None else None
        return chain if isinstance(chain, ImageChain) else None

    @Slot()
    def _show_model(self) -> None:
        """Of another model the image goes, unless it fits that one, too, as a picture that was opened does."""
        entry, chain = self.studio.entry, self.chain
        if entry is None or chain is None or entry.path == self._model:
            self._refresh()
            return
        self._model = entry.path
        clear(self._grid)
        self.images = {}
        for factor in entry.header.factors:
            if isinstance(factor, Category):
                for value, pixels in zip(factor.values, class_pictures(entry, factor), strict=False):
                    button = ToolButton("", tip=value, name=f"Image of {value}")
                    button.setCheckable(True)
                    button.setIcon(QIcon(pixmap(pixels)))
                    button.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
                    button.clicked.connect(partial(self._show_other, pixels))
                    self._grid.addWidget(button)
                    self.images[button] = fitted_pixels(pixels, chain)
        self.examples.setVisible(bool(self.images))
        shape = chain.shape
        if self.view.image is None or (self.view.image.shape != shape and not self._opened):
            self._show_other(next(iter(self.images.values()), np.zeros(shape, np.uint8)))
        else:
            self._show_image()

    @Slot(object)
    def show_picture(self, picture: Pixels) -> None:
        """A picture that was opened or dropped; inverted, if it is dark on light and the model's images are not."""
        self._image, self._opened = picture, True
        chain = self.chain
        paper = chain is not None and on_paper(fitted_pixels(picture, _of_all_levels(chain)))
        self.invert_button.setChecked(paper and self._on_dark)
        self._show_image()

    @property
    def _on_dark(self) -> bool:
        """Whether the model's images have a dark ground, by its examples, or by what it drew for the list of models."""
        entry = self.studio.entry
        if self.images:
            return ground(np.stack(list(self.images.values()), -1)) <= DARK
        if entry is None or entry.thumbnail is None:
            return False
        try:
            return ground(opened(*read_bytes(entry.thumbnail))) <= DARK
        except FileError:
            return False

    def _show_other(self, image: Pixels, *_: object) -> None:
        """An example or a sample: as it is."""
        self._image, self._opened = image, False
        self.invert_button.setChecked(False)
        self._show_image()

    @Slot()
    def _show_image(self) -> None:
        """What is missing of the last one is missing of this one, too."""
        chain = self.chain
        if chain is None or self._image is None:
            return
        known = self.view.known
        if known.shape != (chain.height, chain.width):
            known = ~MISSING[FIRST_PART](chain.height, chain.width)
        image = fitted_pixels(self._image, _of_all_levels(chain))
        if self.invert_button.isChecked():
            image = inverted(image)
        self.view.show_image(chain.image(chain.symbols(image)), known)

    @Slot()
    def _take_sample(self) -> None:
        if (sample := self._sample) is not None:
            self._show_other(sample)

    def _show_selected(self) -> None:
        """The selected sample, where it is whole, of the model's shape, and neither known here nor made here."""
        take, trace, sample, chain = self.studio.take, self.studio.trace, self._sample, self.chain
        if take is None or sample is None or chain is None or not isinstance(take.chain, ImageChain):
            return
        fits = replace(take.chain, alphabet=chain.alphabet, order=chain.order) == chain
        if fits and trace is not self._offered and take.id != self._drawn:
            self._offered = trace
            self._show_other(sample)

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
        name, _ = QFileDialog.getOpenFileName(self, "Open a picture", folder, FILTERS)
        if name:
            self.studio.profile.set("open_folder", str(Path(name).parent))
            self.studio.opening.open_picture(Path(name))

    # --- what is missing ---------------------------------------------------------------------------------------------

    def _take_away(self, part: str, *_: object) -> None:
        self.view.change_known(~MISSING[part](*self.view.known.shape))
        self._refresh()  # a click on the part that is missing already changes nothing, and leaves its button down

    @Slot()
    def _give_back(self) -> None:
        self.view.change_known(np.ones_like(self.view.known))
        self._refresh()

    @Slot()
    def _swap(self) -> None:
        self.view.change_known(~self.view.known)

    @Slot(float, int)
    def _set_brush(self, brush: float, drag: int) -> None:
        self.view.brush = int(brush)

    # --- completing --------------------------------------------------------------------------------------------------

    def _complete(self) -> None:
        entry, image = self.studio.entry, self.view.image
        if entry is None or image is None:
            return
        changes = left_open(entry.header.factors) if self.open_box.isChecked() else {}
        if self.studio.complete(image, self.view.known, changes):
            assert self.studio.take is not None
            self._drawn = self.studio.take.id
            self.hide()

    @Slot()
    def _follow(self) -> None:
        """Growth, the mouse and hands on controls come by many times a second: nothing is fitted for nobody to see."""
        if self.isVisible():
            self._refresh()

    @Slot()
    def _refresh(self) -> None:
        studio, chain, known = self.studio, self.chain, self.view.known
        if chain is not None and known.shape != (chain.height, chain.width):
            return  # of a model that is being chosen: ``_show_model`` comes next
        sample, image = self._sample, None if self._opened else self.view.image
        self.sample_button.setEnabled(sample is not None and chain is not None)
        fitted = fitted_pixels(sample, chain) if sample is not None and chain is not None else None
        self.sample_button.setChecked(fitted is not None and _same(fitted, image))
        for button, example in self.images.items():
            button.setChecked(_same(example, image))
        for name, part in self.parts.items():
            part.setChecked(np.array_equal(known, ~MISSING[name](*known.shape)))
        self.nothing_button.setChecked(bool(known.all()))
        self.open_button.setEnabled(chain is not None)
        self.invert_button.setEnabled(self._opened and chain is not None)
        self._refresh_condition()
        some = bool(known.any()) and not known.all()
        self.complete_button.setEnabled(studio.loaded is not None and chain is not None and some)
        self.note.setText(self._words(chain, known, some=some))

    def _refresh_condition(self) -> None:
        entry, settings = self.studio.entry, self.studio.settings
        factors = entry.header.factors if entry is not None and self.chain is not None else ()
        show_left_open(self.open_box, self.condition_note, factors, {} if settings is None else settings.condition)

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
