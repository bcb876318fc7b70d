"""Texts by command: sampled from a prompt, saved, scored, walked again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio.cli import main
from tests.text_model import register_text, save_text_model


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
