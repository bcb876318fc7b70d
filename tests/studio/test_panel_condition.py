"""The condition panel: one button down for every category, by mouse and keyboard; a chooser for every kind."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from models.chain import GreyLevels, ImageChain
from models.condition import FACTORS, Category, Order, Vector, complete
from models.networks import BUILT_IN
from studio.panels.choosers import CHOOSERS, Chooser, LongCategoryChooser, NoChooser, ValueBox
from studio.panels.condition import ConditionPanel
from studio.settings import settings_from_json
from studio.state import Studio
from tests.place import Place
from tests.studio.conftest import IMAGE, SOUND, finish, load, open_model, write


def panel_of(studio: Studio, qtbot: QtBot) -> ConditionPanel:
    panel = ConditionPanel(studio)
    qtbot.addWidget(panel)
    panel.resize(250, 260)
    panel.show()
    return panel


def chosen(panel: ConditionPanel) -> dict[str, list[str]]:
    return {c.factor.name: [value for value, b in c.buttons.items() if b.isChecked()] for c in panel.choosers}


def test_every_factor_shows_the_value_that_holds(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    assert panel.empty.text() == "Choose a model."
    load(studio, qtbot, SOUND)
    assert chosen(panel) == {"speaker": ["ada"], "digit": ["0"]}
    load(studio, qtbot, IMAGE)
    assert chosen(panel) == {"digit": ["0"]}
    assert not panel.empty.isVisible()


def test_a_click_chooses_a_value_and_undo_takes_it_back(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    (digit,) = panel.choosers
    qtbot.mouseClick(digit.buttons["2"], Qt.MouseButton.LeftButton)
    assert image_studio.settings.condition == {"digit": "2"}  # type: ignore[union-attr]
    qtbot.mouseClick(digit.buttons["any"], Qt.MouseButton.LeftButton)
    assert chosen(panel) == {"digit": ["any"]}
    image_studio.undo_stack.undo()
    assert chosen(panel) == {"digit": ["2"]}


def test_one_factor_is_changed_without_the_others(sound_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(sound_studio, qtbot)
    panel.choosers[0].buttons["bob"].click()
    panel.choosers[1].buttons["1"].click()
    assert sound_studio.settings.condition == {"speaker": "bob", "digit": "1"}  # type: ignore[union-attr]


def test_the_arrows_choose_among_the_values(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    with qtbot.waitActive(panel):
        panel.activateWindow()
    (digit,) = panel.choosers
    digit.buttons["0"].setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(digit.buttons["0"], Qt.Key.Key_Right)
    assert digit.buttons["1"].hasFocus()
    qtbot.keyClick(digit.buttons["1"], Qt.Key.Key_Space)
    assert image_studio.settings.condition == {"digit": "1"}  # type: ignore[union-attr]


def test_what_the_shown_take_has_is_said_while_something_else_is_chosen(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    image_studio.change("pace", pace=30.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 2)
    assert not panel.later.isVisible()
    panel.choosers[0].buttons["2"].click()
    assert image_studio.trace.segment.condition == {"digit": "0"}  # type: ignore[union-attr]
    assert panel.later.isVisible()
    assert panel.later.text() == "The take shown has digit 0; this applies to the next one."
    image_studio.change("pace", pace=math.inf)
    finish(image_studio, qtbot)
    assert panel.later.isVisible()
    image_studio.begin()
    assert not panel.later.isVisible()
    finish(image_studio, qtbot)


def test_what_is_said_of_the_shown_take_is_read_in_a_low_panel_and_moves_nothing(
    image_studio: Studio, qtbot: QtBot
) -> None:
    panel = panel_of(image_studio, qtbot)
    panel.resize(250, 90)
    image_studio.change("pace", pace=math.inf)
    image_studio.begin()
    finish(image_studio, qtbot)
    (digit,) = panel.choosers
    before = digit.mapTo(panel, QPoint(0, 0))
    digit.buttons["2"].click()
    qtbot.wait(1)
    note = panel.later
    assert panel.rect().contains(QRect(note.mapTo(panel, QPoint(0, 0)), note.size()))
    assert note.height() >= note.heightForWidth(note.width())
    assert note.visibleRegion().boundingRect() == note.rect()
    assert digit.mapTo(panel, QPoint(0, 0)) == before


def test_nothing_is_said_of_an_image_that_follows_the_hand(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    image_studio.drawing_along.draw()
    panel.choosers[0].buttons["2"].click()
    assert not panel.later.isVisible()
    qtbot.waitUntil(panel.later.isVisible)  # the hand rests on it: from now on it is a take like any other


def test_a_model_without_conditions_says_so(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    config = {"channels": 8, "head": 8, "dilations": [1]}
    write(tmp_path, "plain", "gated_pixelcnn", ImageChain(GreyLevels(4), 4, 4), (), config)
    panel = panel_of(studio, qtbot)
    load(studio, qtbot, str(tmp_path / "checkpoints" / "plain.safetensors"))
    assert panel.empty.isVisible()
    assert panel.empty.text() == "This model has no conditions."


# --- more values than a glance takes in ---------------------------------------------------------------------------

PLACES = tuple(f"n{number:04d} place" for number in range(1000))


@pytest.fixture
def long_studio(studio: Studio, qtbot: QtBot, tmp_path: Path) -> Studio:
    """With a model of a thousand classes."""
    return studio_with(studio, qtbot, tmp_path, PLACES)


@pytest.fixture
def nested_studio(studio: Studio, qtbot: QtBot, tmp_path: Path) -> Studio:
    """With a model of a hundred classes, the names of some of which begin with those of others; any of them holds."""
    made = studio_with(studio, qtbot, tmp_path, tuple(f"value {number}" for number in range(100)))
    made.change("class", condition={"class": "any"})
    made.undo_stack.clear()
    return made


def studio_with(studio: Studio, qtbot: QtBot, folder: Path, classes: tuple[str, ...]) -> Studio:
    (folder / "checkpoints").mkdir()
    config = {"channels": 8, "head": 8, "dilations": [1]}
    write(folder, "long", "gated_pixelcnn", CHAIN, (Category("class", classes, any=True),), config)
    return load(studio, qtbot, str(folder / "checkpoints" / "long.safetensors"))


def class_of(studio: Studio) -> str:
    assert studio.settings is not None
    return str(studio.settings.condition["class"])


def box_of(panel: ConditionPanel) -> ValueBox:
    (chooser,) = panel.choosers
    assert isinstance(chooser, LongCategoryChooser)
    return chooser.box


def test_many_values_stand_in_a_box_not_on_buttons(long_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(long_studio, qtbot)
    box = box_of(panel)
    assert [box.itemText(n) for n in range(3)] == ["any", *PLACES[:2]]
    assert box.currentText() == class_of(long_studio)
    long_studio.change("class", condition={"class": PLACES[500]})
    assert box.currentText() == PLACES[500]


def write_in(box: ValueBox, qtbot: QtBot, text: str) -> None:
    """Over what stands in the box."""
    with qtbot.waitActive(box.window()):
        box.window().activateWindow()
    box.setFocus()
    box.line.selectAll()
    qtbot.keyClicks(box, text)


def test_typing_finds_a_value_and_return_takes_it(long_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(long_studio, qtbot)
    box = box_of(panel)
    before = class_of(long_studio)
    write_in(box, qtbot, "0731")
    assert class_of(long_studio) == before
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert (class_of(long_studio), box.currentText()) == (PLACES[731], PLACES[731])
    long_studio.undo_stack.undo()
    assert box.currentText() == before


@pytest.mark.parametrize("typed", [PLACES[731], PLACES[731].upper()])
def test_a_value_is_taken_as_soon_as_it_is_typed(long_studio: Studio, qtbot: QtBot, typed: str) -> None:
    panel = panel_of(long_studio, qtbot)
    box = box_of(panel)
    before = class_of(long_studio)
    write_in(box, qtbot, typed)
    assert box.offers.isVisible()
    assert (class_of(long_studio), box.currentText()) == (PLACES[731], PLACES[731])
    long_studio.generate()
    assert long_studio.trace.segment.condition == {"class": PLACES[731]}  # type: ignore[union-attr]
    assert (box.currentText(), box.offers.isVisible()) == (PLACES[731], False)
    finish(long_studio, qtbot)
    long_studio.undo_stack.undo()
    assert (class_of(long_studio), box.currentText()) == (before, before)
    assert not long_studio.undo_stack.canUndo()


def test_what_is_typed_on_the_way_is_one_change_and_nothing_of_it_holds_but_a_value(
    nested_studio: Studio, qtbot: QtBot
) -> None:
    studio = nested_studio
    panel = panel_of(studio, qtbot)
    box = box_of(panel)
    held = []
    write_in(box, qtbot, "")
    for letter in "value 12x":
        qtbot.keyClicks(box, letter)
        held.append(class_of(studio))
    assert held[-4:] == ["any", "value 1", "value 12", "any"]
    qtbot.keyClick(box, Qt.Key.Key_Backspace)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert class_of(studio) == "value 12"
    studio.undo_stack.undo()
    assert (class_of(studio), studio.undo_stack.canUndo()) == ("any", False)


def test_escape_takes_back_what_was_typed_since_the_last_value(nested_studio: Studio, qtbot: QtBot) -> None:
    studio = nested_studio
    panel = panel_of(studio, qtbot)
    box = box_of(panel)
    write_in(box, qtbot, "value 7\r")
    box.line.selectAll()
    qtbot.keyClicks(box, "value 12")
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert (class_of(studio), box.currentText()) == ("value 7", "value 7")
    assert not box.offers.isVisible()
    studio.undo_stack.undo()
    assert (class_of(studio), studio.undo_stack.canUndo()) == ("any", False)


def test_a_value_that_the_arrows_show_is_the_one_that_holds(nested_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(nested_studio, qtbot)
    box = box_of(panel)
    write_in(box, qtbot, "value 3")
    for _ in range(3):
        qtbot.keyClick(box.offers, Qt.Key.Key_Down)
    assert box.currentText() == class_of(nested_studio) == "value 31"


def test_values_that_differ_in_case_alone_are_told_apart(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    letters = tuple("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    panel = panel_of(studio_with(studio, qtbot, tmp_path, letters), qtbot)
    box = box_of(panel)
    write_in(box, qtbot, "B\t")
    assert (class_of(studio), box.currentText()) == ("B", "B")


def test_a_walk_ends_what_is_half_typed(nested_studio: Studio, qtbot: QtBot) -> None:
    """Also one that goes on, and leaves the focus where it is."""
    studio = nested_studio
    panel = panel_of(studio, qtbot)
    box = box_of(panel)
    studio.change("pace", pace=30.0)
    studio.begin()
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)
    write_in(box, qtbot, "value 1z")
    studio.play()
    assert (box.currentText(), box.offers.isVisible()) == ("any", False)
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)


def test_the_list_closes_when_the_focus_leaves_or_another_value_holds(nested_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(nested_studio, qtbot)
    box, elsewhere = box_of(panel), QLineEdit(panel)
    elsewhere.show()
    write_in(box, qtbot, "alue 1")
    assert box.offers.isVisible()
    elsewhere.setFocus()
    assert (box.currentText(), box.offers.isVisible()) == ("any", False)
    write_in(box, qtbot, "alue 1")
    nested_studio.change("class", condition={"class": "value 5"})
    assert (box.currentText(), box.offers.isVisible()) == ("value 5", False)


def test_ctrl_return_is_the_windows_at_once_while_the_list_is_open(nested_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(nested_studio, qtbot)
    box, heard = box_of(panel), []
    generate = QShortcut(QKeySequence("Ctrl+Return"), panel)
    generate.activated.connect(lambda: heard.append(class_of(nested_studio)))
    write_in(box, qtbot, "value 12")
    assert box.offers.isVisible()
    qtbot.keyClick(box.offers, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert (heard, box.offers.isVisible()) == (["value 12"], False)


def test_undo_is_the_windows_unless_something_is_typed(nested_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(nested_studio, qtbot)
    box = box_of(panel)

    def claims_undo() -> bool:
        event = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        event.ignore()
        QApplication.sendEvent(box, event)
        return event.isAccepted()

    write_in(box, qtbot, "value 1")
    assert claims_undo()
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert not claims_undo()


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Escape])
def test_what_is_typed_and_is_no_value_is_given_back(long_studio: Studio, qtbot: QtBot, key: Qt.Key) -> None:
    panel = panel_of(long_studio, qtbot)
    box = box_of(panel)
    before = class_of(long_studio)
    box.line.selectAll()
    qtbot.keyClicks(box, "nowhere")
    qtbot.keyClick(box, key)
    assert (class_of(long_studio), box.currentText(), box.count()) == (before, before, 1001)


BLEND = {"value 3": 1 / 3, "value 8": 1 - 1 / 3}
BLEND_TEXT = f"{1 / 3} value 3 + {1 - 1 / 3} value 8"


def condition_of(studio: Studio) -> object:
    assert studio.settings is not None
    return studio.settings.condition["class"]


def test_a_blend_of_many_values_that_others_chose_holds(nested_studio: Studio, qtbot: QtBot) -> None:
    """As from a saved take: the box shows it as a text, and takes nothing back."""
    studio = nested_studio
    panel = panel_of(studio, qtbot)
    box = box_of(panel)
    for before in ("any", "value 5"):
        studio.change("class", condition={"class": before})
        studio.change("class", condition={"class": BLEND})
        assert (condition_of(studio), box.currentText()) == (BLEND, BLEND_TEXT)
    studio.undo_stack.undo()
    assert (condition_of(studio), box.currentText()) == ("value 5", "value 5")
    studio.undo_stack.redo()
    again = panel_of(studio, qtbot)
    assert (condition_of(studio), box_of(again).currentText()) == (BLEND, BLEND_TEXT)


@pytest.mark.parametrize("typed", ["no value", "value 12", "value 12x"])
def test_a_blend_comes_back_when_what_was_typed_over_it_is_given_up(
    nested_studio: Studio, qtbot: QtBot, typed: str
) -> None:
    studio = nested_studio
    studio.change("class", condition={"class": BLEND})
    panel = panel_of(studio, qtbot)
    box, errors = box_of(panel), []
    studio.error.connect(errors.append)
    write_in(box, qtbot, typed)
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert (condition_of(studio), box.currentText(), errors) == (BLEND, BLEND_TEXT, [])


def test_a_take_with_a_blend_of_many_values_is_opened_with_it(nested_studio: Studio, qtbot: QtBot) -> None:
    studio = nested_studio
    panel = panel_of(studio, qtbot)
    studio.change("pace", pace=math.inf)
    studio.change("class", condition={"class": BLEND})
    studio.begin()
    finish(studio, qtbot)
    take = studio.take
    assert take is not None
    studio.change("class", condition={"class": "value 5"})
    studio.begin()
    finish(studio, qtbot)
    studio.show_take(take, studio.entry)
    assert (condition_of(studio), box_of(panel).currentText()) == (BLEND, BLEND_TEXT)


def test_a_long_name_widens_no_dock(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    config = {"channels": 8, "head": 8, "dilations": [1]}
    factors = (Category("what was said, " * 12, ("a", "b")), Category("who", ("word " * 30, "b")))
    write(tmp_path, "wide", "gated_pixelcnn", CHAIN, factors, config)
    panel = panel_of(load(studio, qtbot, str(tmp_path / "checkpoints" / "wide.safetensors")), qtbot)
    assert panel.minimumSizeHint().width() <= 200


# --- a kind that the window does not know ------------------------------------------------------------------------

CHAIN = ImageChain(GreyLevels(4), 4, 4)
WHERE = Place("where")


class PlaceChooser(Chooser):
    """As small as a chooser can be."""

    shown: Any = None

    def show_value(self, value: Any) -> None:
        self.shown = value


@pytest.fixture
def place_checkpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkpoint of a model that is conditioned on a place, a kind that has no chooser."""
    monkeypatch.setitem(FACTORS, Place.kind, Place)
    monkeypatch.setitem(BUILT_IN, "place", "tests.place:PlaceModel")
    (tmp_path / "checkpoints").mkdir()
    write(tmp_path, "place", "place", CHAIN, (WHERE,), {})
    return tmp_path / "checkpoints" / "place.safetensors"


def test_a_factor_without_a_chooser_is_shown_with_its_value_and_walks_go_on(
    studio: Studio, qtbot: QtBot, place_checkpoint: Path
) -> None:
    panel = panel_of(studio, qtbot)
    load(studio, qtbot, str(place_checkpoint))
    (chooser,) = panel.choosers
    assert isinstance(chooser, NoChooser)
    assert chooser.line.text() == (
        "where: 0.5,0.5. This window cannot change a condition of the kind 'place' yet; the command line can."
    )
    assert chooser.line.height() >= chooser.line.heightForWidth(chooser.line.width())
    studio.change("pace", pace=math.inf)
    studio.begin()
    finish(studio, qtbot)
    assert studio.trace.segment.condition == {"where": [0.5, 0.5]}  # type: ignore[union-attr]


def test_a_chooser_for_a_kind_is_all_that_the_window_needs(
    make_studio: Callable[[], Studio], qtbot: QtBot, place_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chosen, undone, refused, kept with the model's settings, walked under, and brought back from the history."""
    monkeypatch.setitem(CHOOSERS, Place.kind, PlaceChooser)
    studio = make_studio()
    panel = panel_of(studio, qtbot)
    open_model(studio, qtbot, place_checkpoint)
    (chooser,) = panel.choosers
    assert isinstance(chooser, PlaceChooser)
    assert chooser.shown == [0.5, 0.5]

    chooser.choose([1.0, 0.25])
    assert chooser.shown == [1.0, 0.25]
    studio.undo_stack.undo()
    assert chooser.shown == [0.5, 0.5]
    studio.undo_stack.redo()
    errors: list[str] = []
    studio.error.connect(errors.append)
    chooser.choose([1.0, 7])
    assert errors == ["where is two numbers in 0 … 1, not [1.0, 7]"]
    assert chooser.shown == [1.0, 0.25]

    studio.change("pace", pace=math.inf)
    studio.begin()
    finish(studio, qtbot)
    take = studio.take
    assert take is not None
    assert take.traces[0].segment.condition == {"where": [1.0, 0.25]}
    chooser.choose([0.0, 0.0])
    studio.close()

    again = make_studio()
    panel = panel_of(again, qtbot)
    load(again, qtbot, "place")
    assert panel.choosers[0].shown == [0.0, 0.0]  # type: ignore[attr-defined]
    again.opening.open_history(take.id)
    qtbot.waitUntil(lambda: again.take is not None)
    assert panel.choosers[0].shown == [1.0, 0.25]  # type: ignore[attr-defined]


def test_moves_of_one_drag_are_one_undo_step(
    studio: Studio, qtbot: QtBot, place_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CHOOSERS, Place.kind, PlaceChooser)
    panel = panel_of(studio, qtbot)
    load(studio, qtbot, str(place_checkpoint))
    (chooser,) = panel.choosers
    for x in (0.6, 0.7, 0.8):
        chooser.choose([x, 0.5], drag=1)
    studio.undo_stack.undo()
    assert chooser.shown == [0.5, 0.5]  # type: ignore[attr-defined]


def test_settings_keep_a_value_of_another_kind_and_give_way_where_it_does_not_fit() -> None:
    factors = (WHERE, Category("digit", ("0", "1")))
    default = settings_from_json(None, CHAIN, factors)
    assert default.condition == {"where": [0.5, 0.5], "digit": "0"}
    chosen = default.with_(count=3, condition=complete(factors, {"where": [0.25, 1.0], "digit": "1"}))
    assert settings_from_json(chosen.to_json(), CHAIN, factors) == chosen
    odd = {**chosen.to_json(), "condition": {"where": "left", "digit": "1"}}
    assert settings_from_json(odd, CHAIN, factors) == default


@pytest.mark.parametrize("width", [150, 200, 215, 250, 400])
def test_every_value_can_be_reached_however_narrow_the_dock_is(width: int, image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    image_studio.entry = dataclasses.replace(  # type: ignore[type-var]
        image_studio.entry,
        header=dataclasses.replace(
            image_studio.entry.header,  # type: ignore[union-attr]
            factors=(Category("digit", tuple("0123456789")),),
        ),
    )
    image_studio.model_changed.emit()
    panel.resize(width, 500)
    qtbot.wait(50)
    (digit,) = panel.choosers
    seen = [
        button.visibleRegion().boundingRect().size() == button.size()
        for button in digit.buttons.values()  # type: ignore[attr-defined]
    ]
    assert len(seen) == 10
    assert all(seen)


# --- between two values -------------------------------------------------------------------------------------------


def test_blending_begins_half_way_to_another_value_and_ends_at_the_first(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    (digit,) = panel.choosers
    assert digit.row.isHidden()
    digit.blending.click()
    assert image_studio.settings.condition == {"digit": {"0": 0.5, "1": 0.5}}  # type: ignore[union-attr]
    assert digit.row.isVisible()
    assert (digit.other.currentText(), digit.share_label.text()) == ("1", "50 %")
    digit.blending.click()
    assert image_studio.settings.condition == {"digit": "0"}  # type: ignore[union-attr]
    assert digit.row.isHidden()


def test_a_blend_of_long_names_asks_for_no_more_than_a_dock_has(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    garments = Category("garment", ("T-shirt/top", "Trouser", "A rather long garment"))
    config = {"channels": 8, "head": 8, "dilations": [1]}
    write(tmp_path, "garments", "gated_pixelcnn", ImageChain(GreyLevels(4), 4, 4), (garments,), config)
    panel = panel_of(studio, qtbot)
    load(studio, qtbot, str(tmp_path / "checkpoints" / "garments.safetensors"))
    (chooser,) = panel.choosers
    chooser.blending.click()
    qtbot.waitUntil(chooser.row.isVisible)
    qtbot.wait(1)  # the layouts take notice of it
    assert panel.minimumSizeHint().width() <= 250


def test_a_drag_of_the_blend_is_one_step_back(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    (digit,) = panel.choosers
    digit.blending.click()
    for share in (0.6, 0.7, 0.8):
        digit.share.moved.emit(share, 4711)
    assert image_studio.settings.condition == {"digit": {"0": 0.2, "1": 0.8}}  # type: ignore[union-attr]
    assert digit.share_label.text() == "80 %"
    image_studio.undo_stack.undo()
    assert digit.share_label.text() == "50 %"


def test_either_value_of_a_blend_can_be_another(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    (digit,) = panel.choosers
    digit.blending.click()
    digit.buttons["2"].click()
    assert image_studio.settings.condition == {"digit": {"2": 0.5, "1": 0.5}}  # type: ignore[union-attr]
    digit.other.textActivated.emit("any")
    assert image_studio.settings.condition == {"digit": {"2": 0.5, "any": 0.5}}  # type: ignore[union-attr]


def test_an_image_follows_the_slider_of_a_blend(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    (digit,) = panel.choosers
    digit.blending.click()
    assert image_studio.take is None
    digit.share.moved.emit(0.3, 4711)
    finish(image_studio, qtbot)
    assert image_studio.take is not None
    assert image_studio.take.traces[0].segment.condition == {"digit": {"0": 0.7, "1": 0.3}}


def test_a_blend_with_itself_goes_the_other_way_round(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    (digit,) = panel.choosers
    digit.blending.click()
    digit.share.moved.emit(0.3, 4711)
    digit.buttons["1"].click()
    assert image_studio.settings.condition == {"digit": {"1": 0.7, "0": 0.3}}  # type: ignore[union-attr]
    assert (digit.buttons["1"].isChecked(), digit.other.currentText()) == (True, "0")
    digit.other.textActivated.emit("1")
    assert image_studio.settings.condition == {"digit": {"0": 0.7, "1": 0.3}}  # type: ignore[union-attr]
    assert (digit.buttons["0"].isChecked(), digit.other.currentText()) == (True, "1")


def test_what_is_drawn_under_a_blend_is_neither_of_its_values(image_studio: Studio, qtbot: QtBot) -> None:
    drawn = []
    image_studio.change("pace", pace=math.inf)
    for value in ("0", "1", {"0": 0.5, "1": 0.5}):
        image_studio.change("digit", condition={"digit": value})
        image_studio.set_seed(3)
        image_studio.begin()
        finish(image_studio, qtbot)
        drawn.append(image_studio.trace.surprise.copy())  # type: ignore[union-attr]
    assert not any((drawn[2] == one).all() for one in drawn[:2])


# --- a code of two numbers, and the order of the pixels -------------------------------------------------------------


@pytest.fixture
def coded_studio(studio: Studio, qtbot: QtBot, tmp_path: Path) -> Studio:
    """With a PixelCNN auto-encoder, whose code is a point of the plane."""
    (tmp_path / "checkpoints").mkdir()
    config = {"channels": 4, "head": 4, "dilations": [1], "encoder": [4, 4], "hidden": 8, "noise": 0.1}
    write(tmp_path, "coded", "pixelcnn_autoencoder", CHAIN, (Vector("code", 2),), config)
    return load(studio, qtbot, str(tmp_path / "checkpoints" / "coded.safetensors"))


@pytest.fixture
def orderless_studio(studio: Studio, qtbot: QtBot, tmp_path: Path) -> Studio:
    (tmp_path / "checkpoints").mkdir()
    factors = (Category("digit", ("0", "1"), any=True), Order("order", CHAIN.height, CHAIN.width))
    write(tmp_path, "orderless", "orderless_nade", CHAIN, factors, {"hidden": [12]})
    return load(studio, qtbot, str(tmp_path / "checkpoints" / "orderless.safetensors"))


def test_a_click_on_the_pad_is_a_code_and_a_drag_is_one_step_back(coded_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(coded_studio, qtbot)
    (chooser,) = panel.choosers
    pad = chooser.pad
    assert coded_studio.settings.condition == {"code": [0.0, 0.0]}  # type: ignore[union-attr]
    square = pad.square
    qtbot.mousePress(pad, Qt.MouseButton.LeftButton, pos=square.center().toPoint())
    qtbot.mouseMove(pad, pos=square.topRight().toPoint() + QPoint(20, -20))
    qtbot.mouseRelease(pad, Qt.MouseButton.LeftButton)
    assert coded_studio.settings.condition == {"code": [1.0, 1.0]}  # type: ignore[union-attr]
    assert chooser.read_out.text() == "+1.00, +1.00"
    coded_studio.undo_stack.undo()
    x, y = coded_studio.settings.condition["code"]  # type: ignore[union-attr]
    assert max(abs(x), abs(y)) < 0.02


def test_the_arrows_move_the_point_and_stop_at_the_edge(coded_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(coded_studio, qtbot)
    (chooser,) = panel.choosers
    qtbot.keyClick(chooser.pad, Qt.Key.Key_Up)
    qtbot.keyClick(chooser.pad, Qt.Key.Key_Left)
    assert coded_studio.settings.condition == {"code": [-0.05, 0.05]}  # type: ignore[union-attr]
    for _ in range(25):
        qtbot.keyClick(chooser.pad, Qt.Key.Key_Right)
    assert coded_studio.settings.condition["code"][0] == 1.0  # type: ignore[union-attr]


def test_another_code_draws_another_image(coded_studio: Studio, qtbot: QtBot) -> None:
    surprises = []
    coded_studio.change("pace", pace=math.inf)
    for code in ([-1.0, 0.0], [1.0, 0.0]):
        coded_studio.change("code", condition={"code": code})
        coded_studio.set_seed(3)
        coded_studio.begin()
        finish(coded_studio, qtbot)
        surprises.append(coded_studio.trace.surprise.copy())  # type: ignore[union-attr]
    assert (surprises[0] != surprises[1]).any()


def test_an_order_is_a_button_and_another_click_on_random_shuffles_anew(orderless_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(orderless_studio, qtbot)
    order = next(c for c in panel.choosers if c.factor.name == "order")
    assert [name for name, button in order.buttons.items() if button.isChecked()] == ["random"]
    order.buttons["spiral"].click()
    assert orderless_studio.settings.condition["order"] == "spiral"  # type: ignore[union-attr]
    seen = []
    for _ in range(3):
        order.buttons["random"].click()
        seen.append(orderless_studio.settings.condition["order"])  # type: ignore[union-attr]
        assert [name for name, button in order.buttons.items() if button.isChecked()] == ["random"]
    assert seen == ["random 1", "random 2", "random 3"]
    assert order.note.text() == "random 3 (another click shuffles)"


def test_the_tool_tip_of_an_order_says_what_its_name_leaves_open(orderless_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(orderless_studio, qtbot)
    order = next(c for c in panel.choosers if c.factor.name == "order")
    tips = {name: button.toolTip() for name, button in order.buttons.items()}
    assert len(set(tips.values())) == 7
    assert tips["coarse 4 first"] == "Every fourth pixel of every fourth row, then the others row by row"
    assert [name for name, tip in tips.items() if name != "random" and name in tip.lower()] == []


def test_a_take_goes_along_the_order_that_it_began_with(orderless_studio: Studio, qtbot: QtBot) -> None:
    orderless_studio.change("pace", pace=math.inf)
    orderless_studio.change("order", condition={"digit": "any", "order": "bottom up"})
    orderless_studio.begin()
    finish(orderless_studio, qtbot)
    take = orderless_studio.take
    assert take is not None
    assert isinstance(take.chain, ImageChain)
    assert take.chain.position(0) == (CHAIN.height - 1, 0, 0)
    orderless_studio.change("order", condition={"digit": "any", "order": "raster"})
    assert take.chain.order == "bottom up"
