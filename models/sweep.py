"""Sweeps: one model over a range of temperatures, seeds, classes, blends of two, or codes, all under the same noise.

A sweep is a take like any other, whose samples differ in what they begin under and in nothing else: all of them are
sample number 0 of their seed. What the samples of any take differ in is read off the take itself, so that a sweep
needs no record of its own and comes back from the history and from files as it was.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from models.condition import Category, Condition, Factor, Order, Vector, check_names, complete, in_words
from models.errors import InputError
from models.noise import check_seed
from models.shaping import NEUTRAL, Shaping
from models.trace import ModelReference, Sample, Segment, Take, Trace, new_take

MOST_SAMPLES = 64
"""Of a sweep: more are too small to be told apart."""
DECIMALS = 4
"""Of values that lie evenly between two others."""


# What is swept


@dataclass(frozen=True)
class Axis(ABC):
    """What the samples of a sweep differ in, and the value of each."""

    values: tuple[Any, ...]

    @abstractmethod
    def under(self, value: Any, first: Segment, model: ModelReference) -> Segment:
        """The segment that a sample begins with, else as ``first``. Raises InputError for what is no such value."""


@dataclass(frozen=True)
class Temperatures(Axis):
    def under(self, value: float, first: Segment, model: ModelReference) -> Segment:
        return replace(first, shaping=first.shaping.with_(temperature=value))


@dataclass(frozen=True)
class Seeds(Axis):
    def under(self, value: int, first: Segment, model: ModelReference) -> Segment:
        return replace(first, seed=check_seed(value))


@dataclass(frozen=True)
class Values(Axis):
    """Of a factor of the condition: classes, blends, codes."""

    factor: str

    def under(self, value: Any, first: Segment, model: ModelReference) -> Segment:
        check_names(model.factors, [self.factor])
        factor = next(factor for factor in model.factors if factor.name == self.factor)
        if isinstance(factor, Order):
            raise InputError(f"{self.factor} cannot be swept: all samples of a take are drawn in one order")
        return replace(first, condition=complete(model.factors, {**first.condition, self.factor: value}))


def evenly(first: float, last: float, count: int) -> list[float]:
    """``count`` numbers, two or more, from the first to the last."""
    if count < 2:
        raise InputError(f"from one value to another are at least 2 values, not {count}")
    return [round(first + (last - first) * n / (count - 1), DECIMALS) for n in range(count)]


def blends(first: str, last: str, count: int) -> list[Any]:
    """Values of a category from one to another, and ``count`` - 2 blends of the two between them."""
    shares = evenly(0, 1, count)[1:-1]
    return [first, *({first: round(1 - share, DECIMALS), last: share} for share in shares), last]


def codes(side: int) -> list[list[float]]:
    """The points of a grid over the square -1 … 1, row by row from the upper left, as a plot has them: y points up."""
    return [[x, y] for y in evenly(1, -1, side) for x in evenly(-1, 1, side)]


def sweep(
    model: ModelReference,
    axis: Axis,
    *,
    seed: int,
    condition: Condition,
    shaping: Shaping,
    engine: str,
    device: str = "cpu",
) -> Take:
    """A take, nothing drawn yet, with a sample for each value of an axis, which agree in everything else.

    Raises InputError for values that the model does not take, for fewer than 2, more than MOST_SAMPLES, and for one
    that comes twice.
    """
    if not 2 <= len(axis.values) <= MOST_SAMPLES:
        raise InputError(f"a sweep has 2 to {MOST_SAMPLES} values, not {len(axis.values)}")
    take = new_take(model, seed=seed, count=1, condition=condition, shaping=shaping, engine=engine, device=device)
    (first,) = take.traces[0].schedule
    segments = [axis.under(value, first, model) for value in axis.values]
    for n, segment in enumerate(segments):
        if segment in segments[:n]:
            raise InputError(f"the values of a sweep are different from one another; {axis.values[n]!r} comes twice")
    return replace(take, samples=[Sample([Trace(segment)]) for segment in segments])


# What the samples of a take differ in


@dataclass(frozen=True)
class Differences:
    """shaping: fields of it, by name."""

    shaping: tuple[str, ...]
    factors: tuple[Factor, ...]
    seed: bool


ALIKE = Differences((), (), False)
"""Of samples that differ in nothing but their noise."""


def differences(model: ModelReference, traces: Sequence[Trace]) -> Differences:
    """What the traces began under that is not the same for all."""
    begun = [trace.schedule[0] for trace in traces]

    def differ(values: list[Any]) -> bool:
        return any(value != values[0] for value in values)

    return Differences(
        tuple(name for name in vars(begun[0].shaping) if differ([getattr(s.shaping, name) for s in begun])),
        tuple(factor for factor in model.factors if differ([s.condition[factor.name] for s in begun])),
        differ([s.seed for s in begun]),
    )


def swept(take: Take) -> Differences:
    """What the samples differed in when the take was made, whatever was done to them since."""
    return differences(take.model, [sample.branches[0] for sample in take.samples])


class Label(NamedTuple):
    """``digit 3``, and where there is little room: ``3``."""

    full: str
    short: str


def labels(take: Take) -> list[Label]:
    """For each sample what its shown branch began under, as far as the samples differ; none where they do not."""
    return _labels(take.model, take.traces)


def swept_in_words(take: Take) -> str:
    """``digit 0 … 9``: from where to where the samples went when the take was made, whatever was done to them since.

    Nothing where they began alike.
    """
    named = _labels(take.model, [sample.branches[0] for sample in take.samples])
    return f"{named[0].full} … {named[-1].short}" if named else ""


def in_a_line(take: Take) -> str:
    """From where to where the samples go, and what they have in common; nothing where they do not differ."""
    found, named = differences(take.model, take.traces), labels(take)
    if not named:
        return ""
    first = take.traces[0].schedule[0]
    alike = [factor for factor in take.model.factors if factor not in found.factors]
    seed = [] if found.seed else [f"seed {first.seed}"]
    shaping = replace(first.shaping, **{name: getattr(NEUTRAL, name) for name in found.shaping}).changed()
    return "; ".join([f"{named[0].full} … {named[-1].full}", *in_words(alike, first.condition), *seed, *shaping])


def _labels(model: ModelReference, traces: Sequence[Trace]) -> list[Label]:
    found = differences(model, traces)
    made = [_label(trace.schedule[0], found) for trace in traces]
    return made if any(label.full for label in made) else []


def _label(segment: Segment, found: Differences) -> Label:
    parts = []
    for name in found.shaping:
        text = f"{getattr(segment.shaping, name):g}"
        parts.append(Label(f"{'T' if name == 'temperature' else name.replace('_', '-')} {text}", text))
    parts += [_label_of_value(factor, segment.condition[factor.name]) for factor in found.factors]
    if found.seed:
        parts.append(Label(f"seed {segment.seed}", str(segment.seed)))
    return Label(" · ".join(part.full for part in parts), " · ".join(part.short for part in parts))


def _label_of_value(factor: Factor, value: Any) -> Label:
    if isinstance(factor, Category) and isinstance(value, dict) and len(value) == 2:
        (first, _), (last, share) = value.items()
        return Label(f"{first} → {last} {100 * share:.3g} %", f"{100 * share:.3g} %")
    text = factor.label(value)
    return Label(f"{factor.name} {text}", text)


def columns(take: Take) -> int:
    """How many samples belong beside each other: those of a row of ``codes``; 0 where any number will do."""
    found = differences(take.model, take.traces)
    side = math.isqrt(len(take.samples))
    vectors = [factor for factor in found.factors if isinstance(factor, Vector)]
    if len(vectors) != 1 or side < 2:
        return 0
    points = [trace.schedule[0].condition[vectors[0].name] for trace in take.traces]
    return side if points == codes(side) else 0
