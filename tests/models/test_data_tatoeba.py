"""English and German sentences: lines of pairs as symbols and a source text."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import FileError, InputError
from models.training.data import load
from models.training.data.tatoeba_en_de import CHAIN, ENGLISH, GERMAN, SOURCE

LINES = {
    "train": "Hi.\tHallo!\nHi.\tGrüß Gott!\nWho's Tom?\tWer ist Tom?\n",
    "valid": "I ran.\tIch rannte.\n",
    "test": "Is it big?\tIst es \u200b\u200bgroß?\n",
}


@pytest.fixture(params=["", "tatoeba_en_de"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The files alone, or among others."""
    home = tmp_path / request.param
    home.mkdir(exist_ok=True)
    for part, lines in LINES.items():
        (home / f"{part}.txt").write_text(lines, encoding="utf-8")
    return tmp_path


def test_every_pair_is_a_german_text_that_ends_and_its_english_source(folder: Path) -> None:
    examples = load("tatoeba_en_de", folder, "train")
    assert [CHAIN.text(symbols) for symbols in examples.symbols] == ["Hallo!", "Grüß Gott!", "Wer ist Tom?"]
    assert all(symbols[-1] == CHAIN.alphabet.stop_symbol for symbols in examples.symbols)
    assert examples.conditions == [{"source": "Hi."}, {"source": "Hi."}, {"source": "Who's Tom?"}]
    assert len(load("tatoeba_en_de", folder, "valid")) == 1


def test_what_cannot_be_seen_is_taken_out(folder: Path) -> None:
    (symbols,) = load("tatoeba_en_de", folder, "test").symbols
    assert CHAIN.text(symbols) == "Ist es groß?"


def test_each_character_of_a_language_stands_once_in_code_point_order() -> None:
    for characters in (ENGLISH, GERMAN):
        assert list(characters) == sorted(set(characters))
    assert SOURCE.characters == ENGLISH


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Hi.", "line 2 should be English, a tab, and German; it has 0 tabs"),
        ("Hi.\tHallo.\tmore", "it has 2 tabs"),
        ("Hi;\tHallo.", "source: not among the 76 characters that the model knows: ;"),
        ("Hi.\tHallo;", "not among the 88 characters that the model knows: ;"),
        (f"{'o' * 40}\tO.", "source has at most 32 characters, not 40"),
    ],
)
def test_a_line_that_is_no_pair_is_refused_by_its_file(line: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(f"Hi.\tHallo!\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        load("tatoeba_en_de", tmp_path, "train")
    assert str(error.value).startswith(str(tmp_path / "train.txt"))
    assert words in str(error.value)


def test_no_sentences_are_refused_and_no_files_are_told_what_should_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"neither tatoeba_en_de nor train\.txt, valid\.txt, test\.txt"):
        load("tatoeba_en_de", tmp_path, "train")
    (tmp_path / "train.txt").write_bytes(b"")
    with pytest.raises(InputError, match="it has no sentences"):
        load("tatoeba_en_de", tmp_path, "train")
    (tmp_path / "train.txt").write_bytes(b"\xff\xfe\tx")
    with pytest.raises(FileError, match=r"train\.txt is damaged"):
        load("tatoeba_en_de", tmp_path, "train")
