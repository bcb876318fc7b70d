"""Takes as data: the JSON record inside every exported file, and the history file of a take.

The record holds the shown branch of each sample: its symbols exactly, and the schedule they were drawn under. It does
not hold surprise and entropy, which the model gives again; a take read from a record has NaN there. The history file
holds everything, all branches and what was recorded at each step.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import os
import re
import stat
import struct
import wave
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.atomic import atomic_path, reason
from models.chain import DRAW, MAX_STEPS, Chain, Symbols
from models.condition import arranged, complete
from models.errors import FileError, InputError
from models.growing import leave_memory
from models.trace import ModelReference, Sample, Segment, Take, Trace, model_reference_from_json, segment_from_json
from models.version import VERSION

PROGRAM = "Sampling Studio"
FORMAT = 1

MAX_SAMPLES = 2**16
MAX_RECORD_BYTES = 48 * 2**20
"""Of the JSON text; Pillow reads up to 64 MiB of text from a PNG."""
MAX_FILE_BYTES = 2**30
MAX_MEMBER_BYTES = 4 * MAX_STEPS + 2**12
"""Of one array of a take in an .npz: 32 bits a step, and its header."""
SAVED_AT_ONCE = 2**16
"""Steps of a take that are packed at once."""
MAX_DATA_BYTES = 2**30
"""Of one array of a data set in an .npz."""

ZIP = b"PK\x03\x04"

SYMBOL_TYPES = ("|u1", "<u2", "<u4")

# What the readers of zip, zlib, JSON, numpy and Pillow raise for a broken file, beside the errors of this program.
DAMAGE = (
    zipfile.BadZipFile, zlib.error, wave.Error, EOFError, OSError, ValueError, TypeError, KeyError, IndexError,
    AttributeError, OverflowError, ArithmeticError, struct.error, SyntaxError, RuntimeError, MemoryError,
    AssertionError,
)  # fmt: skip


@contextmanager
def damage_as_file_error(name: str, *, record: bool = False) -> Iterator[None]:
    """Whatever goes wrong in reading a file's content becomes an error that names the file.

    Damage becomes a FileError. Content that does not fit stays an InputError; in a ``record`` of this program, whose
    content always fits, it is damage too.
    """
    try:
        yield
    except FileError:
        raise
    except InputError as error:
        if record:
            raise FileError(f"{name} has damaged metadata: {error}") from None
        raise InputError(f"{name}: {error}") from None
    except DAMAGE as error:
        if isinstance(error, OSError) and error.filename:
            raise FileError(f"cannot read {error.filename}: {reason(error)}") from None
        raise FileError(f"{name} is damaged or cut short: {str(error) or type(error).__name__}") from None


def read_bytes(source: Path | bytes, name: str = "the data") -> tuple[bytes, str]:
    """The content of a file, and what messages call it: its path, or ``name`` where it is the content already.

    Raises FileError if it cannot be read or is far too large.
    """
    if isinstance(source, bytes):
        return source, name
    try:
        # A pipe or a device might never end.
        status = os.stat(source)
        if not stat.S_ISREG(status.st_mode):
            what = "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is not a regular file"
            raise FileError(f"cannot read {source}: {what}")
        data = b""
        if (size := status.st_size) <= MAX_FILE_BYTES:
            with open(source, "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)  # it may have grown meanwhile
                size = len(data)
    except OSError as error:
        raise FileError(f"cannot read {source}: {reason(error)}") from None
    except ValueError:
        raise FileError(f"cannot read {str(source)!r}: it is no name of a file") from None
    if size > MAX_FILE_BYTES:
        raise FileError(f"{source} is larger than {MAX_FILE_BYTES / 2**30:g} GiB, the most this program reads")
    return data, str(source)


# The shown branches


def is_closed(symbols: Symbols, limit: int, chain: Chain) -> bool:
    """Whether a walk of these symbols has ended: at its limit, or with the stop symbol."""
    stop = chain.alphabet.stop_symbol
    return len(symbols) >= limit or bool(stop is not None and len(symbols) and symbols[-1] == stop)


def _frozen(trace: Trace, take: Take) -> Trace:
    """What is published of a trace by now, consistent while another thread appends to it."""
    finished = trace.finished  # before the length: a trace that has finished does not grow
    length = len(trace)  # before everything that grows with it
    schedule = [segment for segment in trace.schedule if segment.start <= length]
    copy = trace.prefix(length, parent=trace.parent, fork=trace.fork)
    copy.schedule = schedule
    copy.forced = dict(trace.forced)
    copy.finished = finished or is_closed(copy.symbols, take.limit, take.model.chain)
    return copy


def shown(take: Take, *, samples: Sequence[int] | None = None) -> Take:
    """A take of the shown branches alone, copied as they are at this moment.

    samples: which ones, by their index in the take; None for all. Of a beam search that was edited since, what it found
    counts as put there. Safe while another thread appends. Raises InputError for a sample that is not there.
    """
    chosen = range(len(take.samples)) if samples is None else samples
    if not chosen or len(set(chosen)) != len(chosen):
        raise InputError(f"choose one sample or more, each once, not {list(chosen)}")
    for index in chosen:
        if not 0 <= index < len(take.samples):
            raise InputError(f"the take has the samples 0 … {len(take.samples) - 1}, not {index}")
    copies = []
    with take.lock:
        for index in chosen:
            copy = _frozen(take.samples[index].trace, take)
            copy.parent, copy.fork = None, 0
            copy.forced = {step: symbol for step, symbol in copy.forced.items() if step >= len(copy)}
            copies.append(Sample([copy]))
        edited = any(take.samples[index].current for index in chosen)
        return replace(take, samples=copies, beam=None if edited else take.beam)


# The record


def take_record(take: Take) -> dict[str, Any]:
    """The JSON record of the shown branches of a take.

    ``samples[n].symbols`` is base64 of zlib of little-endian integers of the type ``dtype``; ``clamped`` lists the
    runs [first, end) of steps that took a given symbol; ``forced`` the [step, symbol] pairs yet to be put.
    """
    copy = shown(take)
    return _head(copy, "export") | {
        "samples": [
            _trace_to_json(trace)
            | {"symbols": _pack(trace.symbols), "dtype": _symbol_type(trace.symbols), "clamped": _runs(trace.clamped)}
            for trace in copy.traces
        ]
    }


def take_from_record(record: Mapping[str, Any]) -> Take:
    """The take that a record describes, each sample with one branch; surprise and entropy are NaN.

    Raises InputError for anything that is not a record, and before unpacking anything that is too large.
    """
    with _invalid_as_input_error():
        take = _take_from_head(record, "export")
        _check_total(sum(_whole(entry["length"], "a length", 0, take.limit) for entry in _samples(record)))
        for entry in _samples(record):
            trace = _trace_from_json(entry, take)
            length = entry["length"]
            symbols = _unpack(entry["symbols"], entry["dtype"], length)
            _check_symbols(symbols, take.model.chain)
            clamped = np.zeros(length, np.bool_)
            for first, end in entry["clamped"]:
                clamped[_whole(first, "a clamped step", 0, length) : _whole(end, "a clamped step", 0, length)] = True
            unknown = np.full(length, np.nan, np.float32)
            trace.append(symbols, unknown, unknown, clamped)
            trace.finished = trace.finished or is_closed(symbols, take.limit, take.model.chain)
            take.samples.append(Sample([trace]))
        _check_coherent(take)
        return take


def record_text(take: Take) -> str:
    """The record as JSON in ASCII. Raises InputError if it is too large to be read back."""
    text = json.dumps(take_record(take), separators=(",", ":"))
    if len(text) > MAX_RECORD_BYTES:
        raise InputError(
            f"the record of {len(take.samples)} samples takes {len(text) / 2**20:.0f} MiB, more than the "
            f"{MAX_RECORD_BYTES / 2**20:.0f} MiB that a file may carry: save fewer samples at once"
        )
    return text


def take_from_text(text: str | bytes) -> Take:
    """The take of ``record_text``. Raises InputError for anything else."""
    if len(text) > MAX_RECORD_BYTES:
        raise InputError(f"a record has at most {MAX_RECORD_BYTES} bytes, not {len(text)}")
    return take_from_record(_json_object(text))


# The history file


def save_take(path: Path, take: Take) -> Take:
    """Writes everything about a take to one file, atomically, as it is at this moment; returns what was written.

    An .npz: ``metadata`` (JSON) and, of every branch of every sample one after the other, the steps that are its own
    (from its fork on): ``symbols`` int32, ``surprise`` and ``entropy`` float32 in bits, ``clamped`` bool.
    Safe while another thread appends. Raises FileError if it cannot be written.
    """
    copy = _frozen_take(take)
    traces = copy.branches
    entries = [
        {
            "current": sample.current,
            "branches": [_trace_to_json(t) | {"parent": t.parent, "fork": t.fork} for t in sample.branches],
        }
        for sample in copy.samples
    ]
    _check_total(sum(map(len, traces)))
    arrays = {
        name: _joined([getattr(trace, name)[trace.fork :] for trace in traces])
        for name in ("symbols", "surprise", "entropy", "clamped")
    }
    metadata = json.dumps(_head(copy, "take") | {"samples": entries}, separators=(",", ":"))
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        _write_array(archive, "metadata", np.array(metadata))
        for name, array in arrays.items():
            _write_array(archive, name, array)
    return copy


def _write_array(archive: zipfile.ZipFile, name: str, array: npt.NDArray[Any]) -> None:
    """As ``numpy.savez`` does, but little by little: what is saved may be larger than the memory should become."""
    flat = array.reshape(-1)
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, np.lib.format.header_data_from_array_1_0(array))
        for start in range(0, len(flat), SAVED_AT_ONCE):
            member.write(flat[start : start + SAVED_AT_ONCE].tobytes())
            leave_memory(flat)


def _joined(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """One after the other; a single one, which may be long, is not copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _frozen_take(take: Take) -> Take:
    """A copy with all branches, as they are at this moment."""
    samples = []
    with take.lock:
        for sample in take.samples:
            current = sample.current  # before the branches: a branch is there before it is shown
            samples.append(Sample([_frozen(trace, take) for trace in list(sample.branches)], current))
        return replace(take, samples=samples)


def load_take(path: Path) -> Take:
    """The take of ``save_take``. Raises FileError if the file is not one, or is damaged."""
    data, name = read_bytes(path)
    return take_from_npz(data, name)


def take_from_npz(data: bytes, name: str) -> Take:
    """The take in the content of a history file; ``name`` is for messages."""
    with damage_as_file_error(name, record=True):
        arrays = read_arrays(data, ("metadata", "symbols", "surprise", "entropy", "clamped"))
        metadata = _json_object(str(arrays.pop("metadata")))
        with _invalid_as_input_error():
            return _take_from_arrays(metadata, arrays)


def _take_from_arrays(metadata: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Take:
    take = _take_from_head(metadata, "take")
    entries = [entry for sample in _samples(metadata) for entry in sample["branches"]]
    _check_total(sum(_whole(entry["length"], "a length", 0, take.limit) for entry in entries))
    own = sum(entry["length"] - _whole(entry["fork"], "a fork", 0, entry["length"]) for entry in entries)
    types = {"symbols": np.int32, "surprise": np.float32, "entropy": np.float32, "clamped": np.bool_}
    for key, array in arrays.items():
        if array.shape != (own,) or array.dtype != types[key]:
            raise InputError(f"{key} should hold {own} steps of {np.dtype(types[key])}, not {array.shape}")
    _check_symbols_known(arrays["symbols"], take.model.chain)
    at = 0
    for entry in _samples(metadata):
        branches: list[Trace] = []
        for branch in entry["branches"]:
            trace = _trace_from_json(branch, take)
            trace.fork = branch["fork"]
            if branch["parent"] is None:
                _whole(trace.fork, "the fork of a branch without a parent", 0, 0)
            else:
                trace.parent = _whole(branch["parent"], "a parent", 0, len(branches) - 1)
                parent = branches[trace.parent]
                _whole(trace.fork, "a fork", 0, len(parent))
                shared = slice(0, trace.fork)
                trace.append(
                    parent.symbols[shared], parent.surprise[shared], parent.entropy[shared], parent.clamped[shared]
                )
            part = slice(at, at + branch["length"] - trace.fork)
            at = part.stop
            trace.append(*(arrays[key][part] for key in ("symbols", "surprise", "entropy", "clamped")))
            _check_symbols(trace.symbols, take.model.chain)
            trace.finished = trace.finished or is_closed(trace.symbols, take.limit, take.model.chain)
            branches.append(trace)
        take.samples.append(Sample(branches, _whole(entry["current"], "the shown branch", 0, len(branches) - 1)))
    _check_coherent(take)
    return take


def read_arrays(data: bytes, names: Sequence[str], *, most: int = MAX_MEMBER_BYTES) -> dict[str, npt.NDArray[Any]]:
    """Arrays of an .npz, none of more than ``most`` bytes, which is checked before it is unpacked; never objects.

    Raises KeyError for one that is not there, and what zipfile and numpy raise for damage.
    """
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in names:
            member = archive.getinfo(f"{name}.npy")
            if member.file_size > most:
                raise InputError(f"{name} claims {member.file_size} bytes; at most {most} are read")
            content = io.BytesIO(archive.read(member))
            version = np.lib.format.read_magic(content)
            if version != (1, 0):
                raise InputError(f"{name} has the array format {version}, not (1, 0)")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(content)
            if dtype.hasobject:
                raise InputError(f"{name} holds objects, not numbers")
            # Of the declared shape and the bytes that are there; reshape compares them without allocating.
            flat = np.frombuffer(content.getbuffer()[content.tell() :], dtype)
            arrays[name] = flat.reshape(shape, order="F" if fortran else "C")
    return arrays


def is_history(data: bytes) -> bool:
    """Whether a file's content is a history file. Raises what zipfile raises for damage."""
    return data.startswith(ZIP) and {"metadata", "surprise", "entropy"} <= npz_members(data)


def npz_members(data: bytes) -> set[str]:
    """The names of the arrays of an .npz."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name.removesuffix(".npy") for name in archive.namelist()}


# Parts of the record


def _head(take: Take, kind: str) -> dict[str, Any]:
    return {
        "program": PROGRAM,
        "version": VERSION,
        "format": FORMAT,
        "kind": kind,
        "take": take.id,
        "model": take.model.to_json(),
        "limit": take.limit,
    } | _made_to_json(take)


def _made_to_json(take: Take) -> dict[str, Any]:
    """``given``: the known symbols plus one, as those of a sample; ``resampled`` and ``beam``, see ``Take``.

    Each where there is any.
    """
    entry: dict[str, Any] = {}
    if take.given:
        shifted = np.array(take.given, np.int32) + 1
        entry["given"] = {"length": len(shifted), "symbols": _pack(shifted), "dtype": _symbol_type(shifted)}
    if take.resampled is not None:
        entry["resampled"] = list(take.resampled)
    if take.beam is not None:
        entry["beam"] = take.beam
    return entry


def _take_from_head(record: Mapping[str, Any], kind: str) -> Take:
    """The take of a record, yet without samples."""
    if record.get("program") != PROGRAM:
        raise InputError(f"not a record of {PROGRAM}")
    if record["format"] != FORMAT or not isinstance(record["version"], str):
        raise InputError(
            f"it has format {record['format']!r} and was saved by version {record['version']!r}; "
            f"this is version {VERSION}, which reads format {FORMAT}"
        )
    if record["kind"] != kind:
        raise InputError(f"it holds {record['kind']!r} where {kind!r} is expected")
    identity = record["take"]
    # It may become a file name.
    if not isinstance(identity, str) or not re.fullmatch(r"[0-9A-Za-z-]{1,64}", identity):
        raise InputError(f"not the id of a take: {identity!r}")
    model = model_reference_from_json(record["model"])
    if not 1 <= len(_samples(record)) <= MAX_SAMPLES:
        raise InputError(f"a take has 1 to {MAX_SAMPLES} samples, not {len(_samples(record))}")
    limit = _whole(record["limit"], "the limit", 1, model.chain.endless_limit)
    given: tuple[int, ...] = ()
    if "given" in record:
        entry = record["given"]
        if not isinstance(entry, dict) or not {"length", "symbols", "dtype"} <= entry.keys():
            raise InputError("what is given is an object with length, symbols and dtype")
        length = _whole(entry["length"], "the number of given symbols", 0, limit)
        shifted = _unpack(entry["symbols"], entry["dtype"], length)
        given = tuple((shifted.astype(np.int64) - 1).tolist())
        _check_symbols_known(np.array([symbol for symbol in given if symbol != DRAW]), model.chain)
    resampled = record.get("resampled")
    if resampled is not None:
        if not isinstance(resampled, list):
            raise InputError("what is resampled is a list of steps")
        resampled = tuple(_whole(step, "a step of resampling", 0, limit) for step in resampled)
        if list(resampled) != sorted(set(resampled)):
            raise InputError(f"steps of resampling ascend, unlike {resampled}")
    beam = record.get("beam")
    if beam is not None:
        _whole(beam, "the width of a beam", 1, MAX_SAMPLES)
    return Take(model, [], limit, identity, given, resampled, beam)


def _samples(record: Mapping[str, Any]) -> list[Any]:
    samples = record["samples"]
    if not isinstance(samples, list):
        raise InputError("the samples are not a list")
    return samples


def _trace_to_json(trace: Trace) -> dict[str, Any]:
    return {
        "length": len(trace),
        "finished": trace.finished,
        "schedule": [segment.to_json() for segment in trace.schedule],
        "forced": [[step, symbol] for step, symbol in sorted(trace.forced.items())],
    }


def _trace_from_json(entry: Mapping[str, Any], take: Take) -> Trace:
    """A trace with its schedule and forced symbols, yet without steps."""
    schedule = [segment_from_json(segment) for segment in entry["schedule"]]
    starts = [segment.start for segment in schedule]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)) or starts[-1] > entry["length"]:
        raise InputError(f"a schedule begins at step 0 and goes on in order up to {entry['length']}, not {starts}")
    for segment in schedule:
        _check_segment(segment, take.model)
    trace = Trace(schedule[0])
    trace.schedule = schedule
    for step, symbol in entry["forced"]:
        _whole(step, "a forced step", 0, take.limit - 1)
        trace.forced[step] = _whole(symbol, "a forced symbol", 0, take.model.chain.alphabet.size - 1)
    if not isinstance(entry["finished"], bool):
        raise InputError(f"finished is true or false, not {entry['finished']!r}")
    trace.finished = entry["finished"]
    return trace


def _check_coherent(take: Take) -> None:
    """Raises InputError unless a take goes along one chain, with particles and given symbols as a walk has them."""
    conditions = {json.dumps(s.condition, sort_keys=True): s.condition for b in take.branches for s in b.schedule}
    for condition in conditions.values():
        if arranged(take.model.chain, take.model.factors, condition) != take.chain:
            raise InputError("its conditions arrange the steps in different ways; a take has one chain")
    if take.resampled is not None and take.particles:
        lengths = {len(trace) for trace in take.traces}
        alone = all(len(sample.branches) == 1 for sample in take.samples)
        shapings = {trace.segment.shaping for trace in take.traces}
        if len(lengths) > 1 or not alone or len(shapings) > 1 or max(take.resampled, default=0) > min(lengths):
            raise InputError("particles that are not done stand at one step, each with one branch, in one shaping")
    if take.beam is not None:
        if take.searching and any(len(sample.branches) > 1 for sample in take.samples):
            raise InputError("a beam search that is not done has no branches")
        if any(branch.schedule[0].sample >= take.beam for branch in take.branches):
            raise InputError(f"the samples of a beam search have numbers below its width, {take.beam}")
    known = np.flatnonzero(np.array(take.given, np.int64) != DRAW)
    for trace in take.branches:
        if not trace.clamped[known[known < len(trace)]].all():
            raise InputError("a symbol that was given is one that was put there, not one that was drawn")


def _check_segment(segment: Segment, model: ModelReference) -> None:
    if missing := complete(model.factors, segment.condition).keys() - segment.condition.keys():
        raise InputError(f"a segment leaves out the condition {min(missing)!r} of the model")
    for name in (segment.engine, segment.device):
        if not isinstance(name, str) or not re.fullmatch(r"[0-9a-z_:-]{1,32}", name):
            raise InputError(f"not the name of an engine or device: {name!r}")


def _whole(value: object, what: str, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise InputError(f"{what} is a whole number in {low} … {high}, not {value!r}")
    return value


def _check_total(steps: int) -> None:
    if steps > MAX_STEPS:
        raise InputError(f"{steps} steps are more than the {MAX_STEPS} that one file may hold")


def _check_symbols_known(symbols: npt.NDArray[Any], chain: Chain) -> None:
    size = chain.alphabet.size
    if symbols.size and not 0 <= int(symbols.min()) <= int(symbols.max()) < size:
        raise InputError(f"symbols lie in 0 … {size - 1}, not {symbols.min()} … {symbols.max()}")


def _check_symbols(symbols: npt.NDArray[Any], chain: Chain) -> None:
    _check_symbols_known(symbols, chain)
    stop = chain.alphabet.stop_symbol
    if stop is not None and (symbols[:-1] == stop).any():
        raise InputError("the stop symbol stands before the end")


def _symbol_type(symbols: Symbols) -> str:
    return np.min_scalar_type(int(symbols.max(initial=0))).newbyteorder("<").str


def _pack(symbols: Symbols) -> str:
    return base64.b64encode(zlib.compress(symbols.astype(_symbol_type(symbols)).tobytes())).decode("ascii")


def _unpack(text: str, dtype: str, length: int) -> Symbols:
    if dtype not in SYMBOL_TYPES:
        raise InputError(f"symbols have one of the types {', '.join(SYMBOL_TYPES)}, not {dtype!r}")
    size = length * np.dtype(dtype).itemsize
    unpacker = zlib.decompressobj()
    try:
        # One byte more than there should be, so that a longer stream shows without being unpacked.
        data = unpacker.decompress(base64.b64decode(text, validate=True), size + 1)
    except (binascii.Error, zlib.error) as error:
        raise InputError(f"symbols cannot be unpacked: {error}") from None
    if len(data) != size or not unpacker.eof:
        raise InputError(f"the packed symbols are not {length} of type {dtype}")
    wide = np.frombuffer(data, dtype)
    if wide.size and wide.max() > np.iinfo(np.int32).max:
        raise InputError(f"there is no symbol {wide.max()}")
    return wide.astype(np.int32)


def _runs(flags: npt.NDArray[np.bool_]) -> list[list[int]]:
    """[first, end) of each run of True."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    pairs: list[list[int]] = edges.reshape(-1, 2).tolist()
    return pairs


def _json_object(text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("the record is not JSON") from None
    if not isinstance(value, dict):
        raise InputError("the record is not a JSON object")
    return value


@contextmanager
def _invalid_as_input_error() -> Iterator[None]:
    """A record with a missing or wrongly typed field raises InputError."""
    try:
        yield
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"the record has no {error}") from None
    except (TypeError, ValueError, AttributeError, OverflowError, IndexError) as error:
        raise InputError(f"not a record of {PROGRAM}: {error}") from None
