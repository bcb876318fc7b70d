"""How smooth the window stays while it samples flat out, and how much memory an endless sound takes.

    python -m studio.heartbeat [MODEL …]
    python -m studio.heartbeat --endless MINUTES [MODEL …]

A timer of the GUI thread should fire every 10 ms; how late it fires is what a user feels as a stall. The window is the
real one, on a profile of its own, and the models generate at full speed, image after image and clip after clip.
Prints one JSON object per model: lateness in milliseconds (median, 99th percentile, worst), the longest that the GUI
thread itself worked between two beats, steps per second, and after how many milliseconds a walk that was paused had
come to rest (median and worst of PAUSES). What the worst exceeds the longest work by is waiting: for a core that others
have, or for Python's lock.

With --endless, a sound is drawn in real time, heard where there is a device, and watched, conditional-gram and all, and
goes on for so many minutes: of a model that may end its sound, a copy that never does. After each of them a JSON object
tells the memory in MB, in the median of the minute: all that is resident and what of it is anonymous, and by how many
percent it has risen since the first (Linux only); the gaps in the sound so far; the lateness; and after how many
milliseconds the walk had come to rest that is paused at the end of each minute, to go on at once.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QApplication

from models.chain import SoundChain
from models.errors import StudioError
from studio.app import FIRST_SIZE, MainWindow, open_studio
from studio.profile import Profile
from studio.state import Activity, Studio
from studio.theme import apply_theme

PERIOD_MS = 10
SECONDS = 10.0

PAUSES = 20
"""At moments that do not repeat themselves: of each walk later than of the one before."""
FIRST_PAUSE, NEXT_PAUSE = 0.005, 0.013
"""Seconds from the beginning of a walk to its pause, and how much longer for the next; a walk may end before."""

NEVER = -1e4
"""A logit of what is never drawn."""
MEGABYTE = 1e6
ENDLESS_MODEL = "wavenet-fsdd"


class Heartbeat(QObject):
    """Records by how many milliseconds each beat was late, and how many the thread had worked before it."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[float] = []
        self.worked: list[float] = []
        self._last = self._worked = 0.0
        self._timer = QTimer(self, interval=PERIOD_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        self.late.clear()
        self.worked.clear()
        self._last, self._worked = time.perf_counter(), time.thread_time()
        self._timer.start()

    @Slot()
    def _beat(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        self.late.append(max(0.0, 1000 * (now - self._last) - PERIOD_MS))
        self.worked.append(1000 * (worked - self._worked))
        self._last, self._worked = now, worked

    def stop(self) -> dict[str, float]:
        self._beat()  # counts a stall that is still going on
        self._timer.stop()
        ordered = sorted(self.late)
        return {
            "beats": len(ordered),
            "median_ms": round(ordered[len(ordered) // 2], 2),
            "p99_ms": round(ordered[int(0.99 * len(ordered))], 2),
            "worst_ms": round(ordered[-1], 2),
            "longest_work_ms": round(max(self.worked), 2),
        }


def wait(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(int(1000 * seconds), loop.quit)
    loop.exec()


def load(studio: Studio, model: str | Path) -> None:
    """Raises StudioError where the kernels cannot be compiled: another engine would be measured."""
    if isinstance(model, Path):
        studio.opening.open_checkpoint(model)
    else:
        studio.loading.choose(model)
    while studio.reader.reading or studio.activity is Activity.LOADING:
        wait(0.05)
    wait(2.0)  # the engine's first step, and the kernels' child process on a new machine
    while not studio.worker.kernels_warm:
        if studio.worker.kernels_failed is not None:
            raise StudioError(f"The kernels cannot be compiled: {studio.worker.kernels_failed}")
        wait(0.2)


def measure(studio: Studio, model: str, count: int, seconds: float) -> dict[str, object]:
    """The lateness while a model generates ``count`` samples at a time, over and over."""
    load(studio, model)
    studio.change("bench", pace=math.inf, count=count)
    steps = 0
    beat = Heartbeat()
    beat.start()
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        if not studio.running:
            steps += sum(len(trace) for trace in studio.take.traces) if studio.take else 0
            studio.begin()
        wait(0.02)
    lateness = beat.stop()
    studio.pause()
    steps += sum(len(trace) for trace in studio.take.traces) if studio.take else 0
    rate = round(steps / (time.perf_counter() - began))
    name = studio.engine_name()
    return {"model": model, "samples": count, "engine": name, "steps_per_second": rate, **lateness, **pauses(studio)}


def pauses(studio: Studio) -> dict[str, float]:
    """How long it takes a walk to rest."""
    found: list[float] = []
    for n in range(PAUSES):
        studio.begin()
        wait(FIRST_PAUSE + NEXT_PAUSE * n)
        if studio.running:
            found.append(1000 * time_to_pause(studio))
    return {"pause_median_ms": round(median(found), 1), "pause_worst_ms": round(max(found), 1)} if found else {}


def resident() -> dict[str, float]:
    """MB of this process that are in memory: all of it, and what is anonymous; the rest is of mapped files."""
    with open("/proc/self/smaps_rollup", encoding="ascii") as file:
        sizes = {line.split()[0]: 1024 * int(line.split()[1]) for line in file if line.endswith("kB\n")}
    return {"resident_mb": round(sizes["Rss:"] / MEGABYTE, 1), "anonymous_mb": round(sizes["Anonymous:"] / MEGABYTE, 1)}


def never_ending(path: Path, folder: Path) -> Path:
    """A copy of a checkpoint whose sounds do not stop by themselves; of another model the checkpoint itself.

    Raises StudioError for a model that draws no sound.
    """
    import torch

    from models.checkpoint import load_checkpoint, save_checkpoint

    loaded = load_checkpoint(path)
    model, header = loaded.model, loaded.header
    if not isinstance(model.chain, SoundChain):
        raise StudioError(f"{header.title} draws no sound that could go on without end.")
    if not model.chain.alphabet.stop:
        return path
    with torch.no_grad():
        model.get_parameter("out.bias")[-1] = NEVER
    copy = folder / "never-ending.safetensors"
    save_checkpoint(
        copy, model, name="never-ending", title=header.title, data=dict(header.data), training={}, likelihood={}
    )
    return copy


def endure(window: MainWindow, model: str, minutes: int, folder: Path) -> Iterator[dict[str, object]]:
    """Memory, gaps, lateness and the time to pause after each minute of a sound that goes on."""
    studio, player = window.studio, window.sound.player
    load(studio, never_ending(studio.catalog.find(model).path, folder))
    chain = studio.chain
    assert chain is not None
    studio.change("bench", limit=chain.endless_limit, pace=chain.steps_per_second)
    studio.begin()
    beat = Heartbeat()
    first = math.nan
    for minute in range(1, minutes + 1):
        found = []
        beat.start()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            wait(0.5)
            found.append(resident())
        lateness = beat.stop()
        memory = {name: median(each[name] for each in found) for name in found[0]}  # a pass takes much, for a moment
        first = memory["resident_mb"] if minute == 1 else first
        rise = round(100 * (memory["resident_mb"] / first - 1), 1)
        yield {
            "model": model, "minute": minute, "steps": studio.frontier, **memory, "rise_percent": rise,
            "heard": player.available, "gaps": player.underruns, **lateness,
            "pause_ms": round(1000 * time_to_pause(studio), 1),
        }  # fmt: skip
        studio.generate()
    studio.pause()


def time_to_pause(studio: Studio) -> float:
    """Seconds from the order to rest until the walk does."""
    began = time.perf_counter()
    studio.pause()
    while studio.running:
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    return time.perf_counter() - began


def tell(found: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m studio.heartbeat", description="How smooth the window stays.")
    parser.add_argument("models", nargs="*", help="names; by default every model of the catalog")
    parser.add_argument("--count", type=int, default=16, help="samples at once (16)")
    parser.add_argument("--endless", type=int, metavar="MINUTES", help="the memory of a sound that goes on instead")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of sampling for each model (10)")
    arguments = parser.parse_args()
    app = QApplication(sys.argv[:1])
    apply_theme(app)
    with tempfile.TemporaryDirectory() as folder:
        studio = open_studio(Profile(Path(folder)))
        window = MainWindow(studio)
        window.restore_layout()
        window.resize(FIRST_SIZE)  # without a screen, too: a larger window has more to paint
        window.show()
        try:
            if arguments.endless is not None:
                for model in arguments.models or [ENDLESS_MODEL]:
                    for found in endure(window, model, arguments.endless, Path(folder)):
                        tell(found)
            else:
                for model in arguments.models or [entry.header.name for entry in studio.catalog.entries()]:
                    tell(measure(studio, model, arguments.count, arguments.seconds))
        except StudioError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        finally:
            window.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
