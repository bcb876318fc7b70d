"""Uniform noise as a pure function of (seed, sample, branch salt, variable), by a counter-based generator.

The generator is Philox-4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") as numpy ships it:
seed and sample are the key, the variable and the branch salt are words of the counter. Any stretch of any stream can
be had without the ones before it, which is what pausing, rewinding, branching and batching need.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.errors import InputError

MAX_SEED = 2**53 - 1
"""Seeds stay exact in JSON and in every spin box."""

_WORDS_PER_COUNTER = 4


def check_seed(seed: int) -> int:
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"Seed lies in 0 … {MAX_SEED}, not {seed}")
    return seed


def uniforms(seed: int, sample: int, salt: int, start: int, count: int) -> npt.NDArray[np.float64]:
    """u of the variables start … start + count - 1: float64 (count,), each in [0, 1) on a grid of 2^-53."""
    generator = np.random.Philox(
        key=np.array([check_seed(seed), sample], dtype=np.uint64),
        counter=np.array([start, salt, 0, 0], dtype=np.uint64),
    )
    words = generator.random_raw(_WORDS_PER_COUNTER * count)[::_WORDS_PER_COUNTER]
    u: npt.NDArray[np.float64] = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return u
