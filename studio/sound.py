"""Hearing takes: what is generated while it grows, and what is finished when it is played.

Without a device the playhead still moves, by the clock: everything but the sound works.
"""

from __future__ import annotations

import math
import time

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from models.chain import SoundChain
from models.trace import Trace
from studio.audio import LoopSource, Playback, Player, Source, TraceSource, WaveSource
from studio.lead import DEFAULT_LATENCY
from studio.state import Activity, Studio

TICK_MS = 33
PROBE_DELAY_MS = 300
LOOK_SECONDS = 10.0
"""How often at most walks look for a device where there is none; who presses play has one looked for at once."""


class SoundPlayer(QObject):
    """Follows the studio: plays when a sound is generated or replayed, stops when the user stops."""

    playhead_moved = Signal(object)
    """Seconds from the start of the clip that is heard, or None while nothing is played."""
    level_changed = Signal(float, bool)
    """The largest amplitude of what was heard since the last time, 0 … 1, and whether the clip itself was overloaded,
    whatever the volume."""
    reason_changed = Signal(str)
    """Why there is no sound and how to get it; empty while there is."""
    state_changed = Signal(str)
    """A few words on what is not as it should be: that sound is still to come, or had gaps. Else empty."""

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.studio = studio
        self.player = Player()
        self.player.volume = float(studio.profile.get("volume", 0.8))
        self.player.muted = bool(studio.profile.get("muted", False))
        self._lead = studio.worker.lead
        self._lead.heard, self._lead.hand_on = self._sample_heard, self.player.hand_on
        self._lead.latency = self.player.latency = float(studio.profile.get("latency", DEFAULT_LATENCY))
        self._reason = self.state = ""
        self._gaps_before = 0
        """Of what was played before."""
        self._began: tuple[float, int] | None = None
        """Clock and sample at which playing without a device began."""
        self._looked = -math.inf
        """Clock at which playing last looked for a device."""
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._was = studio.activity
        studio.activity_changed.connect(self._on_activity)
        studio.walk_began.connect(self._on_walk)
        studio.take_changed.connect(self._on_take)
        studio.looking.selection_changed.connect(self._on_selection)
        studio.looking.cursor_changed.connect(self._on_cursor)
        studio.branches_changed.connect(self._on_branches)
        studio.listening.loop_changed.connect(self._on_loop)
        studio.listening.leaving.connect(self._on_leaving)
        studio.listening.arrived.connect(self._on_arrived)
        self._loop: range | None = None
        """The steps that are played over and over."""
        self._left_at: float | None = None
        """When, in seconds of the clip, another one takes the place of the one that is played."""
        studio.worker.falls_behind.connect(self._on_falls_behind)
        self._heard: Trace | None = None
        self._plays_wave = False
        """Whether what is heard is not of the take that is shown."""
        self._follows = False
        """Whether what is heard is what is being drawn, which then runs ahead of it and no further."""
        # Not at once: the window comes first.
        self._probing = QTimer(self, singleShot=True, interval=PROBE_DELAY_MS)
        self._probing.timeout.connect(self._probe)
        self._probing.start()

    @property
    def chain(self) -> SoundChain | None:
        chain = self.studio.chain
        return chain if self.studio.take is not None and isinstance(chain, SoundChain) else None

    @Slot(float)
    def set_volume(self, volume: float) -> None:
        self.player.volume = volume
        self.studio.profile.set("volume", volume)

    @Slot(bool)
    def set_muted(self, muted: bool) -> None:
        self.player.muted = muted
        self.studio.profile.set("muted", muted)

    @property
    def latency(self) -> float:
        """Seconds that a walk which is heard runs ahead of the sound, see ``lead``."""
        return self.player.latency

    def set_latency(self, seconds: float) -> None:
        self._lead.latency = self.player.latency = seconds
        self.studio.profile.set("latency", seconds)
        if self._follows and self.studio.running:
            self._play(self._position())  # the device is opened anew, to hold as much

    @Slot()
    def stop(self) -> None:
        self._follows = self._plays_wave = False
        if self._timer.isActive():
            self._say(self._gaps())  # until something else is heard: they may have come at the very end
        self.player.stop()
        self._began = None
        self._timer.stop()
        self.playhead_moved.emit(None)

    @Slot()
    def _on_take(self) -> None:
        self.stop()
        self._say("")

    @Slot(object, int)
    def play_wave(self, wave: object, rate: int) -> None:
        """Plays samples, int16 (T,), that are not of the take that is shown."""
        assert isinstance(wave, np.ndarray)
        self.stop()
        self._plays_wave = True
        self.player.play(WaveSource(wave), rate)

    @Slot()
    def stop_wave(self) -> None:
        """Stops what ``play_wave`` plays, and nothing else."""
        if self._plays_wave:
            self.stop()

    def close(self) -> None:
        self._timer.stop()
        self._probing.stop()
        self.player.close()

    @Slot()
    def _probe(self) -> None:
        """Looks for a device in the background."""
        self._probing.timeout.disconnect(self._probe)
        self._probing.timeout.connect(self._await_device)
        self._probing.start()
        self.player.probe()

    @Slot()
    def _await_device(self) -> None:
        """Tells what was found once it is known: a sound server may take its time to answer."""
        self._check_reason()
        if not self.player.available and not self.player.reason:
            self._probing.start()

    def _play(self, start: int, *, look: bool = True) -> None:
        """look: whether a device is looked for where there was none before."""
        chain, trace = self.chain, self.studio.trace
        if chain is None or trace is None:
            return
        self._heard, self._plays_wave = trace, False
        source: Source = TraceSource(trace, chain, self._grows, self._lead.ready)
        self._loop = self.studio.listening.loop if self.studio.activity is Activity.REPLAYING else None
        if self._loop is not None:
            source = LoopSource(source.read(self._loop.start, self._loop.stop), self._loop.start)
            start = start if start in self._loop else self._loop.start
        self._follows = self.studio.running
        self._gaps_before = self.player.underruns
        now = time.monotonic()
        if look or self.player.available or not self.player.reason:
            self._looked = now
            self.player.play(source, chain.rate, start)
        self._began = (now, start)
        self._timer.start()

    def _sample_heard(self) -> int | None:
        """Called from the inference thread."""
        return self.player.position if self._follows and not self.player.reason else None

    def _grows(self) -> bool:
        """Called from the sound thread, hence no more than a glance at one attribute."""
        return self.studio.running

    @Slot()
    def _on_activity(self) -> None:
        was, self._was = self._was, self.studio.activity
        if self._was is Activity.REPLAYING:
            self._play(min(self.studio.looking.cursor, self._end()))
        elif self._was is not Activity.RUNNING and (was is Activity.REPLAYING or self.studio.paused_by_user):
            self.stop()

    @Slot()
    def _on_walk(self) -> None:
        """Sound that is generated in time is heard from where the walk goes on; single steps are silent."""
        chain, settings = self.chain, self.studio.settings
        self._follows = False
        if chain is None or settings is None or self.studio.walking_until is not None:
            return
        if settings.pace >= chain.rate:
            # Looking takes a core for longer than a frame of the window: not with each of many walks.
            self._play(self._end(), look=time.monotonic() - self._looked > LOOK_SECONDS)

    @Slot()
    def _on_branches(self) -> None:
        """What was heard is not shown any more; a walk that was heard goes on with what is."""
        if self.studio.trace is self._heard:
            return
        heard = self._timer.isActive()
        self.stop()
        if heard and self.studio.running:
            self._play(self._end(), look=False)

    @Slot()
    def _on_selection(self) -> None:
        """Another clip of the list becomes the audible one, where the old one stood."""
        if self._timer.isActive() and self.studio.trace is not self._heard:
            self._play(self._position())

    @Slot()
    def _on_cursor(self) -> None:
        """A jump of the cursor during a replay seeks."""
        if self.studio.activity is Activity.REPLAYING and self._timer.isActive():
            self._play(min(self.studio.looking.cursor, self._end()))

    def _end(self) -> int:
        trace = self.studio.trace
        return len(trace) if trace is not None else 0

    @Slot()
    def _on_loop(self) -> None:
        """What is played goes on from where it is, in the loop or out of it."""
        if self._timer.isActive() and self.studio.activity is Activity.REPLAYING:
            self._play(self._position())

    @Slot()
    def _on_leaving(self) -> None:
        chain = self.chain
        self._left_at = self._position() / chain.rate if chain is not None and self._timer.isActive() else None

    @Slot()
    def _on_arrived(self) -> None:
        """The other side goes on where the one before was left."""
        chain, seconds, self._left_at = self.chain, self._left_at, None
        if chain is not None and seconds is not None:
            self.studio.replay.start()
            self._play(min(round(seconds * chain.rate), self._end()))

    def _position(self) -> int:
        """The step that is heard."""
        position = self._played()
        if self._loop is None:
            return position
        return self._loop[(position - self._loop.start) % len(self._loop)]

    def _played(self) -> int:
        """Samples played, from the step on at which playing began."""
        if self.player.available:
            return self.player.position
        if self._began is None or self.chain is None:
            return 0
        clock, start = self._began
        return start + int((time.monotonic() - clock) * self.chain.rate)

    @Slot()
    def _tick(self) -> None:
        self._check_reason()
        chain = self.chain
        if chain is None:
            return self.stop()
        self._lead.device_latency = self.player.device_latency
        position = min(self._position(), self._end())
        self.playhead_moved.emit(position / chain.rate)
        peak = self.player.take_peak()
        self.level_changed.emit(0.0 if self.player.muted else peak * self.player.volume, peak >= 1)
        self._say(self._state_of_sound(position))
        silent_end = not self.player.available and position >= self._end() and not self._grows()
        if self.player.state is Playback.ENDED or silent_end:
            self.stop()
            self.studio.replay.end()
        return None

    def _state_of_sound(self, position: int) -> str:
        if self._follows and self._lead.slow and self.player.state is Playback.WAITING:
            seconds = math.ceil(self._lead.seconds_to_sound(position, self._end()))
            return f"sound in {seconds} s" if seconds else ""
        return self._gaps()

    def _gaps(self) -> str:
        gaps = self.player.underruns - self._gaps_before
        return f"{gaps} gap{'s' if gaps > 1 else ''} in the sound" if gaps else ""

    def _say(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)

    @Slot(float)
    def _on_falls_behind(self, speed: float) -> None:
        """Before anything is heard: an engine that would be heard in pieces."""
        if self._follows and self.player.available:
            self.studio.message.emit(
                f"Drawn at {speed:.2g} times the pace of its sound: it is heard once the rest will be drawn in time."
            )

    @Slot()
    def _check_reason(self) -> None:
        if self.player.reason != self._reason:
            self._reason = self.player.reason
            self.reason_changed.emit(self._reason)
