"""The compiled decoders of images and videos, by the scaffold in ``walk``, are their networks, a step at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from math import inf
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt
import pytest
import torch
from numba.core.dispatcher import Dispatcher

from models.chain import DRAW, GreyLevels, ImageChain, MuLaw, SoundChain, Symbols
from models.condition import Category
from models.conditional import BinnedMixture, MixtureOfGaussians, MixtureOfLogistics
from models.decoder import Decoder, Drawn
from models.errors import InputError
from models.kernels.draw import draw_symbol, fast_elu
from models.kernels.mixture import (
    log_masses_of_gaussians,
    log_masses_of_logistics,
    log_masses_of_normal,
    log_normal_cdf,
)
from models.kernels.walk import Float64s, Int64s
from models.kernels.warm import KERNELS
from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class
from models.sampling import FLOAT_TIE, make_decoder
from models.shaping import NEUTRAL, Shaping
from models.video import VideoChain
from tests.wander import wander

GREY = ImageChain(GreyLevels(5), 6, 9)
BITS = ImageChain(GreyLevels(2), 5, 5)
COLOUR = ImageChain(GreyLevels(7), 5, 4, 3)
VIDEO = VideoChain(GreyLevels(3), frames=3, height=5, width=4, rate=5)
COLOURED = VideoChain(GreyLevels(5), frames=3, height=3, width=4, rate=5, channels=3)
MIXTURE = "mixture of Gaussians"

NETWORKS: dict[str, tuple[str, ImageChain | VideoChain, dict[str, object]]] = {
    "FVBN": ("fvbn", GREY, {}),
    "FVBN of bits": ("fvbn", BITS, {}),
    "MADE": ("made", GREY, {"hidden": [40, 30], "masks": 2, "seed": 3, "direct": False}),
    "MADE of bits": ("made", BITS, {"hidden": [50], "masks": 1, "seed": 3, "direct": True}),
    "NADE": ("nade", GREY, {"hidden": 12, "output": "softmax"}),
    "NADE of bits": ("nade", BITS, {"hidden": 20, "output": "softmax"}),
    "NADE of Gaussians": ("nade", COLOUR, {"hidden": 12, "output": MIXTURE, "components": 3}),
    "orderless NADE": ("orderless_nade", GREY, {"hidden": [70, 9, 66]}),
    "orderless NADE of one layer": ("orderless_nade", BITS, {"hidden": [14]}),
    "PixelCNN": ("pixelcnn", GREY, {"channels": 10, "blocks": 2, "head": 6}),
    "PixelCNN in colour": ("pixelcnn", COLOUR, {"channels": 12, "blocks": 3, "head": 9}),
    "PixelCNN, wide": ("pixelcnn", ImageChain(GreyLevels(70), 3, 4), {"channels": 132, "blocks": 1, "head": 65}),
    "PixelCNN of one pixel": ("pixelcnn", ImageChain(GreyLevels(5), 1, 1), {"channels": 8, "blocks": 2, "head": 8}),
    "PixelCNN++": (
        "pixelcnn_pp", GREY, {"channels": 5, "blocks": 1, "scales": 3, "components": 3, "dropout": 0},
    ),
    "PixelCNN++ in colour": (
        "pixelcnn_pp", COLOUR, {"channels": 34, "blocks": 1, "scales": 2, "components": 4, "dropout": 0},
    ),
    "PixelCNN++ of one scale and bits": (
        "pixelcnn_pp", BITS, {"channels": 4, "blocks": 1, "scales": 1, "components": 2, "dropout": 0},
    ),
    "PixelCNN++ of one pixel": (
        "pixelcnn_pp", ImageChain(GreyLevels(5), 1, 1), {"channels": 4, "blocks": 1, "scales": 2, "components": 4,
        "dropout": 0},
    ),
    "Video Pixel Network": (
        "video_pixel_network", VIDEO, {"channels": 10, "dilations": [1, 2], "hidden": 7, "blocks": 2, "head": 9},
    ),
    "Video Pixel Network in colour": (
        "video_pixel_network", COLOURED, {"channels": 36, "dilations": [3], "hidden": 18, "blocks": 1, "head": 66},
    ),
    "Video Pixel Network of independent pixels": (
        "video_pixel_network", VIDEO, {"channels": 36, "dilations": [2, 1], "hidden": 17, "blocks": 2, "head": 5,
        "pixels": "independent"},
    ),
    "Video Pixel Network of independent sub-pixels": (
        "video_pixel_network", COLOURED, {"channels": 6, "dilations": [1], "hidden": 3, "blocks": 1, "head": 6,
        "pixels": "independent"},
    ),
    "Video Pixel Network of one pixel": (
        "video_pixel_network", VideoChain(GreyLevels(5), frames=4, height=1, width=1, rate=5), {"channels": 4,
        "dilations": [1], "hidden": 3, "blocks": 1, "head": 4},
    ),
}  # fmt: skip
GAIN = {"pixelcnn_pp": 1.0}
"""Of weights: in many layers, with narrow logistics after them, float32 is soon lost in its own rounding."""
SHAPINGS = (NEUTRAL, Shaping(temperature=0), Shaping(temperature=1.4, top_k=5, top_p=0.9, min_p=0.02))
CONDITIONS = [
    {"class": "a", "order": "raster"},
    {"class": "any", "order": "spiral"},
    {"class": "b", "order": "random 5"},
]


def build(name: str) -> AutoregressiveModel:
    """Random weights, large enough that conditionals are far from uniform and depend on what came before."""
    architecture, chain, config = NETWORKS[name]
    torch.manual_seed(3)
    kind = network_class(architecture)
    factors = kind.factors_for((Category("class", ("a", "b"), any=True),), chain)
    network = kind(ModelSpec(architecture, chain, factors, config)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
            parameter.normal_(std=GAIN.get(architecture, 1.5) * fan_in**-0.5)
    return network


@pytest.fixture(scope="module", params=NETWORKS)
def model(request: pytest.FixtureRequest) -> AutoregressiveModel:
    return build(request.param)


def compiled(model: AutoregressiveModel, rows: Sequence[int] = (0, 1, 2)) -> Decoder:
    """Three rows under three conditions, or some of them."""
    names = [factor.name for factor in model.factors]
    conditions = [{name: CONDITIONS[row][name] for name in names} for row in rows]
    return make_decoder(model, "compiled", model.condition_tensor(conditions))


def tolerance(model: AutoregressiveModel) -> float:
    """Of a total variation. A narrow logistic moves far, for the rounding of its mean in float32."""
    return 1e-4 if model.architecture == "pixelcnn_pp" else 1e-5


def length_of(model: AutoregressiveModel) -> int:
    return model.chain.limit


def images(model: AutoregressiveModel) -> Symbols:
    rng = np.random.default_rng(7)
    return rng.integers(0, model.chain.alphabet.size, (3, length_of(model))).astype(np.int32)


def noise(model: AutoregressiveModel) -> npt.NDArray[np.float64]:
    return np.random.default_rng(11).random((3, length_of(model)))


def distance_to_network(decoder: Decoder) -> float:
    """Largest total variation between ``peek`` and the parallel pass over the same symbols."""
    reference = make_decoder(decoder.model, "reference", decoder.condition)
    reference.extend(decoder.symbols)
    difference = decoder.peek().dense().exp() - reference.peek().dense().exp()
    return float(difference.abs().sum(-1).max() / 2)


def assert_same_bits(drawn: Drawn, straight: Drawn, start: int = 0) -> None:
    end = start + drawn.symbols.shape[1]
    for name in ("symbols", "surprise", "entropy"):
        assert np.array_equal(getattr(drawn, name), getattr(straight, name)[:, start:end]), name


def test_every_step_is_the_networks(model: AutoregressiveModel) -> None:
    decoder = compiled(model)
    for column in images(model).T:
        assert distance_to_network(decoder) < tolerance(model)
        decoder.push(column)


def test_any_prefix_rewind_and_selection_leave_it_the_networks(model: AutoregressiveModel) -> None:
    for decoder in wander(compiled(model), 80):
        assert distance_to_network(decoder) < tolerance(model)


@pytest.mark.parametrize("shaping", SHAPINGS)
def test_draws_what_the_reference_draws_up_to_a_tie(model: AutoregressiveModel, shaping: Shaping) -> None:
    """Where they first differ, u lies within a tie of the edge between the two symbols."""
    decoder, u = compiled(model), noise(model)
    reference = make_decoder(model, "reference", decoder.condition)
    drawn, expected = decoder.advance(u, shaping), reference.advance(u, shaping)
    for row in range(3):
        differing = np.flatnonzero(drawn.symbols[row] != expected.symbols[row])
        same = int(differing[0]) if differing.size else length_of(model)
        assert np.abs(drawn.surprise - expected.surprise)[row, :same].max(initial=0) < FLOAT_TIE
        assert np.abs(drawn.entropy - expected.entropy)[row, :same].max(initial=0) < FLOAT_TIE
        if differing.size:
            other = make_decoder(model, "reference", decoder.condition[row : row + 1])
            other.extend(expected.symbols[row : row + 1, :same])
            cdf = other.peek().shaped(shaping)[0].cumsum(-1)
            edge = min(drawn.symbols[row, same], expected.symbols[row, same])
            assert abs(float(cdf[edge]) - u[row, same]) < FLOAT_TIE


def test_blocks_of_any_size_peeks_and_rewinds_give_the_same_bits(model: AutoregressiveModel) -> None:
    u, length = noise(model), length_of(model)
    straight = compiled(model).advance(u, NEUTRAL)
    decoder, rng = compiled(model), np.random.default_rng(3)
    for back in (0, 5, 20, 60, 1, 9):
        decoder.rewind(max(0, decoder.step - back))
        while decoder.step < length:
            start = decoder.step
            if rng.integers(2):
                decoder.peek()
            stop = min(length, start + int(rng.integers(1, 15)))
            assert_same_bits(decoder.advance(u[:, start:stop], NEUTRAL), straight, start)


def test_what_was_told_and_what_was_drawn_give_the_same_bits(model: AutoregressiveModel) -> None:
    u, half = noise(model), length_of(model) // 2
    straight = compiled(model).advance(u, NEUTRAL)
    told, pushed = compiled(model), compiled(model)
    told.extend(straight.symbols[:, :half])
    for column in straight.symbols[:, :half].T:
        pushed.push(column)
    assert_same_bits(told.advance(u[:, half:], NEUTRAL), straight, half)
    assert_same_bits(pushed.advance(u[:, half:], NEUTRAL), straight, half)


def test_a_sample_alone_is_the_sample_in_a_batch(model: AutoregressiveModel) -> None:
    u = noise(model)
    together = compiled(model).advance(u, NEUTRAL)
    for row in range(3):
        alone = compiled(model, [row]).advance(u[row : row + 1], NEUTRAL)
        for name in ("symbols", "surprise", "entropy"):
            assert np.array_equal(getattr(alone, name)[0], getattr(together, name)[row])


def test_a_selection_leaves_the_one_it_was_made_of_alone(model: AutoregressiveModel) -> None:
    u, half = noise(model), length_of(model) // 2
    straight = compiled(model).advance(u, NEUTRAL)
    decoder = compiled(model)
    decoder.advance(u[:, :half], NEUTRAL)
    other = decoder.select([2, 0])
    other.rewind(half // 2)
    other.extend(images(model)[[2, 0], half // 2 : -1])
    assert_same_bits(decoder.advance(u[:, half:], NEUTRAL), straight, half)
    assert distance_to_network(other) < tolerance(model)


def test_clamps_are_taken_and_inactive_rows_are_pushed_zeros(model: AutoregressiveModel) -> None:
    decoder, count = compiled(model), length_of(model) - 1
    clamps = np.full((3, count), DRAW, np.int32)
    clamps[:, count // 2 :] = images(model)[:, count // 2 : count]
    drawn = decoder.advance(noise(model)[:, :count], NEUTRAL, clamps, np.array([True, False, True]))
    assert np.array_equal(drawn.symbols[[0, 2], count // 2 :], clamps[[0, 2], count // 2 :])
    assert (drawn.symbols[1] == DRAW).all()
    assert (decoder.symbols[1] == 0).all()
    assert not drawn.surprise[1].any()
    assert distance_to_network(decoder) < tolerance(model)


def test_refuses_symbols_and_steps_that_are_not_there(model: AutoregressiveModel) -> None:
    decoder, size, length = compiled(model), model.chain.alphabet.size, length_of(model)
    one = np.full((3, 1), 0.5)
    for bad in (lambda: decoder.push([0, 1, size]), lambda: decoder.extend([[0], [-1], [1]])):
        with pytest.raises(InputError, match=f"0 … {size - 1}"):
            bad()
    with pytest.raises(InputError, match="3 rows"):
        decoder.extend([[0]])
    with pytest.raises(InputError, match=f"0 … {size - 1}"):
        decoder.advance(one, NEUTRAL, np.full((3, 1), size, np.int32))
    decoder.extend(images(model))
    for beyond in (decoder.peek, lambda: decoder.push([0, 0, 0]), lambda: decoder.advance(one, NEUTRAL)):
        with pytest.raises(InputError, match=f"{length} variables"):
            beyond()


def test_one_kernel_serves_every_network_and_call(model: AutoregressiveModel) -> None:
    kernel = import_module(f"models.kernels.{model.architecture}")
    kernel.warm_up()
    decoder = compiled(model).select([1, 0])
    u = noise(model)[:2, :1]
    u.flags.writeable = False
    decoder.advance(u, Shaping(top_k=3), np.asfortranarray(np.full((2, 1), DRAW, np.int32)))
    assert len(kernel._walk.signatures) == 1


class Jingle(SoundChain):
    """A fixed number of variables, of which one may end the sample."""

    @property
    def length(self) -> int:  # type: ignore[override]
        return 12


@pytest.mark.parametrize(
    ("architecture", "config"),
    [("fvbn", {}), ("made", {"hidden": [9], "masks": 1, "seed": 0, "direct": True})],
)
def test_a_stop_symbol_ends_its_row_and_the_last_one_the_block(architecture: str, config: dict[str, object]) -> None:
    chain = Jingle(MuLaw(4, stop=True), rate=8000, default_seconds=0.1, max_seconds=0.1)
    torch.manual_seed(0)
    model = network_class(architecture)(ModelSpec(architecture, chain, (), config))
    condition = model.condition_tensor([{}] * 4)
    active = np.array([True, True, False, True])
    lengths = []
    for seed in range(12):
        u = np.random.default_rng(seed).random((4, 12))
        decoder, reference = make_decoder(model, "compiled", condition), make_decoder(model, "reference", condition)
        drawn, expected = decoder.advance(u, NEUTRAL, active=active), reference.advance(u, NEUTRAL, active=active)
        assert np.array_equal(drawn.symbols, expected.symbols)
        assert np.array_equal(decoder.symbols, reference.symbols)
        lengths.append(decoder.step)
    assert min(lengths) < max(lengths) == 12


def test_the_normal_distribution_function_keeps_its_digits_in_the_tail() -> None:
    x = np.concatenate([np.linspace(-60, 6, 500), [-1e4, -1e8, 40.0]])
    expected = torch.special.log_ndtr(torch.from_numpy(x)).numpy()
    assert [log_normal_cdf(value) for value in x] == pytest.approx(expected, rel=1e-11, abs=1e-15)


@pytest.mark.parametrize("scale", [0.1, 1.0, 40.0, 256.0])
@pytest.mark.parametrize(
    ("kind", "log_masses"),
    [(MixtureOfGaussians, log_masses_of_gaussians), (MixtureOfLogistics, log_masses_of_logistics)],
)
def test_masses_of_a_mixture_are_the_conditionals_to_the_last_symbol(
    kind: type[BinnedMixture], log_masses: Callable[..., None], scale: float
) -> None:
    """At the narrowest they are far below the smallest numbers somewhere, though not their logarithms."""
    rng = np.random.default_rng(4)
    weights, means = rng.normal(size=4) * 3, np.array([-3.0, 30.2, 30.5, 252.0])
    scales = scale * np.array([1, 0.5, 2, 1])
    logits = np.empty(256)
    log_masses(weights, means, scales, logits)
    mixture = kind(*map(torch.from_numpy, (weights, means, scales)), 256)
    assert torch.log_softmax(torch.from_numpy(logits), -1).numpy() == pytest.approx(mixture.dense().numpy(), rel=1e-9)


@pytest.mark.parametrize("scale", [1e-3, 0.03, 1.0])
@pytest.mark.parametrize("mean", [-2.0, 0.1, 0.11, 0.9])
def test_masses_of_a_gaussian_in_bins_of_any_width_are_the_conditionals(mean: float, scale: float) -> None:
    edges = np.sort(np.random.default_rng(7).uniform(-1, 1, 40))
    logits = np.empty(41)
    log_masses_of_normal(edges, mean, scale, logits)
    parameters = (torch.tensor([x], dtype=torch.float64) for x in (0.0, mean, scale))
    expected = MixtureOfGaussians(*parameters, 41, torch.from_numpy(edges)).dense().numpy()
    assert logits == pytest.approx(expected, rel=1e-9, abs=1e-14)


def test_a_component_without_weight_has_no_part_in_the_masses() -> None:
    means, scales = np.array([30.0, 200.0]), np.array([1.0, 2.0])
    one, both = np.empty(256), np.empty(256)
    log_masses_of_logistics(np.zeros(1), means[:1], scales[:1], one)
    log_masses_of_logistics(np.array([0.0, -inf]), means, scales, both)
    assert both == pytest.approx(one, rel=1e-12)


def test_elu_of_a_float32() -> None:
    x = np.concatenate([np.linspace(-30, 5, 2001), [-1e30, -1e-30, 0.0, 1e30]]).astype(np.float32)
    expected = torch.nn.functional.elu(torch.from_numpy(x).double()).numpy()
    assert [fast_elu(value) for value in x] == pytest.approx(expected, rel=1e-7, abs=2e-7)
    assert np.isnan(fast_elu(np.float32("nan")))


def test_a_mixture_is_shown_as_the_network_has_it() -> None:
    """With its components, which the inspector draws."""
    for name in ("NADE of Gaussians", "PixelCNN++ in colour"):
        model = build(name)
        decoder, reference = compiled(model), make_decoder(model, "reference", compiled(model).condition)
        for column in images(model)[:, :20].T:
            shown, expected = decoder.peek(), reference.peek()
            assert type(shown) is type(expected)
            for ours, theirs in zip(shown.parameters, expected.parameters, strict=True):
                assert ours.numpy() == pytest.approx(theirs.numpy(), rel=1e-4, abs=1e-4)
            decoder.push(column)
            reference.push(column)


def test_what_a_kernel_calls_becomes_a_part_of_it() -> None:
    """Of a function beside it, which other kernels have, too, the copy that was loaded first would be taken."""

    @numba.njit  # type: ignore[untyped-decorator]
    def walk(logits: Float64s, p: Float64s, order: Int64s) -> tuple[int, float, float]:
        return draw_symbol(logits, p, order, 0.5, -1, 1.0, 0, 1.0, 0.0)

    walk(np.zeros(3), np.zeros(3), np.zeros(3, np.int64))
    (code,) = walk.inspect_llvm().values()
    assert "draw_symbol" in code
    assert re.findall("^define linkonce_odr .*models7kernels.*$", code, re.MULTILINE) == []


def test_walks_alone_are_kernels() -> None:
    """And the packed products, of which every copy gives the same bits: all else is inlined."""
    kernels = set()
    for file in Path(import_module("models.kernels").__path__[0]).glob("[a-z]*.py"):
        for value in vars(import_module(f"models.kernels.{file.stem}")).values():
            if isinstance(value, Dispatcher) and not value.targetoptions.get("forceinline"):
                kernels.add(f"{value.__module__}.{value.__name__}".removeprefix("models.kernels."))
    walks = {f"{name.split(':')[0]}._walk".removeprefix("models.kernels.") for name in KERNELS}
    assert kernels == walks - {"wavenet._walk"} | {
        "wavenet.walk",
        "matrix.add_product",
        "matrix.add_products",
        "matrix.add_convolution",
        "matrix.read",
    }
