"""The fully visible belief network: a logistic regression for every pixel, and nothing else."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch

from models.chain import GreyLevels, ImageChain, MuLaw, SoundChain
from models.checkpoint import load_checkpoint, save_checkpoint
from models.condition import Category, Factor
from models.errors import InputError
from models.model import ModelSpec
from models.networks import network_class
from models.networks.fvbn import FVBN

LETTER = Category("letter", ("a", "b"), any=True)


def untrained(height: int, width: int, levels: int = 2, factors: tuple[Factor, ...] = (LETTER,)) -> FVBN:
    chain = ImageChain(GreyLevels(levels), height, width)
    model = network_class("fvbn")(ModelSpec("fvbn", chain, factors, {})).eval()
    assert isinstance(model, FVBN)
    return model


def build(levels: int = 2) -> FVBN:
    """Random weights, in float64, also where the mask hides them: 3 x 3 binary, or 2 x 2 of more levels."""
    side = 3 if levels == 2 else 2
    torch.manual_seed(5)
    model = untrained(side, side, levels).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def every_image(model: FVBN) -> torch.Tensor:
    return torch.tensor(list(itertools.product(range(model.levels), repeat=model.length)))


def sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def test_a_binary_pixel_is_a_logistic_regression_on_the_earlier_ones() -> None:
    model = build()
    image = [1, 0, 1, 1, 0, 1, 0, 0, 1]
    condition = model.condition_tensor({"letter": "b"})
    found = model.conditionals(torch.tensor([image]), condition).dense()[0, :, 1].exp().tolist()
    weight, bias = model.weight.tolist(), (model.bias + model.condition(condition)[0]).tolist()
    assert found == pytest.approx([sigmoid(bias[i] + sum(weight[i][j] * image[j] for j in range(i))) for i in range(9)])


def test_a_pixel_of_more_levels_is_a_softmax_regression_in_which_symbol_0_is_the_zero() -> None:
    model = build(levels=3)
    image = [2, 0, 1, 2]
    condition = model.condition_tensor({"letter": "a"})
    found = model.conditionals(torch.tensor([image]), condition).dense()[0].exp()
    weight, bias = model.weight.tolist(), (model.bias + model.condition(condition)[0]).tolist()
    for i in range(4):
        logits = [0.0] + [
            bias[2 * i + k] + sum(weight[2 * i + k][2 * j + image[j] - 1] for j in range(i) if image[j] > 0)
            for k in (0, 1)
        ]
        total = sum(map(math.exp, logits))
        assert found[i].tolist() == pytest.approx([math.exp(a) / total for a in logits])


def test_the_number_of_parameters_is_that_of_the_regressions() -> None:
    assert untrained(3, 3, factors=()).parameter_count == sum(range(9)) + 9
    assert untrained(28, 28, factors=()).parameter_count == 307_720
    assert untrained(2, 2, 3, factors=()).parameter_count == sum(2 * 2 * i for i in range(4)) + 2 * 4
    assert untrained(3, 3).parameter_count == untrained(3, 3, factors=()).parameter_count + 3 * 9


@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("letter", LETTER.choices)
def test_the_probabilities_of_all_images_sum_to_one(levels: int, letter: str) -> None:
    model = build(levels)
    images = every_image(model)
    condition = model.condition_tensor([{"letter": letter}] * len(images))
    log_p = model.conditionals(images, condition).log_prob(images).sum(1).detach()
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("levels", [2, 3])
def test_a_conditional_depends_on_every_earlier_symbol_and_on_no_later_one(levels: int) -> None:
    model = build(levels).float()
    image = every_image(model)[-7:-6]
    condition = model.condition_tensor({"letter": "a"})
    before = model.conditionals(image, condition).dense()[0]
    for step in range(model.length):
        changed = image.clone()
        changed[0, step] = (changed[0, step] + 1) % levels
        after = model.conditionals(changed, condition).dense()[0]
        same = [bool(torch.equal(a, b)) for a, b in zip(before, after, strict=True)]
        assert same == [other <= step for other in range(model.length)]


def test_a_shorter_prefix_has_the_conditionals_of_the_whole() -> None:
    model = build()
    images = every_image(model)[::50]
    condition = model.condition_tensor([{"letter": "a"}] * len(images))
    whole = model.conditionals(images, condition).dense()
    assert torch.equal(model.conditionals(images[:, :4], condition).dense(), whole[:, :4])


def test_gradients_reach_the_weights_below_the_diagonal_and_no_other() -> None:
    model = build()
    images = every_image(model)
    condition = model.condition_tensor([{}] * len(images))
    model.conditionals(images, condition).log_prob(images).mean().backward()  # type: ignore[no-untyped-call]
    assert model.weight.grad is not None
    assert torch.equal(model.weight.grad != 0, torch.ones(9, 9).tril(-1).bool())
    for parameter in (model.bias, model.condition.tables[0].weight):
        assert isinstance(parameter.grad, torch.Tensor)
        assert parameter.grad.any()


@pytest.mark.parametrize("beginning", [0.0, 2.0])
def test_training_finds_the_one_maximum_from_any_beginning(beginning: float) -> None:
    """Pixel 1 repeats pixel 0 in three of four images; its regression can say exactly that."""
    images = torch.tensor([[0, 0], [0, 0], [0, 0], [0, 1], [1, 1], [1, 1], [1, 1], [1, 0]])
    model = untrained(1, 2, factors=())
    torch.nn.init.constant_(model.weight, beginning)
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=100)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        nats = -model.conditionals(images, images[:, :0]).log_prob(images).sum(1).mean()
        nats.backward()  # type: ignore[no-untyped-call]
        return nats.detach()

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    assert model.weight[1, 0].item() == pytest.approx(2 * math.log(3), abs=1e-3)
    assert float(loss()) == pytest.approx(math.log(2) - 0.75 * math.log(0.75) - 0.25 * math.log(0.25), abs=1e-5)


def test_a_checkpoint_says_how_many_parameters_are_used(tmp_path: Path) -> None:
    model = build().float()
    path = tmp_path / "fvbn.safetensors"
    save_checkpoint(path, model, name="f", title="F", data={}, training={}, likelihood={})
    loaded = load_checkpoint(path)
    assert loaded.header.parameters == 36 + 9 + 3 * 9
    images = every_image(model)[::50]
    condition = model.condition_tensor([{"letter": "b"}] * len(images))
    assert torch.equal(
        loaded.model.conditionals(images, condition).dense(), model.conditionals(images, condition).dense()
    )


def test_sizes_that_it_does_not_have_are_refused() -> None:
    with pytest.raises(InputError, match="is given nothing; not hidden"):
        FVBN(ModelSpec("fvbn", ImageChain(GreyLevels(2), 2, 2), (), {"hidden": 3}))


def test_a_matrix_that_is_too_large_is_refused_with_its_size() -> None:
    with pytest.raises(InputError, match=r"has a matrix of 199920\^2 = 39968006400 weights; at most"):
        untrained(28, 28, 256)


def test_a_chain_without_an_end_is_refused() -> None:
    chain = SoundChain(MuLaw(2), 8000, default_seconds=0.1, max_seconds=1.0)
    with pytest.raises(InputError, match="open-ended"):
        FVBN(ModelSpec("fvbn", chain, (), {}))
