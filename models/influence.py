"""The receptive field: which earlier variables can change a conditional, and how much they do.

``reach`` looks at the structure alone: a copy of the network with random weights has no connection that happens to
be zero, so that what has no gradient there has no path. ``influence`` is the gradient of the trained network.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.chain import Symbols
from models.condition import Condition
from models.errors import InputError
from models.model import AutoregressiveModel
from models.networks import network_class

TRIES = 4
"""Random inputs: what a rectifier hides from one of them it shows to another."""


def influence(model: AutoregressiveModel, symbols: Symbols, condition: Condition, step: int) -> npt.NDArray[np.float64]:
    """How much each earlier variable moves the log-probability of the symbol at ``step``, float64 (step,).

    |d log p(x_step | x_<step) / d x_j|, in nats per level. Of a network that is no smooth function of its symbols, the
    larger of the changes when x_j alone goes up or down by a level. symbols: (T,), more than ``step`` of them.
    Raises InputError for a step beyond them.
    """
    _check(step, len(symbols))
    rows = torch.from_numpy(np.asarray(symbols[: step + 1], np.int64)).to(model.device)[None]
    table = model.condition_tensor(condition)
    inputs = rows.double().to(next(model.parameters()).dtype).requires_grad_()
    log_p = model.conditionals(inputs, table)[:, step].to(torch.float64).log_prob(rows[:, step])
    found = _gradient(log_p.sum(), inputs)
    if found is not None:
        return found[0, :step].abs().double().cpu().numpy()
    return _differences(model, rows, table, step)


def reach(model: AutoregressiveModel, condition: Condition, step: int) -> npt.NDArray[np.bool_]:
    """Which earlier variables can change the conditional at ``step`` whatever the weights are, bool (step,).

    The condition may decide on their order.

    Of a network that is no smooth function of its symbols, all within its receptive field.
    """
    _check(step, model.chain.limit)
    spec = model.spec
    copy = network_class(spec.architecture)(spec).double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in copy.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 1
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * fan_in**-0.5)
    inputs = torch.randint(0, model.chain.alphabet.levels, (TRIES, step + 1), generator=generator)
    inputs = inputs.double().requires_grad_()
    log_p = copy.conditionals(inputs, copy.condition_tensor([condition] * TRIES))[:, step].dense()
    found = _gradient((log_p * torch.randn(log_p.shape, generator=generator, dtype=torch.float64)).sum(), inputs)
    if found is None:
        field = model.receptive_field
        return np.arange(step) >= (0 if field is None else step - field)
    result: npt.NDArray[np.bool_] = (found[:, :step] != 0).any(0).numpy()
    return result


def _check(step: int, length: int) -> None:
    if not 0 <= step < length:
        raise InputError(f"a step lies in 0 … {length - 1}, not {step}")


def _gradient(of: Tensor, inputs: Tensor) -> Tensor | None:
    """None where the inputs were rounded on their way, or nothing depends on them."""
    if not of.requires_grad:
        return None
    (found,) = torch.autograd.grad(of, inputs, allow_unused=True)
    return found


@torch.inference_mode()
def _differences(model: AutoregressiveModel, rows: Tensor, table: Tensor, step: int) -> npt.NDArray[np.float64]:
    """The larger change of log p at ``step`` when one earlier symbol goes up or down by a level."""
    changes = torch.zeros(step, dtype=torch.float64)
    before = model.conditionals(rows, table)[:, step].double().log_prob(rows[:, step])
    for direction in (-1, 1):
        for j in range(step):
            other = rows.clone()
            other[0, j] += direction
            if 0 <= int(other[0, j]) < model.chain.alphabet.levels:
                after = model.conditionals(other, table)[:, step].double().log_prob(rows[:, step])
                changes[j] = max(changes[j], (after - before).abs().cpu()[0])
    return changes.numpy()
