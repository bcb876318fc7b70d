"""What lasts: settings that survive odd files, a history that is tidied by its owner alone and never makes wait."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

import studio.profile
from models.atomic import atomic_path, leftovers
from models.condition import Category
from models.errors import FileError
from models.files import save_take
from models.trace import Take
from studio.canvas.demo import DIGIT_CHAIN, empty_take, grow, rings
from studio.profile import FORMAT, Profile, describe
from studio.reading import in_history
from studio.settings import default_settings, settings_from_json
from studio.state import Studio
from tests.studio.conftest import finish

SETTINGS = "settings.json"
INDEX = "history.json"


@pytest.fixture
def folder(qtbot: QtBot, tmp_path: Path) -> Path:
    return tmp_path / "own"


@pytest.fixture
def profile(folder: Path) -> Iterator[Profile]:
    profile = Profile(folder)
    assert profile.lock()
    yield profile
    profile.close()


def made(steps: int = 20) -> Take:
    take = empty_take(DIGIT_CHAIN)
    for trace in take.traces:
        grow(trace, rings(DIGIT_CHAIN, 0)[:steps], DIGIT_CHAIN)
    return take


def saved(profile: Profile, steps: int = 20) -> str:
    take = made(steps)
    profile.save_take(take)
    return take.id


def earlier(take: Take, steps: int) -> Take:
    """What a take was at an earlier moment."""
    then = made(steps)
    then.id = take.id
    return then


def ids(profile: Profile) -> list[str]:
    return [entry.id for entry in profile.history()]


@contextmanager
def opened(folder: Path) -> Iterator[Profile]:
    """The profile as the next program finds it."""
    profile = Profile(folder)
    assert profile.lock()
    yield profile
    profile.close()


def store(folder: Path, name: str, content: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


# --- one owner -------------------------------------------------------------------------------------------------------


def test_a_second_program_leaves_the_trash_of_the_first_alone(folder: Path, profile: Profile) -> None:
    take_id = saved(profile)
    profile.delete_take(take_id)
    second = Profile(folder)
    assert not second.lock()
    profile.restore_take(take_id)
    assert ids(profile) == [take_id]
    assert len(profile.load_take(take_id).traces[0]) == 20


def test_a_second_program_does_not_write_the_index(folder: Path, profile: Profile) -> None:
    saved(profile)
    (folder / INDEX).unlink()
    assert not Profile(folder).lock()
    assert not (folder / INDEX).exists()


def test_the_trash_is_emptied_by_the_next_owner(folder: Path, profile: Profile) -> None:
    profile.delete_take(saved(profile))
    profile.close()
    assert list(profile.trash_folder.iterdir())
    with opened(folder) as again:
        assert not list(again.trash_folder.iterdir())
        assert again.history() == []


@pytest.mark.parametrize("content", [b"", b"garbage", b"9"])
def test_a_damaged_lock_does_not_keep_everybody_out_for_good(folder: Path, content: bytes) -> None:
    profile = Profile(folder)
    (folder / "lock").write_bytes(content)
    assert not profile.lock()  # it may be one that is just being written
    os.utime(folder / "lock", (0, 0))
    assert profile.lock()
    assert not Profile(folder).lock()
    profile.close()


def test_a_folder_in_which_nothing_can_be_written_is_not_called_open_elsewhere(folder: Path) -> None:
    profile = Profile(folder)
    shutil.rmtree(folder)
    with pytest.raises(FileError, match="cannot be written"):
        profile.lock()


def test_what_cannot_be_removed_from_the_trash_stays(folder: Path) -> None:
    profile = Profile(folder)
    (profile.trash_folder / "odd.npz").mkdir()
    assert profile.lock()
    profile.close()


@pytest.mark.parametrize("kind", ["an empty folder", "a folder with something in it", "a link to nowhere", "a pipe"])
def test_what_stands_where_the_lock_goes_is_named_and_left_alone(folder: Path, qtbot: QtBot, kind: str) -> None:
    profile, lock = Profile(folder), folder / "lock"
    if kind == "a link to nowhere":
        lock.symlink_to(folder / "nowhere")
    elif kind == "a pipe":
        os.mkfifo(lock)  # Qt would wait for ever for somebody to write into it
    else:
        (lock / "inside" if "something" in kind else lock).mkdir(parents=True)
    with pytest.raises(FileError, match=r"lock is (a folder|no file)\. Move it away"):
        profile.lock()
    assert os.path.lexists(lock)


def test_what_a_killed_program_was_writing_is_removed_by_the_next_owner_alone(folder: Path, profile: Profile) -> None:
    kept = saved(profile)
    (entry,) = profile.history()
    unfinished = [profile.takes_folder / ".0123456789abcdef.npz", folder / ".fedcba9876543210.json"]
    others = [
        profile.takes_folder / ".0123456789abcdef.png",
        profile.takes_folder / ".my notes.npz",
        folder / ".0123456789abcdef.safetensors",  # a model's description is written by the command line, lock or not
    ]
    for path in unfinished + others:
        path.write_bytes(b"PK")
    assert not Profile(folder).lock()
    assert all(path.exists() for path in unfinished)
    profile.close()
    with opened(folder) as again:
        assert again.history() == [entry]
    assert not any(path.exists() for path in unfinished)
    assert all(path.exists() for path in [*others, profile.takes_folder / f"{kept}.npz"])


def test_a_file_being_written_has_a_name_that_is_known_as_such(folder: Path, profile: Profile) -> None:
    with atomic_path(profile.takes_folder / "take.npz") as temporary:
        assert leftovers(profile.takes_folder, ".npz") == [temporary]


# --- history ---------------------------------------------------------------------------------------------------------


def test_a_take_deleted_just_after_it_was_written_stays_in_the_trash(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_then_delete(path: Path, take: Take) -> Take:
        written = save_take(path, take)
        profile.delete_take(take.id)
        return written

    monkeypatch.setattr(studio.profile, "save_take", write_then_delete)
    take_id = saved(profile)
    assert ids(profile) == []
    profile.restore_take(take_id)
    assert ids(profile) == [take_id]
    assert len(profile.load_take(take_id).traces[0]) == 20


@pytest.mark.parametrize(
    "content",
    ["", "{", "[" * 100_000, "[]", '{"takes": 3}', '{"takes": [{"id": "a"}]}', '{"takes": ["a"]}', None],
    ids=["empty", "cut", "deep", "list", "number", "fields missing", "not a line", "not there"],
)
def test_a_damaged_index_is_rebuilt_from_the_takes(folder: Path, profile: Profile, content: str | None) -> None:
    saved(profile)
    (entry,) = profile.history()
    profile.close()
    if content is None:
        (folder / INDEX).unlink()
    else:
        (folder / INDEX).write_text(content)
    with opened(folder) as again:
        assert again.history() == [entry]
    assert json.loads((folder / INDEX).read_text())["takes"][0]["id"] == entry.id


def test_an_index_with_a_field_of_the_wrong_type_is_rebuilt(folder: Path, profile: Profile) -> None:
    saved(profile)
    (entry,) = profile.history()
    profile.close()
    index = json.loads((folder / INDEX).read_text())
    index["takes"][0]["steps"] = "many"
    store(folder, INDEX, index)
    with opened(folder) as again:
        assert again.history() == [entry]


def test_an_index_from_before_it_told_what_a_take_was_made_with_is_rebuilt(folder: Path, profile: Profile) -> None:
    saved(profile)
    (entry,) = profile.history()
    assert "seed" in entry.made_with
    profile.close()
    index = json.loads((folder / INDEX).read_text())
    del index["takes"][0]["made_with"]
    store(folder, INDEX, index)
    with opened(folder) as again:
        assert again.history() == [entry]


def test_an_index_from_before_it_told_what_a_sweep_goes_over_is_rebuilt(folder: Path, profile: Profile) -> None:
    saved(profile)
    (entry,) = profile.history()
    profile.close()
    index = json.loads((folder / INDEX).read_text())
    del index["takes"][0]["swept"], index["takes"][0]["seed"]
    store(folder, INDEX, index)
    with opened(folder) as again:
        assert again.history() == [entry]


def test_a_take_is_found_in_the_history_though_its_picture_and_words_are_of_another_version(
    folder: Path, profile: Profile
) -> None:
    kept = saved(profile)
    profile.close()
    index = json.loads((folder / INDEX).read_text())
    index["takes"][0] |= {"thumbnail": "", "made_with": "seed no. 1", "swept": "from 1 to 2"}
    store(folder, INDEX, index)
    with opened(folder) as again:
        assert again.history()[0].thumbnail == ""
        take = again.load_take(kept)
        take.id = "of-the-file"
        found = in_history(again, take, {})
        assert found is not None
        assert found.id == kept
        assert in_history(again, made(19), {}) is None


def test_a_take_whose_file_is_gone_leaves_the_index(folder: Path, profile: Profile) -> None:
    kept, lost = saved(profile), saved(profile)
    profile.close()
    (profile.takes_folder / f"{lost}.npz").unlink()
    with opened(folder) as again:
        assert ids(again) == [kept]


def test_a_take_that_cannot_be_read_is_left_out_and_left_there(folder: Path, profile: Profile) -> None:
    broken = profile.takes_folder / "broken.npz"
    broken.write_bytes(b"nothing")
    profile.close()
    with opened(folder) as again:
        assert again.history() == []
    assert broken.exists()


def test_restoring_a_take_reads_no_file(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    take_id = saved(profile)
    before = profile.history()
    profile.delete_take(take_id)
    assert profile.history() == []

    def no_reading(path: Path) -> Take:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(studio.profile, "load_take", no_reading)
    profile.restore_take(take_id)
    assert profile.history() == before


def test_a_take_that_cannot_be_put_back_stays_deleted_and_can_be_put_back_later(profile: Profile) -> None:
    take_id = saved(profile)
    before = profile.history()
    profile.delete_take(take_id)
    profile.takes_folder.rmdir()
    profile.takes_folder.touch()  # in the way, as a disk that has become read-only would be
    with pytest.raises(FileError, match="cannot put back into the history: a part of the path is a file"):
        profile.restore_take(take_id)
    assert profile.history() == []
    profile.delete_take(take_id)  # redone, so that it can be undone once more
    profile.takes_folder.unlink()
    profile.takes_folder.mkdir()
    profile.restore_take(take_id)
    assert profile.history() == before
    assert len(profile.load_take(take_id).traces[0]) == 20


def test_the_studio_says_that_a_take_cannot_be_put_back_and_tries_again_when_asked_to(
    image_studio: Studio, qtbot: QtBot
) -> None:
    profile = image_studio.profile
    image_studio.change("test", pace=math.inf)
    image_studio.begin()
    finish(image_studio, qtbot)
    qtbot.waitUntil(lambda: len(profile.history()) == 1)
    (entry,) = profile.history()
    image_studio.delete_take(entry.id)
    profile.takes_folder.rmdir()
    profile.takes_folder.touch()
    with qtbot.waitSignal(image_studio.error) as complaint:
        image_studio.undo_stack.undo()
    assert "cannot put back" in complaint.args[0]
    assert profile.history() == []
    profile.takes_folder.unlink()
    profile.takes_folder.mkdir()
    image_studio.undo_stack.redo()
    image_studio.undo_stack.undo()
    assert profile.history() == [entry]


def test_a_copy_of_a_take_is_listed_once_and_stays(folder: Path, profile: Profile) -> None:
    take = made(30)
    profile.save_take(take)
    entries = profile.history()
    profile.close()
    copy = profile.takes_folder / "copy.npz"
    save_take(copy, earlier(take, steps=10))  # of an earlier moment: not what the history shows
    content = copy.read_bytes()
    (folder / INDEX).unlink()
    for _ in ("the index is rebuilt", "the index is there"):
        with opened(folder) as again:
            assert again.history() == entries
            assert len(again.load_take(take.id).traces[0]) == 30
    assert copy.read_bytes() == content


def test_a_deleted_take_does_not_come_back_by_a_copy_of_it(folder: Path, profile: Profile) -> None:
    take_id = saved(profile)
    copy = profile.takes_folder / "best.npz"
    shutil.copy(profile.takes_folder / f"{take_id}.npz", copy)
    profile.delete_take(take_id)
    profile.close()
    with opened(folder) as again:
        assert again.history() == []
    assert copy.exists()


def test_the_cap_removes_nothing_that_the_history_does_not_list(folder: Path, qtbot: QtBot) -> None:
    profile = Profile(folder, cap_bytes=1)
    assert profile.lock()
    first = saved(profile)
    shutil.copy(profile.takes_folder / f"{first}.npz", profile.takes_folder / "0.npz")
    last = saved(profile)
    assert sorted(path.stem for path in profile.takes_folder.iterdir()) == ["0", last]
    profile.close()


def test_deleting_and_restoring_last(folder: Path, profile: Profile) -> None:
    first, second = saved(profile), saved(profile)
    profile.delete_take(first)
    profile.delete_take(second)
    profile.restore_take(first)
    profile.close()
    with opened(folder) as again:
        assert ids(again) == [first]


def test_a_take_that_is_deleted_while_it_is_being_saved_stays_deleted(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, write = made(30), studio.profile.save_take

    def write_and_lose(path: Path, take: Take) -> Take:
        write(path, take)
        profile.delete_take(take.id)
        return write(path, take)  # the deletion came before the rename

    monkeypatch.setattr(studio.profile, "save_take", write_and_lose)
    profile.save_take(take)
    assert profile.history() == []
    assert not list(profile.takes_folder.iterdir())
    profile.restore_take(take.id)
    assert profile.history() == [describe(take)]
    assert len(profile.load_take(take.id).traces[0]) == 30


def test_the_window_never_waits_for_the_index_to_be_written(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    first = saved(profile)
    writing, go_on = threading.Event(), threading.Event()
    write = studio.profile.atomic_path

    def slow_disk(path: Path, **how: Any) -> Any:
        if path.name == INDEX:
            writing.set()
            assert go_on.wait(10)
        return write(path, **how)

    monkeypatch.setattr(studio.profile, "atomic_path", slow_disk)
    second = made()
    saving = threading.Thread(target=profile.save_take, args=(second,))
    saving.start()
    try:
        assert writing.wait(10)
        answers: list[Callable[[], object]] = [
            profile.history,
            lambda: profile.delete_take(first),
            lambda: profile.restore_take(first),
        ]
        window = threading.Thread(target=lambda: [answer() for answer in answers])
        window.start()
        window.join(5)
        assert not window.is_alive()
    finally:
        go_on.set()
        saving.join()
        window.join()
    assert ids(profile) == sorted([first, second.id], reverse=True)


def test_only_takes_wait_for_the_disk(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[bool] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: flushed.append(True))
    profile.set("volume", 0.3)
    take_id = saved(profile)
    assert flushed == [True]
    profile.delete_take(take_id)
    profile.close()
    assert flushed == [True]


def test_beyond_the_cap_the_oldest_takes_leave(folder: Path, qtbot: QtBot) -> None:
    profile = Profile(folder, cap_bytes=1)
    assert profile.lock()
    saved(profile)
    last = saved(profile)
    assert ids(profile) == [last]
    assert [path.stem for path in profile.takes_folder.iterdir()] == [last]
    profile.close()
    with opened(folder) as again:
        assert ids(again) == [last]


def test_of_an_old_take_that_is_saved_again_beyond_the_cap_the_others_leave(folder: Path, qtbot: QtBot) -> None:
    profile = Profile(folder)
    old = made()
    profile.save_take(old)
    saved(profile)
    profile.cap_bytes = 1
    assert profile.save_take(old) == 1
    assert ids(profile) == [old.id]


def test_a_take_is_saved_though_one_beyond_the_cap_cannot_be_removed(
    folder: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = Profile(folder, cap_bytes=1)
    assert profile.lock()
    first = saved(profile)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    last = saved(profile)
    monkeypatch.undo()
    assert ids(profile) == [last]
    profile.close()
    with opened(folder) as again:
        assert set(ids(again)) == {first, last}


def test_a_profile_that_cannot_be_written_is_named(qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(FileError, match="SAMPLING_STUDIO_PROFILE"):
        Profile(file / "profile")


# --- settings --------------------------------------------------------------------------------------------------------


def test_settings_last(folder: Path, profile: Profile) -> None:
    profile.set("volume", 0.25)
    profile.set_model_settings("digits", {"count": 4})
    profile.remember_recent(Path("/a.png"))
    profile.remember_recent(Path("/b.png"))
    profile.remember_recent(Path("/a.png"))
    profile.close()
    with opened(folder) as again:
        assert again.get("volume") == 0.25
        assert again.model_settings("digits") == {"count": 4}
        assert again.recent == [Path("/a.png"), Path("/b.png")]


def test_settings_that_a_full_disk_refused_are_written_at_the_end(
    folder: Path, profile: Profile, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[bool] = []

    def refuse(*_: Any, **__: Any) -> None:
        tried.append(True)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("models.atomic.os.replace", refuse)
    profile.set("volume", 0.25)
    qtbot.waitUntil(lambda: bool(tried))
    monkeypatch.undo()
    profile.close()
    with opened(folder) as again:
        assert again.get("volume") == 0.25


@pytest.mark.parametrize(
    "content",
    [{"format": FORMAT}, {"format": FORMAT, "values": [1]}, {"format": 99, "values": {"volume": 0.1}}, [], 3, None],
    ids=["no values", "values of the wrong type", "of another format", "a list", "a number", "null"],
)
def test_settings_that_are_something_else_start_anew(folder: Path, qtbot: QtBot, content: object) -> None:
    store(folder, SETTINGS, content)
    with opened(folder) as profile:
        assert profile.get("volume", "default") == "default"
        assert profile.recent == []


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '"\ud800"'], ids=["empty", "cut", "deep", "not UTF-8"])
def test_settings_that_are_not_json_start_anew(folder: Path, qtbot: QtBot, text: str) -> None:
    folder.mkdir()
    (folder / SETTINGS).write_bytes(text.encode(errors="surrogatepass"))
    with opened(folder) as profile:
        assert profile.get("volume", "default") == "default"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("volume", "loud"),
        ("volume", 7),
        ("volume", True),
        ("muted", 1),
        ("models", []),
        ("recent", 3),
        ("recent", ["/a.png", 3]),
        ("overlay", "stripes"),
        ("overlay", {}),
        ("model", 3),
        ("export_folder", None),
        ("conditional scale", []),
    ],
)
def test_a_value_that_does_not_fit_is_left_out_and_the_others_stay(
    folder: Path, qtbot: QtBot, key: str, value: object
) -> None:
    kept = "muted" if key != "muted" else "volume"
    good = {"muted": True, "volume": 0.5}[kept]
    store(folder, SETTINGS, {"format": FORMAT, "values": {key: value, kept: good}})
    with opened(folder) as profile:
        assert profile.get(key, "default") == "default"
        assert profile.get(kept) == good
        assert profile.recent == []
        assert profile.model_settings("digits") is None


ODD: list[dict[str, object]] = [
    {"limit": float("inf")},
    {"condition": ["digit"]},
    {"condition": 3},
    {"seed": "one"},
    {"shaping": []},
    {"pace": {}},
]


@pytest.mark.parametrize("change", ODD, ids=str)
def test_odd_settings_of_a_model_give_way_to_its_defaults(change: dict[str, object]) -> None:
    factors = (Category("digit", ("0", "1")),)
    default = default_settings(DIGIT_CHAIN, factors)
    assert settings_from_json({**default.with_(count=7).to_json(), **change}, DIGIT_CHAIN, factors) == default
    assert settings_from_json(3, DIGIT_CHAIN, factors) == default


@pytest.mark.parametrize("engine", ["foo", {}, None])
def test_an_engine_that_is_not_there_is_chosen_anew_and_the_rest_is_kept(engine: object) -> None:
    mine = default_settings(DIGIT_CHAIN, ()).with_(count=7)
    assert settings_from_json({**mine.to_json(), "engine": engine, "device": engine}, DIGIT_CHAIN, ()) == mine
