"""Continue a recording: open, drop or record one, choose how much of it the model is given, and have it go on."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from models.chain import SoundChain
from models.condition import left_open
from models.recording import NORMAL_PEAK, QUIET_PEAK, Recording, Wave, normalising, peak, prefix_symbols
from studio.canvas.pyramid import Pyramid
from studio.canvas.sound import TimePlot, decibels
from studio.folders import remembered_folder
from studio.microphone import MOST_SECONDS, Microphone
from studio.panels.left_open import show_left_open
from studio.state import Studio
from studio.theme import PRIMARY, QUIET, colours, faded, set_role
from studio.widgets.controls import PushButton, ToolButton
from studio.widgets.labels import ElidedLabel, EmptyState, MessageLine, label
from studio.widgets.layouts import GAP, PanelScroll

FIRST_SIZE = QSize(880, 480)
FILTERS = "Recordings (*.wav *.flac);;All files (*)"
CHOOSING = "Drag the ends of the blue part, or all of it; the wheel zooms."
WAITING = "Open a WAV or FLAC file, drop one here, or record."
CLOSEST_SECONDS = 0.005
FIRST_SHARE = 0.5
"""Of a recording, and of the longest sound of a model, which are given at first."""
STEP_SECONDS = 0.01
RECORD, STOP = "Record", "Stop"


class RecordingView(TimePlot):
    """The wave of a recording and the stretch of it that the model is given, which the mouse moves."""

    stretch_moved = Signal(float, float)
    """Where it begins and ends, in seconds, after the mouse has moved it."""

    def __init__(self) -> None:
        super().__init__("Recording", zooms=True)
        self._wave = Pyramid()
        self._rate = 1
        self._gain, self._offset = 1.0, 0.0
        self._curve = pg.PlotCurveItem(antialias=False)
        self._given = pg.PlotCurveItem(antialias=False)
        self.stretch = pg.LinearRegionItem(swapMode="block")
        for item in (self.stretch, self._curve, self._given):
            self.addItem(item, ignoreBounds=True)
        self.stretch.hide()
        self.setYRange(-1, 1, padding=0)
        self.getAxis("left").setTicks([[(-1, "−1"), (-0.5, "−0.5"), (0, "0"), (0.5, "0.5"), (1, "1")]])
        self.frontier.hide()
        self.inspected.hide()
        self.hovered.hide()
        self.view.sigXRangeChanged.connect(self._draw)
        self.view.whole_wanted.connect(self._show_whole)
        self.stretch.sigRegionChanged.connect(self._on_moved)
        self.follow_theme()

    def begin(self, rate: int) -> None:
        """Nothing yet, of a rate in Hz."""
        self._wave, self._rate = Pyramid(), rate
        self.stretch.hide()
        self._show_whole()
        self._draw()

    def extend(self, wave: Wave) -> None:
        """More of it, which is recorded at this moment."""
        self._wave.extend(wave)
        self._show_whole()
        self._draw()

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


def seconds_box(name: str, tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox(decimals=3, singleStep=STEP_SECONDS, suffix=" s")
    box.setAccessibleName(name)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    return box


class ContinuationDialog(QDialog):
    """Closes when a continuation begins, which the main canvas shows; opened again, it has the same recording."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Continue a recording")
        self.setAcceptDrops(True)
        self.studio = studio
        self.microphone = Microphone(self)
        self.recording: Recording | None = None
        """As it was, whatever the rate of the model."""
        self._fitted: Recording | None = None
        self._listening = self._heard = False
        """Whether the microphone is recording, and whether anything has come from it."""
        self.view = RecordingView()
        self.pages = QStackedWidget()
        self.pages.addWidget(EmptyState(WAITING))
        self.pages.addWidget(self.view)
        self.hint = label(CHOOSING, QUIET)
        self.open_button = PushButton("Open…", "Any WAV or FLAC: it is resampled and made mono")
        self.record_button = PushButton(RECORD, f"Records from the microphone, up to {MOST_SECONDS:g} s")
        self.name, self.form = ElidedLabel(), ElidedLabel("", QUIET)
        self.start_box = seconds_box("From", "Where what the model is given begins")
        self.stop_box = seconds_box("To", "Where what the model is given ends: from there on it goes on")
        self.half_button = ToolButton("first half", tip="Give the model the first half of the recording")
        self.all_button = ToolButton("all", tip="Give the model all of the recording")
        self.level = label("", QUIET)
        self.normal_box = QCheckBox("Normalise")
        self.normal_box.setToolTip(
            f"Takes an offset away and brings the peak of the chosen part to {decibels(NORMAL_PEAK)}"
        )
        self.open_box = QCheckBox()
        self.open_box.setChecked(True)
        self.condition_note, self.note = label("", QUIET), label("", QUIET)
        self.problem = MessageLine()
        self.problem.setContentsMargins(0, 0, 0, 0)
        self.continue_button = PushButton(
            "Continue", "Goes on from the chosen part on the main canvas, as many samples as Sampling says"
        )
        set_role(self.continue_button, PRIMARY)
        self.cancel_button = PushButton("Cancel", "Closes this window; the recording stays in it (Esc)")
        self._lay_out()
        self.view.stretch_moved.connect(self._on_dragged)
        for box in (self.start_box, self.stop_box):
            box.valueChanged.connect(self._on_typed)
        self.open_button.clicked.connect(self._open)
        self.record_button.clicked.connect(self._record)
        self.half_button.clicked.connect(self._give_half)
        self.all_button.clicked.connect(self._give_all)
        for check in (self.normal_box, self.open_box):
            check.toggled.connect(self._refresh)
        self.continue_button.clicked.connect(self._continue)
        self.microphone.heard.connect(self._on_heard)
        self.microphone.recorded.connect(self._on_recorded)
        self.microphone.failed.connect(self._on_no_recording)
        studio.recording_opened.connect(self.show_recording)
        studio.model_changed.connect(self._refresh)
        # Queued: what is asked for while a model is being chosen is dropped when its take is shown.
        studio.model_changed.connect(self._fit, Qt.ConnectionType.QueuedConnection)
        for changed in (studio.activity_changed, studio.settings_changed):
            changed.connect(self._follow)
        studio.error.connect(self._complain)
        self._refresh()
        self.resize(FIRST_SIZE.boundedTo(self.screen().availableSize() * 0.9))

    def _lay_out(self) -> None:
        buttons = QDialogButtonBox()  # in the order that the platform has
        buttons.addButton(self.continue_button, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self.cancel_button, QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        sources, stretch, parts = QHBoxLayout(), QGridLayout(), QHBoxLayout()
        sources.addWidget(self.open_button)
        sources.addWidget(self.record_button)
        sources.addStretch(1)
        stretch.setSpacing(GAP)
        stretch.setColumnStretch(1, 1)
        stretch.addWidget(label("From", QUIET), 0, 0)
        stretch.addWidget(self.start_box, 0, 1)
        stretch.addWidget(label("to", QUIET), 1, 0)
        stretch.addWidget(self.stop_box, 1, 1)
        parts.addWidget(self.half_button)
        parts.addWidget(self.all_button)
        parts.addStretch(1)
        choices = QWidget()
        chosen = QVBoxLayout(choices)
        chosen.setContentsMargins(0, 0, 0, 0)
        chosen.setSpacing(GAP)
        chosen.addWidget(label("Recording"))
        chosen.addLayout(sources)
        chosen.addWidget(self.name)
        chosen.addWidget(self.form)
        chosen.addWidget(label("Given to the model"))
        chosen.addLayout(stretch)
        chosen.addLayout(parts)
        chosen.addWidget(self.level)
        chosen.addWidget(self.normal_box)
        chosen.addWidget(self.open_box)
        for note in (self.level, self.condition_note, self.note):
            note.setWordWrap(True)
        chosen.addWidget(self.condition_note)
        chosen.addWidget(self.note)
        chosen.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(GAP)
        right.addWidget(PanelScroll(choices), 1)
        right.addWidget(self.problem)
        right.addWidget(buttons)
        left = QVBoxLayout()
        left.setSpacing(GAP)
        left.addWidget(self.pages, 1)
        left.addWidget(self.hint)
        row = QHBoxLayout(self)
        row.setSpacing(2 * GAP)
        row.addLayout(left, 5)
        row.addLayout(right, 3)

    def showEvent(self, event: QShowEvent) -> None:
        if not event.spontaneous():
            self._refresh()
            self._fit()
            # Else one of the sources has it, and looks chosen.
            (self.continue_button if self.recording is not None else self.open_button).setFocus()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        if not event.spontaneous():
            self.microphone.stop()
        super().hideEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.view.follow_theme()
        super().changeEvent(event)

    # --- the recording -----------------------------------------------------------------------------------------------

    @property
    def chain(self) -> SoundChain | None:
        chain = self.studio.entry.header.chain if self.studio.entry is not None else None
        return chain if isinstance(chain, SoundChain) else None

    @property
    def fitted(self) -> Recording | None:
        """The recording at the rate of the model; None while there is none at its rate."""
        chain, fitted = self.chain, self._fitted
        return fitted if chain is not None and fitted is not None and fitted.rate == chain.rate else None

    @Slot()
    def _fit(self) -> None:
        """For a model of another rate the recording is resampled again, from what it was, where somebody looks."""
        if self.chain is not None and self.recording is not None and self.fitted is None and self.isVisible():
            self.studio.fit_recording(self.recording)

    @Slot(object, object)
    def show_recording(self, recording: Recording, fitted: Recording) -> None:
        """One that was opened, dropped or recorded; of a recording that was here before, the same part is given."""
        same = recording is self.recording
        self.recording, self._fitted = recording, fitted
        if self.fitted is None:  # another model was chosen meanwhile
            self._fit()
            return
        self.problem.show_problem("")
        self.view.show_recording(fitted)
        for box in (self.start_box, self.stop_box):
            with QSignalBlocker(box):
                box.setRange(0, fitted.seconds)
        if same:
            self._give(self.start_box.value(), self.stop_box.value())
        else:
            self.normal_box.setChecked(False)
            self._give_half()
            self.continue_button.setFocus()

    @Slot()
    def _open(self) -> None:
        folder = remembered_folder(self.studio.profile.get("open_folder"))
        name, _ = QFileDialog.getOpenFileName(self, "Open a recording", folder, FILTERS)
        if name:
            self.studio.profile.set("open_folder", str(Path(name).parent))
            self.studio.open_recording(Path(name))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """What this program has saved is a recording here, too."""
        for url in event.mimeData().urls()[:1]:
            if url.isLocalFile():
                self.studio.open_recording(Path(url.toLocalFile()))

    # --- the microphone ----------------------------------------------------------------------------------------------

    @Slot()
    def _record(self) -> None:
        if self._listening:
            self.microphone.stop()
            return
        self.studio.pause()  # the microphone would hear it
        self.problem.show_problem("")
        self._listening = True
        self._heard = False
        self.microphone.start()
        self._refresh()

    @Slot(object, int)
    def _on_heard(self, wave: Wave, rate: int) -> None:
        if self._listening:
            if not self._heard:
                self._heard = True
                self.view.set_gain(1, 0)
                self.view.begin(rate)
                self.pages.setCurrentWidget(self.view)
            self.view.extend(wave)
            self.level.setText(f"Peak {decibels(peak(wave))}")

    @Slot(object)
    def _on_recorded(self, recording: Recording) -> None:
        self._listening = False
        self._refresh()
        if self.isVisible():
            self.studio.fit_recording(recording)
        else:  # closed in the midst of it: it is not wanted
            self._show_again()

    @Slot(str)
    def _on_no_recording(self, why: str) -> None:
        self._listening = False
        self._show_again()
        self.problem.show_problem(why)

    def _show_again(self) -> None:
        """What was here before the microphone was."""
        if self.fitted is not None:
            self.view.show_recording(self.fitted)
            self.view.set_stretch(self.start_box.value(), self.stop_box.value())
        else:
            self.view.begin(1)
        self._refresh()

    @Slot(str)
    def _complain(self, text: str) -> None:
        """What goes wrong while somebody looks here is said here, too."""
        if self.isVisible():
            self.problem.show_problem(text)

    # --- what is given -----------------------------------------------------------------------------------------------

    @Slot()
    def _give_half(self) -> None:
        if self.fitted is not None and self.chain is not None:
            self._give(0, FIRST_SHARE * min(self.fitted.seconds, self.chain.limit / self.chain.rate))

    @Slot()
    def _give_all(self) -> None:
        if self.fitted is not None:
            self._give(0, self.fitted.seconds)

    def _give(self, start: float, stop: float) -> None:
        for box, value in ((self.start_box, start), (self.stop_box, stop)):
            with QSignalBlocker(box):
                box.setValue(value)
        self.view.set_stretch(start, stop)
        self._refresh()

    @Slot(float, float)
    def _on_dragged(self, start: float, stop: float) -> None:
        for box, value in ((self.start_box, start), (self.stop_box, stop)):
            with QSignalBlocker(box):
                box.setValue(value)
        self._refresh()

    @Slot()
    def _on_typed(self) -> None:
        self.view.set_stretch(self.start_box.value(), max(self.start_box.value(), self.stop_box.value()))
        self._refresh()

    @property
    def given(self) -> Wave:
        """The chosen part, at the rate of the model, normalised where that is wanted."""
        gain, offset = self._level
        given: Wave = (self._part - np.float32(offset)) * np.float32(gain)
        return given

    @property
    def _part(self) -> Wave:
        """The chosen part as it is."""
        if self.fitted is None:
            return np.zeros(0, np.float32)
        start, stop = (round(box.value() * self.fitted.rate) for box in (self.start_box, self.stop_box))
        return self.fitted.wave[start:stop]

    @property
    def _level(self) -> tuple[float, float]:
        """Gain, and the offset that is taken away before."""
        part = self._part
        return normalising(part) if len(part) and self.normal_box.isChecked() else (1.0, 0.0)

    # --- going on ----------------------------------------------------------------------------------------------------

    @Slot()
    def _continue(self) -> None:
        entry, chain = self.studio.entry, self.chain
        if entry is None or chain is None:
            return
        changes = left_open(entry.header.factors) if self.open_box.isChecked() else {}
        if self.studio.continue_sound(prefix_symbols(self.given, chain), changes):
            if self.studio.overlay == "none":
                self.studio.set_overlay("surprise")  # where the model is astonished by what it was given
            self.hide()

    @Slot()
    def _follow(self) -> None:
        if self.isVisible():
            self._refresh()

    @Slot()
    def _refresh(self) -> None:
        chain, recording, given = self.chain, self.recording, self.given
        here = self.fitted is not None and not self._listening
        self.record_button.setText(STOP if self._listening else RECORD)
        self.record_button.setEnabled(chain is not None)
        self.open_button.setEnabled(chain is not None and not self._listening)
        for widget in (self.start_box, self.stop_box, self.half_button, self.all_button, self.normal_box):
            widget.setEnabled(here)
        self.name.say("" if recording is None else recording.name)
        made = "" if chain is None else f" → {chain.rate / 1000:g} kHz, mono"
        self.form.say("" if recording is None else f"{recording.form}{made}")
        for line in (self.name, self.form):
            line.setVisible(recording is not None)
        self.pages.setCurrentIndex(1 if self.view.seconds else 0)
        self.hint.setText("Recording …" if self._listening else CHOOSING if here else "")
        if not self._listening:
            self.view.set_gain(*self._level)
            self.level.setText(self._level_in_words(given))
        self.level.setVisible(self._listening or here)
        self._refresh_condition()
        fits = chain is not None and 1 <= len(given) < chain.limit
        self.continue_button.setEnabled(self.studio.loaded is not None and fits and here)
        self.note.setText(self._words(given))
        self.note.setVisible(bool(self.note.text()))

    @staticmethod
    def _level_in_words(given: Wave) -> str:
        loudest = peak(given)
        if not len(given):
            return ""
        words = f"Peak {decibels(loudest)}"
        if loudest > 1:
            return f"{words}: what is beyond 0 dB is clipped, unless it is normalised."
        if not loudest:
            return f"{words}: silence."
        if loudest < QUIET_PEAK:
            return f"{words}: quiet. Normalise brings it to {decibels(NORMAL_PEAK)}."
        return words

    def _words(self, given: Wave) -> str:
        chain, settings, recording = self.chain, self.studio.settings, self.recording
        if chain is None or settings is None:
            return "Choose a model of sounds."
        if recording is None or self.fitted is None or self._listening:
            return ""
        most = chain.limit / chain.rate
        if len(given) >= chain.limit:
            return f"Choose less than {most:g} s: that is the longest that this model makes."
        more = min(settings.limit, chain.limit - len(given)) / chain.rate
        cut = "" if recording.whole else f"Only the first {recording.seconds:.3g} s of it are here. "
        return f"{cut}The model goes on for {more:.3g} s at most, as Sampling says."

    def _refresh_condition(self) -> None:
        entry, settings = self.studio.entry, self.studio.settings
        factors = entry.header.factors if entry is not None and self.chain is not None else ()
        show_left_open(self.open_box, self.condition_note, factors, {} if settings is None else settings.condition)
