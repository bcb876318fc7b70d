"""One model over a range of settings: what the samples differ in, and over which values."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from models.chain import ImageChain
from models.condition import Category, Factor, Vector, in_words
from models.errors import StudioError
from models.shaping import MAX_TEMPERATURE
from models.sweep import MOST_SAMPLES, Axis, Seeds, Temperatures, Values, blends, codes, evenly, labels, sweep, swept
from models.trace import Take
from studio.panels.compare_parts import SETTINGS_WIDTH, count_box, seed_box, stage
from studio.state import Studio
from studio.theme import PRIMARY, QUIET, set_role
from studio.widgets.controls import ComboBox, PushButton
from studio.widgets.labels import EmptyState, MessageLine, label
from studio.widgets.layouts import GAP

TEMPERATURE, SEED = "temperature", "seed"
FIRST_TEMPERATURES = (0.4, 1.2)
FIRST_COUNT = 9
FIRST_SIDE = 5
WIDE_TITLE = "Images"
MOST_BESIDE = math.isqrt(MOST_SAMPLES)
MOST_TOLD = 6
"""Labels of a sweep that are told one by one; of more, the first two and the last."""


class Range(QWidget):
    """The fields of one kind of sweep."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.form = QFormLayout(self)
        self.form.setContentsMargins(0, 0, 0, 0)

    def add(self, title: str, box: QWidget) -> None:
        self.form.addRow(row_title(title), box)

    @property
    def axis(self) -> Axis:
        """Raises InputError where the fields make none."""
        raise NotImplementedError


def row_title(text: str) -> QLabel:
    """As wide as that of other rows, so that the fields stand under one another."""
    title = label(text)
    title.setMinimumWidth(title.fontMetrics().horizontalAdvance(f"{WIDE_TITLE} "))
    return title


class TemperatureRange(Range):
    def __init__(self) -> None:
        super().__init__(TEMPERATURE)
        self.ends = [
            QDoubleSpinBox(minimum=0, maximum=MAX_TEMPERATURE, singleStep=0.1, decimals=2, value=value)
            for value in FIRST_TEMPERATURES
        ]
        self.count = count_box(2, MOST_SAMPLES, FIRST_COUNT)
        for title, box in zip(("From", "To", "Images"), (*self.ends, self.count), strict=True):
            self.add(title, box)

    @property
    def axis(self) -> Axis:
        first, last = (box.value() for box in self.ends)
        return Temperatures(tuple(evenly(first, last, self.count.value())))


class SeedRange(Range):
    def __init__(self, seed: int) -> None:
        super().__init__(SEED)
        self.first, self.count = seed_box(seed), count_box(2, MOST_SAMPLES, FIRST_COUNT)
        self.add("From", self.first)
        self.add("Images", self.count)

    @property
    def axis(self) -> Axis:
        first = self.first.value()
        return Seeds(tuple(range(first, first + self.count.value())))


class ClassRange(Range):
    """The values of a category, from one to another in their order."""

    def __init__(self, factor: Category) -> None:
        super().__init__(factor.name)
        self.factor = factor
        self.ends = [value_box(factor, 0), value_box(factor, min(len(factor.values), MOST_SAMPLES) - 1)]
        for title, box in zip(("From", "To"), self.ends, strict=True):
            self.add(title, box)

    @property
    def axis(self) -> Axis:
        first, last = (box.currentIndex() for box in self.ends)
        order = range(first, last + 1) if first <= last else range(first, last - 1, -1)
        return Values(tuple(self.factor.choices[n] for n in order), self.factor.name)


class BlendRange(Range):
    def __init__(self, factor: Category) -> None:
        super().__init__(f"{factor.name}, blended")
        self.factor = factor
        self.ends = [value_box(factor, 0), value_box(factor, 1)]
        self.count = count_box(2, MOST_SAMPLES, FIRST_COUNT)
        for title, box in zip(("From", "To", "Images"), (*self.ends, self.count), strict=True):
            self.add(title, box)

    @property
    def axis(self) -> Axis:
        first, last = (box.currentText() for box in self.ends)
        if first == last:
            return Values((first,), self.factor.name)
        return Values(tuple(blends(first, last, self.count.value())), self.factor.name)


class CodeRange(Range):
    def __init__(self, factor: Vector) -> None:
        super().__init__(factor.name)
        self.factor = factor
        self.side = count_box(2, MOST_BESIDE, FIRST_SIDE)
        self.add("Rows and columns", self.side)

    @property
    def axis(self) -> Axis:
        return Values(tuple(codes(self.side.value())), self.factor.name)


def value_box(factor: Category, index: int) -> ComboBox:
    box = ComboBox(factor.name, f"A value of {factor.name}")
    box.addItems(factor.choices)
    box.setCurrentIndex(index)
    return box


def ranges_of(factors: Sequence[Factor]) -> list[Range]:
    """What can be swept of the factors of a model."""
    found: list[Range] = []
    for factor in factors:
        if isinstance(factor, Category) and len(factor.choices) > 1:
            found += [ClassRange(factor), *([BlendRange(factor)] if factor.blends else [])]
        elif isinstance(factor, Vector) and factor.size == 2:
            found.append(CodeRange(factor))
    return found


class OnePage(QWidget):
    """What to sweep of the chosen model, and over which values; all else is as the window has it."""

    began = Signal()

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.studio = studio
        self.ranges: list[Range] = []
        self._factors: tuple[Factor, ...] | None = None
        self.title = label("")
        self.title.setWordWrap(True)
        self.what = ComboBox("Over", "What the images differ in")
        self._pages = QStackedWidget()
        self._pages.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.problem = MessageLine()
        self.note = label("", QUIET)
        self.note.setWordWrap(True)
        self.where = label("Drawn on the main canvas; this window closes.", QUIET)
        self.where.setWordWrap(True)
        self.generate_button = PushButton("Generate", "Draws the sweep on the main canvas, where Ctrl+S saves it")
        set_role(self.generate_button, PRIMARY)
        self.preview = EmptyState("")
        over = QFormLayout()
        over.addRow(row_title("Over"), self.what)
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(GAP)
        left.addWidget(self.title)
        left.addLayout(over)
        left.addWidget(self._pages)
        left.addWidget(self.problem)
        left.addWidget(self.note)
        left.addStretch(1)
        left.addWidget(self.where)
        left.addWidget(self.generate_button)
        holder = QWidget()
        holder.setLayout(left)
        holder.setFixedWidth(SETTINGS_WIDTH)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GAP)
        row.addWidget(holder)
        right, inside = stage()
        inside.addWidget(self.preview)
        row.addWidget(right, 1)
        self.what.currentIndexChanged.connect(self._choose)
        self.generate_button.clicked.connect(self._generate)
        studio.model_changed.connect(self._show_model)
        for changed in (studio.activity_changed, studio.settings_changed):
            changed.connect(self._follow)
        self._show_model()

    def showEvent(self, event: QShowEvent) -> None:
        self._refresh()
        super().showEvent(event)

    @Slot()
    def _follow(self) -> None:
        """A hand on a control changes the settings at every move: no sweep is made for nobody to see."""
        if self.isVisible():
            self._refresh()

    @Slot()
    def _show_model(self) -> None:
        entry, settings = self.studio.entry, self.studio.settings
        images = entry is not None and isinstance(entry.header.chain, ImageChain)
        self.title.setText("Choose a model of images." if entry is None or not images else entry.header.title)
        factors = entry.header.factors if entry is not None and images else None
        if factors != self._factors:
            self._factors = factors
            for page in self.ranges:
                self._pages.removeWidget(page)
                page.deleteLater()
            first = settings.seed if settings is not None else 1
            self.ranges = [] if factors is None else [TemperatureRange(), SeedRange(first), *ranges_of(factors)]
            for page in self.ranges:
                self._pages.addWidget(page)
                for box in page.findChildren(QSpinBox) + page.findChildren(QDoubleSpinBox):
                    box.valueChanged.connect(self._refresh)
                for choice in page.findChildren(ComboBox):
                    choice.currentIndexChanged.connect(self._refresh)
            with QSignalBlocker(self.what):
                self.what.clear()
                self.what.addItems([page.name for page in self.ranges])
            self._choose(0)
        self._refresh()

    def choose(self, name: str) -> None:
        """What to sweep, as the box calls it."""
        self.what.setCurrentText(name)

    @property
    def chosen(self) -> Range | None:
        return self.ranges[self.what.currentIndex()] if self.ranges else None

    @Slot(int)
    def _choose(self, index: int) -> None:
        if 0 <= index < len(self.ranges):
            self._pages.setCurrentIndex(index)
        # As high as the fields that are shown, not as the highest of all.
        for n, page in enumerate(self.ranges):
            shown_now = QSizePolicy.Policy.Preferred if n == index else QSizePolicy.Policy.Ignored
            page.setSizePolicy(QSizePolicy.Policy.Preferred, shown_now)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        studio, page, problem = self.studio, self.chosen, ""
        take: Take | None = None
        if page is not None and studio.loaded is not None and studio.settings is not None:
            s = studio.settings
            try:
                take = sweep(
                    studio.loaded.reference, page.axis,
                    seed=s.seed, condition=s.condition, shaping=s.shaping, engine=studio.engine_name(),
                )  # fmt: skip
            except StudioError as error:
                problem = str(error)
        self.preview.setText("" if take is None else told(take))
        self.problem.show_problem(problem)
        self.generate_button.setEnabled(take is not None)
        self.note.setText("" if take is None else self._words(take))

    def _words(self, take: Take) -> str:
        """What the samples have in common."""
        first, differ, s = take.traces[0].schedule[0], swept(take), self.studio.settings
        alike = in_words([f for f in take.model.factors if f not in differ.factors], first.condition)
        if not differ.shaping:
            alike.append(f"temperature {first.shaping.temperature:g}")
        if not differ.seed:
            alike.append(f"seed {first.seed}" if s is not None and self.studio.keeps_seed else "a new seed")
        noise = "Each on noise of its own" if differ.seed else "All on the same noise"
        return f"{noise}: {', '.join(alike)}, as the window has it."

    @Slot()
    def _generate(self) -> None:
        page = self.chosen
        if page is not None and self.studio.sweep(page.axis):
            self.began.emit()


def told(take: Take) -> str:
    """How many images a sweep will have, and their labels."""
    texts = [label.full for label in labels(take)]
    if len(texts) > MOST_TOLD:
        texts = [*texts[:2], "…", texts[-1]]
    return f"{len(take.samples)} images, each under its label:\n{', '.join(texts)}"
