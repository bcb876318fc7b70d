"""Beam search: probable whole texts, where a walk at temperature 0 takes the likeliest symbol of each step.

At each step the ``width`` most probable beginnings are kept, each with everything that may follow it. Neither this nor
temperature 0 finds the mode of the joint, the most probable text of all: that may begin with what looks improbable, and
to be sure of it one would have to look at every beginning. A wide enough beam does; a wider one than is needed for
that, or a narrower one, finds texts of other probabilities, and width 1 is the walk at temperature 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from models.chain import Symbols
from models.decoder import Decoder
from models.errors import InputError

MAX_WIDTH = 1024


@dataclass(frozen=True)
class Hypothesis:
    """What a beam search found: symbols (n,) that follow on the decoder's step, the stop symbol the last if it ended.

    log_prob: the natural logarithm of their probability together.
    """

    symbols: Symbols
    log_prob: float
    ended: bool


@torch.inference_mode()
def beam_search(decoder: Decoder, width: int, limit: int) -> list[Hypothesis]:
    """The best ``width`` texts found of at most ``limit`` symbols more, the most probable first.

    decoder: of one row, at any step; it stays there. Those that have ended come first; others, of which a longer text
    would say more, only where fewer have, or in a chain without a stop symbol. As a text grows it cannot become more
    probable: so the search ends when none that goes on is better than those that have ended. Ties go to what comes
    first, of equal beginnings the lower symbol. Raises InputError for a decoder of several rows, and for a width or a
    limit that is no number from 1 on.
    """
    if decoder.rows != 1:
        raise InputError(f"a beam begins with one row, not {decoder.rows}")
    if not 1 <= width <= MAX_WIDTH or limit < 1:
        raise InputError(f"a beam has a width in 1 … {MAX_WIDTH} and a limit of 1 or more, not {width} and {limit}")
    stop, size = decoder.model.chain.alphabet.stop_symbol, decoder.model.chain.alphabet.size
    begun, log_probs = decoder.step, np.zeros(1)
    ended: list[Hypothesis] = []
    for count in range(1, limit + 1):
        candidates = (log_probs[:, None] + decoder.peek().dense().cpu().numpy()).reshape(-1)
        best = np.argsort(-candidates, kind="stable")
        stops = best % size == (size if stop is None else stop)
        for place in best[:width][stops[:width]]:
            symbols = np.append(decoder.symbols[place // size, begun:], np.int32(place % size))
            ended.append(Hypothesis(symbols, float(candidates[place]), ended=True))
        ended = sorted(ended, key=lambda hypothesis: -hypothesis.log_prob)[:width]
        kept = best[~stops][:width]
        log_probs = candidates[kept]
        if len(ended) == width and ended[-1].log_prob >= log_probs[0]:
            break
        decoder = decoder.select((kept // size).tolist())
        decoder.push((kept % size).astype(np.int32))
        if count == limit:
            rest = zip(decoder.symbols[:, begun:], log_probs.tolist(), strict=True)
            ended += [Hypothesis(symbols.copy(), log_prob, ended=False) for symbols, log_prob in rest]
    return ended[:width]
