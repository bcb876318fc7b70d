"""The map of a code of two numbers: what is drawn where, and where real images lie."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.catalog import Catalog
from models.checkpoint import LoadedModel, load_checkpoint, save_checkpoint
from models.condition import Category, Condition
from models.evaluation.__main__ import main
from models.evaluation.code_map import EXAMPLES, SCALE, SEED, SIDE, TEMPERATURE, code_map
from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class
from models.networks.pixelcnn_autoencoder import PixelCNNAutoencoder
from models.sampling import engines_of, run
from models.shaping import Shaping
from models.trace import new_take
from models.training.data import load
from models.training.data.mnist import DIGIT, MNIST14_CHAIN

NAME = "coded"
CELL = 14 * SCALE


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set whose validation images, the last 5000 of the training part, are unlike one another."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (5010, 28, 28), np.uint8), rng.integers(0, 10, 5010)
    images[np.arange(5010) % 3 > 0, :14] = 0
    np.savez(
        folder / "mnist.npz", train_images=images, train_labels=labels, test_images=images[:8], test_labels=labels[:8]
    )
    return folder


def stored(folder: Path, architecture: str, factors: tuple[Category, ...], config: dict[str, object]) -> LoadedModel:
    torch.manual_seed(1)
    kind = network_class(architecture)
    model = kind(ModelSpec(architecture, MNIST14_CHAIN, kind.factors_for(factors, MNIST14_CHAIN), config))
    with torch.no_grad():  # so that what is drawn depends on the condition
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    path = folder / f"{NAME}.safetensors"
    save_checkpoint(path, model, name=NAME, title="Coded", data={"name": "mnist14"}, training={}, likelihood={})
    return load_checkpoint(path)


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    config = {
        "channels": 4, "head": 4, "first_rows": 1, "dilations": [1], "encoder": [4, 4], "hidden": 8, "noise": 0.1,
    }  # fmt: skip
    return stored(tmp_path_factory.mktemp("coded"), "pixelcnn_autoencoder", (DIGIT,), config)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    config = {"channels": 4, "head": 4, "first_rows": 1, "dilations": [1]}
    return stored(tmp_path_factory.mktemp("plain"), "gated_pixelcnn", (DIGIT,), config)


def drawn_alone(loaded: LoadedModel, condition: Condition) -> list[list[int]]:
    """Sample 0 of the map's seed and temperature under one condition, as the user would draw it."""
    take = new_take(
        loaded.reference, seed=SEED, count=1, condition=condition, shaping=Shaping(temperature=TEMPERATURE),
        engine=engines_of(loaded.model)[0],
    )  # fmt: skip
    pixels: list[list[int]] = MNIST14_CHAIN.image(run(loaded.model, take).traces[0].symbols).tolist()
    return pixels


def test_each_cell_shows_what_is_drawn_at_its_middle_with_y_pointing_up(coded: LoadedModel, data: Path) -> None:
    made = code_map(coded, data)
    assert made is not None
    assert made.pixels.shape == (SIDE * CELL, SIDE * CELL)
    low, high = 1 / SIDE - 1, 1 - 1 / SIDE
    seen = []
    for column, row, code in ((0, 0, [low, high]), (SIDE - 1, 0, [high, high]), (3, 8, [low + 6 / SIDE, 3 / SIDE - 1])):
        code = [round(number, 4) for number in code]
        cell = made.pixels[row * CELL : (row + 1) * CELL : SCALE, column * CELL : (column + 1) * CELL : SCALE]
        assert cell.tolist() == drawn_alone(coded, {"code": code}), code
        seen.append(cell.tobytes())
    assert len(set(seen)) == 3


def test_the_codes_are_those_that_the_encoder_finds_in_validation_images(coded: LoadedModel, data: Path) -> None:
    made = code_map(coded, data)
    assert made is not None
    assert len(made.codes) == EXAMPLES
    valid = load("mnist14", data, "valid")
    for place, n in ((0, 0), (EXAMPLES - 1, len(valid) - 1)):
        x, y, digit = made.codes[place]
        row = torch.from_numpy(valid.symbols[n].astype(np.int64))[None]
        expected = coded.model.encode(row, coded.model.condition_tensor({}))[0].tolist()
        assert [x, y] == pytest.approx(expected, abs=6e-4)
        assert [x, y] == [round(x, 3), round(y, 3)]
        assert digit == valid.conditions[n]["digit"]
    assert len(set(made.codes)) > EXAMPLES / 2


def test_a_model_that_does_not_encode_has_a_map_without_codes(coded: LoadedModel, data: Path) -> None:
    class Decoding(PixelCNNAutoencoder):
        encode = AutoregressiveModel.encode

    model = Decoding(coded.model.spec)
    model.load_state_dict(coded.model.state_dict())
    made = code_map(replace(coded, model=model.eval()), data)
    assert made is not None
    assert made.codes == []
    assert made.pixels.any()


def test_a_model_without_a_code_has_no_map(plain: LoadedModel, data: Path) -> None:
    assert code_map(plain, data) is None


def test_the_card_command_writes_the_map_where_the_catalog_finds_it(
    coded: LoadedModel, data: Path, tmp_path: Path
) -> None:
    path = coded.header.path
    assert main(["card", str(path), "--data", str(data), "--assets", str(tmp_path), "--count", "1"]) == 0
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / path.name).write_bytes(path.read_bytes())
    (entry,) = Catalog(tmp_path).entries()
    assert entry.code_map == tmp_path / "cards" / f"{NAME}.map.json"
    told = json.loads(entry.code_map.read_text(encoding="utf-8"))
    assert (told["factor"], told["columns"], told["rows"]) == ("code", SIDE, SIDE)
    assert len(told["codes"]) == EXAMPLES
    assert all(len(code) == 3 and code[2] in DIGIT.values for code in told["codes"])
    with Image.open(entry.code_map.with_suffix(".png")) as picture:
        assert picture.size == (SIDE * CELL, SIDE * CELL)
    assert entry.card is not None
    text = entry.card.read_text(encoding="utf-8")
    assert f"]({NAME}.map.png)" in text
    assert "## The map of codes" in text
    assert f"{EXAMPLES} validation images" in text


def test_the_card_of_a_model_without_a_code_says_nothing_of_a_map(
    plain: LoadedModel, data: Path, tmp_path: Path
) -> None:
    path = plain.header.path
    assert main(["card", str(path), "--data", str(data), "--assets", str(tmp_path), "--count", "1"]) == 0
    assert not list((tmp_path / "cards").glob("*.map.*"))
    assert "map of codes" not in (tmp_path / "cards" / f"{NAME}.md").read_text(encoding="utf-8")


def test_an_added_models_map_lies_beside_it(coded: LoadedModel, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(coded.header.path.read_bytes())
    assert Catalog(tmp_path / "nothing").find(str(path)).code_map is None
    (tmp_path / "mine.map.json").write_text("{}")
    assert Catalog(tmp_path / "nothing").find(str(path)).code_map == tmp_path / "mine.map.json"
