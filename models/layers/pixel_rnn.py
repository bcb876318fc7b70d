"""The frame of a PixelRNN, into which its layers are put.

Paper: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML 2016
(arXiv:1601.06759), table 1: a 7 x 7 convolution with mask A, the recurrent layers, and two 1 x 1 convolutions with
mask B, each after a ReLU.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import ImageChain
from models.conditional import Categorical
from models.errors import InputError
from models.layers.masked_convolution import FIRST, MaskedConv2d, intensities, sub_pixels
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.orders import RASTER
from models.sizes import check_sizes, config_of


@dataclass(frozen=True)
class PixelRNNConfig:
    """hidden: h, features of a hidden state, half of those between layers. layers: how many. head: of the last two."""

    hidden: int
    layers: int
    head: int


class PixelRNN(AutoregressiveModel):
    """K-way softmax of every sub-pixel of a grey or colour image. A subclass has ``layer``."""

    family = "recurrent"
    replayable = True
    gates: ClassVar[int]
    """Features of a layer's gates, in hidden states: as many biases come from the condition."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, ImageChain) or spec.chain.order != RASTER:
            raise InputError(f"a {self.title} models images in raster order")
        self.image_chain = spec.chain
        self.config = config_of(PixelRNNConfig, spec.config, f"a {self.title}")
        colours, hidden, head = spec.chain.channels, self.config.hidden, self.config.head
        check_sizes(self.title, hidden=(hidden, 1024), layers=(self.config.layers, 100), head=(head, 4096))
        if hidden % colours or head % colours:
            raise InputError(
                f"hidden and head of a {self.title} for three colours are multiples of 3, not {hidden} and {head}"
            )
        self.first = MaskedConv2d(colours, 2 * hidden, FIRST, colours, own=False)
        self.layers = nn.ModuleList(self.layer(hidden, colours) for _ in range(self.config.layers))
        self.head = MaskedConv2d(2 * hidden, head, 1, colours, own=True)
        self.out = MaskedConv2d(head, colours * spec.chain.alphabet.size, 1, colours, own=True)
        self.condition = FactorEmbeddings(spec.factors, self.config.layers * self.gates * hidden)

    @abstractmethod
    def layer(self, hidden: int, colours: int) -> nn.Module:
        """From features (B, 2 hidden, H, W) and a bias (B, gates * hidden, 1, 1) to as many features."""

    def layer_biases(self, condition: Tensor) -> Tensor:
        """(B, layers, gates * hidden)."""
        biases: Tensor = self.condition(condition)
        return biases.reshape(len(condition), self.config.layers, -1)

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        x = self.first(intensities(self.image_chain, symbols, self.first.weight.dtype))
        for layer, bias in zip(self.layers, self.layer_biases(condition).unbind(1), strict=True):
            x = layer(x, bias[:, :, None, None])
        logits = self.out(F.relu(self.head(F.relu(x))))
        return sub_pixels(self.image_chain, logits, symbols.shape[1])
