"""The theme: what the style sheet draws by itself is there, and stands out from its ground, dark and light."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from PySide6.QtGui import QColor, QIcon, QImage
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QFileDialog,
    QMenu,
    QPushButton,
    QSpinBox,
    QStyle,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from studio.theme import DARK, ICONS, LIGHT, LINK, Theme, apply_theme, set_role, style_sheet

BOTH = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])


@pytest.fixture
def app(qapp: QApplication) -> Iterator[QApplication]:
    yield qapp
    apply_theme(qapp, DARK)


def contrast(one: QColor, other: QColor) -> float:
    """The ratio of WCAG 2.1, 1 … 21."""

    def luminance(colour: QColor) -> float:
        parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.getRgbF()[:3]]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def strongest(image: QImage, ground: QColor, left: int, right: int) -> float:
    """The largest contrast to the ground between two columns, away from the frame."""
    return max(
        contrast(image.pixelColor(x, y), ground) for x in range(left, right) for y in range(4, image.height() - 4)
    )


def look(widget: QWidget, qtbot: QtBot) -> QImage:
    qtbot.addWidget(widget)
    widget.resize(160, 28)
    widget.ensurePolished()
    return widget.grab().toImage()


@BOTH
def test_every_drawing_that_the_style_sheet_names_is_there(app: QApplication, theme: Theme) -> None:
    apply_theme(app, theme)
    named = set(re.findall(r"url\(icons:([\w-]+\.svg)\)", style_sheet(theme)))
    assert named
    for name in named:
        assert (ICONS / name).is_file()
        assert not QIcon(f"icons:{name}").pixmap(16, 16).isNull(), name


@BOTH
@pytest.mark.parametrize("kind", [QComboBox, QSpinBox])
def test_boxes_have_arrows(app: QApplication, qtbot: QtBot, theme: Theme, kind: type[QWidget]) -> None:
    apply_theme(app, theme)
    assert strongest(look(kind(), qtbot), theme.raised, 138, 156) > 2.5


@BOTH
def test_the_tick_of_a_menu_is_a_drawing_that_stands_out(app: QApplication, qtbot: QtBot, theme: Theme) -> None:
    apply_theme(app, theme)
    menu = QMenu()
    qtbot.addWidget(menu)
    off, on = (menu.addAction("None", lambda: None) for _ in range(2))
    for action in (off, on):
        action.setCheckable(True)
    on.setChecked(True)
    menu.ensurePolished()
    menu.resize(menu.sizeHint())
    image = menu.grab().toImage()
    places = [menu.actionGeometry(action) for action in (off, on)]
    left, right = places[0].left(), places[0].left() + 22
    rows = [image.copy(left, place.top(), right - left, place.height()) for place in places]
    assert strongest(rows[0], theme.raised, 0, rows[0].width()) == 1
    assert strongest(rows[1], theme.raised, 0, rows[1].width()) > 2.5
    shades = {rows[1].pixelColor(x, y).name() for x in range(rows[1].width()) for y in range(rows[1].height())}
    assert len(shades) > 4, "its edges are smooth"


@BOTH
def test_buttons_of_dialogs_have_no_icons_and_those_for_files_have_visible_ones(
    app: QApplication, qtbot: QtBot, theme: Theme
) -> None:
    apply_theme(app, theme)
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Save)
    qtbot.addWidget(box)
    box.ensurePolished()
    assert not box.style().styleHint(QStyle.StyleHint.SH_DialogButtonBox_ButtonsHaveIcons, None, box)
    dialog = QFileDialog()
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    qtbot.addWidget(dialog)
    dialog.show()
    buttons = [b for b in dialog.findChildren(QToolButton) if b.isVisible() and b.isEnabled() and not b.icon().isNull()]
    assert len(buttons) >= 3
    for button in buttons:
        image = button.grab().toImage()
        assert strongest(image, theme.raised, 6, image.width() - 6) > 2.5, button.objectName()


@BOTH
def test_a_small_button_lights_up_while_it_can_be_pressed(app: QApplication, qtbot: QtBot, theme: Theme) -> None:
    apply_theme(app, theme)
    ground = QWidget()  # a button that lets its ground through shows, alone, whatever the memory held
    button = QPushButton("Neutral", ground)
    button.resize(160, 28)
    set_role(button, LINK)
    seen = []
    for enabled in (True, False):
        button.setEnabled(enabled)
        seen.append(strongest(look(ground, qtbot), theme.panel, 10, 150))
    assert seen[0] > 1.4 * seen[1]


def test_the_program_has_a_sign(app: QApplication) -> None:
    apply_theme(app, DARK)
    image = app.windowIcon().pixmap(64, 64).toImage()
    assert {DARK.chosen.name(), DARK.now.name()} <= {
        image.pixelColor(x, y).name() for x in range(64) for y in range(64)
    }
