"""The receptive field: what can change a conditional by structure, and what does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import GreyLevels, ImageChain, MuLaw, SoundChain
from models.condition import Category
from models.conditional import Categorical
from models.errors import InputError
from models.influence import Reach, influence, influence_in_slices, reach
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
    ("gated_pixelcnn", ImageChain(GreyLevels(4), 4, 4, 3), {"channels": 8, "head": 32, "dilations": [1, 2]}),
]


class Lookup(AutoregressiveModel):
    """What a plug-in may be: symbols are whole numbers, as the contract says, and enter by a table."""

    architecture, family, title = "lookup", "test", "Lookup"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        size = spec.chain.alphabet.size
        self.table = nn.Embedding(size, size)
        self.passes: list[int] = []

    @property
    def receptive_field(self) -> int:
        return 10

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        self.passes.append(len(symbols))
        before = F.pad(self.table(symbols), (0, 0, 10, 0))[:, :-1].unfold(1, 10, 1).sum(-1)
        return Categorical(before)


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


def test_a_network_that_takes_whole_numbers_alone_is_asked_with_other_symbols_many_in_a_pass() -> None:
    model = Lookup(ModelSpec("lookup", CHAIN, (), {})).double().eval()
    symbols = np.random.default_rng(3).integers(0, 4, 81).astype(np.int32)
    found = influence(model, symbols, {}, 50)
    assert np.array_equal(reach(model, {}, 50), np.arange(50) >= 40)
    assert (found[40:] > 0).all()
    assert not found[:40].any()
    assert len(model.passes) < 12
    rows = torch.from_numpy(symbols[:51].astype(np.int64))[None]
    changes = []
    for symbol in {int(symbols[45]) - 1, int(symbols[45]) + 1} & {0, 1, 2, 3}:
        other = rows.clone()
        other[0, 45] = symbol
        log_p = [
            float(model.conditionals(r, torch.zeros(1, 0))[:, 50].log_prob(rows[:, 50]).detach()) for r in (rows, other)
        ]
        changes.append(abs(log_p[1] - log_p[0]))
    assert found[45] == pytest.approx(max(changes))


def test_a_wavenet_that_looks_samples_up_has_an_influence_within_its_receptive_field() -> None:
    chain = SoundChain(MuLaw(16), 8000, default_seconds=0.005, max_seconds=0.005)
    config = {"residual": 6, "skip": 6, "head": 6, "dilations": [1, 2, 4]}
    model = network_class("wavenet")(ModelSpec("wavenet", chain, (), config)).eval()
    found = influence(model, np.random.default_rng(3).integers(0, 16, 40).astype(np.int32), {}, 30)
    assert (np.flatnonzero(found) >= 30 - 8).all()
    assert found.any()
    assert np.array_equal(np.flatnonzero(reach(model, {}, 30)), np.arange(22, 30))


def test_a_symbol_between_two_that_mean_the_same_has_an_influence_nevertheless() -> None:
    model = network_class("fvbn")(ModelSpec("fvbn", ImageChain(GreyLevels(3), 1, 2), (), {})).eval()
    with torch.no_grad():
        model.weight[2:, 0] = torch.tensor([3.0, -3.0])  # type: ignore[index, operator]  # of value 1 alone
    assert influence(model, np.array([1, 1], np.int32), {}, 1)[0] > 1


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("diagonal_bilstm", {"hidden": 4, "layers": 2, "head": 8}),
        ("row_lstm", {"hidden": 4, "layers": 2, "head": 8}),
        ("gated_pixelcnn", {"channels": 4, "head": 16, "dilations": [1] * 12, "first_rows": 1}),
    ],
)
def test_in_low_precision_nothing_gets_lost_on_a_long_way(architecture: str, config: dict[str, object]) -> None:
    chain = ImageChain(GreyLevels(4), 20, 20)
    model = network_class(architecture)(ModelSpec(architecture, chain, (), config)).eval()
    low = reach(model.float(), {}, 399)
    assert np.array_equal(low, reach(model.double(), {}, 399))
    assert low[0] == (architecture != "gated_pixelcnn")


def test_what_is_known_of_the_structure_is_found_once_for_each_order_and_changes_no_model() -> None:
    model = build("orderless_nade", BITS, {"hidden": [20, 20]})
    weights = [parameter.clone() for parameter in model.parameters()]
    known = Reach(model)
    first = list(known.in_slices({"digit": "0", "order": "spiral"}, 13))
    assert len(first) > 2
    assert list(known.in_slices({"digit": "1", "order": "spiral"}, 13)) == []
    assert list(known.in_slices({"digit": "0", "order": "raster"}, 13)) != []
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))


def test_there_is_a_break_between_the_passes() -> None:
    symbols = np.zeros(81, np.int32)
    assert len(list(influence_in_slices(build(*PIXELCNN), symbols, {}, 40))) == 1
    assert len(list(influence_in_slices(Lookup(ModelSpec("lookup", CHAIN, (), {})), symbols, {}, 40))) > 3
