"""Conditional distributions p(x_i | x_<i, condition) over the K symbols of an alphabet, in batches.

A conditional is stored by its parameters and answers in float64: what is drawn, scored and coded must not depend on
the precision in which a network happened to run.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.errors import InputError
from models.shaping import Shaping

LOG2 = math.log(2.0)

LARGE = 4096
"""Symbols above which a conditional is better asked for what is wanted than for all its probabilities."""


class Conditional(ABC):
    """A batch of distributions over the symbols 0 … K - 1."""

    size: int
    """K."""

    @abstractmethod
    def dense(self) -> Tensor:
        """All K natural log-probabilities, float64 (*batch, K)."""

    @property
    @abstractmethod
    def parameters(self) -> tuple[Tensor, ...]:
        """The tensors (*batch, …) that a conditional consists of."""

    @abstractmethod
    def of(self, *parameters: Tensor) -> Self:
        """Distributions of this kind and size with other parameters, in the order of ``parameters``."""

    @property
    def nbytes(self) -> int:
        return sum(parameter.nbytes for parameter in self.parameters)

    def __getitem__(self, index: object) -> Self:
        """The distributions at an index of the batch."""
        return self.of(*(parameter[index] for parameter in self.parameters))  # type: ignore[index]

    def to(self, dtype: torch.dtype) -> Self:
        """The same distributions with parameters of another precision."""
        return self.of(*(parameter.to(dtype) for parameter in self.parameters))

    def kept(self) -> Self:
        """A copy on the CPU in float32, which holds on to nothing but its own parameters."""
        return self.of(*(parameter.to("cpu", torch.float32, copy=True) for parameter in self.parameters))

    def double(self) -> Self:
        """In float64, so that sums of many log-probabilities keep their digits."""
        return self.to(torch.float64)

    def log_prob(self, symbols: Tensor) -> Tensor:
        """Natural log-probability of symbols (*batch), in the precision of the parameters if that is lower."""
        return self.dense().gather(-1, symbols.long().unsqueeze(-1)).squeeze(-1)

    def cdf(self, symbols: Tensor) -> Tensor:
        """P(x <= symbol), float64 (*batch)."""
        return self.dense().exp().cumsum(-1).gather(-1, symbols.long().unsqueeze(-1)).squeeze(-1)

    def quantile(self, u: Tensor) -> Tensor:
        """The first symbol k with CDF(k) > u, int64 (*batch), for u in [0, 1) (*batch)."""
        return first_above(self.dense().exp(), u)

    def entropy(self) -> Tensor:
        """Entropy in bits, float64 (*batch)."""
        log_p = self.dense()
        # A probability of zero contributes nothing; its log is -inf and 0 * -inf is not a number.
        return -(log_p.exp() * log_p.clamp_min(-1e4)).sum(-1) / LOG2

    def masses(self, last: Tensor) -> Tensor:
        """Of the symbols up to last[0], of those after it up to last[1], and so on: float64 (*batch, n).

        last: rising, int64 (n,).
        """
        return _between(self.dense().exp().cumsum(-1)[..., last])

    def shaped(self, shaping: Shaping) -> Tensor:
        """Probabilities after shaping, float64 (*batch, K)."""
        return shape_probs(self.dense(), shaping)


class Categorical(Conditional):
    """A softmax over K logits."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.size = logits.shape[-1]

    @classmethod
    def beside_zero(cls, logits: Tensor) -> Self:
        """Of the logits (*batch, K - 1) of symbols 1, 2, …, where that of symbol 0 is 0: for K = 2 a Bernoulli."""
        return cls(torch.nn.functional.pad(logits, (1, 0)))

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def of(self, *parameters: Tensor) -> Self:
        return type(self)(*parameters)

    def dense(self) -> Tensor:
        return torch.log_softmax(self.logits.double(), -1)

    def log_prob(self, symbols: Tensor) -> Tensor:
        # In the precision of the logits: training wants float32, scoring float64.
        flat = torch.nn.functional.cross_entropy(
            self.logits.reshape(-1, self.size), symbols.reshape(-1).long(), reduction="none"
        )
        return -flat.reshape(symbols.shape)


class BinnedMixture(Conditional):
    """A mixture of bell curves on a line that is cut into bins: a symbol has the mass of its bin.

    The two outermost bins are open-ended, so that nothing of the mixture is lost. A subclass has the curve, ``log_cdf``
    and ``log_density``, which is symmetric about 0.

    weights: logits of the M components (*batch, M). means, scales: of the components, on the line, scales positive.
    size: K. edges: where the bins meet, rising, (K - 1,); None for the line of the levels, where symbol k has what lies
    between k - 1/2 and k + 1/2, counted from ``origin``, the level that lies at 0: of many levels those in the middle
    then keep the digits of their means. A component is sound while its scale stays far below 1 / (precision of the
    parameters): one that is a million levels wide has, in float32, no digits left for the mass of a single level.
    """

    def __init__(
        self,
        weights: Tensor,
        means: Tensor,
        scales: Tensor,
        size: int,
        edges: Tensor | None = None,
        origin: int = 0,
    ) -> None:
        self.weights = weights
        self.means = means
        self.scales = scales
        self.size = size
        self.edges = edges
        self.origin = origin

    @staticmethod
    @abstractmethod
    def log_cdf(x: Tensor) -> Tensor:
        """Natural logarithm of the standard curve's cumulative distribution function, accurate in its lower tail."""

    @staticmethod
    @abstractmethod
    def log_density(x: Tensor) -> Tensor:
        """Natural logarithm of the standard curve itself, the derivative of its cumulative distribution function."""

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        return self.weights, self.means, self.scales

    def of(self, *parameters: Tensor) -> Self:
        weights, means, scales = parameters
        return type(self)(weights, means, scales, self.size, self.edges, self.origin)

    def dense(self) -> Tensor:
        return self._each().log_prob(torch.arange(self.size, device=self.means.device))

    def cdf(self, symbols: Tensor) -> Tensor:
        """As in the base class, of the components' own; the other symbols are never looked at."""
        middle, half = self._bin(symbols.unsqueeze(-1))
        weights, means, scales = (parameter.double() for parameter in self.parameters)
        below = self.log_cdf((middle + half - means) / scales).exp()
        return (torch.softmax(weights, -1) * below).sum(-1).masked_fill(symbols == self.size - 1, 1.0)

    def quantile(self, u: Tensor) -> Tensor:
        """As in the base class: first among every so many symbols, then among those up to the one found."""
        each, u = self._each(), u.unsqueeze(-1)
        apart = math.isqrt(self.size - 1) + 1
        some = torch.arange(apart - 1, self.size, apart, device=u.device)
        first = apart * (each.cdf(some) <= u).sum(-1, keepdim=True)
        near = (first + torch.arange(apart, device=u.device)).clamp_max(self.size - 1)
        found: Tensor = (first + (each.cdf(near) <= u).sum(-1, keepdim=True)).squeeze(-1)
        return found.clamp_max(self.size - 1)

    def masses(self, last: Tensor) -> Tensor:
        return _between(self._each().cdf(last))

    def _each(self) -> Self:
        """In float64, of batch shape (*batch, 1), to be asked for many symbols each."""
        return self.of(*(parameter.double().unsqueeze(-2) for parameter in self.parameters))

    def densities(self, places: Tensor) -> Tensor:
        """What each component adds to the density of the mixture on the line: float64 (*batch, M, n).

        places: on the line, where without edges level k lies at k - origin: float64 (n,).
        """
        weights, means, scales = (parameter.double().unsqueeze(-1) for parameter in self.parameters)
        return (torch.log_softmax(weights, -2) + self.log_density((places - means) / scales)).exp() / scales

    def log_prob(self, symbols: Tensor) -> Tensor:
        """As in the base class; the other K - 1 symbols are never looked at."""
        k = symbols.unsqueeze(-1)
        middle, half = self._bin(k)
        distance, half = (middle - self.means) / self.scales, half / self.scales
        # The mass of a bin is CDF(upper edge) - CDF(lower edge), a difference of two numbers next to 1 above the mean.
        # So an inner bin is mirrored to below the mean, and the last, open above, becomes one that is open below.
        distance = torch.where(k == 0, distance, torch.where(k == self.size - 1, -distance, -distance.abs()))
        upper = self.log_cdf(distance + half)
        # log(1 - CDF(lower edge) / CDF(upper edge)); of a bin that is open below the ratio is 0.
        log_ratio = (self.log_cdf(distance - half) - upper).masked_fill((k == 0) | (k == self.size - 1), -math.inf)
        log_mass = upper + torch.log(-torch.expm1(log_ratio))
        return torch.logsumexp(torch.log_softmax(self.weights, -1) + log_mass, -1)

    def _bin(self, k: Tensor) -> tuple[Tensor, Tensor | float]:
        """Middle and half the width of the bins of symbols; of one that is open-ended the edge is what counts."""
        if self.edges is None:
            return k - self.origin, 0.5
        edges = self.edges.to(self.means)
        lower, upper = edges[(k - 1).clamp_min(0).long()], edges[k.clamp_max(self.size - 2).long()]
        return (lower + upper) / 2, (upper - lower) / 2


class LogGaussianCDF(torch.autograd.Function):
    """log Phi(x) with a derivative that is accurate in the tails, too.

    phi(x) / Phi(x) = sqrt(2 / pi) / erfcx(-x / sqrt(2)). The derivative of ``torch.special.log_ndtr`` is the exp of a
    difference of two numbers of size x^2 / 2, which in float32 is 3 % wrong at x = -1000 and not a number at -100 000.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        log_p: Tensor = torch.special.log_ndtr(x)
        return log_p

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        of_x: Tensor = gradients[0] * math.sqrt(2 / math.pi) / torch.special.erfcx(-math.sqrt(0.5) * x)
        return of_x


class MixtureOfGaussians(BinnedMixture):
    """Gaussian components; a scale is a standard deviation."""

    @staticmethod
    def log_cdf(x: Tensor) -> Tensor:
        log_p: Tensor = LogGaussianCDF.apply(x)  # type: ignore[no-untyped-call]
        return log_p

    @staticmethod
    def log_density(x: Tensor) -> Tensor:
        return -0.5 * (x * x + math.log(2 * math.pi))


class MixtureOfLogistics(BinnedMixture):
    """Logistic components, as PixelCNN++ has them; a scale is the s of 1 / (1 + exp(-x / s)).

    The entropy of many levels is that of a sum, level by level, whose terms change little within a fraction of a scale.
    The levels are cut into stretches, close together where some component is steep, and the sum over a stretch of n
    levels is that of three terms, exact for polynomials up to the fifth degree: Gauss quadrature for the n points
    themselves in place of a continuous stretch. A stretch of one level, or two, is exact for whatever it is.
    """

    REACH = 18.0
    """Scales from its mean on to which a component is looked at: beyond there is 2e-8 of it."""
    STRETCH = 1.5
    """Scales that a stretch has at most."""

    def entropy(self) -> Tensor:
        if self.size <= LARGE or self.edges is not None:
            return super().entropy()
        each, last = self._each(), self.size - 1
        cuts = torch.arange(-self.REACH, self.REACH + self.STRETCH, self.STRETCH, device=self.means.device)
        bounds = (each.means + self.origin).mT + each.scales.mT * cuts.double()
        ends = bounds.new_tensor([1.0, last]).expand(*self.means.shape[:-1], 2)
        bounds = torch.cat([bounds.flatten(-2).round().clamp(1, last), ends], -1).sort(-1).values
        count = bounds.diff(dim=-1)
        middle = bounds[..., :-1] + (count - 1) / 2
        apart, weight = _nodes(count)
        places = torch.cat([middle - apart, middle, middle + apart], -1)
        weights = torch.cat([weight, count - 2 * weight, weight], -1)
        outermost = torch.zeros_like(ends) + ends.new_tensor([0.0, last])
        log_p = each.log_prob(torch.cat([places, outermost], -1)).clamp_min(-1e4)
        return -(torch.cat([weights, torch.ones_like(outermost)], -1) * log_p.exp() * log_p).sum(-1) / LOG2

    @staticmethod
    def log_cdf(x: Tensor) -> Tensor:
        return torch.nn.functional.logsigmoid(x)

    @staticmethod
    def log_density(x: Tensor) -> Tensor:
        return torch.nn.functional.logsigmoid(x) + torch.nn.functional.logsigmoid(-x)


class WithStop(Conditional):
    """Another conditional, or else the stop symbol, which follows its symbols.

    stop: the logit (*batch) of stopping against going on.
    """

    def __init__(self, goes_on: Conditional, stop: Tensor) -> None:
        self.goes_on = goes_on
        self.stop = stop
        self.size = goes_on.size + 1

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        return (self.stop, *self.goes_on.parameters)

    def of(self, *parameters: Tensor) -> Self:
        stop, *others = parameters
        return type(self)(self.goes_on.of(*others), stop)

    def dense(self) -> Tensor:
        stop = self.stop.double().unsqueeze(-1)
        others = self.goes_on.dense() + torch.nn.functional.logsigmoid(-stop)
        return torch.cat([others, torch.nn.functional.logsigmoid(stop)], -1)

    def log_prob(self, symbols: Tensor) -> Tensor:
        """As in the base class; the other symbols are looked at only as far as the inner conditional does."""
        last = self.size - 1
        others = self.goes_on.log_prob(symbols.clamp_max(last - 1)) + torch.nn.functional.logsigmoid(-self.stop)
        return torch.where(symbols == last, torch.nn.functional.logsigmoid(self.stop), others)

    def cdf(self, symbols: Tensor) -> Tensor:
        last = self.size - 1
        below = self.goes_on.cdf(symbols.clamp_max(last - 1)) * torch.sigmoid(-self.stop.double())
        return below.masked_fill(symbols == last, 1.0)

    def quantile(self, u: Tensor) -> Tensor:
        goes_on = torch.sigmoid(-self.stop.double())
        return self.goes_on.quantile(u / goes_on).masked_fill(u >= goes_on, self.size - 1)

    def entropy(self) -> Tensor:
        """Of whether it stops, and of the rest if not."""
        stop = self.stop.double()
        goes_on, ends = torch.sigmoid(-stop), torch.sigmoid(stop)
        of_stopping = -goes_on * torch.nn.functional.logsigmoid(-stop) - ends * torch.nn.functional.logsigmoid(stop)
        return of_stopping / LOG2 + goes_on * self.goes_on.entropy()

    def masses(self, last: Tensor) -> Tensor:
        """As in the base class, of symbols other than the stop symbol."""
        return self.goes_on.masses(last) * torch.sigmoid(-self.stop.double()).unsqueeze(-1)


def _between(cdf: Tensor) -> Tensor:
    """What lies between one value of a CDF (*batch, n) and the next, the first from 0 on."""
    return torch.cat([cdf[..., :1], cdf.diff(dim=-1)], -1)


def _nodes(count: Tensor) -> tuple[Tensor, Tensor]:
    """Three-point Gauss quadrature for a sum over n points: how far the outer two lie from the middle, their weight.

    The polynomial of the third degree that is orthogonal to all lower ones over n points has its roots at 0 and
    +- sqrt((3 n^2 - 7) / 20). With the weight their squares have the sum of those of the points, n (n^2 - 1) / 12.
    """
    square = ((3 * count * count - 7) / 20).clamp_min(0.25)  # of a single point both outer ones have no weight
    return square.sqrt(), count * (count * count - 1) / 24 / square


def check_numbers(title: str, bits: npt.ArrayLike) -> None:
    """Raises InputError, naming the model, if surprises or entropies are not numbers: its logits have overflowed."""
    if np.isnan(bits).any():
        raise InputError(f"{title} gives no probabilities: its conditionals are not numbers")


def first_above(probs: Tensor, u: Tensor) -> Tensor:
    """The first k with CDF(k) > u; the last symbol of positive probability where rounding keeps the CDF below u.

    probs: float64 (*batch, K), summing to one up to rounding. u: float64 (*batch). Returns int64 (*batch).
    """
    k = torch.searchsorted(probs.cumsum(-1), u.unsqueeze(-1).contiguous(), right=True).squeeze(-1)
    last = probs.shape[-1] - 1 - (probs > 0).flip(-1).int().argmax(-1)
    return torch.minimum(k, last)


def shape_probs(log_p: Tensor, shaping: Shaping) -> Tensor:
    """Temperature, top-k, top-p and min-p, in that order, on normalised log-probabilities (*batch, K) in float64."""
    if shaping.temperature == 0:
        # The first maximum: torch.argmax promises no order among ties, the largest flipped index would be the last.
        mode = (log_p == log_p.amax(-1, keepdim=True)).int().argmax(-1)
        return torch.nn.functional.one_hot(mode, log_p.shape[-1]).double()
    p = torch.softmax(log_p / shaping.temperature, -1) if shaping.temperature != 1 else log_p.exp()
    size = p.shape[-1]
    if 0 < shaping.top_k < size or shaping.top_p < 1:
        ordered, order = p.sort(dim=-1, descending=True, stable=True)  # stable: among ties the lower symbol first
        rank = torch.arange(size, device=p.device)
        if 0 < shaping.top_k < size:
            ordered = ordered.masked_fill(rank >= shaping.top_k, 0.0)
            ordered = ordered / ordered.sum(-1, keepdim=True)
        if shaping.top_p < 1:
            mass_before = ordered.cumsum(-1) - ordered
            ordered = ordered.masked_fill((mass_before >= shaping.top_p) & (rank > 0), 0.0)
        p = torch.zeros_like(p).scatter(-1, order, ordered)
    if shaping.min_p > 0:
        p = p.masked_fill(p < shaping.min_p * p.amax(-1, keepdim=True), 0.0)
    return p / p.sum(-1, keepdim=True)
