"""Drawing over a sound with the mouse: what a stroke puts where, on a branch, and how it is undone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from models.chain import INT16_PEAK, LinearAmplitudes, SoundChain
from models.errors import InputError
from models.trace import Trace
from studio.canvas.sound import SoundCanvas
from studio.canvas.time_plot import TimePlot
from studio.state import Studio
from tests.studio.conftest import finish, load, write

SIZES = {"residual": 4, "skip": 4, "head": 4, "dilations": [1, 2]}
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NO_KEY, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def canvas(sound_studio: Studio, qtbot: QtBot) -> Iterator[SoundCanvas]:
    """On a clip that is drawn to its end, 10 ms of it in view."""
    sound_studio.change("test", pace=math.inf, seed=2, seed_locked=True)
    canvas = SoundCanvas(sound_studio)
    qtbot.addWidget(canvas)
    canvas.resize(900, 700)
    canvas.show()
    sound_studio.begin()
    finish(sound_studio, qtbot)
    show(canvas, 0.02, 0.03)
    yield canvas
    canvas.hide()


def show(canvas: SoundCanvas, start: float, stop: float) -> None:
    canvas.wave.plot.view.setXRange(start, stop, padding=0)
    canvas.wave.plot.view.sigRangeChangedManually.emit([True, False])
    QApplication.processEvents()


def shown(canvas: SoundCanvas) -> Trace:
    trace = canvas._studio.trace
    assert trace is not None
    return trace


def place(plot: TimePlot, step: float, height: float) -> QPoint:
    return plot.position_of(step / 8000, height).toPoint()


def press(qtbot: QtBot, plot: TimePlot, step: float, height: float, key: Qt.KeyboardModifier = NO_KEY) -> None:
    qtbot.mousePress(plot.viewport(), LEFT, key, place(plot, step, height))


def stroke(qtbot: QtBot, plot: TimePlot, *places: tuple[float, float], key: Qt.KeyboardModifier = NO_KEY) -> None:
    press(qtbot, plot, *places[0], key=key)
    for step, height in places[1:]:
        qtbot.mouseMove(plot.viewport(), place(plot, step, height))
    qtbot.mouseRelease(plot.viewport(), LEFT, key, place(plot, *places[-1]))


@pytest.mark.parametrize("key", [NO_KEY, CTRL], ids=["pencil", "Ctrl"])
def test_a_stroke_over_the_wave_is_put_on_a_branch_and_generation_goes_on_after_it(
    canvas: SoundCanvas, qtbot: QtBot, key: Qt.KeyboardModifier
) -> None:
    before = shown(canvas)
    old = before.symbols.copy()
    canvas.pencil.button.setChecked(key is NO_KEY)
    stroke(qtbot, canvas.wave.plot, (180, -0.5), (200, 0.5), key=key)
    finish(canvas._studio, qtbot)
    trace = shown(canvas)
    assert trace is not before
    np.testing.assert_array_equal(before.symbols, old)
    np.testing.assert_array_equal(trace.symbols[: trace.fork], old[: trace.fork])
    put = np.flatnonzero(trace.clamped)
    np.testing.assert_array_equal(put, np.arange(put[0], put[-1] + 1))
    assert (put[0], put[-1]) == (pytest.approx(180, abs=1), pytest.approx(200, abs=1))
    assert trace.fork == put[0]
    assert len(trace) > put[-1] + 1
    chain = canvas._chain
    line = np.interp(put, [180, 200], [-0.5, 0.5])
    assert np.abs(chain.wave(trace.symbols[put]) / INT16_PEAK - line).max() < 0.15


def test_a_stroke_over_the_conditionals_puts_the_symbols_that_it_passes(canvas: SoundCanvas, qtbot: QtBot) -> None:
    canvas._studio.looking.move_cursor(200)
    qtbot.waitUntil(lambda: canvas.gram.gram is not None, timeout=5_000)
    show(canvas, 0.02, 0.03)
    canvas.pencil.button.click()
    stroke(qtbot, canvas.gram.plot, (190, 5), (210, 25))
    finish(canvas._studio, qtbot)
    trace = shown(canvas)
    put = np.flatnonzero(trace.clamped)
    assert len(put) == pytest.approx(21, abs=2)
    assert np.abs(trace.symbols[put] - np.interp(put, [190, 210], [5, 25])).max() <= 1.5


def test_a_stroke_over_the_rows_of_very_many_levels_puts_the_amplitudes_that_they_stand_for(
    studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    chain = SoundChain(LinearAmplitudes(65_536), 8000, default_seconds=0.05, max_seconds=0.05)
    (tmp_path / "checkpoints").mkdir()
    write(tmp_path, "fine", "wavenet", chain, (), {**SIZES, "components": 2})
    load(studio, qtbot, str(tmp_path / "checkpoints" / "fine.safetensors"))
    studio.change("test", pace=math.inf, seed=2, seed_locked=True)
    canvas = SoundCanvas(studio)
    qtbot.addWidget(canvas)
    canvas.resize(900, 700)
    canvas.show()
    studio.begin()
    finish(studio, qtbot)
    studio.looking.move_cursor(200)
    qtbot.waitUntil(lambda: canvas.gram.gram is not None, timeout=5_000)
    show(canvas, 0.02, 0.03)
    canvas.pencil.button.click()
    stroke(qtbot, canvas.gram.plot, (190, 128), (210, 128))
    finish(studio, qtbot)
    put = np.flatnonzero(shown(canvas).clamped)
    assert len(put) == pytest.approx(21, abs=2)
    assert np.abs(chain.wave(shown(canvas).symbols[put])).max() < 100, "silence"


def test_a_stroke_is_one_step_of_undo(canvas: SoundCanvas, qtbot: QtBot) -> None:
    before, studio = shown(canvas), canvas._studio
    canvas.pencil.button.click()
    stroke(qtbot, canvas.wave.plot, (180, 0.3), (190, 0.3), (200, -0.3))
    finish(studio, qtbot)
    after = shown(canvas)
    studio.undo_stack.undo()
    assert shown(canvas) is before
    studio.undo_stack.redo()
    assert shown(canvas) is after


def test_a_stroke_that_goes_back_keeps_what_was_drawn_last(canvas: SoundCanvas, qtbot: QtBot) -> None:
    canvas.pencil.button.click()
    stroke(qtbot, canvas.wave.plot, (180, 0.8), (200, 0.8), (200, -0.8), (190, -0.8))
    finish(canvas._studio, qtbot)
    wave = canvas._chain.wave(shown(canvas).symbols[:201]) / INT16_PEAK
    assert (wave[182:188] > 0.5).all()
    assert (wave[192:199] < -0.5).all()


def test_a_click_puts_one_value(canvas: SoundCanvas, qtbot: QtBot) -> None:
    canvas.pencil.button.click()
    stroke(qtbot, canvas.wave.plot, (190, 0.6))
    finish(canvas._studio, qtbot)
    assert np.flatnonzero(shown(canvas).clamped).tolist() == [pytest.approx(190, abs=1)]


def test_the_right_button_gives_a_stroke_up(canvas: SoundCanvas, qtbot: QtBot) -> None:
    before = shown(canvas)
    canvas.pencil.button.click()
    press(qtbot, canvas.wave.plot, 180, 0.3)
    qtbot.mouseMove(canvas.wave.plot.viewport(), place(canvas.wave.plot, 200, 0.3))
    qtbot.mousePress(canvas.wave.plot.viewport(), RIGHT, NO_KEY, place(canvas.wave.plot, 200, 0.3))
    qtbot.mouseRelease(canvas.wave.plot.viewport(), LEFT, NO_KEY, place(canvas.wave.plot, 200, 0.3))
    assert shown(canvas) is before


def test_without_the_pencil_a_drag_moves_along_and_puts_nothing(canvas: SoundCanvas, qtbot: QtBot) -> None:
    before = shown(canvas)
    stroke(qtbot, canvas.wave.plot, (220, 0.3), (210, 0.3), (200, 0.3), (190, 0.3))
    assert shown(canvas) is before
    assert len(canvas._studio.take.samples[0].branches) == 1  # type: ignore[union-attr]


def test_the_pencil_does_not_move_along(canvas: SoundCanvas, qtbot: QtBot) -> None:
    canvas.pencil.button.click()
    view = canvas.wave.plot.view.viewRange()[0]
    stroke(qtbot, canvas.wave.plot, (220, 0.3), (190, 0.3))
    assert canvas.wave.plot.view.viewRange()[0] == pytest.approx(view)


def test_a_stroke_may_go_beyond_what_is_drawn_but_not_begin_there(
    sound_studio: Studio, canvas: SoundCanvas, qtbot: QtBot
) -> None:
    sound_studio.begin(until=200)
    qtbot.waitUntil(lambda: sound_studio.frontier == 200 and not sound_studio.running, timeout=5_000)
    show(canvas, 0.02, 0.03)
    canvas.pencil.button.click()
    with qtbot.waitSignal(sound_studio.message) as said:
        stroke(qtbot, canvas.wave.plot, (210, 0.3), (220, 0.3))
    assert said.args == ["A stroke begins where something is drawn already."]
    stroke(qtbot, canvas.wave.plot, (190, 0.3), (220, 0.3))
    finish(sound_studio, qtbot)
    put = np.flatnonzero(shown(canvas).clamped)
    assert (put[0], put[-1]) == (pytest.approx(190, abs=1), pytest.approx(220, abs=1))


def test_what_was_put_is_marked_in_the_wave_and_under_it(canvas: SoundCanvas, qtbot: QtBot) -> None:
    for marks in canvas.clamped:
        assert not len(marks.runs)
    canvas.pencil.button.click()
    stroke(qtbot, canvas.wave.plot, (180, 0.3), (200, 0.3))
    finish(canvas._studio, qtbot)
    QApplication.processEvents()
    put = np.flatnonzero(shown(canvas).clamped)
    for marks in canvas.clamped:
        assert marks.runs.tolist() == [[put[0], put[-1] + 1]]


def test_symbols_that_cannot_be_put_are_refused(canvas: SoundCanvas) -> None:
    take = canvas._studio.take
    assert take is not None
    assert isinstance(take.chain, SoundChain)
    stop = take.chain.alphabet.stop_symbol
    assert stop is not None
    for values, says in (([stop, 1], "nothing comes after"), ([1] * 9000, "at most"), ([stop + 1], "lies in")):
        with pytest.raises(InputError, match=says):
            take.branch(0, 10, values=values)
    assert len(take.samples[0].branches) == 1
