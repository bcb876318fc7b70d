"""The compiled decoder of the WaveNet: a block of steps of all rows, draws included, in one kernel without the GIL.

The arithmetic is that of ``models.networks.wavenet`` on one sample at a time, with the rings of ``CachedWaveNet``.
Weights lie as [in][out]: a product takes 8 inputs at a time and runs along the outputs, which become vectors without
sums across lanes. Bias and condition are folded together when the decoder is made; all skip connections are one long
product at the end.

Rows do not see one another, and there is one kernel for drawing and for repeating: a sample alone equals the sample
in a batch, and a rewound walk equals the first one, bit for bit.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.chain import DRAW, MuLaw, SoundChain, Symbols
from models.conditional import Categorical
from models.decoder import Drawn, SnapshotDecoder
from models.errors import InputError
from models.kernels.draw import draw_symbol, fast_sigmoid, fast_tanh
from models.kernels.jit import inlined, kernel
from models.model import ModelSpec
from models.networks.wavenet import GatedBlock, WaveNet
from models.shaping import NEUTRAL, Shaping

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

FOREVER = 2**62
"""Steps of the one frame of a network that has no track."""

FRAMES_AHEAD = 32
"""So many frames are prepared at once."""

LANES = 16
"""Outputs of the last product come in whole vectors; what is added is never read."""


class Weights(NamedTuple):
    """The network as the kernel reads it: L blocks, R residual, S skip, H head channels, K symbols; [in][out]."""

    embedding: Float32s
    """(K + 1, R)"""
    filter_gate: Float32s
    """(L, 2 R, 2 R)"""
    residual: Float32s
    """(L - 1, R, R)"""
    residual_bias: Float32s
    """(L - 1, R)"""
    skip: Float32s
    """(L R, S)"""
    head: Float32s
    """(S, H)"""
    head_bias: Float32s
    """(H)"""
    out: Float32s
    """(H, K rounded up to LANES)"""
    out_bias: Float32s
    """(K rounded up to LANES)"""
    dilations: Int64s
    """(L)"""


class Frames(NamedTuple):
    """What the condition adds in the frames from ``first`` up to, and not with, ``end``."""

    first: int
    end: int
    biases: Float32s
    """(B, n, L, 2R)"""
    skip_biases: Float32s
    """(B, n, S)"""
    tones: Float32s
    """(B, n * hop, R): what is added to the input of each step; (B, 1, R) zeros where there is no tone."""


class Settings(NamedTuple):
    """A shaping as the kernel reads it."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float


class State(NamedTuple):
    """What a walk changes."""

    rings: Float32s
    """(B, sum of dilations, R): the last inputs of every block."""
    logits: Float32s
    """(B, K): of the step at which the row stands."""
    at: Int64s
    """(B): the step at which the row stands."""

    def copy(self) -> State:
        return State(self.rings.copy(), self.logits.copy(), self.at.copy())

    def select(self, rows: list[int]) -> State:
        return State(self.rings[rows], self.logits[rows], self.at[rows])


@inlined
def _add_product(y: Float32s, x: Float32s, weights: Float32s) -> None:
    """y += x W."""
    inputs, outputs = weights.shape
    whole = inputs // 8 * 8
    for i in range(0, whole, 8):
        x0, x1, x2, x3, x4, x5, x6, x7 = x[i], x[i + 1], x[i + 2], x[i + 3], x[i + 4], x[i + 5], x[i + 6], x[i + 7]
        for j in range(outputs):
            y[j] += (
                x0 * weights[i, j]
                + x1 * weights[i + 1, j]
                + x2 * weights[i + 2, j]
                + x3 * weights[i + 3, j]
                + x4 * weights[i + 4, j]
                + x5 * weights[i + 5, j]
                + x6 * weights[i + 6, j]
                + x7 * weights[i + 7, j]
            )
    for i in range(whole, inputs):
        for j in range(outputs):
            y[j] += x[i] * weights[i, j]


@inlined
def _rectify(x: Float32s) -> None:
    for j in range(x.shape[0]):
        x[j] = max(x[j], np.float32(0))


@kernel
def walk(
    weights: Weights,
    biases: Float32s,
    skip_biases: Float32s,
    tones: Float32s,
    first_frame: int,
    hop: int,
    rings: Float32s,
    logits: Float32s,
    at: Int64s,
    active: npt.NDArray[np.bool_],
    given: Symbols,
    first: int,
    end: int,
    draw: bool,
    uniforms: Float64s,
    settings: Settings,
    stop: int,
    symbols: Symbols,
    surprise: Float32s,
    entropy: Float32s,
) -> None:
    """Walks the active rows from where each stands to step ``end``.

    biases (B, n, L, 2R), skip_biases (B, n, S): with the condition, of the frames from ``first_frame`` on, of ``hop``
    steps each. tones: see ``Frames``. rings, logits, at: see ``State``, moved on. active (B).
    given int32 (B, n): the symbols of step ``first`` and the following ones; a row that stands before step 0 takes
    the start symbol. If ``draw``, negative ones are drawn with uniforms (B, n) and settings, what happened goes to
    symbols, surprise and entropy (B, n), and a row ends with the symbol ``stop``.
    """
    layers, channels = weights.filter_gate.shape[0], weights.embedding.shape[1]
    size = logits.shape[1]
    both = np.empty(2 * channels, np.float32)
    units = np.empty(2 * channels, np.float32)
    x = both[channels:]
    gates = np.empty(layers * channels, np.float32)
    skips = np.empty(weights.head.shape[0], np.float32)
    hidden = np.empty(weights.out.shape[0], np.float32)
    result = np.empty(weights.out.shape[1], np.float32)
    p = np.empty(size, np.float64)
    order = np.empty(size, np.int64)
    for row in range(rings.shape[0]):
        if not active[row]:
            continue
        for step in range(at[row], end):
            i = step - first
            symbol = weights.embedding.shape[0] - 1 if step < 0 else int(given[row, i])
            if draw:
                symbol, bits, spread = draw_symbol(
                    logits[row],
                    p,
                    order,
                    uniforms[row, i],
                    symbol,
                    settings.temperature,
                    settings.top_k,
                    settings.top_p,
                    settings.min_p,
                )
                symbols[row, i] = symbol
                surprise[row, i] = bits
                entropy[row, i] = spread
                if symbol == stop:
                    break
            at[row] = step + 1
            frame = (step + 1) // hop - first_frame
            tone = min(step + 1 - first_frame * hop, tones.shape[1] - 1)
            for c in range(channels):
                x[c] = weights.embedding[symbol, c] + tones[row, tone, c]
            ring = 0
            for layer in range(layers):
                slot = ring + (step + 1) % weights.dilations[layer]
                ring += weights.dilations[layer]
                for c in range(channels):
                    both[c] = rings[row, slot, c]
                    rings[row, slot, c] = x[c]
                for c in range(2 * channels):
                    units[c] = biases[row, frame, layer, c]
                _add_product(units, both, weights.filter_gate[layer])
                gate = gates[layer * channels : (layer + 1) * channels]
                for c in range(channels):
                    gate[c] = fast_tanh(units[c]) * fast_sigmoid(units[channels + c])
                if layer + 1 < layers:
                    for c in range(channels):
                        x[c] += weights.residual_bias[layer, c]
                    _add_product(x, gate, weights.residual[layer])
            skips[:] = skip_biases[row, frame]
            _add_product(skips, gates, weights.skip)
            _rectify(skips)
            hidden[:] = weights.head_bias
            _add_product(hidden, skips, weights.head)
            _rectify(hidden)
            result[:] = weights.out_bias
            _add_product(result, hidden, weights.out)
            for k in range(size):
                logits[row, k] = result[k]


def _array(tensor: Tensor) -> Float32s:
    return np.ascontiguousarray(tensor.detach().float().numpy())


def pack(model: WaveNet) -> Weights:
    """The weights of a model on the CPU in the order in which the kernel reads them."""
    blocks = [cast(GatedBlock, block) for block in model.blocks]
    channels, size = model.config.residual, model.chain.alphabet.size
    residuals = [block.residual for block in blocks if block.residual is not None]
    out = np.zeros((model.config.head, -(-size // LANES) * LANES), np.float32)
    out_bias = np.zeros(out.shape[1], np.float32)
    out[:, :size], out_bias[:size] = _array(model.out.weight.T), _array(model.out.bias)
    return Weights(
        embedding=_array(model.embedding.weight),
        filter_gate=np.stack([_array(block.filter_gate.weight.T) for block in blocks]),
        residual=np.array([_array(layer.weight.T) for layer in residuals], np.float32).reshape(-1, channels, channels),
        residual_bias=np.array([_array(layer.bias) for layer in residuals], np.float32).reshape(-1, channels),
        skip=_array(model.skip.weight.T),
        head=_array(model.head.weight.T),
        head_bias=_array(model.head.bias),
        out=out,
        out_bias=out_bias,
        dilations=np.array(model.config.dilations, np.int64),
    )


class CompiledWaveNet(SnapshotDecoder):
    """Ring buffers and the logits of the next step, moved on by ``walk``.

    Rows that do not take part in ``advance`` stay where they are, and catch up on their zeros when somebody pushes or
    peeks. A row that has ended has no next conditional: there, ``peek`` after ``advance`` shows the one at its end.
    """

    engine = "compiled"

    @torch.inference_mode()
    def __init__(self, model: WaveNet, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._weights = pack(model)
        # Without a track all time is one frame.
        self._hop = FOREVER if model.track is None else model.hop
        self._ahead: Frames | None = None
        self._size = model.chain.alphabet.size
        stop = model.chain.alphabet.stop_symbol
        self._stop = DRAW if stop is None else stop
        self._now = State(
            rings=np.zeros((self.rows, sum(model.config.dilations), model.config.residual), np.float32),
            logits=np.empty((self.rows, self._size), np.float32),
            at=np.full(self.rows, -1, np.int64),
        )
        self._follow(0)
        self._keep(0)

    @property
    def max_snapshots(self) -> int:
        return self.snapshots_within(self._now.rings.nbytes)

    def peek(self) -> Categorical:
        if (self._now.at < self.step).any():
            self._follow(self.step, ~(self.symbols == self._stop).any(1))
        return Categorical(torch.from_numpy(self._now.logits.copy()))

    def recondition(self, condition: Tensor) -> bool:
        self.condition, self._ahead = condition, None
        return True

    def extend(self, prefix: npt.ArrayLike) -> None:
        block = np.asarray(prefix, np.int32)
        if block.ndim != 2 or block.shape[0] != self.rows:
            raise InputError(f"extend takes symbols of {self.rows} rows, not an array of shape {block.shape}")
        self._check(block, 0)
        for start in range(0, block.shape[1], self.SNAPSHOT_INTERVAL):
            part = block[:, start : start + self.SNAPSHOT_INTERVAL]
            self._record(part)
            self._follow(self.step + part.shape[1])
            self.step += part.shape[1]
            self._keep(self.step)

    def advance(
        self,
        uniforms: Float64s,
        shaping: Shaping,
        clamps: Symbols | None = None,
        active: npt.NDArray[np.bool_] | None = None,
    ) -> Drawn:
        """As in ``Decoder``, in one kernel call for every SNAPSHOT_INTERVAL steps; stops where no row goes on."""
        count = uniforms.shape[1]
        given = np.full(uniforms.shape, DRAW, np.int32) if clamps is None else np.ascontiguousarray(clamps, np.int32)
        self._check(given, DRAW)
        alive = np.ones(self.rows, np.bool_) if active is None else active.copy()
        self._follow(self.step, alive)
        drawn = Drawn(
            np.full(uniforms.shape, DRAW, np.int32),
            np.zeros(uniforms.shape, np.float32),
            np.zeros(uniforms.shape, np.float32),
        )
        first = self.step
        noise = np.ascontiguousarray(uniforms, np.float64)
        for start in range(0, count, self.SNAPSHOT_INTERVAL):
            end = min(count, start + self.SNAPSHOT_INTERVAL)
            self._walk(alive, given, first, first + end, shaping, noise, drawn)
            block = drawn.symbols[:, start:end]
            taken = int((block != DRAW).sum(1).max())
            self._record(np.maximum(block[:, :taken], 0))
            self.step += taken
            self._keep(self.step)
            alive &= ~(block == self._stop).any(1)
            if not alive.any():
                break
        return drawn

    def _push(self, column: Symbols) -> None:
        self._check(column, 0)
        self._follow(self.step + 1)
        self._keep(self.step + 1)

    def _check(self, symbols: Symbols, lowest: int) -> None:
        """The kernel does not look: a symbol that is none would read beyond the embeddings."""
        if symbols.size and not lowest <= symbols.min() <= symbols.max() < self._size:
            raise InputError(f"symbols lie in 0 … {self._size - 1}, not {symbols.min()} … {symbols.max()}")

    def _follow(self, step: int, rows: npt.NDArray[np.bool_] | None = None) -> None:
        """Brings rows (B,), or all, to a step along the symbols recorded for them."""
        active = np.ones(self.rows, np.bool_) if rows is None else rows
        nothing = np.empty((self.rows, 0), np.float32)
        unused = Drawn(nothing.astype(np.int32), nothing, nothing)
        self._walk(active, self._symbols, 0, step, None, nothing.astype(np.float64), unused)

    def _walk(
        self,
        active: npt.NDArray[np.bool_],
        given: Symbols,
        first: int,
        end: int,
        shaping: Shaping | None,
        noise: Float64s,
        drawn: Drawn,
    ) -> None:
        """Calls the kernel: draws with a shaping, takes what is given without."""
        s = shaping or NEUTRAL
        frames = self._frames((int(self._now.at.min()) + 1) // self._hop, max(end, 0) // self._hop)
        walk(
            self._weights,
            frames.biases,
            frames.skip_biases,
            frames.tones,
            frames.first,
            self._hop,
            self._now.rings,
            self._now.logits,
            self._now.at,
            active,
            given,
            first,
            end,
            shaping is not None,
            noise,
            Settings(float(s.temperature), int(s.top_k), float(s.top_p), float(s.min_p)),
            self._stop,
            drawn.symbols,
            drawn.surprise,
            drawn.entropy,
        )

    @torch.inference_mode()
    def _frames(self, first: int, last: int) -> Frames:
        """What the condition adds in some frames, and in others around them.

        In runs that begin at multiples of FRAMES_AHEAD: products of other shapes would round in other ways. Without a
        track there is but one frame.
        """
        run = FRAMES_AHEAD if cast(WaveNet, self.model).track is not None else 1
        first, end = first // run * run, (last // run + 1) * run
        if self._ahead is None or not (self._ahead.first <= first and end <= self._ahead.end):
            model = cast(WaveNet, self.model)
            runs = [torch.arange(start, start + run) for start in range(first, end, run)]
            blocks, skips = zip(*(model.biases(self.condition, frames) for frames in runs), strict=True)
            tones = torch.zeros(self.rows, 1, model.config.residual)
            if model.tone is not None:
                steps = (frames[:, None] * self._hop + torch.arange(self._hop) for frames in runs)
                tones = torch.cat([model.tones(self.condition, each.flatten()) for each in steps], 1)
            biases = _array(torch.cat(blocks, 1)), _array(torch.cat(skips, 1))
            self._ahead = Frames(first, end, *biases, _array(tones))
        return self._ahead

    def _state(self) -> State:
        return self._now.copy()

    def _restore(self, state: State) -> None:
        self._now = state.copy()

    def _select(self, rows: list[int]) -> None:
        self._now = self._now.select(rows)
        self._snapshots = {step: state.select(rows) for step, state in self._snapshots.items()}
        self._ahead = None


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: it is the same for every size of network."""
    chain = SoundChain(MuLaw(2), rate=8000, default_seconds=0.1, max_seconds=0.1)
    sizes = {"residual": 1, "skip": 1, "head": 1, "dilations": [1]}
    model = WaveNet(ModelSpec(WaveNet.architecture, chain, (), sizes))
    CompiledWaveNet(model, model.condition_tensor({})).advance(np.full((1, 2), 0.5), NEUTRAL)
