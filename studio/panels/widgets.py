"""Small parts that several panels share: drawn icons, buttons, number fields, ladder sliders, an even grid.

Everything here knows numbers and texts only, nothing of the studio. What is painted takes its colours from the theme
while it paints, so that it follows the system from dark to light, and its sizes from the font.
"""

from __future__ import annotations

import bisect
import itertools
import math
import sys
import textwrap
import traceback
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QEvent,
    QMargins,
    QObject,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSignalBlocker,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHideEvent,
    QIcon,
    QIconEngine,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QPixmapCache,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QApplication,
    QButtonGroup,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLayoutItem,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)
from shiboken6 import isValid

from studio.theme import LINK, QUIET, RADIUS, Theme, colours, faded, mixed, set_role

# A class of Qt can have only one parent of Qt: where it runs, what buttons share is a plain class beside it.
if TYPE_CHECKING:
    _Button = QAbstractButton
else:
    _Button = object

MARGIN = 12
"""Logical pixels between a panel's edge and what it holds."""
GAP = 8

_drags = itertools.count(1)


def next_drag() -> int:
    """A number no drag had before: changes that carry the same one are one step of the undo stack."""
    return next(_drags)


# --- painting --------------------------------------------------------------------------------------------------------

_told: set[tuple[str, int | None]] = set()


def tell_once(error: Exception) -> None:
    """Reports an error like one that nobody caught, once for each line that raises it: a painting is done again."""
    line = traceback.extract_tb(error.__traceback__)[-1]
    if (line.filename, line.lineno) not in _told:
        _told.add((line.filename, line.lineno))
        sys.excepthook(type(error), error, error.__traceback__)


@contextmanager
def painting(widget: QWidget) -> Iterator[QPainter]:
    """The painter of a ``paintEvent``. It always ends, since one that is left active takes the program down with it.

    What fails is reported once, and leaves the widget blank.
    """
    painter = QPainter(widget)
    try:
        yield painter
    except Exception as error:
        painter.resetTransform()
        painter.setClipping(False)
        painter.fillRect(widget.rect(), colours(widget).panel)
        tell_once(error)
    finally:
        painter.end()


@contextmanager
def painting_with(painter: QPainter) -> Iterator[None]:
    """The same for a painter that Qt brings, to a delegate or an item of a scene: it goes back as it came."""
    painter.save()
    try:
        yield
    except Exception as error:
        tell_once(error)
    finally:
        painter.restore()


# --- icons -----------------------------------------------------------------------------------------------------------

GLYPH_SIDE = 24.0
"""The square that the glyphs are drawn in."""


def _triangle(path: QPainterPath, left: float, right: float) -> None:
    """A filled triangle that points from x = left to x = right."""
    path.moveTo(left, 5)
    path.lineTo(left, 19)
    path.lineTo(right, 12)
    path.closeSubpath()


def _chevron(path: QPainterPath, back: float, tip: float) -> None:
    path.moveTo(back, 6)
    path.lineTo(tip, 12)
    path.lineTo(back, 18)


def _cross(path: QPainterPath, *lines: tuple[float, float, float, float]) -> None:
    for x1, y1, x2, y2 in lines:
        path.moveTo(x1, y1)
        path.lineTo(x2, y2)


def _lock(stroke: QPainterPath, fill: QPainterPath, *, closed: bool) -> None:
    fill.addRoundedRect(QRectF(5.5, 11, 13, 9), 2, 2)
    stroke.moveTo(8, 11)
    stroke.lineTo(8, 8)
    stroke.arcTo(QRectF(8, 4, 8, 8), 180, -180 if closed else -150)
    if closed:
        stroke.lineTo(16, 11)


def _loudspeaker(fill: QPainterPath) -> None:
    corners = ((3.0, 9.5), (7.0, 9.5), (12.0, 5.0), (12.0, 19.0), (7.0, 14.5), (3.0, 14.5))
    fill.addPolygon([QPointF(*corner) for corner in corners])
    fill.closeSubpath()


def glyph_paths(name: str) -> tuple[QPainterPath, QPainterPath]:
    """A glyph as a path to stroke and a path to fill, in a square of GLYPH_SIDE."""
    stroke, fill = QPainterPath(), QPainterPath()
    match name:
        case "start":
            stroke.moveTo(6, 5.5)
            stroke.lineTo(6, 18.5)
            _triangle(fill, 19, 9)
        case "end":
            stroke.moveTo(18, 5.5)
            stroke.lineTo(18, 18.5)
            _triangle(fill, 5, 15)
        case "back":
            _chevron(stroke, 14.5, 9)
        case "forward":
            _chevron(stroke, 9.5, 15)
        case "far back":
            _chevron(stroke, 11, 5.5)
            _chevron(stroke, 18, 12.5)
        case "far forward":
            _chevron(stroke, 6, 11.5)
            _chevron(stroke, 13, 18.5)
        case "down":
            stroke.moveTo(6.5, 9.5)
            stroke.lineTo(12, 15)
            stroke.lineTo(17.5, 9.5)
        case "play":
            _triangle(fill, 7, 19)
        case "pause":
            fill.addRoundedRect(QRectF(6, 5, 4, 14), 1, 1)
            fill.addRoundedRect(QRectF(14, 5, 4, 14), 1, 1)
        case "new":
            _cross(stroke, (12, 5, 12, 19), (5, 12, 19, 12))
        case "dice":
            stroke.addRoundedRect(QRectF(4, 4, 16, 16), 3, 3)
            for at in ((8.5, 8.5), (15.5, 8.5), (12.0, 12.0), (8.5, 15.5), (15.5, 15.5)):
                fill.addEllipse(QPointF(*at), 1.4, 1.4)
        case "locked":
            _lock(stroke, fill, closed=True)
        case "unlocked":
            _lock(stroke, fill, closed=False)
        case "last":
            stroke.arcMoveTo(QRectF(5, 5, 14, 14), 150)
            stroke.arcTo(QRectF(5, 5, 14, 14), 150, -300)
            fill.moveTo(3, 6)
            fill.lineTo(10, 8.5)
            fill.lineTo(4.5, 13)
            fill.closeSubpath()
        case "loud":
            _loudspeaker(fill)
            for reach in (4.0, 7.5):
                area = QRectF(12 - reach, 12 - reach, 2 * reach, 2 * reach).translated(2, 0)
                stroke.arcMoveTo(area, 45)
                stroke.arcTo(area, 45, -90)
        case "muted":
            _loudspeaker(fill)
            _cross(stroke, (15.5, 9, 21, 15), (21, 9, 15.5, 15))
        case "card":
            stroke.addEllipse(QPointF(12, 12), 8, 8)
            stroke.moveTo(12, 11.5)
            stroke.lineTo(12, 16)
            fill.addEllipse(QPointF(12, 8.2), 1.2, 1.2)
        case "search":
            stroke.addEllipse(QPointF(10.5, 10.5), 5.5, 5.5)
            stroke.moveTo(14.8, 14.8)
            stroke.lineTo(19.5, 19.5)
        case "filter":
            _cross(stroke, (4.5, 7, 19.5, 7), (7.5, 12, 16.5, 12), (10.5, 17, 13.5, 17))
        case _:
            raise ValueError(f"there is no glyph {name!r}")
    return stroke, fill


def paint_glyph(painter: QPainter, name: str, rect: QRectF, colour: QColor) -> None:
    """Paints a glyph into the largest square in the middle of rect."""
    side = min(rect.width(), rect.height())
    stroke, fill = glyph_paths(name)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.center().x() - side / 2, rect.center().y() - side / 2)
    painter.scale(side / GLYPH_SIDE, side / GLYPH_SIDE)
    painter.fillPath(fill, colour)
    pen = QPen(colour, 2)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.strokePath(stroke, pen)
    painter.restore()


class GlyphEngine(QIconEngine):
    """Paints a glyph at any size and in the colours that its owner is shown in at that moment."""

    def __init__(self, name: str, owner: QWidget, colour: Callable[[Theme], QColor]) -> None:
        super().__init__()
        self.name = name
        # Weak: the owner holds its icon, and the icon its engine.
        self.owner = weakref.ref(owner)
        self.colour = colour

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        owner = self.owner()
        if owner is None:
            return
        with painting_with(painter):
            paint_glyph(painter, self.name, QRectF(rect), self._colour(owner, mode))

    def _colour(self, owner: QWidget, mode: QIcon.Mode) -> QColor:
        theme = colours(owner)
        colour = self.colour(theme)
        return mixed(colour, theme.panel, 0.65) if mode is QIcon.Mode.Disabled else colour

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """Kept, as the icons of files are: a walk that begins changes a dozen buttons at once."""
        pixmap, owner = QPixmap(size), self.owner()
        pixmap.fill(Qt.GlobalColor.transparent)
        if owner is None or size.isEmpty():
            return pixmap
        key = f"glyph {self.name} {self._colour(owner, mode).rgba():x} {size.width()} {size.height()}"
        if not QPixmapCache.find(key, pixmap):
            with QPainter(pixmap) as painter:
                self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
            QPixmapCache.insert(key, pixmap)
        return pixmap

    def clone(self) -> QIconEngine:
        owner = self.owner()
        assert owner is not None
        return GlyphEngine(self.name, owner, self.colour)


def glyph_icon(name: str, owner: QWidget, colour: Callable[[Theme], QColor] = lambda theme: theme.text) -> QIcon:
    """An icon that follows the theme of the widget that shows it."""
    return QIcon(GlyphEngine(name, owner, colour))


# --- buttons and labels ----------------------------------------------------------------------------------------------


RETURN_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
LIST_KEYS = (
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
)
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


def label(text: str = "", role: str = "") -> QLabel:
    """A label that shows its text as it is: names out of a file are no markup."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        set_role(made, role)
    return made


class ElidedLabel(QLabel):
    """A line that takes the width it gets and asks for none: what has no room is cut off, and told by the tool tip.

    It may be given shorter texts to say before anything is cut off.
    """

    def __init__(self, text: str = "", role: str = "", *, align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAlignment(align | Qt.AlignmentFlag.AlignVCenter)
        if role:
            set_role(self, role)
        self.full = ""
        self._shorter: tuple[str, ...] = ()
        self.say(text)

    def say(self, text: str, *shorter: str) -> None:
        """shorter: ever shorter texts for less and less room."""
        if (text, shorter) != (self.full, self._shorter):
            self.full, self._shorter = text, shorter
            self.setAccessibleName(text)
            self._fit()

    def _fit(self) -> None:
        texts, metrics = (self.full, *self._shorter), self.fontMetrics()
        fitted = [metrics.elidedText(text, Qt.TextElideMode.ElideRight, self.width()) for text in texts]
        shown = next((text for text in fitted if text in texts), fitted[-1])
        self.setText(shown)
        self.setToolTip(self.full if shown != self.full else "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()


class Banner(QLabel):
    """A message on as many lines as it needs, which takes the width it gets and asks for none.

    Words that are longer than a line, and what is very long as a whole, lose their middle; the tool tip has it all.
    """

    LONGEST = 600
    """Characters that are shown."""
    TIP_WIDTH = 80
    """Characters in a line of the tool tip."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = self.sizePolicy()
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        self.setSizePolicy(policy)
        self.full = ""

    def say(self, text: str) -> None:
        self.full = text
        self._fit()

    def _fit(self) -> None:
        text, half = self.full, self.LONGEST // 2
        if len(text) > self.LONGEST:
            text = f"{text[:half]} … {text[-half:]}"
        metrics, middle = self.fontMetrics(), Qt.TextElideMode.ElideMiddle
        # A little less than there is: the text's own layout may round each letter up.
        room = self.contentsRect().width() - 2 * metrics.averageCharWidth()
        text = " ".join(metrics.elidedText(word, middle, room) for word in text.split(" "))
        self.setText(text)
        tip = "\n".join(textwrap.wrap(self.full, self.TIP_WIDTH, break_on_hyphens=False))
        # As markup, since Qt would take a name with angle brackets for such.
        tip = f"<p style='white-space: pre'>{escape(tip)}</p>"
        self.setToolTip(tip if text != self.full else "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()


class MessageLine(QLabel):
    """One line under fields: empty, or what was wrong, in the colour of danger."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setContentsMargins(MARGIN, 4, MARGIN, 6)
        self.hide()

    def show_problem(self, text: str) -> None:
        self.setText(text)
        self._dress()
        self.setVisible(bool(text))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange and self.text():
            self._dress()
        super().changeEvent(event)

    def _dress(self) -> None:
        sheet = f"color: {colours(self).danger.name()};"
        if self.styleSheet() != sheet:
            self.setStyleSheet(sheet)


class EmptyState(QLabel):
    """What a panel says while it has nothing to show."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMargin(MARGIN)
        set_role(self, QUIET)


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


# --- numbers ---------------------------------------------------------------------------------------------------------


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


def log_ladder(first: float, last: float, steps: int, tidy: Callable[[float], float]) -> list[float]:
    """Values from first to last at even ratios, each made tidy, none twice."""
    ratio = (last / first) ** (1 / steps)
    return sorted({tidy(first * ratio**i) for i in range(steps + 1)})


def two_digits(value: float) -> float:
    """A number with two significant digits."""
    return float(f"{value:.2g}")


def number_text(value: float) -> str:
    """A short decimal number: three digits after the point, trailing zeros left out but for two."""
    text = f"{value:.3f}"
    return text[:-1] if text.endswith("0") else text


def probability_text(p: float) -> str:
    """A probability in five characters or so; very small ones by their power of ten."""
    if p == 0:
        return "0"
    if p < 1e-4:
        return f"{p:.0e}".replace("e-0", "e-")
    return f"{p:.4f}"


def grouped(number: int) -> str:
    """A whole number with a narrow space between thousands: 20 417."""
    return f"{number:,}".replace(",", "\u202f")


def ungrouped(text: str) -> str:
    """What was typed, without the spaces that group digits, and with a point for a comma."""
    return "".join(text.split()).replace("\u202f", "").replace("−", "-").replace(",", ".")


# --- layout ----------------------------------------------------------------------------------------------------------


class ItemLayout(QLayout):
    """What layouts of our own share: items in order, and a height that follows from the width."""

    def __init__(self, parent: QWidget | None, spacing: int) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setSpacing(spacing)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True


class EvenGrid(ItemLayout):
    """Cells of one size, as many beside each other as fit, rows as even as they can be."""

    HINT_WIDTH = 200

    def __init__(self, parent: QWidget | None = None, spacing: int = 6) -> None:
        super().__init__(parent, spacing)
        self.setContentsMargins(QMargins())

    def heightForWidth(self, width: int) -> int:
        rows = math.ceil(len(self._items) / self.columns(width))
        return rows * self._cell().height() + max(0, rows - 1) * self.spacing()

    def sizeHint(self) -> QSize:
        """As wide as a dock is: of the height that this width asks for a layout around the grid makes its least one."""
        columns, cell = self.columns(self.HINT_WIDTH), self._cell()
        width = columns * cell.width() + (columns - 1) * self.spacing()
        return QSize(width, self.heightForWidth(width))

    def minimumSize(self) -> QSize:
        return self._cell()

    def columns(self, width: int) -> int:
        count = max(1, len(self._items))
        fitting = max(1, (width + self.spacing()) // (max(1, self._cell().width()) + self.spacing()))
        rows = math.ceil(count / min(count, fitting))
        return math.ceil(count / rows)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        columns, cell, gap = self.columns(rect.width()), self._cell(), self.spacing()
        width = (rect.width() - (columns - 1) * gap) / columns
        for number, item in enumerate(self._items):
            row, column = divmod(number, columns)
            left, right = round(column * (width + gap)), round(column * (width + gap) + width)
            top = rect.y() + row * (cell.height() + gap)
            item.setGeometry(QRect(rect.x() + left, top, right - left, cell.height()))

    def _cell(self) -> QSize:
        size = QSize(0, 0)
        for item in self._items:
            size = size.expandedTo(item.sizeHint())
        return size


class Flow(ItemLayout):
    """Widgets one after another, in as many rows as the width asks for; what is hidden takes no room."""

    LEAST_WIDTH = 200

    def heightForWidth(self, width: int) -> int:
        margins = self.contentsMargins()
        places = self._places(width - margins.left() - margins.right())
        return max((place.bottom() + 1 for place in places), default=0) + margins.top() + margins.bottom()

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        return QSize(self._height(), self.heightForWidth(self.LEAST_WIDTH))

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        inner = rect.marginsRemoved(self.contentsMargins())
        for item, place in zip(self._shown(), self._places(inner.width()), strict=True):
            item.setGeometry(place.translated(inner.topLeft()))

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _height(self) -> int:
        """Of a row."""
        return max((item.sizeHint().height() for item in self._shown()), default=0)

    def _places(self, width: int) -> list[QRect]:
        places: list[QRect] = []
        height, x, y = self._height(), 0, 0
        for item in self._shown():
            size = QSize(min(item.sizeHint().width(), max(1, width)), height)
            if x and x + size.width() > width:
                x, y = 0, y + height + self.spacing()
            places.append(QRect(QPoint(x, y), size))
            x += size.width() + self.spacing()
        return places


def as_high_as_its_width_asks() -> QWidget:
    """Holds a layout of ours: a fixed height would cut off rows."""
    holder = QWidget()
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    holder.setSizePolicy(policy)
    return holder


def grid_of_cells() -> tuple[QWidget, EvenGrid]:
    """A widget with an ``EvenGrid``."""
    holder = as_high_as_its_width_asks()
    return holder, EvenGrid(holder)


class PanelScroll(QScrollArea):
    """Scrolls a panel up and down where the screen is low; never sideways, so it asks for the width that is needed."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.content = content
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(content)
        content.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.content and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def minimumSizeHint(self) -> QSize:
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self.content.minimumSizeHint().width() + bar, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        return self.content.sizeHint().expandedTo(self.minimumSizeHint())


# --- waiting ---------------------------------------------------------------------------------------------------------


class Spinner(QWidget):
    """A ring that turns while it is visible."""

    PERIOD_MS = 900
    TICK_MS = 50

    def __init__(self, side: int = 18) -> None:
        super().__init__()
        self.setFixedSize(side, side)
        self._turn = 0.0
        self._timer = QTimer(self, interval=self.TICK_MS)
        self._timer.timeout.connect(self._tick)

    def showEvent(self, event: QShowEvent) -> None:
        self._timer.start()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    @Slot()
    def _tick(self) -> None:
        self._turn = (self._turn + self.TICK_MS / self.PERIOD_MS) % 1.0
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            ring = QRectF(self.rect()).adjusted(2, 2, -2, -2)
            pen = QPen(theme.border, 2)
            painter.setPen(pen)
            painter.drawEllipse(ring)
            pen.setColor(theme.chosen)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawArc(ring, round(-self._turn * 360 * 16), 90 * 16)


def paint_focus_frame(painter: QPainter, rect: QRectF, theme: Theme) -> None:
    """The frame of a painted widget that has the keyboard."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(faded(theme.chosen, 0.8), 1))
    painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)


def clear(layout: QLayout) -> None:
    """Takes everything out of a layout and lets it go."""
    while layout.count():
        item: Any = layout.takeAt(0)
        if item.widget() is not None:
            item.widget().hide()
            item.widget().deleteLater()
        elif item.layout() is not None:
            clear(item.layout())
