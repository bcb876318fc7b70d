"""Least, largest and mean values of stretches of a growing curve, at a cost that does not grow with its length."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

FACTOR = 8
"""Bins of one level that make a bin of the next."""

FIRST_CAPACITY = 4096


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
    """A curve that grows at its end. Level j holds bins of FACTOR**j values; only whole bins are kept."""

    def __init__(self) -> None:
        self._levels = [_Level()]

    def __len__(self) -> int:
        return self._levels[0].count

    @property
    def values(self) -> Floats:
        """All values, float32 (n,)."""
        return self._levels[0].low[: len(self)]

    def extend(self, values: npt.ArrayLike) -> None:
        """Appends values (n,); NaN counts as 0."""
        new = np.nan_to_num(np.asarray(values, np.float32))
        self._levels[0].extend(new, new, new)
        below = self._levels[0]
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
        number = 0
        while number + 1 < len(self._levels) and FACTOR ** (number + 1) * 2 <= width:
            number += 1
        size, level = FACTOR**number, self._levels[number]
        edges = np.rint(np.linspace(start, stop, count + 1) / size).astype(np.int64)
        edges = np.minimum(edges, level.count)
        if edges[0] == level.count:
            edges[0] -= 1
        first, last = int(edges[0]), max(int(edges[-1]), int(edges[0]) + 1)
        at = np.minimum(edges[:-1], last - 1) - first
        low = np.minimum.reduceat(level.low[first:last], at)
        high = np.maximum.reduceat(level.high[first:last], at)
        total = np.add.reduceat(level.total[first:last], at)
        bins = np.maximum(np.diff(np.append(at, last - first)), 1)
        return low, high, (total / (bins * size)).astype(np.float32)
