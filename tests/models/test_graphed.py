"""What is recorded once and replayed does what the step itself does.

Here the recording is torch.fx's, on the CPU: like a GPU's graph it is a list of operations on memory that stays where
it is, without the Python between them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.decoder import Decoder
from models.engines import GRAPH
from models.errors import InputError
from models.graphed import GraphedDecoder, recorded
from models.model import AutoregressiveModel
from models.networks import BUILT_IN, network_class
from models.networks.wavenet_decoder import GraphedWaveNet
from models.sampling import engines_of, make_decoder
from tests.models import test_decoders_of_images as images
from tests.models import test_wavenet_kinds as sounds

CPU = torch.device("cpu")
COPIES = ("lift_fresh", "_local_scalar_dense", "nonzero", "masked_select")
"""Operations that copy to the device or back, which a graph cannot have."""
TOLERANCE = 1e-7

REPLAYABLE = {
    name: (architecture, chain, config)
    for name, (architecture, chain, config) in images.NETWORKS.items()
    if network_class(architecture).replayable
}


def image_model(name: str) -> AutoregressiveModel:
    architecture, chain, config = REPLAYABLE[name]
    kind = network_class(architecture)
    torch.manual_seed(3)
    factors = kind.factors_for((images.Category("class", ("a", "b"), any=True),), chain)
    return kind(images.ModelSpec(architecture, chain, factors, config)).eval().requires_grad_(False)


def operations(replay: Any) -> set[str]:
    return {str(node.target) for node in replay.graph.nodes}


def distance(one: Decoder, other: Decoder) -> float:
    return float((one.peek().dense().exp() - other.peek().dense().exp()).abs().max())


@pytest.mark.parametrize("name", REPLAYABLE)
def test_every_step_of_an_image_is_that_of_the_pass(name: str) -> None:
    model = image_model(name)
    decoder = GraphedDecoder(model, model.condition_tensor(images.CLASSES))
    assert not [name for name in operations(decoder._replay) if any(copies in name for copies in COPIES)]
    reference = make_decoder(model, "reference", decoder.condition)
    drawn = np.random.default_rng(2).integers(0, model.chain.alphabet.size, (3, model.chain.limit)).astype(np.int32)
    middle = model.chain.limit // 2
    for back, prefix in ((0, drawn[:, :0]), (0, drawn[:, :middle]), (middle // 3, drawn[:, middle:][:, :2])):
        for each in (decoder, reference):
            each.rewind(back)
            each.extend(prefix)
        if decoder.step < model.chain.limit:
            assert distance(decoder, reference) < TOLERANCE


@pytest.mark.parametrize("kind", sounds.KINDS)
def test_every_step_of_a_sound_is_the_cached_one(kind: sounds.Kind) -> None:
    model = sounds.build(kind).requires_grad_(False)
    condition = model.condition_tensor([{f.name: f.example for f in model.factors}] * 3)
    graphed: Decoder = GraphedWaveNet(model, condition)
    cached = make_decoder(model, "cached", condition)
    rng = np.random.default_rng(2)
    for round_ in range(3):
        for _ in range(25):
            assert distance(graphed, cached) < TOLERANCE
            column = rng.integers(0, sounds.LEVELS, 3)
            for decoder in (graphed, cached):
                decoder.push(column)
        assert not [name for name in operations(graphed._replay) if any(copies in name for copies in COPIES)]  # type: ignore[attr-defined]
        if round_ == 0:
            graphed, cached = graphed.select([2, 0, 0]), cached.select([2, 0, 0])
        else:
            for decoder in (graphed, cached):
                decoder.rewind(17)


def test_a_sound_whose_long_prefix_is_told_in_part_is_recorded_anew() -> None:
    model = sounds.build((None, 0, False, sounds.PITCHES)).requires_grad_(False)
    condition = sounds.conditions(model, 2)
    graphed: Decoder = GraphedWaveNet(model, condition)
    cached = make_decoder(model, "cached", condition)
    prefix = sounds.random_symbols(2, 2 * model.receptive_field)
    for decoder in (graphed, cached):
        decoder.push(prefix[:, 0])
        decoder.rewind(0)
        decoder.extend(prefix[:, decoder.begin_with(prefix) :])
    assert distance(graphed, cached) < TOLERANCE


def test_a_decoder_that_was_selected_from_leaves_the_other_alone() -> None:
    model = image_model("PixelCNN")
    decoder = GraphedDecoder(model, model.condition_tensor(images.CLASSES))
    decoder.extend(np.ones((3, 5), np.int32))
    before, chosen = decoder.peek().dense(), decoder.select([0, 1, 2])
    chosen.push(np.array([4, 4, 4]))
    chosen.peek()
    assert torch.equal(decoder.peek().dense(), before)


def test_a_recording_does_not_see_what_python_decides() -> None:
    """So that the tests above can fail."""
    number, twice = torch.tensor([1.0]), [True]
    answer = torch.zeros(1)
    replay = recorded(lambda: answer.copy_(number * 2 if twice[0] else number), CPU)
    number.fill_(5)
    twice[0] = False
    replay()
    assert answer.item() == 10
    made = recorded(lambda: answer.copy_(torch.tensor([float(len(twice))])), CPU)
    assert any("lift_fresh" in name for name in operations(made))


def test_the_engine_is_of_gpus_and_for_who_names_it() -> None:
    model = image_model("PixelCNN")
    assert engines_of(model, "cuda") == ["cached", "reference", GRAPH]
    assert GRAPH not in engines_of(model, "cpu")
    with pytest.raises(InputError, match="has no graph engine on cpu"):
        make_decoder(model, GRAPH, model.condition_tensor(images.CLASSES))


def test_of_images_and_sounds_all_networks_but_those_that_count_can_be_replayed() -> None:
    others = {"transformer", "translation_transformer", "bytenet", "gpt2", "video_pixel_network"}
    left = {name for name in BUILT_IN if not network_class(name).replayable}
    assert left - others == {"tabular", "linear_autoregression"}
