"""Training: data sets from their public files, and a loop that can be stopped and resumed without a trace."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import itertools
import math
import os
import signal
import sys
import tomllib
import wave
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from models.catalog import SHIPPED
from models.chain import INT16_PEAK, ImageChain, SoundChain
from models.checkpoint import load_checkpoint, read_header
from models.condition import Category, Order, by_row, categories
from models.conditional import Categorical
from models.errors import FileError, InputError
from models.evaluation.data import read_data_set
from models.likelihood import measure
from models.model import AutoregressiveModel, ModelSpec
from models.networks import BUILT_IN
from models.networks.gated_pixelcnn import GatedPixelCNN
from models.networks.orderless_nade import OrderlessNADE
from models.training.data import DATA_SETS, Examples, load
from models.training.data.base import Rows
from models.training.data.fsdd import FSDD_PEAK, normalise
from models.training.data.idx import read_idx
from models.training.data.images import VALIDATION
from models.training.loop import (
    GRADIENT_FIELDS,
    Muon,
    Recipe,
    Trainer,
    batches,
    build,
    by_length,
    collate,
    drop_factors,
    optimisers,
    read_recipe,
    whistled,
    whole_pass,
)
from tests.data_files import write_idx
from tests.place import WHERE, register_places, write_places

RECIPES = sorted((Path(__file__).parents[2] / "models/training/recipes").glob("*.toml"))
GRADIENT = next(path for path in RECIPES if path.stem == "gated_pixelcnn_mnist")
IMAGES = VALIDATION + 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MNIST and FSDD as their public files, with noise in them."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for stem, count in (("train", IMAGES), ("t10k", 12)):
        images = (rng.random((count, 28, 28)) < 0.2).astype(np.uint8) * 255
        write_idx(root / f"{stem}-images-idx3-ubyte", images)
        write_idx(root / f"{stem}-labels-idx1-ubyte.gz", rng.integers(0, 10, count).astype(np.uint8))
    (root / "recordings").mkdir()
    for digit in range(2):
        for speaker in ("george", "theo"):
            for index in (0, 5, 7, 8):
                clip = (rng.normal(0, 2000, 60 + 10 * index)).astype("<i2")
                write_wav(root / "recordings" / f"{digit}_{speaker}_{index}.wav", clip)
    return root


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MNIST with pixels of all intensities, which no two draws make the same bits of; 40 images to learn from."""
    root = tmp_path_factory.mktemp("grey")
    rng = np.random.default_rng(0)
    write_idx(root / "train-images-idx3-ubyte", rng.integers(0, 60, (IMAGES, 28, 28), np.uint8))
    write_idx(root / "train-labels-idx1-ubyte", rng.integers(0, 10, IMAGES, np.uint8))
    return root


def write_wav(path: Path, samples: np.ndarray) -> None:  # type: ignore[type-arg]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())


def recipe(architecture: str, **changes: object) -> Recipe:
    name, small = {
        "gated_pixelcnn": ("gated_pixelcnn_mnist", {"channels": 4, "head": 4, "dilations": [1]}),
        "wavenet": ("wavenet_fsdd", {"residual": 4, "skip": 4, "head": 4, "dilations": [1, 2]}),
    }[architecture]
    path = next(p for p in RECIPES if p.stem == name)
    batch = 8 if architecture == "gated_pixelcnn" else 300
    fields = {"network": small, "batch": batch, "validate_every": 3, "validation_limit": 4, "warmup": 2, "steps": 6}
    fields["compile"] = False  # takes longer than these trainings
    return dataclasses.replace(read_recipe(path), **(fields | changes))  # type: ignore[arg-type]


def changed_recipe(path: Path, name: str, value: object) -> Path:
    """A shipped recipe in which one field has another value, as TOML writes it."""
    lines = GRADIENT.read_text(encoding="utf-8").splitlines()
    changed = [f"{name} = {value}" if line.startswith(f"{name} =") else line for line in lines]
    path.write_text("\n".join(changed), encoding="utf-8")
    return path


def trainer(folder: Path, out: Path, made: Recipe) -> Trainer:
    return Trainer(made, folder, out, device="cpu", command="train")


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_shipped_recipe_reads(path: Path) -> None:
    assert read_recipe(path).data in DATA_SETS


@pytest.mark.parametrize("architecture", ["nade", "orderless_nade"])
def test_a_model_is_shown_the_images_of_the_data_in_the_order_of_its_chain(
    architecture: str, folder: Path, tmp_path: Path
) -> None:
    """Also one whose order is a condition, which the data does not name."""
    made = read_recipe(next(p for p in RECIPES if p.stem == f"{architecture}_binarised_mnist"))
    network = {"hidden": 4, "output": "softmax"} if architecture == "nade" else {"hidden": [4]}
    run = trainer(folder, tmp_path / "m.safetensors", dataclasses.replace(made, network=network, validation_limit=2))
    raw = load("binarised_mnist", folder, "valid")
    assert isinstance(raw.symbols, Rows)
    condition = run.model.condition_tensor([dict(run.valid.conditions[0])])
    shown = torch.from_numpy(np.asarray(run.valid.symbols[0]))[None]
    image = run.model.images(shown, run.model.pixels(condition)) if isinstance(run.model, OrderlessNADE) else shown
    assert image[0].tolist() == raw.symbols[0].tolist()


def test_mnist_splits_do_not_overlap_and_keep_the_official_order(folder: Path) -> None:
    images = read_idx(folder / "train-images-idx3-ubyte").reshape(-1, 784)
    train, valid, test = (load("mnist", folder, split) for split in ("train", "valid", "test"))
    assert (len(train), len(valid), len(test)) == (40, VALIDATION, 12)
    assert np.array_equal(np.stack(train.symbols), images[:40])
    assert np.array_equal(np.stack(valid.symbols), images[40:])


def test_fsdd_splits_by_recording_number_and_ends_every_clip_with_the_stop_symbol(folder: Path) -> None:
    sizes = {split: len(load("fsdd", folder, split)) for split in ("train", "valid", "test")}
    assert sizes == {"train": 8, "valid": 4, "test": 4}
    for symbols in load("fsdd", folder, "train").symbols:
        assert symbols[-1] == 256
        assert symbols[:-1].max() < 256


def test_a_normalised_clip_has_no_dc_and_its_peak_where_it_should_be() -> None:
    clip = np.random.default_rng(1).normal(300, 1000, 4000).astype(np.int16)
    level = normalise(clip).astype(float)
    assert abs(level.mean()) < 2
    assert np.abs(level).max() == pytest.approx(FSDD_PEAK * 32767, abs=1)


@pytest.mark.parametrize("name", list(DATA_SETS))
def test_a_folder_without_the_data_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=str(tmp_path)):
        load(name, tmp_path, "train")


def test_a_truncated_idx_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    write_idx(path, np.zeros((3, 2, 2), np.uint8))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FileError, match="11 bytes"):
        read_idx(path)


@pytest.mark.parametrize(
    ("name", "file"),
    [("mnist", "mnist.npz"), ("mnist", "train-images-idx3-ubyte.gz"), ("fsdd", "fsdd.npz"), ("fsdd", "7_theo_9.wav")],
)
def test_a_damaged_data_file_is_named(name: str, file: str, tmp_path: Path) -> None:
    (tmp_path / file).write_bytes(b"not what the name says")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(FileError, match=file):
        load(name, tmp_path, "train")


def test_an_idx_file_that_ends_in_its_header_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes([0, 0, 8, 3, 0, 0]))
    with pytest.raises(FileError, match=f"{tmp_path / 'a'} is damaged or cut short"):
        read_idx(tmp_path / "a")


def test_batches_are_the_same_from_any_step_on(folder: Path) -> None:
    for made in (recipe("gated_pixelcnn"), recipe("wavenet")):
        examples = load(made.data, folder, "train")
        whole, late = batches(made, examples, 0), batches(made, examples, 7)
        straight = [next(whole)[1].tolist() for _ in range(10)]
        assert [next(late)[1].tolist() for _ in range(3)] == straight[7:]


def test_what_is_drawn_is_drawn_anew_in_every_epoch_and_the_same_from_any_step_on(grey: Path) -> None:
    """Forty images are five steps."""
    made = recipe("gated_pixelcnn", data="binarised_mnist")
    examples = load(made.data, grey, "train")
    straight = list(itertools.islice(batches(made, examples, 0), 15))
    for start in (3, 5, 11):
        for late, (seen, chosen) in zip(batches(made, examples, start), straight[start:], strict=False):
            assert np.array_equal(late[1], chosen)
            assert torch.equal(collate(*late)[0], collate(seen, chosen)[0])
    epochs = [np.stack(straight[step][0].symbols) for step in (0, 4, 5, 10)]
    assert np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[1], epochs[2])
    assert not np.array_equal(epochs[2], epochs[3])
    other = next(batches(dataclasses.replace(made, seed=2), examples, 0))[0]
    assert not np.array_equal(np.stack(other.symbols), epochs[0])


def test_what_is_not_drawn_is_the_same_in_every_epoch(folder: Path) -> None:
    made = recipe("gated_pixelcnn")
    examples = load(made.data, folder, "train")
    assert all(seen is examples for seen, _ in itertools.islice(batches(made, examples, 0), 12))


def test_a_table_of_symbols_is_collated_as_single_rows_are() -> None:
    table = np.random.default_rng(0).integers(0, 256, (9, 5), dtype=np.uint8)
    chosen = np.array([8, 0, 3])
    whole = collate(Examples(Rows(table), [{}] * 9), chosen)
    single = collate(Examples(list(Rows(table)), [{}] * 9), chosen)
    for one, other in zip(whole, single, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


def test_a_whole_pass_has_every_example_once_in_batches_of_one_length() -> None:
    made = recipe("wavenet", batch=10)
    lengths = np.random.default_rng(0).integers(1, 6, 50)
    chunks = list(whole_pass(made, Examples([np.zeros(n, np.int32) for n in lengths], [{}] * 50)))
    assert sorted(np.concatenate(chunks).tolist()) == list(range(50))
    assert all(np.ptp(lengths[chunk]) == 0 and lengths[chunk].sum() <= 10 for chunk in chunks)
    images = Examples(Rows(np.zeros((23, 4), np.uint8)), [{}] * 23)
    assert [chunk.tolist() for chunk in whole_pass(made, images)] == [
        list(range(10)), list(range(10, 20)), list(range(20, 23)),
    ]  # fmt: skip


def test_batches_by_length_hold_every_clip_once_and_keep_to_their_budget() -> None:
    lengths = np.random.default_rng(2).integers(50, 400, 100)
    chunks = by_length(lengths, 1000, np.random.default_rng(3))
    assert sorted(np.concatenate(chunks).tolist()) == list(range(100))
    assert all(lengths[c].max() * len(c) <= 1000 for c in chunks)


def test_padding_does_not_count(folder: Path, tmp_path: Path) -> None:
    made = recipe("wavenet")
    run = trainer(folder, tmp_path / "w.safetensors", made)
    chosen = np.array([0, 1, 2])
    symbols, mask = collate(run.train, chosen)
    condition = run.model.condition_tensor([run.train.conditions[i] for i in chosen])
    other = torch.where(mask, symbols, 9)
    with torch.no_grad():
        losses = [float(run.loss(s, mask, condition)) for s in (symbols, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert int(mask.sum()) == sum(len(run.train.symbols[i]) for i in chosen)


def test_what_is_all_but_certain_still_costs_something(folder: Path, tmp_path: Path) -> None:
    """In the precision in which the network runs, 1 - 2e-3 and 1 are the same probability."""
    run = trainer(folder, tmp_path / "p.safetensors", recipe("gated_pixelcnn"))
    model = run.model
    assert isinstance(model, GatedPixelCNN)
    with torch.no_grad():
        model.out.weight.zero_()
        assert model.out.bias is not None
        model.out.bias.copy_(torch.eye(256)[0] * 12)
    symbols = torch.zeros(2, 784, dtype=torch.int64)
    loss = run.loss(symbols, torch.ones(2, 784, dtype=torch.bool), run.model.condition_tensor([{}, {}]))
    assert loss.item() == pytest.approx(math.log1p(255 * math.exp(-12)), rel=1e-3)


def test_the_stop_decision_and_the_value_given_that_it_goes_on_make_up_the_likelihood(
    folder: Path, tmp_path: Path
) -> None:
    run = trainer(folder, tmp_path / "w.safetensors", recipe("wavenet", stop_weight=30.0))
    conditional = Categorical(torch.randn(2, 9, 257, generator=torch.Generator().manual_seed(0)).double())
    symbols = torch.tensor([[3, 9, 256] * 3, [256, 0, 255] * 3])
    decision = run.stop_decision(conditional, symbols)
    value_given_on = torch.log_softmax(conditional.logits[..., :256], -1)
    rest = -value_given_on.gather(-1, symbols.clamp_max(255)[..., None])[..., 0]
    expected = decision + torch.where(symbols == 256, 0.0, rest)
    assert torch.allclose(-conditional.log_prob(symbols), expected, atol=1e-5)


def test_factors_are_dropped_at_the_rate_of_the_recipe() -> None:
    made = recipe("wavenet", any_rate=0.25)
    factors = DATA_SETS["fsdd"].factors
    conditions = [{"speaker": "theo", "digit": "7"}] * 400
    dropped = [drop_factors(made, factors, conditions, step) for step in range(20)]
    for factor, value in conditions[0].items():
        values = [condition[factor] for step in dropped for condition in step]
        assert set(values) == {value, "any"}
        assert values.count("any") / len(values) == pytest.approx(0.25, abs=0.02)
    assert drop_factors(made, factors, conditions, 4) == dropped[4] != dropped[5]
    assert conditions == [{"speaker": "theo", "digit": "7"}] * 400


def test_a_factor_is_dropped_to_its_null_whatever_its_kind_and_kept_where_it_has_none() -> None:
    factors = (WHERE, Category("colour", ("red", "blue")), Order("order", 3, 4))
    conditions = [{"where": [0.1, 0.9], "colour": "blue"}]
    assert drop_factors(recipe("wavenet", any_rate=1.0), factors, conditions, 0) == [
        {"where": [0.5, 0.5], "colour": "blue"}
    ]


@pytest.mark.parametrize(("data", "digest"), [("mnist", "2c76c624572e6153"), ("fsdd", "5d6f52f01fa527a5")])
def test_examples_and_dropped_factors_of_a_recipe_are_the_same_in_every_version(data: str, digest: str) -> None:
    """What a recipe trains follows from it: the digest is of the first version."""
    source = DATA_SETS[data]
    made = recipe("wavenet", seed=1, any_rate=0.1, batch=16 if data == "mnist" else 16_000)
    rng = np.random.default_rng(0)
    lengths = [784] * 2000 if data == "mnist" else rng.integers(500, 4000, 300).tolist()
    columns = {f.name: f.from_array(rng.integers(0, len(f.values), len(lengths))) for f in categories(source.factors)}
    examples = Examples([np.zeros(n, np.int32) for n in lengths], by_row(columns, len(lengths)))
    digest_of = hashlib.sha256()
    for step, (_, chosen) in enumerate(itertools.islice(batches(made, examples, 0), 200)):
        dropped = drop_factors(made, source.factors, [examples.conditions[i] for i in chosen], step)
        table = [[f.choices.index(condition[f.name]) for f in categories(source.factors)] for condition in dropped]
        digest_of.update(np.asarray(chosen, "<i8").tobytes() + np.array(table, "<i8").tobytes())
    assert digest_of.hexdigest()[:16] == digest


def test_conditions_are_by_name_and_shared_by_examples_that_have_the_same(folder: Path) -> None:
    valid = load("mnist", folder, "valid")
    labels = gzip.decompress((folder / "train-labels-idx1-ubyte.gz").read_bytes())[-VALIDATION:]
    assert valid.conditions == [{"digit": str(label)} for label in labels]
    assert len({id(condition) for condition in valid.conditions}) == 10
    assert load("fsdd", folder, "test").conditions[:2] == [
        {"speaker": "george", "digit": "0"}, {"speaker": "theo", "digit": "0"},
    ]  # fmt: skip


def packed_mnist(path: Path, **changes: object) -> None:
    arrays: dict[str, object] = {"train_images": np.zeros((IMAGES, 28, 28), np.uint8), "train_labels": [0] * IMAGES}
    np.savez(path, **(arrays | changes))  # type: ignore[arg-type]


def packed_fsdd(path: Path, without: str = "", **changes: object) -> None:
    """Ten clips of 20 samples, the recordings 0 to 9."""
    arrays: dict[str, object] = {
        "samples": np.arange(200, dtype=np.int16), "offsets": np.arange(0, 201, 20), "speaker": [1] * 10,
        "digit": list(range(10)), "index": list(range(10)),
    }  # fmt: skip
    arrays |= changes
    np.savez(path, **{name: array for name, array in arrays.items() if name != without})  # type: ignore[arg-type]


def test_packed_files_have_the_parts_that_the_public_ones_have(tmp_path: Path) -> None:
    packed_mnist(tmp_path / "mnist.npz")
    packed_fsdd(tmp_path / "fsdd.npz", speaker=["theo"] * 10)
    assert [len(load("mnist", tmp_path, split)) for split in ("train", "valid")] == [40, VALIDATION]
    assert [len(load("fsdd", tmp_path, split)) for split in ("train", "valid", "test")] == [3, 2, 5]
    assert load("fsdd", tmp_path, "valid").conditions == [{"speaker": "theo", "digit": digit} for digit in "56"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"train_images": 3}, r"one image after the other, as train_images; got int64 \(\)"),
        ({"train_images": np.zeros((IMAGES, 5, 28), np.uint8)}, r"uint8 images of shape \(28, 28\)"),
        ({"train_images": np.zeros((IMAGES, 28, 28))}, "uint8 images .* got float64"),
        ({"train_images": np.zeros((12, 28, 28), np.uint8), "train_labels": [0] * 12}, "at least 5001 images, not 12"),
        ({"train_labels": 3}, rf"train_labels should hold {IMAGES} values, not shape \(\)"),
        ({"train_labels": [1, 2]}, rf"train_labels should hold {IMAGES} values, not shape \(2,\)"),
        ({"train_labels": [[1]] * IMAGES}, "digit should hold a row of integers or strings"),
        ({"train_labels": [0.5] * IMAGES}, "digit should hold a row of integers or strings, not float64"),
        ({"train_labels": [10] * IMAGES}, "digit lies in 0 … 9"),
    ],
)
@pytest.mark.parametrize("split", ["train", "valid"])
def test_arrays_that_are_no_mnist_are_refused_in_one_line_with_what_would_be_right(
    split: str, changes: dict[str, object], says: str, tmp_path: Path
) -> None:
    packed_mnist(tmp_path / "mnist.npz", **changes)
    with pytest.raises(InputError, match=rf"mnist\.npz: .*{says}") as refused:
        load("mnist", tmp_path, split)
    assert "\n" not in str(refused.value)


def test_public_mnist_with_more_images_than_labels_is_refused_by_the_name_of_the_file(tmp_path: Path) -> None:
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((3, 28, 28), np.uint8))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(2, np.uint8))
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte should hold 3 values, not shape \(2,\)"):
        load("mnist", tmp_path, "test")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"without": "speaker"}, "it has no array 'speaker'; it should hold samples, offsets, speaker, digit, index"),
        ({"samples": np.zeros(200)}, "samples should be int16, not float64"),
        ({"samples": np.zeros((200, 2), np.int16)}, r"samples should hold one clip after the other .* \(200, 2\)"),
        ({"offsets": 4}, "offsets should be a row of whole numbers"),
        ({"offsets": np.zeros((3, 3), int)}, "offsets should be a row of whole numbers"),
        ({"offsets": np.arange(0, 201, 20) * 1.0}, "offsets should be a row of whole numbers, not float64"),
        ({"offsets": np.arange(0, 201, 20) - 20}, "offsets should rise from 0 to 200"),
        ({"offsets": np.arange(0, 201, 20) * 10}, "offsets should rise from 0 to 200"),
        ({"offsets": [0, 20, 0, *range(60, 201, 20)]}, "offsets should rise from 0 to 200"),
        ({"offsets": np.zeros(11, int)}, "a clip that is empty"),
        ({"speaker": [1] * 9}, r"speaker should hold 10 values, not shape \(9,\)"),
        ({"speaker": [9] * 10}, "speaker lies in 0 … 5, not 9 … 9"),
        ({"speaker": ["nobody"] * 10}, "speaker has no value 'nobody'"),
        ({"digit": 3}, r"digit should hold 10 values, not shape \(\)"),
        ({"digit": [[3]] * 10}, "digit should hold a row of integers or strings"),
        ({"index": ["7"] * 10}, "index should be a row of whole numbers"),
        ({"index": [[7, 7]] * 10}, "index should be a row of whole numbers"),
        ({"index": [3] * 10}, r"no clip of the train part, which are the recordings \(index\) 7 and up"),
        (
            {"samples": np.zeros(90_000, np.int16), "offsets": [*range(7), 9000, 18_000, 27_000, 36_000]},
            "no clip of the train part, .* of at most 8000 samples",
        ),
    ],
)
def test_arrays_that_are_no_fsdd_are_refused_in_one_line_with_what_would_be_right(
    changes: dict[str, str], says: str, tmp_path: Path
) -> None:
    packed_fsdd(tmp_path / "fsdd.npz", **changes)
    with pytest.raises(InputError, match=rf"fsdd\.npz: .*{says}") as refused:
        load("fsdd", tmp_path, "train")
    assert "\n" not in str(refused.value)


def test_a_recording_of_nothing_is_named(tmp_path: Path) -> None:
    write_wav(tmp_path / "7_theo_9.wav", np.zeros(0, "<i2"))
    with pytest.raises(FileError, match=r"7_theo_9\.wav .* is empty"):
        load("fsdd", tmp_path, "train")


@pytest.mark.parametrize("split", ["valid", "test"])
def test_recordings_without_any_of_a_part_are_refused(split: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "7_theo_9.wav", np.ones(20, "<i2"))
    with pytest.raises(InputError, match=f"no clip of the {split} part"):
        load("fsdd", tmp_path, split)


def test_a_model_learns_under_a_condition_of_another_kind_and_is_evaluated_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_places(monkeypatch)
    write_places(tmp_path)
    sized = recipe("wavenet", batch=16, learning_rate=0.1, steps=30, validate_every=10, validation_limit=60)
    made = dataclasses.replace(sized, architecture="place", data="places", optimiser="adamw", network={})
    trainer(tmp_path, tmp_path / "place.safetensors", made).run()
    loaded = load_checkpoint(tmp_path / "place.safetensors")
    of_folder, of_file = (read_data_set(path, loaded.header) for path in (tmp_path, tmp_path / "test.npz"))
    assert of_file.conditions == of_folder.conditions
    assert set(of_file.conditions[0]) == {"where"}
    right = measure(loaded.model, of_file)
    assert right == measure(loaded.model, of_folder)
    assert right.bits_per_dim < measure(build(made), of_file).bits_per_dim
    np.savez(tmp_path / "nowhere.npz", images=np.load(tmp_path / "test.npz")["images"])
    nowhere = measure(loaded.model, read_data_set(tmp_path / "nowhere.npz", loaded.header))
    assert right.bits_per_dim + 0.1 < nowhere.bits_per_dim == pytest.approx(2)


@pytest.mark.parametrize(
    ("architecture", "optimiser"), list(itertools.product(["gated_pixelcnn", "wavenet"], ["adamw", "muon"]))
)
def test_a_run_that_was_stopped_and_resumed_equals_one_that_was_not(
    architecture: str, optimiser: str, folder: Path, tmp_path: Path
) -> None:
    made = recipe(architecture, optimiser=optimiser, whistles=0.1 if architecture == "wavenet" else 0.0)
    straight = trainer(folder, tmp_path / "a.safetensors", made)
    begun_with = [p.clone() for p in straight.model.parameters()]
    straight.run()
    assert not any(torch.equal(a, b) for a, b in zip(begun_with, straight.model.parameters(), strict=True))
    first = trainer(folder, tmp_path / "b.safetensors", made)
    first.recipe = dataclasses.replace(made, steps=3)
    first.learning_rate = straight.learning_rate  # type: ignore[method-assign]
    first.run()
    first.recipe = made
    first.save_state()
    second = trainer(folder, tmp_path / "b.safetensors", made)
    second.resume()
    assert second.step == 3
    second.run()
    for one, other in ((straight.ema, second.ema), (straight.model, second.model)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_training_starts_from_the_weights_of_another_as_far_as_they_fit(folder: Path, tmp_path: Path) -> None:
    trainer(folder, tmp_path / "earlier.safetensors", recipe("wavenet")).run()
    earlier = load_checkpoint(tmp_path / "earlier.safetensors")
    more = {"residual": 4, "skip": 4, "head": 6, "dilations": [1, 2]}
    later = trainer(folder, tmp_path / "later.safetensors", recipe("wavenet", start="earlier", network=more, steps=3))
    known, fresh = dict(earlier.model.named_parameters()), dict(build(later.recipe).named_parameters())
    weights = dict(later.model.named_parameters())
    fits = {name for name, weight in weights.items() if weight.shape == known[name].shape}
    assert {name for name in weights if not torch.equal(weights[name], fresh[name])} <= fits < set(weights)
    assert all(torch.equal(weights[name], known[name]) for name in fits)
    assert all(torch.equal(a, b) for a, b in zip(later.ema.parameters(), later.model.parameters(), strict=True))
    later.run()
    record = read_header(tmp_path / "later.safetensors").training
    assert record["recipe"]["start"] == record["start"]["name"] == "earlier"
    assert record["start"]["weights"] == sum(weights[name].numel() for name in fits)
    assert record["start"]["hash"] == earlier.reference.weights
    assert record["start"]["training"] == earlier.header.training


def test_a_training_that_cannot_start_from_another_says_why(folder: Path, tmp_path: Path) -> None:
    made = recipe("wavenet", start="nobody")
    with pytest.raises(InputError, match=r"wavenet-fsdd starts from nobody\.safetensors, which is neither beside"):
        trainer(folder, tmp_path / "x.safetensors", made)
    with pytest.raises(InputError, match=r"nothing in .*fvbn-binarised-mnist.* fits this wavenet"):
        trainer(folder, tmp_path / "x.safetensors", dataclasses.replace(made, start="fvbn-binarised-mnist"))
    grey = dataclasses.replace(recipe("gated_pixelcnn"), start="wavenet-piano")
    with pytest.raises(InputError, match=r"wavenet-piano.*: its symbols are mu-law 256, not 256 levels"):
        trainer(folder, tmp_path / "x.safetensors", grey)


def test_whistles_are_heard_from_some_moment_on_and_in_no_stop_symbol() -> None:
    chain = DATA_SETS["fsdd"].chain
    assert isinstance(chain, SoundChain)
    silence = int(chain.alphabet.encode(0))
    symbols = torch.full((200, 2000), silence)
    symbols[:, -1] = 256
    torch.manual_seed(0)
    heard = whistled(chain, symbols, 0.1)
    assert torch.equal(heard[:, -1], symbols[:, -1])
    waves = np.stack([chain.wave(row) for row in heard[:, :-1].numpy()]) / INT16_PEAK
    assert np.abs(waves).max() <= 0.3 * 1.03
    late = (waves[:, :400] == waves[0, 0]).all(1)
    assert 0 < late.sum() < len(late)
    assert (np.abs(waves).max(1) > 0).mean() > 0.95
    some = (whistled(chain, symbols, 0.1, clean=0.5) != symbols).any(1).double().mean()
    assert 0.35 < some < 0.6
    alone = whistled(chain, symbols, 1e-9)
    assert torch.equal(alone, symbols)


def test_a_network_is_given_the_past_with_whistles_and_asked_for_the_true_sound(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whistling = trainer(folder, tmp_path / "x.safetensors", recipe("wavenet", whistles=0.1, stop_weight=1.0))
    clean = trainer(folder, tmp_path / "y.safetensors", recipe("wavenet", stop_weight=1.0))
    symbols, mask, condition = clean.batch(clean.train, np.array([0]), 0)
    given = torch.flip(symbols, [1])
    monkeypatch.setattr("models.training.loop.whistled", lambda chain, symbols, loudest, clean: given)
    with torch.autocast("cpu", torch.bfloat16):
        told = whistling.model.conditionals(given, condition).to(torch.float32)
    expected = (-told.log_prob(symbols) * mask).sum() / mask.sum()
    assert whistling.loss(symbols, mask, condition).item() == pytest.approx(expected.item(), rel=1e-4)
    assert clean.loss(symbols, mask, condition).item() != pytest.approx(expected.item(), rel=1e-4)


def test_only_a_sound_whistles(folder: Path, tmp_path: Path) -> None:
    made = read_recipe(next(path for path in RECIPES if path.stem == "transformer_tiny_shakespeare"))
    with pytest.raises(InputError, match="only a sound can whistle"):
        trainer(folder, tmp_path / "x.safetensors", dataclasses.replace(made, whistles=0.1))


def test_a_model_learns_images_in_the_order_of_its_recipe_and_is_scored_in_it(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "turned.safetensors"
    network = {"hidden": 4, "output": "softmax"}
    small = recipe("gated_pixelcnn", data="mnist14", order="spiral", network=network, optimiser="adamw")
    turned = dataclasses.replace(small, architecture="nade")
    run = trainer(folder, out, turned)
    run.run()
    loaded = load_checkpoint(out)
    chain = loaded.header.chain
    assert isinstance(chain, ImageChain)
    assert chain.order == "spiral"
    assert loaded.header.training["recipe"]["order"] == "spiral"
    raster = DATA_SETS["mnist14"].chain
    assert isinstance(raster, ImageChain)
    learned, plain = np.stack(run.train.symbols), np.stack(load("mnist14", folder, "train").symbols)
    assert np.array_equal(chain.image(learned), raster.image(plain))
    scored = read_data_set(folder, loaded.header)
    tests = np.stack(load("mnist14", folder, "test").symbols)
    assert np.array_equal(chain.image(np.stack(scored.symbols)), raster.image(tests))


def test_a_run_on_what_is_drawn_resumes_in_the_middle_of_an_epoch(grey: Path, tmp_path: Path) -> None:
    """Five steps are an epoch: it is stopped in the second."""
    made = recipe("gated_pixelcnn", data="binarised_mnist", steps=12)
    straight = trainer(grey, tmp_path / "a.safetensors", made)
    straight.run()
    first = trainer(grey, tmp_path / "b.safetensors", made)
    first.recipe = dataclasses.replace(made, steps=7)
    first.learning_rate = straight.learning_rate  # type: ignore[method-assign]
    first.run()
    first.recipe = made
    first.save_state()
    second = trainer(grey, tmp_path / "b.safetensors", made)
    second.resume()
    assert second.step == 7
    second.run()
    assert all(torch.equal(a, b) for a, b in zip(straight.model.parameters(), second.model.parameters(), strict=True))


@pytest.mark.parametrize("architecture", ["gated_pixelcnn", "wavenet"])
def test_muon_takes_the_weights_between_two_layers_and_adamw_the_rest(architecture: str) -> None:
    made = recipe(architecture, optimiser="muon")
    model = build(made)
    names = {p: name for name, p in model.named_parameters()}
    adamw, muon = optimisers(made, model)
    assert isinstance(muon, Muon)
    inner = {names[w] for w in muon.weights}
    rest = {names[p] for group in adamw.param_groups for p in group["params"]}
    assert inner | rest == set(names.values())
    assert not inner & rest
    assert rest == {
        n for n in names.values() if "bias" in n or "condition." in n or n.startswith(("embedding", "out."))
    }
    assert len(optimisers(recipe(architecture, optimiser="adamw"), model)) == 1


def test_muon_sees_a_convolution_as_the_matrix_of_its_outputs_by_its_inputs() -> None:
    convolution = torch.nn.Conv2d(3, 4, (2, 5))
    matrix = torch.nn.Parameter(convolution.weight.detach().clone().flatten(1))
    plain = torch.optim.Muon([matrix], lr=0.1, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    ours = Muon([convolution.weight], 0.1, 0.01)
    for _ in range(3):
        gradient = torch.randn(4, 3, 2, 5)
        convolution.weight.grad, matrix.grad = gradient, gradient.flatten(1)
        ours.step()
        plain.step()
    assert torch.equal(convolution.weight.flatten(1), matrix)


@pytest.mark.parametrize("set_to_none", [True, False])
def test_muon_forgets_the_gradients_of_its_weights_when_told_to(set_to_none: bool) -> None:
    convolution = torch.nn.Conv2d(3, 4, 2)
    ours = Muon([convolution.weight], 0.1, 0.0)
    convolution(torch.ones(1, 3, 4, 4)).sum().backward()
    ours.step()
    ours.zero_grad(set_to_none)
    for tensor in (convolution.weight, *ours.matrices):
        assert tensor.grad is None if set_to_none else tensor.grad is not None and not tensor.grad.any()


def test_muon_does_not_train_a_copy_of_weights_that_have_moved() -> None:
    convolution = torch.nn.Conv2d(3, 4, 2)
    ours = Muon([convolution.weight], 0.1, 0.0)
    convolution.to(torch.float64)
    convolution(torch.ones(1, 3, 4, 4, dtype=torch.float64)).sum().backward()
    with pytest.raises(RuntimeError, match="weights of a Muon have moved"):
        ours.step()


@pytest.mark.parametrize("path", sorted((SHIPPED / "checkpoints").glob("*.safetensors")), ids=lambda path: path.stem)
def test_a_shipped_model_has_the_sizes_of_the_recipe_that_it_names(path: Path) -> None:
    header = read_header(path)
    named = [made for made in map(read_recipe, RECIPES) if made.name == header.training["recipe"]["name"]]
    assert [made.network for made in named] == [header.config]


def test_a_training_goes_on_where_what_it_reports_cannot_be_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = (tmp_path / "nowhere").open("w")
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    run = trainer(folder, tmp_path / "p.safetensors", recipe("gated_pixelcnn", steps=1))
    run.run()
    assert run.step == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
@pytest.mark.parametrize("moment", ["optimiser.step", "update_ema"])
def test_ctrl_c_in_the_middle_of_a_step_leaves_a_state_that_goes_on_as_if_nothing_had_been(
    moment: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe("gated_pixelcnn", steps=4)
    straight = trainer(folder, tmp_path / "a.safetensors", made)
    straight.run()
    stopped = trainer(folder, tmp_path / "b.safetensors", made)
    *optimiser, name = moment.split(".")
    owner = stopped.optimisers[-1] if optimiser else stopped
    work, calls = getattr(owner, name), itertools.count(1)

    def interrupted() -> None:
        if next(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        work()

    monkeypatch.setattr(owner, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    assert stopped.step == 2
    stopped.save_state()
    resumed = trainer(folder, tmp_path / "b.safetensors", made)
    resumed.resume()
    resumed.run()
    for one, other in ((straight.ema, resumed.ema), (straight.model, resumed.model)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_ctrl_c_is_the_callers_again_after_training_and_training_needs_no_main_thread(
    folder: Path, tmp_path: Path
) -> None:
    before = signal.getsignal(signal.SIGINT)
    trainer(folder, tmp_path / "a.safetensors", recipe("gated_pixelcnn", steps=1)).run()
    assert signal.getsignal(signal.SIGINT) is before
    with ThreadPoolExecutor(1) as pool:
        pool.submit(trainer(folder, tmp_path / "b.safetensors", recipe("gated_pixelcnn", steps=1)).run).result()


def test_the_checkpoint_says_how_it_was_made(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.safetensors"
    best = trainer(folder, out, recipe("gated_pixelcnn")).run()
    header = read_header(out)
    assert header.training["command"] == "train"
    assert header.training["recipe"]["seed"] == 1
    assert header.training["steps"] in (3, 6)
    assert header.likelihood["valid"]["bits_per_dim"] == pytest.approx(best.bits_per_dim)
    model = load_checkpoint(out).model
    assert model.parameter_count == header.parameters


def test_training_lowers_the_loss(folder: Path, tmp_path: Path) -> None:
    run = trainer(folder, tmp_path / "p.safetensors", recipe("gated_pixelcnn", steps=40, validate_every=20))
    run.run()
    first, last = run.history[0]["bits_per_dim"], run.history[-1]["bits_per_dim"]
    assert last < first < 8.1


def test_there_is_nothing_to_resume_and_that_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to resume"):
        trainer(folder, tmp_path / "x.safetensors", recipe("gated_pixelcnn")).resume()


def test_a_damaged_state_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.state").write_bytes(b"junk")
    with pytest.raises(FileError, match=r"x\.state is damaged"):
        trainer(folder, tmp_path / "x.safetensors", recipe("gated_pixelcnn")).resume()


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 0), ("steps", '"many"'), ("batch", 0), ("batch", 1.5), ("seed", -1), ("validate_every", 0),
     ("learning_rate", "nan"), ("any_rate", 2), ("warmup", "true")],
)  # fmt: skip
def test_a_number_of_a_recipe_that_makes_no_sense_is_named(name: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"r\.toml: {name} is a"):
        read_recipe(changed_recipe(tmp_path / "r.toml", name, value))


@pytest.mark.parametrize("name", ["name", "title", "architecture", "data"])
@pytest.mark.parametrize("value", ['""', '"  "', "3", "true", '["mnist"]', '"two\\nlines"'])
def test_a_text_of_a_recipe_that_is_none_is_named(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"r\.toml: {name} is one line"):
        read_recipe(changed_recipe(tmp_path / "r.toml", name, value))


@pytest.mark.parametrize("value", ['"../up"', '"a/b"', '"a b"', '".hidden"'])
def test_the_name_of_a_recipe_can_be_a_file_name_and_a_word_of_a_command(value: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"r\.toml: name is made of letters"):
        read_recipe(changed_recipe(tmp_path / "r.toml", "name", value))


def test_an_optimiser_that_nobody_knows_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"r\.toml: optimiser is one of adamw, muon, closed form, not 'sgd'"):
        read_recipe(changed_recipe(tmp_path / "r.toml", "optimiser", '"sgd"'))


def test_whether_to_compile_is_a_plain_yes_or_no(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"r\.toml: compile is true or false, not 1"):
        read_recipe(changed_recipe(tmp_path / "r.toml", "compile", 1))


def test_a_network_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    text = GRADIENT.read_text(encoding="utf-8")
    path.write_text("network = 3\n" + text[: text.index("[network]")], encoding="utf-8")
    with pytest.raises(InputError, match=r"r\.toml: network is a table"):
        read_recipe(path)


def test_a_batch_larger_than_the_data_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="larger than the data"):
        next(batches(recipe("gated_pixelcnn", batch=10**6), load("mnist", folder, "train"), 0))


@pytest.mark.parametrize("content", ["", "steps = 3", "not toml [", "name = 1\nsurprise = 2"])
def test_a_file_that_is_no_recipe_is_refused_by_name(content: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(content)
    with pytest.raises(InputError, match=r"r\.toml"):
        read_recipe(path)


def test_the_receptive_field_of_the_shipped_wavenet_covers_the_median_clip() -> None:
    made = next(read_recipe(p) for p in RECIPES if read_recipe(p).architecture == "wavenet")
    chain = DATA_SETS["fsdd"].chain
    assert isinstance(chain, SoundChain)
    assert 1 + sum(made.network["dilations"]) >= 0.42 * chain.rate


# A closed form


class Frequencies(AutoregressiveModel):
    """Every pixel for itself, by how often it had each value in the training part, under each value of the factors."""

    architecture, family, title = "frequencies", "table", "Frequencies"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        tables = math.prod(factor.size for factor in categories(spec.factors))
        self.counts = torch.nn.Parameter(torch.ones(tables, spec.chain.limit, spec.chain.alphabet.size))

    def conditionals(self, symbols: torch.Tensor, condition: torch.Tensor) -> Categorical:
        return Categorical(self.counts[self.table(condition)].log())

    def table(self, condition: torch.Tensor) -> torch.Tensor:
        return condition.argmax(1) if condition.shape[1] else torch.zeros(len(condition), dtype=torch.int64)

    def fit(self, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
        assert not torch.is_grad_enabled()
        for symbols, condition in batches:
            assert symbols.dtype == torch.int64
            for row, table in zip(symbols, self.table(condition), strict=True):
                self.counts[table, torch.arange(len(row)), row] += 1


@pytest.fixture
def counting(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A recipe in closed form for Frequencies, which is there for the test."""
    monkeypatch.setitem(BUILT_IN, Frequencies.architecture, f"{__name__}:Frequencies")
    return read_recipe(closed_form_file(tmp_path_factory.mktemp("recipe") / "c.toml"))


def closed_form_file(path: Path, *more: str) -> Path:
    lines = [
        'name = "c"', 'title = "C"', 'architecture = "frequencies"', 'data = "mnist_patches"', "seed = 1",
        'optimiser = "closed form"', "batch = 300", "any_rate = 0.0", "validation_limit = 500",
    ]  # fmt: skip
    path.write_text("\n".join([*lines, *more, "[network]"]), encoding="utf-8")
    return path


def test_a_closed_form_counts_every_example_of_the_first_draw_once_and_is_saved_as_any_run(
    counting: Recipe, grey: Path, tmp_path: Path
) -> None:
    out = tmp_path / "c.safetensors"
    best = trainer(grey, out, counting).run()
    loaded = load_checkpoint(out)
    assert isinstance(loaded.model, Frequencies)
    examples = next(batches(counting, load(counting.data, grey, "train"), 0))[0]
    bits = np.stack(examples.symbols)
    assert len(bits) == 40 * 49
    assert torch.equal(loaded.model.counts[0, :, 1].detach(), torch.from_numpy(1.0 + bits.sum(0)).float())
    assert best == measure(loaded.model, load(counting.data, grey, "valid"), limit=500)
    header = loaded.header
    assert header.likelihood["valid"]["bits_per_dim"] == pytest.approx(best.bits_per_dim)
    assert best.bits_per_dim < 1
    assert header.training["validation"] == [{"step": 1, "bits_per_dim": round(best.bits_per_dim, 5)}]
    assert header.training["recipe"]["batch"] == 300
    assert not header.training["recipe"].keys() & GRADIENT_FIELDS.keys()
    assert header.data["name"] == "mnist_patches"


def test_a_closed_form_counts_a_part_of_the_examples_without_their_factors(
    counting: Recipe, grey: Path, tmp_path: Path
) -> None:
    out = tmp_path / "c.safetensors"
    trainer(grey, out, dataclasses.replace(counting, data="binarised_mnist", any_rate=0.5)).run()
    model = load_checkpoint(out).model
    assert isinstance(model, Frequencies)
    examples = model.counts[:, 0].detach().sum(-1) - 2
    assert examples.sum() == 40
    assert 8 < examples[-1] < 32


def test_a_closed_form_has_nothing_to_resume(counting: Recipe, grey: Path, tmp_path: Path) -> None:
    trainer(grey, tmp_path / "c.safetensors", counting).run()
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]
    with pytest.raises(InputError, match="nothing to resume"):
        trainer(grey, tmp_path / "c.safetensors", counting).resume()


def test_a_model_without_a_closed_form_is_refused_one(folder: Path, tmp_path: Path) -> None:
    made = recipe("gated_pixelcnn", optimiser="closed form")
    with pytest.raises(InputError, match="Gated PixelCNN is trained by gradient"):
        trainer(folder, tmp_path / "p.safetensors", made).run()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_ctrl_c_ends_counting_between_two_batches_and_leaves_no_file(
    counting: Recipe, grey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(grey, tmp_path / "c.safetensors", counting)
    counted, batch = itertools.count(1), run.batch

    def interrupted(examples: Examples, chosen: npt.NDArray[np.int64], step: int) -> tuple[torch.Tensor, ...]:
        if next(counted) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return batch(examples, chosen, step)

    monkeypatch.setattr(run, "batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.run()
    assert next(counted) == 3
    assert not list(tmp_path.iterdir())


def test_the_recipe_of_a_closed_form_leaves_out_what_only_gradients_need(tmp_path: Path) -> None:
    path = closed_form_file(tmp_path / "c.toml")
    assert read_recipe(path).to_json() == tomllib.loads(path.read_text(encoding="utf-8"))


def test_a_step_size_in_a_closed_form_is_refused_and_what_it_needs_is_asked_for(tmp_path: Path) -> None:
    path = closed_form_file(tmp_path / "c.toml", "learning_rate = 0.1", "steps = 3")
    with pytest.raises(InputError, match=r"c\.toml: a closed form has no steps, learning_rate; leave them out"):
        read_recipe(path)
    path.write_text('optimiser = "closed form"', encoding="utf-8")
    with pytest.raises(InputError, match=r"c\.toml is not a recipe: .*'batch'"):
        read_recipe(path)


def test_a_recipe_by_gradient_must_have_all_fields(tmp_path: Path) -> None:
    lines = GRADIENT.read_text(encoding="utf-8").splitlines()
    (tmp_path / "r.toml").write_text("\n".join(line for line in lines if not line.startswith("steps =")), "utf-8")
    with pytest.raises(InputError, match=r"r\.toml is not a recipe: .*'steps'"):
        read_recipe(tmp_path / "r.toml")
