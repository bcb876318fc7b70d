"""The receptive field of a step, painted over an image: what can change it, and how much that does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPixmap

from models.chain import ImageChain
from studio.canvas.common import HEAT
from studio.messages import Influence
from studio.theme import Theme, faded, hatch_brush
from studio.widgets.painting import painting_with

SHADE = 0.82
"""How much of the stage lies over what cannot change the step, or comes after it."""

LEAST_STRENGTH = 1e-6
"""In nats a level: where all strengths are below it, none is painted as if it were strong."""


def strongest(influence: Influence) -> float:
    """The largest strength: where the colours end."""
    return float(influence.strength.max(initial=0.0))


def by_pixel(influence: Influence, chain: ImageChain) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """reach and strength of the pixels (height, width): of a colour pixel that of its most influential channel."""
    steps = np.zeros((2, chain.height * chain.width * chain.channels))
    steps[:, : influence.step] = influence.reach, influence.strength
    pixels = steps.reshape(2, -1, chain.channels).max(2)[:, chain.ranks]
    return pixels[0] > 0, pixels[1]


def influence_picture(influence: Influence, chain: ImageChain, size: QSize, theme: Theme, ratio: float) -> QPixmap:
    """A picture of ``size`` device pixels to lie over the image; the square root of the strength by the heat map."""
    reach, strength = by_pixel(influence, chain)
    top = max(strongest(influence), LEAST_STRENGTH)
    colours = HEAT[(255 * np.sqrt(strength / top)).astype(np.uint8)]
    pixels = np.where(reach, colours, np.uint32(0)).astype(np.uint32)
    step_pixel = int(chain.pixels[influence.step // chain.channels])
    shaded = ~reach.reshape(-1)
    shaded[step_pixel] = False
    flat = pixels.reshape(-1)
    flat[shaded] = np.uint32(faded(theme.window, SHADE).rgba())
    blind = (chain.ranks < influence.step // chain.channels) & ~reach
    picture = QPixmap(size)
    picture.fill(Qt.GlobalColor.transparent)
    whole = QRect(0, 0, size.width(), size.height())
    painter = QPainter(picture)
    with painting_with(painter):
        # All that is hatched in one go: what a mask leaves of a hatched whole. The colours go beneath.
        painter.drawImage(whole, _image(np.where(blind, np.uint32(0xFF000000), np.uint32(0))))
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
        painter.fillRect(whole, hatch_brush(theme, ratio))
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationOver)
        painter.drawImage(whole, _image(pixels))
    painter.end()
    return picture


def _image(pixels: npt.NDArray[np.uint32]) -> QImage:
    """pixels: ARGB, (height, width)."""
    height, width = pixels.shape
    return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_ARGB32).copy()
