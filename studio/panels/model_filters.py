"""Chips that filter the models by what they have learned from, and by their kind."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from models.chain import ImageChain
from models.checkpoint import CheckpointHeader
from models.condition import Category
from studio.theme import colours, small
from studio.widgets.controls import ToolButton
from studio.widgets.layouts import MARGIN, FlowLayout, clear
from studio.widgets.painting import painting

CHIP_HEIGHT = 22
CHIP_PADDING = 9
CHIP_GAP = 5
MAX_CHIPS = 12
"""Data sets to filter by, the most common ones; others are found by searching."""
LEAST_WIDTH = 200
"""Of the panel, whether something is being loaded or not: a dock does not change its width by itself."""


def data_origin(header: CheckpointHeader) -> str:
    """The data set that a model's data were made from: ``MNIST`` for ``MNIST, binarised``."""
    return header.data.get("title", "").partition(",")[0]


def is_binary(header: CheckpointHeader) -> bool:
    return header.chain.alphabet.levels == 2


def has_classes(header: CheckpointHeader) -> bool:
    return any(isinstance(factor, Category) for factor in header.factors)


def has_colour(header: CheckpointHeader) -> bool:
    return isinstance(header.chain, ImageChain) and header.chain.coloured


TRAITS: Mapping[str, tuple[str, Callable[[CheckpointHeader], bool]]] = {
    "binary": ("Shows models whose variables are bits", is_binary),
    "conditional": ("Shows models that can be told a class", has_classes),
    "colour": ("Shows models of images in colour", has_colour),
}
"""What a model can be filtered by beside its data: with a tool tip, and whether a model has it."""


class Chip(ToolButton):
    """A small word that is blue while it is on."""

    def __init__(self, text: str, tip: str) -> None:
        super().__init__(text, tip=tip, name=f"Filter: {text}")
        self.setCheckable(True)

    def sizeHint(self) -> QSize:
        width = QFontMetricsF(small(self.font())).horizontalAdvance(self.text())
        return QSize(math.ceil(width) + 2 * CHIP_PADDING, CHIP_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(CHIP_HEIGHT, CHIP_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, on = colours(self), self.isChecked()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            fill = theme.chosen_fill if on else theme.raised_hover if self.underMouse() else theme.raised
            painter.setBrush(fill)
            painter.setPen(QPen(theme.chosen if on or self.hasFocus() else theme.border, 1))
            painter.drawRoundedRect(rect, rect.height() / 2, rect.height() / 2)
            painter.setFont(small(self.font()))
            painter.setPen(theme.text if on or self.underMouse() else theme.quiet)
            room = rect.adjusted(CHIP_PADDING - 1, 0, 1 - CHIP_PADDING, 0)
            text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, math.ceil(room.width()))
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, text)


class Filters(QWidget):
    """Chips for the data sets and the traits that tell the models at hand apart.

    Folded, only those that are on stay in view: nothing filters unseen. A model passes if it has learned from one of
    the data sets that are on, or none is, and has all traits that are on.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.data: dict[str, Chip] = {}
        self.traits: dict[str, Chip] = {}
        self.unfolded = False
        self.flow = FlowLayout(self, CHIP_GAP)
        self.flow.setContentsMargins(MARGIN, 4, MARGIN, 4)
        self.hide()

    def chips(self) -> list[Chip]:
        return [*self.data.values(), *self.traits.values()]

    def on(self) -> int:
        """How many chips are on."""
        return sum(chip.isChecked() for chip in self.chips())

    def offer(self, headers: Sequence[CheckpointHeader]) -> None:
        """Chips for these models; those that were on stay so while there are models for them."""
        counts = Counter(map(data_origin, headers))
        common = [origin for origin, count in counts.most_common(MAX_CHIPS) if origin and count < len(headers)]
        data = sorted(common, key=str.casefold)
        traits = [name for name, (_, has) in TRAITS.items() if 0 < sum(map(has, headers)) < len(headers)]
        if (data, traits) == (list(self.data), list(self.traits)):
            return
        were_on = {chip.text() for chip in self.chips() if chip.isChecked()}
        clear(self.flow)
        self.data = {origin: self._chip(origin, f"Shows models that have learned from {origin}") for origin in data}
        self.traits = {name: self._chip(name, TRAITS[name][0]) for name in traits}
        for chip in self.chips():
            chip.setChecked(chip.text() in were_on)
            chip.toggled.connect(self._show)
            chip.toggled.connect(self.changed)
        self._show()

    def _chip(self, text: str, tip: str) -> Chip:
        chip = Chip(text, tip)
        self.flow.addWidget(chip)
        return chip

    def passes(self, header: CheckpointHeader) -> bool:
        origins = [origin for origin, chip in self.data.items() if chip.isChecked()]
        traits = [TRAITS[name][1] for name, chip in self.traits.items() if chip.isChecked()]
        return (not origins or data_origin(header) in origins) and all(has(header) for has in traits)

    def clear(self) -> None:
        for chip in self.chips():
            chip.setChecked(False)

    @Slot(bool)
    def unfold(self, unfolded: bool) -> None:
        self.unfolded = unfolded
        self._show()

    @Slot()
    def _show(self) -> None:
        for chip in self.chips():
            chip.setVisible(self.unfolded or chip.isChecked())
        self.setVisible(any(not chip.isHidden() for chip in self.chips()))
        self.updateGeometry()
