"""Loops, and two clips that are compared by ear."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from models.trace import Take
from studio.canvas.demo import DIGIT_CHAIN, SPEECH_CHAIN, empty_take, grow, hum
from studio.listening import NOTHING_HELD, ONLY_B
from studio.sound import SoundPlayer
from studio.state import Activity, Studio
from tests.studio.conftest import finish


def drawn(count: int = 1, steps: int = 4000) -> Take:
    take = empty_take(SPEECH_CHAIN, count, 8000)
    for n, trace in enumerate(take.traces):
        grow(trace, hum(SPEECH_CHAIN, steps, n), SPEECH_CHAIN)
        trace.finished = True
    return take


def said_of(studio: Studio) -> list[str]:
    said: list[str] = []
    studio.message.connect(said.append)
    return said


# --- loop ------------------------------------------------------------------------------------------------------------


def test_a_loop_is_what_there_is_of_it_in_the_clip_that_is_shown(idle: Studio) -> None:
    take = drawn(2)
    grow(take.traces[1], hum(SPEECH_CHAIN, 100, 7), SPEECH_CHAIN)
    idle.show_take(take)
    idle.listening.set_loop(3900, 4100)
    assert idle.listening.loop == range(3900, 4000)
    idle.looking.select(1)
    assert idle.listening.loop == range(3900, 4100)
    idle.listening.clear_loop()
    assert idle.listening.loop is None


def test_a_stop_symbol_is_not_played(idle: Studio) -> None:
    take = drawn(1, 100)
    grow(take.traces[0], np.array([256], np.int32), SPEECH_CHAIN)
    idle.show_take(take)
    idle.listening.set_loop(0, 101)
    assert idle.listening.loop == range(100)


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (9, 5), (-3, 8)])
def test_a_loop_of_nothing_leaves_it_as_it_was(idle: Studio, start: int, stop: int) -> None:
    idle.show_take(drawn())
    idle.listening.set_loop(100, 200)
    idle.listening.set_loop(start, stop)
    assert idle.listening.loop == range(100, 200)


def test_another_take_has_no_loop(idle: Studio) -> None:
    idle.show_take(drawn())
    idle.listening.set_loop(100, 200)
    idle.show_take(drawn())
    assert idle.listening.loop is None


# --- sides -----------------------------------------------------------------------------------------------------------


def test_b_is_what_is_held_and_a_what_was_shown_last_beside_it(idle: Studio) -> None:
    take = drawn(3)
    idle.show_take(take)
    listening = idle.listening
    listening.hold()
    assert listening.shows_b
    assert listening.other is None
    idle.looking.select(2)
    assert not listening.shows_b
    listening.switch()
    assert (idle.looking.selected, listening.shows_b) == (0, True)
    listening.switch()
    assert (idle.looking.selected, listening.shows_b) == (2, False)
    idle.looking.select(1)
    listening.switch()
    listening.switch()
    assert idle.looking.selected == 1


def test_where_there_is_nothing_to_switch_to_a_line_says_what_to_do(idle: Studio) -> None:
    said = said_of(idle)
    idle.show_take(drawn())
    idle.listening.switch()
    idle.listening.hold()
    idle.listening.switch()
    assert said == [NOTHING_HELD, ONLY_B]


def test_holding_b_again_lets_go_of_it(idle: Studio) -> None:
    idle.show_take(drawn())
    idle.listening.hold()
    idle.listening.hold()
    assert idle.listening.b is None


def test_hovering_does_not_announce_the_sides_again(idle: Studio) -> None:
    idle.show_take(drawn(2))
    idle.listening.hold()
    announced: list[int] = []
    idle.listening.sides_changed.connect(lambda: announced.append(1))
    idle.looking.selection_changed.emit()
    assert announced == []
    idle.looking.select(1)
    assert announced == [1]


def test_an_image_is_no_side(idle: Studio) -> None:
    idle.show_take(empty_take(DIGIT_CHAIN))
    idle.listening.hold()
    assert idle.listening.b is None


# --- heard -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def player(sound_studio: Studio) -> Iterator[SoundPlayer]:
    made = SoundPlayer(sound_studio)
    yield made
    made.close()
    made.deleteLater()


def make(studio: Studio, qtbot: QtBot, **settings: object) -> Take:
    studio.change("test", **{"limit": 1600, "pace": math.inf, "seed": 3, "seed_locked": True, **settings})
    studio.begin()
    finish(studio, qtbot)
    assert studio.take is not None
    return studio.take


def test_a_replay_stays_in_the_loop_until_that_is_cleared(player: SoundPlayer, qtbot: QtBot) -> None:
    studio = player.studio
    studio.show_take(drawn(steps=1600))
    start, stop = 200, 680
    studio.listening.set_loop(start, stop)
    heads: list[float] = []
    player.playhead_moved.connect(lambda head: heads.append(head) if head is not None else None)
    studio.looking.move_cursor(0)
    studio.replay.start()
    turns = 6
    qtbot.waitUntil(lambda: sum(b < a for a, b in itertools.pairwise(heads)) >= turns, timeout=10_000)
    assert studio.activity is Activity.REPLAYING
    assert all(start / 8000 <= head <= stop / 8000 for head in heads)
    studio.listening.clear_loop()
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=5000)


def test_the_other_side_plays_on_at_the_same_time(player: SoundPlayer, qtbot: QtBot) -> None:
    studio = player.studio
    first, second = drawn(steps=8000), drawn(steps=8000)
    studio.show_take(first)
    studio.listening.hold()
    studio.show_take(second)
    studio.listening.set_loop(400, 7990)
    studio.looking.move_cursor(400)
    studio.replay.start()
    heads: list[float] = []
    player.playhead_moved.connect(lambda head: heads.append(head) if head is not None else None)
    qtbot.waitUntil(lambda: bool(heads) and heads[-1] > 700 / 8000)
    loop = studio.listening.loop
    left_at = heads[-1]
    heads.clear()
    studio.listening.switch()
    qtbot.waitUntil(lambda: studio.take is first and bool(heads))
    assert studio.listening.shows_b
    assert studio.activity is Activity.REPLAYING
    assert heads[0] >= left_at - 0.01
    assert studio.listening.loop == loop
    studio.listening.switch()
    qtbot.waitUntil(lambda: studio.take is second)
    assert studio.activity is Activity.REPLAYING
    studio.pause()


def test_switching_in_silence_stays_silent(player: SoundPlayer, qtbot: QtBot) -> None:
    studio = player.studio
    first = make(studio, qtbot)
    studio.listening.hold()
    make(studio, qtbot, seed=4)
    player.stop()  # what was heard while it was drawn
    studio.listening.switch()
    qtbot.waitUntil(lambda: studio.take is first)
    assert studio.activity is Activity.IDLE


def test_the_settings_stay_when_the_other_side_is_shown(player: SoundPlayer, qtbot: QtBot) -> None:
    studio = player.studio
    first = make(studio, qtbot)
    studio.listening.hold()
    make(studio, qtbot, seed=4)
    studio.reshape(temperature=0.5)
    studio.listening.switch()
    qtbot.waitUntil(lambda: studio.take is first)
    assert studio.settings is not None
    assert studio.settings.shaping.temperature == 0.5


def test_a_take_that_was_deleted_is_no_side(player: SoundPlayer, qtbot: QtBot) -> None:
    studio = player.studio
    first = make(studio, qtbot)
    studio.listening.hold()
    make(studio, qtbot, seed=4)
    qtbot.waitUntil(lambda: first.id in {entry.id for entry in studio.profile.history()})
    studio.delete_take(first.id)
    assert studio.listening.b is None
