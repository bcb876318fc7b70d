"""How much the model looked at its source when it wrote the character that one looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from models.trace import Take, Trace
from studio.messages import Attention, AttentionRequest

if TYPE_CHECKING:
    from studio.looking import Pointer
    from studio.state import Studio


class FollowedAttention(QObject):
    """Follows the inspected pointer of the studio, and asks the inference thread whenever that is at another step.

    Of a model without attention there is never any.
    """

    changed = Signal()
    """``found`` is another one, or none."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.found: Attention | None = None
        self._studio = studio
        self._token = 0
        self._of: tuple[Take, Pointer, Trace] | None = None
        """What was asked for last."""
        studio.worker.attention_found.connect(self._on_found)
        for changed in (
            studio.looking.selection_changed, studio.looking.cursor_changed, studio.take_changed,
            studio.branches_changed, studio.grown, studio.activity_changed,
        ):  # fmt: skip
            changed.connect(self._look)

    @Slot()
    def _look(self) -> None:
        studio = self._studio
        if studio.loaded is None or not studio.loaded.attends:
            self._of = None
            return self._show(None)
        pointer, wanted = studio.looking.inspected_pointer, None
        if studio.take is not None and pointer is not None and studio.looks_into:
            wanted = studio.take, pointer, studio.take.samples[pointer.sample].trace
        if wanted == self._of:
            return None
        before, self._of = self._of, wanted
        if before is None or wanted is None or (before[0], before[1].sample) != (wanted[0], wanted[1].sample):
            # Of another text. From step to step of one the picture must not flicker, and while it is written an answer
            # that is on its way would always come too late.
            self._token += 1
            self._show(None)
        if wanted is not None:
            take, at, trace = wanted
            studio.worker.attention(AttentionRequest(self._token, take, trace, at.step))
        return None

    @Slot(object)
    def _on_found(self, attention: Attention) -> None:
        if attention.token == self._token:
            self._show(attention)

    def _show(self, attention: Attention | None) -> None:
        if attention is not self.found:
            self.found = attention
            self.changed.emit()
