"""Beam search: probable whole texts, where a walk at temperature 0 takes the likeliest symbol of each step.

At each step the ``width`` most probable beginnings are kept, each with everything that may follow it. Neither this nor
temperature 0 finds the mode of the joint, the most probable text of all: that may begin with what looks improbable, and
to be sure of it one would have to look at every beginning. A wide enough beam does; a wider one than is needed for
that, or a narrower one, finds texts of other probabilities, and width 1 is the walk at temperature 0.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from models.chain import Symbols
from models.conditional import LOG2
from models.decoder import Decoder
from models.errors import InputError
from models.likelihood import surprises_under
from models.model import AutoregressiveModel
from models.sampling import Reproduction, Walk, engine_here, make_decoder, reproducing
from models.shaping import NEUTRAL, Shaping
from models.trace import Sample, Segment, Take, Trace

MAX_WIDTH = 1024


@dataclass(frozen=True)
class Hypothesis:
    """What a beam search found: symbols (n,) that follow on the decoder's step, the stop symbol the last if it ended.

    surprise, entropy: float32 (n,), in bits, as in a trace. log_prob: the natural logarithm of the symbols' probability
    together.
    """

    symbols: Symbols
    surprise: npt.NDArray[np.float32]
    entropy: npt.NDArray[np.float32]
    log_prob: float
    ended: bool

    def then(self, symbol: int, log_p: float, entropy: float, *, ended: bool) -> Hypothesis:
        """With one symbol more, of this log-probability after those that it follows."""
        surprise = np.float32(-log_p / LOG2)
        return Hypothesis(
            np.append(self.symbols, np.int32(symbol)), np.append(self.surprise, surprise),
            np.append(self.entropy, np.float32(entropy)), self.log_prob + log_p, ended,
        )  # fmt: skip


NOTHING = Hypothesis(np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.float32), 0.0, ended=False)


class BeamSearch:
    """A search for the most probable texts of at most ``limit`` symbols more, a symbol at a time until it is ``done``.

    decoder: of one row, at any step; it stays there. As a text grows it cannot become more probable: so the search is
    done when none that goes on is better than those that have ended. Ties go to what comes first, of equal beginnings
    the lower symbol. Raises InputError for a decoder of several rows, and for a width or a limit that is no number from
    1 on.
    """

    def __init__(self, decoder: Decoder, width: int, limit: int) -> None:
        if decoder.rows != 1:
            raise InputError(f"a beam begins with one row, not {decoder.rows}")
        if not 1 <= width <= MAX_WIDTH or limit < 1:
            raise InputError(f"a beam has a width in 1 … {MAX_WIDTH} and a limit of 1 or more, not {width} and {limit}")
        self.width, self.done = width, False
        self._decoder, self._left = decoder, limit
        self._going, self._ended = [NOTHING], list[Hypothesis]()

    @torch.inference_mode()
    def step(self) -> None:
        conditional, alphabet = self._decoder.peek(), self._decoder.model.chain.alphabet
        stop, size = alphabet.stop_symbol, alphabet.size
        log_p, entropy = conditional.dense().cpu().numpy(), conditional.entropy().cpu().numpy()
        before = np.array([beginning.log_prob for beginning in self._going])
        best = np.argsort(-(before[:, None] + log_p).reshape(-1), kind="stable")
        stops = best % size == (size if stop is None else stop)

        def then(place: int, *, ended: bool) -> Hypothesis:
            row, symbol = divmod(place, size)
            return self._going[row].then(symbol, float(log_p[row, symbol]), float(entropy[row]), ended=ended)

        ended = [then(place, ended=True) for place in best[: self.width][stops[: self.width]].tolist()]
        self._ended = sorted(self._ended + ended, key=lambda hypothesis: -hypothesis.log_prob)[: self.width]
        kept = best[~stops][: self.width]
        self._going = [then(place, ended=False) for place in kept.tolist()]
        self._left -= 1
        enough = len(self._ended) == self.width and self._ended[-1].log_prob >= self._going[0].log_prob
        self.done = enough or not self._left
        if not self.done:
            self._decoder = self._decoder.select((kept // size).tolist())
            self._decoder.push((kept % size).astype(np.int32))

    @property
    def best(self) -> list[Hypothesis]:
        """The best ``width`` texts so far, the most probable first.

        Of a search that is done those that have ended come first; others, of which a longer text would say more, only
        where fewer have, or in a chain without a stop symbol.
        """
        found = self._ended + self._going
        return (found if self.done else sorted(found, key=lambda hypothesis: -hypothesis.log_prob))[: self.width]


def beam_search(decoder: Decoder, width: int, limit: int) -> list[Hypothesis]:
    """What ``BeamSearch`` finds."""
    search = BeamSearch(decoder, width, limit)
    while not search.done:
        search.step()
    return search.best


class BeamWalk(Walk):
    """The search that a take is, see ``Take.beam``: its samples are the best texts so far, and give way to better ones.

    Of a search that was left nothing is kept but what it had found: it begins anew, and finds the same.
    """

    def __init__(self, model: AutoregressiveModel, take: Take) -> None:
        super().__init__(model, take)
        self._search: BeamSearch | None = None
        self._before = NOTHING
        """What the texts were to begin with."""

    def reshape(self, shaping: Shaping) -> None:
        """A search looks at the conditionals as the model gives them."""

    def advance(self, count: int, tell: int | None = None) -> int:
        if self.take.finished:
            return 0
        if self._search is None:
            self._search = self._begin()
        taken = 0
        while taken < count and not self._search.done:
            self._search.step()
            taken += 1
        best = dict(enumerate(self._search.best))
        with self.take.lock:
            for sample in self.take.samples:  # of a file, perhaps, that has only some of them
                segment = sample.trace.schedule[0]
                if (found := best.get(segment.sample)) is not None:
                    sample.replace_trace(self._trace_of(found, segment))
        return taken

    def _begin(self) -> BeamSearch:
        take, given = self.take, np.array(self.take.given, np.int32)[None]
        segment = take.traces[0].schedule[0]
        condition = self.model.condition_tensor(segment.condition)
        decoder = make_decoder(self.model, engine_here(self.model, segment), condition)
        if given.size:
            told = decoder.advance(np.zeros(given.shape), NEUTRAL, given)
            self._before = replace(NOTHING, symbols=given[0], surprise=told.surprise[0], entropy=told.entropy[0])
        assert take.beam is not None
        return BeamSearch(decoder, take.beam, take.limit - given.shape[1])

    def _trace_of(self, found: Hypothesis, segment: Segment) -> Trace:
        before = self._before
        engine, device = engine_here(self.model, segment), self.model.device.type
        trace = Trace(replace(segment, engine=engine, device=device))
        symbols = np.concatenate([before.symbols, found.symbols])
        trace.append(
            symbols, np.concatenate([before.surprise, found.surprise]),
            np.concatenate([before.entropy, found.entropy]), np.ones(len(symbols), np.bool_),
        )  # fmt: skip
        trace.finished = found.ended or len(trace) >= self.take.limit
        return trace


def walk_of(model: AutoregressiveModel, take: Take) -> Walk:
    """What goes on with a take: its search, as long as that is not done; else the walk of its samples."""
    return BeamWalk(model, take) if take.searching else Walk(model, take)


def searching_again(model: AutoregressiveModel, take: Take) -> Generator[None, None, list[Reproduction]]:
    """What ``reproducing`` is for the samples of a beam search: it is searched anew as far, with the same engine.

    An edited sample is walked again. Another text than the recorded one counts as a float tie where both are equally
    probable within FLOAT_TIE: that is their ``distance``, in nats.
    """
    assert take.beam is not None
    first = take.samples[0].branches[0].schedule[0]
    samples = [Sample([Trace(replace(first, sample=n))]) for n in range(take.beam)]
    fresh, until = replace(take, samples=samples), take.frontier if take.searching else take.limit
    walk = BeamWalk(model, fresh)
    while not fresh.finished and fresh.frontier < until:
        walk.advance(1)
        yield
    found = []
    for sample in take.samples:
        if sample.current:
            found.append((yield from reproducing(model, sample.trace)))
        else:
            found.append(_compared(model, sample.trace, fresh.traces[sample.trace.segment.sample]))
    return found


def _compared(model: AutoregressiveModel, trace: Trace, again: Trace) -> Reproduction:
    recorded_by, walked_by = ((f"{one.segment.engine} on {one.segment.device}",) for one in (trace, again))
    same = Reproduction(len(trace), recorded_by, walked_by)
    if np.array_equal(trace.symbols, again.symbols):
        return same
    both = min(len(trace), len(again))
    at = int(np.flatnonzero(trace.symbols[:both] != again.symbols[:both])[0])  # none is the beginning of another
    bits = [float(surprises_under(model, one.symbols, [(0, one.segment.condition)]).sum()) for one in (trace, again)]
    return replace(
        same, first_difference=at, recorded=int(trace.symbols[at]), again=int(again.symbols[at]),
        distance=abs(bits[0] - bits[1]) * LOG2,
    )  # fmt: skip
