"""The walk of a Transformer as one kernel: what ``models.networks.transformer`` computes, one position at a time.

The time goes into streaming the weights, see ``models.kernels.matrix``: a position needs each of them once. Keys and
values lie in rings as in ``CachedTransformer``, and after a rewind they are found there or filled in again by the same
rule, which each row follows by itself: one that does not take part stands still, and catches up when somebody looks.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from models.chain import Symbols
from models.kernels.draw import HALF, ONE, ZERO, fast_exp, fast_tanh
from models.kernels.jit import inlined, kernel
from models.kernels.matrix import add_product, outputs_of, pack, tile_of
from models.kernels.vectors import dot
from models.kernels.walk import Block, CompiledDecoder, Float32s, Float64s, Int64s, array, steps, take, walk_tiny
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
    ask: Float32s
    """L times C to 3 C, of which the queries are divided by the root of d."""
    hear: Float32s
    """L times C to C."""
    widen: Float32s
    narrow: Float32s
    out: Float32s
    """C to levels + 1."""


PRODUCTS = ("ask", "hear", "widen", "narrow", "out")
"""The weights among these that each step reads."""


class State(NamedTuple):
    """What a walk changes."""

    keys: Float32s
    """(B, L, ring, C), as the values."""
    values: Float32s
    first: Int64s
    """(B): the position that the rings were filled from, as the next two."""
    kept: Int64s
    """The first one that they still hold."""
    at: Int64s
    """The next one to be computed."""


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
    cosines: Float32s
    """(d / 2)"""
    sines: Float32s
    scores: Float64s
    """(context)"""


@inlined
def _norm(x: Float32s, normed: Float32s) -> None:
    size = normed.shape[0]
    scale = ONE / np.float32(math.sqrt(dot(x, x, size) / np.float32(size) + np.float32(NORM_FLOOR)))
    for c in range(size):
        normed[c] = x[c] * scale


@inlined
def _turn(x: Float32s, scratch: Scratch, turned: Float32s) -> None:
    """A query or key of one head (d,)."""
    half = scratch.cosines.shape[0]
    for n in range(half):
        a, b = x[n], x[half + n]
        turned[n] = a * scratch.cosines[n] - b * scratch.sines[n]
        turned[half + n] = a * scratch.sines[n] + b * scratch.cosines[n]


@inlined
def _attend(
    weights: Weights, keys: Float32s, values: Float32s, first: int, position: int, head: int, scratch: Scratch
) -> None:
    """What a head hears of the positions from ``first`` on. keys, values: (ring, C)."""
    size, ring = 2 * scratch.cosines.shape[0], keys.shape[0]
    start, count = head * size, position + 1 - first
    query, heard = scratch.normed[start : start + size], scratch.heard[start : start + size]
    highest = -math.inf
    for j in range(count):
        score = np.float64(dot(query, keys[(first + j) % ring, start : start + size], size))
        scratch.scores[j] = score
        highest = max(highest, score)
    for j in range(count):
        scratch.scores[j] = fast_exp(scratch.scores[j] - highest)
    total = 0.0
    for j in range(count):
        total += scratch.scores[j]
    for c in range(size):
        heard[c] = ZERO
    for j in range(count):
        share = np.float32(scratch.scores[j] / total)
        value = values[(first + j) % ring, start : start + size]
        for c in range(size):
            heard[c] += share * value[c]


@inlined
def _compute(
    weights: Weights, state: State, conditions: Float32s, known: Symbols, row: int, position: int, scratch: Scratch
) -> None:
    """The stream behind the last block at a position of a row."""
    width, half = weights.embedding.shape[1], weights.speeds.shape[0]
    symbol = weights.embedding.shape[0] - 1 if position == 0 else known[position - 1]
    x = scratch.stream
    x[:] = ZERO
    for c in range(width):
        x[c] = weights.embedding[symbol, c] + conditions[row, c]
    for n in range(half):
        angle = position * weights.speeds[n]
        scratch.cosines[n] = np.float32(math.cos(angle))
        scratch.sines[n] = np.float32(math.sin(angle))
    first = max(state.first[row], position + 1 - weights.context)
    slot = position % state.keys.shape[2]
    for layer in range(state.keys.shape[1]):
        keys, values = state.keys[row, layer], state.values[row, layer]
        _norm(x, scratch.normed)
        scratch.asked[:] = ZERO
        add_product(weights.ask[layer], scratch.normed, scratch.asked)
        for c in range(width):
            values[slot, c] = scratch.asked[2 * width + c]
        for head in range(weights.heads):
            start, end = 2 * half * head, 2 * half * (head + 1)
            _turn(scratch.asked[start:end], scratch, scratch.normed[start:end])
            _turn(scratch.asked[width + start : width + end], scratch, keys[slot, start:end])
        for head in range(weights.heads):
            _attend(weights, keys, values, first, position, head, scratch)
        add_product(weights.hear[layer], scratch.heard, x)
        _norm(x, scratch.normed)
        scratch.wide[:] = ZERO
        add_product(weights.widen[layer], scratch.normed, scratch.wide)
        for c in range(scratch.wide.shape[0]):
            z = scratch.wide[c]
            scratch.wide[c] = HALF * z * (ONE + fast_tanh(GELU_SCALE * (z + GELU_CUBE * z * z * z)))
        add_product(weights.narrow[layer], scratch.wide, x)
    state.at[row] = position + 1
    state.kept[row] = max(state.kept[row], position + 1 - state.keys.shape[2])


@kernel
def _walk(weights: Weights, state: State, conditions: Float32s, block: Block) -> None:
    """conditions: (B, C), added to every embedding."""
    width = weights.embedding.shape[1]
    scratch = Scratch(
        stream=np.empty(outputs_of(weights.hear[0]), np.float32),
        normed=np.empty(width, np.float32),
        asked=np.empty(outputs_of(weights.ask[0]), np.float32),
        heard=np.empty(width, np.float32),
        wide=np.empty(outputs_of(weights.widen[0]), np.float32),
        outputs=np.empty(outputs_of(weights.out), np.float32),
        cosines=np.empty(weights.speeds.shape[0], np.float32),
        sines=np.empty(weights.speeds.shape[0], np.float32),
        scores=np.empty(weights.context, np.float64),
    )
    for row in range(block.symbols.shape[0]):
        for i in range(steps(block, row)):
            step = block.start + i
            for position in range(min(state.at[row], step), step + 1):
                _compute(weights, state, conditions, block.symbols[row], row, position, scratch)
            _norm(scratch.stream, scratch.normed)
            scratch.outputs[:] = ZERO
            add_product(weights.out, scratch.normed, scratch.outputs)
            for k in range(block.logits.shape[0]):
                block.logits[k] = scratch.outputs[k]
            if not take(block, row, i):
                break


def _packed(weights: list[Tensor]) -> Float32s:
    """Weights of one shape (out, in) each, to (n, tiles, in, outputs of a tile)."""
    return pack(np.stack([array(matrix.T) for matrix in weights]), tile_of(len(weights[0])))


class CompiledTransformer(CompiledDecoder):
    """Keys and values of the last positions of every row."""

    model: Transformer

    @torch.inference_mode()
    def __init__(self, model: Transformer, condition: Tensor) -> None:
        super().__init__(model, condition)
        config = model.config
        layers = [cast(Layer, block) for block in model.blocks]
        depth = config.width // config.heads
        scaled = torch.ones(3 * config.width, 1)
        scaled[: config.width] /= math.sqrt(depth)
        self._weights = Weights(
            heads=config.heads,
            context=config.context,
            embedding=array(model.embedding.weight),
            speeds=speeds(depth // 2).numpy(),
            ask=_packed([layer.ask.weight * scaled for layer in layers]),
            hear=_packed([layer.hear.weight for layer in layers]),
            widen=_packed([layer.widen.weight for layer in layers]),
            narrow=_packed([layer.narrow.weight for layer in layers]),
            out=_packed([model.out.weight])[0],
        )
        self.step_bytes = sum(getattr(self._weights, name).nbytes for name in PRODUCTS)
        self._conditions = array(model.condition(condition))
        shape = (self.rows, config.layers, 2 * config.context, config.width)
        begun = (np.zeros(self.rows, np.int64) for _ in range(3))
        self._state = State(np.zeros(shape, np.float32), np.zeros(shape, np.float32), *begun)

    def _beginning(self, step: int) -> int:
        return max(0, step - self.model.refilled)

    def _begin(self, step: int) -> None:
        self._refill(np.arange(self.rows), step)

    def _refill(self, rows: Int64s, first: int) -> None:
        """As in ``CachedTransformer``, of some rows from a position on."""
        for each in (self._state.first, self._state.kept, self._state.at):
            each[rows] = first

    def _leave_behind(self, step: int) -> None:
        """Of rows that are far behind a step, what nothing from there on depends on."""
        self._refill(np.flatnonzero(step - self._state.at > self.model.refilled), self._beginning(step))

    def _walk(self, block: Block) -> None:
        self._leave_behind(block.start)
        _walk(self._weights, self._state, self._conditions, block)

    def _rewind(self, step: int) -> None:
        state = self._state
        held = state.kept <= max(0, step + 1 - self._weights.context)
        right = (state.first == 0) | (state.first <= step - self.model.receptive_field)
        np.minimum(state.at, step, out=state.at)
        self._refill(np.flatnonzero(~(held & right)), self._beginning(step))

    def back(self, step: int) -> None:
        self.rewind(step)
        self._leave_behind(step)
        self.step = min(step, int(self._state.at.min()))

    def _select(self, rows: list[int]) -> None:
        self._state = State._make(each[rows] for each in self._state)
        self._conditions = self._conditions[rows]


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size."""
    chain = TextChain(Characters(2, False, "ab"), default_length=4, max_length=4)
    sizes = {"layers": 1, "width": 2, "heads": 1, "context": 2, "dropout": 0.0}
    model = Transformer(ModelSpec(Transformer.architecture, chain, (), sizes))
    walk_tiny(CompiledTransformer(model, model.condition_tensor({})))
