"""The variables of a model: what a symbol means, in which order the symbols come, and where they lie in the data.

Alphabets and chains are of kinds. Each kind is a class here with a line in ``ALPHABETS`` or ``CHAINS``, or a class of a
plug-in. Everything here is plain numpy and free of torch, so that the window can describe a model before torch is
there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from models.errors import InputError
from models.orders import RASTER, pixel_order
from models.plug_ins import find_class, refused_as

CHAIN_GROUP = "sampling_studio.chains"
ALPHABET_GROUP = "sampling_studio.alphabets"
"""Of entry points, see ``plug_ins``."""

Symbols = npt.NDArray[np.int32]

NATS = "nats"
DRAW = -1
"""In an array of given symbols: draw this one. In an array of drawn symbols: the row had ended before this step."""

INT16_PEAK = 32767
INT16_LOWEST = -32768

MAX_LEVELS = 2**16
"""Of an alphabet, without the stop symbol."""


@dataclass(frozen=True)
class Alphabet(ABC):
    """K symbols and what they stand for.

    levels: number of ordinary symbols, 0 … levels - 1.
    stop: whether one more symbol, ``levels`` itself, closes the chain.
    """

    levels: int
    stop: bool = False

    kind: ClassVar[str]
    """The name of the kind in files."""
    quantity: ClassVar[str]
    """What its values are, by which a chain tells whether it takes the alphabet: ``intensities`` are uint8,
    ``colours`` uint8 (3,), ``amplitudes`` int16, ``characters`` texts of one, ``tokens`` bytes of a text."""

    def __post_init__(self) -> None:
        if not (type(self.levels) is int and isinstance(self.stop, bool) and 2 <= self.levels <= MAX_LEVELS):
            raise InputError(f"an alphabet has 2 to {MAX_LEVELS} levels, not {self.levels}; its stop is true or false")

    @property
    def size(self) -> int:
        """K, the stop symbol included."""
        return self.levels + self.stop

    @property
    def stop_symbol(self) -> int | None:
        return self.levels if self.stop else None

    @abstractmethod
    def decode(self, symbols: npt.ArrayLike) -> npt.NDArray[Any]:
        """Symbols (any shape, no stop symbol) to values; raises InputError for any other symbol."""

    @abstractmethod
    def encode(self, values: npt.ArrayLike) -> Symbols:
        """Values (any shape) to the nearest symbols."""

    @abstractmethod
    def describe(self) -> str:
        """In words, without the stop symbol: ``256 levels``."""

    def label(self, symbol: int) -> str:
        """A symbol in words: ``212``, ``+1040 (181)``, ``−3950 (48)``, ``stop``."""
        return "stop" if symbol == self.stop_symbol else self._label(symbol)

    def _label(self, symbol: int) -> str:
        return str(symbol)

    def _checked(self, symbols: npt.ArrayLike) -> npt.NDArray[Any]:
        k = np.asarray(symbols)
        if k.size and (k.min() < 0 or k.max() >= self.levels):
            raise InputError(f"symbols must lie in 0 … {self.levels - 1}")
        return k

    def to_json(self) -> dict[str, Any]:
        """``kind`` and whatever ``from_json`` needs."""
        return {"kind": self.kind, **{field.name: getattr(self, field.name) for field in fields(self)}}

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> Self:
        """From what ``to_json`` gave, lists as tuples. Raises InputError, or TypeError, for anything else."""
        return cls(**{name: _hashable(value) for name, value in config.items() if name != "kind"})


@dataclass(frozen=True)
class GreyLevels(Alphabet):
    """Intensities of a pixel or of one of its channels, evenly spaced from black to white."""

    kind = "grey"
    quantity = "intensities"

    def decode(self, symbols: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        return np.rint(self._checked(symbols) * (255 / (self.levels - 1))).astype(np.uint8)

    def encode(self, values: npt.ArrayLike) -> Symbols:
        grey: Symbols = np.rint(np.asarray(values) * ((self.levels - 1) / 255)).astype(np.int32)
        return grey

    def describe(self) -> str:
        return f"{self.levels} levels"


PIXELS_AT_ONCE = 2**14
"""Compared with all colours of a palette: bounds the memory of their distances."""


@dataclass(frozen=True)
class Palette(Alphabet):
    """Colours of a whole pixel, in no order: (R, G, B) of 0 … 255 each."""

    colours: tuple[tuple[int, int, int], ...] = ()

    kind = "palette"
    quantity = "colours"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole = all(
            len(colour) == 3 and all(type(n) is int and 0 <= n <= 255 for n in colour) for colour in self.colours
        )
        if not whole or len(self.colours) != self.levels:
            raise InputError(
                f"a palette of {self.levels} levels has as many colours, of three whole numbers in 0 … 255"
            )

    @cached_property
    def _table(self) -> npt.NDArray[np.uint8]:
        return np.array(self.colours, np.uint8)

    def decode(self, symbols: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Symbols (any shape) to colours (…, 3)."""
        found: npt.NDArray[np.uint8] = self._table[self._checked(symbols)]
        return found

    def encode(self, values: npt.ArrayLike) -> Symbols:
        """Colours (…, 3) to the nearest symbols, of several the lowest."""
        wanted, table = np.asarray(values), self._table.astype(np.float32)
        pixels = wanted.reshape(-1, 3).astype(np.float32)
        nearest = np.empty(len(pixels), np.int32)
        for start in range(0, len(pixels), PIXELS_AT_ONCE):
            part = slice(start, start + PIXELS_AT_ONCE)
            # Squared distances, less what is alike for all: whole numbers, which float32 holds.
            nearest[part] = ((table**2).sum(1) - 2 * pixels[part] @ table.T).argmin(1)
        return nearest.reshape(wanted.shape[:-1])

    def describe(self) -> str:
        return f"{self.levels} colours"

    def _label(self, symbol: int) -> str:
        return f"#{bytes(self.colours[symbol]).hex()} ({symbol})"


@dataclass(frozen=True)
class MuLaw(Alphabet):
    """Companded amplitudes: ITU-T G.711's curve with mu = levels - 1 (van den Oord et al. 2016, WaveNet, 2.2)."""

    kind = "mu_law"
    quantity = "amplitudes"

    def decode(self, symbols: npt.ArrayLike) -> npt.NDArray[np.int16]:
        mu = self.levels - 1
        amplitude = self._expanded(2 * np.arange(self.levels) / mu - 1)
        table: npt.NDArray[np.int16] = np.rint(amplitude * INT16_PEAK).astype(np.int16)
        wave: npt.NDArray[np.int16] = table[self._checked(symbols)]
        return wave

    def encode(self, values: npt.ArrayLike) -> Symbols:
        mu = self.levels - 1
        amplitude = np.clip(np.asarray(values) / INT16_PEAK, -1, 1)
        y = np.sign(amplitude) * np.log1p(mu * np.abs(amplitude)) / np.log1p(mu)
        codes: Symbols = np.floor((y + 1) / 2 * mu + 0.5).astype(np.int32)
        return codes

    def describe(self) -> str:
        return f"mu-law {self.levels}"

    @property
    def edges(self) -> npt.NDArray[np.float64]:
        """The amplitudes, in -1 … 1, at which ``encode`` goes on to the next symbol: float64 (levels - 1,)."""
        mu = self.levels - 1
        return self._expanded(2 * (np.arange(mu) + 0.5) / mu - 1)

    def _expanded(self, y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Amplitudes in -1 … 1 of companded values in -1 … 1."""
        mu = self.levels - 1
        amplitudes: npt.NDArray[np.float64] = np.sign(y) * np.expm1(np.abs(y) * np.log1p(mu)) / mu
        return amplitudes

    def _label(self, symbol: int) -> str:
        return f"{int(self.decode(symbol)):+d} ({symbol})".replace("-", "−")


MAX_STEPS = 2**25
"""Steps of all samples and branches of a take together: half an hour of sound at 16 kHz."""


@dataclass(frozen=True)
class LinearAmplitudes(Alphabet):
    """Amplitudes, evenly spaced: 65536 levels are the int16 samples themselves, none of them rounded."""

    kind = "linear"
    quantity = "amplitudes"

    def decode(self, symbols: npt.ArrayLike) -> npt.NDArray[np.int16]:
        wave: npt.NDArray[np.int16] = (np.rint(self._checked(symbols) * self._spacing) + INT16_LOWEST).astype(np.int16)
        return wave

    def encode(self, values: npt.ArrayLike) -> Symbols:
        above = np.asarray(values, np.float64) - INT16_LOWEST
        symbols: Symbols = np.rint(above / self._spacing).clip(0, self.levels - 1).astype(np.int32)
        return symbols

    def describe(self) -> str:
        return f"linear {self.levels}"

    @property
    def _spacing(self) -> float:
        return (INT16_PEAK - INT16_LOWEST) / (self.levels - 1)

    def _label(self, symbol: int) -> str:
        return f"{int(self.decode(symbol)):+d} ({symbol})".replace("-", "−")


ALPHABETS: dict[str, type[Alphabet] | str] = {
    **{alphabet.kind: alphabet for alphabet in (GreyLevels, Palette, MuLaw, LinearAmplitudes)},
    "characters": "models.text:Characters",
    "tokens": "models.tokens:Tokens",
}
"""The kinds of alphabets by their names in files; others come from plug-ins."""


OPEN_WINDOW = 1024
"""Of a chain of open length, see ``Chain.window``."""


@dataclass(frozen=True)
class Chain(ABC):
    """The variables x_0, x_1, … of a model in the order in which it generates them."""

    alphabet: Alphabet

    modality: ClassVar[str]
    stride_name: ClassVar[str]
    """What a long step of the transport covers: a row, a millisecond."""
    step_noun: ClassVar[str]
    """What bits are counted per: a dimension of an image, a sample of a sound."""

    @property
    def compared_in(self) -> str:
        """The unit in which papers report likelihoods: NATS, of a whole example, of an image of black and white; else
        bits a variable; of text nats a variable, of a video of black and white nats a frame."""
        return f"bits/{self.step_noun}"

    @property
    def compared_by(self) -> tuple[str, float]:
        """Which of the numbers of a likelihood is told in that unit, ``nats`` or ``bits_per_dim``, and how much of the
        unit a nat, or a bit, is."""
        return (NATS if self.compared_in == NATS else "bits_per_dim"), 1.0

    @property
    def given(self) -> int:
        """Steps at the beginning that a likelihood is given, as the first frames of a video, and does not count."""
        return 0

    @property
    def window(self) -> int:
        """Steps whose conditionals are computed together when one of them is looked at."""
        return self.length or OPEN_WINDOW

    @property
    def steps_per_second(self) -> int | None:
        """The pace at which the data plays in real time; None for what has no time."""
        return None

    @property
    @abstractmethod
    def length(self) -> int | None:
        """D, or None where the length is open."""

    @property
    @abstractmethod
    def limit(self) -> int:
        """The largest number of steps a walk may take."""

    @property
    @abstractmethod
    def default_limit(self) -> int:
        """The number of steps a walk takes if nobody asks for another."""

    @property
    def endless_limit(self) -> int:
        """The number of steps of a walk that goes on until it is stopped: what can be kept. ``limit`` if none can."""
        return self.limit

    @property
    @abstractmethod
    def stride(self) -> int:
        """Steps in one long step of the transport."""

    @abstractmethod
    def locate(self, step: int) -> str:
        """Where a step lies in the data, in words, zero-based."""

    @abstractmethod
    def describe(self) -> str:
        """The shape in words, for a list of models."""

    def to_json(self) -> dict[str, Any]:
        """``modality``, and whatever ``from_json`` needs."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"modality": self.modality, **own, "alphabet": self.alphabet.to_json()}

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> Self:
        """From what ``to_json`` gave, lists as tuples. Raises InputError, KeyError or TypeError for anything else."""
        own = {name: _hashable(value) for name, value in config.items() if name not in ("modality", "alphabet")}
        return cls(alphabet_from_json(config["alphabet"]), **own)


MAX_SIDE = 1024
"""Rows and columns of an image."""


@dataclass(frozen=True)
class ImageChain(Chain):
    """The pixels of an image in some order, channels innermost (R, G, B); of a palette, a pixel is one variable."""

    height: int
    width: int
    channels: int = 1
    order: str = RASTER
    """By name, see ``orders``."""

    modality: ClassVar[str] = "image"
    stride_name: ClassVar[str] = "row"
    step_noun: ClassVar[str] = "dim"

    def __post_init__(self) -> None:
        whole = all(type(n) is int for n in (self.height, self.width, self.channels))
        if not (whole and 1 <= self.height <= MAX_SIDE and 1 <= self.width <= MAX_SIDE and self.channels in (1, 3)):
            raise InputError(
                f"an image chain has 1 to {MAX_SIDE} rows and columns and 1 or 3 channels, "
                f"not {self.height} x {self.width} x {self.channels}"
            )
        if not isinstance(self.order, str):
            raise InputError(f"an order is named by a text, not {self.order!r}")
        pixel_order(self.order, self.height, self.width)
        if self.alphabet.quantity not in ("intensities", "colours") or self.alphabet.stop:
            stop = " with a stop symbol" if self.alphabet.stop else ""
            raise InputError(f"an image chain has intensities and no stop symbol, not {self.alphabet.quantity}{stop}")
        if self.alphabet.quantity == "colours" and self.channels != 1:
            raise InputError(f"an image chain of colours has 1 channel, not {self.channels}")

    @property
    def compared_in(self) -> str:
        return NATS if self.alphabet.levels == 2 else super().compared_in

    @property
    def coloured(self) -> bool:
        """Whether its pixels have colours, be they drawn one by one or at once."""
        return self.channels == 3 or self.alphabet.quantity == "colours"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an image: (H, W) or (H, W, 3)."""
        return (self.height, self.width, 3) if self.coloured else (self.height, self.width)

    @property
    def length(self) -> int:
        return self.height * self.width * self.channels

    @property
    def limit(self) -> int:
        return self.length

    @property
    def default_limit(self) -> int:
        return self.length

    @property
    def stride(self) -> int:
        return self.width * self.channels

    @cached_property
    def pixels(self) -> npt.NDArray[np.int64]:
        """The pixels, as row * width + column, in the order of their steps: (height * width,)."""
        return pixel_order(self.order, self.height, self.width)

    @cached_property
    def ranks(self) -> npt.NDArray[np.int64]:
        """When each pixel comes, the inverse of ``pixels``: (height, width)."""
        return np.argsort(self.pixels).reshape(self.height, self.width)

    def position(self, step: int) -> tuple[int, int, int]:
        """(row, column, channel) of a step."""
        rank, channel = divmod(step, self.channels)
        row, column = divmod(int(self.pixels[rank]), self.width)
        return row, column, channel

    def step(self, row: int, column: int, channel: int = 0) -> int:
        return int(self.ranks[row, column]) * self.channels + channel

    def drawn(self, length: int) -> npt.NDArray[np.bool_]:
        """Of which pixels all channels are among the first ``length`` steps: (height, width)."""
        return self.ranks < length // self.channels

    def locate(self, step: int) -> str:
        row, column, channel = self.position(step)
        colour = f", {('red', 'green', 'blue')[channel]}" if self.channels == 3 else ""
        return f"row {row}, column {column}{colour}"

    def describe(self) -> str:
        colour = " x 3" if self.channels == 3 else ""
        order = "" if self.order == RASTER else f", order: {self.order}"
        return f"{self.height} x {self.width}{colour}, {self.alphabet.describe()}{order}"

    def image(self, symbols: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Symbols (…, D) to uint8 images (…, H, W) or (…, H, W, 3)."""
        k = np.asarray(symbols)
        if k.shape[-1] != self.length:
            raise InputError(f"a {self.describe()} image has {self.length} symbols, not {k.shape[-1]}")
        in_raster = k.reshape(*k.shape[:-1], self.height * self.width, self.channels)[..., self.ranks.reshape(-1), :]
        return self.alphabet.decode(in_raster).reshape(*k.shape[:-1], *self.shape)

    def symbols(self, image: npt.ArrayLike) -> Symbols:
        """uint8 images (…, H, W) or (…, H, W, 3) to symbols (…, D)."""
        x = np.asarray(image)
        shape = self.shape
        if x.dtype != np.uint8 or x.shape[-len(shape) :] != shape:
            raise InputError(f"expected uint8 images of shape {shape}, got {x.dtype} {x.shape}")
        batch = x.shape[: x.ndim - len(shape)]
        in_order = x.reshape(*batch, self.height * self.width, 3 if self.coloured else 1)[..., self.pixels, :]
        return self.alphabet.encode(in_order).reshape(*batch, self.length)


@dataclass(frozen=True)
class SoundChain(Chain):
    """The samples of a mono sound in time order; the stop symbol, where there is one, is the last variable."""

    rate: int
    """Samples per second."""
    default_seconds: float
    max_seconds: float

    modality: ClassVar[str] = "sound"
    stride_name: ClassVar[str] = "ms"
    step_noun: ClassVar[str] = "sample"

    def __post_init__(self) -> None:
        if not (type(self.rate) is int and 1000 <= self.rate <= 192_000):
            raise InputError(f"a sample rate lies in 1000 … 192000 Hz, not {self.rate}")
        if not 1 / self.rate <= self.default_seconds <= self.max_seconds <= 3600:
            raise InputError("a sound chain needs default_seconds of at least a sample, <= max_seconds <= 3600")
        if self.alphabet.quantity != "amplitudes":
            raise InputError(f"a sound chain has amplitudes, not {self.alphabet.quantity}")

    @property
    def steps_per_second(self) -> int:
        return self.rate

    @property
    def length(self) -> None:
        return None

    @property
    def limit(self) -> int:
        return min(int(self.max_seconds * self.rate), MAX_STEPS)

    @property
    def default_limit(self) -> int:
        return int(self.default_seconds * self.rate)

    @property
    def endless_limit(self) -> int:
        return MAX_STEPS

    @property
    def stride(self) -> int:
        return max(1, self.rate // 1000)

    def locate(self, step: int) -> str:
        return f"{step / self.rate:.4f} s"

    def describe(self) -> str:
        return f"{self.rate / 1000:g} kHz, {self.alphabet.describe()}" + (", stop" if self.alphabet.stop else "")

    def wave(self, symbols: npt.ArrayLike) -> npt.NDArray[np.int16]:
        """Symbols (T,) to int16 samples; a closing stop symbol is no sample and is left out."""
        k = np.asarray(symbols)
        if self.alphabet.stop and k.size and k[-1] == self.alphabet.stop_symbol:
            k = k[:-1]
        wave: npt.NDArray[np.int16] = self.alphabet.decode(k)
        return wave

    def symbols(self, wave: npt.ArrayLike, *, closed: bool = True) -> Symbols:
        """int16 samples (T,) to symbols, with the stop symbol at the end if ``closed`` (and if there is one)."""
        x = np.asarray(wave)
        if x.ndim != 1 or x.dtype != np.int16:
            raise InputError(f"expected mono int16 samples, got {x.dtype} of shape {x.shape}")
        k = self.alphabet.encode(x)
        if closed and self.alphabet.stop:
            k = np.append(k, np.int32(self.alphabet.levels))
        return k.astype(np.int32)


CHAINS: dict[str, type[Chain] | str] = {
    **{chain.modality: chain for chain in (ImageChain, SoundChain)},
    "text": "models.text:TextChain",
    "tokens": "models.tokens:TokenChain",
    "video": "models.video:VideoChain",
}
"""The kinds of chains by their names in files; others come from plug-ins."""


def _hashable(value: Any) -> Any:
    """A value of JSON as a field holds it: what was a tuple comes back as a list."""
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def alphabet_from_json(config: Mapping[str, Any]) -> Alphabet:
    """The alphabet that ``to_json`` described. Raises InputError on anything else."""
    with refused_as("not an alphabet"):
        kind = config["kind"]
        found = find_class(kind, ALPHABETS, ALPHABET_GROUP, Alphabet, what="kind of alphabet", attribute="kind")
        alphabet: Alphabet = found.from_json(config)
        return alphabet


def chain_from_json(config: Mapping[str, Any]) -> Chain:
    """The chain that ``to_json`` described. Raises InputError on anything else."""
    with refused_as("not a chain description"):
        modality = config["modality"]
        found = find_class(modality, CHAINS, CHAIN_GROUP, Chain, what="modality", attribute="modality")
        chain: Chain = found.from_json(config)
        return chain
