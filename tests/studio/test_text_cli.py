"""Texts by command: sampled from a prompt, saved, scored, walked again."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from models.files import command_line, read_saved
from models.text import TextChain
from studio.cli import main
from tests.studio.conftest import write
from tests.text_model import register_text, save_text_model
from tests.translation_models import CHAIN, SIZES, SOURCE


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    register_text(monkeypatch)
    return save_text_model(tmp_path / "text.safetensors")


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def complaint(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> str:
    capsys.readouterr()
    assert main([*map(str, arguments)]) == code
    return capsys.readouterr().err


def test_texts_go_on_from_a_prompt_and_are_saved_scored_and_walked_again(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, tmp_path: Path
) -> None:
    page, text = tmp_path / "a.html", tmp_path / "a.txt"
    options = ("--prompt", "once\né", "--steps", 30)
    drawn = answer(capsys, "sample", checkpoint, "-o", page, "--count", 2, *options)
    answer(capsys, "sample", checkpoint, "-o", text, *options)
    whole = text.read_text("utf-8")
    assert whole.startswith("once\né")
    assert len(whole) <= 36
    scored = answer(capsys, "score", checkpoint, page)["files"]
    assert [entry["nats"] for entry in scored] == pytest.approx(drawn["nats"], abs=1e-3)
    (alone,) = answer(capsys, "score", checkpoint, text)["files"]
    assert (alone["condition_from"], alone["steps"]) == ("default", len(whole) + 1)
    assert answer(capsys, "reproduce", page, "--model", checkpoint)["agrees"] is True
    assert "no Sampling Studio metadata (plain text)" in complaint(capsys, 1, "reproduce", text, "--model", checkpoint)


def test_a_batch_changes_no_text(capsys: pytest.CaptureFixture[str], checkpoint: Path, tmp_path: Path) -> None:
    options = ("--prompt", "ab", "--steps", 10, "--count", 3)
    together = answer(capsys, "sample", checkpoint, "-o", tmp_path / "together", *options)
    parts = answer(capsys, "sample", checkpoint, "-o", tmp_path / "parts", *options, "--batch", 2)
    assert together["nats"] == pytest.approx(parts["nats"])
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == ["0000.html", "0001.html", "0002.html"]


@pytest.mark.parametrize(
    ("prompt", "says"),
    [("Z", "not among the 35 characters that the model knows: Z"), ("", "1 to 399"), ("a" * 400, "1 to 399")],
)
def test_what_cannot_be_a_prompt_is_a_wrong_argument(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, tmp_path: Path, prompt: str, says: str
) -> None:
    assert says in complaint(capsys, 2, "sample", checkpoint, "-o", tmp_path / "a.txt", "--prompt", prompt)


def test_only_texts_have_prompts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = complaint(capsys, 2, "sample", "made-binarised-mnist", "-o", tmp_path / "a.png", "--prompt", "a")
    assert "only texts have a prompt, not image data" in said


def test_a_text_that_a_model_does_not_know_is_not_scored(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("Straße", "utf-8")
    said = complaint(capsys, 1, "score", checkpoint, tmp_path / "a.txt")
    assert "not among the 35 characters that the model knows: S, ß" in said


# --- translators ------------------------------------------------------------------------------------------------------


@pytest.fixture(params=SIZES)
def translator(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    write(tmp_path, "translator", request.param, CHAIN, (SOURCE,), SIZES[request.param])
    return tmp_path / "checkpoints" / "translator.safetensors"


def test_a_source_is_typed_or_read_from_a_file_and_an_empty_one_is_one(
    capsys: pytest.CaptureFixture[str], translator: Path, tmp_path: Path
) -> None:
    out, file = tmp_path / "a.html", tmp_path / "source.txt"
    file.write_text("CAB BAD.\r\n", "utf-8")
    typed = answer(capsys, "sample", translator, "-o", out, "--source", "CAB BAD.")
    named = answer(capsys, "sample", translator, "-o", out, "--condition", "source=CAB BAD.")
    read = answer(capsys, "sample", translator, "-o", out, "--source-file", file)
    assert typed["condition"] == {"source": "CAB BAD."}
    assert typed["nats"] == named["nats"] == read["nats"]
    for empty in (("--source", ""), ("--condition", "source=")):
        assert answer(capsys, "sample", translator, "-o", out, *empty)["condition"] == {"source": ""}
    assert answer(capsys, "sample", translator, "-o", out)["condition"] == {"source": "ACE BAD."}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--source", "CAB\nx"), "source: not among the 7 characters that the model knows: line break, x"),
        (("--source", "A" * 13), "source has at most 12 characters, not 13"),
        (("--source", "A", "--condition", "source=B"), "each condition can be given once"),
        (("--source", "A", "--source-file", "b.txt"), "not allowed with argument --source"),
    ],
)
def test_what_cannot_be_translated_is_a_wrong_argument(
    capsys: pytest.CaptureFixture[str], translator: Path, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    assert says in complaint(capsys, 2, "sample", translator, "-o", tmp_path / "a.txt", *options)


def test_a_source_that_is_not_there_or_is_no_text_is_a_wrong_file(
    capsys: pytest.CaptureFixture[str], translator: Path, tmp_path: Path
) -> None:
    arguments = "sample", translator, "-o", tmp_path / "a.txt", "--source-file"
    assert "cannot read" in complaint(capsys, 1, *arguments, tmp_path / "none.txt")
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert "is no text in UTF-8" in complaint(capsys, 1, *arguments, tmp_path / "bytes")


def test_a_translation_is_scored_given_the_source_that_is_asked_for(
    capsys: pytest.CaptureFixture[str], translator: Path, tmp_path: Path
) -> None:
    file = tmp_path / "said.txt"
    file.write_text("bad", "utf-8")
    [typed] = answer(capsys, "score", translator, file, "--source", "CAB BAD.")["files"]
    [named] = answer(capsys, "score", translator, file, "--condition", "source=CAB BAD.")["files"]
    [usual] = answer(capsys, "score", translator, file)["files"]
    assert typed["condition"] == {"source": "CAB BAD."}
    assert typed["bits"] == named["bits"] != usual["bits"]
    assert (typed["condition_from"], usual["condition_from"]) == ("option", "default")


def test_only_translators_have_a_source(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = complaint(capsys, 2, "sample", "made-binarised-mnist", "-o", tmp_path / "a.png", "--source", "a")
    assert "--source is for models that translate; MADE" in said


def test_a_beam_is_searched_by_command_and_its_file_names_that_command(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, tmp_path: Path
) -> None:
    page = tmp_path / "a.html"
    found = answer(capsys, "sample", checkpoint, "-o", page, "--beam", 3, "--prompt", "ab", "--steps", 6)
    assert (found["beam"], found["count"]) == (3, 3)
    assert found["nats"] == sorted(found["nats"])
    assert answer(capsys, "reproduce", page, "--model", checkpoint)["agrees"] is True
    command = command_line(read_saved(page).take)
    assert command.exact
    words = shlex.split(command.text)
    assert words[words.index("--beam") + 1] == "3"
    assert not {"--count", "--seed", "--temperature"} & set(words)
    again = tmp_path / "again.html"
    answer(capsys, "sample", checkpoint, "-o", again, *words[words.index("-o") + 2 :])
    texts = [[trace.symbols.tolist() for trace in read_saved(path).take.traces] for path in (page, again)]
    assert texts[0] == texts[1]


def test_of_what_a_beam_found_a_file_of_one_text_holds_the_most_probable(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, tmp_path: Path
) -> None:
    search = "sample", checkpoint, "--beam", 3, "--prompt", "ab", "--steps", 6, "-o"
    every = answer(capsys, *search, tmp_path / "all.npz")
    best = answer(capsys, *search, tmp_path / "best.txt")
    take = read_saved(tmp_path / "all.npz").take
    assert best["nats"] == every["nats"] == sorted(every["nats"])
    assert isinstance(take.chain, TextChain)
    assert (tmp_path / "best.txt").read_text("utf-8") == take.chain.text(take.traces[0].symbols)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--beam", "0"], "1 or more"),
        (
            ["--beam", "2", "--temperature", "0.5", "--count", "3"],
            "--beam draws nothing: without --count, --temperature",
        ),
        (["--beam", "36"], "a beam is at most as wide as the alphabet, 35; not 36"),
    ],
)
def test_what_cannot_be_a_beam_is_a_wrong_argument(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, tmp_path: Path, options: list[str], says: str
) -> None:
    assert says in complaint(capsys, 2, "sample", checkpoint, "-o", tmp_path / "a.txt", *options)


def test_only_texts_are_searched_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = complaint(capsys, 2, "sample", "made-binarised-mnist", "-o", tmp_path / "a.png", "--beam", "2")
    assert "--beam is for texts, not for image data" in said
