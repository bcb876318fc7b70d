"""Spectra of a growing clip, computed where they are looked at: a picture costs its width, growth what is new.

A column is the power spectrum of the samples under a Hann window about its middle, in dB, where a sine of full scale
has 0 dB, between the middles of two bins down to 1.4 less. In a picture of minutes, whose columns lie further apart
than a window is long, what is shorter than that may be missed. No Qt here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from models.track import note_name
from studio.settings import SpectrumSettings

Floats = npt.NDArray[np.float32]
Read = Callable[[int, int], Floats]

ROWS = 256
LOWEST_DB = -120.0
"""What the value 0 of a picture stands for; 255 is a sine of full scale, 0 dB."""

COLUMNS_AT_ONCE = 384
"""So many are a few milliseconds of a core."""

A4 = 440.0


def mel(frequency: float) -> float:
    """Hz to mel, 2595 log10(1 + f / 700) (O'Shaughnessy 1987, p. 150; as in HTK)."""
    return 2595 * math.log10(1 + frequency / 700)


def hertz(mels: float) -> float:
    """The inverse of ``mel``."""
    return 700 * (math.pow(10, mels / 2595) - 1)


def row_of(frequency: float, rate: int, scale: str) -> float:
    """Where a frequency lies in a picture of ``ROWS`` rows from 0 to half the rate: the middle of row r is r + 0.5."""
    top = rate / 2
    return ROWS * (mel(frequency) / mel(top) if scale == "mel" else frequency / top)


def frequency_at(row: float, rate: int, scale: str) -> float:
    """The inverse of ``row_of``, in Hz."""
    top = rate / 2
    return hertz(mel(top) * row / ROWS) if scale == "mel" else top * row / ROWS


def note_at(frequency: float) -> str:
    """The name of the nearest note; A4 is 440 Hz."""
    return note_name(69 + 12 * math.log2(frequency / A4))


def window_length(rate: int, window_ms: int) -> int:
    """Samples under a window, an even number."""
    return max(2, 2 * round(window_ms * rate / 2000))


@cache
def _hann(length: int) -> Floats:
    """The periodic Hann window (length,), such that a sine of amplitude 1 in the middle of a bin has a power of 1."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    scaled: Floats = (window * (2 / window.sum())).astype(np.float32)
    return scaled


@cache
def _between_bins(rate: int, length: int, scale: str) -> Floats:
    """The weights of the bins of a spectrum in the middle of each row, float32 (length / 2 + 1, ROWS)."""
    bins = np.arange(length // 2 + 1)
    middles = np.array([frequency_at(row + 0.5, rate, scale) for row in range(ROWS)]) * (length / rate)
    weights: Floats = np.maximum(0, 1 - np.abs(bins[:, None] - middles)).astype(np.float32)
    return weights


@cache
def _first_bins(rate: int, length: int, scale: str) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The rows (n,) in which bins lie, and the first bin of each."""
    edges = np.array([frequency_at(row, rate, scale) for row in range(ROWS + 1)]) * (length / rate)
    first = np.ceil(edges - 1e-9).astype(np.intp)
    rows = np.flatnonzero(first[:-1] < first[1:])
    return rows, first[rows]


def _in_rows(power: Floats, rate: int, length: int, scale: str) -> Floats:
    """The power (n, length / 2 + 1) of bins in rows (n, ROWS): the greatest of a row, or what lies between two bins.

    A mean would be the softer, the wider a row is, and a sine of full scale less than 0 dB.
    """
    in_rows: Floats = power @ _between_bins(rate, length, scale)
    rows, first = _first_bins(rate, length, scale)
    in_rows[:, rows] = np.maximum(in_rows[:, rows], np.maximum.reduceat(power, first, axis=1))
    return in_rows


def spectra(
    read: Read, samples: int, middles: npt.NDArray[np.int64], rate: int, settings: SpectrumSettings
) -> npt.NDArray[np.uint8]:
    """The columns about equally distant samples (n,) of a wave, uint8 (n, ROWS); around the wave there is silence.

    read: gives the samples [start, stop) of the wave, of which there are so many.
    """
    length = window_length(rate, settings.window_ms)
    hop = int(middles[1] - middles[0]) if len(middles) > 1 else 1
    first, last = int(middles[0]) - length // 2, int(middles[-1]) + length // 2
    if hop < length:
        windows = sliding_window_view(_padded(read, samples, first, last), length)[::hop]
    else:  # what lies between them is as long as the wave
        windows = np.stack([_padded(read, samples, start, start + length) for start in range(first, last, hop)])
    spectrum = np.fft.rfft(windows * _hann(length), axis=1)
    power: Floats = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    power = _in_rows(power, rate, length, settings.scale)
    level = 10 * np.log10(np.maximum(power, 1e-13)) - LOWEST_DB
    return np.rint(np.clip(level * (255 / -LOWEST_DB), 0, 255)).astype(np.uint8)


def _padded(read: Read, samples: int, first: int, last: int) -> Floats:
    """The samples [first, last), with silence around the wave."""
    within = read(max(0, first), min(max(0, last), samples))
    padded = np.zeros(last - first, np.float32)
    padded[max(0, -first) : max(0, -first) + len(within)] = within
    return padded


def decibels_of(value: int) -> float:
    """What a value of a picture stands for."""
    return LOWEST_DB + value * -LOWEST_DB / 255


class Spectrogram:
    """The columns of a stretch of one clip; those that were computed before are kept as long as they are in it.

    first: the number of the first column; column j stands over sample j * hop. image: uint8 (n, ROWS).
    """

    def __init__(self, rate: int, settings: SpectrumSettings) -> None:
        self.rate = rate
        self.settings = settings
        self.hop = 1
        self.first = 0
        self.image = np.zeros((0, ROWS), np.uint8)
        self._knows = np.zeros(0, np.int64)
        """Up to which sample each column has seen the wave."""

    def cover(self, read: Read, samples: int, start: int, stop: int, per_pixel: float) -> bool:
        """Computes columns over the samples start … stop - 1, one or two to a pixel; whether some remain for later.

        read, samples: the wave, see ``spectra``. What it has not reached yet counts as silence until it has.
        """
        hop = 2 ** max(0, math.floor(math.log2(max(per_pixel, 1))))
        self._move(hop, start // hop, -(-stop // hop))
        middles = (self.first + np.arange(len(self.image))) * hop
        reach = window_length(self.rate, self.settings.window_ms) // 2
        missing = np.flatnonzero(self._knows < np.minimum(middles + reach, samples))
        if not len(missing):
            return False
        begin, last = int(missing[0]), int(missing[-1])
        end = min(begin + COLUMNS_AT_ONCE, last + 1)
        self.image[begin:end] = spectra(read, samples, middles[begin:end], self.rate, self.settings)
        self._knows[begin:end] = samples
        return end <= last

    def _move(self, hop: int, first: int, last: int) -> None:
        """Another stretch: what was computed of it stays."""
        if (hop, first, last) == (self.hop, self.first, self.first + len(self.image)):
            return
        image, knows = np.zeros((last - first, ROWS), np.uint8), np.zeros(last - first, np.int64)
        if hop == self.hop:
            low, high = max(first, self.first), min(last, self.first + len(self.image))
            if low < high:
                image[low - first : high - first] = self.image[low - self.first : high - self.first]
                knows[low - first : high - first] = self._knows[low - self.first : high - self.first]
        self.hop, self.first, self.image, self._knows = hop, first, image, knows
