"""A kind of condition that only tests have, a place in the unit square; a model that heeds it, and a data set for it.

What works with it works with any kind: the library and the window know nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.chain import GreyLevels, ImageChain
from models.condition import FACTORS, Factor, by_row
from models.conditional import Categorical
from models.errors import InputError
from models.model import AutoregressiveModel, ModelSpec
from models.networks import BUILT_IN
from models.training.data import DATA_SETS, SPLITS, DataSet, Examples
from models.training.data.base import packed_arrays


@dataclass(frozen=True)
class Place(Factor):
    """Two numbers in 0 … 1; from the middle a model learns nothing."""

    kind = "place"

    @property
    def default(self) -> list[float]:
        return [0.5, 0.5]

    @property
    def null(self) -> list[float]:
        return self.default

    @property
    def numbers(self) -> int:
        return 2

    def encode(self, value: Any) -> list[float]:
        self.check(value)
        return list(value)

    def check(self, value: Any) -> None:
        numbers = isinstance(value, list) and len(value) == 2 and all(type(x) in (int, float) for x in value)
        if not numbers or not all(0 <= x <= 1 for x in value):
            raise InputError(f"{self.name} is two numbers in 0 … 1, not {value!r}")

    def parse(self, text: str) -> list[float]:
        try:
            value = [float(part) for part in text.split(",")]
        except ValueError:
            raise InputError(f"{self.name} is two numbers with a comma between them, not {text!r}") from None
        self.check(value)
        return value

    def format(self, value: Any) -> str:
        return ",".join(str(x) for x in value)

    def describe(self) -> str:
        return "two numbers in 0 … 1"

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name}

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> Self:
        return cls(config["name"])


class PlaceModel(AutoregressiveModel):
    """The further to the right the place, the brighter the pixels; the only factor is the place."""

    architecture, family, title = "place", "table", "Place"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self.gain = nn.Parameter(torch.linspace(-4, 4, spec.chain.alphabet.size))

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        logits = (condition[:, :1] - 0.5) * self.gain
        return Categorical(logits[:, None].expand(*symbols.shape, -1))


WHERE = Place("where")
CHAIN = ImageChain(GreyLevels(4), 3, 4)


def write_places(folder: Path, count: int = 60) -> None:
    """For every split a file of images, the brighter the further to the right their places."""
    rng = np.random.default_rng(0)
    for split in SPLITS:
        where = rng.random((count, 2))
        levels = rng.binomial(3, where[:, :1, None], (count, CHAIN.height, CHAIN.width))
        np.savez(folder / f"{split}.npz", images=CHAIN.alphabet.decode(levels), where=where)


def load_places(folder: Path, split: str) -> Examples:
    images, where = packed_arrays(folder / f"{split}.npz", "images", "where")
    return Examples(list(CHAIN.symbols(images)), by_row({WHERE.name: WHERE.from_array(where)}, len(images)))


PLACES = DataSet("places", "Places", CHAIN, (WHERE,), licence="none", attribution="none", load=load_places)


def register_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind, the model and the data set are added as new files of the library would add them."""
    monkeypatch.setitem(FACTORS, Place.kind, Place)
    monkeypatch.setitem(BUILT_IN, PlaceModel.architecture, "tests.place:PlaceModel")
    monkeypatch.setitem(DATA_SETS, PLACES.name, PLACES)
