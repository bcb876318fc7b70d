"""Sound output: a trace is heard from any sample on, while it grows and when it is finished.

Three threads meet here, and none of them waits for another:

- the window's thread tells a `Player` what should be heard and reads where the playhead is;
- the player's own thread, "sound", owns the device: it opens and closes it and copies samples into a ring buffer;
- PortAudio's thread asks for the next block (`AudioOutput._callback`) and only copies out of that ring buffer.

Every sample of the source reaches the device as it is (at full volume: bit for bit). Where sound begins, ends or
waits for the frontier, a slide of a few milliseconds is put *between* samples, so that there is no click and nothing
is lost. No Qt and no torch here; PortAudio is looked for when sound is first asked for, since importing
sounddevice fails where it is missing. Without it, or without a device, everything stays harmless and says why.
"""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from models.chain import SoundChain
from models.errors import InputError, StudioError
from models.trace import Trace
from studio.lead import DEFAULT_LATENCY, DEVICE_SHARE

log = logging.getLogger(__name__)

Samples = npt.NDArray[np.int16]

RING_SECONDS = 0.5
SLIDE_SECONDS = 0.005
LOST_SECONDS = 1.5
"""A device that has not asked for samples for this long is taken to be gone."""
TICK_SECONDS = 0.01
CLOSE_SECONDS = 2.0
HISTORY = 1024
"""Blocks of which it is remembered when they are heard: seconds of them, at any block size."""
CLOCK_GAIN = 0.25
"""How fast the clock of the playhead follows the times at which blocks are asked for."""
CLOCK_JUMP_SECONDS = 0.05
"""Where it is wrong by more than this, it follows at once."""
INT16_MIN, INT16_MAX = -32768, 32767

ALSA_DEFAULTS = (b"pcm.default", b"pcm.dmix")

MIN_RATE, MAX_RATE = 1000, 1_000_000

PORTAUDIO_MISSING = (
    "No sound: the PortAudio library is missing. Install it (Debian, Ubuntu: sudo apt install libportaudio2), "
    "then start the studio again."
)
SOUNDDEVICE_MISSING = (
    "No sound: the Python package sounddevice is missing. Install it (pip install sounddevice), "
    "then start the studio again."
)
NO_DEVICE = (
    "No sound: there is no output device. Connect one or start the sound server (PipeWire, PulseAudio), "
    "then press play again."
)


def portaudio_can_start() -> bool:
    """False where starting PortAudio would abort the program: on Linux without any default device in ALSA's settings.

    Its list of devices then ends where it does not expect it (an assertion in pa_linux_alsa.c, BuildDeviceList).
    """
    if sys.platform != "linux":
        return True
    try:
        alsa = ctypes.CDLL("libasound.so.2")
        alsa.snd_config_update()  # the settings may be others than the last time
        settings, found = ctypes.c_void_p.in_dll(alsa, "snd_config"), ctypes.c_void_p()
    except (OSError, ValueError):
        return True  # without ALSA PortAudio has nothing to do with it
    return any(alsa.snd_config_search(settings, name, ctypes.byref(found)) >= 0 for name in ALSA_DEFAULTS)


DEVICES_HELD = threading.Lock()
"""By who uses them on a thread of its own: what PortAudio knows of them must not be taken away meanwhile."""


def list_devices_again() -> None:
    """PortAudio lists the devices once; only starting it anew finds one that was connected since."""
    import sounddevice

    if DEVICES_HELD.acquire(blocking=False):
        try:
            with suppress(sounddevice.PortAudioError):  # where it had not started, there is nothing to end
                sounddevice._terminate()
            sounddevice._initialize()
        finally:
            DEVICES_HELD.release()


def _check_rate(rate: int) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise InputError(f"a sampling rate lies in {MIN_RATE} … {MAX_RATE} Hz, not {rate}")


class SoundUnavailableError(StudioError):
    """No sound can be made; the message is one line that says why and how to get it."""


class RingBuffer:
    """int16 samples between one thread that writes and one that reads; neither takes a lock or allocates.

    Both ends are counters that only grow, each moved by one side alone, after the samples were copied.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise InputError(f"a ring buffer holds one sample or more, not {capacity}")
        self._buffer = np.zeros(capacity, np.int16)
        self._written = 0
        self._read = 0

    @property
    def capacity(self) -> int:
        return len(self._buffer)

    @property
    def readable(self) -> int:
        return self._written - self._read

    @property
    def free(self) -> int:
        return self.capacity - self.readable

    def write(self, samples: Samples) -> int:
        """Writer's side: copies as many of ``samples`` (T,) as fit; returns how many."""
        count = min(len(samples), self.free)
        start = self._written % self.capacity
        head = min(count, self.capacity - start)
        self._buffer[start : start + head] = samples[:head]
        self._buffer[: count - head] = samples[head:count]
        self._written += count
        return count

    def read_into(self, out: Samples) -> int:
        """Reader's side: fills the beginning of ``out`` (T,) with what there is; returns how many samples."""
        count = min(len(out), self.readable)
        start = self._read % self.capacity
        head = min(count, self.capacity - start)
        out[:head] = self._buffer[start : start + head]
        out[head:count] = self._buffer[: count - head]
        self._read += count
        return count

    def first(self) -> int:
        """Reader's side: the next sample, without taking it. There must be one."""
        return int(self._buffer[self._read % self.capacity])

    def discard(self) -> None:
        """Reader's side: drops everything written so far."""
        self._read = self._written


class _Phase(StrEnum):
    RESTING = "resting"  # silence
    RISING = "rising"  # a slide from silence to the next sample
    RUNNING = "running"
    FALLING = "falling"  # a slide from the last sample to silence


class AudioOutput:
    """One stream of mono int16 samples to the default output device, or the reason why there is none.

    ``volume``, ``muted``, ``available``, ``reason``, ``underruns`` and ``position`` may be used from any thread; the
    methods belong to one thread (the player's), and `_callback` to PortAudio. No method raises because of a device.

    available: whether the device could be opened when that was last tried. reason: why not, in one line; empty while
    there is sound, and until the device is looked for. rate: the source's, in Hz; device_rate: the stream's, which
    differs where the device refuses the source's. volume: 0 … 1. underruns: how often sound had to stop for want of
    samples or because the machine was late. asked_latency: what the device is asked to hold, in seconds, from the next
    `start` on; lost: whether the device stopped responding. PortAudio's own default of 35 ms breaks on a busy machine.
    """

    def __init__(self) -> None:
        self.available = False
        self.reason = ""
        self.device = ""
        self.rate = 0
        self.device_rate = 0
        self.asked_latency = DEVICE_SHARE * DEFAULT_LATENCY
        self.latency = self._opened_with = self.asked_latency
        self.volume = 1.0
        self.muted = False
        self.underruns = 0
        self.lost = False
        self._tried = False
        self._stream: Any = None
        self._resampler: Any = None
        # Set by the controlling thread, read by the callback.
        self._ring = RingBuffer(1)
        self._finishing = False
        self._finished = False
        self._released = False
        """Whether sound may begin; the callback takes that back when it runs dry."""
        self._epoch = 0
        # Set by the callback (or by start, before there is one).
        self._acknowledged = 0
        self._phase = _Phase.RESTING
        self._slide_done = 0
        self._level = 0
        self._consumed = 0
        self._silent = 0
        self._gain = 1.0
        self._called = 0.0
        self._clock_end = 0.0
        self._history: deque[tuple[int, float, int, int]] = deque(maxlen=HISTORY)
        self._peaks: deque[tuple[float, int]] = deque(maxlen=HISTORY)
        """When each block is heard, and how far from silence its samples reach before the volume."""
        self._scratch = np.zeros(1, np.float32)
        self._ramp = np.zeros(1, np.float32)
        self._count = np.zeros(1, np.float32)
        # The controlling thread's own.
        self._pending: Samples = np.zeros(0, np.int16)
        self._accepted = 0
        self._checked = 0.0

    # -- opening and closing

    def probe(self) -> bool:
        """Looks for PortAudio and a device without opening it, and sets ``available``, ``reason`` and ``device``."""
        if self._stream is not None:
            return True
        try:
            self._find_device()
        except SoundUnavailableError as error:
            self.give_up(str(error))
        else:
            self.available, self.reason = True, ""
        return self.available

    def start(self, rate: int) -> bool:
        """Begins a new source of ``rate`` Hz; an open stream of that rate is kept. False: there is no sound."""
        _check_rate(rate)
        if self._stream is not None and rate == self.rate and self._opened_with == self.asked_latency:
            self.flush()
            return True
        self.stop()
        self._renew()
        self.rate = rate
        try:
            self._open(self._find_device())
            self.lost = False
        except SoundUnavailableError as error:
            self.give_up(str(error))
        else:
            self.available, self.reason = True, ""
        return self.available

    def stop(self) -> None:
        """Closes the stream at once. What the device still holds is not heard: `flush` first to end without a click."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)

    close = stop

    def _find_device(self) -> Any:
        """The default output device as PortAudio describes it."""
        if not portaudio_can_start():
            raise SoundUnavailableError(NO_DEVICE)
        try:
            import sounddevice
        except OSError:
            raise SoundUnavailableError(PORTAUDIO_MISSING) from None
        except ImportError:
            raise SoundUnavailableError(SOUNDDEVICE_MISSING) from None
        try:
            if self._tried and (self.lost or not self.available):
                list_devices_again()
            self._tried = True
            info = sounddevice.query_devices(kind="output")
        except (sounddevice.PortAudioError, ValueError):
            raise SoundUnavailableError(NO_DEVICE) from None
        self.device = str(info["name"])
        return info

    def _open(self, info: Any) -> None:
        import sounddevice

        own_rate = round(info["default_samplerate"])
        try:
            sounddevice.check_output_settings(channels=1, dtype="int16", samplerate=self.rate)
            self.device_rate = self.rate
        except (sounddevice.PortAudioError, ValueError):
            self.device_rate = own_rate
        self._prepare()
        self._opened_with = self.asked_latency
        try:
            stream = sounddevice.OutputStream(
                samplerate=self.device_rate,
                channels=1,
                dtype="int16",
                latency=self._opened_with,
                callback=self._callback,
            )
            self.latency = float(stream.latency)
            self._called = time.perf_counter()
            stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise SoundUnavailableError(
                f"No sound: the device {self.device!r} cannot be opened ({_text(error)}). "
                "Connect it again, close the program that holds it, or choose another device; then press play again."
            ) from None
        self._stream = stream

    def _prepare(self) -> None:
        """Everything that the callback needs is allocated here, before there is one."""
        self._resampler = None
        if self.device_rate != self.rate:
            import soxr

            self._resampler = soxr.ResampleStream(self.rate, self.device_rate, 1, dtype="float32")
        self._ring = RingBuffer(max(1, round(RING_SECONDS * self.device_rate)))
        slide = max(1, round(SLIDE_SECONDS * self.device_rate))
        self._ramp = np.arange(1, slide + 1, dtype=np.float32) / np.float32(slide + 1)
        self._count = np.arange(1, self.device_rate + 1, dtype=np.float32)
        self._scratch = np.zeros(self.device_rate, np.float32)
        self._acknowledged = self._epoch
        self._phase = _Phase.RESTING
        self._level = self._consumed = self._silent = 0
        self._gain = self._target_gain()
        self._clock_end = 0.0

    def give_up(self, reason: str) -> None:
        """There is no sound until `start` is called again."""
        self.available, self.reason = False, reason

    def check(self) -> bool:
        """Whether the stream still runs. A device that is gone is closed, and ``lost``. Call it regularly."""
        if self._stream is None:
            return False
        now = time.perf_counter()
        if now - self._checked > LOST_SECONDS / 2:
            # This thread too was held up (a busy machine, a laptop that slept): that says nothing about the device.
            self._called = now
        self._checked = now
        if now - self._called < LOST_SECONDS and self._stream.active:
            return True
        self.stop()
        self.lost = True
        return False

    # -- feeding

    @property
    def room(self) -> int:
        """How many samples of the source `feed` would take now."""
        if self._stream is None or self._epoch != self._acknowledged or self._finishing or len(self._pending):
            return 0
        return self._ring.free * self.rate // self.device_rate

    def feed(self, samples: Samples) -> int:
        """Takes samples (T,) of the source, as many as there is room for; returns how many."""
        self._push()
        count = min(len(samples), self.room)
        if count:
            self._accepted += count
            self._pending = self._at_device_rate(samples[:count], last=False)
            self._push()
        return count

    def finish(self) -> None:
        """No more samples follow: running dry is the end from here on, and no underrun."""
        if self._stream is not None and not self._finishing:
            self._finishing = True
            if self._resampler is not None:
                tail = self._at_device_rate(np.zeros(0, np.int16), last=True)
                self._pending = np.concatenate([self._pending, tail])
        self._push()

    def _at_device_rate(self, samples: Samples, *, last: bool) -> Samples:
        if self._resampler is None:
            return samples
        resampled = self._resampler.resample_chunk(samples.astype(np.float32), last=last)
        rounded: Samples = np.rint(resampled).clip(INT16_MIN, INT16_MAX).astype(np.int16)
        return rounded

    def _push(self) -> None:
        if self._epoch == self._acknowledged and len(self._pending):
            self._pending = self._pending[self._ring.write(self._pending) :]
        if self._finishing and not len(self._pending):
            self._finished = True

    def release(self) -> None:
        """Enough lies ready for sound to begin, or to go on after it ran dry."""
        self._released = True

    # -- transport

    def flush(self) -> None:
        """Drops what was fed and not yet handed to the device; ``position`` counts from zero again."""
        self._renew()
        if self._stream is None:
            self._acknowledged = self._epoch

    def _renew(self) -> None:
        # The order matters: while the epoch is not acknowledged the callback neither ends nor goes on.
        self._epoch += 1
        self._finishing = self._finished = False
        self._pending = np.zeros(0, np.int16)
        self._accepted = 0
        self._released = False
        if self._resampler is not None:
            self._resampler.clear()

    @property
    def quiet(self) -> bool:
        """Silence was handed out for more than twice the latency: the last sample has been heard.

        Stopping a stream does not drain it: on ALSA the last 30 ms would be lost.
        """
        return self._epoch == self._acknowledged and self._silent > 2 * self._held * self.device_rate

    @property
    def drained(self) -> bool:
        """Everything up to `finish` has been heard."""
        return self._finished and not self._ring.readable and self.quiet

    @property
    def waiting(self) -> bool:
        """Silence because there is nothing to play yet."""
        return self._phase is _Phase.RESTING and not self._finished

    @property
    def unheard(self) -> int:
        """Samples of the source that were fed and are not yet handed to the device."""
        return (self._ring.readable + len(self._pending)) * self.rate // self.device_rate if self.device_rate else 0

    @property
    def _held(self) -> float:
        return max(self.latency, self._opened_with)

    @property
    def position(self) -> int:
        """Samples of the source that have been heard since `start` or `flush`; never more than were fed. Any thread."""
        now = time.perf_counter()
        epoch, heard = self._epoch, 0
        for entry_epoch, at, first, count in reversed(self._history.copy()):
            if entry_epoch == epoch and now >= at:
                heard = first + min(count, int((now - at) * self.device_rate))
                break
        if not heard or self.device_rate == self.rate:
            return heard
        return min(heard * self.rate // self.device_rate, self._accepted)

    def take_peak(self) -> float:
        """The largest amplitude before the volume, 0 … 1, of what was heard since this was asked last. One thread."""
        now, peak, peaks = time.perf_counter(), 0, self._peaks
        while peaks and peaks[0][0] <= now:  # at its other end the callback may add meanwhile
            peak = max(peak, peaks.popleft()[1])
        return peak / INT16_MAX

    # -- PortAudio's thread

    def _callback(self, outdata: npt.NDArray[np.int16], frames: int, times: Any, status: Any) -> None:
        """Fills one block. PortAudio's thread; copies only."""
        now = time.perf_counter()
        self._called = now
        if status.output_underflow and self._phase is _Phase.RUNNING:
            self.underruns += 1
        # PortAudio knows how much the device still holds; some host interfaces leave that empty.
        delay = times.outputBufferDacTime - times.currentTime
        due = now + (delay if 0 < delay < 2 * self._held else self.latency)
        # Blocks are asked for unevenly but heard one after the other: follow the calls slowly.
        late = due - self._clock_end
        if abs(late) < CLOCK_JUMP_SECONDS:
            due = self._clock_end + CLOCK_GAIN * late
        self._clock_end = due + frames / self.device_rate
        out = outdata[:, 0]
        for start in range(0, frames, len(self._scratch)):
            block = out[start : start + len(self._scratch)]
            self._render(block, due + start / self.device_rate)
            self._peaks.append((due + start / self.device_rate, max(int(block.max()), -int(block.min()))))
            self._apply_gain(block)

    def _render(self, out: Samples, due: float) -> None:
        """The next samples, slides and silence; ``due``: when the first of them is heard."""
        done, frames = 0, len(out)
        while done < frames:
            rest = out[done:]
            if self._phase is _Phase.RUNNING:
                count = 0
                if self._gate_open():
                    count = self._ring.read_into(rest)
                if count:
                    self._history.append((self._epoch, due + done / self.device_rate, self._consumed, count))
                    self._consumed += count
                    self._level = int(rest[count - 1])
                    done += count
                if done < frames:
                    if self._gate_open() and not self._finished:
                        self.underruns += 1
                        self._released = False
                    self._begin(_Phase.FALLING)
            elif self._phase is _Phase.RESTING:
                if self._acknowledged != self._epoch:
                    self._ring.discard()
                    self._consumed = self._silent = 0
                    self._acknowledged = self._epoch
                if self._gate_open() and self._ring.readable and (self._released or self._finished):
                    self._level = self._ring.first()
                    self._begin(_Phase.RISING)
                else:
                    rest[:] = 0
                    self._silent += frames - done
                    done = frames
            else:
                done += self._slide(rest)

    def _gate_open(self) -> bool:
        return self._acknowledged == self._epoch

    def _begin(self, phase: _Phase) -> None:
        self._phase = phase
        self._slide_done = 0
        self._silent = 0

    def _slide(self, out: Samples) -> int:
        """Part of a straight line between silence and ``_level``."""
        count = min(len(out), len(self._ramp) - self._slide_done)
        stop = self._slide_done + count
        rising = self._phase is _Phase.RISING
        ramp = self._ramp[self._slide_done : stop] if rising else self._ramp[::-1][self._slide_done : stop]
        line = self._scratch[:count]
        np.multiply(ramp, self._level, out=line)
        out[:count] = line
        self._slide_done = stop
        if stop == len(self._ramp):
            self._phase = _Phase.RUNNING if rising else _Phase.RESTING
        return count

    def _target_gain(self) -> float:
        return 0.0 if self.muted else min(max(self.volume, 0.0), 1.0)

    def _apply_gain(self, block: Samples) -> None:
        """Scales a block in place; a change of volume is spread over the block."""
        old, new = self._gain, self._target_gain()
        if old == new == 1.0:
            return
        scaled = self._scratch[: len(block)]
        if old == new:
            np.multiply(block, np.float32(new), out=scaled)
        else:
            np.multiply(self._count[: len(block)], np.float32((new - old) / len(block)), out=scaled)
            np.add(scaled, np.float32(old), out=scaled)
            np.multiply(scaled, block, out=scaled)
        np.rint(scaled, out=scaled)
        block[:] = scaled
        self._gain = new


def _text(error: Exception) -> str:
    """What PortAudio says, on one line."""
    return " ".join(str(error).split()).rstrip(".")


class Source(ABC):
    """What a player plays. Its methods are called from the player's thread."""

    @abstractmethod
    def finished(self) -> bool:
        """Whether it will not grow any more. Asked before `read`."""

    @abstractmethod
    def read(self, start: int, stop: int) -> Samples:
        """The published samples among ``start`` … ``stop - 1``: int16, fewer (or none) beyond the frontier."""

    def ready(self, start: int) -> bool:
        """Whether enough lies ready from ``start`` on for sound to begin there, or to go on after it had to wait.

        Asked while it grows.
        """
        return True


class TraceSource(Source):
    """A trace of a sound chain, heard as far as it is published, while it grows.

    growing: whether somebody draws this trace, or may go on to; called from the player's thread. While it says so, and
    the trace is not finished, sound waits at the frontier; otherwise it ends there. ready: tells of a start and a
    frontier whether sound may begin.
    """

    def __init__(
        self,
        trace: Trace,
        chain: SoundChain,
        growing: Callable[[], bool] = lambda: True,
        ready: Callable[[int, int], bool] = lambda start, frontier: True,
    ) -> None:
        self._trace = trace
        self._chain = chain
        self._growing = growing
        self._ready = ready

    def finished(self) -> bool:
        return self._trace.finished or not self._growing()

    def read(self, start: int, stop: int) -> Samples:
        return self._chain.wave(self._trace.symbols[start:stop])

    def ready(self, start: int) -> bool:
        return self._ready(start, len(self._trace))


class WaveSource(Source):
    """Samples that are all there, int16 (T,)."""

    def __init__(self, wave: Samples) -> None:
        self._wave = wave

    def finished(self) -> bool:
        return True

    def read(self, start: int, stop: int) -> Samples:
        return self._wave[start:stop]


class LoopSource(Source):
    """Samples (n,) that are heard over and over, without a gap and without an end; first: the number of the first."""

    def __init__(self, samples: Samples, first: int) -> None:
        if not len(samples):
            raise InputError("a loop has one sample or more")
        self._samples = samples
        self._first = first

    def finished(self) -> bool:
        return False

    def read(self, start: int, stop: int) -> Samples:
        return self._samples[np.arange(start - self._first, stop - self._first) % len(self._samples)]


class Playback(StrEnum):
    """What a player is doing."""

    STOPPED = "stopped"
    PLAYING = "playing"
    WAITING = "waiting"
    """At the frontier of a source that still grows."""
    ENDED = "ended"
    """The last sample was heard."""


@dataclass(frozen=True, eq=False)
class _Clip:
    """What should be heard. Two are never equal: each is one press of a button."""

    source: Source
    rate: int
    start: int


class Player:
    """Plays one source at a time to an `AudioOutput`.

    All public methods and properties but `hand_on` belong to the window's thread, return at once and never raise
    because of a device; what is asked for last holds. The thread "sound" is started by the first request and ended by
    `close`. latency: in seconds, of which the device holds a part.
    """

    def __init__(self) -> None:
        self._output = AudioOutput()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        # What is wanted; guarded by _changed, held for moments only.
        self._clip: _Clip | None = None
        self._probing = False
        self._closing = False
        self._requested = False
        # What is; set by the sound thread under _changed.
        self._adopted: _Clip | None = None
        self._ended = False
        # Of the sound thread, or of who hands on meanwhile.
        self._handing = threading.Lock()
        self._next = 0

    # -- the window's thread

    def probe(self) -> None:
        """Looks for a device, in the background; ``available`` and ``reason`` tell what was found."""
        self._request(probing=True)

    def play(self, source: Source, rate: int, start: int = 0) -> None:
        """Plays ``source``, of ``rate`` Hz, from sample ``start``, in place of what is playing. Tries again where
        there was no device before."""
        _check_rate(rate)
        self._request(clip=_Clip(source, rate, max(0, start)))

    def stop(self) -> None:
        """Falls silent and forgets the source."""
        if self._clip is not None:
            self._request(clip=None)

    def hand_on(self) -> None:
        """Hands on what the source has grown by, at once instead of with the next tick. Any thread; never waits."""
        if self._handing.acquire(blocking=False):
            try:
                clip = self._clip
                if clip is not None and clip is self._adopted:
                    self._feed(clip)
            except Exception:
                log.debug("the sound thread will meet this, too, and say so", exc_info=True)
            finally:
                self._handing.release()

    def close(self) -> None:
        """Ends the sound and the thread; waits for it, for two seconds at most. Harmless when repeated."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    @property
    def available(self) -> bool:
        return self._output.available

    @property
    def reason(self) -> str:
        """Why there is no sound and how to get it, in one line; empty while there is, and until that is known."""
        return self._output.reason

    @property
    def device(self) -> str:
        """The name of the output device, once it was looked for."""
        return self._output.device

    @property
    def device_latency(self) -> float:
        """Seconds that the device holds, as it says."""
        return self._output.latency

    @property
    def latency(self) -> float:
        """Seconds between what is fed and what is heard, by and large; it holds from the next `play` on."""
        return self._output.asked_latency / DEVICE_SHARE

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._output.asked_latency = DEVICE_SHARE * seconds

    @property
    def volume(self) -> float:
        """0 … 1."""
        return self._output.volume

    @volume.setter
    def volume(self, value: float) -> None:
        self._output.volume = min(max(value, 0.0), 1.0)

    @property
    def muted(self) -> bool:
        return self._output.muted

    @muted.setter
    def muted(self, value: bool) -> None:
        self._output.muted = value

    def take_peak(self) -> float:
        """See ``AudioOutput.take_peak``."""
        return self._output.take_peak()

    @property
    def underruns(self) -> int:
        """How often sound had to wait for samples, or the machine was late for the device."""
        return self._output.underruns

    @property
    def position(self) -> int:
        """The sample of the source that is being heard; never goes back except by `play` and `stop`."""
        with self._changed:
            clip, adopted = self._clip, self._adopted
            if clip is None:
                return 0
            return clip.start + (self._output.position if clip is adopted else 0)

    @property
    def state(self) -> Playback:
        with self._changed:
            if self._clip is None:
                return Playback.STOPPED
            if self._clip is not self._adopted:
                return Playback.PLAYING
            if self._ended:
                return Playback.ENDED
            if not self._output.available:
                return Playback.STOPPED
            return Playback.WAITING if self._output.waiting else Playback.PLAYING

    def _request(self, **wanted: Any) -> None:
        with self._changed:
            if self._closing:
                return
            for name, value in wanted.items():
                setattr(self, f"_{name}", value)
            self._requested = True
            if self._thread is None:
                # A daemon: a driver that hangs must not keep the application from ending.
                self._thread = threading.Thread(target=self._run, name="sound", daemon=True)
                self._thread.start()
            self._changed.notify()

    # -- the sound thread

    def _run(self) -> None:
        busy = False
        while True:
            with self._changed:
                if not self._requested and not self._closing:
                    self._changed.wait(TICK_SECONDS if busy else None)
                if self._closing:
                    break
                self._requested = False
                clip, probing, self._probing = self._clip, self._probing, False
            try:
                if probing:
                    self._output.probe()
                with self._handing:
                    busy = self._step(clip)
            except Exception as error:
                # Whatever is wrong with one source or device, the next one is played.
                log.exception("in the sound thread")
                busy = False
                with self._handing:
                    self._fail(clip, error)
        self._output.close()

    def _fail(self, clip: _Clip | None, error: Exception) -> None:
        """Gives up one clip; the state is then as without a device."""
        self._output.give_up(
            f"No sound: something went wrong ({_text(error) or type(error).__name__}). Press play again."
        )
        self._output.stop()
        with self._changed:
            self._adopted = clip
            self._ended = False

    def _step(self, clip: _Clip | None) -> bool:
        """Brings what is nearer to what is wanted; returns whether to come back soon."""
        output = self._output
        if clip is not self._adopted:
            self._adopt(clip)
        if not output.check() and not (clip is not None and output.lost and self._go_on_elsewhere(clip)):
            return False
        complete = self._feed(clip) if clip is not None else True
        if output.quiet and (clip is None or output.drained):
            # Nothing is to be heard for now: the device is left to others.
            output.stop()
            with self._changed:
                self._ended = clip is not None and clip is self._adopted and complete and output.drained
        return True

    def _go_on_elsewhere(self, clip: _Clip) -> bool:
        """The device that was lost may not be the only one: whether the clip goes on where it was, on another."""
        output = self._output
        going_on = _Clip(clip.source, clip.rate, clip.start + output.position)
        if not output.start(clip.rate):
            return False
        log.info("the output device is gone; going on with %s", output.device)
        self._next = going_on.start
        with self._changed:
            self._adopted = going_on
            if self._clip is clip:
                self._clip = going_on
        return True

    def _adopt(self, clip: _Clip | None) -> None:
        if clip is None:
            self._output.flush()
        else:
            self._output.start(clip.rate)
            self._next = clip.start
        with self._changed:
            self._adopted = clip
            self._ended = False

    def _feed(self, clip: _Clip) -> bool:
        """Hands on what was published since; returns whether that was the last of it."""
        output = self._output
        finished = clip.source.finished()
        if output.waiting and (finished or clip.source.ready(self._next - output.unheard)):
            output.release()
        samples = clip.source.read(self._next, self._next + output.room)
        self._next += output.feed(samples)
        if finished and not len(clip.source.read(self._next, self._next + 1)):
            output.finish()
            return True
        return False
