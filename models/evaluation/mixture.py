"""The likelihood of a mixture over orders: models that one pass cannot walk, but that whole images can be scored by."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch

from models.chain import ImageChain
from models.checkpoint import LoadedModel
from models.condition import complete
from models.errors import InputError
from models.evaluation.data import read_data_set
from models.likelihood import Likelihood, of_nats
from models.networks.made import MADE
from models.networks.made import mixture_nats as made_nats
from models.networks.orderless_nade import OrderlessNADE
from models.networks.orderless_nade import mixture_nats as orderless_nats

BATCH = 20
"""Images at once."""


def measure_mixture(loaded: LoadedModel, folder: Path, *, orders: int, limit: int | None) -> tuple[str, Likelihood]:
    """What the likelihood is of, and the likelihood of the mean over several orders, with all factors left open.

    orders: how many shuffles of an orderless NADE; a MADE has as many as it was trained with. limit: of the examples.
    Raises InputError for a model without several orders.
    """
    model, header = loaded.model, loaded.header
    if isinstance(model, MADE):
        orders = model.config.masks
    elif not isinstance(model, OrderlessNADE):
        raise InputError(f"{header.name} has one order, and no mixture over several")
    examples = read_data_set(folder, header)
    count = len(examples) if limit is None else min(limit, len(examples))
    names = [f"random {n}" for n in range(orders)]
    found: list[float] = []
    began = time.monotonic()
    for start in range(0, count, BATCH):
        images = torch.from_numpy(np.stack(examples.symbols[start : min(start + BATCH, count)]).astype(np.int64))
        rows = [complete(model.factors, {})] * len(images)
        if isinstance(model, MADE):
            with torch.inference_mode():
                nats = made_nats(model, images, model.condition_tensor(rows))
        else:
            nats = orderless_nats(model, images, rows, names)
        found += nats.tolist()
        pace = (time.monotonic() - began) / len(found)
        sys.stderr.write(f"\r{len(found)} of {count}, {pace * (count - len(found)) / 60:.0f} min left ")
    sys.stderr.write("\n")
    assert isinstance(model.chain, ImageChain)
    left_open = "".join(f", {factor.name} any" for factor in model.factors if factor.null is not None)
    part = f"test, mixture of {orders} orders{left_open}"
    return part, of_nats(np.array(found), np.full(count, model.chain.length, np.float64))
