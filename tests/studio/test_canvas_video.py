"""The canvas of videos: the present frame, the film strip, the film that plays, and what is given."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from models.chain import GreyLevels
from models.completion import continuation
from models.shaping import NEUTRAL
from models.trace import ModelReference, Take, new_take
from models.video import VideoChain
from studio import given_video
from studio.canvas.demo import grow
from studio.canvas.video import OneLine, RateBox, VideoCanvas
from studio.export import ExportDialog
from studio.looking import Pointer
from studio.replay import TICK_MS
from studio.settings import settings_from_json
from studio.state import Activity, Studio
from studio.widgets.controls import ToolButton
from tests.studio.conftest import IMAGE, finish, load, open_model, write
from tests.video_model import SIZES

CHAIN = VideoChain(GreyLevels(2), frames=6, height=8, width=8, rate=10, given_frames=2)
PIXELS = 64
VIDEO = "tiny-vpn"


def balls(chain: VideoChain = CHAIN) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A square that goes to the right."""
    video = np.zeros((chain.frames, chain.height, chain.width), np.uint8)
    for frame in range(chain.frames):
        video[frame, 2:5, frame : frame + 3] = 255
    return video


def a_take(count: int = 1, steps: int = CHAIN.length, given: bool = False) -> Take:
    reference = ModelReference("demo", "Demo", "0" * 16, CHAIN, ())
    symbols = CHAIN.symbols(balls())
    if given:
        take = continuation(
            reference, symbols[: CHAIN.given], more=CHAIN.length, seed=1, count=count, condition={}, shaping=NEUTRAL,
            engine="cached",
        )  # fmt: skip
    else:
        take = new_take(reference, seed=1, count=count, condition={}, shaping=NEUTRAL, engine="cached")
    for trace in take.traces:
        grow(trace, symbols[:steps], CHAIN)
        trace.finished = steps == CHAIN.length
    return take


@pytest.fixture
def canvas(idle: Studio, qtbot: QtBot) -> VideoCanvas:
    made = VideoCanvas(idle)
    qtbot.addWidget(made)
    made.resize(760, 620)
    made.show()
    return made


def point_of(canvas: VideoCanvas, sample: int, step: int) -> QPointF:
    return canvas.film.position_of(Pointer(sample, step))


def test_a_click_on_any_pixel_of_any_frame_keeps_that_step_and_shows_its_frame_large(
    idle: Studio, canvas: VideoCanvas, qtbot: QtBot
) -> None:
    idle.show_take(a_take())
    assert canvas.film.present == CHAIN.frames - 1
    for step in (0, 3 * PIXELS + 10, CHAIN.length - 1):
        cell = canvas.film.reel.strip.cells[step // PIXELS]
        row, column = divmod(step % PIXELS, CHAIN.width)
        scale = canvas.film.reel.strip.scale
        at = QPointF(cell.left() + (column + 0.5) * scale, cell.top() + (row + 0.5) * scale)
        assert canvas.film.pointer_at(at) == Pointer(0, step)
        qtbot.mouseClick(canvas.film, Qt.MouseButton.LeftButton, pos=at.toPoint())
        assert idle.looking.pinned == Pointer(0, step)
        assert canvas.film.present == step // PIXELS
        assert canvas.film.pointer_at(point_of(canvas, 0, step)) == Pointer(0, step)  # and large, it is the same step
    assert f"frame {CHAIN.frames - 1}, row 7, column 7" in canvas.read_out.text()


def test_what_is_not_drawn_yet_cannot_be_kept(idle: Studio, canvas: VideoCanvas, qtbot: QtBot) -> None:
    idle.show_take(a_take(steps=2 * PIXELS + 20))
    assert canvas.film.present == 2
    qtbot.mouseClick(canvas.film, Qt.MouseButton.LeftButton, pos=point_of(canvas, 0, 5 * PIXELS).toPoint())
    assert idle.looking.pinned is None
    qtbot.mouseMove(canvas.film, point_of(canvas, 0, 2 * PIXELS + 20).toPoint())
    assert idle.looking.hovered == Pointer(0, 2 * PIXELS + 20)  # the very next step has a conditional


def test_the_film_plays_whole_frames_over_and_over(idle: Studio, canvas: VideoCanvas) -> None:
    idle.show_take(a_take())
    idle.looking.move_cursor(0)
    idle.settings = settings_from_json({}, CHAIN, ())
    idle.replay.start()
    seen = []
    for _ in range(round(2.2 * CHAIN.frames / CHAIN.rate * 1000 / TICK_MS)):
        idle.replay.tick()
        assert idle.looking.cursor % PIXELS == 0
        if not seen or seen[-1] != canvas.film.present:
            seen.append(canvas.film.present)
    assert seen[: 2 * CHAIN.frames] == 2 * list(range(CHAIN.frames))
    idle.pause()
    assert idle.activity is not Activity.REPLAYING


def test_examples_stand_in_one_line_and_the_chosen_one_is_always_there(qtbot: QtBot) -> None:
    line = OneLine()
    qtbot.addWidget(line)
    buttons = [ToolButton("", tip=str(n), name=str(n)) for n in range(8)]
    buttons[6].setCheckable(True)
    line.show_buttons(buttons)
    line.show()
    across = line.sizeHint().width() // 8
    for room in (8, 3, 1):
        line.resize(room * across, line.minimumHeight())
        assert sum(button.isVisible() for button in buttons) == room
    buttons[6].setChecked(True)
    for room, expected in ((8, list(range(8))), (3, [0, 1, 6]), (1, [6])):
        line.resize(room * across, line.minimumHeight())
        line.arrange()
        assert [n for n, button in enumerate(buttons) if button.isVisible()] == expected


def test_it_plays_and_is_saved_at_the_rate_that_is_chosen(idle: Studio, canvas: VideoCanvas, qtbot: QtBot) -> None:
    idle.show_take(a_take())
    idle.settings = settings_from_json({}, CHAIN, ())
    box = canvas.given.findChild(RateBox)
    assert box.currentText() == f"{CHAIN.rate} fps"
    box.setCurrentIndex(box.findData(1))
    box.activated.emit(box.currentIndex())
    idle.looking.move_cursor(0)
    idle.replay.start()
    for _ in range(round(1.5 * 1000 / TICK_MS)):
        idle.replay.tick()
    assert canvas.film.present == 1
    idle.pause()
    dialog = ExportDialog(idle)
    qtbot.addWidget(dialog)
    assert dialog.rate.value() == 1
    form = dialog.options["form"]
    with Image.open(io.BytesIO(form.content(idle.take))) as film:
        assert film.info["duration"] == 1000


def test_frames_look_as_the_symbols_say_and_what_is_missing_is_hatched(idle: Studio, canvas: VideoCanvas) -> None:
    idle.show_take(a_take(steps=3 * PIXELS + 4 * CHAIN.width))
    picture = canvas.film.grab().toImage()
    reel = canvas.film.reel
    for frame, row, column in ((0, 0, 0), (0, 3, 1), (3, 3, 4)):
        cell, scale = reel.strip.cells[frame], reel.strip.scale
        middle = picture.pixelColor(
            round(cell.left() + (column + 0.5) * scale), round(cell.top() + (row + 0.5) * scale)
        )
        assert middle.red() == balls()[frame, row, column]
    assert not canvas.film._films[0][3].full
    assert canvas.film._films[0][2].full


def test_copied_is_the_present_frame(idle: Studio, canvas: VideoCanvas) -> None:
    idle.show_take(a_take())
    idle.looking.pin(Pointer(0, PIXELS + 3))
    image = canvas.copied()
    assert image is not None
    assert image.pixelColor(1, 2).red() == balls()[1, 2, 1]


@pytest.mark.parametrize("count", [1, 3])
def test_every_sample_has_its_present_frame_and_a_double_click_shows_one_alone(
    idle: Studio, canvas: VideoCanvas, qtbot: QtBot, count: int
) -> None:
    idle.show_take(a_take(count))
    assert list(canvas.film.shown) == list(range(count))
    if count > 1:
        at = point_of(canvas, 1, CHAIN.length - 1).toPoint()
        qtbot.mouseDClick(canvas.film, Qt.MouseButton.LeftButton, pos=at)
        assert list(canvas.film.shown) == [1]
        canvas.step_out()
        assert len(canvas.film.shown) == count


# --- what is given ---------------------------------------------------------------------------------------------------


@pytest.fixture
def video_studio(studio: Studio, qtbot: QtBot, tmp_path: Path) -> Studio:
    (tmp_path / "checkpoints").mkdir()
    write(tmp_path, VIDEO, "video_pixel_network", CHAIN, (), {**SIZES, "head": 8})
    path = tmp_path / "checkpoints" / f"{VIDEO}.safetensors"
    return open_model(studio, qtbot, path)


def test_a_dropped_gif_is_what_the_next_take_begins_with_and_the_truth_beside_it(
    video_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    canvas = VideoCanvas(video_studio)
    qtbot.addWidget(canvas)
    assert canvas.given.nothing_button.isChecked()
    path = tmp_path / "balls.gif"
    first, *others = map(Image.fromarray, balls())
    first.save(path, save_all=True, append_images=others)
    with qtbot.waitSignal(video_studio.given_video.changed):
        video_studio.opening.open_path(path)
    assert [button.isChecked() for button in canvas.given.examples.buttons] == [True]
    video_studio.generate()
    finish(video_studio, qtbot)
    take = video_studio.take
    assert take is not None
    drawn = CHAIN.video(take.traces[0].symbols)
    assert np.array_equal(drawn[: CHAIN.given_frames], balls()[: CHAIN.given_frames])
    assert take.traces[0].clamped.sum() == CHAIN.given
    truth = video_studio.given_video.truth(take)
    assert truth is not None
    assert np.array_equal(CHAIN.video(truth), balls())
    assert len(canvas.film._truth) == CHAIN.frames
    canvas.given.nothing_button.click()
    video_studio.begin()
    finish(video_studio, qtbot)
    assert video_studio.take is not None
    assert not video_studio.take.given
    assert canvas.film._truth == []


def test_given_frames_are_there_at_once_at_any_pace(video_studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    first, *others = map(Image.fromarray, balls())
    first.save(tmp_path / "balls.gif", save_all=True, append_images=others)
    with qtbot.waitSignal(video_studio.given_video.changed):
        video_studio.opening.open_path(tmp_path / "balls.gif")
    video_studio.change("pace", pace=1.0)
    video_studio.generate()
    qtbot.waitUntil(lambda: video_studio.frontier >= CHAIN.given, timeout=10_000)
    video_studio.pause()
    qtbot.waitUntil(lambda: not video_studio.running)


def test_a_gif_of_another_size_is_refused_with_the_size_that_would_be_right(
    video_studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "wide.gif"
    Image.fromarray(np.zeros((8, 9), np.uint8)).save(path)
    with qtbot.waitSignal(video_studio.error) as said:
        video_studio.opening.open_path(path)
    assert "9 x 8 pixels; the model expects frames of 8 x 8" in said.args[0]


def test_truth_is_known_of_a_take_that_comes_back_and_not_of_another(idle: Studio, canvas: VideoCanvas) -> None:
    idle.given_video._chain = CHAIN
    idle.given_video.add(balls(), CHAIN)
    idle.show_take(a_take(given=True))
    assert len(canvas.film._truth) == CHAIN.frames
    idle.show_take(a_take())
    assert canvas.film._truth == []


def test_examples_come_with_the_model_and_are_read_by_the_thread_that_loads_it(
    studio: Studio, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened_files: list[str]
) -> None:
    monkeypatch.setattr(given_video, "FOLDER", tmp_path)
    np.savez(tmp_path / "noise.npz", videos=np.stack([balls(), balls()[::-1]]))
    (tmp_path / "checkpoints").mkdir()
    write(tmp_path, VIDEO, "video_pixel_network", CHAIN, (), {**SIZES, "head": 8})
    opened_files.clear()
    studio.opening.open_checkpoint(tmp_path / "checkpoints" / f"{VIDEO}.safetensors")
    qtbot.waitUntil(lambda: studio.entry is not None)
    own = balls()[:, ::-1]
    studio.begin()
    studio.given_video.add(own, CHAIN)
    finish(studio, qtbot)
    assert [np.array_equal(video, own) for video in studio.given_video.offered] == [True, False, False]
    assert studio.take is not None
    assert studio.take.given == tuple(CHAIN.symbols(own[: CHAIN.given_frames]))
    assert [path for path in opened_files if "noise" in path] == []
    load(studio, qtbot, IMAGE)
    load(studio, qtbot, VIDEO)
    assert (len(studio.given_video.offered), studio.given_video.chosen) == (2, 0)
    studio.change("device", device="cpu")
    qtbot.waitUntil(lambda: studio.loaded is not None)
    assert len(studio.given_video.offered) == 2
    load(studio, qtbot, IMAGE)
    studio.loading.choose(VIDEO)
    studio.given_video.choose(None)
    qtbot.waitUntil(lambda: studio.loaded is not None)
    assert (len(studio.given_video.offered), studio.given_video.chosen) == (2, None)
