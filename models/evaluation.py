"""Evaluation: likelihood of any data file, and what generated samples are like; it also writes the model cards.

``python -m models.evaluation speech CHECKPOINT --data DIR`` asks an independent classifier, trained on the real
recordings, which digit and which speaker it hears in generated clips, and compares lengths and levels with real ones.
``… neighbours CHECKPOINT --data DIR`` finds the training examples nearest to samples: copies would show.
``… card CHECKPOINT --data DIR`` writes the card that the application shows. All of them write below ``--assets``.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from models.atomic import atomic_path, write_atomically
from models.chain import INT16_PEAK, Chain, ImageChain, SoundChain, Symbols
from models.checkpoint import CheckpointHeader, LoadedModel, load_checkpoint
from models.condition import ANY, Factor
from models.errors import FileError, InputError, StudioError
from models.files import picture, read_image, read_saved, read_wave
from models.record import damage_as_file_error, npz_members, read_arrays, read_bytes
from models.sampling import engines_of, run
from models.shaping import NEUTRAL
from models.trace import Sample, Segment, Take, Trace
from models.training.data import Examples, load, normalise

Arrays = Mapping[str, npt.NDArray[Any]]
Waves = Sequence[npt.NDArray[np.int16]]

TEST_SPLIT = 1
"""In the array ``split`` of a packed data set."""


# Data files


def read_symbols(path: Path, chain: Chain) -> list[Symbols]:
    """What a PNG, GIF, WAV or .npz holds, as symbols of a chain, nothing normalised.

    A file that this program saved gives the very symbols. An .npz of another has ``samples`` or ``images``.
    Raises InputError for content that is not the chain's, FileError for a file that cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".png":
        return list(read_image(path, chain))
    if suffix == ".wav":
        return [read_wave(path, chain)]
    if suffix == ".gif":
        return _saved_symbols(path, chain)
    if suffix == ".npz":
        arrays = _read_npz(path, ("metadata", *_array_names(())))
        return _saved_symbols(path, chain) if "metadata" in arrays else _symbols(path, arrays, chain)[0]
    raise InputError(f"{path} is no data that can be scored: it should end in .png, .gif, .wav or .npz")


def read_examples(path: Path, header: CheckpointHeader) -> Examples:
    """A data set with its conditions: an .npz, or the folder of the data set the model learned from (its test part).

    An .npz holds ``test_images`` and ``test_labels``, or ``images`` and ``labels``; or ``samples`` with ``offsets``
    (or ``lengths``), of which ``split``, if it is there, tells the test part by ones. An array by the name of a
    condition, or ``labels`` where the model has only one, holds indices into its values, or the values as strings;
    without it the condition is ``any``. Sound is normalised as in training, see ``training.data.normalise``.

    Raises InputError for content that the model cannot score, FileError for a file that cannot be read.
    """
    if path.is_dir():
        return load(header.data.get("name", ""), path, "test")
    arrays = _read_npz(path, _array_names(header.factors))
    symbols, chosen, labels = _symbols(path, arrays, header.chain, normalised=True)
    columns = []
    for factor in header.factors:
        given = arrays.get(factor.name, labels if len(header.factors) == 1 else None)
        if given is None:
            columns.append(np.full(len(symbols), factor.index(ANY)))
            continue
        if given.shape != (len(chosen),):
            raise InputError(f"{path}: {factor.name} should hold {len(chosen)} values, not shape {given.shape}")
        columns.append(_condition_indices(path, factor, given[chosen]))
    table = np.stack(columns, 1) if columns else np.zeros((len(symbols), 0))
    return Examples(symbols, table.astype(np.int64))


def _array_names(factors: Sequence[Factor]) -> tuple[str, ...]:
    images = ("test_images", "test_labels", "images", "labels")
    return (*images, "samples", "offsets", "lengths", "split", "sample_rate", *(factor.name for factor in factors))


def _read_npz(path: Path, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Those of the named arrays that an .npz has."""
    data, name = read_bytes(path)
    if not data.startswith(b"PK"):
        raise FileError(f"{name} is {'empty' if not data else 'not an .npz file'}")
    with damage_as_file_error(name):
        there = npz_members(data)
        return read_arrays(data, [wanted for wanted in names if wanted in there])


def _saved_symbols(path: Path, chain: Chain) -> list[Symbols]:
    take = read_saved(path).take
    if take.model.chain != chain:
        raise InputError(f"{path} holds {take.model.chain.describe()}; the model expects {chain.describe()}")
    return [trace.symbols for trace in take.traces]


def _symbols(
    path: Path, arrays: Arrays, chain: Chain, *, normalised: bool = False
) -> tuple[list[Symbols], npt.NDArray[np.bool_], npt.NDArray[Any] | None]:
    """The examples in the arrays of an .npz, which of its rows they are (bool), and the array of all rows' labels."""
    if isinstance(chain, ImageChain):
        for key, labels in (("test_images", "test_labels"), ("images", "labels"), ("samples", "labels")):
            if key in arrays:
                examples = list(chain.symbols(arrays[key]))
                _check_some(path, examples)
                return examples, np.ones(len(examples), np.bool_), arrays.get(labels)
        raise InputError(f"{path} has neither test_images nor images nor samples")
    if not isinstance(chain, SoundChain):
        raise InputError(f"{chain.modality} cannot be read from an .npz")
    if "samples" not in arrays:
        raise InputError(f"{path} has no samples; the model expects sound")
    rate = int(arrays["sample_rate"]) if "sample_rate" in arrays else chain.rate
    if rate != chain.rate:
        raise InputError(f"{path} has {rate} samples a second; the model expects {chain.rate}")
    waves = _waves(path, arrays)
    chosen = np.ones(len(waves), np.bool_)
    if "split" in arrays:
        chosen = arrays["split"] == TEST_SPLIT
        if chosen.shape != (len(waves),):
            raise InputError(f"{path}: split should hold {len(waves)} values, not shape {arrays['split'].shape}")
    kept = [wave for wave, keep in zip(waves, chosen, strict=True) if keep]
    _check_some(path, kept)
    if any(len(wave) == 0 or len(wave) > chain.limit for wave in kept):
        raise InputError(f"{path} has a clip that is empty or longer than the model's {chain.max_seconds:g} s")
    return [chain.symbols(normalise(wave) if normalised else wave) for wave in kept], chosen, arrays.get("labels")


def _waves(path: Path, arrays: Arrays) -> Waves:
    samples = arrays["samples"]
    if samples.dtype != np.int16:
        raise InputError(f"{path}: samples should be int16, not {samples.dtype}")
    if samples.ndim == 2:
        lengths = arrays.get("lengths", np.full(len(samples), samples.shape[1]))
        if lengths.shape != (len(samples),) or not ((lengths >= 0) & (lengths <= samples.shape[1])).all():
            raise InputError(f"{path}: lengths should hold {len(samples)} numbers in 0 … {samples.shape[1]}")
        return [row[:length] for row, length in zip(samples, lengths, strict=True)]
    if samples.ndim != 1 or "offsets" not in arrays:
        raise InputError(f"{path}: samples should be one row a clip, or one after the other with offsets")
    offsets = arrays["offsets"]
    fits = offsets.ndim == 1 and len(offsets) >= 2 and offsets[0] >= 0 and offsets[-1] <= len(samples)
    if not fits or (np.diff(offsets) < 0).any():
        raise InputError(f"{path}: offsets should rise from 0 to {len(samples)}, one more of them than clips")
    return [samples[first:end] for first, end in pairwise(offsets)]


def _check_some(path: Path, examples: Sequence[object]) -> None:
    if not examples:
        raise InputError(f"{path} holds no examples")


def _condition_indices(path: Path, factor: Factor, given: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The embedding indices of integers that index a factor's values, or of strings that are such values."""
    if given.dtype.kind in "iu":
        if given.min() < 0 or given.max() >= len(factor.values):
            found = f"{given.min()} … {given.max()}"
            raise InputError(f"{path}: {factor.name} lies in 0 … {len(factor.values) - 1}, not {found}")
        return given.astype(np.int64)
    if given.dtype.kind == "U":
        return np.array([factor.index(str(value)) for value in given], np.int64)
    raise InputError(f"{path}: {factor.name} should hold integers or strings, not {given.dtype}")


# Samples


def draw(loaded: LoadedModel, conditions: Sequence[Mapping[str, str]], seed: int) -> Take:
    """One sample under each condition with the default settings, walked to its end by the fastest engine."""
    model = loaded.model
    engine = engines_of(model)[0]
    samples = [
        Sample([Trace(Segment(0, NEUTRAL, dict(condition), seed, n, 0, engine, model.device.type))])
        for n, condition in enumerate(conditions)
    ]
    return run(model, Take(loaded.reference, samples, model.chain.default_limit))


def balanced(factors: Sequence[Factor], count: int) -> list[dict[str, str]]:
    """``count`` conditions that go round all combinations of values, every factor changing from one to the next."""
    conditions = []
    for n in range(count):
        left, turn, chosen = n, 0, {}
        for factor in reversed(factors):
            left, place = divmod(left, len(factor.values))
            turn += place
            chosen[factor.name] = factor.values[turn % len(factor.values)]
        conditions.append({factor.name: chosen[factor.name] for factor in factors})
    return conditions


def examples_as_waves(chain: SoundChain, examples: Examples) -> list[npt.NDArray[np.int16]]:
    return [chain.wave(symbols) for symbols in examples.symbols]


# What a classifier hears


MEL_BANDS = 40
FFT = 256
HOP = 80
"""Samples between two frames: 10 ms at 8 kHz."""
CLIP_SECONDS = 1.0
LOUDNESS_FLOOR = 1e-6
EPOCHS = 20
BATCH = 32
LEARNING_RATE = 3e-3


@lru_cache(maxsize=1)
def mel_filters(rate: int) -> Tensor:
    """Triangular filters on the mel scale, float32 (MEL_BANDS, FFT // 2 + 1)."""
    top = 2595 * math.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, MEL_BANDS + 2) / 2595) - 1)
    frequencies = torch.linspace(0, rate / 2, FFT // 2 + 1)[None]
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequencies - low) / (centre - low), (high - frequencies) / (high - centre)
    return torch.minimum(rising, falling).clamp(min=0)


def log_mel(waves: Tensor, rate: int) -> Tensor:
    """Log-mel spectrogram (B, MEL_BANDS, frames) of waves (B, T) in -1 … 1, each clip's mean 0 and deviation 1."""
    power = torch.stft(waves, FFT, HOP, window=torch.hann_window(FFT), return_complex=True).abs().square()
    loudness = (mel_filters(rate) @ power + LOUDNESS_FLOOR).log()
    mean, deviation = loudness.mean((1, 2), keepdim=True), loudness.std((1, 2), keepdim=True)
    return (loudness - mean) / (deviation + LOUDNESS_FLOOR)


class SpeechClassifier(nn.Module):
    """Digit and speaker of a clip, from its log-mel spectrogram: a small convolutional network with two heads.

    forward: waves float32 (B, CLIP_SECONDS * rate) in -1 … 1 to logits (B, digits) and (B, speakers).
    """

    def __init__(self, rate: int, speakers: int, digits: int, channels: int = 16) -> None:
        super().__init__()
        self.rate = rate
        widths = [1, channels, 2 * channels, 4 * channels]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))
            for a, b in pairwise(widths)
        )
        self.dropout = nn.Dropout(0.3)
        features = 2 * widths[-1] * (MEL_BANDS >> len(self.layers))
        self.speaker = nn.Linear(features, speakers)
        self.digit = nn.Linear(features, digits)

    def forward(self, waves: Tensor) -> tuple[Tensor, Tensor]:
        x = log_mel(waves, self.rate)
        if self.training:
            x = masked(x)
        x = x[:, None]
        for layer in self.layers:
            x = layer(x)
        # Pooled over time only: where in the spectrum something is heard tells digits and speakers apart.
        features = self.dropout(torch.cat([x.mean(3), x.amax(3)], 1).flatten(1))
        return self.speaker(features), self.digit(features)


def masked(spectrogram: Tensor) -> Tensor:
    """SpecAugment (Park et al. 2019): one band of up to 6 mel bands and one of up to 12 frames are silenced."""
    result = spectrogram.clone()
    for axis, widest in ((1, 6), (2, 12)):
        width = int(torch.randint(widest + 1, ()))
        first = int(torch.randint(result.shape[axis] - width, ()))
        result.narrow(axis, first, width).zero_()
    return result


def fixed_length(waves: Waves, rate: int) -> Tensor:
    """Waves as float32 (N, CLIP_SECONDS * rate), cut or padded with silence at the end."""
    result = torch.zeros(len(waves), int(CLIP_SECONDS * rate))
    for row, wave in zip(result, waves, strict=True):
        part = torch.from_numpy(wave[: len(row)].astype(np.float32)) / INT16_PEAK
        row[: len(part)] = part
    return result


def augmented(waves: Tensor, rate: int) -> Tensor:
    """Another onset (up to 0.1 s), tempo with pitch (up to 5 %) and noise floor of every clip of a batch."""
    count, length = waves.shape
    onset = torch.rand(count, 1) * 0.1 * rate
    tempo = 0.95 + 0.1 * torch.rand(count, 1)
    at = (torch.arange(length)[None] - onset) * tempo
    left = at.floor().long().clamp(0, length - 2)
    fraction = (at - left).clamp(0, 1)
    moved = waves.gather(1, left) * (1 - fraction) + waves.gather(1, left + 1) * fraction
    moved = torch.where((at >= 0) & (at < length - 1), moved, 0.0)
    return moved + torch.randn_like(moved) * 10 ** (-5 + 3 * torch.rand(count, 1))


def train_classifier(
    chain: SoundChain, speakers: int, digits: int, waves: Waves, labels: npt.NDArray[np.int64], *, epochs: int = EPOCHS
) -> SpeechClassifier:
    """A classifier of real clips. labels: int64 (N, 2), speaker and digit."""
    torch.manual_seed(0)
    network = SpeechClassifier(chain.rate, speakers, digits).train()
    inputs, targets = fixed_length(waves, chain.rate), torch.from_numpy(labels)
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    steps = epochs * math.ceil(len(inputs) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(inputs)), BATCH):
            speaker, digit = network(augmented(inputs[chosen], chain.rate))
            loss = F.cross_entropy(speaker, targets[chosen, 0]) + F.cross_entropy(digit, targets[chosen, 1])
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    return network.eval()


@torch.inference_mode()
def accuracy(
    network: SpeechClassifier, chain: SoundChain, waves: Waves, labels: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Share of clips whose speaker, and whose digit, the classifier names."""
    parts = [network(batch) for batch in torch.split(fixed_length(waves, chain.rate), 256)]
    named = torch.stack([torch.cat([part[n] for part in parts]).argmax(1) for n in range(2)], 1).numpy()
    speaker, digit = (named == labels).mean(0).tolist()
    return {"speaker": speaker, "digit": digit}


def sound_statistics(chain: SoundChain, waves: Waves) -> dict[str, Any]:
    """Lengths in seconds, levels relative to full scale: medians and the 5th and 95th percentiles over clips.

    clipped: the share of all samples at the alphabet's outermost values. end_rms: RMS of the last 20 ms.
    """

    def spread(values: Sequence[float]) -> dict[str, float]:
        low, middle, high = np.percentile(values, (5, 50, 95)).tolist()
        return {"p5": low, "median": middle, "p95": high}

    scaled = [wave.astype(np.float64) / INT16_PEAK for wave in waves if len(wave)]
    if not scaled:
        raise InputError("all clips are empty: the stop symbol came first in each")
    tail = chain.rate // 50
    top = 1 - 0.5 / INT16_PEAK
    return {
        "clips": len(waves),
        "empty": len(waves) - len(scaled),
        "seconds": spread([len(x) / chain.rate for x in waves]),
        "peak": spread([np.abs(x).max() for x in scaled]),
        "rms": spread([np.sqrt((x**2).mean()) for x in scaled]),
        "dc": spread([x.mean() for x in scaled]),
        "end_rms": spread([np.sqrt((x[-tail:] ** 2).mean()) for x in scaled]),
        "clipped": float(sum((np.abs(x) >= top).sum() for x in scaled) / sum(map(len, scaled))),
    }


def speech_report(loaded: LoadedModel, folder: Path, *, count: int, epochs: int = EPOCHS) -> dict[str, Any]:
    """What the classifier names in generated and in real test clips, and how the clips compare.

    Raises InputError for a model of anything but speech with the conditions ``speaker`` and ``digit``.
    """
    chain, factors = loaded.model.chain, loaded.model.factors
    if not isinstance(chain, SoundChain) or [factor.name for factor in factors] != ["speaker", "digit"]:
        raise InputError(f"{loaded.header.name} does not speak: its conditions should be speaker and digit")
    train, test = (load(loaded.header.data["name"], folder, split) for split in ("train", "test"))
    train_waves, real = (examples_as_waves(chain, examples) for examples in (train, test))
    began = time.process_time()
    speakers, digits = (len(factor.values) for factor in factors)
    network = train_classifier(chain, speakers, digits, train_waves, train.conditions, epochs=epochs)
    training_seconds = time.process_time() - began
    conditions = balanced(factors, count)
    take = draw(loaded, conditions, seed=0)
    generated = [chain.wave(trace.symbols) for trace in take.traces]
    labels = np.array([[f.index(condition[f.name]) for f in factors] for condition in conditions])
    stop = chain.alphabet.stop_symbol
    return {
        "model": loaded.header.name,
        "weights": loaded.reference.weights,
        "classifier_cpu_seconds": round(training_seconds),
        "accuracy": {
            "generated": accuracy(network, chain, generated, labels),
            "real test clips": accuracy(network, chain, real, test.conditions),
        },
        "ended_by_stop": float(np.mean([trace.symbols[-1] == stop for trace in take.traces])),
        "generated": sound_statistics(chain, generated),
        "real": sound_statistics(chain, real),
    }


# Nearest training examples


@dataclass(frozen=True)
class Neighbours:
    """Samples (symbols) with the nearest training example of each; distances in the features' own unit.

    typical: median distance of real test examples to their nearest training example, for comparison.
    """

    samples: list[Symbols]
    conditions: list[dict[str, str]]
    nearest: list[Symbols]
    distances: list[float]
    typical: float
    unit: str

    def to_json(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "distances": self.distances,
            "median_distance": float(np.median(self.distances)),
            "median_distance_of_test_examples": self.typical,
        }


def features(chain: Chain, examples: Sequence[Symbols]) -> Tensor:
    """float32 (N, F): grey levels of images in 0 … 1; log-mel spectrograms of sound."""
    if isinstance(chain, ImageChain):
        return torch.from_numpy(chain.image(np.stack(examples)).reshape(len(examples), -1).astype(np.float32) / 255)
    assert isinstance(chain, SoundChain)
    waves = fixed_length([chain.wave(symbols) for symbols in examples], chain.rate)
    return torch.cat([log_mel(batch, chain.rate).flatten(1) for batch in torch.split(waves, 256)])


@torch.inference_mode()
def neighbours(loaded: LoadedModel, folder: Path, *, count: int) -> Neighbours:
    """The training examples nearest to ``count`` samples, by Euclidean distance of ``features``."""
    chain, name = loaded.model.chain, loaded.header.data["name"]
    train, test = load(name, folder, "train"), load(name, folder, "test")
    conditions = balanced(loaded.model.factors, count)
    samples = [trace.symbols for trace in draw(loaded, conditions, seed=1).traces]
    space = features(chain, train.symbols)
    distances, indices = torch.cdist(features(chain, samples), space).min(1)
    typical = torch.cdist(features(chain, test.symbols[:count]), space).min(1).values.median()
    return Neighbours(
        samples,
        conditions,
        [train.symbols[index] for index in indices.tolist()],
        distances.tolist(),
        float(typical),
        "Euclidean distance of grey levels in 0 … 1" if isinstance(chain, ImageChain)
        else "Euclidean distance of log-mel spectrograms",
    )  # fmt: skip


# Pictures


WAVE_SIZE = (56, 160)
"""Height and width of a drawn wave, in pixels."""
PAPER, INK = 24, 210
"""Greys of the ground and of a wave."""
GAP = 4
IMAGE_SCALE = 3
THUMBNAIL = 224
"""Side in pixels."""

Pixels = npt.NDArray[np.uint8]


def drawn_example(chain: Chain, symbols: Symbols, longest: int) -> Pixels:
    """One example as a picture: the image itself, enlarged, or the envelope of the wave, ``longest`` steps wide."""
    if isinstance(chain, ImageChain):
        return picture(chain, [symbols], IMAGE_SCALE)
    assert isinstance(chain, SoundChain)
    return envelope(chain.wave(symbols), longest, *WAVE_SIZE)


def envelope(wave: npt.NDArray[np.int16], longest: int, height: int, width: int) -> Pixels:
    """Lowest to highest value of each column's stretch of a wave, uint8 (height, width)."""
    result = np.full((height, width), PAPER, np.uint8)
    edges = np.linspace(0, longest, width + 1).astype(int)
    middle = (height - 1) / 2
    for column, (first, end) in enumerate(pairwise(edges.tolist())):
        part = wave[first : max(end, first + 1)]
        if part.size:
            top, bottom = (round(middle - float(v) / INT16_PEAK * middle) for v in (part.max(), part.min()))
            result[top : bottom + 1, column] = INK
    return result


def tiled(pictures: Sequence[Pixels], columns: int) -> Pixels:
    """Pictures of one size in rows of ``columns``, with a gap between them."""
    lines = [list(pictures[n : n + columns]) for n in range(0, len(pictures), columns)]
    lines[-1] += [np.full_like(pictures[0], PAPER)] * (columns - len(lines[-1]))
    pad = [(0, GAP), (0, GAP)] + [(0, 0)] * (pictures[0].ndim - 2)
    whole = np.concatenate(
        [np.concatenate([np.pad(p, pad, constant_values=PAPER) for p in line], 1) for line in lines], 0
    )
    return whole[:-GAP, :-GAP]


def drawn_examples(chain: Chain, examples: Sequence[Symbols], columns: int) -> Pixels:
    longest = max(map(len, examples))
    return tiled([drawn_example(chain, symbols, longest) for symbols in examples], columns)


def thumbnail(chain: Chain, examples: Sequence[Symbols]) -> Pixels:
    """A square picture of the first few examples."""
    if isinstance(chain, SoundChain):
        waves = [chain.wave(symbols) for symbols in examples[:3]]
        longest = max(map(len, waves))
        return np.concatenate([envelope(w, longest, h, THUMBNAIL) for w, h in zip(waves, (74, 76, 74), strict=True)])
    pixels = drawn_examples(chain, examples[:9], 3)
    return np.asarray(Image.fromarray(pixels).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS))


# Cards


def card(loaded: LoadedModel, samples: Sequence[Symbols], near: Neighbours, speech: Mapping[str, Any] | None) -> str:
    """The model card as Markdown. Pictures are named ``NAME.samples.png`` and ``NAME.neighbours.png``."""
    header, model = loaded.header, loaded.model
    reach = "all" if header.receptive_field is None else f"{header.receptive_field:,}"
    conditions = (
        ", ".join(f"{f.name} ({', '.join(f.values)}{', or any' if f.any else ''})" for f in header.factors) or "none"
    )
    given = ", ".join(["x_<i", *(factor.name for factor in header.factors)])
    lines = [
        f"# {header.title}",
        "",
        f"![samples]({header.name}.samples.png)",
        "",
        f"{len(samples)} samples at temperature 1, none left out.",
        "",
        "## The model",
        "",
        f"- **Factorisation**: `p(x) = ∏ p(x_i | {given})`, over {header.chain.describe()}",
        f"- **Architecture**: {type(model).title} ({header.family}), {header.parameters:,} parameters",
        f"- **Receptive field**: {reach} earlier variables",
        f"- **Conditions**: {conditions}",
        f"- **Sizes**: {', '.join(f'{key} {value}' for key, value in header.config.items())}",
        "",
        *explained(type(model)),
        "## Measured likelihood",
        "",
        "| part | examples | bits/dim | nats |",
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
    if speech is not None:
        lines += speech_section(speech)
    return "\n".join([*lines, *neighbours_section(header, near), *data_section(header)]) + "\n"


def explained(network: type) -> list[str]:
    """The paragraphs of the architecture's own documentation, from the paper on, with its list of deviations."""
    text = sys.modules[network.__module__].__doc__ or ""
    paragraphs = re.split(r"\n\s*\n", text.strip())[1:]
    return [line for paragraph in paragraphs for line in (*paragraph.replace("``", "`").splitlines(), "")]


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


def data_section(header: CheckpointHeader) -> list[str]:
    record = header.training
    facts = [
        ("Data", header.data.get("title")),
        ("Licence of the data", header.data.get("licence")),
        ("Attribution", header.data.get("attribution")),
        ("Command", f"`{record['command']}`" if "command" in record else None),
        ("Steps", record.get("steps")),
        ("Hardware", record.get("hardware")),
        ("Training time", f"{record['seconds']:,} s" if "seconds" in record else None),
        ("Size", f"{header.size_bytes / 1e6:.2f} MB"),
    ]
    return ["## Data and training", "", *(f"- **{name}**: {value}" for name, value in facts if value)]


# The commands


def neighbours_picture(chain: Chain, near: Neighbours) -> Pixels:
    """Pairs of a sample and its nearest training example, side by side."""
    pairs = [example for pair in zip(near.samples, near.nearest, strict=True) for example in pair]
    return drawn_examples(chain, pairs, 10 if isinstance(chain, ImageChain) else 4)


def write_png(path: Path, pixels: Pixels) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, "PNG")


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    write_atomically(path, (json.dumps(report, indent=2) + "\n").encode())
    sys.stdout.write(f"{json.dumps(report, indent=2)}\n{path}\n")


def write_speech(loaded: LoadedModel, arguments: argparse.Namespace) -> None:
    report = speech_report(loaded, arguments.data, count=arguments.count or 300)
    write_report(arguments.cards / f"{loaded.header.name}.speech.json", report)


def write_neighbours(loaded: LoadedModel, arguments: argparse.Namespace) -> Neighbours:
    chain, name = loaded.model.chain, loaded.header.name
    near = neighbours(loaded, arguments.data, count=arguments.count or (20 if isinstance(chain, ImageChain) else 10))
    write_png(arguments.cards / f"{name}.neighbours.png", neighbours_picture(chain, near))
    write_report(arguments.cards / f"{name}.neighbours.json", near.to_json())
    return near


def write_card(loaded: LoadedModel, arguments: argparse.Namespace) -> None:
    chain, name = loaded.model.chain, loaded.header.name
    near = write_neighbours(loaded, arguments)
    count = 60 if isinstance(chain, ImageChain) else 12
    samples = [trace.symbols for trace in draw(loaded, balanced(loaded.model.factors, count), seed=0).traces]
    report = arguments.cards / f"{name}.speech.json"
    speech = json.loads(report.read_text(encoding="utf-8")) if report.exists() else None
    if speech is not None and speech["weights"] != loaded.reference.weights:
        raise InputError(f"{report} was measured with other weights; run `speech` again, or remove it")
    columns = 10 if isinstance(chain, ImageChain) else 4
    write_png(arguments.cards / f"{name}.samples.png", drawn_examples(chain, samples, columns))
    write_png(arguments.cards / f"{name}.png", thumbnail(chain, samples))
    write_atomically(arguments.cards / f"{name}.md", card(loaded, samples, near, speech).encode())
    sys.stdout.write(f"{arguments.cards / f'{name}.md'}\n")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m models.evaluation", description="Evaluates samples of a model.")
    parser.add_argument("what", choices=("speech", "neighbours", "card"))
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--assets", type=Path, default=Path("assets"), help="reports and cards go to its folder cards")
    parser.add_argument("--count", type=int, help="samples to draw")
    arguments = parser.parse_args(argv)
    arguments.cards = arguments.assets / "cards"
    torch.set_num_threads(1)
    try:
        arguments.cards.mkdir(parents=True, exist_ok=True)
        loaded = load_checkpoint(arguments.checkpoint)
        {"speech": write_speech, "neighbours": write_neighbours, "card": write_card}[arguments.what](loaded, arguments)
    except StudioError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
