"""Alphabets and chains: what a symbol means, and where it lies."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.chain import Alphabet, ImageChain, SoundChain, chain_from_json
from models.errors import InputError

GREY = Alphabet("grey", 256)
MU_LAW = Alphabet("mu_law", 256, stop=True)


def test_256_grey_levels_are_the_intensities_themselves() -> None:
    levels = np.arange(256)
    assert np.array_equal(GREY.decode(levels), levels.astype(np.uint8))
    assert np.array_equal(GREY.encode(levels.astype(np.uint8)), levels)


@pytest.mark.parametrize("levels", [2, 8, 16])
def test_fewer_grey_levels_span_black_to_white_and_come_back(levels: int) -> None:
    alphabet = Alphabet("grey", levels)
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
    "chain", [ImageChain(GREY, 28, 28), ImageChain(Alphabet("grey", 8), 14, 14, 3), SoundChain(MU_LAW, 8000, 1.0, 10.0)]
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
