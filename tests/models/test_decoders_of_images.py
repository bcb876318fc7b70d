"""The cached decoder of every architecture of images is its network, one step at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.chain import GreyLevels, ImageChain, Symbols
from models.condition import Category, Order, Vector
from models.decoder import Decoder
from models.errors import InputError
from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class
from models.sampling import FLOAT_TIE, make_decoder
from models.shaping import NEUTRAL, Shaping
from tests.wander import wander

GREY = ImageChain(GreyLevels(5), 6, 9)
COLOUR = ImageChain(GreyLevels(7), 5, 4, 3)

NETWORKS: dict[str, tuple[str, ImageChain, dict[str, object]]] = {
    "tabular chain": ("tabular", ImageChain(GreyLevels(3), 2, 3), {"alpha": 0.5}),
    "FVBN": ("fvbn", GREY, {}),
    "FVBN of bits": ("fvbn", ImageChain(GreyLevels(2), 5, 5), {}),
    "MADE": ("made", GREY, {"hidden": [40, 30], "masks": 2, "seed": 3, "direct": False}),
    "MADE of bits": ("made", ImageChain(GreyLevels(2), 5, 5), {"hidden": [50], "masks": 1, "seed": 3, "direct": True}),
    "PixelCNN": ("pixelcnn", GREY, {"channels": 10, "blocks": 2, "head": 6}),
    "PixelCNN in colour": ("pixelcnn", COLOUR, {"channels": 12, "blocks": 3, "head": 9}),
    "PixelCNN of one pixel": ("pixelcnn", ImageChain(GreyLevels(5), 1, 1), {"channels": 8, "blocks": 2, "head": 8}),
    "NADE": ("nade", GREY, {"hidden": 12, "output": "softmax"}),
    "NADE in colour": ("nade", COLOUR, {"hidden": 12, "output": "mixture of Gaussians", "components": 3}),
    "orderless NADE": ("orderless_nade", GREY, {"hidden": [14, 12]}),
    "Row LSTM": ("row_lstm", GREY, {"hidden": 5, "layers": 3, "head": 6}),
    "Row LSTM in colour": ("row_lstm", COLOUR, {"hidden": 6, "layers": 2, "head": 9}),
    "Row LSTM of one pixel": ("row_lstm", ImageChain(GreyLevels(5), 1, 1), {"hidden": 4, "layers": 2, "head": 8}),
    "Diagonal BiLSTM": ("diagonal_bilstm", GREY, {"hidden": 3, "layers": 3, "head": 12}),
    "Diagonal BiLSTM in colour": ("diagonal_bilstm", COLOUR, {"hidden": 3, "layers": 3, "head": 12}),
    "Diagonal BiLSTM of one pixel": (
        "diagonal_bilstm",
        ImageChain(GreyLevels(5), 1, 1),
        {"hidden": 3, "layers": 3, "head": 12},
    ),
    "Gated PixelCNN": ("gated_pixelcnn", GREY, {"channels": 10, "dilations": [1, 3], "head": 6}),
    "Gated PixelCNN in colour": (
        "gated_pixelcnn",
        COLOUR,
        {"channels": 12, "dilations": [1, 2], "head": 9, "first_rows": 2},
    ),
    "PixelCNN++": (
        "pixelcnn_pp",
        GREY,
        {"channels": 4, "blocks": 1, "scales": 3, "components": 3, "dropout": 0.5},
    ),
    "PixelCNN++ in colour": (
        "pixelcnn_pp",
        COLOUR,
        {"channels": 6, "blocks": 1, "scales": 2, "components": 4, "dropout": 0},
    ),
    "PixelCNN++ of one pixel": (
        "pixelcnn_pp",
        ImageChain(GreyLevels(5), 1, 1),
        {"channels": 4, "blocks": 1, "scales": 2, "components": 4, "dropout": 0},
    ),
    "Multi-Scale PixelRNN": (
        "multiscale_pixel_rnn",
        ImageChain(GreyLevels(5), 6, 9, order="coarse 2 first"),
        {"hidden": 5, "coarse_layers": 2, "fine_layers": 2, "upsampled": 4, "head": 6},
    ),
    "Multi-Scale PixelRNN of a quarter": (
        "multiscale_pixel_rnn",
        ImageChain(GreyLevels(3), 7, 5, order="coarse 4 first"),
        {"hidden": 4, "coarse_layers": 1, "fine_layers": 2, "upsampled": 4, "head": 6},
    ),
    "Multi-Scale PixelRNN of one pixel": (
        "multiscale_pixel_rnn",
        ImageChain(GreyLevels(5), 1, 1, order="coarse 2 first"),
        {"hidden": 5, "coarse_layers": 1, "fine_layers": 1, "upsampled": 2, "head": 6},
    ),
}
SHAPINGS = (NEUTRAL, Shaping(temperature=0), Shaping(temperature=1.4, top_k=5, top_p=0.9, min_p=0.02))
CLASSES = [{"class": "a"}, {"class": "any"}, {"class": "b"}]


@pytest.fixture(scope="module", params=NETWORKS)
def model(request: pytest.FixtureRequest) -> AutoregressiveModel:
    """Random weights, large enough that conditionals are far from uniform and depend on what came before."""
    architecture, chain, config = NETWORKS[request.param]
    torch.manual_seed(3)
    kind = network_class(architecture)
    factors = kind.factors_for((Category("class", ("a", "b"), any=True),), chain)
    network = kind(ModelSpec(architecture, chain, factors, config)).eval().double()
    with torch.no_grad():
        for parameter in network.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
            parameter.normal_(std=1.5 * fan_in**-0.5)
            if not parameter.requires_grad:
                parameter.abs_()  # counts
    return network


@pytest.mark.parametrize("network", NETWORKS)
def test_a_condition_that_the_network_would_not_heed_is_refused(network: str) -> None:
    architecture, chain, config = NETWORKS[network]
    kind = network_class(architecture)
    for unknown in (Vector("whim", 2), Order("whim", chain.height, chain.width)):
        for factors in ((*kind.factors_for((), chain), unknown), (unknown, *kind.factors_for((), chain))):
            with pytest.raises(InputError, match=f"categories; 'whim' is a {unknown.kind}"):
                kind(ModelSpec(architecture, chain, factors, config))


def cached(model: AutoregressiveModel) -> Decoder:
    """Three rows under three conditions."""
    return make_decoder(model, "cached", model.condition_tensor(CLASSES))


def images(model: AutoregressiveModel) -> Symbols:
    rng = np.random.default_rng(7)
    return rng.integers(0, model.chain.alphabet.size, (3, model.chain.limit)).astype(np.int32)


def distance_to_network(decoder: Decoder) -> float:
    """Largest difference of a probability between ``peek`` and the parallel pass over the same symbols."""
    reference = make_decoder(decoder.model, "reference", decoder.condition)
    reference.extend(decoder.symbols)
    return float((decoder.peek().dense().exp() - reference.peek().dense().exp()).abs().max())


@torch.inference_mode()
def test_these_networks_depend_on_condition_and_past(model: AutoregressiveModel) -> None:
    symbols = torch.from_numpy(images(model)[[0, 0, 1]]).long()
    p = model.conditionals(symbols, model.condition_tensor([CLASSES[0], CLASSES[2], CLASSES[0]])).dense().exp()
    assert float((p[0] - p[1]).abs().amax(-1).median()) > 0.01
    if model.chain.limit > 1:
        assert float((p[0] - p[2]).abs().amax(-1)[1:].median()) > 0.01


def test_every_step_is_the_networks(model: AutoregressiveModel) -> None:
    decoder = cached(model)
    for column in images(model).T:
        assert distance_to_network(decoder) < 1e-12
        decoder.push(column)


def test_any_prefix_rewind_and_selection_leave_it_the_networks(model: AutoregressiveModel) -> None:
    for decoder in wander(cached(model), 80):
        assert distance_to_network(decoder) < 1e-12


def test_a_selection_leaves_the_one_it_was_made_of_alone(model: AutoregressiveModel) -> None:
    decoder, symbols = cached(model), images(model)
    half = model.chain.limit // 2
    decoder.extend(symbols[:, :half])
    other = decoder.select([2, 0])
    other.extend(symbols[[2, 0], half:] * 0)
    decoder.extend(symbols[:, half:-1])
    assert distance_to_network(decoder) < 1e-12


@pytest.mark.parametrize("shaping", SHAPINGS)
def test_draws_what_the_reference_draws_up_to_a_tie(model: AutoregressiveModel, shaping: Shaping) -> None:
    noise = np.random.default_rng(11).random((3, model.chain.limit))
    decoder = cached(model)
    reference = make_decoder(model, "reference", decoder.condition)
    drawn, expected = decoder.advance(noise, shaping), reference.advance(noise, shaping)
    assert np.array_equal(drawn.symbols, expected.symbols)
    assert np.abs(drawn.surprise - expected.surprise).max() < FLOAT_TIE * 100
    assert np.abs(drawn.entropy - expected.entropy).max() < FLOAT_TIE * 100
