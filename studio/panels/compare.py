"""Compare: several models side by side on the same seed and class, or one model over a range of settings."""

from __future__ import annotations

import math
import secrets
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QRect, QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPaintEvent, QShowEvent, QValidator
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from models.catalog import Entry
from models.chain import NATS, ImageChain
from models.condition import Category, Factor, Vector, in_words
from models.errors import StudioError
from models.image_files import side_by_side
from models.noise import MAX_SEED
from models.record import shown
from models.shaping import MAX_TEMPERATURE
from models.sweep import MOST_SAMPLES, Axis, Seeds, Temperatures, Values, blends, codes, evenly, labels, sweep, swept
from models.trace import Take
from studio.canvas.picture import Picture
from studio.comparison import Column
from studio.folders import remembered_folder
from studio.panels.model_filters import data_origin
from studio.state import RANDOM_SEEDS, Studio
from studio.theme import PRIMARY, QUIET, STAGE, colours, hatch_brush, set_role
from studio.widgets.controls import ComboBox, PushButton, Segments, ToolButton
from studio.widgets.labels import ElidedLabel, EmptyState, MessageLine, label, shorter_by_words
from studio.widgets.layouts import GAP, MARGIN, PanelScroll, clear
from studio.widgets.painting import painting

FIRST_SIZE = QSize(940, 600)
SETTINGS_WIDTH = 300
LEAST_MODELS, MOST_MODELS = 2, 4
MOST_OF_EACH = 4
FIRST_OF_EACH = 2
SAVED_SIDE = 224
SAME_NOISE = "The same noise for all, temperature 1."
"""About how many pixels an image has in a saved comparison."""
LEAST_COLUMN = 90

MODELS, ONE = "Models", "One model"
MODES = {MODELS: "Two to four models on the same seed and class", ONE: "One model over temperatures, seeds or classes"}

TEMPERATURE, SEED = "temperature", "seed"
FIRST_TEMPERATURES = (0.4, 1.2)
FIRST_COUNT = 9
FIRST_SIDE = 5
WIDE_TITLE = "Images"
MOST_BESIDE = math.isqrt(MOST_SAMPLES)
MOST_TOLD = 6
"""Labels of a sweep that are told one by one; of more, the first two and the last."""


def stage() -> tuple[QWidget, QVBoxLayout]:
    """The ground at the right of a page, where what comes out is shown or told."""
    ground = QWidget()
    ground.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    set_role(ground, STAGE)
    layout = QVBoxLayout(ground)
    layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
    layout.setSpacing(GAP)
    return ground, layout


class LimitedBox(QSpinBox):
    """A number that is typed beyond the limit becomes the limit, where Qt takes no notice of the key."""

    def validate(self, text: str, at: int) -> tuple[QValidator.State, str, int]:
        digits = text.lstrip("0") if text.isdecimal() else ""
        # By their number first: a whole page of digits may be pasted, of which Python makes no number.
        if len(digits) > len(str(self.maximum())) or (digits and int(digits) > self.maximum()):
            text = str(self.maximum())
            at = len(text)
        return QValidator.State(super().validate(text, at)[0]), text, at


def count_box(least: int, most: int, first: int) -> LimitedBox:
    box = LimitedBox(minimum=least, maximum=most, value=first)
    box.setToolTip(f"{least} to {most}")
    return box


# --- models side by side ---------------------------------------------------------------------------------------------


class ColumnImages(QWidget):
    """The samples of one model, one under the other; what is not drawn yet is hatched."""

    def __init__(self, count: int, chain: ImageChain) -> None:
        super().__init__()
        self.count, self.chain = count, chain
        self.pictures: list[Picture] = []
        self.setMinimumSize(LEAST_COLUMN, LEAST_COLUMN)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_take(self, take: Take | None) -> None:
        if take is not None and not self.pictures and isinstance(take.chain, ImageChain):
            self.pictures = [Picture(trace, take.chain, "none") for trace in take.traces]
        grown = [stop > start for start, stop in (picture.sync() for picture in self.pictures)]
        if any(grown):
            self.update()

    @property
    def cells(self) -> list[QRect]:
        """In device pixels, of which a pixel of an image has a whole number."""
        ratio, chain = self.devicePixelRatioF(), self.chain
        width, height, gap = self.width() * ratio, self.height() * ratio, round(GAP * ratio)
        frame = 2 * math.ceil(ratio)
        room = height - frame - (self.count - 1) * gap
        scale = min((width - frame) / chain.width, room / (self.count * chain.height))
        scale = math.floor(scale) if scale >= 1 else 1 / math.ceil(1 / max(scale, 1 / 64))
        across, down = round(chain.width * scale), round(chain.height * scale)
        left = round((width - across) / 2)
        return [QRect(left, frame // 2 + n * (down + gap), across, down) for n in range(self.count)]

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, ratio = colours(self), self.devicePixelRatioF()
            painter.scale(1 / ratio, 1 / ratio)
            painter.setPen(Qt.PenStyle.NoPen)
            frame, hatch = max(1, round(ratio)), hatch_brush(theme, ratio)
            for n, cell in enumerate(self.cells):
                painter.fillRect(cell.adjusted(-frame, -frame, frame, frame), theme.line)
                painter.fillRect(cell, hatch)
                if self.pictures:
                    painter.drawImage(cell, self.pictures[n].image)


class ColumnView(QWidget):
    """A model's title, how well it predicts what it draws, and the images."""

    def __init__(self, column: Column) -> None:
        super().__init__()
        chain = column.entry.header.chain
        assert isinstance(chain, ImageChain)
        self.title = label(column.entry.header.title)
        self.title.setWordWrap(True)
        self.title.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom)
        self.figure = label("", QUIET)
        self.figure.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.figure.setToolTip("Mean surprise of what is drawn, under this model")
        self.problem = MessageLine()
        self.images = ColumnImages(column.asked.count, chain)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP // 2)
        for part in (self.title, self.figure, self.problem):
            layout.addWidget(part)
        layout.addWidget(self.images, 1)
        self.show_column(column, waits=True)

    def show_column(self, column: Column, *, waits: bool) -> None:
        """waits: whether it will go on."""
        self.images.show_take(column.take)
        self.figure.setText(mean_surprise(column.take) or ("waiting …" if waits else "not drawn"))
        self.problem.show_problem(column.problem)
        self.figure.setVisible(not column.problem or column.take is not None)
        self.images.setVisible(not column.problem or column.take is not None)


def mean_surprise(take: Take | None) -> str:
    """Of all that is drawn so far, in the unit that papers use; nothing before the first step."""
    steps = 0 if take is None else sum(map(len, take.traces))
    if take is None or not steps:
        return ""
    bits, (name, unit) = sum(trace.bits for trace in take.traces), take.chain.compared_by
    if name == NATS:
        nats = unit * bits * math.log(2) / len(take.traces)
        return f"{nats:.1f} {take.chain.compared_in}{'' if take.finished else ' so far'}"
    return f"{unit * bits / steps:.3f} {take.chain.compared_in}"


def what_differs(chains: Sequence[ImageChain]) -> str:
    """Why numbers that stand side by side say nothing about one another; empty where they do."""
    kinds: dict[str, Sequence[object]] = {
        "alphabets": [chain.alphabet for chain in chains],
        "sizes": [(chain.height, chain.width, chain.channels) for chain in chains],
    }
    differ = [name for name, of_each in kinds.items() if any(one != of_each[0] for one in of_each)]
    return f"Of different {' and '.join(differ)}: these numbers cannot be compared." if differ else ""


class ModelsPage(QWidget):
    """Which models, on which seed and class; and what they draw."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.studio = studio
        self.boxes: dict[Path, QCheckBox] = {}
        self._entries: dict[Path, Entry] = {}
        self.classes: dict[str, ComboBox] = {}
        self._offered: dict[str, list[str]] = {}
        """What ``classes`` offers."""
        self.views: list[ColumnView] = []
        self._viewed: tuple[Column, ...] = ()
        """What ``views`` show."""
        self._ticked = False
        """Whether somebody has chosen the models."""
        self._own: dict[str, str] = {}
        """The classes that were chosen here; others are those of the Condition panel."""
        self._list = QVBoxLayout()
        self._list.setSpacing(GAP // 2)
        inside = QWidget()
        inside.setLayout(self._list)
        self._list.setContentsMargins(0, 0, GAP, 0)
        scroll = PanelScroll(inside)
        scroll.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.seed = seed_box(studio.settings.seed if studio.settings is not None else 1)
        roll = ToolButton(glyph="dice", tip="Another seed", name="Another seed")
        roll.clicked.connect(self._roll)
        self.count = count_box(1, MOST_OF_EACH, FIRST_OF_EACH)
        seed = QHBoxLayout()
        seed.addWidget(self.seed, 1)
        seed.addWidget(roll)
        self._form = QFormLayout()
        self._form.addRow("Seed", seed)
        self._form.addRow(f"Images of each, at most {MOST_OF_EACH}", self.count)
        self.note = ElidedLabel("", QUIET)
        self.exceptions = ElidedLabel("", QUIET)
        """Models that go without something that is chosen, and what keeps its default."""
        self.compare_button = PushButton("Compare", "Every model draws on the same noise; all takes go to the history")
        set_role(self.compare_button, PRIMARY)
        self.save_button = PushButton("Save picture…", "What is shown on the right as one PNG, with titles")
        self.stop_button = PushButton("Stop", "What is drawn stays in the history")
        buttons = QHBoxLayout()
        for button in (self.save_button, self.stop_button, self.compare_button):
            buttons.addWidget(button)
        left = QVBoxLayout()
        left.setSpacing(GAP)
        left.addWidget(label(f"{LEAST_MODELS} to {MOST_MODELS} models of images", QUIET))
        left.addWidget(scroll)
        left.addLayout(self._form)
        left.addWidget(self.note)
        left.addWidget(self.exceptions)
        left.addStretch(1)
        left.addLayout(buttons)
        holder = QWidget()
        holder.setLayout(left)
        left.setContentsMargins(0, 0, 0, 0)
        holder.setFixedWidth(SETTINGS_WIDTH)
        self._columns = QHBoxLayout()
        self._columns.setSpacing(2 * GAP)
        self.empty = EmptyState("What the models draw appears here, side by side.")
        self.differ = label("", QUIET)
        self.differ.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.differ.setWordWrap(True)
        self._drawing = QWidget()
        self._drawing.hide()
        drawing = QVBoxLayout(self._drawing)
        drawing.setContentsMargins(0, 0, 0, 0)
        drawing.addLayout(self._columns, 1)
        drawing.addWidget(self.differ)
        right, inside_right = stage()
        for part in (self.empty, self._drawing):
            inside_right.addWidget(part, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GAP)
        row.addWidget(holder)
        row.addWidget(right, 1)
        self.compare_button.clicked.connect(self._compare)
        self.stop_button.clicked.connect(studio.comparison.stop)
        self.save_button.clicked.connect(self._save)
        studio.catalog_changed.connect(self.show_models)
        studio.model_changed.connect(self._follow_model)
        studio.settings_changed.connect(self._follow_classes)
        studio.comparison.changed.connect(self._show_comparison)
        self.show_models()

    # --- what to compare ---------------------------------------------------------------------------------------------

    @Slot()
    def show_models(self) -> None:
        """The models that there are now; those that were ticked stay so, see ``first_models`` for the others."""
        entries = [entry for entry in self.studio.catalog.entries() if isinstance(entry.header.chain, ImageChain)]
        if [entry.path for entry in entries] == list(self.boxes):
            return
        before = {path for path, box in self.boxes.items() if box.isChecked()}
        if not before:
            before = {entry.path for entry in first_models(entries, self.studio.entry)}
        clear(self._list)
        self.boxes, self._entries = {}, {entry.path: entry for entry in entries}
        for entry in entries:
            box = QCheckBox(entry.header.title.replace("&", "&&"))
            measured = entry.header.likelihood_in_words
            box.setToolTip(f"{measured} on its {entry.header.measured_on} data" if measured else str(entry.path))
            box.setChecked(entry.path in before)
            box.toggled.connect(self._refresh)
            box.clicked.connect(self._tick)
            self.boxes[entry.path] = box
            self._list.addWidget(box)
        self._refresh()

    @Slot()
    def _tick(self) -> None:
        self._ticked = True

    @Slot()
    def _follow_model(self) -> None:
        """Begins with the chosen model, until somebody has chosen others here or has compared some."""
        if self._ticked or self.views:
            return
        first = {entry.path for entry in first_models(list(self._entries.values()), self.studio.entry)}
        for path, box in self.boxes.items():
            box.setChecked(path in first)

    @property
    def chosen(self) -> list[Entry]:
        return [entry for path, entry in self._entries.items() if self.boxes[path].isChecked()]

    @Slot()
    def _roll(self) -> None:
        self.seed.setValue(secrets.randbelow(RANDOM_SEEDS))

    @Slot()
    def _refresh(self) -> None:
        chosen = self.chosen
        full = len(chosen) >= MOST_MODELS
        for box in self.boxes.values():
            box.setEnabled(box.isChecked() or not full)
        self._offer_classes(offered_choices(chosen))
        enough = len(chosen) >= LEAST_MODELS
        self.compare_button.setEnabled(enough)
        self.note.say(SAME_NOISE if enough else "Choose two models or more.")
        told = exceptions_of(chosen, self.classes) if enough else ""
        self.exceptions.say(told, *shorter_by_words(told))
        self._refresh_buttons()

    def _offer_classes(self, offered: dict[str, list[str]]) -> None:
        """A box for each of them."""
        if offered == self._offered:
            return
        self._offered = offered
        for box in self.classes.values():
            self._form.removeRow(box)
        self.classes = {}
        for name, choices in offered.items():
            box = ComboBox(name, f"The {name} for all models that know one")
            box.addItems(choices)
            box.textActivated.connect(partial(self._choose_class, name))
            self.classes[name] = box
            self._form.addRow(name, box)
        self._follow_classes()

    def _choose_class(self, name: str, choice: str) -> None:
        self._own[name] = choice

    @Slot()
    def _follow_classes(self) -> None:
        """Those of the Condition panel, until others are chosen here."""
        settings = self.studio.settings
        chosen = {**(settings.condition if settings is not None else {}), **self._own}
        for name, box in self.classes.items():
            index = next((n for n in range(box.count()) if box.itemText(n) == chosen.get(name)), -1)
            if index >= 0:
                box.setCurrentIndex(index)

    @property
    def condition(self) -> dict[str, str]:
        return {name: box.currentText() for name, box in self.classes.items()}

    # --- what comes out ----------------------------------------------------------------------------------------------

    @Slot()
    def _compare(self) -> None:
        comparison = self.studio.comparison
        comparison.start(self.chosen, seed=self.seed.value(), count=self.count.value(), condition=self.condition)
        if not comparison.running:
            self.studio.message.emit("All of this is drawn already, and in the history.")

    @Slot(int)
    def _show_comparison(self, changed: int) -> None:
        shown_now, comparing = self.studio.comparison.columns, self.studio.comparison.running
        if shown_now is not self._viewed:
            self._viewed = shown_now
            clear(self._columns)
            self.views = [ColumnView(column) for column in shown_now]
            for view in self.views:
                self._columns.addWidget(view, 1)
        for n, view in enumerate(self.views):
            if changed in (n, -1):
                view.show_column(shown_now[n], waits=comparing)
        self.empty.setVisible(not self.views)
        self._drawing.setVisible(bool(self.views))
        chains = [column.entry.header.chain for column in shown_now]
        self.differ.setText(what_differs([chain for chain in chains if isinstance(chain, ImageChain)]))
        self.differ.setVisible(bool(self.differ.text()))
        self._refresh_buttons()

    def _refresh_buttons(self) -> None:
        comparison = self.studio.comparison
        self.stop_button.setVisible(comparison.running)
        self.save_button.setVisible(not comparison.running)
        self.save_button.setEnabled(bool(self.drawn()))

    def drawn(self) -> list[Take]:
        """What there is to see of the comparison that is shown."""
        takes = (column.take for column in self.studio.comparison.columns)
        return [take for take in takes if take is not None and take.longest]

    @Slot()
    def _save(self) -> None:
        profile = self.studio.profile
        seed = self.drawn()[0].seed  # by now the box may have another for the next one
        start = Path(remembered_folder(profile.get("export_folder"))) / f"comparison-{seed}.png"
        name, _ = QFileDialog.getSaveFileName(self, "Save picture", str(start), "*.png")
        if name:
            path = Path(name)
            path = path if path.suffix.lower() == ".png" else path.with_name(path.name + ".png")
            profile.set("export_folder", str(path.parent))
            self.save_to(path)

    def save_to(self, path: Path) -> None:
        """Writes what is shown, as it is now, in the background."""
        takes = [shown(take) for take in self.drawn()]
        titles = [[take.model.title, in_a_few_words(take), mean_surprise(take)] for take in takes]
        self.studio.worker.write(path, partial(side_by_side, takes, titles, SAVED_SIDE))


def in_a_few_words(take: Take) -> str:
    """Class and seed."""
    first = take.traces[0].schedule[0]
    return ", ".join([*in_words(take.model.factors, first.condition), f"seed {first.seed}"])


def first_models(entries: Sequence[Entry], chosen: Entry | None) -> list[Entry]:
    """The chosen model, else the first, and the one most like it.

    That is one of the same data; else of the same data set in the same size, though prepared in another way; else of
    the same chain, or at least of its size. Of several the nearest in the list, where families stand together.
    """
    if len(entries) < LEAST_MODELS:
        return list(entries)
    first = chosen if chosen in entries else entries[0]
    assert first is not None
    at = entries.index(first)

    def traits(entry: Entry) -> tuple[object, ...]:
        header = entry.header
        assert isinstance(header.chain, ImageChain)
        size = header.chain.height, header.chain.width
        return header.data.get("name"), (data_origin(header), size), header.chain, size

    def unlike(entry: Entry) -> tuple[tuple[bool, ...], int]:
        differ = tuple(one != other for one, other in zip(traits(entry), traits(first), strict=True))
        return differ, abs(entries.index(entry) - at)

    return [first, min((entry for entry in entries if entry != first), key=unlike)]


def categories_of(entry: Entry) -> dict[str, Category]:
    """By their names."""
    return {factor.name: factor for factor in entry.header.factors if isinstance(factor, Category)}


def offered_choices(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """The categories that some of the models have, by name, with the choices that all of these know."""
    offered: dict[str, list[str]] = {}
    for entry in entries:
        for name, factor in categories_of(entry).items():
            known = offered.get(name, factor.choices)
            offered[name] = [choice for choice in known if choice in factor.choices]
    return {name: choices for name, choices in offered.items() if choices}


def exceptions_of(entries: Sequence[Entry], chosen: Collection[str]) -> str:
    """Which models go without some of what is chosen, and what nobody has chosen."""
    told = []
    for name in chosen:
        without = [entry.header.title for entry in entries if name not in categories_of(entry)]
        told += [f"Without the {name}: {'; '.join(without)}."] if without else []
    rest = {f.name for e in entries for f in e.header.factors if not (isinstance(f, Category) and f.name in chosen)}
    told += [f"At its default: {', '.join(sorted(rest))}."] if rest else []
    return " ".join(told)


def seed_box(seed: int) -> QSpinBox:
    """It begins with a seed, or with 1 if that is too large: larger ones are possible, but not in a spin box of Qt."""
    box = QSpinBox(minimum=0, maximum=min(MAX_SEED, 2**31 - 1 - MOST_SAMPLES))
    box.setValue(seed if seed <= box.maximum() else 1)
    return box


# --- one model over a range ------------------------------------------------------------------------------------------


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


# --- the dialog ------------------------------------------------------------------------------------------------------


class CompareDialog(QDialog):
    """Stays open while the window goes on. Closing it ends a comparison that still runs; what is drawn is kept.

    A sweep hides it, since the canvas under it shows the sweep, and ends nothing.
    """

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare")
        self.studio = studio
        self.modes = Segments(MODES, "What to compare")
        self.models, self.one = ModelsPage(studio), OnePage(studio)
        self._pages = QStackedWidget()
        for page in (self.models, self.one):
            self._pages.addWidget(page)
        head = QHBoxLayout()
        head.addWidget(self.modes)
        head.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, GAP, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(head)
        column.addWidget(self._pages, 1)
        self.modes.chosen.connect(self.show_mode)
        self.one.began.connect(self.hide)
        self.finished.connect(studio.comparison.stop)
        self.show_mode(MODELS)
        self.resize(FIRST_SIZE.boundedTo(self.screen().availableSize() * 0.9))

    def showEvent(self, event: QShowEvent) -> None:
        if not event.spontaneous():
            models = self._pages.currentWidget() is self.models
            (self.models.compare_button if models else self.one.generate_button).setFocus()
        super().showEvent(event)

    @Slot(str)
    def show_mode(self, mode: str) -> None:
        self.modes.choose(mode)
        self._pages.setCurrentIndex(list(MODES).index(mode))
