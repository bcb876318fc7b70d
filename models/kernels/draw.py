"""What every compiled walk shares: fast tanh, sigmoid and ELU, and from logits to a symbol.

``draw_symbol`` is ``models.conditional`` in one pass over K logits: log-softmax, entropy and surprise in float64 of the
raw conditional, then ``shape_probs`` and ``first_above``.

No loop here both adds up and writes to an array. Such a loop is compiled twice, and each time it runs the machine takes
the copy that adds in another order when the arrays happen to lie near one another: a walk and the same walk again would
differ in their last bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from models.kernels.jit import inlined

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

LN2 = math.log(2.0)

# tanh as x P(x^2) / Q(x^2) on |x| < 7.9, beyond which it is 1 in float32: the rational function of Eigen's `ptanh`.
# Relative error below 4e-7.
TANH_LIMIT = np.float32(7.90531110763549805)
P1, P3, P5, P7, P9, P11, P13 = (
    np.float32(4.89352455891786e-03),
    np.float32(6.37261928875436e-04),
    np.float32(1.48572235717979e-05),
    np.float32(5.12229709037114e-08),
    np.float32(-8.60467152213735e-11),
    np.float32(2.00018790482477e-13),
    np.float32(-2.76076847742355e-16),
)
Q0, Q2, Q4, Q6 = (
    np.float32(4.89352518554385e-03),
    np.float32(2.26843463243900e-03),
    np.float32(1.18534705686654e-04),
    np.float32(1.19825839466702e-06),
)
HALF = np.float32(0.5)

# exp as 2^n exp(r) with |r| <= ln 2 / 2 and a Taylor series, whose first term left out is below 2e-17.
LOG2_E = 1.4426950408889634
EXP_LIMIT = -708.0
"""Below it exp is a denormal number, here zero."""
C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13 = (1 / math.factorial(n) for n in range(2, 14))

# The same in float32, for exp(x) - 1 of what is not positive: the first term left out is below 6e-9.
ZERO, ONE = np.float32(0), np.float32(1)
ELU_LIMIT = np.float32(-20)
"""Below it exp(x) - 1 is -1 in float32."""
LN2_SINGLE, LOG2_E_SINGLE = np.float32(LN2), np.float32(LOG2_E)
E2, E3, E4, E5, E6, E7 = (np.float32(1 / math.factorial(n)) for n in range(2, 8))


def _bits_to_float64(typing_context: Any, bits: Any) -> Any:
    """An int64 read as the float64 of the same bits."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), code


_float64_from_bits = cast(Callable[[np.int64], float], intrinsic(_bits_to_float64))


def _power_of_two(typing_context: Any, exponent: Any) -> Any:
    """2^n as float32, of an int32 n in -126 … 127."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer = ir.IntType(32)
        biased = builder.add(arguments[0], ir.Constant(integer, 127))
        return builder.bitcast(builder.shl(biased, ir.Constant(integer, 23)), ir.FloatType())

    return types.float32(types.int32), code


_two_to_the = cast(Callable[[np.int32], np.float32], intrinsic(_power_of_two))


@inlined
def fast_tanh(x: np.float32) -> np.float32:
    """tanh of a float32."""
    x = min(max(x, -TANH_LIMIT), TANH_LIMIT)
    s = x * x
    p = x * (P1 + s * (P3 + s * (P5 + s * (P7 + s * (P9 + s * (P11 + s * P13))))))
    return p / (Q0 + s * (Q2 + s * (Q4 + s * Q6)))


@inlined
def fast_sigmoid(x: np.float32) -> np.float32:
    """1 / (1 + exp(-x)) of a float32, absolute error below 3e-7."""
    return HALF + HALF * fast_tanh(HALF * x)


@inlined
def fast_elu(x: np.float32) -> np.float32:
    """x where it is positive, else exp(x) - 1, of a float32; absolute error below 2e-7."""
    t = max(min(x, ZERO), ELU_LIMIT)
    n = np.int32(t * LOG2_E_SINGLE - HALF)  # cut off towards zero, which rounds to the nearest
    r = t - np.float32(n) * LN2_SINGLE
    series = r + r * r * (E2 + r * (E3 + r * (E4 + r * (E5 + r * (E6 + r * E7)))))
    power = _two_to_the(n)
    return power * series + (power - ONE) if x <= ZERO else x


@inlined
def fast_exp(x: float) -> float:
    """exp of a float64 that is not positive, relative error below 3e-14; zero below -708."""
    t = max(x, EXP_LIMIT)
    n = math.floor(t * LOG2_E + 0.5)
    r = t - n * LN2
    series = C8 + r * (C9 + r * (C10 + r * (C11 + r * (C12 + r * C13))))
    series = 1.0 + r * (1.0 + r * (C2 + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * (C7 + r * series)))))))
    power: float = _float64_from_bits((np.int64(n) + 1023) << 52)
    return 0.0 if x < EXP_LIMIT else series * power


@inlined
def _before(p: Float64s, a: int, b: int) -> bool:
    """Whether symbol a is more probable than b, or as probable and lower."""
    return p[a] > p[b] or (p[a] == p[b] and a < b)


@inlined
def _sift_down(order: Int64s, p: Float64s, start: int, size: int) -> None:
    """Restores the heap below ``start``: its root is the symbol that comes before all others."""
    item = order[start]
    while True:
        child = 2 * start + 1
        if child >= size:
            break
        if child + 1 < size and _before(p, order[child + 1], order[child]):
            child += 1
        if not _before(p, order[child], item):
            break
        order[start] = order[child]
        start = child
    order[start] = item


@inlined
def _keep_most_probable(p: Float64s, order: Int64s, top_k: int, top_p: float) -> None:
    """Top-k, renormalised, then top-p: sets the others to zero. Sorts, by a heap, no further than it needs to."""
    size = p.shape[0]
    for k in range(size):
        order[k] = k
    for k in range(size // 2 - 1, -1, -1):
        _sift_down(order, p, k, size)
    limited = 0 < top_k < size
    limit = top_k if limited else size
    total = 1.0
    if limited:
        total = 0.0
        for rank in range(limit):
            _pop(order, p, size - rank)
            total += p[order[size - 1 - rank]]
    last = 0
    mass = 0.0
    for rank in range(limit):
        if not limited:
            _pop(order, p, size - rank)
        symbol = order[size - 1 - rank]
        mass += p[symbol] / total
        if top_p < 1 and rank > 0 and mass - p[symbol] / total >= top_p:
            break
        last = symbol
    least = p[last]
    for k in range(size):
        p[k] = p[k] if p[k] > least or (p[k] == least and k <= last) else 0.0


@inlined
def _pop(order: Int64s, p: Float64s, size: int) -> None:
    """Moves the root of a heap of ``size`` symbols to its end and makes a heap of the others."""
    first = order[0]
    order[0] = order[size - 1]
    _sift_down(order, p, 0, size - 1)
    order[size - 1] = first


@inlined
def _shape(
    logits: Float32s | Float64s,
    highest: float,
    p: Float64s,
    order: Int64s,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
) -> float:
    """Shapes probabilities in place, at a temperature above zero; returns their sum, which is not one."""
    size = p.shape[0]
    if temperature != 1:
        for k in range(size):
            p[k] = fast_exp((np.float64(logits[k]) - highest) / temperature)
        total = 0.0
        for k in range(size):
            total += p[k]
        scale = 1.0 / total
        for k in range(size):
            p[k] *= scale
    if 0 < top_k < size or top_p < 1:
        _keep_most_probable(p, order, top_k, top_p)
    if min_p > 0:
        largest = 0.0
        for k in range(size):
            largest = max(largest, p[k])
        for k in range(size):
            p[k] = p[k] if p[k] >= min_p * largest else 0.0
    total = 0.0
    for k in range(size):
        total += p[k]
    return total


@inlined
def draw_symbol(
    logits: Float32s | Float64s,
    p: Float64s,
    order: Int64s,
    u: float,
    clamp: int,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
) -> tuple[int, float, float]:
    """One draw from a softmax: the symbol, its surprise and the entropy in bits, both of the raw conditional.

    logits: (K,). p, order: scratch (K,), overwritten. u: noise in [0, 1). clamp: the symbol to take, negative to draw.
    temperature, top_k, top_p, min_p: see ``models.shaping.Shaping``.
    """
    size = logits.shape[0]
    highest = np.float64(logits[0])
    for k in range(1, size):
        highest = max(highest, np.float64(logits[k]))
    for k in range(size):
        p[k] = fast_exp(np.float64(logits[k]) - highest)
    total = 0.0
    weighted = 0.0
    for k in range(size):
        total += p[k]
        weighted += p[k] * max(np.float64(logits[k]) - highest, EXP_LIMIT)  # 0 * -inf is not a number
    log_total = math.log(total)
    entropy = (log_total - weighted / total) / LN2
    symbol = clamp
    if clamp < 0 and temperature == 0:
        symbol = 0
        while np.float64(logits[symbol]) < highest:
            symbol += 1
    elif clamp < 0:
        scale = 1.0 / total
        for k in range(size):
            p[k] *= scale
        mass = _shape(logits, highest, p, order, temperature, top_k, top_p, min_p)
        scale = 1.0 / mass
        cdf = 0.0
        symbol = -1
        last = 0
        for k in range(size):
            probability = p[k] * scale
            cdf += probability
            if probability > 0:
                last = k
            if cdf > u:
                symbol = k
                break
        if symbol < 0:
            symbol = last
    surprise = (log_total + highest - np.float64(logits[symbol])) / LN2
    return symbol, surprise, entropy
