"""Scoring: how probable a model finds given data, in bits per dimension, step by step, and class by class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from models import distributed
from models.chain import Symbols
from models.condition import Condition, categories, check_names
from models.conditional import LOG2, check_numbers
from models.model import AutoregressiveModel

if TYPE_CHECKING:
    from models.training.data import Examples

SCORING_BUDGET = 25_000
"""Variables in one parallel pass: bounds the memory of the K log-probabilities of each."""

OWN_CODE = "given its own code"
"""Where an encoder has seen what is scored: the cost of a reconstruction, and no likelihood."""


@dataclass(frozen=True)
class Likelihood:
    """bits_per_dim: mean over all variables. nats: mean over examples. standard_error: of each, over examples."""

    bits_per_dim: float
    bits_per_dim_standard_error: float
    nats: float
    nats_standard_error: float
    examples: int

    def to_json(self) -> dict[str, float | int]:
        return asdict(self)


@torch.inference_mode()
def surprises(model: AutoregressiveModel, symbols: Symbols, condition: Condition) -> npt.NDArray[np.float64]:
    """-log2 p of every symbol of one example, float64 (T,), by the parallel pass.

    Raises InputError, as everything here does, if the model's conditionals are not numbers.
    """
    table = model.condition_tensor(condition)
    row = torch.from_numpy(np.asarray(symbols, np.int64)).to(model.device)[None]
    bits = -model.conditionals(row, table).double().log_prob(row) / LOG2
    result: npt.NDArray[np.float64] = bits[0].cpu().numpy()
    check_numbers(model.title, result)
    return result


def surprises_under(
    model: AutoregressiveModel, symbols: Symbols, conditions: Sequence[tuple[int, Condition]]
) -> npt.NDArray[np.float64]:
    """As ``surprises``, where conditions took turns: what held from which step on, the first from step 0."""
    ends = [start for start, _ in conditions[1:]] + [len(symbols)]
    return np.concatenate(
        [
            surprises(model, symbols, condition)[start:end]
            for (start, condition), end in zip(conditions, ends, strict=True)
        ]
    )


@torch.inference_mode()
def total_nats(
    model: AutoregressiveModel, examples: Sequence[Symbols], conditions: Sequence[Condition], *, encoded: bool
) -> npt.NDArray[np.float64]:
    """-log p of each example under its condition in nats, float64 (N,). encoded: by the model's encoder, if it has one.

    Of a chain whose beginning is given, see ``Chain.given``, it is that of the rest, given the beginning.
    Several processes, see ``distributed``, take turns at the batches: all have all numbers, the same as those of one.
    """
    nats = np.zeros(len(examples))
    for batch in list(neighbours(examples))[distributed.rank() :: distributed.world_size()]:
        rows = torch.from_numpy(np.stack([np.asarray(s, np.int64) for s in examples[batch]])).to(model.device)
        table = model.condition_tensor(conditions[batch])
        table = model.encode(rows, table) if encoded else table
        counted = -model.conditionals(rows, table).double().log_prob(rows)[:, model.chain.given :]
        nats[batch] = counted.sum(1).cpu().numpy()
    nats = distributed.total(nats)
    check_numbers(model.title, nats)
    return nats


def neighbours(examples: Sequence[Symbols]) -> Iterator[slice]:
    """Batches of examples that follow one another and have one length."""
    start = 0
    while start < len(examples):
        length = len(examples[start])
        stop = start + 1
        while stop < len(examples) and len(examples[stop]) == length and (stop + 1 - start) * length <= SCORING_BUDGET:
            stop += 1
        yield slice(start, stop)
        start = stop


def measure(
    model: AutoregressiveModel, examples: Examples, *, limit: int | None = None, encoded: bool = True
) -> Likelihood:
    """The likelihood of (the first ``limit``) examples under their own conditions; encoded: see ``total_nats``."""
    count = len(examples) if limit is None else min(limit, len(examples))
    nats = total_nats(model, examples.symbols[:count], examples.conditions[:count], encoded=encoded)
    return of_nats(nats, np.array([len(s) - model.chain.given for s in examples.symbols[:count]], np.float64))


def part_name(part: str, network: type[AutoregressiveModel], under: Sequence[str] = ()) -> str:
    """What a header calls the likelihood of a part of the data: ``valid``, ``test, digit any``.

    under: the condition chosen for all examples, in words; without one, an encoder chooses for each.
    """
    return ", ".join([part, *(under or ([OWN_CODE] if network.encodes() else []))])


def of_nats(nats: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64]) -> Likelihood:
    """The likelihood of examples of which each, (N,), has so many nats and variables."""
    count = len(nats)
    rate = nats.sum() / lengths.sum()
    # Of a ratio of two means over examples: the residuals' spread (for images, the plain standard error).
    spread = np.std(nats - rate * lengths, ddof=1) / lengths.mean() if count > 1 else math.nan
    return Likelihood(
        bits_per_dim=float(rate / LOG2),
        bits_per_dim_standard_error=float(spread / math.sqrt(count) / LOG2),
        nats=float(nats.mean()),
        nats_standard_error=float(np.std(nats, ddof=1) / math.sqrt(count)) if count > 1 else math.nan,
        examples=count,
    )


@torch.inference_mode()
def posterior(
    model: AutoregressiveModel, symbols: Symbols, conditions: Sequence[tuple[int, Condition]], factor: str
) -> dict[str, float]:
    """p(value | x) of one factor by Bayes' rule with a uniform prior; the other factors as in ``conditions``.

    conditions: see ``surprises_under``; the one factor has the same value all along. Raises InputError for a factor
    that the model does not have, or that is no category.
    """
    check_names(model.factors, [factor])
    (values,) = (chosen.values for chosen in categories([f for f in model.factors if f.name == factor]))
    log_likelihood = np.empty(len(values))
    for n, value in enumerate(values):
        fixed = [(start, {**condition, factor: value}) for start, condition in conditions]
        log_likelihood[n] = -surprises_under(model, symbols, fixed).sum() * LOG2
    weights = np.exp(log_likelihood - log_likelihood.max())
    return dict(zip(values, (weights / weights.sum()).tolist(), strict=True))
