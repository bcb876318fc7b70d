"""Entropy and surprise along a clip, under its wave."""

from __future__ import annotations

import pyqtgraph as pg

from models.chain import SoundChain
from studio.canvas.clip import Clip
from studio.canvas.common import SHORT_NAMES, full_bits
from studio.canvas.time_plot import ZOOM_TIP, InView, Pane, TimePlot
from studio.theme import Theme, faded

OTHER = {"entropy": "surprise", "surprise": "entropy"}

LOW_PIXELS = 64
"""Below this height labels between 0 and the top would run into one another."""


class BitsAxis(pg.AxisItem):  # type: ignore[misc]
    """Bits from 0 up: where the plot is too low for several labels, only its two ends are labelled."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        if size < LOW_PIXELS:
            return [(high - low, [low, high])]
        ticks: list[tuple[float, list[float]]] = super().tickValues(low, high, size)
        return ticks


class Bits(Pane):
    """One of the two is filled, with its peaks where many steps lie under a pixel; the other is a line over it.

    Both are means over a few pixels. A model that knows what it does not know surprises itself as much as it expects:
    then the two go together.
    """

    def __init__(self) -> None:
        super().__init__("", TimePlot("Bits per sample", zooms=True, left=BitsAxis("left")))
        self.title.setToolTip(ZOOM_TIP)
        self._peak_bits = pg.PlotCurveItem(antialias=False)
        self._mean_bits = pg.PlotCurveItem(antialias=False, fillLevel=0)
        self._other_bits = pg.PlotCurveItem(antialias=False)
        for item in (self._mean_bits, self._peak_bits, self._other_bits):
            self.plot.addItem(item, ignoreBounds=True)

    def dress(self, theme: Theme) -> None:
        self.plot.dress(theme, theme)
        self._mean_bits.setPen(pg.mkPen(theme.quiet, width=1))
        self._mean_bits.setBrush(pg.mkBrush(faded(theme.quiet, 0.45)))
        self._peak_bits.setPen(pg.mkPen(faded(theme.quiet, 0.55), width=1))
        self._other_bits.setPen(pg.mkPen(theme.chosen, width=1))

    def show_overlay(self, overlay: str) -> None:
        """``entropy`` or ``surprise``; nothing is shown under any other."""
        self.setVisible(overlay in SHORT_NAMES)
        if overlay in SHORT_NAMES:
            self.title.setText(SHORT_NAMES[overlay])

    def draw(self, clip: Clip, view: InView, end: float, chain: SoundChain, overlay: str) -> None:
        """end: where the axis ends, in seconds."""
        if overlay in SHORT_NAMES:
            self._draw_curves(clip, view, chain, overlay)
        (_, _), (bottom, top) = self.plot.view.viewRange()
        self.plot.hatch.cover(len(clip.wave) / view.rate, end, bottom, top)

    def _draw_curves(self, clip: Clip, view: InView, chain: SoundChain, overlay: str) -> None:
        if view.empty:
            for curve in (self._peak_bits, self._mean_bits, self._other_bits):
                curve.setData([], [])
            return
        pyramid, other = clip.entropy, clip.surprise
        if overlay == "surprise":
            pyramid, other = other, pyramid
        steps = view.stop - view.start
        # A pixel's mean jitters as much as its samples do: three pixels to a bin read as a curve.
        bins = max(1, view.columns // 3) if view.columns < steps else steps
        _, high, mean = pyramid.columns(view.start, view.stop, bins)
        at = view.times(bins) - 0.5 / view.rate
        self._mean_bits.setData(at, mean)
        self._other_bits.setData(at, other.columns(view.start, view.stop, bins)[2])
        if bins < steps:
            self._peak_bits.setData(at, high)
        else:
            self._peak_bits.setData([], [])
        top = full_bits(chain.alphabet)
        self.plot.setYRange(0, max(top, float(high.max()) * 1.05), padding=0)
        self.facts.say(
            f"mean {pyramid.mean:.2f} · line: {OTHER[overlay]}, mean {other.mean:.2f} bits/{chain.step_noun}"
        )
