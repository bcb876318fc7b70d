"""How many steps to do at once where somebody waits: what is asked meanwhile is answered after a block."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

BLOCK_SECONDS = 0.008
"""What a block of steps should take: the longest wait of a command."""

LARGEST_BLOCK = 4096


def next_block(count: int, seconds: float) -> int:
    """The steps to do next after ``count`` of them took ``seconds``: at most twice as many."""
    return max(1, min(LARGEST_BLOCK, 2 * count, int(count * BLOCK_SECONDS / max(seconds, 1e-6))))


def at_once(slices: Generator[None, None, T]) -> T:
    """What work in slices comes to, for somebody who has nothing else to do meanwhile."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            result: T = end.value
            return result
