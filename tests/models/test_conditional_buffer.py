"""Conditionals are kept by their parameters: on the CPU, in float32, bounded in bytes, and the same as in a pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.chain import GreyLevels, ImageChain, MuLaw, SoundChain
from models.condition import Category
from models.conditional import BinnedMixture, Categorical, Conditional, MixtureOfGaussians, MixtureOfLogistics
from models.errors import InputError
from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class
from models.sampling import ConditionalBuffer
from models.shaping import NEUTRAL
from models.trace import ModelReference, Trace, new_take
from tests.conditionals import log_probs

LEVELS, COMPONENTS = 256, 3
SPEAKER = Category("speaker", ("ada", "bob"))
MIXTURE = {"hidden": 6, "output": "mixture of Gaussians", "components": COMPONENTS}


def made(architecture: str, chain: ImageChain | SoundChain, config: dict[str, object]) -> AutoregressiveModel:
    torch.manual_seed(2)
    return network_class(architecture)(ModelSpec(architecture, chain, (SPEAKER,), config)).eval()


@pytest.fixture(scope="module")
def mixture_model() -> AutoregressiveModel:
    return made("nade", ImageChain(GreyLevels(LEVELS), 4, 5), MIXTURE)


def trace_of(model: AutoregressiveModel, steps: int, *, speaker: str = "ada", number: int = 0) -> Trace:
    reference = ModelReference("some", "Some", "0" * 16, model.chain, model.factors)
    take = new_take(
        reference, seed=1, count=1, condition={"speaker": speaker}, shaping=NEUTRAL, engine="reference", limit=None
    )
    symbols = np.random.default_rng(number).integers(0, model.chain.alphabet.levels, steps).astype(np.int32)
    bits = np.zeros(steps, np.float32)
    take.traces[0].append(symbols, bits, bits, np.zeros(steps, np.bool_))
    return take.traces[0]


@torch.inference_mode()
def by_one_pass(model: AutoregressiveModel, trace: Trace) -> Conditional:
    """Of all steps that are drawn."""
    symbols = torch.from_numpy(trace.symbols.astype(np.int64))[None]
    return model.conditionals(symbols, model.condition_tensor(trace.segment.condition))[0]


def kinds() -> list[Conditional]:
    torch.manual_seed(1)
    parameters = [torch.randn(4, 6, 3), 8 * torch.rand(4, 6, 3), 0.2 + torch.rand(4, 6, 3)]
    mixtures = [kind(*parameters, 8) for kind in (MixtureOfGaussians, MixtureOfLogistics)]
    return [Categorical(torch.randn(4, 6, 8)), *mixtures]


@pytest.mark.parametrize("conditional", kinds(), ids=lambda conditional: type(conditional).__name__)
def test_what_is_kept_is_the_same_and_holds_on_to_nothing_else(conditional: Conditional) -> None:
    part = conditional.double()[1, 2:4]
    kept = part.kept()
    assert type(kept) is type(conditional)
    assert kept.size == 8
    assert torch.allclose(kept.dense(), part.dense(), atol=1e-6)
    assert {(p.dtype, p.device.type) for p in kept.parameters} == {(torch.float32, "cpu")}
    assert sum(p.untyped_storage().nbytes() for p in kept.parameters) == kept.nbytes
    assert kept.nbytes == sum(4 * p.numel() for p in part.parameters)


def test_a_copy_that_is_kept_does_not_change_with_the_memory_it_came_from() -> None:
    logits = torch.zeros(2, 4)
    kept = Categorical(logits).kept()
    logits[:, 0] = 9
    assert kept.dense().exp().tolist() == [[0.25] * 4] * 2


@pytest.mark.parametrize("kind", [MixtureOfGaussians, MixtureOfLogistics])
def test_the_density_of_each_component_has_the_mass_of_its_weight(kind: type[BinnedMixture]) -> None:
    weights = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
    mixture = kind(weights.log(), torch.tensor([20.0, 128.0, 128.4]), torch.tensor([2.0, 5.0, 0.3]), 256)
    places = torch.linspace(-60, 320, 380_001, dtype=torch.float64)
    shares = mixture.densities(places)
    assert shares.shape == (3, len(places))
    assert torch.allclose(torch.trapezoid(shares, places), weights, atol=1e-6)
    inner = (places >= 19.5) & (places <= 20.5)
    mass = float(torch.trapezoid(shares.sum(0)[inner], places[inner]))
    assert mass == pytest.approx(float(mixture.dense()[20].exp()), rel=1e-3)


@pytest.mark.parametrize("kind", [MixtureOfGaussians, MixtureOfLogistics])
def test_the_curve_is_the_derivative_of_its_distribution_function(kind: type[BinnedMixture]) -> None:
    x = torch.linspace(-30, 30, 601, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(kind.log_cdf(x).exp().sum(), x)
    assert torch.allclose(kind.log_density(x).exp(), slope, rtol=1e-9, atol=1e-300)


def test_log_probs_are_those_of_one_pass(mixture_model: AutoregressiveModel) -> None:
    trace = trace_of(mixture_model, 20)
    found = log_probs(ConditionalBuffer(mixture_model), trace, 3, 17)
    assert (found.dtype, found.shape) == (np.float32, (14, LEVELS))
    expected = by_one_pass(mixture_model, trace).dense().numpy()[3:17]
    assert np.abs(np.exp(found) - np.exp(expected)).max() < 1e-5


def test_the_conditional_of_a_step_keeps_its_kind_and_parameters(mixture_model: AutoregressiveModel) -> None:
    trace = trace_of(mixture_model, 12)
    buffer = ConditionalBuffer(mixture_model)
    expected = by_one_pass(mixture_model, trace)
    for step in (0, 7, 11):
        found = buffer.conditional(trace, step)
        assert isinstance(found, MixtureOfGaussians)
        for parameter, its in zip(found.parameters, expected[step].parameters, strict=True):
            assert parameter.shape == (COMPONENTS,)
            assert torch.allclose(parameter, its, rtol=1e-4, atol=1e-4)
        assert np.array_equal(log_probs(buffer, trace, step, step + 1)[0], found.dense().float().numpy())
    assert buffer.conditional(trace, 12).dense().exp().sum() == pytest.approx(1)  # the step not yet drawn
    with pytest.raises(InputError, match=r"for the steps 0 … 12, not 13"):
        buffer.conditional(trace, 13)


def test_a_mixture_takes_the_room_of_its_parameters(mixture_model: AutoregressiveModel) -> None:
    buffer = ConditionalBuffer(mixture_model)
    log_probs(buffer, trace_of(mixture_model, 20), 0, 20)
    (kept,) = buffer._kept.values()
    assert kept.nbytes == 20 * 3 * COMPONENTS * 4
    assert kept.nbytes < 20 * LEVELS * 4 / 20


def test_the_buffer_keeps_to_its_bytes_and_lets_the_oldest_go(mixture_model: AutoregressiveModel) -> None:
    one = 20 * 3 * COMPONENTS * 4
    buffer = ConditionalBuffer(mixture_model, limit_bytes=2 * one)
    traces = [trace_of(mixture_model, 20, number=number) for number in range(3)]
    for trace in (traces[0], traces[1], traces[0], traces[2]):
        log_probs(buffer, trace, 0, 20)
    kept = list(buffer._kept.values())
    assert sum(conditional.nbytes for conditional in kept) == 2 * one
    passes: list[object] = []
    compute = buffer._pass
    buffer._pass = lambda *given: passes.append(given) or compute(*given)  # type: ignore[method-assign, func-returns-value]
    for trace in (traces[0], traces[2]):
        buffer.conditional(trace, 5)
    assert passes == []
    buffer.conditional(traces[1], 5)
    assert len(passes) == 1


def test_a_stretch_over_windows_and_conditions_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step under the condition that held there, with what the network sees before its window."""
    monkeypatch.setattr("models.chain.OPEN_WINDOW", 16)
    sound = SoundChain(MuLaw(16), 8000, default_seconds=0.01, max_seconds=0.1)
    model = made("wavenet", sound, {"residual": 4, "skip": 4, "head": 4, "dilations": [1, 2]})
    ada, bob = (trace_of(model, 60, speaker=speaker) for speaker in ("ada", "bob"))
    expected = np.concatenate([by_one_pass(model, ada).dense()[:23], by_one_pass(model, bob).dense()[23:]])
    ada.reschedule(replace(bob.segment, start=23))
    found = log_probs(ConditionalBuffer(model), ada, 5, 60)
    assert np.abs(np.exp(found) - np.exp(expected[5:])).max() < 1e-5
