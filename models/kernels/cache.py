"""Where compiled kernels are kept between runs. Nothing here imports numba.

numba refuses to define a cached kernel where it cannot write, so there is always a folder that it can. The folder
carries the versions of the program and of numba in its name, so that a new release starts afresh, and a digest of the
kernels, so that an edited one does.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from models.version import VERSION

OVERRIDE = "SAMPLING_STUDIO_CACHE"
"""Environment variable: the folder to use instead of the user's cache folder."""

MARKER = "warm"

NEEDED_BYTES = 64 * 2**20
"""Several times what all kernels take."""


def _user_cache() -> Path:
    """The folder in which programs keep what they can make again."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _usable(folder: Path) -> bool:
    """Whether kernels can be kept in a folder, which is made first; a mode alone does not tell on every system."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return (folder / MARKER).is_file() or shutil.disk_usage(folder).free >= NEEDED_BYTES
    except OSError:
        return False


def _folder_name() -> str:
    """Versions, and a digest of the kernels' sources and of where they lie.

    numba sees a change in a kernel's own file only, and finds no kernel of another copy of this program: what is warm
    for one would be compiled in the thread of the other.
    """
    folder = Path(__file__).resolve().parent
    digest = hashlib.sha256(os.fsencode(folder))
    for source in sorted(folder.glob("*.py")):
        digest.update(source.read_bytes())
    return f"kernels-{VERSION}-{version('numba')}-{digest.hexdigest()[:8]}"


@lru_cache(maxsize=1)
def cache_folder() -> Path:
    """The folder of compiled kernels: ``SAMPLING_STUDIO_CACHE`` or the user's, else one that ends with this process."""
    name = _folder_name()
    try:
        chosen = os.environ.get(OVERRIDE)
        root: Path | None = Path(chosen) if chosen else _user_cache() / "sampling-studio"
    except RuntimeError:  # a user without a home
        root = None
    if root is None or not _usable(root / name):
        root = Path(tempfile.mkdtemp(prefix="sampling-studio-"))
        atexit.register(shutil.rmtree, root, ignore_errors=True)
        os.environ[OVERRIDE] = str(root)  # the child process that compiles is to find the same
        (root / name).mkdir()
    return root / name


def is_warm() -> bool:
    """Whether every kernel of this version has been compiled to disk."""
    return (cache_folder() / MARKER).is_file()


def mark_warm() -> None:
    """Records that every kernel has been compiled to disk."""
    (cache_folder() / MARKER).touch()
