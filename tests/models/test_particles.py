"""Particles: samples given symbols that lie ahead, against the exact posterior of chains that can be enumerated."""

from __future__ import annotations

import itertools
import math
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.chain import DRAW, GreyLevels, ImageChain
from models.errors import InputError
from models.files import export, load_take, read_saved, save_take
from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class
from models.particles import ancestors, effective_sample_size, log_weights, next_evidence
from models.record import take_from_record, take_record
from models.sampling import Walk, reproduce, run
from models.shaping import NEUTRAL, Shaping
from models.trace import ModelReference, Take, new_take

CHAIN = ImageChain(GreyLevels(2), 3, 3)
GIVEN = (DRAW, DRAW, 1, DRAW, 0, 1, DRAW, DRAW, 0)


@pytest.fixture(scope="module")
def model() -> AutoregressiveModel:
    """Whose pixels depend strongly on one another, so that what is known ahead says much about what comes before."""
    torch.manual_seed(5)
    network = network_class("fvbn")(ModelSpec("fvbn", CHAIN, (), {})).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=2.5)
    return network


def particles(model: AutoregressiveModel, count: int, *, seed: int = 1, given: tuple[int, ...] = GIVEN) -> Take:
    reference = ModelReference("fvbn", "FVBN", "0" * 64, CHAIN, ())
    take = new_take(reference, seed=seed, count=count, condition={}, shaping=NEUTRAL, engine="cached")
    return replace(take, given=given, resampled=())


def drawn(take: Take) -> np.ndarray:  # type: ignore[type-arg]
    return np.stack([trace.symbols for trace in take.traces])


@torch.inference_mode()
def posterior(model: AutoregressiveModel, given: tuple[int, ...]) -> np.ndarray:  # type: ignore[type-arg]
    """P(pixel = 1 | given), by all images."""
    images = torch.tensor(list(itertools.product((0, 1), repeat=9)))
    p = model.conditionals(images, model.condition_tensor([{}] * 512)).double().log_prob(images).sum(1).exp().numpy()
    fits = np.all([(np.array(given) == DRAW) | (image == np.array(given)) for image in images.numpy()], axis=1)
    weights = p * fits
    return (weights[:, None] * images.numpy()).sum(0) / weights.sum()


# --- the parts ---------------------------------------------------------------------------------------------------


def test_as_many_equal_particles_count_as_many_and_a_single_heavy_one_counts_one() -> None:
    assert effective_sample_size(np.log(np.full(8, 1 / 8))) == pytest.approx(8)
    assert effective_sample_size(np.array([0.0, -np.inf, -np.inf])) == pytest.approx(1)


@pytest.mark.parametrize("u", [0.0, 0.3, 0.999999])
def test_a_particle_has_as_many_successors_as_its_weight_says_and_keeps_its_own_place(u: float) -> None:
    weights = np.array([0.05, 0.4, 0.0, 0.3, 0.25])
    chosen = ancestors(np.log(np.maximum(weights, 1e-300)), u)
    counts = np.bincount(chosen, minlength=5)
    assert (counts >= np.floor(5 * weights)).all()
    assert (counts <= np.ceil(5 * weights)).all()
    assert all(chosen[n] == n for n in np.flatnonzero(counts))


def test_nothing_new_is_known_until_a_run_of_given_symbols_ends() -> None:
    given = np.array(GIVEN) >= 0
    assert [next_evidence(given, step, 9) for step in range(9)] == [3, 3, 3, 6, 6, 6, 9, 9, 9]
    assert next_evidence(np.zeros(4, np.bool_), 1, 6) == 6


# --- the whole ---------------------------------------------------------------------------------------------------


def test_what_is_given_is_put_there_and_marked(model: AutoregressiveModel) -> None:
    take = run(model, particles(model, 6))
    known = np.array(GIVEN) >= 0
    assert (drawn(take)[:, known] == np.array(GIVEN)[known]).all()
    assert all((trace.clamped == known).all() for trace in take.traces)


def test_particles_are_draws_from_the_posterior_and_merely_clamped_samples_are_not(model: AutoregressiveModel) -> None:
    expected = posterior(model, GIVEN)
    count = 4000
    take = run(model, particles(model, count))
    found = drawn(take).mean(0)
    error = 4 * np.sqrt(expected * (1 - expected) / count) + 0.01
    assert (np.abs(found - expected) < error).all()
    clamped = run(model, replace(particles(model, count), resampled=None))
    assert (np.abs(drawn(clamped).mean(0) - expected) > 2 * error).any()


def test_a_known_beginning_leaves_all_particles_as_they_are(model: AutoregressiveModel) -> None:
    take = particles(model, 5, given=(1, 0, 1, 1))
    walk = Walk(model, take)
    while not walk.done:
        walk.advance(3)
        assert effective_sample_size(log_weights(take)) == pytest.approx(5)
    assert take.resampled == (9,)
    assert not take.particles


def test_the_same_seed_gives_the_same_particles_in_blocks_of_any_size(model: AutoregressiveModel) -> None:
    again = 0
    for seed in range(20):
        straight = run(model, particles(model, 12, seed=seed))
        again += len(straight.resampled or ()) > 1
        for block in (1, 2, 3, 5):
            stepwise = run(model, particles(model, 12, seed=seed), block=block)
            assert straight.resampled == stepwise.resampled
            assert (drawn(straight) == drawn(stepwise)).all()
    assert again > 10


def test_every_particle_can_be_walked_again(model: AutoregressiveModel) -> None:
    take = run(model, particles(model, 12))
    assert any(len(trace.schedule) > 1 for trace in take.traces)
    assert all(reproduce(model, trace).agrees for trace in take.traces)


def test_in_the_end_every_particle_counts_alike(model: AutoregressiveModel) -> None:
    """Also where the last symbols are drawn: what is shown are draws, not weighted ones."""
    for seed in range(4):
        take = run(model, particles(model, 12, seed=seed, given=(DRAW, DRAW, 1, DRAW, 0)))
        assert effective_sample_size(log_weights(take)) == pytest.approx(12)


def test_a_stopped_take_of_particles_goes_on_from_its_file(model: AutoregressiveModel, tmp_path: Path) -> None:
    whole, stopped = run(model, particles(model, 12)), particles(model, 12)
    walk = Walk(model, stopped)
    while len(stopped.traces[0]) < 5:
        walk.advance(1)
    save_take(tmp_path / "t.npz", stopped)
    loaded = load_take(tmp_path / "t.npz")
    assert (loaded.given, loaded.resampled) == (stopped.given, stopped.resampled)
    assert (drawn(run(model, loaded)) == drawn(whole)).all()


@pytest.mark.parametrize("steps", range(1, 9))
def test_a_stopped_take_of_particles_goes_on_from_an_export_that_has_no_surprise(
    model: AutoregressiveModel, tmp_path: Path, steps: int
) -> None:
    whole, stopped = run(model, particles(model, 12)), particles(model, 12)
    walk = Walk(model, stopped)
    while len(stopped.traces[0]) < steps:
        walk.advance(1)
    export(tmp_path / "t.npz", stopped)
    loaded = read_saved(tmp_path / "t.npz").take
    assert np.isnan(loaded.traces[0].surprise).all()
    assert (drawn(run(model, loaded)) == drawn(whole)).all()


def test_a_take_that_is_saved_in_the_middle_of_a_walk_holds_particles_at_one_step(
    model: AutoregressiveModel, tmp_path: Path
) -> None:
    """Saved again and again by another thread; each of the files goes on to what the straight walk gives."""
    for seed in range(6):
        whole, take = run(model, particles(model, 12, seed=seed)), particles(model, 12, seed=seed)
        saved: list[Path] = []
        done = threading.Event()

        def save(take: Take = take, saved: list[Path] = saved, done: threading.Event = done, seed: int = seed) -> None:
            while not done.is_set():
                saved.append(tmp_path / f"{seed}-{len(saved)}.npz")
                save_take(saved[-1], take)

        thread = threading.Thread(target=save)
        thread.start()
        walk = Walk(model, take)
        while not walk.done:
            walk.advance(1)
            time.sleep(0.002)
        done.set()
        thread.join()
        for path in saved:
            assert (drawn(run(model, load_take(path))) == drawn(whole)).all()


@pytest.mark.parametrize("resampled", [[4, 3], [3, 3], [10], ["x"], 5, [1.5]])
def test_steps_of_resampling_that_cannot_be_are_refused(
    model: AutoregressiveModel, resampled: Any, tmp_path: Path
) -> None:
    record = take_record(run(model, particles(model, 4)))
    with pytest.raises(InputError):
        take_from_record(record | {"resampled": resampled})


def test_an_edited_particle_goes_on_by_itself(model: AutoregressiveModel, tmp_path: Path) -> None:
    take = run(model, particles(model, 6))
    others = drawn(take)[1:]
    take.branch(0, 3, value=1)
    save_take(tmp_path / "t.npz", take)
    edited = run(model, load_take(tmp_path / "t.npz"))
    assert (drawn(edited)[1:] == others).all()
    assert edited.resampled == take.resampled


def test_a_record_that_says_what_was_given_was_drawn_is_refused(model: AutoregressiveModel) -> None:
    record = take_record(run(model, particles(model, 5)))
    record["samples"][2]["clamped"] = []
    with pytest.raises(InputError, match="given is one that was put there"):
        take_from_record(record)


def test_an_exported_take_keeps_what_was_given(model: AutoregressiveModel, tmp_path: Path) -> None:
    take = run(model, particles(model, 4))
    export(tmp_path / "t.png", take)
    again = read_saved(tmp_path / "t.png").take
    assert (again.given, again.resampled) == (take.given, take.resampled)


def test_a_change_of_the_temperature_holds_for_all_particles(model: AutoregressiveModel) -> None:
    take = particles(model, 8)
    walk = Walk(model, take)
    walk.advance(1)
    walk.reshape(Shaping(temperature=0.5))
    while not walk.done:
        walk.advance(4)
    assert {trace.segment.shaping.temperature for trace in take.traces} == {0.5}
    assert all(reproduce(model, trace).agrees for trace in take.traces)


def test_particles_cannot_be_edited_before_all_have_ended(model: AutoregressiveModel) -> None:
    take = particles(model, 4)
    walk = Walk(model, take)
    walk.advance(2)
    with pytest.raises(InputError, match="particles depend on one another"):
        take.branch(0, 1, value=0)
    run(model, take)
    take.branch(0, 1, value=0)
    run(model, take)
    known = np.array(GIVEN) >= 0
    assert (take.traces[0].symbols[known] == np.array(GIVEN)[known]).all()


def test_a_weight_is_the_probability_that_a_past_gave_to_what_is_known(model: AutoregressiveModel) -> None:
    clamped = run(model, replace(particles(model, 5), resampled=None))
    known = np.array(GIVEN) >= 0
    evidence = np.array([-trace.surprise[known].sum() * math.log(2) for trace in clamped.traces])
    expected = evidence - np.logaddexp.reduce(evidence)
    assert log_weights(replace(clamped, resampled=())) == pytest.approx(expected, abs=1e-5)
    assert np.ptp(expected) > 0.1
