"""The order in which the pixels of an image come, painted over it: a path, or numbers where there is room for them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPixmap

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


@lru_cache(maxsize=4)
def order_picture(chain: ImageChain, size: QSize, ratio: float) -> QPixmap:
    """Transparent but for the order; size and ratio: of a cell in device pixels, and device per logical pixel.

    Colours go from dark to bright along the order; the first pixel is a dot.
    """
    picture = QPixmap(size)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    with painting_with(painter):
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if size.width() / chain.width >= ROOM * ratio:
            _numbers(painter, chain, size, ratio)
        else:
            _path(painter, chain, size, ratio)
    painter.end()
    return picture


def _colours(count: int) -> list[QColor]:
    table = heat_table()
    chosen = table[np.linspace(FIRST_HEAT, LAST_HEAT, count).astype(int)]
    return [QColor(*rgb) for rgb in chosen.tolist()]


def _path(painter: QPainter, chain: ImageChain, size: QSize, ratio: float) -> None:
    side = size.width() / chain.width
    rows, columns = np.divmod(chain.pixels, chain.width)
    points = [
        QPointF(x, y) for x, y in zip(((columns + 0.5) * side).tolist(), ((rows + 0.5) * side).tolist(), strict=True)
    ]
    width = max(LEAST_WIDTH * ratio, WIDTH * side)
    for start, end, colour in zip(points, points[1:], _colours(len(points)), strict=False):
        painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(start, end)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_colours(2)[1])
    painter.drawEllipse(points[0], 1.6 * width, 1.6 * width)


def _numbers(painter: QPainter, chain: ImageChain, size: QSize, ratio: float) -> None:
    side = size.width() / chain.width
    font = QFont(painter.font())
    font.setPixelSize(max(1, round(min(0.36 * side, LARGEST_NUMBER * ratio))))
    painter.setFont(font)
    for rank, (pixel, colour) in enumerate(zip(chain.pixels.tolist(), _colours(len(chain.pixels)), strict=True)):
        row, column = divmod(pixel, chain.width)
        cell = QRectF(column * side, row * side, side, side)
        painter.setPen(QColor(0, 0, 0, 170))
        for shift in (-1, 1):
            painter.drawText(cell.translated(shift, shift), Qt.AlignmentFlag.AlignCenter, str(rank))
        painter.setPen(colour)
        painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, str(rank))
