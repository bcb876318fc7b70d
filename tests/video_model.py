"""Video Pixel Networks of random weights, small enough for every test: a whole one and the baseline."""

from __future__ import annotations

import torch

from models.chain import GreyLevels
from models.model import ModelSpec
from models.networks.video_pixel_network import AUTOREGRESSIVE, INDEPENDENT, VideoPixelNetwork
from models.video import VideoChain

VIDEO = VideoChain(GreyLevels(3), frames=4, height=7, width=6, rate=5, given_frames=1)
COLOURED = VideoChain(GreyLevels(4), frames=3, height=4, width=5, rate=5, channels=3)
SIZES = {"channels": 12, "dilations": [1, 2], "hidden": 6, "blocks": 2, "head": 9}


def video_model(chain: VideoChain = VIDEO, pixels: str = AUTOREGRESSIVE) -> VideoPixelNetwork:
    """Far enough from uniform for conditions and seeds to show."""
    torch.manual_seed(4)
    model = VideoPixelNetwork(ModelSpec("video_pixel_network", chain, (), {**SIZES, "pixels": pixels}))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return model.eval().requires_grad_(False)


VIDEO_MODELS = {
    "tiny-video": lambda: video_model(),
    "tiny-video-independent": lambda: video_model(pixels=INDEPENDENT),
    "tiny-video-in-colour": lambda: video_model(COLOURED),
}
"""By the names that tests have for them."""
