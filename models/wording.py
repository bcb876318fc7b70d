"""Numbers as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.chain import Chain


def grouped(number: int) -> str:
    """A whole number with a narrow space between thousands: 20 417."""
    return f"{number:,}".replace(",", "\u202f")


def reach(field: int | None, chain: Chain) -> str:
    """A receptive field: ``8 191 earlier variables, 1 024 ms``; the time is that of a chain that has one."""
    if field is None:
        return "all earlier variables"
    rate = chain.steps_per_second
    time = "" if rate is None else f", {grouped(round(1000 * field / rate))} ms"
    return f"{grouped(field)} earlier variables{time}"
