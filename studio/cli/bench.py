"""``bench``: how fast the engines are, and how their cost grows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from models.chain import Chain, ImageChain
from models.errors import InputError
from studio.cli.shared import (
    BAD_INPUT,
    PROGRAM,
    ArgumentsError,
    Progress,
    find_model,
    load_model,
    say,
    user_catalog,
    write_json,
    write_line,
)

if TYPE_CHECKING:
    from models.bench import Scaling
    from models.catalog import Entry
    from models.checkpoint import CheckpointHeader


def bench(arguments: argparse.Namespace) -> int:
    if (arguments.model is not None) + (arguments.scaling is not None) + arguments.wavenet != 1:
        raise ArgumentsError(f"expected a MODEL, or --wavenet, or --scaling (see {PROGRAM} bench --help)")
    if arguments.scaling is not None:
        return bench_scaling(arguments)
    if arguments.wavenet:
        return bench_wavenets(arguments)
    entry = find_model(arguments.model)
    with Progress() as progress:
        rows = speeds_of(entry, progress)
    machine = hardware_used()
    if arguments.json:
        write_json({"model": entry.header.name, "engines": rows, "batch": 1, **machine})
        return 0
    write_line(f"{entry.header.title}, one sample at a time, torch {machine['torch']}, {machine['hardware']}")
    write_speeds(entry.header.chain, rows)
    return 0


def bench_wavenets(arguments: argparse.Namespace) -> int:
    """WaveNets of random weights."""
    from models import bench

    found = []
    with Progress() as progress:
        for name, sizes in bench.WAVENETS.items():
            progress(f"measuring the WaveNet of {name}", force=True)
            model = bench.wavenet(sizes)
            found.append((name, model.chain, bench.summary(model, bench.bench(model))))
    machine = hardware_used()
    if arguments.json:
        measured = [{"model": name, "engines": rows} for name, _, rows in found]
        write_json({"models": measured, "batch": 1, **machine})
        return 0
    write_line(f"WaveNets of random weights, 16 kHz, one at a time, torch {machine['torch']}, {machine['hardware']}")
    for name, chain, rows in found:
        write_line(f"\n{name}")
        write_speeds(chain, rows)
    return 0


def write_speeds(chain: Chain, rows: Sequence[dict[str, Any]]) -> None:
    """A line for each engine, see ``models.bench.summary``."""
    from models.bench import REAL_TIME, meaning

    for row in rows:
        name, value = meaning(chain, row["steps_per_second"])
        said = f"{value:.3g} x real time" if name == REAL_TIME else f"{value:,.2f} {name.replace('_', ' ')}"
        write_line(
            f"{row['engine']:<10} {row['steps_per_second']:>10,.0f} steps/s  {said:<22} "
            f"{row['ratio_to_reference']:>8,.1f} x reference"
        )
    for row in rows:
        if row["limit"] is not None:
            share = row["steps_per_second"] / row["limit"]
            write_line(
                f"{row['engine']}: {share:.0%} of the {row['limit']:,.0f} steps/s at which its weights can be read"
            )


def speeds_of(entry: Entry, progress: Progress) -> list[dict[str, Any]]:
    """Of every engine of a model, see ``models.bench.summary``."""
    loaded = load_model(entry, threads=1)

    from models import bench

    def report(line: str) -> None:
        progress(f"{entry.header.name}: {line}", force=True)

    return bench.summary(loaded.model, bench.bench(loaded.model, report))


def hardware_used() -> dict[str, Any]:
    import torch

    from models.hardware import hardware

    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "hardware": hardware(torch.device("cpu")),
    }


def bench_scaling(arguments: argparse.Namespace) -> int:
    """How the time of an image grows with its side. What cannot be built at other sides is named and left out."""
    named = [find_model(name) for name in arguments.scaling]
    first: dict[str, Entry] = {}
    for entry in user_catalog().entries():
        if entry.shipped and isinstance(entry.header.chain, ImageChain):
            first.setdefault(entry.header.architecture, entry)

    from models.bench import scaling
    from models.model import ModelSpec

    found: list[tuple[CheckpointHeader, list[Scaling]]] = []
    problems = []
    with Progress() as progress:
        for header in (entry.header for entry in named or first.values()):
            spec = ModelSpec(header.architecture, header.chain, header.factors, header.config)
            try:
                found.append((header, scaling(spec, lambda line: progress(line, force=True))))
            except InputError as error:
                problems.append(f"{header.name} is left out: {error}")
    machine = hardware_used()
    if arguments.json:
        measured = [{"model": h.name, "engines": [engine.to_json() for engine in engines]} for h, engines in found]
        write_json({"models": measured, "batch": 1, **machine})
    elif found:
        write_line(f"Seconds for an image, of random weights, torch {machine['torch']}, {machine['hardware']}")
        for header, engines in found:
            write_scaling(header, engines)
        write_line("\n* extrapolated from steps spread over the image")
    for problem in problems:
        say(f"{PROGRAM}: {problem}")
    return BAD_INPUT if named and problems else 0


def write_scaling(header: CheckpointHeader, engines: Sequence[Scaling]) -> None:
    """A table of one architecture: a line for each engine, a column for each side."""
    assert isinstance(header.chain, ImageChain)
    sides = "".join(f"{f'{time.side} x {time.side}':>12}" for time in engines[0].times)
    write_line(f"\n{header.name}\n{'':<10}{sides}   exponent   x reference at {header.chain.height}")
    for engine in engines:
        times = "".join(f"{f'{time.seconds:.3g}':>11}{' ' if time.whole else '*'}" for time in engine.times)
        write_line(f"{engine.engine:<10}{times}{engine.exponent:>11.2f}   {engine.ratio_to_reference:>11,.1f}")
