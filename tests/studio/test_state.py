"""What a user can do with a studio, without a window: generate, pause, step, edit, branch, undo, go back in history."""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from models.errors import FileError
from models.files import export, read_saved
from models.sweep import Seeds
from models.trace import Take
from studio.looking import Pointer
from studio.replay import TICK_MS
from studio.state import Activity, Studio
from tests.studio.conftest import DIGIT, IMAGE, SOUND, chosen_model, finish, load

FAST = math.inf


def refused(take: Take) -> int:
    raise FileError("there is no room")


def generate(studio: Studio, qtbot: QtBot, **settings: object) -> None:
    studio.change("test", pace=FAST, **settings)
    studio.begin()
    finish(studio, qtbot)


def test_generate_walks_to_the_end_and_the_cursor_follows(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    assert image_studio.take is not None
    assert len(image_studio.take.traces[0]) == 48
    assert (image_studio.looking.cursor, image_studio.looking.following) == (48, True)


def test_the_same_locked_seed_gives_the_same_symbols(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.set_seed(7)
    generate(image_studio, qtbot)
    first = image_studio.take
    generate(image_studio, qtbot)
    assert first is not None
    assert image_studio.take is not first
    assert np.array_equal(image_studio.take.traces[0].symbols, first.traces[0].symbols)  # type: ignore[union-attr]


def test_an_unlocked_seed_is_new_for_each_take_and_rolling_shows_the_next(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.roll_seed()
    shown = image_studio.settings.seed  # type: ignore[union-attr]
    generate(image_studio, qtbot)
    assert image_studio.take.traces[0].schedule[0].seed == shown  # type: ignore[union-attr]
    generate(image_studio, qtbot)
    assert image_studio.take.traces[0].schedule[0].seed != shown  # type: ignore[union-attr]


def test_pause_stops_and_generate_goes_on_from_there(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=30.0)
    image_studio.generate()
    qtbot.waitUntil(lambda: image_studio.frontier >= 3)
    image_studio.generate()
    qtbot.waitUntil(lambda: not image_studio.running)
    stopped_at = image_studio.frontier
    assert 3 <= stopped_at < 48
    image_studio.change("pace", pace=FAST)
    take = image_studio.take
    image_studio.generate()
    finish(image_studio, qtbot)
    assert image_studio.take is take


def test_the_pace_throttles_the_walk_itself(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=20.0)
    image_studio.begin()
    qtbot.wait(500)
    assert 4 <= image_studio.frontier <= 16
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)


def test_a_temperature_changed_in_mid_run_holds_from_the_next_step_on(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=30.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 4)
    drawn = image_studio.trace.symbols.copy()  # type: ignore[union-attr]
    image_studio.reshape(temperature=0.0)
    image_studio.change("pace", pace=FAST)
    finish(image_studio, qtbot)
    trace = image_studio.trace
    assert trace is not None
    assert np.array_equal(trace.symbols[: len(drawn)], drawn)
    assert [s.shaping.temperature for s in trace.schedule] == [1.0, 0.0]
    assert trace.schedule[1].start >= len(drawn)


def test_stepping_walks_one_step_at_the_frontier_and_moves_the_cursor_behind_it(
    image_studio: Studio, qtbot: QtBot
) -> None:
    image_studio.change("pace", pace=1.0)
    image_studio.begin()
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    start = image_studio.frontier
    image_studio.change("pace", pace=FAST)
    image_studio.step_by(1)
    qtbot.waitUntil(lambda: not image_studio.running)
    assert image_studio.frontier == start + 1
    image_studio.step_stride(1)
    qtbot.waitUntil(lambda: not image_studio.running)
    assert image_studio.frontier % 6 == 0
    image_studio.step_by(-2)
    assert image_studio.looking.cursor == image_studio.frontier - 2
    assert not image_studio.looking.following
    image_studio.looking.follow()
    assert image_studio.looking.cursor == image_studio.frontier


def test_scrubbing_leaves_generation_alone(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=40.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 5)
    image_studio.looking.move_cursor(2)
    before = image_studio.frontier
    qtbot.waitUntil(lambda: image_studio.frontier > before)
    assert image_studio.looking.cursor == 2
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)


def test_putting_a_value_branches_that_sample_alone_goes_on_from_it_and_keeps_the_old_one(
    image_studio: Studio, qtbot: QtBot
) -> None:
    generate(image_studio, qtbot, count=3)
    take = image_studio.take
    assert take is not None
    old = take.samples[1].trace
    before = old.symbols.copy()
    image_studio.editing.put_value(15, Pointer(1, 20))
    finish(image_studio, qtbot)
    assert [len(s.branches) for s in take.samples] == [1, 2, 1]
    assert take.samples[1].trace.symbols[20] == 15
    assert bool(take.samples[1].trace.clamped[20])
    assert np.array_equal(old.symbols, before)
    assert np.array_equal(take.samples[1].trace.symbols[:20], before[:20])


def test_undo_and_redo_move_between_branches_and_lose_nothing(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    image_studio.editing.put_value(3, Pointer(0, 10))
    qtbot.waitUntil(lambda: not image_studio.running)
    image_studio.undo_stack.undo()
    assert take.samples[0].current == 0
    assert image_studio.take is take
    image_studio.undo_stack.redo()
    assert take.samples[0].current == 1
    assert take.samples[0].trace.symbols[10] == 3


def test_new_noise_from_here_keeps_the_prefix_and_draws_anew(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    first = image_studio.trace
    assert first is not None
    image_studio.looking.move_cursor(12)
    image_studio.editing.new_noise()
    finish(image_studio, qtbot)
    second = image_studio.trace
    assert second is not None
    assert np.array_equal(first.symbols[:12], second.symbols[:12])
    assert not np.array_equal(first.symbols[12:], second.symbols[12:])


def test_a_branch_can_be_switched_to_and_gone_on_with(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=30.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 6)
    image_studio.editing.put_value(9, Pointer(0, 3))
    image_studio.change("pace", pace=FAST)
    finish(image_studio, qtbot)
    image_studio.editing.show_branch(0, 0)
    assert image_studio.can_go_on
    image_studio.generate()
    finish(image_studio, qtbot)
    assert [trace.finished for trace in image_studio.take.samples[0].branches] == [True, True]  # type: ignore[union-attr]


def test_a_drag_of_a_slider_is_one_undo_step(image_studio: Studio, qtbot: QtBot) -> None:
    for value in (0.9, 0.8, 0.7):
        image_studio.reshape(drag=1, temperature=value)
    image_studio.reshape(drag=2, top_p=0.5)
    image_studio.undo_stack.undo()
    assert image_studio.settings.shaping.top_p == 1.0  # type: ignore[union-attr]
    image_studio.undo_stack.undo()
    assert image_studio.settings.shaping.temperature == 1.0  # type: ignore[union-attr]


def test_the_inspector_hears_of_the_step_under_the_cursor(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    trace = image_studio.trace
    assert trace is not None
    heard = []
    image_studio.inspection.answered.connect(heard.append)
    image_studio.looking.move_cursor(17)
    qtbot.waitUntil(lambda: bool(heard) and heard[-1].step == 17)
    inspection = heard[-1]
    assert inspection.symbol == trace.symbols[17]
    assert inspection.raw.sum() == pytest.approx(1)
    assert -math.log2(inspection.raw[inspection.symbol]) == pytest.approx(float(trace.surprise[17]), abs=1e-3)


def test_moving_the_temperature_shows_what_it_would_do_to_this_step(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    heard = []
    image_studio.inspection.answered.connect(heard.append)
    image_studio.looking.move_cursor(5)
    image_studio.reshape(temperature=0.0)
    qtbot.waitUntil(lambda: bool(heard) and heard[-1].shaping.temperature == 0.0)
    assert heard[-1].shaped.max() == 1.0
    assert heard[-1].shaped.argmax() == heard[-1].raw.argmax()


def test_history_keeps_what_was_made_and_what_was_stopped_half_way(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    image_studio.change("pace", pace=30.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 4)
    image_studio.pause()
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 2)
    half, whole = image_studio.profile.history()
    assert (whole.finished, half.finished) == (True, False)
    image_studio.opening.open_history(whole.id)
    qtbot.waitUntil(lambda: image_studio.take is not None and image_studio.take.id == whole.id)
    image_studio.opening.open_history(half.id)
    qtbot.waitUntil(lambda: image_studio.take is not None and image_studio.take.id == half.id)
    image_studio.change("pace", pace=FAST)
    image_studio.generate()
    finish(image_studio, qtbot)


def test_closing_and_opening_again_keeps_history_settings_and_model(
    make_studio: Callable[[], Studio], qtbot: QtBot
) -> None:
    studio = load(make_studio(), qtbot, IMAGE)
    studio.change("condition", condition={"digit": "2"})
    studio.reshape(temperature=0.5)
    generate(studio, qtbot)
    symbols = studio.trace.symbols.copy()  # type: ignore[union-attr]
    studio.close()
    again = load(make_studio(), qtbot, IMAGE)
    assert again.settings.condition == {"digit": "2"}  # type: ignore[union-attr]
    assert again.settings.shaping.temperature == 0.5  # type: ignore[union-attr]
    (entry,) = again.profile.history()
    again.opening.open_history(entry.id)
    qtbot.waitUntil(lambda: again.take is not None)
    assert np.array_equal(again.trace.symbols, symbols)  # type: ignore[union-attr]


def test_a_deleted_take_comes_back_by_undo(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 1)
    (entry,) = image_studio.profile.history()
    image_studio.delete_take(entry.id)
    assert image_studio.profile.history() == []
    assert image_studio.take is None
    image_studio.undo_stack.undo()
    assert [e.id for e in image_studio.profile.history()] == [entry.id]


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


def test_a_branch_on_which_nothing_is_drawn_yet_is_kept(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    take.branch(0, 0, value=3, engine="reference", device="cpu")
    assert not len(take.traces[0])
    image_studio.worker.save(take)
    assert image_studio.worker.unsaved() == []
    saved = image_studio.profile.load_take(take.id)
    assert [len(trace) for trace in saved.samples[0].branches] == [take.limit, 0]


def test_a_model_that_cannot_be_remembered_is_opened_all_the_same(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    assert image_studio.entry is not None
    own = tmp_path / "own.safetensors"
    shutil.copy(image_studio.entry.path, own)
    image_studio.catalog.user = tmp_path / "gone"
    with qtbot.waitSignal(image_studio.error):
        image_studio.opening.open_checkpoint(own)
    assert image_studio.entry.path == own


def test_a_setting_of_a_model_that_is_gone_is_not_undone_elsewhere(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    assert image_studio.entry is not None
    own = tmp_path / "own.safetensors"
    shutil.copy(image_studio.entry.path, own)
    image_studio.opening.open_checkpoint(own)
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE)
    image_studio.reshape(temperature=0.5)
    load(image_studio, qtbot, IMAGE)
    image_studio.reshape(temperature=0.7)
    own.unlink()
    image_studio.undo_stack.undo()
    with qtbot.waitSignal(image_studio.message, check_params_cb=lambda text: "is gone" in text):
        image_studio.undo_stack.undo()
    assert not image_studio.undo_stack.canUndo()
    assert image_studio.settings is not None
    assert (chosen_model(image_studio), image_studio.settings.shaping.temperature) == (IMAGE, 1.0)


def test_a_setting_of_a_model_that_is_damaged_now_is_not_undone_elsewhere(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    assert image_studio.entry is not None
    image_studio.change("count", count=3)
    own = tmp_path / "own.safetensors"
    shutil.copy(image_studio.entry.path, own)
    image_studio.opening.open_checkpoint(own)
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE)
    image_studio.change("count", count=5)
    load(image_studio, qtbot, IMAGE)
    settings = image_studio.settings
    own.write_bytes(b"junk")
    with qtbot.waitSignal(image_studio.error):
        image_studio.undo_stack.undo()
    assert (chosen_model(image_studio), image_studio.settings) == (IMAGE, settings)
    assert image_studio.undo_stack.undoText() == "count of Tiny Pixelcnn"


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


def test_a_take_of_which_nothing_is_drawn_gives_way_to_the_present_settings(image_studio: Studio, qtbot: QtBot) -> None:
    begin_nothing(image_studio)
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE)
    assert not image_studio.can_go_on
    image_studio.change("condition", condition={"digit": "2"})
    image_studio.generate()
    finish(image_studio, qtbot)
    assert image_studio.take is not None
    assert image_studio.take.traces[0].segment.condition == {"digit": "2"}


def test_a_step_of_a_take_of_which_nothing_is_drawn_takes_the_present_settings(
    image_studio: Studio, qtbot: QtBot
) -> None:
    begin_nothing(image_studio)
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE)
    image_studio.change("condition", condition={"digit": "2"})
    image_studio.step_by(1)
    qtbot.waitUntil(lambda: image_studio.frontier == 1 and image_studio.activity is Activity.IDLE)
    assert image_studio.take is not None
    assert image_studio.take.traces[0].segment.condition == {"digit": "2"}


@pytest.mark.parametrize("model", [IMAGE, SOUND])
def test_another_branch_ends_a_replay(studio: Studio, qtbot: QtBot, model: str) -> None:
    load(studio, qtbot, model)
    generate(studio, qtbot)
    studio.editing.put_value(7, Pointer(0, 20))
    finish(studio, qtbot)
    studio.looking.move_cursor(0)
    studio.play()
    assert studio.activity is Activity.REPLAYING
    studio.undo_stack.undo()
    assert studio.activity is Activity.IDLE
    cursor = studio.looking.cursor
    qtbot.wait(3 * TICK_MS)
    assert studio.looking.cursor == cursor


def begin_nothing(studio: Studio) -> None:
    """A walk that was paused before its first step."""
    studio.change("pace", pace=FAST)
    gate = threading.Event()

    def wait() -> None:
        gate.wait(10)

    studio.worker._commands.put(wait)
    studio.begin()
    studio.pause()
    gate.set()


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


def test_reproduce_reports_agreement(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot, count=2)
    said: list[str] = []
    image_studio.verdict.connect(said.append)
    image_studio.reproduce()
    qtbot.waitUntil(lambda: any("agree" in line for line in said))


def test_a_clip_ends_at_its_stop_symbol_or_at_the_limit(sound_studio: Studio, qtbot: QtBot) -> None:
    generate(sound_studio, qtbot, count=3, limit=400)
    take = sound_studio.take
    assert take is not None
    for trace in take.traces:
        assert len(trace) == 400 or trace.symbols[-1] == 32


def test_the_picture_of_conditionals_covers_what_was_asked(sound_studio: Studio, qtbot: QtBot) -> None:
    generate(sound_studio, qtbot, limit=300)
    trace = sound_studio.trace
    assert trace is not None
    pictures: list[object] = []
    sound_studio.gram_ready.connect(pictures.append)
    stop = min(len(trace), 250)
    sound_studio.request_gram(trace, 50, stop)
    qtbot.waitUntil(lambda: bool(pictures))
    assert pictures[-1].image.shape == (stop - 50, 32)  # type: ignore[attr-defined]


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


def test_undo_passes_over_what_a_take_that_was_shown_again_has_undone(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    image_studio.change("pace", pace=5000.0)
    image_studio.reshape(temperature=0.5)
    image_studio.begin()
    finish(image_studio, qtbot)
    image_studio.opening.open_history(take.id)
    qtbot.waitUntil(lambda: image_studio.take is take)
    assert image_studio.settings is not None
    assert (image_studio.settings.shaping.temperature, image_studio.settings.pace) == (1.0, 5000.0)
    image_studio.undo_stack.undo_in_turn()
    assert image_studio.settings.pace == FAST


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


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\xff" * 64])
def test_a_file_that_is_no_checkpoint_is_refused_by_name(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    complaints: list[str] = []
    image_studio.error.connect(complaints.append)
    image_studio.opening.open_path(path)
    assert len(complaints) == 1
    assert "broken.safetensors" in complaints[0]
    generate(image_studio, qtbot)


def test_closing_while_a_walk_runs_ends_cleanly_and_keeps_it(make_studio: Callable[[], Studio], qtbot: QtBot) -> None:
    studio = load(make_studio(), qtbot, IMAGE)
    studio.change("pace", pace=30.0)
    studio.begin()
    qtbot.waitUntil(lambda: studio.frontier >= 3)
    studio.close()
    assert not studio.worker.isRunning()
    (entry,) = make_studio().profile.history()
    assert entry.steps >= 3


def test_a_take_gone_back_to_is_the_one_that_undo_knows(image_studio: Studio, qtbot: QtBot) -> None:
    """Undo must not write an older copy of a take over what was made since."""
    generate(image_studio, qtbot)
    first = image_studio.take
    assert first is not None
    image_studio.editing.put_value(3, Pointer(0, 10))
    qtbot.waitUntil(lambda: not image_studio.running)
    generate(image_studio, qtbot)
    image_studio.opening.open_history(first.id)
    qtbot.waitUntil(lambda: image_studio.take is first)
    image_studio.editing.put_value(4, Pointer(0, 12))
    qtbot.waitUntil(lambda: not image_studio.running)
    for _ in range(2):
        image_studio.undo_stack.undo()
    image_studio.close()
    assert len(image_studio.profile.load_take(first.id).samples[0].branches) == 3


def test_a_walk_ends_whatever_is_shown_by_then(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 1)
    (old,) = image_studio.profile.history()
    image_studio.change("pace", pace=20.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 2)
    image_studio.opening.open_history(old.id)
    qtbot.waitUntil(lambda: image_studio.take is not None and image_studio.take.id == old.id)
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE)


def test_a_walk_begun_right_after_a_pause_can_be_paused(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=5.0)
    image_studio.begin()
    image_studio.pause()
    image_studio.go_on()
    qtbot.wait(150)
    assert image_studio.running
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    stopped_at = image_studio.frontier
    qtbot.wait(500)
    assert image_studio.frontier == stopped_at


def test_a_slow_engine_after_a_fast_one_still_pauses_at_once(sound_studio: Studio, qtbot: QtBot) -> None:
    generate(sound_studio, qtbot, limit=4000, seed=3, seed_locked=True)
    sound_studio.change("slow", engine="reference", count=16)
    sound_studio.begin()
    qtbot.waitUntil(lambda: sound_studio.frontier >= 2)
    sound_studio.pause()
    qtbot.waitUntil(lambda: not sound_studio.running, timeout=2000)


def test_a_failed_save_is_told_and_stops_no_walk(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.profile.takes_folder.rmdir()
    image_studio.profile.takes_folder.write_text("a file where the folder should be")
    complaints: list[str] = []
    image_studio.error.connect(complaints.append)
    image_studio.change("pace", pace=30.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 5)
    image_studio.editing.put_value(1, Pointer(0, 2))
    image_studio.change("pace", pace=FAST)
    finish(image_studio, qtbot)
    qtbot.waitUntil(lambda: bool(complaints))
    assert "takes" in complaints[0]


def test_a_take_deleted_while_it_runs_stays_deleted(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=20.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 2)
    image_studio.pause()
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 1)
    image_studio.go_on()
    image_studio.delete_take(image_studio.take.id)  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: not image_studio.running)
    qtbot.wait(200)
    assert image_studio.profile.history() == []


def test_in_a_grid_a_step_after_an_edit_walks_the_edited_sample(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot, count=3)
    image_studio.change("pace", pace=20.0)
    image_studio.editing.put_value(2, Pointer(1, 20))
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    drawn = len(image_studio.take.samples[1].trace)  # type: ignore[union-attr]
    assert image_studio.looking.cursor == drawn < 48
    image_studio.step_by(1)
    qtbot.waitUntil(lambda: not image_studio.running)
    assert len(image_studio.take.samples[1].trace) == drawn + 1  # type: ignore[union-attr]


def test_an_edit_of_a_pinned_step_keeps_the_pin(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    image_studio.looking.pin(Pointer(0, 7))
    image_studio.editing.put_value(3)
    finish(image_studio, qtbot)
    assert image_studio.looking.pinned == image_studio.looking.inspected_pointer == Pointer(0, 7)
    assert image_studio.trace is not None
    assert image_studio.trace.symbols[7] == 3


def test_with_an_open_lock_each_take_has_another_seed_but_one_that_was_rolled(
    image_studio: Studio, qtbot: QtBot
) -> None:
    generate(image_studio, qtbot)
    first = image_studio.take
    assert first is not None
    assert not image_studio.keeps_seed
    generate(image_studio, qtbot)
    image_studio.opening.open_history(first.id)
    qtbot.waitUntil(lambda: image_studio.take is first)
    assert image_studio.settings is not None
    assert image_studio.settings.seed == first.traces[0].schedule[0].seed
    assert not image_studio.keeps_seed, "an opened take lends its seed to the next one only if it is asked for"
    image_studio.roll_seed()
    assert image_studio.keeps_seed
    rolled = image_studio.settings.seed
    generate(image_studio, qtbot)
    assert image_studio.take is not None
    assert image_studio.take.traces[0].schedule[0].seed == rolled
    assert not image_studio.keeps_seed


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


def test_selecting_another_sample_lets_go_of_the_pin(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot, count=3)
    image_studio.looking.pin(Pointer(0, 7))
    image_studio.looking.select(2)
    assert image_studio.looking.edit_pointer is not None
    assert image_studio.looking.edit_pointer.sample == 2


def test_new_noise_for_all_leaves_clips_alone_that_ended_before(sound_studio: Studio, qtbot: QtBot) -> None:
    generate(sound_studio, qtbot, count=3, limit=600)
    take = sound_studio.take
    assert take is not None
    sound_studio.editing.put_value(32, Pointer(0, 100))
    qtbot.waitUntil(lambda: take.samples[0].trace.finished and not sound_studio.running)
    sound_studio.looking.move_cursor(300)
    sound_studio.editing.new_noise(all_samples=True)
    finish(sound_studio, qtbot)
    assert len(take.samples[0].trace) == 101
    for sample in take.samples:
        for trace in sample.branches:
            assert 32 not in trace.symbols[:-1]


def test_undoing_a_setting_leaves_the_others_as_they_are(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.reshape(temperature=0.5)
    generate(image_studio, qtbot)
    seed = image_studio.settings.seed  # type: ignore[union-attr]
    image_studio.undo_stack.undo()  # the pace
    image_studio.undo_stack.undo()  # the temperature
    assert image_studio.settings.seed == seed  # type: ignore[union-attr]
    assert image_studio.settings.shaping.temperature == 1.0  # type: ignore[union-attr]


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


def test_nothing_is_asked_for_any_more_when_loading_is_given_up(studio: Studio) -> None:
    studio.loading.choose(IMAGE)
    studio.generate()
    studio.loading.cancel()
    assert not studio.walks_when_loaded


def test_what_is_drawn_along_a_hand_has_the_noise_of_what_was_shown(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    first = image_studio.take
    assert first is not None
    image_studio.looking.pin(Pointer(0, 5))
    image_studio.change("pace", pace=1.0)
    image_studio.change("digit", drag=1, condition={"digit": DIGIT.values[-1]})
    image_studio.drawing_along.draw()
    finish(image_studio, qtbot)
    along = image_studio.take
    assert along is not None
    assert along is not first
    assert along.traces[0].segment.condition == {"digit": DIGIT.values[-1]}
    assert along.traces[0].segment.seed == first.traces[0].segment.seed
    assert image_studio.looking.pinned == Pointer(0, 5)
    assert image_studio.settings.pace == 1.0  # type: ignore[union-attr]


def test_what_a_hand_only_passes_is_not_kept_and_where_it_rests_is(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    assert image_studio.take is not None
    takes, passed = {image_studio.take.id}, set()
    for digit in DIGIT.values:
        image_studio.change("digit", drag=1, condition={"digit": digit})
        image_studio.drawing_along.draw()
        finish(image_studio, qtbot)
        assert image_studio.take is not None
        passed.add(image_studio.take.id)
    takes.add(image_studio.take.id)
    qtbot.waitUntil(lambda: {entry.id for entry in image_studio.profile.history()} == takes)
    assert len(passed - takes) == 2


def test_a_hand_that_moves_on_while_an_image_is_drawn_gets_the_last_place(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("slow", engine="reference")
    for digit in DIGIT.values:
        image_studio.change("digit", drag=1, condition={"digit": digit})
        image_studio.drawing_along.draw()

    def drawn_last() -> bool:
        take = image_studio.take
        return take is not None and take.finished and take.traces[0].segment.condition == {"digit": DIGIT.values[-1]}

    qtbot.waitUntil(drawn_last, timeout=20_000)


def test_undo_of_a_drag_shows_what_was_shown_before_it_and_redo_what_it_drew(
    image_studio: Studio, qtbot: QtBot
) -> None:
    generate(image_studio, qtbot)
    shown = [image_studio.take]
    for drag, digits in ((1, DIGIT.values[:2]), (2, DIGIT.values[1:])):
        for digit in digits:
            image_studio.change("digit", drag=drag, condition={"digit": digit})
            image_studio.drawing_along.draw(drag)
            finish(image_studio, qtbot)
        shown.append(image_studio.take)
    kept = {take.id for take in shown if take is not None}
    for move, number in (("undo", 1), ("undo", 0), ("redo", 1), ("redo", 2)):
        getattr(image_studio.undo_stack, move)()
        assert image_studio.take is shown[number]
        assert not image_studio.running
    image_studio.drawing_along.keep()
    qtbot.waitUntil(lambda: {entry.id for entry in image_studio.profile.history()} == kept)


def test_undo_of_a_drag_in_another_model_brings_model_and_image_back(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    before = image_studio.take
    image_studio.change("digit", drag=1, condition={"digit": DIGIT.values[-1]})
    image_studio.drawing_along.draw(1)
    finish(image_studio, qtbot)
    load(image_studio, qtbot, SOUND)
    image_studio.undo_stack.undo()
    assert image_studio.take is before
    assert chosen_model(image_studio) == IMAGE
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE)


def test_what_a_drag_drew_is_not_shown_again_once_it_is_deleted(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    before = image_studio.take
    image_studio.change("digit", drag=1, condition={"digit": DIGIT.values[-1]})
    image_studio.drawing_along.draw(1)
    finish(image_studio, qtbot)
    along = image_studio.take
    assert before is not None
    image_studio.drawing_along.keep()
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 2)
    image_studio.remove_take(before.id)
    image_studio.undo_stack.undo()
    assert image_studio.take is along


def test_undo_of_a_condition_leaves_an_image_alone_that_was_asked_for(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    image_studio.change("digit", condition={"digit": DIGIT.values[-1]})
    image_studio.undo_stack.undo()
    assert image_studio.take is take
    assert not image_studio.running


def begin_slowly(studio: Studio, qtbot: QtBot, steps: int = 5) -> Take:
    """A walk that is under way, and stays so for a while."""
    studio.change("pace", pace=20.0)
    studio.begin()
    qtbot.waitUntil(lambda: studio.frontier >= steps)
    assert studio.take is not None
    return studio.take


def move_hand(studio: Studio, digit: str, drag: int = 1) -> None:
    studio.change("digit", drag=drag, condition={"digit": digit})
    studio.drawing_along.draw(drag)


def test_an_image_that_is_being_drawn_follows_the_hand_and_goes_on(image_studio: Studio, qtbot: QtBot) -> None:
    begun = begin_slowly(image_studio, qtbot)
    met = begun.frontier
    move_hand(image_studio, "2")
    along = image_studio.take
    assert along is not None
    assert along is not begun
    assert (along.traces[0].segment.condition, along.seed) == ({"digit": "2"}, begun.seed)
    qtbot.waitUntil(lambda: along.frontier >= met)
    assert begun.frontier <= met + 2, "it was left where the hand met it"
    assert along.frontier < along.limit, "it goes on at the pace that it had, and not at once"
    qtbot.waitUntil(lambda: along.frontier > met + 2)
    assert image_studio.running
    assert image_studio.take is along
    image_studio.undo_stack.undo()
    assert image_studio.take is begun
    image_studio.change("pace", pace=FAST)
    image_studio.go_on()
    finish(image_studio, qtbot)
    saved = {begun.id, along.id}
    qtbot.waitUntil(lambda: {entry.id for entry in image_studio.profile.history()} == saved)


def test_what_a_hand_passes_while_it_is_drawn_is_not_kept(image_studio: Studio, qtbot: QtBot) -> None:
    begun = begin_slowly(image_studio, qtbot)
    passed = set()
    for digit in ("2", "1", "2", "0"):
        move_hand(image_studio, digit)
        qtbot.waitUntil(lambda digit=digit: image_studio.take.samples[0].trace.segment.condition == {"digit": digit})  # type: ignore[union-attr]
        qtbot.waitUntil(lambda: not image_studio.drawing_along.drawing)
        assert image_studio.take is not None
        passed.add(image_studio.take.id)
    last = image_studio.take
    assert last is not None
    image_studio.change("pace", pace=FAST)
    finish(image_studio, qtbot)
    assert len(passed) == 4
    qtbot.waitUntil(lambda: {entry.id for entry in image_studio.profile.history()} == {begun.id, last.id})
    qtbot.waitUntil(lambda: len(image_studio.profile.load_take(last.id).traces[0]) == last.limit)


def test_a_hand_that_moves_on_in_mid_walk_gets_the_last_place(image_studio: Studio, qtbot: QtBot) -> None:
    begin_slowly(image_studio, qtbot)
    for digit in ("2", "1", "0", "2"):
        move_hand(image_studio, digit)
    image_studio.change("pace", pace=FAST)

    def drawn_last() -> bool:
        take = image_studio.take
        return take is not None and take.finished and take.traces[0].segment.condition == {"digit": "2"}

    qtbot.waitUntil(drawn_last, timeout=20_000)


def test_an_image_that_is_paused_half_way_follows_the_hand_as_far_as_it_was_drawn(
    image_studio: Studio, qtbot: QtBot
) -> None:
    begun = begin_slowly(image_studio, qtbot)
    image_studio.pause()
    move_hand(image_studio, "2")  # before the walk has heard of it
    qtbot.waitUntil(lambda: image_studio.take is not begun and not image_studio.running)
    assert image_studio.take is not None
    assert 5 <= image_studio.frontier <= begun.frontier
    drawn = image_studio.frontier
    move_hand(image_studio, "1")
    qtbot.waitUntil(lambda: not image_studio.running)
    assert image_studio.frontier == drawn
    assert image_studio.can_go_on


def test_a_pause_ends_what_a_hand_would_have_gone_on_with(image_studio: Studio, qtbot: QtBot) -> None:
    begin_slowly(image_studio, qtbot)
    move_hand(image_studio, "2")
    move_hand(image_studio, "1")
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    drawn = image_studio.frontier
    qtbot.wait(150)
    assert (image_studio.running, image_studio.frontier) == (False, drawn)


def test_a_step_that_a_hand_meets_goes_no_further_than_it_would_have(image_studio: Studio, qtbot: QtBot) -> None:
    begin_slowly(image_studio, qtbot)
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    image_studio.step_by(3)
    heading = image_studio.walking_until
    move_hand(image_studio, "2")
    qtbot.waitUntil(lambda: not image_studio.running)
    assert image_studio.frontier == heading


def test_a_hand_leaves_alone_what_the_settings_would_not_draw_again(image_studio: Studio, qtbot: QtBot) -> None:
    begun = begin_slowly(image_studio, qtbot)
    image_studio.editing.put_value(3, Pointer(0, 2))
    move_hand(image_studio, "2")
    assert image_studio.take is begun
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    image_studio.sweep(Seeds((1, 2)))
    swept = image_studio.take
    move_hand(image_studio, "1")
    assert image_studio.take is swept
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)


def test_what_was_drawn_along_is_kept_when_the_program_ends_at_once(
    image_studio: Studio, make_studio: Callable[[], Studio], qtbot: QtBot
) -> None:
    image_studio.drawing_along.draw()
    finish(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    image_studio.close()
    assert [entry.id for entry in make_studio().profile.history()] == [take.id]


def test_what_a_hand_has_just_drawn_counts_among_what_is_not_saved(
    image_studio: Studio, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_studio.drawing_along.draw()
    finish(image_studio, qtbot)
    monkeypatch.setattr(image_studio.worker, "_save_take", refused)
    assert image_studio.take is not None
    assert [lost.take.id for lost in image_studio.unsaved()] == [image_studio.take.id]
    monkeypatch.undo()


def test_what_is_left_for_another_model_while_it_is_drawn_along_is_kept(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("slow", engine="reference")
    image_studio.drawing_along.draw()
    qtbot.waitUntil(lambda: image_studio.frontier > 0)
    left = image_studio.take
    assert left is not None
    load(image_studio, qtbot, SOUND)
    qtbot.waitUntil(lambda: left.id in {entry.id for entry in image_studio.profile.history()})
    load(image_studio, qtbot, IMAGE)
    assert image_studio.take is left
    image_studio.go_on()
    finish(image_studio, qtbot)
    image_studio.editing.put_value(3, Pointer(0, 5))
    finish(image_studio, qtbot)
    qtbot.waitUntil(lambda: len(image_studio.profile.load_take(left.id).samples[0].branches) == 2)


def test_what_was_drawn_along_is_kept_with_what_one_does_to_it(image_studio: Studio, qtbot: QtBot) -> None:
    for value in (3, 4):
        image_studio.drawing_along.draw()
        finish(image_studio, qtbot)
        take = image_studio.take
        assert take is not None
        image_studio.editing.put_value(value, Pointer(0, 5))
        finish(image_studio, qtbot)
        image_studio.drawing_along.draw()
        finish(image_studio, qtbot)
        assert image_studio.take is not take
        qtbot.waitUntil(lambda take=take: len(image_studio.profile.load_take(take.id).samples[0].branches) == 2)


def test_what_a_hand_only_passes_leaves_nothing_behind(image_studio: Studio, qtbot: QtBot) -> None:
    places = []
    for _ in range(3):
        image_studio.drawing_along.draw()
        finish(image_studio, qtbot)
        places.append(len(image_studio.looking.places))
    assert places[1] == places[2]


def test_a_locked_seed_holds_for_what_is_drawn_along(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    image_studio.set_seed(42)
    image_studio.drawing_along.draw()
    finish(image_studio, qtbot)
    assert (image_studio.shown_seed, image_studio.settings.seed) == (42, 42)  # type: ignore[union-attr]


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
    assert bad not in [listed.path for listed in image_studio.catalog.entries()]
    assert image_studio.profile.get("model") == IMAGE


def test_a_conditional_that_comes_after_its_take_has_left_is_not_shown(image_studio: Studio, qtbot: QtBot) -> None:
    """Painted with the alphabet of another model it would take the program down."""
    generate(image_studio, qtbot)
    with qtbot.waitSignal(image_studio.worker.inspected) as late:
        image_studio.looking.move_cursor(3)
    image_studio.loading.choose(SOUND)
    heard: list[object] = []
    image_studio.inspection.answered.connect(heard.append)
    image_studio.inspection._on_inspected(late.args[0])
    assert heard == []


def test_a_take_of_other_weights_can_be_seen_but_not_edited(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    take.model = dataclasses.replace(take.model, weights="other")
    edits = image_studio.undo_stack.count()
    complaints: list[str] = []
    image_studio.error.connect(complaints.append)
    image_studio.editing.put_value(3, Pointer(0, 10))
    image_studio.editing.new_noise()
    assert ["not loaded with the weights" in line for line in complaints] == [True, True]
    assert [len(sample.branches) for sample in take.samples] == [1]
    assert image_studio.undo_stack.count() == edits


def test_a_value_that_is_no_symbol_is_refused_and_nothing_is_branched(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot, count=2)
    edits = image_studio.undo_stack.count()
    with qtbot.waitSignal(image_studio.error) as complaint:
        image_studio.editing.put_value(16, Pointer(1, 10))
    assert "0 … 15" in complaint.args[0]
    assert image_studio.undo_stack.count() == edits


def test_undoing_the_dice_gives_back_a_random_seed(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    image_studio.roll_seed()
    assert image_studio.keeps_seed
    image_studio.undo_stack.undo()
    assert not image_studio.keeps_seed


def test_undoing_a_deletion_gives_back_what_was_drawn_since_the_last_save(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=40.0)
    image_studio.begin()
    take = image_studio.take
    assert take is not None
    qtbot.waitUntil(lambda: image_studio.frontier >= 5)
    name, drawn = take.id, image_studio.frontier
    image_studio.delete_take(name)
    del take
    generate(image_studio, qtbot)
    image_studio.undo_stack.undo()
    image_studio.undo_stack.undo()
    image_studio.opening.open_history(name)
    qtbot.waitUntil(lambda: image_studio.take is not None and image_studio.take.id == name)
    assert image_studio.frontier >= drawn


def test_a_file_holds_what_was_shown_when_it_was_asked_for(image_studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    generate(image_studio, qtbot)
    image_studio.change("pace", pace=20.0)
    assert image_studio.trace is not None
    symbols = image_studio.trace.symbols.copy()
    with qtbot.waitSignal(image_studio.worker.exported):
        image_studio.export(tmp_path / "a.png")
        image_studio.editing.put_value(3, Pointer(0, 5))
    image_studio.pause()
    assert np.array_equal(read_saved(tmp_path / "a.png").take.traces[0].symbols, symbols)


def test_two_steps_asked_for_at_once_are_two_steps(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=30.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 2)
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    drawn = image_studio.frontier
    image_studio.step_by(1)
    image_studio.step_by(1)
    qtbot.waitUntil(lambda: not image_studio.running)
    assert image_studio.frontier == image_studio.looking.cursor == drawn + 2


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="folders cannot be in the way there")
def test_a_take_whose_file_cannot_be_moved_away_is_not_deleted_and_that_is_said(
    image_studio: Studio, qtbot: QtBot
) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 1)
    in_the_way = image_studio.profile.trash_folder / f"{take.id}.npz"
    in_the_way.mkdir(parents=True)
    with qtbot.waitSignal(image_studio.error) as complaint:
        image_studio.delete_take(take.id)
    assert "cannot delete" in complaint.args[0]
    assert image_studio.take is take
    assert len(image_studio.profile.history()) == 1
    assert not image_studio.undo_stack.canUndo() or "delete" not in image_studio.undo_stack.undoText()


def place_of(studio: Studio) -> tuple[int, int, bool]:
    return studio.looking.selected, studio.looking.cursor, studio.looking.following


def shows(studio: Studio, take: Take) -> Callable[[], bool]:
    return lambda: studio.take is take


def test_undo_and_redo_of_an_edit_show_the_take_the_sample_and_the_step_of_it(
    image_studio: Studio, qtbot: QtBot
) -> None:
    generate(image_studio, qtbot, count=3)
    edited = image_studio.take
    assert edited is not None
    image_studio.editing.put_value(3, Pointer(2, 10))
    finish(image_studio, qtbot)
    generate(image_studio, qtbot, count=1)
    for step in (image_studio.undo_stack.undo, image_studio.undo_stack.undo):  # the count, then the edit
        step()
    qtbot.waitUntil(shows(image_studio, edited))
    assert edited.samples[2].current == 0
    assert place_of(image_studio) == (2, 10, False)
    image_studio.looking.select(0)
    image_studio.looking.follow()
    image_studio.undo_stack.redo()
    assert edited.samples[2].current == 1
    assert place_of(image_studio) == (2, 10, False)


def test_undo_of_an_edit_of_another_model_s_take_brings_that_model_back(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    edited = image_studio.take
    assert edited is not None
    image_studio.editing.put_value(3, Pointer(0, 10))
    finish(image_studio, qtbot)
    load(image_studio, qtbot, SOUND)
    assert image_studio.take is None
    with qtbot.waitSignal(image_studio.message) as said:
        image_studio.undo_stack.undo_in_turn()
    assert said.args == ["Undone: put a value. Tiny Pixelcnn is chosen again."]
    qtbot.waitUntil(shows(image_studio, edited))
    assert chosen_model(image_studio) == IMAGE
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE, timeout=20_000)
    assert (edited.samples[0].current, image_studio.looking.cursor) == (0, 10)


def test_undo_of_a_setting_tells_models_of_one_name_apart(image_studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    assert image_studio.entry is not None
    shutil.copy(image_studio.entry.path, own)
    load(image_studio, qtbot, str(own))
    image_studio.reshape(temperature=0.5)
    load(image_studio, qtbot, IMAGE)
    image_studio.undo_stack.undo()
    assert image_studio.entry is not None
    assert image_studio.entry.path == own


def test_undo_of_another_model_s_setting_chooses_that_model(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.reshape(temperature=0.5)
    load(image_studio, qtbot, SOUND)
    image_studio.reshape(temperature=0.7)
    image_studio.undo_stack.undo()
    assert chosen_model(image_studio) == SOUND
    image_studio.undo_stack.undo()
    assert chosen_model(image_studio) == IMAGE
    assert image_studio.settings is not None
    assert image_studio.settings.shaping.temperature == 1.0
    image_studio.undo_stack.redo()
    image_studio.undo_stack.redo()
    assert chosen_model(image_studio) == SOUND
    assert image_studio.settings.shaping.temperature == 0.7
    assert image_studio.profile.model_settings(IMAGE)["shaping"]["temperature"] == 0.5
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE, timeout=20_000)


def test_undo_waits_for_what_the_undo_before_it_has_yet_to_show(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.reshape(temperature=0.5)
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 1)
    image_studio.change("pace", pace=20.0)
    image_studio.delete_take(take.id)
    for _ in range(4):  # the deletion, two of the pace, the temperature
        image_studio.undo_stack.undo_in_turn()
    qtbot.waitUntil(shows(image_studio, take))
    qtbot.waitUntil(lambda: image_studio.settings.shaping.temperature == 1.0)  # type: ignore[union-attr]
    assert not image_studio.undo_stack.canUndo()
    qtbot.wait(50)
    assert image_studio.settings.shaping.temperature == 1.0, "and not as the take has it, which came last"  # type: ignore[union-attr]


def test_undo_goes_on_when_what_it_waited_for_cannot_be_read(image_studio: Studio, qtbot: QtBot) -> None:
    def fail() -> Take:
        raise MemoryError

    image_studio.reshape(temperature=0.5)
    with qtbot.waitSignal(image_studio.error):
        image_studio.reader.read_take(fail, image_studio.show_take)
        image_studio.undo_stack.undo_in_turn()
        assert image_studio.settings.shaping.temperature == 0.5  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: image_studio.settings.shaping.temperature == 1.0)  # type: ignore[union-attr]


def test_undo_that_leads_to_another_model_says_so(image_studio: Studio, qtbot: QtBot) -> None:
    said: list[str] = []
    image_studio.message.connect(said.append)
    image_studio.reshape(temperature=0.5)
    image_studio.reshape(temperature=0.6)
    image_studio.undo_stack.undo_in_turn()
    assert said == [], "what changes before one's eyes needs no words"
    load(image_studio, qtbot, SOUND)
    image_studio.undo_stack.undo_in_turn()
    assert said[-1] == "Undone: temperature of Tiny Pixelcnn. That model is chosen again."
    load(image_studio, qtbot, SOUND)
    image_studio.undo_stack.redo_in_turn()
    assert said[-1] == "Redone: temperature of Tiny Pixelcnn. That model is chosen again."
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE, timeout=20_000)


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


def test_a_setting_undone_right_after_an_edit_of_another_take_stays_undone(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=FAST)
    image_studio.reshape(temperature=0.5)
    generate(image_studio, qtbot)
    edited = image_studio.take
    assert edited is not None
    image_studio.editing.put_value(3, Pointer(0, 10))
    finish(image_studio, qtbot)
    generate(image_studio, qtbot)
    image_studio.undo_stack.undo()
    image_studio.undo_stack.undo()
    qtbot.waitUntil(shows(image_studio, edited))
    assert image_studio.settings is not None
    assert image_studio.settings.shaping.temperature == 1.0


def test_an_edit_undone_where_it_was_pinned_keeps_the_pin(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    image_studio.looking.pin(Pointer(0, 7))
    image_studio.editing.put_value(3)
    finish(image_studio, qtbot)
    image_studio.undo_stack.undo()
    assert image_studio.looking.pinned == Pointer(0, 7)


def test_a_branch_switched_to_is_followed_as_the_one_before_was(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot, count=2)
    image_studio.change("pace", pace=20.0)
    image_studio.editing.put_value(9, Pointer(1, 3))
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    drawn = image_studio.frontier
    image_studio.editing.show_branch(1, 0)
    assert place_of(image_studio) == (0, 48, True)
    image_studio.editing.show_branch(1, 1)
    assert place_of(image_studio) == (0, drawn, True)


def test_undoing_the_deletion_of_what_was_shown_shows_it_again(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot, count=2)
    first = image_studio.take
    assert first is not None
    image_studio.looking.select(1)
    image_studio.looking.move_cursor(5)
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 1)
    image_studio.delete_take(first.id)
    image_studio.undo_stack.undo()
    qtbot.waitUntil(shows(image_studio, first))
    assert place_of(image_studio) == (1, 5, False)
    generate(image_studio, qtbot)
    second = image_studio.take
    image_studio.delete_take(first.id)
    image_studio.undo_stack.undo()
    qtbot.wait(100)
    assert image_studio.take is second, "one that was not shown just comes back to the list"


def test_a_take_gone_back_to_is_looked_at_where_it_was_left(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot, count=3)
    first = image_studio.take
    assert first is not None
    image_studio.looking.select(2)
    image_studio.looking.move_cursor(11)
    image_studio.looking.pin(Pointer(2, 7))
    generate(image_studio, qtbot, count=2)
    second = image_studio.take
    assert second is not None
    assert place_of(image_studio) == (0, 48, True)
    image_studio.opening.open_history(first.id)
    qtbot.waitUntil(shows(image_studio, first))
    assert place_of(image_studio) == (2, 11, False)
    assert image_studio.looking.inspected_pointer == Pointer(2, 7)
    image_studio.opening.open_history(second.id)
    qtbot.waitUntil(shows(image_studio, second))
    assert place_of(image_studio) == (0, 48, True)


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


def test_an_engine_whose_kernels_are_still_to_be_compiled_is_not_waited_for(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.worker.kernels_warm = False
    generate(image_studio, qtbot, engine="compiled")
    assert image_studio.take is not None
    assert image_studio.take.traces[0].segment.engine == "cached"
    image_studio.worker.kernels_warm = True
    assert image_studio.engine_name() == "compiled"


def test_the_influence_on_a_pinned_step_is_looked_at_while_the_canvas_is_to_show_it(
    image_studio: Studio, qtbot: QtBot
) -> None:
    image_studio.change("pace", pace=math.inf)
    image_studio.begin()
    finish(image_studio, qtbot)
    image_studio.looking.pin(Pointer(0, 20))
    assert image_studio.influence.found is None
    image_studio.set_overlay("influence")
    qtbot.waitUntil(lambda: image_studio.influence.found is not None)
    found = image_studio.influence.found
    assert found is not None
    assert (found.sample, found.step, found.reach.shape, found.strength.shape) == (0, 20, (20,), (20,))
    assert found.strength[~found.reach].max(initial=0) == 0 < found.strength.max()
    image_studio.looking.pin(Pointer(0, 31))
    assert (image_studio.influence.found, image_studio.influence.awaited) == (None, True)
    qtbot.waitUntil(lambda: image_studio.influence.found is not None)
    assert image_studio.influence.found is not None
    assert image_studio.influence.found.step == 31
    assert not image_studio.influence.awaited
    image_studio.set_overlay("none")
    assert image_studio.influence.found is None


def test_the_influence_on_a_step_of_a_trace_that_gave_way_is_not_shown_any_more(
    image_studio: Studio, qtbot: QtBot
) -> None:
    image_studio.change("pace", pace=math.inf)
    image_studio.begin()
    finish(image_studio, qtbot)
    image_studio.looking.pin(Pointer(0, 20))
    image_studio.set_overlay("influence")
    qtbot.waitUntil(lambda: image_studio.influence.found is not None)
    take = image_studio.take
    assert take is not None
    trace = take.traces[0]
    take.samples[0].replace_trace(trace.copy(trace.segment_at(0), len(trace)))
    image_studio.worker.grown.emit(take.id)
    assert (image_studio.influence.found, image_studio.influence.awaited) == (None, True)
    qtbot.waitUntil(lambda: image_studio.influence.found is not None)


def test_an_influence_that_cannot_be_computed_is_not_waited_for(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=math.inf)
    image_studio.begin()
    finish(image_studio, qtbot)
    image_studio.looking.pin(Pointer(0, 20))
    take = image_studio.take
    assert take is not None
    trace = take.traces[0]
    trace.schedule[:] = [replace(segment, condition={"digit": "none such"}) for segment in trace.schedule]  # damaged
    image_studio.set_overlay("influence")
    assert image_studio.influence.awaited
    with qtbot.waitSignal(image_studio.error):
        qtbot.waitUntil(lambda: not image_studio.influence.awaited)
    assert image_studio.influence.found is None
