"""What a user may fix before a walk: named factors such as the class or the speaker.

Factors are of kinds. Each kind is a class here with a line in ``FACTORS``, or a class of a plug-in, and a chooser in
``studio.panels.choosers``. What works with any kind does not ask for it. What only some kinds can do asks, and
leaves the others alone or refuses them by ``categories``: scoring by class, sweeps, completion along an ``Order``, and
a network, which knows the kinds that it was written for.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from reprlib import repr as shortened
from typing import Any, ClassVar, Self

import numpy.typing as npt

from models.chain import MAX_SIDE, Chain, ImageChain
from models.errors import InputError
from models.orders import KINDS_OF_ORDERS, before_after, pixel_order, random_order
from models.plug_ins import find_class, refused_as

FACTOR_GROUP = "sampling_studio.factors"
"""Of entry points, see ``plug_ins``."""

ANY = "any"

MAX_WORD = 200
"""Characters in a name or a title, or in one of the values of a category."""
MAX_LABEL = 80
"""Characters of a value in a line for people: a track over time may have thousands of numbers."""
MAX_VALUES = 1000
"""Of a category: each has a button."""
MAX_SIZE = 1024
"""Of a vector."""
BLEND_SIGN = " + "
"""Between the parts of a blend."""
BLEND_PART = re.compile(r"((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?) (.+)")
"""A weight and a value."""
BLEND_TOLERANCE = 1e-6
"""Of the sum of its weights."""

Condition = Mapping[str, Any]
"""A value for each factor by its name. Values are what JSON holds, as schedules and saved files keep them."""


@dataclass(frozen=True)
class Factor(ABC):
    """One thing that a model can be conditioned on."""

    kind: ClassVar[str]
    """The name of the kind in files."""
    of_data: ClassVar[bool] = True
    """Whether data sets tell its values; what only the user or the model knows keeps its default."""

    name: str

    def __post_init__(self) -> None:
        check_words(self.name)

    @property
    @abstractmethod
    def default(self) -> Any:
        """The value that holds where none is chosen."""

    @property
    def null(self) -> Any:
        """The value that leaves the factor to the model, which training puts in place of some; None: there is none."""
        return None

    @property
    def example(self) -> Any:
        """The value that a window begins with."""
        return self.default

    @property
    @abstractmethod
    def numbers(self) -> int:
        """How many numbers ``encode`` gives."""

    @abstractmethod
    def encode(self, value: Any) -> Sequence[float]:
        """A value as a network is given it, ``numbers`` of them; raises InputError as ``check``."""

    def same_until(self, one: Any, other: Any, chain: Chain, step: int) -> bool:
        """Whether the conditionals before a step are the same under both values: those of a track may differ later."""
        return bool(one == other)

    def forgets(self, one: Any, other: Any, chain: Chain, step: int) -> bool:
        """Whether another value is this one until a step, but for what was too much to be kept: see ``Track``."""
        return False

    def steps(self, value: Any, chain: Chain) -> int:
        """How many steps it takes until all that a value tells of has happened; 0 of what tells of no time."""
        return 0

    def arrange(self, chain: Chain, value: Any) -> Chain:
        """The chain under this value: a factor may decide on the order of the variables."""
        return chain

    @abstractmethod
    def check(self, value: Any) -> None:
        """Raises InputError, saying what would be right, unless this is a value of the factor as JSON holds it."""

    def takes(self, value: Any) -> bool:
        """Whether this is a value of the factor."""
        try:
            self.check(value)
        except InputError:
            return False
        return True

    @abstractmethod
    def parse(self, text: str) -> Any:
        """The value that somebody typed; raises InputError as ``check``."""

    def from_array(self, array: npt.NDArray[Any]) -> list[Any]:
        """The values in the rows of an array of a data file: strings as they are typed, others as they are.

        Raises InputError as ``check``.
        """
        if array.dtype.kind == "U":
            return [self.parse(text) for text in array.tolist()]
        values: list[Any] = array.tolist()
        for value in values:
            self.check(value)
        return values

    @abstractmethod
    def format(self, value: Any) -> str:
        """The text for which ``parse`` gives this very value."""

    def label(self, value: Any) -> str:
        """A value for people to read, as ``format`` writes it; of a long one the beginning, and how long it is."""
        return _beginning(self.format(value))

    def named(self, value: Any) -> str:
        """A value with what it is one of: ``digit 3``."""
        return f"{self.name} {self.label(value)}"

    @abstractmethod
    def describe(self) -> str:
        """In words, which values there are: ``0, 1, 2, or any``."""

    @property
    def summary(self) -> str:
        """The factor in two or three words: ``10 digits``."""
        return self.name

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """``kind``, ``name`` and whatever ``from_json`` needs."""

    @classmethod
    @abstractmethod
    def from_json(cls, config: Mapping[str, Any]) -> Self:
        """From what ``to_json`` gave. Raises InputError, KeyError or TypeError for anything else."""


Blend = Mapping[str, float]
"""Several choices of a category with their weights, which are positive and sum to 1."""


@dataclass(frozen=True)
class Category(Factor):
    """One of a few named values: ``digit`` with the values ``0`` … ``9``; or a blend of some of them.

    A value is a text, and a blend ``{"3": 0.75, "8": 0.25}``: the embedding of a blend is the weighted mean of theirs.
    There are no blends where + is a word in the name of a value, since their texts might mean several things.
    """

    kind = "category"

    values: tuple[str, ...]
    any: bool = False
    """Whether the model was also trained without this factor, so that ``any`` is a value."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.values or len(set(self.values)) != len(self.values) or ANY in self.values:
            raise InputError(f"the condition {self.name!r} needs distinct values other than {ANY!r}")
        if len(self.values) > MAX_VALUES:
            raise InputError(f"the condition {self.name!r} has {len(self.values)} values; at most {MAX_VALUES} can be")
        for value in self.values:
            check_words(value)

    @property
    def choices(self) -> tuple[str, ...]:
        """The values, and ``any`` where it is allowed."""
        return (*self.values, ANY) if self.any else self.values

    @property
    def size(self) -> int:
        """Number of embeddings, one for each of the choices."""
        return len(self.choices)

    @property
    def blends(self) -> bool:
        """Whether its values can be blended."""
        return self.size > 1 and not any(BLEND_SIGN in f" {choice} " for choice in self.choices)

    @property
    def numbers(self) -> int:
        return self.size

    def encode(self, value: str | Blend) -> list[float]:
        """The weight of each of the choices: 1 for a value and 0 for the others, or those of a blend."""
        self.check(value)
        weights = {value: 1.0} if isinstance(value, str) else value
        return [weights.get(choice, 0.0) for choice in self.choices]

    @property
    def default(self) -> str:
        return self.null or self.values[0]

    @property
    def null(self) -> str | None:
        return ANY if self.any else None

    @property
    def example(self) -> str:
        return self.values[0]

    def check(self, value: Any) -> None:
        if isinstance(value, dict) and value:
            for choice in value:
                self.check(choice)
            positive = all(type(weight) in (int, float) and 0 < weight <= 1 for weight in value.values())
            if len(value) < 2 or not positive or abs(math.fsum(value.values()) - 1) > BLEND_TOLERANCE:
                raise InputError(
                    f"a blend of {self.name} has two values or more with positive weights that sum to 1, "
                    f"not {shortened(value)}"
                )
            if not self.blends:
                raise InputError(f"{self.name} has no blends, since + is a word in the name of a value")
        elif not isinstance(value, str) or value not in self.choices:
            blend = f", or a blend of some, as: 0.75 {self.choices[0]} + 0.25 {self.choices[1]}" if self.blends else ""
            raise InputError(f"{self.name} has no value {shortened(value)}; it takes: {', '.join(self.choices)}{blend}")

    def parse(self, text: str) -> str | dict[str, float]:
        """A value; or a blend of some, such as ``0.75 3 + 0.25 8``."""
        parts = [BLEND_PART.fullmatch(part) for part in text.split(BLEND_SIGN)]
        if text not in self.choices and len(parts) > 1 and all(parts):
            blend = {part[2]: float(part[1]) for part in parts if part}
            if len(blend) < len(parts):
                raise InputError(f"a blend of {self.name} has each value once, not {shortened(text)}")
            self.check(blend)
            return blend
        self.check(text)
        return text

    def from_array(self, array: npt.NDArray[Any]) -> list[Any]:
        """Strings are values, integers index the values."""
        if array.ndim != 1 or array.dtype.kind not in "iuU":
            raise InputError(
                f"{self.name} should hold a row of integers or strings, not {array.dtype} of shape {array.shape}"
            )
        if array.dtype.kind == "U":
            return super().from_array(array)
        if array.size and not 0 <= array.min() <= array.max() < len(self.values):
            raise InputError(f"{self.name} lies in 0 … {len(self.values) - 1}, not {array.min()} … {array.max()}")
        return [self.values[index] for index in array.tolist()]

    def format(self, value: Any) -> str:
        return self._text(value)

    def label(self, value: Any) -> str:
        return _beginning(self._text(value, "g"))

    def _text(self, value: str | Blend, digits: str = "") -> str:
        """digits: of weights, as in a format string; without any they are exact."""
        if isinstance(value, str):
            return value
        return BLEND_SIGN.join(f"{weight:{digits}} {choice}" for choice, weight in value.items())

    def describe(self) -> str:
        return ", ".join(self.values) + (f", or {ANY}" if self.any else "")

    @property
    def of_words(self) -> bool:
        """Whether all values are words, as names are, and no figures or letters."""
        return all(sum(map(str.isalpha, value)) > 1 for value in self.values)

    @property
    def summary(self) -> str:
        return f"{len(self.values)} {self.name}{'es' if self.name.endswith('s') else 's'}"

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "values": list(self.values), "any": self.any}

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> Self:
        name, values = config["name"], config["values"]
        texts = isinstance(values, list) and all(isinstance(value, str) for value in values)
        if not texts or not isinstance(config["any"], bool) or set(config) - {"kind"} != {"name", "values", "any"}:
            raise InputError(
                f"the category {name!r} must have a name, a list of values that are texts, any (true or false), and "
                "nothing else"
            )
        return cls(name, tuple(values), config["any"])


@dataclass(frozen=True)
class Vector(Factor):
    """A point of the cube -1 … 1 in ``size`` dimensions: the code of an auto-encoder. A value is a list of numbers."""

    kind = "vector"
    of_data = False

    size: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if type(self.size) is not int or not 1 <= self.size <= MAX_SIZE:
            raise InputError(f"the vector {self.name!r} has 1 to {MAX_SIZE} numbers, not {self.size!r}")

    @property
    def default(self) -> list[float]:
        return [0.0] * self.size

    @property
    def summary(self) -> str:
        return f"{self.size}-D {self.name}"

    @property
    def numbers(self) -> int:
        return self.size

    def encode(self, value: Sequence[float]) -> list[float]:
        self.check(value)
        return list(value)

    def check(self, value: Any) -> None:
        inside = isinstance(value, list) and all(type(x) in (int, float) and -1 <= x <= 1 for x in value)
        if not inside or len(value) != self.size:
            raise InputError(f"{self.name} is {self.describe()}, not {value!r}")

    def parse(self, text: str) -> list[float]:
        try:
            value = [float(part) for part in text.split(",")]
        except ValueError:
            raise InputError(f"{self.name} is {self.describe()} with commas between them, not {text!r}") from None
        self.check(value)
        return value

    def format(self, value: Any) -> str:
        return ",".join(map(repr, value))

    def label(self, value: Any) -> str:
        return _beginning(", ".join(f"{x:+.2f}" for x in value))

    def describe(self) -> str:
        return f"{self.size} numbers in -1 … 1"

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "size": self.size}

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> Self:
        return cls(config["name"], config["size"])


@dataclass(frozen=True)
class Order(Factor):
    """The order in which the pixels of an image come, for a model that knows them all. A value is its name.

    It is part of the condition, since it says what is known at which step, and it arranges the chain.
    """

    kind = "order"
    of_data = False

    height: int
    width: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(type(side) is int and 1 <= side <= MAX_SIDE for side in (self.height, self.width)):
            raise InputError(f"an order is one of 1 to {MAX_SIDE} rows and columns, not {self.height} x {self.width}")

    @property
    def default(self) -> str:
        """A shuffle: a model of all orders is trained on random sets of known pixels, and knows a raster's least."""
        return random_order(0)

    @property
    def summary(self) -> str:
        return f"any {self.name}"

    @property
    def numbers(self) -> int:
        return self.height * self.width

    def encode(self, value: str) -> list[float]:
        """The pixels, as row * width + column, in the order of their steps."""
        return [float(pixel) for pixel in pixel_order(value, self.height, self.width)]

    def arrange(self, chain: Chain, value: str) -> Chain:
        if not isinstance(chain, ImageChain) or (chain.height, chain.width) != (self.height, self.width):
            raise InputError(f"{self.name} is one of images of {self.height} x {self.width}, not of {chain.describe()}")
        return replace(chain, order=value)

    def check(self, value: Any) -> None:
        if not isinstance(value, str):
            raise InputError(f"{self.name} is named by a text, not {value!r}")
        pixel_order(value, self.height, self.width)

    def parse(self, text: str) -> str:
        self.check(text)
        return text

    def format(self, value: Any) -> str:
        return str(value)

    def label(self, value: Any) -> str:
        order, given = before_after(value)
        return f"{order} after {given} given pixels" if given else order

    def describe(self) -> str:
        return KINDS_OF_ORDERS

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "height": self.height, "width": self.width}

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> Self:
        return cls(config["name"], config["height"], config["width"])


FACTORS: dict[str, type[Factor] | str] = {
    **{kind.kind: kind for kind in (Category, Vector, Order)},
    "number": "models.track:Number",
    "pitch": "models.track:Pitch",
    "track": "models.track:Track",
    "text": "models.source_text:Text",
}
"""The kinds of factors by their names in files; others come from plug-ins."""


def check_words(word: Any) -> None:
    """Raises InputError unless this is a line of text that can be shown as it is."""
    if not isinstance(word, str) or not word.isprintable() or not 0 < len(word) <= MAX_WORD:
        shown = repr(word)
        raise InputError(
            f"names, titles and values must be lines of 1 to {MAX_WORD} characters, not "
            f"{shown if len(shown) <= MAX_WORD else shown[:MAX_WORD] + ' …'}"
        )


def _beginning(text: str) -> str:
    """Of a long text the beginning, and how long it is."""
    return text if len(text) <= MAX_LABEL else f"{text[:MAX_LABEL]} … ({len(text)} characters)"


def factors_from_json(config: Sequence[Mapping[str, Any]]) -> tuple[Factor, ...]:
    """Raises InputError for anything but a list of factors; one that names no kind is a category."""
    factors = []
    with refused_as("not a list of conditions"):
        for entry in config:
            kind = entry.get("kind", Category.kind)
            found = find_class(kind, FACTORS, FACTOR_GROUP, Factor, what="kind of condition", attribute="kind")
            factors.append(found.from_json(entry))
    return tuple(factors)


def steps_told(factors: Sequence[Factor], condition: Condition, chain: Chain) -> int:
    """How many steps it takes until all that these factors of a condition tell of has happened."""
    return max((factor.steps(condition[factor.name], chain) for factor in factors), default=0)


def complete(factors: Sequence[Factor], chosen: Condition) -> dict[str, Any]:
    """The whole condition: what was chosen, checked, and each other factor's default."""
    check_names(factors, chosen)
    condition = {factor.name: chosen.get(factor.name, factor.default) for factor in factors}
    for factor in factors:
        factor.check(condition[factor.name])
    return condition


def parse(factors: Sequence[Factor], typed: Mapping[str, str]) -> dict[str, Any]:
    """The whole condition from what was typed for some of the factors; raises InputError as ``complete``."""
    check_names(factors, typed)
    return complete(factors, {f.name: f.parse(typed[f.name]) for f in factors if f.name in typed})


def by_row(columns: Mapping[str, Sequence[Any]], count: int) -> list[Condition]:
    """The conditions of ``count`` examples from a column of values for each factor.

    Where all values are texts, as those of categories, equal conditions are one object.
    """
    rows: list[Condition] = [{name: values[n] for name, values in columns.items()} for n in range(count)]
    if not all(isinstance(value, str) for values in columns.values() for value in values):
        return rows
    shared: dict[tuple[str, ...], Condition] = {}
    return [shared.setdefault(tuple(row.values()), row) for row in rows]


def in_words(factors: Sequence[Factor], condition: Condition) -> list[str]:
    """Each factor with its value: ``digit 3``."""
    return [factor.named(condition[factor.name]) for factor in factors]


def in_brief(factors: Sequence[Factor], condition: Condition) -> str:
    """``ada · digit 3``: of what was left open nothing, and words alone where but one of the factors has words."""
    words = [factor for factor in factors if isinstance(factor, Category) and factor.of_words]
    told = [factor for factor in factors if factor.null is None or condition[factor.name] != factor.null]
    return " · ".join(
        factor.label(condition[factor.name]) if [factor] == words else factor.named(condition[factor.name])
        for factor in told
    )


def left_open(factors: Sequence[Factor]) -> dict[str, Any]:
    """The condition that leaves to the model all that data would tell.

    Empty where one of these factors cannot be left open, and where there is none.
    """
    told = [factor for factor in factors if factor.of_data]
    return {f.name: f.null for f in told} if all(f.null is not None for f in told) else {}


def check_names(factors: Sequence[Factor], names: Iterable[str]) -> None:
    """Raises InputError, with the names that there are, for one that no factor has."""
    known = {factor.name for factor in factors}
    for name in names:
        if name not in known:
            what = f"its conditions are: {', '.join(sorted(known))}" if known else "it has no conditions"
            raise InputError(f"the model has no condition {name!r}; {what}")


def categories(factors: Sequence[Factor]) -> tuple[Category, ...]:
    """The same factors, all of which must be categories; raises InputError naming the first that is not."""
    for factor in factors:
        if not isinstance(factor, Category):
            raise InputError(f"this needs conditions that are categories; {factor.name!r} is a {factor.kind}")
    return tuple(factor for factor in factors if isinstance(factor, Category))


def arranged(chain: Chain, factors: Sequence[Factor], condition: Condition) -> Chain:
    """The chain under a condition, which may decide on the order of its variables."""
    for factor in factors:
        chain = factor.arrange(chain, condition.get(factor.name, factor.default))
    return chain
