"""The table of the zoo: what stands in its cells, and where it is put."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.chain import Chain, GreyLevels, ImageChain, MuLaw, SoundChain
from models.checkpoint import CheckpointHeader
from models.condition import Category
from models.errors import InputError
from models.evaluation.published import PUBLISHED, notes, published
from models.evaluation.zoo import BEGIN, END, all_notes, missing, part_of_test, replaced, row, table
from models.networks import BUILT_IN, network_class
from models.networks.fvbn import FVBN
from models.networks.pixelcnn_autoencoder import CODE, PixelCNNAutoencoder
from models.text import Characters, TextChain
from models.training.data import DATA_SETS

BITS = ImageChain(GreyLevels(2), 28, 28)
GREY = ImageChain(GreyLevels(256), 28, 28)
SOUND = SoundChain(MuLaw(256, stop=True), 8000, default_seconds=1.0, max_seconds=10.0)
TEXT = TextChain(Characters(4, False, "abcd"), default_length=9, max_length=9)
DIGIT = Category("digit", tuple("0123456789"), any=True)


def likelihood(bits: float, nats: float, examples: int = 9500) -> dict[str, float]:
    return {
        "bits_per_dim": bits, "bits_per_dim_standard_error": 0.004, "nats": nats, "nats_standard_error": 0.2,
        "examples": examples,
    }  # fmt: skip


def header(architecture: str, data: str, chain: Chain, **measured: dict[str, float]) -> CheckpointHeader:
    return CheckpointHeader(
        path=Path("model"), size_bytes=0, name=f"my-{architecture}", title="Model", architecture=architecture,
        family="", chain=chain, factors=(DIGIT,), config={}, parameters=1_234_567, receptive_field=None,
        data={"name": data, "title": "My data"}, training={},
        likelihood={part.replace("_", " ").replace("test ", "test, "): numbers for part, numbers in measured.items()},
    )  # fmt: skip


def cells(header: CheckpointHeader, speeds: list[dict[str, Any]] | None = None) -> dict[str, str]:
    """The row of a checkpoint as it stands in the table, by the heads of the columns."""
    head, _, line = (
        [cell.strip() for cell in text.strip("|").split(" | ")] for text in table([row(header, speeds)]).split("\n")
    )
    return dict(zip(head, line, strict=True))


def test_both_likelihoods_stand_beside_the_published_one() -> None:
    found = cells(
        header("fvbn", "binarised_mnist", BITS, test=likelihood(0.17, 93.81), test_digit_any=likelihood(0.18, 97.04))
    )
    assert found == {
        "model": "FVBN (`my-fvbn`)",
        "data": "My data: 28 x 28, 2 levels",
        "parameters": "1\u202f234\u202f567",
        "test likelihood": "97.04 ± 0.20 nats, digit any; 93.81 ± 0.20 nats, given the digit",
        "test examples": "9\u202f500 of 10\u202f000",
        "published": "97.45 nats (Larochelle, Murray 2011)",
    }


def test_bits_of_black_and_white_are_counted_in_nats_and_others_for_each_variable() -> None:
    assert [chain.compared_in for chain in (BITS, GREY, SOUND, TEXT)] == [
        "nats",
        "bits/dim",
        "bits/sample",
        "nats/character",
    ]
    assert cells(header("wavenet", "fsdd", SOUND, test=likelihood(4.4138, 1e4, 180)))["test likelihood"] == (
        "4.414 ± 0.004 bits/sample, given the digit"
    )


def test_bits_of_a_character_are_counted_in_nats() -> None:
    one = replace(header("transformer", "tiny_shakespeare", TEXT, test=likelihood(2.0, 1400, 55)), factors=())
    assert cells(one)["test likelihood"] == "1.386 ± 0.003 nats/character"
    assert one.likelihood_in_words == "1.386 nats/character"


def test_what_was_not_measured_is_called_so() -> None:
    found = cells(header("gated_pixelcnn", "fashion_mnist", GREY, valid=likelihood(2.5, 1000)))
    assert (found["test likelihood"], found["test examples"]) == ("not measured", "–")
    assert found["published"] == "none on this data"


def test_a_reconstruction_is_not_called_a_likelihood() -> None:
    fresh = replace(header("pixelcnn_autoencoder", "fashion_mnist", GREY), factors=(CODE,))
    (part,) = missing(fresh)
    assert part == "test, given its own code"
    coded = replace(fresh, likelihood={part: likelihood(2.5, 1000)})
    assert missing(coded) == {}
    assert coded.bits_per_dim is None
    said = "the cost of a reconstruction given its own code, not a likelihood"
    assert cells(coded)["test likelihood"] == f"2.500 ± 0.004 bits/dim, {said}"
    assert cells(coded)["test examples"] == "9\u202f500 of 10\u202f000"
    assert part_of_test(coded, {"code": [0.5, -1.0]}) == "test, code +0.50, -1.00"
    assert f"What is measured of PixelCNN auto-encoder is {said}." in notes(coded, PixelCNNAutoencoder)


def test_the_notes_say_which_bits_and_how_much_of_the_test_part() -> None:
    one = header("fvbn", "binarised_mnist", BITS, test=likelihood(0.17, 93.81))
    draw, subset = notes(one, FVBN)
    assert "one fixed draw" in draw
    assert "the published seed 28" in draw
    assert "not the file of Larochelle's" in draw
    assert "a subset was measured: 9\u202f500 of 10\u202f000 examples" in subset
    assert all_notes([row(one, None), row(one, None)]) == [draw, subset]
    assert len(notes(header("fvbn", "binarised_mnist", BITS, test=likelihood(0.17, 93.81, 10_000)), FVBN)) == 1


def test_speeds_stand_in_the_order_of_the_engines_with_a_dash_where_there_is_none() -> None:
    measured = header("fvbn", "binarised_mnist", BITS)
    image = [{"engine": "reference", "ms_per_image": 15_812.3}, {"engine": "cached", "ms_per_image": 351.6}]
    column = "speed: compiled · cached · reference"
    assert cells(measured, image)[column] == "– · 352 ms · 15.8 s an image"
    sound = [{"engine": engine, "real_time_factor": x} for engine, x in (("compiled", 8.94), ("reference", 0.0081))]
    assert cells(measured, sound)[column] == "8.9 · – · 0.0081 x real time"
    assert column not in cells(measured)


def test_missing_are_the_likelihood_and_where_a_paper_gives_one_that_without_classes() -> None:
    assert missing(header("fvbn", "binarised_mnist", BITS)) == {"test": None, "test, digit any": {"digit": "any"}}
    assert missing(header("fvbn", "binarised_mnist", BITS, test=likelihood(0.2, 90))) == {
        "test, digit any": {"digit": "any"}
    }
    assert missing(header("fvbn", "mnist14", BITS)) == {"test": None}


def test_published_numbers_are_of_architectures_and_data_sets_that_there_are_and_in_the_unit_of_ours() -> None:
    for (architecture, data), numbers in PUBLISHED.items():
        assert architecture in BUILT_IN
        network_class(architecture)
        assert {number.unit for number in numbers} == {DATA_SETS[data].chain.compared_in}
    assert [number.value for number in published(header("made", "binarised_mnist", BITS))] == [88.40, 86.64]


def test_the_table_takes_the_place_of_the_one_between_the_lines() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = replaced(page, "new")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replaced(once, "new") == once
    for damaged in ("no lines", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", page + page):
        with pytest.raises(InputError, match="must be there once"):
            replaced(damaged, "new")
    readme = Path(__file__).parents[2] / "README.md"
    assert "new" in replaced(readme.read_text(encoding="utf-8"), "new")
