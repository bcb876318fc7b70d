"""What has to do with the step that one looks at, for as long as the canvas is to show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from models.trace import Trace
from studio.messages import Influence, InfluenceRequest

if TYPE_CHECKING:
    from studio.looking import Pointer
    from studio.state import Studio


class FollowedInfluence(QObject):
    """Follows the edit pointer of the studio, and asks the inference thread whenever that is at another step."""

    changed = Signal()
    """``found`` is another one, or none; or it is awaited, or not any more."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.found: Influence | None = None
        self.awaited = False
        """Whether it is being computed."""
        self._studio = studio
        self._token = 0
        self._of: tuple[Trace, Pointer] | None = None
        """What was asked for last."""
        studio.worker.influence_found.connect(self._on_found)
        studio.worker.influence_failed.connect(self._on_failed)
        for changed in (
            studio.looking.selection_changed, studio.looking.cursor_changed, studio.view_changed, studio.take_changed,
            studio.branches_changed, studio.activity_changed,
            studio.grown,  # particles give way as they grow
        ):  # fmt: skip
            changed.connect(self._look)

    @Slot()
    def _look(self) -> None:
        """Asks for what has to do with the step at the edit pointer, if it is drawn and anybody wants to see it."""
        studio = self._studio
        if studio.overlay != "influence" and self._of is None:
            return  # nobody wants to see it: growth and the mouse come by here many times a second
        pointer = studio.looking.edit_pointer
        wanted = None
        if studio.overlay == "influence" and studio.take is not None and pointer is not None and studio.looks_into:
            trace = studio.take.samples[pointer.sample].trace
            if pointer.step < len(trace) and (studio.looking.pinned is not None or not studio.running):
                wanted = (trace, pointer)
        if wanted == self._of:
            return
        self._of = wanted
        self._token += 1
        self.show(None, awaited=wanted is not None)  # the one that is shown is about something else
        if wanted is not None and studio.take is not None:
            trace, pointer = wanted
            request = InfluenceRequest(self._token, studio.take, pointer.sample, trace, pointer.step)
            studio.worker.influence(request)

    @Slot(object)
    def _on_found(self, influence: Influence) -> None:
        if influence.token == self._token:
            self.show(influence)

    @Slot(int)
    def _on_failed(self, token: int) -> None:
        if token == self._token:
            self.show(None)

    def show(self, influence: Influence | None, *, awaited: bool = False) -> None:
        if influence is not self.found or awaited != self.awaited:
            self.found, self.awaited = influence, awaited
            self.changed.emit()
