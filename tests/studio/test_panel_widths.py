"""Docks keep the width that they were given, whatever is shown between them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QApplication, QDockWidget
from pytestqt.qtbot import QtBot

from studio.app import MainWindow
from studio.canvas.sound import SoundCanvas
from studio.state import Studio
from studio.theme import DARK, apply_theme
from studio.widgets.layouts import PanelScroll
from tests.studio.conftest import IMAGE, SOUND, finish, load

LOW = QSize(1280, 720)


@pytest.fixture
def window(studio: Studio, qtbot: QtBot) -> Iterator[MainWindow]:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, DARK)
    window = MainWindow(studio)
    window.restore_layout()
    window.resize(LOW)
    window.show()
    yield window
    window.close()
    window.deleteLater()


def test_no_model_no_overlay_and_no_number_of_clips_narrows_a_dock(window: MainWindow, qtbot: QtBot) -> None:
    studio = window.studio

    def widths() -> list[int]:
        qtbot.wait(30)
        return [dock.width() for dock in window.docks]

    before = widths()
    for model in (IMAGE, SOUND):
        load(studio, qtbot, model)
        studio.set_overlay("entropy")
        studio.change("count", count=6)
        studio.change("pace", pace=math.inf)
        studio.begin()
        finish(studio, qtbot)
        studio.looking.move_cursor(3)
        if isinstance(window.canvas, SoundCanvas):
            qtbot.waitUntil(window.canvas.gram.picture.isVisible)
        assert (model, widths()) == (model, before)
    assert window.size() == LOW


@pytest.mark.parametrize("model", [IMAGE, SOUND])
def test_the_window_fits_a_screen_of_1920_pixels_at_200_percent(window: MainWindow, qtbot: QtBot, model: str) -> None:
    load(window.studio, qtbot, model)
    window.studio.change("pace", pace=math.inf)
    window.studio.change("count", count=6)
    window.studio.begin()
    finish(window.studio, qtbot)
    window.studio.looking.move_cursor(3)
    window.resize(1, 1)
    qtbot.wait(30)
    assert window.width() <= 940
    assert window.height() <= 620
    assert window.transport.main_button.width() >= window.transport.main_button.sizeHint().width()
    parts = [*window.docks, window.centre]
    for n, part in enumerate(parts):
        assert window.rect().contains(part.geometry())
        assert not any(part.geometry().intersects(other.geometry()) for other in parts[:n])
        inside = part.widget() if isinstance(part, QDockWidget) else part
        assert inside.width() >= inside.minimumSizeHint().width(), "nothing is cut off"


def test_the_status_bar_elides_a_long_title_where_it_is_full(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(1, 1)
    for field, text in (
        (window.engine_label, "compiled engine · CUDA"),
        (window.speed_label, "112 345 steps/s"),
        (window.left_label, "at most 1234.5 s left"),
        (window.sound_label, "no sound"),
        (window.model_label, "PixelCNN auto-encoder · Fashion-MNIST · seed 123 456, sample 10"),
    ):
        field.say(text)
    qtbot.wait(30)
    bar, last = window.statusBar(), window.model_label
    assert bar.minimumSizeHint().width() <= window.width()
    assert last.geometry().right() < bar.width()
    assert last.width() < last.sizeHint().width(), "it is the one that gives way"
    assert window.engine_label.width() >= window.engine_label.sizeHint().width()


def test_the_window_fits_a_low_screen(window: MainWindow, qtbot: QtBot) -> None:
    """768 pixels at 125 %, of which the title and the task bar take some."""
    load(window.studio, qtbot, SOUND)
    window.studio.change("pace", pace=math.inf)
    window.studio.change("count", count=6)
    window.studio.begin()
    finish(window.studio, qtbot)
    qtbot.wait(30)
    assert window.minimumSizeHint().height() <= 768 / 1.25 - 50


def test_at_1280_by_720_all_settings_stand_without_scrolling(window: MainWindow, qtbot: QtBot) -> None:
    load(window.studio, qtbot, SOUND)
    window._arrange()
    qtbot.wait(30)
    (scroll,) = window.sampling_panel.findChildren(PanelScroll)
    assert scroll.verticalScrollBar().maximum() == 0
    assert window.inspector.plot.height() >= 150
