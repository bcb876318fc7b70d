"""Loops over vectors, in place of numpy's assignments, which numba compiles slowly and into slow code."""

from __future__ import annotations

import numpy as np

from models.kernels.draw import ZERO, Float32s
from models.kernels.jit import inlined


@inlined
def copy_to(source: Float32s, target: Float32s) -> None:
    """The whole source to the beginning of the target."""
    for j in range(source.shape[0]):
        target[j] = source[j]


@inlined
def copy_to_rows(source: Float32s, targets: Float32s) -> None:
    """The whole source to the beginning of each row."""
    for i in range(targets.shape[0]):
        for j in range(source.shape[0]):
            targets[i, j] = source[j]


@inlined
def add_to(source: Float32s, target: Float32s) -> None:
    for j in range(source.shape[0]):
        target[j] += source[j]


@inlined
def rectify(source: Float32s, target: Float32s) -> None:
    """As much of the source as fills the target; the two may be the same."""
    for j in range(target.shape[0]):
        target[j] = max(source[j], ZERO)


@inlined
def dot(a: Float32s, b: Float32s, size: int) -> np.float32:
    """The product of the first numbers of two vectors."""
    total = ZERO
    for j in range(size):
        total += a[j] * b[j]
    return total
