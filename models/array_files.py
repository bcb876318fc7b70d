"""Samples as arrays: the .npz that this program writes, and those of other programs."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from models.chain import Chain, ImageChain, SoundChain, Symbols
from models.errors import FileError, InputError
from models.file_format import Format, no_record
from models.record import MAX_DATA_BYTES, ZIP, damage_as_file_error, npz_members, read_arrays, record_text
from models.trace import Take
from models.video import VideoChain

Arrays = Mapping[str, npt.NDArray[Any]]
Wave = npt.NDArray[np.int16]

EXAMPLE_ARRAYS = (
    "test_images", "test_labels", "images", "labels", "samples", "offsets", "lengths", "split", "sample_rate",
)  # fmt: skip
"""What ``examples`` reads."""

TEST_SPLIT = 1
"""In the array ``split`` of a packed data set."""


class Npz(Format):
    """Arrays for numpy.

    ``samples``: of images, uint8 (N, H, W) or (N, H, W, 3), and of videos, uint8 (N, T, H, W) or (N, T, H, W, 3), 0
    where nothing is drawn yet; of sounds, int16 (N, T), zero-padded, with ``lengths`` int64 (N,) in samples and
    ``sample_rate`` in Hz; of other data there are none.
    ``symbols``: int32 (N, T), -1 after the end. ``nats``: float64 (N,), -log p of what is drawn under the raw
    conditionals; NaN for a take read from an export. ``seed``: of the first sample. ``metadata``: the record, as a
    JSON string.
    """

    suffix = ".npz"
    title = "NumPy arrays"
    modality = None
    several = True
    scaled = False

    def content(self, view: Take, *, scale: int = 1) -> bytes:
        arrays = _data_arrays(view) | {
            "nats": np.array([trace.bits * math.log(2) for trace in view.traces]),
            "seed": np.array(view.seed, np.int64),
            "metadata": np.array(record_text(view)),
        }
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    def recognises(self, data: bytes) -> bool:
        return data.startswith(ZIP)

    def record_in(self, data: bytes, name: str) -> str:
        if not {"metadata", "symbols"} <= npz_members(data):  # others may have some metadata of their own
            raise no_record(name)
        return str(read_arrays(data, ["metadata"])["metadata"])

    def shows(self, data: bytes, name: str, take: Take) -> bool:
        expected = _data_arrays(take)
        arrays = read_arrays(data, list(expected))
        return all(np.array_equal(arrays[key], expected[key]) for key in expected)

    def read_foreign(self, data: bytes, name: str, chain: Chain) -> list[Symbols]:
        """Images or sounds, see ``examples``."""
        with damage_as_file_error(name):
            return examples(data_arrays(data, name, EXAMPLE_ARRAYS), chain)[0]


def _data_arrays(view: Take) -> dict[str, npt.NDArray[Any]]:
    """What an .npz shows of a take: everything that its symbols determine."""
    chain, rows = view.chain, [trace.symbols for trace in view.traces]
    symbols = np.full((len(rows), chain.length or view.longest), -1, np.int32)
    for n, row in enumerate(rows):
        symbols[n, : len(row)] = row
    arrays: dict[str, npt.NDArray[Any]] = {"symbols": symbols}
    if isinstance(chain, ImageChain | VideoChain):
        images = chain.image(symbols.clip(0)) if isinstance(chain, ImageChain) else chain.video(symbols.clip(0))
        drawn = (symbols >= 0).reshape(*images.shape[:-1], -1)  # a colour of a palette is one symbol
        arrays["samples"] = np.where(drawn, images, 0).astype(np.uint8)
    elif isinstance(chain, SoundChain):
        waves = [chain.wave(row) for row in rows]
        arrays["samples"] = np.zeros((len(waves), max(map(len, waves))), np.int16)
        for row, wave in zip(arrays["samples"], waves, strict=True):
            row[: len(wave)] = wave
        arrays["lengths"] = np.array([len(wave) for wave in waves], np.int64)
        arrays["sample_rate"] = np.array(chain.rate, np.int64)
    return arrays


# Of any program


def data_arrays(data: bytes, name: str, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Those of the named arrays that an .npz has. Raises FileError for another file."""
    if not data.startswith(b"PK"):
        raise FileError(f"{name} is {'empty' if not data else 'not an .npz file'}")
    there = npz_members(data)
    return read_arrays(data, [wanted for wanted in names if wanted in there], most=MAX_DATA_BYTES)


def examples(
    arrays: Arrays, chain: Chain, *, prepare: Callable[[Wave], Wave] = lambda wave: wave
) -> tuple[list[Symbols], npt.NDArray[np.bool_], npt.NDArray[Any] | None]:
    """The examples in EXAMPLE_ARRAYS, which of the rows they are (bool), and the array of all rows' labels.

    prepare: what happens to a sound first. Raises InputError for what is not the chain's.
    """
    if isinstance(chain, ImageChain):
        for key, labels in (("test_images", "test_labels"), ("images", "labels"), ("samples", "labels")):
            if key in arrays:
                check_images(arrays[key], key, chain)
                rows = chain.symbols(arrays[key])
                _check_some(rows)
                return list(rows), np.ones(len(rows), np.bool_), arrays.get(labels)
        raise InputError("it has neither test_images nor images nor samples")
    if not isinstance(chain, SoundChain):
        raise InputError(f"{chain.modality} data cannot be read from an .npz")
    if "samples" not in arrays:
        raise InputError("it has no samples; the model expects sound")
    rate = int(whole(arrays["sample_rate"], "sample_rate", 0)) if "sample_rate" in arrays else chain.rate
    if rate != chain.rate:
        raise InputError(f"it has {rate} samples a second; the model expects {chain.rate}")
    waves = _waves(arrays)
    chosen = np.ones(len(waves), np.bool_)
    if "split" in arrays:
        chosen = arrays["split"] == TEST_SPLIT
        if chosen.shape != (len(waves),):
            raise InputError(f"split should hold {len(waves)} values, not shape {arrays['split'].shape}")
    kept = [clip for clip, keep in zip(waves, chosen, strict=True) if keep]
    _check_some(kept)
    check_clips(kept, chain)
    return [chain.symbols(prepare(clip)) for clip in kept], chosen, arrays.get("labels")


def _waves(arrays: Arrays) -> Sequence[Wave]:
    samples = arrays["samples"]
    if samples.ndim == 2:
        _check_int16(samples)
        lengths = whole(arrays.get("lengths", np.full(len(samples), samples.shape[1])), "lengths", 1)
        if lengths.shape != (len(samples),) or not ((lengths >= 0) & (lengths <= samples.shape[1])).all():
            raise InputError(f"lengths should hold {len(samples)} numbers in 0 … {samples.shape[1]}")
        return [row[:length] for row, length in zip(samples, lengths, strict=True)]
    if samples.ndim != 1 or "offsets" not in arrays:
        raise InputError("samples should be one row a clip, or one after the other with offsets")
    return clips_between(samples, arrays["offsets"])


def clips_between(samples: npt.NDArray[Any], offsets: npt.NDArray[Any]) -> list[Wave]:
    """Clips that lie one after the other in ``samples``, each from its offset to the next.

    Raises InputError unless samples are int16 (T,) and offsets whole numbers (N + 1,) that rise in 0 … T.
    """
    _check_int16(samples)
    if samples.ndim != 1:
        raise InputError(f"samples should hold one clip after the other in a row, not shape {samples.shape}")
    offsets = whole(offsets, "offsets", 1)
    fits = len(offsets) >= 2 and offsets[0] >= 0 and offsets[-1] <= len(samples)
    if not fits or (offsets[1:] < offsets[:-1]).any():
        raise InputError(f"offsets should rise from 0 to {len(samples)}, one more of them than clips")
    return [samples[first:end] for first, end in pairwise(offsets)]


def check_images(images: npt.NDArray[Any], name: str, chain: ImageChain) -> None:
    """Raises InputError unless an array is a row of images of the chain: uint8 (N, H, W) or (N, H, W, 3)."""
    size = chain.shape
    if images.dtype != np.uint8 or images.ndim != 1 + len(size) or images.shape[1:] != size:
        raise InputError(
            f"expected uint8 images of shape {size}, one image after the other, as {name}; "
            f"got {images.dtype} {images.shape}"
        )


def check_clips(clips: Sequence[Wave], chain: SoundChain) -> None:
    """Raises InputError for a clip that the chain cannot be."""
    if any(len(clip) == 0 or len(clip) > chain.limit for clip in clips):
        raise InputError(f"it has a clip that is empty or longer than the model's {chain.max_seconds:g} s")


def check_rows(array: npt.NDArray[Any], name: str, count: int) -> None:
    """Raises InputError unless an array has a row for each of ``count`` examples."""
    if array.shape[:1] != (count,):
        raise InputError(f"{name} should hold {count} values, not shape {array.shape}")


def whole(array: npt.NDArray[Any], name: str, axes: int) -> npt.NDArray[Any]:
    """The array; raises InputError unless it holds whole numbers along so many axes, none or one."""
    if array.dtype.kind not in "iu" or array.ndim != axes:
        what = "one whole number" if axes == 0 else "a row of whole numbers"
        raise InputError(f"{name} should be {what}, not {array.dtype} of shape {array.shape}")
    return array


def _check_int16(samples: npt.NDArray[Any]) -> None:
    if samples.dtype != np.int16:
        raise InputError(f"samples should be int16, not {samples.dtype}")


def _check_some(examples: Sequence[object] | npt.NDArray[Any]) -> None:
    if not len(examples):
        raise InputError("it holds no examples")
