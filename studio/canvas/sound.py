"""The canvas of sounds: the wave as it grows, the bits it cost, and the conditionals along it.

What is drawn is taken from pyramids, so that a frame costs the width of the plot, not the length of the clip. Times are
in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from models.chain import SoundChain
from models.trace import Take, Trace
from models.wording import grouped
from studio.canvas.bits import Bits
from studio.canvas.clip import Clip, decibels, symbol_amplitudes
from studio.canvas.clip_list import ClipList
from studio.canvas.common import Canvas, Invitation, ReadOut, step_facts, take_of
from studio.canvas.conditional_gram import ConditionalGram
from studio.canvas.sample_list import ROW_HEIGHT, scrolled
from studio.canvas.spectrogram import SpectrogramPane
from studio.canvas.stroke import Clamped, Pencil
from studio.canvas.time_plot import InView, TimePlot, in_view, place
from studio.canvas.waveform import Waveform
from studio.looking import Pointer
from studio.state import Activity, Studio
from studio.theme import colours

CLIPS_DELAY_MS = 150

CLOSEST_STEPS = 16
"""The wheel zooms in down to this many steps."""

BELOW_EVERY = 3
"""While a walk runs, spectrogram and bits are drawn with every third frame of the wave."""

MS_DIGITS = 3
"""Of the read-out: steps of 8 kHz are 0.125 ms."""

SHARES = (4, 4, 3, 4)
"""Of the height: wave, spectrogram, bits, conditional-gram."""
PANE_GAP = 6
ROOM = 60
"""What must be left of the height, in logical pixels, for all panes to be shown."""


class Column(QWidget):
    """Panes, one below the other, of which one gives way where there is no room for all."""

    changed = Signal()
    """It was shown, or has given way."""

    def __init__(self, panes: Sequence[QWidget], shares: Sequence[int], gives_way: QWidget, below: QWidget) -> None:
        super().__init__()
        self._gives_way = gives_way
        self._wanted = True
        self._column = QVBoxLayout(self)
        self._column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetNoConstraint)  # see ``minimumSizeHint``
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(PANE_GAP)
        for pane, share in zip(panes, shares, strict=True):
            self._column.addWidget(pane, share)
        self._column.addWidget(below)

    def want(self, wanted: bool) -> None:
        """Whether the one that may give way is to be seen."""
        self._wanted = wanted
        self.arrange()

    def minimumSizeHint(self) -> QSize:
        """Without the one that gives way."""
        least = self._column.minimumSize()
        return QSize(least.width(), least.height() - (0 if self._gives_way.isHidden() else self._its_height))

    @property
    def _its_height(self) -> int:
        return self._gives_way.minimumSizeHint().height() + PANE_GAP

    def arrange(self) -> None:
        self._column.invalidate()
        fits = self.height() >= self.minimumSizeHint().height() + self._its_height + ROOM
        if self._gives_way.isHidden() is (self._wanted and fits):
            self._gives_way.setVisible(self._wanted and fits)
            self.changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()


class SoundCanvas(Canvas):
    """Wave, bits and conditional-gram of the selected clip; an invitation while there is no take."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._clips: list[Clip] = []
        self._amplitudes = np.empty(0, np.float32)
        self._zoomed = False
        self._shown_trace: Trace | None = None
        self._frame = 0
        self._behind: Clip | None = None
        """The clip of the other side, of two that are compared."""
        self._behind_rate = 1
        self._behind_said: list[str] = []
        self._clips_due = QTimer(self, singleShot=True)
        self._clips_due.timeout.connect(self._draw_clips)

        self.read_out = ReadOut("Point at the wave to see a conditional; click to keep it; the wheel zooms.")
        self.wave = Waveform()
        self.spectrogram = SpectrogramPane(studio)
        self.bits = Bits()
        self.gram = ConditionalGram(studio, lambda: self._clip, lambda: self._view)
        self._panes = (self.wave, self.spectrogram, self.bits, self.gram)
        self._plots = tuple(pane.plot for pane in self._panes)
        self._aligned = (self.wave, self.spectrogram, self.bits)
        """Those that share one axis of time."""
        self.clamped = Clamped(self.wave.plot), Clamped(self.bits.plot)
        self.pencil = Pencil(studio, self.wave.plot, self.gram.plot, self)
        self.wave.head.insertWidget(0, self.pencil.button)
        self.clip_list = ClipList(studio)
        self.invitation = Invitation(studio)
        self._pointed_height: float | None = None
        """Where the mouse is along the frequencies, while it is over the spectrogram."""
        self._lay_out()
        self._dress()

        self.wave.plot.view.sigXRangeChanged.connect(self._on_range)
        self.wave.plot.view.sigRangeChangedManually.connect(self._on_zoom)
        for below in (self.spectrogram, self.bits):
            below.plot.view.sigRangeChangedManually.connect(partial(self._on_zoom_below, below.plot))
        for pane in self._aligned:
            pane.plot.view.whole_wanted.connect(self.show_whole)
            pane.plot.view.stretched.connect(self._on_stretched)
        for plot in self._plots:
            plot.view.clicked.connect(self._on_click)
            plot.pointed.connect(self._on_pointed)
        listening = studio.listening
        self.wave.hold_button.clicked.connect(listening.hold)
        self.wave.release_button.clicked.connect(listening.release)
        self.wave.sides.chosen.connect(self._choose_side)
        listening.loop_changed.connect(self._show_loop)
        listening.sides_changed.connect(self._show_sides)
        self.gram.lens_moved.connect(self._move_lens)
        self.gram.arrived.connect(self._on_marks)
        studio.take_changed.connect(self._on_take)
        studio.branches_changed.connect(self._on_branches)
        studio.grown.connect(self._on_grown)
        studio.looking.cursor_changed.connect(self._on_cursor)
        studio.looking.selection_changed.connect(self._on_selection)
        studio.view_changed.connect(self._on_view)
        for signal in (studio.model_changed, studio.settings_changed):
            signal.connect(self._prepare)
        self._on_view()
        self._show_sides()
        self._on_take()

    def _lay_out(self) -> None:
        body = QWidget()
        self._column = Column(self._panes, SHARES, self.spectrogram, self.read_out)
        self._column.changed.connect(self._show_times)
        self.clip_scroll = scrolled(self.clip_list)
        row = QHBoxLayout(body)
        row.setContentsMargins(16, 12, 16, 8)
        row.setSpacing(12)
        row.addWidget(self.clip_scroll)
        row.addWidget(self._column, 1)
        self._cover(body, self.invitation)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def _dress(self) -> None:
        """Colours of the present theme."""
        theme = colours(self)
        for pane in self._panes:
            pane.dress(theme)

    @Slot()
    def _show_times(self) -> None:
        """The lowest of the panes that share an axis of time has it."""
        shown = [pane for pane in self._aligned if not pane.isHidden()]
        for pane in shown:
            pane.plot.show_times(pane is shown[-1])
        if self._take is not None:
            self._draw()

    # --- following the state -----------------------------------------------------------------------------------------

    @property
    def _take(self) -> Take | None:
        return take_of(self._studio, SoundChain)

    @property
    def _chain(self) -> SoundChain:
        """Of the take that is shown, or of the one to come."""
        chain = self._studio.chain
        assert isinstance(chain, SoundChain)
        return chain

    @property
    def _clip(self) -> Clip | None:
        """The selected clip."""
        return self._clips[self._studio.looking.selected] if self._studio.looking.selected < len(self._clips) else None

    @property
    def extent(self) -> int:
        """Steps that the whole view shows: the clip, or while it grows a round length that holds it."""
        take, settings = self._take, self._studio.settings
        extent = self._chain.default_limit
        if take is None:
            return extent if settings is None else max(CLOSEST_STEPS, min(extent, settings.limit))
        return max(take.extent, CLOSEST_STEPS)

    def set_playhead(self, seconds: float | None) -> None:
        for plot in self._plots:
            # A mark that lies outside of the picture would have it painted anew for nothing.
            shown = seconds is not None and plot.shows(seconds)
            plot.playhead.move_to(seconds if shown else None)

    @Slot()
    def _on_take(self) -> None:
        take = self._take
        self._clips = []
        if take is not None:
            self._amplitudes = symbol_amplitudes(self._chain.alphabet)
            self._clips = [Clip(trace, self._amplitudes) for trace in take.traces]
        self.gram.forget()
        self._zoomed = self._zoomed and self._studio.listening.switching
        self.set_playhead(None)
        self._show_loop()
        self.clip_list.clips = self._clips
        self._arrange()
        self.invitation.setVisible(take is None)
        if take is None:
            return
        self._draw_clips()
        self._on_grown()
        self.gram.explain()

    @Slot()
    def _prepare(self) -> None:
        """Under the invitation, makes room for the take to come: all of it would else be laid out at its first step."""
        if self._take is None and self._studio.settings is not None:
            self._arrange()

    def _arrange(self) -> None:
        """Axes and list of clips for the take that is shown, or for the one to come."""
        studio = self._studio
        if not isinstance(studio.chain, SoundChain):
            return
        count = len(self._clips) if self._take is not None or studio.settings is None else studio.settings.count
        self.clip_scroll.setVisible(count > 1)
        self.clip_list.setMinimumHeight(ROW_HEIGHT * count)
        # Under the invitation nobody sees where Tab has led.
        reached = Qt.FocusPolicy.StrongFocus if self._clips else Qt.FocusPolicy.NoFocus
        self.clip_list.setFocusPolicy(reached)
        self.gram.show_levels(self._chain.alphabet)
        self._fit()

    @Slot()
    def _on_branches(self) -> None:
        take = self._take
        if take is None:
            return
        for n, trace in enumerate(take.traces):
            if self._clips[n].trace is not trace:
                self._clips[n] = Clip(trace, self._amplitudes)
        self._draw_clips()
        self._show_loop()
        self._on_grown()

    @Slot()
    def _on_grown(self) -> None:
        if self._take is None:
            return
        if self.isVisible() and len(self._clips) > 1 and not self._clips_due.isActive():
            self._clips_due.start(CLIPS_DELAY_MS)
        self._frame += 1
        self._fit()
        self._draw(below=self._below_due)
        self._on_marks()

    @property
    def _below_due(self) -> bool:
        """Whether what lies under the wave is drawn in this frame: a walk wants the processor, too."""
        return not self._studio.running or self._frame % BELOW_EVERY == 0

    @Slot()
    def _draw_clips(self) -> None:
        """The list of clips catches up; less often than the selected clip, since it costs as many times as much."""
        if self._take is not None:
            for clip in self._clips:
                clip.sync()
            self.clip_list.span = self.extent
            self.clip_list.update()

    @Slot()
    def _on_view(self) -> None:
        self.bits.show_overlay(self._studio.overlay)  # of images too, while one of them is shown
        self.spectrogram.follow_settings()
        self._column.want(self._studio.spectrum.shown)
        self._show_times()

    @Slot()
    def _on_selection(self) -> None:
        clip = self._clip
        if clip is None:
            return
        if self._shown_trace is not clip.trace:
            self.clip_list.update()
            self._fit()
            self._show_loop()
            self.gram.explain()
        self._on_marks()

    def _fit(self) -> None:
        """The limits of zooming, and the whole clip in view unless the user zoomed in."""
        rate, extent = self._chain.rate, self.extent
        view = self.wave.plot.view
        for pane in self._aligned:
            pane.plot.view.setLimits(
                xMin=0, xMax=extent / rate, minXRange=CLOSEST_STEPS / rate, maxXRange=extent / rate
            )
        if not self._zoomed:
            view.setXRange(0, extent / rate, padding=0)

    @Slot()
    def show_whole(self) -> None:
        """The whole clip again."""
        self._zoomed = False
        if self._take is not None:
            self._fit()

    @Slot()
    def _on_zoom(self) -> None:
        (left, right), _ = self.wave.plot.view.viewRange()
        self._zoomed = (right - left) * self._chain.rate < self.extent * 0.999 if self._take is not None else False

    def _on_zoom_below(self, plot: TimePlot, *_axes: object) -> None:
        """The wheel over what lies under the wave zooms the wave, which takes the others along."""
        self.wave.plot.view.setXRange(*plot.view.viewRange()[0], padding=0)
        self._on_zoom()

    @Slot()
    def _on_range(self) -> None:
        for below in (self.spectrogram, self.bits):
            below.plot.view.setXRange(*self._view, padding=0)
        if self._take is not None:
            self._draw()
            self.gram.fit()
            self._want_gram()

    # --- drawing -----------------------------------------------------------------------------------------------------

    @property
    def _view(self) -> tuple[float, float]:
        """The seconds that the wave shows."""
        (left, right), _ = self.wave.plot.view.viewRange()
        return left, right

    def _in_view(self, clip: Clip) -> InView:
        return in_view(self.wave.plot, self._chain.rate, len(clip.wave))

    def _draw(self, *, below: bool = True) -> None:
        """What is in view, at the resolution of the screen. below: not the wave alone."""
        clip = self._clip
        if clip is None:
            return
        clip.sync()
        self._shown_trace = clip.trace
        view, end = self._in_view(clip), self.extent / self._chain.rate
        self.wave.draw(clip, view, end, self._more_facts(view.rate))
        self._draw_behind()
        for marks in self.clamped:
            marks.show_trace(clip.trace, view.rate)
        if below:
            self.spectrogram.draw(clip, view, end)
            self.bits.draw(clip, view, end, self._chain, self._studio.overlay)

    @Slot()
    def _on_cursor(self) -> None:
        """Where the user moves the cursor, the gram goes along; what only grows leaves it where the mouse keeps it."""
        studio = self._studio
        if studio.looking.hovered is None and not (studio.running and studio.looking.following):
            self.gram.held = False
        self._on_marks()

    @Slot()
    def _on_marks(self) -> None:
        """Frontier, inspected and hovered step, lens and read-out."""
        clip, studio = self._clip, self._studio
        if clip is None or self._take is None:
            return
        rate, length = self._chain.rate, len(clip.wave)
        looking = studio.looking
        mine, pinned = (
            pointer if pointer is not None and pointer.sample == looking.selected else None
            for pointer in (looking.hovered, looking.pinned)
        )
        looked_at = pinned.step if pinned is not None else None if looking.following else looking.cursor
        steps = (
            None if clip.trace.finished or not length else length,
            looked_at,
            None if mine is None else mine.step,
        )
        pictured = self.gram.steps
        for plot in self._plots if self._below_due else (self.wave.plot, self.gram.plot):
            for line, step in zip((plot.frontier, plot.inspected, plot.hovered), steps, strict=True):
                # A line that lies outside of the picture would have it painted anew for nothing.
                place(line, None if step is None or (plot is self.gram.plot and step not in pictured) else step / rate)
        self._show_facts(mine or pinned)
        self._want_gram()

    def _show_facts(self, pointer: Pointer | None) -> None:
        take, clip = self._take, self._clip
        if pointer is None or take is None or clip is None:
            self.read_out.show_facts([])
            return
        seconds = pointer.step / self._chain.rate
        facts = [f"{1000 * seconds:.{MS_DIGITS}f} ms", f"sample {grouped(pointer.step)}"]
        if self._pointed_height is not None and pointer == self._studio.looking.hovered:
            facts += self.spectrogram.facts_at(seconds, self._pointed_height)
        if pointer.step < len(clip.wave):
            amplitude = float(clip.wave.values(pointer.step, pointer.step + 1)[0])
            facts += [f"amplitude {amplitude:+.3f}".replace("-", "−"), decibels(abs(amplitude))]
        self.read_out.show_facts(facts + step_facts(take, pointer))

    def _want_gram(self) -> None:
        clip = self._clip
        if clip is not None:
            view = self._in_view(clip)
            self.gram.want((view.start, view.stop))

    @Slot(float, float)
    def _move_lens(self, left: float, right: float) -> None:
        self.wave.lens.cover(left, right, -1, 1)

    # --- loop, and the two sides of a comparison ---------------------------------------------------------------------

    def in_view(self) -> tuple[int, int] | None:
        clip = self._clip
        if clip is None or not len(clip.wave):
            return None
        left, right = (round(seconds * self._chain.rate) for seconds in self._view)
        return max(0, left), min(right, len(clip.wave))

    @Slot()
    def _show_loop(self) -> None:
        loop = self._studio.listening.loop if self._take is not None else None
        seconds = None if loop is None else (loop.start / self._chain.rate, loop.stop / self._chain.rate)
        for pane in self._aligned:
            pane.plot.show_loop(seconds)
        if self._take is not None:
            self._draw()

    @Slot(float, float, bool)
    def _on_stretched(self, anchor: float, seconds: float, done: bool) -> None:
        """A loop is drawn with the mouse: heard when it is let go of."""
        clip = self._clip
        if clip is None:
            return
        rate, length = self._chain.rate, len(clip.wave)
        start, stop = (min(max(0, round(at * rate)), length) for at in sorted((anchor, seconds)))
        if done:
            self._studio.listening.set_loop(start, stop)
            self._show_loop()  # as it was, where nothing came of it
            if stop > start and self._studio.activity is Activity.IDLE:
                self._studio.replay.start()
        else:
            for pane in self._aligned:
                pane.plot.show_loop((start / rate, stop / rate))

    @Slot()
    def _show_sides(self) -> None:
        listening, other = self._studio.listening, self._studio.listening.other
        self.wave.show_sides(held=listening.b is not None, shows_b=listening.shows_b)
        self._behind, self._behind_said = None, []
        if other is not None:
            self._behind = Clip(other.trace, symbol_amplitudes(other.take.chain.alphabet))
            self._behind_rate = other.rate
            self._behind_said = [f"behind it {'A' if listening.shows_b else 'B'}: {other.describe(self._take)}"]
        if self._take is not None:
            self._draw()

    @Slot(str)
    def _choose_side(self, side: str) -> None:
        listening = self._studio.listening
        if (side == "B") is not listening.shows_b:
            listening.switch()
        self._show_sides()  # as it was, where there is nothing to switch to

    def _draw_behind(self) -> None:
        behind = self._behind
        if behind is None:
            self.wave.clear_behind()
            return
        behind.sync()
        self.wave.draw_behind(behind, in_view(self.wave.plot, self._behind_rate, len(behind.wave)))

    def _more_facts(self, rate: int) -> list[str]:
        loop, given = self._studio.listening.loop, 0 if self._take is None else len(self._take.given)
        return [
            *([f"{given / rate:.2f} s of it given"] if given else []),
            *([] if loop is None else [f"loop {1000 * len(loop) / rate:.1f} ms"]),
            *self._behind_said,
        ]

    # --- pointing ----------------------------------------------------------------------------------------------------

    def _step_at(self, seconds: float) -> int | None:
        """The step at a time, if it has a conditional: it is drawn, or it is the very next."""
        clip = self._clip
        if clip is None:
            return None
        step = round(seconds * self._chain.rate)
        last = len(clip.trace) - 1 if clip.trace.finished else len(clip.trace)
        return step if 0 <= step <= last else None

    @Slot(object)
    def _on_pointed(self, seconds: float | None) -> None:
        spectrogram = self.spectrogram.plot
        self._pointed_height = spectrogram.pointed_height if self.sender() is spectrogram else None
        if seconds is not None:
            self.gram.held = self.sender() is self.gram.plot
        elif self._studio.looking.hovered is not None:
            self.gram.held = True
        step = self._step_at(seconds) if seconds is not None and self._take is not None else None
        hovered = None if step is None else Pointer(self._studio.looking.selected, step)
        if hovered is not None and hovered == self._studio.looking.hovered:
            self._show_facts(hovered)  # of the same step, another frequency
        self._studio.looking.hover(hovered)

    @Slot(float)
    def _on_click(self, seconds: float) -> None:
        if self._take is None:
            return
        step = self._step_at(seconds)
        pointer = None if step is None else Pointer(self._studio.looking.selected, step)
        self._studio.looking.pin(None if pointer == self._studio.looking.pinned else pointer)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.gram.held = False
        self._on_marks()

    # --- changes of size and look ------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._take is not None:
            self._draw()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._dress()
        return super().event(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._draw_clips()

    def hideEvent(self, event: QHideEvent) -> None:
        self._clips_due.stop()
        super().hideEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()
        super().changeEvent(event)


def main() -> int:
    from studio.canvas.demo import SPEECH_CHAIN, show_alone

    return show_alone(SoundCanvas, SPEECH_CHAIN, 4)


if __name__ == "__main__":
    raise SystemExit(main())
