"""The map of a model's code, which lies beside its card: what is drawn where, and where the codes of images lie."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from PySide6.QtGui import QImage, QImageReader

from models.catalog import Entry
from models.condition import Vector
from models.errors import InputError

LARGEST_FILE = 2**20
"""Bytes of JSON: some thousand codes."""
LARGEST_SIDE = 4096
"""Of the picture, in pixels."""
LONGEST_NAME = 80
"""Characters of the name of a class."""


class Place(NamedTuple):
    """The code of a real image, and its class where the data told one."""

    x: float
    y: float
    name: str | None


@dataclass(frozen=True)
class CodeMap:
    """picture: fills the square -1 … 1, y pointing up."""

    picture: QImage
    places: tuple[Place, ...]

    @property
    def names(self) -> list[str]:
        """The classes, in the order of their names."""
        return sorted({place.name for place in self.places if place.name is not None})


def code_map(entry: Entry, factor: Vector) -> CodeMap | None:
    """The map of a factor of a model; None where there is none, or none that can be read.

    See ``models.evaluation.code_map``, which makes them.
    """
    if entry.code_map is None:
        return None
    try:
        places = _places(entry.code_map, factor.name)
    except (OSError, ValueError, RecursionError, InputError):
        return None
    reader = QImageReader(str(entry.code_map.with_suffix(".png")), b"png")
    size = reader.size()
    if not size.isValid() or max(size.width(), size.height()) > LARGEST_SIDE:
        return None
    picture = reader.read()
    return None if picture.isNull() else CodeMap(picture, places)


def _places(path: Path, factor: str) -> tuple[Place, ...]:
    """Raises OSError, ValueError, RecursionError or InputError for a file that is no map of this factor."""
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    table = json.loads(content) if len(content) <= LARGEST_FILE else None
    codes = table.get("codes") if isinstance(table, dict) and table.get("factor") == factor else None
    if not isinstance(codes, list) or not all(map(_is_place, codes)):
        raise InputError(f"{path} is no map of {factor}")
    return tuple(Place(*code) for code in codes)


def _is_place(code: Any) -> bool:
    if not isinstance(code, list) or len(code) != 3:
        return False
    *point, name = code
    inside = all(type(number) in (int, float) and -1 <= number <= 1 for number in point)
    return inside and (name is None or (isinstance(name, str) and len(name) <= LONGEST_NAME))
