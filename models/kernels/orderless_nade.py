"""The orderless NADE's walk as one kernel: what ``models.networks.orderless_nade`` computes, along each row's order.

The first layer's running sum is kept, and the step it belongs to; a rewind begins it anew, as in the compiled NADE. The
layers above it are computed at every step, from products that lie one after the other, so that one kernel serves any
number of layers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.chain import GreyLevels, ImageChain, Symbols
from models.kernels.jit import inlined, kernel
from models.kernels.matrix import TILE, add_product, pack, round_up
from models.kernels.vectors import add_to, copy_to, dot, rectify
from models.kernels.walk import Block, CompiledDecoder, Float32s, Int64s, array, rows_of, steps, take, walk_tiny
from models.model import ModelSpec
from models.networks.orderless_nade import OrderlessNADE


class Weights(NamedTuple):
    """Of L hidden layers.

    added: (D * K, units), what a symbol of a pixel adds to the sum, in row pixel * K + symbol. units: (L,). hidden: the
    packed products between hidden layers, one after the other. out: (D * (K - 1), units).
    """

    added: Float32s
    units: Int64s
    hidden: Float32s
    out: Float32s


class State(NamedTuple):
    """at: (B,), how many symbols are in the sums. sums: (B, units).

    What never changes: pixels (B, D) in the row's order, bias (B, units of all hidden layers), output_bias
    (B, D * (K - 1)).
    """

    at: Int64s
    sums: Float32s
    pixels: Int64s
    bias: Float32s
    output_bias: Float32s


@inlined
def _follow(weights: Weights, state: State, known: Symbols, size: int, sample: int, step: int) -> None:
    """Adds to a sample's sum the known symbols before a step that it does not have."""
    sums = state.sums[sample]
    if state.at[sample] == 0:
        copy_to(state.bias[sample, : sums.shape[0]], sums)
    for i in range(state.at[sample], step):
        add_to(weights.added[state.pixels[sample, i] * size + known[i]], sums)
    state.at[sample] = step


@inlined
def _above(weights: Weights, bias: Float32s, values: Float32s) -> Float32s:
    """From the first layer, in values[0], to the last one, which is returned. values: (2, widest, padded)."""
    product, first = 0, weights.units[0]
    for layer in range(1, weights.units.shape[0]):
        below, above = weights.units[layer - 1], weights.units[layer]
        tiles = (above + TILE - 1) // TILE
        heard = values[layer % 2]
        copy_to(bias[first : first + above], heard)
        packed = weights.hidden[product : product + tiles * below * TILE].reshape((tiles, below, TILE))
        add_product(packed, values[(layer - 1) % 2], heard)
        rectify(heard, heard)
        product += packed.size
        first += above
    last: Float32s = values[(weights.units.shape[0] - 1) % 2]
    return last


@kernel
def _walk(weights: Weights, state: State, values: Float32s, block: Block) -> None:
    """values: see ``_above``, overwritten."""
    logits, others = block.logits, block.logits.shape[0] - 1
    for sample in range(block.symbols.shape[0]):
        for i in range(steps(block, sample)):
            step = block.start + i
            _follow(weights, state, block.symbols[sample], others + 1, sample, step)
            rectify(state.sums[sample], values[0, : weights.units[0]])
            last = _above(weights, state.bias[sample], values)
            logits[0] = 0
            for k in range(others):
                unit = state.pixels[sample, step] * others + k
                logits[1 + k] = state.output_bias[sample, unit] + dot(weights.out[unit], last, weights.out.shape[1])
            if not take(block, sample, i):
                break


class CompiledOrderlessNADE(CompiledDecoder):
    """The running sum of every sample."""

    @torch.inference_mode()
    def __init__(self, model: OrderlessNADE, condition: Tensor) -> None:
        super().__init__(model, condition)
        units = model.config.hidden
        *biases, output_bias = model.biases(condition)
        packed = [pack(array(layer.weight.T)).reshape(-1) for layer in model.linears[1:-1]]
        self._weights = Weights(
            added=array(model.added()),
            units=np.array(units, np.int64),
            hidden=np.concatenate([np.empty(0, np.float32), *packed]),
            out=array(model.linears[-1].weight),
        )
        self._state = State(
            at=np.zeros(self.rows, np.int64),
            sums=np.empty((self.rows, units[0]), np.float32),
            pixels=model.pixels(condition).contiguous().numpy(),
            bias=array(torch.cat(biases, 1)),
            output_bias=array(output_bias),
        )

    def _walk(self, block: Block) -> None:
        values = np.zeros((2, round_up(max(self._weights.units), TILE)), np.float32)
        _walk(self._weights, self._state, values, block)

    def _rewind(self, step: int) -> None:
        self._state.at[self._state.at > step] = 0

    def _select(self, rows: list[int]) -> None:
        self._state = rows_of(self._state, rows)


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size of network."""
    chain = ImageChain(GreyLevels(2), 2, 2)
    factors = OrderlessNADE.factors_for((), chain)
    model = OrderlessNADE(ModelSpec(OrderlessNADE.architecture, chain, factors, {"hidden": (1, 1)}))
    walk_tiny(CompiledOrderlessNADE(model, model.condition_tensor({})))
