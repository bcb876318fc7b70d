"""The conditional-gram: all conditionals of a short stretch side by side, with the path that was drawn through them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QHideEvent, QShowEvent

from models.chain import Alphabet, SoundChain
from models.heat import heat_table
from models.trace import Trace
from studio.canvas.clip import Clip
from studio.canvas.time_plot import Pane, TimePlot
from studio.messages import Gram, pictured
from studio.state import Activity, Studio
from studio.theme import DARK, Theme

GRAM_SECONDS = 0.025
"""The stretch whose conditionals are pictured."""

GRAM_EDGE = 0.08
"""The picture moves on when the inspected step comes this close to its ends, as a part of its width."""

GRAM_DELAY_MS, GRAM_RUNNING_DELAY_MS = 20, 200
"""A picture is asked for this long after it is wanted: many moves are one request, and a walk is not slowed down."""


class ConditionalGram(Pane):
    """Time by amplitude; brightness is probability. It follows the inspected step, under a lens on the wave."""

    arrived = Signal()
    """Another stretch is pictured."""
    lens_moved = Signal(float, float)
    """Where the picture lies, in seconds; nowhere (left = right) where the wave shows just that."""

    def __init__(
        self, studio: Studio, clip: Callable[[], Clip | None], view: Callable[[], tuple[float, float]]
    ) -> None:
        """clip: what is shown; view: the seconds that the wave shows of it."""
        super().__init__("Conditional-gram", TimePlot("Conditional-gram", zooms=False))
        self._studio = studio
        self._shown_clip = clip
        self._view = view
        self._alphabet: Alphabet | None = None
        """The one whose levels the axis shows."""
        self.gram: Gram | None = None
        self.wanted: tuple[Trace, int, int] | None = None
        self.held = False
        """Whether the stretch stays where it is while the mouse is on its way to the picture, or over it."""
        self._ask = QTimer(self, singleShot=True)
        self._ask.timeout.connect(self._request)
        self.picture = pg.ImageItem(axisOrder="col-major")
        self.picture.setLookupTable(heat_table())
        self.path = pg.PlotCurveItem(antialias=True)
        for item in (self.picture, self.path):
            self.plot.addItem(item, ignoreBounds=True)
        studio.gram_ready.connect(self._on_gram)
        for signal in (studio.model_changed, studio.activity_changed):
            signal.connect(self.explain)

    def dress(self, theme: Theme) -> None:
        self.plot.dress(theme, DARK)  # its picture is dark in every theme
        self.path.setPen(pg.mkPen(QColor(255, 255, 255, 190), width=1))

    def show_levels(self, alphabet: Alphabet) -> None:
        """The axis of an alphabet: its levels, or the amplitudes of the rows that stand for too many of them."""
        if alphabet == self._alphabet:
            return
        self._alphabet, rows = alphabet, pictured(alphabet)
        self.plot.setYRange(0, rows.levels, padding=0)
        ticks = []
        for value in range(0, rows.levels + 1, max(1, rows.levels // 4)):
            row = min(value, rows.levels - 1)
            ticks.append((value, str(row) if rows is alphabet else f"{rows.decode(row):+d}".replace("-", "−")))
        self.plot.getAxis("left").show_labels(ticks)

    @property
    def steps(self) -> range:
        """Those that are pictured, and the next."""
        return range(0) if self.gram is None else range(self.gram.start, self.gram.start + len(self.gram.image) + 1)

    @property
    def _clip(self) -> Clip | None:
        return self._shown_clip()

    @property
    def _chain(self) -> SoundChain:
        chain = self._studio.chain
        assert isinstance(chain, SoundChain)
        return chain

    @property
    def _close_up(self) -> tuple[float, float] | None:
        """The seconds that the wave shows where they are fewer than the gram's: then it shows the same."""
        left, right = self._view()
        return (left, right) if right - left < GRAM_SECONDS else None

    # --- what is wanted ----------------------------------------------------------------------------------------------

    def want(self, visible: tuple[int, int]) -> None:
        """Finds the stretch to picture and asks for it a little later, so that a drag is not a hundred requests.

        visible: the steps that the wave shows.
        """
        clip = self._clip
        if clip is None or not len(clip.wave):
            return
        wanted = self.wanted
        stretch = visible if self._close_up is not None else self._stretch(clip, len(clip.wave))
        if stretch is None or stretch[0] >= stretch[1]:
            return
        if wanted is not None and wanted[0] is clip.trace and wanted[1:] == stretch:
            return
        self.wanted = (clip.trace, *stretch)
        if not self._ask.isActive():
            self._ask.start(GRAM_RUNNING_DELAY_MS if self._studio.running else GRAM_DELAY_MS)

    def _stretch(self, clip: Clip, length: int) -> tuple[int, int] | None:
        """The steps [start, stop) about the inspected one, or those before where they still do."""
        span, wanted = max(2, round(GRAM_SECONDS * self._chain.rate)), self.wanted
        pointer = self._studio.looking.inspected_pointer
        if pointer is None or pointer.sample != self._studio.looking.selected:
            return None
        if wanted is not None and wanted[0] is clip.trace:
            _, start, stop = wanted
            edge = round(GRAM_EDGE * span)
            inside = start + (edge if start else 0) <= pointer.step < stop - (edge if stop < length else 0)
            full = stop - start == min(span, length)
            at_end = pointer.step >= length
            if full and (self.held or inside or (at_end and stop == length)):
                return start, stop
        centre = min(pointer.step, length)
        start = max(0, min(centre - span // 2, length - span))
        return start, min(length, start + span)

    @Slot()
    def _request(self) -> None:
        if self.wanted is not None and self.isVisible() and self._studio.looks_into:
            self._studio.request_gram(*self.wanted)

    # --- what is shown -----------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """The seconds that the picture shows, and the lens on the wave that tells where they lie."""
        gram, close_up = self.gram, self._close_up
        if gram is None:
            return
        rate, steps = self._chain.rate, len(gram.image)
        left, right = gram.start / rate, (gram.start + steps) / rate
        # A step's column is centred on it.
        shown = (left - 0.5 / rate, right - 0.5 / rate) if close_up is None else close_up
        self.plot.setXRange(*shown, padding=0)
        self.lens_moved.emit(left, right if close_up is None else left)
        start, seconds = (left, right - left) if close_up is None else (close_up[0], close_up[1] - close_up[0])
        self.facts.say(f"{1000 * seconds:.0f} ms from {start:.4f} s · brighter = more probable")

    @Slot()
    def explain(self) -> None:
        """Says why there is no picture, and asks for it as soon as it can be made."""
        clip = self._clip
        if clip is None or (self.gram is not None and self.gram.trace is clip.trace):
            return
        self.drop()
        if self._studio.looks_into:
            self.facts.say("")
            if self.isVisible():
                self._ask.start(GRAM_DELAY_MS)
        elif self._studio.activity is Activity.LOADING:
            self.facts.say("needs the model, which is being loaded")
        else:
            self.facts.say("needs the model that made this take: it is not loaded")

    def forget(self) -> None:
        """Another take is shown."""
        self.drop()
        self.wanted = None
        self.held = False

    def drop(self) -> None:
        """The picture of another clip than the one that is shown."""
        self.gram = None
        self.facts.say("")
        self.picture.hide()
        self.lens_moved.emit(0.0, 0.0)
        self.path.setData([], [])

    @Slot(object)
    def _on_gram(self, gram: Gram) -> None:
        clip = self._clip
        if clip is None or gram.trace is not clip.trace:
            return
        self.gram = gram
        rate, steps, levels = self._chain.rate, *gram.image.shape
        self.picture.setImage(gram.image, levels=(0, 255), autoLevels=False)
        # A step's column and a value's row are centred on them.
        self.picture.setRect(QRectF((gram.start - 0.5) / rate, -0.5, steps / rate, levels))
        self.picture.show()
        alphabet = self._chain.alphabet
        symbols = gram.trace.symbols[gram.start : gram.start + steps]
        symbols, rows = symbols[symbols < alphabet.levels], pictured(alphabet)
        path = symbols if rows is alphabet else rows.encode(alphabet.decode(symbols))
        self.path.setData((gram.start + np.arange(len(path))) / rate, path.astype(np.float32))
        self.fit()
        self.arrived.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask.start(GRAM_DELAY_MS)

    def hideEvent(self, event: QHideEvent) -> None:
        self._ask.stop()
        super().hideEvent(event)
