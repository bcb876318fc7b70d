"""What lasts: the profile folder with settings, history and layout, one program at a time.

``settings.json``   choices, model by model; ``window.ini`` is Qt's own (dock layout)
``takes/ID.npz``    one file per take, written whole or not at all; what else the user puts there stays as it is
``history.json``    what the strip shows of each take; rebuilt from the takes where it is missing or damaged
``trash/``          takes deleted in this session, so that deleting can be undone

The folder is the platform's usual one, or ``SAMPLING_STUDIO_PROFILE``. Only the program that holds its lock tidies it.
Takes are saved by a thread in the background, their index with them, and listed by the window: a guard is held while
the index in memory is looked at or changed, never while a file is written or read, so that the window does not wait
for a disk. Beyond the size cap the oldest takes leave.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from PySide6.QtCore import QLockFile, QObject, QTimer

from models.atomic import atomic_path, leftovers, reason
from models.condition import in_brief
from models.errors import FileError, StudioError
from models.file_format import made_with
from models.files import load_take, save_take
from models.sweep import swept_in_words
from models.trace import Take
from studio.folders import profile_folder
from studio.lead import LATENCIES
from studio.settings import APPEARANCES, OVERLAYS
from studio.thumbnail import thumbnail

log = logging.getLogger(__name__)

FORMAT = 1
CAP_BYTES = 512 * 2**20
"""Size of all takes of the history together; the oldest leave first."""
RECENT_FILES = 10
LARGEST_JSON = 64 * 2**20
WRITE_DELAY_MS = 400
"""Settings are written this long after the last change: a slider's drag is one write."""
LOCK_SECONDS = 2.0
"""A lock without content may be one that another program is just writing; not after this time."""

FITS: Mapping[str, Callable[[Any], bool]] = {
    "model": lambda value: isinstance(value, str),
    "models": lambda value: isinstance(value, dict),
    "recent": lambda value: isinstance(value, list) and all(isinstance(path, str) for path in value),
    "overlay": lambda value: value in OVERLAYS,
    "volume": lambda value: type(value) in (int, float) and 0 <= value <= 1,
    "latency": lambda value: value in LATENCIES,
    "muted": lambda value: isinstance(value, bool),
    "export_folder": lambda value: isinstance(value, str),
    "open_folder": lambda value: isinstance(value, str),
    "conditional scale": lambda value: isinstance(value, str),
    "appearance": lambda value: value in APPEARANCES,
    "families": lambda value: isinstance(value, dict) and all(isinstance(shown, bool) for shown in value.values()),
}
"""Whether a value of settings.json can be what was once stored under its key."""


@dataclass(frozen=True)
class HistoryEntry:
    """What the strip shows of a take.

    seed: of the first sample. made_with: a line. condition: of the first sample, in few words. swept: from where to
    where the samples of a sweep go, in words; empty for any other take. thumbnail: a small PNG, base64 in the
    index.
    """

    id: str
    title: str
    modality: str
    count: int
    steps: int
    limit: int
    finished: bool
    branches: int
    seed: int
    made_with: str
    condition: str
    swept: str
    thumbnail: str

    def may_hold(self, other: HistoryEntry) -> bool:
        """Whether its take can show what another does, which the takes themselves have to tell.

        By facts alone: words and pictures are made otherwise by another version of the program.
        """

        def facts(entry: HistoryEntry) -> tuple[object, ...]:
            return entry.title, entry.modality, entry.count, entry.steps, entry.limit, entry.finished, entry.seed

        return facts(self) == facts(other) and self.branches >= other.branches


class Profile(QObject):
    """See the module."""

    def __init__(self, folder: Path | None = None, cap_bytes: int = CAP_BYTES) -> None:
        super().__init__()
        self._writing = QTimer(self, singleShot=True, interval=WRITE_DELAY_MS)
        self._writing.timeout.connect(self._write_settings)
        self.folder = folder or profile_folder()
        self.cap_bytes = cap_bytes
        self._guard = threading.Lock()
        """Of ``_index``, ``_deleted`` and ``_stale``, and of moving a take to the trash or out of it."""
        self._writing_index = threading.Lock()
        self._index: dict[str, HistoryEntry] = {}
        self._deleted: dict[str, HistoryEntry | None] = {}
        """What the index said of each take that is in the trash."""
        self._stale = False
        """Whether the index on the disk says something else than the one in memory."""
        try:
            for part in (self.takes_folder, self.trash_folder):
                part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(
                f"The profile folder {self.folder} cannot be written ({error.strerror}); "
                "name another one in SAMPLING_STUDIO_PROFILE."
            ) from None
        self._lock = QLockFile(str(self.folder / "lock"))
        self._lock.setStaleLockTime(0)
        self._values = self._read_settings()
        self._unwritten = False
        """Whether settings could not be written."""
        self._read_index()

    @property
    def takes_folder(self) -> Path:
        return self.folder / "takes"

    @property
    def trash_folder(self) -> Path:
        return self.folder / "trash"

    def lock(self) -> bool:
        """Whether this program now owns the profile; False if another one that runs does.

        Raises FileError if nothing can be written there: the disk is full or read-only, or something is in the way.
        Then, and not before, the profile is tidied: the trash is emptied, what a killed program was writing is
        removed, and the index is brought in line with the takes.
        """
        path = self.folder / "lock"
        if os.path.lexists(path) and not path.is_file():
            # Nobody holds that lock, and what it is good for is the user's to say. Qt would wait for what is in a pipe.
            what = "a folder" if path.is_dir() else "no file"
            raise FileError(f"The profile cannot be locked: {path} is {what}. Move it away and start again.")
        if not self._lock.tryLock(0) and not (self._lock_is_damaged() and self._lock.tryLock(0)):
            if self._lock.error() != QLockFile.LockError.LockFailedError:
                raise FileError(
                    f"The profile folder {self.folder} cannot be written: its disk is full or read-only. Make room, "
                    "or name another folder in SAMPLING_STUDIO_PROFILE."
                )
            return False
        self._values = self._read_settings()
        self._read_index()
        self._repair_index()
        unfinished = leftovers(self.folder, ".json") + leftovers(self.takes_folder, ".npz")
        for path in [*self.trash_folder.glob("*.npz"), *unfinished]:
            with suppress(OSError):  # what cannot be removed stays: no reason not to start
                path.unlink()
        return True

    def _lock_is_damaged(self) -> bool:
        """Removes a lock that names no program, as a full disk or a loss of power leaves it; Qt never would."""
        path = self.folder / "lock"
        try:
            words = path.read_bytes().split(b"\n")
            names_a_program = words[0].isdigit() and len(words) > 2  # number, name and machine, a line each
            if names_a_program or time.time() - path.stat().st_mtime < LOCK_SECONDS:
                return False
            path.unlink()
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Writes what is still to be written."""
        if self._writing.isActive() or self._unwritten:
            self._writing.stop()
            self._write_settings()
        if self._stale:
            self._write_index()
        self._lock.unlock()

    # --- settings ----------------------------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        if self._values.get(key) != value:
            self._values[key] = value
            self._writing.start()

    def model_settings(self, model: str) -> Any:
        return self._values.get("models", {}).get(model)

    def set_model_settings(self, model: str, settings: Mapping[str, Any]) -> None:
        self.set("models", {**self._values.get("models", {}), model: dict(settings)})

    @property
    def recent(self) -> list[Path]:
        return [Path(p) for p in self._values.get("recent", [])]

    def remember_recent(self, path: Path) -> None:
        """The latest opened file goes first."""
        others = [str(p) for p in self.recent if p != path]
        self.set("recent", [str(path), *others][:RECENT_FILES])

    def _read_settings(self) -> dict[str, Any]:
        """What fits of what is stored: nothing in the file can keep the program from starting."""
        stored = self._read_json("settings.json")
        values = stored.get("values") if stored.get("format") == FORMAT else None
        if not isinstance(values, dict):
            return {}
        odd = [key for key, value in values.items() if key in FITS and not FITS[key](value)]
        if odd:
            log.warning("settings.json holds odd values, which are left out: %s", ", ".join(odd))
        return {key: value for key, value in values.items() if key not in odd}

    def _write_settings(self) -> None:
        """Settings that cannot be written are no reason to stop the user: the next change, or the end, tries again."""
        self._unwritten = not self._write_json("settings.json", {"values": self._values})

    def _read_json(self, name: str) -> dict[str, Any]:
        """The object in one of the profile's own files; empty where it is missing or damaged."""
        path = self.folder / name
        try:
            if path.exists() and not path.is_file():
                raise ValueError("it is not a regular file")
            if path.stat().st_size > LARGEST_JSON:
                raise ValueError("it is too large")
            stored = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(stored, dict):
                raise ValueError("it is not an object")
            return stored
        except FileNotFoundError:
            pass
        except (OSError, ValueError, RecursionError) as error:
            log.warning("%s is damaged and starts anew: %s", name, error)
        return {}

    def _write_json(self, name: str, content: Mapping[str, Any]) -> bool:
        """Not forced to the disk, since the window may wait for it; a loss of power can bring back the last one."""
        try:
            with atomic_path(self.folder / name, flush=False) as temporary:
                temporary.write_text(json.dumps({"format": FORMAT, **content}), encoding="utf-8")
        except FileError as error:
            log.warning("%s", error)
            return False
        return True

    # --- history -----------------------------------------------------------------------------------------------------

    def history(self) -> list[HistoryEntry]:
        """Newest first."""
        with self._guard:
            return sorted(self._index.values(), key=lambda entry: entry.id, reverse=True)

    def save_take(self, take: Take) -> int:
        """Writes a take and its line of the index. For a thread in the background: it waits for the disk.

        How many of the oldest takes have left, where the history is full.
        """
        entry = describe(save_take(self._take_path(take.id), take))
        with self._guard:
            if take.id in self._deleted:  # while it was being written
                self._deleted[take.id] = entry
                with suppress(FileNotFoundError):  # deleted between the two: it is in the trash already
                    self._take_path(take.id).replace(self._trash_path(take.id))
                return 0
            self._index[take.id] = entry
        left = self._enforce_cap(keep=take.id)
        self._write_index()
        return left

    def load_take(self, take_id: str) -> Take:
        return load_take(self._take_path(take_id))

    def delete_take(self, take_id: str) -> None:
        """Takes a take out of the history; until the program ends it can be put back.

        Raises FileError if its file cannot be moved away; then nothing has changed.
        """
        with self._guard:
            if take_id in self._deleted:  # it could not be put back
                return
            try:
                self._take_path(take_id).replace(self._trash_path(take_id))
            except FileNotFoundError:
                pass  # not saved yet: what is being saved goes to the trash then
            except OSError as error:
                raise FileError(f"cannot delete from the history: {reason(error)}") from None
            self._deleted[take_id] = self._index.pop(take_id, None)
            self._stale = True

    def restore_take(self, take_id: str) -> None:
        """Undoes ``delete_take``; the take itself is not read.

        Raises FileError if its file cannot be moved back; then it stays deleted, and can be restored later.
        """
        path, aside = self._take_path(take_id), self._trash_path(take_id)
        with self._guard:
            try:
                if aside.exists() and not path.exists():  # else it was saved anew this moment, or not yet
                    aside.replace(path)
            except OSError as error:
                raise FileError(f"cannot put back into the history: {reason(error)}") from None
            entry = self._deleted.pop(take_id, None)
            if entry is not None:
                self._index[take_id] = entry
                self._stale = True

    def _take_path(self, take_id: str) -> Path:
        return self.takes_folder / f"{take_id}.npz"

    def _trash_path(self, take_id: str) -> Path:
        return self.trash_folder / f"{take_id}.npz"

    def _take_files(self) -> list[Path]:
        """The takes; a name that begins with a dot is a file that was being written when the program was killed."""
        return [path for path in self.takes_folder.glob("*.npz") if not path.name.startswith(".")]

    def _read_index(self) -> None:
        """The index as it was written, but for the takes that are not there any more."""
        try:
            entries = [entry_from_json(line) for line in self._read_json("history.json").get("takes", ())]
        except (TypeError, ValueError) as error:
            log.warning("history.json is of another version, or damaged, and is rebuilt: %s", error)
            entries = []
        there = {file.stem for file in self._take_files()}
        self._index = {entry.id: entry for entry in entries if entry.id in there}
        self._stale = len(self._index) != len(entries)

    def _repair_index(self) -> None:
        """Adds the takes that the index does not know. A file of another name than its take's is a copy of the user."""
        for path in sorted(self._take_files()):
            if path.stem not in self._index:
                try:
                    take = load_take(path)
                    if take.id == path.stem:
                        self._index[take.id] = describe(take)
                        self._stale = True
                except (OSError, StudioError) as error:
                    log.warning("%s", error)
        if self._stale:
            self._write_index()

    def _write_index(self) -> None:
        """An index that cannot be written is rebuilt from the takes at the next start."""
        with self._writing_index:
            with self._guard:
                entries = list(self._index.values())
                self._stale = False
            if not self._write_json("history.json", {"takes": [vars(entry) for entry in entries]}):
                self._stale = True

    def _enforce_cap(self, keep: str) -> int:
        left = 0
        sizes: dict[str, int] = {}
        for entry in self.history():
            with suppress(FileNotFoundError):  # deleted meanwhile
                sizes[entry.id] = self._take_path(entry.id).stat().st_size
        total = sum(sizes.values())
        for take_id in sorted(sizes):
            if total <= self.cap_bytes:
                break
            if take_id == keep:
                continue
            total -= sizes[take_id]
            left += 1
            with self._guard:
                self._index.pop(take_id, None)
            try:
                self._take_path(take_id).unlink(missing_ok=True)
            except OSError as error:  # the take that is being saved is saved all the same
                log.warning("the take %s beyond the size cap cannot be removed: %s", take_id, error)
        return left


def entry_from_json(line: Mapping[str, Any]) -> HistoryEntry:
    """A line of the index. Raises TypeError for anything else."""
    entry = HistoryEntry(**line)
    for field in fields(entry):
        if type(getattr(entry, field.name)).__name__ != field.type:
            raise TypeError(f"{field.name} is of type {field.type}, not {getattr(entry, field.name)!r}")
    return entry


def describe(take: Take) -> HistoryEntry:
    return HistoryEntry(
        id=take.id,
        title=take.model.title,
        modality=take.chain.modality,
        count=len(take.samples),
        steps=take.longest,
        limit=take.limit,
        finished=take.finished,
        branches=sum(len(sample.branches) for sample in take.samples),
        seed=take.seed,
        made_with=made_with(take),
        condition=in_brief(take.model.factors, take.traces[0].schedule[0].condition),
        swept=swept_in_words(take),
        thumbnail=thumbnail(take),
    )
