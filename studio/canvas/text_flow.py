"""A text in lines of cells, one for each character, laid out as it grows."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right

SIGNS = {"\n": "↵", "\t": "→"}
"""What is shown of characters that are none to the eye."""
UNSEEN = "▯"
"""Of any other of that kind."""


def glyph(character: str) -> str:
    """What is painted for a character."""
    if character in SIGNS:
        return SIGNS[character]
    if unicodedata.combining(character):
        return f"◌{character}"
    return character if character.isprintable() else UNSEEN


class TextFlow:
    """Lines of at most so many columns, broken after a space where there is one.

    A space or a line break that no longer fits stands one column further right. Where a line ends follows from where it
    begins, so that what grows changes its last line alone.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.text = ""
        self.starts = [0]
        """The first step of every line; the last one may be empty yet."""

    def extend(self, text: str) -> int:
        """Adds characters; returns the first line that changed."""
        first = len(self.starts) - 1
        self.text += text
        while (end := self._end(self.starts[-1])) is not None:
            self.starts.append(end)
        return first

    def _end(self, start: int) -> int | None:
        """Where the line that begins at a step ends; None while the text ends within it."""
        limit = start + self.columns
        at = self.text.find("\n", start, limit + 1)
        if at >= 0:
            return at + 1
        if len(self.text) <= limit:
            return None
        space = max(self.text.rfind(blank, start, limit + 1) for blank in " \t")
        return space + 1 if space >= start else limit

    def steps(self, line: int) -> range:
        """Those of a line."""
        following = self.starts[line + 1] if line + 1 < len(self.starts) else len(self.text)
        return range(self.starts[line], following)

    def place(self, step: int) -> tuple[int, int]:
        """Line and column of a step, or of the one that comes next."""
        line = bisect_right(self.starts, step) - 1
        return line, step - self.starts[line]
