"""Under the canvas: one button that generates, pauses and resumes, the steps about the cursor, and where it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from models.chain import Chain
from models.trace import Take
from models.wording import grouped
from studio.state import Activity, Studio
from studio.theme import PRIMARY, QUIET, SIGN, set_role
from studio.widgets.controls import ComboBox, LadderSlider, PushButton, ToolButton
from studio.widgets.glyphs import glyph_icon
from studio.widgets.labels import ElidedLabel, label
from studio.widgets.layouts import GAP, MARGIN
from studio.widgets.meter import LevelMeter

BUTTON_HEIGHT = 32
ICON_SIDE = 16
VOLUME_WIDTH = 88
DEFAULT_VOLUME = 0.8
VOLUME_KEY, MUTE_KEY = "volume", "muted"
"""In the profile, where whoever plays the sound keeps them."""


@dataclass(frozen=True)
class Room:
    """How wide the parts are, in logical pixels."""

    words: bool
    """Whether buttons have a word beside their sign."""
    main_sign: bool
    """Whether the main button has a sign beside its word."""
    sign: int
    """Of a button without a word."""
    main: int
    between: int
    margin: int


WIDEST_BITS = "10.000"
ROOMS = (
    Room(words=True, main_sign=True, sign=36, main=130, between=GAP // 2, margin=MARGIN),
    Room(words=False, main_sign=True, sign=36, main=130, between=GAP // 2, margin=MARGIN),
    Room(words=False, main_sign=False, sign=30, main=112, between=2, margin=GAP),
)
"""From much room to little."""


def step_texts(chain: Chain, take: Take, selected: int, cursor: int) -> tuple[str, ...]:
    """Where the cursor stands: ``step 431 of 784 · row 15, column 11``; where the selected sample ended before it.

    The full text comes first, then those for less room.
    """
    longest, trace = take.longest, take.samples[selected].trace
    if trace.finished and len(trace) < longest and cursor >= len(trace):
        return (f"ended at step {grouped(len(trace))}",)
    if take.finished and cursor >= longest:
        return f"all {grouped(longest)} steps drawn", f"all {grouped(longest)} steps"
    step, last = f"step {grouped(cursor)}", longest if take.finished else take.limit
    known = take.finished or chain.length is not None
    texts = [f"{step} {of} {grouped(last)}" for of in (["of"] if known else ["of at most", "of ≤"])]
    if take.endless and not take.finished:
        texts = [step]
    place = [] if cursor >= last else [f"{texts[0]} · {chain.locate(cursor)}"]
    return *place, *texts, step


def _width(of: QLabel, text: str) -> int:
    return of.fontMetrics().horizontalAdvance(text)


class TransportPanel(QWidget):
    """See the module. ``volume_changed`` carries 0 … 1."""

    volume_changed = Signal(float)
    mute_toggled = Signal(bool)

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.studio = studio
        self.main_button = PushButton("Generate", tip="Generate, pause or resume (Ctrl+Return)")
        set_role(self.main_button, PRIMARY)
        self._main_icons = {
            name: glyph_icon(name, self.main_button, lambda theme: theme.on_primary) for name in ("play", "pause")
        }
        self.start_button = self._tool("", "start", "To the start (Home)", "To the start")
        self.back_stride = self._tool("row", "far back", "", "Previous row")
        self.back_step = self._tool("step", "back", "One step back (Left)", "Step back")
        self.forward_step = self._tool("step", "forward", "One step on, drawn if it is not there (Right)", "Step on")
        self.forward_stride = self._tool("row", "far forward", "", "Next row")
        self.end_button = self._tool("", "end", "To the end, and follow what is drawn (End)", "To the end")
        self.replay_button = self._tool("", "play", "Replay what is drawn, from the cursor on (Space)", "Replay")
        self.new_button = self._tool("", "new", "Begin a new take (Ctrl+N)", "New take")
        self._before = (self.new_button, self.replay_button)
        self._with_words = (self.back_stride, self.back_step, self.forward_step, self.forward_stride)
        """The buttons that have a word beside their sign, where there is room for it."""
        self._middle = (self.start_button, *self._with_words, self.end_button)
        self._replay_icons = {name: glyph_icon(name, self.replay_button) for name in ("play", "pause")}
        self.step_label = ElidedLabel(role=QUIET)
        self.bits_label = label(role=QUIET)
        self.bits_label.setToolTip("Mean surprise of the selected sample up to the cursor")
        self.overlay_label = label("overlay", QUIET)
        self.overlay_box = ComboBox("Overlay", "What the canvas is coloured by, or shows on top (Alt+0 … 4)")
        self._overlays: tuple[str, ...] = ()
        self.mute_button = self._tool("", "loud", "Mute", "Mute")
        self.mute_button.setCheckable(True)
        self._sound_icons = {name: glyph_icon(name, self.mute_button) for name in ("loud", "muted")}
        self.volume = LadderSlider("Volume", [n / 100 for n in range(101)])
        self.volume.setFixedWidth(VOLUME_WIDTH)
        self.volume.setToolTip("Volume")
        self.meter = LevelMeter()
        self._build()
        self._connect()
        self._restore_volume()
        self._show_model()
        self._refresh()

    def _tool(self, text: str, glyph: str, tip: str, name: str) -> ToolButton:
        button = ToolButton(text, glyph, tip, name)
        button.setIconSize(QSize(ICON_SIDE, ICON_SIDE))
        set_role(button, SIGN)
        return button

    # --- room --------------------------------------------------------------------------------------------------------

    def _width_of(self, button: ToolButton, room: Room) -> int:
        if not room.words or button not in self._with_words:
            return room.sign
        return room.sign + GAP + max(map(self.fontMetrics().horizontalAdvance, ("step", button.text())))

    def _least_width(self, room: Room) -> int:
        """Of the buttons."""
        buttons = sum(self._width_of(button, room) for button in self._before + self._middle)
        gaps = len(self._before) - 1 + len(self._middle)  # one more of these: the main button stands among them
        return buttons + room.main + gaps * room.between + GAP + 2 * room.margin

    def minimumSizeHint(self) -> QSize:
        """With as little as can be used."""
        return QSize(self._least_width(ROOMS[-1]), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Gives the parts the room that there is."""
        room = next((room for room in ROOMS if self._least_width(room) <= self.width()), ROOMS[-1])
        style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if room.words else Qt.ToolButtonStyle.ToolButtonIconOnly
        role = "" if room.words else SIGN
        for button in self._with_words:
            button.setToolButtonStyle(style)
            if button.property("role") != role:
                set_role(button, role)
        for button in (*self._before, *self._middle):
            button.setFixedSize(self._width_of(button, room), BUTTON_HEIGHT)
        self.mute_button.setFixedSize(room.sign, BUTTON_HEIGHT)
        self.main_button.setFixedSize(room.main, BUTTON_HEIGHT + 2)
        self.main_button.setIconSize(QSize(ICON_SIDE, ICON_SIDE) if room.main_sign else QSize(0, 0))
        for row in self._rows:
            row.setSpacing(room.between)
        layout = self.layout()
        assert layout is not None
        layout.setContentsMargins(room.margin, 4, room.margin, room.margin)
        self._choose_facts(self.width() - 2 * room.margin)
        layout.activate()  # now: the least width is asked for before events come round

    def _choose_facts(self, width: int) -> None:
        """What stands above the buttons: the step, then its bits, then a word before the overlays, as far as they fit.

        They are measured by the widest texts of a take, so that none comes and goes while it is walked.
        """
        chain, take = self.studio.chain, self.studio.take
        left = width - self.overlay_box.sizeHint().width()
        if self._sounds:
            left -= GAP + self.sound.sizeHint().width()
        if chain is not None and take is not None:
            left -= GAP + _width(self.step_label, step_texts(chain, take, 0, take.limit)[0])
        for part, text in (
            (self.bits_label, f"{WIDEST_BITS} bits/{chain.step_noun if chain is not None else ''}"),
            (self.overlay_label, self.overlay_label.text()),
        ):
            left -= GAP + _width(part, text)
            part.setVisible(left >= 0)

    def _build(self) -> None:
        self.sound = QWidget()
        sound = QHBoxLayout(self.sound)
        sound.setContentsMargins(0, 0, 0, 0)
        sound.setSpacing(GAP // 2)
        sound.addWidget(self.mute_button)
        loudness = QVBoxLayout()
        loudness.setSpacing(2)
        loudness.addStretch(1)
        loudness.addWidget(self.volume)
        loudness.addWidget(self.meter)
        loudness.addStretch(1)
        sound.addLayout(loudness)
        facts = QHBoxLayout()
        facts.setSpacing(GAP)
        facts.addStrut(BUTTON_HEIGHT)  # one height with and without sound: the buttons below must not move
        facts.addWidget(self.step_label, 1)
        facts.addWidget(self.bits_label)
        facts.addWidget(self.sound)
        facts.addWidget(self.overlay_label)
        facts.addWidget(self.overlay_box)
        for button in (self.forward_step, self.forward_stride):
            button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the sign at the side that it points to
        left, middle = self._rows = QHBoxLayout(), QHBoxLayout()
        for button in self._before:
            left.addWidget(button)
        left.addStretch(1)
        for button in self._middle:
            middle.addWidget(button)
        middle.insertWidget(len(self._middle) // 2, self.main_button)
        row = QGridLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setHorizontalSpacing(GAP)
        row.addLayout(left, 0, 0)
        row.addLayout(middle, 0, 1)
        # As wide as the left side where there is room, so that the main button stands in the middle.
        row.setColumnStretch(0, 1)
        row.setColumnStretch(2, 1)
        column = QVBoxLayout(self)
        column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetNoConstraint)  # see ``minimumSizeHint``
        column.setSpacing(GAP)
        column.addLayout(facts)
        column.addLayout(row)

    def _connect(self) -> None:
        studio = self.studio
        self.main_button.clicked.connect(self._generate)
        self.start_button.clicked.connect(self._to_start)
        self.back_stride.clicked.connect(self._back_stride)
        self.back_step.clicked.connect(self._back_step)
        self.forward_step.clicked.connect(self._forward_step)
        self.forward_stride.clicked.connect(self._forward_stride)
        self.end_button.clicked.connect(self._to_end)
        self.replay_button.clicked.connect(self._play)
        self.new_button.clicked.connect(self._begin)
        self.overlay_box.textActivated.connect(studio.set_overlay)
        self.volume.moved.connect(self._set_volume)
        self.mute_button.toggled.connect(self._set_muted)
        studio.model_changed.connect(self._show_model)
        studio.take_changed.connect(self._show_model)
        for signal in (studio.activity_changed, studio.take_changed, studio.branches_changed, studio.view_changed):
            signal.connect(self._refresh)
        for signal in (studio.looking.cursor_changed, studio.grown, studio.looking.selection_changed):
            signal.connect(self._refresh_place)

    # --- showing ---------------------------------------------------------------------------------------------------

    @Slot()
    def _show_model(self) -> None:
        """Words and parts that depend on what kind of data it is."""
        chain = self.studio.chain
        stride = chain.stride_name if chain else "row"
        spoken = "millisecond" if stride == "ms" else stride
        for button, which, key in ((self.back_stride, "Previous", "Up"), (self.forward_stride, "Next", "Down")):
            button.setText(stride)
            button.setToolTip(f"{which} {spoken} ({key})")
            button.setAccessibleName(f"{which} {spoken}")
        self.sound.setVisible(self._sounds)
        self._refresh()
        self._arrange()

    @property
    def _sounds(self) -> bool:
        chain = self.studio.chain
        return chain is not None and chain.modality == "sound"

    @Slot()
    def _refresh(self) -> None:
        studio, take = self.studio, self.studio.take
        has_steps = take is not None and take.longest > 0
        text = "Pause" if studio.running else "Resume" if studio.can_go_on else "Generate"
        self.main_button.setText(text)
        self.main_button.setIcon(self._main_icons["pause" if studio.running else "play"])
        self.main_button.setAccessibleName(text)
        self.main_button.setEnabled(studio.can_begin)
        replaying = studio.activity is Activity.REPLAYING
        self.replay_button.setIcon(self._replay_icons["pause" if replaying else "play"])
        self.replay_button.setAccessibleName("Pause replay" if replaying else "Replay")
        self.replay_button.setEnabled(has_steps and not studio.running)
        self.new_button.setEnabled(studio.can_begin and take is not None)
        for button in (self.start_button, self.back_step, self.back_stride):
            button.setEnabled(has_steps)
        for button in (self.forward_step, self.forward_stride, self.end_button):
            button.setEnabled(take is not None)
        if self._overlays != studio.overlays:
            self._overlays = studio.overlays
            self.overlay_box.clear()
            self.overlay_box.addItems(self._overlays)
        self.overlay_box.setCurrentText(studio.overlay)
        self._refresh_place()

    @Slot()
    def _refresh_place(self) -> None:
        studio, take, trace = self.studio, self.studio.take, self.studio.trace
        if take is None or trace is None:
            self.step_label.say("nothing drawn yet" if studio.entry else "")
            self.bits_label.setText("")
            return
        if not self.back_step.isEnabled() and take.longest:
            self._refresh()
            return
        self.step_label.say(*step_texts(take.chain, take, studio.looking.selected, studio.looking.cursor))
        mean = trace.mean_surprise(min(studio.looking.cursor, len(trace)))
        self.bits_label.setText("" if math.isnan(mean) else f"{mean:.3f} bits/{take.chain.step_noun}")

    # --- doing -----------------------------------------------------------------------------------------------------

    @Slot()
    def _generate(self) -> None:
        self.studio.generate()

    @Slot()
    def _begin(self) -> None:
        self.studio.pause()
        self.studio.begin()

    @Slot()
    def _play(self) -> None:
        if self.studio.activity is Activity.REPLAYING:
            self.studio.pause()
        else:
            self.studio.replay.start()

    @Slot()
    def _to_start(self) -> None:
        self.studio.looking.move_cursor(0)

    @Slot()
    def _to_end(self) -> None:
        self.studio.looking.follow()

    @Slot()
    def _back_step(self) -> None:
        self.studio.step_by(-1)

    @Slot()
    def _forward_step(self) -> None:
        self.studio.step_by(1)

    @Slot()
    def _back_stride(self) -> None:
        self.studio.step_stride(-1)

    @Slot()
    def _forward_stride(self) -> None:
        self.studio.step_stride(1)

    # --- sound -----------------------------------------------------------------------------------------------------

    def _restore_volume(self) -> None:
        self.volume.show_value(float(self.studio.profile.get(VOLUME_KEY, DEFAULT_VOLUME)))
        self.mute_button.setChecked(self.studio.profile.get(MUTE_KEY, False))

    @Slot(float, int)
    def _set_volume(self, volume: float, _drag: int) -> None:
        self.volume_changed.emit(volume)

    @Slot(bool)
    def _set_muted(self, muted: bool) -> None:
        self.mute_button.setIcon(self._sound_icons["muted" if muted else "loud"])
        self.mute_button.setToolTip("Unmute" if muted else "Mute")
        self.mute_toggled.emit(muted)


if __name__ == "__main__":
    from studio.panels.demo import show_panel

    show_panel(TransportPanel)
