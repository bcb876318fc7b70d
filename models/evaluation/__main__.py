"""Evaluates samples of a model and writes its card.

``python -m models.evaluation speech CHECKPOINT --data DIR`` asks an independent classifier, trained on the real
recordings, which digit and which speaker it hears in generated clips, and compares lengths and levels with real ones.
``… pitch CHECKPOINT --data DIR`` tracks the pitch of generated notes.
``… translation CHECKPOINT --data DIR`` scores translations of the test part by BLEU and chrF.
``… texts CHECKPOINT --data DIR`` compares drawn texts with real ones: how long they are, what they remember.
``… videos CHECKPOINT --data DIR`` compares what a frame costs with the least that it can.
``… neighbours CHECKPOINT --data DIR`` finds the training examples nearest to samples: copies would show.
``… card CHECKPOINT --data DIR`` writes the card that the application shows. ``… classes DATA_SET --data DIR`` takes a
picture of each class from the test part. All of these write below ``--assets``. ``… mixture CHECKPOINT --data DIR``
measures the mixture over a model's orders, or its mask sets, and writes it into the checkpoint. ``… halve CHECKPOINT
--data DIR`` stores its weights in 16 bits, and measures what it then knows of the test part.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from models.atomic import atomic_path, write_atomically
from models.chain import ImageChain, SoundChain
from models.checkpoint import LoadedModel, halve, load_checkpoint, update_header
from models.condition import Condition, in_words
from models.errors import InputError, StudioError
from models.evaluation.card import GOING_ON, SECTIONS, card, code
from models.evaluation.classes import class_pictures
from models.evaluation.code_map import code_map
from models.evaluation.mixture import measure_mixture
from models.evaluation.neighbours import Neighbours, neighbours
from models.evaluation.pictures import Pixels, drawn_examples, neighbours_picture, thumbnail
from models.evaluation.pitch import pitch_report
from models.evaluation.published import TEST
from models.evaluation.resonances import resonances_picture
from models.evaluation.samples import balanced, continued, draw
from models.evaluation.speech import speech_report
from models.evaluation.texts import text_report
from models.evaluation.translation import sources_of, translation_report
from models.evaluation.videos import video_report
from models.evaluation.zoo import part_of_test
from models.likelihood import measure
from models.networks.linear_autoregression import LinearAutoregression
from models.source_text import Text
from models.text import TextChain
from models.training.data import load
from models.video import VideoChain

TEXTS = 4
"""Samples on the card of a model of texts."""
VIDEOS = 4
"""Of the test part on the card of a model of videos."""


def write_png(path: Path, pixels: Pixels) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, "PNG")


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    write_atomically(path, (json.dumps(report, indent=2) + "\n").encode())
    sys.stdout.write(f"{json.dumps(report, indent=2)}\n{path}\n")


def read_report(loaded: LoadedModel, cards: Path, what: str) -> Any | None:
    """The report that was written of these weights, if any; raises InputError if it is of others."""
    path = cards / f"{loaded.header.name}.{what}.json"
    report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    if report is not None and report["weights"] != loaded.reference.weights:
        raise InputError(f"{path} was measured with other weights; run `{what}` again, or remove it")
    return report


def write_speech(loaded: LoadedModel, arguments: argparse.Namespace) -> None:
    report = speech_report(loaded, arguments.data, count=arguments.count or 300)
    write_report(arguments.cards / f"{loaded.header.name}.speech.json", report)


def write_pitch(loaded: LoadedModel, arguments: argparse.Namespace) -> None:
    report = pitch_report(loaded, arguments.data)
    write_report(arguments.cards / f"{loaded.header.name}.pitch.json", report)


def write_translation(loaded: LoadedModel, arguments: argparse.Namespace) -> None:
    report = translation_report(loaded, arguments.data, count=arguments.count or 200)
    write_report(arguments.cards / f"{loaded.header.name}.translation.json", report)


def write_texts(loaded: LoadedModel, arguments: argparse.Namespace) -> None:
    report = text_report(loaded, arguments.data, count=arguments.count or 500)
    write_report(arguments.cards / f"{loaded.header.name}.texts.json", report)


def write_videos(loaded: LoadedModel, arguments: argparse.Namespace) -> None:
    report = video_report(loaded, arguments.data, count=arguments.count or 200)
    write_report(arguments.cards / f"{loaded.header.name}.videos.json", report)


def write_neighbours(loaded: LoadedModel, arguments: argparse.Namespace) -> Neighbours:
    chain, name = loaded.model.default_chain, loaded.header.name
    near = neighbours(loaded, arguments.data, count=arguments.count or (20 if isinstance(chain, ImageChain) else 10))
    write_png(arguments.cards / f"{name}.neighbours.png", neighbours_picture(chain, near))
    write_report(arguments.cards / f"{name}.neighbours.json", near.to_json())
    return near


def write_card(loaded: LoadedModel, arguments: argparse.Namespace) -> None:
    chain, name = loaded.model.default_chain, loaded.header.name
    near = write_neighbours(loaded, arguments) if isinstance(chain, ImageChain | SoundChain) else None
    source = next((factor for factor in loaded.model.factors if isinstance(factor, Text)), None)
    under: Sequence[str] = ()
    if isinstance(chain, VideoChain):
        real = load(loaded.header.data["name"], arguments.data, "test").symbols[:VIDEOS]
        samples = continued(loaded, real, GOING_ON)
    else:
        count = TEXTS if isinstance(chain, TextChain) else 12 if isinstance(chain, SoundChain) else 60
        if source is None:
            conditions: Sequence[Condition] = balanced(loaded.model.factors, count)
            under = [", ".join(in_words(loaded.model.factors, condition)) for condition in conditions]
        else:
            conditions = sources_of(loaded, arguments.data, count)
            under = [code(condition[source.name]) for condition in conditions]
        samples = [trace.symbols for trace in draw(loaded, conditions, seed=0).traces]
    if not isinstance(chain, TextChain):
        columns = 10 if isinstance(chain, ImageChain) else 4 if isinstance(chain, SoundChain) else 1
        write_png(arguments.cards / f"{name}.samples.png", drawn_examples(chain, samples, columns))
        write_png(arguments.cards / f"{name}.png", thumbnail(chain, samples))
    found = {what: read_report(loaded, arguments.cards, what) for what in SECTIONS}
    reports = {what: report for what, report in found.items() if report is not None}
    codes = code_map(loaded, arguments.data)
    if codes is not None:
        write_png(arguments.cards / f"{name}.map.png", codes.pixels)
        write_atomically(arguments.cards / f"{name}.map.json", (json.dumps(codes.to_json()) + "\n").encode())
    if isinstance(loaded.model, LinearAutoregression):
        write_png(arguments.cards / f"{name}.resonances.png", resonances_picture(loaded.model))
    words = card(loaded, samples, near, reports, codes, under if any(under) else ())
    write_atomically(arguments.cards / f"{name}.md", words.encode())
    sys.stdout.write(f"{arguments.cards / f'{name}.md'}\n")


def write_mixture(loaded: LoadedModel, arguments: argparse.Namespace) -> None:
    part, measured = measure_mixture(loaded, arguments.data, count=arguments.orders, limit=arguments.count)
    update_header(arguments.subject, likelihood={**loaded.header.likelihood, part: measured.to_json()})
    sys.stdout.write(f"{part}: {measured.nats:.3f} ± {measured.nats_standard_error:.3f} nats\n")


def write_halved(loaded: LoadedModel, arguments: argparse.Namespace) -> None:
    halve(arguments.subject)
    rounded = load_checkpoint(arguments.subject)
    measured = measure(rounded.model, load(rounded.header.data["name"], arguments.data, "test"), limit=arguments.count)
    before = loaded.header.likelihood.get(TEST, {}).get("nats", math.nan)
    update_header(arguments.subject, likelihood={part_of_test(rounded.header, None): measured.to_json()})
    sys.stdout.write(f"{measured.nats:.4f} ± {measured.nats_standard_error:.4f} nats; before {before:.4f}\n")


def write_classes(arguments: argparse.Namespace) -> None:
    name = str(arguments.subject)
    factor, pixels = class_pictures(name, arguments.data)
    path = arguments.assets / "classes" / f"{name}.{factor}.png"
    path.parent.mkdir(exist_ok=True)
    write_png(path, pixels)
    sys.stdout.write(f"{path}\n")


WRITERS: Mapping[str, Callable[[LoadedModel, argparse.Namespace], object]] = {
    "speech": write_speech, "pitch": write_pitch, "translation": write_translation, "texts": write_texts,
    "videos": write_videos, "neighbours": write_neighbours, "card": write_card, "mixture": write_mixture,
    "halve": write_halved,
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m models.evaluation", description="Evaluates samples of a model.")
    parser.add_argument("what", choices=(*WRITERS, "classes"))
    parser.add_argument("subject", type=Path, help="a checkpoint; of classes the name of a data set")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--assets", type=Path, default=Path("assets"), help="reports and cards go to its folder cards")
    parser.add_argument("--count", type=int, help="samples to draw; examples of a mixture, sentences to translate")
    parser.add_argument("--orders", type=int, help="how many, of the mixture of an orderless model: 128 if left out")
    arguments = parser.parse_args(argv)
    arguments.cards = arguments.assets / "cards"
    torch.set_num_threads(1)
    try:
        arguments.cards.mkdir(parents=True, exist_ok=True)
        if arguments.what == "classes":
            write_classes(arguments)
            return 0
        loaded = load_checkpoint(arguments.subject)
        WRITERS[arguments.what](loaded, arguments)
    except StudioError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
