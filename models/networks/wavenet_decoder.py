"""The cached decoder of the WaveNet: one network step per symbol, in torch, on any device.

A convolution of width 2 and dilation d needs its input of d steps ago, so each block keeps a ring of its last d
inputs (T. Le Paine et al., "Fast Wavenet Generation Algorithm", 2016, arXiv:1611.09482). The cost of a step no longer
grows with the receptive field; what is left is the number of torch calls, which the code below keeps low:

- the rings of all blocks lie in one tensor: one call reads what every block wants from the past, one writes;
- the products with the past depend on nothing of this step, so that one batched product does all blocks;
- sigmoid(v) = (1 + tanh(v / 2)) / 2: with the gate's weights halved beforehand one tanh serves both halves, and the
  factor 1/2 is left to the weights that follow.

The periods of a pitch are heard from a ring of amplitudes, as long as the longest of them. A context stack has rings of
its own, and moves on once in a frame, when the samples of the one before are there.
"""

from __future__ import annotations

import copy
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from models.chain import Symbols
from models.conditional import Conditional
from models.decoder import SnapshotDecoder
from models.engines import GRAPH
from models.graphed import Replay, recorded
from models.networks.wavenet import ContextStack, GatedBlock, WaveNet

NOWHERE = -1
"""The frame of a decoder that has entered none."""

State = tuple[Tensor, ...]
"""Rings (sum of dilations, B, R); of the next step the outputs (B, P) and the symbols before it (B,); the last
amplitudes, as far as periods reach (B, n). With a context its rings (sum of its dilations, B, C), and what it adds to
blocks (B, L, 2R) and skips (B, S)."""
Delays = tuple[Tensor, Tensor] | tuple[None, None]
"""Lags and shares of a frame, see ``WaveNet.delays``: each (B, P, 4)."""


class Told(NamedTuple):
    """What the move to a step is told.

    step: its number. symbols: those before it (B,). biases: of all blocks (L, B, 2R). skip_bias: (B, S). tone (B, R),
    lags and shares, see ``Delays``: None where the network hears no such thing.
    """

    step: int | Tensor
    symbols: Tensor
    biases: Tensor
    skip_bias: Tensor
    tone: Tensor | None
    lags: Tensor | None
    shares: Tensor | None


class CachedContext:
    """A context stack, frame by frame: what it knows at the beginning of the present one."""

    def __init__(self, stack: ContextStack, rows: int) -> None:
        self.stack, self.hop = stack, stack.hop
        self._blocks = [cast(GatedBlock, block) for block in stack.blocks]
        slots = sum(block.dilation for block in self._blocks)
        self.rings = stack.bias.new_zeros(slots, rows, stack.frames.out_features)
        """(sum of dilations, B, C): the last inputs of every block."""

    def hear(self, samples: Tensor, frame: int) -> Tensor:
        """The features (B, C) at the beginning of a frame, of the samples (B, hop) of the one before."""
        x, gates, first = self.stack.frames(samples), [], 0
        for block, bias in zip(self._blocks, self.stack.bias, strict=True):
            slot = first + frame % block.dilation
            first += block.dilation
            units = block.filter_gate(torch.cat([self.rings[slot], x], -1)) + bias
            self.rings[slot] = x
            content, opening = units.chunk(2, -1)
            gates.append(torch.tanh(content) * torch.sigmoid(opening))
            if block.residual is not None:
                x = x + block.residual(gates[-1])
        return F.relu(self.stack.features(torch.cat(gates, -1)))


class CachedWaveNet(SnapshotDecoder):
    """Ring buffers and the outputs for the next step: ``push`` computes, ``peek`` is free."""

    engine = "cached"

    @torch.inference_mode()
    def __init__(self, model: WaveNet, condition: Tensor) -> None:
        super().__init__(model, condition)
        blocks = [cast(GatedBlock, block) for block in model.blocks]
        channels, device = model.config.residual, condition.device
        dilations = torch.tensor([block.dilation for block in blocks], device=device)
        self._dilations, self._first_slots = dilations, dilations.cumsum(0) - dilations

        halve_gate = torch.ones(2 * channels, device=device)
        halve_gate[channels:] = 0.5
        weights = torch.stack([block.filter_gate.weight.T for block in blocks]) * halve_gate
        self._past_weights = weights[:, :channels].contiguous()
        self._present_weights = weights[:, channels:].contiguous().unbind(0)
        self._halve_gate = halve_gate
        self._hop = model.hop
        self._frame = NOWHERE
        self._tones: Tensor | None = None
        self._delays: Delays = None, None
        self._more: tuple[Tensor, Tensor] | None = None
        """What the context adds to the blocks (B, L, 2R) and the skips (B, S)."""
        residuals = [block.residual for block in blocks if block.residual is not None]
        self._residual_weights = [0.5 * layer.weight.T.contiguous() for layer in residuals]
        self._residual_biases = [layer.bias for layer in residuals]
        self._skip_weights = 0.5 * model.skip.weight.T.contiguous()
        self._inputs_table = model.inputs(torch.arange(model.start_symbol + 1, device=device))
        self._head, self._out = model.head, model.out
        self._period = model.period
        if model.period is not None:
            self._heard_table = model.heard(torch.arange(model.start_symbol + 1, device=device))
            self._one_step = torch.ones(1, dtype=torch.int64, device=device)

        slots = sum(block.dilation for block in blocks)
        self._rings = torch.zeros(slots, self.rows, channels, device=device)
        self._heard = torch.zeros(self.rows, model.period_reach, device=device)
        self._context = None if model.context is None else CachedContext(model.context, self.rows)
        self._allocate()
        self._compute(torch.full((self.rows,), model.start_symbol, device=device), 0)
        self._keep(0)

    @torch.inference_mode()
    def peek(self) -> Conditional:
        return cast(WaveNet, self.model).distribution(self._outputs, self._before)

    @property
    def max_snapshots(self) -> int:
        context = 0 if self._context is None else self._context.rings.nbytes
        return self.snapshots_within(self._rings.nbytes + self._heard.nbytes + context)

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        self._compute(torch.from_numpy(column).to(self._rings.device), self.step + 1)
        self._keep(self.step + 1)

    def recondition(self, condition: Tensor) -> bool:
        self.condition, self._frame = condition, NOWHERE
        return True

    def _allocate(self) -> None:
        """Room for one step's inputs and gates of all blocks, with a view for each block made once."""
        layers, channels = len(self._dilations), self._rings.shape[2]
        self._inputs = self._rings.new_empty(layers, self.rows, channels)
        self._gates = self._rings.new_empty(self.rows, layers * channels)
        self._units = self._rings.new_empty(self.rows, 2 * channels)
        self._inputs_of = self._inputs.unbind(0)
        self._gates_of = [self._gates[:, i * channels : (i + 1) * channels] for i in range(layers)]

    def _compute(self, symbols: Tensor, step: int) -> None:
        """The outputs for ``step`` after the symbols before it (B,), which for step 0 are start symbols."""
        self._enter(step // self._hop)
        if self._context is not None and step % self._context.hop == 0:
            self._hear(self._context, step)
        self._before = symbols.clone()  # the caller may change theirs
        tone = None if self._tones is None else self._tones[:, step % self._hop]
        self._outputs = self._move(Told(step, self._before, self._biases, self._skip_bias, tone, *self._delays))

    def _move(self, told: Told) -> Tensor:
        """Moves the rings on and returns the outputs (B, P)."""
        slots = torch.remainder(told.step, self._dilations) + self._first_slots
        from_past = torch.baddbmm(told.biases, self._rings.index_select(0, slots), self._past_weights).unbind(0)
        channels = self._rings.shape[2]
        content, opening = self._units[:, :channels], self._units[:, channels:]
        torch.index_select(self._inputs_table, 0, told.symbols, out=self._inputs_of[0])
        if told.tone is not None:
            self._inputs_of[0].add_(told.tone)
        if told.lags is not None and told.shares is not None:
            self._inputs_of[0].add_(self._periodic(told.step, told.symbols, told.lags, told.shares))
        for layer, x in enumerate(self._inputs_of):
            torch.addmm(from_past[layer], x, self._present_weights[layer], out=self._units).tanh_()
            gates = torch.addcmul(content, content, opening, out=self._gates_of[layer])
            if layer + 1 < len(self._inputs_of):
                following = self._inputs_of[layer + 1]
                torch.addmm(x, gates, self._residual_weights[layer], out=following).add_(self._residual_biases[layer])
        self._rings.index_copy_(0, slots, self._inputs)
        skips = torch.addmm(told.skip_bias, self._gates, self._skip_weights).relu_()
        outputs: Tensor = self._out(self._head(skips).relu_())
        return outputs

    def _periodic(self, step: int | Tensor, symbols: Tensor, lags: Tensor, shares: Tensor) -> Tensor:
        """What the sound some periods ago adds to the first block (B, R), after the symbols before the step."""
        assert self._period is not None
        slots = self._heard.shape[1]
        latest = torch.remainder(step - self._one_step, slots)
        self._heard.index_copy_(1, latest, self._heard_table.index_select(0, symbols)[:, None])
        places = torch.remainder(step - lags, slots)
        around = self._heard.gather(1, places.flatten(1)).view(places.shape)
        added: Tensor = self._period((around * shares).sum(-1))
        return added

    def _enter(self, frame: int) -> None:
        """Has the biases of a frame ready; without a track all frames are alike."""
        model = cast(WaveNet, self.model)
        if frame == self._frame or (model.track is None and self._frame != NOWHERE):
            return
        frames = torch.tensor([frame], device=self.condition.device)
        blocks, skips = model.biases(self.condition, frames)
        self._own_biases, self._own_skip_bias = blocks[:, 0], skips[:, 0]
        if model.tone is not None:
            steps = torch.arange(frame * self._hop, (frame + 1) * self._hop, device=self.condition.device)
            self._tones = model.tones(self.condition, steps)
        if model.period is not None:
            lags, shares = model.delays(self.condition, frames)
            self._delays = lags[:, 0], shares[:, 0]
        self._frame = frame
        self._add_up()

    def _hear(self, context: CachedContext, step: int) -> None:
        """Moves the context on to the frame that begins at ``step``."""
        model = cast(WaveNet, self.model)
        samples = self._rings.new_zeros(self.rows, context.hop)
        if step > 0:
            frame = torch.from_numpy(self._symbols[:, step - context.hop : step])
            samples = model.heard(frame.to(self._rings.device))
        features = context.hear(samples, step // context.hop)
        blocks, skips = model.told(features[:, None])
        self._more = blocks[:, 0], skips[:, 0]
        self._add_up()

    def _add_up(self) -> None:
        """Biases of all blocks and of the skips, as ``_compute`` reads them."""
        blocks, self._skip_bias = self._own_biases, self._own_skip_bias
        if self._more is not None:
            blocks, self._skip_bias = blocks + self._more[0], self._skip_bias + self._more[1]
        self._biases = (blocks * self._halve_gate).transpose(0, 1).contiguous()

    def _beginning(self, step: int) -> int:
        hop = 1 if self._context is None else self._context.hop
        return max(0, step - cast(WaveNet, self.model).receptive_field) // hop * hop

    @torch.inference_mode()
    def _begin(self, step: int) -> None:
        for ring in (self._rings, self._heard):
            ring.zero_()  # in place: a recording of the step knows these
        if self._context is not None:
            self._context.rings.zero_()

    def _state(self) -> State:
        state = self._rings.clone(), self._outputs, self._before, self._heard.clone()
        if self._context is None or self._more is None:
            return state
        return *state, self._context.rings.clone(), *self._more

    @torch.inference_mode()
    def _restore(self, state: State) -> None:
        self._rings, self._outputs, self._before, self._heard = state[0].clone(), *state[1:3], state[3].clone()
        if self._context is not None:
            self._context.rings, *more = state[4].clone(), *state[5:]
            self._more = more[0], more[1]
            self._frame = NOWHERE

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        chosen = torch.tensor(rows, device=self._rings.device)

        def copies(state: State) -> State:
            ring_rows = (0, 4)
            return tuple(x.index_select(1 if n in ring_rows else 0, chosen) for n, x in enumerate(state))

        self._snapshots = {step: copies(state) for step, state in self._snapshots.items()}
        self._context = copy.copy(self._context)
        self._restore(copies(self._state()))
        self._frame = NOWHERE
        self._allocate()


class GraphedWaveNet(CachedWaveNet):
    """The cached step, recorded once and replayed by the GPU, see ``models.graphed``.

    What is told is copied to where the recording reads it. Of a frame's biases Python decides, outside.
    """

    engine = GRAPH

    _replay: Replay | None = None

    def _move(self, told: Told) -> Tensor:
        if self._replay is None:
            self._record_step(told)
        assert self._replay is not None
        for read, x in zip(self._told, told, strict=True):
            if isinstance(read, Tensor):
                read.copy_(torch.as_tensor(x))
        self._replay()
        return self._answer.clone()

    def _record_step(self, told: Told) -> None:
        device = self._rings.device
        read = self._told = Told._make(None if x is None else torch.as_tensor(x, device=device).clone() for x in told)
        rings = self._rings.clone()  # amplitudes may be heard twice
        move = super()._move
        self._answer = move(read)
        self._replay = recorded(lambda: self._answer.copy_(move(read)), device)
        self._rings.copy_(rings)

    def _restore(self, state: State) -> None:
        super()._restore(state)
        self._replay = None

    def _select(self, rows: list[int]) -> None:
        self._replay = None
        super()._select(rows)
