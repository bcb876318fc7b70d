"""Numbers as people read them."""

from __future__ import annotations


def grouped(number: int) -> str:
    """A whole number with a narrow space between thousands: 20 417."""
    return f"{number:,}".replace(",", "\u202f")
