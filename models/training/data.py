"""Data sets as symbols and conditions, from the packed files or the public originals, with named splits.

``mnist``: ``mnist/mnist.npz`` or the IDX files (``train-images-idx3-ubyte`` …, gzipped or not).
``fsdd``: ``fsdd/fsdd.npz`` or the folder ``recordings`` of the Free Spoken Digit Dataset (``7_jackson_32.wav`` …).

Splits are ``train``, ``valid`` and ``test``. The validation part is cut from the official training part: the last 5000
MNIST images; the recordings 5 and 6 of every speaker and digit of FSDD (its test part are the recordings 0-4, of
which the packed file holds 2-4).
"""

from __future__ import annotations

import gzip
import math
import re
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.array_files import check_clips, check_images, check_rows, clips_between, data_arrays, whole
from models.chain import INT16_PEAK, Chain, GreyLevels, ImageChain, MuLaw, SoundChain, Symbols
from models.condition import Category, Condition, Factor, by_row
from models.errors import FileError, InputError
from models.record import damage_as_file_error, read_bytes

SPLITS = ("train", "valid", "test")

MNIST_VALIDATION = 5000
FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
FSDD_VALIDATION = (5, 6)
FSDD_TEST = range(5)
FSDD_LABELS = ("speaker", "digit", "index")
"""Arrays of the packed file that have a value for each clip; the index is the number of the recording."""
FSDD_PEAK = 0.8
"""Every clip's peak after normalisation, of full scale: speakers differ in level by a factor of ten."""
FSDD_LONGEST = 8000
"""Longer clips (0.4 % of them, mostly silence with a click) are left out of the training part."""

MNIST_CHAIN = ImageChain(GreyLevels(256), 28, 28)
FSDD_CHAIN = SoundChain(MuLaw(256, stop=True), rate=8000, default_seconds=1.0, max_seconds=10.0)
DIGIT = Category("digit", tuple("0123456789"), any=True)
SPEAKER = Category("speaker", FSDD_SPEAKERS, any=True)


@dataclass(frozen=True)
class Examples:
    """One split: per example its symbols, and its condition, complete for the factors of the data set."""

    symbols: Sequence[Symbols]
    conditions: Sequence[Condition]

    def __len__(self) -> int:
        return len(self.symbols)


@dataclass(frozen=True)
class DataSet:
    """What a recipe names: chain and factors of the models trained on it, and where its examples come from.

    load: reads one of SPLITS below a folder; raises FileError if its files are not there.
    """

    name: str
    title: str
    chain: Chain
    factors: tuple[Factor, ...]
    licence: str
    attribution: str
    load: Callable[[Path, str], Examples]


def data_set(name: str) -> DataSet:
    if name not in DATA_SETS:
        raise InputError(f"unknown data set {name!r}; known: {', '.join(DATA_SETS)}")
    return DATA_SETS[name]


def load(name: str, folder: Path, split: str) -> Examples:
    """One split of a data set below ``folder``.

    Raises FileError if its files are not there or damaged, InputError for content that is not the data set's.
    """
    source = data_set(name)
    if split not in SPLITS:
        raise InputError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
    if not folder.is_dir():
        raise FileError(f"{folder} is not a folder; it should hold the data set {name!r}")
    return source.load(folder, split)


def load_mnist(folder: Path, split: str) -> Examples:
    part = "test" if split == "test" else "train"
    packed = first_existing(folder, "mnist.npz", "mnist/mnist.npz")
    if packed:
        names = [f"{part}_images", f"{part}_labels"]
        images, labels = packed_arrays(packed, *names)
    else:
        prefix = {"train": "train", "test": "t10k"}[part]
        paths = idx_file(folder, f"{prefix}-images", "idx3-ubyte"), idx_file(folder, f"{prefix}-labels", "idx1-ubyte")
        names = [path.name for path in paths]
        images, labels = map(read_idx, paths)
    with damage_as_file_error(str(packed or folder)):
        check_images(images, names[0], MNIST_CHAIN)
        check_rows(labels, names[1], len(images))
        digits = DIGIT.from_array(labels)
        fewest = 1 if split == "test" else MNIST_VALIDATION + 1
        if len(images) < fewest:
            why = "" if split == "test" else f": the last {MNIST_VALIDATION} are the validation part"
            raise InputError(f"{names[0]} should hold at least {fewest} images, not {len(images)}{why}")
        if split != "test":
            cut = len(images) - MNIST_VALIDATION
            chosen = slice(cut) if split == "train" else slice(cut, None)
            images, digits = images[chosen], digits[chosen]
        return Examples(list(MNIST_CHAIN.symbols(images)), by_row({DIGIT.name: digits}, len(images)))


def packed_arrays(path: Path, *names: str) -> list[npt.NDArray[Any]]:
    """Arrays of a packed data set by name. Raises FileError or InputError that names the file."""
    with damage_as_file_error(str(path)):
        arrays = data_arrays(*read_bytes(path), names)
        for name in names:
            if name not in arrays:
                raise InputError(f"it has no array {name!r}; it should hold {', '.join(names)}")
    return [arrays[name] for name in names]


def first_existing(folder: Path, *names: str) -> Path | None:
    return next((folder / name for name in names if (folder / name).exists()), None)


def idx_file(folder: Path, stem: str, kind: str) -> Path:
    names = [
        f"{sub}{stem}{dot}{kind}{end}" for sub in ("", "mnist/", "MNIST/raw/") for dot in "-." for end in ("", ".gz")
    ]
    found = first_existing(folder, *names)
    if found is None:
        raise FileError(f"no MNIST in {folder}: neither mnist/mnist.npz nor {stem}-{kind}")
    return found


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """An IDX file of unsigned bytes (LeCun's format: two zero bytes, type, rank, big-endian sizes, data)."""
    with damage_as_file_error(str(path)):
        content, _ = read_bytes(path)
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        if len(content) < 4 or content[:3] != b"\0\0\x08":
            raise FileError(f"{path} is not an IDX file of unsigned bytes")
        rank = content[3]
        shape = np.frombuffer(content, ">u4", rank, 4).tolist()
        data = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
        if data.size != math.prod(shape):
            raise FileError(f"{path} holds {data.size} bytes of data where its header says {math.prod(shape)}")
        return data.reshape(shape)


def load_fsdd(folder: Path, split: str) -> Examples:
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
        return Examples([FSDD_CHAIN.symbols(normalise(clip)) for clip in kept], by_row(columns, len(kept)))


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


DATA_SETS = {
    "mnist": DataSet(
        name="mnist",
        title="MNIST",
        chain=MNIST_CHAIN,
        factors=(DIGIT,),
        licence="no licence stated by the original distribution",
        attribution="LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, 1998",
        load=load_mnist,
    ),
    "fsdd": DataSet(
        name="fsdd",
        title="Free Spoken Digit Dataset",
        chain=FSDD_CHAIN,
        factors=(SPEAKER, DIGIT),
        licence="CC BY-SA 4.0",
        attribution="Jackson et al., Free Spoken Digit Dataset, doi:10.5281/zenodo.1342401",
        load=load_fsdd,
    ),
}
