"""What drawn texts are like: how long they are where they end by themselves, and how much of them is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.checkpoint import LoadedModel
from models.condition import Condition
from models.errors import InputError
from models.evaluation.samples import balanced, draw
from models.text import TextChain
from models.training.data import load
from models.training.data.base import Examples
from models.training.data.tiny_shakespeare import TINY_SHAKESPEARE, TINY_SHAKESPEARE_SPEECHES, read_part

COPIED = 20
"""Texts, drawn and real, of which the longest remembered passage is sought."""
QUANTILES = {"p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}


def text_report(loaded: LoadedModel, folder: Path, *, count: int) -> dict[str, Any]:
    """Of ``count`` texts drawn at the default settings, and of as many of the test part.

    The passages are the longest that stand word by word in the training part. Lengths are told of texts that end
    by themselves: those that are drawn are of the conditions of training examples, from all over that part, and real
    ones of the training and of the test part. distance: Kolmogorov's and Smirnov's, the largest difference between
    the shares of texts up to a length, of drawn and of training texts; beside it that of the test part. Raises
    InputError for a model of other data than Tiny Shakespeare.
    """
    model, chain, name = loaded.model, loaded.model.chain, loaded.header.data.get("name")
    if not isinstance(chain, TextChain) or name not in (TINY_SHAKESPEARE.name, TINY_SHAKESPEARE_SPEECHES.name):
        raise InputError(f"{loaded.header.name} is no model of Tiny Shakespeare, whose texts alone are reported on")
    train, test = (load(name, folder, split).known_to(model.factors) for split in ("train", "test"))
    ends = chain.alphabet.stop_symbol is not None
    conditions = spread(train, count) if ends else balanced(model.factors, min(count, COPIED))
    traces = draw(loaded, conditions, seed=2).traces
    drawn = [chain.text(trace.symbols) for trace in traces]
    known = read_part(folder, "train", 1)
    passages = [longest_passage(text, known) for text in drawn[:COPIED]]
    real = [longest_passage(text, known) for text in alike(texts_of(chain, test), drawn[:COPIED])]
    report: dict[str, Any] = {
        "weights": loaded.reference.weights,
        "texts": len(drawn),
        "longest_passage": max(passages, key=len),
        "median_passage": float(np.median([len(passage) for passage in passages])),
        "median_passage_of_test_texts": float(np.median([len(passage) for passage in real])),
    }
    if ends:
        lengths = [[len(text) for text in texts] for texts in (drawn, texts_of(chain, train), texts_of(chain, test))]
        report |= {
            "ended_by_stop": float(np.mean([trace.symbols[-1] == chain.alphabet.stop_symbol for trace in traces])),
            "lengths": dict(zip(("generated", "training", "test"), map(quantiles, lengths), strict=True)),
            "distance": {"generated": distance(lengths[0], lengths[1]), "test": distance(lengths[2], lengths[1])},
        }
    return report


def spread(examples: Examples, count: int) -> Sequence[Condition]:
    """The conditions of ``count`` examples, evenly from the first to the last."""
    return [examples.conditions[n] for n in np.linspace(0, len(examples) - 1, count).astype(int)]


def texts_of(chain: TextChain, examples: Examples) -> list[str]:
    return [chain.text(symbols) for symbols in examples.symbols]


def alike(texts: Sequence[str], others: Sequence[str]) -> list[str]:
    """Passages of the texts taken together, as long as the others are, evenly from the beginning to the end."""
    whole = "".join(texts)
    starts = np.linspace(0, max(0, len(whole) - max(map(len, others))), len(others)).astype(int)
    return [whole[start : start + len(other)] for start, other in zip(starts, others, strict=True)]


def longest_passage(text: str, known: str) -> str:
    """The longest part of a text that stands in another; the first of several."""
    best = ""
    for start in range(len(text)):
        while start + len(best) < len(text) and text[start : start + len(best) + 1] in known:
            best = text[start : start + len(best) + 1]
    return best


def quantiles(lengths: Sequence[int]) -> dict[str, float]:
    return {name: float(np.quantile(lengths, share)) for name, share in QUANTILES.items()}


def distance(some: Sequence[int], others: Sequence[int]) -> float:
    """The largest difference between the shares of two samples up to a value, in 0 … 1."""
    values = np.union1d(some, others)
    shares = [np.searchsorted(np.sort(sample), values, side="right") / len(sample) for sample in (some, others)]
    return float(np.abs(shares[0] - shares[1]).max())
