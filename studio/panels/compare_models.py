"""Several models side by side on the same seed and class: which, and what they draw."""

from __future__ import annotations

import math
import secrets
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QRect, Qt, Slot
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QCheckBox, QFileDialog, QFormLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from models.catalog import Entry
from models.chain import NATS, ImageChain
from models.condition import Category, in_words
from models.image_files import side_by_side
from models.record import shown
from models.trace import Take
from studio.canvas.cells import lay_out, paint_pictures
from studio.canvas.picture import Picture
from studio.comparison import Column
from studio.folders import remembered_folder
from studio.panels.compare_parts import SETTINGS_WIDTH, count_box, seed_box, stage
from studio.panels.model_filters import data_origin
from studio.state import RANDOM_SEEDS, Studio
from studio.theme import PRIMARY, QUIET, colours, set_role
from studio.widgets.controls import ComboBox, PushButton, ToolButton
from studio.widgets.labels import ElidedLabel, EmptyState, MessageLine, label, shorter_by_words
from studio.widgets.layouts import GAP, PanelScroll, clear
from studio.widgets.painting import painting

LEAST_MODELS, MOST_MODELS = 2, 4
MOST_OF_EACH = 4
FIRST_OF_EACH = 2
TITLE_LINES = 2
SAME_NOISE = "The same noise for all, temperature 1."
LEAST_COLUMN = 90
FRAME = 1
"""Around the images of a column, in logical pixels."""
SAVED_SIDE = 224
"""About how many pixels an image has in a saved comparison."""


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
        """In device pixels; the first one at the top, as in the columns beside this one."""
        ratio = self.devicePixelRatioF()
        width, height = round(self.width() * ratio), round(self.height() * ratio)
        layout = lay_out(range(self.count), self.chain, width, height, ratio, beside=1, margin=FRAME)
        up = layout.cells[0].top() - round(FRAME * ratio)
        return [cell.translated(0, -up) for cell in layout.cells]

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            ratio = self.devicePixelRatioF()
            painter.scale(1 / ratio, 1 / ratio)
            painter.setPen(Qt.PenStyle.NoPen)
            paint_pictures(painter, colours(self), ratio, self.cells, self.pictures or [None] * self.count)


class ColumnView(QWidget):
    """A model's title, how well it predicts what it draws, and the images."""

    def __init__(self, column: Column) -> None:
        super().__init__()
        chain = column.entry.header.chain
        assert isinstance(chain, ImageChain)
        self.title = label(column.entry.header.title)
        self.title.setWordWrap(True)
        self.title.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom)
        # Of one line or two: the images stand side by side.
        self.title.setMinimumHeight(TITLE_LINES * self.title.fontMetrics().lineSpacing())
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
    """Of all that is drawn so far, in the unit that papers use for whole test sets; nothing before the first step."""
    steps = 0 if take is None else sum(map(len, take.traces))
    if take is None or not steps:
        return ""
    bits, (name, unit) = sum(trace.bits for trace in take.traces), take.chain.compared_by
    if name == NATS:
        nats = unit * bits * math.log(2) / len(take.traces)
        figure = f"{nats:.1f} {take.chain.compared_in}{'' if take.finished else ' so far'}"
    else:
        figure = f"{unit * bits / steps:.3f} {take.chain.compared_in}"
    return f"{'this sample' if len(take.traces) == 1 else 'these samples'}: {figure}"


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
        entries = [entry for entry in self.studio.catalog.listed if isinstance(entry.header.chain, ImageChain)]
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
