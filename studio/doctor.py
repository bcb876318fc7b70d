"""What is installed, what is missing, and the one line that gets it.

Imports neither Qt nor sounddevice: they are what may fail. PortAudio is asked in a child process, since a driver may
crash or hang.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.errors import StudioError
from models.version import VERSION

SOUND_PACKAGES = ("sounddevice", "soxr", "soundfile")
PACKAGES = (
    "torch", "numpy", "numba", "safetensors", "pillow", "PySide6-Essentials", "pyqtgraph", *SOUND_PACKAGES,
)  # fmt: skip


def _libraries(purpose: str) -> dict[str, str]:
    """Library to Debian package, of those that are needed for ``window``, ``x11`` or ``sound``."""
    lines = (Path(__file__).parent / "system_libraries.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {library: package for used_for, library, package in rows if used_for == purpose}


WINDOW_LIBRARIES = _libraries("window")
"""What Qt loads on Linux, whatever it draws on."""

X11_LIBRARIES = _libraries("x11")
"""What Qt loads for a window on X11."""

SOUND_LIBRARY = _libraries("sound")

PROBE_SECONDS = 15
PORTAUDIO_PROBE = """
import json, sounddevice as sd
outputs = [
    {"name": d["name"], "rate": d["default_samplerate"]} for d in sd.query_devices() if d["max_output_channels"]
]
print(json.dumps({"version": sd.get_portaudio_version()[1], "outputs": outputs}))
"""


@dataclass(frozen=True)
class Problem:
    """Something missing. blocks_window: whether the window cannot start without it."""

    what: str
    remedy: str
    blocks_window: bool


@dataclass(frozen=True)
class Diagnosis:
    """What ``examine`` found: facts by topic, each a mapping for JSON and people, and what is wrong."""

    facts: dict[str, dict[str, Any]]
    problems: tuple[Problem, ...]

    @property
    def window(self) -> bool:
        """Whether the window can start."""
        return not any(problem.blocks_window for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        return {"window_starts": self.window, **self.facts, "problems": [asdict(problem) for problem in self.problems]}

    def to_text(self) -> str:
        lines = []
        for topic, facts in self.facts.items():
            lines.append(topic)
            for name, value in facts.items():
                lines.append(f"  {name:<20} {_in_words(value)}")
        lines.append("")
        for problem in self.problems:
            lines += [f"{'missing' if problem.blocks_window else 'note'}: {problem.what}", f"    {problem.remedy}"]
        lines.append("The window can start." if self.window else "The window cannot start.")
        return "\n".join(lines)


def examine() -> Diagnosis:
    """Looks at everything. Never raises, whatever is broken."""
    problems: list[Problem] = []
    facts = {
        "system": {
            "program": VERSION,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "distribution": _distribution().get("PRETTY_NAME"),
        },
        "packages": _packages(problems),
        "torch": _torch(problems),
        "kernels": _kernels(problems),
        "window": _window(problems),
        "sound": _sound(problems),
        "folders": _folders(problems),
    }
    return Diagnosis(facts, tuple(problems))


def _in_words(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(_in_words(entry) for entry in value) or "none"
    if isinstance(value, dict):
        return ", ".join(_in_words(entry) for entry in value.values())
    return str(value)


def _distribution() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _packages(problems: list[Problem]) -> dict[str, Any]:
    found = {package: _version(package) for package in PACKAGES}
    missing = [package for package, version in found.items() if version is None]
    if missing:
        install = f"{sys.executable} -m pip install {' '.join(missing)}"
        blocks = not set(SOUND_PACKAGES).issuperset(missing)
        problems.append(Problem(f"Python packages: {', '.join(missing)}", install, blocks))
    return dict(found)


def _torch(problems: list[Problem]) -> dict[str, Any]:
    try:
        import torch

        cuda = torch.cuda.is_available()
        return {
            "version": torch.__version__,
            "threads": torch.get_num_threads(),
            "cuda": cuda,
            "cuda devices": [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())] if cuda else [],
        }
    except Exception as error:  # a broken installation raises whatever it likes
        problems.append(
            Problem(
                f"torch cannot be imported: {_one_line(error)}",
                f"{sys.executable} -m pip install --force-reinstall torch",
                False,
            )
        )
        return {"version": None}


def _kernels(problems: list[Problem]) -> dict[str, Any]:
    if _version("numba") is None:
        return {"numba": None}
    try:
        from models.kernels.cache import cache_folder, is_warm

        return {"numba": _version("numba"), "cache": str(cache_folder()), "compiled": is_warm()}
    except Exception as error:
        problems.append(
            Problem(
                f"the cache of compiled kernels cannot be used: {_one_line(error)}",
                "set SAMPLING_STUDIO_CACHE to a folder that can be written",
                False,
            )
        )
        return {"numba": _version("numba")}


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _window(problems: list[Problem]) -> dict[str, Any]:
    facts: dict[str, Any] = {"qt": _version("PySide6-Essentials")}
    if not sys.platform.startswith("linux"):
        return facts
    named = os.environ.get("QT_QPA_PLATFORM", "").split(";")[0].split(":")[0]
    on_wayland = named.startswith("wayland") or (
        not named and "WAYLAND_DISPLAY" in os.environ and "DISPLAY" not in os.environ
    )
    on_x11 = named in ("", "xcb") and not on_wayland
    missing = [library for library in WINDOW_LIBRARIES if not _loads(library)]
    missing_x11 = [library for library in X11_LIBRARIES if not _loads(library)]
    facts |= {
        "display": os.environ.get("WAYLAND_DISPLAY") if on_wayland else os.environ.get("DISPLAY"),
        "QT_QPA_PLATFORM": named or None,
        "missing libraries": missing + missing_x11,
    }
    for libraries, packages, blocks in (
        (missing, WINDOW_LIBRARIES, True),
        (missing_x11, X11_LIBRARIES, on_x11),
    ):
        if libraries:
            problems.append(Problem(f"system libraries: {', '.join(libraries)}", _install(libraries, packages), blocks))
    if (on_x11 or on_wayland) and facts["display"] is None:
        problems.append(
            Problem(
                "a screen: neither DISPLAY nor WAYLAND_DISPLAY is set",
                "start it on a desktop or through ssh -X; the commands listed by --help need no screen",
                True,
            )
        )
    elif on_x11 and "WAYLAND_DISPLAY" not in os.environ and not _reachable():
        problems.append(
            Problem(
                f"a screen: nothing answers at DISPLAY={facts['display']}",
                "start it on a desktop or through ssh -X; the commands listed by --help need no screen",
                True,
            )
        )
    return facts


def check_window() -> None:
    """Raises StudioError with what is missing: Qt would end the whole program, in words of its own."""
    problems: list[Problem] = []
    _window(problems)
    for problem in problems:
        if problem.blocks_window:
            raise StudioError(f"the window cannot start without {problem.what}: {problem.remedy}")


def _reachable() -> bool:
    """Whether the X server that DISPLAY names answers."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True  # that it is missing is said elsewhere
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return not failed


def _install(libraries: list[str], packages: dict[str, str]) -> str:
    """The line that installs the packages of some libraries."""
    if shutil.which("apt-get") is None:
        return f"install the packages of your distribution that hold {' '.join(libraries)}"
    names = " ".join(_present_name(package) for package in dict.fromkeys(packages[library] for library in libraries))
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}apt-get install --no-install-recommends {names}"


def _present_name(package: str) -> str:
    """The name of a Debian package on this release: since the change to 64-bit time some end in ``t64``."""
    try:
        shown = subprocess.run(
            ["apt-cache", "show", package + "t64"], capture_output=True, timeout=PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return package
    return package + "t64" if shown.returncode == 0 else package


def _sound(problems: list[Problem]) -> dict[str, Any]:
    if _version("sounddevice") is None:
        return {"portaudio": None, "outputs": []}
    try:
        probe = subprocess.run(
            [sys.executable, "-c", PORTAUDIO_PROBE], capture_output=True, text=True, timeout=PROBE_SECONDS, check=True
        )
        found: dict[str, Any] = json.loads(probe.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        if sys.platform.startswith("linux") and not _loads("libportaudio.so.2"):
            libraries = list(SOUND_LIBRARY)
            problems.append(Problem("PortAudio: there will be no sound", _install(libraries, SOUND_LIBRARY), False))
        else:
            problems.append(
                Problem(
                    f"PortAudio does not answer ({type(error).__name__}): there will be no sound",
                    f"{sys.executable} -m pip install --force-reinstall sounddevice",
                    False,
                )
            )
        return {"portaudio": None, "outputs": []}
    if not found["outputs"]:
        problems.append(
            Problem(
                "no output device for sound: there will be no sound",
                "connect one, or start the sound server of your desktop",
                False,
            )
        )
    return {
        "portaudio": found["version"],
        "outputs": [f"{device['name']} ({device['rate']:.0f} Hz)" for device in found["outputs"]],
    }


def _folders(problems: list[Problem]) -> dict[str, Any]:
    from studio.folders import profile_folder

    try:
        folder = profile_folder()
    except StudioError:  # a user without a home
        problems.append(
            Problem("a home folder for settings and history", "set SAMPLING_STUDIO_PROFILE to a folder", True)
        )
        return {"profile": None}
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK)
    if not writable:
        problems.append(
            Problem(
                f"the profile folder {folder} cannot be written",
                "make it writable, or set SAMPLING_STUDIO_PROFILE to another folder",
                True,
            )
        )
    return {"profile": str(folder), "writable": writable}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
