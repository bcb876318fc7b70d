"""WaveNet with global conditioning and a stop symbol.

Paper: A. van den Oord, S. Dieleman, H. Zen, K. Simonyan, O. Vinyals, A. Graves, N. Kalchbrenner, A. Senior,
K. Kavukcuoglu, "WaveNet: A Generative Model for Raw Audio", 2016 (arXiv:1609.03499), sections 2.1 to 2.5.

A stack of dilated causal convolutions of width 2 over mu-law companded samples; each layer is a gated residual block,
z = tanh(W_f * x + V_f h) * sigmoid(W_g * x + V_g h), with a residual path and a skip path to a softmax over the
alphabet (figure 4).

Deviations from the paper:
- The alphabet has a stop symbol after the amplitudes, so that a clip ends when the model ends it.
- The first convolution is an embedding of the previous symbol; before the first sample it is a learned start symbol.
- All skip connections are one matrix product over the concatenated gates; the condition also reaches the output.
- Time is the second axis and channels the last, so that each convolution is a matrix product over two shifted copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import SoundChain
from models.conditional import Categorical
from models.errors import InputError
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.sizes import check_list, check_sizes, config_of

if TYPE_CHECKING:
    from models.decoder import Decoder


@dataclass(frozen=True)
class WaveNetConfig:
    """residual, skip, head: channels of the paths. dilations: one gated block each."""

    residual: int
    skip: int
    head: int
    dilations: tuple[int, ...]

    def __post_init__(self) -> None:
        check_sizes("WaveNet", residual=(self.residual, 4096), skip=(self.skip, 4096), head=(self.head, 4096))
        check_list("dilations of a WaveNet are", self.dilations, longest=200, most=65536, each="one for each block")


class GatedBlock(nn.Module):
    """One dilated gated block: (B, T, R) and a bias (B, 2R) to gates (B, T, R) and residual output (B, T, R).

    Nothing reads the residual output of the last block, which therefore has none and hands its input through.
    """

    def __init__(self, channels: int, dilation: int, *, last: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.filter_gate = nn.Linear(2 * channels, 2 * channels, bias=False)
        """Weights of the sample ``dilation`` steps ago (first half of the inputs) and of the present one."""
        self.residual = None if last else nn.Linear(channels, channels)

    def forward(self, x: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        past = F.pad(x, (0, 0, self.dilation, 0))[:, : x.shape[1]]
        content, opening = (self.filter_gate(torch.cat([past, x], -1)) + bias[:, None]).chunk(2, -1)
        gates = torch.tanh(content) * torch.sigmoid(opening)
        return gates, x if self.residual is None else x + self.residual(gates)


class WaveNet(AutoregressiveModel):
    """Softmax WaveNet over mu-law codes."""

    architecture = "wavenet"
    family = "dilated convolution"
    title = "WaveNet"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, SoundChain):
            raise InputError("a WaveNet of this file models sound")
        self.config = config_of(WaveNetConfig, spec.config, "a WaveNet")
        r, layers, size = self.config.residual, len(self.config.dilations), spec.chain.alphabet.size
        self.start_symbol = size
        self.embedding = nn.Embedding(size + 1, r)
        self.blocks = nn.ModuleList(GatedBlock(r, d, last=i == layers - 1) for i, d in enumerate(self.config.dilations))
        self.bias = nn.Parameter(torch.zeros(layers * 2 * r))
        self.condition = FactorEmbeddings(spec.factors, layers * 2 * r)
        self.skip = nn.Linear(layers * r, self.config.skip)
        self.skip_condition = FactorEmbeddings(spec.factors, self.config.skip)
        self.head = nn.Linear(self.config.skip, self.config.head)
        self.out = nn.Linear(self.config.head, size)

    @property
    def receptive_field(self) -> int:
        return 1 + sum(self.config.dilations)

    def layer_biases(self, condition: Tensor) -> Tensor:
        """Bias plus condition of every block: (B, layers, 2R)."""
        biases: Tensor = self.bias + self.condition(condition)
        return biases.reshape(condition.shape[0], len(self.blocks), 2 * self.config.residual)

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        inputs = F.pad(symbols, (1, 0), value=self.start_symbol)[:, :-1]
        x = self.embedding(inputs)
        gates = []
        for block, bias in zip(self.blocks, self.layer_biases(condition).unbind(1), strict=True):
            gate, x = cast(GatedBlock, block)(x, bias)
            gates.append(gate)
        skips = self.skip(torch.cat(gates, -1)) + self.skip_condition(condition)[:, None]
        return Categorical(self.out(F.relu(self.head(F.relu(skips)))))

    def cached(self, condition: Tensor) -> Decoder:
        from models.networks.wavenet_decoder import CachedWaveNet

        return CachedWaveNet(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.wavenet import CompiledWaveNet

        return CompiledWaveNet(self, condition)
