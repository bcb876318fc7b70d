"""Multi-Scale PixelRNN: a small image first, then the large one that it is a part of. One chain of both.

Paper: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016
(arXiv:1601.06759), sections 3.1, 3.3, 3.4 and 3.6.

The small image is every N-th pixel of every N-th row. A PixelRNN draws it as any other, pixel by pixel. A second,
conditional PixelRNN draws the large image around it:

    p(x) = prod_i p(s_i | s_<i)  prod_j p(x_j | x_<j, s)

    s    the small image, in raster order
    x_j  the other pixels; x_<j: all that come earlier in raster order, those of s among them

So every pixel has one conditional: those of s stand when the second network comes by. It passes them over, and its
opinion of them does not count. The order of the chain says N, as ``coarse N first``.

What the second network knows of pixels of s that lie ahead of it comes from the *upsampling* and the *biasing*: a
convolutional network with a transposed convolution makes features of the large size of the small image; a 1 x 1
convolution of them is added to the input-to-state part of every layer, a bias of its own for each pixel (section 3.6).

Both networks are stacks of Row LSTMs, see ``row_lstm``, between a masked convolution of 7 x 7 and two of 1 x 1.

Deviations from the paper:
- Pixels enter as real numbers in -1 … 1. Images are grey.
- The condition, which it does not have, is a bias of every layer's gates in both networks.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import ImageChain, Symbols
from models.conditional import Categorical
from models.decoder import Decoder
from models.errors import InputError
from models.layers.masked_convolution import FIRST, MaskedConv2d, at_pixel
from models.layers.row_lstm import GATES, RowLSTMLayer, RowLSTMPixels
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.orders import coarse_factor
from models.sizes import check_sizes, config_of


@dataclass(frozen=True)
class MultiscalePixelRNNConfig:
    """hidden: h, features of a hidden state, half of those between layers. coarse_layers, fine_layers: Row LSTMs of
    the two networks. upsampled: features of the small image. head: of the last two convolutions."""

    hidden: int
    coarse_layers: int
    fine_layers: int
    upsampled: int
    head: int

    def __post_init__(self) -> None:
        check_sizes(
            "Multi-Scale PixelRNN",
            hidden=(self.hidden, 1024),
            coarse_layers=(self.coarse_layers, 100),
            fine_layers=(self.fine_layers, 100),
            upsampled=(self.upsampled, 1024),
            head=(self.head, 4096),
        )


class RowLSTMStack(nn.Module):
    """All pixels of an image given those before them in raster order, and features of the whole image, if any."""

    def __init__(self, hidden: int, layers: int, head: int, levels: int, given: int) -> None:
        """given: how many features of each pixel the network is told; 0 for an unconditional one."""
        super().__init__()
        self.first = MaskedConv2d(1, 2 * hidden, FIRST, 1, own=False)
        self.layers = nn.ModuleList(RowLSTMLayer(hidden, 1) for _ in range(layers))
        self.biasing = nn.Conv2d(given, layers * GATES * hidden, 1, bias=False) if given else None
        self.head = nn.Conv2d(2 * hidden, head, 1)
        self.out = nn.Conv2d(head, levels, 1)

    def forward(self, image: Tensor, bias: Tensor, given: Tensor | None) -> Tensor:
        """Logits (B, K, H, W). image: (B, 1, H, W). bias: (B, layers * 4 hidden). given: (B, features, H, W)."""
        maps = bias[:, :, None, None]
        if self.biasing is not None:
            maps = maps + self.biasing(given)
        x = self.first(image)
        for layer, own in zip(self.layers, maps.chunk(len(self.layers), 1), strict=True):
            x = layer(x, own)
        logits: Tensor = self.out(F.relu(self.head(F.relu(x))))
        return logits


class Upsampling(nn.Module):
    """Features of a small image (B, 1, h, w), as large as one that has N times the rows and columns.

    The kernel of the transposed convolution reaches from a small image's pixel up to, and not onto, the next ones: a
    pixel between two hears of both.
    """

    def __init__(self, features: int, factor: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(1, features, 3, padding=1)
        self.again = nn.Conv2d(features, features, 3, padding=1)
        self.enlarge = nn.ConvTranspose2d(
            features, features, 2 * factor - 1, factor, padding=factor - 1, output_padding=factor - 1
        )

    def forward(self, small: Tensor) -> Tensor:
        return F.relu(self.enlarge(F.relu(self.again(F.relu(self.look(small))))))


class MultiscalePixelRNN(AutoregressiveModel):
    """K-way softmax of every pixel of a grey image, the coarse grid first."""

    architecture = "multiscale_pixel_rnn"
    family = "recurrent"
    title = "Multi-Scale PixelRNN"
    replayable = True

    pixels: Tensor
    ranks: Tensor

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        chain = spec.chain
        factor = coarse_factor(chain.order) if isinstance(chain, ImageChain) and chain.channels == 1 else None
        if factor is None:
            raise InputError(
                "a Multi-Scale PixelRNN models grey images in the order coarse N first, such as 'coarse 2 first'"
            )
        self.image_chain = cast(ImageChain, chain)
        self.config = config = config_of(MultiscalePixelRNNConfig, spec.config, "a Multi-Scale PixelRNN")
        height, width = self.image_chain.height, self.image_chain.width
        self.small_size = -(-height // factor), -(-width // factor)
        """Rows and columns of the small image."""
        self.coarse_steps = self.small_size[0] * self.small_size[1]
        """How many steps draw the small image."""
        levels, wide = chain.alphabet.size, GATES * config.hidden
        self.coarse = RowLSTMStack(config.hidden, config.coarse_layers, config.head, levels, 0)
        self.upsampling = Upsampling(config.upsampled, factor)
        self.fine = RowLSTMStack(config.hidden, config.fine_layers, config.head, levels, config.upsampled)
        self.coarse_condition = FactorEmbeddings(spec.factors, config.coarse_layers * wide)
        self.fine_condition = FactorEmbeddings(spec.factors, config.fine_layers * wide)
        # A copy: the chain's own arrays are not to be written to, which tensors cannot promise.
        self.register_buffer("pixels", torch.from_numpy(self.image_chain.pixels.copy()), persistent=False)
        self.register_buffer("ranks", torch.from_numpy(self.image_chain.ranks.flatten()), persistent=False)

    def intensities(self, symbols: Tensor) -> Tensor:
        """Symbols of any shape as real numbers in -1 … 1."""
        levels: int = self.image_chain.alphabet.levels
        return symbols.to(self.fine.out.weight.dtype) * (2 / (levels - 1)) - 1

    def given(self, small: Tensor) -> Tensor:
        """The features (B, upsampled, H, W) that the small image (B, 1, h, w) gives to the large one."""
        upsampled: Tensor = self.upsampling(small)
        return upsampled[:, :, : self.image_chain.height, : self.image_chain.width]

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        chain, steps = self.image_chain, symbols.shape[1]
        in_order = self.intensities(F.pad(symbols, (0, chain.length - steps)))
        small = in_order[:, : self.coarse_steps].reshape(-1, 1, *self.small_size)
        logits = self.coarse(small, self.coarse_condition(condition), None).flatten(2)
        if steps > self.coarse_steps:
            image = in_order[:, self.ranks].reshape(-1, 1, chain.height, chain.width)
            fine = self.fine(image, self.fine_condition(condition), self.given(small)).flatten(2)
            logits = torch.cat([logits, fine[:, :, self.pixels[self.coarse_steps :]]], 2)
        return Categorical(logits.transpose(1, 2)[:, :steps])

    def cached(self, condition: Tensor) -> Decoder:
        return CachedMultiscalePixelRNN(self, condition)


class Scan:
    """A stack of Row LSTMs pixel by pixel over an image that others write: what it computes of each is kept.

    Nothing reads what comes later, so that the scan may go back to any pixel as it is.
    """

    def __init__(self, network: RowLSTMStack, bias: Tensor, height: int, width: int, given: Tensor | None) -> None:
        """bias: (B, layers * 4 hidden). given: (B, features, height, width)."""
        weight = network.first.weight
        self._network, self._bias, self._given, self._width = network, bias.to(weight.dtype)[:, None], given, width
        self._first = network.first.causal()
        # With zeros around, as the first convolution pads.
        self._image = weight.new_zeros(len(bias), height + FIRST // 2, width + 2 * (FIRST // 2), 1)
        layers = [cast(RowLSTMLayer, layer) for layer in network.layers]
        self._layers = [RowLSTMPixels(layer, len(bias), height, width) for layer in layers]
        self._next = 0
        self._entered: int | None = None

    def write(self, rows: int | Tensor, columns: int | Tensor, intensities: Tensor) -> None:
        """Intensities (B,) of a pixel, or (B, n) of n pixels."""
        self._image[:, rows + FIRST // 2, columns + FIRST // 2, 0] = intensities

    def back(self, pixel: int) -> None:
        """Pixels from this one on, in raster order, may change."""
        self._next = min(self._next, pixel)

    def logits(self, pixel: int) -> Tensor:
        """Of a pixel not before those that were asked for, (B, K); the layers pass over all up to it."""
        x = self._image
        while self._next <= pixel:
            x = self._pass(*divmod(self._next, self._width))
            self._next += 1
        head, out = self._network.head, self._network.out
        return _everywhere(F.relu(_everywhere(F.relu(x), head)), out)

    def _pass(self, row: int, column: int) -> Tensor:
        """All layers at a pixel, (B, 2 hidden)."""
        if row != self._entered:
            self._enter(row)
        x = at_pixel(self._image, row, column, FIRST, self._first)
        for layer in self._layers:
            x = layer.pixel(x, row, column)
        return x

    def _enter(self, row: int) -> None:
        """What all pixels of a row hear of the row above and are told besides. It stays right if the walk goes back to
        a pixel of the row; from a row above, it comes by here again."""
        bias = self._bias
        if self._given is not None:
            bias = bias + _everywhere(self._given[:, :, row].transpose(1, 2), cast(nn.Conv2d, self._network.biasing))
        for layer, own in zip(self._layers, bias.chunk(len(self._layers), -1), strict=True):
            layer.enter(row, own)
        self._entered = row

    def select(self, rows: Tensor) -> Scan:
        """The same with copies of the given rows of the batch."""
        chosen = copy.copy(self)
        chosen._bias, chosen._image = self._bias[rows], self._image[rows]
        chosen._given = None if self._given is None else self._given[rows]
        chosen._layers = [layer.select(rows) for layer in self._layers]
        return chosen


class CachedMultiscalePixelRNN(Decoder):
    """Two scans, one after the other. A step costs the layers at one pixel, and at those of the small image that the
    second scan passes over on its way; the upsampling is computed once, when the small image is whole."""

    engine = "cached"
    model: MultiscalePixelRNN

    @torch.inference_mode()
    def __init__(self, model: MultiscalePixelRNN, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._coarse = Scan(model.coarse, model.coarse_condition(condition), *model.small_size, None)
        self._fine: Scan | None = None
        self._logits: Tensor | None = None

    @torch.inference_mode()
    def peek(self) -> Categorical:
        if self._logits is None:
            if self.step < self.model.coarse_steps:
                self._logits = self._coarse.logits(self.step)
            else:
                if self._fine is None:
                    self._fine = self._second_scan()
                self._logits = self._fine.logits(self._pixel(self.step))
        return Categorical(self._logits)

    def _pixel(self, step: int) -> int:
        """Where a step lies in the large image, in raster order."""
        return int(self.model.image_chain.pixels[step])

    def _second_scan(self) -> Scan:
        """Over the large image with all that is known of it."""
        model, chain = self.model, self.model.image_chain
        known = self._intensities(self.symbols)
        given = model.given(known[:, : model.coarse_steps].reshape(-1, 1, *model.small_size))
        scan = Scan(model.fine, model.fine_condition(self.condition), chain.height, chain.width, given)
        pixels = model.pixels[: self.step]
        scan.write(pixels // chain.width, pixels % chain.width, known)
        return scan

    def _intensities(self, symbols: Symbols) -> Tensor:
        return self.model.intensities(torch.from_numpy(symbols).to(self.condition.device))

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        model, intensities = self.model, self._intensities(column[:, None])
        if self.step < model.coarse_steps:
            self._coarse.write(*divmod(self.step, model.small_size[1]), intensities[:, 0])
        elif self._fine is not None:
            self._fine.write(*divmod(self._pixel(self.step), model.image_chain.width), intensities[:, 0])
        self._logits = None

    def _rewind(self, step: int) -> None:
        if step < self.model.coarse_steps:
            self._coarse.back(step)
            self._fine = None
        elif self._fine is not None:
            self._fine.back(self._pixel(step))
        self._logits = None

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        index = torch.tensor(rows, device=self.condition.device)
        self._coarse = self._coarse.select(index)
        self._fine = None if self._fine is None else self._fine.select(index)
        self._logits = None if self._logits is None else self._logits[index]


def _everywhere(x: Tensor, convolution: nn.Conv2d) -> Tensor:
    """A 1 x 1 convolution of (…, in)."""
    return F.linear(x, convolution.weight.flatten(1), convolution.bias)
