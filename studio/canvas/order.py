"""The order in which the pixels of an image come, painted over it.

Where there is room, the number of every pixel. Elsewhere a path; where that would jump too often to be followed, each
pixel in the colour of its turn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QLineF, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QApplication

from models.chain import ImageChain
from studio.widgets.painting import painting_with

LEAST_NUMBER, LARGEST_NUMBER = 10, 22
"""Logical pixels of the height of a font. Where the longest number has no room in the smallest, there are none."""
FILLED = 0.72
"""How much of a pixel's width the longest number may take."""
WIDTH = 0.16
"""Of the path, in pixels of the image."""
LEAST_WIDTH = 1.2
EDGE = 1.0
"""Logical pixels of dark at both sides of the path, so that its bright end stands out from bright pixels."""
EDGE_OPACITY = 150
"""In 0 … 255."""
ANCHORS = ((66, 92, 245), (184, 98, 240), (240, 98, 138), (247, 160, 74), (245, 234, 122))
"""Of the colours of the order, from the first pixel to the last: ever lighter, and the first stands out from black."""
COLOURS = 32
"""Of the path: each stretch of one colour is drawn at once."""
STEP_ASIDE = 1.5
"""The longest step to a pixel beside the last one, or at its corner; a longer one is a jump."""
MOST_JUMPS = 2
"""Of a path that can be followed, for each row or column: two passes in rows have as many, coarse pixels first more."""
VEIL = 0.5
"""Opacity of the colours over the pixels: the image stays visible."""
UNDER_NUMBERS = 0.3
"""The same where the numbers tell more exactly."""
EVEN_LUMINANCE = 0.179
"""Of a ground from which black and white stand out alike, by 4.6 : 1 (WCAG 2, contrast ratio)."""


def paint_order(
    painter: QPainter, chain: ImageChain, cell: QRect, pixels: npt.NDArray[np.uint32], ground: QColor, ratio: float
) -> None:
    """Over an image that fills ``cell``, in device pixels; ratio: device per logical pixel.

    pixels: the image, uint32 (H, W), premultiplied ARGB; ground: what is behind it. Numbers stand out from both.
    Colours go from dark to bright along the order, see ``order_colours``; the first pixel of a path is a dot.
    """
    painter.drawPixmap(cell.topLeft(), order_picture(chain, cell.size(), ratio))
    numbers = order_numbers(chain, cell.size(), ratio)
    if numbers is not None:
        filled = QPixmap(numbers)
        with QPainter(filled) as own:
            own.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
            own.drawImage(filled.rect(), _image(inks(chain, pixels, ground)))
        painter.drawPixmap(cell.topLeft(), filled)


def inks(chain: ImageChain, pixels: npt.NDArray[np.uint32], ground: QColor) -> npt.NDArray[np.uint8]:
    """Black or white for every number, whichever stands out more from what is under it: uint8 (H, W, 3)."""
    bgra = np.ascontiguousarray(pixels).view(np.uint8).reshape(chain.height, chain.width, 4)
    behind = np.array([ground.red(), ground.green(), ground.blue()]) * (1 - bgra[..., 3:] / 255)
    seen = (1 - UNDER_NUMBERS) * (bgra[..., 2::-1] + behind) + UNDER_NUMBERS * _by_pixel(chain)
    luminance: npt.NDArray[np.float64] = (seen / 255) ** 2.2 @ np.array([[0.2126], [0.7152], [0.0722]])
    return np.where(luminance > EVEN_LUMINANCE, 0, 255).astype(np.uint8).repeat(3, axis=-1)


@lru_cache(maxsize=4)
def order_picture(chain: ImageChain, size: QSize, ratio: float) -> QPixmap:
    """Transparent but for the colours; size and ratio: of a cell in device pixels, and device per logical pixel."""
    numbered = _font(chain, size, ratio) is not None
    if numbered or jumps(chain):
        return _painted(size, lambda painter: _veil(painter, chain, size, UNDER_NUMBERS if numbered else VEIL))
    # Twice as large and without smoothing, then made smaller: smooth lines across a whole image take a hundred times
    # as long to draw.
    twice = QSize(2 * size.width(), 2 * size.height())
    drawn = _painted(twice, lambda painter: _path(painter, chain, twice, 2 * ratio))
    return drawn.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)


@lru_cache(maxsize=4)
def order_numbers(chain: ImageChain, size: QSize, ratio: float) -> QPixmap | None:
    """Transparent but for the numbers, or None where there is no room for them; the arguments: see above."""
    font = _font(chain, size, ratio)
    return None if font is None else _painted(size, lambda painter: _numbers(painter, chain, size, font))


def _font(chain: ImageChain, size: QSize, ratio: float) -> QFont | None:
    """In which the longest number has room in a pixel, if there is one that can be read."""
    room = FILLED * size.width() / chain.width
    font = QFont(QApplication.font())
    for pixels in range(LARGEST_NUMBER, LEAST_NUMBER - 1, -1):
        font.setPixelSize(round(pixels * ratio))
        if len(str(len(chain.pixels) - 1)) * _widest_digit(font) <= room:
            return font
    return None


def _widest_digit(font: QFont) -> int:
    return max(map(QFontMetrics(font).horizontalAdvance, "0123456789"))


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
    at, anchors = np.linspace(0, len(ANCHORS) - 1, count), np.array(ANCHORS, np.float64)
    channels = [np.interp(at, np.arange(len(ANCHORS)), anchors[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def _veil(painter: QPainter, chain: ImageChain, size: QSize, opacity: float) -> None:
    painter.setOpacity(opacity)
    painter.drawImage(QRect(0, 0, size.width(), size.height()), _image(_by_pixel(chain)))


def _by_pixel(chain: ImageChain) -> npt.NDArray[np.uint8]:
    """Each pixel in the colour of its turn, uint8 (H, W, 3)."""
    return order_colours(len(chain.pixels))[chain.ranks]


def _image(rgb: npt.NDArray[np.uint8]) -> QImage:
    """Of uint8 (H, W, 3)."""
    height, width, _ = rgb.shape
    return QImage(rgb.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def _path(painter: QPainter, chain: ImageChain, size: QSize, ratio: float) -> None:
    side = size.width() / chain.width
    rows, columns = np.divmod(chain.pixels, chain.width)
    points = [
        QPointF(x, y) for x, y in zip(((columns + 0.5) * side).tolist(), ((rows + 0.5) * side).tolist(), strict=True)
    ]
    lines = [QLineF(start, end) for start, end in pairwise(points)]
    width = max(LEAST_WIDTH * ratio, WIDTH * side)
    dark = QColor(0, 0, 0, EDGE_OPACITY)
    # Flat, since lines that overlap would be darker there.
    painter.setPen(QPen(dark, width + 2 * EDGE * ratio, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
    painter.drawLines(lines)
    ends = np.linspace(0, len(lines), COLOURS + 1).astype(int).tolist()
    for (first, last), rgb in zip(pairwise(ends), order_colours(COLOURS).tolist(), strict=True):
        painter.setPen(QPen(QColor(*rgb), width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap))
        painter.drawLines(lines[first:last])
    painter.setPen(QPen(dark, EDGE * ratio))
    painter.setBrush(QColor(*ANCHORS[0]))
    painter.drawEllipse(points[0], 2 * width, 2 * width)


def _numbers(painter: QPainter, chain: ImageChain, size: QSize, font: QFont) -> None:
    """Put together from ten pictures of digits, since text is slow."""
    side = size.width() / chain.width
    across, down = _widest_digit(font), QFontMetrics(font).height()
    digits = _painted(QSize(10 * across, down), lambda own: _digits(own, font, across, down))
    for rank, pixel in enumerate(chain.pixels.tolist()):
        number = str(rank)
        row, column = divmod(pixel, chain.width)
        left, top = round((column + 0.5) * side - len(number) * across / 2), round((row + 0.5) * side - down / 2)
        for place, digit in enumerate(number):
            painter.drawPixmap(left + place * across, top, digits, int(digit) * across, 0, across, down)


def _digits(painter: QPainter, font: QFont, across: int, down: int) -> None:
    """0 to 9 side by side, each in a box of ``across`` x ``down``."""
    painter.setFont(font)
    painter.setPen(QColor("white"))
    for digit in range(10):
        painter.drawText(QRect(digit * across, 0, across, down), Qt.AlignmentFlag.AlignCenter, str(digit))
