"""The training examples nearest to samples: copies would show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.chain import Chain, ImageChain, SoundChain, Symbols
from models.checkpoint import LoadedModel
from models.errors import InputError
from models.evaluation.samples import balanced, draw
from models.evaluation.speech import fixed_length, log_mel
from models.training.data import load, order_of


@dataclass(frozen=True)
class Neighbours:
    """Samples (symbols) with the nearest training example of each; distances in the features' own unit.

    typical: median distance of real test examples to their nearest training example, for comparison.
    """

    samples: list[Symbols]
    conditions: list[dict[str, str]]
    nearest: list[Symbols]
    distances: list[float]
    typical: float
    unit: str

    def to_json(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "distances": self.distances,
            "median_distance": float(np.median(self.distances)),
            "median_distance_of_test_examples": self.typical,
        }


def features(chain: Chain, examples: Sequence[Symbols]) -> Tensor:
    """float32 (N, F): intensities of images in 0 … 1; log-mel spectrograms of sound."""
    if isinstance(chain, ImageChain):
        return torch.from_numpy(chain.image(np.stack(examples)).reshape(len(examples), -1).astype(np.float32) / 255)
    assert isinstance(chain, SoundChain)
    waves = fixed_length([chain.wave(symbols) for symbols in examples], chain.rate)
    return torch.cat([log_mel(batch, chain.rate).flatten(1) for batch in torch.split(waves, 256)])


@torch.inference_mode()
def neighbours(loaded: LoadedModel, folder: Path, *, count: int) -> Neighbours:
    """The training examples nearest to ``count`` samples, by Euclidean distance of ``features``.

    Raises InputError for a model of anything but images and sounds, which have none.
    """
    chain, name = loaded.model.default_chain, loaded.header.data["name"]
    if not isinstance(chain, ImageChain | SoundChain):
        raise InputError(f"neighbours are found of images and of sounds, not of {chain.modality} data")
    train, test = (load(name, folder, split, order_of(chain)) for split in ("train", "test"))
    conditions = balanced(loaded.model.factors, count)
    samples = [trace.symbols for trace in draw(loaded, conditions, seed=1).traces]
    space = features(chain, train.symbols)
    distances, indices = torch.cdist(features(chain, samples), space).min(1)
    typical = torch.cdist(features(chain, test.symbols[:count]), space).min(1).values.median()
    return Neighbours(
        samples,
        conditions,
        [train.symbols[index] for index in indices.tolist()],
        distances.tolist(),
        float(typical),
        "Euclidean distance of intensities in 0 … 1" if isinstance(chain, ImageChain)
        else "Euclidean distance of log-mel spectrograms",
    )  # fmt: skip
