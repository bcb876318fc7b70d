"""The model card that the application shows, as Markdown."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from models.catalog import family_of
from models.chain import ImageChain, Symbols
from models.checkpoint import CheckpointHeader, LoadedModel
from models.evaluation.code_map import SEED, SIDE, TEMPERATURE, CodeMap
from models.evaluation.neighbours import Neighbours
from models.evaluation.published import notes, published
from models.evaluation.texts import QUANTILES
from models.model import AutoregressiveModel, ModelSpec
from models.networks.linear_autoregression import LinearAutoregression
from models.text import TextChain
from models.video import VideoChain
from models.wording import grouped, reach

MIDDLING = 10
SIDE_OF_MNIST = 28
MOST_DIGITS = 10**12
SHOWN_TRANSLATIONS = 8
GOING_ON = 2
"""Samples that go on from each of the films shown."""
LONGEST_SHOWN = 300
"""Characters of a sample."""


def card(
    loaded: LoadedModel,
    samples: Sequence[Symbols],
    near: Neighbours | None,
    reports: Mapping[str, Mapping[str, Any]],
    codes: CodeMap | None = None,
    under: Sequence[str] = (),
) -> str:
    """The model card as Markdown. Pictures are named ``NAME.samples.png``, ``NAME.neighbours.png``, ``NAME.map.png``,
    ``NAME.resonances.png``; samples of texts are told as they are.

    samples: of videos see ``continued``. near: of images and sounds. reports: by their names in SECTIONS, those there
    are. codes: of a model with a map of them. under: of texts, in Markdown, under which conditions each was drawn; none
    where there are no conditions.
    """
    header, model = loaded.header, loaded.model
    conditions = ", ".join(f"{factor.name} ({factor.describe()})" for factor in header.factors) or "none"
    factors = [factor.name for factor in header.factors]
    left, given = " | ".join(filter(None, ("x", ", ".join(factors)))), ", ".join(["x_<i", *factors])
    lines = [
        f"# {header.title}",
        "",
        *shown_samples(header, samples, under),
        "",
        f"{whose(header, len(samples))} at temperature 1, none left out{'; their codes lie evenly' if codes else ''}.",
        "",
        "## The model",
        "",
        f"- **Factorisation**: `p({left}) = ∏ p(x_i | {given})`, over {header.chain.describe()}",
        f"- **Architecture**: {type(model).title} ({family_of(header).name}), {grouped(header.parameters)} parameters",
        *growth(type(model), header),
        f"- **Receptive field**: {reach(header.receptive_field, header.chain)}",
        f"- **Conditions**: {conditions}",
        f"- **Sizes**: {', '.join(f'{key} {value}' for key, value in header.config.items())}",
        "",
        *explained(type(model)),
        "## Measured likelihood",
        "",
        f"| part | examples | bits/{header.chain.step_noun} | nats |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {part} | {m['examples']} | {m['bits_per_dim']:.4f} ± {m['bits_per_dim_standard_error']:.4f} "
            f"| {m['nats']:.2f} ± {m['nats_standard_error']:.2f} |"
            for part, m in header.likelihood.items()
        ),
        "",
        "Plus or minus one standard error over examples.",
        "",
    ]
    facts = [*(f"Published: {number}." for number in published(header)), *notes(header, type(model))]
    if facts:
        lines += [*(f"- {fact}" for fact in facts), ""]
    for name, section in SECTIONS.items():
        if name in reports:
            lines += section(reports[name])
    if codes is not None:
        lines += map_section(header, codes)
    if isinstance(model, LinearAutoregression):
        lines += RESONANCES_SECTION.format(name=header.name).splitlines()
    if near is not None:
        lines += neighbours_section(header, near)
    return "\n".join([*lines, *data_section(header)]) + "\n"


def shown_samples(header: CheckpointHeader, samples: Sequence[Symbols], under: Sequence[str]) -> list[str]:
    """Their picture; of texts the beginning of each, line breaks as signs, in a row of blocks of code.

    What they were drawn under stands before each.
    """
    if not isinstance(header.chain, TextChain):
        return [f"![samples]({header.name}.samples.png)"]
    texts = [code(header.chain.text(symbols)) for symbols in samples]
    if under:
        texts = [f"{what} → {text}" for what, text in zip(under, texts, strict=True)]
    return [line for text in texts for line in (text, "")][:-1]


def whose(header: CheckpointHeader, count: int) -> str:
    """Which samples are shown."""
    chain = header.chain
    if not isinstance(chain, VideoChain):
        return f"{count} samples"
    given = ", which go on from its frames before the line," if chain.given_frames else ""
    return f"Each film of the test part, and below it {GOING_ON} samples{given}"


def code(text: str) -> str:
    """The beginning of a text as a block of code in a line, which a cell of a table may hold, too."""
    shown = text[:LONGEST_SHOWN].replace("\n", " ↵ ").replace("`", "'").replace("|", "¦")
    return f"`{shown}`" if shown else "(nothing)"


RESONANCES_SECTION = """## Resonances

![poles and spectral envelopes]({name}.resonances.png)

On the left the poles where all conditions are left open: the nearer to the circle, the longer it rings, at the
frequency that the angle says, up to half the sampling rate on the left. On the right the spectral envelopes.

"""


def explained(network: type) -> list[str]:
    """The paragraphs of the architecture's own documentation, from the paper on, with its list of deviations."""
    text = sys.modules[network.__module__].__doc__ or ""
    paragraphs = re.split(r"\n\s*\n", text.strip())[1:]
    return [line for paragraph in paragraphs for line in (*paragraph.replace("``", "`").splitlines(), "")]


def growth(network: type[AutoregressiveModel], header: CheckpointHeader) -> list[str]:
    """How the number of parameters grows with the number of variables, on images of other sizes."""
    chain = header.chain
    if not isinstance(chain, ImageChain):
        return []
    side = max(chain.height, chain.width)
    counts = []
    for other in (side // 2, side, 2 * side) if side >= MIDDLING else (side, 2 * side, SIDE_OF_MNIST):
        sized = replace(chain, height=other, width=other)
        data = tuple(factor for factor in header.factors if factor.of_data)
        spec = ModelSpec(header.architecture, sized, network.factors_for(data, sized), header.config)
        count = network.parameters_of(spec)
        number = grouped(count) if count < MOST_DIGITS else f"about 10^{math.log10(count):.0f}"
        counts.append(f"{number} for D = {grouped(sized.length)}")
    return [f"- **Growth with the number of variables**: {'; '.join(counts)}"]


def speech_section(speech: Mapping[str, Any]) -> list[str]:
    heard, generated, real = speech["accuracy"], speech["generated"], speech["real"]

    def row(name: str, key: str, unit: str = "", scale: float = 1) -> str:
        cells = (
            f"{scale * part[key]['median']:.3g} ({scale * part[key]['p5']:.3g} … {scale * part[key]['p95']:.3g}){unit}"
            for part in (generated, real)
        )
        return f"| {name} | {' | '.join(cells)} |"

    return [
        "## What an independent classifier hears",
        "",
        "A small convolutional network, trained on the training recordings only, names digit and speaker. "
        f"{generated['clips']} generated clips at the default settings, all conditions equally often.",
        "",
        "| | generated | real test clips |",
        "| --- | ---: | ---: |",
        *(
            f"| {name} named | {heard['generated'][name]:.1%} | {heard['real test clips'][name]:.1%} |"
            for name in ("digit", "speaker")
        ),
        row("length: median (5 … 95 %)", "seconds", " s"),
        row("peak, of full scale", "peak"),
        row("RMS, of full scale", "rms"),
        row("DC, of full scale", "dc"),
        row("RMS of the last 20 ms", "end_rms"),
        f"| samples that clip | {generated['clipped']:.2%} | {real['clipped']:.2%} |",
        f"| ended by the stop symbol | {speech['ended_by_stop']:.1%} | |",
        "",
    ]


def pitch_section(pitch: Mapping[str, Any]) -> list[str]:
    within, real = pitch["within_50_cents"], pitch["tracker_within_50_cents_of_real_test_notes"]
    return [
        "## Which pitch a tracker finds",
        "",
        "A pitch tracker (YIN) that knows nothing of the model listens to a note of a second for every key of the "
        "middle five octaves, drawn at the default settings. Within 50 cents of the key that was asked for lie:",
        "",
        "| | notes |",
        "| --- | ---: |",
        f"| keys that were recorded | {within['recorded']:.1%} |",
        f"| other keys | {within['not_recorded']:.1%} |",
        f"| real notes of the test part | {real:.1%} |",
        "",
    ]


def translation_section(translation: Mapping[str, Any]) -> list[str]:
    """What ``translation_report`` found."""
    ways = {key: key.replace("_", " ") for key, value in translation.items() if isinstance(value, Mapping)}
    examples = translation["examples"][:SHOWN_TRANSLATIONS]
    return [
        "## Translations and those of people",
        "",
        f"{translation['sentences']} sentences of the test part, each beside all of its translations there, by "
        "sacrebleu. Neither temperature 0, which takes the likeliest character of each step, nor a beam need find the "
        "most probable sentence.",
        "",
        "| | chrF | BLEU | is one of them |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {name} | {scores['chrf']:.1f} | {scores['bleu']:.1f} | {scores['exact']:.1%} |"
            for name, scores in ((name, translation[key]) for key, name in ways.items())
        ),
        "",
        f"| source | {' | '.join(ways.values())} | by somebody |",
        f"| --- |{' --- |' * len(ways)} --- |",
        *(
            f"| {' | '.join(map(code, (e['source'], *(e[key] for key in ways), e['references'][0])))} |"
            for e in examples
        ),
        "",
    ]


def texts_section(texts: Mapping[str, Any]) -> list[str]:
    """What ``text_report`` found."""
    lines = ["## Drawn and real texts", ""]
    if "lengths" in texts:
        apart = texts["distance"]
        lines += [
            f"{texts['texts']} texts, under the conditions of texts from all over the training part; "
            f"{texts['ended_by_stop']:.1%} ended by the stop symbol.",
            "",
            "| characters | 5 % | 25 % | median | 75 % | 95 % |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            *(
                f"| {name} | {' | '.join(f'{numbers[key]:.0f}' for key in QUANTILES)} |"
                for name, numbers in texts["lengths"].items()
            ),
            "",
            f"Up to whatever length, the shares of drawn and of training texts differ by at most "
            f"{apart['generated']:.1%}, those of test and of training texts by {apart['test']:.1%}.",
            "",
        ]
    return [
        *lines,
        f"The longest passage of a drawn text that stands so in the training part has {texts['median_passage']:.0f} "
        f"characters in the median, that of a test text as long {texts['median_passage_of_test_texts']:.0f}. "
        f"The longest of all that are drawn is {code(texts['longest_passage'])}.",
        "",
    ]


def videos_section(videos: Mapping[str, Any]) -> list[str]:
    """What ``video_report`` found."""
    frames, given = videos["frames"], videos["given_frames"]
    columns = range(given, given + len(frames["nats"]))
    rows = {"this model": frames["nats"], "the least": frames["least"]}
    return [
        "## What a frame costs, and must cost",
        "",
        f"Of {videos['videos']} videos of the test part a frame costs {videos['nats_per_frame']:.2f} ± "
        f"{videos['nats_per_frame_standard_error']:.2f} nats after the given {given}. Their pixels do not tell exactly "
        f"where the digits go next: whoever knew the digits would still need {videos['least_per_frame']:.2f} ± "
        f"{videos['least_per_frame_standard_error']:.2f} nats. The model needs {videos['excess_per_frame']:.2f} more.",
        "",
        f"| nats of frame | {' | '.join(map(str, columns))} |",
        f"| --- |{' ---: |' * len(columns)}",
        *(f"| {name} | {' | '.join(f'{n:.2f}' for n in numbers)} |" for name, numbers in rows.items()),
        "",
    ]


SECTIONS: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "speech": speech_section,
    "pitch": pitch_section,
    "translation": translation_section,
    "texts": texts_section,
    "videos": videos_section,
}
"""Of what a report says, by its name."""


def map_section(header: CheckpointHeader, codes: CodeMap) -> list[str]:
    dots = f" A dot there is the code of one of {len(codes.codes)} validation images." if codes.codes else ""
    return [
        "## The map of codes",
        "",
        f"![images drawn at a grid of codes]({header.name}.map.png)",
        "",
        f"What is drawn where: {SIDE} x {SIDE} images, each under the {codes.factor} in the middle of its cell. The "
        "first number goes from -1 on the left to 1 on the right, the second from -1 at the bottom to 1 at the top. "
        f"All have the same noise (seed {SEED}) and temperature {TEMPERATURE:g}: from one to the next only the "
        f"{codes.factor} changes. The pad on which it is chosen shows this map behind the point.{dots}",
        "",
    ]


def neighbours_section(header: CheckpointHeader, near: Neighbours) -> list[str]:
    return [
        "## Nearest training neighbours",
        "",
        f"![samples and their nearest training examples]({header.name}.neighbours.png)",
        "",
        "Samples on the left of each pair, on the right the training example nearest to it "
        f"({near.unit}). Median distance {np.median(near.distances):.3g}; of real test examples {near.typical:.3g}.",
        "",
    ]


def started_from(record: Mapping[str, Any]) -> str | None:
    """The trainings that led to the weights this one started from, the latest first."""
    said = []
    while start := record.get("start"):
        taken, record = grouped(start["weights"]), start["training"]
        said.append(f"{taken} weights of {start['name']}, trained by `{record['command']}`, {steps_and_time(record)}")
    return "; that from ".join(said) or None


def steps_and_time(record: Mapping[str, Any]) -> str:
    steps = f"{grouped(record['steps'])} steps"
    return f"{steps} in {grouped(record['seconds'])} s" if "seconds" in record else steps


def training_time(header: CheckpointHeader) -> str | None:
    alone, whole = header.training.get("seconds"), header.training_seconds
    if alone is None or whole == alone:
        return None if alone is None else f"{grouped(alone)} s"
    return f"{grouped(alone)} s" + ("" if whole is None else f", and {grouped(round(whole))} s with all that led to it")


def data_section(header: CheckpointHeader) -> list[str]:
    record = header.training
    facts = [
        ("Data", header.data.get("title")),
        ("Licence of the data", header.data.get("licence")),
        ("Attribution", header.data.get("attribution")),
        ("Command", f"`{record['command']}`" if "command" in record else None),
        ("Started from", started_from(record)),
        ("Steps", record.get("steps")),
        ("Hardware", record.get("hardware")),
        ("Training time", training_time(header)),
        ("Note", record.get("note")),
        ("Size", f"{header.size_bytes / 1e6:.2f} MB"),
    ]
    return ["## Data and training", "", *(f"- **{name}**: {value}" for name, value in facts if value)]
