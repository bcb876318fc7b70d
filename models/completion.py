"""Completion: what a model makes of an image of which some pixels are known, and of a sound or a text that has begun.

Exact where what is known comes first: in the rows above, for a model in raster order, and anywhere for one that lets
its order be chosen, as the known pixels are then put at the beginning. Otherwise by particles, see ``particles``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

import numpy as np
import numpy.typing as npt

from models.chain import DRAW, Chain, GreyLevels, ImageChain, SoundChain, Symbols
from models.condition import Condition, Order, arranged
from models.errors import InputError
from models.image_files import fitted
from models.orders import before_after, order_after
from models.particles import effective_sample_size, log_weights
from models.record import read_bytes
from models.shaping import Shaping
from models.text import TextChain
from models.trace import ModelReference, Take, longest_of, new_take
from models.video import VideoChain

Mask = npt.NDArray[np.bool_]

LEAST_PARTICLES = 32
"""Fewer say little about what is known: of one particle nothing dies out."""

LEAST_DIFFERENT = 0.25
"""Share of the particles that are different images at the end: fewer say little about what is possible."""

MISSING: Mapping[str, Callable[[int, int], Mask]] = {
    "lower half": lambda height, width: np.indices((height, width))[0] >= height // 2,
    "right half": lambda height, width: np.indices((height, width))[1] >= width // 2,
    "upper half": lambda height, width: np.indices((height, width))[0] < height // 2,
    "left half": lambda height, width: np.indices((height, width))[1] < width // 2,
    "middle": lambda height, width: (
        (np.abs(2 * np.indices((height, width))[0] - height + 1) < height // 2)
        & (np.abs(2 * np.indices((height, width))[1] - width + 1) < width // 2)
    ),
    "every second pixel": lambda height, width: np.indices((height, width)).sum(0) % 2 == 1,
}
"""Parts of an image that may be missing, by name: which pixels of (height, width) are not known."""


def completion(
    model: ModelReference,
    image: npt.NDArray[np.uint8],
    known: Mask,
    *,
    seed: int,
    count: int,
    condition: Condition,
    shaping: Shaping,
    engine: str,
    device: str = "cpu",
    first: int = 0,
) -> Take:
    """A take, nothing drawn yet, whose samples complete an image (H, W) or (H, W, 3), of which a mask (H, W) is known.

    Where it goes by particles, there are at least LEAST_PARTICLES samples. Raises InputError for a model of anything
    but images, for an image of another shape, and where nothing or everything is known.
    """
    if not isinstance(model.chain, ImageChain):
        raise InputError(f"only images can be completed, not {model.chain.modality} data")
    if known.shape != (model.chain.height, model.chain.width):
        raise InputError(f"the mask should be of {model.chain.height} x {model.chain.width} pixels, not {known.shape}")
    if known.all() or not known.any():
        raise InputError("to complete an image, some of its pixels must be known and some not")
    condition = dict(condition)
    for factor in model.factors:
        if isinstance(factor, Order):
            chosen = condition.get(factor.name, factor.default)
            condition[factor.name] = order_after(known, before_after(chosen)[0])
    chain = arranged(model.chain, model.factors, condition)
    assert isinstance(chain, ImageChain)
    steps = np.repeat(known.reshape(-1)[chain.pixels], chain.channels)
    given = np.where(steps, chain.symbols(image), DRAW)
    exact = bool(steps[: steps.sum()].all())
    if not exact:
        count = max(count, LEAST_PARTICLES)
    take = new_take(
        model, seed=seed, count=count, condition=condition, shaping=shaping, engine=engine, device=device, first=first
    )
    return replace(take, given=tuple(given.tolist()), resampled=None if exact else ())


def continuation(
    model: ModelReference,
    prefix: Symbols,
    *,
    more: int,
    seed: int,
    count: int,
    condition: Condition,
    shaping: Shaping,
    engine: str,
    device: str = "cpu",
    first: int = 0,
) -> Take:
    """A take, nothing drawn yet, whose samples go on from a sound, a text or a video, its symbols (T,), by up to
    ``more`` steps; where these are more than the chain has, without end.

    Raises InputError for a model of anything else, and for a prefix that is empty, leaves no room to go on, has other
    symbols than those of amplitudes, characters or intensities, or ends within a frame; and for more samples than can
    be kept of what goes on from it.
    """
    chain = model.chain
    check_prefix(prefix, chain)
    longest = longest_of(count, chain.limit)
    if len(prefix) >= longest:
        raise InputError(
            f"{count} samples that go on from {len(prefix)} {chain.step_noun}s are more than a take holds: fewer, or "
            f"from at most {longest - 1}"
        )
    take = new_take(
        model, seed=seed, count=count, condition=condition, shaping=shaping, engine=engine, device=device, first=first,
        limit=more if more > chain.limit else min(len(prefix) + more, longest),
    )  # fmt: skip
    return replace(take, given=tuple(prefix.tolist()))


def check_prefix(prefix: Symbols, chain: Chain) -> None:
    """Raises InputError for what ``continuation`` does not go on from."""
    if not isinstance(chain, SoundChain | TextChain | VideoChain):
        raise InputError(f"only sounds, texts and videos can be continued, not {chain.modality} data")
    what = f"a {chain.modality} that is continued"
    if not 1 <= len(prefix) < chain.limit:
        raise InputError(f"{what} has 1 to {chain.limit - 1} {chain.step_noun}s, not {len(prefix)}")
    if prefix.min() < 0 or prefix.max() >= chain.alphabet.levels:
        raise InputError(f"the symbols of {what} lie in 0 … {chain.alphabet.levels - 1}")
    if isinstance(chain, VideoChain) and len(prefix) % chain.frame.length:
        raise InputError(f"whole frames of {chain.frame.length} steps are given, not {len(prefix)} steps")


def given_of(chain: VideoChain, video: npt.NDArray[np.uint8]) -> Symbols:
    """The symbols of the frames that a model is given of a video (T, H, W) or (T, H, W, 3) of its size.

    They are as many as it was made for, of a shorter video all; of one made for none as many as leave a frame to draw.
    """
    count = chain.given_frames or chain.frames - 1
    return chain.symbols(video[:count])


def known_part(missing: str, chain: ImageChain) -> Mask:
    """Which pixels (H, W) are known where what is missing has a name in MISSING, with blanks or hyphens, or is white
    in the picture of that path, which is cut and scaled as ``fitted`` does.

    Raises InputError for what is neither, and FileError for a picture that cannot be read.
    """
    if part := MISSING.get(missing.replace("-", " ").lower()):
        return ~part(chain.height, chain.width)
    if not os.path.isfile(missing):
        parts = ", ".join(name.replace(" ", "-") for name in MISSING)
        raise InputError(f"what is missing is {parts}, or a picture that is white there; not {shortened(missing)}")
    white: Mask = fitted(*read_bytes(Path(missing)), ImageChain(GreyLevels(2), chain.height, chain.width)) > 0
    return ~white


def chosen_condition(take: Take) -> dict[str, Any]:
    """What the user had chosen when a take began: without the pixels that a completion puts before the others."""
    condition = dict(take.traces[0].schedule[0].condition)
    for factor in take.model.factors:
        if isinstance(factor, Order) and factor.name in condition:
            condition[factor.name] = before_after(condition[factor.name])[0]
    return condition


def different_images(take: Take) -> int:
    """How many of the samples are not alike: of particles, those that died out are copies of others."""
    return len({trace.symbols.tobytes() for trace in take.traces})


def how_it_is_completed(take: Take) -> str:
    """Of a take with given symbols: whether its samples know of them exactly."""
    if take.resampled is None:
        return "Exact completion: what is known comes first"
    times, count = sum(step < take.limit for step in take.resampled), len(take.samples)
    again = "" if not times else f" (drawn anew {times} {'time' if times == 1 else 'times'})"
    if take.particles:
        effective = effective_sample_size(log_weights(take))
        counted = "" if math.isnan(effective) else f", {effective:.1f} of them effective"
        return f"Completion by {count} particles{counted}{again}"
    different = different_images(take)
    images = "all images alike" if different == 1 else f"{different} different images"
    poor = ": a poor approximation, a higher count comes closer, an orderless model is exact"
    poor = poor if different < LEAST_DIFFERENT * count else ""
    return f"Completion by {count} particles, {images}{poor}{again}"
