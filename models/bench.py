"""How fast each engine of a model walks, and how that grows with the image, measured on real walks of batch 1."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from statistics import median
from typing import Any

import numpy as np
import torch

from models.chain import DRAW, Chain, ImageChain, MuLaw, SoundChain, Symbols
from models.condition import complete
from models.conditional import check_numbers
from models.decoder import Decoder, Drawn
from models.errors import InputError
from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class
from models.noise import uniforms
from models.sampling import engines_of, make_decoder
from models.shaping import NEUTRAL

BUDGET_SECONDS = 6.0
"""What the repetitions of one engine may take together, its warm-up left out."""
FEWEST, MOST = 3, 15
"""Repetitions."""
LIMIT_BYTES, LIMIT_REPETITIONS = 2**29, 9
"""What is read in one go to see how fast memory is."""
TRIAL_STEPS = 3
BLOCK = 1024
"""Steps in one call: eight milliseconds of the fastest engine, as the studio has it."""
REAL_TIME = "real_time_factor"

SIDES = (16, 64)
"""Of square images, beside the model's own: where the growth of the cost is looked at."""
SIDE_SECONDS = 2.0
"""What one walk by one engine at one side may take; of a longer one parts at PLACES are timed."""
PLACES = 5
"""Spread evenly over the image: a step may cost more, the more stands before it."""
SIDE_REPETITIONS = 3


@dataclass(frozen=True)
class EngineSpeed:
    """steps_per_second: median of the repetitions; slowest, fastest: their range. steps: of all repetitions together.

    whole: whether whole walks were timed, or stretches that begin in the middle of one. limit: the steps per second
    of one that did nothing but read its weights, as fast as this core does, of engines that have come near to that.
    """

    engine: str
    steps_per_second: float
    slowest: float
    fastest: float
    repetitions: int
    steps: int
    whole: bool
    limit: float | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def bench(model: AutoregressiveModel, report: Callable[[str], None] = lambda line: None) -> list[EngineSpeed]:
    """Every engine of the model on its device, fastest first. ``report`` hears what is being measured."""
    torch.set_num_threads(1)
    engines = engines_of(model)
    report(f"warming up {engines[0]}")
    example, _ = walk(model, start(model, engines[0]), seed=0, steps=model.chain.default_limit)
    speeds = []
    for engine in engines:
        report(f"measuring {engine}")
        speeds.append(time_engine(model, engine, example))
    return speeds


def start(model: AutoregressiveModel, engine: str) -> Decoder:
    """A decoder of one row under the model's default condition."""
    return make_decoder(model, engine, model.condition_tensor(complete(model.factors, {})))


def walk(model: AutoregressiveModel, decoder: Decoder, *, seed: int, steps: int) -> tuple[Symbols, float]:
    """Up to ``steps`` steps from where a decoder stands: the symbols drawn, int32 (n,), and the seconds they took.

    Raises InputError if the model's conditionals are not numbers.
    """
    drawn: list[Drawn] = []
    left, stop = steps, model.chain.alphabet.stop_symbol
    began = time.perf_counter()
    while left and not (drawn and drawn[-1].symbols[0, -1] in (stop, DRAW)):
        block = min(BLOCK, left)
        noise = uniforms(seed, 0, 0, decoder.step, block)[None]
        drawn.append(decoder.advance(noise, NEUTRAL))
        left -= block
    seconds = time.perf_counter() - began
    check_numbers(model.title, np.concatenate([part.entropy[0] for part in drawn]))
    symbols = np.concatenate([part.symbols[0] for part in drawn])
    return symbols[symbols != DRAW], seconds


def time_engine(model: AutoregressiveModel, engine: str, example: Symbols) -> EngineSpeed:
    """Whole walks where BUDGET_SECONDS allows a few of them, else stretches from the middle of an example on."""
    limit = model.chain.default_limit
    middle = example[None, : len(example) // 2]
    trial = start(model, engine)
    trial.extend(middle)
    walk(model, trial, seed=0, steps=1)  # compiles, allocates
    trial.rewind(middle.shape[1])
    symbols, seconds = walk(model, trial, seed=0, steps=TRIAL_STEPS)
    per_step = seconds / len(symbols)
    whole = FEWEST * limit * per_step <= BUDGET_SECONDS
    stretch = max(1, min(len(example) - middle.shape[1], int(BUDGET_SECONDS / FEWEST / per_step)))
    speeds, steps, spent = [], 0, 0.0
    for seed in count(1):
        if whole:
            symbols, seconds = walk(model, start(model, engine), seed=seed, steps=limit)
        else:
            trial.rewind(middle.shape[1])
            trial.peek()  # some put off until now what a rewind costs
            symbols, seconds = walk(model, trial, seed=seed, steps=stretch)
        speeds.append(len(symbols) / seconds)
        steps, spent = steps + len(symbols), spent + seconds
        if seed >= MOST or (seed >= FEWEST and spent * (seed + 1) / seed > BUDGET_SECONDS):
            break
    most = None if trial.step_bytes is None else steps_limit(trial.step_bytes)
    return EngineSpeed(engine, median(speeds), min(speeds), max(speeds), len(speeds), steps, whole, most)


def steps_limit(step_bytes: int) -> float:
    """How many times a second one core reads so many bytes: the fastest of LIMIT_REPETITIONS."""
    from models.kernels.matrix import aligned, read

    weights = aligned(np.ones(step_bytes // 4, np.float32))
    times = max(1, LIMIT_BYTES // step_bytes)
    read(weights, 1)  # compiles
    fastest = 0.0
    for _ in range(LIMIT_REPETITIONS):
        began = time.perf_counter()
        read(weights, times)
        fastest = max(fastest, times / (time.perf_counter() - began))
    return fastest


def summary(model: AutoregressiveModel, speeds: list[EngineSpeed]) -> list[dict[str, Any]]:
    """Each engine's speed, its ratio to the reference, and by its name what that is for the data, see ``meaning``."""
    reference = next(speed.steps_per_second for speed in speeds if speed.engine == "reference")
    return [
        speed.to_json()
        | {"ratio_to_reference": speed.steps_per_second / reference}
        | dict([meaning(model.chain, speed.steps_per_second)])
        for speed in speeds
    ]


def meaning(chain: Chain, steps_per_second: float) -> tuple[str, float]:
    """What a speed is for the data of a chain, by name: times real time where it plays in time; else the milliseconds
    of a whole one, or of a step where the length is open.
    """
    if chain.steps_per_second is not None:
        return REAL_TIME, steps_per_second / chain.steps_per_second
    if chain.length is not None:
        return f"ms_per_{chain.modality}", 1000 * chain.length / steps_per_second
    return f"ms_per_{chain.step_noun}", 1000 / steps_per_second


# WaveNets of sizes that are worth talking about

TEN_OCTAVES = tuple(2**n for n in range(10))
WAVENETS: dict[str, dict[str, Any]] = {
    "20 blocks, R32 S64": {"residual": 32, "skip": 64, "head": 64, "dilations": 2 * TEN_OCTAVES},
    "30 blocks, R64 S128": {"residual": 64, "skip": 128, "head": 128, "dilations": 3 * TEN_OCTAVES},
    "20 blocks, R64 S256": {"residual": 64, "skip": 256, "head": 256, "dilations": 2 * TEN_OCTAVES},
}
"""By what they are called."""


def wavenet(sizes: dict[str, Any]) -> AutoregressiveModel:
    """A WaveNet of random weights, at 16 kHz."""
    chain = SoundChain(MuLaw(256), rate=16_000, default_seconds=1.0, max_seconds=10.0)
    torch.manual_seed(0)
    return network_class("wavenet")(ModelSpec("wavenet", chain, (), sizes)).requires_grad_(False).eval()


# How the cost grows with the image


@dataclass(frozen=True)
class ImageTime:
    """seconds: of one core, for one image of side x side. whole: whether all of its steps were timed; else it is
    extrapolated from ``steps`` of them, spread over the image."""

    side: int
    seconds: float
    steps: int
    whole: bool


@dataclass(frozen=True)
class Scaling:
    """exponent: e of seconds ~ side^e, fitted to all sides. ratio_to_reference: at the model's own side."""

    engine: str
    times: tuple[ImageTime, ...]
    exponent: float
    ratio_to_reference: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def scaling(spec: ModelSpec, report: Callable[[str], None] = lambda line: None) -> list[Scaling]:
    """The engines of an image model of the spec's sizes and random weights, at SIDES and its own side, fastest first.

    A side that the architecture cannot be built at is left out. Raises InputError where that leaves only one.
    """
    torch.set_num_threads(1)
    own = spec.chain.height if isinstance(spec.chain, ImageChain) else 0
    models: dict[int, AutoregressiveModel] = {}
    problem = "it makes no images"
    for side in sorted({*SIDES, own} if own else ()):
        try:
            models[side] = resized(spec, side)
        except InputError as error:
            problem = str(error)
    if len(models) < 2 or own not in models:
        raise InputError(f"{network_class(spec.architecture).title} cannot be had at several sizes: {problem}")
    times: dict[str, list[ImageTime]] = {}
    for side, model in models.items():
        for engine in engines_of(model):
            report(f"measuring {model.title}, {side} x {side}, {engine}")
            times.setdefault(engine, []).append(time_image(model, engine, side))
    at_own = {engine: next(time.seconds for time in found if time.side == own) for engine, found in times.items()}
    return [
        Scaling(engine, tuple(found), exponent(found), at_own["reference"] / at_own[engine])
        for engine, found in times.items()
    ]


def resized(spec: ModelSpec, side: int) -> AutoregressiveModel:
    """A network of the same architecture and sizes, of random weights, for square images of another side.

    Raises InputError if there is none.
    """
    assert isinstance(spec.chain, ImageChain)
    chain = replace(spec.chain, height=side, width=side)
    network = network_class(spec.architecture)
    factors = network.factors_for(tuple(factor for factor in spec.factors if factor.of_data), chain)
    torch.manual_seed(0)
    return network(replace(spec, chain=chain, factors=factors)).requires_grad_(False).eval()


def time_image(model: AutoregressiveModel, engine: str, side: int) -> ImageTime:
    """The fastest of SIDE_REPETITIONS whole walks, or an extrapolation from steps at PLACES."""
    length = model.chain.default_limit
    walk(model, start(model, engine), seed=0, steps=TRIAL_STEPS)  # compiles, allocates
    steps, _ = walk_within(model, start(model, engine), steps=length, budget=SIDE_SECONDS)
    if steps == length:
        fastest = min(walk_on_cpu(model, start(model, engine), steps=length) for _ in range(SIDE_REPETITIONS))
        return ImageTime(side, fastest, length, True)
    before = np.random.default_rng(0).integers(0, model.chain.alphabet.levels, (1, length), np.int32)
    decoder = start(model, engine)
    timed, per_step = 0, []
    for place in range(PLACES):
        decoder.extend(before[:, decoder.step : (2 * place + 1) * length // (2 * PLACES)])
        most = max(1, length // (2 * PLACES))
        steps, seconds = walk_within(model, decoder, steps=most, budget=SIDE_SECONDS / PLACES)
        timed += steps
        per_step.append(seconds / steps)
    return ImageTime(side, length * float(np.mean(per_step)), timed, False)


def walk_within(model: AutoregressiveModel, decoder: Decoder, *, steps: int, budget: float) -> tuple[int, float]:
    """Walks until ``steps`` are done or ``budget`` seconds are spent, one step at least: steps done, seconds taken."""
    done, spent, block = 0, 0.0, 1
    while done < steps and (done == 0 or spent < budget):
        block = min(block, steps - done)
        spent += walk_on_cpu(model, decoder, steps=block)
        done, block = done + block, 2 * block
    return done, spent


def walk_on_cpu(model: AutoregressiveModel, decoder: Decoder, *, steps: int) -> float:
    """The seconds of one core that ``steps`` steps of an image take, whatever else the machine is busy with."""
    began = time.process_time()
    walk(model, decoder, seed=0, steps=steps)
    return time.process_time() - began


def exponent(times: Sequence[ImageTime]) -> float:
    """The slope of log seconds over log side, by least squares."""
    slope, _ = np.polyfit(np.log([time.side for time in times]), np.log([time.seconds for time in times]), 1)
    return float(slope)
