"""Products with packed weights: the part of a walk that takes the time.

Weights are packed in tiles of some outputs, [tile][in][outputs], so that a product streams through memory and keeps its
sums in registers over all inputs. LLVM cannot find that by itself, since it has to assume that sums and weights
overlap in memory; the innermost loop is therefore written in vectors here, which LLVM splits into what the processor
has. It is 1.5 times as fast as a plain loop for one row of inputs, and for several, which share the weights that
were loaded, 1.6 times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from models.kernels.draw import ZERO
from models.kernels.jit import inlined, kernel

Float32s = npt.NDArray[np.float32]
UInt16s = npt.NDArray[np.uint16]
Weights = Float32s | UInt16s
Number = TypeVar("Number", bound=np.generic)

LANES = 16
TILE = 64
FLOAT_BYTES, BFLOAT16_BYTES = 4, 2
TILE_BYTES = TILE * FLOAT_BYTES
LINE_BYTES = 64
"""Of a cache line."""

SIDE = 3
"""Rows and columns that a convolution sees."""

GROUP = 4 if binding.get_host_cpu_features().get("avx512f") else 1
"""Rows of inputs that share weights: as many as there are registers for TILE sums of each."""


WIDTHS = (2 * TILE, TILE, TILE // 2)
"""Of tiles for one row of inputs. The widest reads least of the inputs, the narrowest wastes least on few outputs."""


def round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def tile_of(outputs: int) -> int:
    """The width of the tiles for one row of inputs: as wide as the outputs fill."""
    wide, _, narrow = WIDTHS
    return wide if outputs % wide == 0 else narrow if outputs <= narrow else TILE


def pack(weights: npt.ArrayLike, tile: int = TILE) -> Float32s:
    """Weights (…, in, out) to tiles (…, out / tile, in, tile) with zeros for the outputs that fill the last tile.

    tile: one of WIDTHS; those for ``add_products`` have TILE.
    """
    dense = np.asarray(weights, np.float32)
    *rest, inputs, outputs = dense.shape
    filled = np.zeros((*rest, inputs, round_up(outputs, tile)), np.float32)
    filled[..., :outputs] = dense
    tiles = filled.shape[-1] // tile
    return aligned(filled.reshape(*rest, inputs, tiles, tile).swapaxes(-2, -3))


def aligned(x: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """A copy that begins with a cache line: of a vector that lies across two of them both are read."""
    room = np.empty(x.nbytes + LINE_BYTES, np.uint8)
    first = -room.ctypes.data % LINE_BYTES
    copy = room[first : first + x.nbytes].view(x.dtype).reshape(x.shape)
    copy[...] = x
    return copy


def bfloat16(weights: Float32s) -> UInt16s:
    """The nearest numbers of 8 bits of precision, ties to even: the upper halves of float32 that are left of them."""
    bits = weights.view(np.uint32)
    return aligned(((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16))


@inlined
def outputs_of(weights: Weights) -> int:
    """How many numbers a product with packed weights (tiles, in, tile) adds to."""
    count: int = weights.shape[0] * weights.shape[2]
    return count


def pad(x: Float32s, size: int) -> Float32s:
    """Zeros after the last axis of x up to ``size``."""
    filled = np.zeros((*x.shape[:-1], size), np.float32)
    filled[..., : x.shape[-1]] = x
    return filled


def pad_to_tiles(x: Float32s) -> Float32s:
    """Zeros after the last axis of x up to whole tiles."""
    return pad(x, round_up(x.shape[-1], TILE))


def _tile_product(rows: int, tile: int = TILE) -> Callable[..., None]:
    """One tile's product for ``rows`` rows of inputs, given by addresses and strides in bytes."""

    def add_tile(
        typing_context: Any, like: Any, weights: Any, x: Any, x_stride: Any, sums: Any, sums_stride: Any, inputs: Any
    ) -> Any:
        """like: an array of the weights' kind."""
        rounded = like.dtype == types.uint16

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, weights, x, x_stride, sums, sums_stride, inputs = arguments
            integer, scalar = ir.IntType(64), ir.FloatType()
            vector = ir.VectorType(scalar, LANES)
            undefined = ir.Constant(vector, ir.Undefined)
            splat = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)

            def constant(value: int) -> Any:
                return ir.Constant(integer, value)

            def pointer(address: Any, kind: Any) -> Any:
                return builder.inttoptr(address, kind.as_pointer())

            def vectors(address: Any, item_bytes: int = FLOAT_BYTES) -> list[Any]:
                """The addresses of a tile's vectors."""
                return [builder.add(address, constant(v * item_bytes)) for v in range(0, tile, LANES)]

            def load(address: Any) -> Any:
                value = builder.load(pointer(address, vector))
                value.align = FLOAT_BYTES
                return value

            def load_weights(address: Any) -> Any:
                if not rounded:
                    return load(address)
                upper = ir.VectorType(ir.IntType(16), LANES)
                value = builder.load(pointer(address, upper))
                value.align = BFLOAT16_BYTES
                whole = ir.VectorType(ir.IntType(32), LANES)
                shift = ir.Constant(whole, [16] * LANES)
                return builder.bitcast(builder.shl(builder.zext(value, whole), shift), vector)

            inputs_at = [builder.add(x, builder.mul(x_stride, constant(r))) for r in range(rows)]
            sums_at = [vectors(builder.add(sums, builder.mul(sums_stride, constant(r)))) for r in range(rows)]
            before = [[load(address) for address in row] for row in sums_at]
            entry, loop, end = builder.block, builder.append_basic_block(), builder.append_basic_block()
            builder.branch(loop)
            builder.position_at_end(loop)
            index = builder.phi(integer)
            index.add_incoming(constant(0), entry)
            held = [[builder.phi(vector) for _ in row] for row in before]
            item_bytes = BFLOAT16_BYTES if rounded else FLOAT_BYTES
            row_at = builder.add(weights, builder.mul(index, constant(tile * item_bytes)))
            weight_row = [load_weights(address) for address in vectors(row_at, item_bytes)]
            offset = builder.mul(index, constant(FLOAT_BYTES))
            after = []
            for r in range(rows):
                value = builder.load(pointer(builder.add(inputs_at[r], offset), scalar))
                spread = builder.shuffle_vector(
                    builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0)), undefined, splat
                )
                after.append(
                    [
                        builder.fadd(total, builder.fmul(spread, weight, flags=("contract",)), flags=("contract",))
                        for total, weight in zip(held[r], weight_row, strict=True)
                    ]
                )
            following = builder.add(index, constant(1))
            index.add_incoming(following, loop)
            for r in range(rows):
                for phi, first, new in zip(held[r], before[r], after[r], strict=True):
                    phi.add_incoming(first, entry)
                    phi.add_incoming(new, loop)
            builder.cbranch(builder.icmp_signed("<", following, inputs), loop, end)
            builder.position_at_end(end)
            for r in range(rows):
                for address, value in zip(sums_at[r], after[r], strict=True):
                    builder.store(value, pointer(address, vector)).align = FLOAT_BYTES
            return context.get_dummy_value()

        return types.none(like, *[types.int64] * 6), code

    product: Callable[..., None] = intrinsic(add_tile)
    return product


_add_tile = _tile_product(1)
_add_tile_to_group = _tile_product(GROUP)
_add_wide_tile, _, _add_narrow_tile = (_tile_product(1, width) for width in WIDTHS)


@kernel
def add_product(weights: Weights, x: Float32s, sums: Float32s) -> None:
    """sums += x @ weights, in place. x: (in,). sums: (tiles * width,).

    weights: packed (tiles, in, width), in float32 or, see ``bfloat16``, in 16 bits.
    """
    tiles, inputs, width = weights.shape
    for tile in range(tiles):
        weights_at = weights.ctypes.data + tile * inputs * width * weights.itemsize
        sums_at = sums.ctypes.data + tile * width * FLOAT_BYTES
        if width > TILE:
            _add_wide_tile(weights, weights_at, x.ctypes.data, 0, sums_at, 0, inputs)
        elif width == TILE:
            _add_tile(weights, weights_at, x.ctypes.data, 0, sums_at, 0, inputs)
        else:
            _add_narrow_tile(weights, weights_at, x.ctypes.data, 0, sums_at, 0, inputs)


@kernel
def read(weights: Float32s, times: int) -> float:
    """Adds up weights (n,), again and again: nothing that uses each of them once is faster. For ``models.bench``."""
    total, quarter = ZERO, weights.shape[0] // 4
    for _ in range(times):
        a = b = c = d = total
        for i in range(quarter):
            a += weights[i]
            b += weights[quarter + i]
            c += weights[2 * quarter + i]
            d += weights[3 * quarter + i]
        total = a + b + c + d
    return float(total)


@kernel
def add_products(weights: Float32s, x: Float32s, sums: Float32s) -> None:
    """sums += x @ weights, in place. weights: packed (tiles, in, TILE). x: (rows, in). sums: (rows, tiles * TILE).

    x may have fewer columns, so that what is multiplied is a window that slides by them: each row goes on into the next
    ones, and the last beyond the end of x, where the array that x is a part of has to go on. sums may have more.
    """
    tiles, inputs, _ = weights.shape
    rows = x.shape[0]
    x_stride, sums_stride = x.strides[0], sums.strides[0]
    grouped = rows - rows % GROUP
    for tile in range(tiles):
        tile_at = weights.ctypes.data + tile * inputs * TILE_BYTES
        sums_at = sums.ctypes.data + tile * TILE_BYTES
        for row in range(0, grouped, GROUP):
            _add_tile_to_group(
                weights,
                tile_at,
                x.ctypes.data + row * x_stride,
                x_stride,
                sums_at + row * sums_stride,
                sums_stride,
                inputs,
            )
        for row in range(grouped, rows):
            _add_tile(weights, tile_at, x.ctypes.data + row * x_stride, 0, sums_at + row * sums_stride, 0, inputs)


@kernel
def add_convolution(weights: Float32s, dilation: int, features: Float32s, row: int, sums: Float32s) -> None:
    """sums += a row of a convolution of features (H, W, in) with zeros around, in place, by a product for each tap.

    weights: packed (SIDE * SIDE, tiles, in, TILE). sums: (W, tiles * TILE), or more.
    """
    height, width, _ = features.shape
    for tap in range(SIDE * SIDE):
        source = row + (tap // SIDE - 1) * dilation
        shift = (tap % SIDE - 1) * dilation
        first, last = max(0, -shift), min(width, width - shift)
        if 0 <= source < height and first < last:
            add_products(weights[tap], features[source, first + shift : last + shift], sums[first:last])
