"""The formats that takes are saved in: one table, from which file names, menus, help and errors follow.

A format is added by a subclass of ``Format``, and its line in FORMATS.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from models.array_files import Npz
from models.chain import Chain
from models.errors import FileError, InputError, NoRecordError
from models.file_format import Format, no_record
from models.image_files import Gif, Png
from models.sound_files import Flac, Wav
from models.text_files import Html, Txt
from models.video_files import Mp4, VideoGif, VideoPng

__all__ = [
    "FORMATS",
    "READABLE",
    "Format",
    "format_by_suffix",
    "format_in",
    "format_named",
    "format_of",
    "formats_of",
    "suffixes",
]

FORMATS: tuple[Format, ...] = (Png(), Gif(), VideoGif(), VideoPng(), Mp4(), Wav(), Flac(), Html(), Txt(), Npz())
READABLE: tuple[Format, ...] = tuple(form for form in FORMATS if not isinstance(form, Mp4))
"""Whose files are read, too: an MP4 does not hold the exact values."""


def formats_of(chain: Chain) -> tuple[Format, ...]:
    """The formats that can hold what a model of this chain draws; the first is the default."""
    return tuple(form for form in FORMATS if form.modality in (chain.modality, None))


def suffixes(formats: Iterable[Format]) -> str:
    """In words: ``.png, .gif or .npz``."""
    *most, last = dict.fromkeys(form.suffix for form in formats)
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


def format_named(path: Path, chain: Chain) -> Format:
    """The format that a file's suffix says, in any case, of several that of the chain. Raises InputError if none."""
    form = next((form for form in (*formats_of(chain), *FORMATS) if form.suffix == path.suffix.lower()), None)
    if form is None and not os.path.exists(path):
        raise FileError(f"cannot read {path}: there is no such file or folder")
    if form is None:
        raise InputError(f"{path} cannot be read: it should end in {suffixes(READABLE)}")
    return form


def format_in(data: bytes, name: str) -> Format:
    """The format of a file, by its content. Raises NoRecordError if it is of none."""
    form = next((form for form in FORMATS if form.keeps_record and form.recognises(data)), None)
    if form is None:
        claimed = [form for form in FORMATS if name.lower().endswith(form.suffix)] or FORMATS
        if len(claimed) == 1 and not claimed[0].keeps_record and claimed[0].recognises(data):
            raise no_record(name, claimed[0].title.lower())
        raise NoRecordError(f"{name} is {'empty' if not data else f'not a {suffixes(claimed)} file'}")
    return form
