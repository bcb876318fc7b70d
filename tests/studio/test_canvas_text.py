"""The canvas of texts, painted offscreen on takes made by hand; alternatives are those of a small model."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from models.heat import heat_table
from models.shaping import NEUTRAL
from models.text import Characters, TextChain
from models.trace import Take
from studio.canvas.alternatives import MOST, likeliest
from studio.canvas.demo import empty_take, grow
from studio.canvas.text import LINE_PIXELS, TextCanvas, TextPage
from studio.canvas.text_flow import TextFlow, glyph
from studio.looking import Pointer
from studio.messages import Inspection
from studio.state import Studio
from studio.theme import DARK, LIGHT, apply_theme
from tests.studio.conftest import finish, open_model
from tests.text_model import register_text, save_text_model

CHAIN = TextChain(Characters.of("abcdefgh .\n\té\u0301漢", stop=True), default_length=400, max_length=200_000)
WORDS = "a bad cage fed each. "


@pytest.fixture
def canvas(idle: Studio, qtbot: QtBot) -> TextCanvas:
    canvas = TextCanvas(idle)
    qtbot.addWidget(canvas)
    canvas.resize(600, 400)
    canvas.show()
    return canvas


def show(studio: Studio, text: str = WORDS, count: int = 1, *, given: str = "", closed: bool = False) -> Take:
    """A take of samples that all begin with a text."""
    take = empty_take(CHAIN, count, limit=150_000)
    take = replace(take, given=tuple(CHAIN.symbols(given, closed=False).tolist()))
    studio.show_take(take, None)
    draw(studio, take, text, closed=closed)
    return take


def draw(studio: Studio, take: Take, text: str, *, closed: bool = False) -> None:
    symbols = CHAIN.symbols(text, closed=closed)
    for trace in take.traces:
        grow(trace, symbols, CHAIN)
        trace.finished = closed
    studio.worker.grown.emit(take.id)


def look(page: TextPage) -> QImage:
    return page.viewport().grab().toImage()


def colours_of(page: TextPage, step: int) -> set[str]:
    """Of the pixels of a step's cell."""
    cell, image = page.cell(step), look(page)
    return {
        image.pixelColor(x, y).name()
        for x in range(cell.left(), cell.right())
        for y in range(cell.top(), cell.bottom())
    }


# Lines


def lines(flow: TextFlow) -> list[str]:
    return [flow.text[steps.start : steps.stop] for steps in map(flow.steps, range(len(flow.starts)))]


@pytest.mark.parametrize(
    ("text", "laid_out"),
    [
        ("", [""]),
        ("abcde", ["abcde"]),
        ("abcdef", ["abcde", "f"]),
        ("ab cdef", ["ab ", "cdef"]),
        ("abcde f", ["abcde ", "f"]),
        ("a\n\nb", ["a\n", "\n", "b"]),
        ("abcde\nf", ["abcde\n", "f"]),
        ("ab\tcdef", ["ab\t", "cdef"]),
        ("a b c d e", ["a b c ", "d e"]),
        ("ab\n", ["ab\n", ""]),
    ],
)
def test_lines_are_broken_between_words_and_what_ends_one_hangs(text: str, laid_out: list[str]) -> None:
    flow = TextFlow(5)
    flow.extend(text)
    assert lines(flow) == laid_out


def test_a_text_that_grows_is_laid_out_as_at_once_and_changes_its_last_line_alone() -> None:
    rng = np.random.default_rng(1)
    text = "".join(rng.choice(list("abc  \n"), 400))
    at_once, growing = TextFlow(9), TextFlow(9)
    at_once.extend(text)
    for character in text:
        before = list(growing.starts)
        first = growing.extend(character)
        assert first == len(before) - 1
        assert growing.starts[: first + 1] == before
    assert growing.starts == at_once.starts


def test_a_place_is_found_again() -> None:
    flow = TextFlow(5)
    flow.extend("ab cdef\ngh")
    for step in range(len(flow.text) + 1):
        line, column = flow.place(step)
        assert flow.starts[line] + column == step


def test_what_cannot_be_seen_has_a_sign() -> None:
    assert [glyph(c) for c in "a\n\t\u0301\x07"] == ["a", "↵", "→", "◌\u0301", "▯"]


# The page


def test_every_step_has_a_cell_that_is_found_again(idle: Studio, canvas: TextCanvas) -> None:
    show(idle, WORDS * 20)
    page = canvas.page
    for step in (0, 1, 21, 100, 250):
        assert page.pointer_at(page.cell(step).center()) == Pointer(0, step)
    assert page.pointer_at(QPoint(2, 2)) is None


def test_the_next_step_can_be_pointed_at_until_the_text_has_ended(idle: Studio, canvas: TextCanvas) -> None:
    take = show(idle, "abc")
    page = canvas.page
    assert page.pointer_at(page.cell(3).center()) == Pointer(0, 3)
    draw(idle, take, "", closed=True)
    assert page.pointer_at(page.cell(3).center()) == Pointer(0, 3)
    assert page.pointer_at(page.cell(4).center()) is None


def test_what_is_drawn_is_seen_and_the_next_step_is_outlined(idle: Studio, canvas: TextCanvas) -> None:
    take = show(idle, "abc")
    assert DARK.text.name() in colours_of(canvas.page, 1)
    assert DARK.now.name() in colours_of(canvas.page, 3)
    draw(idle, take, "dd")
    assert DARK.text.name() in colours_of(canvas.page, 4)
    assert DARK.now.name() not in colours_of(canvas.page, 3)
    assert DARK.now.name() in colours_of(canvas.page, 5)


def test_a_text_that_has_ended_shows_its_stop_and_nothing_comes_next(idle: Studio, canvas: TextCanvas) -> None:
    show(idle, "abc", closed=True)
    assert DARK.chosen.name() in colours_of(canvas.page, 3)
    assert DARK.now.name() not in {*colours_of(canvas.page, 3), *colours_of(canvas.page, 4)}


def test_what_was_given_is_told_apart_and_what_was_put_is_blue(idle: Studio, canvas: TextCanvas) -> None:
    take = empty_take(CHAIN)
    take = replace(take, given=tuple(CHAIN.symbols("bb", closed=False).tolist()))
    idle.show_take(take, None)
    symbols = CHAIN.symbols("bbbbb", closed=False)
    clamped = np.array([True, True, False, True, False])
    take.traces[0].append(symbols, np.zeros(5, np.float32), np.zeros(5, np.float32), clamped)
    idle.worker.grown.emit(take.id)
    assert {DARK.quiet.name(), DARK.chosen.name()} <= colours_of(canvas.page, 0)
    assert DARK.text.name() not in colours_of(canvas.page, 1)
    assert DARK.text.name() in colours_of(canvas.page, 2)
    assert DARK.chosen.name() in colours_of(canvas.page, 3)
    assert DARK.text.name() not in colours_of(canvas.page, 3)


@pytest.mark.parametrize("overlay", ["entropy", "surprise"])
def test_cells_have_the_colours_of_the_other_canvases(idle: Studio, canvas: TextCanvas, overlay: str) -> None:
    take = show(idle, "a" * 8)
    bits = getattr(take.traces[0], overlay)
    bits[:3] = 0, np.log2(CHAIN.alphabet.size) / 2, 99
    idle.set_overlay(overlay)
    table = [QColor(*colour).name() for colour in heat_table()[[0, 127, 255]].tolist()]
    assert [table[n] in colours_of(canvas.page, n) for n in range(3)] == [True] * 3
    assert canvas.legend.isVisible()
    assert "bits" in canvas.legend.accessibleName()
    idle.set_overlay("none")
    assert table[2] not in colours_of(canvas.page, 2)


def test_bits_that_are_not_known_yet_have_no_colour_until_they_are(idle: Studio, canvas: TextCanvas) -> None:
    take = show(idle, "a" * 8)
    entropy = take.traces[0].entropy
    entropy[:] = np.nan
    idle.set_overlay("entropy")
    assert DARK.window.name() in colours_of(canvas.page, 2)
    entropy[:] = 99
    idle.worker.scored.emit(take.id)
    assert DARK.window.name() not in colours_of(canvas.page, 2)


def test_beyond_the_cursor_the_text_is_veiled(idle: Studio, canvas: TextCanvas) -> None:
    show(idle, "bbbbbbbb")
    idle.looking.move_cursor(4)
    assert DARK.text.name() in colours_of(canvas.page, 2)
    assert DARK.now.name() in colours_of(canvas.page, 4)
    assert DARK.text.name() not in colours_of(canvas.page, 6)
    idle.looking.follow()
    assert DARK.text.name() in colours_of(canvas.page, 6)


def test_the_page_follows_what_is_drawn_until_the_user_scrolls(idle: Studio, canvas: TextCanvas) -> None:
    take = show(idle, WORDS * 100)
    page = canvas.page
    bar = page.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    draw(idle, take, WORDS * 20)
    assert bar.value() == bar.maximum()
    bar.setValue(0)
    draw(idle, take, WORDS * 20)
    assert bar.value() == 0
    idle.looking.move_cursor(1200)
    assert page.viewport().rect().contains(page.cell(1200))
    idle.looking.follow()
    assert bar.value() == bar.maximum()


def test_another_width_lays_the_text_out_anew(idle: Studio, canvas: TextCanvas, qtbot: QtBot) -> None:
    show(idle, WORDS * 20)
    before = len(canvas.page._flow.starts)
    canvas.resize(350, 400)
    assert len(canvas.page._flow.starts) > before
    assert canvas.page._flow.text == WORDS * 20


def test_one_of_several_texts_is_chosen_from_the_list(idle: Studio, canvas: TextCanvas, qtbot: QtBot) -> None:
    show(idle)
    assert not canvas.list_scroll.isVisible()
    take = show(idle, count=3)
    assert canvas.list_scroll.isVisible()
    grow(take.traces[1], CHAIN.symbols("ccc", closed=False), CHAIN)
    idle.worker.grown.emit(take.id)
    qtbot.mouseClick(canvas.list, Qt.MouseButton.LeftButton, pos=QPoint(40, 50))
    assert idle.looking.selected == 1
    assert canvas.page._flow.text == WORDS + "ccc"
    assert canvas.copied() == WORDS + "ccc"


def test_the_text_is_copied_without_its_stop(idle: Studio, canvas: TextCanvas) -> None:
    assert canvas.copied() is None
    show(idle, "a\tbé\n", closed=True)
    assert canvas.copied() == "a\tbé\n"


def test_a_change_of_the_theme_is_followed(idle: Studio, canvas: TextCanvas) -> None:
    show(idle, "abc")
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, LIGHT)
    assert LIGHT.text.name() in colours_of(canvas.page, 1)


def test_pointing_tells_the_facts_of_a_step(idle: Studio, canvas: TextCanvas, qtbot: QtBot) -> None:
    show(idle, "ab\n", given="ab")
    page = canvas.page
    qtbot.mouseMove(page.viewport(), page.cell(2).center())
    assert idle.looking.hovered == Pointer(0, 2)
    assert canvas.read_out.text().startswith("character 2  ·  line break  ·  surprise")
    QApplication.sendEvent(page.viewport(), QEvent(QEvent.Type.Leave))
    assert idle.looking.hovered is None


@pytest.mark.parametrize("overlay", ["none", "surprise"])
def test_a_hundred_thousand_characters_hold_up_nothing(idle: Studio, canvas: TextCanvas, overlay: str) -> None:
    """A frame in which it grows, and one in which it scrolls, cost what is in view."""
    idle.set_overlay(overlay)
    take = show(idle, WORDS * 5000)
    assert len(take.traces[0]) > 100_000
    page, took = canvas.page, []
    for n in range(10):
        began = time.thread_time()
        draw(idle, take, WORDS)
        look(page)
        page.verticalScrollBar().setValue(1000 * n)
        look(page)
        took.append(time.thread_time() - began)
    assert sorted(took)[5] < 0.1


# Alternatives


def inspection(raw: list[float], symbol: int | None = None) -> Inspection:
    p = np.array(raw)
    return Inspection(1, 0, 3, p, p, NEUTRAL, symbol, False)


def test_the_likeliest_come_first_and_what_was_drawn_is_among_them() -> None:
    raw = [0.3, 0.4, *[0.03] * 10]
    assert likeliest(inspection(raw))[:2] == [1, 0]
    assert len(likeliest(inspection(raw))) == MOST
    assert likeliest(inspection(raw, symbol=11))[-1] == 11
    assert 1 not in likeliest(inspection(raw, symbol=1))[1:]


@pytest.fixture
def text_studio(studio: Studio, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    register_text(monkeypatch)
    return open_model(studio, qtbot, save_text_model(tmp_path / "text.safetensors"))


@pytest.fixture
def drawn(text_studio: Studio, qtbot: QtBot) -> TextCanvas:
    """A canvas on which a text was drawn by a model."""
    canvas = TextCanvas(text_studio)
    qtbot.addWidget(canvas)
    canvas.resize(700, 500)
    canvas.show()
    text_studio.change("pace", pace=float("inf"))
    text_studio.change("seed", seed=4, seed_locked=True)
    text_studio.begin()
    finish(text_studio, qtbot)
    return canvas


def point(canvas: TextCanvas, qtbot: QtBot, step: int) -> None:
    page = canvas.page
    qtbot.mouseMove(page.viewport(), page.cell(step).center() + QPoint(1, 1))
    qtbot.mouseMove(page.viewport(), page.cell(step).center())
    qtbot.waitUntil(page.alternatives.isVisible, timeout=10_000)


def test_a_mouse_that_rests_sees_what_else_could_stand_there(
    text_studio: Studio, drawn: TextCanvas, qtbot: QtBot
) -> None:
    point(drawn, qtbot, 5)
    found = drawn.page.alternatives
    assert text_studio.trace is not None
    assert found.inspection is not None
    assert (found.inspection.step, found.inspection.symbol) == (5, int(text_studio.trace.symbols[5]))
    assert "space" in found.accessibleDescription()
    drawn.page.grab()
    QApplication.sendEvent(drawn.page.viewport(), QEvent(QEvent.Type.Leave))
    assert not found.isVisible()


def test_a_click_on_an_alternative_puts_it_there_on_a_branch_and_undo_brings_the_other_back(
    text_studio: Studio, drawn: TextCanvas, qtbot: QtBot
) -> None:
    assert text_studio.trace is not None
    before = drawn.copied()
    point(drawn, qtbot, 5)
    found = drawn.page.alternatives
    symbol = next(k for k in found.symbols if k < 35 and k != int(text_studio.trace.symbols[5]))
    qtbot.mouseClick(found, Qt.MouseButton.LeftButton, pos=found.row_of(symbol).center())
    assert not found.isVisible()
    qtbot.waitUntil(lambda: len(text_studio.trace or ()) > 5)
    finish(text_studio, qtbot)
    assert text_studio.take is not None
    assert len(text_studio.take.samples[0].branches) == 2
    trace = text_studio.trace
    assert (int(trace.symbols[5]), bool(trace.clamped[5])) == (symbol, True)
    after = drawn.copied()
    assert after != before
    text_studio.undo_stack.undo_in_turn()
    assert drawn.copied() == before
    assert drawn.page._flow.text.startswith(str(before))
    text_studio.undo_stack.redo_in_turn()
    assert drawn.copied() == after


def test_a_click_keeps_the_alternatives_until_escape(text_studio: Studio, drawn: TextCanvas, qtbot: QtBot) -> None:
    page = drawn.page
    qtbot.mouseClick(page.viewport(), Qt.MouseButton.LeftButton, pos=page.cell(3).center())
    assert text_studio.looking.pinned == Pointer(0, 3)
    qtbot.waitUntil(page.alternatives.isVisible)
    drawn.step_out()
    assert text_studio.looking.pinned is None
    assert not page.alternatives.isVisible()


def test_lines_are_as_high_as_they_are_said_to_be(idle: Studio, canvas: TextCanvas) -> None:
    show(idle, "a\nb")
    assert canvas.page.cell(2).top() - canvas.page.cell(0).top() == LINE_PIXELS
