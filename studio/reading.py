"""Models, takes, pictures and recordings that are read from files, in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from PySide6.QtCore import QObject, Signal, Slot

from models.catalog import Catalog, Entry
from models.errors import NoPictureError, NoRecordError, NoSoundError, StudioError
from models.record import take_record
from models.tensor_file import Check, wanted
from models.trace import Take
from studio.inference import InferenceThread
from studio.profile import Profile, describe

Show = Callable[[], None]
"""What shows that which was read; called in the GUI thread."""
ALWAYS = 0
"""The token of what is read whatever else is asked for."""


class NotWantedError(Exception):
    """What was being read would not be shown, or not now."""


class Reader(QObject):
    """Of several things that were asked for, only the last one is shown; the others are read no further."""

    refused = Signal(str)
    """Why a take that was asked for is not shown."""
    settled = Signal()
    """Nothing is being read any more: it is shown next, or given up."""

    def __init__(self, catalog: Catalog, worker: InferenceThread, parent: QObject) -> None:
        super().__init__(parent)
        self.refusal = ""
        """Why the last take that could not be read was not shown."""
        self._catalog = catalog
        self._worker = worker
        self._token = ALWAYS
        self._kept = False
        self._hurried = False
        self._put_off: list[Callable[[Check], Show]] = []
        """What gave way, see ``giving_way``."""
        self._closed = False
        self.reading = False
        """Whether something is being read that is to be shown."""
        worker.read_done.connect(self._on_read)

    def read(self, read: Callable[[], Show]) -> None:
        """read: called in the thread of files."""
        self._read(lambda check: read())

    def read_beside(self, read: Callable[[Check], Show]) -> None:
        """Has something read, or written, whatever else is asked for.

        Its check raises when the studio closes, and in ``giving_way``.
        """
        self._submit(ALWAYS, read)

    def _read(self, read: Callable[[Check], Show]) -> None:
        def read_if_wanted(check: Check) -> Show:
            check()
            return read(check)

        self._token += 1
        self.reading = True
        self._submit(self._token, read_if_wanted)

    def _submit(self, token: int, read: Callable[[Check], Show]) -> None:
        def check() -> None:
            if self._closed or token not in (self._token, ALWAYS) or (self._hurried and token == ALWAYS):
                raise NotWantedError

        def read_while_wanted() -> Show | None:
            try:
                return read(check)
            except NotWantedError:
                if token == ALWAYS:
                    self._put_off.append(read)
                return None

        self._worker.read(token, read_while_wanted)

    def read_take(
        self,
        read: Callable[[Check], Take | None],
        show: Callable[[Take, Entry | None], None],
        otherwise: Callable[[], Show] | None = None,
    ) -> None:
        """Has a take read, and its model found.

        read: None where the take was deleted meanwhile. otherwise: what to make of a file without a record.
        """

        def read_and_match(check: Check) -> Show:
            try:
                take = read(check)
            except StudioError as error:
                reason = str(error)
                if isinstance(error, NoRecordError) and otherwise is not None:
                    try:
                        return otherwise()
                    except (NoPictureError, NoSoundError):
                        pass
                    except StudioError as problem:
                        reason = str(problem)
                return lambda: self._refuse(reason)
            if take is None:
                return lambda: None
            entry = self._catalog.match(take.model, check)
            # What was deleted meanwhile is not shown: nothing that is done to it would be kept.
            return lambda: None if self._worker.forgets(take.id) else show(take, entry)

        self._read(read_and_match)

    def drop(self) -> None:
        """What is still being read comes too late."""
        if not self._kept:
            self._token += 1
            self._settle()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """What is being read was asked for after what happens in here: nothing in here drops it."""
        self._kept = True
        try:
            yield
        finally:
            self._kept = False

    @contextmanager
    def giving_way(self) -> Iterator[None]:
        """In here the GUI thread waits for the thread of files: what is read beside begins anew afterwards."""
        self._hurried = True
        try:
            yield
        finally:
            self._hurried = False
            put_off, self._put_off = self._put_off, []
            for read in put_off:
                self.read_beside(read)

    def close(self) -> None:
        """Nothing is shown any more: what is being read ends at its next check, and what waits at its first.

        What makes none, as taking a model off the list, is done.
        """
        self._closed = True
        self.drop()

    def _settle(self) -> None:
        if self.reading:
            self.reading = False
            self.settled.emit()

    def _refuse(self, reason: str) -> None:
        self.refusal = reason
        self.refused.emit(reason)

    @Slot(int, object)
    def _on_read(self, token: int, show: Show | None) -> None:
        """show: None where reading has failed, which was said."""
        if token == self._token:
            self._settle()
        elif token != ALWAYS:
            return
        if show is not None and not self._closed:
            show()


def in_history(profile: Profile, take: Take, live: Mapping[str, Take], check: Check = wanted) -> Take | None:
    """The take of the history that shows what another does; live: those in use. For the thread of files."""
    like, record = describe(take), take_record(take)
    for entry in profile.history():
        check()
        if entry.may_hold(like):
            with suppress(StudioError):  # deleted this moment, or damaged
                found = live.get(entry.id) or profile.load_take(entry.id)
                if take_record(found) | {"take": take.id} == record:
                    return found
    return None
