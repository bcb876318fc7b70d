"""What a format is that takes are saved in: one object that writes its files and reads them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from models.chain import Chain, Symbols
from models.condition import in_words
from models.errors import InputError, NoRecordError
from models.record import PROGRAM
from models.sweep import in_a_line
from models.trace import Take


class Format(ABC):
    """A kind of file, known by its suffix; a file that is already there by its content.

    ``data`` is the content of a file, ``name`` what messages call it. Methods that read may raise whatever
    ``models.record.damage_as_file_error`` makes a FileError of.
    """

    suffix: ClassVar[str]
    """In lower case, with its point."""
    title: ClassVar[str]
    modality: ClassVar[str | None]
    """Of the chains that it can hold; None: any."""
    several: ClassVar[bool]
    """Whether one file can hold several samples of a take."""
    scaled: ClassVar[bool]
    """Whether it is drawn enlarged by a whole factor."""
    keeps_record: ClassVar[bool] = True
    """Whether a file can be opened again as the take that it was; one that cannot is known by its suffix alone."""

    @abstractmethod
    def content(self, view: Take, *, scale: int = 1) -> bytes:
        """A file of a take of shown branches, see ``models.record.shown``, its record included.

        scale: by which factor it is drawn enlarged, see ``check_scale``. Raises InputError for what it cannot hold.
        """

    def check_scale(self, chain: Chain, count: int, scale: int) -> None:
        """Raises InputError if ``content`` could not draw ``count`` samples enlarged by a factor."""
        if scale != 1:
            raise InputError(f"only pictures can be enlarged, not {self.suffix} files; leave the scale at 1")

    @abstractmethod
    def recognises(self, data: bytes) -> bool:
        """Whether a file is of this format, by its first bytes."""

    @abstractmethod
    def record_in(self, data: bytes, name: str) -> str | bytes:
        """The text of the record in a file. Raises ``no_record`` if there is none."""

    @abstractmethod
    def shows(self, data: bytes, name: str, take: Take) -> bool:
        """Whether a file shows what the symbols of the take in its record decode to."""

    def read_foreign(self, data: bytes, name: str, chain: Chain) -> list[Symbols] | None:
        """The samples in a file of any program, as they look; None: only files of this program are read.

        Raises InputError if they are not the chain's.
        """
        return None


def no_record(name: str, what: str = "") -> NoRecordError:
    """The error for a file without a record. what: what it is instead, if more is known."""
    return NoRecordError(
        f"{name} has no {PROGRAM} metadata{what and f' ({what})'}: "
        "it was not saved by this program, or another has removed it"
    )


def summary(view: Take) -> str:
    """A take in a line, for viewers that show a file's description."""
    samples = ", ".join(str(trace.schedule[0].sample) for trace in view.traces[:16])
    return f"{view.model.title}; {made_with(view)}; sample {samples}"


def made_with(view: Take) -> str:
    """What a take was begun with, in a line: condition, seed, and the shaping that is not neutral."""
    if swept := in_a_line(view):
        return swept
    first = view.traces[0].schedule[0]
    if view.beam is not None:
        return "; ".join([*in_words(view.model.factors, first.condition), f"beam search, width {view.beam}"])
    return "; ".join([*in_words(view.model.factors, first.condition), f"seed {first.seed}", *first.shaping.changed()])
