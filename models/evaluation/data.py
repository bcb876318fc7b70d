"""Images and sounds from files, with the conditions to score them under, as a model's symbols."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.atomic import reason
from models.chain import Chain, ImageChain, SoundChain, Symbols
from models.checkpoint import CheckpointHeader
from models.condition import ANY, Category, Condition, Factor, categories, complete
from models.errors import FileError, InputError, StudioError
from models.files import read_image, read_saved, read_wave
from models.formats import FORMATS, suffixes
from models.record import DAMAGE, npz_members, read_arrays, read_bytes
from models.trace import Trace
from models.training.data import DATA_SETS, Examples, load, normalise

Arrays = Mapping[str, npt.NDArray[Any]]
Waves = Sequence[npt.NDArray[np.int16]]

TEST_SPLIT = 1
"""In the array ``split`` of a packed data set."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Whatever is wrong with what a file holds becomes an error that names it; a FileError does so already."""
    try:
        yield
    except FileError:
        raise
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except OSError as error:
        raise FileError(f"cannot read {error.filename or path}: {reason(error)}") from None
    except (*DAMAGE, wave.Error) as error:
        raise FileError(f"{path} is damaged or cut short: {str(error) or type(error).__name__}") from None


# Files to be scored one by one


@dataclass(frozen=True)
class Example:
    """A sample in a file.

    symbols: int32 (T,), T at least 1. conditions: what holds from which step on, the first from step 0; complete for
    the model. recorded: whether the file says so; else they are the defaults.
    """

    symbols: Symbols
    conditions: tuple[tuple[int, Condition], ...]
    recorded: bool


def read_data_file(path: Path, header: CheckpointHeader) -> list[Example]:
    """What a PNG, GIF, WAV or .npz holds, as symbols of a model's chain, nothing normalised.

    A file that this program saved gives the very symbols, as far as they were drawn, and the conditions that they were
    drawn under, as far as the model has them. Any other is read as it looks; an .npz has ``samples`` or ``images``.
    Raises InputError for content that is not the chain's, FileError for a file that cannot be read.
    """
    chain, factors = header.chain, header.factors
    suffix = path.suffix.lower()
    if suffix not in {form.suffix for form in FORMATS}:
        raise InputError(f"{path} cannot be scored: it should end in {suffixes(FORMATS)}")
    reader = READERS.get(suffix)
    try:
        traces = _saved_traces(path, chain)
    except StudioError:
        if reader is None:
            raise
        return [Example(symbols, ((0, complete(factors, {})),), False) for symbols in reader(path, chain)]
    if not all(map(len, traces)):
        raise InputError(f"{path} holds a sample of which nothing is drawn yet")
    return [Example(trace.symbols, _conditions(trace, factors), True) for trace in traces]


def _saved_traces(path: Path, chain: Chain) -> list[Trace]:
    take = read_saved(path).take
    if take.model.chain != chain:
        raise InputError(f"{path} holds {take.model.chain.describe()}; the model expects {chain.describe()}")
    return take.traces


def _conditions(trace: Trace, factors: Sequence[Factor]) -> tuple[tuple[int, Condition], ...]:
    """What a trace was drawn under, of that which a model with these factors has."""
    known = {factor.name: factor for factor in factors}
    held: list[tuple[int, Condition]] = []
    for segment in trace.schedule:
        taken = {n: v for n, v in segment.condition.items() if n in known and known[n].takes(v)}
        condition = complete(factors, taken)
        if segment.start < len(trace) and (not held or condition != held[-1][1]):
            held.append((segment.start, condition))
    return tuple(held)


def _read_foreign_npz(path: Path, chain: Chain) -> list[Symbols]:
    with naming(path):
        return _symbols(_read_npz(path, _array_names(())), chain)[0]


READERS: dict[str, Callable[[Path, Chain], list[Symbols]]] = {
    ".png": lambda path, chain: [read_image(path, chain)],
    ".wav": lambda path, chain: [read_wave(path, chain)],
    ".npz": _read_foreign_npz,
}
"""Of files of other programs, by their suffix."""


# Data sets


def read_data_set(path: Path, header: CheckpointHeader) -> Examples:
    """A data set with its conditions: an .npz, or the folder of the data set the model learned from (its test part).

    An .npz holds ``test_images`` and ``test_labels``, or ``images`` and ``labels``; or ``samples`` with ``offsets``
    (or ``lengths``), of which ``split``, if it is there, tells the test part by ones. An array by the name of a
    condition, or ``labels`` where the model has only one, holds indices into its values, or the values as strings;
    without it the condition is ``any``. Sound is normalised as in training, see ``training.data.normalise``.

    Raises InputError for content that the model cannot score, FileError for a file that cannot be read.
    """
    with naming(path):
        if path.is_dir():
            return _read_folder(path, header)
        arrays = _read_npz(path, _array_names(header.factors))
        symbols, chosen, labels = _symbols(arrays, header.chain, normalised=True)
        columns = []
        for factor in categories(header.factors):
            given = arrays.get(factor.name, labels if len(header.factors) == 1 else None)
            if given is None:
                if not factor.any:
                    raise InputError(f"it has no array {factor.name!r}, and the model has no `any` for it")
                columns.append(np.full(len(symbols), factor.index(ANY)))
                continue
            if given.shape != (len(chosen),):
                raise InputError(f"{factor.name} should hold {len(chosen)} values, not shape {given.shape}")
            columns.append(_condition_indices(factor, given[chosen]))
        table = np.stack(columns, 1) if columns else np.zeros((len(symbols), 0))
        return Examples(symbols, table.astype(np.int64))


def _read_folder(path: Path, header: CheckpointHeader) -> Examples:
    name = header.data.get("name")
    if name not in DATA_SETS:
        known = " or ".join(DATA_SETS)
        raise InputError(f"it is a folder, and the model did not learn from {known} but from {name!r}; name an .npz")
    return load(name, path, "test")


def _array_names(factors: Sequence[Factor]) -> tuple[str, ...]:
    images = ("test_images", "test_labels", "images", "labels")
    return (*images, "samples", "offsets", "lengths", "split", "sample_rate", *(factor.name for factor in factors))


def _read_npz(path: Path, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Those of the named arrays that an .npz has."""
    data, name = read_bytes(path)
    if not data.startswith(b"PK"):
        raise FileError(f"{name} is {'empty' if not data else 'not an .npz file'}")
    there = npz_members(data)
    return read_arrays(data, [wanted for wanted in names if wanted in there])


def _symbols(
    arrays: Arrays, chain: Chain, *, normalised: bool = False
) -> tuple[list[Symbols], npt.NDArray[np.bool_], npt.NDArray[Any] | None]:
    """The examples in the arrays of an .npz, which of its rows they are (bool), and the array of all rows' labels."""
    if isinstance(chain, ImageChain):
        for key, labels in (("test_images", "test_labels"), ("images", "labels"), ("samples", "labels")):
            if key in arrays:
                rows = chain.symbols(arrays[key])
                if rows.ndim != 2:
                    raise InputError(f"{key} should hold one image after the other, not shape {arrays[key].shape}")
                _check_some(rows)
                return list(rows), np.ones(len(rows), np.bool_), arrays.get(labels)
        raise InputError("it has neither test_images nor images nor samples")
    if not isinstance(chain, SoundChain):
        raise InputError(f"{chain.modality} data cannot be read from an .npz")
    if "samples" not in arrays:
        raise InputError("it has no samples; the model expects sound")
    rate = int(_whole(arrays["sample_rate"], "sample_rate", 0)) if "sample_rate" in arrays else chain.rate
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
    if any(len(clip) == 0 or len(clip) > chain.limit for clip in kept):
        raise InputError(f"it has a clip that is empty or longer than the model's {chain.max_seconds:g} s")
    return [chain.symbols(normalise(clip) if normalised else clip) for clip in kept], chosen, arrays.get("labels")


def _waves(arrays: Arrays) -> Waves:
    samples = arrays["samples"]
    if samples.dtype != np.int16:
        raise InputError(f"samples should be int16, not {samples.dtype}")
    if samples.ndim == 2:
        lengths = _whole(arrays.get("lengths", np.full(len(samples), samples.shape[1])), "lengths", 1)
        if lengths.shape != (len(samples),) or not ((lengths >= 0) & (lengths <= samples.shape[1])).all():
            raise InputError(f"lengths should hold {len(samples)} numbers in 0 … {samples.shape[1]}")
        return [row[:length] for row, length in zip(samples, lengths, strict=True)]
    if samples.ndim != 1 or "offsets" not in arrays:
        raise InputError("samples should be one row a clip, or one after the other with offsets")
    offsets = _whole(arrays["offsets"], "offsets", 1)
    fits = len(offsets) >= 2 and offsets[0] >= 0 and offsets[-1] <= len(samples)
    if not fits or (offsets[1:] < offsets[:-1]).any():
        raise InputError(f"offsets should rise from 0 to {len(samples)}, one more of them than clips")
    return [samples[first:end] for first, end in pairwise(offsets)]


def _whole(array: npt.NDArray[Any], name: str, axes: int) -> npt.NDArray[Any]:
    if array.dtype.kind not in "iu" or array.ndim != axes:
        what = "one whole number" if axes == 0 else "a row of whole numbers"
        raise InputError(f"{name} should be {what}, not {array.dtype} of shape {array.shape}")
    return array


def _check_some(examples: Sequence[object] | npt.NDArray[Any]) -> None:
    if not len(examples):
        raise InputError("it holds no examples")


def _condition_indices(factor: Category, given: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The embedding indices of integers that index a factor's values, or of strings that are such values."""
    if given.dtype.kind in "iu":
        if given.min() < 0 or given.max() >= len(factor.values):
            found = f"{given.min()} … {given.max()}"
            raise InputError(f"{factor.name} lies in 0 … {len(factor.values) - 1}, not {found}")
        return given.astype(np.int64)
    if given.dtype.kind == "U":
        return np.array([factor.index(str(value)) for value in given], np.int64)
    raise InputError(f"{factor.name} should hold integers or strings, not {given.dtype}")
