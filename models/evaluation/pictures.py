"""Examples as pictures: images enlarged, waves by their envelopes, many side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.chain import INT16_PEAK, Chain, ImageChain, SoundChain, Symbols
from models.evaluation.neighbours import Neighbours
from models.image_files import picture
from models.video import VideoChain

WAVE_SIZE = (56, 160)
"""Height and width of a drawn wave, in pixels."""
PAPER, INK = 24, 210
"""Greys of the ground and of a wave."""
GAP = 4
IMAGE_SCALE = 3
FRAME_SIDE = 64
"""To which frames of a video are enlarged at most."""
THUMBNAIL = 224
"""Side in pixels."""

Pixels = npt.NDArray[np.uint8]


def drawn_example(chain: Chain, symbols: Symbols, longest: int) -> Pixels:
    """One example as a picture: the image itself, enlarged, the film strip of a video, or the envelope of the wave,
    ``longest`` steps wide."""
    if isinstance(chain, ImageChain):
        return picture(chain, [symbols], IMAGE_SCALE)
    if isinstance(chain, VideoChain):
        return film_strip(chain, symbols)
    assert isinstance(chain, SoundChain)
    return envelope(chain.wave(symbols), longest, *WAVE_SIZE)


def film_strip(chain: VideoChain, symbols: Symbols) -> Pixels:
    """All frames of a video side by side, a line after those that are usually given."""
    scale = max(1, FRAME_SIDE // chain.height)
    strip = tiled([picture(chain.frame, [frame], scale) for frame in symbols.reshape(chain.frames, -1)], chain.frames)
    if chain.given_frames:
        end = chain.given_frames * (scale * chain.width + GAP)
        strip[:, end - GAP + 1 : end - 1] = INK
    return strip


def envelope(wave: npt.NDArray[np.int16], longest: int, height: int, width: int) -> Pixels:
    """Lowest to highest value of each column's stretch of a wave, uint8 (height, width)."""
    result = np.full((height, width), PAPER, np.uint8)
    edges = np.linspace(0, longest, width + 1).astype(int)
    middle = (height - 1) / 2
    for column, (first, end) in enumerate(pairwise(edges.tolist())):
        part = wave[first : max(end, first + 1)]
        if part.size:
            top, bottom = (round(middle - float(v) / INT16_PEAK * middle) for v in (part.max(), part.min()))
            result[top : bottom + 1, column] = INK
    return result


def tiled(pictures: Sequence[Pixels], columns: int) -> Pixels:
    """Pictures of one size in rows of ``columns``, with a gap between them."""
    lines = [list(pictures[n : n + columns]) for n in range(0, len(pictures), columns)]
    lines[-1] += [np.full_like(pictures[0], PAPER)] * (columns - len(lines[-1]))
    pad = [(0, GAP), (0, GAP)] + [(0, 0)] * (pictures[0].ndim - 2)
    whole = np.concatenate(
        [np.concatenate([np.pad(p, pad, constant_values=PAPER) for p in line], 1) for line in lines], 0
    )
    return whole[:-GAP, :-GAP]


def drawn_examples(chain: Chain, examples: Sequence[Symbols], columns: int) -> Pixels:
    longest = max(map(len, examples))
    return tiled([drawn_example(chain, symbols, longest) for symbols in examples], columns)


def thumbnail(chain: Chain, examples: Sequence[Symbols]) -> Pixels:
    """A square picture of the first few examples; of videos of the last frames of the last."""
    if isinstance(chain, VideoChain):
        return thumbnail(chain.frame, list(examples[-1].reshape(chain.frames, -1)[-9:]))
    if isinstance(chain, SoundChain):
        waves = [chain.wave(symbols) for symbols in examples[:3]]
        longest = max(map(len, waves))
        return np.concatenate([envelope(w, longest, h, THUMBNAIL) for w, h in zip(waves, (74, 76, 74), strict=True)])
    pixels = drawn_examples(chain, examples[:9], 3)
    return np.asarray(Image.fromarray(pixels).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS))


def neighbours_picture(chain: Chain, near: Neighbours) -> Pixels:
    """Pairs of a sample and its nearest training example, side by side."""
    pairs = [example for pair in zip(near.samples, near.nearest, strict=True) for example in pair]
    return drawn_examples(chain, pairs, 10 if isinstance(chain, ImageChain) else 4)
