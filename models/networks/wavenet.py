"""WaveNet with global and local conditioning, context stacks and a stop symbol.

Paper: A. van den Oord, S. Dieleman, H. Zen, K. Simonyan, O. Vinyals, A. Graves, N. Kalchbrenner, A. Senior,
K. Kavukcuoglu, "WaveNet: A Generative Model for Raw Audio", 2016 (arXiv:1609.03499), section 2.

A stack of dilated causal convolutions of width 2 over mu-law companded samples; each layer is a gated residual block,
z = tanh(W_f * x + V_f h) * sigmoid(W_g * x + V_g h), with a residual path and a skip path to a softmax over the
alphabet (figure 4). What is fixed beforehand adds to the V h: of the *global* condition, as the speaker, the same for
all time; of the *local* one, a track of what happens when, a value for each frame, repeated for all its samples
(section 2.5 has both ways of upsampling, and this one as its alternative).

A *context stack* (section 2.6) is a second, smaller WaveNet that hears the same sound far back at a lower rate, and
conditions the first one locally. Its rate is that of frames of ``hop`` samples. What it knows after a frame reaches the
first stack in the next one: the samples of a frame condition nothing in that frame itself, which some of them follow.

Where the track has a pitch, the first block may also hear the sound as it was one, two, … *periods* of that pitch ago,
x(t - kT), after Y.-C. Wu, T. Hayashi, P. L. Tobing, K. Kobayashi, T. Toda, "Quasi-Periodic WaveNet", Interspeech 2019
(arXiv:1907.00797), and 2020 (arXiv:2007.05663), where whole blocks have delays that follow the pitch. What goes on like
that is a comb filter, whose teeth are the harmonics of the asked pitch and of no other: in training the past tells what
is to come so well that a network need not heed the pitch that it is told, and in generation the pitch then drifts. A
period is no whole number of samples: what is between them is a cubic through the four around it (Lagrange's).

The output is a softmax over the alphabet, or a *mixture of logistics* over many more levels than a softmax can have,
such as the 65 536 of 16-bit samples: A. van den Oord et al., "Parallel WaveNet: Fast High-Fidelity Speech Synthesis",
2017 (arXiv:1711.10433), section 2.1, after T. Salimans et al., PixelCNN++, 2017. A level has the mass of its bin.

Deviations from the papers:
- The alphabet has a stop symbol after the amplitudes, so that a clip ends when the model ends it.
- The first convolution is an embedding of the previous symbol; before the first sample it is a learned start symbol.
- All skip connections are one matrix product over the concatenated gates; the condition also reaches the output.
- Time is the second axis and channels the last, so that each convolution is a matrix product over two shifted copies.
- A context stack's frames are a learned linear map of their samples, a convolution as wide as its stride, where the
  paper has pooling layers; the mean of a frame's amplitudes is next to nothing.
- Of many levels the input is no embedding but the amplitude, as it is and compressed, so that quiet sounds are heard.
- The mean of a logistic is told from the previous sample on, and in units of the logistic's own scale: what rounding
  there is in the network, of whatever engine, then is a share of the scale, even of a single level among 65 536.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import LinearAmplitudes, SoundChain
from models.conditional import Categorical, Conditional, MixtureOfLogistics, WithStop
from models.errors import InputError
from models.layers.track_features import HARMONICS, SHORTEST_PERIOD, TrackFeatures
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.sizes import check_list, check_sizes, config_of
from models.track import Track

if TYPE_CHECKING:
    from models.decoder import Decoder


ONSET_WEIGHT, ONSET_SECONDS = 9.0, 0.05
"""How much more than others the first steps of an event count in training, and in which time that falls to 1 / e."""


NARROWEST = 0.1
"""Of the scales of logistics, in levels: one in the middle of a level has 98.7 % of its mass there."""

LONGEST_DELAY = 65536
"""Samples: of the periods of the lowest pitch together."""

COMPRESSION = 128.0
"""How many times as steep as elsewhere the compressed amplitude is near silence, about."""


@dataclass(frozen=True)
class ContextConfig:
    """hop: samples of a frame. channels: of its paths. dilations: one gated block each, in frames."""

    hop: int
    channels: int
    dilations: tuple[int, ...]

    def __post_init__(self) -> None:
        check_sizes("WaveNet's context", hop=(self.hop, 65536), channels=(self.channels, 4096))
        what = "dilations of a WaveNet's context are"
        check_list(what, self.dilations, longest=200, most=65536, each="one for each block")


@dataclass(frozen=True)
class WaveNetConfig:
    """residual, skip, head: channels of the paths. dilations: one gated block each.

    frames: features of a frame, of a network with a local condition. components: logistics of the output; 0 for a
    softmax. context: of a network with a context stack. periods: so many of the asked pitch are heard.
    """

    residual: int
    skip: int
    head: int
    dilations: tuple[int, ...]
    frames: int = 0
    components: int = 0
    context: ContextConfig | None = None
    periods: int = 0

    def __post_init__(self) -> None:
        check_sizes("WaveNet", residual=(self.residual, 4096), skip=(self.skip, 4096), head=(self.head, 4096))
        if type(self.frames) is not int or not 0 <= self.frames <= 1024:
            raise InputError(f"frames of a WaveNet is a whole number in 0 … 1024, not {self.frames!r}")
        if type(self.components) is not int or not 0 <= self.components <= 1024:
            raise InputError(f"components of a WaveNet is a whole number in 0 … 1024, not {self.components!r}")
        if type(self.periods) is not int or not 0 <= self.periods <= 64:
            raise InputError(f"periods of a WaveNet is a whole number in 0 … 64, not {self.periods!r}")
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


class ContextStack(nn.Module):
    """What is known at the beginning of each frame: samples (B, T) in -1 … 1 to features (B, T // hop + 1, C)."""

    def __init__(self, config: ContextConfig) -> None:
        super().__init__()
        channels, last = config.channels, len(config.dilations) - 1
        self.hop = config.hop
        self.frames = nn.Linear(config.hop, channels)
        self.blocks = nn.ModuleList(GatedBlock(channels, d, last=i == last) for i, d in enumerate(config.dilations))
        self.bias = nn.Parameter(torch.zeros(len(config.dilations), 2 * channels))
        self.features = nn.Linear(len(config.dilations) * channels, channels)

    @property
    def reach(self) -> int:
        """Up to how many steps before one lies what it hears: at the end of a frame, of which nothing is known yet."""
        return (2 + sum(cast(GatedBlock, block).dilation for block in self.blocks)) * self.hop - 1

    def forward(self, heard: Tensor) -> Tensor:
        whole = torch.unflatten(heard[:, : heard.shape[1] // self.hop * self.hop], 1, (-1, self.hop))
        # Shifted by one: a frame knows those before it, the first one silence.
        x = self.frames(F.pad(whole, (0, 0, 1, 0)))
        gates = []
        for block, bias in zip(self.blocks, self.bias, strict=True):
            gate, x = cast(GatedBlock, block)(x, bias)
            gates.append(gate)
        return F.relu(self.features(torch.cat(gates, -1)))


class WaveNet(AutoregressiveModel):
    """A softmax over mu-law codes, or a mixture of logistics over linear amplitudes."""

    architecture = "wavenet"
    family = "dilated convolution"
    title = "WaveNet"
    replayable = True

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
        self.levels, self.start_symbol = spec.chain.alphabet.levels, size
        self.components = self.config.components
        if self.components and not isinstance(spec.chain.alphabet, LinearAmplitudes):
            raise InputError(f"a WaveNet's logistics lie on linear amplitudes, not on {spec.chain.alphabet.describe()}")
        self.embedding = None if self.components else nn.Embedding(size + 1, r)
        self.amplitude = nn.Linear(3, r) if self.components else None
        """Of the amplitude, the compressed one, and whether there is none yet."""
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
        if self.config.periods and not has_pitch:
            raise InputError("a WaveNet hears periods where its data has a track with a pitch, and this data has none")
        self.period = nn.Linear(self.config.periods, r, bias=False) if self.config.periods else None
        self.period_reach = self._period_reach()
        """Up to how many steps before one lies what the periods hear; 0 without them."""
        self.context = None if self.config.context is None else ContextStack(self.config.context)
        if self.config.context is not None:
            channels = self.config.context.channels
            self.from_context = nn.Linear(channels, layers * 2 * r, bias=False)
            self.from_context_skip = nn.Linear(channels, self.config.skip, bias=False)
        self.head = nn.Linear(self.config.skip, self.config.head)
        self.out = nn.Linear(
            self.config.head, 3 * self.components + spec.chain.alphabet.stop if self.components else size
        )
        if self.components:
            self._begin_spread()

    @torch.no_grad()
    def _begin_spread(self) -> None:
        """Components of all sizes, so that each loudness finds one; to stop is rare."""
        m = self.components
        self.out.bias.zero_()
        self.out.bias[2 * m : 3 * m] = torch.linspace(0, math.log(self.levels / 8), m)
        self.out.bias[3 * m :] = -math.log(self.levels)

    def _period_reach(self) -> int:
        if self.track is None or self.period is None:
            return 0
        longest = self.config.periods * max(SHORTEST_PERIOD, self.track.longest_period(self.hop))
        if longest > LONGEST_DELAY:
            what = f"{self.config.periods} periods of the lowest pitch are {longest:.0f} samples"
            raise InputError(f"{what}; a WaveNet hears at most {LONGEST_DELAY} that far back")
        return math.ceil(longest) + 1

    @property
    def receptive_field(self) -> int:
        alone = max(1, self.period_reach) + sum(self.config.dilations)
        if self.context is None:
            return alone
        # The first block of the past, which the last one hears, has heard the context.
        return max(alone, sum(self.config.dilations[1:]) + self.context.reach)

    def level(self, symbols: Tensor) -> Tensor:
        """Levels above silence, of symbols (…); 0 of what is no amplitude."""
        return torch.where(symbols < self.levels, symbols - self.levels // 2, 0)

    def heard(self, symbols: Tensor) -> Tensor:
        """Symbols (…) as numbers in -1 … 1, with more digits near silence than elsewhere; 0 of what is no amplitude."""
        amplitude = self.level(symbols).to(self.bias.dtype) / (self.levels / 2)
        # Codes of mu-law are compressed as they are.
        return torch.asinh(COMPRESSION * amplitude) / math.asinh(COMPRESSION) if self.components else amplitude

    def inputs(self, symbols: Tensor) -> Tensor:
        """What the first block is given of symbols (…), the start symbol among them: (…, R)."""
        if self.embedding is not None:
            embedded: Tensor = self.embedding(symbols)
            return embedded
        assert self.amplitude is not None
        # Lower precisions than float32 have 8 bits of an amplitude's 16.
        with torch.autocast(symbols.device.type, enabled=False):
            amplitude = self.level(symbols).to(self.bias.dtype) / (self.levels / 2)
            absent = (symbols == self.start_symbol).to(amplitude)
            given: Tensor = self.amplitude(torch.stack([amplitude, self.heard(symbols), absent], -1))
            return given

    def distribution(self, outputs: Tensor, before: Tensor) -> Conditional:
        """The conditionals that the outputs of the network (…, P) are, after symbols ``before`` (…)."""
        if not self.components:
            return Categorical(outputs)
        m = self.components
        weights, offsets, log_scales, stop = outputs.double().tensor_split([m, 2 * m, 3 * m], -1)
        scales = NARROWEST + log_scales.clamp_max(math.log(self.levels)).exp()
        means = self.level(before).unsqueeze(-1) + scales * offsets
        mixture = MixtureOfLogistics(weights, means, scales, self.levels, origin=self.levels // 2)
        return WithStop(mixture, stop.squeeze(-1)) if self.chain.alphabet.stop else mixture

    def told(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What a context's features (B, n, C) add to every block, (B, n, layers, 2R), and to the skips, (B, n, S)."""
        return self.from_context(features).unflatten(-1, (len(self.blocks), -1)), self.from_context_skip(features)

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
            tone = self.track.tone(condition, steps, self.hop).to(self.bias.dtype)
        added: Tensor = self.tone(tone)
        return added

    def delays(self, condition: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """How far back the periods are heard in frames (n,).

        The steps before the present one of the four samples around each, (B, n, P, 4), and what share of the sound each
        of them has, float32 of that shape: 0 where there is no period.
        """
        assert self.track is not None
        periods = self.track.period(condition, frames * self.hop, self.hop)[..., None]
        delay = (periods * torch.arange(1, self.config.periods + 1, device=periods.device)).clamp_min(SHORTEST_PERIOD)
        whole = delay.ceil()
        past = whole - delay  # the second of the four: 0 … 1 of the way to the third
        shares = torch.stack(
            [
                -past * (past - 1) * (past - 2) / 6,
                (past + 1) * (past - 1) * (past - 2) / 2,
                -(past + 1) * past * (past - 2) / 2,
                (past + 1) * past * (past - 1) / 6,
            ],
            -1,
        )
        lags = whole.long()[..., None] - torch.arange(-1, 3, device=whole.device)
        return lags, torch.where(periods[..., None] > 0, shares, 0.0).float()

    def periodic(self, heard: Tensor, condition: Tensor, frames: Tensor, within: int) -> Tensor:
        """What the sound one, two, … periods ago adds to the first block at all steps of heard samples (B, T).

        frames (n,): those of the samples, of which the first has ``within`` before it in its frame. What was before the
        samples is taken for silence. (B, T, R).
        """
        assert self.period is not None
        count = heard.shape[1]
        lags, shares = (
            each.repeat_interleave(self.hop, 1)[:, within : within + count] for each in self.delays(condition, frames)
        )
        steps = torch.arange(self.period_reach, self.period_reach + count, device=heard.device)
        places = steps[:, None, None] - lags
        around = F.pad(heard, (self.period_reach, 0)).gather(1, places.flatten(1)).view(places.shape)
        # Lower precisions than float32 have 8 bits of an amplitude's 16.
        with torch.autocast(heard.device.type, enabled=False):
            added: Tensor = self.period((around * shares.to(around)).sum(-1))
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

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Conditional:
        return self.conditionals_from(0, symbols, condition)

    def conditionals_from(self, start: int, symbols: Tensor, condition: Tensor) -> Conditional:
        steps, device = symbols.shape[1], condition.device
        # Without a track all frames are alike.
        first, last = (0, 0) if self.track is None else (start // self.hop, (start + steps - 1) // self.hop)
        frames = torch.arange(first, last + 1, device=device)
        blocks, skip = self.biases(condition, frames)

        def everywhere(frames: Tensor, hop: int) -> Tensor:
            """Of every step: (B, n, C), the first of the frame that ``start`` lies in, to (B, T, C)."""
            return frames.repeat_interleave(hop, 1)[:, start % hop : start % hop + steps]

        before = F.pad(symbols, (1, 0), value=self.start_symbol)[:, :-1]
        x = self.inputs(before)
        if self.tone is not None:
            x = x + self.tones(condition, torch.arange(start, start + steps, device=device))
        if self.period is not None:
            x = x + self.periodic(self.heard(symbols), condition, frames, start % self.hop)
        if self.context is not None:
            # Whole frames, of which the first may have begun before what is known here.
            heard = F.pad(self.heard(symbols), (start % self.context.hop, 0))
            more_blocks, more_skip = self.told(self.context(heard))
        gates = []
        for number, block in enumerate(self.blocks):
            bias = blocks[:, :, number]
            if self.track is not None:
                bias = everywhere(bias, self.hop)
            if self.context is not None:
                bias = bias + everywhere(more_blocks[:, :, number], self.context.hop)
            gate, x = cast(GatedBlock, block)(x, bias)
            gates.append(gate)
        skips = F.linear(torch.cat(gates, -1), self.skip.weight)
        skips = skips + (skip if self.track is None else everywhere(skip, self.hop))
        if self.context is not None:
            skips = skips + everywhere(more_skip, self.context.hop)
        return self.distribution(self.out(F.relu(self.head(F.relu(skips)))), before)

    def cached(self, condition: Tensor) -> Decoder:
        from models.networks.wavenet_decoder import CachedWaveNet

        return CachedWaveNet(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.wavenet import CompiledWaveNet

        return CompiledWaveNet(self, condition)

    def graphed(self, condition: Tensor) -> Decoder:
        from models.networks.wavenet_decoder import GraphedWaveNet

        return GraphedWaveNet(self, condition)

    def in_bfloat16(self, condition: Tensor) -> Decoder:
        from models.kernels.wavenet import BFloat16WaveNet

        return BFloat16WaveNet(self, condition)
