"""Long arrays lie on the disk: what they hold, what memory they take, and what happens where the disk is full."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models import growing
from models.chain import MuLaw, SoundChain
from models.growing import IN_MEMORY, Growth
from models.record import load_take, save_take
from models.shaping import NEUTRAL
from models.trace import ModelReference, Segment, Take, Trace, new_take

CHAIN = SoundChain(MuLaw(256), 8000, default_seconds=1.0, max_seconds=10.0)
LONG = IN_MEMORY + 100_000


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files begin early, and in a folder of the test."""
    monkeypatch.setattr(growing, "IN_MEMORY", 2048)
    monkeypatch.setattr(growing, "folder", tmp_path)


def endless_take() -> Take:
    reference = ModelReference("m", "M", "0" * 16, CHAIN, ())
    return new_take(
        reference, seed=1, count=1, condition={}, shaping=NEUTRAL, engine="cached", limit=CHAIN.endless_limit
    )


def lengthen(trace: Trace, steps: int, block: int = 4096) -> None:
    """Symbols that count, and figures that tell where they are."""
    while steps:
        at = np.arange(len(trace), len(trace) + min(block, steps))
        trace.append((at % 256).astype(np.int32), at.astype(np.float32), (at / 2).astype(np.float32), at % 3 == 0)
        steps -= len(at)


def assert_whole(trace: Trace, steps: int) -> None:
    at = np.arange(steps)
    assert len(trace) == steps
    np.testing.assert_array_equal(trace.symbols, at % 256)
    np.testing.assert_array_equal(trace.surprise, at.astype(np.float32))
    np.testing.assert_array_equal(trace.entropy, (at / 2).astype(np.float32))
    np.testing.assert_array_equal(trace.clamped, at % 3 == 0)


@pytest.mark.parametrize("block", [1, 777, 20_000])
def test_a_trace_in_files_holds_what_was_appended(small: None, block: int) -> None:
    trace = endless_take().traces[0]
    lengthen(trace, 5 * block + 9_000, block)
    assert_whole(trace, 5 * block + 9_000)
    assert trace.bits == pytest.approx(trace.surprise.sum(dtype=np.float64))


def test_what_was_read_before_it_grew_stays_what_it_was(small: None) -> None:
    trace = endless_take().traces[0]
    lengthen(trace, 3000)
    early = trace.symbols
    lengthen(trace, 100_000)
    np.testing.assert_array_equal(early, np.arange(3000) % 256)


def test_a_branch_shares_what_came_before_and_nothing_after(small: None) -> None:
    take = endless_take()
    lengthen(take.traces[0], 10_000)
    child = take.branch(0, 6000)
    lengthen(child, 5000)
    lengthen(take.samples[0].branches[0], 1000)
    assert_whole(child, 11_000)
    assert_whole(take.samples[0].branches[0], 11_000)
    child.symbols[6000:] = 7
    assert_whole(take.samples[0].branches[0], 11_000)


def test_rows_grow_in_files_too(small: None) -> None:
    growth, array = Growth(), np.arange(6, dtype=np.int32).reshape(2, 3)
    for capacity in (1500, 3000, 40_000):
        array = growth.larger(array, 3, capacity)
        assert array.shape == (2, capacity)
        np.testing.assert_array_equal(array[:, :3], [[0, 1, 2], [3, 4, 5]])
    growth.leave_memory()
    np.testing.assert_array_equal(array[:, :3], [[0, 1, 2], [3, 4, 5]])


def test_no_file_is_left(small: None, tmp_path: Path) -> None:
    trace = endless_take().traces[0]
    lengthen(trace, 10_000)
    assert list(tmp_path.iterdir()) == []


def test_where_there_is_no_room_on_the_disk_it_stays_in_memory(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = endless_take().traces[0]
    lengthen(trace, 10_000)
    monkeypatch.setattr(growing, "folder", Path("/nowhere/at/all"))
    other = endless_take().traces[0]
    lengthen(other, 10_000)
    assert_whole(other, 10_000)
    if hasattr(os, "posix_fallocate"):
        monkeypatch.setattr(os, "posix_fallocate", no_room)
    else:
        monkeypatch.setattr(os, "write", no_room)
    lengthen(trace, 90_000)
    assert_whole(trace, 100_000)


def no_room(*arguments: object) -> None:
    raise OSError(28, "No space left on device")


def test_the_mean_surprise_costs_the_same_wherever_one_asks() -> None:
    trace = endless_take().traces[0]
    assert np.isnan(trace.mean_surprise(0))
    lengthen(trace, 20_000)
    for stop in (1, 4095, 4096, 4097, 19_999, 20_000, 5):
        assert trace.mean_surprise(stop) == pytest.approx(trace.surprise[:stop].mean(dtype=np.float64))


def test_the_mean_surprise_is_unknown_until_all_of_it_is_known() -> None:
    trace = Trace(Segment(0, NEUTRAL, {}, 1, 0, 0, "cached"))
    unknown = np.full(10_000, np.nan, np.float32)
    trace.append(np.zeros(10_000, np.int32), unknown, unknown, np.zeros(10_000, np.bool_))
    assert np.isnan(trace.mean_surprise(9000))
    trace.surprise[:] = 2.0
    assert trace.mean_surprise(9000) == 2.0


def test_a_take_without_an_end_is_saved_and_read(small: None, tmp_path: Path) -> None:
    take = endless_take()
    assert take.endless
    lengthen(take.traces[0], 100_000)
    assert not take.finished
    assert take.extent == 128_000
    save_take(tmp_path / "take.npz", take)
    again = load_take(tmp_path / "take.npz")
    assert again.endless
    assert_whole(again.traces[0], 100_000)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in /proc")
def test_a_long_trace_takes_no_more_memory_than_a_shorter_one() -> None:
    script = f"""
import numpy as np
from tests.models.test_growing import endless_take, lengthen

def resident():
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024

trace = endless_take().traces[0]
lengthen(trace, {LONG}, 65_536)
before = resident()
lengthen(trace, {4 * LONG}, 65_536)
print(resident() - before)
"""
    folder = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    assert float(result.stdout) < 10  # MB, of the 55 that it grew by
