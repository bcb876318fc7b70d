"""PixelCNN: what its masks let through, in space and from colour to colour, and the blind spot that they leave."""

from __future__ import annotations

import pytest
import torch

from models.chain import GreyLevels, ImageChain
from models.errors import InputError
from models.layers.masked_convolution import FIRST
from models.model import ModelSpec
from models.networks.pixelcnn import PixelCNN
from tests.sees import seen


def build(chain: ImageChain, **config: int) -> PixelCNN:
    torch.manual_seed(1)
    model = PixelCNN(ModelSpec("pixelcnn", chain, (), {"channels": 12, "blocks": 3, "head": 6} | config)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    return model


GREY = ImageChain(GreyLevels(4), 13, 13)
COLOUR = ImageChain(GreyLevels(4), 5, 5, 3)


def test_a_pixel_sees_up_to_the_reach_of_all_layers_but_not_the_blind_spot() -> None:
    """Up a row for each block, one column to the right for each row: beyond lies the wedge that nothing reaches."""
    model, row, column, reach = build(GREY), 11, 5, FIRST // 2
    expected = torch.zeros(13, 13, dtype=torch.bool)
    frontier = {(dy, dx) for dy in range(reach + 1) for dx in range(-reach, reach + 1) if dy > 0 or dx < 0}
    for _ in range(model.config.blocks):
        steps = [(1, -1), (1, 0), (1, 1), (0, -1), (0, 0)]
        frontier = {(y + dy, x + dx) for y, x in frontier for dy, dx in steps}
    for dy, dx in frontier:
        if row - dy >= 0 and 0 <= column + dx < 13:
            expected[row - dy, column + dx] = True
    found = seen(model, row, column)[..., 0]
    assert torch.equal(found, expected)
    assert not found[row - 1, column + FIRST // 2 + 2 :].any()
    assert found[row - 4, column + FIRST // 2 + 1]


@pytest.mark.parametrize("colour", range(3))
def test_a_colour_sees_those_before_it_and_never_itself(colour: int) -> None:
    found = seen(build(COLOUR), 3, 2, colour)
    assert found[3, 2].tolist() == [other < colour for other in range(3)]
    assert found[3, 1].all()
    assert found[2, 3].all()
    assert not found[3, 3:].any()
    assert not found[4].any()


def test_the_receptive_field_ends_with_the_farthest_variable_that_is_seen() -> None:
    model = build(ImageChain(GreyLevels(4), 13, 30))
    row, column = 12, 15
    found = seen(model, row, column)[..., 0].reshape(-1).nonzero()
    assert model.image_chain.step(row, column) - int(found.min()) == model.receptive_field
    assert build(COLOUR).receptive_field is None


@pytest.mark.parametrize(
    ("chain", "config"), [(GREY, {"channels": 5}), (COLOUR, {"channels": 4}), (COLOUR, {"head": 4})]
)
def test_sizes_that_do_not_divide_among_the_colours_are_refused(chain: ImageChain, config: dict[str, int]) -> None:
    with pytest.raises(InputError, match=r"an even number|a multiple of 6"):
        build(chain, **config)


def test_another_order_than_raster_is_refused() -> None:
    with pytest.raises(InputError, match="raster"):
        build(ImageChain(GreyLevels(4), 5, 5, order="spiral"))
