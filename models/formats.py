"""The formats that takes are saved in: one table, from which file names, menus, help and errors follow.

A format is added by a row of FORMATS, and by writing and reading it in ``models.files``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from models.chain import Chain
from models.errors import FileError, InputError


@dataclass(frozen=True)
class Format:
    """A kind of file, known by its suffix."""

    suffix: str
    """In lower case, with its point."""
    title: str
    modality: str | None
    """Of the chains that it can hold; None: any."""
    several: bool
    """Whether one file can hold several samples of a take."""
    scaled: bool
    """Whether it is drawn enlarged by a whole factor."""


FORMATS = (
    Format(".png", "PNG image", "image", several=True, scaled=True),
    Format(".gif", "Animated GIF of the generation", "image", several=True, scaled=True),
    Format(".wav", "WAV sound", "sound", several=False, scaled=False),
    Format(".npz", "NumPy arrays", None, several=True, scaled=False),
)


def formats_of(chain: Chain) -> tuple[Format, ...]:
    """The formats that can hold what a model of this chain draws; the first is the default."""
    return tuple(form for form in FORMATS if form.modality in (chain.modality, None))


def suffixes(formats: Iterable[Format]) -> str:
    """In words: ``.png, .gif or .npz``."""
    *most, last = (form.suffix for form in formats)
    return f"{', '.join(most)} or {last}" if most else last


def format_by_suffix(suffix: str, chain: Chain, count: int = 1) -> Format:
    """The format for ``count`` samples in one file. Raises InputError if the suffix, in any case, is of none."""
    fitting = formats_of(chain)
    form = next((form for form in fitting if form.suffix == suffix.lower()), None)
    if form is None:
        raise InputError(
            f"{chain.modality} data cannot be saved as {suffix!r}; use {suffixes(fitting)}, or a folder (no suffix)"
        )
    if count > 1 and not form.several:
        others = suffixes(other for other in fitting if other.several)
        raise InputError(
            f"one {form.suffix} file holds one {chain.modality}, not {count}; choose one, or use {others}, "
            "or a folder (no suffix)"
        )
    return form


def format_of(path: Path, chain: Chain, count: int) -> Format | None:
    """What ``count`` samples are saved as under a path; None: a folder with a file for each, if there is no suffix.

    Raises InputError for a suffix that does not fit, FileError if there is a file where the folder would be.
    """
    if path.is_dir():
        return None
    if path.suffix:
        return format_by_suffix(path.suffix, chain, count)
    if path.exists():
        raise FileError(
            f"cannot make the folder {path}: it is a file; "
            f"for a file, use a name that ends in {suffixes(formats_of(chain))}"
        )
    return None
