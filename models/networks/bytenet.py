"""ByteNet: a text is translated character by character, in a time that is linear in its length.

Paper: N. Kalchbrenner, L. Espeholt, K. Simonyan, A. van den Oord, A. Graves, K. Kavukcuoglu, "Neural Machine
Translation in Linear Time", 2016 (arXiv:1610.10099), section 3.

Two stacks of dilated convolutions stand on one another. The *encoder* looks at the source both ways and makes a column
of features for each of its characters. The *decoder*, a stack of masked convolutions, writes the target, and at its
step t sees the encoder's column t, besides its own past: there is no attention and no vector that the whole sentence
has to fit into (figure 1). What is needed of the source elsewhere, since words change their places, the convolutions
have to carry there; their reach grows exponentially with their number, as in a WaveNet.

A target may be longer than its source. So the source is padded to a width of

    |t^| = a |s| + b                                                        (section 3.2, *dynamic unfolding*)

columns, a and b such that almost no target of the training part is longer. The target ends where its stop symbol
comes, be it before or behind that: steps behind it see no column.

Each block is residual (figure 3, left, the one of ReLUs, which the paper has for translation):

    x + W_3 relu(norm(W_2 * relu(norm(W_1 relu(norm(x))))))        W_1: 2d to d; W_2 *: 3 taps, dilated; W_3: d to 2d

The norm is one over the channels of a place alone: one over places would see what is not yet written.

Deviations from the paper:
- It has thirty blocks of 800 channels for sentences of any length; sizes here are the recipe's.
- In its first version the input is a bag of character n-grams; here it is the characters.
- The concatenation of column and target character is a sum: of embeddings that are learned it can be as much.
- Columns outside of 0 … |t^| are zero in every block, so that a text is translated the same whatever is beside it in a
  batch; that is, the padding up to |t^| is a symbol, and what a batch needs beyond is nothing.
- Each convolution is a matrix product over shifted copies, time being the second axis and channels the last.
- There is dropout before the last product of a block, since the data are few.
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
from models.decoder import Decoder, SnapshotDecoder
from models.errors import InputError
from models.layers.source import source_factor, source_symbols
from models.model import AutoregressiveModel, ModelSpec
from models.sizes import check_list, check_share, check_sizes, config_of
from models.text import TextChain

MOST_COLUMNS = 4096


@dataclass(frozen=True)
class ByteNetConfig:
    """channels: d, of which the residual path has 2 d. encoder, decoder: dilations, one for each block.

    slope, offset: a and b of |t^| = a |s| + b. dropout: the share of units that training leaves out.
    """

    channels: int
    encoder: tuple[int, ...]
    decoder: tuple[int, ...]
    slope: float
    offset: float
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_sizes("ByteNet", channels=(self.channels, 4096))
        for stack in ("encoder", "decoder"):
            what = f"{stack} of a ByteNet is"
            check_list(what, getattr(self, stack), longest=200, most=65536, each="the dilation of each block")
        for name, value in (("slope", self.slope), ("offset", self.offset)):
            if type(value) not in (int, float) or not 0 <= value <= 100:
                raise InputError(f"{name} of a ByteNet is a number in 0 … 100, not {value!r}")
        check_share("ByteNet", "dropout", self.dropout)


class ResidualBlock(nn.Module):
    """One block over places (B, T, 2d). taps: how far back each of its three taps looks; ahead where it is negative."""

    def __init__(self, channels: int, taps: tuple[int, int, int], dropout: float) -> None:
        super().__init__()
        self.taps = taps
        self.norms = nn.ModuleList(nn.LayerNorm(size) for size in (2 * channels, channels, channels))
        self.narrow = nn.Linear(2 * channels, channels)
        self.convolution = nn.Linear(3 * channels, channels)
        self.widen = nn.Linear(channels, 2 * channels)
        self.dropout = dropout

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """present: (B, T, 1), 1 at the places that there are, else 0; None: all."""
        seen = self.seen(x)
        if present is not None:
            seen = seen * present
        return self.after(x, torch.cat([shifted(seen, tap) for tap in self.taps], -1))

    def seen(self, x: Tensor) -> Tensor:
        """What the taps see of places (…, 2d): (…, d)."""
        seen: Tensor = F.relu(self.norms[1](self.narrow(F.relu(self.norms[0](x)))))
        return seen

    def after(self, x: Tensor, seen: Tensor) -> Tensor:
        """The outputs (…, 2d) of places and of what their three taps see, (…, 3d)."""
        hidden = F.relu(self.norms[2](self.convolution(seen)))
        added: Tensor = self.widen(F.dropout(hidden, self.dropout, self.training))
        return x + added


def shifted(x: Tensor, back: int) -> Tensor:
    """At each place of (B, T, C) what is so many places before it, zero where there is none."""
    steps = x.shape[1]
    return F.pad(x, (0, 0, back, 0))[:, :steps] if back >= 0 else F.pad(x, (0, 0, 0, -back))[:, -back:]


class ByteNet(AutoregressiveModel):
    """Texts given a source text."""

    architecture = "bytenet"
    family = "dilated convolution"
    title = "ByteNet"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, TextChain):
            raise InputError("a ByteNet writes texts")
        self.config = config_of(ByteNetConfig, spec.config, "a ByteNet")
        self.source = source_factor(spec.factors, "a ByteNet")
        if self.width(self.source.max_length) > MOST_COLUMNS:
            raise InputError(
                f"a ByteNet has at most {MOST_COLUMNS} columns; slope and offset make "
                f"{self.width(self.source.max_length)} of {self.source.max_length} characters"
            )
        for length in (1, self.source.max_length):
            if self.width(length) < length:
                raise InputError(
                    f"slope and offset of a ByteNet leave {self.width(length)} columns for {length} characters"
                )
        d, dropout = self.config.channels, self.config.dropout
        self.end, self.start_symbol = self.source.alphabet.levels, spec.chain.alphabet.size
        self.source_embedding = nn.Embedding(self.end + 1, 2 * d)
        self.encoder = nn.ModuleList(ResidualBlock(d, (n, 0, -n), dropout) for n in self.config.encoder)
        self.target_embedding = nn.Embedding(self.start_symbol + 1, 2 * d)
        self.decoder = nn.ModuleList(ResidualBlock(d, (2 * n, n, 0), dropout) for n in self.config.decoder)
        self.norm = nn.LayerNorm(2 * d)
        self.head = nn.Linear(2 * d, 2 * d)
        self.out = nn.Linear(2 * d, spec.chain.alphabet.size)

    @property
    def receptive_field(self) -> int:
        """In the target; of the source each step may see all that the encoder reaches."""
        return 1 + 2 * sum(self.config.decoder)

    def width(self, length: int) -> int:
        """|t^| of a source of so many characters."""
        return math.ceil(self.config.slope * length + self.config.offset)

    def columns_of(self, condition: Tensor) -> Tensor:
        """The encoder's columns (B, W, 2d) of the source texts in a condition (B, F); zero behind each text's width."""
        width = self.width(int(condition[:, 0].max()))
        symbols, lengths = source_symbols(condition, width, self.end)
        # In float64, as ``width`` has it: 1.2 * 5 must be 6 here, too.
        widths = (self.config.slope * lengths.double() + self.config.offset).ceil()
        present = (torch.arange(width, device=condition.device) < widths[:, None])[..., None].to(self.norm.weight.dtype)
        x = self.source_embedding(symbols)
        for block in self.encoder:
            x = block(x, present)
        encoded: Tensor = x * present
        return encoded

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        return self.conditionals_from(0, symbols, condition)

    def conditionals_from(self, start: int, symbols: Tensor, condition: Tensor) -> Categorical:
        columns, end = self.columns_of(condition), start + symbols.shape[1]
        before = F.pad(symbols, (1, 0), value=self.start_symbol)[:, :-1]
        x = self.target_embedding(before) + F.pad(columns, (0, 0, 0, max(0, end - columns.shape[1])))[:, start:end]
        for block in self.decoder:
            x = block(x)
        return self.distribution(x)

    def distribution(self, x: Tensor) -> Categorical:
        """The conditionals of the decoder's outputs (…, 2d)."""
        return Categorical(self.out(F.relu(self.head(F.relu(self.norm(x))))))

    def cached(self, condition: Tensor) -> Decoder:
        return CachedByteNet(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.bytenet import CompiledByteNet

        return CompiledByteNet(self, condition)


class CachedByteNet(SnapshotDecoder):
    """The columns, and of each block the last places that its taps reach, in a ring: a step costs what is new.

    The rings of all blocks lie in one tensor, of which that of a block of dilation n has 2 n places.
    """

    engine = "cached"
    model: ByteNet

    @torch.inference_mode()
    def __init__(self, model: ByteNet, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._columns = model.columns_of(condition)
        sizes = [2 * dilation for dilation in model.config.decoder]
        self._firsts = [sum(sizes[:n]) for n in range(len(sizes))]
        self._rings = self._columns.new_zeros(sum(sizes), self.rows, model.config.channels)
        self._compute(torch.full((self.rows,), model.start_symbol, device=condition.device), 0)
        self._keep(0)

    @torch.inference_mode()
    def peek(self) -> Categorical:
        return self.model.distribution(self._outputs)

    @property
    def max_snapshots(self) -> int:
        return self.snapshots_within(self._rings.nbytes)

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        self._compute(torch.from_numpy(column).to(self._rings.device), self.step + 1)
        self._keep(self.step + 1)

    def _compute(self, before: Tensor, step: int) -> None:
        """The outputs for ``step`` after the symbols before it (B,), which for step 0 are start symbols."""
        x = self.model.target_embedding(before.long())
        if step < self._columns.shape[1]:
            x = x + self._columns[:, step]
        for module, first in zip(self.model.decoder, self._firsts, strict=True):
            block = cast(ResidualBlock, module)
            farthest, dilation, _ = block.taps
            oldest, older = (first + (step - tap) % farthest for tap in (farthest, dilation))
            seen = block.seen(x)
            x = block.after(x, torch.cat([self._rings[oldest], self._rings[older], seen], -1))
            self._rings[oldest] = seen
        self._outputs = x

    def _state(self) -> tuple[Tensor, Tensor]:
        return self._rings.clone(), self._outputs

    def _restore(self, state: tuple[Tensor, Tensor]) -> None:
        self._rings, self._outputs = state[0].clone(), state[1]

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        chosen = torch.tensor(rows, device=self._rings.device)
        self._columns = self._columns[chosen]
        self._snapshots = {
            step: (rings.index_select(1, chosen), outputs[chosen]) for step, (rings, outputs) in self._snapshots.items()
        }
        self._rings, self._outputs = self._rings.index_select(1, chosen), self._outputs[chosen]
