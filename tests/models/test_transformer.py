"""The Transformer keeps the promises of a chain however long the text grows: on small random networks, of which every
part has a say, and over texts many times as long as the context.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.chain import DRAW, GreyLevels, ImageChain, Symbols
from models.condition import Category
from models.decoder import Decoder
from models.errors import InputError
from models.kernels import transformer as transformer_kernel
from models.likelihood import surprises
from models.model import ModelSpec
from models.networks.transformer import CachedTransformer, Transformer, banded_attention
from models.sampling import FLOAT_TIE, ConditionalBuffer, Walk, distance_to, make_decoder, run
from models.shaping import NEUTRAL, Shaping
from models.text import Characters, TextChain
from models.trace import ModelReference, new_take
from tests.conditionals import log_probs

LETTERS = "abcdefgh"
LEVELS = len(LETTERS)
SPEAKER = Category("speaker", ("romeo", "juliet"), any=True)
CONTEXT, LAYERS = 5, 3
SIZES: dict[str, Any] = {"layers": LAYERS, "width": 12, "heads": 3, "context": CONTEXT, "dropout": 0.2}
LONG = 40 * CONTEXT
FURTHEST = LAYERS * (CONTEXT - 1) + 1
ENGINES = ("cached", "compiled")


def build(*, stop: bool = True, **sizes: Any) -> Transformer:
    chain = TextChain(Characters(LEVELS, stop, LETTERS), default_length=100, max_length=10_000)
    torch.manual_seed(3)
    model = Transformer(ModelSpec("transformer", chain, (SPEAKER,), SIZES | sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
        model.embedding.weight.normal_()
        if stop:
            model.out.weight[LEVELS] *= 0.1
    return model


@pytest.fixture(params=[False, True], ids=["endless", "stop"])
def model(request: pytest.FixtureRequest) -> Transformer:
    return build(stop=request.param)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def one_torch_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def letters(rows: int, count: int, seed: int = 7) -> Symbols:
    return np.random.default_rng(seed).integers(0, LEVELS, (rows, count)).astype(np.int32)


def noise(rows: int, count: int, seed: int = 11) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).random((rows, count))


def conditions(model: Transformer, rows: int) -> Tensor:
    return model.condition_tensor([{"speaker": SPEAKER.choices[n % SPEAKER.size]} for n in range(rows)])


def parallel(model: Transformer, symbols: Symbols, condition: Tensor | None = None) -> Tensor:
    """Log-probabilities (B, T, K)."""
    given = conditions(model, len(symbols)) if condition is None else condition
    with torch.inference_mode():
        return model.conditionals(torch.from_numpy(symbols.astype(np.int64)), given).dense()


def distance(decoder: Decoder, truth: Tensor) -> float:
    """Largest total variation between ``peek`` and the conditionals (B, T, K) at the decoder's step."""
    return float((decoder.peek().dense().exp() - truth[:, decoder.step].exp()).abs().sum(-1).max() / 2)


# --- attention --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, CONTEXT - 1, CONTEXT, CONTEXT + 1, 4 * CONTEXT, 4 * CONTEXT + 3])
def test_attention_by_chunks_is_the_softmax_over_the_last_positions(steps: int) -> None:
    q, k, v = torch.randn(3, 2, 3, steps, 4, dtype=torch.float64)
    ago = torch.arange(steps)[:, None] - torch.arange(steps)
    scores = (q @ k.mT / 2).masked_fill((ago < 0) | (ago >= CONTEXT), -torch.inf)
    torch.testing.assert_close(banded_attention(q, k, v, CONTEXT), F.softmax(scores, -1) @ v)


# --- the network ------------------------------------------------------------------------------------------------------


def test_causal_bit_for_bit_beyond_the_context(model: Transformer) -> None:
    symbols = letters(2, LONG)
    before = parallel(model, symbols)
    for step in (0, 1, CONTEXT, 3 * CONTEXT + 1, LONG - 2):
        changed = symbols.copy()
        changed[:, step:] = (symbols[:, step:] + 1 + letters(2, LONG - step, 9) % (LEVELS - 1)) % LEVELS
        after = parallel(model, changed)
        assert torch.equal(before[:, : step + 1], after[:, : step + 1])
        assert not torch.equal(before[:, step + 1 :], after[:, step + 1 :])


@pytest.mark.parametrize(("layers", "context"), [(1, 1), (1, 4), (3, 5), (2, 7)])
def test_the_receptive_field_is_what_makes_a_difference(layers: int, context: int) -> None:
    model = build(layers=layers, context=context)
    symbols, step = letters(1, 40), 39
    before = parallel(model, symbols)[0, step]
    differs = []
    for ago in range(1, step):
        changed = symbols.copy()
        changed[0, step - ago] = (changed[0, step - ago] + 1) % LEVELS
        differs.append(not torch.equal(parallel(model, changed)[0, step], before))
    assert model.receptive_field == layers * (context - 1) + 1
    assert differs == [ago <= model.receptive_field for ago in range(1, step)]


def test_where_in_the_text_it_stands_makes_no_difference_once_the_windows_are_full(model: Transformer) -> None:
    symbols, moved = letters(1, LONG), 1000 * CONTEXT + 3
    before = parallel(model, symbols)[:, FURTHEST:]
    after = parallel(model, np.concatenate([letters(1, moved, 8), symbols], 1))[:, moved + FURTHEST :]
    assert float((before.exp() - after.exp()).abs().sum(-1).max() / 2) < 1e-5


def test_the_order_of_what_is_heard_makes_a_difference(model: Transformer) -> None:
    one, other = (parallel(model, np.array([row], np.int32))[0, -1] for row in ([1, 2, 3, 0], [2, 1, 3, 0]))
    assert float((one.exp() - other.exp()).abs().sum()) > 1e-3


def test_the_condition_has_a_say_however_long_the_text_is(model: Transformer) -> None:
    rows = parallel(model, np.repeat(letters(1, LONG), 3, 0)).exp()
    assert float((rows[0, -1] - rows[1, -1]).abs().sum()) > 1e-3
    assert float((rows[0, -1] - rows[2, -1]).abs().sum()) > 1e-3


def test_each_conditional_sums_to_one_over_the_alphabet(model: Transformer) -> None:
    p = parallel(model, letters(2, LONG)).exp()
    assert p.shape[-1] == model.chain.alphabet.size
    assert float((p.sum(-1) - 1).abs().max()) < 1e-12


def test_weights_fit_texts_with_and_without_an_end() -> None:
    build(stop=True).load_state_dict(build(stop=False).state_dict())


def test_training_begins_with_all_symbols_equally_likely() -> None:
    torch.manual_seed(0)
    fresh = Transformer(build().spec)
    assert torch.allclose(parallel(fresh, letters(1, 20)), torch.tensor(-np.log(LEVELS + 1)).double())


def test_every_weight_learns(model: Transformer) -> None:
    symbols = torch.from_numpy(letters(3, 30).astype(np.int64))
    conditional, weights = model.train().training_pass(symbols, conditions(model, 3))
    (-conditional.log_prob(symbols) * weights).mean().backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"layers": 0}, "layers of a Transformer is a whole number in 1"),
        ({"context": 1.5}, "context of a Transformer is a whole number in 1"),
        ({"heads": 5}, "width of a Transformer is a multiple of twice its 5 heads, not 12"),
        ({"dropout": 1}, "dropout of a Transformer is a number in 0 … 1, 1 excluded, not 1"),
        ({"depth": 1}, "a Transformer is given layers, width, heads, context and dropout; not"),
    ],
)
def test_sizes_that_are_none_are_refused_in_words(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        build(**wrong)


def test_images_are_refused() -> None:
    with pytest.raises(InputError, match="models texts"):
        Transformer(ModelSpec("transformer", ImageChain(GreyLevels(2), 2, 2), (), SIZES))


# --- decoders ---------------------------------------------------------------------------------------------------------


def test_the_decoder_is_the_network_far_beyond_the_context(model: Transformer, engine: str) -> None:
    symbols = letters(3, LONG)
    truth = parallel(model, symbols)
    decoder = make_decoder(model, engine, conditions(model, 3))
    for column in symbols.T:
        assert distance(decoder, truth) < 1e-5
        decoder.push(column)


def test_the_decoder_is_the_network_after_a_long_text_that_was_told(model: Transformer, engine: str) -> None:
    symbols = letters(2, LONG)
    decoder = make_decoder(model, engine, conditions(model, 2))
    decoder.extend(symbols[:, : LONG - 1])
    assert distance(decoder, parallel(model, symbols)) < 1e-5
    decoder.extend(symbols[:, -1:])
    assert np.array_equal(decoder.symbols, symbols)


@pytest.mark.parametrize("ago", [1, CONTEXT - 1, CONTEXT, CONTEXT + 1, 2 * CONTEXT + 1, FURTHEST + 1, LONG - 1, LONG])
def test_a_rewound_walk_is_the_same_bit_for_bit(model: Transformer, engine: str, ago: int) -> None:
    u = noise(2, LONG + 20)
    decoder = make_decoder(model, engine, conditions(model, 2))
    unended = np.full(u.shape, DRAW, np.int32)
    if model.chain.alphabet.stop:
        unended = letters(*u.shape)
    straight = decoder.advance(u, NEUTRAL, unended)
    decoder.rewind(LONG)
    for step in (LONG - ago, max(0, LONG - ago - 1), LONG - ago):
        if step < decoder.step:
            decoder.rewind(step)
        else:
            decoder.extend(straight.symbols[:, decoder.step : step])
        assert decoder.step == step
        decoder.peek()
    again = [
        decoder.advance(u[:, at : at + size], NEUTRAL, unended[:, at : at + size])
        for at, size in ((LONG - ago, 7), (LONG - ago + 7, LONG + 20))
    ]
    for name in ("symbols", "surprise", "entropy"):
        found = np.concatenate([getattr(part, name) for part in again], 1)
        assert np.array_equal(found, getattr(straight, name)[:, LONG - ago :])


def test_after_a_rewind_another_text_goes_on_as_the_network_says(model: Transformer, engine: str) -> None:
    symbols, other = letters(2, LONG), letters(2, LONG, 8)
    decoder = make_decoder(model, engine, conditions(model, 2))
    for step in (LONG - 1, LONG - 2, LONG - CONTEXT - 3, 3 * CONTEXT, 2):
        decoder.extend(symbols[:, decoder.step : LONG - 1])
        decoder.peek()
        decoder.rewind(step)
        branch = np.concatenate([symbols[:, :step], other[:, step:]], 1)
        truth = parallel(model, branch)
        for column in branch[:, step : step + CONTEXT + 2].T:
            assert distance(decoder, truth) < 1e-5
            decoder.push(column)
        decoder.rewind(step)


def test_a_step_back_within_a_context_computes_one_position_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build()
    decoder: Any = make_decoder(model, "cached", conditions(model, 1))
    for column in letters(1, LONG).T:
        decoder.push(column)
        decoder.peek()
    computed: list[int] = []
    compute = decoder._compute
    monkeypatch.setattr(decoder, "_compute", lambda position: (computed.append(position), compute(position)))
    for _ in range(CONTEXT):
        decoder.rewind(decoder.step - 1)
        decoder.peek()
    assert computed == [LONG - 1 - n for n in range(CONTEXT)]
    decoder.rewind(LONG // 2)
    decoder.peek()
    assert len(computed) == CONTEXT + FURTHEST + CONTEXT + 1


def test_a_walk_that_goes_on_in_a_long_text_computes_no_more_at_once_than_it_is_told(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it can be stopped: also where it goes on from a place long ago."""
    model, computed = build(stop=False), [0]
    compute, kernel = CachedTransformer._compute, transformer_kernel._walk

    def counted(decoder: CachedTransformer, position: int) -> None:
        computed[-1] += 1
        compute(decoder, position)

    def counted_kernel(weights: Any, rings: Any, positions: Any, conditions: Any, block: Any) -> None:
        looked_at = block.start + block.uniforms.shape[1] + len(block.following)
        computed[-1] += looked_at - int(positions.at.min())
        kernel(weights, rings, positions, conditions, block)

    monkeypatch.setattr(CachedTransformer, "_compute", counted)
    monkeypatch.setattr(transformer_kernel, "_walk", counted_kernel)
    reference = ModelReference("t", "T", "0" * 64, model.chain, model.factors)
    take = new_take(reference, seed=3, count=1, condition={}, shaping=NEUTRAL, engine=engine, limit=LONG + 20)
    known = np.zeros(LONG, np.float32)
    take.traces[0].append(letters(1, LONG)[0], known, known, known > 0)
    walk, most = Walk(model, take), 4
    for place in (LONG, LONG // 2):
        if place < LONG:
            take.branch(0, place)
        while len(take.traces[0]) < place + most:
            computed.append(0)
            walk.advance(most)
    assert 0 < max(computed) <= most + 1
    assert sum(computed) < 4 * (FURTHEST + CONTEXT)  # what is too long ago to matter is left out


def test_rows_that_are_selected_go_on_by_themselves(model: Transformer, engine: str) -> None:
    symbols = letters(3, LONG)
    decoder = make_decoder(model, engine, conditions(model, 3))
    decoder.extend(symbols[:, :20])
    chosen = [2, 0, 2]
    copies = decoder.select(chosen)
    changed = symbols[chosen].copy()
    changed[2, 20:] = letters(1, LONG - 20, 8)
    truth, own = parallel(model, changed, conditions(model, 3)[chosen]), parallel(model, symbols)
    for step in range(20, 20 + 3 * CONTEXT):
        assert distance(copies, truth) < 1e-5
        assert distance(decoder, own) < 1e-5
        copies.push(changed[:, step])
        decoder.push(symbols[:, step])


def test_rows_that_do_not_take_part_or_have_ended_leave_the_others_alone(engine: str) -> None:
    model = build()
    clamps = letters(3, 30)
    clamps[1, 10] = LEVELS
    decoder = make_decoder(model, engine, conditions(model, 3))
    drawn = decoder.advance(noise(3, 30), NEUTRAL, clamps, np.array([True, True, False]))
    assert (drawn.symbols[1, 11:] == DRAW).all()
    assert (drawn.symbols[2] == DRAW).all()
    assert np.array_equal(drawn.symbols[0], clamps[0])
    assert decoder.step == 30
    pushed = np.maximum(drawn.symbols, 0)
    assert distance(decoder, parallel(model, np.pad(pushed, ((0, 0), (0, 1))))) < 1e-5


@pytest.mark.parametrize("shaping", [NEUTRAL, Shaping(temperature=0), Shaping(temperature=0.7, top_k=5)], ids=str)
def test_engines_draw_the_same_up_to_a_float_tie(model: Transformer, engine: str, shaping: Shaping) -> None:
    u, condition = noise(2, 60), conditions(model, 2)
    fast, slow = (make_decoder(model, each, condition) for each in (engine, "reference"))
    for step in range(60):
        log_p = slow.peek().dense().numpy()
        drawn, expected = (decoder.advance(u[:, step : step + 1], shaping) for decoder in (fast, slow))
        for row in np.flatnonzero(drawn.symbols[:, 0] != expected.symbols[:, 0]):
            away = distance_to(log_p[row], shaping, u[row, step], int(drawn.symbols[row, 0]))
            assert away is not None
            assert away < FLOAT_TIE
            return
        assert drawn.surprise == pytest.approx(expected.surprise, abs=1e-4)
        assert drawn.entropy == pytest.approx(expected.entropy, abs=1e-4)
        if (expected.symbols[:, 0] == model.chain.alphabet.stop_symbol).any():
            return


def test_the_surprises_of_a_walk_add_up_to_the_score(model: Transformer, engine: str) -> None:
    reference = ModelReference("t", "T", "0" * 64, model.chain, model.factors)
    take = new_take(
        reference, seed=1, count=1, first=0, condition={"speaker": "romeo"}, shaping=NEUTRAL, engine=engine, limit=150
    )
    (trace,) = run(model, take).traces
    score = surprises(model, trace.symbols, trace.segment.condition)
    np.testing.assert_allclose(trace.surprise, score, rtol=0, atol=1e-3)


def test_a_window_of_a_long_text_is_a_part_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conditionals that are looked at again are computed from so far before as the network hears."""
    monkeypatch.setattr("models.chain.OPEN_WINDOW", 32)
    model = build(stop=False)
    reference = ModelReference("t", "T", "0" * 64, model.chain, model.factors)
    condition = {"speaker": "juliet"}
    (trace,) = new_take(
        reference, seed=1, count=1, first=0, condition=condition, shaping=NEUTRAL, engine="cached", limit=LONG
    ).traces
    symbols, nothing = letters(1, LONG), np.zeros(LONG, np.float32)
    trace.append(symbols[0], nothing, nothing, np.zeros(LONG, np.bool_))
    expected = parallel(model, symbols, model.condition_tensor(condition))[0]
    found = torch.from_numpy(log_probs(ConditionalBuffer(model), trace, 30, LONG)).exp()
    assert float((found - expected[30:].exp()).abs().sum(-1).max() / 2) < 1e-4
