"""Positions that are told by turning queries and keys.

J. Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021 (arXiv:2104.09864), equation 15: a
query and a key are turned, in planes of two channels each, by angles that grow with their positions. Their product then
depends on how far apart the two are, and on nothing else: there is no last position.
"""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 1000.0
"""Of the speeds, which are its powers: the fastest angle is a radian a position, the slowest nearly a BASE-th of it."""


def speeds(half: int) -> Tensor:
    """By which angle each of some planes turns from a position to the next: float64 (half,)."""
    return BASE ** (-torch.arange(half, dtype=torch.float64) / half)


def turns(positions: Tensor, half: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, half) of the angles of positions (T,), which may be large: in float64 they keep digits."""
    angles = positions.double()[:, None] * speeds(half).to(positions.device)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def turned(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Queries or keys (…, T, d), turned in the planes of channel n and channel n + d / 2."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cosines - b * sines, a * sines + b * cosines], -1).to(x.dtype)
