"""What undo and redo bring back, and where they lead."""

from __future__ import annotations

import shutil
from pathlib import Path

from pytestqt.qtbot import QtBot

from models.condition import Category
from models.trace import Take
from studio.looking import Pointer
from studio.state import Activity, Studio
from tests.studio.conftest import IMAGE, SOUND, chosen_model, finish, load, open_model
from tests.studio.doing import FAST, generate, place_of, shows


def test_undo_and_redo_move_between_branches_and_lose_nothing(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    image_studio.editing.put_value(3, Pointer(0, 10))
    qtbot.waitUntil(lambda: not image_studio.running)
    image_studio.undo_stack.undo()
    assert take.samples[0].current == 0
    assert image_studio.take is take
    image_studio.undo_stack.redo()
    assert take.samples[0].current == 1
    assert take.samples[0].trace.symbols[10] == 3


def test_a_drag_of_a_slider_is_one_undo_step(image_studio: Studio, qtbot: QtBot) -> None:
    for value in (0.9, 0.8, 0.7):
        image_studio.reshape(drag=1, temperature=value)
    image_studio.reshape(drag=2, top_p=0.5)
    image_studio.undo_stack.undo()
    assert image_studio.settings.shaping.top_p == 1.0  # type: ignore[union-attr]
    image_studio.undo_stack.undo()
    assert image_studio.settings.shaping.temperature == 1.0  # type: ignore[union-attr]


def test_a_drag_that_goes_on_over_another_model_is_a_step_of_its_own(image_studio: Studio, qtbot: QtBot) -> None:
    first = chosen_model(image_studio)
    image_studio.reshape(drag=1, temperature=0.5)
    load(image_studio, qtbot, SOUND)
    image_studio.reshape(drag=1, temperature=0.7)
    image_studio.undo_stack.undo_in_turn()
    assert chosen_model(image_studio) == SOUND
    assert image_studio.settings.shaping.temperature == 1.0  # type: ignore[union-attr]
    image_studio.undo_stack.undo_in_turn()
    qtbot.waitUntil(lambda: chosen_model(image_studio) == first)
    assert image_studio.settings.shaping.temperature == 1.0  # type: ignore[union-attr]


def test_a_deleted_take_comes_back_by_undo(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 1)
    (entry,) = image_studio.profile.history()
    image_studio.delete_take(entry.id)
    assert image_studio.profile.history() == []
    assert image_studio.take is None
    image_studio.undo_stack.undo()
    assert [e.id for e in image_studio.profile.history()] == [entry.id]


def test_a_condition_chosen_just_after_the_sound_being_drawn_was_deleted_is_only_a_setting(
    sound_studio: Studio, qtbot: QtBot
) -> None:
    assert sound_studio.settings is not None
    condition = sound_studio.settings.condition
    assert sound_studio.loaded is not None
    changed = next(
        {**condition, factor.name: label}
        for factor in sound_studio.loaded.reference.factors
        if isinstance(factor, Category)
        for label in factor.choices
        if label != condition[factor.name]
    )
    sound_studio.change("slowly", pace=1.0, limit=4000)
    sound_studio.begin()
    qtbot.waitUntil(lambda: sound_studio.frontier > 0)
    assert sound_studio.take is not None
    sound_studio.delete_take(sound_studio.take.id)
    sound_studio.change("another", condition=changed)
    assert sound_studio.take is None
    sound_studio.undo_stack.undo()
    assert sound_studio.settings.condition == condition
    qtbot.waitUntil(lambda: sound_studio.activity is Activity.IDLE)


def test_a_setting_of_a_model_that_is_gone_is_not_undone_elsewhere(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    assert image_studio.entry is not None
    own = tmp_path / "own.safetensors"
    shutil.copy(image_studio.entry.path, own)
    open_model(image_studio, qtbot, own)
    image_studio.reshape(temperature=0.5)
    load(image_studio, qtbot, IMAGE)
    image_studio.reshape(temperature=0.7)
    own.unlink()
    image_studio.undo_stack.undo()
    with qtbot.waitSignal(image_studio.message, check_params_cb=lambda text: "is gone" in text):
        image_studio.undo_stack.undo()
    assert not image_studio.undo_stack.canUndo()
    assert image_studio.settings is not None
    assert (chosen_model(image_studio), image_studio.settings.shaping.temperature) == (IMAGE, 1.0)


def test_a_setting_of_a_model_that_is_damaged_now_is_not_undone_elsewhere(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    assert image_studio.entry is not None
    image_studio.change("count", count=3)
    own = tmp_path / "own.safetensors"
    shutil.copy(image_studio.entry.path, own)
    open_model(image_studio, qtbot, own)
    image_studio.change("count", count=5)
    load(image_studio, qtbot, IMAGE)
    settings = image_studio.settings
    own.write_bytes(b"junk")
    with qtbot.waitSignal(image_studio.error):
        image_studio.undo_stack.undo()
    assert (chosen_model(image_studio), image_studio.settings) == (IMAGE, settings)
    assert image_studio.undo_stack.undoText() == "count of Tiny Pixelcnn"


def test_undo_passes_over_what_a_take_that_was_shown_again_has_undone(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    image_studio.change("pace", pace=5000.0)
    image_studio.reshape(temperature=0.5)
    image_studio.begin()
    finish(image_studio, qtbot)
    image_studio.opening.open_history(take.id)
    qtbot.waitUntil(lambda: image_studio.take is take)
    assert image_studio.settings is not None
    assert (image_studio.settings.shaping.temperature, image_studio.settings.pace) == (1.0, 5000.0)
    image_studio.undo_stack.undo_in_turn()
    assert image_studio.settings.pace == FAST


def test_a_take_gone_back_to_is_the_one_that_undo_knows(image_studio: Studio, qtbot: QtBot) -> None:
    """Undo must not write an older copy of a take over what was made since."""
    generate(image_studio, qtbot)
    first = image_studio.take
    assert first is not None
    image_studio.editing.put_value(3, Pointer(0, 10))
    qtbot.waitUntil(lambda: not image_studio.running)
    generate(image_studio, qtbot)
    image_studio.opening.open_history(first.id)
    qtbot.waitUntil(lambda: image_studio.take is first)
    image_studio.editing.put_value(4, Pointer(0, 12))
    qtbot.waitUntil(lambda: not image_studio.running)
    for _ in range(2):
        image_studio.undo_stack.undo()
    image_studio.close()
    assert len(image_studio.profile.load_take(first.id).samples[0].branches) == 3


def test_undoing_a_setting_leaves_the_others_as_they_are(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.reshape(temperature=0.5)
    generate(image_studio, qtbot)
    seed = image_studio.settings.seed  # type: ignore[union-attr]
    image_studio.undo_stack.undo()  # the pace
    image_studio.undo_stack.undo()  # the temperature
    assert image_studio.settings.seed == seed  # type: ignore[union-attr]
    assert image_studio.settings.shaping.temperature == 1.0  # type: ignore[union-attr]


def test_undoing_the_dice_gives_back_a_random_seed(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    image_studio.roll_seed()
    assert image_studio.keeps_seed
    image_studio.undo_stack.undo()
    assert not image_studio.keeps_seed


def test_undoing_a_deletion_gives_back_what_was_drawn_since_the_last_save(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=40.0)
    image_studio.begin()
    take = image_studio.take
    assert take is not None
    qtbot.waitUntil(lambda: image_studio.frontier >= 5)
    name, drawn = take.id, image_studio.frontier
    image_studio.delete_take(name)
    del take
    generate(image_studio, qtbot)
    image_studio.undo_stack.undo()
    image_studio.undo_stack.undo()
    image_studio.opening.open_history(name)
    qtbot.waitUntil(lambda: image_studio.take is not None and image_studio.take.id == name)
    assert image_studio.frontier >= drawn


def test_undo_and_redo_of_an_edit_show_the_take_the_sample_and_the_step_of_it(
    image_studio: Studio, qtbot: QtBot
) -> None:
    generate(image_studio, qtbot, count=3)
    edited = image_studio.take
    assert edited is not None
    image_studio.editing.put_value(3, Pointer(2, 10))
    finish(image_studio, qtbot)
    generate(image_studio, qtbot, count=1)
    for step in (image_studio.undo_stack.undo, image_studio.undo_stack.undo):  # the count, then the edit
        step()
    qtbot.waitUntil(shows(image_studio, edited))
    assert edited.samples[2].current == 0
    assert place_of(image_studio) == (2, 10, False)
    image_studio.looking.select(0)
    image_studio.looking.follow()
    image_studio.undo_stack.redo()
    assert edited.samples[2].current == 1
    assert place_of(image_studio) == (2, 10, False)


def test_undo_of_an_edit_of_another_model_s_take_brings_that_model_back(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    edited = image_studio.take
    assert edited is not None
    image_studio.editing.put_value(3, Pointer(0, 10))
    finish(image_studio, qtbot)
    load(image_studio, qtbot, SOUND)
    assert image_studio.take is None
    with qtbot.waitSignal(image_studio.message) as said:
        image_studio.undo_stack.undo_in_turn()
    assert said.args == ["Undone: put a value. Tiny Pixelcnn is chosen again."]
    qtbot.waitUntil(shows(image_studio, edited))
    assert chosen_model(image_studio) == IMAGE
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE, timeout=20_000)
    assert (edited.samples[0].current, image_studio.looking.cursor) == (0, 10)


def test_undo_of_a_setting_tells_models_of_one_name_apart(image_studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    assert image_studio.entry is not None
    shutil.copy(image_studio.entry.path, own)
    load(image_studio, qtbot, str(own))
    image_studio.reshape(temperature=0.5)
    load(image_studio, qtbot, IMAGE)
    image_studio.undo_stack.undo()
    assert image_studio.entry is not None
    assert image_studio.entry.path == own


def test_undo_of_another_model_s_setting_chooses_that_model(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.reshape(temperature=0.5)
    load(image_studio, qtbot, SOUND)
    image_studio.reshape(temperature=0.7)
    image_studio.undo_stack.undo()
    assert chosen_model(image_studio) == SOUND
    image_studio.undo_stack.undo()
    assert chosen_model(image_studio) == IMAGE
    assert image_studio.settings is not None
    assert image_studio.settings.shaping.temperature == 1.0
    image_studio.undo_stack.redo()
    image_studio.undo_stack.redo()
    assert chosen_model(image_studio) == SOUND
    assert image_studio.settings.shaping.temperature == 0.7
    assert image_studio.profile.model_settings(IMAGE)["shaping"]["temperature"] == 0.5
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE, timeout=20_000)


def test_undo_waits_for_what_the_undo_before_it_has_yet_to_show(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.reshape(temperature=0.5)
    generate(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 1)
    image_studio.change("pace", pace=20.0)
    image_studio.delete_take(take.id)
    for _ in range(4):  # the deletion, two of the pace, the temperature
        image_studio.undo_stack.undo_in_turn()
    qtbot.waitUntil(shows(image_studio, take))
    qtbot.waitUntil(lambda: image_studio.settings.shaping.temperature == 1.0)  # type: ignore[union-attr]
    assert not image_studio.undo_stack.canUndo()
    qtbot.wait(50)
    assert image_studio.settings.shaping.temperature == 1.0, "and not as the take has it, which came last"  # type: ignore[union-attr]


def test_undo_goes_on_when_what_it_waited_for_cannot_be_read(image_studio: Studio, qtbot: QtBot) -> None:
    def fail() -> Take:
        raise MemoryError

    image_studio.reshape(temperature=0.5)
    with qtbot.waitSignal(image_studio.error):
        image_studio.reader.read_take(fail, image_studio.show_take)
        image_studio.undo_stack.undo_in_turn()
        assert image_studio.settings.shaping.temperature == 0.5  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: image_studio.settings.shaping.temperature == 1.0)  # type: ignore[union-attr]


def test_undo_that_leads_to_another_model_says_so(image_studio: Studio, qtbot: QtBot) -> None:
    said: list[str] = []
    image_studio.message.connect(said.append)
    image_studio.reshape(temperature=0.5)
    image_studio.reshape(temperature=0.6)
    image_studio.undo_stack.undo_in_turn()
    assert said == [], "what changes before one's eyes needs no words"
    load(image_studio, qtbot, SOUND)
    image_studio.undo_stack.undo_in_turn()
    assert said[-1] == "Undone: temperature of Tiny Pixelcnn. That model is chosen again."
    load(image_studio, qtbot, SOUND)
    image_studio.undo_stack.redo_in_turn()
    assert said[-1] == "Redone: temperature of Tiny Pixelcnn. That model is chosen again."
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE, timeout=20_000)


def test_a_setting_undone_right_after_an_edit_of_another_take_stays_undone(image_studio: Studio, qtbot: QtBot) -> None:
    image_studio.change("pace", pace=FAST)
    image_studio.reshape(temperature=0.5)
    generate(image_studio, qtbot)
    edited = image_studio.take
    assert edited is not None
    image_studio.editing.put_value(3, Pointer(0, 10))
    finish(image_studio, qtbot)
    generate(image_studio, qtbot)
    image_studio.undo_stack.undo()
    image_studio.undo_stack.undo()
    qtbot.waitUntil(shows(image_studio, edited))
    assert image_studio.settings is not None
    assert image_studio.settings.shaping.temperature == 1.0


def test_an_edit_undone_where_it_was_pinned_keeps_the_pin(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot)
    image_studio.looking.pin(Pointer(0, 7))
    image_studio.editing.put_value(3)
    finish(image_studio, qtbot)
    image_studio.undo_stack.undo()
    assert image_studio.looking.pinned == Pointer(0, 7)


def test_undoing_the_deletion_of_what_was_shown_shows_it_again(image_studio: Studio, qtbot: QtBot) -> None:
    generate(image_studio, qtbot, count=2)
    first = image_studio.take
    assert first is not None
    image_studio.looking.select(1)
    image_studio.looking.move_cursor(5)
    qtbot.waitUntil(lambda: len(image_studio.profile.history()) == 1)
    image_studio.delete_take(first.id)
    image_studio.undo_stack.undo()
    qtbot.waitUntil(shows(image_studio, first))
    assert place_of(image_studio) == (1, 5, False)
    generate(image_studio, qtbot)
    second = image_studio.take
    image_studio.delete_take(first.id)
    image_studio.undo_stack.undo()
    qtbot.wait(100)
    assert image_studio.take is second, "one that was not shown just comes back to the list"
