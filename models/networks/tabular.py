"""Tabular chain: every conditional is a table of counts.

The chain rule, p(x) = prod_i p(x_i | x_<i), assumes nothing; a model begins where a conditional cannot be any function
of its past. Here it still can: step i has a table with one row for each of the K^i pasts, so that no joint of D
variables is out of reach. The price is K^0 + ... + K^(D-1) rows of K - 1 free numbers each,

    (K - 1) (K^D - 1) / (K - 1) = K^D - 1 entries,

one less than there are values of x: for binary variables 1 + 2 + ... + 2^(D-1) = 2^D - 1, 511 for an image of 3 x 3 and
10^236 for one of 28 x 28. Nothing is shared between rows, so that most of them never see an example. Every other
architecture is a way of paying less (Bengio and Bengio, "Modeling High-Dimensional Discrete Data with Multi-Layer
Neural Networks", NIPS 1999, section 1).

Learning is counting. With n_k the times that symbol k came after a past,

    p(k | past) = (n_k + alpha) / (sum_j n_j + K alpha),

the posterior mean under a symmetric Dirichlet prior: alpha = 1 is Laplace's rule of succession, alpha = 1/2 the
estimator of Krichevsky and Trofimov ("The Performance of Universal Encoding", IEEE Trans. Information Theory 1981).
A past that was never seen gives all symbols the same probability.

Each combination of values of the conditions, ``any`` included, has tables of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from reprlib import repr as shortened

import torch
from torch import Tensor, nn

from models.chain import Symbols
from models.condition import categories
from models.conditional import Categorical
from models.decoder import Decoder
from models.errors import InputError
from models.model import AutoregressiveModel, ModelSpec, combinations

MAX_ENTRIES = 2**22
MAX_ALPHA = 1000


def table_entries(levels: int, length: int) -> int:
    """The free numbers in the tables of ``length`` variables of ``levels`` symbols each: levels^length - 1."""
    return int(levels**length) - 1


class TabularChain(AutoregressiveModel):
    """A table of counts for every conditional.

    The pasts form a tree in which each has K children, one for each next symbol. They are numbered as in a K-ary heap:
    the empty past is 0, and the child of past n with symbol k is K n + 1 + k.
    """

    architecture = "tabular"
    family = "tabular"
    title = "Tabular chain"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        length, levels = spec.chain.length, spec.chain.alphabet.size
        if length is None:
            raise InputError("a tabular chain needs a fixed number of variables; this chain is open-ended")
        if set(spec.config) != {"alpha"}:
            raise InputError(f"a tabular chain is given alpha; not {', '.join(spec.config) or 'nothing'}")
        alpha = spec.config["alpha"]
        if type(alpha) not in (int, float) or not 0 < alpha <= MAX_ALPHA:
            raise InputError(
                f"alpha of a tabular chain is a number above 0 and at most {MAX_ALPHA}, not {shortened(alpha)}"
            )
        self.alpha = float(alpha)
        self.length, self.levels = length, levels
        self.sizes = [factor.size for factor in categories(spec.factors)]
        self.tables = math.prod(self.sizes)
        digits = math.log10(self.tables) + length * math.log10(levels)
        if digits > 15 or self.tables * table_entries(levels, length) > MAX_ENTRIES:
            count = f"about 10^{digits:.0f}" if digits > 15 else self.tables * table_entries(levels, length)
            conditions = f" under {self.tables} conditions" if self.tables > 1 else ""
            raise InputError(
                f"the tables of {length} variables of {levels} symbols{conditions} have {count} entries; "
                f"at most {MAX_ENTRIES} are allowed"
            )
        pasts = table_entries(levels, length) // (levels - 1)
        # A parameter, since it is what the model has learned, but nothing that a gradient could improve on.
        self.counts = nn.Parameter(torch.zeros(self.tables, pasts, levels), requires_grad=False)

    @property
    def parameter_count(self) -> int:
        """The entries: of the K probabilities of a past one follows from the others."""
        return self.tables * table_entries(self.levels, self.length)

    @classmethod
    def parameters_of(cls, spec: ModelSpec) -> int:
        """Also of tables that no computer could hold."""
        if spec.chain.length is None:
            raise InputError("a tabular chain needs a fixed number of variables; this chain is open-ended")
        tables = math.prod(factor.size for factor in categories(spec.factors))
        return tables * table_entries(spec.chain.alphabet.size, spec.chain.length)

    def table(self, condition: Tensor) -> Tensor:
        """Which set of tables each condition (B, F) has: int64 (B,). Raises InputError for a blend, which has none."""
        refusal = "a tabular chain has a table for each value of a condition, and none for a blend"
        return combinations(condition, self.sizes, refusal)

    def pasts(self, symbols: Tensor) -> Tensor:
        """The number of the past of every step, int64 (B, T), of symbols (B, T)."""
        numbers = [symbols.new_zeros(symbols.shape[0])]
        for symbol in symbols[:, :-1].unbind(1):
            numbers.append(self.levels * numbers[-1] + 1 + symbol)
        return torch.stack(numbers, 1)

    def after(self, table: Tensor, past: Tensor) -> Categorical:
        """The conditionals after pasts of tables, both of one shape."""
        return Categorical(torch.log(self.counts[table, past] + self.alpha))

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        pasts = self.pasts(symbols.long())
        return self.after(self.table(condition)[:, None].expand_as(pasts), pasts)

    def fit(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Counts anew what came after every past: symbols int64 (B, D) and their conditions (B, F).

        Raises InputError for symbols of another length.
        """
        # Whole numbers until the end: from 2^24 on, adding one to a float32 changes nothing.
        counts = torch.zeros_like(self.counts, dtype=torch.int64)
        one = counts.new_ones(())
        for symbols, condition in batches:
            if symbols.shape[1] != self.length:
                raise InputError(f"a tabular chain of {self.length} variables cannot count {symbols.shape[1]} of them")
            pasts = self.pasts(symbols)
            table = self.table(condition)[:, None].expand_as(pasts)
            counts.index_put_((table, pasts, symbols), one, accumulate=True)
        self.counts.copy_(counts)

    def cached(self, condition: Tensor) -> Decoder:
        return CachedTabularChain(self, condition)


class CachedTabularChain(Decoder):
    """Stands at a past in the tree: a push goes down to a child, a rewind up to an ancestor."""

    engine = "cached"
    model: TabularChain

    def __init__(self, model: TabularChain, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._table = model.table(condition)
        self._past = torch.zeros_like(self._table)

    @torch.inference_mode()
    def peek(self) -> Categorical:
        return self.model.after(self._table, self._past)

    def _push(self, column: Symbols) -> None:
        self._past = self.model.levels * self._past + 1 + torch.from_numpy(column).to(self._past)

    def _rewind(self, step: int) -> None:
        for _ in range(self.step - step):
            self._past = (self._past - 1) // self.model.levels

    def _select(self, rows: list[int]) -> None:
        self._table, self._past = self._table[rows], self._past[rows]
