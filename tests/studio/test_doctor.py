"""The doctor: finds what is missing, says how to get it, and never fails itself."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from studio import doctor
from studio.doctor import Problem, examine

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="system libraries are looked at on Linux only")


def only(problems: tuple[Problem, ...], word: str) -> Problem:
    (found,) = [problem for problem in problems if word in problem.what]
    return found


def test_neither_qt_nor_sounddevice_is_imported() -> None:
    program = (
        "import sys; from studio.doctor import examine; examine(); "
        "sys.exit(any(name in sys.modules for name in ('PySide6', 'sounddevice')))"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


def test_the_report_is_json_and_text() -> None:
    diagnosis = examine()
    facts = json.loads(json.dumps(diagnosis.to_json()))
    assert facts["packages"]["numpy"]
    assert facts["torch"]["version"]
    assert facts["folders"]["profile"]
    assert "numpy" in diagnosis.to_text()
    assert "The window can" in diagnosis.to_text()


@linux
def test_a_missing_library_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor.WINDOW_LIBRARIES, "libnowhere.so.9", "libnowhere9")
    diagnosis = examine()
    problem = only(diagnosis.problems, "libnowhere.so.9")
    assert "libnowhere" in problem.remedy
    assert problem.blocks_window
    assert not diagnosis.window


@linux
def test_x11_libraries_do_not_matter_off_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor.X11_LIBRARIES, "libnowhere.so.9", "libnowhere9")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert not only(examine().problems, "libnowhere.so.9").blocks_window
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    assert only(examine().problems, "libnowhere.so.9").blocks_window


@linux
def test_a_missing_screen_stops_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert only(examine().problems, "DISPLAY").blocks_window
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(doctor, "_reachable", lambda: True)
    assert not [problem for problem in examine().problems if "screen" in problem.what]


@linux
def test_a_screen_that_does_not_answer_is_said_before_qt_ends_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":4711")
    done = subprocess.run([sys.executable, "-m", "studio"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "DISPLAY=:4711" in done.stderr


@pytest.mark.parametrize("probe", ["raise OSError('PortAudio library not found')", "import os; os.abort()", "print(1"])
def test_broken_sound_is_a_note_and_nothing_more(monkeypatch: pytest.MonkeyPatch, probe: str) -> None:
    monkeypatch.setattr(doctor, "PORTAUDIO_PROBE", probe)
    diagnosis = examine()
    assert not only(diagnosis.problems, "PortAudio").blocks_window
    assert diagnosis.facts["sound"] == {"portaudio": None, "outputs": []}


def test_a_missing_package_is_named_with_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", (*doctor.PACKAGES, "no-such-package-anywhere"))
    problem = only(examine().problems, "no-such-package-anywhere")
    assert problem.remedy.endswith("-m pip install no-such-package-anywhere")
    assert problem.blocks_window


def test_a_profile_folder_that_cannot_be_made_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("profile") / "file"
    file.touch()
    monkeypatch.setenv("SAMPLING_STUDIO_PROFILE", str(file / "profile"))
    assert only(examine().problems, "profile folder").blocks_window
