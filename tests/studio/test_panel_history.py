"""The history strip: newest first, opened by a click, deleted by a key, updated entry by entry."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from models.chain import GreyLevels, ImageChain, MuLaw, SoundChain
from models.condition import Category, Factor, Vector, complete
from models.shaping import NEUTRAL
from models.sweep import Axis, Temperatures, Values, sweep
from models.trace import ModelReference, new_take
from studio.export import ExportDialog
from studio.panels.history import ENTRY, PICTURE_ROLE, HistoryModel, HistoryStrip, caption, describe, made_at
from studio.profile import HistoryEntry
from studio.profile import describe as entry_of
from studio.state import Studio
from studio.thumbnail import sheet
from tests.studio.conftest import SOUND, finish, load

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def made_up(number: int) -> HistoryEntry:
    return HistoryEntry(
        f"2026010{number}T120000000000-abc",
        "Digits",
        "image",
        1,
        48,
        48,
        True,
        1,
        7,
        "digit 3; seed 7",
        "digit 3",
        "",
        PIXEL,
    )


def strip_of(studio: Studio, qtbot: QtBot) -> HistoryStrip:
    strip = HistoryStrip(studio)
    qtbot.addWidget(strip)
    strip.resize(600, 90)
    strip.show()
    return strip


def generate(studio: Studio, qtbot: QtBot) -> str:
    studio.change("test", pace=math.inf)
    studio.begin()
    finish(studio, qtbot)
    assert studio.take is not None
    take_id = studio.take.id
    qtbot.waitUntil(lambda: take_id in [entry.id for entry in studio.profile.history()])
    return take_id


def open_and_wait(studio: Studio, qtbot: QtBot, take_id: str) -> None:
    """Also for what is done when everybody has seen the take."""
    studio.opening.open_history(take_id)
    qtbot.waitUntil(lambda: studio.take is not None and studio.take.id == take_id)
    QApplication.processEvents()


def ids(strip: HistoryStrip) -> list[str]:
    return [entry.id for entry in strip.model.entries]


def test_an_empty_history_says_what_will_be_there(image_studio: Studio, qtbot: QtBot) -> None:
    strip = strip_of(image_studio, qtbot)
    assert strip.stack.currentWidget() is strip.empty
    assert strip.empty.text() == "What you generate is kept here."


def test_takes_stand_newest_first_and_the_shown_one_is_current(image_studio: Studio, qtbot: QtBot) -> None:
    strip = strip_of(image_studio, qtbot)
    first, second = generate(image_studio, qtbot), generate(image_studio, qtbot)
    qtbot.waitUntil(lambda: ids(strip) == [second, first])
    assert strip.stack.currentWidget() is strip.view
    assert strip.view.currentIndex().data(ENTRY).id == second
    assert not strip.grab().isNull()


def test_a_click_opens_a_take(image_studio: Studio, qtbot: QtBot) -> None:
    strip = strip_of(image_studio, qtbot)
    first, second = generate(image_studio, qtbot), generate(image_studio, qtbot)
    qtbot.waitUntil(lambda: ids(strip) == [second, first])
    where = strip.view.visualRect(strip.model.index(1)).center()
    qtbot.mouseClick(strip.view.viewport(), Qt.MouseButton.LeftButton, pos=where)
    qtbot.waitUntil(lambda: image_studio.take is not None and image_studio.take.id == first)


def test_arrows_move_return_opens_and_delete_deletes(image_studio: Studio, qtbot: QtBot) -> None:
    strip = strip_of(image_studio, qtbot)
    first, second = generate(image_studio, qtbot), generate(image_studio, qtbot)
    qtbot.waitUntil(lambda: ids(strip) == [second, first])
    strip.view.setFocus()
    qtbot.keyClick(strip.view, Qt.Key.Key_Right)
    assert image_studio.take.id == second  # type: ignore[union-attr]
    qtbot.keyClick(strip.view, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: image_studio.take is not None and image_studio.take.id == first)
    qtbot.keyClick(strip.view, Qt.Key.Key_Delete)
    assert ids(strip) == [second]
    image_studio.undo_stack.undo()
    assert ids(strip) == [second, first]


def test_a_save_touches_its_own_entry_only(qtbot: QtBot) -> None:
    owner = QWidget()
    qtbot.addWidget(owner)
    model = HistoryModel(owner)
    old = [made_up(3), made_up(2), made_up(1)]
    model.update(old)
    changed: list[int] = []
    model.dataChanged.connect(lambda top, bottom: changed.extend(range(top.row(), bottom.row() + 1)))
    resets: list[object] = []
    model.modelReset.connect(lambda: resets.append(1))
    moved: list[object] = []
    model.rowsInserted.connect(lambda *_: moved.append(1))
    model.rowsRemoved.connect(lambda *_: moved.append(1))
    model.update([old[0], replace(old[1], steps=50), old[2]])
    assert (changed, resets, moved) == ([1], [], [])


def test_entries_come_and_go_in_their_order(qtbot: QtBot) -> None:
    owner = QWidget()
    qtbot.addWidget(owner)
    model = HistoryModel(owner)
    for numbers in ([2], [3, 2], [3, 2, 1], [4, 3, 1], [], [2, 1]):
        model.update([made_up(n) for n in numbers])
        assert [entry.id for entry in model.entries] == [made_up(n).id for n in numbers]
        assert model.rowCount(QModelIndex()) == len(numbers)


def test_an_entry_is_told_in_words() -> None:
    stopped = replace(made_up(1), count=4, steps=20, finished=False, branches=6)
    assert describe(stopped).splitlines()[2] == "4 samples, stopped at step 20, 2 branches"
    assert describe(made_up(1)).splitlines()[:3] == ["Digits", "digit 3; seed 7", "48 steps"]
    assert "2026" in made_at(made_up(1).id)
    assert made_at("imported") == ""


def test_a_caption_says_the_range_of_a_sweep_and_of_any_other_take_the_model() -> None:
    plain = replace(made_up(1), title="Gated PixelCNN · MNIST")
    assert caption(plain) == "Gated PixelCNN"
    swept = replace(plain, count=5, made_with="T 0.5 … T 1.2; digit 3; seed 7", swept="T 0.5 … 1.2")
    assert caption(swept) == "T 0.5 … 1.2"
    assert describe(swept).splitlines()[1] == "Sweep: T 0.5 … T 1.2; digit 3; seed 7"


def test_a_caption_of_a_sound_says_who_says_what() -> None:
    chain = SoundChain(MuLaw(4), 8000, default_seconds=1.0, max_seconds=1.0)
    factors = (Category("recorded voice", ("ada", "bob"), any=True), Category("digit", ("2", "3"), any=True))

    def said(**condition: str) -> str:
        model = ModelReference("m", "WaveNet · digits", "0" * 64, chain, factors)
        begun = complete(factors, {name.replace("_", " "): value for name, value in condition.items()})
        return caption(entry_of(new_take(model, seed=7, count=1, condition=begun, shaping=NEUTRAL, engine="cached")))

    assert said(recorded_voice="ada", digit="3") == "ada · digit 3"
    assert said(digit="3") == "digit 3"
    assert said(recorded_voice="bob") == "bob"
    assert said() == "WaveNet"


def reference(*factors: Factor) -> ModelReference:
    return ModelReference("m", "Faces", "0" * 64, ImageChain(GreyLevels(4), 5, 4), factors)


def test_a_long_condition_makes_no_sweep_of_a_take() -> None:
    code = Vector("code", 40)
    condition = {"code": [n / 40 for n in range(40)]}
    take = new_take(reference(code), seed=7, count=4, condition=condition, shaping=NEUTRAL, engine="cached")
    entry = entry_of(take)
    assert " … " in entry.made_with
    assert caption(entry) == "Faces"
    assert "Sweep" not in describe(entry)


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        (Values(("light red", "black"), "hair colour"), "hair colour light red … black"),
        (Temperatures((0.5, 1.0)), "T 0.5 … 1"),
    ],
)
def test_what_a_sweep_goes_over_is_said_once_and_stays_when_a_sample_is_edited(axis: Axis, words: str) -> None:
    hair = Category("hair colour", ("light red", "black"))
    begun = {"hair colour": "black"}
    take = sweep(reference(hair), axis, seed=7, condition=begun, shaping=NEUTRAL, engine="cached")
    assert caption(entry_of(take)) == words
    take.branch(1, 0, shaping=replace(NEUTRAL, temperature=1.5))
    assert caption(entry_of(take)) == words


def test_an_edited_sample_makes_no_sweep_of_a_take() -> None:
    take = new_take(reference(), seed=7, count=2, condition={}, shaping=NEUTRAL, engine="cached")
    take.branch(1, 0, shaping=replace(NEUTRAL, temperature=1.5))
    assert entry_of(take).swept == ""


def test_a_sweep_of_the_studio_is_told_as_one(image_studio: Studio, qtbot: QtBot) -> None:
    strip = strip_of(image_studio, qtbot)
    image_studio.change("test", pace=math.inf)
    image_studio.sweep(Values(("0", "1", "2"), "digit"))
    finish(image_studio, qtbot)
    qtbot.waitUntil(lambda: strip.model.rowCount() == 1)
    assert caption(strip.model.entries[0]) == "digit 0 … 2"


def test_several_images_are_shown_as_a_sheet_of_the_first_four() -> None:
    images = [np.full((3, 2, 4), n + 1, np.uint8) for n in range(6)]
    assert sheet(images[:1]) is images[0]
    assert sheet(images[:2])[..., 0].tolist() == 3 * [[1, 1, 0, 2, 2]]
    four = 3 * [[1, 1, 0, 2, 2]] + [5 * [0]] + 3 * [[3, 3, 0, 4, 4]]
    assert sheet(images)[..., 0].tolist() == sheet(images[:4])[..., 0].tolist() == four


def test_a_take_of_several_images_has_a_picture_of_four(image_studio: Studio, qtbot: QtBot) -> None:
    strip = strip_of(image_studio, qtbot)
    image_studio.change("test", count=5)
    generate(image_studio, qtbot)
    qtbot.waitUntil(lambda: strip.model.rowCount() == 1 and strip.model.entries[0].finished)
    picture = strip.model.index(0).data(PICTURE_ROLE)
    assert (picture.width(), picture.height()) == (2 * 6 + 1, 2 * 8 + 1)


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that the user was asked for, who names each in turn."""
    files: list[Path] = []

    def accept(dialog: ExportDialog) -> int:
        dialog.path = tmp_path / f"saved {len(files)}.png"
        files.append(dialog.path)
        return QDialog.DialogCode.Accepted

    monkeypatch.setattr(ExportDialog, "exec", accept)
    return files


@pytest.mark.parametrize("shown", [True, False])
def test_a_take_can_be_saved_from_the_strip(image_studio: Studio, qtbot: QtBot, saved: list[Path], shown: bool) -> None:
    strip = strip_of(image_studio, qtbot)
    image_studio.change("test", count=2)
    first, second = generate(image_studio, qtbot), generate(image_studio, qtbot)
    wanted, other = (second, first) if shown else (first, second)
    strip.view.save(wanted)
    qtbot.waitUntil(lambda: bool(saved) and saved[0].exists())
    assert image_studio.take is not None
    assert image_studio.take.id == wanted
    for take_id in (other, wanted):
        open_and_wait(image_studio, qtbot, take_id)
    assert len(saved) == 1


def test_a_take_of_another_model_can_be_saved_from_the_strip(
    image_studio: Studio, qtbot: QtBot, saved: list[Path]
) -> None:
    strip = strip_of(image_studio, qtbot)
    wanted = generate(image_studio, qtbot)
    load(image_studio, qtbot, SOUND)
    strip.view.save(wanted)
    qtbot.waitUntil(lambda: bool(saved) and saved[0].exists())
    assert image_studio.take is not None
    assert image_studio.take.id == wanted


def test_a_take_that_cannot_be_read_is_not_saved_when_it_is_opened_later(
    image_studio: Studio, qtbot: QtBot, saved: list[Path]
) -> None:
    strip = strip_of(image_studio, qtbot)
    take_id = generate(image_studio, qtbot)
    assert image_studio.take is not None
    kept = image_studio.take
    generate(image_studio, qtbot)
    file = image_studio.profile.takes_folder / f"{take_id}.npz"
    content = file.read_bytes()
    file.write_bytes(b"junk")
    image_studio.takes_in_use.pop(kept.id)  # not in use any more
    with qtbot.waitSignal(image_studio.reader.refused):
        strip.view.save(take_id)
    file.write_bytes(content)
    open_and_wait(image_studio, qtbot, take_id)
    assert saved == []


@pytest.mark.parametrize("damaged", ["zzz", "iVBORw0KGgo=", "", "ü"])
def test_a_damaged_picture_leaves_its_tile_empty(image_studio: Studio, qtbot: QtBot, damaged: str) -> None:
    """An exception in a paint event would take the program down."""
    strip = strip_of(image_studio, qtbot)
    strip.model.update([replace(made_up(1), thumbnail=damaged)])
    assert strip.model.index(0).data(PICTURE_ROLE).isNull()
    strip.stack.setCurrentWidget(strip.view)
    assert not strip.grab().isNull()
