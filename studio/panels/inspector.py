"""The conditional of one step: what the model had in mind there, what the settings make of it, and what was drawn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QRectF, Slot
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QColor,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QMenu, QSizePolicy, QStackedLayout, QVBoxLayout, QWidget

from models.chain import Alphabet, Chain, ImageChain
from models.trace import Take, Trace
from models.wording import grouped
from studio.canvas.given import was_given
from studio.looking import Pointer
from studio.messages import MENTIONED_WEIGHT, Density, Inspection
from studio.panels.conditional_plots import (
    COLOURS,
    DEFAULT_SCALE,
    SCALES,
    ColourPlot,
    ConditionalPlot,
    LevelAxis,
    RankedPlot,
    component_colour,
    entropy_bits,
    how_it_came,
    rank,
    surprise_bits,
    widest_values,
)
from studio.state import Studio
from studio.theme import QUIET, Theme, colours, mixed
from studio.widgets.controls import PushButton, Segments
from studio.widgets.labels import ElidedLabel, EmptyState, label
from studio.widgets.layouts import GAP, MARGIN
from studio.widgets.numbers import probability_text
from studio.widgets.painting import painting

FACTS = {
    "drawn": ("Drawn", "The value that this step got"),
    "rank": ("Rank", "The place of this value among all, 1 for the most probable"),
    "raw": ("p raw", "The probability of this value as the model gave it"),
    "shaped": ("p shaped", "The probability of this value under the present temperature, top-k, top-p and min-p"),
    "surprise": (
        "Surprise",
        "How unexpected this value was: −log2 of p raw. 0 bits: it was certain; 1 bit: as a side of a coin",
    ),
    "entropy": (
        "Entropy",
        "How unsure the model was before a value was drawn: the surprise to be expected. 0 bits: sure of one value",
    ),
}
"""Names and explanations of what stands under the curve."""

SCALE_KEY = "conditional scale"
ROOMY = 400
"""Logical pixels of height from which on there is room for a hint."""


def p_as_drawn(inspection: Inspection, trace: Trace) -> float | None:
    """The probability that the drawn symbol had under the schedule that held at its step; None if it was not drawn."""
    if inspection.symbol is None or inspection.clamped:
        return None
    shaping = trace.segment_at(inspection.step).shaping
    if shaping == inspection.shaping:
        return float(inspection.shaped[inspection.symbol])
    # What was inspected came out of torch, so that it is here by now.
    import torch

    from models.conditional import shape_probs

    return float(shape_probs(torch.from_numpy(inspection.raw).log(), shaping)[inspection.symbol])


class Swatch(QWidget):
    """A small sign in front of a legend's word: the filled curve, or a line of it."""

    def __init__(self, colour: Callable[[Theme], QColor], *, filled: bool = False) -> None:
        super().__init__()
        self.colour, self.filled = colour, filled
        self.setFixedSize(12, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            if self.filled:
                painter.fillRect(QRectF(1, 1, 10, 10), mixed(self.colour(theme), theme.panel, 0.3))
            else:
                painter.fillRect(QRectF(0, 6, 12, 1.5), self.colour(theme))


class InspectorPanel(QWidget):
    """Shows what ``Studio.inspection`` answers; a click on a value puts it there."""

    HINT = "Click a value to put it there and go on from it."
    HINT_OF_CURVES = "Click a value to put it there; the wheel zooms."
    NO_MODEL = "Without its model a take can be looked at, but not into."
    LOADING = "The model is being loaded."
    EMPTY = (
        "Generate, then point at a pixel, a sample or a character: here stands the distribution that it was drawn from."
    )

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.studio = studio
        self.inspection: Inspection | None = None
        self._of: Take | None = None
        """The take that is looked into."""
        self.plot = ConditionalPlot()
        """Of what has neither colours one by one nor tokens."""
        self.ranked = RankedPlot()
        self.colour_plots = [ColourPlot(channel) for channel in range(len(COLOURS))]
        self.plots: list[ConditionalPlot] = [self.plot, self.ranked, *self.colour_plots]
        self.level_axis = LevelAxis(self.colour_plots[-1])
        for plot in self.plots:
            plot.value_chosen.connect(partial(self._put, plot))
            plot.zoomed.connect(self._zoom)
        for plot in self.colour_plots:
            plot.looked_at.connect(partial(self._look_at, plot))
        self.step_label = label(role=QUIET)
        self.sample_label = label(role=QUIET)
        self.scale = Segments(SCALES, "Scale of the probabilities")
        scale = str(studio.profile.get(SCALE_KEY, DEFAULT_SCALE))
        for plot in self.plots:
            plot.set_scale(scale if scale in SCALES else DEFAULT_SCALE)
        self.scale.choose(self.plot.scale)
        self.scale.chosen.connect(self._set_scale)
        self.facts = {name: label() for name in FACTS}
        self.noise_button = PushButton("New noise from here", "Go on from this step with noise not used before (N)")
        self.noise_button.clicked.connect(self._new_noise)
        self.noise_menu = QMenu(self.noise_button)
        for text, action in (("This sample", self._new_noise), ("All samples", self._new_noise_everywhere)):
            self.noise_menu.addAction(text).triggered.connect(action)
        self.branches_button = PushButton(tip="What this sample became after each edit")
        self.branches_menu = QMenu(self.branches_button)
        self.branches_menu.aboutToShow.connect(self._fill_branches)
        self.branches_menu.triggered.connect(self._switch_branch)
        self.branches_button.setMenu(self.branches_menu)
        self._build()
        studio.inspection.answered.connect(self._show_inspection)
        studio.inspection.late.connect(self._show_nothing)
        for signal in (studio.take_changed, studio.model_changed, studio.activity_changed):
            signal.connect(self._refresh)
        studio.branches_changed.connect(self._refresh_branches)
        studio.looking.selection_changed.connect(self._refresh_branches)
        self._refresh()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.step_label, 1)
        head.addWidget(self.sample_label)
        self.swatch = Swatch(self._fill, filled=True)
        legend = QHBoxLayout()
        legend.setSpacing(5)
        for text, tip, swatch in (
            (
                "with these settings",
                "Filled: what a value is drawn from under the present temperature and cuts",
                self.swatch,
            ),
            ("raw", "Line: the conditional as the model gave it", Swatch(lambda theme: theme.text)),
        ):
            for part in (swatch, label(text, QUIET)):
                part.setToolTip(tip)
                legend.addWidget(part)
            legend.addSpacing(6)
        legend.addStretch(1)
        legend.addWidget(self.scale)
        self.mixture = QWidget()
        self.mixture_label = ElidedLabel(role=QUIET)
        of_mixture = QHBoxLayout(self.mixture)
        of_mixture.setContentsMargins(0, 0, 0, 0)
        of_mixture.setSpacing(5)
        of_mixture.addWidget(Swatch(component_colour))
        of_mixture.addWidget(self.mixture_label, 1)
        self.mixture.hide()
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(3)
        self.fact_names = []
        for number, (fact, value) in enumerate(self.facts.items()):
            row, side = divmod(number, 2)
            word, tip = FACTS[fact]
            name = label(word, QUIET)
            self.fact_names.append(name)
            value.setAccessibleName(word)
            for part in (name, value):
                part.setToolTip(tip)
            # What a value needs in width must not move the others while generation runs.
            value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            grid.addWidget(name, row, 2 * side)
            grid.addWidget(value, row, 2 * side + 1)
        grid.setColumnStretch(1, 5)
        grid.setColumnStretch(3, 4)
        self.note = label(self.HINT, QUIET)
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addWidget(self.noise_button)
        buttons.addWidget(self.branches_button)
        buttons.addStretch(1)
        self.content = QWidget()
        column = QVBoxLayout(self.content)
        column.setContentsMargins(MARGIN, 4, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addLayout(head)
        curves = QVBoxLayout()
        curves.setSpacing(2)
        for plot in self.plots:
            curves.addWidget(plot, 1)
            plot.setVisible(plot is self.plot)
        curves.addWidget(self.level_axis)
        self.level_axis.hide()
        column.addLayout(curves, 1)
        column.addLayout(legend)
        column.addWidget(self.mixture)
        column.addLayout(grid)
        column.addWidget(self.note)
        column.addLayout(buttons)
        self.empty = EmptyState(self.EMPTY)
        self.stack = QStackedLayout(self)
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.content)

    # --- showing ---------------------------------------------------------------------------------------------------

    @Slot()
    def _refresh(self) -> None:
        studio = self.studio
        if studio.take is None or studio.loaded is None or studio.take is not self._of:
            self.inspection = None  # of another take: nothing rather than something stale
        if studio.take is not None and (self._of is None or studio.take.chain.alphabet != self._of.chain.alphabet):
            self._zoom(None)  # the values are others
        self._of = studio.take
        if studio.take is not None:
            self._make_room(studio.take.model.chain)
        if self.inspection is None:
            loading = studio.loaded is None and studio.entry is not None
            self.empty.setText(self.EMPTY if studio.take is None else self.LOADING if loading else self.NO_MODEL)
            self._blank()
            # Where a conditional is on its way, the page stays: to turn it twice for every take flickers and costs.
            self.stack.setCurrentWidget(self.content if studio.looks_into else self.empty)
        self._refresh_branches()

    def _make_room(self, chain: Chain) -> None:
        """For one curve, or a list, or for those of three colours, whose lines say what else would stand below."""
        in_colour = isinstance(chain, ImageChain) and chain.channels == len(COLOURS)
        shown = self.colour_plots if in_colour else [self._plot_of(chain)]
        for plot in self.plots:
            plot.setVisible(plot in shown)
        self.level_axis.setVisible(in_colour)
        for fact in ("surprise", "entropy"):
            self.facts[fact].setVisible(not in_colour)
            self.fact_names[list(FACTS).index(fact)].setVisible(not in_colour)

    @property
    def hint(self) -> str:
        return (
            self.HINT if self._of is not None and self._plot_of(self._of.chain) is self.ranked else self.HINT_OF_CURVES
        )

    def _plot_of(self, chain: Chain) -> ConditionalPlot:
        """Of what has no colours one by one."""
        return self.ranked if chain.alphabet.quantity == "tokens" else self.plot

    @Slot()
    def _show_nothing(self) -> None:
        """Rather than what is about another step."""
        self.inspection = None
        self._blank()
        self.step_label.setText("computing …")

    def _blank(self) -> None:
        for plot in self.plots:
            plot.clear()
        self.mixture.hide()
        self.sample_label.setText("")
        for text in (self.step_label, *self.facts.values()):
            text.setText("–")

    @Slot()
    def _refresh_branches(self) -> None:
        pointer = self.studio.looking.edit_pointer
        take = self.studio.take
        count = len(take.samples[pointer.sample].branches) if take is not None and pointer is not None else 0
        self.branches_button.setText(f"Branches {count}" if count > 1 else "No branches")
        self.branches_button.setAccessibleName(self.branches_button.text())
        self.branches_button.setEnabled(count > 1)
        self.noise_button.setEnabled(count > 0 and self.studio.looks_into)
        several = take is not None and len(take.samples) > 1
        self.noise_button.setMenu(self.noise_menu if several else None)  # type: ignore[arg-type]

    @Slot(object)
    def _show_inspection(self, inspection: Inspection) -> None:
        studio = self.studio
        take = studio.take
        if take is None or inspection.sample >= len(take.samples):
            return
        self.inspection = inspection
        chain = take.chain
        trace = take.samples[inspection.sample].trace
        came = how_it_came(take, inspection.sample, inspection.step, inspection.symbol, clamped=inspection.clamped)
        if isinstance(chain, ImageChain) and chain.channels == len(COLOURS):
            for plot in self.colour_plots:
                plot.show_colour(inspection, take)
            ways = [plot.came for plot in self.colour_plots]
            for plot in self.colour_plots:
                plot.widest = widest_values(ways)
            self.level_axis.update()
        else:
            self._plot_of(chain).show_inspection(inspection, chain.alphabet, came)
        self.swatch.update()
        self._show_mixture(inspection.density)
        self.step_label.setText(f"step {grouped(inspection.step)} · {chain.locate(inspection.step)}")
        self.sample_label.setText(f"sample {inspection.sample}" if len(take.samples) > 1 else "")
        self._show_facts(inspection, chain.alphabet)
        self.fact_names[0].setText(came.capitalize())
        self._show_schedule(inspection, trace)
        self.stack.setCurrentWidget(self.content)

    def _show_mixture(self, density: Density | None) -> None:
        self.mixture.setVisible(density is not None)
        if density is not None:
            heavy, all_ = len(density.shares), density.components
            self.mixture_label.say(f"{heavy} of {all_} components weigh more than {100 * MENTIONED_WEIGHT:g} %")

    def _fill(self, theme: Theme) -> QColor:
        """The colour of the filled curve of what is looked at."""
        return next((plot.tint(theme) for plot in self.colour_plots if plot.present), theme.chosen)

    def _show_facts(self, inspection: Inspection, alphabet: Alphabet) -> None:
        raw, symbol = inspection.raw, inspection.symbol
        texts = dict.fromkeys(self.facts, "–")
        texts["entropy"] = f"{entropy_bits(raw):.2f} bits"
        if symbol is None:
            texts["drawn"] = "not drawn yet"
        else:
            p = float(raw[symbol])
            texts["drawn"] = alphabet.label(symbol)
            texts["rank"] = f"{rank(raw, symbol)} of {len(raw)}"
            texts["raw"] = probability_text(p)
            texts["shaped"] = probability_text(float(inspection.shaped[symbol]))
            texts["surprise"] = f"{surprise_bits(raw, symbol):.2f} bits".replace("inf", "∞")
        for name, text in texts.items():
            self.facts[name].setText(text)

    def _show_schedule(self, inspection: Inspection, trace: Trace) -> None:
        """What the symbol was drawn under, where the present settings would give it another probability."""
        p = p_as_drawn(inspection, trace)
        if p is None or probability_text(p) == self.facts["shaped"].text():
            self.note.setText(self.hint)
        else:
            held = trace.segment_at(inspection.step).shaping.describe()
            self.note.setText(f"p as drawn {probability_text(p)}, at {held}")
        self.note.setToolTip(self.note.text())
        self._show_note()

    def _show_note(self) -> None:
        """On a low screen the curve needs the room more than the hint, which its tool tip repeats."""
        self.note.setVisible(self.height() >= ROOMY or self.note.text() != self.hint)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._show_note()
        super().resizeEvent(event)

    @Slot(str)
    def _set_scale(self, scale: str) -> None:
        for plot in self.plots:
            plot.set_scale(scale)
        self.studio.profile.set(SCALE_KEY, scale)

    @Slot(object)
    def _zoom(self, span: range | None) -> None:
        """The same for the three colours, whose values stand above one another."""
        for plot in self.plots:
            plot.show_span(span)
        self.level_axis.update()

    # --- doing -----------------------------------------------------------------------------------------------------

    def _put(self, plot: ConditionalPlot, value: int) -> None:
        """The value goes where the curve was seen, wherever generation has got to meanwhile."""
        if plot.inspection is not None:
            self.studio.editing.put_value(value, Pointer(plot.inspection.sample, plot.inspection.step))

    def _look_at(self, plot: ConditionalPlot) -> None:
        if plot.inspection is not None:
            self.studio.looking.pin(Pointer(plot.inspection.sample, plot.inspection.step))

    @Slot()
    def _new_noise(self) -> None:
        self.studio.editing.new_noise()

    @Slot()
    def _new_noise_everywhere(self) -> None:
        self.studio.editing.new_noise(all_samples=True)

    @Slot()
    def _fill_branches(self) -> None:
        self.branches_menu.clear()
        pointer, take = self.studio.looking.edit_pointer, self.studio.take
        if pointer is None or take is None:
            return
        owner = take.samples[pointer.sample]
        group = QActionGroup(self.branches_menu)
        for number, trace in enumerate(owner.branches):
            if trace.parent is None:
                origin = "the first"
            else:
                value = trace.forced.get(trace.fork)
                if value is None and trace.fork < len(trace) and trace.clamped[trace.fork]:
                    found = int(trace.symbols[trace.fork])
                    value = None if was_given(take, trace.fork, found) else found
                what = "new noise" if value is None else f"put {take.chain.alphabet.label(value)}"
                origin = f"{what} at step {grouped(trace.fork)}"
            action = group.addAction(f"{number}   {origin} · {grouped(len(trace))} steps")
            action.setCheckable(True)
            action.setChecked(number == owner.current)
            action.setData((pointer.sample, number))
        self.branches_menu.addActions(group.actions())

    @Slot(QAction)
    def _switch_branch(self, action: QAction) -> None:
        sample, number = action.data()
        self.studio.editing.show_branch(sample, number)


if __name__ == "__main__":
    from studio.panels.demo import show_panel

    show_panel(InspectorPanel)
