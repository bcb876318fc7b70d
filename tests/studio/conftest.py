"""A real studio for tests of the window: real models with random weights, a real inference thread, its own profile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from models.catalog import Catalog
from models.chain import Chain, GreyLevels, ImageChain, MuLaw, SoundChain
from models.checkpoint import save_checkpoint
from models.condition import Category, Factor
from models.model import ModelSpec
from models.networks import network_class
from studio.canvas.demo import idle_studio
from studio.inference import InferenceThread
from studio.profile import Profile
from studio.state import Activity, Studio
from studio.theme import DARK, apply_theme

IMAGE = "tiny-pixelcnn"
SOUND = "tiny-wavenet"
DIGIT = Category("digit", ("0", "1", "2"), any=True)
SPEAKER = Category("speaker", ("ada", "bob"), any=True)


@pytest.fixture(autouse=True)
def no_button_held() -> None:
    """A double click that a test made leaves the button down: for what follows the mouse would be dragging."""
    if QGuiApplication.instance() is not None and QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
        QTest.mouseRelease(QWidget(), Qt.MouseButton.LeftButton)


@pytest.fixture(scope="session")
def opened_files() -> list[str]:
    """The files and folders that the thread of the window has opened, for ever more: a hook cannot be taken away."""
    opened: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.scandir", "os.listdir") and threading.current_thread() is threading.main_thread():
            opened.append(str(arguments[0]))

    sys.addaudithook(hook)
    return opened


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the shipped one: an image model of 8 x 6 pixels and 16 levels, a sound model with a stop symbol."""
    folder = tmp_path_factory.mktemp("assets")
    (folder / "checkpoints").mkdir()
    image = ImageChain(GreyLevels(16), 8, 6)
    sound = SoundChain(MuLaw(32, stop=True), 8000, default_seconds=0.2, max_seconds=1.0)
    write(folder, IMAGE, "gated_pixelcnn", image, (DIGIT,), {"channels": 8, "head": 8, "dilations": [1, 2]})
    config = {"residual": 8, "skip": 8, "head": 8, "dilations": [1, 2, 4, 8]}
    write(folder, SOUND, "wavenet", sound, (SPEAKER, DIGIT), config)
    return folder


def write(
    folder: Path,
    name: str,
    architecture: str,
    chain: Chain,
    factors: tuple[Factor, ...],
    config: dict[str, object],
    data_name: str = "noise",
) -> None:
    torch.manual_seed(4)
    model = network_class(architecture)(ModelSpec(architecture, chain, factors, config))
    if chain.alphabet.stop:
        with torch.no_grad():
            model.out.bias[-1] = -9.0  # type: ignore[union-attr, operator]  # clips of a useful length
    data = {"name": data_name, "title": "Noise", "licence": "none", "attribution": "nobody"}
    save_checkpoint(
        folder / "checkpoints" / f"{name}.safetensors",
        model,
        name=name,
        title=name.replace("-", " ").title(),
        data=data,
        training={},
        likelihood={},
    )


@pytest.fixture(scope="session")
def warm_kernels() -> None:
    """For what only a compiled engine is fast enough for."""
    from models.kernels.warm import is_warm, warm_up

    if not is_warm():
        warm_up()


@pytest.fixture
def idle(qtbot: object, tmp_path: Path) -> Iterator[Studio]:
    """A studio in the dark theme whose inference thread does not run: takes are drawn by hand."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, DARK)
    studio = idle_studio(tmp_path)
    yield studio
    studio.close()


@pytest.fixture
def make_studio(qtbot: object, tmp_path: Path, checkpoints: Path) -> Iterator[Callable[[], Studio]]:
    """Opens studios on one profile, one after another or at once, and closes those that are still open."""
    opened: list[Studio] = []

    def make() -> Studio:
        profile = Profile(tmp_path / "profile")
        worker = InferenceThread(profile.save_take)
        studio = Studio(listed(checkpoints, profile.folder), profile, worker)
        worker.start()
        opened.append(studio)
        return studio

    yield make
    for studio in opened:
        studio.close()


def listed(shipped: Path, user: Path) -> Catalog:
    """A catalog whose models, those that were added as well, the window has from its beginning."""
    catalog = Catalog(shipped, user)
    catalog.entries()
    return catalog


@pytest.fixture
def studio(make_studio: Callable[[], Studio]) -> Studio:
    """A studio on which no model is chosen yet."""
    return make_studio()


@pytest.fixture
def image_studio(studio: Studio, qtbot) -> Studio:  # type: ignore[no-untyped-def]
    """A studio with the image model loaded."""
    return load(studio, qtbot, IMAGE)


@pytest.fixture
def sound_studio(studio: Studio, qtbot) -> Studio:  # type: ignore[no-untyped-def]
    """A studio with the sound model loaded."""
    return load(studio, qtbot, SOUND)


def load(studio: Studio, qtbot, name: str) -> Studio:  # type: ignore[no-untyped-def]
    """name: of a model of the list, or else the path of one, which is opened."""
    if studio.catalog.listed_as(name) is None:
        return open_model(studio, qtbot, Path(name))
    studio.loading.choose(name)
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=20_000)
    return studio


def open_model(studio: Studio, qtbot, path: Path) -> Studio:  # type: ignore[no-untyped-def]
    """As ``load``, of a file or folder that is opened."""
    studio.opening.open_checkpoint(path)
    qtbot.waitUntil(lambda: studio.entry is not None and studio.entry.path == path, timeout=20_000)
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=20_000)
    return studio


def finish(studio: Studio, qtbot) -> None:  # type: ignore[no-untyped-def]
    """Lets what was begun come to its end."""
    qtbot.waitUntil(lambda: studio.take is not None and studio.take.finished, timeout=20_000)
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=5_000)


def chosen_model(studio: Studio) -> str:
    """Its name."""
    assert studio.entry is not None
    return studio.entry.header.name
