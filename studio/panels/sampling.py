"""How the next symbols are drawn: shaping, seed, how many, how long, how fast, and by which engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from models.chain import Chain
from models.engines import AUTO, DEVICES
from models.errors import InputError
from models.noise import check_seed
from models.shaping import MAX_TEMPERATURE, NEUTRAL
from models.wording import grouped
from studio.settings import MAX_COUNT, SLOWEST_PACE, Settings
from studio.state import Studio
from studio.theme import LINK, QUIET, set_role
from studio.widgets.controls import ComboBox, LadderSlider, NumberField, PushButton, ToolButton
from studio.widgets.glyphs import glyph_icon
from studio.widgets.labels import EmptyState, MessageLine, label
from studio.widgets.layouts import GAP, MARGIN, PanelScroll
from studio.widgets.numbers import log_ladder, number_text, two_digits, ungrouped

OFF = "off"
ENDLESS = "no end"
RANDOM = "random"
BOX_FRAME = 36
"""What a box needs beside its text: padding and arrow."""
LADDER_STEPS = 48
ROW_GAP = 3
"""Logical pixels between rows: all of them stand without scrolling in a window of 720."""

ENGINE_TIP = (
    "How the network is run: compiled (fastest), cached, or reference, a full pass for every step (slowest). "
    "The samples are the same, but for rounding"
)

LENGTH_TIP = "Generation ends here if the model has not ended it before; a sound at the right end: when you stop it"

TEMPERATURES = [n / 100 for n in range(round(MAX_TEMPERATURE * 100) + 1)]
TOP_PS = [n / 100 for n in range(1, 101)]
MIN_PS = [0.0, *log_ladder(0.001, 1.0, LADDER_STEPS, two_digits)]
COUNTS = [1, 2, 3, 4, 6, 8, 9, 12, 16, 20, 25, 30, 36, 42, 49, 56, MAX_COUNT]

STEP_PACES = [1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500]
"""Steps per second, where a whole sample would take too long to be counted in."""
SECONDS_AN_ITEM = [60, 45, 30, 20, 15, 12, 10, 8, 6, 5, 4, 3, 2, 1.5, 1, 0.7, 0.5, 0.3, 0.2, 0.1]
TIMES_REAL_TIME = [0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8]


# --- numbers in words ------------------------------------------------------------------------------------------------


def pace_ladder(chain: Chain) -> list[float]:
    """From one step a second to as fast as possible, in values that people would name."""
    if chain.steps_per_second is not None:
        fast = [chain.steps_per_second * times for times in TIMES_REAL_TIME]
    elif chain.length is not None:
        fast = [chain.length / seconds for seconds in SECONDS_AN_ITEM]
    else:
        fast = []
    fast = [pace for pace in fast if pace > SLOWEST_PACE]
    slow = [float(pace) for pace in STEP_PACES if not fast or pace < fast[0]]
    return [*slow, *fast, math.inf]


def pace_text(chain: Chain, pace: float) -> str:
    """A pace in human terms: ``4 s an image``, ``real time``, ``12 steps/s``, ``max``."""
    if math.isinf(pace):
        return "max"
    if chain.steps_per_second is None and chain.length is not None:
        seconds = chain.length / pace
        if seconds <= SECONDS_AN_ITEM[0] * 1.001:
            article = "an" if chain.modality[0] in "aeiou" else "a"
            return f"{seconds:.2g} s {article} {chain.modality}"
    elif chain.steps_per_second is not None:
        times = pace / chain.steps_per_second
        if abs(times - 1) < 1e-3:
            return "real time"
        if times >= TIMES_REAL_TIME[0] * 0.999:
            return f"{times:.2g} × real time"
    return f"{pace:.3g} steps/s"


def parse_number(text: str) -> float | str:
    """A number, or what was typed where it is none: the typed error of what takes it then says so."""
    try:
        return float(ungrouped(text))
    except ValueError:
        return text.strip()


def parse_shaping(name: str) -> Callable[[str], float]:
    """A reader of one field of the shaping; ``off`` and nothing are its neutral value."""

    def parse(text: str) -> float:
        if text.strip().lower() in (OFF, ""):
            return float(getattr(NEUTRAL, name))
        return float(getattr(NEUTRAL.with_(**{name: parse_number(text)}), name))

    return parse


def whole(what: str, text: str) -> int:
    """A whole number. Raises InputError."""
    value = parse_number(text)
    if isinstance(value, str) or not value.is_integer():
        raise InputError(f"{what} is a whole number, not {text.strip()!r}")
    digits = ungrouped(text)
    return int(digits) if digits.lstrip("+-").isdigit() else int(value)


def parse_top_k(size: int) -> Callable[[str], float]:
    """A reader of top-k for an alphabet of some size."""

    def parse(text: str) -> float:
        if text.strip().lower() in (OFF, ""):
            return NEUTRAL.top_k
        k = whole("Top-k", text)
        if k != NEUTRAL.top_k and not 1 <= k <= size:
            raise InputError(f"Top-k lies in 1 … {grouped(size)}, the number of values, or is off, not {k}")
        return k

    return parse


def parse_count(text: str) -> float:
    count = whole("Count", text)
    if not 1 <= count <= MAX_COUNT:
        raise InputError(f"Count lies in 1 … {MAX_COUNT}, not {count}")
    return count


def parse_seed(text: str) -> int:
    return check_seed(whole("Seed", text))


@dataclass(frozen=True)
class Length:
    """The longest length of an open chain, in seconds where it is a sound."""

    chain: Chain

    @property
    def per_unit(self) -> int:
        return self.chain.steps_per_second or 1

    @property
    def unit(self) -> str:
        return "s" if self.chain.steps_per_second else f"{self.chain.step_noun}s"

    def ladder(self) -> list[float]:
        longest = self.chain.limit / self.per_unit
        endless = [math.inf] if self.chain.endless_limit > self.chain.limit else []
        return [*log_ladder(longest / 200, longest, LADDER_STEPS, two_digits), *endless]

    def text(self, length: float) -> str:
        if math.isinf(length):
            return ENDLESS
        return f"{length:.2f} s" if self.unit == "s" else grouped(int(length))

    def parse(self, text: str) -> float:
        if text.strip() in (ENDLESS, "∞", "inf") and self.chain.endless_limit > self.chain.limit:
            return math.inf
        value = parse_number(text.strip().removesuffix(self.unit))
        longest = self.chain.limit / self.per_unit
        if isinstance(value, str) or not math.isfinite(value):
            raise InputError(f"Longest is a number, not {text.strip()!r}")
        if not 1 / self.per_unit <= value <= longest:
            raise InputError(f"Longest lies above 0 and up to {longest:g} {self.unit}, not {value:g}")
        return value

    def steps(self, length: float) -> int:
        if math.isinf(length):
            return self.chain.endless_limit
        return min(self.chain.limit, max(1, round(length * self.per_unit)))

    def of(self, limit: int) -> float:
        """Infinity for a walk that goes on until it is stopped."""
        return math.inf if limit > self.chain.limit else limit / self.per_unit


# --- rows ------------------------------------------------------------------------------------------------------------


class Row(QObject):
    """A setting as a slider and a number that can be typed over. It asks for changes and is told what holds."""

    asked = Signal(float, object)
    """A value, and the number of the drag it belongs to, or None for one that was typed."""
    refused = Signal(str)
    """Why what was typed cannot be, or nothing once it is put right."""

    def __init__(
        self,
        name: str,
        ladder: Sequence[float],
        text: Callable[[float], str],
        parse: Callable[[str], float],
        *,
        widest: str,
        tip: str,
        marked: float | None = None,
        off: tuple[float, float] | None = None,
    ) -> None:
        """off: a value, and where on the ladder it stands: top-k off keeps all, and is at the right end."""
        super().__init__()
        self.text, self.parse, self.off = text, parse, off
        self.label = label(name)
        self.slider = LadderSlider(name, ladder, marked=marked)
        self.field = NumberField(name, widest)
        self.parts: tuple[QWidget, ...] = (self.label, self.slider, self.field)
        for part in self.parts:
            part.setToolTip(tip)
        self.slider.moved.connect(self._moved)
        self.field.submitted.connect(self._submitted)
        self.field.stepped.connect(self.slider.step)
        self.field.given_up.connect(self._given_up)

    def show_value(self, value: float) -> None:
        at = self.off[1] if self.off is not None and value == self.off[0] else value
        if not self.slider.isSliderDown():
            self.slider.show_value(at)
        self.field.show_number(self.text(value))

    def set_visible(self, visible: bool) -> None:
        for part in self.parts:
            part.setVisible(visible)

    @Slot(float, int)
    def _moved(self, at: float, drag: int) -> None:
        self.refused.emit("")
        self.asked.emit(self.off[0] if self.off is not None and at == self.off[1] else at, drag)

    @Slot(str)
    def _submitted(self, text: str) -> None:
        try:
            value = self.parse(text)
        except InputError as error:
            self.field.mark(str(error))
            self.refused.emit(str(error))
            return
        self.field.accept_number()
        self.refused.emit("")
        self.asked.emit(value, None)
        self.field.show_number(self.text(value))

    @Slot()
    def _given_up(self) -> None:
        self.refused.emit("")


class SamplingPanel(QWidget):
    """See the module."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.studio = studio
        self._chain: Chain | None = None
        self.temperature = Row(
            "Temperature",
            TEMPERATURES,
            number_text,
            parse_shaping("temperature"),
            widest="0.855",
            tip="Below 1 the probable becomes more so, above 1 less; 0 takes the most probable value of each step",
            marked=1.0,
        )
        self.top_p = Row(
            "Top-p",
            TOP_PS,
            lambda p: OFF if p == 1 else number_text(p),
            parse_shaping("top_p"),
            widest="0.855",
            tip="Keeps the most probable values that together reach this probability",
        )
        self.top_k = Row(
            "Top-k",
            [1, 2],
            lambda k: OFF if k == 0 else grouped(int(k)),
            parse_top_k(2),
            widest="65 536",
            tip="Keeps this many of the most probable values",
        )
        self.min_p = Row(
            "Min-p",
            MIN_PS,
            lambda p: OFF if p == 0 else number_text(p),
            parse_shaping("min_p"),
            widest="0.855",
            tip="Keeps the values at least this many times as probable as the most probable one",
        )
        self.count = Row(
            "Count", COUNTS, lambda n: str(int(n)), parse_count, widest="64", tip="How many samples at once, 1 to 64"
        )
        self.length = Row(
            "Longest",
            [1, 2],
            str,
            float,
            widest="10.00 s",
            tip=LENGTH_TIP,
        )
        self.rows = (self.temperature, self.top_p, self.top_k, self.min_p, self.count, self.length)
        self.neutral_button = PushButton("Neutral", tip="Temperature 1, nothing cut off (Ctrl+0)")
        set_role(self.neutral_button, LINK)
        self.message = MessageLine()
        self.seed_label = label("Seed")
        self.seed_field = NumberField("Seed", grouped(999_999))
        self.dice_button = ToolButton("", "dice", "Another seed for the next take", "Roll the seed")
        self.lock_button = ToolButton("", "unlocked", "Keep this seed for every take", "Keep the seed")
        self.lock_button.setCheckable(True)
        self._lock_icons = {name: glyph_icon(name, self.lock_button) for name in ("locked", "unlocked")}
        self.last_button = ToolButton("", "last", "Use the seed of the shown take (Ctrl+L)", "Use the last seed")
        self.pace_label = label("Pace")
        self.pace = LadderSlider("Pace", [SLOWEST_PACE, math.inf])
        self.pace_value = label(role=QUIET)
        for part in (self.pace_label, self.pace, self.pace_value):
            part.setToolTip(
                "How fast values are drawn; can be changed while it runs. At the right end: as fast as it can"
            )
        self.pace_value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.engine_box = ComboBox("Engine", ENGINE_TIP)
        self.device_box = ComboBox("Device", "Where the network runs; another one loads the model again")
        self._build()
        self._connect()
        self._show_model()

    def _build(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(ROW_GAP)
        grid.setColumnStretch(1, 1)

        def add(row: Row) -> None:
            line = grid.rowCount()
            for column, part in enumerate(row.parts):
                grid.addWidget(part, line, column)

        def seed_row() -> QHBoxLayout:
            line = QHBoxLayout()
            line.setSpacing(GAP // 2)
            line.addWidget(self.seed_field, 1)
            for button in (self.dice_button, self.lock_button, self.last_button):
                button.setFixedSize(34, self.seed_field.sizeHint().height())
                button.setIconSize(QSize(18, 18))
                line.addWidget(button)
            return line

        for row in (self.temperature, self.top_p, self.top_k, self.min_p):
            add(row)
        line = grid.rowCount()
        grid.addWidget(self.seed_label, line, 0)
        grid.addLayout(seed_row(), line, 1, 1, 2)
        for row in (self.count, self.length):
            add(row)
        line = grid.rowCount()
        pace = QHBoxLayout()
        pace.setSpacing(GAP)
        pace.addWidget(self.pace, 1)
        pace.addWidget(self.pace_value)
        self.pace_value.setMinimumWidth(self.fontMetrics().horizontalAdvance("0.15 × real time"))
        grid.addWidget(self.pace_label, line, 0)
        grid.addLayout(pace, line, 1, 1, 2)
        engines = QHBoxLayout()
        engines.setSpacing(GAP // 2)
        engines.addWidget(self.engine_box, 1)
        engines.addWidget(self.device_box)
        engine_label = label("Engine")
        engine_label.setToolTip(ENGINE_TIP)
        grid.addWidget(engine_label, line + 1, 0)
        grid.addLayout(engines, line + 1, 1, 1, 2)
        head = QHBoxLayout()
        head.addWidget(label("from the next step on", QUIET), 1)
        head.addWidget(self.neutral_button)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(MARGIN, 0, MARGIN, GAP // 2)
        column.setSpacing(ROW_GAP)
        column.addLayout(head)
        column.addLayout(grid)
        column.addStretch(1)
        self.content = QWidget()
        outer = QVBoxLayout(self.content)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(PanelScroll(content), 1)
        outer.addWidget(self.message)
        self.empty = EmptyState("Choose a model.")
        self.stack = QStackedLayout(self)
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.content)

    def _connect(self) -> None:
        studio = self.studio
        self.temperature.asked.connect(self._set_temperature)
        self.top_p.asked.connect(self._set_top_p)
        self.top_k.asked.connect(self._set_top_k)
        self.min_p.asked.connect(self._set_min_p)
        self.count.asked.connect(self._set_count)
        self.length.asked.connect(self._set_length)
        self.pace.moved.connect(self._set_pace)
        for row in self.rows:
            row.refused.connect(self.message.show_problem)
        self.neutral_button.clicked.connect(self._neutral)
        self.seed_field.submitted.connect(self._set_seed)
        self.seed_field.given_up.connect(self._forget_problem)
        self.dice_button.clicked.connect(self._roll)
        self.lock_button.clicked.connect(self._lock)
        self.last_button.clicked.connect(self._use_last)
        self.engine_box.activated.connect(self._choose_engine)
        self.device_box.activated.connect(self._choose_device)
        studio.model_changed.connect(self._show_model)
        studio.settings_changed.connect(self._refresh)
        studio.activity_changed.connect(self._show_engines)
        studio.take_changed.connect(self._refresh)
        studio.worker.kernels_ready.connect(self._show_engines)

    def sizeHint(self) -> QSize:
        """Of all settings: a stack with a page whose height depends on its width forgets the other pages' heights."""
        return self.content.sizeHint()

    # --- showing ---------------------------------------------------------------------------------------------------

    @Slot()
    def _show_model(self) -> None:
        entry = self.studio.entry
        if entry is not None and entry.header.chain != self._chain:
            self._chain = chain = entry.header.chain
            size = chain.alphabet.size
            self.top_k.slider.set_ladder(log_ladder(1, size, LADDER_STEPS, round))
            self.top_k.off, self.top_k.parse = (NEUTRAL.top_k, size), parse_top_k(size)
            self.pace.set_ladder(pace_ladder(chain))
            length = Length(chain)
            self.length.text, self.length.parse = length.text, length.parse
            self.length.slider.set_ladder(length.ladder())
            for part in self.length.parts:
                part.setToolTip(f"{LENGTH_TIP}. In {'seconds' if length.unit == 's' else length.unit}")
            self.length.set_visible(chain.length is None)
        self._show_engines()
        self._refresh()

    @Slot()
    def _show_engines(self) -> None:
        """The engines that the loaded model has; the automatic choice says which it is."""
        studio = self.studio
        settings, loaded = studio.settings, studio.loaded
        chosen = settings.engine if settings else AUTO
        engines = list(loaded.engines) if loaded else [chosen] if chosen != AUTO else []
        fastest = f" · {loaded.fastest_engine(studio.worker.kernels_warm)}" if loaded else ""
        fill(self.engine_box, [(AUTO, AUTO + fastest), *((engine, engine) for engine in engines)], chosen)
        names = [(name, name if name == AUTO else name.upper()) for name in DEVICES]
        fill(self.device_box, names, settings.device if settings else AUTO)

    @Slot()
    def _refresh(self) -> None:
        studio = self.studio
        settings, chain = studio.settings, self._chain
        if settings is None or chain is None:
            self.stack.setCurrentWidget(self.empty)
            return
        self.stack.setCurrentWidget(self.content)
        shaping = settings.shaping
        self.temperature.show_value(shaping.temperature)
        self.top_p.show_value(shaping.top_p)
        self.top_k.show_value(shaping.top_k)
        self.min_p.show_value(shaping.min_p)
        self.count.show_value(settings.count)
        self.length.show_value(Length(chain).of(settings.limit))
        self.neutral_button.setEnabled(not shaping.neutral)
        self._show_seed(settings)
        self.lock_button.setChecked(settings.seed_locked)
        self.lock_button.setIcon(self._lock_icons["locked" if settings.seed_locked else "unlocked"])
        self.last_button.setEnabled(studio.take is not None)
        self._show_pace(settings, chain)
        for box, value in ((self.engine_box, settings.engine), (self.device_box, settings.device)):
            if box.currentData() != value:
                self._show_engines()

    def _show_seed(self, settings: Settings) -> None:
        """Says which seed the next take begins with: the one that stands there, or a random one."""
        studio = self.studio
        kept = studio.keeps_seed
        shown = settings.seed if kept else studio.shown_seed
        self.seed_label.setText("Seed" if kept or shown is None else "Last seed")
        self.seed_field.show_number(RANDOM if shown is None else grouped(shown))
        following = "The next take begins with it" if kept else "The next take begins with a random one"
        for part in (self.seed_label, self.seed_field):
            part.setToolTip(f"{following}. The same seed and settings give the same sample.")

    def _show_pace(self, settings: Settings, chain: Chain) -> None:
        if not self.pace.isSliderDown():
            self.pace.show_value(settings.pace)
        text = pace_text(chain, settings.pace)
        self.pace_value.setText(text)
        self.pace.setAccessibleDescription(text)

    # --- doing -----------------------------------------------------------------------------------------------------

    @Slot(float, object)
    def _set_temperature(self, value: float, drag: int | None) -> None:
        self.studio.reshape(drag=drag, temperature=value)

    @Slot(float, object)
    def _set_top_p(self, value: float, drag: int | None) -> None:
        self.studio.reshape(drag=drag, top_p=value)

    @Slot(float, object)
    def _set_top_k(self, value: float, drag: int | None) -> None:
        self.studio.reshape(drag=drag, top_k=int(value))

    @Slot(float, object)
    def _set_min_p(self, value: float, drag: int | None) -> None:
        self.studio.reshape(drag=drag, min_p=value)

    @Slot(float, object)
    def _set_count(self, value: float, drag: int | None) -> None:
        self.studio.change("count", drag=drag, count=int(value))

    @Slot(float, object)
    def _set_length(self, value: float, drag: int | None) -> None:
        if self._chain is not None:
            self.studio.change("longest length", drag=drag, limit=Length(self._chain).steps(value))

    @Slot(float, int)
    def _set_pace(self, pace: float, drag: int) -> None:
        self.studio.change("pace", drag=drag, pace=pace)

    @Slot()
    def _neutral(self) -> None:
        self.studio.neutral_shaping()

    @Slot(str)
    def _set_seed(self, text: str) -> None:
        try:
            seed = parse_seed(text)
        except InputError as error:
            self.seed_field.mark(str(error))
            self.message.show_problem(str(error))
            return
        self.seed_field.accept_number()
        self._forget_problem()
        self.studio.set_seed(seed)
        self.seed_field.show_number(grouped(seed))

    @Slot()
    def _forget_problem(self) -> None:
        self.message.show_problem("")

    @Slot()
    def _roll(self) -> None:
        self.studio.roll_seed()

    @Slot(bool)
    def _lock(self, locked: bool) -> None:
        shown = self.studio.shown_seed  # which stands there
        keeps = shown is None or not locked or self.studio.keeps_seed
        self.studio.change("seed lock", seed_locked=locked, **({} if keeps else {"seed": shown}))

    @Slot()
    def _use_last(self) -> None:
        self.studio.use_last_seed()

    @Slot(int)
    def _choose_engine(self, index: int) -> None:
        self.studio.change("engine", engine=str(self.engine_box.itemData(index)))

    @Slot(int)
    def _choose_device(self, index: int) -> None:
        self.studio.change("device", device=str(self.device_box.itemData(index)))


def fill(box: QComboBox, items: Sequence[tuple[str, str]], chosen: str) -> None:
    """Gives a box its items (data, text) if they have changed, and shows the chosen one."""
    if [(box.itemData(n), box.itemText(n)) for n in range(box.count())] != list(items):
        box.clear()
        for data, text in items:
            box.addItem(text, data)
        widest = max(box.fontMetrics().horizontalAdvance(text) for _, text in items)
        box.setMinimumWidth(widest + BOX_FRAME)
    box.setCurrentIndex(box.findData(chosen))


if __name__ == "__main__":
    from studio.panels.demo import show_panel

    show_panel(SamplingPanel)
