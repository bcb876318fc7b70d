"""Takes and their branches: what may begin, and where."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from models.chain import GreyLevels, ImageChain, MuLaw, SoundChain
from models.errors import InputError
from models.noise import MAX_SEED
from models.record import load_take, record_text, save_take, take_from_text
from models.shaping import NEUTRAL
from models.trace import ModelReference, Take, check_samples, longest_of, model_reference_from_json, new_take

SOUND = SoundChain(MuLaw(4, stop=True), 1000, default_seconds=0.05, max_seconds=0.1)
IMAGE = ImageChain(GreyLevels(4), 2, 3)


def take_of(chain: ImageChain | SoundChain, symbols: list[int], *, finished: bool, first: int = 0) -> Take:
    reference = ModelReference("m", "M", "0" * 64, chain, ())
    take = new_take(reference, seed=1, count=1, first=first, condition={}, shaping=NEUTRAL, engine="reference")
    bits = np.ones(len(symbols), np.float32)
    take.traces[0].append(np.array(symbols, np.int32), bits, bits, np.zeros(len(symbols), np.bool_))
    take.traces[0].finished = finished
    return take


@pytest.mark.parametrize(
    "take",
    [take_of(SOUND, [1, 2, 4], finished=True), take_of(IMAGE, [1, 2, 3, 0, 1, 2], finished=True)],
    ids=["stopped", "full"],
)
def test_no_branch_starts_after_the_end_of_what_is_finished(take: Take) -> None:
    end = len(take.traces[0])
    with pytest.raises(InputError, match=f"0 … {end - 1}, not at step {end}"):
        take.branch(0, end)
    assert len(take.samples[0].branches) == 1


def test_every_branch_that_can_be_made_can_be_read_back(tmp_path: Path) -> None:
    for step in range(3):
        take = take_of(SOUND, [1, 2, 4], finished=True)
        take.branch(0, step, value=4)
        save_take(tmp_path / "take.npz", take)
        assert load_take(tmp_path / "take.npz").traces[0].forced == {step: 4}


@pytest.mark.parametrize("count", [1, 3, 32])
def test_as_many_samples_of_any_length_as_may_begin_can_be_read_back(count: int) -> None:
    chain = SoundChain(MuLaw(4), 192_000, default_seconds=1, max_seconds=3600)
    reference = ModelReference("m", "M", "0" * 64, chain, ())
    begin = partial(new_take, reference, seed=1, condition={}, shaping=NEUTRAL, engine="reference")
    longest = longest_of(count, chain.limit)
    assert take_from_text(record_text(begin(count=count, limit=longest))).limit == longest
    with pytest.raises(InputError, match=f"{count} samples|samples of {longest + 1} steps|0 …|1 …"):
        begin(count=count, limit=longest + 1)


def test_a_branch_may_start_at_the_frontier_of_what_goes_on() -> None:
    take = take_of(SOUND, [1, 2], finished=False)
    assert take.branch(0, 2, value=3).forced == {2: 3}


def test_the_last_sample_of_a_take_has_a_number_that_can_be_read_back() -> None:
    take = take_of(IMAGE, [1, 2, 3, 0, 1, 2], finished=True, first=MAX_SEED)
    assert take_from_text(record_text(take)).traces[0].segment.sample == MAX_SEED
    for first, count in ((MAX_SEED + 1, 1), (MAX_SEED, 2), (10**20, 1)):
        with pytest.raises(InputError, match=str(MAX_SEED)):
            take_of(IMAGE, [], finished=False, first=first + count - 1)
        with pytest.raises(InputError, match=str(MAX_SEED)):
            check_samples(first, count)


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, 0)])
def test_a_take_has_a_sample(first: int, count: int) -> None:
    with pytest.raises(InputError, match="one sample or more"):
        check_samples(first, count)


@pytest.mark.parametrize("title", ["two\nlines", "x" * 5000, 7])
def test_a_model_with_a_title_that_cannot_be_shown_is_refused(title: object) -> None:
    config = ModelReference("m", "M", "0" * 16, IMAGE, ()).to_json() | {"title": title}
    with pytest.raises(InputError, match="names, titles and values"):
        model_reference_from_json(config)
