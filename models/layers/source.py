"""How a network reads the text that it works on, see ``models.source_text``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from models.condition import Factor
from models.errors import InputError
from models.source_text import Text


def source_factor(factors: Sequence[Factor], network: str) -> Text:
    """The text that a network works on, its only condition. network: with its article, such as ``a ByteNet``.

    Raises InputError for other factors, which nobody would heed.
    """
    if len(factors) != 1 or not isinstance(factors[0], Text):
        found = ", ".join(f"{factor.name} ({factor.kind})" for factor in factors) or "none"
        raise InputError(f"{network} has one condition, the text that it works on, of the kind text; not {found}")
    return factors[0]


def source_symbols(condition: Tensor, width: int, end: int) -> tuple[Tensor, Tensor]:
    """Of conditions (B, 1 + max_length) the symbols int64 (B, width), ``end`` after the last one, and lengths (B,).

    What stands behind the end of a text in a condition is not looked at.
    """
    lengths, symbols = condition[:, 0].long(), condition[:, 1:].long()
    symbols = F.pad(symbols, (0, max(0, width - symbols.shape[1])))[:, :width]
    within = torch.arange(width, device=condition.device) < lengths[:, None]
    return torch.where(within, symbols, end), lengths
