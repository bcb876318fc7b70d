"""The Free Spoken Digit Dataset: the digits 0 to 9, spoken by six people.

From ``fsdd/fsdd.npz`` or the folder ``recordings`` (``7_jackson_32.wav`` …). The validation part are the recordings 5
and 6 of every speaker and digit; the test part are the recordings 0-4, of which the packed file holds 2-4.
"""

from __future__ import annotations

import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.array_files import check_clips, check_rows, clips_between, whole
from models.chain import INT16_PEAK, MuLaw, SoundChain
from models.condition import Category, Condition, by_row
from models.errors import FileError, InputError
from models.record import damage_as_file_error
from models.training.data.base import DataSet, Examples, first_existing, packed_arrays
from models.training.data.mnist import DIGIT

FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
FSDD_VALIDATION = (5, 6)
FSDD_TEST = range(5)
FSDD_LABELS = ("speaker", "digit", "index")
"""Arrays of the packed file that have a value for each clip; the index is the number of the recording."""
FSDD_PEAK = 0.8
"""Every clip's peak after normalisation, of full scale: speakers differ in level by a factor of ten."""
FSDD_LONGEST = 8000
"""Longer clips (0.4 % of them, mostly silence with a click) are left out of the training part."""

FSDD_CHAIN = SoundChain(MuLaw(256, stop=True), rate=8000, default_seconds=1.0, max_seconds=10.0)
SPEAKER = Category("speaker", FSDD_SPEAKERS, any=True)


Clip = tuple[npt.NDArray[np.int16], Condition]
"""A recording, normalised, with its speaker and digit."""


def load_fsdd(folder: Path, split: str) -> Examples:
    clips = read_clips(folder, split)
    return Examples([FSDD_CHAIN.symbols(wave) for wave, _ in clips], [condition for _, condition in clips])


def read_clips(folder: Path, split: str) -> list[Clip]:
    """The recordings of a part."""
    packed = first_existing(folder, "fsdd.npz", "fsdd/fsdd.npz")
    if packed:
        samples, offsets, *labels = packed_arrays(packed, "samples", "offsets", *FSDD_LABELS)
        with damage_as_file_error(str(packed)):
            clips = clips_between(samples, offsets)
    else:
        clips, labels = read_recordings(folder)
    with damage_as_file_error(str(packed or folder)):
        named = dict(zip(FSDD_LABELS, labels, strict=True))
        for name, array in named.items():
            check_rows(array, name, len(clips))
        index = whole(named["index"], "index", 1)
        if split == "train":
            short = np.array([len(clip) <= FSDD_LONGEST for clip in clips])
            keep = ~np.isin(index, [*FSDD_TEST, *FSDD_VALIDATION]) & short
        else:
            keep = np.isin(index, FSDD_VALIDATION if split == "valid" else FSDD_TEST)
        chosen = np.flatnonzero(keep)
        if not len(chosen):
            which = {"train": f"7 and up, of at most {FSDD_LONGEST} samples", "valid": "5 and 6", "test": "0 to 4"}
            raise InputError(f"it has no clip of the {split} part, which are the recordings (index) {which[split]}")
        kept = [clips[i] for i in chosen]
        check_clips(kept, FSDD_CHAIN)
        columns = {factor.name: factor.from_array(named[factor.name][chosen]) for factor in (SPEAKER, DIGIT)}
        return list(zip(map(normalise, kept), by_row(columns, len(kept)), strict=True))


def read_recordings(folder: Path) -> tuple[list[npt.NDArray[np.int16]], list[npt.NDArray[Any]]]:
    """A folder of WAV files named digit_speaker_index.wav: the clips, and the arrays FSDD_LABELS."""
    root = first_existing(folder, "recordings", "fsdd/recordings") or folder
    clips, labels = [], []
    for path in sorted(root.glob("*.wav")):
        named = re.fullmatch(r"(\d)_([a-z]+)_(\d+)", path.stem)
        if not named or named[2] not in FSDD_SPEAKERS:
            continue
        with damage_as_file_error(str(path)), wave.open(str(path), "rb") as file:
            if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, 8000):
                raise FileError(f"{path} is not 16-bit mono at 8000 Hz")
            clips.append(np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16))
        if not len(clips[-1]):
            raise FileError(f"{path} should hold a spoken digit; it is empty")
        labels.append((named[2], named[1], int(named[3])))
    if not clips:
        raise FileError(f"no FSDD in {folder}: neither fsdd/fsdd.npz nor recordings/*.wav")
    return clips, [np.array(column) for column in zip(*labels, strict=True)]


def normalise(clip: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """No DC, and the peak at FSDD_PEAK of full scale."""
    x = clip.astype(np.float64) - clip.mean()
    x *= FSDD_PEAK * INT16_PEAK / max(1.0, np.abs(x).max())
    level: npt.NDArray[np.int16] = np.rint(x).astype(np.int16)
    return level


FSDD = DataSet(
    name="fsdd",
    title="Free Spoken Digit Dataset",
    chain=FSDD_CHAIN,
    factors=(SPEAKER, DIGIT),
    licence="CC BY-SA 4.0",
    attribution="Jackson et al., Free Spoken Digit Dataset, doi:10.5281/zenodo.1342401",
    load=load_fsdd,
)
