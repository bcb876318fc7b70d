"""The order in which the pixels of an image come, painted over it.

A path; where it would jump too often to be followed, each pixel in the colour of its turn; numbers where there is room.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QLineF, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPen, QPixmap

from models.chain import ImageChain
from studio.panels.widgets import painting_with
from studio.theme import heat_table

ROOM = 22
"""Logical pixels that a pixel of the image needs for its number."""
WIDTH = 0.16
"""Of the path, in pixels of the image."""
LEAST_WIDTH = 1.2
LARGEST_NUMBER = 22
"""Logical pixels."""
FIRST_HEAT, LAST_HEAT = 70, 255
"""Of the heat map, for the first and the last pixel."""
COLOURS = 32
"""Of the path: each stretch of one colour is drawn at once."""
STEP_ASIDE = 1.5
"""The longest step to a pixel beside the last one, or at its corner; a longer one is a jump."""
MOST_JUMPS = 2
"""Of a path that can be followed, for each row or column: two passes in rows have as many, coarse pixels first more."""
VEIL = 0.5
"""Opacity of the colours over the pixels: the image stays visible."""
SHADOW = 170
"""Opacity, in 0 … 255, of what makes a number stand out from the image."""


@lru_cache(maxsize=4)
def order_picture(chain: ImageChain, size: QSize, ratio: float) -> QPixmap:
    """Transparent but for the order; size and ratio: of a cell in device pixels, and device per logical pixel.

    Colours go from dark to bright along the order, see ``order_colours``; the first pixel of a path is a dot.
    """
    if size.width() / chain.width >= ROOM * ratio:
        return _painted(size, lambda painter: _numbers(painter, chain, size, ratio))
    if jumps(chain):
        return _painted(size, lambda painter: _veil(painter, chain, size))
    # Twice as large and without smoothing, then made smaller: smooth lines across a whole image take a hundred times
    # as long to draw.
    twice = QSize(2 * size.width(), 2 * size.height())
    drawn = _painted(twice, lambda painter: _path(painter, chain, twice, 2 * ratio))
    return drawn.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)


def _painted(size: QSize, paint: Callable[[QPainter], None]) -> QPixmap:
    picture = QPixmap(size)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    with painting_with(painter):
        paint(painter)
    painter.end()
    return picture


def jumps(chain: ImageChain) -> bool:
    """Whether a path along the order would be a tangle."""
    rows, columns = np.divmod(chain.pixels, chain.width)
    far = np.hypot(np.diff(rows), np.diff(columns)) > STEP_ASIDE
    return bool(far.sum() > MOST_JUMPS * max(chain.height, chain.width))


def order_colours(count: int) -> npt.NDArray[np.uint8]:
    """Colours from the first pixel to the last, uint8 (count, 3)."""
    chosen: npt.NDArray[np.uint8] = heat_table()[np.linspace(FIRST_HEAT, LAST_HEAT, count).astype(int)]
    return chosen


def _veil(painter: QPainter, chain: ImageChain, size: QSize) -> None:
    painter.setOpacity(VEIL)
    painter.drawImage(QRect(0, 0, size.width(), size.height()), _coloured(chain))


def _coloured(chain: ImageChain) -> QImage:
    """Each pixel in the colour of its turn."""
    rgba = np.full((chain.height, chain.width, 4), 255, np.uint8)
    rgba[..., :3] = order_colours(len(chain.pixels))[chain.ranks]
    return QImage(rgba.tobytes(), chain.width, chain.height, 4 * chain.width, QImage.Format.Format_RGBA8888).copy()


def _path(painter: QPainter, chain: ImageChain, size: QSize, ratio: float) -> None:
    side = size.width() / chain.width
    rows, columns = np.divmod(chain.pixels, chain.width)
    points = [
        QPointF(x, y) for x, y in zip(((columns + 0.5) * side).tolist(), ((rows + 0.5) * side).tolist(), strict=True)
    ]
    lines = [QLineF(start, end) for start, end in pairwise(points)]
    width = max(LEAST_WIDTH * ratio, WIDTH * side)
    ends = np.linspace(0, len(lines), COLOURS + 1).astype(int).tolist()
    for (first, last), rgb in zip(pairwise(ends), order_colours(COLOURS).tolist(), strict=True):
        painter.setPen(QPen(QColor(*rgb), width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap))
        painter.drawLines(lines[first:last])
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*order_colours(2)[1].tolist()))
    painter.drawEllipse(points[0], 1.6 * width, 1.6 * width)


def _numbers(painter: QPainter, chain: ImageChain, size: QSize, ratio: float) -> None:
    """Put together from ten pictures of digits, since text is slow, and then coloured at once."""
    side = size.width() / chain.width
    font = QFont(painter.font())
    font.setPixelSize(max(1, round(min(0.36 * side, LARGEST_NUMBER * ratio))))
    metrics = QFontMetrics(font)
    across, down = max(map(metrics.horizontalAdvance, "0123456789")), metrics.height()
    digits = _painted(QSize(10 * across, down), lambda own: _digits(own, font, across, down))

    def shapes(own: QPainter) -> None:
        for rank, pixel in enumerate(chain.pixels.tolist()):
            number = str(rank)
            row, column = divmod(pixel, chain.width)
            left, top = round((column + 0.5) * side - len(number) * across / 2), round((row + 0.5) * side - down / 2)
            for place, digit in enumerate(number):
                own.drawPixmap(left + place * across, top, digits, int(digit) * across, 0, across, down)

    whole = QRect(0, 0, size.width(), size.height())
    numbers = _painted(size, shapes)
    shadow, coloured = QPixmap(numbers), QPixmap(numbers)
    for shapes_of, fill in ((shadow, QColor(0, 0, 0, SHADOW)), (coloured, _coloured(chain))):
        with QPainter(shapes_of) as own:
            own.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
            if isinstance(fill, QColor):
                own.fillRect(whole, fill)
            else:
                own.drawImage(whole, fill)
    for shift in (-1, 1):
        painter.drawPixmap(shift, shift, shadow)
    painter.drawPixmap(0, 0, coloured)


def _digits(painter: QPainter, font: QFont, across: int, down: int) -> None:
    """0 to 9 side by side, each in a box of ``across`` x ``down``."""
    painter.setFont(font)
    painter.setPen(QColor("white"))
    for digit in range(10):
        painter.drawText(QRect(digit * across, 0, across, down), Qt.AlignmentFlag.AlignCenter, str(digit))
