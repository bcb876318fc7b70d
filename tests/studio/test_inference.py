"""The inference thread under strain: long work that gives way, a disk that is full for a while, no kernels."""

from __future__ import annotations

import errno
import gc
import math
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from pytestqt.qtbot import QtBot

import models.checkpoint
import studio.inference
import studio.profile
from models.condition import complete
from models.decoder import Drawn, ReferenceDecoder
from models.errors import InputError, StudioError
from models.kernels.cache import OVERRIDE, cache_folder
from models.sampling import ConditionalBuffer
from models.shaping import NEUTRAL
from models.tensor_file import Check
from models.trace import Take, Trace, new_take
from studio.app import MainWindow
from studio.heartbeat import measure
from studio.inference import NEVER, NICENESS
from studio.messages import WalkRequest
from studio.state import Studio
from tests.studio.conftest import IMAGE, SOUND, finish, load

PATIENCE_SECONDS = 2.0
"""A command of the user is answered well within this time; the whole of the long work takes many seconds."""


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a niceness of its own on Linux alone")
def test_where_both_want_the_same_core_the_window_comes_first(image_studio: Studio, qtbot: QtBot) -> None:
    seen: list[int] = []
    image_studio.worker._commands.put(lambda: seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))
    qtbot.waitUntil(lambda: len(seen) == 1)
    window = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    if window == 19:
        pytest.skip("these tests run at the lowest priority that there is")
    assert seen == [min(window + NICENESS, 19)]


def test_that_the_history_is_full_is_said_once(image_studio: Studio, qtbot: QtBot) -> None:
    said: list[str] = []
    image_studio.message.connect(said.append)
    image_studio.profile.cap_bytes = 1
    image_studio.change("fast", pace=math.inf)
    for _ in range(3):
        image_studio.begin()
        finish(image_studio, qtbot)
    qtbot.waitUntil(lambda: any("The history is full" in line for line in said))
    assert len([line for line in said if "The history is full" in line]) == 1


# --- walking a take again ----------------------------------------------------------------------------------------


@pytest.fixture
def long_take(sound_studio: Studio, qtbot: QtBot) -> Take:
    """The longest clips, recorded as if the slowest engine had drawn them: half a minute's work to draw again."""
    sound_studio.change("all", pace=math.inf, limit=8000, count=4)
    sound_studio.begin()
    finish(sound_studio, qtbot)
    take = sound_studio.take
    assert take is not None
    assert take.longest > 1000
    for trace in take.traces:
        trace.schedule = [replace(segment, engine="reference") for segment in trace.schedule]
    return take


def reproduce(studio: Studio, qtbot: QtBot) -> list[str]:
    """Begins to walk the take again and waits until it is under way. Gives what is said from then on."""
    said: list[str] = []
    studio.message.connect(said.append)
    studio.verdict.connect(said.append)
    studio.reproduce()
    qtbot.waitUntil(lambda: any("%" in line for line in said))
    return said


def test_walking_again_tells_how_far_it_is(sound_studio: Studio, qtbot: QtBot, long_take: Take) -> None:
    said = reproduce(sound_studio, qtbot)
    qtbot.waitUntil(lambda: len([line for line in said if "%" in line]) >= 3)
    shares = [int(line.split()[-2]) for line in said if "%" in line]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 100


def test_a_new_walk_ends_walking_again_at_once(sound_studio: Studio, qtbot: QtBot, long_take: Take) -> None:
    told: list[tuple[str, str]] = []
    for signal in (sound_studio.worker.reproducing, sound_studio.worker.reproduced):
        signal.connect(lambda take_id, report: told.append((take_id, report)))
    reproduce(sound_studio, qtbot)
    sound_studio.change("pace", pace=1000.0)
    began = time.monotonic()
    sound_studio.begin()
    qtbot.waitUntil(lambda: sound_studio.frontier > 0)
    assert time.monotonic() - began < PATIENCE_SECONDS
    qtbot.wait(400)
    assert told[-1] == (long_take.id, "Stopped before the whole take was walked again.")


def test_what_walked_a_take_again_is_let_go_once_it_is_stopped(
    sound_studio: Studio, qtbot: QtBot, long_take: Take
) -> None:
    reproduce(sound_studio, qtbot)
    held = sound_studio.worker._walk_again
    assert held is not None
    job = weakref.ref(held[1])
    del held
    sound_studio.worker.pause()
    qtbot.waitUntil(lambda: job() is None)


def test_what_walked_a_take_again_is_let_go_at_its_end(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=math.inf)
    image_studio.begin()
    finish(image_studio, qtbot)
    with qtbot.waitSignal(image_studio.worker.reproduced):
        image_studio.reproduce()
    qtbot.waitUntil(lambda: image_studio.worker._walk_again is None)


def test_a_pause_ends_walking_again_at_once_and_that_is_said(
    sound_studio: Studio, qtbot: QtBot, long_take: Take
) -> None:
    said = reproduce(sound_studio, qtbot)
    began = time.monotonic()
    sound_studio.worker.pause()
    qtbot.waitUntil(lambda: said[-1] == "Stopped before the whole take was walked again.")
    assert time.monotonic() - began < PATIENCE_SECONDS
    count = len(said)
    qtbot.wait(400)
    assert len(said) == count


def test_walking_again_anew_begins_at_the_start(sound_studio: Studio, qtbot: QtBot, long_take: Take) -> None:
    said = reproduce(sound_studio, qtbot)
    qtbot.waitUntil(lambda: said[-1].endswith("%") and int(said[-1].split()[-2]) >= 3, timeout=20_000)
    reached = int(said[-1].split()[-2])
    sound_studio.reproduce()
    qtbot.waitUntil(lambda: "Stopped before the whole take was walked again." in said)
    anew = said.index("Stopped before the whole take was walked again.") + 1
    qtbot.waitUntil(lambda: any("%" in line for line in said[anew:]))
    assert int(next(line for line in said[anew:] if "%" in line).split()[-2]) < reached


def test_closing_does_not_wait_for_a_take_that_is_walked_again(
    sound_studio: Studio, qtbot: QtBot, long_take: Take
) -> None:
    reproduce(sound_studio, qtbot)
    began = time.monotonic()
    sound_studio.close()
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_a_step_is_inspected_while_a_take_is_walked_again(sound_studio: Studio, qtbot: QtBot, long_take: Take) -> None:
    reproduce(sound_studio, qtbot)
    found: list[Any] = []
    sound_studio.inspection.answered.connect(found.append)
    began = time.monotonic()
    sound_studio.looking.move_cursor(10)
    qtbot.waitUntil(lambda: any(inspection.step == 10 for inspection in found))
    assert time.monotonic() - began < PATIENCE_SECONDS
    sound_studio.worker.pause()


# --- surprise and entropy of what was opened ---------------------------------------------------------------------


def as_opened(take: Take) -> list[tuple[Trace, npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """Takes surprise and entropy from every branch, as an export does. Gives each branch with what it had."""
    had = []
    for trace in (trace for sample in take.samples for trace in sample.branches):
        had.append((trace, trace.surprise.copy(), trace.entropy.copy()))
        trace.surprise[:] = trace.entropy[:] = np.nan
    return had


def generate(studio: Studio, qtbot: QtBot, count: int) -> Take:
    studio.change("all", pace=math.inf, count=count)
    studio.begin()
    finish(studio, qtbot)
    assert studio.take is not None
    return studio.take


def test_a_walk_that_was_told_much_in_no_time_draws_one_step_at_first(
    sound_studio: Studio, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference engine is told for nothing, and pays for each step: it can be stopped after the first."""
    assert sound_studio.loaded is not None
    drawn: list[int] = []
    advance = ReferenceDecoder.advance

    def noted(decoder: ReferenceDecoder, uniforms: npt.NDArray[np.float64], *how: Any) -> Drawn:
        drawn.append(uniforms.shape[1])
        return advance(decoder, uniforms, *how)

    monkeypatch.setattr(ReferenceDecoder, "advance", noted)
    known = np.zeros(3000, np.float32)
    reference = sound_studio.loaded.reference
    begun = complete(reference.factors, {})
    take = new_take(reference, seed=1, count=1, condition=begun, shaping=NEUTRAL, engine="reference", limit=3008)
    take.traces[0].append(np.full(3000, 16, np.int32), known, known, known > 0)
    sound_studio.show_take(take, sound_studio.entry)
    sound_studio.change("fast", pace=math.inf)
    sound_studio.go_on()
    finish(sound_studio, qtbot)
    assert drawn[0] == 1
    assert max(drawn) < 8


def test_passes_for_figures_of_a_long_take_keep_no_command_waiting(
    sound_studio: Studio, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = generate(sound_studio, qtbot, 1)
    as_opened(take)
    where: set[str] = set()
    make = ConditionalBuffer._pass

    def noted(buffer: ConditionalBuffer, *of: Any) -> Any:
        where.add(threading.current_thread().name.split("_")[0])
        return make(buffer, *of)

    monkeypatch.setattr(ConditionalBuffer, "_pass", noted)
    with qtbot.waitSignal(sound_studio.worker.scored, timeout=20_000):
        sound_studio.worker.score(take)
    assert where == {"looks"}


def test_another_model_never_scores_what_the_first_one_drew(image_studio: Studio, qtbot: QtBot) -> None:
    take = generate(image_studio, qtbot, 64)
    had = as_opened(take)
    wrong: list[str] = []
    image_studio.worker.failed.connect(wrong.append)
    image_studio.worker.score(take)
    load(image_studio, qtbot, SOUND)
    qtbot.wait(300)
    assert wrong == []
    for trace, surprise, entropy in had:
        known = ~np.isnan(trace.surprise)
        assert trace.surprise[known] == pytest.approx(surprise[known], abs=1e-3)
        assert trace.entropy[known] == pytest.approx(entropy[known], abs=1e-3)


def test_branches_that_are_not_shown_are_scored_too(image_studio: Studio, qtbot: QtBot) -> None:
    take = generate(image_studio, qtbot, 2)
    for sample in (0, 1):
        take.branch(sample, 20, new_noise=True)
    image_studio.go_on()
    finish(image_studio, qtbot)
    had = as_opened(take)
    take.samples[0].current = 0
    with qtbot.waitSignal(image_studio.worker.scored, timeout=20_000):  # beside, where others come first
        image_studio.worker.score(take)
    assert len(had) == 4
    for trace, surprise, entropy in had:
        assert trace.surprise == pytest.approx(surprise, abs=1e-3)
        assert trace.entropy == pytest.approx(entropy, abs=1e-3)


def test_a_branch_that_is_made_while_a_take_is_scored_is_scored_too(image_studio: Studio, qtbot: QtBot) -> None:
    take = generate(image_studio, qtbot, 3)
    image_studio.worker._files.submit(lambda: None).result()
    as_opened(take)
    buffer = image_studio.worker._buffer
    assert buffer is not None
    job = image_studio.worker._score(buffer, take)
    next(job)
    made = take.branch(2, 30)
    list(job)
    assert len(made) == 30
    for trace in (trace for sample in take.samples for trace in sample.branches):
        assert np.isfinite(trace.surprise).all()
        assert np.isfinite(trace.entropy).all()


def test_a_symbol_of_probability_zero_adds_nothing_to_the_entropy(sound_studio: Studio, qtbot: QtBot) -> None:
    loaded = sound_studio.worker._model
    assert loaded is not None
    with torch.no_grad():
        loaded.model.out.bias[3] = -math.inf  # type: ignore[union-attr, operator]
    take = generate(sound_studio, qtbot, 1)
    ((trace, surprise, entropy),) = as_opened(take)
    with qtbot.waitSignal(sound_studio.worker.scored, timeout=20_000):
        sound_studio.worker.score(take)
    assert trace.entropy == pytest.approx(entropy, abs=1e-3)
    assert trace.surprise == pytest.approx(surprise, abs=1e-3)


# --- pace --------------------------------------------------------------------------------------------------------

SLOW = 1.0
AT_ONCE_MS = 600
"""Well below what a step takes at that pace."""


def test_the_first_step_does_not_wait_for_the_clock(sound_studio: Studio, qtbot: QtBot) -> None:
    generate(sound_studio, qtbot, 1)  # the engine is there from now on
    sound_studio.change("pace", pace=SLOW)
    sound_studio.begin()
    qtbot.waitUntil(lambda: sound_studio.looking.cursor == 1, timeout=AT_ONCE_MS)
    sound_studio.pause()
    sound_studio.step_by(1)
    qtbot.waitUntil(lambda: sound_studio.looking.cursor == 2, timeout=AT_ONCE_MS)


def test_two_steps_asked_for_one_after_the_other_are_both_walked_at_once(sound_studio: Studio, qtbot: QtBot) -> None:
    take = generate(sound_studio, qtbot, 1)
    take.branch(0, 10, new_noise=True)
    worker = sound_studio.worker
    for number in (1, 2):
        worker.pause()
        worker.walk(WalkRequest(1000 + number, take, NEUTRAL, SLOW, until=10 + number))
    qtbot.waitUntil(lambda: take.frontier == 12, timeout=AT_ONCE_MS)


def test_a_walk_that_is_not_heard_begins_without_a_burst(sound_studio: Studio, qtbot: QtBot) -> None:
    pace = 100.0
    generate(sound_studio, qtbot, 1)
    sound_studio.change("pace", pace=pace)
    began = time.monotonic()
    sound_studio.begin()
    qtbot.waitUntil(lambda: sound_studio.frontier > 0)
    qtbot.wait(100)
    frontier = sound_studio.frontier
    assert frontier <= 2 + pace * (time.monotonic() - began)


# --- a disk that is full for a while -----------------------------------------------------------------------------


class Disk:
    """While ``full``, no new file is made below a folder: the operating system says why."""

    full = False
    reason = errno.ENOSPC
    refusals = 0

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = os.open

        def refusing(path: Any, flags: int, *more: Any, **named: Any) -> int:
            if self.full and flags & os.O_CREAT and Path(path).is_relative_to(folder):
                self.refusals += 1
                raise OSError(self.reason, os.strerror(self.reason), str(path))
            return opened(path, flags, *more, **named)

        monkeypatch.setattr(os, "open", refusing)


@pytest.fixture
def disk(image_studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Disk:
    image_studio.change("pace", pace=math.inf)
    return Disk(image_studio.profile.folder, monkeypatch)


@pytest.fixture
def heard(image_studio: Studio) -> list[str]:
    """Errors and messages of the studio, in order."""
    lines: list[str] = []
    image_studio.error.connect(lines.append)
    image_studio.message.connect(lines.append)
    return lines


def drawn(studio: Studio, qtbot: QtBot) -> Take:
    studio.begin()
    finish(studio, qtbot)
    assert studio.take is not None
    until_saved(studio, qtbot)
    return studio.take


def until_saved(studio: Studio, qtbot: QtBot) -> None:
    """Waits until the thread of files has done what it was given, and its signals have arrived."""
    done: list[bool] = []
    studio.worker._files.submit(done.append, True)
    qtbot.waitUntil(lambda: bool(done))
    qtbot.wait(20)


def kept(studio: Studio) -> set[str]:
    return {entry.id for entry in studio.profile.history()}


def test_what_a_full_disk_refused_is_saved_with_the_next_take_once_there_is_room(
    image_studio: Studio, qtbot: QtBot, disk: Disk, heard: list[str]
) -> None:
    disk.full = True
    first, second = drawn(image_studio, qtbot), drawn(image_studio, qtbot)
    for _ in range(3):
        image_studio.worker.save(second)
        until_saved(image_studio, qtbot)
    assert kept(image_studio) == set()
    errors = [line for line in heard if "the disk is full" in line]
    assert len(errors) == 1
    assert f"{first.id}.npz" in errors[0]
    assert "tried again" in errors[0]

    disk.full = False
    third = drawn(image_studio, qtbot)
    assert kept(image_studio) == {first.id, second.id, third.id}
    assert [line for line in heard if line.startswith("Saved again")] == heard[-1:]
    for take in (first, second):
        stored = image_studio.profile.load_take(take.id)
        assert stored.traces[0].symbols.tolist() == take.traces[0].symbols.tolist()

    drawn(image_studio, qtbot)
    assert len([line for line in heard if line.startswith("Saved again")]) == 1


def test_a_take_whose_own_next_save_succeeds_is_saved_again(
    image_studio: Studio, qtbot: QtBot, disk: Disk, heard: list[str]
) -> None:
    disk.full = True
    take = drawn(image_studio, qtbot)
    disk.full = False
    image_studio.worker.save(take)
    until_saved(image_studio, qtbot)
    assert kept(image_studio) == {take.id}
    assert heard[-1].startswith("Saved again")


def test_a_disk_that_fills_up_again_is_said_again(
    image_studio: Studio, qtbot: QtBot, disk: Disk, heard: list[str]
) -> None:
    for full in (True, False, True, False):
        disk.full = full
        drawn(image_studio, qtbot)
    assert len([line for line in heard if "the disk is full" in line]) == 2
    assert len([line for line in heard if line.startswith("Saved again")]) == 2
    assert len(kept(image_studio)) == 4


def test_what_a_full_disk_refused_is_saved_at_the_end(
    image_studio: Studio, qtbot: QtBot, disk: Disk, make_studio: Callable[[], Studio]
) -> None:
    disk.full = True
    takes = [drawn(image_studio, qtbot) for _ in range(2)]
    disk.full = False
    image_studio.close()
    again = make_studio()
    assert kept(again) == {take.id for take in takes}


def test_a_disk_that_stays_full_does_not_keep_the_studio_from_closing_and_the_loss_is_in_the_log(
    image_studio: Studio, qtbot: QtBot, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    disk.full = True
    take = drawn(image_studio, qtbot)
    image_studio.close()
    assert any(take.id in line and "the disk is full" in line for line in caplog.messages)


def test_a_take_that_is_deleted_meanwhile_is_not_saved_unless_that_is_undone(
    image_studio: Studio, qtbot: QtBot, disk: Disk
) -> None:
    take = drawn(image_studio, qtbot)
    disk.full = True
    image_studio.editing.put_value(3)
    image_studio.looking.pin(None)
    image_studio.worker.save(take)
    until_saved(image_studio, qtbot)
    image_studio.delete_take(take.id)
    disk.full = False
    other = drawn(image_studio, qtbot)
    assert kept(image_studio) == {other.id}
    image_studio.undo_stack.undo()
    until_saved(image_studio, qtbot)
    assert kept(image_studio) == {take.id, other.id}
    assert len(image_studio.profile.load_take(take.id).samples[0].branches) == 2


def test_another_reason_is_another_error(image_studio: Studio, qtbot: QtBot, disk: Disk, heard: list[str]) -> None:
    disk.full = True
    for disk.reason in (errno.ENOSPC, errno.EROFS, errno.EROFS):
        drawn(image_studio, qtbot)
    errors = [line for line in heard if "cannot write" in line]
    assert [("the disk is full" in line, "the disk is read-only" in line) for line in errors] == [
        (True, False),
        (False, True),
    ]


def reasons(studio: Studio) -> dict[str, str]:
    """What the window is told before it closes: which takes are not saved, and why."""
    return {refused.take.id: refused.why for refused in studio.worker.unsaved()}


def test_before_closing_it_is_known_what_is_not_saved_and_why(image_studio: Studio, qtbot: QtBot, disk: Disk) -> None:
    first = drawn(image_studio, qtbot)
    assert reasons(image_studio) == {}
    disk.full = True
    second, third = drawn(image_studio, qtbot), drawn(image_studio, qtbot)
    assert reasons(image_studio) == {second.id: "the disk is full", third.id: "the disk is full"}
    image_studio.delete_take(third.id)
    assert reasons(image_studio) == {second.id: "the disk is full"}
    disk.full = False
    assert reasons(image_studio) == {}
    assert kept(image_studio) == {first.id, second.id}


def test_what_still_walks_counts_as_not_saved_where_it_cannot_be(
    image_studio: Studio, qtbot: QtBot, disk: Disk
) -> None:
    image_studio.change("pace", pace=20.0)
    disk.full = True
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier > 0)
    assert image_studio.take is not None
    assert reasons(image_studio) == {image_studio.take.id: "the disk is full"}
    assert image_studio.running
    disk.full = False
    assert reasons(image_studio) == {}


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (InputError("a take has at most 3 steps, not 4"), "a take has at most 3 steps, not 4"),
        (MemoryError(), "there is not enough memory"),
        (OSError(errno.EIO, "Input/output error"), "input/output error"),
    ],
    ids=["a cap", "no memory", "a broken disk"],
)
def test_a_take_is_kept_whatever_keeps_it_from_being_saved(
    image_studio: Studio,
    qtbot: QtBot,
    heard: list[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    why: str,
) -> None:
    def refuse(path: Path, take: Take) -> None:
        raise error

    image_studio.change("pace", pace=math.inf)
    with monkeypatch.context() as patched:
        patched.setattr(studio.profile, "save_take", refuse)
        take = drawn(image_studio, qtbot)
        assert reasons(image_studio) == {take.id: why}
        qtbot.wait(20)
        assert len([line for line in heard if why in line and "tried again" in line]) == 1
    assert reasons(image_studio) == {}
    assert kept(image_studio) == {take.id}


def test_what_a_full_disk_refused_is_saved_while_nothing_goes_on(
    image_studio: Studio, qtbot: QtBot, disk: Disk, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio.inference, "RETRY_SECONDS", 0.2)
    disk.full = True
    takes = [drawn(image_studio, qtbot) for disk.reason in (errno.ENOSPC, errno.EROFS)]
    disk.refusals = 0
    qtbot.wait(1000)
    assert 2 <= disk.refusals <= 20  # now and then, not all the time
    assert len([line for line in heard if "tried again" in line]) == 2
    disk.full = False
    qtbot.waitUntil(lambda: kept(image_studio) == {take.id for take in takes})


# --- kernels that cannot be compiled -----------------------------------------------------------------------------


@pytest.fixture
def no_numba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No kernels in the cache, and a child process that finds a broken numba."""
    import models.kernels.jit  # noqa: F401, which tells numba in this process where its cache is

    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "numba.py").write_text("raise ImportError('this numba is broken')")
    monkeypatch.setenv("PYTHONPATH", str(shadow))
    monkeypatch.setenv(OVERRIDE, str(tmp_path / "cache"))
    cache_folder.cache_clear()
    yield
    cache_folder.cache_clear()


def test_it_is_said_why_kernels_cannot_be_compiled(
    no_numba: None, make_studio: Callable[[], Studio], qtbot: QtBot
) -> None:
    opened = make_studio()
    said: list[str] = []
    opened.message.connect(said.append)
    assert opened.worker.kernels_failed is None
    with qtbot.waitSignal(opened.worker.kernels_given_up, timeout=60_000):
        pass
    assert opened.worker.kernels_failed == "ImportError: this numba is broken"
    assert any("this numba is broken" in line for line in said)
    assert not opened.worker.kernels_warm
    window = MainWindow(load(opened, qtbot, IMAGE))
    qtbot.addWidget(window)
    assert window.engine_label.text() == "cached engine · CPU · kernels not compiled"
    window.sound.close()


def test_smoothness_is_not_measured_without_the_kernels(
    no_numba: None, make_studio: Callable[[], Studio], qtbot: QtBot
) -> None:
    with pytest.raises(StudioError, match="this numba is broken"):
        measure(make_studio(), IMAGE, count=1, seconds=0.1)


def test_there_is_no_full_collection_while_a_model_is_loaded(
    studio: Studio, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector would look through all that is loaded, again and again, and the window wait for it."""
    before, meanwhile = gc.get_threshold(), []
    whole = models.checkpoint.load_checkpoint

    def look(path: Path, check: Check) -> object:
        meanwhile.append(gc.get_threshold())
        if len(meanwhile) == 1:
            raise InputError("it is damaged")
        return whole(path, check=check)

    monkeypatch.setattr(models.checkpoint, "load_checkpoint", look)
    with qtbot.waitSignal(studio.error):
        studio.loading.choose(IMAGE)
    load(studio, qtbot, SOUND)
    studio.begin()
    finish(studio, qtbot)  # the first step of the engine, which belongs to the loading, is behind us
    assert meanwhile[:2] == [(*before[:2], NEVER)] * 2
    assert gc.get_threshold() == before
