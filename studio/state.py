"""The state of the studio: what is chosen, what is shown, and what the user can do about it.

Panels and canvases get this object, connect to its signals and keep no truth of their own. Nothing here draws; nothing
here runs a network: walks and inspections are asked of the inference thread, which answers by queued signals.

``Studio`` itself holds the model, the settings and the take, and walks. What has a state or a task of its own is a part
of it, with a name that its file has too, and panels ask it directly: ``studio.looking.cursor``,
``studio.opening.open_path``.

| part | what it does |
| --- | --- |
| ``looking`` | the selected sample, the cursor, what is pinned and hovered |
| ``inspection``, ``influence``, ``attention`` | what the inference thread says of the step that one looks at |
| ``replay`` | plays again what is drawn |
| ``listening`` | the loop of a sound, and two clips that are compared by ear |
| ``loading`` | chooses models, and goes back where one cannot be loaded |
| ``opening``, ``reader`` | files and entries of the history, read in the background |
| ``editing`` | values put, new noise, branches |
| ``undo_stack`` | what can be undone, see ``undo`` |
| ``drawing_along`` | images that follow a hand on a control |
| ``keys`` | a track that is played while it is drawn |
| ``given_video`` | the frames that a video begins with |
| ``comparison`` | several models side by side |
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
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
from models.completion import Mask, chosen_condition, completion, continuation
from models.condition import Condition, arranged, complete, steps_told
from models.engines import AUTO, BFLOAT16, ENGINES
from models.errors import StudioError
from models.file_format import Format
from models.image_files import Pixels
from models.record import shown
from models.shaping import NEUTRAL, Shaping
from models.source_text import Text
from models.sweep import ALIKE, Axis, sweep, swept
from models.text import TextChain
from models.text_files import canonical
from models.trace import Take, Trace, longest_of, new_take
from models.track import Track
from models.video import VideoChain
from studio.attention import FollowedAttention
from studio.comparison import Comparison
from studio.drawing_along import DrawingAlong, Side
from studio.editing import Editing
from studio.given_video import GivenVideo
from studio.inference import InferenceThread
from studio.influence import FollowedInfluence
from studio.inspection import FollowedInspection
from studio.keys import Keys
from studio.listening import Listening
from studio.loading import Loading
from studio.looking import Looking
from studio.messages import GramRequest, LoadedInfo, Refused, WalkRequest
from studio.opening import Opening
from studio.profile import Profile
from studio.reading import Reader
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
from studio.undo import DeleteCommand, SettingsCommand, UndoStack

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
        self._overlay = str(profile.get("overlay", "none"))
        self.spectrum = spectrum_from_json(profile.get("spectrum", {}))
        self.walking_until: int | None = None
        """The step that a walk of single steps ends at; None while a walk goes on to its end."""
        self.paused_by_user = False
        """Whether the last thing that ended a walk was the user."""
        self._walk_number = 0
        self._walking = False
        self._wish: Callable[[], None] | None = None
        """What was asked for while the model was still being loaded: to begin, or to go on."""
        self._announced = Activity.EMPTY
        self.takes_in_use: WeakValueDictionary[str, Take] = WeakValueDictionary()
        """Takes that are shown or that can be undone to: there is one object of each, whoever asks for it."""
        self._rolled_seed: int | None = None
        """The seed that somebody rolled for the next take."""
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
        self.opening = Opening(self)
        self.loading = Loading(self)
        self.loading.changed.connect(self._announce)
        self.loading.done.connect(self._on_loaded)
        self.editing = Editing(self)
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
        if self.loading.running:
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
    def loaded(self) -> LoadedInfo | None:
        """What the inference thread says of the chosen model; None while it is not there."""
        return self.loading.loaded

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
        return self.loaded is not None or self.loading.running

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

    # --- settings --------------------------------------------------------------------------------------------------

    def change(self, what: str, *, drag: int | None = None, **changes: Any) -> None:
        """Changes settings by name, undoably. drag: changes with the same number are one undo step.

        Of a condition that tells of more than the longest length holds, that length comes along.
        """
        if self.entry is None or self.settings is None:
            return
        try:
            after = self.settings.with_(**changes)
            if "condition" in changes:
                header = self.entry.header
                condition = complete(header.factors, after.condition)
                changed = [f for f in header.factors if condition[f.name] != self.settings.condition.get(f.name)]
                told = steps_told(changed, condition, header.chain)
                if told > after.limit and "limit" not in changes:
                    changes["limit"] = min(told, header.chain.limit)
                    after = after.with_(**changes)
        except StudioError as error:
            self.error.emit(str(error))
            return
        if after != self.settings:
            before = {name: getattr(self.settings, name) for name in changes}
            what = f"{what} of {self.entry.header.title}"  # undone later, this may be another model than the chosen one
            self.undo_stack.push(SettingsCommand(self, self.entry, before, changes, what, drag))

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

    def shows_settings(self, model: Entry, fields: dict[str, Any]) -> bool:
        """Whether this model is chosen, and its settings have these values."""
        if self.entry is None or self.entry.path != model.path or self.settings is None:
            return False
        return all(getattr(self.settings, name) == value for name, value in fields.items())

    def change_settings_of(self, model: Entry, changes: dict[str, Any], step: SettingsCommand) -> bool:
        """For ``SettingsCommand``: chooses the model, so that the change is seen; whether it is there."""
        if self.entry is None or self.entry.path != model.path:
            if not model.path.exists():
                self.message.emit(f"The model that this was set for is gone: {model.path}")
                return False
            self.loading.choose(model)
        if self.entry is None or self.entry.path != model.path or self.settings is None:
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
            self.show_with_model(take, self.entry)
            self.worker.save(take)  # the hand may have moved on from it before it was kept

    def _apply_settings(self, settings: Settings, step: SettingsCommand | None = None) -> None:
        """step: what is done or undone by this, if it can be."""
        assert self.settings is not None
        device, pace_changed = self.settings.device, settings.pace != self.settings.pace
        before = self.settings.condition
        self.keep_settings(settings)
        self.worker.set_shaping(settings.shaping)
        if pace_changed:
            self.worker.set_pace(settings.pace)
        if settings.condition != before and self.running:
            self._direct(before)
        if settings.device != device:
            self.pause()
            self.loading.change_device(device, step)
        self.settings_changed.emit()
        self.inspection.ask()

    def keep_settings(self, settings: Settings) -> None:
        """Of the chosen model, now and for the next time. Announces nothing."""
        self.settings = settings
        self.profile.set_model_settings(self._key, settings.to_json())

    def set_model(self, entry: Entry | None) -> None:
        """For ``Loading``: this model is chosen, with the settings that it was left with, or none is.

        Announces nothing.
        """
        self.entry, self.settings = entry, None
        if entry is not None:
            header = entry.header
            self.settings = settings_from_json(self.profile.model_settings(self._key), header.chain, header.factors)
            self.profile.set("model", self._key)

    def _direct(self, before: Condition) -> None:
        """A sound that is being drawn goes on as somebody else says it, or says something else; tracks are its own."""
        assert self.settings is not None
        take = self.take
        if take is None or not isinstance(take.chain, SoundChain) or not self.looks_into:
            return  # what is being drawn may no longer be shown
        chosen, differ = self.settings.condition, swept(take).factors
        names = [f.name for f in take.model.factors if not isinstance(f, Track) and f not in differ]
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
        if self.loading.running and until is None:
            self.wish_for(partial(self.begin, beam=beam))
        if self.settings is None or self.loaded is None:
            return
        reference, prompt = self.loaded.reference, self.settings.prompt
        chain = reference.chain
        limit = self.settings.limit
        if chain.length is None:
            limit = longest_of(self.settings.count, limit)

        def make(count: int, shaping: Shaping, **fields: Any) -> Take:
            if beam is not None:
                count, shaping = min(beam, chain.alphabet.levels), NEUTRAL
            fields |= {"count": count, "shaping": shaping}
            beginning = None
            if isinstance(chain, TextChain) and prompt:
                beginning = chain.symbols(canonical(prompt), closed=False)
            elif isinstance(chain, VideoChain):
                beginning = self.given_video.symbols
            if beginning is None:
                take = new_take(reference, limit=limit, **fields)
            else:
                take = continuation(reference, beginning, more=limit, **fields)
            return replace(take, beam=count) if beam is not None else take

        self.begin_with(make, until)

    def wish_for(self, wish: Callable[[], None] | None) -> None:
        """wish: begins or goes on when the model is loaded; None: nothing does."""
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
        changes: Condition | None = None,
    ) -> None:
        """Begins a take that is made of the settings. make: takes what they say of a take's samples.

        pace: None for that of the settings. seed: None for theirs, if it is to be kept, or else a random one. changes:
        values that some factors have from now on, if the take can be made.
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
        condition = {**s.condition, **(changes or {})}
        try:
            take = make(
                seed=s.seed,
                count=s.count,
                condition=condition,
                shaping=s.shaping,
                engine=self.engine_name(),
                device=self.loaded.device,
            )
        except StudioError as error:
            self.error.emit(str(error))
            return
        if changes:  # what a take is drawn under is what the settings say while it is shown
            self.change(", ".join(changes), condition=condition)
        self.show(take)
        self.go_on(until, pace=pace)

    def complete(self, image: Pixels, known: Mask, changes: Condition) -> bool:
        """A new take with the present settings that completes an image of which some pixels are known.

        changes: values that some factors have from now on. Whether it has begun; says why not.
        """
        if self.settings is None or self.loaded is None:
            return False
        self.pause()
        reference, before = self.loaded.reference, self.take
        self.begin_with(partial(completion, reference, image, known), changes=changes)
        return self.take is not before

    def continue_sound(self, prefix: Symbols, changes: Condition) -> bool:
        """A new take with the present settings that goes on from a sound, for as long as they say a take lasts.

        changes: as for ``complete``. Whether it has begun; says why not.
        """
        if self.settings is None or self.loaded is None:
            return False
        self.pause()
        reference, before = self.loaded.reference, self.take
        more = longest_of(self.settings.count, self.settings.limit)
        self.begin_with(partial(continuation, reference, prefix, more=more), changes=changes)
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
        if self.loading.running and until is None:
            self.wish_for(self.go_on)
            self.message.emit("It goes on as soon as the model is loaded.")
            return
        if not self.can_walk():
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

    def can_walk(self) -> bool:
        """Whether the model that the shown take was made with is loaded; says so where it is not."""
        if self.looks_into:
            return True
        if self.loading.running:
            self.message.emit("The model is still being loaded.")
        elif self.take is not None:
            title = self.take.model.title
            self.error.emit(f"{title} is not loaded with the weights that this take was made with.")
        return False

    def pause(self) -> None:
        """Stops walking or replaying; what is drawn stays and can be gone on with."""
        self.replay.end()
        self.wish_for(None)
        self.drawing_along.stay()
        if self.running:
            self.paused_by_user = True
            self.worker.pause()

    def stop(self) -> None:
        """Esc: pauses, or else gives up what was to begin with a model, or loading it, or reproducing."""
        if self._walking or self.replay.running or self._wish is not None:
            self.pause()
        elif self.loading.running:
            self.loading.cancel()
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

    # --- takes and history -----------------------------------------------------------------------------------------

    def show_take(self, take: Take, entry: Entry | None = None) -> None:
        """Shows a take with its settings, choosing its model. entry: the model, or None where it is not at hand.

        The engine stays as chosen: which was the fastest when the take was drawn says nothing about the next one.
        """
        self.show_with_model(take, entry)
        if self.settings is not None and entry is not None:
            first, last, differ = take.traces[0].schedule[0], take.traces[0].segment, swept(take)
            kept = {factor.name: self.settings.condition[factor.name] for factor in differ.factors}
            drawn = take.beam is None  # a search has neither shaping nor seed
            self._apply_settings(
                self.settings.with_(  # what the samples differ in stays as it is
                    condition=complete(entry.header.factors, {**chosen_condition(take), **kept}),
                    shaping=last.shaping if drawn and not differ.shaping else self.settings.shaping,
                    seed=first.seed if drawn and not differ.seed else self.settings.seed,
                    count=min(len(take.samples), MAX_COUNT) if drawn and differ == ALIKE else self.settings.count,
                    # For how long a sound was continued, not how long it is with what was given.
                    limit=fitting_limit(entry.header.chain, take.limit - len(take.given)),
                    prompt=take.chain.text(take.given) if isinstance(take.chain, TextChain) else "",
                )
            )

    def show_with_model(self, take: Take, entry: Entry | None) -> None:
        """Shows a take, choosing its model; the settings stay. entry: None where its model is not at hand."""
        self.pause()
        if entry is not None and (self.entry is None or entry.path != self.entry.path):
            self.loading.leave_for(entry)
        self.show(take)
        if entry is None:
            self.error.emit(
                f"{take.model.title} ({take.model.name}) is not among the models: its take can only be seen."
            )
        self._score_if_needed()

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
        self.loading.forget(take_id)
        if self.take is not None and self.take.id == take_id:
            self.pause()
            self.show(None)
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

    def show(self, take: Take | None) -> None:
        """Shows a take, or none; model and settings stay."""
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

    @Slot()
    def _on_loaded(self) -> None:
        wish, self._wish = self._wish, None
        if wish is not None:
            wish()
        elif self.take is not None and not self.looks_into:
            self.message.emit(f"This take was made with other weights of {self.take.model.title}.")
        self._score_if_needed()
        self.inspection.ask()

    def _score_if_needed(self) -> None:
        """A take from an export has no surprise and entropy: they are computed again."""
        if self.take is None or self.loaded is None:
            return
        if any(np.isnan(trace.surprise).any() for trace in self.take.branches):
            self.worker.score(self.take)

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

    @Slot()
    def _announce(self) -> None:
        if self.activity is not self._announced:
            self._announced = self.activity
            self.activity_changed.emit()

    def unsaved(self) -> list[Refused]:
        """What would be lost if the program ended now, see ``InferenceThread.unsaved``."""
        self.drawing_along.keep()
        self.reader.drop()  # nobody waits for what would not be looked at
        with self.reader.giving_way():
            return self.worker.unsaved()

    def close(self) -> None:
        """Stops everything and keeps what was made. Waits for the inference thread, which answers within a block."""
        self.replay.end()
        self.drawing_along.keep()
        self.inspection.close()
        self.reader.close()
        self.undo_stack.close()
        self.worker.close()
        self.profile.close()
