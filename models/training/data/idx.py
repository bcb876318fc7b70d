"""Labelled images as MNIST is published, and as others are after its model: IDX files, or arrays in an .npz."""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.array_files import check_images, check_rows
from models.chain import ImageChain
from models.condition import Category, Condition, by_row
from models.errors import FileError
from models.record import damage_as_file_error, read_bytes
from models.training.data.base import first_existing, packed_arrays
from models.training.data.images import Images, part


@dataclass(frozen=True)
class IdxImages:
    """Images of one size, each with a label.

    packed: the .npz, with ``train_images``, ``train_labels``, ``test_images`` and ``test_labels``; it lies in the data
    folder or in ``home`` there. folders: where the IDX files may lie (``train-images-idx3-ubyte``, gzipped or not; a
    dot in place of the last dash but one, as some unpackers have it), "" being the data folder itself.
    """

    title: str
    chain: ImageChain
    factor: Category
    packed: str
    home: str
    folders: tuple[str, ...]

    def read(self, folder: Path, split: str) -> tuple[Images, list[Condition]]:
        """One split: the images, and the condition of each by its label.

        Raises FileError if the files are not there or damaged, InputError for content that does not fit.
        """
        official = "test" if split == "test" else "train"
        packed = first_existing(folder, self.packed, self.home + self.packed)
        if packed:
            names = [f"{official}_images", f"{official}_labels"]
            images, labels = packed_arrays(packed, *names)
        else:
            prefix = {"train": "train", "test": "t10k"}[official]
            paths = [
                self.path(folder, f"{prefix}-{stem}", kind)
                for stem, kind in (("images", "idx3-ubyte"), ("labels", "idx1-ubyte"))
            ]
            names = [path.name for path in paths]
            images, labels = map(read_idx, paths)
        with damage_as_file_error(str(packed or folder)):
            check_images(images, names[0], self.chain)
            check_rows(labels, names[1], len(images))
            values = self.factor.from_array(labels)
            chosen = part(split, len(images), names[0])
            return images[chosen], by_row({self.factor.name: values[chosen]}, len(values[chosen]))

    def path(self, folder: Path, stem: str, kind: str) -> Path:
        names = [f"{sub}{stem}{dot}{kind}{end}" for sub in self.folders for dot in "-." for end in ("", ".gz")]
        found = first_existing(folder, *names)
        if found is None:
            raise FileError(
                f"no {self.title} in {folder}: neither {self.home}{self.packed} nor {self.folders[0]}{stem}-{kind}"
            )
        return found


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """An IDX file of unsigned bytes (LeCun's format: two zero bytes, type, rank, big-endian sizes, data)."""
    with damage_as_file_error(str(path)):
        content, _ = read_bytes(path)
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        if len(content) < 4 or content[:3] != b"\0\0\x08":
            raise FileError(f"{path} is not an IDX file of unsigned bytes")
        rank = content[3]
        shape = np.frombuffer(content, ">u4", rank, 4).tolist()
        data = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
        if data.size != math.prod(shape):
            raise FileError(f"{path} holds {data.size} bytes of data where its header says {math.prod(shape)}")
        return data.reshape(shape)
