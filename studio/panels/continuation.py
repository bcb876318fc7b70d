"""Continue a recording: open, drop or record one, choose how much of it the model is given, and have it go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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
    QMessageBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from models.chain import SoundChain
from models.condition import left_open
from models.recording import (
    NORMAL_PEAK,
    QUIET_PEAK,
    Recording,
    Wave,
    as_int16,
    normalising,
    peak,
    prefix_symbols,
)
from studio.canvas.clip import decibels
from studio.folders import remembered_folder
from studio.microphone import MOST_SECONDS, Microphone
from studio.panels.left_open import show_left_open
from studio.panels.recording_view import RecordingView
from studio.state import Activity, Studio
from studio.theme import PRIMARY, QUIET, set_role
from studio.widgets.controls import PushButton, ToolButton
from studio.widgets.labels import ElidedLabel, EmptyState, MessageLine, label
from studio.widgets.layouts import GAP, PanelScroll

FIRST_SIZE = QSize(880, 480)
FILTERS = "Recordings (*.wav *.flac);;All files (*)"
CHOOSING = "Drag the ends of the blue part, or all of it; the wheel zooms."
WAITING = "Open a WAV or FLAC file, drop one here, or record."
FIRST_SHARE = 0.5
"""Of a recording, and of the longest sound of a model, which are given at first."""
STEP_SECONDS = 0.01
RECORD, STOP = "Record", "Stop"


def seconds_box(name: str, tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox(decimals=3, singleStep=STEP_SECONDS, suffix=" s")
    box.setAccessibleName(name)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    return box


class ContinuationDialog(QDialog):
    """Closes when a continuation begins, which the main canvas shows; opened again, it has the same recording."""

    listened = Signal(object, int)
    """Somebody wants to hear what the model is given: int16 (T,), and its rate in Hz."""
    silence_wanted = Signal()
    """Nobody wants to hear it any more."""

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
        self._wanted = False
        """Whether what it records is: not if this was closed in the midst of it."""
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
        self.listen_button = ToolButton("Listen", glyph="play", tip="Plays what the model is given, as it is given")
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
        self.listen_button.clicked.connect(self._listen)
        for check in (self.normal_box, self.open_box):
            check.toggled.connect(self._refresh)
        self.continue_button.clicked.connect(self._continue)
        self.microphone.heard.connect(self._on_heard)
        self.microphone.recorded.connect(self._on_recorded)
        self.microphone.failed.connect(self._on_no_recording)
        studio.opening.recording_opened.connect(self.show_recording)
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
        parts.addWidget(self.listen_button)
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
            self._wanted = False
            self.silence_wanted.emit()
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
            self.studio.opening.fit_recording(self.recording)

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
            self.studio.opening.open_recording(Path(name))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """What this program has saved is a recording here, too."""
        for url in event.mimeData().urls()[:1]:
            if url.isLocalFile():
                self.studio.opening.open_recording(Path(url.toLocalFile()))

    # --- the microphone ----------------------------------------------------------------------------------------------

    @Slot()
    def _record(self) -> None:
        if self._listening:
            self.microphone.stop()
            return
        if self.recording is not None and not self._may_go(self.recording):
            return
        self.studio.pause()  # the microphone would hear it
        self.silence_wanted.emit()
        self.problem.show_problem("")
        self._listening = self._wanted = True
        self._heard = False
        self.microphone.start()
        self._refresh()

    def _may_go(self, recording: Recording) -> bool:
        """Asks whether a new recording takes the place of what is here."""
        button = QMessageBox.StandardButton
        question = f"Record in place of {recording.name}, and of the part of it that you chose?"
        return QMessageBox.question(self, "Record", question, button.Yes | button.Cancel) == button.Yes

    @Slot(object, int)
    def _on_heard(self, wave: Wave, rate: int) -> None:
        if self._listening:
            if not self._heard:
                self._heard = True
                self.view.set_gain(1, 0)
                self.view.begin(rate)
                self.pages.setCurrentWidget(self.view)
            self.view.extend(wave)
            self.level.setText(f"{self.view.seconds:.1f} s · peak {decibels(peak(wave))}")

    @Slot(object)
    def _on_recorded(self, recording: Recording) -> None:
        self._listening = False
        self._refresh()
        if self._wanted:
            self.studio.opening.fit_recording(recording)
        else:
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

    @Slot()
    def _listen(self) -> None:
        """With the model's levels: some of them say less than the recording did."""
        chain = self.chain
        if chain is not None and len(self.given):
            if self.studio.activity is Activity.REPLAYING:
                self.studio.pause()
            self.listened.emit(chain.wave(chain.symbols(as_int16(self.given), closed=False)), chain.rate)

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
        for widget in (
            self.start_box, self.stop_box, self.half_button, self.all_button, self.normal_box, self.listen_button,
        ):  # fmt: skip
            widget.setEnabled(here)
        made = "" if chain is None else f" → {chain.rate / 1000:g} kHz, mono"
        for line, words in (
            (self.name, recording and recording.name),
            (self.form, recording and recording.form + made),
        ):
            line.say(words or "")
            line.setVisible(recording is not None and not self._listening)
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
            return f"Choose less than {most:g} s: that is the most that this model is given."
        cut = "" if recording.whole else f"Only the first {recording.seconds:.3g} s of it are here. "
        if settings.limit > chain.limit:
            return f"{cut}The model goes on until you stop it, as Sampling says."
        more = min(settings.limit, chain.limit - len(given)) / chain.rate
        return f"{cut}The model goes on for {more:.3g} s at most, as Sampling says."

    def _refresh_condition(self) -> None:
        entry, settings = self.studio.entry, self.studio.settings
        factors = entry.header.factors if entry is not None and self.chain is not None else ()
        show_left_open(self.open_box, self.condition_note, factors, {} if settings is None else settings.condition)
