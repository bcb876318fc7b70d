"""Walks on whatever engines and devices are there, and what counts as a float tie when one is walked again."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from models.blocks import BLOCK_SECONDS, LARGEST_BLOCK, next_block
from models.chain import GreyLevels, ImageChain
from models.conditional import Categorical, first_above, shape_probs
from models.decoder import Decoder, Drawn, ReferenceDecoder
from models.errors import InputError
from models.model import AutoregressiveModel, ModelSpec
from models.noise import uniforms
from models.sampling import FLOAT_TIE, Walk, choose, device_of, distance_to, engines_of, reproduce, reproducing, run
from models.shaping import NEUTRAL, Shaping
from models.trace import ModelReference, Take, new_take

STEPS = 12


class Table(AutoregressiveModel):
    """The same conditional at every step, whatever came before."""

    architecture, family, title = "table", "table", "Table"

    def __init__(self, log_p: npt.ArrayLike) -> None:
        table = torch.as_tensor(np.asarray(log_p, np.float64))
        super().__init__(ModelSpec("table", ImageChain(GreyLevels(len(table)), 1, STEPS), (), {}))
        self.table = nn.Parameter(table, requires_grad=False)

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        return Categorical(self.table.expand(*symbols.shape, -1))


class CachedTable(Table):
    def cached(self, condition: Tensor) -> Decoder:
        decoder = ReferenceDecoder(self, condition)
        decoder.engine = "cached"  # type: ignore[misc]
        return decoder


class CompiledTable(CachedTable):
    def compiled(self, condition: Tensor) -> Decoder:
        decoder = ReferenceDecoder(self, condition)
        decoder.engine = "compiled"  # type: ignore[misc]
        return decoder


def begin(
    model: AutoregressiveModel,
    *,
    shaping: Shaping = NEUTRAL,
    engine: str = "reference",
    device: str = "cpu",
    count: int = 1,
) -> Take:
    reference = ModelReference("table", "Table", "0" * 64, model.chain, ())
    return new_take(reference, seed=3, count=count, condition={}, shaping=shaping, engine=engine, device=device)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


# Choosing


@pytest.mark.usefixtures("cuda")
def test_a_few_samples_walk_compiled_on_the_cpu_and_many_on_a_gpu() -> None:
    assert choose(CompiledTable([0, 0]), samples=4) == ("cpu", "compiled")
    assert choose(CompiledTable([0, 0]), samples=64) == ("cuda", "cached")
    assert choose(CompiledTable([0, 0]), engine="compiled", samples=64) == ("cpu", "compiled")
    assert choose(CompiledTable([0, 0]), engine="cached") == ("cuda", "cached")


@pytest.mark.usefixtures("cuda")
def test_a_model_without_a_compiled_engine_walks_on_a_gpu() -> None:
    assert choose(CachedTable([0, 0])) == ("cuda", "cached")
    assert choose(Table([0, 0])) == ("cuda", "reference")
    assert choose(CachedTable([0, 0]), device="cpu") == ("cpu", "cached")


@pytest.mark.usefixtures("no_cuda")
def test_without_a_gpu_all_walks_are_on_the_cpu() -> None:
    assert choose(CompiledTable([0, 0]), samples=64) == ("cpu", "compiled")
    assert choose(Table([0, 0])) == ("cpu", "reference")
    with pytest.raises(InputError, match="no CUDA device"):
        choose(Table([0, 0]), device="cuda")


@pytest.mark.usefixtures("cuda")
def test_an_engine_that_is_not_on_the_chosen_device_is_named_with_those_that_are() -> None:
    with pytest.raises(InputError, match="no compiled engine on cuda; it has: cached, reference"):
        choose(CompiledTable([0, 0]), device="cuda", engine="compiled")
    with pytest.raises(InputError, match="no cached engine on cpu; it has: reference"):
        choose(Table([0, 0]), device="cpu", engine="cached")


def test_a_take_is_reproduced_on_its_device_if_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = begin(Table([0, 0])), begin(Table([0, 0]), device="cuda")
    for available, found in ((True, ["cpu", "cuda"]), (False, ["cpu", "cpu"])):
        monkeypatch.setattr("torch.cuda.is_available", lambda available=available: available)
        assert [device_of(here), device_of(there)] == found


# Going on elsewhere


@pytest.mark.parametrize(("engine", "device"), [("compiled", "cpu"), ("cached", "cuda"), ("steam", "cpu")])
def test_a_walk_goes_on_with_what_is_there_and_the_schedule_says_so(engine: str, device: str) -> None:
    """A take from a machine, or a program, that had an engine or a device that is not here."""
    model = CachedTable([0.0, 0.5, 1.0])
    take = begin(model, engine="cached", count=2)
    Walk(model, take).advance(5)
    for trace in take.traces:
        trace.schedule = [replace(trace.segment, engine=engine, device=device)]
    run(model, take)
    for trace in take.traces:
        assert [(s.start, s.engine, s.device) for s in trace.schedule] == [(0, engine, device), (5, "cached", "cpu")]
    straight = run(model, begin(model, engine="cached", count=2))
    assert [t.symbols.tolist() for t in take.traces] == [t.symbols.tolist() for t in straight.traces]


def test_a_take_that_has_not_begun_records_only_what_walks() -> None:
    model = Table([0.0, 0.5])
    trace = run(model, begin(model, engine="compiled", device="cuda")).traces[0]
    assert [(s.start, s.engine, s.device) for s in trace.schedule] == [(0, "reference", "cpu")]


def test_what_is_there_is_kept_though_another_is_faster() -> None:
    model = CachedTable([0.0, 0.5])
    assert engines_of(model)[0] == "cached"
    trace = run(model, begin(model, engine="reference")).traces[0]
    assert [s.engine for s in trace.schedule] == ["reference"]


def test_a_trace_is_reproduced_by_what_is_there_and_that_is_said() -> None:
    made = run(CompiledTable([0.0, 0.5, 1.0]), begin(CompiledTable([0.0, 0.5, 1.0]), engine="compiled"))
    same = reproduce(CompiledTable([0.0, 0.5, 1.0]), made.traces[0])
    assert same.agrees
    assert same.fallback is None
    other = reproduce(CachedTable([0.0, 0.5, 1.0]), made.traces[0])
    assert other.agrees
    assert other.fallback == "walked by cached on cpu instead of compiled on cpu"


# Block by block


class SlowTable(CachedTable):
    """Every step takes longer than a block should."""

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        time.sleep(1.2 * BLOCK_SECONDS)
        return super().conditionals(symbols, condition)


def test_a_block_is_as_long_as_it_may_take_and_grows_no_faster_than_twofold() -> None:
    assert next_block(8, BLOCK_SECONDS) == 8
    assert next_block(8, 4 * BLOCK_SECONDS) == 2
    assert next_block(1, 100 * BLOCK_SECONDS) == 1
    assert next_block(8, 0.0) == 16
    assert next_block(LARGEST_BLOCK, 0.0) == LARGEST_BLOCK


class NotingDecoder(ReferenceDecoder):
    """Notes what it is told at once, what it draws at once, and that it works through what it was told."""

    engine = "cached"

    def __init__(self, model: AutoregressiveModel, condition: Tensor) -> None:
        super().__init__(model, condition)
        self.done: list[tuple[str, int]] = []

    def extend(self, prefix: npt.ArrayLike) -> None:
        self.done.append(("told", np.shape(prefix)[1]))
        super().extend(prefix)

    def _work_through(self) -> None:
        self.done.append(("worked through", self.step))

    def advance(self, uniforms: npt.NDArray[np.float64], *how: Any) -> Drawn:
        self.done.append(("drew", uniforms.shape[1]))
        return super().advance(uniforms, *how)


def test_what_is_told_and_what_is_drawn_at_once_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    model = CachedTable([0.0, 1.0])
    decoder = NotingDecoder(model, model.condition_tensor({}))
    monkeypatch.setattr(model, "cached", lambda condition: decoder)
    take = begin(model, engine="cached")
    known = np.zeros(8, np.float32)
    take.traces[0].append(np.zeros(8, np.int32), known, known, known > 0)
    walk = Walk(model, take)
    assert [walk.advance(1, 5), walk.advance(2, 5), walk.advance(1, 5), walk.advance(2, 5)] == [0, 0, 1, 2]
    told = [("told", 5), ("worked through", 5), ("told", 3), ("worked through", 8)]
    assert decoder.done == [*told, ("drew", 1), ("drew", 2)]


def test_a_slow_walk_is_repeated_step_by_step_and_tells_how_far_it_is() -> None:
    made = run(CachedTable([0.0, 0.5, 1.0]), begin(CachedTable([0.0, 0.5, 1.0])))
    walked: list[int] = []
    blocks = list(reproducing(SlowTable([0.0, 0.5, 1.0]), made.traces[0], report=walked.append))
    assert walked == list(range(1, STEPS + 1))
    assert len(blocks) == STEPS


def test_a_repeated_walk_can_be_given_up_between_two_blocks() -> None:
    made = run(CachedTable([0.0, 0.5, 1.0]), begin(CachedTable([0.0, 0.5, 1.0])))
    walked: list[int] = []
    blocks = reproducing(SlowTable([0.0, 0.5, 1.0]), made.traces[0], report=walked.append)
    next(blocks)
    blocks.close()
    assert walked == [1]


@pytest.mark.parametrize("kind", [CachedTable, SlowTable])
@pytest.mark.parametrize("step", [0, 7, STEPS - 1])
def test_the_first_difference_is_found_in_whatever_block_it_lies(kind: type[CachedTable], step: int) -> None:
    """The recorded symbol is one that the noise is far from drawing."""
    model = kind([0.0, 0.5, 1.0])
    take = run(CachedTable([0.0, 0.5, 1.0]), begin(model))
    trace = take.traces[0]
    drawn = int(trace.symbols[step])
    trace.symbols[step] = (drawn + 1) % 3
    found = reproduce(model, trace)
    assert (found.first_difference, found.recorded, found.again) == (step, (drawn + 1) % 3, drawn)
    assert not found.tie
    assert found.distance is not None


def test_a_walk_through_several_segments_is_repeated_with_each_of_them() -> None:
    model = CachedTable([0.0, 0.5, 1.0])
    take = begin(model, engine="cached")
    walk = Walk(model, take)
    walk.advance(3)
    walk.reshape(Shaping(temperature=0))
    walk.advance(4)
    take.branch(0, 7, value=0, new_noise=True, engine="reference", shaping=NEUTRAL)
    run(model, take)
    trace = take.traces[0]
    assert [segment.start for segment in trace.schedule] == [0, 3, 7]
    found = reproduce(model, trace)
    assert found.agrees
    assert found.walked_by == ("cached on cpu", "reference on cpu")


# Ties

U = float(uniforms(3, 0, 0, 0, 1)[0])
"""The noise of the first step that ``begin`` draws."""
TINY = 1e-8


def log(*probabilities: float) -> npt.NDArray[np.float64]:
    p = np.array(probabilities)
    return np.log(p / p.sum())


# Which symbol is drawn turns on the sign of a change e: at the boundary of two symbols, or at a threshold.
EDGES = {
    "neutral": (NEUTRAL, lambda e: log(U + e, 1 - U - e)),
    "cold": (Shaping(temperature=0.1), lambda e: log((U + e) ** 0.1, (1 - U - e) ** 0.1)),
    "warm": (Shaping(temperature=2), lambda e: log((U + e) ** 2, (1 - U - e) ** 2)),
    "mode": (Shaping(temperature=0), lambda e: log(0.5 + e, 0.5, 0.1)),
    "top-k of 1": (Shaping(top_k=1), lambda e: log(0.4, 0.4 + e, 0.2)),
    "top-k": (Shaping(top_k=2), lambda e: log(0.25 + e, 0.5 * U, 0.25, 0.1)),
    "top-p": (Shaping(top_p=0.6), lambda e: np.log([0.3, 0.3 + e, 0.2 - e, 0.2])),
    "top-p among equals": (Shaping(top_p=0.25), lambda e: log(0.3 + e, 0.3, 0.25, 0.15)),
    "min-p": (Shaping(min_p=0.5), lambda e: log(0.3 + e, 0.6, 0.1)),
    "min-p of 1": (Shaping(min_p=1), lambda e: log(0.4 + e, 0.4)),
    "all": (
        Shaping(temperature=0.5, top_k=3, top_p=0.9, min_p=0.5),
        lambda e: np.log(np.sqrt([0.25 + e, 0.5, 0.24, 0.01])),
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_a_difference_that_a_rounding_error_explains_is_a_tie_under_every_shaping(name: str) -> None:
    """Two engines that differ by 1e-8 draw different symbols; one that differs by 0.02 has no such excuse."""
    shaping, log_p = EDGES[name]
    below, above = Table(log_p(-TINY)), Table(log_p(TINY))
    differences = 0
    for recorder, walker in ((below, above), (above, below)):
        take = run(recorder, begin(recorder, shaping=shaping))
        found = reproduce(walker, take.traces[0])
        assert found.agrees or found.tie, found
        differences += not found.agrees
        far = reproduce(Table(log_p(0.02 if walker is above else -0.02)), take.traces[0])
        assert far.agrees or not far.tie, far
    assert differences == 2


SHAPINGS = [
    *(shaping for shaping, _ in EDGES.values()),
    Shaping(temperature=0.3, top_p=0.95),
    Shaping(top_k=5, min_p=0.2),
    Shaping(temperature=1.5, top_k=7, top_p=0.8),
]


@pytest.mark.parametrize("shaping", SHAPINGS, ids=str)
@pytest.mark.parametrize("levels", [3, 1000])
def test_whatever_a_small_change_of_the_logits_may_draw_is_at_no_distance(shaping: Shaping, levels: int) -> None:
    """Random distributions, with many exact ties among few levels; every change within reach, every noise."""
    rng = np.random.default_rng(levels)
    for _ in range(40):
        log_p = log(*rng.integers(1, levels, 12))
        changes = rng.uniform(-1, 1, (20, 12)) * FLOAT_TIE / 10
        u = rng.random(20)
        changed = torch.log_softmax(torch.from_numpy(log_p + changes), -1)
        drawn = first_above(shape_probs(changed, shaping), torch.from_numpy(u)).tolist()
        for noise, symbol in zip(u, drawn, strict=True):
            distance = distance_to(log_p, shaping, float(noise), symbol)
            assert distance is not None
            assert distance < FLOAT_TIE


@pytest.mark.parametrize("shaping", SHAPINGS, ids=str)
def test_what_no_small_change_draws_is_no_tie(shaping: Shaping) -> None:
    """Where all probabilities differ clearly, the symbols other than the drawn one are far off."""
    log_p = log(1, 2, 4, 7, 11, 16, 23)
    p = shape_probs(torch.from_numpy(log_p), shaping).numpy()
    for k in np.flatnonzero(p > 0.05):
        middle = float(p[:k].sum() + p[k] / 2)
        assert distance_to(log_p, shaping, middle, int(k)) == 0
        for other in set(range(7)) - {int(k)}:
            distance = distance_to(log_p, shaping, middle, other)
            assert distance is None or distance > 10 * FLOAT_TIE
            assert (distance is None) == (p[other] == 0)


def test_the_distance_is_that_in_the_cdf() -> None:
    log_p = log(0.25, 0.5, 0.25)
    assert distance_to(log_p, NEUTRAL, 0.2, 1) == pytest.approx(0.05)
    assert distance_to(log_p, NEUTRAL, 0.2, 2) == pytest.approx(0.55)
    assert distance_to(log_p, NEUTRAL, 0.9, 0) == pytest.approx(0.65)
    assert distance_to(np.array([0.0, -math.inf]), NEUTRAL, 0.9, 1) == pytest.approx(0.1)


def test_a_low_temperature_magnifies_what_engines_differ_by() -> None:
    """At temperature 0.5 the same CDF takes half the change of the log-probabilities."""
    assert distance_to(log(0.25, 0.5, 0.25) / 2, Shaping(temperature=0.5), 0.2, 1) == pytest.approx(0.025)
