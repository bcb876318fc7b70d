"""The variables of a model: what a symbol means, in which order the symbols come, and where they lie in the data.

Everything here is plain numpy and free of torch, so that the window can describe a model before torch is there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from models.errors import InputError

Symbols = npt.NDArray[np.int32]

INT16_PEAK = 32767


@dataclass(frozen=True)
class Alphabet:
    """K symbols and their real values.

    kind: ``grey`` (pixel intensity, uint8) or ``mu_law`` (companded amplitude, int16; ITU-T G.711's curve with
    mu = levels - 1, as in van den Oord et al. 2016, WaveNet, section 2.2).
    levels: number of ordinary symbols, 0 … levels - 1.
    stop: whether one more symbol, ``levels`` itself, closes the chain.
    """

    kind: Literal["grey", "mu_law"]
    levels: int
    stop: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("grey", "mu_law"):
            raise InputError(f"unknown alphabet {self.kind!r}; known: grey, mu_law")
        if not (isinstance(self.levels, int) and isinstance(self.stop, bool) and 2 <= self.levels <= 65536):
            raise InputError(f"an alphabet has 2 to 65536 levels, not {self.levels}; its stop is true or false")

    @property
    def size(self) -> int:
        """K, the stop symbol included."""
        return self.levels + self.stop

    @property
    def stop_symbol(self) -> int | None:
        return self.levels if self.stop else None

    def decode(self, symbols: npt.ArrayLike) -> npt.NDArray[Any]:
        """Symbols (any shape, no stop symbol) to values: uint8 grey levels or int16 amplitudes."""
        k = np.asarray(symbols)
        if k.size and (k.min() < 0 or k.max() >= self.levels):
            raise InputError(f"symbols must lie in 0 … {self.levels - 1}")
        if self.kind == "grey":
            return np.rint(k * (255 / (self.levels - 1))).astype(np.uint8)
        mu = self.levels - 1
        y = 2 * k / mu - 1
        amplitude = np.sign(y) * np.expm1(np.abs(y) * np.log1p(mu)) / mu
        wave: npt.NDArray[np.int16] = np.rint(amplitude * INT16_PEAK).astype(np.int16)
        return wave

    def encode(self, values: npt.ArrayLike) -> Symbols:
        """Values (uint8 grey levels or int16 amplitudes, any shape) to the nearest symbols."""
        x = np.asarray(values)
        if self.kind == "grey":
            grey: Symbols = np.rint(x * ((self.levels - 1) / 255)).astype(np.int32)
            return grey
        mu = self.levels - 1
        amplitude = np.clip(x / INT16_PEAK, -1, 1)
        y = np.sign(amplitude) * np.log1p(mu * np.abs(amplitude)) / np.log1p(mu)
        codes: Symbols = np.floor((y + 1) / 2 * mu + 0.5).astype(np.int32)
        return codes

    def label(self, symbol: int) -> str:
        """A symbol in words: ``212``, ``+1040 (181)``, ``stop``."""
        if symbol == self.stop_symbol:
            return "stop"
        if self.kind == "grey":
            return str(symbol)
        return f"{int(self.decode(symbol)):+d} ({symbol})"

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "levels": self.levels, "stop": self.stop}


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
    @abstractmethod
    def stride(self) -> int:
        """Steps in one long step of the transport."""

    @abstractmethod
    def locate(self, step: int) -> str:
        """Where a step lies in the data, in words, zero-based."""

    @abstractmethod
    def describe(self) -> str:
        """The shape in words, for a list of models."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class ImageChain(Chain):
    """The pixels of an image in raster order, channels innermost (R, G, B)."""

    height: int
    width: int
    channels: int = 1

    modality: ClassVar[str] = "image"
    stride_name: ClassVar[str] = "row"
    step_noun: ClassVar[str] = "dim"

    def __post_init__(self) -> None:
        whole = all(isinstance(n, int) for n in (self.height, self.width, self.channels))
        if not (whole and 1 <= self.height <= 1024 and 1 <= self.width <= 1024 and self.channels in (1, 3)):
            raise InputError(
                f"an image chain has 1 to 1024 rows and columns and 1 or 3 channels, "
                f"not {self.height} x {self.width} x {self.channels}"
            )
        if self.alphabet.kind != "grey" or self.alphabet.stop:
            stop = " with a stop symbol" if self.alphabet.stop else ""
            raise InputError(f"an image chain has grey levels and no stop symbol, not {self.alphabet.kind}{stop}")

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

    def position(self, step: int) -> tuple[int, int, int]:
        """(row, column, channel) of a step."""
        pixel, channel = divmod(step, self.channels)
        row, column = divmod(pixel, self.width)
        return row, column, channel

    def step(self, row: int, column: int, channel: int = 0) -> int:
        return (row * self.width + column) * self.channels + channel

    def locate(self, step: int) -> str:
        row, column, channel = self.position(step)
        colour = f", {('red', 'green', 'blue')[channel]}" if self.channels == 3 else ""
        return f"row {row}, column {column}{colour}"

    def describe(self) -> str:
        colour = " x 3" if self.channels == 3 else ""
        return f"{self.height} x {self.width}{colour}, {self.alphabet.levels} levels"

    def image(self, symbols: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Symbols (…, D) to uint8 images (…, H, W) or (…, H, W, 3)."""
        k = np.asarray(symbols)
        if k.shape[-1] != self.length:
            raise InputError(f"a {self.describe()} image has {self.length} symbols, not {k.shape[-1]}")
        shape = (self.height, self.width) if self.channels == 1 else (self.height, self.width, 3)
        return self.alphabet.decode(k).reshape(*k.shape[:-1], *shape)

    def symbols(self, image: npt.ArrayLike) -> Symbols:
        """uint8 images (…, H, W) or (…, H, W, 3) to symbols (…, D)."""
        x = np.asarray(image)
        shape = (self.height, self.width) if self.channels == 1 else (self.height, self.width, 3)
        if x.dtype != np.uint8 or x.shape[-len(shape) :] != shape:
            raise InputError(f"expected uint8 images of shape {shape}, got {x.dtype} {x.shape}")
        return self.alphabet.encode(x).reshape(*x.shape[: x.ndim - len(shape)], self.length)

    def to_json(self) -> dict[str, Any]:
        return {
            "modality": self.modality,
            "alphabet": self.alphabet.to_json(),
            "height": self.height,
            "width": self.width,
            "channels": self.channels,
        }


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
        if not (isinstance(self.rate, int) and 1000 <= self.rate <= 192_000):
            raise InputError(f"a sample rate lies in 1000 … 192000 Hz, not {self.rate}")
        if not 1 / self.rate <= self.default_seconds <= self.max_seconds <= 3600:
            raise InputError("a sound chain needs default_seconds of at least a sample, <= max_seconds <= 3600")
        if self.alphabet.kind != "mu_law":
            raise InputError(f"a sound chain has a mu_law alphabet, not {self.alphabet.kind}")

    @property
    def steps_per_second(self) -> int:
        return self.rate

    @property
    def length(self) -> None:
        return None

    @property
    def limit(self) -> int:
        return int(self.max_seconds * self.rate)

    @property
    def default_limit(self) -> int:
        return int(self.default_seconds * self.rate)

    @property
    def stride(self) -> int:
        return max(1, self.rate // 1000)

    def locate(self, step: int) -> str:
        return f"{step / self.rate:.4f} s"

    def describe(self) -> str:
        return f"{self.rate / 1000:g} kHz, mu-law {self.alphabet.levels}" + (", stop" if self.alphabet.stop else "")

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

    def to_json(self) -> dict[str, Any]:
        return {
            "modality": self.modality,
            "alphabet": self.alphabet.to_json(),
            "rate": self.rate,
            "default_seconds": self.default_seconds,
            "max_seconds": self.max_seconds,
        }


CHAINS: dict[str, type[Chain]] = {kind.modality: kind for kind in (ImageChain, SoundChain)}


def chain_from_json(config: dict[str, Any]) -> Chain:
    """The chain that ``to_json`` described. Raises InputError on anything else."""
    try:
        fields = dict(config)
        modality = fields.pop("modality")
        alphabet = Alphabet(**fields.pop("alphabet"))
        if modality not in CHAINS:
            raise InputError(f"unknown modality {modality!r}; known: {', '.join(CHAINS)}")
        return CHAINS[modality](alphabet=alphabet, **fields)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise InputError(f"not a chain description: {error}") from None
