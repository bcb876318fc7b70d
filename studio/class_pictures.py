"""Pictures of the classes that a model knows, from the sheets that come with the program: one image for each value."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from PySide6.QtGui import QImage, QPixmap

from models.catalog import SHIPPED, Entry
from models.condition import Category

FOLDER = SHIPPED / "classes"

Pixels = npt.NDArray[np.uint8]


def class_pictures(entry: Entry, factor: Category) -> list[Pixels]:
    """An image (side, side, 3) for each value of a factor, in their order; none where there is no sheet of them.

    A sheet is called after its data set and the factor: ``mnist.digit.png``.
    """
    sheets = _sheets()
    source = source_of(entry.header.data.get("name", ""), {name.split(".")[0] for name in sheets})
    sheet = sheets.get(f"{source}.{factor.name}.png")
    return [] if sheet is None else list(_images(sheet, len(factor.values)))


def source_of(data: str, known: Collection[str]) -> str | None:
    """Which of the known data sets one is or was derived from: the longest whose name it holds as a whole word.

    Words stand between underscores, and a number may follow one that does not end in a digit: ``mnist14``,
    ``mnist_patches`` and ``binarised_mnist`` are of ``mnist``, but not ``emnist``, and ``cifar100`` is not of
    ``cifar10``. ``fashion_mnist``, which has a sheet of its own, is of that.
    """
    fitting = [name for name in known if re.search(rf"(?<![^_]){re.escape(name)}(?:(?<!\d)\d+)?(?![^_])", data)]
    return max(fitting, key=len, default=None)


@cache
def _sheets() -> dict[str, Path]:
    """By name; they come with the program."""
    return {path.name: path for path in FOLDER.iterdir()}


@lru_cache(maxsize=8)
def _images(path: Path, count: int) -> tuple[Pixels, ...]:
    with Image.open(path, formats=("PNG",)) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    side = pixels.shape[0]
    if pixels.shape[1] != side * count:
        return ()
    return tuple(pixels[:, side * n : side * (n + 1)].copy() for n in range(count))


def pixmap(pixels: Pixels) -> QPixmap:
    height, width = pixels.shape[:2]
    return QPixmap.fromImage(QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888))
