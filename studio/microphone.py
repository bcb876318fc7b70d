"""Recording from the microphone, a few seconds at most.

A thread of its own opens the device, which may take its time; PortAudio's thread only hands over what it hears.
"""

from __future__ import annotations

import queue
import threading
from types import ModuleType
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from models.recording import Recording, Wave
from studio.audio import DEVICES_HELD, portaudio_can_start

MOST_SECONDS = 10.0
LATENCY_SECONDS = 0.2
"""Asked of the device: with PortAudio's own default a busy machine loses some of what is said."""
LOST_SECONDS = 1.5
"""A microphone that has said nothing for this long is taken to be gone."""

PORTAUDIO_MISSING = (
    "There is no recording: the PortAudio library is missing. Install it (Debian, Ubuntu: sudo apt install "
    "libportaudio2), then start the studio again."
)
SOUNDDEVICE_MISSING = (
    "There is no recording: the Python package sounddevice is missing. Install it (pip install sounddevice), then "
    "start the studio again."
)
NO_MICROPHONE = "There is no microphone: connect one, or allow this program to use it, and start the studio again."
LOST = "The microphone has stopped responding."


class Microphone(QObject):
    """The default input device. Signals come from its thread: they arrive queued."""

    heard = Signal(object, int)
    """The next samples, float32 (T,), and their rate in Hz."""
    recorded = Signal(object)
    """A ``Recording``: all that was heard."""
    failed = Signal(str)
    """Why there is none, in a sentence."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    @property
    def recording(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begins to record; ``recorded`` or ``failed`` tells how it ended."""
        if not self.recording:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="microphone", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """What was heard so far is the recording."""
        self._stopping.set()

    def close(self) -> None:
        """Stops, and waits for the device."""
        self.stop()
        if self._thread is not None:
            self._thread.join()

    # --- its thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        if not portaudio_can_start():
            self.failed.emit(NO_MICROPHONE)
            return
        try:
            import sounddevice
        except OSError:
            self.failed.emit(PORTAUDIO_MISSING)
            return
        except ImportError:
            self.failed.emit(SOUNDDEVICE_MISSING)
            return
        with DEVICES_HELD:
            self._record(sounddevice)

    def _record(self, sounddevice: ModuleType) -> None:
        try:
            info = sounddevice.query_devices(kind="input")
        except (sounddevice.PortAudioError, ValueError):
            self.failed.emit(NO_MICROPHONE)
            return
        blocks: queue.SimpleQueue[Wave] = queue.SimpleQueue()

        def callback(indata: Any, frames: int, times: Any, status: Any) -> None:
            blocks.put(indata[:, 0].copy())

        rate, name = round(info["default_samplerate"]), str(info["name"])
        try:
            with sounddevice.InputStream(
                samplerate=rate, channels=1, dtype="float32", latency=LATENCY_SECONDS, callback=callback
            ):
                wave = self._listen(blocks, rate)
        except (sounddevice.PortAudioError, ValueError) as error:
            why = " ".join(str(error).split()).rstrip(".")
            self.failed.emit(f"The microphone {name!r} cannot be opened: {why}.")
            return
        if len(wave):
            self.recorded.emit(Recording(wave, rate, "Microphone", f"{rate / 1000:g} kHz, mono"))
        else:
            self.failed.emit(LOST)

    def _listen(self, blocks: queue.SimpleQueue[Wave], rate: int) -> Wave:
        """What is heard until it is told to stop, for MOST_SECONDS at most, or until nothing comes any more."""
        heard, count, most = [np.zeros(0, np.float32)], 0, round(MOST_SECONDS * rate)
        while count < most:
            try:
                block = blocks.get(timeout=LOST_SECONDS)
            except queue.Empty:
                break
            block = block[: most - count]
            heard.append(block)
            count += len(block)
            self.heard.emit(block, rate)
            if self._stopping.is_set():
                break
        return np.concatenate(heard)
