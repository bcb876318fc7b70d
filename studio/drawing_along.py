"""Images that are drawn along a hand that moves a control: each replaces the one before."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from models.trace import Take
from studio.inference import InferenceThread

MOST_DRAGS = 200
"""Of which what they have drawn can be shown again."""
REST_MS = 500
"""How long a hand must rest on an image for it to be kept."""


class Side(Enum):
    """Of a drag."""

    BEFORE = "before"
    AFTER = "after"


class DrawingAlong(QObject):
    """The image that the hand is at, while it only passes: it is in no history.

    It is kept as soon as anything else happens than that the hand moves on: when the hand rests, when another take is
    shown, when somebody works on it, when the program ends.
    """

    kept = Signal()

    def __init__(self, worker: InferenceThread, parent: QObject) -> None:
        super().__init__(parent)
        self.drawing = False
        """Whether that is still being drawn as far as the one before was: it is waited for."""
        self.moved_on: Callable[[], None] | None = None
        """Draws the place that the hand has moved on to meanwhile."""
        self.goes_on: Callable[[], None] | None = None
        """Goes on as what the hand met in the middle of its walk did."""
        self._of_drags: dict[int, dict[Side, Take | None]] = {}
        """What was shown before each drag, and what after it."""
        self._worker = worker
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.keep)

    @property
    def passing(self) -> Take | None:
        return self._worker.passing

    def replace(self, take: Take, drag: int | None, before: Take | None, goes_on: Callable[[], None] | None) -> None:
        """The hand has moved on from the image that it was at, and this one is drawn.

        drag: its number. before: what was shown. goes_on: what follows, unless the hand has moved on again by then.
        """
        self._rest.stop()
        self._worker.passing = take
        self.drawing, self.moved_on, self.goes_on = True, None, goes_on
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
        follows = self.moved_on or self.goes_on
        self.stay()
        self._rest.start()
        if follows is not None:
            follows()

    def stay(self) -> None:
        """Nothing follows what is drawn."""
        self.drawing, self.moved_on, self.goes_on = False, None, None

    @Slot()
    def keep(self) -> None:
        """What passes, if anything does, goes into the history."""
        self._rest.stop()
        take, self._worker.passing = self._worker.passing, None
        if take is not None:
            self._worker.save(take)
            self.kept.emit()
