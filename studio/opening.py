"""Opening: entries of the history, and files of every kind that the studio takes.

Whatever takes time is read in the background, see ``reading``; methods that say so are called in the thread of files.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from models.catalog import Entry
from models.chain import Chain, ImageChain, SoundChain
from models.errors import InputError, NoSoundError, StudioError
from models.files import read_saved
from models.hugging_face import folder_of
from models.image_files import opened
from models.record import read_bytes
from models.recording import Recording, is_recording, picture_kind, read_recording
from models.tensor_file import SUFFIX, Check
from models.text import TextChain
from models.text_files import Txt, read_text
from models.trace import Take, new_take_id
from models.video import VideoChain
from models.video_files import read_video
from studio.clipboard import PICTURE
from studio.reading import Show, in_history

if TYPE_CHECKING:
    from studio.state import Studio


class Opening(QObject):
    """What was made with the studio is shown; what a model can go on from waits for it."""

    picture_opened = Signal(object)
    """A picture that is to be completed, not yet fitted to a model: uint8 (H, W, 3), see ``image_files.opened``."""
    recording_opened = Signal(object, object)
    """A ``Recording`` that is to be continued: as it was, and at the rate of the model."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._studio = studio
        self._reader = studio.reader

    @property
    def _chain(self) -> Chain | None:
        """Of the model that is chosen."""
        return self._studio.entry.header.chain if self._studio.entry is not None else None

    def open_path(self, path: Path) -> None:
        """A dropped or named file: a checkpoint, or a saved sample; or else a picture or a recording to complete.

        A folder is taken for a Hugging Face model, for which its configuration stands, too.
        """
        path = folder_of(path)
        if path.is_dir() or path.suffix == SUFFIX:
            self.open_checkpoint(path)
        else:
            self.open_saved(path)

    # --- models ----------------------------------------------------------------------------------------------------

    def open_checkpoint(self, path: Path) -> None:
        """Adds a file or folder to the list and chooses it; one that cannot be loaded leaves the list again.

        It is on the list whatever else is asked for meanwhile, and only not chosen then.
        """
        studio = self._studio
        opened: Entry | None = None
        new = False

        def add(check: Check) -> Show:
            nonlocal opened, new
            known, problem = {entry.path for entry in studio.catalog.listed}, ""
            try:
                opened = studio.catalog.add(path, check)
            except StudioError as error:
                listed = {entry.path: entry for entry in studio.catalog.listed}
                if path.absolute() not in listed:
                    raise
                opened, problem = listed[path.absolute()], str(error)  # it could not be written down that it was added
            new = opened.path not in known
            return partial(show, problem)

        def show(problem: str) -> None:
            if problem:
                studio.error.emit(problem)
            studio.profile.remember_recent(path)
            studio.catalog_changed.emit()

        def choose() -> None:
            if opened is not None:
                studio.loading.choose(opened, added=new)

        self._reader.read_beside(add)
        self._reader.read(lambda: choose)  # after it, in the same thread

    def look_for_models(self, then: Show) -> None:
        """Has the list read again: what the user has added may be large, and lie on a slow disk. then: comes after."""

        def look(check: Check) -> Show:
            self._studio.catalog.entries(check=check)
            return show

        def show() -> None:
            self._studio.catalog_changed.emit()
            then()

        self._reader.read_beside(look)

    def remove_model(self, path: Path) -> None:
        """Takes a model that was added off the list; its file stays."""
        studio = self._studio

        def remove(check: Check) -> Show:
            try:
                studio.catalog.remove(path)
            except StudioError as error:
                return partial(show, str(error))
            return show

        def show(problem: str = "") -> None:
            if problem:
                studio.error.emit(problem)
            studio.catalog_changed.emit()

        self._reader.read_beside(remove)

    # --- takes -----------------------------------------------------------------------------------------------------

    def open_history(self, take_id: str) -> None:
        """Brings an entry of the history back: the very take if it is still in use, else what was saved."""
        studio = self._studio
        if studio.take is not None and studio.take.id == take_id:
            return
        studio.wish_for(None)  # of two wishes the last one counts
        live = studio.takes_in_use.get(take_id)

        def read(check: Check) -> Take | None:
            try:
                return live or studio.profile.load_take(take_id)
            except StudioError:
                if studio.worker.forgets(take_id):
                    return None
                raise

        self._reader.read_take(read, studio.show_take)

    def open_saved(self, source: Path | bytes) -> None:
        """Shows exactly what a saved file, or the content of one, holds, with its settings."""
        studio = self._studio
        studio.wish_for(None)  # of two wishes the last one counts
        live, chain = dict(studio.takes_in_use), self._chain
        new = False

        def read(check: Check) -> Take:
            nonlocal new
            take = read_saved(source, PICTURE).take
            held = in_history(studio.profile, take, live, check)
            if held is None:
                new = True
                take.id = new_take_id()  # an entry of its own: the history may hold this one with more branches by now
            return held or take

        def show(take: Take, entry: Entry | None) -> None:
            # Exactly what was saved: not what entropy or surprise make of it, nor where one looked at it before.
            studio.set_overlay("none")
            studio.show_take(take, entry)
            studio.looking.select(0)
            studio.looking.pin(None)
            studio.looking.follow()
            if isinstance(source, Path):
                studio.profile.remember_recent(source)
            if new:
                studio.worker.save(take)
            else:
                studio.message.emit("The history has this already: shown as it was saved.")

        foreign = partial(self._as_foreign, source, chain) if isinstance(source, Path) else None
        self._reader.read_take(read, show, foreign)

    def _as_foreign(self, path: Path, chain: Chain | None) -> Show:
        """For the thread of files: what a file without a record is for a model of this chain."""
        data, name = read_bytes(path)
        if is_recording(data):
            if not isinstance(chain, SoundChain):
                raise InputError(f"{name} is a recording: choose a model of sounds to continue it")
            return self._as_recording(partial(read_recording, path), chain.rate)
        if isinstance(chain, TextChain):
            return self._as_prompt(data, name)
        if path.suffix.lower() == Txt.suffix:
            raise InputError(f"{name} is a text: choose a model of texts to go on from it")
        if isinstance(chain, ImageChain):
            return self._as_picture(path)
        if isinstance(chain, VideoChain):
            return self._as_video(path, chain)
        if kind := picture_kind(data):
            raise InputError(f"{name} is a {kind}: choose a model of images to complete it")
        raise NoSoundError(f"{name} is neither a WAV nor a FLAC file")

    # --- what a model goes on from ---------------------------------------------------------------------------------

    def open_picture(self, path: Path) -> None:
        """Has any picture read for a model of images; answered by ``picture_opened``."""
        if not isinstance(self._chain, ImageChain):
            self._studio.error.emit("Choose a model of images to complete a picture.")
            return
        self._reader.read(partial(self._as_picture, path))

    def _as_picture(self, path: Path) -> Show:
        """For the thread of files."""
        pixels = opened(*read_bytes(path))
        return lambda: self.picture_opened.emit(pixels)

    def open_recording(self, path: Path) -> None:
        """Has any WAV or FLAC read for a model of sounds; answered by ``recording_opened``."""
        self._read_recording(partial(read_recording, path))

    def fit_recording(self, recording: Recording) -> None:
        """Has a recording resampled for the chosen model; answered by ``recording_opened``."""
        self._read_recording(lambda: recording)

    def _read_recording(self, read: Callable[[], Recording]) -> None:
        if not isinstance(self._chain, SoundChain):
            self._studio.error.emit("Choose a model of sounds to continue a recording.")
            return
        self._reader.read(partial(self._as_recording, read, self._chain.rate))

    def _as_recording(self, read: Callable[[], Recording], rate: int) -> Show:
        """For the thread of files."""
        recording = read()
        fitted = recording.resampled(rate)
        return lambda: self.recording_opened.emit(recording, fitted)

    def open_prompt(self, path: Path) -> None:
        """Has a text read that the next texts are to begin with."""
        self._reader.read(lambda: self._as_prompt(*read_bytes(path)))

    def _as_prompt(self, data: bytes, name: str) -> Show:
        """For the thread of files."""
        text = read_text(data, name)

        def show() -> None:
            self._studio.set_prompt(text)
            self._studio.message.emit(f"{Path(name).name} is the prompt of the next take.")

        return show

    def open_video(self, path: Path) -> None:
        """Has a video of the size of the chosen model read, which the next take then begins with."""
        if not isinstance(self._chain, VideoChain):
            self._studio.error.emit("Choose a model of videos to begin with given frames.")
            return
        self._reader.read(partial(self._as_video, path, self._chain))

    def _as_video(self, path: Path, chain: VideoChain) -> Show:
        """For the thread of files."""
        video = read_video(path, chain)

        def show() -> None:
            self._studio.given_video.add(video, chain)
            self._studio.message.emit(f"The next take begins with {path.name}.")

        return show
