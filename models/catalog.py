"""The models at hand, those that are shipped and those that the user added, and their families.

Reads headers only, without torch.
"""

from __future__ import annotations

import difflib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import assets
from models.atomic import reason, write_atomically
from models.checkpoint import CheckpointHeader, read_header, weights_hash
from models.errors import CheckpointError, FileError, InputError
from models.hugging_face import Stamp, folder_of, stamp
from models.tensor_file import SUFFIX, Check, wanted
from models.trace import ModelReference

SHIPPED = Path(assets.__file__).parent
"""The folder of checkpoints and cards that comes with the program."""

ADDED_FILE = "models.json"
"""In the user's folder: a JSON list of the checkpoints they added."""


@dataclass(frozen=True)
class Entry:
    """One model of the list.

    card: a Markdown file that explains it, and thumbnail: a PNG; code_map: the JSON of a map of its codes, beside which
    lies the PNG, see ``evaluation.code_map``. None where there is none.
    """

    header: CheckpointHeader
    path: Path
    shipped: bool
    card: Path | None
    thumbnail: Path | None
    code_map: Path | None


class Catalog:
    """Looks at the disk whenever it is asked for models, so that what a training just wrote is there.

    What it found then stays in ``listed``, for those who must not wait for a disk.

    shipped: a folder with ``checkpoints/NAME.safetensors``, ``cards/NAME.md``, ``cards/NAME.png`` and of some models
    ``cards/NAME.map.json``. user: the folder in which to remember what was added; None forgets it when the program
    ends. What explains an added checkpoint lies beside it.
    """

    def __init__(self, shipped: Path = SHIPPED, user: Path | None = None) -> None:
        self.shipped = _absolute(shipped)
        self.user = user
        self.problems: list[tuple[Path, str]] = []
        """Files that could not be listed at the last ``entries``, and why."""
        self.listed: list[Entry] = []
        """What ``entries`` found last, with what was added and without what was removed since: looks at no disk."""
        self._unsaved: list[Path] = []
        """What was added, where it could not be written down: holds until the program ends."""
        self._hashes: dict[tuple[Path, Stamp], str] = {}

    def entries(self, *, added: bool = True, check: Check = wanted) -> list[Entry]:
        """All models, by modality, family, architecture and title; with ``added`` false only those that are shipped.

        Broken files are left out and collected in ``problems``. An added file that is missing is left out without a
        problem, and stays remembered: it may be on a disk that is not connected. check: called before each of them,
        raises what ends it.
        """
        self.problems = []
        found: list[Entry] = []
        for path in self._shipped_files():
            check()
            self._list(path, True, found)
        for path in self._added_files() if added else []:
            check()
            if os.path.exists(path):
                self._list(path, False, found)
        self.listed = sorted(found, key=_order)
        return list(self.listed)

    def find(self, name_or_path: str) -> Entry:
        """A model by its name in the catalog, or any checkpoint or folder of a model by its path.

        Where names collide the shipped model wins; the other can be had by its path. Raises InputError with the known
        names for an unknown one; FileError and CheckpointError for a path, as ``read_header``.
        """
        entries = self.entries()
        named = [entry for entry in entries if entry.header.name == name_or_path]
        if named:
            return next((entry for entry in named if entry.shipped), named[0])
        path = Path(name_or_path)
        if path.suffix == SUFFIX or (name_or_path and os.path.exists(path)):
            return self._entry_at(path, entries)
        names = sorted({entry.header.name for entry in entries})
        near = difflib.get_close_matches(name_or_path, names, 1)
        suggestion = f"did you mean {near[0]}? " if near else ""
        known = f"known models: {', '.join(names)}" if names else "the catalog is empty"
        paths = f"the path of a {SUFFIX} file, or of the folder of a Hugging Face model"
        raise InputError(f"no model {name_or_path!r}; {suggestion}{known}; or give {paths}")

    def listed_as(self, name: str) -> Entry | None:
        """The model that ``find`` finds by its name, or by the path it has in the list, of those that are listed."""
        named = [entry for entry in self.listed if name in (entry.header.name, str(entry.path))]
        return next((entry for entry in named if entry.shipped), named[0] if named else None)

    def add(self, path: Path, check: Check = wanted) -> Entry:
        """Adds a checkpoint to the list and remembers it. check: see ``entries``.

        Raises FileError and CheckpointError as ``read_header``; FileError too if it cannot be remembered, and then it
        is listed until the program ends.
        """
        entry = self._entry_at(path, self.entries(check=check))
        if entry not in self.listed:
            self.listed = sorted([*self.listed, entry], key=_order)
        if not entry.shipped:
            added = self._added_or_nothing()
            if entry.path not in added:
                self._remember([*added, entry.path])
        return entry

    def remove(self, path: Path) -> None:
        """Takes an added checkpoint off the list; the file stays. Raises InputError if it was not added."""
        path = _absolute(path)
        added = self._added_or_nothing()
        if path not in added:
            raise InputError(f"{path} is not among the models that were added")
        self.listed = [entry for entry in self.listed if entry.path != path]
        self._remember([other for other in added if other != path])

    def match(self, reference: ModelReference, check: Check = wanted) -> Entry | None:
        """The model that made a take: of the same chain, conditions and weights, or at least of the same name.

        The latter shows the take but need not reproduce it: see ``ModelReference.walks_as``. Reads whole checkpoints,
        once while they stay as they are, beginning with those of that name; as in ``find``, shipped ones come first.
        Raises what the check does, see ``weights_hash``.
        """
        entries = self.entries(check=check)
        entries.sort(key=lambda entry: (entry.header.name != reference.name, not entry.shipped))
        for entry in entries:
            header = entry.header
            same_chain = (header.chain, header.factors) == (reference.chain, reference.factors)
            if same_chain and self._weights(entry.path, check) == reference.weights:
                return entry
        for entry in entries:
            header = entry.header
            if (header.name, header.chain, header.factors) == (reference.name, reference.chain, reference.factors):
                return entry
        return None

    def _shipped_files(self) -> list[Path]:
        folder = self.shipped / "checkpoints"
        # A name with a dot in front is a file that is being written.
        return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))

    def _list(self, path: Path, shipped: bool, found: list[Entry]) -> None:
        try:
            found.append(self._entry(path, shipped))
        except (FileError, CheckpointError) as error:
            self.problems.append((path, str(error)))

    def _entry(self, path: Path, shipped: bool) -> Entry:
        cards = self.shipped / "cards" if shipped else path.parent

        def beside(suffix: str) -> Path | None:
            file = cards / f"{path.stem}{suffix}"
            return file if os.path.isfile(file) else None

        return Entry(
            read_header(path), path, shipped, card=beside(".md"), thumbnail=beside(".png"), code_map=beside(".map.json")
        )

    def _entry_at(self, path: Path, entries: list[Entry]) -> Entry:
        """The entry of a file or folder, which may be one of the catalog or any other."""
        path = folder_of(_absolute(path))
        known = next((entry for entry in entries if entry.path == path), None)
        return known or self._entry(path, False)

    def _weights(self, path: Path, check: Check) -> str | None:
        try:
            key = path, _stamp(path)
            if key not in self._hashes:
                self._hashes[key] = weights_hash(path, check)
            return self._hashes[key]
        except (OSError, FileError, CheckpointError):
            return None

    def _added_file(self) -> Path:
        assert self.user is not None
        return self.user / ADDED_FILE

    def _added_files(self) -> list[Path]:
        """What was added; none, and a problem, where the list of it cannot be read."""
        try:
            return self._added()
        except (FileError, InputError) as error:
            self.problems.append((self._added_file(), str(error)))
            return []

    def _added(self) -> list[Path]:
        """Raises FileError or InputError for a list that cannot be read."""
        if self.user is None or self._unsaved:
            return self._unsaved
        file = self._added_file()
        try:
            # A pipe might never end.
            paths = json.loads(file.read_text(encoding="utf-8")) if file.is_file() or not file.exists() else None
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FileError(f"cannot read {file}: {reason(error)}") from None
        except (ValueError, RecursionError):
            paths = None
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise InputError(f"{file} is not a list of added models; adding one begins a new list")
        return [Path(path) for path in paths]

    def _added_or_nothing(self) -> list[Path]:
        """A damaged list is begun anew; one that cannot be read is not overwritten."""
        try:
            return self._added()
        except InputError:
            return []

    def _remember(self, paths: list[Path]) -> None:
        self._unsaved = paths
        if self.user is not None:
            write_atomically(self._added_file(), json.dumps([str(path) for path in paths], indent=1).encode())
            self._unsaved = []


def _stamp(path: Path) -> Stamp:
    """What changes when a checkpoint does, be it a file or a folder. Raises OSError and FileError."""
    if path.is_dir():
        return stamp(path)
    status = path.stat()
    return ((path.name, status.st_mtime_ns, status.st_size),)


def _absolute(path: Path) -> Path:
    """Links stay links, so that one which is pointed elsewhere goes on meaning what the user meant."""
    return Path(os.path.abspath(path))


# --- families --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Family:
    """Models that pay the same price for their conditionals.

    since: the year of the first of them. about: one line for people who meet it for the first time. architectures:
    those that come along, the oldest first.
    """

    name: str
    since: int | None
    about: str
    architectures: tuple[str, ...] = ()


FAMILIES = (
    Family(
        "tabular",
        None,
        "One table per conditional, with a row for every past: any joint, at an exponential price",
        ("tabular",),
    ),
    Family("linear", 1927, "One regression per conditional, on what came before", ("linear_autoregression", "fvbn")),
    Family(
        "neural",
        1999,
        "One network whose hidden units all conditionals share",
        ("nade", "orderless_nade", "made"),
    ),
    Family(
        "recurrent",
        2016,
        "A recurrent network (PixelRNN): its state walks over the data and carries along what it needs of the past",
        ("row_lstm", "diagonal_bilstm", "multiscale_pixel_rnn"),
    ),
    Family(
        "masked convolution",
        2016,
        "The same few weights at every pixel, masked or shifted so that they only look back",
        ("pixelcnn", "gated_pixelcnn", "pixelcnn_autoencoder", "pixelcnn_pp", "video_pixel_network"),
    ),
    Family(
        "dilated convolution",
        2016,
        "Convolutions with ever wider gaps: thousands of steps back in a few layers",
        ("wavenet", "bytenet"),
    ),
    Family(
        "attention",
        2017,
        "Every step looks at all earlier ones and weighs them by what they hold",
        ("transformer", "translation_transformer", "gpt2"),
    ),
)
"""From the plainest on, as the field went; families of plug-ins follow by name."""

_OF_ARCHITECTURE = {architecture: family for family in FAMILIES for architecture in family.architectures}
_BY_NAME = {family.name: family for family in FAMILIES}


def family_of(header: CheckpointHeader) -> Family:
    """Where a model belongs: by its architecture if that came along, since a checkpoint may be older than the table.

    Else by what the checkpoint says, in words that nobody may know.
    """
    known = _OF_ARCHITECTURE.get(header.architecture) or _BY_NAME.get(header.family)
    return known or Family(header.family, None, "")


def _order(entry: Entry) -> tuple[str, int, str, int, str, str]:
    """By modality, family, age of the architecture and title."""
    header = entry.header
    family = family_of(header)
    place = FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)
    known = header.architecture in family.architectures
    age = family.architectures.index(header.architecture) if known else len(family.architectures)
    return header.chain.modality, place, family.name, age, header.title.casefold(), str(entry.path)
