"""A text that the user gives a model to work on: the sentence that is to be translated.

A value is the text itself. A network is given its characters as the numbers of their places in the factor's alphabet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from reprlib import repr as shortened
from typing import Any, Self

from models.condition import Factor
from models.errors import InputError
from models.text import Characters

MAX_SOURCE = 4096
"""Characters of a source text: a condition has a number for each."""


@dataclass(frozen=True)
class Text(Factor):
    """See the module.

    characters: those that the model knows, in the order of their numbers. max_length: of a text, in characters.
    begins: the text that holds where none is chosen, and that a window begins with.
    """

    kind = "text"

    characters: str
    max_length: int
    begins: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if type(self.max_length) is not int or not 1 <= self.max_length <= MAX_SOURCE:
            raise InputError(
                f"the text {self.name!r} has at most a whole number in 1 … {MAX_SOURCE} of characters, "
                f"not {self.max_length!r}"
            )
        self.check(self.begins)

    @cached_property
    def alphabet(self) -> Characters:
        return Characters(len(self.characters), False, self.characters)

    @property
    def default(self) -> str:
        return self.begins

    @property
    def numbers(self) -> int:
        return 1 + self.max_length

    def encode(self, value: str) -> list[float]:
        """The length, then the symbols of the characters, then zeros, which a network must not look at."""
        symbols = self._symbols(value)
        return [float(number) for number in (len(symbols), *symbols, *[0] * (self.max_length - len(symbols)))]

    def check(self, value: Any) -> None:
        self._symbols(value)

    def _symbols(self, value: Any) -> list[int]:
        if not isinstance(value, str):
            raise InputError(f"{self.name} is {self.describe()}, not {shortened(value)}")
        if len(value) > self.max_length:
            raise InputError(
                f"{self.name} has at most {self.max_length} characters, not {len(value)}: {shortened(value)}"
            )
        try:
            symbols: list[int] = self.alphabet.encode(list(value)).tolist()
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None
        return symbols

    def parse(self, text: str) -> str:
        """The text itself; raises InputError, as ``check``, with the characters that the model does not know."""
        self.check(text)
        return text

    def format(self, value: Any) -> str:
        return str(value)

    def describe(self) -> str:
        return f"a text of at most {self.max_length} characters, such as {self.begins!r}"

    @property
    def summary(self) -> str:
        return f"a {self.name} text"

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "name": self.name, "characters": self.characters, "max_length": self.max_length,
            "begins": self.begins,
        }  # fmt: skip

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> Self:
        return cls(**{name: value for name, value in config.items() if name != "kind"})
