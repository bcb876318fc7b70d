"""What a user may fix before a walk: named factors such as the class or the speaker.

A condition is a mapping from each factor's name to one of its values, or to ``ANY`` where training allowed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import InputError

ANY = "any"

Condition = Mapping[str, str]


@dataclass(frozen=True)
class Factor:
    """A categorical condition: ``digit`` with the values ``0`` … ``9``."""

    name: str
    values: tuple[str, ...]
    any: bool = False
    """Whether the model was also trained without this factor, so that ``any`` is a value."""

    def __post_init__(self) -> None:
        if not self.name or not self.values or len(set(self.values)) != len(self.values) or ANY in self.values:
            raise InputError(f"factor {self.name!r} needs distinct values other than {ANY!r}")

    @property
    def size(self) -> int:
        """Number of embeddings: the values, and one for ``any`` where it is allowed."""
        return len(self.values) + self.any

    def index(self, value: str) -> int:
        """The embedding's index of a value; raises InputError with the values that would be right."""
        if value == ANY and self.any:
            return len(self.values)
        if value in self.values:
            return self.values.index(value)
        allowed = ", ".join(self.values + ((ANY,) if self.any else ()))
        raise InputError(f"{self.name} has no value {value!r}; it takes: {allowed}")

    @property
    def default(self) -> str:
        return ANY if self.any else self.values[0]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "values": list(self.values), "any": self.any}


def factors_from_json(config: Sequence[Mapping[str, Any]]) -> tuple[Factor, ...]:
    try:
        return tuple(Factor(str(f["name"]), tuple(map(str, f["values"])), bool(f["any"])) for f in config)
    except (TypeError, KeyError) as error:
        raise InputError(f"not a list of condition factors: {error}") from None


def complete(factors: Sequence[Factor], chosen: Condition) -> dict[str, str]:
    """The whole condition: what was chosen, checked, and each other factor's default."""
    known = {factor.name for factor in factors}
    for name in chosen:
        if name not in known:
            what = f"its conditions are: {', '.join(sorted(known))}" if known else "it has no conditions"
            raise InputError(f"the model has no condition {name!r}; {what}")
    condition = {factor.name: chosen.get(factor.name, factor.default) for factor in factors}
    indices(factors, condition)
    return condition


def indices(factors: Sequence[Factor], condition: Condition) -> list[int]:
    """The embedding index of every factor, in the model's order."""
    return [factor.index(condition[factor.name]) for factor in factors]
