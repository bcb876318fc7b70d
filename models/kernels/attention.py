"""Attention, one position at a time: its queries meet keys that lie in a ring, turned as ``models.layers.rotary`` does.

Heads lie side by side in the C channels of queries, keys and values, d channels each.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from models.kernels.draw import ZERO, fast_exp
from models.kernels.jit import inlined
from models.kernels.vectors import dot
from models.kernels.walk import Float32s, Float64s


class Turn(NamedTuple):
    """Cosines and sines (d / 2,) of the angles of a position."""

    cosines: Float32s
    sines: Float32s


@inlined
def find_turn(speeds: Float64s, position: int, turn: Turn) -> None:
    """speeds: (d / 2,), see ``models.layers.rotary``."""
    for n in range(speeds.shape[0]):
        angle = position * speeds[n]
        turn.cosines[n] = np.float32(math.cos(angle))
        turn.sines[n] = np.float32(math.sin(angle))


@inlined
def turn_heads(x: Float32s, turn: Turn, turned: Float32s) -> None:
    """The queries or keys of all heads, as many as fill ``turned`` (C,)."""
    half = turn.cosines.shape[0]
    for start in range(0, turned.shape[0], 2 * half):
        for n in range(half):
            a, b = x[start + n], x[start + half + n]
            turned[start + n] = a * turn.cosines[n] - b * turn.sines[n]
            turned[start + half + n] = a * turn.sines[n] + b * turn.cosines[n]


@inlined
def attend(
    heads: int,
    queries: Float32s,
    keys: Float32s,
    values: Float32s,
    first: int,
    end: int,
    scores: Float64s,
    heard: Float32s,
) -> None:
    """What each head hears of the positions from ``first`` up to, and not with, ``end``.

    queries: (C,), divided by the root of d. keys, values: (ring, C), a position at its remainder. scores: scratch.
    heard: (C,).
    """
    ring, count, size = keys.shape[0], end - first, heard.shape[0] // heads
    for start in range(0, heard.shape[0], size):
        query, result = queries[start : start + size], heard[start : start + size]
        highest = -math.inf
        for j in range(count):
            score = np.float64(dot(query, keys[(first + j) % ring, start : start + size], size))
            scores[j] = score
            highest = max(highest, score)
        for j in range(count):
            scores[j] = fast_exp(scores[j] - highest)
        total = 0.0
        for j in range(count):
            total += scores[j]
        for c in range(size):
            result[c] = ZERO
        for j in range(count):
            share = np.float32(scores[j] / total)
            value = values[(first + j) % ring, start : start + size]
            for c in range(size):
                result[c] += share * value[c]
