"""The conditional at the step that one looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from models.shaping import Shaping
from models.trace import Trace
from studio.messages import Inspection, InspectRequest

if TYPE_CHECKING:
    from studio.state import Studio


class FollowedInspection(QObject):
    """Asks the inference thread for what the inspector shows; of what it answers, only the latest is passed on."""

    answered = Signal(object)
    """An ``Inspection`` of the step that the inspector looks at."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._studio = studio
        self._token = 0
        self._followed: tuple[Trace, Shaping] | None = None
        """What the inspector follows."""
        studio.worker.inspected.connect(self._on_inspected)

    def ask(self) -> None:
        """Asks for the conditional at the inspected pointer; an older request not yet served is forgotten."""
        studio, pointer = self._studio, self._studio.looking.inspected_pointer
        if pointer is None or studio.take is None or studio.settings is None or studio.loaded is None:
            self._token += 1
            self._followed = None
            return
        trace = studio.take.samples[pointer.sample].trace
        shaping = trace.segment_at(pointer.step).shaping if studio.keeps_shapings else studio.settings.shaping
        follow = studio.running and studio.looking.following and not (studio.looking.hovered or studio.looking.pinned)
        followed = (trace, shaping) if follow else None
        if followed is None or followed != self._followed:
            # An answer still on its way is about something else; while the same trace is followed it is not, and
            # would always come too late where a step takes longer than a report.
            self._token += 1
        self._followed = followed
        request = InspectRequest(self._token, studio.take, pointer.sample, trace, pointer.step, shaping, follow=follow)
        studio.worker.inspect(request)

    @Slot(object)
    def _on_inspected(self, inspection: Inspection) -> None:
        if inspection.token == self._token:
            self.answered.emit(inspection)
