"""What is opened, from the history and from files: what is shown of it, and what is refused."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from models.files import export
from models.tensor_file import Check
from models.trace import Take
from studio.looking import Pointer
from studio.reading import Show
from studio.state import Studio
from tests.studio.conftest import IMAGE, SOUND, chosen_model, finish, load
from tests.studio.doing import generate, shows


def test_a_take_that_is_deleted_while_it_is_read_is_not_shown(image_studio: Studio, qtbot: QtBot) -> None:
    """What is done to it would not be kept."""
    generate(image_studio, qtbot)
    first = image_studio.take
    assert first is not None
    generate(image_studio, qtbot)
    second = image_studio.take
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 2)
    with qtbot.waitSignal(image_studio.worker.read_done):
        image_studio.opening.open_history(first.id)
        image_studio.delete_take(first.id)
    assert image_studio.take is second


def test_a_model_that_cannot_be_remembered_is_opened_all_the_same(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    assert image_studio.entry is not None
    own = tmp_path / "own.safetensors"
    shutil.copy(image_studio.entry.path, own)
    image_studio.catalog.user = tmp_path / "gone"
    with qtbot.waitSignal(image_studio.error):
        image_studio.opening.open_checkpoint(own)
    qtbot.waitUntil(lambda: image_studio.entry is not None and image_studio.entry.path == own)


def test_a_part_of_an_image_shortens_no_later_one(image_studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    image_studio.change("short", limit=20)
    generate(image_studio, qtbot)
    short = image_studio.take
    assert short is not None
    assert short.longest == 20
    export(tmp_path / "short.png", short)
    image_studio.delete_take(short.id)
    image_studio.opening.open_saved(tmp_path / "short.png")
    qtbot.waitUntil(lambda: image_studio.take is not None)
    generate(image_studio, qtbot)
    assert image_studio.frontier == 48
    load(image_studio, qtbot, SOUND)
    load(image_studio, qtbot, IMAGE)
    generate(image_studio, qtbot)
    assert image_studio.frontier == 48


def test_a_take_that_is_deleted_while_it_is_read_is_no_error(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    assert image_studio.take is not None
    old_id = image_studio.take.id
    qtbot.waitUntil(lambda: [entry.id for entry in image_studio.profile.history()] == [old_id])
    generate(image_studio, qtbot)
    new = image_studio.take
    gate = threading.Event()
    image_studio.worker._files.submit(gate.wait, 10)
    complaints: list[str] = []
    image_studio.error.connect(complaints.append)
    image_studio.opening.open_history(old_id)
    image_studio.delete_take(old_id)
    gate.set()
    image_studio.worker._files.submit(lambda: None).result()
    QApplication.processEvents()
    assert (complaints, image_studio.take) == ([], new)


def test_a_saved_file_restores_the_take_and_all_settings(image_studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    image_studio.change("condition", condition={"digit": "1"})
    image_studio.reshape(temperature=0.7, top_k=5)
    generate(image_studio, qtbot, count=2)
    saved = image_studio.take
    assert saved is not None
    export(tmp_path / "two.png", saved)
    image_studio.neutral_shaping()
    generate(image_studio, qtbot, count=1)
    image_studio.delete_take(saved.id)  # else it would be shown from there
    image_studio.opening.open_path(tmp_path / "two.png")
    qtbot.waitUntil(lambda: image_studio.take is not None and len(image_studio.take.samples) == 2)
    take, settings = image_studio.take, image_studio.settings
    assert take is not None
    assert settings is not None
    assert [t.symbols.tolist() for t in take.traces] == [t.symbols.tolist() for t in saved.traces]
    assert (settings.condition, settings.count) == ({"digit": "1"}, 2)
    assert (settings.shaping.temperature, settings.shaping.top_k) == (0.7, 5)
    assert settings.seed == saved.traces[0].schedule[0].seed
    qtbot.waitUntil(lambda: not np.isnan(take.traces[0].surprise).any())
    assert np.allclose(take.traces[0].surprise, saved.traces[0].surprise, atol=1e-3)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\xff" * 64])
def test_a_file_that_is_no_checkpoint_is_refused_by_name(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    complaints: list[str] = []
    image_studio.error.connect(complaints.append)
    image_studio.opening.open_path(path)
    qtbot.waitUntil(lambda: len(complaints) == 1)
    assert "broken.safetensors" in complaints[0]
    generate(image_studio, qtbot)


def test_an_opened_file_is_seen_without_an_overlay(image_studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    generate(image_studio, qtbot)
    assert image_studio.take is not None
    take = image_studio.take
    export(tmp_path / "a.png", take)
    image_studio.set_overlay("entropy")
    image_studio.opening.open_saved(tmp_path / "a.png")
    qtbot.waitUntil(lambda: image_studio.overlay == "none")
    image_studio.delete_take(take.id)
    image_studio.set_overlay("entropy")
    image_studio.opening.open_saved(tmp_path / "a.png")
    qtbot.waitUntil(lambda: image_studio.take is not None)
    assert image_studio.overlay == "none"


def test_opening_a_take_is_no_edit_and_leaves_the_engine_as_chosen(image_studio: Studio, qtbot: QtBot) -> None:
    """The first takes of all are drawn while the kernels are compiled: to look at one slows no other down."""
    generate(image_studio, qtbot, engine="cached")
    slow = image_studio.take
    assert slow is not None
    generate(image_studio, qtbot, engine="auto")
    edits = image_studio.undo_stack.count()
    image_studio.opening.open_history(slow.id)
    qtbot.waitUntil(lambda: image_studio.take is not None and image_studio.take.id == slow.id)
    assert image_studio.settings.engine == "auto"  # type: ignore[union-attr]
    assert image_studio.undo_stack.count() == edits


@pytest.mark.parametrize("where", ["history", "file"])
def test_what_is_opened_after_something_was_asked_for_is_what_is_shown(
    image_studio: Studio, qtbot: QtBot, where: str, tmp_path: Path
) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    export(tmp_path / "a.npz", take)
    qtbot.waitUntil(lambda: take.id in {entry.id for entry in image_studio.profile.history()})
    image_studio.loading.choose(SOUND)
    image_studio.generate()
    if where == "history":
        image_studio.opening.open_history(take.id)
    else:
        image_studio.opening.open_path(tmp_path / "a.npz")
    qtbot.waitUntil(lambda: image_studio.looks_into and not image_studio.running)
    assert image_studio.take is not None
    assert image_studio.take.id == take.id


def test_what_is_asked_for_after_something_was_opened_is_what_happens(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    image_studio.loading.choose(SOUND)
    image_studio.opening.open_history(take.id)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier > 0)
    image_studio.pause()
    assert chosen_model(image_studio) == SOUND
    assert image_studio.take is not take


def test_a_file_of_what_the_history_holds_shows_that_and_makes_no_entry(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    generate(image_studio, qtbot, count=2)
    take = image_studio.take
    assert take is not None
    export(tmp_path / "a.png", take)
    image_studio.looking.pin(Pointer(1, 3))
    image_studio.looking.move_cursor(5)
    generate(image_studio, qtbot)
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 2)
    image_studio.opening.open_path(tmp_path / "a.png")
    qtbot.waitUntil(shows(image_studio, take))
    where = (image_studio.looking.selected, image_studio.looking.cursor, image_studio.looking.pinned)
    assert where == (0, take.frontier, None)  # what was saved, not how it was looked at
    assert image_studio.profile.recent == [tmp_path / "a.png"]
    qtbot.wait(100)
    assert len(image_studio.profile.history()) == 2


def test_a_file_opened_twice_is_one_entry_also_after_a_restart(
    make_studio: Callable[[], Studio], qtbot: QtBot, tmp_path: Path
) -> None:
    studio = load(make_studio(), qtbot, IMAGE)
    generate(studio, qtbot, count=2)
    take = studio.take
    assert take is not None
    export(tmp_path / "one.npz", take, samples=[1])
    for _ in range(2):
        studio.opening.open_history(take.id)
        qtbot.waitUntil(shows(studio, take))
        studio.opening.open_path(tmp_path / "one.npz")
        qtbot.waitUntil(lambda: len(studio.take.samples) == 1)  # type: ignore[union-attr]
    studio.close()
    again = load(make_studio(), qtbot, IMAGE)
    again.opening.open_path(tmp_path / "one.npz")
    qtbot.waitUntil(lambda: again.take is not None)
    again.close()
    assert [entry.count for entry in again.profile.history()] == [1, 2]


def test_a_file_of_a_branch_that_is_not_shown_any_more_is_an_entry_of_its_own(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    symbols = take.traces[0].symbols.copy()
    export(tmp_path / "a.png", take)
    image_studio.editing.put_value(int(symbols[4] + 1) % 16, Pointer(0, 4))
    finish(image_studio, qtbot)
    image_studio.opening.open_path(tmp_path / "a.png")
    qtbot.waitUntil(lambda: image_studio.take is not take)
    assert np.array_equal(image_studio.trace.symbols, symbols)  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 2)


def test_closing_waits_for_no_read_but_for_what_is_saved(image_studio: Studio, qtbot: QtBot) -> None:
    begun, read_on = threading.Event(), []

    def read(check: Check) -> Show:
        begun.set()
        while True:
            check()
            time.sleep(0.001)

    image_studio.reader.read_beside(read)
    assert begun.wait(10)
    generate(image_studio, qtbot)
    assert image_studio.take is not None
    assert image_studio.profile.history() == []
    image_studio.opening.look_for_models(lambda: read_on.append("models"))
    image_studio.reader.read(lambda: read_on.append("picture"))  # type: ignore[arg-type, func-returns-value]
    image_studio.close()
    QApplication.processEvents()
    assert read_on == []
    assert [entry.id for entry in image_studio.profile.history()] == [image_studio.take.id]


def test_a_read_ends_when_something_else_is_asked_for(image_studio: Studio, qtbot: QtBot) -> None:
    begun, ended = threading.Event(), threading.Event()

    def read(check: Check) -> Take:
        begun.set()
        try:
            while True:
                check()
                time.sleep(0.001)
        finally:
            ended.set()

    image_studio.reader.read_take(read, image_studio.show_take)
    assert begun.wait(10)
    image_studio.loading.choose(SOUND)
    assert ended.wait(10)
    qtbot.waitUntil(lambda: image_studio.loaded is not None)


def test_a_model_is_listed_whatever_is_asked_for_while_it_is_opened(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    assert image_studio.entry is not None
    own, chosen = tmp_path / "own.safetensors", image_studio.entry
    shutil.copy(chosen.path, own)
    image_studio.opening.open_checkpoint(own)
    with qtbot.waitSignal(image_studio.catalog_changed):
        image_studio.begin()
    assert image_studio.catalog.listed_as(str(own)) is not None
    finish(image_studio, qtbot)
    assert image_studio.entry is chosen
