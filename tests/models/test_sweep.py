"""Sweeps: samples that differ in one thing alone, and the labels that say in which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.chain import GreyLevels, ImageChain
from models.condition import Category, Factor, Order, Vector, arranged
from models.errors import InputError
from models.file_format import made_with
from models.files import export, load_take, read_saved, save_take
from models.image_files import Gif, PictureFile, Png
from models.model import AutoregressiveModel, ModelSpec
from models.networks.gated_pixelcnn import GatedPixelCNN
from models.sampling import Walk, engines_of, run
from models.shaping import NEUTRAL, Shaping
from models.sweep import (
    MOST_SAMPLES,
    Axis,
    Label,
    Seeds,
    Temperatures,
    Values,
    blends,
    codes,
    columns,
    evenly,
    labels,
    sweep,
    swept,
)
from models.trace import ModelReference, Take, new_take

CHAIN = ImageChain(GreyLevels(4), 5, 4)
DIGIT = Category("digit", ("0", "1", "2"), any=True)
CODE = Vector("code", 2)
PICTURES: dict[str, type[PictureFile]] = {".png": Png, ".gif": Gif}
FACTORS: tuple[Factor, ...] = (DIGIT, CODE, Order("order", 5, 4))


def reference(factors: tuple[Factor, ...] = FACTORS) -> ModelReference:
    return ModelReference("m", "M", "0" * 64, CHAIN, factors)


def made(axis: Axis, factors: tuple[Factor, ...] = FACTORS, **changes: Any) -> Take:
    model = reference(factors)
    fields: dict[str, Any] = {
        "seed": 7, "condition": {factor.name: factor.default for factor in factors}, "shaping": Shaping(top_k=3),
        "engine": "cached",
    }  # fmt: skip
    return sweep(model, axis, **(fields | changes))


@pytest.fixture(scope="module")
def model() -> AutoregressiveModel:
    torch.manual_seed(1)
    config = {"channels": 8, "head": 8, "dilations": [1, 2]}
    return GatedPixelCNN(ModelSpec("gated_pixelcnn", CHAIN, (DIGIT,), config)).eval()


def walked(model: AutoregressiveModel, axis: Axis, engine: str = "cached") -> Take:
    return run(model, made(axis, (DIGIT,), shaping=NEUTRAL, engine=engine))


AXES: list[tuple[Axis, str]] = [
    (Temperatures((0.5, 0.75, 1.0)), "shaping"),
    (Seeds((1, 2, 3)), "seed"),
    (Values(("0", "1", "2", "any"), "digit"), "condition"),
    (Values(tuple(blends("0", "2", 5)), "digit"), "condition"),
    (Values(tuple(codes(3)), "code"), "condition"),
]


# --- what is swept ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "field"), AXES)
def test_the_samples_of_a_sweep_differ_in_one_thing_and_have_the_same_noise(axis: Axis, field: str) -> None:
    take = made(axis)
    begun = [trace.schedule[0] for trace in take.traces]
    assert len(begun) == len(axis.values)
    for segment in begun:
        assert (segment.sample, segment.salt, segment.start) == (0, 0, 0)
        assert {**vars(segment), field: None} == {**vars(begun[0]), field: None}
    assert len({str(getattr(segment, field)) for segment in begun}) == len(begun)


def test_another_temperature_leaves_the_rest_of_the_shaping_and_another_class_the_rest_of_the_condition() -> None:
    warm = made(Temperatures((0.5, 1.5))).traces[1].schedule[0]
    assert warm.shaping == Shaping(temperature=1.5, top_k=3)
    spiral = {"digit": "any", "code": [0.5, 0.5], "order": "spiral"}
    one = made(Values(("0", "1"), "digit"), condition=spiral).traces[1].schedule[0]
    assert one.condition == spiral | {"digit": "1"}


def test_values_lie_evenly_between_two_others() -> None:
    assert evenly(0.4, 1.2, 5) == [0.4, 0.6, 0.8, 1.0, 1.2]
    assert blends("0", "2", 4) == ["0", {"0": 0.6667, "2": 0.3333}, {"0": 0.3333, "2": 0.6667}, "2"]
    assert codes(2) == [[-1, 1], [1, 1], [-1, -1], [1, -1]]


@pytest.mark.parametrize("count", range(2, MOST_SAMPLES + 1))
def test_the_weights_of_every_blend_are_those_of_a_blend(count: int) -> None:
    for value in blends("0", "2", count):
        DIGIT.check(value)


@pytest.mark.parametrize(
    ("axis", "problem"),
    [
        (Temperatures((1.0,)), "2 to 64 values, not 1"),
        (Seeds(tuple(range(65))), "2 to 64 values, not 65"),
        (Seeds((3, 4, 3)), "3 comes twice"),
        (Seeds((3, -1)), "Seed lies in"),
        (Temperatures((1.0, 2.5)), "Temperature lies in 0 … 2, not 2.5"),
        (Values(("0", "7"), "digit"), "digit has no value '7'"),
        (Values(([0.0, 0.0], [0.0, 2.0]), "code"), "2 numbers in -1 … 1"),
        (Values(("0", "1"), "speaker"), "no condition 'speaker'"),
        (Values(("raster", "spiral"), "order"), "all samples of a take are drawn in one order"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_the_reason(axis: Axis, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        made(axis)


def test_between_two_values_lies_nothing_if_there_is_to_be_one() -> None:
    with pytest.raises(InputError, match="at least 2 values, not 1"):
        evenly(0, 1, 1)


def test_a_sweep_goes_along_the_order_that_its_condition_says() -> None:
    condition = {"digit": "0", "code": [0.0, 0.0], "order": "spiral"}
    take = made(Values(("0", "1"), "digit"), condition=condition)
    assert take.chain == arranged(CHAIN, FACTORS, condition)
    assert take.chain != CHAIN


# --- walking it ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [Temperatures((0.5, 1.0, 1.5)), Seeds((3, 7)), Values(("0", "2", "any"), "digit")])
def test_each_sample_is_the_one_that_a_take_of_its_own_would_have(model: AutoregressiveModel, axis: Axis) -> None:
    for engine in engines_of(model):
        take = walked(model, axis, engine)
        for trace in take.traces:
            first = trace.schedule[0]
            own = new_take(
                take.model, seed=first.seed, count=1, condition=first.condition, shaping=first.shaping, engine=engine
            )
            np.testing.assert_array_equal(run(model, own).traces[0].symbols, trace.symbols, err_msg=engine)


def test_samples_under_different_temperatures_advance_together(model: AutoregressiveModel) -> None:
    take = made(Temperatures(tuple(evenly(0.5, 1.5, 6))), (DIGIT,))
    walk = Walk(model, take)
    while not walk.done:
        walk.advance(4)
        lengths = {len(trace) for trace in take.traces}
        assert max(lengths) - min(lengths) <= 4


def test_with_the_same_noise_a_little_warmer_changes_little(model: AutoregressiveModel) -> None:
    """Of neighbours fewer symbols differ than of samples with other noise."""
    near = [trace.symbols for trace in walked(model, Temperatures((1.0, 1.01))).traces]
    far = [trace.symbols for trace in walked(model, Seeds((1, 2))).traces]
    assert (near[0] != near[1]).sum() < (far[0] != far[1]).sum() / 2


# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axis", "full", "short"),
    [
        (Temperatures((0.0, 0.7)), ["T 0", "T 0.7"], ["0", "0.7"]),
        (Seeds((12, 13)), ["seed 12", "seed 13"], ["12", "13"]),
        (Values(("0", "any"), "digit"), ["digit 0", "digit any"], ["0", "any"]),
        (
            Values(tuple(blends("0", "2", 5)), "digit"),
            ["digit 0", "0 → 2 25 %", "0 → 2 50 %", "0 → 2 75 %", "digit 2"],
            ["0", "25 %", "50 %", "75 %", "2"],
        ),
        (
            Values(([0.5, -1.0], [0.0, 1.0]), "code"),
            ["code +0.50, -1.00", "code +0.00, +1.00"],
            ["+0.50, -1.00", "+0.00, +1.00"],
        ),
    ],
)
def test_labels_say_what_each_sample_began_under(axis: Axis, full: list[str], short: list[str]) -> None:
    found = labels(made(axis))
    assert [label.full for label in found] == full
    assert [label.short for label in found] == short


def test_samples_that_began_alike_have_no_labels() -> None:
    assert labels(new_take(reference(()), seed=1, count=4, condition={}, shaping=NEUTRAL, engine="cached")) == []


def test_what_differs_in_several_things_is_labelled_with_all_of_them() -> None:
    take = made(Seeds((1, 2)))
    take.branch(1, 0, shaping=Shaping(temperature=0.5, top_k=5))
    assert labels(take)[1] == Label("T 0.5 · top-k 5 · seed 2", "0.5 · 5 · 2")
    assert swept(take).shaping == (), "what was done later is no part of the sweep"
    assert swept(take).seed


@pytest.mark.parametrize(("axis", "_"), AXES)
def test_labels_are_still_there_when_the_take_comes_back(axis: Axis, _: str, tmp_path: Path) -> None:
    take = made(axis)
    rng = np.random.default_rng(0)
    for trace in take.traces:
        none = np.zeros(20, np.float32)
        trace.append(rng.integers(0, 4, 20).astype(np.int32), none, none, np.zeros(20, np.bool_))
        trace.finished = True
    save_take(tmp_path / "take.npz", take)
    export(tmp_path / "a.png", take)
    for read in (load_take(tmp_path / "take.npz"), read_saved(tmp_path / "a.png").take):
        assert labels(read) == labels(take) != []
        assert swept(read) == swept(take)
        assert columns(read) == columns(take)


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_a_labelled_picture_says_under_all_images_which_model_it_was_and_comes_back(
    model: AutoregressiveModel, tmp_path: Path, suffix: str
) -> None:
    take = walked(model, Seeds((1, 2, 3)))
    path = tmp_path / f"labelled{suffix}"
    path.write_bytes(PICTURES[suffix](labels=True).content(take, scale=24))
    with Image.open(export(tmp_path / f"plain{suffix}", take, scale=24)[0]) as image, Image.open(path) as written:
        width, height = image.size
        strip, rest = divmod(written.height - height, 4)  # above two lines of images, and twice under them
        assert (written.width, rest) == (width, 0)
        written.seek(getattr(written, "n_frames", 1) - 1)
        assert len(np.unique(np.asarray(written.convert("L"))[-strip:])) > 1, "there is something written"
    back = read_saved(path).take
    assert [list(trace.symbols) for trace in back.traces] == [list(trace.symbols) for trace in take.traces]


def test_codes_stand_in_rows_of_their_own() -> None:
    assert columns(made(Values(tuple(codes(3)), "code"))) == 3
    assert columns(made(Values(([0.0, 0.0], [1.0, 0.0]), "code"))) == 0
    assert columns(made(Seeds((1, 2, 3, 4)))) == 0


def test_in_a_line_a_sweep_says_from_where_to_where_it_goes() -> None:
    assert made_with(made(Values(("0", "1", "2"), "digit"), (DIGIT,))) == "digit 0 … digit 2; seed 7; top-k 3"
    assert made_with(made(Temperatures((0.5, 1.0)), (DIGIT,))) == "T 0.5 … T 1; digit any; seed 7; top-k 3"
    assert made_with(made(Seeds((3, 5)), (DIGIT,), shaping=NEUTRAL)) == "seed 3 … seed 5; digit any"
    cold = Shaping(temperature=0.5, top_k=3)
    assert (
        made_with(made(Seeds((3, 5)), (DIGIT,), shaping=cold)) == "seed 3 … seed 5; digit any; temperature 0.5; top-k 3"
    )


def test_every_sample_of_a_sweep_gets_a_file_of_its_own_in_a_folder(model: AutoregressiveModel, tmp_path: Path) -> None:
    take = walked(model, Temperatures((0.5, 1.0, 1.5)))
    paths = export(tmp_path / "folder", take)
    assert [path.name for path in paths] == [f"{n:04d}.png" for n in range(len(take.samples))]
    assert all(path.exists() for path in paths)
