"""What the next take is conditioned on: for every factor of the model a chooser of its kind.

A new kind of factor is a subclass of ``Chooser`` and a line in ``CHOOSERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt, Slot
from PySide6.QtGui import QKeyEvent
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

from models.condition import ANY, Category, Factor
from studio.panels.widgets import (
    GAP,
    MARGIN,
    ComboBox,
    ElidedLabel,
    EmptyState,
    EvenGrid,
    PanelScroll,
    ToolButton,
    claims_key,
    clear,
    label,
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
    """A box that can be typed into: what is typed finds the values in which it occurs, and only values are chosen."""

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
        self.setCompleter(self.finder)
        self.line.returnPressed.connect(self.complete)
        self.line.editingFinished.connect(self.give_back)

    @Slot()
    def complete(self) -> None:
        """Return takes the first of the values that are offered."""
        typed = self.currentText()
        if typed and self.findText(typed) < 0 and self.finder.completionPrefix() == typed:
            self.setEditText(self.finder.currentCompletion())

    @Slot()
    def give_back(self) -> None:
        """What was typed and is no value gives way to the value that holds."""
        self.setEditText(self.itemText(self.currentIndex()))

    def event(self, event: QEvent) -> bool:
        typed = self.currentText() != self.itemText(self.currentIndex())
        return (typed and claims_key(event, Qt.Key.Key_Escape)) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.give_back()
        else:
            super().keyPressEvent(event)


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
        self.box.textActivated.connect(self.choose)

    def show_value(self, value: Any) -> None:
        self.box.setCurrentIndex(self.box.findText(value))


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
        self.later = label("Applies to the next take.", QUIET)
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
        studio.activity_changed.connect(self._refresh_note)
        studio.take_changed.connect(self._refresh_note)
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
    def _refresh_note(self) -> None:
        """A walk keeps the condition that it began with: the window says so while it runs, or waits half way."""
        studio = self.studio
        begun = studio.can_go_on and studio.frontier > 0
        self.later.setVisible(bool(self.choosers) and (studio.running or begun))


if __name__ == "__main__":
    from studio.panels.demo import show_panel

    show_panel(ConditionPanel)
