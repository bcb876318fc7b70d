"""What the data sets of images have in common: the validation part, tiles, and symbols in little memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.chain import ImageChain
from models.errors import InputError
from models.training.data.base import Rows

Images = npt.NDArray[np.uint8]
"""(N, H, W), or (N, H, W, 3) in colour."""

VALIDATION = 5000
"""So many images at the end of the official training part are the validation part."""

AT_ONCE = 1000
"""Images: what is computed of them takes up to eight times their memory on the way."""


def part(split: str, count: int, name: str) -> slice:
    """Where a split lies among the ``count`` images of the official part that it belongs to.

    Raises InputError, by the ``name`` of those images, if nothing is left of them.
    """
    fewest = 1 if split == "test" else VALIDATION + 1
    if count < fewest:
        why = "" if split == "test" else f": the last {VALIDATION} are the validation part"
        raise InputError(f"{name} should hold at least {fewest} images, not {count}{why}")
    cut = count - VALIDATION
    return {"train": slice(cut), "valid": slice(cut, None), "test": slice(None)}[split]


def image_rows(chain: ImageChain, images: Images) -> Rows:
    """Images as the symbols of a chain of at most 256 levels."""
    table = np.empty((len(images), chain.length), np.uint8)
    for n in range(0, len(images), AT_ONCE):
        table[n : n + AT_ONCE] = chain.symbols(images[n : n + AT_ONCE])
    return Rows(table)


def tiles(images: Images, side: int) -> Images:
    """Grey images (N, H, W) cut into squares (N * H * W / side², side, side): image by image, each in raster order.

    side: a divisor of the height and of the width.
    """
    count, height, width = images.shape
    grid = images.reshape(count, height // side, side, width // side, side)
    return grid.swapaxes(2, 3).reshape(-1, side, side)
