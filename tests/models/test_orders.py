"""Orders of pixels: permutations by name, the same for ever, and the chain that follows one."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from models.chain import GreyLevels, ImageChain, chain_from_json
from models.errors import InputError
from models.files import export, read_saved
from models.image_files import picture
from models.orders import before_after, coarse_factor, order_after, pixel_order, random_order, seed_of
from studio.canvas.demo import empty_take, grow

ORDERS = ["raster", "columns", "bottom up", "spiral", "centre out", "random 0", "random 7", "coarse 2 first"]
GREY = GreyLevels(256)
RANDOM_7 = [8, 4, 1, 6, 3, 2, 7, 5, 0]


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 3), (5, 5), (28, 28)])
def test_every_order_visits_every_pixel_once(name: str, size: tuple[int, int]) -> None:
    assert sorted(pixel_order(name, *size)) == list(range(size[0] * size[1]))


def test_what_the_names_mean() -> None:
    assert pixel_order("raster", 2, 3).tolist() == [0, 1, 2, 3, 4, 5]
    assert pixel_order("columns", 2, 3).tolist() == [0, 3, 1, 4, 2, 5]
    assert pixel_order("bottom up", 2, 3).tolist() == [3, 4, 5, 0, 1, 2]
    assert pixel_order("spiral", 3, 4).tolist() == [0, 1, 2, 3, 7, 11, 10, 9, 8, 4, 5, 6]
    assert pixel_order("centre out", 3, 3).tolist() == [4, 1, 3, 5, 7, 0, 2, 6, 8]
    assert pixel_order("coarse 2 first", 3, 4).tolist() == [0, 2, 8, 10, 1, 3, 4, 5, 6, 7, 9, 11]
    assert pixel_order("coarse 3 first", 4, 5).tolist()[:4] == [0, 3, 15, 18]


@pytest.mark.parametrize("factor", [2, 4, 10, 16])
def test_coarse_pixels_come_first_and_each_part_in_raster_order(factor: int) -> None:
    order = pixel_order(f"coarse {factor} first", 21, 34)
    count = len(range(0, 21, factor)) * len(range(0, 34, factor))
    rows, columns = np.divmod(order, 34)
    assert np.array_equal((rows % factor == 0) & (columns % factor == 0), np.arange(21 * 34) < count)
    assert (np.diff(order[:count]) > 0).all()
    assert (np.diff(order[count:]) > 0).all()


def test_the_factor_of_a_coarse_grid_is_read_off_the_orders_name() -> None:
    assert coarse_factor("coarse 2 first") == 2
    assert coarse_factor("coarse 16 first") == 16
    assert coarse_factor("raster") is None


def test_a_random_order_is_the_one_that_it_ever_was() -> None:
    """A checkpoint carries its name alone: another shuffle would turn its model into noise."""
    assert pixel_order("random 7", 3, 3).tolist() == RANDOM_7
    assert pixel_order("random 0", 3, 3).tolist() != RANDOM_7


UNKNOWN = ["", "Raster", "random", "random -1", "random 1.5", "random 01", "zigzag"]
UNKNOWN += ["coarse first", "coarse 1 first", "coarse 17 first", "coarse 02 first", "coarse 2"]


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_order_is_refused_with_the_names_that_there_are(name: str) -> None:
    with pytest.raises(
        InputError, match="spiral, centre out, coarse N first with N in 2 … 16, or random and a whole number"
    ):
        ImageChain(GREY, 4, 4, order=name)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ORDERS)
def test_an_image_comes_back_from_the_symbols_in_any_order(name: str, channels: int) -> None:
    chain = ImageChain(GREY, 4, 3, channels, name)
    shape = (2, 4, 3) if channels == 1 else (2, 4, 3, 3)
    images = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    symbols = chain.symbols(images)
    assert np.array_equal(chain.image(symbols), images)
    for step in range(chain.length):
        row, column, channel = chain.position(step)
        assert chain.step(row, column, channel) == step
        at = (row, column) if channels == 1 else (row, column, channel)
        assert symbols[1, step] == images[1][at]


@pytest.mark.parametrize("name", ORDERS)
def test_what_is_drawn_are_the_pixels_of_which_every_channel_has_come(name: str) -> None:
    chain = ImageChain(GREY, 3, 3, 3, name)
    for length in range(chain.length + 1):
        places = {chain.position(step)[:2] for step in range(length - 2) if step % 3 == 0}
        assert {(int(r), int(c)) for r, c in np.argwhere(chain.drawn(length))} == places


def test_a_chain_keeps_its_order_in_a_file_and_one_without_a_name_is_in_raster_order() -> None:
    chain = ImageChain(GREY, 4, 3, order="spiral")
    assert chain_from_json(chain.to_json()) == chain != ImageChain(GREY, 4, 3)
    assert chain.describe() == "4 x 3, 256 levels, order: spiral"
    held = {name: value for name, value in ImageChain(GREY, 4, 3).to_json().items() if name != "order"}
    assert chain_from_json(held) == ImageChain(GREY, 4, 3)


@pytest.mark.parametrize("name", ["spiral", "random 3", "coarse 2 first"])
def test_half_an_image_is_saved_where_it_is_and_comes_back(name: str, tmp_path: Path) -> None:
    chain = ImageChain(GREY, 6, 5, order=name)
    take = empty_take(chain)
    symbols = np.arange(chain.length, dtype=np.int32) * 8 + 3
    grow(take.traces[0], symbols[:13], chain)
    whole, half = picture(chain, [symbols]), picture(chain, [symbols[:13]])
    drawn = chain.drawn(13)
    assert np.array_equal(half[drawn], whole[drawn])
    assert not np.isin(half[~drawn], whole).all()
    export(tmp_path / "half.png", take)
    read = read_saved(tmp_path / "half.png").take
    assert read.model.chain == chain
    assert read.traces[0].symbols.tolist() == symbols[:13].tolist()


def test_given_pixels_come_first_in_raster_order_and_the_others_in_the_order_of_the_name() -> None:
    known = np.zeros((3, 4), np.bool_)
    known[1, 2] = known[0, 3] = True
    name = order_after(known, "bottom up")
    assert pixel_order(name, 3, 4).tolist() == [3, 6, 8, 9, 10, 11, 4, 5, 7, 0, 1, 2]
    assert before_after(name) == ("bottom up", 2)
    assert before_after("spiral") == ("spiral", 0)


def test_giving_other_pixels_forgets_those_from_before() -> None:
    one, other = np.eye(4, dtype=np.bool_), np.ones((4, 4), np.bool_)
    assert order_after(other, order_after(one, "spiral")) == order_after(other, "spiral")


@pytest.mark.parametrize("count", [2, 100, 900, 100_000])
def test_pixels_are_given_once(count: int) -> None:
    with pytest.raises(InputError, match="given once") as caught:
        pixel_order("raster" + " after f0" * count, 2, 2)
    assert len(str(caught.value)) < 200


HUGE = {
    "a word": "x" * 10**6,
    "digits": "raster after " + "f" * 10**6,
    "nested": "raster" + " after f0" * 10**5,
    "no digits": "raster" + " after " * 10**5,
    "a seed": "random " + "1" * 10**6,
    "a word after digits": "x" * 10**6 + " after f0f0",
}


@pytest.mark.parametrize("name", HUGE.values(), ids=HUGE)
def test_a_huge_name_is_refused_in_a_moment_and_in_a_line(name: str) -> None:
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        pixel_order(name, 4, 4)
    assert time.process_time() - began < 1
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["raster after 8", "raster after 8000ff", "raster after 800f", "raster after zz00",
                                  "sideways after 8000"])  # fmt: skip
def test_given_pixels_that_the_image_does_not_have_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        pixel_order(name, 3, 4)


def test_a_shuffle_is_known_by_its_seed() -> None:
    assert (seed_of(random_order(7)), seed_of("raster"), seed_of("random x")) == (7, None, None)
