"""A map of a code of two numbers: what images a model draws where, and where it finds the codes of real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.chain import ImageChain
from models.checkpoint import LoadedModel
from models.condition import Category, Vector
from models.evaluation.pictures import Pixels
from models.sampling import engines_of, run
from models.shaping import Shaping
from models.sweep import DECIMALS, Values, sweep
from models.training.data import data_set, load, order_of

SIDE = 10
"""Images across, and up."""
SEED = 3
"""Some noise makes everything busy, some everything plain. On Fashion-MNIST this does neither."""
TEMPERATURE = 0.9
"""A little below 1: of each code there is one image, which is to show what is usual there. Far below all are black."""
EXAMPLES = 300
"""Validation images that are encoded."""
CODE_DECIMALS = 3
SCALE = 2
"""Pixels of the picture for each pixel of an image."""

Place = tuple[float, float, str | None]
"""The two numbers of an image's code, and its class where the data tell one."""


@dataclass(frozen=True)
class CodeMap:
    """pixels: a grid of images without gaps, which together fill the square -1 … 1 of the codes, with y pointing up.

    codes: of real images; none where the model does not encode.
    """

    factor: str
    pixels: Pixels
    codes: Sequence[Place]

    def to_json(self) -> dict[str, Any]:
        """What the picture does not say."""
        return {
            "factor": self.factor, "columns": SIDE, "rows": SIDE, "seed": SEED, "temperature": TEMPERATURE,
            "codes": [list(place) for place in self.codes],
        }  # fmt: skip


def code_map(loaded: LoadedModel, folder: Path) -> CodeMap | None:
    """The map of a model of images with a condition of two numbers; None for any other.

    folder: of the data sets, whose validation images are encoded. Raises FileError and InputError as ``load``.
    """
    model = loaded.model
    factor = next((f for f in model.factors if isinstance(f, Vector) and f.size == 2), None)
    if factor is None or not isinstance(model.chain, ImageChain):
        return None
    return CodeMap(factor.name, drawn(loaded, factor), found(loaded, factor, folder))


def centres(count: int) -> list[float]:
    """The middles of ``count`` equal parts of -1 … 1."""
    return [round((2 * n + 1) / count - 1, DECIMALS) for n in range(count)]


def drawn(loaded: LoadedModel, factor: Vector) -> Pixels:
    """An image for the code in the middle of each cell, all under the same noise, else under the defaults."""
    engine, shaping = engines_of(loaded.model)[0], Shaping(temperature=TEMPERATURE)
    lines = []
    for y in reversed(centres(SIDE)):
        row = Values(tuple([x, y] for x in centres(SIDE)), factor.name)
        take = sweep(loaded.reference, row, seed=SEED, condition={}, shaping=shaping, engine=engine)
        run(loaded.model, take)
        assert isinstance(take.chain, ImageChain)
        lines.append(np.concatenate([take.chain.image(trace.symbols) for trace in take.traces], 1))
    return np.concatenate(lines).repeat(SCALE, 0).repeat(SCALE, 1)


@torch.inference_mode()
def found(loaded: LoadedModel, factor: Vector, folder: Path) -> list[Place]:
    """The codes of validation images, which lie evenly among all of them; none if the model has no encoder."""
    model, name = loaded.model, loaded.header.data["name"]
    if not model.encodes():
        return []
    category = next((f.name for f in data_set(name).factors if isinstance(f, Category)), None)
    examples = load(name, folder, "valid", order_of(model.default_chain))
    chosen = np.linspace(0, len(examples) - 1, min(EXAMPLES, len(examples))).astype(int).tolist()
    rows = torch.from_numpy(np.stack([examples.symbols[n] for n in chosen]).astype(np.int64)).to(model.device)
    known = examples.known_to(model.factors).conditions
    codes = model.encode(rows, model.condition_tensor([known[n] for n in chosen]))[:, model.columns[factor.name]]
    classes = [None if category is None else examples.conditions[n][category] for n in chosen]
    points = [[round(number, CODE_DECIMALS) for number in code] for code in codes.tolist()]
    return [(x, y, value) for (x, y), value in zip(points, classes, strict=True)]
