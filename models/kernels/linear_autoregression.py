"""The walk of a linear autoregression as one kernel: what ``models.networks.linear_autoregression`` computes.

Of the past it reads nothing but the last p symbols, so that it keeps nothing between steps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.chain import MuLaw, SoundChain, Symbols
from models.conditional import Conditional
from models.kernels.jit import inlined, kernel
from models.kernels.mixture import log_masses_of_normal
from models.kernels.walk import Block, CompiledDecoder, Float32s, Float64s, array, steps, take, walk_tiny
from models.model import ModelSpec
from models.networks.linear_autoregression import LinearAutoregression


class Weights(NamedTuple):
    """Those of the samples of a batch."""

    weights: Float32s
    """(B, p): a_1 … a_p."""
    offsets: Float32s
    """(B,), as are the next two."""
    deviations: Float32s
    stops: Float32s
    """Logits of stopping; (0,) where a sound has no end."""
    amplitudes: Float32s
    """(K,), of the symbols."""
    edges: Float64s
    """Where the bins of the levels meet, rising: one less than there are levels."""


@inlined
def _mean(weights: Weights, known: Symbols, sample: int, step: int) -> float:
    total: float = weights.offsets[sample]
    for j in range(min(weights.weights.shape[1], step)):
        total += weights.weights[sample, j] * weights.amplitudes[known[step - 1 - j]]
    return total


@inlined
def _logits(weights: Weights, mean: float, sample: int, logits: Float64s) -> None:
    """(K,): the logarithms of the bins' masses, and that of the stop symbol's probability where there is one."""
    levels, scale = weights.edges.shape[0] + 1, np.float64(weights.deviations[sample])
    goes_on = 0.0
    if weights.stops.shape[0] > 0:
        stop = np.float64(weights.stops[sample])
        goes_on = min(-stop, 0.0) - math.log1p(math.exp(-abs(stop)))
        logits[levels] = goes_on + stop
    log_masses_of_normal(weights.edges, mean, scale, logits)
    for k in range(levels):
        logits[k] += goes_on


@kernel
def _walk(weights: Weights, block: Block) -> None:
    for sample in range(block.symbols.shape[0]):
        for i in range(steps(block, sample)):
            mean = np.float64(_mean(weights, block.symbols[sample], sample, block.start + i))
            _logits(weights, mean, sample, block.logits)
            if not take(block, sample, i):
                break


class CompiledLinearAutoregression(CompiledDecoder):
    """Nothing but the symbols."""

    model: LinearAutoregression

    @torch.inference_mode()
    def __init__(self, model: LinearAutoregression, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._sets = model.chosen(condition)
        self._choose()

    def _choose(self) -> None:
        model, sets = self.model, self._sets
        self._weights = Weights(
            weights=array(model.weights[sets]),
            offsets=array(model.offsets[sets]),
            deviations=array(model.deviations[sets]),
            stops=np.zeros(0, np.float32) if model.stops is None else array(model.stops[sets]),
            amplitudes=array(model.amplitudes),
            edges=array(model.edges).astype(np.float64),
        )

    @torch.inference_mode()
    def peek(self) -> Conditional:
        """The Gaussian itself, of which the kernel knows but the masses."""
        self._make_room(1)
        before = torch.zeros(self.rows, self.model.order)
        known = self.model.amplitudes[torch.from_numpy(self.symbols[:, -self.model.order :][:, ::-1].copy()).long()]
        before[:, : known.shape[1]] = known
        means = (before * self.model.weights[self._sets]).sum(1) + self.model.offsets[self._sets]
        return self.model.around(means, self._sets)

    def _walk(self, block: Block) -> None:
        _walk(self._weights, block)

    def _rewind(self, step: int) -> None:
        pass

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        self._sets = self._sets[rows]
        self._choose()


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size of alphabet and order."""
    chain = SoundChain(MuLaw(4), rate=8000, default_seconds=1.0, max_seconds=1.0)
    model = LinearAutoregression(ModelSpec(LinearAutoregression.architecture, chain, (), {"order": 1}))
    walk_tiny(CompiledLinearAutoregression(model, model.condition_tensor({})))
