"""Sounds as files: WAV and FLAC."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.chain import Chain, SoundChain, Symbols
from models.errors import FileError, InputError, NoRecordError
from models.file_format import Format, no_record, summary
from models.record import PROGRAM, record_text
from models.recording import FULL_SCALE, UNKNOWN, opened, soundfile_module
from models.trace import Take
from models.version import VERSION

RECORD_CHUNK = b"smpS"
PCM, FLOAT, EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
"""WAVE format tags; the subformat of an extensible one begins with the tag it stands for."""
PCM_FORM, FLOAT_FORM = (PCM, 1, 16), (FLOAT, 1, 32)
"""Tag, channels and bits of what is written."""

STREAM_INFO, APPLICATION = 0, 2
"""Kinds of metadata blocks in a FLAC (RFC 9639, section 8.1)."""
LAST_BLOCK = 0x80
MAX_BLOCK_BYTES = 2**24 - 1


class Wav(Format):
    """One clip, mono, at the chain's rate, as 16-bit PCM or 32-bit floats; what is not drawn yet is not there.

    The record is a chunk of its own after the sound.
    """

    suffix = ".wav"
    title = "WAV sound"
    modality = "sound"
    several = False
    scaled = False

    def __init__(self, *, floats: bool = False) -> None:
        """floats: whether it is written as them. They are those of the 16 bits, over FULL_SCALE."""
        self.floats = floats

    def content(self, view: Take, *, scale: int = 1) -> bytes:
        chain = view.chain
        assert isinstance(chain, SoundChain)
        wave = chain.wave(view.traces[0].symbols)
        tag, channels, bits = FLOAT_FORM if self.floats else PCM_FORM
        width = bits // 8
        form = struct.pack("<HHIIHH", tag, channels, chain.rate, width * chain.rate, width, bits)
        if self.floats:  # whatever is not PCM says how long its extension is, and how many samples there are
            head = _chunk(b"fmt ", form + bytes(2)) + _chunk(b"fact", struct.pack("<I", len(wave)))
        else:
            head = _chunk(b"fmt ", form)
        info = (
            b"INFO"
            + _chunk(b"ISFT", f"{PROGRAM} {VERSION}\0".encode())
            + _chunk(b"ICMT", f"{summary(view)}\0".encode())
        )
        # The sound comes first: simple players expect it 44 bytes into the file.
        content = (
            head
            + _chunk(b"data", _sound_bytes(wave, tag))
            + _chunk(b"LIST", info)
            + _chunk(RECORD_CHUNK, record_text(view).encode("ascii"))
        )
        return _chunk(b"RIFF", b"WAVE" + content)

    def recognises(self, data: bytes) -> bool:
        return data.startswith(b"RIFF") and data[8:12] == b"WAVE"

    def record_in(self, data: bytes, name: str) -> bytes:
        try:
            riff = _read_riff(data, name)
        except FileError as error:  # whose record cannot be had; of its sound there may be some
            raise NoRecordError(str(error)) from None
        if riff.record is None:
            raise no_record(name, f"a plain WAV at {riff.rate} Hz")
        return riff.record

    def shows(self, data: bytes, name: str, take: Take) -> bool:
        chain = take.chain
        if not isinstance(chain, SoundChain) or len(take.samples) != 1:
            return False
        riff = _read_riff(data, name)
        same_format = (riff.tag, riff.channels, riff.bits) in (PCM_FORM, FLOAT_FORM) and riff.rate == chain.rate
        return same_format and riff.sound == _sound_bytes(chain.wave(take.traces[0].symbols), riff.tag)

    def read_foreign(self, data: bytes, name: str, chain: Chain) -> list[Symbols]:
        """One clip, 16-bit PCM, mono, at the chain's rate (nothing is resampled), closed by the stop symbol."""
        if not isinstance(chain, SoundChain):
            raise InputError(f"{name} holds sound data; the model expects {chain.modality} data")
        if not self.recognises(data):
            raise FileError(f"{name} is {'empty' if not data else 'not a WAV file'}")
        riff = _read_riff(data, name)
        _check_form(name, riff.rate, riff.channels, chain)
        if riff.tag != PCM or riff.bits != 16:
            kind = "PCM" if riff.tag == PCM else f"format {riff.tag:#06x}"
            raise InputError(f"{name} holds {riff.bits}-bit {kind}; expected is 16-bit PCM")
        _check_length(name, len(riff.sound) // 2, chain)
        if len(riff.sound) % 2:
            raise FileError(f"{name} is cut short: its last sample is half there")
        return [chain.symbols(np.frombuffer(riff.sound, "<i2").astype(np.int16))]


class Flac(Format):
    """One clip as 16-bit FLAC, mono, at the chain's rate; what is not drawn yet is not there.

    The record is in metadata blocks of its own before the frames of the sound, which no encoder has to know of: as
    many as it needs, since one holds 16 MiB.
    """

    suffix = ".flac"
    title = "FLAC sound"
    modality = "sound"
    several = False
    scaled = False

    def content(self, view: Take, *, scale: int = 1) -> bytes:
        chain = view.chain
        assert isinstance(chain, SoundChain)
        wave = chain.wave(view.traces[0].symbols)
        if not len(wave):
            raise InputError("a .flac file cannot be empty: draw some of the sound first, or use .wav")
        soundfile, buffer = soundfile_module(), io.BytesIO()
        with soundfile.SoundFile(buffer, "w", chain.rate, 1, "PCM_16", format="FLAC") as file:
            file.software, file.comment = f"{PROGRAM} {VERSION}", summary(view)
            file.write(wave)
        blocks, frames = _read_flac(buffer.getvalue(), "the file")
        record, room = record_text(view).encode("ascii"), MAX_BLOCK_BYTES - len(RECORD_CHUNK)
        blocks += [(APPLICATION, RECORD_CHUNK + record[at : at + room]) for at in range(0, len(record), room)]
        last = len(blocks) - 1
        heads = [
            bytes([kind | (LAST_BLOCK if n == last else 0)]) + len(block).to_bytes(3, "big") + block
            for n, (kind, block) in enumerate(blocks)
        ]
        return b"fLaC" + b"".join(heads) + frames

    def recognises(self, data: bytes) -> bool:
        return data.startswith(b"fLaC")

    def record_in(self, data: bytes, name: str) -> bytes:
        try:
            blocks, _ = _read_flac(data, name)
        except FileError as error:  # as of a WAV
            raise NoRecordError(str(error)) from None
        parts = [block for kind, block in blocks if kind == APPLICATION and block.startswith(RECORD_CHUNK)]
        if not parts:
            raise no_record(name, "a plain FLAC")
        return b"".join(part.removeprefix(RECORD_CHUNK) for part in parts)

    def shows(self, data: bytes, name: str, take: Take) -> bool:
        chain = take.chain
        if not isinstance(chain, SoundChain) or len(take.samples) != 1:
            return False
        flac = _decode_flac(data, name, chain.endless_limit)
        same_format = (flac.rate, flac.channels, flac.bits) == (chain.rate, 1, "PCM_16")
        return same_format and np.array_equal(flac.wave, chain.wave(take.traces[0].symbols))

    def read_foreign(self, data: bytes, name: str, chain: Chain) -> list[Symbols]:
        """One clip, of 16 bits, mono, at the chain's rate (nothing is resampled), closed by the stop symbol."""
        if not isinstance(chain, SoundChain):
            raise InputError(f"{name} holds sound data; the model expects {chain.modality} data")
        if not self.recognises(data):
            raise FileError(f"{name} is {'empty' if not data else 'not a FLAC file'}")
        flac = _decode_flac(data, name, chain.limit)
        _check_form(name, flac.rate, flac.channels, chain)
        if flac.bits != "PCM_16":
            raise InputError(f"{name} holds {flac.bits.removeprefix('PCM_')}-bit samples; expected are 16 bits")
        _check_length(name, flac.samples, chain)
        return [chain.symbols(flac.wave)]


def _sound_bytes(wave: npt.NDArray[np.int16], tag: int) -> bytes:
    return (wave / np.float32(FULL_SCALE)).astype("<f4").tobytes() if tag == FLOAT else wave.astype("<i2").tobytes()


def _check_form(name: str, rate: int, channels: int, chain: SoundChain) -> None:
    if rate != chain.rate:
        raise InputError(f"{name} has {rate} samples a second; the model expects {chain.rate}")
    if channels != 1:
        raise InputError(f"{name} has {channels} channels; the model expects one (mono)")


def _check_length(name: str, samples: int, chain: SoundChain) -> None:
    if not samples:
        raise InputError(f"{name} holds no sound: it has no samples")
    if samples > chain.limit:
        raise InputError(
            f"{name} lasts {samples / chain.rate:g} s; the model reads up to {chain.limit / chain.rate:g} s"
        )


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


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
    """Of a RIFF file. Raises FileError for what is not a whole WAV."""
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


def _read_flac(data: bytes, name: str) -> tuple[list[tuple[int, bytes]], bytes]:
    """The metadata blocks of a FLAC, with their kinds, and the frames after them. Raises FileError if it ends there."""
    blocks: list[tuple[int, bytes]] = []
    at, last = 4, False
    while not last:
        head = data[at : at + 4]
        size = int.from_bytes(head[1:], "big")
        if len(head) < 4 or at + 4 + size > len(data):
            raise FileError(f"{name} is damaged or cut short: its metadata end too early")
        blocks.append((head[0] & ~LAST_BLOCK, data[at + 4 : at + 4 + size]))
        last = bool(head[0] & LAST_BLOCK)
        at += 4 + size
    if blocks[0][0] != STREAM_INFO:
        raise FileError(f"{name} is damaged: its metadata do not begin with the format of the sound")
    return blocks, data[at:]


@dataclass(frozen=True)
class _Flac:
    """What a FLAC holds: rate in Hz, channels, sample format as libsndfile names it, how many samples it says there
    are, and the first of them, int16 (T,), those of the first channel."""

    rate: int
    channels: int
    bits: str
    samples: int
    wave: npt.NDArray[np.int16]


def _decode_flac(data: bytes, name: str, most: int) -> _Flac:
    """most: samples that are decoded, whatever the file claims. Raises FileError for what cannot be."""
    soundfile = soundfile_module()
    try:
        with opened(data) as file:
            wave = file.read(min(file.frames, most + 1), dtype="int16", always_2d=True)[:, 0]
            samples = len(wave) if file.frames == UNKNOWN else file.frames
            return _Flac(file.samplerate, file.channels, file.subtype, samples, wave)
    except soundfile.LibsndfileError as error:
        raise FileError(f"{name} is damaged or cut short: {error.error_string.strip().rstrip('.')}") from None
