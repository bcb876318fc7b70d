"""The parser of the command line: every command with its arguments."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.engines import ALL_ENGINES, AUTO, DEVICES
from models.formats import FORMATS, READABLE, suffixes
from models.version import VERSION
from studio.cli.bench import bench
from studio.cli.doctor import doctor
from studio.cli.evaluate import evaluate
from studio.cli.models import list_models
from studio.cli.reproduce import reproduce
from studio.cli.sample import BATCH, DEFAULT_SEED, LOWER_HALF, MOST_AT_ONCE, sample
from studio.cli.score import score
from studio.cli.shared import PROGRAM, Parser
from studio.cli.train import train


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
    add_source(sample)
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
    sample.add_argument(
        "--prompt", metavar="TEXT", help="what a text begins with; --steps counts what follows (default: nothing)"
    )
    sample.add_argument(
        "--frames", type=path, metavar="FILE",
        help="what a video begins with: a GIF, an animated PNG or the first of `videos` in an .npz, of the model's "
        "size; of its frames the first ones, as many as the model was made for (default: every frame is drawn)",
    )  # fmt: skip
    sample.add_argument(
        "--beam", type=positive, metavar="N",
        help="instead of samples the N texts that a beam search finds, the most probable first, or it alone where OUT "
        "holds one (default: samples)",
    )  # fmt: skip
    length = sample.add_mutually_exclusive_group()
    length.add_argument(
        "--steps", type=positive, metavar="N",
        help="variables of each sample at most (default: a whole image; of sound and text, the model's default length)",
    )  # fmt: skip
    length.add_argument("--seconds", type=number, metavar="S", help="the same for sound, in seconds")
    sample.add_argument(
        "--scale", type=positive, default=1, metavar="N",
        help=f"enlarge {suffixes(f for f in FORMATS if f.scaled)} by a whole factor, without smoothing (default: 1)",
    )  # fmt: skip
    sample.add_argument(
        "--engine", choices=(AUTO, *ALL_ENGINES), default=AUTO, help="default: auto, the fastest that the model has"
    )
    add_device(sample, "default: auto, cpu where an engine is compiled for it, else cuda where there is one")

    score = add(
        "score", "How probable a model finds data.",
        details="Sound is scored as it lies in the file, at its own level. Without --condition or --source, a sample "
        "that this program saved is scored under the condition that its file carries, as far as the model has it, and "
        "any other under the defaults; each line says which. Files that cannot be scored are named on standard error, "
        "and in the `errors` of the JSON object; the others are scored, and the exit code is 1.",
    )  # fmt: skip
    add_model(score)
    score.add_argument(
        "files", metavar="FILE", nargs="+", type=path,
        help=f"{suffixes(READABLE)}, saved by this program or another; arrays are `samples` or `images`",
    )  # fmt: skip
    add_condition(score)
    add_source(score)
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
        "bench", "Steps per second of every engine of a model, one sample at a time, on one thread; or an option."
    )
    bench.add_argument("model", metavar="MODEL", nargs="?", help=MODEL_HELP)
    bench.add_argument(
        "--wavenet", action="store_true", help="instead of MODEL: WaveNets of random weights in three sizes, at 16 kHz"
    )
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


def add_source(command: Parser) -> None:
    source = command.add_mutually_exclusive_group()
    source.add_argument(
        "--source", metavar="TEXT",
        help="what a text translates, the same as --condition source=TEXT (default: an example)",
    )  # fmt: skip
    source.add_argument(
        "--source-file", type=path, metavar="FILE", help="the same from a text file, in UTF-8 (default: none)"
    )


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


def whole(text: str, least: int = 0) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"expected a whole number, {least} or more, not {text!r}")
    return value


def positive(text: str) -> int:
    return whole(text, 1)


def assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, not {text!r}")
    return name, value


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
