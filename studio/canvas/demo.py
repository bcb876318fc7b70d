"""Takes made up from smooth noise, to open a canvas or a panel alone: no model, no network, no torch."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget

from models.catalog import Catalog
from models.chain import Chain, GreyLevels, ImageChain, MuLaw, SoundChain, Symbols
from models.shaping import NEUTRAL
from models.text import Characters, TextChain
from models.trace import ModelReference, Take, Trace, new_take
from studio.inference import InferenceThread
from studio.profile import Profile
from studio.state import Studio
from studio.theme import apply_theme

TICK_MS = 33
DIGIT_CHAIN = ImageChain(GreyLevels(256), 28, 28)
VERSE = "so the night is young, and the sea is wide;\nnone that I know of will stay on this side. "
TEXT_CHAIN = TextChain(Characters.of(VERSE, stop=True), 1000, 100_000)
SPEECH_CHAIN = SoundChain(MuLaw(256, stop=True), 8000, 1.0, 10.0)


def idle_studio(folder: Path) -> Studio:
    """A studio on an empty profile and an empty catalog; its inference thread is never started."""
    empty = folder / "shipped"
    empty.mkdir(parents=True, exist_ok=True)
    worker = InferenceThread(lambda take: 0)
    studio = Studio(Catalog(empty, folder / "user"), Profile(folder / "profile"), worker)
    worker.setParent(studio)
    return studio


def empty_take(chain: Chain, count: int = 1, limit: int | None = None) -> Take:
    reference = ModelReference("demo", "Demo", "0" * 16, chain, ())
    return new_take(reference, seed=1, count=count, condition={}, shaping=NEUTRAL, engine="cached", limit=limit)


def grow(trace: Trace, symbols: Symbols, chain: Chain) -> None:
    """Appends symbols with figures that look like a model's: unsure where the values change."""
    rng = np.random.default_rng(len(trace))
    before = trace.symbols[-1:] if len(trace) else symbols[:1]
    change = np.abs(np.diff(symbols, prepend=before)) / chain.alphabet.size
    entropy = np.clip(0.3 + 6.5 * np.sqrt(change) + rng.normal(0, 0.15, len(symbols)), 0, 8).astype(np.float32)
    surprise = rng.gamma(2, np.maximum(entropy, 0.05) / 2).astype(np.float32)
    trace.append(symbols.astype(np.int32), surprise, entropy, np.zeros(len(symbols), np.bool_))


def rings(chain: ImageChain, number: int) -> Symbols:
    """The symbols (D,) of a picture of a bent stroke."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[-1 : 1 : chain.height * 1j, -1 : 1 : chain.width * 1j]
    centre = rng.uniform(-0.15, 0.15, 2)
    squeeze = rng.uniform(0.7, 1.3)
    radius = np.hypot((x - centre[0]) * squeeze, y - centre[1])
    angle = np.arctan2(y, x) + rng.uniform(-3, 3)
    ink = np.exp(-(((radius - 0.5) / 0.1) ** 2)) * (np.cos(angle / 2) ** 2 > 0.15)
    planes = [ink * gain for gain in rng.uniform(0.4, 1, chain.channels)] if chain.channels > 1 else [ink]
    picture = np.stack(planes, axis=-1) * 255
    return chain.alphabet.encode(np.clip(picture, 0, 255).astype(np.uint8)).reshape(-1)


def hum(chain: SoundChain, steps: int, number: int) -> Symbols:
    """The symbols (steps,) of a voiced noise that swells and fades."""
    rng = np.random.default_rng(number)
    t = np.arange(steps) / chain.rate
    pitch = rng.uniform(100, 220)
    wave: npt.NDArray[np.float64] = sum(np.sin(2 * np.pi * pitch * k * t) / k**1.2 for k in range(1, 9))
    swell = np.sin(np.pi * np.clip(t / (steps / chain.rate), 0, 1)) ** 2 * (0.7 + 0.3 * np.sin(2 * np.pi * 3 * t))
    wave = 0.35 * wave * swell + rng.normal(0, 0.004, steps)
    return chain.symbols(np.rint(np.clip(wave, -1, 1) * 32767).astype(np.int16), closed=False)


def babble(chain: TextChain, steps: int, number: int) -> Symbols:
    """The symbols (steps,) of a text of words of a verse that come by chance."""
    rng = np.random.default_rng(number)
    words = rng.choice(VERSE.split(" "), steps)
    return chain.symbols(" ".join(words.tolist())[: steps - 1])


def show_alone(make: Callable[[Studio], QWidget], chain: Chain, count: int) -> int:
    """A window with one widget on a take that grows; for ``python -m``. Returns the exit status."""
    app = QApplication(sys.argv)
    apply_theme(app)
    with tempfile.TemporaryDirectory() as folder:
        studio = idle_studio(Path(folder))
        widget = make(studio)
        widget.resize(900, 640)
        widget.show()
        take = empty_take(chain, count)
        studio.show_take(take, studio.catalog.match(take.model))
        if isinstance(chain, ImageChain):
            content = [rings(chain, n) for n in range(count)]
        elif isinstance(chain, TextChain):
            content = [babble(chain, take.limit, n) for n in range(count)]
        else:
            assert isinstance(chain, SoundChain)
            content = [hum(chain, take.limit, n) for n in range(count)]
        pace = max(1, round(take.limit / 4 * TICK_MS / 1000))

        def tick() -> None:
            for trace, symbols in zip(take.traces, content, strict=True):
                grow(trace, symbols[len(trace) : len(trace) + pace], chain)
                trace.finished = len(trace) == take.limit
            studio.worker.grown.emit(take.id)
            if take.finished:
                timer.stop()

        timer = QTimer(widget, interval=TICK_MS)
        timer.timeout.connect(tick)
        timer.start()
        status = app.exec()
        studio.close()
    return status
