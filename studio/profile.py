"""What lasts: the profile folder with settings, history and layout, one program at a time.

``settings.json``   choices, model by model; ``window.ini`` is Qt's own (dock layout)
``takes/ID.npz``    one file per take, written whole or not at all
``history.json``    what the strip shows of each take; rebuilt from the takes where it is missing or damaged
``trash/``          takes deleted in this session, so that deleting can be undone

The folder is the platform's usual one, or ``SAMPLING_STUDIO_PROFILE``. Takes are saved by the inference thread and
read by the window: a lock guards the index. Beyond the size cap the oldest takes leave.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QLockFile, QObject, QTimer

from models.atomic import atomic_path
from models.errors import FileError, StudioError
from models.files import load_take, save_take
from models.trace import Take
from studio.folders import profile_folder
from studio.thumbnail import thumbnail

log = logging.getLogger(__name__)

FORMAT = 1
CAP_BYTES = 512 * 2**20
"""Size of all takes together; the oldest leave first."""
RECENT_FILES = 10
LARGEST_INDEX = 64 * 2**20
WRITE_DELAY_MS = 400
"""Settings are written this long after the last change: a slider's drag is one write."""


@dataclass(frozen=True)
class HistoryEntry:
    """What the strip shows of a take. thumbnail: a small PNG, base64 in the index."""

    id: str
    title: str
    modality: str
    count: int
    steps: int
    limit: int
    finished: bool
    branches: int
    thumbnail: str


class Profile(QObject):
    """See the module."""

    def __init__(self, folder: Path | None = None, cap_bytes: int = CAP_BYTES) -> None:
        super().__init__()
        self._writing = QTimer(self, singleShot=True, interval=WRITE_DELAY_MS)
        self._writing.timeout.connect(self._write_settings)
        self.folder = folder or profile_folder()
        self.cap_bytes = cap_bytes
        self._guard = threading.Lock()
        self._values: dict[str, Any] = {}
        self._index: dict[str, HistoryEntry] = {}
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
        self._read_index()
        self.empty_trash()

    @property
    def takes_folder(self) -> Path:
        return self.folder / "takes"

    @property
    def trash_folder(self) -> Path:
        return self.folder / "trash"

    def lock(self) -> bool:
        """Whether this program now owns the profile; False if another one that runs does."""
        return self._lock.tryLock(0)

    def close(self) -> None:
        """Writes what is still to be written."""
        if self._writing.isActive():
            self._writing.stop()
            self._write_settings()
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
        try:
            stored = json.loads((self.folder / "settings.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("settings.json is damaged and starts anew: %s", error)
            return {}
        return stored["values"] if isinstance(stored, dict) and stored.get("format") == FORMAT else {}

    def _write_settings(self) -> None:
        """Settings that cannot be written are no reason to stop the user: the next change tries again."""
        try:
            with atomic_path(self.folder / "settings.json") as temporary:
                temporary.write_text(json.dumps({"format": FORMAT, "values": self._values}), encoding="utf-8")
        except FileError as error:
            log.warning("%s", error)

    # --- history -----------------------------------------------------------------------------------------------------

    def history(self) -> list[HistoryEntry]:
        """Newest first."""
        with self._guard:
            return sorted(self._index.values(), key=lambda entry: entry.id, reverse=True)

    def save_take(self, take: Take) -> None:
        """Writes a take and its line of the index. Called by the inference thread."""
        save_take(self._take_path(take.id), take)
        with self._guard:
            self._index[take.id] = describe(take)
            self._write_index()
        self._enforce_cap(keep=take.id)

    def load_take(self, take_id: str) -> Take:
        return load_take(self._take_path(take_id))

    def delete_take(self, take_id: str) -> None:
        with self._guard:
            path = self._take_path(take_id)
            if path.exists():
                path.replace(self.trash_folder / path.name)
            self._index.pop(take_id, None)
            self._write_index()

    def restore_take(self, take_id: str) -> None:
        path = self.trash_folder / f"{take_id}.npz"
        if path.exists():
            path.replace(self._take_path(take_id))
            with self._guard:
                self._index[take_id] = describe(load_take(self._take_path(take_id)))
                self._write_index()

    def empty_trash(self) -> None:
        for path in self.trash_folder.glob("*.npz"):
            path.unlink(missing_ok=True)

    def _take_path(self, take_id: str) -> Path:
        return self.takes_folder / f"{take_id}.npz"

    def _take_files(self) -> list[Path]:
        """The takes; a name that begins with a dot is a file that was being written when the program was killed."""
        return [path for path in self.takes_folder.glob("*.npz") if not path.name.startswith(".")]

    def _read_index(self) -> None:
        """The index as it was written, brought in line with the files that are really there."""
        path = self.folder / "history.json"
        try:
            if path.stat().st_size > LARGEST_INDEX:
                raise ValueError("it is too large")
            stored = json.loads(path.read_text(encoding="utf-8"))
            self._index = {line["id"]: HistoryEntry(**line) for line in stored["takes"]}
        except FileNotFoundError:
            self._index = {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("history.json is damaged and is rebuilt: %s", error)
            self._index = {}
        there = {file.stem for file in self._take_files()}
        self._index = {id_: entry for id_, entry in self._index.items() if id_ in there}
        missing = there - set(self._index)
        for id_ in missing:
            try:
                self._index[id_] = describe(load_take(self._take_path(id_)))
            except StudioError as error:
                log.warning("%s", error)
        if missing:
            self._write_index()

    def _write_index(self) -> None:
        """An index that cannot be written is rebuilt from the takes at the next start."""
        try:
            with atomic_path(self.folder / "history.json") as temporary:
                lines = [asdict(entry) for entry in self._index.values()]
                temporary.write_text(json.dumps({"format": FORMAT, "takes": lines}), encoding="utf-8")
        except FileError as error:
            log.warning("%s", error)

    def _enforce_cap(self, keep: str) -> None:
        sizes = {path.stem: path.stat().st_size for path in self._take_files()}
        total = sum(sizes.values())
        for take_id in sorted(sizes):
            if total <= self.cap_bytes or take_id == keep:
                break
            total -= sizes[take_id]
            with self._guard:
                self._take_path(take_id).unlink(missing_ok=True)
                self._index.pop(take_id, None)
                self._write_index()


def describe(take: Take) -> HistoryEntry:
    return HistoryEntry(
        id=take.id,
        title=take.model.title,
        modality=take.model.chain.modality,
        count=len(take.samples),
        steps=take.longest,
        limit=take.limit,
        finished=take.finished,
        branches=sum(len(sample.branches) for sample in take.samples),
        thumbnail=thumbnail(take),
    )
