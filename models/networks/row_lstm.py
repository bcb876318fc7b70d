"""PixelRNN with Row LSTMs: an LSTM that walks down the image and updates a whole row at each step.

Paper: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016
(arXiv:1601.06759), sections 3.1 and 3.3, table 1.

The four gates of a row hear two things: the *input-to-state* part K_is, a masked convolution of k x 1 along the row of
the layer's input, which is computed for the whole image at once; and the *state-to-state* part K_ss, a convolution of
k x 1, without a mask, of the hidden states of the row above, all of whose pixels are known (equation 3):

    o, f, i, g = sigma(K_ss * h_above + K_is * x)        sigma: the logistic function; tanh for the content g
    c = f c_above + i g
    h = o tanh(c)

So a pixel hears of the row above through k pixels, of the one above that through k + (k - 1), …: a triangle up to the
top of the image, which leaves the far ends of the rows above unseen, as far as the layers' own rows do not widen it.

The layer's input has 2h features, its gates h each; a masked 1 x 1 convolution brings the hidden states back to 2h, and
the input is added (figure 5, right). The states above the first row are zero. The masks between the colours are those
of ``masked_convolution``; the weights do not grow with the image.

Deviations from the paper: the condition, which it does not have, is a bias of every layer's gates; pixels enter as real
numbers in -1 … 1; binary images have a softmax over two symbols for its sigmoid.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from models.decoder import Decoder
from models.layers.masked_convolution import FIRST, PixelDecoder
from models.layers.pixel_rnn import PixelRNN
from models.layers.row_lstm import GATES, KERNEL, RowLSTMLayer, RowLSTMPixels

NOWHERE = -1
"""The row of a walk that has entered none."""


class RowLSTM(PixelRNN):
    """A PixelRNN with Row LSTMs."""

    architecture = "row_lstm"
    title = "Row LSTM"
    gates = GATES

    def layer(self, hidden: int, colours: int) -> nn.Module:
        return RowLSTMLayer(hidden, colours)

    @property
    def receptive_field(self) -> int | None:
        """Along the chain, up to the leftmost pixel that is seen of the top row; less than all between: a triangle."""
        chain = self.image_chain
        top = chain.height - 1
        # A column to the left for each row up, one in each layer's own row, and those of the first layer.
        left = top * (KERNEL // 2) + self.config.layers * (KERNEL // 2) + FIRST // 2
        if left >= chain.width - 1:
            return None
        return chain.step(top, left) + chain.channels - 1

    def cached(self, condition: Tensor) -> Decoder:
        return CachedRowLSTM(self, condition)


class CachedRowLSTM(PixelDecoder):
    """A pixel of a layer needs the hidden states of three pixels of the row above, the cell above, and its left."""

    model: RowLSTM

    @torch.inference_mode()
    def __init__(self, model: RowLSTM, condition: Tensor) -> None:
        super().__init__(model, condition, model.image_chain, model.first, model.head, model.out)
        chain = model.image_chain
        layers = [cast(RowLSTMLayer, layer) for layer in model.layers]
        self._layers = [RowLSTMPixels(layer, self.rows, chain.height, chain.width) for layer in layers]
        self._biases = list(model.layer_biases(condition).to(model.first.weight.dtype).unbind(1))
        self._entered = NOWHERE

    def _features(self, x: Tensor, row: int, column: int) -> Tensor:
        for layer, bias in zip(self._layers, self._biases, strict=True):
            if row != self._entered:
                layer.enter(row, bias[:, None])
            x = layer.pixel(x, row, column)
        self._entered = row
        return x

    def _rewind(self, step: int) -> None:
        super()._rewind(step)
        self._entered = NOWHERE

    def _pick(self, rows: Tensor) -> None:
        self._layers = [layer.select(rows) for layer in self._layers]
        self._biases = [bias[rows] for bias in self._biases]
