"""The walk of a Transformer as one kernel: what ``models.networks.transformer`` computes, one position at a time.

The time goes into streaming the weights, see ``models.kernels.matrix``: a position needs each of them once. Keys and
values lie in rings as in ``CachedTransformer``.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from models.chain import Symbols
from models.kernels.attention import Turn, attend, find_turn, turn_heads
from models.kernels.draw import HALF, ONE, ZERO, fast_tanh
from models.kernels.jit import inlined, kernel
from models.kernels.layers import pack_product
from models.kernels.matrix import Weights as Packed
from models.kernels.matrix import add_product, outputs_of
from models.kernels.rings import Positions, RingDecoder, move_past
from models.kernels.vectors import dot
from models.kernels.walk import Block, Float32s, Float64s, array, rows_of, steps, take, walk_tiny
from models.layers.rotary import speeds
from models.model import ModelSpec
from models.networks.transformer import NORM_FLOOR, Transformer
from models.networks.transformer import Block as Layer
from models.text import Characters, TextChain

GELU_SCALE, GELU_CUBE = np.float32(math.sqrt(2 / math.pi)), np.float32(0.044715)


class Weights(NamedTuple):
    """The network: L blocks, C channels in H heads. Matrices are packed, (…, tiles, in, outputs of a tile)."""

    heads: int
    context: int
    embedding: Float32s
    """(levels + 1, C): the last is before the first symbol."""
    speeds: Float64s
    """(d / 2)"""
    ask: Packed
    """L times C to 3 C, of which the queries are divided by the root of d."""
    hear: Packed
    """L times C to C."""
    widen: Packed
    narrow: Packed
    out: Packed
    """C to levels + 1."""


PRODUCTS = ("ask", "hear", "widen", "narrow", "out")
"""The weights among these that each step reads."""


class Rings(NamedTuple):
    """What a walk remembers."""

    keys: Float32s
    """(B, L, ring, C), as the values."""
    values: Float32s


class Scratch(NamedTuple):
    """Room for one position. What a product adds to has room for whole tiles."""

    stream: Float32s
    normed: Float32s
    """(C)"""
    asked: Float32s
    heard: Float32s
    """(C)"""
    wide: Float32s
    outputs: Float32s
    turn: Turn
    scores: Float64s
    """(context)"""


@inlined
def _norm(x: Float32s, normed: Float32s) -> None:
    size = normed.shape[0]
    scale = ONE / np.float32(math.sqrt(dot(x, x, size) / np.float32(size) + np.float32(NORM_FLOOR)))
    for c in range(size):
        normed[c] = x[c] * scale


@inlined
def _compute(
    weights: Weights,
    rings: Rings,
    positions: Positions,
    conditions: Float32s,
    known: Symbols,
    row: int,
    position: int,
    scratch: Scratch,
) -> None:
    """The stream behind the last block at a position of a row."""
    width, ring = weights.embedding.shape[1], rings.keys.shape[2]
    symbol = weights.embedding.shape[0] - 1 if position == 0 else known[position - 1]
    x = scratch.stream
    x[:] = ZERO
    for c in range(width):
        x[c] = weights.embedding[symbol, c] + conditions[row, c]
    find_turn(weights.speeds, position, scratch.turn)
    first = max(positions.first[row], position + 1 - weights.context)
    for layer in range(rings.keys.shape[1]):
        keys, values = rings.keys[row, layer], rings.values[row, layer]
        _norm(x, scratch.normed)
        scratch.asked[:] = ZERO
        add_product(weights.ask[layer], scratch.normed, scratch.asked)
        for c in range(width):
            values[position % ring, c] = scratch.asked[2 * width + c]
        turn_heads(scratch.asked, scratch.turn, scratch.normed)
        turn_heads(scratch.asked[width:], scratch.turn, keys[position % ring])
        attend(weights.heads, scratch.normed, keys, values, first, position + 1, scratch.scores, scratch.heard)
        add_product(weights.hear[layer], scratch.heard, x)
        _norm(x, scratch.normed)
        scratch.wide[:] = ZERO
        add_product(weights.widen[layer], scratch.normed, scratch.wide)
        for c in range(scratch.wide.shape[0]):
            z = scratch.wide[c]
            scratch.wide[c] = HALF * z * (ONE + fast_tanh(GELU_SCALE * (z + GELU_CUBE * z * z * z)))
        add_product(weights.narrow[layer], scratch.wide, x)
    move_past(positions, row, position, ring)


@kernel
def _walk(weights: Weights, rings: Rings, positions: Positions, conditions: Float32s, block: Block) -> None:
    """conditions: (B, C), added to every embedding."""
    width, half = weights.embedding.shape[1], weights.speeds.shape[0]
    scratch = Scratch(
        stream=np.empty(outputs_of(weights.hear[0]), np.float32),
        normed=np.empty(width, np.float32),
        asked=np.empty(outputs_of(weights.ask[0]), np.float32),
        heard=np.empty(width, np.float32),
        wide=np.empty(outputs_of(weights.widen[0]), np.float32),
        outputs=np.empty(outputs_of(weights.out), np.float32),
        turn=Turn(np.empty(half, np.float32), np.empty(half, np.float32)),
        scores=np.empty(weights.context, np.float64),
    )
    for row in range(block.symbols.shape[0]):
        for i in range(steps(block, row)):
            step = block.start + i
            for position in range(min(positions.at[row], step), step + 1):
                _compute(weights, rings, positions, conditions, block.symbols[row], row, position, scratch)
            _norm(scratch.stream, scratch.normed)
            scratch.outputs[:] = ZERO
            add_product(weights.out, scratch.normed, scratch.outputs)
            for k in range(block.logits.shape[0]):
                block.logits[k] = scratch.outputs[k]
            if not take(block, row, i):
                break


class CompiledTransformer(RingDecoder):
    """Keys and values of the last positions of every row."""

    model: Transformer

    @torch.inference_mode()
    def __init__(self, model: Transformer, condition: Tensor) -> None:
        config = model.config
        super().__init__(model, condition, config.context, model.receptive_field)
        layers = [cast(Layer, block) for block in model.blocks]
        depth = config.width // config.heads
        scaled = torch.ones(3 * config.width, 1)
        scaled[: config.width] /= math.sqrt(depth)
        self._weights = Weights(
            heads=config.heads,
            context=config.context,
            embedding=array(model.embedding.weight),
            speeds=speeds(depth // 2).numpy(),
            ask=pack_product([layer.ask.weight * scaled for layer in layers]),
            hear=pack_product([layer.hear.weight for layer in layers]),
            widen=pack_product([layer.widen.weight for layer in layers]),
            narrow=pack_product([layer.narrow.weight for layer in layers]),
            out=pack_product([model.out.weight])[0],
        )
        self.step_bytes = sum(getattr(self._weights, name).nbytes for name in PRODUCTS)
        self._conditions = array(model.condition(condition))
        shape = (self.rows, config.layers, 2 * config.context, config.width)
        self._rings = Rings(np.zeros(shape, np.float32), np.zeros(shape, np.float32))

    def _follow(self, block: Block) -> None:
        _walk(self._weights, self._rings, self._positions, self._conditions, block)

    def _select_rings(self, rows: list[int]) -> None:
        self._rings = rows_of(self._rings, rows)
        self._conditions = self._conditions[rows]


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size."""
    chain = TextChain(Characters(2, False, "ab"), default_length=4, max_length=4)
    sizes = {"layers": 1, "width": 2, "heads": 1, "context": 2, "dropout": 0.0}
    model = Transformer(ModelSpec(Transformer.architecture, chain, (), sizes))
    walk_tiny(CompiledTransformer(model, model.condition_tensor({})))
