"""The inspector: the curve of a step, what was drawn from it, and a click that puts another value there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from models.chain import GreyLevels, ImageChain, MuLaw
from models.shaping import Shaping
from studio.canvas.demo import empty_take, grow
from studio.looking import Pointer
from studio.messages import Inspection
from studio.panels.conditional_plots import ConditionalPlot, axis_top, entropy_bits, heights, rank
from studio.panels.inspector import InspectorPanel
from studio.state import Studio
from tests.studio.conftest import finish

STOPPING = MuLaw(32, stop=True)


def panel_of(studio: Studio, qtbot: QtBot) -> InspectorPanel:
    panel = InspectorPanel(studio)
    qtbot.addWidget(panel)
    panel.resize(340, 480)
    panel.show()
    return panel


def generate(studio: Studio, qtbot: QtBot, **settings: object) -> None:
    studio.change("test", pace=math.inf, **settings)
    studio.begin()
    finish(studio, qtbot)


def look_at(studio: Studio, qtbot: QtBot, panel: InspectorPanel, sample: int, step: int) -> Inspection:
    studio.looking.pin(Pointer(sample, step))
    qtbot.waitUntil(
        lambda: (
            panel.inspection is not None
            and (panel.inspection.sample, panel.inspection.step, panel.inspection.symbol is not None)
            == (sample, step, True)
        )
    )
    assert panel.inspection is not None
    return panel.inspection


def test_before_anything_is_drawn_the_panel_says_what_it_is_for(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    assert panel.stack.currentWidget() is panel.empty
    assert "distribution" in panel.empty.text()


def test_the_next_take_turns_no_page_and_shows_nothing_of_the_last(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    generate(image_studio, qtbot)
    look_at(image_studio, qtbot, panel, 0, 17)
    chosen: list[int] = []
    panel.plot.value_chosen.connect(chosen.append)
    image_studio.begin()
    assert panel.stack.currentWidget() is panel.content
    assert panel.inspection is None
    assert {fact.text() for fact in panel.facts.values()} == {"–"}
    qtbot.mouseClick(panel.plot, Qt.MouseButton.LeftButton)
    assert chosen == []
    finish(image_studio, qtbot)
    qtbot.waitUntil(lambda: panel.inspection is not None)
    assert panel.facts["drawn"].text() != "–"


def test_why_there_is_no_conditional_is_said(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    take = empty_take(ImageChain(GreyLevels(4), 3, 3))
    grow(take.traces[0], np.zeros(5, np.int32), take.model.chain)
    image_studio.show_take(take, None)
    assert panel.stack.currentWidget() is panel.empty
    assert panel.empty.text().startswith("Without its model")
    assert not panel.noise_button.isEnabled()
    image_studio.change("device", device="cpu")
    assert panel.empty.text() == "The model is being loaded."
    qtbot.waitUntil(lambda: image_studio.loaded is not None)
    assert panel.empty.text().startswith("Without its model")


def test_the_facts_are_those_of_the_raw_conditional(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    generate(image_studio, qtbot)
    image_studio.reshape(temperature=0.5)
    inspection = look_at(image_studio, qtbot, panel, 0, 17)
    qtbot.waitUntil(lambda: panel.inspection is not None and panel.inspection.shaping.temperature == 0.5)
    symbol, raw = inspection.symbol, inspection.raw
    assert symbol is not None
    shaped = panel.inspection.shaped  # type: ignore[union-attr]
    assert panel.step_label.text() == "step 17 · row 2, column 5"
    assert panel.facts["drawn"].text() == str(symbol)
    assert panel.facts["rank"].text() == f"{1 + int((raw > raw[symbol]).sum())} of 16"
    assert panel.facts["raw"].text() == f"{raw[symbol]:.4f}"
    assert panel.facts["shaped"].text() == f"{shaped[symbol]:.4f}"
    assert panel.facts["surprise"].text() == f"{-math.log2(raw[symbol]):.2f} bits"
    assert panel.facts["entropy"].text() == f"{float(-(raw * np.log2(raw)).sum()):.2f} bits"


def test_the_filled_curve_is_named_after_the_present_settings(image_studio: Studio, qtbot: QtBot) -> None:
    """It is not what the step was drawn under: that may have been another temperature."""
    panel = panel_of(image_studio, qtbot)
    generate(image_studio, qtbot)
    look_at(image_studio, qtbot, panel, 0, 17)
    words = {shown.text(): shown for shown in panel.findChildren(QLabel)}
    assert {"with these settings", "raw", "p shaped", "p raw"} <= set(words)
    assert words["with these settings"].width() >= words["with these settings"].sizeHint().width()
    panel.plot.aim = 3
    assert "shaped" in panel.plot.aim_text()


def test_a_step_drawn_under_other_settings_tells_its_probability_under_both(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    image_studio.reshape(temperature=0.7, top_k=12)
    generate(image_studio, qtbot)
    inspection = look_at(image_studio, qtbot, panel, 0, 17)
    assert panel.note.text() == panel.hint
    image_studio.neutral_shaping()
    qtbot.waitUntil(lambda: panel.inspection is not None and panel.inspection.shaping.neutral)
    symbol, sharpened = inspection.symbol, inspection.raw ** (1 / 0.7)
    assert symbol is not None
    kept = np.sort(sharpened)[-12:].sum()
    assert panel.facts["shaped"].text() == f"{inspection.raw[symbol]:.4f}"
    assert panel.note.text() == f"p as drawn {sharpened[symbol] / kept:.4f}, at temperature 0.7, top-k 12"


def test_the_settings_at_the_step_count_not_those_that_the_take_began_with(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    image_studio.change("pace", pace=200.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 10)
    image_studio.reshape(temperature=0.5)
    finish(image_studio, qtbot)
    trace = image_studio.trace
    assert trace is not None
    assert [segment.shaping.temperature for segment in trace.schedule] == [1.0, 0.5]
    look_at(image_studio, qtbot, panel, 0, trace.schedule[1].start)
    assert panel.note.text() == panel.hint
    look_at(image_studio, qtbot, panel, 0, trace.schedule[1].start - 1)
    assert panel.note.text().endswith("at neutral settings")


def test_a_value_that_was_put_was_not_drawn_under_any_settings(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    generate(image_studio, qtbot)
    image_studio.editing.put_value(3, Pointer(0, 10))
    finish(image_studio, qtbot)
    image_studio.reshape(temperature=0.3)
    look_at(image_studio, qtbot, panel, 0, 10)
    assert panel.fact_names[0].text() == "Put"
    assert panel.note.text() == panel.hint


def test_at_the_frontier_nothing_is_drawn_yet(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    image_studio.change("pace", pace=30.0)
    image_studio.begin()
    qtbot.waitUntil(lambda: image_studio.frontier >= 3)
    image_studio.pause()
    qtbot.waitUntil(lambda: not image_studio.running)
    image_studio.looking.follow()
    qtbot.waitUntil(lambda: panel.inspection is not None and panel.inspection.symbol is None)
    assert panel.facts["drawn"].text() == "not drawn yet"
    assert panel.facts["surprise"].text() == "–"
    assert panel.facts["entropy"].text().endswith("bits")


def test_a_click_puts_the_value_at_the_step_that_is_shown(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    generate(image_studio, qtbot, count=2)
    look_at(image_studio, qtbot, panel, 1, 20)
    where = QPoint(round(panel.plot.x_of(11)), panel.plot.height() // 2)
    qtbot.mouseClick(panel.plot, Qt.MouseButton.LeftButton, pos=where)
    take = image_studio.take
    assert take is not None
    finish(image_studio, qtbot)
    assert [len(sample.branches) for sample in take.samples] == [1, 2]
    assert take.samples[1].trace.symbols[20] == 11


def test_the_keyboard_points_at_values_and_puts_them(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    generate(image_studio, qtbot)
    inspection = look_at(image_studio, qtbot, panel, 0, 5)
    likeliest = int(inspection.raw.argmax())
    key = Qt.Key.Key_Left if likeliest else Qt.Key.Key_Right
    qtbot.keyClick(panel.plot, key)
    aimed = likeliest - 1 if likeliest else 1
    assert panel.plot.aim == aimed
    assert f"raw {inspection.raw[aimed]:.4f}" in panel.plot.accessibleDescription()
    qtbot.keyClick(panel.plot, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not image_studio.running)
    assert image_studio.trace.symbols[5] == aimed  # type: ignore[union-attr]


def test_branches_are_listed_and_can_be_switched_to(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    generate(image_studio, qtbot)
    assert not panel.branches_button.isEnabled()
    image_studio.editing.put_value(3, Pointer(0, 10))
    qtbot.waitUntil(lambda: not image_studio.running)
    assert panel.branches_button.text() == "Branches 2"
    panel.branches_menu.aboutToShow.emit()
    first, second = panel.branches_menu.actions()
    assert (first.isChecked(), second.isChecked()) == (False, True)
    assert "put 3 at step 10" in second.text()
    assert "48 steps" in first.text()
    first.trigger()
    assert image_studio.take.samples[0].current == 0  # type: ignore[union-attr]
    image_studio.undo_stack.undo()
    assert image_studio.take.samples[0].current == 1  # type: ignore[union-attr]


def test_new_noise_goes_to_one_sample_or_to_all(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    generate(image_studio, qtbot, count=2)
    image_studio.looking.move_cursor(12)
    this, everywhere = panel.noise_menu.actions()
    this.trigger()
    finish(image_studio, qtbot)
    take = image_studio.take
    assert take is not None
    assert [len(sample.branches) for sample in take.samples] == [2, 1]
    image_studio.looking.move_cursor(12)
    everywhere.trigger()
    finish(image_studio, qtbot)
    assert [len(sample.branches) for sample in take.samples] == [3, 2]


def test_a_single_sample_gets_new_noise_by_one_click(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    generate(image_studio, qtbot)
    image_studio.looking.move_cursor(12)
    panel.noise_button.click()
    finish(image_studio, qtbot)
    assert len(image_studio.take.samples[0].branches) == 2  # type: ignore[union-attr]


def test_the_scale_is_remembered(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    panel.scale.buttons["log"].click()
    assert panel.plot.scale == "log"
    again = panel_of(image_studio, qtbot)
    assert again.plot.scale == "log"
    assert again.scale.buttons["log"].isChecked()


def made_up(p: list[float]) -> Inspection:
    array = np.array(p) / sum(p)
    return Inspection(1, 0, 0, array, array, Shaping(), int(array.argmax()), False)


def test_the_stop_symbol_stands_apart_at_the_right(qtbot: QtBot) -> None:
    plot = ConditionalPlot()
    qtbot.addWidget(plot)
    plot.resize(360, 200)
    plot.show_inspection(made_up([1.0] * 33), STOPPING)
    pitch = plot.x_of(31) - plot.x_of(30)
    assert plot.x_of(32) - plot.x_of(31) > 1.5 * pitch
    for symbol in range(33):
        assert plot.symbol_at(plot.x_of(symbol)) == symbol
    assert (plot.symbol_at(-50.0), plot.symbol_at(1e4)) == (0, 32)
    assert not plot.grab().isNull()


def test_an_alphabet_finer_than_the_screen_shows_its_peaks(qtbot: QtBot) -> None:
    plot = ConditionalPlot()
    qtbot.addWidget(plot)
    plot.resize(240, 200)
    p = np.full(65536, 1e-9)
    p[40_000] = 1.0
    inspection = Inspection(1, 0, 0, p / p.sum(), p / p.sum(), Shaping(), 40_000, False)
    plot.show_inspection(inspection, GreyLevels(65536))
    curve = plot._outline(inspection.raw, GreyLevels(65536))
    assert curve.boundingRect().height() == pytest.approx(plot._area().height(), abs=0.1)
    assert curve.elementCount() < 2000


@pytest.mark.parametrize(("largest", "top"), [(1.0, 1.0), (0.51, 1.0), (0.5, 0.5), (0.013, 0.02), (3e-4, 5e-4)])
def test_the_axis_ends_at_the_next_round_number(largest: float, top: float) -> None:
    assert axis_top(largest) == pytest.approx(top)


@pytest.mark.parametrize("scale", ["linear", "√", "log"])
def test_heights_rise_with_probability_from_nothing_to_the_top(scale: str) -> None:
    p = np.array([0.0, 1e-5, 1e-3, 0.1, 0.5])
    shown = heights(p, 0.5, scale)
    assert (shown[0], shown[-1]) == (0.0, 1.0)
    assert (np.diff(shown) > 0).all()


def test_rank_counts_ties_for_the_lower_symbol() -> None:
    p = np.array([0.2, 0.3, 0.2, 0.3])
    assert [rank(p, k) for k in range(4)] == [3, 1, 4, 2]
    assert entropy_bits(np.full(8, 1 / 8)) == pytest.approx(3)
    assert entropy_bits(np.array([1.0, 0.0])) == 0


def test_what_a_completion_was_given_is_told_from_what_an_edit_put_there(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    image_studio.change("test", pace=math.inf)
    known = np.indices((8, 6))[0] < 4
    image_studio.complete(np.zeros((8, 6), np.uint8), known, {})
    finish(image_studio, qtbot)
    for step, came in ((7, "given"), (30, "drawn")):
        look_at(image_studio, qtbot, panel, 0, step)
        assert (panel.plot.came, panel.fact_names[0].text()) == (came, came.capitalize())
    image_studio.editing.new_noise()
    image_studio.editing.put_value(9, Pointer(0, 7))
    finish(image_studio, qtbot)
    look_at(image_studio, qtbot, panel, 0, 7)
    qtbot.waitUntil(lambda: panel.facts["drawn"].text() == "9")
    assert (panel.plot.came, panel.fact_names[0].text()) == ("put", "Put")
    look_at(image_studio, qtbot, panel, 0, 8)
    assert panel.plot.came == "given"
