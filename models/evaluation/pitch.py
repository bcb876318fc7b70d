"""Which pitch generated notes have, by a tracker that knows nothing of the model: YIN.

A. de Cheveigné and H. Kawahara, "YIN, a fundamental frequency estimator for speech and music", J. Acoust. Soc. Am. 111,
2002: the period is the first lag at which a sound differs little from itself, compared with what it does at all shorter
lags. Here the period is then measured once more over two, four, … of them, as many as fit: the shortest are four
samples long.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.chain import SoundChain
from models.checkpoint import LoadedModel
from models.errors import InputError
from models.sampling import run
from models.shaping import NEUTRAL
from models.trace import new_take
from models.track import Number, Track
from models.training.data import SPLITS, load
from models.training.data.piano_notes import read_notes

LOWEST = 25.0
"""Hz, of the pitches that are looked for."""
WINDOW = 4096
"""Samples that are compared with those a lag later."""
THRESHOLD = 0.15
"""A dip below this is taken for the period; else the deepest one."""
AFTER_ONSET = 0.08
"""Seconds: a hammer's stroke has no pitch."""

MIDDLE = range(36, 96)
"""The middle five octaves, C2 to B6, as MIDI numbers."""
WITHIN = 50.0
"""Cents: half a semitone."""
SECONDS = 1.0

Wave = npt.NDArray[np.int16]


def pitch_of(wave: Wave, rate: int) -> float:
    """The pitch of a note as a MIDI number; not a number for silence, and for what is too short."""
    longest = int(rate / LOWEST)
    begin = int(AFTER_ONSET * rate)
    x = wave[begin : begin + WINDOW + longest].astype(np.float64)
    if len(x) < WINDOW + longest or not x.any():
        return math.nan
    lags = np.arange(1, longest)
    differences = _differences(x - x.mean(), longest)
    # Of each lag the difference, in means of those of the lags up to it.
    normalised = differences[1:] * lags / np.maximum(np.cumsum(differences[1:]), 1e-12)
    dips = np.flatnonzero((normalised[1:-1] < normalised[:-2]) & (normalised[1:-1] <= normalised[2:])) + 1
    if not len(dips):
        return math.nan
    deep = dips[normalised[dips] < THRESHOLD]
    period = _lowest(differences, int(lags[deep[0] if len(deep) else dips[normalised[dips].argmin()]]))
    count = 1
    while (2 * count) * period < longest - 2:
        count *= 2
        period = _lowest(differences, round(count * period)) / count
    return 69 + 12 * math.log2(rate / period / 440)


def _differences(x: npt.NDArray[np.float64], longest: int) -> npt.NDArray[np.float64]:
    """Sums of squared differences of WINDOW samples and those a lag later, for each lag below ``longest``."""
    size = 2 ** math.ceil(math.log2(len(x) + WINDOW))
    spectrum = np.fft.rfft(x[:WINDOW], size).conj() * np.fft.rfft(x, size)
    products = np.fft.irfft(spectrum, size)[:longest]
    squares = np.concatenate([[0.0], np.cumsum(x * x)])
    energies = squares[WINDOW : WINDOW + longest] - squares[:longest]
    result: npt.NDArray[np.float64] = np.maximum(0.0, energies[0] + energies - 2 * products)
    return result


def _lowest(differences: npt.NDArray[np.float64], near: int) -> float:
    """The lag of the dip near a lag, between samples by a parabola."""
    low, high = max(1, near - 2), min(len(differences) - 1, near + 3)
    at = low + int(differences[low:high].argmin())
    if not 0 < at < len(differences) - 1:
        return float(at)
    before, here, after = differences[at - 1 : at + 2]
    bend = before - 2 * here + after
    return at + (0.5 * (before - after) / bend if bend > 0 else 0.0)


def pitch_report(loaded: LoadedModel, folder: Path) -> dict[str, Any]:
    """How far from the asked pitch generated notes are, those of pitches that were recorded and of others.

    One note of a second for every key of MIDDLE. Raises InputError for a model that plays no notes.
    """
    chain, track = loaded.model.chain, next((f for f in loaded.model.factors if isinstance(f, Track)), None)
    if not isinstance(chain, SoundChain) or track is None or not isinstance(track.parts[0], Number):
        raise InputError(f"{loaded.header.name} plays no notes")
    examples = load(loaded.header.data["name"], folder, "test")
    recorded = {pitch for part in SPLITS for pitch, _ in read_notes(folder, part)[1]}
    others = [part.example for part in track.parts[1:]]
    cents = {}
    for key in MIDDLE:
        held = int(SECONDS * track.per_second)
        take = new_take(
            loaded.reference,
            seed=key,
            count=1,
            condition={track.name: [[0, held, float(key), *others]]},
            shaping=NEUTRAL,
            engine="compiled",
            limit=int(SECONDS * chain.rate),
        )
        run(loaded.model, take)
        cents[key] = 100 * (pitch_of(chain.wave(take.traces[0].symbols), chain.rate) - key)
    within = {key: abs(off) <= WITHIN for key, off in cents.items()}  # what is not a number is not within
    shares = {
        name: float(np.mean([within[key] for key in keys])) if keys else math.nan
        for name, keys in (
            ("recorded", [key for key in MIDDLE if key in recorded]),
            ("not_recorded", [key for key in MIDDLE if key not in recorded]),
        )
    }
    tracked = [
        pitch_of(chain.wave(symbols), chain.rate) - notes[track.name][0][2]
        for symbols, notes in zip(examples.symbols, examples.conditions, strict=True)
    ]
    return {
        "weights": loaded.reference.weights,
        "within_50_cents": shares,
        "tracker_within_50_cents_of_real_test_notes": float(np.mean(np.abs(tracked) <= WITHIN / 100)),
        "cents": {str(key): None if math.isnan(off) else round(off, 1) for key, off in cents.items()},
    }
