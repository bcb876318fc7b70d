"""How far a walk that is heard while it is drawn runs ahead of the sound. Plain logic: no Qt, no torch, no clock.

A walk in real time draws up to the *latency* beyond the sample that is heard, and no further: what is changed in
mid-run, the temperature or a key that is pressed, is heard that much later. An engine that does not keep up with the
sound would be heard in pieces; it draws as fast as it can, and sound begins only when so much lies ready that the rest
is drawn in time.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

from studio.messages import WalkRequest

LATENCIES = (0.1, 0.2, 0.3, 0.5, 1.0)
"""Seconds to choose from. Below the first there is not enough left for the device and for a busy machine."""
DEFAULT_LATENCY = 0.2
DEVICE_SHARE = 0.5
"""Of the latency, what the device may hold; the rest lies ready for it."""
CUSHION_SHARE = 0.75
"""Of the latency, what must lie ready before sound begins, or goes on after it had to wait."""
CHUNK_SECONDS = 0.01
"""A walk that has drawn far enough goes on once there is this much to draw."""
STUCK_SECONDS = 2.0
"""A walk does not wait for a device that has played nothing for this long."""
JUDGED_SECONDS = 0.1
"""Of work, after which it is known whether an engine keeps up; a faster one has drawn its latency by then."""
SPARE = 1.1
"""How much faster than the sound an engine has to be: the machine has other things to do."""


class Lead:
    """See the module. ``ready`` and ``seconds_to_sound`` are for any thread, the rest for the one that walks.

    latency: in seconds. heard: tells which sample is heard; None while no walk is. hand_on: gives what was drawn to
    whoever plays it.
    """

    def __init__(self) -> None:
        self.latency = DEFAULT_LATENCY
        self.heard: Callable[[], int | None] = lambda: None
        self.hand_on: Callable[[], None] = lambda: None
        self.slow = False
        """Whether the engine does not keep up with the sound; False until that is known."""
        self.speed = 0.0
        """Seconds of sound that the engine draws in one; 0 until that is known."""
        self.device_latency = 0.0
        """Seconds that the device holds, which may be more than it was asked to."""
        self._rate = 1
        self._limit = 0
        self._warm = False
        self._horizon = 0
        self._drawn, self._largest = 0, 0
        self._steps, self._seconds = 0, 0.0
        self._position, self._since = -1, 0.0

    def begin(self, request: WalkRequest) -> None:
        """Another walk begins."""
        self.slow, self.speed, self._warm = False, 0.0, False
        self._drawn, self._largest = 0, 0
        self._steps, self._seconds = 0, 0.0
        take = request.take
        self._rate, self._limit = take.chain.steps_per_second or 1, take.limit
        # Of what has no end nobody waits for the rest.
        self._horizon = take.chain.default_limit if take.endless else take.limit
        self._position = -1

    def drew(self, steps: int, seconds: float) -> bool:
        """The walk took so long for some steps. True: it is known from now on that the engine does not keep up."""
        if not self._warm:
            self._warm = True  # what an engine does at its first step it does once
            return False
        self._drawn += steps
        if steps > self._largest:  # blocks grow at first: of the small ones most of the time goes to the window
            self._largest, self._steps, self._seconds = steps, 0, 0.0
        self._steps += steps
        self._seconds += seconds
        drawn, spent = self._steps, self._seconds  # another thread may begin anew
        if spent < JUDGED_SECONDS:
            return False
        self.speed = drawn / spent / self._rate
        was, enough = self.slow, self._drawn >= self.ahead * self._rate
        self.slow = self.speed < SPARE and (was or not enough)
        return self.slow and not was

    @property
    def ahead(self) -> float:
        """Seconds that the walk may be ahead of what is heard: the latency, or what the device needs."""
        return max(self.latency, self.device_latency + (1 - DEVICE_SHARE) * self.latency)

    def room(self, frontier: int, now: float) -> int | None:
        """How many steps the walk may draw; None: no sound tells. now: the clock, in seconds."""
        heard = self.heard()
        if heard is None:
            return None
        if self.slow:
            return sys.maxsize
        if heard != self._position:
            self._position, self._since = heard, now
        room = heard + int(self.ahead * self._rate) - frontier
        if room >= CHUNK_SECONDS * self._rate:
            return room
        return None if now - self._since > STUCK_SECONDS else 0

    def ready(self, start: int, frontier: int) -> bool:
        """Whether sound may begin at a sample, or go on from it after it had to wait."""
        return frontier - start >= self._cushion(start)

    def seconds_to_sound(self, start: int, frontier: int) -> float:
        """How long it takes until ``ready``, as far as that is known."""
        missing = self._cushion(start) - (frontier - start)
        return max(0.0, missing / (self.speed * self._rate)) if self.speed else 0.0

    def _cushion(self, start: int) -> int:
        """While what lies ready is heard, a slow engine draws ``speed`` times as much."""
        rest = min(self._limit - start, self._horizon)
        least = min(rest, int(CUSHION_SHARE * self.ahead * self._rate))
        return max(least, math.ceil(rest * (1 - self.speed / SPARE))) if self.slow else least
