"""``models``: the models that there are, or all about one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from studio.cli.shared import PROGRAM, say, size_in_words, user_catalog, write_json, write_line

if TYPE_CHECKING:
    from models.catalog import Entry


def list_models(arguments: argparse.Namespace) -> int:
    catalog = user_catalog()
    entries = catalog.entries()
    for path, problem in catalog.problems:
        say(f"{PROGRAM}: {path} is left out: {problem}")
    if arguments.json:
        write_json({"models": [describe(entry) for entry in entries]})
        return 0
    for entry in entries:
        header = entry.header
        told = header.likelihood_in_words
        measured = f"{told} ({header.measured_on})" if told else "likelihood not measured"
        write_line(header.name)
        write_line(f"  {header.title}: {header.chain.modality}, {header.architecture}, {header.chain.describe()}")
        for factor in header.factors:
            write_line(f"  {factor.name}: {factor.describe()}")
        write_line(f"  {measured}, {header.parameters:,} parameters, {size_in_words(header.size_bytes)}")
    if not entries:
        write_line("There are no models yet.")
    return 0


def describe(entry: Entry) -> dict[str, Any]:
    header = entry.header
    return {
        "name": header.name,
        "title": header.title,
        "modality": header.chain.modality,
        "architecture": header.architecture,
        "shape": header.chain.describe(),
        "chain": header.chain.to_json(),
        "conditions": {
            factor.name: {key: value for key, value in factor.to_json().items() if key != "name"}
            for factor in header.factors
        },
        "bits_per_dim": header.bits_per_dim,
        "measured_on": header.measured_on,
        "likelihood": header.likelihood,
        "parameters": header.parameters,
        "receptive_field": header.receptive_field,
        "data": header.data,
        "size_bytes": header.size_bytes,
        "path": str(entry.path),
    }
