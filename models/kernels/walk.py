"""What compiled walks share: everything but the network's own step.

A kernel goes through a ``Block`` sample by sample, and has only to say what the conditional of a step is:

    for sample in range(block.symbols.shape[0]):
        for i in range(steps(block, sample)):
            …                                            # block.logits of step block.start + i
            if not take(block, sample, i):
                break

Samples share nothing but the weights, so that one alone and one in a batch agree bit for bit. What a network keeps of
the symbols it has seen, it finds by their position: a rewind says from where on it does not count any more.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.chain import DRAW, Symbols
from models.conditional import Categorical, Conditional
from models.decoder import Decoder, Drawn
from models.errors import InputError
from models.kernels.draw import draw_symbol
from models.kernels.jit import inlined
from models.model import AutoregressiveModel
from models.shaping import NEUTRAL, Shaping

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Block(NamedTuple):
    """n steps of B samples, of D variables with K symbols each."""

    symbols: Symbols
    """(B, D), of an open chain what there is room for: known before ``start``, from there on zeros. What is drawn is
    written there."""
    start: int
    active: Bools
    """(B,): samples that take part."""
    uniforms: Float64s
    """(B, n)"""
    clamps: Symbols
    """(B, n): symbols to take, DRAW where one is to be drawn."""
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    stop: int
    """The symbol that ends a sample; DRAW where there is none."""
    drawn: Symbols
    """(B, n), as are the next two: what happened."""
    surprise: Float32s
    entropy: Float32s
    following: Float64s
    """(B, K) for the logits of the step after the block, or (0, 0) where nobody looks at it."""
    logits: Float64s
    """(K,): where a network writes those of the present step. It and the next two have no meaning between steps."""
    probs: Float64s
    order: Int64s


@inlined
def steps(block: Block, sample: int) -> int:
    """How many conditionals of a sample are asked for."""
    if not block.active[sample]:
        return 0
    count: int = block.uniforms.shape[1] + (1 if block.following.shape[0] > 0 else 0)
    return count


@inlined
def take(block: Block, sample: int, i: int) -> bool:
    """Draws step i of a block from ``block.logits``, or keeps them for who looks; whether the sample goes on."""
    if i == block.uniforms.shape[1]:
        for k in range(block.logits.shape[0]):
            block.following[sample, k] = block.logits[k]
        return False
    symbol, surprise, entropy = draw_symbol(
        block.logits,
        block.probs,
        block.order,
        block.uniforms[sample, i],
        block.clamps[sample, i],
        block.temperature,
        block.top_k,
        block.top_p,
        block.min_p,
    )
    block.symbols[sample, block.start + i] = symbol
    block.drawn[sample, i] = symbol
    block.surprise[sample, i] = surprise
    block.entropy[sample, i] = entropy
    return symbol != block.stop


def array(tensor: Tensor) -> Float32s:
    """A tensor's values as a kernel reads them; those of a float32 parameter are not copied."""
    values: Float32s = tensor.detach().float().contiguous().numpy()
    return values


def check_symbols(model: AutoregressiveModel, symbols: Symbols, lowest: int = 0) -> None:
    """A kernel reads wherever it is told to: nothing but symbols may get there. Raises InputError.

    lowest: DRAW where a symbol may be left open.
    """
    size = model.chain.alphabet.size
    if symbols.size and not lowest <= symbols.min() <= symbols.max() < size:
        raise InputError(f"symbols lie in 0 … {size - 1}, not {symbols.min()} … {symbols.max()}")


def known_symbols(decoder: Decoder, prefix: npt.ArrayLike) -> Symbols:
    """What every row of a decoder is told, (B, n). Raises InputError for what is no symbols of so many rows."""
    symbols = np.asarray(prefix, np.int32)
    if symbols.ndim != 2 or symbols.shape[0] != decoder.rows:
        raise InputError(f"extend takes {decoder.rows} rows of symbols, not an array of shape {symbols.shape}")
    check_symbols(decoder.model, symbols)
    return symbols


State = TypeVar("State", bound=tuple[npt.NDArray[np.generic], ...])


def rows_of(state: State, rows: list[int]) -> State:
    """Copies of some rows of a named tuple of arrays (B, …)."""
    return type(state)(*(values[rows] for values in state))


class CompiledDecoder(Decoder):
    """The walk of a batch in one kernel call a block. A subclass has ``_walk``, ``_rewind`` and ``_select``."""

    engine = "compiled"

    def __init__(self, model: AutoregressiveModel, condition: Tensor) -> None:
        super().__init__(model, condition)
        if model.chain.length is not None:
            self._symbols = np.zeros((self.rows, model.chain.length), np.int32)

    @abstractmethod
    def _walk(self, block: Block) -> None:
        """Calls the kernel. It may have been told more symbols since it was last called, see ``Block.symbols``."""

    @torch.inference_mode()
    def peek(self) -> Conditional:
        self._make_room(1)
        block = self._block(np.empty((self.rows, 0)), NEUTRAL, look=True)
        self._walk(block)
        return Categorical(torch.from_numpy(block.following))

    def push(self, symbols: npt.ArrayLike) -> None:
        self._make_room(1)
        super().push(symbols)

    def begin_with(self, prefix: Symbols) -> int:
        check_symbols(self.model, prefix)
        return super().begin_with(prefix)

    def extend(self, prefix: npt.ArrayLike) -> None:
        symbols = known_symbols(self, prefix)
        self._make_room(symbols.shape[1])
        self._record(symbols)
        self.step += symbols.shape[1]
        if self.step != self.model.chain.length:
            self.peek()  # it works through what it was told now, and not in one go with all that is still to come

    def advance(
        self,
        uniforms: Float64s,
        shaping: Shaping,
        clamps: Symbols | None = None,
        active: Bools | None = None,
    ) -> Drawn:
        count = uniforms.shape[1]
        self._make_room(count)
        if clamps is not None:
            check_symbols(self.model, clamps, DRAW)
        self._symbols[:, self.step : self.step + count] = 0
        block = self._block(uniforms, shaping, clamps, active)
        self._walk(block)
        if block.stop != DRAW:
            ended = (block.drawn == block.stop).any(1) | ~block.active
            count = int((block.drawn != DRAW).sum(1).max()) if ended.all() else count
        self.step += count
        return Drawn(block.drawn, block.surprise, block.entropy)

    def _block(
        self,
        uniforms: Float64s,
        shaping: Shaping,
        clamps: Symbols | None = None,
        active: Bools | None = None,
        *,
        look: bool = False,
    ) -> Block:
        """From the present step on; of copies: a view, or what is read-only, would need a kernel of its own."""
        size, stop = self.model.chain.alphabet.size, self.model.chain.alphabet.stop_symbol
        return Block(
            symbols=self._symbols,
            start=self.step,
            active=np.ones(self.rows, np.bool_) if active is None else np.array(active, np.bool_),
            uniforms=np.array(uniforms, np.float64, order="C"),
            clamps=np.full(uniforms.shape, DRAW, np.int32) if clamps is None else np.array(clamps, np.int32, order="C"),
            temperature=float(shaping.temperature),
            top_k=int(shaping.top_k),
            top_p=float(shaping.top_p),
            min_p=float(shaping.min_p),
            stop=DRAW if stop is None else stop,
            drawn=np.full(uniforms.shape, DRAW, np.int32),
            surprise=np.zeros(uniforms.shape, np.float32),
            entropy=np.zeros(uniforms.shape, np.float32),
            following=np.empty((self.rows, size) if look else (0, 0)),
            logits=np.empty(size),
            probs=np.empty(size),
            order=np.empty(size, np.int64),
        )

    def _make_room(self, count: int) -> None:
        """For the steps of a block. Raises InputError beyond the end of a chain that has one."""
        stop, length = self.step + count, self.model.chain.length
        if length is not None and stop > length:
            raise InputError(f"a chain of {length} variables has no step {max(self.step, length)}")
        self._reserve(stop)

    def _push(self, column: Symbols) -> None:
        check_symbols(self.model, column)


def walk_tiny(decoder: CompiledDecoder) -> None:
    """Takes a decoder through all that it can do, so that its kernel is compiled or loaded."""
    decoder.advance(np.full((decoder.rows, 2), 0.5), Shaping(temperature=0.5, top_k=1, top_p=0.5, min_p=0.5))
    decoder.peek()
