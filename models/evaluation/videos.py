"""What the frames of a model of videos cost, beside the least that any model can need of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from models.checkpoint import LoadedModel
from models.errors import InputError
from models.likelihood import surprises
from models.training.data import load
from models.training.data.moving_mnist import DIGIT_SIDES, least_nats
from models.video import VideoChain

PATHS = 1000
"""Of one digit each, from which it is told how much of the way is left open."""


def video_report(loaded: LoadedModel, folder: Path, *, count: int) -> dict[str, Any]:
    """-log p in nats of each frame that is not given, of the first ``count`` videos of the test part.

    least: of any model, see ``least_nats``. excess: what a frame costs more, on average. Each with its standard error.
    Raises InputError for a model of other data than Moving MNIST.
    """
    chain, name = loaded.model.chain, loaded.header.data.get("name", "")
    if not isinstance(chain, VideoChain) or name not in DIGIT_SIDES:
        raise InputError(f"{loaded.header.name} is no model of Moving MNIST, of which alone the least is known")
    videos = load(name, folder, "test").symbols[:count]
    bits = np.stack([surprises(loaded.model, video, {}) for video in videos])
    nats = math.log(2) * bits.reshape(len(videos), chain.frames, -1).sum(-1)[:, chain.given_frames :]
    least = least_nats(chain, DIGIT_SIDES[name], PATHS, np.random.default_rng(0))
    per_video, per_path = nats.mean(1), least.mean(1)
    errors = [float(np.std(values, ddof=1) / math.sqrt(len(values))) for values in (per_video, per_path)]
    return {
        "weights": loaded.reference.weights,
        "videos": len(videos),
        "given_frames": chain.given_frames,
        "nats_per_frame": float(per_video.mean()),
        "nats_per_frame_standard_error": errors[0],
        "least_per_frame": float(per_path.mean()),
        "least_per_frame_standard_error": errors[1],
        "excess_per_frame": float(per_video.mean() - per_path.mean()),
        "frames": {"nats": nats.mean(0).tolist(), "least": least.mean(0).tolist()},
    }
