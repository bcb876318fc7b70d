"""A GPT-2 that Hugging Face's libraries saved, in the window and on the command line: prompts, cells, alternatives."""

from __future__ import annotations

import json
import math
import shutil
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from pytestqt.qtbot import QtBot

from models import hugging_face
from models.catalog import Catalog
from models.chain import ImageChain
from models.tokens import TokenChain
from models.trace import Take
from studio.app import open_studio, start
from studio.canvas.demo import empty_take, grow
from studio.canvas.picture import Picture
from studio.canvas.text import TextCanvas
from studio.cli import main
from studio.looking import Pointer
from studio.panels.conditional_plots import RankedPlot
from studio.panels.inspector import InspectorPanel
from studio.panels.models import ModelsPanel
from studio.panels.prompt import PromptBox
from studio.profile import Profile
from studio.state import Activity, Studio
from tests.hugging_face_folder import POSITIONS, TOKENS, VERSE, save_gpt2, save_image_gpt
from tests.studio.conftest import IMAGE, finish


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_gpt2(tmp_path_factory.mktemp("folders") / "kubla")


@pytest.fixture
def studio(make_studio: Callable[[], Studio], qtbot: QtBot, gpt2: Path) -> Studio:
    """A studio into which the folder was dropped, as fast as it goes."""
    studio = make_studio()
    studio.opening.open_path(gpt2)
    qtbot.waitUntil(lambda: studio.entry is not None and studio.entry.path == gpt2, timeout=20_000)
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=20_000)
    studio.change("pace", pace=math.inf)
    return studio


def test_a_dropped_folder_goes_on_from_a_prompt_to_its_last_position(studio: Studio, qtbot: QtBot) -> None:
    box = PromptBox(studio)
    qtbot.addWidget(box)
    studio.set_prompt("In Xanadu")
    assert studio.entry is not None
    chain = studio.entry.header.chain
    assert isinstance(chain, TokenChain)
    told = len(chain.symbols("In Xanadu", closed=False))
    assert box.note.text() == (
        f"{told} tokens; up to {POSITIONS - told} more follow, until the model's context of {POSITIONS} is full."
    )
    studio.set_prompt("a<|endoftext|>")
    assert box.problem.text() == "The text has the token in it that ends a text."
    studio.set_prompt(VERSE * 2)
    assert f"has 1 to {POSITIONS - 1} tokens, not" in box.problem.text()
    studio.set_prompt("In Xanadu")
    studio.generate()
    finish(studio, qtbot)
    assert studio.trace is not None
    assert chain.text(studio.trace.symbols).startswith("In Xanadu")
    assert len(studio.trace) == POSITIONS or studio.trace.symbols[-1] == chain.alphabet.stop_symbol


def test_the_inspector_lists_the_likeliest_tokens_and_a_click_puts_one_there(studio: Studio, qtbot: QtBot) -> None:
    panel = InspectorPanel(studio)
    qtbot.addWidget(panel)
    panel.resize(360, 600)
    panel.show()
    studio.set_prompt("In Xanadu did")
    studio.generate()
    finish(studio, qtbot)
    with qtbot.waitSignal(studio.inspection.answered):
        studio.looking.pin(Pointer(0, 2))
    plot: RankedPlot = panel.ranked
    assert plot.isVisible()
    assert not panel.plot.isVisible()
    assert plot.inspection is not None
    raw = plot.inspection.raw
    assert len(raw) == TOKENS
    assert plot.symbols[0] == int(raw.argmax())
    assert len(plot.symbols) == int(plot.height() / plot.ROW)
    assert plot.inspection.symbol in plot.symbols
    second = next(symbol for symbol in plot.symbols[1:] if symbol != plot.inspection.symbol)
    where = QPointF(20, (plot.symbols.index(second) + 0.5) * plot.ROW)
    press = QMouseEvent(
        QEvent.Type.MouseButtonPress, where, where, Qt.MouseButton.LeftButton, Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    plot.mousePressEvent(press)
    qtbot.waitUntil(lambda: studio.trace is not None and len(studio.trace) > 2 and studio.trace.symbols[2] == second)


def test_a_broken_folder_says_what_is_wrong_and_the_model_stays(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "llama"}')
    before = studio.entry
    with qtbot.waitSignal(studio.error) as told:
        studio.opening.open_path(tmp_path / "other" / "config.json")
    assert "its architecture is 'llama'" in told.args[0]
    assert studio.entry is before


@pytest.mark.parametrize("last", [None, IMAGE, "the folder"])
def test_at_the_start_a_remembered_folder_is_read_by_another_thread(
    checkpoints: Path, tmp_path: Path, gpt2: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, last: str | None
) -> None:
    gone, broken = save_gpt2(tmp_path / "gone"), save_gpt2(tmp_path / "broken")
    (tmp_path / "profile").mkdir()
    for folder in (gpt2, gone, broken):
        Catalog(checkpoints, tmp_path / "profile").add(folder)
    shutil.rmtree(gone)
    (broken / "config.json").write_text("{}")
    threads: list[threading.Thread] = []
    read = hugging_face._read_now

    def watched(path: Path, stamped: hugging_face.Stamp) -> hugging_face._Folder:
        threads.append(threading.current_thread())
        return read(path, stamped)

    monkeypatch.setattr(hugging_face, "_read_now", watched)
    monkeypatch.setattr(hugging_face, "_known", {})
    monkeypatch.setattr(Catalog.__init__, "__defaults__", (checkpoints, None))
    profile = Profile(tmp_path / "profile")
    if last is not None:
        profile.set("model", str(gpt2) if last == "the folder" else last)
    with closing(open_studio(profile)) as studio:
        panel = ModelsPanel(studio)
        qtbot.addWidget(panel)
        assert titles(panel) == ["Tiny Pixelcnn", "Tiny Wavenet"]
        start(studio, None)
        assert (studio.entry is not None) == (last == IMAGE)
        qtbot.waitUntil(lambda: titles(panel) == ["Tiny Pixelcnn", "Tiny Wavenet", "GPT-2 · kubla"])
        qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=20_000)
        assert studio.entry is not None
        assert studio.entry.path.name == ("kubla" if last == "the folder" else f"{IMAGE}.safetensors")
        assert [path for path, _ in studio.catalog.problems] == [broken]
    assert threads
    assert threading.main_thread() not in threads


def titles(panel: ModelsPanel) -> list[str]:
    return [item.text(0) for item in panel.list.models()]


# The canvas


@pytest.fixture
def canvas(idle: Studio, qtbot: QtBot) -> TextCanvas:
    canvas = TextCanvas(idle)
    qtbot.addWidget(canvas)
    canvas.resize(500, 400)
    canvas.show()
    return canvas


def show(studio: Studio, chain: TokenChain, text: str) -> Take:
    take = empty_take(chain, limit=POSITIONS)
    studio.show_take(take, None)
    for symbol in chain.symbols(text, closed=False):
        grow(take.traces[0], np.array([symbol], np.int32), chain)
        studio.worker.grown.emit(take.id)
    return take


def test_a_token_has_the_cells_of_its_characters_and_bytes_stand_for_a_part_of_one(
    idle: Studio, canvas: TextCanvas, gpt2: Path
) -> None:
    chain = Catalog(user=None).find(str(gpt2)).header.chain
    assert isinstance(chain, TokenChain)
    take = show(idle, chain, "In Xanadu ж\nran")
    page, symbols = canvas.page, take.traces[0].symbols
    parts = chain.parts(symbols)
    half = parts.index("")
    assert page._flow.text == "In Xanadu ⟨D0⟩ж\nran"
    for step, part in enumerate(parts):
        (cells,) = page.cells(step)
        assert cells.width() == page._letters.width * len(part or "⟨D0⟩")  # type: ignore[union-attr]
        for place in (cells.left() + 1, cells.right() - 1):
            assert page.pointer_at(QPointF(place, cells.center().y())) == Pointer(0, step)
    assert page.pointer_at(QPointF(page.cell(len(parts)).center())) == Pointer(0, len(parts))
    assert page._signed == [step == half for step in range(len(parts))]
    assert not page.grab().isNull()


def test_a_token_may_end_in_the_next_line(idle: Studio, canvas: TextCanvas, gpt2: Path) -> None:
    chain = Catalog(user=None).find(str(gpt2)).header.chain
    assert isinstance(chain, TokenChain)
    canvas.resize(220, 400)
    take = show(idle, chain, "did Kubla Khan did Kubla Khan sacred")
    page = canvas.page
    broken = [step for step in range(len(take.traces[0])) if len(page.cells(step)) > 1]
    assert broken
    for cell in page.cells(broken[0]):
        assert page.pointer_at(QPointF(cell.center())) == Pointer(0, broken[0])
    assert not page.grab().isNull()


def test_a_pixel_of_a_palette_has_its_colour(tmp_path: Path) -> None:
    chain = Catalog(user=None).find(str(save_image_gpt(tmp_path))).header.chain
    assert isinstance(chain, ImageChain)
    take = empty_take(chain)
    grow(take.traces[0], np.array([3, 5], np.int32), chain)
    picture = Picture(take.traces[0], chain, "none", given=(3, 5, 7))
    picture.sync()
    for column, symbol in enumerate((3, 5)):
        assert picture.image.pixelColor(column, 0).getRgb()[:3] == chain.alphabet.colours[symbol]  # type: ignore[attr-defined]
    assert 0 < picture.image.pixelColor(2, 0).alpha() < 255


# The command line


def test_a_folder_is_sampled_scored_and_walked_again(
    capsys: pytest.CaptureFixture[str], gpt2: Path, tmp_path: Path
) -> None:
    page, text = tmp_path / "a.html", tmp_path / "a.txt"
    options = ["--prompt", "In Xanadu", "--steps", "20"]
    assert main(["sample", str(gpt2), "-o", str(page), *options]) == 0
    text.write_text("In Xanadu did Kubla Khan")
    capsys.readouterr()
    assert main(["score", str(gpt2), str(page), str(text), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert len(files) == 2
    assert main(["reproduce", str(page), "--model", str(gpt2), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agrees"] is True
    text.write_text(VERSE * 3)
    assert main(["score", str(gpt2), str(text)]) == 1
    assert f"tokens; the model reads up to {POSITIONS}" in capsys.readouterr().err
