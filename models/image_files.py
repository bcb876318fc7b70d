"""Images as files: PNG, and the animated GIF of how they were drawn."""

from __future__ import annotations

import functools
import io
import math
import unicodedata
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps, PngImagePlugin, UnidentifiedImageError

from models.chain import Chain, ImageChain, Symbols
from models.errors import FileError, InputError, NoPictureError
from models.file_format import Format, made_with, no_record, summary
from models.record import PROGRAM, damage_as_file_error, record_text
from models.sweep import labels
from models.trace import Take
from models.version import VERSION

METADATA_KEY = "sampling_studio"

PICTURES = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
"""Formats of other people's pictures. Pillow knows more, of which some are programs that another program would run."""


MAX_SCALE = 64
MAX_PIXELS = 2**26
SMOOTH = Image.Resampling.HAMMING
"""How pictures are scaled. A sharper filter overshoots beside an edge: white paper would not stay white for a model."""
MAX_OPENED_SIDE = 1024
"""Pixels of the longer side of what ``opened`` returns: far more than a model draws."""
MAX_GIF_PIXELS = 2**22
"""Of one frame: Pillow keeps all frames in memory until the file is written."""
MAX_GIF_FRAMES = 10_000

GAP = 72
"""Grey of the lines between the images of a grid."""
HATCH = (112, 160)
"""Greys of what is not drawn yet: ground and diagonal lines."""
HATCH_PERIOD = 4

LARGEST_CAPTION, SMALLEST_CAPTION = 24, 9
"""Pixels of the letters above images; where images are too narrow for the smaller ones, captions are cut off."""
CAPTION_SHARE = 10
"""An image is so many times as wide as the letters above it are high."""
FOOT_LINES = 2
"""Under all images: the model, and what the images have in common."""
LINE_HEIGHT = 1.5
"""Of the letters' height."""
LETTERS = 235
"""Grey of captions, on the GAP."""
SIDE_BY_SIDE_GAP = 16
"""Pixels between the columns of a comparison, and around it."""

FRAMES_PER_SECOND = 25
GENERATION_SECONDS = 4.0
"""What the whole generation takes in an animation."""
LAST_FRAME_SECONDS = 1.5

Pixels = npt.NDArray[np.uint8]


def picture(chain: ImageChain, rows: Sequence[Symbols], scale: int = 1) -> Pixels:
    """One image, or a near-square grid of images with a gap of one pixel, each pixel ``scale`` pixels wide.

    rows: symbols of each image, complete or only the first ones; pixels not drawn yet are hatched in mid grey.
    uint8 (H, W) or (H, W, 3). Raises InputError if the scale is wrong or the picture would be too large.
    """
    columns, lines = _grid(len(rows))
    height, width = picture_size(chain, len(rows))
    _check_scale(chain, len(rows), scale, MAX_PIXELS)
    colour = (3,) if chain.coloured else ()
    sheet = np.full((lines * (chain.height + 1), columns * (chain.width + 1), *colour), GAP, np.uint8)
    for n, symbols in enumerate(rows):
        line, column = divmod(n, columns)
        top, left = line * (chain.height + 1), column * (chain.width + 1)
        sheet[top : top + chain.height, left : left + chain.width] = _image_so_far(chain, symbols)
    return sheet[:height, :width].repeat(scale, 0).repeat(scale, 1)


Wordings = tuple[str, ...]
"""Of one caption, the longest first."""


def captioned(
    sheet: Pixels, chain: ImageChain, texts: Sequence[Wordings], foot: Sequence[Wordings], scale: int
) -> Pixels:
    """A picture of ``len(texts)`` images with a caption above each, and lines under all of them."""
    columns, lines = _grid(len(texts))
    step, across = (chain.height + 1) * scale, sheet.shape[1]
    letters, height = _caption_size(chain, scale)

    def strip(texts: Sequence[Wordings], width: int, gap: int = 0) -> Pixels:
        written = _strip((height, across), letters, tuple(texts), width, gap)
        return written if sheet.ndim == 2 else written[..., None].repeat(3, -1)

    parts = []
    for line in range(lines):
        parts.append(strip(texts[line * columns : (line + 1) * columns], chain.width * scale, scale))
        parts.append(sheet[line * step : (line + 1) * step])
    return np.concatenate([*parts, *(strip([line], across) for line in foot)])


@functools.lru_cache(maxsize=64)  # an animation has the same in all of its frames
def _strip(shape: tuple[int, int], letters: int, texts: tuple[Wordings, ...], width: int, gap: int) -> Pixels:
    """Captions beside one another, of each the first wording that fits into ``width`` pixels."""
    strip = Image.new("L", shape[::-1], GAP)
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(letters)
    for column, wordings in enumerate(texts):
        text = _fitting(wordings, font, width)
        left = column * (width + gap) + (width - font.getlength(text)) / 2
        draw.text((left, shape[0] / 2), text, LETTERS, font, anchor="lm")
    return np.asarray(strip)


def _without_captions(pixels: Pixels, chain: ImageChain, lines: int, scale: int) -> Pixels:
    """The picture that captions were written into."""
    _, strip = _caption_size(chain, scale)
    step = (chain.height + 1) * scale
    line = np.arange(lines * (strip + step) - scale)
    return pixels[line[line % (strip + step) >= strip]]


def foot_height(chain: ImageChain, scale: int) -> int:
    """Of the lines under all images that have captions, in pixels."""
    return FOOT_LINES * _caption_size(chain, scale)[1]


def _caption_size(chain: ImageChain, scale: int) -> tuple[int, int]:
    """Heights in pixels, of the letters and of the strip that they stand in."""
    letters = min(LARGEST_CAPTION, max(SMALLEST_CAPTION, chain.width * scale // CAPTION_SHARE))
    return letters, math.ceil(LINE_HEIGHT * letters)


def _fitting(wordings: Wordings, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """The first wording that fits, or as much of the last as does."""
    plain = [_plain(wording) for wording in wordings]
    text = next((text for text in plain if font.getlength(text) <= width), plain[-1])
    while font.getlength(text) > width:
        text = text[:-1]
    return text


def _plain(text: str) -> str:
    """With the letters that Pillow's own font has, so that a picture looks the same wherever it is made."""
    text = unicodedata.normalize("NFKD", text.replace("→", "->").replace("·", "-").replace("−", "-"))
    return "".join(c for c in text if not unicodedata.combining(c)).encode("ascii", "replace").decode("ascii")


def side_by_side(takes: Sequence[Take], titles: Sequence[Sequence[str]], side: int) -> bytes:
    """A PNG with a column for each take, its title in lines above its images, which are about ``side`` pixels large.

    It carries no record, since it shows several takes. Raises InputError for takes of anything but images.
    """
    font = ImageFont.load_default(LARGEST_CAPTION * 2 // 3)
    line, gap = math.ceil(LINE_HEIGHT * font.size), SIDE_BY_SIDE_GAP  # type: ignore[union-attr]
    columns: list[list[Image.Image]] = []
    for take in takes:
        chain = take.chain
        if not isinstance(chain, ImageChain):
            raise InputError(f"only images can be shown side by side, not {chain.modality} data")
        scale = max(1, side // max(chain.height, chain.width))
        rows = [picture(chain, [row], scale) for row in _rows(take)]
        columns.append([Image.fromarray(row).convert("RGB") for row in rows])
    words = [[_plain(text) for text in title] for title in titles]
    widths = [
        max([image.width for image in column] + [math.ceil(font.getlength(text)) for text in title])
        for column, title in zip(columns, words, strict=True)
    ]
    head = gap + line * max(map(len, words))
    height = head + max(sum(image.height + gap for image in column) for column in columns)
    sheet = Image.new("RGB", (gap + sum(width + gap for width in widths), height + gap // 2), (GAP,) * 3)
    draw, left = ImageDraw.Draw(sheet), gap
    for column, title, width in zip(columns, words, widths, strict=True):
        for n, text in enumerate(title):
            draw.text((left, gap + n * line), text, (LETTERS,) * 3, font)
        top = head + gap // 2
        for image in column:
            sheet.paste(image, (left, top))
            top += image.height + gap
        left += width + gap
    about = PngImagePlugin.PngInfo()
    about.add_text("Software", f"{PROGRAM} {VERSION}")
    about.add_text("Description", " | ".join(title[0] for title in words))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", pnginfo=about)
    return buffer.getvalue()


def _image_so_far(chain: ImageChain, symbols: Symbols) -> Pixels:
    if len(symbols) == chain.length:
        return chain.image(symbols)
    row, column = np.indices((chain.height, chain.width))
    hatch = np.where((row + column) % HATCH_PERIOD == 0, HATCH[1], HATCH[0]).astype(np.uint8)
    padded = np.zeros(chain.length, np.int32)
    padded[: len(symbols)] = symbols
    drawn = chain.drawn(len(symbols))
    if chain.coloured:
        drawn, hatch = drawn[..., None], hatch[..., None]
    return np.where(drawn, chain.image(padded), hatch)


def _grid(count: int) -> tuple[int, int]:
    """(columns, lines) of a near-square grid."""
    columns = math.isqrt(count - 1) + 1
    return columns, -(-count // columns)


def picture_size(chain: ImageChain, count: int) -> tuple[int, int]:
    columns, lines = _grid(count)
    return lines * (chain.height + 1) - 1, columns * (chain.width + 1) - 1


def _check_scale(chain: ImageChain, count: int, scale: int, most: int) -> None:
    """Raises InputError for a scale that is wrong, or that makes more than ``most`` pixels."""
    if type(scale) is not int or not 1 <= scale <= MAX_SCALE:
        raise InputError(f"a picture is 1 to {MAX_SCALE} times as large, a whole number; not {scale!r}")
    height, width = (scale * side for side in picture_size(chain, count))
    if height * width > most:
        raise InputError(f"a picture of {width} x {height} pixels is too large; use a smaller scale or fewer images")


def _rows(take: Take) -> list[Symbols]:
    return [trace.symbols for trace in take.traces]


def fitted(data: bytes, name: str, chain: ImageChain) -> Pixels:
    """Any picture as an image of a chain: cut to its shape, scaled, grey or in colours, at the chain's levels.

    uint8 (H, W) or (H, W, 3). Raises FileError for what is none of PICTURES, or far too large.
    """
    return _fit(_read(data, name), chain)


def opened(data: bytes, name: str) -> Pixels:
    """Any picture as it is, for ``fitted_pixels`` of any chain; one of many pixels is made smaller.

    uint8 (H, W, 3), at most MAX_OPENED_SIDE high and wide. Raises FileError as ``fitted`` does.
    """
    picture = _read(data, name)
    picture.thumbnail((MAX_OPENED_SIDE, MAX_OPENED_SIDE), SMOOTH)
    return np.array(picture)


def _read(data: bytes, name: str) -> Image.Image:
    """Any picture upright and in colours, on black where it is transparent. Raises FileError as ``fitted`` does."""
    with damage_as_file_error(name):
        try:
            picture = Image.open(io.BytesIO(data), formats=PICTURES)
        except UnidentifiedImageError:
            what = f"not a picture that can be read ({', '.join(PICTURES)})" if data else "empty"
            raise NoPictureError(f"{name} is {what}") from None
        except Image.DecompressionBombError:
            raise FileError(f"{name} has far too many pixels") from None
        with picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise FileError(f"{name} has {picture.width} x {picture.height} pixels, more than this program reads")
            upright = _of_8_bits(ImageOps.exif_transpose(picture), picture.format, name).convert("RGBA")
        ground = Image.new("RGBA", upright.size, (0, 0, 0, 255))  # where it is transparent
        ground.alpha_composite(upright)
        return ground.convert("RGB")


def _of_8_bits(picture: Image.Image, form: str | None, name: str) -> Image.Image:
    """Greys of 16 bits scaled to 8 bits: Pillow's own conversion cuts off what is above 255.

    form: Pillow's name of the format it was read from. Raises FileError for greys of 32 bits or with a sign, which do
    not say what is white.
    """
    # Mode I has room for 32 bits, but of a PNG or PPM it holds 16.
    if picture.mode == "F" or (picture.mode == "I" and form not in ("PNG", "PPM")):
        raise FileError(f"{name} has pixels of 32 bits, or signed ones; save it with 8 or 16 bits for each colour")
    if picture.mode != "I" and not picture.mode.startswith("I;"):
        return picture
    return Image.fromarray((np.asarray(picture) // 257).astype(np.uint8))


def fitted_pixels(pixels: Pixels, chain: ImageChain) -> Pixels:
    """The same for pixels (H, W) or (H, W, 3)."""
    return _fit(Image.fromarray(pixels), chain)


def _fit(image: Image.Image, chain: ImageChain) -> Pixels:
    mode, size = "RGB" if chain.coloured else "L", (chain.width, chain.height)
    small = ImageOps.fit(image.convert(mode), size, SMOOTH)
    return chain.image(chain.symbols(np.asarray(small)))


class PictureFile(Format):
    """A file that shows one image, or a grid of images, enlarged by a whole factor without smoothing.

    labels: where the samples differ in what they began under, whether to write above each image what that is, and
        under all of them what they have in common.
    """

    modality = "image"
    several = True
    scaled = True
    most_pixels: ClassVar[int] = MAX_PIXELS

    def __init__(self, *, labels: bool = False) -> None:
        self.labels = labels

    def sheet(self, view: Take, rows: Sequence[Symbols], scale: int) -> Pixels:
        """The picture of so much of each sample."""
        chain = self.pictured(view.chain)
        pixels = picture(chain, rows, scale)
        texts = labels(view) if self.labels else []
        foot = (view.model.title, view.model.name), (made_with(view),)
        return captioned(pixels, chain, texts, foot, scale) if texts else pixels

    def pictured(self, chain: Chain) -> ImageChain:
        """The chain of what is seen at once."""
        assert isinstance(chain, ImageChain)
        return chain

    def check_scale(self, chain: Chain, count: int, scale: int) -> None:
        _check_scale(self.pictured(chain), count, scale, self.most_pixels)


class PillowFile(PictureFile):
    """One that Pillow writes and reads. Read are those with labels, too; of captions, which follow from the record,
    only the place is looked at.
    """

    pillow: ClassVar[str]
    """Pillow's name of the format."""

    def open(self, data: bytes, name: str) -> Image.Image:
        try:
            image = Image.open(io.BytesIO(data), formats=(self.pillow,))
        except UnidentifiedImageError:
            raise FileError(f"{name} is damaged or cut short: its {self.pillow} header cannot be read") from None
        except Image.DecompressionBombError:
            raise FileError(f"{name} has far too many pixels") from None
        if image.width * image.height > MAX_PIXELS:
            raise FileError(f"{name} has {image.width} x {image.height} pixels, more than this program reads")
        return image

    def shows(self, data: bytes, name: str, take: Take) -> bool:
        chain = take.chain
        if not isinstance(chain, ImageChain):
            return False
        with self.open(data, name) as image:
            height, width = picture_size(chain, len(take.samples))
            scale = image.width // width
            if scale < 1 or image.width != scale * width:
                return False
            written = image.height != scale * height
            if written and not self._has_captions(image.height, take, scale):
                return False
            if not self.seek_end(image, name, chain):
                return True
            pixels = np.asarray(image.convert("RGB"))
        if written:
            pixels = _without_captions(pixels, chain, _grid(len(take.samples))[1], scale)
        expected = picture(chain, _rows(take), scale)
        return np.array_equal(pixels, expected if chain.coloured else expected[..., None].repeat(3, -1))

    @staticmethod
    def _has_captions(height: int, take: Take, scale: int) -> bool:
        """Whether a picture of a take is as high as one with captions; older ones have none under all images."""
        chain, (_, lines) = take.chain, _grid(len(take.samples))
        assert isinstance(chain, ImageChain)
        plain = scale * picture_size(chain, len(take.samples))[0]
        strip = _caption_size(chain, scale)[1]
        return bool(labels(take)) and height in (
            plain + lines * strip,
            plain + lines * strip + foot_height(chain, scale),
        )

    @abstractmethod
    def seek_end(self, image: Image.Image, name: str, chain: ImageChain) -> bool:
        """Goes to what shows all that is drawn. Returns whether its pixels are exactly those of the symbols."""


class Png(PillowFile):
    """The images as they are; the record is a text under METADATA_KEY."""

    suffix = ".png"
    title = "PNG image"
    pillow = "PNG"

    def content(self, view: Take, *, scale: int = 1) -> bytes:
        chain = view.chain
        assert isinstance(chain, ImageChain)
        pixels = self.sheet(view, _rows(view), scale)
        text = PngImagePlugin.PngInfo()
        text.add_text("Software", f"{PROGRAM} {VERSION}")
        text.add_text("Description", summary(view))
        text.add_itxt(METADATA_KEY, record_text(view))
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", pnginfo=text)
        return buffer.getvalue()

    def recognises(self, data: bytes) -> bool:
        return data.startswith(b"\x89PNG\r\n\x1a\n")

    def record_in(self, data: bytes, name: str) -> str:
        with self.open(data, name) as image:
            image.load()  # text may also follow the pixels
            text = image.info.get(METADATA_KEY)
        if text is None:
            raise no_record(name)
        return str(text)

    def seek_end(self, image: Image.Image, name: str, chain: ImageChain) -> bool:
        return True

    def read_foreign(self, data: bytes, name: str, chain: Chain) -> list[Symbols]:
        """One image of the chain's size and colours, in 8 bits each, whatever else the file carries."""
        if not isinstance(chain, ImageChain):
            raise InputError(f"{name} holds image data; the model expects {chain.modality} data")
        if not self.recognises(data):
            raise FileError(f"{name} is {'empty' if not data else 'not a PNG image'}")
        with damage_as_file_error(name), self.open(data, name) as image:
            size, mode = image.size, image.mode
            pixels = np.asarray(image.convert("RGBA")) if mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA") else None
        expected = f"the model expects {chain.width} x {chain.height} pixels, {'RGB' if chain.coloured else 'grey'}"
        if size != (chain.width, chain.height):
            raise InputError(f"{name} has {size[0]} x {size[1]} pixels; {expected}")
        if pixels is None:
            raise InputError(f"{name} has pixels of the kind {mode!r}; {expected}, 8 bits each")
        if (pixels[..., 3] != 255).any():
            raise InputError(f"{name} is transparent in places; {expected}")
        if chain.coloured:
            if mode in ("1", "L", "LA"):
                raise InputError(f"{name} is grey; {expected}")
            return [chain.symbols(pixels[..., :3])]
        if (pixels[..., :1] != pixels[..., 1:3]).any():
            raise InputError(f"{name} is coloured; {expected}")
        return [chain.symbols(pixels[..., 0])]


class Gif(PillowFile):
    """The generation as an endless animation in chain order, its last frame held; the record is its comment.

    Grey images are exact in every frame; colours are reduced to 256.
    """

    suffix = ".gif"
    title = "Animated GIF of the generation"
    pillow = "GIF"
    most_pixels = MAX_GIF_PIXELS
    prefix = f"{METADATA_KEY} ".encode("ascii")

    def content(self, view: Take, *, scale: int = 1) -> bytes:
        chain = view.chain
        assert isinstance(chain, ImageChain)
        count = max(1, min(round(GENERATION_SECONDS * FRAMES_PER_SECOND), view.longest))
        self.check_scale(chain, len(view.samples), scale)
        sheets = [
            self.sheet(view, [row[: round(view.longest * n / count)] for row in _rows(view)], scale)
            for n in range(count + 1)
        ]
        frames = [Image.fromarray(sheet) for sheet in sheets]
        if chain.coloured:
            # One palette for all frames; left to itself Pillow makes one for each, which takes minutes.
            palette = Image.fromarray(np.concatenate([sheets[0], sheets[-1]])).quantize(256)
            frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
        durations = [round(1000 * GENERATION_SECONDS / count)] * count + [round(1000 * LAST_FRAME_SECONDS)]
        buffer = io.BytesIO()
        frames[0].save(
            buffer,
            "GIF",
            save_all=True,
            append_images=frames[1:],
            duration=durations,
            loop=0,
            optimize=False,
            comment=self.prefix + record_text(view).encode("ascii"),
        )
        return buffer.getvalue()

    def recognises(self, data: bytes) -> bool:
        return data.startswith((b"GIF87a", b"GIF89a"))

    def record_in(self, data: bytes, name: str) -> bytes:
        with self.open(data, name) as image:
            comment = bytes(image.info.get("comment", b""))
        if not comment.startswith(self.prefix):
            raise no_record(name)
        return comment[len(self.prefix) :]

    def seek_end(self, image: Image.Image, name: str, chain: ImageChain) -> bool:
        frames = int(getattr(image, "n_frames", 1))
        if frames > MAX_GIF_FRAMES:
            raise FileError(f"{name} has {frames} frames, more than this program reads")
        if chain.coloured:
            return False
        size = image.size
        for frame in range(1, frames):
            try:
                image.seek(frame)  # decodes the frame before it; of this one it only reads where it lies
                grown = image.size != size
            except Image.DecompressionBombError:
                grown = True
            if grown:
                raise FileError(f"{name} is damaged: its frame {frame} exceeds its {size[0]} x {size[1]} pixels")
        return True
