"""How a sound is listened to: which stretch is played over and over, and which two clips are compared by ear."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from models.catalog import Entry
from models.chain import SoundChain
from models.file_format import made_with
from models.record import shown
from models.trace import Take, Trace

if TYPE_CHECKING:
    from studio.state import Studio

NOTHING_HELD = "Hold a clip as B first (Ctrl+B); then show another one, and B switches between the two."
ONLY_B = "This is B. Show another clip, of this take or of the history: B switches between the two."


@dataclass(frozen=True, eq=False)
class Side:
    """One of two clips: a sample of a take, whichever of its branches is shown."""

    take: Take
    sample: int

    def is_(self, other: Side | None) -> bool:
        return other is not None and self.take is other.take and self.sample == other.sample

    @property
    def trace(self) -> Trace:
        return self.take.samples[self.sample].trace

    @property
    def rate(self) -> int:
        assert isinstance(self.take.chain, SoundChain)
        return self.take.chain.rate

    def describe(self, beside: Take | None) -> str:
        """Condition, seed and shaping, and the model where it is another one than that of the take beside it."""
        model = [] if beside is not None and beside.model.title == self.take.model.title else [self.take.model.title]
        return "; ".join([*model, made_with(shown(self.take, samples=[self.sample]))])


class Listening(QObject):
    """Loop and sides of the studio's sounds. A is whatever was shown last that is not B."""

    loop_changed = Signal()
    sides_changed = Signal()
    """Another clip is held as B, or the other one of the two is shown."""
    leaving = Signal()
    """The other side is about to be shown, of another take: what is heard goes on with it at the same time."""
    arrived = Signal()

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._studio = studio
        self._loop: tuple[int, int] | None = None
        self._rate = 0
        self._a: Side | None = None
        self.b: Side | None = None
        self._said: tuple[Side | None, Side | None, bool] = (None, None, False)
        """A, B, and whether B is shown, when that was announced last."""
        self.switching = False
        """Whether one side takes the place of the other: loop and zoom stay."""
        studio.take_changed.connect(self._on_take)
        studio.looking.selection_changed.connect(self._note_a)

    # --- loop --------------------------------------------------------------------------------------------------------

    @property
    def loop(self) -> range | None:
        """The steps that are played over and over, as far as they are drawn of the clip that is shown."""
        trace = self._studio.trace
        if self._loop is None or trace is None:
            return None
        start, stop = self._loop
        loop = range(start, min(stop, heard_length(trace, self._studio.take)))
        return loop or None

    def set_loop(self, start: int, stop: int) -> None:
        """Plays the steps start … stop - 1 over and over, from the next playing on, or at once."""
        if stop > start >= 0 and (start, stop) != self._loop:
            self._loop = start, stop
            self.loop_changed.emit()

    def clear_loop(self) -> None:
        if self._loop is not None:
            self._loop = None
            self.loop_changed.emit()

    @Slot()
    def _on_take(self) -> None:
        chain = self._studio.chain
        rate = chain.rate if isinstance(chain, SoundChain) else 0
        if not self.switching or rate != self._rate:
            self.clear_loop()
        self._rate = rate
        self._note_a()

    # --- sides -------------------------------------------------------------------------------------------------------

    @property
    def _here(self) -> Side | None:
        take = self._studio.take
        if take is None or not isinstance(take.chain, SoundChain):
            return None
        return Side(take, self._studio.looking.selected)

    @property
    def shows_b(self) -> bool:
        return self.b is not None and self.b.is_(self._here)

    @property
    def other(self) -> Side | None:
        """The side that is not shown, once there are two."""
        return None if self.b is None else self._a if self.shows_b else self.b

    def hold(self) -> None:
        """Holds the clip that is shown as B; lets go of it where it was B already."""
        self._hold(None if self.shows_b else self._here)

    def release(self) -> None:
        """Lets go of B."""
        self._hold(None)

    def _hold(self, side: Side | None) -> None:
        self.b = side
        if self._a is not None and self._a.is_(self.b):
            self._a = None
        self._note_a()

    def switch(self) -> None:
        """Shows the other of the two clips, and plays on with it at the same time where one of them is played."""
        other = self.other
        if other is None:
            self._studio.message.emit(NOTHING_HELD if self.b is None else ONLY_B)
        elif other.take is self._studio.take:
            self._studio.looking.select(other.sample)
        else:
            take = other.take
            self._studio.reader.read_take(lambda check: take, partial(self._show, other))

    def forget(self, take_id: str) -> None:
        """A take was deleted."""
        if self._a is not None and self._a.take.id == take_id:
            self._a = None
        if self.b is not None and self.b.take.id == take_id:
            self.b = None
        self._note_a()

    def _show(self, side: Side, take: Take, entry: Entry | None) -> None:
        self.switching = True
        self.leaving.emit()
        try:
            self._studio.show_with_model(take, entry)
            self._studio.looking.select(side.sample)
        finally:
            self.switching = False
        self._note_a()
        self.arrived.emit()

    @Slot()
    def _note_a(self) -> None:
        here = self._here
        if self.switching:
            return
        if here is not None and not here.is_(self.b) and not here.is_(self._a):
            self._a = here
        sides = (self._a, self.b, self.shows_b) if self.b is not None else (None, None, False)
        if sides != self._said:
            self._said = sides
            self.sides_changed.emit()


def heard_length(trace: Trace, take: Take | None) -> int:
    """How many steps of a trace are samples: a closing stop symbol is none."""
    length = len(trace)
    closed = take is not None and length and int(trace.symbols[length - 1]) == take.chain.alphabet.stop_symbol
    return length - 1 if closed else length
