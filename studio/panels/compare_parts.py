"""What the pages of the Compare window are made of: the ground at the right, and boxes for numbers."""

from __future__ import annotations

from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from models.noise import MAX_SEED
from models.sweep import MOST_SAMPLES
from studio.theme import STAGE, set_role
from studio.widgets.layouts import GAP, MARGIN

SETTINGS_WIDTH = 300
"""Of what stands left of the ground, in logical pixels."""


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


def seed_box(seed: int) -> QSpinBox:
    """It begins with a seed, or with 1 if that is too large: larger ones are possible, but not in a spin box of Qt."""
    box = QSpinBox(minimum=0, maximum=min(MAX_SEED, 2**31 - 1 - MOST_SAMPLES))
    box.setValue(seed if seed <= box.maximum() else 1)
    return box
