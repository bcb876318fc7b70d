"""The canvas of sounds, offscreen: on takes made by hand, and once on a real walk of a small model."""

from __future__ import annotations

import itertools
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QFontMetricsF, QMouseEvent, QPainter, QPixmap, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from models.trace import Take
from studio.canvas.clip import decibels
from studio.canvas.demo import DIGIT_CHAIN, SPEECH_CHAIN, empty_take, grow, hum
from studio.canvas.pyramid import Pyramid
from studio.canvas.sample_list import LIST_WIDTH, ROW_HEIGHT
from studio.canvas.sound import SoundCanvas
from studio.canvas.spectrum import ROWS, frequency_at, row_of
from studio.canvas.time_plot import LabelledAxis, TimePlot
from studio.canvas.waveform import MOST_MAGNIFIED
from studio.looking import Pointer
from studio.messages import Gram
from studio.settings import SpectrumSettings
from studio.state import Activity, Studio
from tests.studio.melody_chain import MELODY


@pytest.fixture
def open_canvas(qtbot: QtBot) -> Iterator[Callable[[Studio], SoundCanvas]]:
    canvases = []

    def open_canvas(studio: Studio) -> SoundCanvas:
        canvas = SoundCanvas(studio)
        qtbot.addWidget(canvas)
        canvas.resize(812, 660)
        canvas.show()
        QApplication.processEvents()
        canvases.append(canvas)
        return canvas

    yield open_canvas
    for canvas in canvases:
        canvas.hide()


@pytest.fixture
def canvas(idle: Studio, open_canvas: Callable[[Studio], SoundCanvas]) -> SoundCanvas:
    return open_canvas(idle)


def show(studio: Studio, steps: int = 4000, count: int = 1, limit: int = 8000) -> Take:
    take = empty_take(SPEECH_CHAIN, count, limit)
    studio.show_take(take, None)
    draw(studio, take, steps)
    return take


def draw(studio: Studio, take: Take, steps: int) -> None:
    for n, trace in enumerate(take.traces):
        grow(trace, hum(SPEECH_CHAIN, take.limit, n)[len(trace) : len(trace) + steps], SPEECH_CHAIN)
        trace.finished = len(trace) == take.limit
    studio.worker.grown.emit(take.id)
    QApplication.processEvents()


def view(canvas: SoundCanvas) -> tuple[float, float]:
    (left, right), _ = canvas.wave.plot.view.viewRange()
    return left, right


def at(plot: TimePlot, seconds: float, y: float = 0.5) -> QPoint:
    return plot.position_of(seconds, y).toPoint()


# --- pyramid ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [[1], [7, 8, 9], [1, 4095, 1], [5000, 3, 77_777]])
def test_columns_of_whole_bins_are_the_least_largest_and_mean_values(pieces: list[int]) -> None:
    values = np.random.default_rng(0).normal(size=sum(pieces)).astype(np.float32)
    pyramid = Pyramid(lambda start, stop: values[start:stop])
    for length in np.cumsum(pieces).tolist():
        pyramid.grow(length)
    count = max(1, len(values) // 64)
    stop = count * (len(values) // count)
    low, high, mean = pyramid.columns(0, stop, count)
    rows = values[:stop].reshape(count, -1)
    if rows.shape[1] == 64:
        np.testing.assert_array_equal(low, rows.min(axis=1))
        np.testing.assert_array_equal(high, rows.max(axis=1))
        np.testing.assert_allclose(mean, rows.mean(axis=1), atol=1e-5)
    assert low.min() >= values.min()
    assert high.max() <= values.max()


def test_no_peak_is_lost_however_far_one_zooms_out() -> None:
    values = np.zeros(100_000, np.float32)
    values[77_777] = 1.0
    pyramid = Pyramid(lambda start, stop: values[start:stop])
    pyramid.grow(100_000)
    for count in (1, 10, 333, 800, 5000):
        _, high, _ = pyramid.columns(0, 100_000, count)
        assert high.max() == 1.0
        assert np.argmax(high) / count == pytest.approx(0.77777, abs=1.5 / count)


def test_a_long_curve_takes_no_more_memory_than_a_shorter_one() -> None:
    hour = 3600 * 8000
    pyramid = Pyramid(lambda start, stop: np.full(stop - start, 0.5, np.float32))
    held = []
    tracemalloc.start()
    try:
        for end in (hour // 20, hour):
            for length in range(len(pyramid), end, 2**17):
                pyramid.grow(length)
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[1] - held[0] < 16 * 3600
    assert pyramid.mean == pytest.approx(0.5)
    low, high, mean = pyramid.columns(0, len(pyramid), 1000)
    assert {*low, *high} == {0.5}
    np.testing.assert_allclose(mean, 0.5, rtol=1e-4)


def test_any_stretch_has_its_columns() -> None:
    pyramid = Pyramid(np.arange)
    pyramid.grow(10_000)
    for start, stop, count in ((0, 1, 1), (9_999, 10_000, 1), (123, 9_877, 97), (0, 10_000, 10_000)):
        low, high, _ = pyramid.columns(start, stop, count)
        assert len(low) == len(high) == count
        assert (low <= high).all()


# --- wave ------------------------------------------------------------------------------------------------------------


def test_the_frontier_moves_with_the_wave_and_goes_when_it_is_finished(idle: Studio, canvas: SoundCanvas) -> None:
    take = show(idle, 4000)
    assert canvas.wave.plot.frontier.isVisible()
    assert canvas.wave.plot.frontier.value() == pytest.approx(0.5)
    assert canvas.wave.plot.hatch.span == pytest.approx((0.5, 1.0))
    draw(idle, take, 4000)
    assert not canvas.wave.plot.frontier.isVisible()
    assert canvas.wave.plot.hatch.span == pytest.approx((1.0, 1.0))


def test_the_whole_clip_stays_in_view_while_it_grows(idle: Studio, canvas: SoundCanvas) -> None:
    take = show(idle, 4000, limit=40_000)
    assert view(canvas) == pytest.approx((0, 1))
    draw(idle, take, 8000)
    assert view(canvas) == pytest.approx((0, 2))


def test_a_clip_that_stopped_early_fills_the_view(idle: Studio, canvas: SoundCanvas) -> None:
    take = show(idle, 4000)
    take.traces[0].finished = True
    idle.worker.grown.emit(take.id)
    assert view(canvas) == pytest.approx((0, 0.5))


def test_a_view_zoomed_by_the_user_stays_while_the_clip_grows(idle: Studio, canvas: SoundCanvas) -> None:
    take = show(idle, 4000)
    canvas.wave.plot.view.setXRange(0.1, 0.2, padding=0)
    canvas.wave.plot.view.sigRangeChangedManually.emit([True, False])
    draw(idle, take, 1000)
    assert view(canvas) == pytest.approx((0.1, 0.2))
    canvas.show_whole()
    assert view(canvas) == pytest.approx((0, 1))


def wheel(
    canvas: SoundCanvas, seconds: float, turn: QPoint, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    """Turns the wheel over a time of the wave; ``turn`` as Qt tells it: 120 a notch, down and right negative."""
    plot = canvas.wave.plot
    where = QPointF(at(plot, seconds, 0))
    phase, buttons = Qt.ScrollPhase.NoScrollPhase, Qt.MouseButton.NoButton
    globally = QPointF(plot.viewport().mapToGlobal(where))
    QApplication.sendEvent(
        plot.viewport(), QWheelEvent(where, globally, QPoint(), turn, buttons, modifiers, phase, False)
    )


def test_the_wheel_zooms_about_the_pointer(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 8000)
    wheel(canvas, 0.25, QPoint(0, 120))
    left, right = view(canvas)
    assert 0.5 < right - left < 0.99
    assert (0.25 - left) / (right - left) == pytest.approx(0.25, abs=0.01)


def test_after_the_wheel_the_sample_under_the_mouse_is_the_one_that_is_highlighted(
    idle: Studio, canvas: SoundCanvas
) -> None:
    show(idle, 8000)
    wheel(canvas, 0.2, QPoint(0, 120))
    place = at(canvas.wave.plot, 0.7)
    seconds = canvas.wave.plot.view.mapSceneToView(canvas.wave.plot.mapToScene(place)).x()
    wheel(canvas, seconds, QPoint(0, 1200), Qt.KeyboardModifier.ShiftModifier)
    left = canvas.wave.plot.view.mapSceneToView(canvas.wave.plot.mapToScene(place)).x()
    assert left != pytest.approx(seconds, abs=0.01)
    assert idle.looking.hovered == Pointer(0, round(left * 8000))


def test_with_ctrl_the_wheel_draws_quiet_sounds_larger_and_a_double_click_takes_that_back(
    idle: Studio, canvas: SoundCanvas
) -> None:
    show(idle, 8000)
    plot, before = canvas.wave.plot, view(canvas)
    wheel(canvas, 0.25, QPoint(0, 240), Qt.KeyboardModifier.ControlModifier)
    assert plot.view.viewRange()[1] == pytest.approx([-0.25, 0.25])
    assert view(canvas) == before
    wheel(canvas, 0.25, QPoint(0, -1200), Qt.KeyboardModifier.ControlModifier)
    assert plot.view.viewRange()[1] == pytest.approx([-1, 1])
    wheel(canvas, 0.25, QPoint(0, 120_000), Qt.KeyboardModifier.ControlModifier)
    assert canvas.wave.magnification == MOST_MAGNIFIED
    plot.view.whole_wanted.emit()
    assert plot.view.viewRange()[1] == pytest.approx([-1, 1])


@pytest.mark.parametrize(
    ("turn", "modifiers"),
    [
        (QPoint(-120, 0), Qt.KeyboardModifier.NoModifier),
        (QPoint(-120, 30), Qt.KeyboardModifier.NoModifier),
        (QPoint(0, -120), Qt.KeyboardModifier.ShiftModifier),
    ],
    ids=["sideways", "mostly sideways", "Shift"],
)
def test_sideways_or_with_shift_the_wheel_pans_as_far_as_the_clip_goes(
    idle: Studio, canvas: SoundCanvas, turn: QPoint, modifiers: Qt.KeyboardModifier
) -> None:
    idle.set_overlay("entropy")
    take = show(idle, 4000)
    canvas.wave.plot.view.setXRange(0.2, 0.4, padding=0)
    wheel(canvas, 0.25, turn, modifiers)
    assert view(canvas) == pytest.approx((0.22, 0.42))
    assert canvas.bits.plot.view.viewRange()[0] == pytest.approx([0.22, 0.42])
    wheel(canvas, 0.25, -turn, modifiers)
    assert view(canvas) == pytest.approx((0.2, 0.4))
    draw(idle, take, 1000)
    assert view(canvas) == pytest.approx((0.2, 0.4))  # it is the user's view: growth leaves it alone
    wheel(canvas, 0.25, 1000 * turn, modifiers)
    assert view(canvas) == pytest.approx((0.8, 1.0))
    wheel(canvas, 0.9, -1000 * turn, modifiers)
    assert view(canvas) == pytest.approx((0.0, 0.2))


def test_the_whole_clip_in_view_cannot_be_panned(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 8000)
    wheel(canvas, 0.25, QPoint(-120, 0))
    assert view(canvas) == pytest.approx((0, 1))


def test_no_clip_and_no_fact_asks_for_more_width(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 4000)
    one = canvas.minimumSizeHint().width()
    idle.set_overlay("entropy")
    show(idle, 4000, count=6)
    canvas.gram.facts.say("a long story " * 40)
    QApplication.processEvents()
    assert canvas.minimumSizeHint().width() <= one + LIST_WIDTH + 2 * 12
    assert canvas.gram.facts.text().endswith("…")
    assert canvas.gram.facts.toolTip().count("story") == 40


def test_the_bits_keep_to_the_stretch_of_the_wave(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 4000)
    idle.set_overlay("entropy")
    canvas.wave.plot.view.setXRange(0.1, 0.2, padding=0)
    assert canvas.bits.plot.view.viewRange()[0] == pytest.approx([0.1, 0.2])
    canvas.bits.plot.view.setXRange(0.3, 0.4, padding=0)
    canvas.bits.plot.view.sigRangeChangedManually.emit([True, False])
    assert view(canvas) == pytest.approx((0.3, 0.4))


def test_single_samples_are_points_and_a_long_wave_is_not(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 4000)
    assert len(canvas.wave._points.data) == 0
    canvas.wave.plot.view.setXRange(0.1, 0.105, padding=0)
    x, y = canvas.wave._points.getData()
    assert x[0] <= 0.1
    assert x[-1] >= 0.105
    np.testing.assert_allclose(np.diff(x), 1 / 8000, rtol=1e-6)
    assert np.abs(y).max() <= 1


def test_a_long_clip_costs_no_more_points_than_the_plot_has_columns(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 80_000, limit=80_000)
    x, y = canvas.wave._wave.getData()
    ratio = canvas.devicePixelRatioF()
    assert 200 < len(x) <= 2 * (canvas.wave.plot.view.width() * ratio + 2)
    assert y.max() == pytest.approx(canvas._clips[0].wave.values(0, 80_000).max())


def test_a_stop_symbol_is_no_loud_sample(idle: Studio, canvas: SoundCanvas) -> None:
    take = show(idle, 100)
    grow(take.traces[0], np.array([256], np.int32), SPEECH_CHAIN)
    take.traces[0].finished = True
    idle.worker.grown.emit(take.id)
    wave = canvas._clips[0].wave
    assert wave.values(len(wave) - 1, len(wave)) == 0
    idle.looking.pin(Pointer(0, 100))
    assert "stop" in canvas.read_out.text()


# --- pointing --------------------------------------------------------------------------------------------------------


def test_a_click_on_the_wave_pins_and_the_mouse_hovers(idle: Studio, canvas: SoundCanvas, qtbot: QtBot) -> None:
    show(idle, 4000)
    plot = canvas.wave.plot
    qtbot.mouseMove(plot.viewport(), at(plot, 0.25))
    assert idle.looking.hovered is not None
    assert idle.looking.hovered.step == pytest.approx(2000, abs=8)
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=at(plot, 0.3))
    assert idle.looking.pinned is not None
    assert idle.looking.pinned.step == pytest.approx(2400, abs=8)
    assert plot.inspected.value() == idle.looking.pinned.step / 8000


def test_beyond_the_frontier_there_is_nothing_to_pin(idle: Studio, canvas: SoundCanvas, qtbot: QtBot) -> None:
    show(idle, 4000)
    qtbot.mouseClick(canvas.wave.plot.viewport(), Qt.MouseButton.LeftButton, pos=at(canvas.wave.plot, 0.8))
    assert idle.looking.pinned is None


def test_cursor_and_playhead_and_frontier_are_three_marks(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 4000)
    idle.looking.move_cursor(1600)
    canvas.set_playhead(0.1)
    assert canvas.wave.plot.inspected.value() == pytest.approx(0.2)
    assert canvas.wave.plot.frontier.value() == pytest.approx(0.5)
    assert canvas.wave.plot.playhead.isVisible()
    canvas.set_playhead(None)
    assert not canvas.wave.plot.playhead.isVisible()


def test_the_read_out_names_time_sample_amplitude_and_level(idle: Studio, canvas: SoundCanvas) -> None:
    take = show(idle, 4000)
    idle.looking.pin(Pointer(0, 2000))
    amplitude = canvas._clips[0].wave.values(2000, 2001)[0]
    words = canvas.read_out.text()
    assert words.startswith("250.000 ms  ·  sample 2\u202f000  ·  ")
    assert decibels(abs(float(amplitude))) in words
    assert f"value {take.traces[0].symbols[2000]}" in words


def test_decibels_count_from_full_scale() -> None:
    assert decibels(1.0) == "0.0 dB"
    assert decibels(0.5) == "−6.0 dB"
    assert decibels(0.0) == "−∞ dB"


def test_a_click_in_the_list_selects_the_clip_that_is_shown(idle: Studio, canvas: SoundCanvas, qtbot: QtBot) -> None:
    show(idle, 4000, count=3)
    assert canvas.clip_scroll.isVisible()
    before = canvas.wave._wave.getData()[1].copy()
    assert canvas.clip_list.focusPolicy() & Qt.FocusPolicy.TabFocus
    for key, chosen in ((Qt.Key.Key_Down, 1), (Qt.Key.Key_Down, 2), (Qt.Key.Key_Up, 1), (Qt.Key.Key_Up, 0)):
        qtbot.keyClick(canvas.clip_list, key)
        assert idle.looking.selected == chosen
    qtbot.mouseClick(canvas.clip_list, Qt.MouseButton.LeftButton, pos=QPoint(50, round(2.5 * ROW_HEIGHT)))
    assert idle.looking.selected == 2
    assert not np.array_equal(canvas.wave._wave.getData()[1], before)


def test_a_single_clip_needs_no_list(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 4000)
    assert not canvas.clip_scroll.isVisible()


def test_another_branch_is_drawn_at_once(idle: Studio, canvas: SoundCanvas) -> None:
    take = show(idle, 8000)
    take.branch(0, 1000, new_noise=True)
    idle.branches_changed.emit()
    assert canvas.wave._wave.getData()[0].max() <= 1000 / 8000


# --- bits ------------------------------------------------------------------------------------------------------------


def test_the_overlay_shows_the_bits_under_the_wave(idle: Studio, canvas: SoundCanvas) -> None:
    take = show(idle, 4000)
    assert not canvas.bits.plot.isVisible()
    idle.set_overlay("entropy")
    assert canvas.bits.plot.isVisible()
    _, mean = canvas.bits._mean_bits.getData()
    _, peak = canvas.bits._peak_bits.getData()
    assert mean.mean() == pytest.approx(take.traces[0].entropy.mean(), rel=0.02)
    assert peak.max() == pytest.approx(take.traces[0].entropy.max())


@pytest.mark.parametrize("overlay", ["order", "influence"])
def test_an_overlay_of_images_shows_nothing_under_the_wave(idle: Studio, canvas: SoundCanvas, overlay: str) -> None:
    sound = show(idle, 4000)
    idle.show_take(empty_take(DIGIT_CHAIN), None)
    idle.set_overlay(overlay)
    idle.show_take(sound, None)
    assert idle.overlay == "none"
    assert not canvas.bits.plot.isVisible()


def test_a_take_without_figures_gets_them_when_it_is_scored(idle: Studio, canvas: SoundCanvas) -> None:
    take = empty_take(SPEECH_CHAIN)
    unknown = np.full(4000, np.nan, np.float32)
    take.traces[0].append(hum(SPEECH_CHAIN, 4000, 1), unknown, unknown, np.zeros(4000, np.bool_))
    idle.show_take(take, None)
    idle.set_overlay("surprise")
    assert canvas.bits._mean_bits.getData()[1].max() == 0
    take.traces[0].surprise[:] = 2.0
    take.traces[0].entropy[:] = 2.0
    idle.worker.scored.emit(take.id)
    assert canvas.bits._mean_bits.getData()[1] == pytest.approx(2.0)


@pytest.mark.parametrize("overlay", ["entropy", "surprise"])
@pytest.mark.parametrize("height", [400, 520, 560, 600, 620, 660, 900])
def test_the_labels_of_the_bits_never_run_into_one_another(
    idle: Studio, canvas: SoundCanvas, overlay: str, height: int
) -> None:
    show(idle, 4000)
    idle.set_overlay(overlay)
    canvas.resize(685, height)
    QApplication.processEvents()
    axis = canvas.bits.plot.getAxis("left")
    paper = QPixmap(1, 1)
    painter = QPainter(paper)
    _, _, drawn = axis.generateDrawSpecs(painter)
    painter.end()
    middles = {float(text): where.center().y() for where, _, text in drawn}
    places = sorted(middles.values())
    assert min(b - a for a, b in itertools.pairwise(places)) > QFontMetricsF(canvas.font()).capHeight() + 4
    assert middles[0.0] == places[-1]
    if axis.height() < 50:
        assert len(middles) == 2


# --- conditional-gram ------------------------------------------------------------------------------------------------


def test_the_picture_lies_under_a_lens_on_the_wave(idle: Studio, canvas: SoundCanvas) -> None:
    take = show(idle, 4000)
    idle.worker.gram_ready.emit(Gram(take.id, take.traces[0], 1600, np.zeros((200, 256), np.uint8)))
    assert canvas.wave.lens.span == pytest.approx((0.2, 0.225))
    x, y = canvas.gram.path.getData()
    assert x[0] == pytest.approx(0.2)
    np.testing.assert_array_equal(y, take.traces[0].symbols[1600:1800])


def test_a_picture_of_another_trace_is_not_shown(idle: Studio, canvas: SoundCanvas) -> None:
    take = show(idle, 4000)
    other = empty_take(SPEECH_CHAIN).traces[0]
    idle.worker.gram_ready.emit(Gram(take.id, other, 0, np.zeros((200, 256), np.uint8)))
    assert canvas.wave.lens.span == (0, 0)


def test_without_the_model_one_line_says_why_there_is_no_picture(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 4000)
    assert canvas.gram.facts.full == "needs the model that made this take: it is not loaded"


def test_the_picture_comes_as_soon_as_the_model_is_loaded(
    make_studio: Callable[[], Studio], open_canvas: Callable[[Studio], SoundCanvas], qtbot: QtBot
) -> None:
    first = make_studio()
    first.loading.choose("tiny-wavenet")
    qtbot.waitUntil(lambda: first.activity is Activity.IDLE, timeout=30_000)
    first.change("as fast as possible", pace=float("inf"))
    first.generate()
    qtbot.waitUntil(lambda: first.take is not None and first.take.finished, timeout=60_000)
    assert first.take is not None
    qtbot.waitUntil(lambda: [entry.finished for entry in first.profile.history()] == [True])
    first.close()
    studio = make_studio()
    canvas = open_canvas(studio)
    loading = threading.Event()

    def wait() -> None:
        loading.wait(10)

    studio.worker._commands.put(wait)
    studio.opening.open_history(first.take.id)
    qtbot.waitUntil(lambda: studio.take is not None and not canvas.gram._ask.isActive())
    assert canvas.gram.facts.full == "needs the model, which is being loaded"
    loading.set()
    qtbot.waitUntil(lambda: canvas.gram.picture.isVisible(), timeout=30_000)
    assert canvas.gram.facts.full.endswith("brighter = more probable")


def test_a_clip_chosen_while_the_model_is_loaded_again_gets_its_own_picture(
    sound_studio: Studio, open_canvas: Callable[[Studio], SoundCanvas], qtbot: QtBot
) -> None:
    canvas = open_canvas(sound_studio)
    sound_studio.change("as fast as possible", pace=float("inf"), count=2)
    sound_studio.generate()
    qtbot.waitUntil(lambda: sound_studio.take is not None and sound_studio.take.finished, timeout=60_000)
    qtbot.waitUntil(lambda: canvas.gram.gram is not None)
    loading = threading.Event()

    def wait() -> None:
        loading.wait(10)

    sound_studio.worker._commands.put(wait)
    sound_studio.change("device", device="cpu")
    sound_studio.looking.select(1)
    assert not canvas.gram.picture.isVisible()
    qtbot.waitUntil(lambda: not canvas.gram._ask.isActive())
    loading.set()
    qtbot.waitUntil(lambda: canvas.gram.picture.isVisible(), timeout=30_000)
    assert sound_studio.take is not None
    assert canvas.gram.gram is not None
    assert canvas.gram.gram.trace is sound_studio.take.traces[1]


def test_a_real_walk_is_pictured_around_the_pinned_step(
    studio: Studio, open_canvas: Callable[[Studio], SoundCanvas], qtbot: QtBot
) -> None:
    canvas = open_canvas(studio)
    studio.loading.choose("tiny-wavenet")
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=30_000)
    assert canvas.invitation.accessibleName().startswith("Press Generate")
    studio.change("as fast as possible", pace=float("inf"), seed=3, seed_locked=True)
    studio.generate()
    qtbot.waitUntil(lambda: studio.take is not None and studio.take.finished, timeout=60_000)
    length = studio.frontier
    assert length > 250
    studio.looking.pin(Pointer(0, 120))
    qtbot.waitUntil(lambda: canvas.wave.lens.span[0] <= 120 / 8000 < canvas.wave.lens.span[1], timeout=20_000)
    left, right = canvas.wave.lens.span
    assert right - left == pytest.approx(0.025)


@pytest.mark.parametrize("overlay", ["none", "entropy"])
def test_the_first_step_finds_the_canvas_laid_out(
    sound_studio: Studio, open_canvas: Callable[[Studio], SoundCanvas], overlay: str
) -> None:
    """A page laid out only when it is needed holds up the window in the moment in which the walk begins."""
    canvas = open_canvas(sound_studio)
    sound_studio.set_overlay(overlay)
    sound_studio.change("many", count=16)
    QApplication.processEvents()

    def layout() -> list[object]:
        plots = canvas.wave.plot, canvas.spectrogram.plot, canvas.bits.plot, canvas.gram.plot
        places = ((plot.geometry(), plot.view.viewRange()[0]) for plot in plots)
        return [canvas.clip_list.size(), *places]

    before = layout()
    assert canvas.invitation.isVisible()
    sound_studio.begin()
    QApplication.processEvents()
    assert not canvas.invitation.isVisible()
    assert canvas.clip_scroll.isVisible()
    assert layout() == before


def test_a_take_of_another_modality_leaves_the_canvas_at_its_invitation(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle)
    take = empty_take(MELODY)
    idle.show_take(take, None)
    idle.set_overlay("entropy")
    idle.looking.pin(Pointer(0, 0))
    idle.worker.grown.emit(take.id)
    QApplication.processEvents()
    assert canvas.invitation.isVisible()
    assert not canvas.grab().isNull()


def test_the_mean_of_the_bits_is_told_per_sample(idle: Studio, canvas: SoundCanvas) -> None:
    idle.set_overlay("entropy")
    take = show(idle)
    entropy, surprise = take.traces[0].entropy.mean(), take.traces[0].surprise.mean()
    assert canvas.bits.facts.full == f"mean {entropy:.2f} · line: surprise, mean {surprise:.2f} bits/sample"
    _, line = canvas.bits._other_bits.getData()
    assert line.mean() == pytest.approx(surprise, rel=0.02)


def answered(canvas: SoundCanvas, studio: Studio) -> tuple[int, int]:
    """Draws the picture that is wanted, as the inference thread would, and returns its steps [start, stop)."""
    assert canvas.gram.wanted is not None
    assert studio.take is not None
    trace, start, stop = canvas.gram.wanted
    studio.worker.gram_ready.emit(Gram(studio.take.id, trace, start, np.zeros((stop - start, 256), np.uint8)))
    return start, stop


def test_the_gram_stays_where_one_looked_until_the_mouse_leaves_the_canvas(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 4000)
    canvas.wave.plot.pointed.emit(0.169)
    there = answered(canvas, idle)
    assert there[0] <= 0.169 * 8000 < there[1]
    canvas.wave.plot.pointed.emit(None)
    assert idle.looking.hovered is None
    assert answered(canvas, idle) == there
    step = there[0] + 2
    canvas.gram.plot.pointed.emit(step / 8000)
    assert idle.looking.hovered == Pointer(0, step)
    assert answered(canvas, idle) == there
    canvas.gram.plot.pointed.emit(None)
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    assert answered(canvas, idle) == (3800, 4000)


def test_the_gram_goes_where_the_keys_go_though_the_mouse_lies_in_the_canvas(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 4000)
    canvas.wave.plot.pointed.emit(0.169)
    answered(canvas, idle)
    canvas.wave.plot.pointed.emit(None)
    idle.looking.move_cursor(2500)
    start, stop = answered(canvas, idle)
    assert start <= 2500 < stop


def test_a_wave_closer_than_the_gram_has_its_own_span_in_it(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 4000)
    canvas.wave.plot.pointed.emit(0.2)
    answered(canvas, idle)
    canvas.wave.plot.view.setXRange(0.2, 0.207, padding=0)
    start, stop = answered(canvas, idle)
    assert start / 8000 <= 0.2
    assert (stop - 1) / 8000 >= 0.207
    assert canvas.gram.plot.view.viewRange()[0] == pytest.approx([0.2, 0.207])
    left, right = canvas.wave.lens.span
    assert left == right
    assert canvas.gram.facts.full.startswith("7 ms from 0.2000 s")
    canvas.wave.plot.view.setXRange(0.1, 0.4, padding=0)
    start, stop = answered(canvas, idle)
    assert stop - start == 200
    assert canvas.wave.lens.span == pytest.approx((start / 8000, stop / 8000))


# --- spectrogram, loop, and two sides --------------------------------------------------------------------------------


def show_sine(studio: Studio, frequency: float) -> Take:
    take = empty_take(SPEECH_CHAIN, 1, 8000)
    studio.show_take(take, None)
    wave = 0.5 * np.sin(2 * np.pi * frequency * np.arange(8000) / 8000)
    symbols = SPEECH_CHAIN.symbols(np.rint(wave * 32767).astype(np.int16), closed=False)
    grow(take.traces[0], symbols, SPEECH_CHAIN)
    take.traces[0].finished = True
    studio.worker.grown.emit(take.id)
    QApplication.processEvents()
    return take


@pytest.mark.parametrize("scale", ["mel", "linear"])
def test_a_sine_of_440_hz_is_bright_at_440_hz_and_reads_a4(
    idle: Studio, canvas: SoundCanvas, qtbot: QtBot, scale: str
) -> None:
    idle.set_spectrum(SpectrumSettings(scale=scale))
    show_sine(idle, 440)
    pane = canvas.spectrogram
    qtbot.waitUntil(lambda: not pane._later.isActive())
    row = pane.picture.image[len(pane.picture.image) // 2].argmax() + 0.5
    assert frequency_at(row, 8000, scale) == pytest.approx(440, abs=17)
    qtbot.mouseMove(pane.plot.viewport(), at(pane.plot, 0.5, row_of(440, 8000, scale)))
    facts = canvas.read_out._facts
    assert float(facts[0].removesuffix(" ms")) == pytest.approx(500, abs=2)
    hertz = float(facts[2].removesuffix(" Hz"))
    assert hertz == pytest.approx(440, rel=0.03)
    assert facts[3].startswith("A4")
    level = float(facts[4].removesuffix(" dB").replace("−", "-"))
    assert -13 < level < -5
    qtbot.mouseMove(canvas.wave.plot.viewport(), at(canvas.wave.plot, 0.4))
    assert not any("Hz" in fact for fact in canvas.read_out._facts)


def test_the_picture_ends_at_the_frontier_and_grows_with_the_walk(idle: Studio, canvas: SoundCanvas) -> None:
    take = show(idle, 2000)
    width = canvas.spectrogram.picture.mapRectToParent(canvas.spectrogram.picture.boundingRect()).right()
    assert width == pytest.approx(0.25, abs=0.01)
    draw(idle, take, 2000)
    width = canvas.spectrogram.picture.mapRectToParent(canvas.spectrogram.picture.boundingRect()).right()
    assert width == pytest.approx(0.5, abs=0.01)


def test_what_is_still_missing_of_a_clip_is_not_drawn_when_an_empty_one_is_shown(
    idle: Studio, canvas: SoundCanvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.canvas.spectrum.COLUMNS_AT_ONCE", 4)
    show(idle, 4000)
    assert canvas.spectrogram._later.isActive()
    show(idle, 0)
    assert not canvas.spectrogram._later.isActive()
    assert not canvas.spectrogram.picture.isVisible()


def test_the_range_of_the_picture_is_the_one_that_was_chosen(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle)
    idle.set_spectrum(SpectrumSettings(range_db=60))
    assert canvas.spectrogram.picture.levels == pytest.approx((127.5, 255))
    assert canvas.spectrogram.facts.full == "mel · 32 ms · 60 dB"
    assert idle.profile.get("spectrum")["range_db"] == 60


def test_the_labels_of_the_frequencies_never_run_into_one_another(idle: Studio, canvas: SoundCanvas) -> None:
    axis = canvas.spectrogram.axis
    for scale, size, rate in itertools.product(("mel", "linear"), (40, 100, 300), (8000, 16_000, 44_100)):
        axis.show_scale(rate, scale)
        rows = [row_of(frequency, rate, scale) * size / ROWS for frequency in axis.frequencies(size)]
        assert len(rows) >= 2
        assert min(np.diff(rows)) >= 18


def test_where_the_window_is_low_the_spectrogram_gives_way_and_comes_back(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle)
    least = canvas.minimumSizeHint().height()
    assert canvas.spectrogram.isVisible()
    canvas.resize(812, least)
    QApplication.processEvents()
    assert not canvas.spectrogram.isVisible()
    assert canvas.wave.plot.height() >= 52
    assert canvas.gram.plot.height() >= 52
    assert canvas.minimumSizeHint().height() == least
    canvas.resize(812, 660)
    QApplication.processEvents()
    assert canvas.spectrogram.isVisible()
    idle.set_spectrum(SpectrumSettings(shown=False))
    assert not canvas.spectrogram.isVisible()


def test_one_axis_of_time_serves_all_that_share_it(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle)

    def labelled() -> list[bool]:
        panes = canvas.wave, canvas.spectrogram, canvas.bits, canvas.gram
        return [bool(pane.plot.getAxis("bottom").style["showValues"]) for pane in panes if pane.isVisible()]

    assert labelled() == [False, True, True]
    idle.set_overlay("entropy")
    assert labelled() == [False, False, True, True]
    idle.set_spectrum(SpectrumSettings(shown=False))
    idle.set_overlay("none")
    assert labelled() == [True, True]


def test_the_wheel_over_the_spectrogram_zooms_the_wave(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 8000)
    canvas.spectrogram.plot.view.setXRange(0.3, 0.4, padding=0)
    canvas.spectrogram.plot.view.sigRangeChangedManually.emit([True, False])
    assert view(canvas) == pytest.approx((0.3, 0.4))


def drag(plot: TimePlot, seconds: list[float], modifiers: Qt.KeyboardModifier) -> None:
    """Presses at the first time, moves over the others, and lets go at the last."""
    places = [QPointF(at(plot, each)) for each in seconds]
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    kind = QEvent.Type
    events = [(kind.MouseButtonPress, places[0], left, left)]
    events += [(kind.MouseMove, place, none, left) for place in places[1:]]
    events += [(kind.MouseButtonRelease, places[-1], left, none)]
    for what, place, button, buttons in events:
        time.sleep(0.012)  # pyqtgraph looks at a hundred moves a second
        globally = QPointF(plot.viewport().mapToGlobal(place))
        QApplication.sendEvent(plot.viewport(), QMouseEvent(what, place, globally, button, buttons, modifiers))


def test_a_drag_with_shift_draws_a_loop_and_its_ends_can_be_moved(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 4000)
    changes: list[object] = []
    idle.listening.loop_changed.connect(lambda: changes.append(idle.listening.loop))
    plot, step = canvas.wave.plot, 12
    drag(plot, [0.3, 0.2, 0.15, 0.1], Qt.KeyboardModifier.ShiftModifier)
    loop = idle.listening.loop
    assert loop is not None
    assert (loop.start, loop.stop) == pytest.approx((800, 2400), abs=step)
    assert canvas.spectrogram.plot.loop_mark.loop == pytest.approx((0.1, 0.3), abs=step / 8000)
    assert "loop 200" in canvas.wave.facts.full or "loop 199" in canvas.wave.facts.full
    drag(plot, [0.3, 0.35, 0.4], Qt.KeyboardModifier.NoModifier)
    moved = idle.listening.loop
    assert moved is not None
    assert (moved.start, moved.stop) == pytest.approx((800, 3200), abs=step)
    assert changes == [loop, moved], "heard when it is let go of, not at each pixel"
    assert view(canvas) == pytest.approx((0, 1)), "an end that is moved does not move the wave"
    idle.listening.clear_loop()
    assert not plot.loop_mark.isVisible()


def test_a_loop_ends_where_the_clip_does(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 4000)
    drag(canvas.wave.plot, [0.4, 0.6, 0.9], Qt.KeyboardModifier.ShiftModifier)
    assert idle.listening.loop is not None
    assert idle.listening.loop.stop == 4000


def test_what_is_in_view_can_be_a_loop(idle: Studio, canvas: SoundCanvas) -> None:
    assert canvas.in_view() is None
    show(idle, 4000)
    assert canvas.in_view() == (0, 4000)
    canvas.wave.plot.view.setXRange(0.1, 0.2, padding=0)
    assert canvas.in_view() == (800, 1600)


def test_the_other_side_lies_behind_the_wave(idle: Studio, canvas: SoundCanvas) -> None:
    take = show(idle, 4000, count=2)
    assert canvas.wave.hold_button.isVisible()
    assert not canvas.wave.sides.isVisible()
    canvas.wave.hold_button.click()
    assert canvas.wave._behind.getData()[0] is None or not len(canvas.wave._behind.getData()[0])
    idle.looking.select(1)
    _, behind = canvas.wave._behind.getData()
    assert behind.max() == pytest.approx(canvas._clips[0].wave.values(0, len(canvas._clips[0].wave)).max())
    assert canvas.wave.sides.buttons["A"].isChecked()
    canvas.wave.sides.buttons["B"].click()
    assert idle.looking.selected == 0
    assert canvas.wave.sides.buttons["B"].isChecked()
    _, behind = canvas.wave._behind.getData()
    assert behind.max() == pytest.approx(canvas._clips[1].wave.values(0, len(canvas._clips[1].wave)).max())
    assert take.traces[0] is canvas._clips[0].trace
    canvas.wave.release_button.click()
    assert not len(canvas.wave._behind.getData()[0])


def test_the_zoom_stays_where_one_side_takes_the_place_of_the_other(
    idle: Studio, canvas: SoundCanvas, qtbot: QtBot
) -> None:
    first = show(idle, 8000)
    idle.listening.hold()
    second = show(idle, 8000)
    canvas.wave.plot.view.setXRange(0.3, 0.4, padding=0)
    canvas.wave.plot.view.sigRangeChangedManually.emit([True, False])
    idle.listening._show(idle.listening.b, first, None)  # type: ignore[arg-type]
    assert idle.take is first
    assert view(canvas) == pytest.approx((0.3, 0.4))
    idle.show_take(second, None)
    assert view(canvas) == pytest.approx((0, 1))


def test_playhead_and_inspected_step_lie_in_all_plots_that_show_them(idle: Studio, canvas: SoundCanvas) -> None:
    show(idle, 4000)
    canvas.set_playhead(0.1)
    assert canvas.spectrogram.plot.playhead.isVisible()
    canvas.wave.plot.view.setXRange(0.2, 0.3, padding=0)
    canvas.set_playhead(0.1)
    assert not canvas.wave.plot.playhead.isVisible()


@pytest.mark.parametrize(("pixels", "labelled"), [(200, "0 64 128 192 256"), (50, "0 128 256"), (30, "0 256")])
def test_a_low_axis_has_fewer_labels(qtbot: QtBot, pixels: float, labelled: str) -> None:
    axis = LabelledAxis("left")
    axis.show_labels([(value, str(value)) for value in (0, 64, 128, 192, 256)])
    ((_, values),) = axis.tickValues(0, 256, pixels)
    assert " ".join(axis.tickStrings(values, 1.0, 1.0)) == labelled
