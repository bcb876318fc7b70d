"""``score``: what a model thinks of given data."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.condition import Category, Factor
from models.errors import FileError, InputError, StudioError
from studio.cli.shared import (
    BAD_INPUT,
    PROGRAM,
    Progress,
    condition_of,
    conditioned_on,
    fail,
    find_model,
    load_model,
    say,
    source_of,
    unit,
    write_json,
    write_line,
)

if TYPE_CHECKING:
    from models.checkpoint import CheckpointHeader, LoadedModel
    from models.evaluation.data import Example

LEAST_TOLD = 0.001
"""Probability of a value that is told for itself in a posterior."""


def score(arguments: argparse.Namespace) -> int:
    from models.evaluation.data import read_data_file

    entry = find_model(arguments.model)
    header = entry.header
    source = source_of(arguments, entry)
    chosen = condition_of(arguments, entry, source) if arguments.condition or source else None
    found: list[tuple[Path, list[Example]]] = []
    problems: list[tuple[Path, StudioError]] = []
    for file in arguments.files:
        try:
            found.append((file, read_data_file(file, header, chosen)))
        except (FileError, InputError) as error:
            problems.append((file, error))
    results: list[dict[str, Any]] = []
    if found:
        results, unscored = scores(load_model(entry), found, with_posterior=arguments.posterior)
        problems += unscored
    if arguments.json:
        errors = [{"file": str(file), "error": str(problem)} for file, problem in problems]
        write_json({"model": header.name, "files": results, "errors": errors})
    else:
        write_scores(results, header, several={str(file) for file, examples in found if len(examples) > 1})
    skipped = [repr(factor.name) for factor in header.factors if not isinstance(factor, Category)]
    if arguments.posterior and skipped:
        say(f"{PROGRAM}: only categories have a posterior, not {', '.join(skipped)}")
    for _, problem in problems:
        fail(problem, BAD_INPUT)
    return BAD_INPUT if problems else 0


def scores(
    loaded: LoadedModel,
    found: Sequence[tuple[Path, Sequence[Example]]],
    *,
    with_posterior: bool,
) -> tuple[list[dict[str, Any]], list[tuple[Path, StudioError]]]:
    """What ``score`` says of every sample in files, and the files that the model cannot score, with what is wrong."""
    results: list[dict[str, Any]] = []
    problems: list[tuple[Path, StudioError]] = []
    with Progress() as progress:
        for file, examples in found:
            try:
                results += file_scores(loaded, file, examples, progress, with_posterior=with_posterior)
            except InputError as error:
                problems.append((file, InputError(f"{file}: {error}")))
    return results, problems


def file_scores(
    loaded: LoadedModel,
    file: Path,
    examples: Sequence[Example],
    progress: Progress,
    *,
    with_posterior: bool,
) -> list[dict[str, Any]]:
    """Of the samples in one file. Raises InputError if one cannot be scored."""
    from models.likelihood import posterior, surprises_under

    results: list[dict[str, Any]] = []
    for n, example in enumerate(examples):
        progress(f"{file}: {n} of {len(examples)}")
        conditions = example.conditions
        steps = len(example.symbols)
        bits = float(surprises_under(loaded.model, example.symbols, conditions).sum())
        result: dict[str, Any] = {
            "file": str(file),
            "sample": n,
            "condition": conditions[0][1],
            "condition_changes": [{"step": step, "condition": later} for step, later in conditions[1:]],
            "condition_from": example.conditions_from,
            "steps": steps,
            "bits": bits,
            "bits_per_dim": bits / steps,
            "nats": bits * math.log(2),
        }
        if with_posterior:
            result["posterior"] = {
                factor.name: posterior(loaded.model, example.symbols, conditions, factor.name)
                for factor in loaded.header.factors
                if isinstance(factor, Category)
            }
        results.append(result)
    return results


def write_scores(results: Sequence[Mapping[str, Any]], header: CheckpointHeader, several: set[str]) -> None:
    """A line for each result, and one for each posterior. several: the files that hold several samples."""
    chain = header.chain
    for result in results:
        name = result["file"] + (f" [{result['sample']}]" if result["file"] in several else "")
        unfinished = "" if result["steps"] >= (chain.length or 0) else f" of the {result['steps']} steps drawn"
        write_line(
            f"{name}: {result['bits_per_dim']:.4f} {unit(chain)}, {result['bits']:.1f} bits, "
            f"{result['nats']:.1f} nats{unfinished}; {scored_under(result, header.factors)}"
        )
        for factor_name, probabilities in result.get("posterior", {}).items():
            ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])
            told = [f"{value} {p:.4f}" for value, p in ranked if p >= LEAST_TOLD]
            rest = [f"each of the others below {LEAST_TOLD}"] if len(told) < len(ranked) else []
            write_line(f"  {factor_name}: " + ", ".join(told + rest))


def scored_under(result: Mapping[str, Any], factors: Sequence[Factor]) -> str:
    """The conditions of one result of ``score``, and where they are from: ``digit 3 (from the file)``."""
    first = conditioned_on(factors, result["condition"])
    if not factors:
        return first
    later = [(turn["step"], conditioned_on(factors, turn["condition"])) for turn in result["condition_changes"]]
    turns = [first, *(f"from step {step} on {condition}" for step, condition in later)]
    source = {"option": "as asked", "file": "from the file", "default": "by default"}[result["condition_from"]]
    return f"{', '.join(turns)} ({source})"
