"""Models on their way into the inference thread: what happens meanwhile, and what comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pytestqt.qtbot import QtBot

import models.checkpoint
from models.chain import GreyLevels, ImageChain
from models.condition import Factor
from models.tensor_file import Check
from studio.app import MainWindow
from studio.reading import Show
from studio.state import Activity, Studio
from tests.studio.conftest import DIGIT, IMAGE, SOUND, chosen_model, finish, load, write
from tests.studio.doing import FAST, generate


def test_loading_can_be_cancelled(studio: Studio, qtbot: QtBot) -> None:
    studio.loading.choose(SOUND)
    assert studio.activity is Activity.LOADING
    studio.loading.cancel()
    qtbot.wait(100)
    assert studio.activity is Activity.EMPTY
    load(studio, qtbot, IMAGE)


def test_a_model_that_is_given_up_while_it_loads_leaves_what_was_there(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    image_studio.loading.choose(SOUND)
    image_studio.stop()
    assert (chosen_model(image_studio), image_studio.take) == (IMAGE, take)
    qtbot.waitUntil(lambda: image_studio.looks_into)


@pytest.mark.parametrize("times", [1, 2])
def test_a_device_that_is_given_up_while_a_model_loads_there_leaves_the_one_before(
    image_studio: Studio, qtbot: QtBot, times: int
) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    image_studio.change("device", device="cpu")
    for _ in range(times):
        image_studio.stop()
    assert (chosen_model(image_studio), image_studio.take) == (IMAGE, take)
    qtbot.waitUntil(lambda: image_studio.looks_into)
    assert image_studio.settings.device == "auto"  # type: ignore[union-attr]
    assert image_studio.profile.model_settings(IMAGE)["device"] == "auto"
    assert "device" not in image_studio.undo_stack.undoText()


def test_a_device_that_is_given_up_leaves_nothing_to_undo_or_redo(image_studio: Studio, qtbot: QtBot) -> None:
    stack = image_studio.undo_stack

    def given_up() -> tuple[str, list[str], int]:
        image_studio.stop()
        qtbot.waitUntil(lambda: image_studio.loaded is not None)
        assert image_studio.settings is not None
        return image_studio.settings.device, [stack.text(n).split()[0] for n in range(stack.count())], stack.index()

    image_studio.change("count", count=3)
    image_studio.change("device", device="cpu")
    qtbot.waitUntil(lambda: image_studio.loaded is not None)
    image_studio.undo_stack.undo_in_turn()
    assert given_up() == ("cpu", ["count", "device"], 2)  # what was undone
    image_studio.change("device", device="auto")
    image_studio.change("device", device="cuda")
    assert given_up() == ("cpu", ["count", "device"], 2)
    image_studio.change("device", device="auto")
    image_studio.change("pace", pace=7.0)  # what else was done meanwhile stays
    image_studio.stop()
    qtbot.waitUntil(lambda: image_studio.loaded is not None)
    image_studio.undo_stack.undo_in_turn()
    assert stack.undoText() == "device of Tiny Pixelcnn"
    image_studio.undo_stack.undo_in_turn()
    assert image_studio.settings.device == "auto"  # type: ignore[union-attr]


def test_going_back_is_not_given_up_for_nothing(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.loading.choose(SOUND)
    image_studio.stop()
    image_studio.stop()
    assert chosen_model(image_studio) == IMAGE
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE)


def test_a_model_that_a_history_entry_needs_can_be_given_up_for_the_one_before(
    image_studio: Studio, qtbot: QtBot
) -> None:
    generate(image_studio, qtbot)
    first = image_studio.take
    assert first is not None
    load(image_studio, qtbot, SOUND)
    generate(image_studio, qtbot)
    second = image_studio.take
    image_studio.opening.open_history(first.id)
    qtbot.waitUntil(lambda: image_studio.take is first)
    if image_studio.activity is Activity.LOADING:  # a model this small may be there at once
        image_studio.stop()
        assert (chosen_model(image_studio), image_studio.take) == (SOUND, second)


def test_escape_withdraws_what_was_to_begin_before_it_gives_the_model_up(image_studio: Studio) -> None:
    image_studio.loading.choose(SOUND)
    image_studio.generate()
    image_studio.stop()
    assert (chosen_model(image_studio), image_studio.walks_when_loaded) == (SOUND, False)
    image_studio.stop()
    assert chosen_model(image_studio) == IMAGE


def test_choosing_models_quickly_ends_with_the_last_one(studio: Studio, qtbot: QtBot) -> None:
    for name in (IMAGE, SOUND, IMAGE, SOUND):
        studio.loading.choose(name)
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=20_000)
    assert studio.loaded is not None
    assert studio.loaded.reference.name == SOUND


def test_a_model_that_is_chosen_again_shows_what_was_shown_of_it(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    image_studio.looking.move_cursor(5)
    load(image_studio, qtbot, SOUND)
    assert image_studio.take is None
    load(image_studio, qtbot, IMAGE)
    assert (image_studio.take, image_studio.looking.cursor) == (take, 5)
    load(image_studio, qtbot, SOUND)
    generate(image_studio, qtbot)
    sound = image_studio.take
    assert sound is not None
    load(image_studio, qtbot, IMAGE)
    generate(image_studio, qtbot)
    newer = image_studio.take
    assert newer is not None
    image_studio.show_take(sound, image_studio.catalog.find(SOUND))  # as from the history
    load(image_studio, qtbot, IMAGE)
    assert image_studio.take is newer
    load(image_studio, qtbot, SOUND)
    image_studio.delete_take(newer.id)
    load(image_studio, qtbot, IMAGE)
    assert image_studio.take is None


def test_what_is_asked_for_while_a_model_loads_begins_when_it_is_there(studio: Studio, qtbot: QtBot) -> None:
    studio.loading.choose(IMAGE)
    assert studio.can_begin
    studio.generate()
    assert (studio.walks_when_loaded, studio.activity, studio.take) == (True, Activity.LOADING, None)
    qtbot.waitUntil(lambda: studio.take is not None and studio.frontier > 0)
    assert not studio.walks_when_loaded


@pytest.mark.parametrize(
    "instead", [Studio.pause, lambda studio: studio.loading.choose(SOUND)], ids=["pause", "another"]
)
def test_what_was_asked_for_while_a_model_loads_can_be_given_up(
    instead: Callable[[Studio], None], studio: Studio, qtbot: QtBot
) -> None:
    studio.loading.choose(IMAGE)
    studio.generate()
    instead(studio)
    assert not studio.walks_when_loaded
    qtbot.waitUntil(lambda: studio.loaded is not None)
    assert studio.take is None


def test_what_was_begun_goes_on_when_its_model_is_there_again(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=20.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier > 0)
    begun = image_studio.take
    load(image_studio, qtbot, SOUND)
    image_studio.loading.choose(IMAGE)
    image_studio.change("pace", pace=FAST)
    image_studio.generate()
    assert image_studio.walks_when_loaded
    finish(image_studio, qtbot)
    assert image_studio.take is begun


def test_what_was_asked_for_begins_though_the_chosen_device_is_not_there(image_studio: Studio, qtbot: QtBot) -> None:
    if torch.cuda.is_available():
        pytest.skip("the device is there")
    image_studio.change("device", device="cuda")
    image_studio.generate()
    qtbot.waitUntil(lambda: image_studio.frontier > 0)
    assert image_studio.settings.device == "auto"  # type: ignore[union-attr]
    assert not image_studio.undo_stack.canUndo()


def test_nothing_is_asked_for_any_more_when_loading_is_given_up(studio: Studio) -> None:
    studio.loading.choose(IMAGE)
    studio.generate()
    studio.loading.cancel()
    assert not studio.walks_when_loaded


def test_play_while_a_model_loads_does_not_hide_that_it_loads(studio: Studio, qtbot: QtBot) -> None:
    studio.loading.choose(IMAGE)
    studio.play()
    studio.pause()
    assert studio.activity is Activity.LOADING
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=20_000)


def test_a_checkpoint_that_cannot_be_loaded_leaves_what_was_there(
    image_studio: Studio, qtbot: QtBot, checkpoints: Path, tmp_path: Path
) -> None:
    generate(image_studio, qtbot)
    take, entry = image_studio.take, image_studio.entry
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes((checkpoints / "checkpoints" / f"{SOUND}.safetensors").read_bytes()[:-4] + b"\0\0\xc0\x7f")  # NaN
    with qtbot.waitSignal(image_studio.error) as complaint:
        image_studio.opening.open_checkpoint(bad)
    assert "bad.safetensors" in complaint.args[0]
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE, timeout=20_000)
    assert (image_studio.take, image_studio.entry) == (take, entry)
    assert image_studio.loaded is not None
    qtbot.waitUntil(lambda: image_studio.catalog.listed_as(str(bad)) is None)
    assert image_studio.profile.get("model") == IMAGE


def test_a_model_that_is_chosen_again_says_what_is_left_of_the_last_time(image_studio: Studio, qtbot: QtBot) -> None:
    said: list[str] = []
    image_studio.message.connect(said.append)
    load(image_studio, qtbot, SOUND)
    assert said == []
    image_studio.reshape(temperature=0.5)
    image_studio.change("count", count=3)
    image_studio.set_seed(7)
    load(image_studio, qtbot, IMAGE)
    assert said == []
    load(image_studio, qtbot, SOUND)
    assert said == ["Tiny Wavenet has what you left it with: temperature 0.5, count 3, seed 7 locked."]


def test_to_choose_a_model_opens_no_file_in_the_thread_of_the_window(
    image_studio: Studio, qtbot: QtBot, opened_files: list[str]
) -> None:
    window = MainWindow(image_studio)
    qtbot.addWidget(window)
    for name in (SOUND, IMAGE):
        load(image_studio, qtbot, name)  # what draws a sound is imported
    image_studio.profile.set("families", {})  # nothing is left to be written
    image_studio.profile._writing.stop()
    opened_files.clear()
    image_studio.loading.choose(SOUND)
    assert opened_files == []
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE, timeout=20_000)
    window.sound.close()


def write_pictures(folder: Path, side: int, factors: tuple[Factor, ...] = (), channels: int = 8) -> Path:
    """A checkpoint of small pictures, each time in the same file."""
    (folder / "checkpoints").mkdir(exist_ok=True)
    sizes = {"channels": channels, "head": 8, "dilations": [1, 2]}
    write(folder, "mine", "gated_pixelcnn", ImageChain(GreyLevels(4), side, side), factors, sizes)
    return folder / "checkpoints" / "mine.safetensors"


def test_a_model_that_was_written_anew_since_it_was_listed_is_shown_as_it_is_now(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    path = write_pictures(tmp_path, 5)
    load(image_studio, qtbot, str(path))
    load(image_studio, qtbot, IMAGE)
    write_pictures(tmp_path, 6, (DIGIT,))
    load(image_studio, qtbot, str(path))
    assert image_studio.entry is not None
    assert (image_studio.entry.header.chain.length, image_studio.entry.header.factors) == (36, (DIGIT,))
    image_studio.change("condition", condition={"digit": "2"})
    generate(image_studio, qtbot)
    assert image_studio.frontier == 36


def test_a_file_of_other_weights_and_facts_is_described_as_it_is_now_and_what_was_asked_for_begins(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    path = write_pictures(tmp_path, 5)
    load(image_studio, qtbot, str(path))
    listed = image_studio.catalog.listed_as(str(path))
    load(image_studio, qtbot, IMAGE)
    write_pictures(tmp_path, 5, channels=16)
    image_studio.loading.choose(str(path))
    image_studio.begin()
    with qtbot.waitSignal(image_studio.catalog_changed):
        qtbot.waitUntil(lambda: image_studio.take is not None)
    assert image_studio.entry is not None
    assert listed is not None
    assert image_studio.entry.header.parameters > listed.header.parameters
    assert image_studio.catalog.listed_as(str(path)) == image_studio.entry


def test_a_take_is_not_shown_beside_the_settings_of_a_file_that_was_written_anew_with_another_chain(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    path = write_pictures(tmp_path, 5)
    load(image_studio, qtbot, str(path))
    generate(image_studio, qtbot)
    load(image_studio, qtbot, IMAGE)
    write_pictures(tmp_path, 6)
    beside: list[bool] = []

    def look() -> None:
        take, entry = image_studio.take, image_studio.entry
        beside.append(take is not None and entry is not None and take.model.chain != entry.header.chain)

    image_studio.settings_changed.connect(look)
    for _ in range(2):
        load(image_studio, qtbot, str(path))
        assert (image_studio.take, any(beside)) == (None, False)
        qtbot.waitUntil(lambda: image_studio.catalog.listed_as(str(path)) == image_studio.entry)
        load(image_studio, qtbot, IMAGE)


def test_what_is_opened_while_a_model_fails_to_load_comes_after_the_one_before(
    image_studio: Studio, qtbot: QtBot, checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (checkpoints / "checkpoints" / f"{SOUND}.safetensors").read_bytes()
    bad, good = tmp_path / "bad.safetensors", tmp_path / "good.safetensors"
    bad.write_bytes(whole[:-4] + b"\0\0\xc0\x7f")  # NaN
    good.write_bytes(whole)
    load, asked_for = models.checkpoint.load_checkpoint, threading.Event()

    def held(path: Path, check: Check) -> object:
        asked_for.wait(20)
        return load(path, check=check)

    monkeypatch.setattr(models.checkpoint, "load_checkpoint", held)
    image_studio.opening.open_checkpoint(bad)
    qtbot.waitUntil(lambda: image_studio.entry is not None and image_studio.entry.path == bad)
    failed = threading.Event()

    def wait(check: Check) -> Show:
        failed.wait(20)
        return lambda: None

    image_studio.reader.read_beside(wait)
    image_studio.opening.open_checkpoint(good)
    with qtbot.waitSignal(image_studio.error):
        asked_for.set()
    failed.set()
    qtbot.waitUntil(lambda: image_studio.entry is not None and image_studio.entry.path == good, timeout=20_000)
