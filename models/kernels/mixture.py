"""The log-masses of mixtures over the levels, as ``models.conditional.BinnedMixture`` has them.

weights: logits of the components (M,). means, scales: (M,), in levels. What comes out are logits (K,) of levels
0 … K - 1, which hold the masses up to a factor.

The logistic curve has its bins in closed form. Of one whose centre is x scales from the mean and whose edges are h
scales from the centre,

    1 / (1 + exp(-x - h)) - 1 / (1 + exp(-x + h)) = sinh(h) / (cosh(x) + cosh(h)):

one exp for each level and component, and no difference of two numbers that are next to one another.

A draw from logistics over very many levels does not look at all of them, see ``draw_from_logistics``.
"""

from __future__ import annotations

import math

from models.conditional import MixtureOfLogistics
from models.kernels.draw import LN2, Float64s, Int64s, draw_symbol, fast_exp
from models.kernels.jit import inlined

SQRT_HALF = math.sqrt(0.5)
LOG_SQRT_TAU = 0.5 * math.log(2 * math.pi)

FAR = -30.0
"""Below it erfc comes near the smallest numbers, and the first term left out of the series below is 2e-12."""

REACH, STRETCH = MixtureOfLogistics.REACH, MixtureOfLogistics.STRETCH

LEAST = 1e-280
"""What a level has of the mass at least, if all shares that matter are to be well above the smallest numbers."""


@inlined
def _joined(x: float, highest: float, total: float) -> tuple[float, float]:
    """A term exp(x) added to a sum total * exp(highest), whose highest term so far is exp(highest)."""
    if x > highest:
        return x, 1.0 + total * fast_exp(highest - x)
    if x != highest:
        return highest, total + fast_exp(x - highest)
    if x > -math.inf:
        return highest, total + 1.0
    return highest, total


@inlined
def log_normal_cdf(x: float) -> float:
    """Natural logarithm of the standard normal distribution function, accurate in its lower tail."""
    if x > FAR:
        return math.log(0.5 * math.erfc(-SQRT_HALF * x))
    s = 1 / (x * x)
    return math.log1p(-s * (1 - s * (3 - s * (15 - s * 105)))) - 0.5 * x * x - math.log(-x) - LOG_SQRT_TAU


@inlined
def log_mass_of_normal(distance: float, half: float, first: bool, last: bool) -> float:
    """Logarithm of the standard normal's mass in a bin: so far from the mean, half so wide.

    The first bin is open below and the last above: of them the edge counts, at distance + half and distance - half.
    """
    # A bin above the mean is mirrored to below it, where its edges have two different logarithms.
    if last or (not first and distance > 0):
        distance = -distance
    x = log_normal_cdf(distance + half)
    if not first and not last:
        x += math.log(-math.expm1(log_normal_cdf(distance - half) - x))
    return x


@inlined
def log_masses_of_gaussians(weights: Float64s, means: Float64s, scales: Float64s, logits: Float64s) -> None:
    """See above."""
    size = logits.shape[0]
    for k in range(size):
        highest = -math.inf
        total = 0.0
        for m in range(weights.shape[0]):
            x = log_mass_of_normal((k - means[m]) / scales[m], 0.5 / scales[m], k == 0, k == size - 1)
            highest, total = _joined(x + weights[m], highest, total)
        logits[k] = highest + math.log(total)


@inlined
def log_masses_of_normal(edges: Float64s, mean: float, scale: float, logits: Float64s) -> None:
    """Of one Gaussian in K bins, which meet at edges (K - 1,), rising: the logarithms of its masses, (K,).

    One erfc for each edge: what lies beyond it, away from the mean, so that no bin is the difference of two numbers
    next to 1. Where these are too small to be numbers, the logarithms are taken first.
    """
    size = edges.shape[0] + 1
    below, beyond_below = -math.inf, 0.0
    for k in range(size):
        above, beyond_above = math.inf, 0.0
        if k < size - 1:
            above = (edges[k] - mean) / scale
            beyond_above = 0.5 * math.erfc(SQRT_HALF * abs(above))
        if above <= 0:
            mass = beyond_above - beyond_below
        elif below >= 0:
            mass = beyond_below - beyond_above
        else:
            mass = 1.0 - beyond_below - beyond_above
        if mass > LEAST:
            logits[k] = math.log(mass)
        elif k == 0:
            logits[k] = log_mass_of_normal(above, 0.0, True, False)
        elif k == size - 1:
            logits[k] = log_mass_of_normal(below, 0.0, False, True)
        else:
            logits[k] = log_mass_of_normal(0.5 * (below + above), 0.5 * (above - below), False, False)
        below, beyond_below = above, beyond_above


@inlined
def _log_sigmoid(x: float) -> float:
    return min(x, 0.0) - math.log1p(math.exp(-abs(x)))


@inlined
def log_mass_of_logistic(k: int, mean: float, scale: float, size: int) -> float:
    """What one component has of the mass of level k among ``size``, those at the ends being open: its logarithm."""
    distance = (k - mean) / scale
    half = 0.5 / scale
    if k == 0:
        return _log_sigmoid(distance + half)
    if k == size - 1:
        return _log_sigmoid(half - distance)
    distance = abs(distance)
    e = math.exp(-distance)
    return math.log(2 * math.sinh(half)) - distance - math.log1p(e * (e + 2 * math.cosh(half)))


@inlined
def log_masses_of_logistics(weights: Float64s, means: Float64s, scales: Float64s, logits: Float64s) -> None:
    """See above. scales: a thousandth of a level at least, or sinh is infinite."""
    size = logits.shape[0]
    heaviest = weights[0]
    for m in range(1, weights.shape[0]):
        heaviest = max(heaviest, weights[m])
    for k in range(size):
        logits[k] = 0.0
    for m in range(weights.shape[0]):
        mean, per_level = means[m], 1 / scales[m]
        breadth = 2 * math.cosh(0.5 * per_level)
        factor = 2 * math.sinh(0.5 * per_level) * math.exp(weights[m] - heaviest)
        for k in range(1, size - 1):
            e = fast_exp(-abs(k - mean) * per_level)
            logits[k] += factor * e / (1.0 + e * (e + breadth))
    for k in range(size):
        if 0 < k < size - 1 and logits[k] > LEAST:
            logits[k] = math.log(logits[k])
            continue
        highest, total = -math.inf, 0.0
        for m in range(weights.shape[0]):
            x = weights[m] - heaviest + log_mass_of_logistic(k, means[m], scales[m], size)
            highest, total = _joined(x, highest, total)
        logits[k] = highest + math.log(total)


@inlined
def log_mass_of_logistics(k: int, weights: Float64s, means: Float64s, scales: Float64s, size: int) -> float:
    """The natural logarithm of the mass of level k; the weights are logarithms of shares, which sum to one."""
    highest, total = -math.inf, 0.0
    for m in range(weights.shape[0]):
        highest, total = _joined(weights[m] + log_mass_of_logistic(k, means[m], scales[m], size), highest, total)
    return highest + math.log(total)


@inlined
def quantile_of_logistics(u: float, shares: Float64s, means: Float64s, scales: Float64s, size: int) -> int:
    """The first level whose mass, with that of all below it, is more than u: the alphabet is halved over and over."""
    low, high = 0, size - 1
    while low < high:
        middle = (low + high) // 2
        below = 0.0
        for m in range(shares.shape[0]):
            x = (middle + 0.5 - means[m]) / scales[m]
            e = fast_exp(-abs(x))
            below += shares[m] * ((1.0 if x > 0 else e) / (1.0 + e))
        if below > u:
            high = middle
        else:
            low = middle + 1
    return low


@inlined
def _term(k: float, factors: Float64s, breadths: Float64s, means: Float64s, scales: Float64s) -> float:
    """-p log p of an inner level, which for this once need not be whole."""
    p = 0.0
    for m in range(factors.shape[0]):
        e = fast_exp(-abs(k - means[m]) / scales[m])
        p += factors[m] * e / (1.0 + e * (e + breadths[m]))
    return -p * math.log(p) if p > LEAST else 0.0


@inlined
def entropy_of_logistics(
    weights: Float64s,
    shares: Float64s,
    means: Float64s,
    scales: Float64s,
    factors: Float64s,
    breadths: Float64s,
    size: int,
) -> float:
    """In nats, by the stretches of ``models.conditional.MixtureOfLogistics``, one after another as they are due.

    weights: logarithms of the shares. factors, breadths: scratch (M,), overwritten.
    """
    count = shares.shape[0]
    for m in range(count):
        factors[m] = shares[m] * 2 * math.sinh(0.5 / scales[m])
        breadths[m] = 2 * math.cosh(0.5 / scales[m])
    entropy = 0.0
    for k in (0, size - 1):
        x = log_mass_of_logistics(k, weights, means, scales, size)
        entropy -= math.exp(x) * max(x, -1e4)
    first, last = 1, size - 1
    while first < last:
        stretch = float(last - first)
        for m in range(count):
            nearest = means[m] - REACH * scales[m]
            if first < nearest:
                stretch = min(stretch, math.ceil(nearest - first))
            elif first <= means[m] + REACH * scales[m]:
                stretch = min(stretch, max(1.0, math.floor(STRETCH * scales[m])))
        middle = first + (stretch - 1) / 2
        square = max(0.25, (3 * stretch * stretch - 7) / 20)
        weight = stretch * (stretch * stretch - 1) / 24 / square
        if stretch != 2:
            entropy += (stretch - 2 * weight) * _term(middle, factors, breadths, means, scales)
        if stretch > 1:
            apart = math.sqrt(square)
            entropy += weight * _term(middle - apart, factors, breadths, means, scales)
            entropy += weight * _term(middle + apart, factors, breadths, means, scales)
        first += int(stretch)
    return entropy


@inlined
def draw_from_logistics(
    weights: Float64s,
    means: Float64s,
    scales: Float64s,
    stop: float,
    scratch: Float64s,
    logits: Float64s,
    p: Float64s,
    order: Int64s,
    u: float,
    clamp: int,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
) -> tuple[int, float, float]:
    """``draw_symbol`` from a mixture, and from the stop symbol where there is one more logit than levels.

    weights: logits (M,), overwritten. means: in levels, the first of which is 0. stop: the logit of stopping; of minus
    infinity where there is no stop symbol. scratch: (3, M). logits, p, order: scratch (K,). A shaping, which is one of
    the probabilities, needs all of them; without one, only those are looked at that decide.
    """
    size = logits.shape[0]
    levels = size - 1 if stop > -math.inf else size
    count = weights.shape[0]
    shares = scratch[0]
    heaviest = weights[0]
    for m in range(1, count):
        heaviest = max(heaviest, weights[m])
    for m in range(count):
        shares[m] = math.exp(weights[m] - heaviest)
    total = 0.0
    for m in range(count):
        total += shares[m]
    log_total = heaviest + math.log(total)
    for m in range(count):
        weights[m] -= log_total
        shares[m] /= total
    log_goes_on, log_stop = 0.0, -math.inf
    if levels < size:
        log_goes_on, log_stop = _log_sigmoid(-stop), _log_sigmoid(stop)
    neutral = temperature == 1 and not 0 < top_k < size and top_p >= 1 and min_p <= 0
    if clamp < 0 and not neutral:
        log_masses_of_logistics(weights, means, scales, logits[:levels])
        # They lack a factor, which is the largest of the shares.
        heaviest = weights[0]
        for m in range(1, count):
            heaviest = max(heaviest, weights[m])
        for k in range(levels):
            logits[k] += heaviest + log_goes_on
        if levels < size:
            logits[levels] = log_stop
        clamp, _, _ = draw_symbol(logits, p, order, u, clamp, temperature, top_k, top_p, min_p)
    symbol = clamp
    if clamp < 0:
        goes_on = math.exp(log_goes_on)
        symbol = levels
        if u < goes_on:
            symbol = quantile_of_logistics(u / goes_on, shares, means, scales, levels)
    log_p = log_stop
    if symbol < levels:
        log_p = log_goes_on + log_mass_of_logistics(symbol, weights, means, scales, levels)
    entropy = entropy_of_logistics(weights, shares, means, scales, scratch[1], scratch[2], levels)
    if levels < size:
        entropy = math.exp(log_goes_on) * (entropy - log_goes_on) - math.exp(log_stop) * log_stop
    return symbol, -log_p / LN2, entropy / LN2
