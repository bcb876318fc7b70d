"""PixelRNN with Row LSTMs: an LSTM that walks down the image and updates a whole row at each step.

Paper: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016
(arXiv:1601.06759), sections 3.1 and 3.3 to 3.5, table 1.

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

from dataclasses import dataclass
from reprlib import repr as shortened
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import ImageChain
from models.conditional import Categorical
from models.decoder import Decoder
from models.errors import InputError
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.networks.masked_convolution import MaskedConv2d, PixelDecoder, intensities, lstm, sub_pixels
from models.orders import RASTER

FIRST = 7
"""Rows and columns of the first layer's kernel."""
KERNEL = 3
"""k, the columns of the kernels along a row."""
GATES = 4


@dataclass(frozen=True)
class RowLSTMConfig:
    """hidden: h, features of a hidden state, half of those between layers. layers: Row LSTMs. head: of the last two."""

    hidden: int
    layers: int
    head: int

    def __post_init__(self) -> None:
        for name, value, most in (
            ("hidden", self.hidden, 1024),
            ("layers", self.layers, 100),
            ("head", self.head, 4096),
        ):
            if type(value) is not int or not 1 <= value <= most:
                raise InputError(f"{name} of a Row LSTM is a whole number in 1 … {most}, not {shortened(value)}")


class RowLSTMLayer(nn.Module):
    """x + 1x1(LSTM down the rows of x)."""

    def __init__(self, hidden: int, colours: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.input_to_state = MaskedConv2d(2 * hidden, GATES * hidden, KERNEL, colours, own=True, rows=1, maps=GATES)
        self.state_to_state = nn.Conv1d(hidden, GATES * hidden, KERNEL, bias=False)
        self.widen = MaskedConv2d(hidden, 2 * hidden, 1, colours, own=True)

    def from_above(self) -> Tensor:
        """The state-to-state convolution as a matrix (k * hidden, 4 * hidden)."""
        return self.state_to_state.weight.permute(2, 1, 0).flatten(0, 1)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x: (B, 2 hidden, H, W). bias: (B, 4 hidden)."""
        inputs = (self.input_to_state(x) + bias[:, :, None, None]).permute(2, 0, 3, 1)
        weights, (_, batch, width, _) = self.from_above(), inputs.shape
        h = cell = self.state_to_state.weight.new_zeros(batch, width, self.hidden)
        rows = []
        for row in inputs.unbind(0):
            padded = F.pad(h, (0, 0, KERNEL // 2, KERNEL // 2))
            above = torch.cat([padded[:, shift : shift + width] for shift in range(KERNEL)], -1)
            h, cell = lstm(row + above @ weights, cell)
            rows.append(h)
        widened: Tensor = self.widen(torch.stack(rows).permute(1, 3, 0, 2))
        return x + widened


class RowLSTM(AutoregressiveModel):
    """K-way softmax of every sub-pixel of a grey or colour image."""

    architecture = "row_lstm"
    family = "recurrent"
    title = "Row LSTM"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, ImageChain) or spec.chain.order != RASTER:
            raise InputError("a Row LSTM models images in raster order")
        self.image_chain = spec.chain
        try:
            self.config = RowLSTMConfig(**spec.config)
        except TypeError:
            given = ", ".join(spec.config) or "nothing"
            raise InputError(f"a Row LSTM is given hidden, layers and head; not {given}") from None
        colours, hidden, head = spec.chain.channels, self.config.hidden, self.config.head
        if hidden % colours or head % colours:
            raise InputError(
                f"hidden and head of a Row LSTM for three colours are multiples of 3, not {hidden}, {head}"
            )
        self.first = MaskedConv2d(colours, 2 * hidden, FIRST, colours, own=False)
        self.layers = nn.ModuleList(RowLSTMLayer(hidden, colours) for _ in range(self.config.layers))
        self.head = MaskedConv2d(2 * hidden, head, 1, colours, own=True)
        self.out = MaskedConv2d(head, colours * spec.chain.alphabet.size, 1, colours, own=True)
        self.condition = FactorEmbeddings(spec.factors, self.config.layers * GATES * hidden)

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

    def layer_biases(self, condition: Tensor) -> Tensor:
        """(B, layers, 4 hidden)."""
        biases: Tensor = self.condition(condition)
        return biases.reshape(len(condition), self.config.layers, -1)

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        x = self.first(intensities(self.image_chain, symbols, self.first.weight.dtype))
        for layer, bias in zip(self.layers, self.layer_biases(condition).unbind(1), strict=True):
            x = layer(x, bias)
        logits = self.out(F.relu(self.head(F.relu(x))))
        return sub_pixels(self.image_chain, logits, symbols.shape[1])

    def cached(self, condition: Tensor) -> Decoder:
        return CachedRowLSTM(self, condition)


class CachedRowLSTM(PixelDecoder):
    """A pixel of a layer needs the hidden states of three pixels of the row above, the cell above, and its left."""

    model: RowLSTM

    @torch.inference_mode()
    def __init__(self, model: RowLSTM, condition: Tensor) -> None:
        super().__init__(model, condition, model.image_chain, model.first, model.head, model.out)
        layers = [cast(RowLSTMLayer, layer) for layer in model.layers]
        self._layers = [
            (layer.input_to_state.causal(), layer.from_above().detach(), layer.widen.causal()) for layer in layers
        ]
        self._biases = list(model.layer_biases(condition).to(model.first.weight.dtype).unbind(1))
        # With zeros around: every layer's input, hidden states and cells.
        weight, (height, width), hidden = (
            model.first.weight,
            (model.image_chain.height, model.image_chain.width),
            model.config.hidden,
        )
        side = KERNEL // 2
        self._inputs = [weight.new_zeros(self.rows, height, side + width, 2 * hidden) for _ in layers]
        self._states = [weight.new_zeros(self.rows, 1 + height, width + 2 * side, hidden) for _ in layers]
        self._cells = [weight.new_zeros(self.rows, 1 + height, width, hidden) for _ in layers]

    def _features(self, x: Tensor, row: int, column: int) -> Tensor:
        side = KERNEL // 2
        for (from_left, from_above, widen), inputs, states, cells, bias in zip(
            self._layers, self._inputs, self._states, self._cells, self._biases, strict=True
        ):
            inputs[:, row, side + column] = x
            gates = torch.addmm(from_left[1], inputs[:, row, column : column + side + 1].flatten(1), from_left[0])
            above = states[:, row, column : column + KERNEL].flatten(1)
            h, cell = lstm(gates + bias + above @ from_above, cells[:, row, column])
            states[:, row + 1, side + column], cells[:, row + 1, column] = h, cell
            x = x + torch.addmm(widen[1], h, widen[0])
        return x

    def _pick(self, rows: Tensor) -> None:
        for name in ("_inputs", "_states", "_cells", "_biases"):
            setattr(self, name, [tensor[rows] for tensor in getattr(self, name)])
