"""What was generated, newest first: a strip of small pictures, each with what it is in a word or two."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Slot,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QPixmap, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QMenu,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from models.wording import grouped
from studio.export import ask_and_export
from studio.profile import HistoryEntry
from studio.state import Studio
from studio.theme import RADIUS, colours, faded, fill_hatched, mixed, small
from studio.widgets.controls import RETURN_KEYS, claims_key
from studio.widgets.labels import EmptyState
from studio.widgets.layouts import MARGIN
from studio.widgets.painting import painting_with

TILE = 52
PIXELS = ("image", "video")
"""Modalities whose thumbnails are the pixels themselves."""
CELL = QSize(92, TILE + 14)
"""A tile, the number of samples at its right, and the line below both: most models' names fit into it."""
SPACING = 6
ENTRY = Qt.ItemDataRole.UserRole
PICTURE_ROLE = Qt.ItemDataRole.UserRole + 1
DELETE_KEYS = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)

Index = QModelIndex | QPersistentModelIndex


def made_at(take_id: str) -> str:
    """When a take was begun, in local time, from its name."""
    try:
        moment = datetime.strptime(take_id.split("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    except ValueError:
        return ""
    return f"{moment.astimezone():%d %B %Y, %H:%M}"


def caption(entry: HistoryEntry) -> str:
    """What an entry is, as short as it can be said: the range of a sweep, of a sound who says what, else the model.

    The pictures of sounds look alike.
    """
    condition = entry.condition if entry.modality == "sound" else ""
    return entry.swept or condition or entry.title.split(" · ")[0]


def describe(entry: HistoryEntry) -> str:
    """An entry in words, for its tool tip and for who cannot see it."""
    swept = "Sweep: " if entry.swept else ""
    samples = f"{entry.count} samples, " if entry.count > 1 else ""
    state = f"{grouped(entry.steps)} steps" if entry.finished else f"stopped at step {grouped(entry.steps)}"
    branches = entry.branches - entry.count
    edits = f", {branches} branch{'es' if branches > 1 else ''}" if branches > 0 else ""
    return f"{entry.title}\n{swept}{entry.made_with}\n{samples}{state}{edits}\n{made_at(entry.id)}".rstrip()


class HistoryModel(QAbstractListModel):
    """The entries and their decoded pictures. ``update`` touches what has changed and nothing else."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.entries: list[HistoryEntry] = []
        self._pictures: dict[str, tuple[str, QPixmap]] = {}

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        entry = self.entries[index.row()]
        if role == ENTRY:
            return entry
        if role == PICTURE_ROLE:
            return self._picture(entry)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return describe(entry)
        return None

    def row_of(self, take_id: str) -> int:
        """The row of a take, or -1."""
        return next((row for row, entry in enumerate(self.entries) if entry.id == take_id), -1)

    def update(self, entries: list[HistoryEntry]) -> None:
        kept = {entry.id for entry in entries}
        for row in reversed(range(len(self.entries))):
            if self.entries[row].id not in kept:
                self.beginRemoveRows(QModelIndex(), row, row)
                self._pictures.pop(self.entries.pop(row).id, None)
                self.endRemoveRows()
        for row, entry in enumerate(entries):
            if row >= len(self.entries) or self.entries[row].id != entry.id:
                self.beginInsertRows(QModelIndex(), row, row)
                self.entries.insert(row, entry)
                self.endInsertRows()
            elif self.entries[row] != entry:
                self.entries[row] = entry
                self.dataChanged.emit(self.index(row), self.index(row))

    def _picture(self, entry: HistoryEntry) -> QPixmap:
        kept = self._pictures.get(entry.id)
        if kept is None or kept[0] != entry.thumbnail:
            picture = QPixmap()
            with suppress(ValueError):  # of a damaged index: a tile without a picture
                picture.loadFromData(base64.b64decode(entry.thumbnail), "PNG")
            kept = self._pictures[entry.id] = (entry.thumbnail, picture)
        return kept[1]


class HistoryDelegate(QStyledItemDelegate):
    """A tile and its caption, with the number of samples.

    The tile: the picture, framed blue if it is the take that is shown, with a bar of how far it got if it stopped.
    """

    def __init__(self, studio: Studio, parent: QWidget) -> None:
        super().__init__(parent)
        self.studio = studio

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return CELL

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        with painting_with(painter):
            view = self.parent()
            entry = index.data(ENTRY)
            assert isinstance(view, QWidget)
            theme = colours(view)
            cell = QRectF(option.rect.x(), option.rect.y(), CELL.width(), CELL.height())
            tile = QRectF(cell.left(), cell.top(), TILE, TILE).adjusted(1, 1, -1, -1)
            state = option.state
            current = self.studio.take is not None and self.studio.take.id == entry.id
            self._paint_words(painter, cell, entry, theme.text if current else theme.quiet)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.window)
            painter.drawRoundedRect(tile, RADIUS - 2, RADIUS - 2)
            picture = index.data(PICTURE_ROLE)
            room = tile.adjusted(3, 3, -3, -3)
            if not picture.isNull():
                factor = min(room.width() / picture.width(), room.height() / picture.height())
                shown = QRectF(0, 0, picture.width() * factor, picture.height() * factor)
                shown.moveCenter(room.center())
                if entry.modality in PIXELS and not entry.finished:
                    fill_hatched(painter, shown, theme)
                shrunk = factor * view.devicePixelRatioF() < 1
                smooth = entry.modality not in PIXELS or shrunk
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
                painter.drawPixmap(shown, picture, QRectF(picture.rect()))
            if not entry.finished:
                done = min(1.0, entry.steps / max(1, entry.limit))
                bar = QRectF(room.left(), room.bottom() - 3, room.width(), 3)
                painter.fillRect(bar, faded(theme.window, 0.8))
                painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * done, 3), theme.now)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            focused = bool(state & QStyle.StateFlag.State_HasFocus)
            hovered = bool(state & QStyle.StateFlag.State_MouseOver)
            line = theme.chosen if current else theme.quiet if hovered else theme.border
            painter.setPen(QPen(line, 2 if current else 1))
            painter.drawRoundedRect(tile, RADIUS - 2, RADIUS - 2)
            if focused:
                painter.setPen(QPen(mixed(theme.chosen, theme.text, 0.4), 1, Qt.PenStyle.DotLine))
                painter.drawRoundedRect(tile.adjusted(2.5, 2.5, -2.5, -2.5), RADIUS - 3, RADIUS - 3)

    def _paint_words(self, painter: QPainter, cell: QRectF, entry: HistoryEntry, colour: QColor) -> None:
        """The caption below the tile, and the number of samples where it covers nothing."""
        painter.setFont(small(painter.font()))
        painter.setPen(colour)
        line = cell.adjusted(1, TILE, -1, 0)
        left, middle = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignVCenter
        words = painter.fontMetrics().elidedText(caption(entry), Qt.TextElideMode.ElideRight, int(line.width()))
        painter.drawText(line, left | middle, words)
        if entry.count > 1:
            beside = cell.adjusted(TILE + 1, 1, 0, TILE - cell.height() - 1)
            painter.drawText(beside, left | Qt.AlignmentFlag.AlignBottom, f"×{entry.count}")


class HistoryView(QListView):
    """One row, with the keys and the wheel of a strip."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.studio = studio
        self._to_save = ""
        """The id of the take that is to be saved as soon as it is shown."""
        self.setAccessibleName("History")
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setSpacing(SPACING // 2)
        self.setViewportMargins(MARGIN - SPACING // 2, 0, 0, 0)  # the first picture stands below the panel's title
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setItemDelegate(HistoryDelegate(studio, self))
        self.clicked.connect(self._open)
        self.customContextMenuRequested.connect(self._show_menu)
        studio.take_changed.connect(self._save_awaited)
        studio.reader.refused.connect(self._save_nothing)

    def event(self, event: QEvent) -> bool:
        """Delete and Return belong to the strip while it has the keyboard, whatever the window uses them for."""
        return claims_key(event, *DELETE_KEYS, *RETURN_KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if event.key() in RETURN_KEYS and index.isValid():
            self._open(index)
        elif event.key() in DELETE_KEYS and index.isValid():
            self._delete(index)
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """An ordinary wheel scrolls sideways."""
        bar, delta = self.horizontalScrollBar(), event.angleDelta()
        bar.setValue(bar.value() - (delta.x() or delta.y()))
        event.accept()

    @Slot(QModelIndex)
    def _open(self, index: QModelIndex) -> None:
        self.studio.opening.open_history(index.data(ENTRY).id)

    def _delete(self, index: QModelIndex) -> None:
        self.studio.delete_take(index.data(ENTRY).id)

    def save(self, take_id: str) -> None:
        """Shows a take, since what is shown is saved, and asks where to save it."""
        take = self.studio.take
        if take is not None and take.id == take_id:
            self._ask_and_save()
        else:
            self._to_save = take_id
            self.studio.opening.open_history(take_id)

    @Slot()
    def _save_awaited(self) -> None:
        """What is shown is what was asked for, or the user has gone on to something else."""
        take = self.studio.take
        if take is None:
            return  # its model is being chosen
        if take.id == self._to_save:
            QTimer.singleShot(0, self, self._ask_and_save)  # when everybody else has seen the take
        self._to_save = ""

    @Slot()
    def _save_nothing(self) -> None:
        """What was asked for cannot be read: opened later, it is not to be saved any more."""
        self._to_save = ""

    @Slot()
    def _ask_and_save(self) -> None:
        ask_and_export(self.studio, self.window())

    @Slot(QPoint)
    def _show_menu(self, at: QPoint) -> None:
        index = self.indexAt(at)
        if not index.isValid():
            return
        kept = QPersistentModelIndex(index)
        menu = QMenu(self)
        open_action, save_action = menu.addAction("Open"), menu.addAction("Save as…")
        delete_action = menu.addAction("Delete")
        chosen = menu.exec(self.viewport().mapToGlobal(at))
        menu.deleteLater()
        if kept.isValid() and chosen is open_action:
            self._open(QModelIndex(kept))  # type: ignore[call-overload]
        elif kept.isValid() and chosen is save_action:
            self.save(kept.data(ENTRY).id)
        elif kept.isValid() and chosen is delete_action:
            self._delete(QModelIndex(kept))  # type: ignore[call-overload]


class HistoryStrip(QWidget):
    """See the module."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.studio = studio
        self.view = HistoryView(studio)
        self.model = HistoryModel(self)
        self.view.setModel(self.model)
        self.empty = EmptyState("What you generate is kept here.")
        self.stack = QStackedLayout(self)
        self.stack.setContentsMargins(8, 0, 8, 4)
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.view)
        bar = self.view.horizontalScrollBar().sizeHint().height()
        self.setMinimumHeight(CELL.height() + SPACING + bar + 4)
        self.setMaximumHeight(CELL.height() + 3 * SPACING + bar + 8)
        studio.history_changed.connect(self._refresh)
        studio.take_changed.connect(self._show_current)
        self._refresh()

    @property
    def keeps_focus(self) -> bool:
        """Whether what has come to be shown was done here, so that the next key is the strip's, too.

        A take that is begun while the strip has the focus is for the canvas.
        """
        take = self.studio.take
        return self.view.hasFocus() and (take is None or self.model.row_of(take.id) >= 0)

    @Slot()
    def _refresh(self) -> None:
        before = len(self.model.entries)
        self.model.update(self.studio.profile.history())
        self.stack.setCurrentWidget(self.view if self.model.entries else self.empty)
        if len(self.model.entries) > before:
            self._show_current()

    @Slot()
    def _show_current(self) -> None:
        take = self.studio.take
        row = self.model.row_of(take.id) if take is not None else -1
        if row >= 0:
            self.view.setCurrentIndex(self.model.index(row))
            self.view.scrollTo(self.model.index(row))
        self.view.viewport().update()


if __name__ == "__main__":
    from studio.panels.demo import show_panel

    show_panel(HistoryStrip)
