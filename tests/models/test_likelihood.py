"""Scoring: bits per dimension with its error, surprise step by step, classes by Bayes' rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.chain import GreyLevels, ImageChain
from models.condition import Category
from models.conditional import Conditional
from models.errors import InputError
from models.likelihood import measure, posterior, surprises, surprises_under, total_nats
from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class
from models.training.data import Examples
from tests.place import WHERE, PlaceModel

CHAIN = ImageChain(GreyLevels(4), 3, 4)
DIGIT = Category("digit", ("0", "1", "2"), any=True)


@pytest.fixture(scope="module")
def model() -> AutoregressiveModel:
    torch.manual_seed(0)
    config = {"channels": 6, "head": 6, "dilations": [1, 2]}
    made = network_class("gated_pixelcnn")(ModelSpec("gated_pixelcnn", CHAIN, (DIGIT,), config)).eval()
    with torch.no_grad():
        for table in made.condition.tables:  # type: ignore[union-attr]
            table.weight.normal_(std=2.0)  # type: ignore[union-attr, operator]
    return made


@pytest.fixture(scope="module")
def examples() -> Examples:
    rng = np.random.default_rng(0)
    rows = list(rng.integers(0, 4, (30, 12)).astype(np.int32))
    return Examples(rows, [{"digit": str(digit)} for digit in rng.integers(0, 3, 30)])


def test_the_batched_score_is_the_sum_of_the_surprises(model: AutoregressiveModel, examples: Examples) -> None:
    batched = list(total_nats(model, examples.symbols, examples.conditions, encoded=True))
    one_by_one = [
        surprises(model, s, c).sum() * math.log(2) for s, c in zip(examples.symbols, examples.conditions, strict=True)
    ]
    assert batched == pytest.approx(one_by_one, rel=1e-6)


def test_examples_are_scored_under_conditions_of_any_kind() -> None:
    model = PlaceModel(ModelSpec("place", CHAIN, (WHERE,), {}))
    bright = [np.full(12, 3, np.int32)] * 2
    left, right = total_nats(model, bright, [{"where": [0.1, 0.5]}, {"where": [0.9, 0.5]}], encoded=True)
    assert right < 12 * math.log(4) < left
    assert right == pytest.approx(surprises(model, bright[0], {"where": [0.9, 0.5]}).sum() * math.log(2), rel=1e-6)


def test_each_step_is_scored_under_the_condition_that_held_there(
    model: AutoregressiveModel, examples: Examples
) -> None:
    x = examples.symbols[0]
    one, other = (surprises(model, x, {"digit": digit}) for digit in "12")
    assert not np.allclose(one, other)
    turns = surprises_under(model, x, [(0, {"digit": "1"}), (4, {"digit": "2"}), (9, {"digit": "1"})])
    assert turns.tolist() == [*one[:4], *other[4:9], *one[9:]]


def test_a_factor_that_the_model_does_not_have_is_named_with_those_that_it_has(
    model: AutoregressiveModel, examples: Examples
) -> None:
    with pytest.raises(InputError, match="no condition 'speaker'; its conditions are: digit"):
        posterior(model, examples.symbols[0], [(0, {})], "speaker")


class OtherConditional(Conditional):
    """Two symbols by one logit in float32, as a plug-in might bring along: no Categorical."""

    size = 2

    def __init__(self, logit: torch.Tensor) -> None:
        self.logit = logit

    @property
    def parameters(self) -> tuple[torch.Tensor, ...]:
        return (self.logit,)

    def of(self, *parameters: torch.Tensor) -> OtherConditional:
        return OtherConditional(*parameters)

    def dense(self) -> torch.Tensor:
        return torch.nn.functional.logsigmoid(torch.stack([-self.logit, self.logit], -1))


def test_every_kind_of_conditional_is_scored_in_float64(
    model: AutoregressiveModel, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float32 the probability of what is all but certain would be one, and its surprise nothing."""
    monkeypatch.setattr(model, "conditionals", lambda x, condition: OtherConditional(torch.full(x.shape, 20.0)))
    bits = surprises(model, np.ones(12, np.int32), {})
    assert bits.dtype == np.float64
    assert bits == pytest.approx(np.full(12, math.log1p(math.exp(-20)) / math.log(2)), rel=1e-12)


def test_bits_per_dim_and_its_error_are_those_of_the_examples(model: AutoregressiveModel, examples: Examples) -> None:
    nats = np.array(list(total_nats(model, examples.symbols, examples.conditions, encoded=True)))
    found = measure(model, examples)
    assert found.nats == pytest.approx(nats.mean())
    assert found.nats_standard_error == pytest.approx(nats.std(ddof=1) / math.sqrt(30))
    assert found.bits_per_dim == pytest.approx(nats.mean() / 12 / math.log(2))
    assert found.bits_per_dim_standard_error == pytest.approx(found.nats_standard_error / 12 / math.log(2), rel=1e-6)
    assert measure(model, examples, limit=7).examples == 7


def test_the_posterior_is_bayes_rule_with_a_uniform_prior(model: AutoregressiveModel, examples: Examples) -> None:
    x = examples.symbols[0]
    joint = {v: math.exp(-surprises(model, x, {"digit": v}).sum() * math.log(2)) for v in DIGIT.values}
    found = posterior(model, x, [(0, {})], "digit")
    assert sum(found.values()) == pytest.approx(1)
    for value, p in found.items():
        assert p == pytest.approx(joint[value] / sum(joint.values()), rel=1e-6)


def test_the_posterior_of_a_factor_does_not_ask_what_it_was_recorded_as(
    model: AutoregressiveModel, examples: Examples
) -> None:
    x = examples.symbols[0]
    turns = [(0, {"digit": "1"}), (5, {"digit": "2"})]
    assert posterior(model, x, turns, "digit") == pytest.approx(posterior(model, x, [(0, {})], "digit"), rel=1e-9)
