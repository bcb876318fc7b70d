"""A network's sizes, from what a checkpoint or a recipe gives: into its dataclass, or refused in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from models.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")

MAX_WEIGHTS = 2**25
"""In the matrices of a network whose matrices grow with the data."""


def config_of(kind: type[Config], given: Mapping[str, Any], network: str) -> Config:
    """A dataclass of sizes from their names and values, with tuples where JSON and TOML have lists.

    A field whose type is a dataclass, or that and None, is a table of its own. network: with its article, such as
    ``a MADE``. Raises InputError, with the names that there are, where one is missing or another is given, and for what
    is no table; what values may be is for the dataclass to say.
    """
    own, types = fields(kind), get_type_hints(kind)
    if not {field.name for field in own if field.default is MISSING} <= set(given) <= {field.name for field in own}:
        raise InputError(f"{network} is given {_enumerated(own)}; not {', '.join(given) or 'nothing'}")
    sizes = dict(given)
    for name, value in given.items():
        parts = (part for part in (types[name], *get_args(types[name])) if isinstance(part, type))
        table = next((part for part in parts if is_dataclass(part)), None)
        if table is not None and value is not None:
            what = f"the {name} of {network}"
            if not isinstance(value, Mapping):
                raise InputError(f"{what} is a table of {_enumerated(fields(table))}; not {shortened(value)}")
            sizes[name] = config_of(table, value, what)
        elif isinstance(value, list) and get_origin(types[name]) is tuple:
            sizes[name] = tuple(value)
    return kind(**sizes)


def _enumerated(own: tuple[Field[Any], ...]) -> str:
    """The names of a dataclass's fields, and when those with a default are needed."""
    needed = [field.name for field in own if field.default is MISSING]
    others = [
        f"{'if any' if field.default is None else f'unless it is {json.dumps(field.default)}'}, {field.name}"
        for field in own
        if field.default is not MISSING
    ]
    if others:
        return " and, ".join([", ".join(needed), *others])
    return " and ".join(filter(None, [", ".join(needed[:-1]), needed[-1]]))


def check_sizes(title: str, **sizes: tuple[object, int]) -> None:
    """Raises InputError unless each size of a network, given with the most it may be, is a whole number from 1 on."""
    for name, (value, most) in sizes.items():
        if type(value) is not int or not 1 <= value <= most:
            raise InputError(f"{name} of a {title} is a whole number in 1 … {most}, not {shortened(value)}")


def check_share(title: str, name: str, value: object) -> None:
    """Raises InputError unless a share is a number in 0 … 1, 1 excluded."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        raise InputError(f"{name} of a {title} is a number in 0 … 1, 1 excluded, not {shortened(value)}")


def check_list(what: str, values: object, *, longest: int, most: int, each: str) -> None:
    """Raises InputError unless values are a tuple of 1 to ``longest`` whole numbers in 1 … ``most``.

    what: the beginning of a sentence, such as ``hidden of a MADE is``. each: what one of the numbers is.
    """
    numbers = values if isinstance(values, tuple) else ()
    if not 1 <= len(numbers) <= longest or not all(type(n) is int and 1 <= n <= most for n in numbers):
        raise InputError(
            f"{what} a list of 1 to {longest} whole numbers in 1 … {most}, {each}; not {shortened(values)}"
        )


def check_weights(what: str, count: int) -> None:
    """Raises InputError for more weights than ``MAX_WEIGHTS``. what: such as ``this MADE of 784 variables has``."""
    if count > MAX_WEIGHTS:
        raise InputError(f"{what} {count} weights; at most {MAX_WEIGHTS} are allowed")
