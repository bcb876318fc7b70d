"""A third modality from end to end: a melody model with only the parallel pass, by command and in the window."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from models.catalog import Catalog
from models.checkpoint import load_checkpoint, read_header
from models.files import read_saved
from models.formats import formats_of
from models.sampling import Walk
from models.shaping import NEUTRAL
from models.trace import new_take
from studio.app import MainWindow, start
from studio.canvas import make_canvas
from studio.cli import main
from studio.export import ExportDialog
from studio.inference import InferenceThread
from studio.profile import Profile
from studio.state import Activity, Studio
from tests.melody_model import MODE, NAME, MelodyModel, register_melody, save_melody_model
from tests.studio.conftest import IMAGE, chosen_model, finish, listed, load
from tests.studio.melody_chain import MELODY


@pytest.fixture(autouse=True)
def melody(monkeypatch: pytest.MonkeyPatch) -> None:
    register_melody(monkeypatch)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return save_melody_model(tmp_path / "melody.safetensors")


# The library


def test_a_checkpoint_is_written_read_listed_and_walked(checkpoint: Path, tmp_path: Path) -> None:
    header = read_header(checkpoint)
    assert (header.chain, header.factors, header.receptive_field) == (MELODY, (MODE,), 3)
    catalog = Catalog(tmp_path / "none", user=tmp_path)
    catalog.add(checkpoint)
    assert [entry.header.name for entry in catalog.entries()] == [NAME]
    loaded = load_checkpoint(checkpoint)
    assert isinstance(loaded.model, MelodyModel)
    take = new_take(loaded.reference, seed=1, count=2, condition={}, shaping=NEUTRAL, engine="reference", limit=20)
    walk = Walk(loaded.model, take)
    while not walk.done:
        walk.advance(7)
    assert [len(trace) for trace in take.traces] == [20, 20]


# The command line


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert main([*map(str, arguments)]) == 0
    return capsys.readouterr().out


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(run(capsys, *arguments, "--json"))
    return result


def test_melodies_are_sampled_to_arrays_scored_and_reproduced(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tunes.npz"
    drawn = answer(
        capsys, "sample", checkpoint, "-o", out, "--count", 2, "--steps", 40, "--condition", "mode=minor"
    )  # fmt: skip
    assert (drawn["engine"], drawn["files"]) == ("reference", [str(out)])
    with np.load(out) as arrays:
        assert (arrays["symbols"].dtype, arrays["symbols"].shape) == (np.int32, (2, 40))
        assert "samples" not in arrays
    scored = answer(capsys, "score", checkpoint, out, "--posterior")["files"]
    assert [entry["condition"] for entry in scored] == [{"mode": "minor"}] * 2
    assert [entry["nats"] for entry in scored] == pytest.approx(drawn["nats"], abs=1e-3)
    assert "bits/note" in run(capsys, "score", checkpoint, out)
    assert answer(capsys, "reproduce", out, "--model", checkpoint)["agrees"] is True


def test_melodies_are_sampled_to_a_folder(capsys: pytest.CaptureFixture[str], checkpoint: Path, tmp_path: Path) -> None:
    run(capsys, "sample", checkpoint, "-o", tmp_path / "tunes", "--count", 2, "--steps", 5)
    files = sorted((tmp_path / "tunes").iterdir())
    assert [file.name for file in files] == ["0000.npz", "0001.npz"]
    assert read_saved(files[1]).take.model.chain == MELODY


def test_bench_speaks_of_notes(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.bench.BUDGET_SECONDS", 0.05)
    (row,) = answer(capsys, "bench", checkpoint)["engines"]
    assert (row["engine"], row["ratio_to_reference"]) == ("reference", 1)
    assert row["ms_per_note"] == pytest.approx(1000 / row["steps_per_second"])
    assert " ms per note " in run(capsys, "bench", checkpoint)


# The window


@pytest.fixture
def open_window(
    qtbot: QtBot, checkpoints: Path, checkpoint: Path, tmp_path: Path
) -> Iterator[Callable[[], MainWindow]]:
    """Windows on one profile in which the user added the melody model to an image and a sound model."""
    opened: list[MainWindow] = []
    Catalog(checkpoints, user=tmp_path).add(checkpoint)

    def open_() -> MainWindow:
        profile = Profile(tmp_path)
        worker = InferenceThread(profile.save_take)
        window = MainWindow(Studio(listed(checkpoints, tmp_path), profile, worker))
        worker.start()
        opened.append(window)
        window.show()
        qtbot.waitExposed(window)
        return window

    yield open_
    for window in opened:
        close(window)
        window.deleteLater()


def test_a_melody_is_generated_paused_edited_kept_saved_and_reopened(
    open_window: Callable[[], MainWindow], qtbot: QtBot, tmp_path: Path
) -> None:
    window = open_window()
    studio = window.studio
    load(studio, qtbot, NAME)
    studio.change("pace", pace=50.0)
    window.transport.main_button.click()
    qtbot.waitUntil(lambda: studio.frontier >= 5)
    window.transport.main_button.click()
    qtbot.waitUntil(lambda: not studio.running)
    drawn = studio.frontier
    assert 5 <= drawn < MELODY.default_limit
    studio.looking.move_cursor(2)
    studio.editing.put_value(7)
    studio.change("pace", pace=math.inf)
    qtbot.waitUntil(lambda: studio.trace is not None and len(studio.trace) > 2)
    if not studio.running:
        studio.play()
    finish(studio, qtbot)
    trace = studio.trace
    assert trace is not None
    assert (int(trace.symbols[2]), bool(trace.clamped[2])) == (7, True)
    kept = trace.symbols.tolist()
    dialog = ExportDialog(studio, window)
    assert [form.suffix for form in dialog.formats] == [form.suffix for form in formats_of(MELODY)] == [".npz"]
    studio.export(tmp_path / "a.npz")
    qtbot.waitUntil((tmp_path / "a.npz").exists)
    close(window)

    again = open_window().studio
    start(again, None)
    qtbot.waitUntil(lambda: again.activity is Activity.IDLE, timeout=20_000)
    assert chosen_model(again) == NAME
    (entry,) = again.profile.history()
    again.opening.open_history(entry.id)
    assert shown_symbols(again, qtbot) == kept
    again.delete_take(entry.id)
    again.opening.open_path(tmp_path / "a.npz")
    assert shown_symbols(again, qtbot) == kept


def shown_symbols(studio: Studio, qtbot: QtBot) -> list[int]:
    qtbot.waitUntil(lambda: studio.trace is not None, timeout=20_000)
    assert studio.trace is not None
    symbols: list[int] = studio.trace.symbols.tolist()
    return symbols


def close(window: MainWindow) -> None:
    window.close()
    window.studio.close()


def test_the_place_of_the_picture_says_that_there_is_none_and_the_next_model_has_its_own(
    open_window: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    window = open_window()
    load(window.studio, qtbot, IMAGE)
    image = window.canvas
    load(window.studio, qtbot, NAME)
    assert words(window.canvas) == "There is no picture of melody yet; everything else works."
    load(window.studio, qtbot, IMAGE)
    assert window.canvas is image


def test_a_page_without_a_picture_has_nothing_to_copy(idle: Studio) -> None:
    page = make_canvas(idle, "smell")
    assert words(page) == "There is no picture of smell yet; everything else works."
    assert page.copied() is None
    page.set_playhead(1.0)
    page.deleteLater()


def words(page: object) -> str:
    (label,) = page.findChildren(QLabel)  # type: ignore[attr-defined]
    return str(label.text())
