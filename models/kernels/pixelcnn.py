"""The PixelCNN's walk as one kernel: what ``models.networks.pixelcnn`` computes, only where it is new.

As in ``CachedPixelCNN``, the layers are computed at one pixel at a time, and what they see of others is kept by its
place. Of a colour image, a pixel is computed once for each colour, its last time with all that later ones will see.

Outputs of a product are padded by zeros to what ``models.kernels.matrix`` packs; inputs are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from models.chain import GreyLevels, ImageChain
from models.kernels.jit import inlined, kernel
from models.kernels.layers import look_back
from models.kernels.matrix import add_product, pack, pad_to_tiles
from models.kernels.vectors import copy_to, rectify
from models.kernels.walk import Block, CompiledDecoder, Float32s, Int64s, array, rows_of, steps, take, walk_tiny
from models.layers.masked_convolution import FIRST, MaskedConv2d
from models.model import ModelSpec
from models.networks.pixelcnn import PixelCNN, ResidualBlock


class Weights(NamedTuple):
    """Packed products with their padded biases; those of the blocks and of the output's colours are stacked.

    levels: (K,), symbols as intensities.
    """

    levels: Float32s
    first: Float32s
    first_bias: Float32s
    narrow: Float32s
    narrow_bias: Float32s
    spread: Float32s
    widen: Float32s
    widen_bias: Float32s
    head: Float32s
    head_bias: Float32s
    out: Float32s
    out_bias: Float32s


class State(NamedTuple):
    """seen: (B,), symbols that are in the planes. done: (B,), steps whose pixels were computed.

    spread_bias: (B, blocks, padded half), with the condition. planes: (B, H …, W …, colours), intensities, and inner:
    (B, blocks, H …, W …, half), what 3 x 3 convolutions see, with the zeros around that they pad with.
    """

    seen: Int64s
    done: Int64s
    spread_bias: Float32s
    planes: Float32s
    inner: Float32s


class Scratch(NamedTuple):
    """Space for intermediate results, of no meaning between steps."""

    patch: Float32s
    x: Float32s
    rectified: Float32s
    narrow: Float32s
    hidden: Float32s
    logits: Float32s


@inlined
def _pixel(weights: Weights, state: State, scratch: Scratch, sample: int, row: int, column: int) -> None:
    """All blocks at a pixel, with the colours that it has; their sum is left in ``scratch.x``."""
    x, narrow, rectified = scratch.x, scratch.narrow, scratch.rectified
    channels, half = rectified.shape[0], state.inner.shape[4]
    look_back(state.planes[sample], row, column, FIRST, scratch.patch)
    copy_to(weights.first_bias, x)
    add_product(weights.first, scratch.patch[: weights.first.shape[1]], x)
    for block in range(state.inner.shape[1]):
        rectify(x, rectified)
        copy_to(weights.narrow_bias[block], narrow)
        add_product(weights.narrow[block], rectified, narrow)
        rectify(narrow, state.inner[sample, block, row + 1, column + 1])
        look_back(state.inner[sample, block], row, column, 3, scratch.patch)
        copy_to(state.spread_bias[sample, block], narrow)
        add_product(weights.spread[block], scratch.patch[: weights.spread.shape[2]], narrow)
        rectify(narrow, rectified[:half])
        for j in range(channels):
            x[j] += weights.widen_bias[block, j]
        add_product(weights.widen[block], rectified[:half], x)


@inlined
def _head(weights: Weights, scratch: Scratch, colour: int) -> None:
    """The logits of one colour of the pixel that was just computed."""
    rectify(scratch.x, scratch.rectified)
    copy_to(weights.head_bias, scratch.hidden)
    add_product(weights.head, scratch.rectified, scratch.hidden)
    rectify(scratch.hidden, scratch.hidden)
    copy_to(weights.out_bias[colour], scratch.logits)
    add_product(weights.out[colour], scratch.hidden[: weights.out.shape[2]], scratch.logits)


@kernel
def _walk(weights: Weights, state: State, scratch: Scratch, width: int, block: Block) -> None:
    colours = state.planes.shape[3]
    reach = FIRST // 2
    for sample in range(block.symbols.shape[0]):
        known = block.symbols[sample]
        for i in range(steps(block, sample)):
            step = block.start + i
            for now in range(state.seen[sample], step + 1):
                row, column, colour = now // colours // width, now // colours % width, now % colours
                if now == step or (colour == colours - 1 and now >= state.done[sample]):
                    _pixel(weights, state, scratch, sample, row, column)
                if now < step:
                    state.planes[sample, reach + row, reach + column, colour] = weights.levels[known[now]]
            state.seen[sample] = step
            state.done[sample] = step + 1
            _head(weights, scratch, step % colours)
            for k in range(block.logits.shape[0]):
                block.logits[k] = scratch.logits[k]
            if not take(block, sample, i):
                break


def _pack(model: PixelCNN) -> Weights:
    def products(layers: Iterable[MaskedConv2d]) -> tuple[Float32s, Float32s]:
        """Packed weights and padded biases of layers of one size, stacked."""
        weights, biases = zip(*(layer.causal() for layer in layers), strict=True)
        return pack(array(torch.stack(weights))), pad_to_tiles(array(torch.stack(biases)))

    blocks = [cast(ResidualBlock, block) for block in model.blocks]
    first, first_bias = products([model.first])
    narrow, narrow_bias = products(block.narrow for block in blocks)
    spread, _ = products(block.spread for block in blocks)
    widen, widen_bias = products(block.widen for block in blocks)
    head, head_bias = products([model.head])
    out, out_bias = model.out.causal()
    colours, size = model.image_chain.channels, model.chain.alphabet.size
    levels = torch.arange(size, dtype=torch.float32)
    return Weights(
        levels=array(levels * (2 / (model.chain.alphabet.levels - 1)) - 1),
        first=first[0],
        first_bias=first_bias[0],
        narrow=narrow,
        narrow_bias=narrow_bias,
        spread=spread,
        widen=widen,
        widen_bias=widen_bias,
        head=head[0],
        head_bias=head_bias[0],
        out=pack(array(out.reshape(-1, colours, size).swapaxes(0, 1))),
        out_bias=pad_to_tiles(array(out_bias.reshape(colours, size))),
    )


class CompiledPixelCNN(CompiledDecoder):
    """What the layers of every sample see of other pixels."""

    @torch.inference_mode()
    def __init__(self, model: PixelCNN, condition: Tensor) -> None:
        super().__init__(model, condition)
        chain, half, reach = model.image_chain, model.config.channels // 2, FIRST // 2
        height, width, blocks = chain.height, chain.width, model.config.blocks
        self._width = width
        self._weights = _pack(model)
        own_bias = torch.stack([cast(ResidualBlock, block).spread.causal()[1] for block in model.blocks])
        self._state = State(
            seen=np.zeros(self.rows, np.int64),
            done=np.zeros(self.rows, np.int64),
            spread_bias=pad_to_tiles(array(own_bias + model.block_biases(condition))),
            planes=np.zeros((self.rows, height + reach, width + 2 * reach, chain.channels), np.float32),
            inner=np.zeros((self.rows, blocks, height + 1, width + 2, half), np.float32),
        )

    def _walk(self, block: Block) -> None:
        weights, half = self._weights, self._state.inner.shape[-1]
        scratch = Scratch(
            patch=np.empty(max(weights.first.shape[1], weights.spread.shape[2]), np.float32),
            x=np.empty_like(weights.first_bias),
            rectified=np.empty(2 * half, np.float32),
            narrow=np.empty_like(weights.narrow_bias[0]),
            hidden=np.empty_like(weights.head_bias),
            logits=np.empty_like(weights.out_bias[0]),
        )
        _walk(weights, self._state, scratch, self._width, block)

    def _rewind(self, step: int) -> None:
        for progress in (self._state.seen, self._state.done):
            np.minimum(progress, step, out=progress)

    def _select(self, rows: list[int]) -> None:
        self._state = rows_of(self._state, rows)


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size of network."""
    sizes = {"channels": 2, "blocks": 1, "head": 1}
    model = PixelCNN(ModelSpec(PixelCNN.architecture, ImageChain(GreyLevels(2), 2, 2), (), sizes))
    walk_tiny(CompiledPixelCNN(model, model.condition_tensor({})))
