"""Whatever can be pressed, dragged or typed into explains itself: to who hovers over it, and to who cannot see it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from models.chain import GreyLevels
from models.video import VideoChain
from studio.app import MainWindow
from studio.state import Studio
from tests.studio.conftest import IMAGE, SOUND, finish, load, open_model, write
from tests.text_model import register_text, save_text_model
from tests.video_model import SIZES

VIDEO = VideoChain(GreyLevels(3), frames=2, height=2, width=2, rate=5, given_frames=1)
CONTROLS = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)


@pytest.fixture(params=[IMAGE, SOUND, "text", "video"])
def window(
    request: pytest.FixtureRequest, studio: Studio, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MainWindow]:
    """With a take of two samples."""
    window = MainWindow(studio)
    window.restore_layout()
    window.show()
    name = request.param
    if name in ("text", "video"):
        path = tmp_path / "checkpoints" / "added.safetensors"
        path.parent.mkdir()
        if name == "text":
            register_text(monkeypatch)
            save_text_model(path)
        else:
            write(tmp_path, path.stem, "video_pixel_network", VIDEO, (), {**SIZES, "head": 8})
        open_model(studio, qtbot, path)
    else:
        load(studio, qtbot, name)
    studio.given_video.add(np.zeros((1, VIDEO.height, VIDEO.width), np.uint8), VIDEO)  # of the others it takes none
    studio.change("pace", pace=math.inf)
    studio.change("count", count=2)
    studio.begin()
    finish(studio, qtbot)
    yield window
    window.close()
    window.deleteLater()


def is_part_of_another(widget: QWidget) -> bool:
    """Whether Qt made it within a widget: the buttons of a dock, of a field, of a scroll bar."""
    return (
        isinstance(widget, QScrollBar)
        or widget.objectName().startswith("qt_")
        or widget.metaObject().className() == "QLineEditIconButton"
        or isinstance(widget.parent(), QComboBox)
    )


def test_every_control_has_a_tool_tip_and_an_accessible_name(window: MainWindow) -> None:
    controls = [c for kind in CONTROLS for c in window.findChildren(kind) if not is_part_of_another(c)]
    assert len(controls) > 40
    assert [c for c in controls if not c.toolTip()] == []
    assert [c for c in controls if not c.accessibleName()] == []


def test_whatever_takes_the_keyboard_has_an_accessible_name(window: MainWindow) -> None:
    def named(widget: QWidget) -> bool:
        return bool(widget.accessibleName()) or isinstance(widget.parent(), QAbstractScrollArea)

    focusable = [w for w in window.findChildren(QWidget) if w.isVisible() and w.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert [w for w in focusable if not (is_part_of_another(w) or named(w))] == []


def test_every_fact_under_the_curve_is_explained(window: MainWindow) -> None:
    inspector = window.inspector
    for part in (*inspector.facts.values(), *inspector.fact_names):
        assert len(part.toolTip()) > 20
    tips = [button.toolTip() for button in inspector.scale.buttons.values()]
    assert len(set(tips)) == 3
    for part in (window.sampling_panel.pace_label, window.sampling_panel.pace, window.sampling_panel.pace_value):
        assert "fast" in part.toolTip()
