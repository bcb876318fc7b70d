"""The table of formats: which fit a chain, what a path says to write, and that a new one is one object."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import ExifTags, Image

from models.chain import Chain, GreyLevels, ImageChain, MuLaw, SoundChain, Symbols
from models.checkpoint import read_header
from models.errors import FileError, InputError
from models.evaluation.data import read_data_file
from models.file_format import Format, no_record
from models.files import command_line, export, read_saved
from models.formats import FORMATS, format_by_suffix, format_of, formats_of, suffixes
from models.image_files import MAX_OPENED_SIDE, PICTURES, fitted, fitted_pixels, opened
from models.record import record_text
from models.sampling import run
from models.shaping import NEUTRAL
from models.trace import ModelReference, Take, new_take
from tests.melody_model import MODE, melody_model, register_melody, save_melody_model
from tests.studio.melody_chain import MELODY

IMAGE = ImageChain(GreyLevels(4), 6, 6)
SOUND = SoundChain(MuLaw(32), 8000, default_seconds=0.02, max_seconds=0.1)


@dataclass(frozen=True)
class TouchChain(ImageChain):
    """A modality that no format is made for."""

    modality: ClassVar[str] = "touch"


TOUCH = TouchChain(GreyLevels(4), 6, 6)


@pytest.mark.parametrize(
    ("chain", "fitting"), [(IMAGE, [".png", ".gif", ".npz"]), (SOUND, [".wav", ".flac", ".npz"]), (TOUCH, [".npz"])]
)
def test_the_formats_of_a_chain_are_its_modalitys_and_those_for_any_its_own_first(
    chain: Chain, fitting: list[str]
) -> None:
    assert [form.suffix for form in formats_of(chain)] == fitting


def test_suffixes_are_distinct_and_in_lower_case() -> None:
    names = [form.suffix for form in FORMATS]
    kinds = [(form.suffix, form.modality) for form in FORMATS]  # of images and of videos there are GIF and PNG
    assert len(set(kinds)) == len(kinds)
    assert all(name == name.lower() and name.startswith(".") for name in names)


def test_suffixes_in_words() -> None:
    assert suffixes(formats_of(IMAGE)) == ".png, .gif or .npz"
    assert suffixes(formats_of(SOUND)) == ".wav, .flac or .npz"
    assert suffixes(formats_of(TOUCH)) == ".npz"


def test_a_suffix_counts_in_any_case() -> None:
    assert format_by_suffix(".PNG", IMAGE).suffix == ".png"


@pytest.mark.parametrize(
    ("chain", "suffix", "says"),
    [
        (IMAGE, ".wav", r"image data cannot be saved as '\.wav'; use \.png, \.gif or \.npz, or a folder"),
        (SOUND, ".png", r"sound data cannot be saved as '\.png'; use \.wav, \.flac or \.npz, or a folder"),
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
    with pytest.raises(FileError, match=r"taken: it is a file; .* ends in \.wav, \.flac or \.npz"):
        format_of(tmp_path / "taken", SOUND, 1)


def test_formats_need_no_torch() -> None:
    script = "import sys, models.formats; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


# A new format


class Abc(Format):
    """Notes as code points, a line with the record after it."""

    suffix, title, modality, several, scaled = ".abc", "ABC", "melody", False, False

    def content(self, view: Take, *, scale: int = 1) -> bytes:
        return f"ABC{self.notes(view.traces[0].symbols)}\n{record_text(view)}".encode()

    def recognises(self, data: bytes) -> bool:
        return data.startswith(b"ABC")

    def record_in(self, data: bytes, name: str) -> str:
        record = data.decode().partition("\n")[2]
        if not record:
            raise no_record(name)
        return record

    def shows(self, data: bytes, name: str, take: Take) -> bool:
        return data.decode().partition("\n")[0] == f"ABC{self.notes(take.traces[0].symbols)}"

    def read_foreign(self, data: bytes, name: str, chain: Chain) -> list[Symbols]:
        return [np.array([ord(letter) - 48 for letter in data.decode().strip()], np.int32)]

    def notes(self, symbols: Symbols) -> str:
        return "".join(chr(48 + symbol) for symbol in symbols)


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Take:
    """A melody, where melodies can be saved as .abc."""
    register_melody(monkeypatch)
    monkeypatch.setattr("models.formats.FORMATS", (*FORMATS[:-1], Abc(), FORMATS[-1]))
    model = melody_model()
    reference = ModelReference("tiny-melody", model.title, "0" * 64, MELODY, (MODE,))
    return run(model, new_take(
        reference, seed=1, count=2, condition={"mode": "any"}, shaping=NEUTRAL, engine="reference", limit=30,
    ))  # fmt: skip


def test_a_format_that_is_added_is_written_and_read_and_offered(take: Take, tmp_path: Path) -> None:
    assert [form.suffix for form in formats_of(MELODY)] == [".abc", ".npz"]
    assert [path.name for path in export(tmp_path / "tunes", take)] == ["0000.abc", "0001.abc"]
    (path,) = export(tmp_path / "a.abc", take, samples=[1])
    saved = read_saved(path)
    assert isinstance(saved.form, Abc)
    assert saved.take.traces[0].symbols.tolist() == take.traces[1].symbols.tolist()
    with pytest.raises(InputError, match=r"one \.abc file holds one melody, not 2"):
        export(tmp_path / "b.abc", take)
    take.samples = take.samples[:1]
    assert "-o tiny-melody.abc " in command_line(take).text


def test_a_file_of_an_added_format_that_was_edited_or_has_no_record_is_refused(take: Take, tmp_path: Path) -> None:
    (path,) = export(tmp_path / "a.abc", take, samples=[0])
    content = path.read_bytes()
    path.write_bytes(b"ABCx" + content[4:])
    with pytest.raises(FileError, match=r"a\.abc was edited"):
        read_saved(path)
    path.write_bytes(b"ABC")
    with pytest.raises(FileError, match=r"a\.abc has no Sampling Studio metadata"):
        read_saved(path)


def test_files_of_an_added_format_are_scored_as_recorded_or_as_they_look(take: Take, tmp_path: Path) -> None:
    header = read_header(save_melody_model(tmp_path / "melody.safetensors"))
    (path,) = export(tmp_path / "a.abc", take, samples=[0])
    (ours,) = read_data_file(path, header)
    assert (ours.symbols.tolist(), ours.conditions_from) == (take.traces[0].symbols.tolist(), "file")
    path.write_text("0123\n")
    (foreign,) = read_data_file(path, header)
    assert (foreign.symbols.tolist(), foreign.conditions_from) == ([0, 1, 2, 3], "default")


def picture_file(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", PICTURES)
def test_any_picture_becomes_an_image_of_a_chain_at_its_levels(kind: str) -> None:
    picture = Image.new("RGB", (90, 40), (250, 250, 250))
    grey = fitted(picture_file(picture, kind), "p", ImageChain(GreyLevels(4), 6, 5))
    assert grey.shape == (6, 5)
    assert set(grey.reshape(-1).tolist()) == {255}
    colour = fitted(picture_file(picture, kind), "p", ImageChain(GreyLevels(256), 6, 5, 3))
    assert colour.shape == (6, 5, 3)
    assert np.abs(colour.astype(int) - 250).max() <= 3


def test_a_picture_is_cut_to_the_shape_not_squeezed_and_lies_on_black_where_it_is_transparent() -> None:
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 255
    cut = fitted(picture_file(Image.fromarray(wide)), "p", ImageChain(GreyLevels(2), 8, 8))
    assert (cut == 255).all()
    clear = Image.new("RGBA", (9, 9), (255, 255, 255, 0))
    assert not fitted(picture_file(clear), "p", ImageChain(GreyLevels(2), 8, 8)).any()


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n"
"""Not a picture but a program, which does not end."""


def test_white_paper_stays_white_beside_black_strokes() -> None:
    """A filter that overshoots at an edge would leave greys around it that nobody drew."""
    drawing = np.full((500, 380), 255, np.uint8)
    drawing[120:380, 150:210] = 0
    for chain in (ImageChain(GreyLevels(256), 28, 28), ImageChain(GreyLevels(256), 32, 32, 3)):
        small = fitted(picture_file(Image.fromarray(drawing)), "p", chain)
        ink = small < 255
        rows, columns = (np.flatnonzero(ink.reshape(*ink.shape[:2], -1).any((1 - axis, 2))) for axis in (0, 1))
        within = small[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert len(columns) <= 7
        assert len(rows) <= 24
        assert (within[2:-2, 2:-2] == 0).all()


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "empty"), (b"text", "not a picture"), (b"\x89PNG\r\n", "not a"), (POSTSCRIPT, "not a")]
)
def test_what_is_no_picture_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(FileError, match=words):
        fitted(data, "p", ImageChain(GreyLevels(2), 8, 8))


def test_greys_of_16_bits_are_scaled_and_of_32_refused() -> None:
    chain = ImageChain(GreyLevels(256), 1, 4)
    ramp = np.array([[0, 257, 65535 - 257, 65535]])
    assert fitted(picture_file(Image.fromarray(ramp.astype(np.uint16))), "p", chain).tolist() == [[0, 1, 254, 255]]
    plain = b"P5 4 1 65535\n" + ramp.astype(">u2").tobytes()
    assert fitted(plain, "p", chain).tolist() == [[0, 1, 254, 255]]
    for greys in (ramp.astype(np.float32), ramp.astype(np.int32), np.array([[0, 84, 168, 252]], np.int32)):
        with pytest.raises(FileError, match=r"p has pixels of 32 bits, .*; save it with 8 or 16"):
            fitted(picture_file(Image.fromarray(greys), "TIFF"), "p", chain)


def test_an_opened_picture_keeps_its_shape_and_colours_upright_on_black() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    assert (opened(picture_file(Image.fromarray(pixels)), "p") == pixels).all()
    grey = Image.fromarray(pixels[..., 0])
    assert (opened(picture_file(grey), "p") == pixels[..., :1]).all()
    clear = Image.new("RGBA", (7, 5), (255, 255, 255, 0))
    clear.putpixel((2, 1), (9, 99, 199, 255))
    on_black = opened(picture_file(clear), "p")
    assert on_black[1, 2].tolist() == [9, 99, 199]
    assert on_black.sum() == 9 + 99 + 199
    turned, buffer = Image.Exif(), io.BytesIO()
    turned[ExifTags.Base.Orientation] = 6
    grey.save(buffer, "PNG", exif=turned)
    assert (opened(buffer.getvalue(), "p")[..., 0] == np.rot90(pixels[..., 0], -1)).all()


def test_an_opened_picture_of_many_pixels_is_made_smaller_in_its_proportions() -> None:
    wide = picture_file(Image.new("L", (3000, 1500), 7))
    small = opened(wide, "p")
    assert small.shape == (MAX_OPENED_SIDE // 2, MAX_OPENED_SIDE, 3)
    assert (small == 7).all()
    chain = ImageChain(GreyLevels(256), 4, 4)
    assert (fitted_pixels(small, chain) == fitted(wide, "p", chain)).all()
