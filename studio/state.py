"""The state of the studio: what is chosen, what is shown, and what the user can do about it.

Panels and canvases get this object, connect to its signals and keep no truth of their own. Nothing here draws; nothing
here runs a network: walks and inspections are asked of the inference thread, which answers by queued signals. What has
a state of its own stands in files of its own: ``attention``, ``comparison``, ``drawing_along``, ``influence``,
``inspection``, ``listening``, ``reading``, ``undo``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from models.catalog import Catalog, Entry
from models.chain import Chain, ImageChain, SoundChain, Symbols
from models.checkpoint import read_header
from models.completion import Mask, chosen_condition, completion, continuation
from models.condition import Condition, arranged, complete
from models.engines import AUTO, BFLOAT16, ENGINES
from models.errors import InputError, NoSoundError, StudioError
from models.file_format import Format
from models.files import read_saved
from models.hugging_face import folder_of
from models.image_files import Pixels, opened
from models.record import read_bytes, shown
from models.recording import Recording, is_recording, picture_kind, read_recording
from models.shaping import NEUTRAL, Shaping
from models.source_text import Text
from models.sweep import Axis, sweep, swept
from models.text import TextChain
from models.text_files import Txt, plain, read_text
from models.trace import Take, Trace, new_take, new_take_id
from models.track import Track
from models.video import VideoChain
from models.video_files import read_video
from studio.attention import FollowedAttention
from studio.clipboard import PICTURE
from studio.comparison import Comparison
from studio.drawing_along import DrawingAlong, Side
from studio.given_video import GivenVideo
from studio.inference import InferenceThread
from studio.influence import FollowedInfluence
from studio.inspection import FollowedInspection
from studio.keys import Keys
from studio.listening import Listening
from studio.looking import Looking, Pointer
from studio.messages import GramRequest, LoadedInfo, Refused, WalkRequest
from studio.profile import Profile
from studio.reading import Reader, Show, in_history
from studio.replay import Replay
from studio.settings import (
    MAX_COUNT,
    OVERLAYS,
    OVERLAYS_OF_IMAGES,
    Settings,
    SpectrumSettings,
    fitting_limit,
    settings_from_json,
    spectrum_from_json,
)
from studio.undo import BranchCommand, DeleteCommand, SettingsCommand, UndoStack

RANDOM_SEEDS = 1_000_000
"""A seed nobody chose is below this: short enough to read out and type."""

FASTEST = ENGINES[0]


class Activity(Enum):
    """What goes on: no model yet; a model is being loaded; nothing runs; a walk runs; what is drawn is replayed."""

    EMPTY = "empty"
    LOADING = "loading"
    IDLE = "idle"
    RUNNING = "running"
    REPLAYING = "replaying"


class Studio(QObject):
    """See the module. Every method is called from the GUI thread."""

    catalog_changed = Signal()
    model_changed = Signal()
    settings_changed = Signal()
    take_changed = Signal()
    """Another take is shown, or none."""
    grown = Signal()
    """The shown take has more steps, at most some thirty times a second."""
    branches_changed = Signal()
    view_changed = Signal()
    """Overlay or another choice of how to look has changed."""
    activity_changed = Signal()
    walk_began = Signal()
    """A walk goes on, after an edit in mid-run also without a change of activity."""
    gram_ready = Signal(object)
    picture_opened = Signal(object)
    """A picture that is to be completed, not yet fitted to a model: uint8 (H, W, 3), see ``image_files.opened``."""
    recording_opened = Signal(object, object)
    """A ``Recording`` that is to be continued: as it was, and at the rate of the model."""
    history_changed = Signal()
    message = Signal(str)
    """A line for the status bar, for a while."""
    verdict = Signal(str)
    """A line for the status bar about the take that is shown: it stays until another is said, or another take shown."""
    error = Signal(str)
    """A line that must not be overlooked."""

    def __init__(self, catalog: Catalog, profile: Profile, worker: InferenceThread, parent: QObject | None = None):
        super().__init__(parent)
        self.catalog = catalog
        self.profile = profile
        self.worker = worker
        self.entry: Entry | None = None
        self.settings: Settings | None = None
        self.take: Take | None = None
        self.loaded: LoadedInfo | None = None
        self._overlay = str(profile.get("overlay", "none"))
        self.spectrum = spectrum_from_json(profile.get("spectrum", {}))
        self.walking_until: int | None = None
        """The step that a walk of single steps ends at; None while a walk goes on to its end."""
        self.paused_by_user = False
        """Whether the last thing that ended a walk was the user."""
        self._walk_number = 0
        self._walking = False
        self._loading = False
        self._wish: Callable[[], None] | None = None
        """What was asked for while the model was still being loaded: to begin, or to go on."""
        self._announced = Activity.EMPTY
        self.takes_in_use: WeakValueDictionary[str, Take] = WeakValueDictionary()
        """Takes that are shown or that can be undone to: there is one object of each, whoever asks for it."""
        self._load_token = 0
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
        self._rolled_seed: int | None = None
        """The seed that somebody rolled for the next take."""
        worker.loaded.connect(self._on_loaded)
        worker.load_failed.connect(self._on_load_failed)
        worker.grown.connect(self._on_grown)
        worker.stopped.connect(self._on_stopped)
        worker.gram_ready.connect(self.gram_ready)
        worker.scored.connect(self._on_scored)
        worker.reproducing.connect(self._on_reproducing)
        worker.reproduced.connect(self._on_reproduced)
        worker.saved.connect(self.history_changed)
        worker.exported.connect(self._on_exported)
        worker.said.connect(self.message)
        worker.failed.connect(self.error)
        self.looking = Looking(self)
        self.inspection = FollowedInspection(self)
        self.influence = FollowedInfluence(self)
        self.attention = FollowedAttention(self)
        self.listening = Listening(self)
        self.given_video = GivenVideo(self)
        self.comparison = Comparison(worker, self.takes_in_use, self)
        self.reader = Reader(catalog, worker, self)
        self.reader.refused.connect(self.error)
        self.undo_stack = UndoStack(self)
        self.drawing_along = DrawingAlong(self)
        self.keys = Keys(self)
        self.replay = Replay(self)
        self.replay.changed.connect(self._announce)

    # --- what is there ---------------------------------------------------------------------------------------------

    @property
    def _key(self) -> str:
        """What the profile calls the chosen model: those that the user added may share a name."""
        assert self.entry is not None
        return self.entry.header.name if self.entry.shipped else str(self.entry.path)

    @property
    def chain(self) -> Chain | None:
        """The chain of the take that is shown, else of the model that is chosen."""
        if self.take is not None:
            return self.take.chain
        if self.entry is None or self.settings is None:
            return None
        return arranged(self.entry.header.chain, self.entry.header.factors, self.settings.condition)

    @property
    def source(self) -> Text | None:
        """The text that is translated, as a factor: of the take that is shown, else of the model that is chosen."""
        shown = self.take.model.factors if self.take is not None else self.entry.header.factors if self.entry else ()
        return next((factor for factor in shown if isinstance(factor, Text)), None)

    @property
    def trace(self) -> Trace | None:
        """The shown branch of the selected sample."""
        return self.take.samples[self.looking.selected].trace if self.take else None

    @property
    def frontier(self) -> int:
        return self.take.frontier if self.take else 0

    @property
    def activity(self) -> Activity:
        """What goes on; a walk or a replay comes before the loading of a model."""
        if self._walking:
            return Activity.RUNNING
        if self.replay.running:
            return Activity.REPLAYING
        if self._loading:
            return Activity.LOADING
        return Activity.EMPTY if self.entry is None else Activity.IDLE

    @property
    def busy(self) -> bool:
        """Whether there is something to ``stop``."""
        return self.activity not in (Activity.EMPTY, Activity.IDLE) or self.worker.walks_again

    @property
    def running(self) -> bool:
        return self._walking

    @property
    def looks_into(self) -> bool:
        """Whether the model that is loaded can go on with the shown take, and tell its conditionals."""
        return self.loaded is not None and self.take is not None and self.take.model.walks_as(self.loaded.reference)

    @property
    def walks_when_loaded(self) -> bool:
        """Whether a walk was asked for while the model was still being loaded."""
        return self._wish is not None

    @property
    def can_begin(self) -> bool:
        """Whether there is a model to begin a take with, now or as soon as it is loaded."""
        return self.loaded is not None or self._loading

    @property
    def can_go_on(self) -> bool:
        """Whether Generate would go on with the shown take instead of beginning another."""
        return self.take is not None and not self.take.finished and any(map(len, self.take.branches))

    @property
    def shown_seed(self) -> int | None:
        """Of the take that is shown."""
        return self.take.seed if self.take is not None else None

    @property
    def keeps_shapings(self) -> bool:
        """Whether each sample of the shown take has a shaping of its own, which the settings do not change."""
        return self.take is not None and bool(swept(self.take).shaping)

    @property
    def keeps_seed(self) -> bool:
        """Whether the next take begins with the seed of the settings; else with a random one."""
        return self.settings is not None and (self.settings.seed_locked or self.settings.seed == self._rolled_seed)

    def engine_name(self) -> str:
        """The engine that the next walk begins with: no walk waits for kernels that are still to be compiled."""
        wanted = self.settings.engine if self.settings else AUTO
        if wanted == AUTO or (wanted in (FASTEST, BFLOAT16) and not self.worker.kernels_warm):
            return self.loaded.fastest_engine(self.worker.kernels_warm) if self.loaded else AUTO
        return wanted

    # --- models ----------------------------------------------------------------------------------------------------

    def choose_model(self, name_or_path: str | Path) -> None:
        """Chooses a model and has it loaded in the background; shows what was shown of it last."""
        try:
            entry = self.catalog.find(str(name_or_path))
        except StudioError as error:
            self.error.emit(str(error))
            return
        if self.entry is not None and entry.path == self.entry.path:
            return
        self._leave_for(entry)
        if (left := self._left.get(entry.path)) is not None:
            self._show_take(left)
        assert self.settings is not None
        if kept := self.settings.kept_in_words():
            self.message.emit(f"{entry.header.title} has what you left it with: {', '.join(kept)}.")

    def _leave_for(self, entry: Entry) -> None:
        """Another model is chosen; where that cannot be loaded, or is given up, the one before comes back."""
        before = self._before
        if self.entry is not None and (self.loaded is not None or before is None):
            before = self.entry, self.take
        self.pause()
        self._remember_take()
        self._show_take(None)  # the settings of one model are never announced beside the take of another
        self._set_entry(entry)
        self._before = before if before is not None and before[0].path != entry.path else None

    def _remember_take(self) -> None:
        """What is shown of the chosen model comes back when that is chosen again."""
        if self.entry is not None and self.take is not None and self.take.model.name == self.entry.header.name:
            self._left[self.entry.path] = self.take

    def open_checkpoint(self, path: Path) -> None:
        """Adds a checkpoint file to the list and chooses it; one that cannot be loaded leaves the list again."""
        known = {entry.path for entry in self.catalog.entries()}
        try:
            entry = self.catalog.add(path)
        except StudioError as error:
            self.error.emit(str(error))
            listed = {entry.path: entry for entry in self.catalog.entries()}
            if path.absolute() not in listed:
                return
            entry = listed[path.absolute()]  # it could not be written down that it was added
        if entry.path not in known:
            self._added = entry.path
        self.profile.remember_recent(path)
        self.catalog_changed.emit()
        self.choose_model(str(entry.path))

    def cancel_loading(self) -> None:
        """Gives up loading, for the device or the model before, if there was one; the model can be chosen again."""
        if not self._loading or self._going_back:
            return
        self._load_token += 1
        self.worker.cancel_loading()
        before, self._before, self._added = self._before, None, None
        if self._device_before is not None:
            self._load_on(self._device_before)
        elif before is not None:
            self._return_to(*before)
        else:
            self._leave_model()
        self._going_back = self._loading

    def _leave_model(self) -> None:
        self.given_video.show_model(None)
        self.entry = self.settings = self.loaded = self._wish = None
        self._loading = False
        self._announce()
        self.model_changed.emit()
        self.settings_changed.emit()

    def _set_entry(self, entry: Entry) -> None:
        self.entry = entry
        self._wish = None
        header = entry.header
        stored = self.profile.model_settings(self._key)
        self.settings = settings_from_json(stored, header.chain, header.factors)
        self.profile.set("model", self._key)
        self._load()
        self.given_video.show_model(entry)
        self.model_changed.emit()
        self.settings_changed.emit()

    def _load_on(self, device: str) -> None:
        """Loads the chosen model again, on another device than was chosen last: nobody has to undo that choice."""
        assert self.settings is not None
        self.settings = self.settings.with_(device=device)
        self.profile.set_model_settings(self._key, self.settings.to_json())
        given_up = self._device_steps
        self._load()
        self.undo_stack.give_up(given_up, "device", device)
        self.settings_changed.emit()

    def _load(self) -> None:
        assert self.entry is not None
        assert self.settings is not None
        self._load_token += 1
        self.loaded = self._device_before = None
        self._device_steps = []
        self._loading = True
        self._going_back = False
        self._announce()
        self.worker.load(self._load_token, self.entry.path, self.settings.device)

    @Slot(int, object)
    def _on_loaded(self, token: int, info: LoadedInfo) -> None:
        if token != self._load_token:
            return
        self.loaded = info
        self._before = self._added = self._device_before = None
        self._device_steps = []
        self._loading = self._going_back = False
        self._announce()
        wish, self._wish = self._wish, None
        if wish is not None:
            wish()
        elif self.take is not None and not self.looks_into:
            self.message.emit(f"This take was made with other weights of {self.take.model.title}.")
        self._score_if_needed()
        self.inspection.ask()

    @Slot(int, str)
    def _on_load_failed(self, token: int, reason: str) -> None:
        if token != self._load_token:
            return
        assert self.settings is not None
        if self.settings.device != AUTO:
            # A device that is not there must not keep the model away for good.
            self._load_on(self._device_before or AUTO)
        else:
            self._go_back()
        self.error.emit(reason)

    def _go_back(self) -> None:
        """To the model and the take that a checkpoint which cannot be loaded has driven away."""
        assert self.entry is not None
        before, self._before = self._before, None
        if self.entry.path == self._added:
            self._added = None
            with suppress(StudioError):
                self.catalog.remove(self.entry.path)
            self.catalog_changed.emit()
        if before is None:
            # The model of the last time may be broken by now: one of those that came along takes its place.
            self._refused.add(self.entry.path)
            shipped = (entry for entry in self.catalog.entries() if entry.shipped and entry.path not in self._refused)
            before = next(((entry, None) for entry in shipped), None)
        if before is None:
            return self._leave_model()
        return self._return_to(*before)

    def _return_to(self, entry: Entry, take: Take | None) -> None:
        self._show_take(None)  # the settings of one model are never announced beside the take of another
        self._set_entry(entry)
        self._show_take(take)

    def _score_if_needed(self) -> None:
        """A take from an export has no surprise and entropy: they are computed again."""
        if self.take is None or self.loaded is None:
            return
        if any(np.isnan(trace.surprise).any() for trace in self.take.branches):
            self.worker.score(self.take)

    # --- settings --------------------------------------------------------------------------------------------------

    def change(self, what: str, *, drag: int | None = None, **changes: Any) -> None:
        """Changes settings by name, undoably. drag: changes with the same number are one undo step."""
        if self.entry is None or self.settings is None:
            return
        try:
            after = self.settings.with_(**changes)
            if "condition" in changes:
                complete(self.entry.header.factors, after.condition)
        except StudioError as error:
            self.error.emit(str(error))
            return
        if after != self.settings:
            before = {name: getattr(self.settings, name) for name in changes}
            what = f"{what} of {self.entry.header.title}"  # undone later, this may be another model than the chosen one
            self.undo_stack.push(SettingsCommand(self, self.entry.path, before, changes, what, drag))

    def reshape(self, *, drag: int | None = None, **changes: Any) -> None:
        """Changes temperature, top_k, top_p or min_p; a walk that runs takes them from its next step on."""
        if self.settings is None:
            return
        try:
            shaping = self.settings.shaping.with_(**changes)
        except StudioError as error:
            self.error.emit(str(error))
            return
        self.change(", ".join(changes).replace("_", "-"), drag=drag, shaping=shaping)
        if self.running and self.keeps_shapings:
            self.message.emit("The samples shown keep what they differ in; this applies to the next take.")

    def neutral_shaping(self) -> None:
        self.change("neutral sampling", shaping=Shaping())

    def set_prompt(self, text: str, drag: int | None = None) -> None:
        """What the next texts begin with. drag: changes with the same number are one undo step."""
        self.change("prompt", drag=drag, prompt=text)

    def set_seed(self, seed: int) -> None:
        """A seed that somebody typed is meant: it stays until it is unlocked."""
        self.change("seed", seed=seed, seed_locked=True)

    def roll_seed(self) -> None:
        """A new seed for the next Generate."""
        self._rolled_seed = secrets.randbelow(RANDOM_SEEDS)
        self.change("seed", seed=self._rolled_seed)

    def use_last_seed(self) -> None:
        """The seed of the take that is shown, locked."""
        if self.shown_seed is not None:
            self.set_seed(self.shown_seed)

    def shows_settings(self, model: Path, fields: dict[str, Any]) -> bool:
        """Whether this model is chosen, and its settings have these values."""
        if self.entry is None or self.entry.path != model or self.settings is None:
            return False
        return all(getattr(self.settings, name) == value for name, value in fields.items())

    def change_settings_of(self, model: Path, changes: dict[str, Any], step: SettingsCommand) -> bool:
        """For ``SettingsCommand``: chooses the model, so that the change is seen; whether it is there."""
        if self.entry is None or self.entry.path != model:
            if not model.exists():
                self.message.emit(f"The model that this was set for is gone: {model}")
                return False
            self.choose_model(model)
        if self.entry is None or self.entry.path != model or self.settings is None:
            return False  # it could not be chosen, which was said: no other model is changed in its place
        self._apply_settings(self.settings.with_(**changes), step)
        return True

    def take_of_drag(self, drag: int | None, side: Side) -> Take | None:
        """What was shown before a drag that drew along, or after it, where that is not what is shown."""
        take = self.drawing_along.shown(drag, side)
        return take if take is not self.take else None

    def show_of_drag(self, drag: int | None, side: Side) -> None:
        """For ``SettingsCommand``: shows it again."""
        take = self.take_of_drag(drag, side)
        if take is not None and self.entry is not None:
            self._show_with_model(take, self.entry)
            self.worker.save(take)  # the hand may have moved on from it before it was kept

    def _apply_settings(self, settings: Settings, step: SettingsCommand | None = None) -> None:
        """step: what is done or undone by this, if it can be."""
        assert self.settings is not None
        device, pace_changed = self.settings.device, settings.pace != self.settings.pace
        before, self.settings = self.settings.condition, settings
        self.profile.set_model_settings(self._key, settings.to_json())
        self.worker.set_shaping(settings.shaping)
        if pace_changed:
            self.worker.set_pace(settings.pace)
        if settings.condition != before and self.running and isinstance(self.chain, SoundChain):
            self._direct(before)
        if settings.device != device:
            self.pause()
            last, steps = (self._device_before, self._device_steps) if self.loaded is None else (device, [])
            self._load()
            self._device_before = last
            if step is not None and settings.device != last:
                self._device_steps = [*steps, step]
        self.settings_changed.emit()
        self.inspection.ask()

    def _direct(self, before: Condition) -> None:
        """A sound that is being drawn goes on as somebody else says it, or says something else; tracks are its own."""
        assert self.settings is not None
        assert self.take is not None
        chosen, differ = self.settings.condition, swept(self.take).factors
        names = [f.name for f in self.take.model.factors if not isinstance(f, Track) and f not in differ]
        changes = {name: chosen[name] for name in names if chosen[name] != before.get(name)}
        if changes:
            self.worker.direct(changes)

    @property
    def overlays(self) -> tuple[str, ...]:
        """Those that suit what is shown."""
        if isinstance(self.chain, ImageChain):
            return OVERLAYS
        return tuple(overlay for overlay in OVERLAYS if overlay not in OVERLAYS_OF_IMAGES)

    @property
    def overlay(self) -> str:
        """The chosen one, where it suits what is shown."""
        return self._overlay if self._overlay in self.overlays else "none"

    def set_overlay(self, overlay: str) -> None:
        """One of ``overlays``."""
        self._overlay = overlay
        self.profile.set("overlay", overlay)
        self.view_changed.emit()

    def set_spectrum(self, spectrum: SpectrumSettings) -> None:
        """How the spectrogram of sounds is drawn, and whether."""
        self.spectrum = spectrum
        self.profile.set("spectrum", asdict(spectrum))
        self.view_changed.emit()

    # --- walking ---------------------------------------------------------------------------------------------------

    def generate(self) -> None:
        """The obvious thing: pauses what runs, goes on with what was begun, else begins a new take."""
        if self.running:
            self.pause()
        elif self.can_go_on:
            self.go_on()
        else:
            self.begin()

    def search(self, width: int) -> None:
        """A new take, of the ``width`` most probable texts that a beam finds under the present condition.

        As soon as the model is loaded. A beam is no wider than the alphabet: with one symbol each it is full.
        """
        self.pause()
        self.begin(beam=width)

    def begin(self, until: int | None = None, *, beam: int | None = None) -> None:
        """A new take with the present settings, to step ``until`` if given; without, once the model is loaded.

        beam: the width of the search that it is, see ``search``; None: its samples are drawn.
        """
        if self._loading and until is None:
            self._walk_when_loaded(partial(self.begin, beam=beam))
        if self.settings is None or self.loaded is None:
            return
        reference, limit, prompt = self.loaded.reference, self.settings.limit, self.settings.prompt
        chain = reference.chain
        if limit > chain.limit:
            limit //= self.settings.count  # what can be kept is shared among the samples

        def make(count: int, shaping: Shaping, **fields: Any) -> Take:
            if beam is not None:
                count, shaping = min(beam, chain.alphabet.levels), NEUTRAL
            fields |= {"count": count, "shaping": shaping}
            beginning = None
            if isinstance(chain, TextChain) and prompt:
                beginning = chain.symbols(plain(prompt), closed=False)
            elif isinstance(chain, VideoChain):
                beginning = self.given_video.symbols
            if beginning is None:
                take = new_take(reference, limit=limit, **fields)
            else:
                take = continuation(reference, beginning, more=limit, **fields)
            return replace(take, beam=count) if beam is not None else take

        self.begin_with(make, until)

    def _walk_when_loaded(self, wish: Callable[[], None] | None) -> None:
        changed = (wish is None) is not (self._wish is None)
        self._wish = wish
        if wish is not None:
            self.reader.drop()  # of two wishes the last one counts
        if changed:
            self.activity_changed.emit()

    def begin_with(
        self,
        make: Callable[..., Take],
        until: int | None = None,
        *,
        pace: float | None = None,
        seed: int | None = None,
    ) -> None:
        """Begins a take that is made of the settings. make: takes what they say of a take's samples.

        pace: None for that of the settings. seed: None for theirs, if it is to be kept, or else a random one.
        """
        assert self.settings is not None
        assert self.loaded is not None
        if seed is None and not self.keeps_seed:
            seed = secrets.randbelow(RANDOM_SEEDS)
        if seed is not None:
            self.settings = self.settings.with_(seed=seed)
        self._rolled_seed = None
        self.settings_changed.emit()
        s = self.settings
        try:
            take = make(
                seed=s.seed,
                count=s.count,
                condition=s.condition,
                shaping=s.shaping,
                engine=self.engine_name(),
                device=self.loaded.device,
            )
        except StudioError as error:
            self.error.emit(str(error))
            return
        self._show_take(take)
        self.go_on(until, pace=pace)

    def complete(self, image: Pixels, known: Mask, changes: Condition) -> bool:
        """A new take with the present settings that completes an image of which some pixels are known.

        changes: values of some factors in place of those of the settings. Whether it has begun; says why not.
        """
        if self.settings is None or self.loaded is None:
            return False
        self.pause()
        reference, before = self.loaded.reference, self.take

        def make(condition: Condition, **fields: Any) -> Take:
            return completion(reference, image, known, condition={**condition, **changes}, **fields)

        self.begin_with(make)
        return self.take is not before

    def continue_sound(self, prefix: Symbols, changes: Condition) -> bool:
        """A new take with the present settings that goes on from a sound, for as long as they say a take lasts.

        changes: as for ``complete``. Whether it has begun; says why not.
        """
        if self.settings is None or self.loaded is None:
            return False
        self.pause()
        reference, before, more = self.loaded.reference, self.take, self.settings.limit

        def make(condition: Condition, **fields: Any) -> Take:
            return continuation(reference, prefix, more=more, condition={**condition, **changes}, **fields)

        self.begin_with(make)
        return self.take is not before

    def sweep(self, axis: Axis) -> bool:
        """A new take with the present settings whose samples differ along an axis.

        Whether it has begun; says why not.
        """
        if self.settings is None or self.loaded is None:
            return False
        self.pause()
        reference, before = self.loaded.reference, self.take
        self.begin_with(lambda count, **fields: sweep(reference, axis, **fields))
        return self.take is not before

    def go_on(self, until: int | None = None, *, pace: float | None = None) -> None:
        """Walks on from the frontier, to step ``until`` if given; without, once the model is loaded.

        pace: None for that of the settings.
        """
        if self.take is None or self.settings is None or self.take.finished:
            return
        if self._loading and until is None:
            self._walk_when_loaded(self.go_on)
            self.message.emit("It goes on as soon as the model is loaded.")
            return
        if not self._can_walk():
            return
        assert self.loaded is not None
        self.replay.end()
        self.looking.follow_walk()
        self.walking_until = until
        self.paused_by_user = False
        self._walk_number += 1
        self._walking = True
        self._announce()
        shaping = None if self.keeps_shapings else self.settings.shaping
        pace = self.settings.pace if pace is None else pace
        self.worker.walk(WalkRequest(self._walk_number, self.take, shaping, pace, until))
        self.walk_began.emit()

    def _can_walk(self) -> bool:
        """Whether the model that the shown take was made with is loaded; says so where it is not."""
        if self.looks_into:
            return True
        if self._loading:
            self.message.emit("The model is still being loaded.")
        elif self.take is not None:
            title = self.take.model.title
            self.error.emit(f"{title} is not loaded with the weights that this take was made with.")
        return False

    def pause(self) -> None:
        """Stops walking or replaying; what is drawn stays and can be gone on with."""
        self.replay.end()
        self._walk_when_loaded(None)
        self.drawing_along.stay()
        if self.running:
            self.paused_by_user = True
            self.worker.pause()

    def stop(self) -> None:
        """Esc: pauses, or else gives up what was to begin with a model, or loading it, or reproducing."""
        if self._walking or self.replay.running or self._wish is not None:
            self.pause()
        elif self._loading:
            self.cancel_loading()
        else:
            self.worker.pause()

    def play(self) -> None:
        """Space: pauses what runs or plays; else replays from the cursor, or goes on at the frontier."""
        if self.activity in (Activity.RUNNING, Activity.REPLAYING):
            self.pause()
        elif self.take is not None and (self.take.finished or self.looking.cursor < self.frontier):
            self.replay.start()
        else:
            self.generate()

    def step_by(self, steps: int) -> None:
        """Arrow keys: moves the cursor; beyond the frontier it walks that many steps."""
        if self.take is None:
            return
        cursor = self._heading_for
        self.pause()
        target, frontier = cursor + steps, self.take.frontier
        beyond = target > frontier and (cursor <= frontier or target > self.take.longest)
        if beyond and self.can_go_on:
            self.go_on(until=target)
        elif beyond and not self.take.finished:
            self.begin(until=target)  # nothing is drawn yet: as Generate does
        elif (
            min(max(0, target), self.take.longest) != self.looking.cursor
        ):  # at either end nothing moves, and a pin stays
            self.looking.move_cursor(target)

    def step_stride(self, strides: int) -> None:
        """To the start of the next or previous row (or millisecond)."""
        if self.chain is None:
            return
        stride = self.chain.stride
        cursor = self._heading_for
        target = (cursor // stride + strides) * stride
        if strides < 0 and cursor % stride:
            target += stride
        self.step_by(target - cursor)

    @property
    def _heading_for(self) -> int:
        """The cursor, or where a walk of single steps is about to take it: keys may come faster than steps."""
        if self.running and self.looking.following and self.walking_until is not None:
            return max(self.looking.cursor, self.walking_until)
        return self.looking.cursor

    def request_gram(self, trace: Trace, start: int, stop: int) -> None:
        """Asks for the picture of the conditionals of a stretch of a trace; answered by ``gram_ready``."""
        if self.take is not None and self.loaded is not None:
            self.worker.gram(GramRequest(self.take, trace, start, stop))

    # --- editing ---------------------------------------------------------------------------------------------------

    def put_value(self, value: int, pointer: Pointer | None = None) -> None:
        """Puts a symbol at a step (by default the edit pointer) of one sample and goes on from it on a branch."""
        pointer = pointer or self.looking.edit_pointer
        if pointer is None or self.take is None or not self._can_walk():
            return
        self._branch(pointer, [pointer.sample], "put a value", value=value)

    def put_stroke(self, values: Symbols, pointer: Pointer) -> None:
        """Puts symbols (T,) from a step of a sample on, and goes on after them on a branch."""
        if self.take is not None and self._can_walk():
            self._branch(pointer, [pointer.sample], "draw", values=values.tolist())

    def new_noise(self, *, all_samples: bool = False) -> None:
        """Goes on from the edit pointer with noise not used before, under the present settings.

        What the samples of the take were made to differ in, shaping or condition, each of them keeps; so does a
        completion its condition, which need not be that of the settings.
        """
        pointer = self.looking.edit_pointer
        if pointer is None or self.take is None or self.settings is None or not self._can_walk():
            return
        samples = [pointer.sample]
        if all_samples:
            samples, pointer = (
                list(range(len(self.take.samples))),
                self.looking.pinned or Pointer(self.looking.selected, self.looking.cursor),
            )
        differ = swept(self.take)
        changes: dict[str, Any] = {}
        if not differ.shaping:
            changes["shaping"] = self.settings.shaping
        if not differ.factors and not self.take.given:
            changes["condition"] = self.take.along(self.settings.condition)
        self._branch(pointer, samples, "new noise", new_noise=True, **changes)

    def _branch(self, at: Pointer, samples: list[int], what: str, **how: Any) -> None:
        """Goes on from a step of some samples on branches."""
        assert self.take is not None
        assert self.loaded is not None
        traces = self.take.traces
        # A clip that ended before this step has nothing to go on from.
        samples = [n for n in samples if at.step < len(traces[n]) or not traces[n].finished]
        before, after = {}, {}
        refused = ""
        for n in samples:
            sample = self.take.samples[n]
            was = sample.current
            try:
                start = min(at.step, len(sample.trace))
                self.take.branch(n, start, engine=self.engine_name(), device=self.loaded.device, **how)
            except StudioError as error:
                refused = str(error)
            else:
                before[n], after[n] = was, sample.current
        if refused:
            self.error.emit(refused)  # once, however many samples there are
        if not after:
            return
        self.drawing_along.keep()
        self.undo_stack.push(BranchCommand(self, self.take, at, before, after, what))
        self.go_on()

    def show_branch(self, sample: int, branch: int) -> None:
        """Switches a sample to another of its branches, undoably."""
        pointer = self.looking.edit_pointer
        if pointer is None or self.take is None or branch == self.take.samples[sample].current:
            return
        at, before = Pointer(sample, pointer.step), {sample: self.take.samples[sample].current}
        self.undo_stack.push(BranchCommand(self, self.take, at, before, {sample: branch}, "switch branch"))

    def switch_branches(self, take: Take, current: dict[int, int]) -> None:
        """For ``BranchCommand``: shows other branches of some samples of a take."""
        for sample, branch in current.items():
            take.samples[sample].current = branch
        if take is self.take:
            self.replay.end()  # of what is not shown any more
            self.looking.fit(take)
            self.branches_changed.emit()
            self.looking.cursor_changed.emit()
            self.inspection.ask()
        self.worker.save(take)

    def bring_into_view(self, take: Take, at: Pointer) -> None:
        """Shows a step of a take: undo and redo change nothing unseen."""
        if take is not self.take:

            def show(take: Take, entry: Entry | None) -> None:
                self._show_with_model(take, entry)  # the settings stay: what is undone next may be one of them
                self.bring_into_view(take, at)

            self.reader.read_take(lambda: take, show)
        elif self.looking.edit_pointer != at:
            self.looking.select(at.sample)
            self.looking.move_cursor(at.step)

    # --- takes and history -----------------------------------------------------------------------------------------

    def show_take(self, take: Take, entry: Entry | None = None) -> None:
        """Shows a take with its settings, choosing its model. entry: the model, or None where it is not at hand.

        The engine stays as chosen: which was the fastest when the take was drawn says nothing about the next one.
        """
        self._show_with_model(take, entry)
        if self.settings is not None and entry is not None:
            first, last, differ = take.traces[0].schedule[0], take.traces[0].segment, swept(take)
            kept = {factor.name: self.settings.condition[factor.name] for factor in differ.factors}
            drawn = take.beam is None  # a search has neither shaping nor seed
            self._apply_settings(
                self.settings.with_(  # what the samples differ in stays as it is
                    condition=complete(entry.header.factors, {**chosen_condition(take), **kept}),
                    shaping=last.shaping if drawn and not differ.shaping else self.settings.shaping,
                    seed=first.seed if drawn and not differ.seed else self.settings.seed,
                    count=min(len(take.samples), MAX_COUNT) if drawn else self.settings.count,
                    # For how long a sound was continued, not how long it is with what was given.
                    limit=fitting_limit(entry.header.chain, take.limit - len(take.given)),
                    prompt=take.chain.text(take.given) if isinstance(take.chain, TextChain) else "",
                )
            )

    def show_beside(self, take: Take, entry: Entry | None) -> None:
        """Shows a take, choosing its model; the settings stay. entry: None where its model is not at hand."""
        self._show_with_model(take, entry)

    def _show_with_model(self, take: Take, entry: Entry | None) -> None:
        self.pause()
        if entry is not None and (self.entry is None or entry.path != self.entry.path):
            self._leave_for(entry)
        self._show_take(take)
        if entry is None:
            self.error.emit(
                f"{take.model.title} ({take.model.name}) is not among the models: its take can only be seen."
            )
        self._score_if_needed()

    def open_history(self, take_id: str) -> None:
        """Brings an entry of the history back: the very take if it is still in use, else what was saved."""
        if self.take is not None and self.take.id == take_id:
            return
        self._walk_when_loaded(None)  # of two wishes the last one counts
        live = self.takes_in_use.get(take_id)

        def read() -> Take | None:
            try:
                return live or self.profile.load_take(take_id)
            except StudioError:
                if self.worker.forgets(take_id):
                    return None
                raise

        self.reader.read_take(read, self.show_take)

    def open_saved(self, source: Path | bytes) -> None:
        """Shows exactly what a saved file, or the content of one, holds, with its settings."""
        self._walk_when_loaded(None)  # of two wishes the last one counts
        live, chain = dict(self.takes_in_use), self.entry.header.chain if self.entry is not None else None
        new = False

        def read() -> Take:
            nonlocal new
            take = read_saved(source, PICTURE).take
            held = in_history(self.profile, take, live)
            if held is None:
                new = True
                take.id = new_take_id()  # an entry of its own: the history may hold this one with more branches by now
            return held or take

        def show(take: Take, entry: Entry | None) -> None:
            # Exactly what was saved: not what entropy or surprise make of it, nor where one looked at it before.
            self.set_overlay("none")
            self.show_take(take, entry)
            self.looking.select(0)
            self.looking.pin(None)
            self.looking.follow()
            if isinstance(source, Path):
                self.profile.remember_recent(source)
            if new:
                self.worker.save(take)
            else:
                self.message.emit("The history has this already: shown as it was saved.")

        foreign = partial(self._as_foreign, source, chain) if isinstance(source, Path) else None
        self.reader.read_take(read, show, foreign)

    def open_path(self, path: Path) -> None:
        """A dropped or named file: a checkpoint, or a saved sample; or else a picture or a recording to complete.

        A folder is taken for a Hugging Face model, for which its configuration stands, too.
        """
        path = folder_of(path)
        if path.is_dir():
            self.reader.read(partial(self._as_folder, path))
        elif path.suffix == ".safetensors":
            self.open_checkpoint(path)
        else:
            self.open_saved(path)

    def _as_folder(self, path: Path) -> Show:
        """For the thread of files: a tokenizer takes some time to read, and is at hand from then on."""
        read_header(path)
        return partial(self.open_checkpoint, path)

    def open_picture(self, path: Path) -> None:
        """Has any picture read for a model of images; answered by ``picture_opened``."""
        if self.entry is None or not isinstance(self.entry.header.chain, ImageChain):
            self.error.emit("Choose a model of images to complete a picture.")
            return
        self.reader.read(partial(self._as_picture, path))

    def open_recording(self, path: Path) -> None:
        """Has any WAV or FLAC read for a model of sounds; answered by ``recording_opened``."""
        self._read_recording(partial(read_recording, path))

    def open_prompt(self, path: Path) -> None:
        """Has a text read that the next texts are to begin with."""
        self.reader.read(lambda: self._as_prompt(*read_bytes(path)))

    def fit_recording(self, recording: Recording) -> None:
        """Has a recording resampled for the chosen model; answered by ``recording_opened``."""
        self._read_recording(lambda: recording)

    def _read_recording(self, read: Callable[[], Recording]) -> None:
        chain = self.entry.header.chain if self.entry is not None else None
        if not isinstance(chain, SoundChain):
            self.error.emit("Choose a model of sounds to continue a recording.")
            return
        self.reader.read(partial(self._as_recording, read, chain.rate))

    def _as_recording(self, read: Callable[[], Recording], rate: int) -> Show:
        """For the thread of files."""
        recording = read()
        fitted = recording.resampled(rate)
        return lambda: self.recording_opened.emit(recording, fitted)

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

    def _as_prompt(self, data: bytes, name: str) -> Show:
        """For the thread of files."""
        text = read_text(data, name)

        def show() -> None:
            self.set_prompt(text)
            self.message.emit(f"{Path(name).name} is the prompt of the next take.")

        return show

    def open_video(self, path: Path) -> None:
        """Has a video of the size of the chosen model read, which the next take then begins with."""
        chain = self.entry.header.chain if self.entry is not None else None
        if not isinstance(chain, VideoChain):
            self.error.emit("Choose a model of videos to begin with given frames.")
            return
        self.reader.read(partial(self._as_video, path, chain))

    def _as_video(self, path: Path, chain: VideoChain) -> Show:
        """For the thread of files."""
        video = read_video(path, chain)

        def show() -> None:
            self.given_video.add(video, chain)
            self.message.emit(f"The next take begins with {path.name}.")

        return show

    def _as_picture(self, path: Path) -> Show:
        """For the thread of files."""
        pixels = opened(*read_bytes(path))
        return lambda: self.picture_opened.emit(pixels)

    def delete_take(self, take_id: str) -> None:
        self.undo_stack.push(DeleteCommand(self, take_id, self.takes_in_use.get(take_id)))

    def reproduce(self) -> None:
        """Walks the shown take again and reports agreement or the first difference."""
        if self.take is not None and self.looks_into:
            self.pause()
            self.worker.reproduce(self.take)
            self.message.emit("Walking the take again …")

    def export(
        self, path: Path, *, samples: Sequence[int] | None = None, scale: int = 1, form: Format | None = None
    ) -> None:
        """Saves the shown take to a file in the background, see ``models.files.export``.

        form: None for what the suffix says.
        """
        if self.take is not None:
            # As it is now: what the user does next must not get into the file.
            self.message.emit(f"Saving {path.name} …")
            self.worker.export(shown(self.take, samples=samples), path, scale, form)

    def remove_take(self, take_id: str) -> bool:
        """For ``DeleteCommand``: whether it could be deleted; says why not."""
        self.worker.forget(take_id)  # what still walks must not save itself again
        try:
            self.profile.delete_take(take_id)
        except StudioError as error:
            self.worker.remember(take_id)
            self.error.emit(str(error))
            return False
        self.looking.forget(take_id)
        self.listening.forget(take_id)
        self._left = {model: take for model, take in self._left.items() if take.id != take_id}
        if self.take is not None and self.take.id == take_id:
            self.pause()
            self._show_take(None)
        self.history_changed.emit()
        return True

    def restore_take(self, take_id: str) -> bool:
        """For ``DeleteCommand``: whether it could be put back; says why not, and another redo and undo tries again."""
        try:
            self.profile.restore_take(take_id)
        except StudioError as error:
            self.error.emit(str(error))
            return False
        self.worker.remember(take_id)
        live = self.takes_in_use.get(take_id)
        if live is not None:
            self.worker.save(live)
        self.history_changed.emit()
        return True

    def _show_take(self, take: Take | None) -> None:
        self.reader.drop()
        if take is not self.drawing_along.passing:
            self.drawing_along.keep()
        if self.take is not None:
            self.looking.leave(self.take)
        if take is not None:
            self.takes_in_use[take.id] = take
        self.take = take
        self.looking.come_to(take)
        self.take_changed.emit()
        self.looking.cursor_changed.emit()
        self.inspection.ask()

    # --- answers of the inference thread ---------------------------------------------------------------------------

    @Slot(str)
    def _on_grown(self, take_id: str) -> None:
        if self.take is None or self.take.id != take_id:
            return
        self.grown.emit()
        if self.looking.following:
            self.looking.put_cursor(self.take.frontier)

    @Slot(int)
    def _on_stopped(self, number: int) -> None:
        """A walk has ended; the answer to an earlier one than the last says nothing any more."""
        if number != self._walk_number:
            return
        self._walking = False
        self._announce()
        if self.take is not None:
            self._on_grown(self.take.id)
        if self.drawing_along.passing is not None:
            self.drawing_along.drawn()

    @Slot(str)
    def _on_scored(self, take_id: str) -> None:
        if self.take is not None and self.take.id == take_id:
            self.grown.emit()
            self.inspection.ask()

    @Slot(str, str)
    def _on_reproducing(self, take_id: str, progress: str) -> None:
        if self.take is not None and self.take.id == take_id:
            self.message.emit(progress)

    @Slot(str, str)
    def _on_reproduced(self, take_id: str, report: str) -> None:
        if self.take is not None and self.take.id == take_id:
            self.verdict.emit(report)

    @Slot(str)
    def _on_exported(self, path: str) -> None:
        self.message.emit(f"Saved {path}")

    def _announce(self) -> None:
        if self.activity is not self._announced:
            self._announced = self.activity
            self.activity_changed.emit()

    def unsaved(self) -> list[Refused]:
        """What would be lost if the program ended now, see ``InferenceThread.unsaved``."""
        self.drawing_along.keep()
        return self.worker.unsaved()

    def close(self) -> None:
        """Stops everything and keeps what was made. Waits for the inference thread, which answers within a block."""
        self.replay.end()
        self.drawing_along.keep()
        self.worker.close()
        self.profile.close()
