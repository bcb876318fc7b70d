"""Images that are drawn along a hand: what they show, what is kept of them, what undo does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from models.errors import FileError
from models.sweep import Seeds
from models.trace import Take
from studio.drawing_along import REST_MS
from studio.looking import Pointer
from studio.state import Activity, Studio
from tests.studio.conftest import DIGIT, IMAGE, SOUND, chosen_model, finish, load
from tests.studio.doing import FAST, generate


def refused(take: Take) -> int:
    raise FileError("there is no room")


def test_what_is_drawn_along_a_hand_has_the_noise_of_what_was_shown(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    first = image_studio.take
    assert first is not None
    image_studio.looking.pin(Pointer(0, 5))
    image_studio.change("pace", pace=1.0)
    image_studio.change("digit", drag=1, condition={"digit": DIGIT.values[-1]})
    image_studio.drawing_along.draw()
    finish(image_studio, qtbot)
    along = image_studio.take
    assert along is not None
    assert along is not first
    assert along.traces[0].segment.condition == {"digit": DIGIT.values[-1]}
    assert along.traces[0].segment.seed == first.traces[0].segment.seed
    assert image_studio.looking.pinned == Pointer(0, 5)
    assert image_studio.settings.pace == 1.0  # type: ignore[union-attr]


def test_what_a_hand_only_passes_is_not_kept_and_where_it_rests_is(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    assert image_studio.take is not None
    takes, passed = {image_studio.take.id}, set()
    for digit in DIGIT.values:
        image_studio.change("digit", drag=1, condition={"digit": digit})
        image_studio.drawing_along.draw()
        finish(image_studio, qtbot)
        assert image_studio.take is not None
        passed.add(image_studio.take.id)
    takes.add(image_studio.take.id)
    qtbot.waitUntil(lambda: {entry.id for entry in image_studio.profile.history()} == takes)
    assert len(passed - takes) == 2


def test_a_drag_that_halts_leaves_one_image_behind(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    held = QWidget()
    qtbot.addWidget(held)
    held.show()
    qtbot.waitExposed(held)
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 1)
    qtbot.mousePress(held, Qt.MouseButton.LeftButton)
    for digit in DIGIT.values:
        image_studio.change("digit", drag=1, condition={"digit": digit})
        image_studio.drawing_along.draw()
        finish(image_studio, qtbot)
        qtbot.wait(REST_MS + 100)
        assert len(image_studio.profile.history()) == 1
    qtbot.mouseRelease(held, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 2)
    assert image_studio.drawing_along.passing is None


def test_a_hand_that_moves_on_while_an_image_is_drawn_gets_the_last_place(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("slow", engine="reference")
    for digit in DIGIT.values:
        image_studio.change("digit", drag=1, condition={"digit": digit})
        image_studio.drawing_along.draw()

    def drawn_last() -> bool:
        take = image_studio.take
        return take is not None and take.finished and take.traces[0].segment.condition == {"digit": DIGIT.values[-1]}

    qtbot.waitUntil(drawn_last, timeout=20_000)


def test_undo_of_a_drag_shows_what_was_shown_before_it_and_redo_what_it_drew(
    image_studio: Studio, qtbot: QtBot
) -> None:
    generate(image_studio, qtbot)
    shown = [image_studio.take]
    for drag, digits in ((1, DIGIT.values[:2]), (2, DIGIT.values[1:])):
        for digit in digits:
            image_studio.change("digit", drag=drag, condition={"digit": digit})
            image_studio.drawing_along.draw(drag)
            finish(image_studio, qtbot)
        shown.append(image_studio.take)
    kept = {take.id for take in shown if take is not None}
    for move, number in (("undo", 1), ("undo", 0), ("redo", 1), ("redo", 2)):
        getattr(image_studio.undo_stack, move)()
        assert image_studio.take is shown[number]
        assert not image_studio.running
    image_studio.drawing_along.keep()
    qtbot.waitUntil(lambda: {entry.id for entry in image_studio.profile.history()} == kept)


def test_undo_of_a_drag_in_another_model_brings_model_and_image_back(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    before = image_studio.take
    image_studio.change("digit", drag=1, condition={"digit": DIGIT.values[-1]})
    image_studio.drawing_along.draw(1)
    finish(image_studio, qtbot)
    load(image_studio, qtbot, SOUND)
    image_studio.undo_stack.undo()
    assert image_studio.take is before
    assert chosen_model(image_studio) == IMAGE
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE)


def test_what_a_drag_drew_is_not_shown_again_once_it_is_deleted(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    before = image_studio.take
    image_studio.change("digit", drag=1, condition={"digit": DIGIT.values[-1]})
    image_studio.drawing_along.draw(1)
    finish(image_studio, qtbot)
    along = image_studio.take
    assert before is not None
    image_studio.drawing_along.keep()
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 2)
    image_studio.remove_take(before.id)
    image_studio.undo_stack.undo()
    assert image_studio.take is along


def test_undo_of_a_condition_leaves_an_image_alone_that_was_asked_for(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    image_studio.change("digit", condition={"digit": DIGIT.values[-1]})
    image_studio.undo_stack.undo()
    assert image_studio.take is take
    assert not image_studio.running


def begin_slowly(studio: Studio, qtbot: QtBot, steps: int = 5) -> Take:
    """A walk that is under way, and stays so for a while."""
    studio.change("pace", pace=20.0)
    studio.begin()
    qtbot.waitUntil(lambda: studio.frontier >= steps)
    assert studio.take is not None
    return studio.take


def move_hand(studio: Studio, digit: str, drag: int = 1) -> None:
    studio.change("digit", drag=drag, condition={"digit": digit})
    studio.drawing_along.draw(drag)


def test_an_image_that_is_being_drawn_follows_the_hand_and_goes_on(image_studio: Studio, qtbot: QtBot) -> None:
    begun = begin_slowly(image_studio, qtbot)
    met = begun.frontier
    move_hand(image_studio, "2")
    along = image_studio.take
    assert along is not None
    assert along is not begun
    assert (along.traces[0].segment.condition, along.seed) == ({"digit": "2"}, begun.seed)
    qtbot.waitUntil(lambda: along.frontier >= met)
    assert begun.frontier <= met + 2, "it was left where the hand met it"
    assert along.frontier < along.limit, "it goes on at the pace that it had, and not at once"
    qtbot.waitUntil(lambda: along.frontier > met + 2)
    assert image_studio.running
    assert image_studio.take is along
    image_studio.undo_stack.undo()
    assert image_studio.take is begun
    image_studio.change("pace", pace=FAST)
    image_studio.go_on()
    finish(image_studio, qtbot)
    saved = {begun.id, along.id}
    qtbot.waitUntil(lambda: {entry.id for entry in image_studio.profile.history()} == saved)


def test_what_a_hand_passes_while_it_is_drawn_is_not_kept(image_studio: Studio, qtbot: QtBot) -> None:
    begun = begin_slowly(image_studio, qtbot)
    passed = set()
    for digit in ("2", "1", "2", "0"):
        move_hand(image_studio, digit)
        qtbot.waitUntil(lambda digit=digit: image_studio.take.samples[0].trace.segment.condition == {"digit": digit})  # type: ignore[union-attr]
        qtbot.waitUntil(lambda: not image_studio.drawing_along.drawing)
        assert image_studio.take is not None
        passed.add(image_studio.take.id)
    last = image_studio.take
    assert last is not None
    image_studio.change("pace", pace=FAST)
    finish(image_studio, qtbot)
    assert len(passed) == 4
    qtbot.waitUntil(lambda: {entry.id for entry in image_studio.profile.history()} == {begun.id, last.id})
    qtbot.waitUntil(lambda: len(image_studio.profile.load_take(last.id).traces[0]) == last.limit)


def test_a_hand_that_moves_on_in_mid_walk_gets_the_last_place(image_studio: Studio, qtbot: QtBot) -> None:
    begin_slowly(image_studio, qtbot)
    for digit in ("2", "1", "0", "2"):
        move_hand(image_studio, digit)
    image_studio.change("pace", pace=FAST)

    def drawn_last() -> bool:
        take = image_studio.take
        return take is not None and take.finished and take.traces[0].segment.condition == {"digit": "2"}

    qtbot.waitUntil(drawn_last, timeout=20_000)


def test_an_image_that_is_paused_half_way_follows_the_hand_as_far_as_it_was_drawn(
    image_studio: Studio, qtbot: QtBot
) -> None:
    begun = begin_slowly(image_studio, qtbot)
    image_studio.pause()
    move_hand(image_studio, "2")  # before the walk has heard of it
    qtbot.waitUntil(lambda: image_studio.take is not begun and not image_studio.running)
    assert image_studio.take is not None
    assert 5 <= image_studio.frontier <= begun.frontier
    drawn = image_studio.frontier
    move_hand(image_studio, "1")
    qtbot.waitUntil(lambda: not image_studio.running)
    assert image_studio.frontier == drawn
    assert image_studio.can_go_on


def test_a_pause_ends_what_a_hand_would_have_gone_on_with(image_studio: Studio, qtbot: QtBot) -> None:
    begin_slowly(image_studio, qtbot)
    move_hand(image_studio, "2")
    move_hand(image_studio, "1")
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    drawn = image_studio.frontier
    qtbot.wait(150)
    assert (image_studio.running, image_studio.frontier) == (False, drawn)


def test_a_step_that_a_hand_meets_goes_no_further_than_it_would_have(image_studio: Studio, qtbot: QtBot) -> None:
    begin_slowly(image_studio, qtbot)
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    image_studio.step_by(3)
    heading = image_studio.walking_until
    move_hand(image_studio, "2")
    qtbot.waitUntil(lambda: not image_studio.running)
    assert image_studio.frontier == heading


def test_a_hand_leaves_alone_what_the_settings_would_not_draw_again(image_studio: Studio, qtbot: QtBot) -> None:
    begun = begin_slowly(image_studio, qtbot)
    image_studio.editing.put_value(3, Pointer(0, 2))
    move_hand(image_studio, "2")
    assert image_studio.take is begun
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    image_studio.sweep(Seeds((1, 2)))
    swept = image_studio.take
    move_hand(image_studio, "1")
    assert image_studio.take is swept
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)


def test_what_was_drawn_along_is_kept_when_the_program_ends_at_once(
    image_studio: Studio, make_studio: Callable[[], Studio], qtbot: QtBot
) -> None:
    image_studio.drawing_along.draw()
    finish(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    image_studio.close()
    assert [entry.id for entry in make_studio().profile.history()] == [take.id]


def test_what_a_hand_has_just_drawn_counts_among_what_is_not_saved(
    image_studio: Studio, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_studio.drawing_along.draw()
    finish(image_studio, qtbot)
    monkeypatch.setattr(image_studio.worker, "_save_take", refused)
    assert image_studio.take is not None
    assert [lost.take.id for lost in image_studio.unsaved()] == [image_studio.take.id]
    monkeypatch.undo()


def test_what_is_left_for_another_model_while_it_is_drawn_along_is_kept(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("slow", engine="reference")
    image_studio.drawing_along.draw()
    qtbot.waitUntil(lambda: image_studio.frontier > 0)
    left = image_studio.take
    assert left is not None
    load(image_studio, qtbot, SOUND)
    qtbot.waitUntil(lambda: left.id in {entry.id for entry in image_studio.profile.history()})
    load(image_studio, qtbot, IMAGE)
    assert image_studio.take is left
    image_studio.go_on()
    finish(image_studio, qtbot)
    image_studio.editing.put_value(3, Pointer(0, 5))
    finish(image_studio, qtbot)
    qtbot.waitUntil(lambda: len(image_studio.profile.load_take(left.id).samples[0].branches) == 2)


def test_what_was_drawn_along_is_kept_with_what_one_does_to_it(image_studio: Studio, qtbot: QtBot) -> None:
    for value in (3, 4):
        image_studio.drawing_along.draw()
        finish(image_studio, qtbot)
        take = image_studio.take
        assert take is not None
        image_studio.editing.put_value(value, Pointer(0, 5))
        finish(image_studio, qtbot)
        image_studio.drawing_along.draw()
        finish(image_studio, qtbot)
        assert image_studio.take is not take
        qtbot.waitUntil(lambda take=take: len(image_studio.profile.load_take(take.id).samples[0].branches) == 2)


def test_what_a_hand_only_passes_leaves_nothing_behind(image_studio: Studio, qtbot: QtBot) -> None:
    places = []
    for _ in range(3):
        image_studio.drawing_along.draw()
        finish(image_studio, qtbot)
        places.append(len(image_studio.looking.places))
    assert places[1] == places[2]


def test_a_locked_seed_holds_for_what_is_drawn_along(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    image_studio.set_seed(42)
    image_studio.drawing_along.draw()
    finish(image_studio, qtbot)
    assert (image_studio.shown_seed, image_studio.settings.seed) == (42, 42)  # type: ignore[union-attr]
