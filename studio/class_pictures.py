"""Pictures of the classes that a model knows, from the sheets that come with the program: one image for each value."""

from __future__ import annotations

from functools import lru_cache

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

    A sheet is called after its data set and the factor. What is derived from a data set has its name in its own.
    """
    data = entry.header.data.get("name")
    fitting = [path for path in FOLDER.glob(f"*.{factor.name}.png") if path.name.split(".")[0] in str(data)]
    if not fitting:
        return []
    return list(_images(str(max(fitting, key=lambda path: len(path.name))), len(factor.values)))


@lru_cache(maxsize=8)
def _images(path: str, count: int) -> tuple[Pixels, ...]:
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    side = pixels.shape[0]
    if pixels.shape[1] != side * count:
        return ()
    return tuple(pixels[:, side * n : side * (n + 1)].copy() for n in range(count))


def pixmap(pixels: Pixels) -> QPixmap:
    height, width = pixels.shape[:2]
    return QPixmap.fromImage(QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888))
