"""Files that takes are saved to and read from: PNG, GIF, WAV, .npz, folders, and the history file.

Every exported file carries the record of ``models.record``: symbols, schedule and model, from which it can be shown
exactly and walked again. A PNG holds it as text under METADATA_KEY, a GIF as its comment, a WAV in a chunk of its own
after the sound, an .npz as ``metadata``. On reading, what the file shows must be what the symbols say.

Writers copy what is drawn at the moment of the call, so that they may run while a walk goes on. No torch here.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from models.atomic import reason, write_atomically
from models.chain import Chain, ImageChain, SoundChain, Symbols
from models.errors import FileError, InputError
from models.formats import FORMATS, Format, format_by_suffix, format_of, formats_of, suffixes
from models.record import (
    PROGRAM,
    Command,
    command_line,
    damage_as_file_error,
    load_take,
    npz_members,
    read_arrays,
    read_bytes,
    record_text,
    save_take,
    shown,
    take_from_npz,
    take_from_record,
    take_from_text,
    take_record,
)
from models.shaping import NEUTRAL
from models.trace import Take
from models.version import VERSION

__all__ = [
    "Command", "Saved", "command_line", "export", "export_folder", "export_gif", "export_npz", "export_png",
    "export_wav", "load_take", "picture", "png_bytes", "read_image", "read_saved", "read_wave", "save_take", "shown",
    "take_from_record", "take_record",
]  # fmt: skip

METADATA_KEY = "sampling_studio"

MAX_SCALE = 64
MAX_PIXELS = 2**26
MAX_GIF_PIXELS = 2**22
"""Of one frame: Pillow keeps all frames in memory until the file is written."""
MAX_GIF_FRAMES = 10_000
MAX_GIF_SECONDS = 60.0

GAP = 72
"""Grey of the lines between the images of a grid."""
HATCH = (112, 160)
"""Greys of what is not drawn yet: ground and diagonal lines."""
HATCH_PERIOD = 4

FRAMES_PER_SECOND = 25
LAST_FRAME_SECONDS = 1.5

RECORD_CHUNK = b"smpS"
PCM, EXTENSIBLE = 0x0001, 0xFFFE
"""WAVE format tags; the subformat of an extensible one begins with the tag it stands for."""

Pixels = npt.NDArray[np.uint8]
Kind = Literal["png", "gif", "wav", "npz", "take"]


@dataclass(frozen=True)
class Saved:
    """What was read from a file. From any kind but ``take``, surprise and entropy of the traces are NaN."""

    take: Take
    kind: Kind


# Pictures


def picture(chain: ImageChain, rows: Sequence[Symbols], scale: int = 1) -> Pixels:
    """One image, or a near-square grid of images with a gap of one pixel, each pixel ``scale`` pixels wide.

    rows: symbols of each image, complete or only the first ones; pixels not drawn yet are hatched in mid grey.
    uint8 (H, W) or (H, W, 3). Raises InputError if the scale is wrong or the picture would be too large.
    """
    columns, lines = _grid(len(rows))
    height, width = _picture_size(chain, len(rows))
    if type(scale) is not int or not 1 <= scale <= MAX_SCALE:
        raise InputError(f"a picture is 1 to {MAX_SCALE} times as large, a whole number; not {scale!r}")
    if height * width * scale**2 > MAX_PIXELS:
        raise InputError(f"a picture of {width * scale} x {height * scale} pixels is too large; use a smaller scale")
    colour = (3,) if chain.channels == 3 else ()
    sheet = np.full((lines * (chain.height + 1), columns * (chain.width + 1), *colour), GAP, np.uint8)
    for n, symbols in enumerate(rows):
        line, column = divmod(n, columns)
        top, left = line * (chain.height + 1), column * (chain.width + 1)
        sheet[top : top + chain.height, left : left + chain.width] = _image_so_far(chain, symbols)
    return sheet[:height, :width].repeat(scale, 0).repeat(scale, 1)


def _image_so_far(chain: ImageChain, symbols: Symbols) -> Pixels:
    if len(symbols) == chain.length:
        return chain.image(symbols)
    row, column = np.indices((chain.height, chain.width))
    hatch = np.where((row + column) % HATCH_PERIOD == 0, HATCH[1], HATCH[0]).astype(np.uint8)
    padded = np.zeros(chain.length, np.int32)
    padded[: len(symbols)] = symbols
    drawn = row * chain.width + column < len(symbols) // chain.channels
    if chain.channels == 3:
        drawn, hatch = drawn[..., None], hatch[..., None]
    return np.where(drawn, chain.image(padded), hatch)


def _grid(count: int) -> tuple[int, int]:
    """(columns, lines) of a near-square grid."""
    columns = math.isqrt(count - 1) + 1
    return columns, -(-count // columns)


def _picture_size(chain: ImageChain, count: int) -> tuple[int, int]:
    columns, lines = _grid(count)
    return lines * (chain.height + 1) - 1, columns * (chain.width + 1) - 1


def _rows(take: Take) -> list[Symbols]:
    return [trace.symbols for trace in take.traces]


def _summary(take: Take) -> str:
    """A take in a line, for viewers that show a file's description."""
    first = take.traces[0].schedule[0]
    parts = [take.model.title, *(f"{name} {value}" for name, value in first.condition.items()), f"seed {first.seed}"]
    parts.append("sample " + ", ".join(str(trace.schedule[0].sample) for trace in take.traces[:16]))
    changed = {name: value for name, value in first.shaping.to_json().items() if value != NEUTRAL.to_json()[name]}
    parts += [f"{name.replace('_', '-')} {value:g}" for name, value in changed.items()]
    return "; ".join(parts)


# Writing


def png_bytes(take: Take, *, samples: Sequence[int] | None = None, scale: int = 1, upto: int | None = None) -> bytes:
    """The content of ``export_png``'s file, for the clipboard."""
    chain = take.model.chain
    format_by_suffix(".png", chain)
    assert isinstance(chain, ImageChain)
    view = shown(take, samples=samples, upto=upto)
    pixels = picture(chain, _rows(view), scale)
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", f"{PROGRAM} {VERSION}")
    text.add_text("Description", _summary(view))
    text.add_itxt(METADATA_KEY, record_text(view))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def export_png(
    path: Path, take: Take, *, samples: Sequence[int] | None = None, scale: int = 1, upto: int | None = None
) -> None:
    """Writes an image, or a grid of the chosen samples, enlarged by a whole factor without smoothing.

    samples: by index in the take, None for all. upto: only the steps before this one.
    Raises InputError for sound, FileError if it cannot be written.
    """
    write_atomically(path, png_bytes(take, samples=samples, scale=scale, upto=upto))


def export_gif(
    path: Path,
    take: Take,
    *,
    samples: Sequence[int] | None = None,
    scale: int = 1,
    seconds: float = 4.0,
    upto: int | None = None,
) -> None:
    """Writes the generation as an endless animation in chain order, the last frame held for 1.5 s.

    seconds: how long the generation takes in it. Grey images are exact in every frame; colours are reduced to 256.
    """
    chain = take.model.chain
    format_by_suffix(".gif", chain)
    assert isinstance(chain, ImageChain)
    if not 0 < seconds <= MAX_GIF_SECONDS:
        raise InputError(f"an animation takes up to {MAX_GIF_SECONDS:g} seconds, not {seconds:g}")
    view = shown(take, samples=samples, upto=upto)
    count = max(1, min(round(seconds * FRAMES_PER_SECOND), view.longest))
    height, width = (scale * side for side in _picture_size(chain, len(view.samples)))
    if height * width > MAX_GIF_PIXELS:
        raise InputError(f"an animation of {width} x {height} pixels is too large; use a smaller scale")
    sheets = [
        picture(chain, [row[: round(view.longest * n / count)] for row in _rows(view)], scale) for n in range(count + 1)
    ]
    frames = [Image.fromarray(sheet) for sheet in sheets]
    if chain.channels == 3:
        # One palette for all frames; left to itself Pillow makes one for each, which takes minutes.
        palette = Image.fromarray(np.concatenate([sheets[0], sheets[-1]])).quantize(256)
        frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [round(1000 * seconds / count)] * count + [round(1000 * LAST_FRAME_SECONDS)]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        optimize=False,
        comment=f"{METADATA_KEY} {record_text(view)}".encode("ascii"),
    )
    write_atomically(path, buffer.getvalue())


def export_wav(path: Path, take: Take, sample: int = 0, *, upto: int | None = None) -> None:
    """Writes one clip as 16-bit PCM, mono, at the chain's rate; what is not drawn yet is not there."""
    chain = take.model.chain
    format_by_suffix(".wav", chain)
    assert isinstance(chain, SoundChain)
    view = shown(take, samples=[sample], upto=upto)
    sound = chain.wave(view.traces[0].symbols).astype("<i2").tobytes()
    info = (
        b"INFO" + _chunk(b"ISFT", f"{PROGRAM} {VERSION}\0".encode()) + _chunk(b"ICMT", f"{_summary(view)}\0".encode())
    )
    # The sound comes first: simple players expect it 44 bytes into the file.
    content = (
        _chunk(b"fmt ", struct.pack("<HHIIHH", PCM, 1, chain.rate, 2 * chain.rate, 2, 16))
        + _chunk(b"data", sound)
        + _chunk(b"LIST", info)
        + _chunk(RECORD_CHUNK, record_text(view).encode("ascii"))
    )
    write_atomically(path, _chunk(b"RIFF", b"WAVE" + content))


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def export_npz(path: Path, take: Take, *, samples: Sequence[int] | None = None, upto: int | None = None) -> None:
    """Writes arrays for numpy.

    ``samples``: uint8 (N, H, W) or (N, H, W, 3), 0 where nothing is drawn yet; or int16 (N, T), zero-padded, with
    ``lengths`` int64 (N,) in samples and ``sample_rate`` in Hz. ``symbols``: int32 (N, T), -1 after the end.
    ``nats``: float64 (N,), -log p of what is drawn under the raw conditionals; NaN for a take read from an export.
    ``seed``: of the first sample. ``metadata``: the record, as a JSON string.
    """
    view = shown(take, samples=samples, upto=upto)
    arrays = _data_arrays(view) | {
        "nats": np.array([trace.bits * math.log(2) for trace in view.traces]),
        "seed": np.array(view.traces[0].schedule[0].seed, np.int64),
        "metadata": np.array(record_text(view)),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())


def _data_arrays(view: Take) -> dict[str, npt.NDArray[Any]]:
    """What an .npz shows of a take: everything that its symbols determine."""
    chain, rows = view.model.chain, _rows(view)
    symbols = np.full((len(rows), chain.length or view.longest), -1, np.int32)
    for n, row in enumerate(rows):
        symbols[n, : len(row)] = row
    arrays: dict[str, npt.NDArray[Any]] = {"symbols": symbols}
    if isinstance(chain, ImageChain):
        images = chain.image(symbols.clip(0))
        drawn = (symbols >= 0).reshape(images.shape)
        arrays["samples"] = np.where(drawn, images, 0).astype(np.uint8)
    elif isinstance(chain, SoundChain):
        waves = [chain.wave(row) for row in rows]
        arrays["samples"] = np.zeros((len(waves), max(map(len, waves))), np.int16)
        for row, wave in zip(arrays["samples"], waves, strict=True):
            row[: len(wave)] = wave
        arrays["lengths"] = np.array([len(wave) for wave in waves], np.int64)
        arrays["sample_rate"] = np.array(chain.rate, np.int64)
    return arrays


def export_folder(path: Path, take: Take, suffix: str | None = None, *, scale: int = 1) -> list[Path]:
    """Writes one file per sample into a folder, made if need be, named by the sample's number: ``0000.png``.

    suffix: of a format that fits the take; None for the default one. Returns the paths.
    """
    chain = take.model.chain
    form = formats_of(chain)[0] if suffix is None else format_by_suffix(suffix, chain)
    view = shown(take)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {path}: {reason(error)}") from None
    paths = []
    for n, trace in enumerate(view.traces):
        file = path / f"{trace.schedule[0].sample:04d}{form.suffix}"
        _write(file, form, shown(view, samples=[n]), scale=scale)
        paths.append(file)
    return paths


def export(
    path: Path, take: Take, *, samples: Sequence[int] | None = None, scale: int = 1, seconds: float = 4.0
) -> list[Path]:
    """Writes a take as what the suffix says, or to a folder if there is none, see ``formats.format_of``.

    Returns the paths written. Raises InputError for a suffix that is unknown or does not fit the take, FileError if it
    cannot be written.
    """
    view = shown(take, samples=samples)
    form = format_of(path, view.model.chain, len(view.samples))
    if form is None:
        return export_folder(path, view, scale=scale)
    _write(path, form, view, scale=scale, seconds=seconds)
    return [path]


def _write(path: Path, form: Format, take: Take, *, scale: int = 1, seconds: float = 4.0) -> None:
    if form.suffix == ".png":
        export_png(path, take, scale=scale)
    elif form.suffix == ".gif":
        export_gif(path, take, scale=scale, seconds=seconds)
    elif form.suffix == ".wav":
        export_wav(path, take)
    else:
        assert form.suffix == ".npz", form
        export_npz(path, take)


# Reading what was saved


def read_saved(source: Path | bytes) -> Saved:
    """The take in a file of this program, or in the content of one, told apart by content.

    Raises FileError if it cannot be read, carries no record or a damaged one, or was edited after it was saved.
    """
    data, name = read_bytes(source)
    kind = _kind(data, name)
    if kind == "take":
        return Saved(take_from_npz(data, name), kind)
    text = _record_text_in(data, name, kind)
    if text is None:
        what = "" if kind != "wav" else f" (a plain WAV at {_read_riff(data, name).rate} Hz)"
        raise FileError(
            f"{name} has no {PROGRAM} metadata{what}: it was not saved by this program, or another has removed it"
        )
    with damage_as_file_error(name):
        take = take_from_text(text)
    with damage_as_file_error(name):
        unchanged = _shows(data, name, kind, take)
    if not unchanged:
        raise FileError(f"{name} was edited after it was saved: it does not show what its metadata says")
    return Saved(take, kind)


def _kind(data: bytes, name: str) -> Kind:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WAVE":
        return "wav"
    if data.startswith(b"PK\x03\x04"):
        with damage_as_file_error(name):
            return "take" if {"metadata", "surprise", "entropy"} <= npz_members(data) else "npz"
    raise FileError(f"{name} is {'empty' if not data else f'not a {suffixes(FORMATS)} file'}")


def _record_text_in(data: bytes, name: str, kind: Kind) -> str | bytes | None:
    """The text of the record that a file carries, or None if it carries none."""
    if kind == "wav":
        return _read_riff(data, name).record
    with damage_as_file_error(name):
        if kind == "npz":
            return str(read_arrays(data, ["metadata"])["metadata"]) if "metadata" in npz_members(data) else None
        with _open_image(data, name, "PNG" if kind == "png" else "GIF") as image:
            if kind == "png":
                image.load()  # text may also follow the pixels
                text = image.info.get(METADATA_KEY)
                return str(text) if text is not None else None
            comment = image.info.get("comment", b"")
            prefix = f"{METADATA_KEY} ".encode("ascii")
            return bytes(comment[len(prefix) :]) if comment.startswith(prefix) else None


def _open_image(data: bytes, name: str, form: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=(form,))
    except UnidentifiedImageError:
        raise FileError(f"{name} is damaged or cut short: its {form} header cannot be read") from None
    except Image.DecompressionBombError:
        raise FileError(f"{name} has far too many pixels") from None
    if image.width * image.height > MAX_PIXELS:
        raise FileError(f"{name} has {image.width} x {image.height} pixels, more than this program reads")
    return image


def _shows(data: bytes, name: str, kind: Kind, take: Take) -> bool:
    """Whether a file shows what the symbols in its record decode to."""
    chain = take.model.chain
    if kind == "npz":
        expected = _data_arrays(take)
        arrays = read_arrays(data, list(expected))
        return all(np.array_equal(arrays[key], expected[key]) for key in expected)
    if kind == "wav":
        if not isinstance(chain, SoundChain) or len(take.samples) != 1:
            return False
        riff = _read_riff(data, name)
        expected_format = (PCM, 1, 16, chain.rate)
        same_format = (riff.tag, riff.channels, riff.bits, riff.rate) == expected_format
        return same_format and riff.sound == chain.wave(take.traces[0].symbols).astype("<i2").tobytes()
    if not isinstance(chain, ImageChain):
        return False
    with _open_image(data, name, "PNG" if kind == "png" else "GIF") as image:
        height, width = _picture_size(chain, len(take.samples))
        scale = image.height // height
        if scale < 1 or image.size != (scale * width, scale * height):
            return False
        if kind == "gif":
            frames = int(getattr(image, "n_frames", 1))
            if frames > MAX_GIF_FRAMES:
                raise FileError(f"{name} has {frames} frames, more than this program reads")
            if chain.channels == 3:
                return True  # reduced to 256 colours, the pixels are not those of the symbols
            image.seek(frames - 1)
        pixels = np.asarray(image.convert("RGB"))
    expected_pixels = picture(chain, _rows(take), scale)
    return np.array_equal(pixels, expected_pixels if chain.channels == 3 else expected_pixels[..., None].repeat(3, -1))


@dataclass(frozen=True)
class _Riff:
    """What a WAV holds: format tag, channels, bits per sample, rate in Hz, the sound as it lies there, our record."""

    tag: int
    channels: int
    bits: int
    rate: int
    sound: bytes
    record: bytes | None


def _read_riff(data: bytes, name: str) -> _Riff:
    """Raises FileError for what is not a whole WAV."""
    if not (data.startswith(b"RIFF") and data[8:12] == b"WAVE"):
        raise FileError(f"{name} is {'empty' if not data else 'not a WAV file'}")
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        key, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            raise FileError(f"{name} is cut short: its {key.decode('latin-1')!r} part should have {size} bytes")
        chunks.setdefault(key, data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    for key, least in ((b"fmt ", 16), (b"data", 0)):
        if len(chunks.get(key, b"")) < least or key not in chunks:
            raise FileError(f"{name} is damaged or cut short: it has no whole {key.decode()!r} part")
    form = chunks[b"fmt "]
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16])
    if tag == EXTENSIBLE and len(form) >= 26:
        tag = int.from_bytes(form[24:26], "little")
    return _Riff(tag, channels, bits, rate, chunks[b"data"], chunks.get(RECORD_CHUNK))


# Reading what users have


def read_image(path: Path, chain: Chain) -> Symbols:
    """Symbols (D,) of the image in a PNG, as it looks, whatever else the file carries.

    Raises InputError if its size or colours are not the chain's, FileError if it cannot be read.
    """
    if not isinstance(chain, ImageChain):
        raise InputError(f"{path} holds image data; the model expects {chain.modality} data")
    data, name = read_bytes(path)
    if not data.startswith(b"\x89PNG"):
        raise FileError(f"{name} is {'empty' if not data else 'not a PNG image'}")
    with damage_as_file_error(name), _open_image(data, name, "PNG") as image:
        size, mode = image.size, image.mode
        pixels = np.asarray(image.convert("RGBA")) if mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA") else None
    expected = f"the model expects {chain.width} x {chain.height} pixels, {'RGB' if chain.channels == 3 else 'grey'}"
    if size != (chain.width, chain.height):
        raise InputError(f"{name} has {size[0]} x {size[1]} pixels; {expected}")
    if pixels is None:
        raise InputError(f"{name} has pixels of the kind {mode!r}; {expected}, 8 bits each")
    if (pixels[..., 3] != 255).any():
        raise InputError(f"{name} is transparent in places; {expected}")
    if chain.channels == 3:
        if mode in ("1", "L", "LA"):
            raise InputError(f"{name} is grey; {expected}")
        return chain.symbols(pixels[..., :3])
    if (pixels[..., :1] != pixels[..., 1:3]).any():
        raise InputError(f"{name} is coloured; {expected}")
    return chain.symbols(pixels[..., 0])


def read_wave(path: Path, chain: Chain) -> Symbols:
    """Symbols (T,) of a WAV, 16-bit PCM, mono, at the chain's rate; with the stop symbol where the chain has one.

    Raises InputError if its format is not the chain's (nothing is resampled), FileError if it cannot be read.
    """
    if not isinstance(chain, SoundChain):
        raise InputError(f"{path} holds sound data; the model expects {chain.modality} data")
    data, name = read_bytes(path)
    riff = _read_riff(data, name)
    if riff.rate != chain.rate:
        raise InputError(f"{name} has {riff.rate} samples a second; the model expects {chain.rate}")
    if riff.channels != 1:
        raise InputError(f"{name} has {riff.channels} channels; the model expects one (mono)")
    if riff.tag != PCM or riff.bits != 16:
        kind = "PCM" if riff.tag == PCM else f"format {riff.tag:#06x}"
        raise InputError(f"{name} holds {riff.bits}-bit {kind}; expected is 16-bit PCM")
    if len(riff.sound) < 2:
        raise InputError(f"{name} holds no sound: it has no samples")
    if len(riff.sound) % 2:
        raise FileError(f"{name} is cut short: its last sample is half there")
    wave = np.frombuffer(riff.sound, "<i2").astype(np.int16)
    if len(wave) > chain.limit:
        raise InputError(
            f"{name} lasts {len(wave) / chain.rate:g} s; the model reads up to {chain.limit / chain.rate:g} s"
        )
    return chain.symbols(wave)
