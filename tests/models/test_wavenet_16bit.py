"""A WaveNet over the 65 536 amplitudes of 16 bits: nobody looks at all of them, and nothing is lost by that."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from models.chain import LinearAmplitudes, MuLaw, SoundChain, alphabet_from_json
from models.conditional import Categorical, Conditional, MixtureOfGaussians, MixtureOfLogistics, WithStop, first_above
from models.decoder import Decoder
from models.errors import InputError
from models.files import read_saved
from models.formats import format_by_suffix
from models.likelihood import surprises
from models.model import ModelSpec
from models.networks.wavenet import WaveNet
from models.sampling import ConditionalBuffer, make_decoder, run
from models.shaping import NEUTRAL, Shaping
from models.trace import ModelReference, Take, new_take

LEVELS = 65536
MIDDLE = LEVELS // 2
CONTEXT = {"hop": 5, "channels": 4, "dilations": [1, 2]}


def build(*, stop: bool = False, context: bool = True) -> WaveNet:
    chain = SoundChain(LinearAmplitudes(LEVELS, stop), rate=8000, default_seconds=0.01, max_seconds=10)
    sizes = {"residual": 6, "skip": 6, "head": 6, "dilations": [1, 2], "components": 4}
    torch.manual_seed(3)
    model = WaveNet(ModelSpec("wavenet", chain, (), {**sizes, "context": CONTEXT if context else None})).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name != "out.bias":  # components of all sizes, as training begins
                parameter.normal_(std=0.4)
        if stop:
            model.out.bias[-1] = -3
    return model


@pytest.fixture(params=[False, True], ids=["no stop", "stop"])
def model(request: pytest.FixtureRequest) -> WaveNet:
    return build(stop=request.param)


def some(count: int, components: int, scales: tuple[float, float], seed: int = 0) -> MixtureOfLogistics:
    """Mixtures about a place of their own, with scales of as many sizes as there are between two."""
    rng = np.random.default_rng(seed)
    spread = np.exp(rng.uniform(*np.log(scales), (count, components)))
    means = rng.normal(0, 9000, (count, 1)) + spread * rng.normal(0, 2, (count, components))
    weights = rng.normal(0, 2, (count, components))
    return MixtureOfLogistics(*map(torch.from_numpy, (weights, means, spread)), LEVELS, origin=MIDDLE)


MIXTURES = {
    "narrow": some(4, 3, (0.1, 2.0)),
    "of all sizes": some(4, 10, (0.1, 5000.0)),
    "broad": some(4, 5, (500.0, 60_000.0)),
    "alone": some(4, 1, (40.0, 50.0)),
}


# --- the alphabet -----------------------------------------------------------------------------------------------------


def test_every_16_bit_sample_is_a_symbol() -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    alphabet = LinearAmplitudes(LEVELS, stop=True)
    assert np.array_equal(alphabet.encode(every), np.arange(LEVELS))
    assert np.array_equal(alphabet.decode(np.arange(LEVELS)), every)
    assert (alphabet.label(MIDDLE - 5), alphabet.label(LEVELS)) == ("−5 (32763)", "stop")
    assert alphabet_from_json(alphabet.to_json()) == alphabet


@pytest.mark.parametrize("levels", [2, 3, 20, 4096])
def test_fewer_levels_come_back(levels: int) -> None:
    alphabet = LinearAmplitudes(levels)
    wave = alphabet.decode(np.arange(levels))
    assert (wave[0], wave[-1]) == (-32768, 32767)
    assert np.array_equal(alphabet.encode(wave), np.arange(levels))
    with pytest.raises(InputError, match="symbols must lie in"):
        alphabet.decode([levels])


def take_of(model: WaveNet, limit: int = 60, shaping: Shaping = NEUTRAL, engine: str = "compiled") -> Take:
    reference = ModelReference("fine", "Fine", "0" * 64, model.chain, model.factors)
    return new_take(reference, seed=5, count=1, condition={}, shaping=shaping, engine=engine, limit=limit)


def test_a_wav_has_the_very_samples(model: WaveNet) -> None:
    chain = model.chain
    assert isinstance(chain, SoundChain)
    wave = np.random.default_rng(1).integers(-32768, 32768, 50).astype(np.int16)
    wave[:3] = -32768, 32767, 0
    symbols = chain.symbols(wave)
    assert np.array_equal(chain.wave(symbols), wave)
    take, nothing = take_of(model), np.zeros(len(symbols), np.float32)
    take.traces[0].append(symbols, nothing, nothing, np.ones(len(symbols), np.bool_))
    wav = format_by_suffix(".wav", chain)
    data = wav.content(take)
    start = data.index(b"data") + 8
    assert np.array_equal(np.frombuffer(data[start : start + 100], "<i2"), wave)
    (read,) = wav.read_foreign(data, "some.wav", chain)
    assert np.array_equal(read, symbols)
    assert np.array_equal(read_saved(data).take.traces[0].symbols, symbols)


# --- conditionals without all their probabilities ---------------------------------------------------------------------


@pytest.mark.parametrize("name", MIXTURES)
def test_a_quantile_is_the_first_symbol_whose_cdf_is_more(name: str) -> None:
    """As the dense probabilities have it: but where one of them lies on the boundary itself, up to rounding."""
    mixture = MIXTURES[name]
    for conditional in (mixture, WithStop(mixture, torch.tensor([-9.0, -1.0, 0.0, 3.0]))):
        p = conditional.dense().exp()
        cdf = p.cumsum(-1)
        for u in np.random.default_rng(3).random((12, 4)):
            noise = torch.from_numpy(u)
            found, expected = conditional.quantile(noise), first_above(p, noise)
            between = torch.minimum(found, expected)
            boundary = cdf.gather(-1, between[:, None])[:, 0]
            assert ((found == expected) | ((boundary - noise).abs() < 1e-11)).all()
            assert torch.allclose(conditional.cdf(found), cdf.gather(-1, found[:, None])[:, 0], atol=1e-11)
    assert mixture.quantile(torch.zeros(4, dtype=torch.float64)).min() >= 0


@pytest.mark.parametrize("kind", [MixtureOfLogistics, MixtureOfGaussians])
@pytest.mark.parametrize("size", [2, 3, 16, 255, 256, 257])
def test_a_quantile_reaches_both_ends_of_any_alphabet(kind: type[MixtureOfLogistics], size: int) -> None:
    mixture = kind(torch.zeros(1), torch.tensor([size / 2]), torch.tensor([float(size)]), size)
    u = torch.linspace(0, 1 - 1e-9, 999, dtype=torch.float64)
    found = torch.stack([mixture.quantile(one) for one in u])
    assert torch.equal(found, first_above(mixture.dense().exp().expand(999, -1), u))
    assert (int(found[0]), int(found[-1])) == (0, size - 1)


@pytest.mark.parametrize("name", MIXTURES)
def test_the_entropy_is_that_of_all_probabilities(name: str) -> None:
    mixture = MIXTURES[name]
    for conditional in (mixture, WithStop(mixture, torch.tensor([-9.0, -1.0, 0.0, 3.0]))):
        expected = Conditional.entropy(conditional)
        assert torch.allclose(conditional.entropy(), expected, rtol=0, atol=1e-4)


def test_masses_of_stretches_are_those_of_their_symbols() -> None:
    last = torch.tensor([0, 7, 300, 32767, 40000, LEVELS - 1])
    for conditional in (MIXTURES["of all sizes"], WithStop(MIXTURES["broad"], torch.zeros(4))):
        p = conditional.dense().exp()
        expected = torch.stack([p[:, a + 1 : b + 1].sum(-1) for a, b in itertools.pairwise([-1, *last.tolist()])], -1)
        assert torch.allclose(conditional.masses(last), expected, atol=1e-12)
    few = Categorical(torch.randn(3, 5))
    assert torch.allclose(few.masses(torch.tensor([1, 4])).sum(-1), torch.ones(3, dtype=torch.float64))


def test_what_is_kept_in_float32_is_the_same_however_loud(model: WaveNet) -> None:
    """A mean among 65 536 levels has few digits left there; counted from silence, most have theirs."""
    conditional = model.distribution(torch.randn(50, model.out.out_features), torch.full((50,), MIDDLE + 900))
    assert float((conditional.kept().dense().exp() - conditional.dense().exp()).abs().sum(-1).max()) < 1e-3


# --- walks ------------------------------------------------------------------------------------------------------------


def symbols_of(rows: int, count: int) -> np.ndarray:
    steps = np.random.default_rng(7).normal(0, 900, (rows, count)).cumsum(1)
    return (MIDDLE + steps).clip(0, LEVELS - 1).astype(np.int32)


@pytest.mark.parametrize("engine", ["cached", "compiled"])
def test_the_decoder_is_the_network(model: WaveNet, engine: str) -> None:
    symbols, condition = symbols_of(2, 40), model.condition_tensor([{}, {}])
    with torch.inference_mode():
        truth = model.conditionals(torch.from_numpy(symbols).long(), condition)
    decoder: Decoder = make_decoder(model, engine, condition)
    for step in (0, 1, 4, 5, 6, 30, 12, 39):
        decoder.rewind(step) if step < decoder.step else decoder.extend(symbols[:, decoder.step : step])
        difference = decoder.peek().dense().exp() - truth[:, step].dense().exp()
        assert float(difference.abs().sum(-1).max() / 2) < 2e-5


@pytest.mark.parametrize("engine", ["cached", "compiled"])
def test_a_draw_is_that_of_all_probabilities(model: WaveNet, engine: str) -> None:
    """The reference draws from the mixture, too; here they are all summed up."""
    u = np.random.default_rng(2).random((2, 8))
    decoder = make_decoder(model, engine, model.condition_tensor([{}, {}]))
    for step in range(8):
        conditional = decoder.peek()
        log_p = conditional.dense()
        drawn = decoder.advance(u[:, step : step + 1], NEUTRAL)
        expected = first_above(log_p.exp(), torch.from_numpy(u[:, step].copy()))
        assert drawn.symbols[:, 0].tolist() == expected.tolist()
        bits = -log_p.gather(-1, expected[:, None])[:, 0] / np.log(2)
        assert drawn.surprise[:, 0] == pytest.approx(bits.numpy(), abs=1e-4)
        assert drawn.entropy[:, 0] == pytest.approx(Conditional.entropy(conditional).numpy(), abs=2e-4)
        if model.chain.alphabet.stop_symbol in expected.tolist():
            break


def test_a_shaped_draw_looks_at_all(model: WaveNet) -> None:
    u = np.random.default_rng(2).random((1, 4))
    shaping = Shaping(temperature=0.8, top_p=0.9)
    condition = model.condition_tensor({})
    one, other = (make_decoder(model, engine, condition).advance(u, shaping) for engine in ("cached", "compiled"))
    assert np.array_equal(one.symbols, other.symbols)
    assert one.surprise == pytest.approx(other.surprise, abs=1e-4)


def test_neutral_walks_and_scores_never_ask_for_all_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    """65 536 of a minute's samples are 500 GB."""

    def refused(self: Conditional) -> torch.Tensor:
        raise AssertionError("all probabilities were asked for")

    model = build()
    for kind in (MixtureOfLogistics, WithStop):
        monkeypatch.setattr(kind, "dense", refused)
    for engine in ("cached", "compiled", "reference"):
        (trace,) = run(model, take_of(model, limit=20, engine=engine)).traces
        np.testing.assert_allclose(trace.surprise, surprises(model, trace.symbols, {}), atol=1e-3)
    (part,) = ConditionalBuffer(model).parts(trace, 2, 20)
    assert part.nbytes == 18 * 3 * 4 * 4
    assert part.entropy().numpy() == pytest.approx(trace.entropy[2:], abs=1e-3)


def test_a_softmax_of_mu_law_is_as_it_ever_was() -> None:
    chain = SoundChain(MuLaw(256, stop=True), rate=8000, default_seconds=0.1, max_seconds=1)
    sizes = {"residual": 4, "skip": 4, "head": 4, "dilations": [1, 2]}
    names = set(WaveNet(ModelSpec("wavenet", chain, (), sizes)).state_dict())
    assert {name.split(".")[0] for name in names} == {"bias", "embedding", "blocks", "skip", "head", "out"}
