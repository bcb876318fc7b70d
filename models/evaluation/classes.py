"""One picture for each value of a data set's classes: what a class looks like, and something to complete."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.chain import ImageChain
from models.condition import Category
from models.errors import InputError
from models.evaluation.pictures import Pixels
from models.training.data import data_set, load
from models.training.data.base import Rows

TYPICAL = 0.35
"""How far out a class's picture is among those of the class, by the distance to their mean: the nearest are dull."""


def class_pictures(name: str, folder: Path) -> tuple[str, Pixels]:
    """The name of the first category of a data set, and a picture of each of its values, side by side.

    From the test part, which no model has learned. Raises InputError for data without images or categories.
    """
    source = data_set(name)
    chain, factor = source.chain, next((f for f in source.factors if isinstance(f, Category)), None)
    examples = load(name, folder, "test")
    if not isinstance(chain, ImageChain) or factor is None or not isinstance(examples.symbols, Rows):
        raise InputError(f"{source.title} has no classes of images")
    table = examples.symbols.table
    values = np.array([condition[factor.name] for condition in examples.conditions])
    pictures = []
    for value in factor.values:
        own = table[values == value].astype(np.int32)
        distances = ((own - own.mean(0)) ** 2).sum(1)
        pictures.append(chain.image(own[np.argsort(distances, kind="stable")[int(TYPICAL * len(own))]]))
    return factor.name, np.concatenate(pictures, 1)
