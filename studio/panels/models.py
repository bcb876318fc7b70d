"""The models at hand as a family tree, by what they make and how: found, filtered, chosen, explained, removed."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, QSignalBlocker, Qt, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QStackedLayout,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from models.catalog import Entry, family_of
from models.checkpoint import CheckpointHeader
from studio.panels.model_card import ModelCardDialog
from studio.panels.model_filters import LEAST_WIDTH, TRAITS, Filters
from studio.panels.model_tree import (
    ENTRY,
    FAMILY,
    ModelTree,
    children,
    modality_title,
    parent_of,
    quiet_line,
    shown_below,
)
from studio.state import Activity, Studio
from studio.theme import LINK, QUIET, set_role
from studio.widgets.controls import PushButton, ToolButton, claims_key
from studio.widgets.glyphs import glyph_icon
from studio.widgets.labels import EmptyState, Spinner, label
from studio.widgets.layouts import GAP, MARGIN

OPEN_MODELS = 12
"""With more models than these, families begin closed: the tree is seen at a glance, and each model two clicks away."""
FILTER_WIDTH = 34


def haystack(header: CheckpointHeader) -> str:
    """All that a search looks at, in small letters: the values of the conditions, and the year of the family, too."""
    family = family_of(header)
    names = (
        header.title,
        header.name,
        header.architecture,
        modality_title(header),
        family.name,
        family.about,
        str(family.since),
    )
    conditions = (factor.describe() for factor in header.factors)
    traits = (name for name, (_, has) in TRAITS.items() if has(header))
    return " ".join((*names, *traits, quiet_line(header), header.chain.describe(), *conditions)).casefold()


def family_key(item: QTreeWidgetItem) -> str:
    """Under which the profile remembers whether a family is open."""
    return f"{parent_of(item).text(0)}/{item.text(0)}"


class SearchField(QLineEdit):
    """Escape clears it, unless it is empty: then the key is the window's."""

    def event(self, event: QEvent) -> bool:
        return bool(self.text() and claims_key(event, Qt.Key.Key_Escape)) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)


class ModelsPanel(QWidget):
    """See the module."""

    NONE_AT_ALL = "No models yet. Open a checkpoint from the File menu, or drop one here."

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.setMinimumWidth(LEAST_WIDTH)
        self.studio = studio
        self.open_families: dict[str, bool] = dict(studio.profile.get("families", {}))
        """Whether a family is open, by its modality and name: of those that were opened or closed once."""
        self._shown: Path | None = None
        """The model that was chosen when the list was last looked at."""
        self.search = SearchField()
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search models")
        self.search.setToolTip("Shows the models in whose name, family, data or conditions every word occurs")
        self.search.setClearButtonEnabled(True)
        self.search.addAction(
            glyph_icon("search", self.search, lambda theme: theme.quiet), QLineEdit.ActionPosition.LeadingPosition
        )
        self.filter_button = ToolButton(glyph="filter", tip="Filters by data and by kind", name="Filters")
        self.filter_button.setCheckable(True)
        self.filter_button.setFixedWidth(FILTER_WIDTH)
        self.filter_button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Ignored)  # as high as the field
        self.filters = Filters()
        self.list = ModelTree(studio)
        self.empty = EmptyState(self.NONE_AT_ALL)
        self.clear_button = PushButton("Show all models", tip="Clears the search and all filters")
        set_role(self.clear_button, LINK)
        self.nothing = QWidget()
        self.spinner = Spinner()
        self.loading_label = label(role=QUIET)
        self.loading_label.setWordWrap(True)
        self.loading_label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.cancel_button = PushButton("Cancel", tip="Give up loading (Esc)", name="Cancel loading")
        self.loading = QWidget()
        self._build()
        self.search.textChanged.connect(self._filter)
        self.filter_button.toggled.connect(self.filters.unfold)
        self.filters.changed.connect(self._filter)
        self.clear_button.clicked.connect(self._clear_filter)
        self.list.itemClicked.connect(self._choose)
        self.list.itemExpanded.connect(self._remember)
        self.list.itemCollapsed.connect(self._remember)
        self.list.menu_asked.connect(self._show_menu)
        self.cancel_button.clicked.connect(studio.loading.cancel)
        studio.catalog_changed.connect(self.reload)
        studio.model_changed.connect(self._show_current)
        studio.activity_changed.connect(self._show_activity)
        self.reload()

    def _build(self) -> None:
        loading = QHBoxLayout(self.loading)
        loading.setContentsMargins(MARGIN, 6, MARGIN, 6)
        loading.setSpacing(GAP)
        loading.addWidget(self.spinner)
        loading.addWidget(self.loading_label, 1)
        loading.addWidget(self.cancel_button)
        nothing = QVBoxLayout(self.nothing)
        nothing.setContentsMargins(0, 0, 0, 0)
        nothing.setSpacing(0)
        nothing.addStretch(1)
        nothing.addWidget(self.empty)
        nothing.addWidget(self.clear_button, 0, Qt.AlignmentFlag.AlignHCenter)
        nothing.addStretch(1)
        self.pages = QStackedLayout()
        self.pages.addWidget(self.list)
        self.pages.addWidget(self.nothing)
        field = QHBoxLayout()
        field.setContentsMargins(MARGIN, 2, MARGIN, 2)
        field.setSpacing(6)
        field.addWidget(self.search)
        field.addWidget(self.filter_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(2)
        column.addLayout(field)
        column.addWidget(self.filters)
        column.addLayout(self.pages, 1)
        column.addWidget(self.loading)

    # --- showing ---------------------------------------------------------------------------------------------------

    @Slot()
    def reload(self) -> None:
        """Shows the models that are listed by now."""
        entries = self.studio.catalog.listed
        self.list.show_models(entries)
        self.filters.offer([entry.header for entry in entries])
        self.filter_button.setEnabled(bool(self.filters.chips()))
        self._filter()
        self._show_current()

    def _narrowed(self) -> bool:
        """Whether some models may be left out."""
        return bool(self.search.text().split() or self.filters.on())

    @Slot()
    def _filter(self) -> None:
        """Shows the models that pass all filters and in which every word occurs, and the families above them.

        These are open then; afterwards each is again as it was.
        """
        words, narrowed = self.search.text().casefold().split(), self._narrowed()
        few = len(self.list.models()) <= OPEN_MODELS
        with QSignalBlocker(self.list):
            for top in self.list.modalities():
                for family in children(top):
                    for model in children(family):
                        header = model.data(0, ENTRY).header
                        found = all(word in haystack(header) for word in words)
                        model.setHidden(not (found and self.filters.passes(header)))
                    family.setHidden(not shown_below(family))
                    family.setExpanded(narrowed or self.open_families.get(family_key(family), few))
                top.setHidden(not shown_below(top))
        any_shown = any(not top.isHidden() for top in self.list.modalities())
        self.pages.setCurrentWidget(self.list if any_shown else self.nothing)
        self.empty.setText(self._nothing_matches() if self.list.models() else self.NONE_AT_ALL)
        self.clear_button.setVisible(narrowed)
        current = self.list.currentItem()
        if narrowed:
            self.list.scrollToTop()
        elif current is not None:
            self.list.keep_in_view(current)

    def _nothing_matches(self) -> str:
        text, filters = self.search.text().strip(), self.filters.on()
        if text:
            return f"Nothing matches “{text}”{' with these filters' if filters else ''}."
        return "No model passes these filters."

    @Slot()
    def _clear_filter(self) -> None:
        self.filters.clear()
        self.search.clear()

    @Slot(QTreeWidgetItem)
    def _remember(self, family: QTreeWidgetItem) -> None:
        """That a family was opened or closed; while models are searched for, it is so for the moment only."""
        if not self._narrowed():
            self.open_families[family_key(family)] = family.isExpanded()
            self.studio.profile.set("families", dict(self.open_families))

    @Slot()
    def _show_current(self) -> None:
        """Opens the family of the chosen model and brings it into view; another one than before, whatever is sought."""
        path = self.studio.entry.path if self.studio.entry else None
        another, self._shown = path != self._shown, path
        for model in self.list.models():
            if model.data(0, ENTRY).path == path:
                if another and model.isHidden():
                    self._clear_filter()
                parent_of(model).setExpanded(True)
                self.list.setCurrentItem(model)
                self.list.keep_in_view(model)
        self.list.viewport().update()
        self._show_activity()

    @Slot()
    def _show_activity(self) -> None:
        entry, loading = self.studio.entry, self.studio.activity is Activity.LOADING
        if loading and entry is not None:
            self.loading_label.setText(f"Loading {entry.header.title}…")
        self.loading.setVisible(loading)

    # --- doing -----------------------------------------------------------------------------------------------------

    @Slot(QTreeWidgetItem)
    def _choose(self, item: QTreeWidgetItem) -> None:
        """Chooses a model; opens or closes a family."""
        entry = item.data(0, ENTRY)
        if entry is not None:
            self.studio.loading.choose(entry)
        elif item.data(0, FAMILY) is not None:
            item.setExpanded(not item.isExpanded())

    @Slot(QTreeWidgetItem, QPoint)
    def _show_menu(self, item: QTreeWidgetItem, at: QPoint) -> None:
        entry = item.data(0, ENTRY)
        menu = QMenu(self)
        card = remove = None
        if entry is not None:
            card = menu.addAction("Show card")
            remove = None if entry.shipped else menu.addAction("Remove from list")
            menu.addSeparator()
        open_all, close_all = menu.addAction("Open all families"), menu.addAction("Close all families")
        chosen = menu.exec(at)
        menu.deleteLater()
        if chosen is None:
            return
        if chosen is card:
            self._open_card(entry)
        elif chosen is remove:
            self.studio.opening.remove_model(entry.path)
        elif chosen in (open_all, close_all):
            self.open_all(chosen is open_all)

    def open_all(self, opened: bool) -> None:
        """Opens or closes all families."""
        for family in self.list.families():
            family.setExpanded(opened)

    def show_card(self) -> None:
        """The card of the model that is chosen."""
        if self.studio.entry is not None:
            self._open_card(self.studio.entry)

    def _open_card(self, entry: Entry) -> None:
        dialog = ModelCardDialog(entry, self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()


if __name__ == "__main__":
    from studio.panels.demo import show_panel

    show_panel(ModelsPanel)
