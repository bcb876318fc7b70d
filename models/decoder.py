"""Decoders: the incremental state of a model in the middle of a walk.

All rows of a decoder stand at the same step. ``peek`` shows the next conditional, ``push`` takes the symbols drawn,
``advance`` does both many times over, which compiled decoders replace by one kernel call.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from models.chain import DRAW, Symbols
from models.conditional import LARGE, LOG2, Conditional, first_above, shape_probs
from models.errors import InputError
from models.growing import RELEASED_STEPS, Growth
from models.model import AutoregressiveModel
from models.shaping import Shaping


@dataclass(frozen=True)
class Drawn:
    """A block of steps, each (B, n): int32 symbols (DRAW where the row had ended), float32 bits."""

    symbols: Symbols
    surprise: npt.NDArray[np.float32]
    entropy: npt.NDArray[np.float32]


class Decoder(ABC):
    """Base of all decoders. A subclass has ``peek``, ``_push``, ``_rewind`` and ``_select``."""

    engine: ClassVar[str]

    step_bytes: int | None = None
    """Bytes of weights that each step reads once for each row, where that is what limits its speed."""

    def __init__(self, model: AutoregressiveModel, condition: Tensor) -> None:
        self.model = model
        self.condition = condition
        self.step = 0
        self._symbols = np.zeros((condition.shape[0], 256), np.int32)
        self._growth = Growth()

    @property
    def rows(self) -> int:
        return int(self.condition.shape[0])

    @property
    def symbols(self) -> Symbols:
        """What was pushed so far, int32 (B, step)."""
        return self._symbols[:, : self.step]

    @abstractmethod
    def peek(self) -> Conditional:
        """The conditional of the next step, batch shape (B,). May be called any number of times."""

    def push(self, symbols: npt.ArrayLike) -> None:
        """Takes the next symbol of every row, int (B,)."""
        column = np.asarray(symbols, np.int32)
        if column.shape != (self.rows,):
            raise InputError(f"push takes {self.rows} symbols, not an array of shape {column.shape}")
        self._record(column[:, None])
        self._push(column)
        self.step += 1

    def extend(self, prefix: npt.ArrayLike) -> None:
        """Pushes many symbols of every row, int (B, n), and works through them."""
        for column in np.asarray(prefix, np.int32).T:
            self.push(column)
        if self.step < self.model.chain.limit:
            self._work_through()

    def rewind(self, step: int) -> None:
        """Back to where ``step`` symbols had been pushed, as this very engine had left it."""
        if not 0 <= step <= self.step:
            raise InputError(f"a decoder at step {self.step} cannot rewind to {step}")
        if step < self.step:
            self._rewind(step)
            self.step = step

    def back(self, step: int) -> None:
        """Back to a step from which to push again what led to ``step``: to that itself where this costs nothing."""
        self.rewind(step)

    def begin_with(self, prefix: Symbols) -> int:
        """Takes, as a new decoder, what of a prefix (B, n) nothing after it depends on, and says how much; the rest is
        to be pushed.
        """
        first = self._beginning(prefix.shape[1])
        if first > self.step:
            self._record(prefix[:, :first])
            self._begin(first)
            self.step = first
        return self.step

    def recondition(self, condition: Tensor) -> bool:
        """Goes on under another condition (B, F), under which all conditionals so far are the same.

        False: it cannot, and has to be made anew.
        """
        return False

    def select(self, rows: Sequence[int]) -> Self:
        """A new decoder that goes on from here with copies of the given rows."""
        chosen = copy.copy(self)
        chosen.condition = self.condition[torch.as_tensor(list(rows), device=self.condition.device)]
        chosen._symbols, chosen._growth = self._symbols[list(rows)], Growth()
        chosen._select(list(rows))
        return chosen

    @torch.inference_mode()
    def advance(
        self,
        uniforms: npt.NDArray[np.float64],
        shaping: Shaping,
        clamps: Symbols | None = None,
        active: npt.NDArray[np.bool_] | None = None,
    ) -> Drawn:
        """Walks n steps: peek, shape, draw (or take the clamped symbol), push.

        uniforms: float64 (B, n) in [0, 1). clamps: int32 (B, n), DRAW where a symbol is to be drawn. active: bool
        (B,), rows that take part; the others, and rows after their stop symbol, are pushed zeros and report DRAW.
        """
        rows, count = uniforms.shape
        device = self.condition.device
        u = torch.from_numpy(uniforms).to(device)
        fixed = torch.from_numpy(np.full((rows, count), DRAW, np.int32) if clamps is None else clamps).to(device)
        alive = torch.ones(rows, dtype=torch.bool, device=device)
        if active is not None:
            alive = torch.from_numpy(active).to(device)
        stop = self.model.chain.alphabet.stop_symbol
        symbols = torch.full((rows, count), DRAW, dtype=torch.int32, device=device)
        surprise = torch.zeros(rows, count, dtype=torch.float32, device=device)
        entropy = torch.zeros(rows, count, dtype=torch.float32, device=device)
        for i in range(count):
            conditional = self.peek()
            # Of many symbols there is no need to look at all, unless a shaping has to.
            log_p = None if conditional.size > LARGE and shaping.neutral else conditional.dense()
            drawn = (
                conditional.quantile(u[:, i]) if log_p is None else first_above(shape_probs(log_p, shaping), u[:, i])
            )
            symbol = torch.where(fixed[:, i] >= 0, fixed[:, i].long(), drawn)
            symbols[:, i] = torch.where(alive, symbol.int(), DRAW)
            found = conditional.double().log_prob(symbol) if log_p is None else log_p.gather(-1, symbol[:, None])[:, 0]
            surprise[:, i] = (-found / LOG2).float()
            entropy[:, i] = conditional.entropy().float()
            self.push(torch.where(alive, symbol, 0).cpu().numpy())
            if stop is not None:
                alive = alive & (symbol != stop)
                if not alive.any():
                    break
        return Drawn(symbols.cpu().numpy(), surprise.cpu().numpy(), entropy.cpu().numpy())

    def _record(self, block: Symbols) -> None:
        """Remembers symbols (B, n) from the present step on."""
        stop = self.step + block.shape[1]
        self._reserve(stop)
        self._symbols[:, self.step : stop] = block
        if self.step // RELEASED_STEPS < stop // RELEASED_STEPS:
            self._growth.leave_memory()

    def _reserve(self, steps: int) -> None:
        """Has room for the symbols of so many steps."""
        if steps > self._symbols.shape[1]:
            self._symbols = self._growth.larger(self._symbols, self.step, max(steps, 2 * self._symbols.shape[1]))

    def _beginning(self, step: int) -> int:
        """The latest step at which one may begin anew so that at ``step`` the state is the same; 0 is the first."""
        return 0

    def _begin(self, step: int) -> None:
        """Puts a state there that has heard nothing of what was before ``step``."""
        raise NotImplementedError

    def _work_through(self) -> None:
        """Computes what was left until somebody looks: else all of it would be due at once, however long it takes."""
        self.peek()

    @abstractmethod
    def _push(self, column: Symbols) -> None: ...

    @abstractmethod
    def _rewind(self, step: int) -> None: ...

    @abstractmethod
    def _select(self, rows: list[int]) -> None:
        """Replaces this shallow copy's own state by copies of the given rows."""


class ReferenceDecoder(Decoder):
    """A full parallel pass per step: slow, obvious, and what every other decoder is tested against."""

    engine = "reference"

    @torch.inference_mode()
    def peek(self) -> Conditional:
        known = torch.from_numpy(self.symbols.astype(np.int64)).to(self.condition.device)
        return self.model.conditionals(F.pad(known, (0, 1)), self.condition)[:, -1]

    def _work_through(self) -> None:
        """Nothing is kept of a pass."""

    def _push(self, column: Symbols) -> None:
        pass

    def _rewind(self, step: int) -> None:
        pass

    def _select(self, rows: list[int]) -> None:
        pass


class SnapshotDecoder(Decoder):
    """A decoder whose state moves on: it rewinds to a snapshot and pushes again from there, by the same engine.

    A subclass has ``_state`` and ``_restore``, calls ``_keep(0)`` once it stands at step 0 and ``_keep`` after it has
    moved, and picks the rows of ``_snapshots`` in ``_select``. When there are too many snapshots every other one is
    dropped and the interval doubles, so that memory stays bounded and a rewind costs a bounded share of the walk.

    A subclass whose state knows nothing beyond its receptive field has ``_beginning`` and ``_begin``, too: neither a
    rewind nor a prefix of any length then costs more than that.
    """

    SNAPSHOT_INTERVAL = 512
    MAX_SNAPSHOTS = 16
    SNAPSHOT_BYTES = 256 * 2**20

    def __init__(self, model: AutoregressiveModel, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._snapshots: dict[int, Any] = {}
        self._interval = self.SNAPSHOT_INTERVAL
        self._whole_from = 0
        """The step from which on the state is what it would be after all symbols."""

    @property
    def max_snapshots(self) -> int:
        """How many snapshots may be kept. A subclass of large state returns ``snapshots_within`` of its bytes."""
        return self.MAX_SNAPSHOTS

    def snapshots_within(self, state_bytes: int) -> int:
        """How many states of this size fit into SNAPSHOT_BYTES: 2 (the first and another) to MAX_SNAPSHOTS."""
        return max(2, min(self.MAX_SNAPSHOTS, self.SNAPSHOT_BYTES // state_bytes))

    @abstractmethod
    def _state(self) -> Any:
        """A copy of the state."""

    @abstractmethod
    def _restore(self, state: Any) -> None:
        """Puts a copy of a state back."""

    def _keep(self, step: int) -> None:
        """Keeps a snapshot of the state at ``step`` if one is due."""
        if step < self._whole_from or step - max(self._snapshots, default=-self._interval) < self._interval:
            return
        self._snapshots[step] = self._state()
        if len(self._snapshots) > self.max_snapshots:
            self._interval *= 2
            self._snapshots = {s: self._snapshots[s] for s in sorted(self._snapshots)[::2]}

    def begin_with(self, prefix: Symbols) -> int:
        before = self.step
        if super().begin_with(prefix) > before:
            self._whole_from = prefix.shape[1]
        return self.step

    def back(self, step: int) -> None:
        if step == self.step:
            return
        nearest = max(s for s in self._snapshots if s <= step)
        self._snapshots = {s: state for s, state in self._snapshots.items() if s <= nearest}
        first = self._beginning(step)
        if first > nearest:
            self._begin(first)
            self.step, self._whole_from = first, step
        else:
            self._restore(self._snapshots[nearest])
            self.step, self._whole_from = nearest, 0

    def _rewind(self, step: int) -> None:
        told = self.symbols[:, :step].copy()
        self.back(step)
        self.extend(told[:, self.step :])
