"""Recordings from anywhere: whatever the file is, the sound is the same; and what a model makes of its beginning."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import torch

from models.chain import DRAW, GreyLevels, ImageChain, MuLaw, SoundChain
from models.completion import continuation
from models.condition import Category
from models.errors import FileError, InputError, NoSoundError
from models.files import export, load_take, read_saved, save_take
from models.model import ModelSpec
from models.networks import network_class
from models.recording import (
    MOST_SECONDS,
    NORMAL_PEAK,
    Recording,
    normalising,
    peak,
    prefix_symbols,
    read_recording,
)
from models.sampling import reproduce, run
from models.shaping import NEUTRAL
from models.sound_files import Flac
from models.trace import ModelReference, Take, longest_of

CHAIN = SoundChain(MuLaw(256, stop=True), 8000, default_seconds=0.1, max_seconds=0.5)
SPEAKER = Category("speaker", ("ada", "bob"), any=True)


def sine(hertz: float, rate: int, seconds: float = 1.0, level: float = 0.5) -> npt.NDArray[np.float64]:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def spectrum(wave: npt.NDArray[np.float32], rate: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Frequencies in Hz, and how loud a sine of each is, 1 at full scale; of the middle, where nothing begins."""
    middle = wave[len(wave) // 4 : -len(wave) // 4].astype(np.float64)
    window = np.blackman(len(middle))
    return np.fft.rfftfreq(len(middle), 1 / rate), 2 * np.abs(np.fft.rfft(middle * window)) / window.sum()


def wav(data: bytes, *, tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, claims: int = -1) -> bytes:
    """A WAV whose header may say anything. claims: bytes of sound, -1 for those that there are."""
    width = channels * bits // 8 & 0xFFFF
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * width & 0xFFFFFFFF, width, bits)
    size = struct.pack("<I", len(data) if claims < 0 else claims)
    return (
        b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + size + data
    )


# Files


@pytest.mark.parametrize(
    ("suffix", "subtype", "rate", "channels", "says", "error"),
    [
        (".wav", "PCM_U8", 11025, 1, "11.025 kHz, mono, 8 bit", 2**-7),
        (".wav", "PCM_16", 44100, 2, "44.1 kHz, stereo, 16 bit", 2**-15),
        (".wav", "PCM_24", 48000, 6, "48 kHz, 6 channels, 24 bit", 2**-23),
        (".wav", "PCM_32", 22050, 1, "22.05 kHz, mono, 32 bit", 1e-6),
        (".wav", "FLOAT", 37800, 2, "37.8 kHz, stereo, 32-bit float", 1e-6),
        (".wav", "DOUBLE", 8000, 1, "8 kHz, mono, 64-bit float", 1e-6),
        (".wav", "ULAW", 8000, 1, "8 kHz, mono, mu-law", 0.02),
        (".flac", "PCM_16", 44100, 1, "44.1 kHz, mono, 16 bit", 2**-15),
        (".flac", "PCM_24", 96000, 2, "96 kHz, stereo, 24 bit", 2**-23),
        (".flac", "PCM_S8", 16000, 1, "16 kHz, mono, 8 bit", 2**-7),
    ],
)
def test_a_wav_or_flac_of_any_rate_channels_and_bits_is_read_at_its_own_rate_made_mono(
    tmp_path: Path, suffix: str, subtype: str, rate: int, channels: int, says: str, error: float
) -> None:
    tone = sine(440, rate, 0.2)
    shares = np.linspace(0.5, 1.5, channels) if channels > 1 else np.ones(1)
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, tone[:, None] * shares, rate, subtype=subtype)
    recording = read_recording(path)
    assert (recording.rate, recording.form, recording.name, recording.whole) == (rate, says, f"a{suffix}", True)
    assert recording.seconds == pytest.approx(0.2)
    np.testing.assert_allclose(recording.wave, tone, atol=1.5 * error)


def test_sixteen_bits_at_the_model_s_rate_become_the_symbols_of_the_very_numbers(tmp_path: Path) -> None:
    numbers = np.concatenate([np.arange(-32768, 32768, 37), [32767]]).astype(np.int16)[:1800]
    soundfile.write(tmp_path / "a.wav", numbers, 8000, subtype="PCM_16")
    wave = read_recording(tmp_path / "a.wav").resampled(8000).wave
    np.testing.assert_array_equal(prefix_symbols(wave, CHAIN), CHAIN.symbols(numbers, closed=False))


def test_what_is_no_wav_or_flac_is_no_sound_whatever_its_name(tmp_path: Path) -> None:
    for content, says in (
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "is a PNG picture and no sound, whatever it is called"),
        (b"RIFF", "neither"),
    ):
        (tmp_path / "a.wav").write_bytes(content)
        with pytest.raises(NoSoundError, match=rf"a\.wav .*{says}|a\.wav {says}"):
            read_recording(tmp_path / "a.wav")
    with pytest.raises(FileError, match="no such file"):
        read_recording(tmp_path / "missing.wav")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (wav(b""), "holds no sound"),
        (wav(bytes(64))[:30], "damaged or cut short"),
        (wav(bytes(64), rate=0), "damaged or cut short"),
        (wav(bytes(64), rate=3), "claims 3 samples a second"),
        (wav(bytes(64), rate=2**32 - 1), "damaged or cut short|claims"),
        (wav(bytes(64), channels=0), "damaged or cut short"),
        (wav(bytes(64), channels=65535), "damaged or cut short|holds no sound"),
        (wav(bytes(64), tag=0x6666), "damaged or cut short"),
        (b"fLaC", "damaged or cut short"),
        (b"fLaC\x80\xff\xff\xff" + bytes(64), "damaged or cut short"),
    ],
)
def test_a_header_that_makes_no_sense_is_an_error_that_names_the_file(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(FileError, match=rf"a\.wav .*({says})"):
        read_recording(tmp_path / "a.wav")


def test_of_a_file_that_is_cut_short_what_is_there_is_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-9000, 9000, 20_000).astype(np.int16)
    for suffix, least in ((".wav", 9_900), (".flac", 4_000)):
        path = tmp_path / f"a{suffix}"
        soundfile.write(path, noise, 8000)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        recording = read_recording(path)
        assert not recording.whole
        assert least <= len(recording.wave) < 10_100
        np.testing.assert_array_equal(recording.wave * 32768, noise[: len(recording.wave)])


def test_a_header_that_claims_gigabytes_takes_none() -> None:
    some = (np.arange(100, dtype="<i2") * 100).tobytes()
    streamed = read_recording(wav(some, claims=2**32 - 1))
    assert (len(streamed.wave), streamed.whole) == (100, True)  # as written by who did not know the length yet
    claimed = read_recording(wav(some, claims=2**31))
    assert (len(claimed.wave), claimed.whole) == (100, False)


def test_a_flac_that_claims_more_samples_than_memory_holds_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.ones(10_000, np.int16), 8000)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] |= 0x0F  # the upper bits of 36 for the number of samples, in STREAMINFO
    (tmp_path / "a.flac").write_bytes(data)
    recording = read_recording(tmp_path / "a.flac")
    assert not recording.whole
    assert 4_000 <= len(recording.wave) <= 10_000


def test_a_flac_that_was_written_before_its_end_was_known_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "streamed.flac"
    soundfile.write(path, sine(300, 8000, seconds=2.5), 8000)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the 36 bits that tell how many samples there are
    data[22:26] = bytes(4)
    found = read_recording(bytes(data))
    assert found.whole
    assert np.array_equal(found.wave, read_recording(path).wave)
    cut = read_recording(bytes(data[: len(data) // 2]))
    assert not cut.whole
    assert 0 < len(cut.wave) < 20_000
    (symbols,) = Flac().read_foreign(bytes(data), "streamed.flac", SoundChain(MuLaw(256), 8000, 0.1, 5.0))
    assert len(symbols) == 20_000


def test_floats_that_are_far_beyond_full_scale_stay_numbers() -> None:
    both = np.full((2000, 2), 3e38, "<f4")
    both[::2] *= -1
    found = read_recording(wav(both.tobytes(), tag=3, channels=2, rate=44_100, bits=32))
    gain, offset = normalising(found.resampled(8000).wave)
    assert np.isfinite([gain, offset, peak(found.wave)]).all()


def test_floats_that_are_no_numbers_are_silence_and_those_beyond_full_scale_are_clipped_at_the_end() -> None:
    floats = np.array([0.5, np.nan, 2.0, -3.0], "<f4")
    recording = read_recording(wav(floats.tobytes(), tag=3, bits=32))
    assert recording.wave.tolist() == [0.5, 0.0, 2.0, -3.0]
    loudest = CHAIN.alphabet.encode([32767, -32768]).tolist()
    assert prefix_symbols(recording.wave, CHAIN)[2:].tolist() == loudest


def test_of_a_long_recording_the_beginning_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros((MOST_SECONDS + 5) * 1000, np.int16), 1000)
    recording = read_recording(path)
    assert recording.seconds == MOST_SECONDS
    assert not recording.whole


# Resampling


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_a_tone_keeps_its_frequency_and_its_level(rate: int) -> None:
    recording = Recording(sine(1000, rate).astype(np.float32), rate, "a", "")
    wave = recording.resampled(8000).wave
    assert len(wave) == pytest.approx(8000, abs=1)
    frequencies, levels = spectrum(wave, 8000)
    loudest = int(levels.argmax())
    assert frequencies[loudest] == pytest.approx(1000, abs=2)
    assert 20 * np.log10(levels[loudest] / 0.5) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("hertz", [4100, 5000, 7000, 9001, 13_000, 20_000])
def test_what_the_model_s_rate_cannot_hold_is_60_db_below_what_it_was(hertz: float) -> None:
    recording = Recording(sine(hertz, 44100).astype(np.float32), 44100, "a", "")
    _, levels = spectrum(recording.resampled(8000).wave, 8000)
    assert 20 * np.log10(max(levels.max(), 1e-12) / 0.5) < -60


def test_a_moment_stays_where_it_was() -> None:
    click = np.zeros(44100, np.float32)
    click[22050] = 1
    assert int(np.abs(Recording(click, 44100, "a", "").resampled(8000).wave).argmax()) == 4000


# Level


def test_normalised_is_without_an_offset_and_with_its_peak_where_training_data_have_it() -> None:
    wave = (sine(440, 8000, level=0.01) + 0.2).astype(np.float32)
    gain, offset = normalising(wave)
    level = (wave - np.float32(offset)) * np.float32(gain)
    assert peak(level) == pytest.approx(NORMAL_PEAK)
    assert abs(level.mean()) < 1e-3


def test_silence_stays_silent() -> None:
    assert normalising(np.full(100, 0.25, np.float32)) == (1.0, 0.25)
    assert normalising(np.zeros(100, np.float32)) == (1.0, 0.0)


# Going on


@pytest.fixture(scope="module")
def reference_and_model() -> tuple[ModelReference, object]:
    torch.manual_seed(3)
    config = {"residual": 8, "skip": 8, "head": 8, "dilations": [1, 2, 4]}
    model = network_class("wavenet")(ModelSpec("wavenet", CHAIN, (SPEAKER,), config))
    with torch.no_grad():
        model.out.bias[-1] = -30.0  # type: ignore[union-attr, operator]  # never stops
    return ModelReference("tiny", "Tiny", "0" * 64, CHAIN, (SPEAKER,)), model


def going_on(reference: ModelReference, prefix: npt.NDArray[np.int32], more: int = 300, count: int = 2) -> Take:
    return continuation(
        reference, prefix, more=more, seed=5, count=count, condition={"speaker": "any"}, shaping=NEUTRAL,
        engine="cached",
    )  # fmt: skip


PREFIX = prefix_symbols(sine(300, 8000, 0.05).astype(np.float32), CHAIN)


def test_the_prefix_is_taken_as_it_is_and_each_sample_goes_on_in_its_own_way(
    reference_and_model: tuple[ModelReference, object], tmp_path: Path
) -> None:
    reference, model = reference_and_model
    take = run(model, going_on(reference, PREFIX))  # type: ignore[arg-type]
    assert take.limit == len(PREFIX) + 300
    for trace in take.traces:
        np.testing.assert_array_equal(trace.symbols[: len(PREFIX)], PREFIX)
        np.testing.assert_array_equal(trace.clamped, np.arange(take.limit) < len(PREFIX))
        assert (trace.surprise > 0).all(), "the prefix surprises the model, too"
        assert reproduce(model, trace).agrees  # type: ignore[arg-type]
    assert (take.traces[0].symbols != take.traces[1].symbols).any()


def test_more_samples_than_can_be_kept_of_what_goes_on_are_refused(
    reference_and_model: tuple[ModelReference, object],
) -> None:
    chain = replace(CHAIN, max_seconds=3600.0)
    reference = replace(reference_and_model[0], chain=chain)
    longest = longest_of(64, chain.limit)
    with pytest.raises(InputError, match=f"64 samples.* at most {longest - 1}"):
        going_on(reference, np.zeros(longest, np.int32), count=64)
    assert going_on(reference, np.zeros(longest - 1, np.int32), count=64).limit == longest


def test_a_continuation_is_saved_with_what_was_given_and_goes_on_from_there(
    reference_and_model: tuple[ModelReference, object], tmp_path: Path
) -> None:
    reference, model = reference_and_model
    take = run(model, going_on(reference, PREFIX, count=1))  # type: ignore[arg-type]
    save_take(tmp_path / "a.npz", take)
    for suffix in (".wav", ".flac"):
        export(tmp_path / f"a{suffix}", take)
    for read in (load_take(tmp_path / "a.npz"), *(read_saved(tmp_path / f"a{s}").take for s in (".wav", ".flac"))):
        assert read.given == tuple(PREFIX.tolist())
        np.testing.assert_array_equal(read.traces[0].symbols, take.traces[0].symbols)
        np.testing.assert_array_equal(read.traces[0].clamped, take.traces[0].clamped)
        read.branch(0, len(PREFIX) + 10, new_noise=True)
        again = run(model, read).traces[0]  # type: ignore[arg-type]
        np.testing.assert_array_equal(again.symbols[: len(PREFIX) + 10], take.traces[0].symbols[: len(PREFIX) + 10])
        assert len(again) == take.limit


def test_a_continuation_ends_where_the_model_s_sounds_do(
    reference_and_model: tuple[ModelReference, object],
) -> None:
    take = going_on(reference_and_model[0], np.zeros(3900, np.int32), more=300)
    assert take.limit == CHAIN.limit == 4000


@pytest.mark.parametrize(
    ("prefix", "says"),
    [
        (np.zeros(0, np.int32), "not 0"),
        (np.zeros(4000, np.int32), "1 to 3999"),
        (np.array([256]), "0 … 255"),
        (np.array([DRAW]), "0 … 255"),
    ],
)
def test_a_prefix_that_cannot_be_gone_on_from_is_refused(
    reference_and_model: tuple[ModelReference, object], prefix: npt.NDArray[np.int32], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        going_on(reference_and_model[0], prefix)


def test_only_sounds_are_continued() -> None:
    image = ModelReference("tiny", "Tiny", "0" * 64, ImageChain(GreyLevels(4), 4, 4), ())
    with pytest.raises(InputError, match="only sounds"):
        going_on(image, PREFIX)


def test_too_little_and_too_much_of_a_wave_make_no_prefix() -> None:
    for count in (0, CHAIN.limit):
        with pytest.raises(InputError, match=r"0\.5 s that it reads at most"):
            prefix_symbols(np.zeros(count, np.float32), CHAIN)
