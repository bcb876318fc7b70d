"""What the next take is conditioned on: for every factor of the model a grid of its values."""

from __future__ import annotations

from PySide6.QtCore import QSize, Slot
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QHBoxLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from models.condition import ANY, Factor
from studio.panels.widgets import GAP, MARGIN, EmptyState, EvenGrid, PanelScroll, ToolButton, clear, label
from studio.state import Studio
from studio.theme import QUIET


class ValueButton(ToolButton):
    """As narrow as its value allows, so that ten digits stand in two rows of a dock."""

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(max(32, metrics.horizontalAdvance(self.text()) + 26), metrics.height() + 12)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class FactorChooser(QWidget):
    """The values of one factor as buttons, of which one is down; ``any`` stands beside the factor's name."""

    def __init__(self, factor: Factor, studio: Studio) -> None:
        super().__init__()
        self.factor = factor
        self.studio = studio
        self.group = QButtonGroup(self)
        self.buttons: dict[str, ValueButton] = {}
        head = QHBoxLayout()
        head.addWidget(label(factor.name, QUIET), 1)
        if factor.any:
            head.addWidget(self._button(ANY, f"Leave the {factor.name} to the model"))
        values = QWidget()
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
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

    def show_value(self, value: str) -> None:
        if value in self.buttons:
            self.buttons[value].setChecked(True)

    @Slot(QAbstractButton)
    def _choose(self, button: QAbstractButton) -> None:
        settings = self.studio.settings
        if settings is not None:
            chosen = {**settings.condition, self.factor.name: str(button.property("value"))}
            self.studio.change(self.factor.name, condition=chosen)


class ConditionPanel(QWidget):
    """See the module."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.studio = studio
        self.choosers: list[FactorChooser] = []
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
            self.choosers = [FactorChooser(factor, self.studio) for factor in factors or ()]
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
