"""The canvas of images, painted offscreen on takes made by hand."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QRegion
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from models.chain import DRAW, GreyLevels, ImageChain
from models.completion import how_it_is_completed
from models.orders import order_after
from models.trace import Take
from studio.app import MainWindow
from studio.canvas.cells import lay_out
from studio.canvas.common import HEAT
from studio.canvas.demo import empty_take, grow
from studio.canvas.given import GivenBorder
from studio.canvas.image import ImageCanvas
from studio.canvas.order import UNDER_NUMBERS, inks, jumps, order_colours, order_numbers, order_picture, paint_order
from studio.inference import InferenceThread
from studio.looking import Pointer
from studio.messages import Influence
from studio.state import Studio
from studio.theme import DARK, LIGHT, Theme, apply_theme
from tests.studio.conftest import finish
from tests.studio.melody_chain import MELODY

CHAIN = ImageChain(GreyLevels(256), 8, 6)
COLOUR = ImageChain(GreyLevels(256), 4, 4, 3)
RAMP = np.arange(48, dtype=np.int32) * 5


@pytest.fixture
def canvas(idle: Studio, qtbot: QtBot) -> ImageCanvas:
    canvas = ImageCanvas(idle)
    qtbot.addWidget(canvas)
    canvas.resize(500, 420)
    canvas.show()
    return canvas


def show(studio: Studio, count: int = 1, steps: int = 20, chain: ImageChain = CHAIN) -> Take:
    take = empty_take(chain, count)
    studio.show_take(take, None)
    draw(studio, take, steps)
    return take


def draw(studio: Studio, take: Take, steps: int) -> None:
    chain = take.model.chain
    for trace in take.traces:
        grow(trace, np.resize(RAMP, chain.limit)[len(trace) : len(trace) + steps], chain)
        trace.finished = len(trace) == chain.length
    studio.worker.grown.emit(take.id)


def look(canvas: ImageCanvas) -> QImage:
    return canvas.grid.grab().toImage()


def colour_at(canvas: ImageCanvas, step: int, sample: int = 0) -> QColor:
    """The colour at the centre of a step's pixel."""
    at = canvas.grid.position_of(Pointer(sample, step)).toPoint()
    return look(canvas).pixelColor(at)


def colour_beside(canvas: ImageCanvas, step: int, sample: int = 0, distance: int = 1) -> QColor:
    """The colour some device pixels left of a step's pixel."""
    pixel = canvas.grid._pixels(Pointer(sample, step))[0]
    return look(canvas).pixelColor(pixel.left() - distance, pixel.center().y())


def test_pixels_are_squares_of_whole_device_pixels_in_the_grid_closest_to_a_square() -> None:
    layout = lay_out(range(16), ImageChain(GreyLevels(256), 28, 28), 812, 660, 1.0)
    assert (layout.columns, layout.rows, layout.scale) == (4, 4, 5)
    assert {(cell.width(), cell.height()) for cell in layout.cells} == {(140, 140)}


def test_the_scale_counts_device_pixels_where_the_screen_has_two_to_one() -> None:
    layout = lay_out(range(1), CHAIN, 1000, 840, 2.0)
    assert layout.scale == (840 - 2 * 32) // 8


def test_an_image_larger_than_the_canvas_is_shrunk_by_a_whole_divisor() -> None:
    layout = lay_out(range(1), ImageChain(GreyLevels(256), 1024, 1024), 600, 600, 1.0)
    assert layout.scale == 0.5


def test_the_grid_of_64_images_lies_inside_the_canvas() -> None:
    layout = lay_out(range(64), ImageChain(GreyLevels(256), 28, 28), 620, 480, 1.0)
    assert len(layout.cells) == 64
    assert all(c.left() >= 0 and c.right() < 620 and c.top() >= 0 and c.bottom() < 480 for c in layout.cells)


def test_a_drawn_pixel_shows_its_grey_level(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle)
    assert [colour_at(canvas, step).red() for step in (0, 7, 18)] == [0, 35, 90]


@pytest.mark.parametrize("order", ["spiral", "random 5"])
def test_in_any_order_steps_stand_where_they_belong(idle: Studio, canvas: ImageCanvas, order: str) -> None:
    chain = ImageChain(GreyLevels(256), 8, 6, order=order)
    take = show(idle, steps=20, chain=chain)
    assert [colour_at(canvas, step).red() for step in (0, 7, 18)] == [0, 35, 90]
    assert colour_beside(canvas, 20) == DARK.now
    for step in (0, 11, 47):
        assert canvas.grid.pointer_at(canvas.grid.position_of(Pointer(0, step))) == Pointer(0, step)
    draw(idle, take, 8)
    assert colour_at(canvas, 27).red() == 135
    idle.looking.move_cursor(4)
    assert colour_at(canvas, 3).red() == 15
    assert {colour_at(canvas, step).red() == 5 * step for step in (5, 12, 27)} == {False}
    idle.looking.follow()
    assert [colour_at(canvas, step).red() for step in (5, 12, 27)] == [25, 60, 135]


@pytest.mark.parametrize("order", ["raster", "spiral", "random 5"])
def test_only_what_changes_is_painted_but_all_of_it(idle: Studio, canvas: ImageCanvas, order: str) -> None:
    """What is on the screen after many small paintings is what one painting of everything gives."""
    chain = ImageChain(GreyLevels(256), 8, 6, order=order)
    take = show(idle, count=3, steps=5, chain=chain)
    screen = QImage(canvas.grid.size(), QImage.Format.Format_RGB32)
    canvas.grid.render(screen)

    regions: list[QRegion] = []

    class Watcher(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if isinstance(event, QPaintEvent):
                regions.append(QRegion(event.region()))
            return False

    QApplication.processEvents()
    watcher = Watcher()
    canvas.grid.installEventFilter(watcher)
    for change in (
        lambda: draw(idle, take, 7),
        lambda: idle.looking.move_cursor(9),
        lambda: idle.looking.move_cursor(3),
        lambda: idle.looking.pin(Pointer(1, 6)),
        lambda: draw(idle, take, 11),
        lambda: idle.looking.move_cursor(15),
        lambda: idle.looking.follow(),
        lambda: draw(idle, take, 9),
    ):
        regions.clear()
        change()
        QApplication.processEvents()
        painted = list(regions)
        for region in painted:
            canvas.grid.render(screen, region.boundingRect().topLeft(), region)
        assert screen == look(canvas).convertToFormat(QImage.Format.Format_RGB32)


def test_what_is_not_drawn_is_hatched_and_never_black(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=6)
    image, at = look(canvas), canvas.grid.position_of(Pointer(0, 40)).toPoint()
    colours = {image.pixelColor(at.x() + dx, at.y() + dy).name() for dx in range(8) for dy in range(8)}
    assert len(colours) > 1
    assert "#000000" not in colours


def outlined(canvas: ImageCanvas, sample: int = 0) -> list[int]:
    """The steps whose pixel has amber on its left and its right."""
    image, found = look(canvas), []
    for step in range(CHAIN.length):
        pixel = canvas.grid._pixels(Pointer(sample, step))[0]
        sides = (pixel.left() - 1, pixel.right() + 1)
        if all(image.pixelColor(x, pixel.center().y()) == DARK.now for x in sides):
            found.append(step)
    return found


def test_at_the_frontier_the_pixel_that_is_not_drawn_yet_is_outlined_in_amber(
    idle: Studio, canvas: ImageCanvas
) -> None:
    """It is the one whose conditional the inspector shows and whose place the transport names."""
    take = show(idle, steps=20)
    assert idle.looking.cursor == 20
    assert outlined(canvas) == [20]
    draw(idle, take, 4)
    assert outlined(canvas) == [24]


def test_before_anything_is_drawn_the_first_pixel_is_outlined(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=0)
    assert outlined(canvas) == [0]


def test_a_finished_image_has_no_next_pixel(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=48)
    assert outlined(canvas) == []


def test_behind_the_frontier_the_pixel_at_the_cursor_is_outlined_and_keeps_its_value(
    idle: Studio, canvas: ImageCanvas
) -> None:
    show(idle, steps=20)
    idle.looking.move_cursor(15)
    assert outlined(canvas) == [15]
    assert colour_at(canvas, 14).red() == 70


@pytest.mark.filterwarnings("error")
def test_a_take_of_another_modality_leaves_the_canvas_blank(idle: Studio, canvas: ImageCanvas, qtbot: QtBot) -> None:
    """Canvases of other modalities stay alive behind the one that is shown."""
    show(idle)
    take = empty_take(MELODY)
    idle.show_take(take, None)
    idle.set_overlay("entropy")
    idle.looking.pin(Pointer(0, 0))
    idle.worker.grown.emit(take.id)
    qtbot.mouseClick(canvas.grid, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    assert look(canvas).pixelColor(200, 200) == DARK.window
    assert canvas.copied() is None


def test_steps_beyond_the_cursor_are_ghosted_and_the_cursor_is_outlined(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=48)
    idle.looking.move_cursor(20)
    assert colour_at(canvas, 18).red() == 90
    assert colour_at(canvas, 40).red() < 0.5 * 200
    assert colour_beside(canvas, 20) == DARK.now


def test_following_again_lifts_the_veil(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=48)
    idle.looking.move_cursor(20)
    idle.looking.follow()
    assert colour_at(canvas, 40).red() == 200


def test_a_pinned_step_has_a_thicker_outline_than_a_hovered_one(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle)
    idle.looking.hover(Pointer(0, 8))
    assert colour_beside(canvas, 8, distance=1) == DARK.chosen
    assert colour_beside(canvas, 8, distance=2) != DARK.chosen
    idle.looking.pin(Pointer(0, 8))
    assert colour_beside(canvas, 8, distance=2) == DARK.chosen


def test_the_selected_sample_is_framed_in_blue(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, count=4)
    idle.looking.select(2)
    assert colour_beside(canvas, 0, sample=2) == DARK.chosen
    assert colour_beside(canvas, 0, sample=1) == DARK.line


def test_the_overlay_paints_the_entropy_as_heat_and_shows_its_scale(idle: Studio, canvas: ImageCanvas) -> None:
    take = show(idle)
    idle.set_overlay("entropy")
    expected = int(HEAT[int(take.traces[0].entropy[7] / 8 * 255)])
    assert colour_at(canvas, 7).rgb() == expected
    assert canvas.legend.isVisible()
    assert "8 bits" in canvas.legend.accessibleName()


def test_steps_without_figures_stay_grey_until_they_are_scored(idle: Studio, canvas: ImageCanvas) -> None:
    take = empty_take(CHAIN)
    nothing = np.full(20, np.nan, np.float32)
    take.traces[0].append(RAMP[:20], nothing, nothing, np.zeros(20, np.bool_))
    idle.show_take(take, None)
    idle.set_overlay("surprise")
    assert colour_at(canvas, 7).rgb() == QColor(35, 35, 35).rgb()
    take.traces[0].surprise[:] = 4.0
    take.traces[0].entropy[:] = 4.0
    idle.worker.scored.emit(take.id)
    assert colour_at(canvas, 7).rgb() == int(HEAT[127])


def test_moving_the_mouse_hovers_and_leaving_ends_it(idle: Studio, canvas: ImageCanvas, qtbot: QtBot) -> None:
    show(idle, count=4)
    qtbot.mouseMove(canvas.grid, canvas.grid.position_of(Pointer(3, 11)).toPoint())
    assert idle.looking.hovered == Pointer(3, 11)
    QApplication.sendEvent(canvas.grid, QEvent(QEvent.Type.Leave))
    assert idle.looking.hovered is None


def test_a_click_pins_a_pixel_and_selects_its_sample_and_another_lets_go(
    idle: Studio, canvas: ImageCanvas, qtbot: QtBot
) -> None:
    show(idle, count=4)
    at = canvas.grid.position_of(Pointer(3, 11)).toPoint()
    qtbot.mouseClick(canvas.grid, Qt.MouseButton.LeftButton, pos=at)
    assert (idle.looking.pinned, idle.looking.selected) == (Pointer(3, 11), 3)
    qtbot.mouseClick(canvas.grid, Qt.MouseButton.LeftButton, pos=at)
    assert idle.looking.pinned is None


def test_a_pixel_not_drawn_yet_cannot_be_pinned_but_its_sample_selected(
    idle: Studio, canvas: ImageCanvas, qtbot: QtBot
) -> None:
    show(idle, count=4, steps=5)
    at = canvas.grid.position_of(Pointer(1, 40)).toPoint()
    qtbot.mouseClick(canvas.grid, Qt.MouseButton.LeftButton, pos=at)
    assert (idle.looking.pinned, idle.looking.selected) == (None, 1)
    qtbot.mouseMove(canvas.grid, at + QPoint(1, 0))
    assert idle.looking.hovered is None
    assert canvas.read_out.text().endswith("not drawn yet")


def shown_samples(canvas: ImageCanvas) -> list[int]:
    return list(canvas.grid._grid.samples)


def double_click(qtbot: QtBot, canvas: ImageCanvas, pointer: Pointer) -> None:
    """As a mouse does it: a click, and the second press as a double click."""
    at = canvas.grid.position_of(pointer).toPoint()
    qtbot.mouseClick(canvas.grid, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseDClick(canvas.grid, Qt.MouseButton.LeftButton, pos=at)


def test_a_double_click_shows_a_sample_alone_and_another_all_again(
    idle: Studio, canvas: ImageCanvas, qtbot: QtBot
) -> None:
    show(idle, count=16)
    small = canvas.grid._grid.scale
    double_click(qtbot, canvas, Pointer(5, 11))
    assert (shown_samples(canvas), idle.looking.selected, idle.looking.pinned) == ([5], 5, None)
    assert canvas.grid._grid.scale >= 4 * small
    assert colour_at(canvas, 7, sample=5).red() == 35
    assert canvas.grid.pointer_at(canvas.grid.position_of(Pointer(5, 18))) == Pointer(5, 18)
    double_click(qtbot, canvas, Pointer(5, 11))
    assert shown_samples(canvas) == list(range(16))


def test_escape_shows_all_samples_again(idle: Studio, canvas: ImageCanvas, qtbot: QtBot) -> None:
    show(idle, count=4)
    double_click(qtbot, canvas, Pointer(2, 11))
    assert "Esc" in canvas.read_out.text()
    canvas.step_out()
    assert shown_samples(canvas) == [0, 1, 2, 3]
    assert "double click to enlarge" in canvas.read_out._hint


def test_a_sample_alone_grows_follows_the_selection_and_gives_way_to_another_take(
    idle: Studio, canvas: ImageCanvas, qtbot: QtBot
) -> None:
    take = show(idle, count=4, steps=10)
    double_click(qtbot, canvas, Pointer(2, 4))
    draw(idle, take, 10)
    assert colour_at(canvas, 18, sample=2).red() == 90
    idle.looking.select(3)
    assert shown_samples(canvas) == [3]
    assert colour_at(canvas, 7, sample=3).red() == 35
    show(idle, count=4)
    assert shown_samples(canvas) == [0, 1, 2, 3]


def test_escape_stops_a_walk_before_it_shows_all_samples_again(
    image_studio: Studio, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = MainWindow(image_studio)
    window.show()
    qtbot.waitExposed(window)
    image_studio.change("count", count=4)
    image_studio.change("pace", pace=30.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 2, timeout=20_000)
    canvas = window.canvas
    assert isinstance(canvas, ImageCanvas)
    double_click(qtbot, canvas, Pointer(1, 0))
    qtbot.keyClick(canvas.grid, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not image_studio.running)
    assert shown_samples(canvas) == [1]
    with monkeypatch.context() as patch:
        patch.setattr(InferenceThread, "walks_again", True)
        qtbot.keyClick(canvas.grid, Qt.Key.Key_Escape)
    assert shown_samples(canvas) == [1]
    qtbot.keyClick(window.timeline, Qt.Key.Key_Escape)
    assert shown_samples(canvas) == [0, 1, 2, 3]
    window.close()
    window.deleteLater()


def test_a_single_sample_cannot_be_enlarged_any_further(idle: Studio, canvas: ImageCanvas, qtbot: QtBot) -> None:
    show(idle)
    double_click(qtbot, canvas, Pointer(0, 11))
    assert not canvas.grid.alone
    assert "double click" not in canvas.read_out._hint


def test_the_read_out_names_place_value_and_surprise(idle: Studio, canvas: ImageCanvas) -> None:
    take = show(idle, count=4)
    idle.looking.hover(Pointer(3, 11))
    surprise = take.traces[3].surprise[11]
    for words in ("sample 3", "row 1, column 5", "value 55", f"surprise {surprise:.2f} bits"):
        assert words in canvas.read_out.text()


def test_the_thirds_of_a_colour_pixel_are_its_channels(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, chain=COLOUR)
    for step in range(6):
        assert canvas.grid.pointer_at(canvas.grid.position_of(Pointer(0, step))) == Pointer(0, step)


def test_a_colour_pixel_shows_the_channels_it_has(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=5, chain=COLOUR)
    assert colour_at(canvas, 0).rgb() == QColor(0, 5, 10).rgb()
    assert colour_at(canvas, 4).rgb() == QColor(15, 20, 0).rgb()


def test_another_branch_is_shown_at_once(idle: Studio, canvas: ImageCanvas) -> None:
    take = show(idle, steps=48)
    branch = take.branch(0, 10)
    branch.append(*(np.full(1, v, t) for v, t in ((255, np.int32), (1, np.float32), (1, np.float32), (1, np.bool_))))
    idle.branches_changed.emit()
    assert colour_at(canvas, 10).red() == 255
    assert colour_at(canvas, 40).red() != 200


class Painted(QObject):
    """The heights of the regions that a widget paints."""

    def __init__(self) -> None:
        super().__init__()
        self.heights: list[int] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.heights.append(event.region().boundingRect().height())  # type: ignore[attr-defined]
        return False


def test_growth_paints_only_the_rows_that_grew(idle: Studio, canvas: ImageCanvas) -> None:
    take = show(idle, steps=6)
    QApplication.processEvents()
    painted = Painted()
    canvas.grid.installEventFilter(painted)
    draw(idle, take, 6)
    QApplication.processEvents()
    assert painted.heights
    assert max(painted.heights) < canvas.grid.height() * 0.6


def test_without_a_model_the_canvas_invites_to_choose_one(canvas: ImageCanvas) -> None:
    assert canvas.invitation.isVisible()
    assert canvas.invitation.accessibleName().startswith("Choose a model")


def test_a_take_replaces_the_invitation(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle)
    assert not canvas.invitation.isVisible()


def test_the_canvas_follows_the_theme(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle)
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, LIGHT)
    assert look(canvas).pixelColor(2, 2) == LIGHT.window
    apply_theme(app, DARK)
    assert look(canvas).pixelColor(2, 2) == DARK.window


def test_a_step_takes_frame_and_facts_of_a_kept_pixel_away(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=48)
    idle.looking.move_cursor(30)
    idle.looking.pin(Pointer(0, 9))
    assert "value 45" in canvas.read_out.text()
    idle.step_by(1)
    assert idle.looking.pinned is None
    assert "value 45" not in canvas.read_out.text()
    idle.looking.pin(Pointer(0, 9))
    idle.looking.follow()
    assert "value 45" not in canvas.read_out.text()


def test_a_step_takes_the_facts_away_that_a_mouse_lies_on(idle: Studio, canvas: ImageCanvas, qtbot: QtBot) -> None:
    show(idle, steps=48)
    qtbot.mouseMove(canvas.grid, canvas.grid.position_of(Pointer(0, 9)).toPoint())
    assert "value 45" in canvas.read_out.text()
    idle.step_by(-1)
    assert "value 45" not in canvas.read_out.text()


def test_a_step_beyond_the_end_leaves_what_is_kept(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=48)
    idle.looking.pin(Pointer(0, 9))
    idle.step_by(1)
    assert idle.looking.pinned == Pointer(0, 9)


# --- order and influence --------------------------------------------------------------------------------------------


def test_the_order_lies_over_the_picture_as_a_path_along_the_steps(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, chain=ImageChain(GreyLevels(256), 30, 30))
    plain = look(canvas)
    idle.set_overlay("order")
    between = [canvas.grid.position_of(Pointer(0, step)).toPoint() for step in (200, 201)]
    middle = (between[0] + between[1]) / 2
    assert look(canvas).pixelColor(middle) != plain.pixelColor(middle)
    assert canvas.legend.isVisible()
    assert canvas.legend.accessibleName() == "Order, from pixel 0 to pixel 899"


def test_the_order_is_numbers_where_there_is_room(idle: Studio, canvas: ImageCanvas) -> None:
    """Black or white over a faint colour, through which the image is seen."""
    chain = ImageChain(GreyLevels(256), 4, 4)
    take = show(idle, chain=chain, steps=8)
    idle.set_overlay("order")
    numbered = look(canvas)
    for step in (5, 12):
        cell = canvas.grid._pixels(Pointer(0, step))[0]
        image = numbered.copy(cell)
        turn = order_colours(chain.length)[step]
        plain = np.array(image.pixelColor(3, 3).getRgb()[:3])
        if step < 8:
            expected = (1 - UNDER_NUMBERS) * int(take.traces[0].symbols[step]) + UNDER_NUMBERS * turn
            assert np.abs(plain - expected).max() <= 1.5
        seen = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
        assert len(seen & {"#000000", "#ffffff"}) == 1


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_every_number_stands_out_from_what_is_under_it(theme: Theme) -> None:
    """By what WCAG 2 asks of text, 4.5 : 1: over every grey, and over the ground of what is not drawn yet."""
    chain = ImageChain(GreyLevels(256), 16, 16, order="random 5")
    greys = np.arange(256).reshape(16, 16)
    for opaque in (True, False):
        pixels = np.uint32(0xFF000000) | (greys * 0x010101).astype(np.uint32) if opaque else np.zeros_like(greys)
        found = inks(chain, pixels.astype(np.uint32), theme.window)[..., 0]
        under = greys[..., None].repeat(3, -1) if opaque else np.array(theme.window.getRgb()[:3])
        seen = (1 - UNDER_NUMBERS) * under + UNDER_NUMBERS * order_colours(256)[chain.ranks]
        contrast = np.array(
            [
                contrast_of(QColor(*map(round, rgb)), QColor("white" if ink else "black"))
                for rgb, ink in zip(seen.reshape(-1, 3).tolist(), found.reshape(-1).tolist(), strict=True)
            ]
        )
        assert set(found.ravel().tolist()) <= {0, 255}
        assert contrast.min() >= 4.5


def contrast_of(one: QColor, other: QColor) -> float:
    """The contrast ratio of WCAG 2, 1 … 21."""

    def luminance(colour: QColor) -> float:
        parts = (colour.redF(), colour.greenF(), colour.blueF())
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_a_number_that_could_not_be_read_is_left_out(qapp: QApplication, ratio: float) -> None:
    """Three digits of ten logical pixels need more room than two, on any screen."""

    def numbered(side: int, pixel: int) -> bool:
        chain = ImageChain(GreyLevels(2), side, side)
        return order_numbers(chain, QSize(side * pixel, side * pixel) * ratio, ratio) is not None

    assert [numbered(28, pixel) for pixel in (18, 22, 32)] == [False, False, True]
    assert [numbered(8, pixel) for pixel in (16, 22, 32)] == [False, True, True]


def test_the_colours_of_the_order_get_ever_lighter_and_the_first_stands_out_from_black() -> None:
    """So that they are told apart without their hues; 3 : 1 is what WCAG 2 asks of a picture."""
    found = [contrast_of(QColor(*rgb), QColor("black")) for rgb in order_colours(32).tolist()]
    assert found == sorted(found)
    assert found[0] >= 3


def test_with_the_order_the_read_out_tells_the_number_of_the_pixel(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, chain=COLOUR, steps=30)
    idle.looking.hover(Pointer(0, 10))
    assert "pixel" not in canvas.read_out.text()
    idle.set_overlay("order")
    idle.looking.hover(Pointer(0, 10))
    assert canvas.read_out.text().startswith(f"pixel 3 of {len(COLOUR.pixels)}")


def test_where_a_path_would_be_a_tangle_every_pixel_has_the_colour_of_its_turn(
    idle: Studio, canvas: ImageCanvas
) -> None:
    """Half transparent, so that the image is seen through it."""
    chain = ImageChain(GreyLevels(256), 30, 30, order="random 5")
    take = show(idle, chain=chain, steps=chain.length)
    idle.set_overlay("order")
    turns = order_colours(chain.length).astype(float)
    for step in (0, 449, 899):
        grey = int(take.traces[0].symbols[step])
        shown = np.array(colour_at(canvas, step).getRgb()[:3])
        assert np.abs(shown - (grey + turns[step]) / 2).max() <= 1.5


def test_a_path_is_a_tangle_if_it_jumps_more_often_than_two_passes_in_rows() -> None:
    known = np.indices((28, 28))[0] >= 14
    plain = ["raster", "columns", "spiral", order_after(known, "raster")]
    tangled = ["centre out", "random 5", "coarse 2 first", "coarse 4 first"]
    for order in plain + tangled:
        assert jumps(ImageChain(GreyLevels(2), 28, 28, order=order)) == (order in tangled), order


def influenced(step: int, sample: int = 0) -> Influence:
    """The last six steps can change it, the nearest most."""
    reach = np.arange(step) >= step - 6
    return Influence(0, sample, step, reach, np.where(reach, np.linspace(0, 0.5, step), 0.0))


def test_the_influence_is_heat_where_it_can_be_and_shade_elsewhere(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=30)
    idle.influence.show(influenced(20))
    assert colour_at(canvas, 19).rgb() == int(HEAT[255])
    assert canvas.legend.isVisible()
    assert "0.5 nats" in canvas.legend.accessibleName()
    drawn_later = colour_at(canvas, 25)
    idle.influence.show(None)
    assert colour_at(canvas, 25).lightness() > drawn_later.lightness()
    assert not canvas.legend.isVisible()


def test_what_hardly_influences_is_not_painted_as_strong(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=30)
    strong = influenced(20)
    idle.influence.show(replace(strong, strength=strong.strength * 1e-20))
    assert colour_at(canvas, 19).rgb() == int(HEAT[0])
    assert "below 1e-06 nats" in canvas.legend.accessibleName()


def test_the_influence_is_painted_once_while_the_mouse_moves(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=30)
    idle.influence.show(influenced(20))
    look(canvas)
    painted = canvas.grid._painted_influence
    idle.looking.hover(Pointer(0, 3))
    look(canvas)
    assert canvas.grid._painted_influence is painted
    idle.influence.show(influenced(20))
    look(canvas)
    assert canvas.grid._painted_influence is not painted


def test_while_the_influence_is_computed_the_canvas_says_so(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=30)
    idle.influence.show(None, awaited=True)
    assert canvas.legend.isVisible()
    assert "computing …" in canvas.legend.accessibleName()
    idle.influence.show(None)
    assert not canvas.legend.isVisible()


def test_what_cannot_reach_a_step_is_hatched_and_only_that(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=30)
    idle.influence.show(influenced(20))

    def hues(step: int) -> set[int]:
        image = look(canvas).copy(canvas.grid._pixels(Pointer(0, step))[0].adjusted(3, 3, -3, -3))
        return {image.pixel(x, y) for x in range(image.width()) for y in range(image.height())}

    assert len(hues(9)) > 1
    assert len(hues(15)) == len(hues(25)) == 1


@pytest.mark.parametrize(("order", "size"), [("raster", 448), ("random 5", 448), ("spiral", 644)])
def test_the_order_is_painted_fast_enough_for_every_frame_of_a_change_of_size(
    qapp: QApplication, order: str, size: int
) -> None:
    chain = ImageChain(GreyLevels(256), 28, 28, order=order)
    seconds = []
    for more in range(3):
        began = time.thread_time()
        order_picture(chain, QSize(size + more, size + more), 1.0)
        seconds.append(time.thread_time() - began)
    assert min(seconds) < 0.03


def test_numbers_are_coloured_fast_enough_for_every_frame(qapp: QApplication) -> None:
    chain, cell = ImageChain(GreyLevels(256), 28, 28), QRect(0, 0, 28 * 32, 28 * 32)
    pixels = np.zeros((28, 28), np.uint32)
    image = QImage(cell.size(), QImage.Format.Format_RGB32)
    seconds = []
    with QPainter(image) as painter:
        for _ in range(4):  # the first one makes what is kept
            began = time.thread_time()
            paint_order(painter, chain, cell, pixels, DARK.window, 1.0)
            seconds.append(time.thread_time() - began)
    assert min(seconds[1:]) < 0.015


def test_of_a_colour_pixel_the_most_influential_channel_shows(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=30, chain=COLOUR)
    influence = Influence(0, 0, 9, np.arange(9) == 4, np.where(np.arange(9) == 4, 2.0, 0.0))
    idle.influence.show(influence)
    assert colour_at(canvas, 4).rgb() == int(HEAT[255])
    assert colour_at(canvas, 3).rgb() == int(HEAT[255])


def test_an_image_that_follows_a_hand_is_drawn_over_the_one_before(image_studio: Studio, qtbot: QtBot) -> None:
    canvas = ImageCanvas(image_studio)
    qtbot.addWidget(canvas)
    canvas.resize(500, 420)
    canvas.show()
    image_studio.drawing_along.draw()
    finish(image_studio, qtbot)
    before = canvas.grid._pictures[0].pixels.copy()
    image_studio.drawing_along.draw()
    assert (canvas.grid._pictures[0].pixels == before).all()
    finish(image_studio, qtbot)
    assert canvas.grid._pictures[0].full
    image_studio.change("slow", engine="reference")
    image_studio.drawing_along.draw()
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    assert image_studio.frontier < 48
    assert not canvas.grid._pictures[0].pixels.reshape(-1)[image_studio.frontier :].any()


# --- completion -----------------------------------------------------------------------------------------------------


def completed(studio: Studio, known: np.ndarray, count: int = 1, chain: ImageChain = CHAIN) -> Take:
    """A whole take of which a mask (H, W) was given."""
    symbols = np.resize(RAMP, chain.length)
    steps = np.repeat(known.reshape(-1)[chain.pixels], chain.channels)
    take = replace(empty_take(chain, count), given=tuple(np.where(steps, symbols, DRAW).tolist()))
    for trace in take.traces:
        bits = np.ones(chain.length, np.float32)
        trace.append(symbols, bits, bits, steps)
        trace.finished = True
    studio.show_take(take, None)
    return take


def sides(canvas: ImageCanvas, known: np.ndarray, colour: QColor, sample: int = 0) -> None:
    """Between which neighbours the colour lies: those of which one was given and one was not."""
    image = look(canvas)
    for row, column in np.ndindex(*known.shape):
        pixel = canvas.grid._cells[sample][0].block(row, column)
        if column:
            seen = image.pixelColor(pixel.left(), pixel.center().y()) == colour
            assert seen == (known[row, column] != known[row, column - 1]), (row, column)
        if row:
            seen = image.pixelColor(pixel.center().x(), pixel.top()) == colour
            assert seen == (known[row, column] != known[row - 1, column]), (row, column)


@pytest.mark.parametrize("theme", [DARK, LIGHT])
@pytest.mark.parametrize("order", ["raster", "random 5"])
def test_a_line_goes_between_what_was_given_and_what_was_drawn(
    idle: Studio, canvas: ImageCanvas, order: str, theme: Theme
) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, theme)
    rows, columns = np.indices((8, 6))
    known = (np.hypot(rows - 4, columns - 2) > 2) | ((rows == 4) & (columns == 2))
    completed(idle, known, count=4, chain=ImageChain(GreyLevels(256), 8, 6, order=order))
    for sample in (0, 3):
        sides(canvas, known, theme.chosen, sample)
    apply_theme(app, DARK)


def test_a_take_of_which_nothing_was_given_has_no_line(idle: Studio, canvas: ImageCanvas) -> None:
    show(idle, steps=48)
    sides(canvas, np.zeros((8, 6), np.bool_), DARK.chosen)


def test_the_line_ends_with_the_image(idle: Studio, canvas: ImageCanvas) -> None:
    completed(idle, np.indices((8, 6))[0] < 4, count=2)
    image, below = look(canvas), canvas.grid._cells[1][0].block(4, 0, columns=6)
    line = [image.pixelColor(x, below.top()) for x in range(below.left() - 2, below.right() + 3)]
    # Beside the image lie its frame and the stage.
    assert line == [DARK.window, DARK.line, *below.width() * [DARK.chosen], DARK.line, DARK.window]


def test_no_line_is_drawn_where_it_would_bury_the_image(idle: Studio) -> None:
    chain = ImageChain(GreyLevels(2), 28, 28)
    rows, columns = np.indices((28, 28))
    takes = completed(idle, rows < 14, chain=chain), completed(idle, (rows + columns) % 2 == 0, chain=chain)
    drawn = {scale: [bool(GivenBorder(take, scale, 1.0).lines) for take in takes] for scale in (2, 3, 5, 18)}
    assert drawn == {2: [False, False], 3: [True, False], 5: [True, False], 18: [True, True]}


def test_the_line_is_made_once_for_a_take_and_a_layout(idle: Studio, canvas: ImageCanvas) -> None:
    completed(idle, np.indices((8, 6))[0] < 4)
    look(canvas)
    made = canvas.grid._border
    idle.looking.hover(Pointer(0, 3))
    look(canvas)
    assert canvas.grid._border is made
    canvas.resize(400, 320)
    look(canvas)
    assert canvas.grid._border is not made


def test_what_is_copied_has_no_line(idle: Studio, canvas: ImageCanvas) -> None:
    completed(idle, np.indices((8, 6))[0] < 4)
    image = canvas.copied()
    assert image is not None
    assert [image.pixelColor(n % 6, n // 6).getRgb()[:3] for n in range(48)] == [(5 * n,) * 3 for n in range(48)]


def test_the_read_out_tells_what_was_given_from_what_an_edit_put_there(idle: Studio, canvas: ImageCanvas) -> None:
    canvas.resize(700, 420)  # with room for all facts
    take = completed(idle, np.indices((8, 6))[0] < 4)
    idle.looking.hover(Pointer(0, 7))
    assert canvas.read_out.text().endswith("given")
    idle.looking.hover(Pointer(0, 30))
    assert canvas.read_out.text().endswith("bits")
    for step in (30, 7):
        branch = take.branch(0, step, value=255)
        bits = np.ones(1, np.float32)
        branch.append(np.full(1, 255, np.int32), bits, bits, np.ones(1, np.bool_))
        idle.branches_changed.emit()
        idle.looking.hover(Pointer(0, step))
        assert canvas.read_out.text().endswith("put there")


@pytest.mark.parametrize(
    ("different", "words"),
    [
        (1, "all images alike: a poor approximation, a higher count comes closer, an orderless model is exact"),
        (3, "3 different images: a poor approximation, a higher count comes closer, an orderless model is exact"),
        (8, "8 different images"),
    ],
)
def test_particles_of_which_few_survive_are_called_a_poor_approximation(
    idle: Studio, different: int, words: str
) -> None:
    take = replace(completed(idle, np.indices((8, 6))[0] > 4, count=32), resampled=(30, 48))
    for n, trace in enumerate(take.traces):
        trace.symbols[0] = n % different
    assert how_it_is_completed(take) == f"Completion by 32 particles, {words} (drawn anew 1 time)"
