"""Whether what a model is told of data is left open, and else what it is told: for dialogs that complete some."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QCheckBox, QLabel

from models.condition import Condition, Factor, Order, complete, in_words, left_open


def show_left_open(box: QCheckBox, note: QLabel, factors: Sequence[Factor], condition: Condition) -> None:
    """box: to leave open what can be. note: says what holds instead. condition: the one of the Condition panel."""
    free = left_open(factors)
    names = " and the ".join(free)
    box.setVisible(bool(free))
    box.setText(f"Leave the {names} open")
    box.setToolTip(f"Otherwise the {names} of the Condition panel holds")
    told = [f for f in factors if not isinstance(f, Order) and not (f.name in free and box.isChecked())]
    if told:
        note.setText(f"{', '.join(in_words(told, complete(factors, condition)))}, as in the Condition panel")
    note.setVisible(bool(told))
