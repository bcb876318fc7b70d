"""Linear autoregression: the weights of least squares, and the Gaussian in the bins of the alphabet."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.chain import DRAW, INT16_PEAK, GreyLevels, ImageChain, MuLaw, SoundChain
from models.condition import Category
from models.conditional import LOG2, MixtureOfGaussians, WithStop
from models.errors import InputError
from models.evaluation.resonances import poles, resonances_picture, sets_of, spectral_envelope
from models.model import ModelSpec
from models.networks.linear_autoregression import LinearAutoregression
from models.sampling import make_decoder
from models.shaping import NEUTRAL, Shaping

SPEAKER = Category("speaker", ("anna", "ben"), any=True)
CHAIN = SoundChain(MuLaw(4096, stop=True), rate=8000, default_seconds=0.1, max_seconds=10)
DEVIATION = 0.02
RESONANCE = {"anna": (1.6, -0.9), "ben": (-0.5, -0.7)}
"""a_1 and a_2 of each."""


def resonant(speaker: str, length: int, seed: int) -> torch.Tensor:
    """A sound of known weights as symbols, with its stop symbol."""
    noise = np.random.default_rng(seed).normal(0, DEVIATION, length)
    x = np.zeros(length + 2)
    a, b = RESONANCE[speaker]
    for n in range(length):
        x[n + 2] = 0.01 + a * x[n + 1] + b * x[n] + noise[n]
    assert np.abs(x).max() < 1
    return torch.from_numpy(CHAIN.symbols(np.rint(x[2:] * INT16_PEAK).astype(np.int16)).astype(np.int64))


def build(order: int, *, stop: bool = True, levels: int = 4096) -> LinearAutoregression:
    chain = SoundChain(MuLaw(levels, stop), rate=8000, default_seconds=0.1, max_seconds=10)
    return LinearAutoregression(ModelSpec("linear_autoregression", chain, (SPEAKER,), {"order": order}))


@pytest.fixture(scope="module")
def fitted() -> LinearAutoregression:
    model = build(3)
    sounds = [(speaker, resonant(speaker, 20_000, seed)) for speaker in RESONANCE for seed in (1, 2)]
    with torch.no_grad():
        model.fit((symbols[None], model.condition_tensor({"speaker": speaker})) for speaker, symbols in sounds)
    return model


@pytest.mark.parametrize("speaker", RESONANCE)
def test_least_squares_finds_the_weights_that_made_a_sound(fitted: LinearAutoregression, speaker: str) -> None:
    (number,) = fitted.chosen(fitted.condition_tensor({"speaker": speaker}))
    # Four standard errors of 40 000 samples; the third weight is not needed.
    torch.testing.assert_close(fitted.weights[number], torch.tensor([*RESONANCE[speaker], 0.0]), rtol=0, atol=0.02)
    assert float(fitted.offsets[number]) == pytest.approx(0.01, abs=1e-3)
    assert float(fitted.deviations[number]) == pytest.approx(DEVIATION, rel=0.02)


def test_the_entropy_of_the_noise_is_what_a_sample_costs(fitted: LinearAutoregression) -> None:
    symbols = resonant("anna", 20_000, 3)[None]
    bits = -fitted.conditionals(symbols, fitted.condition_tensor({"speaker": "anna"})).log_prob(symbols)[0, :-1] / LOG2
    # Differential entropy of the Gaussian, and what a bin of the alphabet is wide at each sample.
    widths = np.diff(CHAIN.alphabet.edges, prepend=-1, append=1)[symbols[0, :-1].numpy()]  # type: ignore[attr-defined]
    expected = 0.5 * math.log2(2 * math.pi * math.e * DEVIATION**2) - np.log2(widths).mean()
    assert float(bits.mean()) == pytest.approx(expected, abs=0.03)


def test_what_holds_for_any_is_fitted_to_all_together(fitted: LinearAutoregression) -> None:
    together = build(3)
    sounds = [resonant(speaker, 20_000, seed) for speaker in RESONANCE for seed in (1, 2)]
    with torch.no_grad():
        together.fit((symbols[None], together.condition_tensor({"speaker": "anna"})) for symbols in sounds)
    anna, anyone = (fitted.chosen(fitted.condition_tensor({"speaker": who})) for who in ("anna", "any"))
    torch.testing.assert_close(fitted.weights[anyone], together.weights[anna])
    torch.testing.assert_close(fitted.deviations[anyone], together.deviations[anna])


def test_a_sound_ends_as_often_as_those_that_were_heard(fitted: LinearAutoregression) -> None:
    conditional = fitted.conditionals(torch.zeros(1, 1, dtype=torch.int64), fitted.condition_tensor({}))
    assert float(conditional.dense()[0, 0, -1].exp()) == pytest.approx(1 / 20_000, rel=0.2)


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize("levels", [8, 256])
def test_a_symbol_has_the_mass_of_the_gaussian_between_the_edges_of_its_bin(levels: int, stop: bool) -> None:
    model = build(2, stop=stop, levels=levels)
    with torch.no_grad():
        model.weights[:] = torch.tensor([0.5, -0.2])
        model.deviations[:] = 0.1
    symbols = torch.tensor([[levels - 2, 1, 3, 0]])
    conditional = model.conditionals(symbols, model.condition_tensor({}))
    p = conditional.dense().exp()
    torch.testing.assert_close(p.sum(-1), torch.ones(1, 4, dtype=torch.float64), rtol=0, atol=1e-12)
    amplitude = model.amplitudes[symbols[0]].double()
    mean = 0.5 * amplitude[1] - 0.2 * amplitude[0]
    cuts = torch.cat(
        [torch.tensor([-math.inf]), torch.from_numpy(model.chain.alphabet.edges), torch.tensor([math.inf])]
    )  # type: ignore[attr-defined]
    masses = torch.special.ndtr((cuts - mean) / 0.1).diff()
    left = 1 - float(p[0, 2, levels]) if stop else 1.0
    torch.testing.assert_close(p[0, 2, :levels], masses * left, rtol=1e-4, atol=1e-9)
    torch.testing.assert_close(
        conditional.log_prob(symbols).double(),
        conditional.dense().gather(-1, symbols[..., None])[..., 0],
        rtol=1e-4,
        atol=1e-4,
    )


def some_model(order: int, *, stop: bool = True) -> LinearAutoregression:
    model = build(order, levels=20, stop=stop)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        model.weights.normal_(std=0.3 / order**0.5, generator=generator)
        model.offsets.normal_(std=0.1, generator=generator)
        model.deviations.uniform_(0.05, 0.3, generator=generator)
        if model.stops is not None:
            model.stops.uniform_(-5, -3, generator=generator)
    return model


@pytest.mark.parametrize("engine", ["cached", "compiled"])
@pytest.mark.parametrize("order", [1, 3, 64])
def test_a_decoder_is_the_network(order: int, engine: str) -> None:
    model = some_model(order)
    generator = torch.Generator().manual_seed(2)
    condition = model.condition_tensor([{"speaker": who} for who in ("anna", "any")])
    symbols = torch.randint(20, (2, 150), generator=generator)
    expected = model.conditionals(symbols, condition).dense().exp()
    decoder = make_decoder(model, engine, condition)
    for step in range(150):
        if step == 100:
            decoder.rewind(70)
            decoder.extend(symbols[:, 70:100].numpy())
        torch.testing.assert_close(decoder.peek().dense().exp(), expected[:, step], rtol=0, atol=1e-5)
        decoder.push(symbols[:, step].numpy())
    other = decoder.select([1])
    other.rewind(30)
    torch.testing.assert_close(other.peek().dense().exp(), expected[1:, 30], rtol=0, atol=1e-5)


@pytest.mark.parametrize("stop", [True, False])
def test_the_kernel_draws_what_the_reference_draws(stop: bool) -> None:
    """With the bits of its own masses; and sounds end one by one, the last of them the block."""
    model = some_model(5, stop=stop)
    condition = model.condition_tensor([{"speaker": "anna"}, {}, {"speaker": "ben"}])
    ends = []
    for seed, shaping in enumerate([NEUTRAL, Shaping(temperature=0.7, top_k=9), Shaping(top_p=0.8), NEUTRAL]):
        u = np.random.default_rng(seed).random((3, 300))
        compiled, reference = (make_decoder(model, engine, condition) for engine in ("compiled", "cached"))
        for part in np.split(u, [1, 120], axis=1):
            if (reference.symbols == model.chain.alphabet.stop_symbol).any(1).all():
                break
            active = ~(reference.symbols == model.chain.alphabet.stop_symbol).any(1)
            drawn, expected = (d.advance(part, shaping, active=active) for d in (compiled, reference))
            assert np.array_equal(drawn.symbols, expected.symbols)
            there = drawn.symbols != DRAW
            assert drawn.surprise[there] == pytest.approx(expected.surprise[there], rel=1e-4, abs=1e-4)
            assert drawn.entropy[there] == pytest.approx(expected.entropy[there], rel=1e-4, abs=1e-4)
        assert np.array_equal(compiled.symbols, reference.symbols)
        ends.append(compiled.step)
    assert (min(ends) < 300) == stop


def test_its_conditionals_are_kept_by_their_parameters(fitted: LinearAutoregression) -> None:
    conditional = fitted.conditionals(torch.zeros(1, 5, dtype=torch.int64), fitted.condition_tensor({}))
    assert isinstance(conditional, WithStop)
    assert isinstance(conditional.goes_on, MixtureOfGaussians)
    assert conditional.nbytes < 100 * 5
    torch.testing.assert_close(conditional[:, 3].kept().dense(), conditional.dense()[:, 3])


def test_what_it_cannot_model_is_refused() -> None:
    image = ImageChain(GreyLevels(2), 2, 2)
    for chain, config in ((image, {"order": 2}), (CHAIN, {"order": 65}), (CHAIN, {"order": 0}), (CHAIN, {})):
        with pytest.raises(InputError):
            LinearAutoregression(ModelSpec("linear_autoregression", chain, (), config))
    model = build(2)
    with pytest.raises(InputError, match="none for a blend"):
        model.conditionals(
            torch.zeros(1, 1, dtype=torch.int64), model.condition_tensor({"speaker": {"anna": 0.5, "ben": 0.5}})
        )


def test_the_poles_are_those_of_the_recursion_and_the_envelope_peaks_at_their_angle(
    fitted: LinearAutoregression,
) -> None:
    weights, deviation = sets_of(fitted)["speaker anna"]
    found = sorted(poles(weights), key=abs)[-2:]
    a, b = RESONANCE["anna"]
    assert np.allclose(np.sort_complex(found), np.sort_complex(np.roots([1, -a, -b])), atol=0.02)
    envelope = spectral_envelope(weights, deviation, 801)
    angle = abs(np.angle(found[0]))
    assert np.argmax(envelope) * np.pi / 800 == pytest.approx(angle, abs=0.03)
    # Makhoul's formula, at the frequency 0.
    assert envelope[0] == pytest.approx(20 * math.log10(deviation / abs(1 - weights.sum())))


def test_the_picture_has_the_poles_and_an_envelope_for_each_speaker(fitted: LinearAutoregression) -> None:
    picture = resonances_picture(fitted)
    colours = {tuple(pixel) for pixel in picture.reshape(-1, 3)[::3].tolist()}
    assert {(0x57, 0xA4, 0xFF), (0xFF, 0xFF, 0xFF), (0xFF, 0x77, 0xBC), (0x07, 0xB5, 0xEB)} <= colours
