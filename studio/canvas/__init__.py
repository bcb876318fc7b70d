"""Canvases draw a take as it grows, one kind for each modality, and one for texts that have a source."""

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
    "translation": "studio.canvas.translation:TranslationCanvas",
    "video": "studio.canvas.video:VideoCanvas",
}
"""Canvases by what they show, as ``module:Class``; each is imported when it is first needed."""


def kind_of_canvas(studio: Studio) -> str | None:
    """What a canvas has to show now: a modality, or a translation; None where no model is chosen."""
    if studio.chain is None:
        return None
    return "translation" if studio.source is not None else studio.chain.modality


def make_canvas(studio: Studio, kind: str) -> Canvas:
    """The canvas of a kind; a page that says so where there is none yet."""
    if kind not in CANVASES:
        from studio.canvas.common import PlainCanvas

        return PlainCanvas(studio, kind)
    module, _, name = CANVASES[kind].partition(":")
    canvas: Canvas = getattr(import_module(module), name)(studio)
    return canvas
