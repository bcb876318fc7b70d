"""Takes saved to files and read from them: exports of every format of ``models.formats``, and the history file.

Every exported file carries the record of ``models.record``: symbols, schedule and model, from which it can be shown
exactly and walked again. On reading, what the file shows must be what the symbols say.

Writers copy what is drawn at the moment of the call, so that they may run while a walk goes on. No torch here.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from models.atomic import reason, write_atomically
from models.chain import Chain
from models.errors import FileError
from models.formats import Format, format_in, format_of, formats_of
from models.record import (
    damage_as_file_error,
    is_history,
    load_take,
    read_bytes,
    save_take,
    shown,
    take_from_npz,
    take_from_text,
)
from models.text import TextChain
from models.trace import Segment, Take

__all__ = ["Command", "Saved", "check_export", "command_line", "export", "load_take", "read_saved", "save_take"]


# Writing


def check_export(path: Path, chain: Chain, count: int, *, scale: int = 1) -> Format | None:
    """Raises what ``export`` would of ``count`` samples, as far as that is known before any is drawn.

    Returns the format of the file, None for a folder.
    """
    form = format_of(path, chain, count)
    if form is None:
        formats_of(chain)[0].check_scale(chain, 1, scale)
    else:
        form.check_scale(chain, count, scale)
    return form


def export(path: Path, take: Take, *, samples: Sequence[int] | None = None, scale: int = 1) -> list[Path]:
    """Writes a take as what the suffix says, or to a folder if there is none, see ``formats.format_of``.

    samples: by index in the take, None for all. scale: the whole factor by which pictures are enlarged. A folder, made
    if need be, gets one file per sample in the default format, named by the sample's number, or by its place where
    numbers repeat: ``0000.png``.
    Returns the paths written. Raises InputError for a suffix that is unknown or does not fit the take, and for a scale
    that the format cannot be drawn at; FileError if it cannot be written.
    """
    view = shown(take, samples=samples)
    chain = view.chain
    form = check_export(path, chain, len(view.samples), scale=scale)
    if form is not None:
        write_atomically(path, form.content(view, scale=scale))
        return [path]
    form = formats_of(chain)[0]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {path}: {reason(error)}") from None
    paths = []
    numbers = [trace.schedule[0].sample for trace in view.traces]
    if len(set(numbers)) < len(numbers):  # as those of a sweep, which are all on the same noise
        numbers = list(range(len(numbers)))
    for n, number in enumerate(numbers):
        paths.append(path / f"{number:04d}{form.suffix}")
        write_atomically(paths[-1], form.content(shown(view, samples=[n]), scale=scale))
    return paths


# Reading


@dataclass(frozen=True)
class Saved:
    """What was read from a file. form: None for a history file; of any other, surprise and entropy are NaN."""

    take: Take
    form: Format | None


def read_saved(source: Path | bytes, name: str = "the data") -> Saved:
    """The take in a file of this program, or in the content of one, told apart by content.

    name: what messages call the content, which they call a file by its path.
    Raises FileError if it cannot be read, carries no record or a damaged one, or was edited after it was saved.
    """
    data, name = read_bytes(source, name)
    with damage_as_file_error(name, record=True):
        if is_history(data):
            return Saved(take_from_npz(data, name), None)
        form = format_in(data, name)
        take = take_from_text(form.record_in(data, name))
        # An image and a video may have the same kind of file.
        form = next((other for other in formats_of(take.chain) if other.recognises(data)), form)
        if not form.shows(data, name, take):
            raise FileError(f"{name} was edited after it was saved: it does not show what its metadata says")
        return Saved(take, form)


# The command


class Command(NamedTuple):
    """text: for a shell. exact: whether it makes the take again as shown, up to float ties of the engine."""

    text: str
    exact: bool


def command_line(take: Take) -> Command:
    """The command that draws a take's samples again under the schedule they began with.

    Options at their defaults are left out; engine and device are chosen by the program unless named, so they are
    named. It is not exact if a sample was stopped, edited, branched with new noise, or drawn under more than one
    segment.
    """
    view = shown(take)
    begun = [trace.schedule[0] for trace in view.traces]
    first, model = begun[0], take.model
    form = formats_of(model.chain)[0]
    out = model.name + (form.suffix if form.several or len(take.samples) == 1 else "")
    words = ["sampling-studio", "sample", model.name, "-o", out]
    for factor in model.factors:
        value = first.condition[factor.name]
        if value != factor.default:
            words += ["--condition", f"{factor.name}={factor.format(value)}"]
    words += ["--beam", str(view.beam)] if view.beam is not None else ["--seed", str(first.seed)]
    shaping, limit = first.shaping, model.chain.default_limit
    given = len(take.given) if isinstance(model.chain, TextChain) else 0
    if isinstance(model.chain, TextChain) and given:
        words += ["--prompt", model.chain.text(take.given)]
    for option, value, default in (
        ("--count", 1 if view.beam is not None else len(begun), 1),
        ("--first", first.sample, 0),
        ("--temperature", shaping.temperature, 1),
        ("--top-k", shaping.top_k, 0),
        ("--top-p", shaping.top_p, 1),
        ("--min-p", shaping.min_p, 0),
        ("--steps", take.limit - given, limit),
    ):
        if value != default:
            words += [option, repr(value)]
    words += ["--engine", first.engine, "--device", first.device]
    if view.beam is not None:
        return Command(shlex.join(words), len(begun) == view.beam and all(trace.finished for trace in view.traces))
    exact = all(
        trace.finished and len(trace.schedule) == 1 and not trace.clamped[given:].any() and begun[n] == _nth(first, n)
        for n, trace in enumerate(view.traces)
    )
    return Command(shlex.join(words), exact)


def _nth(first: Segment, n: int) -> Segment:
    """The segment of sample n of a take that begins with ``first``."""
    return replace(first, sample=first.sample + n, salt=0)
