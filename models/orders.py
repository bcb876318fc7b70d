"""Orders in which the pixels of an image may come, by name.

A permutation of the pixels is a chain of its own: another model, with other conditionals, of the same images. The
names stand in checkpoints, so that what a name means must never change.
"""

from __future__ import annotations

import re
from functools import lru_cache
from reprlib import repr as shortened

import numpy as np
import numpy.typing as npt

from models.errors import InputError

RASTER = "raster"

Pixels = npt.NDArray[np.int64]

NAMED_ORDERS = (RASTER, "columns", "bottom up", "spiral", "centre out")
"""Those that suit every image, and need no number."""

KINDS_OF_ORDERS = (
    "raster, columns, bottom up, spiral, centre out, coarse N first with N in 2 … 16, or random and a whole number"
)

RANDOM = re.compile(r"random (0|[1-9]\d{0,8})")
COARSE = re.compile(r"coarse ([2-9]|1[0-6]) first")
AFTER = re.compile(r"(.+) after ([0-9a-f]+)")


@lru_cache(maxsize=16)
def pixel_order(name: str, height: int, width: int) -> Pixels:
    """The pixels (row * width + column) in the order of their steps, int64 (height * width,), not to be written to.

    ``raster``: rows from the top, each from the left. ``columns``: columns from the left, each from the top.
    ``bottom up``: rows from the bottom. ``spiral``: along the border and inwards, clockwise from the upper left.
    ``centre out``: by distance from the middle, ties in raster order. ``random N``: a fixed shuffle, of seed N.
    ``coarse N first``, N in 2 … 16: the pixels whose row and column are multiples of N, in raster order, and then the
    others in raster order. ``ORDER after HEX``: given pixels first, in raster order, then the others in one of the
    orders above, which no pixels were given before; see ``order_after``. Raises InputError for any other name.
    """
    if after := AFTER.fullmatch(name):
        first = _first_pixels(after[2], height, width)
        if AFTER.fullmatch(after[1]):
            raise InputError(f"pixels are given once before an order, not in {shortened(after[1])} already")
        later = pixel_order(after[1], height, width)
        order = np.concatenate([np.flatnonzero(first), later[~first[later]]])
        order.setflags(write=False)
        return order
    pixels = np.arange(height * width)
    rows, columns = np.divmod(pixels, width)
    shuffle, factor = RANDOM.fullmatch(name), coarse_factor(name)
    if name == RASTER:
        order = pixels
    elif name == "columns":
        order = np.lexsort((rows, columns))
    elif name == "bottom up":
        order = np.lexsort((columns, -rows))
    elif name == "centre out":
        # Whole numbers, so that no rounding decides what is a tie.
        distance = (2 * rows - height + 1) ** 2 + (2 * columns - width + 1) ** 2
        order = np.argsort(distance, kind="stable")
    elif name == "spiral":
        order = _spiral(height, width)
    elif factor is not None:
        order = np.argsort((rows % factor > 0) | (columns % factor > 0), kind="stable")
    elif shuffle is not None:
        # A counter-based generator's raw words: numpy promises them, but not how it shuffles.
        keys = np.random.Philox(key=int(shuffle[1])).random_raw(height * width)
        order = np.argsort(keys, kind="stable")
    else:
        raise InputError(f"an order is {KINDS_OF_ORDERS}, not {shortened(name)}")
    order.setflags(write=False)
    return order


def random_order(seed: int) -> str:
    """The name of a shuffle."""
    return f"random {seed}"


def seed_of(name: str) -> int | None:
    """N of the order ``random N``, None for any other name."""
    shuffle = RANDOM.fullmatch(name)
    return None if shuffle is None else int(shuffle[1])


def order_after(first: npt.NDArray[np.bool_], name: str) -> str:
    """The name of the order in which the pixels of a mask (height, width) come first, then the others as ``name`` says.

    A model that is conditioned on its order completes an image exactly along it: what is known is known at the start.
    """
    return f"{before_after(name)[0]} after {np.packbits(first.reshape(-1)).tobytes().hex()}"


def before_after(name: str) -> tuple[str, int]:
    """The order of the pixels that are not given, and how many are given: ``name`` and 0 where none are."""
    after = AFTER.fullmatch(name)
    return (name, 0) if after is None else (after[1], int(after[2], 16).bit_count())


def _first_pixels(digits: str, height: int, width: int) -> npt.NDArray[np.bool_]:
    count = height * width
    if len(digits) != 2 * -(-count // 8):
        raise InputError(f"the pixels that come first are {2 * -(-count // 8)} hexadecimal digits, not {len(digits)}")
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8))
    if bits[count:].any():
        raise InputError(f"of the pixels that come first some lie beyond the {count} of the image")
    return bits[:count].astype(np.bool_)


def coarse_factor(name: str) -> int | None:
    """N of the order ``coarse N first``, None for any other name."""
    coarse = COARSE.fullmatch(name)
    return None if coarse is None else int(coarse[1])


def _spiral(height: int, width: int) -> Pixels:
    """Peels the upper row off and turns the rest to the left, until nothing is left."""
    left = np.arange(height * width).reshape(height, width)
    peeled = []
    while left.size:
        peeled.append(left[0])
        left = np.rot90(left[1:])
    return np.concatenate(peeled)
