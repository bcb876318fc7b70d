"""Mixtures on the line of the levels: each symbol has the mass of its bin, and the outermost bins are open-ended."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from models.conditional import BinnedMixture, MixtureOfGaussians, MixtureOfLogistics


def phi(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def one(mean: float, scale: float, size: int, dtype: torch.dtype = torch.float64) -> MixtureOfGaussians:
    parameters = torch.tensor([[0.0], [mean], [scale]], dtype=dtype)
    return MixtureOfGaussians(*parameters, size)


def some(
    size: int, kind: type[BinnedMixture] = MixtureOfGaussians, dtype: torch.dtype = torch.float64
) -> BinnedMixture:
    """40 mixtures of 5: from a tenth of a level to ten times the alphabet wide, also far outside of it."""
    rng = np.random.default_rng(size)
    weights, means = rng.normal(0, 3, (40, 5)), rng.uniform(-size, 2 * size, (40, 5))
    scales = 0.1 * np.exp(rng.uniform(0, math.log(100 * size), (40, 5)))
    return kind(*(torch.from_numpy(values).to(dtype) for values in (weights, means, scales)), size)


def log_probs(mixture: BinnedMixture) -> Tensor:
    """(batch, K), symbol by symbol."""
    columns = [mixture.log_prob(torch.full(mixture.means.shape[:-1], k)) for k in range(mixture.size)]
    return torch.stack(columns, -1)


def test_a_symbol_has_the_mass_between_the_edges_of_its_bin() -> None:
    weights, means, scales = torch.tensor([[0.2, 0.8], [0.3, 2.1], [0.7, 1.9]], dtype=torch.float64)
    mixture = MixtureOfGaussians(weights.log(), means, scales, 4)

    def cdf(x: float) -> float:
        return 0.2 * phi((x - 0.3) / 0.7) + 0.8 * phi((x - 2.1) / 1.9)

    expected = [cdf(0.5), cdf(1.5) - cdf(0.5), cdf(2.5) - cdf(1.5), 1 - cdf(2.5)]
    assert mixture.dense().exp().tolist() == pytest.approx(expected, abs=1e-14)


def test_the_curve_may_be_another() -> None:
    mixture = MixtureOfLogistics(*torch.tensor([[0.0], [1.2], [0.5]], dtype=torch.float64), 3)
    edges = [1 / (1 + math.exp(-(x - 1.2) / 0.5)) for x in (0.5, 1.5)]
    assert mixture.dense().exp().tolist() == pytest.approx([edges[0], edges[1] - edges[0], 1 - edges[1]], abs=1e-14)


@pytest.mark.parametrize("kind", [MixtureOfGaussians, MixtureOfLogistics])
@pytest.mark.parametrize("size", [2, 3, 8, 256])
def test_all_levels_together_have_probability_one(kind: type[BinnedMixture], size: int) -> None:
    assert float((some(size, kind).dense().exp().sum(-1) - 1).abs().max()) < 1e-13
    assert float((some(size, kind, torch.float32).dense().exp().sum(-1) - 1).abs().max()) < 1e-13
    in_float32 = log_probs(some(size, kind, torch.float32)).double().exp().sum(-1)
    assert float((in_float32 - 1).abs().max()) < 1e-5


@pytest.mark.parametrize("kind", [MixtureOfGaussians, MixtureOfLogistics])
@pytest.mark.parametrize("size", [2, 256])
def test_a_log_probability_has_the_precision_of_the_parameters(kind: type[BinnedMixture], size: int) -> None:
    exact = some(size, kind)
    assert torch.equal(log_probs(exact), exact.dense())
    rounded = some(size, kind, torch.float32)
    found = log_probs(rounded)
    assert found.dtype == torch.float32
    assert rounded.dense().dtype == torch.float64
    assert torch.allclose(found.double(), rounded.dense(), rtol=1e-4, atol=1e-4)


def test_far_tails_are_as_improbable_as_they_are() -> None:
    """There all the mass of a bin lies at its nearer edge, x away: phi(x) / x."""
    for mean, symbol in itertools.product((-50.0, 300.0), (1, 128, 254)):
        inner = abs(symbol - mean) - 0.5
        nats = -float(one(mean, 1.0, 256).dense()[symbol])
        assert nats == pytest.approx(inner**2 / 2 + math.log(inner * math.sqrt(2 * math.pi)), rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("mean", "scale"), [(0, 0.1), (255, 0.1), (127.5, 0.1), (-1e4, 1), (1e4, 0.1), (100, 1e4)])
def test_every_log_probability_and_gradient_is_finite(mean: float, scale: float, dtype: torch.dtype) -> None:
    parameters = [torch.tensor([[value]], dtype=dtype, requires_grad=True) for value in (0.0, mean, scale)]
    log_p = log_probs(MixtureOfGaussians(*parameters, 256))
    assert bool(log_p.isfinite().all())
    assert bool((log_p <= 1e-6).all())
    for gradient in torch.autograd.grad(log_p.sum(), parameters):
        assert bool(gradient.isfinite().all())


def test_in_a_far_tail_the_gradient_of_a_narrow_component_is_the_distance_in_its_scales() -> None:
    for distance in (10.0, 300.0, 1000.0, 20_000.0):
        mean = torch.tensor([[128 - distance]], requires_grad=True)
        mixture = MixtureOfGaussians(torch.zeros(1, 1), mean, torch.full((1, 1), 0.2), 256)
        mixture.log_prob(torch.tensor([128])).sum().backward()  # type: ignore[no-untyped-call]
        assert mean.grad is not None
        assert float(mean.grad) == pytest.approx((distance - 0.5) / 0.2**2, rel=1e-3)


def test_gradients_are_those_of_finite_differences() -> None:
    mixture = some(6)
    scales = mixture.scales.clamp(0.3, 8)
    symbols = torch.arange(40) % 6
    parameters = [p.requires_grad_() for p in (mixture.weights, mixture.means.clamp(-4, 9), scales)]
    assert torch.autograd.gradcheck(lambda w, m, s: MixtureOfGaussians(w, m, s, 6).log_prob(symbols), parameters)


def test_what_is_symmetric_about_the_middle_stays_so() -> None:
    p = one(127.5, 9.0, 256).dense()
    assert torch.equal(p, p.flip(-1))


def test_cdf_quantile_and_entropy_are_those_of_its_symbols() -> None:
    mixture = some(8)
    p = mixture.dense().exp()
    symbols = torch.arange(40) % 8
    below = torch.stack([row[: k + 1].sum() for row, k in zip(p, symbols.tolist(), strict=True)])
    assert torch.allclose(mixture.cdf(symbols), below)
    assert torch.allclose(mixture.entropy(), -(p * p.clamp_min(1e-300).log2()).sum(-1))
    u = torch.linspace(0, 0.999, 40).double()
    assert torch.equal(mixture.quantile(u), (p.cumsum(-1) <= u[:, None]).sum(-1))


def test_an_index_of_the_batch_picks_distributions() -> None:
    mixture = some(8)
    p = mixture.dense()
    grid = MixtureOfGaussians(*(x.reshape(8, 5, 5) for x in (mixture.weights, mixture.means, mixture.scales)), 8)
    assert torch.equal(mixture[3].dense(), p[3])
    assert torch.equal(grid[2, 1:].dense(), p[11:15])
    assert torch.equal(grid[:, -1].dense(), p[4::5])
    assert mixture[3].size == 8


def test_another_precision_is_that_of_all_parameters() -> None:
    rounded = some(8).to(torch.float32)
    assert {p.dtype for p in (rounded.weights, rounded.means, rounded.scales)} == {torch.float32}
    assert isinstance(rounded, MixtureOfGaussians)
    again = rounded.double()
    assert torch.equal(again.means.float(), rounded.means)
    assert torch.equal(again.dense(), rounded.dense())
