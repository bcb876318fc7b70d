"""Orderless NADE: any pixel from any others, along any order of the pixels, and what training needs of it."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from models.chain import Chain, GreyLevels, ImageChain, MuLaw, SoundChain
from models.checkpoint import load_checkpoint, save_checkpoint
from models.condition import Category, Factor, Order
from models.decoder import Decoder
from models.errors import InputError
from models.evaluation.mixture import mixture_nats
from models.model import ModelSpec
from models.networks import network_class, orderless_nade
from models.networks.orderless_nade import OrderlessNADE, draw_known
from models.orders import pixel_order
from models.sampling import make_decoder
from tests.wander import wander

LETTER = Category("letter", ("a", "b"), any=True)
ORDERS = ("raster", "columns", "random 4")
"""One for each row of three; on 2 x 2 pixels all of them differ."""


def untrained(chain: Chain, factors: tuple[Factor, ...] | None = None, **config: object) -> OrderlessNADE:
    kind = network_class("orderless_nade")
    spec = ModelSpec(
        "orderless_nade", chain, kind.factors_for((LETTER,), chain) if factors is None else factors, config
    )
    model = kind(spec).eval()
    assert isinstance(model, OrderlessNADE)
    return model


def build(height: int = 2, width: int = 2, levels: int = 2, hidden: tuple[int, ...] = (7, 6)) -> OrderlessNADE:
    """Random weights, in float64, large enough that conditionals depend on what is known."""
    torch.manual_seed(5)
    model = untrained(ImageChain(GreyLevels(levels), height, width), hidden=hidden).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.7)
    return model


@pytest.fixture(params=[(2, (7,)), (2, (7, 6)), (3, (8, 5, 6))], ids=["shallow", "deep", "of three levels"])
def model(request: pytest.FixtureRequest) -> OrderlessNADE:
    levels, hidden = request.param
    return build(levels=levels, hidden=hidden)


def every_image(model: OrderlessNADE) -> Tensor:
    return torch.tensor(list(itertools.product(range(model.levels), repeat=model.length)))


def some_symbols(model: OrderlessNADE, count: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(3).integers(0, model.levels, (count, model.length)))


def conditions(model: OrderlessNADE, count: int) -> Tensor:
    """All letters, and all orders of ORDERS, in turn: neighbouring rows have different ones."""
    letters = LETTER.choices
    return model.condition_tensor([{"letter": letters[n // 2 % 3], "order": ORDERS[n % 3]} for n in range(count)])


def along(model: OrderlessNADE, order: str, count: int) -> Tensor:
    return model.condition_tensor([{"letter": "b", "order": order}] * count)


def nats(model: OrderlessNADE, images: Tensor, order: str) -> Tensor:
    """-log p of images in raster order along an order, (B,)."""
    condition = along(model, order, len(images))
    symbols = images[:, pixel_order(order, 2, 2).copy()]
    return -model.conditionals(symbols, condition).log_prob(symbols).sum(1).detach()


def test_the_order_is_a_condition_beside_those_of_the_data() -> None:
    model = build(3, 5)
    assert model.factors == (LETTER, Order("order", 3, 5))
    assert model.pixels(along(model, "columns", 2)).tolist() == [pixel_order("columns", 3, 5).tolist()] * 2


def test_a_bit_is_that_of_a_network_of_the_masked_image_and_the_mask() -> None:
    """Unit by unit, with the middle two of four pixels known."""
    model = build()
    condition = along(model, "raster", 1)
    image, known = [1, 1, 0, 1], [False, True, True, False]
    first, second, outputs = (bias[0].tolist() for bias in model.biases(condition))
    w, v, u = (layer.weight.detach() for layer in model.linears)
    mask, bits = w.unflatten(1, (4, 2)).unbind(2)
    h = [max(0, b + sum(float(mask[k, i] + bits[k, i] * image[i]) for i in (1, 2))) for k, b in enumerate(first)]
    g = [max(0, b + sum(float(v[k, j]) * h[j] for j in range(7))) for k, b in enumerate(second)]
    expected = [b + sum(float(u[i, k]) * g[k] for k in range(6)) for i, b in enumerate(outputs)]
    found = model.logits(torch.tensor([image]), torch.tensor([known]), condition)
    assert found[0, :, 0].tolist() == pytest.approx(expected, abs=1e-12)


def test_what_is_not_known_is_not_seen(model: OrderlessNADE) -> None:
    condition, known = along(model, "raster", 1), torch.tensor([[True, False, True, False]])
    before, hidden_changed, known_changed = (
        model.logits(torch.tensor([image]), known, condition) for image in ([1, 0, 0, 0], [1, 1, 0, 1], [0, 0, 0, 0])
    )
    assert torch.equal(before, hidden_changed)
    assert not torch.allclose(before, known_changed, atol=1e-3)


def test_a_known_zero_is_not_an_unknown_pixel(model: OrderlessNADE) -> None:
    image, condition = torch.zeros(1, 4, dtype=torch.int64), along(model, "raster", 1)
    none, one = (
        model.logits(image, torch.tensor([[known, False, False, False]]), condition) for known in (False, True)
    )
    assert not torch.allclose(none, one, atol=1e-3)


def test_step_by_step_the_conditionals_are_those_given_the_first_pixels_of_the_order(model: OrderlessNADE) -> None:
    symbols, condition = some_symbols(model, 9), conditions(model, 9)
    pixels = model.pixels(condition)
    assert len(set(map(tuple, pixels.tolist()))) == 3
    images = torch.empty_like(symbols).scatter_(1, pixels, symbols)
    found = model.conditionals(symbols, condition).logits[..., 1:]
    for step in range(model.length):
        known = torch.zeros(9, model.length, dtype=torch.bool).scatter_(1, pixels[:, :step], True)
        expected = model.logits(images, known, condition)[torch.arange(9), pixels[:, step]]
        assert torch.allclose(found[:, step], expected, rtol=0, atol=1e-12)


def test_along_every_order_the_probabilities_of_all_images_sum_to_one(model: OrderlessNADE) -> None:
    joints = [(-nats(model, every_image(model), order)).exp() for order in ORDERS]
    assert [float(joint.sum()) for joint in joints] == pytest.approx([1] * 3, abs=1e-12)
    assert float((joints[0] - joints[1]).abs().sum()) > 0.05


def test_a_conditional_depends_on_no_later_symbol_in_any_bit() -> None:
    model = build(6, 6, hidden=(20, 20)).float()
    symbols, condition = some_symbols(model, 3), conditions(model, 3)
    before = model.conditionals(symbols, condition).logits
    for step in range(model.length):
        flipped = symbols.clone()
        flipped[:, step:] = 1 - flipped[:, step:]
        after = model.conditionals(flipped, condition).logits
        assert torch.equal(after[:, : step + 1], before[:, : step + 1])
        if step + 1 < model.length:
            assert not torch.equal(after[:, step + 1], before[:, step + 1])


def test_a_shorter_prefix_has_the_conditionals_of_the_whole(model: OrderlessNADE) -> None:
    symbols, condition = some_symbols(model, 6), conditions(model, 6)
    whole = model.conditionals(symbols, condition).logits
    for steps in range(1, model.length):
        part = model.conditionals(symbols[:, :steps], condition).logits
        assert torch.allclose(part, whole[:, :steps], rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps_at_once", [1, 2, 3])
def test_in_chunks_the_conditionals_are_the_same(monkeypatch: pytest.MonkeyPatch, steps_at_once: int) -> None:
    model = build(3, 3)
    symbols, condition = some_symbols(model, 5), conditions(model, 5)
    whole = model.conditionals(symbols, condition).logits
    monkeypatch.setattr(orderless_nade, "CHUNK", steps_at_once * 5 * 7)
    assert torch.allclose(model.conditionals(symbols, condition).logits, whole, rtol=0, atol=1e-12)


def test_the_letter_moves_the_conditionals(model: OrderlessNADE) -> None:
    symbols = some_symbols(model, 9)
    a, b = (
        model.conditionals(symbols, model.condition_tensor([{"letter": letter}] * 9)).dense().detach().exp()
        for letter in "ab"
    )
    assert float((a - b).abs().amax(-1).min()) > 1e-4


@torch.no_grad()
def test_the_expected_loss_is_the_mean_over_all_orders(model: OrderlessNADE) -> None:
    """Over every order and every d of it, each as likely as any other, a pass for each."""
    length = model.length
    orders = list(itertools.permutations(range(length)))
    image = some_symbols(model, 1)
    symbols, condition = image[:, pixel_order("columns", 2, 2).copy()], along(model, "columns", 1)
    wanted, losses = [], []
    for order, count in itertools.product(orders, range(length)):
        known = torch.zeros(1, length, dtype=torch.bool)
        known[:, list(order[:count])] = True
        log_p = model.logits(image, known, condition)[:, order[count]]
        wanted.append(-torch.log_softmax(torch.cat([torch.zeros(1, 1), log_p], 1), 1)[0, image[0, order[count]]])
        conditional, weights = model.given(known, symbols, condition)
        losses.append((-conditional.log_prob(symbols) * weights).mean())
    assert float(torch.stack(losses).mean()) == pytest.approx(float(torch.stack(wanted).mean()), rel=1e-7)
    # One loss is not yet that mean: it is what is drawn that makes it so.
    assert float(torch.stack(losses).std()) > 0.01


def test_symbols_count_that_are_not_known_and_together_as_many_as_there_are(model: OrderlessNADE) -> None:
    symbols, condition = some_symbols(model, 3), conditions(model, 3)
    known = torch.tensor([[True, False, True, False], [False] * 4, [True, True, True, False]])
    _, weights = model.given(known, symbols, condition)
    in_raster = torch.empty_like(weights).scatter_(1, model.pixels(condition), weights)
    assert in_raster.tolist() == [[0, 2, 0, 2], [1, 1, 1, 1], [0, 0, 0, 4]]


def test_every_number_of_known_pixels_is_as_likely_and_so_is_every_set_of_one_number() -> None:
    torch.manual_seed(2)
    count = 4000
    batches = torch.stack([draw_known(3, 3, torch.device("cpu")) for _ in range(count)])
    for row in (0, 2):
        drawn = Counter(map(tuple, batches[:, row].tolist()))
        for known in itertools.product((False, True), repeat=3):
            expected = 0 if all(known) else 1 / (3 * math.comb(3, sum(known)))
            error = math.sqrt(expected * (1 - expected) / count)
            assert drawn[known] / count == pytest.approx(expected, abs=4 * error)


def test_the_rows_of_a_batch_are_spread_evenly_over_the_numbers_of_known_pixels() -> None:
    torch.manual_seed(2)
    for _ in range(5):
        numbers = draw_known(1000, 784, torch.device("cpu")).sum(1)
        in_tenths = torch.histc(numbers.float(), 10, 0, 784)
        assert float((in_tenths - 100).abs().max()) < 15  # of independent draws the standard deviation is 9.5


def test_a_training_pass_is_drawn_by_the_global_generator(model: OrderlessNADE) -> None:
    symbols, condition = some_symbols(model, 30), conditions(model, 30)
    passes = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        conditional, weights = model.training_pass(symbols, condition)
        passes.append((conditional.log_prob(symbols) * weights).tolist())
        assert weights.sum(1).tolist() == pytest.approx([model.length] * 30)
    assert passes[0] == passes[1] != passes[2]


def test_training_sees_the_same_image_in_whatever_order_it_is_given(model: OrderlessNADE) -> None:
    images = some_symbols(model, 30)
    losses = []
    for order in ORDERS:
        torch.manual_seed(1)
        symbols = images[:, pixel_order(order, 2, 2).copy()]
        conditional, weights = model.training_pass(symbols, along(model, order, 30))
        losses.append((conditional.log_prob(symbols) * weights).sum().item())
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-12)


def test_a_training_pass_does_nothing_twice(model: OrderlessNADE, monkeypatch: pytest.MonkeyPatch) -> None:
    """One product for each layer, one for each condition, and one look at the order."""
    symbols, condition = some_symbols(model, 30), conditions(model, 30)
    looks, pixels = [], model.pixels
    monkeypatch.setattr(model, "pixels", lambda condition: looks.append(condition) or pixels(condition))
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        model.training_pass(symbols, condition)
    products = sum(event.count for event in seen.key_averages() if event.key in ("aten::mm", "aten::addmm"))
    assert products == len(model.layers) + len(model.condition.tables)
    assert len(looks) == 1


def test_gradients_of_a_training_pass_reach_every_parameter(model: OrderlessNADE) -> None:
    torch.manual_seed(1)
    symbols, condition = some_symbols(model, 300), conditions(model, 300)
    conditional, weights = model.training_pass(symbols, condition)
    (conditional.log_prob(symbols) * weights).mean().backward()  # type: ignore[no-untyped-call]
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert (parameter.grad != 0).float().mean() > 0.6  # but for units that are never active


def test_the_mixture_is_the_mean_of_the_joints_of_its_orders(model: OrderlessNADE) -> None:
    images = every_image(model)
    joints = torch.stack([(-nats(model, images, order)).exp() for order in ORDERS])
    along_each = [partial(model.log_prob_along, order) for order in ORDERS]
    mixture = (-mixture_nats(along_each, images, along(model, "raster", len(images)))).exp()
    assert torch.allclose(mixture, joints.mean(0), rtol=1e-12)
    assert float(mixture.sum()) == pytest.approx(1, abs=1e-12)


def test_an_image_is_scored_along_an_order_whatever_the_one_is_that_it_comes_in(model: OrderlessNADE) -> None:
    images = every_image(model)
    along_a_spiral = images[:, pixel_order("spiral", 2, 2).copy()]
    found = -model.log_prob_along("columns", along_a_spiral, along(model, "spiral", len(images))).detach()
    assert torch.allclose(found, nats(model, images, "columns"), rtol=1e-12)


def test_its_joints_are_those_of_as_many_random_orders_as_somebody_wants() -> None:
    model = build()
    images = every_image(model)
    condition = along(model, "raster", len(images))
    called, joints = model.joints(3)
    assert (called, len(joints)) == ("orders", 3)
    for n, joint in enumerate(joints):
        assert torch.allclose(-joint(images, condition).detach(), nats(model, images, f"random {n}"), rtol=1e-12)
    assert len(model.joints(None)[1]) == 128


@pytest.mark.parametrize("count", [-1, 0, 1])
def test_a_mixture_is_over_two_orders_at_least(model: OrderlessNADE, count: int) -> None:
    with pytest.raises(InputError, match=f"over 2 orders or more, not {count}"):
        model.joints(count)


def decoder_along_orders(model: OrderlessNADE) -> Decoder:
    """Three rows, each with a letter and an order of its own."""
    return make_decoder(model, "cached", conditions(model, 3))


def test_the_cached_decoder_is_the_network_along_every_order() -> None:
    model = build(3, 4, levels=3)
    for decoder in wander(decoder_along_orders(model), 80):
        reference = make_decoder(model, "reference", decoder.condition)
        reference.extend(decoder.symbols)
        assert torch.allclose(decoder.peek().dense(), reference.peek().dense(), rtol=0, atol=1e-12)


def test_a_rewound_decoder_has_the_bits_that_it_had() -> None:
    model = build(24, 24, hidden=(9, 9)).float()
    symbols = some_symbols(model, 3).numpy().astype(np.int32)
    decoder = decoder_along_orders(model)
    steps = (3, 511, 512, 570)
    seen = {}
    for step in steps:
        decoder.extend(symbols[:, decoder.step : step])
        seen[step] = decoder.peek().dense()
    for step in (512, 511, 3, 570):
        decoder.rewind(min(step, decoder.step))
        decoder.extend(symbols[:, decoder.step : step])
        assert torch.equal(decoder.peek().dense(), seen[step])


def test_a_loaded_checkpoint_is_the_model(model: OrderlessNADE, tmp_path: Path) -> None:
    model = model.float()
    path = tmp_path / "orderless.safetensors"
    save_checkpoint(path, model, name="m", title="M", data={}, training={}, likelihood={})
    loaded = load_checkpoint(path).model
    assert isinstance(loaded, OrderlessNADE)
    assert loaded.factors == model.factors
    symbols, condition = some_symbols(model, 6), conditions(model, 6)
    assert torch.equal(loaded.conditionals(symbols, condition).logits, model.conditionals(symbols, condition).logits)


@pytest.mark.parametrize("value", [5, "12", {"1": 1}, None, [], [0], [True], [1.5], ["1"], [[1]], [16385], [1] * 17])
def test_layers_that_are_no_list_of_whole_numbers_are_refused(value: object) -> None:
    with pytest.raises(InputError, match="hidden of an orderless NADE is a list of 1 to 16 whole numbers in 1 … 16384"):
        untrained(ImageChain(GreyLevels(2), 2, 2), hidden=value)


@pytest.mark.parametrize("config", [{}, {"hidden": (3,), "depth": 2}])
def test_sizes_that_are_missing_or_of_another_network_are_refused_with_those_that_there_are(
    config: dict[str, object],
) -> None:
    with pytest.raises(InputError, match=f"is given hidden; not {', '.join(config) or 'nothing'}"):
        untrained(ImageChain(GreyLevels(2), 2, 2), **config)


@pytest.mark.parametrize(
    "chain",
    [
        ImageChain(GreyLevels(2), 2, 2, 3),
        ImageChain(GreyLevels(2), 2, 2, order="columns"),
        SoundChain(MuLaw(2), 8000, default_seconds=0.1, max_seconds=1.0),
    ],
)
def test_what_is_no_grey_image_in_raster_order_is_refused(chain: Chain) -> None:
    with pytest.raises(InputError, match="models images of one channel in raster order"):
        untrained(chain, hidden=(3,))


@pytest.mark.parametrize("factors", [(), (LETTER,), (Order("order", 2, 3),), (Order("path", 2, 2),)])
def test_a_model_without_the_order_of_its_images_is_refused(factors: tuple[Factor, ...]) -> None:
    with pytest.raises(InputError, match="of 2 x 2, 2 levels needs the condition 'order' of such images"):
        untrained(ImageChain(GreyLevels(2), 2, 2), factors, hidden=(3,))


def test_matrices_that_are_too_large_are_refused_with_their_size() -> None:
    with pytest.raises(InputError, match="784 variables of 256 symbols has 45143800 weights; at most"):
        untrained(ImageChain(GreyLevels(256), 28, 28), hidden=(200, 25))
