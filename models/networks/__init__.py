"""The architectures. A new one is a file here and a line in ``BUILT_IN``, or an entry point of another package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.plug_ins import find_class

if TYPE_CHECKING:
    from models.model import AutoregressiveModel

ENTRY_POINT_GROUP = "sampling_studio.models"

BUILT_IN = {
    "gated_pixelcnn": "models.networks.gated_pixelcnn:GatedPixelCNN",
    "wavenet": "models.networks.wavenet:WaveNet",
    "pixelcnn": "models.networks.pixelcnn:PixelCNN",
    "pixelcnn_autoencoder": "models.networks.pixelcnn_autoencoder:PixelCNNAutoencoder",
    "pixelcnn_pp": "models.networks.pixelcnn_pp:PixelCNNPP",
    "tabular": "models.networks.tabular:TabularChain",
    "linear_autoregression": "models.networks.linear_autoregression:LinearAutoregression",
    "fvbn": "models.networks.fvbn:FVBN",
    "made": "models.networks.made:MADE",
    "nade": "models.networks.nade:NADE",
    "row_lstm": "models.networks.row_lstm:RowLSTM",
    "diagonal_bilstm": "models.networks.diagonal_bilstm:DiagonalBiLSTM",
    "multiscale_pixel_rnn": "models.networks.multiscale_pixel_rnn:MultiscalePixelRNN",
    "orderless_nade": "models.networks.orderless_nade:OrderlessNADE",
    "transformer": "models.networks.transformer:Transformer",
    "gpt2": "models.networks.gpt2:GPT2",
    "bytenet": "models.networks.bytenet:ByteNet",
    "translation_transformer": "models.networks.translation_transformer:TranslationTransformer",
    "video_pixel_network": "models.networks.video_pixel_network:VideoPixelNetwork",
}
"""Architecture to ``module:class``, imported when it is first needed: a list of models must not import torch."""


def network_class(architecture: str) -> type[AutoregressiveModel]:
    """The class of an architecture; raises InputError as ``find_class``."""
    from models.model import AutoregressiveModel

    return find_class(
        architecture, BUILT_IN, ENTRY_POINT_GROUP, AutoregressiveModel, what="architecture", attribute="architecture"
    )
