"""Small data sets in the formats in which the public ones come."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image


def write_idx(path: Path, array: npt.NDArray[Any]) -> None:
    """As MNIST is published; gzipped if the name ends in .gz."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    content = header + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_mosaic(path: Path, images: npt.NDArray[np.uint8], columns: int) -> None:
    """Colour images (N, 32, 32, 3) as the tiles of one lossless picture, row by row."""
    grid = images.reshape(-1, columns, 32, 32, 3).swapaxes(1, 2)
    Image.fromarray(grid.reshape(-1, columns * 32, 3)).save(path, "WEBP", lossless=True, quality=0, method=0)


def write_cifar_batch(path: Path, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> None:
    """Colour images (N, 32, 32, 3) as in the binary version of CIFAR-10."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    path.write_bytes(np.concatenate([labels[:, None], planes], 1).tobytes())
