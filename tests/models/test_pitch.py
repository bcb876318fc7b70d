"""The pitch tracker: tones of known pitch, with and without their first harmonic, noise and silence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.evaluation.pitch import pitch_of
from models.layers.track_features import frequency_of

RATE = 16000


def note(midi: float, harmonics: range = range(1, 8), noise: float = 0.01) -> np.ndarray:  # type: ignore[type-arg]
    """A tone that dies away, int16."""
    time = np.arange(RATE) / RATE
    f = frequency_of(midi)
    wave = sum(np.sin(2 * math.pi * f * k * time + k) / k for k in harmonics if f * k < RATE / 2)
    wave = wave * np.exp(-2 * time) + noise * np.random.default_rng(1).normal(size=len(time))
    return np.rint(8000 * wave).astype(np.int16)


def test_the_a_has_440_hertz_and_an_octave_twice_as_many() -> None:
    assert frequency_of(69) == 440
    assert frequency_of(81) == pytest.approx(880)


@pytest.mark.parametrize("midi", [24.0, 36.2, 48.0, 60.4, 72.0, 84.49, 95.0, 107.3])
def test_a_tone_has_its_pitch_to_a_few_cents(midi: float) -> None:
    assert pitch_of(note(midi), RATE) == pytest.approx(midi, abs=0.05)


@pytest.mark.parametrize("midi", [36.0, 45.5, 60.0])
def test_the_pitch_is_that_of_the_series_though_its_first_harmonic_is_missing(midi: float) -> None:
    assert pitch_of(note(midi, range(2, 9)), RATE) == pytest.approx(midi, abs=0.05)


@pytest.mark.parametrize("wave", [np.zeros(RATE, np.int16), note(60.0)[:3000]])
def test_silence_and_what_is_too_short_have_no_pitch(wave: np.ndarray) -> None:  # type: ignore[type-arg]
    assert math.isnan(pitch_of(wave, RATE))
