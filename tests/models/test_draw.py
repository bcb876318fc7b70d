"""What the kernels share, against numpy, and against the shaping and drawing of ``models.conditional``."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from models.conditional import Categorical, first_above, shape_probs
from models.kernels.draw import draw_symbol, fast_exp, fast_sigmoid, fast_tanh
from models.kernels.matrix import LINE_BYTES, WIDTHS, add_product, add_products, bfloat16, outputs_of, pack
from models.shaping import NEUTRAL, Shaping

Float32s = npt.NDArray[np.float32]

SHAPINGS = [
    Shaping(*settings) for settings in itertools.product((0, 0.3, 1, 1.7), (0, 1, 3, 40), (1, 0.9, 0.31), (0, 0.05, 1))
]


def draw(logits: Float32s, u: float, shaping: Shaping = NEUTRAL, clamp: int = -1) -> tuple[int, float, float]:
    size = len(logits)
    return draw_symbol(
        logits,
        np.empty(size),
        np.empty(size, np.int64),
        u,
        clamp,
        float(shaping.temperature),
        shaping.top_k,
        float(shaping.top_p),
        float(shaping.min_p),
    )


def some_logits(size: int, *, tied: bool) -> Float32s:
    logits = np.random.default_rng(size).normal(size=(20, size)) * 3
    return (np.round(logits / 2) * 2 if tied else logits).astype(np.float32)


@pytest.mark.parametrize("tied", [False, True], ids=["distinct", "tied"])
@pytest.mark.parametrize("size", [2, 7, 257])
def test_draws_what_shape_probs_and_first_above_draw(size: int, tied: bool) -> None:
    logits = some_logits(size, tied=tied)
    u = np.random.default_rng(1).random(len(logits))
    log_p = Categorical(torch.from_numpy(logits)).dense()
    for shaping in SHAPINGS:
        expected = first_above(shape_probs(log_p, shaping), torch.from_numpy(u))
        assert [draw(row, noise, shaping)[0] for row, noise in zip(logits, u, strict=True)] == expected.tolist()


@pytest.mark.parametrize("shaping", [Shaping(top_k=2), Shaping(temperature=0.5, top_k=2), Shaping(top_p=0.45)])
def test_among_ties_the_lower_symbols_stay(shaping: Shaping) -> None:
    logits = np.array([0, 3, 3, 3, 0], np.float32)
    assert {draw(logits, u, shaping)[0] for u in np.linspace(0, 0.999, 50)} == {1, 2}


def test_temperature_zero_takes_the_lowest_of_the_modes() -> None:
    assert draw(np.array([0, 2, 5, 5], np.float32), 0.99, Shaping(temperature=0))[0] == 2


def test_surprise_and_entropy_are_those_of_the_raw_conditional() -> None:
    for row in some_logits(257, tied=False):
        raw = Categorical(torch.from_numpy(row))
        symbol, surprise, entropy = draw(row, 0.4, Shaping(temperature=0.2, top_k=3))
        assert surprise == pytest.approx(-float(raw.dense()[symbol]) / math.log(2), abs=1e-12)
        assert entropy == pytest.approx(float(raw.entropy()), abs=1e-12)


def test_a_clamp_is_taken_whatever_the_shaping_leaves() -> None:
    logits = np.array([9, 0, 0], np.float32)
    symbol, surprise, _ = draw(logits, 0.1, Shaping(temperature=0), clamp=2)
    assert symbol == 2
    assert surprise == pytest.approx(9 / math.log(2), abs=1e-3)


def test_noise_next_to_one_draws_a_symbol_of_positive_probability() -> None:
    logits = np.array([0, 0, 0, -np.inf], np.float32)
    assert draw(logits, 1 - 2**-53)[0] == 2


def test_a_certain_symbol_has_no_entropy_and_is_drawn() -> None:
    logits = np.array([-np.inf, 0, -np.inf], np.float32)
    assert draw(logits, 0.0) == (1, 0.0, 0.0)


def test_tanh_sigmoid_and_exp_are_close_to_numpy() -> None:
    for x in np.linspace(-20, 20, 401, dtype=np.float32):
        assert fast_tanh(x) == pytest.approx(np.tanh(float(x)), abs=4e-7)
        assert fast_sigmoid(x) == pytest.approx(1 / (1 + np.exp(-float(x))), abs=3e-7)
        assert fast_exp(-abs(float(x)) * 30) == pytest.approx(np.exp(-abs(float(x)) * 30), rel=1e-13)
    assert fast_exp(-800.0) == 0


@pytest.mark.parametrize("rows", [1, 4, 7])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (6, 64), (33, 200)])
def test_products_with_packed_weights_are_matrix_products(rows: int, inputs: int, outputs: int) -> None:
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(inputs, outputs)).astype(np.float32)
    x = rng.normal(size=(rows, inputs + 3)).astype(np.float32)[:, :inputs]
    packed = pack(weights)
    sums = np.ones((rows, outputs_of(packed)), np.float32)
    add_products(packed, x, sums)
    assert sums[:, :outputs] == pytest.approx(1 + x @ weights, abs=1e-4)
    assert (sums[:, outputs:] == 1).all()
    for tile in WIDTHS:
        packed = pack(weights, tile)
        assert packed.ctypes.data % LINE_BYTES == 0
        alone = np.ones(outputs_of(packed), np.float32)
        add_product(packed, np.ascontiguousarray(x[0]), alone)
        assert alone[:outputs] == pytest.approx(sums[0, :outputs], abs=1e-4)
        assert (alone[outputs:] == 1).all()


def test_weights_of_16_bits_are_rounded_as_torch_rounds_them_and_multiplied_in_float32() -> None:
    rng = np.random.default_rng(3)
    weights = (rng.normal(size=(37, 100)) * 10.0 ** rng.integers(-9, 9, (37, 100))).astype(np.float32)
    expected = torch.from_numpy(weights).bfloat16().float().numpy()
    assert np.array_equal((bfloat16(weights).astype(np.uint32) << 16).view(np.float32), expected)
    x = rng.normal(size=37).astype(np.float32)
    for tile in WIDTHS:
        whole, packed = pack(expected, tile), bfloat16(pack(weights, tile))
        assert packed.ctypes.data % LINE_BYTES == 0
        sums, same = np.zeros(outputs_of(whole), np.float32), np.zeros(outputs_of(whole), np.float32)
        add_product(whole, x, sums)
        add_product(packed, x, same)
        assert np.array_equal(sums, same)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("size", [8, 33])
def test_a_draw_does_not_depend_on_where_in_memory_its_arrays_lie(size: int, kind: type[np.floating]) -> None:
    """Nor does a compiler's choice between two orders of a sum, which looks at how near to one another they are."""
    rows = np.random.default_rng(3).normal(size=(20, size)) * 4
    memory = np.zeros(200)
    results = set()
    for gap in range(60):
        logits = memory[: 2 * size].view(kind)[:size]
        p = memory[size + gap : 2 * size + gap]
        drawn = []
        for row in rows:
            logits[:] = row
            drawn.append(draw_symbol(logits, p, np.empty(size, np.int64), 0.4, -1, 1.0, 0, 1.0, 0.0))
        results.add(tuple(drawn))
    assert len(results) == 1
