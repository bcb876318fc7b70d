"""What was not drawn but given: the line around it in a completed image, and the words for it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter

from models.chain import DRAW, ImageChain
from models.trace import Take
from studio.theme import Theme

LEAST_SCALE = 3.0
"""Device pixels that a pixel of the image needs for a line beside it."""
MOST_COVERED = 0.25
"""Share of an image that lines may cover: beyond, as of scattered pixels that are small, they would bury it."""
ROOMY_SCALE = 8.0
"""Device pixels to a pixel from which on the line has an edge on both sides, which stands out from any colour."""


def was_given(take: Take, step: int, symbol: int) -> bool:
    """Whether a symbol that was not drawn was known beforehand; otherwise an edit has put it there."""
    return step < len(take.given) and take.given[step] == symbol


def was_found(take: Take, sample: int, step: int, symbol: int) -> bool:
    """Whether a beam search has put a symbol there; otherwise an edit of what it found."""
    first = take.samples[sample].branches[0].symbols
    return take.beam is not None and step < len(first) and first[step] == symbol


def given_pixels(take: Take) -> npt.NDArray[np.bool_]:
    """The pixels (H, W) of which all channels were known beforehand."""
    chain = take.chain
    assert isinstance(chain, ImageChain)
    known = np.zeros(chain.length, np.bool_)
    known[: len(take.given)] = np.array(take.given) != DRAW
    by_pixel: npt.NDArray[np.bool_] = known.reshape(-1, chain.channels).min(axis=1)
    return by_pixel[chain.ranks]


class GivenBorder:
    """The line between given and drawn pixels, made once for a take and a size of its images."""

    def __init__(self, take: Take, scale: float, ratio: float) -> None:
        """scale: device pixels to a pixel of the image. ratio: device pixels to a logical one."""
        self.width = max(1, round(ratio))
        self.lines: list[QRect] = []
        """In device pixels from the upper left corner of an image; none where they would hide too much of it."""
        given = given_pixels(take)
        covered = _length(given) * self.width / (given.size * scale)
        self.edged = scale >= ROOMY_SCALE * ratio and 3 * covered <= MOST_COVERED
        if scale >= LEAST_SCALE and covered <= MOST_COVERED:
            self.lines = _lines(given, scale, self.width)
        self._whole = QRect(0, 0, round(given.shape[1] * scale), round(given.shape[0] * scale))

    def paint(self, painter: QPainter, theme: Theme) -> None:
        """With the painter's origin at the upper left corner of an image, and no pen."""
        if self.edged:
            painter.setBrush(theme.window)
            edges = [line.adjusted(-self.width, -self.width, self.width, self.width) for line in self.lines]
            painter.drawRects([edge.intersected(self._whole) for edge in edges])
        painter.setBrush(theme.chosen)
        painter.drawRects([line.intersected(self._whole) for line in self.lines])


def _length(given: npt.NDArray[np.bool_]) -> int:
    """Of the border, in sides of a pixel."""
    return int(np.diff(given, axis=0).sum() + np.diff(given, axis=1).sum())


def _lines(given: npt.NDArray[np.bool_], scale: float, width: int) -> list[QRect]:
    """The border as rectangles ``width`` wide about it, each as long as it goes straight on."""
    lines = []
    for turned, mask in ((False, given), (True, given.T)):
        for row, (above, below) in enumerate(pairwise(mask), 1):
            # Where the two rows begin and cease to differ.
            ends = np.flatnonzero(np.diff(above != below, prepend=False, append=False))
            for start, stop in ends.reshape(-1, 2).tolist():
                at, first, last = (round(n * scale) for n in (row, start, stop))
                across, along = at - width // 2, first - width // 2
                length = last - first + width
                box = (across, along, width, length) if turned else (along, across, length, width)
                lines.append(QRect(*box))
    return lines
