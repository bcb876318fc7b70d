"""GPT-2, and ImageGPT, which is the same network on images: as other programs save them, to be looked into here.

Papers: A. Radford, J. Wu, R. Child, D. Luan, D. Amodei, I. Sutskever, "Language Models are Unsupervised Multitask
Learners", 2019, section 2.3. M. Chen, A. Radford, R. Child, J. Wu, H. Jun, D. Luan, I. Sutskever, "Generative
Pretraining from Pixels", 2020, sections 2.2 and 3.3.

A decoder-only Transformer, see ``transformer``: every position asks all those before it and itself, by scaled dot
products, and a network of two layers follows; norms stand before both, and one more behind the last block. Where a
position is, is an embedding of its own that is added to that of the symbol, learned for each of so many positions: no
text can be longer. The weights that embed the symbols are, transposed, those that score the next one.

ImageGPT has no tied weights, norms that divide by the root mean square alone, another curve in place of GELU, and 512
colours in place of tokens.

The weights have the names and the layouts of the authors' code, where a matrix stands as (inputs, outputs), so that a
file of theirs reads as this one. Deviations from it:
- Before the first symbol stands a vector of its own, ``begin``, in place of a symbol: the embedding of the token that
  parts texts, or of the one that begins an image. A model that has neither gives the first symbol no conditional: it is
  uniform here, and the second one is the first that the network is asked for.
- No dropout: what is opened here was trained elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import ImageChain, Symbols
from models.conditional import Categorical
from models.decoder import Decoder
from models.errors import InputError
from models.model import AutoregressiveModel, ModelSpec
from models.sizes import check_sizes, config_of
from models.text import TextChain

SPREAD = 0.02
"""Of weights that nobody has trained."""
FIRST_ROOM = 256
"""Positions that a decoder has room for at first."""


def quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


_TANH_GELU = partial(F.gelu, approximate="tanh")
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_new": _TANH_GELU,
    "gelu_fast": _TANH_GELU,
    "gelu_pytorch_tanh": _TANH_GELU,
    "quick_gelu": quick_gelu,
    "relu": F.relu,
    "silu": F.silu,
    "swish": F.silu,
}
"""By the names that configurations have for them."""


@dataclass(frozen=True)
class GPT2Config:
    """width: channels of the stream. inner: of the network at each position. positions: that have an embedding.

    activation: one of ACTIVATIONS. epsilon: what norms add to a variance. centred: whether they take the mean away and
    have a bias. tied: whether the embedding scores, too. begins: whether something stands before the first symbol.
    scaled, scaled_by_layer: whether products of queries and keys are divided by sqrt(d), by the number of the layer.
    """

    layers: int
    width: int
    heads: int
    inner: int
    positions: int
    activation: str = "gelu_new"
    epsilon: float = 1e-5
    centred: bool = True
    tied: bool = True
    begins: bool = True
    scaled: bool = True
    scaled_by_layer: bool = False

    def __post_init__(self) -> None:
        check_sizes(
            "GPT-2",
            layers=(self.layers, 200),
            width=(self.width, 16384),
            heads=(self.heads, 1024),
            inner=(self.inner, 65536),
            positions=(self.positions, 65536),
        )
        if self.width % self.heads:
            raise InputError(f"width of a GPT-2 is a multiple of its {self.heads} heads, not {self.width}")
        if self.activation not in ACTIVATIONS:
            raise InputError(f"activation of a GPT-2 is one of {', '.join(ACTIVATIONS)}, not {self.activation!r}")
        if not isinstance(self.epsilon, float) or not 0 < self.epsilon < 1:
            raise InputError(f"epsilon of a GPT-2 is a number in 0 … 1, both excluded, not {self.epsilon!r}")
        for name in ("centred", "tied", "begins", "scaled", "scaled_by_layer"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} of a GPT-2 is true or false, not {getattr(self, name)!r}")

    def norm(self) -> nn.Module:
        return (nn.LayerNorm if self.centred else nn.RMSNorm)(self.width, self.epsilon)


class Conv1D(nn.Module):
    """A linear layer whose matrix stands as (inputs, outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


class Attention(nn.Module):
    def __init__(self, config: GPT2Config, layer: int) -> None:
        super().__init__()
        self.heads = config.heads
        self.scale = ((config.width // config.heads) ** -0.5 if config.scaled else 1.0) / (
            layer + 1 if config.scaled_by_layer else 1
        )
        self.c_attn = Conv1D(config.width, 3 * config.width)
        """Queries, keys and values of all heads."""
        self.c_proj = Conv1D(config.width, config.width)

    def asked(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, (B, H, T, d) each, of the stream behind its norm (B, T, C)."""
        q, k, v = self.c_attn(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return q, k, v

    def heard(self, q: Tensor, k: Tensor, v: Tensor, *, causal: bool) -> Tensor:
        """What is added to the stream, (B, T, C). causal: whether there are as many keys as queries, else all count."""
        by_heads = F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=self.scale)
        added: Tensor = self.c_proj(by_heads.transpose(1, 2).flatten(2))
        return added


class MLP(nn.Module):
    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.c_fc = Conv1D(config.width, config.inner)
        self.c_proj = Conv1D(config.inner, config.width)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.c_proj(self.activation(self.c_fc(x)))
        return out


class Block(nn.Module):
    """Attention, and a network at each position: both add to the stream (B, T, C)."""

    def __init__(self, config: GPT2Config, layer: int) -> None:
        super().__init__()
        self.ln_1, self.attn = config.norm(), Attention(config, layer)
        self.ln_2, self.mlp = config.norm(), MLP(config)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn.heard(*self.attn.asked(self.ln_1(x)), causal=True)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out

    def step(self, x: Tensor, memory: Tensor, position: int) -> Tensor:
        """As ``forward`` of one position (B, 1, C); memory: keys and values (2, B, H, room, d), to which it adds."""
        q, *new = self.attn.asked(self.ln_1(x))
        memory[:, :, :, position] = torch.stack(new)[:, :, :, 0]
        x = x + self.attn.heard(q, *memory[:, :, :, : position + 1], causal=False)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class GPT2(AutoregressiveModel):
    """A softmax over the tokens of a text, and its end where there is one; or over the colours of an image."""

    architecture = "gpt2"
    family = "attention"
    title = "GPT-2"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self.config = config_of(GPT2Config, spec.config, "a GPT-2")
        if not isinstance(spec.chain, TextChain | ImageChain) or spec.factors:
            raise InputError("a GPT-2 models texts or images, without conditions")
        if spec.chain.limit > self.config.positions:
            raise InputError(f"a GPT-2 of {self.config.positions} positions has no chain of {spec.chain.limit} steps")
        size, width = spec.chain.alphabet.size, self.config.width
        self.wte, self.wpe = nn.Embedding(size, width), nn.Embedding(self.config.positions, width)
        """Of the symbols, and of the positions."""
        self.begin = nn.Parameter(torch.empty(width)) if self.config.begins else None
        self.h = nn.ModuleList(Block(self.config, layer) for layer in range(self.config.layers))
        self.ln_f = self.config.norm()
        self.lm_head = nn.Linear(width, size, bias=False) if not self.config.tied else None
        for name, parameter in self.named_parameters():
            if "ln_" not in name:
                nn.init.normal_(parameter, std=SPREAD)

    def distribution(self, x: Tensor) -> Categorical:
        """The conditionals after the stream (…, C) behind the last block."""
        scores = self.wte if self.lm_head is None else self.lm_head
        return Categorical(F.linear(self.ln_f(x), scores.weight))

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        x = self.wte(symbols[:, :-1])
        if self.begin is not None:
            x = torch.cat([self.begin.expand(len(x), 1, -1), x], 1)
        x = x + self.wpe.weight[: x.shape[1]]
        for block in self.h if x.shape[1] else ():
            x = block(x)
        found = self.distribution(x)
        return found if self.begin is not None else Categorical(F.pad(found.logits, (0, 0, 1, 0)))

    def cached(self, condition: Tensor) -> Decoder:
        return CachedGPT2(self, condition)


class CachedGPT2(Decoder):
    """Keys and values of all positions so far: a step costs one position, computed when somebody peeks."""

    engine = "cached"

    def __init__(self, model: GPT2, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._network = model
        self._before = int(model.begin is not None)
        """Positions before that of the first symbol."""
        self._memory = self._room(min(FIRST_ROOM, model.config.positions))
        self._at = 0
        """The next position to be computed; ``_outputs`` are of the one before."""

    def _room(self, positions: int) -> Tensor:
        """For keys and values: (L, 2, B, H, positions, d)."""
        config, weight = self._network.config, self._network.wte.weight
        shape = (config.layers, 2, self.rows, config.heads, positions, config.width // config.heads)
        return torch.zeros(shape, dtype=weight.dtype, device=weight.device)

    @torch.inference_mode()
    def peek(self) -> Categorical:
        last = self.step + self._before - 1
        if last < 0:
            weight = self._network.wte.weight
            return Categorical(weight.new_zeros(self.rows, len(weight)))
        for position in range(self._at, last + 1):
            self._compute(position)
        self._at = last + 1
        return Categorical(self._outputs)

    def _compute(self, position: int) -> None:
        network, room = self._network, self._memory.shape[-2]
        if position == room:
            larger = self._room(min(2 * room, network.config.positions))
            larger[..., :room, :] = self._memory
            self._memory = larger
        if position < self._before:
            assert network.begin is not None
            x = network.begin.expand(self.rows, 1, -1)
        else:
            symbols = torch.from_numpy(self._symbols[:, position - self._before].astype("int64"))
            x = network.wte(symbols.to(self._memory.device))[:, None]
        x = x + network.wpe.weight[position]
        for block, memory in zip(network.h, self._memory, strict=True):
            x = cast(Block, block).step(x, memory, position)
        self._outputs = network.distribution(x[:, 0]).logits

    def _push(self, column: Symbols) -> None:
        pass

    def _rewind(self, step: int) -> None:
        self._at = min(self._at, max(0, step + self._before - 1))

    def _select(self, rows: list[int]) -> None:
        self._memory = self._memory[:, :, rows]
        self._at = min(self._at, max(0, self.step + self._before - 1))
