"""What the user has chosen for the next walk, model by model. Plain frozen data without Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from models.chain import Chain
from models.condition import Condition, Factor, complete
from models.engines import ALL_ENGINES, AUTO, DEVICES
from models.errors import StudioError
from models.noise import check_seed
from models.shaping import NEUTRAL, Shaping, shaping_from_json

OVERLAYS = ("none", "entropy", "surprise", "order", "influence")
"""What the canvas can be coloured by, or show on top."""
OVERLAYS_OF_IMAGES = ("order", "influence")
APPEARANCES = ("System", "Light", "Dark")
"""What the window can look like."""
MAX_COUNT = 64

FREQUENCY_SCALES = ("mel", "linear")
WINDOWS_MS = (8, 16, 32, 64, 128)
RANGES_DB = (40, 60, 80, 100)

ITEM_SECONDS = 4.0
"""The default pace draws an image, or whatever has no time of its own, in this time."""

SLOWEST_PACE = 1.0
"""Steps per second."""


def default_pace(chain: Chain) -> float:
    """Steps per second for the eye or the ear: an image in about four seconds, sound in real time."""
    return float(chain.steps_per_second or chain.default_limit / ITEM_SECONDS)


@dataclass(frozen=True)
class Settings:
    """pace: steps per second, infinity for as fast as possible. limit: the longest walk, in steps."""

    condition: Condition
    pace: float
    limit: int
    shaping: Shaping = NEUTRAL
    seed: int = 1
    seed_locked: bool = False
    count: int = 1
    prompt: str = ""
    """What a text begins with."""
    engine: str = AUTO
    device: str = AUTO

    def with_(self, **changes: Any) -> Settings:
        return replace(self, **changes)

    def kept_in_words(self) -> list[str]:
        """What makes the next take another one than a newcomer would expect: shaping, count, a locked seed."""
        count = [f"count {self.count}"] if self.count != Settings.count else []
        seed = [f"seed {self.seed} locked"] if self.seed_locked else []
        return [*self.shaping.changed(), *count, *seed, *(["a prompt"] if self.prompt else [])]

    def to_json(self) -> dict[str, Any]:
        return {
            "condition": dict(self.condition),
            "pace": None if math.isinf(self.pace) else self.pace,
            "limit": self.limit,
            "shaping": self.shaping.to_json(),
            "seed": self.seed,
            "seed_locked": self.seed_locked,
            "count": self.count,
            "prompt": self.prompt,
            "engine": self.engine,
            "device": self.device,
        }


def default_settings(chain: Chain, factors: tuple[Factor, ...]) -> Settings:
    condition = {factor.name: factor.example for factor in factors}
    return Settings(condition=condition, pace=default_pace(chain), limit=chain.default_limit)


def fitting_limit(chain: Chain, limit: int) -> int:
    """The longest walk that comes closest to ``limit``; of a chain of fixed length, all of it."""
    if limit > chain.limit:
        return chain.endless_limit
    return chain.limit if chain.length is not None else min(max(1, limit), chain.limit)


def settings_from_json(config: Any, chain: Chain, factors: tuple[Factor, ...]) -> Settings:
    """Settings as ``to_json`` wrote them; the model's defaults where they are damaged or no longer fit it."""
    default = default_settings(chain, factors)
    try:
        pace = config["pace"]
        return Settings(
            condition=complete(factors, config["condition"]),
            pace=math.inf if pace is None else max(SLOWEST_PACE, float(pace)),
            limit=fitting_limit(chain, int(config["limit"])),
            shaping=shaping_from_json(config["shaping"]),
            seed=check_seed(int(config["seed"])),
            seed_locked=bool(config["seed_locked"]),
            count=min(max(1, int(config["count"])), MAX_COUNT),
            prompt=str(config.get("prompt", "")),
            # One that another version had, or a file named, is no reason to forget everything else.
            engine=config["engine"] if config["engine"] in ALL_ENGINES else AUTO,
            device=config["device"] if config["device"] in DEVICES else AUTO,
        )
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError, StudioError):
        return default


@dataclass(frozen=True)
class SpectrumSettings:
    """How the spectrogram of a sound is drawn.

    scale: one of ``FREQUENCY_SCALES``. window_ms: of ``WINDOWS_MS``. range_db: of ``RANGES_DB``, what is shown below
    the level of a sine of full scale.
    """

    shown: bool = True
    scale: str = "mel"
    window_ms: int = 32
    range_db: int = 80

    def describe(self) -> str:
        return f"{self.scale} · {self.window_ms} ms · {self.range_db} dB"


def spectrum_from_json(config: Any) -> SpectrumSettings:
    """What ``asdict`` made of them; the defaults where that is damaged."""
    try:
        settings = SpectrumSettings(**config)
    except TypeError:
        return SpectrumSettings()
    known = settings.scale in FREQUENCY_SCALES and settings.window_ms in WINDOWS_MS and settings.range_db in RANGES_DB
    return settings if known else SpectrumSettings()
