"""What tests of the studio do again and again."""

from __future__ import annotations

import math
from collections.abc import Callable

from pytestqt.qtbot import QtBot

from models.trace import Take
from studio.state import Studio
from tests.studio.conftest import finish

FAST = math.inf


def generate(studio: Studio, qtbot: QtBot, **settings: object) -> None:
    studio.change("test", pace=FAST, **settings)
    studio.begin()
    finish(studio, qtbot)


def place_of(studio: Studio) -> tuple[int, int, bool]:
    return studio.looking.selected, studio.looking.cursor, studio.looking.following


def shows(studio: Studio, take: Take) -> Callable[[], bool]:
    return lambda: studio.take is take
