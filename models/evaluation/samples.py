"""Samples that are drawn to be evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from models.chain import Symbols
from models.checkpoint import LoadedModel
from models.condition import Category, Condition, Factor, Vector, categories
from models.sampling import engines_of, run
from models.shaping import NEUTRAL
from models.trace import Sample, Segment, Take, Trace
from models.track import Number, Track

GOLDEN = 0.618
"""The part of its range by which a number moves from one condition to the next, for evenness of however many."""


def draw(loaded: LoadedModel, conditions: Sequence[Condition], seed: int, given: Sequence[int] = ()) -> Take:
    """One sample under each condition with the default settings, walked to its end by the fastest engine.

    given: what all of them begin with.
    """
    model = loaded.model
    engine = engines_of(model)[0]
    samples = [
        Sample([Trace(Segment(0, NEUTRAL, dict(condition), seed, n, 0, engine, model.device.type))])
        for n, condition in enumerate(conditions)
    ]
    return run(model, Take(loaded.reference, samples, model.chain.default_limit, given=tuple(given)))


def continued(loaded: LoadedModel, examples: Sequence[Symbols], count: int) -> list[Symbols]:
    """Each example, and behind it ``count`` samples that begin with what is usually given of it."""
    conditions = balanced(loaded.model.factors, count)
    found: list[Symbols] = []
    for example in examples:
        given = np.asarray(example)[: loaded.model.chain.given].tolist()
        found += [example, *(trace.symbols for trace in draw(loaded, conditions, seed=0, given=given).traces)]
    return found


def balanced(factors: Sequence[Factor], count: int) -> list[dict[str, Any]]:
    """``count`` conditions that go round all combinations of values, every factor changing from one to the next.

    Codes lie evenly over their cube, and tracks are their examples with other values; what else data do not tell, as an
    order, has its default. Raises InputError for a factor of the data that is of another kind.
    """
    conditions = []
    tracks = [factor for factor in factors if isinstance(factor, Track)]
    chosen_from = categories([factor for factor in factors if factor.of_data and not isinstance(factor, Track)])
    codes = {factor.name: evenly_in_cube(factor.size, count) for factor in factors if isinstance(factor, Vector)}
    for n in range(count):
        left, turn = n, 0
        chosen: dict[str, Any] = {}
        for factor in reversed(chosen_from):
            left, place = divmod(left, len(factor.values))
            turn += place
            chosen[factor.name] = factor.values[turn % len(factor.values)]
        chosen |= {name: points[n] for name, points in codes.items()}
        chosen |= {track.name: moved_on(track, n) for track in tracks}
        conditions.append({factor.name: chosen.get(factor.name, factor.default) for factor in factors})
    return conditions


def moved_on(track: Track, turn: int) -> list[list[Any]]:
    """The events of the track's example with other values in each turn, all of them equally often in the long run."""

    def moved(part: Factor, value: Any) -> Any:
        if isinstance(part, Number):
            share = ((value - part.low) / (part.high - part.low) + turn * GOLDEN) % 1
            return float(round(part.low + share * (part.high - part.low)))
        assert isinstance(part, Category)
        return part.values[(part.values.index(value) + turn) % len(part.values)]

    return [
        [start, duration, *(moved(part, value) for part, value in zip(track.parts, values, strict=True))]
        for start, duration, *values in track.example
    ]


def evenly_in_cube(size: int, count: int) -> list[list[float]]:
    """Points of the cube -1 … 1 in ``size`` dimensions, of Sobol's sequence, to two decimals."""
    points = 2 * torch.quasirandom.SobolEngine(size, scramble=True, seed=0).draw(count) - 1  # type: ignore[no-untyped-call]
    return [[round(x, 2) for x in point] for point in points.tolist()]
