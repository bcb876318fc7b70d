"""Folders that Hugging Face's libraries saved: a GPT-2 or an ImageGPT as a model of the studio.

Such a folder has a ``config.json``, the weights in ``model.safetensors`` or in several such files that a
``model.safetensors.index.json`` names, and what makes a text out of numbers: of a text ``tokenizer.json``, or
``vocab.json`` and ``merges.txt``; of an image ``preprocessor_config.json`` with its colours. Only these are read.

As of a checkpoint, everything in them is taken for hostile: sizes are capped, what the configuration asks for is
compared with the tables of the tensors before anything is allocated, nothing is executed and nothing is fetched. A
folder whose weights are a pickle, or that asks for code of its own, is refused.

A symbol is a token, in the order of their numbers, but for the one that ends a text, which is the stop symbol and
therefore last; the rows of the embedding are arranged alike.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any

from models.chain import MAX_LEVELS, Chain, ImageChain, Palette
from models.checkpoint import MAX_TEXT, CheckpointHeader, LoadedModel, check_memory, moved, plan
from models.errors import CheckpointError, FileError, InputError
from models.tensor_file import (
    BYTES_PER_ELEMENT,
    SUFFIX,
    Check,
    StoredTensor,
    hash_of,
    opened,
    parse,
    read_table,
    tensor_bytes,
    tensors_of,
    wrong,
)
from models.tokens import TokenChain, Tokens
from models.trace import ModelReference

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
TOKENIZER, VOCABULARY, MERGES = "tokenizer.json", "vocab.json", "merges.txt"
TOKENIZER_CONFIG = "tokenizer_config.json"
WEIGHTS, INDEX = f"model{SUFFIX}", f"model{SUFFIX}.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")

MAX_CONFIG_BYTES = 2**20
MAX_TOKENIZER_BYTES = 2**25
MAX_TOKENIZER_VALUES = 2**21
MAX_FILE_BYTES = 2**34
MAX_ELEMENTS = 2**31
"""Numbers in all tensors that are used: 8 GiB once they are float32, and while a file is read the largest of them a
second time."""
MAX_FILES = 64
Stamp = tuple[tuple[str, int, int], ...]
"""Of files: name, time of the last change, size."""

OTHER_DTYPES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1,
    "I16": 2, "U16": 2, "I32": 4, "U32": 4, "F64": 8, "I64": 8, "U64": 8,
}  # fmt: skip
"""Of tensors that are not used; weights in one of these are refused by name."""

KINDS = {"gpt2": ("GPT-2", "GPT2LMHeadModel"), "imagegpt": ("ImageGPT", "ImageGPTForCausalImageModeling")}
"""By ``model_type``: the title, and the class that the configuration must name if it names any."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "gpt2": {
        "vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12,
        "activation_function": "gelu_new", "tie_word_embeddings": True, "eos_token_id": 50256, "bos_token_id": 50256,
    },
    "imagegpt": {
        "vocab_size": 513, "n_positions": 1024, "n_embd": 512, "n_layer": 24, "n_head": 8,
        "activation_function": "quick_gelu", "tie_word_embeddings": False,
    },
}  # fmt: skip
"""What a configuration leaves out is as the library that wrote it has it."""
MOST = {"vocab_size": MAX_LEVELS + 1, "n_positions": 2**16, "n_embd": 2**14, "n_layer": 200, "n_head": 1024}
"""The largest sizes, before there is a network to say so."""
DEFAULT_TOKENS = 200
"""Of a text for which nobody asks for another number."""
BUFFERS = re.compile(r"h\.\d+\.attn\.(bias|masked_bias)")
"""Tensors that some files have, and that are no weights."""


@dataclass(frozen=True)
class _Config:
    """What the configuration says, in its own words."""

    kind: str
    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name, DEFAULTS[self.kind].get(name))


@dataclass(frozen=True)
class _Folder:
    """What is known of a folder without its weights. rows: of the embedding, in the order of the symbols.

    begin: the row that stands before the first symbol, if any does. files: by name, with the tensors in each, whose
    names are those of the network.
    """

    header: CheckpointHeader
    rows: tuple[int, ...]
    begin: int | None
    files: Mapping[str, Mapping[str, StoredTensor]]
    wanted: Mapping[str, tuple[int, ...]]
    """Names and shapes of the weights in the files."""


def is_folder_of_model(path: Path) -> bool:
    return os.path.isfile(path / CONFIG)


def folder_of(path: Path) -> Path:
    """The folder of a model that one of its files stands for; any other path as it is."""
    is_part = path.name in (CONFIG, WEIGHTS, INDEX) and is_folder_of_model(path.parent)
    return path.parent if is_part and not path.is_dir() else path


def read_header(path: Path) -> CheckpointHeader:
    """As ``checkpoint.read_header``, of a folder."""
    return _read(path).header


def weights_hash(path: Path, check: Check) -> str:
    """As ``checkpoint.weights_hash``, of the tensors that are used, wherever they lie."""
    folder = _read(path)
    digests = {name: hashlib.sha256(data).hexdigest() for name, _, data in _weights(path, folder, check)}
    return _hash(folder, digests)


def load(path: Path, device: str, check: Check) -> LoadedModel:
    """As ``checkpoint.load_checkpoint``, of a folder."""
    import torch

    dtypes = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    folder = _read(path)
    header = folder.header
    check_memory(path, header)
    model = plan(path, header).to_empty(device="cpu")  # all of its weights are in the files
    state = model.state_dict()
    rows = torch.tensor(folder.rows)
    digests: dict[str, str] = {}
    with torch.no_grad():
        for name, tensor, data in _weights(path, folder, check):
            digests[name] = hashlib.sha256(data).hexdigest()
            values: Tensor = torch.frombuffer(data, dtype=dtypes[tensor.dtype]).float().reshape(tensor.shape)
            if not bool(torch.isfinite(values).all()):
                raise wrong(path, f"tensor {name!r} holds NaN or infinite values; all weights must be finite")
            if name == "wte.weight" and folder.begin is not None:
                state["begin"].copy_(values[folder.begin])
            if name in ("wte.weight", "lm_head.weight"):
                torch.index_select(values, 0, rows, out=state[name])  # without a second copy of the largest there is
            else:
                state[name].copy_(values)
    model.requires_grad_(False)
    model.eval()
    if isinstance(header.chain, TokenChain):
        with suppress(InputError):  # here and now, not when somebody begins to type; what is wrong with it is told then
            header.chain.tokens.cut(" ")
    reference = ModelReference(header.name, header.title, _hash(folder, digests), header.chain, header.factors)
    return LoadedModel(moved(model, device), header, reference)


def _read(path: Path) -> _Folder:
    """Everything but the weights, once while the files stay as they are.

    Raises FileError for what cannot be read, and CheckpointError for what is no such folder.
    """
    if not is_folder_of_model(path):
        raise FileError(
            f"cannot read {path}: it is a folder without {CONFIG}; a model is a file that ends in {SUFFIX}, or the "
            "folder of a GPT-2 or an ImageGPT that Hugging Face's libraries saved"
        )
    stamped, known = stamp(path), _known.get(path)
    if known is None or known[0] != stamped:
        known = _known[path] = stamped, _read_now(path, stamped)
    return known[1]


_known: dict[Path, tuple[Stamp, _Folder]] = {}
"""What was read of folders: a list of models asks again and again."""


def stamp(path: Path) -> Stamp:
    """Of the files in a folder that could be read. Raises FileError."""
    try:
        files = sorted((entry.name, entry.stat()) for entry in os.scandir(path) if entry.name.endswith((
            ".json", ".txt", SUFFIX)))  # fmt: skip
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from None
    return tuple((name, status.st_mtime_ns, status.st_size) for name, status in files)


def _read_now(path: Path, stamped: Stamp) -> _Folder:
    config = _config(path)
    try:
        network = _network(config)
    except InputError as error:
        raise wrong(path / CONFIG, str(error)) from None
    rows: tuple[int, ...]
    chain: Chain
    if config.kind == "gpt2":
        chain, rows, begin = _texts(path, config)
    else:
        chain, rows, begin = _images(path, config)
    wanted = _wanted(config, network)
    files = _files(path, wanted, tied=bool(config["tie_word_embeddings"]))
    name = _name(path)
    header = CheckpointHeader(
        path=path,
        size_bytes=sum(size for _, _, size in stamped),
        name=re.sub(r"[^\w.+-]", "-", name).lstrip(".+-") or "model",
        title=f"{KINDS[config.kind][0]} · {name}",
        architecture="gpt2",
        family="attention",
        chain=chain,
        factors=(),
        config={**network, "begins": begin is not None},
        parameters=sum(math.prod(shape) for shape in wanted.values()),
        receptive_field=None,
        data={},
        training={},
        likelihood={},
    )
    return _Folder(header, rows, begin, files, wanted)


def _name(path: Path) -> str:
    """What people call it: the folder's name, of a cache that of the model it is a snapshot of."""
    cached = path.parent.name == "snapshots" and path.parent.parent.name.startswith("models--")
    name = path.parent.parent.name.removeprefix("models--").replace("--", "/") if cached else path.name
    return "".join(c if c.isprintable() else "-" for c in name)[: MAX_TEXT // 2].strip() or "model"


# --- what the folder says --------------------------------------------------------------------------------------------


def _json(path: Path, name: str, *, most_bytes: int = MAX_CONFIG_BYTES) -> dict[str, Any]:
    raw = _bytes(path / name, most_bytes)
    return parse(path / name, raw, "the file", most_values=MAX_TOKENIZER_VALUES)


def _bytes(path: Path, most: int) -> bytes:
    with opened(path) as (file, size):
        if size > most:
            raise wrong(path, f"the file has {size} bytes; it has at most {most}")
        return file.read(most)


def _config(path: Path) -> _Config:
    """The configuration of a model that can be opened. Raises CheckpointError that says what another one is."""
    values, file = _json(path, CONFIG), path / CONFIG
    if "auto_map" in values:
        raise wrong(file, "it asks for code of its own (auto_map), which is not executed here")
    kind, classes = values.get("model_type"), values.get("architectures")
    named = ", ".join(map(str, classes)) if isinstance(classes, list) else ""
    known = " and ".join(f"{title} ({name})" for title, name in KINDS.values())
    if not isinstance(kind, str) or kind not in KINDS or (named and named != KINDS[kind][1]):
        what = f"{kind!r}{f' ({named})' if named else ''}" if kind is not None or named else "not named"
        raise wrong(file, f"its architecture is {what}; what can be opened is {known}")
    if "quantization_config" in values:
        how = values["quantization_config"]
        method = how.get("quant_method", "unknown") if isinstance(how, dict) else how
        raise wrong(file, f"its weights are quantised (quant_method {method!r}); save them as float32 or float16")
    if values.get("add_cross_attention"):
        raise wrong(file, "it hears an encoder (add_cross_attention), which is not here")
    return _Config(kind, values)


def _network(config: _Config) -> dict[str, Any]:
    """The sizes as the network's constructor understands them; raises InputError for what is none."""
    for name, most in MOST.items():
        if type(config[name]) is not int or not 1 <= config[name] <= most:
            raise InputError(f"its {name} is a whole number in 1 … {most}, not {config[name]!r}")
    inner, epsilon = config["n_inner"], config["layer_norm_epsilon"]
    if inner is not None and (type(inner) is not int or not 1 <= inner <= MOST["n_positions"]):
        raise InputError(f"its n_inner is a whole number in 1 … {MOST['n_positions']}, or null, not {inner!r}")
    return {
        "layers": config["n_layer"],
        "width": config["n_embd"],
        "heads": config["n_head"],
        "inner": 4 * config["n_embd"] if inner is None else inner,
        "positions": config["n_positions"],
        "activation": config["activation_function"],
        "epsilon": 1e-5 if epsilon is None else epsilon,
        "centred": config.kind == "gpt2",
        "tied": bool(config["tie_word_embeddings"]),
        "scaled": config["scale_attn_weights"] is not False,
        "scaled_by_layer": config["scale_attn_by_inverse_layer_idx"] is True,
    }


def _wanted(config: _Config, network: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights that the files must have, as the network names them."""
    width, inner = network["width"], network["inner"]
    norms = ("weight", "bias") if network["centred"] else ("weight",)
    shapes: dict[str, tuple[int, ...]] = {
        "wte.weight": (config["vocab_size"], width),
        "wpe.weight": (network["positions"], width),
        **{f"ln_f.{part}": (width,) for part in norms},
    }
    for layer in range(network["layers"]):
        block = f"h.{layer}."
        shapes |= {f"{block}{norm}.{part}": (width,) for norm in ("ln_1", "ln_2") for part in norms}
        for name, ins, outs in (
            ("attn.c_attn", width, 3 * width),
            ("attn.c_proj", width, width),
            ("mlp.c_fc", width, inner),
            ("mlp.c_proj", inner, width),
        ):
            shapes |= {f"{block}{name}.weight": (ins, outs), f"{block}{name}.bias": (outs,)}
    if not network["tied"]:
        # Of images the token that begins one is none that can follow.
        shapes["lm_head.weight"] = (config["vocab_size"] - (config.kind == "imagegpt"), width)
    return shapes


def _token(config: _Config, name: str) -> int | None:
    """The number of a special token, the first of several; None where the embedding has no row for it."""
    value = config[name]
    first = value[0] if isinstance(value, list) and value else value
    return first if type(first) is int and 0 <= first < config["vocab_size"] else None


# --- texts -----------------------------------------------------------------------------------------------------------


def _texts(path: Path, config: _Config) -> tuple[TokenChain, tuple[int, ...], int | None]:
    """The chain, the rows of the symbols, and the row that begins a text."""
    content = _tokenizer(path)
    count, stop = config["vocab_size"], _token(config, "eos_token_id")
    begin = _token(config, "bos_token_id")
    file = path / (TOKENIZER if os.path.isfile(path / TOKENIZER) else VOCABULARY)
    pieces = _pieces(file, content, count)
    rows = [row for row in range(count) if row != stop]
    try:
        tokens = Tokens.of(
            [pieces[row] for row in rows], stop=stop is not None, tokenizer=json.dumps(content), skipped=stop
        )
        positions = config["n_positions"]
        chain = TokenChain(tokens, min(DEFAULT_TOKENS, positions), positions)
    except InputError as error:
        raise wrong(path, str(error)) from None
    return chain, (*rows, *([stop] if stop is not None else [])), stop if begin is None else begin


def _tokenizer(path: Path) -> dict[str, Any]:
    """As the content of a ``tokenizer.json``, which GPT-2's own two files are made into where there is none."""
    about = path / TOKENIZER_CONFIG
    if os.path.isfile(about) and "auto_map" in _json(path, TOKENIZER_CONFIG, most_bytes=MAX_TOKENIZER_BYTES):
        raise wrong(about, "it asks for code of its own (auto_map), which is not executed here")
    if os.path.isfile(path / TOKENIZER):
        return _json(path, TOKENIZER, most_bytes=MAX_TOKENIZER_BYTES)
    missing = [name for name in (VOCABULARY, MERGES) if not os.path.isfile(path / name)]
    if missing:
        raise FileError(
            f"cannot read {path}: it has no tokenizer, neither {TOKENIZER} nor {VOCABULARY} with {MERGES}; "
            f"missing: {', '.join([TOKENIZER, *missing])}"
        )
    vocabulary = _json(path, VOCABULARY, most_bytes=MAX_TOKENIZER_BYTES)
    try:
        lines = _bytes(path / MERGES, MAX_TOKENIZER_BYTES).decode().split("\n")
    except UnicodeDecodeError:
        raise wrong(path / MERGES, "it is not UTF-8 text") from None
    ends = "<|endoftext|>"
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    by_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": vocabulary[ends], "content": ends, **special}] if ends in vocabulary else [],
        "normalizer": None,
        "pre_tokenizer": by_bytes,
        "post_processor": None,
        "decoder": by_bytes,
        "model": {
            "type": "BPE",
            "vocab": vocabulary,
            "merges": [line.rstrip("\r") for line in lines if line.strip() and not line.startswith("#version")],
        },
    }


def _pieces(file: Path, content: Mapping[str, Any], count: int) -> list[bytes]:
    """The bytes of so many tokens, none of those that the embedding has rows for and the tokenizer no text."""
    model, decoder = content.get("model"), content.get("decoder")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocabulary, list):  # of a unigram model: pairs of a token and its score
        tokens = [pair[0] if isinstance(pair, list) and pair else None for pair in vocabulary]
        vocabulary = {token: n for n, token in enumerate(tokens) if isinstance(token, str)}
    added = content.get("added_tokens") or []
    if not isinstance(vocabulary, dict) or not isinstance(added, list):
        raise wrong(file, "not a tokenizer: it has no vocabulary")
    if isinstance(model, dict) and (model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")):
        raise wrong(file, "its tokens mark where words begin or end, unlike those of GPT-2 (ByteLevel) or plain text")
    steps = decoder.get("decoders", [decoder]) if isinstance(decoder, dict) else [decoder]
    if not isinstance(steps, list):
        raise wrong(file, f"not a tokenizer: its decoders are no list but {shortened(steps)}")
    ways = [step.get("type") if isinstance(step, dict) else None for step in steps if step is not None]
    for way in ways:
        if way not in ("ByteLevel", "Fuse"):
            raise wrong(
                file, f"its tokens become a text by {way!r}; what can be read is ByteLevel, as of GPT-2, or none"
            )
    by_bytes = "ByteLevel" in ways
    pieces = [b""] * count
    own = [(token, number, False) for token, number in vocabulary.items()]
    special = [(row.get("content"), row.get("id"), True) for row in added if isinstance(row, dict)]
    for token, number, whole in [*own, *special]:
        if not isinstance(token, str) or type(number) is not int or number < 0:
            raise wrong(file, f"not a tokenizer: its token {token!r} has the number {number!r}")
        if number >= count:
            most = 1 + max(n for _, n, _ in [*own, *special] if isinstance(n, int))
            raise wrong(file, f"it has {most} tokens, and the embedding of the model only {count} (vocab_size)")
        pieces[number] = token.encode() if whole or not by_bytes else _bytes_of(token)
    return pieces


@functools.cache
def _byte_letters() -> dict[str, int]:
    """The letter that stands for each byte in GPT-2's vocabulary: itself where it can be seen, else one from 256 on."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    unseen = [byte for byte in range(256) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {chr(256 + n): byte for n, byte in enumerate(unseen)}


def _bytes_of(token: str) -> bytes:
    letters = _byte_letters()
    try:
        return bytes([letters[letter] for letter in token])
    except KeyError:  # one that was added to the vocabulary as it is
        return token.encode()


# --- images ----------------------------------------------------------------------------------------------------------


def _images(path: Path, config: _Config) -> tuple[ImageChain, tuple[int, ...], int | None]:
    """The chain, the rows of the symbols, and the row that begins an image: the last one."""
    if not os.path.isfile(path / PREPROCESSOR):
        raise FileError(f"cannot read {path}: it has no {PREPROCESSOR}, which has the colours of its images")
    about, file, count = _json(path, PREPROCESSOR), path / PREPROCESSOR, config["vocab_size"] - 1
    clusters = about.get("clusters")
    triples = isinstance(clusters, list) and all(
        isinstance(row, list) and len(row) == 3 and all(type(n) in (int, float) and -2 <= n <= 2 for n in row)
        for row in clusters
    )
    if not isinstance(clusters, list) or not triples:
        raise wrong(file, "its clusters must be the colours of the images: a list of three numbers in -1 … 1 each")
    if len(clusters) != count:
        raise wrong(file, f"it has {len(clusters)} clusters; the embedding of the model (vocab_size) asks for {count}")
    colours = tuple(tuple(min(255, max(0, round(127.5 * (n + 1)))) for n in row) for row in clusters)
    size, positions = about.get("size"), config["n_positions"]
    height, width = (size.get("height"), size.get("width")) if isinstance(size, dict) else (size, size)
    if height is None or width is None:
        height = width = math.isqrt(positions)
    if type(height) is not int or type(width) is not int or height * width != positions:
        raise wrong(file, f"its images of {height} x {width} pixels do not have the {positions} of n_positions")
    try:
        return ImageChain(Palette(count, False, colours), height, width), tuple(range(count)), count
    except InputError as error:
        raise wrong(file, str(error)) from None


# --- weights ---------------------------------------------------------------------------------------------------------


def _files(path: Path, wanted: Mapping[str, tuple[int, ...]], *, tied: bool) -> dict[str, dict[str, StoredTensor]]:
    """The files of the weights, each with its tensors in the order of its bytes, compared with what is wanted."""
    files = {name: _tensors(path / name) for name in _file_names(path)}
    known = {tensor: name for name, tensors in files.items() for tensor in tensors}
    for name, shape in wanted.items():
        if name not in known:
            raise wrong(path, f"tensor {name!r} is missing, which its configuration asks for")
        found = files[known[name]][name]
        if found.shape != shape:
            raise wrong(path, f"tensor {name!r} has shape {found.shape}; its configuration asks for {shape}")
        if found.dtype not in BYTES_PER_ELEMENT:
            allowed = ", ".join(BYTES_PER_ELEMENT)
            raise wrong(path, f"tensor {name!r} has dtype {found.dtype}, as quantised weights have; allowed: {allowed}")
    for name in known:
        if name not in wanted and not BUFFERS.fullmatch(name) and not (tied and name == "lm_head.weight"):
            raise wrong(path, f"tensor {name!r} belongs to nothing in the network that its configuration describes")
    if sum(map(len, files.values())) != len(known):
        raise wrong(path, "several of its files have a tensor of the same name")
    if (elements := sum(math.prod(shape) for shape in wanted.values())) > MAX_ELEMENTS:
        raise wrong(path, f"its weights are {elements} numbers; at most {MAX_ELEMENTS} are allowed")
    return files


def _file_names(path: Path) -> list[str]:
    if os.path.isfile(path / WEIGHTS):
        return [WEIGHTS]
    if os.path.isfile(path / INDEX):
        table = _json(path, INDEX).get("weight_map")
        names = sorted({str(name) for name in table.values()}) if isinstance(table, dict) else []
        plain = all(re.fullmatch(rf"\w[\w.-]*{re.escape(SUFFIX)}", name) for name in names)
        if not 1 <= len(names) <= MAX_FILES or not plain:
            raise wrong(path / INDEX, f"its weight_map must name 1 to {MAX_FILES} {SUFFIX} files beside it")
        return names
    pickled = next((name for name in PICKLES if os.path.isfile(path / name)), None)
    if pickled is not None:
        raise CheckpointError(
            f"{path}: its weights are in {pickled}, a pickle, which would execute whatever is in it; save them as "
            f"{WEIGHTS} (save_pretrained with safe_serialization=True)"
        )
    raise FileError(f"cannot read {path}: it has no weights, neither {WEIGHTS} nor {INDEX}")


def _tensors(path: Path) -> dict[str, StoredTensor]:
    """Of one file, by the names of the network: without those of the classes around it."""
    with opened(path) as (file, size):
        table, data_bytes = read_table(path, file, size, most_bytes=MAX_FILE_BYTES)
    found = tensors_of(path, table, data_bytes, most_elements=2 * MAX_ELEMENTS, dtypes=BYTES_PER_ELEMENT | OTHER_DTYPES)
    return {name.removeprefix("transformer."): tensor for name, tensor in found.items()}


def _weights(path: Path, folder: _Folder, check: Check) -> Iterator[tuple[str, StoredTensor, bytearray]]:
    """Every weight that is used and its bytes, one at a time."""
    for file_name, tensors in folder.files.items():
        used = {name: tensor for name, tensor in tensors.items() if name in folder.wanted}
        with opened(path / file_name) as (file, size):
            _, data_bytes = read_table(path / file_name, file, size, most_bytes=MAX_FILE_BYTES)
            start = size - data_bytes
            for name, tensor in used.items():
                file.seek(start + tensor.begin)
                ((_, data),) = tensor_bytes(path / file_name, file, {name: tensor}, check)
                yield name, tensor, data


def _hash(folder: _Folder, digests: Mapping[str, str]) -> str:
    used = {name: tensor for tensors in folder.files.values() for name, tensor in tensors.items()}
    return hash_of({name: used[name] for name in folder.wanted}, digests)
