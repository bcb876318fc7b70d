"""Conditions: categories as checkpoints and saved files hold them, and kinds that the library has never heard of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.chain import GreyLevels, ImageChain
from models.checkpoint import load_checkpoint, read_header, save_checkpoint
from models.condition import (
    ANY,
    MAX_LABEL,
    MAX_WORD,
    Category,
    Factor,
    Order,
    Vector,
    arranged,
    by_row,
    categories,
    complete,
    factors_from_json,
    in_words,
    parse,
)
from models.errors import CheckpointError, InputError
from models.evaluation.samples import balanced
from models.files import command_line, export, load_take, save_take
from models.likelihood import posterior
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.orders import NAMED_ORDERS, order_after
from models.record import take_from_record, take_record
from models.sampling import ConditionalBuffer, reproduce, run
from models.shaping import NEUTRAL
from models.trace import ModelReference, Take, new_take, segment_from_json
from tests.conditionals import log_probs
from tests.place import WHERE, PlaceModel, register_places

DIGIT = Category("digit", ("0", "1", "2"), any=True)
COLOUR = Category("colour", ("red", "blue"))
CHAIN = ImageChain(GreyLevels(4), 5, 6)
ASSETS = Path(__file__).parents[2] / "assets/checkpoints"


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> None:
    register_places(monkeypatch)


# --- categories --------------------------------------------------------------------------------------------------


def test_a_category_has_an_embedding_for_every_choice_any_being_the_last() -> None:
    assert (DIGIT.choices, DIGIT.size) == (("0", "1", "2", ANY), 4)
    assert [DIGIT.encode(value) for value in DIGIT.choices] == np.eye(4).tolist()
    assert (COLOUR.choices, COLOUR.size) == (("red", "blue"), 2)


def test_by_default_a_category_is_left_to_the_model_if_it_can_be_and_a_window_shows_an_example() -> None:
    assert (DIGIT.default, DIGIT.example) == (ANY, "0")
    assert (COLOUR.default, COLOUR.example) == ("red", "red")


def test_only_a_category_that_takes_any_can_be_left_to_the_model() -> None:
    assert (DIGIT.null, COLOUR.null) == (ANY, None)


@pytest.mark.parametrize("value", ["3", "", "any", 0, 1.0, None, True, ["red"], {}])
def test_what_a_category_does_not_take_is_refused_with_what_it_takes(value: Any) -> None:
    assert not COLOUR.takes(value)
    with pytest.raises(InputError, match=r"colour has no value .*; it takes: red, blue"):
        COLOUR.check(value)


def test_a_category_in_words() -> None:
    assert (DIGIT.describe(), COLOUR.describe()) == ("0, 1, 2, or any", "red, blue")
    assert (DIGIT.summary, COLOUR.summary) == ("3 digits", "2 colours")


@pytest.mark.parametrize("values", [(), ("0", "0"), ("0", "any"), ("",), ("two\nlines",), ("x" * (MAX_WORD + 1),)])
def test_values_that_could_not_be_told_apart_or_shown_are_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="values"):
        Category("digit", values)


@pytest.mark.parametrize("name", ["", "two\nlines", "x" * (MAX_WORD + 1), 3, None])
def test_a_name_that_is_no_line_is_refused(name: Any) -> None:
    with pytest.raises(InputError, match="names, titles and values"):
        Category(name, ("0",))


# --- blends ------------------------------------------------------------------------------------------------------

HALF_WAY = {"0": 0.75, "2": 0.25}


def test_a_blend_is_a_value_by_its_weights_and_a_text_with_a_plus() -> None:
    DIGIT.check(HALF_WAY)
    assert DIGIT.encode(HALF_WAY) == [0.75, 0, 0.25, 0]
    assert DIGIT.parse("0.75 0 + 0.25 2") == HALF_WAY
    assert DIGIT.parse(DIGIT.format(HALF_WAY)) == HALF_WAY
    assert DIGIT.parse(".5 1 + .5 any") == {"1": 0.5, "any": 0.5}


def test_a_value_with_a_plus_in_it_is_no_blend() -> None:
    odd = Category("sum", ("1 a + 1 b", "a", "b"))
    assert odd.parse("1 a + 1 b") == "1 a + 1 b"


@pytest.mark.parametrize(
    "blend", [{"0": 1.0}, {"0": 0.5, "1": 0.6}, {"0": 1.5, "1": -0.5}, {"0": 0.0, "1": 1.0}, {"0": "1", "1": 0}]
)
def test_a_blend_has_positive_weights_that_sum_to_one(blend: Any) -> None:
    with pytest.raises(InputError, match="positive weights that sum to 1"):
        DIGIT.check(blend)


@pytest.mark.parametrize("blend", [{"0": 0.5, "7": 0.5}, {"0": 0.5, 1: 0.5}])
def test_a_blend_of_what_is_no_value_names_it(blend: Any) -> None:
    with pytest.raises(InputError, match="digit has no value"):
        DIGIT.check(blend)


def test_the_embedding_of_a_blend_is_the_weighted_mean_and_that_of_a_value_its_own_to_the_bit() -> None:
    torch.manual_seed(0)
    embeddings = FactorEmbeddings((WHERE, DIGIT), 5, besides=("where",))
    (table,) = embeddings.tables.parameters()
    rows = [[0.1, 0.9, *DIGIT.encode(value)] for value in ("0", "2", HALF_WAY)]
    zero, two, between = embeddings(torch.tensor(rows))
    assert torch.equal(zero, table[0])
    assert torch.equal(two, table[2])
    assert torch.allclose(between, 0.75 * zero + 0.25 * two)


def test_what_is_no_category_is_embedded_by_nobody() -> None:
    """Unless the network says that it reads it: else a condition would be chosen, and change nothing."""
    for factors in ((WHERE, DIGIT), (DIGIT, CODE), (WHERE, CODE)):
        with pytest.raises(InputError, match=r"categories; '(where|code)' is a (place|vector)"):
            FactorEmbeddings(factors, 5)
    with pytest.raises(InputError, match="'code' is a vector"):
        FactorEmbeddings((WHERE, CODE), 5, besides=("where",))


def test_where_a_value_holds_the_sign_of_a_blend_there_are_no_blends() -> None:
    odd = Category("garment", ("a + 0.5 b", "b", "0.5 b"))
    assert (DIGIT.blends, odd.blends, Category("one", ("only",)).blends) == (True, False, False)
    with pytest.raises(InputError, match=r"garment has no blends, since . is a word in the name of a value"):
        odd.check({"a + 0.5 b": 0.5, "b": 0.5})
    with pytest.raises(InputError, match="garment has no blends"):
        odd.parse("0.5 b + 0.5 0.5 b")
    assert not any(Category("sign", (value, "b")).blends for value in ("+", "+ a", "a +", "a + b"))
    assert Category("language", ("C", "C++", "+44")).blends


# --- vectors and orders ------------------------------------------------------------------------------------------

CODE = Vector("code", 2)
ORDER = Order("order", 5, 6)


def test_a_vector_is_a_list_of_numbers_and_a_text_with_commas() -> None:
    assert CODE.default == [0, 0]
    assert CODE.null is None
    assert CODE.encode([0.5, -1]) == [0.5, -1]
    assert CODE.parse("0.5,-1") == [0.5, -1]
    assert CODE.parse(CODE.format([0.25, -1])) == [0.25, -1]


@pytest.mark.parametrize("value", [[0], [0, 2], [0, float("nan")], [True, 0], "0,0", None, [0, "0"]])
def test_what_is_no_point_of_the_square_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="code is 2 numbers in -1 … 1"):
        CODE.check(value)


def test_an_order_is_given_to_a_network_as_the_pixels_and_arranges_the_chain() -> None:
    assert ORDER.default == "random 0"
    assert ORDER.encode("raster") == list(range(30))
    chain = arranged(CHAIN, (DIGIT, ORDER), {"order": "bottom up", "digit": "1"})
    assert chain == ImageChain(GreyLevels(4), 5, 6, order="bottom up")
    assert ORDER.encode("bottom up") == chain.pixels.tolist()
    assert arranged(CHAIN, (DIGIT, ORDER), {}) == ImageChain(GreyLevels(4), 5, 6, order="random 0")


@pytest.mark.parametrize("value", ["sideways", "random", 3, None, ["raster"]])
def test_what_is_no_order_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="order is"):
        ORDER.check(value)


def test_an_order_of_images_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="of 5 x 6, not of 3 x 4"):
        arranged(ImageChain(GreyLevels(4), 3, 4), (ORDER,), {})


@pytest.mark.parametrize("factor", [CODE, ORDER])
def test_vectors_and_orders_come_back_from_json(factor: Factor) -> None:
    assert factors_from_json([factor.to_json()]) == (factor,)


@pytest.mark.parametrize("factor", [{"kind": "vector", "name": "code", "size": 0}, {"kind": "vector", "name": "code"},
                                    {"kind": "order", "name": "order", "height": 5, "width": 10**6}])  # fmt: skip
def test_a_vector_or_an_order_of_no_size_is_refused(factor: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        factors_from_json([factor])


# --- texts ---------------------------------------------------------------------------------------------------------

AWKWARD = Category(
    "word", ("1e-05 3", "0.5 b", "b", "+", "a +", "+ a", " ", "C++", "x=y", "3 + 4", "1 b + 2 C++"), any=True
)
ODD_WORDS = Category("odd word", tuple(value for value in AWKWARD.values if " + " not in f" {value} "))
LONG_CODE = Vector("long code", 7)


def random_values(factor: Factor, rng: np.random.Generator) -> list[Any]:
    """Many values of a factor, those at the edge of what it takes among them."""
    if isinstance(factor, Vector):
        sizes = 10.0 ** rng.integers(-320, 1, (200, factor.size))
        points = np.clip(rng.uniform(-1, 1, sizes.shape) * sizes, -1, 1).tolist()
        return [*points, [1] * factor.size, [-0.0] * factor.size, [-1 / 3] * factor.size, [5e-324] * factor.size]
    if isinstance(factor, Order):
        masks = rng.random((20, factor.height, factor.width)) < 0.3
        return [*NAMED_ORDERS, "coarse 3 first", "random 7", *(order_after(mask, "random 7") for mask in masks)]
    assert isinstance(factor, Category)
    blends: list[Any] = []
    while factor.blends and len(blends) < 200:
        chosen = rng.permutation(factor.choices)[: rng.integers(2, factor.size + 1)].tolist()
        weights = rng.random(len(chosen)) ** rng.integers(1, 60)
        blend = dict(zip(chosen, (weights / weights.sum()).tolist(), strict=True))
        blends += [blend] if factor.takes(blend) else []
    return [*factor.choices, *blends]


@pytest.mark.parametrize("factor", [DIGIT, COLOUR, AWKWARD, ODD_WORDS, CODE, LONG_CODE, ORDER, WHERE],
                         ids=lambda factor: factor.name)  # fmt: skip
def test_the_text_of_a_value_is_parsed_to_the_very_value(factor: Factor) -> None:
    for value in random_values(factor, np.random.default_rng(5)) if factor is not WHERE else [[0.1, 1 / 3]]:
        assert factor.parse(factor.format(value)) == value


@pytest.mark.parametrize(
    "value", [{"0": 1 / 3, "1": 1 / 3, "2": 1 / 3}, {"0": 1e-05, "1": 1 - 1e-05}, {"0": 1, "1": 5e-324}]
)
def test_weights_of_many_digits_or_with_an_exponent_are_kept(value: Any) -> None:
    assert DIGIT.parse(DIGIT.format(value)) == value


def test_people_read_a_few_digits() -> None:
    assert DIGIT.label({"0": 1 / 3, "1": 2 / 3}) == "0.333333 0 + 0.666667 1"
    assert CODE.label([0.123456789, -1 / 3]) == "+0.12, -0.33"
    assert Vector("code", 40).label([0.5] * 40) == f"{'+0.50, ' * 11}+0. … (278 characters)"


# --- files -------------------------------------------------------------------------------------------------------


def test_factors_come_back_from_json() -> None:
    assert factors_from_json([DIGIT.to_json(), COLOUR.to_json()]) == (DIGIT, COLOUR)


def test_what_names_no_kind_is_a_category() -> None:
    assert factors_from_json([{"name": "digit", "values": ["0", "1", "2"], "any": True}]) == (DIGIT,)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ([{**DIGIT.to_json(), "kind": "place"}], "unknown kind of condition 'place'; known: category, vector, order"),
        ([{**DIGIT.to_json(), "kind": ["category"]}], "not a list of conditions"),
        ([{**DIGIT.to_json(), "size": 3}], "nothing else"),
        ([{**DIGIT.to_json(), "values": "012"}], "list of values"),
        ([{**DIGIT.to_json(), "values": [0, 1]}], "list of values that are texts"),
        ([{**DIGIT.to_json(), "any": 1}], "any .true or false."),
        ([{"name": "digit"}], "'values'"),
        (["digit"], "not a list of conditions"),
        ([None], "not a list of conditions"),
        (3, "not a list of conditions"),
    ],
)
def test_what_is_no_factor_is_refused_with_what_is_wrong(config: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        factors_from_json(config)


@pytest.mark.parametrize("path", sorted(ASSETS.glob("*.safetensors")), ids=lambda path: path.stem)
def test_a_shipped_checkpoint_loads_with_the_conditions_that_its_header_names(path: Path) -> None:
    assert load_checkpoint(path).model.factors == read_header(path).factors


# --- choosing ----------------------------------------------------------------------------------------------------


def test_what_is_not_chosen_has_its_default() -> None:
    assert complete((DIGIT, COLOUR), {"colour": "blue"}) == {"digit": "any", "colour": "blue"}
    assert parse((DIGIT, COLOUR), {"digit": "2"}) == {"digit": "2", "colour": "red"}


@pytest.mark.parametrize("chosen_by", [complete, parse])
def test_a_condition_that_the_model_does_not_have_is_named_with_those_that_it_has(chosen_by: Any) -> None:
    with pytest.raises(InputError, match="no condition 'speaker'; its conditions are: colour, digit"):
        chosen_by((DIGIT, COLOUR), {"speaker": "ada"})
    with pytest.raises(InputError, match="no condition 'speaker'; it has no conditions"):
        chosen_by((), {"speaker": "ada"})


# --- data files --------------------------------------------------------------------------------------------------


def test_an_array_holds_indices_of_values_or_the_values() -> None:
    assert DIGIT.from_array(np.array([2, 0], np.uint8)) == ["2", "0"]
    assert DIGIT.from_array(np.array(["2", "any"])) == ["2", "any"]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        ([0, 3], "digit lies in 0 … 2, not 0 … 3"),
        ([-1], "digit lies in 0 … 2, not -1 … -1"),
        (["2", "seven"], "digit has no value 'seven'"),
        ([0.5], "digit should hold a row of integers or strings, not float64"),
        ([[0, 1]], r"digit should hold a row of integers or strings, not int64 of shape \(1, 2\)"),
        ([["0"]], "digit should hold a row"),
    ],
)
def test_an_array_of_what_are_no_values_is_refused(array: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        DIGIT.from_array(np.array(array))


def test_conditions_by_row_are_by_name_and_equal_ones_of_categories_are_one_object() -> None:
    rows = by_row({"digit": ["1", "2", "1"], "colour": ["red"] * 3}, 3)
    assert rows == [{"digit": digit, "colour": "red"} for digit in "121"]
    assert rows[0] is rows[2]
    assert by_row({}, 2) == [{}, {}]


class Track(list[float]):
    """A value so long that nobody should write it out."""

    def __repr__(self) -> str:
        raise AssertionError


def test_conditions_by_row_are_not_compared_where_values_may_be_long() -> None:
    tracks = [Track([0.5, 1.0]), Track([0.5, 1.0])]
    rows = by_row({"digit": ["1", "1"], "track": tracks}, 2)
    assert [row["track"] is track for row, track in zip(rows, tracks, strict=True)] == [True, True]


# --- a kind that the library does not know -----------------------------------------------------------------------


def place_model() -> PlaceModel:
    return PlaceModel(ModelSpec("place", CHAIN, (WHERE,), {}))


def drawn(model: AutoregressiveModel, where: list[float], count: int = 1) -> Take:
    reference = ModelReference("place", "Place", "0" * 16, CHAIN, model.factors)
    take = new_take(
        reference,
        seed=2,
        count=count,
        condition=complete(model.factors, {"where": where}),
        shaping=NEUTRAL,
        engine="reference",
    )
    return run(model, take)


def test_values_of_another_kind_are_completed_checked_and_typed() -> None:
    assert complete((WHERE, COLOUR), {}) == {"where": [0.5, 0.5], "colour": "red"}
    assert parse((WHERE, COLOUR), {"where": "0.25,1"}) == {"where": [0.25, 1.0], "colour": "red"}
    for wrong in ([0.5], [0, 2], "0.5,0.5", ["a", "b"], None):
        with pytest.raises(InputError, match="where is two numbers in 0 … 1"):
            complete((WHERE,), {"where": wrong})
    with pytest.raises(InputError, match="comma"):
        parse((WHERE,), {"where": "left"})


def test_another_kind_has_its_values_in_arrays_as_json_holds_them_or_as_they_are_typed() -> None:
    assert WHERE.from_array(np.array([[0.25, 1.0], [0.0, 0.5]])) == [[0.25, 1.0], [0.0, 0.5]]
    assert WHERE.from_array(np.array(["0.25,1", "0,0.5"])) == [[0.25, 1.0], [0.0, 0.5]]
    for wrong in ([0.5], [[0.5, 2.0]], [[np.nan, 0.5]], ["left"]):
        with pytest.raises(InputError, match="where is two numbers"):
            WHERE.from_array(np.array(wrong))


def test_a_value_is_shown_as_it_is_typed_and_of_a_long_one_the_beginning() -> None:
    assert [DIGIT.label("2"), WHERE.label([0.25, 1.0])] == ["2", "0.25,1.0"]
    track = [0.5] * 5000
    assert WHERE.label(track) == f"{WHERE.format(track)[:MAX_LABEL]} … (19999 characters)"
    assert in_words((WHERE, DIGIT), {"digit": "2", "where": [0.25, 1.0]}) == ["where 0.25,1.0", "digit 2"]


@pytest.mark.usefixtures("places")
def test_a_file_says_in_words_under_which_value_it_was_drawn(tmp_path: Path) -> None:
    take = drawn(place_model(), [0.25, 1.0])
    export(tmp_path / "t.png", take)
    with Image.open(tmp_path / "t.png") as image:
        assert image.info["Description"] == "Place; where 0.25,1.0; seed 2; sample 0"


@pytest.mark.usefixtures("places")
def test_a_saved_take_whose_condition_is_not_whole_is_refused_by_what_it_lacks() -> None:
    record = take_record(drawn(place_model(), [0.25, 1.0]))
    record["samples"][0]["schedule"][0]["condition"] = {}
    with pytest.raises(InputError, match="leaves out the condition 'where'"):
        take_from_record(record)


def test_a_model_is_walked_under_a_value_of_another_kind_and_walked_again() -> None:
    model = place_model()
    dark, bright = drawn(model, [0.0, 0.5]), drawn(model, [1.0, 0.5])
    assert dark.traces[0].symbols.mean() < 0.5 < 2.5 < bright.traces[0].symbols.mean()
    for take in (dark, bright):
        assert reproduce(model, take.traces[0]).agrees


def test_conditionals_on_demand_tell_values_of_another_kind_apart() -> None:
    model = place_model()
    take = drawn(model, [0.0, 0.5])
    take.branch(0, 3, value=2, condition={"where": [1.0, 0.5]})
    run(model, take)
    buffer = ConditionalBuffer(model)
    log_p = log_probs(buffer, take.traces[0], 0, 6)
    assert log_p[2].argmax() == 0
    assert log_p[3].argmax() == 3
    assert np.array_equal(log_p, log_probs(buffer, take.traces[0], 0, 6))


@pytest.mark.usefixtures("places")
def test_a_take_keeps_values_of_another_kind(tmp_path: Path) -> None:
    take = drawn(place_model(), [0.25, 1.0])
    save_take(tmp_path / "t.npz", take)
    again = load_take(tmp_path / "t.npz")
    assert again.model == take.model
    assert again.traces[0].segment == take.traces[0].segment
    assert segment_from_json(take.traces[0].segment.to_json()).condition == {"where": [0.25, 1.0]}
    assert "--condition where=0.25,1.0" in command_line(take).text


@pytest.mark.usefixtures("places")
def test_a_checkpoint_keeps_a_factor_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "place.safetensors"
    save_checkpoint(path, place_model(), name="place", title="Place", data={}, training={}, likelihood={})
    assert read_header(path).factors == (WHERE,)
    assert load_checkpoint(path).model.factors == (WHERE,)


def test_a_checkpoint_of_a_kind_that_this_program_does_not_have_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="unknown kind of condition 'place'; known: category, vector, order"):
        save_checkpoint(
            tmp_path / "p.safetensors", place_model(), name="place", title="Place", data={}, training={}, likelihood={}
        )


def test_what_only_categories_can_do_says_so() -> None:
    model, factors = place_model(), (DIGIT, WHERE)
    symbols = np.zeros(CHAIN.length or 0, np.int32)
    mixed: tuple[Factor, ...] = factors
    with pytest.raises(InputError, match="'where' is a place"):
        balanced(mixed, 3)
    with pytest.raises(InputError, match="'where' is a place"):
        posterior(model, symbols, [(0, {"where": [0.5, 0.5]})], "where")
    assert categories((DIGIT, COLOUR)) == (DIGIT, COLOUR)


def test_what_is_no_blend_is_answered_with_one() -> None:
    digit = Category("digit", ("0", "1", "2"))
    with pytest.raises(InputError, match=re.escape("it takes: 0, 1, 2, or a blend of some, as: 0.75 0 + 0.25 1")):
        digit.parse('{"0": 0.5, "1": 0.5}')
    with pytest.raises(InputError, match=r"has each value once, not '0\.5 1 "):
        digit.parse("0.5 1 + 0.5 1")
    with pytest.raises(InputError) as caught:
        digit.parse("9" * 100_000)
    assert len(str(caught.value)) < 200
