"""A source text as a condition: typed as it is, checked by name, and given to a network as numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from models.condition import complete, factors_from_json, in_words
from models.errors import InputError
from models.layers.source import source_factor, source_symbols
from models.source_text import Text

SOURCE = Text("source", "abc .", 6, "a cab.")


def test_a_text_is_its_own_value_and_what_is_typed() -> None:
    for text in ("", "a", " b.", "cab a."):
        assert SOURCE.parse(text) == SOURCE.format(text) == text
    assert complete([SOURCE], {}) == {"source": "a cab."}
    assert SOURCE.example == "a cab."
    assert in_words([SOURCE], {"source": "b"}) == ["source b"]


def test_a_network_is_given_its_length_and_its_characters() -> None:
    assert SOURCE.numbers == 7
    assert SOURCE.encode("cab") == [3, 2, 0, 1, 0, 0, 0]
    assert SOURCE.encode("") == [0] * 7


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("abcX", "source: not among the 5 characters that the model knows: X"),
        ("a\tb\u00a0!", "not among the 5 characters that the model knows: tab, !, no-break space"),
        ("abcabca", "source has at most 6 characters, not 7: 'abcabca'"),
        (5, "source is a text of at most 6 characters, such as 'a cab.', not 5"),
        (None, "source is a text"),
    ],
)
def test_what_the_model_cannot_read_is_refused_with_what_is_wrong(value: Any, words: str) -> None:
    assert not SOURCE.takes(value)
    with pytest.raises(InputError) as error:
        SOURCE.encode(value)
    assert words in str(error.value)


def test_it_comes_back_from_json() -> None:
    assert factors_from_json([SOURCE.to_json()]) == (SOURCE,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"characters": "aa"}, {"characters": ""}, {"characters": 7}, {"max_length": 0}, {"max_length": 2.0},
        {"max_length": 10**6}, {"begins": "x"}, {"begins": None}, {"name": ""}, {"more": 1},
    ],
)  # fmt: skip
def test_what_is_no_kind_of_text_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        factors_from_json([SOURCE.to_json() | wrong])


def test_of_a_condition_a_network_reads_nothing_behind_the_end() -> None:
    condition = torch.tensor([SOURCE.encode("cab"), SOURCE.encode("")])
    condition[:, 5:] = 4
    for width in (2, 6, 9):
        symbols, lengths = source_symbols(condition, width, end=5)
        assert lengths.tolist() == [3, 0]
        assert symbols[0].tolist() == [2, 0, 1, *[5] * 9][:width]
        assert symbols[1].tolist() == [5] * width


def test_a_network_that_translates_has_a_text_and_nothing_else() -> None:
    assert source_factor((SOURCE,), "a ByteNet") is SOURCE
    with pytest.raises(InputError, match=r"a ByteNet has one condition, the text .* not none"):
        source_factor((), "a ByteNet")
    with pytest.raises(InputError, match=r"not source \(text\), source \(text\)"):
        source_factor((SOURCE, SOURCE), "a ByteNet")
