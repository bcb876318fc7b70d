"""Tiny Shakespeare: a million characters of plays, as running text and speech by speech.

From ``tiny_shakespeare/{train,valid,test}.txt`` or the public ``input.txt``. The parts are consecutive: of the public
file, the training part is what comes before the first passage that begins after 85 % of it, the validation part goes on
to the first one after 90 %, and the rest is the test part, of which the packed file holds the first half. nanoGPT, to
which everybody compares, trains on the first 90 % and reports on the rest: its validation part is the test part here,
and it has seen the passages that are the validation part here.

*Running text*: training reads windows of ``WINDOW`` characters that begin anywhere, drawn anew in every epoch, as many
as cover the part once. Validation and test are cut into windows of ``MEASURED`` characters one after another, so that
every character counts once, with all those of its window that came before it as context. (nanoGPT's windows are drawn
at random and as short as in training, so that more of its characters have little before them.)

*Speeches*: what one character says without a break, closed by the stop symbol, given who it is; the line with the name
is no part of it. Who speaks more rarely is not named, which in the test part, most of The Taming of the Shrew, is
everybody.
"""

from __future__ import annotations

import re
import string
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.condition import Category
from models.errors import FileError, InputError
from models.record import damage_as_file_error, read_bytes
from models.text import Characters, TextChain
from models.training.data.base import DataSet, Examples, Rows, first_existing, redrawn

LETTERS = "\n !$&',-.3:;?" + string.ascii_uppercase + string.ascii_lowercase

WINDOW = 256
"""Characters of an example for training."""
MEASURED = 1024
"""Characters of an example for validation and test."""
WINDOWS_SEED = 1623
"""Of the windows that are there before training draws others."""

VALIDATION_FROM, TEST_FROM = 0.85, 0.9
"""Shares of the public file; a part begins with the next passage."""
PASSAGES = "\n\n"
"""What stands between two of them."""
SPEECH = re.compile(r"([^\n:]+):\n(.+)", re.DOTALL)
"""A passage: who says it, and what."""

CHAIN = TextChain(Characters(len(LETTERS), False, LETTERS), default_length=1000, max_length=100_000)
SPEECH_CHAIN = TextChain(Characters(len(LETTERS), True, LETTERS), default_length=1000, max_length=4000)
SPEAKER = Category(
    "speaker",
    (
        "GLOUCESTER", "MENENIUS", "ROMEO", "CORIOLANUS", "DUKE VINCENTIO", "KING RICHARD III", "JULIET", "LEONTES",
        "ISABELLA", "SICINIUS", "KING EDWARD IV", "QUEEN ELIZABETH", "KING RICHARD II", "WARWICK", "BRUTUS",
        "HENRY BOLINGBROKE", "BUCKINGHAM", "Nurse", "QUEEN MARGARET", "LUCIO", "CAMILLO", "ANGELO", "DUCHESS OF YORK",
        "KING HENRY VI",
    ),
    any=True,
)  # fmt: skip
"""Those with the most speeches in the training part, as the text writes them."""


def load_running(folder: Path, split: str) -> Examples:
    text = read_part(folder, split, WINDOW)
    symbols = CHAIN.symbols(text).astype(np.uint8)
    if split != "train":
        tiles = [symbols[start : start + MEASURED].astype(np.int32) for start in range(0, len(symbols), MEASURED)]
        return Examples(tiles, [{}] * len(tiles))

    def draw(rng: np.random.Generator) -> Examples:
        count = len(symbols) // WINDOW
        return windows(symbols, rng.integers(len(symbols) - WINDOW, size=count, endpoint=True))

    return redrawn(draw, split, WINDOWS_SEED)


def windows(symbols: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64]) -> Examples:
    return Examples(Rows(symbols[starts[:, None] + np.arange(WINDOW)]), [{}] * len(starts))


def load_speeches(folder: Path, split: str) -> Examples:
    passages = read_part(folder, split, 1).split(PASSAGES)
    # Some names stand alone: what they say is in another scene, or nowhere.
    said = [found.groups() for passage in passages if (found := SPEECH.fullmatch(passage.strip("\n")))]
    if not said:
        raise InputError(f"the {split} part in {folder} holds no speech: a name, a colon, and lines below it")
    conditions = [{SPEAKER.name: name if name in SPEAKER.values else SPEAKER.null} for name, _ in said]
    return Examples([SPEECH_CHAIN.symbols(speech) for _, speech in said], conditions)


def read_part(folder: Path, split: str, least: int) -> str:
    """The text of a part. Raises FileError or InputError if it is not there, or has not ``least`` known characters."""
    packed = first_existing(folder, f"{split}.txt", f"tiny_shakespeare/{split}.txt")
    path = packed or first_existing(folder, "input.txt", "tiny_shakespeare/input.txt")
    if path is None:
        raise FileError(f"no Tiny Shakespeare in {folder}: neither tiny_shakespeare/{split}.txt nor input.txt")
    with damage_as_file_error(str(path)):
        text = read_bytes(path)[0].decode("utf-8")
        part = text if packed else parts(text)[split]
        if len(part) < least:
            raise InputError(f"its {split} part has {len(part)} characters; {least} are needed")
        CHAIN.symbols("".join(sorted(set(part))))
    return part


def parts(text: str) -> dict[str, str]:
    """The public file, cut where a passage ends; the blank lines there belong to none."""
    ends = []
    for share in (VALIDATION_FROM, TEST_FROM):
        end = text.find(PASSAGES, int(share * len(text)))
        ends.append(end if end >= 0 else len(text))
    validation, test = ends
    return {
        "train": text[: validation + 1],
        "valid": text[validation + len(PASSAGES) : test + 1],
        "test": text[test + len(PASSAGES) :],
    }


TINY_SHAKESPEARE = DataSet(
    name="tiny_shakespeare",
    title="Tiny Shakespeare",
    chain=CHAIN,
    factors=(),
    licence="text in the public domain; repository MIT",
    attribution="Shakespeare's plays as in A. Karpathy, char-rnn, 2015",
    load=load_running,
)

TINY_SHAKESPEARE_SPEECHES = DataSet(
    name="tiny_shakespeare_speeches",
    title="Tiny Shakespeare, single speeches",
    chain=SPEECH_CHAIN,
    factors=(SPEAKER,),
    licence=TINY_SHAKESPEARE.licence,
    attribution=TINY_SHAKESPEARE.attribution,
    load=load_speeches,
)
