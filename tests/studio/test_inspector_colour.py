"""The inspector of a colour image: the conditionals of red, green and blue together, each a step of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from models.chain import GreyLevels, ImageChain
from models.shaping import Shaping
from models.trace import Trace
from studio.canvas.demo import empty_take, grow
from studio.looking import Pointer
from studio.messages import Inspection
from studio.panels.conditional_plots import COLOURS, TINTS, ColourPlot, widest_values
from studio.panels.inspector import InspectorPanel
from studio.state import Studio
from studio.theme import DARK, LIGHT, Theme, apply_theme, colours, small
from tests.studio.conftest import DIGIT, finish, load, write

CHAIN = ImageChain(GreyLevels(16), 5, 4, 3)
RED, GREEN, BLUE = 21, 22, 23
"""The steps of one pixel."""


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("colour")
    (folder / "checkpoints").mkdir()
    write(folder, "colour", "pixelcnn", CHAIN, (DIGIT,), {"channels": 12, "blocks": 2, "head": 12})
    grey = replace(CHAIN, channels=1)
    write(folder, "grey", "pixelcnn", grey, (DIGIT,), {"channels": 12, "blocks": 2, "head": 12})
    return folder


@pytest.fixture
def colour_studio(make_studio: Callable[[], Studio], qtbot: QtBot) -> Studio:
    return load(make_studio(), qtbot, "colour")


@pytest.fixture
def panel(colour_studio: Studio, qtbot: QtBot) -> InspectorPanel:
    panel = InspectorPanel(colour_studio)
    qtbot.addWidget(panel)
    panel.resize(345, 520)
    panel.show()
    return panel


def generate(studio: Studio, qtbot: QtBot, until: int | None = None) -> Trace:
    studio.change("test", pace=math.inf)
    studio.begin(until=until)
    if until is None:
        finish(studio, qtbot)
    else:
        qtbot.waitUntil(lambda: studio.frontier == until and not studio.running)
    assert studio.trace is not None
    return studio.trace


def look_at(panel: InspectorPanel, qtbot: QtBot, step: int) -> None:
    panel.studio.looking.pin(Pointer(0, step))
    qtbot.waitUntil(lambda: panel.inspection is not None and panel.inspection.step == step)


@torch.inference_mode()
def by_one_pass(studio: Studio, trace: Trace) -> np.ndarray:  # type: ignore[type-arg]
    """The probabilities of all drawn steps and of the next one, (steps + 1, K)."""
    loaded = studio.worker._model
    assert loaded is not None
    symbols = torch.from_numpy(np.append(trace.symbols, 0)[: CHAIN.length].astype(np.int64))[None]
    condition = loaded.model.condition_tensor(trace.segment.condition)
    p: np.ndarray = loaded.model.conditionals(symbols, condition)[0].dense().exp().numpy()  # type: ignore[type-arg]
    return p


def test_a_pixel_shows_the_conditionals_of_its_three_colours(panel: InspectorPanel, qtbot: QtBot) -> None:
    trace = generate(panel.studio, qtbot)
    look_at(panel, qtbot, GREEN)
    p = by_one_pass(panel.studio, trace)
    assert not panel.plot.isVisible()
    for plot, step in zip(panel.colour_plots, (RED, GREEN, BLUE), strict=True):
        assert plot.isVisible()
        assert plot.inspection is not None
        assert (plot.inspection.step, plot.inspection.symbol) == (step, trace.symbols[step])
        assert plot.inspection.raw == pytest.approx(p[step], abs=1e-5)
        assert plot.present == (step == GREEN)
        surprise = -math.log2(p[step, trace.symbols[step]])
        entropy = -float((p[step] * np.log2(p[step])).sum())
        expected = f"drawn {trace.symbols[step]}", f"surprise {surprise:.2f} · entropy {entropy:.2f} bits"
        assert plot._headings()[0] == expected
        assert plot.accessibleName().endswith(", ".join(expected))
    assert panel.facts["drawn"].text() == str(trace.symbols[GREEN])
    assert not panel.facts["surprise"].isVisible()  # each colour tells its own


def test_all_three_are_shaped_by_the_present_settings(panel: InspectorPanel, qtbot: QtBot) -> None:
    generate(panel.studio, qtbot)
    look_at(panel, qtbot, BLUE)
    panel.studio.reshape(top_k=2)
    qtbot.waitUntil(lambda: panel.inspection is not None and panel.inspection.shaping.top_k == 2)
    for plot in panel.colour_plots:
        assert plot.inspection is not None
        assert (plot.inspection.shaped > 0).sum() == 2


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_click_on_a_value_puts_it_at_the_step_of_its_colour(
    panel: InspectorPanel, qtbot: QtBot, channel: int
) -> None:
    trace = generate(panel.studio, qtbot)
    look_at(panel, qtbot, GREEN)
    plot, step = panel.colour_plots[channel], RED + channel
    value = (int(trace.symbols[step]) + 5) % 16
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(round(plot.x_of(value)), plot.height() // 2))
    finish(panel.studio, qtbot)
    branch = panel.studio.trace
    assert branch is not None
    assert branch.symbols[:step].tolist() == trace.symbols[:step].tolist()
    assert (branch.fork, branch.symbols[step]) == (step, value)
    assert np.flatnonzero(branch.clamped).tolist() == [step]
    qtbot.waitUntil(lambda: plot._headings()[0][0] == f"put {value}")


def test_the_keyboard_puts_a_value_at_the_step_of_the_colour_that_has_the_focus(
    panel: InspectorPanel, qtbot: QtBot
) -> None:
    generate(panel.studio, qtbot)
    look_at(panel, qtbot, RED)
    plot = panel.colour_plots[2]
    plot.aim = 3
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    qtbot.keyClick(plot, Qt.Key.Key_Return)
    finish(panel.studio, qtbot)
    assert panel.studio.trace is not None
    assert panel.studio.trace.symbols[BLUE] == 4


@pytest.mark.parametrize("frontier", [RED, GREEN, BLUE])
def test_at_the_frontier_later_colours_say_what_they_wait_for(
    panel: InspectorPanel, qtbot: QtBot, frontier: int
) -> None:
    trace = generate(panel.studio, qtbot, until=frontier)
    panel.studio.looking.follow()
    qtbot.waitUntil(lambda: panel.inspection is not None and panel.inspection.step == frontier)
    drawn, later = frontier - RED, BLUE - frontier
    qtbot.waitUntil(lambda: len(panel.inspection.beside) == drawn)  # type: ignore[union-attr]
    assert [plot.symbol for plot in panel.colour_plots] == [*trace.symbols[RED:frontier], *[None] * (later + 1)]
    assert [plot.inspection is not None for plot in panel.colour_plots] == [True] * (drawn + 1) + [False] * later
    assert [plot.waiting for plot in panel.colour_plots] == [False] * (drawn + 1) + [True] * later
    assert panel.colour_plots[drawn].present
    assert panel.colour_plots[drawn]._headings()[0][1].startswith("entropy")
    for plot in panel.colour_plots[drawn + 1 :]:
        assert plot.accessibleName().endswith(f"after {COLOURS[plot.channel - 1][0]} is drawn")
        qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=plot.rect().center())
    assert panel.studio.trace is trace
    assert not panel.studio.running
    p = by_one_pass(panel.studio, trace)
    for plot in panel.colour_plots[: drawn + 1]:
        assert plot.inspection is not None
        assert plot.inspection.raw == pytest.approx(p[plot.inspection.step], abs=1e-5)


def test_of_a_half_drawn_pixel_any_colour_shows_the_same(panel: InspectorPanel, qtbot: QtBot) -> None:
    generate(panel.studio, qtbot, until=GREEN)
    look_at(panel, qtbot, RED)
    assert panel.colour_plots[0].present
    assert [plot.waiting for plot in panel.colour_plots] == [False, False, True]
    assert panel.colour_plots[1].inspection is not None
    assert panel.colour_plots[1].inspection.symbol is None


def test_a_click_on_a_name_looks_at_that_colour(panel: InspectorPanel, qtbot: QtBot) -> None:
    trace = generate(panel.studio, qtbot)
    look_at(panel, qtbot, GREEN)
    qtbot.mouseClick(panel.colour_plots[2], Qt.MouseButton.LeftButton, pos=QPoint(80, 6))
    qtbot.waitUntil(lambda: panel.colour_plots[2].present)
    assert not panel.colour_plots[1].present
    assert panel.step_label.text().endswith("blue")
    assert panel.studio.looking.pinned == Pointer(0, BLUE)
    assert panel.studio.trace is trace


def test_stepping_through_a_pixel_costs_no_parallel_pass(panel: InspectorPanel, qtbot: QtBot) -> None:
    """What was seen at the frontier is remembered: a pass of a large network would hold up every step."""
    studio = panel.studio
    generate(studio, qtbot, until=RED)
    qtbot.waitUntil(lambda: panel.inspection is not None and panel.inspection.step == RED)
    buffer = studio.worker._buffer
    assert buffer is not None
    passes = list(buffer._kept)
    for step in (GREEN, BLUE):
        studio.step_by(1)
        qtbot.waitUntil(lambda step=step: studio.frontier == step and not studio.running)
        qtbot.waitUntil(lambda step=step: panel.inspection is not None and panel.inspection.step == step)
        qtbot.waitUntil(lambda step=step: len(panel.inspection.beside) == step - RED)
    assert list(buffer._kept) == passes
    assert all(plot.inspection is not None for plot in panel.colour_plots)


def test_looking_on_at_a_colour_while_the_next_one_comes_costs_no_parallel_pass(
    panel: InspectorPanel, qtbot: QtBot
) -> None:
    studio = panel.studio
    generate(studio, qtbot, until=RED)
    qtbot.waitUntil(lambda: panel.inspection is not None and panel.inspection.step == RED)
    studio.step_by(1)
    qtbot.waitUntil(lambda: studio.frontier == GREEN and not studio.running)
    qtbot.waitUntil(lambda: panel.inspection is not None and panel.inspection.step == GREEN)
    studio.looking.pin(Pointer(0, GREEN))
    buffer = studio.worker._buffer
    assert buffer is not None
    passes = list(buffer._kept)
    studio.step_by(1)
    qtbot.waitUntil(lambda: studio.frontier == BLUE and not studio.running)
    qtbot.waitUntil(lambda: panel.inspection is not None and [n.step for n in panel.inspection.beside] == [RED, BLUE])
    assert panel.inspection is not None
    assert panel.inspection.step == GREEN
    assert list(buffer._kept) == passes


def test_in_mid_run_a_colour_that_was_not_looked_at_shows_what_was_drawn(qtbot: QtBot) -> None:
    take = empty_take(CHAIN)
    trace = take.traces[0]
    grow(trace, np.arange(22, dtype=np.int32) % 16, CHAIN)
    p = np.full(16, 1 / 16)
    plots = [ColourPlot(channel) for channel in range(3)]
    for plot in plots:
        qtbot.addWidget(plot)
        plot.show_colour(Inspection(1, 0, GREEN, p, p, Shaping(), None, False), take)
    red, green, blue = plots
    expected = f"surprise {trace.surprise[RED]:.2f} · entropy {trace.entropy[RED]:.2f} bits"
    assert red._headings()[0] == (f"drawn {trace.symbols[RED]}", expected)
    assert (red.inspection, red.waiting) == (None, False)
    assert (green.present, blue.waiting) == (True, True)
    assert not any(plot.grab().isNull() for plot in plots)


def test_a_colour_that_was_not_looked_at_says_so_in_its_empty_box(qtbot: QtBot, qapp: QApplication) -> None:
    """In full even where the panel is as narrow as it gets."""
    apply_theme(qapp, DARK)
    take = empty_take(CHAIN)
    grow(take.traces[0], np.arange(22, dtype=np.int32) % 16, CHAIN)
    p = np.full(16, 1 / 16)
    plot = ColourPlot(0)
    qtbot.addWidget(plot)
    plot.resize(plot.minimumSize())
    plot.show_colour(Inspection(1, 0, GREEN, p, p, Shaping(), None, False), take)
    picture, quiet = plot.grab().toImage(), colours(plot).quiet
    box = plot._area().toRect()
    written = [
        QPoint(x, y)
        for x in range(box.left(), plot.width())
        for y in range(box.top(), plot.height())
        if all(abs(a - b) < 24 for a, b in zip(picture.pixelColor(x, y).getRgb(), quiet.getRgb(), strict=True))
    ]
    assert len(written) > 100
    assert all(box.adjusted(2, 2, -2, -2).contains(point) for point in written)


def test_bits_have_their_unit_at_the_end_however_few_words_there_are(panel: InspectorPanel, qtbot: QtBot) -> None:
    generate(panel.studio, qtbot)
    look_at(panel, qtbot, GREEN)
    for plot in panel.colour_plots:
        headings = plot._headings()
        assert all(bits.endswith(" bits") for _, bits in headings)
        lengths = [len(drawn + bits) for drawn, bits in headings]
        assert lengths == sorted(lengths, reverse=True)


def test_on_a_low_curve_a_label_that_would_touch_another_is_left_out(qtbot: QtBot) -> None:
    take = empty_take(CHAIN)
    p = np.full(16, 1 / 16)
    plot = ColourPlot(0)
    qtbot.addWidget(plot)
    plot.show_colour(Inspection(1, 0, 0, p, p, Shaping(), None, False), take)
    apart = QFontMetrics(small(plot.font())).height()
    shown = {}
    for height in (68, 300):
        plot.resize(320, height)
        shown[height] = [round(probability, 4) for probability, _ in plot.ticks(apart)]
    assert shown == {68: [0.1, 0.02], 300: [0.1, 0.02, 0.002]}


def test_no_tool_tip_covers_a_curve_while_a_value_is_pointed_at(panel: InspectorPanel, qtbot: QtBot) -> None:
    generate(panel.studio, qtbot)
    look_at(panel, qtbot, GREEN)
    plot = panel.colour_plots[0]

    def tip_at(y: int) -> str:
        at = QPoint(120, y)
        QToolTip.hideText()
        qtbot.mouseMove(plot, at)
        QApplication.sendEvent(plot, QHelpEvent(QEvent.Type.ToolTip, at, plot.mapToGlobal(at)))
        return QToolTip.text()

    assert tip_at(plot.height() // 2) == ""
    assert plot.aim is not None
    assert tip_at(6) == plot.toolTip()


def test_the_lines_of_all_colours_are_worded_alike_and_within_the_width(panel: InspectorPanel, qtbot: QtBot) -> None:
    """In a dock of 345 pixels and in one of 400 they begin and end in line, whatever their numbers."""
    generate(panel.studio, qtbot)
    look_at(panel, qtbot, GREEN)
    for width in (345, 420):
        panel.resize(width, 520)
        shown = {plot.width() for plot in panel.colour_plots}
        assert len(shown) == 1
        assert shown.pop() <= width
        heights = [plot._area().height() for plot in panel.colour_plots]
        assert max(heights) - min(heights) <= 1


def test_a_grey_image_after_a_colour_one_has_one_curve_again(panel: InspectorPanel, qtbot: QtBot) -> None:
    generate(panel.studio, qtbot)
    look_at(panel, qtbot, GREEN)
    load(panel.studio, qtbot, "grey")
    generate(panel.studio, qtbot)
    look_at(panel, qtbot, 7)
    assert panel.plot.isVisible()
    assert panel.facts["surprise"].isVisible()
    assert not panel.level_axis.isVisible()
    assert not any(plot.isVisible() for plot in panel.colour_plots)
    assert panel.inspection is not None
    assert panel.inspection.beside == ()
    assert panel._fill(DARK) == DARK.chosen


def test_another_take_leaves_nothing_of_the_last_to_be_clicked(panel: InspectorPanel, qtbot: QtBot) -> None:
    generate(panel.studio, qtbot)
    look_at(panel, qtbot, GREEN)
    chosen: list[int] = []
    for plot in panel.colour_plots:
        plot.value_chosen.connect(chosen.append)
    panel.studio.begin(until=RED)
    assert all(plot.inspection is None and plot.symbol is None for plot in panel.colour_plots)
    for plot in panel.colour_plots:
        qtbot.mouseClick(plot, Qt.MouseButton.LeftButton)
    assert chosen == []
    qtbot.waitUntil(lambda: not panel.studio.running)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_the_names_of_the_colours_can_be_read_in_their_tints(theme: Theme) -> None:
    """They have the contrast that WCAG 2 asks of text, 4.5 : 1 (level AA)."""

    def luminance(colour: QColor) -> float:
        parts = (colour.redF(), colour.greenF(), colour.blueF())
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    for tint in TINTS[theme.dark]:
        darker, lighter = sorted((luminance(tint), luminance(theme.panel)))
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_headings_leave_room_for_how_each_of_the_colours_came() -> None:
    assert widest_values(["drawn", "drawn", "drawn"]) == ("drawn 255", "255")
    assert widest_values(["put", "drawn", "drawn"]) == ("drawn 255", "put 255")
    assert widest_values(["given", "given", "given"]) == ("given 255", "given 255")
