"""Beam search: held against every text that there is, where those can be counted."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.beam_search import Hypothesis, beam_search
from models.chain import GreyLevels
from models.conditional import Categorical
from models.decoder import Decoder
from models.errors import InputError
from models.model import AutoregressiveModel, ModelSpec
from models.sampling import make_decoder
from models.shaping import Shaping
from models.source_text import Text
from models.text import Characters, TextChain
from tests.studio.melody_chain import MelodyChain as Letters
from tests.translation_models import SIZES, translation_model

LEVELS, LIMIT = 3, 5
CHAIN = TextChain(Characters(LEVELS, True, "abc"), default_length=10, max_length=20)
SOURCE = Text("source", "AB", 4, "AB")
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
def test_a_beam_that_is_wide_enough_finds_the_most_probable_texts_of_all(architecture: str) -> None:
    network = model(architecture)
    truth = every_text(network)
    best = sorted(truth, key=lambda text: -truth[text])
    found = beam_search(decoder_of(network), min(EVERY, 1024), LIMIT)
    ended = [hypothesis for hypothesis in found if hypothesis.ended]
    assert [tuple(h.symbols.tolist()) for h in ended] == best
    assert [h.log_prob for h in ended] == pytest.approx([truth[text] for text in best], abs=1e-4)


@pytest.mark.parametrize("architecture", SIZES)
@pytest.mark.parametrize("width", [1, 2, 5])
def test_what_a_narrow_beam_finds_has_the_probability_that_it_says(architecture: str, width: int) -> None:
    network = model(architecture)
    for source in ("", "A", "BBA"):
        truth = every_text(network, source)
        found = beam_search(decoder_of(network, source), width, LIMIT)
        assert 1 <= len(found) <= width
        for hypothesis in found:
            if hypothesis.ended:
                assert truth[tuple(hypothesis.symbols.tolist())] == pytest.approx(hypothesis.log_prob, abs=1e-4)
        ended = [h.log_prob for h in found if h.ended]
        assert ended == sorted(ended, reverse=True)


@pytest.mark.parametrize("architecture", SIZES)
def test_a_beam_of_one_is_the_walk_at_temperature_0(architecture: str) -> None:
    network = translation_model(architecture)
    for source in ("", "ACE BAD.", "CAB"):
        drawn = decoder_of(network, source).advance(np.zeros((1, 40)), Shaping(temperature=0)).symbols[0]
        (found,) = beam_search(decoder_of(network, source), 1, 40)
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
