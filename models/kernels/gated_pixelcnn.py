"""The Gated PixelCNN's walk as one kernel: what ``models.networks.gated_pixelcnn`` computes, only where it is new.

The vertical stack is computed a row at a time, when the row below it begins; the horizontal stack a pixel at a time;
the head, which is told the pixel's earlier colours, a colour at a time. What was computed is found by its position.

Channels are padded to a multiple of 32 by zeros, which stay zero: tanh(0) sigmoid(0) = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from models.chain import GreyLevels, ImageChain, Symbols
from models.kernels.draw import ZERO, fast_sigmoid, fast_tanh
from models.kernels.jit import inlined, kernel
from models.kernels.matrix import TILE, add_product, add_products, pack, pad, round_up
from models.kernels.vectors import add_to, copy_to, copy_to_rows, rectify
from models.kernels.walk import Block, CompiledDecoder, Float32s, Int64s, rows_of, steps, take, walk_tiny
from models.model import ModelSpec
from models.networks.gated_pixelcnn import GatedLayer, GatedPixelCNN

STALE = -1
"""Columns of a row whose input from the vertical stack is not there."""

ROW_TAPS = 2
COLUMN_TAPS = 3


class Weights(NamedTuple):
    """A network's weights, packed for products. C is padded; every matrix below the head has 2C outputs.

    first_vertical: from (row, column, plane). vertical: (layers, 6 taps …). vertical_to_horizontal: (layers …).
    horizontal: (layers, 2 taps …). out: (layers …), residual beside skip. levels: float32 (K,), symbols as intensity.
    head, logits: (colours …). tables: (colours - 1, K, colours, head), what each head is told of an earlier colour.
    """

    dilations: Int64s
    levels: Float32s
    first_vertical: Float32s
    first_vertical_bias: Float32s
    first_horizontal: Float32s
    first_horizontal_bias: Float32s
    vertical: Float32s
    vertical_to_horizontal: Float32s
    horizontal: Float32s
    out: Float32s
    out_bias: Float32s
    head: Float32s
    head_bias: Float32s
    tables: Float32s
    logits: Float32s
    logits_bias: Float32s


class State(NamedTuple):
    """What was computed of every sample. C is padded.

    progress: int64 (B, 2), rows that the vertical stack has been computed of, and columns that the horizontal stack
    has been computed of in the row below them. bias: (B, layers, 2, 2C), vertical before horizontal.
    vertical: (B, layers, H, W, C), every layer's input. from_above: (B, layers, W, 2C), the vertical stack's share in
    the present row. horizontal: (B, layers, W, C), every layer's input in the present row. skips: (B, C).
    """

    progress: Int64s
    bias: Float32s
    vertical: Float32s
    from_above: Float32s
    horizontal: Float32s
    skips: Float32s


class Scratch(NamedTuple):
    """Space for intermediate results, of no meaning between calls.

    patches: (W, inputs of the first vertical convolution). features: (W, 2C). sums: (2C,). hidden, logits: padded.
    """

    patches: Float32s
    features: Float32s
    sums: Float32s
    gates: Float32s
    hidden: Float32s
    logits: Float32s


@inlined
def _gate(features: Float32s, gates: Float32s) -> None:
    """Features (2C,) to gates (C,)."""
    channels = gates.shape[0]
    # A slice, since of an index channels + j it is not known whether it wraps, and the loop would be no vector's.
    filters, openings = features[:channels], features[channels:]
    for j in range(channels):
        gates[j] = fast_tanh(filters[j]) * fast_sigmoid(openings[j])


@inlined
def _vertical_row(
    weights: Weights, state: State, scratch: Scratch, symbols: Symbols, sample: int, row: int, width: int
) -> None:
    """The vertical stack at a row whose symbols are known, and its share in the row below."""
    _, layers, _, _, channels = state.vertical.shape
    colours = weights.head.shape[0]
    planes = colours + 1
    reach = weights.first_horizontal.shape[1] // planes
    patches, features = scratch.patches, scratch.features
    for column in range(width):
        for j in range(patches.shape[1]):
            patches[column, j] = ZERO
        for above in range(min(reach, row + 1)):
            for other in range(max(0, column - reach), min(width, column + reach + 1)):
                at = planes * ((reach - 1 - above) * (2 * reach + 1) + other - column + reach)
                pixel = (row - above) * width + other
                for colour in range(colours):
                    patches[column, at + colour] = weights.levels[symbols[pixel * colours + colour]]
                patches[column, at + colours] = 1
    copy_to_rows(weights.first_vertical_bias, features)
    add_products(weights.first_vertical, patches, features)
    for column in range(width):
        copy_to(features[column, :channels], state.vertical[sample, 0, row, column])
    for layer in range(layers):
        dilation = weights.dilations[layer]
        copy_to_rows(state.bias[sample, layer, 0], features)
        for tap in range(ROW_TAPS * COLUMN_TAPS):
            source = row - dilation if tap < COLUMN_TAPS else row
            shift = (tap % COLUMN_TAPS - 1) * dilation
            first, last = max(0, -shift), min(width, width - shift)
            if source >= 0 and first < last:
                inputs = state.vertical[sample, layer, source, first + shift : last + shift]
                add_products(weights.vertical[layer, tap], inputs, features[first:last])
        copy_to_rows(state.bias[sample, layer, 1], state.from_above[sample, layer])
        add_products(weights.vertical_to_horizontal[layer], features, state.from_above[sample, layer])
        if layer + 1 < layers:
            for column in range(width):
                _gate(features[column], state.vertical[sample, layer + 1, row, column])


@inlined
def _horizontal_pixel(
    weights: Weights, state: State, scratch: Scratch, symbols: Symbols, sample: int, row: int, column: int, width: int
) -> None:
    """The horizontal stack at a pixel whose row's earlier symbols are known."""
    _, layers, _, channels = state.horizontal.shape
    colours = weights.head.shape[0]
    planes = colours + 1
    reach = weights.first_horizontal.shape[1] // planes
    patch = scratch.patches[0]
    for j in range(planes * reach):
        patch[j] = ZERO
    for back in range(1, min(reach, column) + 1):
        at = planes * (reach - back)
        pixel = row * width + column - back
        for colour in range(colours):
            patch[at + colour] = weights.levels[symbols[pixel * colours + colour]]
        patch[at + colours] = 1
    sums = scratch.sums
    copy_to(weights.first_horizontal_bias, sums)
    add_product(weights.first_horizontal, patch, sums)
    if row > 0:
        add_to(state.vertical[sample, 0, row - 1, column], sums)
    features = scratch.features[0]
    for layer in range(layers):
        dilation = weights.dilations[layer]
        present = state.horizontal[sample, layer, column]
        copy_to(sums[:channels], present)
        copy_to(state.from_above[sample, layer, column], features)
        if column >= dilation:
            add_product(weights.horizontal[layer, 0], state.horizontal[sample, layer, column - dilation], features)
        add_product(weights.horizontal[layer, 1], present, features)
        _gate(features, scratch.gates)
        add_to(weights.out_bias[layer], sums)
        add_product(weights.out[layer], scratch.gates, sums)
    copy_to(sums[channels:], state.skips[sample])


@inlined
def _head(weights: Weights, state: State, scratch: Scratch, symbols: Symbols, sample: int, step: int) -> None:
    """The logits of a step in the last pixel that the horizontal stack has been computed of."""
    colour = step % weights.head.shape[0]
    rectify(state.skips[sample], scratch.gates)
    copy_to(weights.head_bias[colour], scratch.hidden)
    add_product(weights.head[colour], scratch.gates, scratch.hidden)
    for earlier in range(colour):
        add_to(weights.tables[earlier, symbols[step - colour + earlier], colour], scratch.hidden)
    rectify(scratch.hidden, scratch.hidden)
    copy_to(weights.logits_bias[colour], scratch.logits)
    add_product(weights.logits[colour], scratch.hidden, scratch.logits)


@kernel
def _walk(weights: Weights, state: State, scratch: Scratch, block: Block) -> None:
    width = state.vertical.shape[3]
    colours = weights.head.shape[0]
    for sample in range(block.symbols.shape[0]):
        known = block.symbols[sample]
        progress = state.progress[sample]
        for i in range(steps(block, sample)):
            step = block.start + i
            row, column = step // colours // width, step // colours % width
            if row == 0 and progress[1] == STALE:
                for layer in range(state.bias.shape[1]):
                    copy_to_rows(state.bias[sample, layer, 1], state.from_above[sample, layer])
                progress[1] = 0
            while progress[0] < row:
                _vertical_row(weights, state, scratch, known, sample, progress[0], width)
                progress[0] += 1
                progress[1] = 0
            while progress[1] <= column:
                _horizontal_pixel(weights, state, scratch, known, sample, row, progress[1], width)
                progress[1] += 1
            _head(weights, state, scratch, known, sample, step)
            for k in range(block.logits.shape[0]):
                block.logits[k] = scratch.logits[k]
            if not take(block, sample, i):
                break


_packed: WeakKeyDictionary[GatedPixelCNN, tuple[tuple[tuple[int, int], ...], Weights]] = WeakKeyDictionary()


def packed_weights(model: GatedPixelCNN) -> Weights:
    """A network's weights, packed once and again only after they have changed."""
    state = tuple((p.data_ptr(), 0 if p.is_inference() else p._version) for p in model.parameters())
    if model not in _packed or _packed[model][0] != state:
        _packed[model] = state, _pack_weights(model)
    return _packed[model][1]


def _pack_weights(model: GatedPixelCNN) -> Weights:
    channels, head = model.config.channels, model.config.head
    colours, size = model.image_chain.channels, model.chain.alphabet.size
    padded = _padded_channels(model)
    hidden = round_up(head, TILE)

    def array(tensor: Tensor) -> Float32s:
        result: Float32s = tensor.detach().cpu().float().numpy()
        return result

    def halves(x: Float32s) -> Float32s:
        """(…, 2C) to its padded halves (…, 2C)."""
        return pad(x.reshape(*x.shape[:-1], 2, channels), padded).reshape(*x.shape[:-1], 2 * padded)

    def matrix(convolution: torch.nn.Module, outputs: Callable[[Float32s], Float32s]) -> Float32s:
        """The weights (out, in, rows, columns) of a convolution as padded matrices (rows * columns, in, out)."""
        weight = array(cast(Tensor, convolution.weight)).transpose(2, 3, 1, 0)
        return outputs(weight.reshape(-1, *weight.shape[2:]))

    def inputs(x: Float32s, size: int) -> Float32s:
        return pad(x.swapaxes(-1, -2), size).swapaxes(-1, -2)

    def both(x: Float32s) -> Float32s:
        return pad(x, 2 * padded)

    def by_colour(x: Float32s) -> Float32s:
        """(…, colours * out) to (colours, …, out)."""
        return np.moveaxis(x.reshape(*x.shape[:-1], colours, -1), -2, 0)

    layers = [cast(GatedLayer, layer) for layer in model.layers]
    outs = []
    out_biases = []
    for layer in layers:
        skip, bias = matrix(layer.skip, np.asarray)[0], array(cast(Tensor, layer.skip.bias))
        residual, residual_bias = np.zeros_like(skip), np.zeros_like(bias)
        if layer.residual is not None:
            residual = matrix(layer.residual, np.asarray)[0]
            residual_bias = array(cast(Tensor, layer.residual.bias))
        outs.append(inputs(halves(np.concatenate([residual, skip], -1)), padded))
        out_biases.append(halves(np.concatenate([residual_bias, bias], -1)))

    def crossing(layer: GatedLayer) -> Float32s:
        weight = matrix(layer.vertical_to_horizontal, halves)[0]
        return halves(weight.T).T

    tables = np.zeros((colours - 1, size, colours, hidden), np.float32)
    for earlier, table in enumerate(model.tables):
        told = array(cast(Tensor, table.weight))
        tables[earlier, :, earlier + 1 :, :head] = told.reshape(size, -1, head)
    levels = torch.arange(size, dtype=torch.float32)
    return Weights(
        dilations=np.array(model.config.dilations, np.int64),
        levels=array(levels * (2 / (model.chain.alphabet.levels - 1)) - 1),
        first_vertical=pack(matrix(model.first_vertical, both).reshape(-1, 2 * padded)),
        first_vertical_bias=both(array(cast(Tensor, model.first_vertical.bias))),
        first_horizontal=pack(matrix(model.first_horizontal, both).reshape(-1, 2 * padded)),
        first_horizontal_bias=both(array(cast(Tensor, model.first_horizontal.bias))),
        vertical=pack(np.stack([inputs(matrix(layer.vertical, halves), padded) for layer in layers])),
        vertical_to_horizontal=pack(np.stack([crossing(layer) for layer in layers])),
        horizontal=pack(np.stack([inputs(matrix(layer.horizontal, halves), padded) for layer in layers])),
        out=pack(np.stack(outs)),
        out_bias=np.stack(out_biases),
        head=pack(inputs(by_colour(matrix(model.head, np.asarray)[0]), padded)),
        head_bias=pad(by_colour(array(cast(Tensor, model.head.bias))), hidden),
        tables=tables,
        logits=pack(inputs(by_colour(matrix(model.out, np.asarray)[0]), hidden)),
        logits_bias=pad(by_colour(array(cast(Tensor, model.out.bias))), round_up(size, TILE)),
    )


def _padded_channels(model: GatedPixelCNN) -> int:
    return round_up(model.config.channels, TILE // 2)


class CompiledGatedPixelCNN(CompiledDecoder):
    """Both stacks of every sample."""

    model: GatedPixelCNN

    @torch.inference_mode()
    def __init__(self, model: GatedPixelCNN, condition: Tensor) -> None:
        super().__init__(model, condition)
        chain, rows = model.image_chain, condition.shape[0]
        layers, channels = len(model.config.dilations), _padded_channels(model)
        self._weights = packed_weights(model)
        biases = model.layer_biases(condition).float().numpy().reshape(rows, layers, 2, 2, model.config.channels)
        self._state = State(
            progress=np.tile(np.array([0, STALE], np.int64), (rows, 1)),
            bias=pad(biases, channels).reshape(rows, layers, 2, 2 * channels),
            vertical=np.zeros((rows, layers, chain.height, chain.width, channels), np.float32),
            from_above=np.zeros((rows, layers, chain.width, 2 * channels), np.float32),
            horizontal=np.zeros((rows, layers, chain.width, channels), np.float32),
            skips=np.zeros((rows, channels), np.float32),
        )

    def _walk(self, block: Block) -> None:
        weights, (_, _, _, width, channels) = self._weights, self._state.vertical.shape
        scratch = Scratch(
            patches=np.empty((width, weights.first_vertical.shape[1]), np.float32),
            features=np.empty((width, 2 * channels), np.float32),
            sums=np.empty(2 * channels, np.float32),
            gates=np.empty(channels, np.float32),
            hidden=np.empty_like(weights.head_bias[0]),
            logits=np.empty_like(weights.logits_bias[0]),
        )
        _walk(weights, self._state, scratch, block)

    def _rewind(self, step: int) -> None:
        row, column, _ = self.model.image_chain.position(step)
        rows_done, columns_done = self._state.progress.T
        # The share from above is there for one row only: to have another's, the row above that is computed again.
        gone = (rows_done > row) | ((rows_done == row) & (columns_done == STALE))
        # Skips are there for the last column only.
        columns_done[~gone & (rows_done == row)] = np.minimum(columns_done[~gone & (rows_done == row)], column)
        rows_done[gone] = max(row - 1, 0)
        columns_done[gone] = STALE

    def _select(self, rows: list[int]) -> None:
        self._state = rows_of(self._state, rows)


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size of network."""
    chain = ImageChain(GreyLevels(2), 2, 2)
    model = GatedPixelCNN(
        ModelSpec(GatedPixelCNN.architecture, chain, (), {"channels": 1, "dilations": [1], "head": 1})
    )
    walk_tiny(CompiledGatedPixelCNN(model, model.condition_tensor({})))
