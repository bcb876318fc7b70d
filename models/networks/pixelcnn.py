"""PixelCNN: a model of images by convolutions alone, with masks and with its blind spot.

Paper: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016
(arXiv:1601.06759), sections 3.3 to 3.5 and 4.

Every layer is an ordinary convolution of which a mask leaves only the weights that look back: the rows above and, in
the pixel's own row, what stands to its left. In the middle the colours count: red comes first, green sees red, blue
sees both. The features of a layer belong to the colours in equal parts. Mask A, of the first layer, keeps a
colour from seeing itself; mask B, of all others, lets it see its own features, which know nothing of its value.

    p(x) = prod_i p(x_i,R | x_<i) p(x_i,G | x_<i, x_i,R) p(x_i,B | x_<i, x_i,R, x_i,G)

A 3 x 3 mask never looks further right than one column for each row that it goes up. The features below carry no more:
whatever lies in the wedge to the right of the pixel and above it stays unseen, however many layers there are. This is
the blind spot, which the Gated PixelCNN closes with two stacks.

The weights do not grow with the image: a convolution has the same in every place.

Deviations from the paper: the condition, which it does not have, is a bias in every block; pixels enter as real numbers
in -1 … 1; binary images have a softmax over two symbols for its sigmoid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import ImageChain
from models.conditional import Categorical
from models.decoder import Decoder
from models.errors import InputError
from models.layers.masked_convolution import FIRST, MaskedConv2d, PixelDecoder, at_pixel, intensities, sub_pixels
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.orders import RASTER
from models.sizes import check_sizes, config_of


@dataclass(frozen=True)
class PixelCNNConfig:
    """channels: features between blocks, 2h in the paper; blocks: residual blocks; head: features of the last two."""

    channels: int
    blocks: int
    head: int

    def __post_init__(self) -> None:
        check_sizes("PixelCNN", channels=(self.channels, 1024), blocks=(self.blocks, 100), head=(self.head, 4096))


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
    replayable = True

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, ImageChain) or spec.chain.order != RASTER:
            raise InputError("a PixelCNN models images in raster order")
        self.image_chain = spec.chain
        self.config = config_of(PixelCNNConfig, spec.config, "a PixelCNN")
        colours, c = spec.chain.channels, self.config.channels
        if c % (2 * colours) or self.config.head % colours:
            parts = "an even number" if colours == 1 else "a multiple of 6, and its head of 3, for three colours"
            raise InputError(f"channels of a PixelCNN are {parts}, not {c} and {self.config.head}")
        self.first = MaskedConv2d(colours, c, FIRST, colours, own=False)
        self.blocks = nn.ModuleList(ResidualBlock(c, colours) for _ in range(self.config.blocks))
        self.head = MaskedConv2d(c, self.config.head, 1, colours, own=True)
        self.out = MaskedConv2d(self.config.head, colours * spec.chain.alphabet.size, 1, colours, own=True)
        self.condition = FactorEmbeddings(spec.factors, self.config.blocks * (c // 2))

    @property
    def receptive_field(self) -> int | None:
        """Along the chain, up to the upper left corner of what is seen; less than all between, see the blind spot."""
        chain, reach = self.image_chain, FIRST // 2 + self.config.blocks
        if reach >= chain.height:
            return None
        return chain.step(reach, min(reach, chain.width - 1)) + chain.channels - 1

    def block_biases(self, condition: Tensor) -> Tensor:
        """(B, blocks, channels / 2)."""
        biases: Tensor = self.condition(condition)
        return biases.reshape(len(condition), self.config.blocks, -1)

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        x = self.first(intensities(self.image_chain, symbols, self.first.weight.dtype))
        for block, bias in zip(self.blocks, self.block_biases(condition).unbind(1), strict=True):
            x = block(x, bias)
        logits = self.out(F.relu(self.head(F.relu(x))))
        return sub_pixels(self.image_chain, logits, symbols.shape[1])

    def cached(self, condition: Tensor) -> Decoder:
        return CachedPixelCNN(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.pixelcnn import CompiledPixelCNN

        return CompiledPixelCNN(self, condition)


class CachedPixelCNN(PixelDecoder):
    """What a pixel of a block sees of others are their narrow features."""

    model: PixelCNN

    @torch.inference_mode()
    def __init__(self, model: PixelCNN, condition: Tensor) -> None:
        super().__init__(model, condition, model.image_chain, model.first, model.head, model.out)
        chain, half = model.image_chain, model.config.channels // 2
        blocks = [cast(ResidualBlock, block) for block in model.blocks]
        self._blocks = [(b.narrow.causal(), b.spread.causal(), b.widen.causal()) for b in blocks]
        self._biases = list(model.block_biases(condition).unbind(1))
        # With zeros around, as the convolutions pad.
        weight = model.first.weight
        self._inner = [weight.new_zeros(self.rows, chain.height + 1, chain.width + 2, half) for _ in blocks]

    def _features(self, x: Tensor, row: int, column: int) -> Tensor:
        for (narrow, spread, widen), inner, bias in zip(self._blocks, self._inner, self._biases, strict=True):
            inner[:, row + 1, column + 1] = torch.addmm(narrow[1], x.relu(), narrow[0]).relu()
            middle = at_pixel(inner, row, column, 3, spread) + bias
            x = x + torch.addmm(widen[1], middle.relu(), widen[0])
        return x

    def _pick(self, rows: Tensor) -> None:
        self._inner, self._biases = [x[rows] for x in self._inner], [x[rows] for x in self._biases]
