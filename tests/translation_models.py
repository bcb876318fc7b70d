"""Small models that translate, with random weights of which every part has a say."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class
from models.source_text import Text
from models.text import Characters, TextChain

LETTERS = "abcdefgh "
CHAIN = TextChain(Characters(len(LETTERS), True, LETTERS), default_length=40, max_length=150)
SOURCE = Text("source", "ABCDE .", 12, "ACE BAD.")

SIZES: dict[str, dict[str, Any]] = {
    "bytenet": {"channels": 6, "encoder": [1, 2, 4], "decoder": [1, 3, 2], "slope": 1.2, "offset": 3, "dropout": 0.2},
    "translation_transformer": {
        "channels": 24, "heads": 3, "encoder": 2, "decoder": 2, "hidden": 20, "dropout": 0.2,
    },
}  # fmt: skip


def translation_model(
    architecture: str, chain: TextChain = CHAIN, source: Text = SOURCE, **sizes: Any
) -> AutoregressiveModel:
    """sizes: in place of those of SIZES."""
    torch.manual_seed(3)
    spec = ModelSpec(architecture, chain, (source,), SIZES[architecture] | sizes)
    model = network_class(architecture)(spec).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        parameter.normal_(mean=float("norm" in name and name.endswith("weight")), std=0.3)
    last: torch.nn.Linear = model.get_submodule("out")  # type: ignore[assignment]
    last.bias[-1] -= 2  # texts of some length
    return model


TRANSLATION_MODELS = {f"random-{architecture}": partial(translation_model, architecture) for architecture in SIZES}
