"""Shaping and drawing, against brute force in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.conditional import Categorical, first_above, shape_probs
from models.errors import InputError
from models.shaping import NEUTRAL, Shaping


def brute_force(p: list[float], s: Shaping) -> list[float]:
    """The definition, symbol by symbol."""
    size = len(p)
    if s.temperature == 0:
        best = max(p)
        return [1.0 if k == p.index(best) else 0.0 for k in range(size)]
    p = [q ** (1 / s.temperature) for q in p]
    p = [q / sum(p) for q in p]
    ranked = sorted(range(size), key=lambda k: (-p[k], k))
    if s.top_k:
        kept = set(ranked[: s.top_k])
        p = [q if k in kept else 0.0 for k, q in enumerate(p)]
        p = [q / sum(p) for q in p]
    if s.top_p < 1:
        kept, mass = set(), 0.0
        for k in ranked:
            if kept and mass >= s.top_p:
                break
            kept.add(k)
            mass += p[k]
        p = [q if k in kept else 0.0 for k, q in enumerate(p)]
        p = [q / sum(p) for q in p]
    if s.min_p:
        floor = s.min_p * max(p)
        p = [q if q >= floor else 0.0 for q in p]
    return [q / sum(p) for q in p]


SHAPINGS = [
    NEUTRAL,
    Shaping(temperature=0),
    Shaping(temperature=0.3),
    Shaping(temperature=2),
    Shaping(top_k=1),
    Shaping(top_k=3),
    Shaping(top_k=1000),
    Shaping(top_p=0.05),
    Shaping(top_p=0.9),
    Shaping(min_p=0.2),
    Shaping(min_p=1),
    Shaping(temperature=0.8, top_k=7, top_p=0.8, min_p=0.1),
]


@pytest.mark.parametrize("shaping", SHAPINGS, ids=str)
@pytest.mark.parametrize("size", [2, 5, 33])
def test_shaping_is_its_definition(shaping: Shaping, size: int) -> None:
    rng = np.random.default_rng(size)
    for _ in range(20):
        p = rng.dirichlet(np.full(size, 0.5))
        p = np.maximum(p, 1e-12) / np.maximum(p, 1e-12).sum()
        shaped = shape_probs(torch.log(torch.from_numpy(p)), shaping)
        assert np.allclose(shaped.numpy(), brute_force(p.tolist(), shaping), atol=1e-12)


@pytest.mark.parametrize("shaping", [Shaping(temperature=0), Shaping(top_k=2), Shaping(top_p=0.5)], ids=str)
def test_ties_go_to_the_lower_symbol(shaping: Shaping) -> None:
    log_p = torch.log(torch.tensor([0.1, 0.2, 0.2, 0.2, 0.2, 0.1], dtype=torch.float64))
    kept = (shape_probs(log_p, shaping) > 0).nonzero().flatten().tolist()
    assert kept == {Shaping(temperature=0): [1], Shaping(top_k=2): [1, 2], Shaping(top_p=0.5): [1, 2, 3]}[shaping]


def test_the_symbol_drawn_is_the_first_whose_cdf_exceeds_u() -> None:
    p = torch.tensor([0.25, 0.0, 0.5, 0.25], dtype=torch.float64)
    for u, expected in [(0.0, 0), (0.2499, 0), (0.25, 2), (0.7499, 2), (0.75, 3), (1 - 2**-53, 3)]:
        assert int(first_above(p, torch.tensor(u, dtype=torch.float64))) == expected


def test_rounding_never_draws_a_symbol_of_probability_zero() -> None:
    p = torch.tensor([0.3, 0.7 - 1e-9, 0.0, 0.0], dtype=torch.float64)
    assert int(first_above(p, torch.tensor(1 - 2**-53, dtype=torch.float64))) == 1


def test_quantile_inverts_the_cdf() -> None:
    conditional = Categorical(torch.randn(50, 17, generator=torch.Generator().manual_seed(1)))
    for k in range(17):
        symbols = torch.full((50,), k)
        below = conditional.cdf(symbols) - 1e-12
        assert bool((conditional.quantile(below.clamp_min(0)) <= k).all())
        assert bool((conditional.quantile((conditional.cdf(symbols) + 1e-12).clamp_max(1 - 2**-53)) >= k).all())


def test_entropy_is_in_bits_and_survives_probabilities_of_zero() -> None:
    uniform = Categorical(torch.zeros(1, 256))
    certain = Categorical(torch.tensor([[0.0, -math.inf, -math.inf]]))
    assert float(uniform.entropy()[0]) == pytest.approx(8)
    assert float(certain.entropy()[0]) == 0


@pytest.mark.parametrize(
    ("field", "value", "right"),
    [
        ("temperature", -1, "0 … 2"),
        ("temperature", 2.1, "0 … 2"),
        ("temperature", "warm", "number"),
        ("temperature", math.nan, "number"),
        ("top_k", -1, "whole"),
        ("top_k", 1.5, "whole"),
        ("top_k", 10**20, "number"),
        ("top_k", 10**400, "number"),
        ("top_p", 0, "above 0"),
        ("top_p", 1.1, "up to 1"),
        ("min_p", -0.1, "0 "),
        ("min_p", math.inf, "0 "),
        ("temperature", 1e300, "0 … 2"),
    ],
)
def test_settings_out_of_range_are_refused_with_what_would_be_right(field: str, value: object, right: str) -> None:
    with pytest.raises(InputError, match=right) as caught:
        Shaping(**{field: value})  # type: ignore[arg-type]
    assert str(caught.value).startswith(field.capitalize().replace("_", "-") + " ")
