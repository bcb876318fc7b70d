"""The receptive field: what can change a conditional by structure, and what does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.chain import GreyLevels, ImageChain
from models.condition import Category
from models.errors import InputError
from models.influence import influence, reach
from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class

CHAIN = ImageChain(GreyLevels(4), 9, 9)
BITS = ImageChain(GreyLevels(2), 5, 5)
DIGIT = (Category("digit", ("0", "1"), any=True),)


def build(architecture: str, chain: ImageChain, config: dict[str, object]) -> AutoregressiveModel:
    torch.manual_seed(2)
    kind = network_class(architecture)
    model = kind(ModelSpec(architecture, chain, kind.factors_for(DIGIT, chain), config)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=(parameter[0].numel() if parameter.dim() > 1 else 1) ** -0.5)
    return model


PIXELCNN = ("pixelcnn", CHAIN, {"channels": 8, "blocks": 2, "head": 4})
GATED = ("gated_pixelcnn", CHAIN, {"channels": 8, "head": 32, "dilations": [1, 1, 1, 1], "first_rows": 1})
SMOOTH = [
    PIXELCNN,
    GATED,
    ("fvbn", CHAIN, {}),
    ("fvbn", BITS, {}),
    ("made", BITS, {"hidden": [30], "masks": 1, "seed": 1, "direct": True}),
    ("nade", CHAIN, {"hidden": 6, "output": "softmax"}),
    ("nade", BITS, {"hidden": 6, "output": "softmax"}),
    ("orderless_nade", BITS, {"hidden": [20, 20]}),
    ("orderless_nade", ImageChain(GreyLevels(3), 4, 5), {"hidden": [20, 20]}),
    ("row_lstm", CHAIN, {"hidden": 6, "layers": 2, "head": 12}),
]


def reached(architecture: str, chain: ImageChain, config: dict[str, object], row: int, column: int) -> list[str]:
    """The pixels that can change a conditional as #, the pixel itself as o, and the others as a point."""
    model = build(architecture, chain, config)
    step = chain.step(row, column)
    marks = np.full(chain.height * chain.width, ".")
    marks[:step][reach(model, {}, step)] = "#"
    marks[step] = "o"
    return ["".join(line) for line in marks.reshape(chain.height, chain.width)]


def test_a_pixelcnn_is_blind_to_the_right_and_above() -> None:
    """Three columns to the right in the row above by the first layer, and not one more for each row further up."""
    config = {"channels": 8, "blocks": 1, "head": 4}
    assert reached("pixelcnn", ImageChain(GreyLevels(4), 7, 12), config, 5, 4) == [
        "............",
        "#########...",
        "#########...",
        "#########...",
        "########....",
        "####o.......",
        "............",
    ]


def test_a_gated_pixelcnn_sees_everything_above_within_its_reach() -> None:
    config = {"channels": 4, "head": 4, "dilations": [1, 1], "first_rows": 1}
    assert reached("gated_pixelcnn", ImageChain(GreyLevels(4), 6, 9), config, 4, 4) == [
        ".........",
        ".#######.",
        ".#######.",
        ".#######.",
        ".###o....",
        ".........",
    ]


@pytest.mark.parametrize(("architecture", "chain", "config"), SMOOTH)
def test_what_moves_a_conditional_is_within_its_reach_and_as_much_as_a_small_step_says(
    architecture: str, chain: ImageChain, config: dict[str, object]
) -> None:
    model = build(architecture, chain, config)
    symbols = np.random.default_rng(3).integers(0, chain.alphabet.levels, chain.length).astype(np.int32)
    step = chain.length * 2 // 3
    found = influence(model, symbols, {"digit": "1"}, step)
    assert found.shape == (step,)
    assert not found[~reach(model, {}, step)].any()
    assert (found > 0).sum() > 3
    if chain is CHAIN and architecture != "fvbn":  # whose symbols enter as numbers
        table = model.condition_tensor({"digit": "1"})
        rows = torch.from_numpy(symbols).double()[None]
        for j in (step - 1, step - 9):
            log_p = []
            for change in (-1e-5, 1e-5):
                moved = rows.clone()
                moved[0, j] += change
                conditional = model.conditionals(moved[:, : step + 1], table)[:, step]
                log_p.append(float(conditional.log_prob(rows[:, step]).detach()))
            assert found[j] == pytest.approx(abs(log_p[1] - log_p[0]) / 2e-5, rel=1e-3, abs=1e-8)


def test_of_tables_the_influence_is_what_another_symbol_changes() -> None:
    chain = ImageChain(GreyLevels(2), 2, 3)
    model = build("tabular", chain, {"alpha": 0.5})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.arange(parameter.numel(), dtype=torch.float64).reshape(parameter.shape) % 7)
    symbols = np.array([1, 0, 1, 1, 0, 1], np.int32)
    table = model.condition_tensor({"digit": "0"})
    before = float(
        model.conditionals(torch.tensor([[1, 0, 1, 1, 0, 1]]), table)[:, 4].double().log_prob(torch.tensor([0]))
    )
    after = float(
        model.conditionals(torch.tensor([[1, 1, 1, 1, 0, 1]]), table)[:, 4].double().log_prob(torch.tensor([0]))
    )
    assert influence(model, symbols, {"digit": "0"}, 4)[1] == pytest.approx(abs(after - before))
    assert reach(model, {}, 4).all()


def test_along_another_order_what_comes_earlier_is_what_can_change_a_pixel() -> None:
    model = build("orderless_nade", BITS, {"hidden": [20, 20]})
    symbols = np.random.default_rng(3).integers(0, 2, 25).astype(np.int32)
    condition = {"digit": "0", "order": "spiral"}
    assert reach(model, condition, 13).all()
    assert (influence(model, symbols, condition, 13) > 0).all()


def test_the_first_variable_has_nothing_before_it_and_there_is_none_after_the_last() -> None:
    model = build(*PIXELCNN)
    symbols = np.zeros(81, np.int32)
    assert influence(model, symbols, {}, 0).shape == reach(model, {}, 0).shape == (0,)
    for step in (-1, 81):
        with pytest.raises(InputError, match="a step lies in 0 … 80"):
            influence(model, symbols, {}, step)
        with pytest.raises(InputError, match="a step lies in 0 … 80"):
            reach(model, {}, step)
