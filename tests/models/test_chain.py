"""Alphabets and chains: what a symbol means, and where it lies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.chain import (
    ALPHABETS,
    CHAINS,
    INT16_PEAK,
    Alphabet,
    GreyLevels,
    ImageChain,
    MuLaw,
    SoundChain,
    Symbols,
    alphabet_from_json,
    chain_from_json,
)
from models.errors import InputError

GREY = GreyLevels(256)
MU_LAW = MuLaw(256, stop=True)


def test_256_grey_levels_are_the_intensities_themselves() -> None:
    levels = np.arange(256)
    assert np.array_equal(GREY.decode(levels), levels.astype(np.uint8))
    assert np.array_equal(GREY.encode(levels.astype(np.uint8)), levels)


@pytest.mark.parametrize("levels", [2, 8, 16])
def test_fewer_grey_levels_span_black_to_white_and_come_back(levels: int) -> None:
    alphabet = GreyLevels(levels)
    values = alphabet.decode(np.arange(levels))
    assert (values[0], values[-1]) == (0, 255)
    assert np.array_equal(alphabet.encode(values), np.arange(levels))


def test_mu_law_symbols_survive_the_way_through_16_bits() -> None:
    symbols = np.arange(256)
    assert np.array_equal(MU_LAW.encode(MU_LAW.decode(symbols)), symbols)


def test_mu_law_is_the_nearest_code_in_the_companded_domain() -> None:
    amplitudes = np.arange(-32767, 32768, 7, dtype=np.int16)
    x = amplitudes / 32767
    companded = np.sign(x) * np.log1p(255 * np.abs(x)) / np.log1p(255)
    codes = 2 * np.arange(256) / 255 - 1
    nearest = np.abs(companded[:, None] - codes).argmin(1)
    distance = np.abs(companded - codes[MU_LAW.encode(amplitudes)])
    assert np.allclose(distance, np.abs(companded - codes[nearest]), atol=1e-12)


def test_the_stop_symbol_comes_after_the_levels_and_is_no_sample() -> None:
    chain = SoundChain(MU_LAW, 8000, 1.0, 2.0)
    assert (MU_LAW.size, MU_LAW.stop_symbol) == (257, 256)
    symbols = chain.symbols(np.array([0, 1000, -1000], np.int16))
    assert symbols[-1] == 256
    assert len(chain.wave(symbols)) == 3


def test_a_symbol_in_words() -> None:
    assert (GREY.label(212), MU_LAW.label(256), MU_LAW.label(181)) == ("212", "stop", f"{MU_LAW.decode(181):+d} (181)")
    assert MU_LAW.label(48) == f"−{-int(MU_LAW.decode(48))} (48)"
    assert (GREY.describe(), MU_LAW.describe()) == ("256 levels", "mu-law 256")


def test_an_alphabet_is_in_files_as_it_ever_was() -> None:
    assert GREY.to_json() == {"kind": "grey", "levels": 256, "stop": False}
    assert MU_LAW.to_json() == {"kind": "mu_law", "levels": 256, "stop": True}
    assert alphabet_from_json({"kind": "grey", "levels": 4}) == GreyLevels(4) != MuLaw(4)


@dataclass(frozen=True)
class Linear(Alphabet):
    """Amplitudes in even steps, as no file of the library has them."""

    peak: int = INT16_PEAK
    kind = "linear"
    quantity = "amplitudes"

    def decode(self, symbols: npt.ArrayLike) -> npt.NDArray[np.int16]:
        return np.rint((2 * self._checked(symbols) / (self.levels - 1) - 1) * self.peak).astype(np.int16)

    def encode(self, values: npt.ArrayLike) -> Symbols:
        return np.rint((np.asarray(values) / self.peak + 1) / 2 * (self.levels - 1)).astype(np.int32)

    def describe(self) -> str:
        return f"linear {self.levels}"


WRONG_SIZES = ({"height": True}, {"width": 4.0}, {"channels": True}, {"alphabet": {"levels": True}})


@pytest.mark.parametrize("wrong", WRONG_SIZES)
def test_sizes_are_whole_numbers_and_nothing_that_only_counts_as_one(wrong: dict[str, Any]) -> None:
    """A file may hold anything."""
    entry = ImageChain(GREY, 4, 4).to_json()
    changed = {key: {**entry[key], **value} if isinstance(value, dict) else value for key, value in wrong.items()}
    with pytest.raises(InputError):
        chain_from_json(entry | changed)


def test_an_alphabet_is_added_by_a_class_and_fits_every_chain_of_its_quantity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ALPHABETS, Linear.kind, Linear)
    chain = SoundChain(Linear(16, peak=30000), 8000, 1.0, 2.0)
    assert chain_from_json(json.loads(json.dumps(chain.to_json()))) == chain
    assert chain.symbols(np.array([-30000, 0, 30000], np.int16)).tolist() == [0, 8, 15]
    assert chain.wave([0, 15]).tolist() == [-30000, 30000]
    assert (chain.describe(), chain.alphabet.label(3)) == ("8 kHz, linear 16", "3")
    with pytest.raises(InputError, match="an image chain has intensities and no stop symbol, not amplitudes"):
        ImageChain(Linear(16), 4, 4)


@dataclass(frozen=True)
class Banded(Linear):
    """With a field that files hold as a list of lists."""

    bands: tuple[tuple[int, ...], ...] = ()
    kind = "banded"


@dataclass(frozen=True)
class PyramidChain(ImageChain):
    """With a field that files hold as a list."""

    scales: tuple[int, ...] = (1,)

    modality = "pyramid"


def test_what_has_fields_of_several_values_comes_back_from_files_equal_and_hashable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ALPHABETS, Banded.kind, Banded)
    monkeypatch.setitem(CHAINS, PyramidChain.modality, PyramidChain)
    for chain in (PyramidChain(GREY, 4, 4, scales=(1, 2)), SoundChain(Banded(16, bands=((0, 7), (8,))), 8000, 1, 2)):
        again = chain_from_json(json.loads(json.dumps(chain.to_json())))
        assert again == chain
        assert {chain: "found"}[again] == "found"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"levels": 4}, "not an alphabet: .*'kind'"),
        ({"kind": "scent", "levels": 4}, "unknown kind of alphabet 'scent'; known: grey, palette, mu_law"),
        ({"kind": ["grey"], "levels": 4}, "not an alphabet"),
        ({"kind": "grey", "levels": 1}, "2 to 65536 levels, not 1"),
        ({"kind": "grey", "levels": "4"}, "2 to 65536 levels, not 4"),
        ({"kind": "grey", "levels": 4, "stop": 1}, "its stop is true or false"),
        ({"kind": "grey", "levels": 4, "mu": 3}, "not an alphabet: .*'mu'"),
        (None, "not an alphabet"),
    ],
)
def test_what_is_no_alphabet_is_refused_with_what_is_wrong(config: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        alphabet_from_json(config)


@pytest.mark.parametrize("bad", [-1, 256, 300])
def test_a_symbol_outside_the_alphabet_has_no_value(bad: int) -> None:
    with pytest.raises(InputError, match="0 … 255"):
        MU_LAW.decode([bad])


def test_raster_order_visits_rows_from_the_top_and_channels_innermost() -> None:
    chain = ImageChain(GREY, 2, 3, 3)
    assert chain.length == 18
    assert [chain.position(i) for i in (0, 1, 2, 3, 9)] == [(0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 1, 0), (1, 0, 0)]
    assert all(chain.step(*chain.position(i)) == i for i in range(chain.length))
    image = np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    assert np.array_equal(chain.image(chain.symbols(image)), image)


@pytest.mark.parametrize(
    "chain", [ImageChain(GREY, 28, 28), ImageChain(GreyLevels(8), 14, 14, 3), SoundChain(MU_LAW, 8000, 1.0, 10.0)]
)
def test_a_chain_survives_json(chain: ImageChain | SoundChain) -> None:
    assert chain_from_json(json.loads(json.dumps(chain.to_json()))) == chain


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"modality": "smell"},
        {"modality": "image", "alphabet": {"kind": "grey", "levels": 256}, "height": 10**9, "width": 1},
        {"modality": "image", "alphabet": {"kind": "grey", "levels": 1}, "height": 2, "width": 2},
        {"modality": "sound", "alphabet": {"kind": "mu_law", "levels": 256}, "rate": 0},
        {"modality": "image", "alphabet": None, "height": 2, "width": 2},
        {"modality": "image", "alphabet": {"kind": "mu_law", "levels": 256}, "height": 2, "width": 2},
        {"modality": "image", "alphabet": {"kind": "grey", "levels": 256, "stop": True}, "height": 2, "width": 2},
        {
            "modality": "sound",
            "alphabet": {"kind": "mu_law", "levels": 256},
            "rate": 8000,
            "default_seconds": 1e-9,
            "max_seconds": 1.0,
        },
        {
            "modality": "sound",
            "alphabet": {"kind": "grey", "levels": 256},
            "rate": 8000,
            "default_seconds": 1.0,
            "max_seconds": 1.0,
        },
    ],
)
def test_a_damaged_description_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(InputError):
        chain_from_json(config)
