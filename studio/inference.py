"""The inference thread: one resident worker that owns torch, the loaded model and every decoder.

Commands go in through a queue and are looked at between blocks of steps; what comes out are small signals, about
thirty a second while a walk runs. The thread alone appends to traces; the window reads their published prefix. Two
kinds of request are slots rather than queue entries, because only the latest counts: what the inspector looks at, and
which stretch of conditionals is pictured.

Two more threads do what must hold up no walk. One reads and writes files, since a disk may be slow. One makes the
parallel passes for those who look: a pass cannot be cut into pieces and takes from a tenth of a second to seconds, and
sound that is heard while it is drawn lies ready for less than that.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import math
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, QThread, Signal

from models.atomic import reason, write_atomically
from models.blocks import next_block
from models.chain import ImageChain
from models.condition import Condition, complete
from models.errors import FileError, StudioError
from models.file_format import Format
from models.record import is_closed
from models.shaping import NEUTRAL, Shaping
from models.source_text import Text
from models.text import TextChain
from models.trace import Take, Trace, new_take
from models.track import Track
from models.video import VideoChain
from studio.given_video import examples_for
from studio.lead import Lead
from studio.messages import (
    MOST_ROWS,
    Attention,
    AttentionRequest,
    Compared,
    CompareRequest,
    Gram,
    GramRequest,
    Influence,
    InfluenceRequest,
    InspectRequest,
    LoadedInfo,
    Refused,
    Speed,
    WalkRequest,
    brightness_of,
    inspection_of,
)

if TYPE_CHECKING:
    from models.checkpoint import LoadedModel
    from models.conditional import Conditional
    from models.influence import Reach
    from models.model import AutoregressiveModel
    from models.sampling import ConditionalBuffer, Walk

with suppress(ImportError):
    # numba imports it in the inference thread, pyqtgraph in that of the window. Its modules import one another: were
    # both to begin at once, each would find the other's half, and fail.
    import colorama  # type: ignore[import-untyped]  # noqa: F401

log = logging.getLogger(__name__)

REPORT_SECONDS = 1 / 30
SPEED_SECONDS = 0.5
"""Over how long the speed is measured: in less, a slow pace shows too few steps."""
PROGRESS_SECONDS = 0.25
"""How often something said in words is said anew."""
SAVE_SECONDS = 3.0
"""How often a walk that goes on is saved, at most."""
SAVING_SHARE = 0.05
"""While it goes on, at most this share of the time goes into saving it: a long take is saved less often."""
RETRY_SECONDS = 10.0
"""How often what could not be saved is tried again while nothing else is saved."""

LOOKING_SHARE = 0.2
"""While a walk runs, at most this share of the time goes into conditionals that have to be computed again."""

SCORE_STEPS = 1024
"""Steps of a take that are scored at once, beside."""

HEARD_SECONDS = 0.005
"""How often a walk that has drawn far enough looks whether more was heard."""

NICENESS, NICENESS_BESIDE = 5, 10
"""Where two cores have three threads to run, the window comes first; but a walk that is heard keeps up with its sound
where other programs run, and with what is looked at, read or saved beside it."""

NEVER = 2**31 - 1
"""A threshold of the garbage collector."""

Bits = tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.floating[Any]]]
"""Surprises and entropies (T,)."""

DONE = object()
"""What a long job that has come to its end gives."""


class LoadingCancelledError(Exception):
    """The model that was being loaded is no longer wanted."""


class InferenceThread(QThread):
    """See the module. Its methods may be called from the GUI thread; its signals arrive there queued."""

    loaded = Signal(int, object)
    load_failed = Signal(int, str)
    grown = Signal(str)
    stopped = Signal(int)
    inspected = Signal(object)
    gram_ready = Signal(object)
    attention_found = Signal(object)
    influence_found = Signal(object)
    influence_failed = Signal(int)
    """``failed`` says why, unless another model is there by now."""
    compared = Signal(object)
    """A ``Compared``, some thirty times a second while a column grows."""
    scored = Signal(str)
    reproducing = Signal(str, str)
    reproduced = Signal(str, str)
    played = Signal(str)
    """The track of a take that grows has changed, by its keys."""
    saved = Signal(str)
    exported = Signal(str)
    read_done = Signal(int, object)
    said = Signal(str)
    failed = Signal(str)
    speed = Signal(object)
    telling = Signal(float)
    """The share of what came before that the model has been told, before it can go on; until the next ``speed``."""
    falls_behind = Signal(float)
    """It turns out that a walk draws only this many seconds of its sound in one."""
    kernels_ready = Signal()
    kernels_given_up = Signal()
    """They cannot be compiled: ``said`` tells why, and so does ``kernels_failed`` from then on."""

    def __init__(self, save_take: Callable[[Take], int], parent: QObject | None = None) -> None:
        """save_take is called from the thread of files whenever a take should outlive the program, and says how many
        others had to leave for it.
        """
        super().__init__(parent)
        self._save_take = save_take
        self._commands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._inspect: deque[InspectRequest] = deque(maxlen=1)
        self._gram: deque[GramRequest] = deque(maxlen=1)
        self._attention: deque[AttentionRequest] = deque(maxlen=1)
        self._attended: tuple[object, npt.NDArray[np.float32]] | None = None
        """The attention of all steps (layers, heads, T, S), of what was looked at last, and of what that was."""
        self._influence: deque[InfluenceRequest] = deque(maxlen=1)
        self._influencing: Iterator[None] | None = None
        """What answers the request for an influence that came last, a slice at a time."""
        self._lookers = ThreadPoolExecutor(1, thread_name_prefix="looks", initializer=_begin_to_look)
        """Makes parallel passes beside the walk."""
        self._looking: Future[None] | None = None
        self._reach: Reach | None = None
        """What is known of the model's structure, once somebody has asked."""
        self._scores: deque[Iterator[None]] = deque()
        """Takes to be scored, each in its turn, by passes beside: a pass cannot be cut into pieces."""
        self._jobs: deque[Iterator[None]] = deque()
        """Long work, done a slice at a time between commands, each in its turn."""
        self._comparison: Generator[None, None, None] | None = None
        """The job that walks the models of a comparison."""
        self._walk_again: tuple[str, Iterator[None]] | None = None
        """The take that is being reproduced, and the job that does it."""
        self._files = ThreadPoolExecutor(1, thread_name_prefix="files", initializer=_give_way)
        """Reads and writes files in order, so that a slow disk stops no walk."""
        self.passing: Take | None = None
        """What is not saved, though it is walked: nobody has asked for it to stay."""
        self._unsaved: dict[str, Take] = {}
        self._refused: dict[str, Refused] = {}
        """Takes that could not be written, until they can. Only the thread of files changes them while it runs."""
        self._refusals: set[str] = set()
        """Why they could not, as it was said."""
        self._retry_at = 0.0
        self._forgotten: set[str] = set()
        self._wanted_load = 0
        self._model: LoadedModel | None = None
        self._walk: Walk | None = None
        self._buffer: ConditionalBuffer | None = None
        self._request: WalkRequest | None = None
        self._shaping = NEUTRAL
        self._pace = math.inf
        self.lead = Lead()
        """How far a walk in real time runs ahead of what is heard."""
        self._room: int | None = None
        """Steps that it may draw now; None where no sound tells."""
        self._clock = 0.0
        self._owed = 0.0
        self._ahead = 0.0
        """Of the steps owed, those that need not wait for the clock, because a walk has just begun."""
        self._block = self._told = 1
        """How many steps are drawn at once, and how many of a prefix are told."""
        self._last_report = 0.0
        self._last_save = self._saving_took = 0.0
        self._full = False
        """Whether it was said that takes leave the history."""
        self._steps_reported = 0
        self._to_tell = 0
        """Steps of the prefix that the walk began with telling."""
        self._timed_since, self._steps_timed = time.monotonic(), 0
        self._look_after = 0.0
        self._peeked: tuple[Trace | None, dict[int, Conditional]] = (None, {})
        """What was seen at the frontier of a trace, by the steps of its last pixel: colours are looked at together."""
        self._warming: subprocess.Popen[bytes] | None = None
        self._warming_errors: IO[bytes] | None = None
        """What the child process that compiles kernels writes: to a file, since a pipe that nobody reads fills up."""
        self.kernels_warm = False
        self.kernels_failed: str | None = None
        """Why they cannot be compiled; None where they are, and while they still may be."""

    # --- called from the GUI thread ----------------------------------------------------------------------------------

    def load(self, token: int, path: Path, device: str) -> None:
        self._wanted_load = token
        self._commands.put(lambda: self._do_load(token, path, device))

    def cancel_loading(self) -> None:
        self._wanted_load = -1

    def walk(self, request: WalkRequest) -> None:
        self.lead.begin(request)  # now: sound that asks whether it may begin must not hear of the walk before
        self._commands.put(lambda: self._do_walk(request))

    def pause(self) -> None:
        """Ends the walk, and what walks a take again."""
        self._commands.put(self._do_pause)
        self._commands.put(self._stop_reproducing)

    def set_shaping(self, shaping: Shaping) -> None:
        self._commands.put(lambda: self._do_shape(shaping))

    def set_pace(self, pace: float) -> None:
        self._commands.put(lambda: self._do_pace(pace))

    def direct(self, changes: Condition) -> None:
        """Other values of some factors for what is being walked, from its next step on."""
        self._commands.put(lambda: self._do_direct(changes))

    def press(self, name: str, values: Sequence[Any]) -> None:
        """Presses a key of the track of this name, whose event has these values, as soon as it can be heard.

        Answered by ``played``; nothing happens where nothing walks.
        """
        self._commands.put(lambda: self._do_play(name, values))

    def release(self, name: str) -> None:
        """Releases the key that was pressed last."""
        self._commands.put(lambda: self._do_play(name, None))

    def inspect(self, request: InspectRequest) -> None:
        self._inspect.append(request)
        self._commands.put(_look_again)

    def gram(self, request: GramRequest) -> None:
        self._gram.append(request)
        self._commands.put(_look_again)

    def attention(self, request: AttentionRequest) -> None:
        """Answered by ``attention_found``, of a model that attends."""
        self._attention.append(request)
        self._commands.put(_look_again)

    def influence(self, request: InfluenceRequest) -> None:
        self._influence.append(request)
        self._commands.put(_look_again)

    def score(self, take: Take) -> None:
        self._commands.put(lambda: self._do_score(take))

    @property
    def walks_again(self) -> bool:
        """Whether a take is being reproduced."""
        return self._walk_again is not None

    def reproduce(self, take: Take) -> None:
        """Has a take walked again: answered by ``reproducing`` and ``reproduced``. Gives way to any other walk."""
        self._commands.put(lambda: self._do_reproduce(take))

    def compare(self, request: CompareRequest) -> None:
        """Has several models draw; answered by ``compared``. Ends the comparison before, and gives way to any walk."""
        self._commands.put(lambda: self._do_compare(request))

    def stop_comparing(self) -> None:
        """What is drawn is kept."""
        self._commands.put(self._stop_comparing)

    def save(self, take: Take) -> None:
        """Has a take saved; it may go on growing meanwhile."""
        self._unsaved[take.id] = take
        self._files.submit(self._guard, lambda: self._do_save(take.id))

    def forget(self, take_id: str) -> None:
        """A take that was deleted is not saved any more, whatever still walks."""
        self._forgotten.add(take_id)

    def forgets(self, take_id: str) -> bool:
        """Whether a take was deleted, and not put back since."""
        return take_id in self._forgotten

    def remember(self, take_id: str) -> None:
        """The deletion was undone."""
        self._forgotten.discard(take_id)

    def unsaved(self) -> list[Refused]:
        """Tries once more to save what is not saved, and gives what still cannot be: to be asked before closing.

        Includes what a walk that runs has drawn so far. Waits for the disk, as ``close`` does.
        """
        request = self._request
        if request is not None:
            self.save(request.take)
        return self._files.submit(self._still_refused).result()

    def read(self, token: int, read: Callable[[], object]) -> None:
        """Has something read from a file; answered by ``read_done``, with None after ``failed``."""
        self._files.submit(self._do_read, token, read)

    def export(self, take: Take, path: Path, scale: int, form: Format | None = None) -> None:
        """form: None for what the suffix says."""
        self._files.submit(self._guard, lambda: self._do_export(take, path, scale, form))

    def write(self, path: Path, content: Callable[[], bytes]) -> None:
        """Has a file written; answered by ``exported`` or ``failed``."""
        self._files.submit(self._guard, lambda: self._do_write(path, content))

    def close(self) -> None:
        """Ends the thread after the block it is in, and waits until what was walking is saved."""
        self._wanted_load = -1
        self._commands.put(None)
        self.wait()
        self._files.shutdown()
        self._guard(self._save_refused)
        for take_id, refused in self._refused.items():
            log.warning("the take %s is lost: %s", take_id, refused.why)

    # --- the thread --------------------------------------------------------------------------------------------------

    def run(self) -> None:
        if sys.platform == "linux":  # where a thread has a niceness of its own, and Qt's priorities mean nothing
            os.nice(NICENESS)
        try:
            self._start_warming()
        except Exception as error:  # whatever it is, there are other engines
            log.exception("while beginning to compile the kernels")
            self._give_up_kernels(str(error))
        try:
            while self._serve_commands():
                self._guard(self._serve_slots)
                self._guard(self._serve_scores)
                self._serve_walk()
                self._guard(self._serve_jobs)
                self._watch_warming()
                self._retry_saving()
        finally:
            self._do_pause()
            self._stop_comparing()
            self._lookers.shutdown(cancel_futures=True)
            if self._warming is not None:
                self._warming.terminate()
                self._end_warming(self._warming)

    def _serve_commands(self) -> bool:
        """Runs the commands that are there, waiting for one if there is nothing else to do. False ends the thread."""
        timeout = self._idle_seconds()
        while True:
            try:
                command = self._commands.get(timeout=timeout) if timeout else self._commands.get_nowait()
            except queue.Empty:
                return True
            if command is None:
                return False
            self._guard(command)
            timeout = 0.0

    def _idle_seconds(self) -> float:
        """How long the thread may sleep before something is due."""
        now = time.monotonic()
        slots = (self._inspect, self._gram, self._attention, self._influence)
        wanted = any(slots) or self._influencing is not None
        wanted |= bool(self._scores) and self._request is None
        looking = wanted and not self._looks
        if self._request is None:
            seconds = 0.0 if looking or self._jobs else 0.5 if self._warming is not None else 3600.0
            return max(0.0, min(seconds, self._retry_at - now)) if self._refused else seconds
        if math.isinf(self._pace):
            return 0.0
        seconds = min(0.05, (1 - self._due(now)) / self._pace)
        if self._room is not None:
            seconds = 0.0 if self._room else HEARD_SECONDS
        return max(0.0, min(seconds, self._look_after - now) if looking else seconds)

    def _guard(self, action: Callable[[], Any]) -> bool:
        """The thread outlives whatever goes wrong in one command; the user hears of it. False if it went wrong."""
        try:
            action()
        except StudioError as error:
            self.failed.emit(str(error))
        except MemoryError:
            self.failed.emit("There is not enough memory for this.")
        except Exception as error:
            log.exception("in the inference thread")
            self.failed.emit(f"Something went wrong: {error}")
        else:
            return True
        return False

    def _serve_jobs(self) -> None:
        """One slice of the long job whose turn it is; a walk comes first."""
        if self._jobs and self._request is None:
            job = self._jobs.popleft()
            try:
                if next(job, DONE) is not DONE:
                    self._jobs.append(job)
            finally:
                if self._walk_again is not None and self._walk_again[1] not in self._jobs:
                    self._walk_again = None
                if self._comparison not in self._jobs:
                    self._comparison = None

    # --- loading -----------------------------------------------------------------------------------------------------

    def _do_load(self, token: int, path: Path, device: str) -> None:
        self._stop_reproducing()
        self._scores.clear()
        for job in [job for job in self._jobs if job is not self._comparison]:
            self._jobs.remove(job)  # they belong to the model that goes
        self._do_pause()
        with _without_full_collections():
            self._load(token, path, device)

    def _load(self, token: int, path: Path, device: str) -> None:
        try:
            self._check_wanted(token)
            import torch

            torch.set_num_threads(1)
            self._check_wanted(token)
            from models.checkpoint import load_checkpoint
            from models.sampling import ConditionalBuffer, choose, engines_of

            model = load_checkpoint(path, check=lambda: self._check_wanted(token))
            where, _ = choose(model.model, device=device)
            model.model.to(where)
            self._check_wanted(token)
        except LoadingCancelledError:
            return
        except StudioError as error:
            self.load_failed.emit(token, str(error))
            return
        except Exception as error:
            log.exception("while loading %s", path)
            self.load_failed.emit(token, f"{path.name} cannot be loaded: {error}")
            return
        self._model = model
        self._influencing = self._reach = self._attended = None
        self._walk = None
        self._buffer = ConditionalBuffer(model.model)
        engines, attends = tuple(engines_of(model.model)), model.model.attends()
        info = LoadedInfo(model.header, model.reference, where, engines, attends, examples_for(model.header))
        self.loaded.emit(token, info)
        self._take_a_first_step(info)
        # What is loaded by now, torch above all, is there to stay. Left to the collector, its 300 000 objects would
        # hold up the window for 80 ms at each full collection.
        gc.freeze()

    def _take_a_first_step(self, info: LoadedInfo) -> None:
        """Loads the engine's code while the user still looks at the model, not when they press Generate."""
        from models.sampling import make_decoder

        assert self._model is not None
        model = self._model.model
        decoder = make_decoder(model, info.fastest_engine(self.kernels_warm), model.condition_tensor({}))
        decoder.advance(np.zeros((1, 1)), NEUTRAL)

    def _check_wanted(self, token: int) -> None:
        if token != self._wanted_load:
            raise LoadingCancelledError

    def _start_warming(self) -> None:
        """Compiles the kernels in a child process if the on-disk cache has none yet."""
        from models.kernels.warm import is_warm

        self.kernels_warm = is_warm()
        if not self.kernels_warm:
            self._warming_errors = tempfile.TemporaryFile()  # noqa: SIM115, closed with the child process
            self._warming = subprocess.Popen(
                [sys.executable, "-m", "models.kernels.warm", "--while-watched", "--nice"],
                stdin=subprocess.PIPE,  # never written to: it ends when this program does, however it ends
                stdout=subprocess.DEVNULL,
                stderr=self._warming_errors,
            )

    def _watch_warming(self) -> None:
        if self._warming is not None and self._warming.poll() is not None:
            from models.kernels.warm import is_warm

            status, errors = self._warming.returncode, self._end_warming(self._warming)
            self.kernels_warm = is_warm()
            if self.kernels_warm:
                self.kernels_ready.emit()
                return
            log.warning("the kernels cannot be compiled (status %d):\n%s", status, errors)
            self._give_up_kernels(errors.splitlines()[-1] if errors else f"their process ended with status {status}")

    def _end_warming(self, child: subprocess.Popen[bytes]) -> str:
        """Waits for the end of the child process and gives the errors it wrote."""
        child.communicate()
        self._warming = None
        assert self._warming_errors is not None
        with self._warming_errors as file:
            file.seek(0)
            return file.read().decode(errors="replace").strip()

    def _give_up_kernels(self, why: str) -> None:
        self.kernels_failed = why
        self.said.emit(f"The kernels cannot be compiled, so another engine walks: {why}")
        self.kernels_given_up.emit()

    # --- walking -----------------------------------------------------------------------------------------------------

    def _do_walk(self, request: WalkRequest) -> None:
        self._stop_reproducing()
        self._do_pause()
        self._request = request
        if self._model is None:
            self._do_pause()
            raise StudioError("No model is loaded.")
        from models.beam_search import BeamWalk, walk_of

        walk, take = self._walk, request.take
        if walk is None or walk.take is not take or isinstance(walk, BeamWalk) is not take.searching:
            self._walk = walk_of(self._model.model, take)
            self._ahead = 0.0
        self._shaping = request.shaping or self._shaping
        self._pace = request.pace
        self._block = self._told = 1  # the last walk may have been a thousand times faster
        now = time.monotonic()
        rate = request.take.chain.steps_per_second
        heard = rate is not None and rate <= request.pace < math.inf
        # Added to what is left: of two steps asked for by two keys in a row the first may not be drawn yet.
        self._ahead += self.lead.latency * request.pace if heard else 1.0
        if isinstance(request.take.chain, TextChain | VideoChain):
            # What a text or a video begins with is there at once: nobody wants to see their own words being typed.
            self._ahead += max(0, len(request.take.given) - request.take.frontier)
        self._clock, self._owed = now, self._ahead
        self._room = None
        self.lead.begin(request)
        self._last_save = now
        self._last_report = now - 1 / request.pace  # as if a step had been just before: the first is shown at once
        self._steps_reported = self._to_tell = 0
        self._timed_since, self._steps_timed = now, 0

    def _do_shape(self, shaping: Shaping) -> None:
        self._shaping = shaping

    def _do_pace(self, pace: float) -> None:
        now = time.monotonic()
        if math.isfinite(self._pace):
            self._owed = min(self._due(now), 1.0)
        self._clock = now
        self._pace = pace

    def _do_direct(self, changes: Condition) -> None:
        if self._request is not None and self._walk is not None:
            self._walk.direct(changes)

    def _do_play(self, name: str, values: Sequence[Any] | None) -> None:
        """values: None to release."""
        if self._request is None or self._walk is None:
            return
        take = self._walk.take
        growing = [trace for trace in take.traces if not trace.finished]
        if not growing:
            return
        trace = max(growing, key=len)  # what is heard: the others may have ended, or wait
        track = next(factor for factor in self._walk.model.factors if factor.name == name)
        assert isinstance(track, Track)
        # The decoder has the conditional of the next step already.
        frame, played = track.frame_after(take.chain, len(trace) + 1), trace.segment.condition[name]
        changed = track.released(played, frame) if values is None else track.pressed(played, frame, *values)
        if changed != played:
            self._walk.recondition(name, changed)
            self.played.emit(take.id)

    def _do_pause(self) -> None:
        if self._request is not None:
            request, self._request = self._request, None
            if request.take is not self.passing:
                self.save(request.take)
            self.stopped.emit(request.number)

    def _due(self, now: float) -> float:
        """Steps that the pace has allowed and that are not walked yet."""
        return self._owed + (now - self._clock) * self._pace

    def _serve_walk(self) -> None:
        request, walk = self._request, self._walk
        if request is not None and walk is not None and not self._guard(lambda: self._walk_a_block(request, walk)):
            self._do_pause()

    def _walk_a_block(self, request: WalkRequest, walk: Walk) -> None:
        take = request.take
        count = self._block
        began = time.monotonic()
        if math.isfinite(self._pace):
            self._owed = min(self._due(began), max(2.0, self._ahead, self._pace * self.lead.latency * 2))
            self._clock = began
            in_time = self._pace == take.chain.steps_per_second
            self._room = self.lead.room(take.frontier, began) if in_time else None
            count = min(count, int(self._owed) if self._room is None else self._room)
        if request.until is not None:
            count = min(count, request.until - take.frontier)
        if not take.finished and (request.until is None or take.frontier < request.until):
            if count >= 1:
                if request.shaping is not None:
                    walk.reshape(self._shaping)
                frontier = take.frontier
                # Of samples that do not walk in one batch, as under different shapings, each batch has a block of its
                # own: a step is done when the last of them has done it.
                walked = walk.advance(count, self._told)
                steps = min(walked, max(0, take.frontier - frontier))
                if math.isfinite(self._pace):
                    self._owed -= steps
                self._ahead = max(0.0, self._ahead - steps)
                self._steps_reported += steps
                if self._room is not None:
                    self.lead.hand_on()
                seconds = time.monotonic() - began
                if steps and self.lead.drew(steps, seconds):  # else the decoder was told what is there already
                    self.falls_behind.emit(self.lead.speed)
                if not walked:
                    self._told = next_block(self._told, seconds)
                    self._tell_progress(walk)
                    return
                self._block = next_block(walked, seconds)
            elif not self._steps_reported:
                return
        self._report(request)

    def _tell_progress(self, walk: Walk) -> None:
        now, untold = time.monotonic(), walk.untold
        self._to_tell = max(self._to_tell, untold)
        if untold and now - self._last_report >= PROGRESS_SECONDS:
            self._last_report = now
            self.telling.emit(1 - untold / self._to_tell)

    def _report(self, request: WalkRequest) -> None:
        take, now = request.take, time.monotonic()
        at_end = take.finished or (request.until is not None and take.frontier >= request.until)
        if at_end or now - self._last_report >= REPORT_SECONDS:
            segment = take.traces[0].segment
            self._last_report = now
            self._steps_timed += self._steps_reported
            self._steps_reported = 0
            if now - self._timed_since >= SPEED_SECONDS:
                rate = self._steps_timed / (now - self._timed_since)
                self._timed_since, self._steps_timed = now, 0
                self.speed.emit(Speed(rate, segment.engine, segment.device))
            self.grown.emit(take.id)
        if at_end:
            self._ahead = 0.0
            self._do_pause()
        elif take is not self.passing and now - self._last_save > max(SAVE_SECONDS, self._saving_took / SAVING_SHARE):
            self._last_save = now
            self.save(take)

    # --- looking -----------------------------------------------------------------------------------------------------

    @property
    def _looks(self) -> bool:
        """Whether something is being computed beside the walk."""
        return self._looking is not None and not self._looking.done()

    def _serve_slots(self) -> None:
        free = not self._looks and (self._request is None or time.monotonic() >= self._look_after)
        buffer = self._buffer
        # What is followed is at hand; only of very many symbols it takes as long to tell as a hundred steps.
        if self._inspect and (free or (self._inspect[0].follow and _few(self._inspect[0].take))):
            inspect = self._inspect.popleft()
            if buffer is not None and self._knows(inspect.take) and not self._inspect_at_once(inspect) and free:
                self._look(partial(self._do_inspect, buffer, inspect))
        elif self._gram and free:
            gram = self._gram.popleft()
            if buffer is not None and self._knows(gram.take):
                self._look(partial(self._do_gram, buffer, gram))
        elif self._attention and free:
            attention = self._attention.popleft()
            if self._model is not None and self._knows(attention.take):
                self._look(partial(self._do_attention, self._model.model, attention))
        elif self._influence and free:
            self._influencing = self._do_influence(self._influence.popleft())
        elif self._influencing is not None and free:
            self._look(partial(self._go_on_influencing, self._influencing))

    def _look(self, how: Callable[[], None]) -> None:
        """Has something computed beside the walk."""

        def look() -> None:
            began = time.monotonic()
            self._guard(how)
            _give_memory_back()
            now = time.monotonic()
            self._look_after = now + (now - began) * (1 / LOOKING_SHARE - 1)

        self._looking = self._lookers.submit(look)
        self._looking.add_done_callback(lambda _: self._commands.put(_look_again))

    def _knows(self, take: Take) -> bool:
        return self._model is not None and self._model.reference.weights == take.model.weights

    def _inspect_at_once(self, request: InspectRequest) -> bool:
        """Answers if no parallel pass is needed: a walk's decoder knows, or remembers, what one looks at."""
        trace = request.trace
        step = _looked_at(request, len(trace))
        pixel = _pixel_of(request.take, step)
        if len(trace) in pixel:
            self._peek(request)
        seen = {other: found for other in pixel if (found := self._remembered(trace, other)) is not None}
        # A walk is not held up for the other colours that have already been drawn.
        needed = [step] if request.follow else [other for other in pixel if other <= len(trace)]
        if not seen.keys() >= set(needed):
            return False
        self._tell(request, step, seen)
        return True

    def _do_inspect(self, buffer: ConditionalBuffer, request: InspectRequest) -> None:
        """Beside the walk."""
        trace = request.trace
        drawn = len(trace)  # it may grow meanwhile
        step = _looked_at(request, drawn)
        seen = {}
        for other in _pixel_of(request.take, step):
            found = self._remembered(trace, other)
            if found is None and other <= drawn and (other == step or not request.follow):
                found = buffer.conditional(trace, other)
            if found is not None:
                seen[other] = found
        self._tell(request, step, seen)

    def _tell(self, request: InspectRequest, step: int, seen: Mapping[int, Conditional]) -> None:
        """seen: conditionals of the step and of those beside it."""
        beside = tuple(inspection_of(request, other, seen[other]) for other in sorted(seen) if other != step)
        self.inspected.emit(replace(inspection_of(request, step, seen[step]), beside=beside))

    def _remembered(self, trace: Trace, step: int) -> Conditional | None:
        """What was seen at the frontier of a trace, of the pixel that the frontier was in last."""
        known_of, known = self._peeked
        return known.get(step) if known_of is trace else None

    def _peek(self, request: InspectRequest) -> None:
        """Remembers the conditional of the step not yet drawn, if the walk's decoder stands there."""
        trace, walk = request.trace, self._walk
        if walk is None or walk.take is not request.take or request.take.samples[request.sample].trace is not trace:
            return
        found = walk.peek(request.sample)
        if found is not None:
            found = found.kept()  # a decoder may use the same memory for the next step
            pixel = _pixel_of(request.take, len(trace))
            known = {step: seen for step in pixel if (seen := self._remembered(trace, step)) is not None}
            self._peeked = trace, known | {len(trace): found}

    def _do_gram(self, buffer: ConditionalBuffer, request: GramRequest) -> None:
        """Beside the walk."""
        start, stop = max(0, request.start), min(request.stop, len(request.trace))
        if start >= stop:
            return
        alphabet, parts = request.take.chain.alphabet, buffer.parts(request.trace, start, stop)
        brightness = np.concatenate([brightness_of(part, alphabet) for part in parts])
        self.gram_ready.emit(Gram(request.take.id, request.trace, start, (255 * brightness).astype(np.uint8)))

    def _do_attention(self, model: AutoregressiveModel, request: AttentionRequest) -> None:
        """Beside the walk: one pass tells the attention of all steps, so that the next one asked for is at hand."""
        import torch

        symbols = request.trace.symbols
        condition = request.trace.segment_at(request.step).condition
        (source,) = (factor.name for factor in model.factors if isinstance(factor, Text))
        of = symbols.tobytes(), condition[source]
        if self._attended is None or self._attended[0] != of:
            rows = torch.from_numpy(np.append(symbols, 0).astype(np.int64)).to(model.device)[None]
            self._attended = of, model.attention(rows, model.condition_tensor(condition))[0].float().cpu().numpy()
        step = min(request.step, len(symbols))
        weights = self._attended[1][:, :, step].copy()
        self.attention_found.emit(Attention(request.token, step, condition[source], weights))

    def _go_on_influencing(self, influencing: Iterator[None]) -> None:
        """Beside the walk."""
        if next(influencing, DONE) is DONE and self._influencing is influencing:
            self._influencing = None

    def _do_influence(self, request: InfluenceRequest) -> Iterator[None]:
        """A pass at a time: a large network takes seconds for one."""
        from models.influence import Reach, influence_in_slices

        loaded = self._model
        if loaded is None or loaded.reference.weights != request.take.model.weights:
            self.influence_failed.emit(request.token)
            return
        try:
            model, trace, step = loaded.model, request.trace, request.step
            condition = trace.segment_at(step).condition
            strength = yield from influence_in_slices(model, trace.symbols, condition, step)
            if self._reach is None or self._reach.model is not model:
                self._reach = Reach(model)
            reach = yield from self._reach.in_slices(condition, step)
        except Exception:
            self.influence_failed.emit(request.token)
            raise
        self.influence_found.emit(Influence(request.token, request.sample, step, reach, strength))

    # --- whole takes -------------------------------------------------------------------------------------------------

    def _do_score(self, take: Take) -> None:
        if self._buffer is not None and self._knows(take):
            self._scores.append(self._score(self._buffer, take))

    def _serve_scores(self) -> None:
        """Goes on with the take whose turn it is when its pass is made; a walk comes first."""
        if self._scores and self._request is None and not self._looks:
            job = self._scores.popleft()
            if next(job, DONE) is not DONE:
                self._scores.appendleft(job)

    def _score(self, buffer: ConditionalBuffer, take: Take) -> Iterator[None]:
        """Fills in the surprise and entropy that a take read from an export lacks, a stretch at a time."""
        seen: set[Trace] = set()
        while todo := [t for sample in take.samples for t in sample.branches if t not in seen]:  # an edit adds some
            seen.update(todo)
            for trace in todo:
                for start in range(0, len(trace), SCORE_STEPS):
                    stop = min(start + SCORE_STEPS, len(trace))
                    unknown = np.isnan(trace.surprise[start:stop])
                    if not unknown.any():
                        continue
                    found: list[Bits] = []
                    self._look(partial(_find_bits, buffer, trace, range(start, stop), found))
                    yield
                    while self._looks:
                        yield
                    if not found:
                        return  # why, was said
                    for known, new in zip((trace.surprise, trace.entropy), found[0], strict=True):
                        known[start:stop][unknown] = new[unknown]
        self.scored.emit(take.id)
        self.save(take)

    def _do_reproduce(self, take: Take) -> None:
        self._stop_reproducing()
        if self._model is None or not self._knows(take):
            raise StudioError(f"{take.model.title} is not loaded with the weights that this take was made with.")
        job = self._reproduce(self._model.model, take)
        self._walk_again = take.id, job
        self._jobs.append(job)

    def _stop_reproducing(self) -> None:
        """A take that is walked again is left where it is."""
        if self._walk_again is not None:
            (take_id, job), self._walk_again = self._walk_again, None
            self._jobs.remove(job)
            self.reproduced.emit(take_id, "Stopped before the whole take was walked again.")

    def _reproduce(self, model: AutoregressiveModel, take: Take) -> Iterator[None]:
        from models.beam_search import searching_again
        from models.sampling import reproducing

        lines, fallbacks = [], set()
        before, total = 0, sum(len(trace) for trace in take.traces)
        last = time.monotonic()

        def report(step: int) -> None:
            nonlocal last
            if time.monotonic() - last >= PROGRESS_SECONDS:
                last = time.monotonic()
                self.reproducing.emit(take.id, f"Walking the take again: {100 * (before + step) // total} %")

        searched = [] if take.beam is None else (yield from searching_again(model, take))
        for number, trace in enumerate(take.traces):
            found = searched[number] if searched else (yield from reproducing(model, trace, report=report))
            before += found.steps
            if not found.agrees:
                where = take.chain.locate(found.first_difference or 0)
                kind = "a float tie" if found.tie else "no float tie"
                lines.append(f"sample {number} differs from step {found.first_difference} ({where}): {kind}")
            if found.fallback:
                fallbacks.add(found.fallback)
        which = "it agrees" if len(take.traces) == 1 else f"all {len(take.traces)} agree"
        said = lines or [f"Reproduced: {which} symbol for symbol."]
        self.reproduced.emit(take.id, "; ".join([*said, *sorted(fallbacks)]))

    # --- comparing models --------------------------------------------------------------------------------------------

    def _do_compare(self, request: CompareRequest) -> None:
        self._stop_comparing()
        self._comparison = self._compare(request)
        self._jobs.append(self._comparison)

    def _stop_comparing(self) -> None:
        job, self._comparison = self._comparison, None
        if job is not None:
            self._jobs.remove(job)
            job.close()

    def _compare(self, request: CompareRequest) -> Generator[None, None, None]:
        """One model after the other, so that no more than one is in memory beside the one that is chosen."""
        for column, (path, condition) in enumerate(request.models):
            drawn: list[Take] = []
            try:
                yield from self._draw_column(request, column, path, condition, drawn)
            except Exception as error:
                if not isinstance(error, (StudioError, MemoryError)):
                    log.exception("while comparing %s", path)
                why = "there is not enough memory" if isinstance(error, MemoryError) else str(error)
                self.compared.emit(Compared(request.token, column, drawn[0] if drawn else None, why))

    def _draw_column(
        self, request: CompareRequest, column: int, path: Path, condition: Condition, drawn: list[Take]
    ) -> Generator[None, None, None]:
        """drawn: gets the take as soon as there is one."""
        import torch

        torch.set_num_threads(1)
        from models.checkpoint import load_checkpoint
        from models.sampling import Walk, choose, engines_of

        loaded = load_checkpoint(path)
        condition = complete(loaded.model.factors, condition)  # the file may be another one by now
        device, _ = choose(loaded.model, samples=request.count)
        loaded.model.to(device)
        info = LoadedInfo(loaded.header, loaded.reference, device, tuple(engines_of(loaded.model)))
        take = new_take(
            loaded.reference,
            seed=request.seed,
            count=request.count,
            condition=condition,
            shaping=NEUTRAL,
            engine=info.fastest_engine(self.kernels_warm),
            device=device,
        )
        drawn.append(take)
        self.compared.emit(Compared(request.token, column, take))
        yield
        walk, block = Walk(loaded.model, take), 1
        reported = saved = time.monotonic()
        try:
            while not walk.done:
                began = time.monotonic()
                walk.advance(block)
                now = time.monotonic()
                block = next_block(block, now - began)
                if walk.done or now - reported >= REPORT_SECONDS:
                    reported = now
                    self.compared.emit(Compared(request.token, column, take))
                    self.grown.emit(take.id)  # it may have been taken from the history and be shown
                if now - saved > max(SAVE_SECONDS, self._saving_took / SAVING_SHARE):
                    saved = now
                    self.save(take)
                yield
        finally:
            self.save(take)

    def _retry_saving(self) -> None:
        now = time.monotonic()
        if self._refused and now >= self._retry_at:
            self._retry_at = now + RETRY_SECONDS
            self._files.submit(self._guard, self._save_refused)

    # --- files, in their thread --------------------------------------------------------------------------------------

    def _do_save(self, take_id: str) -> None:
        """Of several requests for one take in a row the first one saves, and the others find nothing left to do."""
        take = self._unsaved.pop(take_id, None)
        if take is None or take_id in self._forgotten or not any(map(len, take.branches)):
            return
        if self._write(take):
            self._save_refused()

    def _save_refused(self) -> None:
        """Tries again to save what could not be written; what was deleted meanwhile waits for an undo."""
        for take_id, refused in list(self._refused.items()):
            if take_id not in self._forgotten:
                self._write(refused.take)

    def _still_refused(self) -> list[Refused]:
        self._guard(self._save_refused)
        return [refused for take_id, refused in self._refused.items() if take_id not in self._forgotten]

    def _write(self, take: Take) -> bool:
        """Saves a take; False if that was refused, which is said once for each reason until all takes are saved."""
        began = time.thread_time()  # on a busy machine a save takes long and costs no more
        try:
            left = self._save_take(take)
        except (StudioError, OSError, MemoryError) as error:
            why = _why(error)
            self._refused[take.id] = Refused(take, why)
            self._retry_at = time.monotonic() + RETRY_SECONDS
            self._commands.put(_look_again)
            if why not in self._refusals:
                self._refusals.add(why)
                what = error if isinstance(error, FileError) else f"cannot save a take of {take.model.title}: {why}"
                self.failed.emit(f"{what}. What is not saved is kept while the studio is open, and tried again.")
            return False
        self._saving_took = time.thread_time() - began
        self._refused.pop(take.id, None)
        self.saved.emit(take.id)
        if left and not self._full:
            self._full = True
            self.said.emit(
                "The history is full: its oldest entries leave for the new ones. Save what you want to keep."
            )
        if self._refusals and self._refused.keys() <= self._forgotten:
            self._refusals.clear()
            self.said.emit("Saved again: there is room for what had to wait.")
        return True

    def _do_read(self, token: int, read: Callable[[], object]) -> None:
        if not self._guard(lambda: self.read_done.emit(token, read())):
            self.read_done.emit(token, None)

    def _do_export(self, take: Take, path: Path, scale: int, form: Format | None) -> None:
        from models.files import export

        if form is None:
            export(path, take, scale=scale)
            self.exported.emit(str(path))
        else:
            form.check_scale(take.chain, len(take.samples), scale)
            self._do_write(path, lambda: form.content(take, scale=scale))

    def _do_write(self, path: Path, content: Callable[[], bytes]) -> None:
        write_atomically(path, content())
        self.exported.emit(str(path))


def _few(take: Take) -> bool:
    """Whether the conditional of a step is told in no time."""
    return take.chain.alphabet.levels <= MOST_ROWS


def _looked_at(request: InspectRequest, drawn: int) -> int:
    """The step that is meant, of so many that are drawn: the next one, or before it; of what has ended the last one."""
    trace, take = request.trace, request.take
    step = drawn if request.follow else min(request.step, drawn)
    # What has just drawn its last step may not be called finished yet.
    ended = trace.finished or is_closed(trace.symbols[:drawn], take.limit, take.chain)
    return step - 1 if ended and step == drawn else step


def _pixel_of(take: Take, step: int) -> range:
    """The steps of the pixel that a step of an image belongs to; of anything else the step alone."""
    chain = take.chain
    channels = chain.channels if isinstance(chain, ImageChain) else 1
    first = step - step % channels
    return range(first, first + channels)


@contextmanager
def _without_full_collections() -> Iterator[None]:
    """Only what is young is looked through for garbage, in any thread.

    Hundreds of thousands of objects that come at once and stay would make the collector look through all of them, again
    and again, and the window wait for it.
    """
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)


def _find_bits(buffer: ConditionalBuffer, trace: Trace, steps: range, found: list[Bits]) -> None:
    """Surprises and entropies of some steps of a trace."""
    import torch

    from models.conditional import LOG2

    surprises, entropies, first = [], [], steps.start
    for part in buffer.parts(trace, steps.start, steps.stop):
        end = first + part.parameters[0].shape[0]
        surprises.append(-part.double().log_prob(torch.from_numpy(trace.symbols[first:end])).numpy() / LOG2)
        entropies.append(part.entropy().numpy())
        first = end
    found.append((np.concatenate(surprises), np.concatenate(entropies)))


def _look_again() -> None:
    """Wakes the thread for a request that is in a slot."""


def _begin_to_look() -> None:
    """In the thread of those who look, as in the one that walks."""
    import torch

    torch.set_num_threads(1)
    _give_way()


def _give_memory_back() -> None:
    """What a pass has taken, a hundred megabytes of a sound: glibc would keep now more of it and now less."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def _give_way() -> None:
    """Of this thread, to the one that walks. Its niceness was that of the thread that made it, which may be either."""
    if sys.platform == "linux":
        niceness = os.getpriority(os.PRIO_PROCESS, os.getpid()) + NICENESS_BESIDE
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def _why(error: Exception) -> str:
    """Why something could not be written, without the name of the file, which differs from take to take."""
    cause = error.__cause__ if isinstance(error, FileError) else error
    if isinstance(cause, OSError):
        return reason(cause)
    return "there is not enough memory" if isinstance(error, MemoryError) else str(error)
