"""The likelihood of a mixture of joints: models that one pass cannot walk, but that whole examples can be scored by."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.checkpoint import LoadedModel
from models.condition import complete
from models.errors import InputError
from models.evaluation.data import read_data_set
from models.likelihood import Likelihood, of_nats
from models.model import Joint

BATCH = 20
"""Examples at once."""


def measure_mixture(
    loaded: LoadedModel, folder: Path, *, count: int | None, limit: int | None
) -> tuple[str, Likelihood]:
    """What the likelihood is of, and the likelihood of the mean of a model's joints, with all factors left open.

    count: how many joints, see ``AutoregressiveModel.joints``. limit: of the examples. Raises InputError for a model
    that has one joint, has others than so many, or is open-ended.
    """
    model, length = loaded.model, loaded.model.chain.length
    called, joints = model.joints(count)
    if length is None:
        raise InputError(f"a mixture is measured over a fixed number of variables; {loaded.header.name} is open-ended")
    examples = read_data_set(folder, loaded.header)
    total = len(examples) if limit is None else min(limit, len(examples))
    found: list[float] = []
    began = time.monotonic()
    for start in range(0, total, BATCH):
        symbols = torch.from_numpy(np.stack(examples.symbols[start : min(start + BATCH, total)]).astype(np.int64))
        condition = model.condition_tensor([complete(model.factors, {})] * len(symbols))
        found += mixture_nats(joints, symbols, condition).tolist()
        pace = (time.monotonic() - began) / len(found)
        sys.stderr.write(f"\r{len(found)} of {total}, {pace * (total - len(found)) / 60:.0f} min left ")
    sys.stderr.write("\n")
    left_open = "".join(f", {factor.name} any" for factor in model.factors if factor.null is not None)
    part = f"test, mixture of {len(joints)} {called}{left_open}"
    return part, of_nats(np.array(found), np.full(total, length, np.float64))


@torch.inference_mode()
def mixture_nats(joints: Sequence[Joint], symbols: Tensor, condition: Tensor) -> Tensor:
    """-log of the mean probability over joints, of whole chains (B, D) under conditions (B, F), in nats: float64 (B,).

    A mixture of joints is a joint, but its conditionals are not the means of theirs: p(x_i | x_<i) would weigh each
    joint by how well it has foretold x_<i. Hence probabilities of whole chains are averaged, not those of steps.
    """
    log_p = torch.stack([joint(symbols, condition) for joint in joints])
    return math.log(len(joints)) - log_p.logsumexp(0)
