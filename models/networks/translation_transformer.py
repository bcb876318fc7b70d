"""The Transformer with encoder and decoder: a text is translated while its writer looks at any part of the source.

Paper: A. Vaswani, N. Shazeer, N. Parmar, J. Uszkoreit, L. Jones, A. Gomez, L. Kaiser, I. Polosukhin, "Attention Is All
You Need", 2017 (arXiv:1706.03762), section 3 and figure 1.

The *encoder* makes a column of features for each character of the source: in each layer every character looks at all
others, then a small network works on each by itself. The *decoder* writes the target: in each layer a character looks
at those before it, then at the columns of the source (*cross-attention*), then works by itself. What it looked at in
the source while it wrote, ``attention`` tells: often that is the word it was translating.

Time is quadratic in the lengths where a ByteNet's is linear; but a source word, however far away, is one step away.
A walk keeps the keys and values of what is written, and those of the source from its beginning on: so each step is
computed once, and looks back on all before it.

Deviations from the paper:
- Positions are told by turning queries and keys (rotary embeddings, see ``layers.rotary``), not by adding sines to
  the inputs; in the cross-attention, too, where t - s is how far the target is ahead of the source.
- The norm stands before each layer, not after it, and once more at the end: training then needs no long warm-up.
- Symbols are characters; the embeddings of both languages and the output share no weights.
- The source ends in a symbol of its own, which is there to be looked at where nothing else is: also of an empty text.
- Sizes are the recipe's, and a fraction of the paper's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import Symbols
from models.conditional import Categorical
from models.decoder import Decoder
from models.errors import InputError
from models.layers.rotary import turned, turns
from models.layers.source import source_factor, source_symbols
from models.model import AutoregressiveModel, ModelSpec
from models.sizes import check_share, check_sizes, config_of
from models.text import TextChain


@dataclass(frozen=True)
class TranslationTransformerConfig:
    """channels: of a place. heads: of each attention. encoder, decoder: layers. hidden: units of each small network.

    dropout: the share of units that training leaves out of what each layer adds.
    """

    channels: int
    heads: int
    encoder: int
    decoder: int
    hidden: int
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_sizes(
            "translation Transformer", channels=(self.channels, 4096), heads=(self.heads, 256),
            encoder=(self.encoder, 200), decoder=(self.decoder, 200), hidden=(self.hidden, 16384),
        )  # fmt: skip
        check_share("translation Transformer", "dropout", self.dropout)
        if self.channels % (2 * self.heads):
            raise InputError(
                f"channels of a translation Transformer are an even number for each of its heads, "
                f"not {self.channels} for {self.heads}"
            )


Turns = tuple[Tensor, Tensor]
"""Of the positions of some places, see ``layers.rotary``."""
Pair = tuple[Tensor, Tensor]
"""Keys and values, each (B, heads, places, C)."""


class Attention(nn.Module):
    """Queries of some places look at keys and take the mean of values, by ``heads`` heads of C channels each."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels, bias=False)
        self.key_value = nn.Linear(channels, 2 * channels, bias=False)
        self.out = nn.Linear(channels, channels)

    def queries(self, x: Tensor, by: Turns) -> Tensor:
        """Of places (B, T, channels): (B, heads, T, C)."""
        return turned(self._by_head(self.query(x)), *by)

    def keys_values(self, x: Tensor, by: Turns) -> Pair:
        """Of places (B, S, channels)."""
        keys, values = self.key_value(x).chunk(2, -1)
        return turned(self._by_head(keys), *by), self._by_head(values)

    def weights(self, queries: Tensor, keys: Tensor, seen: Tensor | None) -> Tensor:
        """How much each query looks at each key: (B, heads, T, S), positive, summing to 1 over S.

        seen: bool, to be broadcast to that shape, at least one key of each query; None: all.
        """
        scores = queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1])
        return torch.softmax(scores if seen is None else scores.masked_fill(~seen, -math.inf), -1)

    def taken(self, weights: Tensor, values: Tensor) -> Tensor:
        """What the queries take away: (B, T, channels)."""
        result: Tensor = self.out((weights.to(values.dtype) @ values).transpose(1, 2).flatten(2))
        return result

    def _by_head(self, x: Tensor) -> Tensor:
        return torch.unflatten(x, -1, (self.heads, -1)).transpose(1, 2)


class FeedForward(nn.Module):
    """The small network of two layers, at each place by itself."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels, hidden)
        self.out = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.out(F.relu(self.hidden(x)))
        return result


class EncoderLayer(nn.Module):
    """Every place of the source (B, S, channels) looks at all that there are; seen: bool (B, 1, 1, S)."""

    def __init__(self, config: TranslationTransformerConfig) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(config.channels) for _ in range(2))
        self.attention = Attention(config.channels, config.heads)
        self.feed_forward = FeedForward(config.channels, config.hidden)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, by: Turns, seen: Tensor) -> Tensor:
        normal = self.norms[0](x)
        keys, values = self.attention.keys_values(normal, by)
        weights = self.attention.weights(self.attention.queries(normal, by), keys, seen)
        x = x + self.dropout(self.attention.taken(weights, values))
        added: Tensor = self.dropout(self.feed_forward(self.norms[1](x)))
        return x + added


class DecoderLayer(nn.Module):
    """Places of the target look at what was written before them and then at the source."""

    def __init__(self, config: TranslationTransformerConfig) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(config.channels) for _ in range(3))
        self.attention = Attention(config.channels, config.heads)
        self.cross = Attention(config.channels, config.heads)
        self.feed_forward = FeedForward(config.channels, config.hidden)
        self.dropout = nn.Dropout(config.dropout)

    def own(self, x: Tensor, by: Turns) -> tuple[Tensor, Tensor]:
        """Keys and values (B, heads, T, C) of places (B, T, channels), which they and later ones look at."""
        return self.attention.keys_values(self.norms[0](x), by)

    def forward(
        self, x: Tensor, by: Turns, own: Pair, written: Tensor | None, source: Pair, seen: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The places after this layer, and how much they looked at the source, (B, heads, T, S).

        own: of all places up to these, see ``own``; written: bool (T, T), which of them each place may look
        at; None: all.
        source: keys and values of the source; seen: bool (B, 1, 1, S), which there are.
        """
        weights = self.attention.weights(self.attention.queries(self.norms[0](x), by), own[0], written)
        x = x + self.dropout(self.attention.taken(weights, own[1]))
        looked = self.cross.weights(self.cross.queries(self.norms[1](x), by), source[0], seen)
        x = x + self.dropout(self.cross.taken(looked, source[1]))
        return x + self.dropout(self.feed_forward(self.norms[2](x))), looked


class TranslationTransformer(AutoregressiveModel):
    """Texts given a source text."""

    architecture = "translation_transformer"
    family = "attention"
    title = "Transformer, encoder and decoder"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, TextChain):
            raise InputError("a translation Transformer writes texts")
        config = self.config = config_of(TranslationTransformerConfig, spec.config, "a translation Transformer")
        self.source = source_factor(spec.factors, "a translation Transformer")
        self.end, self.start_symbol = self.source.alphabet.levels, spec.chain.alphabet.size
        self.source_embedding = nn.Embedding(self.end + 1, config.channels)
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder))
        self.source_norm = nn.LayerNorm(config.channels)
        self.target_embedding = nn.Embedding(self.start_symbol + 1, config.channels)
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder))
        self.norm = nn.LayerNorm(config.channels)
        self.out = nn.Linear(config.channels, spec.chain.alphabet.size)

    @property
    def layers(self) -> list[DecoderLayer]:
        """Of the decoder."""
        return [cast(DecoderLayer, layer) for layer in self.decoder]

    def encoded(self, condition: Tensor) -> tuple[list[Pair], Tensor]:
        """What each layer of the decoder looks at of the source texts in a condition (B, F), and the places there are.

        The end of a text is a place; the latter is bool (B, 1, 1, S).
        """
        places = int(condition[:, 0].max()) + 1
        symbols, lengths = source_symbols(condition, places, self.end)
        positions = torch.arange(places, device=condition.device)
        seen = (positions <= lengths[:, None])[:, None, None]
        x, by = self.source_embedding(symbols), self.turns(positions)
        for layer in self.encoder:
            x = layer(x, by, seen)
        columns = self.source_norm(x)
        return [layer.cross.keys_values(columns, by) for layer in self.layers], seen

    def turns(self, positions: Tensor) -> Turns:
        """Of positions (T,)."""
        return turns(positions, self.config.channels // self.config.heads // 2, self.out.weight.dtype)

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        return Categorical(self.out(self.norm(self._decoded(symbols, condition)[0])))

    @torch.inference_mode()
    def attention(self, symbols: Tensor, condition: Tensor) -> Tensor:
        """See ``AutoregressiveModel.attention``; the later layers follow the words more closely."""
        return torch.stack(self._decoded(symbols, condition)[1], 1)

    def _decoded(self, symbols: Tensor, condition: Tensor) -> tuple[Tensor, list[Tensor]]:
        """All places after the last layer, and how much they looked at the source in each."""
        sources, seen = self.encoded(condition)
        positions = torch.arange(symbols.shape[1], device=symbols.device)
        written, by = positions <= positions[:, None], self.turns(positions)
        x, looks = self.target_embedding(F.pad(symbols, (1, 0), value=self.start_symbol)[:, :-1]), []
        for layer, source in zip(self.layers, sources, strict=True):
            x, looked = layer(x, by, layer.own(x, by), written, source, seen)
            looks.append(looked)
        return x, looks

    def cached(self, condition: Tensor) -> Decoder:
        return CachedTranslationTransformer(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.translation_transformer import CompiledTranslationTransformer

        return CompiledTranslationTransformer(self, condition)


class CachedTranslationTransformer(Decoder):
    """Keys and values of the source, made once, and of all that is written, to which a step adds its own.

    They stay where they are when a walk goes on, so that to rewind is to forget the later ones.
    """

    engine = "cached"
    model: TranslationTransformer

    FIRST_ROOM = 64
    """Steps that there is room for at first; it doubles."""

    @torch.inference_mode()
    def __init__(self, model: TranslationTransformer, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._sources, self._seen = model.encoded(condition)
        heads, channels = model.config.heads, model.config.channels
        like = self._sources[0][0]
        layers = len(model.layers)
        self._own = like.new_zeros(layers, 2, self.rows, heads, self.FIRST_ROOM, channels // heads)
        self._logits = like.new_zeros(self.rows, self.FIRST_ROOM, model.chain.alphabet.size)
        self._compute(torch.full((self.rows,), model.start_symbol, device=condition.device), 0)

    @torch.inference_mode()
    def peek(self) -> Categorical:
        return Categorical(self._logits[:, self.step].clone())

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        self._compute(torch.from_numpy(column).to(self._own.device), self.step + 1)

    def _compute(self, before: Tensor, step: int) -> None:
        """What there is to know of ``step`` after the symbols before it (B,), which for step 0 are start symbols."""
        if step >= self._own.shape[4]:
            room = self._own.shape[4]
            self._own = F.pad(self._own, (0, 0, 0, room))
            self._logits = F.pad(self._logits, (0, 0, 0, room))
        by = self.model.turns(torch.tensor([step], device=self._own.device))
        x = self.model.target_embedding(before.long())[:, None]
        for n, layer in enumerate(self.model.layers):
            for kept, new in zip(self._own[n], layer.own(x, by), strict=True):
                kept[:, :, step] = new[:, :, 0]
            own = self._own[n, 0, :, :, : step + 1], self._own[n, 1, :, :, : step + 1]
            x, _ = layer(x, by, own, None, self._sources[n], self._seen)
        self._logits[:, step] = self.model.out(self.model.norm(x))[:, 0]

    def _rewind(self, step: int) -> None:
        pass

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        self._sources = [(keys[rows], values[rows]) for keys, values in self._sources]
        self._seen, self._logits = self._seen[rows], self._logits[rows]
        self._own = self._own[:, :, rows]
