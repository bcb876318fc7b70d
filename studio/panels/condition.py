"""What the next take is conditioned on: for every factor of the model a chooser of its kind.

A new kind of factor is a subclass of ``Chooser`` and a line in ``CHOOSERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent
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

from models.condition import ANY, Category, Factor, in_words
from studio.panels.widgets import (
    GAP,
    MARGIN,
    RETURN_KEYS,
    ComboBox,
    ElidedLabel,
    EmptyState,
    EvenGrid,
    PanelScroll,
    ToolButton,
    claims_key,
    clear,
    label,
    leaves_undo,
    next_drag,
)
from studio.state import Studio
from studio.theme import QUIET

MOST_BUTTONS = 30
"""Of a category; one with more values has a box."""
LONGEST_ON_A_BUTTON = 24
LEAST_CHARACTERS = 8
"""That a box has room for."""


class ValueButton(ToolButton):
    """As narrow as its value allows, so that ten digits stand in two rows of a dock."""

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(max(32, metrics.horizontalAdvance(self.text()) + 26), metrics.height() + 12)

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


class CategoryChooser(Chooser):
    """The values of a category as buttons, of which one is down; ``any`` stands beside the factor's name."""

    def __init__(self, factor: Category, studio: Studio) -> None:
        super().__init__(factor, studio)
        self.group = QButtonGroup(self)
        self.buttons: dict[str, ValueButton] = {}
        head = QHBoxLayout()
        head.addWidget(ElidedLabel(factor.name, QUIET), 1)
        if factor.any:
            head.addWidget(self._button(ANY, f"Leave the {factor.name} to the model"))
        values = QWidget()
        # As high as its width asks for: a fixed height would cut off the rows that a narrower dock needs.
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        values.setSizePolicy(policy)
        grid = EvenGrid(values)
        for value in factor.values:
            grid.addWidget(self._button(value, f"{factor.name}: {value}"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addLayout(head)
        column.addWidget(values)
        self.group.buttonClicked.connect(self._choose)

    def _button(self, value: str, tip: str) -> ValueButton:
        # A single & in a button's text would mark a shortcut.
        button = ValueButton(value.replace("&", "&&"), tip=tip, name=f"{self.factor.name} {value}")
        button.setCheckable(True)
        button.setProperty("value", value)
        button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.group.addButton(button)
        self.buttons[value] = button
        return button

    def show_value(self, value: Any) -> None:
        if value in self.buttons:
            self.buttons[value].setChecked(True)

    @Slot(QAbstractButton)
    def _choose(self, button: QAbstractButton) -> None:
        self.choose(str(button.property("value")))


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
    """The values of a category with too many for buttons, ``any`` first."""

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
        self.box.hold(value)

    def settle(self) -> None:
        self.box.give_back()

    @Slot(str, int)
    def _choose(self, value: str, drag: int) -> None:
        self.choose(value, drag=drag)


def category_chooser(factor: Category, studio: Studio) -> Chooser:
    """Buttons, as long as they can be taken in at a glance."""
    short = len(factor.values) <= MOST_BUTTONS and max(map(len, factor.values)) <= LONGEST_ON_A_BUTTON
    return (CategoryChooser if short else LongCategoryChooser)(factor, studio)


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
            f"{self.factor.name}: {self.factor.format(value)}. This window cannot change a condition of the kind "
            f"{self.factor.kind!r} yet; the command line can."
        )


CHOOSERS: dict[str, Callable[[Any, Studio], Chooser]] = {Category.kind: category_chooser}
"""What chooses the value of a factor, by the factor's kind."""


class ConditionPanel(QWidget):
    """See the module."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.studio = studio
        self.choosers: list[Chooser] = []
        self._factors: tuple[Factor, ...] | None = None
        self.empty = EmptyState("")
        self.later = label("", QUIET)
        self.later.setWordWrap(True)
        self._list = QVBoxLayout()
        self._list.setSpacing(GAP)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(MARGIN, 4, MARGIN, GAP)
        column.setSpacing(GAP)
        column.addLayout(self._list)
        column.addWidget(self.later)
        column.addWidget(self.empty)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PanelScroll(content))
        studio.model_changed.connect(self._rebuild)
        studio.settings_changed.connect(self._refresh)
        for changed in (studio.take_changed, studio.branches_changed, studio.selection_changed):
            changed.connect(self._refresh_note)
        studio.walk_began.connect(self._settle)
        self._rebuild()

    @Slot()
    def _rebuild(self) -> None:
        entry = self.studio.entry
        factors = entry.header.factors if entry else None
        self.empty.setText("This model has no conditions." if entry else "Choose a model.")
        self.empty.setVisible(not factors)
        if factors != self._factors:
            self._factors = factors
            clear(self._list)
            self.choosers = [CHOOSERS.get(factor.kind, NoChooser)(factor, self.studio) for factor in factors or ()]
            for chooser in self.choosers:
                self._list.addWidget(chooser)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        settings = self.studio.settings
        if settings is not None:
            for chooser in self.choosers:
                chooser.show_value(settings.condition.get(chooser.factor.name, chooser.factor.default))
        self._refresh_note()

    @Slot()
    def _settle(self) -> None:
        for chooser in self.choosers:
            chooser.settle()

    @Slot()
    def _refresh_note(self) -> None:
        """A take keeps the condition that it began with: said while the next one is to have another."""
        take, settings = self.studio.take, self.studio.settings
        text = ""
        if take is not None and settings is not None and take.model.factors == self._factors:
            had = take.samples[self.studio.selected].trace.segment.condition
            chosen = settings.condition
            others = [f for f in take.model.factors if had[f.name] != chosen.get(f.name, f.default)]
            if others:
                text = f"The take shown has {', '.join(in_words(others, had))}; this applies to the next one."
        self.later.setText(text)
        self.later.setVisible(bool(text))


if __name__ == "__main__":
    from studio.panels.demo import show_panel

    show_panel(ConditionPanel)
