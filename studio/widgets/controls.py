"""Buttons, boxes, number fields and sliders, and the keys that they claim."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QRectF, QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QIcon,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QApplication,
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)
from shiboken6 import isValid

from studio.theme import LINK, RADIUS, colours, set_role
from studio.widgets.glyphs import glyph_icon
from studio.widgets.painting import paint_focus_frame, painting

# A class of Qt can have only one parent of Qt: where it runs, what buttons share is a plain class beside it.
if TYPE_CHECKING:
    _Button = QAbstractButton
else:
    _Button = object

_drags = itertools.count(1)


def next_drag() -> int:
    """A number no drag had before: changes that carry the same one are one step of the undo stack."""
    return next(_drags)


NOTCH = 120
"""What a notch of a wheel counts; a touch pad counts in smaller steps."""
RETURN_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter)

LIST_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End)
"""What moves along a list."""


def claims_key(event: QEvent, *keys: Qt.Key) -> bool:
    """Whether one of these keys was pressed that may be a shortcut of the window: accepted, it is the widget's own."""
    if (
        event.type() == QEvent.Type.ShortcutOverride
        and isinstance(event, QKeyEvent)
        and event.key() in keys
        and not event.modifiers()
    ):
        event.accept()
        return True
    return False


def leaves_undo(event: QEvent, line: QLineEdit) -> bool:
    """Whether undo or redo was pressed in a line that nobody has written in: ignored, it is the window's."""
    if line.isModified() or event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    leaves = event.matches(QKeySequence.StandardKey.Undo) or event.matches(QKeySequence.StandardKey.Redo)
    if leaves:
        event.ignore()
    return leaves


class PressedByKeys(_Button):
    """A button that is pressed by Space and Return once it was reached by Tab."""

    def setIcon(self, icon: QIcon | QPixmap) -> None:
        if icon.cacheKey() != self.icon().cacheKey():  # Qt paints the same icon anew
            super().setIcon(icon)

    def event(self, event: QEvent) -> bool:
        return claims_key(event, Qt.Key.Key_Space, *RETURN_KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in RETURN_KEYS:
            self.click()
        else:
            super().keyPressEvent(event)


class PushButton(PressedByKeys, QPushButton):
    """A button that takes no focus from a click, so that Space goes on playing; reached by Tab, Space presses it."""

    def __init__(self, text: str = "", tip: str = "", name: str = "") -> None:
        super().__init__(text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip(tip)
        self.setAccessibleName(name or text)


class ToolButton(PressedByKeys, QToolButton):
    """The same for small buttons: a glyph, a text, or both."""

    def __init__(self, text: str = "", glyph: str = "", tip: str = "", name: str = "") -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setText(text)
        if glyph:
            self.setIcon(glyph_icon(glyph, self))
            if text:
                self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setToolTip(tip)
        self.setAccessibleName(name or text)


class ComboBox(QComboBox):
    """A box as wide as its widest text."""

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._focus_before: QWidget | None = None
        self.view().installEventFilter(self)

    def event(self, event: QEvent) -> bool:
        return claims_key(event, *LIST_KEYS) or super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The open list is a window of its own, to which the shortcuts of the window behind it belong all the same."""
        return claims_key(event, *LIST_KEYS) or super().eventFilter(watched, event)

    def showPopup(self) -> None:
        """Takes the focus for as long as its list is open: else the arrows would also step what had it before."""
        self._focus_before = QApplication.focusWidget()
        self.setFocus(Qt.FocusReason.PopupFocusReason)
        super().showPopup()

    def hidePopup(self) -> None:
        super().hidePopup()
        before, self._focus_before = self._focus_before, None
        if before is not None and isValid(before) and self.hasFocus():
            before.setFocus(Qt.FocusReason.PopupFocusReason)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel scrolls the panel; it must not change what it happens to pass over."""
        event.ignore()


class SegmentButton(ToolButton):
    """A word that is underlined in blue while it is chosen."""

    def __init__(self, text: str, tip: str, name: str) -> None:
        super().__init__(text, tip=tip, name=name)
        self.setCheckable(True)
        set_role(self, LINK)
        self.setFixedWidth(self.fontMetrics().horizontalAdvance(text) + 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            chosen = self.isChecked()
            painter.setPen(theme.chosen if chosen else theme.text if self.underMouse() else theme.quiet)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
            if chosen:
                painter.fillRect(QRectF(6, self.height() - 2, self.width() - 12, 2), theme.chosen)
            if self.hasFocus():
                paint_focus_frame(painter, QRectF(self.rect()), theme)


class Segments(QWidget):
    """A few words of which one is chosen."""

    chosen = Signal(str)

    def __init__(self, words: Mapping[str, str], name: str) -> None:
        """words: with the tool tip of each."""
        super().__init__()
        self.setAccessibleName(name)
        self.group = QButtonGroup(self)
        self.buttons: dict[str, SegmentButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for word, tip in words.items():
            button = SegmentButton(word, tip, f"{name}: {word}")
            self.group.addButton(button)
            self.buttons[word] = button
            row.addWidget(button)
        self.group.buttonClicked.connect(self._clicked)

    def choose(self, word: str) -> None:
        self.buttons[word].setChecked(True)

    @Slot(QToolButton)
    def _clicked(self, button: QToolButton) -> None:
        self.chosen.emit(button.text())


class NumberField(QLineEdit):
    """A number that can be typed over. It says what was typed; whoever hears it applies it or marks the field.

    Undo and redo inside it are its own until the number is submitted by Return or by leaving the field. Escape gives
    back the number that holds. Up and Down ask for the next one.
    """

    submitted = Signal(str)
    stepped = Signal(int)
    given_up = Signal()

    def __init__(self, name: str, widest: str) -> None:
        """widest: the longest text that must fit."""
        super().__init__()
        self.setAccessibleName(name)
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance(widest) + 24)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.problem = ""
        self._holds = ""
        self.editingFinished.connect(self._finish)

    def sizeHint(self) -> QSize:
        return QSize(self.minimumWidth(), super().sizeHint().height())

    def show_number(self, text: str) -> None:
        """The number that holds. What the user is writing stays, as does what was wrong until the number changes."""
        changed = text != self._holds
        self._holds = text
        if self.isModified() and not (self.problem and changed):
            return
        self.mark("")
        if self.text() != text:
            self.setText(text)

    def mark(self, problem: str) -> None:
        """Frames the field and keeps what was typed; an empty problem takes the frame away."""
        if problem != self.problem:
            self.problem = problem
            self.setAccessibleDescription(problem)
            self.update()

    def accept_number(self) -> None:
        """What was typed holds now: shows it as it is written properly."""
        self.mark("")
        self.setModified(False)

    @Slot()
    def _finish(self) -> None:
        if self.isModified():
            self.submitted.emit(self.text())

    def _give_up(self) -> None:
        self.mark("")
        self.setText(self._holds)
        self.given_up.emit()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape and (self.isModified() or self.problem):
                event.accept()
                return True
            if leaves_undo(event, self):
                return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Escape if self.isModified() or self.problem:
                self._give_up()
            case Qt.Key.Key_Up:
                self.stepped.emit(1)
            case Qt.Key.Key_Down:
                self.stepped.emit(-1)
            case _:
                super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.selectAll()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.problem:
            with painting(self) as painter:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(colours(self).danger, 1.5))
                painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.75, 0.75, -0.75, -0.75), RADIUS, RADIUS)


HANDLE = 14.0

GROOVE = 4.0

MARK = 12.0


class LadderSlider(QSlider):
    """A slider over a rising sequence of values, evenly spaced on the screen whatever lies between them.

    It reports what the user does to it, with the number of the drag, and never what it is told.
    """

    moved = Signal(float, int)

    def __init__(self, name: str, ladder: Sequence[float], *, marked: float | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setAccessibleName(name)
        # Not by a click: the arrow keys stay with the walk until somebody tabs to the slider.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMinimumWidth(64)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.marked = marked
        self._drag = 0
        self.ladder: list[float] = []
        self.set_ladder(ladder)
        self.valueChanged.connect(self._report)

    def set_ladder(self, ladder: Sequence[float]) -> None:
        if list(ladder) != self.ladder:
            self.ladder = list(ladder)
            with QSignalBlocker(self):
                self.setRange(0, len(self.ladder) - 1)
                self.setPageStep(max(1, len(self.ladder) // 10))

    def show_value(self, value: float) -> None:
        """Stands at the nearest value of the ladder."""
        with QSignalBlocker(self):
            self.setValue(self.position_of(value))

    def position_of(self, value: float) -> int:
        right = min(bisect.bisect_left(self.ladder, value), len(self.ladder) - 1)
        left = max(0, right - 1)
        nearer = abs(self.ladder[left] - value) < abs(self.ladder[right] - value) if math.isfinite(value) else False
        return left if nearer else right

    def step(self, steps: int) -> None:
        """As an arrow key does."""
        self._drag = next_drag()
        self.setValue(self.value() + steps)

    @Slot(int)
    def _report(self, position: int) -> None:
        self.moved.emit(self.ladder[position], self._drag)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag = next_drag()
            self.setSliderDown(True)
            self.setValue(self._position_at(event.position().x()))
            event.accept()
        else:
            event.ignore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self.setValue(self._position_at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not event.isAutoRepeat():
            self._drag = next_drag()
        super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel scrolls the panel; it must not change what it happens to pass over."""
        event.ignore()

    def sliderChange(self, change: QAbstractSlider.SliderChange) -> None:
        super().sliderChange(change)
        self.update()

    def _position_at(self, x: float) -> int:
        run = max(1.0, self.width() - HANDLE)
        fraction = min(1.0, max(0.0, (x - HANDLE / 2) / run))
        return round(fraction * self.maximum())

    def _x_of(self, position: float) -> float:
        return HANDLE / 2 + (self.width() - HANDLE) * position / max(1, self.maximum())

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, middle = colours(self), self.height() / 2
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            groove = QRectF(HANDLE / 2, middle - GROOVE / 2, self.width() - HANDLE, GROOVE)
            painter.setBrush(theme.border)
            painter.drawRoundedRect(groove, GROOVE / 2, GROOVE / 2)
            x = self._x_of(self.value())
            if self.isEnabled():
                groove.setRight(x)
                painter.setBrush(theme.chosen)
                painter.drawRoundedRect(groove, GROOVE / 2, GROOVE / 2)
            if self.marked is not None:
                at = self._x_of(self.position_of(self.marked))
                painter.fillRect(QRectF(at - 0.75, middle - MARK / 2, 1.5, MARK), theme.quiet)
            handle = QRectF(x - HANDLE / 2 + 1, middle - HANDLE / 2 + 1, HANDLE - 2, HANDLE - 2)
            painter.setBrush(theme.text if theme.dark else theme.raised)
            painter.setPen(QPen(theme.quiet if self.isEnabled() else theme.border, 1))
            if not self.isEnabled():
                painter.setBrush(theme.border)
            if self.hasFocus():
                painter.setPen(QPen(theme.chosen, 2.5))
            painter.drawEllipse(handle)

    def sizeHint(self) -> QSize:
        return QSize(140, 22)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, 22)
