"""Several models that draw on the same noise, side by side, beside the take that is shown."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from models.catalog import Entry
from models.condition import Condition, complete
from models.shaping import NEUTRAL
from models.trace import Take
from studio.inference import InferenceThread
from studio.messages import Compared, CompareRequest


@dataclass(frozen=True)
class Asked:
    """What a model of a comparison is asked for. written: when its file was, so that one trained on is another one."""

    path: Path
    written: int
    condition: Condition
    seed: int
    count: int


@dataclass
class Column:
    """One model of a comparison. take: None while the model is not loaded. problem: why it does not go on."""

    entry: Entry
    asked: Asked
    take: Take | None = None
    problem: str = ""
    ended: bool = False
    """Whether it came to its end, whatever somebody did with the take since."""

    @property
    def drawn(self) -> Take | None:
        """The take, once it is whole, and unless somebody has opened it and gone on with it in another way."""
        take = self.take
        if take is None or not take.finished or len(take.branches) != self.asked.count:
            return None
        shapings = [[segment.shaping for segment in trace.schedule] for trace in take.branches]
        return take if all(of_one == [NEUTRAL] for of_one in shapings) else None


class Comparison(QObject):
    """The comparison that runs, or the last one. takes: those in use, among which what is drawn is from then on."""

    changed = Signal(int)
    """This one of the ``columns`` has grown or come to its end; -1: there are others, or nothing goes on any more."""

    def __init__(self, worker: InferenceThread, takes: MutableMapping[str, Take], parent: QObject) -> None:
        super().__init__(parent)
        self.columns: tuple[Column, ...] = ()
        self.running = False
        self._worker = worker
        self._takes = takes
        self._token = 0
        self._drawing: list[int] = []
        """The columns that the inference thread draws, in its order."""
        worker.compared.connect(self._on_compared)

    def start(self, entries: Sequence[Entry], *, seed: int, count: int, condition: Condition) -> None:
        """Has several models draw takes of their own, under the neutral shaping.

        condition: applies to the models that have such a factor; every other one has its default. What the last
        comparison has drawn under the same settings stands in this one, too, unless it was deleted or edited since.
        """
        before = self.columns
        self.columns = tuple(Column(entry, _asked(entry, condition, seed, count)) for entry in entries)
        for column in self.columns:
            column.take = next((self._kept(old) for old in before if old.asked == column.asked), None)
            if column.take is not None:
                column.ended = True
                self._worker.save(column.take)  # it may have had to leave the history since
        self._token += 1
        self._drawing = [n for n, column in enumerate(self.columns) if column.take is None]
        self.running = bool(self._drawing)
        if self.running:
            asked = [self.columns[n].asked for n in self._drawing]
            models = tuple((one.path, one.condition) for one in asked)
            self._worker.compare(CompareRequest(self._token, models, seed, count))
        else:
            self._worker.stop_comparing()
        self.changed.emit(-1)

    def _kept(self, column: Column) -> Take | None:
        """What a column has drawn, if that is in the history."""
        take = column.drawn
        return None if take is None or self._worker.forgets(take.id) else take

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
        number = self._drawing[compared.column]
        column = self.columns[number]
        column.take, column.problem = compared.take, compared.problem
        column.ended |= bool(column.problem)
        if column.take is not None:
            self._takes[column.take.id] = column.take
            column.ended |= column.take.finished
        if all(column.ended for column in self.columns):
            self.running = False
        self.changed.emit(number)


def _asked(entry: Entry, condition: Condition, seed: int, count: int) -> Asked:
    """The model is told what it takes of the condition, and else its defaults."""
    factors = entry.header.factors
    own = {f.name: condition[f.name] for f in factors if f.name in condition and f.takes(condition[f.name])}
    written = entry.path.stat().st_mtime_ns if entry.path.exists() else 0  # the inference thread says that it is gone
    return Asked(entry.path, written, complete(factors, own), seed, count)
