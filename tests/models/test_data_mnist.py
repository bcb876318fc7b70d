"""MNIST and what is made of it, and Fashion-MNIST, from files in the formats of the public ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from models.chain import ImageChain
from models.errors import FileError, InputError
from models.training.data import DATA_SETS, in_order, load, order_of
from models.training.data.base import Rows, published_draw
from models.training.data.fashion_mnist import GARMENT
from models.training.data.images import VALIDATION
from models.training.data.mnist import BINARISATION_SEED, binarise, halve
from tests.data_files import write_idx

TRAIN = 20
SIZES = {"train": TRAIN, "valid": VALIDATION, "test": 30}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MNIST with images of noise of all intensities: of single pixels, and, every other one, of two by two."""
    root = tmp_path_factory.mktemp("mnist")
    rng = np.random.default_rng(0)
    for stem, count in (("train", TRAIN + VALIDATION), ("t10k", SIZES["test"])):
        images = rng.integers(0, 256, (count, 28, 28), np.uint8)
        images[::2] = images[::2, ::2, ::2].repeat(2, 1).repeat(2, 2)
        write_idx(root / f"{stem}-images-idx3-ubyte", images)
        write_idx(root / f"{stem}-labels-idx1-ubyte", rng.integers(0, 10, count, np.uint8))
    return root


def intensities(folder: Path, split: str) -> np.ndarray:  # type: ignore[type-arg]
    return np.stack(load("mnist", folder, split).symbols)


def bits(folder: Path, split: str) -> np.ndarray:  # type: ignore[type-arg]
    return np.stack(load("binarised_mnist", folder, split).symbols)


@pytest.mark.parametrize("name", ["mnist", "binarised_mnist", "mnist_patches", "mnist14"])
@pytest.mark.parametrize("split", list(SIZES))
def test_examples_are_symbols_of_the_chain_with_a_condition_each(name: str, split: str, folder: Path) -> None:
    source, examples = DATA_SETS[name], load(name, folder, split)
    assert len(examples) == len(examples.conditions) == SIZES[split] * (49 if name == "mnist_patches" else 1)
    assert set(examples.conditions[0]) == {factor.name for factor in source.factors}
    symbols = np.stack(examples.symbols[:1000])
    assert symbols.dtype == np.int32
    assert symbols.shape[1] == source.chain.length
    assert sorted(set(symbols.ravel().tolist())) == list(range(source.chain.alphabet.size))


def test_a_table_is_a_byte_a_variable_and_gives_int32() -> None:
    rows = Rows(np.arange(12, dtype=np.uint8).reshape(4, 3))
    assert [row.tolist() for row in rows] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert rows[-1].dtype == np.int32
    assert [row.tolist() for row in rows[1:3]] == [[3, 4, 5], [6, 7, 8]]
    assert len(rows[1:3]) == 2
    assert np.shares_memory(rows[1:].table, rows.table)
    with pytest.raises(IndexError):
        rows[4]


# Binarised


def test_pixels_are_white_as_often_as_they_are_bright(folder: Path) -> None:
    grey, drawn = intensities(folder, "valid"), bits(folder, "valid")
    counts = np.bincount(grey.ravel(), minlength=256)
    white = np.bincount(grey.ravel(), drawn.ravel(), 256) / counts
    p = np.arange(256) / 255
    assert (np.abs(white - p) <= 4.5 * np.sqrt(p * (1 - p) / counts)).all()
    assert not drawn[grey == 0].any()
    assert drawn[grey == 255].all()


@pytest.mark.parametrize(
    ("split", "digest"), [("train", "6968a83d9ceceac4"), ("valid", "4fba6e5770abc7cf"), ("test", "e32806e3b0a0ca22")]
)
def test_the_fixed_draw_is_the_published_one(split: str, digest: str) -> None:
    """What likelihoods were measured on: it must not change with a version of this program or of numpy."""
    grey = (np.arange(40 * 28 * 28) * 97 % 256).astype(np.uint8).reshape(40, 28, 28)
    drawn = binarise(grey, published_draw(split, BINARISATION_SEED)) // 255
    assert hashlib.sha256(drawn.tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("name", ["binarised_mnist", "mnist_patches"])
def test_only_training_draws_again(name: str, folder: Path) -> None:
    for split in ("valid", "test"):
        assert load(name, folder, split).redraw is None
    train, again = load(name, folder, "train"), load(name, folder, "train")
    assert train.redraw is not None
    assert np.array_equal(np.stack(train.symbols), np.stack(again.symbols))
    first, same, other = (np.stack(train.redraw(np.random.default_rng(seed)).symbols) for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert first.shape == np.stack(train.symbols).shape
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, np.stack(train.symbols))


def test_an_image_is_drawn_the_same_whatever_comes_after_it(folder: Path, tmp_path: Path) -> None:
    """The packed test part may be shorter than the official one."""
    grey = intensities(folder, "test")[:7].astype(np.uint8).reshape(-1, 28, 28)
    np.savez(tmp_path / "mnist.npz", test_images=grey, test_labels=np.zeros(7, np.uint8))
    assert np.array_equal(bits(tmp_path, "test"), bits(folder, "test")[:7])


def test_binarised_images_keep_their_digits(folder: Path) -> None:
    for split in SIZES:
        plain, binary = (load(name, folder, split) for name in ("mnist", "binarised_mnist"))
        assert plain.conditions == binary.conditions


# Patches


@pytest.mark.parametrize("split", list(SIZES))
def test_patches_are_the_tiles_of_the_binarised_images_in_raster_order(split: str, folder: Path) -> None:
    images = bits(folder, split).reshape(-1, 28, 28)
    patches = np.stack(load("mnist_patches", folder, split).symbols)
    assert np.array_equal(patches.reshape(-1, 7, 7, 4, 4).swapaxes(2, 3).reshape(-1, 28, 28), images)
    assert patches[49 * 3 + 7 * 1 + 2].tolist() == images[3, 4:8, 8:12].ravel().tolist()


def test_patches_are_drawn_again_as_their_images_are(folder: Path) -> None:
    images, patches = (load(name, folder, "train") for name in ("binarised_mnist", "mnist_patches"))
    assert images.redraw is not None
    assert patches.redraw is not None
    whole, tiled = (np.stack(draw(np.random.default_rng(3)).symbols) for draw in (images.redraw, patches.redraw))
    assert tiled[0].tolist() == whole[0].reshape(28, 28)[:4, :4].ravel().tolist()
    assert tiled.sum() == whole.sum()


# 14 x 14


def test_a_quarter_of_the_pixels_is_the_mean_of_four_with_halves_rounded_up() -> None:
    image = np.array([[[0, 1, 255, 255], [1, 0, 255, 255], [9, 9, 0, 0], [9, 8, 0, 1]]], np.uint8)
    assert halve(image).tolist() == [[[1, 255], [9, 0]]]


def test_mnist14_shows_the_averaged_image_within_half_a_level(folder: Path) -> None:
    chain = DATA_SETS["mnist14"].chain
    assert isinstance(chain, ImageChain)
    for split in ("train", "test"):
        mean = intensities(folder, split).reshape(-1, 14, 2, 14, 2).mean((2, 4))
        shown = chain.image(np.stack(load("mnist14", folder, split).symbols))
        assert np.abs(shown - mean).max() <= 255 / 7 / 2 + 1


# Fashion-MNIST


@pytest.fixture(params=["fashion_mnist", "FashionMNIST/raw"])
def shop(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Path:
    """Fashion-MNIST in a folder of its own, beside MNIST."""
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    home = tmp_path / request.param
    home.mkdir(parents=True)
    for stem, count in (("train", VALIDATION + 10), ("t10k", 10)):
        garments = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 28, 28))
        write_idx(home / f"{stem}-images-idx3-ubyte.gz", garments)
        write_idx(home / f"{stem}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8) % 10)
    return tmp_path


def test_garments_are_named_and_not_mistaken_for_digits(shop: Path) -> None:
    train, valid, test = (load("fashion_mnist", shop, split) for split in ("train", "valid", "test"))
    assert [len(train), len(valid), len(test)] == [10, VALIDATION, 10]
    assert [row[0] for row in train.symbols] == [row[0] for row in test.symbols] == list(range(10))
    assert [condition["garment"] for condition in test.conditions] == list(GARMENT.values)
    assert test.conditions[9] == {"garment": "Ankle boot"}
    assert set(load("mnist", shop, "test").conditions[0]) == {"digit"}
    assert len(load("mnist", shop, "test")) == SIZES["test"]


def test_digits_are_never_taken_for_garments(folder: Path) -> None:
    with pytest.raises(FileError, match=r"no Fashion-MNIST in .* fashion_mnist/fashion_mnist\.npz nor fashion_mnist/"):
        load("fashion_mnist", folder, "test")


def test_packed_garments_are_read_and_checked_as_digits_are(tmp_path: Path) -> None:
    (tmp_path / "fashion_mnist").mkdir()
    arrays = {"test_images": np.zeros((2, 28, 28), np.uint8), "test_labels": np.array([0, 9])}
    np.savez(tmp_path / "fashion_mnist/fashion_mnist.npz", **arrays)  # type: ignore[arg-type]
    assert load("fashion_mnist", tmp_path, "test").conditions == [{"garment": "T-shirt/top"}, {"garment": "Ankle boot"}]
    np.savez(tmp_path / "fashion_mnist/fashion_mnist.npz", **(arrays | {"test_labels": [0, 10]}))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"fashion_mnist\.npz: garment lies in 0 … 9"):
        load("fashion_mnist", tmp_path, "test")


@pytest.mark.parametrize("name", ["mnist", "binarised_mnist"])
@pytest.mark.parametrize("order", ["spiral", "random 3"])
def test_in_any_order_the_examples_are_the_same_images(name: str, order: str, folder: Path) -> None:
    source = DATA_SETS[name]
    chain = in_order(source, order)
    assert isinstance(chain, ImageChain)
    assert isinstance(source.chain, ImageChain)
    assert order_of(chain) == order
    plain, other = load(name, folder, "train"), load(name, folder, "train", order)
    assert other.conditions == plain.conditions
    assert not np.array_equal(other.symbols[0], plain.symbols[0])
    assert np.array_equal(chain.image(np.stack(other.symbols)), source.chain.image(np.stack(plain.symbols)))
    if plain.redraw is not None and other.redraw is not None:
        again = [examples.redraw(np.random.default_rng(4)).symbols for examples in (other, plain)]  # type: ignore[misc]
        assert np.array_equal(chain.image(np.stack(again[0])), source.chain.image(np.stack(again[1])))


def test_sound_has_no_other_order() -> None:
    with pytest.raises(InputError, match="are no images"):
        in_order(DATA_SETS["fsdd"], "spiral")
