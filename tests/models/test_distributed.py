"""Several processes: what two that torchrun really starts train, measure and draw is what one does."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from models import bulk, distributed
from models.chain import GreyLevels, ImageChain, MuLaw, SoundChain
from models.checkpoint import read_header, save_checkpoint
from models.files import read_saved
from models.model import ModelSpec
from models.networks.gated_pixelcnn import GatedPixelCNN
from models.networks.wavenet import WaveNet
from models.training.loop import Trainer, build, read_recipe, seed_of
from studio import cli
from tests.models.test_training import write_wav

RECIPE = """
name = "{name}"
title = "Tiny"
architecture = "{architecture}"
data = "{data}"
optimiser = "{optimiser}"
seed = 1
batch = {batch}
any_rate = 0.3
validation_limit = 4
"""
GRADIENT = """
steps = 4
learning_rate = 1e-2
warmup = 1
ema = 0.9
clip = 1.0
weight_decay = 0.1
stop_weight = 5.0
validate_every = 4
patience = 8
compile = false
"""
NETWORKS = {
    "gated_pixelcnn": "channels = 4\nhead = 4\nfirst_rows = 1\ndilations = [1]\n",
    "wavenet": "residual = 4\nskip = 4\nhead = 4\ndilations = [1, 2]\n",
    "made": "hidden = [6]\nmasks = 4\nseed = 1\nshuffled = true\ndirect = false\n",
    "tabular": "",
}
STOPPED = "stopped"
"""Of this recipe, process 1 gets a Ctrl-C in its second step."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="torchrun and gloo are tried where most train")


class Two(NamedTuple):
    """What two processes left in a folder: of each command and process the exit code, its output, and its errors."""

    folder: Path
    results: list[list[tuple[int, str, str]]]


def write_recipe(folder: Path, name: str, architecture: str, data: str, optimiser: str, batch: int) -> str:
    text = RECIPE.format(name=name, architecture=architecture, data=data, optimiser=optimiser, batch=batch)
    path = folder / f"{name}.toml"
    path.write_text(text + ("" if optimiser == "closed form" else GRADIENT) + f"[network]\n{NETWORKS[architecture]}")
    return str(path)


def commands(folder: Path, mark: str) -> list[list[str]]:
    """What is asked of one process and of two, each writing files that begin with its mark."""

    def train(name: str) -> list[str]:
        out = folder / f"{mark}{name}.safetensors"
        return ["train", str(folder / f"{name}.toml"), "--data", str(folder), "-o", str(out), "--device", "cpu"]

    model = str(folder / "pixels.safetensors")
    sample = ["sample", model, "--engine", "cached", "--device", "cpu", "--seed", "3", "--json"]
    return [
        train("images"),
        train("sounds"),
        train("counted"),
        train(STOPPED),
        ["evaluate", model, str(folder / "images.npz"), "--json"],
        [*sample, "--count", "10", "--batch", "3", "-o", str(folder / f"{mark}.npz")],
        [*sample, "--count", "5", "--batch", "2", "-o", str(folder / f"{mark}folder")],
        [*sample, "--count", "5", "-o", str(folder / f"{mark}.png")],
        train("masks"),
    ]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    """Data, recipes, a model, and what two processes made of them, started once for all tests."""
    folder = tmp_path_factory.mktemp("two")
    rng = np.random.default_rng(0)
    (folder / "mnist").mkdir()
    images = rng.integers(0, 256, (5020, 28, 28), np.uint8)
    np.savez(folder / "mnist" / "mnist.npz", train_images=images, train_labels=np.arange(5020) % 10)
    (folder / "recordings").mkdir()
    for digit, index in itertools.product(range(3), (0, 5, 6, 7, 8)):  # of lengths from 40 to 400
        clip = rng.normal(0, 2000, 40 + 45 * index + digit).astype("<i2")
        write_wav(folder / "recordings" / f"{digit}_theo_{index}.wav", clip)
    write_recipe(folder, "images", "gated_pixelcnn", "mnist", "muon", batch=5)
    write_recipe(folder, STOPPED, "gated_pixelcnn", "mnist", "muon", batch=5)
    write_recipe(folder, "sounds", "wavenet", "fsdd", "adamw", batch=700)
    write_recipe(folder, "masks", "made", "binarised_mnist", "muon", batch=7)
    write_recipe(folder, "counted", "tabular", "mnist_patches", "closed form", batch=100)
    torch.manual_seed(1)
    sizes = {"channels": 4, "head": 8, "first_rows": 2, "dilations": [1, 2]}
    model = GatedPixelCNN(ModelSpec("gated_pixelcnn", ImageChain(GreyLevels(4), 6, 6), (), sizes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # further from uniform, so that samples differ
    save_checkpoint(
        folder / "pixels.safetensors", model, name="pixels", title="Pixels", data={}, training={}, likelihood={}
    )
    np.savez(folder / "images.npz", images=rng.choice(np.array([0, 85, 170, 255], np.uint8), (1600, 6, 6)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    done = subprocess.run(
        [*started, f"--master-port={port}", "-m", "tests.models.test_distributed", str(folder)],
        capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    by_process = [json.loads((folder / f"results-{rank}.json").read_text()) for rank in range(2)]
    return Two(folder, list(zip(*by_process, strict=True)))


def run_commands(folder: Path) -> None:
    """In each of two processes: all commands, one after the other."""
    rank, results = int(os.environ["RANK"]), []
    update, calls = Trainer.update_ema, itertools.count(1)

    def interrupted(self: Trainer) -> None:
        if rank == 1 and self.recipe.name == STOPPED and next(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        update(self)

    Trainer.update_ema = interrupted  # type: ignore[method-assign]
    torch.autocast = no_autocast  # type: ignore[assignment,misc]
    with distributed.joined("cpu"):
        distributed.joined = lambda device: nullcontext()  # type: ignore[assignment]  # a process can join only once
        for command in commands(folder, "two"):
            with redirect_stdout(io.StringIO()) as said, redirect_stderr(io.StringIO()) as complained:
                code = cli.main(command)
            results.append((code, said.getvalue(), complained.getvalue()))
    (folder / f"results-{rank}.json").write_text(json.dumps(results))


def no_autocast(*_: object, **__: object) -> nullcontext[None]:
    """In bfloat16 the gradient of each process would be rounded to three digits before they are added up."""
    return nullcontext()


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process as each of the two is."""
    monkeypatch.setattr(torch, "autocast", no_autocast)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def trained_by_one(folder: Path, name: str) -> Trainer:
    recipe = read_recipe(folder / f"{name}.toml")
    trainer = Trainer(recipe, folder, folder / f"one{name}.safetensors", device="cpu", command="train")
    trainer.run()
    return trainer


def left_by_two(folder: Path, name: str) -> Trainer:
    """A trainer in the state that two processes left."""
    recipe = read_recipe(folder / f"{name}.toml")
    trainer = Trainer(recipe, folder, folder / f"two{name}.safetensors", device="cpu", command="train")
    trainer.resume()
    return trainer


def assert_same_but_rounding(one: Trainer, two: Trainer) -> None:
    """What was learned differs by less than a thousandth: in any other weighting of rows, by several hundredths."""
    first = torch.cat([p.detach().flatten() for p in build(one.recipe).parameters()])
    for name in ("model", "ema"):
        ends = [torch.cat([p.detach().flatten() for p in getattr(run, name).parameters()]) for run in (one, two)]
        assert (ends[1] - ends[0]).norm() < 1e-3 * (ends[0] - first).norm()
        assert (ends[0] - first).norm() > 0.01


@pytest.mark.parametrize("name", ["images", "sounds", "masks"])
@pytest.mark.usefixtures("one")
def test_two_processes_learn_what_one_learns(two: Two, name: str) -> None:
    """Batches of five images; of clips of all lengths, by which a mean of means is not the mean; and of rows to which
    mask sets are dealt in turn."""
    alone = trained_by_one(two.folder, name)
    assert_same_but_rounding(alone, left_by_two(two.folder, name))
    header = read_header(two.folder / f"two{name}.safetensors")
    assert header.training["command"].startswith(f"torchrun --nproc-per-node=2 -m studio train {name} ")
    assert header.training["hardware"].startswith("2 processes, each 1 thread of ")
    assert alone.best is not None
    assert header.bits_per_dim == pytest.approx(alone.best.bits_per_dim, rel=1e-4)


@pytest.mark.usefixtures("one")
def test_a_ctrl_c_that_one_process_gets_stops_both_and_one_goes_on_alone(two: Two) -> None:
    (code, _, said), (other, _, silence) = two.results[3]
    assert (code, other) == (130, 130)
    assert said.endswith("interrupted at step 2; --resume goes on from there\n")
    assert silence == ""
    alone = trained_by_one(two.folder, "images")
    resumed = left_by_two(two.folder, STOPPED)
    assert resumed.step == 2
    resumed.run()
    assert_same_but_rounding(alone, resumed)


def test_only_the_first_process_speaks(two: Two) -> None:
    for first, second in two.results[:2] + two.results[4:7]:
        assert first[0] == second[0] == 0
        assert first[1] != ""
        assert list(second[1:]) == ["", ""]


def test_a_closed_form_is_refused_to_several_processes(two: Two) -> None:
    for code, _, said in two.results[2]:
        assert code == 1
        assert "counted has a closed form, which one process counts" in said


@pytest.mark.usefixtures("one")
def test_two_processes_measure_bit_for_bit_what_one_does(two: Two, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(commands(two.folder, "one")[4]) == 0
    alone, together = json.loads(capsys.readouterr().out), json.loads(two.results[4][0][1])
    assert {**alone, "seconds": 0} == {**together, "seconds": 0}
    assert alone["examples"] == 1600


@pytest.mark.parametrize("most", [1, 100], ids=["in parts", "at once"])
def test_two_processes_draw_bit_for_bit_what_one_does(
    two: Two, most: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.cli.sample.MOST_AT_ONCE", most)
    assert cli.main(commands(two.folder, "one")[5]) == 0
    alone, together = json.loads(capsys.readouterr().out), json.loads(two.results[5][0][1])
    for key in ("count", "steps", "nats", "bits_per_dim", "seed", "engine"):
        assert alone[key] == together[key]
    with np.load(two.folder / "one.npz") as one, np.load(two.folder / "two.npz") as both:
        assert both["samples"].shape == (10, 6, 6)
        assert len(np.unique(both["samples"], axis=0)) == 10
        for name in ("samples", "symbols", "nats", "seed"):
            assert one[name].dtype == both[name].dtype
            assert np.array_equal(one[name], both[name])
        settings = json.loads(str(both["settings"]))
        assert (settings["count"], settings["batch"], settings["model"]["name"]) == (10, 3, "pixels")
    assert not (two.folder / "two.npz.parts").exists()


def test_a_folder_of_two_processes_holds_every_sample_with_its_record(two: Two) -> None:
    files = sorted((two.folder / "twofolder").iterdir())
    assert [file.name for file in files] == [f"{n:04d}.png" for n in range(5)]
    assert json.loads(two.results[6][0][1])["files"] == list(map(str, files))
    for number, file in enumerate(files):
        assert read_saved(file).take.traces[0].schedule[0].sample == number


def test_several_processes_do_not_draw_what_is_one_picture(two: Two) -> None:
    for code, _, said in two.results[7]:
        assert code == 2
        assert "not as .png" in said


@pytest.mark.parametrize("out", ["x.npz", "x"])
def test_a_run_in_parts_goes_on_where_it_was_stopped(
    two: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    model = str(two.folder / "pixels.safetensors")
    command = ["sample", model, "-o", str(tmp_path / out), "--engine", "cached", "--count", "9", "--batch", "2"]
    monkeypatch.setattr("studio.cli.sample.MOST_AT_ONCE", 4)
    begun: list[int] = []
    take = bulk.Series.take

    def stopped_at_the_fourth(self: bulk.Series, part: int, limit: int | None = None) -> Any:
        if limit is None:
            begun.append(part)
            if len(begun) == 4:
                raise KeyboardInterrupt
        return take(self, part, limit)

    monkeypatch.setattr(bulk.Series, "take", stopped_at_the_fourth)
    assert cli.main(command) == 130
    assert not (tmp_path / "x.npz").exists()
    assert cli.main([*command, "--seed", "5"]) == 1  # what is there is of another seed
    assert cli.main(command) == 0
    assert begun == [0, 1, 2, 3, 3, 4]
    assert not (tmp_path / f"{out}.parts").exists()
    straight = [*command[:3], str(tmp_path / f"straight{out}"), *command[4:]]
    assert cli.main(straight) == 0
    pairs = [(tmp_path / f"straight{out}", tmp_path / out)]
    if out == "x":
        pairs = [(file, tmp_path / out / file.name) for file in sorted(pairs[0][0].iterdir())]
        assert len(pairs) == 9
        for one, other in pairs:
            symbols = [read_saved(file).take.traces[0].symbols for file in (one, other)]
            assert np.array_equal(*symbols)
    else:
        with np.load(pairs[0][0]) as one, np.load(pairs[0][1]) as other:
            assert sorted(one) == sorted(other)
            assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture
def stopped(two: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Path]:
    """A command that was stopped with three of its five parts drawn, into a folder; and the folder of the parts."""
    command = ["sample", str(two.folder / "pixels.safetensors"), "--engine", "cached", "--count", "9", "--batch", "2"]
    command += ["-o", str(tmp_path / "x")]
    monkeypatch.setattr("studio.cli.sample.MOST_AT_ONCE", 4)
    with monkeypatch.context() as patch:
        take = bulk.Series.take

        def stopping(self: bulk.Series, part: int, limit: int | None = None) -> Any:
            if part == 3:
                raise KeyboardInterrupt
            return take(self, part, limit)

        patch.setattr(bulk.Series, "take", stopping)
        assert cli.main(command) == 130
    return command, tmp_path / "x.parts"


def test_pictures_that_were_removed_meanwhile_are_drawn_again(stopped: tuple[list[str], Path]) -> None:
    command, parts = stopped
    folder = parts.with_name("x")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    (folder / "0001.png").unlink()
    assert cli.main(command) == 0
    assert [file.name for file in sorted(folder.iterdir())] == [f"{n:04d}.png" for n in range(9)]
    symbols = [read_saved(source).take.traces[0].symbols for source in (before["0001.png"], folder / "0001.png")]
    assert np.array_equal(*symbols)


def test_a_part_that_is_damaged_or_another_is_named(
    stopped: tuple[list[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    command, parts = stopped
    first = (parts / "000000.npz").read_bytes()
    (parts / "000001.npz").write_bytes(first)
    assert cli.main(command) == 1
    assert "000001.npz holds other samples than its name says: remove it" in capsys.readouterr().err
    (parts / "000001.npz").unlink()
    (parts / "000000.npz").write_bytes(first[: len(first) // 2])
    assert cli.main(command) == 1
    assert "000000.npz, which can be removed and drawn again, is damaged" in capsys.readouterr().err
    (parts / "000000.npz").unlink()
    assert cli.main(command) == 0


def test_sounds_of_many_lengths_are_joined_as_one_file_of_them_all_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    chain = SoundChain(MuLaw(8, stop=True), 8000, default_seconds=0.005, max_seconds=0.1)
    model = WaveNet(ModelSpec("wavenet", chain, (), {"residual": 4, "skip": 4, "head": 4, "dilations": [1, 2]}))
    file = tmp_path / "waves.safetensors"
    save_checkpoint(file, model, name="waves", title="Waves", data={}, training={}, likelihood={})
    command = ["sample", str(file), "--engine", "cached", "--count", "8", "--batch", "3", "-o"]
    assert cli.main([*command, str(tmp_path / "at_once.npz")]) == 0
    monkeypatch.setattr("studio.cli.sample.MOST_AT_ONCE", 4)
    assert cli.main([*command, str(tmp_path / "in_parts.npz")]) == 0
    with np.load(tmp_path / "at_once.npz") as one, np.load(tmp_path / "in_parts.npz") as other:
        assert len(set(one["lengths"].tolist())) > 1
        assert set(one) - {"metadata"} == set(other) - {"settings"}
        for name in set(one) - {"metadata"}:
            assert one[name].dtype == other[name].dtype
            assert np.array_equal(one[name], other[name])


def test_each_process_has_its_own_random_numbers_and_the_first_those_of_one_alone(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read_recipe(two.folder / "images.toml")
    alone = seed_of(recipe, 7)
    seeds = []
    for rank in range(3):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        seeds.append(seed_of(recipe, 7))
    assert seeds[0] == alone
    assert len(set(seeds)) == 3


if __name__ == "__main__":
    run_commands(Path(sys.argv[1]))
