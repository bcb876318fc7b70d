"""Data sets as symbols and conditions, from the packed files or the public originals, with named splits.

Each origin has a file here, which says what it reads and how it is cut; ``DATA_SETS`` lists what a recipe may name.
Splits are ``train``, ``valid`` and ``test``. The validation part is cut from the official training part: of images
the last 5000.
"""

from __future__ import annotations

from pathlib import Path

from models.errors import FileError, InputError
from models.training.data.base import SPLITS, DataSet, Examples
from models.training.data.cifar10 import CIFAR10, CIFAR10_PATCHES
from models.training.data.fashion_mnist import FASHION_MNIST
from models.training.data.fsdd import FSDD
from models.training.data.mnist import BINARISED_MNIST, MNIST, MNIST14, MNIST_PATCHES

__all__ = ["DATA_SETS", "SPLITS", "DataSet", "Examples", "data_set", "load"]

DATA_SETS = {
    source.name: source
    for source in (
        MNIST, BINARISED_MNIST, MNIST_PATCHES, MNIST14, FASHION_MNIST, CIFAR10, CIFAR10_PATCHES, FSDD,
    )
}  # fmt: skip


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
