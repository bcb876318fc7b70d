"""Writing files so that they are there whole or not at all, and operating-system errors in words."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from models.errors import FileError

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "it is larger than the system allows a file to be",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "its links go round in a circle",
}

_TEMPORARY = re.compile(r"\.[0-9a-f]{16}")


def reason(error: OSError) -> str:
    """Why the operating system refused, in words: ``the disk is full``."""
    return _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()


@contextmanager
def atomic_path(path: Path, *, flush: bool = True) -> Iterator[Path]:
    """Yields an empty temporary file to write instead of ``path``, in the same folder and with the same suffix.

    When the block ends it is flushed to the disk and renamed over ``path``; when the block raises it is removed and
    ``path`` stays as it was. The file gets the permissions of the one it replaces, or the user's usual ones; a link is
    written through. The temporary name begins with a dot, so that whoever lists a folder can leave it out.
    flush: whether to wait for the disk; without it a crash of the program is survived, a loss of power perhaps not.

    Raises FileError, naming ``path`` and the reason, for every OSError, also those of the block.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not (target.is_file() or target.is_dir()):
        raise FileError(f"cannot write {path}: it is a device or a pipe, not a regular file")
    temporary = target.with_name(f".{secrets.token_hex(8)}{target.suffix}")
    try:
        # Not tempfile.mkstemp: its files can be read by nobody else, which is wrong for what a user shares.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield temporary
            if flush:
                with temporary.open("r+b") as file:
                    os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileError(f"cannot write {path}: {reason(error)}") from error


def leftovers(folder: Path, suffix: str) -> list[Path]:
    """The temporary files of ``atomic_path`` in a folder: being written now, or left by a program that was killed."""
    return [path for path in folder.glob(f".*{suffix}") if _TEMPORARY.fullmatch(path.stem)]


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a whole file. Raises FileError, naming the path and the reason, and then leaves what was there."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
