"""The inference thread under strain: long work that gives way, and a disk that is full for a while."""

from __future__ import annotations

import errno
import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from models.trace import Take
from studio.state import Studio
from tests.studio.conftest import finish

PATIENCE_SECONDS = 2.0
"""A command of the user is answered well within this time; the whole of the long work takes many seconds."""


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
    said = reproduce(sound_studio, qtbot)
    sound_studio.change("pace", pace=1000.0)
    began = time.monotonic()
    sound_studio.begin()
    qtbot.waitUntil(lambda: sound_studio.frontier > 0)
    assert time.monotonic() - began < PATIENCE_SECONDS
    sound_studio.pause()
    qtbot.waitUntil(lambda: not sound_studio.running)
    count = len(said)
    qtbot.wait(400)
    assert len(said) == count


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
    qtbot.waitUntil(lambda: said[-1].endswith("%") and int(said[-1].split()[-2]) >= 1, timeout=20_000)
    reached = int(said[-1].split()[-2])
    sound_studio.reproduce()
    qtbot.waitUntil(lambda: "Stopped before the whole take was walked again." in said)
    anew = said.index("Stopped before the whole take was walked again.") + 1
    qtbot.waitUntil(lambda: any("%" in line for line in said[anew:]))
    assert int(next(line for line in said[anew:] if "%" in line).split()[-2]) <= reached


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
    sound_studio.inspected.connect(found.append)
    began = time.monotonic()
    sound_studio.move_cursor(10)
    qtbot.waitUntil(lambda: any(inspection.step == 10 for inspection in found))
    assert time.monotonic() - began < PATIENCE_SECONDS
    sound_studio.worker.pause()


# --- a disk that is full for a while -----------------------------------------------------------------------------


class Disk:
    """While ``full``, no new file is made below a folder: the operating system says why."""

    full = False
    reason = errno.ENOSPC

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = os.open

        def refusing(path: Any, flags: int, *more: Any, **named: Any) -> int:
            if self.full and flags & os.O_CREAT and Path(path).is_relative_to(folder):
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
    image_studio.put_value(3)
    image_studio.pin(None)
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
