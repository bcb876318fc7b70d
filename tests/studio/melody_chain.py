"""A chain of a modality that the studio has no canvas for: what the panels make of it must be sensible all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.chain import Chain, GreyLevels


@dataclass(frozen=True)
class MelodyChain(Chain):
    modality: ClassVar[str] = "melody"
    stride_name: ClassVar[str] = "bar"
    step_noun: ClassVar[str] = "note"

    length = None
    limit = 400
    default_limit = 100
    stride = 10

    def locate(self, step: int) -> str:
        return f"note {step}"

    def describe(self) -> str:
        return f"{self.alphabet.levels} notes"

    def to_json(self) -> dict[str, object]:
        return {"modality": self.modality, "alphabet": self.alphabet.to_json()}


MELODY = MelodyChain(GreyLevels(64, stop=True))
