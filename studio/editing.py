"""Editing: what is drawn goes on in another way, on a branch; the branch before stays.

An edit does not change a trace, which only grows: undo moves pointers between branches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from models.catalog import Entry
from models.chain import Symbols
from models.errors import StudioError
from models.sweep import swept
from models.trace import Take
from studio.looking import Pointer
from studio.undo import BranchCommand

if TYPE_CHECKING:
    from studio.state import Studio


class Editing(QObject):
    """Edits of the take that is shown."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._studio = studio

    def put_value(self, value: int, pointer: Pointer | None = None) -> None:
        """Puts a symbol at a step (by default the edit pointer) of one sample and goes on from it on a branch."""
        pointer = pointer or self._studio.looking.edit_pointer
        if pointer is None or self._studio.take is None or not self._studio.can_walk():
            return
        self._branch(pointer, [pointer.sample], "put a value", value=value)

    def put_stroke(self, values: Symbols, pointer: Pointer) -> None:
        """Puts symbols (T,) from a step of a sample on, and goes on after them on a branch."""
        if self._studio.take is not None and self._studio.can_walk():
            self._branch(pointer, [pointer.sample], "draw", values=values.tolist())

    def new_noise(self, *, all_samples: bool = False) -> None:
        """Goes on from the edit pointer with noise not used before, under the present settings.

        What the samples of the take were made to differ in, shaping or condition, each of them keeps; so does a
        completion its condition, which need not be that of the settings.
        """
        studio, looking = self._studio, self._studio.looking
        pointer = looking.edit_pointer
        if pointer is None or studio.take is None or studio.settings is None or not studio.can_walk():
            return
        samples = [pointer.sample]
        if all_samples:
            samples = list(range(len(studio.take.samples)))
            pointer = looking.pinned or Pointer(looking.selected, looking.cursor)
        differ = swept(studio.take)
        changes: dict[str, Any] = {}
        if not differ.shaping:
            changes["shaping"] = studio.settings.shaping
        if not differ.factors and not studio.take.given:
            changes["condition"] = studio.take.along(studio.settings.condition)
        self._branch(pointer, samples, "new noise", new_noise=True, **changes)

    def _branch(self, at: Pointer, samples: list[int], what: str, **how: Any) -> None:
        """Goes on from a step of some samples on branches."""
        studio, take = self._studio, self._studio.take
        assert take is not None
        assert studio.loaded is not None
        traces = take.traces
        # A clip that ended before this step has nothing to go on from.
        samples = [n for n in samples if at.step < len(traces[n]) or not traces[n].finished]
        before, after = {}, {}
        refused = ""
        for n in samples:
            sample = take.samples[n]
            was = sample.current
            try:
                start = min(at.step, len(sample.trace))
                take.branch(n, start, engine=studio.engine_name(), device=studio.loaded.device, **how)
            except StudioError as error:
                refused = str(error)
            else:
                before[n], after[n] = was, sample.current
        if refused:
            studio.error.emit(refused)  # once, however many samples there are
        if not after:
            return
        studio.drawing_along.keep()
        studio.undo_stack.push(BranchCommand(studio, take, at, before, after, what))
        studio.go_on()

    def show_branch(self, sample: int, branch: int) -> None:
        """Switches a sample to another of its branches, undoably."""
        take, pointer = self._studio.take, self._studio.looking.edit_pointer
        if take is None or pointer is None or branch == take.samples[sample].current:
            return
        at, before = Pointer(sample, pointer.step), {sample: take.samples[sample].current}
        self._studio.undo_stack.push(BranchCommand(self._studio, take, at, before, {sample: branch}, "switch branch"))

    def switch_branches(self, take: Take, current: dict[int, int]) -> None:
        """For ``BranchCommand``: shows other branches of some samples of a take."""
        studio = self._studio
        for sample, branch in current.items():
            take.samples[sample].current = branch
        if take is studio.take:
            studio.replay.end()  # of what is not shown any more
            studio.looking.fit(take)
            studio.branches_changed.emit()
            studio.looking.cursor_changed.emit()
            studio.inspection.ask()
        studio.worker.save(take)

    def bring_into_view(self, take: Take, at: Pointer) -> None:
        """For ``BranchCommand``: shows a step of a take, since undo and redo change nothing unseen."""
        studio = self._studio
        if take is not studio.take:

            def show(take: Take, entry: Entry | None) -> None:
                studio.show_with_model(take, entry)  # the settings stay: what is undone next may be one of them
                self.bring_into_view(take, at)

            studio.reader.read_take(lambda check: take, show)
        elif studio.looking.edit_pointer != at:
            studio.looking.select(at.sample)
            studio.looking.move_cursor(at.step)
