"""What a walk recorded: traces with their schedule, branches, and the take that holds them.

Traces are append-only. One thread appends; any other may read the published prefix at any time: the length is
published last, and an array that grows is replaced, so that a view once taken stays what it was. An edit does not
change a trace but makes a branch; a particle that dies out, see ``particles``, gets another trace in place of its own.
No torch here: the window shows takes before torch is imported.
"""

from __future__ import annotations

import math
import secrets
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from models.chain import MAX_STEPS, Chain, Symbols, chain_from_json
from models.condition import Condition, Factor, arranged, check_words, complete, factors_from_json
from models.errors import InputError
from models.growing import RELEASED_STEPS, Growth
from models.noise import MAX_SEED, check_seed
from models.shaping import Shaping, shaping_from_json

FIRST_CAPACITY = 1024
SUMMED_STEPS = 2**12
"""The sums of so many surprises each are kept."""
COLUMNS = ("_symbols", "_surprise", "_entropy", "_clamped")


@dataclass(frozen=True)
class Segment:
    """One entry of a trace's schedule: what held from step ``start`` on."""

    start: int
    shaping: Shaping
    condition: Condition
    seed: int
    sample: int
    salt: int
    engine: str
    device: str = "cpu"

    def to_json(self) -> dict[str, Any]:
        return {
            "start": self.start,
            "shaping": self.shaping.to_json(),
            "condition": dict(self.condition),
            "seed": self.seed,
            "sample": self.sample,
            "salt": self.salt,
            "engine": self.engine,
            "device": self.device,
        }


def segment_from_json(config: Mapping[str, Any]) -> Segment:
    try:
        fields = dict(config)
        fields["shaping"] = shaping_from_json(fields["shaping"])
        fields["condition"] = dict(fields["condition"].items())
        segment = Segment(**fields)
        for name in ("start", "seed", "sample", "salt"):
            value = getattr(segment, name)
            if type(value) is not int or not 0 <= value <= MAX_SEED:
                raise InputError(f"{name} of a segment is a whole number in 0 … {MAX_SEED}, not {value!r}")
        return segment
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(f"not a schedule segment: {error}") from None


class Trace:
    """One sample's record. Arrays are views of the published prefix, all of the same length.

    symbols: int32. surprise: float32, -log2 p of the symbol under the raw conditional, in bits. entropy: float32, of
    the raw conditional, in bits. clamped: bool, which steps took a given symbol instead of drawing one.
    """

    def __init__(self, segment: Segment, *, parent: int | None = None, fork: int = 0) -> None:
        self.schedule: list[Segment] = [segment]
        self.parent = parent
        """Index of the branch this one left, among its sample's branches."""
        self.fork = fork
        """The first step that is this branch's own."""
        self.forced: dict[int, int] = {}
        """Symbols to put at steps not yet drawn."""
        self.finished = False
        self._length = 0
        self._symbols = np.empty(FIRST_CAPACITY, np.int32)
        self._surprise = np.empty(FIRST_CAPACITY, np.float32)
        self._entropy = np.empty(FIRST_CAPACITY, np.float32)
        self._clamped = np.empty(FIRST_CAPACITY, np.bool_)
        self._growth = {name: Growth() for name in COLUMNS}
        self._sums = array("d", [0.0])

    def __len__(self) -> int:
        return self._length

    @property
    def symbols(self) -> Symbols:
        length = self._length
        return self._symbols[:length]

    @property
    def surprise(self) -> npt.NDArray[np.float32]:
        length = self._length
        return self._surprise[:length]

    @property
    def entropy(self) -> npt.NDArray[np.float32]:
        length = self._length
        return self._entropy[:length]

    @property
    def clamped(self) -> npt.NDArray[np.bool_]:
        length = self._length
        return self._clamped[:length]

    @property
    def segment(self) -> Segment:
        """What holds for the next step."""
        return self.schedule[-1]

    def segment_at(self, step: int) -> Segment:
        """What held at a step."""
        return next(s for s in reversed(self.schedule) if s.start <= step)

    def reschedule(self, segment: Segment) -> None:
        """From the next step on another segment holds; one that no step was drawn under is replaced."""
        self.schedule = [*(s for s in self.schedule if s.start < segment.start), segment]

    def recondition(self, name: str, value: Any) -> None:
        """Another value of a factor for what comes next, and for all that was drawn under the value of now.

        It would have been the same.
        """
        now = self.segment.condition[name]
        self.schedule = [
            replace(s, condition={**s.condition, name: value}) if s.condition[name] == now else s for s in self.schedule
        ]

    def append(
        self,
        symbols: npt.NDArray[np.int32],
        surprise: npt.NDArray[np.float32],
        entropy: npt.NDArray[np.float32],
        clamped: npt.NDArray[np.bool_],
    ) -> None:
        """Adds steps, then publishes them."""
        start, stop = self._length, self._length + len(symbols)
        if stop > len(self._symbols):
            capacity = max(stop, 2 * len(self._symbols))
            for name in COLUMNS:
                setattr(self, name, self._growth[name].larger(getattr(self, name), start, capacity))
        self._symbols[start:stop] = symbols
        self._surprise[start:stop] = surprise
        self._entropy[start:stop] = entropy
        self._clamped[start:stop] = clamped
        self._length = stop
        if start // RELEASED_STEPS < stop // RELEASED_STEPS:
            for growth in self._growth.values():
                growth.leave_memory()

    def branch(self, step: int, segment: Segment, *, parent: int | None) -> Trace:
        """A new trace with this one's steps before ``step``, going on under ``segment``."""
        child = self.prefix(step, parent=parent, fork=step)
        child.schedule = [s for s in self.schedule if s.start < step]
        child.reschedule(segment)
        return child

    def prefix(self, step: int, *, parent: int | None, fork: int) -> Trace:
        """A trace of this one's steps before ``step``, which it does not copy before it grows."""
        child = Trace(self.schedule[0], parent=parent, fork=fork)
        for name in COLUMNS:
            setattr(child, name, getattr(self, name)[:step])
        child._length = step
        return child

    def copy(self, segment: Segment, step: int) -> Trace:
        """A trace of its own with this one's ``step`` steps, going on under another segment."""
        child = self.branch(step, replace(segment, start=step), parent=None)
        child.fork, child.finished = 0, self.finished
        return child

    def mean_surprise(self, stop: int) -> float:
        """Of the steps before ``stop``, in bits: NaN where some are not known, or there are none.

        For one thread, at a cost that does not grow with the length.
        """
        sums = self._sums
        for block in range(len(sums) - 1, stop // SUMMED_STEPS):
            total = float(self._surprise[block * SUMMED_STEPS : (block + 1) * SUMMED_STEPS].sum(dtype=np.float64))
            if math.isnan(total):  # until the model was asked
                return math.nan
            sums.append(sums[-1] + total)
        known = stop // SUMMED_STEPS
        rest = float(self._surprise[known * SUMMED_STEPS : stop].sum(dtype=np.float64))
        return (sums[known] + rest) / stop if stop else math.nan

    @property
    def bits(self) -> float:
        """Sum of the surprises."""
        return float(self.surprise.sum(dtype=np.float64))


@dataclass
class Sample:
    """One of the samples of a take: its branches, and the one that is shown."""

    branches: list[Trace]
    current: int = 0

    @property
    def trace(self) -> Trace:
        return self.branches[self.current]

    def replace_trace(self, trace: Trace) -> None:
        """Another trace in place of the shown branch, which nothing remembers: of a particle that died out, or of a
        text than which a search has found a better one."""
        self.branches[self.current] = trace

    def next_salt(self) -> int:
        return 1 + max(s.salt for trace in self.branches for s in trace.schedule)


@dataclass(frozen=True)
class ModelReference:
    """Which model made a take: enough to find it again and to know whether it is the same."""

    name: str
    title: str
    weights: str
    """Hash of the weights, see ``checkpoint.weights_hash``."""
    chain: Chain
    factors: tuple[Factor, ...]

    def walks_as(self, other: ModelReference) -> bool:
        """Whether one model can go on with what the other has drawn; the name may be another."""
        return (self.weights, self.chain, self.factors) == (other.weights, other.chain, other.factors)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "weights": self.weights,
            "chain": self.chain.to_json(),
            "conditions": [f.to_json() for f in self.factors],
        }


def model_reference_from_json(config: Mapping[str, Any]) -> ModelReference:
    try:
        for field in ("name", "title", "weights"):
            check_words(config[field])
        return ModelReference(
            config["name"],
            config["title"],
            config["weights"],
            chain_from_json(config["chain"]),
            factors_from_json(config["conditions"]),
        )
    except (TypeError, KeyError) as error:
        raise InputError(f"not a model reference: {error}") from None


def new_take_id() -> str:
    """Sorts by time of creation."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"


@dataclass
class Take:
    """What one Generate made: samples with one model, one seed and one limit, each with its branches."""

    model: ModelReference
    samples: list[Sample]
    limit: int
    """The number of steps after which a walk ends if nothing ended it before."""
    id: str = field(default_factory=new_take_id)
    given: tuple[int, ...] = ()
    """A symbol for each step that is known beforehand, DRAW for the others; steps beyond its end are drawn."""
    resampled: tuple[int, ...] | None = None
    """For samples that are the particles of one another: the steps at which they were drawn anew, see ``particles``."""
    beam: int | None = None
    """Of a search for probable texts, see ``beam_search``, the width: it found the samples' first branches."""
    lock: Lock = field(default_factory=Lock, repr=False, compare=False)
    """Held while several traces grow together: what copies a take finds particles at the same step."""

    @cached_property
    def chain(self) -> Chain:
        """The chain that the samples go along: the model's, arranged by the condition that they all began under."""
        return arranged(self.model.chain, self.model.factors, self.samples[0].branches[0].schedule[0].condition)

    @property
    def particles(self) -> bool:
        """Whether the samples still depend on one another: until they have been drawn anew at the end."""
        return self.resampled is not None and self.resampled[-1:] != (self.limit,)

    @property
    def searching(self) -> bool:
        """Whether a beam search has not come to its end: until then its samples give way to better ones."""
        return self.beam is not None and not all(sample.branches[0].finished for sample in self.samples)

    def along(self, condition: Condition) -> dict[str, Any]:
        """The whole condition, but what would arrange the chain anew stays as this take has it."""
        held = self.samples[0].branches[0].schedule[0].condition
        result = complete(self.model.factors, condition)
        for factor in self.model.factors:
            chain, value = self.model.chain, held.get(factor.name, factor.default)
            if factor.arrange(chain, result[factor.name]) != factor.arrange(chain, value):
                result[factor.name] = value
        return result

    @property
    def seed(self) -> int:
        """The one that it began with."""
        return self.traces[0].schedule[0].seed

    @property
    def traces(self) -> list[Trace]:
        """The shown branch of every sample."""
        return [sample.trace for sample in self.samples]

    @property
    def branches(self) -> list[Trace]:
        """All branches of every sample."""
        return [trace for sample in self.samples for trace in sample.branches]

    @property
    def finished(self) -> bool:
        return all(trace.finished for trace in self.traces)

    @property
    def frontier(self) -> int:
        """The end of what is drawn: of the shown branches that go on, the shortest; else the longest."""
        growing = [len(trace) for trace in self.traces if not trace.finished]
        return min(growing) if growing else max(len(trace) for trace in self.traces)

    @property
    def endless(self) -> bool:
        """Whether it goes on until somebody stops it."""
        return self.limit > self.chain.limit

    @property
    def extent(self) -> int:
        """The steps that a view of all of it has room for: while an open one grows, a round number that holds them."""
        longest, extent = self.longest, self.chain.default_limit
        if self.finished:
            return longest
        while extent < longest:
            extent *= 2
        return max(longest, min(extent, self.limit))

    @property
    def longest(self) -> int:
        return max(len(trace) for trace in self.traces)

    def branch(
        self,
        sample: int,
        step: int,
        *,
        value: int | None = None,
        values: Sequence[int] = (),
        new_noise: bool = False,
        **changes: Any,
    ) -> Trace:
        """A branch of one sample from ``step`` on, made the shown one.

        value: the symbol to put at ``step``. values: symbols to put there and at the steps that follow. new_noise:
        draw on with noise not used before; otherwise the branch draws on with the noise of the old one, so that what
        differs is due to the edit alone.
        changes: other fields of the segment (shaping, condition, engine, device).
        """
        owner = self.samples[sample]
        trace = owner.trace
        # After the end of a finished trace nothing could follow, and no reader would take the branch back.
        last = len(trace) - trace.finished
        if self.particles:
            raise InputError("particles depend on one another: they can be changed when all of them have ended")
        if self.searching:
            raise InputError("what a search has found can be changed when it has come to its end")
        if not 0 <= step <= last:
            raise InputError(f"a branch of this sample starts in 0 … {last}, not at step {step}")
        put = list(values) if value is None else [value]
        for symbol in put:
            if not 0 <= symbol < self.chain.alphabet.size:
                raise InputError(f"a symbol lies in 0 … {self.chain.alphabet.size - 1}, not {symbol}")
        if self.chain.alphabet.stop_symbol in put[:-1]:
            raise InputError("nothing comes after the stop symbol: only the last symbol that is put there may be it")
        if step + len(put) > self.limit:
            raise InputError(f"this take has at most {self.limit} steps, not the {step + len(put)} that were given")
        if (
            "condition" in changes
            and arranged(self.model.chain, self.model.factors, changes["condition"]) != self.chain
        ):
            raise InputError("a branch goes along the chain of its take: its condition cannot arrange the steps anew")
        held = trace.segment_at(step)
        salt = owner.next_salt() if new_noise else held.salt
        fields = {**held.__dict__, **changes, "start": step, "salt": salt}
        child = trace.branch(step, Segment(**fields), parent=owner.current)
        child.forced = dict(enumerate(put, step))
        owner.branches.append(child)
        owner.current = len(owner.branches) - 1
        return child


def check_samples(first: int, count: int) -> None:
    """Raises InputError unless there are samples ``first`` … ``first + count - 1``."""
    if count < 1 or first < 0:
        raise InputError(f"a take has one sample or more, from sample 0 on; not {count} from {first}")
    if first + count - 1 > MAX_SEED:
        raise InputError(f"a sample's number lies in 0 … {MAX_SEED}, not at {first + count - 1}")


def longest_of(count: int, limit: int) -> int:
    """The longest that so many samples may be, up to ``limit``: what can be kept is shared among them."""
    return max(1, min(limit, MAX_STEPS // count))


def check_limit(limit: int, chain: Chain) -> None:
    """Raises InputError unless a walk may have so many steps at most."""
    if not 1 <= limit <= chain.endless_limit:
        raise InputError(f"the number of steps lies in 1 … {chain.endless_limit}, not {limit}")


def new_take(
    model: ModelReference,
    *,
    seed: int,
    count: int,
    condition: Condition,
    shaping: Shaping,
    engine: str,
    device: str = "cpu",
    first: int = 0,
    limit: int | None = None,
) -> Take:
    """An empty take: samples ``first`` … ``first + count - 1`` of a seed, nothing drawn yet."""
    check_seed(seed)
    limit = model.chain.default_limit if limit is None else limit
    check_limit(limit, model.chain)
    check_samples(first, count)
    if count * limit > MAX_STEPS:
        most = MAX_STEPS // limit
        raise InputError(
            f"{count} samples of {limit} steps are more than a take holds: at most {most}, or shorter ones"
        )
    samples = [
        Sample([Trace(Segment(0, shaping, dict(condition), seed, n, 0, engine, device))])
        for n in range(first, first + count)
    ]
    return Take(model, samples, limit)
