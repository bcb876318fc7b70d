"""Sounds as files: WAV."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from models.chain import Chain, SoundChain, Symbols
from models.errors import FileError, InputError
from models.file_format import Format, no_record, summary
from models.record import PROGRAM, record_text
from models.trace import Take
from models.version import VERSION

RECORD_CHUNK = b"smpS"
PCM, EXTENSIBLE = 0x0001, 0xFFFE
"""WAVE format tags; the subformat of an extensible one begins with the tag it stands for."""


class Wav(Format):
    """One clip as 16-bit PCM, mono, at the chain's rate; what is not drawn yet is not there.

    The record is a chunk of its own after the sound.
    """

    suffix = ".wav"
    title = "WAV sound"
    modality = "sound"
    several = False
    scaled = False

    def content(self, view: Take, *, scale: int = 1) -> bytes:
        chain = view.chain
        assert isinstance(chain, SoundChain)
        sound = chain.wave(view.traces[0].symbols).astype("<i2").tobytes()
        info = (
            b"INFO"
            + _chunk(b"ISFT", f"{PROGRAM} {VERSION}\0".encode())
            + _chunk(b"ICMT", f"{summary(view)}\0".encode())
        )
        # The sound comes first: simple players expect it 44 bytes into the file.
        content = (
            _chunk(b"fmt ", struct.pack("<HHIIHH", PCM, 1, chain.rate, 2 * chain.rate, 2, 16))
            + _chunk(b"data", sound)
            + _chunk(b"LIST", info)
            + _chunk(RECORD_CHUNK, record_text(view).encode("ascii"))
        )
        return _chunk(b"RIFF", b"WAVE" + content)

    def recognises(self, data: bytes) -> bool:
        return data.startswith(b"RIFF") and data[8:12] == b"WAVE"

    def record_in(self, data: bytes, name: str) -> bytes:
        riff = _read_riff(data, name)
        if riff.record is None:
            raise no_record(name, f"a plain WAV at {riff.rate} Hz")
        return riff.record

    def shows(self, data: bytes, name: str, take: Take) -> bool:
        chain = take.chain
        if not isinstance(chain, SoundChain) or len(take.samples) != 1:
            return False
        riff = _read_riff(data, name)
        same_format = (riff.tag, riff.channels, riff.bits, riff.rate) == (PCM, 1, 16, chain.rate)
        return same_format and riff.sound == chain.wave(take.traces[0].symbols).astype("<i2").tobytes()

    def read_foreign(self, data: bytes, name: str, chain: Chain) -> list[Symbols]:
        """One clip, 16-bit PCM, mono, at the chain's rate (nothing is resampled), closed by the stop symbol."""
        if not isinstance(chain, SoundChain):
            raise InputError(f"{name} holds sound data; the model expects {chain.modality} data")
        if not self.recognises(data):
            raise FileError(f"{name} is {'empty' if not data else 'not a WAV file'}")
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
        return [chain.symbols(wave)]


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
