"""The Gated PixelCNN's walk as one kernel: what ``models.networks.gated_pixelcnn`` computes, only where it is new.

The vertical stack is computed a row at a time, when the row below it begins; the horizontal stack a pixel at a time;
the head, which is told the pixel's earlier colours, a colour at a time. Samples share nothing but the weights, so that
one alone and one in a batch agree bit for bit, and what was computed is found by its position, so that a rewind only
says from where on it does not count any more.

Channels are padded to a multiple of 32 by zeros, which stay zero: tanh(0) sigmoid(0) = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.chain import GreyLevels, ImageChain, Symbols
from models.conditional import Categorical
from models.decoder import DRAW, Decoder, Drawn
from models.errors import InputError
from models.kernels.draw import draw_symbol, fast_sigmoid, fast_tanh
from models.kernels.jit import kernel
from models.kernels.matrix import TILE, add_product, add_products, pack, round_up
from models.model import ModelSpec
from models.networks.gated_pixelcnn import GatedLayer, GatedPixelCNN
from models.shaping import NEUTRAL, Shaping

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

ZERO = np.float32(0)

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
    probs: Float64s
    order: Int64s


# Loops instead of numpy's assignments, which numba compiles slowly and into slow code.


@kernel
def _copy(source: Float32s, target: Float32s) -> None:
    for j in range(source.shape[0]):
        target[j] = source[j]


@kernel
def _spread(source: Float32s, rows: Float32s) -> None:
    """Copies (n,) to each row of (rows, n)."""
    for row in range(rows.shape[0]):
        for j in range(source.shape[0]):
            rows[row, j] = source[j]


@kernel
def _add(source: Float32s, target: Float32s) -> None:
    for j in range(source.shape[0]):
        target[j] += source[j]


@kernel
def _rectify(source: Float32s, target: Float32s) -> None:
    for j in range(source.shape[0]):
        target[j] = max(source[j], ZERO)


@kernel
def _gate(features: Float32s, gates: Float32s) -> None:
    """Features (2C,) to gates (C,)."""
    channels = gates.shape[0]
    for j in range(channels):
        gates[j] = fast_tanh(features[j]) * fast_sigmoid(features[channels + j])


@kernel
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
    _spread(weights.first_vertical_bias, features)
    add_products(weights.first_vertical, patches, features)
    for column in range(width):
        _copy(features[column, :channels], state.vertical[sample, 0, row, column])
    for layer in range(layers):
        dilation = weights.dilations[layer]
        _spread(state.bias[sample, layer, 0], features)
        for tap in range(ROW_TAPS * COLUMN_TAPS):
            source = row - dilation if tap < COLUMN_TAPS else row
            shift = (tap % COLUMN_TAPS - 1) * dilation
            first, last = max(0, -shift), min(width, width - shift)
            if source >= 0 and first < last:
                inputs = state.vertical[sample, layer, source, first + shift : last + shift]
                add_products(weights.vertical[layer, tap], inputs, features[first:last])
        _spread(state.bias[sample, layer, 1], state.from_above[sample, layer])
        add_products(weights.vertical_to_horizontal[layer], features, state.from_above[sample, layer])
        if layer + 1 < layers:
            for column in range(width):
                _gate(features[column], state.vertical[sample, layer + 1, row, column])


@kernel
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
    _copy(weights.first_horizontal_bias, sums)
    add_product(weights.first_horizontal, patch, sums)
    if row > 0:
        _add(state.vertical[sample, 0, row - 1, column], sums)
    features = scratch.features[0]
    for layer in range(layers):
        dilation = weights.dilations[layer]
        present = state.horizontal[sample, layer, column]
        _copy(sums[:channels], present)
        _copy(state.from_above[sample, layer, column], features)
        if column >= dilation:
            add_product(weights.horizontal[layer, 0], state.horizontal[sample, layer, column - dilation], features)
        add_product(weights.horizontal[layer, 1], present, features)
        _gate(features, scratch.gates)
        _add(weights.out_bias[layer], sums)
        add_product(weights.out[layer], scratch.gates, sums)
    _copy(sums[channels:], state.skips[sample])


@kernel
def _head(weights: Weights, state: State, scratch: Scratch, symbols: Symbols, sample: int, step: int) -> None:
    """The logits of a step in the last pixel that the horizontal stack has been computed of."""
    colour = step % weights.head.shape[0]
    _rectify(state.skips[sample], scratch.gates)
    _copy(weights.head_bias[colour], scratch.hidden)
    add_product(weights.head[colour], scratch.gates, scratch.hidden)
    for earlier in range(colour):
        _add(weights.tables[earlier, symbols[step - colour + earlier], colour], scratch.hidden)
    _rectify(scratch.hidden, scratch.hidden)
    _copy(weights.logits_bias[colour], scratch.logits)
    add_product(weights.logits[colour], scratch.hidden, scratch.logits)


@kernel
def _walk(
    weights: Weights,
    state: State,
    scratch: Scratch,
    symbols: Symbols,
    start: int,
    look: bool,
    uniforms: Float64s,
    clamps: Symbols,
    active: npt.NDArray[np.bool_],
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    surprise: Float32s,
    entropy: Float32s,
    logits: Float32s,
) -> None:
    """Walks a block of steps, which may be empty, then computes what the next step needs of the vertical stack.

    symbols: (B, D), read before ``start`` and written from there on. look: whether ``logits`` (B, K) are to be those of
    the step after the block. All in one kernel, since each one that holds the network takes seconds to compile.
    """
    samples, count = uniforms.shape
    size = scratch.probs.shape[0]
    height, width = state.vertical.shape[2], state.vertical.shape[3]
    colours = weights.head.shape[0]
    for sample in range(samples):
        known = symbols[sample]
        progress = state.progress[sample]
        for i in range(count + 1 if active[sample] else 0):
            pixel = (start + i) // colours
            row = min(pixel // width, height - 1)
            columns = pixel % width + 1 if i < count or look else 0
            if row == 0 and progress[1] == STALE:
                for layer in range(state.bias.shape[1]):
                    _spread(state.bias[sample, layer, 1], state.from_above[sample, layer])
                progress[1] = 0
            while progress[0] < row:
                _vertical_row(weights, state, scratch, known, sample, progress[0], width)
                progress[0] += 1
                progress[1] = 0
            while progress[1] < columns:
                _horizontal_pixel(weights, state, scratch, known, sample, row, progress[1], width)
                progress[1] += 1
            if columns > 0:
                _head(weights, state, scratch, known, sample, start + i)
            if i < count:
                known[start + i], surprise[sample, i], entropy[sample, i] = draw_symbol(
                    scratch.logits[:size],
                    scratch.probs,
                    scratch.order,
                    uniforms[sample, i],
                    clamps[sample, i],
                    temperature,
                    top_k,
                    top_p,
                    min_p,
                )
            elif look:
                _copy(scratch.logits[:size], logits[sample])


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
        return _pad(x.reshape(*x.shape[:-1], 2, channels), padded).reshape(*x.shape[:-1], 2 * padded)

    def matrix(convolution: torch.nn.Module, outputs: Callable[[Float32s], Float32s]) -> Float32s:
        """The weights (out, in, rows, columns) of a convolution as padded matrices (rows * columns, in, out)."""
        weight = array(cast(Tensor, convolution.weight)).transpose(2, 3, 1, 0)
        return outputs(weight.reshape(-1, *weight.shape[2:]))

    def inputs(x: Float32s, size: int) -> Float32s:
        return _pad(x.swapaxes(-1, -2), size).swapaxes(-1, -2)

    def both(x: Float32s) -> Float32s:
        return _pad(x, 2 * padded)

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
        head_bias=_pad(by_colour(array(cast(Tensor, model.head.bias))), hidden),
        tables=tables,
        logits=pack(inputs(by_colour(matrix(model.out, np.asarray)[0]), hidden)),
        logits_bias=_pad(by_colour(array(cast(Tensor, model.out.bias))), round_up(size, TILE)),
    )


def _padded_channels(model: GatedPixelCNN) -> int:
    return round_up(model.config.channels, TILE // 2)


def _pad(x: Float32s, size: int) -> Float32s:
    """Zeros after the last axis of x up to ``size``."""
    filled = np.zeros((*x.shape[:-1], size), np.float32)
    filled[..., : x.shape[-1]] = x
    return filled


class CompiledGatedPixelCNN(Decoder):
    """The walk of a batch in one kernel call a block. On the CPU, in float32."""

    engine = "compiled"
    model: GatedPixelCNN

    @torch.inference_mode()
    def __init__(self, model: GatedPixelCNN, condition: Tensor) -> None:
        super().__init__(model, condition)
        chain, rows = model.image_chain, condition.shape[0]
        layers, channels = len(model.config.dilations), _padded_channels(model)
        self._symbols = np.zeros((rows, chain.length), np.int32)
        self._weights = packed_weights(model)
        biases = model.layer_biases(condition).float().numpy().reshape(rows, layers, 2, 2, model.config.channels)
        self._state = State(
            progress=np.tile(np.array([0, STALE], np.int64), (rows, 1)),
            bias=_pad(biases, channels).reshape(rows, layers, 2, 2 * channels),
            vertical=np.zeros((rows, layers, chain.height, chain.width, channels), np.float32),
            from_above=np.zeros((rows, layers, chain.width, 2 * channels), np.float32),
            horizontal=np.zeros((rows, layers, chain.width, channels), np.float32),
            skips=np.zeros((rows, channels), np.float32),
        )
        self._scratch = self._new_scratch()

    def peek(self) -> Categorical:
        self._check_room(1)
        logits = np.zeros((self.rows, self.model.chain.alphabet.size), np.float32)
        self._run(np.empty((self.rows, 0)), NEUTRAL, logits=logits)
        return Categorical(torch.from_numpy(logits))

    def push(self, symbols: npt.ArrayLike) -> None:
        self._check_room(1)
        super().push(symbols)

    def extend(self, prefix: npt.ArrayLike) -> None:
        block = np.asarray(prefix, np.int32)
        if block.ndim != 2 or block.shape[0] != self.rows:
            raise InputError(f"extend takes {self.rows} rows of symbols, not an array of shape {block.shape}")
        self._check_room(block.shape[1])
        self._check_symbols(block)
        self._record(block)
        self.step += block.shape[1]
        self._run(np.empty((self.rows, 0)), NEUTRAL)

    def advance(
        self,
        uniforms: npt.NDArray[np.float64],
        shaping: Shaping,
        clamps: Symbols | None = None,
        active: npt.NDArray[np.bool_] | None = None,
    ) -> Drawn:
        count = uniforms.shape[1]
        self._check_room(count)
        if clamps is not None:
            self._check_symbols(np.maximum(clamps, 0))
        self._symbols[:, self.step : self.step + count] = 0
        surprise, entropy = self._run(uniforms, shaping, clamps, active)
        self.step += count
        symbols = self.symbols[:, self.step - count :].copy()
        if active is not None:
            symbols[~active] = DRAW
        return Drawn(symbols, surprise, entropy)

    def _run(
        self,
        uniforms: npt.NDArray[np.float64],
        shaping: Shaping,
        clamps: Symbols | None = None,
        active: npt.NDArray[np.bool_] | None = None,
        *,
        logits: Float32s | None = None,
    ) -> tuple[Float32s, Float32s]:
        """The kernel, from the present step on; returns surprise and entropy (B, n) in bits."""
        surprise = np.zeros(uniforms.shape, np.float32)
        entropy = np.zeros(uniforms.shape, np.float32)
        _walk(
            self._weights,
            self._state,
            self._scratch,
            self._symbols,
            self.step,
            logits is not None,
            # Copies: an array that is a view, or read-only, would be another type, and compile another kernel.
            np.array(uniforms, np.float64, order="C"),
            np.full(uniforms.shape, DRAW, np.int32) if clamps is None else np.array(clamps, np.int32, order="C"),
            np.ones(self.rows, np.bool_) if active is None else np.array(active, np.bool_),
            float(shaping.temperature),
            int(shaping.top_k),
            float(shaping.top_p),
            float(shaping.min_p),
            surprise,
            entropy,
            np.empty((0, 0), np.float32) if logits is None else logits,
        )
        return surprise, entropy

    def _check_room(self, count: int) -> None:
        length = self._symbols.shape[1]
        if self.step + count > length:
            raise InputError(f"an image of {length} symbols has no step {max(self.step, length)}")

    def _check_symbols(self, symbols: Symbols) -> None:
        """A kernel reads wherever it is told to: nothing but symbols may get there."""
        size = self.model.chain.alphabet.size
        if symbols.size and not (symbols.min() >= 0 and symbols.max() < size):
            raise InputError(f"symbols lie in 0 … {size - 1}, not {symbols.min()} … {symbols.max()}")

    def _push(self, column: Symbols) -> None:
        self._check_symbols(column)

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
        self._state = State(*(cast(Any, array)[rows] for array in self._state))
        self._scratch = self._new_scratch()

    def _new_scratch(self) -> Scratch:
        weights, (_, _, _, width, channels) = self._weights, self._state.vertical.shape
        size = self.model.chain.alphabet.size
        return Scratch(
            patches=np.zeros((width, weights.first_vertical.shape[1]), np.float32),
            features=np.zeros((width, 2 * channels), np.float32),
            sums=np.zeros(2 * channels, np.float32),
            gates=np.zeros(channels, np.float32),
            hidden=np.zeros_like(weights.head_bias[0]),
            logits=np.zeros_like(weights.logits_bias[0]),
            probs=np.zeros(size),
            order=np.zeros(size, np.int64),
        )


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size of network."""
    chain = ImageChain(GreyLevels(2), 2, 2)
    model = GatedPixelCNN(
        ModelSpec(GatedPixelCNN.architecture, chain, (), {"channels": 1, "dilations": [1], "head": 1})
    )
    decoder = CompiledGatedPixelCNN(model, model.condition_tensor({}))
    decoder.advance(np.full((1, 2), 0.5), Shaping(temperature=0.5, top_k=1, top_p=0.5, min_p=0.5))
    decoder.peek()
