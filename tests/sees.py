"""What a conditional of an image depends on, found by changing one variable after another."""

from __future__ import annotations

import torch
from torch import Tensor

from models.chain import ImageChain
from models.model import AutoregressiveModel


def seen(model: AutoregressiveModel, row: int, column: int, colour: int = 0, *, noise: float = 0.0) -> Tensor:
    """By a variable's conditional, of which variables: bool (H, W, C). A change of a value is felt, or it is not.

    noise: what rounding may change, as rows of one batch may differ by it.
    """
    chain = model.chain
    assert isinstance(chain, ImageChain)
    generator = torch.Generator().manual_seed(2)
    image = torch.randint(chain.alphabet.size, (chain.length,), generator=generator)
    others = image.repeat(chain.length, 1)
    others.fill_diagonal_(0)
    others += torch.diag((image + 1) % chain.alphabet.size)
    none = model.condition_tensor([{}] * (chain.length + 1))
    with torch.inference_mode():
        p = model.conditionals(torch.cat([image[None], others]), none).dense()[:, chain.step(row, column, colour)]
    return ((p[1:] - p[0]).abs().amax(-1) > noise).reshape(chain.height, chain.width, chain.channels)
