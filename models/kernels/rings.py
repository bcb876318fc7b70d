"""Decoders whose layers look at earlier positions, which they find in rings.

A position's place in a ring is its remainder, and the rings are twice as long as a layer looks back: after a rewind by
no more than that all is still there. After one by more, and for a row that is far behind, the rings are filled anew,
from so far before as the network hears: what is not known there reaches nothing that counts, and the rest comes out as
it was, bit for bit. Each row follows by itself: one that does not take part stands still, and catches up when somebody
looks.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import numpy as np
from torch import Tensor

from models.kernels.jit import inlined
from models.kernels.walk import Block, CompiledDecoder, Int64s, rows_of
from models.model import AutoregressiveModel

EVER = 2**40
"""Positions of a network that looks back to the beginning: its rings are as long as the text, and never go round."""


class Positions(NamedTuple):
    """Where each row (B,) stands, which a walk changes."""

    first: Int64s
    """The position that its rings were filled from."""
    kept: Int64s
    """The first one that they still hold."""
    at: Int64s
    """The next one to be computed."""


@inlined
def move_past(positions: Positions, row: int, position: int, ring: int) -> None:
    """Notes that a position was computed."""
    positions.at[row] = position + 1
    positions.kept[row] = max(positions.kept[row], position + 1 - ring)


class RingDecoder(CompiledDecoder):
    """A subclass keeps the rings, and has ``_follow`` and ``_select_rings``.

    look: positions that a layer looks at, itself among them. field: the network's receptive field. Both may be EVER.
    """

    def __init__(self, model: AutoregressiveModel, condition: Tensor, look: int, field: int) -> None:
        super().__init__(model, condition)
        self._look, self._field = look, field
        self._positions = Positions(*(np.zeros(self.rows, np.int64) for _ in Positions._fields))

    @abstractmethod
    def _follow(self, block: Block) -> None:
        """Calls the kernel, which computes for each step the positions that a row lacks up to there."""

    @abstractmethod
    def _select_rings(self, rows: list[int]) -> None:
        """As ``_select``, of what the subclass has."""

    def _walk(self, block: Block) -> None:
        self._leave_behind(block.start)
        self._follow(block)

    @property
    def _refilled(self) -> int:
        """So many positions before a step rings are filled anew: that step, and any that it looks at, then is right."""
        return self._field + self._look

    def _beginning(self, step: int) -> int:
        return max(0, step - self._refilled)

    def _begin(self, step: int) -> None:
        self._refill(np.arange(self.rows), step)

    def _refill(self, rows: Int64s, first: int) -> None:
        for each in self._positions:
            each[rows] = first

    def _leave_behind(self, step: int) -> None:
        """Of rows that are far behind a step, what nothing from there on depends on."""
        self._refill(np.flatnonzero(step - self._positions.at > self._refilled), self._beginning(step))

    def _rewind(self, step: int) -> None:
        first, kept, at = self._positions
        held = kept <= max(0, step + 1 - self._look)
        right = (first == 0) | (first <= step - self._field)
        np.minimum(at, step, out=at)
        self._refill(np.flatnonzero(~(held & right)), self._beginning(step))

    def back(self, step: int) -> None:
        self.rewind(step)
        self._leave_behind(step)
        self.step = min(step, int(self._positions.at.min()))

    def _select(self, rows: list[int]) -> None:
        self._positions = rows_of(self._positions, rows)
        self._select_rings(rows)
