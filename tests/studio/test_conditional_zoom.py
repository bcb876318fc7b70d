"""Zooming in on some of the values of a conditional."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QKeyEvent, QWheelEvent
from pytestqt.qtbot import QtBot

from models.chain import Alphabet, GreyLevels, ImageChain, LinearAmplitudes, MuLaw
from models.shaping import NEUTRAL
from studio.messages import Inspection
from studio.panels.conditional_plots import LEAST_ZOOMED, ConditionalPlot, RankedPlot, shown_levels
from studio.panels.inspector import InspectorPanel
from studio.state import Studio
from tests.models.test_files import empty_take
from tests.studio.conftest import finish

GREY, NOTCH = GreyLevels(256), 120


def plot_of(qtbot: QtBot, alphabet: Alphabet = GREY, symbol: int | None = 100) -> ConditionalPlot:
    plot = ConditionalPlot()
    qtbot.addWidget(plot)
    plot.resize(320, 200)
    plot.zoomed.connect(plot.show_span)
    plot.show()
    show(plot, alphabet, symbol)
    return plot


def show(plot: ConditionalPlot, alphabet: Alphabet = GREY, symbol: int | None = 100) -> None:
    p = np.exp(-0.5 * ((np.arange(alphabet.size) - 100) / 4) ** 2)
    p /= p.sum()
    plot.show_inspection(Inspection(1, 0, 5, p, p, NEUTRAL, symbol, clamped=False), alphabet)


def turn(plot: ConditionalPlot, notches: float, at: float, *, along: bool = False, sideways: float = 0) -> None:
    where = QPointF(at, plot.height() / 2)
    shift = Qt.KeyboardModifier.ShiftModifier if along else Qt.KeyboardModifier.NoModifier
    turned = QPoint(round(NOTCH * sideways), round(NOTCH * notches))
    none = Qt.MouseButton.NoButton
    plot.wheelEvent(QWheelEvent(where, where, QPoint(), turned, none, shift, Qt.ScrollPhase.NoScrollPhase, False))


def press(plot: ConditionalPlot, key: Qt.Key) -> None:
    plot.keyPressEvent(QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier))


def picture(plot: ConditionalPlot, symbol: int | None) -> QImage:
    """Of the curve, without the words above."""
    show(plot, symbol=symbol)
    image = QImage(plot.size(), QImage.Format.Format_RGB32)
    image.fill(0)
    plot.render(image)
    return image.copy(0, image.height() // 2, image.width(), image.height() // 2)


def test_the_wheel_zooms_in_about_the_value_under_the_pointer(qtbot: QtBot) -> None:
    plot = plot_of(qtbot)
    for _ in range(6):
        x = plot.x_of(100)
        turn(plot, 1, x)
        assert abs(plot.x_of(100) - x) <= (plot.x_of(101) - plot.x_of(100)) / 2
    assert 50 < len(plot.levels) < 80
    assert plot.symbol_at(plot.x_of(97)) == 97


def test_as_few_values_as_can_be_told_apart_and_not_fewer_than_that(qtbot: QtBot) -> None:
    plot = plot_of(qtbot)
    for _ in range(40):
        turn(plot, 1, plot.x_of(100))
    assert len(plot.levels) == LEAST_ZOOMED
    for _ in range(40):
        turn(plot, -1, plot.x_of(100))
    assert plot.span is None
    assert plot.levels == range(256)


def test_a_touch_pad_that_turns_by_little_zooms_in_and_out(qtbot: QtBot) -> None:
    plot = plot_of(qtbot)
    for _ in range(300):
        turn(plot, 0.1, 150, sideways=0.02)
    assert len(plot.levels) == LEAST_ZOOMED
    for _ in range(300):
        turn(plot, -0.1, 150, sideways=0.02)
    assert plot.span is None


def test_a_wheel_that_does_not_turn_and_moving_along_all_values_change_nothing(qtbot: QtBot) -> None:
    plot = plot_of(qtbot)
    zoomed: list[object] = []
    plot.zoomed.connect(zoomed.append)
    turn(plot, 0, 150)
    turn(plot, 2, 150, along=True)
    turn(plot, 0, 150, sideways=-2)
    assert zoomed == []


def test_after_the_wheel_the_value_under_the_pointer_is_told(qtbot: QtBot) -> None:
    plot = plot_of(qtbot)
    turn(plot, 8, 150)
    turn(plot, -2, 150, along=True)
    assert plot.aim == plot.symbol_at(150)


def test_what_was_zoomed_in_on_stays_from_step_to_step_until_the_axis_is_clicked(qtbot: QtBot) -> None:
    plot = plot_of(qtbot)
    turn(plot, 5, plot.x_of(100))
    levels = plot.levels
    show(plot, symbol=101)
    assert plot.levels == levels
    chosen: list[int] = []
    plot.value_chosen.connect(chosen.append)
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(150, plot.height() - 5))
    assert plot.levels == range(256)
    assert chosen == [], "the axis is no value"


def test_with_shift_the_wheel_moves_along_and_stops_at_the_ends(qtbot: QtBot) -> None:
    plot = plot_of(qtbot)
    turn(plot, 8, plot.x_of(100))
    before = plot.levels
    turn(plot, -2, 150, along=True)
    assert len(plot.levels) == len(before)
    assert plot.levels.start > before.start
    for _ in range(100):
        turn(plot, -3, 150, along=True)
    assert plot.levels[-1] == 255


def test_a_value_that_was_drawn_outside_is_told_and_marked_nowhere(qtbot: QtBot) -> None:
    plot = plot_of(qtbot, symbol=20)
    assert picture(plot, 20) != picture(plot, None)
    plot.show_span(range(80, 120))
    assert picture(plot, 20) == picture(plot, None)
    assert picture(plot, 90) != picture(plot, None)


def test_by_keys_one_zooms_and_what_is_shown_follows_the_value(qtbot: QtBot) -> None:
    plot = plot_of(qtbot)
    for key in (Qt.Key.Key_Plus, Qt.Key.Key_Plus, Qt.Key.Key_Equal):
        press(plot, key)
    assert len(plot.levels) == pytest.approx(256 / 1.25**3, abs=2)
    plot.show_span(range(96, 104))
    for _ in range(8):
        press(plot, Qt.Key.Key_Right)
        assert plot.aim in plot.levels
    assert plot.aim == 108, "from the likeliest on"
    press(plot, Qt.Key.Key_Minus)
    assert len(plot.levels) == 10
    press(plot, Qt.Key.Key_0)
    assert plot.levels == range(256)


def test_the_stop_symbol_is_always_there(qtbot: QtBot) -> None:
    plot = plot_of(qtbot, MuLaw(256, stop=True))
    turn(plot, 6, plot.x_of(100))
    assert plot.symbol_at(plot.x_of(256)) == 256


def test_of_many_levels_what_is_likely_is_shown_and_one_zooms_on_from_there(qtbot: QtBot) -> None:
    fine = LinearAmplitudes(65536)
    plot = plot_of(qtbot, fine)
    assert plot.inspection is not None
    likely = shown_levels(plot.inspection, fine)
    assert plot.levels == likely
    turn(plot, 1, 160)
    assert len(plot.levels) == round(len(likely) / 1.25)
    for _ in range(60):
        turn(plot, -1, 160)
    assert plot.levels == range(65536)
    press(plot, Qt.Key.Key_0)
    assert plot.levels == likely


def test_a_list_of_the_likeliest_does_not_zoom(qtbot: QtBot) -> None:
    ranked = RankedPlot()
    qtbot.addWidget(ranked)
    show(ranked)
    zoomed: list[object] = []
    ranked.zoomed.connect(zoomed.append)
    turn(ranked, 3, 100)
    press(ranked, Qt.Key.Key_Plus)
    assert zoomed == []


def test_another_take_of_the_same_values_keeps_the_zoom_and_one_of_others_does_not(
    image_studio: Studio, qtbot: QtBot
) -> None:
    panel = InspectorPanel(image_studio)
    qtbot.addWidget(panel)
    image_studio.change("test", pace=math.inf)
    image_studio.begin()
    finish(image_studio, qtbot)
    panel.plot.zoomed.emit(range(2, 12))
    assert {plot.span for plot in panel.plots} == {range(2, 12)}
    image_studio.begin()
    finish(image_studio, qtbot)
    assert panel.plot.span == range(2, 12)
    image_studio.show_take(empty_take(ImageChain(GREY, 3, 3)))
    assert panel.plot.span is None
