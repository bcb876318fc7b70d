"""The table of the zoo: what was measured of each checkpoint, beside what papers report, as Markdown and as JSON.

Likelihoods are those that the headers hold, see ``models.evaluation.data`` and the command ``evaluate``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from models.bench import REAL_TIME
from models.checkpoint import CheckpointHeader
from models.condition import Condition, Order, complete, in_words, left_open
from models.engines import ENGINES
from models.errors import InputError
from models.evaluation.published import (
    RECONSTRUCTION,
    TEST,
    Published,
    examples_measured,
    notes,
    published,
)
from models.likelihood import OWN_CODE, part_name
from models.networks import network_class
from models.wording import grouped

NOT_MEASURED = "not measured"
BEGIN, END = "<!-- the zoo: `sampling-studio evaluate --all --write README.md` -->", "<!-- end of the zoo -->"
"""Lines around the table in a file that it is written into."""


@dataclass(frozen=True)
class Measured:
    """A test likelihood in the row's unit. under: what was given, in words, empty where there is nothing to give."""

    value: float
    standard_error: float | None
    under: str

    def describe(self, unit: str) -> str:
        digits = 2 if self.value >= 10 else 3
        error = "" if self.standard_error is None else f" ± {self.standard_error:.{digits}f}"
        return f"{self.value:.{digits}f}{error} {unit}{f', {self.under}' if self.under else ''}"


@dataclass(frozen=True)
class Row:
    """One checkpoint. examples: of the test part, in words. speeds: see ``bench.summary``, None where not measured."""

    name: str
    model: str
    data: str
    parameters: int
    unit: str
    measured: tuple[Measured, ...]
    examples: str
    published: tuple[Published, ...]
    speeds: list[dict[str, Any]] | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def row(header: CheckpointHeader, speeds: list[dict[str, Any]] | None) -> Row:
    network = network_class(header.architecture)
    return Row(
        name=header.name,
        model=network.title,
        data=f"{header.data.get('title', 'unknown data')}: {header.chain.describe()}",
        parameters=header.parameters,
        unit=header.chain.compared_in,
        measured=tuple(measured(header)),
        examples=examples_measured(header, network),
        published=published(header),
        speeds=speeds,
        notes=tuple(notes(header, network)),
    )


def measured(header: CheckpointHeader) -> list[Measured]:
    """All test likelihoods in the header: first those under a chosen condition, as ``digit any``, which papers report;
    last that under the data's own."""
    key, unit = header.chain.compared_by
    given = " and ".join(factor.name for factor in header.factors if factor.of_data)
    orders = [factor for factor in header.factors if isinstance(factor, Order)]
    known = [f"given the {given}"] * bool(given) + in_words(orders, complete(orders, {}))
    found = []
    for part in sorted(header.likelihood, key=lambda part: (part == TEST, part)):
        numbers = header.likelihood[part]
        if (part == TEST or part.startswith(f"{TEST}, ")) and key in numbers:
            under = part.removeprefix(TEST).removeprefix(", ") or ", ".join(known)
            under = RECONSTRUCTION if under == OWN_CODE else under
            error = numbers.get(f"{key}_standard_error")
            found.append(Measured(unit * numbers[key], None if error is None else unit * error, under))
    return found


def missing(header: CheckpointHeader) -> dict[str, Condition | None]:
    """The parts that a header does not hold yet, and what they are measured under; None: the data's own conditions.

    Where there is a published number, that with all factors of the data left open is one: the papers' models know no
    classes.
    """
    wanted: dict[str, Condition | None] = {part_of_test(header, None): None}
    if (free := left_open(header.factors)) and published(header):
        condition = complete(header.factors, free)
        wanted[part_of_test(header, condition)] = condition
    return {part: condition for part, condition in wanted.items() if part not in header.likelihood}


def part_of_test(header: CheckpointHeader, condition: Condition | None) -> str:
    """Under which name the header holds a test likelihood: ``test``, ``test, digit any``."""
    under = [] if condition is None else in_words(header.factors, condition)
    return part_name(TEST, network_class(header.architecture), under)


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table; the column of speeds is there if one has been measured."""
    timed = any(row.speeds is not None for row in rows)
    head = ["model", "data", "parameters", "test likelihood", "test examples", "published"]
    head += [f"speed: {' · '.join(ENGINES)}"] * timed
    rule = ["---", "---", "---:", "---", "---:", "---", "---"][: len(head)]
    lines = [head, rule, *(cells(row)[: len(head)] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells(row: Row) -> list[str]:
    return [
        f"{row.model} (`{row.name}`)",
        row.data,
        grouped(row.parameters),
        "; ".join(one.describe(row.unit) for one in row.measured) or NOT_MEASURED,
        row.examples or "–",
        "; ".join(map(str, row.published)) or "none on this data",
        NOT_MEASURED if row.speeds is None else speed_cell(row.speeds),
    ]


def speed_cell(speeds: Sequence[dict[str, Any]]) -> str:
    """``18 ms · 352 ms · 15.8 s an image``, ``– · 0.34 · 0.008 x real time``: a dash where there is no such engine."""
    by_engine = {speed["engine"]: speed for speed in speeds}
    meaning = next(key for key in speeds[0] if key == REAL_TIME or key.startswith("ms_per_"))
    values = [by_engine[engine][meaning] if engine in by_engine else None for engine in ENGINES]
    if meaning == REAL_TIME:
        return " · ".join("–" if value is None else f"{value:.2g}" for value in values) + " x real time"
    what = meaning.removeprefix("ms_per_").replace("_", " ")
    article = "an" if what[0] in "aeiou" else "a"
    return " · ".join("–" if value is None else duration(value / 1000) for value in values) + f" {article} {what}"


def duration(seconds: float) -> str:
    """With three digits: ``4.42 ms``, ``352 ms``, ``15.8 s``."""
    unit, value = ("ms", 1000 * seconds) if seconds < 0.9995 else ("s", seconds)
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {unit}"


def all_notes(rows: Sequence[Row]) -> list[str]:
    """The notes of all rows, each of them once."""
    return list(dict.fromkeys(note for row in rows for note in row.notes))


def replaced(text: str, table: str) -> str:
    """A text with the table between its marker lines exchanged. Raises InputError if it does not have both once."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise InputError(f"the table is written between two lines, which must be there once: {BEGIN} and {END}")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}"
