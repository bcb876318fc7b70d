"""The PixelCNN++'s walk as one kernel: what ``models.networks.pixelcnn_pp`` computes, only where it is new.

As in ``CachedPixelCNNPP``, the down stream is computed a row at a time, when the first pixel of the row is asked for;
the down-right stream a pixel at a time, when the pixel's first colour is; each scale only in the rows and columns that
it has places in. Both are the same work on a run of places along a row, of the width of the image or of one.

What a layer leaves is kept as ``concat_elu`` of it, as which nearly all others read it: it is computed once for each
place, and the features themselves are in it, the positive ones in its first half and the negative ones in its second.
Around each scale's places there are zeros, which the layers pad with. So what a convolution sees in one row is a window
that slides along memory, and nothing needs to be gathered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import GreyLevels, ImageChain, Symbols
from models.conditional import Conditional
from models.kernels.draw import ZERO, fast_elu, fast_sigmoid
from models.kernels.jit import inlined, kernel
from models.kernels.matrix import TILE, add_product, add_products, pack, round_up
from models.kernels.mixture import log_mass_of_logistic, log_masses_of_logistics
from models.kernels.vectors import copy_to, copy_to_rows
from models.kernels.walk import (
    Block,
    CompiledDecoder,
    Float32s,
    Float64s,
    Int64s,
    array,
    rows_of,
    steps,
    take,
    walk_tiny,
)
from models.model import ModelSpec
from models.networks.pixelcnn_pp import NARROWEST, Doubling, GatedBlock, Halving, PixelCNNPP, Streams

BLOCK, HALVING, DOUBLING = 0, 1, 2
"""Kinds of layers."""

NONE = -1
"""Where a layer has no short cut."""


class Layers(NamedTuple):
    """The ladder of L layers from node to node, the same for both streams; node n is what layer n reads.

    kind, number: (L,), the latter among its kind. scale: (L,), of the places at which a layer is computed: of two
    scales the lower resolution. short_cut: (L,), from which node. inner: (L,), where in ``State`` the places of a block
    begin. node: (L + 1,), where those of a node do. height, width: (scales,).
    """

    kind: Int64s
    number: Int64s
    scale: Int64s
    short_cut: Int64s
    inner: Int64s
    node: Int64s
    height: Int64s
    width: Int64s


class Stream(NamedTuple):
    """One stream's weights, packed; those of convolutions by the two rows of their kernels.

    begin (2 …) and begin_bias (C,): from the planes, 3 places of each row. Of blocks: first, second (blocks, 2 …),
    short_cut (blocks …), which is zero where there is none, and first_bias (blocks, C). Of halvings, of all that they
    see at once: halving (n …), halving_bias (n, C). Of doublings: doubling (n, 2 * 2 …), doubling_bias (n, C).
    """

    begin: Float32s
    begin_bias: Float32s
    first: Float32s
    first_bias: Float32s
    short_cut: Float32s
    second: Float32s
    halving: Float32s
    halving_bias: Float32s
    doubling: Float32s
    doubling_bias: Float32s


class Weights(NamedTuple):
    """values: (K,), symbols as numbers in -1 … 1. share: (blocks …), from the down stream's blocks to the other's.

    out: (…), out_bias: (P,).
    """

    values: Float32s
    down: Stream
    right: Stream
    share: Float32s
    out: Float32s
    out_bias: Float32s


class State(NamedTuple):
    """What was computed of every sample. The places of a scale are its rows and columns and the zeros around them.

    seen, rows, pixels: (B,), symbols in the planes, rows of which the down stream is there, pixels of which the other
    one is. planes: (B, 2 + H, 1 + W + 1, colours + 1), values and ones. down, right: (B, places of all nodes, 2C).
    down_inner, right_inner: (B, places of all blocks, 2C), what the second convolutions see. share: (B, places of all
    blocks, C). numbers: (B, P), of the last pixel. bias: (B, 2 streams, blocks, 2C), with the condition.
    """

    seen: Int64s
    rows: Int64s
    pixels: Int64s
    planes: Float32s
    down: Float32s
    right: Float32s
    down_inner: Float32s
    right_inner: Float32s
    share: Float32s
    numbers: Float32s
    bias: Float32s


class Scratch(NamedTuple):
    """Space for intermediate results, of no meaning between steps.

    sums: (W, padded 2C). patches: (W, 6C). numbers: (padded P,). mixture: (3, M), weights, means and scales.
    """

    sums: Float32s
    patches: Float32s
    numbers: Float32s
    mixture: Float64s


@inlined
def _feature(place: Float32s, j: int) -> np.float32:
    """A feature from ``concat_elu`` of all, (2C,)."""
    positive: np.float32 = place[j]
    return positive if positive > ZERO else -place[place.shape[0] // 2 + j]


@inlined
def _leave(features: Float32s, place: Float32s) -> None:
    """``concat_elu`` of the first C features to a place (2C,)."""
    channels = place.shape[0] // 2
    for j in range(channels):
        x = features[j]
        negative = fast_elu(-abs(x))
        place[j] = x if x > ZERO else negative
        place[channels + j] = negative if x > ZERO else -x


@inlined
def _block(
    weights: Stream,
    block: int,
    nodes: Float32s,
    inner: Float32s,
    bias: Float32s,
    share: Float32s,
    width: int,
    source: int,
    target: int,
    within: int,
    short_cut: int,
    sums: Float32s,
) -> None:
    """A gated block along a run, as many places as there are rows of sums.

    nodes, inner: a sample's of the stream. bias: (2C,). share: (run, C), what joins from the other stream, or (0, C).
    width: places in a row. source, target, short_cut: where the run begins in the nodes; within: in ``inner``.
    """
    count, channels = sums.shape[0], inner.shape[1] // 2
    copy_to_rows(weights.first_bias[block], sums)
    for i in range(share.shape[0]):
        for j in range(channels):
            sums[i, j] += share[i, j]
    # One call for all products: each is a copy of what is called, which would be compiled again and again.
    for part in range(2 if short_cut == NONE else 3):
        if part < 2:
            matrix, seen = weights.first[block, part], source - 1 - (1 - part) * width
        else:
            matrix, seen = weights.short_cut[block], short_cut
        add_products(matrix, nodes[seen : seen + count], sums)
    for i in range(count):
        _leave(sums[i], inner[within + i])
    copy_to_rows(bias, sums)
    for part in range(2):
        seen = within - 1 - (1 - part) * width
        add_products(weights.second[block, part], inner[seen : seen + count], sums)
    for i in range(count):
        content, opening, before = sums[i], sums[i, channels:], nodes[source + i]
        for j in range(channels):
            content[j] = _feature(before, j) + content[j] * fast_sigmoid(opening[j])
        _leave(content, nodes[target + i])


@inlined
def _halve(
    weights: Stream,
    index: int,
    nodes: Float32s,
    width: int,
    source: int,
    target: int,
    sums: Float32s,
    patches: Float32s,
) -> None:
    """Halving along a run. width: places in a row of the higher resolution, where the run begins at the source."""
    count, channels = sums.shape[0], nodes.shape[1] // 2
    columns = weights.halving.shape[2] // (2 * channels)
    for i in range(count):
        at = 0
        for above in range(2):
            for column in range(columns):
                place = nodes[source + 2 * i - 1 + column - (1 - above) * width]
                for j in range(channels):
                    patches[i, at + j] = _feature(place, j)
                at += channels
    copy_to_rows(weights.halving_bias[index], sums)
    add_products(weights.halving[index], patches[:count], sums)
    for i in range(count):
        _leave(sums[i], nodes[target + i])


@inlined
def _double(
    weights: Stream,
    index: int,
    nodes: Float32s,
    width: int,
    source: int,
    target: int,
    below: int,
    right: int,
    sums: Float32s,
    patches: Float32s,
) -> None:
    """Doubling along a run. width: places in a row of the higher resolution, where the run begins at the target.

    below, right: how many rows and columns there are from there on.
    """
    count, channels = sums.shape[0], nodes.shape[1] // 2
    for i in range(count):
        for j in range(channels):
            patches[i, j] = _feature(nodes[source + i], j)
    for row in range(min(2, below)):
        for column in range(2):
            copy_to_rows(weights.doubling_bias[index], sums)
            add_products(weights.doubling[index, 2 * row + column], patches[:count], sums)
            for i in range(count):
                if 2 * i + column < right:
                    _leave(sums[i], nodes[target + row * width + 2 * i + column])


@inlined
def _run(
    layers: Layers,
    weights: Stream,
    sharing: Float32s,
    planes: Float32s,
    nodes: Float32s,
    inner: Float32s,
    biases: Float32s,
    share: Float32s,
    is_right: bool,
    row: int,
    column: int,
    scratch: Scratch,
) -> None:
    """A sample's down stream along a row, whose column is 0, or its down-right stream at a pixel.

    biases: (blocks, 2C). share: what blocks of the down stream leave for those of the other one, by ``sharing``.
    """
    patches, channels = scratch.patches, share.shape[1]
    count = 1 if is_right else layers.width[0]
    sums = scratch.sums[:count]
    copy_to_rows(weights.begin_bias, sums)
    for part in range(2):
        seen = planes[row + part + (1 if is_right else 0), column : column + count]
        add_products(weights.begin[part], seen, sums)
    for i in range(count):
        _leave(sums[i], nodes[(row + 1) * (layers.width[0] + 2) + column + 1 + i])
    for layer in range(layers.kind.shape[0]):
        kind, index, scale = layers.kind[layer], layers.number[layer], layers.scale[layer]
        if (row | column) % (1 << scale) != 0:
            continue
        count = 1 if is_right else layers.width[scale]
        sums = scratch.sums[:count]
        width = layers.width[scale] + 2
        place = ((row >> scale) + 1) * width + (column >> scale) + 1
        if kind == BLOCK:
            source, target = layers.node[layer] + place, layers.node[layer + 1] + place
            within, short_cut = layers.inner[layer] + place, NONE
            if layers.short_cut[layer] != NONE:
                short_cut = layers.node[layers.short_cut[layer]] + place
            joining = share[within : within + (1 if is_right else 0)]
            _block(weights, index, nodes, inner, biases[index], joining, width, source, target, within, short_cut, sums)
            if not is_right:
                for i in range(count):
                    for j in range(channels):
                        sums[i, j] = ZERO
                add_products(sharing[index], nodes[target : target + count], sums)
                for i in range(count):
                    for j in range(channels):
                        share[within + i, j] = sums[i, j]
            continue
        finer = layers.width[scale - 1] + 2
        upper, left = row >> scale << 1, column >> scale << 1
        fine = (upper + 1) * finer + left + 1
        if kind == HALVING:
            source, target = layers.node[layer] + fine, layers.node[layer + 1] + place
            _halve(weights, index, nodes, finer, source, target, sums, patches)
        else:
            source, target = layers.node[layer] + place, layers.node[layer + 1] + fine
            below, right = layers.height[scale - 1] - upper, layers.width[scale - 1] - left
            _double(weights, index, nodes, finer, source, target, below, right, sums, patches)


@inlined
def _numbers(layers: Layers, weights: Weights, state: State, scratch: Scratch, sample: int, pixel: int) -> None:
    """What makes the mixture of the pixel that was just computed."""
    width = layers.width[0]
    place = (pixel // width + 1) * (width + 2) + pixel % width + 1
    last = state.right[sample, layers.node[layers.kind.shape[0]] + place]
    copy_to(weights.out_bias, scratch.numbers)
    add_product(weights.out, last, scratch.numbers)
    for p in range(weights.out_bias.shape[0]):
        state.numbers[sample, p] = scratch.numbers[p]


@inlined
def _logits(
    values: Float32s, numbers: Float32s, earlier: Symbols, colours: int, mixture: Float64s, logits: Float64s
) -> None:
    """The logits (K,) of the colour after the earlier ones, from a pixel's numbers (P,): see ``PixelCNNPP.mixture``."""
    size, count, colour = logits.shape[0], mixture.shape[1], earlier.shape[0]
    unit = (size - 1) / 2
    narrowest, widest = math.log(NARROWEST / unit), math.log(size / unit)
    for m in range(count):
        weight = np.float64(numbers[m])
        for now in range(colour + 1):
            mean = np.float64(numbers[(1 + now) * count + m])
            for before in range(now):
                pair = now * (now - 1) // 2 + before
                mean += numbers[(1 + 2 * colours + pair) * count + m] * values[earlier[before]]
            log_scale = np.float64(numbers[(1 + colours + now) * count + m])
            mixture[1, m] = unit * (mean + 1)
            mixture[2, m] = unit * math.exp(min(max(log_scale, narrowest), widest))
            if now < colour:
                weight += log_mass_of_logistic(earlier[now], mixture[1, m], mixture[2, m], size)
        mixture[0, m] = weight
    log_masses_of_logistics(mixture[0], mixture[1], mixture[2], logits)


@kernel
def _walk(layers: Layers, weights: Weights, state: State, scratch: Scratch, block: Block) -> None:
    colours, width = state.planes.shape[3] - 1, layers.width[0]
    for sample in range(block.symbols.shape[0]):
        known = block.symbols[sample]
        for i in range(steps(block, sample)):
            step = block.start + i
            pixel = step // colours
            for earlier in range(state.seen[sample], step):
                row, column = earlier // colours // width, earlier // colours % width
                state.planes[sample, row + 2, column + 1, earlier % colours] = weights.values[known[earlier]]
                state.planes[sample, row + 2, column + 1, colours] = 1
            state.seen[sample] = step
            while state.pixels[sample] <= pixel:
                row, column = state.pixels[sample] // width, state.pixels[sample] % width
                for stream in range(0 if row == state.rows[sample] else 1, 2):
                    is_right = stream == 1
                    _run(
                        layers,
                        weights.right if is_right else weights.down,
                        weights.share,
                        state.planes[sample],
                        state.right[sample] if is_right else state.down[sample],
                        state.right_inner[sample] if is_right else state.down_inner[sample],
                        state.bias[sample, stream],
                        state.share[sample],
                        is_right,
                        row,
                        column if is_right else 0,
                        scratch,
                    )
                state.rows[sample] = row + 1
                if state.pixels[sample] == pixel:
                    _numbers(layers, weights, state, scratch, sample, pixel)
                state.pixels[sample] += 1
            earlier_colours = known[pixel * colours : step]
            _logits(weights.values, state.numbers[sample], earlier_colours, colours, scratch.mixture, block.logits)
            if not take(block, sample, i):
                break


def _packed(matrices: Sequence[Tensor], *shape: int) -> Float32s:
    """Matrices (…, in, out), of which there may be none, packed and stacked. shape: of one."""
    return pack(np.array([array(matrix) for matrix in matrices], np.float32).reshape(len(matrices), *shape))


def _biases(layers: Sequence[nn.Conv2d | nn.ConvTranspose2d], channels: int) -> Float32s:
    """(layers, channels)"""
    biases = [array(cast(Tensor, layer.bias)) for layer in layers]
    return np.array(biases, np.float32).reshape(len(biases), channels)


def _by_row(convolution: nn.Conv2d) -> Tensor:
    """The weights of a convolution by the rows of its kernel: (rows, columns * in, out)."""
    return convolution.weight.permute(2, 3, 1, 0).flatten(1, 2)


def _pack_stream(
    begin: tuple[Tensor, Tensor],
    blocks: Sequence[GatedBlock],
    short_cuts: Sequence[Tensor],
    halvings: Sequence[nn.Conv2d],
    doublings: Sequence[nn.ConvTranspose2d],
) -> Stream:
    """begin: weights (2, columns * in, C) and bias (C,). short_cuts: (2C, C), of each block."""
    channels, columns = blocks[0].first.out_channels, blocks[0].kernel[1]
    return Stream(
        begin=pack(array(begin[0])),
        begin_bias=array(begin[1]),
        first=_packed([_by_row(block.first) for block in blocks], 2, columns * 2 * channels, channels),
        first_bias=_biases([block.first for block in blocks], channels),
        short_cut=_packed(short_cuts, 2 * channels, channels),
        second=_packed([_by_row(block.second) for block in blocks], 2, columns * 2 * channels, 2 * channels),
        halving=_packed([_by_row(layer).flatten(0, 1) for layer in halvings], 2 * columns * channels, channels),
        halving_bias=_biases(halvings, channels),
        doubling=_packed(
            [layer.weight.permute(2, 3, 0, 1).flatten(0, 1) for layer in doublings], 4, channels, channels
        ),
        doubling_bias=_biases(doublings, channels),
    )


def _pack(
    model: PixelCNNPP, streams: Sequence[Streams], halvings: Sequence[Halving], doublings: Sequence[Doubling]
) -> Weights:
    channels, planes = model.config.channels, model.image_chain.channels + 1
    halves = [(block.down, block.down_right) for block in streams]
    none = torch.zeros(2 * channels, channels)
    down_cuts, right_cuts, shares = [], [], []
    for down, right in halves:
        aside = torch.unflatten(cast(nn.Conv2d, right.aside).weight[..., 0, 0].T, 0, (2, -1))
        shares.append(aside[:, :channels].flatten(0, 1))
        right_cuts.append(none if down.aside is None else aside[:, channels:].flatten(0, 1))
        down_cuts.append(none if down.aside is None else down.aside.weight[..., 0, 0].T)
    # One kernel for what the down-right stream begins with: the left part is seen in the row above, too.
    begin_right = F.pad(_by_row(model.first_above), (0, 0, 0, 0, 0, 1))
    begin_right[:, :planes] += _by_row(model.first_left)
    levels = torch.arange(model.chain.alphabet.size)
    return Weights(
        values=array(model.values(levels)),
        down=_pack_stream(
            (_by_row(model.first_down), cast(Tensor, model.first_down.bias)),
            [down for down, _ in halves],
            down_cuts,
            [layer.down for layer in halvings],
            [layer.down for layer in doublings],
        ),
        right=_pack_stream(
            (begin_right, cast(Tensor, model.first_above.bias) + cast(Tensor, model.first_left.bias)),
            [right for _, right in halves],
            right_cuts,
            [layer.down_right for layer in halvings],
            [layer.down_right for layer in doublings],
        ),
        share=_packed(shares, 2 * channels, channels),
        out=pack(_elu_only(array(model.out.weight[..., 0, 0].T))),
        out_bias=array(cast(Tensor, model.out.bias)),
    )


def _elu_only(weights: Float32s) -> Float32s:
    """Weights (C, out) of ELU of features, for ``concat_elu`` of them: (2C, out)."""
    return np.concatenate([weights, np.zeros_like(weights)])


class CompiledPixelCNNPP(CompiledDecoder):
    """Both streams of every sample."""

    model: PixelCNNPP

    @torch.inference_mode()
    def __init__(self, model: PixelCNNPP, condition: Tensor) -> None:
        super().__init__(model, condition)
        chain, channels, scales = model.image_chain, model.config.channels, model.config.scales
        height = [math.ceil(chain.height / 2**scale) for scale in range(scales)]
        width = [math.ceil(chain.width / 2**scale) for scale in range(scales)]
        table: list[tuple[int, int, int, int]] = []
        streams: list[Streams] = []
        node_scales = [0]

        def add(kind: int, index: int, scale: int, node_scale: int, short_cut: int = NONE) -> None:
            table.append((kind, index, scale, short_cut))
            node_scales.append(node_scale)

        def add_blocks(blocks: nn.Module, scale: int, short_cuts: list[int] | None) -> None:
            for block in cast(nn.ModuleList, blocks):
                add(BLOCK, len(streams), scale, scale, NONE if short_cuts is None else short_cuts.pop())
                streams.append(cast(Streams, block))

        for scale in range(scales):
            if scale > 0:
                add(HALVING, scale - 1, scale, scale)
            add_blocks(model.first_half[scale], scale, None)
        short_cuts = list(range(len(table)))
        for scale in reversed(range(scales)):
            if scale < scales - 1:
                add(DOUBLING, scale, scale + 1, scale)
            add_blocks(model.second_half[scale], scale, short_cuts)
        places = [(1 + h) * (2 + w) for h, w in zip(height, width, strict=True)]
        kind, index, scale_of, short_cut = np.array(table, np.int64).T.copy()
        nodes = np.cumsum([0, *(places[scale] for scale in node_scales)])
        inner = np.cumsum([0, *(places[row[2]] if row[0] == BLOCK else 0 for row in table)])
        self._layers = Layers(
            kind=kind,
            number=index,
            scale=scale_of,
            short_cut=short_cut,
            inner=inner,
            node=nodes,
            height=np.array(height, np.int64),
            width=np.array(width, np.int64),
        )
        self._weights = _pack(
            model,
            streams,
            [cast(Halving, layer) for layer in model.halvings],
            [cast(Doubling, layer) for layer in model.doublings],
        )
        own_bias = torch.stack([torch.cat([s.down.second.bias, s.down_right.second.bias]) for s in streams])  # type: ignore[list-item]
        biases = torch.unflatten(model.block_biases(condition) + own_bias, 2, (2, -1)).transpose(1, 2)

        def zeros(*shape: int) -> Float32s:
            return np.zeros((self.rows, *shape), np.float32)

        self._state = State(
            seen=np.zeros(self.rows, np.int64),
            rows=np.zeros(self.rows, np.int64),
            pixels=np.zeros(self.rows, np.int64),
            planes=zeros(2 + chain.height, 2 + chain.width, chain.channels + 1),
            down=zeros(int(nodes[-1]), 2 * channels),
            right=zeros(int(nodes[-1]), 2 * channels),
            down_inner=zeros(int(inner[-1]), 2 * channels),
            right_inner=zeros(int(inner[-1]), 2 * channels),
            share=zeros(int(inner[-1]), channels),
            numbers=zeros(model.out.out_channels),
            bias=array(biases),
        )

    @torch.inference_mode()
    def peek(self) -> Conditional:
        """The mixture itself, of which the kernel knows but the levels' masses."""
        super().peek()
        colours = self.model.image_chain.channels
        colour = self.step % colours
        pixels = np.zeros((self.rows, colours), np.int64)
        pixels[:, :colour] = self.symbols[:, self.step - colour :]
        return self.model.mixture(torch.tensor(self._state.numbers), torch.from_numpy(pixels))[:, colour]

    def _walk(self, block: Block) -> None:
        width, channels = int(self._layers.width[0]), self._state.share.shape[2]
        scratch = Scratch(
            sums=np.zeros((width, round_up(2 * channels, TILE)), np.float32),
            patches=np.empty((width, 6 * channels), np.float32),
            numbers=np.zeros(round_up(self._state.numbers.shape[1], TILE), np.float32),
            mixture=np.empty((3, self.model.config.components)),
        )
        _walk(self._layers, self._weights, self._state, scratch, block)

    def _rewind(self, step: int) -> None:
        pixel = step // self.model.image_chain.channels
        for progress, least in (
            (self._state.seen, step),
            (self._state.pixels, pixel),
            (self._state.rows, pixel // self.model.image_chain.width + 1),
        ):
            np.minimum(progress, least, out=progress)

    def _select(self, rows: list[int]) -> None:
        self._state = rows_of(self._state, rows)


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size of network."""
    sizes = {"channels": 1, "blocks": 1, "scales": 2, "components": 1, "dropout": 0}
    model = PixelCNNPP(ModelSpec(PixelCNNPP.architecture, ImageChain(GreyLevels(2), 2, 2), (), sizes))
    walk_tiny(CompiledPixelCNNPP(model, model.condition_tensor({})))
