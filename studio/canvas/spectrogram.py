"""The spectrogram of a clip, under its wave: time by frequency, brightness is level."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QRectF, QTimer, Slot
from PySide6.QtGui import QActionGroup, QHideEvent
from PySide6.QtWidgets import QMenu

from models.heat import heat_table
from models.trace import Trace
from studio.canvas.clip import Clip
from studio.canvas.spectrum import (
    LOWEST_DB,
    ROWS,
    Spectrogram,
    decibels_of,
    frequency_at,
    note_at,
    row_of,
)
from studio.canvas.time_plot import LABEL_PIXELS, ZOOM_TIP, InView, Pane, TimePlot
from studio.settings import FREQUENCY_SCALES, RANGES_DB, WINDOWS_MS, SpectrumSettings
from studio.state import Studio
from studio.theme import DARK, SIGN, Theme, set_role
from studio.widgets.controls import ToolButton

OCTAVES = (125, 250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000)
TIDY_HERTZ = (250, 500, 1000, 2000, 4000, 8000, 16_000)


class FrequencyAxis(pg.AxisItem):  # type: ignore[misc]
    """Hz along the rows of a spectrogram: octaves of a mel scale, equal distances of a linear one."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.rate, self.scale_name = 8000, FREQUENCY_SCALES[0]

    def show_scale(self, rate: int, scale: str) -> None:
        self.rate, self.scale_name = rate, scale
        self.picture = None  # what pyqtgraph keeps of how it was painted
        self.update()

    def frequencies(self, size: float) -> list[int]:
        """Those that are labelled on an axis of ``size`` pixels."""
        top = self.rate // 2
        if self.scale_name == "linear":
            step = next((step for step in TIDY_HERTZ if size * step / top >= LABEL_PIXELS), top)
            return list(range(0, top + 1, step))
        chosen = [0]
        for frequency in OCTAVES:
            apart = self._row(frequency) - self._row(chosen[-1])
            if frequency <= top and apart * size / ROWS >= LABEL_PIXELS:
                chosen.append(frequency)
        return chosen

    def _row(self, frequency: float) -> float:
        return row_of(frequency, self.rate, self.scale_name)

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        return [(1.0, [self._row(frequency) for frequency in self.frequencies(size)])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [hertz_text(round(frequency_at(row, self.rate, self.scale_name))) for row in values]


class SpectrogramPane(Pane):
    """A column or two to a pixel; what is missing is computed in parts between other events."""

    def __init__(self, studio: Studio) -> None:
        self.axis = FrequencyAxis("left")
        super().__init__("Spectrogram", TimePlot("Spectrogram", zooms=True, left=self.axis))
        self.title.setToolTip(ZOOM_TIP)
        self._studio = studio
        self._spectrogram: Spectrogram | None = None
        self._trace: Trace | None = None
        self._shown: tuple[Clip, InView, float] | None = None
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self._go_on)
        self.picture = pg.ImageItem(axisOrder="col-major")
        self.picture.setLookupTable(heat_table())
        self.plot.addItem(self.picture, ignoreBounds=True)
        self.plot.setYRange(0, ROWS, padding=0)
        self.controls = ToolButton(
            glyph="filter", tip="Scale, window and range of the spectrogram", name="Spectrogram settings"
        )
        set_role(self.controls, SIGN)
        self.controls.clicked.connect(self._choose)
        self.head.addWidget(self.controls)
        self._menu, self._choices = QMenu(self), dict[str, QActionGroup]()
        self._fill_menu()
        self.follow_settings()

    def _fill_menu(self) -> None:
        for name, values, text in (
            ("scale", FREQUENCY_SCALES, "Frequency: {}"),
            ("window_ms", WINDOWS_MS, "Hann window: {} ms"),
            ("range_db", RANGES_DB, "Range: {} dB"),
        ):
            group = self._choices[name] = QActionGroup(self)
            for value in values:
                action = self._menu.addAction(text.format(value))
                action.setCheckable(True)
                action.setData(value)
                group.addAction(action)
                action.triggered.connect(partial(self._change, **{name: value}))
            self._menu.addSeparator()
        self._menu.addAction("Hide the spectrogram").triggered.connect(partial(self._change, shown=False))

    def _change(self, *_checked: bool, **changes: Any) -> None:
        self._studio.set_spectrum(replace(self._studio.spectrum, **changes))

    @Slot()
    def _choose(self) -> None:
        self._menu.popup(self.controls.mapToGlobal(self.controls.rect().bottomLeft()))

    @property
    def settings(self) -> SpectrumSettings:
        return self._studio.spectrum

    def follow_settings(self) -> None:
        self.facts.say(self.settings.describe())
        for name, group in self._choices.items():
            for action in group.actions():
                action.setChecked(action.data() == getattr(self.settings, name))
        self.picture.setLevels((255 * (1 - self.settings.range_db / -LOWEST_DB), 255))
        self.axis.show_scale(self.axis.rate, self.settings.scale)

    def dress(self, theme: Theme) -> None:
        self.plot.dress(theme, DARK)  # its picture is dark in every theme

    def draw(self, clip: Clip, view: InView, end: float) -> None:
        """end: where the axis ends, in seconds."""
        self.plot.hatch.cover(len(clip.wave) / view.rate, end, 0, ROWS)
        if view.rate != self.axis.rate:
            self.axis.show_scale(view.rate, self.settings.scale)
        self._shown = clip, view, end
        if view.empty or not self.isVisible():
            self._later.stop()  # of another clip, or of when it was seen
            self.picture.hide()
            return
        held = self._spectrogram
        if held is None or self._trace is not clip.trace or (held.rate, held.settings) != (view.rate, self.settings):
            self._spectrogram, self._trace = Spectrogram(view.rate, self.settings), clip.trace
        self._go_on()

    @Slot()
    def _go_on(self) -> None:
        """Some more of the columns that are missing."""
        spectrogram, shown = self._spectrogram, self._shown
        if spectrogram is None or shown is None:
            return
        clip, view, _ = shown
        if spectrogram.cover(clip.wave.values, len(clip.wave), view.start, view.stop, view.per_pixel):
            self._later.start()
        hop, rate = spectrogram.hop, view.rate
        self.picture.setImage(spectrogram.image, autoLevels=False)
        # A column is centred on its sample.
        left, width = (spectrogram.first - 0.5) * hop / rate, len(spectrogram.image) * hop / rate
        self.picture.setRect(QRectF(left, 0, width, ROWS))
        self.picture.show()

    def facts_at(self, seconds: float, row: float) -> list[str]:
        """Frequency, note and level at a point of the picture."""
        frequency = frequency_at(row, self.axis.rate, self.settings.scale)
        if not 0 <= row <= ROWS:
            return []
        facts = [f"{frequency:.0f} Hz"]
        if frequency >= 1:
            facts.append(note_at(frequency))
        held = self._spectrogram
        if held is not None and self.picture.isVisible():
            column = round(seconds * held.rate / held.hop) - held.first
            if 0 <= column < len(held.image):
                level = decibels_of(int(held.image[column, min(int(row), ROWS - 1)]))
                facts.append(f"{level:.0f} dB".replace("-", "−"))
        return facts

    def hideEvent(self, event: QHideEvent) -> None:
        self._later.stop()
        super().hideEvent(event)


def hertz_text(frequency: int) -> str:
    """``250 Hz``, ``1.5 kHz``."""
    return f"{frequency} Hz" if frequency < 1000 else f"{frequency / 1000:g} kHz"
