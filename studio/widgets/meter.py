"""A level meter: what is heard now, the loudest moment before, and whether it was too loud."""

from __future__ import annotations

import math
import time

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QHideEvent, QMouseEvent, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.theme import colours, faded
from studio.widgets.painting import painting

FLOOR_DB = -60.0
"""The left end; the right end is full scale, 0 dB."""

LOUD_DB = -6.0
"""From here on the bar is amber."""

FALL_DB = 20 / 1.7
"""Per second: as slowly as peak programme meters fall."""

HOLD_SECONDS = 1.0
FRAME_MS = 33
HEIGHT, CLIP_WIDTH, GAP = 6, 6, 2


class LevelMeter(QWidget):
    """A bar in dB with a tick at the peak of the last second; the mark at its end stays lit until it is clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.level = FLOOR_DB
        self.held = FLOOR_DB
        self.overloaded = False
        self._held_until = 0.0
        self._fallen = 0.0
        self._falling = QTimer(self, interval=FRAME_MS)
        self._falling.timeout.connect(self._fall)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._tell()

    def sizeHint(self) -> QSize:
        return QSize(60, HEIGHT)

    @Slot(float, bool)
    def show_level(self, amplitude: float, overloaded: bool) -> None:
        """amplitude: the largest since the last time, 0 … 1. overloaded: whether a sample was at the end of its
        range."""
        self._fall()
        level = max(FLOOR_DB, 20 * math.log10(amplitude)) if amplitude > 0 else FLOOR_DB
        self.level = max(self.level, level)
        if level >= self.held:
            self.held, self._held_until = level, time.monotonic() + HOLD_SECONDS
        if overloaded and not self.overloaded:
            self.overloaded = True
            self._tell()
        if self.held > FLOOR_DB and self.isVisible() and not self._falling.isActive():
            self._falling.start()
        self.update()

    @Slot()
    def _fall(self) -> None:
        now = time.monotonic()
        fall, self._fallen = FALL_DB * (now - self._fallen), now
        self.level = max(FLOOR_DB, self.level - fall)
        if now >= self._held_until:
            self.held = max(self.level, self.held - fall)
        if self.held <= FLOOR_DB:
            self._falling.stop()
        self.update()

    def _tell(self) -> None:
        self.setAccessibleName("Level: overloaded" if self.overloaded else "Level")
        why = "Some samples lay at the end of their range. Click: forget it. " if self.overloaded else ""
        self.setToolTip(f"{why}Level of what is heard, {FLOOR_DB:.0f} … 0 dB, with the peak of the last second")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Puts the mark out."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.overloaded = False
            self._tell()
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, room = colours(self), self._bar
            painter.fillRect(room, theme.line)
            loud = min(self.level, LOUD_DB)
            painter.fillRect(self._stretch(FLOOR_DB, loud), theme.chosen)
            if self.level > LOUD_DB:
                painter.fillRect(self._stretch(LOUD_DB, self.level), theme.now)
            if self.held > FLOOR_DB:
                at = self._stretch(FLOOR_DB, self.held).right()
                painter.fillRect(QRectF(at - 1, room.top(), 2, room.height()), theme.text)
            mark = theme.danger if self.overloaded else faded(theme.danger, 0.25)
            painter.fillRect(QRectF(room.right() + GAP, 0, CLIP_WIDTH, self.height()), mark)

    @property
    def _bar(self) -> QRectF:
        return QRectF(0, 0, self.width() - CLIP_WIDTH - GAP, self.height())

    def _stretch(self, low: float, high: float) -> QRectF:
        """Where the levels low … high lie, in dB."""
        room = self._bar
        scale = room.width() / -FLOOR_DB
        return QRectF((low - FLOOR_DB) * scale, room.top(), max(0.0, high - low) * scale, room.height())

    def hideEvent(self, event: QHideEvent) -> None:
        self._falling.stop()
        super().hideEvent(event)
