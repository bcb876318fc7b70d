"""Compare: several models side by side on the same seed and class, or one model over a range of settings."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QRect, QRectF, QSignalBlocker, QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from models.catalog import Entry
from models.chain import ImageChain
from models.condition import Category, Factor, Vector, in_words
from models.errors import StudioError
from models.image_files import side_by_side
from models.noise import MAX_SEED
from models.record import shown
from models.shaping import MAX_TEMPERATURE
from models.sweep import (
    MOST_SAMPLES,
    Axis,
    Seeds,
    Temperatures,
    Values,
    blends,
    codes,
    columns,
    evenly,
    labels,
    sweep,
    swept,
)
from models.trace import Take
from studio.canvas.image import LABEL_GAP, Picture, fitting, lay_out
from studio.comparison import Column
from studio.folders import remembered_folder
from studio.panels.widgets import (
    GAP,
    MARGIN,
    ComboBox,
    EmptyState,
    MessageLine,
    PushButton,
    Segments,
    ToolButton,
    clear,
    label,
    painting,
)
from studio.state import RANDOM_SEEDS, Studio
from studio.theme import PRIMARY, QUIET, QUIET_PIXELS, colours, fill_hatched, hatch_brush, set_role, tabular

FIRST_SIZE = QSize(940, 600)
SETTINGS_WIDTH = 300
LEAST_MODELS, MOST_MODELS = 2, 4
MOST_OF_EACH = 4
FIRST_OF_EACH = 2
SAVED_SIDE = 224
"""About how many pixels an image has in a saved comparison."""
LEAST_COLUMN = 90

MODELS, ONE = "Models", "One model"
MODES = {MODELS: "Two to four models on the same seed and class", ONE: "One model over temperatures, seeds or classes"}

TEMPERATURE, SEED = "temperature", "seed"
FIRST_TEMPERATURES = (0.4, 1.2)
FIRST_COUNT = 9
FIRST_SIDE = 5
MOST_BESIDE = math.isqrt(MOST_SAMPLES)


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

    def __init__(self, column: Column, count: int) -> None:
        super().__init__()
        chain = column.entry.header.chain
        assert isinstance(chain, ImageChain)
        self.title = label(column.entry.header.title)
        self.title.setWordWrap(True)
        self.title.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom)
        self.figure = label("", QUIET)
        self.figure.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.figure.setToolTip("Mean surprise of what is drawn, under this model; of 256 levels it is more than of two")
        self.problem = MessageLine()
        self.images = ColumnImages(count, chain)
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
        self.figure.setText(running_bits(column.take) or ("waiting …" if waits else "not drawn"))
        self.problem.show_problem(column.problem)
        self.figure.setVisible(not column.problem or column.take is not None)
        self.images.setVisible(not column.problem or column.take is not None)


def running_bits(take: Take | None) -> str:
    """The mean surprise of all that is drawn so far; nothing before the first step."""
    steps = 0 if take is None else sum(map(len, take.traces))
    if take is None or not steps:
        return ""
    return f"{sum(trace.bits for trace in take.traces) / steps:.3f} bits/{take.chain.step_noun}"


class ModelsPage(QWidget):
    """Which models, on which seed and class; and what they draw."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.studio = studio
        self.boxes: dict[Path, QCheckBox] = {}
        self._entries: dict[Path, Entry] = {}
        self.classes: dict[str, ComboBox] = {}
        self.views: list[ColumnView] = []
        self._drawn = FIRST_OF_EACH
        """How many of each the columns show."""
        self._list = QVBoxLayout()
        self._list.setSpacing(GAP // 2)
        inside = QWidget()
        inside.setLayout(self._list)
        self._list.setContentsMargins(0, 0, GAP, 0)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.seed = seed_box()
        self.seed.setValue(studio.settings.seed if studio.settings is not None else 1)
        roll = ToolButton(glyph="dice", tip="Another seed", name="Another seed")
        roll.clicked.connect(self._roll)
        self.count = QSpinBox(minimum=1, maximum=MOST_OF_EACH, value=FIRST_OF_EACH)
        seed = QHBoxLayout()
        seed.addWidget(self.seed, 1)
        seed.addWidget(roll)
        self._form = QFormLayout()
        self._form.addRow("Seed", seed)
        self._form.addRow("Images of each", self.count)
        self.note = label("", QUIET)
        self.note.setWordWrap(True)
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
        left.addWidget(scroll, 1)
        left.addLayout(self._form)
        left.addWidget(self.note)
        left.addLayout(buttons)
        holder = QWidget()
        holder.setLayout(left)
        left.setContentsMargins(0, 0, 0, 0)
        holder.setFixedWidth(SETTINGS_WIDTH)
        self._columns = QHBoxLayout()
        self._columns.setSpacing(2 * GAP)
        self.empty = EmptyState("What the models draw appears here, side by side.")
        right = QVBoxLayout()
        right.addWidget(self.empty, 1)
        right.addLayout(self._columns, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GAP)
        row.addWidget(holder)
        row.addLayout(right, 1)
        self.compare_button.clicked.connect(self._compare)
        self.stop_button.clicked.connect(studio.comparison.stop)
        self.save_button.clicked.connect(self._save)
        studio.catalog_changed.connect(self.show_models)
        studio.comparison.changed.connect(self._show_comparison)
        self.show_models()

    # --- what to compare ---------------------------------------------------------------------------------------------

    @Slot()
    def show_models(self) -> None:
        """The models that there are now; those that were ticked stay so, at first the chosen one and the next."""
        entries = [entry for entry in self.studio.catalog.entries() if isinstance(entry.header.chain, ImageChain)]
        if [entry.path for entry in entries] == list(self.boxes):
            return
        before = {path for path, box in self.boxes.items() if box.isChecked()}
        if not before:
            chosen = [entry.path for entry in entries if entry == self.studio.entry]
            before = set([*chosen, *(e.path for e in entries if e.path not in chosen)][:LEAST_MODELS])
        clear(self._list)
        self.boxes, self._entries = {}, {entry.path: entry for entry in entries}
        for entry in entries:
            box = QCheckBox(entry.header.title.replace("&", "&&"))
            bits = entry.header.bits_per_dim
            box.setToolTip(str(entry.path) if bits is None else f"{bits:.2f} bits/dim on its test data")
            box.setChecked(entry.path in before)
            box.toggled.connect(self._refresh)
            self.boxes[entry.path] = box
            self._list.addWidget(box)
        self._list.addStretch(1)
        self._refresh()

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
        self._offer_classes(shared_choices(chosen))
        enough = len(chosen) >= LEAST_MODELS
        self.compare_button.setEnabled(enough)
        own = sorted({f.name for e in chosen for f in e.header.factors} - set(self.classes))
        self.note.setText(
            "Choose two models or more."
            if not enough
            else "The same noise for all, temperature 1."
            + (f" Not all of them have {' and '.join(own)}, which keeps its default." if own else "")
        )
        self._refresh_buttons()

    def _offer_classes(self, shared: dict[str, list[str]]) -> None:
        """A box for each factor that all of the models have; what was chosen stays where it can."""
        kept = self.condition
        for box in self.classes.values():
            self._form.removeRow(box)
        self.classes = {}
        settings = self.studio.settings
        for name, choices in shared.items():
            box = ComboBox(name, f"The {name} that all models draw")
            box.addItems(choices)
            window = settings.condition.get(name) if settings is not None else None
            wanted = kept.get(name, window)
            if wanted in choices:
                box.setCurrentText(wanted)
            self.classes[name] = box
            self._form.addRow(name, box)

    @property
    def condition(self) -> dict[str, str]:
        return {name: box.currentText() for name, box in self.classes.items()}

    # --- what comes out ----------------------------------------------------------------------------------------------

    @Slot()
    def _compare(self) -> None:
        self._drawn = self.count.value()
        self.studio.comparison.start(
            self.chosen, seed=self.seed.value(), count=self.count.value(), condition=self.condition
        )

    @Slot(int)
    def _show_comparison(self, changed: int) -> None:
        shown_now, comparing = self.studio.comparison.columns, self.studio.comparison.running
        if changed < 0 and comparing:
            clear(self._columns)
            self.views = [ColumnView(column, self._drawn) for column in shown_now]
            for view in self.views:
                self._columns.addWidget(view, 1)
        for n, view in enumerate(self.views):
            if changed in (n, -1):
                view.show_column(shown_now[n], waits=comparing)
        self.empty.setVisible(not self.views)
        self._refresh_buttons()

    def _refresh_buttons(self) -> None:
        comparison = self.studio.comparison
        self.stop_button.setVisible(comparison.running)
        self.save_button.setVisible(not comparison.running)
        self.save_button.setEnabled(any(column.take is not None for column in comparison.columns))

    @Slot()
    def _save(self) -> None:
        profile = self.studio.profile
        start = Path(remembered_folder(profile.get("export_folder"))) / f"comparison-{self.seed.value()}.png"
        name, _ = QFileDialog.getSaveFileName(self, "Save picture", str(start), "*.png")
        if name:
            path = Path(name)
            path = path if path.suffix.lower() == ".png" else path.with_name(path.name + ".png")
            profile.set("export_folder", str(path.parent))
            self.save_to(path)

    def save_to(self, path: Path) -> None:
        """Writes what is shown, as it is now, in the background."""
        drawn = [column for column in self.studio.comparison.columns if column.take is not None and column.take.longest]
        takes = [shown(column.take) for column in drawn if column.take is not None]
        titles = [[take.model.title, in_a_few_words(take), running_bits(take)] for take in takes]
        self.studio.worker.write(path, partial(side_by_side, takes, titles, SAVED_SIDE))


def in_a_few_words(take: Take) -> str:
    """Class and seed."""
    first = take.traces[0].schedule[0]
    return ", ".join([*in_words(take.model.factors, first.condition), f"seed {first.seed}"])


def shared_choices(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """The categories that all models have, by name, with the choices that all of them know."""
    first, *others = [
        {factor.name: factor.choices for factor in entry.header.factors if isinstance(factor, Category)}
        for entry in entries
    ] or [{}]
    shared = {
        name: [choice for choice in choices if all(choice in other.get(name, ()) for other in others)]
        for name, choices in first.items()
    }
    return {name: choices for name, choices in shared.items() if choices}


def seed_box() -> QSpinBox:
    # Larger seeds are possible, but not in a spin box of Qt.
    return QSpinBox(minimum=0, maximum=min(MAX_SEED, 2**31 - 1 - MOST_SAMPLES))


# --- one model over a range ------------------------------------------------------------------------------------------


class Range(QWidget):
    """The fields of one kind of sweep."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.form = QFormLayout(self)
        self.form.setContentsMargins(0, 0, 0, 0)

    @property
    def axis(self) -> Axis:
        """Raises InputError where the fields make none."""
        raise NotImplementedError


def count_box() -> QSpinBox:
    return QSpinBox(minimum=2, maximum=MOST_SAMPLES, value=FIRST_COUNT)


class TemperatureRange(Range):
    def __init__(self) -> None:
        super().__init__(TEMPERATURE)
        self.ends = [
            QDoubleSpinBox(minimum=0, maximum=MAX_TEMPERATURE, singleStep=0.1, decimals=2, value=value)
            for value in FIRST_TEMPERATURES
        ]
        self.count = count_box()
        for title, box in zip(("From", "To", "Images"), (*self.ends, self.count), strict=True):
            self.form.addRow(title, box)

    @property
    def axis(self) -> Axis:
        first, last = (box.value() for box in self.ends)
        return Temperatures(tuple(evenly(first, last, self.count.value())))


class SeedRange(Range):
    def __init__(self, seed: int) -> None:
        super().__init__(SEED)
        self.first, self.count = seed_box(), count_box()
        self.first.setValue(seed)
        self.form.addRow("From", self.first)
        self.form.addRow("Images", self.count)

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
            self.form.addRow(title, box)

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
        self.count = count_box()
        for title, box in zip(("From", "To", "Images"), (*self.ends, self.count), strict=True):
            self.form.addRow(title, box)

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
        self.side = QSpinBox(minimum=2, maximum=MOST_BESIDE, value=FIRST_SIDE)
        self.form.addRow("Rows and columns", self.side)

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


class Preview(QWidget):
    """The grid that a sweep will be, with its labels."""

    def __init__(self) -> None:
        super().__init__()
        self.take: Take | None = None
        self.setMinimumSize(LEAST_COLUMN, LEAST_COLUMN)
        self.setAccessibleName("What will be drawn")

    def show_take(self, take: Take | None) -> None:
        self.take = take
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.take is None or not isinstance(self.take.chain, ImageChain):
            return
        with painting(self) as painter:
            theme, ratio, font = colours(self), self.devicePixelRatioF(), tabular(QFont(self.font()))
            font.setPixelSize(QUIET_PIXELS)
            painter.setFont(font)
            metrics, samples = QFontMetricsF(font), range(len(self.take.samples))
            width, height = round(self.width() * ratio), round(self.height() * ratio)
            head, beside = round((metrics.height() + LABEL_GAP) * ratio), columns(self.take)
            cells = lay_out(samples, self.take.chain, width, height, ratio, head=head, beside=beside).cells
            texts = fitting(labels(self.take), metrics, cells[0].width() / ratio)
            for n, cell in enumerate(cells):
                square = QRectF(cell.left() / ratio, cell.top() / ratio, cell.width() / ratio, cell.height() / ratio)
                fill_hatched(painter, square, theme)
                painter.setPen(theme.line)
                painter.drawRect(square)
                painter.setPen(theme.quiet)
                if texts:
                    above = square.translated(0, -metrics.height() - LABEL_GAP)
                    above.setHeight(metrics.height())
                    painter.drawText(above, Qt.AlignmentFlag.AlignCenter, texts[n])


class OnePage(QWidget):
    """What to sweep of the chosen model, and over which values; all else is as the window has it."""

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
        self.generate_button = PushButton("Generate", "Draws the sweep on the main canvas")
        set_role(self.generate_button, PRIMARY)
        self.preview = Preview()
        over = QFormLayout()
        over.addRow("Over", self.what)
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(GAP)
        left.addWidget(self.title)
        left.addLayout(over)
        left.addWidget(self._pages)
        left.addWidget(self.problem)
        left.addWidget(self.note)
        left.addStretch(1)
        left.addWidget(self.generate_button)
        holder = QWidget()
        holder.setLayout(left)
        holder.setFixedWidth(SETTINGS_WIDTH)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GAP)
        row.addWidget(holder)
        row.addWidget(self.preview, 1)
        self.what.currentIndexChanged.connect(self._choose)
        self.generate_button.clicked.connect(self._generate)
        studio.model_changed.connect(self._show_model)
        for changed in (studio.activity_changed, studio.settings_changed):
            changed.connect(self._refresh)
        self._show_model()

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
            first = settings.seed if settings is not None and settings.seed <= seed_box().maximum() else 1
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
        self.preview.show_take(take)
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
        if page is not None:
            self.studio.sweep(page.axis)


# --- the dialog ------------------------------------------------------------------------------------------------------


class CompareDialog(QDialog):
    """Stays open while the window goes on. Closing it ends a comparison that still runs; what is drawn is kept."""

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
        self.finished.connect(studio.comparison.stop)
        self.show_mode(MODELS)
        self.resize(FIRST_SIZE)

    @Slot(str)
    def show_mode(self, mode: str) -> None:
        self.modes.choose(mode)
        self._pages.setCurrentIndex(list(MODES).index(mode))
