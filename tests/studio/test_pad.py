"""The pad of a code: the map behind the point, its dots and their legend, and maps that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QImage, QTextDocument, QTextOption
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from models.chain import GreyLevels, ImageChain
from models.condition import Vector
from studio.panels.choosers import PadChooser
from studio.panels.condition import ConditionPanel
from studio.panels.pad import DARK_CLASSES, LIGHT_CLASSES, MOST_CLASSES, unbroken
from studio.state import Studio
from studio.theme import DARK, LIGHT, apply_theme, colours
from studio.widgets.layouts import PanelScroll
from tests.studio.conftest import finish, load, write

CHAIN = ImageChain(GreyLevels(4), 4, 4)
CODE = Vector("code", 2)
Code = tuple[float, float, str | None]
BAG, COAT, NAMELESS = (-0.52, 0.52, "bag"), (0.52, -0.52, "coat"), (0.5, 0.75, None)


def write_model(folder: Path, name: str = "coded") -> str:
    (folder / "checkpoints").mkdir(exist_ok=True)
    config = {"channels": 4, "head": 4, "dilations": [1], "encoder": [4, 4], "hidden": 8, "noise": 0.1}
    write(folder, name, "pixelcnn_autoencoder", CHAIN, (CODE,), config)
    return str(folder / "checkpoints" / f"{name}.safetensors")


def write_map(model: str, codes: Sequence[Code] = (BAG, COAT, NAMELESS)) -> Path:
    """White in the upper left quarter, black elsewhere."""
    picture = Image.new("L", (40, 40))
    picture.paste(255, (0, 0, 20, 20))
    path = Path(model).with_suffix(".map.json")
    picture.save(path.with_suffix(".png"))
    path.write_text(json.dumps({"factor": "code", "columns": 2, "rows": 2, "codes": codes}))
    return path


@pytest.fixture
def panel(studio: Studio, qtbot: QtBot) -> ConditionPanel:
    """In the dark theme."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, DARK)
    panel = ConditionPanel(studio)
    qtbot.addWidget(panel)
    panel.resize(320, 420)
    panel.show()
    return panel


def chooser_of(panel: ConditionPanel) -> PadChooser:
    (chooser,) = panel.choosers
    assert isinstance(chooser, PadChooser)
    return chooser


def shown(panel: ConditionPanel, qtbot: QtBot, model: str) -> PadChooser:
    load(panel.studio, qtbot, model)
    panel.studio.worker._files.submit(lambda: None).result()
    QApplication.processEvents()  # the map is read in the background
    return chooser_of(panel)


def colour(chooser: PadChooser, picture: QImage, x: float, y: float) -> QColor:
    at = chooser.pad.place_of(x, y) * picture.devicePixelRatio()
    return picture.pixelColor(int(at.x()), int(at.y()))


def alike(one: QColor, other: QColor) -> bool:
    """But for the edges of dots, which are soft."""
    return all(abs(a - b) < 12 for a, b in zip(one.getRgb(), other.getRgb(), strict=True))


def test_behind_the_point_lies_what_is_drawn_where(panel: ConditionPanel, qtbot: QtBot, tmp_path: Path) -> None:
    model = write_model(tmp_path)
    write_map(model)
    chooser = shown(panel, qtbot, model)
    picture = chooser.pad.grab().toImage()
    upper_left, *others = (colour(chooser, picture, x, y) for x, y in ((-0.3, 0.3), (0.3, 0.3), (0.3, -0.3)))
    ground = DARK.window
    assert upper_left.lightness() > ground.lightness() + 40
    assert upper_left.lightness() < 160, "the point and the lines through it stand out"
    assert all(other.lightness() <= ground.lightness() for other in others)
    assert colour(chooser, picture, 0, 0) == DARK.now


def test_without_a_map_the_pad_is_empty(panel: ConditionPanel, qtbot: QtBot, tmp_path: Path) -> None:
    chooser = shown(panel, qtbot, write_model(tmp_path))
    picture = chooser.pad.grab().toImage()
    assert {colour(chooser, picture, x, y).name() for x in (-0.6, 0.3) for y in (-0.4, 0.7)} == {DARK.window.name()}
    assert chooser.legend.isHidden()
    assert "dot" not in chooser.pad.toolTip()


def test_the_codes_of_real_images_are_dots_in_the_colours_of_their_classes(
    panel: ConditionPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    model = write_model(tmp_path)
    write_map(model)
    chooser = shown(panel, qtbot, model)
    picture = chooser.pad.grab().toImage()
    first, second = map(QColor, DARK_CLASSES.split()[:2])
    assert alike(colour(chooser, picture, *BAG[:2]), first)
    assert alike(colour(chooser, picture, *COAT[:2]), second)
    assert alike(colour(chooser, picture, *NAMELESS[:2]), DARK.quiet)
    assert "dot" in chooser.pad.toolTip()


# Machado, Oliveira and Fernandes 2009: how linear RGB looks to eyes without red cones, and without green ones.
WITHOUT_RED = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))
WITHOUT_GREEN = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))


@pytest.mark.parametrize("names", [DARK_CLASSES, LIGHT_CLASSES], ids=["dark", "light"])
@pytest.mark.parametrize(("eyes", "least"), [(np.eye(3), 0.18), (WITHOUT_RED, 0.09), (WITHOUT_GREEN, 0.09)])
def test_the_colours_of_classes_are_well_apart_to_any_eyes(names: str, eyes: npt.ArrayLike, least: float) -> None:
    """By Ottosson's Oklab, in which black and white are 1 apart and 0.02 is just seen."""
    rgb = np.array([QColor(name).getRgbF()[:3] for name in names.split()])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ np.transpose(eyes)
    cones = np.clip(linear, 0, 1) @ np.transpose(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.cbrt(cones) @ np.transpose(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    apart = np.linalg.norm(lab[:, None] - lab, axis=-1)
    assert len(lab) == MOST_CLASSES == 10
    assert apart[~np.eye(len(lab), dtype=bool)].min() >= least


def test_map_and_legend_follow_the_theme(panel: ConditionPanel, qtbot: QtBot, tmp_path: Path) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    model = write_model(tmp_path)
    write_map(model)
    chooser = shown(panel, qtbot, model)
    dark, light = (names.split()[0] for names in (DARK_CLASSES, LIGHT_CLASSES))
    assert dark in chooser.legend.text()
    chooser.pad.grab()
    try:
        apply_theme(app, LIGHT)
        qtbot.waitUntil(lambda: light in chooser.legend.text())
        assert colours(chooser.pad) == LIGHT
        assert alike(colour(chooser, chooser.pad.grab().toImage(), *BAG[:2]), QColor(light))
    finally:
        apply_theme(app, DARK)


def test_the_legend_names_the_classes_while_they_can_be_told_apart(
    panel: ConditionPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    model = write_model(tmp_path)
    write_map(model, [BAG, (0, 0, "<b>shoe</b>"), NAMELESS])
    legend = shown(panel, qtbot, model).legend
    assert legend.isVisible()
    assert "bag" in legend.text()
    assert "&lt;b&gt;shoe" in legend.text()
    many = [(n / 20, n / 20, f"class {n}") for n in range(MOST_CLASSES + 1)]
    for name, codes in (("many", many), ("long", [(0.0, 0.0, "x" * 30)]), ("nameless", [NAMELESS])):
        other = write_model(tmp_path, name)
        write_map(other, codes)
        assert shown(panel, qtbot, other).legend.isHidden(), name
    picture = shown(panel, qtbot, str(tmp_path / "checkpoints" / "many.safetensors")).pad.grab().toImage()
    assert alike(colour(chooser_of(panel), picture, 0.4, 0.4), DARK.quiet)


def test_no_line_of_the_legend_breaks_within_a_name(qtbot: QtBot) -> None:
    text, words = QTextDocument(), QTextOption()
    words.setWrapMode(QTextOption.WrapMode.WordWrap)
    text.setDefaultTextOption(words)
    for name in ("T-shirt/top", "Ankle boot"):
        text.setHtml(unbroken(name))
        text.setDocumentMargin(0)
        text.setTextWidth(20)
        assert text.size().height() < 2 * QFontMetrics(text.defaultFont()).height(), name


def test_a_tool_tip_names_the_image_whose_dot_is_nearest(panel: ConditionPanel, qtbot: QtBot, tmp_path: Path) -> None:
    model = write_model(tmp_path)
    write_map(model)
    pad = shown(panel, qtbot, model).pad

    def hover(at: QPointF) -> str:
        QApplication.sendEvent(pad, QHelpEvent(QEvent.Type.ToolTip, at.toPoint(), pad.mapToGlobal(at.toPoint())))
        return QToolTip.text()

    assert hover(pad.place_of(*BAG[:2]) + QPointF(3, 3)) == "<span>bag at -0.52, +0.52</span>"
    assert hover(pad.place_of(*NAMELESS[:2])) == "<span>a validation image at +0.50, +0.75</span>"
    assert hover(pad.place_of(-0.9, -0.9)) == pad.toolTip()
    QToolTip.hideText()


def test_the_map_is_that_of_the_model_that_is_chosen(panel: ConditionPanel, qtbot: QtBot, tmp_path: Path) -> None:
    """Though both have the same condition, whose chooser therefore stays."""
    mapped, bare = write_model(tmp_path), write_model(tmp_path, "bare")
    write_map(mapped)
    chooser = shown(panel, qtbot, mapped)
    assert chooser.pad.map is not None
    assert shown(panel, qtbot, bare) is chooser
    assert chooser.pad.map is None
    assert chooser.legend.isHidden()


BAD = {
    "no JSON": b"{",
    "no text": b"\xff\xfe",
    "no table": b"[]",
    "of another factor": b'{"factor": "style", "codes": []}',
    "no codes": b'{"factor": "code"}',
    "outside": b'{"factor": "code", "codes": [[0, 1.5, null]]}',
    "not a number": b'{"factor": "code", "codes": [[NaN, 0, null]]}',
    "short": b'{"factor": "code", "codes": [[0, 0]]}',
    "no name": b'{"factor": "code", "codes": [[0, 0, 7]]}',
    "deep": b'{"factor": "code", "codes": ' + b"[" * 100_000,
    "large": b'{"factor": "code", "codes": []}' + b" " * 2**20,
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_codes_that_cannot_be_read_leave_the_pad_without_a_map(
    panel: ConditionPanel, qtbot: QtBot, tmp_path: Path, content: bytes
) -> None:
    model = write_model(tmp_path)
    write_map(model).write_bytes(content)
    chooser = shown(panel, qtbot, model)
    assert chooser.pad.map is None
    qtbot.mouseClick(chooser.pad, Qt.MouseButton.LeftButton, pos=chooser.pad.place_of(0.5, 0.5).toPoint())
    assert panel.studio.settings.condition["code"] == pytest.approx([0.5, 0.5], abs=0.02)  # type: ignore[union-attr]


def test_pictures_that_cannot_be_read_leave_the_pad_without_a_map(
    panel: ConditionPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    for name in ("missing", "broken", "cut", "large"):
        model = write_model(tmp_path, name)
        picture = write_map(model).with_suffix(".png")
        if name == "missing":
            picture.unlink()
        elif name == "broken":
            picture.write_bytes(b"GIF89a")
        elif name == "cut":
            picture.write_bytes(picture.read_bytes()[:40])
        else:
            Image.new("1", (5000, 10)).save(picture)
        assert shown(panel, qtbot, model).pad.map is None, name


def test_the_pad_takes_the_width_that_the_panel_has(panel: ConditionPanel, qtbot: QtBot, tmp_path: Path) -> None:
    pad = shown(panel, qtbot, write_model(tmp_path)).pad
    assert pad.square.width() >= 240
    assert pad.square.width() == pad.square.height()
    panel.resize(200, 420)
    qtbot.waitUntil(lambda: pad.width() < 200)
    assert pad.square.width() == pad.width() - 2 * pad.INSET


def test_the_pad_keeps_its_size_when_something_is_said_below_it(
    panel: ConditionPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    pad = shown(panel, qtbot, write_model(tmp_path)).pad
    panel.resize(280, 310)
    studio = panel.studio
    studio.begin()
    finish(studio, qtbot)
    before = pad.geometry()
    studio.change("code", condition={"code": [0.5, 0.5]})
    qtbot.waitUntil(panel.later.isVisible)
    qtbot.waitUntil(panel.findChildren(PanelScroll)[0].verticalScrollBar().isVisible)  # it is too low for both
    assert pad.geometry() == before
    studio.undo_stack.undo()
    qtbot.waitUntil(lambda: not panel.later.isVisible())
    assert pad.geometry() == before


def test_whoever_has_the_keyboard_sees_it(panel: ConditionPanel, qtbot: QtBot, tmp_path: Path) -> None:
    model = write_model(tmp_path)
    write_map(model)
    pad = shown(panel, qtbot, model).pad

    def edge() -> QColor:
        picture, at = pad.grab().toImage(), QPoint(round(pad.square.left()), round(pad.square.top() + 30))
        return picture.pixelColor(at * picture.devicePixelRatio())

    before = edge()
    with qtbot.waitActive(panel):
        panel.activateWindow()
    pad.setFocus(Qt.FocusReason.TabFocusReason)
    assert edge().blue() > before.blue() + 60
