"""The architectures. A new one is a file here and a line in ``BUILT_IN``, or an entry point of another package."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from models.plug_ins import plug_in

if TYPE_CHECKING:
    from models.model import AutoregressiveModel

ENTRY_POINT_GROUP = "sampling_studio.models"

BUILT_IN = {
    "gated_pixelcnn": "models.networks.gated_pixelcnn:GatedPixelCNN",
    "wavenet": "models.networks.wavenet:WaveNet",
}
"""Architecture to ``module:class``, imported when it is first needed: a list of models must not import torch."""


def network_class(architecture: str) -> type[AutoregressiveModel]:
    """The class of an architecture; raises InputError as ``plug_in`` for one that is not built in."""
    if architecture in BUILT_IN:
        module, name = BUILT_IN[architecture].split(":")
        found: type[AutoregressiveModel] = getattr(import_module(module), name)
        return found
    from models.model import AutoregressiveModel

    return plug_in(ENTRY_POINT_GROUP, architecture, AutoregressiveModel, "architecture", BUILT_IN)
