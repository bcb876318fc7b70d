"""The Transformer's decoder as one kernel: what ``models.networks.translation_transformer`` computes, a character at a
time.

The encoder's part, and the keys and values that each layer finds in the source, come from the network, once. Those of
what is written lie in rings that never go round, and grow with the text.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.chain import Symbols
from models.kernels.attention import Turn, attend, find_turn, turn_heads
from models.kernels.jit import inlined, kernel
from models.kernels.layers import multiply, normalise, pack_layer, pack_layers, pack_norms, pack_product
from models.kernels.matrix import Weights as Packed
from models.kernels.matrix import add_product, outputs_of
from models.kernels.rings import EVER, Positions, RingDecoder, move_past
from models.kernels.source import encoded_alone
from models.kernels.vectors import add_to, copy_to, rectify
from models.kernels.walk import Block, Float32s, Float64s, Int64s, array, rows_of, steps, take, walk_tiny
from models.layers.rotary import speeds
from models.model import ModelSpec
from models.networks.translation_transformer import TranslationTransformer
from models.source_text import Text
from models.text import Characters, TextChain

FIRST_ROOM = 256
"""Positions that there is room for at first: more than a sentence takes. It doubles, all at once."""


class Weights(NamedTuple):
    """The network: L layers of C channels in H heads. Matrices are packed, (…, tiles, in, outputs of a tile).

    All queries are divided by the root of a head's channels.
    """

    heads: int
    embedding: Float32s
    """(K + 1, C): the last is before the first symbol."""
    speeds: Float64s
    """Of the angles, see ``models.layers.rotary``."""
    norms: Float32s
    """(3 L + 1, 2, C): of each layer before its three parts, and the last one."""
    ask: Packed
    """L times C to 3 C: queries, keys and values."""
    hear: Packed
    """L times C to C, with biases."""
    hear_bias: Float32s
    ask_source: Packed
    """L times C to C."""
    hear_source: Packed
    """The same, with biases, as all that follow."""
    hear_source_bias: Float32s
    widen: Packed
    """L times C to the hidden units."""
    widen_bias: Float32s
    narrow: Packed
    narrow_bias: Float32s
    out: Packed
    """C to K."""
    out_bias: Float32s


PRODUCTS = ("ask", "hear", "ask_source", "hear_source", "widen", "narrow", "out")
"""The weights among these that each step reads."""


class Source(NamedTuple):
    """What the layers look at of the source texts."""

    keys: Float32s
    """(B, L, S, C), as the values."""
    values: Float32s
    places: Int64s
    """(B): how many of the S each text has, its end among them."""


class Rings(NamedTuple):
    """What the layers look at of what is written."""

    keys: Float32s
    """(B, L, room, C), as the values."""
    values: Float32s


class Scratch(NamedTuple):
    """Room for one position. What a product adds to has room for whole tiles."""

    stream: Float32s
    normed: Float32s
    """(C), as the next two."""
    queries: Float32s
    heard: Float32s
    asked: Float32s
    wide: Float32s
    outputs: Float32s
    turn: Turn
    scores: Float64s
    """As many as there are positions to be looked at."""


@inlined
def _compute(
    weights: Weights,
    source: Source,
    rings: Rings,
    positions: Positions,
    known: Symbols,
    row: int,
    position: int,
    scratch: Scratch,
) -> None:
    """The stream behind the last layer at a position of a row."""
    width = weights.embedding.shape[1]
    symbol = weights.embedding.shape[0] - 1 if position == 0 else known[position - 1]
    x, normed, queries, heard, turn = scratch.stream, scratch.normed, scratch.queries, scratch.heard, scratch.turn
    copy_to(weights.embedding[symbol], x)
    find_turn(weights.speeds, position, turn)
    for layer in range(rings.keys.shape[1]):
        keys, values = rings.keys[row, layer], rings.values[row, layer]
        normalise(x, weights.norms[3 * layer], normed)
        scratch.asked[:] = 0
        add_product(weights.ask[layer], normed, scratch.asked)
        turn_heads(scratch.asked, turn, queries)
        turn_heads(scratch.asked[width:], turn, keys[position])
        for c in range(width):
            values[position, c] = scratch.asked[2 * width + c]
        attend(weights.heads, queries, keys, values, 0, position + 1, scratch.scores, heard)
        add_to(weights.hear_bias[layer], x)
        add_product(weights.hear[layer], heard, x)

        normalise(x, weights.norms[3 * layer + 1], normed)
        scratch.asked[:] = 0
        add_product(weights.ask_source[layer], normed, scratch.asked)
        turn_heads(scratch.asked, turn, queries)
        keys, values = source.keys[row, layer], source.values[row, layer]
        attend(weights.heads, queries, keys, values, 0, source.places[row], scratch.scores, heard)
        add_to(weights.hear_source_bias[layer], x)
        add_product(weights.hear_source[layer], heard, x)

        normalise(x, weights.norms[3 * layer + 2], normed)
        multiply(weights.widen[layer], weights.widen_bias[layer], normed, scratch.wide)
        rectify(scratch.wide, scratch.wide)
        add_to(weights.narrow_bias[layer], x)
        add_product(weights.narrow[layer], scratch.wide, x)
    move_past(positions, row, position, rings.keys.shape[2])


@kernel
def _walk(weights: Weights, source: Source, rings: Rings, positions: Positions, block: Block) -> None:
    width, half = weights.embedding.shape[1], weights.speeds.shape[0]
    scratch = Scratch(
        stream=np.zeros(outputs_of(weights.hear[0]), np.float32),
        normed=np.empty(width, np.float32),
        queries=np.empty(width, np.float32),
        heard=np.empty(width, np.float32),
        asked=np.empty(outputs_of(weights.ask[0]), np.float32),
        wide=np.empty(outputs_of(weights.widen[0]), np.float32),
        outputs=np.empty(outputs_of(weights.out), np.float32),
        turn=Turn(np.empty(half, np.float32), np.empty(half, np.float32)),
        scores=np.empty(max(rings.keys.shape[2], source.keys.shape[2]), np.float64),
    )
    for row in range(block.symbols.shape[0]):
        for i in range(steps(block, row)):
            step = block.start + i
            for position in range(min(positions.at[row], step), step + 1):
                _compute(weights, source, rings, positions, block.symbols[row], row, position, scratch)
            normalise(scratch.stream, weights.norms[weights.norms.shape[0] - 1], scratch.normed)
            multiply(weights.out, weights.out_bias, scratch.normed, scratch.outputs)
            for k in range(block.logits.shape[0]):
                block.logits[k] = scratch.outputs[k]
            if not take(block, row, i):
                break


def _sources(model: TranslationTransformer, condition: Tensor) -> Source:
    """Of conditions (B, F)."""

    def encoded(text: Tensor) -> Tensor:
        """Keys and values (S, 2, L, C) of one."""
        pairs, _ = model.encoded(text)
        layers = [torch.stack([heads[0].transpose(0, 1).flatten(1) for heads in pair], 1) for pair in pairs]
        return torch.stack(layers, 2)

    keys, values = encoded_alone(encoded, condition).permute(2, 0, 3, 1, 4)
    return Source(array(keys), array(values), condition[:, 0].long().numpy() + 1)


def _rings(*shape: int) -> Rings:
    """Empty ones: memory is taken when it is written to."""
    return Rings(np.zeros(shape, np.float32), np.zeros(shape, np.float32))


class CompiledTranslationTransformer(RingDecoder):
    """Keys and values of the source, and of all that is written."""

    model: TranslationTransformer

    @torch.inference_mode()
    def __init__(self, model: TranslationTransformer, condition: Tensor) -> None:
        super().__init__(model, condition, EVER, EVER)
        config, layers = model.config, model.layers
        depth = config.channels // config.heads
        own, cross = [layer.attention for layer in layers], [layer.cross for layer in layers]
        hear, hear_bias = pack_layers(attention.out for attention in own)
        hear_source, hear_source_bias = pack_layers(attention.out for attention in cross)
        widen, widen_bias = pack_layers(layer.feed_forward.hidden for layer in layers)
        narrow, narrow_bias = pack_layers(layer.feed_forward.out for layer in layers)
        out, out_bias = pack_layer(model.out)
        queries, others = ([attention.query.weight / math.sqrt(depth) for attention in part] for part in (own, cross))
        self._weights = Weights(
            heads=config.heads,
            embedding=array(model.target_embedding.weight),
            speeds=speeds(depth // 2).numpy(),
            norms=pack_norms([*(norm for layer in layers for norm in layer.norms), model.norm]),
            ask=pack_product([torch.cat([q, each.key_value.weight]) for q, each in zip(queries, own, strict=True)]),
            hear=hear,
            hear_bias=hear_bias,
            ask_source=pack_product(others),
            hear_source=hear_source,
            hear_source_bias=hear_source_bias,
            widen=widen,
            widen_bias=widen_bias,
            narrow=narrow,
            narrow_bias=narrow_bias,
            out=out,
            out_bias=out_bias,
        )
        self.step_bytes = sum(getattr(self._weights, name).nbytes for name in PRODUCTS)
        self._source = _sources(model, condition)
        self._rings = _rings(self.rows, len(layers), FIRST_ROOM, config.channels)

    def _follow(self, block: Block) -> None:
        end, room = block.start + block.uniforms.shape[1] + 1, self._rings.keys.shape[2]
        if end > room:
            self._make_rings(list(range(self.rows)), max(end, 2 * room))
        _walk(self._weights, self._source, self._rings, self._positions, block)

    def _select_rings(self, rows: list[int]) -> None:
        self._source = rows_of(self._source, rows)
        self._make_rings(rows, self._rings.keys.shape[2])

    def _make_rings(self, rows: list[int], room: int) -> None:
        """Anew, with what is written of some rows."""
        before, used = self._rings, int(self._positions.at.max())
        _, layers, _, channels = before.keys.shape
        self._rings = _rings(len(rows), layers, room, channels)
        for old, new in zip(before, self._rings, strict=True):
            new[:, :, :used] = old[rows, :, :used]


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size."""
    chain = TextChain(Characters(2, False, "ab"), default_length=4, max_length=4)
    sizes = {"channels": 2, "heads": 1, "encoder": 1, "decoder": 1, "hidden": 1}
    spec = ModelSpec(TranslationTransformer.architecture, chain, (Text("source", "ab", 1, "a"),), sizes)
    model = TranslationTransformer(spec)
    walk_tiny(CompiledTranslationTransformer(model, model.condition_tensor({})))
