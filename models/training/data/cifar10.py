"""CIFAR-10: small colour photographs of ten kinds of things, whole and in grey patches.

``cifar10``: 32 x 32 pixels of three colours. ``cifar10_patches``: tiles of 8 x 8 grey pixels, 16 an image.

Both come from lossless mosaics (``cifar10/train_1.webp`` … ``train_5.webp`` and ``test.webp``, tiles row by row, with
``train_labels`` and ``test_labels`` in ``labels.npz``), or from the binary version of the original
(``cifar-10-batches-bin/data_batch_1.bin`` … and ``test_batch.bin``). The version in pickles is not read: to read a
pickle is to run it.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from models.array_files import check_rows
from models.chain import GreyLevels, ImageChain
from models.condition import Category, Condition, by_row
from models.errors import FileError
from models.record import damage_as_file_error, read_bytes
from models.training.data.base import DataSet, Examples, first_existing, packed_arrays
from models.training.data.images import AT_ONCE, Images, image_rows, part, tiles

SIDE = 32
TRAIN_FILES = range(1, 6)

CIFAR10_CHAIN = ImageChain(GreyLevels(256), SIDE, SIDE, 3)
PATCH_CHAIN = ImageChain(GreyLevels(256), 8, 8)
OBJECT = Category(
    "object",
    ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    any=True,
)

LUMA = np.array([299, 587, 114], np.uint32)
"""Thousandths of red, green and blue in luma, by Recommendation ITU-R BT.601."""

LICENCE = "no explicit licence; the authors ask to cite the report"
ATTRIBUTION = "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"


def load_cifar10(folder: Path, split: str) -> Examples:
    images, conditions = read_cifar10(folder, split)
    return Examples(image_rows(CIFAR10_CHAIN, images), conditions)


def load_cifar10_patches(folder: Path, split: str) -> Examples:
    """Image by image. Patches of one image are not independent: a standard error that takes them to be is too small."""
    images, _ = read_cifar10(folder, split)
    symbols = image_rows(PATCH_CHAIN, tiles(luma(images), PATCH_CHAIN.height))
    return Examples(symbols, [{}] * len(symbols))


def read_cifar10(folder: Path, split: str) -> tuple[Images, list[Condition]]:
    """One split: the images, and the condition of each by its label.

    Raises FileError if the files are not there or damaged, InputError for content that does not fit.
    """
    official = "test" if split == "test" else "train"
    mosaics = ["test.webp"] if split == "test" else [f"train_{n}.webp" for n in TRAIN_FILES]
    batches = ["test_batch.bin"] if split == "test" else [f"data_batch_{n}.bin" for n in TRAIN_FILES]
    if first := first_existing(folder, mosaics[0], f"cifar10/{mosaics[0]}"):
        (labels,) = packed_arrays(first.with_name("labels.npz"), f"{official}_labels")
        images = np.concatenate([read_mosaic(first.with_name(name)) for name in mosaics])
    elif first := first_existing(folder, *(home + batches[0] for home in ("", "cifar-10-batches-bin/", "cifar10/"))):
        records = np.concatenate([read_batch(first.with_name(name)) for name in batches])
        labels, images = records[:, 0], from_planes(records[:, 1:])
    else:
        raise FileError(f"no CIFAR-10 in {folder}: neither cifar10/{mosaics[0]} nor cifar-10-batches-bin/{batches[0]}")
    with damage_as_file_error(str(first.parent)):
        check_rows(labels, f"{official}_labels", len(images))
        values = OBJECT.from_array(labels)
        chosen = part(split, len(images), f"the {official} part")
        return images[chosen], by_row({OBJECT.name: values[chosen]}, len(values[chosen]))


def read_mosaic(path: Path) -> Images:
    """The tiles of a mosaic, row by row."""
    with damage_as_file_error(str(path)):
        content, _ = read_bytes(path)
        try:
            with Image.open(io.BytesIO(content), formats=("WEBP",)) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (UnidentifiedImageError, Image.DecompressionBombError):
            raise FileError(f"{path} is not a mosaic of images in WebP") from None
    height, width, _ = pixels.shape
    if height % SIDE or width % SIDE:
        raise FileError(f"{path} has {width} x {height} pixels, which are not tiles of {SIDE} x {SIDE}")
    grid = pixels.reshape(height // SIDE, SIDE, width // SIDE, SIDE, 3)
    return grid.swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)


def read_batch(path: Path) -> npt.NDArray[np.uint8]:
    """The records of a binary file: the label, then 1024 bytes each of red, green and blue; (N, 3073)."""
    content, _ = read_bytes(path)
    size = 1 + 3 * SIDE * SIDE
    if not content or len(content) % size:
        raise FileError(f"{path} should hold records of {size} bytes, not {len(content)} bytes")
    return np.frombuffer(content, np.uint8).reshape(-1, size)


def from_planes(rows: npt.NDArray[Any]) -> Images:
    """Images of which the colours lie one after the other."""
    return np.ascontiguousarray(rows.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1))


def luma(images: Images) -> Images:
    """Colour images in grey, rounded to the nearest level, halves up."""
    grey = np.empty(images.shape[:-1], np.uint8)
    for n in range(0, len(images), AT_ONCE):
        grey[n : n + AT_ONCE] = (images[n : n + AT_ONCE] @ LUMA + 500) // 1000
    return grey


CIFAR10 = DataSet("cifar10", "CIFAR-10", CIFAR10_CHAIN, (OBJECT,), LICENCE, ATTRIBUTION, load_cifar10)
CIFAR10_PATCHES = DataSet(
    "cifar10_patches", "CIFAR-10, grey 8 x 8 patches", PATCH_CHAIN, (), LICENCE, ATTRIBUTION, load_cifar10_patches
)
