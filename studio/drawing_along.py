"""Images that are drawn along a hand that moves a control: each replaces the one before."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication

from models.sweep import ALIKE, swept
from models.trace import Take, new_take

if TYPE_CHECKING:
    from studio.state import Studio

MOST_DRAGS = 200
"""Of which what they have drawn can be shown again."""
REST_MS = 500
"""How long a hand must have let go, or a key be left, for an image to be kept."""


class Side(Enum):
    """Of a drag."""

    BEFORE = "before"
    AFTER = "after"


class DrawingAlong(QObject):
    """The image that the hand is at, while it only passes: it is in no history.

    It is kept as soon as anything else happens than that the hand moves on: when the hand rests and holds nothing any
    more, when another take is shown, when somebody works on it, when the program ends.
    """

    kept = Signal()

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.drawing = False
        """Whether that is still being drawn as far as the one before was: it is waited for."""
        self._studio = studio
        self._worker = studio.worker
        self._moved_on: Callable[[], None] | None = None
        """Draws the place that the hand has moved on to meanwhile."""
        self._goes_on: Callable[[], None] | None = None
        """Goes on as what the hand met in the middle of its walk did."""
        self._of_drags: dict[int, dict[Side, Take | None]] = {}
        """What was shown before each drag, and what after it."""
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._on_rest)

    @property
    def passing(self) -> Take | None:
        return self._worker.passing

    def draw(self, drag: int | None = None) -> None:
        """A new image under the present settings, as fast as it goes and on the noise of what is shown.

        For a hand that moves a control; drag: the number under which it changes it. What is drawn in part is drawn as
        far, and what is being drawn then goes on from there as it did. It is waited for while an image is drawn; what
        the hand rests on comes into the history, what it only passes does not. Nothing happens to sounds, nor while
        something runs that the settings alone do not make: a completion, a sweep, an edit.
        """
        studio = self._studio
        if studio.settings is None or studio.loaded is None or studio.loaded.reference.chain.modality != "image":
            return
        goes_on: Callable[[], None] | None = None
        if studio.running:
            if self.drawing:
                goes_on = self._goes_on
            elif not studio.paused_by_user:
                goes_on = partial(studio.go_on, studio.walking_until)
            if self.passing is not None:
                self._moved_on = partial(self._draw, drag, goes_on)
                if not self.drawing:
                    self._worker.pause()
                return
            if not self._made_by_settings:
                return
        self._draw(drag, goes_on)

    def _draw(self, drag: int | None, goes_on: Callable[[], None] | None) -> None:
        """goes_on: what follows when the image is there as far as the one that is shown."""
        studio = self._studio
        assert studio.settings is not None
        assert studio.loaded is not None
        studio.replay.end()
        until = studio.frontier if goes_on is not None or (studio.can_go_on and self._made_by_settings) else None
        seed = studio.shown_seed if studio.looks_into and not studio.keeps_seed else None
        reference, limit, passing = studio.loaded.reference, studio.settings.limit, self.passing
        selected, pinned = studio.looking.selected, studio.looking.pinned

        def make(count: int, **fields: Any) -> Take:
            take = new_take(reference, limit=limit, count=count, **fields)
            if selected < count:
                studio.looking.remember(take, selected, pinned)
            self._replace(take, drag, studio.take, goes_on)
            return take

        studio.begin_with(make, until, pace=math.inf, seed=seed)
        if passing is not None and passing is not studio.take:
            studio.looking.forget(passing.id)

    @property
    def _made_by_settings(self) -> bool:
        """Whether Generate alone makes what is shown: it is no completion and no sweep, and was not edited."""
        take = self._studio.take
        if take is None or not self._studio.looks_into or take.given or swept(take) != ALIKE:
            return False
        return all(len(sample.branches) == 1 for sample in take.samples)

    def _replace(self, take: Take, drag: int | None, before: Take | None, goes_on: Callable[[], None] | None) -> None:
        """The hand has moved on from the image that it was at, and this one is drawn.

        drag: its number. before: what was shown. goes_on: what follows, unless the hand has moved on again by then.
        """
        self._rest.stop()
        self._worker.passing = take
        self.drawing, self._moved_on, self._goes_on = True, None, goes_on
        if drag is not None:
            self._of_drags.setdefault(drag, {Side.BEFORE: before})[Side.AFTER] = take
            if len(self._of_drags) > MOST_DRAGS:
                del self._of_drags[next(iter(self._of_drags))]

    def shown(self, drag: int | None, side: Side) -> Take | None:
        """What was shown before a drag or after it, if it has drawn anything and that is not deleted."""
        take = self._of_drags.get(drag, {}).get(side) if drag is not None else None
        return None if take is None or self._worker.forgets(take.id) else take

    def drawn(self) -> None:
        """What passes is drawn as far as it goes for now: the hand may rest on it, unless it has moved on."""
        follows = self._moved_on or self._goes_on
        self.stay()
        self._rest.start()
        if follows is not None:
            follows()

    def stay(self) -> None:
        """Nothing follows what is drawn."""
        self.drawing, self._moved_on, self._goes_on = False, None, None

    @Slot()
    def _on_rest(self) -> None:
        if QGuiApplication.mouseButtons() == Qt.MouseButton.NoButton:
            self.keep()
        else:
            self._rest.start()  # a drag that halts is not over, and is to leave one image behind

    @Slot()
    def keep(self) -> None:
        """What passes, if anything does, goes into the history."""
        self._rest.stop()
        take, self._worker.passing = self._worker.passing, None
        if take is not None:
            self._worker.save(take)
            self.kept.emit()
