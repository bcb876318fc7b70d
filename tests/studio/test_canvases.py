"""What is alike in all canvases, whatever they show: the mouse, Esc, the read-out, the legend, the theme."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from models.chain import Chain, GreyLevels, ImageChain, MuLaw, SoundChain
from models.text import Characters, TextChain
from models.trace import Take
from models.video import VideoChain
from studio.canvas import CANVASES, make_canvas
from studio.canvas.common import Canvas, CellCanvas
from studio.canvas.demo import empty_take, grow
from studio.canvas.image import ImageCanvas
from studio.canvas.sound import SoundCanvas
from studio.canvas.text import TextCanvas
from studio.canvas.video import VideoCanvas
from studio.looking import Pointer
from studio.state import Studio
from studio.theme import DARK, LIGHT, apply_theme

CHAINS: dict[str, Chain] = {
    "image": ImageChain(GreyLevels(16), 6, 5, 3),
    "sound": SoundChain(MuLaw(32), 8000, default_seconds=0.01, max_seconds=1.0),
    "text": TextChain(Characters.of("abcdefgh ", stop=False), default_length=80, max_length=80),
    "video": VideoChain(GreyLevels(16), frames=3, height=5, width=4, rate=10, channels=3),
}
DRAWN = 40
OF_CELLS = ("image", "text", "video")
OF_IMAGES = ("image", "video")


@dataclass
class Stage:
    """A canvas on a studio, and where its steps are for a mouse."""

    studio: Studio
    canvas: Canvas
    surface: QWidget
    place: Callable[[Pointer], QPoint]

    def show(self, count: int = 1, steps: int = DRAWN) -> Take:
        take = empty_take(CHAINS[self.canvas.objectName()], count)
        self.studio.show_take(take, None)
        for trace in take.traces:
            grow(trace, np.arange(steps, dtype=np.int32) % 7, take.chain)
        self.studio.worker.grown.emit(take.id)
        QApplication.processEvents()
        return take

    @property
    def facts(self) -> str:
        assert isinstance(self.canvas, CellCanvas | SoundCanvas)
        return self.canvas.read_out.text()


def test_every_canvas_is_among_those_of_this_file() -> None:
    """But for that of translations, which shows pages of texts: see ``test_canvas_translation``."""
    assert {*CHAINS, "translation"} == set(CANVASES)


@pytest.fixture(params=CHAINS)
def stage(request: pytest.FixtureRequest, idle: Studio, qtbot: QtBot) -> Iterator[Stage]:
    canvas = make_canvas(idle, request.param)
    canvas.setObjectName(request.param)
    qtbot.addWidget(canvas)
    canvas.resize(760, 620)
    canvas.show()
    match canvas:
        case ImageCanvas():
            grid = canvas.grid
            yield Stage(idle, canvas, grid, lambda pointer: grid.position_of(pointer).toPoint())
        case VideoCanvas():
            film = canvas.film
            yield Stage(idle, canvas, film, lambda pointer: film.position_of(pointer).toPoint())
        case TextCanvas():
            page = canvas.page
            yield Stage(idle, canvas, page.viewport(), lambda pointer: page.cell(pointer.step).center())
        case SoundCanvas():
            plot = canvas.wave.plot
            yield Stage(idle, canvas, plot.viewport(), lambda pointer: plot.position_of(pointer.step / 8000).toPoint())
    canvas.hide()
    apply_theme(app(), DARK)


def app() -> QApplication:
    found = QApplication.instance()
    assert isinstance(found, QApplication)
    return found


def click(stage: Stage, qtbot: QtBot, step: int, sample: int = 0) -> None:
    pointer = Pointer(sample, step)
    qtbot.mouseClick(stage.surface, Qt.MouseButton.LeftButton, pos=stage.place(pointer))


def test_a_canvas_has_a_name_and_so_has_what_takes_its_keys(stage: Stage) -> None:
    keys = stage.canvas.focusProxy() or stage.canvas
    assert keys.focusPolicy() == Qt.FocusPolicy.StrongFocus
    assert stage.canvas.accessibleName() == "Canvas"
    assert keys.accessibleName()


def test_the_mouse_looks_at_a_step_and_a_click_keeps_it(stage: Stage, qtbot: QtBot) -> None:
    stage.show()
    for step in (5, 6, 20):
        qtbot.mouseMove(stage.surface, stage.place(Pointer(0, step)))
        assert stage.studio.looking.hovered == Pointer(0, step)
    click(stage, qtbot, 20)
    assert stage.studio.looking.pinned == Pointer(0, 20)
    click(stage, qtbot, 6)
    assert stage.studio.looking.pinned == Pointer(0, 6)
    click(stage, qtbot, 6)
    assert stage.studio.looking.pinned is None


@pytest.mark.parametrize("stage", OF_CELLS, indirect=True)
def test_two_quick_clicks_on_a_step_of_a_single_sample_are_two_clicks(stage: Stage, qtbot: QtBot) -> None:
    stage.show()
    click(stage, qtbot, 6)
    qtbot.mouseDClick(stage.surface, Qt.MouseButton.LeftButton, pos=stage.place(Pointer(0, 6)))
    assert stage.studio.looking.pinned is None


def test_escape_lets_go_of_the_step_that_is_kept(stage: Stage, qtbot: QtBot) -> None:
    stage.show()
    click(stage, qtbot, 6)
    stage.canvas.step_out()
    assert stage.studio.looking.pinned is None
    stage.canvas.step_out()
    assert stage.studio.looking.pinned is None


def test_the_read_out_tells_the_place_the_value_and_the_bits_of_a_step(stage: Stage) -> None:
    take = stage.show(count=2)
    stage.canvas.resize(1100, 620)  # with room for all facts
    hint = stage.facts
    stage.studio.looking.pin(Pointer(1, 6))
    surprise, entropy = take.traces[1].surprise[6], take.traces[1].entropy[6]
    assert f"surprise {surprise:.2f} bits  ·  entropy {entropy:.2f} bits" in stage.facts
    stage.studio.looking.pin(None)
    assert stage.facts == hint


@pytest.mark.parametrize("stage", OF_CELLS, indirect=True)
def test_of_several_samples_the_read_out_tells_which(stage: Stage) -> None:
    stage.show(count=2)
    stage.studio.looking.pin(Pointer(1, 6))
    assert stage.facts.startswith("sample 1  ·  ")
    stage.show()
    stage.studio.looking.pin(Pointer(0, 6))
    assert "sample" not in stage.facts


def test_a_step_takes_the_facts_away_that_a_mouse_lies_on(stage: Stage, qtbot: QtBot) -> None:
    stage.show()
    hint = stage.facts
    qtbot.mouseMove(stage.surface, stage.place(Pointer(0, 6)))
    assert stage.facts != hint
    stage.studio.step_by(-1)
    assert stage.facts == hint


@pytest.mark.parametrize("stage", OF_CELLS, indirect=True)
@pytest.mark.parametrize("overlay", ["entropy", "surprise"])
def test_an_overlay_has_its_legend(stage: Stage, overlay: str) -> None:
    assert isinstance(stage.canvas, CellCanvas)
    stage.show()
    assert not stage.canvas.legend.isVisible()
    stage.studio.set_overlay(overlay)
    assert stage.canvas.legend.isVisible()
    assert stage.canvas.legend.accessibleName().startswith(overlay.title())


def test_an_invitation_stands_there_until_there_is_a_take(stage: Stage) -> None:
    assert isinstance(stage.canvas, CellCanvas | SoundCanvas)
    assert stage.canvas.invitation.isVisible()
    stage.show()
    assert not stage.canvas.invitation.isVisible()


class Painted(QObject):
    """Whether a widget was painted."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.once = False
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.once |= event.type() == QEvent.Type.Paint
        return False


def test_another_theme_is_seen_at_once(stage: Stage) -> None:
    stage.show()
    stage.studio.set_overlay("entropy")
    QApplication.processEvents()
    parts = [stage.surface, *([stage.canvas.legend] if isinstance(stage.canvas, CellCanvas) else [])]
    painted = [Painted(part) for part in parts]
    apply_theme(app(), LIGHT)
    QApplication.processEvents()
    assert [part.once for part in painted] == [True] * len(parts)


# Images and frames


def enlarge(stage: Stage, qtbot: QtBot, sample: int) -> None:
    """As a mouse does it: a click, and the second press as a double click."""
    at = stage.place(Pointer(sample, DRAWN - 1))
    qtbot.mouseClick(stage.surface, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseDClick(stage.surface, Qt.MouseButton.LeftButton, pos=at)


def shown(stage: Stage) -> list[int]:
    assert isinstance(stage.canvas, ImageCanvas | VideoCanvas)
    view = stage.canvas.grid if isinstance(stage.canvas, ImageCanvas) else stage.canvas.film
    return list(view.shown)


@pytest.mark.parametrize("stage", OF_IMAGES, indirect=True)
def test_a_double_click_shows_one_of_several_alone_and_escape_shows_all_again(stage: Stage, qtbot: QtBot) -> None:
    stage.show(count=3)
    enlarge(stage, qtbot, 2)
    assert (shown(stage), stage.studio.looking.selected, stage.studio.looking.pinned) == ([2], 2, None)
    assert "Esc" in stage.facts
    click(stage, qtbot, DRAWN - 1, 2)
    assert stage.facts.startswith("sample 2 (Esc: all)  ·  ")
    stage.canvas.step_out()
    assert (shown(stage), stage.studio.looking.pinned) == ([0, 1, 2], None)


@pytest.mark.parametrize("stage", OF_IMAGES, indirect=True)
def test_another_take_is_shown_whole(stage: Stage, qtbot: QtBot) -> None:
    stage.show(count=3)
    enlarge(stage, qtbot, 2)
    stage.show(count=3)
    assert shown(stage) == [0, 1, 2]


@pytest.mark.parametrize("stage", OF_IMAGES, indirect=True)
def test_what_is_not_drawn_is_told_and_chooses_its_sample_but_is_not_kept(stage: Stage, qtbot: QtBot) -> None:
    stage.show(count=3, steps=10)
    click(stage, qtbot, 30, 1)
    assert (stage.studio.looking.pinned, stage.studio.looking.selected) == (None, 1)
    qtbot.mouseMove(stage.surface, stage.place(Pointer(1, 33)))
    assert stage.studio.looking.hovered is None
    assert stage.facts.endswith("not drawn yet")
