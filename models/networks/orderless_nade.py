"""Orderless NADE: one deep network that gives any pixel from any others, and so every order of the pixels at once.

Papers: B. Uria, I. Murray, H. Larochelle, "A Deep and Tractable Density Estimator", ICML 2014 (arXiv:1310.1757);
B. Uria, M.-A. Côté, K. Gregor, I. Murray, H. Larochelle, "Neural Autoregressive Distribution Estimation", JMLR 17,
2016, on orderless and deep NADE.

A NADE is trained for one order o of its D variables. D! of them could share their weights, as p(x_od | x_o<d) asks for
nothing but a variable and the *set* of known ones. The network sees that set as a mask beside the masked variables, and
gives p(x_i | known) for every i in one pass. What is wanted is the mean over all orders of

    -log p(x | o) = sum_d -log p(x_od | x_o<d).

All terms of one d whose first d - 1 variables are the same set need the same pass, and this pass gives all of their
D - d + 1 next variables. So training draws d and the set, and

    D / (D - d + 1) * sum over all i that are not known of -log p(x_i | known)

has that mean as its expectation (the factor D stands for the sum over d that is one draw, the other for the mean over
the variables that may come next). One pass and one way back, as in any feed-forward network: that is why it can have
several hidden layers. The price is paid in use. All D conditionals of an order need D passes, of which the first layer
is a running sum as in a NADE, but the others are not: O(D H^2) for H units a layer, where a NADE has O(D H).

The order belongs to the condition: the same weights walk along any, and what is known may be any part of an image, so
that the rest is drawn given all of it (put the known pixels first). The joints of two orders are not quite the same,
though nothing but training makes them alike. The mean of their probabilities is a joint again, and a better one.

Deviations from the papers:
- Each image of a batch has its own d, drawn by way of a rate r in 0 … 1: d - 1 is binomial, the number of D - 1
  variables that are known if each is with probability r. A uniform r makes d uniform. The r of a batch lie at even
  distances from a random start, which is the same expectation with less noise than independent draws have.
- K symbols as K - 1 indicators at the inputs and K - 1 logits beside symbol 0's zero at the outputs; for K = 2 that is
  one of each, as in the papers.
- Conditions add a bias of their own to every hidden unit and output.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import Chain, ImageChain, Symbols
from models.condition import Factor, Order
from models.conditional import Categorical
from models.decoder import Decoder, SnapshotDecoder
from models.errors import InputError
from models.model import AutoregressiveModel, FactorEmbeddings, Joint, ModelSpec, indicators
from models.orders import RASTER, random_order
from models.sizes import check_list, check_weights, config_of

ORDER = "order"
"""The name of the factor."""

ORDERS = 128
"""Of a mixture, unless somebody wants another number: as many as in the paper."""

CHUNK = 2**19
"""Units of the widest layer, times the logits of a variable, that are held at once where every step has its own."""


@dataclass(frozen=True)
class OrderlessNADEConfig:
    """hidden: units of each layer."""

    hidden: tuple[int, ...]

    def __post_init__(self) -> None:
        check_list(
            "hidden of an orderless NADE is", self.hidden, longest=16, most=16384, each="the units of each layer"
        )


class OrderlessNADE(AutoregressiveModel):
    """A network with rectified hidden layers from some of the pixels to all of them.

    Images (B, D) are in raster order; symbols (B, T), which ``conditionals`` takes, are in the order that the condition
    of their row names, as everywhere along a chain.
    """

    architecture = "orderless_nade"
    family = "neural"
    title = "Orderless NADE"
    replayable = True

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        chain = spec.chain
        if not isinstance(chain, ImageChain) or chain.channels != 1 or chain.order != RASTER:
            raise InputError(
                "an orderless NADE models images of one channel in raster order, which a condition rearranges; "
                f"not {chain.modality}, {chain.describe()}"
            )
        if self.order_factor(chain) not in spec.factors:
            raise InputError(f"an orderless NADE of {chain.describe()} needs the condition {ORDER!r} of such images")
        self.config = config_of(OrderlessNADEConfig, spec.config, "an orderless NADE")
        self.length, self.levels = chain.length, chain.alphabet.levels
        self.sizes = [self.length * self.levels, *self.config.hidden, self.length * (self.levels - 1)]
        weights = sum(a * b for a, b in pairwise(self.sizes))
        check_weights(f"this orderless NADE of {self.length} variables of {self.levels} symbols has", weights)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(self.sizes))
        self.condition = FactorEmbeddings(spec.factors, sum(self.sizes[1:]), besides=(ORDER,))

    @staticmethod
    def order_factor(chain: ImageChain) -> Order:
        return Order(ORDER, chain.height, chain.width)

    @classmethod
    def factors_for(cls, data: tuple[Factor, ...], chain: Chain) -> tuple[Factor, ...]:
        """Those of the data, and the order."""
        return (*data, cls.order_factor(chain)) if isinstance(chain, ImageChain) else data

    @property
    def linears(self) -> list[nn.Linear]:
        """``layers`` by their type."""
        return [cast(nn.Linear, layer) for layer in self.layers]

    def pixels(self, condition: Tensor) -> Tensor:
        """The pixels of each row in the order of their steps, int64 (B, D)."""
        return condition[:, self.columns[ORDER]].long()

    @staticmethod
    def images(symbols: Tensor, pixels: Tensor) -> Tensor:
        """The images of whole rows of symbols, from the pixels that these are of: all (B, D)."""
        return torch.empty_like(symbols).scatter_(1, pixels, symbols)

    def biases(self, condition: Tensor) -> tuple[Tensor, ...]:
        """Bias plus condition of every layer: (B, units) each."""
        biases = torch.cat([layer.bias for layer in self.linears]) + self.condition(condition)
        return torch.split(biases, self.sizes[1:], 1)

    def logits(self, images: Tensor, known: Tensor, condition: Tensor) -> Tensor:
        """Those of every pixel (B, D, K - 1) given the known ones of images (B, D), known: bool (B, D).

        Of a known pixel, too, but these say nothing: training never looks at them.
        """
        planes = torch.cat([torch.ones_like(images)[..., None], indicators(images, self.levels)], -1)
        first, *rest = zip(self.linears, self.biases(condition), strict=True)
        h = F.linear((planes * known[..., None]).flatten(1).to(first[0].weight.dtype), first[0].weight) + first[1]
        for layer, bias in rest:
            h = F.linear(F.relu(h), layer.weight) + bias
        return h.reshape(-1, self.length, self.levels - 1)

    def training_pass(self, symbols: Tensor, condition: Tensor) -> tuple[Categorical, Tensor]:
        rows, steps = symbols.shape
        return self.given(draw_known(rows, steps, symbols.device), symbols, condition)

    def given(self, known: Tensor, symbols: Tensor, condition: Tensor) -> tuple[Categorical, Tensor]:
        """The conditionals of all symbols (B, D) given the known ones among them, and their weights in the loss.

        known: bool (B, D), of images. Weights (B, D) are 0 for the d - 1 known symbols and D / (D - d + 1) for the
        others: the mean over (B, D) of weight times nats has the mean over all orders as its expectation.
        """
        pixels = self.pixels(condition)
        logits = self.logits(self.images(symbols, pixels), known, condition)
        in_order = logits.gather(1, pixels[..., None].expand_as(logits))
        unknown = ~known
        weights = unknown * (self.length / unknown.sum(1, keepdim=True))
        return Categorical.beside_zero(in_order), weights.gather(1, pixels)

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        rows, steps = symbols.shape
        # A sum of hundreds of terms needs more digits than bfloat16 has.
        with torch.autocast(symbols.device.type, enabled=False):
            pixels, added = self.pixels(condition)[:, :steps], self.added()
            biases = self.biases(condition)
            count = max(1, CHUNK // (rows * max(self.config.hidden) * (self.levels - 1)))
            a, logits = biases[0], []
            for k, now in zip(torch.split(symbols, count, 1), torch.split(pixels, count, 1), strict=True):
                # What the first layer adds up before each of these steps, and after the last of them.
                sums = torch.cat([a[:, None], self.additions(k, now, added)], 1).cumsum(1)
                a = sums[:, -1]
                logits.append(self.logits_at(now, sums[:, :-1], biases))
            return Categorical.beside_zero(torch.cat(logits, 1))

    def added(self) -> Tensor:
        """What the first layer adds up for each value of each pixel: (D K, H), in row pixel * K + value."""
        known, *values = self.linears[0].weight.T.reshape(self.length, self.levels, -1).unbind(1)
        return torch.stack([known, *(known + value for value in values)], 1).flatten(0, 1)

    def additions(self, symbols: Tensor, pixels: Tensor, added: Tensor) -> Tensor:
        """What the first layer adds for symbols (B, n) of pixels (B, n), from ``added``: (B, n, H)."""
        if not symbols.requires_grad:
            return F.embedding(pixels * self.levels + symbols.long(), added)
        by_pixel = added.reshape(self.length, self.levels, -1)[pixels]
        values = by_pixel[:, :, 1:] - by_pixel[:, :, :1]
        return by_pixel[:, :, 0] + torch.einsum("bnk,bnkh->bnh", indicators(symbols, self.levels).to(values), values)

    def logits_at(self, pixels: Tensor, first: Tensor, biases: tuple[Tensor, ...]) -> Tensor:
        """The logits (B, n, K - 1) of pixels (B, n) from what the first layer added up for each: (B, n, H)."""
        h = F.relu(first)
        for layer, bias in zip(self.linears[1:-1], biases[1:-1], strict=True):
            h = F.relu(F.linear(h, layer.weight) + bias[:, None])
        outputs = self.linears[-1].weight.reshape(self.length, self.levels - 1, -1)[pixels]
        bias = biases[-1].reshape(-1, self.length, self.levels - 1)
        logits: Tensor = torch.einsum("bnh,bnkh->bnk", h, outputs)
        return logits + bias.gather(1, pixels[..., None].expand_as(logits))

    def joints(self, count: int | None) -> tuple[str, list[Joint]]:
        """One for each of so many random orders, whatever the order of the condition is."""
        count = ORDERS if count is None else count
        if count < 2:
            raise InputError(f"a mixture of an orderless NADE is one over 2 orders or more, not {count}")
        return "orders", [partial(self.log_prob_along, random_order(n)) for n in range(count)]

    def log_prob_along(self, order: str, symbols: Tensor, condition: Tensor) -> Tensor:
        """Of images whose symbols (B, D) are in the order of their condition, along another by name: float64 (B,)."""
        along = condition.clone()
        along[:, self.columns[ORDER]] = self.condition_tensor({ORDER: order})[:, self.columns[ORDER]]
        again = self.images(symbols, self.pixels(condition)).gather(1, self.pixels(along))
        return self.conditionals(again, along).double().log_prob(again).sum(1)

    def cached(self, condition: Tensor) -> CachedOrderlessNADE:
        return CachedOrderlessNADE(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.orderless_nade import CompiledOrderlessNADE

        return CompiledOrderlessNADE(self, condition)


def draw_known(rows: int, length: int, device: torch.device) -> Tensor:
    """For each row the first d - 1 variables of a random order, d uniform in 1 … length: bool (rows, length).

    One variable, the d-th, is picked. If each of the others is known with probability r, and r is uniform, then their
    number is uniform in 0 … length - 1 and all sets of one number are equally likely: there is nothing to sort. The r
    of all rows lie at even distances from a random start.
    """
    rates = (torch.rand(1, device=device) + torch.arange(rows, device=device) / rows) % 1
    known = torch.rand(rows, length, device=device) < rates[:, None]
    return known.scatter_(1, torch.randint(length, (rows, 1), device=device), False)


class CachedOrderlessNADE(SnapshotDecoder):
    """The first layer's running sum: a symbol costs O(H), a conditional the layers above it, O(H^2) each."""

    engine = "cached"
    model: OrderlessNADE

    @torch.inference_mode()
    def __init__(self, model: OrderlessNADE, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._added = model.added()
        self._pixels = model.pixels(condition)
        self._biases = model.biases(condition)
        self._a = self._biases[0]
        self._keep(0)

    @torch.inference_mode()
    def peek(self) -> Categorical:
        pixels = self._pixels[:, self.step, None]
        return Categorical.beside_zero(self.model.logits_at(pixels, self._a[:, None], self._biases)[:, 0])

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        symbols = torch.from_numpy(column).to(self._a.device)
        self._a = self._a + self._added[self._pixels[:, self.step] * self.model.levels + symbols]
        self._keep(self.step + 1)

    def _state(self) -> Tensor:
        return self._a  # which is replaced by every push, and never changed

    def _restore(self, state: Tensor) -> None:
        self._a = state

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        index = torch.tensor(rows, device=self._a.device)
        self._a, self._pixels = self._a[index], self._pixels[index]
        self._biases = tuple(bias[index] for bias in self._biases)
        self._snapshots = {step: state[index] for step, state in self._snapshots.items()}
