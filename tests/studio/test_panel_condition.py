"""The condition panel: one button down for every factor, by mouse and keyboard."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from models.chain import Alphabet, ImageChain
from studio.panels.condition import ConditionPanel
from studio.state import Studio
from tests.studio.conftest import IMAGE, SOUND, load, write


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


def test_while_a_take_is_under_way_a_change_applies_to_the_next(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    assert not panel.later.isVisible()
    image_studio.change("pace", pace=30.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 2)
    assert panel.later.isVisible()
    panel.choosers[0].buttons["2"].click()
    assert image_studio.trace.segment.condition == {"digit": "0"}  # type: ignore[union-attr]
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)


def test_a_model_without_conditions_says_so(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    config = {"channels": 8, "head": 8, "dilations": [1]}
    write(tmp_path, "plain", "gated_pixelcnn", ImageChain(Alphabet("grey", 4), 4, 4), (), config)
    panel = panel_of(studio, qtbot)
    load(studio, qtbot, str(tmp_path / "checkpoints" / "plain.safetensors"))
    assert panel.empty.isVisible()
    assert panel.empty.text() == "This model has no conditions."
