"""Pictures of classes: those of the data set that a model's data come from, one for each value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from models.catalog import Catalog, Entry
from models.chain import GreyLevels, ImageChain
from models.checkpoint import save_checkpoint
from models.condition import Category
from models.model import ModelSpec
from models.networks import network_class
from models.training.data.cifar10 import CIFAR10
from models.training.data.fashion_mnist import FASHION_MNIST
from models.training.data.mnist import BINARISED_MNIST, MNIST
from studio.class_pictures import class_pictures, source_of
from studio.panels.choosers import CategoryChooser
from studio.state import Studio
from tests.studio.conftest import load


def entry(folder: Path, data: str, factor: Category) -> Entry:
    config = {"channels": 2, "head": 2, "dilations": [1]}
    spec = ModelSpec("gated_pixelcnn", ImageChain(GreyLevels(4), 4, 4), (factor,), config)
    path = folder / "m.safetensors"
    model = network_class("gated_pixelcnn")(spec)
    save_checkpoint(path, model, name="m", title="M", data={"name": data}, training={}, likelihood={})
    return Catalog(user=None).find(str(path))


@pytest.mark.parametrize("source", [MNIST, BINARISED_MNIST, FASHION_MNIST, CIFAR10], ids=lambda source: source.name)
def test_every_class_of_the_data_that_models_learn_from_has_a_picture(source: object, tmp_path: Path) -> None:
    (factor,) = source.factors  # type: ignore[attr-defined]
    pictures = class_pictures(entry(tmp_path, source.name, factor), factor)  # type: ignore[attr-defined]
    assert len(pictures) == len(factor.values)
    assert {picture.shape for picture in pictures} in ({(28, 28, 3)}, {(32, 32, 3)})
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


def test_fashion_is_not_taken_for_the_digits_whose_name_is_in_its_own(tmp_path: Path) -> None:
    garments = class_pictures(entry(tmp_path, "fashion_mnist", FASHION_MNIST.factors[0]), FASHION_MNIST.factors[0])
    digits = class_pictures(entry(tmp_path, "mnist", MNIST.factors[0]), MNIST.factors[0])
    assert not any(np.array_equal(a, b) for a, b in zip(garments, digits, strict=True))


@pytest.mark.parametrize(
    ("data", "factor"), [("noise", MNIST.factors[0]), ("mnist", Category("digit", ("0", "1"))),
                         ("mnist", Category("writer", ("a", "b")))],
)  # fmt: skip
def test_classes_that_no_sheet_shows_have_no_pictures(data: str, factor: Category, tmp_path: Path) -> None:
    assert class_pictures(entry(tmp_path, data, factor), factor) == []


@pytest.mark.parametrize("name", ["**", "*", "[", "../classes/mnist", "digit.png", "d?git", "0.digit"])
def test_the_name_of_a_factor_is_no_pattern_of_file_names(name: str, tmp_path: Path) -> None:
    factor = Category(name, MNIST.factors[0].values)
    assert class_pictures(entry(tmp_path, "mnist", factor), factor) == []


@pytest.mark.parametrize(
    ("data", "source"),
    [
        ("mnist", "mnist"), ("mnist14", "mnist"), ("mnist_patches", "mnist"), ("binarised_mnist", "mnist"),
        ("my_mnist28_shifted", "mnist"), ("fashion_mnist", "fashion_mnist"), ("fashion_mnist14", "fashion_mnist"),
        ("cifar10", "cifar10"), ("cifar10_patches", "cifar10"), ("cifar100", None), ("cifar10x", None),
        ("emnist", None), ("mnistlike", None), ("mnist14x", None), ("", None), ("noise", None),
    ],
)  # fmt: skip
def test_data_are_of_the_set_whose_name_theirs_holds_as_a_whole_word(data: str, source: str | None) -> None:
    assert source_of(data, ("mnist", "fashion_mnist", "cifar10")) == source


def test_a_garment_is_chosen_by_its_picture_and_a_digit_by_itself(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    load(studio, qtbot, str(entry(tmp_path, "fashion_mnist", FASHION_MNIST.factors[0]).path))
    garments = CategoryChooser(FASHION_MNIST.factors[0], studio)
    qtbot.addWidget(garments)
    assert not any(garments.buttons[value].icon().isNull() for value in FASHION_MNIST.factors[0].values)
    assert garments.buttons["any"].icon().isNull()
