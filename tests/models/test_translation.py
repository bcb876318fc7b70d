"""ByteNet and the Transformer with encoder and decoder: what each reads of the source, and at what cost it writes.

What holds of any chain, they are held to in ``test_promises``.
"""

from __future__ import annotations

import dataclasses
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from models.chain import DRAW, GreyLevels, ImageChain, Symbols
from models.checkpoint import load_checkpoint
from models.condition import Category
from models.decoder import Decoder, Drawn, SnapshotDecoder
from models.errors import InputError
from models.kernels.bytenet import CompiledByteNet
from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class
from models.networks.bytenet import ByteNet
from models.networks.translation_transformer import TranslationTransformer
from models.sampling import FLOAT_TIE, Walk, distance_to, make_decoder
from models.shaping import NEUTRAL, Shaping
from models.trace import ModelReference, new_take
from models.training.data import load
from models.training.loop import Trainer, read_recipe
from tests.translation_models import CHAIN, LETTERS, SIZES, SOURCE, translation_model

SENTENCES = ["ACE BAD.", "", "CAB", "ABCDE ABCDE.", "CAB"]
RECIPES = Path(__file__).parents[2] / "models/training/recipes"


@pytest.fixture(params=SIZES)
def model(request: pytest.FixtureRequest) -> AutoregressiveModel:
    return translation_model(request.param)


@pytest.fixture(params=["cached", "compiled"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots so close together that a short text meets them, and drops some; and room that it outgrows."""
    monkeypatch.setattr("models.kernels.translation_transformer.FIRST_ROOM", 8)
    monkeypatch.setattr(SnapshotDecoder, "SNAPSHOT_INTERVAL", 8)
    monkeypatch.setattr(SnapshotDecoder, "MAX_SNAPSHOTS", 4)


def conditions(model: AutoregressiveModel, sentences: list[str] = SENTENCES) -> Tensor:
    return model.condition_tensor([{"source": sentence} for sentence in sentences])


def random_symbols(rows: int, count: int, seed: int = 7) -> Symbols:
    return np.random.default_rng(seed).integers(0, len(LETTERS), (rows, count)).astype(np.int32)


@torch.inference_mode()
def parallel(model: AutoregressiveModel, symbols: Symbols, condition: Tensor) -> Tensor:
    """Probabilities (B, T + 1, K), also of the step that comes next."""
    known = torch.from_numpy(np.pad(symbols, ((0, 0), (0, 1))).astype(np.int64))
    return model.conditionals(known, condition).dense().exp()


def distance(decoder: Decoder, truth: Tensor) -> float:
    """Largest total variation between ``peek`` and the parallel pass (B, T, K) at the decoder's step."""
    return float((decoder.peek().dense().exp() - truth[:, decoder.step]).abs().sum(-1).max() / 2)


# --- the source -------------------------------------------------------------------------------------------------------


def test_every_character_of_the_source_matters_from_the_first_step_on(model: AutoregressiveModel) -> None:
    sentence = "ACE BAD."
    symbols = random_symbols(1, 20)
    before = parallel(model, symbols, conditions(model, [sentence]))[0]
    for place in range(len(sentence)):
        other = sentence[:place] + ("D" if sentence[place] != "D" else "B") + sentence[place + 1 :]
        after = parallel(model, symbols, conditions(model, [other]))[0]
        moved = (after - before).abs().sum(-1) / 2
        assert float(moved[0]) > 1e-6, f"the first step knows nothing of character {place}"
        assert float(moved.max()) > 1e-3, f"character {place} is of no consequence"


def test_a_longer_source_is_another_one(model: AutoregressiveModel) -> None:
    short, long = parallel(model, random_symbols(1, 5).repeat(2, 0), conditions(model, ["CAB", "CAB "]))
    assert float((short - long).abs().max()) > 1e-3


def test_what_is_beside_a_source_or_behind_its_end_does_not_leak_into_it(model: AutoregressiveModel) -> None:
    """Neither a longer one in the same batch, nor what stands in its condition behind its last character."""
    symbols = random_symbols(1, 30).repeat(len(SENTENCES), 0)
    together = parallel(model, symbols, conditions(model))
    assert torch.equal(together[2], together[4])
    for row, sentence in enumerate(SENTENCES):
        condition = conditions(model, [sentence])
        condition[0, 1 + len(sentence) :] = 3
        alone = parallel(model, symbols[:1], condition)[0]
        assert float((alone - together[row]).abs().max()) < 1e-6


def test_an_empty_source_and_the_longest_one_are_read(model: AutoregressiveModel) -> None:
    condition = conditions(model, ["", "A" * SOURCE.max_length])
    found = parallel(model, random_symbols(2, 60), condition)
    assert torch.isfinite(found).all()


def test_a_bytenet_sees_the_source_for_as_many_steps_as_it_says() -> None:
    """Columns behind the width are zero, and a target goes on behind them."""
    model = translation_model("bytenet")
    assert isinstance(model, ByteNet)
    assert [model.width(length) for length in (0, 1, 5, 12)] == [3, 5, 9, 18]
    with torch.inference_mode():
        columns = model.columns_of(conditions(model))
    assert columns.shape[1] == model.width(12)
    for row, sentence in enumerate(SENTENCES):
        width = model.width(len(sentence))
        assert (columns[row, width:] == 0).all()
        assert (columns[row, :width].abs().sum(-1) > 0).all()


def test_the_shipped_width_is_enough_for_almost_every_target() -> None:
    """Of the lengths that the data have: 98 % of its pairs, of a source of 18 characters 36 symbols."""
    recipe = read_recipe(RECIPES / "bytenet_tatoeba.toml")
    model = network_class("bytenet")(ModelSpec("bytenet", CHAIN, (SOURCE,), {**recipe.network, "channels": 1}))
    assert isinstance(model, ByteNet)
    assert model.width(18) == 36


# --- the target -------------------------------------------------------------------------------------------------------


def test_no_step_sees_what_comes_later(model: AutoregressiveModel) -> None:
    symbols, condition = random_symbols(5, 40), conditions(model)
    before = parallel(model, symbols, condition)
    for step in (0, 1, 17, 39):
        changed = symbols.copy()
        changed[:, step:] = (changed[:, step:] + 4) % len(LETTERS)
        after = parallel(model, changed, condition)
        assert torch.equal(before[:, : step + 1], after[:, : step + 1])
        assert not torch.equal(before[:, step + 1], after[:, step + 1])


def test_a_bytenet_looks_back_as_far_as_its_taps_reach() -> None:
    model = translation_model("bytenet")
    field = 1 + 2 * (1 + 3 + 2)
    assert model.receptive_field == field
    symbols, condition = random_symbols(1, 40), conditions(model, ["CAB"])
    before = parallel(model, symbols, condition)[0, -1]
    moved = []
    for back in range(1, 41):
        changed = symbols.copy()
        changed[0, -back] = (changed[0, -back] + 4) % len(LETTERS)
        moved.append(not torch.equal(before, parallel(model, changed, condition)[0, -1]))
    assert all(moved[:field])
    assert not any(moved[field:])


def test_a_transformer_looks_back_to_the_beginning() -> None:
    model = translation_model("translation_transformer")
    assert model.receptive_field is None
    symbols, condition = random_symbols(1, 60), conditions(model, ["CAB"])
    changed = symbols.copy()
    changed[0, 0] = (changed[0, 0] + 4) % len(LETTERS)
    assert not torch.equal(*(parallel(model, given, condition)[0, -1] for given in (symbols, changed)))


@pytest.mark.usefixtures("often")
def test_the_decoder_is_the_network_at_every_step_and_after_any_rewind(model: AutoregressiveModel, engine: str) -> None:
    symbols, condition = random_symbols(5, 100), conditions(model)
    truth = parallel(model, symbols, condition)
    decoder = make_decoder(model, engine, condition)
    for column in symbols.T:
        assert distance(decoder, truth) < 1e-5
        decoder.push(column)
    assert distance(decoder, truth) < 1e-5
    for step in (99, 64, 63, 30, 8, 7, 0, 50):
        if step < decoder.step:
            decoder.rewind(step)
        else:
            decoder.extend(symbols[:, decoder.step : step])
        assert distance(decoder, truth) < 1e-5
    other = random_symbols(5, 30, seed=9)
    decoder.extend(other)
    assert distance(decoder, parallel(model, np.concatenate([symbols[:, :50], other], 1), condition)) < 1e-5


@pytest.mark.usefixtures("often")
def test_a_rewound_step_is_what_it_was_bit_for_bit(model: AutoregressiveModel, engine: str) -> None:
    symbols, decoder = random_symbols(5, 70), make_decoder(model, engine, conditions(model))
    before = []
    for column in symbols.T:
        before.append(decoder.peek().dense())
        decoder.push(column)
    decoder.rewind(3)
    for step in range(3, 70):
        assert torch.equal(decoder.peek().dense(), before[step])
        decoder.push(symbols[:, step])


@pytest.mark.usefixtures("often")
def test_selected_rows_go_on_by_themselves_with_their_own_source(model: AutoregressiveModel, engine: str) -> None:
    symbols, condition = random_symbols(5, 30), conditions(model)
    decoder = make_decoder(model, engine, condition)
    decoder.extend(symbols)
    before = decoder.peek().dense()
    rows = [3, 3, 0]
    chosen = decoder.select(rows)
    more = random_symbols(3, 50, seed=9)
    chosen.extend(more)
    truth = parallel(model, np.concatenate([symbols[rows], more], 1), condition[rows])
    assert distance(chosen, truth) < 1e-5
    chosen.rewind(11)
    assert distance(chosen, truth) < 1e-5
    assert torch.equal(decoder.peek().dense(), before)


def test_what_is_drawn_is_what_the_reference_draws_up_to_a_tie(model: AutoregressiveModel, engine: str) -> None:
    """Where they first differ, u lies within a tie of the edge between the two symbols."""
    condition, u = conditions(model), np.random.default_rng(11).random((5, 60))
    for shaping in (NEUTRAL, Shaping(temperature=0), Shaping(temperature=1.4, top_k=5, top_p=0.9, min_p=0.02)):
        fast, slow = (make_decoder(model, each, condition) for each in (engine, "reference"))
        drawn, expected = fast.advance(u, shaping), slow.advance(u, shaping)
        for row in range(5):
            differs = np.flatnonzero(drawn.symbols[row] != expected.symbols[row])
            same = int(differs[0]) if differs.size else int((drawn.symbols[row] != DRAW).sum())
            assert drawn.surprise[row, :same] == pytest.approx(expected.surprise[row, :same], abs=1e-4)
            assert drawn.entropy[row, :same] == pytest.approx(expected.entropy[row, :same], abs=1e-4)
            if differs.size:
                log_p = parallel(model, expected.symbols[row : row + 1, :same], condition[row : row + 1])[0, -1].log()
                away = distance_to(log_p.numpy(), shaping, u[row, same], int(drawn.symbols[row, same]))
                assert away is not None
                assert away < FLOAT_TIE


def test_blocks_peeks_and_rewinds_of_any_size_and_rows_alone_give_the_same_bits(model: AutoregressiveModel) -> None:
    condition, u = conditions(model), np.random.default_rng(11).random((5, 120))
    given = np.where(np.arange(120) % 3 > 0, random_symbols(5, 120), DRAW)  # so that no text ends too soon
    straight = make_decoder(model, "compiled", condition).advance(u, NEUTRAL, given)
    decoder, rng = make_decoder(model, "compiled", condition), np.random.default_rng(3)

    def assert_same(drawn: Drawn, start: int, rows: slice = slice(None)) -> None:
        end = start + drawn.symbols.shape[1]
        for name in ("symbols", "surprise", "entropy"):
            assert np.array_equal(getattr(drawn, name), getattr(straight, name)[rows, start:end]), name

    ended = straight.symbols == model.chain.alphabet.stop_symbol
    goes_on = int(np.where(ended.any(1), ended.argmax(1), 120).max())
    for back in (0, 5, 60, 1, 19, 20, 21, 90):
        decoder.rewind(max(0, decoder.step - back))
        while decoder.step < goes_on:
            start = decoder.step
            active = ~ended[:, :start].any(1)
            if rng.integers(2):
                decoder.peek()
            stop = min(goes_on, start + int(rng.integers(1, 15)))
            assert_same(decoder.advance(u[:, start:stop], NEUTRAL, given[:, start:stop], active), start)
    for row in range(5):
        alone, one = make_decoder(model, "compiled", condition[row : row + 1]), slice(row, row + 1)
        assert_same(alone.advance(u[one], NEUTRAL, given[one]), 0, one)


def test_a_row_that_stands_still_or_has_ended_leaves_the_others_alone(model: AutoregressiveModel, engine: str) -> None:
    clamps, condition = random_symbols(5, 90), conditions(model)
    clamps[1, 10] = len(LETTERS)
    decoder = make_decoder(model, engine, condition)
    active = np.array([True, True, False, True, True])
    drawn = decoder.advance(np.full((5, 90), 0.5), NEUTRAL, clamps, active)
    assert (drawn.symbols[1, 11:] == DRAW).all()
    assert (drawn.symbols[2] == DRAW).all()
    assert np.array_equal(drawn.symbols[[0, 3, 4]], clamps[[0, 3, 4]])
    assert distance(decoder, parallel(model, np.maximum(drawn.symbols, 0), condition)) < 1e-5


@pytest.mark.parametrize(
    ("architecture", "sizes"),
    [
        ("bytenet", {"channels": 1, "decoder": [1]}),
        ("bytenet", {"channels": 33, "decoder": [5, 1]}),
        ("bytenet", {"channels": 66, "decoder": [2]}),
        ("translation_transformer", {"channels": 2, "heads": 1, "hidden": 1, "decoder": 1}),
        ("translation_transformer", {"channels": 34, "heads": 17, "hidden": 65}),
        ("translation_transformer", {"channels": 130, "heads": 5, "hidden": 128, "decoder": 1}),
    ],
)
def test_one_kernel_serves_networks_of_all_sizes(architecture: str, sizes: dict[str, object]) -> None:
    model = translation_model(architecture, **sizes)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_((8 / parameter.shape[1]) ** 0.5)  # lest float32 be lost in its own rounding
    symbols, condition = random_symbols(5, 70), conditions(model)
    truth, decoder = parallel(model, symbols, condition), make_decoder(model, "compiled", condition)
    for column in symbols.T:
        assert distance(decoder, truth) < 1e-5
        decoder.push(column)
    u = np.full((2, 3), 0.5)
    u.flags.writeable = False
    decoder.select([1, 0]).advance(u, Shaping(top_k=3), np.asfortranarray(np.full((2, 3), DRAW, np.int32)))
    kernel = import_module(f"models.kernels.{architecture}")
    kernel.warm_up()
    assert len(kernel._walk.signatures) == 1


def test_symbols_that_are_none_are_refused_by_the_kernel(model: AutoregressiveModel) -> None:
    decoder = make_decoder(model, "compiled", conditions(model))
    for bad in (lambda: decoder.push([0, 0, 0, 0, 10]), lambda: decoder.extend(np.full((5, 1), -1))):
        with pytest.raises(InputError, match="0 … 9"):
            bad()


# --- cost -------------------------------------------------------------------------------------------------------------


def products(decoder: Decoder, symbol: int) -> int:
    """How many multiplications and additions of matrices the next symbol takes."""
    with FlopCounterMode(display=False) as counter:
        decoder.push([symbol])
        decoder.peek()
    return int(counter.get_total_flops())


def test_a_character_costs_a_bytenet_the_same_wherever_it_stands_and_a_transformer_more_and_more() -> None:
    costs = {}
    for architecture in SIZES:
        model = translation_model(architecture)
        decoder = make_decoder(model, "cached", conditions(model, ["CAB"]))
        costs[architecture] = []
        for apart in (2, 5, 20, 50):
            decoder.extend(random_symbols(1, apart))
            costs[architecture].append(products(decoder, 1))
    assert min(costs["bytenet"]) > 0
    assert len(set(costs["bytenet"])) == 1
    assert np.diff(costs["translation_transformer"]).min() > 0


def test_what_a_bytenet_remembers_of_the_target_does_not_grow() -> None:
    model = translation_model("bytenet")
    decoder = make_decoder(model, "cached", conditions(model, ["CAB"]))
    assert isinstance(decoder, SnapshotDecoder)
    sizes = set()
    for _ in range(60):
        decoder.push([1])
        sizes.add(sum(tensor.nbytes for tensor in decoder._state()))
    assert len(sizes) == 1


def test_the_kernel_computes_each_character_once_and_no_more_at_once_than_it_is_told(
    model: AutoregressiveModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a walk can be stopped: also where it goes on from a place long ago."""
    module, computed = import_module(f"models.kernels.{model.architecture}"), [0]
    kernel = module._walk

    def counted(weights: Any, source: Any, rings: Any, positions: Any, block: Any) -> None:
        computed[-1] += block.start + block.uniforms.shape[1] + len(block.following)
        computed[-1] -= int((rings if model.architecture == "bytenet" else positions).at.min())
        kernel(weights, source, rings, positions, block)

    monkeypatch.setattr(module, "_walk", counted)
    reference = ModelReference("t", "T", "0" * 64, model.chain, model.factors)
    take = new_take(reference, seed=3, count=1, condition={}, shaping=NEUTRAL, engine="compiled", limit=150)
    known = np.zeros(120, np.float32)
    take.traces[0].append(random_symbols(1, 120)[0], known, known, known > 0)
    walk, most = Walk(model, take), 4
    for place in (120, 60):
        if place < 120:
            take.branch(0, place)
        while len(take.traces[0]) < place + most:
            computed.append(0)
            walk.advance(most)
    assert 0 < max(computed) <= most + 1
    if model.receptive_field is not None:  # what is too long ago to matter is left out
        assert sum(computed) < 60


def test_what_the_kernel_remembers_of_a_bytenets_target_does_not_grow() -> None:
    model = translation_model("bytenet")
    decoder = make_decoder(model, "compiled", conditions(model))
    assert isinstance(decoder, CompiledByteNet)
    before = decoder._rings.nbytes
    decoder.extend(random_symbols(5, 150))
    assert decoder._rings.nbytes == before


# --- attention --------------------------------------------------------------------------------------------------------


def test_attention_is_a_distribution_over_the_characters_of_the_source_and_its_end() -> None:
    model = translation_model("translation_transformer")
    assert isinstance(model, TranslationTransformer)
    symbols = random_symbols(5, 20)
    found = model.attention(torch.from_numpy(symbols).long(), conditions(model))
    assert found.shape == (5, 2, 3, 20, 1 + max(map(len, SENTENCES)))
    assert float((found.sum(-1) - 1).abs().max()) < 1e-5
    for row, sentence in enumerate(SENTENCES):
        assert (found[row, ..., len(sentence) + 1 :] == 0).all()


def test_the_attention_of_a_step_knows_nothing_of_its_character_nor_of_later_ones() -> None:
    model = translation_model("translation_transformer")
    symbols, condition = torch.from_numpy(random_symbols(5, 20)).long(), conditions(model)
    found, before = model.attention(symbols, condition), model.attention(symbols[:, :13], condition)
    assert torch.allclose(found[..., :13, :], before, atol=1e-6)
    changed = symbols.clone()
    changed[:, 12] = (changed[:, 12] + 4) % len(LETTERS)
    other = model.attention(changed, condition)
    assert torch.equal(found[..., :13, :], other[..., :13, :])
    assert not torch.allclose(found[..., 13, :], other[..., 13, :], atol=1e-4)


def test_a_bytenet_has_no_attention() -> None:
    bytenet, transformer = (translation_model(architecture) for architecture in SIZES)
    assert (bytenet.attends(), transformer.attends()) == (False, True)
    with pytest.raises(InputError, match="ByteNet has no attention to a source text"):
        bytenet.attention(torch.zeros(1, 3, dtype=torch.int64), conditions(bytenet, ["CAB"]))


# --- sizes and training -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("architecture", "changes", "words"),
    [
        ("bytenet", {"channels": 0}, "channels of a ByteNet is a whole number in 1 … 4096, not 0"),
        ("bytenet", {"encoder": 3}, "encoder of a ByteNet is a list of 1 to 200 whole numbers in 1 … 65536"),
        ("bytenet", {"decoder": [0]}, "decoder of a ByteNet is a list"),
        ("bytenet", {"slope": -1.0}, "slope of a ByteNet is a number in 0 … 100, not -1.0"),
        ("bytenet", {"offset": "4"}, "offset of a ByteNet is a number in 0 … 100, not '4'"),
        ("bytenet", {"dropout": 1.0}, "dropout of a ByteNet is a number in 0 … 1, 1 excluded, not 1.0"),
        ("bytenet", {"depth": 1}, "a ByteNet is given channels, encoder, decoder, slope, offset"),
        ("translation_transformer", {"heads": 5}, "channels of a translation Transformer are an even number"),
        ("translation_transformer", {"hidden": True}, "hidden of a translation Transformer is a whole number"),
        ("translation_transformer", {"dropout": None}, "dropout of a translation Transformer is a number in 0 … 1"),
    ],
)
def test_sizes_that_cannot_be_are_refused_by_name(architecture: str, changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as error:
        network_class(architecture)(ModelSpec(architecture, CHAIN, (SOURCE,), SIZES[architecture] | changes))
    assert words in str(error.value)


@pytest.mark.parametrize("architecture", SIZES)
def test_only_texts_are_written_given_only_a_text(architecture: str) -> None:
    kind = network_class(architecture)
    with pytest.raises(InputError, match="writes texts"):
        kind(ModelSpec(architecture, ImageChain(GreyLevels(4), 3, 3), (SOURCE,), SIZES[architecture]))
    with pytest.raises(InputError, match=r"not language \(category\)"):
        kind(ModelSpec(architecture, CHAIN, (Category("language", ("german",)),), SIZES[architecture]))


@pytest.mark.parametrize("stem", ["bytenet_tatoeba", "transformer_tatoeba"])
def test_a_recipe_trains_and_its_checkpoint_translates(stem: str, tmp_path: Path) -> None:
    pairs = [f"Go {n}.\tGeh {n}." for n in range(30)]
    for part in ("train", "valid"):
        (tmp_path / f"{part}.txt").write_text("\n".join(pairs) + "\n", encoding="utf-8")
    recipe = read_recipe(RECIPES / f"{stem}.toml")
    small = dataclasses.replace(
        recipe, network=SIZES[recipe.architecture], steps=12, batch=200, validate_every=6, validation_limit=5, warmup=2
    )
    trainer = Trainer(small, tmp_path, tmp_path / "t.safetensors", device="cpu", command="train")
    trainer.run()
    assert trainer.history[-1]["bits_per_dim"] < trainer.history[0]["bits_per_dim"]
    loaded = load_checkpoint(tmp_path / "t.safetensors")
    assert loaded.model.factors == trainer.model.factors
    example = load("tatoeba_en_de", tmp_path, "valid")
    decoder = make_decoder(loaded.model, "cached", loaded.model.condition_tensor(example.conditions[0]))
    decoder.extend(example.symbols[0][None])
    assert decoder.step == len("Geh 0.") + 1
