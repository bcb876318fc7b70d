"""Conditionals laid out, symbol by symbol, for tests that compare all of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.sampling import ConditionalBuffer
from models.trace import Trace


def log_probs(buffer: ConditionalBuffer, trace: Trace, start: int, stop: int) -> npt.NDArray[np.float32]:
    """Raw natural log-probabilities of the steps start … stop - 1, float32 (stop - start, K)."""
    return np.concatenate([part.dense().float().numpy() for part in buffer.parts(trace, start, stop)])
