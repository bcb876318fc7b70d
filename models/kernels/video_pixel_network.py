"""The Video Pixel Network's walk as one kernel: what ``models.networks.video_pixel_network`` computes, where it is new.

The decoder goes pixel by pixel, as in ``models.kernels.pixelcnn``. The encoder goes row by row, and does not wait for
the end of a frame: each of its layers follows the one before as closely as it can see, so that of the last rows alone
something is left to do when the next frame begins. That of independent pixels, whose layers see all around, goes by
rows, too: each runs ahead of the one after it by the row that this will look at.

What the LSTM knows before a frame is kept for the latest of them, in a ring; a rewind to an earlier one begins anew.

Outputs of a product are padded by zeros to what ``models.kernels.matrix`` packs; inputs are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from models.chain import GreyLevels
from models.kernels.draw import fast_sigmoid, fast_tanh
from models.kernels.jit import inlined, kernel
from models.kernels.layers import look_back, multiply
from models.kernels.matrix import SIDE, TILE, add_convolution, add_product, add_products, pack, pad_to_tiles
from models.kernels.vectors import add_to, copy_to, copy_to_rows, rectify
from models.kernels.walk import Block, CompiledDecoder, Float32s, Int64s, array, rows_of, steps, take, walk_tiny
from models.layers.masked_convolution import FIRST, MaskedConv2d
from models.model import ModelSpec
from models.networks import video_pixel_network
from models.networks.video_pixel_network import ResidualMultiplicativeBlock, VideoPixelNetwork
from models.video import VideoChain

FEWEST_STATES = 2
"""Of the LSTM in its ring: one is read while the next is written."""


class Blocks(NamedTuple):
    """Multiplicative blocks: packed products with their padded biases, stacked. units: (blocks, 2, taps …).

    dilations: (2 blocks,), of the units.
    """

    dilations: Int64s
    narrow: Float32s
    narrow_bias: Float32s
    units: Float32s
    units_bias: Float32s
    widen: Float32s
    widen_bias: Float32s


class Weights(NamedTuple):
    """A masked convolution has all of its taps in one product, another one for each; the output one for each colour.

    levels: (K,), symbols as intensities.
    """

    levels: Float32s
    enter: Float32s
    enter_bias: Float32s
    encoder: Blocks
    input_to_state: Float32s
    state_bias: Float32s
    state_to_state: Float32s
    first: Float32s
    told: Float32s
    decoder: Blocks
    head: Float32s
    head_bias: Float32s
    out: Float32s
    out_bias: Float32s


class State(NamedTuple):
    """How far each sample (B,) is, and what was computed of it. C is padded, half is not.

    seen: symbols that are in the planes. done: steps whose pixels were computed. frame: that of the planes. oldest: the
    first frame, but for that at the beginning, of which the LSTM's state is kept. encoded, decoded: (B, stages), rows
    that each stage of the encoder and, of independent pixels, of the decoder has been computed of in this frame.
    bias: (B, C), of what the decoder is told, with the condition. planes: (B, H …, W …, colours), intensities with
    zeros around. x: (B, H, W, C), features between the encoder's blocks, and inner: (B, units, H, W, half), what its
    units see. gates: (B, H, W, …), of the LSTM, and at the end the cells before. drawing: as inner, of the decoder;
    where its convolutions are masked, with the zeros around that they pad with. features: (B, H, W, C), behind its
    blocks, of independent pixels.
    """

    seen: Int64s
    done: Int64s
    frame: Int64s
    oldest: Int64s
    encoded: Int64s
    decoded: Int64s
    bias: Float32s
    planes: Float32s
    x: Float32s
    inner: Float32s
    gates: Float32s
    drawing: Float32s
    features: Float32s


class Memory(NamedTuple):
    """What the LSTM knows: (1 + kept, B, H, W, hidden), before the first frame and before the latest of the others.

    The system gives memory when it is first written to: samples stand side by side, so that a frame takes its own part.
    """

    hidden: Float32s
    cell: Float32s


class Scratch(NamedTuple):
    """Space for intermediate results, of no meaning between steps.

    maps: (W, …), the four of a unit, and at the end what they multiply. x: (C,), of a masked pixel.
    """

    maps: Float32s
    patch: Float32s
    x: Float32s
    rectified: Float32s
    hidden: Float32s
    logits: Float32s


@inlined
def _multiplicative_unit(maps: Float32s, size: int) -> None:
    """Equation 3, of four maps (4 size …) and the input at the end of them, to the beginning of them.

    Of slices LLVM makes vectors; of sums of indices, of which it does not know the signs, it does not.
    """
    hold, renew, content = maps[size : 2 * size], maps[2 * size : 3 * size], maps[3 * size : 4 * size]
    h = maps[maps.shape[0] - size :]
    for j in range(size):
        new = fast_sigmoid(hold[j]) * h[j] + fast_sigmoid(renew[j]) * fast_tanh(content[j])
        maps[j] = fast_sigmoid(maps[j]) * fast_tanh(new)


@inlined
def _lstm(maps: Float32s, size: int) -> None:
    """A step of an LSTM, of its four gates and the cell at the end of them: to what it shows and, behind, the cell."""
    forget, enter, content = maps[size : 2 * size], maps[2 * size : 3 * size], maps[3 * size : 4 * size]
    cell = maps[maps.shape[0] - size :]
    for j in range(size):
        forget[j] = fast_sigmoid(forget[j]) * cell[j] + fast_sigmoid(enter[j]) * fast_tanh(content[j])
    for j in range(size):
        maps[j] = fast_sigmoid(maps[j]) * fast_tanh(forget[j])


@inlined
def _blocks_row(blocks: Blocks, stage: int, x: Float32s, inner: Float32s, row: int, maps: Float32s) -> None:
    """A stage of blocks that see all around, at a row.

    Between two units there is the end of a stage: unit stage - 1, then what no longer looks to other pixels.
    x: (H, W, C). inner: (2 blocks, H, W, half), what each unit sees.
    """
    units, width, half = inner.shape[0], inner.shape[2], inner.shape[3]
    unit, block = stage - 1, stage // 2
    if unit >= 0:
        copy_to_rows(blocks.units_bias[unit // 2, unit % 2], maps)
        add_convolution(blocks.units[unit // 2, unit % 2], blocks.dilations[unit], inner[unit], row, maps)
        for column in range(width):
            copy_to(inner[unit, row, column], maps[column, maps.shape[1] - half :])
            _multiplicative_unit(maps[column], half)
        if unit % 2 == 1:
            for column in range(width):
                add_to(blocks.widen_bias[unit // 2], x[row, column])
            add_products(blocks.widen[unit // 2, 0], maps, x[row])
    if stage % 2 == 0 and stage < units:
        copy_to_rows(blocks.narrow_bias[block], maps)
        add_products(blocks.narrow[block, 0], x[row], maps)
    if stage < units:
        for column in range(width):
            copy_to(maps[column, :half], inner[stage, row, column])


@inlined
def _slot(frame: int, slots: int) -> int:
    """Where, of so many slots, what the LSTM knows before a frame is kept."""
    return 0 if frame == 0 else 1 + (frame - 1) % (slots - 1)


@inlined
def _remember(gates: Float32s, hidden: Float32s, cell: Float32s, cell_before: Float32s, row: int) -> None:
    """The LSTM at a row of the frame: from gates (W, …) and cells to what it shows and its cells (H, W, hidden)."""
    size = hidden.shape[2]
    for column in range(gates.shape[0]):
        copy_to(cell_before[row, column], gates[column, gates.shape[1] - size :])
        _lstm(gates[column], size)
        copy_to(gates[column, :size], hidden[row, column])
        copy_to(gates[column, size : 2 * size], cell[row, column])


@inlined
def _encode(weights: Weights, state: State, memory: Memory, scratch: Scratch, sample: int, known: int) -> None:
    """All that the encoder and the LSTM can make of the frame's first ``known`` rows."""
    height, width, reach = state.x.shape[1], state.x.shape[2], FIRST // 2
    last = weights.encoder.dilations.shape[0] + 1
    slots = memory.hidden.shape[0]
    before, after = _slot(state.frame[sample], slots), _slot(state.frame[sample] + 1, slots)
    for stage in range(last + 1):
        if known < height:
            known = max(0, known - (weights.encoder.dilations[stage - 1] if 0 < stage < last else 1))
        for row in range(state.encoded[sample, stage], known):
            gates = state.gates[sample, row]
            if stage == 0:
                copy_to_rows(weights.state_bias, gates)
                add_convolution(weights.state_to_state, 1, memory.hidden[before, sample], row, gates)
                planes = state.planes[sample, reach : reach + height, reach : reach + width]
                copy_to_rows(weights.enter_bias, state.x[sample, row])
                add_convolution(weights.enter, 1, planes, row, state.x[sample, row])
            if stage < last:
                _blocks_row(weights.encoder, stage, state.x[sample], state.inner[sample], row, scratch.maps)
            else:
                state.oldest[sample] = max(state.oldest[sample], state.frame[sample] + 2 - (slots - 1))
                add_convolution(weights.input_to_state, 1, state.x[sample], row, gates)
                hidden, cell = memory.hidden[after, sample], memory.cell[after, sample]
                _remember(gates, hidden, cell, memory.cell[before, sample], row)
        state.encoded[sample, stage] = max(state.encoded[sample, stage], known)


@inlined
def _see_to_row(weights: Weights, state: State, memory: Memory, scratch: Scratch, sample: int, row: int) -> None:
    """Of independent pixels: the decoder's features up to a row of the frame."""
    features, last = state.features[sample], state.decoded.shape[1] - 1
    before = _slot(state.frame[sample], memory.hidden.shape[0])
    for stage in range(last + 1):
        needed = min(features.shape[0], row + 1 + last - stage)
        for now in range(state.decoded[sample, stage], needed):
            if stage == 0:
                copy_to_rows(state.bias[sample], features[now])
                add_products(weights.told[0], memory.hidden[before, sample, now], features[now])
            _blocks_row(weights.decoder, stage, features, state.drawing[sample], now, scratch.maps)
        state.decoded[sample, stage] = max(state.decoded[sample, stage], needed)


@inlined
def _pixel(
    weights: Weights, state: State, memory: Memory, scratch: Scratch, sample: int, row: int, column: int
) -> None:
    """All blocks that look back at a pixel, with the colours that it has; their sum is left in ``scratch.x``."""
    x, maps, half = scratch.x, scratch.maps[0], state.drawing.shape[4]
    blocks = weights.decoder
    before = _slot(state.frame[sample], memory.hidden.shape[0])
    copy_to(state.bias[sample], x)
    look_back(state.planes[sample], row, column, FIRST, scratch.patch)
    add_product(weights.first, scratch.patch[: weights.first.shape[1]], x)
    add_product(weights.told[0], memory.hidden[before, sample, row, column], x)
    for unit in range(state.drawing.shape[1]):
        block = unit // 2
        if unit % 2 == 0:
            multiply(blocks.narrow[block, 0], blocks.narrow_bias[block], x, maps)
        seen = state.drawing[sample, unit]
        copy_to(maps[:half], seen[row + 1, column + 1])
        copy_to(maps[:half], maps[maps.shape[0] - half :])
        look_back(seen, row, column, SIDE, scratch.patch)
        taps = scratch.patch[: blocks.units.shape[4]]
        multiply(blocks.units[block, unit % 2, 0], blocks.units_bias[block, unit % 2], taps, maps)
        _multiplicative_unit(maps, half)
        if unit % 2 == 1:
            add_to(blocks.widen_bias[block], x)
            add_product(blocks.widen[block, 0], maps, x)


@inlined
def _head(weights: Weights, scratch: Scratch, x: Float32s, colour: int) -> None:
    """The logits of one colour of a pixel, of its features behind the blocks."""
    rectify(x, scratch.rectified)
    multiply(weights.head[0], weights.head_bias, scratch.rectified, scratch.hidden)
    rectify(scratch.hidden, scratch.hidden)
    multiply(weights.out[colour], weights.out_bias[colour], scratch.hidden, scratch.logits)


@kernel
def _walk(weights: Weights, state: State, memory: Memory, scratch: Scratch, independent: bool, block: Block) -> None:
    height, width, colours = state.x.shape[1], state.x.shape[2], state.planes.shape[3]
    pixels, reach = height * width * colours, FIRST // 2
    for sample in range(block.symbols.shape[0]):
        known = block.symbols[sample]
        for i in range(steps(block, sample)):
            step = block.start + i
            for now in range(state.seen[sample], step + 1):
                frame, within = now // pixels, now % pixels
                row, column, colour = within // colours // width, within // colours % width, within % colours
                entered = frame > state.frame[sample]
                if entered or (within % (width * colours) == 0 and (frame + 1) * pixels < known.shape[0]):
                    _encode(weights, state, memory, scratch, sample, height if entered else row)
                if entered:
                    state.frame[sample] = frame
                    for stage in range(state.encoded.shape[1]):
                        state.encoded[sample, stage] = 0
                    for stage in range(state.decoded.shape[1]):
                        state.decoded[sample, stage] = 0
                # Of the pixels before, others see something; but not of those of another frame.
                seen = colour == colours - 1 and now >= state.done[sample] and frame == step // pixels
                if not independent and (now == step or seen):
                    _pixel(weights, state, memory, scratch, sample, row, column)
                if now < step:
                    state.planes[sample, reach + row, reach + column, colour] = weights.levels[known[now]]
            state.seen[sample] = step
            state.done[sample] = step + 1
            if independent:
                row, column = step % pixels // colours // width, step // colours % width
                _see_to_row(weights, state, memory, scratch, sample, row)
                copy_to(state.features[sample, row, column], scratch.x)
            _head(weights, scratch, scratch.x, step % colours)
            for k in range(block.logits.shape[0]):
                block.logits[k] = scratch.logits[k]
            if not take(block, sample, i):
                break


def _bias(layer: nn.Module) -> Float32s:
    return array(cast(Tensor, layer.bias))


def _taps(layer: nn.Module) -> Float32s:
    """The weights of a convolution (taps, in, out); those of a masked one as of a single tap."""
    if isinstance(layer, MaskedConv2d):
        return array(layer.causal()[0])[None]
    return array(cast(Tensor, layer.weight).flatten(2).permute(2, 1, 0))


def _products(layers: Iterable[nn.Module]) -> tuple[Float32s, Float32s]:
    """Packed weights and padded biases of convolutions of one size, stacked."""
    found = list(layers)
    return pack(np.stack([_taps(layer) for layer in found])), pad_to_tiles(np.stack([_bias(layer) for layer in found]))


def _blocks(modules: nn.Sequential) -> Blocks:
    found = cast(list[ResidualMultiplicativeBlock], list(modules))
    units, units_bias = _products(unit for block in found for unit in block.units)
    in_pairs = (len(found), 2)
    return Blocks(
        np.array([cast(nn.Conv2d, unit).dilation[0] for block in found for unit in block.units], np.int64),
        *_products(block.narrow for block in found),
        units.reshape(*in_pairs, *units.shape[1:]),
        units_bias.reshape(*in_pairs, -1),
        *_products(block.widen for block in found),
    )


def _pack(model: VideoPixelNetwork) -> Weights:
    chain = model.video_chain
    levels = torch.arange(chain.alphabet.size, dtype=torch.float32)
    first = np.zeros((0, 0, TILE), np.float32) if model.first is None else pack(_taps(model.first)[0])
    by_colour = (chain.channels, chain.alphabet.size)
    return Weights(
        levels=array(levels * (2 / (chain.alphabet.levels - 1)) - 1),
        enter=pack(_taps(model.enter)),
        enter_bias=pad_to_tiles(_bias(model.enter)),
        encoder=_blocks(model.encoder),
        input_to_state=pack(_taps(model.input_to_state)),
        state_bias=pad_to_tiles(_bias(model.input_to_state)),
        state_to_state=pack(_taps(model.state_to_state)),
        first=first,
        told=pack(_taps(model.told)),
        decoder=_blocks(model.decoder),
        head=pack(_taps(model.head)),
        head_bias=pad_to_tiles(_bias(model.head)),
        out=pack(_taps(model.out)[0].reshape(-1, *by_colour).swapaxes(0, 1)),
        out_bias=pad_to_tiles(_bias(model.out).reshape(by_colour)),
    )


class CompiledVideoPixelNetwork(CompiledDecoder):
    """What the layers of every sample see of its present frame, and what the LSTM knew before it and others."""

    model: VideoPixelNetwork

    @torch.inference_mode()
    def __init__(self, model: VideoPixelNetwork, condition: Tensor) -> None:
        super().__init__(model, condition)
        chain, config, rows, reach = model.video_chain, model.config, self.rows, FIRST // 2
        height, width, half = chain.height, chain.width, config.channels // 2
        self._weights = weights = _pack(model)
        first = torch.zeros(()) if model.first is None else cast(Tensor, model.first.bias)
        state_bytes = 2 * 4 * rows * height * width * config.hidden
        kept = min(chain.frames - 1, video_pixel_network.STATE_BYTES // state_bytes)
        states = (1 + max(FEWEST_STATES, kept), rows, height, width, config.hidden)
        wide = weights.enter_bias.shape[0]
        around, whole = (0, height) if model.independent else (1, 0)
        self._state = State(
            seen=np.zeros(rows, np.int64),
            done=np.zeros(rows, np.int64),
            frame=np.zeros(rows, np.int64),
            oldest=np.ones(rows, np.int64),
            encoded=np.zeros((rows, 2 * len(config.dilations) + 2), np.int64),
            decoded=np.zeros((rows, 2 * config.blocks + 1), np.int64),
            bias=pad_to_tiles(array(first + cast(Tensor, model.told.bias) + model.condition(condition))),
            planes=np.zeros((rows, height + reach, width + 2 * reach, chain.channels), np.float32),
            x=np.zeros((rows, height, width, wide), np.float32),
            inner=np.zeros((rows, 2 * len(config.dilations), height, width, half), np.float32),
            gates=np.zeros((rows, height, width, weights.state_bias.shape[0] + config.hidden), np.float32),
            drawing=np.zeros((rows, 2 * config.blocks, height + around, width + 2 * around, half), np.float32),
            features=np.zeros((rows, whole, width, wide), np.float32),
        )
        self._memory = Memory(np.zeros(states, np.float32), np.zeros(states, np.float32))

    def _walk(self, block: Block) -> None:
        weights, channels = self._weights, self.model.config.channels
        maps = weights.encoder.units_bias.shape[2] + channels // 2
        scratch = Scratch(
            maps=np.empty((self._state.x.shape[2], maps), np.float32),
            patch=np.empty(max(weights.first.shape[1], weights.decoder.units.shape[4]), np.float32),
            x=np.empty_like(weights.enter_bias),
            rectified=np.empty(channels, np.float32),
            hidden=np.empty_like(weights.head_bias),
            logits=np.empty_like(weights.out_bias[0]),
        )
        _walk(weights, self._state, self._memory, scratch, self.model.independent, block)

    def back(self, step: int) -> None:
        """Frames of which the states are gone are to be told again, in pieces."""
        self.rewind(step)
        pixels = self.model.frame_chain.length
        first = int(self._state.frame.min()) * pixels
        if first + pixels <= step:
            self.rewind(first)

    def _rewind(self, step: int) -> None:
        state, pixels = self._state, self.model.frame_chain.length
        frame = step // pixels
        later = state.frame > frame
        state.frame[later] = np.where(frame < state.oldest, 0, frame)[later]
        state.oldest[state.frame == 0] = 1
        state.encoded[later | (state.seen > step)] = 0
        state.decoded[later] = 0
        for progress in (state.seen, state.done):
            progress[later] = state.frame[later] * pixels
            np.minimum(progress, step, out=progress)

    def _select(self, rows: list[int]) -> None:
        used = 2 + int(self._state.frame.max(initial=0))  # that after the frame is being written, row by row
        self._state = rows_of(self._state, rows)
        self._memory = Memory(*(_copied(values, rows, used) for values in self._memory))


def _copied(states: Float32s, rows: list[int], used: int) -> Float32s:
    """Of some samples; of states not used yet nothing is written, which would take their memory."""
    copy = np.zeros((len(states), len(rows), *states.shape[2:]), np.float32)
    copy[:used] = states[:used, rows]
    return copy


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size of network."""
    sizes = {"channels": 2, "dilations": [1], "hidden": 1, "blocks": 1, "head": 1}
    chain = VideoChain(GreyLevels(2), frames=2, height=2, width=2, rate=1)
    model = VideoPixelNetwork(ModelSpec(VideoPixelNetwork.architecture, chain, (), sizes))
    walk_tiny(CompiledVideoPixelNetwork(model, model.condition_tensor({})))
