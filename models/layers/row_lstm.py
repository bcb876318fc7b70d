"""A Row LSTM layer, over a whole image and pixel by pixel. What it is for ``models.networks.row_lstm`` tells.

Input and output have 2h features a pixel, the hidden states and the cells h, the gates 4h: of the output, of
forgetting, of the input, and the content. The gates' bias is what the layer is told of the condition: the same
everywhere, or a map of its own for every pixel (section 3.6 of the paper).
"""

from __future__ import annotations

import copy
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers.masked_convolution import MaskedConv2d, lstm

KERNEL = 3
"""Columns of both kernels along a row."""
GATES = 4


class RowLSTMLayer(nn.Module):
    """x + 1x1(LSTM down the rows of x)."""

    def __init__(self, hidden: int, colours: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.input_to_state = MaskedConv2d(2 * hidden, GATES * hidden, KERNEL, colours, own=True, rows=1, maps=GATES)
        self.state_to_state = nn.Conv1d(hidden, GATES * hidden, KERNEL, bias=False)
        self.widen = MaskedConv2d(hidden, 2 * hidden, 1, colours, own=True)

    def state_to_state_matrix(self) -> Tensor:
        """(KERNEL * hidden, 4 * hidden)."""
        return self.state_to_state.weight.permute(2, 1, 0).flatten(0, 1)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x: (B, 2 hidden, H, W). bias: (B, 4 hidden, H, W), or 1 for H and W where it is the same everywhere."""
        inputs = (self.input_to_state(x) + bias).permute(2, 0, 3, 1).contiguous()
        matrix = self.state_to_state_matrix().to(inputs.dtype)  # once, which autocast would do for every row
        h = cell = inputs.new_zeros(*inputs.shape[1:3], self.hidden)
        rows = []
        for row in inputs.unbind(0):
            h, cell = lstm(row + from_above(h, matrix), cell)
            rows.append(h)
        widened: Tensor = self.widen(torch.stack(rows).permute(1, 3, 0, 2))
        return x + widened


def from_above(states: Tensor, matrix: Tensor) -> Tensor:
    """What a row hears of the hidden states of the one above: (B, W, hidden) to (B, W, 4 hidden)."""
    width, side = states.shape[1], KERNEL // 2
    padded = F.pad(states, (0, 0, side, side))
    return torch.cat([padded[:, shift : shift + width] for shift in range(KERNEL)], -1) @ matrix


class RowLSTMPixels:
    """A layer pixel by pixel, in raster order, on images of one size.

    All that it computes is kept and overwritten when the walk comes by again. Nothing reads what comes later, so that
    a walk may go back to any pixel as it is.
    """

    def __init__(self, layer: RowLSTMLayer, batch: int, height: int, width: int) -> None:
        self._from_left, self._widen = layer.input_to_state.causal(), layer.widen.causal()
        self._matrix = layer.state_to_state_matrix().detach()
        zeros, side = layer.state_to_state.weight.new_zeros, KERNEL // 2
        # The input with zeros to the left, states and cells with a row of zeros above.
        self._inputs = zeros(batch, height, side + width, 2 * layer.hidden)
        self._states = zeros(batch, 1 + height, width, layer.hidden)
        self._cells = zeros(batch, 1 + height, width, layer.hidden)
        self._gates = zeros(batch, width, GATES * layer.hidden)

    def enter(self, row: int, bias: Tensor) -> None:
        """What a row's gates hear from above and of the bias (B, W or 1, 4 hidden); the rows above are done."""
        self._gates = from_above(self._states[:, row], self._matrix) + bias

    def pixel(self, x: Tensor, row: int, column: int) -> Tensor:
        """The layer at a pixel of the row entered: from (B, 2 hidden) there to as many."""
        self._inputs[:, row, KERNEL // 2 + column] = x
        seen = self._inputs[:, row, column : column + KERNEL // 2 + 1].flatten(1)
        gates = torch.addmm(self._from_left[1], seen, self._from_left[0]) + self._gates[:, column]
        h, cell = lstm(gates, self._cells[:, row, column])
        self._states[:, row + 1, column], self._cells[:, row + 1, column] = h, cell
        return x + torch.addmm(self._widen[1], h, self._widen[0])

    def select(self, rows: Tensor) -> Self:
        """The same with copies of the given rows of the batch."""
        chosen = copy.copy(self)
        for name in ("_inputs", "_states", "_cells", "_gates"):
            setattr(chosen, name, getattr(self, name)[rows])
        return chosen
