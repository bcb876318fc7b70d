"""Replay: what is drawn is played again, without drawing anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from models.video import VideoChain

if TYPE_CHECKING:
    from studio.state import Studio

TICK_MS = 33


class Replay(QObject):
    """A clock of its own that moves the cursor over what is drawn, from where it stands.

    Images: the cursor moves at the chosen pace. Videos: it moves on by whole frames, as fast as they come, over and
    over. Sound: the playhead moves in real time and the cursor stays; whoever plays it says when it comes to its end.
    """

    changed = Signal()
    """It has begun, or come to its end."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.running = False
        self.film_rate: int | None = None
        """Frames per second of videos, where the user chose; None: what a video comes in."""
        self._studio = studio
        self._position = 0.0
        """The cursor, between two steps."""
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self.tick)

    def start(self) -> None:
        """Plays what is drawn from the cursor, from the start if it stands at the end."""
        studio = self._studio
        if studio.take is None or studio.settings is None:
            return
        if studio.looking.cursor >= studio.take.longest:
            studio.looking.move_cursor(0)
        self.go_on_from(studio.looking.cursor)
        studio.looking.following = False
        self.running = True
        self.changed.emit()
        if studio.take.chain.modality != "sound":
            self._timer.start()

    def rate_of(self, chain: VideoChain) -> int:
        """Frames per second."""
        return self.film_rate or chain.rate

    def go_on_from(self, step: int) -> None:
        """Somebody has moved the cursor."""
        self._position = float(step)

    def end(self) -> None:
        """It is stopped, or what plays has come to its end."""
        self._timer.stop()
        self.running = False
        self.changed.emit()

    @Slot()
    def tick(self) -> None:
        """Moves the cursor on by a tick of the clock."""
        take, settings = self._studio.take, self._studio.settings
        if take is None or settings is None:
            self.end()
        elif isinstance(take.chain, VideoChain):
            self._show_next_frame(take.chain, take.longest)
        else:
            # As fast as possible would be no replay at all: the whole take in a second.
            pace = settings.pace if math.isfinite(settings.pace) else max(take.longest, 1)
            self._position = min(take.longest, self._position + pace * TICK_MS / 1000)
            self._studio.looking.put_cursor(int(self._position))
            if self._studio.looking.cursor >= take.longest:
                self.end()
                self._studio.looking.follow()

    def _show_next_frame(self, chain: VideoChain, end: int) -> None:
        """The cursor comes to stand at the end of a frame: all of it is drawn."""
        pixels = chain.frame.length
        whole = -(-end // pixels) * pixels
        self._position = (self._position + self.rate_of(chain) * pixels * TICK_MS / 1000) % whole
        self._studio.looking.put_cursor(min(end, (int(self._position) // pixels + 1) * pixels))
