"""The table of formats: which fit a chain, and what a path says to write."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from models.chain import Alphabet, Chain, ImageChain, SoundChain
from models.errors import FileError, InputError
from models.formats import FORMATS, format_by_suffix, format_of, formats_of, suffixes

IMAGE = ImageChain(Alphabet("grey", 4), 6, 6)
SOUND = SoundChain(Alphabet("mu_law", 32), 8000, default_seconds=0.02, max_seconds=0.1)


@dataclass(frozen=True)
class TouchChain(ImageChain):
    """A modality that no format is made for."""

    modality: ClassVar[str] = "touch"


TOUCH = TouchChain(Alphabet("grey", 4), 6, 6)


@pytest.mark.parametrize(
    ("chain", "fitting"), [(IMAGE, [".png", ".gif", ".npz"]), (SOUND, [".wav", ".npz"]), (TOUCH, [".npz"])]
)
def test_the_formats_of_a_chain_are_its_modalitys_and_those_for_any_its_own_first(
    chain: Chain, fitting: list[str]
) -> None:
    assert [form.suffix for form in formats_of(chain)] == fitting


def test_suffixes_are_distinct_and_in_lower_case() -> None:
    names = [form.suffix for form in FORMATS]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and name.startswith(".") for name in names)


def test_suffixes_in_words() -> None:
    assert suffixes(formats_of(IMAGE)) == ".png, .gif or .npz"
    assert suffixes(formats_of(SOUND)) == ".wav or .npz"
    assert suffixes(formats_of(TOUCH)) == ".npz"


def test_a_suffix_counts_in_any_case() -> None:
    assert format_by_suffix(".PNG", IMAGE).suffix == ".png"


@pytest.mark.parametrize(
    ("chain", "suffix", "says"),
    [
        (IMAGE, ".wav", r"image data cannot be saved as '\.wav'; use \.png, \.gif or \.npz, or a folder"),
        (SOUND, ".png", r"sound data cannot be saved as '\.png'; use \.wav or \.npz, or a folder"),
        (TOUCH, ".png", r"touch data cannot be saved as '\.png'; use \.npz, or a folder"),
        (IMAGE, ".jpg", r"'\.jpg'; use \.png"),
    ],
)
def test_a_suffix_that_does_not_fit_is_refused_with_those_that_do(chain: Chain, suffix: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        format_by_suffix(suffix, chain)


def test_several_samples_in_a_file_that_holds_one_are_refused_with_what_holds_them() -> None:
    assert format_by_suffix(".wav", SOUND, 1).suffix == ".wav"
    assert format_by_suffix(".png", IMAGE, 9).suffix == ".png"
    with pytest.raises(InputError, match=r"one \.wav file holds one sound, not 2; choose one, or use \.npz, or a fold"):
        format_by_suffix(".wav", SOUND, 2)


def test_a_path_without_a_suffix_or_of_a_folder_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "clips.v1").mkdir()
    assert format_of(tmp_path / "new", SOUND, 3) is None
    assert format_of(tmp_path / "clips.v1", SOUND, 3) is None
    form = format_of(tmp_path / "new.wav", SOUND, 1)
    assert form is not None
    assert form.suffix == ".wav"


def test_a_file_where_the_folder_would_be_is_a_file_error(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(FileError, match=r"taken: it is a file; .* ends in \.wav or \.npz"):
        format_of(tmp_path / "taken", SOUND, 1)


def test_formats_need_no_torch() -> None:
    script = "import sys, models.formats; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
