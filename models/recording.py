"""Recordings from anywhere, for a model to go on from: WAV and FLAC files of any rate, channels and sample format.

A recording is kept at its own rate, made mono; it is resampled when it is known for which model.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from models.chain import SoundChain, Symbols
from models.errors import FileError, InputError, NoSoundError
from models.record import read_bytes

Wave = npt.NDArray[np.float32]

MOST_SECONDS = 300
"""Of a recording that are read: far more than a model goes on from."""
MOST_SAMPLES = MOST_SECONDS * 96_000
LOUDEST = 1000.0
"""Times full scale: floats may be larger, and their squares then are not even floats."""
UNKNOWN = 2**63 - 1
"""Frames of a FLAC that was written before its end was known."""
LEAST_RATE, MOST_RATE = 1000, 1_000_000
"""Samples a second that a file may claim."""
BLOCK_FRAMES = 4096
"""Read at once: of a FLAC that is cut short, the last block that is not whole is lost."""
FULL_SCALE = 32768
"""What 1.0 is in 16 bits: a file of these is read and quantised to the very same numbers."""

NORMAL_PEAK = 0.8
"""Of full scale: what ``normalising`` makes of the loudest sample, as loud as the spoken digits that models learn."""
QUIET_PEAK = 0.1
"""Below it a recording is so quiet, -20 dB, that little of it is left in a model's levels."""

FORMATS_IN_WORDS = {
    "PCM_S8": "8 bit", "PCM_U8": "8 bit", "PCM_16": "16 bit", "PCM_24": "24 bit", "PCM_32": "32 bit",
    "FLOAT": "32-bit float", "DOUBLE": "64-bit float", "ULAW": "mu-law", "ALAW": "A-law",
}  # fmt: skip
PICTURES = {b"\x89PNG": "PNG picture", b"GIF8": "GIF picture", b"\xff\xd8\xff": "JPEG picture"}
CHANNELS_IN_WORDS = {1: "mono", 2: "stereo"}

SOUNDFILE_MISSING = (
    "WAV and FLAC files cannot be read as sounds, or FLAC be written: the Python package soundfile is missing, or its "
    "libsndfile. Install it (pip install soundfile), then start the studio again"
)


@dataclass(frozen=True, eq=False)
class Recording:
    """A sound as somebody recorded it.

    wave: float32 (T,), T at least 1, mono, full scale at -1 … 1, which a file of floats may exceed. rate: in Hz. form:
    what it was, in words: ``44.1 kHz, stereo, 24 bit``. whole: whether all is here; else the file is cut short, or
    longer than MOST_SECONDS, or MOST_SAMPLES.
    """

    wave: Wave
    rate: int
    name: str
    form: str
    whole: bool = True

    @property
    def seconds(self) -> float:
        return len(self.wave) / self.rate

    def resampled(self, rate: int) -> Recording:
        """At another rate, band-limited to what both rates can hold."""
        if rate == self.rate:
            return self
        import soxr

        return replace(self, wave=soxr.resample(self.wave, self.rate, rate, quality="VHQ"), rate=rate)


def soundfile_module() -> ModuleType:
    """The package soundfile, imported late: without its library it raises. Raises FileError where it is missing."""
    try:
        import soundfile
    except (ImportError, OSError):
        raise FileError(SOUNDFILE_MISSING) from None
    module: ModuleType = soundfile
    return module


def opened(data: bytes) -> Any:
    """A ``SoundFile`` to read from the beginning on; raises what the package does.

    Of one that can seek, each read ends with a seek, which fails at the end of a FLAC that does not say how long it is.
    """
    file = soundfile_module().SoundFile(io.BytesIO(data))
    file.seekable = lambda: False
    return file


def is_recording(data: bytes) -> bool:
    """Whether a file is a WAV or a FLAC, by its first bytes."""
    return data.startswith(b"fLaC") or (data[:4] in (b"RIFF", b"RIFX", b"RF64") and data[8:12] == b"WAVE")


def picture_kind(data: bytes) -> str:
    """``PNG picture``, by its first bytes, whatever a file is called; empty for what is none of the usual ones."""
    return next((kind for beginning, kind in PICTURES.items() if data.startswith(beginning)), "")


def read_recording(source: Path | bytes, name: str = "the recording") -> Recording:
    """The sound in a WAV or FLAC file, or in the content of one; of one that is cut short, what is there.

    Raises NoSoundError for what is neither, FileError for what cannot be read or holds nothing.
    """
    data, name = read_bytes(source, name)
    if not is_recording(data):
        picture = picture_kind(data)
        what = f"a {picture} and no sound, whatever it is called" if picture else "neither a WAV nor a FLAC file"
        raise NoSoundError(f"{name} is {what if data else 'empty'}")
    soundfile = soundfile_module()
    try:
        with opened(data) as file:
            rate = int(file.samplerate)
            if not LEAST_RATE <= rate <= MOST_RATE:
                raise FileError(f"{name} claims {rate} samples a second; a recording has {LEAST_RATE} to {MOST_RATE}")
            wave, whole = _mono(file, min(MOST_SECONDS * rate, MOST_SAMPLES))
            channels = CHANNELS_IN_WORDS.get(file.channels, f"{file.channels} channels")
            form = f"{rate / 1000:g} kHz, {channels}, {FORMATS_IN_WORDS.get(file.subtype, file.subtype_info)}"
    except soundfile.LibsndfileError as error:
        raise FileError(f"{name} is damaged or cut short: {error.error_string.strip().rstrip('.')}") from None
    if not len(wave):
        raise FileError(f"{name} holds no sound: it has no samples{'' if whole else ' that can be read'}")
    name = source.name if isinstance(source, Path) else name
    return Recording(wave, rate, name, form, whole and not _claims_more(data))


def _mono(file: Any, most: int) -> tuple[Wave, bool]:
    """The mean of the channels of a ``SoundFile``, as far as it can be read, up to so many samples; whether that was
    all."""
    soundfile = soundfile_module()
    frames, blocks, count, readable = file.frames, [np.zeros(0, np.float32)], 0, True
    while count < min(frames, most):
        try:
            block = file.read(min(BLOCK_FRAMES, most - count), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            readable = False
            break
        if not len(block):
            break
        count += len(block)
        block = np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)
        blocks.append(block.clip(-LOUDEST, LOUDEST).mean(axis=1))
    wave: Wave = np.concatenate(blocks).astype(np.float32)
    return wave, count >= frames or (frames == UNKNOWN and count < most and readable)


def _claims_more(data: bytes) -> bool:
    """Whether a WAV says that its sound has more bytes than follow; none said how many that did not know it yet."""
    if not data.startswith(b"RIFF"):
        return False
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"data":
            return size < 2**32 - 2**16 and at + 8 + size > len(data)
        at += 8 + size + size % 2
    return False


def peak(wave: Wave) -> float:
    """The largest magnitude, 0 of nothing."""
    return float(np.abs(wave).max(initial=0.0))


def normalising(wave: Wave) -> tuple[float, float]:
    """How a wave (T,) gets its peak to NORMAL_PEAK: the gain, and the offset to be taken away before.

    Silence stays silent.
    """
    offset = float(wave.mean(dtype=np.float64))
    loudest = peak(wave - np.float32(offset))
    return (NORMAL_PEAK / loudest if loudest > 1 / FULL_SCALE else 1.0), offset


def as_int16(wave: Wave) -> npt.NDArray[np.int16]:
    """A wave (T,) in 16 bits, clipped to full scale."""
    numbers: npt.NDArray[np.int16] = np.rint(wave * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return numbers


def prefix_symbols(wave: Wave, chain: SoundChain) -> Symbols:
    """A wave (T,) at the chain's rate as symbols (T,) to go on from: clipped to full scale, without a stop symbol.

    Raises InputError unless there is some of it, and room to go on.
    """
    if not 1 <= len(wave) < chain.limit:
        raise InputError(
            f"the model goes on from something shorter than the {chain.limit / chain.rate:g} s that it reads at most, "
            f"not from {len(wave) / chain.rate:.3g} s"
        )
    return chain.symbols(as_int16(wave), closed=False)
