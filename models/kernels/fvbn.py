"""The FVBN's walk as one kernel: what ``models.networks.fvbn`` computes.

An earlier variable is seen as indicators, of which one at most is 1: so a product with them adds one weight for each
earlier variable that is not 0. Nothing is kept but the symbols, and the weights are read where the network has them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.chain import GreyLevels, ImageChain, Symbols
from models.kernels.jit import inlined, kernel
from models.kernels.walk import Block, CompiledDecoder, Float32s, Float64s, array, steps, take, walk_tiny
from models.model import ModelSpec
from models.networks.fvbn import FVBN


@inlined
def _conditional(weight: Float32s, bias: Float32s, known: Symbols, step: int, logits: Float64s) -> None:
    """The logits (K,) of a step. weight: (units, units), from columns to rows. bias: (units,). known: (D,)."""
    others = logits.shape[0] - 1
    logits[0] = 0
    for k in range(others):
        unit = step * others + k
        total = bias[unit]
        for j in range(step):
            if known[j] > 0:
                total += weight[unit, j * others + known[j] - 1]
        logits[1 + k] = total


@kernel
def _walk(weight: Float32s, biases: Float32s, block: Block) -> None:
    """biases: (B, units), with the condition."""
    for sample in range(block.symbols.shape[0]):
        for i in range(steps(block, sample)):
            _conditional(weight, biases[sample], block.symbols[sample], block.start + i, block.logits)
            if not take(block, sample, i):
                break


class CompiledFVBN(CompiledDecoder):
    """The symbols and the biases; going back needs nothing but to forget."""

    @torch.inference_mode()
    def __init__(self, model: FVBN, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._weight = array(model.weight)
        self._biases = array(model.biases(condition))

    def _walk(self, block: Block) -> None:
        _walk(self._weight, self._biases, block)

    def _rewind(self, step: int) -> None:
        pass

    def _select(self, rows: list[int]) -> None:
        self._biases = self._biases[rows]


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size of network."""
    model = FVBN(ModelSpec(FVBN.architecture, ImageChain(GreyLevels(2), 2, 2), (), {}))
    walk_tiny(CompiledFVBN(model, model.condition_tensor({})))
