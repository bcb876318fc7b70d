"""The colours that entropy and surprise are shown in, on the canvas and in files."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

HEAT_ANCHORS = bytes.fromhex(
    "000004 0a0723 200c49 3c0964 560f6d 70196e 89226a a22b61 bb3654 d04544 e35932 f1711e f98c09 fcaa0f f9c932 f2e865"
    "fcffa4"
)
"""*inferno* (van der Walt and Smith 2015, CC0) at every sixteenth of its range: even to the eye, readable in grey."""


def heat_table() -> npt.NDArray[np.uint8]:
    """uint8 (256, 3): RGB from nothing (black) over red to much (pale yellow)."""
    anchors = np.frombuffer(HEAT_ANCHORS, np.uint8).reshape(-1, 3).astype(np.float64)
    at = np.linspace(0, len(anchors) - 1, 256)
    columns = [np.interp(at, np.arange(len(anchors)), anchors[:, channel]) for channel in range(3)]
    return np.rint(np.stack(columns, axis=1)).astype(np.uint8)


def bright(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Of colours (…, 3), whether black letters stand out from them more than white ones do (WCAG 2)."""
    linear = (rgb / 255) ** 2.2
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    result: npt.NDArray[np.bool_] = luminance > 0.179
    return result
