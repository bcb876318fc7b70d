"""ByteNet's decoder as one kernel: what ``models.networks.bytenet`` computes, one character at a time.

The encoder's columns come from the network, once. A character then costs the products of each block, and three taps
that are found in a ring: the same wherever it stands in the text.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from models.chain import Symbols
from models.kernels.draw import ZERO
from models.kernels.jit import inlined, kernel
from models.kernels.layers import multiply, normalise, pack_layer, pack_layers, pack_norms
from models.kernels.matrix import Weights as Packed
from models.kernels.matrix import add_product, outputs_of
from models.kernels.rings import Positions, RingDecoder, move_past
from models.kernels.source import encoded_alone
from models.kernels.vectors import add_to, copy_to, rectify
from models.kernels.walk import Block, Float32s, Int64s, array, steps, take, walk_tiny
from models.model import ModelSpec
from models.networks.bytenet import ByteNet, ResidualBlock
from models.source_text import Text
from models.text import Characters, TextChain


class Weights(NamedTuple):
    """The network: L blocks of d channels, 2 d between them. Matrices are packed, (…, tiles, in, outputs of a tile)."""

    embedding: Float32s
    """(K + 1, 2d): the last is before the first symbol."""
    dilations: Int64s
    """(L)"""
    outer_norms: Float32s
    """(L + 1, 2, 2d): of the path between the blocks, at last before the head."""
    seen_norms: Float32s
    """(L, 2, d), as the next."""
    hidden_norms: Float32s
    narrow: Packed
    """L times 2d to d, with biases, as all that follow."""
    narrow_bias: Float32s
    convolution: Packed
    """L times 3d to d."""
    convolution_bias: Float32s
    widen: Packed
    """L times d to 2d."""
    widen_bias: Float32s
    head: Packed
    """2d to 2d."""
    head_bias: Float32s
    out: Packed
    """2d to K."""
    out_bias: Float32s


PRODUCTS = ("narrow", "convolution", "widen", "head", "out")
"""The weights among these that each step reads."""


class Scratch(NamedTuple):
    """Room for one position. What a product adds to has room for whole tiles."""

    stream: Float32s
    """What runs past the blocks."""
    wide: Float32s
    """(2d)"""
    taps: Float32s
    """(3d), of which the last d are of the position itself."""
    units: Float32s
    inner: Float32s
    outputs: Float32s


@inlined
def _compute(
    weights: Weights,
    rings: Float32s,
    positions: Positions,
    columns: Float32s,
    known: Symbols,
    row: int,
    position: int,
    scratch: Scratch,
) -> None:
    """The stream behind the last block at a position of a row. rings: (B, L, ring, d)."""
    ring, channels = rings.shape[2], rings.shape[3]
    symbol = weights.embedding.shape[0] - 1 if position == 0 else known[position - 1]
    x = scratch.stream
    copy_to(weights.embedding[symbol], x)
    if position < columns.shape[1]:
        add_to(columns[row, position], x)
    seen = scratch.taps[2 * channels :]
    for layer in range(weights.dilations.shape[0]):
        normalise(x, weights.outer_norms[layer], scratch.wide)
        rectify(scratch.wide, scratch.wide)
        multiply(weights.narrow[layer], weights.narrow_bias[layer], scratch.wide, scratch.units)
        normalise(scratch.units, weights.seen_norms[layer], seen)
        rectify(seen, seen)
        for tap in range(2):
            ago = (2 - tap) * weights.dilations[layer]
            place = rings[row, layer, (position - ago) % ring]
            is_there = position - ago >= positions.first[row]
            for c in range(channels):
                scratch.taps[tap * channels + c] = place[c] if is_there else ZERO
        copy_to(seen, rings[row, layer, position % ring])
        multiply(weights.convolution[layer], weights.convolution_bias[layer], scratch.taps, scratch.units)
        normalise(scratch.units, weights.hidden_norms[layer], scratch.inner)
        rectify(scratch.inner, scratch.inner)
        add_to(weights.widen_bias[layer], x)
        add_product(weights.widen[layer], scratch.inner, x)
    move_past(positions, row, position, ring)


@kernel
def _walk(weights: Weights, rings: Float32s, positions: Positions, columns: Float32s, block: Block) -> None:
    """columns: (B, W, 2d), of the source."""
    channels = rings.shape[3]
    scratch = Scratch(
        stream=np.zeros(outputs_of(weights.widen[0]), np.float32),
        wide=np.empty(2 * channels, np.float32),
        taps=np.empty(3 * channels, np.float32),
        units=np.empty(outputs_of(weights.narrow[0]), np.float32),
        inner=np.empty(channels, np.float32),
        outputs=np.empty(max(outputs_of(weights.head), outputs_of(weights.out)), np.float32),
    )
    for row in range(block.symbols.shape[0]):
        for i in range(steps(block, row)):
            step = block.start + i
            for position in range(min(positions.at[row], step), step + 1):
                _compute(weights, rings, positions, columns, block.symbols[row], row, position, scratch)
            normalise(scratch.stream, weights.outer_norms[weights.dilations.shape[0]], scratch.wide)
            rectify(scratch.wide, scratch.wide)
            multiply(weights.head, weights.head_bias, scratch.wide, scratch.outputs)
            rectify(scratch.outputs, scratch.wide)
            multiply(weights.out, weights.out_bias, scratch.wide, scratch.outputs)
            for k in range(block.logits.shape[0]):
                block.logits[k] = scratch.outputs[k]
            if not take(block, row, i):
                break


class CompiledByteNet(RingDecoder):
    """The columns, and of each block what its taps see of the last positions of every row."""

    model: ByteNet

    @torch.inference_mode()
    def __init__(self, model: ByteNet, condition: Tensor) -> None:
        dilations = model.config.decoder
        super().__init__(model, condition, 1 + 2 * max(dilations), model.receptive_field)
        blocks = [cast(ResidualBlock, block) for block in model.decoder]
        outer, seen, hidden = ([block.norms[n] for block in blocks] for n in range(3))
        narrow, narrow_bias = pack_layers(block.narrow for block in blocks)
        convolution, convolution_bias = pack_layers(block.convolution for block in blocks)
        widen, widen_bias = pack_layers(block.widen for block in blocks)
        head, head_bias = pack_layer(model.head)
        out, out_bias = pack_layer(model.out)
        self._weights = Weights(
            embedding=array(model.target_embedding.weight),
            dilations=np.array(dilations, np.int64),
            outer_norms=pack_norms([*outer, model.norm]),
            seen_norms=pack_norms(seen),
            hidden_norms=pack_norms(hidden),
            narrow=narrow,
            narrow_bias=narrow_bias,
            convolution=convolution,
            convolution_bias=convolution_bias,
            widen=widen,
            widen_bias=widen_bias,
            head=head,
            head_bias=head_bias,
            out=out,
            out_bias=out_bias,
        )
        self.step_bytes = sum(getattr(self._weights, name).nbytes for name in PRODUCTS)
        self._columns = array(encoded_alone(lambda text: model.columns_of(text)[0], condition))
        self._rings = np.zeros((self.rows, len(blocks), 2 * self._look, model.config.channels), np.float32)

    def _follow(self, block: Block) -> None:
        _walk(self._weights, self._rings, self._positions, self._columns, block)

    def _select_rings(self, rows: list[int]) -> None:
        self._rings, self._columns = self._rings[rows], self._columns[rows]


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size."""
    chain = TextChain(Characters(2, False, "ab"), default_length=4, max_length=4)
    sizes = {"channels": 1, "encoder": [1], "decoder": [1], "slope": 1.0, "offset": 1.0}
    model = ByteNet(ModelSpec(ByteNet.architecture, chain, (Text("source", "ab", 1, "a"),), sizes))
    walk_tiny(CompiledByteNet(model, model.condition_tensor({})))
