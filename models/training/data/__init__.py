"""Data sets as symbols and conditions, from the packed files or the public originals, with named splits.

Each origin has a file here, which says what it reads and how it is cut; ``DATA_SETS`` lists what a recipe may name.
Splits are ``train``, ``valid`` and ``test``. The validation part is cut from the official training part: of images
the last 5000.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from models.chain import Chain, ImageChain
from models.errors import FileError, InputError
from models.orders import RASTER
from models.training.data.base import SPLITS, DataSet, Examples
from models.training.data.cifar10 import CIFAR10, CIFAR10_PATCHES
from models.training.data.fashion_mnist import FASHION_MNIST
from models.training.data.fsdd import FSDD
from models.training.data.fsdd_directed import FSDD_DIRECTED, FSDD_DIRECTED_16BIT
from models.training.data.mnist import BINARISED_MNIST, MNIST, MNIST14, MNIST_PATCHES
from models.training.data.moving_mnist import MOVING_MNIST, MOVING_MNIST32
from models.training.data.piano_notes import PIANO_NOTES, PIANO_NOTES_16BIT
from models.training.data.tatoeba_en_de import TATOEBA_EN_DE
from models.training.data.tiny_shakespeare import TINY_SHAKESPEARE, TINY_SHAKESPEARE_SPEECHES

__all__ = ["DATA_SETS", "SPLITS", "DataSet", "Examples", "data_set", "in_order", "load", "order_of"]

DATA_SETS = {
    source.name: source
    for source in (
        MNIST, BINARISED_MNIST, MNIST_PATCHES, MNIST14, FASHION_MNIST, CIFAR10, CIFAR10_PATCHES, FSDD, FSDD_DIRECTED,
        FSDD_DIRECTED_16BIT, PIANO_NOTES, PIANO_NOTES_16BIT, TATOEBA_EN_DE, TINY_SHAKESPEARE, TINY_SHAKESPEARE_SPEECHES,
        MOVING_MNIST, MOVING_MNIST32,
    )
}  # fmt: skip


def data_set(name: str) -> DataSet:
    if name not in DATA_SETS:
        raise InputError(f"unknown data set {name!r}; known: {', '.join(DATA_SETS)}")
    return DATA_SETS[name]


def in_order(source: DataSet, order: str) -> Chain:
    """The chain of a data set with its pixels in an order by name, see ``orders``; raises InputError if it has none."""
    if order == RASTER:
        return source.chain
    if not isinstance(source.chain, ImageChain):
        raise InputError(f"{source.title} are no images, whose pixels could come in the order {order!r}")
    return replace(source.chain, order=order)


def order_of(chain: Chain) -> str:
    """The order that the examples of a chain are loaded in."""
    return chain.order if isinstance(chain, ImageChain) else RASTER


def load(name: str, folder: Path, split: str, order: str = RASTER) -> Examples:
    """One split of a data set below ``folder``; of images, with their pixels in an order.

    Raises FileError if its files are not there or damaged, InputError for content that is not the data set's.
    """
    source = data_set(name)
    chain = in_order(source, order)
    if split not in SPLITS:
        raise InputError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
    if not folder.is_dir():
        raise FileError(f"{folder} is not a folder; it should hold the data set {name!r}")
    examples = source.load(folder, split)
    if not isinstance(chain, ImageChain) or order == RASTER:
        return examples
    steps = (chain.pixels[:, None] * chain.channels + np.arange(chain.channels)).reshape(-1)
    return examples.rearranged(steps)
