"""Videos: their chain, Moving MNIST, what a likelihood counts, files of them, and the network's two kinds of pixels."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from models.chain import GreyLevels, MuLaw, Symbols, chain_from_json
from models.completion import continuation, given_of
from models.decoder import Decoder
from models.errors import FileError, InputError, NoRecordError
from models.files import export, read_saved
from models.kernels.video_pixel_network import CompiledVideoPixelNetwork
from models.likelihood import total_nats
from models.networks.video_pixel_network import VideoPixelNetwork
from models.sampling import make_decoder, run
from models.shaping import NEUTRAL
from models.trace import ModelReference, Take
from models.training.data.moving_mnist import CHAIN32, sequences
from models.video import VideoChain
from models.video_files import VideoPng, read_video
from tests.video_model import COLOURED, VIDEO, video_model


def a_video(chain: VideoChain, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rng = np.random.default_rng(seed)
    return chain.video(rng.integers(0, chain.alphabet.levels, chain.length))


def a_take(chain: VideoChain, count: int = 2) -> Take:
    model = video_model(chain)
    reference = ModelReference("tiny", "Tiny", "0" * 64, chain, ())
    prefix = given_of(chain, a_video(chain))
    take = continuation(
        reference, prefix, more=chain.length, seed=3, count=count, condition={}, shaping=NEUTRAL, engine="cached"
    )
    return run(model, take)


# --- the chain -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", [VIDEO, COLOURED])
def test_a_video_comes_back_from_its_symbols_and_a_chain_from_json(chain: VideoChain) -> None:
    video = a_video(chain)
    assert np.array_equal(chain.video(chain.symbols(video)), video)
    assert np.array_equal(chain.symbols(video[:2]), chain.symbols(video)[: 2 * chain.frame.length])
    assert chain_from_json(chain.to_json()) == chain


def test_steps_go_row_by_row_and_frame_after_frame() -> None:
    assert VIDEO.locate(2 * 42 + 6 + 3) == "frame 2, row 1, column 3"
    assert VIDEO.position(2 * 42 + 6 + 3) == (2, 1, 3, 0)
    assert VIDEO.step(2, 1, 3) == 2 * 42 + 6 + 3
    assert (VIDEO.stride, VIDEO.window, VIDEO.given) == (6, 42, 42)
    assert VIDEO.describe() == "4 frames, 1 of them given, 7 x 6, 3 levels"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"frames": 0}, "given_frames < frames"),
        ({"given_frames": 4}, "given_frames < frames"),
        ({"rate": 0}, "rate of 1 to 120"),
        ({"frames": 2.0}, "given_frames < frames"),
        ({"frames": 2**20}, "at most 33554432 steps"),
        ({"height": 0}, "1 to 1024 rows"),
        ({"alphabet": MuLaw(4)}, "intensities"),
    ],
)
def test_a_chain_that_is_no_video_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        replace(VIDEO, **changes)  # type: ignore[arg-type]


# --- the data --------------------------------------------------------------------------------------------------------


def test_digits_keep_their_shape_stay_in_the_square_and_bounce() -> None:
    digit = np.full((1, 14, 14), 255, np.uint8)
    videos = sequences(digit, replace(CHAIN32, frames=40), 20, np.random.default_rng(1))
    assert set(np.unique(videos)) == {0, 255}
    white = (videos > 0).sum((2, 3))
    assert white.min() >= 14 * 14
    assert white.max() <= 2 * 14 * 14
    touched = videos[:, :, 0].any(-1) | videos[:, :, -1].any(-1)
    assert touched.any(1).mean() > 0.9


def test_the_same_seed_draws_the_same_sequences() -> None:
    digits = np.random.default_rng(0).integers(0, 256, (5, 14, 14)).astype(np.uint8)
    one, same, other = (sequences(digits, CHAIN32, 3, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


# --- likelihood ------------------------------------------------------------------------------------------------------


def test_given_frames_do_not_count() -> None:
    model, symbols = video_model(), VIDEO.symbols(a_video(VIDEO))
    (nats,) = total_nats(model, [symbols], [{}], encoded=False)
    with torch.inference_mode():
        rows = torch.from_numpy(symbols.astype(np.int64))[None]
        every = -model.conditionals(rows, model.condition_tensor({})).double().log_prob(rows)[0]
    assert nats == pytest.approx(float(every[VIDEO.given :].sum()))
    assert nats < float(every.sum()) - 1


def test_black_and_white_is_compared_in_nats_a_frame_that_is_predicted() -> None:
    assert CHAIN32.compared_in == "nats/frame"
    assert CHAIN32.compared_by == ("nats", 1 / 5)
    assert VIDEO.compared_in == "bits/dim"
    assert VIDEO.compared_by == ("bits_per_dim", 1)


def test_training_looks_mostly_at_the_frames_that_are_predicted() -> None:
    model, rows = video_model(), torch.zeros(1, VIDEO.length, dtype=torch.int64)
    _, weights = model.training_pass(rows, model.condition_tensor({}))
    given, predicted = weights[0, : VIDEO.given], weights[0, VIDEO.given :]
    assert float(given[0]) == pytest.approx(0.1 * float(predicted[0]))
    assert float(predicted.sum()) == pytest.approx(VIDEO.length)


# --- the network -----------------------------------------------------------------------------------------------------


def test_of_independent_pixels_none_sees_another_of_its_frame() -> None:
    symbols = torch.from_numpy(VIDEO.symbols(a_video(VIDEO)).astype(np.int64))[None]
    changed = symbols.clone()
    changed[:, 42:84] = (changed[:, 42:84] + 1) % 3
    for pixels, same in (("independent", True), ("autoregressive", False)):
        model = video_model(pixels=pixels)
        condition = model.condition_tensor({})
        one, other = (model.conditionals(x, condition).dense() for x in (symbols, changed))
        assert torch.equal(one[:, :84], other[:, :84]) is same
        assert not torch.equal(one[:, 84:], other[:, 84:])


@pytest.mark.parametrize("engine", ["compiled", "cached"])
@pytest.mark.parametrize("pixels", ["autoregressive", "independent"])
def test_a_decoder_goes_back_to_frames_of_which_it_no_longer_keeps_the_state(
    monkeypatch: pytest.MonkeyPatch, pixels: str, engine: str
) -> None:
    monkeypatch.setattr("models.networks.video_pixel_network.STATE_BYTES", 1)
    model = video_model(pixels=pixels)
    symbols = VIDEO.symbols(a_video(VIDEO))
    decoder = make_decoder(model, engine, model.condition_tensor([{}, {}]))
    decoder.extend(np.stack([symbols, symbols]))
    decoder.rewind(100)
    before = decoder.peek().dense()
    decoder.rewind(50)
    decoder = decoder.select([1])
    decoder.extend(symbols[None, 50:100])
    assert torch.allclose(decoder.peek().dense()[0], before[1], atol=1e-6)


def test_what_a_kernel_has_to_encode_again_it_is_told_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many frames at once would keep commands waiting."""
    model, symbols = video_model(), VIDEO.symbols(a_video(VIDEO))[None]
    few, all_kept = (decoder_before_the_end(model, symbols, monkeypatch, most) for most in (1, 2**20))
    for decoder, stands in ((few, 0), (all_kept, 60)):
        decoder.back(60)
        assert decoder.step == stands
        decoder.extend(symbols[:, stands:100])
    assert torch.equal(few.peek().dense(), all_kept.peek().dense())


def decoder_before_the_end(
    model: VideoPixelNetwork, symbols: Symbols, monkeypatch: pytest.MonkeyPatch, state_bytes: int
) -> Decoder:
    monkeypatch.setattr("models.networks.video_pixel_network.STATE_BYTES", state_bytes)
    decoder = make_decoder(model, "compiled", model.condition_tensor({}))
    decoder.extend(symbols[:, :-1])
    return decoder


@pytest.mark.parametrize("pixels", ["autoregressive", "independent"])
def test_the_state_of_the_kernels_lstm_is_the_networks_before_every_frame(pixels: str) -> None:
    """To the last pixel: the encoder follows the drawing row by row, and ends when the next frame begins."""
    model, symbols = video_model(pixels=pixels), VIDEO.symbols(a_video(VIDEO))[None]
    decoder = CompiledVideoPixelNetwork(model, model.condition_tensor({}))
    decoder.extend(symbols[:, :-1])
    frames = torch.from_numpy(symbols.astype(np.int64)).reshape(1, VIDEO.frames, -1)
    for frame, state in enumerate(model.states(frames)):
        for ours, theirs in zip(decoder._memory, state, strict=True):
            expected = theirs[0].movedim(0, -1).numpy()
            assert ours[frame, 0] == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_what_is_no_size_of_the_network_is_refused() -> None:
    with pytest.raises(InputError, match="'autoregressive' or 'independent', not 'free'"):
        video_model(pixels="free")


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gif", ".png", ".npz"])
@pytest.mark.parametrize("chain", [VIDEO, COLOURED])
def test_a_file_plays_the_video_and_brings_the_take_back(tmp_path: Path, chain: VideoChain, suffix: str) -> None:
    take = a_take(chain)
    (path,) = export(tmp_path / f"film{suffix}", take, scale=1 if suffix == ".npz" else 3)
    again = read_saved(path).take
    for one, other in zip(take.traces, again.traces, strict=True):
        assert np.array_equal(one.symbols, other.symbols)
    assert np.array_equal(again.given, take.given)
    if suffix == ".png":
        (alone,) = export(tmp_path / "one.png", take, samples=[1])
        assert np.array_equal(read_video(alone, chain), chain.video(take.traces[1].symbols))


@pytest.mark.parametrize("chain", [VIDEO, replace(COLOURED, width=5)])
def test_an_mp4_shows_every_frame_all_but_as_it_is_at_the_rate_of_the_chain(tmp_path: Path, chain: VideoChain) -> None:
    """Sides are even: a sheet of odd ones has its last row and column twice."""
    take = a_take(chain, 1)
    (path,) = export(tmp_path / "film.mp4", take, scale=9)
    with av.open(path) as file:
        stream = file.streams.video[0]
        assert stream.average_rate == chain.rate
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in file.decode(stream)]
    sheets = [sheet.astype(int) for sheet in VideoPng().sheets(take, 9)]
    assert len(frames) == len(sheets) == chain.frames
    for frame, sheet in zip(frames, sheets, strict=True):
        height, width = sheet.shape[:2]
        assert frame.shape == (height + height % 2, width + width % 2, 3)
        lightness = sheet if sheet.ndim == 2 else sheet.mean(-1)
        assert np.abs(frame[:height, :width].mean(-1) - lightness).mean() < 20
    with pytest.raises(NoRecordError, match="mp4"):
        read_saved(path)


def test_without_pyav_it_is_said_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"PyAV, which is not installed: pip install 'sampling-studio\[mp4\]'"):
        export(tmp_path / "film.mp4", a_take(VIDEO, 1))
    assert not (tmp_path / "film.mp4").exists()


def test_an_edited_film_is_refused(tmp_path: Path) -> None:
    (path,) = export(tmp_path / "film.png", a_take(VIDEO, 1))
    with Image.open(path) as film:
        text = film.info["sampling_studio"]
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_itxt("sampling_studio", text)
    first, *others = map(Image.fromarray, a_video(VIDEO, 9))
    first.save(path, save_all=True, append_images=others, pnginfo=info)
    with pytest.raises(FileError, match="edited after it was saved"):
        read_saved(path)


def test_frames_of_other_programs_are_read_at_the_levels_of_the_chain(tmp_path: Path) -> None:
    chain = replace(VIDEO, alphabet=GreyLevels(2))
    grey = np.random.default_rng(0).integers(0, 256, (3, 7, 6)).astype(np.uint8)
    first, *others = map(Image.fromarray, grey)
    first.save(tmp_path / "grey.png", save_all=True, append_images=others)
    assert np.array_equal(read_video(tmp_path / "grey.png", chain), np.where(grey >= 128, 255, 0))
    np.savez(tmp_path / "grey.npz", videos=grey[None])
    assert np.array_equal(read_video(tmp_path / "grey.npz", chain), np.where(grey >= 128, 255, 0))
    np.savez(tmp_path / "wide.npz", videos=np.zeros((1, 3, 7, 5), np.uint8))
    with pytest.raises(InputError, match="5 x 7 pixels; the model expects frames of 6 x 7"):
        read_video(tmp_path / "wide.npz", chain)
    with pytest.raises(InputError, match="whole frames of 42 steps are given, not 50"):
        continuation(
            ModelReference("tiny", "Tiny", "0" * 64, VIDEO, ()), np.zeros(50, np.int32), more=1, seed=1, count=1,
            condition={}, shaping=NEUTRAL, engine="cached",
        )  # fmt: skip


@pytest.mark.parametrize("shape", [(), (0, 4, 7, 6), (1, 0, 7, 6)])
def test_a_file_without_any_frame_is_no_video(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.savez(tmp_path / "empty.npz", videos=np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match="it has no videos and no samples"):
        read_video(tmp_path / "empty.npz", VIDEO)
