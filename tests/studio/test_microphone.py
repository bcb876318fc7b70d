"""Recording from a microphone: a real device of a private sound server, and none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from models.recording import Recording
from studio.audio import DEVICES_HELD, Player, list_devices_again
from studio.microphone import NO_MICROPHONE, PORTAUDIO_MISSING, SOUNDDEVICE_MISSING, Microphone
from tests.audio_sink import Sink, no_sound_card, sink, sound_server

__all__ = ["no_sound_card", "sink", "sound_server"]

RATE = 8000


class Tone:
    """A sine that does not end while a test listens."""

    def finished(self) -> bool:
        return True

    def read(self, start: int, stop: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        stop = min(stop, 60 * RATE)
        return (12_000 * np.sin(2 * np.pi * 500 * np.arange(start, stop) / RATE)).astype(np.int16)


@pytest.fixture
def microphone(qtbot: QtBot) -> Iterator[Microphone]:
    microphone = Microphone()
    yield microphone
    microphone.close()


def test_what_is_heard_is_recorded_until_it_is_stopped(sink: Sink, microphone: Microphone, qtbot: QtBot) -> None:
    heard: list[int] = []
    recorded: list[Recording] = []
    microphone.heard.connect(lambda wave, rate: heard.append(len(wave)))
    microphone.recorded.connect(recorded.append)
    player = Player()
    player.play(Tone(), RATE)
    try:
        qtbot.waitUntil(lambda: player.position > RATE // 2, timeout=20_000)
        microphone.start()
        qtbot.waitUntil(lambda: sum(heard) > 4 * RATE, timeout=20_000)
        microphone.stop()
        qtbot.waitUntil(lambda: bool(recorded), timeout=5_000)
    finally:
        player.close()
    (recording,) = recorded
    assert len(recording.wave) >= 4 * RATE
    tone = recording.wave * np.hanning(len(recording.wave))
    frequencies, levels = np.fft.rfftfreq(len(tone), 1 / recording.rate), np.abs(np.fft.rfft(tone))
    assert frequencies[levels.argmax()] == pytest.approx(500, abs=10)


def test_it_ends_by_itself(sink: Sink, microphone: Microphone, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.microphone.MOST_SECONDS", 0.25)
    with qtbot.waitSignal(microphone.recorded, timeout=20_000) as found:
        microphone.start()
    assert found.args is not None
    assert found.args[0].seconds == pytest.approx(0.25, abs=0.001)


def test_while_it_records_the_devices_are_not_listed_again(sink: Sink, microphone: Microphone, qtbot: QtBot) -> None:
    heard: list[int] = []
    microphone.heard.connect(lambda wave, rate: heard.append(len(wave)))
    microphone.start()
    qtbot.waitUntil(lambda: sum(heard) > 0, timeout=20_000)
    list_devices_again()
    before = sum(heard)
    qtbot.waitUntil(lambda: sum(heard) > before, timeout=5_000)
    microphone.close()
    list_devices_again()  # nothing is left that would hold them
    assert not DEVICES_HELD.locked()


def test_without_a_microphone_a_sentence_says_so(no_sound_card: None, microphone: Microphone, qtbot: QtBot) -> None:
    with qtbot.waitSignal(microphone.failed, timeout=20_000) as found:
        microphone.start()
    assert found.args is not None
    assert found.args[0] == NO_MICROPHONE or found.args[0].startswith("The microphone")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (
            "import ctypes.util; ctypes.util.find_library = lambda name: None\n"
            "import sys; sys.modules['_sounddevice_data'] = None",
            PORTAUDIO_MISSING,
        ),
        ("import sys; sys.modules['sounddevice'] = None", SOUNDDEVICE_MISSING),
    ],
    ids=["no PortAudio", "no sounddevice"],
)
def test_without_portaudio_one_line_says_how_to_get_it(broken: str, reason: str) -> None:
    script = f"""
{broken}
from PySide6.QtCore import QCoreApplication
from studio.microphone import Microphone
app = QCoreApplication([])
microphone = Microphone()
microphone.failed.connect(print)
microphone.start()
microphone.close()
app.processEvents()
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{reason}\n"
