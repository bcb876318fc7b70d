"""Several models that draw on the same noise, side by side, beside the take that is shown."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from models.catalog import Entry
from models.condition import complete
from models.errors import StudioError
from models.trace import Take
from studio.inference import InferenceThread
from studio.messages import Compared, CompareRequest


@dataclass
class Column:
    """One model of a comparison. take: None while the model is not loaded. problem: why it does not go on."""

    entry: Entry
    take: Take | None = None
    problem: str = ""

    @property
    def ended(self) -> bool:
        return bool(self.problem) or (self.take is not None and self.take.finished)


class Comparison(QObject):
    """The comparison that runs, or the last one. takes: those in use, among which what is drawn is from then on."""

    changed = Signal(int)
    """This one of the ``columns`` has grown or come to its end; -1: there are others, or nothing goes on any more."""
    failed = Signal(str)
    """Why there is none."""

    def __init__(self, worker: InferenceThread, takes: MutableMapping[str, Take], parent: QObject) -> None:
        super().__init__(parent)
        self.columns: tuple[Column, ...] = ()
        self.running = False
        self._worker = worker
        self._takes = takes
        self._token = 0
        worker.compared.connect(self._on_compared)

    def start(self, entries: Sequence[Entry], *, seed: int, count: int, condition: Mapping[str, Any]) -> None:
        """Has several models draw takes of their own, under the neutral shaping.

        condition: of the factors that they share; every other one has its default.
        """
        try:
            models = tuple(
                (entry.path, complete(factors, {f.name: condition[f.name] for f in factors if f.name in condition}))
                for entry in entries
                for factors in (entry.header.factors,)
            )
        except StudioError as error:
            self.failed.emit(str(error))
            return
        self._token += 1
        self.columns, self.running = tuple(Column(entry) for entry in entries), True
        self._worker.compare(CompareRequest(self._token, models, seed, count))
        self.changed.emit(-1)

    def stop(self) -> None:
        """What is drawn stays, here and in the history."""
        if self.running:
            self._token += 1
            self.running = False
            self._worker.stop_comparing()
            self.changed.emit(-1)

    @Slot(object)
    def _on_compared(self, compared: Compared) -> None:
        if compared.token != self._token:
            return
        column = self.columns[compared.column]
        column.take, column.problem = compared.take, compared.problem
        if column.take is not None:
            self._takes[column.take.id] = column.take
        if all(column.ended for column in self.columns):
            self.running = False
        self.changed.emit(compared.column)
