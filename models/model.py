"""What every model of the studio is: a network that gives all conditionals of given symbols in one parallel pass.

Subclass ``AutoregressiveModel``, write ``conditionals``, and the reference engine, scoring, comparison and the whole
window work on it. ``cached`` and ``compiled`` are the fast ways to walk the same chain; both are optional.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from models.chain import Chain
from models.condition import Category, Condition, Factor, categories, complete, indices
from models.conditional import Conditional
from models.errors import InputError

if TYPE_CHECKING:
    from models.decoder import Decoder


@dataclass(frozen=True)
class ModelSpec:
    """What a checkpoint says about its network: enough to build it, nothing about how it was trained."""

    architecture: str
    chain: Chain
    factors: tuple[Factor, ...]
    config: Mapping[str, Any]
    """Sizes of the network, as its constructor understands them."""


class AutoregressiveModel(nn.Module, ABC):
    """p(x | condition) = prod_i p(x_i | x_<i, condition)."""

    architecture: ClassVar[str]
    """The name in checkpoints."""
    family: ClassVar[str]
    """Where the model stands in the list of models: ``masked``, ``recurrent``, ``dilated`` …"""
    title: ClassVar[str]
    """The name that people read."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        self.chain = spec.chain
        self.factors = spec.factors

    @abstractmethod
    def conditionals(self, symbols: Tensor, condition: Tensor) -> Conditional:
        """All conditionals of given symbols, in one parallel pass.

        symbols: int (B, T), T at most the chain's length. condition: int64 (B, F), see ``condition_tensor``.
        Returns a conditional of batch shape (B, T); the one at step i depends on ``symbols[:, :i]`` only.
        """

    def cached(self, condition: Tensor) -> Decoder | None:
        """An incremental decoder in torch for condition (B, F), or None if the model has none."""
        return None

    def compiled(self, condition: Tensor) -> Decoder | None:
        """A decoder whose whole walk is one compiled kernel, or None if the model has none."""
        return None

    def fit(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Sets the parameters to the best ones at once, where counting gives them: a training in closed form.

        batches: symbols int64 (B, T) and condition (B, F) of every training example once, on the model's device, B and
        T from batch to batch; it can be read once. Gradients are off. Raises InputError for a model that is trained
        by gradient, as this one is.
        """
        raise InputError(f"{self.title} is trained by gradient: its recipe's optimiser cannot be a closed form")

    @property
    def receptive_field(self) -> int | None:
        """How many earlier variables along the chain can reach a conditional; None: all of them."""
        return None

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())

    def condition_tensor(self, conditions: Condition | Sequence[Condition]) -> Tensor:
        """One condition or a batch of them, by name, as int64 indices (B, F) on the model's device.

        A model with factors that are no categories has its own. Raises InputError for a value a factor does not have.
        """
        rows = [conditions] if isinstance(conditions, Mapping) else list(conditions)
        factors = categories(self.factors)
        table = [indices(factors, complete(factors, row)) for row in rows]
        return torch.tensor(table, dtype=torch.int64, device=self.device).reshape(len(rows), len(factors))


def indicators(symbols: Tensor, levels: int) -> Tensor:
    """Whether each symbol (…) is 1, 2, …, K - 1: int64 (…, K - 1). Of a binary variable this is its value."""
    return torch.nn.functional.one_hot(symbols.long(), levels)[..., 1:]


class FactorEmbeddings(nn.Module):
    """The sum of one embedding per category: (B, F) indices to (B, channels). Zero where there are none."""

    def __init__(self, factors: Sequence[Category], channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.tables = nn.ModuleList(nn.Embedding(factor.size, channels) for factor in factors)
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.05)  # type: ignore[arg-type]

    def forward(self, condition: Tensor) -> Tensor:
        total = torch.zeros(condition.shape[0], self.channels, device=condition.device)
        for column, table in enumerate(self.tables):
            total = total + table(condition[:, column])
        return total
