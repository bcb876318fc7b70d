"""Several images as one small picture of all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SIDE = 2
"""Images beside and below one another: more are too small to be told apart in a tile of the history."""
ON_A_SHEET = SIDE**2


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
