"""What every model of the studio is: a network that gives all conditionals of given symbols in one parallel pass.

Subclass ``AutoregressiveModel``, write ``conditionals``, and the reference engine, scoring, comparison and the whole
window work on it. ``cached`` and ``compiled`` are the fast ways to walk the same chain; both are optional.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from models.chain import Chain
from models.condition import Condition, Factor, arranged, categories, complete
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


Joint = Callable[[Tensor, Tensor], Tensor]
"""From symbols and conditions as ``conditionals`` has them, (B, D) of whole chains and (B, F), to the natural
log-probabilities of the chains: float64 (B,)."""


class AutoregressiveModel(nn.Module, ABC):
    """p(x | condition) = prod_i p(x_i | x_<i, condition)."""

    architecture: ClassVar[str]
    """The name in checkpoints."""
    family: ClassVar[str]
    """Where the model stands in the list of models: ``masked``, ``recurrent``, ``dilated`` …"""
    title: ClassVar[str]
    """The name that people read."""
    replayable: ClassVar[bool] = False
    """Whether its pass does the same work whatever the symbols are, reads no tensor back and makes none from numbers of
    Python, so that a GPU can replay it, see ``graphed``."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        self.chain = spec.chain
        self.factors = spec.factors
        self.columns = columns(spec.factors)
        """Where each factor stands in a condition, see ``condition_tensor``."""

    @abstractmethod
    def conditionals(self, symbols: Tensor, condition: Tensor) -> Conditional:
        """All conditionals of given symbols, in one parallel pass.

        symbols: int (B, T), T at most the chain's length. condition: (B, F), see ``condition_tensor``.
        Returns a conditional of batch shape (B, T); the one at step i depends on ``symbols[:, :i]`` only.
        """

    def conditionals_from(self, start: int, symbols: Tensor, condition: Tensor) -> Conditional:
        """As ``conditionals``, of symbols (B, T) that stand at the steps from ``start`` on.

        What is before them is not known: the first conditionals are right only where it is beyond the receptive field.
        A network that knows what time it is has a method of its own.
        """
        return self.conditionals(symbols, condition)

    @property
    def default_chain(self) -> Chain:
        """As the default condition arranges it: that of examples and samples for which nobody has chosen an order."""
        return arranged(self.chain, self.factors, {})

    @classmethod
    def factors_for(cls, data: tuple[Factor, ...], chain: Chain) -> tuple[Factor, ...]:
        """The factors of a model of this architecture that learns from data with those factors; by default the same.

        A network may add some of its own, as an order that it lets the user choose, or do without those of the data.
        """
        return data

    def training_pass(self, symbols: Tensor, condition: Tensor) -> tuple[Conditional, Tensor]:
        """What training looks at: conditionals (B, T) of symbols (B, T), and how much each counts, (B, T).

        The sum of their negative log-likelihoods times these weights, over the number of variables, is the loss. By
        default all conditionals, with weight 1; a network that samples some of them by torch's generator weights them
        so that the expectation is the same.
        """
        return self.conditionals(symbols, condition), torch.ones_like(symbols, dtype=torch.float32)

    def encode(self, symbols: Tensor, condition: Tensor) -> Tensor:
        """The condition (B, F) with what an encoder of the model finds in given data; by default as it is.

        What is then measured is -log p(x | what x was encoded as): less than the data's negative log-likelihood.
        """
        return condition

    @classmethod
    def encodes(cls) -> bool:
        """Whether it has an encoder, see ``encode``."""
        return cls.encode is not AutoregressiveModel.encode

    def cached(self, condition: Tensor) -> Decoder | None:
        """An incremental decoder in torch for condition (B, F), or None if the model has none."""
        return None

    def compiled(self, condition: Tensor) -> Decoder | None:
        """A decoder whose whole walk is one compiled kernel, or None if the model has none."""
        return None

    def graphed(self, condition: Tensor) -> Decoder | None:
        """A decoder whose work a GPU replays, or None if the model has none; by default of what is ``replayable``."""
        from models.graphed import GraphedDecoder

        return GraphedDecoder(self, condition) if self.replayable else None

    def in_bfloat16(self, condition: Tensor) -> Decoder | None:
        """The compiled decoder with the weights of its matrices rounded to bfloat16, or None if the model has none."""
        return None

    def attention(self, symbols: Tensor, condition: Tensor) -> Tensor:
        """How much the model looks at each character of its source text while it writes each symbol.

        symbols: int (B, T), of which the last is not looked at: any number may stand for one that is not yet written.
        condition: (B, F). Returns (B, layers, heads, T, S), which sums to 1 over S: S is one more than the length of
        the longest source, and the place after a text's characters is its end. Raises InputError for a model that
        does not look at a source so, as this one.
        """
        raise InputError(f"{self.title} has no attention to a source text")

    @classmethod
    def attends(cls) -> bool:
        """Whether it has, see ``attention``."""
        return cls.attention is not AutoregressiveModel.attention

    def fit(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Sets the parameters to the best ones at once, where counting gives them: a training in closed form.

        batches: symbols int64 (B, T) and condition (B, F) of every training example once, on the model's device, B and
        T from batch to batch; it can be read once. Gradients are off. Raises InputError for a model that is trained
        by gradient, as this one is.
        """
        raise InputError(f"{self.title} is trained by gradient: its recipe's optimiser cannot be a closed form")

    def joints(self, count: int | None) -> tuple[str, list[Joint]]:
        """The joints over the same variables that the weights give, of a model of several, and what they are called.

        The name is a plural, such as ``orders``. count: how many, of a model that has any number of them; None: all
        that it has, or as many as are usual. ``models.evaluation.mixture`` measures their mean. Raises InputError for a
        model of a single one, as this one is, and for a count that it cannot have.
        """
        raise InputError(f"{self.title} has one order, and no mixture over several")

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

    @classmethod
    def parameters_of(cls, spec: ModelSpec) -> int:
        """The parameter count of a model of this architecture that nobody builds: how it grows with the data."""
        with torch.device("meta"):
            return cls(spec).parameter_count

    def condition_tensor(self, conditions: Condition | Sequence[Condition]) -> Tensor:
        """One condition or a batch of them, by name, as float32 (B, F) on the model's device.

        The numbers of each factor, see ``Factor.encode``, stand in the columns ``self.columns[its name]``. Raises
        InputError for a value that a factor does not have.
        """
        rows = [conditions] if isinstance(conditions, Mapping) else list(conditions)
        table = np.zeros((len(rows), sum(factor.numbers for factor in self.factors)), np.float32)
        known: dict[tuple[str, str], Any] = {}  # what a text stands for, as an order has many numbers
        for numbers, row in zip(table, rows, strict=True):
            chosen = complete(self.factors, row)
            for factor in self.factors:
                value = chosen[factor.name]
                key = factor.name, value if isinstance(value, str) else repr(value)
                if key not in known:
                    known[key] = np.array(factor.encode(value), np.float32)
                numbers[self.columns[factor.name]] = known[key]
        return torch.from_numpy(table).to(self.device)


def columns(factors: Sequence[Factor]) -> dict[str, slice]:
    """Where the numbers of each factor stand among those of all, by its name."""
    found, start = {}, 0
    for factor in factors:
        found[factor.name] = slice(start, start + factor.numbers)
        start += factor.numbers
    return found


def combinations(condition: Tensor, sizes: Sequence[int], refusal: str) -> Tensor:
    """Which combination of values each condition (B, F) of categories of these sizes is: int64 (B,), the last fastest.

    Raises InputError with the refusal for a blend, which is none.
    """
    number = torch.zeros(condition.shape[0], dtype=torch.int64, device=condition.device)
    for weights in torch.split(condition, list(sizes), 1) if sizes else ():
        if (weights.amax(1) < 1).any():
            raise InputError(refusal)
        number = number * weights.shape[1] + weights.argmax(1)
    return number


def indicators(symbols: Tensor, levels: int) -> Tensor:
    """Whether each symbol (…) is 1, 2, …, K - 1: (…, K - 1), whole numbers. Of a binary variable this is its value.

    That value lets a gradient through, see ``influence``; between more symbols than two there is nothing.
    """
    if levels == 2 and symbols.requires_grad:
        return symbols.unsqueeze(-1)
    hot: Tensor = torch.nn.functional.one_hot(symbols.long(), levels)[..., 1:]
    return hot


class FactorEmbeddings(nn.Module):
    """The sum of one embedding per category: conditions (B, F) to (B, channels). Zero where there are no categories.

    The embedding of a blend is the weighted mean of its values'. factors: all of the model's. besides: the names of
    those that the network itself reads. Raises InputError for any other that is no category, which nobody would heed.
    """

    def __init__(self, factors: Sequence[Factor], channels: int, besides: Collection[str] = ()) -> None:
        super().__init__()
        self.channels = channels
        chosen = categories([factor for factor in factors if factor.name not in besides])
        self.places = [columns(factors)[factor.name] for factor in chosen]
        self.tables = nn.ModuleList(nn.Embedding(factor.size, channels) for factor in chosen)
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.05)  # type: ignore[arg-type]

    def forward(self, condition: Tensor) -> Tensor:
        # A weight of 1 among zeros gives the very embedding; lower precisions would round it.
        with torch.autocast(condition.device.type, enabled=False):
            total = torch.zeros(condition.shape[0], self.channels, device=condition.device)
            for place, table in zip(self.places, self.tables, strict=True):
                weights = cast(nn.Embedding, table).weight
                total = total + condition[:, place].to(weights.dtype) @ weights
        return total
