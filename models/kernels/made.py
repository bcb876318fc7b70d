"""MADE's walk as one kernel: what ``models.networks.made`` computes under its first set of masks.

As in ``CachedMADE``, the units of every layer are sorted by degree: those of degree m are computed, once, when the m-th
symbol is there, and hear the first units of the layer below. A rewind only says that what is due later is not there.

The layers, of different sizes, lie one after the other in arrays of one axis, so that one kernel serves any number.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.chain import GreyLevels, ImageChain, Symbols
from models.kernels.jit import inlined, kernel
from models.kernels.vectors import dot
from models.kernels.walk import Block, CompiledDecoder, Float32s, Int64s, array, rows_of, steps, take, walk_tiny
from models.model import ModelSpec
from models.networks.made import MADE


class Weights(NamedTuple):
    """Of L products between L + 1 layers, from the inputs to the outputs.

    all: every product's rows, one receiving unit each, (outputs * inputs …). rows: (L,), where each product begins in
    it. units: (L + 1,), where each layer begins among all units. known: (L, D + 1), how many units of each layer but
    the last have a degree of at most 0, 1, …, D. direct: (outputs, inputs), or (0, 0).
    """

    all: Float32s
    rows: Int64s
    units: Int64s
    known: Int64s
    direct: Float32s


class State(NamedTuple):
    """at: (B,), how many symbols the units have heard of. bias, values: (B, units), before and after rectifying."""

    at: Int64s
    bias: Float32s
    values: Float32s


@inlined
def _sum(weights: Weights, state: State, sample: int, product: int, unit: int, degree: int) -> np.float32:
    """What a unit above a product hears of the units below it, up to a degree."""
    first, above = weights.units[product], weights.units[product + 1]
    row = weights.rows[product] + unit * (above - first)
    bias: np.float32 = state.bias[sample, above + unit]
    return bias + dot(weights.all[row:], state.values[sample, first:], weights.known[product, degree])


@inlined
def _follow(weights: Weights, state: State, known: Symbols, others: int, sample: int, step: int) -> None:
    """Every unit that may know of the known symbols before a step, and is not there. others: K - 1."""
    values = state.values[sample]
    for i in range(state.at[sample], step):
        for k in range(others):
            values[i * others + k] = 1 if known[i] == 1 + k else 0
        for layer in range(1, weights.rows.shape[0]):
            for unit in range(weights.known[layer, i], weights.known[layer, i + 1]):
                heard = _sum(weights, state, sample, layer - 1, unit, i + 1)
                values[weights.units[layer] + unit] = max(heard, np.float32(0))
    state.at[sample] = step


@kernel
def _walk(weights: Weights, state: State, block: Block) -> None:
    logits, others = block.logits, block.logits.shape[0] - 1
    for sample in range(block.symbols.shape[0]):
        for i in range(steps(block, sample)):
            step = block.start + i
            _follow(weights, state, block.symbols[sample], others, sample, step)
            logits[0] = 0
            for k in range(others):
                unit = step * others + k
                total = _sum(weights, state, sample, weights.rows.shape[0] - 1, unit, step)
                if weights.direct.shape[0] > 0:
                    total += dot(weights.direct[unit], state.values[sample], step * others)
                logits[1 + k] = total
            if not take(block, sample, i):
                break


class CompiledMADE(CompiledDecoder):
    """All units of every sample."""

    @torch.inference_mode()
    def __init__(self, model: MADE, condition: Tensor) -> None:
        super().__init__(model, condition)
        degrees = torch.split(model.degrees[0], model.sizes)
        orders = [degree.argsort(stable=True) for degree in degrees]
        products = [
            array(layer.weight[receivers][:, senders])
            for layer, (senders, receivers) in zip(model.linears, pairwise(orders), strict=True)
        ]
        biases = [bias[:, order] for bias, order in zip(model.biases(condition), orders[1:], strict=True)]
        counts = [degree.bincount(minlength=model.length + 1).cumsum(0) for degree in degrees[:-1]]
        self._weights = Weights(
            all=np.concatenate([product.reshape(-1) for product in products]),
            rows=np.cumsum([0, *(product.size for product in products[:-1])]),
            units=np.cumsum([0, *model.sizes[:-1]]),
            known=torch.stack(counts).numpy(),
            direct=np.empty((0, 0), np.float32) if model.direct is None else array(model.direct.weight),
        )
        bias = array(torch.cat([torch.zeros(self.rows, model.sizes[0]), *biases], 1))
        self._state = State(at=np.zeros(self.rows, np.int64), bias=bias, values=np.zeros_like(bias))

    def _walk(self, block: Block) -> None:
        _walk(self._weights, self._state, block)

    def _rewind(self, step: int) -> None:
        np.minimum(self._state.at, step, out=self._state.at)

    def _select(self, rows: list[int]) -> None:
        self._state = rows_of(self._state, rows)


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size of network."""
    sizes = {"hidden": (1,), "masks": 1, "seed": 0, "direct": False}
    model = MADE(ModelSpec(MADE.architecture, ImageChain(GreyLevels(2), 2, 2), (), sizes))
    walk_tiny(CompiledMADE(model, model.condition_tensor({})))
