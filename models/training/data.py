"""Data sets as symbols and conditions, from the packed files or the public originals, with named splits.

``mnist``: ``mnist/mnist.npz`` or the IDX files (``train-images-idx3-ubyte`` …, gzipped or not).
``fsdd``: ``fsdd/fsdd.npz`` or the folder ``recordings`` of the Free Spoken Digit Dataset (``7_jackson_32.wav`` …).

Splits are ``train``, ``valid`` and ``test``. The validation part is cut from the official training part: the last 5000
MNIST images; the recordings 5 and 6 of every speaker and digit of FSDD (its test part are the recordings 0-4, of
which the packed file holds 2-4).
"""

from __future__ import annotations

import gzip
import itertools
import re
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.chain import INT16_PEAK, Chain, GreyLevels, ImageChain, MuLaw, SoundChain, Symbols
from models.condition import Category, Condition, Factor, by_row
from models.errors import FileError, InputError
from models.record import MAX_DATA_BYTES, damage_as_file_error, read_arrays, read_bytes

SPLITS = ("train", "valid", "test")

MNIST_VALIDATION = 5000
FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
FSDD_VALIDATION = (5, 6)
FSDD_TEST = range(5)
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
    """One split of a data set below ``folder``. Raises FileError if its files are not there."""
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
        images, labels = packed_arrays(packed, f"{part}_images", f"{part}_labels")
    else:
        prefix = {"train": "train", "test": "t10k"}[part]
        images = read_idx(idx_file(folder, f"{prefix}-images", "idx3-ubyte"))
        labels = read_idx(idx_file(folder, f"{prefix}-labels", "idx1-ubyte"))
    if len(images) != len(labels):
        raise FileError(f"the MNIST in {folder} has {len(images)} images and {len(labels)} labels ({part})")
    if split != "test":
        cut = len(images) - MNIST_VALIDATION
        images, labels = (images[:cut], labels[:cut]) if split == "train" else (images[cut:], labels[cut:])
    digits = DIGIT.from_array(labels)
    return Examples(list(MNIST_CHAIN.symbols(images)), by_row({DIGIT.name: digits}, len(images)))


def packed_arrays(path: Path, *names: str) -> list[npt.NDArray[Any]]:
    """Arrays of a packed data set by name. Raises FileError or InputError that names the file."""
    data, _ = read_bytes(path)
    with damage_as_file_error(str(path)):
        arrays = read_arrays(data, names, most=MAX_DATA_BYTES)
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
    content, _ = read_bytes(path)
    if path.suffix == ".gz":
        with damage_as_file_error(str(path)):
            content = gzip.decompress(content)
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise FileError(f"{path} is not an IDX file of unsigned bytes")
    rank = content[3]
    shape = np.frombuffer(content, ">u4", rank, 4).astype(np.int64)
    data = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if data.size != shape.prod():
        raise FileError(f"{path} holds {data.size} bytes of data where its header says {shape.prod()}")
    return data.reshape(shape)


def load_fsdd(folder: Path, split: str) -> Examples:
    packed = first_existing(folder, "fsdd.npz", "fsdd/fsdd.npz")
    if packed:
        names = ("samples", "offsets", "speaker", "digit", "index")
        samples, offsets, speaker, digit, index = packed_arrays(packed, *names)
        clips = [samples[a:b] for a, b in itertools.pairwise(offsets)]
        labels = np.stack([speaker, digit, index], 1).astype(np.int64)
    else:
        clips, labels = read_recordings(folder)
    parts = {
        "train": ~np.isin(labels[:, 2], [*FSDD_TEST, *FSDD_VALIDATION]),
        "valid": np.isin(labels[:, 2], FSDD_VALIDATION),
        "test": np.isin(labels[:, 2], FSDD_TEST),
    }
    keep = parts[split]
    if split == "train":
        keep &= np.array([len(clip) <= FSDD_LONGEST for clip in clips])
    chosen = np.flatnonzero(keep)
    columns = {factor.name: factor.from_array(labels[chosen, n]) for n, factor in enumerate((SPEAKER, DIGIT))}
    return Examples([FSDD_CHAIN.symbols(normalise(clips[i])) for i in chosen], by_row(columns, len(chosen)))


def read_recordings(folder: Path) -> tuple[list[npt.NDArray[np.int16]], npt.NDArray[np.int64]]:
    """A folder of WAV files named digit_speaker_index.wav: the clips, and (speaker, digit, index) of each."""
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
        labels.append((FSDD_SPEAKERS.index(named[2]), int(named[1]), int(named[3])))
    if not clips:
        raise FileError(f"no FSDD in {folder}: neither fsdd/fsdd.npz nor recordings/*.wav")
    return clips, np.array(labels, np.int64)


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
