"""``reproduce``: walks a saved sample again."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from models.errors import FileError
from studio.cli.shared import BAD_INPUT, Progress, find_model, load_model, user_catalog, write_json, write_line


def reproduce(arguments: argparse.Namespace) -> int:
    from models.checkpoint import weights_hash
    from models.files import read_saved

    take = read_saved(arguments.file).take
    wanted = f"{take.model.name} with the weights {take.model.weights}"
    entry = find_model(arguments.model) if arguments.model else user_catalog().match(take.model)
    if entry is None:
        raise FileError(f"{arguments.file} was made by {wanted}, which is not among the models; name it by --model")
    if (held := weights_hash(entry.path)) != take.model.weights:
        raise FileError(f"{arguments.file} was made by {wanted}; {entry.path} has others, {held}")

    from models.beam_search import searching_again
    from models.blocks import at_once
    from models.sampling import device_of, reproduce

    device = device_of(take)
    loaded = load_model(entry, device, threads=1)
    results: list[dict[str, Any]] = []
    with Progress() as progress:

        def reporter(number: int, steps: int) -> Callable[[int], None]:
            return lambda step: progress(f"sample {number} of {len(take.traces)}: step {step} of {steps}")

        searched = [] if take.beam is None else at_once(searching_again(loaded.model, take))
        for n, trace in enumerate(take.traces):
            again = searched[n] if searched else reproduce(loaded.model, trace, report=reporter(n + 1, len(trace)))
            at = again.first_difference
            results.append(
                {
                    "sample": trace.schedule[0].sample,
                    "steps": again.steps,
                    "recorded_by": again.recorded_by,
                    "walked_by": again.walked_by,
                    "fallback": again.fallback,
                    "agrees": again.agrees,
                    "first_difference": at,
                    "location": None if at is None else take.chain.locate(at),
                    "recorded": again.recorded,
                    "again": again.again,
                    "distance": again.distance,
                    "tie": again.tie,
                }
            )
    good = all(result["agrees"] or result["tie"] for result in results)
    if arguments.json:
        write_json(
            {
                "file": str(arguments.file),
                "model": entry.header.name,
                "device": device,
                "agrees": all(result["agrees"] for result in results),
                "reproduced": good,
                "samples": results,
            }
        )
        return 0 if good else BAD_INPUT
    for fallback in {result["fallback"]: None for result in results if result["fallback"]}:
        write_line(f"{fallback}: the same up to a float tie is all that can be expected")
    for result in results:
        if result["agrees"]:
            write_line(f"sample {result['sample']}: the same, {result['steps']} steps")
        else:
            label = take.chain.alphabet.label
            kind = "a float tie" if result["tie"] else "no float tie"
            if result["distance"] is not None:
                kind += f", {result['distance']:.1e} from the boundary"
            write_line(
                f"sample {result['sample']}: differs at step {result['first_difference']} ({result['location']}): "
                f"{label(result['recorded'])} recorded, {label(result['again'])} now; {kind}"
            )
    return 0 if good else BAD_INPUT
