"""The architectures. A new one is a file here and a line in ``BUILT_IN``, or an entry point of another package."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from models.errors import InputError

if TYPE_CHECKING:
    from models.model import AutoregressiveModel

ENTRY_POINT_GROUP = "sampling_studio.models"

BUILT_IN = {
    "gated_pixelcnn": "models.networks.gated_pixelcnn:GatedPixelCNN",
    "wavenet": "models.networks.wavenet:WaveNet",
}
"""Architecture to ``module:class``, imported when it is first needed: a list of models must not import torch."""


def network_class(architecture: str) -> type[AutoregressiveModel]:
    """The class of an architecture; raises InputError with the names that are known."""
    if architecture in BUILT_IN:
        module, name = BUILT_IN[architecture].split(":")
        found: type[AutoregressiveModel] = getattr(import_module(module), name)
        return found
    plug_ins = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if architecture in plug_ins:
        loaded: type[AutoregressiveModel] = plug_ins[architecture].load()
        return loaded
    raise InputError(f"unknown architecture {architecture!r}; known: {', '.join([*BUILT_IN, *plug_ins])}")
