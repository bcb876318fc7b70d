"""An image, or a frame of a video, as it is drawn: every pixel in its colour, one pixel a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QColor, QImage

from models.chain import DRAW, Alphabet, ImageChain, Symbols
from studio.canvas.common import HEAT, heat_places, packed
from studio.thumbnail import image_pixels

FORESEEN = 0.35
"""Opacity of what is given and not yet taken."""


def _tables(alphabet: Alphabet) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
    """Of every symbol: the pixel that it alone makes, uint32 (K,), and its intensity (K,) or colours (K, 3), uint8."""
    levels = alphabet.decode(np.arange(alphabet.levels))
    return packed(levels if levels.ndim == 2 else np.repeat(levels[:, None], 3, axis=1)), levels


class Steps(Protocol):
    """What a picture shows: a trace, or the part of one that lies in a frame of a video."""

    def __len__(self) -> int: ...
    @property
    def symbols(self) -> Symbols: ...
    @property
    def surprise(self) -> npt.NDArray[np.float32]: ...
    @property
    def entropy(self) -> npt.NDArray[np.float32]: ...


class Picture:
    """The pixels of one trace: transparent where nothing is drawn."""

    def __init__(
        self,
        trace: Steps,
        chain: ImageChain,
        overlay: str,
        given: Sequence[int] = (),
        before: npt.NDArray[np.uint32] | None = None,
    ) -> None:
        """given: see ``Take``; what is known beforehand is seen faintly until its turn comes.

        before: pixels (H, W) that are seen until others are drawn over them.
        """
        self.trace, self.chain, self.overlay = trace, chain, overlay
        self.shown = 0
        """Steps that are coloured."""
        self.unscored = False
        self._alone, self._levels = _tables(chain.alphabet)
        self.pixels = self._foreseen(given) if before is None else before.copy()
        self.image = QImage(
            self.pixels.data,
            chain.width,
            chain.height,
            4 * chain.width,
            QImage.Format.Format_ARGB32_Premultiplied,
        )

    def _foreseen(self, given: Sequence[int]) -> npt.NDArray[np.uint32]:
        """Transparent (H, W) but for the pixels of which all channels are given."""
        chain = self.chain
        symbols = np.full(chain.length, DRAW)
        symbols[: len(given)] = given
        by_pixel = symbols.reshape(-1, chain.channels)[chain.ranks]
        pixels = np.zeros((chain.height, chain.width, 4), np.float64)
        known = (by_pixel != DRAW).all(-1)
        pixels[known] = [0, 0, 0, 255]
        values = self._levels[by_pixel[known]]  # (n, channels), of a palette (n, 1, 3)
        pixels[..., :3][known] = (values if values.ndim == 2 else values[:, 0])[:, ::-1]
        premultiplied: npt.NDArray[np.uint8] = np.rint(pixels * FORESEEN).astype(np.uint8)
        return premultiplied.view(np.uint32)[..., 0].copy()

    @property
    def full(self) -> bool:
        return self.shown == self.chain.length

    def sync(self) -> tuple[int, int]:
        """Colours the steps that are new. Returns the rows [start, stop) that changed."""
        chain, length = self.chain, len(self.trace)
        if self.unscored and not np.isnan(self.trace.entropy[:length]).any():
            self.shown, self.unscored = 0, False
        if length == self.shown:
            return 0, 0
        first, last = self.shown // chain.channels, -(-length // chain.channels)
        self.pixels.reshape(-1)[chain.pixels[first:last]] = self._colours(first, last, length)
        self.shown = length
        return rows_of(chain, first, last)

    def veil(self, cursor: int, colour: QColor) -> QImage:
        """What lies over the pixels that are drawn but come at the cursor or after it."""
        chain = self.chain
        hidden = (chain.ranks >= cursor // chain.channels) & (chain.ranks < -(-self.shown // chain.channels))
        image = QImage(chain.width, chain.height, QImage.Format.Format_ARGB32)
        pixels = np.frombuffer(image.bits(), np.uint32).reshape(chain.height, chain.width)
        pixels[...] = np.where(hidden, np.uint32(colour.rgba()), np.uint32(0))
        return image

    def _colours(self, first: int, last: int, length: int) -> npt.NDArray[np.uint32]:
        """The colours of the pixels [first, last) of a trace that has ``length`` steps."""
        chain = self.chain
        steps = slice(first * chain.channels, length)
        if chain.channels == 1:
            plain = self._alone[self.trace.symbols[steps]]
        else:
            plain = packed(self._by_pixel(self._levels[self.trace.symbols[steps]]))
        if self.overlay not in ("entropy", "surprise"):
            return plain
        bits = self.trace.entropy[steps] if self.overlay == "entropy" else self.trace.surprise[steps]
        if chain.channels > 1:
            bits = self._by_pixel(bits).sum(axis=1) / self._by_pixel(np.ones_like(bits)).sum(axis=1)
        places = heat_places(bits, chain.alphabet)
        self.unscored |= bool((places < 0).any())
        return np.where(places < 0, plain, HEAT[places])

    def _by_pixel(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values of steps, from a pixel's first on, as rows of channels; 0 for the channels not drawn yet."""
        channels = self.chain.channels
        return np.pad(values, (0, -len(values) % channels)).reshape(-1, channels)


def rows_of(chain: ImageChain, first: int, last: int) -> tuple[int, int]:
    """The rows [start, stop) of the image in which the pixels lie that come first … last - 1, at least one."""
    rows = chain.pixels[first:last] // chain.width
    return int(rows.min()), int(rows.max()) + 1


def picture_to_copy(chain: ImageChain, symbols: Symbols) -> QImage:
    """What is drawn of an image, for the clipboard."""
    pixels = image_pixels(chain, symbols)
    image = QImage(pixels.tobytes(), chain.width, chain.height, 4 * chain.width, QImage.Format.Format_RGBA8888)
    return image.copy()
