"""MADE: masks that cut every path from a pixel to itself and to what came before, and leave the others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.chain import GreyLevels, ImageChain, MuLaw, SoundChain
from models.checkpoint import load_checkpoint, save_checkpoint
from models.condition import Category
from models.errors import InputError
from models.evaluation.mixture import mixture_nats
from models.model import ModelSpec
from models.networks import network_class
from models.networks.made import MADE, MADEConfig, hidden_degrees, ranks

LETTER = Category("letter", ("a", "b"), any=True)
NETWORKS: dict[str, dict[str, object]] = {
    "shallow": {"hidden": (30,), "masks": 1, "seed": 3, "direct": False},
    "deep": {"hidden": (24, 5, 17), "masks": 1, "seed": 4, "direct": False},
    "direct": {"hidden": (6, 6), "masks": 1, "seed": 5, "direct": True},
    "several": {"hidden": (20, 20), "masks": 3, "seed": 6, "direct": True},
    "shuffled": {"hidden": (20, 20), "masks": 3, "seed": 6, "direct": True, "shuffled": True},
}
SIZES = {"hidden": (4,), "masks": 1, "seed": 0, "direct": False}


def untrained(height: int, width: int, levels: int, config: Mapping[str, object]) -> MADE:
    chain = ImageChain(GreyLevels(levels), height, width)
    model = network_class("made")(ModelSpec("made", chain, (LETTER,), config)).eval()
    assert isinstance(model, MADE)
    return model


def build(name: str, levels: int = 2) -> MADE:
    """Random weights in float64, also where masks hide them: 3 x 3 binary, or 2 x 2 of more levels."""
    side = 3 if levels == 2 else 2
    torch.manual_seed(7)
    model = untrained(side, side, levels, NETWORKS[name]).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.7)
    return model


@pytest.fixture(params=NETWORKS)
def model(request: pytest.FixtureRequest) -> MADE:
    return build(request.param)


def every_image(model: MADE) -> Tensor:
    return torch.tensor(list(itertools.product(range(model.levels), repeat=model.length)))


def letters(model: MADE, letter: str, count: int) -> Tensor:
    return model.condition_tensor([{"letter": letter}] * count)


def nats(model: MADE, images: Tensor, condition: Tensor, mask_set: int = 0) -> Tensor:
    return -model.conditionals_under(mask_set, images, condition).log_prob(images).sum(1).detach()


def paths(model: MADE, mask_set: int) -> list[list[int]]:
    """How many ways lead from each input (column) to each output (row), unit by unit, from the degrees alone."""
    inputs, *hidden, outputs = torch.split(model.degrees[mask_set], model.sizes)
    ways = [[int(i == j) for j in range(len(inputs))] for i in range(len(inputs))]
    below = inputs.tolist()
    for degrees in (*hidden, outputs):
        above = degrees.tolist()
        ways = [
            [sum(ways[k][j] for k in range(len(below)) if below[k] <= degree) for j in range(len(inputs))]
            for degree in above
        ]
        below = above
    if model.direct is not None:
        for i, j in itertools.product(range(len(outputs)), range(len(inputs))):
            ways[i][j] += int(outputs[i] >= inputs[j])
    return ways


@pytest.mark.parametrize("levels", [2, 3])
def test_the_jacobian_counts_the_paths_that_the_masks_leave(model: MADE, levels: int) -> None:
    """With all weights one and all units active, the slope of an output along an input is the number of paths."""
    model = untrained(3, 3, levels, vars(model.config)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
    ones = torch.ones(1, model.sizes[0]).double()
    for mask_set in range(model.config.masks):
        outputs = partial(model.logits, condition=letters(model, "a", 1), mask_set=mask_set)
        jacobian = torch.autograd.functional.jacobian(outputs, ones)  # type: ignore[no-untyped-call]
        assert jacobian[0, :, 0].tolist() == paths(model, mask_set)


def test_no_path_leads_to_an_output_from_its_own_variable_or_a_later_one(model: MADE) -> None:
    for mask_set in range(model.config.masks):
        order = np.argsort(
            ranks(model.config, model.length, mask_set).repeat_interleave(model.levels - 1), kind="stable"
        )
        ways = np.array(paths(model, mask_set))[order][:, order]
        assert not np.triu(ways).any()
        assert ways.any()


def test_every_mask_set_but_the_first_may_have_an_order_of_its_own_which_its_seed_decides() -> None:
    config = MADEConfig(hidden=(12,), masks=3, seed=1, direct=False, shuffled=True)
    orders = [ranks(config, 10, mask_set).tolist() for mask_set in range(3)]
    assert orders[0] == list(range(10))
    assert sorted(orders[1]) == sorted(orders[2]) == list(range(10))
    assert orders[0] != orders[1] != orders[2]
    assert orders[1] == [9, 6, 2, 0, 5, 3, 1, 7, 4, 8]  # what the weights of a checkpoint mean hangs on these numbers
    plain = MADEConfig(hidden=(12,), masks=3, seed=1, direct=False)
    assert ranks(plain, 10, 2).tolist() == list(range(10))


def test_direct_connections_reach_every_output_from_all_earlier_variables() -> None:
    assert (np.array(paths(build("direct"), 0)) > 0).tolist() == np.tri(9, k=-1, dtype=bool).tolist()


def test_hidden_degrees_lie_between_the_smallest_one_below_and_the_last_that_an_output_listens_to() -> None:
    config = MADEConfig(hidden=(400, 3, 400), masks=2, seed=1, direct=False)
    first, second, third = hidden_degrees(config, 9, 0)
    assert set(first.tolist()) == set(range(1, 9))
    assert set(third.tolist()) == set(range(int(second.min()), 9))
    counts = first.bincount(minlength=9)[1:]
    assert 30 < int(counts.min()) <= int(counts.max()) < 70


def test_masks_follow_from_the_seed_and_differ_from_set_to_set() -> None:
    config = MADEConfig(hidden=(12,), masks=2, seed=1, direct=False)
    other_seed = MADEConfig(hidden=(12,), masks=2, seed=2, direct=False)
    drawn = hidden_degrees(config, 784, 0)[0].tolist()
    assert drawn != hidden_degrees(config, 784, 1)[0].tolist()
    assert drawn != hidden_degrees(other_seed, 784, 0)[0].tolist()
    # What the weights of a checkpoint mean hangs on these numbers, which must never change.
    assert drawn == [238, 705, 320, 577, 243, 762, 44, 271, 398, 194, 780, 85]


def test_a_binary_output_is_the_autoencoder_of_the_paper() -> None:
    model = build("shallow")
    image = [1, 0, 1, 1, 0, 1, 0, 0, 1]
    degrees = hidden_degrees(model.config, 9, 0)[0].tolist()
    condition = letters(model, "b", 1)
    b, c = (bias[0].tolist() for bias in model.biases(condition))
    w, v = (layer.weight.tolist() for layer in model.linears)
    h = [max(0, b[k] + sum(w[k][d] * image[d] for d in range(9) if m >= d + 1)) for k, m in enumerate(degrees)]
    logits = [c[d] + sum(v[d][k] * h[k] for k, m in enumerate(degrees) if d + 1 > m) for d in range(9)]
    found = model.conditionals(torch.tensor([image]), condition).dense()[0, :, 1].exp().tolist()
    assert found == pytest.approx([1 / (1 + math.exp(-a)) for a in logits])


@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_under_each_mask_set_the_probabilities_of_all_images_sum_to_one(name: str, levels: int) -> None:
    model = build(name, levels)
    images = every_image(model)
    for letter, mask_set in itertools.product(LETTER.choices, range(model.config.masks)):
        total = (-nats(model, images, letters(model, letter, len(images)), mask_set)).exp().sum()
        assert float(total) == pytest.approx(1, abs=1e-12)


def test_a_conditional_depends_on_no_later_symbol_in_any_bit(model: MADE) -> None:
    model = model.float()
    image = every_image(model)[-99:-98]
    condition = letters(model, "a", 1)
    before = model.conditionals(image, condition).dense()[0]
    listens, reached = np.array(paths(model, 0)) > 0, 0
    for step in range(9):
        flipped = image.clone()
        flipped[0, step] = 1 - flipped[0, step]
        after = model.conditionals(flipped, condition).dense()[0]
        changed = np.array([not torch.equal(a, b) for a, b in zip(before, after, strict=True)])
        assert not changed[: step + 1].any()
        assert not changed[~listens[:, step]].any()
        reached += int(changed.sum())
    assert reached > 0


def test_a_shorter_prefix_has_the_conditionals_of_the_whole(model: MADE) -> None:
    images = every_image(model)[::50]
    condition = letters(model, "a", len(images))
    whole = model.conditionals(images, condition).dense()
    assert torch.equal(model.conditionals(images[:, :4], condition).dense(), whole[:, :4])


def test_the_condition_moves_the_conditionals(model: MADE) -> None:
    images = every_image(model)[:9]
    a, b = (model.conditionals(images, letters(model, letter, 9)).dense().detach() for letter in "ab")
    assert float((a.exp() - b.exp()).abs().mean()) > 0.01


def test_the_mixture_is_the_mean_of_the_joints_of_its_mask_sets() -> None:
    model = build("several")
    images = every_image(model)
    condition = letters(model, "b", len(images))
    joints = torch.stack([(-nats(model, images, condition, mask_set)).exp() for mask_set in range(3)])
    called, of_sets = model.joints(None)
    assert called == "mask sets"
    mixture = (-mixture_nats(of_sets, images, condition)).exp()
    assert torch.allclose(mixture, joints.mean(0), rtol=1e-12)
    assert float(mixture.sum()) == pytest.approx(1, abs=1e-12)
    assert all(float((mixture - joint).abs().sum()) > 0.05 for joint in joints)


def test_mask_sets_are_called_orders_where_each_has_its_own() -> None:
    called, joints = build("shuffled").joints(None)
    assert (called, len(joints)) == ("orders", 3)


def test_a_model_of_one_mask_set_has_no_mixture() -> None:
    with pytest.raises(InputError, match="has one mask set, and no mixture over several"):
        build("deep").joints(None)


@pytest.mark.parametrize(("name", "called"), [("several", "mask sets"), ("shuffled", "orders")])
@pytest.mark.parametrize("count", [2, 3])
def test_how_many_mask_sets_a_mixture_is_of_is_no_choice(name: str, called: str, count: int) -> None:
    with pytest.raises(InputError, match=f"has the 3 {called} that it was trained with"):
        build(name).joints(count)


def test_the_model_is_that_of_mask_set_0() -> None:
    model = build("several")
    images, condition = every_image(model)[::7], letters(model, "a", 74)
    assert torch.equal(
        model.conditionals(images, condition).dense(), model.conditionals_under(0, images, condition).dense()
    )


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_training_deals_the_rows_of_a_batch_out_among_the_mask_sets(rows: int) -> None:
    model = build("several").train()
    images, condition = every_image(model)[-rows:], letters(model, "a", rows)
    in_training = model.conditionals(images, condition).dense()
    for row in range(rows):
        own = model.conditionals_under(row % 3, images[row : row + 1], condition[row : row + 1]).dense()[0]
        assert torch.allclose(in_training[row], own, atol=1e-12)


def test_gradients_reach_every_weight_that_a_mask_leaves_between_an_input_and_an_output_and_no_other() -> None:
    model = build("direct")
    images = every_image(model)
    values = [LETTER.choices[n] for n in (images[:, 0] + images[:, 1]).tolist()]
    log_p = model.conditionals(images, model.condition_tensor([{"letter": value} for value in values])).log_prob(images)
    log_p.mean().backward()  # type: ignore[no-untyped-call]
    inputs, first, second, outputs = torch.split(model.degrees[0], model.sizes)
    for layer, kept in zip(
        (*model.linears, model.direct),
        (first[:, None] >= inputs, second[:, None] >= first, outputs[:, None] >= second, outputs[:, None] >= inputs),
        strict=True,
    ):
        assert layer is not None
        assert layer.weight.grad is not None
        assert not layer.weight.grad[~kept].any()
        assert layer.weight.grad[kept].any()
    assert model.direct is not None
    assert model.direct.weight.grad is not None
    assert bool((model.direct.weight.grad[outputs[:, None] >= inputs] != 0).all())
    for parameter in (*(layer.bias for layer in model.linears), model.condition.tables[0].weight):
        assert isinstance(parameter.grad, Tensor)
        assert parameter.grad.any()


def test_a_loaded_checkpoint_is_the_model_with_the_masks_that_it_was_trained_under(model: MADE, tmp_path: Path) -> None:
    model = model.float()
    path = tmp_path / "made.safetensors"
    save_checkpoint(path, model, name="m", title="M", data={}, training={}, likelihood={})
    loaded = load_checkpoint(path).model
    assert isinstance(loaded, MADE)
    images = every_image(model)[::50]
    condition = letters(model, "b", len(images))
    assert torch.equal(loaded.conditionals(images, condition).dense(), model.conditionals(images, condition).dense())
    if model.config.masks > 1:
        mixtures = [mixture_nats(of.joints(None)[1], images, condition) for of in (loaded, model)]
        assert torch.equal(*mixtures)


@pytest.mark.parametrize(("name", "least", "most"), [("masks", 1, 64), ("seed", 0, 2**53 - 1)])
@pytest.mark.parametrize("value", [-1, 2**53, True, 2.0, "a", [], None])
def test_a_number_that_is_not_in_its_range_is_refused_by_name(name: str, least: int, most: int, value: object) -> None:
    with pytest.raises(InputError) as refused:
        untrained(2, 2, 2, SIZES | {name: value})
    assert str(refused.value) == f"{name} of a MADE is a whole number in {least} … {most}, not {value!r}"


@pytest.mark.parametrize("value", [5, "12", {"1": 1}, None, [], [0], [True], [1.5], ["1"], [[1]], [16385], [1] * 17])
def test_layers_that_are_no_list_of_whole_numbers_are_refused(value: object) -> None:
    with pytest.raises(InputError, match="hidden of a MADE is a list of 1 to 16 whole numbers in 1 … 16384"):
        untrained(2, 2, 2, SIZES | {"hidden": value})


@pytest.mark.parametrize("value", [1, "true", None])
def test_direct_is_a_plain_yes_or_no(value: object) -> None:
    with pytest.raises(InputError, match=f"direct of a MADE is true or false, not {value!r}"):
        untrained(2, 2, 2, SIZES | {"direct": value})


@pytest.mark.parametrize("config", [{}, {"hidden": (3,)}, SIZES | {"depth": 2}])
def test_sizes_that_are_missing_or_of_another_network_are_refused_with_those_that_there_are(
    config: dict[str, object],
) -> None:
    with pytest.raises(InputError) as refused:
        untrained(2, 2, 2, config)
    given = ", ".join(config) or "nothing"
    assert (
        str(refused.value)
        == f"a MADE is given hidden, masks, seed, direct and, unless it is false, shuffled; not {given}"
    )


def test_matrices_that_are_too_large_are_refused_with_their_size() -> None:
    with pytest.raises(InputError, match="784 variables of 256 symbols has 79968000 weights; at most"):
        untrained(28, 28, 256, SIZES | {"hidden": (200,)})


def test_a_chain_without_an_end_is_refused() -> None:
    chain = SoundChain(MuLaw(2), 8000, default_seconds=0.1, max_seconds=1.0)
    with pytest.raises(InputError, match="open-ended"):
        MADE(ModelSpec("made", chain, (), SIZES))
