"""Continuing a recording: what a file dropped on the window becomes, the dialog, and what the model makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from models.chain import MuLaw, SoundChain
from models.recording import NORMAL_PEAK, Recording, prefix_symbols
from models.trace import Take
from studio.app import MainWindow
from studio.panels.continuation import CHOOSING, ContinuationDialog
from studio.state import Studio
from tests.studio.conftest import IMAGE, SOUND, finish, load, write

RATE = 8000


def tone(seconds: float = 0.2, level: float = 0.5, rate: int = RATE) -> np.ndarray:  # type: ignore[type-arg]
    return level * np.sin(2 * np.pi * 400 * np.arange(round(seconds * rate)) / rate)


@pytest.fixture
def dialog(sound_studio: Studio, qtbot: QtBot) -> ContinuationDialog:
    dialog = ContinuationDialog(sound_studio)
    qtbot.addWidget(dialog)
    dialog.show()
    sound_studio.change("pace", pace=math.inf)
    return dialog


@pytest.fixture
def opened(dialog: ContinuationDialog, qtbot: QtBot, tmp_path: Path) -> Callable[..., ContinuationDialog]:
    """Opens a recording of these samples in the dialog."""

    def opened(samples: np.ndarray, rate: int = RATE, name: str = "a.wav") -> ContinuationDialog:  # type: ignore[type-arg]
        soundfile.write(tmp_path / name, samples, rate)
        dialog.studio.opening.open_recording(tmp_path / name)
        qtbot.waitUntil(lambda: dialog.recording is not None and dialog.recording.name == name, timeout=5_000)
        return dialog

    return opened


def go_on(dialog: ContinuationDialog, qtbot: QtBot) -> Take:
    dialog.continue_button.click()
    finish(dialog.studio, qtbot)
    take = dialog.studio.take
    assert take is not None
    return take


def chain_of(studio: Studio) -> SoundChain:
    assert studio.entry is not None
    assert isinstance(studio.entry.header.chain, SoundChain)
    return studio.entry.header.chain


# The dialog


def test_it_waits_for_a_recording(dialog: ContinuationDialog) -> None:
    assert dialog.pages.currentWidget() is not dialog.view
    assert not dialog.continue_button.isEnabled()
    assert not dialog.start_box.isEnabled()


def test_the_first_half_is_given_at_first_and_the_model_goes_on_from_it(
    opened: Callable[..., ContinuationDialog], qtbot: QtBot
) -> None:
    dialog = opened(np.stack([tone(0.4, rate=44100)] * 2, 1), 44100, "a.flac")
    assert dialog.form.full == "44.1 kHz, stereo, 16 bit → 8 kHz, mono"
    assert (dialog.start_box.value(), dialog.stop_box.value()) == (0, 0.2)
    assert dialog.hint.text() == CHOOSING
    assert "0.2 s at most" in dialog.note.text()
    take = go_on(dialog, qtbot)
    assert not dialog.isVisible()
    trace, count = take.traces[0], 1600
    np.testing.assert_array_equal(trace.symbols[:count], prefix_symbols(dialog.given, chain_of(dialog.studio)))
    np.testing.assert_array_equal(np.flatnonzero(trace.clamped), np.arange(count))
    assert count < len(trace) <= take.limit == 2 * count
    assert (trace.surprise[:count] > 0).all()
    assert dialog.studio.overlay == "surprise", "where the model is astonished by it"
    assert trace.segment.condition == {"speaker": "any", "digit": "any"}
    assert dialog.studio.settings is not None
    assert dialog.studio.settings.condition == trace.segment.condition, "what the Condition panel says of it"


def test_any_part_can_be_given(opened: Callable[..., ContinuationDialog], qtbot: QtBot) -> None:
    dialog = opened(np.linspace(-0.5, 0.5, 1600))
    dialog.start_box.setValue(0.05)
    dialog.stop_box.setValue(0.15)
    assert dialog.view.stretch.getRegion() == pytest.approx((0.05, 0.15))
    np.testing.assert_allclose(dialog.given, np.linspace(-0.5, 0.5, 1600)[400:1200], atol=1e-4)
    dialog.view.stretch.setRegion((0.1, 0.2))
    assert (dialog.start_box.value(), dialog.stop_box.value()) == (0.1, 0.2)
    dialog.all_button.click()
    assert len(dialog.given) == 1600
    dialog.half_button.click()
    assert len(dialog.given) == 800
    assert len(go_on(dialog, qtbot).given) == 800


def test_nothing_and_too_much_cannot_be_given(opened: Callable[..., ContinuationDialog]) -> None:
    dialog = opened(tone(3.0))
    assert dialog.stop_box.value() == 0.5, "half of what the model makes at most"
    dialog.stop_box.setValue(0)
    assert not dialog.continue_button.isEnabled()
    dialog.all_button.click()
    assert not dialog.continue_button.isEnabled()
    assert dialog.note.text() == "Choose less than 1 s: that is the most that this model is given."
    dialog.stop_box.setValue(0.999)
    assert dialog.continue_button.isEnabled()


def test_a_quiet_recording_is_told_and_normalised_where_that_is_wanted(
    opened: Callable[..., ContinuationDialog], qtbot: QtBot
) -> None:
    dialog = opened(tone(level=0.02) + 0.01)
    assert dialog.level.text() == "Peak −30.5 dB: quiet. Normalise brings it to −1.9 dB."
    dialog.normal_box.click()
    assert dialog.level.text() == "Peak −1.9 dB"
    assert np.abs(dialog.given).max() == pytest.approx(NORMAL_PEAK, abs=1e-3)
    take = go_on(dialog, qtbot)
    played = chain_of(dialog.studio).wave(np.array(take.given))
    assert np.abs(played).max() / 32767 == pytest.approx(NORMAL_PEAK, abs=0.1)


def test_levels_in_words(opened: Callable[..., ContinuationDialog], tmp_path: Path, qtbot: QtBot) -> None:
    dialog = opened(tone(level=0.5))
    assert dialog.level.text() == "Peak −6.0 dB"
    opened(np.zeros(800), name="silent.wav")
    assert dialog.level.text() == "Peak −∞ dB: silence."
    assert dialog.continue_button.isEnabled()
    soundfile.write(tmp_path / "loud.wav", tone(level=2), RATE, subtype="FLOAT")
    dialog.studio.opening.open_recording(tmp_path / "loud.wav")
    qtbot.waitUntil(lambda: "clipped" in dialog.level.text())
    assert dialog.level.text().startswith("Peak 6.0 dB")


def test_what_is_given_can_be_heard(opened: Callable[..., ContinuationDialog], qtbot: QtBot) -> None:
    dialog = opened(tone(level=0.02))
    dialog.normal_box.click()
    with qtbot.waitSignal(dialog.listened) as heard:
        dialog.listen_button.click()
    assert heard.args is not None
    wave, rate = heard.args
    chain = chain_of(dialog.studio)
    assert rate == RATE
    np.testing.assert_array_equal(wave, chain.wave(prefix_symbols(dialog.given, chain)))


def test_the_condition_panel_holds_where_it_is_not_left_open(
    opened: Callable[..., ContinuationDialog], qtbot: QtBot
) -> None:
    dialog = opened(tone())
    dialog.studio.change("condition", condition={"speaker": "bob", "digit": "2"})
    dialog.open_box.click()
    assert dialog.condition_note.text() == "speaker bob, digit 2, as in the Condition panel"
    assert go_on(dialog, qtbot).traces[0].segment.condition == {"speaker": "bob", "digit": "2"}


def test_a_file_that_is_cut_short_says_how_much_is_here(
    dialog: ContinuationDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.wav", tone(0.4), RATE)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[: 44 + RATE // 5 * 2])
    dialog.studio.opening.open_recording(tmp_path / "a.wav")
    qtbot.waitUntil(lambda: dialog.recording is not None)
    assert dialog.note.text().startswith("Only the first 0.2 s of it are here. ")


def test_what_cannot_be_read_is_said_in_the_dialog_and_the_recording_stays(
    opened: Callable[..., ContinuationDialog], qtbot: QtBot, tmp_path: Path
) -> None:
    dialog = opened(tone())
    (tmp_path / "b.wav").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    dialog.studio.opening.open_recording(tmp_path / "b.wav")
    qtbot.waitUntil(lambda: "a PNG picture and no sound" in dialog.problem.text())
    assert dialog.problem.isVisibleTo(dialog)
    assert dialog.continue_button.isEnabled()
    opened(tone(), name="c.wav")
    assert not dialog.problem.isVisibleTo(dialog)


def test_what_this_program_saved_is_a_recording_where_it_is_dropped_on_the_dialog(
    opened: Callable[..., ContinuationDialog], qtbot: QtBot, tmp_path: Path
) -> None:
    dialog = opened(tone())
    take = go_on(dialog, qtbot)
    path = tmp_path / "saved.flac"
    with qtbot.waitSignal(dialog.studio.worker.exported, timeout=5_000):
        dialog.studio.export(path)
    dialog.show()
    drop(dialog, path)
    qtbot.waitUntil(lambda: dialog.recording is not None and dialog.recording.name == "saved.flac", timeout=5_000)
    assert dialog.fitted is not None
    np.testing.assert_array_equal(
        np.rint(dialog.fitted.wave * 32768), chain_of(dialog.studio).wave(take.traces[0].symbols)
    )


def test_a_model_of_images_cannot_go_on(opened: Callable[..., ContinuationDialog], qtbot: QtBot) -> None:
    dialog = opened(tone())
    load(dialog.studio, qtbot, IMAGE)
    assert not dialog.continue_button.isEnabled()
    assert dialog.note.text() == "Choose a model of sounds."
    load(dialog.studio, qtbot, SOUND)
    assert dialog.continue_button.isEnabled()


def test_for_a_model_of_another_rate_it_is_resampled_from_what_it_was(
    opened: Callable[..., ContinuationDialog], qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").mkdir()
    fast = SoundChain(MuLaw(32, stop=True), 16000, default_seconds=0.2, max_seconds=1.0)
    config: dict[str, object] = {"residual": 8, "skip": 8, "head": 8, "dilations": [1, 2]}
    write(tmp_path, "fast", "wavenet", fast, (), config)
    dialog = opened(tone(0.4, rate=48000), 48000)
    dialog.stop_box.setValue(0.123)
    studio = dialog.studio
    studio.begin()
    finish(studio, qtbot)
    studio.opening.open_checkpoint(tmp_path / "checkpoints/fast.safetensors")
    qtbot.waitUntil(lambda: dialog.fitted is not None and dialog.fitted.rate == 16000, timeout=5_000)
    assert dialog.form.full == "48 kHz, mono, 16 bit → 16 kHz, mono"
    assert len(dialog.given) == round(0.123 * 16000)
    np.testing.assert_allclose(dialog.given[800:1600], tone(rate=16000)[800:1600], atol=1e-3)
    load(studio, qtbot, SOUND)  # with what was shown of it
    assert studio.take is not None
    qtbot.waitUntil(lambda: dialog.fitted is not None and dialog.fitted.rate == RATE, timeout=5_000)
    assert len(dialog.given) == round(0.123 * RATE)


@pytest.mark.parametrize("opened_again", [False, True])
def test_what_the_microphone_heard_is_a_recording_unless_the_dialog_was_closed_meanwhile(
    opened: Callable[..., ContinuationDialog], monkeypatch: pytest.MonkeyPatch, qtbot: QtBot, opened_again: bool
) -> None:
    dialog = opened(tone())
    monkeypatch.setattr(dialog.microphone, "start", lambda: None)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    spoken = Recording(tone(0.3, rate=16000).astype(np.float32), 16000, "Microphone", "16 kHz, mono")

    def speak() -> None:
        dialog.record_button.click()
        dialog.microphone.heard.emit(spoken.wave[:800], 16000)
        assert dialog.view.seconds == pytest.approx(0.05)

    speak()
    dialog.hide()
    dialog.setVisible(opened_again)
    dialog.microphone.recorded.emit(spoken)
    assert dialog.recording is not None
    assert (dialog.recording.name, dialog.view.seconds) == ("a.wav", pytest.approx(0.2))
    dialog.show()
    speak()
    dialog.microphone.recorded.emit(spoken)
    qtbot.waitUntil(lambda: dialog.recording is spoken, timeout=5_000)
    assert dialog.form.full == "16 kHz, mono → 8 kHz, mono"
    assert len(dialog.given) == 1200


def test_nothing_is_recorded_over_what_was_opened_unless_somebody_says_so(
    opened: Callable[..., ContinuationDialog], monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog, asked = opened(tone()), []

    def ask(*words: object) -> QMessageBox.StandardButton:
        asked.append(words[2])
        return QMessageBox.StandardButton.Cancel

    monkeypatch.setattr(QMessageBox, "question", ask)
    dialog.record_button.click()
    assert asked == ["Record in place of a.wav, and of the part of it that you chose?"]
    assert dialog.record_button.text() == "Record"
    assert dialog.continue_button.isEnabled()


def test_where_sounds_are_to_go_on_without_end_so_does_a_continuation(
    opened: Callable[..., ContinuationDialog], qtbot: QtBot
) -> None:
    dialog = opened(tone())
    chain = dialog.studio.chain
    assert chain is not None
    dialog.studio.change("length", limit=chain.endless_limit)
    assert dialog.note.text() == "The model goes on until you stop it, as Sampling says."
    dialog.continue_button.click()
    take = dialog.studio.take
    assert take is not None
    assert take.endless
    dialog.studio.pause()
    qtbot.waitUntil(lambda: not dialog.studio.running)


def test_no_microphone_is_a_sentence_and_the_recording_stays(
    opened: Callable[..., ContinuationDialog], monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = opened(tone())
    monkeypatch.setattr(dialog.microphone, "start", lambda: None)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    dialog.record_button.click()
    assert dialog.record_button.text() == "Stop"
    assert not dialog.continue_button.isEnabled()
    dialog.microphone.failed.emit("There is no microphone.")
    assert dialog.problem.text() == "There is no microphone."
    assert dialog.record_button.text() == "Record"
    assert dialog.continue_button.isEnabled()
    assert dialog.pages.currentWidget() is dialog.view


# The window


def drop(widget: MainWindow | ContinuationDialog, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    widget.dropEvent(QDropEvent(QPoint(9, 9), Qt.DropAction.CopyAction, data, buttons, keys))


@pytest.fixture
def window(sound_studio: Studio, qtbot: QtBot) -> MainWindow:
    window = MainWindow(sound_studio)
    qtbot.addWidget(window)
    window.asked_to_end = True
    window.show()
    return window


def test_a_recording_that_is_dropped_on_the_window_opens_the_dialog(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.flac", tone(rate=22050), 22050)
    drop(window, tmp_path / "a.flac")
    qtbot.waitUntil(lambda: window._continuation is not None, timeout=5_000)
    dialog = window._continuation
    assert dialog is not None
    assert dialog.isVisible()
    assert dialog.recording is not None
    assert dialog.recording.name == "a.flac"


def test_a_recording_dropped_on_a_model_of_images_says_what_to_choose(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    load(window.studio, qtbot, IMAGE)
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    drop(window, tmp_path / "a.wav")
    qtbot.waitUntil(lambda: "choose a model of sounds to continue it" in window.banner.full)
    assert window._continuation is None


def test_a_picture_named_wav_is_refused_for_what_it_is(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    drop(window, tmp_path / "a.wav")
    qtbot.waitUntil(lambda: "a.wav" in window.banner.full)
    assert window._continuation is None


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".npz"])
def test_a_continuation_that_was_saved_is_shown_again_when_it_is_dropped(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, suffix: str
) -> None:
    studio = window.studio
    studio.change("pace", pace=math.inf)
    prefix = prefix_symbols(tone().astype(np.float32), chain_of(studio))
    assert studio.continue_sound(prefix, {})
    finish(studio, qtbot)
    take = studio.take
    assert take is not None
    limit = studio.settings.limit  # type: ignore[union-attr]
    with qtbot.waitSignal(studio.worker.exported, timeout=5_000):
        studio.export(tmp_path / f"a{suffix}")
    studio.delete_take(take.id)
    drop(window, tmp_path / f"a{suffix}")
    qtbot.waitUntil(lambda: studio.take is not None and studio.take is not take, timeout=5_000)
    shown = studio.take
    assert shown is not None
    assert shown.given == tuple(prefix.tolist())
    np.testing.assert_array_equal(shown.traces[0].symbols, take.traces[0].symbols)
    np.testing.assert_array_equal(shown.traces[0].clamped, take.traces[0].clamped)
    assert studio.settings is not None
    assert studio.settings.limit == limit, "the next one goes on for as long as this one did"


def test_a_continuation_is_reproduced(window: MainWindow, qtbot: QtBot) -> None:
    studio = window.studio
    studio.change("pace", pace=math.inf)
    assert studio.continue_sound(prefix_symbols(tone().astype(np.float32), chain_of(studio)), {})
    finish(studio, qtbot)
    with qtbot.waitSignal(studio.verdict, timeout=20_000) as said:
        studio.reproduce()
    assert said.args == ["Reproduced: it agrees symbol for symbol."]
