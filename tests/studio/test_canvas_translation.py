"""The canvas of translations: the source and what the model looked at in it, draws beside each other, beam searches."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from models.checkpoint import load_checkpoint
from models.shaping import NEUTRAL
from models.trace import Take
from studio.app import MainWindow
from studio.canvas import kind_of_canvas, make_canvas
from studio.canvas.translation import ROW, TranslationCanvas, how_made, log_prob, total_of
from studio.looking import Pointer
from studio.state import Studio
from tests.studio.conftest import finish, load, write
from tests.translation_models import CHAIN, SIZES, SOURCE

TRANSFORMER, BYTENET = "translation_transformer", "bytenet"


@pytest.fixture
def open_canvas(studio: Studio, qtbot: QtBot, tmp_path: Path) -> Callable[[str], TranslationCanvas]:
    """Opens the canvas on a translator of an architecture, which draws as fast as it can."""

    def make(architecture: str) -> TranslationCanvas:
        folder = tmp_path / "made"
        (folder / "checkpoints").mkdir(parents=True)
        write(folder, "translator", architecture, CHAIN, (SOURCE,), SIZES[architecture])
        load(studio, qtbot, str(checkpoint(tmp_path)))
        studio.change("pace", pace=math.inf)
        assert kind_of_canvas(studio) == "translation"
        canvas = make_canvas(studio, "translation")
        assert isinstance(canvas, TranslationCanvas)
        qtbot.addWidget(canvas)
        canvas.resize(800, 600)
        canvas.show()
        return canvas

    return make


@pytest.fixture
def canvas(open_canvas: Callable[[str], TranslationCanvas]) -> TranslationCanvas:
    return open_canvas(TRANSFORMER)


def checkpoint(tmp_path: Path) -> Path:
    return tmp_path / "made" / "checkpoints" / "translator.safetensors"


def drawn(studio: Studio, qtbot: QtBot, count: int = 1) -> Take:
    studio.change("count", count=count)
    studio.begin()
    finish(studio, qtbot)
    assert studio.take is not None
    return studio.take


def searched(canvas: TranslationCanvas, studio: Studio, qtbot: QtBot, width: int = 3) -> Take:
    canvas.source_part.width_box.setCurrentText(str(width))
    canvas.source_part.search_button.click()
    qtbot.waitUntil(lambda: studio.take is not None and studio.take.beam is not None, timeout=30_000)
    finish(studio, qtbot)
    assert studio.take is not None
    return studio.take


def looked_at(studio: Studio, qtbot: QtBot, tmp_path: Path, step: int, sample: int = 0) -> None:
    """Waits for the attention of a step, which is then that of the parallel pass."""
    qtbot.waitUntil(lambda: studio.attention.found is not None and studio.attention.found.step == step, timeout=30_000)
    found, take = studio.attention.found, studio.take
    assert found is not None
    assert take is not None
    import torch

    model = load_checkpoint(checkpoint(tmp_path)).model
    symbols = torch.from_numpy(np.append(take.traces[sample].symbols[:step], 0).astype(np.int64))[None]
    truth = model.attention(symbols, model.condition_tensor({"source": found.source}))[0, :, :, step]
    assert found.weights == pytest.approx(truth.numpy(), abs=1e-5)


def test_before_anything_is_drawn_the_source_that_will_be_translated_is_there(
    canvas: TranslationCanvas, studio: Studio
) -> None:
    assert canvas.source_part.source.text == "ACE BAD."
    assert canvas.source_part.source.flow.text == "ACE BAD.■"
    assert canvas.invitation.isVisible()
    assert canvas.source_part.search_button.isEnabled()
    keys = canvas.focusProxy()
    assert (keys.focusPolicy(), keys.accessibleName()) == (Qt.FocusPolicy.StrongFocus, "Translations")
    studio.change("source", condition={"source": "CAB"})
    assert canvas.source_part.source.text == "CAB"


def test_draws_stand_beside_each_other_each_with_its_log_probability(
    canvas: TranslationCanvas, studio: Studio, qtbot: QtBot
) -> None:
    take = drawn(studio, qtbot, 3)
    boxes = canvas.boxes.boxes
    assert [box.total.text() for box in boxes] == [total_of(trace) for trace in take.traces]
    for box, trace in zip(boxes, take.traces, strict=True):
        nats = float(trace.surprise.sum(dtype=np.float64)) * math.log(2)
        assert box.total.text() == f"log p = −{nats:.2f} nats"
        assert box.page.pointer_at(box.page.cell(1).center()) == Pointer(box.sample, 1)
    QApplication.processEvents()
    assert boxes[0].y() == boxes[1].y()
    assert boxes[0].geometry().right() < boxes[1].x()
    drawn(studio, qtbot)
    assert len(canvas.boxes.boxes) == 1


def test_attention_is_that_of_the_character_one_looks_at_also_after_a_rewind_and_of_any_draw(
    canvas: TranslationCanvas, studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    take = drawn(studio, qtbot, 2)
    studio.looking.move_cursor(2)
    looked_at(studio, qtbot, tmp_path, 2)
    studio.looking.pin(Pointer(1, 1))
    looked_at(studio, qtbot, tmp_path, 1, sample=1)
    assert canvas.source_part.source.attention is studio.attention.found
    named = CHAIN.alphabet.label(int(take.traces[1].symbols[1]))
    assert canvas.source_part.caption.full.startswith(f"Attention of {named} (step 1): most on ")


def test_attention_of_a_take_from_a_file(
    canvas: TranslationCanvas, studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    drawn(studio, qtbot)
    out = tmp_path / "take.html"
    with qtbot.waitSignal(studio.worker.exported, timeout=30_000):
        studio.export(out)
    take = drawn(studio, qtbot)
    studio.opening.open_path(out)
    qtbot.waitUntil(lambda: studio.take is not None and studio.take.id != take.id, timeout=30_000)
    studio.looking.move_cursor(1)
    looked_at(studio, qtbot, tmp_path, 1)


def test_a_bytenet_is_drawn_without_attention(
    open_canvas: Callable[[str], TranslationCanvas], studio: Studio, qtbot: QtBot
) -> None:
    canvas = open_canvas(BYTENET)
    drawn(studio, qtbot, 2)
    studio.looking.pin(Pointer(0, 1))
    qtbot.wait(50)
    assert studio.attention.found is None
    assert canvas.source_part.caption.full == ""
    canvas.grab()


def test_a_search_is_a_take_that_says_what_it_is_not(canvas: TranslationCanvas, studio: Studio, qtbot: QtBot) -> None:
    take = searched(canvas, studio, qtbot)
    said = "Beam search, width 3: neither this nor temperature 0 need be the most probable sentence."
    assert canvas.source_part.note.text() == how_made(take) == said
    totals = [trace.bits for trace in take.traces]
    assert totals == sorted(totals)
    qtbot.waitUntil(lambda: [entry.finished for entry in studio.profile.history()] == [True], timeout=30_000)
    (entry,) = studio.profile.history()
    assert entry.made_with == "source ACE BAD.; beam search, width 3"
    stored = studio.profile.load_take(take.id)
    assert (stored.beam, stored.finished) == (3, True)


def test_temperature_0_says_that_it_is_not_the_mode_either(
    canvas: TranslationCanvas, studio: Studio, qtbot: QtBot
) -> None:
    studio.reshape(temperature=0.0)
    assert "neither this nor beam search need be the most probable sentence" in how_made(drawn(studio, qtbot))


def test_what_was_drawn_and_what_was_found_are_compared_and_a_click_shows_the_other(
    canvas: TranslationCanvas, studio: Studio, qtbot: QtBot
) -> None:
    first = drawn(studio, qtbot, 2)
    assert not canvas.others.isVisible()
    found = searched(canvas, studio, qtbot)
    assert canvas.others.other is first
    assert canvas.others.isVisible()
    canvas.grab()
    QTest.mouseClick(canvas.others.rows, Qt.MouseButton.LeftButton, pos=QPoint(20, ROW + 1))
    assert (studio.take, studio.looking.selected) == (first, 1)
    assert canvas.others.other is found
    studio.change("source", condition={"source": "CAB"})
    drawn(studio, qtbot)
    assert canvas.others.other is None


def test_what_was_found_can_be_looked_into_and_edited(canvas: TranslationCanvas, studio: Studio, qtbot: QtBot) -> None:
    take = searched(canvas, studio, qtbot)
    symbol = int(take.traces[1].symbols[1])
    other = (symbol + 1) % len(CHAIN.characters.characters)
    with qtbot.waitSignal(studio.inspection.answered, timeout=30_000):
        studio.looking.pin(Pointer(1, 1))
    assert "found by the search" in canvas.read_out.text()
    studio.editing.put_value(other)
    finish(studio, qtbot)
    assert int(take.traces[1].symbols[1]) == other
    assert take.traces[1].segment.shaping == NEUTRAL
    studio.undo_stack.undo_in_turn()
    assert int(take.traces[1].symbols[1]) == symbol


def test_the_status_bar_tells_a_search_and_not_a_seed(canvas: TranslationCanvas, studio: Studio, qtbot: QtBot) -> None:
    window = MainWindow(studio)
    qtbot.addWidget(window)
    drawn(studio, qtbot)
    assert "seed" in window.model_label.text()
    searched(canvas, studio, qtbot)
    assert window.model_label.text().endswith("beam search, width 3")
    window.sound.close()


def test_a_search_can_be_stopped_and_gone_on_with(canvas: TranslationCanvas, studio: Studio, qtbot: QtBot) -> None:
    studio.change("pace", pace=20.0)
    canvas.source_part.search_button.click()
    qtbot.waitUntil(lambda: studio.take is not None and studio.take.longest >= 2, timeout=30_000)
    take = studio.take
    assert take is not None
    qtbot.waitUntil(lambda: canvas.boxes.boxes[0].total.text().startswith("log p = −"))  # it is told a moment later
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running, timeout=30_000)
    assert take.searching
    assert studio.can_go_on
    studio.change("pace", pace=math.inf)
    studio.generate()
    finish(studio, qtbot)
    assert not take.searching


def test_a_search_is_reproduced_by_searching_again(canvas: TranslationCanvas, studio: Studio, qtbot: QtBot) -> None:
    searched(canvas, studio, qtbot)
    with qtbot.waitSignal(studio.verdict, timeout=30_000) as verdict:
        studio.reproduce()
    assert verdict.args == ["Reproduced: all 3 agree symbol for symbol."]


def test_opening_a_search_leaves_count_temperature_and_seed_alone(
    canvas: TranslationCanvas, studio: Studio, qtbot: QtBot
) -> None:
    take = searched(canvas, studio, qtbot)
    studio.change("count", count=7)
    studio.reshape(temperature=0.5)
    drawn(studio, qtbot, 7)
    studio.opening.open_history(take.id)
    qtbot.waitUntil(lambda: studio.take is take, timeout=30_000)
    assert studio.settings is not None
    assert (studio.settings.count, studio.settings.shaping.temperature) == (7, 0.5)


def test_a_probability_that_is_not_known_yet_is_not_told(canvas: TranslationCanvas, studio: Studio) -> None:
    from studio.canvas.demo import empty_take

    trace = empty_take(CHAIN).traces[0]
    assert log_prob(trace) == "0.00 nats"
    unknown = np.array([np.nan], np.float32)
    trace.append(np.array([1], np.int32), unknown, unknown, np.array([False]))
    assert total_of(trace) == "log p = … so far"
