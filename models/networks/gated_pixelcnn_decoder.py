"""The Gated PixelCNN's incremental decoder in torch: each pixel costs what is new, on any device.

The vertical stack is computed a row at a time, when the first pixel of the row below is asked for; the horizontal
stack a pixel at a time; the head a colour at a time. Convolutions are matrix products over the features that a
kernel's taps find.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from models.chain import Symbols
from models.conditional import Categorical
from models.decoder import Decoder
from models.networks.gated_pixelcnn import GatedLayer, GatedPixelCNN, gate

STALE = -1
"""Columns of a row whose input from the vertical stack is not there."""


def matrix(convolution: nn.Conv2d) -> Tensor:
    """The weights of a convolution as a matrix (rows * columns * in, out)."""
    return convolution.weight.detach().permute(2, 3, 1, 0).reshape(-1, convolution.out_channels).contiguous()


def by_colour(convolution: nn.Conv2d, colours: int) -> list[tuple[Tensor, Tensor]]:
    """The weights (in, out) and biases (out,) of a convolution of one tap, a pair for each colour."""
    bias = cast(Tensor, convolution.bias).detach()
    return list(zip(matrix(convolution).chunk(colours, 1), bias.chunk(colours), strict=True))


class LayerState:
    """One layer's weights as matrices, and the inputs that it has seen.

    v: (B, dilation + H, W + 2 dilation, C), the vertical stack's, with zeros around. h: (B, dilation + W, C), the
    horizontal stack's in the present row. from_above: (B, W, 2C), the vertical stack's share in the present row.
    """

    def __init__(self, layer: GatedLayer, bias: Tensor, height: int, width: int) -> None:
        rows, channels = bias.shape[0], layer.skip.in_channels
        self.dilation = layer.dilation
        self.vertical = matrix(layer.vertical)
        self.vertical_to_horizontal = matrix(layer.vertical_to_horizontal)
        self.horizontal = matrix(layer.horizontal)
        self.skip, self.skip_bias = matrix(layer.skip), cast(Tensor, layer.skip.bias).detach()
        self.residual = None if layer.residual is None else matrix(layer.residual)
        self.residual_bias = None if layer.residual is None else cast(Tensor, layer.residual.bias).detach()
        self.v_bias, self.h_bias = bias[:, None].chunk(2, -1)
        self.v = bias.new_zeros(rows, layer.dilation + height, width + 2 * layer.dilation, channels)
        self.h = bias.new_zeros(rows, layer.dilation + width, channels)
        self.from_above = bias.new_zeros(rows, width, 2 * channels)

    def select(self, rows: Tensor) -> LayerState:
        """A copy that has seen what the given rows have."""
        chosen = copy.copy(self)
        for name in ("v_bias", "h_bias", "v", "h", "from_above"):
            setattr(chosen, name, getattr(self, name)[rows])
        return chosen


class CachedGatedPixelCNN(Decoder):
    """Incremental walk of a batch in torch."""

    engine = "cached"
    model: GatedPixelCNN

    @torch.inference_mode()
    def __init__(self, model: GatedPixelCNN, condition: Tensor) -> None:
        super().__init__(model, condition)
        chain = model.image_chain
        self._height, self._width = chain.height, chain.width
        reach = model.config.first_rows
        self._first_vertical, self._first_horizontal = matrix(model.first_vertical), matrix(model.first_horizontal)
        self._heads, self._outs = by_colour(model.head, chain.channels), by_colour(model.out, chain.channels)
        # What each colour is told of those before it: matrices (K, head).
        tables = [cast(nn.Embedding, table).weight.detach() for table in model.tables]
        self._tables = [
            [table.chunk(chain.channels - 1 - n, 1)[colour - 1 - n] for n, table in enumerate(tables[:colour])]
            for colour in range(chain.channels)
        ]
        self._layers = [
            LayerState(cast(GatedLayer, layer), bias, self._height, self._width)
            for layer, bias in zip(model.layers, model.layer_biases(condition).unbind(1), strict=True)
        ]
        # Intensities and ones of what was pushed, with zeros around: (B, reach - 1 + H, W + 2 reach, colours + 1).
        padded_height, padded_width = reach - 1 + self._height, self._width + 2 * reach
        self._planes = model.bias.new_zeros(self.rows, padded_height, padded_width, chain.channels + 1)
        # How far the vertical stack has been computed, and the horizontal one in the row below.
        self._rows_done, self._columns_done = 0, STALE
        self._skips = model.bias.new_zeros(self.rows, model.config.channels)
        self._logits: Tensor | None = None

    @torch.inference_mode()
    def peek(self) -> Categorical:
        if self._logits is None:
            row, column, colour = self.model.image_chain.position(self.step)
            if row == 0 and self._columns_done == STALE:
                for layer in self._layers:
                    layer.from_above = layer.h_bias.expand(-1, self._width, -1)
                self._columns_done = 0
            while self._rows_done < row:
                self._vertical_row(self._rows_done)
                self._rows_done, self._columns_done = self._rows_done + 1, 0
            while self._columns_done <= column:
                self._skips = self._horizontal_pixel(row, self._columns_done)
                self._columns_done += 1
            self._logits = self._head(colour)
        return Categorical(self._logits)

    def _vertical_row(self, row: int) -> None:
        """The vertical stack at a row whose symbols are known, and its share in the row below."""
        reach, width = self.model.config.first_rows, self._width
        shifts = range(2 * reach + 1)
        taps = [self._planes[:, row + above, shift : shift + width] for above in range(reach) for shift in shifts]
        v = torch.cat(taps, -1) @ self._first_vertical + cast(Tensor, self.model.first_vertical.bias)
        for layer in self._layers:
            d = layer.dilation
            layer.v[:, d + row, d : d + width] = v
            taps = [layer.v[:, r, shift : shift + width] for r in (row, row + d) for shift in (0, d, 2 * d)]
            features = torch.cat(taps, -1) @ layer.vertical + layer.v_bias
            layer.from_above = features @ layer.vertical_to_horizontal + layer.h_bias
            v = gate(features.transpose(1, 2)).transpose(1, 2)

    def _horizontal_pixel(self, row: int, column: int) -> Tensor:
        """The horizontal stack at a pixel; returns the sum of the skip connections (B, C)."""
        reach = self.model.config.first_rows
        patch = self._planes[:, reach - 1 + row, column : column + reach].flatten(1)
        h = torch.addmm(cast(Tensor, self.model.first_horizontal.bias), patch, self._first_horizontal)
        if row > 0:
            first = self._layers[0]
            h = h + first.v[:, first.dilation + row - 1, first.dilation + column]
        skips = torch.zeros_like(h)
        for layer in self._layers:
            d = layer.dilation
            layer.h[:, d + column] = h
            both = torch.cat([layer.h[:, column], h], -1)
            gated = gate(torch.addmm(layer.from_above[:, column], both, layer.horizontal))
            skips += torch.addmm(layer.skip_bias, gated, layer.skip)
            if layer.residual is not None and layer.residual_bias is not None:
                h = h + torch.addmm(layer.residual_bias, gated, layer.residual)
        return skips

    def _head(self, colour: int) -> Tensor:
        """The logits (B, K) of a colour of the pixel that the skips are of."""
        (head, head_bias), (out, out_bias) = self._heads[colour], self._outs[colour]
        hidden = torch.addmm(head_bias, self._skips.relu(), head)
        earlier = torch.from_numpy(self.symbols[:, self.step - colour :].T).to(hidden.device)
        for values, table in zip(earlier, self._tables[colour], strict=True):
            hidden = hidden + table[values]
        return torch.addmm(out_bias, hidden.relu_(), out)

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        reach = self.model.config.first_rows
        row, at, colour = self.model.image_chain.position(self.step)
        levels = self.model.image_chain.alphabet.levels
        intensity = torch.from_numpy(column).to(self._planes) * (2 / (levels - 1)) - 1
        self._planes[:, reach - 1 + row, reach + at, colour] = intensity
        self._planes[:, reach - 1 + row, reach + at, -1] = 1
        self._logits = None

    def _rewind(self, step: int) -> None:
        row, column, _ = self.model.image_chain.position(step)
        self._logits = None
        if self._rows_done > row or (self._rows_done == row and self._columns_done == STALE):
            # The share from above is there for one row only: to have another's, the row above is computed again.
            self._rows_done, self._columns_done = max(row - 1, 0), STALE
        elif self._rows_done == row:
            self._columns_done = min(self._columns_done, column)

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        index = torch.tensor(rows, device=self._planes.device)
        self._layers = [layer.select(index) for layer in self._layers]
        self._planes, self._skips = self._planes[index], self._skips[index]
        self._logits = None if self._logits is None else self._logits[index]
