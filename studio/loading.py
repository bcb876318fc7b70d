"""The way of a chosen model into the inference thread; and what comes back where it does not get there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from models.catalog import Entry
from models.checkpoint import CheckpointHeader
from models.engines import AUTO
from models.trace import Take
from studio.messages import LoadedInfo
from studio.undo import SettingsCommand

if TYPE_CHECKING:
    from studio.state import Studio


class Loading(QObject):
    """Chooses models, and has them loaded. One that cannot be loaded, or is given up, gives way to the one before.

    Whatever was asked for meanwhile makes an older answer of the inference thread void: each has a token.
    """

    changed = Signal()
    """Something is being loaded, or not any more."""
    done = Signal()
    """The chosen model is there."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.loaded: LoadedInfo | None = None
        """What the inference thread says of the chosen model; None while it is not there."""
        self.running = False
        self._studio = studio
        self._token = 0
        self._before: tuple[Entry, Take | None] | None = None
        """The model that was loaded before the one that is being loaded, and what was shown of it."""
        self._device_before: str | None = None
        """The device that the model was on which is being loaded on another one."""
        self._device_steps: list[SettingsCommand] = []
        """What has chosen the other one."""
        self._going_back = False
        """Whether what is being loaded was there before something else was given up: it is not given up, too."""
        self._refused: set[Path] = set()
        """Checkpoints that could not be loaded, with nothing before them to go back to."""
        self._added: Path | None = None
        """The checkpoint that was opened and is being loaded for the first time."""
        self._left: dict[Path, Take] = {}
        """What was shown of each model when another one was chosen."""
        studio.worker.loaded.connect(self._on_loaded)
        studio.worker.load_failed.connect(self._on_load_failed)

    # --- choosing --------------------------------------------------------------------------------------------------

    def choose(self, model: Entry | str, *, added: bool = False) -> None:
        """Chooses a model and has it loaded in the background; shows what was shown of it last.

        model: a name is one of the list. added: whether it is new there, and leaves again if it cannot be loaded.
        """
        studio = self._studio
        entry = model if isinstance(model, Entry) else studio.catalog.listed_as(model)
        if entry is None:
            studio.error.emit(f"{model} is not among the models.")
            return
        if added:
            self._added = entry.path
        if studio.entry is not None and entry.path == studio.entry.path:
            return
        self.leave_for(entry)
        if (left := self._left.get(entry.path)) is not None and _is_of(left, entry.header):
            studio.show(left)
        assert studio.settings is not None
        if kept := studio.settings.kept_in_words():
            studio.message.emit(f"{entry.header.title} has what you left it with: {', '.join(kept)}.")

    def leave_for(self, entry: Entry) -> None:
        """Another model is chosen; where that cannot be loaded, or is given up, the one before comes back."""
        studio, before = self._studio, self._before
        if studio.entry is not None and (self.loaded is not None or before is None):
            before = studio.entry, studio.take
        studio.pause()
        self._remember_take()
        studio.show(None)  # the settings of one model are never announced beside the take of another
        self._set_model(entry)
        self._before = before if before is not None and before[0].path != entry.path else None

    def _remember_take(self) -> None:
        """What is shown of the chosen model comes back when that is chosen again."""
        entry, take = self._studio.entry, self._studio.take
        if entry is not None and take is not None and take.model.name == entry.header.name:
            self._left[entry.path] = take

    def forget(self, take_id: str) -> None:
        """A take was deleted."""
        self._left = {model: take for model, take in self._left.items() if take.id != take_id}

    def change_device(self, before: str, step: SettingsCommand | None) -> None:
        """Loads the chosen model on the device that its settings now name. step: what can undo this, if anything."""
        assert self._studio.settings is not None
        last, steps = (self._device_before, self._device_steps) if self.loaded is None else (before, [])
        self._load()
        self._device_before = last
        if step is not None and self._studio.settings.device != last:
            self._device_steps = [*steps, step]

    @Slot()
    def cancel(self) -> None:
        """Gives up loading, for the device or the model before, if there was one; the model can be chosen again."""
        if not self.running or self._going_back:
            return
        self._token += 1
        self._studio.worker.cancel_loading()
        before, self._before, self._added = self._before, None, None
        if self._device_before is not None:
            self._load_on(self._device_before)
        elif before is not None:
            self._return_to(*before)
        else:
            self._set_model(None)
        self._going_back = self.running

    # --- loading ---------------------------------------------------------------------------------------------------

    def _set_model(self, entry: Entry | None) -> None:
        """entry: None where there is no model to go back to."""
        self._studio.wish_for(None)
        self._studio.set_model(entry)
        self._load()
        self._announce_model()

    def _announce_model(self) -> None:
        studio = self._studio
        studio.given_video.show_model(studio.entry.header.chain if studio.entry is not None else None)
        studio.model_changed.emit()
        studio.settings_changed.emit()

    def _load(self) -> None:
        """Loads the chosen model, if there is one."""
        entry, settings = self._studio.entry, self._studio.settings
        self._token += 1
        self.loaded = self._device_before = None
        self._device_steps = []
        self._going_back = False
        self.running = entry is not None
        self.changed.emit()
        if entry is not None and settings is not None:
            self._studio.worker.load(self._token, entry.path, settings.device)

    def _load_on(self, device: str) -> None:
        """Loads the chosen model again, on another device than was chosen last: nobody has to undo that choice."""
        studio, given_up = self._studio, self._device_steps
        assert studio.settings is not None
        studio.keep_settings(studio.settings.with_(device=device))
        self._load()
        studio.undo_stack.give_up(given_up, "device", device)
        studio.settings_changed.emit()

    @Slot(int, object)
    def _on_loaded(self, token: int, info: LoadedInfo) -> None:
        entry = self._studio.entry
        if token != self._token or entry is None:
            return
        if info.header != entry.header:
            self._renew(entry, info.header)
        self.loaded = info
        self._studio.given_video.offer(info.header.chain, info.examples)
        self._before = self._added = self._device_before = None
        self._device_steps = []
        self.running = self._going_back = False
        self.changed.emit()
        self.done.emit()

    def _renew(self, entry: Entry, header: CheckpointHeader) -> None:
        """The file of the chosen model was written anew since it was listed."""
        studio = self._studio
        if studio.take is not None and _is_of(studio.take, entry.header) and not _is_of(studio.take, header):
            with studio.reader.kept():
                studio.show(None)  # the settings of one model are never announced beside the take of another
            studio.message.emit(f"{header.title} is another model now: its file was written anew.")
        studio.set_model(replace(entry, header=header))
        self._announce_model()
        studio.opening.look_for_models(lambda: None)

    @Slot(int, str)
    def _on_load_failed(self, token: int, reason: str) -> None:
        if token != self._token:
            return
        assert self._studio.settings is not None
        if self._studio.settings.device != AUTO:
            # A device that is not there must not keep the model away for good.
            self._load_on(self._device_before or AUTO)
        else:
            self._go_back()
        self._studio.error.emit(reason)

    # --- going back ------------------------------------------------------------------------------------------------

    def _go_back(self) -> None:
        """To the model and the take that a checkpoint which cannot be loaded has driven away.

        Nobody asks for that now: what is being read was asked for later, and comes still.
        """
        studio = self._studio
        assert studio.entry is not None
        before, self._before = self._before, None
        if studio.entry.path == self._added:
            self._added = None
            studio.opening.remove_model(studio.entry.path)
        if before is None:
            # The model of the last time may be broken by now: one of those that came along takes its place.
            self._refused.add(studio.entry.path)
            shipped = (entry for entry in studio.catalog.listed if entry.shipped and entry.path not in self._refused)
            before = next(((entry, None) for entry in shipped), None)
        if before is None:
            self._set_model(None)
        else:
            with studio.reader.kept():
                self._return_to(*before)

    def _return_to(self, entry: Entry, take: Take | None) -> None:
        self._studio.show(None)  # the settings of one model are never announced beside the take of another
        self._set_model(entry)
        self._studio.show(take)


def _is_of(take: Take, header: CheckpointHeader) -> bool:
    """Whether the take is of the same chain and conditions."""
    return (take.model.chain, take.model.factors) == (header.chain, header.factors)
