"""One panel in a window of its own, on a real studio over a profile that is thrown away: for development.

``python -m studio.panels.inspector`` and so on; a checkpoint's name or path as an argument chooses another model.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget

from models.catalog import Catalog
from studio.inference import InferenceThread
from studio.profile import Profile
from studio.state import Activity, Studio
from studio.theme import apply_theme

RANDOM_MODEL = "random-pixelcnn"
LOOK_MS = 50


def demo_studio(folder: Path) -> Studio:
    """A studio with its inference thread running and a profile in a folder; ``Studio.close`` ends both."""
    profile = Profile(folder)
    worker = InferenceThread(profile.save_take)
    studio = Studio(Catalog(user=folder), profile, worker)
    worker.start()
    if not studio.catalog.entries():
        studio.catalog.add(write_random_model(folder))
    return studio


def write_random_model(folder: Path) -> Path:
    """A small image model with random weights, for a program without any."""
    from models.chain import GreyLevels, ImageChain
    from models.checkpoint import save_checkpoint
    from models.condition import Category
    from models.model import ModelSpec
    from models.networks import network_class

    spec = ModelSpec(
        "gated_pixelcnn",
        ImageChain(GreyLevels(256), 28, 28),
        (Category("digit", tuple("0123456789"), any=True),),
        {"channels": 8, "head": 16, "dilations": [1, 2]},
    )
    path = folder / f"{RANDOM_MODEL}.safetensors"
    model = network_class(spec.architecture)(spec)
    save_checkpoint(path, model, name=RANDOM_MODEL, title="Random", data={}, training={}, likelihood={})
    return path


def show_panel(make: Callable[[Studio], QWidget]) -> None:
    """Shows a panel of a studio that loads a model and draws one sample, until the window is closed."""
    app = QApplication(sys.argv[:1])
    apply_theme(app)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        studio = demo_studio(Path(folder))
        panel = make(studio)
        panel.setWindowTitle(type(panel).__name__)
        panel.show()
        wanted = sys.argv[1] if len(sys.argv) > 1 else studio.catalog.entries()[0].header.name
        QTimer.singleShot(0, panel, lambda: studio.loading.choose(wanted))
        waiting = QTimer(panel, interval=LOOK_MS)
        waiting.timeout.connect(lambda: draw_when_loaded(studio, waiting))
        waiting.start()
        app.exec()
        studio.close()


def draw_when_loaded(studio: Studio, waiting: QTimer) -> None:
    if studio.activity is Activity.IDLE:
        waiting.stop()
        studio.change("pace", pace=math.inf)
        studio.begin()
