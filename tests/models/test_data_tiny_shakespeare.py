"""Tiny Shakespeare as running text and as speeches, from small texts in both of its layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import FileError, InputError
from models.training.data import load
from models.training.data.tiny_shakespeare import (
    CHAIN,
    LETTERS,
    MEASURED,
    SPEAKER,
    SPEECH_CHAIN,
    WINDOW,
    parts,
)

SPLITS = ("train", "valid", "test")
SPEECHES = "ROMEO:\nIs the day so young?\n\nPETER:\n\nPETER:\nAnon!\nAnon!\n\nROMEO:\nAy me!\n"


def text_of(length: int, seed: int) -> str:
    """Letters and spaces, in passages of some fifty."""
    letters = np.random.default_rng(seed).choice(list(LETTERS[1:]), length)
    letters[50::50] = "\n"
    letters[51::50] = "\n"
    return "".join(letters.tolist())


TEXTS = {split: text_of(length, n) for n, (split, length) in enumerate(zip(SPLITS, (3000, 2500, 1024), strict=True))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny_shakespeare").mkdir()
    for split, text in TEXTS.items():
        (tmp_path / "tiny_shakespeare" / f"{split}.txt").write_text(text, encoding="utf-8")
    return tmp_path


def test_the_alphabet_is_the_65_characters_in_the_order_of_their_codes() -> None:
    assert len(LETTERS) == 65
    assert "".join(sorted(LETTERS)) == LETTERS


def test_training_windows_lie_anywhere_and_are_others_in_every_epoch(folder: Path) -> None:
    examples = load("tiny_shakespeare", folder, "train")
    assert len(examples) == 3000 // WINDOW
    assert examples.redraw is not None
    again = examples.redraw(np.random.default_rng(1))
    starts = [TEXTS["train"].index(CHAIN.text(row)) for epoch in (examples, again) for row in epoch.symbols]
    assert {len(row) for row in again.symbols} == {WINDOW}
    assert len(set(starts)) > len(examples)
    assert any(start % WINDOW for start in starts)


def test_the_windows_that_are_there_at_first_are_the_same_every_time(folder: Path) -> None:
    one, other = (load("tiny_shakespeare", folder, "train") for _ in range(2))
    assert [row.tolist() for row in one.symbols] == [row.tolist() for row in other.symbols]


@pytest.mark.parametrize("split", ["valid", "test"])
def test_every_character_of_the_other_parts_is_measured_once(folder: Path, split: str) -> None:
    examples = load("tiny_shakespeare", folder, split)
    assert examples.redraw is None
    assert examples.conditions == [{}] * len(examples)
    assert "".join(CHAIN.text(row) for row in examples.symbols) == TEXTS[split]
    assert {len(row) for row in list(examples.symbols)[:-1]} <= {MEASURED}


def test_the_public_file_is_cut_between_passages_and_nothing_else_is_lost(tmp_path: Path) -> None:
    text = text_of(9000, 7)
    (tmp_path / "input.txt").write_text(text, encoding="utf-8")
    found = parts(text)
    assert "\n".join(found.values()) == text
    assert all(found[split].endswith("\n") for split in ("train", "valid"))
    for split, end in (("train", 0.85), ("valid", 0.9)):
        assert end * 9000 <= sum(len(found[s]) for s in SPLITS[: SPLITS.index(split) + 1]) < end * 9000 + 52
    loaded = load("tiny_shakespeare", tmp_path, "test")
    assert "".join(CHAIN.text(row) for row in loaded.symbols) == found["test"]


def test_a_speech_is_what_somebody_says_until_it_stops_given_who_it_is(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(SPEECHES, encoding="utf-8")
    examples = load("tiny_shakespeare_speeches", tmp_path, "train")
    assert [SPEECH_CHAIN.text(row) for row in examples.symbols] == ["Is the day so young?", "Anon!\nAnon!", "Ay me!"]
    assert all(row[-1] == SPEECH_CHAIN.alphabet.stop_symbol for row in examples.symbols)
    assert [condition["speaker"] for condition in examples.conditions] == ["ROMEO", SPEAKER.null, "ROMEO"]


@pytest.mark.parametrize(
    ("name", "content", "kind", "words"),
    [
        ("tiny_shakespeare", b"ROMEO:\nAy me!\n", InputError, "its train part has 14 characters; 256 are needed"),
        ("tiny_shakespeare", "é".encode() * 300, InputError, "not among the 65 characters that the model knows: é"),
        ("tiny_shakespeare", b"\xff" * 300, FileError, "damaged"),
        ("tiny_shakespeare_speeches", b"Nobody says a word.\n", InputError, "holds no speech"),
    ],
)
def test_what_is_no_tiny_shakespeare_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, kind: type[Exception], words: str
) -> None:
    (tmp_path / "train.txt").write_bytes(content)
    with pytest.raises(kind, match=words) as refused:
        load(name, tmp_path, "train")
    assert "\n" not in str(refused.value)
    assert str(tmp_path) in str(refused.value)
