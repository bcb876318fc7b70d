"""Every kind of WaveNet keeps the promises of a chain: with and without a context stack, as a softmax over mu-law codes
and as a mixture over linear amplitudes, with and without a stop symbol, with and without a track.

On small random networks, of which every part has a say; what a mixture does with 16 bits is in ``test_wavenet_16bit``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.chain import Alphabet, LinearAmplitudes, MuLaw, SoundChain, Symbols
from models.checkpoint import load_checkpoint, save_checkpoint
from models.condition import Category, complete
from models.decoder import Decoder, SnapshotDecoder
from models.errors import InputError
from models.evaluation.pitch import pitch_of
from models.kernels.wavenet import CompiledWaveNet
from models.layers.track_features import frequency_of
from models.likelihood import surprises
from models.model import ModelSpec
from models.networks.wavenet import ContextStack, WaveNet
from models.sampling import FLOAT_TIE, ConditionalBuffer, Walk, distance_to, make_decoder, reproduce, run
from models.shaping import NEUTRAL, Shaping
from models.trace import ModelReference, Take, new_take
from models.track import Number, Pitch, Track
from tests.conditionals import log_probs

LEVELS = 24
SPEAKER = Category("speaker", ("anna", "ben"), any=True)
TOUCH = Category("touch", ("soft", "loud"))
NOTES = Track("notes", 1000, 20, (Number("pitch", 68, 101), TOUCH), "80 soft", held=True)
"""Frames of 8 steps."""
PITCHES = Track("notes", 1000, 20, (Pitch("pitch", 68, 101), TOUCH), "80 soft", held=True)
"""The same as pitches, whose periods are 19.3 … 3.02 samples, and of 101 none."""
HOP = 6
CONTEXT = {"hop": HOP, "channels": 5, "dilations": [1, 2, 1]}
DILATIONS = (1, 2, 4, 1)
KINDS = [
    pytest.param((context, components, stop, track), id=" ".join(filter(None, names)))
    for (context, components, stop, track), names in zip(
        itertools.product((None, CONTEXT), (0, 3), (False, True), (None, NOTES)),
        itertools.product(("", "context"), ("softmax", "mixture"), ("", "stop"), ("", "track")),
        strict=True,
    )
] + [
    pytest.param((None, 0, False, PITCHES), id="softmax periods"),
    pytest.param((None, 3, True, PITCHES), id="mixture stop periods"),
    pytest.param((CONTEXT, 0, True, PITCHES), id="context softmax stop periods"),
    pytest.param((CONTEXT, 3, False, PITCHES), id="context mixture periods"),
]
ENGINES = ("cached", "compiled")

Kind = tuple[dict[str, Any] | None, int, bool, Track | None]


def build(kind: Kind, levels: int = LEVELS, dilations: tuple[int, ...] = DILATIONS) -> WaveNet:
    context, components, stop, track = kind
    alphabet: Alphabet = LinearAmplitudes(levels, stop) if components else MuLaw(levels, stop)
    chain = SoundChain(alphabet, rate=8000, default_seconds=0.01, max_seconds=10)
    factors = (SPEAKER, *((track,) if track else ()))
    sizes = {"residual": 7, "skip": 9, "head": 10, "dilations": dilations, "components": components}
    torch.manual_seed(3)
    more = {"context": context, "frames": 4 if track else 0, "periods": 2 if track is PITCHES else 0}
    model = WaveNet(ModelSpec("wavenet", chain, factors, {**sizes, **more})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
        if stop:
            model.out.bias[-1] -= 5  # clips of some length
    return model


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest) -> WaveNet:
    return build(request.param)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


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


def conditions(model: WaveNet, rows: int) -> torch.Tensor:
    notes = [[[1, 4, 100.1, "soft"], [5, 9, 68.0, "loud"]], [[1, 1, 97.0, "loud"], [3, 3, 101.0, "soft"]], []]
    chosen = [
        {"speaker": ("anna", "ben", "any")[row % 3], **({"notes": notes[row % 3]} if model.track else {})}
        for row in range(rows)
    ]
    return model.condition_tensor(chosen)


def random_symbols(rows: int, count: int, seed: int = 7) -> Symbols:
    return np.random.default_rng(seed).integers(0, LEVELS, (rows, count)).astype(np.int32)


def test_a_checkpoint_of_it_is_loaded(model: WaveNet, tmp_path: Path) -> None:
    """It is built without memory for its weights first, where tensors have no values to ask for."""
    path = tmp_path / "kind.safetensors"
    save_checkpoint(path, model, name="kind", title="Kind", data={}, training={}, likelihood={})
    found = load_checkpoint(path).model
    symbols, condition = torch.from_numpy(random_symbols(1, 40)).long(), conditions(model, 1)
    assert torch.equal(found.conditionals(symbols, condition).dense(), model.conditionals(symbols, condition).dense())


def noise(rows: int, count: int, seed: int = 11) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, count))


@torch.inference_mode()
def parallel(model: WaveNet, symbols: Symbols, condition: torch.Tensor) -> torch.Tensor:
    """Probabilities (B, T + 1, K), also of the step that comes next."""
    known = torch.from_numpy(np.pad(symbols, ((0, 0), (0, 1))).astype(np.int64))
    return model.conditionals(known, condition).dense().exp()


def distance(decoder: Decoder, truth: torch.Tensor) -> float:
    """Largest total variation between ``peek`` and the parallel pass (B, T, K) at the decoder's step."""
    return float((decoder.peek().dense().exp() - truth[:, decoder.step]).abs().sum(-1).max() / 2)


def take_of(model: WaveNet, engine: str, count: int = 1, *, limit: int = 90, shaping: Shaping = NEUTRAL) -> Take:
    reference = ModelReference("kind", "Kind", "0" * 64, model.chain, model.factors)
    condition = complete(model.factors, {"notes": [[3, 5, 80.0, "loud"]]} if model.track else {})
    return new_take(reference, seed=5, count=count, condition=condition, shaping=shaping, engine=engine, limit=limit)


# --- promises ---------------------------------------------------------------------------------------------------------


def test_causal_bit_for_bit(model: WaveNet) -> None:
    symbols, condition = random_symbols(1, 50), conditions(model, 1)
    before = parallel(model, symbols, condition)
    for step in (0, 1, HOP - 1, HOP, 2 * HOP + 3, 30):
        changed = symbols.copy()
        changed[:, step:] = (changed[:, step:] + 5) % LEVELS
        after = parallel(model, changed, condition)
        assert torch.equal(before[:, : step + 1], after[:, : step + 1])
        assert not torch.equal(before[:, step + 1], after[:, step + 1])


def test_each_conditional_sums_to_one(model: WaveNet) -> None:
    assert float((parallel(model, random_symbols(2, 40), conditions(model, 2)).sum(-1) - 1).abs().max()) < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_the_joint_of_a_tiny_chain_sums_to_one(kind: Kind) -> None:
    """With the tail, where there is a stop symbol: the whole of what has not stopped by then."""
    context, *others = kind
    model = build((context and {**context, "hop": 2}, *others), levels=3).double()
    stop, condition = model.chain.alphabet.stop_symbol, conditions(build(kind), 1).double()
    sequences = torch.tensor(list(itertools.product(range(3), repeat=4)))
    with torch.inference_mode():
        log_p = model.conditionals(sequences, condition.expand(len(sequences), -1)).dense()
    each = log_p.gather(-1, sequences[..., None])[..., 0].exp()
    total = float(each.prod(1).sum())
    if stop is not None:  # after any beginning, each counted once: it stands in as many rows as have it
        for length in range(4):
            beginning = each[:, :length].prod(1) * log_p[:, length, stop].exp()
            total += float(beginning.sum()) / 3 ** (4 - length)
    assert total == pytest.approx(1, abs=1e-9)


@pytest.mark.usefixtures("often")
def test_the_decoder_is_the_network_from_any_prefix_and_after_any_rewind(model: WaveNet, engine: str) -> None:
    symbols, condition = random_symbols(3, 90), conditions(model, 3)
    truth = parallel(model, symbols, condition)
    decoder = make_decoder(model, engine, condition)
    for step in [*range(2 * HOP + 2), 40, 41, 42, 43, 71, 70, 61, 89, 48, 47, 8, 7, 6, 5, 0, 25]:
        if step < decoder.step:
            decoder.rewind(step)
        else:
            decoder.extend(symbols[:, decoder.step : step])
        assert decoder.step == step
        assert distance(decoder, truth) < 2e-5, f"at step {step}"


@pytest.mark.usefixtures("often")
def test_selected_rows_go_on_by_themselves(model: WaveNet, engine: str) -> None:
    symbols, condition = random_symbols(3, 80), conditions(model, 3)
    truth = parallel(model, symbols, condition)
    decoder = make_decoder(model, engine, condition)
    decoder.extend(symbols[:, :33])
    before = decoder.peek().dense()
    rows = [2, 2, 0]
    branch = decoder.select(rows)
    for step in (50, 19, 62):
        branch.rewind(step) if step < branch.step else branch.extend(symbols[rows, branch.step : step])
        assert distance(branch, truth[rows]) < 2e-5
    assert torch.equal(decoder.peek().dense(), before)
    decoder.extend(symbols[:, 33:45])
    assert distance(decoder, truth) < 2e-5
    decoder.rewind(20)
    assert distance(decoder, truth) < 2e-5


def test_a_decoder_keeps_no_hold_of_the_symbols_it_is_given(model: WaveNet, engine: str) -> None:
    decoder = make_decoder(model, engine, conditions(model, 1))
    column = np.array([7], np.int32)
    decoder.push(column)
    before = decoder.peek().dense()
    column[:] = 1
    assert torch.equal(decoder.peek().dense(), before)


@pytest.mark.usefixtures("often")
def test_a_walk_paused_rewound_and_resumed_is_the_straight_one_bit_for_bit(model: WaveNet, engine: str) -> None:
    straight, pieces = run(model, take_of(model, engine, 2)), take_of(model, engine, 2)
    walk = Walk(model, pieces)
    for size in itertools.cycle([1, 7, 20, 3]):
        if walk.done:
            break
        walk.advance(size)
    for one, other in zip(straight.traces, pieces.traces, strict=True):
        assert np.array_equal(one.symbols, other.symbols)
        assert np.array_equal(one.surprise, other.surprise)
        assert np.array_equal(one.entropy, other.entropy)
    again = pieces.branch(0, len(pieces.traces[0]) // 2)
    while not again.finished:
        walk.advance(11)
    assert np.array_equal(again.symbols, straight.traces[0].symbols)
    assert reproduce(model, again).agrees


@pytest.mark.usefixtures("often")
def test_of_a_long_prefix_no_more_is_worked_through_than_the_network_can_see(model: WaveNet, engine: str) -> None:
    """And what follows is the same, bit for bit, as after all of it: at once, and after a rewind."""
    steps, more = 2 * model.receptive_field + 13, 20
    prefix, u = random_symbols(2, steps), noise(2, more)
    whole, told = (make_decoder(model, engine, conditions(model, 2)) for _ in range(2))
    whole.extend(prefix)
    expected = whole.advance(u, NEUTRAL)
    first = told.begin_with(prefix)
    hop = 1 if model.context is None else model.context.hop
    assert steps - model.receptive_field - hop < first == told.step <= steps - model.receptive_field
    told.extend(prefix[:, first:])
    assert np.array_equal(told.symbols, prefix)
    for decoder in (told, told.select([0, 1]), whole):
        for step in (steps, steps - 30, steps):
            decoder.rewind(min(step, decoder.step))
            decoder.extend(prefix[:, decoder.step : step])
        drawn = decoder.advance(u, NEUTRAL)
        for name in ("symbols", "surprise", "entropy"):
            assert np.array_equal(getattr(drawn, name), getattr(expected, name)), name


def test_of_a_short_prefix_all_is_worked_through(model: WaveNet, engine: str) -> None:
    decoder = make_decoder(model, engine, conditions(model, 1))
    assert decoder.begin_with(random_symbols(1, model.receptive_field)) == decoder.step == 0


@pytest.mark.parametrize("kind", [param for param in KINDS if not param.values[0][2]])
def test_another_condition_in_mid_run_holds_from_the_next_step_on_and_is_reproduced(kind: Kind, engine: str) -> None:
    model = build(kind)
    take = take_of(model, engine)
    walk = Walk(model, take)
    walk.advance(3)
    (trace,) = take.traces
    walk.direct({"speaker": "ben"})
    walk.direct({"speaker": "ben"})  # as it is
    while not walk.done:
        walk.advance(20)
    assert [(segment.start, segment.condition["speaker"]) for segment in trace.schedule[1:]] == [(3, "ben")]
    table = model.condition_tensor(trace.segment.condition)
    truth = parallel(model, trace.symbols[None], table)[0]
    drawn = truth[np.arange(3, len(trace)), trace.symbols[3:]]
    assert trace.surprise[3:] == pytest.approx(-np.log2(drawn.numpy()), abs=1e-3)
    assert reproduce(model, trace).agrees


def test_a_sample_alone_is_the_one_of_the_batch(model: WaveNet) -> None:
    u, condition = noise(3, 60), conditions(model, 3)
    together = make_decoder(model, "compiled", condition).advance(u, NEUTRAL)
    for row in range(3):
        alone = make_decoder(model, "compiled", condition[row : row + 1]).advance(u[row : row + 1], NEUTRAL)
        for name in ("symbols", "surprise", "entropy"):
            assert np.array_equal(getattr(alone, name)[0], getattr(together, name)[row])


@pytest.mark.parametrize(
    "shaping", [NEUTRAL, Shaping(temperature=0), Shaping(temperature=0.7, top_k=9, top_p=0.9, min_p=0.01)], ids=str
)
def test_engines_draw_the_same_up_to_a_float_tie(model: WaveNet, engine: str, shaping: Shaping) -> None:
    u, condition = noise(2, 30), conditions(model, 2)
    fast, slow = make_decoder(model, engine, condition), make_decoder(model, "reference", condition)
    ended = np.zeros(2, np.bool_)
    for step in range(30):
        log_p = slow.peek().dense().numpy()
        active = ~ended
        drawn = fast.advance(u[:, step : step + 1], shaping, active=active)
        expected = slow.advance(u[:, step : step + 1], shaping, active=active)
        assert drawn.entropy[active] == pytest.approx(expected.entropy[active], abs=1e-4)
        for row in np.flatnonzero(drawn.symbols[:, 0] != expected.symbols[:, 0]):
            away = distance_to(log_p[row], shaping, u[row, step], int(drawn.symbols[row, 0]))
            assert away is not None
            assert away < FLOAT_TIE
            return
        assert drawn.surprise[active] == pytest.approx(expected.surprise[active], abs=1e-4)
        ended |= expected.symbols[:, 0] == model.chain.alphabet.stop_symbol
        if ended.all():
            return


def test_the_surprises_of_a_walk_add_up_to_the_score(model: WaveNet, engine: str) -> None:
    (trace,) = run(model, take_of(model, engine)).traces
    score = surprises(model, trace.symbols, trace.segment.condition)
    np.testing.assert_allclose(trace.surprise, score, rtol=0, atol=1e-3)


def test_samples_are_as_surprising_as_their_entropy_says(model: WaveNet) -> None:
    take = run(model, take_of(model, "compiled", 60))
    differences = np.array([float((t.surprise - t.entropy).sum(dtype=np.float64)) for t in take.traces])
    assert abs(differences.mean()) < 4 * differences.std(ddof=1) / np.sqrt(len(differences))


@pytest.mark.parametrize("kind", [param for param in KINDS if param.values[0][3]])
@pytest.mark.parametrize("engine", ["reference", *ENGINES])
def test_a_track_that_is_played_is_the_track_that_was_known(kind: Kind, engine: str) -> None:
    model = build(kind)
    take = take_of(model, engine, 2, limit=60)
    for trace in take.traces:
        trace.recondition("notes", [])
    walk = Walk(model, take)
    for step, pitch in ((13, 84.0), (30, 92.5)):
        while take.frontier < step and not walk.done:
            walk.advance(step - take.frontier)
        trace = take.traces[0]
        frame = NOTES.frame_after(model.chain, len(trace) + 1)
        walk.recondition("notes", NOTES.pressed(trace.segment.condition["notes"], frame, pitch, "loud"))
    while not walk.done:
        walk.advance(50)
    known = take_of(model, engine, 2, limit=60)
    for trace in known.traces:
        trace.recondition("notes", take.traces[0].segment.condition["notes"])
    run(model, known)
    for one, other in zip(take.traces, known.traces, strict=True):
        assert np.array_equal(one.symbols, other.symbols)
        np.testing.assert_allclose(one.surprise, other.surprise, rtol=0, atol=1e-5)


def test_a_window_of_a_long_sound_is_a_part_of_the_whole(model: WaveNet, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is conditioned on does not begin anew with it."""
    monkeypatch.setattr("models.chain.OPEN_WINDOW", 32)
    (trace,) = take_of(model, "cached", limit=300).traces
    symbols, nothing = random_symbols(1, 260)[0], np.zeros(260, np.float32)
    trace.append(symbols, nothing, nothing, np.zeros(260, np.bool_))
    condition = {**trace.segment.condition, **({"notes": [[20, 9, 80.0, "loud"]]} if model.track else {})}
    if model.track is not None:
        trace.recondition("notes", condition["notes"])
    expected = parallel(model, symbols[None], model.condition_tensor(condition))[0]
    found = torch.from_numpy(log_probs(ConditionalBuffer(model), trace, 30, 260)).exp()
    assert model.receptive_field < 64
    assert float((found - expected[30:260]).abs().sum(-1).max() / 2) < 1e-4


# --- what a context stack hears ---------------------------------------------------------------------------------------

CONTEXTS = [
    {"hop": 1, "channels": 3, "dilations": [1]},
    {"hop": 5, "channels": 3, "dilations": [2]},
    {"hop": 4, "channels": 3, "dilations": [1, 3, 1]},
]


def far_and_near(model: WaveNet, steps: range) -> tuple[int, int]:
    """How far before a step, at most and at least, a sample lies on which its conditional depends: by gradient.

    Of several networks: what a rectifier hides from one of them it shows to another.
    """
    model = model.double()
    symbols = torch.from_numpy(random_symbols(1, steps.stop)).double().requires_grad_()
    apart = []
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(std=0.5, generator=generator)
        log_p = model.conditionals(symbols, model.condition_tensor({}).double()).dense()[0]
        for step in steps:
            direction = torch.randn(log_p.shape[1], dtype=torch.float64, generator=generator)
            (gradient,) = torch.autograd.grad(log_p[step] @ direction, symbols, retain_graph=True)
            places = gradient[0].nonzero()[:, 0]
            apart += [step - int(places[0]), step - int(places[-1])]
    return max(apart), min(apart)


@pytest.mark.parametrize("context", [None, *CONTEXTS])
@pytest.mark.parametrize("dilations", [(3,), (1, 2, 4), (1, 30)])
def test_the_receptive_field_is_what_has_a_gradient(context: dict[str, Any] | None, dilations: tuple[int, ...]) -> None:
    """By a mixture, which reads amplitudes: an embedding has no gradient."""
    model = build((context, 2, False, None), dilations=dilations)
    assert far_and_near(model, range(60, 66)) == (model.receptive_field, 1)


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_frame_is_known_in_the_next_one_and_not_before(context: dict[str, Any]) -> None:
    """Of a sample that the first stack has long forgotten nothing is known but by way of the context."""
    stack = build((context, 0, False, None)).context
    assert stack is not None
    hop, heard = stack.hop, torch.randn(1, 12 * stack.hop)
    with torch.inference_mode():
        before = stack(heard)[0]
        assert len(before) == 13
        for sample in range(6 * hop):
            changed = heard.clone()
            changed[0, sample] += 1
            frame = sample // hop
            differs = (stack(changed)[0] != before).any(-1)
            assert not differs[: frame + 1].any()
            assert differs[frame + 1]


def test_a_stack_that_is_not_shifted_would_be_seen_not_to_be_causal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above this file's promises can fail."""

    def unshifted(stack: ContextStack, heard: torch.Tensor) -> torch.Tensor:
        return forward(stack, torch.nn.functional.pad(heard[:, stack.hop :], (0, stack.hop)))

    forward = ContextStack.forward
    monkeypatch.setattr(ContextStack, "forward", unshifted)
    with pytest.raises(AssertionError):
        test_causal_bit_for_bit(build((CONTEXT, 0, False, None)))


def test_the_context_has_a_say_on_every_step_after_its_first_frame(engine: str) -> None:
    model = build((CONTEXT, 0, False, None))
    symbols, condition = random_symbols(1, 40), conditions(model, 1)
    before = parallel(model, symbols, condition)
    with torch.no_grad():
        assert model.context is not None
        model.context.frames.weight.zero_()
    without = parallel(model, symbols, condition)
    assert torch.equal(before[:, :HOP], without[:, :HOP])
    assert ((before - without).abs().sum(-1)[:, HOP:] > 0).all()
    decoder = make_decoder(model, engine, condition)
    decoder.extend(symbols)
    assert distance(decoder, without) < 2e-5


def test_snapshots_of_a_long_context_are_bounded_in_bytes(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SnapshotDecoder, "SNAPSHOT_INTERVAL", 2)
    model = build(({**CONTEXT, "dilations": [1, 400]}, 0, False, None))
    monkeypatch.setattr(SnapshotDecoder, "SNAPSHOT_BYTES", 3 * 2 * 4 * (401 * 5 + sum(DILATIONS) * 7))
    decoder = make_decoder(model, engine, conditions(model, 2))
    assert isinstance(decoder, SnapshotDecoder)
    decoder.extend(random_symbols(2, 40))
    assert 2 <= len(decoder._snapshots) <= 3


# --- the sound some periods ago ---------------------------------------------------------------------------------------

RATE = 16000
SLOPE, SHARPNESS = 0.01, 0.1


def heard_at(model: WaveNet, step: int, notes: list[list[Any]]) -> set[int]:
    """How long before a step lie the samples that its first block is given by way of periods, by gradient."""
    assert model.period is not None
    heard = torch.randn(1, step + 1, requires_grad=True)
    frames = torch.arange(step // model.hop + 1)
    added = model.periodic(heard, model.condition_tensor({"notes": notes}), frames, 0)
    (gradient,) = torch.autograd.grad(added[0, step].sum(), heard)
    return {step - int(place) for place in gradient[0].nonzero()[:, 0]}


@pytest.mark.parametrize(("pitch", "first", "second"), [(68.0, 20, 39), (100.1, 4, 7)])
def test_a_period_ago_is_told_of_the_four_samples_around_it(pitch: float, first: int, second: int) -> None:
    """Of 19.26 samples, and of 3.02."""
    model = build((None, 3, False, PITCHES))
    around = {first + n for n in range(-2, 2)} | {second + n for n in range(-2, 2)}
    assert heard_at(model, 75, [[2, 20, pitch, "soft"]]) == around
    assert max(around) <= model.period_reach == 40
    assert min(around) >= 1


@pytest.mark.parametrize("notes", [[], [[2, 3, 80.0, "soft"]], [[20, 3, 80.0, "soft"]], [[2, 20, 101.0, "soft"]]])
def test_no_period_is_heard_where_no_note_goes_on_and_none_of_less_than_three_samples(notes: list[list[Any]]) -> None:
    model = build((None, 3, False, PITCHES))
    assert heard_at(model, 75, notes) == set()


def test_between_samples_the_sound_a_period_ago_lies_on_a_cubic() -> None:
    model = build((None, 0, False, PITCHES)).double()
    assert model.period is not None
    condition = model.condition_tensor({"notes": [[0, 20, 75.3, "soft"]]}).double()
    with torch.no_grad():
        model.period.weight.copy_(torch.eye(7)[:, :2])
        time = torch.arange(100, dtype=torch.float64)
        found = model.periodic((time**3 - 70 * time**2)[None], condition, torch.arange(13), 0)[0]
    for k in (1, 2):
        ago = time - k * 8000 / (440 * 2 ** ((75.3 - 69) / 12))
        torch.testing.assert_close(found[40:, k - 1], (ago**3 - 70 * ago**2)[40:], rtol=1e-6, atol=1e-2)


def test_the_periods_lengthen_the_receptive_field() -> None:
    assert build((None, 3, False, PITCHES)).receptive_field == build((None, 3, False, None)).receptive_field + 39


def comb(pitch: Track) -> WaveNet:
    """Most likely is the symbol next to the sound a period ago, whatever else it hears."""
    chain = SoundChain(MuLaw(256), rate=RATE, default_seconds=1, max_seconds=1)
    sizes = {"residual": 1, "skip": 2, "head": 2, "dilations": [1], "frames": 1, "periods": 1}
    model = WaveNet(ModelSpec("wavenet", chain, (pitch,), sizes)).eval()
    assert model.period is not None
    block, symbols = model.blocks[0], torch.arange(256) - 128.0
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.period.weight.fill_(SLOPE)  # so little that a hyperbolic tangent is a line
        block.filter_gate.weight[0, 1] = 1
        model.skip.weight.copy_(torch.tensor([[1.0], [-1.0]]))  # of a rectifier that hides what is below zero
        model.head.weight.copy_(torch.eye(2))
        # -(k - v)^2 of a symbol k and a sound v, without its v^2.
        slope = 2 * SHARPNESS * symbols * 128 / (SLOPE / 2)
        model.out.weight.copy_(torch.stack([slope, -slope], 1))
        model.out.bias.copy_(-SHARPNESS * symbols**2)
    return model


@pytest.mark.parametrize("pitch", [45.37, 60.0, 78.81])
def test_a_network_that_repeats_what_was_a_period_ago_plays_the_asked_pitch(engine: str, pitch: float) -> None:
    """Whatever it began with: here a period, more or less, of a tone that is a semitone higher."""
    model = comb(Track("notes", 100, 20, (Pitch("pitch", 40, 90),), "69", held=True))
    begun = np.sin(2 * np.pi * frequency_of(pitch + 1) / RATE * np.arange(RATE / frequency_of(pitch) + 4))
    decoder = make_decoder(model, engine, model.condition_tensor({"notes": [[0, 100, pitch]]}))
    decoder.extend(np.rint(128 + 90 * begun)[None].astype(np.int32))
    drawn = decoder.advance(noise(1, 6200), Shaping(temperature=0)).symbols[0]
    assert pitch_of(model.chain.wave(drawn), RATE) == pytest.approx(pitch, abs=0.03)


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"context": {"hop": 0, "channels": 3, "dilations": [1]}}, "hop of a WaveNet's context is a whole number in 1"),
        (
            {"context": {"hop": 4, "channels": 3, "dilations": []}},
            "dilations of a WaveNet's context are a list of 1 to",
        ),
        ({"context": {"hop": 4, "channels": 3}}, "the context of a WaveNet is given hop, channels and dilations; not"),
        ({"context": 4}, "the context of a WaveNet is a table of hop, channels and dilations; not 4"),
        ({"components": -1}, "components of a WaveNet is a whole number in 0 … 1024, not -1"),
        ({"components": 2}, "logistics lie on linear amplitudes, not on mu-law 24"),
        ({"periods": -1}, "periods of a WaveNet is a whole number in 0 … 64, not -1"),
        ({"periods": 2}, "a WaveNet hears periods where its data has a track with a pitch, and this data has none"),
    ],
)
def test_sizes_that_are_none_are_refused_in_words(wrong: dict[str, Any], words: str) -> None:
    chain = SoundChain(MuLaw(LEVELS), rate=8000, default_seconds=0.01, max_seconds=10)
    sizes = {"residual": 7, "skip": 9, "head": 10, "dilations": [1, 2]}
    with pytest.raises(InputError, match=words):
        WaveNet(ModelSpec("wavenet", chain, (), {**sizes, **wrong}))


def test_periods_of_a_pitch_too_low_to_keep_are_refused_in_words() -> None:
    chain = SoundChain(MuLaw(LEVELS), rate=8000, default_seconds=0.01, max_seconds=10)
    low = Track("notes", 1000, 20, (Pitch("pitch", -60, 101),), "80", held=True)
    sizes = {"residual": 7, "skip": 9, "head": 10, "dilations": [1, 2], "frames": 4, "periods": 12}
    with pytest.raises(InputError, match=r"12 periods of the lowest pitch are 375743 samples; .* at most 65536"):
        WaveNet(ModelSpec("wavenet", chain, (low,), sizes))


def test_a_row_that_ended_long_ago_has_nothing_computed_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames of a track: those of the rows that go on, however far they are by now."""
    model = build((None, 0, True, NOTES))
    decoder = CompiledWaveNet(model, conditions(model, 2))
    of_track, spans = decoder._frames, []

    def noted(first: int, last: int) -> Any:
        spans.append(last - first)
        return of_track(first, last)

    monkeypatch.setattr(decoder, "_frames", noted)
    clamps = random_symbols(2, 200 * model.hop)
    clamps[1, 5] = LEVELS
    alive = np.array([True, True])
    for start in range(0, clamps.shape[1], model.hop):
        part = clamps[:, start : start + model.hop]
        decoder.advance(np.full(part.shape, 0.5), NEUTRAL, part, alive)
        alive[1] = False
        decoder.peek()
    assert max(spans) <= 1
