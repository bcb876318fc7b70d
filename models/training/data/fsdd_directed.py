"""Spoken digits one after another, and a track of which is said when: made of the Free Spoken Digit Dataset.

The recordings of one speaker are placed one after another with silences between them, each at the beginning of a frame.
So the track is exact, where an alignment of running speech would be guessed. Every recording of a part is said once;
training says them in other orders and with other silences in every epoch. The stop symbol follows the last silence.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.chain import MuLaw, SoundChain
from models.condition import Condition
from models.track import Track
from models.training.data.base import DataSet, Examples, in_16_bits, redrawn
from models.training.data.fsdd import FSDD, SPEAKER, Clip, read_clips
from models.training.data.mnist import DIGIT

FRAMES_PER_SECOND = 100
CHAIN = SoundChain(MuLaw(256, stop=True), rate=8000, default_seconds=2.0, max_seconds=120.0)
FRAME = CHAIN.rate // FRAMES_PER_SECOND
DIGITS = Track("digits", FRAMES_PER_SECOND, 42, (replace(DIGIT, any=False),), "4 0 7")
"""A digit takes 0.42 s in the mean."""

SEQUENCES_SEED = 407
"""Of the sequences that everybody is measured on."""
WORDS = (2, 5)
"""How many digits are said in a row: at least, and at most; what is left over at the end may be fewer."""
FIRST, BETWEEN, LAST = (3, 20), (4, 40), (5, 15)
"""Frames of silence before the first digit, between two, and after the last: at least, and at most."""
FADE = 40
"""Samples in which a recording comes out of the silence and goes back into it."""


def load_directed(folder: Path, split: str, chain: SoundChain = CHAIN) -> Examples:
    clips = read_clips(folder, split)

    def draw(rng: np.random.Generator) -> Examples:
        return in_sequences(clips, rng, chain)

    return redrawn(draw, split, SEQUENCES_SEED)


def in_sequences(clips: list[Clip], rng: np.random.Generator, chain: SoundChain) -> Examples:
    """Every clip once, in sequences of one speaker."""
    symbols, conditions = [], []
    for speaker in SPEAKER.values:
        said = [clip for clip in clips if clip[1][SPEAKER.name] == speaker]
        order, start = rng.permutation(len(said)), 0
        while start < len(order):
            count = int(rng.integers(WORDS[0], WORDS[1], endpoint=True))
            wave, condition = in_a_row([said[n] for n in order[start : start + count]], rng)
            symbols.append(chain.symbols(wave))
            conditions.append(condition)
            start += count
    return Examples(symbols, conditions)


def in_a_row(clips: list[Clip], rng: np.random.Generator) -> tuple[npt.NDArray[np.int16], Condition]:
    """Some clips of one speaker one after another, and the condition of that."""

    def silence(between: tuple[int, int]) -> int:
        return int(rng.integers(*between, endpoint=True))

    parts: list[npt.NDArray[np.int16]] = []
    events: list[list[Any]] = []
    frame = 0
    for n, (wave, condition) in enumerate(clips):
        start, duration = frame + silence(BETWEEN if n else FIRST), -(-len(wave) // FRAME)
        parts += [np.zeros((start - frame) * FRAME, np.int16), faded(wave)]
        parts.append(np.zeros(duration * FRAME - len(wave), np.int16))
        events.append([start, duration, condition[DIGIT.name]])
        frame = start + duration
    parts.append(np.zeros(silence(LAST) * FRAME, np.int16))
    return np.concatenate(parts), {SPEAKER.name: clips[0][1][SPEAKER.name], DIGITS.name: events}


def faded(wave: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """From nothing and to nothing, where the recording was cut."""
    ramp = np.minimum(1, (np.arange(len(wave)) + 0.5) / FADE)
    soft: npt.NDArray[np.int16] = np.rint(wave * ramp * ramp[::-1]).astype(np.int16)
    return soft


FSDD_DIRECTED = DataSet(
    name="fsdd_directed",
    title="Free Spoken Digit Dataset, digits in a row",
    chain=CHAIN,
    factors=(SPEAKER, DIGITS),
    licence=FSDD.licence,
    attribution=FSDD.attribution,
    load=load_directed,
)
FSDD_DIRECTED_16BIT = in_16_bits(FSDD_DIRECTED, load_directed)
