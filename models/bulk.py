"""Samples by the ten thousand: drawn in parts, by one process or several, each part a file as soon as it is drawn.

A part is always the same samples walked together, so that no rounding depends on how many processes there are, and a
run that was stopped goes on with the parts that are missing. They lie in a folder beside the output, ``OUT.parts``,
each an .npz like any other: with its record, to be opened and reproduced. The .npz that is made of them in the end has
the same arrays but ``metadata``, in whose place ``settings`` is a JSON string of what was asked for. Memory is that of
one part.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from models import distributed
from models.array_files import Npz
from models.atomic import atomic_path, reason, write_atomically
from models.chain import DRAW, Chain
from models.condition import Condition
from models.errors import FileError, InputError
from models.file_format import Format
from models.files import check_export, export, read_saved
from models.formats import formats_of
from models.model import AutoregressiveModel
from models.record import PROGRAM, damage_as_file_error, npz_members
from models.sampling import Walk
from models.shaping import Shaping
from models.trace import ModelReference, Take, new_take
from models.version import VERSION

BLOCK = 160
"""Steps between two reports."""


@dataclass(frozen=True)
class Series:
    """What is to be drawn: samples ``first`` … ``first + count - 1`` of a seed, ``batch`` at once."""

    model: ModelReference
    seed: int
    first: int
    count: int
    batch: int
    limit: int
    condition: Condition
    shaping: Shaping
    engine: str
    device: str

    @property
    def parts(self) -> int:
        return -(-self.count // self.batch)

    def numbers(self, part: int) -> range:
        """Of the samples in a part."""
        begin = self.first + part * self.batch
        return range(begin, min(begin + self.batch, self.first + self.count))

    def take(self, part: int, limit: int | None = None) -> Take:
        """The samples of a part, nothing drawn yet; of so many steps, if another limit is given."""
        return new_take(
            self.model,
            seed=self.seed,
            count=len(self.numbers(part)),
            condition=self.condition,
            shaping=self.shaping,
            engine=self.engine,
            device=self.device,
            first=self.numbers(part).start,
            limit=self.limit if limit is None else limit,
        )

    def takes(self) -> list[Take]:
        return [self.take(part) for part in range(self.parts)]

    def to_json(self) -> dict[str, Any]:
        return {
            "program": PROGRAM,
            "version": VERSION,
            "model": self.model.to_json(),
            "seed": self.seed,
            "first": self.first,
            "count": self.count,
            "batch": self.batch,
            "limit": self.limit,
            "condition": dict(self.condition),
            "shaping": self.shaping.to_json(),
            "engine": self.engine,
            "device": self.device,
        }


@dataclass(frozen=True)
class Drawn:
    """nats: of every sample. steps: of all samples. new_steps: of those that no earlier run had drawn."""

    files: list[Path]
    nats: Sequence[float]
    steps: int
    new_steps: int


def check_parts(out: Path, chain: Chain, count: int, scale: int) -> Format | None:
    """What ``draw`` would refuse, before anything is drawn. Returns the format of the file, None for a folder."""
    form = check_export(out, chain, count, scale=scale)
    if form is not None and form.suffix != Npz.suffix:
        raise InputError(f"in parts, samples are written as .npz or to a folder (no suffix), not as {form.suffix}")
    return form


def draw(
    model: AutoregressiveModel,
    series: Series,
    out: Path,
    report: Callable[[int, float], None],
    *,
    scale: int = 1,
) -> Drawn | None:
    """Draws a series to an .npz or a folder; goes on where an earlier run of the same series was stopped.

    Several processes, see ``distributed``, share the parts; process 0 joins them and gets what was drawn, the others
    None. report: hears how many samples there are, and which fraction of its own work this process has done.
    Raises InputError as ``check_parts``, FileError if it cannot be written, or where another series has left parts.
    """
    chain = series.model.chain
    form = check_parts(out, chain, series.count, scale)
    place = Path(os.path.abspath(out))
    folder = place.with_name(f"{place.name}.parts")
    files = [folder / f"{part:06d}.npz" for part in range(series.parts)]
    if distributed.rank() == 0:
        _begin(folder, series.to_json() | {"scale": scale})
    distributed.wait_for_all()
    pictures: dict[int, list[Path]] = {}
    if form is None:
        suffix = formats_of(chain)[0].suffix
        pictures = {part: [out / f"{n:04d}{suffix}" for n in series.numbers(part)] for part in range(series.parts)}
    missing = [part for part, file in enumerate(files) if not _is_there(file, pictures.get(part, ()), series, part)]
    distributed.wait_for_all()  # everyone has looked before anyone writes
    own = missing[distributed.rank() :: distributed.world_size()]
    for n, part in enumerate(own):
        there = sum(len(series.numbers(k)) for k, file in enumerate(files) if file.exists())
        take = series.take(part)
        walk = Walk(model, take)
        while not walk.done:
            report(there, (n + take.frontier / series.limit) / len(own))
            walk.advance(BLOCK)
        if form is None:
            export(out, take, scale=scale)
        export(files[part], take)  # last: a part whose file is there is done
    distributed.wait_for_all()
    if distributed.rank():
        return None
    if form is not None:
        _join(files, out, series)
    nats = [value for file in files for value in _array(file, "nats").tolist()]
    steps = [int((_array(file, "symbols") >= 0).sum()) for file in files]
    shutil.rmtree(folder, ignore_errors=True)
    written = [out] if form is not None else [picture for part in pictures.values() for picture in part]
    return Drawn(written, nats, sum(steps), sum(steps[part] for part in missing))


def _is_there(file: Path, pictures: Sequence[Path], series: Series, part: int) -> bool:
    """Whether a part was drawn, and still is there with its pictures. Raises FileError where the file is of another."""
    if not file.exists() or not all(picture.exists() for picture in pictures):
        return False
    held = [trace.segment.sample for trace in read_saved(file.read_bytes(), _called(file)).take.traces]
    if held != list(series.numbers(part)):
        raise FileError(f"the part {file} holds other samples than its name says: remove it, to have it drawn again")
    return True


def _called(part: Path) -> str:
    """What messages about damage call a part: with what helps."""
    return f"the part {part}, which can be removed and drawn again,"


def _begin(folder: Path, chosen: Mapping[str, Any]) -> None:
    """The folder of the parts: a new one, or that of an earlier run with the same settings."""
    settings = json.dumps(chosen, indent=1)
    file = folder / "settings.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = file.read_text(encoding="utf-8") if file.exists() else None
        if held != settings and any(folder.glob("*.npz")):
            raise FileError(f"{folder} holds parts of other samples, or with other settings: move or remove it")
    except (OSError, UnicodeError) as error:
        what = reason(error) if isinstance(error, OSError) else str(error)
        raise FileError(f"cannot use the folder {folder}: {what}") from None
    write_atomically(file, settings.encode())


def _array(file: Path, name: str) -> npt.NDArray[Any]:
    """Raises FileError, naming the part, where it is damaged."""
    with damage_as_file_error(_called(file)), np.load(file) as arrays:
        array: npt.NDArray[Any] = arrays[name]
        return array


def _join(files: Sequence[Path], out: Path, series: Series) -> None:
    """Writes the arrays of all parts, one part after the other, as one .npz."""
    with damage_as_file_error(_called(files[0])):
        names = npz_members(files[0].read_bytes()) - {"metadata"}
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(names):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                _write_joined(member, files, name)
        with archive.open("settings.npy", "w") as member:
            np.lib.format.write_array(member, np.array(json.dumps(series.to_json())), (1, 0), allow_pickle=False)


def _write_joined(member: IO[bytes], files: Sequence[Path], name: str) -> None:
    """One array of all parts, each padded to the longest sample of all; or the number that is the same in all."""
    first = _array(files[0], name)
    if first.ndim == 0:
        np.lib.format.write_array(member, first, (1, 0), allow_pickle=False)
        return
    shapes = np.array([_array(file, name).shape for file in files])
    rest = shapes[:, 1:].max(0).tolist()
    shape = (int(shapes[:, 0].sum()), *rest)
    header = {"descr": np.lib.format.dtype_to_descr(first.dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(member, header)
    end = DRAW if name == "symbols" else 0
    for file in files:
        rows = _array(file, name)
        wider = [(0, 0), *((0, width - has) for width, has in zip(rest, rows.shape[1:], strict=True))]
        member.write(np.pad(rows, wider, constant_values=end).tobytes())
