"""Translations are scored against those of people, by temperature 0 and by a beam."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from models.checkpoint import load_checkpoint, save_checkpoint
from models.evaluation.__main__ import main
from models.evaluation.translation import beam_translations, greedy_translations, scores
from models.text import TextChain
from models.training.data.tatoeba_en_de import CHAIN, SOURCE
from tests.text_model import register_text, save_text_model
from tests.translation_models import translation_model

SHORT = TextChain(CHAIN.alphabet, default_length=12, max_length=20)
"""Random texts in German end late."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lines = ["Hi.\tHallo!", "Hi.\tGrüß Gott!", "Who's Tom?\tWer ist Tom?", "I ran.\tIch rannte."]
    (tmp_path / "test.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    known = {"name": "tatoeba_en_de", "title": "Pairs", "licence": "none", "attribution": "nobody"}
    model = translation_model("bytenet", SHORT, SOURCE)
    save_checkpoint(path, model, name="small", title="Small", data=known, training={}, likelihood={})
    return path


def test_a_perfect_translation_is_any_of_the_references() -> None:
    pytest.importorskip("sacrebleu")
    references = [
        ["Wo ist der neue Hund?", "Wo ist er?"],
        ["Ich sehe den alten Mann."],
        ["Geh!", "Gehen Sie!", "Geht!"],
    ]
    best = scores(["Wo ist der neue Hund?", "Ich sehe den alten Mann.", "Geht!"], references)
    assert best["bleu"] == pytest.approx(100)
    assert best["chrf"] == pytest.approx(100)
    assert best["exact"] == 1
    worse = scores(["Wo ist der alte Hund?", "Ich sehe den alten Mann.", "Geht!"], references)
    assert 0 < worse["bleu"] < best["bleu"]
    assert 0 < worse["chrf"] < best["chrf"]
    assert worse["exact"] == pytest.approx(2 / 3)


def test_sentences_are_translated_the_same_alone_and_together(monkeypatch: pytest.MonkeyPatch) -> None:
    model = translation_model("translation_transformer", SHORT, SOURCE)
    sentences = ["Hi.", "Who's Tom?", "I ran.", "Go."]
    together = greedy_translations(model, SOURCE, sentences)
    monkeypatch.setattr("models.evaluation.translation.BATCH", 1)
    assert greedy_translations(model, SOURCE, sentences) == together
    assert beam_translations(model, SOURCE, sentences, 1) == together
    assert len({*together}) > 1


def test_the_command_writes_a_report(data: Path, checkpoint: Path) -> None:
    pytest.importorskip("sacrebleu")
    assert main(["translation", str(checkpoint), "--data", str(data), "--assets", str(data), "--count", "2"]) == 0
    report = json.loads((data / "cards" / "small.translation.json").read_text(encoding="utf-8"))
    assert report["sentences"] == 2
    assert set(report["temperature_0"]) == set(report["beam_of_5"]) == {"bleu", "chrf", "exact"}
    assert [example["source"] for example in report["examples"]] == ["Hi.", "Who's Tom?"]
    assert report["examples"][0]["references"] == ["Hallo!", "Grüß Gott!"]


def refusal(capsys: pytest.CaptureFixture[str], checkpoint: Path, data: Path) -> str:
    assert main(["translation", str(checkpoint), "--data", str(data), "--assets", str(data)]) == 1
    return capsys.readouterr().err


def test_without_sacrebleu_it_is_told_how_to_get_it(
    capsys: pytest.CaptureFixture[str], data: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    assert refusal(capsys, checkpoint, data) == (
        "error: translations are scored by sacrebleu, which is not installed: "
        "pip install 'sampling-studio[evaluation]'\n"
    )


def test_a_model_that_translates_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_text(monkeypatch)
    other = save_text_model(tmp_path / "other.safetensors")
    assert "tiny-text translates nothing: it is no model of texts given a text" in refusal(capsys, other, tmp_path)


def test_a_card_shows_translations_with_their_sources_and_what_was_scored(data: Path, checkpoint: Path) -> None:
    assert main(["card", str(checkpoint), "--data", str(data), "--assets", str(data)]) == 0
    words = (data / "cards" / "small.md").read_text(encoding="utf-8")
    assert all(f"`{source}` → " in words for source in ("Hi.", "Who's Tom?", "I ran."))
    assert "Translations and those of people" not in words
    scored = {"bleu": 12.3, "chrf": 45.6, "exact": 0.25}
    example = {"source": "Hi.", "temperature_0": "Hal|o!", "beam_of_5": "", "references": ["Hallo!", "Grüß Gott!"]}
    weights = load_checkpoint(checkpoint).reference.weights
    report = {
        "weights": weights, "sentences": 2, "temperature_0": scored, "beam_of_5": {**scored, "chrf": 50.0},
        "examples": [example],
    }  # fmt: skip
    (data / "cards" / "small.translation.json").write_text(json.dumps(report), encoding="utf-8")
    assert main(["card", str(checkpoint), "--data", str(data), "--assets", str(data)]) == 0
    words = (data / "cards" / "small.md").read_text(encoding="utf-8")
    assert "| temperature 0 | 45.6 | 12.3 | 25.0% |" in words
    assert "| beam of 5 | 50.0 | 12.3 | 25.0% |" in words
    assert "| `Hi.` | `Hal¦o!` | (nothing) | `Hallo!` |" in words


def test_texts_have_no_neighbours(capsys: pytest.CaptureFixture[str], data: Path, checkpoint: Path) -> None:
    assert main(["neighbours", str(checkpoint), "--data", str(data), "--assets", str(data)]) == 1
    assert "neighbours are found of images and of sounds, not of text data" in capsys.readouterr().err
