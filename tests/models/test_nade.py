"""NADE: a hidden layer for every pixel, all of them from one running sum, and its way back by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from models.chain import GreyLevels, ImageChain, MuLaw, SoundChain
from models.condition import Category, Factor
from models.conditional import MixtureOfGaussians
from models.errors import InputError
from models.model import ModelSpec
from models.networks import network_class
from models.networks.nade import MIXTURE, NADE, SOFTMAX, RunningSum
from models.sampling import make_decoder

LETTER = Category("letter", ("a", "b"), any=True)
OUTPUTS: dict[str, dict[str, object]] = {SOFTMAX: {"output": SOFTMAX}, MIXTURE: {"output": MIXTURE, "components": 3}}


def untrained(chain: ImageChain, factors: tuple[Factor, ...] = (LETTER,), **config: object) -> NADE:
    model = network_class("nade")(ModelSpec("nade", chain, factors, {"hidden": 6, **config})).eval()
    assert isinstance(model, NADE)
    return model


def build(output: str, levels: int = 2, side: int = 3) -> NADE:
    """Random weights, in float64, large enough that conditionals depend on what came before."""
    torch.manual_seed(5)
    model = untrained(ImageChain(GreyLevels(levels), side, side), **OUTPUTS[output]).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def every_image(model: NADE) -> Tensor:
    return torch.tensor(list(itertools.product(range(model.levels), repeat=model.chain.limit)))


def some_images(model: NADE, count: int = 4) -> Tensor:
    rng = np.random.default_rng(3)
    return torch.from_numpy(rng.integers(0, model.levels, (count, model.chain.limit)))


def letters(model: NADE, count: int) -> Tensor:
    return model.condition_tensor([{"letter": LETTER.choices[n % 3]} for n in range(count)])


def by_cumsum(x: Tensor, c: Tensor, w: Tensor, v: Tensor, output: str) -> Tensor:
    """What ``RunningSum`` does, as one writes it without a thought for memory."""
    added = torch.einsum("bt,th->bth", x, w)
    a = c[:, None] + added.cumsum(1) - added
    h = torch.sigmoid(a) if output == SOFTMAX else torch.relu(a)
    return torch.einsum("bth,thp->tbp", h, v)


def arguments(steps: int, *, learn: bool = True) -> list[Tensor]:
    """x (5, T), c (5, 4), w (T, 4), v (T, 4, 2)."""
    torch.manual_seed(1)
    x = torch.randn(5, steps, dtype=torch.float64)
    shapes = ((5, 4), (steps, 4), (steps, 4, 2))
    return [x, *(torch.randn(shape, dtype=torch.float64, requires_grad=learn) for shape in shapes)]


def test_a_binary_pixel_is_a_bernoulli_of_its_own_hidden_layer() -> None:
    """Equations 2 and 3 of the paper, one by one."""
    model = build(SOFTMAX)
    image = [1, 0, 1, 1, 0, 1, 0, 0, 1]
    condition = model.condition_tensor({"letter": "b"})
    found = model.conditionals(torch.tensor([image]), condition).dense()[0, :, 1].exp().tolist()
    w, v = model.W.detach().numpy(), model.V.detach().numpy()[:, :, 0]
    c, b = model.hidden_bias(condition)[0].detach().numpy(), model.output_bias(condition)[0, :, 0].tolist()
    for i in range(9):
        h = 1 / (1 + np.exp(-(c + sum(w[j] * image[j] for j in range(i)))))
        assert found[i] == pytest.approx(1 / (1 + math.exp(-(b[i] + v[i] @ h))), abs=1e-12)


def test_gaussians_are_those_of_rectified_hidden_units_in_units_of_half_the_range() -> None:
    model = build(MIXTURE, levels=5)
    condition = model.condition_tensor({"letter": "a"})
    conditional = model.conditionals(torch.tensor([[4, 1, 0, 2]]), condition)[0, 2]
    assert isinstance(conditional, MixtureOfGaussians)
    h = torch.relu(model.hidden_bias(condition)[0] + model.W[0] * 1 + model.W[1] * -0.5)
    weights, means, log_scales = (model.output_bias(condition)[0, 2] + h @ model.V[2]).chunk(3)
    assert torch.allclose(conditional.weights, weights)
    assert torch.allclose(conditional.means, 2 + 2 * means)
    assert torch.allclose(conditional.scales, (2 * log_scales.exp()).clamp(0.1, 5))


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("steps", [1, 2, 11])
def test_the_way_back_by_hand_is_autograds_of_the_plain_version(output: str, steps: int) -> None:
    values = arguments(steps)
    ours, plain = RunningSum.apply(*values, output), by_cumsum(*values, output)
    assert torch.allclose(ours, plain, rtol=0, atol=1e-12)
    towards = torch.randn(ours.shape, dtype=torch.float64)
    found = torch.autograd.grad(ours, values[1:], towards)
    for one, other in zip(found, torch.autograd.grad(plain, values[1:], towards, allow_unused=True), strict=True):
        assert torch.allclose(one, other if other is not None else torch.zeros_like(one), rtol=0, atol=1e-11)


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_way_back_by_hand_is_that_of_finite_differences(output: str) -> None:
    x, *rest = arguments(4)
    assert torch.autograd.gradcheck(lambda *given: RunningSum.apply(x, *given, output), rest)


@pytest.mark.parametrize("output", OUTPUTS)
def test_in_float32_what_the_way_back_takes_away_is_what_was_added(output: str) -> None:
    """The running sum comes back to c but for rounding, over as many variables as a digit has."""
    x, c, w, v = arguments(784, learn=False)
    exact = [x, *(p.clone().requires_grad_() for p in (c, 0.05 * w, v))]
    rounded = [x.float(), *(p.detach().float().requires_grad_() for p in exact[1:])]
    found = torch.autograd.grad(RunningSum.apply(*rounded, output).sum(), rounded[1:])
    true = torch.autograd.grad(by_cumsum(*exact, output).sum(), exact[1:])
    for one, other in zip(found, true, strict=True):
        assert float((one - other).norm() / other.norm()) < 1e-4


@pytest.mark.parametrize("output", OUTPUTS)
def test_no_hidden_layer_is_kept_for_the_way_back(output: str) -> None:
    """Beyond weights and inputs one running sum (B, H), whatever T is; the plain version keeps B x T x H numbers."""

    def kept(steps: int, function: object) -> int:
        values, sizes = arguments(steps), []
        own = {id(v) for v in values[2:]}

        def pack(tensor: Tensor) -> Tensor:
            if id(tensor) not in own:
                sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            function(*values, output)  # type: ignore[operator]
        return sum(sizes)

    assert kept(50, RunningSum.apply) == 5 * 50 + 5 * 4
    assert kept(50, by_cumsum) > 5 * 50 * 4


@pytest.mark.parametrize("letter", LETTER.choices)
def test_the_probabilities_of_all_binary_images_of_3_x_3_sum_to_one(letter: str) -> None:
    model = build(SOFTMAX)
    images = every_image(model)
    condition = model.condition_tensor([{"letter": letter}] * len(images))
    log_p = model.conditionals(images, condition).log_prob(images).sum(1).detach()
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_probabilities_of_all_images_of_more_levels_sum_to_one(output: str) -> None:
    model = build(output, levels=4, side=2)
    images = every_image(model)
    log_p = model.conditionals(images, letters(model, 1).expand(len(images), -1)).log_prob(images).sum(1).detach()
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_conditional_depends_on_every_earlier_symbol_and_on_no_later_one(output: str) -> None:
    model = build(output, levels=7).float()
    with torch.no_grad():
        model.W *= 0.2  # sigmoids that have saturated would hide a symbol
    image = torch.full((1, 9), 3)
    condition = model.condition_tensor({"letter": "a"})
    before = model.conditionals(image, condition).dense()[0]
    for step in range(9):
        changed = image.clone()
        changed[0, step] = 5
        after = model.conditionals(changed, condition).dense()[0]
        same = [bool(torch.equal(a, b)) for a, b in zip(before, after, strict=True)]
        assert same == [other <= step for other in range(9)]


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_shorter_prefix_has_the_conditionals_of_the_whole(output: str) -> None:
    model = build(output, levels=4)
    images, condition = some_images(model), letters(model, 4)
    whole = model.conditionals(images, condition).dense()
    assert torch.allclose(model.conditionals(images[:, :4], condition).dense(), whole[:, :4], rtol=0, atol=1e-12)


@pytest.mark.parametrize("output", OUTPUTS)
@torch.no_grad()
def test_the_condition_moves_hidden_and_output_biases(output: str) -> None:
    model = build(output, levels=4)
    image = some_images(model, 1)
    for table in (model.hidden_condition, model.output_condition):
        given = [model.conditionals(image, model.condition_tensor({"letter": x})).dense().exp() for x in ("a", "b")]
        assert float((given[0] - given[1]).abs().max()) > 0.01
        with torch.no_grad():
            table.tables[0].weight.zero_()
    alike = [model.conditionals(image, model.condition_tensor({"letter": x})).dense() for x in ("a", "b")]
    assert torch.equal(alike[0], alike[1])


@pytest.mark.parametrize("output", OUTPUTS)
def test_autocast_leaves_the_network_in_its_precision(output: str) -> None:
    model = build(output, levels=200).float()
    images, condition = some_images(model), letters(model, 4)
    plain = model.conditionals(images, condition).log_prob(images)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model.conditionals(images, condition).to(torch.float32).log_prob(images)
    assert torch.equal(plain, mixed)


@pytest.mark.parametrize("output", OUTPUTS)
def test_gradients_reach_every_parameter_that_a_conditional_depends_on(output: str) -> None:
    model = untrained(ImageChain(GreyLevels(4), 2, 2), **OUTPUTS[output])
    images = every_image(model)
    model.conditionals(images, letters(model, len(images))).log_prob(images).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        reached = parameter.grad.flatten(1).any(1) if parameter.dim() > 1 else parameter.grad.any()[None]
        assert reached.tolist() == [not (name == "W" and row == 3) for row in range(len(reached))], name


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_few_steps_of_gradient_learn_what_the_pixels_before_say(output: str) -> None:
    """Every pixel of a row is what the first one is: after it, there is nothing left to say."""
    torch.manual_seed(0)
    model = untrained(ImageChain(GreyLevels(4), 1, 4), (), hidden=20, **OUTPUTS[output])
    images = torch.arange(4)[:, None].expand(4, 4)
    condition = torch.zeros(4, 0, dtype=torch.int64)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.03)
    for _ in range(150):
        loss = -model.conditionals(images, condition).log_prob(images).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert loss.item() < math.log(4) + 0.3


@torch.no_grad()
def test_an_untrained_mixture_covers_all_levels() -> None:
    model = untrained(ImageChain(GreyLevels(256), 2, 2), output=MIXTURE, components=8)
    p = model.conditionals(some_images(model), letters(model, 4)).dense().exp()
    assert float(p.min()) > 1e-4
    assert float(p.max()) < 0.1


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_decoder_is_the_network_and_comes_back_bit_for_bit(output: str) -> None:
    """Also over the snapshots that are further apart than an image of the other tests is long."""
    model = build(output, levels=4, side=24)
    with torch.no_grad():
        model.W *= 0.1
    images = some_images(model, 3)
    network = model.conditionals(images, letters(model, 3)).dense().detach()
    decoder = make_decoder(model, "cached", letters(model, 3))
    first = {}
    for step, column in enumerate(images.T.numpy()):
        first[step] = decoder.peek().dense()
        assert float((first[step].exp() - network[:, step].exp()).abs().max()) < 1e-12
        decoder.push(column)
    for back, on in ((575, 575), (513, 570), (512, 520), (511, 513), (100, 140), (0, 30)):
        decoder.rewind(back)
        assert torch.equal(decoder.peek().dense(), first[back])
        decoder.extend(images[:, back:on].numpy())
        assert torch.equal(decoder.peek().dense(), first[on])
    other = decoder.select([2, 0])
    other.rewind(10)
    other.extend(images[[2, 0], 10:60].numpy())
    assert torch.allclose(other.peek().dense(), first[60][[2, 0]], rtol=0, atol=1e-10)
    assert decoder.step == 30
    assert torch.equal(decoder.peek().dense(), first[30])


def test_the_number_of_parameters_is_that_of_two_layers_however_many_conditionals_share_them() -> None:
    digits = ImageChain(GreyLevels(2), 28, 28)
    assert untrained(digits, (), hidden=500, output=SOFTMAX).parameter_count == 2 * 784 * 500 + 784 + 500
    patches = ImageChain(GreyLevels(256), 8, 8)
    mixture = untrained(patches, (), hidden=500, output=MIXTURE, components=10)
    assert mixture.parameter_count == 64 * 500 * (1 + 30) + 64 * 30 + 500


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"output": "gaussian"}, "output of a NADE is 'softmax' or 'mixture of Gaussians', not 'gaussian'"),
        ({"output": 3}, "output of a NADE is 'softmax' or 'mixture of Gaussians', not 3"),
        ({"output": SOFTMAX, "components": 4}, "components of a NADE belong to a mixture of Gaussians; a softmax has"),
        ({"output": MIXTURE}, "components of a NADE is a whole number in 1 … 1024, not None"),
    ],
)
def test_outputs_that_there_are_not_are_refused(config: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        untrained(ImageChain(GreyLevels(2), 3, 3), **config)


def test_a_chain_that_is_no_image_is_refused() -> None:
    chain = SoundChain(MuLaw(4), 8000, default_seconds=0.1, max_seconds=1.0)
    with pytest.raises(InputError, match="a NADE of this file models images, not sound"):
        NADE(ModelSpec("nade", chain, (), {"hidden": 2, "output": SOFTMAX}))
