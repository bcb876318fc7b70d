"""The promises of a chain, for every model in the catalog: a new one is under them the moment its checkpoint is there.

They hold as well for random networks: a plug-in's model of another modality that has only the parallel pass,
``tests.melody_model``, and small ones that translate, draw videos, or have a GPT-2's architecture.
Causal, normalised, decoder = network, same seed = same sample, score = walk, calibrated.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from models.catalog import Catalog
from models.chain import Chain, ImageChain, Palette
from models.checkpoint import load_checkpoint
from models.condition import Order, Vector, complete
from models.conditional import LOG2, Conditional
from models.likelihood import surprises
from models.model import AutoregressiveModel, ModelSpec
from models.networks.linear_autoregression import LinearAutoregression
from models.networks.tabular import TabularChain
from models.noise import uniforms
from models.sampling import FLOAT_TIE, Walk, distance_to, engines_of, make_decoder, reproduce, run
from models.shaping import NEUTRAL, Shaping
from models.text import Characters
from models.trace import ModelReference, Take, new_take
from models.track import Track
from models.video import VideoChain
from tests.gpt2_models import GPT2_MODELS
from tests.melody_model import NAME as MELODY_MODEL
from tests.melody_model import melody_model
from tests.translation_models import TRANSLATION_MODELS
from tests.video_model import VIDEO_MODELS

RANDOM: dict[str, Callable[[], AutoregressiveModel]] = {
    MELODY_MODEL: melody_model, **TRANSLATION_MODELS, **VIDEO_MODELS, **GPT2_MODELS
}  # fmt: skip
"""Models with random weights by name."""
NAMES = [*(entry.header.name for entry in Catalog(user=None).entries()), *RANDOM]
FAST = ("compiled", "cached")
TEST_STEPS = 600
"""Of an open chain, in these tests."""
MANY_LEVELS = 4096
"""Of more symbols than these, only some of the conditionals are laid out one symbol by one."""


@dataclasses.dataclass(frozen=True)
class Case:
    model: AutoregressiveModel
    reference: ModelReference


@cache
def loaded(name: str) -> Case:
    if name in RANDOM:
        model = RANDOM[name]()
        return Case(model, ModelReference(name, model.title, "0" * 64, model.chain, model.factors))
    found = load_checkpoint(Catalog(user=None).find(name).path)
    return Case(found.model, found.reference)


@cache
def drawn(name: str, engine: str) -> Take:
    """Two samples of a model."""
    take = begin(name, engine, count=2)
    return run(loaded(name).model, take)


def condition_of(model: AutoregressiveModel) -> dict[str, Any]:
    """The default one, but for what makes no difference there: a code in the middle, the plainest order, no events."""
    unusual: dict[str, Any] = {}
    for factor in model.factors:
        if isinstance(factor, Order):
            unusual[factor.name] = "random 5"
        elif isinstance(factor, Vector):
            unusual[factor.name] = [0.3] * factor.size
        elif isinstance(factor, Track):
            first = factor.example[0][0]
            unusual[factor.name] = [[start - first, *event] for start, *event in factor.example]
    return complete(model.factors, unusual)


def begin(name: str, engine: str, *, count: int, first: int = 0, shaping: Shaping = NEUTRAL) -> Take:
    reference = loaded(name).reference
    return new_take(
        reference,
        seed=11,
        count=count,
        first=first,
        condition=condition_of(loaded(name).model),
        shaping=shaping,
        engine=engine,
        limit=steps_of(reference.chain),
    )


def steps_of(chain: Chain) -> int:
    return chain.length or min(TEST_STEPS, chain.limit)


def symbols_of(name: str) -> npt.NDArray[np.int32]:
    """A typical chain, long enough to test on."""
    model = loaded(name).model
    if model.chain.length is not None:
        return drawn(name, engines_of(model)[0]).traces[0].symbols
    rng = np.random.default_rng(5)
    levels = model.chain.alphabet.levels
    walk = np.cumsum(rng.normal(0, 6, steps_of(model.chain))) % (2 * levels)
    return np.where(walk < levels, walk, 2 * levels - 1 - walk).astype(np.int32)


def parallel(model: AutoregressiveModel, symbols: npt.NDArray[np.int32]) -> Conditional:
    """The conditionals (T,) of all steps of one chain by the parallel pass."""
    with torch.inference_mode():
        rows = torch.from_numpy(symbols.astype(np.int64))[None]
        return model.conditionals(rows, model.condition_tensor(condition_of(model)))[0]


def same(a: Conditional, b: Conditional) -> bool:
    """Bit for bit."""
    return all(torch.equal(one, other) for one, other in zip(a.parameters, b.parameters, strict=True))


def total_variation(a: Conditional, b: Conditional) -> float:
    return float((a.dense().exp() - b.dense().exp()).abs().sum(-1).max() / 2)


def test_the_catalog_offers_models() -> None:
    assert {"gated-pixelcnn-mnist", "wavenet-fsdd"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_causal(name: str) -> None:
    """Bit for bit: what comes later has no say."""
    model = loaded(name).model
    symbols = symbols_of(name)
    before = parallel(model, symbols)
    rng = np.random.default_rng(0)
    for step in [0, 1, len(symbols) // 3, len(symbols) // 2, len(symbols) - 2]:
        changed = symbols.copy()
        levels = model.chain.alphabet.levels
        # Each is another one, which of two levels a random one need not be.
        changed[step:] = (symbols[step:] + rng.integers(1, levels, len(symbols) - step)) % levels
        after = parallel(model, changed)
        assert same(before[: step + 1], after[: step + 1]), f"a conditional up to step {step} changed"
        if step <= len(symbols) // 2:  # the last pixels may rightly be of no consequence to one another
            assert not same(before[step + 1 :], after[step + 1 :])


@pytest.mark.parametrize("name", NAMES)
def test_each_conditional_sums_to_one(name: str) -> None:
    conditional = parallel(loaded(name).model, symbols_of(name))
    some = slice(None, None, 1 + (conditional.size - 1) // MANY_LEVELS)
    total = conditional[some].dense().exp().sum(-1)
    assert float((total - 1).abs().max()) < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_the_joint_of_a_chain_small_enough_to_enumerate_sums_to_one(name: str) -> None:
    """The same network on a tiny chain; with a stop symbol, what has not stopped by then is the tail.

    Its weights are drawn: some begin as zeros, and what ignores its past sums to one whatever its masks are.
    """
    spec = loaded(name).model.spec
    chain, steps = tiny(spec.chain)
    torch.manual_seed(2)
    network = type(loaded(name).model)
    factors = network.factors_for(tuple(factor for factor in spec.factors if factor.of_data), chain)
    model = network(ModelSpec(spec.architecture, chain, factors, spec.config)).double()
    with torch.no_grad():
        for weights in model.parameters():
            weights.normal_(std=0.5)
            if isinstance(model, TabularChain | LinearAutoregression):  # counts, and a deviation
                weights.abs_()
    stop = chain.alphabet.stop_symbol
    total = tail = 0.0
    for sequence in itertools.product(range(chain.alphabet.size), repeat=steps):
        if stop in sequence[:-1]:
            continue
        nats = -parallel_nats(model.eval(), sequence)
        if stop is not None and sequence[-1] != stop:
            tail += float(np.exp(nats))
        else:
            total += float(np.exp(nats))
    for shorter in range(1, steps) if stop is not None else ():
        for sequence in itertools.product(range(chain.alphabet.levels), repeat=shorter - 1):
            total += float(np.exp(-parallel_nats(model, (*sequence, stop))))
    assert total + tail == pytest.approx(1, abs=1e-6)


def tiny(chain: Chain) -> tuple[Chain, int]:
    """A chain of the same kind that can be enumerated, and the number of steps to enumerate."""
    fewer: dict[str, Any] = {"levels": 3}
    if isinstance(chain.alphabet, Characters):
        fewer["characters"] = chain.alphabet.characters[:3]
    if isinstance(chain.alphabet, Palette):
        fewer["colours"] = chain.alphabet.colours[:3]
    chain = dataclasses.replace(chain, alphabet=dataclasses.replace(chain.alphabet, **fewer))
    if isinstance(chain, ImageChain):
        chain = dataclasses.replace(chain, height=2 if chain.channels == 1 else 1, width=2)
    if isinstance(chain, VideoChain):
        chain = dataclasses.replace(chain, frames=2, height=1, width=2 if chain.channels == 1 else 1, given_frames=0)
    return chain, chain.length or 4


def parallel_nats(model: AutoregressiveModel, sequence: tuple[int | None, ...]) -> float:
    symbols = np.array(sequence, np.int32)
    return -float(parallel(model, symbols).log_prob(torch.from_numpy(symbols)).sum())


def engines(name: str) -> list[str]:
    """The fast ones; the reference of a model that has no other."""
    found = engines_of(loaded(name).model)
    return [engine for engine in found if engine in FAST] or found


PAIRS = [(name, engine) for name in NAMES for engine in engines(name)]


@pytest.mark.parametrize(("name", "engine"), PAIRS)
def test_decoder_equals_network_from_any_prefix_and_after_any_rewind(name: str, engine: str) -> None:
    model = loaded(name).model
    symbols = symbols_of(name)
    truth = parallel(model, symbols)
    decoder = make_decoder(model, engine, model.condition_tensor(condition_of(model)))
    length = len(symbols)
    visits = [0, 1, 40, 41, length // 2, length // 3, 7, length - 1, length // 4]
    for step in (visit for visit in visits if visit < length):  # some chains are short
        if step < decoder.step:
            decoder.rewind(step)
        else:
            decoder.extend(symbols[None, decoder.step : step])
        assert decoder.step == step
        assert total_variation(decoder.peek()[0], truth[step]) < 1e-4, f"at step {step}"


@pytest.mark.parametrize(("name", "engine"), PAIRS)
def test_a_copy_of_a_decoder_goes_on_as_it_would_have(name: str, engine: str) -> None:
    """As a branch does that begins where a walk stands: nothing is rewound first."""
    model = loaded(name).model
    symbols = symbols_of(name)
    truth = parallel(model, symbols)
    decoder = make_decoder(model, engine, model.condition_tensor(condition_of(model)))
    rng = np.random.default_rng(7)
    for step in np.unique(rng.integers(1, len(symbols), 12)):
        decoder.extend(symbols[None, decoder.step : step])
        decoder = decoder.select([0, 0]).select([1])
        assert total_variation(decoder.peek()[0], truth[step]) < 1e-4, f"at step {step}"


@pytest.mark.parametrize(("name", "engine"), PAIRS)
def test_a_walk_paused_rewound_and_resumed_is_the_straight_one_bit_for_bit(name: str, engine: str) -> None:
    model = loaded(name).model
    straight = drawn(name, engine)
    pieces = begin(name, engine, count=2)
    walk = Walk(model, pieces)
    for size in itertools.cycle([1, 7, 64, 3, 200]):
        if walk.done:
            break
        walk.advance(size)
    for a, b in zip(straight.traces, pieces.traces, strict=True):
        assert np.array_equal(a.symbols, b.symbols)
        assert np.array_equal(a.surprise, b.surprise)
    again = pieces.branch(0, min(len(pieces.traces[0]) // 2, 300))
    while not again.finished:
        walk.advance(50)
    assert np.array_equal(again.symbols, straight.traces[0].symbols)


@pytest.mark.parametrize(("name", "engine"), PAIRS)
def test_a_sample_alone_is_the_one_of_the_batch_up_to_a_float_tie(name: str, engine: str) -> None:
    batch = drawn(name, engine)
    alone = run(loaded(name).model, begin(name, engine, count=1, first=1))
    assert_same_up_to_a_tie(name, batch, 1, alone, 0)


@pytest.mark.parametrize("name", NAMES)
def test_engines_agree_up_to_a_float_tie(name: str) -> None:
    first, *others = engines(name)
    for other in others:
        assert_same_up_to_a_tie(name, drawn(name, first), 0, drawn(name, other), 0)


def assert_same_up_to_a_tie(name: str, a: Take, sample_a: int, b: Take, sample_b: int) -> None:
    """Where two walks first differ, their noise must lie on the boundary between the two symbols.

    By the parallel pass, not by a third walk: that may agree with either.
    """
    trace, other = a.traces[sample_a], b.traces[sample_b]
    shared = min(len(trace), len(other))
    differs = np.flatnonzero(trace.symbols[:shared] != other.symbols[:shared])
    if not differs.size:
        assert len(trace) == len(other)
        return
    step, segment = int(differs[0]), trace.segment
    log_p = parallel(loaded(name).model, trace.symbols[: step + 1])[step].dense().numpy()
    u = float(uniforms(segment.seed, segment.sample, segment.salt, step, 1)[0])
    for symbol in (int(trace.symbols[step]), int(other.symbols[step])):
        distance = distance_to(log_p, segment.shaping, u, symbol)
        assert distance is not None
        assert distance < FLOAT_TIE, f"step {step}: {distance} from drawing {symbol}"


@pytest.mark.parametrize(("name", "engine"), PAIRS)
def test_a_recorded_walk_reproduces(name: str, engine: str) -> None:
    for trace in drawn(name, engine).traces:
        found = reproduce(loaded(name).model, trace)
        assert found.agrees or found.tie


@pytest.mark.parametrize(("name", "engine"), PAIRS)
def test_the_surprises_of_a_walk_add_up_to_the_score(name: str, engine: str) -> None:
    for trace in drawn(name, engine).traces:
        score = surprises(loaded(name).model, trace.symbols, trace.segment.condition)
        assert trace.bits == pytest.approx(float(score.sum()), rel=1e-4)
        assert np.allclose(trace.surprise, score, atol=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_as_surprising_as_their_entropy_says(name: str) -> None:
    """At temperature 1 the mean of surprise - entropy is zero within its standard error."""
    model = loaded(name).model
    count = max(12, 4000 // steps_of(model.chain))  # a dozen small images may all be black
    take = run(model, begin(name, engines(name)[0], count=count))
    differences = np.array([float((t.surprise - t.entropy).sum(dtype=np.float64)) for t in take.traces])
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    assert abs(differences.mean()) < 4 * error + 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_engine_walks_as_the_fast_ones_do(name: str) -> None:
    """A few steps of the oracle: a full parallel pass for each."""
    model = loaded(name).model
    fast = drawn(name, engines(name)[0]).traces[0]
    steps = min(len(fast), 60)
    take = begin(name, "reference", count=1)
    take.limit = steps
    run(model, take)
    slow = take.traces[0]
    start = begin(name, fast.segment.engine, count=1)
    start.traces[0].append(*(a[:steps] for a in (fast.symbols, fast.surprise, fast.entropy, fast.clamped)))
    assert_same_up_to_a_tie(name, take, 0, start, 0)
    differs = np.flatnonzero(slow.symbols != fast.symbols[: len(slow)])
    same = int(differs[0]) if differs.size else steps
    assert abs(float(slow.surprise[:same].sum() - fast.surprise[:same].sum())) < 0.05 * LOG2
