"""Gated PixelCNN: what a conditional sees, in space and from colour to colour, and that all images together are one."""

from __future__ import annotations

import itertools

import pytest
import torch

from models.chain import GreyLevels, ImageChain
from models.errors import InputError
from models.model import ModelSpec
from models.networks.gated_pixelcnn import GatedPixelCNN
from tests.sees import seen

GREY = ImageChain(GreyLevels(4), 7, 9)
COLOUR = ImageChain(GreyLevels(4), 5, 7, 3)


def build(chain: ImageChain) -> GatedPixelCNN:
    """Three rows above and three columns to the left are in sight."""
    torch.manual_seed(1)
    config = {"channels": 6, "dilations": [1, 1], "head": 5, "first_rows": 1}
    model = GatedPixelCNN(ModelSpec("gated_pixelcnn", chain, (), config)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    return model


@pytest.mark.parametrize("chain", [GREY, COLOUR])
def test_a_pixel_sees_the_rows_above_it_and_its_own_to_the_left_without_a_blind_spot(chain: ImageChain) -> None:
    model, row, column = build(chain), 4, 3
    reach = model.rows_above
    expected = torch.zeros(chain.height, chain.width, dtype=torch.bool)
    expected[row - reach : row, column - reach : column + reach + 1] = True
    expected[row, column - reach : column] = True
    found = seen(model, row, column)
    for colour in range(chain.channels):
        assert torch.equal(found[..., colour], expected)


@pytest.mark.parametrize("colour", range(3))
def test_a_colour_sees_those_before_it_and_never_itself(colour: int) -> None:
    found = seen(build(COLOUR), 3, 2, colour)
    assert found[3, 2].tolist() == [other < colour for other in range(3)]
    assert found[3, 1].all()
    assert found[2, 3].all()
    assert not found[3, 3:].any()
    assert not found[4].any()


@pytest.mark.parametrize("chain", [GREY, COLOUR])
def test_the_receptive_field_ends_with_the_farthest_variable_that_is_seen(chain: ImageChain) -> None:
    model, last = build(chain), chain.channels - 1
    farthest = int(seen(model, 4, 4, last).reshape(-1).nonzero().min())
    assert chain.step(4, 4, last) - farthest == model.receptive_field


def test_the_receptive_field_of_an_image_that_is_wholly_in_sight_is_all() -> None:
    assert build(ImageChain(GreyLevels(4), 3, 7, 3)).receptive_field is None


@pytest.mark.parametrize("chain", [ImageChain(GreyLevels(2), 3, 3), ImageChain(GreyLevels(2), 2, 2, 3)])
def test_the_probabilities_of_all_images_add_up_to_one(chain: ImageChain) -> None:
    model = build(chain)
    every = torch.tensor(list(itertools.product(range(2), repeat=chain.length)))
    with torch.inference_mode():
        log_p = model.conditionals(every, model.condition_tensor([{}] * len(every))).log_prob(every).sum(-1)
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-9)
    assert float(log_p.max() - log_p.min()) > 1  # far from uniform, so that it could have gone wrong


def test_another_order_than_raster_is_refused() -> None:
    with pytest.raises(InputError, match="raster"):
        build(ImageChain(GreyLevels(4), 5, 5, order="spiral"))
