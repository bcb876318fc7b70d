"""Texts of tokens: a symbol is a piece of a text, of one character or of several, or of bytes that are a part of one.

What a piece is, is a string of bytes: a text in UTF-8 is what the pieces of its tokens are one after the other. Where a
text is cut into tokens is for the tokenizer to say, which the library ``tokenizers`` runs, and which lies beside the
model; the pieces go along with everything that a model makes, so that it can be read without it.

What needs torch is elsewhere, as in ``text``.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from models.chain import MAX_LEVELS, Alphabet, Symbols
from models.errors import InputError
from models.text import MOST_NAMED, TextChain, character_name

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_PIECES_BYTES = 2**24
"""Of all pieces of an alphabet."""
LENGTH_BYTES = 2
"""In front of each, where they are packed: little-endian."""
SIGNS = str.maketrans({" ": "␣", "\n": "↵", "\t": "→", "\r": "␍"})
"""What stands for characters that are none to the eye, in the name of a token."""
TOKENS_OF_WINDOW = 64
"""See ``Chain.window``: each has the logits of all tokens."""
INSTALL = "pip install 'sampling-studio[hf]'"


@dataclass(frozen=True)
class Tokens(Alphabet):
    """Pieces of a text, each a symbol.

    packed: the pieces of the ordinary symbols, see ``packed_pieces``. tokenizer: how a text is cut into them, as the
    content of a ``tokenizer.json`` that has a piece's symbol for its id, but that those from ``skipped`` on have the
    next one: it is no symbol, but the end of a text. It is not written into files; without it no text can be cut.
    """

    packed: str = ""
    tokenizer: str = field(default="", compare=False, repr=False)
    skipped: int | None = field(default=None, compare=False, repr=False)

    kind: ClassVar[str] = "tokens"
    quantity: ClassVar[str] = "tokens"

    @classmethod
    def of(cls, pieces: Iterable[bytes], *, stop: bool, tokenizer: str = "", skipped: int | None = None) -> Self:
        each = list(pieces)
        return cls(len(each), stop, packed_pieces(each), tokenizer, skipped)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.pieces) != self.levels:
            raise InputError(f"an alphabet of {self.levels} tokens has as many pieces, not {len(self.pieces)}")

    @cached_property
    def pieces(self) -> tuple[bytes, ...]:
        """The bytes of each symbol."""
        return _unpacked(self.packed)

    def decode(self, symbols: npt.ArrayLike) -> npt.NDArray[Any]:
        """Symbols (any shape) to pieces of the same shape."""
        table = np.empty(self.levels, object)
        table[:] = self.pieces
        found: npt.NDArray[Any] = np.asarray(table[self._checked(symbols)])
        return found

    def encode(self, values: npt.ArrayLike) -> Symbols:
        """Pieces (any shape) to symbols, of several that are alike the first; raises InputError for what is none."""
        pieces = np.asarray(values, object)
        known = {piece: symbol for symbol, piece in reversed(list(enumerate(self.pieces)))}
        unknown = sorted({piece for piece in pieces.reshape(-1).tolist() if piece not in known})
        if unknown:
            raise InputError(
                f"not among the {self.levels} tokens of the model: {', '.join(map(repr, unknown[:MOST_NAMED]))}"
            )
        return np.array([known[piece] for piece in pieces.reshape(-1)], np.int32).reshape(pieces.shape)

    def cut(self, text: str) -> Symbols:
        """A text as symbols (T,), as the tokenizer cuts it.

        Raises InputError where there is no tokenizer, or no library to run it, and for a text of which it leaves
        characters out, or makes others.
        """
        if not self.tokenizer:
            raise InputError("the tokenizer of this model is not at hand; open the model's folder")
        tokenizer = _tokenizer(self.tokenizer)
        if any(unicodedata.category(c) == "Cs" for c in text):
            raise InputError("the text has halves of characters in it")
        with _library_errors("the tokenizer cannot cut this text"):
            ids = np.array(tokenizer.encode(text, add_special_tokens=False).ids, np.int64)
        if self.skipped is not None:
            if (ids == self.skipped).any():
                raise InputError("the text has the token in it that ends a text")
            ids -= ids > self.skipped
        if ids.size and ids.max() >= self.levels:
            raise InputError(f"the tokenizer makes tokens that the model does not know, such as {ids.max()}")
        symbols = ids.astype(np.int32)
        written = b"".join(self.pieces[symbol] for symbol in symbols.tolist())
        if written != text.encode():
            raise InputError(_difference(text, written.decode(errors="replace")))
        return symbols

    def describe(self) -> str:
        return f"{self.levels} tokens"

    def _label(self, symbol: int) -> str:
        piece = self.pieces[symbol]
        try:
            text = piece.decode()
        except UnicodeDecodeError:
            return hexadecimal(piece)
        if not text:
            return f"unused ({symbol})"
        return character_name(text) if len(text) == 1 else text.translate(SIGNS)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "levels": self.levels, "stop": self.stop, "packed": self.packed}


def hexadecimal(piece: bytes) -> str:
    """Bytes that are no character: ``⟨E2 80⟩``."""
    return f"⟨{piece.hex(' ').upper()}⟩"


def packed_pieces(pieces: Iterable[bytes]) -> str:
    """Each with its length in front, compressed, in base64. Raises InputError for what is too long."""
    each = list(pieces)
    if max(map(len, each), default=0) >= 1 << 8 * LENGTH_BYTES or sum(map(len, each)) > MAX_PIECES_BYTES:
        raise InputError(f"the tokens of an alphabet have at most {MAX_PIECES_BYTES} bytes together")
    whole = b"".join(len(piece).to_bytes(LENGTH_BYTES, "little") + piece for piece in each)
    return base64.b64encode(zlib.compress(whole, 9)).decode("ascii")


def _unpacked(packed: str) -> tuple[bytes, ...]:
    """Raises InputError for what ``packed_pieces`` did not make."""
    most = MAX_PIECES_BYTES + LENGTH_BYTES * MAX_LEVELS
    unpacker = zlib.decompressobj()
    try:
        whole = unpacker.decompress(base64.b64decode(packed, validate=True), most)
    except (TypeError, ValueError, binascii.Error, zlib.error):
        raise InputError("the tokens of an alphabet cannot be unpacked") from None
    pieces, at = [], 0
    while at < len(whole):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(whole[at:start], "little")
        pieces.append(whole[start:at])
    if not unpacker.eof or at != len(whole):
        raise InputError("the tokens of an alphabet cannot be unpacked")
    return tuple(pieces)


@lru_cache(maxsize=4)
def _tokenizer(content: str) -> Tokenizer:
    """Raises InputError for what is no tokenizer, and where there is no library that could tell."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise InputError(f"to cut a text into tokens takes the library tokenizers: {INSTALL}") from None
    with _library_errors("not a tokenizer that can be read"):
        tokenizer = Tokenizer.from_str(content)
        tokenizer.no_truncation()
        tokenizer.no_padding()
    return tokenizer


@contextmanager
def _library_errors(what: str) -> Iterator[None]:
    """The library raises nothing specific, and panics, which are no exceptions like others, at what its author did not
    think of: InputError."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise InputError(f"{what}: {shortened(str(error))}") from None


def _difference(text: str, written: str) -> str:
    """What a tokenizer, which wrote a text so, lacks or does."""
    unknown = sorted(set(text) - set(written))
    if unknown and not set(written) - set(text):
        return f"the model has no tokens for {', '.join(map(character_name, unknown[:MOST_NAMED]))}"
    return f"the model's tokenizer writes this text as {shortened(written)}"


@dataclass(frozen=True)
class TokenChain(TextChain):
    """The tokens of a text from its beginning; the stop symbol, where there is one, is the last variable."""

    alphabet_quantity: ClassVar[str] = "tokens"
    stride_name: ClassVar[str] = "10 tokens"
    step_noun: ClassVar[str] = "token"

    @property
    def tokens(self) -> Tokens:
        assert isinstance(self.alphabet, Tokens)
        return self.alphabet

    @property
    def window(self) -> int:
        return TOKENS_OF_WINDOW

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "modality": "tokens"}

    def reader(self) -> Callable[[npt.ArrayLike], list[str]]:
        """As of a text of characters; one that several tokens make is with the last of them, the others add nothing.

        Bytes that cannot be a part of any are one � together.
        """
        pieces, characters = (*self.tokens.pieces, b""), codecs.getincrementaldecoder("utf-8")("replace")
        return lambda symbols: [characters.decode(pieces[symbol]) for symbol in np.asarray(symbols).tolist()]

    def sign(self, symbol: int) -> str:
        return hexadecimal(self.tokens.pieces[symbol])

    def _cut(self, text: str) -> Symbols:
        return self.tokens.cut(text)
