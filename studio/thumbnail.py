"""Small pictures of takes for the history: first images, latest frames, the outline of a wave, the first words."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QTextOption

from models.chain import INT16_PEAK, ImageChain, SoundChain
from models.growing import leave_memory
from models.text import TextChain
from models.trace import Take
from models.video import VideoChain

WAVE_WIDTH, WAVE_HEIGHT = 64, 40
TEXT_SIDE, LETTER_HEIGHT, FIRST_CHARACTERS = 92, 15, 80
"""Of the picture of a text: twice as large as it is shown, so that its letters are sharp on a fine screen."""
WAVE_COLOUR = (88, 166, 255)
UNDRAWN = 64
"""Alpha of what is not drawn: the strip's own ground shows through."""
SIDE = 2
"""Images beside and below one another: more are too small to be told apart in a tile of the history."""
ON_A_SHEET = SIDE**2


def thumbnail(take: Take) -> str:
    """A PNG in base64."""
    chain = take.chain
    symbols = take.traces[0].symbols
    if isinstance(chain, ImageChain):
        pixels = sheet([image_pixels(chain, trace.symbols) for trace in take.traces[:ON_A_SHEET]])
    elif isinstance(chain, VideoChain):
        frame = chain.frame
        first = max(0, take.longest - 1) // frame.length * frame.length
        shown = [trace.symbols[first : first + frame.length] for trace in take.traces[:ON_A_SHEET]]
        pixels = sheet([image_pixels(frame, row) for row in shown])
    elif isinstance(chain, SoundChain):
        pixels = wave_pixels(chain, symbols)
    elif isinstance(chain, TextChain):
        start = len(take.given)  # what was given may be alike in many takes
        pixels = words_picture(chain.text(symbols[start : start + FIRST_CHARACTERS]))
    else:
        pixels = np.zeros((1, 1, 4), np.uint8)  # a picture that nobody has drawn yet is an empty one
    file = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")


def image_pixels(chain: ImageChain, symbols: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """RGBA (H, W, 4); what is not drawn is transparent grey."""
    full = np.zeros(chain.length, np.int32)
    full[: len(symbols)] = symbols
    shape = (chain.height, chain.width, -1)
    drawn = chain.drawn(len(symbols))
    pixels = np.full((chain.height, chain.width, 4), 128, np.uint8)
    pixels[..., :3] = np.where(drawn[..., None], chain.image(full).reshape(shape), 128)
    pixels[..., 3] = np.where(drawn, 255, UNDRAWN)
    return pixels


def sheet(images: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """RGBA images (H, W, 4), of which the first few are shown, row by row with a transparent pixel between them."""
    if len(images) == 1:
        return images[0]
    height, width, channels = images[0].shape
    rows = -(-min(len(images), ON_A_SHEET) // SIDE)
    whole = np.zeros((rows * (height + 1) - 1, SIDE * (width + 1) - 1, channels), np.uint8)
    for n, image in enumerate(images[:ON_A_SHEET]):
        top, left = n // SIDE * (height + 1), n % SIDE * (width + 1)
        whole[top : top + height, left : left + width] = image
    return whole


def words_picture(text: str) -> npt.NDArray[np.uint8]:
    """RGBA (TEXT_SIDE, TEXT_SIDE, 4): the first words of a text, of whatever script the system has letters for."""
    picture = QImage(TEXT_SIDE, TEXT_SIDE, QImage.Format.Format_RGBA8888)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    try:
        font = painter.font()
        font.setPixelSize(LETTER_HEIGHT)
        painter.setFont(font)
        painter.setPen(QColor(*WAVE_COLOUR))
        wrapped = QTextOption()
        wrapped.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        painter.drawText(QRectF(picture.rect()), text, wrapped)
    finally:
        painter.end()
    return np.frombuffer(picture.constBits(), np.uint8).reshape(TEXT_SIDE, TEXT_SIDE, 4).copy()


def wave_pixels(chain: SoundChain, symbols: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """RGBA (WAVE_HEIGHT, WAVE_WIDTH, 4): the peak of every column about the middle."""
    pixels = np.zeros((WAVE_HEIGHT, WAVE_WIDTH, 4), np.uint8)
    edges = np.linspace(0, max(1, len(symbols)), WAVE_WIDTH + 1).astype(int)
    middle = (WAVE_HEIGHT - 1) / 2
    rows = np.abs(np.arange(WAVE_HEIGHT) - middle)
    for column in range(WAVE_WIDTH):
        part = chain.wave(symbols[edges[column] : edges[column + 1]])
        if part.size:
            reach = max(0.5, float(np.abs(part.astype(np.int32)).max()) / INT16_PEAK * middle)
            pixels[rows <= reach, column] = (*WAVE_COLOUR, 255)
        leave_memory(symbols)
    return pixels
