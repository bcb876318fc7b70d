"""How far a walk that is heard runs ahead of the sound, on a clock of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from models.chain import MuLaw, SoundChain
from models.shaping import NEUTRAL
from studio.canvas.demo import empty_take
from studio.lead import CHUNK_SECONDS, LATENCIES, SPARE, STUCK_SECONDS, Lead
from studio.messages import WalkRequest

RATE = 8000
TICK = 0.005


@dataclass
class Rehearsal:
    """A walk of so many seconds by an engine that draws ``speed`` seconds of sound in one, and who hears it."""

    speed: float
    seconds: float = 4.0
    latency: float = 0.2
    lead: Lead = field(default_factory=Lead)
    now: float = 0.0
    frontier: float = 0.0
    heard: float = 0.0
    playing: bool = False
    gaps: int = 0
    began: float | None = None

    def __post_init__(self) -> None:
        chain = SoundChain(MuLaw(256), RATE, default_seconds=1.0, max_seconds=600.0)
        self.lead.latency = self.latency
        self.lead.heard = lambda: int(self.heard)
        self.take = empty_take(chain, limit=int(self.seconds * RATE))
        self.lead.begin(WalkRequest(1, self.take, NEUTRAL, float(RATE)))

    def tick(self) -> None:
        self.now += TICK
        room = self.lead.room(int(self.frontier), self.now)
        steps = min(self.speed * RATE * TICK, self.take.limit - self.frontier, math.inf if room is None else room)
        if steps:
            self.lead.drew(int(self.frontier + steps) - int(self.frontier), TICK)
            self.frontier += steps
        if not self.playing and (
            self.frontier == self.take.limit or self.lead.ready(int(self.heard), int(self.frontier))
        ):
            self.playing = True
            self.began = self.began or self.now
        if self.playing:
            self.heard += RATE * TICK
            if self.heard > self.frontier:
                self.heard, self.playing = self.frontier, False
                self.gaps += self.frontier < self.take.limit

    def run(self) -> None:
        while self.heard < self.take.limit:
            self.tick()
            assert self.now < 1000


@pytest.mark.parametrize("latency", LATENCIES)
def test_a_fast_engine_draws_the_latency_ahead_and_no_further(latency: float) -> None:
    walk = Rehearsal(speed=10, latency=latency)
    leads = []
    while walk.frontier < walk.take.limit:
        walk.tick()
        leads.append((walk.frontier - walk.heard) / RATE)
    assert max(leads) <= latency
    late = leads[len(leads) // 2 : -1]
    assert min(late) >= latency - CHUNK_SECONDS - 2 * TICK
    assert walk.gaps == 0
    assert not walk.lead.slow


def test_sound_begins_before_the_whole_latency_is_drawn() -> None:
    """Else a walk that waits for the sound and sound that waits for the walk would wait for ever."""
    walk = Rehearsal(speed=10)
    walk.run()
    assert walk.began is not None
    assert walk.began < 0.1


@pytest.mark.parametrize("speed", [0.1, 0.5, 0.9, 1.0])
def test_a_slow_engine_is_heard_late_and_without_a_gap(speed: float) -> None:
    walk = Rehearsal(speed)
    walk.run()
    assert walk.lead.slow
    assert walk.lead.speed == pytest.approx(speed, rel=0.05)
    assert walk.gaps == 0
    assert walk.began is not None
    whole = walk.seconds / speed
    assert whole * (1 - speed) <= walk.began <= max(whole * (1 - speed / SPARE) * 1.1, 0.3)


def test_it_is_told_before_anything_is_heard_that_an_engine_is_slow_and_how_long_it_takes() -> None:
    walk = Rehearsal(speed=0.25)
    while not walk.lead.slow:
        walk.tick()
    assert walk.now < 0.2
    assert walk.began is None
    expected = walk.lead.seconds_to_sound(0, int(walk.frontier))
    told = walk.now
    walk.run()
    assert walk.began == pytest.approx(told + expected, rel=0.1)


def test_what_an_engine_does_once_does_not_count() -> None:
    walk = Rehearsal(speed=5)
    assert not walk.lead.drew(1, 3.0)
    walk.run()
    assert not walk.lead.slow


def test_the_walk_before_says_nothing_about_the_next() -> None:
    walk = Rehearsal(speed=0.2, seconds=1.0)
    walk.run()
    walk.lead.begin(WalkRequest(2, walk.take, NEUTRAL, float(RATE)))
    assert not walk.lead.slow
    assert not walk.lead.ready(0, 100)


def test_a_walk_without_sound_is_left_to_its_pace() -> None:
    lead = Lead()
    assert lead.room(100, 0.0) is None


def test_a_walk_does_not_wait_for_ever_for_a_device_that_hangs() -> None:
    walk = Rehearsal(speed=10)
    lead = walk.lead
    full = int(walk.latency * RATE)
    assert lead.room(full, 0.0) == 0
    assert lead.room(full, STUCK_SECONDS - 0.1) == 0
    assert lead.room(full, STUCK_SECONDS + 0.1) is None


def test_small_blocks_that_take_their_time_make_no_engine_slow() -> None:
    """At first a block is a step or two, and most of its time goes to the window."""
    rehearsal = Rehearsal(speed=5)
    lead, steps = rehearsal.lead, 1
    lead.drew(1, 0.4)
    for _ in range(8):
        assert not lead.drew(steps, 0.02 + steps / (5 * RATE))
        steps *= 2
    assert not lead.slow
    slow = Rehearsal(speed=0.5).lead
    slow.drew(1, 0.4)
    assert any(slow.drew(2, 2 / (0.5 * RATE)) for _ in range(400))


def test_a_device_that_holds_more_than_the_latency_gets_it() -> None:
    lead = Rehearsal(speed=5).lead
    assert lead.room(0, 0.0) == int(0.2 * RATE)
    lead.device_latency = 0.5
    assert lead.room(0, 0.0) == int(0.6 * RATE)
    assert not lead.ready(0, int(0.4 * RATE))


def test_what_is_slow_at_first_may_turn_out_to_keep_up() -> None:
    lead = Rehearsal(speed=5).lead
    lead.drew(1, 0.4)
    assert lead.drew(40, 0.2)
    assert lead.slow
    for _ in range(30):
        lead.drew(400, 0.01)
    assert not lead.slow


def test_nobody_waits_for_the_rest_of_what_has_no_end() -> None:
    chain = SoundChain(MuLaw(256), RATE, default_seconds=1.0, max_seconds=2.0)
    take = empty_take(chain, limit=chain.endless_limit)
    lead = Lead()
    lead.begin(WalkRequest(1, take, NEUTRAL, float(RATE)))
    lead.drew(1, 0.4)
    lead.drew(400, 0.1)
    assert lead.slow
    assert lead.seconds_to_sound(0, 0) < 3
