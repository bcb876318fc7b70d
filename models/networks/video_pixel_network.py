"""Video Pixel Network: a video pixel by pixel, each in the light of all frames before and of its own so far.

Paper: N. Kalchbrenner, A. van den Oord, K. Simonyan, I. Danihelka, O. Vinyals, A. Graves, K. Kavukcuoglu, "Video Pixel
Networks", ICML 2017 (arXiv:1610.00527), sections 2 to 4 and figures 1 to 3.

    p(x) = prod_t prod_i p(x_t,i | x_<t, x_t,<i)          x_t: frame t, i: its pixels in raster order

A *resolution preserving encoder*, the same for every frame, finds features of each; a *convolutional LSTM* goes over
the frames and remembers what they show and how it moves; a *PixelCNN decoder* draws the next frame by masked
convolutions, told at every pixel what the LSTM's state is there. Nothing is ever made smaller: state and frame have the
same rows and columns. In the parallel pass the encoder and the decoder take all frames at once, the LSTM one by one.

``pixels = "independent"`` is the paper's baseline (section 5): the same network, whose decoder sees nothing of the
present frame, so that its convolutions need no masks:

    p(x) = prod_t prod_i p(x_t,i | x_<t)

Each pixel is then drawn as if its neighbours had not been, and of several ways in which things may have moved on every
pixel takes one of its own: the digits fray. What that costs is the difference of the two likelihoods.

Encoder and decoder are made of residual multiplicative blocks, as in the paper, and not of plain gated ones: a unit
holds its input h where g_2 is open, and replaces it where g_3 is, so that what is at rest passes unchanged (eq. 3):

    MU(h) = g_1 * tanh(g_2 * h + g_3 * u),    g_1, g_2, g_3 = sigmoid(W_1 h), ...,    u = tanh(W_4 h)

Deviations from the paper: layer normalisation is left out; the LSTM's state joins the decoder by a 1 x 1 convolution
after its first layer; the head has another 1 x 1 convolution, as the PixelCNN; binary videos have a softmax over two
symbols for its sigmoid. The frames that are given count a little in training, see GIVEN_WEIGHT.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import Symbols
from models.conditional import Categorical, Conditional
from models.decoder import Decoder
from models.errors import InputError
from models.layers.masked_convolution import FIRST, MaskedConv2d, PixelDecoder, at_pixel, intensities, lstm, sub_pixels
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.sizes import check_list, check_sizes, config_of
from models.video import VideoChain

AUTOREGRESSIVE, INDEPENDENT = "autoregressive", "independent"

GIVEN_WEIGHT = 0.1
"""How much a pixel of a given frame counts in training, of one that is predicted. The paper leaves them out; then a
model could not be asked to draw all frames."""

GATES = 4
"""Maps of a multiplicative unit and of the LSTM."""
FORGET_BIAS = 1.0
"""At the beginning of training the LSTM remembers."""
STATE_BYTES = 256 * 2**20
"""Of the LSTM's states that a decoder keeps for rewinds."""


@dataclass(frozen=True)
class VideoPixelNetworkConfig:
    """channels: features between blocks, twice those of a multiplicative unit. dilations: each a block of the encoder.
    hidden: of the LSTM. blocks: of the decoder. head: features of the last two layers.

    pixels: ``autoregressive``; or ``independent``, the baseline whose pixels see nothing of their own frame.
    """

    channels: int
    dilations: tuple[int, ...]
    hidden: int
    blocks: int
    head: int
    pixels: str = AUTOREGRESSIVE

    def __post_init__(self) -> None:
        check_sizes(
            "Video Pixel Network", channels=(self.channels, 1024), hidden=(self.hidden, 1024),
            blocks=(self.blocks, 100), head=(self.head, 4096),
        )  # fmt: skip
        check_list(
            "dilations of a Video Pixel Network are", self.dilations, longest=100, most=64, each="one for each block"
        )
        if self.pixels not in (AUTOREGRESSIVE, INDEPENDENT):
            raise InputError(
                f"pixels of a Video Pixel Network are {AUTOREGRESSIVE!r} or {INDEPENDENT!r}, not {self.pixels!r}"
            )


def multiplied(maps: Tensor, h: Tensor) -> Tensor:
    """A multiplicative unit (equation 3) of h (B, C, …); maps (B, 4 C, …): its four, before their non-linearities."""
    opening, content = maps.tensor_split([3 * h.shape[1]], 1)
    out, hold, renew = opening.sigmoid().chunk(3, 1)
    return out * (hold * h + renew * content.tanh()).tanh()


class ResidualMultiplicativeBlock(nn.Module):
    """x + 1x1(MU(MU(1x1(x)))), a residual multiplicative block (figure 2).

    convolution: makes one of (inputs, outputs, size, maps) for all of its layers, see ``MaskedConv2d`` for the maps.
    """

    def __init__(self, channels: int, convolution: Callable[[int, int, int, int], nn.Conv2d]) -> None:
        super().__init__()
        half = channels // 2
        self.narrow = convolution(channels, half, 1, 1)
        self.units = nn.ModuleList(convolution(half, GATES * half, 3, GATES) for _ in range(2))
        self.widen = convolution(half, channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.narrow(x)
        for unit in self.units:
            h = multiplied(unit(h), h)
        widened: Tensor = self.widen(h)
        return x + widened


def unmasked(dilation: int) -> Callable[[int, int, int, int], nn.Conv2d]:
    """The convolutions of a block that sees all around."""

    def convolution(inputs: int, outputs: int, size: int, maps: int) -> nn.Conv2d:
        reach = size // 2 * dilation
        return nn.Conv2d(inputs, outputs, size, padding=reach, dilation=dilation if reach else 1)

    return convolution


def masked(colours: int) -> Callable[[int, int, int, int], nn.Conv2d]:
    """Those of a block that looks back."""
    return lambda inputs, outputs, size, maps: MaskedConv2d(inputs, outputs, size, colours, own=True, maps=maps)


State = tuple[Tensor, Tensor]
"""Of the LSTM after some frames: what it shows and its cells, each (B, hidden, H, W)."""


class VideoPixelNetwork(AutoregressiveModel):
    """K-way softmax of every sub-pixel of a grey or colour video."""

    architecture = "video_pixel_network"
    family = "masked convolution"
    title = "Video Pixel Network"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, VideoChain):
            raise InputError(f"a Video Pixel Network models videos, not {spec.chain.modality} data")
        self.video_chain, self.frame_chain = spec.chain, spec.chain.frame
        self.config = config_of(VideoPixelNetworkConfig, spec.config, "a Video Pixel Network")
        colours, c, hidden, head = spec.chain.channels, self.config.channels, self.config.hidden, self.config.head
        if c % (2 * colours) or head % colours:
            parts = "an even number" if colours == 1 else "a multiple of 6, and its head of 3, for three colours"
            raise InputError(f"channels of a Video Pixel Network are {parts}, not {c} and {head}")
        self.enter = nn.Conv2d(colours, c, 3, padding=1)
        self.encoder = nn.Sequential(
            *(ResidualMultiplicativeBlock(c, unmasked(dilation)) for dilation in self.config.dilations)
        )
        self.input_to_state = nn.Conv2d(c, GATES * hidden, 3, padding=1)
        self.state_to_state = nn.Conv2d(hidden, GATES * hidden, 3, padding=1, bias=False)
        nn.init.constant_(cast(Tensor, self.input_to_state.bias)[hidden : 2 * hidden], FORGET_BIAS)
        convolution = unmasked(1) if self.independent else masked(colours)
        self.first = None if self.independent else MaskedConv2d(colours, c, FIRST, colours, own=False)
        self.told = nn.Conv2d(hidden, c, 1)
        self.condition = FactorEmbeddings(spec.factors, c)
        self.decoder = nn.Sequential(*(ResidualMultiplicativeBlock(c, convolution) for _ in range(self.config.blocks)))
        self.head = convolution(c, head, 1, 1)
        self.out = convolution(head, colours * spec.chain.alphabet.size, 1, 1)

    @property
    def independent(self) -> bool:
        return self.config.pixels == INDEPENDENT

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        rows, steps = symbols.shape
        pixels = self.frame_chain.length
        frames = -(-steps // pixels)
        split = F.pad(symbols, (0, frames * pixels - steps)).reshape(rows, frames, pixels)
        told = torch.stack([self.tell(state, condition) for state in self.states(split)], 1)
        logits = self.decode(split.flatten(0, 1), told.flatten(0, 1))
        by_frame = sub_pixels(self.frame_chain, logits, pixels).logits
        return Categorical(by_frame.reshape(rows, frames * pixels, -1)[:, :steps])

    def states(self, frames: Tensor) -> Iterator[State]:
        """What the LSTM knows before each of the frames, symbols (B, T, pixels): T states, the first of nothing."""
        rows, count = frames.shape[:2]
        state = self.blank(rows)
        yield state
        if count > 1:
            seen = self.seen(frames[:, :-1].flatten(0, 1))
            for entering in seen.reshape(rows, count - 1, *seen.shape[1:]).unbind(1):
                state = self.remember(entering, state)
                yield state

    def blank(self, rows: int) -> State:
        """The state before the first frame."""
        nothing = self.told.weight.new_zeros(rows, self.config.hidden, self.frame_chain.height, self.frame_chain.width)
        return nothing, nothing

    def seen(self, frames: Tensor) -> Tensor:
        """What enters the LSTM from frames, symbols (B, pixels), each by itself: (B, 4 hidden, H, W)."""
        x = self.enter(intensities(self.frame_chain, frames, self.enter.weight.dtype))
        entering: Tensor = self.input_to_state(self.encoder(x))
        return entering

    def remember(self, entering: Tensor, state: State) -> State:
        """The state after one more frame, of which ``seen`` gave (B, 4 hidden, H, W)."""
        hidden, cell = state
        gates = entering + self.state_to_state(hidden)
        shown, cell = lstm(gates.movedim(1, -1), cell.movedim(1, -1))
        return shown.movedim(-1, 1), cell.movedim(-1, 1)

    def tell(self, state: State, condition: Tensor) -> Tensor:
        """What the decoder is told of the frames before and of the condition, (B, channels, H, W)."""
        told: Tensor = self.told(state[0]) + self.condition(condition)[:, :, None, None]
        return told

    def decode(self, frames: Tensor, told: Tensor) -> Tensor:
        """Logits (B, colours * K, H, W) of frames, symbols (B, pixels), each told of those before it."""
        x = told
        if self.first is not None:
            x = x + self.first(intensities(self.frame_chain, frames, self.first.weight.dtype))
        logits: Tensor = self.out(F.relu(self.head(F.relu(self.decoder(x)))))
        return logits

    def training_pass(self, symbols: Tensor, condition: Tensor) -> tuple[Conditional, Tensor]:
        """The given frames count by GIVEN_WEIGHT; the others so much that all of a video is what they are."""
        chain = self.video_chain
        weights = torch.ones_like(symbols, dtype=torch.float32)
        weights[:, : chain.given] = GIVEN_WEIGHT
        return self.conditionals(symbols, condition), weights * (chain.length / (chain.length - chain.given))

    def cached(self, condition: Tensor) -> Decoder:
        return FrameDecoder(self, condition) if self.independent else CachedVideoPixelNetwork(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.video_pixel_network import CompiledVideoPixelNetwork

        return CompiledVideoPixelNetwork(self, condition)


class Memory:
    """What the LSTM knows before the present frame of a walk, and the states before others, for rewinds."""

    def __init__(self, model: VideoPixelNetwork, condition: Tensor) -> None:
        self.model, self.condition = model, condition
        self.frame = 0
        self._states = {0: model.blank(len(condition))}

    @property
    def told(self) -> Tensor:
        """What the decoder is told at every pixel of the present frame, (B, channels, H, W)."""
        return self.model.tell(self._states[self.frame], self.condition)

    def stand_before(self, frame: int, symbols: Symbols) -> None:
        """Moves to another frame. symbols: all that were pushed, (B, T), those before the frame among them."""
        pixels = self.model.frame_chain.length
        self.frame = max(known for known in self._states if known <= frame)
        for later in [known for known in self._states if known > frame]:
            del self._states[later]
        while self.frame < frame:
            last = symbols[:, self.frame * pixels : (self.frame + 1) * pixels].astype(np.int64)
            entering = self.model.seen(torch.from_numpy(last).to(self.condition.device))
            state = self.model.remember(entering, self._states[self.frame])
            self.frame += 1
            self._states[self.frame] = state
            kept = max(1, STATE_BYTES // (2 * state[0].nbytes))
            if len(self._states) > 1 + kept:  # that before the first frame, and the latest
                del self._states[min(self._states.keys() - {0})]

    def pick(self, rows: Tensor) -> Memory:
        """Copies of the given rows."""
        chosen = copy.copy(self)
        chosen.condition = self.condition[rows]
        chosen._states = {frame: (h[rows], c[rows]) for frame, (h, c) in self._states.items()}
        return chosen


class CachedVideoPixelNetwork(PixelDecoder):
    """The encoder and the LSTM move on once a frame; within it each sub-pixel costs the decoder at one pixel.

    Features of pixels are computed when the next conditional is asked for: of a frame that is only pushed, none are.
    """

    model: VideoPixelNetwork

    @torch.inference_mode()
    def __init__(self, model: VideoPixelNetwork, condition: Tensor) -> None:
        head, out = cast(MaskedConv2d, model.head), cast(MaskedConv2d, model.out)
        super().__init__(model, condition, model.frame_chain, cast(MaskedConv2d, model.first), head, out)
        chain, half = model.frame_chain, model.config.channels // 2
        self._blocks = [
            [cast(MaskedConv2d, layer).causal() for layer in (block.narrow, *block.units, block.widen)]
            for block in cast(list[ResidualMultiplicativeBlock], list(model.decoder))
        ]
        # What the two units of each block see, with zeros around, as the convolutions pad.
        weight = model.told.weight
        self._inner = [weight.new_zeros(self.rows, chain.height + 1, chain.width + 2, half) for _ in 2 * self._blocks]
        self._memory = Memory(model, condition)
        self._told = self._memory.told
        self._ready = 0
        """So many pixels of the present frame have their features."""

    def _position(self) -> tuple[int, int, int]:
        return self._chain.position(self.step % self._chain.length)

    @torch.inference_mode()
    def _pixel(self) -> Tensor:
        pixel, colour = divmod(self.step % self._chain.length, self._chain.channels)
        for late in range(self._ready, pixel):
            row, column = divmod(late, self._chain.width)
            self._features(at_pixel(self._planes, row, column, self._size, self._first), row, column)
        # What later pixels see of this one knows all its colours but the last.
        self._ready = pixel + (colour == self._chain.channels - 1)
        return super()._pixel()

    def _features(self, x: Tensor, row: int, column: int) -> Tensor:
        x = x + self._told[:, :, row, column]
        inner = iter(self._inner)
        for narrow, one, other, widen in self._blocks:
            h = torch.addmm(narrow[1], x, narrow[0])
            for unit, seen in ((one, next(inner)), (other, next(inner))):
                seen[:, row + 1, column + 1] = h
                h = multiplied(at_pixel(seen, row, column, 3, unit), h)
            x = x + torch.addmm(widen[1], h, widen[0])
        return x

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        self._paint(column)
        pixels = self._chain.length
        if (self.step + 1) % pixels == 0 and self.step + 1 < self.model.video_chain.length:
            self._enter((self.step + 1) // pixels)

    @torch.inference_mode()
    def _rewind(self, step: int) -> None:
        super()._rewind(step)
        chain = self._chain
        frame, within = divmod(step, chain.length)
        if frame == self._memory.frame:
            self._ready = min(self._ready, within // chain.channels)
            return
        self._enter(frame)
        known = torch.from_numpy(self._symbols[:, frame * chain.length : step].astype(np.int64)).to(self._planes.device)
        reach = self._size // 2
        frames = intensities(chain, known, self._planes.dtype).movedim(1, -1)
        self._planes[:, reach:, reach : reach + chain.width] = frames

    def _enter(self, frame: int) -> None:
        """Goes on at the beginning of a frame, of which nothing is known yet."""
        self._memory.stand_before(frame, self._symbols)
        self._told, self._ready = self._memory.told, 0

    def _pick(self, rows: Tensor) -> None:
        self._inner = [x[rows] for x in self._inner]
        self._memory = self._memory.pick(rows)
        self._told = self._told[rows]


class FrameDecoder(Decoder):
    """Of the baseline: the conditionals of all pixels of a frame are there when it begins."""

    engine = "cached"
    model: VideoPixelNetwork

    @torch.inference_mode()
    def __init__(self, model: VideoPixelNetwork, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._memory = Memory(model, condition)
        self._conditionals: Categorical | None = None

    @torch.inference_mode()
    def peek(self) -> Categorical:
        pixels = self.model.frame_chain.length
        if self._conditionals is None:
            self._memory.stand_before(self.step // pixels, self._symbols)
            told = self._memory.told
            nothing = torch.zeros(self.rows, pixels, dtype=torch.int64, device=told.device)
            self._conditionals = sub_pixels(self.model.frame_chain, self.model.decode(nothing, told), pixels)
        return self._conditionals[:, self.step % pixels]

    def _push(self, column: Symbols) -> None:
        if (self.step + 1) % self.model.frame_chain.length == 0:
            self._conditionals = None

    def _rewind(self, step: int) -> None:
        self._conditionals = None

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        index = torch.tensor(rows, device=self.condition.device)
        self._memory = self._memory.pick(index)
        self._conditionals = None if self._conditionals is None else self._conditionals[index]
