"""What the commands share: errors, the progress line, how results are written, how a model is found."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from models.chain import Chain
from models.condition import Condition, Factor, in_words, parse
from models.errors import InputError, StudioError
from models.source_text import Text
from models.text_files import canonical, read_text

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from models.catalog import Catalog, Entry
    from models.checkpoint import LoadedModel


PROGRAM = "sampling-studio"

BAD_INPUT, BAD_ARGUMENTS, INTERRUPTED = 1, 2, 130


PROGRESS_SECONDS = 0.1


class ArgumentsError(StudioError):
    """What was typed after the program's name is wrong."""


@contextmanager
def typed_by_user() -> Iterator[None]:
    """Values that the user typed are checked here: an InputError is a wrong argument, not a wrong file."""
    try:
        yield
    except InputError as error:
        raise ArgumentsError(str(error)) from None


class Parser(argparse.ArgumentParser):
    """Errors in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise ArgumentsError(f"{message} (see {self.prog} --help)")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """As argparse does it, but for an output that cannot be written, which it says nothing of."""
        (file or sys.stderr).write(message)


def drop(stream: TextIO) -> None:
    """What is still to be written goes nowhere, or python would complain about it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(line: str) -> None:
    """A line on standard error; where that cannot be written there is nowhere left to say so."""
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:
        drop(sys.stderr)


def fail(error: StudioError, code: int) -> int:
    say(f"{PROGRAM}: error: {' '.join(str(error).split())}")
    return code


class Progress:
    """One line on standard error that is written over again, if that is a terminal."""

    def __init__(self) -> None:
        self.shown = sys.stderr.isatty() and os.environ.get("RANK", "0") == "0"  # of those that torchrun started
        self._last = -math.inf

    def __call__(self, line: str, *, force: bool = False) -> None:
        if self.shown and (force or time.monotonic() - self._last > PROGRESS_SECONDS):
            self._last = time.monotonic()
            sys.stderr.write(f"\r\033[K{line}")
            sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def write_json(value: Mapping[str, Any]) -> None:
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    sys.stdout.write(json.dumps(finite(value), indent=2, ensure_ascii=plain, allow_nan=False) + "\n")


def finite(value: Any) -> Any:
    """JSON has neither infinities nor NaN: they become null."""
    if isinstance(value, Mapping):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_line(line: str = "") -> None:
    sys.stdout.write(line + "\n")


def user_catalog() -> Catalog:
    from models.catalog import Catalog
    from studio.folders import profile_folder

    return Catalog(user=profile_folder())


def find_model(name_or_path: str) -> Entry:
    with typed_by_user():
        return user_catalog().find(name_or_path)


def load_model(entry: Entry, device: str = "cpu", *, threads: int | None = None) -> LoadedModel:
    """The network of an entry, with so many torch threads, or as many as torch finds fit."""
    import torch

    from models.checkpoint import load_checkpoint

    if threads is not None:
        torch.set_num_threads(threads)
    with typed_by_user():
        return load_checkpoint(entry.path, device)


def cuda_or_cpu() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def condition_of(
    arguments: argparse.Namespace, entry: Entry, further: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """further: what other options than --condition say of conditions, by name."""
    with typed_by_user():
        chosen = dict([*arguments.condition, *further])
        if len(chosen) < len(arguments.condition) + len(further):
            raise InputError("each condition can be given once")
        return parse(entry.header.factors, chosen)


def source_of(arguments: argparse.Namespace, entry: Entry) -> list[tuple[str, str]]:
    """The source text, by the name of its condition, if --source or --source-file says so."""
    if arguments.source is None and arguments.source_file is None:
        return []
    option = "--source" if arguments.source_file is None else "--source-file"
    with typed_by_user():
        factor = next((factor for factor in entry.header.factors if isinstance(factor, Text)), None)
        if factor is None:
            raise InputError(f"{option} is for models that translate; {entry.header.title} has no source text")
        if arguments.source is not None:
            return [(factor.name, canonical(arguments.source))]
        from models.record import read_bytes

        # An editor has put a line break at the end, which belongs to the file and not to the sentence.
        return [(factor.name, read_text(*read_bytes(arguments.source_file)).removesuffix("\n"))]


def conditioned_on(factors: Sequence[Factor], condition: Condition) -> str:
    return ", ".join(in_words(factors, condition)) or "no condition"


def unit(chain: Chain) -> str:
    """Of the bits that a model takes for one variable."""
    return f"bits/{chain.step_noun}"


def size_in_words(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
