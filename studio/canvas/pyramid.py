"""Least, largest and mean values of stretches of a growing curve, at a cost that does not grow with its length.

Nor does the memory: of a long curve the levels lie on the disk, as what it was made of does, see ``growing``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from models.growing import RELEASED_STEPS, Growth

Floats = npt.NDArray[np.float32]

FIRST = 32
"""Values that make a bin of the lowest level: so few are looked at one by one, and so many need not be kept twice."""
FACTOR = 8
"""Bins of one level that make a bin of the next."""

FIRST_CAPACITY = 1024
FIGURES = 3
"""Of a bin."""
RELEASED_BINS = RELEASED_STEPS // FIRST
"""After so many each, what a level has on the disk leaves memory."""


class _Level:
    """Whole bins of one width: their least and largest values and their sums, side by side in one array."""

    def __init__(self) -> None:
        self.count = 0
        self._figures = np.empty(FIGURES * FIRST_CAPACITY, np.float32)
        self._growth = Growth(part=FIRST // FIGURES)

    def bins(self, start: int, stop: int) -> tuple[Floats, Floats, Floats]:
        """(least, largest, sum) of the bins [start, stop), float32 (stop - start,) each."""
        low, high, total = self._figures[FIGURES * start : FIGURES * stop].reshape(-1, FIGURES).T
        return low, high, total

    def extend(self, low: Floats, high: Floats, total: Floats) -> None:
        start, stop = self.count, self.count + len(low)
        if FIGURES * stop > len(self._figures):
            room = max(FIGURES * stop, 2 * len(self._figures))
            self._figures = self._growth.larger(self._figures, FIGURES * start, room)
        np.stack([low, high, total], 1, out=self._figures[FIGURES * start : FIGURES * stop].reshape(-1, FIGURES))
        self.count = stop
        if start // RELEASED_BINS < stop // RELEASED_BINS:
            self._growth.leave_memory()


class Pyramid:
    """A curve that grows at its end. Level j holds whole bins of FIRST * FACTOR**j values; the values are read anew.

    read: gives the values [start, stop) of the curve, float (stop - start,); NaN counts as 0.
    """

    def __init__(self, read: Callable[[int, int], npt.ArrayLike]) -> None:
        self._read = read
        self._length = 0
        self._levels = [_Level()]
        self._total = 0.0
        """Of the bins of the lowest level."""

    def __len__(self) -> int:
        return self._length

    def values(self, start: int, stop: int) -> Floats:
        """float32 (stop - start,)."""
        return np.nan_to_num(np.asarray(self._read(start, stop), np.float32))

    @property
    def mean(self) -> float:
        """Of all values, of which there must be some."""
        rest = self.values(FIRST * self._levels[0].count, self._length)
        return (self._total + float(rest.sum(dtype=np.float64))) / self._length

    def grow(self, length: int) -> None:
        """Takes in the values up to ``length``."""
        self._length = length
        lowest = self._levels[0]
        start = FIRST * lowest.count
        bins = self.values(start, length // FIRST * FIRST).reshape(-1, FIRST)
        lowest.extend(bins.min(axis=1), bins.max(axis=1), bins.sum(axis=1))
        self._total += float(bins.sum(dtype=np.float64))
        below = lowest
        for number in range(1, 32):
            if number == len(self._levels):
                if below.count < FACTOR:
                    return
                self._levels.append(_Level())
            level = self._levels[number]
            start, stop = level.count * FACTOR, below.count // FACTOR * FACTOR
            if start < stop:
                low, high, total = (figure.reshape(-1, FACTOR) for figure in below.bins(start, stop))
                level.extend(low.min(axis=1), high.max(axis=1), total.sum(axis=1))
            below = level

    def columns(self, start: int, stop: int, count: int) -> tuple[Floats, Floats, Floats]:
        """(least, largest, mean) of ``count`` equal columns of the stretch [start, stop), float32 (count,) each.

        There are at most as many columns as values: 1 <= count <= stop - start. The edges of the columns are rounded
        to bins of at most half a column.
        """
        width = (stop - start) / count
        if width < 2 * FIRST or not self._levels[0].count:
            values = self.values(start, stop)
            return _binned(values, values, values, np.linspace(0, stop - start, count + 1), 1)
        number = 0
        while number + 1 < len(self._levels) and FIRST * FACTOR ** (number + 1) * 2 <= width:
            number += 1
        size, level = FIRST * FACTOR**number, self._levels[number]
        edges = np.minimum(np.rint(np.linspace(start, stop, count + 1) / size), level.count)
        if edges[0] == level.count:
            edges[0] -= 1
        first, last = int(edges[0]), max(int(edges[-1]), int(edges[0]) + 1)
        return _binned(*level.bins(first, last), edges - first, size)


def _binned(
    low: Floats, high: Floats, total: Floats, edges: npt.NDArray[np.float64], size: int
) -> tuple[Floats, Floats, Floats]:
    """Least, largest and mean values between edges (n + 1,) of bins of ``size`` values each."""
    at = np.minimum(np.rint(edges[:-1]).astype(np.int64), len(low) - 1)
    bins = np.maximum(np.diff(np.append(at, len(low))), 1)
    mean = np.add.reduceat(total, at) / (bins * size)
    return np.minimum.reduceat(low, at), np.maximum.reduceat(high, at), mean.astype(np.float32)
