"""What an encoder makes of source texts: each by itself, since beside others, or longer ones, it would round in other
ways.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def encoded_alone(encode: Callable[[Tensor], Tensor], condition: Tensor) -> Tensor:
    """encode: from one text's condition (1, F) to (places, …). Of conditions (B, F): (B, most places, …), zeros behind
    those of a text. What is the same is encoded once.
    """
    different, which = torch.unique(condition, dim=0, return_inverse=True)
    found = [encode(row[None]) for row in different]
    most = max(len(places) for places in found)
    padded = [F.pad(places, (0, 0) * (places.dim() - 1) + (0, most - len(places))) for places in found]
    return torch.stack(padded)[which]
