"""Least, largest and mean values of stretches of a growing curve, at a cost that does not grow with its length."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

FIRST = 32
"""Values that make a bin of the lowest level: so few are looked at one by one, and so many need not be kept twice."""
FACTOR = 8
"""Bins of one level that make a bin of the next."""

FIRST_CAPACITY = 1024


class _Level:
    """Whole bins of one width: their least and largest values and their sums."""

    def __init__(self) -> None:
        self.count = 0
        self.low = np.empty(FIRST_CAPACITY, np.float32)
        self.high = np.empty(FIRST_CAPACITY, np.float32)
        self.total = np.empty(FIRST_CAPACITY, np.float32)

    def extend(self, low: Floats, high: Floats, total: Floats) -> None:
        stop = self.count + len(low)
        for name, new in (("low", low), ("high", high), ("total", total)):
            array = getattr(self, name)
            if stop > len(array):
                larger = np.empty(max(stop, 2 * len(array)), np.float32)
                larger[: self.count] = array[: self.count]
                setattr(self, name, larger)
                array = larger
            array[self.count : stop] = new
        self.count = stop


class Pyramid:
    """A curve that grows at its end. Level j holds whole bins of FIRST * FACTOR**j values; the values are read anew.

    read: gives the values [start, stop) of the curve, float (stop - start,); NaN counts as 0.
    """

    def __init__(self, read: Callable[[int, int], npt.ArrayLike]) -> None:
        self._read = read
        self._length = 0
        self._levels = [_Level()]

    def __len__(self) -> int:
        return self._length

    def values(self, start: int, stop: int) -> Floats:
        """float32 (stop - start,)."""
        return np.nan_to_num(np.asarray(self._read(start, stop), np.float32))

    @property
    def mean(self) -> float:
        """Of all values, of which there must be some."""
        lowest = self._levels[0]
        rest = self.values(FIRST * lowest.count, self._length)
        total = lowest.total[: lowest.count].sum(dtype=np.float64) + rest.sum(dtype=np.float64)
        return float(total) / self._length

    def grow(self, length: int) -> None:
        """Takes in the values up to ``length``."""
        self._length = length
        lowest = self._levels[0]
        start = FIRST * lowest.count
        bins = self.values(start, length // FIRST * FIRST).reshape(-1, FIRST)
        lowest.extend(bins.min(axis=1), bins.max(axis=1), bins.sum(axis=1))
        below = lowest
        for number in range(1, 32):
            if number == len(self._levels):
                if below.count < FACTOR:
                    return
                self._levels.append(_Level())
            level = self._levels[number]
            start, stop = level.count * FACTOR, below.count // FACTOR * FACTOR
            if start < stop:
                shape = (-1, FACTOR)
                level.extend(
                    below.low[start:stop].reshape(shape).min(axis=1),
                    below.high[start:stop].reshape(shape).max(axis=1),
                    below.total[start:stop].reshape(shape).sum(axis=1),
                )
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
        bins = slice(first, last)
        return _binned(level.low[bins], level.high[bins], level.total[bins], edges - first, size)


def _binned(
    low: Floats, high: Floats, total: Floats, edges: npt.NDArray[np.float64], size: int
) -> tuple[Floats, Floats, Floats]:
    """Least, largest and mean values between edges (n + 1,) of bins of ``size`` values each."""
    at = np.minimum(np.rint(edges[:-1]).astype(np.int64), len(low) - 1)
    bins = np.maximum(np.diff(np.append(at, len(low))), 1)
    mean = np.add.reduceat(total, at) / (bins * size)
    return np.minimum.reduceat(low, at), np.maximum.reduceat(high, at), mean.astype(np.float32)
