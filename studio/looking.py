"""Where one looks at the take that is shown: at which sample, at which step of it, and what is kept in view.

Two positions matter. The *frontier* is the end of what is drawn. The *cursor* is the step the user looks at, from 0 to
the frontier, where it stands on the step not yet drawn. Scrubbing moves the cursor and leaves generation alone; while
``following`` it stays at the frontier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from models.trace import Take

if TYPE_CHECKING:
    from studio.state import Studio


@dataclass(frozen=True)
class Pointer:
    """One step of one sample of the take that is shown."""

    sample: int
    step: int


@dataclass(frozen=True)
class Place:
    """Where one looked at a take, see ``Looking``."""

    selected: int = 0
    cursor: int = 0
    following: bool = True
    pinned: Pointer | None = None


class Looking(QObject):
    """The selected sample, the cursor, whether it follows, and what is pinned or hovered."""

    cursor_changed = Signal()
    selection_changed = Signal()
    """Another sample is selected, or another step is pinned or hovered."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.selected = 0
        self.cursor = 0
        self.following = True
        self.pinned: Pointer | None = None
        self.hovered: Pointer | None = None
        self._studio = studio
        self.places: dict[str, Place] = {}
        """Where one looked at each take when one left it."""

    # --- from take to take -----------------------------------------------------------------------------------------

    def leave(self, take: Take) -> None:
        """Another take is about to be shown."""
        self.places[take.id] = Place(self.selected, self.cursor, self.following, self.pinned)

    def come_to(self, take: Take | None) -> None:
        """To where this one was left. Announces nothing: it is not shown yet."""
        place = self.places.get(take.id, Place()) if take is not None else Place()
        self.selected, self.following, self.pinned, self.hovered = place.selected, place.following, place.pinned, None
        self.cursor = 0 if take is None else take.frontier if self.following else min(place.cursor, take.longest)

    def remember(self, take: Take, selected: int, pinned: Pointer | None) -> None:
        """Where to come to in a take that was never shown."""
        self.places[take.id] = Place(selected, pinned=pinned)

    def forget(self, take_id: str) -> None:
        """Nobody comes back to this take."""
        self.places.pop(take_id, None)

    # --- cursor ----------------------------------------------------------------------------------------------------

    def move_cursor(self, step: int) -> None:
        """Looks at a step; the frontier's is the one not yet drawn."""
        take = self._studio.take
        if take is None:
            return
        step = min(max(0, step), take.longest)
        self.following = step >= take.longest
        self._studio.replay.go_on_from(step)
        held = self.pinned or self.hovered
        self.pinned = self.hovered = None  # a mouse that lies still on a pixel must not hide where the keys go
        self.put_cursor(step)
        if held is not None:
            self.selection_changed.emit()

    def follow(self) -> None:
        """End: the cursor follows the frontier again."""
        held, self.pinned = self.pinned, None
        self.follow_walk()
        if held is not None:
            self.selection_changed.emit()

    def follow_walk(self) -> None:
        """The cursor follows the frontier; what is pinned stays so."""
        self.following = True
        if self._studio.take is not None:
            self.put_cursor(self._studio.take.frontier)

    def put_cursor(self, step: int) -> None:
        """For what moves it by itself, a walk or a replay: whether it follows the frontier stays."""
        if step != self.cursor:
            self.cursor = step
            self.cursor_changed.emit()
        self._studio.inspection.ask()

    def fit(self, take: Take) -> None:
        """Other branches of the take are shown, which may end elsewhere. Announces nothing."""
        self.cursor = take.frontier if self.following else min(self.cursor, take.longest)

    # --- selecting and inspecting ----------------------------------------------------------------------------------

    def select(self, sample: int) -> None:
        take = self._studio.take
        if take is not None and 0 <= sample < len(take.samples) and sample != self.selected:
            self.selected = sample
            if self.pinned is not None and self.pinned.sample != sample:
                self.pinned = None
            self.selection_changed.emit()
            self._studio.inspection.ask()

    def pin(self, pointer: Pointer | None) -> None:
        """A click on a pixel or a sample: the inspector and the edits stay with it."""
        if pointer is not None:
            self.select(pointer.sample)
        self.pinned = pointer
        self.selection_changed.emit()
        self._studio.inspection.ask()

    def hover(self, pointer: Pointer | None) -> None:
        if pointer != self.hovered:
            self.hovered = pointer
            self.selection_changed.emit()
            self._studio.inspection.ask()

    @property
    def inspected_pointer(self) -> Pointer | None:
        """What the inspector shows: what is hovered, else pinned, else the cursor of the selected sample."""
        take = self._studio.take
        if take is None:
            return None
        pointer = self.hovered or self.pinned or Pointer(self.selected, self.cursor)
        return _within(take, pointer) if pointer.sample < len(take.samples) else None

    @property
    def edit_pointer(self) -> Pointer | None:
        """Where a value would be put: what is pinned, else the cursor of the selected sample."""
        if self._studio.take is None:
            return None
        return _within(self._studio.take, self.pinned or Pointer(self.selected, self.cursor))


def _within(take: Take, pointer: Pointer) -> Pointer:
    """The pointer, at most at the step not yet drawn, or at the last one of a trace that has ended."""
    trace = take.samples[pointer.sample].trace
    last = len(trace) - 1 if trace.finished else len(trace)
    return Pointer(pointer.sample, min(pointer.step, max(0, last)))
