"""Completion: what is known is kept, exactly where it can be, and by particles elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from models.chain import DRAW, GreyLevels, ImageChain, MuLaw, SoundChain
from models.completion import LEAST_PARTICLES, MISSING, Mask, chosen_condition, completion
from models.condition import Category, Order, Vector, left_open
from models.errors import InputError
from models.shaping import NEUTRAL
from models.trace import ModelReference, Take

CHAIN = ImageChain(GreyLevels(2), 6, 4)
COLOUR = ImageChain(GreyLevels(256), 6, 4, 3)
DIGIT = Category("digit", ("0", "1"), any=True)
IMAGE = (np.arange(24).reshape(6, 4) % 3 == 0).astype(np.uint8) * 255


def complete(known: Mask, *, chain: ImageChain = CHAIN, order: bool = False, count: int = 3) -> Take:
    factors = (DIGIT, Order("order", 6, 4)) if order else (DIGIT,)
    image = IMAGE if chain.channels == 1 else IMAGE[..., None].repeat(3, -1)
    reference = ModelReference("m", "M", "0" * 64, chain, factors)
    filled = {factor.name: factor.default for factor in factors}
    return completion(reference, image, known, seed=1, count=count, condition=filled, shaping=NEUTRAL, engine="cached")


def given_pixels(take: Take) -> np.ndarray:  # type: ignore[type-arg]
    """The given symbols by their place, DRAW where none is."""
    chain = take.chain
    assert isinstance(chain, ImageChain)
    return np.array(take.given).reshape(-1, chain.channels)[chain.ranks.reshape(-1)].reshape(6, 4, -1)


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("chain", [CHAIN, COLOUR])
@pytest.mark.parametrize("order", [False, True])
def test_what_is_known_is_given_at_its_place_and_nothing_else(missing: str, chain: ImageChain, order: bool) -> None:
    known = ~MISSING[missing](6, 4)
    take = complete(known, chain=chain, order=order and chain is CHAIN)
    pixels = given_pixels(take)
    symbols = IMAGE // 255 if chain is CHAIN else IMAGE
    assert (pixels[known] == symbols[known][:, None]).all()
    assert (pixels[~known] == DRAW).all()


def test_the_rows_above_are_known_exactly_to_a_model_in_raster_order_and_other_parts_by_particles() -> None:
    above = complete(~MISSING["lower half"](6, 4))
    assert (above.resampled, len(above.samples)) == (None, 3)
    left = complete(~MISSING["right half"](6, 4))
    assert (left.resampled, len(left.samples)) == ((), LEAST_PARTICLES)


@pytest.mark.parametrize("missing", MISSING)
def test_any_part_is_known_exactly_to_a_model_whose_order_can_be_chosen(missing: str) -> None:
    known = ~MISSING[missing](6, 4)
    take = complete(known, order=True)
    assert (take.resampled, len(take.samples)) == (None, 3)
    assert take.given.index(DRAW) == known.sum()


def test_the_missing_pixels_come_in_the_chosen_order() -> None:
    known = ~MISSING["lower half"](6, 4)
    take = completion(
        ModelReference("m", "M", "0" * 64, CHAIN, (Order("order", 6, 4),)), IMAGE, known,
        seed=1, count=1, condition={"order": "bottom up"}, shaping=NEUTRAL, engine="cached",
    )  # fmt: skip
    assert isinstance(take.chain, ImageChain)
    assert take.chain.pixels[12:].tolist() == [20, 21, 22, 23, 16, 17, 18, 19, 12, 13, 14, 15]


def test_what_the_user_chose_of_an_order_is_told_from_what_the_completion_made_of_it() -> None:
    take = complete(~MISSING["right half"](6, 4), order=True)
    assert take.traces[0].segment.condition["order"].startswith("random 0 after ")
    assert chosen_condition(take) == {"digit": "any", "order": "random 0"}
    assert take.along({"digit": "1", "order": "spiral"}) == {**take.traces[0].segment.condition, "digit": "1"}


def test_what_data_would_tell_is_left_open_where_all_of_it_can_be() -> None:
    order, code = Order("order", 6, 4), Vector("code", 2)
    assert left_open((DIGIT, order, code)) == {"digit": "any"}
    assert left_open((DIGIT, Category("speaker", ("ada", "bob"), any=True))) == {"digit": "any", "speaker": "any"}
    assert left_open((DIGIT, Category("speaker", ("ada", "bob")))) == {}
    assert left_open((order, code)) == {}


@pytest.mark.parametrize("known", [np.ones((6, 4), np.bool_), np.zeros((6, 4), np.bool_)])
def test_there_must_be_something_to_complete_and_something_to_complete_it_from(known: Mask) -> None:
    with pytest.raises(InputError, match="some of its pixels must be known and some not"):
        complete(known)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="the mask should be of 6 x 4 pixels"):
        complete(np.eye(3, dtype=np.bool_))
    sound = SoundChain(MuLaw(256, stop=True), 8000, 1.0, 2.0)
    with pytest.raises(InputError, match="only images can be completed"):
        completion(
            ModelReference("m", "M", "0" * 64, sound, ()), IMAGE, np.eye(3, dtype=np.bool_),
            seed=1, count=1, condition={}, shaping=NEUTRAL, engine="cached",
        )  # fmt: skip
