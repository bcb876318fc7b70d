"""A model of a modality that the studio knows nothing about, with nothing but the parallel pass.

What works with it works with any: a researcher's plug-in begins like this.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import CHAINS
from models.checkpoint import save_checkpoint
from models.condition import Category
from models.conditional import Categorical
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.networks import BUILT_IN
from tests.studio.melody_chain import MELODY, MelodyChain

NAME = "tiny-melody"
MODE = Category("mode", ("major", "minor"), any=True)
SPEC = ModelSpec("tiny_melody", MELODY, (MODE,), {"window": 3})


class MelodyModel(AutoregressiveModel):
    """A note depends on the few before it and on the mode."""

    architecture, family, title = "tiny_melody", "n-gram", "Tiny Melody"
    CHANNELS = 8

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self.window = int(spec.config["window"])
        self.embedding = nn.Embedding(spec.chain.alphabet.size, self.CHANNELS)
        self.earlier = nn.Conv1d(self.CHANNELS, self.CHANNELS, self.window)
        self.condition = FactorEmbeddings(spec.factors, self.CHANNELS)
        self.out = nn.Linear(self.CHANNELS, spec.chain.alphabet.size)

    @property
    def receptive_field(self) -> int:
        return self.window

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        x = F.pad(self.embedding(symbols).transpose(1, 2), (self.window, 0))[..., :-1]
        h = self.earlier(x).transpose(1, 2) + self.condition(condition)[:, None]
        return Categorical(self.out(torch.tanh(h)))


def melody_model() -> MelodyModel:
    """Random weights, far enough from uniform for conditions and seeds to show; melodies of some hundred notes."""
    torch.manual_seed(3)
    model = MelodyModel(SPEC)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
        model.out.bias[-1] = -6.0
    return model.eval().requires_grad_(False)


def register_melody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The modality and the model are added as two new files of the library would add them."""
    monkeypatch.setitem(CHAINS, MelodyChain.modality, MelodyChain)
    monkeypatch.setitem(BUILT_IN, MelodyModel.architecture, "tests.melody_model:MelodyModel")


def save_melody_model(path: Path) -> Path:
    save_checkpoint(
        path, melody_model(), name=NAME, title="Tiny Melody", data={"name": "tunes"}, training={},
        likelihood={"test": {"bits_per_dim": 4.5}},
    )  # fmt: skip
    return path
