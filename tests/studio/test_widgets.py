"""What the panels are made of: fields that keep what was typed, sliders that report drags, a grid of even cells."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPixmap, QTextDocument, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel, QSizePolicy, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from models.wording import grouped
from studio.theme import DARK, LIGHT, palette
from studio.widgets.controls import ComboBox, LadderSlider, NumberField, PushButton, ToolButton
from studio.widgets.glyphs import glyph_icon
from studio.widgets.labels import Banner, ElidedLabel
from studio.widgets.layouts import EvenGrid, PanelScroll
from studio.widgets.numbers import log_ladder, probability_text, two_digits, ungrouped
from studio.widgets.painting import painting, painting_with


def test_a_number_field_submits_what_was_typed_once(qtbot: QtBot) -> None:
    field = NumberField("Temperature", "0.855")
    qtbot.addWidget(field)
    heard: list[str] = []
    field.submitted.connect(heard.append)
    field.show_number("1.00")
    field.selectAll()
    qtbot.keyClicks(field, "0.7")
    assert heard == []
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert heard == ["0.7"]


def test_a_number_that_changes_elsewhere_leaves_what_is_being_typed(qtbot: QtBot) -> None:
    field = NumberField("Temperature", "0.855")
    qtbot.addWidget(field)
    field.show_number("1.00")
    field.selectAll()
    qtbot.keyClicks(field, "0.")
    field.show_number("0.90")
    assert field.text() == "0."
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == "0.90"


def test_a_marked_field_keeps_its_text_until_the_number_changes(qtbot: QtBot) -> None:
    field = NumberField("Temperature", "0.855")
    qtbot.addWidget(field)
    field.show_number("1.00")
    field.selectAll()
    qtbot.keyClicks(field, "warm")
    field.mark("temperature is a number")
    field.show_number("1.00")
    assert (field.text(), field.problem) == ("warm", "temperature is a number")
    field.show_number("0.50")
    assert (field.text(), field.problem) == ("0.50", "")


def test_a_field_keeps_its_own_undo(qtbot: QtBot) -> None:
    field = NumberField("Temperature", "0.855")
    qtbot.addWidget(field)
    field.show_number("1.00")
    field.setFocus()
    qtbot.keyClicks(field, "5")
    qtbot.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert field.text() == "1.00"


def drag(qtbot: QtBot, slider: LadderSlider, *fractions: float) -> None:
    def at(fraction: float) -> QPoint:
        return QPoint(round(fraction * (slider.width() - 1)), slider.height() // 2)

    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=at(fractions[0]))
    for fraction in fractions[1:]:
        qtbot.mouseMove(slider, at(fraction))
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=at(fractions[-1]))


def test_a_drag_reports_every_value_under_one_number_and_the_next_drag_another(qtbot: QtBot) -> None:
    slider = LadderSlider("Temperature", [n / 100 for n in range(201)])
    qtbot.addWidget(slider)
    slider.resize(200, 22)
    slider.show()
    heard: list[tuple[float, int]] = []
    slider.moved.connect(lambda value, number: heard.append((value, number)))
    drag(qtbot, slider, 0.2, 0.5, 1.0)
    first = list(heard)
    assert first[-1][0] == 2.0
    assert len({number for _, number in first}) == 1
    drag(qtbot, slider, 0.0)
    assert heard[-1][0] == 0.0
    assert heard[-1][1] != first[0][1]


def test_a_slider_that_is_told_a_value_stands_at_the_nearest_and_says_nothing(qtbot: QtBot) -> None:
    slider = LadderSlider("Pace", [1.0, 10.0, 100.0, float("inf")])
    qtbot.addWidget(slider)
    heard: list[float] = []
    slider.moved.connect(lambda value, _: heard.append(value))
    for value, position in ((1.0, 0), (8.0, 1), (90.0, 2), (1e9, 2), (float("inf"), 3), (0.1, 0)):
        slider.show_value(value)
        assert slider.value() == position, value
    assert heard == []


def test_the_wheel_passes_over_a_slider(qtbot: QtBot) -> None:
    slider = LadderSlider("Pace", [1.0, 2.0, 3.0])
    qtbot.addWidget(slider)
    slider.show_value(2.0)
    middle = QPointF(slider.rect().center())
    turned = QWheelEvent(
        middle,
        slider.mapToGlobal(middle),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(slider, turned)
    assert slider.value() == 1
    assert not turned.isAccepted()


def test_a_logarithmic_ladder_rises_and_holds_its_ends() -> None:
    ladder = log_ladder(0.001, 1.0, 48, two_digits)
    assert (ladder[0], ladder[-1]) == (0.001, 1.0)
    assert ladder == sorted(set(ladder))
    assert log_ladder(1, 256, 48, round)[-1] == 256


@pytest.mark.parametrize(("p", "text"), [(0.0, "0"), (0.5, "0.5000"), (0.00213, "0.0021"), (3.2e-7, "3e-7")])
def test_probabilities_are_short(p: float, text: str) -> None:
    assert probability_text(p) == text


def test_grouped_digits_can_be_typed_back() -> None:
    assert ungrouped(grouped(1_020_417)) == "1020417"
    assert ungrouped(" 0,5 ") == "0.5"


def test_an_elided_label_says_less_before_it_cuts_anything_off(qtbot: QtBot) -> None:
    line = ElidedLabel()
    qtbot.addWidget(line)
    line.show()
    texts = "step 7 of 784 · row 0, column 7", "step 7 of 784", "step 7"
    line.say(*texts)
    for text in texts:
        line.resize(line.fontMetrics().horizontalAdvance(text) + 1, 20)
        assert line.text() == text
        assert line.toolTip() == ("" if text == texts[0] else texts[0])
    line.resize(line.width() // 2, 20)
    assert line.text().endswith("…")


LONG_NAME = "x" * 251 + ".png"


@pytest.mark.parametrize(
    "text", [f"cannot read /home/{LONG_NAME}: there is no such file", f"cannot read {'<i>a b/' * 1000}c.png: it is not"]
)
def test_a_banner_takes_the_width_it_gets_whatever_it_says(qtbot: QtBot, text: str) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    banner, column = Banner(), QVBoxLayout(window)
    column.addWidget(banner)
    column.addStretch(1)
    window.resize(500, 300)
    window.show()
    for width in (500, 800, 300):
        window.resize(width, 300)
        banner.say(text)
        qtbot.wait(1)
        assert (window.width(), window.height()) == (width, 300)
        widest = max(banner.fontMetrics().horizontalAdvance(word) for word in banner.text().split())
        assert widest <= banner.contentsRect().width()
        assert banner.height() >= banner.heightForWidth(banner.width())
        assert banner.text().startswith("cannot read ")
        assert banner.text().endswith(text[-10:])
    tip = QTextDocument()
    tip.setHtml(banner.toolTip())
    assert "".join(tip.toPlainText().split()) == "".join(text.split())
    assert max(map(len, tip.toPlainText().splitlines())) <= 80
    banner.say("short")
    assert (banner.text(), banner.toolTip()) == ("short", "")


def test_an_even_grid_gives_every_cell_one_size_and_even_rows(qtbot: QtBot) -> None:
    window, holder = QWidget(), QWidget()
    qtbot.addWidget(window)
    QVBoxLayout(window).addWidget(holder)
    grid = EvenGrid(holder, spacing=4)
    for _ in range(10):
        cell = QLabel("0")
        cell.setFixedSize(QSize(30, 20))
        grid.addWidget(cell)
    assert [grid.columns(width) for width in (30, 64, 220, 500)] == [1, 2, 5, 10]
    assert grid.heightForWidth(220) == 2 * 20 + 4


def test_ten_buttons_in_two_rows_need_no_scroll_bar(qtbot: QtBot) -> None:
    content = QWidget()
    column = QVBoxLayout(content)
    values = QWidget()
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    policy.setHeightForWidth(True)
    values.setSizePolicy(policy)
    grid = EvenGrid(values)
    for digit in range(10):
        grid.addWidget(ToolButton(str(digit)))
    column.addWidget(values)
    column.addStretch(1)
    scroll = PanelScroll(content)
    qtbot.addWidget(scroll)
    scroll.resize(250, 140)
    scroll.show()
    qtbot.waitExposed(scroll)
    assert grid.heightForWidth(values.width()) < 100
    assert scroll.verticalScrollBar().maximum() == 0
    scroll.resize(60, 140)
    assert scroll.verticalScrollBar().maximum() > 0


class Square(QWidget):
    """As high as it is wide."""

    def __init__(self) -> None:
        super().__init__()
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def heightForWidth(self, width: int) -> int:
        return width

    def sizeHint(self) -> QSize:
        return QSize(100, 100)


@pytest.mark.parametrize("margin", [0, 8, 20])
def test_a_square_is_as_wide_with_a_scroll_bar_as_without_one(margin: int, qtbot: QtBot) -> None:
    content = QWidget()
    column = QVBoxLayout(content)
    column.setContentsMargins(margin, margin, margin, margin)
    square = Square()
    column.addWidget(square)
    scroll = PanelScroll(content)
    qtbot.addWidget(scroll)
    scroll.resize(200, 400)
    scroll.show()
    qtbot.waitExposed(scroll)
    bar, widths, shown = scroll.verticalScrollBar(), set(), set()
    for height in range(140, 260):
        scroll.resize(200, height)
        qtbot.wait(0)
        widths.add(square.width())
        shown.add(bar.isVisible())
        assert bar.isVisible() == (bar.maximum() > 0)
    assert shown == {True, False}
    assert len(widths) == 1


class Faulty(QWidget):
    """Fills itself in red and half in blue before something goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.resize(40, 30)
        self.paintings = 0
        self.ended: list[bool] = []

    def paintEvent(self, event: QPaintEvent) -> None:
        self.paintings += 1
        with painting(self) as painter:
            self.painter = painter
            painter.fillRect(self.rect(), "red")
            painter.setClipRect(0, 0, 5, 5)
            painter.scale(0.5, 0.5)
            raise RuntimeError("no such colour")
        self.ended.append(not painter.isActive())


def test_a_painting_that_fails_ends_leaves_the_widget_blank_and_is_reported_once(qtbot: QtBot) -> None:
    widget = Faulty()
    widget.setPalette(palette(DARK))
    qtbot.addWidget(widget)
    with qtbot.captureExceptions() as reported:
        for _ in range(3):
            image = widget.grab().toImage()
    assert widget.paintings == 3
    assert widget.ended == [True, True, True]
    assert [(kind, str(error)) for kind, error, _ in reported] == [(RuntimeError, "no such colour")]
    assert {image.pixelColor(x, y).name() for x in (2, 20, 38) for y in (2, 28)} == {DARK.panel.name()}


def test_a_painter_that_was_lent_goes_back_as_it_came_when_a_painting_fails(qtbot: QtBot) -> None:
    pixmap = QPixmap(10, 10)
    with QPainter(pixmap) as painter, qtbot.captureExceptions() as reported:
        with painting_with(painter):
            painter.translate(5, 5)
            raise ValueError("no such glyph")
        assert painter.transform().isIdentity()
        assert painter.isActive()
    assert len(reported) == 1


def test_a_button_reached_by_tab_is_pressed_by_space_but_a_click_leaves_the_focus(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    buttons = [PushButton("Neutral"), ToolButton("any")]
    pressed: list[str] = []
    for button in buttons:
        layout.addWidget(button)
        button.clicked.connect(lambda _=False, b=button: pressed.append(b.text()))
        assert not button.focusPolicy() & Qt.FocusPolicy.ClickFocus
    window.show()
    for button in buttons:
        button.setFocus(Qt.FocusReason.TabFocusReason)
        qtbot.keyClick(button, Qt.Key.Key_Space)
        qtbot.keyClick(button, Qt.Key.Key_Return)
    assert pressed == ["Neutral", "Neutral", "any", "any"]


def test_icons_follow_the_theme_of_their_widget(qtbot: QtBot) -> None:
    button = ToolButton("", "play")
    qtbot.addWidget(button)
    seen = []
    for theme in (DARK, LIGHT):
        button.setPalette(palette(theme))
        image = glyph_icon("pause", button).pixmap(24, 24).toImage()
        seen.append(image.pixelColor(8, 12).name())
    assert seen == [DARK.text.name(), LIGHT.text.name()]


def test_a_list_has_the_focus_while_it_is_open_and_gives_it_back(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    canvas, box = QWidget(), ComboBox("overlay", "What lies over the image")
    canvas.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.addItems(["none", "entropy"])
    layout = QVBoxLayout(window)
    layout.addWidget(canvas)
    layout.addWidget(box)
    with qtbot.waitExposed(window):
        window.show()
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus)
    box.showPopup()
    assert window.focusWidget() is box
    box.hidePopup()
    qtbot.waitUntil(canvas.hasFocus)
