"""What can be undone: changes of settings, branches that are shown, deletions from the history; and the stack of it.

The methods of ``Studio`` that only the commands call say so: called by anybody else, what they do could not be undone.
No step changes nothing: one that came to nothing goes, and one that others have undone meanwhile is passed over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QUndoCommand, QUndoStack

from models.catalog import Entry
from models.trace import Take
from studio.drawing_along import Side

if TYPE_CHECKING:
    from studio.looking import Pointer
    from studio.state import Studio

UNDO_LIMIT = 200


class SettingsCommand(QUndoCommand):
    """A change of some fields of the settings of a model; changes of one drag merge into one.

    model: told by its file and not its name: the user's own may be called as one of those that came along.
    """

    def __init__(
        self, studio: Studio, model: Entry, before: dict[str, Any], after: dict[str, Any], what: str, drag: int | None
    ) -> None:
        super().__init__(what)
        self.studio, self.model, self.before, self.after, self.drag = studio, model, before, after, drag
        self.undone = False

    def id(self) -> int:
        return 1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, SettingsCommand) or self.drag is None:
            return False
        if (other.drag, other.model.path) != (self.drag, self.model.path):
            return False
        self.before = other.before | self.before
        self.after |= other.after
        self.setObsolete(self.before == self.after)  # dragged there and back
        return True

    def idle(self, side: Side) -> bool:
        """Whether all of it holds by now, since others have changed the settings: as a take that was shown again."""
        fields = self.before if side is Side.BEFORE else self.after
        return self.studio.shows_settings(self.model, fields) and not self.studio.take_of_drag(self.drag, side)

    def leave_out(self, name: str) -> None:
        """A change of this field was given up: it is no part of what was done."""
        self.before.pop(name, None)
        self.after.pop(name, None)
        self.setObsolete(not self.after)

    def undo(self) -> None:
        self.undone = True
        self.setObsolete(not self.studio.change_settings_of(self.model, self.before, self))
        self.studio.show_of_drag(self.drag, Side.BEFORE)

    def redo(self) -> None:
        self.undone = False
        self.setObsolete(not self.studio.change_settings_of(self.model, self.after, self))
        self.studio.show_of_drag(self.drag, Side.AFTER)  # nothing, when it is done for the first time


class BranchCommand(QUndoCommand):
    """Another branch of some samples is shown. Traces only grow, so undo just moves pointers.

    at: where it was done, which undo and redo bring back into view. before, after: the branch of each sample.
    """

    def __init__(
        self, studio: Studio, take: Take, at: Pointer, before: dict[int, int], after: dict[int, int], what: str
    ) -> None:
        super().__init__(what)
        self.studio, self.take, self.at, self.before, self.after = studio, take, at, before, after
        self.undone = False

    def undo(self) -> None:
        self.studio.editing.switch_branches(self.take, self.before)
        self.studio.editing.bring_into_view(self.take, self.at)
        self.undone = True

    def redo(self) -> None:
        self.studio.editing.switch_branches(self.take, self.after)
        if self.undone:  # who does it for the first time is there, and may be following what is drawn
            self.studio.editing.bring_into_view(self.take, self.at)


class DeleteCommand(QUndoCommand):
    """A take leaves the history; its file is kept aside until the profile is tidied.

    take: kept alive where it is in use: it may hold more than what was saved of it last.
    """

    def __init__(self, studio: Studio, take_id: str, take: Take | None) -> None:
        super().__init__("delete from history")
        self.studio, self.take_id, self.take = studio, take_id, take
        self.shown = False

    def undo(self) -> None:
        if self.studio.restore_take(self.take_id) and self.shown:
            self.studio.opening.open_history(self.take_id)

    def redo(self) -> None:
        self.shown = self.take is not None and self.take is self.studio.take
        if not self.studio.remove_take(self.take_id):
            self.setObsolete(True)


class UndoStack(QUndoStack):
    """What was done with all models, in the order in which it was done.

    Undo and redo wait for what is being read to be shown: it may belong to what they change.
    """

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._studio = studio
        self._waiting: deque[Callable[[], None]] = deque()
        self.setUndoLimit(UNDO_LIMIT)
        studio.reader.settled.connect(self._serve, Qt.ConnectionType.QueuedConnection)

    def undo_in_turn(self) -> None:
        """After what is being read; says so where it leads to another model."""
        self._retrace("Undone", Side.BEFORE, self.undoText, self.undo)

    def redo_in_turn(self) -> None:
        """As ``undo_in_turn``."""
        self._retrace("Redone", Side.AFTER, self.redoText, self.redo)

    def _retrace(self, done: str, side: Side, text: Callable[[], str], step: Callable[[], None]) -> None:
        def retrace() -> None:
            while isinstance(idle := self._next(side), SettingsCommand) and idle.idle(side):
                step()
            what, before = text(), self._studio.entry

            def say() -> None:
                entry = self._studio.entry
                if what and entry is not before and entry is not None:
                    title = entry.header.title
                    again = "That model" if title in what else title
                    self._studio.message.emit(f"{done}: {what}. {again} is chosen again.")

            step()
            self._drop_obsolete()
            self._waiting.appendleft(say)

        self._waiting.append(retrace)
        self._serve()

    def close(self) -> None:
        """What waits for a read to end is not done any more."""
        self._waiting.clear()

    @Slot()
    def _serve(self) -> None:
        while self._waiting and not self._studio.reader.reading:
            self._waiting.popleft()()

    def give_up(self, steps: Iterable[SettingsCommand], name: str, value: object) -> None:
        """A setting that these steps have changed was given up for this value: they do not change it any more."""
        for step in steps:
            if not step.undone or step.after.get(name) != value:
                step.leave_out(name)
            elif step is self._next(Side.AFTER):
                self.redo()  # it is what holds
        self._drop_obsolete()

    def _next(self, side: Side) -> QUndoCommand | None:
        """What would be undone next, or redone."""
        at = self.index() - (side is Side.BEFORE)
        return self.command(at) if 0 <= at < self.count() else None

    def _drop_obsolete(self) -> None:
        """Steps that were given up leave the ends of the history; the stack only takes them out as it passes them."""
        for side, drop in ((Side.BEFORE, self.undo), (Side.AFTER, self.redo)):
            while (step := self._next(side)) is not None and step.isObsolete():
                drop()
