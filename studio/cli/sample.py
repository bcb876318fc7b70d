"""``sample``: draws samples, completes images, and goes on from prompts."""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from models.chain import Chain, ImageChain, Symbols
from models.condition import Order, steps_told
from models.errors import FileError, InputError
from models.noise import check_seed
from models.shaping import Shaping
from models.text import TextChain
from models.text_files import canonical
from models.trace import Take, check_samples
from models.video import VideoChain
from studio.cli.shared import (
    ArgumentsError,
    Progress,
    condition_of,
    conditioned_on,
    find_model,
    load_model,
    source_of,
    typed_by_user,
    unit,
    write_json,
    write_line,
)

if TYPE_CHECKING:
    from models.bulk import Drawn, Series
    from models.catalog import Entry
    from models.completion import Mask
    from models.image_files import Pixels
    from models.model import AutoregressiveModel

DEFAULT_SEED = 0

BATCH = 64
"""Samples walked at once unless the user says otherwise: bounds the memory of the decoders."""

LOWER_HALF = "lower-half"

MOST_AT_ONCE = 4096
"""Samples that are kept in memory and written with a record; more are drawn in parts, where that is possible."""

BLOCK = 160
"""Steps between two looks at the progress line."""


def sample(arguments: argparse.Namespace) -> int:
    entry = find_model(arguments.model)
    chain = entry.header.chain
    condition = condition_of(arguments, entry, source_of(arguments, entry))
    with typed_by_user():
        shaping = Shaping(arguments.temperature, arguments.top_k, arguments.top_p, arguments.min_p)
        check_seed(arguments.seed)
        check_samples(arguments.first, arguments.count)
        limit = limit_of(arguments, chain, steps_told(entry.header.factors, condition, chain))
        width = width_of(arguments, chain)
        arguments.count = width or arguments.count  # a search finds as many texts as it is wide
        best_alone = width is not None and holds_one(arguments.out, chain)
        written = 1 if best_alone else arguments.count
        in_parts = check_output(arguments.out, chain, written, limit, arguments.scale)
        puzzle, prompt = puzzle_of(arguments, chain), prompt_of(arguments, chain)
        frames = given_frames(arguments, chain)

    from models import distributed
    from models.bulk import Drawn, Series, check_parts, draw
    from models.files import check_export, export
    from models.sampling import choose, run

    loaded = load_model(entry, threads=1)
    batch = width or min(arguments.batch, arguments.count)
    with typed_by_user():
        device, engine = choose(loaded.model, device=arguments.device, engine=arguments.engine, samples=batch)
        if in_parts := in_parts or distributed.started_together():
            check_parts(arguments.out, chain, arguments.count, arguments.scale)
            for option, given in (
                ("--complete", puzzle), ("--prompt", prompt), ("--frames", frames), ("--beam", width),
            ):  # fmt: skip
                if given is not None:
                    raise ArgumentsError(f"{option} is drawn by one process, at most {MOST_AT_ONCE} samples")
    series = Series(
        loaded.reference, arguments.seed, arguments.first, arguments.count, batch, limit, condition, shaping,
        engine, device,
    )  # fmt: skip
    takes: list[Take] = []
    if puzzle is not None:
        with typed_by_user():
            takes = completions(series, *puzzle)
            # Of particles there may be more than were asked for.
            check_export(arguments.out, chain, sum(len(take.samples) for take in takes), scale=arguments.scale)
    elif (beginning := prompt if frames is None else frames) is not None:
        with typed_by_user():
            takes = [going_on(series, beginning, series.numbers(part)) for part in range(series.parts)]
    elif not in_parts:
        takes = series.takes()
    if width is not None:
        takes = [replace(take, beam=width) for take in takes]
    take: Take | None = None
    with distributed.joined(device), Progress() as progress:
        loaded.model.to(device)
        progress(f"loading the {engine} engine", force=True)
        run(loaded.model, series.take(0, limit=1))  # kernels are loaded or compiled here, which is no part of the speed
        began = time.perf_counter()

        def report(there: int, done: float) -> None:
            left = f", {duration((time.perf_counter() - began) * (1 / done - 1))} left" if done else ""
            progress(f"{there} of {arguments.count} samples are there{left}")

        if in_parts:
            drawn = draw(loaded.model, series, arguments.out, report, scale=arguments.scale)
        else:
            take = draw_at_once(loaded.model, takes, progress)
        seconds = time.perf_counter() - began
    if take is not None:
        with typed_by_user():
            files = export(arguments.out, take, samples=[0] if best_alone else None, scale=arguments.scale)
        steps = sum(map(len, take.traces))
        drawn = Drawn(files, [trace.bits * math.log(2) for trace in take.traces], steps, steps)
    if drawn is not None:
        report_samples(arguments, entry, series, drawn, seconds, take)
    return 0


def draw_at_once(model: AutoregressiveModel, takes: Sequence[Take], progress: Progress) -> Take:
    """Walks takes one after the other, and makes one of them: the first, with the samples of all."""
    from models.beam_search import walk_of

    count, there = sum(len(take.samples) for take in takes), 0
    for take in takes:
        walk = walk_of(model, take)
        there += len(take.samples)
        while not walk.done:
            progress(f"sample {there} of {count}: step {take.frontier} of {take.limit}")
            walk.advance(BLOCK)
    drawn, *others = takes
    drawn.samples += [sample for take in others for sample in take.samples]
    return drawn


def puzzle_of(arguments: argparse.Namespace, chain: Chain) -> tuple[Pixels, Mask] | None:
    """The image that --complete asks for, and which of its pixels are known."""
    if arguments.complete is None:
        if arguments.missing is not None:
            raise ArgumentsError("--missing is for --complete")
        return None
    if not isinstance(chain, ImageChain):
        raise InputError(f"only images can be completed, not {chain.modality} data")
    if arguments.steps is not None:
        raise ArgumentsError("--complete draws whole images: without --steps")
    from models.completion import known_part
    from models.image_files import fitted
    from models.record import read_bytes

    return fitted(*read_bytes(arguments.complete), chain), known_part(missing_part(arguments), chain)


def given_frames(arguments: argparse.Namespace, chain: Chain) -> Symbols | None:
    """The symbols of the frames that --frames gives."""
    if arguments.frames is None:
        return None
    if not isinstance(chain, VideoChain):
        raise InputError(f"--frames is for videos, not for {chain.modality} data")
    if arguments.steps is not None:
        raise ArgumentsError("--frames draws whole videos: without --steps")
    from models.completion import given_of
    from models.video_files import read_video

    return given_of(chain, read_video(arguments.frames, chain))


def going_on(series: Series, beginning: Symbols, numbers: range) -> Take:
    """A take of a series that goes on from a prompt, or from given frames."""
    from models.completion import continuation

    return continuation(
        series.model, beginning, more=series.limit, seed=series.seed, count=len(numbers), condition=series.condition,
        shaping=series.shaping, engine=series.engine, device=series.device, first=numbers.start,
    )  # fmt: skip


def completions(series: Series, image: Pixels, known: Mask) -> list[Take]:
    """The takes of a series that completes an image; particles, which depend on one another, are one take."""
    from models.completion import completion

    def drawn(numbers: range) -> Take:
        return completion(
            series.model, image, known, seed=series.seed, count=len(numbers), condition=series.condition,
            shaping=series.shaping, engine=series.engine, device=series.device, first=numbers.start,
        )  # fmt: skip

    whole = drawn(range(series.first, series.first + series.count))
    return [whole] if whole.resampled is not None else [drawn(series.numbers(part)) for part in range(series.parts)]


def prompt_of(arguments: argparse.Namespace, chain: Chain) -> Symbols | None:
    """What the texts begin with, if --prompt says so."""
    if arguments.prompt is None:
        return None
    if not isinstance(chain, TextChain):
        raise InputError(f"only texts have a prompt, not {chain.modality} data")
    from models.completion import check_prefix

    symbols = chain.symbols(canonical(arguments.prompt), closed=False)
    check_prefix(symbols, chain)
    return symbols


def width_of(arguments: argparse.Namespace, chain: Chain) -> int | None:
    """Of the beam search that --beam asks for."""
    if arguments.beam is None:
        return None
    if not isinstance(chain, TextChain):
        raise InputError(f"--beam is for texts, not for {chain.modality} data")
    of_draws = {
        "--count": arguments.count != 1, "--first": arguments.first != 0, "--temperature": arguments.temperature != 1,
        "--top-k": arguments.top_k != 0, "--top-p": arguments.top_p != 1, "--min-p": arguments.min_p != 0,
    }  # fmt: skip
    if meaningless := [option for option, chosen in of_draws.items() if chosen]:
        raise ArgumentsError(f"--beam draws nothing: without {', '.join(meaningless)}")
    if arguments.beam > chain.alphabet.levels:
        raise InputError(f"a beam is at most as wide as the alphabet, {chain.alphabet.levels}; not {arguments.beam}")
    return int(arguments.beam)


def missing_part(arguments: argparse.Namespace) -> str:
    return LOWER_HALF if arguments.missing is None else str(arguments.missing)


def duration(seconds: float) -> str:
    """In words: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def limit_of(arguments: argparse.Namespace, chain: Chain, told: int) -> int:
    """The largest number of steps of each sample. told: how many the condition tells of."""
    if arguments.seconds is not None:
        rate = chain.steps_per_second
        if rate is None:
            raise InputError(f"--seconds is for what plays in time, not for {chain.modality} data; use --steps")
        if not 0 < arguments.seconds <= chain.limit / rate:
            raise InputError(f"--seconds lies above 0 and up to {chain.limit / rate:g}, not {arguments.seconds:g}")
        return max(1, round(float(arguments.seconds) * rate))
    if arguments.steps is None:
        return min(max(chain.default_limit, told), chain.limit)
    steps = int(arguments.steps)
    if steps > chain.limit:
        raise InputError(f"--steps lies in 1 … {chain.limit}, not {steps}")
    return steps


def holds_one(out: Path, chain: Chain) -> bool:
    """Whether what is written holds a single sample."""
    from models.formats import format_of

    form = format_of(out, chain, 1)
    return form is not None and not form.several


def check_output(out: Path, chain: Chain, count: int, limit: int, scale: int) -> bool:
    """What ``export`` would refuse, before anything is drawn. Returns whether it is drawn in parts, see ``bulk``."""
    from models.chain import MAX_STEPS
    from models.files import check_export
    from models.formats import format_of
    from models.record import MAX_SAMPLES

    form = format_of(out, chain, count)
    in_parts = (form is None or form.suffix == ".npz") and (count > MOST_AT_ONCE or count * limit > MAX_STEPS)
    if not in_parts and (count > MAX_SAMPLES or count * limit > MAX_STEPS):
        most = min(MAX_SAMPLES, MAX_STEPS // limit)
        raise InputError(
            f"{count} samples of {limit} steps are too many for one {out.suffix} file, which holds at most {most}; "
            "write them as .npz, or to a folder (no suffix)"
        )
    check_export(out, chain, count, scale=scale)
    if form is None and (out.name.startswith(".") or out.name == "-") and not out.exists():
        raise ArgumentsError(f"-o {out} would make a folder of that name; name a file before the point, or a folder")
    if form is not None and not out.parent.is_dir():
        raise FileError(f"cannot write {out}: there is no folder {out.parent}")
    place = out.absolute()  # a folder is made where it is not there, with those above it
    if not os.access(next(above for above in (place, *place.parents) if above.is_dir()), os.W_OK):
        raise FileError(f"cannot write {out}: the folder cannot be written")
    return in_parts


def report_samples(
    arguments: argparse.Namespace, entry: Entry, series: Series, drawn: Drawn, seconds: float, take: Take | None
) -> None:
    """take: all samples, where they were drawn at once."""
    from models.completion import different_images, how_it_is_completed

    chain, files, steps = entry.header.chain, drawn.files, drawn.new_steps
    by_particles = take is not None and take.resampled is not None
    result = {
        "model": entry.header.name,
        "condition": dict(series.condition if take is None else take.traces[0].schedule[0].condition),
        "shaping": series.shaping.to_json(),
        "seed": arguments.seed,
        "first": arguments.first,
        "count": len(drawn.nats),
        "steps": drawn.steps,
        "bits_per_dim": sum(drawn.nats) / math.log(2) / drawn.steps,
        "nats": drawn.nats,
        "seconds": seconds,
        "steps_per_second": steps / seconds,
        "engine": series.engine,
        "device": series.device,
        **({} if arguments.beam is None else {"beam": arguments.beam}),
        "files": [str(file) for file in files],
    }
    if arguments.complete is not None:
        missing = missing_part(arguments)
        result["completion"] = {"picture": str(arguments.complete), "missing": missing, "exact": not by_particles}
        if take is not None and by_particles:
            result["completion"] |= {"resampled": list(take.resampled or ()), "different": different_images(take)}
    if arguments.json:
        write_json(result)
        return
    where = str(files[0]) if len(files) == 1 else f"{len(files)} files in {arguments.out}"
    # What is known of a completed image comes first, whatever the order: it is not said again.
    factors = [f for f in entry.header.factors if arguments.complete is None or not isinstance(f, Order)]
    condition = conditioned_on(factors, series.condition)
    how = f"seed {arguments.seed}" if arguments.beam is None else f"beam search, width {arguments.beam}"
    write_line(f"{where}: {entry.header.title}, {condition}, {how}")
    if take is not None and arguments.complete is not None:
        write_line(f"{arguments.complete} without {missing}. {how_it_is_completed(take)}.")
    write_line(
        f"{result['bits_per_dim']:.3f} {unit(chain)}; {steps} steps in {seconds:.2f} s, "
        f"{steps / seconds:,.0f} a second, {series.engine} on {series.device}"
    )
