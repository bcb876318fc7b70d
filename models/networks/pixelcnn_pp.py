"""PixelCNN++: a mixture of logistics for each pixel, from two streams at several resolutions, class-conditional.

Paper: T. Salimans, A. Karpathy, X. Chen, D. P. Kingma, "PixelCNN++: Improving the PixelCNN with Discretized Logistic
Mixture Likelihood and Other Modifications", ICLR 2017 (arXiv:1701.05517); some sizes and shapes are those of the
authors' code (github.com/openai/pixel-cnn).

The network sees whole pixels, never a single colour of the present one. For a pixel it gives the numbers of M
components: a weight, and for each colour a mean, a scale, and a coefficient for each earlier colour, with which the
mean follows that colour's value. The component is drawn once for the pixel, then its colours one after the other:

    p(r, g, b) = sum_m w_m p_m(r) p_m(g | r) p_m(b | r, g),    p_m a logistic, integrated over each level's bin.

A step of the chain is one colour, and the component stays hidden. So what is known of it must be counted: a colour's
conditional is a mixture, too, whose weights are the component's share in the colours before it (Bayes' rule):

    p(g | r) = sum_m p(m | r) p_m(g | r),    p(m | r) proportional to w_m p_m(r).

Below, two streams go side by side. The *down* stream at a row knows all rows above; its convolutions cover 2 x 3. The
*down-right* stream knows, besides, what stands to the left in its own row; its convolutions cover 2 x 2, and each of
its blocks reads the down stream's. Convolutions are shifted, not masked: each ends at its own place, and the first ones
before it, so that causality is in the shapes.

Resolution is halved and then doubled again, ``scales`` - 1 times, by convolutions with a stride of 2, which see far at
a quarter of the cost. A place of the lower resolution stands for 2 x 2 places and knows only what comes before the
upper left one. What that hides from the other three reaches them by short cuts: each block of the second half also
reads the features that the first half had at the mirrored place of the ladder.

Deviations from the paper:
- Both streams are doubled in size by 2 x 2 kernels; the authors' code has 2 x 3 in the down stream.
- Weights are neither normalised nor initialised by data; the mixture begins spread over all levels, green near red and
  blue near green.
- The authors' code falls back on a density where a bin has little mass, so that its bins do not sum to one; here the
  mass of a bin is exact everywhere. It passes the coefficients through tanh; here they are what the network says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import ImageChain
from models.conditional import MixtureOfLogistics
from models.errors import InputError
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.orders import RASTER
from models.sizes import check_sizes, config_of

if TYPE_CHECKING:
    from models.decoder import Decoder

DOWN, DOWN_RIGHT = (2, 3), (2, 2)
"""Kernels of the two streams, rows and columns."""

NARROWEST = 0.1
"""Of the scales of logistics, in levels: one in the middle of a level has 98.7 % of its mass there. The authors' code
has exp(-7) of half the range, 0.116 of 256 levels. Much below, the rounding of a mean in float32 would be seen."""


@dataclass(frozen=True)
class PixelCNNPPConfig:
    """channels: features of each stream. blocks: residual blocks of each half at each scale. scales: resolutions.

    components: logistics in the mixture, M. dropout: the share of features that training hides in a block.
    """

    channels: int
    blocks: int
    scales: int
    components: int
    dropout: float

    def __post_init__(self) -> None:
        check_sizes(
            "PixelCNN++",
            channels=(self.channels, 1024),
            blocks=(self.blocks, 100),
            scales=(self.scales, 8),
            components=(self.components, 1024),
        )
        if type(self.dropout) not in (int, float) or not 0 <= self.dropout < 1:
            raise InputError(f"dropout of a PixelCNN++ is a number from 0 to below 1, not {shortened(self.dropout)}")


def shifted(x: Tensor, kernel: tuple[int, int]) -> Tensor:
    """Padded so that a kernel of one of the two streams ends at its own place: (B, C, H, W)."""
    return F.pad(x, (1, kernel[1] - 2, 1, 0))


def concat_elu(x: Tensor, dim: int = 1) -> Tensor:
    """ELU of the features and of their negatives, twice as many."""
    doubled: Tensor = F.elu(torch.cat([x, -x], dim))
    return doubled


class GatedBlock(nn.Module):
    """x + content * sigmoid(opening), both from two convolutions of x; ``aside`` features may join between them."""

    def __init__(self, channels: int, kernel: tuple[int, int], aside: int, dropout: float) -> None:
        """aside: how many features join, 0 for none."""
        super().__init__()
        self.kernel = kernel
        self.first = nn.Conv2d(2 * channels, channels, kernel)
        self.aside = nn.Conv2d(2 * aside, channels, 1, bias=False) if aside else None
        self.dropout = nn.Dropout(dropout)
        self.second = nn.Conv2d(2 * channels, 2 * channels, kernel)

    def forward(self, x: Tensor, aside: Tensor | None, bias: Tensor) -> Tensor:
        """x: (B, C, H, W). aside: (B, aside, H, W). bias: of the class, (B, 2C)."""
        inner = self.first(shifted(concat_elu(x), self.kernel))
        if self.aside is not None:
            assert aside is not None
            inner = inner + self.aside(concat_elu(aside))
        both = self.second(shifted(self.dropout(concat_elu(inner)), self.kernel)) + bias[:, :, None, None]
        content, opening = both.chunk(2, 1)
        result: Tensor = x + content * torch.sigmoid(opening)
        return result


class Streams(nn.Module):
    """One block of each stream. In the second half both have short cuts from the first."""

    def __init__(self, channels: int, dropout: float, *, short_cuts: bool) -> None:
        super().__init__()
        self.down = GatedBlock(channels, DOWN, channels if short_cuts else 0, dropout)
        self.down_right = GatedBlock(channels, DOWN_RIGHT, 2 * channels if short_cuts else channels, dropout)

    def forward(
        self, down: Tensor, right: Tensor, short_cut: tuple[Tensor, Tensor] | None, bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        """bias: (B, 4C), the down stream's before the other's."""
        of_down, of_right = bias.chunk(2, 1)
        if short_cut is None:
            down = self.down(down, None, of_down)
            return down, self.down_right(right, down, of_right)
        down = self.down(down, short_cut[0], of_down)
        return down, self.down_right(right, torch.cat([down, short_cut[1]], 1), of_right)


class Halving(nn.Module):
    """Both streams at half the resolution; of an odd side the larger half is left."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, channels, DOWN, stride=2)
        self.down_right = nn.Conv2d(channels, channels, DOWN_RIGHT, stride=2)

    def forward(self, down: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        return self.down(shifted(down, DOWN)), self.down_right(shifted(right, DOWN_RIGHT))


class Doubling(nn.Module):
    """Both streams at twice the resolution: a place becomes the 2 x 2 places that it stood for."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.ConvTranspose2d(channels, channels, 2, stride=2)
        self.down_right = nn.ConvTranspose2d(channels, channels, 2, stride=2)

    def forward(self, down: Tensor, right: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        """height, width: what is kept; a side may have been odd."""
        return self.down(down)[..., :height, :width], self.down_right(right)[..., :height, :width]


class PixelCNNPP(AutoregressiveModel):
    """A mixture of logistics for each pixel of a grey or colour image."""

    architecture = "pixelcnn_pp"
    family = "masked convolution"
    title = "PixelCNN++"
    replayable = True

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, ImageChain) or spec.chain.order != RASTER:
            raise InputError("a PixelCNN++ models images in raster order")
        self.image_chain = spec.chain
        self.config = config_of(PixelCNNPPConfig, spec.config, "a PixelCNN++")
        c, blocks, scales, dropout = (getattr(self.config, n) for n in ("channels", "blocks", "scales", "dropout"))
        colours, components = spec.chain.channels, self.config.components
        self.pairs = [(later, earlier) for later in range(colours) for earlier in range(later)]
        """Of colours, the second of which moves the first one's mean."""
        self.first_down = nn.Conv2d(colours + 1, c, (2, 3))
        self.first_above = nn.Conv2d(colours + 1, c, (1, 3))
        self.first_left = nn.Conv2d(colours + 1, c, (2, 1))
        self.halvings = nn.ModuleList(Halving(c) for _ in range(scales - 1))
        self.doublings = nn.ModuleList(Doubling(c) for _ in range(scales - 1))

        def half(*, short_cuts: bool) -> nn.ModuleList:
            """Of the lowest resolution the first half's last block is where the second half begins: one block less."""
            more = [int(short_cuts and scale < scales - 1) for scale in range(scales)]
            return nn.ModuleList(
                nn.ModuleList(Streams(c, dropout, short_cuts=short_cuts) for _ in range(blocks + one)) for one in more
            )

        self.first_half, self.second_half = half(short_cuts=False), half(short_cuts=True)
        self.condition = FactorEmbeddings(spec.factors, 4 * c * self.block_count)
        self.out = nn.Conv2d(c, components * (1 + 2 * colours + len(self.pairs)), 1)
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            _, means, log_scales, coefficients = self.split(cast(Tensor, self.out.bias))
            for number in (means, log_scales, coefficients):
                number.zero_()
            means[0] = torch.linspace(-1, 1, 2 * components + 1)[1::2]
            log_scales[0], log_scales[1:] = -math.log(components), -2.0
            for pair, coefficient in zip(self.pairs, coefficients, strict=True):
                coefficient.fill_(float(pair[0] == pair[1] + 1))

    @property
    def block_count(self) -> int:
        """Blocks of each stream."""
        return self.config.scales * (2 * self.config.blocks + 1) - 1

    @property
    def receptive_field(self) -> int | None:
        """Along the chain, up to the leftmost pixel of the uppermost row that is seen; some between may be unseen."""
        chain, scales, blocks = self.image_chain, self.config.scales, self.config.blocks
        # The first layer's two, and the convolution of a down-right block that the down stream's features enter before.
        rows = 2 + 2 ** (scales - 1)
        for scale in range(scales):
            # Two convolutions a block look up a row each; halving does so, too, and after doubling a place may lie a
            # row below the one whose features it has.
            convolutions = 2 * 2 * blocks if scale == scales - 1 else 2 * (2 * blocks + 1) + 2
            rows += 2**scale * convolutions
        if rows >= chain.height:
            return None
        # Each goes as far to the left, but for the first layer: two rows up, one column to the left.
        return chain.step(rows, min(rows - 1, chain.width - 1)) + chain.channels - 1

    def values(self, pixels: Tensor) -> Tensor:
        """Symbols of any shape as numbers in -1 … 1."""
        return pixels.to(self.out.weight.dtype) * (2 / (self.chain.alphabet.levels - 1)) - 1

    def block_biases(self, condition: Tensor) -> Tensor:
        """What the class adds in each block: (B, blocks, 4C), the first half's blocks before the second's."""
        biases: Tensor = self.condition(condition)
        return biases.reshape(condition.shape[0], self.block_count, -1)

    def numbers(self, pixels: Tensor, condition: Tensor) -> Tensor:
        """What makes each pixel's mixture, see ``split``: from symbols (B, H, W, colours) to (B, H, W, P)."""
        values = self.values(pixels).movedim(-1, 1)
        biases = iter(self.block_biases(condition).unbind(1))
        down, right = self.first(torch.cat([values, torch.ones_like(values[:, :1])], 1))
        short_cuts = []
        for scale in range(self.config.scales):
            if scale > 0:
                down, right = self.halvings[scale - 1](down, right)
            short_cuts.append((down, right))
            for block in cast(nn.ModuleList, self.first_half[scale]):
                down, right = block(down, right, None, next(biases))
                short_cuts.append((down, right))
        down, right = short_cuts.pop()
        for scale in reversed(range(self.config.scales)):
            if scale < self.config.scales - 1:
                down, right = self.doublings[scale](down, right, *short_cuts[-1][0].shape[-2:])
            for block in cast(nn.ModuleList, self.second_half[scale]):
                down, right = block(down, right, short_cuts.pop(), next(biases))
        # In bfloat16 a mean among 256 levels would be off by half a level.
        with torch.autocast(right.device.type, enabled=False):
            numbers: Tensor = self.out(F.elu(right))
            return numbers.movedim(1, -1)

    def first(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """The two streams before their blocks: the only layers that leave their own place out.

        planes: values and a plane of ones that tells the image from its padding, (B, colours + 1, H, W).
        """
        # In full precision: what follows adds to these, block by block.
        with torch.autocast(planes.device.type, enabled=False):
            # The last row, or column, is cut off and one more padded at the other side: kernels end before their place.
            down = self.first_down(F.pad(planes, (1, 1, 2, -1)))
            above = self.first_above(F.pad(planes, (1, 1, 1, -1)))
            left = self.first_left(F.pad(planes, (1, -1, 1, 0)))
            return down, above + left

    def split(self, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Numbers (*batch, P) as weights (*batch, 1, M), means and log-scales (*batch, colours, M), coefficients
        (*batch, pairs, M), all of them for values in -1 … 1."""
        colours = self.image_chain.channels
        table = numbers.reshape(*numbers.shape[:-1], -1, self.config.components)
        weights, means, log_scales, coefficients = torch.split(table, [1, colours, colours, len(self.pairs)], -2)
        return weights, means, log_scales, coefficients

    def mixture(self, numbers: Tensor, pixels: Tensor) -> MixtureOfLogistics:
        """The conditionals of all colours, batch shape (*batch, colours), from numbers (*batch, P).

        pixels: symbols (*batch, colours); a colour's conditional depends on those before it alone.
        """
        size, values = self.chain.alphabet.size, self.values(pixels)
        unit = (size - 1) / 2
        weights, means, log_scales, coefficients = self.split(numbers)
        moved = list(means.unbind(-2))
        for (later, earlier), coefficient in zip(self.pairs, coefficients.unbind(-2), strict=True):
            moved[later] = moved[later] + coefficient * values[..., earlier, None]
        means = unit * (torch.stack(moved, -2) + 1)
        scales = unit * log_scales.clamp(math.log(NARROWEST / unit), math.log(size / unit)).exp()
        # Each component by itself is a mixture of one: its share in the colours that others come after.
        early, narrow = means[..., :-1, :, None], scales[..., :-1, :, None]
        alone = MixtureOfLogistics(torch.zeros_like(early), early, narrow, size)
        shares = alone.log_prob(pixels[..., :-1, None].expand(early.shape[:-1]))
        return MixtureOfLogistics(weights + F.pad(shares.cumsum(-2), (0, 0, 1, 0)), means, scales, size)

    def conditionals(self, symbols: Tensor, condition: Tensor) -> MixtureOfLogistics:
        steps, chain = symbols.shape[1], self.image_chain
        pixels = F.pad(symbols, (0, chain.length - steps)).reshape(-1, chain.height, chain.width, chain.channels)
        mixture = self.mixture(self.numbers(pixels, condition), pixels)
        return mixture.of(*(part.reshape(len(symbols), chain.length, -1)[:, :steps] for part in mixture.parameters))

    def cached(self, condition: Tensor) -> Decoder:
        from models.networks.pixelcnn_pp_decoder import CachedPixelCNNPP

        return CachedPixelCNNPP(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.pixelcnn_pp import CompiledPixelCNNPP

        return CompiledPixelCNNPP(self, condition)
