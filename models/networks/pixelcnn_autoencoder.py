"""The PixelCNN auto-encoder: a convolutional encoder and a conditional PixelCNN as its decoder, trained together.

Paper: A. van den Oord, N. Kalchbrenner, O. Vinyals, L. Espeholt, A. Graves, K. Kavukcuoglu, "Conditional Image
Generation with PixelCNN Decoders", NIPS 2016 (arXiv:1606.05328), on PixelCNN auto-encoders.

The encoder maps an image to a short code h, here a point of the plane; the decoder is the Gated PixelCNN of
``gated_pixelcnn``, which this file extends by where its condition comes from:

    h = tanh(encoder(x)),    p(x | h) = prod_i p(x_i | x_<i, h)

Both are trained end to end on -log p(x | h(x)). An auto-encoder with an ordinary decoder must squeeze the image itself
into the code. This decoder finds what is local, edges and textures, in the pixels that it has drawn already, so that
the code is left to say what those do not: which garment it is, how wide, how dark. From one code come many images.

The code is a condition like any other. To draw, somebody chooses it; to score an image the encoder does. What is
measured then is -log p(x | h(x)): the cost of a reconstruction, whose code has seen the image and is not paid for, and
*not* the likelihood of x.

Where codes lie. No term of the loss says how they are to be spread. In training a little Gaussian noise falls on each
code, so that the decoder cannot but give similar images for neighbouring codes; and since the square has edges, codes
that are to be told apart through the noise must spread over it, as over a channel of limited power.

Deviations from the paper:
- The code is two numbers in -1 … 1, a point that can be pointed at.
- There is noise on it in training.
- It reaches the decoder's layers (equation 4) through a small network instead of one matrix: regions of a plane are
  not told apart by planes.
- What is said of the decoder in ``gated_pixelcnn``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from reprlib import repr as shortened
from typing import Any

import torch
from torch import Tensor, nn

from models.chain import Chain, ImageChain
from models.condition import Factor, Vector
from models.conditional import Conditional
from models.errors import InputError
from models.model import ModelSpec
from models.networks.gated_pixelcnn import GatedPixelCNN
from models.sizes import check_list, check_sizes, config_of

CODE = Vector("code", 2)


@dataclass(frozen=True)
class EncoderConfig:
    """encoder: features of each convolution, which halves height and width. hidden: features beside the code, of the
    encoder and of the network that spreads it over the decoder's layers. noise: standard deviation of what is added to
    each number of a code in training.
    """

    encoder: tuple[int, ...]
    hidden: int
    noise: float

    def __post_init__(self) -> None:
        check_list(
            "encoder of a PixelCNN auto-encoder is",
            self.encoder,
            longest=10,
            most=1024,
            each="one for each convolution",
        )
        check_sizes("PixelCNN auto-encoder", hidden=(self.hidden, 4096))
        if type(self.noise) not in (int, float) or not 0 <= self.noise <= 1:
            raise InputError(f"noise of a PixelCNN auto-encoder is a number in 0 … 1, not {shortened(self.noise)}")


class PixelCNNAutoencoder(GatedPixelCNN):
    """A Gated PixelCNN whose condition is a code, and the encoder that finds the code of an image."""

    architecture = "pixelcnn_autoencoder"
    family = "masked convolution"
    title = "PixelCNN auto-encoder"
    own_factors = (CODE.name,)

    @classmethod
    def factors_for(cls, data: tuple[Factor, ...], chain: Chain) -> tuple[Factor, ...]:
        """The code alone, whatever the data says of its images: that is for the encoder to find."""
        return (CODE,)

    def __init__(self, spec: ModelSpec) -> None:
        if spec.factors != (CODE,):
            raise InputError(f"a PixelCNN auto-encoder is conditioned on its code and on nothing else: {CODE}")
        own, decoders = divided(spec.config)
        super().__init__(replace(spec, config=decoders))
        self.spec = spec
        self.noise, self.scale = own.noise, 1 / math.sqrt(own.hidden)
        self.encoder = encoder(self.image_chain, own)
        self.code_biases = nn.Sequential(
            nn.Linear(CODE.size, own.hidden), nn.Tanh(), nn.Linear(own.hidden, own.hidden), nn.ReLU(),
            nn.Linear(own.hidden, self.bias.numel(), bias=False),
        )  # fmt: skip
        # What gives the logits stays the last of the layers: training treats that one apart.
        out = self.out
        del self.out
        self.out = out

    def layer_biases(self, condition: Tensor) -> Tensor:
        """As the Gated PixelCNN's, with what the code says. A condition is a code and nothing else: (B, 2)."""
        biases = super().layer_biases(condition)
        told: Tensor = self.code_biases(condition.to(self.bias.dtype))
        return biases + told.reshape(biases.shape)

    def encode(self, symbols: Tensor, condition: Tensor) -> Tensor:
        """The codes of images (B, D), as conditions (B, 2) in -1 … 1, whatever the condition was.

        What is measured under them is the cost of reconstructions, not a likelihood: see the head of this file.
        """
        found: Tensor = self.encoder(self.planes(symbols))
        return torch.tanh(self.scale * found.to(condition.dtype))

    def training_pass(self, symbols: Tensor, condition: Tensor) -> tuple[Conditional, Tensor]:
        """Encodes, adds noise, decodes; every pixel counts alike."""
        code = self.encode(symbols, condition)
        return super().training_pass(symbols, code + self.noise * torch.randn_like(code))


def divided(config: Mapping[str, Any]) -> tuple[EncoderConfig, dict[str, Any]]:
    """What of a configuration is this file's, and what is left for the Gated PixelCNN."""
    names = {field.name for field in fields(EncoderConfig)}
    own = {name: value for name, value in config.items() if name in names}
    decoders = {name: value for name, value in config.items() if name not in names}
    return config_of(EncoderConfig, own, "the encoder of a PixelCNN auto-encoder"), decoders


def encoder(chain: ImageChain, config: EncoderConfig) -> nn.Sequential:
    """Convolutions of stride 2 and two full layers: planes (B, colours + 1, H, W) to (B, 2), to be scaled.

    A code that ran into a corner of the square would stay there: tanh has no slope to come back on. Early in training,
    when the decoder knows nothing yet, any step that all codes take together may be of use to it. The last layer is
    therefore a slow one: its inputs are normalised, and what comes out is scaled down.
    """
    layers: list[nn.Module] = []
    planes, height, width = chain.channels + 1, chain.height, chain.width
    for features in config.encoder:
        layers += [nn.Conv2d(planes, features, 3, stride=2, padding=1), nn.ReLU()]
        planes, height, width = features, (height + 1) // 2, (width + 1) // 2
    layers += [nn.Flatten(), nn.Linear(planes * height * width, config.hidden), nn.ReLU()]
    layers += [nn.LayerNorm(config.hidden, elementwise_affine=False), nn.Linear(config.hidden, CODE.size)]
    return nn.Sequential(*layers)
