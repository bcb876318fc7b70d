"""The decoder-only Transformer on texts.

Paper: A. Vaswani, N. Shazeer, N. Parmar, J. Uszkoreit, L. Jones, A. N. Gomez, L. Kaiser, I. Polosukhin, "Attention Is
All You Need", 2017 (arXiv:1706.03762), sections 3.1 to 3.3: of the two halves of its figure 1 the right one, without
what it hears from the left one, as P. Liu et al., "Generating Wikipedia by Summarizing Long Sequences", 2018.

Every position asks all those before it: its query q meets each key k in the scaled product q . k / sqrt(d), a softmax
over them says how much of each value v is heard (equation 1), and several heads do so side by side, each in a part of
the channels. A network of two layers at each position follows. Both add to a stream of features that runs past them
from the embedding of the previous symbol to the softmax over the next one.

Nothing in that tells which position is which. J. Su et al., "RoFormer: Enhanced Transformer with Rotary Position
Embedding", 2021 (arXiv:2104.09864), equation 15, turn the query and the key of a position, in planes of two channels
each, by angles that grow with the position; their product then depends on how far apart the two are, and on nothing
else. And each position asks the ``context`` last ones only (I. Beltagy et al., "Longformer", 2020, section 3.1, the
sliding window). So a text may grow for ever: the network is nowhere asked about a distance that it has not learned,
and a decoder has to remember the keys and values of one context. Through several layers it hears further: what is
heard has itself heard.

Deviations from the papers:
- Norms stand before attention and network instead of behind them, so that the stream runs straight through (R. Xiong et
  al., "On Layer Normalization in the Transformer Architecture", 2020). They divide by the root mean square alone (B.
  Zhang, R. Sennrich, 2019) and have no gains, which the weights after them can hold. Nothing has a bias.
- GELU in place of ReLU, in the form with tanh (D. Hendrycks, K. Gimpel, 2016). The last layer has weights of its own.
- Before the first symbol stands the one that closes a text, whether or not a text is closed by it.
- The condition is an embedding that is added to that of every symbol: within a long text a beginning that says it would
  fall out of the context.
- Dropout is on what is added to the stream, and not on the weights of the attention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import Symbols
from models.conditional import Categorical
from models.decoder import Decoder
from models.errors import InputError
from models.layers.rotary import turned, turns
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.sizes import check_share, check_sizes, config_of
from models.text import TextChain

WIDER = 4
"""How many times as wide as the stream the network at each position is."""
EMBEDDING_SPREAD = 0.05
NORM_FLOOR = 1e-6
"""Of a mean square."""


@dataclass(frozen=True)
class TransformerConfig:
    """width: channels of the stream. context: positions that each one asks, itself among them.

    dropout: the share that training hides of what is added to the stream.
    """

    layers: int
    width: int
    heads: int
    context: int
    dropout: float

    def __post_init__(self) -> None:
        check_sizes(
            "Transformer",
            layers=(self.layers, 200),
            width=(self.width, 8192),
            heads=(self.heads, 1024),
            context=(self.context, 65536),
        )
        if self.width % (2 * self.heads):
            raise InputError(f"width of a Transformer is a multiple of twice its {self.heads} heads, not {self.width}")
        check_share("Transformer", "dropout", self.dropout)


def banded_attention(q: Tensor, k: Tensor, v: Tensor, context: int) -> Tensor:
    """What each position hears of the ``context`` last ones, itself among them: (B, H, T, d), all three and the result.

    By chunks as long as the context, of which each hears itself and the one before: linear in T.
    """
    rows, steps = q.shape[:2], q.shape[2]
    if steps <= context:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    # (B * H, chunks, context, d)
    whole = (F.pad(x, (0, 0, 0, -steps % context)).flatten(0, 1) for x in (q, k, v))
    q, k, v = (torch.unflatten(x, 1, (-1, context)) for x in whole)
    first = F.scaled_dot_product_attention(q[:, :1], k[:, :1], v[:, :1], is_causal=True)
    asking, asked = torch.arange(context, 2 * context, device=q.device), torch.arange(2 * context, device=q.device)
    ago = asking[:, None] - asked
    k, v = (torch.cat([x[:, :-1], x[:, 1:]], 2) for x in (k, v))
    others = F.scaled_dot_product_attention(q[:, 1:], k, v, attn_mask=(ago >= 0) & (ago < context))
    return torch.unflatten(torch.cat([first, others], 1).flatten(1, 2)[:, :steps], 0, rows)


def normed(x: Tensor) -> Tensor:
    """Features (…, C) with a mean square of one."""
    return F.rms_norm(x, x.shape[-1:], eps=NORM_FLOOR)


class Block(nn.Module):
    """Attention, and a network at each position: both add to the stream (B, T, C)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.context = config.heads, config.context
        self.ask = nn.Linear(width, 3 * width, bias=False)
        """Queries, keys and values of all heads."""
        self.hear = nn.Linear(width, width, bias=False)
        self.widen = nn.Linear(width, WIDER * width, bias=False)
        self.narrow = nn.Linear(WIDER * width, width, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def asked(self, x: Tensor, cosines: Tensor, sines: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys, turned, and values, (B, H, T, d) each, of the stream (B, T, C)."""
        q, k, v = self.ask(normed(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return turned(q, cosines, sines), turned(k, cosines, sines), v

    def added(self, x: Tensor, heard: Tensor) -> Tensor:
        """The stream (B, T, C) after both have added to it; heard: by the heads, (B, H, T, d)."""
        x = x + self.dropout(self.hear(heard.transpose(1, 2).flatten(2)))
        inner = F.gelu(self.widen(normed(x)), approximate="tanh")
        both: Tensor = x + self.dropout(self.narrow(inner))
        return both

    def forward(self, x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        heard = banded_attention(*self.asked(x, cosines, sines), self.context)
        return self.added(x, heard)


class Transformer(AutoregressiveModel):
    """A softmax over the characters of a text, and its end where there is one."""

    architecture = "transformer"
    family = "attention"
    title = "Transformer"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, TextChain):
            raise InputError("a Transformer of this file models texts")
        self.config = config_of(TransformerConfig, spec.config, "a Transformer")
        width, levels = self.config.width, spec.chain.alphabet.levels
        self.start_symbol = levels
        """The one that closes a text, too, and is there even if none does: so the weights fit texts of both kinds."""
        self.embedding = nn.Embedding(levels + 1, width)
        self.condition = FactorEmbeddings(spec.factors, width)
        self.dropout = nn.Dropout(self.config.dropout)
        self.blocks = nn.ModuleList(Block(self.config) for _ in range(self.config.layers))
        self.out = nn.Linear(width, levels + 1, bias=False)
        self._begin_small()

    @torch.no_grad()
    def _begin_small(self) -> None:
        """What is added to the stream is nothing at first, and all symbols are equally likely."""
        nn.init.normal_(self.embedding.weight, std=EMBEDDING_SPREAD)
        nn.init.zeros_(self.out.weight)
        for block in self.blocks:
            for layer in (cast(Block, block).hear, cast(Block, block).narrow):
                nn.init.zeros_(layer.weight)

    @property
    def receptive_field(self) -> int:
        return self.config.layers * (self.config.context - 1) + 1

    @property
    def refilled(self) -> int:
        """So many positions before a step a decoder begins anew: that step, and any a context back, then is right."""
        return self.receptive_field + self.config.context

    def turns(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines (T, d / 2) of the angles of positions (T,), which may be large: float64 keeps digits."""
        return turns(positions, self.config.width // self.config.heads // 2, self.out.weight.dtype)

    def begun(self, before: Tensor, condition: Tensor) -> Tensor:
        """The stream (B, T, C) before the first block, of the symbols before each step (B, T)."""
        begun: Tensor = self.dropout(self.embedding(before) + self.condition(condition)[:, None])
        return begun

    def distribution(self, x: Tensor) -> Categorical:
        """The conditionals after the stream (…, C) behind the last block."""
        return Categorical(self.out(normed(x))[..., : self.chain.alphabet.size])

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        x = self.begun(F.pad(symbols, (1, 0), value=self.start_symbol)[:, :-1], condition)
        turns = self.turns(torch.arange(symbols.shape[1], device=symbols.device))
        for block in self.blocks:
            x = block(x, *turns)
        return self.distribution(x)

    def cached(self, condition: Tensor) -> Decoder:
        return CachedTransformer(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.transformer import CompiledTransformer

        return CompiledTransformer(self, condition)


class CachedTransformer(Decoder):
    """Keys and values of the last positions, in rings twice as long as the context: a step costs one position.

    A position is computed when somebody peeks. A step back of up to a context finds what it needs in the rings. For one
    further back, and after a long beginning that was told, the rings are filled anew, from so far before as the network
    hears: what is not known there reaches nothing that counts, and the rest comes out as it was, bit for bit.
    """

    engine = "cached"

    def __init__(self, model: Transformer, condition: Tensor) -> None:
        super().__init__(model, condition)
        config = model.config
        self._network, self._context, self._size = model, config.context, 2 * config.context
        shape = (2, config.layers, self.rows, config.heads, self._size, config.width // config.heads)
        self._rings = torch.zeros(shape, dtype=model.out.weight.dtype, device=condition.device)
        """(2, L, B, H, ring, d): keys and values."""
        self._begin(0)

    def _beginning(self, step: int) -> int:
        """From where the rings are filled anew, for this step and those up to a context before it."""
        return max(0, step - self._network.refilled)

    def _begin(self, step: int) -> None:
        self._first = step
        """The position that the rings were filled from."""
        self._kept = self._first
        """The first one that they still hold."""
        self._at = self._first
        """The next one to be computed; ``_outputs`` are of the one before."""

    @torch.inference_mode()
    def peek(self) -> Categorical:
        if self.step - self._at > self._network.refilled:
            self._begin(self._beginning(self.step))
        for position in range(self._at, self.step + 1):
            self._compute(position)
        self._at = self.step + 1
        return Categorical(self._outputs)

    def _compute(self, position: int) -> None:
        model, device = self._network, self._rings.device
        before = self._symbols[:, position - 1] if position else np.full(self.rows, model.start_symbol)
        x = model.begun(torch.from_numpy(before.astype(np.int64)).to(device)[:, None], self.condition)
        turns = model.turns(torch.tensor([position], device=device))
        asked = torch.arange(max(self._first, position + 1 - self._context), position + 1, device=device) % self._size
        for block, rings in zip(model.blocks, self._rings.unbind(1), strict=True):
            q, *new = cast(Block, block).asked(x, *turns)
            rings[:, :, :, position % self._size] = torch.stack(new)[:, :, :, 0]
            x = cast(Block, block).added(x, F.scaled_dot_product_attention(q, *rings.index_select(3, asked)))
        self._kept = max(self._kept, position + 1 - self._size)
        self._outputs = model.distribution(x[:, 0]).logits

    def _push(self, column: Symbols) -> None:
        pass

    def _rewind(self, step: int) -> None:
        held = self._kept <= max(0, step + 1 - self._context)
        right = self._first == 0 or self._first <= step - self._network.receptive_field
        if held and right:
            self._at = min(self._at, step)
        else:
            self._begin(self._beginning(step))

    def back(self, step: int) -> None:
        self.rewind(step)
        self.step = min(step, self._at)

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        self._rings = self._rings[:, :, rows]
        self._at = min(self._at, self.step)
