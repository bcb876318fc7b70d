"""How the cost of an image is found to grow with its side. No speed is asserted: they are the machine's."""

from __future__ import annotations

import numpy as np
import pytest
from torch import Tensor

from models.bench import PLACES, ImageTime, bench, exponent, resized, scaling, time_image
from models.chain import GreyLevels, ImageChain, MuLaw, SoundChain
from models.condition import Category
from models.conditional import Categorical
from models.errors import InputError
from models.model import ModelSpec
from models.networks.orderless_nade import OrderlessNADE
from models.networks.wavenet import WaveNet
from tests.place import CHAIN, WHERE, PlaceModel, register_places

DIGIT = Category("digit", ("0", "1"), any=True)
ORDERLESS = ModelSpec(
    "orderless_nade",
    ImageChain(GreyLevels(2), 6, 6),
    OrderlessNADE.factors_for((DIGIT,), ImageChain(GreyLevels(2), 6, 6)),
    {"hidden": [5]},
)


@pytest.fixture
def small_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.bench.SIDES", (4, 8))
    monkeypatch.setattr("models.bench.SIDE_SECONDS", 0.05)


@pytest.mark.parametrize("power", [2, 4])
def test_the_exponent_is_that_of_the_side(power: int) -> None:
    times = [ImageTime(side, 1e-3 * side**power, 1, True) for side in (16, 28, 64)]
    assert exponent(times) == pytest.approx(power)


def test_a_model_of_another_side_has_the_sizes_and_the_conditions_of_the_first() -> None:
    model = resized(ORDERLESS, 8)
    assert model.chain == ImageChain(GreyLevels(2), 8, 8)
    assert model.spec.config == ORDERLESS.config
    assert [factor.name for factor in model.factors] == [factor.name for factor in ORDERLESS.factors]
    assert model.condition_tensor({}).shape[0] == 1  # the order that the model adds is one of 8 x 8 pixels


def test_every_engine_is_timed_at_every_side(small_sides: None) -> None:
    found = scaling(ORDERLESS)
    assert [engine.engine for engine in found] == ["compiled", "cached", "reference"]
    for engine in found:
        assert [time.side for time in engine.times] == [4, 6, 8]
        assert engine.exponent == exponent(engine.times)
    *fast, reference = found
    for engine in fast:
        assert engine.ratio_to_reference == reference.times[1].seconds / engine.times[1].seconds
    assert reference.ratio_to_reference == 1


def test_an_engine_that_streams_its_weights_is_compared_with_how_fast_they_can_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.bench.BUDGET_SECONDS", 0.1)
    monkeypatch.setattr("models.bench.LIMIT_BYTES", 2**20)
    chain = SoundChain(MuLaw(4), rate=8000, default_seconds=0.01, max_seconds=0.01)
    sizes = {"residual": 32, "skip": 32, "head": 32, "dilations": [1, 2]}
    compiled, cached, _, rounded = bench(WaveNet(ModelSpec("wavenet", chain, (), sizes)).requires_grad_(False))
    assert (compiled.engine, rounded.engine) == ("compiled", "bfloat16")
    assert compiled.limit is not None
    assert compiled.limit > compiled.steps_per_second
    assert cached.limit is None


class Watched(PlaceModel):
    """Remembers how many symbols each parallel pass was given."""

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        self.lengths.append(symbols.shape[1])
        return super().conditionals(symbols, condition)

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self.lengths: list[int] = []


def test_a_long_walk_is_extrapolated_from_steps_all_over_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.bench.SIDE_SECONDS", 0.0)
    model = Watched(ModelSpec("place", ImageChain(GreyLevels(4), 10, 10), (WHERE,), {}))
    time = time_image(model, "reference", 10)
    assert (time.whole, time.steps) == (False, PLACES)
    assert model.lengths[-PLACES:] == [11, 31, 51, 71, 91]  # passes for the steps 10, 30 … of 100
    assert np.isfinite(time.seconds)


def test_what_cannot_be_had_at_other_sides_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tabular = ModelSpec("tabular", ImageChain(GreyLevels(2), 4, 4), (), {"alpha": 0.5})
    with pytest.raises(InputError, match=r"Tabular chain cannot be had at several sizes: the tables of"):
        scaling(tabular)
    register_places(monkeypatch)
    sound = ModelSpec("place", SoundChain(MuLaw(4), 8000, 0.01, 0.1), (WHERE,), {})
    with pytest.raises(InputError, match="it makes no images"):
        scaling(sound)
    assert CHAIN.height != CHAIN.width  # an oblong model is looked at in squares
    monkeypatch.setattr("models.bench.SIDES", (4, 5))
    (engine,) = scaling(ModelSpec("place", CHAIN, (WHERE,), {}))
    assert [time.side for time in engine.times] == [3, 4, 5]
