"""Walks: engines, the walk of a take through a model, reproduction, and conditionals on demand."""

from __future__ import annotations

import json
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.blocks import at_once, next_block
from models.chain import DRAW, Symbols
from models.condition import Condition
from models.conditional import Conditional, check_numbers
from models.decoder import Decoder, Drawn, ReferenceDecoder
from models.engines import ALL_ENGINES, AUTO, BFLOAT16, GRAPH
from models.errors import InputError
from models.likelihood import surprises_under
from models.model import AutoregressiveModel
from models.noise import uniforms
from models.particles import next_evidence, resample
from models.shaping import Shaping
from models.trace import Segment, Take, Trace

CONDITIONAL_BUFFER_BYTES = 64 * 2**20

FLOAT_TIE = 1e-4
"""Engines agree on log-probabilities (in nats) and on a CDF to about 1e-6; what this much decides may go either way."""

SMALL_BATCH = 16
"""Up to here the compiled engine on one core outruns a GPU, whose steps cost their launches whatever the batch."""


def make_decoder(model: AutoregressiveModel, engine: str, condition: Tensor) -> Decoder:
    """A decoder of an engine by name for condition (B, F). Raises InputError if the model or device has none."""
    if engine not in ALL_ENGINES:
        raise InputError(f"unknown engine {engine!r}; known: {', '.join(ALL_ENGINES)}")
    decoder: Decoder | None = None
    if engine == "reference":
        decoder = ReferenceDecoder(model, condition)
    elif engine == "cached":
        decoder = model.cached(condition)
    elif engine == GRAPH:
        decoder = model.graphed(condition) if model.device.type != "cpu" else None
    elif model.device.type == "cpu":
        decoder = model.compiled(condition) if engine == "compiled" else model.in_bfloat16(condition)
    if decoder is None:
        raise InputError(
            f"{model.title} has no {engine} engine on {model.device.type}; it has: {', '.join(engines_of(model))}"
        )
    return decoder


def engines_of(model: AutoregressiveModel, device: str | None = None) -> list[str]:
    """The engines a model has on a device (``cpu``, ``cuda``), by default the one that it is on, fastest first.

    Those that nobody gets who did not name them stand last.
    """
    kind, on_cpu = type(model), (device or model.device.type) == "cpu"
    has = {
        "compiled": kind.compiled is not AutoregressiveModel.compiled and on_cpu,
        "cached": kind.cached is not AutoregressiveModel.cached,
        "reference": True,
        BFLOAT16: kind.in_bfloat16 is not AutoregressiveModel.in_bfloat16 and on_cpu,
        GRAPH: kind.replayable and not on_cpu,
    }
    return [engine for engine in ALL_ENGINES if has[engine]]


def choose(model: AutoregressiveModel, *, device: str = AUTO, engine: str = AUTO, samples: int = 1) -> tuple[str, str]:
    """The device and engine for walks of so many samples at once; the caller moves the model there.

    device: one of ``models.engines.DEVICES``; AUTO is the CPU where the model has a compiled engine that is wanted
    and that so few samples suit, else CUDA if torch can use it. engine: AUTO is the fastest on the device.
    Raises InputError for a device that is not there, or an engine that the model does not have on it.
    """
    if device == AUTO:
        compiled = "compiled" in engines_of(model, "cpu") and samples <= SMALL_BATCH
        wanted = engine in ("compiled", BFLOAT16) or (engine == AUTO and compiled)
        device = "cuda" if torch.cuda.is_available() and not wanted else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise InputError("there is no CUDA device that torch can use; use the device cpu")
    engines = engines_of(model, device)
    if engine not in (AUTO, *engines):
        raise InputError(f"{model.title} has no {engine} engine on {device}; it has: {', '.join(engines)}")
    return device, engines[0] if engine == AUTO else engine


def device_of(take: Take) -> str:
    """The device to load a take's model on so that ``reproduce`` is exact: the recorded one, the CPU if it is gone."""
    recorded = {segment.device for trace in take.traces for segment in trace.schedule}
    return "cuda" if recorded == {"cuda"} and torch.cuda.is_available() else "cpu"


def engine_here(model: AutoregressiveModel, segment: Segment) -> str:
    """The engine of a segment, or the fastest where the model does not have that one on its device."""
    engines = engines_of(model)
    return segment.engine if segment.engine in engines else engines[0]


@dataclass
class Cohort:
    """Traces that advance together: row n of the decoder belongs to ``members[n]``, a sample and its trace.

    A member that is no longer shown, has ended, or has got another shaping leaves its row empty: the row is still
    computed, since dropping it would change the rounding of its neighbours, but nothing of it is recorded.
    ``pending`` (B, n) is the part of a known prefix that the decoder has yet to be told.
    """

    decoder: Decoder
    members: list[tuple[int, Trace] | None]
    pending: Symbols

    @property
    def step(self) -> int:
        return self.decoder.step + int(self.pending.shape[1])

    @property
    def present(self) -> list[tuple[int, tuple[int, Trace]]]:
        return [(row, member) for row, member in enumerate(self.members) if member is not None]


class Walk:
    """The walk of a take: advances the shown branch of every sample, those furthest behind first.

    The only writer of the take's traces. Engine and device of a trace are those of its latest segment; a trace whose
    engine or device is not there goes on with those that are, in a segment of its own.
    """

    def __init__(self, model: AutoregressiveModel, take: Take) -> None:
        self.model = model
        self.take = take
        self._cohorts: list[Cohort] = []
        self._given = np.array(take.given, np.int32)
        if take.particles:
            self._know_evidence()

    @property
    def done(self) -> bool:
        return self.take.finished

    @property
    def untold(self) -> int:
        """How many steps of a known prefix decoders have yet to be told before a step is drawn."""
        return max((int(cohort.pending.shape[1]) for cohort in self._cohorts), default=0)

    def reshape(self, shaping: Shaping) -> None:
        """Another shaping from the next step of every growing trace on."""
        for trace in self.take.traces:
            if not trace.finished and trace.segment.shaping != shaping:
                trace.reschedule(replace(trace.segment, start=len(trace), shaping=shaping))

    def direct(self, changes: Condition) -> None:
        """Other values of some factors from the next step of every growing trace on: decoders hear all anew as such."""
        for cohort in self._cohorts:
            for row, (_, trace) in cohort.present:
                condition = {**trace.segment.condition, **changes}
                if not trace.finished and condition != trace.segment.condition:
                    trace.reschedule(replace(trace.segment, start=len(trace), condition=condition))
                    cohort.members[row] = None  # it is housed anew

    def recondition(self, name: str, value: Any) -> None:
        """Another value of a factor for every growing trace, which tells of other things to come only.

        The conditional of the step that comes next must not differ either: a decoder has it already. A value that
        forgets what was long ago holds from now on, in a segment of its own. Raises InputError for another value.
        """
        (factor,) = (factor for factor in self.model.factors if factor.name == name)
        factor.check(value)
        growing = [trace for trace in self.take.traces if not trace.finished]
        same = []
        for trace in growing:
            now, after = trace.segment.condition[name], len(trace) + 1
            same.append(factor.same_until(now, value, self.take.chain, after))
            if not same[-1] and not factor.forgets(now, value, self.take.chain, after):
                raise InputError(f"{name} cannot be changed where it has been drawn")
        for trace, alike in zip(growing, same, strict=True):
            if alike:
                trace.recondition(name, value)
            else:
                held = trace.segment
                trace.reschedule(replace(held, start=len(trace), condition={**held.condition, name: value}))
        for cohort in self._cohorts:
            present = cohort.present
            table = cohort.decoder.condition.clone()
            for row, (_, trace) in present:
                table[row] = self.model.condition_tensor(trace.segment.condition)[0]
            if not cohort.decoder.recondition(table):
                cohort.members = [None] * len(cohort.members)  # they are housed anew

    def advance(self, count: int, tell: int | None = None) -> int:
        """Walks up to ``count`` steps of the samples furthest behind. Returns how many steps were taken.

        Zero means that there is nothing left to do, or that a decoder is still being told a known prefix: of ``tell``
        symbols at most, which may cost another time than to draw as many, or by default of ``count``.
        """
        cohort = self._furthest_behind()
        if cohort is None:
            return 0
        if cohort.pending.shape[1]:
            told = count if tell is None else tell
            cohort.decoder.extend(cohort.pending[:, :told])
            cohort.pending = cohort.pending[:, told:]
            return 0
        start = cohort.step
        ahead = [other.step - start for other in self._cohorts if other.step > start]
        count = min([count, self.take.limit - start, *ahead])
        evident = None  # where particles are to be judged: whatever the size of blocks is
        if self.take.particles:
            evident = next_evidence(self._given >= 0, start, self.take.limit)
            count = min(count, evident - start)
        noise = np.zeros((len(cohort.members), count))
        known = self._given[start : start + count]
        clamps = np.full((len(cohort.members), count), DRAW, np.int32)
        clamps[:, : len(known)] = known
        active = np.zeros(len(cohort.members), np.bool_)
        for row, (_, trace) in cohort.present:
            segment = trace.segment
            noise[row] = uniforms(segment.seed, segment.sample, segment.salt, start, count)
            active[row] = True
            if trace.forced:
                clamps[row] = [trace.forced.get(start + n, symbol) for n, symbol in enumerate(clamps[row].tolist())]
        shaping = cohort.present[0][1][1].segment.shaping
        drawn = cohort.decoder.advance(noise, shaping, clamps, active)
        with self.take.lock:
            for row, (_, trace) in cohort.present:
                check_numbers(self.take.model.title, drawn.entropy[row])
                self._record(trace, drawn, clamps, row)
            chosen = None
            if evident is not None and (start + count == evident or self.take.finished):
                chosen, traces = resample(self.take, start + count), self.take.traces
        if chosen is not None and not self.take.finished:
            self._go_on_from(chosen, traces)
        return count

    def peek(self, sample: int) -> Conditional | None:
        """The conditional of the step not yet drawn of a sample's shown branch; None if its decoder is not there."""
        trace = self.take.samples[sample].trace
        for cohort in self._cohorts:
            for row, (_, member) in cohort.present:
                if member is trace and cohort.decoder.step == len(trace) and not trace.finished:
                    return cohort.decoder.peek()[row]
        return None

    def _know_evidence(self) -> None:
        """The surprises of particles from an export, which has none, by the parallel pass."""
        for trace in self.take.traces:
            unknown = np.isnan(trace.surprise)
            if unknown.any():
                conditions = [(segment.start, segment.condition) for segment in trace.schedule]
                trace.surprise[unknown] = surprises_under(self.model, trace.symbols, conditions)[unknown]

    def _go_on_from(self, chosen: npt.NDArray[np.int64], traces: list[Trace]) -> None:
        """The rows of particles that died out go on from those of others, as their traces do. chosen: of each, (N,)."""
        (cohort,) = self._cohorts
        place = {sample: row for row, (sample, _) in cohort.present}
        decoder = cohort.decoder.select([place[ancestor] for ancestor in chosen.tolist()])
        members: list[tuple[int, Trace] | None] = list(enumerate(traces))
        self._cohorts = [Cohort(decoder, members, np.empty((len(members), 0), np.int32))]

    def _furthest_behind(self) -> Cohort | None:
        """The cohort to advance next, after every growing trace has found one."""
        leaving = []
        for cohort in self._cohorts:
            self._dismiss(cohort)
            if not cohort.present:
                leaving.append(cohort)
        housed = {id(trace) for cohort in self._cohorts for _, (_, trace) in cohort.present}
        homeless: dict[tuple[int, str, Shaping], list[tuple[int, Trace]]] = {}
        for number, sample in enumerate(self.take.samples):
            trace = sample.trace
            if not trace.finished and id(trace) not in housed:
                self._settle(trace)
                alike = (len(trace), trace.segment.engine, trace.segment.shaping)
                homeless.setdefault(alike, []).append((number, trace))
        for (_, engine, _), members in homeless.items():
            self._cohorts.append(self._house(engine, members))
        self._cohorts = [cohort for cohort in self._cohorts if cohort not in leaving]
        return min(self._cohorts, key=lambda cohort: cohort.step, default=None)

    def _settle(self, trace: Trace) -> None:
        """From here on with an engine and on the device that are there."""
        engine, device = engine_here(self.model, trace.segment), self.model.device.type
        if (engine, device) != (trace.segment.engine, trace.segment.device):
            trace.reschedule(replace(trace.segment, start=len(trace), engine=engine, device=device))

    def _dismiss(self, cohort: Cohort) -> None:
        """Empties the rows of members that do not go on with the others."""
        shaping: Shaping | None = None
        for row, (sample, trace) in cohort.present:
            goes_on = self.take.samples[sample].trace is trace and not trace.finished and len(trace) == cohort.step
            if goes_on and shaping in (None, trace.segment.shaping):
                shaping = trace.segment.shaping
            else:
                cohort.members[row] = None

    def _house(self, engine: str, members: list[tuple[int, Trace]]) -> Cohort:
        """A decoder for traces of one length: a rewound copy of the one that their parents lived in, or a new one."""
        start = len(members[0][1])
        for cohort in self._cohorts:
            rows = [self._row_of_parent(cohort, trace) for _, trace in members]
            known = [row for row in rows if row is not None]
            if len(known) == len(members) and cohort.decoder.engine == engine and start <= cohort.decoder.step:
                decoder = cohort.decoder.select(known)
                decoder.back(start)
                return self._cohort(decoder, members)
        condition = self.model.condition_tensor([trace.segment.condition for _, trace in members])
        decoder = make_decoder(self.model, engine, condition)
        decoder.begin_with(np.stack([trace.symbols for _, trace in members]))
        return self._cohort(decoder, members)

    @staticmethod
    def _cohort(decoder: Decoder, members: list[tuple[int, Trace]]) -> Cohort:
        """What the decoder has yet to be told is told in blocks: it may be much."""
        return Cohort(decoder, list(members), np.stack([trace.symbols[decoder.step :] for _, trace in members]))

    def _row_of_parent(self, cohort: Cohort, trace: Trace) -> int | None:
        """The row of a decoder that has seen this trace's symbols under this trace's condition."""
        condition = self.model.condition_tensor(trace.segment.condition)[0]
        for row in range(cohort.decoder.rows):
            seen = cohort.decoder.symbols[row, : len(trace)]
            same_condition = bool((cohort.decoder.condition[row] == condition).all())
            if same_condition and len(seen) == len(trace) and np.array_equal(seen, trace.symbols):
                return row
        return None

    def _record(self, trace: Trace, drawn: Drawn, clamps: Symbols, row: int) -> None:
        symbols = drawn.symbols[row]
        ended = np.flatnonzero(symbols == DRAW)
        count = int(ended[0]) if ended.size else len(symbols)
        trace.append(
            symbols[:count], drawn.surprise[row, :count], drawn.entropy[row, :count], clamps[row, :count] != DRAW
        )
        stop = self.model.chain.alphabet.stop_symbol
        if len(trace) >= self.take.limit or (count and stop is not None and symbols[count - 1] == stop):
            trace.finished = True


def run(model: AutoregressiveModel, take: Take, *, block: int = 160) -> Take:
    """Walks a take to its end."""
    walk = Walk(model, take)
    while not walk.done:
        walk.advance(block)
    return take


@dataclass(frozen=True)
class Reproduction:
    """What walking a trace again gave.

    recorded_by, walked_by: the engines and their devices then and now, such as ``compiled on cpu``, in order.
    first_difference: the step, or None if all symbols agree. recorded, again: the symbols there. distance: how far
    the noise was from drawing the recorded symbol, see ``distance_to``; a float tie if it is tiny.
    """

    steps: int
    recorded_by: tuple[str, ...]
    walked_by: tuple[str, ...]
    first_difference: int | None = None
    recorded: int | None = None
    again: int | None = None
    distance: float | None = None

    @property
    def tie(self) -> bool:
        return self.distance is not None and self.distance < FLOAT_TIE

    @property
    def agrees(self) -> bool:
        return self.first_difference is None

    @property
    def fallback(self) -> str | None:
        """In words, what walked instead of what is not there; None if all of it is."""
        if self.recorded_by == self.walked_by:
            return None
        return f"walked by {', '.join(self.walked_by)} instead of {', '.join(self.recorded_by)}"


def reproduce(
    model: AutoregressiveModel, trace: Trace, *, report: Callable[[int], None] = lambda step: None
) -> Reproduction:
    """Walks a trace again along its schedule, clamping what was clamped, and compares the symbols.

    Each segment by its own engine, or by the fastest where the model does not have that one on its device: then
    symbols agree up to a float tie only, and ``fallback`` says so. report: hears up to which step the trace is walked.
    """
    return at_once(reproducing(model, trace, report=report))


def reproducing(
    model: AutoregressiveModel, trace: Trace, *, report: Callable[[int], None] = lambda step: None
) -> Generator[None, None, Reproduction]:
    """``reproduce`` for a thread that has others to serve: yields after every block of steps."""
    schedule, steps = trace.schedule, len(trace)
    ends = [segment.start for segment in schedule[1:]] + [steps]
    decoder: Decoder | None = None
    held: Segment | None = None
    recorded_by: dict[str, None] = {}
    walked_by: dict[str, None] = {}
    difference: tuple[int, int, int, float | None] | tuple[()] = ()
    for segment, end in zip(schedule, ends, strict=True):
        name = engine_here(model, segment)
        recorded_by[f"{segment.engine} on {segment.device}"] = None
        walked_by[f"{name} on {model.device.type}"] = None
        if decoder is None or held is None or segment.condition != held.condition or name != decoder.engine:
            decoder = make_decoder(model, name, model.condition_tensor(segment.condition))
            yield from _told(decoder, trace.symbols[: segment.start])
        held = segment
        block = 1
        while decoder.step < end and not difference:
            began, start = time.monotonic(), decoder.step
            stop = min(start + block, end)
            recorded = trace.symbols[start:stop]
            clamps = np.where(trace.clamped[start:stop], recorded, DRAW).astype(np.int32)[None]
            noise = uniforms(segment.seed, segment.sample, segment.salt, start, stop - start)
            again = decoder.advance(noise[None], segment.shaping, clamps).symbols[0]
            block = next_block(stop - start, time.monotonic() - began)
            report(stop)
            yield
            differs = np.flatnonzero(again != recorded)
            if differs.size:
                n = int(differs[0])
                # Not rewound, which may push thousands of steps at once.
                decoder = make_decoder(model, name, decoder.condition)
                yield from _told(decoder, trace.symbols[: start + n])
                log_p = decoder.peek().dense()[0].cpu().numpy()
                distance = distance_to(log_p, segment.shaping, float(noise[n]), int(recorded[n]))
                difference = start + n, int(recorded[n]), int(again[n]), distance
        if difference:
            break
    return Reproduction(steps, tuple(recorded_by), tuple(walked_by), *difference)


def _told(decoder: Decoder, prefix: Symbols) -> Iterator[None]:
    """Tells a new decoder of one row its prefix (T,), in blocks."""
    block = 1
    decoder.begin_with(prefix[None])
    while decoder.step < len(prefix):
        began, start = time.monotonic(), decoder.step
        decoder.extend(prefix[None, start : start + block])
        block = next_block(decoder.step - start, time.monotonic() - began)
        yield


def distance_to(log_p: npt.NDArray[np.float64], shaping: Shaping, u: float, symbol: int) -> float | None:
    """How far noise is from drawing a symbol: a float tie if it is below FLOAT_TIE.

    log_p: raw natural log-probabilities (K,). u: noise in [0, 1).

    The distance in the CDF from u to the symbol's stretch, in the most favourable of the shapings that a change of
    log_p by FLOAT_TIE could give: any number of symbols that the thresholds may keep, with any choice among those at
    the threshold (which have all but the same probability). A temperature below 1 magnifies differences of log_p,
    which the distance is times the temperature for. None if all these shapings leave the symbol out.
    """
    temperature = shaping.temperature or 1.0
    p = np.exp((log_p - log_p.max()) / temperature)
    p /= p.sum()
    ranked = np.sort(log_p)[::-1]
    found: list[float] = []
    for kept in _kept(ranked, np.sort(p)[::-1], shaping):
        threshold = ranked[kept - 1]
        if log_p[symbol] < threshold - 2 * FLOAT_TIE:
            continue
        sure = log_p > threshold + 2 * FLOAT_TIE
        maybe = ~sure & (log_p >= threshold - 2 * FLOAT_TIE)
        sure[symbol], maybe[symbol] = True, False
        places = kept - int(sure.sum())
        lower, upper = (np.sort(part)[::-1] for part in (p[:symbol][maybe[:symbol]], p[symbol:][maybe[symbol:]]))
        chosen = np.arange(max(0, places - len(upper)), min(places, len(lower)) + 1)
        before = p[:symbol][sure[:symbol]].sum() + np.append(0, lower.cumsum())[chosen]
        after = p[symbol + 1 :][sure[symbol + 1 :]].sum() + np.append(0, upper.cumsum())[places - chosen]
        total = before + p[symbol] + after
        outside = np.maximum(before / total - u, u - (before + p[symbol]) / total).clip(min=0)
        found.append(float(outside.min()) * min(1.0, temperature))
    return min(found, default=None)


def _kept(ranked: npt.NDArray[np.float64], p: npt.NDArray[np.float64], shaping: Shaping) -> range:
    """How many symbols a shaping may keep if log-probabilities change by FLOAT_TIE.

    ranked: raw log-probabilities, descending. p: their probabilities at the shaping's temperature.
    """
    if shaping.temperature == 0:
        return range(1, 2)
    slack = FLOAT_TIE / min(1.0, shaping.temperature)
    fewest = most = min(shaping.top_k or len(p), len(p))
    if shaping.top_p < 1:
        mass_before = (p.cumsum() - p) / p[:most].sum()
        fewest = min(fewest, int((mass_before < shaping.top_p - slack).sum()))
        most = min(most, int((mass_before < shaping.top_p + slack).sum()))
    if shaping.min_p > 0:
        above_floor = (ranked - ranked[0]) / shaping.temperature - math.log(shaping.min_p)
        fewest = min(fewest, int((above_floor >= 2 * slack).sum()))
        most = min(most, int((above_floor >= -2 * slack).sum()))
    return range(max(1, fewest), max(1, most) + 1)


class ConditionalBuffer:
    """The conditionals of traces, recomputed by parallel passes and kept, by their parameters, up to a number of bytes.

    A pass covers the whole chain where it is short, else a window of the trace with its receptive field before it. Of
    windows few are kept: a sound that goes on while somebody looks would fill any number of bytes with what is never
    looked at again.
    """

    MOST_WINDOWS = 12

    def __init__(self, model: AutoregressiveModel, limit_bytes: int = CONDITIONAL_BUFFER_BYTES) -> None:
        self.model = model
        self.limit_bytes = limit_bytes
        self._kept: OrderedDict[tuple[bytes, str, int], Conditional] = OrderedDict()
        self._passing = Lock()
        """Of two threads that ask for the same, one makes the pass."""

    def conditional(self, trace: Trace, step: int) -> Conditional:
        """The raw conditional of one step, of no batch: in float32, on the CPU."""
        (part,) = self.parts(trace, step, step + 1)
        return part[0]

    def parts(self, trace: Trace, start: int, stop: int) -> Iterator[Conditional]:
        """The conditionals of the steps start … stop - 1, in batches (n,) that follow one another.

        ``stop`` may be one beyond the trace: the step not yet drawn.
        """
        if not 0 <= start < stop <= len(trace) + 1:
            raise InputError(f"conditionals can be had for the steps 0 … {len(trace)}, not {start} … {stop - 1}")
        width = self.model.chain.window
        while start < stop:
            segment = trace.segment_at(start)
            later = [s.start for s in trace.schedule if s.start > start]
            first = start // width * width
            end = min([stop, first + width, *later])
            yield self._window(trace, segment.condition, first)[start - first : end - first]
            start = end

    def _window(self, trace: Trace, condition: Condition, first: int) -> Conditional:
        """The conditionals from step ``first`` on, to the end of the window or of the chain, under one condition."""
        chain, field = self.model.chain, self.model.receptive_field
        seen_from = 0 if field is None or chain.length is not None else max(0, first - field)
        known = trace.symbols[seen_from : min(first + chain.window, chain.endless_limit) - 1]
        key = (known.tobytes(), json.dumps(condition, sort_keys=True), first)
        with self._passing:
            if key not in self._kept:
                self._kept[key] = self._pass(known, condition, seen_from, first - seen_from)
                while len(self._kept) > 1 and self._too_many:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    @property
    def _too_many(self) -> bool:
        windows = self.model.chain.length is None and len(self._kept) > self.MOST_WINDOWS
        return windows or sum(kept.nbytes for kept in self._kept.values()) > self.limit_bytes

    @torch.inference_mode()
    def _pass(self, known: Symbols, condition: Condition, start: int, skipped: int) -> Conditional:
        """The conditionals after ``skipped`` of the symbols known from step ``start`` on, the next step included."""
        rows = torch.from_numpy(np.append(known, 0).astype(np.int64)).to(self.model.device)[None]
        table = self.model.condition_tensor(condition)
        return self.model.conditionals_from(start, rows, table)[0, skipped:].kept()
