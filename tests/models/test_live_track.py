"""A track that is played while a walk goes on: keys are heard from the next frame on, and nothing before changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.chain import MuLaw, SoundChain
from models.condition import Category
from models.decoder import Decoder
from models.errors import InputError
from models.model import ModelSpec
from models.networks.wavenet import WaveNet
from models.sampling import Walk, reproduce, run
from models.shaping import NEUTRAL, Shaping
from models.trace import ModelReference, Take, new_take
from models.track import MAX_EVENTS, Number, Track

HOP = 8
NOTES = Track("notes", 1000, 20, (Number("pitch", 0, 10), Category("touch", ("soft", "loud"))), "5 soft", held=True)
CHAIN = SoundChain(MuLaw(20), rate=1000 * HOP, default_seconds=0.1, max_seconds=10)


@pytest.fixture(scope="module")
def model() -> WaveNet:
    torch.manual_seed(3)
    sizes = {"residual": 6, "skip": 6, "head": 6, "dilations": [1, 2, 4, 8], "frames": 5}
    wavenet = WaveNet(ModelSpec("wavenet", CHAIN, (NOTES,), sizes)).eval()
    with torch.no_grad():
        for parameter in wavenet.parameters():
            parameter.normal_(std=0.5)
    return wavenet


def take_of(model: WaveNet, engine: str, count: int = 1, limit: int = 400) -> Take:
    reference = ModelReference("live", "Live", "0" * 64, CHAIN, (NOTES,))
    return new_take(
        reference, seed=1, count=count, condition={"notes": []}, shaping=NEUTRAL, engine=engine, limit=limit
    )


def press(walk: Walk, pitch: float) -> int:
    """Presses a key; the frame from which on it is heard."""
    trace = walk.take.traces[0]
    frame = NOTES.frame_after(CHAIN, len(trace) + 1)
    walk.recondition("notes", NOTES.pressed(trace.segment.condition["notes"], frame, pitch, "loud"))
    return frame


# --- the track --------------------------------------------------------------------------------------------------------


def test_a_key_ends_the_one_before_and_lasts_until_it_is_released() -> None:
    one = NOTES.pressed([], 3, 5.0, "soft")
    two = NOTES.pressed(one, 9, 6.0, "loud")
    assert two[0] == [3, 6, 5.0, "soft"]
    assert two[1][0] == 9
    assert NOTES.released(two, 15) == [[3, 6, 5.0, "soft"], [9, 6, 6.0, "loud"]]
    assert NOTES.released([], 15) == []


def test_what_was_to_come_gives_way_to_a_key() -> None:
    assert [event[0] for event in NOTES.pressed([[2, 5, 1.0, "soft"], [20, 5, 2.0, "soft"]], 9, 6.0, "loud")] == [2, 9]


def test_who_plays_for_long_plays_on_and_the_earlier_half_is_left_out() -> None:
    played: list[list[Any]] = []
    for n in range(MAX_EVENTS + 50):
        after = NOTES.pressed(played, 3 * n, float(n % 8), "loud")
        full = n == MAX_EVENTS
        assert NOTES.same_until(played, after, CHAIN, 3 * n * HOP) is not full
        assert NOTES.forgets(played, after, CHAIN, 3 * n * HOP) is full
        other = NOTES.pressed(played, 3 * n, 7.5, "soft")
        assert not NOTES.same_until(after, other, CHAIN, (3 * n + 1) * HOP)
        played = after
    assert len(played) == MAX_EVENTS // 2 + 50
    assert played[-1][0] == 3 * (MAX_EVENTS + 49)


def test_tracks_are_the_same_until_something_begins_or_ends() -> None:
    held = [[3, 100, 5.0, "soft"]]
    assert NOTES.same_until(held, [[3, 6, 5.0, "soft"]], CHAIN, 9 * HOP)
    assert not NOTES.same_until(held, [[3, 6, 5.0, "soft"]], CHAIN, 10 * HOP)
    assert NOTES.same_until([], held, CHAIN, 3 * HOP)
    assert not NOTES.same_until([], held, CHAIN, 3 * HOP + 1)
    assert NOTES.same_until(held, held, CHAIN, 10**6)


# --- the walk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["reference", "cached", "compiled"])
def test_a_played_walk_is_the_walk_under_the_whole_track(model: WaveNet, engine: str) -> None:
    take = take_of(model, engine, 2)
    walk = Walk(model, take)
    for step, pitch in ((37, 5.0), (60, 7.5), (120, 1.0)):
        while take.frontier < step:
            walk.advance(step - take.frontier)
        press(walk, pitch)
    while not walk.done:
        walk.advance(50)
    played = take.traces[0].segment.condition["notes"]
    assert [event[2] for event in played] == [5.0, 7.5, 1.0]

    known = take_of(model, engine, 2)
    for trace in known.traces:
        trace.recondition("notes", played)
    run(model, known)
    for one, other in zip(take.traces, known.traces, strict=True):
        assert np.array_equal(one.symbols, other.symbols)
        np.testing.assert_allclose(one.surprise, other.surprise, rtol=0, atol=1e-5 if engine == "reference" else 0)


@pytest.mark.parametrize("at", [0, 1, HOP - 1, HOP, HOP + 1])
def test_a_key_is_heard_from_the_next_frame_on(model: WaveNet, at: int) -> None:
    take, silent = take_of(model, "compiled"), take_of(model, "compiled")
    walk = Walk(model, take)
    walk.advance(at)
    begins = press(walk, 5.0) * HOP
    assert at < begins <= at + HOP
    while not walk.done:
        walk.advance(400)
    run(model, silent)
    assert np.array_equal(take.traces[0].entropy[:begins], silent.traces[0].entropy[:begins])
    assert take.traces[0].entropy[begins] != silent.traces[0].entropy[begins]


def test_no_decoder_is_made_anew_for_a_key(model: WaveNet, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk(model, take_of(model, "compiled"))
    walk.advance(30)
    monkeypatch.setattr("models.sampling.make_decoder", None)
    press(walk, 5.0)
    assert walk.advance(30) == 30


def test_a_decoder_that_cannot_go_on_is_made_anew(model: WaveNet, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, anew = (Walk(model, take_of(model, "cached")) for _ in range(2))
    for walk in (kept, anew):
        if walk is anew:
            monkeypatch.setattr("models.networks.wavenet_decoder.CachedWaveNet.recondition", Decoder.recondition)
        walk.advance(30)
        press(walk, 5.0)
        while not walk.done:
            walk.advance(100)
    assert np.array_equal(kept.take.traces[0].symbols, anew.take.traces[0].symbols)


def test_what_was_drawn_cannot_be_changed(model: WaveNet) -> None:
    take = take_of(model, "compiled")
    walk = Walk(model, take)
    walk.advance(100)
    with pytest.raises(InputError, match="cannot be changed where it has been drawn"):
        walk.recondition("notes", [[3, 5, 5.0, "soft"]])
    with pytest.raises(InputError, match="pitch is a number"):
        walk.recondition("notes", [[30, 5, 11.0, "soft"]])
    assert take.traces[0].segment.condition["notes"] == []


def test_a_played_take_is_reproduced_whatever_was_changed_while_it_was_played(model: WaveNet) -> None:
    take = take_of(model, "compiled")
    walk = Walk(model, take)
    walk.advance(50)
    press(walk, 5.0)
    walk.reshape(Shaping(temperature=0.7))
    walk.advance(50)
    press(walk, 2.0)
    while not walk.done:
        walk.advance(100)
    assert len(take.traces[0].schedule) == 2
    assert len({str(segment.condition) for segment in take.traces[0].schedule}) == 1
    report = reproduce(model, take.traces[0])
    assert report.first_difference is None


def test_a_take_of_more_keys_than_a_track_has_is_reproduced(model: WaveNet) -> None:
    take = take_of(model, "compiled", limit=(MAX_EVENTS + 40) * HOP)
    walk = Walk(model, take)
    for key in range(MAX_EVENTS + 30):
        walk.advance(HOP)
        press(walk, key % 8)
    while not walk.done:
        walk.advance(400)
    (trace,) = take.traces
    assert len(trace.schedule) == 2  # what was played at first stands in what was drawn then
    assert trace.segment_at(0).condition["notes"][0][0] == 2
    assert reproduce(model, trace).agrees
