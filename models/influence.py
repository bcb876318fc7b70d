"""The receptive field: which earlier variables can change a conditional, and how much they do.

``reach`` looks at the structure alone: a copy of the network with random weights has no connection that happens to
be zero, so that what has no gradient there has no path. ``influence`` is the gradient of the trained network.

For a gradient the symbols go into the network as real numbers. A network may refuse that, as one that looks them up in
a table does, or it may round them, so that no gradient comes back: then ``influence`` tries other symbols instead, and
``reach`` takes the receptive field at its word. A network that rounds some of its symbols and not others shows the
influence of the others alone.

Both come in slices, too, for those who have something else to do between two passes of a large network.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Generator
from contextlib import suppress
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.blocks import at_once
from models.chain import Symbols
from models.condition import Condition, Order, complete
from models.errors import InputError
from models.model import AutoregressiveModel
from models.track import Track

Strength: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

TRIES = 4
"""Random networks and inputs, at most: what a rectifier hides from one of them it shows to another."""

SCALE = 2.0**64
"""Of a gradient of which only zero or not zero counts: on its way through many layers it gets smaller and smaller, and
must not get zero by that."""

REFUSALS = (RuntimeError, TypeError, IndexError)
"""What torch raises for real numbers where it needs whole ones."""

ROWS = 64
"""At most so many changed symbols are tried in one pass."""
PASS_SECONDS = 0.05
"""While a pass takes less, the next has twice as many."""

LEAST_LOG_P = -1e4
"""For the log of a probability of zero, from which there is no difference to another one."""


def influence(model: AutoregressiveModel, symbols: Symbols, condition: Condition, step: int) -> Strength:
    """How much each earlier variable moves the log-probability of the symbol at ``step``, float64 (step,).

    |d log p(x_step | x_<step) / d x_j|, in nats per level. Of a network that is no smooth function of its symbols, the
    larger of the changes when x_j alone goes up or down by a level. symbols: (T,), more than ``step`` of them.
    Raises InputError for a step beyond them.
    """
    return at_once(influence_in_slices(model, symbols, condition, step))


def reach(model: AutoregressiveModel, condition: Condition, step: int) -> Mask:
    """Which earlier variables can change the conditional at ``step`` whatever the weights are, bool (step,).

    The condition may decide on their order. Of a network that is no smooth function of its symbols, all within its
    receptive field.
    """
    return at_once(Reach(model).in_slices(condition, step))


def influence_in_slices(
    model: AutoregressiveModel, symbols: Symbols, condition: Condition, step: int
) -> Generator[None, None, Strength]:
    """``influence``, with a break after each pass."""
    _check(step, len(symbols))
    rows = torch.from_numpy(np.asarray(symbols[: step + 1], np.int64)).to(model.device)[None]
    table = model.condition_tensor(condition)
    inputs = rows.to(next(model.parameters()).dtype).requires_grad_()
    log_p: Tensor | None = None
    with suppress(*REFUSALS):
        log_p = model.conditionals(inputs, table)[:, step].double().log_prob(rows[:, step]).sum()
    yield
    found = None if log_p is None else _gradient(log_p, inputs)
    if found is not None:
        return found[0, :step].abs().double().cpu().numpy()
    return (yield from _differences(model, rows, table, step))


class Reach:
    """``reach`` for one step after another of a model: keeps the copy of its network, and what was found."""

    def __init__(self, model: AutoregressiveModel) -> None:
        self.model = model
        self._copy: AutoregressiveModel | None = None
        self._known: dict[tuple[object, ...], Mask] = {}

    def in_slices(self, condition: Condition, step: int) -> Generator[None, None, Mask]:
        """With a break after each pass; without one where it is known."""
        _check(step, self.model.chain.limit)
        chosen = complete(self.model.factors, condition)
        # Nothing else of a condition changes what can be seen: a track may, by the periods of its pitches.
        decisive = (factor.name for factor in self.model.factors if isinstance(factor, Order | Track))
        key = (step, *(json.dumps(chosen[name]) for name in decisive))
        if key not in self._known:
            if self._copy is None:
                self._copy = copy.deepcopy(self.model).requires_grad_(False)
                yield
            self._known[key] = yield from _reach(self._copy, condition, step)
        return self._known[key]


def _randomise(network: AutoregressiveModel, generator: torch.Generator) -> None:
    for parameter in network.parameters():
        fan_in = parameter[0].numel() if parameter.dim() > 1 else 1
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * fan_in**-0.5)


def _reach(network: AutoregressiveModel, condition: Condition, step: int) -> Generator[None, None, Mask]:
    """Of a network whose weights may be changed."""
    field, generator = network.receptive_field, torch.Generator().manual_seed(0)
    within = np.arange(step) >= (0 if field is None else step - field)
    table = network.condition_tensor(condition)
    reached = np.zeros(step, np.bool_)
    for _ in range(TRIES):
        _randomise(network, generator)
        yield
        symbols = torch.randint(0, network.chain.alphabet.levels, (1, step + 1), generator=generator)
        inputs = symbols.to(table.device, next(network.parameters()).dtype).requires_grad_()
        try:
            log_p = network.conditionals(inputs, table)[:, step].dense()
        except REFUSALS:
            return within
        yield
        by_chance = torch.randn(log_p.shape, generator=generator, dtype=torch.float64).to(table.device)
        found = _gradient((SCALE * by_chance * log_p).sum(), inputs)
        if found is None:
            return within
        yield
        reached |= (found[0, :step] != 0).cpu().numpy()
        if reached[within].all():
            break
    return reached


def _check(step: int, length: int) -> None:
    if not 0 <= step < length:
        raise InputError(f"a step lies in 0 … {length - 1}, not {step}")


def _gradient(of: Tensor, inputs: Tensor) -> Tensor | None:
    """None where the inputs were rounded on their way, or nothing depends on them."""
    if not of.requires_grad:
        return None
    (found,) = torch.autograd.grad(of, inputs, allow_unused=True)
    return found


def _differences(model: AutoregressiveModel, rows: Tensor, table: Tensor, step: int) -> Generator[None, None, Strength]:
    """The larger change of log p at ``step`` when one earlier symbol goes up or down by a level."""

    def log_p(of: Tensor) -> Tensor:
        with torch.inference_mode():
            conditional = model.conditionals(of, table.expand(len(of), -1))[:, step].double()
            return conditional.log_prob(rows[:, step].expand(len(of))).clamp_min(LEAST_LOG_P).cpu()

    field, levels = model.receptive_field, model.chain.alphabet.levels
    first = 0 if field is None else max(0, step - field)
    symbols = rows[0].tolist()
    others = [(j, symbols[j] + change) for j in range(first, step) for change in (-1, 1)]
    others = [(j, symbol) for j, symbol in others if 0 <= symbol < levels]
    changes = torch.zeros(step, dtype=torch.float64)
    before = log_p(rows)
    start, count = 0, 1
    while start < len(others):
        yield
        began = time.monotonic()
        places, values = torch.tensor(others[start : start + count]).unbind(1)
        changed = rows.repeat(len(places), 1)
        changed[torch.arange(len(places)), places] = values.to(rows.device)
        changes.scatter_reduce_(0, places, (log_p(changed) - before).abs(), "amax")
        start += count
        if time.monotonic() - began < PASS_SECONDS:
            count = min(ROWS, 2 * count)
    return changes.numpy()
