"""The main window: canvas with timeline and transport in the middle, everything else in docks around it."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QByteArray, QEvent, QObject, QSettings, QSize, QSocketNotifier, Qt, QTimer, Slot
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QFileDialog,
    QFrame,
    QLabel,
    QMainWindow,
    QMenu,
    QMessageBox,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from models import growing
from models.catalog import Catalog
from models.chain import ImageChain, SoundChain
from models.errors import StudioError
from models.files import command_line
from models.formats import FORMATS
from models.image_files import Pixels, Png
from models.record import shown
from models.recording import Recording
from models.sweep import labels, swept
from models.trace import Take
from models.version import VERSION
from models.wording import grouped
from studio.canvas import kind_of_canvas, make_canvas
from studio.canvas.common import Canvas
from studio.clipboard import copy_picture, pasted
from studio.export import ask_and_export
from studio.folders import remembered_folder
from studio.inference import InferenceThread
from studio.lead import DEFAULT_LATENCY, LATENCIES
from studio.messages import Speed
from studio.panels.compare import CompareDialog
from studio.panels.completion import CompletionDialog
from studio.panels.condition import ConditionPanel
from studio.panels.history import HistoryStrip
from studio.panels.inspector import InspectorPanel
from studio.panels.models import ModelsPanel
from studio.panels.sampling import SamplingPanel
from studio.panels.timeline import Timeline
from studio.panels.transport import TransportPanel
from studio.profile import Profile
from studio.settings import APPEARANCES, OVERLAYS
from studio.shortcuts import show_shortcuts
from studio.sound import SoundPlayer
from studio.state import Activity, Studio
from studio.theme import THEMES, apply_theme
from studio.widgets.labels import Banner
from studio.widgets.painting import painting

if TYPE_CHECKING:
    from studio.panels.continuation import ContinuationDialog

LAYOUT_VERSION = 1
MESSAGE_MS = 8000
SOUND_TIP = (
    "Sound begins when the rest will be drawn in time. It has gaps where the machine is late: a longer latency helps, "
    "see the menu Generate."
)
FIRST_SIZE = QSize(1440, 900)
WIDEST_FIELD = 420
"""Of the status bar, in logical pixels."""
FIRST_MODEL = "gated-pixelcnn-mnist"
"""Chosen at the first start: what it draws needs no explanation."""
FIRST_MODALITY = "image"
"""Whose canvas invites to choose a model."""


class StatusField(QLabel):
    """A part of the status bar, of a bounded width."""

    def __init__(self, *, gives_way: bool = False) -> None:
        """gives_way: whether its text loses its middle where the bar has no room for all."""
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)  # a title may come from somebody's file
        self.gives_way = gives_way

    def say(self, text: str) -> None:
        self.setText(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, WIDEST_FIELD))

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(0, hint.height()) if self.gives_way else hint

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            room = self.contentsRect()
            shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)


class MainWindow(QMainWindow):
    """See the module. Owns no truth: everything shown is in the ``Studio``."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.studio = studio
        self.setWindowTitle("Sampling Studio")
        self.setObjectName("MainWindow")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self._canvases: dict[str, Canvas] = {}
        self.asked_to_end = False
        """Whether a signal ends the program: then nobody is there to answer questions."""
        self._completion: CompletionDialog | None = None
        self._continuation: ContinuationDialog | None = None
        self._compare: CompareDialog | None = None
        self._build_centre()
        self._build_docks()
        self._build_status()
        self._build_actions()
        self._default_layout = QByteArray()
        studio.model_changed.connect(self._show_canvas)
        studio.take_changed.connect(self._show_canvas)
        studio.take_changed.connect(self._refresh)
        studio.take_changed.connect(self._forget_said)
        studio.activity_changed.connect(self._refresh)
        studio.settings_changed.connect(self._refresh)
        studio.branches_changed.connect(self._refresh)
        studio.grown.connect(self._refresh_progress)
        studio.opening.picture_opened.connect(self._complete_picture)
        studio.opening.recording_opened.connect(self._continue_recording)
        studio.message.connect(self._say)
        studio.verdict.connect(self._say_for_good)
        studio.branches_changed.connect(self._forget_verdict)
        studio.walk_began.connect(self._forget_verdict)
        studio.error.connect(self._complain)
        studio.worker.speed.connect(self._show_speed)
        studio.worker.telling.connect(self._show_telling)
        studio.worker.kernels_ready.connect(self._kernels_ready)
        studio.worker.kernels_given_up.connect(self._refresh)
        self.sound = SoundPlayer(studio, self)
        self.transport.volume_changed.connect(self.sound.set_volume)
        self.transport.mute_toggled.connect(self.sound.set_muted)
        self.sound.playhead_moved.connect(self._move_playhead)
        self.sound.level_changed.connect(self.transport.meter.show_level)
        self.sound.reason_changed.connect(self._show_sound_reason)
        self.sound.state_changed.connect(self._refresh_sound)
        self._build_latencies()
        studio.model_changed.connect(self._refresh_sound)
        self._show_canvas()
        self._refresh()

    # --- building ------------------------------------------------------------------------------------------------

    def _build_centre(self) -> None:
        self.stack = QStackedWidget()
        self.stack.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.banner = Banner()
        self.banner.setObjectName("banner")
        self.banner.setAccessibleName("Error")
        self.banner.hide()
        self._banner_timer = QTimer(self, singleShot=True, interval=2 * MESSAGE_MS)
        self._banner_timer.timeout.connect(self.banner.hide)
        self.timeline = Timeline(self.studio)
        self.transport = TransportPanel(self.studio)
        self.centre = QFrame()
        self.centre.setObjectName("centre")
        layout = QVBoxLayout(self.centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.timeline)
        layout.addWidget(self.transport)
        self.setCentralWidget(self.centre)

    def _build_docks(self) -> None:
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        self.setCorner(Qt.Corner.BottomLeftCorner, left)
        self.setCorner(Qt.Corner.BottomRightCorner, right)
        self.models_panel = ModelsPanel(self.studio)
        self.condition_panel = ConditionPanel(self.studio)
        self.inspector = InspectorPanel(self.studio)
        self.sampling_panel = SamplingPanel(self.studio)
        self.history = HistoryStrip(self.studio)
        self.docks = [
            self._dock("Models", self.models_panel, left),
            self._dock("Condition", self.condition_panel, left),
            self._dock("Conditional", self.inspector, right),
            self._dock("Sampling", self.sampling_panel, right),
            self._dock("History", self.history, Qt.DockWidgetArea.BottomDockWidgetArea),
        ]
        self._height = self._settings_height = 0
        self.docks[3].installEventFilter(self)

    def _dock(self, title: str, panel: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title)
        dock.setObjectName(title)
        dock.setWidget(panel)
        dock.setAccessibleName(title)
        self.addDockWidget(area, dock)
        return dock

    def _build_status(self) -> None:
        self.speed_label, self.left_label, self.engine_label = StatusField(), StatusField(), StatusField()
        self.sound_label, self.model_label = StatusField(), StatusField(gives_way=True)
        self._sound_reason = self._sound_reason_said = ""
        self.message_label = StatusField(gives_way=True)
        self.message_label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._message_timer = QTimer(self, singleShot=True, interval=MESSAGE_MS)
        self._message_timer.timeout.connect(self.message_label.clear)
        bar = self.statusBar()
        for label in (self.engine_label, self.speed_label, self.left_label):
            bar.addWidget(label)
        bar.addWidget(self.message_label, 1)
        bar.addPermanentWidget(self.sound_label)
        bar.addPermanentWidget(self.model_label)

    def _build_actions(self) -> None:
        studio = self.studio
        file, edit, generate, view, help_ = (
            self.menuBar().addMenu(name) for name in ("&File", "&Edit", "&Generate", "&View", "&Help")
        )
        self._action(
            file,
            "&Open…",
            self.open_dialog,
            QKeySequence.StandardKey.Open,
            "a checkpoint or a saved sample; or a picture, a recording or a text to go on from",
        )
        self.recent_menu = file.addMenu("Open &recent")
        self.recent_menu.aboutToShow.connect(self._fill_recent)
        file.addSeparator()
        self.save_action = self._action(file, "&Save as…", self.save_dialog, QKeySequence.StandardKey.Save)
        self.copy_action = self._action(file, "&Copy", self.copy_shown, QKeySequence.StandardKey.Copy)
        self.command_action = self._action(file, "Copy as command &line", self.copy_command, "Ctrl+Shift+C")
        self.reproduce_action = self._action(
            file, "&Reproduce", studio.reproduce, "Ctrl+R", "walk the take again and compare it symbol for symbol"
        )
        file.addSeparator()
        self._action(file, "&Quit", self.close, QKeySequence.StandardKey.Quit)

        undo, redo = studio.undo_stack.createUndoAction(self), studio.undo_stack.createRedoAction(self)
        for action, retrace in ((undo, studio.undo_stack.undo_in_turn), (redo, studio.undo_stack.redo_in_turn)):
            action.triggered.disconnect()
            action.triggered.connect(retrace)
        undo.setShortcuts(QKeySequence.StandardKey.Undo)
        redo.setShortcuts([QKeySequence("Ctrl+Y"), QKeySequence("Ctrl+Shift+Z")])
        edit.addActions([undo, redo])
        edit.addSeparator()
        self._action(edit, "&Paste", self.paste, QKeySequence.StandardKey.Paste, "opens a copied picture or file")
        edit.addSeparator()
        self.noise_action = self._action(
            edit,
            "&New noise from here",
            studio.editing.new_noise,
            "N",
            "go on from this step with noise not used before",
        )
        self.noise_all_action = self._action(edit, "New noise from here, &all samples", self._new_noise_all, "Shift+N")
        edit.addSeparator()
        self._action(edit, "Neutral &sampling", studio.neutral_shaping, "Ctrl+0", "temperature 1, nothing cut off")
        self._action(edit, "Use the &last seed", studio.use_last_seed, "Ctrl+L")

        self.generate_action = self._action(generate, "&Generate", studio.generate, "Ctrl+Return")
        self.begin_action = self._action(
            generate, "Begin a &new take", self._begin_anew, "Ctrl+N", "leaves what is drawn in the history"
        )
        self._action(generate, "&Play or pause", studio.play, "Space")
        self._action(generate, "S&top", self.stop, "Escape")
        self._action(
            generate, "&Complete an image…", self.show_completion, "Ctrl+M", "draws the missing part of a picture"
        )
        self._action(
            generate,
            "Contin&ue a recording…",
            self.show_continuation,
            "Ctrl+Shift+M",
            "goes on from a WAV, a FLAC, or what a microphone hears",
        )
        self._action(generate, "Co&mpare…", self.show_comparison, "Ctrl+K", "models side by side, or one over a range")
        generate.addSeparator()
        self._step_action(generate, "Step &forward", lambda: studio.step_by(1), "Right")
        self._step_action(generate, "Step &back", lambda: studio.step_by(-1), "Left")
        self.next_stride = self._step_action(generate, "Next row", lambda: studio.step_stride(1), "Down")
        self.previous_stride = self._step_action(generate, "Previous row", lambda: studio.step_stride(-1), "Up")
        self._step_action(generate, "To the &start", lambda: studio.looking.move_cursor(0), "Home")
        self._step_action(generate, "To the &end, following", studio.looking.follow, "End")
        generate.addSeparator()
        self._latency_menu = generate.addMenu("Sound &latency")

        generate.addSeparator()
        self.sound_actions = [
            self._action(generate, "&Loop what is in view", self._loop_view, "L", "or Shift and drag along a wave"),
            self._action(generate, "N&o loop", studio.listening.clear_loop, "Shift+L"),
            self._action(generate, "Switch between A and &B", studio.listening.switch, "B", "while playing, too"),
            self._action(generate, "&Hold this clip as B", studio.listening.hold, "Ctrl+B", "again: let go of it"),
        ]

        for dock in self.docks:
            view.addAction(dock.toggleViewAction())
        view.addSeparator()
        self._action(view, "&Reset layout", self.reset_layout)
        view.addSeparator()
        appearance, appearances = view.addMenu("&Appearance"), QActionGroup(self)
        for name in APPEARANCES:
            action = QAction(f"&{name}", appearances, checkable=True)
            action.setData(name)
            action.setChecked(studio.profile.get("appearance", APPEARANCES[0]) == name)
            appearance.addAction(action)
        appearances.triggered.connect(self._choose_appearance)
        view.addSeparator()
        overlays = QActionGroup(self)
        for number, overlay in enumerate(OVERLAYS):
            shown = QAction(f"Overlay: {overlay}", self, checkable=True, shortcut=QKeySequence(f"Alt+{number}"))
            shown.setData(overlay)
            shown.setChecked(studio.overlay == overlay)
            overlays.addAction(shown)
            view.addAction(shown)
        overlays.triggered.connect(self._choose_overlay)
        self._overlays = overlays
        self.spectrogram_action = self._action(
            view, "Spectrogram", self._toggle_spectrogram, "Alt+S", "of sounds; it gives way where the window is low"
        )
        self.spectrogram_action.setCheckable(True)
        for changed in (studio.view_changed, studio.take_changed, studio.model_changed):
            changed.connect(self._refresh_overlays)
        self._refresh_overlays()

        self._action(help_, "&Shortcuts", self._show_shortcuts, QKeySequence.StandardKey.HelpContents)
        self.card_action = self._action(help_, "Model &card", self.models_panel.show_card, "Ctrl+I")
        self._action(help_, "&About Sampling Studio", self._about)

    def _build_latencies(self) -> None:
        latencies = QActionGroup(self)
        for seconds in LATENCIES:
            usual = ", as usual" if seconds == DEFAULT_LATENCY else ""
            action = QAction(f"{seconds:g} s{usual}", latencies, checkable=True)
            action.setData(seconds)
            action.setChecked(seconds == self.sound.latency)
            action.setStatusTip("how much later a change is heard; where sound has gaps, more of it helps")
            self._latency_menu.addAction(action)
        latencies.triggered.connect(self._choose_latency)

    def _action(self, menu: QMenu, name: str, action: object, key: object = None, tip: str = "") -> QAction:
        made = QAction(name, self)
        made.triggered.connect(lambda _checked=False: action())  # type: ignore[operator]
        if key is not None:
            made.setShortcut(QKeySequence(cast(str, key)))
        if tip:
            made.setStatusTip(tip)
            made.setToolTip(tip)
        menu.addAction(made)
        return made

    def _step_action(self, menu: QMenu, name: str, action: object, key: str) -> QAction:
        """Arrows and Home mean something else in lists and fields: they step while the centre has the focus."""
        made = self._action(menu, name, action, key)
        made.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.centre.addAction(made)
        return made

    # --- showing -------------------------------------------------------------------------------------------------

    @property
    def canvas(self) -> Canvas:
        """The canvas that is shown."""
        return cast(Canvas, self.stack.currentWidget())

    @Slot()
    def _show_canvas(self) -> None:
        kind = kind_of_canvas(self.studio) or FIRST_MODALITY
        if kind not in self._canvases:
            self._canvases[kind] = make_canvas(self.studio, kind)
            self.stack.addWidget(self._canvases[kind])
        self.stack.setCurrentWidget(self._canvases[kind])
        if not self.history.keeps_focus:
            self._canvases[kind].setFocus()

    @Slot()
    def _refresh(self) -> None:
        studio = self.studio
        take = studio.take
        has_steps = take is not None and take.longest > 0
        for action in (self.save_action, self.command_action):
            action.setEnabled(has_steps)
        for action in (self.noise_action, self.noise_all_action, self.reproduce_action):
            action.setEnabled(has_steps and studio.looks_into)
        self.copy_action.setEnabled(has_steps and self.canvas.copies)
        for action in self.sound_actions:
            action.setEnabled(has_steps and isinstance(studio.chain, SoundChain))
        self.generate_action.setEnabled(studio.can_begin)
        self.begin_action.setEnabled(studio.can_begin)
        self.card_action.setEnabled(studio.entry is not None)
        stride = studio.chain.stride_name if studio.chain else "row"
        self.next_stride.setText(f"Next {stride}")
        self.previous_stride.setText(f"Previous {stride}")
        self.generate_action.setText("&Pause" if studio.running else "&Resume" if studio.can_go_on else "&Generate")
        if studio.loaded is None:
            self.engine_label.say("loading …" if studio.activity is Activity.LOADING else "no model")
        elif not studio.running:
            worker = studio.worker
            lacking = "compiling kernels" if worker.kernels_failed is None else "kernels not compiled"
            kernels = f" · {lacking}" if self._compiles and not worker.kernels_warm else ""
            self.engine_label.say(f"{studio.engine_name()} engine · {studio.loaded.device.upper()}{kernels}")
            self.speed_label.say("")
            self.left_label.say("")
        seed = f" · {self._noise_of(take)}" if take else ""
        title = take.model.title if take else studio.entry.header.title if studio.entry else ""
        self.model_label.say(title + seed)

    @staticmethod
    def _noise_of(take: Take) -> str:
        """The seed; of a single sample that was drawn among others, which one it was, too. A search has no noise."""
        if take.beam is not None:
            return f"beam search, width {take.beam}"
        if swept(take).seed:
            return f"{len(take.samples)} seeds"
        first = take.traces[0].schedule[0]
        number = f", sample {first.sample}" if first.sample and len(take.samples) == 1 else ""
        return f"seed {first.seed}{number}"

    @Slot()
    def _refresh_progress(self) -> None:
        if self.studio.take is not None and not self.save_action.isEnabled():
            self._refresh()

    @Slot(object)
    def _show_speed(self, speed: Speed) -> None:
        take = self.studio.take
        if take is None or not self.studio.running:
            return
        self.speed_label.say(f"{grouped(round(speed.steps_per_second))} steps/s")
        if take.endless:
            self.left_label.say("until you stop it")
        elif speed.steps_per_second > 0:
            most = "at most " if take.chain.length is None else ""
            self.left_label.say(f"{most}{(take.limit - take.frontier) / speed.steps_per_second:.1f} s left")
        self.engine_label.say(f"{speed.engine} engine · {speed.device.upper()}")

    @Slot(float)
    def _show_telling(self, share: float) -> None:
        """A long take goes on once the model knows it."""
        if self.studio.running:
            self.speed_label.say(f"reading what came before: {round(100 * share)} %")
            self.left_label.say("")

    @Slot()
    def _kernels_ready(self) -> None:
        if self._compiles:
            self._say("The compiled engine is ready; the next take uses it.")
        self._refresh()

    @property
    def _compiles(self) -> bool:
        """Whether the model that is loaded has kernels."""
        return self.studio.loaded is not None and "compiled" in self.studio.loaded.engines

    @Slot(str)
    def _say(self, text: str) -> None:
        """Beside what always stands in the status bar, not over it."""
        self.message_label.setText(text)
        self._message_timer.start()

    @Slot(str)
    def _say_for_good(self, text: str) -> None:
        """Until something else is said, or another take is shown."""
        self._say(text)
        self._message_timer.stop()

    @Slot()
    def _forget_verdict(self) -> None:
        """What was said for good was said of a take that is another one now."""
        if not self._message_timer.isActive():
            self.message_label.setText("")

    @Slot(str)
    def _complain(self, text: str) -> None:
        """An error stands above the canvas for a while: no dialog stops the user, none is overlooked."""
        self.banner.say(text)
        self.banner.show()
        self._banner_timer.start()

    @Slot()
    def _forget_said(self) -> None:
        """What was said of another take, or of a file that would not open before this one did, is over."""
        self._message_timer.stop()
        self.message_label.setText("")
        if self.banner.full == self.studio.reader.refusal:
            self.banner.hide()

    @Slot(object)
    def _move_playhead(self, seconds: float | None) -> None:
        for canvas in self._canvases.values():
            canvas.set_playhead(seconds)

    @Slot(str)
    def _show_sound_reason(self, reason: str) -> None:
        self._sound_reason = reason
        self._refresh_sound()

    @Slot()
    def _refresh_sound(self) -> None:
        """That there is no sound stands in the status bar; why, and what helps, is said once a sound is shown."""
        reason = self._sound_reason
        silent = not isinstance(self.studio.chain, SoundChain)
        if (silent or not reason) and self.banner.full == self._sound_reason_said:
            self.banner.hide()
        if not reason:
            self._sound_reason_said = ""  # when it is lost again, that is said again
        self.sound_label.say("no sound" if reason else self.sound.state)
        self.sound_label.setToolTip(reason or (SOUND_TIP if self.sound.state else ""))
        if reason and reason != self._sound_reason_said and not silent:
            self._sound_reason_said = reason
            self._complain(reason)

    @Slot()
    def _refresh_overlays(self) -> None:
        for action in self._overlays.actions():
            action.setChecked(action.data() == self.studio.overlay)
            action.setEnabled(action.data() in self.studio.overlays)
        self.spectrogram_action.setChecked(self.studio.spectrum.shown)
        self.spectrogram_action.setEnabled(isinstance(self.studio.chain, SoundChain))

    @Slot(QAction)
    def _choose_appearance(self, action: QAction) -> None:
        self.studio.profile.set("appearance", str(action.data()))
        show_appearance(self.studio.profile)

    @Slot(QAction)
    def _choose_latency(self, action: QAction) -> None:
        self.sound.set_latency(float(action.data()))

    @Slot(QAction)
    def _choose_overlay(self, action: QAction) -> None:
        self.studio.set_overlay(str(action.data()))

    # --- doing ---------------------------------------------------------------------------------------------------

    def open_dialog(self) -> None:
        patterns = " ".join(["*.safetensors", "config.json", *dict.fromkeys(f"*{format.suffix}" for format in FORMATS)])
        profile = self.studio.profile
        folder = remembered_folder(profile.get("open_folder"))
        name, _ = QFileDialog.getOpenFileName(
            self, "Open", folder, f"Checkpoints, Hugging Face models and saved samples ({patterns});;All files (*)"
        )
        if name:
            profile.set("open_folder", str(Path(name).parent))
            self.studio.opening.open_path(Path(name))

    def _fill_recent(self) -> None:
        self.recent_menu.clear()
        for path in self.studio.profile.recent:
            action = self.recent_menu.addAction(str(path))
            action.setData(str(path))
            action.triggered.connect(self._open_recent)
        if self.recent_menu.isEmpty():
            self.recent_menu.addAction("No recent files").setEnabled(False)

    @Slot()
    def _open_recent(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.studio.opening.open_path(Path(str(action.data())))

    def save_dialog(self) -> None:
        ask_and_export(self.studio, self)

    def stop(self) -> None:
        """Esc: stops what goes on, or else lets go of the step that is kept, and shows all samples again."""
        if self.studio.busy:
            self.studio.stop()
        else:
            self.canvas.step_out()

    def copy_shown(self) -> None:
        """The selected sample, as a picture that carries its record, or as a text."""
        take, copied = self.studio.take, self.canvas.copied()
        if take is None or copied is None:
            return
        if isinstance(copied, str):
            QGuiApplication.clipboard().setText(copied)
        elif isinstance(take.chain, ImageChain):
            copy_picture(copied, Png().content(shown(take, samples=[self.studio.looking.selected])))
        else:
            QGuiApplication.clipboard().setImage(copied)
        self._say("What is shown is on the clipboard.")

    def paste(self) -> None:
        """Opens what was copied here, or a file that was copied elsewhere."""
        try:
            match pasted():
                case None:
                    self._say("There is nothing on the clipboard that could be opened.")
                case bytes() as content:
                    self.studio.opening.open_saved(content)
                case path:
                    self.studio.opening.open_path(path)
        except StudioError as error:
            self._complain(str(error))

    def copy_command(self) -> None:
        take = self.studio.take
        if take is None:
            return
        alone = bool(labels(take))
        if alone:  # one command draws samples that began alike
            take = shown(take, samples=[self.studio.looking.selected])
        command, exact = command_line(take)
        QGuiApplication.clipboard().setText(command)
        lacks = "" if exact else " It makes the take as it began, without what was changed or stopped on the way."
        of = " for the selected sample" if alone else ""
        self._say(f"The command{of} is on the clipboard.{lacks}")

    def _begin_anew(self) -> None:
        self.studio.pause()
        self.studio.begin()

    def _new_noise_all(self) -> None:
        self.studio.editing.new_noise(all_samples=True)

    def _loop_view(self) -> None:
        stretch = self.canvas.in_view()
        if stretch is not None:
            self.studio.listening.set_loop(*stretch)
            if self.studio.activity is Activity.IDLE:
                self.studio.replay.start()

    def _toggle_spectrogram(self) -> None:
        spectrum = self.studio.spectrum
        self.studio.set_spectrum(replace(spectrum, shown=not spectrum.shown))

    def show_completion(self) -> None:
        if self._completion is None:
            self._completion = CompletionDialog(self.studio, self)
        self._completion.show()
        self._completion.raise_()
        self._completion.activateWindow()

    def show_continuation(self) -> None:
        dialog = self._continuation_dialog()
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def _continuation_dialog(self) -> ContinuationDialog:
        if self._continuation is None:
            from studio.panels.continuation import ContinuationDialog  # plots, which the window begins without

            self._continuation = ContinuationDialog(self.studio, self)
            self._continuation.listened.connect(self.sound.play_wave)
            self._continuation.silence_wanted.connect(self.sound.stop_wave)
        return self._continuation

    def show_comparison(self) -> None:
        if self._compare is None:
            self._compare = CompareDialog(self.studio, self)
        self._compare.show()
        self._compare.raise_()
        self._compare.activateWindow()

    @Slot(object)
    def _complete_picture(self, picture: object) -> None:
        """A picture that was dropped or opened, and that nothing here has saved."""
        self.show_completion()
        assert self._completion is not None
        self._completion.show_picture(cast(Pixels, picture))

    @Slot(object, object)
    def _continue_recording(self, recording: object, fitted: object) -> None:
        """A recording that was dropped or opened, and that nothing here has saved; or one for another model's rate."""
        if self._continuation is None:  # else it hears of it by itself, after the window
            self._continuation_dialog().show_recording(cast(Recording, recording), cast(Recording, fitted))
        elif recording is self._continuation.recording:
            return
        self.show_continuation()

    def _show_shortcuts(self) -> None:
        show_shortcuts(self)

    def _about(self) -> None:
        QMessageBox.about(
            self,
            "About Sampling Studio",
            f"<h3>Sampling Studio {VERSION}</h3><p>A studio for deep autoregressive generative models: watch, hear, "
            "inspect and edit every step of a generation.</p><p>Apache License 2.0</p>",
        )

    # --- layout and life -----------------------------------------------------------------------------------------

    def restore_layout(self) -> None:
        """The layout of the last time on such a screen, if it was one of this version; the default one is kept for
        ``reset``."""
        self.resize(FIRST_SIZE.boundedTo(self.screen().availableSize()))
        self._arrange()
        self._default_layout = self.saveState(LAYOUT_VERSION)
        stored = self._store()
        geometry, state = stored.value("geometry"), stored.value("state")
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)
        if isinstance(state, QByteArray):
            self.restoreState(state, LAYOUT_VERSION)

    def _arrange(self) -> None:
        left, condition, right, sampling, history = self.docks
        self.resizeDocks([left, right], [280, 345], Qt.Orientation.Horizontal)
        self.resizeDocks([left, condition], [420, 320], Qt.Orientation.Vertical)
        # The settings get what they need, the curve above them the rest.
        room = self.height() - self.menuBar().sizeHint().height() - self.statusBar().sizeHint().height()
        needed = sampling.sizeHint().height()
        self.resizeDocks([right, sampling], [room - needed, needed], Qt.Orientation.Vertical)
        self.resizeDocks([history], [86], Qt.Orientation.Vertical)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Remembers the height that the settings are given while the window's stays: by the user, or by a layout."""
        if watched is self.docks[3] and event.type() == QEvent.Type.Resize and self.height() == self._height:
            self._settings_height = self.docks[3].height()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The settings keep their height, as far as there is room; the curve in the same column gives way."""
        super().resizeEvent(event)
        curve, settings = pair = self.docks[2:4]
        docked = all(dock.isVisible() and not dock.isFloating() for dock in pair)
        if docked and self._settings_height and curve.x() == settings.x():
            room = curve.height() + settings.height()
            heights = [room - self._settings_height, self._settings_height]
            self.resizeDocks(pair, heights, Qt.Orientation.Vertical)
            layout = self.layout()
            assert layout is not None
            layout.activate()  # now: what follows from the window's size is not remembered
        self._height = self.height()

    def reset_layout(self) -> None:
        self.restoreState(self._default_layout, LAYOUT_VERSION)
        for dock in self.docks:
            dock.show()
        self._arrange()

    def _store(self) -> QSettings:
        """Of a layout for each size of the screen: what had to be squeezed into a small one spoils no other."""
        store = QSettings(str(self.studio.profile.folder / "window.ini"), QSettings.Format.IniFormat)
        screen = QGuiApplication.primaryScreen().size()
        store.beginGroup(f"{screen.width()}x{screen.height()}")
        return store

    def _may_lose(self) -> bool:
        """Asks, where takes could not be saved, until they are or the user lets them go; False to stay open."""
        button = QMessageBox.StandardButton
        again, close, stay = button.Retry, button.Discard, button.Cancel
        while lost := self.studio.unsaved():
            self.show()
            what = "A take" if len(lost) == 1 else f"{len(lost)} takes"
            question = f"{what} could not be saved: {lost[0].why}.\nWhat is not saved is lost when the window closes."
            answer = QMessageBox.warning(self, "Sampling Studio", question, again | close | stay, again)
            if answer != again:
                return answer == close
        return True

    def event(self, event: QEvent) -> bool:
        """An open menu offers its arrows to the shortcuts of the window: they are not to step the model behind it."""
        if event.type() == QEvent.Type.ShortcutOverride and QApplication.activePopupWidget() is not None:
            event.accept()
            return True
        return super().event(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        store = self._store()
        store.setValue("geometry", self.saveGeometry())
        store.setValue("state", self.saveState(LAYOUT_VERSION))
        store.sync()
        self.hide()  # what is written is waited for
        self.studio.pause()
        if not self.asked_to_end and not self._may_lose():
            event.ignore()
            return
        self.sound.close()
        if self._continuation is not None:
            self._continuation.microphone.close()
        self.studio.close()
        self.studio.blockSignals(True)  # what was said to the end has nobody to show it to
        self._message_timer.stop()
        self._banner_timer.stop()
        event.accept()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for url in event.mimeData().urls()[:1]:
            if url.isLocalFile():
                self.studio.opening.open_path(Path(url.toLocalFile()))


def show_appearance(profile: Profile) -> None:
    """Gives the application the colours that the user has chosen."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, THEMES[profile.get("appearance", APPEARANCES[0])])


def open_studio(profile: Profile) -> Studio:
    """A studio on a profile with its inference thread running; ``Studio.close`` ends both."""
    growing.folder = profile.folder
    catalog = Catalog(user=profile.folder)
    catalog.entries(added=False)  # the others may take long to read, see ``start``
    worker = InferenceThread(profile.save_take)
    studio = Studio(catalog, profile, worker)
    worker.start()
    return studio


def first_model(studio: Studio) -> str | None:
    """The model of the last time, else the one to begin with, or the first in the list."""
    catalog = studio.catalog
    for name in (studio.profile.get("model", FIRST_MODEL), FIRST_MODEL):
        if catalog.listed_as(name) is not None:
            return str(name)
    return catalog.listed[0].header.name if catalog.listed else None


def run_window(path: Path | None = None) -> int:
    """Opens the window, on a checkpoint or a saved sample if one is named, and returns the exit status."""
    os.environ.setdefault("GOMP_SPINCOUNT", "0")  # before torch: its idle threads would fight the window for the cores
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("Sampling Studio")
    app.setApplicationVersion(VERSION)
    app.setDesktopFileName("sampling-studio")
    apply_theme(app)
    with closed_by_signals(app):
        try:
            profile = Profile()
            ours = profile.lock()
        except StudioError as error:
            QMessageBox.critical(None, "Sampling Studio", str(error))
            return 1
        if not ours:
            QMessageBox.information(None, "Sampling Studio", f"Sampling Studio is already open on {profile.folder}.")
            return 1
        show_appearance(profile)
        studio = open_studio(profile)
        window = MainWindow(studio)
        window.restore_layout()
        window.show()
        QTimer.singleShot(0, window, lambda: start(studio, path))
        return app.exec()


def end_now(app: QApplication) -> None:
    """Closes every window without asking."""
    for window in app.topLevelWidgets():
        if isinstance(window, MainWindow):
            window.asked_to_end = True
    app.closeAllWindows()
    app.quit()


@contextmanager
def closed_by_signals(app: QApplication) -> Iterator[None]:
    """Ctrl-C in the terminal and the end of a session close the window as its own button does: all is kept.

    Python looks at signals between two lines of its own, of which none may run while Qt waits: a socket wakes it.
    """
    awake, woken = socket.socketpair()
    for end in (awake, woken):
        end.setblocking(False)
    notifier = QSocketNotifier(awake.fileno(), QSocketNotifier.Type.Read, app)

    @Slot()
    def heed() -> None:
        awake.recv(64)
        end_now(app)

    notifier.activated.connect(heed)
    wakeup = signal.set_wakeup_fd(woken.fileno())
    kinds = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if sys.platform != "win32" else [])]
    handlers = {kind: signal.signal(kind, lambda *_: None) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in handlers.items():
            signal.signal(kind, handler)
        signal.set_wakeup_fd(wakeup)
        notifier.setEnabled(False)
        awake.close()
        woken.close()


def start(studio: Studio, path: Path | None) -> None:
    """Chooses the model of the last time, to be there if what was asked for cannot be opened, and opens that.

    What the user has added is listed meanwhile; it is waited for only where the model of the last time is among it.
    What is opened by then was asked for later than either.
    """
    last = studio.profile.get("model", FIRST_MODEL)

    def begin() -> None:
        name = first_model(studio)
        asked = studio.entry is not None or studio.reader.reading
        if name is not None and studio.entry is None:
            with studio.reader.kept():
                studio.loading.choose(name)
        if path is not None and not asked:
            studio.opening.open_path(path)

    if studio.catalog.listed_as(last) is not None:
        studio.opening.look_for_models(lambda: None)  # before what is opened, which may be among it
        begin()
    else:
        studio.opening.look_for_models(begin)
