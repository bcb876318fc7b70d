"""Canvases draw a take as it grows, one kind for each modality."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.canvas.common import Canvas
    from studio.state import Studio

CANVASES = {
    "image": "studio.canvas.image:ImageCanvas",
    "sound": "studio.canvas.sound:SoundCanvas",
    "text": "studio.canvas.text:TextCanvas",
    "video": "studio.canvas.video:VideoCanvas",
}
"""The canvas of a chain's modality, as ``module:Class``; imported when it is first needed."""


def make_canvas(studio: Studio, modality: str) -> Canvas:
    """The canvas for a modality; a page that says so where there is none yet."""
    if modality not in CANVASES:
        from studio.canvas.common import PlainCanvas

        return PlainCanvas(studio, modality)
    module, _, name = CANVASES[modality].partition(":")
    canvas: Canvas = getattr(import_module(module), name)(studio)
    return canvas
