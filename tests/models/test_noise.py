"""Noise is a pure function of (seed, sample, salt, variable)."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import InputError
from models.noise import MAX_SEED, uniforms


def test_any_stretch_of_a_stream_equals_that_part_of_the_whole() -> None:
    whole = uniforms(7, 3, 0, 0, 1000)
    for start, count in [(0, 1), (1, 1), (2, 5), (160, 160), (999, 1)]:
        assert np.array_equal(uniforms(7, 3, 0, start, count), whole[start : start + count])


def test_seed_sample_salt_and_variable_each_give_other_noise() -> None:
    streams = [uniforms(*key, 64) for key in [(1, 0, 0, 0), (2, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 64)]]
    for i, a in enumerate(streams):
        for b in streams[i + 1 :]:
            assert np.abs(np.corrcoef(a, b)[0, 1]) < 0.5
            assert not np.isin(a, b).any()


def test_values_are_uniform_multiples_of_two_to_the_minus_53() -> None:
    u = uniforms(0, 0, 0, 0, 100_000)
    assert u.min() >= 0
    assert u.max() < 1
    assert np.array_equal(u * 2.0**53, np.floor(u * 2.0**53))
    edges = np.sort(u)
    assert np.abs(edges - (np.arange(len(u)) + 0.5) / len(u)).max() < 1.95 / np.sqrt(len(u))  # Kolmogorov-Smirnov


def test_the_generator_is_philox_4x64_10_and_stays_it() -> None:
    """A saved seed must mean the same noise in ten years, whatever numpy does."""
    expected = [(philox((step + 1, 1, 0, 0), (20417, 6))[0] >> 11) * 2.0**-53 for step in range(431, 434)]
    assert uniforms(20417, 6, 1, 431, 3).tolist() == expected


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Philox-4x64 with ten rounds, from the paper; numpy counts up before it draws, hence step + 1 above."""
    low = 2**64 - 1
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        left, right = a * 0xD2E7470EE14C6C93, c * 0xCA5A826395121157
        a, b, c, d = (right >> 64) ^ b ^ k0, right & low, (left >> 64) ^ d ^ k1, left & low
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & low, (k1 + 0xBB67AE8584CAA73B) & low
    return a, b, c, d


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(InputError, match=str(MAX_SEED)):
        uniforms(seed, 0, 0, 0, 1)
