"""Sequential Monte Carlo: samples of a chain given symbols that lie ahead, by particles.

To put a known symbol into a walk when its turn comes is not to condition on it: what was drawn before did not know of
it. The samples of a take can stand in for that: each is a particle, weighted by the probability that its past gave to
the known symbols, and when the weights have become too uneven, particles are drawn anew in proportion to them, so that
pasts which foretold badly die out and good ones go on several times. As their number grows, the particles become draws
from p(x | known) (A. Doucet, N. de Freitas, N. Gordon (eds.), "Sequential Monte Carlo Methods in Practice", 2001,
chapter 1; the walk is the proposal, so that a weight is the likelihood of what is known).

Weights are those of the raw conditionals: a shaped walk is judged by the model as it is. Its particles then become
draws from another law than p(x | known), however many they are: what is drawn has its shaped probabilities, what is
known its raw ones.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.noise import uniforms
from models.trace import Take

RESAMPLING_SALT = 2**62
"""Of the noise that chooses among particles: no branch has it."""

Weights = npt.NDArray[np.float64]


def log_weights(take: Take) -> Weights:
    """Natural logarithm of each sample's weight, float64 (N,), normalised; of a take that has particles.

    The evidence is the surprise of the symbols that were given since the particles were last drawn anew. Weights are
    not numbers where a surprise is not known, as of a take from an export that nobody has scored yet.
    """
    assert take.resampled is not None
    since = take.resampled[-1] if take.resampled else 0
    given = np.flatnonzero(np.array(take.given) >= 0)
    evidence = [given[(given >= since) & (given < len(trace))] for trace in take.traces]
    bits = np.array([t.surprise[steps].sum(dtype=np.float64) for t, steps in zip(take.traces, evidence, strict=True)])
    log_w = -bits * math.log(2)
    normalised: Weights = log_w - np.logaddexp.reduce(log_w)
    return normalised


def effective_sample_size(log_w: Weights) -> float:
    """1 / sum of squared weights: as many equally weighted particles say as much. From 1 to N."""
    return float(1 / np.exp(2 * log_w).sum())


def ancestors(log_w: Weights, u: float) -> npt.NDArray[np.int64]:
    """Which particle each of N new ones goes on from, int64 (N,), by systematic resampling with one u in [0, 1).

    A particle of weight w has floor(N w) or ceil(N w) successors. One that has any keeps its own place among them.
    """
    count = len(log_w)
    cdf = np.exp(log_w).cumsum()
    chosen = np.searchsorted(cdf / cdf[-1], (np.arange(count) + u) / count, side="right").clip(max=count - 1)
    successors = np.bincount(chosen, minlength=count)
    result = np.where(successors > 0, np.arange(count), -1)
    result[result < 0] = np.repeat(np.arange(count), np.maximum(successors - 1, 0))
    return result


def next_evidence(given: npt.NDArray[np.bool_], step: int, end: int) -> int:
    """The step after the next run of given symbols, or the end: until there, nothing new is known of the particles.

    given: of the first steps; the others are drawn.
    """
    ends = np.flatnonzero(given[step:] & ~np.append(given[step + 1 :], False))
    return step + int(ends[0]) + 1 if ends.size else end


def resample(take: Take, step: int) -> npt.NDArray[np.int64] | None:
    """Draws the particles anew if their weights are uneven, or if the walk ends here; returns ``ancestors``, or None.

    All samples stand at ``step``. A particle that dies out is replaced by a copy of another's trace, which goes on with
    the noise of the one that it replaces.
    """
    assert take.resampled is not None
    log_w = log_weights(take)
    count, last = len(log_w), step == take.limit
    if effective_sample_size(log_w) > (count * (1 - 1e-9) if last else count / 2):
        if last:
            take.resampled = (*take.resampled, step)
        return None
    segment = take.traces[0].segment
    chosen = ancestors(log_w, float(uniforms(segment.seed, 0, RESAMPLING_SALT, step, 1)[0]))
    before = take.traces
    for n, ancestor in enumerate(chosen):
        if ancestor != n:
            take.samples[n].replace_trace(before[ancestor].copy(before[n].segment, step))
    take.resampled = (*take.resampled, step)
    return chosen
