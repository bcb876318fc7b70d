"""The tabular chain: counts by hand, a joint that is the data's own, and what it costs."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.chain import Chain, GreyLevels, ImageChain, MuLaw, SoundChain
from models.checkpoint import load_checkpoint, save_checkpoint
from models.condition import Category, Factor, categories
from models.errors import InputError
from models.model import ModelSpec
from models.networks import network_class
from models.networks.tabular import TabularChain, table_entries

LETTER = Category("letter", ("a", "b"), any=True)
HAND = Category("hand", ("left", "right"))


def tabular(
    height: int, width: int, levels: int = 2, factors: tuple[Factor, ...] = (), alpha: float = 0.5
) -> TabularChain:
    chain = ImageChain(GreyLevels(levels), height, width)
    model = network_class("tabular")(ModelSpec("tabular", chain, factors, {"alpha": alpha})).eval()
    assert isinstance(model, TabularChain)
    return model


def fitted(levels: int = 2, factors: tuple[Factor, ...] = (LETTER,)) -> TabularChain:
    """Images of 3 x 3 (2 x 2 of more levels) in which pixels depend on one another and on the letter."""
    side = 3 if levels == 2 else 2
    model = tabular(side, side, levels, factors)
    rng = np.random.default_rng(4)
    condition = rng.integers(0, 2, (200, len(factors)))
    steps = rng.integers(0, 2, (200, side * side)) + (condition.sum(1) > 0)[:, None]
    rows = [{f.name: f.values[index] for f, index in zip(categories(factors), row, strict=True)} for row in condition]
    model.fit([(torch.from_numpy(steps.cumsum(1) % levels), model.condition_tensor(rows))])
    return model


def every_image(model: TabularChain) -> torch.Tensor:
    return torch.tensor(list(itertools.product(range(model.levels), repeat=model.length)))


def log_p(model: TabularChain, symbols: torch.Tensor, **condition: Any) -> torch.Tensor:
    """Of each chain, in nats."""
    table = model.condition_tensor([condition] * len(symbols))
    return model.conditionals(symbols, table).double().log_prob(symbols).sum(1)


def probabilities(model: TabularChain, symbols: list[int], **condition: str) -> list[float]:
    """Of symbol 1 at every step, in the course of a chain."""
    rows = model.conditionals(torch.tensor([symbols]), model.condition_tensor(condition))
    return rows.dense()[0, :, 1].exp().tolist()


def test_probabilities_are_smoothed_shares_of_what_came_after_the_same_past() -> None:
    data = torch.tensor([[0, 0, 1], [0, 1, 1], [0, 1, 0], [1, 1, 1]])
    for alpha in (0.5, 1.0):
        model = tabular(1, 3, alpha=alpha)
        model.fit([(data, torch.zeros(4, 0, dtype=torch.int64))])
        first = (1 + alpha) / (4 + 2 * alpha)  # one of four
        after_0 = (2 + alpha) / (3 + 2 * alpha)  # two of three
        after_01 = (1 + alpha) / (2 + 2 * alpha)  # one of two
        after_1 = (1 + alpha) / (1 + 2 * alpha)  # the only one
        assert probabilities(model, [0, 1, 0]) == pytest.approx([first, after_0, after_01])
        assert probabilities(model, [1, 0, 0]) == pytest.approx([first, after_1, 0.5])


def test_with_next_to_no_smoothing_the_joint_is_that_of_the_data() -> None:
    model = tabular(2, 2, 3, alpha=1e-7)
    data = torch.from_numpy(np.random.default_rng(1).integers(0, 3, (60, 4)) ** 2 % 3)
    model.fit([(data, torch.zeros(60, 0, dtype=torch.int64))])
    images, times = torch.unique(data, dim=0, return_counts=True)
    assert log_p(model, images).exp().tolist() == pytest.approx((times / 60).tolist(), rel=1e-5)


def test_what_was_never_seen_is_uniform() -> None:
    assert probabilities(tabular(1, 4), [1, 0, 1, 1]) == pytest.approx([0.5] * 4)


def test_counting_batch_by_batch_is_counting_at_once_and_a_second_fit_begins_anew() -> None:
    model, again = fitted(), fitted()
    rng = np.random.default_rng(2)
    data = torch.from_numpy(rng.integers(0, 2, (30, 9)))
    letters = model.condition_tensor([{"letter": LETTER.choices[n]} for n in rng.integers(0, 3, 30)])
    model.fit([(data, letters)])
    again.fit(zip(torch.split(data, 7), torch.split(letters, 7), strict=True))
    assert torch.equal(model.counts, again.counts)
    assert float(model.counts[:, 0].sum()) == 30  # of the first pixel, all of whose pasts are empty


def test_an_example_counts_under_its_own_condition() -> None:
    model = tabular(1, 1, factors=(LETTER, HAND))
    rows = [{"letter": "a", "hand": "right"}, {"letter": "any", "hand": "left"}, {"letter": "a", "hand": "right"}]
    model.fit([(torch.tensor([[1], [0], [0]]), model.condition_tensor(rows))])
    assert probabilities(model, [0], letter="a", hand="right") == pytest.approx([0.5])
    assert probabilities(model, [0], letter="any", hand="left") == pytest.approx([0.5 / 2])
    assert probabilities(model, [0], letter="b", hand="right") == pytest.approx([0.5])
    assert model.counts[:, 0].sum(1).tolist() == [0, 2, 0, 0, 1, 0]


def test_counts_are_exact_beyond_what_a_float_can_count_up_to() -> None:
    model = tabular(1, 1)
    million = torch.ones(2**20, 1, dtype=torch.int64), torch.zeros(2**20, 0, dtype=torch.int64)
    model.fit([million] * 17)
    assert model.counts[0, 0].tolist() == [0, 17 * 2**20]


def test_symbols_of_another_length_are_not_counted() -> None:
    with pytest.raises(InputError, match="of 9 variables cannot count 4"):
        tabular(3, 3).fit([(torch.zeros(1, 4, dtype=torch.int64), torch.zeros(1, 0, dtype=torch.int64))])


def test_the_number_of_entries_is_one_less_than_that_of_images() -> None:
    assert table_entries(2, 1) == 1
    assert table_entries(2, 9) == sum(2**i for i in range(9)) == 511
    assert table_entries(3, 4) == sum(2 * 3**i for i in range(4)) == 80
    assert tabular(3, 3).parameter_count == 511
    assert tabular(3, 3, factors=(LETTER, HAND)).parameter_count == 6 * 511


@pytest.mark.parametrize(
    ("size", "factors", "count"),
    [((1, 23, 2), (), "8388607"), ((28, 28, 2), (), "about 10^236"), ((1024, 1024, 256), (), "about 10^2525223"),
     ((4, 5, 2), (LETTER, HAND), "under 6 conditions have 6291450")],
)  # fmt: skip
def test_tables_that_are_too_large_are_refused_with_their_size(
    size: tuple[int, int, int], factors: tuple[Factor, ...], count: str
) -> None:
    with pytest.raises(InputError) as refused:
        tabular(*size, factors)
    assert str(refused.value).endswith(f"{count} entries; at most 4194304 are allowed")
    assert tabular(1, 22).parameter_count == 4194303


@pytest.mark.parametrize("alpha", [0, -1.0, 1001, float("nan"), True, "1", None, [1]])
def test_an_alpha_that_is_no_positive_number_is_refused(alpha: object) -> None:
    with pytest.raises(InputError, match="alpha of a tabular chain is a number above 0 and at most 1000, not"):
        tabular(2, 2, alpha=alpha)  # type: ignore[arg-type]


@pytest.mark.parametrize("config", [{}, {"alpha": 1, "depth": 2}])
def test_sizes_of_another_network_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(InputError, match=f"is given alpha; not {', '.join(config) or 'nothing'}"):
        TabularChain(ModelSpec("tabular", ImageChain(GreyLevels(2), 2, 2), (), config))


def test_a_chain_without_an_end_is_refused() -> None:
    chain: Chain = SoundChain(MuLaw(2), 8000, default_seconds=0.1, max_seconds=1.0)
    with pytest.raises(InputError, match="open-ended"):
        TabularChain(ModelSpec("tabular", chain, (), {"alpha": 1}))


@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("letter", LETTER.choices)
def test_the_probabilities_of_all_images_sum_to_one(levels: int, letter: str) -> None:
    model = fitted(levels).double()
    assert float(log_p(model, every_image(model), letter=letter).exp().sum()) == pytest.approx(1, abs=1e-12)


def test_a_conditional_depends_on_every_earlier_symbol_and_on_no_later_one() -> None:
    model = fitted()
    model.counts.uniform_(1, 9)
    image = torch.tensor([[0, 1, 1, 0, 0, 1, 0, 1, 1]])
    condition = model.condition_tensor({"letter": "b"})
    before = model.conditionals(image, condition).dense()[0]
    for step in range(9):
        flipped = image.clone()
        flipped[0, step] = 1 - flipped[0, step]
        after = model.conditionals(flipped, condition).dense()[0]
        same = [bool(torch.equal(a, b)) for a, b in zip(before, after, strict=True)]
        assert same == [other <= step for other in range(9)]


def test_a_blend_of_values_has_no_table() -> None:
    with pytest.raises(InputError, match="none for a blend"):
        log_p(fitted(), torch.zeros(1, 9, dtype=torch.int64), letter={"a": 0.5, "b": 0.5})


def test_a_shorter_prefix_has_the_conditionals_of_the_whole() -> None:
    model = fitted()
    images, condition = every_image(model)[::50], model.condition_tensor([{}] * 11)
    whole = model.conditionals(images, condition).dense()
    assert torch.equal(model.conditionals(images[:, :4], condition).dense(), whole[:, :4])


def test_a_checkpoint_keeps_the_counts(tmp_path: Path) -> None:
    model = fitted()
    path = tmp_path / "tabular.safetensors"
    save_checkpoint(path, model, name="t", title="T", data={}, training={}, likelihood={})
    loaded = load_checkpoint(path)
    assert loaded.header.parameters == 3 * 511
    assert isinstance(loaded.model, TabularChain)
    assert torch.equal(loaded.model.counts, model.counts)
    assert loaded.model.alpha == model.alpha
