"""The resonances of a linear autoregression as a picture: its poles, and its spectral envelopes.

J. Makhoul, "Linear prediction: a tutorial review", Proc. IEEE 63, 1975: noise of deviation s, filtered by the weights,
has the power spectrum s^2 / |A(f)|^2 with A(f) = 1 - sum_k a_k exp(-2 pi i k f / rate), which follows the peaks of the
spectrum of the sound.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from models.chain import SoundChain
from models.condition import Category, Condition
from models.networks.linear_autoregression import LinearAutoregression

Pixels = npt.NDArray[np.uint8]

SCALE = 2
"""Pixels are this much finer than the sizes below say."""
HEIGHT, CIRCLE, CURVES = 340, 340, 620
"""Of the picture, of the square of the poles, and of the envelopes beside it."""
INSET = 34
FREQUENCIES = 400
DECIBELS = 60
"""Below the highest peak, what is shown."""
PAPER, GRID, TEXT, INK = "#18191d", "#34363e", "#9a9eaa", "#57a4ff"
COLOURS = ["#ff77bc", "#07b5eb", "#ffea33", "#9871f2", "#0967ac", "#d0569f", "#6bf8ef", "#83c730", "#e05516", "#07925e"]
"""Of the values of the last condition."""


def poles(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
    """The roots of z^p - a_1 z^(p-1) - ... - a_p, of weights a (p,): inside the unit circle, what rings dies away."""
    roots: npt.NDArray[np.complex128] = np.roots(np.concatenate([[1.0], -weights])).astype(np.complex128)
    return roots


def spectral_envelope(weights: npt.NDArray[np.float64], deviation: float, count: int) -> npt.NDArray[np.float64]:
    """Power in decibels at ``count`` frequencies from 0 to half the rate."""
    at = np.linspace(0, np.pi, count)
    powers = np.exp(-1j * np.outer(at, np.arange(1, len(weights) + 1)))
    decibels: npt.NDArray[np.float64] = 20 * np.log10(deviation / np.maximum(np.abs(1 - powers @ weights), 1e-9))
    return decibels


def sets_of(model: LinearAutoregression) -> dict[str, tuple[npt.NDArray[np.float64], float]]:
    """Weights and deviation for each value of the last condition, the others at their defaults; first the default's."""
    factor = next((f for f in reversed(model.factors) if isinstance(f, Category)), None)
    names = [] if factor is None else [f"{factor.name} {value}" for value in factor.values]
    conditions: list[Condition] = [{}]
    conditions += [] if factor is None else [{factor.name: value} for value in factor.values]
    chosen = model.chosen(model.condition_tensor(conditions)).tolist()
    weights, deviations = model.weights.double().cpu().numpy(), model.deviations.tolist()
    return {name: (weights[n], deviations[n]) for name, n in zip(["any", *names], chosen, strict=True)}


def resonances_picture(model: LinearAutoregression) -> Pixels:
    """uint8 (H, W, 3): on the left the poles of the default condition, on the right the envelopes of all."""
    image = Image.new("RGB", ((CIRCLE + CURVES) * SCALE, HEIGHT * SCALE), PAPER)
    draw = ImageDraw.Draw(image)
    sets = sets_of(model)
    _draw_poles(draw, poles(sets["any"][0]))
    assert isinstance(model.chain, SoundChain)
    _draw_envelopes(
        draw, {name: spectral_envelope(*each, FREQUENCIES) for name, each in sets.items()}, model.chain.rate
    )
    return np.asarray(image)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(11 * SCALE)


def _draw_poles(draw: ImageDraw.ImageDraw, roots: npt.NDArray[np.complex128]) -> None:
    middle, radius = CIRCLE / 2 * SCALE, (CIRCLE / 2 - INSET) * SCALE
    box = (middle - radius, middle - radius, middle + radius, middle + radius)
    draw.line((box[0], middle, box[2], middle), GRID, SCALE)
    draw.line((middle, box[1], middle, box[3]), GRID, SCALE)
    draw.ellipse(box, outline=TEXT, width=SCALE)
    for root in roots:
        x, y, half = middle + root.real * radius, middle - root.imag * radius, 3 * SCALE
        draw.line((x - half, y - half, x + half, y + half), INK, SCALE)
        draw.line((x - half, y + half, x + half, y - half), INK, SCALE)
    draw.text((8 * SCALE, 6 * SCALE), f"{len(roots)} poles and the unit circle", TEXT, _font())


def _draw_envelopes(draw: ImageDraw.ImageDraw, envelopes: dict[str, npt.NDArray[np.float64]], rate: int) -> None:
    left, right = (CIRCLE + INSET) * SCALE, (CIRCLE + CURVES - 84) * SCALE
    top, bottom = INSET * SCALE, (HEIGHT - INSET) * SCALE
    highest = 10 * np.ceil(max(float(each.max()) for each in envelopes.values()) / 10)
    for level in range(0, DECIBELS + 1, 20):
        y = top + level / DECIBELS * (bottom - top)
        draw.line((left, y, right, y), GRID, SCALE)
        draw.text((left - 6 * SCALE, y), f"{highest - level:.0f}", TEXT, _font(), anchor="rm")
    for thousand in range(rate // 2000 + 1):
        x = left + thousand * 2000 / rate * (right - left)
        draw.line((x, top, x, bottom), GRID, SCALE)
        draw.text((x, bottom + 6 * SCALE), f"{thousand} kHz", TEXT, _font(), anchor="ma")
    draw.text((left, 6 * SCALE), "spectral envelope in dB", TEXT, _font())
    for n, (name, decibels) in reversed(list(enumerate(envelopes.items()))):
        colour, width = ("#ffffff", 2 * SCALE) if n == 0 else (COLOURS[(n - 1) % len(COLOURS)], SCALE)
        across = np.linspace(left, right, len(decibels))
        down = np.clip(top + (highest - decibels) / DECIBELS * (bottom - top), top, bottom)
        draw.line([(float(a), float(b)) for a, b in zip(across, down, strict=True)], colour, width)
        place = right + 10 * SCALE, top + 18 * n * SCALE
        draw.text(place, name, colour, _font())
