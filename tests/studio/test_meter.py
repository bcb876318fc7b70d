"""The level meter beside the volume."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from studio.widgets.meter import FLOOR_DB, LevelMeter


@pytest.fixture
def meter(qtbot: QtBot) -> LevelMeter:
    meter = LevelMeter()
    qtbot.addWidget(meter)
    meter.resize(88, 6)
    meter.show()
    return meter


def test_it_rises_at_once_and_falls_slowly_while_the_peak_is_held(meter: LevelMeter, qtbot: QtBot) -> None:
    meter.show_level(0.5, False)
    assert meter.level == pytest.approx(-6.02, abs=0.01)
    qtbot.wait(300)
    meter.show_level(0.0, False)
    assert -14 < meter.level < -8
    assert meter.held == pytest.approx(-6.02, abs=0.01)
    meter.show_level(1.0, False)
    assert meter.level == meter.held == 0


def test_silence_comes_to_rest_and_leaves_no_timer(meter: LevelMeter, qtbot: QtBot) -> None:
    meter.show_level(0.0012, False)
    assert meter._falling.isActive()
    qtbot.waitUntil(lambda: not meter._falling.isActive(), timeout=5000)
    assert meter.level == meter.held == FLOOR_DB


def test_the_mark_of_an_overload_stays_until_it_is_clicked(meter: LevelMeter, qtbot: QtBot) -> None:
    meter.show_level(0.3, True)
    meter.show_level(0.1, False)
    assert meter.overloaded
    assert meter.accessibleName() == "Level: overloaded"
    qtbot.mouseClick(meter, Qt.MouseButton.LeftButton)
    assert not meter.overloaded
    assert not meter.grab().isNull()
