"""Checkpoints: a safetensors file with a JSON header, checked before anything is allocated, never executed."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from models.model import AutoregressiveModel

METADATA_KEY = "sampling_studio"
FORMAT = 1


def save_checkpoint(
    path: Path,
    model: AutoregressiveModel,
    *,
    name: str,
    title: str,
    data: dict[str, Any],
    training: dict[str, Any],
    likelihood: dict[str, Any],
) -> None:
    """Writes a model atomically: the file is there whole or not at all."""
    header = {
        "format": FORMAT,
        "name": name,
        "title": title,
        "architecture": model.architecture,
        "family": model.family,
        "chain": model.chain.to_json(),
        "conditions": [factor.to_json() for factor in model.factors],
        "config": dict(model.spec.config),
        "parameters": model.parameter_count,
        "receptive_field": model.receptive_field,
        "data": data,
        "training": training,
        "likelihood": likelihood,
    }
    tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    try:
        save_file(tensors, temporary, metadata={METADATA_KEY: json.dumps(header, ensure_ascii=False)})
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
