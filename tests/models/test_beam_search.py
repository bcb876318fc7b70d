"""Beam search: held against every text that there is, where those can be counted."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.beam_search import BeamSearch, BeamWalk, Hypothesis, beam_search, searching_again, walk_of
from models.blocks import at_once
from models.chain import GreyLevels
from models.conditional import Categorical
from models.decoder import Decoder
from models.errors import InputError
from models.likelihood import surprises
from models.model import AutoregressiveModel, ModelSpec
from models.record import load_take, save_take, shown, take_from_record, take_record
from models.sampling import Walk, make_decoder, run
from models.shaping import NEUTRAL, Shaping
from models.source_text import Text
from models.text import Characters, TextChain
from models.trace import ModelReference, Take, new_take
from tests.studio.melody_chain import MelodyChain as Letters
from tests.translation_models import SIZES, translation_model

LEVELS, LIMIT = 3, 5
CHAIN = TextChain(Characters(LEVELS, True, "abc"), default_length=10, max_length=20)
SOURCE = Text("source", "AB", 4, "AB")
ENGINES = ("cached", "compiled")
EVERY = (LEVELS + 1) ** LIMIT
"""A beam as wide as this loses nothing."""


def model(architecture: str) -> AutoregressiveModel:
    return translation_model(architecture, CHAIN, SOURCE)


def decoder_of(model: AutoregressiveModel, source: str = "ABBA", engine: str = "cached") -> Decoder:
    return make_decoder(model, engine, model.condition_tensor({"source": source}))


def every_text(model: AutoregressiveModel, source: str = "ABBA") -> dict[tuple[int, ...], float]:
    """All that end within the limit, with their log-probabilities."""
    found = {}
    condition = model.condition_tensor({"source": source})
    for count in range(LIMIT):
        rows = torch.tensor([(*text, LEVELS) for text in itertools.product(range(LEVELS), repeat=count)])
        with torch.inference_mode():
            log_p = model.conditionals(rows, condition.expand(len(rows), -1)).double().log_prob(rows).sum(1)
        found |= {tuple(row): float(p) for row, p in zip(rows.tolist(), log_p, strict=True)}
    return found


@pytest.mark.parametrize("architecture", SIZES)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_beam_that_is_wide_enough_finds_the_most_probable_texts_of_all(architecture: str, engine: str) -> None:
    network = model(architecture)
    truth = every_text(network)
    best = sorted(truth, key=lambda text: -truth[text])
    found = beam_search(decoder_of(network, engine=engine), min(EVERY, 1024), LIMIT)
    ended = [hypothesis for hypothesis in found if hypothesis.ended]
    assert [tuple(h.symbols.tolist()) for h in ended] == best
    assert [h.log_prob for h in ended] == pytest.approx([truth[text] for text in best], abs=1e-4)


@pytest.mark.parametrize("architecture", SIZES)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("width", [1, 2, 5])
def test_what_a_narrow_beam_finds_has_the_probability_that_it_says(architecture: str, engine: str, width: int) -> None:
    network = model(architecture)
    for source in ("", "A", "BBA"):
        truth = every_text(network, source)
        found = beam_search(decoder_of(network, source, engine), width, LIMIT)
        assert 1 <= len(found) <= width
        for hypothesis in found:
            if hypothesis.ended:
                assert truth[tuple(hypothesis.symbols.tolist())] == pytest.approx(hypothesis.log_prob, abs=1e-4)
        ended = [h.log_prob for h in found if h.ended]
        assert ended == sorted(ended, reverse=True)


@pytest.mark.parametrize("architecture", SIZES)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_beam_of_one_is_the_walk_at_temperature_0(architecture: str, engine: str) -> None:
    network = translation_model(architecture)
    for source in ("", "ACE BAD.", "CAB"):
        drawn = decoder_of(network, source, engine).advance(np.zeros((1, 40)), Shaping(temperature=0)).symbols[0]
        (found,) = beam_search(decoder_of(network, source, engine), 1, 40)
        assert found.symbols.tolist() == drawn[drawn >= 0].tolist()


class Garden(AutoregressiveModel):
    """Two paths: the first symbol 0 is the likelier one, and leads to where nothing is likely; after 1 all is sure."""

    architecture, family, title = "garden", "tabular", "Garden"

    def __init__(self, stop: bool = True) -> None:
        super().__init__(ModelSpec("garden", Letters(GreyLevels(3, stop)), (), {}))
        self.unused = nn.Parameter(torch.zeros(1))

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        size = self.chain.alphabet.size
        p = torch.full((*symbols.shape, size), 0.25 if size == 4 else 1 / 3)
        p[:, 0] = torch.tensor([0.6, 0.4, 0, 0])[:size]
        after_one = (symbols[:, :1] == 1).expand(-1, symbols.shape[1] - 1)
        p[:, 1:][after_one] = torch.tensor([0, 0, 1.0, 0] if size == 3 else [0, 0, 0, 1.0])[:size]
        return Categorical(p.log().clamp_min(-1e4))


def found_in(garden: Garden, width: int, limit: int) -> list[Hypothesis]:
    return beam_search(make_decoder(garden, "reference", garden.condition_tensor({})), width, limit)


def test_neither_temperature_0_nor_a_narrow_beam_is_the_mode() -> None:
    (greedy,) = found_in(Garden(), 1, 3)
    assert greedy.symbols.tolist()[:1] == [0]
    best, *_ = found_in(Garden(), 2, 3)
    assert (best.symbols.tolist(), best.ended) == ([1, 3], True)
    assert best.log_prob == pytest.approx(math.log(0.4))


def test_without_a_stop_symbol_all_texts_are_as_long_as_the_limit() -> None:
    found = found_in(Garden(stop=False), 4, 3)
    assert found[0].symbols.tolist() == [1, 2, 2]
    assert all(len(h.symbols) == 3 and not h.ended for h in found)
    assert [h.log_prob for h in found[1:]] == pytest.approx([math.log(0.6 / 9)] * 3)
    # Of equal ones the lower symbols.
    assert [h.symbols.tolist() for h in found[1:]] == [[0, 0, 0], [0, 0, 1], [0, 0, 2]]


def test_it_goes_on_from_where_the_decoder_stands_and_leaves_it_there() -> None:
    network = model("bytenet")
    decoder = decoder_of(network)
    decoder.extend([[2, 1]])
    before = decoder.peek().dense()
    found = beam_search(decoder, 1024, LIMIT - 2)
    truth = {text[2:]: p for text, p in every_text(network).items() if text[:2] == (2, 1)}
    begun = sum(float(p) for p in (decoder_log_probs(network, (2, 1))))
    ended = {tuple(h.symbols.tolist()): h.log_prob + begun for h in found if h.ended}
    assert ended == pytest.approx(truth, abs=1e-4)
    assert decoder.step == 2
    assert torch.equal(decoder.peek().dense(), before)


def decoder_log_probs(network: AutoregressiveModel, symbols: tuple[int, ...]) -> list[float]:
    decoder, found = decoder_of(network), []
    for symbol in symbols:
        found.append(float(decoder.peek().dense()[0, symbol]))
        decoder.push([symbol])
    return found


def test_any_engine_serves() -> None:
    network = model("translation_transformer")
    cached, reference = (beam_search(decoder_of(network, engine=engine), 4, 6) for engine in ("cached", "reference"))
    assert [h.symbols.tolist() for h in cached] == [h.symbols.tolist() for h in reference]
    assert [h.log_prob for h in cached] == pytest.approx([h.log_prob for h in reference], abs=1e-4)


@pytest.mark.parametrize(("width", "limit"), [(0, 5), (2000, 5), (3, 0)])
def test_a_beam_has_a_width_and_a_limit(width: int, limit: int) -> None:
    with pytest.raises(InputError, match="a beam has a width in 1 … 1024 and a limit of 1 or more"):
        beam_search(decoder_of(model("bytenet")), width, limit)


def test_a_beam_begins_with_one_row() -> None:
    network = model("bytenet")
    with pytest.raises(InputError, match="one row, not 2"):
        beam_search(make_decoder(network, "cached", network.condition_tensor([{}, {}])), 2, 2)


# --- as a take --------------------------------------------------------------------------------------------------------


def new_search(network: AutoregressiveModel, width: int = 4, given: str = "", engine: str = "cached") -> Take:
    reference = ModelReference("it", network.title, "0" * 64, network.chain, network.factors)
    condition = {"source": "ACE BAD."}
    take = new_take(reference, seed=1, count=width, condition=condition, shaping=NEUTRAL, engine=engine)
    symbols = network.chain.symbols(given, closed=False)  # type: ignore[attr-defined]
    return dataclasses.replace(take, beam=width, given=tuple(symbols.tolist()))


def searched(network: AutoregressiveModel, width: int = 4, given: str = "") -> Take:
    take = new_search(network, width, given)
    walk = walk_of(network, take)
    while not walk.done:
        walk.advance(3)
    return take


@pytest.fixture(params=SIZES)
def network(request: pytest.FixtureRequest) -> AutoregressiveModel:
    return translation_model(request.param)


def test_the_samples_of_a_search_are_what_it_finds_with_surprise_and_entropy(network: AutoregressiveModel) -> None:
    take = searched(network)
    found = beam_search(decoder_of(network, "ACE BAD."), 4, take.limit)
    assert [trace.symbols.tolist() for trace in take.traces] == [h.symbols.tolist() for h in found]
    for trace, hypothesis in zip(take.traces, found, strict=True):
        assert -trace.bits * math.log(2) == pytest.approx(hypothesis.log_prob, abs=1e-4)
        again = surprises(network, trace.symbols, {"source": "ACE BAD."})
        assert trace.surprise == pytest.approx(again, abs=1e-4)
        assert trace.clamped.all()
        assert np.isfinite(trace.entropy).all()


def test_a_search_goes_on_from_a_prompt_which_counts(network: AutoregressiveModel) -> None:
    take = searched(network, given="ab c")
    for trace in take.traces:
        assert network.chain.text(trace.symbols).startswith("ab c")  # type: ignore[attr-defined]
        assert trace.surprise == pytest.approx(surprises(network, trace.symbols, {"source": "ACE BAD."}), abs=1e-4)
    assert max(map(len, take.traces)) <= take.limit


def test_while_a_search_goes_on_its_best_texts_are_seen_and_nothing_of_it_can_be_edited(
    network: AutoregressiveModel,
) -> None:
    take = new_search(network)
    walk = walk_of(network, take)
    assert isinstance(walk, BeamWalk)
    before = list(take.traces)
    assert walk.advance(3) == 3
    assert take.searching
    assert (take.frontier, len(before[0])) == (3, 0)
    totals = [trace.bits for trace in take.traces]
    assert totals == sorted(totals)
    with pytest.raises(InputError, match="when it has come to its end"):
        take.branch(0, 1, value=0)


def test_a_search_that_was_left_begins_anew_and_finds_the_same(network: AutoregressiveModel) -> None:
    take = new_search(network)
    walk_of(network, take).advance(5)
    walk = walk_of(network, take)
    while not walk.done:
        walk.advance(100)
    assert [t.symbols.tolist() for t in take.traces] == [t.symbols.tolist() for t in searched(network).traces]


def test_what_was_found_can_be_edited_and_is_then_walked(network: AutoregressiveModel) -> None:
    take = searched(network)
    other = (int(take.traces[1].symbols[2]) + 1) % len(CHAIN.characters.characters)
    child = take.branch(1, 2, value=other)
    assert not take.searching
    assert not isinstance(walk_of(network, take), BeamWalk)
    run(network, take)
    assert child.finished
    assert child.symbols[2] == other
    assert at_once(searching_again(network, take))[1].agrees


def test_a_file_of_a_search_says_so_and_it_is_searched_again(network: AutoregressiveModel, tmp_path: Path) -> None:
    take = searched(network)
    save_take(tmp_path / "take.npz", take)
    for read in (load_take(tmp_path / "take.npz"), take_from_record(take_record(take))):
        assert (read.beam, read.searching) == (4, False)
        results = at_once(searching_again(network, read))
        assert [result.agrees for result in results] == [True] * 4
    (result,) = at_once(searching_again(network, take_from_record(take_record(shown(take, samples=[2])))))
    assert (result.agrees, result.steps) == (True, len(take.traces[2]))


def test_another_text_than_the_recorded_one_is_found_out(network: AutoregressiveModel) -> None:
    take = searched(network)
    first, second = take.traces[:2]
    take.samples[0].replace_trace(second)
    second.schedule = first.schedule
    result = at_once(searching_again(network, take))[0]
    assert not result.agrees
    assert result.distance == pytest.approx((second.bits - first.bits) * math.log(2), abs=1e-3)
    assert result.recorded == second.symbols[result.first_difference]


def test_what_was_edited_is_no_longer_what_a_search_found(network: AutoregressiveModel) -> None:
    take = searched(network)
    take.branch(0, 1, value=0)
    assert shown(take, samples=[1]).beam == 4
    assert shown(take).beam is None


@pytest.mark.parametrize("width", [0, -1, True, "4"])
def test_a_record_with_another_width_is_refused(width: object) -> None:
    record = take_record(searched(translation_model("bytenet"))) | {"beam": width}
    with pytest.raises(InputError, match="the width of a beam is a whole number"):
        take_from_record(record)


def test_a_record_of_more_samples_than_its_beam_is_wide_is_refused() -> None:
    record = take_record(searched(translation_model("bytenet"))) | {"beam": 3}
    with pytest.raises(InputError, match="numbers below its width, 3"):
        take_from_record(record)


def test_drawn_samples_are_walked() -> None:
    network = translation_model("bytenet")
    assert type(walk_of(network, dataclasses.replace(new_search(network), beam=None))) is Walk


def test_the_best_so_far_are_those_that_ended_and_those_that_go_on() -> None:
    search = BeamSearch(make_decoder(Garden(), "reference", Garden().condition_tensor({})), 2, 3)
    search.step()
    assert [(h.symbols.tolist(), h.ended) for h in search.best] == [([0], False), ([1], False)]
    search.step()
    assert (search.best[0].symbols.tolist(), search.best[0].ended) == ([1, 3], True)
    assert [h.ended for h in search.best] == [True, False]
