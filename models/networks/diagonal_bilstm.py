"""PixelRNN with Diagonal BiLSTMs: two LSTMs that walk over the diagonals of the image, from both upper corners.

Paper: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016
(arXiv:1601.06759), sections 3.2 and 3.3, table 1.

The LSTM that starts in the upper left corner hears, at a pixel, of the pixel to its left and of the one above. All
pixels of a diagonal, r + c = d, can be computed at once from the diagonal before. To have diagonals as columns the map
is *skewed*: each row is moved one place further right than the row above it. The pixel to the left then stands in the
same row of the column before, the pixel above in the row above of that column, and the *state-to-state* part K_ss is a
convolution of 2 x 1 down the column; the *input-to-state* part K_is, a masked 1 x 1 convolution, is computed for the
whole image at once:

    o, f, i, g = sigma(K_ss * h_before + K_is * x)        sigma: the logistic function; tanh for the content g
    c = f c_before + i g
    h = o tanh(c)

The other LSTM does the same from the upper right corner. What it knows at a pixel includes pixels to the right, which
come later: its map is shifted down by one row before it is added to that of the first. From then on a pixel hears of
everything above and to the left of it from the one, and of everything above and to the right from the other: already
one layer sees all that came before, but for one pixel. A value is in no features at its own pixel (mask A), only from
the next one on, and the last pixel of a row has none: of it, the row below learns only within the first kernel's three
columns; the rows below that one hear of it from the right.

The layer's input has 2h features, its gates h each; a masked 1 x 1 convolution brings the sum back to 2h, and the input
is added (figure 5, right). What lies outside the image has states of zero. The masks between the colours are those of
``masked_convolution``; the weights do not grow with the image.

Deviations from the paper: the condition, which it does not have, is a bias of every layer's gates; pixels enter as real
numbers in -1 … 1; binary images have a softmax over two symbols for its sigmoid.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.decoder import Decoder
from models.layers.masked_convolution import MaskedConv2d, PixelDecoder, lstm
from models.layers.pixel_rnn import PixelRNN

GATES = 4
WAYS = 2
"""From the left and from the right."""


def skew(x: Tensor) -> Tensor:
    """Row r moved right by r places, (…, H, W, C) to (…, H, W + H - 1, C), with zeros around."""
    height, width = x.shape[-3:-1]
    flat = F.pad(x, (0, 0, 0, height)).flatten(-3, -2)[..., :-height, :]
    return torch.unflatten(flat, -2, (height, width + height - 1))


def unskew(x: Tensor) -> Tensor:
    """Every row back to its place, (…, H, W + H - 1, C) to (…, H, W, C)."""
    height, diagonals = x.shape[-3:-1]
    rows = torch.unflatten(F.pad(x.flatten(-3, -2), (0, 0, 0, height)), -2, (height, diagonals + 1))
    return rows[..., : diagonals - height + 1, :]


def shift_down(x: Tensor) -> Tensor:
    """Row r gets what row r - 1 had: (…, H, W, C)."""
    return F.pad(x, (0, 0, 0, 0, 1, 0))[..., :-1, :, :]


class DiagonalBiLSTMLayer(nn.Module):
    """x + 1x1(LSTM from the left + LSTM from the right, a row further down)."""

    def __init__(self, hidden: int, colours: int) -> None:
        super().__init__()
        self.hidden = hidden
        # The gates of the LSTM from the left stand before those of the one from the right.
        self.input_to_state = MaskedConv2d(2 * hidden, WAYS * GATES * hidden, 1, colours, own=True, maps=WAYS * GATES)
        self.state_to_state = nn.Conv1d(WAYS * hidden, WAYS * GATES * hidden, 2, groups=WAYS, bias=False)
        self.widen = MaskedConv2d(hidden, 2 * hidden, 1, colours, own=True)

    def from_before(self) -> Tensor:
        """The state-to-state convolutions as matrices, (ways, 2 * hidden, 4 * hidden): the row above, then its own."""
        each = torch.unflatten(self.state_to_state.weight, 0, (WAYS, -1))
        return each.permute(0, 3, 2, 1).flatten(1, 2)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x: (B, 2 hidden, H, W). bias: (B, 2 * 4 hidden, 1, 1)."""
        left, right = (self.input_to_state(x) + bias).movedim(1, -1).chunk(WAYS, -1)
        # (ways, B, H, diagonals, 4 hidden), from the right as in a mirror.
        inputs = skew(torch.stack([left, right.flip(-2)]))
        weights, width = self.from_before(), x.shape[-1]
        batch, height = inputs.shape[1:3]
        h = cell = self.state_to_state.weight.new_zeros(WAYS, batch, 0, self.hidden)
        first, states = 0, []
        for diagonal, column in enumerate(inputs.unbind(3)):
            # Only the rows that the diagonal crosses; of the diagonal before there is one row less or more at an end.
            start, stop = max(0, diagonal - width + 1), min(diagonal + 1, height)
            rows, skipped = stop - start, start - first
            h, cell = F.pad(h, (0, 0, 1, 1)), F.pad(cell, (0, 0, 1, 1))
            above, own = h[:, :, skipped : skipped + rows], h[:, :, skipped + 1 : skipped + 1 + rows]
            heard = torch.cat([above, own], -1).flatten(1, 2) @ weights
            gates = column[:, :, start:stop] + torch.unflatten(heard, 1, (batch, rows))
            h, cell = lstm(gates, cell[:, :, skipped + 1 : skipped + 1 + rows])
            first = start
            states.append(F.pad(h, (0, 0, start, height - stop)))
        left, right = unskew(torch.stack(states, 3)).unbind(0)
        widened: Tensor = self.widen((left + shift_down(right.flip(-2))).movedim(-1, 1))
        return x + widened


class DiagonalBiLSTM(PixelRNN):
    """A PixelRNN with Diagonal BiLSTMs."""

    architecture = "diagonal_bilstm"
    title = "Diagonal BiLSTM"
    gates = WAYS * GATES

    def layer(self, hidden: int, colours: int) -> nn.Module:
        return DiagonalBiLSTMLayer(hidden, colours)

    def cached(self, condition: Tensor) -> Decoder:
        return CachedDiagonalBiLSTM(self, condition)


class CachedDiagonalBiLSTM(PixelDecoder):
    """The LSTM from the left goes a pixel at a time; the other a row at a time, once the row is known.

    Below a pixel's layer the map from the right is that of the row above, which is complete when the pixel is asked
    for: the LSTM from the right then walks that row, in all layers at once, since their inputs are all there.
    """

    model: DiagonalBiLSTM

    @torch.inference_mode()
    def __init__(self, model: DiagonalBiLSTM, condition: Tensor) -> None:
        super().__init__(model, condition, model.image_chain, model.first, model.head, model.out)
        chain, hidden, weight = model.image_chain, model.config.hidden, model.first.weight
        layers = [cast(DiagonalBiLSTMLayer, layer) for layer in model.layers]
        enter = [layer.input_to_state.causal() for layer in layers]
        states = torch.stack([layer.from_before().detach() for layer in layers], 1)
        left, right = torch.stack([matrix for matrix, _ in enter]).chunk(WAYS, -1)
        biases = torch.stack([bias for _, bias in enter]) + model.layer_biases(condition).to(weight.dtype)
        # From the left, layer by layer.
        self._left = list(zip(left, states[0], [layer.widen.causal() for layer in layers], strict=True))
        # From the right, all layers in one: (layers, 2 hidden, 4 hidden).
        self._right = right, states[1]
        self._left_bias, self._right_bias = biases.chunk(WAYS, -1)

        # With zeros above and beside. (B, layers, …), what a pixel of every layer got in and what it remembers.
        def room(height: int, width: int, features: int) -> Tensor:
            return weight.new_zeros(self.rows, len(layers), height, width, features)

        self._inputs = room(chain.height, chain.width, 2 * hidden)
        self._from_left = room(1 + chain.height, 1 + chain.width, hidden)
        self._left_cells = room(chain.height, 1 + chain.width, hidden)
        self._from_right = room(1 + chain.height, chain.width, hidden)
        self._rows_done = 0

    def _features(self, x: Tensor, row: int, column: int) -> Tensor:
        while self._rows_done < row:
            self._right_row(self._rows_done)
            self._rows_done += 1
        for n, (enter, before, widen) in enumerate(self._left):
            self._inputs[:, n, row, column] = x
            known = torch.cat([self._from_left[:, n, row, column + 1], self._from_left[:, n, row + 1, column]], -1)
            gates = torch.addmm(self._left_bias[:, n], x, enter) + known @ before
            h, cell = lstm(gates, self._left_cells[:, n, row, column])
            self._from_left[:, n, row + 1, column + 1], self._left_cells[:, n, row, column + 1] = h, cell
            x = x + torch.addmm(widen[1], h + self._from_right[:, n, row, column], widen[0])
        return x

    def _right_row(self, row: int) -> None:
        """The LSTM from the right on a row that is known, from its end to its beginning."""
        enter, before = self._right
        # (layers, B, columns, features)
        inputs = self._inputs[:, :, row].transpose(0, 1)
        gates = (
            torch.unflatten(inputs.flatten(1, 2) @ enter, 1, inputs.shape[1:3])
            + self._right_bias.transpose(0, 1)[:, :, None]
        )
        above = self._from_right[:, :, row].transpose(0, 1)
        h = cell = above.new_zeros(above[:, :, 0].shape)
        for column in reversed(range(inputs.shape[2])):
            h, cell = lstm(gates[:, :, column] + torch.cat([above[:, :, column], h], -1) @ before, cell)
            self._from_right[:, :, row + 1, column] = h.transpose(0, 1)

    def _rewind(self, step: int) -> None:
        super()._rewind(step)
        self._rows_done = min(self._rows_done, self._chain.position(step)[0])

    def _pick(self, rows: Tensor) -> None:
        for name in ("_left_bias", "_right_bias", "_inputs", "_from_left", "_left_cells", "_from_right"):
            setattr(self, name, getattr(self, name)[rows])
