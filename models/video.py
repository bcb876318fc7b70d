"""Videos: the chain of their pixels, frame after frame.

What needs torch is elsewhere: the window describes a model of videos before torch is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from models.chain import MAX_STEPS, NATS, Chain, ImageChain, Symbols
from models.errors import InputError

MAX_RATE = 120
"""Frames per second."""


@dataclass(frozen=True)
class VideoChain(Chain):
    """The pixels of one frame after another, each frame in raster order, channels innermost (R, G, B)."""

    frames: int
    height: int
    width: int
    rate: int
    """Frames per second."""
    given_frames: int = 0
    """So many at the beginning are usually given: a likelihood is that of the others."""
    channels: int = 1

    modality: ClassVar[str] = "video"
    stride_name: ClassVar[str] = "row"
    step_noun: ClassVar[str] = "dim"

    def __post_init__(self) -> None:
        whole = all(type(n) is int for n in (self.frames, self.rate, self.given_frames))
        if not whole or not (1 <= self.rate <= MAX_RATE and 0 <= self.given_frames < self.frames <= MAX_STEPS):
            raise InputError(
                f"a video chain needs 0 <= given_frames < frames and a rate of 1 to {MAX_RATE} frames per second, "
                f"not {self.given_frames}, {self.frames} and {self.rate}"
            )
        if self.length > MAX_STEPS:  # of a frame that is none, this raises what is wrong with it
            raise InputError(f"a video chain has at most {MAX_STEPS} steps, not {self.length}")

    @cached_property
    def frame(self) -> ImageChain:
        """The chain of the pixels of one frame."""
        return ImageChain(self.alphabet, self.height, self.width, self.channels)

    @property
    def compared_in(self) -> str:
        return f"{NATS}/frame" if self.alphabet.levels == 2 else super().compared_in

    @property
    def compared_by(self) -> tuple[str, float]:
        return (NATS, 1 / (self.frames - self.given_frames)) if self.alphabet.levels == 2 else super().compared_by

    @property
    def given(self) -> int:
        return self.given_frames * self.frame.length

    @property
    def length(self) -> int:
        return self.frames * self.frame.length

    @property
    def limit(self) -> int:
        return self.length

    @property
    def default_limit(self) -> int:
        return self.length

    @property
    def stride(self) -> int:
        return self.frame.stride

    @property
    def window(self) -> int:
        return self.frame.length

    def position(self, step: int) -> tuple[int, int, int, int]:
        """(frame, row, column, channel) of a step."""
        frame, within = divmod(step, self.frame.length)
        return frame, *self.frame.position(within)

    def step(self, frame: int, row: int, column: int, channel: int = 0) -> int:
        return frame * self.frame.length + self.frame.step(row, column, channel)

    def locate(self, step: int) -> str:
        frame, within = divmod(step, self.frame.length)
        return f"frame {frame}, {self.frame.locate(within)}"

    def describe(self) -> str:
        given = f", {self.given_frames} of them given" if self.given_frames else ""
        return f"{self.frames} frames{given}, {self.frame.describe()}"

    def video(self, symbols: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Symbols (…, D) to uint8 videos (…, T, H, W) or (…, T, H, W, 3)."""
        k = np.asarray(symbols)
        if k.shape[-1] != self.length:
            raise InputError(f"a video of {self.describe()} has {self.length} symbols, not {k.shape[-1]}")
        return self.frame.image(k.reshape(*k.shape[:-1], self.frames, self.frame.length))

    def symbols(self, video: npt.ArrayLike) -> Symbols:
        """uint8 videos (…, T, H, W) or (…, T, H, W, 3) to symbols (…, T * H * W * channels); T may be fewer frames."""
        k = self.frame.symbols(video)
        if k.ndim < 2 or not 1 <= k.shape[-2] <= self.frames:
            raise InputError(
                f"a video of this chain has 1 to {self.frames} frames, not an array of shape {np.shape(video)}"
            )
        return k.reshape(*k.shape[:-2], -1)
