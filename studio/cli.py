"""The command line. Neither torch nor Qt is imported before a command needs it.

Exit codes: 0 done, 1 a file or the data in it cannot be used, 2 wrong arguments, 130 interrupted. Every error is one
line on standard error. Where one of several files cannot be used, the others are.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from models.atomic import reason
from models.chain import Chain, ImageChain, SoundChain
from models.condition import Category, Condition, Factor, Order, in_words, parse
from models.engines import AUTO, DEVICES, ENGINES
from models.errors import FileError, InputError, StudioError
from models.formats import FORMATS, suffixes
from models.noise import check_seed
from models.shaping import Shaping
from models.trace import Take, check_samples
from models.version import VERSION

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from models.bench import Scaling
    from models.bulk import Drawn, Series
    from models.catalog import Catalog, Entry
    from models.checkpoint import CheckpointHeader, LoadedModel
    from models.completion import Mask
    from models.evaluation.data import Example
    from models.image_files import Pixels
    from models.model import AutoregressiveModel

PROGRAM = "sampling-studio"
BAD_INPUT, BAD_ARGUMENTS, INTERRUPTED = 1, 2, 130
STDERR = 2
DEFAULT_SEED = 0
BATCH = 64
"""Samples walked at once unless the user says otherwise: bounds the memory of the decoders."""
LOWER_HALF = "lower-half"
MOST_AT_ONCE = 4096
"""Samples that are kept in memory and written with a record; more are drawn in parts, where that is possible."""
BLOCK = 160
"""Steps between two looks at the progress line."""
LEAST_TOLD = 0.001
"""Probability of a value that is told for itself in a posterior."""

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


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    replace_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a character the terminal lacks, or half of one in a path
    # Pillow would warn on the user's terminal, with a path of its own, of sizes that this program looks at itself.
    warnings.filterwarnings("ignore", message="Image size .* could be decompression bomb")
    code = 0
    try:
        try:
            code = dispatch(arguments)
        except SystemExit as stop:  # --help and --version
            code = int(stop.code or 0)
        except ArgumentsError as error:
            code = fail(error, BAD_ARGUMENTS)
        except StudioError as error:
            code = fail(error, BAD_INPUT)
        except MemoryError:
            code = fail(StudioError("there is not enough memory for this; ask for fewer samples or steps"), BAD_INPUT)
        sys.stdout.flush()
    except BrokenPipeError:
        drop(sys.stdout)  # whoever read it has had enough
    except OSError as error:  # of a file that no command names better, or of the output itself
        try:
            sys.stdout.flush()
        except OSError:
            drop(sys.stdout)
        where = error.filename or "cannot go on"
        code = fail(FileError(f"{where}: {reason(error)}"), BAD_INPUT)
    except KeyboardInterrupt:
        say("")
        code = INTERRUPTED
    return code


def replace_closed_streams() -> None:
    """What was closed by whoever started the program leads nowhere, and its number goes to no file opened later."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(number)
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:
            setattr(sys, stream, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


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


def dispatch(arguments: list[str]) -> int:
    if not arguments or (not arguments[0].startswith("-") and arguments[0] not in COMMANDS) or arguments[0] == "--":
        return open_window(arguments)
    chosen = parser().parse_args(arguments)
    # OpenMP threads that spin while they wait starve each other on a busy machine; read when torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    code: int = chosen.run(chosen)
    return code


# The parser


def parser() -> Parser:
    top = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [FILE]\n       {PROGRAM} COMMAND ...",
        description="Opens the window, on a checkpoint or a saved sample if FILE names one; or runs a command.",
        epilog=f"{PROGRAM} COMMAND --help explains a command. Commands need no screen.",
    )
    top.add_argument("--version", action="version", version=f"{PROGRAM} {VERSION}")
    commands = top.add_subparsers(prog=PROGRAM, title="commands", metavar="COMMAND", required=True)

    def add(name: str, summary: str, *, json_output: bool = True, details: str = "") -> Parser:
        command: Parser = commands.add_parser(name, help=summary, description=f"{summary} {details}".strip())
        command.set_defaults(run=COMMANDS[name])
        if json_output:
            command.add_argument("--json", action="store_true", help="one JSON object on standard output")
        return command

    add(
        "models", "List the models.",
        details="In the JSON object each condition of a model has its `kind` and what that takes: a category its "
        "`values`, and whether `any` is one, too.",
    )  # fmt: skip

    sample = add(
        "sample", "Draw samples from a model and save them.",
        details=f"More than {MOST_AT_ONCE}, as .npz or to a folder, are drawn in parts: the same command goes on where "
        "it was stopped, and `torchrun --nproc-per-node=N -m studio sample ...` draws them by N processes.",
    )  # fmt: skip
    add_model(sample)
    sample.add_argument(
        "-o", "--out", metavar="OUT", required=True, type=path,
        help=f"{suffixes(f for f in FORMATS if f.several)} (several images are drawn as a grid); "
        f"{suffixes(f for f in FORMATS if not f.several)} (one sample); or a folder (no suffix, one file per sample)",
    )  # fmt: skip
    add_condition(sample)
    sample.add_argument(
        "--seed", type=whole, default=DEFAULT_SEED, metavar="N",
        help="0 … 2^53 - 1; with the sample's number it decides all noise (default: %(default)s, not one by chance: "
        "the same command draws the same)",
    )  # fmt: skip
    sample.add_argument("--count", type=positive, default=1, metavar="N", help="how many (default: 1)")
    sample.add_argument(
        "--batch", type=positive, default=BATCH, metavar="N",
        help="how many are walked at once (default: %(default)s; more are faster on a GPU and take more memory)",
    )  # fmt: skip
    sample.add_argument("--first", type=whole, default=0, metavar="N", help="number of the first (default: 0)")
    sample.add_argument("--temperature", type=number, default=1.0, metavar="T", help="0 … 2 (default: 1)")
    sample.add_argument(
        "--top-k", type=whole, default=0, metavar="K",
        help="keep the K likeliest (default: 0, all; as is any K from the size of the alphabet on)",
    )  # fmt: skip
    sample.add_argument(
        "--top-p", type=number, default=1.0, metavar="P", help="keep the likeliest of mass P (default: 1, all)"
    )
    sample.add_argument(
        "--min-p", type=number, default=0.0, metavar="P", help="keep P times the largest or more (default: 0, all)"
    )
    sample.add_argument(
        "--complete", type=path, metavar="PICTURE",
        help="complete an image: any picture, cut, scaled and coloured as the model needs it, without its part "
        "--missing. Exact where the model can draw that part last, else by particles, at least 32 samples (default: "
        "everything is drawn)",
    )  # fmt: skip
    sample.add_argument(
        "--missing", metavar="PART",
        help="with --complete: lower-half, right-half, upper-half, left-half, middle, every-second-pixel, or a picture "
        f"that is white where pixels are missing (default: {LOWER_HALF})",
    )  # fmt: skip
    length = sample.add_mutually_exclusive_group()
    length.add_argument(
        "--steps", type=positive, metavar="N",
        help="variables of each sample at most (default: a whole image; of sound, the model's default length)",
    )  # fmt: skip
    length.add_argument("--seconds", type=number, metavar="S", help="the same for sound, in seconds")
    sample.add_argument(
        "--scale", type=positive, default=1, metavar="N",
        help=f"enlarge {suffixes(f for f in FORMATS if f.scaled)} by a whole factor, without smoothing (default: 1)",
    )  # fmt: skip
    sample.add_argument(
        "--engine", choices=(AUTO, *ENGINES), default=AUTO, help="default: auto, the fastest that the model has"
    )
    add_device(sample, "default: auto, cpu where an engine is compiled for it, else cuda where there is one")

    score = add(
        "score", "How probable a model finds data.",
        details="Sound is scored as it lies in the file, at its own level. Without --condition, a sample that this "
        "program saved is scored under the condition that its file carries, as far as the model has it, and any other "
        "under the defaults; each line says which. Files that cannot be scored are named on standard error, and in "
        "the `errors` of the JSON object; the others are scored, and the exit code is 1.",
    )  # fmt: skip
    add_model(score)
    score.add_argument(
        "files", metavar="FILE", nargs="+", type=path,
        help=f"{suffixes(FORMATS)}, saved by this program or another; arrays are `samples` or `images`",
    )  # fmt: skip
    add_condition(score)
    score.add_argument(
        "--posterior", action="store_true", help="also p(value | x) of each condition that is a category"
    )

    evaluate = add(
        "evaluate", "Likelihood of a data set, with its standard error; or --all that was measured, as a table.",
        details="Sound is normalised as in training: no DC, peak at 0.8 of full scale. Examples are scored under the "
        "conditions that the data gives them, or all under that of --condition.",
    )  # fmt: skip
    evaluate.add_argument("model", metavar="MODEL", nargs="?", help=MODEL_HELP)
    evaluate.add_argument(
        "data", metavar="DATA", nargs="?", type=path,
        help="an .npz (its test part; or `images` and `labels`; or `samples`, `offsets` and an array by the name of "
        "each condition), or the folder of the data set the model learned from",
    )  # fmt: skip
    evaluate.add_argument("--limit", type=positive, metavar="N", help="the first N examples only (default: all)")
    add_condition(evaluate)
    evaluate.add_argument(
        "--write", metavar="FILE", nargs="?", type=path, const=False,
        help="store the result in the checkpoint as its test score; with --all, put the table into FILE, in place of "
        "the one between its marker lines",
    )  # fmt: skip
    evaluate.add_argument(
        "--all", metavar="DIR", nargs="?", type=path, const=False,
        help="instead of one MODEL and DATA: a Markdown table of all shipped models, with the likelihoods that their "
        "checkpoints hold, published ones, and the speeds of this machine; with DIR, the folder of the data sets, "
        "likelihoods that are missing are measured first and stored in the checkpoints",
    )  # fmt: skip
    evaluate.add_argument("--no-speed", action="store_true", help="with --all: measure no speeds")

    again = add(
        "reproduce", "Walk a saved sample again: the same, or the first difference.",
        details="The exit code is 0 if it is the same up to a float tie, else 1.",
    )  # fmt: skip
    again.add_argument("file", metavar="FILE", type=path, help="a file that this program saved")
    again.add_argument("--model", metavar="MODEL", help="where the model is, if it is not in the list of models")

    bench = add(
        "bench", "Steps per second of every engine of a model, one sample at a time, on one thread; or --scaling."
    )
    bench.add_argument("model", metavar="MODEL", nargs="?", help=MODEL_HELP)
    bench.add_argument(
        "--scaling", metavar="NAME", nargs="*",
        help="instead of MODEL: how the time of an image grows with its side, for the architectures of the models of "
        "these names, of random weights at several sizes (default: one shipped model of each architecture that makes "
        "images)",
    )  # fmt: skip

    train = add(
        "train", "Train a model.", json_output=False, details="Ctrl-C leaves a state that --resume goes on from."
    )
    train.add_argument("recipe", metavar="RECIPE", help="a .toml file, or the name of a recipe that is included")
    train.add_argument("--data", metavar="DIR", required=True, type=path, help="the folder of the data sets")
    train.add_argument("-o", "--out", metavar="OUT", required=True, type=path, help="the .safetensors file to write")
    train.add_argument("--resume", action="store_true", help="go on from OUT's state file")
    add_device(train, "default: auto, cuda where there is one, else cpu")

    add(
        "doctor", "What is installed, what is missing, and how to get it.",
        details="The exit code is 0 if the window can start.",
    )  # fmt: skip
    return top


MODEL_HELP = "a name from `models`, or the path of a checkpoint"


def add_model(command: Parser) -> None:
    command.add_argument("model", metavar="MODEL", help=MODEL_HELP)


def add_condition(command: Parser) -> None:
    command.add_argument(
        "--condition", type=assignment, action="append", default=[], metavar="NAME=VALUE",
        help="fix a condition, a category also to a blend, as `0.75 3 + 0.25 8`; the others are `any` where the model "
        "was trained for it, else their first value",
    )  # fmt: skip


def add_device(command: Parser, default: str) -> None:
    command.add_argument("--device", choices=DEVICES, default=AUTO, help=default)


def path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("expected a path, not ''")
    return Path(text)


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, not {text!r}") from None


def whole(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, not {text!r}")
    return value


def positive(text: str) -> int:
    if whole(text) == 0:
        raise argparse.ArgumentTypeError("expected a whole number, 1 or more, not '0'")
    return int(text)


def assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, not {text!r}")
    return name, value


# What commands share


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


def condition_of(arguments: argparse.Namespace, entry: Entry) -> dict[str, Any]:
    with typed_by_user():
        chosen = dict(arguments.condition)
        if len(chosen) < len(arguments.condition):
            raise InputError("each condition can be given once")
        return parse(entry.header.factors, chosen)


def conditioned_on(factors: Sequence[Factor], condition: Condition) -> str:
    return ", ".join(in_words(factors, condition)) or "no condition"


def unit(chain: Chain) -> str:
    """Of the bits that a model takes for one variable."""
    return f"bits/{chain.step_noun}"


def size_in_words(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


# The commands


def open_window(arguments: list[str]) -> int:
    window = Parser(prog=PROGRAM, add_help=False)
    window.add_argument("file", metavar="FILE", nargs="?", type=path)
    known, more = window.parse_known_args(arguments)
    file: Path | None = known.file
    if file is not None and not file.is_file():
        if not file.suffix and len(file.parts) == 1 and not file.exists():
            raise ArgumentsError(f"no command and no file {str(file)!r}; the commands are {', '.join(COMMANDS)}")
        what = "it is a folder" if file.is_dir() else "it is no file" if file.exists() else "there is no such file"
        raise FileError(f"cannot open {file}: {what}")
    if more:
        raise ArgumentsError(f"a window is opened with one FILE at most; unrecognized: {' '.join(more)}")
    from studio.doctor import check_window

    check_window()
    from studio.app import run_window

    code: int = run_window(file)
    return code


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


def sample(arguments: argparse.Namespace) -> int:
    entry = find_model(arguments.model)
    chain = entry.header.chain
    condition = condition_of(arguments, entry)
    with typed_by_user():
        shaping = Shaping(arguments.temperature, arguments.top_k, arguments.top_p, arguments.min_p)
        check_seed(arguments.seed)
        check_samples(arguments.first, arguments.count)
        limit = limit_of(arguments, chain)
        in_parts = check_output(arguments.out, chain, arguments.count, limit, arguments.scale)
        puzzle = puzzle_of(arguments, chain)

    from models import distributed
    from models.bulk import Drawn, Series, check_parts, draw
    from models.files import check_export, export
    from models.sampling import choose, run

    loaded = load_model(entry, threads=1)
    batch = min(arguments.batch, arguments.count)
    with typed_by_user():
        device, engine = choose(loaded.model, device=arguments.device, engine=arguments.engine, samples=batch)
        if in_parts := in_parts or distributed.started_together():
            check_parts(arguments.out, chain, arguments.count, arguments.scale)
            if puzzle is not None:
                raise ArgumentsError(f"--complete is drawn by one process, at most {MOST_AT_ONCE} samples")
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
    elif not in_parts:
        takes = series.takes()
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
            files = export(arguments.out, take, scale=arguments.scale)
        steps = sum(map(len, take.traces))
        drawn = Drawn(files, [trace.bits * math.log(2) for trace in take.traces], steps, steps)
    if drawn is not None:
        report_samples(arguments, entry, series, drawn, seconds, take)
    return 0


def draw_at_once(model: AutoregressiveModel, takes: Sequence[Take], progress: Progress) -> Take:
    """Walks takes one after the other, and makes one of them: the first, with the samples of all."""
    from models.sampling import Walk

    count, there = sum(len(take.samples) for take in takes), 0
    for take in takes:
        walk = Walk(model, take)
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


def missing_part(arguments: argparse.Namespace) -> str:
    return LOWER_HALF if arguments.missing is None else str(arguments.missing)


def duration(seconds: float) -> str:
    """In words: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def limit_of(arguments: argparse.Namespace, chain: Chain) -> int:
    """The largest number of steps of each sample."""
    if arguments.seconds is not None:
        rate = chain.steps_per_second
        if rate is None:
            raise InputError(f"--seconds is for what plays in time, not for {chain.modality} data; use --steps")
        if not 0 < arguments.seconds <= chain.limit / rate:
            raise InputError(f"--seconds lies above 0 and up to {chain.limit / rate:g}, not {arguments.seconds:g}")
        return max(1, round(float(arguments.seconds) * rate))
    steps = chain.default_limit if arguments.steps is None else int(arguments.steps)
    if steps > chain.limit:
        raise InputError(f"--steps lies in 1 … {chain.limit}, not {steps}")
    return steps


def check_output(out: Path, chain: Chain, count: int, limit: int, scale: int) -> bool:
    """What ``export`` would refuse, before anything is drawn. Returns whether it is drawn in parts, see ``bulk``."""
    from models.files import check_export
    from models.formats import format_of
    from models.record import MAX_SAMPLES, MAX_STEPS

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
    write_line(f"{where}: {entry.header.title}, {condition}, seed {arguments.seed}")
    if take is not None and arguments.complete is not None:
        write_line(f"{arguments.complete} without {missing}. {how_it_is_completed(take)}.")
    write_line(
        f"{result['bits_per_dim']:.3f} {unit(chain)}; {steps} steps in {seconds:.2f} s, "
        f"{steps / seconds:,.0f} a second, {series.engine} on {series.device}"
    )


def score(arguments: argparse.Namespace) -> int:
    from models.evaluation.data import read_data_file

    entry = find_model(arguments.model)
    header = entry.header
    chosen = condition_of(arguments, entry) if arguments.condition else None
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
    source = {"option": "from --condition", "file": "from the file", "default": "by default"}[result["condition_from"]]
    return f"{', '.join(turns)} ({source})"


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

    from models.sampling import device_of, reproduce

    device = device_of(take)
    loaded = load_model(entry, device, threads=1)
    results: list[dict[str, Any]] = []
    with Progress() as progress:

        def reporter(number: int, steps: int) -> Callable[[int], None]:
            return lambda step: progress(f"sample {number} of {len(take.traces)}: step {step} of {steps}")

        for trace in take.traces:
            again = reproduce(loaded.model, trace, report=reporter(len(results) + 1, len(trace)))
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


def bench(arguments: argparse.Namespace) -> int:
    if (arguments.model is None) == (arguments.scaling is None):
        raise ArgumentsError(f"expected a MODEL, or --scaling (see {PROGRAM} bench --help)")
    if arguments.scaling is not None:
        return bench_scaling(arguments)
    entry = find_model(arguments.model)

    from models.bench import REAL_TIME, meaning

    with Progress() as progress:
        rows = speeds_of(entry, progress)
    machine = hardware_used()
    if arguments.json:
        write_json({"model": entry.header.name, "engines": rows, "batch": 1, **machine})
        return 0
    write_line(f"{entry.header.title}, one sample at a time, torch {machine['torch']}, {machine['hardware']}")
    for row in rows:
        name, value = meaning(entry.header.chain, row["steps_per_second"])
        said = f"{value:.3g} x real time" if name == REAL_TIME else f"{value:,.2f} {name.replace('_', ' ')}"
        write_line(
            f"{row['engine']:<10} {row['steps_per_second']:>10,.0f} steps/s  {said:<22} "
            f"{row['ratio_to_reference']:>8,.1f} x reference"
        )
    return 0


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


def train(arguments: argparse.Namespace) -> int:
    with typed_by_user():
        recipe_path = find_recipe(arguments.recipe)
        if arguments.out.suffix != ".safetensors":
            raise InputError(f"OUT is a .safetensors file, not {arguments.out}")
    folder = arguments.out.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise FileError(f"cannot write {arguments.out}: {folder} is not a folder that can be written")
    state = arguments.out.with_suffix(".state")
    if state.exists() and not arguments.resume:
        raise FileError(f"{state} is there from an earlier run: --resume goes on from it; remove it to start again")

    from models import distributed

    device = cuda_or_cpu() if arguments.device == AUTO else arguments.device
    if device == "cuda" and cuda_or_cpu() == "cpu":
        raise ArgumentsError("there is no CUDA device that torch can use; use --device cpu")
    with distributed.joined(device):
        return train_on(device, recipe_path, arguments)


def train_on(device: str, recipe_path: Path, arguments: argparse.Namespace) -> int:
    from models import distributed
    from models.training.loop import Trainer, read_recipe

    # The command as others would type it: where this user keeps things stays out of the checkpoint.
    processes = distributed.world_size()
    program = [PROGRAM] if processes == 1 else ["torchrun", f"--nproc-per-node={processes}", "-m", "studio"]
    command = shlex.join(
        [*program, "train", recipe_path.stem, "--data", "DATA", "-o", arguments.out.name, "--device", device]
    )
    trainer = Trainer(read_recipe(recipe_path), arguments.data, arguments.out, device=device, command=command)
    if arguments.resume:
        trainer.resume()
    try:
        best = trainer.run()
    except KeyboardInterrupt:
        if trainer.step:
            trainer.save_state()
        if distributed.rank() == 0:
            where = f"at step {trainer.step}; --resume goes on from there" if trainer.step else "before the first step"
            say(f"\ninterrupted {where}")
        return INTERRUPTED
    if distributed.rank() == 0:
        write_line(f"{arguments.out}: {best.bits_per_dim:.4f} {unit(trainer.model.chain)} (valid)")
    return 0


def find_recipe(name_or_path: str) -> Path:
    """A recipe file, or an included recipe by its name, with - or _."""
    import models.training.recipes

    path = Path(name_or_path)
    if path.suffix == ".toml":
        return path
    included = sorted(Path(models.training.recipes.__path__[0]).glob("*.toml"))
    for recipe in included:
        if recipe.stem == name_or_path.replace("-", "_"):
            return recipe
    names = ", ".join(recipe.stem for recipe in included)
    raise InputError(f"no recipe {name_or_path!r}; the recipes are {names}; or give the path of a .toml file")


def doctor(arguments: argparse.Namespace) -> int:
    from studio.doctor import examine

    diagnosis = examine()
    if arguments.json:
        write_json(diagnosis.to_json())
    else:
        write_line(diagnosis.to_text())
    return 0 if diagnosis.window else BAD_INPUT


COMMANDS = {
    "models": list_models,
    "sample": sample,
    "score": score,
    "evaluate": evaluate,
    "reproduce": reproduce,
    "bench": bench,
    "train": train,
    "doctor": doctor,
}
