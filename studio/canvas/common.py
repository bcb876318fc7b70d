"""What the canvases share: what they do for the window, the read-out of a step, the heat map and its legend, and the
invitation of an empty canvas.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QImage, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from models.chain import Alphabet, Chain
from models.heat import heat_table
from models.sweep import labels
from models.trace import Take
from studio.canvas.given import was_found, was_given
from studio.looking import Pointer
from studio.state import Activity, Studio
from studio.theme import QUIET, QUIET_PIXELS, STAGE, colours, set_role
from studio.widgets.labels import label
from studio.widgets.painting import painting

OPAQUE = 0xFF000000
HEAD_PIXELS = 19
SEPARATOR = "  ·  "
VEIL = 0.74
"""How much of the stage lies over steps that are drawn but beyond the cursor."""
SHORT_NAMES = {"entropy": "Entropy", "surprise": "Surprise"}


def full_bits(alphabet: Alphabet) -> float:
    """log2 K: the entropy of the uniform conditional, where the scales of entropy and surprise end."""
    return math.log2(alphabet.size)


def packed(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """uint8 (n, 3) to opaque uint32 pixels (n,)."""
    wide = rgb.astype(np.uint32)
    return (OPAQUE | wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]).astype(np.uint32)


HEAT = packed(heat_table())


def heat_places(bits: npt.NDArray[np.float32], alphabet: Alphabet) -> npt.NDArray[np.int64]:
    """Where the colours of some bits stand in HEAT: the last one for log2 K and more, -1 where they are not known."""
    unknown = np.isnan(bits)
    places = np.minimum(np.where(unknown, 0, bits) * (255 / full_bits(alphabet)), 255)
    return np.where(unknown, -1, places.astype(np.int64))


def take_of(studio: Studio, kind: type[Chain]) -> Take | None:
    """The take that is shown, if it is of this kind: canvases of others stay alive behind the one that is shown."""
    take = studio.take
    return take if take is not None and isinstance(take.chain, kind) else None


def veiled_from(studio: Studio) -> int | None:
    """The cursor where it hides what comes after it; None while it follows the frontier."""
    return None if studio.looking.following else studio.looking.cursor


def sample_facts(take: Take, sample: int, back: str = "") -> list[str]:
    """Which of several samples it is, and what it began under if they differ. back: how to see the others again."""
    if len(take.samples) == 1:
        return []
    made = labels(take)
    return [f"sample {sample}{f' ({made[sample].full})' if made else ''}{back}"]


def step_facts(take: Take, pointer: Pointer) -> list[str]:
    """Value, surprise and entropy of a drawn step in words; that it is not drawn yet, otherwise."""
    trace = take.samples[pointer.sample].trace
    if pointer.step >= len(trace):
        return ["not drawn yet"]
    symbol = int(trace.symbols[pointer.step])
    alphabet = take.chain.alphabet
    named = symbol == alphabet.stop_symbol or alphabet.quantity in ("characters", "tokens", "colours")
    facts = [alphabet.label(symbol) if named else f"value {symbol}"]
    for name, bits in (("surprise", trace.surprise[pointer.step]), ("entropy", trace.entropy[pointer.step])):
        if not np.isnan(bits):
            facts.append(f"{name} {bits:.2f} bits")
    if trace.clamped[pointer.step]:
        came = "given" if was_given(take, pointer.step, symbol) else "put there"
        facts.append("found by the search" if was_found(take, pointer.sample, pointer.step, symbol) else came)
    return facts


class Canvas(QWidget):
    """What the window asks of a canvas, whatever its modality."""

    copies: ClassVar[bool] = False
    """Whether it has something for the clipboard once a step is drawn."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self.setAccessibleName("Canvas")

    def _cover(self, body: QWidget, invitation: QWidget, above: QWidget | None = None) -> None:
        """Lays the body out under the invitation, which hides as soon as there is a take. above: what is always seen.

        A page that is hidden until then would be laid out and polished at the first step, while the user waits.
        """
        cell = QGridLayout(self)
        cell.setContentsMargins(0, 0, 0, 0)
        for page in (body, invitation):
            page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
            set_role(page, STAGE)
            cell.addWidget(page, int(above is not None), 0)
        if above is not None:
            above.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
            set_role(above, STAGE)
            cell.setSpacing(0)
            cell.addWidget(above, 0, 0)
            cell.setRowStretch(1, 1)

    def copied(self) -> QImage | str | None:
        """What Copy puts on the clipboard of what is shown: a picture, a text, or None where there is neither."""
        return None

    def step_out(self) -> None:
        """Esc, where nothing goes on: from a closer look back to the whole; nothing is kept any more."""
        if self._studio.looking.pinned is not None:
            self._studio.looking.pin(None)

    def in_view(self) -> tuple[int, int] | None:
        """The steps start … stop - 1 that are in view of what can be played over and over, if anything can."""
        return None

    def set_playhead(self, seconds: float | None) -> None:
        """Shows what is heard at this moment, in seconds from the start; None while nothing plays."""


class CellCanvas(Canvas):
    """A view in which every step has a cell, over the read-out of a step and the legend of an overlay."""

    copies = True

    def __init__(self, studio: Studio, hint: str = "") -> None:
        super().__init__(studio)
        self.read_out = ReadOut(hint)
        self.legend = Legend()
        self.invitation = Invitation(studio)

    def _lay_out(self, view: QWidget, beside: QWidget | None = None, above: QWidget | None = None) -> None:
        """beside: what stands left of the view. above: what stands over it, whether or not there is a take."""
        body = QWidget()
        row, foot, column = QHBoxLayout(), QHBoxLayout(), QVBoxLayout(body)
        row.setSpacing(0)
        if beside is not None:
            row.setContentsMargins(16, 12, 0, 0)
            row.addWidget(beside)
        row.addWidget(view, 1)
        foot.setContentsMargins(16, 4, 16, 8)
        foot.setSpacing(24)
        foot.addWidget(self.read_out, 1)
        foot.addWidget(self.legend)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row, 1)
        column.addLayout(foot)
        self._cover(body, self.invitation, above)
        self.setFocusProxy(view)
        for changed in (self._studio.take_changed, self._studio.view_changed):
            changed.connect(self._refresh)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        take, overlay = self._studio.take, self._studio.overlay
        self.invitation.setVisible(take is None)
        self.legend.setVisible(take is not None and overlay in SHORT_NAMES)
        if take is not None and overlay in SHORT_NAMES:
            self.legend.show_scale(overlay, take.chain)


class PlainCanvas(Canvas):
    """The page of a modality that has no canvas yet: whatever the studio can do without one goes on around it."""

    def __init__(self, studio: Studio, modality: str) -> None:
        super().__init__(studio)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        set_role(self, STAGE)
        words = QLabel(f"There is no picture of {modality} yet; everything else works.")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words.setWordWrap(True)
        set_role(words, QUIET)
        QVBoxLayout(self).addWidget(words)
        self.setAccessibleName(words.text())


class Invitation(QWidget):
    """The quiet page of a canvas that has nothing to show: what to do next, in two lines."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self._head, self._line = label(), label(role=QUIET)
        self._head.setStyleSheet(f"font-size: {HEAD_PIXELS}px; font-weight: 600;")
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        layout.addStretch(1)
        for text in (self._head, self._line):
            text.setAlignment(Qt.AlignmentFlag.AlignCenter)
            text.setWordWrap(True)
            text.setMinimumWidth(1)  # else a long word makes the window wide
            layout.addWidget(text)
        layout.addStretch(1)
        for signal in (studio.model_changed, studio.activity_changed, studio.settings_changed):
            signal.connect(self._refresh)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        head, line = self._words()
        self._head.setText(head)
        self._line.setText(line)
        self.setAccessibleName(f"{head}. {line}")

    def _words(self) -> tuple[str, str]:
        studio = self._studio
        if studio.entry is None or studio.settings is None:
            return "Choose a model", "Pick one from the list of models, or drop a checkpoint on the window."
        title = studio.entry.header.title
        if studio.activity is Activity.LOADING:
            begins = "It begins as soon as it is there."
            return f"Loading {title} …", begins if studio.walks_when_loaded else "Settings can be changed meanwhile."
        count = studio.settings.count
        match studio.entry.header.chain.modality:
            case "image":
                what = "an image" if count == 1 else f"{count} images"
                line = f"{title} draws {what}, one pixel after another."
            case "sound":
                what = "a clip" if count == 1 else f"{count} clips"
                line = f"{title} speaks {what}, one sample after another; you hear it as it grows."
            case "text" if studio.source is not None:
                line = f"{title} translates what stands above, one character after another; type it under Condition."
            case "text":
                what = "a text" if count == 1 else f"{count} texts"
                goes_on = "it goes on from the prompt" if studio.settings.prompt else "a prompt says how it begins"
                line = f"{title} writes {what}, one character after another; {goes_on}."
            case "video":
                what = "a video" if count == 1 else f"{count} videos"
                line = f"{title} draws {what}, frame after frame, one pixel after another."
            case _:
                what = "a sample" if count == 1 else f"{count} samples"
                line = f"{title} makes {what}, one step after another."
        return "Press Generate", line


class ReadOut(QLabel):
    """One quiet line of facts about the step under the pointer."""

    def __init__(self, hint: str) -> None:
        super().__init__()
        self._hint = hint
        self._facts: list[str] = []
        set_role(self, QUIET)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(20)
        self.setAccessibleName("Read-out")

    def set_hint(self, hint: str) -> None:
        """What stands here while there are no facts."""
        self._hint = hint
        self._fit()

    def show_facts(self, facts: list[str]) -> None:
        """Facts side by side; none brings back the hint."""
        if facts != self._facts or not self.text():
            self._facts = list(facts)
            self._fit()

    def _fit(self) -> None:
        """The last facts go where there is no room for them."""
        facts, metrics = self._facts or [self._hint], self.fontMetrics()
        while len(facts) > 1 and metrics.horizontalAdvance(SEPARATOR.join(facts)) > self.width():
            facts = facts[:-1]
        self.setText(metrics.elidedText(SEPARATOR.join(facts), Qt.TextElideMode.ElideRight, self.width()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()


class Legend(QWidget):
    """What the colours of an overlay stand for: a bar of them between what the first and the last one mean."""

    BAR = QSize(120, 8)

    def __init__(self) -> None:
        super().__init__()
        self._name, self._ends = "", ("", "")
        self._bar = QImage()
        font = QFont(self.font())
        font.setPixelSize(QUIET_PIXELS)
        self.setFont(font)
        self.setFixedHeight(20)

    def show_scale(self, overlay: str, chain: Chain) -> None:
        """overlay: ``entropy`` or ``surprise``. A surprise beyond log2 K has the last colour."""
        bits = f"{full_bits(chain.alphabet):.3g}"
        self.show_range(SHORT_NAMES[overlay], f"≥ {bits} bits" if overlay == "surprise" else f"{bits} bits")

    def show_range(self, name: str, last: str, first: str = "0", bar: npt.NDArray[np.uint8] | None = None) -> None:
        """first, last: what the first colour and the last stand for. bar: uint8 (n, 3); the heat map if None."""
        bar = heat_table() if bar is None else bar
        self._name, self._ends = name, (first, last)
        self._bar = QImage(bar.tobytes(), len(bar), 1, 3 * len(bar), QImage.Format.Format_RGB888).copy()
        words = self.fontMetrics().horizontalAdvance(f"{name}  {first} {last}")
        self.setFixedWidth(words + self.BAR.width() + 20)
        self.setAccessibleName(f"{name}, from {first} to {last}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            painter.setPen(colours(self).quiet)
            metrics, x = self.fontMetrics(), 0
            first, last = self._ends
            for words in (self._name + "  ", first + " "):
                painter.drawText(x, 0, self.width(), self.height(), Qt.AlignmentFlag.AlignVCenter, words)
                x += metrics.horizontalAdvance(words) + 2
            bar = QRectF(x + 2, (self.height() - self.BAR.height()) / 2, self.BAR.width(), self.BAR.height())
            painter.drawImage(bar, self._bar)
            x = int(bar.right()) + 7
            painter.drawText(x, 0, self.width(), self.height(), Qt.AlignmentFlag.AlignVCenter, last)
