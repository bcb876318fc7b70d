"""A track as blocks along a time axis: events are added, moved, stretched, changed and taken away by hand."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from models.condition import Category
from models.track import MAX_EVENTS, MAX_FRAME, Number, Track
from studio.theme import QUIET_PIXELS, RADIUS, colours, faded
from studio.widgets.controls import claims_key, next_drag
from studio.widgets.painting import paint_focus_frame, painting

Events = list[list[Any]]
"""A value of a track."""

MOVES = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
CHANGES = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}
REMOVES = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)
EDGE = 5
"""Logical pixels from the end of a block at which it is stretched instead of moved."""
LEAST_SECONDS, SECONDS_AFTER = 2.0, 0.3
"""What the axis shows: at least, and after the last event."""
LEAST_TICK = 34
"""Logical pixels between two marks of the axis."""
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300)
"""Seconds between two marks."""
ROOM_AROUND = 4
"""Of a number: what is shown below the lowest and above the highest event, as its distance in units."""


class Grip(Enum):
    """What of a block the mouse has."""

    MIDDLE = "middle"
    START = "start"
    END = "end"


@dataclass
class Drag:
    """A block that the mouse holds: which, where, at which frame and height it was taken, and what it was."""

    number: int
    grip: Grip
    frame: float
    height: float
    event: list[Any]
    drag: int


def put(track: Track, events: Events, number: int, event: list[Any]) -> tuple[Events, int]:
    """The events with one of them changed, in order, and where it stands now; starts stay apart."""
    others = [other for n, other in enumerate(events) if n != number]
    taken = {other[0] for other in others}
    event[0] = min(max(0, event[0]), MAX_FRAME)
    event[1] = max(1, event[1])
    while event[0] in taken:
        event[0] += 1
    changed = sorted([*others, event], key=lambda other: int(other[0]))
    track.check(changed)
    return changed, changed.index(event)


class TrackView(QWidget):
    """See the module. Where an event has a number, its block stands as high as that: a piano roll."""

    changed = Signal(list, int)
    """Other events, and the number of the drag."""

    HEIGHT, ROLL_HEIGHT = 64, 132
    AXIS = 16

    def __init__(self, track: Track) -> None:
        super().__init__()
        self.track = track
        self.events: Events = []
        self.selected: int | None = None
        self.now: float | None = None
        """Seconds; where a walk of it has come to."""
        numbers = [n for n, part in enumerate(track.parts) if isinstance(part, Number)]
        self._number_at = 2 + numbers[0] if numbers else None
        """Where in an event the number stands that is its height."""
        self._drag: Drag | None = None
        self.setAccessibleName(track.name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        up_down = "" if self._number_at is None else "; up and down changes it"
        self.setToolTip(
            "Drag a block to move it, its ends to stretch it; double-click adds one, Delete takes the chosen one away"
            + up_down
        )

    def show_events(self, events: Events) -> None:
        if events != self.events:
            self.events = copy.deepcopy(events)
            if self.selected is not None and self.selected >= len(events):
                self.selected = None
            self.update()

    def show_now(self, seconds: float | None) -> None:
        if seconds != self.now:
            self.now = seconds
            self.update()

    # --- where things are ------------------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """What the axis shows; while a block is dragged it stays as it was."""
        if self._drag is None:
            end = max((self._end(event) for event in self.events), default=0) / self.track.per_second
            self._seconds = max(LEAST_SECONDS, end + SECONDS_AFTER)
        return self._seconds

    def _end(self, event: list[Any]) -> int:
        """Up to which frame an event is painted: one that goes on, as a key that is held, up to where the walk is."""
        end = self.track.end(event)
        if event[1] != MAX_FRAME or self.now is None:
            return end
        return max(end, math.ceil(self.now * self.track.per_second))

    def _x(self, frame: float) -> float:
        return frame / self.track.per_second / self.seconds * self.width()

    def _frame(self, x: float) -> float:
        return x / max(1, self.width()) * self.seconds * self.track.per_second

    @property
    def _span(self) -> tuple[float, float]:
        """Of the number: the lowest and the highest that the roll shows."""
        assert self._number_at is not None
        part = self.track.parts[self._number_at - 2]
        assert isinstance(part, Number)
        values = [event[self._number_at] for event in self.events] or [part.default]
        return max(part.low, min(values) - ROOM_AROUND), min(part.high, max(values) + ROOM_AROUND)

    @property
    def _rows(self) -> QRectF:
        """Where blocks stand."""
        return QRectF(0, 2, self.width(), self.height() - self.AXIS - 4)

    def block(self, number: int) -> QRectF:
        """Where an event is painted."""
        start, end = self.events[number][0], self._end(self.events[number])
        following = self.events[number + 1][0] if number + 1 < len(self.events) else end
        left, right = self._x(start), self._x(min(end, following))
        rows = self._rows
        if self._number_at is None:
            return QRectF(left, rows.top(), max(3.0, right - left - 1), rows.height())
        low, high = self._span
        height = max(10.0, rows.height() / max(1.0, high - low + 1))
        share = (self.events[number][self._number_at] - low) / max(1e-9, high - low)
        middle = rows.bottom() - height / 2 - share * (rows.height() - height)
        return QRectF(left, middle - height / 2, max(3.0, right - left - 1), height)

    def _value_at(self, y: float) -> float:
        """The number that a height stands for, whole."""
        low, high = self._span
        rows = self._rows
        share = (rows.bottom() - y) / max(1.0, rows.height())
        return float(round(min(high, max(low, low + share * (high - low)))))

    def at(self, place: QPointF) -> tuple[int, Grip] | None:
        """The block under the mouse, and what of it."""
        for number in reversed(range(len(self.events))):
            block = self.block(number)
            if block.adjusted(-2, 0, 2, 0).contains(place):
                edge = min(EDGE, block.width() / 4)
                if place.x() < block.left() + edge:
                    return number, Grip.START
                return number, Grip.END if place.x() > block.right() - edge else Grip.MIDDLE
        return None

    # --- changes ---------------------------------------------------------------------------------------------------

    def _put(self, number: int, event: list[Any], drag: int) -> None:
        events, self.selected = put(self.track, self.events, number, event)
        self._tell(events, drag)

    def _tell(self, events: Events, drag: int) -> None:
        if events != self.events:
            self.events = events
            self.update()
            self.changed.emit(copy.deepcopy(events), drag)

    def add(self, frame: int, height: float) -> None:
        """An event there, like the one that is chosen, or the last one."""
        if len(self.events) >= MAX_EVENTS:
            return
        like = self.events[self.selected if self.selected is not None else -1] if self.events else None
        values = like[2:] if like else [part.example for part in self.track.parts]
        event = [frame, self.track.usual, *values]
        if self._number_at is not None:
            event[self._number_at] = self._value_at(height)
        later = [other[0] for other in self.events if other[0] > frame]
        event[1] = min(self.track.usual, *(start - frame for start in later)) if later else self.track.usual
        self._put(len(self.events), event, next_drag())

    def remove(self) -> None:
        """Takes the chosen event away."""
        if self.selected is not None:
            events = [event for n, event in enumerate(self.events) if n != self.selected]
            self.selected = min(self.selected, len(events) - 1) if events else None
            self._tell(events, next_drag())

    def _drag_to(self, place: QPointF) -> None:
        assert self._drag is not None
        held = self._drag
        event = list(held.event)
        by = round(self._frame(place.x()) - held.frame)
        if held.grip is Grip.MIDDLE:
            event[0] = max(0, event[0] + by)
            if self._number_at is not None and abs(place.y() - held.height) > EDGE:
                event[self._number_at] = self._value_at(place.y())
        elif held.grip is Grip.END:
            event[1] = max(1, event[1] + by)
        else:
            moved = min(max(-event[0], by), event[1] - 1)
            event[0], event[1] = event[0] + moved, event[1] - moved
        self._put(held.number, event, held.drag)
        assert self.selected is not None
        held.number = self.selected

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        place = event.position()
        found = self.at(place)
        self.selected = found[0] if found else None
        if found:
            number, grip = found
            shown = self.seconds  # before the drag holds the axis still
            taken = list(self.events[number])
            if grip is Grip.END:
                taken[1] = self._end(taken) - taken[0]  # of one that goes on, what is painted
            self._drag = Drag(number, grip, self._frame(place.x()), place.y(), taken, next_drag())
            self._seconds = shown
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag is not None:
            self._drag_to(event.position())
            return
        found = self.at(event.position())
        shape = Qt.CursorShape.ArrowCursor
        if found:
            shape = Qt.CursorShape.OpenHandCursor if found[1] is Grip.MIDDLE else Qt.CursorShape.SizeHorCursor
        self.setCursor(shape)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag = None
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.at(event.position()) is None:
            self.add(round(self._frame(event.position().x())), event.position().y())

    def event(self, event: QEvent) -> bool:
        typed = isinstance(event, QKeyEvent) and self.selected is not None and self._value_of(event) is not None
        if event.type() == QEvent.Type.ShortcutOverride and typed:
            event.accept()
            return True
        if claims_key(event, *MOVES, *CHANGES, *REMOVES):
            return True
        return super().event(event)

    def _value_of(self, event: QKeyEvent) -> str | None:
        """The value of the first category that a key stands for: a digit."""
        category = next((part for part in self.track.parts if isinstance(part, Category)), None)
        text = event.text()
        return text if category is not None and text in category.values else None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        typed = self._value_of(event)
        if self.selected is None and self.events and key in (*MOVES, *CHANGES):
            self.selected = 0
            self.update()
        elif self.selected is None:
            super().keyPressEvent(event)
        elif key in REMOVES:
            self.remove()
        elif key in MOVES:
            changed = list(self.events[self.selected])
            changed[0] += MOVES[key] * max(1, self.track.per_second // 50)
            self._put(self.selected, changed, next_drag())
        elif key in CHANGES:
            self._change_value(CHANGES[key])
        elif typed is not None:
            changed = list(self.events[self.selected])
            place = next(n for n, part in enumerate(self.track.parts) if isinstance(part, Category))
            changed[2 + place] = typed
            self._put(self.selected, changed, next_drag())
        else:
            super().keyPressEvent(event)

    def _change_value(self, by: int) -> None:
        """The next number, or the next value of the category."""
        assert self.selected is not None
        changed = list(self.events[self.selected])
        part = self.track.parts[0]
        if isinstance(part, Number):
            changed[2] = float(min(part.high, max(part.low, changed[2] + by)))
        elif isinstance(part, Category):
            changed[2] = part.values[(part.values.index(changed[2]) + by) % len(part.values)]
        self._put(self.selected, changed, next_drag())

    # --- painting --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.window)
            painter.drawRoundedRect(QRectF(self.rect()), RADIUS, RADIUS)
            self._paint_axis(painter)
            for number in range(len(self.events)):
                self._paint_block(painter, number)
            if not self.events:
                painter.setPen(theme.quiet)
                painter.drawText(self._rows, Qt.AlignmentFlag.AlignCenter, "Double-click to add")
            if self.now is not None and 0 < self.now <= self.seconds:
                painter.setPen(QPen(theme.now, 1.5))
                x = self.now / self.seconds * self.width()
                painter.drawLine(QPointF(x, 0), QPointF(x, self.height() - self.AXIS))
            if self.hasFocus():
                paint_focus_frame(painter, QRectF(self.rect()), theme)

    def _paint_axis(self, painter: QPainter) -> None:
        theme, bottom = colours(self), self.height() - self.AXIS
        font = self.font()
        font.setPixelSize(QUIET_PIXELS - 2)
        painter.setFont(font)
        apart = next((tick for tick in TICKS if tick / self.seconds * self.width() >= LEAST_TICK), TICKS[-1])
        for n in range(1, int(self.seconds / apart) + 1):
            x = n * apart / self.seconds * self.width()
            painter.setPen(QPen(theme.line, 1))
            painter.drawLine(QPointF(x, 0), QPointF(x, bottom))
            text = f"{n * apart:g} s"
            wide = painter.fontMetrics().horizontalAdvance(text)
            if x + wide / 2 < self.width():
                painter.setPen(theme.quiet)
                painter.drawText(QPointF(x - wide / 2, self.height() - 4), text)

    def _paint_block(self, painter: QPainter, number: int) -> None:
        theme, block = colours(self), self.block(number)
        chosen = number == self.selected
        painter.setPen(QPen(theme.chosen if chosen else theme.border, 1.5 if chosen else 1))
        painter.setBrush(theme.chosen_fill if chosen else theme.raised)
        painter.drawRoundedRect(block.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        event = self.events[number]
        said = " ".join(part.label(value) for part, value in zip(self.track.parts, event[2:], strict=True))
        if self._number_at is not None:
            self._paint_above(painter, block, said)
            return
        font = self.font()
        font.setPixelSize(QUIET_PIXELS + 1)
        painter.setFont(font)
        text = painter.fontMetrics().elidedText(said, Qt.TextElideMode.ElideRight, int(block.width()) - 2)
        painter.setPen(theme.text if chosen or not theme.dark else faded(theme.text, 0.9))
        painter.drawText(block, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_above(self, painter: QPainter, block: QRectF, text: str) -> None:
        """What an event of a roll says, above its block, or below it at the top; nothing where it does not fit."""
        font = self.font()
        font.setPixelSize(QUIET_PIXELS - 1)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        wide, high = metrics.horizontalAdvance(text), metrics.height()
        if wide <= block.width():
            painter.setPen(colours(self).quiet)
            baseline = block.top() - metrics.descent() if block.top() >= high else block.bottom() + metrics.ascent()
            painter.drawText(QPointF(block.left() + 1, baseline), text)

    def sizeHint(self) -> QSize:
        return QSize(220, self.HEIGHT if self._number_at is None else self.ROLL_HEIGHT)
