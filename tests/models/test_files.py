"""Files that takes are saved to and read from: what goes in comes out, and nothing else gets in."""

import base64
import io
import json
import os
import shlex
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import wave
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageFile, PngImagePlugin

from models import image_files, record, sound_files
from models.array_files import Npz
from models.chain import Chain, GreyLevels, ImageChain, MuLaw, SoundChain, Symbols
from models.condition import Category
from models.errors import FileError, InputError
from models.files import command_line, export, load_take, read_saved, save_take
from models.formats import formats_of
from models.image_files import METADATA_KEY, Gif, Png
from models.record import MAX_FILE_BYTES, read_bytes, shown, take_from_record, take_record
from models.shaping import NEUTRAL, Shaping
from models.sound_files import Flac, Wav
from models.trace import ModelReference, Take, Trace, new_take

GREY = ImageChain(GreyLevels(256), height=6, width=5)
COARSE = ImageChain(GreyLevels(4), height=6, width=5)
COLOUR = ImageChain(GreyLevels(256), height=4, width=3, channels=3)
SOUND = SoundChain(MuLaw(256, stop=True), rate=8000, default_seconds=0.1, max_seconds=1.0)
CLASS = Category("class", tuple("0123456789"), any=True)


def empty_take(chain: Chain, count: int = 1, **options: Any) -> Take:
    model = ModelReference("tiny", "Tiny model", "ab" * 32, chain, (CLASS,))
    settings: dict[str, Any] = {"seed": 7, "condition": {"class": "3"}, "shaping": NEUTRAL, "engine": "cached"}
    return new_take(model, count=count, **(settings | options))


def draw(take: Take, trace: Trace, count: int, *, clamped: bool = False) -> None:
    """Appends random ordinary symbols; puts what is forced; ends at the limit as a walk would."""
    rng = np.random.default_rng(len(trace) + 100 * trace.segment.sample)
    start, count = len(trace), min(count, take.limit - len(trace))
    symbols = rng.integers(0, take.model.chain.alphabet.levels, count).astype(np.int32)
    flags = np.full(count, clamped)
    for step, symbol in trace.forced.items():
        if start <= step < start + count:
            symbols[step - start], flags[step - start] = symbol, True
    bits = rng.random((2, count)).astype(np.float32)
    trace.append(symbols, bits[0], bits[1], flags)
    trace.finished = len(trace) == take.limit


def stop(take: Take, trace: Trace) -> None:
    trace.append(
        np.array([take.model.chain.alphabet.levels], np.int32), np.ones(1, np.float32), np.ones(1, np.float32),
        np.zeros(1, np.bool_),
    )  # fmt: skip
    trace.finished = True


def image_take(count: int = 1, chain: ImageChain = GREY, **options: Any) -> Take:
    take = empty_take(chain, count, **options)
    for trace in take.traces:
        draw(take, trace, chain.length)
    return take


def sound_take(count: int = 1, *, stopped: bool = True) -> Take:
    take = empty_take(SOUND, count)
    for n, trace in enumerate(take.traces):
        draw(take, trace, 300 + 10 * n)
        if stopped:
            stop(take, trace)
    return take


def edited_take() -> Take:
    """Half clamped, the temperature changed at step 12, then edited at step 20 and drawn on with new noise."""
    take = empty_take(GREY)
    trace = take.traces[0]
    draw(take, trace, 10, clamped=True)
    draw(take, trace, 2)
    trace.reschedule(replace(trace.segment, start=12, shaping=Shaping(temperature=0.5, top_k=3)))
    draw(take, trace, 18)
    draw(take, take.branch(0, 20, value=9, new_noise=True), 5)
    return take


def assert_same_shown(read: Take, saved: Take) -> None:
    """The shown branches agree in everything that an export keeps."""
    assert (read.id, read.model, read.limit) == (saved.id, saved.model, saved.limit)
    for one, other in zip(read.traces, saved.traces, strict=True):
        np.testing.assert_array_equal(one.symbols, other.symbols)
        np.testing.assert_array_equal(one.clamped, other.clamped)
        assert one.schedule == other.schedule
        assert one.finished == other.finished


def png_with_text(path: Path, **text: str) -> Path:
    info = PngImagePlugin.PngInfo()
    for key, value in text.items():
        info.add_itxt(key, value)
    Image.fromarray(np.zeros((6, 5), np.uint8)).save(path, pnginfo=info)
    return path


def write_wave(path: Path, *, rate: int = 8000, channels: int = 1, width: int = 2, frames: int = 100) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(b"\x01\x02\x03\x04"[:width] * channels * frames)
    return path


# The record


@pytest.mark.parametrize("take", [image_take(3), image_take(1, COLOUR), sound_take(2), edited_take(), empty_take(GREY)])
def test_record_survives_json_and_gives_the_shown_branches_again(take: Take) -> None:
    read = take_from_record(json.loads(json.dumps(take_record(take))))
    assert_same_shown(read, take)


def test_take_from_a_record_does_not_pretend_to_know_surprise_and_entropy() -> None:
    trace = take_from_record(take_record(image_take())).traces[0]
    assert np.isnan(trace.surprise).all()
    assert np.isnan(trace.entropy).all()


def test_record_keeps_a_forced_symbol_that_is_yet_to_be_put() -> None:
    take = image_take()
    take.branch(0, 8, value=200)
    assert take_from_record(take_record(take)).traces[0].forced == {8: 200}


def test_record_of_chosen_samples_keeps_their_numbers() -> None:
    record = take_record(shown(image_take(5), samples=[4, 1]))
    assert [trace.segment.sample for trace in take_from_record(record).traces] == [4, 1]


@pytest.mark.parametrize("samples", [[], [3], [-1], [0, 0]])
def test_choosing_samples_that_are_not_there_is_an_error(samples: list[int]) -> None:
    with pytest.raises(InputError):
        shown(image_take(3), samples=samples)


def damage(key: str, value: Any) -> dict[str, Any]:
    return take_record(image_take(2)) | {key: value}


def damage_sample(key: str, value: Any) -> dict[str, Any]:
    broken = take_record(image_take(2))
    broken["samples"][1][key] = value
    return broken


def damage_segment(key: str, value: Any) -> dict[str, Any]:
    broken = take_record(image_take(2))
    broken["samples"][1]["schedule"][0][key] = value
    return broken


def without(key: str) -> dict[str, Any]:
    broken = take_record(image_take())
    del broken[key]
    return broken


@pytest.mark.parametrize(
    "broken",
    [
        {},
        *(without(key) for key in take_record(image_take())),
        damage("program", "Another"),
        damage("format", 2),
        damage("format", "1"),
        damage("kind", "take"),
        damage("take", "../../home"),
        damage("take", 5),
        damage("limit", 31),
        damage("limit", 0),
        damage("limit", 30.0),
        damage("limit", True),
        damage("model", None),
        damage("model", {"name": "x"}),
        damage("samples", []),
        damage("samples", {}),
        damage("samples", [1, 2]),
        damage("samples", None),
        damage_sample("length", 29),
        damage_sample("length", -1),
        damage_sample("length", 10**12),
        damage_sample("length", "30"),
        damage_sample("dtype", "O"),
        damage_sample("dtype", "<u2"),
        damage_sample("dtype", None),
        damage_sample("symbols", "not base64!"),
        damage_sample("symbols", base64.b64encode(b"not zlib").decode()),
        damage_sample("symbols", ["a"]),
        damage_sample("clamped", [[0, 31]]),
        damage_sample("clamped", [[0]]),
        damage_sample("clamped", 1),
        damage_sample("forced", [[30, 0]]),
        damage_sample("forced", [[0, 256]]),
        damage_sample("forced", "x"),
        damage_sample("finished", 1),
        damage_sample("schedule", []),
        damage_sample("schedule", None),
        damage_segment("start", 1),
        damage_segment("seed", -1),
        damage_segment("seed", 1.5),
        damage_segment("sample", 2**70),
        damage_segment("salt", "0"),
        damage_segment("engine", "a b"),
        damage_segment("device", 0),
        damage_segment("condition", {}),
        damage_segment("condition", {"class": "10"}),
        damage_segment("condition", {"colour": "red"}),
        damage_segment("shaping", {"temperature": -1}),
        damage_segment("shaping", {"temperature": "warm"}),
        damage_segment("more", 1),
    ],
)
def test_broken_record_is_an_input_error(broken: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        take_from_record(broken)


def test_record_of_a_newer_format_names_the_version_that_wrote_it() -> None:
    with pytest.raises(InputError, match=r"format 2 .* '9\.0\.0'"):
        take_from_record(damage("format", 2) | {"version": "9.0.0"})


def test_symbol_outside_the_alphabet_is_an_input_error() -> None:
    broken = take_record(image_take(chain=COARSE))
    broken["samples"][0]["symbols"] = base64.b64encode(zlib.compress(bytes([4] * 30))).decode()
    with pytest.raises(InputError, match=r"0 … 3"):
        take_from_record(broken)


def test_stop_symbol_before_the_end_is_an_input_error() -> None:
    take = sound_take()
    draw(take, take.traces[0], 5)
    with pytest.raises(InputError, match="stop symbol"):
        take_from_record(take_record(take))


def test_zlib_bomb_in_a_record_is_refused_without_unpacking_it() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(50 * 2**20))).decode()
    with pytest.raises(InputError, match="packed symbols"):
        take_from_record(damage_sample("symbols", bomb))


def test_record_that_claims_too_many_steps_is_refused_before_any_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "MAX_STEPS", 59)
    with pytest.raises(InputError, match="60 steps"):
        take_from_record(take_record(image_take(2)))


# The history file


@pytest.mark.parametrize("take", [image_take(3), sound_take(2), edited_take(), empty_take(SOUND, 2)])
def test_history_file_keeps_everything(tmp_path: Path, take: Take) -> None:
    save_take(tmp_path / "one.take", take)
    read = load_take(tmp_path / "one.take")
    assert_same_shown(read, take)
    for one, other in zip(read.samples, take.samples, strict=True):
        assert one.current == other.current
        for got, expected in zip(one.branches, other.branches, strict=True):
            for name in ("symbols", "surprise", "entropy", "clamped", "schedule", "forced", "parent", "fork"):
                np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))
            assert got.finished == expected.finished


def test_history_file_keeps_branches_of_branches_and_which_is_shown(tmp_path: Path) -> None:
    take = edited_take()
    draw(take, take.branch(0, 23, value=1), 3)
    draw(take, take.branch(0, 22, value=2), 3)
    take.samples[0].current = 1
    save_take(tmp_path / "a.take", take)
    read = load_take(tmp_path / "a.take").samples[0]
    assert read.current == 1
    assert [(t.parent, t.fork, len(t)) for t in read.branches] == [(None, 0, 30), (0, 20, 25), (1, 23, 26), (2, 22, 25)]
    for one, other in zip(read.branches, take.samples[0].branches, strict=True):
        np.testing.assert_array_equal(one.symbols, other.symbols)


def test_take_can_be_saved_while_it_grows_and_its_settings_change(tmp_path: Path) -> None:
    take = empty_take(replace(SOUND, max_seconds=100.0), limit=800_000)
    trace = take.traces[0]
    done = threading.Event()

    def grow() -> None:
        while not done.is_set() and len(trace) < take.limit - 37:
            start = len(trace)
            steps = np.arange(start, start + 37)
            numbers = steps.astype(np.float32)
            trace.append((steps % 256).astype(np.int32), numbers, numbers, steps % 2 == 0)
            time.sleep(1e-4)
            shaping = Shaping(temperature=(len(trace) // 37 % 20) / 10)
            trace.reschedule(replace(trace.segment, start=len(trace), shaping=shaping))
            if len(trace) % (37 * 50) == 0:  # a schedule of a few segments
                trace.schedule = trace.schedule[:1]

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        lengths = set()
        for n in range(8):
            save_take(tmp_path / "a.take", take)
            read = load_take(tmp_path / "a.take").traces[0]
            steps = np.arange(len(read))
            np.testing.assert_array_equal(read.symbols, steps % 256, err_msg=f"save {n}")
            np.testing.assert_array_equal(read.surprise, steps)
            np.testing.assert_array_equal(read.entropy, steps)
            np.testing.assert_array_equal(read.clamped, steps % 2 == 0)
            assert not read.finished
            lengths.add(len(read))
        assert len(lengths) > 1
    finally:
        done.set()
        writer.join()


def test_take_caught_between_its_last_step_and_its_end_is_read_as_finished(tmp_path: Path) -> None:
    take = image_take()
    take.traces[0].finished = False
    save_take(tmp_path / "a.take", take)
    assert load_take(tmp_path / "a.take").finished


@pytest.mark.parametrize("kept", [0, 1, 10, 100, 0.5, 0.9, -1])
def test_history_file_cut_short_is_a_file_error(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "a.take"
    save_take(path, edited_take())
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    with pytest.raises(FileError, match=r"a\.take"):
        load_take(path)


def test_history_file_with_any_byte_changed_is_read_or_is_a_file_error(tmp_path: Path) -> None:
    path = tmp_path / "a.take"
    save_take(path, edited_take())
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    for at in rng.integers(0, len(data), 300):
        path.write_bytes(data[:at] + bytes([int(rng.integers(256))]) + data[at + 1 :])
        try:
            load_take(path)
        except FileError:
            continue


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n"])
def test_foreign_history_file_is_a_file_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.take").write_bytes(content)
    with pytest.raises(FileError):
        load_take(tmp_path / "a.take")


def rewrite_history(path: Path, change: Any) -> None:
    """Saves an edited take with its metadata and arrays changed."""
    save_take(path, edited_take())
    with np.load(path) as arrays:
        content = dict(arrays)
    metadata = json.loads(str(content["metadata"]))
    change(metadata, content)
    content["metadata"] = np.array(json.dumps(metadata))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **content)
    path.write_bytes(buffer.getvalue())


@pytest.mark.parametrize(
    "change",
    [
        lambda m, a: m["samples"][0].update(current=2),
        lambda m, a: m["samples"][0].update(branches=[]),
        lambda m, a: m["samples"][0]["branches"][1].update(parent=1),
        lambda m, a: m["samples"][0]["branches"][0].update(parent=0),
        lambda m, a: m["samples"][0]["branches"][1].update(fork=26),
        lambda m, a: m["samples"][0]["branches"][1].update(parent=None),
        lambda m, a: m["samples"][0]["branches"][1].pop("fork"),
        lambda m, a: m["samples"][0]["branches"][1].update(length=24),
        lambda m, a: m.update(kind="export"),
        lambda m, a: a.update(symbols=a["symbols"] + 300),
        lambda m, a: a.update(symbols=a["symbols"].astype(np.int64)),
        lambda m, a: a.update(symbols=a["symbols"].reshape(1, -1)),
        lambda m, a: a.update(surprise=a["surprise"][1:]),
        lambda m, a: a.pop("entropy"),
    ],
)
def test_contradictory_history_file_is_a_file_error(tmp_path: Path, change: Any) -> None:
    rewrite_history(tmp_path / "a.take", change)
    with pytest.raises(FileError, match=r"a\.take"):
        load_take(tmp_path / "a.take")


def test_history_file_with_objects_inside_is_refused(tmp_path: Path) -> None:
    save_take(tmp_path / "a.take", image_take())
    with np.load(tmp_path / "a.take") as arrays:
        content: dict[str, Any] = dict(arrays)
    content["entropy"] = np.array([object] * 30)
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(FileError, match="objects"):
        load_take(tmp_path / "a.npz")


def npy(shape: tuple[int, ...], data: bytes) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<i4", "fortran_order": False, "shape": shape})
    return buffer.getvalue() + data


@pytest.mark.parametrize(
    "member",
    [npy((10**13,), b""), npy((2**40, 0), b""), npy((-5,), bytes(20)), npy((25,), bytes(4 * 24)), bytes(2**27 + 2**13)],
)
def test_zip_bomb_or_array_with_an_absurd_shape_is_refused(tmp_path: Path, member: bytes) -> None:
    save_take(tmp_path / "a.take", empty_take(GREY))
    with zipfile.ZipFile(tmp_path / "a.take") as source:
        parts = {name: source.read(name) for name in source.namelist()}
    parts["symbols.npy"] = member
    with zipfile.ZipFile(tmp_path / "b.take", "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    with pytest.raises(FileError, match=r"b\.take"):
        load_take(tmp_path / "b.take")


# PNG


@pytest.mark.parametrize("chain", [GREY, COARSE, COLOUR])
@pytest.mark.parametrize(("count", "scale"), [(1, 1), (1, 7), (2, 1), (5, 3), (16, 2)])
def test_png_gives_the_take_again(tmp_path: Path, chain: ImageChain, count: int, scale: int) -> None:
    take = image_take(count, chain)
    export(tmp_path / "a.png", take, scale=scale)
    saved = read_saved(tmp_path / "a.png")
    assert isinstance(saved.form, Png)
    assert_same_shown(saved.take, take)


def test_png_of_one_image_is_that_image(tmp_path: Path) -> None:
    take = image_take()
    export(tmp_path / "a.png", take)
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), GREY.image(take.traces[0].symbols))


def test_png_is_enlarged_without_smoothing(tmp_path: Path) -> None:
    take = image_take()
    export(tmp_path / "a.png", take, scale=3)
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.asarray(image)
    np.testing.assert_array_equal(pixels, np.kron(GREY.image(take.traces[0].symbols), np.ones((3, 3), np.uint8)))


def test_png_of_a_grid_is_near_square_with_a_gap_of_one_pixel(tmp_path: Path) -> None:
    take = image_take(5)
    export(tmp_path / "a.png", take)
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.asarray(image)
    assert pixels.shape == (2 * 6 + 1, 3 * 5 + 2)
    np.testing.assert_array_equal(pixels[7:, 6:11], GREY.image(take.traces[4].symbols))
    assert (pixels[6] == image_files.GAP).all()
    assert (pixels[:, 5] == image_files.GAP).all()


def test_unfinished_pixels_are_hatched_in_mid_grey_and_read_back_as_unfinished(tmp_path: Path) -> None:
    take = edited_take()
    export(tmp_path / "a.png", take)
    with Image.open(tmp_path / "a.png") as image:
        undrawn = np.asarray(image).reshape(-1)[25:]
    assert set(undrawn.tolist()) == set(image_files.HATCH)
    assert_same_shown(read_saved(tmp_path / "a.png").take, take)


def test_pixel_with_a_channel_missing_counts_as_not_drawn() -> None:
    pixels = image_files.picture(COLOUR, [np.zeros(4, np.int32)])
    assert (pixels[0, 0] == 0).all()
    assert (pixels[0, 1] >= min(image_files.HATCH)).all()


def test_the_content_of_a_file_can_be_read_without_the_file() -> None:
    take = image_take(2)
    assert_same_shown(read_saved(Png().content(take)).take, take)


def test_png_carries_program_and_settings_for_other_viewers(tmp_path: Path) -> None:
    export(tmp_path / "a.png", image_take(shaping=Shaping(temperature=0.5)))
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["Software"].startswith("Sampling Studio ")
        assert image.info["Description"] == "Tiny model; class 3; seed 7; temperature 0.5; sample 0"


def test_png_with_pixels_edited_afterwards_is_a_file_error(tmp_path: Path) -> None:
    export(tmp_path / "a.png", image_take(4), scale=2)
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.array(image)
        text = PngImagePlugin.PngInfo()
        text.add_itxt(METADATA_KEY, image.info[METADATA_KEY])
    pixels[3, 3] ^= 1
    Image.fromarray(pixels).save(tmp_path / "a.png", pnginfo=text)
    with pytest.raises(FileError, match=r"a\.png was edited after it was saved"):
        read_saved(tmp_path / "a.png")


def test_png_written_anew_by_another_program_without_loss_still_counts(tmp_path: Path) -> None:
    take = image_take(chain=COARSE)
    export(tmp_path / "a.png", take)
    with Image.open(tmp_path / "a.png") as image:
        text = PngImagePlugin.PngInfo()
        text.add_text(METADATA_KEY, image.info[METADATA_KEY], zip=True)
        image.convert("P").save(tmp_path / "b.png", pnginfo=text)
    assert_same_shown(read_saved(tmp_path / "b.png").take, take)


@pytest.mark.parametrize("text", [{}, {"parameters": '{"prompt": "a cat"}', "Software": "Another"}])
def test_png_without_our_metadata_is_a_file_error(tmp_path: Path, text: dict[str, str]) -> None:
    path = png_with_text(tmp_path / "cat.png", **text)
    with pytest.raises(FileError, match=r"cat\.png has no Sampling Studio metadata"):
        read_saved(path)


def test_content_that_is_no_file_is_called_what_the_caller_calls_it(tmp_path: Path) -> None:
    content = png_with_text(tmp_path / "cat.png").read_bytes()
    with pytest.raises(FileError, match=r"^what was pasted has no Sampling Studio metadata"):
        read_saved(content, "what was pasted")
    with pytest.raises(FileError, match=r"^the data has no Sampling Studio metadata"):
        read_saved(content)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"program": "Sampling Studio"}', "[" * 100_000])
def test_png_with_damaged_metadata_is_a_file_error(tmp_path: Path, text: str) -> None:
    path = png_with_text(tmp_path / "a.png", **{METADATA_KEY: text})
    with pytest.raises(FileError, match=r"a\.png has damaged metadata"):
        read_saved(path)


def test_png_with_a_text_bomb_is_a_file_error(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text(METADATA_KEY, " " * (16 * 2**20), zip=True)
    Image.fromarray(np.zeros((6, 5), np.uint8)).save(tmp_path / "a.png", pnginfo=text)
    with pytest.raises(FileError, match=r"a\.png"):
        read_saved(tmp_path / "a.png")


def test_png_that_claims_to_be_huge_is_a_file_error(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "a.png").write_bytes(data + Png().content(image_take())[33:])
    with pytest.raises(FileError, match=r"a\.png has far too many pixels"):
        read_saved(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".png", ".gif", ".npz", ".wav"])
def test_export_cut_short_is_a_file_error_or_only_lost_its_end_mark(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    take = sound_take() if suffix == ".wav" else image_take(2)
    export(path, take)
    data = path.read_bytes()
    refused = 0
    lengths = range(0, len(data), 1 + len(data) // 60)
    for length in lengths:
        path.write_bytes(data[:length])
        try:
            assert_same_shown(read_saved(path).take, take)
        except FileError:
            refused += 1
    assert refused >= len(lengths) - 2


@pytest.mark.parametrize("suffix", [".png", ".gif", ".npz", ".wav"])
def test_export_with_any_byte_changed_is_read_or_is_a_file_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    export(path, sound_take() if suffix == ".wav" else image_take(2))
    data = path.read_bytes()
    rng = np.random.default_rng(2)
    for at in rng.integers(0, len(data), 150):
        path.write_bytes(data[:at] + bytes([int(rng.integers(256))]) + data[at + 1 :])
        try:
            read_saved(path)
        except FileError:
            continue


@pytest.mark.parametrize(("name", "take"), [("a.npz", image_take()), ("a.wav", sound_take()), ("folder", sound_take())])
def test_only_pictures_can_be_enlarged(tmp_path: Path, name: str, take: Take) -> None:
    with pytest.raises(InputError, match="only pictures can be enlarged"):
        export(tmp_path / name, take, scale=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scale", [0, -1, 1.5, 65, True])
def test_scale_that_is_no_whole_factor_is_an_input_error(tmp_path: Path, scale: Any) -> None:
    with pytest.raises(InputError, match="whole number"):
        export(tmp_path / "a.png", image_take(), scale=scale)


# GIF


@pytest.mark.parametrize(("chain", "count"), [(GREY, 1), (GREY, 16), (COARSE, 3), (COLOUR, 2)])
def test_gif_gives_the_take_again(tmp_path: Path, chain: ImageChain, count: int) -> None:
    take = image_take(count, chain)
    export(tmp_path / "a.gif", take, scale=2)
    saved = read_saved(tmp_path / "a.gif")
    assert isinstance(saved.form, Gif)
    assert_same_shown(saved.take, take)


def test_gif_carries_the_record_of_16_mnist_sized_images(tmp_path: Path) -> None:
    take = image_take(16, ImageChain(GreyLevels(256), height=28, width=28))
    export(tmp_path / "a.gif", take)
    assert_same_shown(read_saved(tmp_path / "a.gif").take, take)


def test_gif_draws_in_chain_order_exactly_holds_the_last_frame_and_loops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_files, "GENERATION_SECONDS", 0.4)
    take = image_take()
    export(tmp_path / "a.gif", take)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["loop"] == 0
        count = image.n_frames
        durations = []
        for n in range(count):
            image.seek(n)
            durations.append(image.info["duration"])
            expected = image_files.picture(GREY, [take.traces[0].symbols[: 3 * n]])
            np.testing.assert_array_equal(np.asarray(image.convert("L")), expected)
    assert (count, durations) == (11, [40] * 10 + [1500])


def test_gif_with_its_last_frame_edited_is_a_file_error(tmp_path: Path) -> None:
    take = image_take()
    text = f"{METADATA_KEY} {record.record_text(take)}".encode()
    Image.fromarray(np.zeros((6, 5), np.uint8)).save(tmp_path / "a.gif", comment=text)
    with pytest.raises(FileError, match="edited"):
        read_saved(tmp_path / "a.gif")


@pytest.mark.parametrize("side", [6, 3000, 9400, 65535])
def test_gif_with_a_frame_that_claims_to_be_larger_than_the_picture_is_refused_before_it_is_decoded(
    tmp_path: Path, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(Gif().content(image_take()))
    with Image.open(io.BytesIO(data)) as image:
        image.seek(2)
        left, top, right, bottom = image.tile[0].extents
    at = data.index(b"," + struct.pack("<4H", left, top, right - left, bottom - top))
    data[at + 5 : at + 9] = struct.pack("<2H", side, side)
    sizes = []
    load = ImageFile.ImageFile.load
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: (sizes.append(image.size), load(image))[1])
    with pytest.raises(FileError, match="the data is damaged: its frame 2 exceeds its 5 x 6 pixels"):
        read_saved(bytes(data))
    assert set(sizes) == {(5, 6)}


@pytest.mark.parametrize("comment", [b"", b"made by another program", b"{}"])
def test_gif_without_our_metadata_is_a_file_error(tmp_path: Path, comment: bytes) -> None:
    Image.fromarray(np.zeros((6, 5), np.uint8)).save(tmp_path / "a.gif", comment=comment)
    with pytest.raises(FileError, match="no Sampling Studio metadata"):
        read_saved(tmp_path / "a.gif")


def test_gif_of_unfinished_images_ends_where_they_do(tmp_path: Path) -> None:
    take = edited_take()
    export(tmp_path / "a.gif", take)
    assert_same_shown(read_saved(tmp_path / "a.gif").take, take)


def test_gif_of_too_many_pixels_is_an_input_error(tmp_path: Path) -> None:
    take = image_take(16, ImageChain(GreyLevels(4), height=64, width=64))
    with pytest.raises(InputError, match="smaller scale"):
        export(tmp_path / "a.gif", take, scale=8)


# WAV


@pytest.mark.parametrize("stopped", [True, False])
def test_wav_gives_the_take_again(tmp_path: Path, stopped: bool) -> None:
    take = sound_take(stopped=stopped)
    export(tmp_path / "a.wav", take)
    saved = read_saved(tmp_path / "a.wav")
    assert isinstance(saved.form, Wav)
    assert_same_shown(saved.take, take)


def test_wav_plays_elsewhere_as_the_decoded_sound_without_the_stop_symbol(tmp_path: Path) -> None:
    take = sound_take(3)
    export(tmp_path / "a.wav", take, samples=[1])
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        played = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    np.testing.assert_array_equal(played, SOUND.wave(take.traces[1].symbols))
    assert len(played) == 310


def test_wav_parts_fill_the_file_exactly(tmp_path: Path) -> None:
    export(tmp_path / "a.wav", sound_take())
    data = (tmp_path / "a.wav").read_bytes()
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    at, names = 12, []
    while at < len(data):
        names.append(data[at : at + 4])
        size = struct.unpack("<I", data[at + 4 : at + 8])[0]
        at += 8 + size + size % 2
    assert (at, names) == (len(data), [b"fmt ", b"data", b"LIST", b"smpS"])
    assert b"ISFT" in data
    assert b"Tiny model; class 3; seed 7; sample 0" in data


def test_wav_of_nothing_drawn_yet_can_be_saved_and_read(tmp_path: Path) -> None:
    export(tmp_path / "a.wav", empty_take(SOUND))
    assert len(read_saved(tmp_path / "a.wav").take.traces[0]) == 0


def test_wav_edited_afterwards_is_a_file_error(tmp_path: Path) -> None:
    export(tmp_path / "a.wav", sound_take())
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[60] ^= 1
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(FileError, match="edited"):
        read_saved(tmp_path / "a.wav")


def test_plain_wav_is_a_file_error_that_names_its_rate(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"no Sampling Studio metadata \(a plain WAV at 44100 Hz\)"):
        read_saved(write_wave(tmp_path / "a.wav", rate=44100))


def test_wav_of_floats_gives_the_take_again_and_plays_elsewhere_as_the_same_sound(tmp_path: Path) -> None:
    take = sound_take()
    (tmp_path / "a.wav").write_bytes(Wav(floats=True).content(shown(take)))
    assert_same_shown(read_saved(tmp_path / "a.wav").take, take)
    played, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert (soundfile.info(tmp_path / "a.wav").subtype, rate) == ("FLOAT", 8000)
    np.testing.assert_array_equal(played * 32768, SOUND.wave(take.traces[0].symbols))


# FLAC


def flac_blocks(data: bytes) -> list[tuple[int, int]]:
    """Kind and size of each metadata block, up to the one that is marked as the last."""
    blocks, at, last = [], 4, False
    while not last:
        last = bool(data[at] & 0x80)
        blocks.append((data[at] & 0x7F, int.from_bytes(data[at + 1 : at + 4], "big")))
        at += 4 + blocks[-1][1]
    assert data[at : at + 2] == b"\xff\xf8", "the frames follow the last block"
    return blocks


@pytest.mark.parametrize("stopped", [True, False])
def test_flac_gives_the_take_again(tmp_path: Path, stopped: bool) -> None:
    take = sound_take(stopped=stopped)
    export(tmp_path / "a.flac", take)
    saved = read_saved(tmp_path / "a.flac")
    assert isinstance(saved.form, Flac)
    assert_same_shown(saved.take, take)


@pytest.mark.parametrize("suffix", [".flac", ".wav", ".npz"])
def test_a_sound_that_went_on_beyond_the_usual_limit_is_opened_again(tmp_path: Path, suffix: str) -> None:
    take = empty_take(SOUND, limit=SOUND.endless_limit)
    draw(take, take.traces[0], SOUND.limit + 2000)
    export(tmp_path / f"a{suffix}", take)
    assert_same_shown(read_saved(tmp_path / f"a{suffix}").take, take)


def test_flac_plays_elsewhere_as_the_decoded_sound_bit_for_bit(tmp_path: Path) -> None:
    take = sound_take(3)
    export(tmp_path / "a.flac", take, samples=[1])
    played, rate = soundfile.read(tmp_path / "a.flac", dtype="int16")
    assert rate == 8000
    np.testing.assert_array_equal(played, SOUND.wave(take.traces[1].symbols))
    with soundfile.SoundFile(tmp_path / "a.flac") as file:
        assert file.comment == "Tiny model; class 3; seed 7; sample 1"


def test_flac_carries_a_record_of_any_size_in_as_many_blocks_as_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = sound_take()
    export(tmp_path / "a.flac", take)
    kinds = [kind for kind, _ in flac_blocks((tmp_path / "a.flac").read_bytes())]
    assert kinds.count(sound_files.APPLICATION) == 1
    monkeypatch.setattr(sound_files, "MAX_BLOCK_BYTES", 300)
    export(tmp_path / "b.flac", take)
    sizes = [size for kind, size in flac_blocks((tmp_path / "b.flac").read_bytes()) if kind == sound_files.APPLICATION]
    assert len(sizes) > 3
    assert max(sizes) == 300
    assert_same_shown(read_saved(tmp_path / "b.flac").take, take)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "b.flac")[0], soundfile.read(tmp_path / "a.flac")[0])


def test_flac_block_of_the_largest_size_is_decoded_elsewhere(tmp_path: Path) -> None:
    export(tmp_path / "a.flac", sound_take())
    blocks, frames = sound_files._read_flac((tmp_path / "a.flac").read_bytes(), "a")
    large = bytes([2]) + (2**24 - 1).to_bytes(3, "big") + b"smpT" + bytes(2**24 - 5)
    head = b"".join(bytes([kind]) + len(block).to_bytes(3, "big") + block for kind, block in blocks)
    padding = bytes([0x81, 0, 0, 0])
    played, _ = soundfile.read(io.BytesIO(b"fLaC" + head + large + padding + frames), dtype="int16")
    np.testing.assert_array_equal(played, soundfile.read(tmp_path / "a.flac", dtype="int16")[0])


def test_flac_whose_sound_is_another_one_is_a_file_error(tmp_path: Path) -> None:
    take = sound_take()
    export(tmp_path / "a.flac", take)
    export(tmp_path / "b.flac", sound_take(2), samples=[1])
    (blocks, _), (_, frames) = (
        sound_files._read_flac((tmp_path / name).read_bytes(), name) for name in ("a.flac", "b.flac")
    )
    other = sound_files._read_flac((tmp_path / "b.flac").read_bytes(), "b")[0]
    mixed = [*other[:-1], blocks[-1]]
    head = b"".join(
        bytes([kind | (0x80 if n == len(mixed) - 1 else 0)]) + len(block).to_bytes(3, "big") + block
        for n, (kind, block) in enumerate(mixed)
    )
    (tmp_path / "a.flac").write_bytes(b"fLaC" + head + frames)
    with pytest.raises(FileError, match=r"a\.flac was edited"):
        read_saved(tmp_path / "a.flac")


def test_flac_of_nothing_drawn_yet_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.flac file cannot be empty"):
        export(tmp_path / "a.flac", empty_take(SOUND))


@pytest.mark.parametrize("kept", [4, 6, 30, 60, -1])
def test_flac_cut_short_is_a_file_error(tmp_path: Path, kept: int) -> None:
    export(tmp_path / "a.flac", sound_take())
    (tmp_path / "a.flac").write_bytes((tmp_path / "a.flac").read_bytes()[:kept])
    with pytest.raises(FileError, match=r"a\.flac"):
        read_saved(tmp_path / "a.flac")


def test_plain_flac_has_no_record_and_is_read_as_it_looks_where_it_fits(tmp_path: Path) -> None:
    sound = np.arange(-50, 50, dtype=np.int16) * 300
    soundfile.write(tmp_path / "a.flac", sound, 8000)
    with pytest.raises(FileError, match=r"no Sampling Studio metadata \(a plain FLAC\)"):
        read_saved(tmp_path / "a.flac")
    (symbols,) = Flac().read_foreign(*read_bytes(tmp_path / "a.flac"), SOUND)
    np.testing.assert_array_equal(symbols, SOUND.symbols(sound))


@pytest.mark.parametrize(
    ("rate", "channels", "bits", "seconds", "message"),
    [
        (16000, 1, "PCM_16", 0.1, "has 16000 samples a second; the model expects 8000"),
        (8000, 2, "PCM_16", 0.1, "2 channels"),
        (8000, 1, "PCM_24", 0.1, "24-bit samples"),
        (8000, 1, "PCM_16", 1.1, "lasts 1.1 s; the model reads up to 1 s"),
    ],
)
def test_flac_that_does_not_fit_the_model_is_an_input_error(
    tmp_path: Path, rate: int, channels: int, bits: str, seconds: float, message: str
) -> None:
    soundfile.write(tmp_path / "a.flac", np.ones((round(seconds * rate), channels), np.int16), rate, subtype=bits)
    with pytest.raises(InputError, match=message):
        Flac().read_foreign(*read_bytes(tmp_path / "a.flac"), SOUND)


# npz


@pytest.mark.parametrize(
    "take", [image_take(3), image_take(2, COLOUR), sound_take(3), edited_take(), empty_take(SOUND)]
)
def test_npz_gives_the_take_again(tmp_path: Path, take: Take) -> None:
    export(tmp_path / "a.npz", take)
    saved = read_saved(tmp_path / "a.npz")
    assert isinstance(saved.form, Npz)
    assert_same_shown(saved.take, take)


def test_npz_of_images_holds_pixels_symbols_and_nats(tmp_path: Path) -> None:
    take = image_take(3)
    draw(take, take.branch(1, 20), 4)
    export(tmp_path / "a.npz", take)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"samples", "symbols", "nats", "seed", "metadata"}
        assert (arrays["samples"].dtype, arrays["samples"].shape) == (np.uint8, (3, 6, 5))
        np.testing.assert_array_equal(arrays["samples"][0], GREY.image(take.traces[0].symbols))
        assert (arrays["symbols"].dtype, arrays["symbols"].shape) == (np.int32, (3, 30))
        np.testing.assert_array_equal(arrays["symbols"][1, 24:], -1)
        np.testing.assert_array_equal(arrays["samples"][1].reshape(-1)[24:], 0)
        np.testing.assert_allclose(arrays["nats"], [trace.bits * np.log(2) for trace in take.traces])
        assert arrays["seed"] == 7
        assert json.loads(str(arrays["metadata"]))["take"] == take.id


def test_npz_of_sound_is_zero_padded_with_lengths_and_rate(tmp_path: Path) -> None:
    take = sound_take(3)
    export(tmp_path / "a.npz", take)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"samples", "lengths", "sample_rate", "symbols", "nats", "seed", "metadata"}
        assert (arrays["samples"].dtype, arrays["samples"].shape) == (np.int16, (3, 320))
        assert arrays["lengths"].tolist() == [300, 310, 320]
        assert arrays["sample_rate"] == 8000
        np.testing.assert_array_equal(arrays["samples"][0, 300:], 0)
        assert arrays["symbols"][0, 300] == 256
        np.testing.assert_array_equal(arrays["symbols"][0, 301:], -1)


def test_npz_with_a_sample_changed_is_a_file_error(tmp_path: Path) -> None:
    export(tmp_path / "a.npz", image_take())
    with np.load(tmp_path / "a.npz") as arrays:
        content = dict(arrays)
    content["samples"][0, 0, 0] ^= 1
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(FileError, match="edited"):
        read_saved(tmp_path / "a.npz")


def test_npz_of_somebody_else_is_a_file_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 6, 5), np.uint8))
    with pytest.raises(FileError, match="no Sampling Studio metadata"):
        read_saved(tmp_path / "a.npz")


# Choosing how to save


def test_export_goes_by_the_suffix(tmp_path: Path) -> None:
    for suffix, form in ((".png", Png), (".GIF", Gif), (".npz", Npz)):
        assert export(tmp_path / f"a{suffix}", image_take(2)) == [tmp_path / f"a{suffix}"]
        assert isinstance(read_saved(tmp_path / f"a{suffix}").form, form)
    export(tmp_path / "a.wav", sound_take())
    assert isinstance(read_saved(tmp_path / "a.wav").form, Wav)


def test_folder_gets_one_file_per_sample_named_by_its_number(tmp_path: Path) -> None:
    take = image_take(3, first=9)
    paths = export(tmp_path / "new" / "folder", take)
    assert [path.name for path in paths] == ["0009.png", "0010.png", "0011.png"]
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == [path.name for path in paths]
    for n, path in enumerate(paths):
        assert_same_shown(read_saved(path).take, shown(take, samples=[n]))


def test_folder_of_clips_holds_wav_files(tmp_path: Path) -> None:
    assert [path.name for path in export(tmp_path / "clips", sound_take(2))] == ["0000.wav", "0001.wav"]


@pytest.mark.parametrize("take", [image_take(), sound_take()])
def test_every_format_of_a_take_is_written_as_its_suffix_says_and_gives_the_take_again(
    tmp_path: Path, take: Take
) -> None:
    for form in formats_of(take.model.chain):
        (path,) = export(tmp_path / f"a{form.suffix}", take)
        saved = read_saved(path)
        assert saved.form is form
        assert_same_shown(saved.take, take)


@pytest.mark.parametrize(
    ("take", "name", "message"),
    [
        (image_take(), "a.mp3", r"\.mp3"),
        (image_take(), "a.wav", "image data cannot be saved"),
        (image_take(4), "a.wav", "image data cannot be saved"),
        (sound_take(2), "a.wav", "one sound, not 2"),
        (sound_take(), "a.png", "sound data cannot be saved"),
        (sound_take(), "a.gif", "sound data cannot be saved"),
    ],
)
def test_combination_that_makes_no_sense_is_an_input_error_and_writes_nothing(
    tmp_path: Path, take: Take, name: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        export(tmp_path / name, take)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(FileError, match="not a regular file"):
        read_saved(tmp_path / "pipe.png")


def test_file_where_the_folder_would_be_is_a_file_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(FileError, match=r"taken: it is a file.* \.png, \.gif or \.npz"):
        export(tmp_path / "taken", image_take())
    assert (tmp_path / "taken").read_text() == "x"


# Where nothing can be written or read


@pytest.mark.parametrize("suffix", [".png", ".gif", ".npz", ".take", ""])
def test_place_that_cannot_be_written_is_a_file_error(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", Path("/proc")):
        path = folder / f"a{suffix}"
        with pytest.raises(FileError, match=str(path)):
            save_take(path, image_take()) if suffix == ".take" else export(path, image_take())


def test_full_disk_is_a_file_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.take"
    path.write_bytes(b"old")
    script = f"""
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from models.errors import FileError
from models.files import save_take
from tests.models.test_files import image_take
take = image_take(16)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    save_take(Path({str(path)!r}), take)
except FileError as error:
    sys.exit(0 if {path.name!r} in str(error) else 3)
sys.exit(4)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize(
    "read", [read_saved, load_take, lambda p: as_it_looks(p, GREY), lambda p: as_it_looks(p, SOUND)]
)
def test_missing_file_folder_and_empty_file_are_file_errors(tmp_path: Path, read: Any) -> None:
    (tmp_path / "empty").write_bytes(b"")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "empty"):
        with pytest.raises(FileError, match=str(path)):
            read(path)


def test_file_of_another_kind_is_a_file_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(FileError, match=r"a\.txt has no Sampling Studio metadata \(plain text\)"):
        read_saved(tmp_path / "a.txt")


# Files as they look


def as_it_looks(path: Path, chain: ImageChain | SoundChain) -> Symbols:
    """The one sample in a PNG or a WAV, whoever wrote it."""
    form = Png() if isinstance(chain, ImageChain) else Wav()
    (symbols,) = form.read_foreign(*read_bytes(path), chain)
    return symbols


def test_plain_grey_png_of_the_right_size_is_read(tmp_path: Path) -> None:
    pixels = np.arange(30, dtype=np.uint8).reshape(6, 5) * 8
    for mode in ("L", "P", "RGB", "RGBA", "LA"):
        Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png")
        np.testing.assert_array_equal(as_it_looks(tmp_path / "a.png", GREY), GREY.symbols(pixels), err_msg=mode)


def test_plain_colour_png_of_the_right_size_is_read(tmp_path: Path) -> None:
    pixels = np.arange(36, dtype=np.uint8).reshape(4, 3, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(as_it_looks(tmp_path / "a.png", COLOUR), pixels.reshape(-1))


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((7, 5), np.uint8), "has 5 x 7 pixels; the model expects 5 x 6"),
        (np.zeros((6, 5), np.uint16), "I;16"),
        (np.eye(30, 3, dtype=np.uint8).reshape(6, 5, 3), "coloured"),
        (np.zeros((6, 5, 4), np.uint8), "transparent"),
    ],
)
def test_png_that_does_not_fit_the_model_is_an_input_error(tmp_path: Path, pixels: Any, message: str) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=message):
        as_it_looks(tmp_path / "a.png", GREY)


def test_grey_png_for_a_colour_model_is_an_input_error(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"is grey; the model expects 3 x 4 pixels, RGB"):
        as_it_looks(tmp_path / "a.png", COLOUR)


def test_image_for_a_sound_model_and_sound_for_an_image_model_are_input_errors() -> None:
    with pytest.raises(InputError, match=r"a\.png holds image data; the model expects sound data"):
        Png().read_foreign(b"", "a.png", SOUND)
    with pytest.raises(InputError, match=r"a\.wav holds sound data; the model expects image data"):
        Wav().read_foreign(b"", "a.wav", GREY)


def test_plain_wav_is_read_and_closed_by_the_stop_symbol(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav")
    symbols = as_it_looks(path, SOUND)
    np.testing.assert_array_equal(symbols, SOUND.symbols(np.full(100, 0x0201, np.int16)))
    assert symbols[-1] == 256


def test_extensible_wav_header_with_pcm_inside_is_read(tmp_path: Path) -> None:
    pcm = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    form = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 4) + pcm
    sound = np.arange(50, dtype="<i2").tobytes()
    content = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(sound)) + sound
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", len(content)) + content)
    assert len(as_it_looks(tmp_path / "a.wav", SOUND)) == 51


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 16000}, "has 16000 samples a second; the model expects 8000"),
        ({"channels": 2}, "2 channels"),
        ({"width": 1}, "8-bit PCM"),
        ({"width": 3}, "24-bit PCM"),
        ({"frames": 0}, "no samples"),
        ({"frames": 8001}, "up to 1 s"),
    ],
)
def test_wav_that_does_not_fit_the_model_is_an_input_error(
    tmp_path: Path, options: dict[str, int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        as_it_looks(write_wave(tmp_path / "a.wav", **options), SOUND)


@pytest.mark.parametrize("kept", [11, 12, 30, 44, 100, -1])
def test_wav_cut_short_is_a_file_error(tmp_path: Path, kept: int) -> None:
    path = write_wave(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FileError, match=r"a\.wav"):
        as_it_looks(path, SOUND)


# The command line


def test_command_names_only_what_differs_from_the_defaults() -> None:
    command = command_line(image_take())
    assert shlex.split(command.text) == shlex.split(
        "sampling-studio sample tiny -o tiny.png --condition class=3 --seed 7 --engine cached --device cpu"
    )
    assert command.exact


def test_command_names_every_setting_that_was_changed() -> None:
    shaping = Shaping(temperature=0.7, top_k=5, top_p=0.9, min_p=0.05)
    take = image_take(4, first=2, shaping=shaping, limit=20, condition={"class": "any"})
    words = shlex.split(command_line(take).text)
    assert words[4:] == shlex.split(
        "tiny.png --seed 7 --count 4 --first 2 --temperature 0.7 --top-k 5 --top-p 0.9 --min-p 0.05 --steps 20 "
        "--engine cached --device cpu"
    )


def test_command_writes_several_clips_to_a_folder() -> None:
    assert "-o tiny --" in command_line(sound_take(2)).text
    assert "-o tiny.wav --" in command_line(sound_take(1)).text


@pytest.mark.parametrize("take", [edited_take(), sound_take(stopped=False), shown(image_take(3), samples=[0, 2])])
def test_command_says_when_it_does_not_make_the_take_again(take: Take) -> None:
    assert not command_line(take).exact


def test_command_is_not_exact_when_the_temperature_changed_in_mid_run() -> None:
    take = empty_take(GREY)
    draw(take, take.traces[0], 10)
    take.traces[0].reschedule(replace(take.traces[0].segment, start=10, shaping=Shaping(temperature=0)))
    draw(take, take.traces[0], 20)
    assert take.finished
    assert not command_line(take).exact


def test_reading_files_does_not_import_torch() -> None:
    script = "import sys, models.files; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    tracemalloc.start()
    with pytest.raises(FileError, match=r"huge\.png is larger than 1 GiB"):
        read_bytes(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
