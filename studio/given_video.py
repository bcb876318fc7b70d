"""The frames that a model of videos is given: of an example that comes with the program, of a file, or none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QObject, Signal

from models.catalog import SHIPPED
from models.chain import Chain, Symbols
from models.checkpoint import CheckpointHeader
from models.completion import given_of
from models.image_files import Pixels
from models.trace import Take
from models.video import VideoChain

FOLDER = SHIPPED / "examples"


def examples_for(header: CheckpointHeader) -> tuple[Pixels, ...]:
    """Test sequences (T, H, W) or (T, H, W, 3) of its data set that a model can go on from; maybe none.

    Reads a file: for the thread that loads the model.
    """
    chain, path = header.chain, FOLDER / f"{header.data.get('name', '')}.npz"
    if not isinstance(chain, VideoChain) or not path.is_file():
        return ()
    with np.load(path, allow_pickle=False) as file:
        videos = file["videos"]
    size = (chain.frames, chain.height, chain.width, *((3,) if chain.channels == 3 else ()))
    return tuple(videos) if videos.shape[1:] == size else ()


class GivenVideo(QObject):
    """What is offered and what is chosen, for the model that is chosen. ``Studio.begin`` asks for it."""

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.offered: list[Pixels] = []
        self.chosen: int | None = None
        """Which of them; None: the model draws all frames."""
        self._chain: VideoChain | None = None
        self._has_examples = False
        self._has_choice = False
        """Whether the user has chosen, maybe nothing."""

    def show_model(self, chain: Chain | None) -> None:
        """A model of another chain is chosen, or none: of the same kind of video everything stays as it is."""
        if chain is not None and chain == self._chain:
            return
        self._chain = chain if isinstance(chain, VideoChain) else None
        self.offered, self.chosen, self._has_examples, self._has_choice = [], None, False, False
        self.changed.emit()

    def offer(self, chain: Chain, examples: Sequence[Pixels]) -> None:
        """The examples of the model that is chosen come with it; the first is chosen if nobody has chosen yet."""
        if chain != self._chain or self._has_examples or not examples:
            return
        self._has_examples = True
        self.offered += examples
        if not self._has_choice:
            self.chosen = 0
        self.changed.emit()

    def choose(self, number: int | None) -> None:
        self._has_choice = True
        if number != self.chosen:
            self.chosen = number
            self.changed.emit()

    def add(self, video: Pixels, chain: VideoChain) -> None:
        """Offers and chooses a video that was opened for a model of the chain."""
        if chain == self._chain:
            self.offered.append(video)
            self.choose(len(self.offered) - 1)

    @property
    def symbols(self) -> Symbols | None:
        """Of the frames that are given, (T,)."""
        if self._chain is None or self.chosen is None:
            return None
        return given_of(self._chain, self.offered[self.chosen])

    def truth(self, take: Take) -> Symbols | None:
        """How the video really goes on that a take was given the beginning of, whole, (D,); None: nobody knows."""
        chain, given = take.chain, np.array(take.given, np.int32)
        if not isinstance(chain, VideoChain) or not len(given) or chain != self._chain:
            return None
        for video in self.offered:
            symbols = chain.symbols(video)
            if len(symbols) == chain.length and np.array_equal(symbols[: len(given)], given):
                return symbols
        return None
