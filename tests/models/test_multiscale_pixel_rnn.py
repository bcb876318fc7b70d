"""Multi-Scale PixelRNN: which pixel hears of which, and that every pixel has one conditional."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from models.chain import Chain, GreyLevels, ImageChain, MuLaw, SoundChain
from models.condition import Category
from models.errors import InputError
from models.model import ModelSpec
from models.networks.multiscale_pixel_rnn import MultiscalePixelRNN, Scan
from models.sampling import make_decoder
from models.shaping import NEUTRAL

SIZES: dict[str, object] = {"hidden": 5, "coarse_layers": 2, "fine_layers": 2, "upsampled": 6, "head": 7}
CHAIN = ImageChain(GreyLevels(4), 9, 11, order="coarse 2 first")
DIGIT = Category("digit", ("0", "1"), any=True)


def build(chain: Chain = CHAIN, **config: object) -> MultiscalePixelRNN:
    """Random weights, large enough that whatever is heard is felt."""
    torch.manual_seed(1)
    model = MultiscalePixelRNN(ModelSpec("multiscale_pixel_rnn", chain, (DIGIT,), SIZES | config)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    return model


def images(chain: ImageChain, count: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(2).integers(0, chain.alphabet.size, (count, chain.length)))


@torch.inference_mode()
def probabilities(model: MultiscalePixelRNN, symbols: Tensor) -> Tensor:
    """(B, T, K)."""
    return model.conditionals(symbols, model.condition_tensor([{}] * len(symbols))).dense().exp()


def hears(model: MultiscalePixelRNN, row: int, column: int) -> Tensor:
    """By a pixel's conditional, of which pixels: bool (H, W). A change of a value is felt, or it is not."""
    chain = model.image_chain
    step = chain.step(row, column)
    (image,) = images(chain, 1)
    others = image.repeat(chain.length, 1)
    others[range(chain.length), range(chain.length)] = (image + 1) % chain.alphabet.size
    p = probabilities(model, torch.cat([image[None], others]))[:, step]
    felt = (p[1:] - p[0]).abs().amax(-1) > 0
    return felt[torch.from_numpy(chain.ranks.copy())]


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_comes_later_has_no_say_bit_for_bit(factor: int, dtype: torch.dtype) -> None:
    chain = ImageChain(GreyLevels(4), 9, 11, order=f"coarse {factor} first")
    model = build(chain).to(dtype)
    symbols = images(chain, 1).repeat(chain.length, 1)
    for step in range(chain.length):
        symbols[step, step:] = (symbols[step, step:] + 1) % 4
    p = probabilities(model, torch.cat([images(chain, 1), symbols]))
    for step in range(chain.length):
        assert torch.equal(p[1 + step, : step + 1], p[0, : step + 1])
        # The first pixel that has a neighbour to tell: the very last one is of no consequence to anybody.
        assert step == chain.length - 1 or not torch.equal(p[1 + step, step + 1 :], p[0, step + 1 :])


def test_a_pixel_of_the_small_image_hears_of_earlier_ones_of_it_alone() -> None:
    heard = hears(build(), 4, 6)
    assert heard[4, 4]
    assert heard[2, 8]
    assert not heard[4, 6:].any()
    assert not heard[5:].any()
    assert not heard[1::2].any()
    assert not heard[:, 1::2].any()


def test_another_pixel_hears_of_the_small_image_ahead_and_of_all_others_before_it() -> None:
    model, row, column = build(), 5, 4
    heard = hears(model, row, column)
    coarse = torch.zeros(9, 11, dtype=torch.bool)
    coarse[::2, ::2] = True
    before = torch.arange(99).reshape(9, 11) < row * 11 + column
    assert not heard[~coarse & ~before].any()
    assert heard[~coarse & before].float().mean() > 0.8  # but for the ends of the triangle
    # Ahead, through the upsampling: the nearest two rows and columns, and two more through the convolutions before it.
    assert heard[6, 4]
    assert heard[6, 6]
    assert heard[8, 8]


def test_each_pixel_has_one_conditional_so_that_all_images_together_have_mass_1() -> None:
    chain = ImageChain(GreyLevels(2), 3, 3, order="coarse 2 first")
    model = build(chain)
    everything = torch.tensor(list(itertools.product(range(2), repeat=9)))
    p = probabilities(model, everything)
    joint = p.gather(-1, everything[..., None])[..., 0].prod(1)
    assert float(joint.sum()) == pytest.approx(1, abs=1e-9)


def test_the_small_images_conditionals_are_the_first_networks_alone() -> None:
    model = build()
    symbols = images(CHAIN, 2)
    count = model.coarse_steps
    before = probabilities(model, symbols)
    with torch.no_grad():
        for parameter in itertools.chain(model.fine.parameters(), model.upsampling.parameters()):
            parameter.normal_()
    after = probabilities(model, symbols)
    assert torch.equal(before[:, :count], after[:, :count])
    assert not torch.equal(before[:, count:], after[:, count:])
    with torch.no_grad():
        for parameter in model.coarse.parameters():
            parameter.normal_()
    assert torch.equal(after[:, count:], probabilities(model, symbols)[:, count:])


@pytest.mark.parametrize("steps", [1, 29, 30, 31, 50, 99])
def test_any_number_of_first_steps_can_be_asked_for(steps: int) -> None:
    model = build()
    assert model.coarse_steps == 30
    symbols = images(CHAIN, 2)
    assert torch.allclose(
        probabilities(model, symbols[:, :steps]), probabilities(model, symbols)[:, :steps], atol=1e-14
    )


@pytest.mark.parametrize(("height", "width", "factor"), [(1, 1, 2), (1, 6, 2), (6, 1, 4), (3, 3, 16), (8, 8, 4)])
def test_an_image_may_be_of_any_size_beside_the_factor(height: int, width: int, factor: int) -> None:
    chain = ImageChain(GreyLevels(3), height, width, order=f"coarse {factor} first")
    p = probabilities(build(chain), images(chain, 2))
    assert p.shape == (2, chain.length, 3)
    assert torch.allclose(p.sum(-1), torch.ones((), dtype=p.dtype))


@pytest.mark.parametrize("stage", ["coarse", "fine"])
def test_the_condition_moves_both_networks(stage: str) -> None:
    model = build()
    both = model.condition_tensor([{"digit": "0"}, {"digit": "1"}])
    with torch.inference_mode():
        p = model.conditionals(images(CHAIN, 1).repeat(2, 1), both).dense().exp()
    part = p[:, : model.coarse_steps] if stage == "coarse" else p[:, model.coarse_steps :]
    assert float((part[0] - part[1]).abs().amax(-1).median()) > 0.01


SOUND = SoundChain(MuLaw(4), 8000, default_seconds=0.1, max_seconds=1.0)


@pytest.mark.parametrize(
    "chain",
    [
        ImageChain(GreyLevels(4), 4, 4),
        ImageChain(GreyLevels(4), 4, 4, order="spiral"),
        ImageChain(GreyLevels(4), 4, 4, 3, "coarse 2 first"),
        SOUND,
    ],
)
def test_what_is_no_grey_image_with_the_coarse_grid_first_is_refused(chain: Chain) -> None:
    with pytest.raises(InputError, match="models grey images in the order coarse N first"):
        build(chain)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [True, 0, -1, 10**9, 2.0, "a", None])
def test_a_size_that_is_no_whole_number_in_its_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"{name} of a Multi-Scale PixelRNN is a whole number in 1 … "):
        build(**{name: value})


def test_sizes_of_another_network_are_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"coarse_layers, fine_layers, upsampled and head; not hidden, .*, depth"):
        build(depth=3)


def test_a_walk_passes_every_pixel_of_either_image_once_and_upsamples_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, passed, upsampled = build(), [], []
    compute = Scan._pass

    def counted(scan: Scan, row: int, column: int) -> Tensor:
        passed.append((scan._network is model.fine, row * scan._width + column))
        return compute(scan, row, column)

    monkeypatch.setattr(Scan, "_pass", counted)
    model.upsampling.register_forward_hook(lambda *_: upsampled.append(1))
    decoder = make_decoder(model, "cached", model.condition_tensor([{}]))
    noise = np.random.default_rng(4).random((1, CHAIN.length))
    decoder.advance(noise, NEUTRAL)
    # The last pixel of each image is one of the small image: nothing after it asks the second network to go there.
    assert passed == [(False, pixel) for pixel in range(30)] + [(True, pixel) for pixel in range(98)]
    assert len(upsampled) == 1

    passed.clear()
    decoder.rewind(39)
    decoder.peek()
    assert passed == [(True, CHAIN.pixels[39])]
    assert len(upsampled) == 1
    decoder.rewind(29)
    decoder.push([0])
    decoder.peek()
    assert len(upsampled) == 2
