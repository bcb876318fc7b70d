"""Data files as examples, and the reports on what generated samples are like."""

from __future__ import annotations

import json
import re
import wave
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image, PngImagePlugin

from models.catalog import Catalog, Entry
from models.chain import INT16_PEAK, GreyLevels, ImageChain, MuLaw, SoundChain
from models.checkpoint import (
    CheckpointHeader,
    LoadedModel,
    load_checkpoint,
    read_header,
    save_checkpoint,
    update_header,
)  # fmt: skip
from models.condition import Category, Factor, Vector
from models.errors import FileError, InputError
from models.evaluation.__main__ import main
from models.evaluation.card import card
from models.evaluation.data import read_data_file, read_data_set
from models.evaluation.mixture import mixture_nats
from models.evaluation.neighbours import Neighbours, neighbours
from models.evaluation.pictures import envelope
from models.evaluation.samples import balanced, continued, draw
from models.evaluation.speech import (
    accuracy,
    fixed_length,
    log_mel,
    sound_statistics,
    speech_report,
    spoken,
    train_classifier,
)
from models.evaluation.zoo import measured
from models.files import export
from models.image_files import METADATA_KEY
from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class
from models.networks.gated_pixelcnn import GatedPixelCNN
from models.networks.wavenet import WaveNet
from models.record import record_text
from models.shaping import NEUTRAL
from models.tensor_file import SUFFIX
from models.text import Characters, TextChain
from models.trace import ModelReference, Take, Trace, new_take
from models.training.data import DATA_SETS, DataSet, Examples, load
from models.training.data.base import Rows, packed_arrays
from models.training.data.fsdd import FSDD_SPEAKERS, normalise
from models.training.data.fsdd_directed import FSDD_DIRECTED
from models.training.data.mnist import BINARISED_MNIST
from models.training.data.piano_notes import PIANO_NOTES, PITCH
from tests.data_files import write_idx
from tests.place import WHERE
from tests.video_model import VIDEO, video_model

IMAGE_CHAIN = ImageChain(GreyLevels(256), 28, 28)
SOUND_CHAIN = SoundChain(MuLaw(256, stop=True), 8000, default_seconds=0.05, max_seconds=1.0)
DIGIT = Category("digit", tuple("0123456789"), any=True)
SPEAKER = Category("speaker", FSDD_SPEAKERS, any=True)
COLOUR = Category("colour", ("red", "blue"))


def header(chain: ImageChain | SoundChain, *factors: Factor) -> CheckpointHeader:
    return CheckpointHeader(
        path=Path("model"), size_bytes=0, name="model", title="Model", architecture="", family="", chain=chain,
        factors=factors, config={}, parameters=0, receptive_field=None, data={"name": "fsdd"}, training={},
        likelihood={},
    )  # fmt: skip


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    return tmp_path / "data.npz"


@pytest.fixture
def images() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (4, 28, 28), np.uint8)


@pytest.fixture
def clips() -> list[npt.NDArray[np.int16]]:
    rng = np.random.default_rng(0)
    return [rng.integers(-500, 900, n).astype(np.int16) for n in (30, 50, 40)]


def packed(clips: list[npt.NDArray[np.int16]]) -> dict[str, npt.NDArray[Any]]:
    return {"samples": np.concatenate(clips), "offsets": np.cumsum([0, *map(len, clips)])}


# Data files


@pytest.mark.parametrize(("key", "labels"), [("test_images", "test_labels"), ("images", "labels")])
def test_images_and_labels(npz: Path, images: npt.NDArray[np.uint8], key: str, labels: str) -> None:
    examples = read_data_set(saved(npz, **{key: images, labels: [3, 1, 4, 1]}), header(IMAGE_CHAIN, DIGIT))
    assert np.array_equal(np.stack(examples.symbols), images.reshape(4, -1))
    assert examples.conditions == [{"digit": digit} for digit in "3141"]


def test_the_test_part_of_a_packed_set_counts(npz: Path, images: npt.NDArray[np.uint8]) -> None:
    saved(npz, train_images=images, train_labels=[0] * 4, test_images=images[:1], test_labels=[5])
    assert read_data_set(npz, header(IMAGE_CHAIN, DIGIT)).conditions == [{"digit": "5"}]


def test_a_missing_condition_is_any(npz: Path, images: npt.NDArray[np.uint8]) -> None:
    examples = read_data_set(saved(npz, images=images), header(IMAGE_CHAIN, DIGIT))
    assert examples.conditions == [{"digit": "any"}] * 4


def test_a_missing_condition_without_any_is_refused(npz: Path, images: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match=r"data\.npz: it has no array 'colour'"):
        read_data_set(saved(npz, images=images), header(IMAGE_CHAIN, COLOUR))


def test_conditions_by_name_as_strings_and_integers(npz: Path, images: npt.NDArray[np.uint8]) -> None:
    saved(npz, images=images, colour=["red", "blue", "blue", "red"], digit=[1, 2, 3, 4])
    examples = read_data_set(npz, header(IMAGE_CHAIN, COLOUR, DIGIT))
    assert examples.conditions == [
        {"colour": "red", "digit": "1"}, {"colour": "blue", "digit": "2"},
        {"colour": "blue", "digit": "3"}, {"colour": "red", "digit": "4"},
    ]  # fmt: skip


def test_a_condition_of_another_kind_reads_its_own_arrays(npz: Path, images: npt.NDArray[np.uint8]) -> None:
    where = np.random.default_rng(0).random((4, 2))
    examples = read_data_set(saved(npz, images=images, where=where), header(IMAGE_CHAIN, DIGIT, WHERE))
    assert examples.conditions == [{"digit": "any", "where": place.tolist()} for place in where]
    with pytest.raises(InputError, match=r"data\.npz: where should hold 4 values, not shape \(2, 4\)"):
        read_data_set(saved(npz, images=images, where=where.T), header(IMAGE_CHAIN, WHERE))
    with pytest.raises(InputError, match=r"data\.npz: where is two numbers in 0 … 1, not \[2"):
        read_data_set(saved(npz, images=images, where=where + 2), header(IMAGE_CHAIN, WHERE))


def test_sound_is_normalised_and_split(npz: Path, clips: list[npt.NDArray[np.int16]]) -> None:
    saved(npz, **packed(clips), split=[0, 1, 1], digit=[7, 8, 9], sample_rate=8000)
    examples = read_data_set(npz, header(SOUND_CHAIN, DIGIT))
    assert examples.conditions == [{"digit": "8"}, {"digit": "9"}]
    for symbols, clip in zip(examples.symbols, clips[1:], strict=True):
        assert np.array_equal(symbols, SOUND_CHAIN.symbols(normalise(clip)))


def test_rows_of_padded_sound(npz: Path, clips: list[npt.NDArray[np.int16]]) -> None:
    rows = np.zeros((3, 50), np.int16)
    for row, clip in zip(rows, clips, strict=True):
        row[: len(clip)] = clip
    padded = saved(npz, samples=rows, lengths=list(map(len, clips)))
    examples = read_data_file(padded, header(SOUND_CHAIN))
    assert [e.symbols.tolist() for e in examples] == [SOUND_CHAIN.symbols(clip).tolist() for clip in clips]


def test_packed_fsdd_reads_as_the_training_code_reads_it(tmp_path: Path, npz: Path) -> None:
    recordings(tmp_path / "recordings", length=200)
    by_training = load("fsdd", tmp_path, "test")
    waves = {path: read_wav(path) for path in sorted((tmp_path / "recordings").glob("*_0.wav"))}
    speakers = [path.stem.split("_")[1] for path in waves]
    saved(npz, **packed(list(waves.values())), speaker=speakers, digit=[path.stem[0] for path in waves])
    by_evaluation = read_data_set(npz, header(SOUND_CHAIN, SPEAKER, DIGIT))
    assert by_evaluation.conditions == by_training.conditions
    assert [s.tolist() for s in by_evaluation.symbols] == [s.tolist() for s in by_training.symbols]
    assert len(read_data_set(tmp_path, header(SOUND_CHAIN, SPEAKER, DIGIT))) == len(by_training)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({}, "neither test_images nor images"),
        ({"images": np.zeros((2, 9, 9), np.uint8)}, "28"),
        ({"images": np.zeros((2, 28, 28))}, "float64"),
        ({"images": np.zeros((28, 28), np.uint8)}, "one image after the other"),
        ({"images": np.zeros((0, 28, 28), np.uint8)}, "no examples"),
        ({"images": np.zeros((2, 28, 28), np.uint8), "labels": [0]}, "2 values"),
        ({"images": np.zeros((1, 28, 28), np.uint8), "labels": [11]}, "0 … 9"),
        ({"images": np.zeros((1, 28, 28), np.uint8), "labels": ["seven"]}, "seven"),
        ({"images": np.zeros((1, 28, 28), np.uint8), "labels": [0.5]}, "integers or strings"),
    ],
)
def test_wrong_image_data_are_refused(npz: Path, arrays: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=rf"data\.npz.*{says}"):
        read_data_set(saved(npz, **arrays), header(IMAGE_CHAIN, DIGIT))


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({}, "no samples"),
        ({"samples": np.zeros(9, np.int16)}, "offsets"),
        ({"samples": np.zeros(9), "offsets": [0, 9]}, "int16"),
        ({"samples": np.zeros(9, np.int16), "offsets": [0, 12]}, "0 to 9"),
        ({"samples": np.zeros(9, np.int16), "offsets": [0, 6, 3]}, "rise"),
        ({"samples": np.zeros(9, np.int16), "offsets": [0.0, 9.0]}, "offsets should be a row of whole numbers"),
        ({"samples": np.zeros((2, 9), np.int16), "lengths": [0.5, 9.0]}, "lengths should be a row of whole numbers"),
        ({"samples": np.zeros((2, 9), np.int16), "sample_rate": [8000] * 2}, "sample_rate should be one whole number"),
        ({"samples": np.zeros(9, np.int16), "offsets": [0, 9], "sample_rate": 44100}, "44100"),
        ({"samples": np.zeros(9, np.int16), "offsets": [0, 9], "split": [1, 1]}, "split"),
        ({"samples": np.zeros(9, np.int16), "offsets": [0, 0, 9]}, "empty"),
        ({"samples": np.zeros((2, 9), np.int16), "lengths": [3, 10]}, "lengths"),
    ],
)
def test_wrong_sound_data_are_refused(npz: Path, arrays: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=rf"data\.npz.*{says}"):
        read_data_set(saved(npz, **arrays), header(SOUND_CHAIN, DIGIT))


def test_files_that_cannot_be_read_are_named(tmp_path: Path, npz: Path) -> None:
    with pytest.raises(FileError, match="lost"):
        read_data_set(tmp_path / "lost.npz", header(IMAGE_CHAIN))
    npz.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(FileError, match=r"data\.npz"):
        read_data_set(npz, header(IMAGE_CHAIN))
    with pytest.raises(InputError, match=r"data\.npz: images holds objects"):
        read_data_file(saved(npz, images=np.array([{}])), header(IMAGE_CHAIN))


@pytest.mark.parametrize("name", ["mnist.npz", "recordings/7_theo_1.wav"])
def test_a_folder_with_broken_data_is_named(tmp_path: Path, name: str) -> None:
    broken = tmp_path / "set" / name
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PK\x03\x04 and no more")
    model = header(SOUND_CHAIN, SPEAKER, DIGIT) if name.endswith("wav") else header(IMAGE_CHAIN, DIGIT)
    model.data["name"] = "fsdd" if name.endswith("wav") else "mnist"
    with pytest.raises(FileError, match=rf"{re.escape(str(broken))} is damaged or cut short: ."):
        read_data_set(tmp_path / "set", model)


def test_an_array_of_a_data_set_may_be_as_large_as_the_images_of_cifar_10(tmp_path: Path) -> None:
    images = np.zeros((50_000, 32, 32, 3), np.uint8)
    np.savez_compressed(tmp_path / "train.npz", train_images=images)
    assert packed_arrays(tmp_path / "train.npz", "train_images")[0].shape == images.shape


def test_an_array_that_is_too_large_is_named_and_called_neither_metadata_nor_damaged(
    npz: Path, images: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(npz, images=images)
    monkeypatch.setattr("models.array_files.MAX_DATA_BYTES", 1000)
    for read in (
        lambda: packed_arrays(npz, "images"),
        lambda: read_data_set(npz, header(IMAGE_CHAIN)),
        lambda: read_data_file(npz, header(IMAGE_CHAIN)),
    ):
        with pytest.raises(InputError, match=r"data\.npz: images claims 3264 bytes; at most 1000 are read"):
            read()


def test_a_folder_for_a_model_of_other_data_is_refused(tmp_path: Path) -> None:
    model = header(IMAGE_CHAIN)
    model.data["name"] = "pebbles"
    with pytest.raises(
        InputError, match=rf"{tmp_path.name}: it is a folder.* from 'pebbles', .* none of mnist, .*fsdd.*;"
    ):
        read_data_set(tmp_path, model)


# Files to be scored


SMALL = ImageChain(GreyLevels(256), height=6, width=5)


def drawn(chain: ImageChain | SoundChain, count: int = 1, *, steps: int | None = None) -> Take:
    """Random symbols, drawn under speaker theo, digit 3, and from step 5 on under digit 4."""
    take = new_take(
        ModelReference("tiny", "Tiny", "ab" * 32, chain, (SPEAKER, DIGIT)),
        seed=7, count=count, condition={"speaker": "theo", "digit": "3"}, shaping=NEUTRAL, engine="cached",
    )  # fmt: skip
    rng = np.random.default_rng(count)
    for trace in take.traces:
        for start, end in ((0, 5), (5, steps or take.limit)):
            trace.append(
                rng.integers(0, 256, end - start).astype(np.int32),
                *np.ones((2, end - start), np.float32), np.zeros(end - start, np.bool_),
            )  # fmt: skip
            if not start:
                trace.reschedule(replace(trace.segment, start=5, condition={"speaker": "theo", "digit": "4"}))
    return take


@pytest.mark.parametrize("name", ["a.png", "a.GIF", "a.npz"])
def test_every_image_in_a_file_of_ours_is_an_example_with_what_it_was_drawn_under(tmp_path: Path, name: str) -> None:
    take = drawn(SMALL, 5)
    export(tmp_path / name, take)
    examples = read_data_file(tmp_path / name, header(SMALL, SPEAKER, DIGIT))
    assert [e.symbols.tolist() for e in examples] == [trace.symbols.tolist() for trace in take.traces]
    for example in examples:
        assert example.conditions_from == "file"
        assert example.conditions == (
            (0, {"speaker": "theo", "digit": "3"}),
            (5, {"speaker": "theo", "digit": "4"}),
        )


@pytest.mark.parametrize("name", ["a.wav", "a.npz"])
def test_sound_of_ours_is_the_very_symbols_without_a_stop_that_was_not_drawn(tmp_path: Path, name: str) -> None:
    take = drawn(SOUND_CHAIN)
    export(tmp_path / name, take)
    (example,) = read_data_file(tmp_path / name, header(SOUND_CHAIN, SPEAKER, DIGIT))
    assert example.symbols.tolist() == take.traces[0].symbols.tolist()


def test_what_the_model_does_not_know_of_a_recorded_condition_is_its_default(tmp_path: Path) -> None:
    export(tmp_path / "a.png", drawn(SMALL))
    fewer = Category("digit", ("0", "3"))
    (example,) = read_data_file(tmp_path / "a.png", header(SMALL, fewer, COLOUR))
    assert example.conditions == ((0, {"digit": "3", "colour": "red"}), (5, {"digit": "0", "colour": "red"}))
    (example,) = read_data_file(tmp_path / "a.png", header(SMALL))
    assert example.conditions == ((0, {}),)


def test_an_unfinished_image_of_ours_is_as_long_as_it_was_drawn(tmp_path: Path) -> None:
    export(tmp_path / "a.png", drawn(SMALL, steps=20))
    assert len(read_data_file(tmp_path / "a.png", header(SMALL))[0].symbols) == 20


def test_a_settings_change_that_no_step_was_drawn_under_does_not_count(tmp_path: Path) -> None:
    export(tmp_path / "a.png", drawn(SMALL, steps=5))
    (example,) = read_data_file(tmp_path / "a.png", header(SMALL, DIGIT))
    assert example.conditions == ((0, {"digit": "3"}),)


def test_a_sample_of_which_nothing_is_drawn_is_refused(tmp_path: Path) -> None:
    take = drawn(SMALL)
    take.samples[0].branches = [Trace(take.traces[0].schedule[0])]
    export(tmp_path / "a.png", take)
    with pytest.raises(InputError, match=r"a\.png holds a sample of which nothing is drawn"):
        read_data_file(tmp_path / "a.png", header(SMALL))


def test_an_image_of_another_program_is_read_as_it_looks_under_the_defaults(tmp_path: Path) -> None:
    Image.fromarray(np.full((6, 5), 200, np.uint8)).save(tmp_path / "a.png")
    (example,) = read_data_file(tmp_path / "a.png", header(SMALL, DIGIT, COLOUR))
    assert example.symbols.tolist() == [200] * 30
    assert example.conditions == ((0, {"digit": "any", "colour": "red"}),)
    assert example.conditions_from == "default"


def test_arrays_of_another_program_are_read_as_they_look_whatever_metadata_they_have(npz: Path) -> None:
    for metadata in (np.array("12 steps, DDIM"), np.array([1, 2])):
        saved(npz, images=np.full((2, 6, 5), 200, np.uint8), metadata=metadata)
        examples = read_data_file(npz, header(SMALL))
        assert [example.symbols.tolist() for example in examples] == [[200] * 30] * 2


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (record_text(drawn(SMALL)), "was edited after it was saved"),
        (record_text(drawn(SMALL))[:-9], "damaged metadata: the record is not JSON"),
        (record_text(drawn(SMALL)).replace('"format":1', '"format":2'), "damaged metadata: it has format 2"),
        (record_text(drawn(SMALL)).replace('"grey"', '"taste"'), "damaged metadata: unknown kind of alphabet 'taste'"),
    ],
    ids=["edited", "cut", "newer", "unknown"],
)
def test_an_image_that_carries_our_record_is_not_silently_read_as_any(tmp_path: Path, record: str, says: str) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt(METADATA_KEY, record)
    Image.fromarray(np.full((6, 5), 200, np.uint8)).save(tmp_path / "a.png", pnginfo=text)
    with pytest.raises(FileError, match=rf"a\.png .*{says}"):
        read_data_file(tmp_path / "a.png", header(SMALL))


@pytest.mark.parametrize("name", ["a.wav", "a.npz"])
def test_sound_that_carries_our_record_damaged_is_not_silently_read_as_any(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    export(path, drawn(SOUND_CHAIN))
    if name == "a.npz":
        with np.load(path) as arrays:
            saved(path, **{**arrays, "metadata": np.array(str(arrays["metadata"])[:-9])})
    else:
        path.write_bytes(path.read_bytes().replace(b'"program"', b'"pr_gram"'))
    with pytest.raises(FileError, match=rf"{re.escape(name)} has damaged metadata"):
        read_data_file(path, header(SOUND_CHAIN))


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (replace(SMALL, alphabet=GreyLevels(4)), r"holds 6 x 5, 256 levels; the model expects 6 x 5, 4 levels"),
        (replace(SMALL, height=5, width=6), r"holds 6 x 5, 256 levels; the model expects 5 x 6, 256 levels"),
        (SOUND_CHAIN, "holds 6 x 5, 256 levels; the model expects 8 kHz, mu-law 256, stop"),
    ],
)
@pytest.mark.parametrize("name", ["a.png", "a.npz"])
def test_a_sample_of_another_chain_is_refused_though_its_picture_might_fit(
    tmp_path: Path, name: str, other: ImageChain | SoundChain, says: str
) -> None:
    export(tmp_path / name, drawn(SMALL))
    with pytest.raises(InputError, match=rf"{re.escape(name)} {says}$"):
        read_data_file(tmp_path / name, header(other))


def test_chains_that_are_alike_in_words_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    export(tmp_path / "a.wav", drawn(SOUND_CHAIN))
    with pytest.raises(InputError, match=r"a\.wav holds 8 kHz, .* expects 8 kHz, .* \(they differ in max_seconds\)"):
        read_data_file(tmp_path / "a.wav", header(replace(SOUND_CHAIN, max_seconds=2.0)))


def test_files_that_are_no_data_of_the_model_are_refused_by_name(tmp_path: Path) -> None:
    export(tmp_path / "a.gif", drawn(SMALL))
    (tmp_path / "a.doc").write_text("hello")
    with pytest.raises(InputError, match=r"a\.gif holds 6 x 5, 256 levels; the model expects 8 kHz"):
        read_data_file(tmp_path / "a.gif", header(SOUND_CHAIN))
    with pytest.raises(InputError, match=r"a\.doc .* should end in \.png, \.gif, .* or \.npz"):
        read_data_file(tmp_path / "a.doc", header(SMALL))
    Image.new("L", (5, 6)).save(tmp_path / "plain.gif")
    with pytest.raises(FileError, match=r"plain\.gif has no Sampling Studio metadata"):
        read_data_file(tmp_path / "plain.gif", header(SMALL))


# Samples


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    torch.manual_seed(0)
    model = WaveNet(
        ModelSpec("wavenet", SOUND_CHAIN, (SPEAKER, DIGIT), {"residual": 4, "skip": 8, "head": 8, "dilations": [1, 2]})
    )
    return stored(tmp_path_factory.mktemp("model"), model, "fsdd")


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    torch.manual_seed(0)
    config = {"channels": 4, "head": 8, "first_rows": 1, "dilations": [1]}
    model = GatedPixelCNN(ModelSpec("gated_pixelcnn", IMAGE_CHAIN, (DIGIT,), config))
    return stored(tmp_path_factory.mktemp("model"), model, "mnist")


def stored(folder: Path, model: WaveNet | GatedPixelCNN, data: str) -> LoadedModel:
    source = DATA_SETS[data]
    told = {
        "bits_per_dim": 2.5, "bits_per_dim_standard_error": 0.01, "nats": 20.0, "nats_standard_error": 0.3,
        "examples": 9,
    }  # fmt: skip
    path = folder / f"tiny{SUFFIX}"
    save_checkpoint(
        path, model, name="tiny", title="Tiny",
        data={"name": data, "title": source.title, "licence": source.licence, "attribution": source.attribution},
        training={"command": "sampling-studio train tiny", "steps": 12, "hardware": "an abacus", "seconds": 1234},
        likelihood={"test": told},
    )  # fmt: skip
    return load_checkpoint(path)


def recordings(folder: Path, *, length: int) -> None:
    """FSDD in small: every digit a tone of its own, every speaker a loudness of their own; recordings 0 and 7."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for digit in range(10):
        for number, speaker in enumerate(FSDD_SPEAKERS):
            for index in (0, 7):
                tone = np.sin(np.arange(length) * (0.1 + 0.25 * digit)) * (1 + number) * 1000
                samples = (tone + rng.normal(0, 20, length)).astype("<i2")
                with wave.open(str(folder / f"{digit}_{speaker}_{index}.wav"), "wb") as file:
                    file.setparams((1, 2, 8000, 0, "NONE", ""))
                    file.writeframes(samples.tobytes())


def read_wav(path: Path) -> npt.NDArray[np.int16]:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


def test_balanced_conditions_go_round_all_combinations() -> None:
    conditions = [tuple(c.values()) for c in balanced((SPEAKER, DIGIT), 61)]
    assert len(set(conditions[:60])) == 60
    assert conditions[60] == conditions[0]
    assert [digit for _, digit in conditions[:10]] == list(DIGIT.values)
    assert len({speaker for speaker, _ in conditions[:6]}) == 6


def test_balanced_codes_lie_evenly_in_their_cube() -> None:
    conditions = balanced((Vector("code", 2), DIGIT), 64)
    codes = np.array([condition["code"] for condition in conditions])
    in_quarters = np.unique(codes > 0, axis=0, return_counts=True)[1]
    assert len(in_quarters) == 4
    assert np.abs(in_quarters - 16).max() <= 1  # a number may be rounded to the border
    assert np.abs(codes).max() <= 1
    assert [condition["digit"] for condition in conditions[:10]] == list(DIGIT.values)


def test_samples_of_one_take_have_each_their_own_condition(drawing: LoadedModel) -> None:
    take = draw(drawing, [{"digit": "3"}, {"digit": "any"}], seed=5)
    assert take.finished
    assert [trace.segment.condition["digit"] for trace in take.traces] == ["3", "any"]
    assert [trace.segment.sample for trace in take.traces] == [0, 1]


def test_statistics_of_waves() -> None:
    loud = np.full(4000, INT16_PEAK, np.int16)
    fading = np.concatenate([np.full(400, 3000), np.zeros(160)]).astype(np.int16)
    statistics = sound_statistics(SOUND_CHAIN, [loud, fading])
    assert statistics["clipped"] == 4000 / 4560
    assert statistics["seconds"]["median"] == pytest.approx((0.5 + 0.07) / 2)
    assert statistics["peak"]["p95"] == pytest.approx(1, abs=0.05)
    alone = sound_statistics(SOUND_CHAIN, [fading])
    assert alone["end_rms"]["median"] == 0
    assert alone["dc"]["median"] == pytest.approx(fading.mean() / INT16_PEAK)


def test_a_tone_lights_up_its_own_mel_band() -> None:
    times = torch.arange(8000) / 8000
    low, high = (log_mel(torch.sin(2 * torch.pi * f * times)[None], 8000)[0].mean(1).argmax() for f in (300.0, 3000.0))
    assert low < high


def test_clips_are_cut_or_padded_to_a_second() -> None:
    batch = fixed_length([np.full(10, INT16_PEAK, np.int16), np.ones(9000, np.int16)], 8000)
    assert batch.shape == (2, 8000)
    assert batch[0].sum() == pytest.approx(10)


def test_the_classifier_learns_to_tell_tones_apart() -> None:
    rng = np.random.default_rng(0)
    labels = np.stack([np.arange(60) % 2, np.arange(60) % 3], 1)
    waves = [
        ((np.sin(np.arange(4000) * (0.3 + 0.6 * d)) + (0.5 * np.sin(np.arange(4000) * 2.5) if s else 0)) * 9000
         + rng.normal(0, 50, 4000)).astype(np.int16)
        for s, d in labels
    ]  # fmt: skip
    network = train_classifier(SOUND_CHAIN, 2, 3, waves, labels, epochs=12)
    assert min(accuracy(network, SOUND_CHAIN, waves, labels).values()) > 0.9


def test_the_speech_report_compares_generated_and_real_clips(speaking: LoadedModel, tmp_path: Path) -> None:
    recordings(tmp_path / "recordings", length=1000)
    report = speech_report(speaking, tmp_path, count=6, epochs=1)
    assert report["generated"]["clips"] == 6
    assert report["real"]["clips"] == 60
    assert 0 <= report["ended_by_stop"] <= 1
    for heard in report["accuracy"].values():
        assert set(heard) == {"speaker", "digit"}
    json.dumps(report, allow_nan=False)


@pytest.fixture(scope="module")
def directed(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    torch.manual_seed(0)
    sizes = {"residual": 4, "skip": 8, "head": 8, "dilations": [1, 2], "frames": 4}
    chain = replace(FSDD_DIRECTED.chain, default_seconds=0.5)
    model = WaveNet(ModelSpec("wavenet", chain, FSDD_DIRECTED.factors, sizes))
    with torch.no_grad():
        model.out.bias[-1] = -9  # does not stop in the middle of the first digit
    return stored(tmp_path_factory.mktemp("model"), model, "fsdd_directed")


def test_of_digits_in_a_row_the_classifier_hears_each_alone(directed: LoadedModel, tmp_path: Path) -> None:
    recordings(tmp_path / "recordings", length=1000)
    report = speech_report(directed, tmp_path, count=4, epochs=1)
    assert report["generated"]["clips"] == 3 * 4
    assert report["real"]["clips"] == 60
    real = load("fsdd_directed", tmp_path, "test")
    clips, labels = spoken(
        FSDD_DIRECTED.factors, FSDD_DIRECTED.chain, [FSDD_DIRECTED.chain.wave(s) for s in real.symbols], real.conditions
    )
    tones = [np.abs(np.fft.rfft(clip[:1000])).argmax() for clip in clips]  # every digit has a tone of its own
    assert tones == [pytest.approx(1000 * (0.1 + 0.25 * digit) / (2 * np.pi), abs=1) for _, digit in labels]
    assert [FSDD_SPEAKERS[speaker] for speaker, _ in labels] == [
        c["speaker"] for c in real.conditions for _ in c["digits"]
    ]


def test_tracks_go_round_all_their_values() -> None:
    conditions = balanced(FSDD_DIRECTED.factors, 30)
    told = Counter((c["speaker"], digit) for c in conditions for *_, digit in c["digits"])
    assert len({digit for _, digit in told}) == 10
    assert len({speaker for speaker, _ in told}) == 6
    keys = [event[2] for c in balanced(PIANO_NOTES.factors, 100) for event in c["notes"]]
    assert all(PITCH.low <= key <= PITCH.high for key in keys)
    assert len(set(keys)) > 80


def test_a_card_shows_texts_as_they_are(speaking: LoadedModel) -> None:
    chain = TextChain(Characters.of("ab `\n", stop=True), default_length=10, max_length=20)
    header = replace(speaking.header, chain=chain)
    lines = card(replace(speaking, header=header), [chain.symbols("a\nb"), chain.symbols("`a`")], None, {}).splitlines()
    assert lines[2:6] == ["`a ↵ b`", "", "`'a'`", ""]
    assert "## Nearest training neighbours" not in lines


def test_a_card_tells_which_pitch_a_tracker_found(speaking: LoadedModel, tmp_path: Path) -> None:
    shares = {"recorded": 0.925, "not_recorded": 0.8}
    report = {"within_50_cents": shares, "tracker_within_50_cents_of_real_test_notes": 1.0}
    text = card(speaking, [], Neighbours([], [], [], [1.0], 1.0, "x"), {"pitch": report})
    assert "| keys that were recorded | 92.5% |" in text


def test_a_card_tells_all_that_a_training_started_from(speaking: LoadedModel) -> None:
    first = {"command": "sampling-studio train first", "steps": 5000, "seconds": 3000}
    start = {"name": "first", "weights": 1234, "hash": "0", "training": first}
    second = {"command": "sampling-studio train second", "steps": 60, "seconds": 200, "start": start}
    training = {**speaking.header.training, "seconds": 10, "start": {**start, "name": "second", "training": second}}
    header = replace(speaking.header, training=training)
    text = card(replace(speaking, header=header), [], Neighbours([], [], [], [1.0], 1.0, "x"), {})
    assert (
        "1\u202f234 weights of second, trained by `sampling-studio train second`, 60 steps in 200 s; that from " in text
    )
    assert (
        "1\u202f234 weights of first, trained by `sampling-studio train first`, 5\u202f000 steps in 3\u202f000 s"
        in text
    )
    assert "- **Training time**: 10 s, and 3\u202f210 s with all that led to it" in text


def test_a_model_that_does_not_speak_has_no_speech_report(drawing: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not speak"):
        speech_report(drawing, tmp_path, count=1)


def test_a_training_example_is_its_own_nearest_neighbour(drawing: LoadedModel, tmp_path: Path) -> None:
    """With the model's own samples as the training part, every distance is zero."""
    samples = np.stack([trace.symbols for trace in draw(drawing, balanced((DIGIT,), 3), seed=1).traces])
    noise = np.random.default_rng(0).integers(0, 256, (5002, 28, 28), np.uint8)
    train = np.concatenate([noise[:2], samples.reshape(3, 28, 28).astype(np.uint8), noise[2:]])
    test, labels = noise[:3], np.zeros(len(train), int)
    saved(tmp_path / "mnist.npz", train_images=train, train_labels=labels, test_images=test, test_labels=labels[:3])
    near = neighbours(drawing, tmp_path, count=3)
    assert near.distances == pytest.approx([0, 0, 0], abs=1e-2)
    assert [symbols.tolist() for symbols in near.nearest] == samples.tolist()


def test_samples_of_any_order_are_seen_as_the_images_that_they_are(tmp_path: Path) -> None:
    binarised_digits(tmp_path)
    written(tmp_path / "model.safetensors", "orderless_nade", {"hidden": [5]})
    loaded = load_checkpoint(tmp_path / "model.safetensors")
    near = neighbours(loaded, tmp_path, count=2)
    chain = loaded.model.default_chain
    assert isinstance(chain, ImageChain)
    training = {tuple(image) for image in load("binarised_mnist", tmp_path, "train").symbols}
    assert {tuple((chain.image(symbols) // 255).reshape(-1)) for symbols in near.nearest} <= training


def test_the_table_says_along_which_order_a_model_of_all_was_measured(tmp_path: Path) -> None:
    written(tmp_path / "model.safetensors", "orderless_nade", {"hidden": [5]})
    numbers = {"nats": 1.0, "bits_per_dim": 1.0, "examples": 2}
    update_header(tmp_path / "model.safetensors", likelihood={"test": numbers})
    (found,) = measured(read_header(tmp_path / "model.safetensors"))
    assert found.under == "given the digit, order random 0"


def test_an_envelope_spans_lowest_to_highest() -> None:
    quiet, loud = np.zeros(100, np.int16), np.tile(np.array([INT16_PEAK, -INT16_PEAK], np.int16), 50)
    assert (envelope(quiet, 100, 21, 10) != envelope(quiet[:0], 100, 21, 10)).sum(0).tolist() == [1] * 10
    assert len(np.unique(envelope(loud, 100, 21, 10))) == 1
    assert (envelope(loud, 200, 21, 10)[:, 5:] == envelope(quiet[:0], 100, 21, 5)).all()


# Cards


def test_the_card_command_writes_card_and_pictures(speaking: LoadedModel, tmp_path: Path) -> None:
    recordings(tmp_path / "recordings", length=1000)
    path = str(speaking.header.path)
    assert main(["card", path, "--data", str(tmp_path), "--assets", str(tmp_path), "--count", "2"]) == 0
    cards = tmp_path / "cards"
    text = (cards / "tiny.md").read_text(encoding="utf-8")
    for part in (
        "# Tiny", "arXiv:1609.03499", "bits/sample", "2.5000 ± 0.0100", "CC BY-SA 4.0", "doi:10.5281/zenodo.1342401",
        "`sampling-studio train tiny`", "12", "an abacus", "1\u202f234 s", "Nearest training neighbours",
    ):  # fmt: skip
        assert part in text
    for picture in ("tiny.png", "tiny.samples.png", "tiny.neighbours.png"):
        assert (cards / picture).stat().st_size
    assert f"]({'tiny.samples.png'})" in text


def test_a_card_tells_what_the_classifier_heard(speaking: LoadedModel, tmp_path: Path) -> None:
    recordings(tmp_path / "recordings", length=1000)
    near = neighbours(speaking, tmp_path, count=2)
    report = speech_report(speaking, tmp_path, count=2, epochs=1)
    assert "independent classifier" in card(speaking, near.samples, near, {"speech": report})
    assert "independent classifier" not in card(speaking, near.samples, near, {})


@pytest.mark.parametrize("entry", [e for e in Catalog().entries() if e.shipped], ids=lambda entry: entry.header.name)
def test_every_card_that_came_along_is_of_its_checkpoint_and_of_its_network_today(entry: Entry) -> None:
    """Its lecture, its likelihoods and its facts: ``python -m models.evaluation card`` writes it anew."""
    loaded = load_checkpoint(entry.path)
    path = entry.path.parent.parent / "cards" / f"{entry.header.name}.md"
    nothing = Neighbours([], [], [], [1.0], 1.0, "x")
    today = card(loaded, [], nothing, {}).splitlines()
    told = today[today.index("## The model") : today.index("## Nearest training neighbours")]
    assert set(told) <= set(path.read_text(encoding="utf-8").splitlines())


def test_a_card_tells_what_papers_report_and_what_sets_our_numbers_apart(drawing: LoadedModel) -> None:
    near = Neighbours([], [], [], [1.0], 1.0, "x")
    numbers = dict(drawing.header.likelihood["test"])
    text = card(drawing, [], near, {})
    assert "- Published: 0.81 bits/dim, a PixelCNN of 0.85 M weights (UvA deep learning tutorial 12)." in text
    assert "a subset was measured: 9 of 10\u202f000 examples" in text
    elsewhere = replace(drawing.header, data={"name": "none"}, likelihood={"test": numbers})
    text = card(replace(drawing, header=elsewhere), [], near, {})
    assert "Published" not in text
    assert "over examples.\n\n## Nearest" in text


def test_a_speech_report_of_other_weights_is_refused(
    speaking: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings(tmp_path / "recordings", length=1000)
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "tiny.speech.json").write_text('{"weights": "0"}')
    path = str(speaking.header.path)
    assert main(["card", path, "--data", str(tmp_path), "--assets", str(tmp_path), "--count", "2"]) == 1
    assert "other weights" in capsys.readouterr().err


def binarised_digits(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for stem, count in (("train", 5030), ("t10k", 12)):
        write_idx(folder / f"{stem}-images-idx3-ubyte", rng.integers(0, 256, (count, 28, 28), np.uint8))
        write_idx(folder / f"{stem}-labels-idx1-ubyte", rng.integers(0, 10, count, np.uint8))


def written(path: Path, architecture: str, config: dict[str, object]) -> AutoregressiveModel:
    """A model of binarised digits with random weights, also as a checkpoint."""
    chain, kind = ImageChain(GreyLevels(2), 28, 28), network_class(architecture)
    model = kind(ModelSpec(architecture, chain, kind.factors_for(BINARISED_MNIST.factors, chain), config)).eval()
    save_checkpoint(path, model, name="m", title="M", data={"name": "binarised_mnist"}, training={}, likelihood={})
    return model


MADES = {"hidden": [9], "masks": 3, "seed": 1, "direct": False}


@pytest.mark.parametrize(
    ("architecture", "config", "orders", "part"),
    [
        ("made", MADES | {"shuffled": True}, None, "test, mixture of 3 orders, digit any"),
        ("made", MADES, None, "test, mixture of 3 mask sets, digit any"),
        ("orderless_nade", {"hidden": [5]}, 2, "test, mixture of 2 orders, digit any"),
    ],
)
def test_the_mixture_of_a_model_of_several_joints_is_measured_into_its_header(
    architecture: str, config: dict[str, object], orders: int | None, part: str, tmp_path: Path
) -> None:
    binarised_digits(tmp_path)
    path = tmp_path / "model.safetensors"
    model = written(path, architecture, config)
    chosen = () if orders is None else ("--orders", str(orders))
    assert main(["mixture", str(path), "--data", str(tmp_path), "--count", "7", *chosen]) == 0
    measured = read_header(path).likelihood[part]
    assert measured["examples"] == 7
    images = torch.from_numpy(np.stack(load("binarised_mnist", tmp_path, "test").symbols[:7]).astype(np.int64))
    in_raster_order = {"order": "raster"} if "order" in model.columns else {}
    expected = mixture_nats(model.joints(orders)[1], images, model.condition_tensor([in_raster_order] * 7))
    assert measured["nats"] == pytest.approx(float(expected.mean()), rel=1e-6)


@pytest.mark.parametrize(
    ("architecture", "config", "orders", "says"),
    [
        ("fvbn", {}, None, "FVBN has one order"),
        ("made", MADES | {"masks": 1, "shuffled": True}, None, "has one mask set"),
        ("made", MADES, 3, "has the 3 mask sets that it was trained with"),
        ("made", MADES | {"shuffled": True}, 128, "has the 3 orders that it was trained with"),
        ("orderless_nade", {"hidden": [5]}, 0, "over 2 orders or more, not 0"),
    ],
)
def test_a_mixture_that_there_is_not_is_refused_before_anything_is_read(
    architecture: str,
    config: dict[str, object],
    orders: int | None,
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "model.safetensors"
    written(path, architecture, config)
    chosen = () if orders is None else ("--orders", str(orders))
    assert main(["mixture", str(path), "--data", str(tmp_path / "nowhere"), *chosen]) == 1
    assert says in capsys.readouterr().err
    assert not read_header(path).likelihood


def test_a_card_of_videos_shows_how_samples_go_on_from_real_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = np.random.default_rng(0).integers(0, VIDEO.alphabet.levels, (5, VIDEO.length)).astype(np.uint8)
    examples = Examples(Rows(films), [{}] * len(films))
    data = DataSet("films", "Films", VIDEO, (), "none", "nobody", lambda folder, split: examples)
    monkeypatch.setitem(DATA_SETS, data.name, data)
    path, known = tmp_path / "tiny.safetensors", {"name": data.name, "title": data.title}
    save_checkpoint(path, video_model(), name="tiny", title="Tiny", data=known, training={}, likelihood={})
    shown = continued(load_checkpoint(path), films[:2], 2)
    assert [symbols.tolist() for symbols in shown[::3]] == films[:2].tolist()
    for first in (0, 3):
        film, one, other = (symbols.tolist() for symbols in shown[first : first + 3])
        assert film[: VIDEO.given] == one[: VIDEO.given] == other[: VIDEO.given]
        assert film != one != other
    assert main(["card", str(path), "--data", str(tmp_path), "--assets", str(tmp_path)]) == 0
    text = (tmp_path / "cards" / "tiny.md").read_text(encoding="utf-8")
    assert "below it 2 samples, which go on from its frames before the line, at temperature 1" in text
    assert "Nearest training neighbours" not in text
    assert (tmp_path / "cards" / "tiny.samples.png").stat().st_size
