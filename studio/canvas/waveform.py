"""The wave of a clip: from the whole of it, by its least and largest amplitudes, down to single samples as points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Slot

from studio.canvas.clip import Clip, decibels
from studio.canvas.time_plot import ZOOM_TIP, InView, Pane, Stretch, TimePlot
from studio.theme import LINK, Theme, faded, set_role
from studio.widgets.controls import Segments, ToolButton

POINT_PIXELS = 5
"""Samples at least this far apart are drawn as points."""

RELEASE_PIXELS = 26

MOST_MAGNIFIED = 256.0
"""Times: a few levels of 16 bits fill the plot no further."""

LINE_STEPS = 2.0
"""Up to this many samples to a pixel, a line joins them all."""


class Waveform(Pane):
    """The wave, and the lens that tells where the conditional-gram lies."""

    def __init__(self) -> None:
        super().__init__("Waveform", TimePlot("Waveform", zooms=True))
        self.title.setToolTip(f"{ZOOM_TIP}. With Ctrl: quiet sounds larger")
        self._wave = pg.PlotCurveItem(antialias=False)
        self._behind = pg.PlotCurveItem(antialias=False)
        self._points = pg.ScatterPlotItem(size=5, pxMode=True, pen=None)
        self.hold_button = ToolButton("Hold", tip="Hold this clip, to compare another one with it (Ctrl+B)")
        set_role(self.hold_button, LINK)
        self.sides = Segments({side: f"Show and hear {side} (B switches)" for side in "AB"}, "Side")
        self.release_button = ToolButton("×", tip="Let go of B", name="Let go of B")
        set_role(self.release_button, LINK)
        self.release_button.setFixedWidth(RELEASE_PIXELS)
        for control in (self.hold_button, self.sides, self.release_button):
            self.head.addWidget(control)
        self.lens = Stretch(self.plot, -5)
        for item in (self.lens, self._behind, self._wave, self._points):
            self.plot.addItem(item, ignoreBounds=True)
        self.plot.view.magnifies = True
        self.plot.view.magnified.connect(self.magnify)
        self.plot.view.whole_wanted.connect(self._as_loud_as_it_is)
        self._as_loud_as_it_is()

    @Slot(float)
    def magnify(self, notches: float) -> None:
        """Quiet sounds are drawn larger, down to themselves."""
        self._show_up_to(self.magnification * 2**notches)

    @Slot()
    def _as_loud_as_it_is(self) -> None:
        self._show_up_to(1)

    def _show_up_to(self, magnification: float) -> None:
        self.magnification = min(max(magnification, 1.0), MOST_MAGNIFIED)
        reach = 1 / self.magnification
        self.plot.setYRange(-reach, reach, padding=0)
        ticks = [(share * reach, f"{share * reach:.2g}".replace("-", "−")) for share in (-1, -0.5, 0, 0.5, 1)]
        self.plot.getAxis("left").show_labels(ticks)

    def dress(self, theme: Theme) -> None:
        self.plot.dress(theme, theme)
        self._wave.setPen(pg.mkPen(theme.chosen, width=1))
        self._behind.setPen(pg.mkPen(faded(theme.quiet, 0.45), width=1))
        self._points.setBrush(pg.mkBrush(theme.chosen))
        self.lens.colour = faded(theme.chosen, 0.22)
        self.lens.frame = faded(theme.chosen, 0.8)

    def draw(self, clip: Clip, view: InView, end: float, more: Sequence[str]) -> None:
        """end: where the axis ends, in seconds. more: what else there is to say of it."""
        draw_wave(self._wave, clip, view)
        if not view.empty and view.per_pixel * self.devicePixelRatioF() * POINT_PIXELS <= 1:
            self._points.setData(np.arange(view.start, view.stop) / view.rate, clip.wave.values(view.start, view.stop))
        elif len(self._points.data):
            self._points.clear()
        self.plot.hatch.cover(len(clip.wave) / view.rate, end, -1, 1)
        self.facts.say(" · ".join([describe(clip, view.rate), *more]))

    def show_sides(self, *, held: bool, shows_b: bool) -> None:
        """Whether a clip is held as B, and whether it is the one that is shown."""
        self.title.setHidden(held)  # where it stood, the sides have room in a small window
        self.hold_button.setVisible(not held)
        self.sides.setVisible(held)
        self.release_button.setVisible(held)
        self.sides.choose("B" if shows_b else "A")

    def draw_behind(self, clip: Clip, view: InView) -> None:
        """The wave of another clip, behind."""
        draw_wave(self._behind, clip, view)

    def clear_behind(self) -> None:
        self._behind.setData([], [])


def draw_wave(curve: pg.PlotCurveItem, clip: Clip, view: InView) -> None:
    """All samples in view, or the least and the largest of each column."""
    if view.empty:
        curve.setData([], [])
    elif view.per_pixel <= LINE_STEPS:
        curve.setData(np.arange(view.start, view.stop) / view.rate, clip.wave.values(view.start, view.stop))
    else:
        low, high, _ = clip.wave.columns(view.start, view.stop, view.columns)
        curve.setData(np.repeat(view.times(view.columns), 2), np.stack([low, high], axis=1).reshape(-1))


def describe(clip: Clip, rate: int) -> str:
    """How long a clip is, at which rate, and how loud."""
    length = len(clip.wave)
    facts = [f"{length / rate:.2f} s", f"{rate / 1000:g} kHz"]
    if length:
        low, high, _ = clip.wave.columns(0, length, 1)
        facts.append(f"peak {decibels(max(-float(low[0]), float(high[0])))}")
    return " · ".join(facts)
