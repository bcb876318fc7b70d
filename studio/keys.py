"""Keys that are played while the sound that they steer is drawn and heard."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from models.condition import Condition
from models.trace import Take, longest_of, new_take
from models.track import Track
from studio.widgets.controls import next_drag

if TYPE_CHECKING:
    from studio.state import Studio

PLAYED_SECONDS = 60.0
"""How long a take lasts that begins with a key, unless it is paused."""


class Keys(QObject):
    """Plays the track of the chosen model; what was played in one take is one step of undo."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._studio = studio
        self._played = ""
        """The take whose keys are one undo step, with the number of that."""
        self._drag = 0
        studio.worker.played.connect(self._on_played)

    @property
    def track(self) -> Track | None:
        """What of the chosen model can be played while it is drawn, if anything can."""
        factors = self._studio.entry.header.factors if self._studio.entry is not None else ()
        return next((factor for factor in factors if isinstance(factor, Track) and factor.held), None)

    def press(self, *values: Any) -> None:
        """Plays an event of the track with these values, while what is drawn is heard.

        Goes on with what was begun, else begins a take with nothing on its track and time to play.
        """
        studio, track = self._studio, self.track
        if track is None or studio.settings is None or studio.loaded is None:
            return
        rate = float(studio.loaded.reference.chain.steps_per_second or math.inf)
        if not studio.running:
            if studio.can_go_on and studio.looks_into:
                studio.go_on(pace=rate)
            else:
                reference, name = studio.loaded.reference, track.name
                limit = max(studio.settings.limit, int(PLAYED_SECONDS * rate))

                def make(condition: Condition, count: int, **fields: Any) -> Take:
                    longest = longest_of(count, limit)
                    return new_take(reference, condition={**condition, name: []}, limit=longest, count=count, **fields)

                studio.begin_with(make, pace=rate)
        studio.worker.press(track.name, values)

    @Slot()
    def release(self) -> None:
        if self.track is not None:
            self._studio.worker.release(self.track.name)

    @Slot(str)
    def _on_played(self, take_id: str) -> None:
        """What is played is what the next take would play again."""
        track, settings, take = self.track, self._studio.settings, self._studio.take
        if track is None or settings is None or take is None or take.id != take_id:
            return
        traces = [trace for trace in take.traces if not trace.finished] or take.traces
        played = max(traces, key=len).segment.condition[track.name]
        if self._played != take_id:
            self._played, self._drag = take_id, next_drag()
        condition = {**settings.condition, track.name: played}
        self._studio.change(f"Played {track.name}", drag=self._drag, condition=condition, limit=settings.limit)
