"""What is asked of the sound output, through the real PortAudio into a sound card that is recorded."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import studio.audio
from models.chain import MuLaw, SoundChain
from models.errors import InputError
from models.shaping import Shaping
from models.trace import Segment, Trace
from studio.audio import (
    NO_DEVICE,
    PORTAUDIO_MISSING,
    SOUNDDEVICE_MISSING,
    AudioOutput,
    LoopSource,
    Playback,
    Player,
    RingBuffer,
    TraceSource,
)
from tests.audio_sink import (
    Samples,
    Sink,
    SoundServer,
    mortal_sound_server,
    no_sound_card,
    restart_portaudio,
    sink,
    sound_server,
    wait_until,
)

__all__ = ["mortal_sound_server", "no_sound_card", "sink", "sound_server"]

RATE = 8000
MATCH = 12
"""So many equal samples in a row of noise are no accident."""


def noise(samples: int, seed: int = 0) -> Samples:
    """A pattern whose every stretch is found in one place only."""
    return np.random.default_rng(seed).integers(-20000, 20000, samples, dtype=np.int16)


def find(heard: Samples, pattern: Samples, start: int = 0) -> int:
    """Where ``pattern`` lies in ``heard``, bit for bit; -1: nowhere."""
    data, wanted = heard.tobytes(), pattern.tobytes()
    at = data.find(wanted, 2 * start)
    while at % 2:
        at = data.find(wanted, at + 1) if at >= 0 else -2
    return at // 2


def stretches(heard: Samples, pattern: Samples) -> list[tuple[int, int]]:
    """Splits a pattern heard with interruptions into (first, end) stretches; fails where a sample is missing."""
    found, done, at = [], 0, 0
    while done < len(pattern):
        at = find(heard, pattern[done : done + MATCH], at)
        assert at >= 0, f"sample {done} of {len(pattern)} was not heard"
        length = min(len(pattern) - done, len(heard) - at)
        same = pattern[done : done + length] == heard[at : at + length]
        run = length if same.all() else int(same.argmin())
        found.append((done, done + run))
        done, at = done + run, at + run
    return found


@dataclass(frozen=True)
class ClipSource:
    """A finished clip."""

    samples: Samples

    def finished(self) -> bool:
        return True

    def read(self, start: int, stop: int) -> Samples:
        return self.samples[start:stop]

    def ready(self, start: int) -> bool:
        return True


class BrokenSource(ClipSource):
    """A clip that cannot be read beyond its middle."""

    def read(self, start: int, stop: int) -> Samples:
        if stop > len(self.samples) // 2:
            raise RuntimeError("there is\nno such symbol")
        return super().read(start, stop)


class GrowingSource:
    """A source that a test lets grow. Sound begins, or goes on, when ``cushion`` samples lie ready."""

    def __init__(self, pattern: Samples, cushion: int = 1200) -> None:
        self.pattern = pattern
        self.published = 0
        self.cushion = cushion

    def finished(self) -> bool:
        return self.published == len(self.pattern)

    def read(self, start: int, stop: int) -> Samples:
        return self.pattern[start : min(stop, self.published)]

    def ready(self, start: int) -> bool:
        return self.published - start >= self.cushion

    def grow(self, block: int, seconds: float) -> None:
        """Publishes everything, ``block`` samples every ``seconds``."""
        while not self.finished():
            self.published = min(self.published + block, len(self.pattern))
            time.sleep(seconds)


@pytest.fixture
def player() -> Iterator[Player]:
    player = Player()
    yield player
    player.close()
    assert not [t for t in threading.enumerate() if t.name == "sound"]


def play_to_the_end(player: Player) -> None:
    wait_until(lambda: player.state is Playback.ENDED)


# -- the ring buffer


@pytest.mark.parametrize("seed", range(5))
def test_ring_buffer_gives_back_what_was_written_in_order(seed: int) -> None:
    random = np.random.default_rng(seed)
    ring = RingBuffer(int(random.integers(1, 40)))
    pattern = noise(3000, seed)
    written, back = 0, np.zeros(0, np.int16)
    while len(back) < len(pattern):
        written += ring.write(pattern[written : written + random.integers(0, 60)])
        assert ring.readable == written - len(back)
        assert ring.readable + ring.free == ring.capacity
        if ring.readable:
            assert ring.first() == pattern[len(back)]
        out = np.full(random.integers(0, 60), 7, np.int16)
        count = ring.read_into(out)
        assert (out[count:] == 7).all()
        back = np.concatenate([back, out[:count]])
    np.testing.assert_array_equal(back, pattern)


def test_ring_buffer_takes_no_more_than_it_holds() -> None:
    ring = RingBuffer(4)
    assert ring.write(noise(10)) == 4
    assert ring.write(noise(10)) == 0


def test_ring_buffer_discards_what_is_in_it() -> None:
    ring = RingBuffer(8)
    ring.write(noise(5))
    ring.discard()
    assert ring.readable == 0
    assert ring.write(noise(20, 1)) == 8
    assert ring.first() == noise(20, 1)[0]


def test_ring_buffer_joins_two_threads() -> None:
    ring, pattern = RingBuffer(257), noise(200_000)
    back = np.zeros_like(pattern)

    def write() -> None:
        done = 0
        while done < len(pattern):
            done += ring.write(pattern[done : done + 100])
            time.sleep(0)

    writer = threading.Thread(target=write)
    writer.start()
    done = 0
    while done < len(back):
        done += ring.read_into(back[done : done + 64])
        time.sleep(0)
    writer.join()
    np.testing.assert_array_equal(back, pattern)


def test_ring_buffer_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="one sample or more, not 0"):
        RingBuffer(0)


# -- a clip


def test_a_clip_is_heard_bit_for_bit_from_the_first_to_the_last_sample(sink: Sink, player: Player) -> None:
    clip = noise(RATE)
    player.play(ClipSource(clip), RATE)
    play_to_the_end(player)
    heard = sink.hear_out()
    assert find(heard, clip) >= 0
    assert player.position == len(clip)
    assert player.underruns == 0
    assert (player.available, player.reason) == (True, "")


def test_a_clip_begins_and_ends_without_a_click(sink: Sink, player: Player) -> None:
    clip = np.full(RATE // 4, 16000, np.int16)
    player.play(ClipSource(clip), RATE)
    play_to_the_end(player)
    steps = np.abs(np.diff(sink.hear_out().astype(int)))
    assert 0 < steps.max() < 500


def test_silence_follows_the_end_and_the_device_is_left_to_others(sink: Sink, player: Player) -> None:
    player.play(ClipSource(noise(800)), RATE)
    wait_until(lambda: player.state is Playback.PLAYING and sink.streams == 1)
    play_to_the_end(player)
    wait_until(lambda: sink.streams == 0)
    assert not sink.hear_out()[-800:].any()


def test_a_clip_of_nothing_ends(sink: Sink, player: Player) -> None:
    player.play(ClipSource(np.zeros(0, np.int16)), RATE)
    play_to_the_end(player)
    assert not sink.hear_out().any()


def test_play_starts_where_it_is_told(sink: Sink, player: Player) -> None:
    clip = noise(RATE // 2)
    player.play(ClipSource(clip), RATE, start=3000)
    assert player.position == 3000
    play_to_the_end(player)
    heard = sink.hear_out()
    assert find(heard, clip[3000:]) >= 0
    assert find(heard, clip[2900:2990]) == -1
    assert player.position == len(clip)


def test_a_clip_can_be_played_again(sink: Sink, player: Player) -> None:
    clip = noise(1000)
    for _ in range(2):
        player.play(ClipSource(clip), RATE)
        play_to_the_end(player)
    heard = sink.hear_out()
    assert find(heard, clip, find(heard, clip) + 1000) >= 0


def test_another_clip_takes_the_place_of_the_one_that_plays(sink: Sink, player: Player) -> None:
    first, second = noise(RATE * 2, 1), noise(2000, 2)
    player.play(ClipSource(first), RATE)
    wait_until(lambda: player.position > 1000)
    player.play(ClipSource(second), RATE)
    assert player.position == 0
    play_to_the_end(player)
    heard = sink.hear_out()
    at = find(heard, second)
    assert at > find(heard, first[:1000]) >= 0
    assert find(heard, first[-MATCH:]) == -1
    assert not heard[at + 2000 + RATE // 100 :].any()


def test_the_latest_of_many_requests_holds(sink: Sink, player: Player) -> None:
    clip = ClipSource(noise(RATE))
    player.play(clip, RATE)
    wait_until(lambda: player.position > 800)
    for start in range(0, 6100, 100):
        player.play(clip, RATE, start)
    assert player.position == 6000
    play_to_the_end(player)
    assert find(sink.hear_out(), clip.samples[6000:]) >= 0


def test_a_loop_repeats_exactly_its_samples_without_a_gap(sink: Sink, player: Player) -> None:
    clip = noise(RATE)
    player.play(LoopSource(clip[2000:2700], 2000), RATE, 2300)
    wait_until(lambda: player.position >= 2300 + 3000)
    player.stop()
    wait_until(lambda: sink.streams == 0)
    repeated = np.concatenate([clip[2300:2700], np.tile(clip[2000:2700], 3)])
    assert find(sink.hear_out(), repeated) >= 0
    assert player.underruns == 0


def test_a_loop_of_one_sample_is_a_loop_and_one_of_none_is_refused() -> None:
    assert LoopSource(np.array([7], np.int16), 5).read(5, 9).tolist() == [7, 7, 7, 7]
    assert LoopSource(noise(3), 5).read(7, 12).tolist() == noise(3)[[2, 0, 1, 2, 0]].tolist()
    with pytest.raises(InputError):
        LoopSource(noise(0), 0)


def test_the_peak_is_that_of_what_was_heard_before_the_volume_and_is_taken_once(sink: Sink, player: Player) -> None:
    clip = noise(RATE // 2) // 4
    clip[3000] = -16000
    player.volume = 0.25
    player.play(ClipSource(clip), RATE)
    wait_until(lambda: player.position > 1500)
    assert player.take_peak() == pytest.approx(5000 / 32767, abs=0.01)
    play_to_the_end(player)
    time.sleep(0.05)
    assert player.take_peak() == pytest.approx(16000 / 32767)
    assert player.take_peak() == 0


def test_a_jump_is_a_slide_and_no_click(sink: Sink, player: Player) -> None:
    clip = np.repeat(np.array([16000, -16000], np.int16), RATE // 2)
    clip = np.concatenate([clip[:4000], np.linspace(16000, -16000, 200).astype(np.int16), clip[4000:]])
    player.play(ClipSource(clip), RATE)
    wait_until(lambda: player.position > 800)
    player.play(ClipSource(clip), RATE, start=6000)
    play_to_the_end(player)
    assert np.abs(np.diff(sink.hear_out().astype(int))).max() < 500


def test_stop_falls_silent_and_forgets_the_clip(sink: Sink, player: Player) -> None:
    clip = noise(2 * RATE)
    player.play(ClipSource(clip), RATE)
    wait_until(lambda: player.position > 500)
    player.stop()
    assert (player.state, player.position) == (Playback.STOPPED, 0)
    wait_until(lambda: sink.streams == 0)
    heard = sink.hear_out()
    assert find(heard, clip[:500]) >= 0
    assert find(heard, clip[-MATCH:]) == -1
    assert not heard[-400:].any()


def test_mute_is_silence_and_the_playhead_goes_on(sink: Sink, player: Player) -> None:
    player.muted = True
    player.play(ClipSource(noise(2000)), RATE)
    play_to_the_end(player)
    assert not sink.hear_out().any()
    assert player.position == 2000


def test_volume_scales_what_is_heard(sink: Sink, player: Player) -> None:
    clip = noise(2000)
    player.volume = 0.5
    player.play(ClipSource(clip), RATE)
    play_to_the_end(player)
    assert find(sink.hear_out(), np.rint(clip * 0.5).astype(np.int16)) >= 0


def test_volume_changes_without_a_click(sink: Sink, player: Player) -> None:
    player.play(ClipSource(np.full(RATE, 16000, np.int16)), RATE)
    wait_until(lambda: player.position > 2000)
    player.volume = 0.1
    play_to_the_end(player)
    heard = sink.hear_out().astype(int)
    assert {16000, 1600} <= set(heard.tolist())
    assert np.abs(np.diff(heard)).max() < 500


def test_volume_stays_within_zero_and_one(player: Player) -> None:
    player.volume = 7.0
    assert player.volume == 1.0
    player.volume = -1.0
    assert player.volume == 0.0


def test_the_playhead_never_goes_back_and_keeps_time(sink: Sink, player: Player) -> None:
    player.play(ClipSource(noise(RATE + RATE // 2)), RATE)
    wait_until(lambda: player.position > 2000)
    began, first = time.perf_counter(), player.position
    positions = [first]
    while player.position < 10000:
        time.sleep(1 / 30)
        positions.append(player.position)
    elapsed = time.perf_counter() - began
    assert positions == sorted(positions)
    assert max(np.diff(positions)) < RATE / 5
    assert abs((positions[-1] - first) / RATE - elapsed) < 0.1


def test_the_playhead_shows_what_is_heard(sink: Sink, player: Player) -> None:
    clip = noise(2 * RATE)
    player.play(ClipSource(clip), RATE)
    seen = []
    for target in (200, RATE // 2, RATE):
        wait_until(lambda target=target: player.position > target)  # type: ignore[misc]
        seen.append((player.position, len(sink.heard)))
    begin = find(sink.hear_out(), clip[:100])
    for position, heard in seen:
        assert abs((heard - begin) - position) / RATE < 0.1


@pytest.mark.parametrize("rate", [0, -8000, 10_000_000])
def test_an_absurd_rate_is_refused(player: Player, rate: int) -> None:
    with pytest.raises(InputError, match=f"not {rate}"):
        player.play(ClipSource(noise(10)), rate)


# -- a growing source


def test_a_source_slower_than_real_time_is_heard_completely_and_in_order(sink: Sink, player: Player) -> None:
    source = GrowingSource(noise(4000))
    player.play(source, RATE)
    source.grow(block=800, seconds=0.25)
    play_to_the_end(player)
    parts = stretches(sink.hear_out(), source.pattern)
    assert len(parts) > 1
    assert player.underruns >= len(parts) - 1
    assert player.position == 4000


def test_a_source_faster_than_real_time_is_heard_without_interruption(sink: Sink, player: Player) -> None:
    source = GrowingSource(noise(RATE))
    player.play(source, RATE)
    source.grow(block=400, seconds=0.01)
    play_to_the_end(player)
    assert stretches(sink.hear_out(), source.pattern) == [(0, RATE)]
    assert player.underruns == 0


def test_sound_waits_at_the_frontier_and_goes_on(sink: Sink, player: Player) -> None:
    source = GrowingSource(noise(4000))
    source.published = 1500
    player.play(source, RATE)
    wait_until(lambda: player.position == 1500)
    assert player.state is Playback.WAITING
    assert player.underruns == 1
    source.published = 4000
    play_to_the_end(player)
    assert stretches(sink.hear_out(), source.pattern) == [(0, 1500), (1500, 4000)]


def test_sound_begins_and_goes_on_only_when_enough_lies_ready(sink: Sink, player: Player) -> None:
    source = GrowingSource(noise(4000), cushion=1000)
    player.play(source, RATE)
    for published, heard in ((900, 0), (1100, 1100), (2000, 1100), (2100, 2100)):
        source.published = published
        wait_until(lambda heard=heard: player.position == heard)  # type: ignore[misc]
        time.sleep(0.1)
        assert player.position == heard
        assert player.state is Playback.WAITING
    assert player.underruns == 2


def test_what_has_grown_is_handed_on_at_once_by_whoever_draws(
    sink: Sink, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread "sound" looks every ten milliseconds, or later on a busy machine."""
    source = GrowingSource(noise(4000), cushion=1)
    source.published = 100
    player.play(source, RATE)
    wait_until(lambda: player.position == 100)
    monkeypatch.setattr(studio.audio, "TICK_SECONDS", 0.5)
    time.sleep(0.1)
    source.published = 4000
    player.hand_on()
    assert player._next == 4000
    play_to_the_end(player)


def test_a_trace_is_heard_without_its_stop_symbol(sink: Sink, player: Player) -> None:
    chain = SoundChain(MuLaw(256, stop=True), rate=RATE, default_seconds=1.0, max_seconds=2.0)
    trace = Trace(Segment(0, Shaping(), {}, 1, 0, 0, "reference"))
    symbols = np.random.default_rng(0).integers(0, 256, 3001).astype(np.int32)
    symbols[-1] = chain.alphabet.levels
    bits = np.zeros(1000, np.float32)
    player.play(TraceSource(trace, chain, ready=lambda start, frontier: frontier >= 3000), RATE)
    for block in np.split(symbols[:3000], 3):
        trace.append(block, bits, bits, bits.astype(np.bool_))
        time.sleep(0.02)
    trace.append(symbols[3000:], bits[:1], bits[:1], np.zeros(1, np.bool_))
    trace.finished = True
    play_to_the_end(player)
    assert find(sink.hear_out(), chain.wave(symbols)) >= 0
    assert player.position == 3000


def test_a_trace_that_nobody_draws_any_more_ends_at_its_frontier(sink: Sink, player: Player) -> None:
    chain = SoundChain(MuLaw(256, stop=True), rate=RATE, default_seconds=1.0, max_seconds=2.0)
    trace = Trace(Segment(0, Shaping(), {}, 1, 0, 0, "reference"))
    bits = np.zeros(500, np.float32)
    trace.append(np.full(500, 200, np.int32), bits, bits, bits.astype(np.bool_))
    player.play(TraceSource(trace, chain, growing=lambda: False), RATE)
    play_to_the_end(player)
    assert player.position == 500


# -- devices


def tones(rate: int) -> tuple[npt.NDArray[np.float64], Samples]:
    """Half a second of a chirp from 200 Hz to 3 kHz: time axis in s, and samples."""
    t = np.arange(rate // 2) / rate
    return t, np.rint(12000 * np.sin(2 * np.pi * (200 * t + 2800 * t**2))).astype(np.int16)


def assert_same_sound(heard: Samples, device_rate: int, rate: int) -> None:
    """What was heard at the device's rate is the chirp made at that rate, apart from the resampler's rounding."""
    _, expected = tones(device_rate)
    size = 1 << (len(heard) + len(expected)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(expected, size))
    at = int(np.fft.irfft(spectrum, size)[: len(heard)].argmax())
    part = heard[at : at + len(expected)].astype(float)
    assert len(part) == len(expected)
    inner = slice(device_rate // 50, -device_rate // 50)  # a filter rings where a tone begins or ends
    error = part[inner] - expected[inner]
    assert np.sqrt((error**2).mean()) < 0.01 * np.sqrt((expected[inner].astype(float) ** 2).mean())


@pytest.mark.parametrize("sink", [44100], indirect=True)
def test_a_device_that_refuses_the_rate_is_fed_at_its_own(sink: Sink, player: Player) -> None:
    rate = 768_000  # beyond what PulseAudio takes: a true refusal
    player.play(ClipSource(tones(rate)[1]), rate)
    play_to_the_end(player)
    assert_same_sound(sink.hear_out(), 44100, rate)
    assert player.position == rate // 2
    assert player.underruns == 0


@pytest.mark.parametrize("sink", [44100], indirect=True)
def test_eight_kilohertz_reach_a_device_that_refuses_them(
    sink: Sink, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sounddevice

    accepts = sounddevice.check_output_settings

    def only_44100(samplerate: float, **settings: object) -> None:
        accepts(samplerate=samplerate if samplerate == 44100 else 10_000_000, **settings)

    monkeypatch.setattr(sounddevice, "check_output_settings", only_44100)
    source = GrowingSource(tones(RATE)[1])
    player.play(source, RATE)
    source.grow(block=400, seconds=0.01)
    wait_until(lambda: player.position > 0)
    play_to_the_end(player)
    assert_same_sound(sink.hear_out(), 44100, RATE)
    assert player.position == RATE // 2


def use_everything(player: Player) -> None:
    player.probe()
    player.play(ClipSource(noise(1000)), RATE)
    player.play(ClipSource(noise(1000)), RATE, start=500)
    player.volume, player.muted = 0.3, True
    time.sleep(0.1)
    assert player.state is Playback.STOPPED
    assert player.position == 500
    player.stop()


def test_without_a_device_everything_is_harmless_and_one_line_says_why(no_sound_card: None, player: Player) -> None:
    use_everything(player)
    assert not player.available
    assert player.reason == NO_DEVICE
    assert "\n" not in player.reason


def test_a_device_that_appears_later_is_found(
    no_sound_card: None, sound_server: SoundServer, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    player.play(ClipSource(noise(1000)), RATE)
    wait_until(lambda: player.reason == NO_DEVICE)
    with sound_server.sink(RATE) as card:
        for name, value in sound_server.client.items():
            monkeypatch.setenv(name, value)
        player.play(ClipSource(noise(1000)), RATE)
        play_to_the_end(player)
        assert find(card.hear_out(), noise(1000)) >= 0
    assert player.reason == ""


def test_a_device_that_disappears_in_the_middle_is_reported(mortal_sound_server: SoundServer, player: Player) -> None:
    player.play(ClipSource(noise(RATE * 5)), RATE)
    wait_until(lambda: player.position > 800)
    mortal_sound_server.process.kill()
    wait_until(lambda: not player.available)
    assert player.reason == NO_DEVICE
    assert player.state is Playback.STOPPED
    player.stop()


def test_a_device_is_lost_and_sound_is_heard_again_on_a_new_server(
    mortal_sound_server: SoundServer, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    player.play(ClipSource(noise(RATE * 5)), RATE)
    wait_until(lambda: player.position > 800)
    mortal_sound_server.stop()
    wait_until(lambda: not player.available)
    player.play(ClipSource(noise(1000)), RATE)  # with the settings of the server that is gone
    wait_until(lambda: player.reason == NO_DEVICE)
    again = SoundServer()
    try:
        with again.sink(RATE) as card:
            for name, value in again.client.items():
                monkeypatch.setenv(name, value)
            player.play(ClipSource(noise(1000)), RATE)
            play_to_the_end(player)
            assert find(card.hear_out(), noise(1000)) >= 0
            assert (player.available, player.reason) == (True, "")
            player.close()
    finally:
        monkeypatch.undo()  # before its settings are gone
        again.stop()


def test_alsa_without_a_default_device_is_no_sound_and_not_the_end_of_the_program(tmp_path: Path) -> None:
    """PortAudio aborts where it is started so."""
    script = """
from studio.audio import NO_DEVICE, AudioOutput, Player
from tests.studio.test_audio import use_everything
player = Player()
use_everything(player)
assert player.reason == NO_DEVICE, player.reason
player.close()
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60,
        check=False, env={**os.environ, "ALSA_CONFIG_PATH": str(tmp_path / "none")},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_a_device_that_is_taken_away_gives_way_to_another_where_the_clip_was(
    sound_server: SoundServer, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sound_server.client.items():
        monkeypatch.setenv(name, value)
    other = ("load-module", "module-null-sink", "sink_name=other", "format=s16le", f"rate={RATE}", "channels=1")
    clip = noise(RATE * 6)
    with sound_server.sink(RATE):
        restart_portaudio()
        player.play(ClipSource(clip), RATE)
        wait_until(lambda: player.position > RATE // 2)
        loaded = sound_server.control(*other)
        assert loaded.returncode == 0
        before = player.position
    try:  # the first one is gone
        wait_until(lambda: player.position > before + RATE)
        assert (player.available, player.reason) == (True, "")
        play_to_the_end(player)
        assert player.position == len(clip)
    finally:
        player.close()
        sound_server.control("unload-module", loaded.stdout.strip())
    restart_portaudio()


def test_a_probe_names_the_device_without_opening_it(sink: Sink, player: Player) -> None:
    player.probe()
    wait_until(lambda: player.available)
    assert (player.device, player.reason) == ("default", "")
    assert sink.streams == 0


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("import ctypes.util; ctypes.util.find_library = lambda name: None", PORTAUDIO_MISSING),
        ("import sys; sys.modules['sounddevice'] = None", SOUNDDEVICE_MISSING),
    ],
    ids=["no PortAudio", "no sounddevice"],
)
def test_without_portaudio_everything_is_harmless_and_one_line_says_how_to_get_it(broken: str, reason: str) -> None:
    script = f"""
{broken}
from studio.audio import AudioOutput, Player
from tests.studio.test_audio import use_everything
output = AudioOutput()
assert not output.start(8000) and not output.probe()
output.flush(); output.finish(); output.stop()
player = Player()
use_everything(player)
player.close()
print(player.available, player.reason)
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"False {reason}\n"


def test_no_sound_library_is_imported_before_sound_is_asked_for() -> None:
    script = "import sys, studio.audio; print({'sounddevice', 'soxr', 'torch', 'PySide6'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == "set()\n"


# -- threads


def test_a_source_that_breaks_is_reported_and_the_next_one_is_heard(sink: Sink, player: Player) -> None:
    clip = noise(RATE)
    player.play(BrokenSource(clip), RATE)
    wait_until(lambda: player.reason.startswith("No sound"))
    assert player.reason == "No sound: something went wrong (there is no such symbol). Press play again."
    assert player.state is Playback.STOPPED
    wait_until(lambda: sink.streams == 0)
    player.play(ClipSource(clip), RATE)
    play_to_the_end(player)
    assert find(sink.hear_out(), clip) >= 0
    assert (player.available, player.reason) == (True, "")


def test_close_in_the_middle_ends_the_thread_at_once(sink: Sink) -> None:
    before = threading.enumerate()
    player = Player()
    player.play(ClipSource(noise(RATE)), RATE)
    wait_until(lambda: player.position > 400)
    began = time.perf_counter()
    player.close()
    assert time.perf_counter() - began < 0.5
    assert threading.enumerate() == before
    assert sink.streams == 0


def test_a_player_that_was_never_used_has_no_thread() -> None:
    before = threading.enumerate()
    player = Player()
    assert threading.enumerate() == before
    assert (player.state, player.position, player.available) == (Playback.STOPPED, 0, False)
    player.stop()
    player.close()


def test_nothing_happens_after_close(player: Player) -> None:
    player.close()
    player.play(ClipSource(noise(10)), RATE)
    player.probe()
    player.close()
    assert player.state is Playback.STOPPED


def test_asking_never_waits_for_the_device(sink: Sink, player: Player) -> None:
    slowest, clip = 0.0, ClipSource(noise(4000))
    for n in range(200):
        began = time.perf_counter()
        player.play(clip, RATE, start=10 * n)
        _ = player.position, player.state
        slowest = max(slowest, time.perf_counter() - began)
        time.sleep(0.002)
    assert slowest < 0.1


def test_an_output_without_a_stream_takes_nothing() -> None:
    output = AudioOutput()
    assert (output.feed(noise(100)), output.room, output.position, output.drained) == (0, 0, 0, False)
