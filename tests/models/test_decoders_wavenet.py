"""The cached and the compiled decoder of the WaveNet are the network, one step at a time."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from models.chain import DRAW, MuLaw, SoundChain, Symbols
from models.condition import Category, Factor, categories
from models.decoder import Decoder, Drawn, SnapshotDecoder
from models.errors import InputError
from models.model import ModelSpec
from models.networks.wavenet import WaveNet
from models.sampling import engines_of, make_decoder
from models.shaping import NEUTRAL, Shaping
from models.track import Pitch, Track

LEVELS = 20
STOP = LEVELS
FACTORS = (Category("speaker", ("anna", "ben", "carl"), any=True), Category("digit", ("0", "1")))
TRACK = Track("said", 1000, 3, (Category("word", ("yes", "no")), Pitch("tone", 60, 120)), "yes 69", held=True)
"""Frames of 8 steps."""
SHAPINGS = (
    NEUTRAL,
    Shaping(temperature=0),
    Shaping(temperature=0.5),
    Shaping(temperature=1.5, top_k=7),
    Shaping(top_p=0.6),
    Shaping(temperature=1.2, top_k=12, top_p=0.9, min_p=0.05),
)


def small_wavenet(
    *,
    stop: bool = False,
    channels: int = 8,
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 2),
    factors: bool = True,
    track: bool = False,
    periods: int = 0,
) -> WaveNet:
    """Random weights, wide enough that conditionals are far from uniform and depend on all of the past."""
    known = (*(FACTORS if factors else ()), *([TRACK] if track else []))
    chain = SoundChain(MuLaw(LEVELS, stop), rate=8000, default_seconds=0.01, max_seconds=10)
    sizes = {"residual": channels, "skip": 11, "head": 13, "dilations": dilations}
    config = {**sizes, "frames": 6 if track else 0, "periods": periods}
    torch.manual_seed(3)
    model = WaveNet(ModelSpec("wavenet", chain, known, config)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
        if stop:
            model.out.bias[STOP] -= 5  # clips of some length
    return model


def conditions(model: WaveNet, rows: int) -> torch.Tensor:
    rng = np.random.default_rng(5)

    def chosen(factor: Factor) -> Any:
        if isinstance(factor, Category):
            return factor.choices[rng.integers(factor.size)]
        starts = np.cumsum(rng.integers(1, 5, 6)) - 2
        return [[int(n), int(rng.integers(1, 4)), str(rng.choice(["yes", "no"])), rng.uniform(60, 120)] for n in starts]

    return model.condition_tensor([{factor.name: chosen(factor) for factor in model.factors} for _ in range(rows)])


def random_symbols(rows: int, count: int, seed: int = 7) -> Symbols:
    return np.random.default_rng(seed).integers(0, LEVELS, (rows, count)).astype(np.int32)


def noise(rows: int, count: int, seed: int = 11) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, count))


def distance_to_network(decoder: Decoder) -> float:
    """Largest total variation between ``peek`` and the parallel pass over the same symbols."""
    reference = make_decoder(decoder.model, "reference", decoder.condition)
    reference.extend(decoder.symbols)
    difference = decoder.peek().dense().exp() - reference.peek().dense().exp()
    return float(difference.abs().sum(-1).max() / 2)


def blocks(decoder: Decoder, u: np.ndarray, sizes: tuple[int, ...]) -> Drawn:
    """Walks the noise in blocks of the given sizes, over and over."""
    parts, start, turn = [], 0, 0
    while start < u.shape[1]:
        stop = min(u.shape[1], start + sizes[turn % len(sizes)])
        parts.append(decoder.advance(u[:, start:stop], NEUTRAL))
        start, turn = stop, turn + 1
    return Drawn(
        *(np.concatenate([getattr(part, name) for part in parts], 1) for name in ("symbols", "surprise", "entropy"))
    )


def assert_same_bits(one: Drawn, other: Drawn) -> None:
    assert np.array_equal(one.symbols, other.symbols)
    assert np.array_equal(one.surprise, other.surprise)
    assert np.array_equal(one.entropy, other.entropy)


@pytest.fixture(autouse=True)
def one_torch_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots so close together that a short walk meets them, and drops some."""
    monkeypatch.setattr(SnapshotDecoder, "SNAPSHOT_INTERVAL", 8)
    monkeypatch.setattr(SnapshotDecoder, "MAX_SNAPSHOTS", 4)


@pytest.fixture(params=["cached", "compiled"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    "model",
    [
        small_wavenet(),
        small_wavenet(stop=True),
        small_wavenet(channels=5, dilations=(3,), factors=False),
        small_wavenet(channels=19, dilations=(5, 1, 16)),
        small_wavenet(track=True),
        small_wavenet(track=True, factors=False, stop=True),
        small_wavenet(track=True, stop=True, periods=3),
    ],
    ids=["no stop", "stop", "one block", "odd sizes", "track", "only a track", "periods"],
)
def test_the_decoder_is_the_network_from_the_first_step_on(engine: str, model: WaveNet) -> None:
    decoder = make_decoder(model, engine, conditions(model, 3))
    assert decoder.engine == engine
    assert distance_to_network(decoder) < 1e-5
    for column in random_symbols(3, 40).T:
        decoder.push(column)
        assert distance_to_network(decoder) < 1e-5


@pytest.mark.parametrize("length", [1, 17, 100])
def test_the_decoder_is_the_network_after_a_prefix(engine: str, length: int) -> None:
    model = small_wavenet(stop=True)
    decoder = make_decoder(model, engine, conditions(model, 2))
    prefix = random_symbols(2, length)
    prefix[0, length // 2] = STOP
    decoder.extend(prefix)
    assert decoder.step == length
    assert np.array_equal(decoder.symbols, prefix)
    assert distance_to_network(decoder) < 1e-5


@pytest.mark.usefixtures("often")
def test_the_decoder_is_the_network_after_any_rewind(engine: str) -> None:
    model = small_wavenet(track=True)
    decoder = make_decoder(model, engine, conditions(model, 2))
    decoder.extend(random_symbols(2, 70))
    for step in (69, 64, 63, 41, 8, 7, 0):
        decoder.rewind(step)
        assert decoder.step == step
        assert distance_to_network(decoder) < 1e-5
    decoder.extend(random_symbols(2, 30, seed=8))
    assert distance_to_network(decoder) < 1e-5


def test_each_row_has_its_own_condition(engine: str) -> None:
    model = small_wavenet()
    first_factor, second_factor = categories(model.factors)
    condition = model.condition_tensor(
        [{f.name: f.choices[n] for f, n in ((first_factor, a), (second_factor, b))} for a, b in ((0, 0), (3, 1))]
    )
    decoder = make_decoder(model, engine, condition)
    decoder.extend(np.repeat(random_symbols(1, 9), 2, 0))
    first, second = decoder.peek().dense().exp()
    assert float((first - second).abs().sum()) > 0.01
    assert distance_to_network(decoder) < 1e-5


def test_peek_may_be_called_any_number_of_times_and_stays_what_it_was(engine: str) -> None:
    model = small_wavenet(track=True)
    decoder = make_decoder(model, engine, conditions(model, 2))
    first = decoder.peek()
    before = first.dense().clone()
    assert torch.equal(decoder.peek().dense(), before)
    decoder.extend(random_symbols(2, 5))
    assert torch.equal(first.dense(), before)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("sizes", [(1,), (7, 3), (64,)])
def test_a_walk_in_blocks_of_any_size_is_the_same_bit_for_bit(engine: str, sizes: tuple[int, ...]) -> None:
    model = small_wavenet(track=True)
    u = noise(2, 90)
    straight = blocks(make_decoder(model, engine, conditions(model, 2)), u, (90,))
    assert_same_bits(blocks(make_decoder(model, engine, conditions(model, 2)), u, sizes), straight)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("step", [0, 7, 8, 50, 89])
def test_a_rewound_walk_is_the_same_bit_for_bit(engine: str, step: int) -> None:
    model = small_wavenet(track=True, periods=2)
    u = noise(2, 90)
    decoder = make_decoder(model, engine, conditions(model, 2))
    straight = blocks(decoder, u, (13,))
    decoder.rewind(step)
    again = blocks(decoder, u[:, step:], (9, 31))
    assert_same_bits(again, Drawn(straight.symbols[:, step:], straight.surprise[:, step:], straight.entropy[:, step:]))


@pytest.mark.parametrize("engine", ["compiled"])
def test_a_walk_told_as_a_prefix_continues_bit_for_bit(engine: str) -> None:
    model = small_wavenet(track=True)
    u = noise(1, 60)
    straight = blocks(make_decoder(model, engine, conditions(model, 1)), u, (60,))
    told = make_decoder(model, engine, conditions(model, 1))
    told.extend(straight.symbols[:, :25])
    again = blocks(told, u[:, 25:], (10,))
    assert_same_bits(again, Drawn(straight.symbols[:, 25:], straight.surprise[:, 25:], straight.entropy[:, 25:]))


def test_a_sample_alone_equals_the_sample_in_a_batch_bit_for_bit() -> None:
    model = small_wavenet(stop=True, track=True, periods=2)
    condition, u = conditions(model, 5), noise(5, 80)
    together = blocks(make_decoder(model, "compiled", condition), u, (80,))
    for row in range(5):
        alone = blocks(make_decoder(model, "compiled", condition[row : row + 1]), u[row : row + 1], (80,))
        assert_same_bits(
            alone,
            Drawn(together.symbols[row : row + 1], together.surprise[row : row + 1], together.entropy[row : row + 1]),
        )


@pytest.mark.parametrize("shaping", SHAPINGS, ids=str)
def test_engines_draw_the_same_symbols_up_to_a_float_tie(engine: str, shaping: Shaping) -> None:
    model = small_wavenet(stop=True)
    condition, u = conditions(model, 3), noise(3, 60)
    fast, slow = make_decoder(model, engine, condition), make_decoder(model, "reference", condition)
    for step in range(60):
        shaped = slow.peek().shaped(shaping)
        drawn = fast.advance(u[:, step : step + 1], shaping)
        expected = slow.advance(u[:, step : step + 1], shaping)
        assert drawn.entropy == pytest.approx(expected.entropy, abs=1e-4)
        ties = np.flatnonzero(drawn.symbols != expected.symbols)
        for row in ties:
            boundary = shaped[row].cumsum(-1)[min(drawn.symbols[row, 0], expected.symbols[row, 0])]
            assert abs(float(boundary) - u[row, step]) < 1e-5
        if ties.size:
            fast.rewind(step)
            fast.push(expected.symbols[:, 0])
        else:
            assert drawn.surprise == pytest.approx(expected.surprise, abs=1e-4)


def test_clamped_symbols_are_taken_and_measured(engine: str) -> None:
    model = small_wavenet(track=True)
    condition, u = conditions(model, 2), noise(2, 30)
    clamps = np.full((2, 30), DRAW, np.int32)
    clamps[0, ::3], clamps[1, 20:] = 4, 9
    fast = make_decoder(model, engine, condition).advance(u, NEUTRAL, clamps)
    slow = make_decoder(model, "reference", condition).advance(u, NEUTRAL, clamps)
    assert np.array_equal(fast.symbols[clamps != DRAW], clamps[clamps != DRAW])
    assert np.array_equal(fast.symbols, slow.symbols)
    assert fast.surprise == pytest.approx(slow.surprise, abs=1e-4)


@pytest.mark.usefixtures("often")
def test_the_stop_symbol_ends_a_row_and_the_others_go_on(engine: str) -> None:
    model = small_wavenet(stop=True)
    clamps = random_symbols(3, 30)
    clamps[1, 10] = STOP
    decoder = make_decoder(model, engine, conditions(model, 3))
    drawn = decoder.advance(noise(3, 30), NEUTRAL, clamps)
    assert drawn.symbols[1, 10] == STOP
    assert (drawn.symbols[1, 11:] == DRAW).all()
    assert np.array_equal(drawn.symbols[[0, 2]], clamps[[0, 2]])
    assert decoder.step == 30


@pytest.mark.usefixtures("often")
def test_a_walk_stands_still_when_its_last_row_has_ended(engine: str) -> None:
    model = small_wavenet(stop=True)
    clamps = random_symbols(2, 30)
    clamps[0, 4] = clamps[1, 10] = STOP
    decoder = make_decoder(model, engine, conditions(model, 2))
    drawn = decoder.advance(noise(2, 30), NEUTRAL, clamps)
    assert decoder.step == 11
    assert (drawn.symbols[:, 11:] == DRAW).all()


@pytest.mark.usefixtures("often")
def test_a_row_that_had_ended_can_be_taken_back_and_goes_on_as_the_network(engine: str) -> None:
    model = small_wavenet(stop=True)
    clamps = random_symbols(3, 60)
    clamps[1, 20] = STOP
    decoder = make_decoder(model, engine, conditions(model, 3))
    decoder.advance(noise(3, 60), NEUTRAL, clamps)
    branch = decoder.select([1])
    branch.rewind(15)
    assert np.array_equal(branch.symbols, clamps[1:2, :15])
    assert distance_to_network(branch) < 1e-5
    branch.advance(noise(1, 40), NEUTRAL, random_symbols(1, 40, seed=9))
    assert distance_to_network(branch) < 1e-5


def test_inactive_rows_report_nothing_and_may_take_part_again(engine: str) -> None:
    model = small_wavenet(track=True)
    active = np.array([True, False, True])
    decoder = make_decoder(model, engine, conditions(model, 3))
    decoder.extend(random_symbols(3, 5))
    drawn = decoder.advance(noise(3, 12), NEUTRAL, active=active)
    assert (drawn.symbols[1] == DRAW).all()
    assert (drawn.symbols[[0, 2]] != DRAW).all()
    assert (decoder.symbols[1, 5:] == 0).all()
    assert distance_to_network(decoder) < 1e-5
    decoder.advance(noise(3, 12), NEUTRAL, active=~active)
    decoder.push([1, 2, 3])
    assert distance_to_network(decoder) < 1e-5


@pytest.mark.usefixtures("often")
def test_selected_rows_go_on_by_themselves(engine: str) -> None:
    model = small_wavenet(track=True)
    decoder = make_decoder(model, engine, conditions(model, 3))
    decoder.extend(random_symbols(3, 30))
    before = decoder.peek().dense()
    branch = decoder.select([2, 2, 0])
    assert np.array_equal(branch.symbols, decoder.symbols[[2, 2, 0]])
    branch.extend(random_symbols(3, 20, seed=9))
    assert distance_to_network(branch) < 1e-5
    branch.rewind(11)
    assert distance_to_network(branch) < 1e-5
    assert torch.equal(decoder.peek().dense(), before)
    decoder.rewind(29)
    assert distance_to_network(decoder) < 1e-5


@pytest.mark.usefixtures("often")
def test_snapshots_are_bounded_in_number_and_never_far_away(engine: str) -> None:
    model = small_wavenet(track=True)
    decoder = make_decoder(model, engine, conditions(model, 1))
    assert isinstance(decoder, SnapshotDecoder)
    for _ in range(25):
        decoder.advance(noise(1, 20), NEUTRAL)
        assert len(decoder._snapshots) <= 4
    steps = [*sorted(decoder._snapshots), decoder.step]
    assert steps[0] == 0
    assert max(np.diff(steps)) <= 500 / 2 + 20


def test_snapshots_of_a_large_state_are_bounded_in_bytes(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SnapshotDecoder, "SNAPSHOT_INTERVAL", 2)
    model = small_wavenet(track=True)
    state_bytes = 2 * sum(model.config.dilations) * model.config.residual * 4
    monkeypatch.setattr(SnapshotDecoder, "SNAPSHOT_BYTES", 5 * state_bytes)
    decoder = make_decoder(model, engine, conditions(model, 2))
    assert isinstance(decoder, SnapshotDecoder)
    decoder.extend(random_symbols(2, 40))
    assert 2 <= len(decoder._snapshots) <= 5


@pytest.mark.parametrize("symbol", [-1, LEVELS])
def test_what_is_no_symbol_is_refused_before_the_kernel_sees_it(symbol: int) -> None:
    model = small_wavenet(track=True)
    decoder = make_decoder(model, "compiled", conditions(model, 1))
    with pytest.raises(InputError, match="symbols lie in 0 … 19"):
        decoder.push([symbol])
    with pytest.raises(InputError, match="symbols lie in 0 … 19"):
        decoder.extend([[3, symbol]])
    with pytest.raises(InputError, match="symbols lie in 0 … 19"):
        decoder.advance(noise(1, 1), NEUTRAL, np.array([[-2 if symbol < 0 else symbol]], np.int32))
    assert decoder.step == 0
    assert distance_to_network(decoder) < 1e-5


def test_one_compilation_serves_every_model_and_setting() -> None:
    from models.kernels.wavenet import walk, warm_up

    warm_up()
    models = small_wavenet(track=True, periods=2), small_wavenet(stop=True, channels=5, dilations=(3,), factors=False)
    for model, engine in itertools.product(models, ("compiled", "bfloat16")):
        decoder = make_decoder(model, engine, conditions(model, 3)).select([2, 0])
        decoder.extend(random_symbols(2, 300)[:, ::2])
        decoder.push([1, 2])
        clamps = np.full((3, 5), DRAW, np.int32)[1:]
        decoder.advance(noise(2, 9)[:, 4:], Shaping(temperature=1, top_k=3, top_p=1, min_p=0), clamps)
        decoder.rewind(3)
        decoder.peek()
    assert len(walk.signatures) == 2, "one for each precision"  # type: ignore[attr-defined]


def test_in_bfloat16_it_is_the_network_of_rounded_weights_and_only_who_names_it_gets_it() -> None:
    model = small_wavenet(stop=True, channels=21)
    rounded = copy.deepcopy(model)
    for name, parameter in rounded.named_parameters():
        if re.fullmatch(r"(blocks\.\d+\.(filter_gate|residual)|skip|head|out)\.weight", name):
            parameter.data = parameter.bfloat16().float()
    assert engines_of(model)[0] == "compiled"
    decoder = make_decoder(model, "bfloat16", conditions(model, 2))
    symbols = random_symbols(2, 40)
    with torch.inference_mode():
        expected, plain = (
            network.conditionals(torch.from_numpy(symbols).long(), conditions(model, 2)).dense()
            for network in (rounded, model)
        )
    from_rounded, from_plain = [], []
    for step in range(40):
        found = decoder.peek().dense().exp()
        from_rounded.append(float((found - expected[:, step].exp()).abs().sum(-1).max()) / 2)
        from_plain.append(float((found - plain[:, step].exp()).abs().sum(-1).max()) / 2)
        decoder.push(symbols[:, step])
    assert max(from_rounded) < 1e-4
    assert np.mean(from_plain) > 10 * max(from_rounded)
