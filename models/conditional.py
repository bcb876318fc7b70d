"""Conditional distributions p(x_i | x_<i, condition) over the K symbols of an alphabet, in batches.

A conditional is stored by its parameters and answers in float64: what is drawn, scored and coded must not depend on
the precision in which a network happened to run.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.errors import InputError
from models.shaping import Shaping

LOG2 = math.log(2.0)


class Conditional(ABC):
    """A batch of distributions over the symbols 0 … K - 1."""

    size: int
    """K."""

    @abstractmethod
    def dense(self) -> Tensor:
        """All K natural log-probabilities, float64 (*batch, K)."""

    @abstractmethod
    def __getitem__(self, index: object) -> Conditional:
        """The distributions at an index of the batch."""

    @abstractmethod
    def to(self, dtype: torch.dtype) -> Self:
        """The same distributions with parameters of another precision."""

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

    def shaped(self, shaping: Shaping) -> Tensor:
        """Probabilities after shaping, float64 (*batch, K)."""
        return shape_probs(self.dense(), shaping)


class Categorical(Conditional):
    """A softmax over K logits."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.size = logits.shape[-1]

    def __getitem__(self, index: object) -> Categorical:
        return Categorical(self.logits[index])  # type: ignore[index]

    def to(self, dtype: torch.dtype) -> Self:
        return type(self)(self.logits.to(dtype))

    def dense(self) -> Tensor:
        return torch.log_softmax(self.logits.double(), -1)

    def log_prob(self, symbols: Tensor) -> Tensor:
        # In the precision of the logits: training wants float32, scoring float64.
        flat = torch.nn.functional.cross_entropy(
            self.logits.reshape(-1, self.size), symbols.reshape(-1).long(), reduction="none"
        )
        return -flat.reshape(symbols.shape)


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
