"""Texts: characters as symbols, and the chain in which they come.

What needs torch is elsewhere: the window describes a model of texts before torch is there.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from models.chain import NATS, Alphabet, Chain, Symbols
from models.errors import InputError

MAX_LENGTH = 2**20
"""Characters of a text."""
MOST_NAMED = 8
"""How many of the characters that are not in an alphabet a message names."""


@dataclass(frozen=True)
class Characters(Alphabet):
    """Unicode characters, each a symbol, in the order in which they stand in ``characters``."""

    characters: str = ""

    kind: ClassVar[str] = "characters"
    quantity: ClassVar[str] = "characters"

    @classmethod
    def of(cls, text: str, *, stop: bool) -> Self:
        """The alphabet of the characters that a text has, in code point order."""
        characters = "".join(sorted(set(text)))
        return cls(len(characters), stop, characters)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.characters, str) or len(set(self.characters)) != len(self.characters):
            raise InputError("the characters of an alphabet are a text in which each stands once")
        if any(c == "\0" or unicodedata.category(c) == "Cs" for c in self.characters):
            raise InputError("an alphabet has neither the null character nor halves of characters")
        if len(self.characters) != self.levels:
            raise InputError(f"an alphabet of {self.levels} levels has as many characters, not {len(self.characters)}")

    def decode(self, symbols: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """Symbols (any shape) to characters of the same shape."""
        table: npt.NDArray[np.str_] = np.array(list(self.characters), np.str_)
        found: npt.NDArray[np.str_] = np.asarray(table[self._checked(symbols)])
        return found

    def encode(self, values: npt.ArrayLike) -> Symbols:
        """Characters (any shape) to symbols; raises InputError that names those which are not in the alphabet."""
        characters = np.asarray(values, np.str_)
        known = {character: symbol for symbol, character in enumerate(self.characters)}
        # Of a text that is a null character NumPy makes an empty one.
        unknown = sorted({str(c) or "\0" for c in characters.reshape(-1)} - set(known))
        if unknown:
            named = ", ".join(map(character_name, unknown[:MOST_NAMED]))
            further = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
            raise InputError(f"not among the {self.levels} characters that the model knows: {named}{further}")
        flat = np.array([known[str(c)] for c in characters.reshape(-1)], np.int32)
        return flat.reshape(characters.shape)

    def describe(self) -> str:
        return f"{self.levels} characters"

    def _label(self, symbol: int) -> str:
        return character_name(self.characters[symbol])


def character_name(character: str) -> str:
    """A character as it can be read alone: itself, or its name where nothing is to be seen of it."""
    usual = {"\n": "line break", " ": "space", "\t": "tab", "\r": "carriage return"}
    if character in usual:
        return usual[character]
    if character.isprintable() and not unicodedata.combining(character):
        return character
    return unicodedata.name(character, f"U+{ord(character):04X}").lower()


@dataclass(frozen=True)
class TextChain(Chain):
    """The characters of a text from its beginning; the stop symbol, where there is one, is the last variable."""

    default_length: int
    """Characters of a walk if nobody asks for another number."""
    max_length: int

    modality: ClassVar[str] = "text"
    alphabet_quantity: ClassVar[str] = "characters"
    stride_name: ClassVar[str] = "10 characters"
    step_noun: ClassVar[str] = "character"

    def __post_init__(self) -> None:
        whole = all(type(n) is int for n in (self.default_length, self.max_length))
        if not (whole and 1 <= self.default_length <= self.max_length <= MAX_LENGTH):
            raise InputError(
                f"a text chain needs 1 <= default_length <= max_length <= {MAX_LENGTH}, "
                f"not {self.default_length} and {self.max_length}"
            )
        if self.alphabet.quantity != self.alphabet_quantity:
            raise InputError(f"a text chain has {self.alphabet_quantity}, not {self.alphabet.quantity}")

    @property
    def characters(self) -> Characters:
        assert isinstance(self.alphabet, Characters)
        return self.alphabet

    @property
    def compared_in(self) -> str:
        return f"{NATS}/{self.step_noun}"

    @property
    def compared_by(self) -> tuple[str, float]:
        return "bits_per_dim", math.log(2)

    @property
    def length(self) -> None:
        return None

    @property
    def limit(self) -> int:
        return self.max_length

    @property
    def default_limit(self) -> int:
        return self.default_length

    @property
    def stride(self) -> int:
        return 10

    def locate(self, step: int) -> str:
        return f"{self.step_noun} {step}"

    def describe(self) -> str:
        return f"text, {self.alphabet.describe()}" + (", stop" if self.alphabet.stop else "")

    def text(self, symbols: npt.ArrayLike) -> str:
        """Symbols (T,) to a text; a closing stop symbol is no character and is left out."""
        return "".join(self.parts(symbols))

    def parts(self, symbols: npt.ArrayLike) -> list[str]:
        """What each of the symbols (T,) adds to that text, but a closing stop symbol."""
        k = np.asarray(symbols, np.int64)  # of nothing, NumPy would make floats
        if self.alphabet.stop and k.size and k[-1] == self.alphabet.stop_symbol:
            k = k[:-1]
        return self.reader()(k)

    def reader(self) -> Callable[[npt.ArrayLike], list[str]]:
        """For a text that grows: from symbols (T,) that follow those of the last call, none of them the stop symbol,
        to what each adds to the text."""
        return lambda symbols: self.characters.decode(symbols).tolist()

    def symbols(self, text: str, *, closed: bool = True) -> Symbols:
        """A text to symbols, with the stop symbol at the end if ``closed`` (and if there is one)."""
        k = self._cut(text) if text else np.zeros(0, np.int32)
        if closed and self.alphabet.stop:
            k = np.append(k, np.int32(self.alphabet.levels))
        return k.astype(np.int32)

    def _cut(self, text: str) -> Symbols:
        return self.characters.encode(list(text))
