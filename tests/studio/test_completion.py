"""Completing an image: the dialog, pictures from anywhere, and what the window says about the result."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from models.chain import GreyLevels, ImageChain
from models.completion import LEAST_PARTICLES, MISSING, how_it_is_completed
from models.condition import Category, Order
from models.image_files import PICTURES, Pixels, fitted_pixels, opened
from models.record import read_bytes
from models.shaping import NEUTRAL
from models.trace import Segment, Trace
from studio.canvas.picture import FORESEEN, Picture
from studio.looking import Pointer
from studio.panels.completion import ENDINGS, CompletionDialog, ground, inverted
from studio.panels.condition import ConditionPanel
from studio.state import Studio
from tests.studio.conftest import IMAGE, SOUND, finish, load, write

HEIGHT, WIDTH = 8, 6
RAMP = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) * 5).astype(np.uint8)


@pytest.fixture
def dialog(image_studio: Studio, qtbot: QtBot) -> CompletionDialog:
    dialog = CompletionDialog(image_studio)
    qtbot.addWidget(dialog)
    dialog.show()
    image_studio.change("pace", pace=math.inf)
    return dialog


def test_what_is_taken_away_is_drawn_and_the_rest_stays(dialog: CompletionDialog, qtbot: QtBot) -> None:
    studio = dialog.studio
    dialog.show_picture(RAMP)
    dialog.parts["lower half"].click()
    assert "Exact" in dialog.note.text()
    dialog.complete_button.click()
    finish(studio, qtbot)
    take = studio.take
    assert take is not None
    chain = take.chain
    drawn = chain.image(take.traces[0].symbols)  # type: ignore[attr-defined]
    given = chain.image(chain.symbols(RAMP))  # type: ignore[attr-defined]
    assert (drawn[:4] == given[:4]).all()
    assert take.traces[0].clamped.sum() == 24
    assert how_it_is_completed(take) == "Exact completion: what is known comes first"


def test_what_is_known_below_is_completed_by_particles_and_the_canvas_says_so(
    dialog: CompletionDialog, qtbot: QtBot
) -> None:
    dialog.show_picture(RAMP)
    dialog.parts["upper half"].click()
    assert "By particles" in dialog.note.text()
    dialog.complete_button.click()
    finish(dialog.studio, qtbot)
    take = dialog.studio.take
    assert take is not None
    assert len(take.samples) == LEAST_PARTICLES
    assert how_it_is_completed(take).startswith(f"Completion by {LEAST_PARTICLES} particles, ")


def test_nothing_is_completed_while_nothing_or_everything_is_missing(dialog: CompletionDialog) -> None:
    dialog.nothing_button.click()
    assert not dialog.complete_button.isEnabled()
    dialog.swap_button.click()
    assert not dialog.complete_button.isEnabled()
    dialog.parts["middle"].click()
    assert dialog.complete_button.isEnabled()
    known = dialog.view.known
    dialog.swap_button.click()
    assert (dialog.view.known == ~known).all()


def test_the_part_that_is_missing_is_lit_until_the_mouse_changes_it(dialog: CompletionDialog, qtbot: QtBot) -> None:
    def lit() -> list[str]:
        return [button.text() for button in (*dialog.parts.values(), dialog.nothing_button) if button.isChecked()]

    assert lit() == ["lower half"]
    dialog.parts["lower half"].click()
    assert lit() == ["lower half"], "it stays missing"
    dialog.swap_button.click()
    assert lit() == ["upper half"]
    dialog.nothing_button.click()
    assert lit() == ["nothing"]
    dialog.parts["middle"].click()
    assert lit() == ["middle"]
    qtbot.mouseClick(dialog.view, Qt.MouseButton.LeftButton, pos=dialog.view._square[0].topLeft())
    assert lit() == []


def test_cancel_and_escape_close_it_and_leave_all_as_it_was(dialog: CompletionDialog, qtbot: QtBot) -> None:
    before = dialog.studio.take
    dialog.cancel_button.click()
    assert not dialog.isVisible()
    dialog.show()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert dialog.studio.take is before


def test_the_mouse_takes_pixels_away_and_gives_them_back(dialog: CompletionDialog, qtbot: QtBot) -> None:
    dialog.nothing_button.click()
    view = dialog.view
    view.brush = 1
    square, scale = view._square

    def at(row: int, column: int) -> QPoint:
        corner = QPointF(square.topLeft())
        return (corner + QPointF((column + 0.5) * scale, (row + 0.5) * scale)).toPoint()

    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(2, 3))
    assert np.argwhere(~view.known).tolist() == [[2, 3]]
    qtbot.mouseClick(view, Qt.MouseButton.RightButton, pos=at(2, 3))
    assert view.known.all()
    view.brush = 3
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(0, 0))
    assert (~view.known).sum() == 4


def test_changes_of_the_mask_are_undone_and_redone_by_keys_a_drag_at_a_time(
    dialog: CompletionDialog, qtbot: QtBot
) -> None:
    with qtbot.waitActive(dialog):
        dialog.activateWindow()
    view = dialog.view
    states = [view.known]
    dialog.parts["middle"].click()
    states.append(view.known)
    dialog.nothing_button.click()
    states.append(view.known)
    view.brush = 1
    square, scale = view._square

    def at(row: int) -> QPoint:
        return (QPointF(square.topLeft()) + QPointF(0.5 * scale, (row + 0.5) * scale)).toPoint()

    for first in (0, 5):
        qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at(first))
        for row in (first + 1, first + 2):
            to, left = QPointF(at(row)), Qt.MouseButton.LeftButton
            move = QMouseEvent(
                QEvent.Type.MouseMove, to, view.mapToGlobal(to), left, left, Qt.KeyboardModifier.NoModifier
            )
            QApplication.sendEvent(view, move)
        qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at(first + 2))
        states.append(view.known)
    assert (~states[-1]).sum() == 6
    dialog.swap_button.click()
    states.append(view.known)
    control = Qt.KeyboardModifier.ControlModifier
    for known in reversed(states[:-1]):
        qtbot.keyClick(dialog, Qt.Key.Key_Z, control)
        assert (view.known == known).all()
    assert dialog.parts["lower half"].isChecked()
    for known in states[1:]:
        qtbot.keyClick(dialog, Qt.Key.Key_Y, control)
        assert (view.known == known).all()


def test_what_was_missing_of_an_image_of_another_size_does_not_come_back(
    dialog: CompletionDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    dialog.parts["middle"].click()
    (tmp_path / "checkpoints").mkdir()
    write(tmp_path, "square", "nade", ImageChain(GreyLevels(2), 5, 5), (), {"hidden": 12, "output": "softmax"})
    load(dialog.studio, qtbot, str(tmp_path / "checkpoints" / "square.safetensors"))
    assert not dialog.view.undo_stack.canUndo()
    dialog.view.undo_stack.undo()
    assert dialog.view.known.shape == (5, 5)


def test_that_the_mouse_paints_is_said_beside_the_image(dialog: CompletionDialog) -> None:
    assert dialog.hint.isVisible()
    assert dialog.hint.text().startswith("Drag over the image")


def test_known_pixels_show_and_missing_ones_are_hatched_made_once_for_each_change(
    dialog: CompletionDialog, qtbot: QtBot
) -> None:
    view = dialog.view
    assert view.image is not None
    known = np.indices(view.known.shape)[0] % 2 == 0
    view.show_image(np.full_like(view.image, 200), known)
    square, scale = view._square
    drawn = view.grab().toImage()

    def hues(row: int) -> set[int]:
        top = square.top() + round(row * scale)
        return {drawn.pixel(x, top + round(scale / 2)) for x in range(square.left(), square.right())}

    grey = QColor(200, 200, 200).rgb()
    assert hues(2) == {grey}
    assert grey not in hues(3)
    assert len(hues(3)) > 1
    made = view._shown
    qtbot.mouseMove(view, view.rect().center())
    view.grab()
    assert view._shown is made


def test_the_selected_sample_can_be_completed_once_it_is_whole(dialog: CompletionDialog, qtbot: QtBot) -> None:
    studio = dialog.studio
    assert not dialog.sample_button.isEnabled()
    studio.begin()
    finish(studio, qtbot)
    assert dialog.sample_button.isEnabled()
    dialog.sample_button.click()
    assert studio.take is not None
    expected = studio.take.chain.image(studio.take.traces[0].symbols)  # type: ignore[attr-defined]
    assert (dialog.view.image == expected).all()


def test_a_picture_of_any_size_and_colour_becomes_an_image_of_the_model(
    dialog: CompletionDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    Image.new("RGB", (300, 200), (255, 255, 255)).save(tmp_path / "white.jpg")
    with qtbot.waitSignal(dialog.studio.opening.picture_opened):
        dialog.studio.opening.open_picture(tmp_path / "white.jpg")
    assert dialog.view.image is not None
    assert dialog.view.image.shape == (HEIGHT, WIDTH)
    assert (dialog.view.image == 255).all()


def test_what_is_no_picture_is_refused_as_before(image_studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with qtbot.waitSignal(image_studio.error) as heard:
        image_studio.opening.open_path(tmp_path / "a.png")
    assert "not a" in heard.args[0]


def test_a_picture_that_cannot_be_completed_says_what_is_wrong_with_it(
    image_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    Image.new("F", (8, 8)).save(tmp_path / "a.tiff")
    with qtbot.waitSignal(image_studio.error) as heard:
        image_studio.opening.open_path(tmp_path / "a.tiff")
    assert "pixels of 32 bits" in heard.args[0]


def test_a_model_of_sound_completes_no_image(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    load(studio, qtbot, SOUND)
    dialog = CompletionDialog(studio)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.complete_button.isEnabled()
    assert dialog.note.text() == "Choose a model of images."
    with qtbot.waitSignal(studio.error):
        studio.opening.open_picture(tmp_path / "a.png")
    load(studio, qtbot, IMAGE)
    assert dialog.complete_button.isEnabled()


def test_known_pixels_that_lie_ahead_are_seen_faintly(dialog: CompletionDialog) -> None:
    chain = dialog.chain
    assert chain is not None
    known = ~MISSING["upper half"](HEIGHT, WIDTH)
    symbols = chain.symbols(RAMP)
    given = [int(symbol) if k else -1 for symbol, k in zip(symbols, known.reshape(-1), strict=True)]
    picture = Picture(Trace(Segment(0, NEUTRAL, {}, 1, 0, 0, "cached")), chain, "none", given)
    alpha = picture.pixels >> 24
    assert (alpha[known] == round(255 * FORESEEN)).all()
    assert (alpha[~known] == 0).all()


# --- opening, closing, and opening again ----------------------------------------------------------------------------


def complete(dialog: CompletionDialog, qtbot: QtBot) -> None:
    dialog.complete_button.click()
    finish(dialog.studio, qtbot)


def test_it_closes_when_the_completion_begins_and_opens_with_the_same_image_and_mask(
    dialog: CompletionDialog, qtbot: QtBot
) -> None:
    dialog.show_picture(RAMP)
    dialog.parts["left half"].click()
    image, known = dialog.view.image, dialog.view.known
    assert image is not None
    complete(dialog, qtbot)
    assert not dialog.isVisible()
    dialog.show()
    assert dialog.view.image is not None
    assert (dialog.view.image == image).all()
    assert (dialog.view.known == known).all()
    assert not dialog.sample_button.isChecked()


def test_it_stays_where_no_completion_can_begin(dialog: CompletionDialog, qtbot: QtBot) -> None:
    dialog.view.known = np.ones((HEIGHT, WIDTH), np.bool_)
    with qtbot.waitSignal(dialog.studio.error):
        dialog._complete()
    assert dialog.isVisible()
    assert dialog.studio.take is None


def test_it_opens_on_the_selected_sample_once(dialog: CompletionDialog, qtbot: QtBot) -> None:
    studio = dialog.studio
    dialog.hide()
    studio.change("count", count=2)
    studio.begin()
    finish(studio, qtbot)
    studio.looking.select(1)
    dialog.show()
    assert studio.trace is not None
    sample = studio.trace
    assert (dialog.view.image == studio.take.chain.image(sample.symbols)).all()  # type: ignore[union-attr]
    assert dialog.sample_button.isChecked()
    dialog.show_picture(RAMP)
    assert not dialog.sample_button.isChecked()
    dialog.hide()
    dialog.show()
    assert not dialog.sample_button.isChecked(), "a picture that was chosen instead stays"
    dialog.hide()
    studio.looking.select(0)
    dialog.show()
    assert dialog.sample_button.isChecked(), "another sample is selected"
    studio.looking.select(1)
    assert not dialog.sample_button.isChecked()
    dialog.sample_button.click()
    assert dialog.sample_button.isChecked()


def test_a_sample_of_another_shape_or_one_that_is_not_whole_is_not_opened_on(
    dialog: CompletionDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    studio = dialog.studio
    dialog.hide()
    studio.begin(until=5)
    qtbot.waitUntil(lambda: not studio.running)
    dialog.show()
    assert not dialog.sample_button.isChecked()
    dialog.hide()
    studio.go_on()
    finish(studio, qtbot)
    take = studio.take
    assert take is not None
    (tmp_path / "checkpoints").mkdir()
    write(tmp_path, "square", "nade", ImageChain(GreyLevels(2), 5, 5), (), {"hidden": 12, "output": "softmax"})
    load(studio, qtbot, str(tmp_path / "checkpoints" / "square.safetensors"))
    studio.show(take)
    dialog.show()
    assert not dialog.sample_button.isChecked()


# --- what the model is told -----------------------------------------------------------------------------------------


def test_the_class_is_left_open_unless_the_box_is_unchecked(dialog: CompletionDialog, qtbot: QtBot) -> None:
    """The Condition panel says what the take is drawn under, as it does of one from the history; that can be undone."""
    studio = dialog.studio
    panel = ConditionPanel(studio)
    qtbot.addWidget(panel)
    studio.change("digit", condition={"digit": "2"})
    dialog.show_picture(RAMP)
    assert dialog.open_box.isVisible()
    assert dialog.open_box.text() == "Leave the digit open"
    assert not dialog.condition_note.isVisible()
    complete(dialog, qtbot)
    assert studio.take is not None
    assert studio.settings is not None
    assert studio.take.traces[0].segment.condition == {"digit": "any"}
    assert studio.settings.condition == {"digit": "any"}
    assert panel.later.text() == ""
    studio.looking.pin(Pointer(0, 40))
    studio.editing.new_noise()
    finish(studio, qtbot)
    assert (studio.take.samples[0].current, studio.take.traces[0].segment.condition) == (1, {"digit": "any"})
    for _ in range(2):  # the other noise, too
        studio.undo_stack.undo_in_turn()
    assert studio.settings.condition == {"digit": "2"}
    assert panel.later.text() == "The take shown has digit any; this applies to the next one."
    dialog.show()
    dialog.open_box.setChecked(False)
    assert dialog.condition_note.text() == "digit 2, as in the Condition panel"
    complete(dialog, qtbot)
    assert studio.take.traces[0].segment.condition == {"digit": "2"}


def test_what_cannot_be_left_open_is_said(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    factors = (Category("digit", ("0", "1")), Order("order", HEIGHT, WIDTH))
    write(tmp_path, "told", "orderless_nade", ImageChain(GreyLevels(2), HEIGHT, WIDTH), factors, {"hidden": [12]})
    load(studio, qtbot, str(tmp_path / "checkpoints" / "told.safetensors"))
    studio.change("all", pace=math.inf, condition={"digit": "1"})
    dialog = CompletionDialog(studio)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.open_box.isVisible()
    assert dialog.condition_note.text() == "digit 1, as in the Condition panel"
    complete(dialog, qtbot)
    assert studio.take is not None
    assert studio.take.traces[0].segment.condition["digit"] == "1"


# --- pen on paper ---------------------------------------------------------------------------------------------------


SIDE = 28
PAPER = np.full((SIDE, SIDE), 220, np.uint8)
PAPER[8:20, 13:15] = 30


@pytest.fixture
def of_digits(studio: Studio, qtbot: QtBot, tmp_path: Path) -> CompletionDialog:
    """A dialog for a model whose classes have pictures: light digits on a dark ground."""
    (tmp_path / "checkpoints").mkdir()
    factors = (Category("digit", tuple("0123456789"), any=True),)
    chain = ImageChain(GreyLevels(256), SIDE, SIDE)
    write(tmp_path, "digits", "nade", chain, factors, {"hidden": 4, "output": "softmax"}, data_name="mnist")
    load(studio, qtbot, str(tmp_path / "checkpoints" / "digits.safetensors"))
    dialog = CompletionDialog(studio)
    qtbot.addWidget(dialog)
    dialog.show()
    assert len(dialog.images) == 10
    return dialog


def test_a_drawing_on_paper_is_inverted_for_a_model_of_light_strokes(of_digits: CompletionDialog) -> None:
    of_digits.show_picture(PAPER)
    image = of_digits.view.image
    assert of_digits.invert_button.isChecked()
    assert image is not None
    assert ground(image) == 0, "paper is no grey veil over the image"
    assert image[10, 13] > 200
    of_digits.invert_button.click()
    assert (of_digits.view.image == PAPER).all()
    of_digits.show_picture(inverted(PAPER))
    assert not of_digits.invert_button.isChecked()


def test_examples_are_never_inverted_and_the_chosen_one_looks_so(of_digits: CompletionDialog) -> None:
    of_digits.show_picture(PAPER)
    three = list(of_digits.images)[3]
    three.click()
    assert not of_digits.invert_button.isChecked()
    assert not of_digits.invert_button.isEnabled()
    assert (of_digits.view.image == of_digits.images[three]).all()
    assert [button for button in of_digits.images if button.isChecked()] == [three]


def test_without_examples_a_picture_is_as_it_is_until_invert_is_pressed(
    dialog: CompletionDialog,
) -> None:
    light = np.full((HEIGHT, WIDTH), 255, np.uint8)
    dialog.show_picture(light)
    assert not dialog.invert_button.isChecked()
    dialog.invert_button.click()
    assert dialog.view.image is not None
    assert not dialog.view.image.any()


def test_what_is_dark_already_is_inverted_as_a_negative() -> None:
    assert inverted(np.array([[0, 10], [60, 255]], np.uint8)).tolist() == [[255, 245], [195, 0]]


def test_an_opened_picture_goes_to_another_model_of_its_shape_as_it_was_opened(
    of_digits: CompletionDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    of_digits.show_picture(PAPER)
    chain = ImageChain(GreyLevels(2), SIDE, SIDE)
    write(tmp_path, "bits", "nade", chain, (), {"hidden": 4, "output": "softmax"})
    load(of_digits.studio, qtbot, str(tmp_path / "checkpoints" / "bits.safetensors"))
    assert (of_digits.view.image == fitted_pixels(inverted(PAPER), chain)).all()
    load(of_digits.studio, qtbot, str(tmp_path / "checkpoints" / "digits.safetensors"))
    assert (of_digits.view.image == inverted(PAPER)).all()


def open_picture(dialog: CompletionDialog, qtbot: QtBot, path: Path) -> Pixels:
    """What the dialog shows once it has read the picture."""
    with qtbot.waitSignal(dialog.studio.opening.picture_opened):
        dialog.studio.opening.open_picture(path)
    assert dialog.view.image is not None
    return dialog.view.image


@pytest.mark.parametrize(("side", "levels"), [(SIDE, 2), (SIDE // 2, 256)])
def test_a_picture_opened_under_a_coarser_model_has_lost_nothing_for_the_next(
    of_digits: CompletionDialog, qtbot: QtBot, tmp_path: Path, side: int, levels: int
) -> None:
    paper = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE), np.uint8)
    Image.fromarray(paper).save(tmp_path / "noise.png")
    chain = ImageChain(GreyLevels(levels), side, side)
    write(tmp_path, "coarse", "nade", chain, (), {"hidden": 4, "output": "softmax"})
    load(of_digits.studio, qtbot, str(tmp_path / "checkpoints" / "coarse.safetensors"))
    assert (open_picture(of_digits, qtbot, tmp_path / "noise.png") == fitted_pixels(paper, chain)).all()
    load(of_digits.studio, qtbot, str(tmp_path / "checkpoints" / "digits.safetensors"))
    assert (of_digits.view.image == paper).all()


def test_paper_is_what_lies_around_the_part_that_the_model_sees_whatever_its_colour(
    of_digits: CompletionDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    photograph = np.zeros((200, 400, 3), np.uint8)  # of a dark table
    photograph[:, 100:300] = 230, 220, 150
    photograph[60:140, 190:210] = 30, 30, 60
    Image.fromarray(photograph).save(tmp_path / "table.png")
    image = open_picture(of_digits, qtbot, tmp_path / "table.png")
    assert of_digits.invert_button.isChecked()
    assert ground(image) == 0
    assert image[14, 14] > 200


def test_on_paper_in_shade_that_is_as_black_as_ink_in_two_levels_strokes_are_inverted_before(
    of_digits: CompletionDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    chain, factors = ImageChain(GreyLevels(2), SIDE, SIDE), (Category("digit", tuple("0123456789"), any=True),)
    write(tmp_path, "bits", "nade", chain, factors, {"hidden": 4, "output": "softmax"}, data_name="binarised_mnist")
    load(of_digits.studio, qtbot, str(tmp_path / "checkpoints" / "bits.safetensors"))
    Image.fromarray(PAPER // 2).save(tmp_path / "shade.png")
    image = open_picture(of_digits, qtbot, tmp_path / "shade.png")
    assert of_digits.invert_button.isChecked()
    assert (image == np.where(PAPER.max() > PAPER, 255, 0)).all()


def test_light_strokes_on_grey_are_not_inverted(of_digits: CompletionDialog) -> None:
    of_digits.show_picture(np.where(PAPER.max() > PAPER, 255, 140).astype(np.uint8))
    assert not of_digits.invert_button.isChecked()


@pytest.mark.parametrize(("drawn", "inverts"), [(0, True), (255, False)])
def test_without_examples_the_picture_of_the_model_tells_its_ground(
    studio: Studio, qtbot: QtBot, tmp_path: Path, drawn: int, inverts: bool
) -> None:
    (tmp_path / "checkpoints").mkdir()
    write(tmp_path, "any", "nade", ImageChain(GreyLevels(256), SIDE, SIDE), (), {"hidden": 4, "output": "softmax"})
    Image.new("L", (224, 224), drawn).save(tmp_path / "checkpoints" / "any.png")
    load(studio, qtbot, str(tmp_path / "checkpoints" / "any.safetensors"))
    dialog = CompletionDialog(studio)
    qtbot.addWidget(dialog)
    dialog.show_picture(PAPER)
    assert dialog.invert_button.isChecked() == inverts


def test_without_examples_and_where_its_picture_is_none_nothing_is_inverted(
    studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").mkdir()
    write(tmp_path, "any", "nade", ImageChain(GreyLevels(256), SIDE, SIDE), (), {"hidden": 4, "output": "softmax"})
    (tmp_path / "checkpoints" / "any.png").write_bytes(b"no picture")
    load(studio, qtbot, str(tmp_path / "checkpoints" / "any.safetensors"))
    dialog = CompletionDialog(studio)
    qtbot.addWidget(dialog)
    dialog.show_picture(PAPER)
    assert not dialog.invert_button.isChecked()


def test_every_ending_that_the_file_dialog_offers_is_read_and_none_is_missing(tmp_path: Path) -> None:
    endings = {ending for ending, form in Image.registered_extensions().items() if form in PICTURES}
    assert {f".{ending}" for ending in ENDINGS} == endings - {".pfm"}, "a PFM has 32 bits for each grey"
    for ending in ENDINGS:
        path = tmp_path / f"a.{ending}"
        Image.new("1" if ending == "pbm" else "L" if ending == "pgm" else "RGB", (9, 7), 1).save(path)
        assert opened(*read_bytes(path)).shape == (7, 9, 3)


def test_on_a_low_screen_the_choices_scroll_and_the_button_stays(dialog: CompletionDialog, qtbot: QtBot) -> None:
    dialog.resize(860, 360)
    qtbot.wait(1)
    assert dialog.height() == 360
    button = dialog.complete_button
    assert dialog.rect().contains(button.geometry())


# --- a model whose order can be chosen ------------------------------------------------------------------------------


@pytest.fixture
def ordered(studio: Studio, qtbot: QtBot, tmp_path: Path) -> CompletionDialog:
    """A dialog with a completion that has been drawn along the order which begins with what is known."""
    (tmp_path / "checkpoints").mkdir()
    chain = ImageChain(GreyLevels(2), HEIGHT, WIDTH)
    write(tmp_path, "orderless", "orderless_nade", chain, (Order("order", HEIGHT, WIDTH),), {"hidden": [12]})
    load(studio, qtbot, str(tmp_path / "checkpoints" / "orderless.safetensors"))
    studio.change("pace", pace=math.inf)
    dialog = CompletionDialog(studio)
    qtbot.addWidget(dialog)
    dialog.show_picture(RAMP)
    dialog.parts["upper half"].click()
    assert "Exact" in dialog.note.text()
    dialog.complete_button.click()
    finish(studio, qtbot)
    return dialog


def test_a_completion_along_an_order_can_be_drawn_anew_from_any_step(ordered: CompletionDialog, qtbot: QtBot) -> None:
    studio = ordered.studio
    assert studio.take is not None
    order = studio.take.traces[0].segment.condition["order"]
    assert order.startswith("random 0 after ")
    studio.looking.pin(Pointer(0, 30))
    studio.editing.new_noise()
    finish(studio, qtbot)
    assert len(studio.take.samples[0].branches) == 2
    assert studio.take.traces[0].segment.condition["order"] == order


def test_what_is_known_to_one_completion_is_not_to_the_next_take(ordered: CompletionDialog, qtbot: QtBot) -> None:
    studio = ordered.studio
    take = studio.take
    assert take is not None
    assert studio.settings is not None
    assert studio.settings.condition == {"order": "random 0"}
    studio.begin()
    finish(studio, qtbot)
    studio.opening.open_history(take.id)
    qtbot.waitUntil(lambda: studio.take is not None and studio.take.id == take.id)
    assert studio.settings.condition == {"order": "random 0"}
    studio.begin()
    assert studio.take is not None
    assert isinstance(studio.take.chain, ImageChain)
    assert studio.take.chain.order == "random 0"
    finish(studio, qtbot)
