"""Images that are drawn along a hand that moves a control: each replaces the one before."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from models.trace import Take
from studio.inference import InferenceThread

REST_MS = 500
"""How long a hand must rest on an image for it to be kept."""


class DrawingAlong(QObject):
    """The image that the hand is at, while it only passes: it is in no history.

    It is kept as soon as anything else happens than that the hand moves on: when the hand rests, when another take is
    shown, when somebody works on it, when the program ends.
    """

    kept = Signal()

    def __init__(self, worker: InferenceThread, parent: QObject) -> None:
        super().__init__(parent)
        self.moved_on = False
        """Whether the hand has moved on while that was being drawn."""
        self._last = ""
        """The image that was drawn along last, by its take."""
        self._worker = worker
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.keep)

    @property
    def passing(self) -> Take | None:
        return self._worker.passing

    def replace(self, take: Take) -> None:
        """The hand has moved on from the image that it was at, and this one is drawn."""
        self._rest.stop()
        self._worker.passing = take
        self._last = take.id

    def drew(self, take: Take | None) -> bool:
        """Whether this is the image that was drawn along last, kept or not."""
        return take is not None and take.id == self._last

    def drawn(self) -> None:
        """What passes is drawn as far as it goes for now: the hand may rest on it."""
        self._rest.start()

    @Slot()
    def keep(self) -> None:
        """What passes, if anything does, goes into the history."""
        self._rest.stop()
        take, self._worker.passing = self._worker.passing, None
        if take is not None:
            self._worker.save(take)
            self.kept.emit()
