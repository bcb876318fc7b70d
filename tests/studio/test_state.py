"""What a user can do with a studio, without a window: generate, pause, step, edit, branch, undo, go back in history."""

from __future__ import annotations

import dataclasses
import math
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from models.files import read_saved
from models.shaping import NEUTRAL
from studio.looking import Pointer
from studio.messages import InspectRequest
from studio.panels.inspector import InspectorPanel
from studio.replay import TICK_MS
from studio.state import Activity, Studio
from tests.studio.conftest import IMAGE, SOUND, finish, load
from tests.studio.doing import FAST, generate, place_of, shows


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


def test_of_what_has_ended_the_last_step_is_looked_at(
    image_studio: Studio, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    trace = take.traces[0]
    monkeypatch.setattr(image_studio.inspection, "ask", lambda: None)  # or its own may come in place of this one
    request = InspectRequest(-1, take, 0, trace, len(trace), NEUTRAL)
    with qtbot.waitSignal(image_studio.worker.inspected, check_params_cb=lambda found: found.token == -1) as answer:
        image_studio.worker.inspect(request)
    (found,) = answer.args
    assert found.step == len(trace) - 1
    assert found.symbol == trace.symbols[-1]


def test_nothing_is_shown_rather_than_another_step_where_the_answer_is_late(
    image_studio: Studio, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(image_studio, qtbot)
    panel = InspectorPanel(image_studio)
    qtbot.addWidget(panel)
    image_studio.looking.pin(Pointer(0, 3))
    qtbot.waitUntil(lambda: panel.inspection is not None and panel.inspection.step == 3)
    inspect = image_studio.worker.inspect
    monkeypatch.setattr(image_studio.worker, "inspect", lambda request: None)
    image_studio.looking.pin(Pointer(0, 9))
    qtbot.waitUntil(lambda: panel.step_label.text() == "computing …")
    assert panel.inspection is None
    monkeypatch.setattr(image_studio.worker, "inspect", inspect)
    image_studio.looking.pin(Pointer(0, 5))
    qtbot.waitUntil(lambda: panel.inspection is not None and panel.inspection.step == 5)


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


def test_closing_while_a_walk_runs_ends_cleanly_and_keeps_it(make_studio: Callable[[], Studio], qtbot: QtBot) -> None:
    studio = load(make_studio(), qtbot, IMAGE)
    studio.change("pace", pace=30.0)
    studio.begin()
    qtbot.waitUntil(lambda: studio.frontier >= 3)
    studio.close()
    assert not studio.worker.isRunning()
    (entry,) = make_studio().profile.history()
    assert entry.steps >= 3


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


@pytest.mark.parametrize("size", [(8, 6), (3, 3)], ids=["begun", "refused"])
def test_a_completion_changes_the_condition_if_it_begins(image_studio: Studio, size: tuple[int, int]) -> None:
    image_studio.change("condition", condition={"digit": "2"})
    image_studio.pause()
    steps = image_studio.undo_stack.count()
    begun = image_studio.complete(np.zeros((8, 6), np.uint8), np.indices(size)[0] < 2, {"digit": "any"})
    assert image_studio.settings is not None
    now = image_studio.settings.condition["digit"], image_studio.undo_stack.count() - steps
    assert (begun, now) == ((True, ("any", 1)) if size == (8, 6) else (False, ("2", 0)))
    if begun:
        assert image_studio.take is not None
        assert image_studio.take.traces[0].schedule[0].condition == {"digit": "any"}
        image_studio.undo_stack.undo()
        assert image_studio.settings.condition == {"digit": "2"}
