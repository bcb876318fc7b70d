"""PixelRNN: what the Row LSTM's triangle and the Diagonal BiLSTM's two walks see, in space and of the colours."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.chain import GreyLevels, ImageChain
from models.condition import Category
from models.errors import InputError
from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class
from models.networks.diagonal_bilstm import skew, unskew
from tests.sees import seen

ARCHITECTURES = ("row_lstm", "diagonal_bilstm")
GREY = ImageChain(GreyLevels(4), 6, 17)
COLOUR = ImageChain(GreyLevels(4), 4, 5, 3)

NOISE = 1e-13
"""By which rows of one batch may differ: a matrix product rounds in another order at its edges."""


def build(architecture: str, chain: ImageChain, **config: object) -> AutoregressiveModel:
    torch.manual_seed(1)
    sizes = {"hidden": 6, "layers": 2, "head": 48}
    factors = (Category("class", ("a", "b")),)
    model = network_class(architecture)(ModelSpec(architecture, chain, factors, sizes | config)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    return model


def triangle(chain: ImageChain, row: int, column: int, layers: int) -> Tensor:
    """What a Row LSTM sees, from its layers: each a column to the left, and from any row to three pixels of the above;
    then the first convolution: 7 x 3 pixels above and 3 to the left."""
    found = {(row, column)}
    for _ in range(layers):
        found |= {(y, x - 1) for y, x in found}
        for y in range(row, 0, -1):
            found |= {(y - 1, x + dx) for at, x in found if at == y for dx in (-1, 0, 1)}
    reached = {(y - dy, x + dx) for y, x in found for dy in range(4) for dx in range(-3, 4) if dy > 0 or dx < 0}
    expected = torch.zeros(chain.height, chain.width, dtype=torch.bool)
    for y, x in reached:
        if y >= 0 and 0 <= x < chain.width:
            expected[y, x] = True
    return expected


@pytest.mark.parametrize(("row", "column"), [(5, 13), (5, 3), (2, 16), (0, 9)])
def test_a_row_lstm_sees_a_triangle_up_to_the_top(row: int, column: int) -> None:
    """One column wider for each row further up, and no row is out of reach."""
    for layers in (1, 3):
        found = seen(build("row_lstm", GREY, layers=layers), row, column, noise=NOISE)[..., 0]
        assert torch.equal(found, triangle(GREY, row, column, layers))


def test_the_receptive_field_of_a_row_lstm_ends_with_the_farthest_variable_that_is_seen() -> None:
    model = build("row_lstm", GREY)
    found = seen(model, 5, 16, noise=NOISE)[..., 0].reshape(-1).nonzero()
    assert GREY.step(5, 16) - int(found.min()) == model.receptive_field
    assert build("row_lstm", ImageChain(GreyLevels(4), 6, 11)).receptive_field is None


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("row", "column"), [(5, 0), (5, 12), (5, 13), (5, 16), (2, 9), (1, 0), (0, 9)])
def test_a_diagonal_bilstm_sees_all_that_came_before_but_the_end_of_the_row_above(
    row: int, column: int, layers: int
) -> None:
    """A value is felt from the next pixel on, and the last of a row has none to its right: so only the 7 x 7 pixels of
    the first convolution bring it to the row below, all other rows further down hear of it by the walk from the right.
    """
    model = build("diagonal_bilstm", GREY, layers=layers)
    expected = torch.arange(GREY.length).reshape(GREY.height, GREY.width) < GREY.step(row, column)
    if row > 0:
        expected[row - 1, -1] = column + 3 >= GREY.width - 1
    assert torch.equal(seen(model, row, column, noise=NOISE)[..., 0], expected)
    assert model.receptive_field is None


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("colour", range(3))
def test_a_colour_sees_those_before_it_and_never_itself(architecture: str, colour: int) -> None:
    found = seen(build(architecture, COLOUR), 2, 2, colour, noise=NOISE)
    assert found[2, 2].tolist() == [other < colour for other in range(3)]
    assert found[2, :2].all()
    assert found[:2].all()
    assert not found[2, 3:].any()
    assert not found[3].any()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("chain", [GREY, COLOUR, ImageChain(GreyLevels(2), 1, 9), ImageChain(GreyLevels(2), 9, 1)])
def test_what_comes_later_changes_no_bit_in_float32(architecture: str, chain: ImageChain) -> None:
    model = build(architecture, chain, layers=3).float()
    generator = torch.Generator().manual_seed(3)
    image = torch.randint(chain.alphabet.size, (1, chain.length), generator=generator)
    condition = model.condition_tensor({})
    with torch.inference_mode():
        before = model.conditionals(image, condition).dense()
        for step in range(0, chain.length, 4):
            changed = image.clone()
            changed[:, step:] = (image[:, step:] + 1) % chain.alphabet.size
            after = model.conditionals(changed, condition).dense()
            assert torch.equal(before[:, : step + 1], after[:, : step + 1])
            assert torch.equal(model.conditionals(image[:, : step + 1], condition).dense(), before[:, : step + 1])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_layer_hears_the_condition(architecture: str) -> None:
    model = build(architecture, GREY)
    image = torch.zeros(2, GREY.length, dtype=torch.int64)
    condition = model.condition_tensor([{"class": "a"}, {"class": "b"}])
    table = dict(model.named_parameters())["condition.tables.0.weight"]
    for layer in range(2):
        with torch.no_grad():
            table.zero_()
            table[1].unflatten(0, (2, -1))[layer] = 1
            p = model.conditionals(image, condition).dense()
        assert float((p[0] - p[1]).abs().amax(-1).min()) > 0


def test_a_skewed_map_has_a_diagonal_in_each_column() -> None:
    x = torch.arange(12.0).reshape(3, 4)
    expected = torch.tensor([[0.0, 1, 2, 3, 0, 0], [0, 4, 5, 6, 7, 0], [0, 0, 8, 9, 10, 11]])
    assert torch.equal(skew(x[..., None])[..., 0], expected)
    assert torch.equal(unskew(skew(x[..., None]))[..., 0], x)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    ("chain", "config", "says"),
    [
        (COLOUR, {"hidden": 4}, "multiples of 3"),
        (COLOUR, {"head": 4}, "multiples of 3"),
        (GREY, {"hidden": 0}, "hidden of a .* is a whole number in 1 … 1024, not 0"),
        (GREY, {"layers": True}, "layers of a .* is a whole number"),
        (GREY, {"head": 2.0}, "head of a .* is a whole number"),
        (GREY, {"depth": 2}, "is given hidden, layers and head; not"),
        (ImageChain(GreyLevels(4), 5, 5, order="spiral"), {}, "raster"),
    ],
)
def test_sizes_and_orders_that_no_network_can_have_are_refused(
    architecture: str, chain: ImageChain, config: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        build(architecture, chain, **config)
