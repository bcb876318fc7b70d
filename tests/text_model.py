"""A small model of texts: the network of ``melody_model`` over characters."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.checkpoint import save_checkpoint
from models.model import ModelSpec
from models.text import Characters, TextChain
from tests.melody_model import MODE, MelodyModel, register_melody

NAME = "tiny-text"
CHAIN = TextChain(Characters.of("abcdefghijklmnopqrstuvwxyz é,.:!?\n\t", stop=True), default_length=60, max_length=400)
SPEC = ModelSpec(MelodyModel.architecture, CHAIN, (MODE,), {"window": 3})


def text_model() -> MelodyModel:
    """Random weights; texts of some hundred characters, many of them line breaks and spaces."""
    torch.manual_seed(5)
    model = MelodyModel(SPEC)
    with torch.no_grad():
        model.out.bias[-1] = -6.0
        model.out.bias[:3] = 1.0
    return model.eval().requires_grad_(False)


def register_text(monkeypatch: pytest.MonkeyPatch) -> None:
    register_melody(monkeypatch)


def save_text_model(path: Path) -> Path:
    save_checkpoint(path, text_model(), name=NAME, title="Tiny Text", data={}, training={}, likelihood={})
    return path
