"""Moving MNIST: two digits that cross a black square in straight lines and bounce off its sides.

N. Srivastava, E. Mansimov, R. Salakhutdinov, "Unsupervised learning of video representations using LSTMs", ICML 2015
(arXiv:1502.04681), section 3.1, as its published generator does: each digit begins anywhere with any direction,
goes a tenth of its room in each frame, and where digits meet the brighter pixel is seen. Deviation: what would pass a
side is reflected by it, where the generator stops at the side for the rest of the frame.

``moving_mnist``: 20 frames of 64 x 64, of which ten are given. ``moving_mnist32``: digits of half the size in 10 frames
of 32 x 32, of which five are given.

Frames are bits by a threshold and not by a draw: a pixel is white where it is bright enough.
The edges of digits then hold still, and likelihoods are proper ones of black and white, of which motion is what costs.
Published ones are cross entropies with the grey levels as probabilities, to which the greys alone contribute 86.3 nats
a frame (Kalchbrenner et al. 2016): they are of other data.

Training draws its sequences afresh in every epoch. The validation part is one draw of digits from MNIST's validation
part and the test part one of digits from its test part, by the seed SEQUENCES_SEED; both are sequences of this program,
not the file that the papers used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.chain import GreyLevels
from models.errors import InputError
from models.training.data.base import DataSet, Examples, Rows, redrawn
from models.training.data.images import Images
from models.training.data.mnist import ATTRIBUTION, LICENCE, ORIGIN, halve
from models.video import VideoChain

SEQUENCES_SEED = 64
"""Of the sequences that everybody is measured on."""

SEQUENCES = {"train": 1000, "valid": 500, "test": 1000}
"""Of training: in one epoch."""
DIGITS = 2
"""In every sequence."""
DIGIT_SIDES = {"moving_mnist": 28, "moving_mnist32": 14}
"""In pixels, by the name of the data set."""
SPEED = 0.1
"""Of a digit in a frame, in parts of the way that it has from one side to the other."""
WHITE = 96
"""The darkest level that becomes white: of digits of half the size no stroke then breaks."""

CHAIN = VideoChain(GreyLevels(2), frames=20, height=64, width=64, rate=10, given_frames=10)
CHAIN32 = VideoChain(GreyLevels(2), frames=10, height=32, width=32, rate=5, given_frames=5)


def sequences(digits: Images, chain: VideoChain, count: int, rng: np.random.Generator) -> Images:
    """uint8 (count, T, H, W) of black and white, of digits (N, side, side) that are drawn with replacement."""
    side = digits.shape[-1]
    videos = np.zeros((count, chain.frames, chain.height, chain.width), np.uint8)
    which = np.arange(count)[:, None, None]
    room = np.array([chain.height, chain.width]) - side
    for _ in range(DIGITS):
        chosen = np.where(digits[rng.integers(len(digits), size=count)] >= WHITE, np.uint8(255), np.uint8(0))
        corners = np.rint(path(count, chain.frames, rng) * room).astype(np.int64)
        rows = corners[..., 0, None] + np.arange(side)
        columns = corners[..., 1, None] + np.arange(side)
        for frame in range(chain.frames):
            where = which, frame, rows[:, frame, :, None], columns[:, frame, None, :]
            videos[where] = np.maximum(videos[where], chosen)
    return videos


def path(count: int, frames: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Where something that bounces in the unit square is in each frame: (count, frames, 2)."""
    start, direction = rng.random((count, 1, 2)), rng.uniform(0, 2 * np.pi, (count, 1))
    velocity = SPEED * np.stack([np.sin(direction), np.cos(direction)], -1)
    return bounced(start + velocity * np.arange(frames)[:, None])


def bounced(straight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where in the unit square something is that would be there without its sides."""
    # Unfolded, a bounce is to go straight on into the mirror image.
    folded: npt.NDArray[np.float64] = np.mod(straight, 2)
    return np.minimum(folded, 2 - folded)


def least_nats(chain: VideoChain, side: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """The nats that no model of frames can do without, (count, frames after the given ones): means are the bound.

    Where a digit goes is decided by the start and the direction of its path, of which its places so far, in whole
    pixels, leave something open. Who knew the digits themselves, and the places of each so far, would still need

        DIGITS * H(place_t | place_<t) = DIGITS * E[log P(place_<t) - log P(place_<=t)]

    nats for frame t; who sees frames alone needs at least as many, as long as digits at other places make another
    frame. The expectation is the mean over ``count`` paths, and P the share of DIRECTIONS and STARTS that fit, tried
    where any direction fits the given frames.

    side: of a digit, in pixels. Raises InputError for a chain without given frames.
    """
    if chain.given_frames < 1:
        raise InputError("what frames must cost is known of those after a given one")
    room = np.array([chain.height, chain.width]) - side
    places = np.rint(path(count, chain.frames, rng) * room)
    found = np.empty((count, chain.frames))
    sectors = np.arange(SECTORS)
    for n, seen in enumerate(places):
        fits = _share(seen[: chain.given_frames], 2 * np.pi * (sectors + 0.5) / SECTORS, room, rng)[:, -1] > 0
        near = np.flatnonzero(np.logical_or.reduce([np.roll(fits, by) for by in range(-MARGIN, MARGIN + 1)]))
        sector = near.repeat(-(-DIRECTIONS // len(near)))
        found[n] = _share(seen, 2 * np.pi * (sector + rng.random(len(sector))) / SECTORS, room, rng).mean(0)
    nats: npt.NDArray[np.float64] = -np.diff(np.log(found), axis=1)[:, chain.given_frames - 1 :]
    return DIGITS * nats


SECTORS, MARGIN = 1024, 2
"""Of the circle of directions; and how many beside those that fit are tried, too."""
DIRECTIONS, STARTS = 1024, 64


def _share(
    seen: npt.NDArray[np.float64], angle: npt.NDArray[np.float64], room: npt.NDArray[np.int64], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Of starts in the pixel that was seen first, those from which places (T, 2) are seen: (directions, T)."""
    share = np.ones((len(angle), len(seen)))
    ticks = np.arange(len(seen))
    for axis, velocity in enumerate((SPEED * np.sin(angle), SPEED * np.cos(angle))):
        low, high = np.clip((seen[0, axis] + np.array([-0.5, 0.5])) / room[axis], 0, 1)
        start = low + (high - low) * (np.arange(STARTS) + rng.random(STARTS)) / STARTS
        where = bounced(start[:, None] + velocity[:, None, None] * ticks)
        fits = np.rint(where * room[axis]) == seen[:, axis]
        share *= np.logical_and.accumulate(fits, axis=-1).mean(1)
    return share


def loader(chain: VideoChain, prepare: Callable[[Images], Images]) -> Callable[[Path, str], Examples]:
    """prepare: what happens to the digits first."""

    def load(folder: Path, split: str) -> Examples:
        images, _ = ORIGIN.read(folder, split)
        digits, count = prepare(images), SEQUENCES[split]

        def draw(rng: np.random.Generator) -> Examples:
            videos = sequences(digits, chain, count, rng)
            return Examples(Rows((videos.reshape(count, chain.length) > 0).astype(np.uint8)), [{}] * count)

        return redrawn(draw, split, SEQUENCES_SEED)

    return load


MOVING_MNIST = DataSet("moving_mnist", "Moving MNIST", CHAIN, (), LICENCE, ATTRIBUTION, loader(CHAIN, lambda x: x))
MOVING_MNIST32 = DataSet(
    "moving_mnist32", "Moving MNIST, 32 x 32", CHAIN32, (), LICENCE, ATTRIBUTION, loader(CHAIN32, halve)
)
