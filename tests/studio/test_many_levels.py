"""Conditionals over the 65 536 amplitudes of 16 bits, as the window shows them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.chain import Alphabet, GreyLevels, LinearAmplitudes, MuLaw
from models.conditional import Categorical, MixtureOfLogistics, WithStop
from models.shaping import NEUTRAL
from studio.messages import Inspection, brightness_of, density_of, pictured
from studio.panels.conditional_plots import ConditionalPlot, shown_levels

LEVELS = 65536
MIDDLE = LEVELS // 2
FINE = LinearAmplitudes(LEVELS)


def mixture(mean: float, scale: float) -> MixtureOfLogistics:
    """Of two, one of them three times as broad; mean: above silence."""
    parameters = torch.tensor([[0.0, -1.0], [mean, mean], [scale, 3 * scale]], dtype=torch.float64)
    return MixtureOfLogistics(*parameters, LEVELS, origin=MIDDLE)


def inspection(conditional: MixtureOfLogistics | WithStop, symbol: int | None) -> Inspection:
    p = conditional.dense().exp().numpy()
    return Inspection(1, 0, 5, p, p, NEUTRAL, symbol, clamped=False, density=density_of(conditional))


def test_few_levels_are_pictured_as_they_are_and_many_as_codes_of_mu_law() -> None:
    alphabets: tuple[Alphabet, ...] = (GreyLevels(256), MuLaw(256, stop=True))
    for alphabet in alphabets:
        assert pictured(alphabet) is alphabet
        conditional = Categorical(torch.randn(7, alphabet.size))
        p = conditional.dense()[:, : alphabet.levels].exp().numpy()
        assert brightness_of(conditional, alphabet) == pytest.approx(np.sqrt(p / p.max(1, keepdims=True)), abs=1e-9)
    assert pictured(FINE) == MuLaw(256)


@pytest.mark.parametrize("stop", [False, True])
def test_a_picture_of_many_levels_loses_no_peak(stop: bool) -> None:
    """A code has all that lies in it: a single level among hundreds is as bright as it is probable."""
    places = torch.tensor([-30_000.0, -700.0, 0.0, 12.0, 25_000.0], dtype=torch.float64)
    nothing = torch.zeros(5, 1, dtype=torch.float64)
    sharp = MixtureOfLogistics(nothing, places[:, None], nothing + 0.1, LEVELS, origin=MIDDLE)
    alphabet = LinearAmplitudes(LEVELS, stop)
    brightness = brightness_of(WithStop(sharp, torch.zeros(5)) if stop else sharp, alphabet)
    assert brightness.shape == (5, 256)
    assert np.array_equal(brightness.argmax(1), MuLaw(256).encode(places.numpy()))
    assert (brightness.max(1) == 1).all()
    smooth = mixture(1000.0, 90.0)[None]
    p = smooth.dense()[0].exp().numpy()
    masses = np.bincount(MuLaw(256).encode(FINE.decode(np.arange(LEVELS))), p, minlength=256)
    assert brightness_of(smooth, FINE)[0] == pytest.approx(np.sqrt(masses / masses.max()), abs=1e-6)


@pytest.mark.parametrize("stop", [False, True])
def test_the_density_of_many_levels_lies_under_their_probabilities(stop: bool) -> None:
    conditional = mixture(1200.0, 40.0)
    whole = WithStop(conditional, torch.tensor(0.3)) if stop else conditional
    density = density_of(whole)
    assert density is not None
    p = whole.dense().exp().numpy()
    at = MIDDLE + 1200
    assert float(np.interp(at, density.places, density.total)) == pytest.approx(p[at], rel=1e-2)
    assert density.components == 2


@pytest.mark.parametrize("scale", [0.2, 5.0, 60.0])
def test_beside_its_peak_the_density_is_painted_on_the_ground(scale: float) -> None:
    density = density_of(mixture(100.0, scale))
    assert density is not None
    painted = np.interp(np.arange(LEVELS) - MIDDLE - 100.0, density.places - MIDDLE - 100.0, density.total)
    beside = np.abs(np.arange(LEVELS) - MIDDLE - 100.0) > 3 * 20 * scale
    assert painted[beside].max() < 1e-5 * painted.max()


@pytest.mark.parametrize("scale", [0.2, 5.0, 60.0, 900.0, 30_000.0])
@pytest.mark.parametrize("mean", [-32_768.0, -700.0, 0.0, 32_767.0])
def test_the_inspector_shows_all_that_is_likely_and_little_else(mean: float, scale: float) -> None:
    seen = inspection(mixture(mean, scale), None)
    levels = shown_levels(seen, FINE)
    assert levels.start >= 0
    assert levels.stop <= LEVELS
    assert seen.raw[levels.start : levels.stop].sum() > 0.995
    likely = np.flatnonzero(seen.raw.cumsum() > 0.001)[0], np.flatnonzero(seen.raw.cumsum() > 0.999)[0]
    assert len(levels) <= max(256, 4 * (likely[1] - likely[0] + 1))


def test_what_was_drawn_is_shown_however_unlikely_it_was() -> None:
    for symbol in (0, 20_000, LEVELS - 1):
        assert symbol in shown_levels(inspection(mixture(0.0, 5.0), symbol), FINE)
    few = MuLaw(256, stop=True)
    p = np.full(257, 1 / 257)
    assert shown_levels(Inspection(1, 0, 5, p, p, NEUTRAL, 3, clamped=False), few) == range(256)


def test_what_is_shown_seldom_moves() -> None:
    stretches = {shown_levels(inspection(mixture(place, 20.0), None), FINE) for place in np.linspace(300, 340, 9)}
    assert len(stretches) <= 2


@pytest.mark.usefixtures("qapp")
@pytest.mark.parametrize("stop", [False, True])
def test_pointing_at_a_value_finds_it_where_it_is_shown(stop: bool) -> None:
    plot = ConditionalPlot()
    plot.resize(400, 260)
    conditional = mixture(-9_000.0, 3.0)
    whole = WithStop(conditional, torch.tensor(-1.0)) if stop else conditional
    plot.show_inspection(inspection(whole, MIDDLE - 9_000), LinearAmplitudes(LEVELS, stop))
    for symbol in (MIDDLE - 9_000, plot.levels.start, plot.levels[-1]):
        assert plot.symbol_at(plot.x_of(symbol)) == symbol
    assert plot.symbol_at(-10) == plot.levels.start
    if stop:
        assert plot.symbol_at(399) == LEVELS
    image = plot.grab().toImage()
    assert not image.isNull()
