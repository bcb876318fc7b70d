"""Videos as files: the GIF, the animated PNG and the MP4 that play them, and the frames in the former two."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from models.array_files import data_arrays
from models.chain import Chain, ImageChain, Symbols
from models.errors import FileError, InputError, NoPictureError
from models.file_format import no_record, summary
from models.image_files import (
    MAX_GIF_FRAMES,
    MAX_GIF_PIXELS,
    MAX_PIXELS,
    METADATA_KEY,
    Gif,
    PictureFile,
    PillowFile,
    Pixels,
    Png,
    foot_height,
    picture_size,
)
from models.record import PROGRAM, ZIP, damage_as_file_error, read_bytes, record_text
from models.trace import Take
from models.version import VERSION
from models.video import MAX_RATE, VideoChain

ANIMATIONS = ("GIF", "PNG")
"""Pillow's names of the formats whose frames are read."""
VIDEO_ARRAYS = ("videos", "samples")
"""Of an .npz, uint8 (N, T, H, W) or (N, T, H, W, 3): the first that is there counts."""


class Film(PictureFile):
    """A file that plays the samples of a take side by side. rate: frames per second, else those of the chain."""

    modality = "video"
    most_pixels = MAX_GIF_PIXELS
    fastest = MAX_RATE
    """Frames per second that it can hold."""

    def __init__(self, *, labels: bool = False, rate: int | None = None) -> None:
        super().__init__(labels=labels)
        self.rate = rate

    def pictured(self, chain: Chain) -> ImageChain:
        assert isinstance(chain, VideoChain)
        return chain.frame

    def sheets(self, view: Take, scale: int) -> list[Pixels]:
        """A picture of every frame that was begun: what is not drawn of it is hatched."""
        pixels = self.pictured(view.chain).length
        frames = max(1, -(-view.longest // pixels))
        rows = [trace.symbols for trace in view.traces]
        return [
            self.sheet(view, [row[frame * pixels : (frame + 1) * pixels] for row in rows], scale)
            for frame in range(frames)
        ]


class Animation(Film, PillowFile):
    """One that plays over and over."""

    tick, least = 1, 1
    """Milliseconds in which durations are counted, and so many of them at least."""

    def durations(self, rate: float, frames: int) -> list[int]:
        """Of each frame, in milliseconds: rounded so that the whole is as long as it should be, up to ``fastest``."""
        ends = np.round(np.arange(frames + 1) * 1000 / rate / self.tick)
        milliseconds: list[int] = (np.diff(ends).clip(self.least) * self.tick).astype(int).tolist()
        return milliseconds

    def film(self, view: Take, scale: int, **details: Any) -> bytes:
        """The file. details: what Pillow is told besides."""
        chain = view.chain
        assert isinstance(chain, VideoChain)
        self.check_scale(chain, len(view.samples), scale)
        first, *others = map(Image.fromarray, self.sheets(view, scale))
        buffer = io.BytesIO()
        durations = self.durations(self.rate or chain.rate, 1 + len(others))
        first.save(buffer, self.pillow, save_all=True, append_images=others, duration=durations, loop=0, **details)
        return buffer.getvalue()

    def shows(self, data: bytes, name: str, take: Take) -> bool:
        """Frames that are alike may have become one, which is seen for longer."""
        chain = take.chain
        if not isinstance(chain, VideoChain):
            return False
        with self.open(data, name) as image:
            height, width = picture_size(chain.frame, len(take.samples))
            scale = image.width // width
            if scale < 1 or image.width != scale * width:
                return False
            expected = type(self)(labels=image.height != scale * height).sheets(take, scale)
            if image.height + foot_height(chain.frame, scale) == len(expected[0]):  # of before there was one
                expected = [sheet[: image.height] for sheet in expected]
            if (image.height, image.width) != expected[0].shape[:2]:
                return False
            shown = frames_of(image, name)
        in_colours = [sheet if chain.channels == 3 else sheet[..., None].repeat(3, -1) for sheet in expected]
        # The colours of a GIF are those of a palette.
        return (self.pillow == "GIF" and chain.channels == 3) or different(shown) == different(in_colours)

    def read_foreign(self, data: bytes, name: str, chain: Chain) -> list[Symbols]:
        """One video of the chain's size, whole."""
        if not isinstance(chain, VideoChain):
            raise InputError(f"{name} holds video data; the model expects {chain.modality} data")
        video = video_in(data, name, chain)
        if len(video) < chain.frames:
            raise InputError(f"{name} has {len(video)} frames; the model expects {chain.frames}")
        return [chain.symbols(video)]


class VideoGif(Animation, Gif):
    """The record is its comment. Grey is exact; of colours each frame has 256."""

    title = "Animated GIF"
    tick, least = 10, 2  # browsers slow down what is faster
    fastest = 50

    def content(self, view: Take, *, scale: int = 1) -> bytes:
        return self.film(view, scale, optimize=False, comment=self.prefix + record_text(view).encode("ascii"))


class VideoPng(Animation, Png):
    """Exact in colours, too. The record is a text under METADATA_KEY."""

    title = "Animated PNG"

    def content(self, view: Take, *, scale: int = 1) -> bytes:
        text = PngImagePlugin.PngInfo()
        text.add_text("Software", f"{PROGRAM} {VERSION}")
        text.add_text("Description", summary(view))
        text.add_itxt(METADATA_KEY, record_text(view))
        return self.film(view, scale, pnginfo=text)


class Mp4(Film):
    """H.264 for players and slides, of colours at half the resolution as all of them want it: to be looked at, for it
    holds what is shown but for what compression takes away, and neither the record nor the exact values.

    It is written by PyAV, which brings its encoder along.
    """

    suffix = ".mp4"
    title = "MP4 video"
    keeps_record = False

    def content(self, view: Take, *, scale: int = 1) -> bytes:
        """Raises InputError where PyAV is not installed, or cannot write it."""
        chain = view.chain
        assert isinstance(chain, VideoChain)
        self.check_scale(chain, len(view.samples), scale)
        try:
            import av
        except ImportError:
            raise InputError(
                "an MP4 is written by PyAV, which is not installed: pip install 'sampling-studio[mp4]'"
            ) from None
        buffer = io.BytesIO()
        try:
            with av.open(buffer, "w", format="mp4") as file:
                file.metadata["comment"] = f"{PROGRAM} {VERSION}: {summary(view)}"
                sheets = [_even(sheet) for sheet in self.sheets(view, scale)]
                stream = file.add_stream("libx264", self.rate or chain.rate)
                stream.height, stream.width = sheets[0].shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.options = {"crf": "10"}
                for sheet in sheets:
                    file.mux(stream.encode(av.VideoFrame.from_ndarray(sheet, "rgb24")))
                file.mux(stream.encode())
        except av.FFmpegError as error:
            raise InputError(f"it cannot be written as an MP4: {error.strerror}") from None
        return buffer.getvalue()

    def recognises(self, data: bytes) -> bool:
        return data[4:8] == b"ftyp"

    def record_in(self, data: bytes, name: str) -> str:
        raise no_record(name, "an MP4")

    def shows(self, data: bytes, name: str, take: Take) -> bool:
        return data == self.content(take)


def _even(sheet: Pixels) -> Pixels:
    """A picture in colours with even sides, as the encoder wants them: its last row and column twice if need be."""
    height, width = sheet.shape[:2]
    colours = sheet if sheet.ndim == 3 else sheet[..., None].repeat(3, -1)
    padded: Pixels = np.pad(colours, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    return padded


def different(frames: Sequence[Pixels]) -> list[bytes]:
    """The content of the frames, of those that follow one another and are alike once."""
    return [content for content, _ in groupby(frame.tobytes() for frame in frames)]


def frames_of(image: Image.Image, name: str) -> list[Pixels]:
    """All frames of an opened animation, uint8 (H, W, 3) each. Raises FileError for far too many, or too large ones."""
    count = int(getattr(image, "n_frames", 1))
    if count > MAX_GIF_FRAMES or count * image.width * image.height > MAX_PIXELS:
        raise FileError(f"{name} has {count} frames of {image.width} x {image.height} pixels, more than can be read")
    size, frames = image.size, []
    for frame in range(count):
        image.seek(frame)
        if image.size != size:
            raise FileError(f"{name} is damaged: its frame {frame} exceeds its {size[0]} x {size[1]} pixels")
        frames.append(np.asarray(image.convert("RGB")))
    return frames


def video_in(data: bytes, name: str, chain: VideoChain) -> Pixels:
    """The frames of a GIF, an animated PNG or the first video of an .npz, as the chain has them: at most its length.

    uint8 (T, H, W) or (T, H, W, 3), at the chain's levels. Raises NoPictureError for what is none of these, InputError
    for frames of another size, FileError for what is damaged.
    """
    with damage_as_file_error(name):
        frames = _arrays(data, name) if data.startswith(ZIP) else _animation(data, name)
        expected = f"the model expects frames of {chain.width} x {chain.height}"
        if frames.dtype != np.uint8 or frames.ndim not in (3, 4) or frames.shape[3:] not in ((), (3,)):
            raise InputError(f"videos are uint8 (N, T, H, W) or (N, T, H, W, 3), not {frames.dtype} {frames.shape}")
        if frames.shape[1:3] != (chain.height, chain.width):
            raise InputError(f"its frames have {frames.shape[2]} x {frames.shape[1]} pixels; {expected}")
        if chain.channels == 3 and frames.ndim == 3:
            frames = frames[..., None].repeat(3, -1)
        elif chain.channels == 1 and frames.ndim == 4:
            if (frames != frames[..., :1]).any():
                raise InputError(f"it is coloured; {expected} in grey")
            frames = frames[..., 0]
        frames = frames[: chain.frames]
        return chain.frame.image(chain.frame.symbols(frames))


def _arrays(data: bytes, name: str) -> Pixels:
    arrays = data_arrays(data, name, VIDEO_ARRAYS)
    found = next((arrays[key] for key in VIDEO_ARRAYS if key in arrays), None)
    if found is None or not (found.ndim and found.size):
        raise InputError(f"it has no {' and no '.join(VIDEO_ARRAYS)}")
    first: Pixels = found[0]
    return first


def _animation(data: bytes, name: str) -> Pixels:
    try:
        image = Image.open(io.BytesIO(data), formats=ANIMATIONS)
    except UnidentifiedImageError:
        raise NoPictureError(f"{name} is {'neither a GIF nor a PNG nor an .npz' if data else 'empty'}") from None
    except Image.DecompressionBombError:
        raise FileError(f"{name} has far too many pixels") from None
    with image:
        return np.stack(frames_of(image, name))


def read_video(path: Path, chain: VideoChain) -> Pixels:
    """``video_in`` of a file."""
    return video_in(*read_bytes(path), chain)
