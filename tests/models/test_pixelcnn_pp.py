"""PixelCNN++: the mixture of a pixel and what is known of its component, and what the streams of all scales see."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from models.chain import GreyLevels, ImageChain
from models.condition import Category
from models.errors import InputError
from models.model import ModelSpec
from models.networks.pixelcnn_pp import NARROWEST, PixelCNNPP

CONFIG = {"channels": 4, "blocks": 1, "scales": 2, "components": 3, "dropout": 0.0}
ODD = ImageChain(GreyLevels(5), 7, 5)
COLOUR = ImageChain(GreyLevels(4), 5, 3, 3)
CLASS = (Category("class", ("a", "b")),)


def build(chain: ImageChain, **config: object) -> PixelCNNPP:
    """Random weights, small enough that no ELU and no gate is so far down that it lets nothing through."""
    torch.manual_seed(1)
    model = PixelCNNPP(ModelSpec("pixelcnn_pp", chain, CLASS, CONFIG | config)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=(parameter[0].numel() if parameter.dim() > 1 else 4) ** -0.5)
    return model


def image(chain: ImageChain, count: int = 1) -> Tensor:
    return torch.randint(chain.alphabet.size, (count, chain.length), generator=torch.Generator().manual_seed(2))


@torch.inference_mode()
def seen(model: PixelCNNPP) -> Tensor:
    """By the conditional of each step, which steps: bool (D, D). A change of a value is felt, or it is not.

    The same image may differ in the last digits by where it stands in the batch.
    """
    x, levels = image(model.image_chain), model.chain.alphabet.size
    others = (x + torch.eye(x.shape[1], dtype=torch.int64)) % levels
    condition = model.condition_tensor([{"class": "a"}] * (len(others) + 1))
    p = model.conditionals(torch.cat([x, others]), condition).dense()
    return (p[1:] - p[0]).abs().amax(-1).T > 1e-13


@pytest.mark.parametrize("chain", [ODD, COLOUR])
@pytest.mark.parametrize("scales", [1, 2, 3])
@torch.inference_mode()
def test_nothing_sees_itself_or_what_comes_later(chain: ImageChain, scales: int) -> None:
    """Bit for bit, on sides that are no multiples of the strides."""
    model, x = build(chain, scales=scales), image(chain, 2)
    condition = model.condition_tensor([{"class": "a"}, {"class": "b"}])
    expected = model.conditionals(x, condition).dense()
    for step in range(chain.length):
        changed = torch.cat([x[:, :step], (x[:, step:] + 1) % chain.alphabet.size], 1)
        assert torch.equal(model.conditionals(changed, condition).dense()[:, : step + 1], expected[:, : step + 1])


@pytest.mark.parametrize("chain", [ODD, COLOUR])
def test_everything_within_reach_is_seen_without_a_blind_spot(chain: ImageChain) -> None:
    model = build(chain)
    assert model.receptive_field is None
    assert torch.equal(seen(model), torch.ones(chain.length, chain.length, dtype=torch.bool).tril(-1))


@pytest.mark.parametrize(("config", "height"), [({"scales": 1}, 10), ({"scales": 1, "blocks": 2}, 12), ({}, 22)])
def test_the_receptive_field_ends_with_the_farthest_variable_that_is_seen(
    config: dict[str, object], height: int
) -> None:
    model = build(ImageChain(GreyLevels(5), height, 12), channels=4, **config)
    chain = model.image_chain
    # The last of the pixels that a place of the lower resolution stands for is the farthest from what it knows.
    step = chain.step(height - 1, 11)
    assert step - int(seen(model)[step].nonzero().min()) == model.receptive_field


@torch.inference_mode()
def test_the_component_is_drawn_once_for_a_pixel() -> None:
    """The product of the three conditionals is the mixture over pixels, for each of all colours."""
    chain = ImageChain(GreyLevels(5), 1, 1, 3)
    model = build(chain)
    colours = torch.tensor(list(itertools.product(range(5), repeat=3)))
    condition = model.condition_tensor([{"class": "b"}] * len(colours))
    joint = model.conditionals(colours, condition).log_prob(colours).sum(-1).exp()

    numbers = model.numbers(colours[:1].reshape(1, 1, 1, 3), condition[:1])[0, 0, 0]
    weights, means, log_scales, coefficients = model.split(numbers)
    red, green, _ = (colours / 2 - 1).double()[..., None].unbind(1)
    to_green, red_to_blue, green_to_blue = coefficients
    centres = torch.stack(
        [means[0].expand(125, 3), means[1] + to_green * red, means[2] + red_to_blue * red + green_to_blue * green], 1
    )
    scales = log_scales.exp().clamp_min(NARROWEST / 2)
    value = (colours / 2 - 1)[..., None]
    upper = torch.sigmoid((value + 0.25 - centres) / scales).where(colours[..., None] < 4, torch.ones(()))
    lower = torch.sigmoid((value - 0.25 - centres) / scales).where(colours[..., None] > 0, torch.zeros(()))
    expected = (torch.softmax(weights[0], -1) * (upper - lower).prod(1)).sum(-1)

    assert float((joint - expected).abs().max()) < 1e-14
    assert float(joint.sum()) == pytest.approx(1, abs=1e-12)
    assert float(joint.max()) < 0.9


def test_extreme_numbers_still_make_distributions_in_single_precision() -> None:
    chain = ImageChain(GreyLevels(256), 1, 1, 3)
    model = build(chain).float()
    size = model.out.out_channels
    numbers = torch.randn(200, size, generator=torch.Generator().manual_seed(3))
    numbers[:, 4 * 3 : 7 * 3] *= 100  # the log-scales, after the weights and the means
    numbers.requires_grad_()
    pixels = torch.randint(256, (200, 3), generator=torch.Generator().manual_seed(4))
    conditionals = model.mixture(numbers, pixels)
    assert conditionals.scales.dtype == torch.float32
    log_p = conditionals.log_prob(pixels)
    log_p.sum().backward()  # type: ignore[no-untyped-call]
    assert numbers.grad is not None
    assert numbers.grad.isfinite().all()
    total = conditionals.dense().detach().exp().sum(-1)
    assert float((total - 1).abs().max()) < 1e-9
    exact = model.double().mixture(numbers.double(), pixels)
    assert float((conditionals.dense().detach().exp() - exact.dense().detach().exp()).abs().sum(-1).max()) < 2e-4


@torch.inference_mode()
def test_dropout_hides_features_in_training_alone() -> None:
    model, x = build(COLOUR, dropout=0.5), image(COLOUR)
    condition = model.condition_tensor({"class": "a"})
    passes = {
        training: [model.train(training).conditionals(x, condition).log_prob(x) for _ in range(2)]
        for training in (True, False)
    }
    assert not torch.equal(*passes[True])
    assert torch.equal(*passes[False])


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"channels": 0}, "channels"),
        ({"blocks": 1.5}, "blocks"),
        ({"scales": 9}, "scales"),
        ({"components": True}, "components"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": "much"}, "dropout"),
        ({"layers": 3}, "layers"),
    ],
)
def test_sizes_that_cannot_be_are_refused(config: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build(ODD, **config)


def test_another_order_than_raster_is_refused() -> None:
    with pytest.raises(InputError, match="raster"):
        build(ImageChain(GreyLevels(4), 5, 5, order="spiral"))
