"""CIFAR-10, whole and in grey patches, from mosaics and from the binary version of the original."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from models.chain import ImageChain
from models.errors import FileError, InputError
from models.training.data import DATA_SETS, load
from models.training.data.base import Rows
from models.training.data.cifar10 import OBJECT, luma
from models.training.data.images import VALIDATION
from tests.data_files import write_cifar_batch, write_mosaic

PER_FILE = 1010
TRAIN = 5 * PER_FILE - VALIDATION
TEST = 6
SIZES = {"train": TRAIN, "valid": VALIDATION, "test": TEST}
HOMES = ["packed", "original"]


def photographs(first: int, count: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Images that tell which they are, and where up, left and each colour is; and labels."""
    number = np.arange(first, first + count)
    images = np.zeros((count, 32, 32, 3), np.uint8)
    images[:, 0, 1] = np.stack([number % 251, number // 251, np.full(count, 200)], -1)
    images[:, 9:, :, 1] = 90
    return images, (number % 10).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same images in both forms, each in a folder of its own."""
    root = tmp_path_factory.mktemp("cifar")
    packed, original = root / "packed/cifar10", root / "original/cifar-10-batches-bin"
    packed.mkdir(parents=True)
    original.mkdir(parents=True)
    labels = []
    for n in range(5):
        images, of_file = photographs(n * PER_FILE, PER_FILE)
        write_mosaic(packed / f"train_{n + 1}.webp", images, columns=101)
        write_cifar_batch(original / f"data_batch_{n + 1}.bin", images, of_file)
        labels.append(of_file)
    images, test_labels = photographs(60_000, TEST)
    write_mosaic(packed / "test.webp", images, columns=3)
    write_cifar_batch(original / "test_batch.bin", images, test_labels)
    np.savez(packed / "labels.npz", train_labels=np.concatenate(labels), test_labels=test_labels)
    return root


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """Test parts in both forms, to be damaged."""
    for path in (
        "packed/cifar10/test.webp",
        "packed/cifar10/labels.npz",
        "original/cifar-10-batches-bin/test_batch.bin",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / path, tmp_path / path)
    return tmp_path


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("split", list(SIZES))
def test_images_come_in_the_official_order_with_their_colours_innermost(home: str, split: str, folder: Path) -> None:
    examples = load("cifar10", folder / home, split)
    first = {"train": 0, "valid": TRAIN, "test": 60_000}[split]
    images, labels = photographs(first, SIZES[split])
    assert isinstance(examples.symbols, Rows)
    assert np.array_equal(examples.symbols.table, images.reshape(len(images), -1))
    assert list(examples.conditions) == [{"object": OBJECT.values[label]} for label in labels]
    chain = DATA_SETS["cifar10"].chain
    assert isinstance(chain, ImageChain)
    assert examples.symbols[-1][chain.step(0, 1, 2)] == 200
    assert np.array_equal(chain.image(examples.symbols[0]), images[0])


@pytest.mark.parametrize("split", list(SIZES))
def test_patches_are_tiles_of_the_grey_images_in_raster_order_without_a_condition(split: str, folder: Path) -> None:
    colour = np.stack(load("cifar10", folder / "packed", split).symbols).reshape(-1, 32, 32, 3)
    grey = luma(colour.astype(np.uint8))
    examples = load("cifar10_patches", folder / "packed", split)
    assert len(examples) == len(examples.conditions) == 16 * SIZES[split]
    assert examples.conditions[0] == {}
    tiles = np.stack(examples.symbols).reshape(-1, 4, 4, 8, 8)
    assert np.array_equal(tiles.swapaxes(2, 3).reshape(-1, 32, 32), grey)
    assert examples.symbols[16 + 4].tolist() == grey[1, 8:16, :8].ravel().tolist()


def test_luma_weighs_the_colours_as_itu_r_601_and_rounds_to_the_nearest() -> None:
    primaries = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [7, 7, 7], [0, 0, 0]]]], np.uint8)
    assert luma(primaries).tolist() == [[[76, 150, 29, 255, 7, 0]]]
    many = np.random.default_rng(0).integers(0, 256, (1500, 8, 8, 3), np.uint8)
    exact = many @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma(many) - exact).max() <= 0.5 + 1e-9
    assert np.abs(luma(many)[1] - np.asarray(Image.fromarray(many[1]).convert("L")).astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("packed/cifar10/test.webp", b"nothing", r"test\.webp is not a mosaic"),
        ("packed/cifar10/labels.npz", b"nothing", r"labels\.npz is not an \.npz file"),
        ("original/cifar-10-batches-bin/test_batch.bin", bytes(3072), "records of 3073 bytes, not 3072 bytes"),
        ("original/cifar-10-batches-bin/test_batch.bin", b"", "records of 3073 bytes, not 0 bytes"),
    ],
)
def test_a_damaged_file_is_named(file: str, content: bytes, says: str, copy: Path) -> None:
    (copy / file).write_bytes(content)
    with pytest.raises(FileError, match=says):
        load("cifar10", copy / file.partition("/")[0], "test")


def test_a_mosaic_that_ends_early_is_damaged(copy: Path) -> None:
    path = copy / "packed/cifar10/test.webp"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FileError, match=r"test\.webp"):
        load("cifar10", copy / "packed", "test")


def test_a_picture_that_is_not_made_of_tiles_is_refused(copy: Path) -> None:
    Image.new("RGB", (64, 33)).save(copy / "packed/cifar10/test.webp", lossless=True)
    with pytest.raises(FileError, match="64 x 33 pixels, which are not tiles of 32 x 32"):
        load("cifar10", copy / "packed", "test")


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({"test_labels": [1] * 5}, r"test_labels should hold 6 values, not shape \(5,\)"),
        ({"test_labels": [10] * 6}, "object lies in 0 … 9, not 10 … 10"),
        ({"labels": [1] * 6}, "it has no array 'test_labels'"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: dict[str, list[int]], says: str, copy: Path) -> None:
    np.savez(copy / "packed/cifar10/labels.npz", **labels)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=says):
        load("cifar10", copy / "packed", "test")


def test_an_original_with_a_label_that_nothing_has_is_refused(copy: Path) -> None:
    path = copy / "original/cifar-10-batches-bin/test_batch.bin"
    path.write_bytes(b"\x0b" + path.read_bytes()[1:])
    with pytest.raises(InputError, match="object lies in 0 … 9, not 1 … 11"):
        load("cifar10", copy / "original", "test")


@pytest.mark.parametrize(
    ("home", "missing"), [("packed/cifar10", "train_3.webp"), ("original/cifar-10-batches-bin", "data_batch_3.bin")]
)
def test_a_training_part_of_which_a_file_is_missing_is_refused_by_its_name(
    home: str, missing: str, folder: Path, tmp_path: Path
) -> None:
    for path in (folder / home).iterdir():
        if path.name != missing:
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(FileError, match=missing):
        load("cifar10", tmp_path, "train")


def test_a_training_part_that_is_no_larger_than_the_validation_part_is_refused(tmp_path: Path) -> None:
    for n in range(1, 6):
        write_cifar_batch(tmp_path / f"data_batch_{n}.bin", *photographs(0, 4))
    with pytest.raises(InputError, match="the train part should hold at least 5001 images, not 20"):
        load("cifar10", tmp_path, "valid")


def test_a_folder_without_it_is_told_both_forms(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"neither cifar10/train_1\.webp nor cifar-10-batches-bin/data_batch_1\.bin"):
        load("cifar10_patches", tmp_path, "valid")
