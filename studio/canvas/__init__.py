"""Canvases draw a take as it grows, one kind for each modality."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.state import Studio

CANVASES = {
    "image": "studio.canvas.image:ImageCanvas",
    "sound": "studio.canvas.sound:SoundCanvas",
}
"""The canvas of a chain's modality, as ``module:Class``; imported when it is first needed."""

NO_MODEL = "studio.canvas.common:Invitation"


def make_canvas(studio: Studio, modality: str | None) -> QWidget:
    """The canvas for a modality; before a model is chosen (None) one that invites to choose."""
    module, _, name = (NO_MODEL if modality is None else CANVASES[modality]).partition(":")
    canvas: QWidget = getattr(import_module(module), name)(studio)
    return canvas
