"""The log-masses of a mixture of Gaussians over the levels, as ``models.conditional.MixtureOfGaussians`` has them."""

from __future__ import annotations

import math

from models.kernels.draw import Float64s, fast_exp
from models.kernels.jit import kernel

SQRT_HALF = math.sqrt(0.5)
LOG_SQRT_TAU = 0.5 * math.log(2 * math.pi)

FAR = -30.0
"""Below it erfc comes near the smallest numbers, and the first term left out of the series below is 2e-12."""


@kernel
def log_normal_cdf(x: float) -> float:
    """Natural logarithm of the standard normal distribution function, accurate in its lower tail."""
    if x > FAR:
        return math.log(0.5 * math.erfc(-SQRT_HALF * x))
    s = 1 / (x * x)
    return math.log1p(-s * (1 - s * (3 - s * (15 - s * 105)))) - 0.5 * x * x - math.log(-x) - LOG_SQRT_TAU


@kernel
def log_masses(weights: Float64s, means: Float64s, scales: Float64s, logits: Float64s) -> None:
    """The logits (K,) of levels 0 … K - 1, which hold the masses up to a factor.

    weights: logits of the components (M,). means, scales: (M,), in levels.
    """
    size = logits.shape[0]
    for k in range(size):
        highest = -math.inf
        total = 0.0
        for m in range(weights.shape[0]):
            distance = (k - means[m]) / scales[m]
            # A bin above the mean is mirrored to below it, where its edges have two different logarithms.
            if k == size - 1 or (k > 0 and distance > 0):
                distance = -distance
            half = 0.5 / scales[m]
            x = log_normal_cdf(distance + half)
            if 0 < k < size - 1:
                x += math.log(-math.expm1(log_normal_cdf(distance - half) - x))
            x += weights[m]
            if x > highest:
                total = 1.0 + total * fast_exp(highest - x)
                highest = x
            elif x != highest:
                total += fast_exp(x - highest)
            elif x > -math.inf:
                total += 1.0
        logits[k] = highest + math.log(total)
