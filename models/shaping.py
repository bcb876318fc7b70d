"""How a conditional is shaped before a symbol is drawn: temperature, top-k, top-p, min-p, in that order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from models.errors import InputError

MAX_TEMPERATURE = 2.0

LARGEST = 2**31 - 1
"""What the compiled kernels can take as a whole number; no alphabet comes near it."""


@dataclass(frozen=True)
class Shaping:
    """Settings of the shaping; the neutral ones leave the conditional as the model gave it.

    temperature: 0 … 2, p^(1/temperature) renormalised; 0 is the mode of the step (not of the joint).
    top_k: keep the k most probable symbols (ties: the lower symbol); 0 keeps all, as does any k from the size of the
        alphabet on (Fan et al. 2018).
    top_p: keep the smallest set of most probable symbols whose mass reaches top_p; 1 keeps all
        (nucleus sampling, Holtzman et al. 2020).
    min_p: keep the symbols with at least min_p times the largest probability; 0 keeps all (Nguyen et al. 2024).
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0

    def __post_init__(self) -> None:
        def number(name: str, label: str) -> float:
            value = getattr(self, name)
            whole, real = type(value) is int, isinstance(value, float)
            if not (whole or (real and not math.isnan(value))):
                raise InputError(f"{label} is a number, not {str(value)[:40]!r}")
            return float(max(-LARGEST - 1, min(value, LARGEST + 1)))  # what is beyond may be no float at all

        def refused(name: str, range_in_words: str) -> InputError:
            return InputError(f"{range_in_words}, not {str(getattr(self, name))[:40]}")

        if not 0 <= number("temperature", "Temperature") <= MAX_TEMPERATURE:
            raise refused("temperature", f"Temperature lies in 0 … {MAX_TEMPERATURE:g}")
        if not 0 <= (top_k := number("top_k", "Top-k")) <= LARGEST or top_k % 1:
            raise refused("top_k", f"Top-k is a whole number in 0 (off) … {LARGEST}")
        if not 0 < number("top_p", "Top-p") <= 1:
            raise refused("top_p", "Top-p lies above 0 and up to 1 (off)")
        if not 0 <= number("min_p", "Min-p") <= 1:
            raise refused("min_p", "Min-p lies in 0 (off) … 1")

    @property
    def neutral(self) -> bool:
        return self == NEUTRAL

    def changed(self) -> list[str]:
        """The settings that are not neutral, in words: ``temperature 0.8``, ``top-p 0.9``."""
        neutral = NEUTRAL.to_json()
        return [f"{name.replace('_', '-')} {x:g}" for name, x in self.to_json().items() if x != neutral[name]]

    def describe(self) -> str:
        """``temperature 0.8, top-p 0.9``, or that nothing is changed."""
        return ", ".join(self.changed()) or "neutral settings"

    def with_(self, **changes: Any) -> Shaping:
        return replace(self, **changes)

    def to_json(self) -> dict[str, float | int]:
        return asdict(self)


NEUTRAL = Shaping()


def shaping_from_json(config: Mapping[str, Any]) -> Shaping:
    try:
        return Shaping(**config)
    except TypeError as error:
        raise InputError(f"not a shaping: {error}") from None
