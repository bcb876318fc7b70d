"""When sound is heard: while it is generated in time, after an edit in mid-run, and when it is played again."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from models.chain import MuLaw, SoundChain
from models.condition import Category
from models.sampling import ConditionalBuffer, Walk
from models.track import Number, Track
from studio.audio import NO_DEVICE, Playback, SoundUnavailableError
from studio.looking import Pointer
from studio.panels import timeline
from studio.sound import PROBE_DELAY_MS, SoundPlayer
from studio.state import Activity, Studio
from tests.audio_sink import Sink, sink, sound_server
from tests.studio.conftest import finish, load, write

__all__ = ["sink", "sound_server"]

FRAMES_A_SECOND = 100
PIANO = SoundChain(MuLaw(16), rate=8000, default_seconds=0.1, max_seconds=100)
NOTES = Track(
    "notes", FRAMES_A_SECOND, 50, (Number("pitch", 21, 108), Category("touch", ("pp", "ff"))), "60 pp", held=True
)
PIANO_SIZES: dict[str, object] = {"residual": 4, "skip": 4, "head": 4, "dilations": [1, 2], "frames": 4}
MATCH = 40
"""So many equal samples in a row of noise are no accident."""
RECORDER_SECONDS = 0.1
"""What a recording may lag behind what is played."""


@pytest.fixture
def player(sound_studio: Studio) -> Iterator[SoundPlayer]:
    made = SoundPlayer(sound_studio)
    yield made
    made.close()
    made.deleteLater()


def test_nothing_is_said_of_a_device_before_it_was_tried_and_then_what_was_found(
    player: SoundPlayer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sound server may take longer to answer than it takes to ask again."""
    reasons: list[str] = []
    player.reason_changed.connect(reasons.append)
    answers = threading.Event()

    def find() -> None:
        answers.wait(10)
        raise SoundUnavailableError(NO_DEVICE)

    monkeypatch.setattr(player.player._output, "_find_device", find)
    qtbot.wait(3 * PROBE_DELAY_MS)
    assert reasons == []
    answers.set()
    qtbot.waitUntil(lambda: reasons == [NO_DEVICE])


def test_walks_look_for_a_device_now_and_then_and_playing_does_so_at_once(
    player: SoundPlayer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def find() -> None:
        looks.append(1)
        raise SoundUnavailableError(NO_DEVICE)

    monkeypatch.setattr(player.player._output, "_find_device", find)
    qtbot.waitUntil(lambda: player.player.reason == NO_DEVICE)
    looks.clear()
    for _ in range(3):
        begin(player.studio, pace=math.inf, limit=100)
        finish(player.studio, qtbot)
        qtbot.waitUntil(lambda: not player.studio.running)
    qtbot.waitUntil(lambda: len(looks) == 1)
    player.studio.looking.move_cursor(0)
    player.studio.replay.start()
    qtbot.waitUntil(lambda: len(looks) == 2)
    player.studio.pause()


def test_a_wave_that_is_not_of_the_take_is_heard_bit_for_bit(sink: Sink, player: SoundPlayer, qtbot: QtBot) -> None:
    wave = np.random.default_rng(5).integers(-9000, 9000, 2000).astype(np.int16)
    player.set_volume(1.0)
    player.play_wave(wave, 8000)
    qtbot.waitUntil(lambda: player.player.state is Playback.ENDED, timeout=20_000)
    heard = sink.hear_out()
    starts = np.flatnonzero(heard == wave[0])
    assert any(np.array_equal(heard[at : at + len(wave)], wave) for at in starts.tolist())


def heads_of(player: SoundPlayer) -> list[float | None]:
    heads: list[float | None] = []
    player.playhead_moved.connect(heads.append)
    return heads


def begin(studio: Studio, **settings: object) -> None:
    studio.change("test", **{"limit": 4000, "seed": 3, "seed_locked": True, **settings})
    studio.begin()


def test_sound_generated_in_real_time_is_heard_from_its_start(player: SoundPlayer, qtbot: QtBot) -> None:
    heads = heads_of(player)
    begin(player.studio)
    qtbot.waitUntil(lambda: any(h is not None for h in heads))
    player.studio.pause()
    qtbot.waitUntil(lambda: not player.studio.running)
    assert heads[-1] is None


def test_sound_slower_than_real_time_is_not_played_while_it_is_generated(player: SoundPlayer, qtbot: QtBot) -> None:
    heads = heads_of(player)
    begin(player.studio, pace=2000.0)
    qtbot.wait(300)
    assert all(h is None for h in heads)
    player.studio.pause()
    qtbot.waitUntil(lambda: not player.studio.running)


def test_after_an_edit_in_mid_run_sound_goes_on_from_the_edit(player: SoundPlayer, qtbot: QtBot) -> None:
    studio = player.studio
    begin(studio)
    qtbot.waitUntil(lambda: studio.frontier >= 800)
    heads = heads_of(player)
    studio.editing.put_value(7, Pointer(0, 400))
    qtbot.waitUntil(lambda: any(h is not None and h >= 400 / 8000 for h in heads))
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)


def test_undo_in_mid_run_does_not_silence_the_walk(player: SoundPlayer, qtbot: QtBot) -> None:
    studio = player.studio
    begin(studio)
    qtbot.waitUntil(lambda: studio.frontier >= 800)
    studio.editing.put_value(7, Pointer(0, 400))
    qtbot.waitUntil(lambda: studio.frontier >= 600)
    studio.undo_stack.undo()
    assert studio.running
    heads = heads_of(player)
    qtbot.waitUntil(lambda: any(h is not None for h in heads))
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)


def test_a_replay_ends_by_itself_and_says_so(player: SoundPlayer, qtbot: QtBot) -> None:
    studio = player.studio
    begin(studio, limit=1200, pace=math.inf)
    finish(studio, qtbot)
    qtbot.waitUntil(lambda: not player.player.position or player.player.state != "playing", timeout=3000)
    studio.looking.move_cursor(0)
    studio.play()
    assert studio.activity is Activity.REPLAYING
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=5000)


def test_gaps_at_the_end_are_told_until_something_else_is_shown(player: SoundPlayer, qtbot: QtBot) -> None:
    begin(player.studio)
    qtbot.waitUntil(lambda: player._timer.isActive())
    player.player._output.underruns = player._gaps_before + 2
    player.studio.pause()
    qtbot.waitUntil(lambda: not player._timer.isActive())
    assert player.state == "2 gaps in the sound"
    begin(player.studio, pace=math.inf, limit=100)
    assert player.state == ""
    finish(player.studio, qtbot)


# -- a walk that is heard


@pytest.fixture
def heard(warm_kernels: None, sink: Sink, player: SoundPlayer, qtbot: QtBot) -> SoundPlayer:
    """Plays to a sound card, as fast as an engine draws that is compiled."""
    qtbot.waitUntil(lambda: player.player.available)
    return player


def listen(player: SoundPlayer, qtbot: QtBot, **settings: object) -> None:
    """Begins a long clip and waits until it is heard."""
    begin(player.studio, limit=8000, **settings)
    qtbot.waitUntil(lambda: player.player.position > 400, timeout=10_000)


def test_a_change_in_mid_run_is_heard_within_the_latency(heard: SoundPlayer, qtbot: QtBot) -> None:
    studio, trace = heard.studio, None
    listen(heard, qtbot)
    for temperature in (0.5, 1.5, 0.7):
        before = heard.player.position
        studio.reshape(temperature=temperature)
        trace = studio.trace
        assert trace is not None
        qtbot.waitUntil(lambda trace=trace, t=temperature: trace.segment.shaping.temperature == t)
        assert (trace.segment.start - before) / 8000 <= heard.latency + 0.05
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)


def test_another_speaker_in_mid_run_is_heard_within_the_latency(heard: SoundPlayer, qtbot: QtBot) -> None:
    studio = heard.studio
    listen(heard, qtbot)
    trace, settings = studio.trace, studio.settings
    assert trace is not None
    assert settings is not None
    for speaker in ("bob", "ada"):
        before = heard.player.position
        studio.change("speaker", condition={**settings.condition, "speaker": speaker})
        qtbot.waitUntil(lambda speaker=speaker: trace.segment.condition["speaker"] == speaker)
        assert (trace.segment.start - before) / 8000 <= heard.latency + 0.05
        qtbot.waitUntil(lambda: len(trace) > trace.segment.start + 800)
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)
    assert [segment.condition["speaker"] for segment in trace.schedule][-2:] == ["bob", "ada"]
    assert timeline.changes(trace) == [segment.start for segment in trace.schedule[1:]]


def test_a_key_is_heard_within_the_latency(heard: SoundPlayer, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "made" / "checkpoints").mkdir(parents=True)
    write(tmp_path / "made", "played", "wavenet", PIANO, (NOTES,), PIANO_SIZES)
    studio = load(heard.studio, qtbot, str(tmp_path / "made" / "checkpoints" / "played.safetensors"))
    for number, key in enumerate((60, 67, 64), 1):
        before = heard.player.position if number > 1 else 0
        studio.keys.press(key, "ff")
        qtbot.waitUntil(lambda n=number: len(notes_of(studio)) == n)
        frame = notes_of(studio)[-1][0]
        assert frame / FRAMES_A_SECOND - before / 8000 <= heard.latency + 0.05
        qtbot.waitUntil(lambda frame=frame: heard.player.position > frame * 8000 / FRAMES_A_SECOND, timeout=10_000)
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)


def test_a_change_comes_out_of_the_sound_card_within_the_latency(heard: SoundPlayer, sink: Sink, qtbot: QtBot) -> None:
    """Bit for bit in what the sound card has played; ``-s`` shows how late. The recorder itself is late, too."""
    studio = heard.studio
    heard.set_volume(1.0)
    listen(heard, qtbot)
    trace, settings, chain = studio.trace, studio.settings, studio.chain
    assert trace is not None
    assert settings is not None
    assert isinstance(chain, SoundChain)
    shape = partial(studio.reshape, temperature=0.5)
    direct = partial(studio.change, "speaker", condition={**settings.condition, "speaker": "bob"})
    for what, change in (("temperature", shape), ("speaker", direct)):
        count, played = len(trace.schedule), len(sink.heard)
        change()
        qtbot.waitUntil(lambda count=count: len(trace.schedule) > count)
        start = trace.segment.start
        qtbot.waitUntil(lambda start=start: heard.player.position > start + 1200, timeout=10_000)
        pattern = chain.wave(trace.symbols[start : start + MATCH]).tobytes()
        at = sink.hear_out().tobytes().find(pattern, 2 * played) // 2
        assert at > 0
        sys.stdout.write(f"{what}: heard {1000 * (at - played) / 8000:.0f} ms later\n")
        assert (at - played) / 8000 <= heard.latency + 0.05 + RECORDER_SECONDS
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)


def notes_of(studio: Studio) -> list[list[Any]]:
    assert studio.take is not None
    found: list[list[Any]] = studio.take.traces[0].segment.condition["notes"]
    return found


def test_a_longer_latency_has_the_walk_run_further_ahead(heard: SoundPlayer, qtbot: QtBot) -> None:
    studio, leads = heard.studio, []
    heard.set_latency(0.5)
    assert studio.profile.get("latency") == 0.5
    listen(heard, qtbot)
    for _ in range(20):
        qtbot.wait(10)
        leads.append((studio.frontier - heard.player.position) / 8000)
    assert 0.25 < max(leads) <= 0.5
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)


def test_what_is_looked_at_does_not_hold_up_a_walk_that_is_heard(
    heard: SoundPlayer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass of a large network takes longer than the latency."""
    studio, make_pass = heard.studio, ConditionalBuffer._pass
    begun, ended = threading.Event(), threading.Event()

    def endless_pass(*arguments: object) -> object:
        begun.set()
        assert ended.wait(10)
        return make_pass(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ConditionalBuffer, "_pass", endless_pass)
    listen(heard, qtbot)
    studio.looking.pin(Pointer(0, 100))
    qtbot.waitUntil(begun.is_set)
    frontier = studio.frontier
    qtbot.waitUntil(lambda: studio.frontier > frontier + 2000)
    ended.set()
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)


def test_an_engine_that_is_too_slow_is_said_to_be_and_heard_later(
    heard: SoundPlayer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, said, states = heard.studio, [], []
    studio.message.connect(said.append)
    heard.state_changed.connect(states.append)
    advance = Walk.advance

    def slowly(walk: Walk, count: int, tell: int | None = None) -> int:
        time.sleep(count / 4000)
        return advance(walk, count, tell)

    monkeypatch.setattr(Walk, "advance", slowly)
    begin(studio, limit=6000)
    qtbot.waitUntil(lambda: heard.player.position > 0, timeout=10_000)
    assert studio.frontier > 2000
    assert any("times the pace of its sound" in line for line in said)
    assert any(line.startswith("sound in ") for line in states)
    qtbot.waitUntil(lambda: not studio.running, timeout=10_000)
