"""What the spectrogram shows: numbers of signals that are known."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from studio.canvas.spectrum import (
    LOWEST_DB,
    ROWS,
    Floats,
    Spectrogram,
    decibels_of,
    frequency_at,
    note_at,
    row_of,
    spectra,
    window_length,
)
from studio.settings import FREQUENCY_SCALES, WINDOWS_MS, SpectrumSettings, spectrum_from_json


def sine(frequency: float, rate: int, seconds: float = 0.5, amplitude: float = 1.0) -> Floats:
    t = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def column(wave: Floats, rate: int, settings: SpectrumSettings) -> np.ndarray:
    return spectra(lambda start, stop: wave[start:stop], len(wave), np.array([len(wave) // 2]), rate, settings)[0]


@pytest.mark.parametrize("scale", FREQUENCY_SCALES)
@pytest.mark.parametrize("window_ms", WINDOWS_MS[1:])
@pytest.mark.parametrize("rate", [8000, 16_000])
def test_a_sine_of_440_hz_lights_the_row_of_440_hz(scale: str, window_ms: int, rate: int) -> None:
    brightest = int(column(sine(440, rate), rate, SpectrumSettings(scale=scale, window_ms=window_ms)).argmax())
    row = (frequency_at(brightest + 1, rate, scale) - frequency_at(brightest, rate, scale)) / 2
    half_a_bin = rate / window_length(rate, window_ms) / 2
    assert frequency_at(brightest + 0.5, rate, scale) == pytest.approx(440, abs=max(row, half_a_bin))


def test_a_picture_of_a_long_clip_reads_what_is_under_its_windows_and_not_what_lies_between() -> None:
    read = 0

    def of_an_hour(start: int, stop: int) -> Floats:
        nonlocal read
        read += stop - start
        return np.sin(np.arange(start, stop) * np.float32(0.3)).astype(np.float32)

    settings, columns, length = SpectrumSettings(), 100, window_length(8000, SpectrumSettings().window_ms)
    far = spectra(of_an_hour, 3600 * 8000, np.arange(columns) * 2**15, 8000, settings)
    assert read <= columns * length
    near = [spectra(of_an_hour, 3600 * 8000, np.array([n * 2**15]), 8000, settings)[0] for n in range(columns)]
    np.testing.assert_array_equal(far, near)


@pytest.mark.parametrize("scale", FREQUENCY_SCALES)
@pytest.mark.parametrize("window_ms", WINDOWS_MS)
@pytest.mark.parametrize("rate", [8000, 16_000])
def test_full_scale_is_0_db_and_half_of_it_6_db_less(rate: int, window_ms: int, scale: str) -> None:
    settings = SpectrumSettings(scale=scale, window_ms=window_ms)
    bin_width = rate / window_length(rate, window_ms)
    for frequency in (0.06 * rate, 0.2 * rate, 0.45 * rate):
        middle_of_a_bin = round(frequency / bin_width) * bin_width
        full, half = (
            decibels_of(int(column(sine(middle_of_a_bin, rate, amplitude=a), rate, settings).max())) for a in (1.0, 0.5)
        )
        assert full == pytest.approx(0, abs=0.3)
        assert full - half == pytest.approx(6.02, abs=0.5)


def test_between_two_bins_a_sine_is_a_little_softer() -> None:
    between = 100.5 * 8000 / window_length(8000, 32)
    assert decibels_of(int(column(sine(between, 8000), 8000, SpectrumSettings()).max())) == pytest.approx(-1.4, abs=0.3)


def test_silence_has_the_lowest_level_and_a_sine_nothing_far_from_it() -> None:
    assert not column(np.zeros(4000, np.float32), 8000, SpectrumSettings()).any()
    levels = column(sine(440, 8000), 8000, SpectrumSettings())
    assert decibels_of(int(levels[int(row_of(3000, 8000, "mel"))])) < -100
    assert decibels_of(0) == LOWEST_DB


@pytest.mark.parametrize("scale", FREQUENCY_SCALES)
def test_rows_and_frequencies_are_one_another_s_inverse(scale: str) -> None:
    assert row_of(0, 8000, scale) == 0
    assert row_of(4000, 8000, scale) == pytest.approx(ROWS)
    for frequency in (1.0, 440.0, 3999.0):
        assert frequency_at(row_of(frequency, 8000, scale), 8000, scale) == pytest.approx(frequency)


def test_a_thousand_hertz_are_a_thousand_mel() -> None:
    top = 2595 * np.log10(1 + 4000 / 700)
    assert row_of(1000, 8000, "mel") * top / ROWS == pytest.approx(1000, abs=0.1)


@pytest.mark.parametrize(
    ("frequency", "name"),
    [
        (440, "A4"),
        (261.626, "C4"),
        (27.5, "A0"),
        (466.164, "A♯4"),
        (8.1758, "C−1"),
        (450, "A4 +39 ct"),
        (430, "A4 −40 ct"),
    ],
)
def test_notes_have_their_names(frequency: float, name: str) -> None:
    assert note_at(frequency) == name


def covered(spectrogram: Spectrogram, wave: Floats, start: int, stop: int, per_pixel: float) -> np.ndarray:
    """All columns, in as many goes as it takes."""
    for _ in range(100):
        if not spectrogram.cover(lambda a, b: wave[a:b], len(wave), start, stop, per_pixel):
            return spectrogram.image
    raise AssertionError("it never comes to an end")


def test_what_grows_in_pieces_looks_as_what_is_there_at_once() -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, 6000).astype(np.float32)
    growing = Spectrogram(8000, SpectrumSettings())
    for length in (1, 130, 131, 2500, 2501, 5999, 6000):
        covered(growing, wave[:length], 0, length, 5.4)
    at_once = covered(Spectrogram(8000, SpectrumSettings()), wave, 0, 6000, 5.4)
    np.testing.assert_array_equal(growing.image, at_once)


def test_a_step_aside_keeps_what_was_computed_and_adds_what_is_new() -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, 40_000).astype(np.float32)
    moved = Spectrogram(8000, SpectrumSettings(window_ms=8))
    covered(moved, wave, 8000, 9000, 4)
    moved.image[0] = 99  # what is kept shows that it was
    covered(moved, wave, 8000 - 400, 9000 - 400, 4)
    assert (moved.image[100] == 99).all()
    fresh = covered(Spectrogram(8000, SpectrumSettings(window_ms=8)), wave, 8000 - 400, 9000 - 400, 4)
    np.testing.assert_array_equal(np.delete(moved.image, 100, axis=0), np.delete(fresh, 100, axis=0))


@pytest.mark.parametrize("length", [1000, 80_000, 8_000_000])
def test_a_picture_has_one_or_two_columns_to_a_pixel_however_long_the_clip(length: int) -> None:
    wave, pixels = np.zeros(length, np.float32), 700
    image = covered(Spectrogram(8000, SpectrumSettings(window_ms=8)), wave, 0, length, length / pixels)
    assert pixels <= len(image) <= 2 * pixels + 1


def test_damaged_settings_are_the_defaults() -> None:
    kept = SpectrumSettings(shown=False, scale="linear", window_ms=64, range_db=60)
    assert spectrum_from_json(asdict(kept)) == kept
    for damaged in (None, [], {"scale": "bark"}, {"window_ms": 0}, {"colour": 1}, {"range_db": [80]}):
        assert spectrum_from_json(damaged) == SpectrumSettings()
