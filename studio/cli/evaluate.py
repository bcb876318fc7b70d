"""``evaluate``: likelihoods of data sets, and the table of all models."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from models.chain import SoundChain
from models.condition import Condition
from models.errors import FileError, InputError, StudioError
from studio.cli.bench import hardware_used, speeds_of
from studio.cli.shared import (
    BAD_INPUT,
    PROGRAM,
    ArgumentsError,
    Progress,
    condition_of,
    fail,
    find_model,
    load_model,
    unit,
    user_catalog,
    write_json,
    write_line,
)

if TYPE_CHECKING:
    from models.catalog import Entry


def evaluate(arguments: argparse.Namespace) -> int:
    if arguments.all is not None:
        return evaluate_all(arguments)
    if arguments.write:
        raise ArgumentsError(f"--write takes a FILE, as {arguments.write}, with --all only; else put it last")
    if arguments.data is None:
        raise ArgumentsError(f"expected MODEL and DATA, or --all (see {PROGRAM} evaluate --help)")
    if arguments.no_speed:
        raise ArgumentsError("--no-speed is for --all")
    entry = find_model(arguments.model)
    header = entry.header

    from models import distributed

    with distributed.joined("cpu"), Progress() as progress:
        progress(f"reading {arguments.data}", force=True)
        chosen = condition_of(arguments, entry) if arguments.condition else None
        measured, seconds = measured_likelihood(
            entry, arguments.data, chosen, progress, limit=arguments.limit, write=arguments.write is not None
        )
        silent = distributed.rank() > 0  # the first process speaks for all
    if silent:
        return 0
    normalised = isinstance(header.chain, SoundChain)
    if arguments.json:
        result = {"model": header.name, "data": str(arguments.data), **measured, "normalised": normalised}
        write_json(result | {"seconds": seconds, "written": arguments.write is not None})
        return 0
    for key, per in (("bits_per_dim", unit(header.chain)), ("nats", "nats")):
        write_line(f"{measured[key]:.4f} ± {measured[f'{key}_standard_error']:.4f} {per}")
    write_line(f"{measured['examples']} examples" + (", normalised: no DC, peak 0.8" if normalised else ""))
    return 0


def measured_likelihood(
    entry: Entry, data: Path, chosen: Condition | None, progress: Progress, *, limit: int | None, write: bool
) -> tuple[dict[str, float | int], float]:
    """Of a data set under a condition, or under that of each example; and the seconds that the scoring took.

    write: into the checkpoint, as a test score.
    """
    from models import distributed
    from models.checkpoint import read_header, update_header
    from models.evaluation.data import read_data_set
    from models.evaluation.zoo import part_of_test

    examples = read_data_set(data, entry.header, chosen)
    loaded = load_model(entry)

    from models.likelihood import measure

    count = min(limit or len(examples), len(examples))
    progress(f"{entry.header.name}: scoring {count} of {len(examples)} examples", force=True)
    began = time.perf_counter()
    measured = measure(loaded.model, examples, limit=limit, encoded=chosen is None).to_json()
    seconds = time.perf_counter() - began
    if write and distributed.rank() == 0:
        held = read_header(entry.path).likelihood  # others may have been measured since the entry was made
        update_header(entry.path, likelihood={**held, part_of_test(entry.header, chosen): measured})
    return measured, seconds


def evaluate_all(arguments: argparse.Namespace) -> int:
    """The table of the zoo. What cannot be measured is named, and its row is there without it."""
    if arguments.model is not None or arguments.condition or arguments.limit:
        raise ArgumentsError("--all is for all models and whole test parts: no MODEL, DATA, --condition or --limit")
    if arguments.write is False:
        raise ArgumentsError("--write with --all takes the FILE to put the table into")
    from models import distributed
    from models.atomic import write_atomically
    from models.checkpoint import read_header
    from models.evaluation import zoo
    from models.record import read_bytes

    if distributed.started_together():
        raise ArgumentsError("--all is for one process")
    if arguments.all and not arguments.all.exists():
        raise FileError(f"{arguments.all}: there is no such folder of data sets")
    page = ""
    if arguments.write:  # what is wrong with it is said before the long work
        try:
            page = read_bytes(arguments.write)[0].decode()
            zoo.replaced(page, "")
        except (UnicodeError, InputError) as error:
            raise InputError(f"{arguments.write}: {error}") from None
    catalog = user_catalog()
    entries = [entry for entry in catalog.entries() if entry.shipped]
    problems = [StudioError(f"{path} is left out: {problem}") for path, problem in catalog.problems]
    rows = []
    with Progress() as progress:
        for entry in entries:
            try:
                for chosen in zoo.missing(entry.header).values() if arguments.all else ():
                    measured_likelihood(entry, arguments.all, chosen, progress, limit=None, write=True)
            except StudioError as error:
                problems.append(StudioError(f"{entry.header.name}: {error}"))
            try:
                speeds = None if arguments.no_speed else speeds_of(entry, progress)
                rows.append(zoo.row(read_header(entry.path), speeds))
            except StudioError as error:
                problems.append(StudioError(f"{entry.header.name} is left out: {error}"))
    table = zoo.table(rows)
    if arguments.write:
        write_atomically(arguments.write, zoo.replaced(page, table).encode())
    if arguments.json:
        machine = {} if arguments.no_speed else hardware_used()
        write_json({"models": [row.to_json() for row in rows], "notes": zoo.all_notes(rows), **machine})
    else:
        write_line(table)
        for note in zoo.all_notes(rows):
            write_line(f"\n{note}")
    for problem in problems:
        fail(problem, BAD_INPUT)
    return BAD_INPUT if problems else 0
