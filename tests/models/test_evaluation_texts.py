"""Drawn texts are compared with real ones: how long they are, and what of them stands in the training part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from models.checkpoint import load_checkpoint, save_checkpoint
from models.errors import InputError
from models.evaluation.__main__ import main
from models.evaluation.texts import alike, distance, longest_passage, text_report
from models.model import ModelSpec
from models.networks.transformer import Transformer
from models.text import TextChain
from models.training.data.tiny_shakespeare import CHAIN, SPEAKER, SPEECH_CHAIN
from tests.text_model import register_text, save_text_model

SIZES = {"layers": 1, "width": 8, "heads": 2, "context": 16, "dropout": 0.0}
TRAIN = "ROMEO:\nAy me!\n\nJULIET:\nO Romeo, Romeo, wherefore art thou Romeo?\n\nROMEO:\nHere."
TEST = "JULIET:\nNay.\n\nNurse:\nRomeo, wherefore art he not here?"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for split, text in (("train", TRAIN), ("test", TEST)):
        (tmp_path / f"{split}.txt").write_text("\n\n".join([text] * 5), encoding="utf-8")
    return tmp_path


def written(folder: Path, chain: TextChain) -> Path:
    """A network of random weights whose texts are as long as those of TRAIN, or end at 20 characters."""
    torch.manual_seed(2)
    stops = chain.alphabet.stop
    name, factors = ("tiny_shakespeare_speeches", (SPEAKER,)) if stops else ("tiny_shakespeare", ())
    short = TextChain(chain.alphabet, default_length=20, max_length=40)
    model = Transformer(ModelSpec("transformer", short, factors, SIZES))
    known = {"name": name, "title": "Plays", "licence": "none", "attribution": "nobody"}
    path = folder / "writer.safetensors"
    save_checkpoint(path, model, name="writer", title="Writer", data=known, training={}, likelihood={})
    return path


def test_the_longest_passage_is_the_first_of_the_longest() -> None:
    assert longest_passage("to be or not", "not to be") == "to be"
    assert longest_passage("abcab", "ab ca") == "ab"
    assert longest_passage("xyz", "abc") == ""
    assert longest_passage("", "abc") == ""


def test_lengths_are_as_far_apart_as_their_shares_at_most() -> None:
    assert distance([1, 2, 3], [3, 2, 1]) == 0
    assert distance([1, 2], [3, 4]) == 1
    assert distance([1, 2, 3, 4], [1, 2, 9, 9]) == 0.5


def test_real_passages_are_as_long_as_those_that_are_drawn() -> None:
    assert alike(["abc", "def"], ["..", "...."]) == ["ab", "cdef"]


def test_a_report_of_speeches_tells_their_lengths(data: Path) -> None:
    loaded = load_checkpoint(written(data, SPEECH_CHAIN))
    report = text_report(loaded, data, count=6)
    assert report["texts"] == 6
    assert 0 <= report["ended_by_stop"] < 1
    assert report["lengths"]["training"]["p5"] == len("Here.")
    assert report["lengths"]["training"]["p95"] == len("O Romeo, Romeo, wherefore art thou Romeo?")
    assert report["lengths"]["generated"]["p95"] <= 20
    assert 0 <= report["distance"]["generated"] <= 1
    assert report["longest_passage"] in TRAIN


def test_running_text_has_no_lengths(data: Path) -> None:
    report = text_report(load_checkpoint(written(data, CHAIN)), data, count=100)
    assert "lengths" not in report
    assert report["median_passage_of_test_texts"] > report["median_passage"] > 0


def test_the_card_tells_what_the_report_found(data: Path) -> None:
    path = str(written(data, SPEECH_CHAIN))
    arguments = [path, "--data", str(data), "--assets", str(data), "--count", "4"]
    assert main(["texts", *arguments]) == 0
    report = json.loads((data / "cards" / "writer.texts.json").read_text())
    assert main(["card", *arguments]) == 0
    card = (data / "cards" / "writer.md").read_text(encoding="utf-8")
    assert "## Drawn and real texts" in card
    assert f"| training | {report['lengths']['training']['p5']:.0f} |" in card


def test_only_models_of_the_plays_are_compared_with_them(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register_text(monkeypatch)
    loaded = load_checkpoint(save_text_model(data / "other.safetensors"))
    with pytest.raises(InputError, match="is no model of Tiny Shakespeare"):
        text_report(loaded, data, count=2)
