"""Tracks: what happens when, as a value, as text, and as a network sees it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from models.chain import MuLaw, SoundChain
from models.condition import Category, factors_from_json, in_brief, in_words
from models.errors import InputError
from models.layers.track_features import HARMONICS, TrackFeatures
from models.track import MAX_EVENTS, MAX_FRAME, Number, Pitch, Track

DIGITS = Track("digits", 100, 40, (Category("digit", tuple("0123456789")),), "4 0 7")
NOTES = Track("notes", 50, 20, (Number("pitch", 21, 108), Category("touch", ("pp", "ff"))), "60 pp", held=True)


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("track", "text", "value"),
    [
        (DIGITS, "", []),
        (DIGITS, "4 0", [[10, 40, "4"], [60, 40, "0"]]),
        (DIGITS, "40", [[10, 40, "4"], [60, 40, "0"]]),
        (DIGITS, " 4,0 ", [[10, 40, "4"], [60, 40, "0"]]),
        (DIGITS, "0.1+0.3 4, 0.5+1 7", [[10, 30, "4"], [50, 100, "7"]]),
        (DIGITS, "0.1+0.3 4, 7", [[10, 30, "4"], [50, 40, "7"]]),
        (DIGITS, "-0.2+0.3 4", [[-20, 30, "4"]]),
        (DIGITS, "0.1+ 4, 0.5+ 7, 9", [[10, MAX_FRAME, "4"], [50, MAX_FRAME, "7"], [100, 40, "9"]]),
        (NOTES, "60 pp, 64.5 ff", [[5, 20, 60.0, "pp"], [30, 20, 64.5, "ff"]]),
    ],
)
def test_a_track_is_typed_with_or_without_times(track: Track, text: str, value: Any) -> None:
    assert track.parse(text) == value


@pytest.mark.parametrize(
    "value",
    [[], [[3, 7, 60.25, "ff"], [9, 1, 21.0, "pp"]], [[-3, 7, 59.123456789, "ff"]], [[3, MAX_FRAME, 60.0, "pp"]]],
)
def test_its_text_is_parsed_to_the_very_value(value: Any) -> None:
    assert NOTES.parse(NOTES.format(value)) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("4 x", "digit has no value 'x'"),
        ("0.1+0 4", "lasts one or more"),
        ("1+1 4, 0.5+1 7", "start one after another, not at 100 and then 50"),
        ("1.2.3+1 4", "no times in seconds"),
        (" ".join("4" * (MAX_EVENTS + 1)), f"at most {MAX_EVENTS} events"),
    ],
)
def test_what_is_no_track_is_refused_with_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        DIGITS.parse(text)


@pytest.mark.parametrize("text", ["60", "60 pp ff", "pp 60", "200 pp", "60 pp 61 pp"])
def test_an_event_has_a_value_for_each_part(text: str) -> None:
    with pytest.raises(InputError):
        NOTES.parse(text)


@pytest.mark.parametrize(
    "value",
    [None, "4", [4], [[0, 40]], [[0.0, 40, "4"]], [[0, True, "4"]], [[0, 40, {"4": 0.5, "0": 0.5}]], [[0, 40, 4]]],
)
def test_only_what_json_holds_of_a_track_is_a_value(value: Any) -> None:
    assert not DIGITS.takes(value)


def test_a_track_takes_as_long_as_its_last_event_and_a_silence_after_it() -> None:
    chain = SoundChain(MuLaw(16, stop=True), rate=8000, default_seconds=0.1, max_seconds=10)
    assert DIGITS.steps([], chain) == 0
    assert DIGITS.steps(DIGITS.example, chain) == (150 + 20) * 80
    assert NOTES.steps(NOTES.parse("0.1+ 60 pp"), chain) == (5 + 20 + 10) * 160


@pytest.mark.parametrize(
    ("text", "key"),
    [("69", 69), ("60.5", 60.5), ("A4", 69), ("c4", 60), ("F#3", 54), ("G♭3", 54), ("B-1", 11), ("B−1", 11)],
)
def test_a_pitch_is_typed_as_a_number_or_as_a_note(text: str, key: float) -> None:
    assert Pitch("pitch", 0, 127).parse(text) == key


def test_a_pitch_is_said_as_a_note() -> None:
    pitch = Pitch("pitch", 21, 108)
    assert [pitch.label(key) for key in (69, 60, 61.25)] == ["A4", "C4", "C♯4 +25 ct"]
    assert [pitch.format(key) for key in (69, 60.0, 61.25)] == ["A4", "C4", "61.25"]
    assert all(pitch.parse(pitch.format(key)) == key for key in range(21, 109))
    with pytest.raises(InputError, match="21 … 108"):
        pitch.parse("C9")
    with pytest.raises(InputError, match="H4"):
        pitch.parse("H4")


def test_nothing_happens_by_default_and_a_window_begins_with_an_example() -> None:
    assert DIGITS.default == []
    assert [event[2] for event in DIGITS.example] == ["4", "0", "7"]
    assert DIGITS.end(DIGITS.example[-1]) == 150
    assert DIGITS.label(DIGITS.example) == "4, 0, 7"


@pytest.mark.parametrize("track", [DIGITS, NOTES])
def test_a_track_comes_back_from_json(track: Track) -> None:
    assert factors_from_json([track.to_json()]) == (track,)


@pytest.mark.parametrize(
    "wrong",
    [{"per_second": 0}, {"usual": 1.5}, {"parts": []}, {"begins": "x"}, {"parts": [DIGITS.to_json()]}, {"more": 1}],
)
def test_what_is_no_kind_of_track_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        factors_from_json([DIGITS.to_json() | wrong])


def test_a_number_is_given_to_a_network_between_minus_one_and_one() -> None:
    pitch = Number("pitch", 20, 100)
    assert [pitch.encode(value) for value in (20, 60, 100)] == [[-1], [0], [1]]
    for wrong in (19.9, "60", True, float("nan")):
        assert not pitch.takes(wrong)


# --- what a network sees ----------------------------------------------------------------------------------------------


def seen(track: Track, text: str, frames: int = 60) -> torch.Tensor:
    """What is told at each frame, (frames, inputs)."""
    features = TrackFeatures(track, slice(0, track.numbers), 8)
    condition = torch.tensor([track.encode(track.parse(text))], dtype=torch.float32)
    return features.told(condition, torch.arange(frames))[0]


def test_before_the_first_event_nothing_is_told() -> None:
    assert torch.equal(seen(DIGITS, "0.1+0.2 4")[:10], seen(DIGITS, "")[:10])
    assert not seen(DIGITS, "").any()


@pytest.mark.parametrize("track", [DIGITS, NOTES])
def test_nothing_is_told_of_events_to_come(track: Track) -> None:
    first, later = ("0.1+0.1 4", "0.4+0.1 7") if track is DIGITS else ("0.1+0.1 60 pp", "0.4+0.1 71 ff")
    begins = track.parse(later)[0][0]
    alone, followed = seen(track, first), seen(track, f"{first}, {later}")
    assert torch.equal(alone[:begins], followed[:begins])
    assert not torch.equal(alone[begins], followed[begins])


def test_the_duration_of_what_is_held_is_told_when_it_is_over() -> None:
    short, long = seen(NOTES, "0.1+0.4 60 pp"), seen(NOTES, "0.1+0.8 60 pp")
    assert torch.equal(short[:25], long[:25])
    assert not torch.equal(short[25], long[25])


def test_how_much_of_an_event_is_over_is_told_from_its_beginning_on() -> None:
    short, long = seen(DIGITS, "0.1+0.2 4"), seen(DIGITS, "0.1+0.4 4")
    assert not torch.equal(short[11], long[11])
    # Half of each: only the time since it began differs.
    assert torch.allclose(short[20, 19:], long[30, 19:])


def test_an_event_lasts_until_the_next_one_begins() -> None:
    cut, ended = seen(DIGITS, "0.1+0.4 4, 0.3+0.1 7"), seen(DIGITS, "0.3+0.1 7")
    assert torch.equal(cut[30:], ended[30:])


def test_a_frame_is_the_same_whichever_others_are_asked_for() -> None:
    features = TrackFeatures(DIGITS, slice(0, DIGITS.numbers), 8)
    condition = torch.tensor([DIGITS.encode(DIGITS.parse("4 0 7"))], dtype=torch.float32)
    whole = features(condition, torch.arange(120))
    torch.testing.assert_close(features(condition, torch.arange(57, 60)), whole[:, 57:60])


# --- the tone of a pitch ----------------------------------------------------------------------------------------------

PLAYED = Track("played", 100, 20, (Pitch("pitch", 21, 108), Category("touch", ("pp", "ff"))), "69 pp", held=True)
HOP = 160
"""Steps of a frame at 16 kHz."""


def tone(text: str, first: int, count: int) -> torch.Tensor:
    """(count, 2 HARMONICS)"""
    features = TrackFeatures(PLAYED, slice(0, PLAYED.numbers), 8)
    condition = torch.tensor([PLAYED.encode(PLAYED.parse(text))], dtype=torch.float32)
    return features.tone(condition, torch.arange(first, first + count), HOP)[0]


def test_the_tone_has_the_asked_pitch_from_the_beginning_of_the_event_on() -> None:
    heard = tone("0.1+0.5 69 pp", 0, 16000)
    assert not heard[:1600].any()
    assert not heard[9600:].any()
    time = torch.arange(8000).double() / 16000
    for harmonic in range(HARMONICS):
        phase = 2 * math.pi * 440 * (harmonic + 1) * time
        torch.testing.assert_close(heard[1600:9600, harmonic], phase.sin().float(), rtol=0, atol=1e-4)
        torch.testing.assert_close(heard[1600:9600, HARMONICS + harmonic], phase.cos().float(), rtol=0, atol=1e-4)


def test_harmonics_beyond_half_the_rate_are_left_out() -> None:
    heard = tone("0+1 100 pp", 100, 50)  # 2637 Hz: the fourth would have 10 kHz
    assert heard[:, 2].any()
    assert not heard[:, 3].any()


def test_the_period_is_that_of_the_note_that_goes_on_in_samples() -> None:
    features = TrackFeatures(PLAYED, slice(0, PLAYED.numbers), 8)
    condition = torch.tensor([PLAYED.encode(PLAYED.parse("0.1+0.1 69 pp, 0.3+0.1 45 pp"))], dtype=torch.float32)
    period = features.period(condition, torch.arange(0, 8000, HOP), HOP)[0]
    assert period.dtype == torch.float64
    expected = [0.0] * 10 + [16000 / 440] * 10 + [0.0] * 10 + [16000 / 110] * 10 + [0.0] * 10
    torch.testing.assert_close(period, torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=0)
    assert features.longest_period(HOP) == pytest.approx(16000 / 27.5)


def test_the_phase_of_a_long_note_keeps_its_digits() -> None:
    for first in (0, 3500 * 16000):
        heard = tone("0+3600 57 pp", first, 800)
        turned = torch.atan2(heard[:, 0], heard[:, HARMONICS]).diff().remainder(2 * math.pi)
        torch.testing.assert_close(turned, torch.full((799,), 2 * math.pi * 220 / 16000), rtol=0, atol=1e-5)


def test_a_condition_in_brief_can_be_told_from_any_other() -> None:
    speaker, style = Category("speaker", ("ada", "bob"), any=True), Category("class", ("a", "b"))
    touch = Category("touch", ("soft", "hard"))
    notes = Track("notes", 100, 10, (Number("pitch", 40, 80), touch), "60 soft")
    words = Track("digits", 100, 10, (Category("digit", ("0", "7")),), "7 0")
    both = {"speaker": "ada", "class": "a", "touch": "hard", "notes": notes.example, "digits": words.example}
    for factors, said in (
        ((speaker, style), "ada · class a"),
        ((speaker, touch), "speaker ada · touch hard"),
        ((touch, notes), "hard · notes 60 soft"),
        ((words, speaker), "digits 7, 0 · ada"),
    ):
        assert in_brief(factors, both) == said
    nothing = {**both, "speaker": "any", "notes": []}
    assert in_brief((speaker, notes), nothing) == "no notes"
    assert in_words((speaker, notes), nothing) == ["speaker any", "no notes"]
    assert in_brief((speaker,), {"speaker": {"ada": 0.25, "bob": 0.75}}) == "0.25 ada + 0.75 bob"
