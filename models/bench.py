"""How fast each engine of a model walks, measured in one process on real walks of batch 1."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import count
from statistics import median
from typing import Any

import numpy as np
import torch

from models.chain import Chain, Symbols
from models.condition import complete
from models.conditional import check_numbers
from models.decoder import DRAW, Decoder, Drawn
from models.model import AutoregressiveModel
from models.noise import uniforms
from models.sampling import engines_of, make_decoder
from models.shaping import NEUTRAL

BUDGET_SECONDS = 6.0
"""What the repetitions of one engine may take together, its warm-up left out."""
FEWEST, MOST = 3, 15
"""Repetitions."""
TRIAL_STEPS = 3
BLOCK = 160
REAL_TIME = "real_time_factor"


@dataclass(frozen=True)
class EngineSpeed:
    """steps_per_second: median of the repetitions; slowest, fastest: their range. steps: of all repetitions together.

    whole: whether whole walks were timed, or stretches that begin in the middle of one.
    """

    engine: str
    steps_per_second: float
    slowest: float
    fastest: float
    repetitions: int
    steps: int
    whole: bool

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
            symbols, seconds = walk(model, trial, seed=seed, steps=stretch)
        speeds.append(len(symbols) / seconds)
        steps, spent = steps + len(symbols), spent + seconds
        if seed >= MOST or (seed >= FEWEST and spent * (seed + 1) / seed > BUDGET_SECONDS):
            break
    return EngineSpeed(engine, median(speeds), min(speeds), max(speeds), len(speeds), steps, whole)


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
