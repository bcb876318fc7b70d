"""Files of tensors in safetensors, read as if somebody meant harm: capped, checked before use, never executed.

A file is an 8-byte little-endian length, a JSON header of that length and the tensors' bytes
(https://huggingface.co/docs/safetensors, "Format"). The header holds the table of the tensors, which must cover the
data exactly, and texts of whoever wrote it under ``__metadata__``.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.atomic import reason
from models.errors import CheckpointError, FileError

SUFFIX = ".safetensors"

MAX_HEADER_BYTES = 4 * 2**20
MAX_RANK = 4
MAX_JSON_VALUES = 200_000
MAX_JSON_DEPTH = 16
MAX_INTEGER = 2**63 - 1
MAX_PROBLEM = 400

HASH_DIGITS = 16

BYTES_PER_ELEMENT = {"F32": 4, "F16": 2, "BF16": 2}
"""The types of numbers a checkpoint may hold, by their names in safetensors."""

LENGTH_BYTES = 8


@dataclass(frozen=True)
class StoredTensor:
    """A row of the tensor table; begin and end count from the start of the data, in bytes."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def wrong(path: Path, problem: str) -> CheckpointError:
    """The error in one line of bounded length, whatever the file put into it."""
    line = " ".join(problem.split())
    return CheckpointError(f"{path}: {line if len(line) <= MAX_PROBLEM else line[:MAX_PROBLEM] + ' …'}")


@contextmanager
def opened(path: Path) -> Iterator[tuple[io.BufferedIOBase, int]]:
    """A regular file and its size in bytes. Raises FileError for what cannot be read, also while it is open."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise FileError(f"cannot read {path}: {reason(error)}") from None
    except ValueError:
        raise FileError(f"cannot read {str(path)!r}: it is not a path") from None
    if not stat.S_ISREG(mode):  # opening a named pipe would wait forever
        what = "it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file"
        raise FileError(f"cannot read {path}: {what}; a checkpoint is a file that ends in {SUFFIX}")
    try:
        with open(path, "rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as error:
        raise FileError(f"cannot read {path}: {reason(error)}") from None
    except MemoryError:
        raise CheckpointError(f"{path}: there is not enough memory to load it") from None


def read_table(path: Path, file: io.BufferedIOBase, size: int, *, most_bytes: int) -> tuple[dict[str, Any], int]:
    """The JSON header of a file of ``size`` bytes, and how many bytes of data follow it."""
    if size == 0:
        raise wrong(path, "the file is empty")
    if size > most_bytes:
        raise wrong(path, f"the file has {size} bytes; a checkpoint has at most {most_bytes}")
    start = file.read(LENGTH_BYTES)
    length = int.from_bytes(start, "little")
    if len(start) < LENGTH_BYTES:
        raise wrong(path, f"not a checkpoint: a safetensors file begins with {LENGTH_BYTES} bytes, this has {size}")
    if length > MAX_HEADER_BYTES:
        raise wrong(path, f"not a checkpoint: a header of {length} bytes; at most {MAX_HEADER_BYTES} are allowed")
    if length > size - LENGTH_BYTES:
        raise wrong(path, f"truncated, or not a checkpoint: a header of {length} bytes in a file of {size}")
    table = parse(path, file.read(length), "the header")
    metadata = table.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise wrong(path, "not a checkpoint: the header's __metadata__ must map names to strings")
    return table, size - LENGTH_BYTES - length


def parse(path: Path, raw: bytes, what: str, *, most_values: int = MAX_JSON_VALUES) -> dict[str, Any]:
    """A JSON object of sane size, depth and numbers."""
    # Each value beyond the first follows one of these, so this bounds what parsing may allocate.
    if sum(raw.count(mark) for mark in (b",", b"[", b"{")) > most_values:
        raise wrong(path, f"{what} holds more than {most_values} values")
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
        _check_json(value)
    except RecursionError:
        raise wrong(path, f"{what} is nested too deep; at most {MAX_JSON_DEPTH} levels are allowed") from None
    except UnicodeError:
        raise wrong(path, f"not a checkpoint: {what} is not UTF-8 text") from None
    except ValueError as error:
        raise wrong(path, f"not a checkpoint: {what} is not the expected JSON: {error}") from None
    if not isinstance(value, dict):
        raise wrong(path, f"not a checkpoint: {what} must be a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return result


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _check_json(value: Any) -> None:
    """Refuses depths and numbers that would make trouble later. Raises ValueError; UnicodeError for half characters."""
    pending = [(value, 1)]
    while pending:
        node, depth = pending.pop()
        if isinstance(node, dict | list):
            if depth > MAX_JSON_DEPTH:
                raise ValueError(f"nested deeper than {MAX_JSON_DEPTH} levels")
            if isinstance(node, dict):
                pending.extend((key, depth) for key in node)
                node = list(node.values())
            pending.extend((child, depth + 1) for child in node)
        elif isinstance(node, str):
            node.encode()
        elif isinstance(node, int) and abs(node) > MAX_INTEGER:
            raise ValueError("a whole number of more than 64 bits")
        elif isinstance(node, float) and not math.isfinite(node):
            raise ValueError("a number too large for a float")


def tensors_of(
    path: Path, table: Mapping[str, Any], data_bytes: int, *, most_elements: int, dtypes: Mapping[str, int]
) -> dict[str, StoredTensor]:
    """The tensor table, in the order of the data, which it must cover without gap or overlap.

    dtypes: the types of numbers that it may hold, with the bytes of each.
    """
    tensors = {name: _tensor(path, name, row, dtypes) for name, row in table.items() if name != "__metadata__"}
    if not tensors:
        raise wrong(path, "it holds no tensors")
    elements = sum(math.prod(tensor.shape) for tensor in tensors.values())
    if elements > most_elements:
        raise wrong(path, f"its tensors hold {elements} numbers; at most {most_elements} are allowed")
    ordered = dict(sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)))
    covered = 0
    for name, tensor in ordered.items():
        if tensor.begin != covered:
            raise wrong(path, f"tensor {name!r} begins at byte {tensor.begin} of the data; it must be {covered}")
        covered = tensor.end
    if covered != data_bytes:
        state = "truncated" if covered > data_bytes else "damaged"
        raise wrong(path, f"{state}: its tensors take {covered} bytes, and the file holds {data_bytes}")
    return ordered


def _tensor(path: Path, name: str, row: Any, dtypes: Mapping[str, int]) -> StoredTensor:
    if not isinstance(row, dict) or set(row) != {"dtype", "shape", "data_offsets"}:
        raise wrong(path, f"tensor {name!r} must be described by dtype, shape and data_offsets")
    dtype, shape, offsets = row["dtype"], row["shape"], row["data_offsets"]
    if not isinstance(dtype, str) or dtype not in dtypes:
        raise wrong(path, f"tensor {name!r} has dtype {dtype!r}; allowed: {', '.join(dtypes)}")
    if not _are_sizes(shape) or len(shape) > MAX_RANK:
        raise wrong(path, f"tensor {name!r} has shape {shape!r}; it must be at most {MAX_RANK} whole numbers from 0")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise wrong(path, f"tensor {name!r} has data_offsets {offsets!r}; they must be two whole numbers from 0")
    begin, end = offsets
    needed = math.prod(shape) * dtypes[dtype]
    if end - begin != needed:
        raise wrong(path, f"tensor {name!r} of shape {shape} and {dtype} needs {needed} bytes, not {end - begin}")
    return StoredTensor(dtype, tuple(shape), begin, end)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)


Check = Callable[[], None]
"""Called every now and then in the course of long work: raises what ends it, where it is not wanted any more."""


def wanted() -> None:
    """The check of whoever waits to the end."""


def tensor_bytes(
    path: Path, file: io.BufferedIOBase, tensors: Mapping[str, StoredTensor], check: Check = wanted
) -> Iterator[tuple[str, bytearray]]:
    """The bytes of every tensor, in the order of the file, which stands at its data, one at a time."""
    for name, tensor in tensors.items():
        check()
        data = bytearray(tensor.end - tensor.begin)
        view = memoryview(data)
        while view and (count := file.readinto(view)):
            view = view[count:]
        if view:
            raise wrong(path, f"truncated: the bytes of tensor {name!r} end early")
        yield name, data


def hash_of(tensors: Mapping[str, StoredTensor], digests: Mapping[str, str]) -> str:
    """Of the tensors of a file and the digests of their bytes, see ``checkpoint.weights_hash``."""
    lines = [
        json.dumps([name, tensor.dtype, tensor.shape, digests[name]]) + "\n" for name, tensor in sorted(tensors.items())
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:HASH_DIGITS]
