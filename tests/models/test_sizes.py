"""What a network is built from: names and values of its sizes, as its own dataclass or refused in plain words."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from models.errors import InputError
from models.sizes import MAX_WEIGHTS, check_list, check_sizes, check_weights, config_of


@dataclass(frozen=True)
class Sizes:
    units: int
    layers: tuple[int, ...]
    deep: bool = False
    heads: int | None = None


@dataclass(frozen=True)
class OneSize:
    units: int


@dataclass(frozen=True)
class TwoSizes:
    units: int
    layers: int


@dataclass(frozen=True)
class Broken:
    units: int

    def __post_init__(self) -> None:
        raise TypeError("of the dataclass itself")


def test_sizes_come_by_name_with_the_defaults_of_those_that_are_left_out() -> None:
    assert config_of(Sizes, {"layers": (1, 2), "units": 3}, "a net") == Sizes(3, (1, 2), False, None)
    assert config_of(Sizes, {"layers": (), "units": 3, "deep": True, "heads": 4}, "a net") == Sizes(3, (), True, 4)


def test_a_list_is_a_tuple_where_one_is_wanted_and_stays_what_it_is_elsewhere() -> None:
    found = config_of(Sizes, {"units": [3], "layers": [1, 2]}, "a net")
    assert (found.units, found.layers) == ([3], (1, 2))


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        (OneSize, {}, "a net is given units; not nothing"),
        (OneSize, {"units": 1, "depth": 2}, "a net is given units; not units, depth"),
        (TwoSizes, {"units": 1}, "a net is given units and layers; not units"),
        (
            Sizes,
            {"deep": True},
            "a net is given units, layers and, unless it is false, deep and, if any, heads; not deep",
        ),
    ],
)
def test_names_that_are_missing_or_of_something_else_are_refused_with_those_that_there_are(
    kind: type[OneSize | TwoSizes | Sizes], given: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError) as refused:
        config_of(kind, given, "a net")
    assert str(refused.value) == says


def test_an_error_of_the_dataclass_itself_is_not_taken_for_a_wrong_name() -> None:
    with pytest.raises(TypeError, match="of the dataclass itself"):
        config_of(Broken, {"units": 1}, "a net")


@pytest.mark.parametrize("value", [0, 9, True, 2.0, "2", None, [2]])
def test_a_size_is_a_whole_number_from_one_on(value: object) -> None:
    check_sizes("net", units=(1, 8), layers=(8, 8))
    with pytest.raises(InputError) as refused:
        check_sizes("net", units=(1, 8), layers=(value, 8))
    assert str(refused.value) == f"layers of a net is a whole number in 1 … 8, not {value!r}"


@pytest.mark.parametrize("value", [(), (1, 2, 3), (0,), (9,), (True,), (2.0,), [1], 1, "1", None])
def test_a_list_of_sizes_is_of_whole_numbers_from_one_on(value: object) -> None:
    check_list("layers of a net are", (1, 8), longest=2, most=8, each="one each")
    with pytest.raises(InputError) as refused:
        check_list("layers of a net are", value, longest=2, most=8, each="one each")
    assert str(refused.value) == f"layers of a net are a list of 1 to 2 whole numbers in 1 … 8, one each; not {value!r}"


def test_matrices_have_so_many_weights_at_most() -> None:
    check_weights("this net has", MAX_WEIGHTS)
    with pytest.raises(InputError, match="this net has 33554433 weights; at most 33554432 are allowed"):
        check_weights("this net has", MAX_WEIGHTS + 1)


@dataclass(frozen=True)
class Nested:
    units: int
    inner: Sizes | None = None


def test_a_table_of_sizes_is_a_dataclass_of_its_own() -> None:
    assert config_of(Nested, {"units": 2}, "a net") == Nested(2)
    assert config_of(Nested, {"units": 2, "inner": {"units": 3, "layers": [4]}}, "a net") == Nested(2, Sizes(3, (4,)))
    with pytest.raises(InputError, match=r"the inner of a net is given units, layers and, .*; not width"):
        config_of(Nested, {"units": 2, "inner": {"width": 3}}, "a net")
    with pytest.raises(InputError, match=r"the inner of a net is a table of units, layers and, .*; not \[3\]"):
        config_of(Nested, {"units": 2, "inner": [3]}, "a net")
