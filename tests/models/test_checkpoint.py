"""Checkpoints: what is saved is loaded, and nothing in a file can do more than be refused in one line."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from models.atomic import atomic_path, reason, write_atomically
from models.chain import GreyLevels, ImageChain, MuLaw, SoundChain
from models.checkpoint import (
    MAX_FILE_BYTES,
    METADATA_KEY,
    ROUNDED,
    halve,
    load_checkpoint,
    read_header,
    save_checkpoint,
    update_header,
    weights_hash,
)
from models.condition import Category, Order
from models.errors import CheckpointError, FileError, InputError
from models.formats import format_named
from models.model import AutoregressiveModel, ModelSpec
from models.networks.gated_pixelcnn import GatedPixelCNN
from models.networks.wavenet import WaveNet
from models.tensor_file import MAX_HEADER_BYTES

DIGIT = Category("digit", ("0", "1", "2"), any=True)
LIKELIHOOD = {"valid": {"bits_per_dim": 1.25, "examples": 10}}

Description = dict[str, Any]
Table = dict[str, Any]


def pixelcnn() -> AutoregressiveModel:
    torch.manual_seed(5)
    chain = ImageChain(GreyLevels(4), 5, 6)
    return GatedPixelCNN(
        ModelSpec("gated_pixelcnn", chain, (DIGIT,), {"channels": 4, "head": 8, "first_rows": 2, "dilations": [1, 2]})
    ).eval()


def wavenet() -> AutoregressiveModel:
    torch.manual_seed(6)
    chain = SoundChain(MuLaw(16, stop=True), 8000, 0.01, 0.1)
    return WaveNet(
        ModelSpec("wavenet", chain, (DIGIT,), {"residual": 4, "skip": 4, "head": 4, "dilations": [1, 2, 4]})
    ).eval()


def write(path: Path, model: AutoregressiveModel) -> Path:
    save_checkpoint(
        path,
        model,
        name="tiny",
        title="Tiny · test",
        data={"name": "noise", "licence": "CC0"},
        training={"steps": 3},
        likelihood=LIKELIHOOD,
    )
    return path


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a small valid checkpoint."""
    return write(tmp_path_factory.mktemp("valid") / "tiny.safetensors", pixelcnn()).read_bytes()


def take_apart(content: bytes) -> tuple[Table, Description, bytes]:
    length = int.from_bytes(content[:8], "little")
    table = json.loads(content[8 : 8 + length])
    return table, json.loads(table["__metadata__"][METADATA_KEY]), content[8 + length :]


def put_together(table: Table, description: Description | None, data: bytes) -> bytes:
    if description is not None:
        table = {**table, "__metadata__": {METADATA_KEY: json.dumps(description)}}
    raw = json.dumps(table).encode()
    return len(raw).to_bytes(8, "little") + raw + data


def refused(path: Path, content: bytes) -> str:
    """The one line with which loading a file of this content is refused."""
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 1000
    return message


@contextmanager
def peak_below(limit_bytes: int) -> Iterator[None]:
    """Fails if Python's own allocations, or the process's resident memory, rise by more than this."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit_bytes
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < limit_bytes


# --- what is saved is loaded -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [pixelcnn, wavenet])
def test_a_saved_model_comes_back_with_the_same_weights_and_conditionals(
    tmp_path: Path, make: Callable[[], AutoregressiveModel]
) -> None:
    model = make()
    loaded = load_checkpoint(write(tmp_path / "tiny.safetensors", model)).model
    before, after = model.state_dict(), loaded.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    symbols = torch.randint(0, 4, (2, 20))
    condition = model.condition_tensor([{"digit": "1"}, {"digit": "any"}])
    with torch.inference_mode():
        expected = model.conditionals(symbols, condition).dense()
        assert torch.equal(expected, loaded.conditionals(symbols, condition).dense())


def test_a_loaded_model_is_in_eval_mode_and_takes_no_gradients(tmp_path: Path) -> None:
    model = load_checkpoint(write(tmp_path / "tiny.safetensors", pixelcnn().train())).model
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_the_header_says_what_was_saved(tmp_path: Path) -> None:
    model = wavenet()
    path = write(tmp_path / "tiny.safetensors", model)
    header = read_header(path)
    assert (header.path, header.size_bytes) == (path, path.stat().st_size)
    assert (header.name, header.title) == ("tiny", "Tiny · test")
    assert (header.architecture, header.family) == (model.architecture, model.family)
    assert (header.chain, header.factors) == (model.chain, model.factors)
    assert header.config == model.spec.config
    assert header.parameters == model.parameter_count
    assert header.receptive_field == model.receptive_field
    assert header.data == {"name": "noise", "licence": "CC0"}
    assert header.training == {"steps": 3}
    assert header.likelihood == LIKELIHOOD


def test_the_reference_of_a_loaded_model_carries_the_hash_of_its_weights(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.safetensors", pixelcnn())
    loaded = load_checkpoint(path)
    assert loaded.reference.weights == weights_hash(path)
    assert (loaded.reference.name, loaded.reference.chain) == ("tiny", loaded.model.chain)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights_are_loaded_as_float32(tmp_path: Path, content: bytes, dtype: torch.dtype) -> None:
    _, description, _ = take_apart(content)
    half = {name: tensor.to(dtype) for name, tensor in load(content).items()}
    path = tmp_path / "half.safetensors"
    path.write_bytes(save(half, metadata={METADATA_KEY: json.dumps(description)}))
    state = load_checkpoint(path).model.state_dict()
    assert all(state[name].dtype == torch.float32 and torch.equal(state[name], half[name].float()) for name in half)


def test_numbers_that_could_not_be_measured_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.safetensors", pixelcnn())
    header = update_header(path, likelihood={"test": {"bits_per_dim": 1.0, "nats_standard_error": float("nan")}})
    assert header.likelihood == {"test": {"bits_per_dim": 1.0}}


def test_a_checkpoint_is_found_through_a_link(tmp_path: Path) -> None:
    write(tmp_path / "tiny.safetensors", pixelcnn())
    link = tmp_path / "link.safetensors"
    link.symlink_to("tiny.safetensors")
    assert load_checkpoint(link).header.name == "tiny"


def test_reading_a_header_imports_no_torch(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.safetensors", pixelcnn())
    code = (
        "import sys; from pathlib import Path; from models.checkpoint import read_header, weights_hash;"
        f"p = Path({str(path)!r}); read_header(p); weights_hash(p); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_loading_does_not_import_torchs_compiler(tmp_path: Path) -> None:
    """It takes seconds, and initialising weights on the meta device would do it."""
    path = write(tmp_path / "tiny.safetensors", pixelcnn())
    code = (
        "import sys; from pathlib import Path; from models.checkpoint import load_checkpoint;"
        f"load_checkpoint(Path({str(path)!r})); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_device_is_the_users_mistake_and_not_the_files(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.safetensors", pixelcnn())
    with pytest.raises(InputError, match="abacus"):
        load_checkpoint(path, "abacus")


# --- plug-ins ----------------------------------------------------------------------------------------------------

PLUG_IN = """
import torch
from torch import nn
from models.conditional import Categorical
from models.model import AutoregressiveModel

class Tied(AutoregressiveModel):
    architecture, family, title = "tied", "test", "Tied"

    def __init__(self, spec):
        super().__init__(spec)
        self.inputs = nn.Embedding(spec.chain.alphabet.size, 3)
        self.outputs = nn.Linear(3, spec.chain.alphabet.size, bias=False)
        self.outputs.weight = self.inputs.weight

    def conditionals(self, symbols, condition):
        past = nn.functional.pad(symbols, (1, 0))[:, :-1]
        return Categorical(self.outputs(self.inputs(past)))
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Installs a package whose module offers the architecture ``tied``."""

    def put(source: str) -> None:
        site = tmp_path / "site"
        (site / "tied_plug_in-1.0.dist-info").mkdir(parents=True)
        (site / "tied_plug_in-1.0.dist-info" / "METADATA").write_text("Name: tied-plug-in\nVersion: 1.0\n")
        (site / "tied_plug_in-1.0.dist-info" / "entry_points.txt").write_text(
            "[sampling_studio.models]\ntied = tied_plug_in:Tied\n"
        )
        (site / "tied_plug_in.py").write_text(source)
        monkeypatch.syspath_prepend(site)

    yield put
    sys.modules.pop("tied_plug_in", None)


def tied_checkpoint(path: Path) -> Path:
    from models.networks import network_class

    return write(path, network_class("tied")(ModelSpec("tied", ImageChain(GreyLevels(4), 2, 2), (), {})))


def test_a_plug_ins_model_is_loaded_and_its_tied_weights_stay_tied(
    tmp_path: Path, install: Callable[[str], None]
) -> None:
    install(PLUG_IN)
    model = load_checkpoint(tied_checkpoint(tmp_path / "tied.safetensors")).model
    assert model.architecture == "tied"
    assert model.get_parameter("inputs.weight") is model.get_parameter("outputs.weight")
    assert model.parameter_count == 12


def test_a_header_is_read_without_importing_the_plug_in(tmp_path: Path, install: Callable[[str], None]) -> None:
    install(PLUG_IN)
    path = tied_checkpoint(tmp_path / "tied.safetensors")
    del sys.modules["tied_plug_in"]
    assert read_header(path).architecture == "tied"
    assert "tied_plug_in" not in sys.modules


def test_a_plug_in_that_fails_is_a_problem_of_the_checkpoint(tmp_path: Path, install: Callable[[str], None]) -> None:
    install(PLUG_IN)
    path = tied_checkpoint(tmp_path / "tied.safetensors")
    del sys.modules["tied_plug_in"]
    (tmp_path / "site" / "tied_plug_in.py").write_text("import a_package_that_is_not_there")
    with pytest.raises(CheckpointError, match=r"tied\.safetensors.*a_package_that_is_not_there"):
        load_checkpoint(path)


# --- hash and description ----------------------------------------------------------------------------------------


def test_the_hash_does_not_change_with_the_description(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.safetensors", pixelcnn())
    before = weights_hash(path)
    update_header(path, training={"steps": 4, "note": "a longer description moves the data" * 9})
    assert weights_hash(path) == before
    assert len(before) == 16
    int(before, 16)


def test_the_hash_changes_with_one_bit_of_the_weights(tmp_path: Path, content: bytes) -> None:
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    first.write_bytes(content)
    second.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert weights_hash(first) != weights_hash(second)


def test_the_hash_does_not_depend_on_the_order_in_the_file(tmp_path: Path, content: bytes) -> None:
    table, description, data = take_apart(content)
    tensors = {name: row for name, row in table.items() if name != "__metadata__"}
    moved, parts, begin = {}, [], 0
    for name, row in reversed(tensors.items()):
        part = data[slice(*row["data_offsets"])]
        moved[name] = {**row, "data_offsets": [begin, begin + len(part)]}
        parts.append(part)
        begin += len(part)
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    first.write_bytes(content)
    second.write_bytes(put_together(moved, description, b"".join(parts)))
    assert weights_hash(first) == weights_hash(second)
    assert load_checkpoint(second).reference.weights == weights_hash(first)


def test_a_measured_likelihood_is_written_without_touching_the_rest(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.safetensors", pixelcnn())
    before = read_header(path)
    assert (before.measured_on, before.bits_per_dim) == ("valid", 1.25)
    weights = load(path.read_bytes())
    after = update_header(path, likelihood={**before.likelihood, "test": {"bits_per_dim": 1.5}})
    assert after == read_header(path)
    assert (after.measured_on, after.bits_per_dim) == ("test", 1.5)
    assert after.training == before.training
    assert all(torch.equal(tensor, weights[name]) for name, tensor in load(path.read_bytes()).items())


def test_weights_in_16_bits_are_half_as_large_and_what_was_measured_of_them_is_gone(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.safetensors", pixelcnn())
    before, weights = read_header(path), load_checkpoint(path)
    size = path.stat().st_size
    after = halve(path)
    assert after == read_header(path)
    assert path.stat().st_size < 0.75 * size  # the description is as long
    assert dict(after.likelihood) == {}
    assert after.training == {**before.training, "note": ROUNDED}
    rounded = load_checkpoint(path)
    assert rounded.reference.weights != weights.reference.weights
    for one, other in zip(rounded.model.parameters(), weights.model.parameters(), strict=True):
        assert torch.equal(one, other.half().float())


def test_weights_beyond_16_bits_stay_as_they_are(tmp_path: Path) -> None:
    model = pixelcnn()
    with torch.no_grad():
        next(iter(model.parameters())).fill_(1e6)
    path = write(tmp_path / "tiny.safetensors", model)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="numbers beyond those of 16 bits"):
        halve(path)
    assert path.read_bytes() == before


def test_a_description_that_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.safetensors", pixelcnn())
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="likelihood"):
        update_header(path, likelihood={"test": {"bits_per_dim": "low"}})  # type: ignore[dict-item]
    assert path.read_bytes() == before


def test_a_model_that_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    model = pixelcnn()
    model.register_buffer("counts", torch.zeros(3, dtype=torch.int64))
    with pytest.raises(CheckpointError, match=r"counts.*I64"):
        write(tmp_path / "tiny.safetensors", model)
    assert not list(tmp_path.iterdir())


# --- files that are none -----------------------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.safetensors.*no such file"):
        read_header(tmp_path / "none.safetensors")


def test_a_folder_is_named_as_one(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="it is a folder"):
        read_header(tmp_path)


def test_a_link_to_nothing_and_a_link_to_itself_are_refused(tmp_path: Path) -> None:
    for target in ("nothing", "link.safetensors"):
        link = tmp_path / "link.safetensors"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        with pytest.raises(FileError, match=r"link\.safetensors"):
            read_header(link)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a thing of Unix")
def test_a_named_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(FileError, match="not a regular file"):
        read_header(tmp_path / "pipe.safetensors")


def test_a_path_with_a_null_character_is_refused() -> None:
    with pytest.raises(FileError, match="not a path"):
        read_header(Path("a\0.safetensors"))


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are a thing of Unix")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.safetensors", pixelcnn())
    path.chmod(0)
    with as_nobody(), pytest.raises(FileError, match=r"tiny\.safetensors: permission denied"):
        read_header(path)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything, so for a while we are somebody else."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"abc", "not a checkpoint"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not a checkpoint"),
        (b"PK\x03\x04" + bytes(100), "not a checkpoint"),
        ((50).to_bytes(8, "little") + b"{}", "truncated"),
        ((2**63).to_bytes(8, "little") + b"{}", "not a checkpoint"),
        ((0).to_bytes(8, "little"), "not the expected JSON"),
        ((2).to_bytes(8, "little") + b"[]", "JSON object"),
        ((2).to_bytes(8, "little") + b"{}", METADATA_KEY),
        ((4).to_bytes(8, "little") + b"\xff\xfe{}", "UTF-8"),
        ((10).to_bytes(8, "little") + b'{"a":NaN} ', "NaN"),
        ((11).to_bytes(8, "little") + b'{"a":1e999}', "float"),
        ((21).to_bytes(8, "little") + b'{"a":"x", "a": "\\uD8"}'[:21], "JSON"),
        ((13).to_bytes(8, "little") + b'{"a":1,"a":2}', "twice"),
    ],
)
def test_what_is_not_a_checkpoint_is_called_so(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refused(tmp_path / "bad.safetensors", content)


def test_somebody_elses_safetensors_file_is_called_so(tmp_path: Path) -> None:
    message = refused(tmp_path / "other.safetensors", save({"weight": torch.zeros(3)}))
    assert "safetensors file, but not a checkpoint of this program" in message


def test_a_file_above_the_cap_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with peak_below(2**20), pytest.raises(CheckpointError, match=rf"huge\.safetensors.*at most {MAX_FILE_BYTES}"):
        load_checkpoint(path)


def test_deep_and_wide_json_is_refused_with_little_memory(tmp_path: Path) -> None:
    for raw in (b"[" * 100_000, b'{"a":' * 90_000, b"[" + b"[]," * (MAX_HEADER_BYTES // 4), b"9" * 5000):
        with peak_below(40 * 2**20):
            refused(tmp_path / "bomb.safetensors", len(raw).to_bytes(8, "little") + raw)


# --- damaged tensors ---------------------------------------------------------------------------------------------


def test_a_truncated_file_is_called_so_wherever_it_ends(tmp_path: Path, content: bytes) -> None:
    start = 8 + int.from_bytes(content[:8], "little")
    for end in (start - 1, start, start + 1, len(content) - 1):
        assert "truncated" in refused(tmp_path / "cut.safetensors", content[:end])


def test_trailing_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    assert "damaged" in refused(tmp_path / "long.safetensors", content + b"\0\0\0\0")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_refused_by_name(tmp_path: Path, content: bytes, value: float) -> None:
    _, description, _ = take_apart(content)
    tensors = load(content)
    tensors["head.weight"].view(-1)[3] = value
    broken = save(tensors, metadata={METADATA_KEY: json.dumps(description)})
    message = refused(tmp_path / "nan.safetensors", broken)
    assert "head.weight" in message
    assert "finite" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dtype": "I64"}, "F32, F16, BF16"),
        ({"dtype": ["F32"]}, "dtype"),
        ({"dtype": "F16"}, "needs"),
        ({"shape": [8, -1]}, "shape"),
        ({"shape": [8.0, 4, 1, 1]}, "shape"),
        ({"shape": [True, 32]}, "shape"),
        ({"shape": [1, 1, 8, 4, 1]}, "at most 4"),
        ({"shape": [2**62, 2**62, 2**62, 2**62]}, "needs"),
        ({"shape": "84"}, "shape"),
        ({"data_offsets": [0]}, "data_offsets"),
        ({"data_offsets": [-4, 124]}, "data_offsets"),
        ({"data_offsets": [128, 0]}, "needs"),
        ({"data_offsets": [0, 128]}, "begins at"),
        ({"data_offsets": None}, "data_offsets"),
        ({"extra": 1}, "described by"),
    ],
)
def test_a_wrong_row_of_the_tensor_table_is_named(
    tmp_path: Path, content: bytes, change: dict[str, Any], words: str
) -> None:
    table, description, data = take_apart(content)
    table["head.weight"] |= change
    message = refused(tmp_path / "bad.safetensors", put_together(table, description, data))
    assert "'head.weight'" in message
    assert words in message


def test_tensors_that_share_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    table, description, data = take_apart(content)
    table["twin"] = table["out.bias"]
    assert "begins at byte" in refused(tmp_path / "bad.safetensors", put_together(table, description, data))


def test_empty_tensors_cannot_hide_absurd_numbers(tmp_path: Path, content: bytes) -> None:
    table, description, data = take_apart(content)
    table["void"] = {"dtype": "F32", "shape": [2**60, 0], "data_offsets": [len(data), len(data)]}
    assert "'void'" in refused(tmp_path / "bad.safetensors", put_together(table, description, data))


def test_missing_and_surplus_and_misshaped_tensors_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.safetensors"
    _, description, _ = take_apart(content)
    metadata = {METADATA_KEY: json.dumps(description)}
    tensors = load(content)
    missing = {name: tensor for name, tensor in tensors.items() if name != "out.bias"} | {"spare": torch.zeros(99)}
    assert "'out.bias' is missing" in refused(path, save(missing, metadata))
    assert "'surplus'" in refused(path, save(tensors | {"surplus": torch.zeros(2)}, metadata))
    transposed = tensors | {"out.weight": tensors["out.weight"].transpose(0, 1).contiguous()}
    message = refused(path, save(transposed, metadata))
    assert "'out.weight' has shape (8, 4, 1, 1); its configuration asks for (4, 8, 1, 1)" in message


# --- descriptions that lie ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "newer version"),
        ({"format": "1"}, "whole number"),
        ({"name": "../../etc/passwd"}, "letters, digits"),
        ({"name": ""}, "name"),
        ({"title": "two\nlines"}, "one line"),
        ({"title": "\ud800"}, "UTF-8"),
        ({"architecture": "os.system"}, "unknown architecture 'os.system'; known: gated_pixelcnn, wavenet"),
        ({"architecture": "wavenet"}, "models sound"),
        ({"chain": {"modality": "smell"}}, "chain"),
        ({"chain": []}, "chain"),
        ({"conditions": [{"name": "digit"}]}, "conditions"),
        ({"conditions": [DIGIT.to_json()] * 2}, "same name"),
        ({"conditions": [Order("order", 6, 5).to_json()]}, "order is one of images of 6 x 5, not of 5 x 6"),
        ({"conditions": [Order("order", 5, 6).to_json()]}, "'order' is a order"),
        ({"conditions": [{"name": f"f{n}", "values": ["0"], "any": True} for n in range(100)]}, "at most 64"),
        ({"conditions": [{"name": "digit", "values": "012", "any": True}]}, "list of values"),
        ({"config": [1]}, "config"),
        ({"config": {}}, "cannot be built"),
        ({"config": {"channels": "many", "head": 8, "first_rows": 2, "dilations": [1, 2]}}, "cannot be built"),
        ({"config": {"channels": 4, "head": 8, "first_rows": 2, "dilations": [1.0, 2.0]}}, "cannot be built"),
        ({"config": {"channels": 10**18, "head": 8, "first_rows": 2, "dilations": [1, 2]}}, "cannot be built"),
        ({"config": {"channels": 10**30, "head": 8, "first_rows": 2, "dilations": [1, 2]}}, "64 bits"),
        ({"config": {"channels": 4, "head": 8, "first_rows": 2, "dilations": [1, 2], "import": "os"}}, "import"),
        ({"parameters": 10**9}, "parameters"),
        ({"parameters": -1}, "parameters"),
        ({"parameters": 7}, "7 parameters"),
        ({"receptive_field": "far"}, "receptive_field"),
        ({"data": {"name": 3}}, "data"),
        ({"training": None}, "training"),
        ({"likelihood": {"test": 0.8}}, "likelihood"),
        ({"likelihood": {"test": {"bits_per_dim": "low"}}}, "likelihood"),
    ],
)
def test_a_wrong_description_is_refused_with_what_is_wrong(
    tmp_path: Path, content: bytes, changes: Description, words: str
) -> None:
    table, description, data = take_apart(content)
    assert words in refused(tmp_path / "bad.safetensors", put_together(table, description | changes, data))


@pytest.mark.parametrize("key", ["format", "name", "architecture", "chain", "conditions", "config", "likelihood"])
def test_a_description_without_one_of_its_parts_is_refused(tmp_path: Path, content: bytes, key: str) -> None:
    table, description, data = take_apart(content)
    del description[key]
    assert f"lacks '{key}'" in refused(tmp_path / "bad.safetensors", put_together(table, description, data))


@pytest.mark.parametrize(
    "change",
    [
        {"height": 5.0},
        {"width": True, "height": "5"},
        {"channels": 2},
        {"height": 10**6},
        {"alphabet": {"kind": "grey", "levels": 4.5}},
        {"alphabet": {"kind": "grey", "levels": 4, "stop": 5}},
        {"alphabet": {"kind": [], "levels": 4}},
        {"modality": []},
        {"depth": 3},
    ],
)
def test_a_chain_that_makes_no_sense_is_refused(tmp_path: Path, content: bytes, change: Description) -> None:
    table, description, data = take_apart(content)
    description["chain"] |= change
    assert "chain" in refused(tmp_path / "bad.safetensors", put_together(table, description, data))


def test_a_network_far_larger_than_the_file_is_refused_before_it_is_allocated(tmp_path: Path, content: bytes) -> None:
    table, description, data = take_apart(content)
    # As large as the architecture allows: about 5 GB of weights.
    description["config"] = {"channels": 1024, "head": 4096, "first_rows": 16, "dilations": [64] * 100}
    path = tmp_path / "giant.safetensors"
    with peak_below(64 * 2**20):
        started = time.process_time()
        message = refused(path, put_together(table, description, data))
        assert time.process_time() - started < 5
    assert "its configuration asks for" in message or "is missing" in message


# --- fuzz --------------------------------------------------------------------------------------------------------

NASTY: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 255, 2**31, 2**53, 2**63, 10**25, 0.5, 1.0, -0.0, 1e300, float("nan"),
    float("inf"), "", "0", "any", "\0", "\ud800", "é" * 300, "a\nb", "../x", [], {}, [[]], [0], [1, 2], {"a": 1},
    [1] * 300, "F32", "F16", "I8", "wavenet", "image", "sound", "mu_law",
]  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    found = []
    pending = [value]
    while pending:
        node = pending.pop()
        keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            found.append((node, key))
            pending.append(node[key])
    return found


def mutate_json(rng: random.Random, value: Any) -> None:
    container, key = rng.choice(places(value))
    action = rng.randrange(4)
    if action == 0:
        del container[key]
    elif action == 1 and isinstance(container[key], int | float):
        container[key] = container[key] * rng.choice([-1, 2, 1000]) + rng.choice([-1, 1, 0.5])
    elif action == 2 and isinstance(container, dict):
        container[f"{key}{rng.choice(['', 'x', '.0'])}"] = container.pop(key)
    else:
        container[key] = rng.choice(NASTY)


def mutated(rng: random.Random, content: bytes) -> bytes:
    """A valid checkpoint with something wrong in it: in its JSON, its bytes or its length."""
    kind = rng.randrange(6)
    if kind < 3:
        table, description, data = take_apart(content)
        for _ in range(rng.choice([1, 1, 1, 3])):
            mutate_json(rng, table if kind == 0 else description)
        return put_together(table, None if kind == 0 else description, data)
    if kind == 3:
        return content[: rng.randrange(len(content))]
    changed = bytearray(content)
    stop = len(changed) if kind == 4 else 8 + int.from_bytes(content[:8], "little")
    for _ in range(rng.choice([1, 2, 8, 40])):
        changed[rng.randrange(stop)] = rng.choice([0, 1, 0x22, 0x2C, 0x5B, 0x7B, 0x7F, 0xFF, rng.randrange(256)])
    return bytes(changed)


def outcome(path: Path) -> str | None:
    """The line with which a file is refused, or None if it is loaded."""
    try:
        load_checkpoint(path)
    except (CheckpointError, FileError) as error:
        return str(error)
    return None


@pytest.mark.parametrize("seed", range(6))
def test_a_mutated_file_is_loaded_or_refused_and_nothing_else(tmp_path: Path, content: bytes, seed: int) -> None:
    rng = random.Random(seed)
    path = tmp_path / "mutant.safetensors"
    refusals = 0
    torch.empty(1, device="meta").normal_()  # the first in a process imports much of torch: no mutant's doing
    with peak_below(64 * 2**20):
        for _ in range(100):
            path.write_bytes(mutated(rng, content))
            started = time.process_time()
            message = outcome(path)
            if message is not None:
                refusals += 1
                assert str(path) in message
                assert len(message) < 1000
                message.encode()
            assert time.process_time() - started < 2
    assert refusals > 30


# --- writing -----------------------------------------------------------------------------------------------------


def test_a_new_file_can_be_read_by_whom_the_user_lets_read(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    path = write(tmp_path / "tiny.safetensors", pixelcnn())
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.safetensors", pixelcnn())
    path.chmod(0o640)
    update_header(path, training={})
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot write .*gone.*no such"):
        write(tmp_path / "gone" / "tiny.safetensors", pixelcnn())


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are a thing of Unix")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    for parent in (tmp_path, *tmp_path.parents[:3]):
        if parent.owner() == tmp_path.owner():
            parent.chmod(parent.stat().st_mode | 0o755)
    folder.chmod(0o555)
    with as_nobody(), pytest.raises(FileError, match=r"locked.*permission denied"):
        write(folder / "tiny.safetensors", pixelcnn())
    assert not list(folder.iterdir())


@contextmanager
def file_size_limit(limit_bytes: int) -> Iterator[None]:
    """The system itself refuses to let a file grow beyond this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    write_atomically(path, b"old")
    with file_size_limit(1000), pytest.raises(FileError, match=r"cannot write .*notes\.txt: it is larger than"):
        write_atomically(path, bytes(5000))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    write_atomically(path, b"old")

    def interrupted() -> None:
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_what_is_no_regular_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe.png", tmp_path / "link.png"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(FileError, match=r"cannot write .*\.png: it is a device or a pipe"):
            write_atomically(path, b"picture")
    assert pipe.is_fifo()
    assert {path.name for path in tmp_path.iterdir()} == {"pipe.png", "link.png"}


def test_a_name_that_is_too_long_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="the name is too long"):
        write_atomically(tmp_path / ("a" * 300 + ".png"), b"picture")
    with pytest.raises(FileError, match="no such file"):
        format_named(tmp_path / ("a" * 300), ImageChain(GreyLevels(4), 5, 6))


def test_the_temporary_file_is_hidden_and_has_the_same_suffix_and_folder(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "picture.png") as temporary:
        assert (temporary.parent, temporary.suffix, temporary.name[0]) == (tmp_path, ".png", ".")


def test_a_link_is_written_through(tmp_path: Path) -> None:
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_called_so() -> None:
    with pytest.raises(OSError, match="space") as caught, open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x")
    assert reason(caught.value) == "the disk is full"
