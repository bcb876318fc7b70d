"""The PixelCNN auto-encoder: a decoder that sees the past and a code, and an encoder that sees the whole image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from models.chain import GreyLevels, ImageChain, Symbols
from models.condition import Category
from models.decoder import Decoder
from models.errors import InputError
from models.model import ModelSpec
from models.networks import network_class
from models.networks.pixelcnn_autoencoder import CODE, PixelCNNAutoencoder
from models.sampling import make_decoder
from tests.wander import wander

CHAIN = ImageChain(GreyLevels(5), 6, 9)
SIZES: dict[str, object] = {
    "channels": 8, "dilations": [1, 2], "head": 12, "first_rows": 2, "encoder": [4, 6], "hidden": 16, "noise": 0.1,
}  # fmt: skip
CODES = [{"code": [-0.9, 0.4]}, {"code": [0.0, 0.0]}, {"code": [0.7, 1.0]}]


def build(chain: ImageChain = CHAIN, **config: object) -> PixelCNNAutoencoder:
    torch.manual_seed(3)
    return PixelCNNAutoencoder(ModelSpec("pixelcnn_autoencoder", chain, (CODE,), SIZES | config))


@pytest.fixture(scope="module")
def model() -> PixelCNNAutoencoder:
    """Random weights, large enough that conditionals depend on the code and on what came before."""
    network = build().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
            parameter.normal_(std=1.5 * fan_in**-0.5)
    return network


def images(rows: int = 3) -> Symbols:
    return np.random.default_rng(7).integers(0, 5, (rows, CHAIN.length)).astype(np.int32)


def probabilities(model: PixelCNNAutoencoder, symbols: Symbols, condition: Tensor) -> Tensor:
    with torch.inference_mode():
        return model.conditionals(torch.from_numpy(symbols).long(), condition).dense().exp()


def changed_from(symbols: Symbols, step: int) -> Symbols:
    """The same images up to a step, and others from there on."""
    other = symbols.copy()
    other[:, step:] = (other[:, step:] + 1) % 5
    return other


def test_it_is_an_architecture_by_name() -> None:
    assert network_class("pixelcnn_autoencoder") is PixelCNNAutoencoder


def test_its_last_layer_is_the_one_that_gives_the_logits(model: PixelCNNAutoencoder) -> None:
    """As of every network: what is trained by another rule than the rest."""
    layers = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
    assert layers[-1] is model.out


def test_its_code_takes_the_place_of_whatever_the_data_says_of_its_images() -> None:
    garment = Category("garment", ("coat", "bag"), any=True)
    assert PixelCNNAutoencoder.factors_for((garment,), CHAIN) == (CODE,)
    with pytest.raises(InputError, match="on its code and on nothing else"):
        PixelCNNAutoencoder(ModelSpec("pixelcnn_autoencoder", CHAIN, (garment, CODE), SIZES))


def test_given_the_code_a_conditional_sees_earlier_pixels_and_nothing_else(model: PixelCNNAutoencoder) -> None:
    code, symbols = model.condition_tensor(CODES), images()
    p = probabilities(model, symbols, code)
    for step in range(CHAIN.length):
        other = probabilities(model, changed_from(symbols, step), code)
        assert torch.equal(other[:, : step + 1], p[:, : step + 1])
        if step + 1 < CHAIN.length:
            assert not torch.equal(other[:, step + 1 :], p[:, step + 1 :])


def test_the_code_reaches_every_conditional(model: PixelCNNAutoencoder) -> None:
    symbols = images()[[0, 0, 0]]
    p = probabilities(model, symbols, model.condition_tensor(CODES))
    for one, other in ((p[0], p[1]), (p[1], p[2])):
        difference = (one - other).abs().amax(-1)
        assert float(difference.min()) > 0
        assert float(difference.median()) > 0.01


def test_the_encoder_sees_the_whole_image_so_that_what_is_measured_is_no_likelihood(model: PixelCNNAutoencoder) -> None:
    symbols, any_code = images(), model.condition_tensor([{}] * 3)
    with torch.inference_mode():
        code = model.encode(torch.from_numpy(symbols), any_code)
        for step in range(CHAIN.length):
            other = symbols.copy()
            other[:, step] = (other[:, step] + 2) % 5
            assert (model.encode(torch.from_numpy(other), any_code) != code).any(1).all()
    changed_last = changed_from(symbols, CHAIN.length - 1)
    with torch.inference_mode():
        changed_code = model.encode(torch.from_numpy(changed_last), any_code)
    first = probabilities(model, symbols, code)[:, 0] - probabilities(model, changed_last, changed_code)[:, 0]
    assert (first.abs().amax(-1) > 0).all()


@torch.inference_mode()
def test_a_code_is_a_condition_that_could_have_been_chosen(model: PixelCNNAutoencoder) -> None:
    symbols = torch.from_numpy(images(20))
    code = model.encode(symbols, model.condition_tensor([{}] * 20))
    assert torch.equal(code, model.encode(symbols, model.condition_tensor([{"code": [1.0, -1.0]}] * 20)))
    assert torch.equal(code, model.condition_tensor([{"code": row} for row in code.tolist()]))


@pytest.mark.parametrize("engine", ["cached", "compiled"])
def test_the_engines_of_the_gated_pixelcnn_are_this_network_one_pixel_at_a_time(
    model: PixelCNNAutoencoder, engine: str
) -> None:
    def distance(decoder: Decoder) -> float:
        """Total variation between ``peek`` and the parallel pass over the same symbols."""
        reference = make_decoder(model, "reference", decoder.condition)
        reference.extend(decoder.symbols)
        difference = decoder.peek().dense().exp() - reference.peek().dense().exp()
        return float(difference.abs().sum(-1).max() / 2)

    decoder = make_decoder(model, engine, model.condition_tensor(CODES))
    assert decoder.engine == engine
    for column in images().T:
        assert distance(decoder) < 1e-4
        decoder.push(column)
    for moved in wander(make_decoder(model, engine, model.condition_tensor(CODES)), 40):
        assert distance(moved) < 1e-4


def test_without_noise_training_sees_what_is_measured() -> None:
    model, symbols = build(noise=0), torch.from_numpy(images()).long()
    conditional, weights = model.training_pass(symbols, model.condition_tensor([{}] * 3))
    expected = model.conditionals(symbols, model.encode(symbols, model.condition_tensor([{}] * 3)))
    assert torch.equal(conditional.dense(), expected.dense())
    assert torch.equal(weights, torch.ones(3, CHAIN.length))


def test_noise_moves_the_codes_of_training_by_its_standard_deviation() -> None:
    model, symbols = build(noise=0.1), torch.from_numpy(images(500)).long()
    none = model.condition_tensor([{}] * 500)
    seen: list[Tensor] = []
    model.code_biases.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model.training_pass(symbols, none)
        moved = seen[0] - model.encode(symbols, none)
    assert float(moved.std()) == pytest.approx(0.1, rel=0.1)
    assert float(moved.mean().abs()) < 0.01


def test_encoder_and_decoder_learn_together_what_no_earlier_pixel_could_tell() -> None:
    """Of images that are all one of four levels the first pixel costs two bits, unless the code says which."""
    chain = ImageChain(GreyLevels(4), 3, 3)
    model = build(chain, noise=0.1, encoder=[8], dilations=[1])
    symbols = torch.arange(4)[:, None].expand(4, chain.length).repeat(8, 1)
    none = model.condition_tensor([{}] * len(symbols))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(100):
        conditional, weights = model.training_pass(symbols, none)
        loss = -(conditional.log_prob(symbols) * weights).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.inference_mode():
        code = model.encode(symbols[:4], none[:4])
        first = model.conditionals(symbols[:4], code).dense()[:, 0].exp()
        apart = torch.cdist(code, code) + 9 * torch.eye(4)
    assert float(first.diagonal().min()) > 0.9
    assert float(apart.min()) > 3 * 0.1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"encoder": []}, "encoder of a PixelCNN auto-encoder is a list of 1 to 10"),
        ({"encoder": [4, 0]}, "encoder of a PixelCNN auto-encoder is a list of 1 to 10"),
        ({"encoder": 8}, "encoder of a PixelCNN auto-encoder is a list of 1 to 10"),
        ({"hidden": True}, "hidden of a PixelCNN auto-encoder is a whole number in 1 … 4096, not True"),
        ({"noise": -0.1}, "noise of a PixelCNN auto-encoder is a number in 0 … 1, not -0.1"),
        ({"noise": float("nan")}, "noise of a PixelCNN auto-encoder is a number in 0 … 1, not nan"),
        ({"channels": 0}, "channels of a Gated PixelCNN"),
        ({"depth": 3}, "a Gated PixelCNN is given channels"),
    ],
)
def test_sizes_that_no_network_can_have_are_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build(**wrong)


def test_a_size_that_is_missing_is_named() -> None:
    config = {name: size for name, size in SIZES.items() if name != "noise"}
    with pytest.raises(InputError, match="is given encoder, hidden and noise; not encoder, hidden"):
        PixelCNNAutoencoder(ModelSpec("pixelcnn_autoencoder", CHAIN, (CODE,), config))
