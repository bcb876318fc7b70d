"""The cached decoder of the WaveNet: one network step per symbol, in torch, on any device.

A convolution of width 2 and dilation d needs its input of d steps ago, so each block keeps a ring of its last d
inputs (T. Le Paine et al., "Fast Wavenet Generation Algorithm", 2016, arXiv:1611.09482). The cost of a step no longer
grows with the receptive field; what is left is the number of torch calls, which the code below keeps low:

- the rings of all blocks lie in one tensor: one call reads what every block wants from the past, one writes;
- the products with the past depend on nothing of this step, so that one batched product does all blocks;
- sigmoid(v) = (1 + tanh(v / 2)) / 2: with the gate's weights halved beforehand one tanh serves both halves, and the
  factor 1/2 is left to the weights that follow.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from models.chain import Symbols
from models.conditional import Categorical
from models.decoder import SnapshotDecoder
from models.networks.wavenet import GatedBlock, WaveNet

NOWHERE = -1
"""The frame of a decoder that has entered none."""

State = tuple[Tensor, Tensor]
"""Rings (sum of dilations, B, R) and the logits of the next step (B, K)."""


class CachedWaveNet(SnapshotDecoder):
    """Ring buffers and the logits of the next step: ``push`` computes, ``peek`` is free."""

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
        residuals = [block.residual for block in blocks if block.residual is not None]
        self._residual_weights = [0.5 * layer.weight.T.contiguous() for layer in residuals]
        self._residual_biases = [layer.bias for layer in residuals]
        self._skip_weights = 0.5 * model.skip.weight.T.contiguous()
        self._embedding = model.embedding.weight
        self._head, self._out = model.head, model.out

        slots = sum(block.dilation for block in blocks)
        self._rings = torch.zeros(slots, self.rows, channels, device=device)
        self._allocate()
        self._compute(torch.full((self.rows,), model.start_symbol, device=device), 0)
        self._keep(0)

    def peek(self) -> Categorical:
        return Categorical(self._logits)

    @property
    def max_snapshots(self) -> int:
        return self.snapshots_within(self._rings.nbytes)

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
        """The logits of ``step`` from the symbols before it (B,), which for step 0 are start symbols."""
        self._enter(step // self._hop)
        slots = torch.remainder(step, self._dilations) + self._first_slots
        from_past = torch.baddbmm(self._biases, self._rings.index_select(0, slots), self._past_weights).unbind(0)
        channels = self._rings.shape[2]
        content, opening = self._units[:, :channels], self._units[:, channels:]
        torch.index_select(self._embedding, 0, symbols, out=self._inputs_of[0])
        if self._tones is not None:
            self._inputs_of[0].add_(self._tones[:, step % self._hop])
        for layer, x in enumerate(self._inputs_of):
            torch.addmm(from_past[layer], x, self._present_weights[layer], out=self._units).tanh_()
            gates = torch.addcmul(content, content, opening, out=self._gates_of[layer])
            if layer + 1 < len(self._inputs_of):
                following = self._inputs_of[layer + 1]
                torch.addmm(x, gates, self._residual_weights[layer], out=following).add_(self._residual_biases[layer])
        self._rings.index_copy_(0, slots, self._inputs)
        skips = torch.addmm(self._skip_bias, self._gates, self._skip_weights).relu_()
        self._logits = self._out(self._head(skips).relu_())

    def _enter(self, frame: int) -> None:
        """Has the biases of a frame ready; without a track all frames are alike."""
        model = cast(WaveNet, self.model)
        if frame == self._frame or (model.track is None and self._frame != NOWHERE):
            return
        blocks, skips = model.biases(self.condition, torch.tensor([frame], device=self.condition.device))
        self._biases = (blocks[:, 0] * self._halve_gate).transpose(0, 1).contiguous()
        self._skip_bias = skips[:, 0]
        if model.tone is not None:
            steps = torch.arange(frame * self._hop, (frame + 1) * self._hop, device=self.condition.device)
            self._tones = model.tones(self.condition, steps)
        self._frame = frame

    def _state(self) -> State:
        return self._rings.clone(), self._logits

    @torch.inference_mode()
    def _restore(self, state: State) -> None:
        self._rings, self._logits = state[0].clone(), state[1]

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        chosen = torch.tensor(rows, device=self._rings.device)

        def copies(state: State) -> State:
            return state[0].index_select(1, chosen), state[1].index_select(0, chosen)

        self._rings, self._logits = copies((self._rings, self._logits))
        self._snapshots = {step: copies(state) for step, state in self._snapshots.items()}
        self._frame = NOWHERE
        self._allocate()
