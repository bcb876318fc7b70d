"""The PixelCNN++'s incremental decoder in torch: each pixel costs what is new, on any device.

The down stream is computed a row at a time, when the first pixel of the row is asked for: it knows the rows above
alone. The down-right stream is computed a pixel at a time, when the pixel's first colour is asked for; the other
colours only weigh the pixel's components anew.

A place of scale s stands for 2^s x 2^s pixels and knows what comes before the upper left one. So it is computed there,
in rows and columns that 2^s divides; doubled, it waits in the finer scale for the other pixels that it stands for.

What a layer reads is kept for the whole image. It is never what comes later, so that features of a walk that was
rewound need not be removed.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import Symbols
from models.conditional import MixtureOfLogistics
from models.decoder import Decoder
from models.networks.pixelcnn_pp import DOWN, Doubling, Halving, PixelCNNPP, Streams, concat_elu


class Node:
    """What both streams have after a layer, with zeros around: each (B, 1 + H, 1 + W + 1, C) of its own scale."""

    def __init__(self, down: Tensor, right: Tensor) -> None:
        self.down = down
        self.right = right

    def select(self, rows: Tensor) -> Node:
        """A copy of the given rows."""
        return Node(self.down[rows], self.right[rows])


def inside(features: Tensor, row: int) -> Tensor:
    """A row without the zeros around it, (B, W, C)."""
    return features[:, row + 1, 1:-1]


def taps(features: Tensor, row: int, stride: int = 1) -> list[Tensor]:
    """What the down stream's kernel finds along a row: six times (B, W, C); of a stride of 2 the halved row and W."""
    height, width = DOWN
    stop = features.shape[2] - width + 1
    return [features[:, stride * row + i, j : j + stop : stride] for i in range(height) for j in range(width)]


def patch(features: Tensor, row: int, column: int) -> Tensor:
    """What the down-right stream's kernel finds at a place whose lower right pixel this is: (B, 4C)."""
    return features[:, row : row + 2, column : column + 2].flatten(1)


def matrix(convolution: nn.Conv2d) -> Tensor:
    """The weights of a convolution as a matrix (rows * columns * in, out)."""
    return convolution.weight.detach().permute(2, 3, 1, 0).flatten(0, 2).contiguous()


def halves(convolution: nn.Conv2d) -> Tensor:
    """The weights of a convolution of ``concat_elu``, those of x before those of -x: (2, rows * columns * in, out)."""
    outputs, inputs, height, width = convolution.weight.shape
    weight = convolution.weight.detach().reshape(outputs, 2, inputs // 2, height, width)
    return weight.permute(1, 3, 4, 2, 0).flatten(1, 3)


def bias_of(convolution: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    return cast(Tensor, convolution.bias).detach()


class Layer(ABC):
    """A layer of both streams: it reads the node before it and writes the one after it."""

    per_row: tuple[str, ...] = ()
    """Its tensors with an entry for each row of the batch."""

    def __init__(self, scale: int) -> None:
        """scale: in whose rows and columns it is computed."""
        self.scale = scale

    @abstractmethod
    def row(self, nodes: Sequence[Node], at: int, row: int) -> None:
        """The down stream, from the node ``at`` to the next, at a row of its scale."""

    @abstractmethod
    def pixel(self, nodes: Sequence[Node], at: int, row: int, column: int) -> None:
        """The down-right stream at a place of its scale."""

    def select(self, rows: Tensor) -> Self:
        """A copy that has seen what the given rows of the batch have."""
        chosen = copy.copy(self)
        for name in self.per_row:
            setattr(chosen, name, getattr(self, name)[rows])
        return chosen


class BlockLayer(Layer):
    """A gated block of each stream. What the down stream's gives the other one's is computed along with its row."""

    per_row = ("down_bias", "right_bias", "share", "down_inner", "right_inner")

    def __init__(self, scale: int, block: Streams, short_cut: int | None, bias: Tensor, like: Node) -> None:
        """short_cut: from which node. bias: of the class (B, 4C). like: a node of this scale."""
        super().__init__(scale)
        self.short_cut = short_cut
        channels = like.down.shape[-1]
        of_down, of_right = (halves(b.first) for b in (block.down, block.down_right))
        aside = halves(cast(nn.Conv2d, block.down_right.aside))
        if short_cut is not None:
            of_down = torch.cat([of_down, halves(cast(nn.Conv2d, block.down.aside))], 1)
            of_right = torch.cat([of_right, aside[:, channels:]], 1)
        self.down_first, self.right_first, self.sharing = (
            w.flatten(0, 1) for w in (of_down, of_right, aside[:, :channels])
        )
        self.down_first_bias, self.right_first_bias = bias_of(block.down.first), bias_of(block.down_right.first)
        self.down_second, self.right_second = (halves(b.second).flatten(0, 1) for b in (block.down, block.down_right))
        down_bias, right_bias = bias.chunk(2, -1)
        self.down_bias = (down_bias + bias_of(block.down.second))[:, None]
        self.right_bias = right_bias + bias_of(block.down_right.second)
        # What enters the down-right stream's first convolution from the side; what the second ones read.
        self.share = torch.zeros_like(like.down)
        self.down_inner, self.right_inner = torch.zeros_like(like.down), torch.zeros_like(like.right)

    def row(self, nodes: Sequence[Node], at: int, row: int) -> None:
        x = nodes[at].down
        short_cut = [] if self.short_cut is None else [inside(nodes[self.short_cut].down, row)]
        seen = concat_elu(torch.cat(taps(x, row) + short_cut, -1), -1)
        inside(self.down_inner, row).copy_(seen @ self.down_first + self.down_first_bias)
        both = concat_elu(torch.cat(taps(self.down_inner, row), -1), -1) @ self.down_second + self.down_bias
        result = gated(inside(x, row), both)
        inside(nodes[at + 1].down, row).copy_(result)
        inside(self.share, row).copy_(concat_elu(result, -1) @ self.sharing + self.right_first_bias)

    def pixel(self, nodes: Sequence[Node], at: int, row: int, column: int) -> None:
        x, place = nodes[at].right, (slice(None), row + 1, column + 1)
        seen = patch(x, row, column)
        if self.short_cut is not None:
            seen = torch.cat([seen, nodes[self.short_cut].right[place]], -1)
        self.right_inner[place] = torch.addmm(self.share[place], concat_elu(seen, -1), self.right_first)
        inner = concat_elu(patch(self.right_inner, row, column), -1)
        both = torch.addmm(self.right_bias, inner, self.right_second)
        nodes[at + 1].right[place] = gated(x[place], both)


def gated(x: Tensor, both: Tensor) -> Tensor:
    """x + content * sigmoid(opening)."""
    content, opening = both.chunk(2, -1)
    return torch.addcmul(x, content, opening.sigmoid())


class HalvingLayer(Layer):
    """To the next scale."""

    def __init__(self, scale: int, halving: Halving) -> None:
        super().__init__(scale)
        self.down, self.down_bias = matrix(halving.down), bias_of(halving.down)
        self.right, self.right_bias = matrix(halving.down_right), bias_of(halving.down_right)

    def row(self, nodes: Sequence[Node], at: int, row: int) -> None:
        seen = torch.cat(taps(nodes[at].down, row, 2), -1)
        inside(nodes[at + 1].down, row).copy_(seen @ self.down + self.down_bias)

    def pixel(self, nodes: Sequence[Node], at: int, row: int, column: int) -> None:
        seen = patch(nodes[at].right, 2 * row, 2 * column)
        nodes[at + 1].right[:, row + 1, column + 1] = torch.addmm(self.right_bias, seen, self.right)


class DoublingLayer(Layer):
    """Back to the scale before: a place becomes 2 x 2, of which those beyond the image are left out."""

    def __init__(self, scale: int, doubling: Doubling) -> None:
        super().__init__(scale)
        weights = (doubling.down.weight, doubling.down_right.weight)
        # (in, out, 2, 2) to (in, 2 * 2 * out)
        self.down, self.right = (w.detach().permute(0, 2, 3, 1).flatten(1).contiguous() for w in weights)
        self.down_bias, self.right_bias = bias_of(doubling.down), bias_of(doubling.down_right)

    def row(self, nodes: Sequence[Node], at: int, row: int) -> None:
        coarse = inside(nodes[at].down, row)
        doubled = (coarse @ self.down).reshape(*coarse.shape[:-1], 2, 2, -1) + self.down_bias
        target = nodes[at + 1].down[:, 2 * row + 1 : 2 * row + 3, 1:-1]
        # (B, W, 2, 2, C) to (B, 2, 2W, C)
        wide = doubled.transpose(1, 2).flatten(2, 3)
        target.copy_(wide[:, : target.shape[1], : target.shape[2]])

    def pixel(self, nodes: Sequence[Node], at: int, row: int, column: int) -> None:
        coarse = nodes[at].right[:, row + 1, column + 1]
        doubled = (coarse @ self.right).reshape(len(coarse), 2, 2, -1) + self.right_bias
        target = nodes[at + 1].right[:, 1:, 1:-1][:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        target.copy_(doubled[:, : target.shape[1], : target.shape[2]])


class CachedPixelCNNPP(Decoder):
    """Incremental walk of a batch in torch."""

    engine = "cached"
    model: PixelCNNPP

    @torch.inference_mode()
    def __init__(self, model: PixelCNNPP, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._first = [matrix(layer) for layer in (model.first_down, model.first_above, model.first_left)]
        self._down_bias, self._above_bias = (
            bias_of(model.first_down),
            bias_of(model.first_above) + bias_of(model.first_left),
        )
        self._out, self._out_bias = matrix(model.out), bias_of(model.out)
        self._nodes = [self._node(0)]
        self._layers: list[Layer] = []
        self._build(model.block_biases(condition))
        # Values and ones of what was pushed, with two rows of zeros above and a column at either side.
        chain = model.image_chain
        self._planes = self._out.new_zeros(self.rows, 2 + chain.height, 2 + chain.width, chain.channels + 1)
        self._from_above = torch.zeros_like(self._nodes[0].down)
        self._rows_done = 0
        """Rows of which the down stream is there."""
        self._numbers: Tensor | None = None
        """Of the present pixel, (B, P)."""

    def _node(self, scale: int) -> Node:
        """Zeros for a layer of a scale."""
        chain = self.model.image_chain
        height, width = (math.ceil(side / 2**scale) for side in (chain.height, chain.width))
        shape = (self.rows, 1 + height, 2 + width, self.model.config.channels)
        return Node(self._out.new_zeros(shape), self._out.new_zeros(shape))

    def _build(self, biases: Tensor) -> None:
        """The layers, in the order in which the network goes through them. biases: (B, blocks, 4C)."""
        model, of_block = self.model, iter(biases.unbind(1))
        scales = range(model.config.scales)

        def add(layer: Layer, scale: int) -> None:
            self._layers.append(layer)
            self._nodes.append(self._node(scale))

        def add_blocks(blocks: nn.Module, scale: int, short_cuts: list[int] | None) -> None:
            for block in cast(nn.ModuleList, blocks):
                short_cut = None if short_cuts is None else short_cuts.pop()
                bias = next(of_block)
                add(BlockLayer(scale, cast(Streams, block), short_cut, bias, self._nodes[-1]), scale)

        for scale in scales:
            if scale > 0:
                add(HalvingLayer(scale, cast(Halving, model.halvings[scale - 1])), scale)
            add_blocks(model.first_half[scale], scale, None)
        short_cuts = list(range(len(self._nodes) - 1))
        for scale in reversed(scales):
            if scale < scales[-1]:
                add(DoublingLayer(scale + 1, cast(Doubling, model.doublings[scale])), scale)
            add_blocks(model.second_half[scale], scale, short_cuts)

    @torch.inference_mode()
    def peek(self) -> MixtureOfLogistics:
        colour = self.step % self.model.image_chain.channels
        pixels = np.zeros((self.rows, self.model.image_chain.channels), np.int64)
        pixels[:, :colour] = self.symbols[:, self.step - colour :]
        known = torch.from_numpy(pixels).to(self._planes.device)
        return self.model.mixture(self._pixel(), known)[:, colour]

    def _pixel(self) -> Tensor:
        """The numbers of the present pixel, (B, P); the streams are computed up to it."""
        if self._numbers is not None:
            return self._numbers
        row, column, _ = self.model.image_chain.position(self.step)
        while self._rows_done <= row:
            self._down_row(self._rows_done)
            self._rows_done += 1
        left = self._planes[:, row + 1 : row + 3, column].flatten(1)
        place = (slice(None), row + 1, column + 1)
        self._nodes[0].right[place] = torch.addmm(self._from_above[place], left, self._first[2])
        for at, layer in enumerate(self._layers):
            step = 2**layer.scale
            if row % step == column % step == 0:
                layer.pixel(self._nodes, at, row // step, column // step)
        self._numbers = torch.addmm(self._out_bias, F.elu(self._nodes[-1].right[place]), self._out)
        return self._numbers

    def _down_row(self, row: int) -> None:
        """The down stream in a row, and what it gives the other stream there."""
        above = taps(self._planes, row)
        inside(self._nodes[0].down, row).copy_(torch.cat(above, -1) @ self._first[0] + self._down_bias)
        inside(self._from_above, row).copy_(torch.cat(above[3:], -1) @ self._first[1] + self._above_bias)
        for at, layer in enumerate(self._layers):
            step = 2**layer.scale
            if row % step == 0:
                layer.row(self._nodes, at, row // step)

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        self._pixel()  # later pixels see its features
        row, at, colour = self.model.image_chain.position(self.step)
        self._planes[:, row + 2, at + 1, colour] = self.model.values(torch.from_numpy(column).to(self._planes.device))
        self._planes[:, row + 2, at + 1, -1] = 1
        if colour == self.model.image_chain.channels - 1:
            self._numbers = None

    def _rewind(self, step: int) -> None:
        row, _, _ = self.model.image_chain.position(step)
        self._rows_done = min(self._rows_done, row + 1)
        self._numbers = None

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        index = torch.tensor(rows, device=self._planes.device)
        self._nodes = [node.select(index) for node in self._nodes]
        self._layers = [layer.select(index) for layer in self._layers]
        self._planes, self._from_above = self._planes[index], self._from_above[index]
        self._numbers = None if self._numbers is None else self._numbers[index]
