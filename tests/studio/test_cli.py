"""The command line, through ``main`` where possible: what it writes, what it says, how it exits."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.bench import meaning
from models.catalog import Catalog
from models.chain import Chain, GreyLevels, ImageChain, MuLaw, SoundChain
from models.checkpoint import load_checkpoint, read_header, save_checkpoint
from models.condition import Category
from models.evaluation.zoo import BEGIN, END
from models.model import ModelSpec
from models.networks.fvbn import FVBN
from models.networks.gated_pixelcnn import GatedPixelCNN
from models.networks.wavenet import WaveNet
from models.tensor_file import SUFFIX
from studio.cli import main
from studio.cli.shared import PROGRAM, user_catalog
from studio.folders import profile_folder
from tests.place import CHAIN as PLACE_CHAIN
from tests.place import WHERE, PlaceModel, register_places
from tests.studio.melody_chain import MELODY

IMAGE_CHAIN = ImageChain(GreyLevels(4), 6, 6)
SOUND_CHAIN = SoundChain(MuLaw(32, stop=True), 8000, default_seconds=0.02, max_seconds=0.1)
DIGIT = Category("digit", ("0", "1", "2"), any=True)
SPEAKER = Category("speaker", ("ann", "bob"))
COLOUR = Category("colour", ("red", "blue"))
CACHED = ("--engine", "cached")
"""Kernels have tests of their own, and take seconds to compile."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two small models of random weights."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(1)
    image = GatedPixelCNN(
        ModelSpec(
            "gated_pixelcnn", IMAGE_CHAIN, (DIGIT,), {"channels": 4, "head": 8, "first_rows": 2, "dilations": [1, 2]}
        )
    )
    sound = WaveNet(
        ModelSpec(
            "wavenet", SOUND_CHAIN, (SPEAKER, DIGIT), {"residual": 4, "skip": 8, "head": 8, "dilations": [1, 2, 4]}
        )
    )
    for name, model in (("pixels", image), ("waves", sound)):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(3)  # further from uniform, so that conditions and seeds show
        save_checkpoint(
            folder / f"{name}{SUFFIX}", model, name=name, title=name.title(),
            data={"name": "none"}, training={}, likelihood={"valid": {"bits_per_dim": 1.5}},
        )  # fmt: skip
    return folder


@pytest.fixture
def pixels(folder: Path) -> str:
    return str(folder / f"pixels{SUFFIX}")


@pytest.fixture
def waves(folder: Path) -> str:
    return str(folder / f"waves{SUFFIX}")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model with a condition that is no category beside one that is."""
    register_places(monkeypatch)
    path = tmp_path / f"place{SUFFIX}"
    model = PlaceModel(ModelSpec("place", PLACE_CHAIN, (WHERE, COLOUR), {}))
    save_checkpoint(path, model, name="place", title="Place", data={}, training={}, likelihood={})
    return str(path)


def answer(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    """The one JSON object that a command with --json writes, and nothing else."""
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == code
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def complaint(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> str:
    """The one line of error of a command that fails."""
    capsys.readouterr()
    assert main([*map(str, arguments)]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("sampling-studio: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def add_to_catalog(checkpoint: str) -> None:
    profile_folder().mkdir()
    user_catalog().add(Path(checkpoint))


def in_child(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "studio", *arguments],
        capture_output=True, text=True, timeout=100, check=False, env={**os.environ, **environment},
    )  # fmt: skip


# Before torch


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["sample", "--help"], ["sample", "--frobnicate"], ["models"], ["nothing"]]
)
def test_help_version_errors_and_the_list_need_neither_torch_nor_qt(arguments: list[str]) -> None:
    program = (
        "import sys; from studio.cli import main; main(sys.argv[1:]); "
        "heavy = {'torch', 'PySide6', 'numba'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_version_is_the_programs(capsys: pytest.CaptureFixture[str]) -> None:
    from models.version import VERSION

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sampling-studio {VERSION}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for command in ("models", "sample", "score", "evaluate", "reproduce", "bench", "train", "doctor"):
        assert command in out


# Wrong arguments: 2


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--temperature", "-1"], "-1"),
        (["--temperature", "warm"], "warm"),
        (["--temperature", "nan"], "nan"),
        (["--top-p", "0"], "Top-p"),
        (["--top-k", "-3"], "-3"),
        (["--min-p", "2"], "Min-p"),
        (["--condition", "colour=red"], "colour"),
        (["--condition", "digit=7"], "0, 1, 2, any"),
        (["--condition", "digit"], "NAME=VALUE"),
        (["--condition", "digit=1", "--condition", "digit=2"], "once"),
        (["--engine", "steam"], "steam"),
        (["--device", "abacus"], "abacus"),
        (["--seed", "-1"], "-1"),
        (["--seed", str(2**53)], str(2**53)),
        (["--count", "0"], "0"),
        (["--first", "99999999999999999999"], "99999999999999999999"),
        (["--first", str(2**53)], str(2**53 - 1)),
        (["--first", str(2**53 - 1), "--count", "2"], str(2**53)),
        (["--count", "10000000"], "10000000"),
        (["--steps", "37"], "36"),
        (["--seconds", "1"], "image data; use --steps"),
        (["--scale", "0"], "1 or more, not '0'"),
        (["--scale", "1.5"], "1.5"),
        (["--scale", "65"], "1 to 64 times as large"),
        (["--steps", "3", "--seconds", "1"], "--steps"),
        (["--frobnicate"], "--frobnicate"),
    ],
)
def test_a_wrong_option_is_named(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path, arguments: list[str], names: str
) -> None:
    assert names in complaint(capsys, 2, "sample", pixels, "-o", tmp_path / "x.png", *arguments)
    assert not (tmp_path / "x.png").exists()


def test_an_output_that_does_not_fit_is_refused_before_drawing(
    capsys: pytest.CaptureFixture[str], pixels: str, waves: str, tmp_path: Path
) -> None:
    assert ".png, .gif or .npz" in complaint(capsys, 2, "sample", pixels, "-o", tmp_path / "x.wav")
    assert ".jpg" in complaint(capsys, 2, "sample", pixels, "-o", tmp_path / "x.jpg")
    assert "one sound, not 2" in complaint(capsys, 2, "sample", waves, "-o", tmp_path / "x.wav", "--count", 2)
    larger = ("--scale", 2)
    assert "not .npz files" in complaint(capsys, 2, "sample", pixels, "-o", tmp_path / "x.npz", *larger)
    assert "not .wav files" in complaint(capsys, 2, "sample", waves, "-o", tmp_path / "x.wav", *larger)
    assert "not .wav files" in complaint(capsys, 2, "sample", waves, "-o", tmp_path / "folder", *larger)
    grid = ("--count", 100, "--scale", 64)  # 4416 pixels wide: too large for an animation, and only for that
    assert "smaller scale" in complaint(capsys, 2, "sample", pixels, "-o", tmp_path / "x.gif", *grid)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [""],
        ["sample", "MODEL", "-o", ""],
        ["score", "MODEL", ""],
        ["evaluate", "MODEL", ""],
        ["reproduce", ""],
        ["train", "x", "--data", "", "-o", "x"],
    ],
)
def test_an_empty_path_is_a_wrong_argument(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert "expected a path, not ''" in complaint(capsys, 2, *(pixels if a == "MODEL" else a for a in arguments))
    assert not list(tmp_path.iterdir())


def test_an_unknown_command_or_model_is_named_with_what_is_known(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert "reproduce" in complaint(capsys, 2, "smaple")
    assert "nobody" in complaint(capsys, 2, "sample", "nobody", "-o", tmp_path / "x.png")
    out = tmp_path / f"x{SUFFIX}"
    assert "wavenet_fsdd" in complaint(capsys, 2, "train", "nobody", "--data", tmp_path, "-o", out)


# Bad input: 1


def test_what_is_no_command_is_called_that_whatever_follows_it(capsys: pytest.CaptureFixture[str], pixels: str) -> None:
    for more in ([], ["a", "b"], ["--help"]):
        assert "no command and no file 'compress'" in complaint(capsys, 2, "compress", *more)


def test_a_window_is_opened_with_one_file(capsys: pytest.CaptureFixture[str], pixels: str) -> None:
    assert "one FILE at most; unrecognized: b" in complaint(capsys, 2, pixels, "b")


def test_a_missing_file_for_the_window_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "lost.png: there is no such file" in complaint(capsys, 1, tmp_path / "lost.png")


def test_a_folder_for_the_window_is_called_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert f"cannot open {tmp_path}: it is a folder" in complaint(capsys, 1, tmp_path)


def test_what_is_no_checkpoint_is_named(capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path) -> None:
    truncated = tmp_path / f"short{SUFFIX}"
    truncated.write_bytes(Path(pixels).read_bytes()[:500])
    empty = tmp_path / f"empty{SUFFIX}"
    empty.touch()
    for path in (truncated, empty, tmp_path / f"lost{SUFFIX}"):
        assert path.name in complaint(capsys, 1, "sample", path, "-o", tmp_path / "x.png")


def test_a_place_that_cannot_be_written_is_named(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert "x.png" in complaint(capsys, 1, "sample", pixels, "-o", tmp_path / "lost" / "x.png", *CACHED)
    assert "file" in complaint(capsys, 1, "sample", pixels, "-o", tmp_path / "file" / "folder", *CACHED)


def test_a_file_where_the_folder_would_be_is_refused_before_drawing(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("x")
    said = complaint(capsys, 1, "sample", pixels, "-o", tmp_path / "taken", *CACHED)
    assert f"{tmp_path / 'taken'}: it is a file" in said
    assert ".png, .gif or .npz" in said
    assert (tmp_path / "taken").read_text() == "x"


def test_files_that_cannot_be_scored_are_named(
    capsys: pytest.CaptureFixture[str], pixels: str, waves: str, tmp_path: Path
) -> None:
    Image.new("L", (7, 6)).save(tmp_path / "wide.png")
    with wave.open(str(tmp_path / "fast.wav"), "wb") as file:
        file.setparams((1, 2, 44100, 0, "NONE", ""))
        file.writeframes(bytes(200))
    (tmp_path / "text.txt").write_text("hello")
    assert "7 x 6" in complaint(capsys, 1, "score", pixels, tmp_path / "wide.png")
    assert "44100" in complaint(capsys, 1, "score", waves, tmp_path / "fast.wav")
    assert "text.txt" in complaint(capsys, 1, "score", pixels, tmp_path / "text.txt")
    assert "lost.png" in complaint(capsys, 1, "score", pixels, tmp_path / "lost.png")
    np.savez(tmp_path / "large.npz", images=np.zeros((2, 7, 7), np.uint8))
    assert "large.npz: expected uint8 images" in complaint(capsys, 1, "score", pixels, tmp_path / "large.npz")
    assert "large.npz: expected uint8 images" in complaint(capsys, 1, "evaluate", pixels, tmp_path / "large.npz")
    np.savez(tmp_path / "labelled.npz", images=np.zeros((2, 6, 6), np.uint8), labels=[0, 7])
    assert "labelled.npz: digit" in complaint(capsys, 1, "evaluate", pixels, tmp_path / "labelled.npz")


def test_a_png_of_somebody_else_cannot_be_reproduced(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    Image.new("L", (6, 6)).save(tmp_path / "plain.png")
    assert "metadata" in complaint(capsys, 1, "reproduce", tmp_path / "plain.png")


# models


def test_models_lists_what_the_user_added(capsys: pytest.CaptureFixture[str], waves: str, tmp_path: Path) -> None:
    add_to_catalog(waves)
    listed = {model["name"]: model for model in answer(capsys, "models")["models"]}["waves"]
    assert listed["modality"] == "sound"
    assert listed["architecture"] == "wavenet"
    assert listed["conditions"] == {
        "speaker": {"kind": "category", "values": ["ann", "bob"], "any": False},
        "digit": {"kind": "category", "values": ["0", "1", "2"], "any": True},
    }
    assert listed["bits_per_dim"] == 1.5
    assert listed["size_bytes"] == Path(waves).stat().st_size
    assert main(["models"]) == 0
    assert "speaker: ann, bob" in capsys.readouterr().out


def test_the_conditions_of_a_listed_model_have_one_shape_whatever_their_kind(
    capsys: pytest.CaptureFixture[str], places: str
) -> None:
    add_to_catalog(places)
    listed = {model["name"]: model for model in answer(capsys, "models")["models"]}
    assert listed["place"]["conditions"] == {
        "where": {"kind": "place"},
        "colour": {"kind": "category", "values": ["red", "blue"], "any": False},
    }
    for model in listed.values():
        assert all(isinstance(condition["kind"], str) for condition in model["conditions"].values())


# sample


def test_sample_writes_what_the_suffix_says(
    capsys: pytest.CaptureFixture[str], pixels: str, waves: str, tmp_path: Path
) -> None:
    for model, out, count in (
        (pixels, "one.png", 1), (pixels, "grid.png", 4), (pixels, "film.gif", 1), (pixels, "all.npz", 2),
        (waves, "clip.wav", 1), (waves, "clips.npz", 3),
    ):  # fmt: skip
        result = answer(capsys, "sample", model, "-o", tmp_path / out, "--count", count, *CACHED)
        assert result["files"] == [str(tmp_path / out)]
        assert (tmp_path / out).stat().st_size
        assert result["count"] == count
    assert Image.open(tmp_path / "one.png").size == (6, 6)


@pytest.mark.parametrize("out", ["x.png", "x.gif", "folder"])
def test_a_picture_enlarged_by_a_whole_factor_is_the_same_sample(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path, out: str
) -> None:
    for folder in ("plain", "large"):
        (tmp_path / folder).mkdir()
    drawn = [
        answer(capsys, "sample", pixels, "-o", folder / out, "--scale", scale, *CACHED)["files"][0]
        for folder, scale in ((tmp_path / "plain", 1), (tmp_path / "large", 5))
    ]
    plain, large = (np.array(Image.open(file).convert("L")) for file in drawn)
    assert np.array_equal(large, plain.repeat(5, 0).repeat(5, 1))
    scored = [answer(capsys, "score", pixels, file)["files"][0]["bits"] for file in drawn]
    assert scored[0] == scored[1]
    assert answer(capsys, "reproduce", drawn[1], "--model", pixels)["agrees"] is True


def test_a_top_k_beyond_the_alphabet_keeps_all_as_none_does(pixels: str, tmp_path: Path) -> None:
    for out, top_k in (("all.npz", "0"), ("beyond.npz", "1000")):
        assert main(["sample", pixels, "-o", str(tmp_path / out), "--count", "4", "--top-k", top_k, *CACHED]) == 0
    symbols = [np.load(tmp_path / out)["symbols"] for out in ("all.npz", "beyond.npz")]
    assert np.array_equal(*symbols)


def test_help_of_sample_names_the_default_of_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "--help"]) == 0
    options = capsys.readouterr().out.split("--json", 2)[2].split("\n  --")[1:]
    assert len(options) > 10
    for option in options:
        assert "default" in option or option.split()[0] in ("condition", "seconds"), option
    (seed,) = [" ".join(option.split()) for option in options if option.startswith("seed")]
    assert "default: 0, not one by chance: the same command draws the same" in seed


def test_a_folder_gets_one_file_per_sample(capsys: pytest.CaptureFixture[str], waves: str, tmp_path: Path) -> None:
    result = answer(capsys, "sample", waves, "-o", tmp_path / "clips", "--count", 2, "--first", 5, *CACHED)
    assert [Path(file).name for file in result["files"]] == ["0005.wav", "0006.wav"]
    assert all(Path(file).exists() for file in result["files"])


def test_sample_reports_what_it_did(capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path) -> None:
    result = answer(
        capsys, "sample", pixels, "-o", tmp_path / "x.npz", "--count", 2, "--seed", 7, "--condition", "digit=2",
        "--temperature", 0.5, "--top-k", 3, *CACHED,
    )  # fmt: skip
    assert result["condition"] == {"digit": "2"}
    assert (result["seed"], result["steps"], result["engine"], result["device"]) == (7, 72, "cached", "cpu")
    assert result["shaping"] == {"temperature": 0.5, "top_k": 3, "top_p": 1.0, "min_p": 0.0}
    assert result["bits_per_dim"] == pytest.approx(sum(result["nats"]) / math.log(2) / 72)
    arrays = np.load(tmp_path / "x.npz")
    assert arrays["samples"].shape == (2, 6, 6)
    assert arrays["nats"] == pytest.approx(result["nats"])
    assert int(arrays["seed"]) == 7


def test_a_picture_is_completed_exactly_where_the_missing_part_is_drawn_last(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path
) -> None:
    bright = np.indices((6, 6)).sum(0) * 25
    Image.fromarray(np.kron(bright, np.ones((4, 4))).astype(np.uint8)).save(tmp_path / "picture.png")
    asked = ("sample", pixels, "--complete", tmp_path / "picture.png", "--count", "3", *CACHED)
    said = answer(capsys, *asked, "-o", tmp_path / "lower.npz")
    assert said["completion"] == {"picture": str(tmp_path / "picture.png"), "missing": "lower-half", "exact": True}
    lower = np.load(tmp_path / "lower.npz")["samples"]
    assert lower.shape == (3, 6, 6)
    assert (lower[:, :3] == lower[0, :3]).all()
    assert (np.abs(lower[0, :3].astype(int) - bright[:3]) < 43).all()  # half a level of four
    assert (lower[0, 3:] != lower[1, 3:]).any()

    Image.fromarray((np.indices((6, 6))[1] < 2).astype(np.uint8) * 255).save(tmp_path / "mask.png")
    main([*map(str, asked), "--missing", str(tmp_path / "mask.png"), "-o", str(tmp_path / "columns.npz")])
    assert "Completion by 32 particles, " in capsys.readouterr().out
    columns = np.load(tmp_path / "columns.npz")["samples"]
    assert columns.shape == (32, 6, 6)
    assert (columns[:, :, 2:] == columns[0, :, 2:]).all()
    assert (columns[:, :, :2] != columns[0, :, :2]).any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--missing", "middle"), "--missing is for --complete"),
        (("--complete", "PICTURE", "--missing", "nose"), "what is missing is lower-half, right-half, "),
        (("--complete", "PICTURE", "--steps", "3"), "--complete draws whole images"),
        (("--complete", "PICTURE", "--count", "5000", "-o", "OUT.npz"), "by one process, at most 4096 samples"),
    ],
)
def test_a_completion_that_cannot_be_is_refused(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    Image.new("L", (6, 6)).save(tmp_path / "picture.png")
    places = {"PICTURE": tmp_path / "picture.png", "OUT.npz": tmp_path / "OUT.npz"}
    arguments = [places.get(option, option) for option in options]
    assert said in complaint(capsys, 2, "sample", pixels, "-o", tmp_path / "out.png", *CACHED, *arguments)


def test_particles_that_do_not_fit_into_the_picture_are_refused_before_they_are_drawn(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path
) -> None:
    Image.new("L", (6, 6)).save(tmp_path / "picture.png")
    asked = ("sample", pixels, "--complete", tmp_path / "picture.png", "--missing", "middle", *CACHED)
    out = tmp_path / "out.png"
    said = complaint(capsys, 2, *asked, "--count", "900", "--scale", "64", "-o", out)
    assert "is too large" in said
    assert not out.exists()


def test_sound_is_not_completed(capsys: pytest.CaptureFixture[str], waves: str, tmp_path: Path) -> None:
    said = complaint(capsys, 2, "sample", waves, "-o", tmp_path / "out.wav", "--complete", tmp_path / "picture.png")
    assert "only images can be completed" in said


def test_the_same_command_draws_the_same(pixels: str, tmp_path: Path) -> None:
    drawn = []
    for out in ("a.npz", "b.npz"):
        assert main(["sample", pixels, "-o", str(tmp_path / out), *CACHED]) == 0
        drawn.append(np.load(tmp_path / out)["symbols"])
    assert np.array_equal(*drawn)


def test_a_sample_is_the_same_alone_and_among_others(pixels: str, tmp_path: Path) -> None:
    assert main(["sample", pixels, "-o", str(tmp_path / "all.npz"), "--count", "4", *CACHED]) == 0
    assert main(["sample", pixels, "-o", str(tmp_path / "one.npz"), "--first", "3", *CACHED]) == 0
    assert np.array_equal(np.load(tmp_path / "all.npz")["symbols"][3], np.load(tmp_path / "one.npz")["symbols"][0])


def test_more_samples_than_are_walked_at_once_are_all_different(pixels: str, tmp_path: Path) -> None:
    assert main(["sample", pixels, "-o", str(tmp_path / "all.npz"), "--count", "70", *CACHED]) == 0
    assert len(np.unique(np.load(tmp_path / "all.npz")["symbols"], axis=0)) == 70


def test_the_length_of_sound_is_limited_in_seconds_or_steps(
    capsys: pytest.CaptureFixture[str], waves: str, tmp_path: Path
) -> None:
    by_seconds = answer(capsys, "sample", waves, "-o", tmp_path / "a.wav", "--seconds", 0.001, *CACHED)
    by_steps = answer(capsys, "sample", waves, "-o", tmp_path / "b.wav", "--steps", 8, *CACHED)
    assert by_seconds["steps"] == by_steps["steps"] <= 8


def test_the_rate_leaves_out_what_loading_the_engine_takes(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first decoder takes a second to make, as one whose kernel has to be compiled does."""
    from models import sampling

    made: list[str] = []

    def slow_at_first(*arguments: Any) -> Any:
        if not made:
            time.sleep(1)
        made.append("decoder")
        return make_decoder(*arguments)

    make_decoder = sampling.make_decoder
    monkeypatch.setattr(sampling, "make_decoder", slow_at_first)
    result = answer(capsys, "sample", pixels, "-o", tmp_path / "x.png", *CACHED)
    assert len(made) == 2
    assert result["seconds"] < 1
    assert result["steps_per_second"] == pytest.approx(result["steps"] / result["seconds"])


def test_bits_are_counted_per_dimension_of_an_image_and_per_sample_of_a_sound(
    capsys: pytest.CaptureFixture[str], pixels: str, waves: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "pixels.npz", images=np.zeros((2, 6, 6), np.uint8))
    np.savez(tmp_path / "waves.npz", samples=np.ones((2, 80), np.int16), speaker=np.array(["bob", "ann"]))
    for model, unit, other in ((pixels, "bits/dim", "bits/sample"), (waves, "bits/sample", "bits/dim")):
        data = tmp_path / f"{Path(model).stem}.npz"
        for command in (["sample", model, "-o", tmp_path / "x.npz", *CACHED], ["score", model, tmp_path / "x.npz"],
                        ["evaluate", model, data]):  # fmt: skip
            assert main([*map(str, command)]) == 0
            out = capsys.readouterr().out
            assert unit in out
            assert other not in out
    add_to_catalog(waves)
    assert main(["models"]) == 0
    assert "1.500 bits/sample" in capsys.readouterr().out


# score


@pytest.mark.parametrize("out", ["x.png", "x.npz", "x.gif"])
def test_scoring_a_sample_gives_what_its_walk_recorded(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path, out: str
) -> None:
    drawn = answer(capsys, "sample", pixels, "-o", tmp_path / out, "--condition", "digit=1", *CACHED)
    scored = answer(capsys, "score", pixels, tmp_path / out)["files"]
    assert len(scored) == 1
    assert scored[0]["nats"] == pytest.approx(drawn["nats"][0], abs=1e-3)
    assert scored[0]["bits"] == pytest.approx(drawn["nats"][0] / math.log(2), abs=1e-3)
    assert scored[0]["bits_per_dim"] == pytest.approx(drawn["bits_per_dim"], abs=1e-4)


def test_sound_is_scored_with_its_stop_symbol(capsys: pytest.CaptureFixture[str], waves: str, tmp_path: Path) -> None:
    drawn = answer(capsys, "sample", waves, "-o", tmp_path / "x.wav", "--condition", "speaker=bob", *CACHED)
    scored = answer(capsys, "score", waves, tmp_path / "x.wav")["files"][0]
    assert scored["steps"] == drawn["steps"]
    assert scored["nats"] == pytest.approx(drawn["nats"][0], abs=1e-3)


def test_score_says_for_every_sample_under_which_condition_and_where_it_is_from(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path
) -> None:
    ours, foreign = str(tmp_path / "ours.png"), str(tmp_path / "foreign.png")
    assert main(["sample", pixels, "-o", ours, "--count", "2", "--condition", "digit=1", *CACHED]) == 0
    Image.new("L", (6, 6)).save(foreign)
    scored = answer(capsys, "score", pixels, ours, foreign)["files"]
    assert [(entry["file"], entry["condition"], entry["condition_from"]) for entry in scored] == [
        (ours, {"digit": "1"}, "file"),
        (ours, {"digit": "1"}, "file"),
        (foreign, {"digit": "any"}, "default"),
    ]
    assert all(entry["condition_changes"] == [] for entry in scored)
    assert main(["score", pixels, ours, foreign]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("; ")[1] for line in lines] == [
        "digit 1 (from the file)",
        "digit 1 (from the file)",
        "digit any (by default)",
    ]


def test_a_condition_on_the_command_line_overrides_the_files(
    capsys: pytest.CaptureFixture[str], waves: str, tmp_path: Path
) -> None:
    """As a whole: what it does not name is the default, not what the file carries."""
    out = tmp_path / "x.wav"
    arguments = ("--condition", "speaker=bob", "--condition", "digit=1", *CACHED)
    answer(capsys, "sample", waves, "-o", out, *arguments)
    (carried,) = answer(capsys, "score", waves, out)["files"]
    (chosen,) = answer(capsys, "score", waves, out, "--condition", "speaker=ann")["files"]
    assert carried["condition"] == {"speaker": "bob", "digit": "1"}
    assert (chosen["condition"], chosen["condition_from"]) == ({"speaker": "ann", "digit": "any"}, "option")
    assert chosen["bits"] != pytest.approx(carried["bits"], rel=1e-3)
    assert main(["score", waves, str(out), "--condition", "speaker=ann"]) == 0
    assert "speaker ann, digit any (as asked)" in capsys.readouterr().out


def test_a_sample_whose_condition_changed_on_the_way_is_scored_as_it_was_drawn(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path
) -> None:
    from models.files import export
    from models.sampling import run
    from models.shaping import NEUTRAL
    from models.trace import new_take

    loaded = load_checkpoint(Path(pixels))
    take = run(loaded.model, new_take(
        loaded.reference, seed=1, count=1, condition={"digit": "0"}, shaping=NEUTRAL, engine="cached",
    ))  # fmt: skip
    take.branch(0, 20, new_noise=True, condition={"digit": "2"})
    run(loaded.model, take)
    export(tmp_path / "x.png", take)
    (scored,) = answer(capsys, "score", pixels, tmp_path / "x.png")["files"]
    assert scored["condition"] == {"digit": "0"}
    assert scored["condition_changes"] == [{"step": 20, "condition": {"digit": "2"}}]
    assert scored["bits"] == pytest.approx(take.traces[0].bits, abs=1e-3)
    assert main(["score", pixels, str(tmp_path / "x.png")]) == 0
    assert "digit 0, from step 20 on digit 2 (from the file)" in capsys.readouterr().out


def test_an_unfinished_image_is_scored_as_far_as_it_was_drawn(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path
) -> None:
    drawn = answer(capsys, "sample", pixels, "-o", tmp_path / "x.gif", "--steps", 20, *CACHED)
    (scored,) = answer(capsys, "score", pixels, tmp_path / "x.gif")["files"]
    assert scored["steps"] == 20
    assert scored["nats"] == pytest.approx(drawn["nats"][0], abs=1e-3)
    assert main(["score", pixels, str(tmp_path / "x.gif")]) == 0
    assert "nats of the 20 steps drawn" in capsys.readouterr().out


def test_of_several_files_those_that_can_be_scored_are(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path
) -> None:
    good, bad, lost = (str(tmp_path / name) for name in ("good.png", "bad.png", "lost.png"))
    Image.new("L", (6, 6)).save(good)
    Image.new("L", (7, 6)).save(bad)
    capsys.readouterr()
    assert main(["score", pixels, bad, good, lost]) == 1
    said = capsys.readouterr()
    assert [line.split(":")[0] for line in said.out.splitlines()] == [good]
    assert [line.split()[:3] for line in said.err.splitlines()] == [
        ["sampling-studio:", "error:", bad],
        ["sampling-studio:", "error:", "cannot"],
    ]
    assert main(["score", pixels, bad, good, lost, "--json"]) == 1
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert [entry["file"] for entry in found["files"]] == [good]
    assert [entry["file"] for entry in found["errors"]] == [bad, lost]
    assert [f"sampling-studio: error: {entry['error']}" for entry in found["errors"]] == said.err.splitlines()
    assert answer(capsys, "score", pixels, bad, code=1)["files"] == []
    assert answer(capsys, "score", pixels, good)["errors"] == []


def test_help_of_score_says_which_condition_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "under the condition that its file carries" in out


def test_the_posterior_of_every_condition_sums_to_one(
    capsys: pytest.CaptureFixture[str], waves: str, tmp_path: Path
) -> None:
    assert main(["sample", waves, "-o", str(tmp_path / "x.wav"), *CACHED]) == 0
    posterior = answer(capsys, "score", waves, tmp_path / "x.wav", "--posterior")["files"][0]["posterior"]
    assert {name: set(values) for name, values in posterior.items()} == {
        "speaker": {"ann", "bob"},
        "digit": {"0", "1", "2"},
    }
    for values in posterior.values():
        assert sum(values.values()) == pytest.approx(1)


def test_a_posterior_tells_the_probable_values_and_sums_up_the_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    three = str(tmp_path / "three.png")
    assert main(["sample", "gated-pixelcnn-mnist", "-o", three, "--condition", "digit=3"]) == 0
    capsys.readouterr()
    assert main(["score", "gated-pixelcnn-mnist", three, "--posterior"]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.startswith("  digit: 3 ")
    assert line.endswith(", each of the others below 0.001")


def test_a_condition_that_is_no_category_has_no_posterior_and_that_is_said_once(
    capsys: pytest.CaptureFixture[str], places: str, tmp_path: Path
) -> None:
    for name in ("one.png", "two.png"):
        Image.new("L", (PLACE_CHAIN.width, PLACE_CHAIN.height)).save(tmp_path / name)
    score = ["score", places, str(tmp_path / "one.png"), str(tmp_path / "two.png"), "--posterior"]
    assert main(score) == 0
    said = capsys.readouterr()
    assert said.err == "sampling-studio: only categories have a posterior, not 'where'\n"
    lines = said.out.splitlines()
    assert [line.split(":")[0] for line in lines] == [score[2], "  colour", score[3], "  colour"]
    assert "where 0.5,0.5, colour red (by default)" in lines[0]
    for result in answer(capsys, *score)["files"]:
        assert result["posterior"] == {"colour": {"red": pytest.approx(0.5), "blue": pytest.approx(0.5)}}


# evaluate


def test_evaluate_measures_and_can_store_a_test_score(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path
) -> None:
    model = tmp_path / f"model{SUFFIX}"
    model.write_bytes(Path(pixels).read_bytes())
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 6), np.uint8)
    np.savez(tmp_path / "data.npz", images=images, labels=np.array([0, 1, 2, 0, 1]))
    result = answer(capsys, "evaluate", model, tmp_path / "data.npz", "--limit", 4, "--write")
    assert result["examples"] == 4
    assert result["nats"] == pytest.approx(result["bits_per_dim"] * 36 * math.log(2))
    assert result["normalised"] is False
    stored = read_header(model).likelihood
    assert stored["test"]["bits_per_dim"] == pytest.approx(result["bits_per_dim"])
    assert stored["valid"] == {"bits_per_dim": 1.5}
    condition = read_header(model).factors[0]
    labels = np.full(5, condition.values.index("1"))  # type: ignore[attr-defined]
    np.savez(tmp_path / "ones.npz", images=images, labels=labels)
    ones = answer(capsys, "evaluate", model, tmp_path / "ones.npz", "--limit", 4)
    given = ["--condition", f"{condition.name}=1", "--write"]
    assert answer(capsys, "evaluate", model, tmp_path / "data.npz", "--limit", 4, *given)["nats"] == ones["nats"]
    stored = read_header(model).likelihood
    assert stored[f"test, {condition.name} 1"]["nats"] == ones["nats"] != stored["test"]["nats"]


def test_evaluate_says_that_sound_is_normalised(capsys: pytest.CaptureFixture[str], waves: str, tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-900, 900, 300).astype(np.int16)
    speakers = np.array(["bob", "ann"])
    np.savez(tmp_path / "data.npz", samples=samples, offsets=np.array([0, 100, 300]), speaker=speakers)
    assert answer(capsys, "evaluate", waves, tmp_path / "data.npz")["normalised"] is True
    assert main(["evaluate", waves, str(tmp_path / "data.npz")]) == 0
    assert "2 examples, normalised" in capsys.readouterr().out


def test_one_example_has_no_standard_error(capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", images=np.zeros((1, 6, 6), np.uint8))
    assert answer(capsys, "evaluate", pixels, tmp_path / "data.npz")["nats_standard_error"] is None


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog whose only shipped model is an FVBN that is not measured yet."""
    shipped = tmp_path / "shipped"
    (shipped / "checkpoints").mkdir(parents=True)
    digits = Category("digit", tuple("0123456789"), any=True)
    model = FVBN(ModelSpec("fvbn", ImageChain(GreyLevels(2), 28, 28), (digits,), {}))
    path = shipped / "checkpoints" / f"fvbn{SUFFIX}"
    data = {"name": "binarised_mnist", "title": "MNIST, binarised"}
    save_checkpoint(path, model, name="fvbn", title="FVBN", data=data, training={}, likelihood={})
    for module in ("shared", "evaluate"):
        monkeypatch.setattr(f"studio.cli.{module}.user_catalog", lambda: Catalog(shipped=shipped))
    return path


def test_evaluate_all_measures_what_is_missing_and_writes_the_table(
    capsys: pytest.CaptureFixture[str], zoo: Path, tmp_path: Path
) -> None:
    (before,) = answer(capsys, "evaluate", "--all", "--no-speed")["models"]
    assert (before["measured"], before["published"][0]["value"]) == ([], 97.45)
    assert read_header(zoo).likelihood == {}
    images = np.random.default_rng(0).integers(0, 2, (5, 28, 28), np.uint8) * 255
    np.savez(tmp_path / "data.npz", images=images, labels=np.arange(5))
    page = tmp_path / "page.md"
    page.write_text(f"one\n{BEGIN}\nold\n{END}\ntwo\n")
    assert main(["evaluate", "--all", str(tmp_path / "data.npz"), "--no-speed", "--write", str(page)]) == 0
    out = capsys.readouterr().out
    stored = read_header(zoo).likelihood
    assert set(stored) == {"test", "test, digit any"}
    for numbers in stored.values():
        assert f"{numbers['nats']:.2f} ± {numbers['nats_standard_error']:.2f} nats" in out
    written = page.read_text()
    assert written.startswith(f"one\n{BEGIN}\n\n| model | data |")
    assert written.endswith(f"|\n\n{END}\ntwo\n")
    assert out.startswith(written.split("\n\n")[1])
    assert "one fixed draw" in out
    assert "old" not in written
    held = zoo.read_bytes()
    answer(capsys, "evaluate", "--all", tmp_path / "data.npz", "--no-speed")
    assert zoo.read_bytes() == held


def test_evaluate_all_measures_the_speeds_of_this_machine(
    capsys: pytest.CaptureFixture[str], zoo: Path, places: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.bench.BUDGET_SECONDS", 0.1)
    shutil.copy(places, zoo)
    result = answer(capsys, "evaluate", "--all")
    assert [speed["engine"] for speed in result["models"][0]["speeds"]] == ["reference"]
    assert {"torch", "hardware", "threads"} <= set(result)


def test_evaluate_all_names_what_it_cannot_measure_and_writes_the_rest(
    capsys: pytest.CaptureFixture[str], zoo: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["evaluate", "--all", str(tmp_path / "empty"), "--no-speed"]) == 1
    said = capsys.readouterr()
    assert "| not measured |" in said.out
    assert said.err.startswith("sampling-studio: error: fvbn: ")
    assert said.err.count("\n") == 1


def test_evaluate_takes_one_model_or_all(
    capsys: pytest.CaptureFixture[str], zoo: Path, pixels: str, tmp_path: Path
) -> None:
    assert "MODEL and DATA, or --all" in complaint(capsys, 2, "evaluate", pixels)
    assert "put it last" in complaint(capsys, 2, "evaluate", "--write", pixels, tmp_path)
    assert "is for --all" in complaint(capsys, 2, "evaluate", pixels, tmp_path, "--no-speed")
    assert "takes the FILE" in complaint(capsys, 2, "evaluate", "--all", "--write")
    assert "no MODEL" in complaint(capsys, 2, "evaluate", "--all", "--limit", 3)
    assert "no such folder of data sets" in complaint(capsys, 1, "evaluate", "--all", tmp_path / "nowhere")
    (tmp_path / "page.md").write_text("no table")
    assert "page.md: the table is written between" in complaint(
        capsys, 1, "evaluate", "--all", "--write", tmp_path / "page.md"
    )


# reproduce


def test_a_saved_sample_walks_again_to_the_same(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path
) -> None:
    assert main(["sample", pixels, "-o", str(tmp_path / "x.png"), "--count", "2", *CACHED]) == 0
    result = answer(capsys, "reproduce", tmp_path / "x.png", "--model", pixels)
    assert result["agrees"] is True
    for entry in result["samples"]:
        assert (entry["steps"], entry["walked_by"], entry["fallback"]) == (36, ["cached on cpu"], None)


def test_on_a_terminal_reproduce_shows_how_far_each_sample_is(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["sample", pixels, "-o", str(tmp_path / "x.png"), "--count", "2", *CACHED]) == 0
    monkeypatch.setattr("studio.cli.shared.PROGRESS_SECONDS", -1.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["reproduce", str(tmp_path / "x.png"), "--model", pixels]) == 0
    said = capsys.readouterr().err
    for line in ("sample 1 of 2: step 1 of 36", "sample 1 of 2: step 36 of 36", "sample 2 of 2: step 36 of 36"):
        assert line in said


def test_a_sample_of_a_gpu_walks_again_without_one_and_that_is_said(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.files import export
    from models.sampling import run
    from models.shaping import NEUTRAL
    from models.trace import new_take

    loaded = load_checkpoint(Path(pixels))
    take = run(loaded.model, new_take(
        loaded.reference, seed=1, count=1, condition={"digit": "0"}, shaping=NEUTRAL, engine="cached",
    ))  # fmt: skip
    take.traces[0].schedule = [replace(take.traces[0].segment, engine="steam", device="cuda")]
    export(tmp_path / "x.png", take)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("models.sampling.ALL_ENGINES", ("cached", "reference"))  # a compiler would take its time
    result = answer(capsys, "reproduce", tmp_path / "x.png", "--model", pixels)
    said = "walked by cached on cpu instead of steam on cuda"
    assert (result["device"], result["samples"][0]["fallback"], result["agrees"]) == ("cpu", said, True)
    assert main(["reproduce", str(tmp_path / "x.png"), "--model", pixels]) == 0
    assert said in capsys.readouterr().out


def test_an_engine_that_is_not_on_the_chosen_device_is_a_wrong_argument(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("sample", pixels, "-o", tmp_path / "x.png", "--device", "cuda", "--engine", "compiled")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert "it has: cached, reference" in complaint(capsys, 2, *arguments)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "no CUDA device" in complaint(capsys, 2, *arguments)


def test_reproduce_finds_the_model_by_its_weights(
    capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path
) -> None:
    assert main(["sample", pixels, "-o", str(tmp_path / "x.png"), *CACHED]) == 0
    assert "not among the models" in complaint(capsys, 1, "reproduce", tmp_path / "x.png")
    add_to_catalog(pixels)
    assert answer(capsys, "reproduce", tmp_path / "x.png")["model"] == "pixels"


def test_a_difference_is_reported_and_fails(capsys: pytest.CaptureFixture[str], pixels: str, tmp_path: Path) -> None:
    """A record that claims another seed: its symbols are valid, but no walk of that seed draws them."""
    from models.files import export
    from models.sampling import run
    from models.shaping import NEUTRAL
    from models.trace import new_take

    loaded = load_checkpoint(Path(pixels))
    take = run(loaded.model, new_take(
        loaded.reference, seed=1, count=1, condition={"digit": "0"}, shaping=NEUTRAL, engine="cached",
    ))  # fmt: skip
    trace = take.traces[0]
    trace.schedule[0] = type(trace.segment)(**{**trace.segment.__dict__, "seed": 2})
    export(tmp_path / "x.png", take)
    result = answer(capsys, "reproduce", tmp_path / "x.png", "--model", pixels, code=1)["samples"][0]
    assert result["agrees"] is False
    assert result["tie"] is False
    assert result["location"].startswith("row ")
    assert main(["reproduce", str(tmp_path / "x.png"), "--model", pixels]) == 1
    assert "no float tie" in capsys.readouterr().out


def test_other_weights_are_refused(capsys: pytest.CaptureFixture[str], pixels: str, waves: str, tmp_path: Path) -> None:
    assert main(["sample", pixels, "-o", str(tmp_path / "x.png"), *CACHED]) == 0
    assert "weights" in complaint(capsys, 1, "reproduce", tmp_path / "x.png", "--model", waves)


# A model whose finite weights make sums that are not


@pytest.fixture(scope="module")
def overflowing(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("overflowing") / f"large{SUFFIX}"
    torch.manual_seed(1)
    model = WaveNet(
        ModelSpec("wavenet", SOUND_CHAIN, (DIGIT,), {"residual": 4, "skip": 8, "head": 8, "dilations": [1, 2, 4]})
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_().mul_(1e30)
    save_checkpoint(path, model, name="large", title="Large", data={"name": "none"}, training={}, likelihood={})
    return str(path)


@pytest.mark.parametrize("engine", ["reference", "cached", "compiled"])
def test_no_engine_samples_from_what_are_no_probabilities(
    capsys: pytest.CaptureFixture[str], overflowing: str, tmp_path: Path, engine: str
) -> None:
    out = tmp_path / "x.wav"
    said = complaint(capsys, 1, "sample", overflowing, "-o", out, "--engine", engine)
    assert "Large gives no probabilities" in said
    assert not out.exists()


def test_what_are_no_probabilities_is_neither_scored_nor_measured(
    capsys: pytest.CaptureFixture[str], overflowing: str, tmp_path: Path
) -> None:
    data, clip = tmp_path / "data.npz", tmp_path / "clip.wav"
    np.savez(data, samples=np.ones((2, 80), np.int16))
    with wave.open(str(clip), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(160))
    before = Path(overflowing).read_bytes()
    for command in (["score", overflowing, clip, "--posterior"],
                    ["evaluate", overflowing, data, "--write"], ["bench", overflowing]):  # fmt: skip
        assert "gives no probabilities" in complaint(capsys, 1, *command)
    assert Path(overflowing).read_bytes() == before


def test_a_file_that_the_model_has_no_probabilities_for_leaves_the_others_their_scores(
    capsys: pytest.CaptureFixture[str], waves: str, tmp_path: Path
) -> None:
    fragile = str(tmp_path / f"fragile{SUFFIX}")
    model = load_checkpoint(Path(waves)).model
    assert isinstance(model, WaveNet)
    with torch.no_grad():
        model.embedding.weight[SOUND_CHAIN.alphabet.levels - 1] = 3e38  # sums overflow after the loudest symbol
    save_checkpoint(Path(fragile), model, name="fragile", title="Fragile", data={}, training={}, likelihood={})
    clips = {str(tmp_path / f"{name}.wav"): level for name, level in (("one", 0), ("loud", 32767), ("two", 99))}
    for name, level in clips.items():
        with wave.open(name, "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(np.full(40, level, "<i2").tobytes())
    one, loud, two = clips
    assert main(["score", fragile, *clips]) == 1
    said = capsys.readouterr()
    assert [line.split(":")[0] for line in said.out.splitlines()] == [one, two]
    assert said.err.startswith(f"sampling-studio: error: {loud}: WaveNet gives no probabilities")
    assert said.err.count("\n") == 1
    found = answer(capsys, "score", fragile, *clips, code=1)
    assert [entry["file"] for entry in found["files"]] == [one, two]
    assert [entry["file"] for entry in found["errors"]] == [loud]


# bench, train, doctor


def test_bench_measures_every_engine_against_the_reference(
    capsys: pytest.CaptureFixture[str], waves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.bench.BUDGET_SECONDS", 0.1)
    result = answer(capsys, "bench", waves)
    engines = {row["engine"]: row for row in result["engines"]}
    assert set(engines) == {"compiled", "cached", "reference", "bfloat16"}
    assert engines["reference"]["ratio_to_reference"] == 1
    for row in engines.values():
        assert row["slowest"] <= row["steps_per_second"] <= row["fastest"]
        assert row["real_time_factor"] == pytest.approx(row["steps_per_second"] / 8000)


def test_bench_takes_wavenets_of_random_weights(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"residual": 4, "skip": 4, "head": 4, "dilations": (1, 2)}
    monkeypatch.setattr("models.bench.BUDGET_SECONDS", 0.1)
    monkeypatch.setattr("models.bench.WAVENETS", {"tiny": sizes})
    (model,) = answer(capsys, "bench", "--wavenet")["models"]
    assert model["model"] == "tiny"
    assert {row["engine"] for row in model["engines"] if row["limit"] is not None} == {"compiled", "bfloat16"}
    assert main(["bench", "--wavenet"]) == 0
    assert "at which its weights can be read" in capsys.readouterr().out
    assert "or --wavenet" in complaint(capsys, 2, "bench", "--wavenet", "--scaling")


def test_bench_shows_how_the_time_of_an_image_grows(
    capsys: pytest.CaptureFixture[str], places: str, waves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.bench.SIDES", (4, 6))
    monkeypatch.setattr("models.bench.SIDE_SECONDS", 0.05)
    (model,) = answer(capsys, "bench", "--scaling", places)["models"]
    (reference,) = model["engines"]
    assert (model["model"], reference["engine"], reference["ratio_to_reference"]) == ("place", "reference", 1)
    assert [time["side"] for time in reference["times"]] == [3, 4, 6]
    assert main(["bench", "--scaling", places, waves]) == 1
    said = capsys.readouterr()
    assert "3 x 3" in said.out
    assert said.err.count("\n") == 1
    assert "waves is left out" in said.err
    assert "or --wavenet, or --scaling" in complaint(capsys, 2, "bench")
    assert "or --scaling" in complaint(capsys, 2, "bench", places, "--scaling")


def test_measuring_speed_needs_nothing_of_training() -> None:
    program = "import sys, models.bench, models.hardware; sys.exit('models.training' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (IMAGE_CHAIN, ("ms_per_image", 1000 * 36 / 500)),
        (SOUND_CHAIN, ("real_time_factor", 500 / 8000)),
        (MELODY, ("ms_per_note", 2.0)),
    ],
)
def test_what_500_steps_a_second_are_is_said_in_the_words_of_the_data(
    chain: Chain, expected: tuple[str, float]
) -> None:
    assert meaning(chain, 500.0) == expected


RECIPE = """
name = "tiny"
title = "Tiny"
architecture = "gated_pixelcnn"
data = "mnist"
optimiser = "adamw"
seed = 1
steps = 2
batch = 4
learning_rate = 1e-3
warmup = 1
ema = 0.9
clip = 1.0
weight_decay = 0.0
any_rate = 0.1
stop_weight = 1.0
validate_every = 2
validation_limit = 2
patience = 8
compile = false
[network]
channels = 4
head = 8
first_rows = 1
dilations = [1]
"""


def tiny_recipe(folder: Path) -> Path:
    """A recipe that trains in a moment, and its data below the same folder."""
    labels, rng = np.arange(5010) % 10, np.random.default_rng(0)
    images = rng.integers(0, 256, (5010, 28, 28), np.uint8)
    (folder / "mnist").mkdir()
    np.savez(folder / "mnist" / "mnist.npz", train_images=images, train_labels=labels)
    (folder / "tiny.toml").write_text(RECIPE)
    return folder / "tiny.toml"


def test_train_leaves_a_checkpoint_with_its_command_and_goes_on_when_asked_to(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / f"tiny{SUFFIX}"
    train = ["train", str(tiny_recipe(tmp_path)), "--data", str(tmp_path), "-o", str(out), "--device", "cpu"]
    done = in_child(*train)
    assert done.returncode == 0, done.stderr
    header = read_header(out)
    assert header.training["command"] == f"sampling-studio train tiny --data DATA -o tiny{SUFFIX} --device cpu"
    assert header.training["steps"] == 2
    assert "--resume" in complaint(capsys, 1, *train)
    assert in_child(*train, "--resume").returncode == 0


def test_train_checks_its_files_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / f"x{SUFFIX}"
    train = ("train", "wavenet-fsdd", "--data")
    assert "lost" in complaint(capsys, 1, *train, tmp_path / "lost", "-o", out)
    assert "lost" in complaint(capsys, 1, *train, tmp_path, "-o", tmp_path / "lost" / out.name)
    assert "x.pt" in complaint(capsys, 2, *train, tmp_path, "-o", tmp_path / "x.pt")


def test_doctor_says_whether_the_window_can_start(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    assert json.loads(capsys.readouterr().out)["window_starts"] is (code == 0)


# The process


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_ctrl_c_ends_without_a_traceback_and_without_a_file(
    capsys: pytest.CaptureFixture[str], waves: str, tmp_path: Path
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs behind a shell's & has it ignored
    finger = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    finger.start()
    try:
        code = main(["sample", waves, "-o", str(tmp_path / "x.npz"), "--count", "4000", "--engine", "reference"])
    finally:
        finger.join()
        signal.signal(signal.SIGINT, before)
    assert code == 130
    assert capsys.readouterr().err == "\n"
    assert not (tmp_path / "x.npz").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX pipe")
def test_a_reader_that_leaves_is_no_error() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "studio", "sample", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.close()
    assert child.stderr is not None
    assert child.stderr.read() == b""
    child.wait(timeout=30)
    assert child.returncode == 0


def test_an_output_that_lacks_characters_gets_what_it_can_show(pixels: str, tmp_path: Path) -> None:
    add_to_catalog(pixels)
    assert in_child("models", PYTHONIOENCODING="ascii").returncode == 0
    shown = in_child("models", "--json", PYTHONIOENCODING="ascii")
    assert "\N{MIDDLE DOT}" in "".join(model["title"] for model in json.loads(shown.stdout)["models"])


def in_shell(command: str) -> subprocess.CompletedProcess[str]:
    """A command line with redirections; the program is ``studio``."""
    return subprocess.run(
        ["bash", "-c", command.replace("studio", f"{shlex.quote(sys.executable)} -m studio", 1)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


needs_shell = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


@needs_shell
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["models", "nothing"])
def test_closed_streams_change_neither_the_exit_code_nor_what_the_others_get(
    capsys: pytest.CaptureFixture[str], command: str, closed: str
) -> None:
    code = main([command])
    whole = capsys.readouterr()
    done = in_shell(f"studio {command} {closed}")
    assert done.returncode == code
    assert done.stdout == ("" if ">&-" in closed.split() else whole.out)
    assert done.stderr == ("" if "2>&-" in closed else whole.err)


@needs_shell
def test_no_file_gets_the_number_of_a_closed_stream_and_what_libraries_write_there() -> None:
    program = "import os, sys; from studio.cli import main; main(['--version']); sys.exit(os.open(os.devnull, 0))"
    words = shlex.join([sys.executable, "-c", program])
    assert subprocess.run(["bash", "-c", f"{words} <&- >&- 2>&-"], timeout=60, check=False).returncode > 2


@needs_shell
def test_a_reader_that_has_had_enough_is_no_error() -> None:
    done = in_shell("studio models --json | head -1; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")


@needs_shell
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["models", "--help", "--version"])
def test_an_output_that_is_full_is_one_line(monkeypatch: pytest.MonkeyPatch, command: str, unbuffered: str) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    done = in_shell(f"studio {command} >/dev/full")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "the disk is full" in done.stderr


@needs_shell
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("place", ["2>/dev/full", ">/dev/full 2>&1", "2>&1 | true; exit ${PIPESTATUS[0]}"])
@pytest.mark.parametrize(("command", "code"), [("nothing", 2), ("sample --frobnicate", 2), ("lost.png", 1)])
def test_an_error_that_nobody_can_read_still_has_its_exit_code(command: str, code: int, place: str) -> None:
    assert in_shell(f"studio {command} {place}").returncode == code


@needs_shell
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_training_goes_on_where_nobody_can_read_how_far_it_is(tmp_path: Path) -> None:
    out = tmp_path / f"tiny{SUFFIX}"
    done = in_shell(f"studio train {tiny_recipe(tmp_path)} --data {tmp_path} -o {out} --device cpu 2>/dev/full")
    assert done.returncode == 0
    assert read_header(out).training["steps"] == 2


@needs_shell
def test_the_start_script_leaves_paths_to_the_folder_that_it_is_called_from(tmp_path: Path) -> None:
    """A copy of it whose environment is there already, and says only where it is and what it is asked for."""
    project, elsewhere = tmp_path / "the project", tmp_path / "elsewhere"
    for folder in (project / "studio", project / ".venv" / "bin", tmp_path / "bin", elsewhere):
        folder.mkdir(parents=True)
    shutil.copy(Path(__file__).parents[2] / "run", project)
    (project / "studio" / "system_libraries.txt").touch()
    (project / ".venv" / "installed").touch()
    for program in (tmp_path / "bin" / "python3", *(project / ".venv" / "bin" / n for n in ("python", PROGRAM))):
        program.write_text('#!/bin/sh\necho "$PWD" "$@"\n' if program.name == PROGRAM else "#!/bin/sh\n")
        program.chmod(0o755)
    for script in ("../the project/run", str(project / "run")):
        done = subprocess.run(
            [script, "score", "a model", "x.png"], cwd=elsewhere, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "CDPATH": str(tmp_path)},
        )  # fmt: skip
        assert (done.stdout, done.stderr) == (f"{elsewhere} score a model x.png\n", "")


@pytest.mark.parametrize(("out", "code"), [("nowhere/x.png", 1), (".png", 2), ("-", 2)])
def test_where_nothing_can_be_written_nothing_is_drawn(
    out: str, code: int, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert out.split("/")[0] in complaint(capsys, code, "sample", "gated-pixelcnn-mnist", "-o", out)
    assert list(tmp_path.iterdir()) == []
