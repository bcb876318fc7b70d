"""Gated PixelCNN, class-conditional.

Paper: A. van den Oord, N. Kalchbrenner, O. Vinyals, L. Espeholt, A. Graves, K. Kavukcuoglu, "Conditional Image
Generation with PixelCNN Decoders", NIPS 2016 (arXiv:1606.05328), section 2 and figure 2.

A pixel sees the pixels above it through the *vertical* stack and those to its left through the *horizontal* stack;
the vertical stack feeds the horizontal one, so that nothing above is blind. Each layer is gated,
tanh(W_f x + V_f h) * sigmoid(W_g x + V_g h), where h is the condition (equation 4).

The colours of a pixel come one after the other, each as a softmax over all its values:

    p(x) = prod_i p(x_i,R | x_<i) p(x_i,G | x_<i, x_i,R) p(x_i,B | x_<i, x_i,R, x_i,G)

The stacks see all colours of the earlier pixels and none of the pixel itself; each colour has a head of its own on top,
which is told the colours before it.

Deviations from the paper:
- Convolutions are shifted instead of masked: the vertical one covers the row above and its own row of *shifted*
  features, so causality is in the shapes and cuDNN cannot break it.
- Dilations widen the receptive field at no cost; every layer has a skip connection to the output.
- Pixels enter as real numbers in -1 … 1, beside a plane of ones that tells the image from its padding.
- The paper splits the features of every layer into three groups, for red, green and blue, and masks what one may see of
  another. Here a pixel's colours meet in the heads only, where a table has an entry for every value of an earlier
  colour. All of a layer's features serve all colours, and a pixel costs one pass through the layers instead of three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import ImageChain
from models.conditional import Categorical
from models.errors import InputError
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.orders import RASTER
from models.sizes import check_list, check_sizes, config_of

if TYPE_CHECKING:
    from models.decoder import Decoder


@dataclass(frozen=True)
class GatedPixelCNNConfig:
    """channels: features of each stack. dilations: one gated layer each. head: features before the softmax of a colour.

    The first layer sees ``first_rows`` rows above and as many columns to either side.
    """

    channels: int
    dilations: tuple[int, ...]
    head: int
    first_rows: int = 3

    def __post_init__(self) -> None:
        check_sizes(
            "Gated PixelCNN", channels=(self.channels, 1024), head=(self.head, 4096), first_rows=(self.first_rows, 16)
        )
        check_list("dilations of a Gated PixelCNN are", self.dilations, longest=100, most=64, each="one for each layer")


def shift_down(x: Tensor) -> Tensor:
    """Row r gets what row r - 1 had: (B, C, H, W)."""
    return F.pad(x, (0, 0, 1, 0))[:, :, :-1]


def gate(x: Tensor) -> Tensor:
    """tanh of the first half of the channels times sigmoid of the second (equation 2)."""
    content, opening = x.chunk(2, 1)
    return torch.tanh(content) * torch.sigmoid(opening)


def looked_up(table: nn.Embedding, values: Tensor) -> Tensor:
    """The rows (*batch, N) of a table for values (*batch).

    Values that a gradient is asked of give the slope between the rows of their neighbours, see ``influence``.
    """
    whole = values.long()
    rows: Tensor = table(whole)
    if not values.requires_grad:
        return rows
    below, above = (whole - 1).clamp_min(0), (whole + 1).clamp_max(table.num_embeddings - 1)
    slopes: Tensor = (table(above) - table(below)) / (above - below).unsqueeze(-1)
    return rows + slopes * (values - values.detach()).unsqueeze(-1)


class GatedLayer(nn.Module):
    """One layer of both stacks (figure 2). Convolution kernels are k = 3, dilated.

    The vertical stack at row r holds features of the rows up to and *including* r; it reaches the horizontal stack
    shifted down by one row. The horizontal stack at column c holds features up to and including column c.
    Nothing reads the residual output of the last layer, which therefore has none and hands its input through.
    """

    def __init__(self, channels: int, dilation: int, *, last: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.vertical = nn.Conv2d(channels, 2 * channels, (2, 3), dilation=dilation, bias=False)
        self.vertical_to_horizontal = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.horizontal = nn.Conv2d(channels, 2 * channels, (1, 2), dilation=dilation, bias=False)
        self.residual = None if last else nn.Conv2d(channels, channels, 1)
        self.skip = nn.Conv2d(channels, channels, 1)

    def forward(self, v: Tensor, h: Tensor, v_bias: Tensor, h_bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        d = self.dilation
        v_features = self.vertical(F.pad(v, (d, d, d, 0))) + v_bias
        h_features = self.horizontal(F.pad(h, (d, 0, 0, 0))) + h_bias
        h_features = h_features + self.vertical_to_horizontal(shift_down(v_features))
        gated = gate(h_features)
        h = h if self.residual is None else h + self.residual(gated)
        return gate(v_features), h, self.skip(gated)


class GatedPixelCNN(AutoregressiveModel):
    """K-way softmax of every pixel of a grey image, and of every colour of every pixel of one in colour."""

    architecture = "gated_pixelcnn"
    family = "masked convolution"
    title = "Gated PixelCNN"
    replayable = True
    own_factors: ClassVar[tuple[str, ...]] = ()
    """Names of the factors that a subclass reads itself: any kind may have them, all others are categories."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, ImageChain) or spec.chain.order != RASTER:
            raise InputError("a Gated PixelCNN models images in raster order")
        self.image_chain = spec.chain
        self.config = config_of(GatedPixelCNNConfig, spec.config, "a Gated PixelCNN")
        c, k, layers = self.config.channels, self.config.first_rows, len(self.config.dilations)
        colours, head, size = spec.chain.channels, self.config.head, spec.chain.alphabet.size
        self.first_vertical = nn.Conv2d(colours + 1, c, (k, 2 * k + 1))
        self.first_horizontal = nn.Conv2d(colours + 1, c, (1, k))
        self.layers = nn.ModuleList(GatedLayer(c, d, last=i == layers - 1) for i, d in enumerate(self.config.dilations))
        self.condition = FactorEmbeddings(spec.factors, layers * 4 * c, besides=self.own_factors)
        self.bias = nn.Parameter(torch.zeros(layers * 4 * c))
        self.head = nn.Conv2d(c, colours * head, 1)
        # What a colour's value, one row each, tells the heads of all colours after it. The last one has none to tell.
        self.tables = nn.ModuleList(nn.Embedding(size, (colours - 1 - n) * head) for n in range(colours - 1))
        for table in self.tables:
            # Neighbouring values begin alike: from random rows that has to be learned first.
            weight = cast(nn.Embedding, table).weight
            if not weight.is_meta:  # there, where sizes are checked before a checkpoint is read, it takes torch seconds
                weight.data.copy_(torch.linspace(-1, 1, size)[:, None] * torch.randn(1, weight.shape[1]))
        self.out = nn.Conv2d(colours * head, colours * size, 1, groups=colours)

    @property
    def receptive_field(self) -> int | None:
        chain, reach = self.image_chain, self.rows_above
        if reach >= chain.height:
            return None
        return chain.step(reach, min(reach, chain.width - 1)) + chain.channels - 1

    @property
    def rows_above(self) -> int:
        """How many rows above a pixel its conditional can see; to the left it sees as many columns."""
        return self.config.first_rows + sum(self.config.dilations)

    def planes(self, symbols: Tensor) -> Tensor:
        """Symbols (B, D) to the input planes (B, colours + 1, H, W): intensities in -1 … 1, and ones."""
        chain = self.image_chain
        # Filled in place, so that in memory colours lie outermost: convolutions are faster then.
        planes = self.bias.new_ones(len(symbols), chain.channels + 1, chain.height, chain.width)
        planes[:, :-1] = self.pixels(symbols).to(planes.dtype) * (2 / (chain.alphabet.levels - 1)) - 1
        return planes

    def pixels(self, symbols: Tensor) -> Tensor:
        """Symbols (B, D) as an image (B, colours, H, W)."""
        chain = self.image_chain
        return symbols.reshape(-1, chain.height, chain.width, chain.channels).movedim(-1, 1)

    def layer_biases(self, condition: Tensor) -> Tensor:
        """Bias plus condition of every layer: (B, layers, 4C), the vertical stack's 2C before the horizontal's."""
        biases: Tensor = self.bias + self.condition(condition)
        return biases.reshape(condition.shape[0], len(self.layers), 4 * self.config.channels)

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        steps, length = symbols.shape[1], self.image_chain.length
        symbols = F.pad(symbols, (0, length - steps))
        planes = self.planes(symbols)
        k, c = self.config.first_rows, self.config.channels
        # Vertical: rows r - k + 1 … r. Horizontal: columns c - k … c - 1, which is what keeps the pixel itself out.
        v = self.first_vertical(F.pad(planes, (k, k, k - 1, 0)))
        h = self.first_horizontal(F.pad(planes, (k, 0, 0, 0))[..., :-1]) + shift_down(v)
        skips = torch.zeros_like(h)
        for layer, bias in zip(self.layers, self.layer_biases(condition).unbind(1), strict=True):
            v_bias, h_bias = torch.split(bias[:, :, None, None], 2 * c, 1)
            v, h, skip = cast(GatedLayer, layer)(v, h, v_bias, h_bias)
            skips = skips + skip
        hidden = self.head(F.relu(skips))
        pixels = self.pixels(symbols)
        for colour, table in enumerate(self.tables):
            told = looked_up(cast(nn.Embedding, table), pixels[:, colour]).movedim(-1, 1)
            hidden = hidden + F.pad(told, (0, 0, 0, 0, hidden.shape[1] - told.shape[1], 0))
        logits = self.out(F.relu(hidden))
        # (B, colours * K, H, W), colour by colour, to (B, D, K) with the colours innermost.
        return Categorical(logits.flatten(2).transpose(1, 2).reshape(len(symbols), length, -1)[:, :steps])

    def cached(self, condition: Tensor) -> Decoder:
        from models.networks.gated_pixelcnn_decoder import CachedGatedPixelCNN

        return CachedGatedPixelCNN(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.gated_pixelcnn import CompiledGatedPixelCNN

        return CompiledGatedPixelCNN(self, condition)
