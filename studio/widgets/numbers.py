"""Numbers as texts, and ladders of numbers for sliders."""

from __future__ import annotations

from collections.abc import Callable


def log_ladder(first: float, last: float, steps: int, tidy: Callable[[float], float]) -> list[float]:
    """Values from first to last at even ratios, each made tidy, none twice."""
    ratio = (last / first) ** (1 / steps)
    return sorted({tidy(first * ratio**i) for i in range(steps + 1)})


def two_digits(value: float) -> float:
    """A number with two significant digits."""
    return float(f"{value:.2g}")


def number_text(value: float) -> str:
    """A short decimal number: three digits after the point, trailing zeros left out but for two."""
    text = f"{value:.3f}"
    return text[:-1] if text.endswith("0") else text


def probability_text(p: float) -> str:
    """A probability in five characters or so; very small ones by their power of ten."""
    if p == 0:
        return "0"
    if p < 1e-4:
        return f"{p:.0e}".replace("e-0", "e-")
    return f"{p:.4f}"


def ungrouped(text: str) -> str:
    """What was typed, without the spaces that group digits, and with a point for a comma."""
    return "".join(text.split()).replace("\u202f", "").replace("−", "-").replace(",", ".")
