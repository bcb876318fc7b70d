"""Single notes of a Steinway grand at four velocities, from ``piano_notes/piano_notes.npz``, and a track of the keys.

Training plays every note of its part once in an epoch: some to their end, others in short rows as hands play them,
where a key that is let go is damped. Each note is moved by up to ``MOST_MOVED`` semitones, by playing it faster or
slower, so that the pitches between those that were recorded are heard, too. Validation and test are single notes as
recorded. Of the packed file's training part every tenth recording is the validation part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.array_files import check_clips, check_rows, clips_between, whole
from models.chain import INT16_PEAK, MuLaw, SoundChain
from models.condition import Category
from models.errors import FileError, InputError
from models.record import damage_as_file_error
from models.track import Pitch, Track
from models.training.data.base import DataSet, Examples, first_existing, in_16_bits, packed_arrays, redrawn

FRAMES_PER_SECOND = 100
CHAIN = SoundChain(MuLaw(256), rate=16000, default_seconds=3.0, max_seconds=3600.0)
FRAME = CHAIN.rate // FRAMES_PER_SECOND
PITCH = Pitch("pitch", 21, 108)
TOUCH = Category("touch", ("pp", "mp", "mf", "ff"))
NOTES = Track("notes", FRAMES_PER_SECOND, 80, (PITCH, TOUCH), "60 mf, 64 mf, 67 mf", held=True)

VALIDATION_EVERY = 10
NOTES_SEED = 440
LENGTH = 2 * CHAIN.rate
"""Samples of an example for training."""
MOST_MOVED = 1.2
"""Semitones."""
ROWS_SHARE = 0.7
"""How many of the examples are rows of notes."""
HELD = (6, 60)
"""Frames that a key of a row is held: at least, and at most."""
BREAK_SHARE, BREAK = 0.3, (1, 20)
"""After how many keys of a row nothing is played for a while, and for how many frames."""
FIRST = (0, 12)
"""Frames before the first note."""
DAMPING = 0.03
"""Seconds in which a string falls to 1 / e once its key is let go."""

Wave = npt.NDArray[np.float64]


def load_piano(folder: Path, split: str, chain: SoundChain = CHAIN) -> Examples:
    waves, keys = read_notes(folder, split)

    def draw(rng: np.random.Generator) -> Examples:
        if split != "train":
            played = [
                in_a_row([(wave, *key, len(wave) // FRAME)], len(wave)) for wave, key in zip(waves, keys, strict=True)
            ]
        else:
            played = played_by_chance(waves, keys, rng)
        return Examples([chain.symbols(wave) for wave, _ in played], [{NOTES.name: notes} for _, notes in played])

    return redrawn(draw, split, NOTES_SEED)


def read_notes(folder: Path, split: str) -> tuple[list[Wave], list[tuple[int, str]]]:
    """The recordings of a part, and the pitch and touch of each."""
    path = first_existing(folder, "piano_notes.npz", "piano_notes/piano_notes.npz")
    if path is None:
        raise FileError(f"no piano notes in {folder}: no piano_notes/piano_notes.npz")
    samples, offsets, midi, layer, parts = packed_arrays(path, "samples", "offsets", "midi", "layer", "split")
    with damage_as_file_error(str(path)):
        clips = clips_between(samples, offsets)
        for name, array in (("midi", midi), ("layer", layer), ("split", parts)):
            check_rows(whole(array, name, 1), name, len(clips))
        if not (PITCH.low <= midi.min() <= midi.max() <= PITCH.high and layer.max() < len(TOUCH.values)):
            raise InputError(f"midi lies in {PITCH.low} … {PITCH.high}, and layer in 0 … {len(TOUCH.values) - 1}")
        training = np.flatnonzero(parts == 0)
        validation = training[VALIDATION_EVERY // 2 :: VALIDATION_EVERY]
        chosen = {"train": np.setdiff1d(training, validation), "valid": validation, "test": np.flatnonzero(parts)}[
            split
        ]
        if not len(chosen):
            raise InputError(f"it has no note of the {split} part")
        check_clips([clips[n] for n in chosen], CHAIN)
        waves = [clips[n].astype(np.float64) for n in chosen]
        return waves, [(int(midi[n]), TOUCH.values[int(layer[n])]) for n in chosen]


def played_by_chance(
    waves: list[Wave], keys: list[tuple[int, str]], rng: np.random.Generator
) -> list[tuple[npt.NDArray[np.int16], list[list[Any]]]]:
    """As many examples as there are notes, each note first in one of them."""
    played = []
    for first in rng.permutation(len(waves)):
        row, frames = [], 0
        in_row, which = rng.random() < ROWS_SHARE, int(first)
        while frames < LENGTH // FRAME:
            pitch, touch = keys[which]
            low, high = max(PITCH.low - pitch, -MOST_MOVED), min(PITCH.high - pitch, MOST_MOVED)
            moved = float(rng.uniform(low, high))
            held = int(rng.integers(*HELD, endpoint=True)) if in_row else LENGTH // FRAME
            row.append((faster(waves[which], moved), pitch + moved, touch, held))
            frames += held
            which = int(rng.integers(len(waves)))
        breaks = [int(rng.integers(*BREAK, endpoint=True)) * (rng.random() < BREAK_SHARE) for _ in row]
        breaks[0] = int(rng.integers(*FIRST, endpoint=True))
        played.append(in_a_row(row, LENGTH, breaks))
    return played


def in_a_row(
    row: list[tuple[Wave, float, str, int]], length: int, breaks: list[int] | None = None
) -> tuple[npt.NDArray[np.int16], list[list[Any]]]:
    """Notes one after another, and what the track says of that.

    row: of each note its sound, pitch, touch, and for how many frames it is held. breaks: frames before each.
    """
    mixed, notes = np.zeros(length), []
    frame = 0
    for (wave, pitch, touch, held), silence in zip(row, breaks or [0] * len(row), strict=True):
        frame += silence
        start = frame * FRAME
        if start >= length:
            break
        damped = wave.copy()
        past = np.arange(len(wave) - held * FRAME) / (DAMPING * CHAIN.rate)
        damped[held * FRAME :] *= np.exp(-past)
        heard = damped[: length - start]
        mixed[start : start + len(heard)] += heard
        notes.append([frame, held, pitch, touch])
        frame += held
    sound: npt.NDArray[np.int16] = np.rint(np.clip(mixed, -INT16_PEAK, INT16_PEAK)).astype(np.int16)
    return sound, notes


def faster(wave: Wave, semitones: float) -> Wave:
    """Moved up by so many semitones: the samples of the same band-limited sound at another speed.

    By the discrete Fourier transform, for which a note that fades in and out is as good as periodic.
    """
    count = round(len(wave) * 2 ** (-semitones / 12))
    moved: Wave = np.fft.irfft(np.fft.rfft(wave), count) * (count / len(wave))
    return moved


PIANO_NOTES = DataSet(
    name="piano_notes",
    title="Splendid Grand Piano, single notes",
    chain=CHAIN,
    factors=(NOTES,),
    licence="public domain (AKAI samples)",
    attribution="Splendid Grand Piano, AKAI, prepared by kinwie",
    load=load_piano,
)
PIANO_NOTES_16BIT = in_16_bits(PIANO_NOTES, load_piano)
