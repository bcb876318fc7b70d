"""Characters and the chain of a text."""

from __future__ import annotations

import numpy as np
import pytest

from models.chain import GreyLevels, alphabet_from_json, chain_from_json
from models.errors import InputError
from models.text import Characters, TextChain

LETTERS = Characters.of("Guten Tag,\nWelt\tä", stop=True)
CHAIN = TextChain(LETTERS, default_length=100, max_length=4000)


def test_a_text_comes_back_from_its_symbols() -> None:
    symbols = CHAIN.symbols("Tag,\nWelt")
    assert symbols[-1] == LETTERS.stop_symbol
    assert len(symbols) == 10
    assert CHAIN.text(symbols) == "Tag,\nWelt"
    assert CHAIN.text(CHAIN.symbols("Tag", closed=False)) == "Tag"
    assert CHAIN.text(CHAIN.symbols("")) == ""


def test_characters_that_the_model_does_not_know_are_named() -> None:
    with pytest.raises(InputError, match="not among the 15 characters that the model knows: Z, no-break space, ß"):
        CHAIN.symbols("Zug\xa0ß")


def test_invisible_characters_have_names() -> None:
    names = [LETTERS.label(symbol) for symbol in LETTERS.encode(list("\n \tä")).tolist()]
    assert names == ["line break", "space", "tab", "ä"]
    assert LETTERS.label(LETTERS.levels) == "stop"
    assert Characters.of("e\u0301", stop=False).label(1) == "combining acute accent"


def test_a_description_comes_back_from_json() -> None:
    assert chain_from_json(CHAIN.to_json()) == CHAIN
    assert alphabet_from_json(LETTERS.to_json()) == LETTERS


@pytest.mark.parametrize(("levels", "characters"), [(3, "ab"), (2, "aa"), (2, 5)])
def test_an_alphabet_has_each_character_once(levels: int, characters: object) -> None:
    with pytest.raises(InputError):
        Characters(levels, False, characters)  # type: ignore[arg-type]


def test_a_text_has_characters_and_a_length() -> None:
    with pytest.raises(InputError, match="characters, not intensities"):
        TextChain(GreyLevels(4), 10, 20)
    with pytest.raises(InputError, match="default_length"):
        TextChain(LETTERS, 30, 20)
    assert np.array_equal(LETTERS.decode([[0]]), [["\t"]])
