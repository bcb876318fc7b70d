"""Samples that are drawn to be evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.checkpoint import LoadedModel
from models.condition import Condition, Factor, categories
from models.sampling import engines_of, run
from models.shaping import NEUTRAL
from models.trace import Sample, Segment, Take, Trace


def draw(loaded: LoadedModel, conditions: Sequence[Condition], seed: int) -> Take:
    """One sample under each condition with the default settings, walked to its end by the fastest engine."""
    model = loaded.model
    engine = engines_of(model)[0]
    samples = [
        Sample([Trace(Segment(0, NEUTRAL, dict(condition), seed, n, 0, engine, model.device.type))])
        for n, condition in enumerate(conditions)
    ]
    return run(model, Take(loaded.reference, samples, model.chain.default_limit))


def balanced(factors: Sequence[Factor], count: int) -> list[dict[str, Any]]:
    """``count`` conditions that go round all combinations of values, every factor changing from one to the next.

    What data do not tell, as an order, has its default. Raises InputError for a factor of the data that is no category.
    """
    conditions = []
    chosen_from = categories([factor for factor in factors if factor.of_data])
    for n in range(count):
        left, turn, chosen = n, 0, {}
        for factor in reversed(chosen_from):
            left, place = divmod(left, len(factor.values))
            turn += place
            chosen[factor.name] = factor.values[turn % len(factor.values)]
        conditions.append({factor.name: chosen.get(factor.name, factor.default) for factor in factors})
    return conditions
