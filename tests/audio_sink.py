"""A sound card for tests: a private PulseAudio whose only device is a null sink clocked in real time, and a recorder.

What a program plays through the real PortAudio is found in the recording bit for bit where the stream has the sink's
rate; otherwise PulseAudio resamples. Needs pulseaudio, pulseaudio-utils, libasound2-plugins and libportaudio2; works
as root and without a screen, and touches no sound server of the user's. Tests that ask for it are skipped only where
PulseAudio is not installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from studio.audio import portaudio_can_start

Samples = npt.NDArray[np.int16]

SINK = "heard"
START_SECONDS = 10.0


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Polls until ``condition`` holds; fails after ``seconds``."""
    deadline = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < deadline, f"did not happen within {seconds} s"
        time.sleep(0.005)


class SoundServer:
    """A PulseAudio of our own, in a folder of our own."""

    def __init__(self) -> None:
        # The path of a socket is short, which pytest's folders are not.
        self.folder = Path(tempfile.mkdtemp(prefix="sound-"))
        socket = self.folder / "native"
        config = self.folder / "asoundrc"
        config.write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
        self.client = {
            "XDG_RUNTIME_DIR": str(self.folder),
            "PULSE_SERVER": f"unix:{socket}",
            "PULSE_COOKIE": str(self.folder / "cookie"),
            "ALSA_CONFIG_PATH": str(config),
        }
        """Environment of whoever plays to it."""
        self._environment = {**os.environ, **self.client}
        self._log = self.folder / "log"
        own = {k: v for k, v in self._environment.items() if k != "PULSE_SERVER"}
        own |= {"PULSE_RUNTIME_PATH": str(self.folder / "run"), "PULSE_STATE_PATH": str(self.folder / "state")}
        self.process = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--realtime=no",
             "--high-priority=no", "--log-level=error",
             "-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1"],
            env=own, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._log.open("wb"),
        )  # fmt: skip
        try:
            wait_until(lambda: self.control("info").returncode == 0, START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def control(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pactl", *arguments], env=self._environment, capture_output=True, text=True, timeout=10, check=False
        )

    @contextmanager
    def sink(self, rate: int) -> Iterator[Sink]:
        """A mono sound card of ``rate`` Hz, recorded from before the first sample on."""
        loaded = self.control(
            "load-module", "module-null-sink", f"sink_name={SINK}", "format=s16le", f"rate={rate}", "channels=1",
            "norewinds=1",
        )  # fmt: skip
        assert loaded.returncode == 0, f"{loaded.stderr}ended: {self.process.poll()}\n{self._log.read_text()}"
        path = self.folder / "heard.raw"
        with path.open("wb") as file:
            recorder = subprocess.Popen(
                ["parec", "-d", f"{SINK}.monitor", "--raw", "--format=s16le", f"--rate={rate}", "--channels=1",
                 "--latency-msec=20"],
                env=self._environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                wait_until(lambda: path.stat().st_size > 0, START_SECONDS)
                yield Sink(rate, path, self)
            finally:
                recorder.terminate()
                recorder.wait(10)
                self.control("unload-module", loaded.stdout.strip())

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


class Sink:
    """The one sound card that programs see, and what it has played so far."""

    def __init__(self, rate: int, path: Path, server: SoundServer) -> None:
        self.rate = rate
        self._path = path
        self._server = server

    @property
    def heard(self) -> Samples:
        """Everything since recording began, silence included: int16 (T,)."""
        data = self._path.read_bytes()
        return np.frombuffer(data[: len(data) // 2 * 2], np.int16)

    @property
    def streams(self) -> int:
        """How many programs hold the device open."""
        return len(self._server.control("list", "short", "sink-inputs").stdout.splitlines())

    def hear_out(self, seconds: float = 0.15) -> Samples:
        """``heard``, after the recorder had time to catch up with the present."""
        time.sleep(seconds)
        return self.heard


def restart_portaudio() -> None:
    """PortAudio reads environment and devices once; this makes it look again."""
    sounddevice = sys.modules.get("sounddevice")
    if sounddevice is not None:
        assert portaudio_can_start(), "the settings of a sound server that is gone: PortAudio would abort"
        sounddevice._terminate()
        sounddevice._initialize()


def _need_pulseaudio() -> None:
    missing = [name for name in ("pulseaudio", "pactl", "parec") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt install pulseaudio pulseaudio-utils libasound2-plugins)")


@contextmanager
def _playing_to(server: SoundServer) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.client.items():
            patch.setenv(name, value)
        restart_portaudio()
        yield
    restart_portaudio()


@pytest.fixture
def sound_server() -> Iterator[SoundServer]:
    """A server a test, so that one which dies takes no other test with it."""
    _need_pulseaudio()
    server = SoundServer()
    yield server
    server.stop()


@pytest.fixture
def mortal_sound_server() -> Iterator[SoundServer]:
    """A server with a sound card of 8 kHz that a test may kill; PortAudio plays to it."""
    _need_pulseaudio()
    server = SoundServer()
    try:
        with server.sink(8000), _playing_to(server):
            yield server
            server.stop()
    finally:
        server.stop()


@pytest.fixture
def sink(sound_server: SoundServer, request: pytest.FixtureRequest) -> Iterator[Sink]:
    """A sound card, of 8 kHz unless the test is parametrised (indirectly) with another rate; PortAudio plays to it."""
    with sound_server.sink(getattr(request, "param", 8000)) as sink, _playing_to(sound_server):
        yield sink


@pytest.fixture
def no_sound_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """PortAudio is there and finds no device."""
    config = tmp_path / "asoundrc"
    config.write_text("pcm.!default { type hw card 77 }\nctl.!default { type hw card 77 }\n")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    restart_portaudio()
    yield
    monkeypatch.undo()
    restart_portaudio()
