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
        self._amplitudes = amplitudes
        self.wave = Pyramid()
        self.entropy = Pyramid()
        self.surprise = Pyramid()
        self._unscored = False

    def sync(self) -> None:
        """Takes in the steps that are new."""
        trace = self.trace
        length = len(trace)
        start = len(self.wave)
        rescored = self._unscored and not np.isnan(trace.entropy[:length]).any()
        if rescored:
            self.entropy, self.surprise, self._unscored = Pyramid(), Pyramid(), False
        if length == start and not rescored:
            return
        self.wave.extend(self._amplitudes[trace.symbols[start:length]])
        for pyramid, figures in ((self.entropy, trace.entropy), (self.surprise, trace.surprise)):
            new = figures[len(pyramid) : length]
            self._unscored |= bool(np.isnan(new).any())
            pyramid.extend(new)


def symbol_amplitudes(alphabet: Alphabet) -> npt.NDArray[np.float32]:
    """What the symbols sound like, (K,) in -1 … 1: silence for one that only stops."""
    table = np.zeros(alphabet.size, np.float32)
    table[: alphabet.levels] = alphabet.decode(np.arange(alphabet.levels)) / INT16_PEAK
    return table


def decibels(amplitude: float) -> str:
    """An amplitude of 0 … 1 relative to full scale."""
    return f"{20 * math.log10(amplitude):.1f} dB".replace("-", "−") if amplitude > 0 else "−∞ dB"
