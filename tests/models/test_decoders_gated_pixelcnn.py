"""The cached and the compiled decoder of the Gated PixelCNN are the network, one pixel at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.chain import DRAW, GreyLevels, ImageChain, Symbols
from models.condition import Category
from models.decoder import Decoder
from models.errors import InputError
from models.kernels.gated_pixelcnn import _walk, packed_weights
from models.model import ModelSpec
from models.networks.gated_pixelcnn import GatedPixelCNN
from models.sampling import FLOAT_TIE, make_decoder
from models.shaping import NEUTRAL, Shaping
from tests.wander import wander

ENGINES = ("cached", "compiled")
NETWORKS = {
    "wide": {"height": 7, "width": 9, "levels": 16, "channels": 32, "dilations": (1, 2, 1, 4), "head": 40},
    "tall": {"height": 9, "width": 4, "levels": 7, "channels": 5, "dilations": (1, 2, 1), "head": 6, "first_rows": 1},
    "dilated beyond the image": {
        "height": 3, "width": 5, "levels": 300, "channels": 33, "dilations": (20, 1, 5), "head": 70, "first_rows": 6,
    },
    "in colour": {
        "height": 5, "width": 6, "colours": 3, "levels": 16, "channels": 24, "dilations": (1, 2, 1), "head": 20,
    },
    "tall, in colour": {
        "height": 6, "width": 2, "colours": 3, "levels": 70, "channels": 33, "dilations": (1, 3), "head": 70,
        "first_rows": 1,
    },
    "a single pixel in colour": {
        "height": 1, "width": 1, "colours": 3, "levels": 2, "channels": 3, "dilations": (1,), "head": 2,
    },
    "a single pixel": {"height": 1, "width": 1, "levels": 2, "channels": 3, "dilations": (1,), "head": 2},
}  # fmt: skip
SHAPINGS = (NEUTRAL, Shaping(temperature=0), Shaping(temperature=1.4, top_k=5, top_p=0.9, min_p=0.02))


def build(*, height: int, width: int, levels: int, colours: int = 1, **config: object) -> GatedPixelCNN:
    """Random weights, large enough that conditionals are far from uniform and depend on what came before."""
    chain = ImageChain(GreyLevels(levels), height, width, colours)
    torch.manual_seed(3)
    model = GatedPixelCNN(ModelSpec("gated_pixelcnn", chain, (Category("class", ("a", "b"), any=True),), config)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            fan_in = parameter[0].numel() if parameter.dim() == 4 else 4
            parameter.normal_(std=1.5 * fan_in**-0.5)
    return model


@pytest.fixture(scope="module", params=NETWORKS)
def model(request: pytest.FixtureRequest) -> GatedPixelCNN:
    return build(**NETWORKS[request.param])  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["wide", "in colour"])
def wide(request: pytest.FixtureRequest) -> GatedPixelCNN:
    """Of 16 levels."""
    return build(**NETWORKS[request.param])  # type: ignore[arg-type]


def decoder_of(model: GatedPixelCNN, engine: str) -> Decoder:
    """Three rows under three conditions."""
    return make_decoder(model, engine, model.condition_tensor([{"class": "a"}, {"class": "any"}, {"class": "b"}]))


def image(model: GatedPixelCNN, rows: int = 3) -> Symbols:
    chain = model.image_chain
    return np.random.default_rng(7).integers(0, chain.alphabet.size, (rows, chain.length)).astype(np.int32)


def noise(model: GatedPixelCNN, rows: int = 3) -> np.ndarray:
    return np.random.default_rng(11).random((rows, model.image_chain.length))


def distance_to_network(decoder: Decoder) -> float:
    """Largest total variation between ``peek`` and the parallel pass over the same symbols."""
    reference = make_decoder(decoder.model, "reference", decoder.condition)
    reference.extend(decoder.symbols)
    difference = decoder.peek().dense().exp() - reference.peek().dense().exp()
    return float(difference.abs().sum(-1).max() / 2)


@torch.inference_mode()
def test_these_networks_depend_on_condition_and_past(wide: GatedPixelCNN) -> None:
    log_p = wide.conditionals(torch.from_numpy(image(wide)).long(), wide.condition_tensor([{"class": "a"}] * 3)).dense()
    other = wide.conditionals(torch.from_numpy(image(wide)).long(), wide.condition_tensor([{"class": "b"}] * 3)).dense()
    assert float((log_p.exp() - other.exp()).abs().sum(-1).median()) > 0.01
    assert float((log_p[0].exp() - log_p[1].exp()).abs().sum(-1)[1:].median()) > 0.01


@pytest.mark.parametrize("engine", ENGINES)
def test_every_step_is_the_networks(model: GatedPixelCNN, engine: str) -> None:
    decoder = decoder_of(model, engine)
    for column in image(model).T:
        assert distance_to_network(decoder) < 1e-4
        decoder.push(column)


@pytest.mark.parametrize("engine", ENGINES)
def test_any_prefix_rewind_and_selection_leave_it_the_networks(model: GatedPixelCNN, engine: str) -> None:
    for decoder in wander(decoder_of(model, engine), 60):
        assert distance_to_network(decoder) < 1e-4


@pytest.mark.parametrize("engine", ENGINES)
def test_peeking_changes_nothing(wide: GatedPixelCNN, engine: str) -> None:
    decoder = decoder_of(wide, engine)
    decoder.extend(image(wide)[:, :13])
    assert torch.equal(decoder.peek().dense(), decoder.peek().dense())
    assert decoder.step == 13


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shaping", SHAPINGS)
def test_draws_what_the_reference_draws_up_to_a_tie(wide: GatedPixelCNN, engine: str, shaping: Shaping) -> None:
    decoder, reference = decoder_of(wide, engine), decoder_of(wide, "reference")
    drawn, expected = decoder.advance(noise(wide), shaping), reference.advance(noise(wide), shaping)
    for row in range(3):
        differs = np.flatnonzero(drawn.symbols[row] != expected.symbols[row])
        end = int(differs[0]) if differs.size else drawn.symbols.shape[1]
        assert drawn.surprise[row, :end] == pytest.approx(expected.surprise[row, :end], abs=1e-3)
        assert drawn.entropy[row, :end] == pytest.approx(expected.entropy[row, :end], abs=1e-3)
        if differs.size:
            reference.rewind(end)
            cdf = reference.peek().shaped(shaping)[row].cumsum(-1)
            boundary = min(int(drawn.symbols[row, end]), int(expected.symbols[row, end]))
            assert abs(float(cdf[boundary]) - noise(wide)[row, end]) < FLOAT_TIE


@pytest.mark.parametrize("engine", ENGINES)
def test_blocks_of_any_size_and_rewinds_give_the_same_bits(wide: GatedPixelCNN, engine: str) -> None:
    u, length = noise(wide), wide.image_chain.length
    straight = decoder_of(wide, engine).advance(u, NEUTRAL)
    decoder = decoder_of(wide, engine)
    rng = np.random.default_rng(3)
    for back in (0, 5, 20, 60, 1, 9):
        decoder.rewind(max(0, decoder.step - back))
        while decoder.step < length:
            start = decoder.step
            stop = min(length, start + int(rng.integers(1, 15)))
            drawn = decoder.advance(u[:, start:stop], NEUTRAL)
            for name in ("symbols", "surprise", "entropy"):
                assert np.array_equal(getattr(drawn, name), getattr(straight, name)[:, start:stop]), name


@pytest.mark.parametrize("engine", ENGINES)
def test_rewinding_twice_before_going_on_gives_the_same_bits(wide: GatedPixelCNN, engine: str) -> None:
    u, row = noise(wide), wide.image_chain.stride
    straight = decoder_of(wide, engine).advance(u, NEUTRAL)
    for first, second in ((4 * row + 3, 3 * row + 2), (4 * row, 2 * row + 8), (row + 1, 2), (3, 0)):
        decoder = decoder_of(wide, engine)
        decoder.advance(u[:, : 5 * row], NEUTRAL)
        decoder.rewind(first)
        decoder.rewind(second)
        assert np.array_equal(decoder.advance(u[:, second:], NEUTRAL).entropy, straight.entropy[:, second:])


def test_compiled_a_sample_alone_is_the_sample_in_a_batch(wide: GatedPixelCNN) -> None:
    u, together = noise(wide), decoder_of(wide, "compiled").advance(noise(wide), NEUTRAL)
    for row in range(3):
        alone = decoder_of(wide, "compiled").select([row]).advance(u[row : row + 1], NEUTRAL)
        assert np.array_equal(alone.symbols[0], together.symbols[row])
        assert np.array_equal(alone.entropy[0], together.entropy[row])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_selected_copy_goes_its_own_way(wide: GatedPixelCNN, engine: str) -> None:
    decoder = decoder_of(wide, engine)
    decoder.extend(image(wide)[:, :20])
    before = decoder.peek().dense()
    copy = decoder.select([2, 2])
    copy.rewind(4)
    copy.extend(image(wide)[:2, 4:40])
    assert torch.equal(decoder.peek().dense(), before)
    assert distance_to_network(copy) < 1e-4


@pytest.mark.parametrize("engine", ENGINES)
def test_clamps_are_taken_and_inactive_rows_are_pushed_zeros(wide: GatedPixelCNN, engine: str) -> None:
    decoder = decoder_of(wide, engine)
    clamps = np.full((3, 12), DRAW, np.int32)
    clamps[:, 4] = 9
    drawn = decoder.advance(noise(wide)[:, :12], NEUTRAL, clamps, np.array([True, False, True]))
    assert drawn.symbols[[0, 2], 4].tolist() == [9, 9]
    assert (drawn.symbols[1] == DRAW).all()
    assert (decoder.symbols[1] == 0).all()
    assert distance_to_network(decoder) < 1e-4


def test_compiled_refuses_symbols_and_steps_that_are_not_there(wide: GatedPixelCNN) -> None:
    decoder = decoder_of(wide, "compiled")
    with pytest.raises(InputError, match="0 … 15"):
        decoder.push([0, 1, 16])
    with pytest.raises(InputError, match="0 … 15"):
        decoder.extend([[0], [-1], [3]])
    decoder.extend(image(wide))
    for beyond in (decoder.peek, lambda: decoder.push([0, 0, 0]), lambda: decoder.advance(noise(wide), NEUTRAL)):
        with pytest.raises(InputError, match=f"{wide.image_chain.length} variables"):
            beyond()


def test_one_compiled_kernel_serves_every_network_and_call(model: GatedPixelCNN, wide: GatedPixelCNN) -> None:
    for network in (model, wide):
        decoder = decoder_of(network, "compiled").select([1, 0])
        u = noise(network, 2)[:, :1]
        u.flags.writeable = False
        decoder.advance(u, Shaping(top_k=3), np.asfortranarray(np.full((2, 1), DRAW, np.int32)))
    assert len(_walk.signatures) == 1  # type: ignore[attr-defined]


def test_weights_are_packed_once_and_again_after_training() -> None:
    model = build(**NETWORKS["tall, in colour"])  # type: ignore[arg-type]
    assert packed_weights(model) is packed_weights(model)
    with torch.no_grad():
        model.out.weight *= -1
    assert distance_to_network(decoder_of(model, "compiled")) < 1e-4
