"""What a user may fix before a walk: named factors such as the class or the speaker.

Factors are of kinds. Each kind is a class here with a line in ``FACTORS``, or a class of a plug-in, and a chooser in
``studio.panels.condition``; nothing else in the library or the window asks of which kind a factor is, but for what can
only be done with categories, which takes ``Category`` or calls ``categories``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy.typing as npt

from models.errors import InputError
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

Condition = Mapping[str, Any]
"""A value for each factor by its name. Values are what JSON holds, as schedules and saved files keep them."""


@dataclass(frozen=True)
class Factor(ABC):
    """One thing that a model can be conditioned on."""

    kind: ClassVar[str]
    """The name of the kind in files."""

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
        """The text that ``parse`` takes for a value."""

    def label(self, value: Any) -> str:
        """A value for people to read, as ``format`` writes it; of a long one the beginning, and how long it is."""
        text = self.format(value)
        return text if len(text) <= MAX_LABEL else f"{text[:MAX_LABEL]} … ({len(text)} characters)"

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


@dataclass(frozen=True)
class Category(Factor):
    """One of a few named values: ``digit`` with the values ``0`` … ``9``."""

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

    def index(self, value: str) -> int:
        """The embedding's index of a value; raises InputError as ``check``."""
        self.check(value)
        return self.choices.index(value)

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
        if value not in self.choices:
            raise InputError(f"{self.name} has no value {value!r}; it takes: {', '.join(self.choices)}")

    def parse(self, text: str) -> str:
        self.check(text)
        return text

    def from_array(self, array: npt.NDArray[Any]) -> list[str]:
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
        return str(value)

    def describe(self) -> str:
        return ", ".join(self.values) + (f", or {ANY}" if self.any else "")

    @property
    def summary(self) -> str:
        return f"{len(self.values)} {self.name}s"

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


FACTORS: dict[str, type[Factor]] = {Category.kind: Category}
"""The kinds of factors by their names in files; others come from plug-ins."""


def check_words(word: Any) -> None:
    """Raises InputError unless this is a line of text that can be shown as it is."""
    if not isinstance(word, str) or not word.isprintable() or not 0 < len(word) <= MAX_WORD:
        shown = repr(word)
        raise InputError(
            f"names, titles and values must be lines of 1 to {MAX_WORD} characters, not "
            f"{shown if len(shown) <= MAX_WORD else shown[:MAX_WORD] + ' …'}"
        )


def factors_from_json(config: Sequence[Mapping[str, Any]]) -> tuple[Factor, ...]:
    """Raises InputError for anything but a list of factors; one that names no kind is a category."""
    factors = []
    with refused_as("not a list of conditions"):
        for entry in config:
            kind = entry.get("kind", Category.kind)
            found = find_class(kind, FACTORS, FACTOR_GROUP, Factor, what="kind of condition", attribute="kind")
            factors.append(found.from_json(entry))
    return tuple(factors)


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
    return [f"{factor.name} {factor.label(condition[factor.name])}" for factor in factors]


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


def indices(factors: Sequence[Category], condition: Condition) -> list[int]:
    """The embedding index of every factor, in the model's order."""
    return [factor.index(condition[factor.name]) for factor in factors]
