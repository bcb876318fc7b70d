"""The wave of a recording, and the stretch of it that a model is given."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSignalBlocker, Signal, Slot

from models.recording import Recording, Wave
from studio.canvas.pyramid import Pyramid
from studio.canvas.time_plot import TimePlot
from studio.theme import colours, faded

CLOSEST_SECONDS = 0.005
"""The wheel zooms in down to this."""


class RecordingView(TimePlot):
    """The wave of a recording and the stretch of it that the model is given, which the mouse moves."""

    stretch_moved = Signal(float, float)
    """Where it begins and ends, in seconds, after the mouse has moved it."""

    def __init__(self) -> None:
        super().__init__("Recording", zooms=True)
        self._samples = np.zeros(0, np.float32)
        self._wave = Pyramid(self._read)
        self._rate = 1
        self._gain, self._offset = 1.0, 0.0
        self._curve = pg.PlotCurveItem(antialias=False)
        self._given = pg.PlotCurveItem(antialias=False)
        self.stretch = pg.LinearRegionItem(swapMode="block")
        for item in (self.stretch, self._curve, self._given):
            self.addItem(item, ignoreBounds=True)
        self.stretch.hide()
        self.setYRange(-1, 1, padding=0)
        self.getAxis("left").show_labels([(-1, "−1"), (-0.5, "−0.5"), (0, "0"), (0.5, "0.5"), (1, "1")])
        self.frontier.hide()
        self.inspected.hide()
        self.hovered.hide()
        self.view.sigXRangeChanged.connect(self._draw)
        self.view.whole_wanted.connect(self._show_whole)
        self.stretch.sigRegionChanged.connect(self._on_moved)
        self.follow_theme()

    def begin(self, rate: int) -> None:
        """Nothing yet, of a rate in Hz."""
        self._samples = np.zeros(0, np.float32)
        self._wave, self._rate = Pyramid(self._read), rate
        self.stretch.hide()
        self._show_whole()
        self._draw()

    def extend(self, wave: Wave) -> None:
        """More of it, which is recorded at this moment."""
        self._samples = np.concatenate([self._samples, wave])
        self._wave.grow(len(self._samples))
        self._show_whole()
        self._draw()

    def _read(self, start: int, stop: int) -> Wave:
        return self._samples[start:stop]

    def show_recording(self, recording: Recording) -> None:
        self.begin(recording.rate)
        self.extend(recording.wave)
        self.stretch.setBounds((0, recording.seconds))
        self.stretch.show()

    @property
    def seconds(self) -> float:
        return len(self._wave) / self._rate

    def set_gain(self, gain: float, offset: float) -> None:
        """The wave is shown without an offset, and louder by a factor; clipped to full scale."""
        if (gain, offset) != (self._gain, self._offset):
            self._gain, self._offset = gain, offset
            self._draw()

    def set_stretch(self, start: float, stop: float) -> None:
        with QSignalBlocker(self.stretch):
            self.stretch.setRegion((start, stop))
        self._draw()

    @Slot()
    def _show_whole(self) -> None:
        seconds = max(self.seconds, CLOSEST_SECONDS)
        self.view.setLimits(xMin=0, xMax=seconds, minXRange=CLOSEST_SECONDS, maxXRange=seconds)
        self.view.setXRange(0, seconds, padding=0)

    @Slot()
    def _on_moved(self) -> None:
        self._draw()
        self.stretch_moved.emit(*self.stretch.getRegion())

    @Slot()
    def _draw(self) -> None:
        """What is in view, in two colours, at the resolution of the screen."""
        length = len(self._wave)
        (left, right), _ = self.view.viewRange()
        start, stop = max(0, math.floor(left * self._rate)), min(length, math.ceil(right * self._rate) + 1)
        for curve in (self._curve, self._given):
            curve.setData([], [])
        if start >= stop:
            return
        columns = min(stop - start, max(1, round(self.view.width() * self.devicePixelRatioF())))
        low, high, _ = self._wave.columns(start, stop, columns)
        at = (start + (np.arange(columns) + 0.5) * ((stop - start) / columns)) / self._rate
        x, y = np.repeat(at, 2), np.stack([low, high], axis=1).reshape(-1)
        y = np.clip((y - self._offset) * self._gain, -1, 1)
        self._curve.setData(x, y)
        if self.stretch.isVisible():
            begins, ends = self.stretch.getRegion()
            inside = (x >= begins) & (x <= ends)
            self._given.setData(x[inside], y[inside])

    def follow_theme(self) -> None:
        theme = colours(self)
        self.dress(theme, theme)
        self._curve.setPen(pg.mkPen(theme.quiet, width=1))
        self._given.setPen(pg.mkPen(theme.chosen, width=1))
        self.stretch.setBrush(pg.mkBrush(faded(theme.chosen, 0.16)))
        self.stretch.setHoverBrush(pg.mkBrush(faded(theme.chosen, 0.22)))
        for line in self.stretch.lines:
            line.setPen(pg.mkPen(theme.chosen, width=2 * self.devicePixelRatioF()))
            line.setHoverPen(pg.mkPen(theme.text, width=2 * self.devicePixelRatioF()))
