"""Where the user's own files live. No Qt: the command line and the doctor need it, too."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from models.errors import FileError


def profile_folder() -> Path:
    """The folder of this user: SAMPLING_STUDIO_PROFILE, or the platform's usual place. Raises FileError without one."""
    named = os.environ.get("SAMPLING_STUDIO_PROFILE")
    if named:
        return Path(named)
    try:
        home = Path.home()
    except RuntimeError:
        raise FileError("this user has no home folder: name a folder in SAMPLING_STUDIO_PROFILE") from None
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", home / "AppData/Roaming")) / "Sampling Studio"
    if sys.platform == "darwin":
        return home / "Library/Application Support/Sampling Studio"
    return Path(os.environ.get("XDG_DATA_HOME", home / ".local/share")) / "sampling-studio"


def remembered_folder(folder: str | None) -> str:
    """The folder that a dialog was in the last time; the user's own where there is none, or it is gone."""
    return folder if folder and os.path.isdir(folder) else os.path.expanduser("~")
