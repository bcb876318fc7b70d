"""What the PixelCNN and the PixelRNNs share: masked convolutions, sub-pixels in and out, and the walk pixel by pixel.

Paper: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016
(arXiv:1601.06759), section 3.4, table 1 and figure 2.

A masked convolution is an ordinary one of which a mask leaves only the weights that look back: the rows above and, in
the pixel's own row, what stands to its left. In the middle the colours count: red comes first, green sees red, blue
sees both. The features of a layer belong to the colours in equal parts. Mask A, of the first layer, keeps a colour from
seeing itself; mask B, of all others, lets it see its own features, which know nothing of its value.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import ImageChain, Symbols
from models.conditional import Categorical
from models.decoder import Decoder
from models.model import AutoregressiveModel

FIRST = 7
"""Rows and columns of the first layer's kernel, in all of these networks (table 1)."""

Weights = tuple[Tensor, Tensor]
"""Of a masked convolution at one pixel: a matrix (taps * in, out) and a bias (out,)."""


def colour_of(channels: int, colours: int) -> Tensor:
    """To which colour each channel belongs, (channels,): the first part to red, the next to green …"""
    return torch.arange(channels) * colours // channels


class MaskedConv2d(nn.Conv2d):
    """A convolution of odd size that looks back; mask A hides the pixel's own colour, mask B shows it (figure 2)."""

    mask: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        colours: int,
        *,
        own: bool,
        rows: int | None = None,
        maps: int = 1,
    ) -> None:
        """size: columns of the kernel, and rows unless ``rows`` says otherwise. own: mask B.

        maps: the outputs are as many maps one after another, as those of an LSTM's gates, each with all the colours.
        """
        rows = size if rows is None else rows
        super().__init__(inputs, outputs, (rows, size), padding=(rows // 2, size // 2))
        mask = torch.zeros(outputs, inputs, rows, size)
        if not mask.is_meta:  # nothing to fill in, and torch would import its compiler for it: several seconds
            sees, seen = colour_of(outputs // maps, colours).repeat(maps)[:, None], colour_of(inputs, colours)[None]
            mask[:, :, : rows // 2] = 1
            mask[:, :, rows // 2, : size // 2] = 1
            mask[:, :, rows // 2, size // 2] = (sees >= seen if own else sees > seen).float()
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)

    def causal(self) -> Weights:
        """The weights that look back, in reading order, the pixel's own last, and the bias."""
        rows, columns = self.kernel_size
        taps = rows // 2 * columns + columns // 2 + 1
        kept = (self.weight * self.mask).detach().flatten(2)[:, :, :taps]
        return kept.permute(2, 1, 0).flatten(0, 1).contiguous(), cast(Tensor, self.bias).detach()


def intensities(chain: ImageChain, symbols: Tensor, dtype: torch.dtype) -> Tensor:
    """Symbols (B, T) as intensities in -1 … 1, (B, colours, H, W); what is not there yet is symbol 0."""
    whole = F.pad(symbols, (0, chain.length - symbols.shape[1]))
    pixels = whole.reshape(-1, chain.height, chain.width, chain.channels).movedim(-1, 1)
    return pixels.to(dtype) * (2 / (chain.alphabet.levels - 1)) - 1


def sub_pixels(chain: ImageChain, logits: Tensor, steps: int) -> Categorical:
    """Logits (B, colours * K, H, W), colour by colour, as the first (B, steps) conditionals, colours innermost."""
    split = logits.reshape(len(logits), chain.channels, -1, chain.height, chain.width).permute(0, 3, 4, 1, 2)
    return Categorical(split.reshape(len(logits), chain.length, -1)[:, :steps])


def lstm(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """One step of an LSTM (equation 3): the hidden state and the new cell, each (…, hidden).

    gates: (…, 4 hidden), of the output, of forgetting, of the input, and the content, before their non-linearities.
    """
    opening, content = gates.tensor_split([3 * cell.shape[-1]], -1)
    output, forget, enter = opening.sigmoid().chunk(3, -1)
    cell = forget * cell + enter * content.tanh()
    return output * cell.tanh(), cell


class PixelDecoder(Decoder):
    """Each sub-pixel costs the layers at one pixel: what they see of others is kept, for the whole image.

    A layer never reads what comes later, so that features of a walk that was rewound need not be removed. A subclass
    has ``_features``, what stands between the first convolution and the head.
    """

    engine = "cached"

    @torch.inference_mode()
    def __init__(
        self,
        model: AutoregressiveModel,
        condition: Tensor,
        chain: ImageChain,
        first: MaskedConv2d,
        head: MaskedConv2d,
        out: MaskedConv2d,
    ) -> None:
        """head and out: 1 x 1, each after a ReLU."""
        super().__init__(model, condition)
        self._chain = chain
        self._first, self._head, self._out = first.causal(), head.causal(), out.causal()
        self._size = first.kernel_size[1]
        reach = self._size // 2
        # Intensities with zeros around, as the convolution pads.
        self._planes = first.weight.new_zeros(self.rows, chain.height + reach, chain.width + 2 * reach, chain.channels)
        self._logits: Tensor | None = None

    @abstractmethod
    def _features(self, x: Tensor, row: int, column: int) -> Tensor:
        """All layers at a pixel: from the first convolution's features (B, C) there to the last layer's."""

    @abstractmethod
    def _pick(self, rows: Tensor) -> None:
        """Replaces what the subclass keeps by copies of the given rows."""

    @torch.inference_mode()
    def peek(self) -> Categorical:
        if self._logits is None:
            self._logits = self._pixel()
        return Categorical(self._logits)

    def _position(self) -> tuple[int, int, int]:
        """(row, column, colour) of the present step."""
        return self._chain.position(self.step)

    def _pixel(self) -> Tensor:
        """The whole network at the present pixel; the logits of the present colour, (B, K)."""
        row, column, colour = self._position()
        x = self._features(at_pixel(self._planes, row, column, self._size, self._first), row, column)
        hidden = torch.addmm(self._head[1], x.relu(), self._head[0]).relu()
        logits = torch.addmm(self._out[1], hidden, self._out[0])
        return logits.reshape(self.rows, self._chain.channels, -1)[:, colour]

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        if self._logits is None:
            self._pixel()  # later pixels see its features
        self._paint(column)

    def _paint(self, column: Symbols) -> None:
        """The symbols (B,) of the present step are known."""
        row, at, colour = self._position()
        reach = self._size // 2
        intensity = torch.from_numpy(column).to(self._planes) * (2 / (self._chain.alphabet.levels - 1)) - 1
        self._planes[:, reach + row, reach + at, colour] = intensity
        self._logits = None

    def _rewind(self, step: int) -> None:
        self._logits = None

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        index = torch.tensor(rows, device=self._planes.device)
        self._planes = self._planes[index]
        self._logits = None if self._logits is None else self._logits[index]
        self._pick(index)


def at_pixel(features: Tensor, row: int, column: int, size: int, weights: Weights) -> Tensor:
    """A masked convolution of size x size at one pixel, (B, out).

    features: (B, H + size // 2, W + size - 1, C), with zeros around.
    """
    reach = size // 2
    above = features[:, row : row + reach, column : column + size].flatten(1, 2)
    seen = torch.cat([above, features[:, row + reach, column : column + reach + 1]], 1)
    return torch.addmm(weights[1], seen.flatten(1), weights[0])
