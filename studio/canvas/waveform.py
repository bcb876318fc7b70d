"""The wave of a clip: from the whole of it, by its least and largest amplitudes, down to single samples as points."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from studio.canvas.clip import Clip, decibels
from studio.canvas.time_plot import ZOOM_TIP, InView, Pane, Stretch, TimePlot
from studio.theme import Theme, faded

POINT_PIXELS = 5
"""Samples at least this far apart are drawn as points."""

LINE_STEPS = 2.0
"""Up to this many samples to a pixel, a line joins them all."""


class Waveform(Pane):
    """The wave, and the lens that tells where the conditional-gram lies."""

    def __init__(self) -> None:
        super().__init__("Waveform", TimePlot("Waveform", zooms=True))
        self.title.setToolTip(ZOOM_TIP)
        self._wave = pg.PlotCurveItem(antialias=False)
        self._points = pg.ScatterPlotItem(size=5, pxMode=True, pen=None)
        self.lens = Stretch(self.plot, -5)
        for item in (self.lens, self._wave, self._points):
            self.plot.addItem(item, ignoreBounds=True)
        self.plot.setYRange(-1, 1, padding=0)
        self.plot.getAxis("left").setTicks([[(-1, "−1"), (-0.5, "−0.5"), (0, "0"), (0.5, "0.5"), (1, "1")]])

    def dress(self, theme: Theme) -> None:
        self.plot.dress(theme, theme)
        self._wave.setPen(pg.mkPen(theme.chosen, width=1))
        self._points.setBrush(pg.mkBrush(theme.chosen))
        self.lens.colour = faded(theme.chosen, 0.22)
        self.lens.frame = faded(theme.chosen, 0.8)

    def draw(self, clip: Clip, view: InView, end: float) -> None:
        """end: where the axis ends, in seconds."""
        if view.empty:
            self._wave.setData([], [])
        elif view.per_pixel <= LINE_STEPS:
            self._wave.setData(np.arange(view.start, view.stop) / view.rate, clip.wave.values[view.start : view.stop])
        else:
            low, high, _ = clip.wave.columns(view.start, view.stop, view.columns)
            at = view.times(view.columns)
            self._wave.setData(np.repeat(at, 2), np.stack([low, high], axis=1).reshape(-1))
        if not view.empty and view.per_pixel * self.devicePixelRatioF() * POINT_PIXELS <= 1:
            self._points.setData(np.arange(view.start, view.stop) / view.rate, clip.wave.values[view.start : view.stop])
        elif len(self._points.data):
            self._points.clear()
        self.plot.hatch.cover(len(clip.wave) / view.rate, end, -1, 1)
        self.facts.say(describe(clip, view.rate))


def describe(clip: Clip, rate: int) -> str:
    """How long a clip is, at which rate, and how loud."""
    length = len(clip.wave)
    facts = [f"{length / rate:.2f} s", f"{rate / 1000:g} kHz"]
    if length:
        low, high, _ = clip.wave.columns(0, length, 1)
        facts.append(f"peak {decibels(max(-float(low[0]), float(high[0])))}")
    return " · ".join(facts)
