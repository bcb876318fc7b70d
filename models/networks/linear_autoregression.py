"""Linear autoregression, AR(p): each sample is a weighted sum of the p samples before it, and noise.

    x_t = c + a_1 x_(t-1) + ... + a_p x_(t-p) + e_t        e_t: Gaussian, of standard deviation s, each for itself

G. U. Yule, "On a method of investigating periodicities in disturbed series", Phil. Trans. R. Soc. A 226, 1927. For
speech this is *linear prediction* (LPC): B. Atal and S. Hanauer, "Speech analysis and synthesis by linear prediction of
the speech wave", J. Acoust. Soc. Am. 50, 1971. The weights are a filter that has only poles, the roots of

    z^p - a_1 z^(p-1) - ... - a_p,

each pair of which is a resonance; the noise is what excites it. WaveNet (van den Oord et al. 2016) is the same chain
with a network in place of the sum and any distribution in place of the Gaussian.

The weights are those of least squares, which for Gaussian noise are those of maximum likelihood. There is one set for
each combination of values of the conditions; that of ``any`` is fitted to all of them together.

The data are symbols of an alphabet: x are the amplitudes that they stand for, and the probability of a symbol is the
mass of the Gaussian in its bin. Before the first sample all is silence. Where the alphabet has a stop symbol, a sound
ends at each step with the same probability. p + 3 numbers for each combination, whatever the length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import INT16_PEAK, MuLaw, SoundChain, Symbols
from models.condition import categories
from models.conditional import Conditional, MixtureOfGaussians, WithStop
from models.decoder import Decoder
from models.errors import InputError
from models.model import AutoregressiveModel, ModelSpec, combinations
from models.sizes import check_sizes, config_of

MAX_ORDER = 64
MAX_SETS = 2**14
RIDGE = 1e-7
"""Added to the squares, as a share of their mean: a condition of which nothing was heard has no resonances."""
QUIETEST = 1e-4
"""The least standard deviation: a third of the narrowest bin of 256 mu-law levels."""


@dataclass(frozen=True)
class LinearAutoregressionConfig:
    """order: p, how many samples are looked back."""

    order: int


class LinearAutoregression(AutoregressiveModel):
    """A set of weights for each combination of values of the conditions."""

    architecture = "linear_autoregression"
    family = "linear"
    title = "Linear autoregression"

    amplitudes: Tensor
    edges: Tensor

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, SoundChain) or not isinstance(spec.chain.alphabet, MuLaw):
            raise InputError("a linear autoregression models sound of a mu-law alphabet")
        self.order = config_of(LinearAutoregressionConfig, spec.config, "a linear autoregression").order
        check_sizes("linear autoregression", order=(self.order, MAX_ORDER))
        self.sizes = [factor.size for factor in categories(spec.factors)]
        sets = math.prod(self.sizes)
        if sets > MAX_SETS:
            raise InputError(f"a linear autoregression has weights for at most {MAX_SETS} combinations, not {sets}")
        alphabet = spec.chain.alphabet
        # Parameters, since they are what the model has learned, but nothing that a gradient could improve on.
        self.weights = nn.Parameter(torch.zeros(sets, self.order), requires_grad=False)
        """a_1 … a_p"""
        self.offsets = nn.Parameter(torch.zeros(sets), requires_grad=False)
        self.deviations = nn.Parameter(torch.ones(sets), requires_grad=False)
        self.stops = nn.Parameter(torch.full((sets,), -10.0), requires_grad=False) if alphabet.stop else None
        """Logits of stopping."""
        levels = alphabet.decode(np.arange(alphabet.levels)) / INT16_PEAK
        self.register_buffer("amplitudes", torch.from_numpy(np.append(levels, 0.0)).float(), persistent=False)
        self.register_buffer("edges", torch.from_numpy(alphabet.edges).float(), persistent=False)

    @property
    def receptive_field(self) -> int:
        return self.order

    def chosen(self, condition: Tensor) -> Tensor:
        """Which set each condition (B, F) has: int64 (B,). Raises InputError for a blend, which has none."""
        refusal = "a linear autoregression has weights for each value of a condition, none for a blend"
        return combinations(condition, self.sizes, refusal)

    def around(self, means: Tensor, chosen: Tensor) -> Conditional:
        """The conditionals with means (B, …) of sets (B,)."""
        shape = [-1] + [1] * (means.ndim - 1)
        deviations = self.deviations[chosen].reshape(shape).expand_as(means)
        alone = torch.zeros_like(means)[..., None]
        goes_on = MixtureOfGaussians(alone, means[..., None], deviations[..., None], len(self.edges) + 1, self.edges)
        if self.stops is None:
            return goes_on
        return WithStop(goes_on, self.stops[chosen].reshape(shape).expand_as(means))

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Conditional:
        chosen = self.chosen(condition)
        heard = F.pad(self.amplitudes[symbols], (self.order, 0))[:, :-1]
        # Each row has a filter of its own; the last tap is that of the sample before.
        sums = F.conv1d(heard[None], self.weights[chosen].flip(1)[:, None], groups=len(symbols))[0]
        return self.around(sums + self.offsets[chosen][:, None], chosen)

    def fit(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Least squares of every set: symbols int64 (B, T) and their conditions (B, F)."""
        sets, width = len(self.weights), self.order + 2
        # Of each sample its predecessors, the last one first, then 1, then itself: sums of their products.
        products = torch.zeros(sets, width, width, dtype=torch.float64, device=self.device)
        ends = torch.zeros(sets, dtype=torch.float64, device=self.device)
        for symbols, condition in batches:
            is_stop = symbols == len(self.edges) + 1
            heard = F.pad(self.amplitudes[symbols].double(), (self.order, 0))
            for row, number in enumerate(self.chosen(condition).tolist()):
                windows = heard[row].unfold(0, self.order + 1, 1).flip(1)[~is_stop[row]]
                known = torch.cat([windows[:, 1:], torch.ones_like(windows[:, :1]), windows[:, :1]], 1)
                products[number] += known.T @ known
                ends[number] += is_stop[row].sum()
        for number, (sums, stops) in enumerate(zip(*self._with_any(products, ends), strict=True)):
            squares, count = sums[:-1, :-1], sums[-2, -2]
            ridge = RIDGE * squares.diagonal().mean().clamp_min(1e-6)
            weights = torch.linalg.solve(squares + ridge * torch.eye(width - 1).to(squares), sums[:-1, -1])
            left = sums[-1, -1] - 2 * weights @ sums[:-1, -1] + weights @ squares @ weights
            self.weights[number], self.offsets[number] = weights[:-1].float(), weights[-1].float()
            self.deviations[number] = torch.sqrt(left / count.clamp_min(1)).clamp_min(QUIETEST).float()
            if self.stops is not None:
                self.stops[number] = torch.log((stops + 0.5) / (count + 0.5)).float()

    def _with_any(self, products: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        """The same, where what holds for ``any`` value of a condition is the sum over all of them."""
        shape = products.shape[1:]
        products, ends = products.reshape(*self.sizes, *shape), ends.reshape(self.sizes)
        for axis, factor in enumerate(categories(self.factors)):
            if factor.any:
                for sums in (products, ends):
                    sums.select(axis, -1).copy_(sums.sum(axis))
        return products.reshape(-1, *shape), ends.reshape(-1)

    def cached(self, condition: Tensor) -> Decoder:
        return CachedLinearAutoregression(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.linear_autoregression import CompiledLinearAutoregression

        return CompiledLinearAutoregression(self, condition)


class CachedLinearAutoregression(Decoder):
    """Everything heard, after p samples of silence, from which the last p are weighed."""

    engine = "cached"
    model: LinearAutoregression

    @torch.inference_mode()
    def __init__(self, model: LinearAutoregression, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._chosen = model.chosen(condition)
        # The last tap is that of the sample before.
        self._weights, self._offsets = model.weights[self._chosen].flip(1), model.offsets[self._chosen]
        self._heard = self._weights.new_zeros(self.rows, model.order)

    @torch.inference_mode()
    def peek(self) -> Conditional:
        before = self._heard[:, self.step : self.step + self.model.order]
        return self.model.around((before * self._weights).sum(1) + self._offsets, self._chosen)

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        at = self.model.order + self.step
        if at >= self._heard.shape[1]:
            self._heard = F.pad(self._heard, (0, self._heard.shape[1] + 1024))
        self._heard[:, at] = self.model.amplitudes[torch.from_numpy(column).to(self._heard.device).long()]

    def _rewind(self, step: int) -> None:
        pass

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        self._chosen, self._heard = self._chosen[rows], self._heard[rows]
        self._weights, self._offsets = self._weights[rows], self._offsets[rows]
