"""What happens when, along a sound: the digits that are said, the notes that are played. A *local* condition.

A track is a list of events. Each has a start, a duration and a value for each of some parts, which are factors of their
own: the digit; the pitch and the touch. Time is counted in frames, many fewer than there are samples. One event at a
time: it lasts as long as it says, or until the next one begins.

A value is a list of lists, [start, duration, value of each part, …], in frames, starts rising; as text the times are in
seconds: ``0.1+0.4 7, 0.6+0.35 3``, and ``0.6+ 3`` goes on until another begins. Without times, events follow one
another: ``7, 3``, and where there is one part and no comma, ``7 3``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Any, Self

from models.chain import Chain
from models.condition import Category, Factor, factors_from_json
from models.errors import InputError

MAX_EVENTS = 256
"""In a track."""
MAX_FRAME = 2**23
"""Starts and durations are given to networks as float32, which is exact so far."""
NEVER = 2.0**24
"""The start of events that are not there, as networks are given it."""
TIMES = re.compile(r"(-?[0-9.]+)\+([0-9.]*)\s+(.+)")
"""Start and duration in seconds, then the values. Without a duration it lasts until the next one begins."""
BETWEEN = 4
"""Of events without times, what is between two of them is so many times shorter than they are."""


@dataclass(frozen=True)
class Number(Factor):
    """A real number in low … high."""

    kind = "number"

    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        numbers = all(type(end) in (int, float) and math.isfinite(end) for end in (self.low, self.high))
        if not numbers or not self.low < self.high:
            raise InputError(f"the number {self.name!r} lies between two others, not {self.low!r} and {self.high!r}")

    @property
    def default(self) -> float:
        return (self.low + self.high) / 2

    @property
    def numbers(self) -> int:
        return 1

    def encode(self, value: float) -> list[float]:
        """As a number in -1 … 1."""
        self.check(value)
        return [2 * (value - self.low) / (self.high - self.low) - 1]

    def check(self, value: Any) -> None:
        if type(value) not in (int, float) or not self.low <= value <= self.high:
            raise InputError(f"{self.name} is {self.describe()}, not {shortened(value)}")

    def parse(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise InputError(f"{self.name} is {self.describe()}, not {text!r}") from None
        self.check(value)
        return value

    def format(self, value: Any) -> str:
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)

    def describe(self) -> str:
        return f"a number in {self.low:g} … {self.high:g}"

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "low": self.low, "high": self.high}

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> Self:
        return cls(config["name"], config["low"], config["high"])


NOTES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
NOTE = re.compile(r"([A-Ga-g])([#♯b♭]?)([-−]?\d)")
SIGNS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}


def note_name(key: float) -> str:
    """The nearest note of equal temperament to a MIDI number, and by how many cents that lies off it: 69 is A4."""
    nearest = round(key)
    cents = round(100 * (key - nearest))
    octave, note = divmod(nearest - 12, len(NOTES))
    return f"{NOTES[note]}{octave}".replace("-", "−") + (f" {cents:+d} ct".replace("-", "−") if cents else "")


@dataclass(frozen=True)
class Pitch(Number):
    """A pitch as a MIDI number: 69 is the A of 440 Hz, 1 a semitone."""

    kind = "pitch"

    def parse(self, text: str) -> float:
        """A number, or a note as ``C4``, ``F#3``, ``B♭2``."""
        named = NOTE.fullmatch(text.strip())
        if named is None:
            return super().parse(text)
        letter, sign, octave = named.groups()
        key = NOTES.index(letter.upper()) + SIGNS[sign] + len(NOTES) * (int(octave.replace("−", "-")) + 1)
        self.check(float(key))
        return float(key)

    def format(self, value: Any) -> str:
        return note_name(value) if value == round(value) else super().format(value)

    def label(self, value: Any) -> str:
        return note_name(value)

    def describe(self) -> str:
        return f"{super().describe()}, as a key of MIDI (69 is the A of 440 Hz) or a note (A4)"


@dataclass(frozen=True)
class Track(Factor):
    """See the module.

    per_second: frames a second. usual: the duration, in frames, of an event for which nobody says it. parts: categories
    and numbers. begins: the text of the value that a window begins with. held: whether how long an event lasts is
    decided while it goes on, as that of a key: then a network must not look at its duration before its end.
    """

    kind = "track"

    per_second: int
    usual: int
    parts: tuple[Factor, ...]
    begins: str
    held: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for what, value in (("per_second", self.per_second), ("usual", self.usual)):
            if type(value) is not int or not 1 <= value <= 10_000:
                raise InputError(f"{what} of the track {self.name!r} is a whole number in 1 … 10000, not {value!r}")
        if not self.parts or not all(isinstance(part, Category | Number) for part in self.parts):
            raise InputError(f"the events of the track {self.name!r} have categories and numbers, at least one")
        for name in (name for part in self.parts if isinstance(part, Category) for name in part.values):
            if "," in name or name.split() != [name]:
                raise InputError(f"in a track a value has no comma and no space: {name!r} could not be typed")
        self.check(self.example)

    @property
    def default(self) -> list[list[Any]]:
        """Nothing happens."""
        return []

    @property
    def example(self) -> list[list[Any]]:
        return self.parse(self.begins)

    @property
    def widths(self) -> list[int]:
        """How many numbers each part has."""
        return [part.numbers for part in self.parts]

    @property
    def numbers(self) -> int:
        return MAX_EVENTS * (2 + sum(self.widths))

    def encode(self, value: Sequence[Sequence[Any]]) -> list[float]:
        """Event by event: start, duration, and the numbers of each part."""
        self.check(value)
        numbers: list[float] = []
        for start, duration, *values in value:
            numbers += [float(start), float(duration)]
            for part, own in zip(self.parts, values, strict=True):
                numbers += part.encode(own)
        return numbers + [NEVER] * (self.numbers - len(numbers))

    def check(self, value: Any) -> None:
        if not isinstance(value, list) or len(value) > MAX_EVENTS:
            raise InputError(f"{self.name} is a list of at most {MAX_EVENTS} events, not {shortened(value)}")
        before = -MAX_FRAME - 1
        for event in value:
            if not isinstance(event, list) or len(event) != 2 + len(self.parts):
                names = ", ".join(part.name for part in self.parts)
                raise InputError(f"an event of {self.name} is [start, duration, {names}], not {shortened(event)}")
            start, duration, *values = event
            if type(start) is not int or type(duration) is not int or not 1 <= duration <= MAX_FRAME:
                raise InputError(
                    f"an event of {self.name} starts at a frame and lasts one or more, not {start!r} and {duration!r}"
                )
            if not before < start <= MAX_FRAME:
                raise InputError(f"the events of {self.name} start one after another, not at {before} and then {start}")
            for part, own in zip(self.parts, values, strict=True):
                part.check(own)
                if isinstance(own, Mapping):
                    raise InputError(f"an event of {self.name} has one {part.name}, and no blend")
            before = start

    def parse(self, text: str) -> list[list[Any]]:
        """Raises InputError, as ``check``, for what is no track."""
        stripped = text.strip()
        if not stripped:
            return []
        alone = len(self.parts) == 1 and "," not in stripped and "+" not in stripped
        value: list[list[Any]] = []
        if alone and isinstance(self.parts[0], Category) and all(len(name) == 1 for name in self.parts[0].choices):
            stripped = " ".join("".join(stripped.split()))  # 407 is 4 0 7
        for written in stripped.split() if alone else stripped.split(","):
            timed = TIMES.fullmatch(written.strip())
            after = self.end(value[-1]) if value else 0
            start, duration, said = after + self.usual // BETWEEN, self.usual, written.strip()
            if timed:
                try:
                    start = round(float(timed[1]) * self.per_second)
                    duration = round(float(timed[2]) * self.per_second) if timed[2] else MAX_FRAME
                except (ValueError, OverflowError):
                    raise InputError(f"{self.name}: {timed[1]}+{timed[2]} are no times in seconds") from None
                said = timed[3]
            values = [said] if len(self.parts) == 1 else said.split()
            if len(values) != len(self.parts):
                raise InputError(f"{self.name} is {self.describe()}; not {shortened(written.strip())}")
            value.append([start, duration, *(p.parse(own) for p, own in zip(self.parts, values, strict=True))])
        self.check(value)
        return value

    def format(self, value: Any) -> str:
        return ", ".join(f"{self._times(event)} {self.said(event)}" for event in value)

    def _times(self, event: Sequence[Any]) -> str:
        start, duration = (frames / self.per_second for frames in event[:2])
        return f"{start:.10g}+" if event[1] == MAX_FRAME else f"{start:.10g}+{duration:.10g}"

    def said(self, event: Sequence[Any]) -> str:
        """The values of an event as text."""
        return " ".join(part.format(own) for part, own in zip(self.parts, event[2:], strict=True))

    def label(self, value: Any) -> str:
        return ", ".join(self.said(event) for event in value) if value else "nothing"

    def named(self, value: Any) -> str:
        return super().named(value) if value else f"no {self.name}"

    def pressed(self, value: Sequence[Sequence[Any]], frame: int, *values: Any) -> list[list[Any]]:
        """The track with an event that begins at a frame, and lasts until it is ``released``; what goes on then ends.

        There is none that begins later. Where these were more than MAX_EVENTS, the earlier half is left out, see
        ``forgets``: only the latest is heard.
        Raises InputError, as ``check``, for values that are none.
        """
        before = self.released([event for event in value if event[0] < frame], frame)
        if len(before) == MAX_EVENTS:
            before = before[MAX_EVENTS // 2 :]
        track = [*before, [frame, MAX_FRAME, *values]]
        self.check(track)
        return track

    def released(self, value: Sequence[Sequence[Any]], frame: int) -> list[list[Any]]:
        """The track whose last event has ended before a frame."""
        *before, last = map(list, value) if value else [None]
        if last is None:
            return []
        return [*before, [last[0], min(last[1], max(1, frame - last[0])), *last[2:]]]

    def frame_after(self, chain: Chain, step: int) -> int:
        """The first frame that begins at a step or later."""
        hop = (chain.steps_per_second or self.per_second) // self.per_second
        return -(-step // hop)

    def same_until(self, one: Any, other: Any, chain: Chain, step: int) -> bool:
        frame = self.frame_after(chain, step)

        def told(value: Sequence[Sequence[Any]]) -> tuple[list[list[Any]], bool]:
            """What a network hears of it in the frames before; of events to come, where any, that they are there."""
            begun = [list(event) for event in value if event[0] < frame]
            if self.held:
                for event in begun:
                    event[1] = min(event[1], frame - event[0])
            return begun, not self.held and len(value) > len(begun)

        (one_begun, one_more), (other_begun, other_more) = told(one), told(other)
        return one_begun == other_begun and one_more == other_more

    def forgets(self, one: Any, other: Any, chain: Chain, step: int) -> bool:
        """Whether another track is this one until a step, but for the events that ``pressed`` leaves out of it."""
        return len(one) == MAX_EVENTS and self.same_until(one[MAX_EVENTS // 2 :], other, chain, step)

    def steps(self, value: Sequence[Sequence[Any]], chain: Chain) -> int:
        """Until the last event and the silence after it are over."""
        hop = (chain.steps_per_second or self.per_second) // self.per_second
        return (self.end(value[-1]) + self.usual // 2) * hop if value else 0

    def end(self, event: Sequence[Any]) -> int:
        """The frame after its last one; of an event that goes on until another begins, where the usual one ends."""
        start, duration = event[:2]
        return int(start + (self.usual if duration == MAX_FRAME else duration))

    def describe(self) -> str:
        parts = " and ".join(f"{part.name} ({part.describe()})" for part in self.parts)
        return f"events with commas between them, each with its {parts}, after its start+duration in seconds if wanted"

    @property
    def summary(self) -> str:
        return f"a track of {self.name}"

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "name": self.name, "per_second": self.per_second, "usual": self.usual,
            "parts": [part.to_json() for part in self.parts], "begins": self.begins, "held": self.held,
        }  # fmt: skip

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> Self:
        fields = {name: value for name, value in config.items() if name != "kind"}
        return cls(**{**fields, "parts": factors_from_json(config["parts"])})
