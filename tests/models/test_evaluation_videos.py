"""What frames of Moving MNIST cost is told beside the least that they must cost."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from models.chain import GreyLevels
from models.checkpoint import load_checkpoint, save_checkpoint
from models.errors import InputError
from models.evaluation.__main__ import main
from models.evaluation.videos import video_report
from models.likelihood import total_nats
from models.model import ModelSpec
from models.networks.video_pixel_network import VideoPixelNetwork
from models.training.data import load
from models.training.data.moving_mnist import CHAIN, CHAIN32, DIGIT_SIDES, DIGITS, least_nats, path
from models.video import VideoChain
from tests.video_model import SIZES, video_model


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)
    np.savez(tmp_path / "mnist.npz", test_images=images, test_labels=np.arange(12) % 10)
    model = VideoPixelNetwork(ModelSpec("video_pixel_network", CHAIN32, (), SIZES))
    known = {"name": "moving_mnist32", "title": "Digits", "licence": "none", "attribution": "nobody"}
    path = tmp_path / "films.safetensors"
    save_checkpoint(path, model, name="films", title="Films", data=known, training={}, likelihood={})
    return path


def entropy(rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    """In nats, of rows that were drawn."""
    share = np.unique(rows, axis=0, return_counts=True)[1] / len(rows)
    return float(-(share * np.log(share)).sum())


def test_the_least_is_what_is_open_of_where_the_digits_go() -> None:
    chain = VideoChain(GreyLevels(2), frames=5, height=6, width=5, rate=5, given_frames=2)
    rng = np.random.default_rng(0)
    places = np.rint(path(200_000, chain.frames, rng) * [4, 3]).astype(np.int64)
    known = [entropy(places[:, : t + 1].reshape(len(places), -1)) for t in range(chain.frames)]
    expected = [DIGITS * (known[t] - known[t - 1]) for t in range(chain.given_frames, chain.frames)]
    least = least_nats(chain, 2, 150, rng)
    assert least.shape == (150, 3)
    error = least.std(0) / math.sqrt(len(least))
    assert (np.abs(least.mean(0) - expected) < 4 * error).all()


def test_it_is_less_the_more_frames_were_seen() -> None:
    least = least_nats(VideoChain(GreyLevels(2), 12, 32, 32, 5, 1), 14, 40, np.random.default_rng(0)).mean(0)
    assert least[-3:].mean() < least[:3].mean() / 2


@pytest.mark.parametrize(("chain", "name"), [(CHAIN, "moving_mnist"), (CHAIN32, "moving_mnist32")])
def test_every_path_is_found_again(chain: VideoChain, name: str) -> None:
    """However narrow the directions are that fit all of it."""
    assert np.isfinite(least_nats(chain, DIGIT_SIDES[name], 40, np.random.default_rng(3))).all()


def test_of_the_first_frame_it_is_not_known() -> None:
    with pytest.raises(InputError, match="after a given one"):
        least_nats(VideoChain(GreyLevels(2), 4, 32, 32, 5, 0), 14, 1, np.random.default_rng(0))


def test_a_report_tells_what_frames_cost_beyond_that(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.evaluation.videos.PATHS", 30)
    monkeypatch.setattr("models.evaluation.__main__.VIDEOS", 1)
    folder = checkpoint.parent
    arguments = [str(checkpoint), "--data", str(folder), "--assets", str(folder), "--count", "3"]
    assert main(["videos", *arguments]) == 0
    report = json.loads((folder / "cards" / "films.videos.json").read_text())
    loaded = load_checkpoint(checkpoint)
    videos = load("moving_mnist32", folder, "test").symbols[:3]
    nats = total_nats(loaded.model, videos, [{}] * 3, encoded=False)
    assert report["nats_per_frame"] == pytest.approx(nats.mean() / 5, rel=1e-4)
    assert report["excess_per_frame"] == pytest.approx(report["nats_per_frame"] - report["least_per_frame"])
    assert np.mean(report["frames"]["nats"]) == pytest.approx(report["nats_per_frame"])
    assert 0.5 < report["least_per_frame"] < 2
    assert main(["card", *arguments]) == 0
    card = (folder / "cards" / "films.md").read_text(encoding="utf-8")
    assert "## What a frame costs, and must cost" in card
    assert f"| this model | {report['frames']['nats'][0]:.2f} |" in card


def test_of_other_videos_the_least_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    model = video_model()
    save_checkpoint(path, model, name="other", title="Other", data={"name": "films"}, training={}, likelihood={})
    with pytest.raises(InputError, match="other is no model of Moving MNIST"):
        video_report(load_checkpoint(path), tmp_path, count=1)
