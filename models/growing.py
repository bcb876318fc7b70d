"""Arrays that grow at their end, and leave memory for the disk where they become long.

A sound that goes on until somebody stops it would fill the memory: half an hour at 8 kHz takes 190 MB for what its
trace records alone. A long array therefore lies in a file without a name, which is mapped: whoever reads it finds an
array as ever, what nobody looks at any more is on the disk, and the file is gone with the array, or with the program.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

IN_MEMORY = 2**18
"""Longer arrays lie in a file: at 8 kHz after half a minute."""

RELEASED_STEPS = 2**16
"""After so many steps each, what lies in a file leaves memory."""

folder: Path | None = None
"""Where the files are; None for the system's folder of temporary files, which may itself lie in memory."""


class Growth:
    """Has one array grow: ``larger`` gives it anew with more room. What was read of the old one stays what it was.

    part: how many times shorter than others an array may be in memory, of several that belong to one long thing.
    """

    def __init__(self, part: int = 1) -> None:
        self._part = part
        self._file: int | None = None
        self._map: mmap.mmap | None = None

    def __del__(self) -> None:
        self._close()

    def larger(self, array: npt.NDArray[Any], used: int, capacity: int) -> npt.NDArray[Any]:
        """An array (..., capacity) that begins with the first ``used`` of (..., n).

        array: what this gave last, or one in memory. A file of one row grows without being copied.
        """
        shape = (*array.shape[:-1], capacity)
        if capacity > IN_MEMORY // self._part:
            try:
                known = self._file is not None and array.size == array.shape[-1]
                new = self._mapped(shape, array.dtype)
            except OSError:
                self._close()  # the disk is full: as long as there is memory, nothing is lost
            else:
                if not known:
                    new[..., :used] = array[..., :used]
                return new
        new = np.empty(shape, array.dtype)
        new[..., :used] = array[..., :used]
        return new

    def leave_memory(self) -> None:
        """What was read or written by now need not stay in memory; whoever reads it again gets it from the disk."""
        if self._map is not None:
            _release(self._map)

    def _close(self) -> None:
        """The file stays until nobody reads what is mapped of it."""
        if self._file is not None:
            os.close(self._file)
        self._file = self._map = None

    def _mapped(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        size = int(np.prod(shape)) * dtype.itemsize
        rows = int(np.prod(shape[:-1]))
        if self._file is None or rows > 1:
            self._close()
            with tempfile.TemporaryFile(dir=folder) as file:
                self._file = os.dup(file.fileno())
        _reserve(self._file, size)
        self._map = mmap.mmap(self._file, size)
        return np.frombuffer(self._map, dtype).reshape(shape)


def leave_memory(array: npt.NDArray[Any]) -> None:
    """The same of an array that ``larger`` has given, or of a part of it, for whoever has read it to the end."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, memoryview) and isinstance(owner.obj, mmap.mmap):
        _release(owner.obj)


def _release(mapped: mmap.mmap) -> None:
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _reserve(file: int, size: int) -> None:
    """Takes room on the disk now: a mapped file that finds none when it is written to would end the program."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        missing = size - os.fstat(file).st_size
        os.lseek(file, 0, os.SEEK_END)
        while missing > 0:
            missing -= os.write(file, bytes(min(missing, 2**20)))
