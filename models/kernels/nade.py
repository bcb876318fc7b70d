"""NADE's walk as one kernel: what ``models.networks.nade`` computes, with both kinds of output.

The running sum of a sample is kept, and the step it belongs to. A rewind begins it anew: adding up a whole image costs
no more than a few conditionals, and whoever comes by the same way finds the same bits.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.chain import GreyLevels, ImageChain, Symbols
from models.conditional import Conditional
from models.kernels.draw import fast_sigmoid
from models.kernels.jit import inlined, kernel
from models.kernels.mixture import log_masses_of_gaussians
from models.kernels.walk import (
    Block,
    CompiledDecoder,
    Float32s,
    Float64s,
    Int64s,
    array,
    rows_of,
    steps,
    take,
    walk_tiny,
)
from models.model import ModelSpec
from models.networks.nade import NADE, NARROWEST, SOFTMAX


class Weights(NamedTuple):
    """levels: (K,), what enters the sum for each symbol. W: (D, H). V: (D, H, P). components: 0 of a softmax."""

    levels: Float32s
    W: Float32s
    V: Float32s
    components: int


class State(NamedTuple):
    """at: (B,), how many symbols are in the sums. sums: (B, H). The biases, (B, H) and (B, D, P), never change."""

    at: Int64s
    sums: Float32s
    hidden_bias: Float32s
    output_bias: Float32s


@inlined
def _follow(weights: Weights, state: State, known: Symbols, sample: int, step: int) -> None:
    """Adds to a sample's sum the known symbols before a step that it does not have."""
    sums = state.sums[sample]
    if state.at[sample] == 0:
        for j in range(sums.shape[0]):
            sums[j] = state.hidden_bias[sample, j]
    for i in range(state.at[sample], step):
        x = weights.levels[known[i]]
        for j in range(sums.shape[0]):
            sums[j] += x * weights.W[i, j]
    state.at[sample] = step


@inlined
def _outputs(weights: Weights, state: State, sample: int, step: int, hidden: Float32s, outputs: Float32s) -> None:
    """The numbers (P,) that make the conditional of a step. hidden: (H,), overwritten."""
    sums = state.sums[sample]
    if weights.components == 0:
        for j in range(hidden.shape[0]):
            hidden[j] = fast_sigmoid(sums[j])
    else:
        for j in range(hidden.shape[0]):
            hidden[j] = max(sums[j], np.float32(0))
    for p in range(outputs.shape[0]):
        outputs[p] = state.output_bias[sample, step, p]
    for j in range(hidden.shape[0]):
        for p in range(outputs.shape[0]):
            outputs[p] += hidden[j] * weights.V[step, j, p]


@inlined
def _logits(outputs: Float32s, components: int, mixture: Float64s, logits: Float64s) -> None:
    """From outputs to logits (K,). mixture: (3, components), overwritten: weights, means and scales, in levels."""
    size = logits.shape[0]
    if components == 0:
        logits[0] = 0
        for k in range(1, size):
            logits[k] = outputs[k - 1]
        return
    unit = (size - 1) / 2
    for m in range(components):
        mixture[0, m] = outputs[m]
        mixture[1, m] = unit * (outputs[components + m] + np.float64(1))
        log_scale = np.float64(outputs[2 * components + m])
        mixture[2, m] = unit * math.exp(min(max(log_scale, math.log(NARROWEST / unit)), math.log(size / unit)))
    log_masses_of_gaussians(mixture[0], mixture[1], mixture[2], logits)


@kernel
def _walk(weights: Weights, state: State, block: Block) -> None:
    hidden = np.empty(weights.V.shape[1], np.float32)
    outputs = np.empty(weights.V.shape[2], np.float32)
    mixture = np.empty((3, weights.components), np.float64)
    for sample in range(block.symbols.shape[0]):
        for i in range(steps(block, sample)):
            step = block.start + i
            _follow(weights, state, block.symbols[sample], sample, step)
            _outputs(weights, state, sample, step, hidden, outputs)
            _logits(outputs, weights.components, mixture, block.logits)
            if not take(block, sample, i):
                break


class CompiledNADE(CompiledDecoder):
    """The running sum of every sample."""

    model: NADE

    @torch.inference_mode()
    def __init__(self, model: NADE, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._weights = Weights(
            levels=array(model.inputs(torch.arange(model.levels))),
            W=array(model.W),
            V=array(model.V),
            components=model.config.components or 0,
        )
        hidden_bias = array(model.hidden_bias(condition))
        self._state = State(
            at=np.zeros(self.rows, np.int64),
            sums=np.empty_like(hidden_bias),
            hidden_bias=hidden_bias,
            output_bias=array(model.output_bias(condition)),
        )

    @torch.inference_mode()
    def peek(self) -> Conditional:
        """Of a mixture the mixture itself, of which the kernel knows but the levels' masses."""
        masses = super().peek()
        if not self._weights.components:
            return masses
        hidden = torch.from_numpy(self._state.sums).relu()
        bias = torch.from_numpy(self._state.output_bias[:, self.step])
        return self.model.conditional(torch.addmm(bias, hidden, self.model.V[self.step].float()))

    def _walk(self, block: Block) -> None:
        _walk(self._weights, self._state, block)

    def _rewind(self, step: int) -> None:
        self._state.at[self._state.at > step] = 0

    def _select(self, rows: list[int]) -> None:
        self._state = rows_of(self._state, rows)


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size and kind of output."""
    chain = ImageChain(GreyLevels(2), 2, 2)
    model = NADE(ModelSpec(NADE.architecture, chain, (), {"hidden": 1, "output": SOFTMAX}))
    walk_tiny(CompiledNADE(model, model.condition_tensor({})))
