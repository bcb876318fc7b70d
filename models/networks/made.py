"""MADE: an autoencoder whose masked weights make it autoregressive.

Paper: M. Germain, K. Gregor, I. Murray, H. Larochelle, "MADE: Masked Autoencoder for Distribution Estimation",
ICML 2015 (arXiv:1502.03509), section 4.

An autoencoder with D inputs gives D outputs in one pass. They are the conditionals of a joint as soon as no path leads
from input j to output i <= j. Every unit gets a *degree*, the number of first variables that it may know of: input j
(from zero) brings along j + 1, output i may know of i, hidden units draw theirs. A weight stays where the receiver's
degree is at least the sender's, and is masked elsewhere (equations 12 and 13; the paper gives output i the degree
i + 1 and compares strictly, which is the same). The hidden degrees of a layer are uniform between the smallest one of
the layer below, so that no unit is cut off from the inputs, and D - 1, beyond which no output listens.

With H units in each of L layers that is 2 D H + (L - 1) H^2 weights, about half of them masked: it grows linearly with
D, where an FVBN grows with D^2 and tables with 2^D, for all conditionals share the hidden units.

The masks of one draw make one joint, and this model is that of the first. Further draws over the same weights are other
joints (the paper's "connectivity-agnostic" training), also where each has an order of the variables of its own
("order-agnostic": the degrees of inputs and outputs are then their ranks in that order). The mean of their
probabilities is a joint as well, by which whole images can be scored. It has no conditionals of its own that one pass
could give, so that nothing walks it.

Deviations from the paper:
- The first mask set has the chain's order, along which the model is walked, also where the others are shuffled.
- With several mask sets, in training, each batch is dealt out among them, a row to each in turn, where the paper takes
  the next set for each batch. The expected gradient is the same, and a step depends on nothing but its batch.
- The weights that tell the units which masks hold (the paper's "conditioning weights" on a constant) are left out.
- K symbols as K - 1 indicators at the inputs and K - 1 logits beside symbol 0's zero at the outputs; for K = 2 that is
  one of each, as in the paper.
- Conditions add a bias of their own to every hidden unit and output.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from reprlib import repr as shortened
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import distributed
from models.chain import Symbols
from models.conditional import Categorical
from models.decoder import Decoder
from models.errors import InputError
from models.model import AutoregressiveModel, FactorEmbeddings, Joint, ModelSpec, indicators
from models.noise import MAX_SEED, uniforms
from models.sizes import check_list, check_weights, config_of


@dataclass(frozen=True)
class MADEConfig:
    """hidden: units of each layer. masks: mask sets, drawn from ``seed``. direct: weights from inputs to outputs.

    shuffled: whether every mask set but the first has an order of its own.
    """

    hidden: tuple[int, ...]
    masks: int
    seed: int
    direct: bool
    shuffled: bool = False

    def __post_init__(self) -> None:
        for name, value, least, most in (("masks", self.masks, 1, 64), ("seed", self.seed, 0, MAX_SEED)):
            if type(value) is not int or not least <= value <= most:
                raise InputError(f"{name} of a MADE is a whole number in {least} … {most}, not {shortened(value)}")
        for name, flag in (("direct", self.direct), ("shuffled", self.shuffled)):
            if type(flag) is not bool:
                raise InputError(f"{name} of a MADE is true or false, not {shortened(flag)}")
        check_list("hidden of a MADE is", self.hidden, longest=16, most=16384, each="the units of each layer")


def hidden_degrees(config: MADEConfig, length: int, mask_set: int) -> list[Tensor]:
    """The degrees of the units of each hidden layer in one mask set, int64 (units,): a pure function of the seed."""
    highest = max(1, length - 1)
    degrees: list[Tensor] = []
    for layer, units in enumerate(config.hidden):
        lowest = int(degrees[-1].min()) if degrees else 1
        u = uniforms(config.seed, mask_set, layer, 0, units)
        degrees.append(torch.from_numpy(lowest + (u * (highest + 1 - lowest)).astype(np.int64)))
    return degrees


def ranks(config: MADEConfig, length: int, mask_set: int) -> Tensor:
    """How many variables come before each one in the order of a mask set, int64 (length,)."""
    if not config.shuffled or mask_set == 0:
        return torch.from_numpy(np.arange(length))
    u = uniforms(config.seed, mask_set, len(config.hidden), 0, length)
    return torch.from_numpy(np.argsort(np.argsort(u, kind="stable"), kind="stable"))


def mask(receivers: Tensor, senders: Tensor) -> Tensor:
    """Which weights stay, bool (receivers, senders), by the degrees of both."""
    return receivers[:, None] >= senders


class MADE(AutoregressiveModel):
    """A masked autoencoder with rectified hidden layers."""

    architecture = "made"
    family = "neural"
    title = "MADE"
    replayable = True

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        length, levels = spec.chain.length, spec.chain.alphabet.size
        if length is None:
            raise InputError("a MADE needs a fixed number of variables; this chain is open-ended")
        self.config = config_of(MADEConfig, spec.config, "a MADE")
        self.length, self.levels = length, levels
        ends = length * (levels - 1)
        self.sizes = [ends, *self.config.hidden, ends]
        weights = sum(a * b for a, b in pairwise(self.sizes)) + self.config.direct * ends**2
        check_weights(f"this MADE of {length} variables of {levels} symbols has", weights)
        self.direct = nn.Linear(ends, ends, bias=False) if self.config.direct else None
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(self.sizes))
        self.condition = FactorEmbeddings(spec.factors, sum(self.sizes[1:]))
        self.degrees: Tensor
        """Of all units, from the inputs to the outputs, in each mask set: int64 (masks, units)."""
        self.register_buffer(
            "degrees",
            torch.stack([self._degrees(mask_set) for mask_set in range(self.config.masks)]),
            persistent=False,
        )

    def _degrees(self, mask_set: int) -> Tensor:
        """Of all units in one mask set, int64 (units,)."""
        known = ranks(self.config, self.length, mask_set).repeat_interleave(self.levels - 1)
        return torch.cat([known + 1, *hidden_degrees(self.config, self.length, mask_set), known])

    @property
    def linears(self) -> list[nn.Linear]:
        """``layers`` by their type."""
        return [cast(nn.Linear, layer) for layer in self.layers]

    def biases(self, condition: Tensor) -> tuple[Tensor, ...]:
        """Bias plus condition of every layer: (B, units) each."""
        biases = torch.cat([layer.bias for layer in self.linears]) + self.condition(condition)
        return torch.split(biases, self.sizes[1:], 1)

    def logits(self, x: Tensor, condition: Tensor, mask_set: int) -> Tensor:
        """The outputs (B, D (K - 1)) for inputs of the same shape, under one mask set."""
        degrees = torch.split(self.degrees[mask_set], self.sizes)
        masks = [mask(receivers, senders) for senders, receivers in pairwise(degrees)]
        h = x
        for layer, bias, kept in zip(self.linears, self.biases(condition), masks, strict=True):
            h = F.linear(h if h is x else F.relu(h), layer.weight * kept) + bias
        if self.direct is not None:
            h = h + F.linear(x, self.direct.weight * mask(degrees[-1], degrees[0]))
        return h

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        """Under mask set 0; in training mode row n of the batch, of all processes together, under set n, modulo their
        number."""
        if not self.training or self.config.masks == 1:
            return self.conditionals_under(0, symbols, condition)
        rows = torch.arange(symbols.shape[0], device=symbols.device)
        sets = (distributed.rank() + distributed.world_size() * rows) % self.config.masks
        dealt = [rows[sets == mask_set] for mask_set in range(self.config.masks)]
        logits = [self.conditionals_under(n, symbols[own], condition[own]).logits for n, own in enumerate(dealt)]
        return Categorical(torch.cat(logits)[torch.cat(dealt).argsort()])

    def conditionals_under(self, mask_set: int, symbols: Tensor, condition: Tensor) -> Categorical:
        """The conditionals of the joint of one mask set, as ``conditionals``."""
        steps = symbols.shape[1]
        known = indicators(F.pad(symbols, (0, self.length - steps)), self.levels)
        logits = self.logits(known.flatten(1).to(self.linears[0].weight.dtype), condition, mask_set)
        return Categorical.beside_zero(logits.reshape(known.shape)[:, :steps])

    def joints(self, count: int | None) -> tuple[str, list[Joint]]:
        """One for each mask set that it was trained with; they are called orders where each has its own."""
        masks, called = self.config.masks, "orders" if self.config.shuffled else "mask sets"
        if masks == 1:
            raise InputError("this MADE has one mask set, and no mixture over several")
        if count is not None:
            raise InputError(f"this MADE has the {masks} {called} that it was trained with; their number is no choice")
        return called, [partial(self.log_prob_under, mask_set) for mask_set in range(masks)]

    def log_prob_under(self, mask_set: int, symbols: Tensor, condition: Tensor) -> Tensor:
        """Of whole chains (B, D), under one mask set: float64 (B,)."""
        return self.conditionals_under(mask_set, symbols, condition).double().log_prob(symbols).sum(1)

    def cached(self, condition: Tensor) -> Decoder:
        return CachedMADE(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.made import CompiledMADE

        return CompiledMADE(self, condition)


class CachedMADE(Decoder):
    """Computes every unit once in a walk, as soon as the variables that it may know of are there.

    A hidden unit of degree m is a function of the first m symbols: it is computed when the m-th is pushed and holds
    from then on. With the units of each layer sorted by degree, those that are due are a slice, what they listen to is
    everything before a point, and no mask is left. A whole walk costs the multiplications of one parallel pass, and
    going back needs nothing but to forget: what is due later will be computed again.
    """

    engine = "cached"
    model: MADE

    @torch.inference_mode()
    def __init__(self, model: MADE, condition: Tensor) -> None:
        super().__init__(model, condition)
        degrees = torch.split(model.degrees[0], model.sizes)
        orders = [degree.argsort(stable=True) for degree in degrees]
        self._weights = [
            layer.weight[receivers][:, senders]
            for layer, (senders, receivers) in zip(model.linears, pairwise(orders), strict=True)
        ]
        self._biases = [bias[:, order] for bias, order in zip(model.biases(condition), orders[1:], strict=True)]
        # Of each layer but the last: how many units have a degree of at most 0, 1, ..., D.
        counts = [degree.bincount(minlength=model.length + 1) for degree in degrees[:-1]]
        self._known = [count.cumsum(0).tolist() for count in counts]
        self._values = [self._biases[-1].new_zeros(self.rows, size) for size in model.sizes[:-1]]

    @torch.inference_mode()
    def peek(self) -> Categorical:
        begin = self.step * (self.model.levels - 1)
        outputs = slice(begin, begin + self.model.levels - 1)
        logits = self._sums(len(self._values) - 1, outputs, self.step)
        if self.model.direct is not None:
            logits = torch.addmm(logits, self._values[0][:, :begin], self.model.direct.weight[outputs, :begin].T)
        return Categorical.beside_zero(logits)

    def _sums(self, layer: int, units: slice, degree: int) -> Tensor:
        """What units of this degree add up (B, units). Layers are counted by their weights."""
        known = self._known[layer][degree]
        return torch.addmm(
            self._biases[layer][:, units], self._values[layer][:, :known], self._weights[layer][units, :known].T
        )

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        symbols = torch.from_numpy(column).to(self._values[0].device)
        degree = self.step + 1
        for layer, (values, known) in enumerate(zip(self._values, self._known, strict=True)):
            units = slice(known[degree - 1], known[degree])
            if layer == 0:
                values[:, units] = indicators(symbols, self.model.levels).to(values.dtype)
            elif units.start < units.stop:
                values[:, units] = self._sums(layer - 1, units, degree).relu_()

    def _rewind(self, step: int) -> None:
        pass

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        self._biases = [bias[rows] for bias in self._biases]
        self._values = [values[rows] for values in self._values]
