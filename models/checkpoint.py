"""Checkpoints: one safetensors file with a JSON description, checked before anything is allocated, never executed.

A file is one of tensors, see ``tensor_file``. Its header holds, as a JSON string under ``sampling_studio`` in its
``__metadata__``, the description: what the model is, its chain, conditions and sizes, the data it learned from, how,
and how well. A folder, instead, is taken for a model that Hugging Face's libraries saved, see ``hugging_face``.

A file is taken for hostile: sizes are capped, the table must cover the data exactly, and a network is built on
torch's ``meta`` device and compared with the table before it is built for real, so that what is allocated never
exceeds what the file really holds. torch is imported by ``load_checkpoint`` and ``save_checkpoint`` only.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.atomic import atomic_path, write_atomically
from models.chain import NATS, Chain, chain_from_json
from models.condition import Factor, arranged, factors_from_json
from models.errors import InputError
from models.networks import BUILT_IN, ENTRY_POINT_GROUP, network_class
from models.plug_ins import refused_as
from models.tensor_file import (
    BYTES_PER_ELEMENT,
    LENGTH_BYTES,
    Check,
    StoredTensor,
    hash_of,
    opened,
    parse,
    read_table,
    tensor_bytes,
    tensors_of,
    wanted,
    wrong,
)
from models.trace import ModelReference

if TYPE_CHECKING:
    from models.model import AutoregressiveModel

METADATA_KEY = "sampling_studio"
FORMAT = 1

MAX_FILE_BYTES = 256 * 2**20
MAX_ELEMENTS = 64 * 2**20
"""Numbers in all tensors: 256 MiB once they are float32."""
MAX_FACTORS = 64
MAX_TEXT = 200
ROUNDED = "weights rounded to 16 bits (float16) after training"
"""A note on a training, see ``halve``."""

NAME = re.compile(r"\w[\w.+-]*")


@dataclass(frozen=True)
class CheckpointHeader:
    """What a checkpoint says about itself: everything but the weights."""

    path: Path
    size_bytes: int
    name: str
    """The name on the command line: letters, digits and ``_ . + -``."""
    title: str
    architecture: str
    family: str
    chain: Chain
    factors: tuple[Factor, ...]
    config: Mapping[str, Any]
    """Sizes of the network, as its constructor understands them."""
    parameters: int
    receptive_field: int | None
    """How many earlier variables can reach a conditional; None: all of them."""
    data: Mapping[str, str]
    """The data set: ``name``, ``title``, ``licence``, ``attribution``."""
    training: Mapping[str, Any]
    """The record of the training run, as the loop wrote it."""
    likelihood: Mapping[str, Mapping[str, float]]
    """By part of the data (``valid``, ``test``): ``bits_per_dim``, ``nats``, their standard errors, ``examples``."""

    @property
    def trainings(self) -> list[Mapping[str, Any]]:
        """The records of this run, of the one whose weights it started from, and so on.

        Foreign checkpoints may hold anything there.
        """
        records: list[Mapping[str, Any]] = []
        record: object = self.training
        while isinstance(record, Mapping):
            records.append(record)
            start = record.get("start")
            record = start.get("training") if isinstance(start, Mapping) else None
        return records

    @property
    def training_seconds(self) -> float | None:
        """Of all ``trainings``; None where one of them does not say."""
        total, trainings = 0.0, self.trainings
        for record in trainings:
            seconds = record.get("seconds")
            if not isinstance(seconds, int | float):
                return None
            total += seconds
        return None if trainings[-1].get("start") else total

    @property
    def measured_on(self) -> str | None:
        """The part of the data whose likelihood counts: ``test`` where it was measured, else ``valid``, else None."""
        return next((part for part in ("test", "valid") if "bits_per_dim" in self.likelihood.get(part, {})), None)

    @property
    def bits_per_dim(self) -> float | None:
        """The measured likelihood on ``measured_on``."""
        part = self.measured_on
        return None if part is None else self.likelihood[part]["bits_per_dim"]

    @property
    def likelihood_in_words(self) -> str:
        """The same in the unit that papers have, with digits enough to rank models by; empty where none is measured.

        ``80.1 nats | digit``, given the digit, where the header has those of other conditions, too.
        """
        part = self.measured_on
        if part is None or self.bits_per_dim is None:
            return ""
        measured, (name, unit) = self.likelihood[part], self.chain.compared_by
        if name != NATS:
            figure = f"{unit * self.bits_per_dim:.3f} {self.chain.compared_in}"
        elif NATS in measured:
            figure = f"{unit * measured[NATS]:.1f} {self.chain.compared_in}"
        else:
            figure = f"{self.bits_per_dim:.3f} bits/{self.chain.step_noun}"
        given = ", ".join(factor.name for factor in self.factors if factor.of_data)
        several = any(other.startswith(f"{part}, ") for other in self.likelihood)
        return f"{figure} | {given}" if given and several else figure


@dataclass(frozen=True)
class LoadedModel:
    """A network ready to be walked: in eval mode, float32, without gradients."""

    model: AutoregressiveModel
    header: CheckpointHeader
    reference: ModelReference


@dataclass(frozen=True)
class _Layout:
    """A validated file header. ``tensors`` are in the order of their bytes."""

    header: CheckpointHeader
    tensors: Mapping[str, StoredTensor]
    table: Mapping[str, Any]
    """The whole JSON header as it was read."""
    description: Mapping[str, Any]


def read_header(path: Path) -> CheckpointHeader:
    """Everything but the weights, without reading them and without torch.

    Raises FileError for a file that cannot be read and CheckpointError for one that is not a checkpoint.
    """
    if os.path.isdir(path):
        from models import hugging_face

        return hugging_face.read_header(path)
    with _opened(path) as (_, layout):
        return layout.header


def weights_hash(path: Path, check: Check = wanted) -> str:
    """Identifies the weights: 16 hexadecimal digits that no change of the description alters.

    The start of the SHA-256 of one line of JSON per tensor, sorted by name: name, dtype, shape and the SHA-256 of its
    bytes. Raises as ``read_header``, and what the check does, which is called before each tensor.
    """
    if os.path.isdir(path):
        from models import hugging_face

        return hugging_face.weights_hash(path, check)
    with _opened(path) as (file, layout):
        bytes_of = tensor_bytes(path, file, layout.tensors, check)
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in bytes_of}
        return hash_of(layout.tensors, digests)


def load_checkpoint(path: Path, device: str = "cpu", check: Check = wanted) -> LoadedModel:
    """A checkpoint's network with its weights, in float32, on a device by torch's name (``cpu``, ``cuda``).

    Raises FileError for a file that cannot be read, CheckpointError for one whose content is not a loadable model,
    InputError for a device that is not there, and what the check does, which is called before each tensor.
    """
    if os.path.isdir(path):
        from models import hugging_face

        return hugging_face.load(path, device, check)
    import torch

    dtypes = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    with _opened(path) as (file, layout):
        _compare(path, layout, plan(path, layout.header))
        check_memory(path, layout.header)
        model = build(path, layout.header)
        # Filled through the state dict's own views: weights that a network ties stay tied.
        state = model.state_dict()
        digests: dict[str, str] = {}
        with torch.no_grad():
            for name, data in tensor_bytes(path, file, layout.tensors, check):
                digests[name] = hashlib.sha256(data).hexdigest()
                tensor = layout.tensors[name]
                if not data:
                    continue
                values = torch.frombuffer(data, dtype=dtypes[tensor.dtype]).float().reshape(tensor.shape)
                if not bool(torch.isfinite(values).all()):
                    raise wrong(path, f"tensor {name!r} holds NaN or infinite values; all weights must be finite")
                state[name].copy_(values)
    model.requires_grad_(False)
    model.eval()
    header = layout.header
    reference = ModelReference(
        header.name, header.title, hash_of(layout.tensors, digests), header.chain, header.factors
    )
    return LoadedModel(moved(model, device), header, reference)


def save_checkpoint(
    path: Path,
    model: AutoregressiveModel,
    *,
    name: str,
    title: str,
    data: dict[str, Any],
    training: dict[str, Any],
    likelihood: dict[str, Any],
) -> None:
    """Writes a model atomically: the file is there whole or not at all.

    data: the data set's ``name``, ``title``, ``licence``, ``attribution``. training: any JSON. likelihood: by part of
    the data, see ``CheckpointHeader``. Numbers that are not finite are written as null.

    Raises FileError if the file cannot be written, and CheckpointError if it could not be read back: a name that is
    no name, an architecture that nobody provides, tensors that are not floating-point numbers, a model beyond the caps.
    """
    import torch
    from safetensors.torch import save

    description = {
        "format": FORMAT,
        "name": name,
        "title": title,
        "architecture": model.architecture,
        "family": model.family,
        "chain": model.chain.to_json(),
        "conditions": [factor.to_json() for factor in model.factors],
        "config": dict(model.spec.config),
        "parameters": model.parameter_count,
        "receptive_field": model.receptive_field,
        "data": data,
        "training": training,
        "likelihood": likelihood,
    }
    # Copies, since safetensors refuses tensors that share memory, as tied weights do.
    tensors = {
        key: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for key, value in model.state_dict().items()
    }
    content = save(tensors, metadata={METADATA_KEY: _dumps(description)})
    _read_layout(path, io.BytesIO(content), len(content))
    write_atomically(path, content)


def halve(path: Path) -> CheckpointHeader:
    """Stores the weights of a checkpoint in 16 bits (float16), in place and atomically. Returns the new header.

    They are rounded, so that what was measured of them is dropped from the description, and its training gets a note.
    Raises as ``read_header``, CheckpointError for weights that are too large for 16 bits, FileError if the file cannot
    be written.
    """
    from safetensors.torch import load_file, save

    with _opened(path) as (_, layout):
        description = dict(layout.description)
    tensors = {name: tensor.half() for name, tensor in load_file(path).items()}
    if too_large := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise wrong(path, f"tensor {too_large[0]!r} has numbers beyond those of 16 bits")
    description["likelihood"] = {}
    description["training"] = {**description["training"], "note": ROUNDED}
    content = save(tensors, metadata={METADATA_KEY: _dumps(description)})
    header = _read_layout(path, io.BytesIO(content), len(content)).header
    write_atomically(path, content)
    return header


def update_header(
    path: Path,
    *,
    training: Mapping[str, Any] | None = None,
    likelihood: Mapping[str, Mapping[str, float]] | None = None,
) -> CheckpointHeader:
    """Replaces parts of the description, atomically and without touching the weights. Returns the new header.

    To add one measurement, hand in ``{**header.likelihood, "test": measured}``. Raises as ``read_header``, and
    FileError if the file cannot be written.
    """
    changes = {"training": training, "likelihood": likelihood}
    with _opened(path) as (file, layout):
        description = dict(layout.description) | {key: value for key, value in changes.items() if value is not None}
        table = dict(layout.table)
        table["__metadata__"] = {**table["__metadata__"], METADATA_KEY: _dumps(description)}
        raw = json.dumps(table, ensure_ascii=False).encode()
        # The format aligns the data to eight bytes by spaces at the end of the header.
        raw += b" " * (-len(raw) % LENGTH_BYTES)
        start = len(raw).to_bytes(LENGTH_BYTES, "little") + raw
        size = len(start) + max(tensor.end for tensor in layout.tensors.values())
        updated = _read_layout(path, io.BytesIO(start), size).header
        with atomic_path(path) as temporary, temporary.open("wb") as copy:
            copy.write(start)
            shutil.copyfileobj(file, copy)
    return updated


@contextmanager
def _opened(path: Path) -> Iterator[tuple[io.BufferedIOBase, _Layout]]:
    """The file, standing at the first byte of its data, and its validated header."""
    with opened(path) as (file, size):
        yield file, _read_layout(path, file, size)


def _read_layout(path: Path, file: io.BufferedIOBase, size: int) -> _Layout:
    """Reads and validates the header of a file of ``size`` bytes."""
    table, data_bytes = read_table(path, file, size, most_bytes=MAX_FILE_BYTES)
    metadata = table.get("__metadata__", {})
    if METADATA_KEY not in metadata:
        raise wrong(
            path,
            f"a safetensors file, but not a checkpoint of this program: its metadata lack {METADATA_KEY!r}",
        )
    tensors = tensors_of(path, table, data_bytes, most_elements=MAX_ELEMENTS, dtypes=BYTES_PER_ELEMENT)
    description = parse(path, metadata[METADATA_KEY].encode("utf-8", "surrogatepass"), "the description")
    header = _header(path, size, description)
    _check_architecture(path, header.architecture)
    elements = sum(math.prod(tensor.shape) for tensor in tensors.values())
    if header.parameters > elements:
        raise wrong(path, f"it claims {header.parameters} parameters, and its tensors hold {elements} numbers")
    return _Layout(header, tensors, table, description)


def _header(path: Path, size: int, description: Mapping[str, Any]) -> CheckpointHeader:
    """The description as typed fields."""

    def field(key: str, kind: type | tuple[type, ...], words: str) -> Any:
        if key not in description:
            raise wrong(path, f"its description lacks {key!r}, which is {words}")
        value = description[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise wrong(path, f"its {key} must be {words}, not {str(value)[:40]!r}")
        return value

    def text(key: str) -> str:
        value: str = field(key, str, "a text")
        if not value.strip() or len(value) > MAX_TEXT or not value.isprintable():
            raise wrong(path, f"its {key} must be one line of 1 to {MAX_TEXT} characters, not {value[:40]!r}")
        return value

    version = field("format", int, "a whole number")
    if version != FORMAT:
        newer = "; it was written by a newer version of this program" if version > FORMAT else ""
        raise wrong(path, f"format {version} is not known; this program reads format {FORMAT}{newer}")
    name = text("name")
    if not NAME.fullmatch(name):
        raise wrong(path, f"its name must be made of letters, digits and _ . + -, not {name!r}")
    chain = _chain(path, field("chain", dict, "an object"))
    factors = _factors(path, field("conditions", list, "a list"), chain)
    parameters = field("parameters", int, "a whole number")
    receptive_field = field("receptive_field", (int, type(None)), "a whole number or null")
    if parameters < 0 or (receptive_field is not None and receptive_field < 0):
        raise wrong(path, "its parameters and receptive_field must not be negative")
    data = field("data", dict, "an object")
    if not all(isinstance(value, str) for value in data.values()):
        raise wrong(path, "its data must map names to texts")
    return CheckpointHeader(
        path=path,
        size_bytes=size,
        name=name,
        title=text("title"),
        architecture=text("architecture"),
        family=text("family"),
        chain=chain,
        factors=factors,
        config=field("config", dict, "an object"),
        parameters=parameters,
        receptive_field=receptive_field,
        data=data,
        training=field("training", dict, "an object"),
        likelihood=_likelihood(path, field("likelihood", dict, "an object")),
    )


def _check_architecture(path: Path, architecture: str) -> None:
    """Raises CheckpointError for a name that nobody provides; looks without importing what it names."""
    if architecture in BUILT_IN:
        return
    known = [*BUILT_IN, *(entry.name for entry in entry_points(group=ENTRY_POINT_GROUP))]
    if architecture not in known:
        raise wrong(path, f"unknown architecture {architecture!r}; known: {', '.join(known)}")


def _chain(path: Path, config: dict[str, Any]) -> Chain:
    try:
        return chain_from_json(config)
    except InputError as error:
        raise wrong(path, f"its chain is wrong: {error}") from None


def _factors(path: Path, config: list[Any], chain: Chain) -> tuple[Factor, ...]:
    """The conditions of a model of this chain, which they may rearrange: those of another chain could not."""
    if len(config) > MAX_FACTORS:
        raise wrong(path, f"it has {len(config)} conditions; at most {MAX_FACTORS} are allowed")
    try:
        factors = factors_from_json(config)
        with refused_as("they do not suit its chain"):
            arranged(chain, factors, {})
    except InputError as error:
        raise wrong(path, f"its conditions are wrong: {error}") from None
    if len({factor.name for factor in factors}) != len(factors):
        raise wrong(path, "two of its conditions have the same name")
    return factors


def _likelihood(path: Path, config: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The measurements by part of the data; a null is a number that could not be had, and is left out."""
    result = {}
    for part, measured in config.items():
        if not isinstance(measured, dict) or not all(
            value is None or (isinstance(value, int | float) and not isinstance(value, bool))
            for value in measured.values()
        ):
            raise wrong(path, f"its likelihood of {part!r} must map names to numbers")
        result[part] = {key: value for key, value in measured.items() if value is not None}
    return result


def _dumps(description: Mapping[str, Any]) -> str:
    return json.dumps(_finite(description), ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    """JSON has no NaN: a number that could not be had becomes null."""
    if isinstance(value, Mapping):
        return {key: _finite(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def build(path: Path, header: CheckpointHeader) -> AutoregressiveModel:
    """The network that the header describes, on torch's current default device, with weights of its own."""
    from models.model import ModelSpec

    # A constructor meets values that its author never thought of, and a plug-in may fail in any way at all.
    try:
        kind = network_class(header.architecture)
        return kind(ModelSpec(header.architecture, header.chain, header.factors, header.config))
    except Exception as error:
        what = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise wrong(path, f"its {header.architecture} network cannot be built: {what}") from error


def plan(path: Path, header: CheckpointHeader) -> AutoregressiveModel:
    """The network without memory for its weights: names and shapes only."""
    import torch
    from torch.overrides import TorchFunctionMode

    drawing = (torch.Tensor.normal_, torch.Tensor.uniform_)

    class WithoutValues(TorchFunctionMode):
        """Skips initialising tensors that hold nothing, for which torch would import its compiler: several seconds."""

        def __torch_function__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            kwargs = kwargs or {}
            if func in drawing or getattr(func, "__module__", "") == "torch.nn.init":
                return args[0] if args else kwargs["tensor"]
            return func(*args, **kwargs)

    with torch.device("meta"), WithoutValues():
        return build(path, header)


def _compare(path: Path, layout: _Layout, plan: AutoregressiveModel) -> None:
    """Names and shapes of the file's tensors must be those of the network that the header describes."""
    expected = plan.state_dict()
    for name, value in expected.items():
        if name not in layout.tensors:
            raise wrong(path, f"tensor {name!r} is missing, which its configuration asks for")
        if not value.is_floating_point():
            raise wrong(path, f"its network keeps {name!r} as {value.dtype}; only floating-point tensors are stored")
        shape = layout.tensors[name].shape
        if tuple(value.shape) != shape:
            raise wrong(path, f"tensor {name!r} has shape {shape}; its configuration asks for {tuple(value.shape)}")
    for name in layout.tensors:
        if name not in expected:
            raise wrong(path, f"tensor {name!r} belongs to nothing in the network that its configuration describes")
    if layout.header.parameters != plan.parameter_count:
        raise wrong(path, f"it claims {layout.header.parameters} parameters; its network has {plan.parameter_count}")


def check_memory(path: Path, header: CheckpointHeader) -> None:
    """Raises CheckpointError for weights that do not fit: systems promise memory that they do not have."""
    from models import hardware

    needed, left = 4 * header.parameters, hardware.memory()
    if left is not None and needed > left:
        raise wrong(path, f"its weights take {needed / 1e9:.1f} GB of memory (float32); {left / 1e9:.1f} GB are left")


def moved(model: AutoregressiveModel, device: str) -> AutoregressiveModel:
    try:
        return model.to(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f"cannot use the device {device!r}: {str(error).splitlines()[0]}") from None
