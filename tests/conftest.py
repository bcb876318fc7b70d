"""What every test relies on: no screen, one torch thread, a profile of its own, and nothing left behind."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import pytest
import torch

torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On two cores the studio's tests, many of which wait for a clock, run one after another beside those of models."""
    tests = Path(__file__).parent
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.relative_to(tests).parts[0]))


@pytest.fixture(autouse=True)
def own_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests never touch the user's profile."""
    monkeypatch.setenv("SAMPLING_STUDIO_PROFILE", str(tmp_path / "profile"))


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """No thread and no running timer outlives the test that began it."""
    before = set(threading.enumerate())
    yield
    # A dummy is what Python calls a thread of Qt's that it has met: those are looked at below.
    left = [t for t in threading.enumerate() if t not in before and not isinstance(t, threading._DummyThread)]
    assert not left, f"threads left behind: {left}"
    from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer

    if QCoreApplication.instance() is None:
        return
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    running = [o for o in objects_of(QThread) if o.isRunning() and o is not main_qthread()]
    assert not running, f"Qt threads left running: {running}"
    ticking = [(o.parent(), o.interval()) for o in objects_of(QTimer) if is_active(o)]
    assert not ticking, f"timers left running: {ticking}"


def objects_of(kind: type) -> list[Any]:
    """By type, not by isinstance, which would ask lazy modules for a class of their own."""
    return [o for o in gc.get_objects() if issubclass(type(o), kind)]


def main_qthread() -> object:
    from PySide6.QtCore import QCoreApplication

    app = QCoreApplication.instance()
    return app.thread() if app else None


def is_active(timer: object) -> bool:
    try:
        return bool(timer.isActive())  # type: ignore[attr-defined]
    except RuntimeError:  # its C++ object is gone
        return False
