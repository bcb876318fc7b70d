"""PixelCNN: the first convolutional model of images, with masks and with its blind spot.

Paper: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016
(arXiv:1601.06759), sections 3.3 to 3.5 and 5.

Every layer is an ordinary convolution of which a mask leaves only the weights that look back: the rows above and, in
the pixel's own row, what stands to its left. In the middle the colours count: red comes first, green sees red, blue
sees both. The features of a layer belong to the colours in three equal parts. Mask A, of the first layer, keeps a
colour from seeing itself; mask B, of all others, lets it see its own features, which know nothing of its value.

    p(x) = prod_i p(x_i,R | x_<i) p(x_i,G | x_<i, x_i,R) p(x_i,B | x_<i, x_i,R, x_i,G)

A 3 x 3 mask never looks further right than one column for each row that it goes up. The features below carry no more:
whatever lies in the wedge to the right of the pixel and above it stays unseen, however many layers there are. This is
the blind spot, which the Gated PixelCNN closes with two stacks.

The weights do not grow with the image: a convolution has the same in every place.

Deviation from the paper: the condition, which it does not have, is a bias in every block.
"""

from __future__ import annotations

from dataclasses import dataclass
from reprlib import repr as shortened
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import ImageChain, Symbols
from models.condition import categories
from models.conditional import Categorical
from models.decoder import Decoder
from models.errors import InputError
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.orders import RASTER

FIRST = 7
"""Rows and columns of the first layer's kernel."""


@dataclass(frozen=True)
class PixelCNNConfig:
    """channels: features between blocks, 2h in the paper; blocks: residual blocks; head: features of the last two."""

    channels: int
    blocks: int
    head: int

    def __post_init__(self) -> None:
        for name, value, most in (
            ("channels", self.channels, 1024),
            ("blocks", self.blocks, 100),
            ("head", self.head, 4096),
        ):
            if type(value) is not int or not 1 <= value <= most:
                raise InputError(f"{name} of a PixelCNN is a whole number in 1 … {most}, not {shortened(value)}")


def colour_of(channels: int, colours: int) -> Tensor:
    """To which colour each channel belongs, (channels,): the first part to red, the next to green …"""
    return torch.arange(channels) * colours // channels


class MaskedConv2d(nn.Conv2d):
    """A convolution of odd size that looks back; mask A hides the pixel's own colour, mask B shows it (figure 2)."""

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, size: int, colours: int, *, own: bool) -> None:
        """own: mask B."""
        super().__init__(inputs, outputs, size, padding=size // 2)
        sees, seen = colour_of(outputs, colours)[:, None], colour_of(inputs, colours)[None]
        mask = torch.zeros(outputs, inputs, size, size)
        mask[:, :, : size // 2] = 1
        mask[:, :, size // 2, : size // 2] = 1
        mask[:, :, size // 2, size // 2] = (sees >= seen if own else sees > seen).float()
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)

    def causal(self) -> tuple[Tensor, Tensor]:
        """The weights that look back as a matrix (taps * in, out), see ``taps``, and the bias (out,)."""
        kept = (self.weight * self.mask).detach().flatten(2)[:, :, : taps(self.kernel_size[0])]
        return kept.permute(2, 1, 0).flatten(0, 1).contiguous(), cast(Tensor, self.bias).detach()


def taps(size: int) -> int:
    """How many places of a kernel look back, its middle included: it is the last of them in reading order."""
    return size * (size // 2) + size // 2 + 1


class ResidualBlock(nn.Module):
    """x + 1x1(3x3(1x1(x))), each after a ReLU (figure 5, left)."""

    def __init__(self, channels: int, colours: int) -> None:
        super().__init__()
        half = channels // 2
        self.narrow = MaskedConv2d(channels, half, 1, colours, own=True)
        self.spread = MaskedConv2d(half, half, 3, colours, own=True)
        self.widen = MaskedConv2d(half, channels, 1, colours, own=True)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """bias: (B, half)."""
        inner = F.relu(self.narrow(F.relu(x)))
        spread = self.spread(inner) + bias[:, :, None, None]
        widened: Tensor = self.widen(F.relu(spread))
        return x + widened


class PixelCNN(AutoregressiveModel):
    """K-way softmax of every sub-pixel of a grey or colour image."""

    architecture = "pixelcnn"
    family = "masked convolution"
    title = "PixelCNN"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, ImageChain) or spec.chain.order != RASTER:
            raise InputError("a PixelCNN models images in raster order")
        self.image_chain = spec.chain
        try:
            self.config = PixelCNNConfig(**spec.config)
        except TypeError:
            given = ", ".join(spec.config) or "nothing"
            raise InputError(f"a PixelCNN is given channels, blocks and head; not {given}") from None
        colours, c = spec.chain.channels, self.config.channels
        if c % (2 * colours) or self.config.head % colours:
            parts = "an even number" if colours == 1 else "a multiple of 6, and its head of 3, for three colours"
            raise InputError(f"channels of a PixelCNN are {parts}, not {c} and {self.config.head}")
        self.first = MaskedConv2d(colours, c, FIRST, colours, own=False)
        self.blocks = nn.ModuleList(ResidualBlock(c, colours) for _ in range(self.config.blocks))
        self.head = MaskedConv2d(c, self.config.head, 1, colours, own=True)
        self.out = MaskedConv2d(self.config.head, colours * spec.chain.alphabet.size, 1, colours, own=True)
        self.condition = FactorEmbeddings(categories(spec.factors), self.config.blocks * (c // 2))

    @property
    def receptive_field(self) -> int | None:
        """Along the chain, up to the upper left corner of what is seen; less than all between, see the blind spot."""
        chain, reach = self.image_chain, FIRST // 2 + self.config.blocks
        if reach >= chain.height:
            return None
        return chain.step(reach, min(reach, chain.width - 1)) + chain.channels - 1

    def planes(self, symbols: Tensor) -> Tensor:
        """Symbols (B, D) as intensities in -1 … 1, (B, colours, H, W)."""
        chain = self.image_chain
        pixels = symbols.reshape(-1, chain.height, chain.width, chain.channels).movedim(-1, 1)
        return pixels.to(self.first.weight.dtype) * (2 / (chain.alphabet.levels - 1)) - 1

    def block_biases(self, condition: Tensor) -> Tensor:
        """(B, blocks, channels / 2)."""
        biases: Tensor = self.condition(condition)
        return biases.reshape(len(condition), self.config.blocks, -1)

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        steps, chain = symbols.shape[1], self.image_chain
        x = self.first(self.planes(F.pad(symbols, (0, chain.length - steps))))
        for block, bias in zip(self.blocks, self.block_biases(condition).unbind(1), strict=True):
            x = block(x, bias)
        logits = self.out(F.relu(self.head(F.relu(x))))
        # (B, colours * K, H, W), colour by colour, to (B, D, K) with the colours innermost.
        split = logits.reshape(len(symbols), chain.channels, -1, chain.height, chain.width).permute(0, 3, 4, 1, 2)
        return Categorical(split.reshape(len(symbols), chain.length, -1)[:, :steps])

    def cached(self, condition: Tensor) -> Decoder:
        return CachedPixelCNN(self, condition)


class CachedPixelCNN(Decoder):
    """Each sub-pixel costs the layers at one pixel: what they see of others is kept.

    A layer never reads what comes later, so that features of a walk that was rewound need not be removed.
    """

    engine = "cached"
    model: PixelCNN

    @torch.inference_mode()
    def __init__(self, model: PixelCNN, condition: Tensor) -> None:
        super().__init__(model, condition)
        chain, half, reach = model.image_chain, model.config.channels // 2, FIRST // 2
        height, width = chain.height, chain.width
        self._first = model.first.causal()
        blocks = [cast(ResidualBlock, block) for block in model.blocks]
        self._blocks = [(b.narrow.causal(), b.spread.causal(), b.widen.causal()) for b in blocks]
        self._head, self._out = model.head.causal(), model.out.causal()
        self._biases = list(model.block_biases(condition).unbind(1))
        # With zeros around, as the convolutions pad: intensities, and every block's narrow features.
        weight = model.first.weight
        self._planes = weight.new_zeros(self.rows, height + reach, width + 2 * reach, chain.channels)
        self._inner = [weight.new_zeros(self.rows, height + 1, width + 2, half) for _ in blocks]
        self._logits: Tensor | None = None

    @torch.inference_mode()
    def peek(self) -> Categorical:
        if self._logits is None:
            self._logits = self._pixel()
        return Categorical(self._logits)

    def _pixel(self) -> Tensor:
        """All layers at the present pixel; the logits of the present colour, (B, K)."""
        chain = self.model.image_chain
        row, column, colour = chain.position(self.step)
        x = _at(self._planes, row, column, FIRST, self._first)
        for (narrow, spread, widen), inner, bias in zip(self._blocks, self._inner, self._biases, strict=True):
            inner[:, row + 1, column + 1] = torch.addmm(narrow[1], x.relu(), narrow[0]).relu()
            middle = _at(inner, row, column, 3, spread) + bias
            x = x + torch.addmm(widen[1], middle.relu(), widen[0])
        hidden = torch.addmm(self._head[1], x.relu(), self._head[0]).relu()
        logits = torch.addmm(self._out[1], hidden, self._out[0])
        return logits.reshape(self.rows, chain.channels, -1)[:, colour]

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        if self._logits is None:
            self._pixel()  # later pixels see its features
        chain, reach = self.model.image_chain, FIRST // 2
        row, at, colour = chain.position(self.step)
        intensity = torch.from_numpy(column).to(self._planes) * (2 / (chain.alphabet.levels - 1)) - 1
        self._planes[:, reach + row, reach + at, colour] = intensity
        self._logits = None

    def _rewind(self, step: int) -> None:
        self._logits = None

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        index = torch.tensor(rows, device=self._planes.device)
        self._planes = self._planes[index]
        self._inner, self._biases = [x[index] for x in self._inner], [x[index] for x in self._biases]
        self._logits = None if self._logits is None else self._logits[index]


def _at(features: Tensor, row: int, column: int, size: int, weights: tuple[Tensor, Tensor]) -> Tensor:
    """A masked convolution at one pixel. features: (B, H + size // 2, W + size - 1, C), with zeros around."""
    reach = size // 2
    above = features[:, row : row + reach, column : column + size].flatten(1, 2)
    seen = torch.cat([above, features[:, row + reach, column : column + reach + 1]], 1)
    return torch.addmm(weights[1], seen.flatten(1), weights[0])
