"""Texts as files: what is read of them, what a page shows, and that nothing in one is run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from models.completion import continuation
from models.errors import FileError, InputError, NoRecordError
from models.files import command_line, export, read_saved
from models.formats import formats_of
from models.record import shown
from models.shaping import NEUTRAL
from models.text import Characters, TextChain
from models.text_files import SHADES, Html, Txt, read_text
from models.trace import ModelReference, Take, new_take

CHAIN = TextChain(Characters.of("Aa bé\n<>&/script'\"", stop=True), 50, 200)
MARKUP = "<script>a</script>\n\n  a & b é"


def take_of(text: str, count: int = 1, *, title: str = "Texts", given: str = "", closed: bool = True) -> Take:
    """A take whose samples all are one text."""
    model = ModelReference("texts", title, "0" * 64, CHAIN, ())
    fields = {"seed": 3, "count": count, "condition": {}, "shaping": NEUTRAL, "engine": "reference"}
    if given:
        take = continuation(model, CHAIN.symbols(given, closed=False), more=60, **fields)  # type: ignore[arg-type]
    else:
        take = new_take(model, limit=60, **fields)  # type: ignore[arg-type]
    symbols = CHAIN.symbols(text, closed=closed)
    bits = np.linspace(0, 9, len(symbols)).astype(np.float32)
    for trace in take.traces:
        trace.append(symbols, bits, bits[::-1].copy(), np.arange(len(symbols)) < len(given))
        trace.finished = closed
    return take


def page(take: Take, **how: str) -> str:
    return Html(**how).content(shown(take)).decode()


# Reading


@pytest.mark.parametrize(
    "data", ["aé\nb".encode(), "\ufeffaé\r\nb".encode(), "ae\u0301\rb".encode(), "aé\nb".encode("utf-16")]
)
def test_a_text_of_any_program_is_read_with_breaks_and_accents_as_models_know_them(data: bytes) -> None:
    assert read_text(data, "a.txt") == "aé\nb"


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"a\xe9b", "a.txt is no text in UTF-8: its byte 1"), (b"", "a.txt is empty"), (b"a\0b", "characters of code 0")],
)
def test_what_is_no_text_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(FileError, match=says):
        read_text(data, "a.txt")


def test_the_line_break_that_editors_end_a_file_with_is_no_character_of_a_text_without_any() -> None:
    chain = TextChain(Characters.of("ab", stop=True), default_length=10, max_length=20)
    (symbols,) = Txt().read_foreign(b"ab\n", "a.txt", chain)
    assert chain.text(symbols) == "ab"
    with pytest.raises(InputError, match="line break"):
        Txt().read_foreign(b"a\nb\n", "a.txt", chain)


def test_a_text_is_scored_as_it_lies_in_the_file_and_closed() -> None:
    (symbols,) = Txt().read_foreign("aé\n".encode(), "a.txt", CHAIN)
    assert symbols.tolist() == CHAIN.symbols("aé\n").tolist()
    with pytest.raises(InputError, match="not among the 18 characters that the model knows: x, ß"):
        Txt().read_foreign("axß".encode(), "a.txt", CHAIN)
    with pytest.raises(InputError, match=r"a\.txt has 200 characters; the model reads up to 200"):
        Txt().read_foreign(b"a" * 200, "a.txt", CHAIN)


# Writing


def test_texts_are_saved_as_pages_first_and_then_as_plain_text() -> None:
    assert [form.suffix for form in formats_of(CHAIN)] == [".html", ".txt", ".npz"]


def test_plain_text_is_the_text_alone_and_says_that_it_has_no_record(tmp_path: Path) -> None:
    (path,) = export(tmp_path / "a.txt", take_of(MARKUP))
    assert path.read_text("utf-8") == MARKUP
    with pytest.raises(NoRecordError, match=r"a\.txt has no Sampling Studio metadata \(plain text\)"):
        read_saved(path)


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("text", [MARKUP, "\na", "a\n", "\n\n", "a"])
def test_a_page_gives_the_take_again(tmp_path: Path, text: str, closed: bool) -> None:
    take = take_of(text, 2, closed=closed, given=text[:1])
    (path,) = export(tmp_path / "a.html", take)
    again = read_saved(path)
    assert isinstance(again.form, Html)
    assert again.take.given == take.given
    assert [t.symbols.tolist() for t in again.take.traces] == [t.symbols.tolist() for t in take.traces]
    assert [t.clamped.tolist() for t in again.take.traces] == [t.clamped.tolist() for t in take.traces]


def test_a_page_that_was_edited_is_refused(tmp_path: Path) -> None:
    (path,) = export(tmp_path / "a.html", take_of("a & b"))
    path.write_text(path.read_text("utf-8").replace("&amp;", "and"), "utf-8")
    with pytest.raises(FileError, match=r"a\.html was edited"):
        read_saved(path)


def test_a_page_of_another_program_has_no_record() -> None:
    with pytest.raises(NoRecordError, match=r"has no Sampling Studio metadata \(a web page\)"):
        read_saved(b"<!doctype html><pre class=text>a</pre>")


def test_a_page_that_was_cut_off_is_damaged_or_has_no_record() -> None:
    content = Html().content(shown(take_of("a")))
    with pytest.raises(FileError):
        read_saved(content[: content.index(b"samples")])


def test_nothing_in_a_text_or_a_title_becomes_markup() -> None:
    content = page(take_of(MARKUP, title="</script><script>alert(1)</script>"))
    assert re.findall(r"<script[^>]*>", content) == ['<script type="application/json" id="sampling-studio">']
    assert content.count("</script>") == 1


def test_characters_have_the_colour_of_what_they_cost_up_to_log2_of_the_alphabet() -> None:
    take = take_of("aaaa")
    by_surprise, by_entropy = page(take), page(take, coloured_by="entropy")
    assert re.findall(r'class="(b\d+)"', by_surprise)[0] == "b0"
    assert re.findall(r'class="(b\d+)"', by_entropy)[0] == f"b{SHADES - 1}"
    plain = page(take, coloured_by="none")
    assert 'class="b' not in plain
    assert "coloured by" not in plain
    assert "coloured by surprise, 0 … 4.25 bits" in by_surprise


def test_what_was_given_is_told_apart_and_the_stop_symbol_is_a_mark() -> None:
    content = page(take_of("abba", given="ab"), coloured_by="none")
    assert '<span class="given">ab</span>ba<b title="stop"></b></pre>' in content
    assert 'title="stop"' not in page(take_of("abba", closed=False))


def test_bits_that_are_not_known_have_no_colour(tmp_path: Path) -> None:
    (path,) = export(tmp_path / "a.html", take_of("aaaa"))
    assert 'class="b' not in page(read_saved(path).take)


def test_several_texts_have_a_heading_each() -> None:
    assert page(take_of("a", 3)).count("<h2>") == 3
    assert "<h2>" not in page(take_of("a"))


# Going on from a prompt


def test_the_command_of_a_take_has_its_prompt_and_counts_what_follows() -> None:
    command = command_line(take_of("ab a", given="ab"))
    assert "--seed 3 --prompt ab --steps 60 " in command.text
    assert command.exact


def test_a_prompt_leaves_room_to_go_on() -> None:
    with pytest.raises(InputError, match="a text that is continued has 1 to 199 characters, not 200"):
        take_of("a", given="a" * 200)
    assert take_of("a", given="a" * 180).limit == 200
