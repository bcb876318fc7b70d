"""How good a model's translations are: BLEU and chrF against those of people, by sacrebleu.

BLEU (K. Papineni et al., 2002) counts the n-grams of words that a translation shares with any of its references, chrF
(M. Popović, 2015) those of characters. Both are of a whole corpus; sentences of five words have few n-grams of four, so
that their BLEU says less than that of running text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.beam_search import beam_search
from models.checkpoint import LoadedModel
from models.condition import Condition
from models.errors import InputError
from models.model import AutoregressiveModel
from models.sampling import engines_of, make_decoder
from models.shaping import Shaping
from models.source_text import Text
from models.text import TextChain
from models.training.data import load

BATCH = 100
"""Sentences that are written at once."""
BEAM = 5
SHOWN = 20
"""Sentences that stand in the report."""


def translation_report(loaded: LoadedModel, folder: Path, *, count: int, width: int = BEAM) -> dict[str, Any]:
    """Scores of the translations of the first ``count`` sentences of the test part, at temperature 0 and by a beam.

    A sentence counts once, whatever number of translations it has: they are all its references. Raises InputError for a
    model that does not translate, and where there is no sacrebleu.
    """
    chain, name = loaded.model.chain, loaded.header.name
    source = next((factor for factor in loaded.model.factors if isinstance(factor, Text)), None)
    if not isinstance(chain, TextChain) or source is None:
        raise InputError(f"{name} translates nothing: it is no model of texts given a text")
    check_sacrebleu()
    examples = load(loaded.header.data["name"], folder, "test")
    references: dict[str, list[str]] = {}
    for symbols, condition in zip(examples.symbols, examples.conditions, strict=True):
        references.setdefault(condition[source.name], []).append(chain.text(symbols))
    sentences = list(references)[:count]
    known = [references[sentence] for sentence in sentences]
    greedy = greedy_translations(loaded.model, source, sentences)
    beams = beam_translations(loaded.model, source, sentences, width)
    return {
        "weights": loaded.reference.weights,
        "sentences": len(sentences),
        "temperature_0": scores(greedy, known),
        f"beam_of_{width}": scores(beams, known),
        "examples": [
            {"source": sentence, "temperature_0": one, f"beam_of_{width}": other, "references": texts}
            for sentence, one, other, texts in zip(sentences[:SHOWN], greedy, beams, known, strict=False)
        ],
    }


def sources_of(loaded: LoadedModel, folder: Path, count: int) -> list[Condition]:
    """Conditions with ``count`` different sources, or as many as there are, from all over the test part."""
    examples = load(loaded.header.data["name"], folder, "test")
    different = list({json.dumps(condition): condition for condition in examples.conditions}.values())
    return different[:: max(1, len(different) // count)][:count]


def check_sacrebleu() -> None:
    """Raises InputError where it is not installed."""
    try:
        import sacrebleu  # noqa: F401
    except ImportError:
        raise InputError(
            "translations are scored by sacrebleu, which is not installed: pip install 'sampling-studio[evaluation]'"
        ) from None


def scores(translations: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """BLEU and chrF in 0 … 100 of translations with one reference or more for each; exact: the share that are one."""
    from sacrebleu import corpus_bleu, corpus_chrf

    most = max(map(len, references))
    # A stream has a reference for each sentence; where there is no further one, to repeat the last changes nothing.
    streams = [[texts[min(n, len(texts) - 1)] for texts in references] for n in range(most)]
    return {
        "bleu": corpus_bleu(list(translations), streams).score,
        "chrf": corpus_chrf(list(translations), streams).score,
        "exact": float(np.mean([text in texts for text, texts in zip(translations, references, strict=True)])),
    }


def greedy_translations(model: AutoregressiveModel, source: Text, sentences: Sequence[str]) -> list[str]:
    """By walks at temperature 0."""
    chain, found = model.chain, []
    assert isinstance(chain, TextChain)
    for start in range(0, len(sentences), BATCH):
        conditions = [{source.name: sentence} for sentence in sentences[start : start + BATCH]]
        decoder = make_decoder(model, engines_of(model)[0], model.condition_tensor(conditions))
        drawn = decoder.advance(np.zeros((len(conditions), chain.default_limit)), Shaping(temperature=0.0))
        found += [chain.text(row[row >= 0]) for row in drawn.symbols]
    return found


def beam_translations(model: AutoregressiveModel, source: Text, sentences: Sequence[str], width: int) -> list[str]:
    """The most probable one that a beam finds of each."""
    chain, found = model.chain, []
    assert isinstance(chain, TextChain)
    for sentence in sentences:
        decoder = make_decoder(model, engines_of(model)[0], model.condition_tensor({source.name: sentence}))
        found.append(chain.text(beam_search(decoder, width, chain.default_limit)[0].symbols))
        sys.stderr.write(f"\r{len(found)} of {len(sentences)} ")
    sys.stderr.write("\n")
    return found
