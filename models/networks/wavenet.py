"""WaveNet with global and local conditioning and a stop symbol.

Paper: A. van den Oord, S. Dieleman, H. Zen, K. Simonyan, O. Vinyals, A. Graves, N. Kalchbrenner, A. Senior,
K. Kavukcuoglu, "WaveNet: A Generative Model for Raw Audio", 2016 (arXiv:1609.03499), sections 2.1 to 2.5.

A stack of dilated causal convolutions of width 2 over mu-law companded samples; each layer is a gated residual block,
z = tanh(W_f * x + V_f h) * sigmoid(W_g * x + V_g h), with a residual path and a skip path to a softmax over the
alphabet (figure 4). What is fixed beforehand adds to the V h: of the *global* condition, as the speaker, the same for
all time; of the *local* one, a track of what happens when, a value for each frame, repeated for all its samples
(section 2.5 has both ways of upsampling, and this one as its alternative).

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
from models.conditional import Categorical, Conditional
from models.errors import InputError
from models.layers.track_features import HARMONICS, TrackFeatures
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.sizes import check_list, check_sizes, config_of
from models.track import Track

if TYPE_CHECKING:
    from models.decoder import Decoder


ONSET_WEIGHT, ONSET_SECONDS = 9.0, 0.05
"""How much more than others the first steps of an event count in training, and in which time that falls to 1 / e."""


@dataclass(frozen=True)
class WaveNetConfig:
    """residual, skip, head: channels of the paths. dilations: one gated block each.

    frames: features of a frame, of a network with a local condition.
    """

    residual: int
    skip: int
    head: int
    dilations: tuple[int, ...]
    frames: int = 0

    def __post_init__(self) -> None:
        check_sizes("WaveNet", residual=(self.residual, 4096), skip=(self.skip, 4096), head=(self.head, 4096))
        if type(self.frames) is not int or not 0 <= self.frames <= 1024:
            raise InputError(f"frames of a WaveNet is a whole number in 0 … 1024, not {self.frames!r}")
        check_list("dilations of a WaveNet are", self.dilations, longest=200, most=65536, each="one for each block")


class GatedBlock(nn.Module):
    """One dilated gated block: (B, T, R) and a bias (B, T or 1, 2R) to gates (B, T, R) and residual output (B, T, R).

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
        content, opening = (self.filter_gate(torch.cat([past, x], -1)) + bias).chunk(2, -1)
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
        track = next((factor for factor in spec.factors if isinstance(factor, Track)), None)
        if (track is None) != (self.config.frames == 0):
            what = "and this data has none" if track is None else f"as this one has {track.name!r}"
            raise InputError(f"a WaveNet has features of frames where its data has a track, {what}")
        if track is not None and spec.chain.rate % track.per_second:
            raise InputError(f"{track.per_second} frames a second do not divide {spec.chain.rate} samples")
        self.start_symbol = size
        self.embedding = nn.Embedding(size + 1, r)
        self.blocks = nn.ModuleList(GatedBlock(r, d, last=i == layers - 1) for i, d in enumerate(self.config.dilations))
        self.bias = nn.Parameter(torch.zeros(layers * 2 * r))
        besides = [] if track is None else [track.name]
        self.condition = FactorEmbeddings(spec.factors, layers * 2 * r, besides)
        self.skip = nn.Linear(layers * r, self.config.skip)
        self.skip_condition = FactorEmbeddings(spec.factors, self.config.skip, besides)
        self.hop = spec.chain.rate if track is None else spec.chain.rate // track.per_second
        """Samples of a frame."""
        self.track: TrackFeatures | None = None
        if track is not None:
            self.track = TrackFeatures(track, self.columns[track.name], self.config.frames)
            self.local = nn.Linear(self.config.frames, layers * 2 * r, bias=False)
            self.local_skip = nn.Linear(self.config.frames, self.config.skip, bias=False)
        has_pitch = self.track is not None and self.track.pitch is not None
        self.tone = nn.Linear(2 * HARMONICS, r, bias=False) if has_pitch else None
        self.head = nn.Linear(self.config.skip, self.config.head)
        self.out = nn.Linear(self.config.head, size)

    @property
    def receptive_field(self) -> int:
        return 1 + sum(self.config.dilations)

    def biases(self, condition: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """What the condition (B, F) adds in frames (n,): to every block (B, n, layers, 2R), and to the skips (B, n, S).

        Biases included. Without a track, all frames are alike.
        """
        blocks, skips = (self.bias + self.condition(condition))[:, None], self.skip_condition(condition)[:, None]
        if self.track is None:
            blocks, skips = (x.expand(-1, len(frames), -1) for x in (blocks, skips))
        else:
            features = self.track(condition, frames)
            blocks, skips = blocks + self.local(features), skips + self.local_skip(features)
        return blocks.unflatten(-1, (len(self.blocks), -1)), skips + self.skip.bias

    def tones(self, condition: Tensor, steps: Tensor) -> Tensor:
        """What the tone of the asked pitch adds to the first block at steps (n,): (B, n, R)."""
        assert self.track is not None
        assert self.tone is not None
        with torch.autocast(condition.device.type, enabled=False):
            tone = self.track.tone(condition, steps, self.hop)
        added: Tensor = self.tone(tone)
        return added

    def training_pass(self, symbols: Tensor, condition: Tensor) -> tuple[Conditional, Tensor]:
        """Where a track has pitches, what follows the beginning of an event counts more: later the past tells them.

        A weight that depends on the condition and the step alone moves no optimum.
        """
        conditional, weights = super().training_pass(symbols, condition)
        if self.track is not None and self.tone is not None:
            age = self.track.age(condition, torch.arange(symbols.shape[1], device=condition.device), self.hop)
            weights = weights + ONSET_WEIGHT * torch.exp(-age / ONSET_SECONDS).float()
        return conditional, weights

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        steps = symbols.shape[1]
        count = 1 if self.track is None else -(-steps // self.hop)
        blocks, skip = self.biases(condition, torch.arange(count, device=condition.device))

        def everywhere(frames: Tensor) -> Tensor:
            """Of every step: (B, count, C) to (B, T, C), or to (B, 1, C) where there is no track."""
            return frames if self.track is None else frames.repeat_interleave(self.hop, 1)[:, :steps]

        x = self.embedding(F.pad(symbols, (1, 0), value=self.start_symbol)[:, :-1])
        if self.tone is not None:
            x = x + self.tones(condition, torch.arange(steps, device=condition.device))
        gates = []
        for block, bias in zip(self.blocks, blocks.unbind(2), strict=True):
            gate, x = cast(GatedBlock, block)(x, everywhere(bias))
            gates.append(gate)
        skips = F.linear(torch.cat(gates, -1), self.skip.weight) + everywhere(skip)
        return Categorical(self.out(F.relu(self.head(F.relu(skips)))))

    def cached(self, condition: Tensor) -> Decoder:
        from models.networks.wavenet_decoder import CachedWaveNet

        return CachedWaveNet(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.wavenet import CompiledWaveNet

        return CompiledWaveNet(self, condition)
