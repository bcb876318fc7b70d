"""What is drawn of a clip: amplitudes, entropies and surprises, at a cost that does not grow with its length."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.chain import INT16_PEAK, Alphabet
from models.trace import Trace
from studio.canvas.pyramid import Pyramid


class Clip:
    """What is drawn of one trace: its amplitudes, -1 … 1, entropies and surprises, in bits, as pyramids."""

    def __init__(self, trace: Trace, amplitudes: npt.NDArray[np.float32]) -> None:
        """amplitudes: of the symbols, (K,)."""
        self.trace = trace
        self.wave = Pyramid(lambda start, stop: amplitudes[trace.symbols[start:stop]])
        self._measure()

    def _measure(self) -> None:
        trace = self.trace
        self.entropy = Pyramid(lambda start, stop: trace.entropy[start:stop])
        self.surprise = Pyramid(lambda start, stop: trace.surprise[start:stop])
        self._unscored = False

    def sync(self) -> None:
        """Takes in the steps that are new."""
        trace = self.trace
        length = len(trace)
        start = len(self.wave)
        rescored = self._unscored and not np.isnan(trace.entropy[:length]).any()
        if rescored:
            self._measure()
        if length == start and not rescored:
            return
        self.wave.grow(length)
        for pyramid, figures in ((self.entropy, trace.entropy), (self.surprise, trace.surprise)):
            new = figures[len(pyramid) : length]
            self._unscored |= bool(np.isnan(new).any())
            pyramid.grow(length)


def symbol_amplitudes(alphabet: Alphabet) -> npt.NDArray[np.float32]:
    """What the symbols sound like, (K,) in -1 … 1: silence for one that only stops."""
    table = np.zeros(alphabet.size, np.float32)
    table[: alphabet.levels] = alphabet.decode(np.arange(alphabet.levels)) / INT16_PEAK
    return table


def decibels(amplitude: float) -> str:
    """An amplitude of 0 … 1 relative to full scale."""
    return f"{20 * math.log10(amplitude):.1f} dB".replace("-", "−") if amplitude > 0 else "−∞ dB"
