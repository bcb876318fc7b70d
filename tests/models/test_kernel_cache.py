"""Compiled kernels are kept in a folder of the program's own, and nothing fails where there is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import models
from models.kernels.cache import OVERRIDE
from models.kernels.warm import NICENESS


def run(code: str, cache: Path) -> str:
    """What a fresh interpreter prints."""
    environment = {**os.environ, OVERRIDE: str(cache)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout


COMPILE = """
import numba, numpy  # before our kernels, as a plug-in may
from models.kernels.draw import fast_tanh
fast_tanh(numpy.float32(1))
"""


def test_compiled_kernels_land_in_the_chosen_folder(tmp_path: Path) -> None:
    run(COMPILE, tmp_path)
    assert list(tmp_path.glob("kernels-*/**/*.nbi"))


@pytest.mark.parametrize("blocked", ["a file", "a folder below a file"])
def test_where_nothing_can_be_written_kernels_compile_all_the_same(tmp_path: Path, blocked: str) -> None:
    file = tmp_path / "file"
    file.touch()
    run(COMPILE, file if blocked == "a file" else file / "folder")


def test_two_copies_of_the_program_do_not_take_one_anothers_kernels_for_theirs(tmp_path: Path) -> None:
    name = "from models.kernels.cache import cache_folder; print(cache_folder().name)"
    shutil.copytree(Path(models.__path__[0]), tmp_path / "copy" / "models")
    copied = f"import sys; sys.path.insert(0, {str(tmp_path / 'copy')!r}); {name}"
    assert run(name, tmp_path) == run(name, tmp_path) != run(copied, tmp_path)


@pytest.mark.parametrize("damage", [b"", b"garbage"])
def test_a_damaged_cache_is_compiled_again(tmp_path: Path, damage: bytes) -> None:
    run(COMPILE, tmp_path)
    files = list(tmp_path.glob("kernels-*/**/*.nb?"))
    for file in files:
        file.write_bytes(damage)
    run(COMPILE, tmp_path)
    assert all(file.stat().st_size > 100 for file in files)


def test_a_disk_that_is_almost_full_is_not_chosen(tmp_path: Path) -> None:
    code = """
import shutil
from types import SimpleNamespace
shutil.disk_usage = lambda path: SimpleNamespace(free=1000)
from models.kernels.cache import cache_folder
print(cache_folder())
"""
    assert tmp_path not in Path(run(code, tmp_path).strip()).parents


def test_compiling_ends_with_the_program_that_asked_for_it(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "models.kernels.warm", "--while-watched"],
        stdin=subprocess.PIPE,
        env={**os.environ, OVERRIDE: str(tmp_path)},
    )
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(timeout=20) == 1


@pytest.mark.skipif(not hasattr(os, "nice"), reason="a system without niceness")
def test_compiling_gives_way_to_other_programs_if_asked_to(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "models.kernels.warm", "--while-watched", "--nice"],
        stdin=subprocess.PIPE,
        env={**os.environ, OVERRIDE: str(tmp_path)},
    )
    wanted = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    deadline = time.monotonic() + 20
    while os.getpriority(os.PRIO_PROCESS, child.pid) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert os.getpriority(os.PRIO_PROCESS, child.pid) == wanted
    child.communicate()


def test_a_child_process_shares_a_temporary_folder_which_ends_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code = """
import json, subprocess, sys
from models.kernels.cache import cache_folder
child = "from models.kernels.cache import cache_folder; print(cache_folder(), end='')"
print(json.dumps([str(cache_folder()), subprocess.check_output([sys.executable, "-c", child], text=True)]))
"""
    own, childs = json.loads(run(code, tmp_path / "file"))
    assert own == childs
    assert not Path(own).exists()


def test_asking_whether_kernels_are_warm_imports_neither_numba_nor_torch(tmp_path: Path) -> None:
    code = """
import sys
from models.kernels.cache import mark_warm
from models.kernels.warm import is_warm
print(is_warm(), mark_warm(), is_warm(), {"numba", "torch"} & set(sys.modules))
"""
    assert run(code, tmp_path).strip() == "False None True set()"
