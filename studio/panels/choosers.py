"""What chooses the value of one factor of the condition, by the factor's kind.

A new kind of factor is a subclass of ``Chooser`` and a line in ``CHOOSERS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QIcon, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QComboBox,
    QCompleter,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from models.catalog import Entry
from models.condition import ANY, Category, Factor, Order, Vector
from models.errors import InputError
from models.orders import NAMED_ORDERS, random_order, seed_of
from models.source_text import Text
from models.tensor_file import Check
from models.text_files import canonical
from models.track import Number, Track
from studio.class_pictures import Pixels, class_pictures, pixmap
from studio.code_map import CodeMap, code_map
from studio.panels.keyboard import Keyboard
from studio.panels.pad import ClassLegend, Pad
from studio.panels.track import TrackView
from studio.reading import Show
from studio.state import Studio
from studio.theme import QUIET, QUIET_PIXELS
from studio.widgets.controls import RETURN_KEYS, ComboBox, LadderSlider, ToolButton, claims_key, leaves_undo, next_drag
from studio.widgets.labels import ElidedLabel, MessageLine, label
from studio.widgets.layouts import GAP, grid_of_cells

MOST_BUTTONS = 30
"""Of a category; one with more values has a box."""
LONGEST_ON_A_BUTTON = 24
RANDOM, COARSE = "random", "coarse 4 first"
LEAST_CHARACTERS = 8
"""That a box has room for."""
LEAST_BLEND = 60
"""Logical pixels that the box and the slider of a blend keep: the box elides, and no blend makes the dock wider."""
ICON_SIDE = 32
"""Of the picture of a class, in logical pixels."""
HALF = 0.5
SHARES = [n / 100 for n in range(1, 100)]
"""Of the second value in a blend."""
TIPS_OF_ORDERS = {
    "raster": "Row by row from the top",
    "columns": "Column by column from the left",
    "bottom up": "Row by row from the bottom",
    "spiral": "Along the border and inwards, clockwise from the upper left",
    "centre out": "From the middle outwards",
    COARSE: "Every fourth pixel of every fourth row, then the others row by row",
    RANDOM: "In a random order; another click shuffles the pixels anew",
}
"""What the orders that have a button are."""


class ValueButton(ToolButton):
    """As narrow as its value allows, so that ten digits stand in two rows of a dock."""

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        width, height = metrics.horizontalAdvance(self.text()), metrics.height()
        if not self.icon().isNull():
            return QSize(max(ICON_SIDE, width) + 4, ICON_SIDE + height + 10)
        return QSize(max(32, width + 26), height + 12)

    def show_picture(self, pixels: Pixels) -> None:
        """Above the value, which is written smaller: three of them stand in a row of a dock."""
        self.setIcon(QIcon(pixmap(pixels)))
        self.setIconSize(QSize(ICON_SIDE, ICON_SIDE))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setStyleSheet(f"font-size: {QUIET_PIXELS - 1}px; padding: 2px 0;")

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class Chooser(QWidget):
    """Shows the value that a factor has in the settings, and changes it."""

    def __init__(self, factor: Factor, studio: Studio) -> None:
        super().__init__()
        self.factor = factor
        self.studio = studio

    def show_value(self, value: Any) -> None:
        """The settings hold this value now."""
        raise NotImplementedError

    def settle(self) -> None:
        """A walk begins: what is half written gives way to the value that holds."""

    def choose(self, value: Any, *, drag: int | None = None) -> None:
        """The user wants another value. drag: see ``Studio.change``."""
        settings = self.studio.settings
        if settings is not None:
            self.studio.change(self.factor.name, drag=drag, condition={**settings.condition, self.factor.name: value})


class ButtonChooser(Chooser):
    """Some values as buttons, of which one is down."""

    def __init__(self, factor: Factor, studio: Studio) -> None:
        super().__init__(factor, studio)
        self.group = QButtonGroup(self)
        self.buttons: dict[str, ValueButton] = {}

    def _button(self, value: str, tip: str) -> ValueButton:
        # A single & in a button's text would mark a shortcut.
        button = ValueButton(value.replace("&", "&&"), tip=tip, name=f"{self.factor.name} {value}")
        button.setCheckable(True)
        button.setProperty("value", value)
        button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.group.addButton(button)
        self.buttons[value] = button
        return button


class CategoryChooser(ButtonChooser):
    """The values of a category as buttons, of which one is down; ``any`` stands beside the factor's name.

    Blending shows a second row: towards which other value, and how far.
    """

    factor: Category

    def __init__(self, factor: Category, studio: Studio) -> None:
        super().__init__(factor, studio)
        head = QHBoxLayout()
        head.addWidget(ElidedLabel(factor.name, QUIET), 1)
        self.blending = ToolButton("blend", tip=f"Between two values of {factor.name}", name=f"Blend {factor.name}")
        self.blending.setCheckable(True)
        self._shown: list[str] = []
        """The value, or both of a blend."""
        if factor.blends:
            head.addWidget(self.blending)
        if factor.any:
            head.addWidget(self._button(ANY, f"Leave the {factor.name} to the model"))
        values, grid = grid_of_cells()
        in_words = any(len(value) > 1 for value in factor.values)  # a digit shows itself
        pictures = class_pictures(studio.entry, factor) if studio.entry is not None and in_words else []
        for n, value in enumerate(factor.values):
            button = self._button(value, f"{factor.name}: {value}")
            if pictures:
                button.show_picture(pictures[n])
            grid.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addLayout(head)
        column.addWidget(values)
        column.addWidget(self._blend_row(factor))
        self.group.buttonClicked.connect(self._choose)
        self.blending.clicked.connect(self._turn_blending)
        self.other.textActivated.connect(self._blend_with)
        self.share.moved.connect(self._blend)

    def _blend_row(self, factor: Category) -> QWidget:
        self.row = QWidget()
        self.other = ComboBox(f"Blend {factor.name} with", f"The other {factor.name}")
        self.other.addItems(factor.choices)
        self.other.setMinimumWidth(LEAST_BLEND)
        self.share = LadderSlider(f"Share of the other {factor.name}", SHARES)
        self.share.setToolTip(f"From the first {factor.name} to the other; drawn from the mean of their embeddings")
        self.share.setMinimumWidth(LEAST_BLEND)
        self.share_label = label("100 %", QUIET)
        self.share_label.setMinimumWidth(self.share_label.sizeHint().width())
        self.share_label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        line = QHBoxLayout(self.row)
        line.setContentsMargins(0, 0, 0, 0)
        for part in (label("to", QUIET), self.other):
            line.addWidget(part)
        line.addWidget(self.share, 1)
        line.addWidget(self.share_label)
        return self.row

    def show_value(self, value: Any) -> None:
        """Of a blend the first value is the one whose button is down; only blends of two can be changed here."""
        blend = value if isinstance(value, dict) else {value: 1.0}
        first, *others = self._shown = list(blend)
        self.buttons[first].setChecked(True)
        self.blending.setChecked(bool(others))
        self.row.setVisible(len(others) == 1)
        if len(others) == 1:
            self.other.setCurrentText(others[0])
            if not self.share.isSliderDown():
                self.share.show_value(blend[others[0]])
            self.share_label.setText(f"{100 * blend[others[0]]:.0f} %")

    @property
    def _first(self) -> str:
        return next(value for value, button in self.buttons.items() if button.isChecked())

    @Slot(QAbstractButton)
    def _choose(self, button: QAbstractButton) -> None:
        """Another first value: a blend stays one. With the value that it goes towards, the two change places."""
        first = str(button.property("value"))
        other = self.other.currentText()
        if self.row.isHidden():
            self.choose(first)
        else:
            self._choose_blend(first, self._shown[0] if other == first else other, self._share)

    @property
    def _share(self) -> float:
        return SHARES[self.share.value()]

    def _choose_blend(self, first: str, other: str, share: float, *, drag: int | None = None) -> None:
        self.choose({first: round(1 - share, 2), other: share}, drag=drag)

    @Slot(bool)
    def _turn_blending(self, on: bool) -> None:
        if not on:
            self.choose(self._first)
            return
        other = self.other.currentText()
        if other == self._first:
            other = next(choice for choice in self.factor.values if choice != self._first)
        self._choose_blend(self._first, other, HALF)

    @Slot(str)
    def _blend_with(self, other: str) -> None:
        first = self._first
        self._choose_blend(self._shown[1] if other == first else first, other, self._share)

    @Slot(float, int)
    def _blend(self, share: float, drag: int) -> None:
        self._choose_blend(self._first, self.other.currentText(), share, drag=drag)
        self.studio.drawing_along.draw(drag)


class ValueBox(ComboBox):
    """A box that can be typed into: what is typed finds the values in which it occurs, and only values are chosen.

    A value is chosen as soon as it stands in the box, since what a walk takes must be what is seen there; while what
    is typed is no value, the one from before holds. All of this is one change, which Escape takes back, until Return,
    a click in a list, leaving the box or the beginning of a walk ends it.
    """

    chosen = Signal(str, int)
    """With the number of the drag that the change is."""

    def __init__(self, values: Sequence[str], name: str, tip: str) -> None:
        super().__init__(name, tip)
        self.line = QLineEdit()
        self.setLineEdit(self.line)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        # Not as wide as the widest value, which would have to be looked for, and might be wider than the dock.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(LEAST_CHARACTERS)
        self.addItems(values)
        self.finder = QCompleter(self.model(), self)
        self.finder.setFilterMode(Qt.MatchFlag.MatchContains)
        self.finder.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        popup = self.finder.popup()
        assert popup is not None
        self.offers = popup
        self.setCompleter(self.finder)
        self._holds = self._before = self.currentText()
        self._drag = next_drag()
        self.line.returnPressed.connect(self.complete)
        self.line.textChanged.connect(self._take)
        self.textActivated.connect(self._finish)

    def hold(self, value: str) -> None:
        """This value holds now: what else stands in the box gives way to it."""
        if value != self._holds:
            self._holds = value
            self.give_back()

    @Slot()
    def complete(self) -> None:
        """Return takes the value that was typed, else the first of those that are offered."""
        typed = self.currentText()
        if typed and self.findText(typed) < 0 and self.finder.completionPrefix() == typed:
            self.setEditText(self.finder.currentCompletion())
        self.give_back()

    def give_back(self) -> None:
        """What was typed and is no value gives way to the value that holds; what is typed from now on is new."""
        self.offers.hide()
        # What holds may be no value of the list, as a blend: the box is emptied first, which is nobody's choice.
        with QSignalBlocker(self.line):
            self.setCurrentIndex(self.findText(self._holds))
            self.setEditText(self._holds)
        self._end()

    def _end(self) -> None:
        self._before = self._holds
        self._drag = next_drag()

    @Slot(str)
    def _take(self, text: str) -> None:
        """What stands in the box has changed."""
        index = self.findText(text)
        if index < 0:
            index = self.findText(text, Qt.MatchFlag.MatchFixedString)  # in any case of letters
        if index >= 0 and index != self.currentIndex():
            at = self.line.cursorPosition()
            self.setCurrentIndex(index)
            self.line.setCursorPosition(at)
        self._choose(self.itemText(index) if index >= 0 else self._before)

    @Slot(str)
    def _finish(self, value: str) -> None:
        """A value was chosen from a list."""
        self._choose(value)
        self._end()

    def _choose(self, value: str) -> None:
        if value != self._holds:
            self._holds = value
            self.chosen.emit(value, self._drag)

    def _give_up(self) -> None:
        self.setEditText(self._before)
        self.give_back()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if event.key() in RETURN_KEYS and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self.offers.hide()  # the window, whose key this is, hears of none while a list is open
            if leaves_undo(event, self.line):
                return False
            escapes = self.currentText() != self._before or self.offers.isVisible()
            if escapes and claims_key(event, Qt.Key.Key_Escape):
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._give_up()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.installEventFilter(self)  # looks at an event before the completer, which has just installed its own

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The focus goes elsewhere, of which the completer would let the box hear nothing while its list is open."""
        passing = (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason)
        if event.type() == QEvent.Type.FocusOut and isinstance(event, QFocusEvent) and event.reason() not in passing:
            self.give_back()
        return super().eventFilter(watched, event)


class LongCategoryChooser(Chooser):
    """The values of a category with too many for buttons, ``any`` first. A blend, which others chose, is a text."""

    factor: Category

    def __init__(self, factor: Category, studio: Studio) -> None:
        super().__init__(factor, studio)
        values = (ANY, *factor.values) if factor.any else factor.values
        self.box = ValueBox(values, factor.name, f"{factor.name}: {len(factor.values)} values; type to find one")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addWidget(ElidedLabel(factor.name, QUIET))
        column.addWidget(self.box)
        self.box.chosen.connect(self._choose)

    def show_value(self, value: Any) -> None:
        self.box.hold(self.factor.format(value))

    def settle(self) -> None:
        self.box.give_back()

    @Slot(str, int)
    def _choose(self, text: str, drag: int) -> None:
        self.choose(self.factor.parse(text), drag=drag)


def category_chooser(factor: Category, studio: Studio) -> Chooser:
    """Buttons, as long as they can be taken in at a glance."""
    short = len(factor.values) <= MOST_BUTTONS and max(map(len, factor.values)) <= LONGEST_ON_A_BUTTON
    return (CategoryChooser if short else LongCategoryChooser)(factor, studio)


class PadChooser(Chooser):
    """A vector of two numbers as a point of a square."""

    factor: Vector

    def __init__(self, factor: Vector, studio: Studio) -> None:
        super().__init__(factor, studio)
        self.pad = Pad(factor.name)
        self.legend = ClassLegend()
        self.read_out = label("", QUIET)
        head = QHBoxLayout()
        head.addWidget(ElidedLabel(factor.name, QUIET), 1)
        head.addWidget(self.read_out)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addLayout(head)
        column.addWidget(self.pad)
        column.addWidget(self.legend)
        self.pad.moved.connect(self._move)
        # The next model may have the same condition and be shown here, but not the same map.
        studio.model_changed.connect(self._show_map)
        self._show_map()

    @Slot()
    def _show_map(self) -> None:
        """Of what the user added it lies beside that, maybe on a slow disk."""
        self._show_map_of(None, None)
        entry = self.studio.entry
        if entry is None or entry.code_map is None:
            return

        def read(check: Check) -> Show:
            check()
            return partial(self._show_map_of, entry, code_map(entry, self.factor))

        self.studio.reader.read_beside(read)

    def _show_map_of(self, entry: Entry | None, found: CodeMap | None) -> None:
        if isValid(self) and entry in (None, self.studio.entry):
            self.pad.show_map(found)
            self.legend.show_names(found.names if found is not None else ())

    def show_value(self, value: Any) -> None:
        x, y = value
        self.pad.show_point(x, y)
        self.read_out.setText(f"{x:+.2f}, {y:+.2f}")

    @Slot(float, float, int)
    def _move(self, x: float, y: float, drag: int) -> None:
        self.choose([x, y], drag=drag)
        self.studio.drawing_along.draw(drag)


def vector_chooser(factor: Vector, studio: Studio) -> Chooser:
    return PadChooser(factor, studio) if factor.size == 2 else NoChooser(factor, studio)


class OrderChooser(ButtonChooser):
    """The orders that have a name, one of coarse pixels first, and a random one, which another click shuffles anew."""

    factor: Order

    def __init__(self, factor: Order, studio: Studio) -> None:
        super().__init__(factor, studio)
        values, grid = grid_of_cells()
        for order in (*NAMED_ORDERS, COARSE, RANDOM):
            grid.addWidget(self._button(order, TIPS_OF_ORDERS[order]))
        self.note = ElidedLabel("", QUIET)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addWidget(ElidedLabel(factor.name, QUIET))
        column.addWidget(values)
        column.addWidget(self.note)
        self.group.buttonClicked.connect(self._choose)

    def show_value(self, value: Any) -> None:
        self.seed = seed_of(value)
        name = RANDOM if self.seed is not None else value
        self.group.setExclusive(False)
        for order, button in self.buttons.items():
            button.setChecked(order == name)
        self.group.setExclusive(True)
        plain = value in self.buttons
        again = " (another click shuffles)" if name == RANDOM else ""
        self.note.setText("" if plain else self.factor.label(value) + again)
        self.note.setVisible(not plain)

    @Slot(QAbstractButton)
    def _choose(self, button: QAbstractButton) -> None:
        order = str(button.property("value"))
        self.choose(random_order((self.seed or 0) + 1) if order == RANDOM else order)


class TrackChooser(Chooser):
    """A track as a line to type in, ``4 0 7``, over its blocks along the time."""

    factor: Track

    def __init__(self, factor: Track, studio: Studio) -> None:
        super().__init__(factor, studio)
        self.line = QLineEdit()
        self.line.setAccessibleName(f"{factor.name} as text")
        self.line.setToolTip(f"{factor.name}: {factor.describe()}. Enter takes it")
        self.view = TrackView(factor)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addWidget(ElidedLabel(factor.name, QUIET))
        column.addWidget(self.line)
        column.addWidget(self.view)
        if factor.held and isinstance(factor.parts[0], Number):
            column.addWidget(self._keyboard(factor.parts[0]))
        self.line.editingFinished.connect(self._take)
        self.view.changed.connect(self._change)
        studio.looking.cursor_changed.connect(self._show_now)
        studio.take_changed.connect(self._show_now)

    def _keyboard(self, pitch: Number) -> QWidget:
        """Keys that are heard while the model draws, and with which values of the other parts."""
        self.keyboard = Keyboard(math.ceil(pitch.low), math.floor(pitch.high))
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        self.others = []
        """What the other parts of the next key are chosen with; of a number, its default."""
        for part in self.factor.parts[1:]:
            if not isinstance(part, Category):
                self.others.append(part.default)
                continue
            values, grid = grid_of_cells()
            group = QButtonGroup(box)
            for value in part.values:
                button = ValueButton(value, tip=f"Keys are played with the {part.name} {value}", name=f"Keys: {value}")
                button.setCheckable(True)
                button.setChecked(value == part.values[len(part.values) // 2])
                group.addButton(button)
                grid.addWidget(button)
            column.addWidget(values)
            self.others.append(group)
        column.addWidget(self.keyboard)
        self.keyboard.pressed.connect(self._press)
        self.keyboard.released.connect(self.studio.keys.release)
        return box

    @Slot(int)
    def _press(self, key: int) -> None:
        chosen = [
            next(button.text() for button in other.buttons() if button.isChecked())
            if isinstance(other, QButtonGroup)
            else other
            for other in self.others
        ]
        self.studio.keys.press(float(key), *chosen)

    def show_value(self, value: Any) -> None:
        self.view.show_events(value)
        if not self.line.hasFocus() or not self.line.isModified():
            self._write(value)

    def settle(self) -> None:
        self._take()

    def _write(self, value: Any) -> None:
        """As short as it can be typed."""
        short = self.factor.label(value) if value else ""
        plain = short if self.factor.takes(value) and self._parsed(short) == value else self.factor.format(value)
        self.line.setText(plain)
        self.line.setCursorPosition(0)

    def _parsed(self, text: str) -> Any:
        try:
            return self.factor.parse(text)
        except InputError:
            return None

    @Slot()
    def _take(self) -> None:
        if not self.line.isModified():
            return
        self.line.setModified(False)
        try:
            self.choose(self.factor.parse(self.line.text()))
        except InputError as error:
            self.studio.error.emit(str(error))
        if self.studio.settings is not None:
            self._write(self.studio.settings.condition[self.factor.name])

    @Slot(list, int)
    def _change(self, events: list[Any], drag: int) -> None:
        self.line.setModified(False)
        self.choose(events, drag=drag)

    @Slot()
    def _show_now(self) -> None:
        chain, take = self.studio.chain, self.studio.take
        rate = chain.steps_per_second if chain is not None else None
        self.view.show_now(None if take is None or rate is None else self.studio.looking.cursor / rate)


class TextChooser(Chooser):
    """A line to type a text in.

    What stands there is chosen as it is typed, since a walk must take what is seen; what the model cannot read is not,
    which is said below, and gives way to the text that holds when Enter is pressed, the line is left or a walk begins.
    All that is typed until then is one change.
    """

    factor: Text

    def __init__(self, factor: Text, studio: Studio) -> None:
        super().__init__(factor, studio)
        self.line = QLineEdit()
        self.line.setAccessibleName(f"{factor.name} text")
        self.line.setToolTip(f"{factor.name}: {factor.describe()}")
        self.problem = MessageLine()
        self.problem.setContentsMargins(0, 0, 0, 0)
        self._drag = next_drag()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addWidget(ElidedLabel(factor.name, QUIET))
        column.addWidget(self.line)
        column.addWidget(self.problem)
        self.line.textEdited.connect(self._take)
        self.line.editingFinished.connect(self.settle)

    def show_value(self, value: Any) -> None:
        typing = self.line.hasFocus() and self.line.isModified()
        if not typing and value != self.line.text():
            self.line.setText(value)
            self.line.setCursorPosition(0)

    @Slot(str)
    def _take(self, text: str) -> None:
        problem = self._problem_of(text)
        self.problem.show_problem(problem)
        if not problem:
            self.choose(canonical(text), drag=self._drag)

    def _problem_of(self, text: str) -> str:
        """Why a text cannot be read, with the characters that stand in the way; nothing where it can."""
        try:
            self.factor.check(canonical(text))
        except InputError as error:
            return str(error)
        return ""

    @Slot()
    def settle(self) -> None:
        if not self.line.isModified():
            return
        self.line.setModified(False)
        self._drag = next_drag()
        if problem := self._problem_of(self.line.text()):
            self.studio.error.emit(problem)
        self.problem.show_problem("")
        if self.studio.settings is not None:
            self.show_value(self.studio.settings.condition[self.factor.name])


class NoChooser(Chooser):
    """Says that a factor of a kind without a chooser keeps its value, and what that is."""

    def __init__(self, factor: Factor, studio: Studio) -> None:
        super().__init__(factor, studio)
        self.line = label("", QUIET)
        self.line.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.line)

    def show_value(self, value: Any) -> None:
        self.line.setText(
            f"{self.factor.name}: {self.factor.label(value)}. This window cannot change a condition of the kind "
            f"{self.factor.kind!r} yet; the command line can."
        )


CHOOSERS: dict[str, Callable[[Any, Studio], Chooser]] = {
    Category.kind: category_chooser,
    Vector.kind: vector_chooser,
    Order.kind: OrderChooser,
    Track.kind: TrackChooser,
    Text.kind: TextChooser,
}
"""What chooses the value of a factor, by the factor's kind."""
