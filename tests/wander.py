"""Decoders led about: what every one of them must come through unchanged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.decoder import Decoder


def wander(decoder: Decoder, rounds: int) -> Iterator[Decoder]:
    """Prefixes, rewinds and selections of three rows, in random order; gives the decoder now and then, at some step."""
    length, size = decoder.model.chain.limit, decoder.model.chain.alphabet.size
    rng = np.random.default_rng(5)
    for _ in range(rounds):
        match rng.integers(4):
            case 0:
                count = int(rng.integers(0, length - decoder.step + 1))
                decoder.extend(rng.integers(0, size, (3, count)))
            case 1:
                decoder.rewind(int(rng.integers(0, decoder.step + 1)))
            case 2:
                decoder = decoder.select(rng.integers(0, 3, 3).tolist())
            case _ if decoder.step < length:
                yield decoder
