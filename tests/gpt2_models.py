"""GPT-2s of random weights, small enough for every test: of a text, of one that nothing begins, of an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from models.chain import Chain, ImageChain, Palette
from models.model import ModelSpec
from models.networks.gpt2 import GPT2
from models.text import Characters, TextChain

LETTERS = "abcdefghijklmnopqrstuvwxyz .,\n"
POSITIONS = 300
TEXT = TextChain(Characters(len(LETTERS), True, LETTERS), default_length=60, max_length=POSITIONS)
COLOURS = tuple((37 * n % 256, 91 * n % 256, 151 * n % 256) for n in range(20))
IMAGE = ImageChain(Palette(len(COLOURS), False, COLOURS), 7, 6)
SIZES = {"layers": 2, "width": 24, "heads": 3, "inner": 40, "positions": POSITIONS}
OF_IMAGES = {"centred": False, "tied": False, "activation": "quick_gelu"}


def gpt2_model(chain: Chain = TEXT, **config: Any) -> GPT2:
    """Far enough from uniform for a seed to show."""
    torch.manual_seed(6)
    model = GPT2(ModelSpec(GPT2.architecture, chain, (), {**SIZES, **config}))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "ln_" not in name:
                parameter.mul_(8)
    return model.eval().requires_grad_(False)


GPT2_MODELS: dict[str, Callable[[], GPT2]] = {
    "tiny-gpt2": gpt2_model,
    "tiny-gpt2-that-nothing-begins": lambda: gpt2_model(begins=False, scaled_by_layer=True),
    "tiny-image-gpt": lambda: gpt2_model(IMAGE, **OF_IMAGES),
}
"""By the names that tests have for them."""
