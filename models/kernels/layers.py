"""The linear layers and norms of a network, as kernels read them: out of torch, and on one vector at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
from torch import Tensor, nn
from torch.nn import Module

from models.kernels.draw import ONE, ZERO
from models.kernels.jit import inlined
from models.kernels.matrix import Weights as Packed
from models.kernels.matrix import add_product, bfloat16, outputs_of, pack, pad, tile_of
from models.kernels.vectors import copy_to
from models.kernels.walk import Float32s, array

NORM_FLOOR = nn.LayerNorm(1).eps
"""Of a variance: what torch adds to it."""


def pack_product(weights: Sequence[Tensor], rounded: bool = False) -> Packed:
    """Weights of one shape (out, in) each, to (n, tiles, in, outputs of a tile): tiles as wide as the outputs fill."""
    packed = pack(np.stack([array(matrix.T) for matrix in weights]), tile_of(weights[0].shape[0]))
    return bfloat16(packed) if rounded else packed


def pack_layers(layers: Iterable[Module], rounded: bool = False) -> tuple[Packed, Float32s]:
    """The weights of n linear layers of one shape, and their biases, each as long as what its products add to."""
    found = [cast(nn.Linear, layer) for layer in layers]
    packed = pack_product([layer.weight for layer in found], rounded)
    return packed, pad(np.stack([array(layer.bias) for layer in found]), outputs_of(packed[0]))


def pack_layer(layer: Module, rounded: bool = False) -> tuple[Packed, Float32s]:
    """The same of one."""
    weights, biases = pack_layers([layer], rounded)
    return weights[0], biases[0]


def pack_norms(norms: Iterable[Module]) -> Float32s:
    """Gains and biases (n, 2, C) of n norms over C channels."""
    return np.stack([[array(norm.weight), array(norm.bias)] for norm in (cast(nn.LayerNorm, each) for each in norms)])


@inlined
def multiply(weights: Packed, bias: Float32s, x: Float32s, outputs: Float32s) -> None:
    """A linear layer. outputs: with room for whole tiles, as the bias is long."""
    copy_to(bias, outputs)
    add_product(weights, x, outputs)


@inlined
def normalise(x: Float32s, norm: Float32s, normed: Float32s) -> None:
    """A norm (2, C) over the first C numbers of x; normed may be the same array."""
    size = norm.shape[1]
    mean = ZERO
    for c in range(size):
        mean += x[c]
    mean /= np.float32(size)
    variance = ZERO
    for c in range(size):
        variance += (x[c] - mean) * (x[c] - mean)
    scale = ONE / np.float32(math.sqrt(variance / np.float32(size) + np.float32(NORM_FLOOR)))
    for c in range(size):
        normed[c] = (x[c] - mean) * scale * norm[0, c] + norm[1, c]


@inlined
def look_back(features: Float32s, row: int, column: int, size: int, patch: Float32s) -> None:
    """What a masked convolution at a pixel sees: features (H + size // 2, W + size - 1, C) to patch (taps * C,)."""
    reach, channels = size // 2, features.shape[2]
    at = 0
    for r in range(reach + 1):
        for c in range(size if r < reach else reach + 1):
            copy_to(features[row + r, column + c], patch[at:])
            at += channels
