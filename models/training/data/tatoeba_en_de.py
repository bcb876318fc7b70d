"""Short English sentences and their German translations, from Tatoeba by way of manythings.org.

From ``tatoeba_en_de/train.txt``, ``valid.txt`` and ``test.txt``, lines of English, a tab, and German. One sentence may
have several translations, all of them in one part. Zero-width spaces, which somebody's keyboard left, are taken out.
"""

from __future__ import annotations

from pathlib import Path

from models.errors import FileError, InputError
from models.record import damage_as_file_error, read_bytes
from models.source_text import Text
from models.text import Characters, TextChain
from models.training.data.base import SPLITS, DataSet, Examples, first_existing

ENGLISH = " !\"$%',-./0123456789:?ABCDEFGHIJKLMNOPQRSTUVWYZabcdefghijklmnopqrstuvwxyzéï€"
GERMAN = " !\"$%',-.0123456789:?ABCDEFGHIJKLMNOPQRSTUVWYZabcdefghijklmnopqrstuvwxyzÄÖÜßáäéöüōű–—’“„"
"""The characters of each language, as the training part has them: what it has not, nobody could learn."""
ZERO_WIDTH_SPACE = "\u200b"

SOURCE = Text("source", ENGLISH, 32, "I know where you are.")
"""Sentences of the data have at most 24 characters."""
CHAIN = TextChain(Characters(len(GERMAN), True, GERMAN), default_length=150, max_length=200)


def load_tatoeba(folder: Path, split: str) -> Examples:
    path = first_existing(folder, f"tatoeba_en_de/{split}.txt", f"{split}.txt")
    if path is None:
        names = ", ".join(f"{part}.txt" for part in SPLITS)
        raise FileError(f"no English and German sentences in {folder}: neither tatoeba_en_de nor {names}")
    with damage_as_file_error(str(path)):
        text = read_bytes(path)[0].decode()
        pairs = [line.split("\t") for line in text.replace(ZERO_WIDTH_SPACE, "").splitlines()]
        symbols, conditions = [], []
        for number, pair in enumerate(pairs, 1):
            if len(pair) != 2:
                raise InputError(f"line {number} should be English, a tab, and German; it has {len(pair) - 1} tabs")
            english, german = pair
            SOURCE.check(english)
            symbols.append(CHAIN.symbols(german))
            conditions.append({SOURCE.name: english})
        if not symbols:
            raise InputError("it has no sentences")
    return Examples(symbols, conditions)


TATOEBA_EN_DE = DataSet(
    name="tatoeba_en_de",
    title="Tatoeba, English to German",
    chain=CHAIN,
    factors=(SOURCE,),
    licence="CC BY 2.0 FR",
    attribution="Tatoeba, tatoeba.org, by way of www.manythings.org/anki",
    load=load_tatoeba,
)
