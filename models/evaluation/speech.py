"""What generated clips are like: which digit and speaker an independent classifier hears, lengths and levels.

The classifier is trained on the real recordings.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import INT16_PEAK, SoundChain
from models.checkpoint import LoadedModel
from models.condition import Category, Condition, Factor, categories
from models.errors import InputError
from models.evaluation.samples import balanced, draw
from models.track import Track
from models.training.data import Examples, load

Waves = Sequence[npt.NDArray[np.int16]]

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


def examples_as_waves(chain: SoundChain, examples: Examples) -> list[npt.NDArray[np.int16]]:
    return [chain.wave(symbols) for symbols in examples.symbols]


def labels_of(factors: Sequence[Category], conditions: Sequence[Condition]) -> npt.NDArray[np.int64]:
    """The indices of the values in conditions, int64 (N, F)."""
    return np.array([[f.values.index(condition[f.name]) for f in factors] for condition in conditions], np.int64)


def spoken(
    factors: Sequence[Factor], chain: SoundChain, waves: Waves, conditions: Sequence[Condition]
) -> tuple[Waves, npt.NDArray[np.int64]]:
    """Clips of single digits, and of each the indices of its speaker and digit, int64 (N, 2).

    Where a track says which digit is said when, they are cut out of the waves.
    """
    speaker, said = factors
    if not isinstance(said, Track):
        return waves, labels_of(categories(factors), conditions)
    hop = chain.rate // said.per_second
    clips, labels = [], []
    for wave, condition in zip(waves, conditions, strict=True):
        for start, duration, digit in condition[said.name]:
            clips.append(wave[start * hop : (start + duration) * hop])
            labels.append({speaker.name: condition[speaker.name], said.parts[0].name: digit})
    return clips, labels_of(categories((speaker, *said.parts)), labels)


def speech_report(loaded: LoadedModel, folder: Path, *, count: int, epochs: int = EPOCHS) -> dict[str, Any]:
    """What the classifier names in generated and in real test clips, and how the clips compare.

    Raises InputError for a model of anything but speech with the conditions ``speaker`` and ``digit`` or ``digits``, a
    track of them.
    """
    chain, factors = loaded.model.chain, loaded.model.factors
    names = [factor.name for factor in factors]
    if not isinstance(chain, SoundChain) or names not in (["speaker", "digit"], ["speaker", "digits"]):
        raise InputError(f"{loaded.header.name} does not speak: its conditions should be speaker and digit, or digits")
    train, test = (load(loaded.header.data["name"], folder, split) for split in ("train", "test"))
    (waves, labels), (real, real_labels) = (
        spoken(factors, chain, examples_as_waves(chain, examples), examples.conditions) for examples in (train, test)
    )
    began = time.process_time()
    speakers, digits = labels.max(0) + 1
    network = train_classifier(chain, int(speakers), int(digits), waves, labels, epochs=epochs)
    training_seconds = time.process_time() - began
    conditions = balanced(factors, count)
    take = draw(loaded, conditions, seed=0)
    whole = [chain.wave(trace.symbols) for trace in take.traces]
    generated, asked = spoken(factors, chain, whole, conditions)
    stop = chain.alphabet.stop_symbol
    return {
        "model": loaded.header.name,
        "weights": loaded.reference.weights,
        "classifier_cpu_seconds": round(training_seconds),
        "accuracy": {
            "generated": accuracy(network, chain, generated, asked),
            "real test clips": accuracy(network, chain, real, real_labels),
        },
        "ended_by_stop": float(np.mean([trace.symbols[-1] == stop for trace in take.traces])),
        "generated": sound_statistics(chain, generated),
        "real": sound_statistics(chain, real),
    }
