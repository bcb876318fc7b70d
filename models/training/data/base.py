"""What a data set is, and how its files are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from models.array_files import data_arrays
from models.chain import Chain, LinearAmplitudes, SoundChain, Symbols
from models.condition import Condition, Factor
from models.errors import InputError
from models.record import damage_as_file_error, read_bytes

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Examples:
    """One split: per example its symbols, and its condition, complete for the factors of the data set.

    redraw: where they are a random draw that training makes anew in every epoch, what draws all of them again; then
    these are one such draw, the same whenever they are loaded.
    """

    symbols: Sequence[Symbols]
    conditions: Sequence[Condition]
    redraw: Callable[[np.random.Generator], Examples] | None = None

    def __len__(self) -> int:
        return len(self.symbols)

    def known_to(self, factors: Sequence[Factor]) -> Examples:
        """The same with the conditions that a model of these factors has: it may do without some of the data's."""
        names = {factor.name for factor in factors}
        kept = [{name: c[name] for name in c if name in names} for c in self.conditions]
        return Examples(self.symbols, kept, self._redrawn(lambda drawn: drawn.known_to(factors)))

    def rearranged(self, steps: npt.NDArray[np.int64]) -> Examples:
        """The same with the variables of every example in another order: steps (T,) tells where each one stood."""
        assert isinstance(self.symbols, Rows)  # what is equally long
        rows = Rows(self.symbols.table[:, steps])
        return Examples(rows, self.conditions, self._redrawn(lambda drawn: drawn.rearranged(steps)))

    def _redrawn(self, change: Callable[[Examples], Examples]) -> Callable[[np.random.Generator], Examples] | None:
        redraw = self.redraw
        return None if redraw is None else lambda rng: change(redraw(rng))


def published_draw(split: str, seed: int) -> np.random.Generator:
    """What the random examples of a split that everybody is measured on are drawn with."""
    return np.random.Generator(np.random.PCG64([seed, SPLITS.index(split)]))


def redrawn(draw: Callable[[np.random.Generator], Examples], split: str, seed: int) -> Examples:
    """Of random examples those that everybody is measured on, which the seed says; training draws others."""
    examples = draw(published_draw(split, seed))
    return replace(examples, redraw=draw if split == "train" else None)


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


def in_16_bits(source: DataSet, load: Callable[[Path, str, SoundChain], Examples]) -> DataSet:
    """The sounds of a data set without companding. load: as the data set's, with the symbols of a chain."""
    assert isinstance(source.chain, SoundChain)
    chain = replace(source.chain, alphabet=LinearAmplitudes(65536, source.chain.alphabet.stop))

    def load_in_16_bits(folder: Path, split: str) -> Examples:
        return load(folder, split, chain)

    return replace(
        source, name=f"{source.name}_16bit", title=f"{source.title}, 16 bits", chain=chain, load=load_in_16_bits
    )


class Rows(Sequence[Symbols]):
    """The symbols of equally long examples, each given as int32, kept as the rows of a table of uint8 (N, T)."""

    def __init__(self, table: npt.NDArray[np.uint8]) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> Symbols: ...

    @overload
    def __getitem__(self, index: slice) -> Rows: ...

    def __getitem__(self, index: int | slice) -> Symbols | Rows:
        chosen = self.table[index]
        return Rows(chosen) if isinstance(index, slice) else chosen.astype(np.int32)


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
