"""Several processes at one task, started by torchrun: each takes a part of it, and all of them know the result.

    torchrun --nproc-per-node=4 -m studio train RECIPE --data DATA -o OUT

Without torchrun there is one process, of rank 0, and nothing here does anything. What one of several processes calls
here, all must call, in the same order: each call waits for the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from models.errors import InputError

LONGEST_WAIT = timedelta(days=1)
"""For processes that are slower than the others. One that has died is noticed by torchrun, which then ends all."""


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Inside, the processes that torchrun started are one group; each has a GPU of its own if the device is ``cuda``.

    What is small goes from CPU to CPU (gloo), gradients on GPUs by NCCL. Raises InputError where there are more
    processes than GPUs.
    """
    if not started_together():
        yield
        return
    if device == "cuda":
        place, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if place >= there:
            raise InputError(f"each process needs a CUDA device of its own: start {there} here, or use --device cpu")
        torch.cuda.set_device(place)
    dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", timeout=LONGEST_WAIT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def started_together() -> bool:
    """Whether torchrun started this process and others, which ``joined`` makes a group of."""
    return dist.is_available() and dist.is_torchelastic_launched() and int(os.environ["WORLD_SIZE"]) > 1


def world_size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is. Process 0 speaks and writes for all."""
    return dist.get_rank() if world_size() > 1 else 0


def total(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sum over all processes; where all but one have zeros, the very numbers of that one."""
    if world_size() == 1:
        return values
    summed = torch.from_numpy(values.copy())
    dist.all_reduce(summed)
    result: npt.NDArray[np.float64] = summed.numpy()
    return result


def mean(value: float) -> float:
    """The mean over all processes."""
    return float(total(np.array([value]))[0]) / world_size()


def wait_for_all() -> None:
    """Returns when every process has come here."""
    mean(0.0)


def together(raise_if_interrupted: Callable[[], None]) -> Callable[[], None]:
    """The same, but that it raises KeyboardInterrupt in every process as soon as it does in one.

    A Ctrl-C reaches processes at different moments; those that went on would wait for those that had not.
    """

    def raise_in_all() -> None:
        interrupted = 0.0
        try:
            raise_if_interrupted()
        except KeyboardInterrupt:
            interrupted = 1.0
        if mean(interrupted):
            raise KeyboardInterrupt

    return raise_in_all


class _Loss(nn.Module):
    """A loss as the forward pass of a module: all that DistributedDataParallel takes."""

    def __init__(self, model: nn.Module, loss: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, *batch: Tensor) -> Tensor:
        return self.loss(*batch)


def data_parallel(model: nn.Module, loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The loss, whose gradients after ``backward`` are in every process the mean over the losses of all of them."""
    if world_size() == 1:
        return loss
    # A network need not use all of its parameters in every step. Where it does, DDP warns once that it looked in vain.
    parallel: Any = DistributedDataParallel(_Loss(model, loss), find_unused_parameters=True)
    mean_loss: Callable[..., Tensor] = parallel
    return mean_loss
