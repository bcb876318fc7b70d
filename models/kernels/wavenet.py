"""The compiled decoder of the WaveNet: a block of steps of all rows, draws included, in one kernel without the GIL.

The arithmetic is that of ``models.networks.wavenet`` on one sample at a time, with the rings of ``CachedWaveNet``.
Products stream through packed weights, see ``models.kernels.matrix``. Bias and condition are folded together when the
decoder is made; all skip connections are one long product at the end.

A context stack is walked in the same kernel, once in each of its frames. What the condition and the context add to the
blocks is added up where it changes, at most once in a frame of either: a step costs the same with and without them.

The sound some periods of a pitch ago is read from a ring of amplitudes; where in it, a frame says of all its steps.

Rows do not see one another, and there is one kernel for drawing and for repeating: a sample alone equals the sample
in a batch, and a rewound walk equals the first one, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import Module

from models.chain import DRAW, MuLaw, SoundChain, Symbols
from models.conditional import Conditional
from models.decoder import Drawn, SnapshotDecoder
from models.engines import BFLOAT16
from models.kernels.draw import ZERO, draw_symbol, fast_sigmoid, fast_tanh
from models.kernels.jit import inlined, kernel
from models.kernels.layers import multiply, pack_layer, pack_product
from models.kernels.matrix import Weights as Packed
from models.kernels.matrix import add_product, outputs_of
from models.kernels.mixture import draw_from_logistics
from models.kernels.vectors import add_to, copy_to, rectify
from models.kernels.walk import Bools, Float32s, Float64s, Int64s, array, check_symbols, known_symbols, rows_of
from models.model import ModelSpec
from models.networks.wavenet import NARROWEST, GatedBlock, WaveNet
from models.shaping import NEUTRAL, Shaping

FOREVER = 2**62
"""Steps of the one frame of a network that has no track."""

FRAMES_AHEAD = 32
"""So many frames are prepared at once."""

NOWHERE = -1
"""The frame of a row whose biases have not been added up."""


class Weights(NamedTuple):
    """The network as the kernel reads it: L blocks, R residual, S skip, H head channels, K symbols.

    Its outputs are P, the logits of the K symbols or, of a mixture, as ``WaveNet.distribution`` takes them. Matrices
    are packed, (…, tiles, in, outputs of a tile). What is added to outputs is as long as all tiles together.
    """

    embedding: Float32s
    """(K + 1, R): what the first block is given."""
    filter_gate: Packed
    """L times 2 R to 2 R."""
    residual: Packed
    """L - 1 times R to R; of a single block zeros that nobody reads."""
    residual_bias: Float32s
    """(L - 1, R)"""
    skip: Packed
    """L R to S."""
    head: Packed
    """S to H."""
    head_bias: Float32s
    out: Packed
    """H to P."""
    out_bias: Float32s
    dilations: Int64s
    """(L)"""


PRODUCTS = ("filter_gate", "residual", "skip", "head", "out")
"""The weights among these that each step reads."""


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
    lags: Int64s
    """(B, n, P, 4): steps before the present one of the samples around each of P periods, see ``WaveNet.delays``."""
    shares: Float32s
    """(B, n, P, 4): of the sound, of each of them."""


class Periods(NamedTuple):
    """How the kernel hears P periods. Without them both are empty."""

    heard: Float32s
    """(K + 1): the amplitude of a symbol."""
    weight: Float32s
    """(P, R)"""


class Context(NamedTuple):
    """A context stack as the kernel reads it: N blocks of C channels, matrices packed. Without one all is empty."""

    hop: int
    """0: there is none."""
    channels: int
    """C"""
    heard: Float32s
    """(K + 1): what it hears of a symbol."""
    frames: Float32s
    """(hop, C)"""
    frames_bias: Float32s
    """(C)"""
    filter_gate: Packed
    """N times 2 C to 2 C."""
    bias: Float32s
    """(N, 2 C)"""
    residual: Packed
    """N - 1 times C to C; of a single block zeros that nobody reads."""
    residual_bias: Float32s
    """(N - 1, C)"""
    features: Packed
    """N C to C."""
    features_bias: Float32s
    to_blocks: Packed
    """C to L 2 R."""
    to_skips: Packed
    """C to S."""
    dilations: Int64s
    """(N)"""


class Settings(NamedTuple):
    """A shaping as the kernel reads it."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float


class Output(NamedTuple):
    """What the outputs of the network mean."""

    levels: int
    size: int
    """K, the stop symbol included."""
    components: int
    """0: logits of all symbols; else of a mixture of so many logistics."""
    stop: int
    """The stop symbol; DRAW where there is none."""


class State(NamedTuple):
    """What a walk changes."""

    rings: Float32s
    """(B, sum of dilations, R): the last inputs of every block."""
    outputs: Float32s
    """(B, P): of the step at which the row stands."""
    before: Int64s
    """(B): the symbol before that step, at first the start symbol."""
    at: Int64s
    """(B): the step at which the row stands."""
    heard: Float32s
    """(B, n): the last amplitudes, as far as periods reach."""
    context_rings: Float32s
    """(B, sum of the context's dilations, C)"""
    context_frame: Float32s
    """(B, C): of the context's present frame, as far as it has been heard."""
    context_blocks: Float32s
    """(B, L 2 R and what fills the last tile): what the context adds to the blocks."""
    context_skips: Float32s
    """(B, S and what fills the last tile): to the skips."""

    def copy(self) -> State:
        return State._make(each.copy() for each in self)

    @property
    def nbytes(self) -> int:
        return self.rings.nbytes + self.heard.nbytes + self.context_rings.nbytes


@inlined
def _hear(
    context: Context,
    now: State,
    row: int,
    frame: int,
    both: Float32s,
    units: Float32s,
    gates: Float32s,
    features: Float32s,
) -> None:
    """Moves the context of a row on to a frame: it knows those before. both, units, gates, features: scratch."""
    count, channels = context.dilations.shape[0], context.channels
    x = both[channels:]
    for c in range(channels):
        x[c] = now.context_frame[row, c] + context.frames_bias[c]
        now.context_frame[row, c] = ZERO
    ring = 0
    for n in range(count):
        slot = ring + frame % context.dilations[n]
        ring += context.dilations[n]
        for c in range(channels):
            both[c] = now.context_rings[row, slot, c]
            now.context_rings[row, slot, c] = x[c]
        copy_to(context.bias[n], units)
        add_product(context.filter_gate[n], both, units)
        gate = gates[n * channels : (n + 1) * channels]
        for c in range(channels):
            gate[c] = fast_tanh(units[c]) * fast_sigmoid(units[channels + c])
        if n + 1 < count:
            add_to(context.residual_bias[n], x)
            add_product(context.residual[n], gate, x)
    multiply(context.features, context.features_bias, gates, features)
    rectify(features, features)
    now.context_blocks[row, :] = ZERO
    add_product(context.to_blocks, features, now.context_blocks[row])
    now.context_skips[row, :] = ZERO
    add_product(context.to_skips, features, now.context_skips[row])


@inlined
def _add_periods(
    periods: Periods, lags: Int64s, shares: Float32s, heard: Float32s, step: int, symbol: int, x: Float32s
) -> None:
    """Hears a symbol, and adds to x what its row then hears for a step of the sound some periods ago."""
    slots = heard.shape[0]
    if step > 0:
        heard[(step - 1) % slots] = periods.heard[symbol]
    for p in range(periods.weight.shape[0]):
        amplitude = ZERO
        for n in range(4):
            amplitude += shares[p, n] * heard[(step - lags[p, n]) % slots]
        for c in range(periods.weight.shape[1]):
            x[c] += amplitude * periods.weight[p, c]


@inlined
def _draw_of_mixture(
    outputs: Float32s,
    before: int,
    output: Output,
    numbers: Float64s,
    logits: Float64s,
    p: Float64s,
    order: Int64s,
    u: float,
    clamp: int,
    settings: Settings,
) -> tuple[int, float, float]:
    """A draw from what ``WaveNet.distribution`` makes of outputs (P,). numbers: scratch (6, M)."""
    count, levels = output.components, output.levels
    origin = float(before if before < levels else levels // 2)
    widest = math.log(levels)
    for m in range(count):
        numbers[0, m] = outputs[m]
        numbers[2, m] = NARROWEST + math.exp(min(np.float64(outputs[2 * count + m]), widest))
        numbers[1, m] = origin + numbers[2, m] * np.float64(outputs[count + m])
    return draw_from_logistics(
        numbers[0],
        numbers[1],
        numbers[2],
        np.float64(outputs[3 * count]) if output.stop >= 0 else -math.inf,
        numbers[3:],
        logits,
        p,
        order,
        u,
        clamp,
        settings.temperature,
        settings.top_k,
        settings.top_p,
        settings.min_p,
    )


@kernel
def walk(
    weights: Weights,
    context: Context,
    periods: Periods,
    output: Output,
    biases: Float32s,
    skip_biases: Float32s,
    tones: Float32s,
    lags: Int64s,
    shares: Float32s,
    first_frame: int,
    hop: int,
    now: State,
    active: Bools,
    given: Symbols,
    first: int,
    end: int,
    draw: bool,
    uniforms: Float64s,
    settings: Settings,
    symbols: Symbols,
    surprise: Float32s,
    entropy: Float32s,
) -> None:
    """Walks the active rows from where each stands to step ``end``.

    biases (B, n, L, 2R), skip_biases (B, n, S): with the condition, of the frames from ``first_frame`` on, of ``hop``
    steps each. tones, lags, shares: see ``Frames``. now: moved on. active (B).
    given int32 (B, n): the symbols of step ``first`` and the following ones; a row that stands before step 0 takes
    the start symbol. If ``draw``, negative ones are drawn with uniforms (B, n) and settings, what happened goes to
    symbols, surprise and entropy (B, n), and a row ends with the stop symbol.
    """
    layers, channels = weights.dilations.shape[0], weights.embedding.shape[1]
    size, outputs = output.size, now.outputs.shape[1]
    # What a product adds to has room for whole tiles; what is beyond the outputs is never read.
    both = np.zeros(channels + outputs_of(weights.residual[0]), np.float32)
    x = both[channels:]
    units = np.zeros(outputs_of(weights.filter_gate[0]), np.float32)
    gates = np.empty(layers * channels, np.float32)
    skips = np.zeros(outputs_of(weights.skip), np.float32)
    hidden = np.empty(outputs_of(weights.head), np.float32)
    result = np.empty(outputs_of(weights.out), np.float32)
    told = np.empty((layers, 2 * channels), np.float32)
    told_skips = np.empty(skip_biases.shape[2], np.float32)
    logits = np.empty(size, np.float64)
    p = np.empty(size, np.float64)
    order = np.empty(size, np.int64)
    numbers = np.empty((6, output.components), np.float64)
    context_both = np.zeros(context.channels + outputs_of(context.residual[0]), np.float32)
    context_units = np.zeros(outputs_of(context.filter_gate[0]), np.float32)
    context_gates = np.empty(context.dilations.shape[0] * context.channels, np.float32)
    features = np.empty(outputs_of(context.features), np.float32)
    for row in range(now.rings.shape[0]):
        if not active[row]:
            continue
        told_frame = NOWHERE
        for step in range(now.at[row], end):
            i = step - first
            symbol = weights.embedding.shape[0] - 1 if step < 0 else int(given[row, i])
            if draw:
                if output.components > 0:
                    symbol, bits, spread = _draw_of_mixture(
                        now.outputs[row],
                        now.before[row],
                        output,
                        numbers,
                        logits,
                        p,
                        order,
                        uniforms[row, i],
                        symbol,
                        settings,
                    )
                else:
                    for k in range(size):
                        logits[k] = now.outputs[row, k]
                    symbol, bits, spread = draw_symbol(
                        logits,
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
                if symbol == output.stop:
                    break
            now.at[row] = step + 1
            now.before[row] = symbol
            if context.hop > 0:
                if step >= 0:
                    heard, within = context.heard[symbol], step % context.hop
                    for c in range(context.channels):
                        now.context_frame[row, c] += heard * context.frames[within, c]
                if (step + 1) % context.hop == 0:
                    frame = (step + 1) // context.hop
                    _hear(context, now, row, frame, context_both, context_units, context_gates, features)
                    told_frame = NOWHERE
            frame = (step + 1) // hop - first_frame
            if frame != told_frame:
                told_frame = frame
                copy_to(skip_biases[row, frame], told_skips)
                for layer in range(layers):
                    copy_to(biases[row, frame, layer], told[layer])
                    if context.hop > 0:
                        add_to(now.context_blocks[row, layer * 2 * channels : (layer + 1) * 2 * channels], told[layer])
                if context.hop > 0:
                    add_to(now.context_skips[row, : told_skips.shape[0]], told_skips)
            tone = min(step + 1 - first_frame * hop, tones.shape[1] - 1)
            for c in range(channels):
                x[c] = weights.embedding[symbol, c] + tones[row, tone, c]
            if periods.weight.shape[0] > 0:
                _add_periods(periods, lags[row, frame], shares[row, frame], now.heard[row], step + 1, symbol, x)
            ring = 0
            for layer in range(layers):
                slot = ring + (step + 1) % weights.dilations[layer]
                ring += weights.dilations[layer]
                for c in range(channels):
                    both[c] = now.rings[row, slot, c]
                    now.rings[row, slot, c] = x[c]
                copy_to(told[layer], units)
                add_product(weights.filter_gate[layer], both, units)
                gate = gates[layer * channels : (layer + 1) * channels]
                for c in range(channels):
                    gate[c] = fast_tanh(units[c]) * fast_sigmoid(units[channels + c])
                if layer + 1 < layers:
                    add_to(weights.residual_bias[layer], x)
                    add_product(weights.residual[layer], gate, x)
            copy_to(told_skips, skips)
            add_product(weights.skip, gates, skips)
            rectify(skips, skips)
            multiply(weights.head, weights.head_bias, skips, hidden)
            rectify(hidden, hidden)
            multiply(weights.out, weights.out_bias, hidden, result)
            for k in range(outputs):
                now.outputs[row, k] = result[k]


def pack_blocks(blocks: Iterable[Module], channels: int, rounded: bool) -> tuple[Packed, Packed, Float32s]:
    """Of some gated blocks the weights of filters and gates, those of the residual paths, and their biases."""
    found = [cast(GatedBlock, block) for block in blocks]
    residuals = [block.residual for block in found if block.residual is not None]
    return (
        pack_product([block.filter_gate.weight for block in found], rounded),
        pack_product([layer.weight for layer in residuals] or [torch.zeros(channels, channels)], rounded),
        np.array([array(layer.bias) for layer in residuals], np.float32).reshape(-1, channels),
    )


@torch.inference_mode()
def pack_network(model: WaveNet, rounded: bool) -> Weights:
    """The weights of a model on the CPU in the order in which the kernel reads them."""
    filter_gate, residual, residual_bias = pack_blocks(model.blocks, model.config.residual, rounded)
    head, head_bias = pack_layer(model.head, rounded)
    out, out_bias = pack_layer(model.out, rounded)
    return Weights(
        embedding=array(model.inputs(torch.arange(model.start_symbol + 1))),
        filter_gate=filter_gate,
        residual=residual,
        residual_bias=residual_bias,
        skip=pack_product([model.skip.weight], rounded)[0],
        head=head,
        head_bias=head_bias,
        out=out,
        out_bias=out_bias,
        dilations=np.array(model.config.dilations, np.int64),
    )


@torch.inference_mode()
def pack_context(model: WaveNet, rounded: bool) -> Context:
    """The same of its context stack."""
    stack, config = model.context, model.config.context
    if stack is None or config is None:
        row, rows, none = np.empty(0, np.float32), np.empty((0, 0), np.float32), np.empty(0, np.int64)
        one, several = (np.empty(shape, np.uint16 if rounded else np.float32) for shape in ((0, 0, 0), (1, 0, 0, 0)))
        return Context(0, 0, row, rows, row, several, rows, several, rows, one, row, one, one, none)
    filter_gate, residual, residual_bias = pack_blocks(stack.blocks, config.channels, rounded)
    features, features_bias = pack_layer(stack.features, rounded)
    return Context(
        hop=config.hop,
        channels=config.channels,
        heard=array(model.heard(torch.arange(model.start_symbol + 1))),
        frames=array(stack.frames.weight.T),
        frames_bias=array(stack.frames.bias),
        filter_gate=filter_gate,
        bias=array(stack.bias),
        residual=residual,
        residual_bias=residual_bias,
        features=features,
        features_bias=features_bias,
        to_blocks=pack_product([model.from_context.weight], rounded)[0],
        to_skips=pack_product([model.from_context_skip.weight], rounded)[0],
        dilations=np.array(config.dilations, np.int64),
    )


@torch.inference_mode()
def pack_periods(model: WaveNet) -> Periods:
    """The same of its periods."""
    if model.period is None:
        return Periods(np.empty(0, np.float32), np.empty((0, 0), np.float32))
    return Periods(array(model.heard(torch.arange(model.start_symbol + 1))), array(model.period.weight.T))


class CompiledWaveNet(SnapshotDecoder):
    """Ring buffers and the outputs for the next step, moved on by ``walk``.

    Rows that do not take part in ``advance`` stay where they are, and catch up on their zeros when somebody pushes or
    peeks. A row that has ended has no next conditional: there, ``peek`` after ``advance`` shows the one at its end.
    """

    engine = "compiled"
    rounded: ClassVar[bool] = False
    """Whether the weights of products have 16 bits."""

    @torch.inference_mode()
    def __init__(self, model: WaveNet, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._weights, self._context = pack_network(model, self.rounded), pack_context(model, self.rounded)
        self._periods = pack_periods(model)
        self.step_bytes = sum(getattr(self._weights, name).nbytes for name in PRODUCTS)
        # Without a track all time is one frame.
        self._hop = FOREVER if model.track is None else model.hop
        self._ahead: Frames | None = None
        self._size = model.chain.alphabet.size
        stop = model.chain.alphabet.stop_symbol
        self._stop = DRAW if stop is None else stop
        self._output = Output(model.levels, self._size, model.components, self._stop)
        self._begin(0)
        self._follow(0)
        self._keep(0)

    @property
    def max_snapshots(self) -> int:
        return self.snapshots_within(self._now.nbytes)

    @torch.inference_mode()
    def peek(self) -> Conditional:
        behind = np.flatnonzero(self._now.at < self.step)
        if behind.size:
            rows = np.zeros(self.rows, np.bool_)
            rows[behind] = self._symbols[behind, self._now.at[behind]] != self._stop  # where a row ends, it stands
            self._follow(self.step, rows)
        outputs, before = (torch.from_numpy(each.copy()) for each in (self._now.outputs, self._now.before))
        return cast(WaveNet, self.model).distribution(outputs, before)

    def recondition(self, condition: Tensor) -> bool:
        self.condition, self._ahead = condition, None
        return True

    def extend(self, prefix: npt.ArrayLike) -> None:
        block = known_symbols(self, prefix)
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
        active: Bools | None = None,
    ) -> Drawn:
        """As in ``Decoder``, in one kernel call for every SNAPSHOT_INTERVAL steps; stops where no row goes on."""
        count = uniforms.shape[1]
        given = np.full(uniforms.shape, DRAW, np.int32) if clamps is None else np.ascontiguousarray(clamps, np.int32)
        check_symbols(self.model, given, DRAW)
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
        check_symbols(self.model, column)
        self._follow(self.step + 1)
        self._keep(self.step + 1)

    def _follow(self, step: int, rows: Bools | None = None) -> None:
        """Brings rows (B,), or all, to a step along the symbols recorded for them."""
        active = np.ones(self.rows, np.bool_) if rows is None else rows
        nothing = np.empty((self.rows, 0), np.float32)
        unused = Drawn(nothing.astype(np.int32), nothing, nothing)
        self._walk(active, self._symbols, 0, step, None, nothing.astype(np.float64), unused)

    def _walk(
        self,
        active: Bools,
        given: Symbols,
        first: int,
        end: int,
        shaping: Shaping | None,
        noise: Float64s,
        drawn: Drawn,
    ) -> None:
        """Calls the kernel: draws with a shaping, takes what is given without."""
        s = shaping or NEUTRAL
        start = int(self._now.at[active].min(initial=end))  # of those that go on: others may have ended long ago
        if start == end:
            return
        frames = self._frames((start + 1) // self._hop, end // self._hop)
        walk(
            self._weights,
            self._context,
            self._periods,
            self._output,
            frames.biases,
            frames.skip_biases,
            frames.tones,
            frames.lags,
            frames.shares,
            frames.first,
            self._hop,
            self._now,
            active,
            given,
            first,
            end,
            shaping is not None,
            noise,
            Settings(float(s.temperature), int(s.top_k), float(s.top_p), float(s.min_p)),
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
            biases = array(torch.cat(blocks, 1)), array(torch.cat(skips, 1))
            lags, shares = (np.empty((self.rows, end - first, 0, 4), kind) for kind in (np.int64, np.float32))
            if model.period is not None:
                delays = [model.delays(self.condition, frames) for frames in runs]
                lags, shares = (torch.cat(each, 1).numpy() for each in zip(*delays, strict=True))
            self._ahead = Frames(first, end, *biases, array(tones), lags, shares)
        return self._ahead

    def _beginning(self, step: int) -> int:
        hop = max(1, self._context.hop)
        return max(0, step - cast(WaveNet, self.model).receptive_field) // hop * hop

    def _begin(self, step: int) -> None:
        model, context = cast(WaveNet, self.model), self._context
        self._now = State(
            rings=np.zeros((self.rows, sum(model.config.dilations), model.config.residual), np.float32),
            outputs=np.zeros((self.rows, model.out.out_features), np.float32),
            before=np.full(self.rows, model.start_symbol, np.int64),
            at=np.full(self.rows, step - 1, np.int64),
            heard=np.zeros((self.rows, model.period_reach), np.float32),
            context_rings=np.zeros((self.rows, int(context.dilations.sum()), context.channels), np.float32),
            context_frame=np.zeros((self.rows, context.channels), np.float32),
            context_blocks=np.zeros((self.rows, outputs_of(context.to_blocks)), np.float32),
            context_skips=np.zeros((self.rows, outputs_of(context.to_skips)), np.float32),
        )

    def _state(self) -> State:
        return self._now.copy()

    def _restore(self, state: State) -> None:
        self._now = state.copy()

    def _select(self, rows: list[int]) -> None:
        self._now = rows_of(self._now, rows)
        self._snapshots = {step: rows_of(state, rows) for step, state in self._snapshots.items()}
        self._ahead = None


class BFloat16WaveNet(CompiledWaveNet):
    """The same with the weights of all products rounded to bfloat16: another sample, for half of the memory's traffic.

    Everything else is computed in float32.
    """

    engine = BFLOAT16
    rounded = True


def warm_up() -> None:
    """Compiles the kernel, or loads it from the cache folder: one for each precision, for every network."""
    chain = SoundChain(MuLaw(2), rate=8000, default_seconds=0.1, max_seconds=0.1)
    sizes = {"residual": 1, "skip": 1, "head": 1, "dilations": [1]}
    model = WaveNet(ModelSpec(WaveNet.architecture, chain, (), sizes))
    for decoder in (CompiledWaveNet, BFloat16WaveNet):
        decoder(model, model.condition_tensor({})).advance(np.full((1, 2), 0.5), NEUTRAL)
