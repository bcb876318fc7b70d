"""The tree of models: what they make, the families of how they do it, and each with a picture and a few words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSignalBlocker,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
)

from models.catalog import Entry, Family, family_of
from models.checkpoint import CheckpointHeader
from studio.state import Studio
from studio.theme import QUIET_PIXELS, RADIUS, Theme, colours, small
from studio.widgets.controls import RETURN_KEYS, claims_key
from studio.widgets.glyphs import paint_glyph
from studio.widgets.layouts import GAP, MARGIN
from studio.widgets.painting import paint_focus_frame, painting_with

ENTRY = Qt.ItemDataRole.UserRole
FAMILY = Qt.ItemDataRole.UserRole + 1
"""What a row stands for: an ``Entry``, a ``Family``; one that is neither is the heading of a modality."""
THUMBNAIL = 32
ROW_HEIGHT = 44
TITLE_HEIGHT = 19
QUIET_HEIGHT = 15
HEADING_HEIGHT = 28
FAMILY_HEIGHT = 27
TRUNK = 16.5
"""Where the line stands on which the families are strung; half a pixel, so that it is sharp."""
NODE = 14
"""The side of the arrow that stands on the trunk in front of a family."""
FAMILY_LEFT = 28
ROW_LEFT = 24
ROW_RIGHT = 6
WORDS_LEFT = 66
WORDS_RIGHT = 12
"""Logical pixels between the edges of the tree and its words."""
DOT = 3.0
"""The radius of the mark on a closed family that holds the chosen model."""
WAVE_BARS = (0.06, 0.12, 0.3, 0.55, 0.95, 0.7, 1.0, 0.62, 0.8, 0.45, 0.28, 0.16, 0.08)
BAR_SHARE = 0.62
GRID_SIDE = 4
GRID_DRAWN = 10
LINKS = 4
LINKS_DRAWN = 3
"""Of the signs that stand for models without a picture."""
CLOSING_KEYS = (Qt.Key.Key_Left, Qt.Key.Key_Minus)
"""By which Qt closes what has the focus."""
SEPARATOR = " · "
MODALITIES = {"image": "Images", "sound": "Sound", "text": "Text", "video": "Video"}

Index = QModelIndex | QPersistentModelIndex


# --- a model in words ------------------------------------------------------------------------------------------------


def modality_title(header: CheckpointHeader) -> str:
    modality = header.chain.modality
    return MODALITIES.get(modality, modality.capitalize())


def quiet_line(header: CheckpointHeader) -> str:
    """What it learned from, what it can be told, how well it knows it: ``MNIST · 10 digits · 0.83 bits/dim``."""
    parts = [header.data.get("title", ""), *(factor.summary for factor in header.factors), header.likelihood_in_words]
    return SEPARATOR.join(filter(None, parts))


def row_words(header: CheckpointHeader) -> tuple[str, list[str]]:
    """The title of a row and the parts of its quiet lines.

    ``Gated PixelCNN · MNIST`` gives its second half to the quiet lines, where there is room for it. What this half and
    the data's title have in common is told once.
    """
    first, _, second = header.title.partition(SEPARATOR)
    title, more = (first, second) if first and second else (header.title, "")
    data = header.data.get("title", "")
    if words_of(data) <= words_of(header.title):
        data = ""
    elif words_of(more) <= words_of(data):
        more = ""
    parts = [more, data, *(factor.summary for factor in header.factors), header.likelihood_in_words]
    return title, [part for part in parts if part]


def words_of(text: str) -> set[str]:
    """The words of a title in small letters, without the plural's s."""
    return {word.removesuffix("s") for word in re.findall(r"[\w+-]+", text.casefold())}


def fitted_lines(parts: Sequence[str], width: float, metrics: QFontMetricsF) -> list[str]:
    """Parts in as many lines as a width in logical pixels asks for; none is broken."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{SEPARATOR}{part}" if lines else part
        if lines and metrics.horizontalAdvance(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


# --- rows ------------------------------------------------------------------------------------------------------------


def children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    return [child for row in range(item.childCount()) if (child := item.child(row)) is not None]


def shown_below(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    return [child for child in children(item) if not child.isHidden()]


def parent_of(item: QTreeWidgetItem) -> QTreeWidgetItem:
    """Of a model its family, of a family its modality."""
    parent = item.parent()
    assert parent is not None
    return parent


def is_first(item: QTreeWidgetItem) -> bool:
    """Of those under its parent that are shown."""
    return shown_below(parent_of(item))[0] is item


def is_last(item: QTreeWidgetItem) -> bool:
    return shown_below(parent_of(item))[-1] is item


# --- painting --------------------------------------------------------------------------------------------------------


class ModelDelegate(QStyledItemDelegate):
    """Modalities in small letters; families as nodes on a trunk; models as twigs: a picture, a title, quiet lines."""

    def __init__(self, studio: Studio, parent: ModelTree) -> None:
        super().__init__(parent)
        self.studio = studio
        self.tree = parent
        self._pictures: dict[Path, QPixmap] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        entry = index.data(ENTRY)
        if entry is None:
            return QSize(120, HEADING_HEIGHT if index.data(FAMILY) is None else FAMILY_HEIGHT)
        _, lines = self._words(entry, self.tree.viewport().width())
        return QSize(120, ROW_HEIGHT + QUIET_HEIGHT * max(0, len(lines) - 1))

    def _words(self, entry: Entry, width: float) -> tuple[str, list[str]]:
        title, parts = row_words(entry.header)
        return title, fitted_lines(parts, width - WORDS_LEFT - WORDS_RIGHT, QFontMetricsF(small(self.tree.font())))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        with painting_with(painter):
            theme = colours(self.tree)
            rect = QRectF(option.rect)
            item = self.tree.itemFromIndex(index)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if item.parent() is None:
                self._paint_heading(painter, theme, rect, item.text(0), option.state)
            elif item.data(0, ENTRY) is None:
                self._paint_family(painter, theme, rect, item, option.state)
            else:
                self._paint_model(painter, theme, rect, item, option.state)

    def _paint_heading(self, painter: QPainter, theme: Theme, rect: QRectF, text: str, state: QStyle.StateFlag) -> None:
        self._paint_ground(painter, theme, rect.adjusted(ROW_RIGHT, 7, -ROW_RIGHT, -1), None, state)
        font = small(self.tree.font())
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        self._paint_line(painter, rect.adjusted(MARGIN, 8, -GAP, 0), text.upper(), theme.quiet)

    def _paint_family(
        self, painter: QPainter, theme: Theme, rect: QRectF, item: QTreeWidgetItem, state: QStyle.StateFlag
    ) -> None:
        row = rect.adjusted(ROW_RIGHT, 1, -ROW_RIGHT, -1)
        self._paint_ground(
            painter, theme, row, theme.raised if state & QStyle.StateFlag.State_MouseOver else None, state
        )
        middle, shown = rect.center().y(), shown_below(item)
        painter.setPen(QPen(theme.border, 1))
        if not is_first(item):
            painter.drawLine(QPointF(TRUNK, rect.top()), QPointF(TRUNK, middle - NODE / 2))
        if item.isExpanded() or not is_last(item):
            painter.drawLine(QPointF(TRUNK, middle + NODE / 2), QPointF(TRUNK, rect.bottom() + 1))
        node = QRectF(TRUNK - NODE / 2, middle - NODE / 2, NODE, NODE)
        paint_glyph(painter, "down" if item.isExpanded() else "forward", node, theme.quiet)

        words = QRectF(rect)
        words.setRight(words.right() - WORDS_RIGHT)
        painter.setFont(small(self.tree.font()))
        count = str(len(shown))
        painter.setPen(theme.quiet)
        painter.drawText(words, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, count)
        words.setRight(words.right() - QFontMetricsF(painter.font()).horizontalAdvance(count) - GAP)
        if not item.isExpanded() and any(self._is_chosen(model.data(0, ENTRY)) for model in shown):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.chosen)
            painter.drawEllipse(QPointF(words.right() - DOT, middle), DOT, DOT)
            words.setRight(words.right() - 2 * DOT - GAP)
        words.setLeft(FAMILY_LEFT)
        font = QFont(self.tree.font())
        font.setPixelSize(QUIET_PIXELS)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        self._paint_line(painter, words, item.text(0), theme.text)
        since = item.data(0, FAMILY).since
        words.setLeft(words.left() + QFontMetricsF(font).horizontalAdvance(item.text(0)) + GAP)
        painter.setFont(small(self.tree.font()))
        if since is not None and QFontMetricsF(painter.font()).horizontalAdvance(str(since)) <= words.width():
            self._paint_line(painter, words, str(since), theme.quiet)

    def _paint_model(
        self, painter: QPainter, theme: Theme, rect: QRectF, item: QTreeWidgetItem, state: QStyle.StateFlag
    ) -> None:
        entry: Entry = item.data(0, ENTRY)
        middle = math.floor(rect.center().y()) + 0.5
        painter.setPen(QPen(theme.border, 1))
        last = is_last(item) and is_last(parent_of(item))
        painter.drawLine(QPointF(TRUNK, rect.top()), QPointF(TRUNK, middle if last else rect.bottom() + 1))
        painter.drawLine(QPointF(TRUNK, middle), QPointF(ROW_LEFT, middle))
        row = QRectF(rect.adjusted(ROW_LEFT, 1, -ROW_RIGHT, -1))
        hovered = theme.raised if state & QStyle.StateFlag.State_MouseOver else None
        self._paint_ground(painter, theme, row, theme.chosen_fill if self._is_chosen(entry) else hovered, state)
        picture = QRectF(row.left() + 4, row.center().y() - THUMBNAIL / 2, THUMBNAIL, THUMBNAIL)
        self._paint_picture(painter, theme, picture, entry)
        title, lines = self._words(entry, rect.width())
        words = QRectF(rect.left() + WORDS_LEFT, 0, rect.width() - WORDS_LEFT - WORDS_RIGHT, TITLE_HEIGHT)
        words.moveTop(row.center().y() - (words.height() + QUIET_HEIGHT * len(lines)) / 2)
        painter.setFont(self.tree.font())
        self._paint_line(painter, words, title, theme.text)
        painter.setFont(small(self.tree.font()))
        words.translate(0, words.height())
        words.setHeight(QUIET_HEIGHT)
        for line in lines:
            self._paint_line(painter, words, line, theme.quiet)
            words.translate(0, QUIET_HEIGHT)

    def _is_chosen(self, entry: Entry) -> bool:
        return self.studio.entry is not None and self.studio.entry.path == entry.path

    def _paint_ground(
        self, painter: QPainter, theme: Theme, row: QRectF, fill: QColor | None, state: QStyle.StateFlag
    ) -> None:
        """What lies under a row, and the frame of one that has the keyboard."""
        if fill is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fill)
            painter.drawRoundedRect(row, RADIUS, RADIUS)
        if state & QStyle.StateFlag.State_HasFocus:
            paint_focus_frame(painter, row, theme)

    def _paint_line(self, painter: QPainter, where: QRectF, text: str, colour: QColor) -> None:
        painter.setPen(colour)
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(where.width()))
        painter.drawText(where, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)

    def _picture(self, entry: Entry) -> QPixmap | None:
        """The thumbnail, if there is one to look at: sounds are told by their sign, since small waves look alike."""
        if entry.thumbnail is None or entry.header.chain.modality == "sound":
            return None
        if entry.thumbnail not in self._pictures:
            self._pictures[entry.thumbnail] = QPixmap(str(entry.thumbnail))
        picture = self._pictures[entry.thumbnail]
        return None if picture.isNull() else picture

    def _paint_picture(self, painter: QPainter, theme: Theme, where: QRectF, entry: Entry) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.window)
        painter.drawRoundedRect(where, 4, 4)
        picture = self._picture(entry)
        if picture is not None:
            factor = min(where.width() / picture.width(), where.height() / picture.height())
            shown = QRectF(0, 0, picture.width() * factor, picture.height() * factor)
            shown.moveCenter(where.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, factor < 1)
            painter.drawPixmap(shown, picture, QRectF(picture.rect()))
        else:
            paint_sign(painter, theme, where.adjusted(4, 4, -4, -4), entry.header.chain.modality)

    def forget_pictures(self) -> None:
        self._pictures.clear()


def paint_sign(painter: QPainter, theme: Theme, where: QRectF, modality: str) -> None:
    """What stands for a model without a picture: a wave, pixels of which some are drawn, or the links of a chain."""
    painter.setPen(Qt.PenStyle.NoPen)
    match modality:
        case "sound":
            _paint_wave(painter, theme, where)
        case "image" | "video":
            _paint_grid(painter, theme, where)
        case _:
            _paint_links(painter, theme, where)


def _paint_wave(painter: QPainter, theme: Theme, where: QRectF) -> None:
    painter.setBrush(theme.chosen)
    pitch = where.width() / len(WAVE_BARS)
    for number, height in enumerate(WAVE_BARS):
        bar = QRectF(0, 0, pitch * BAR_SHARE, where.height() * height)
        bar.moveCenter(QPointF(where.left() + (number + 0.5) * pitch, where.center().y()))
        painter.drawRoundedRect(bar, bar.width() / 2, bar.width() / 2)


def _paint_links(painter: QPainter, theme: Theme, where: QRectF) -> None:
    pitch = where.width() / LINKS
    radius = pitch * 0.32
    for number in range(LINKS):
        painter.setBrush(theme.chosen if number < LINKS_DRAWN else theme.border)
        painter.drawEllipse(QPointF(where.left() + (number + 0.5) * pitch, where.center().y()), radius, radius)


def _paint_grid(painter: QPainter, theme: Theme, where: QRectF) -> None:
    side = where.width() / GRID_SIDE
    path = QPainterPath()
    for number in range(GRID_SIDE * GRID_SIDE):
        row, column = divmod(number, GRID_SIDE)
        cell = QRectF(where.left() + column * side, where.top() + row * side, side, side).adjusted(0.7, 0.7, -0.7, -0.7)
        if number < GRID_DRAWN:
            painter.fillRect(cell, theme.chosen)
        else:
            path.addRect(cell)
    painter.fillPath(path, theme.border)


# --- the tree --------------------------------------------------------------------------------------------------------


class ModelTree(QTreeWidget):
    """Return and a click choose a model, and open or close a family; so do the arrows to the right and the left.

    Up and down only move the focus, so that passing over a model does not load it. Modalities stay open, so that every
    model is two clicks away.
    """

    menu_asked = Signal(QTreeWidgetItem, QPoint)
    """For a row, at a place on the screen."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.setAccessibleName("Models")
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)  # the delegate draws the tree
        self.setExpandsOnDoubleClick(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.delegate = ModelDelegate(studio, self)
        self.setItemDelegate(self.delegate)
        self.itemCollapsed.connect(self._leave)

    def show_models(self, entries: Iterable[Entry]) -> None:
        """Rows for these models, in their order: those of a modality, and of a family, stand together."""
        self.delegate.forget_pictures()
        self.clear()
        with QSignalBlocker(self):  # modalities are opened by nobody's choice
            for modality, of_modality in groupby(entries, lambda entry: modality_title(entry.header)):
                top = QTreeWidgetItem(self, [modality])
                top.setExpanded(True)
                for family, of_family in groupby(of_modality, lambda entry: family_of(entry.header)):
                    self._add_family(top, family, list(of_family))

    def _add_family(self, top: QTreeWidgetItem, family: Family, entries: list[Entry]) -> None:
        item = QTreeWidgetItem(top, [family.name.capitalize()])
        item.setData(0, FAMILY, family)
        item.setToolTip(0, family.about)
        models = "1 model" if len(entries) == 1 else f"{len(entries)} models"
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{top.text(0)}, {family.name}, {models}")
        item.setData(0, Qt.ItemDataRole.AccessibleDescriptionRole, family.about)
        for entry in entries:
            model = QTreeWidgetItem(item, [entry.header.title])
            model.setData(0, ENTRY, entry)
            file = [] if entry.shipped else [str(entry.path)]  # the user's own may be called as one that came along
            facts = [entry.header.title, quiet_line(entry.header), entry.header.chain.describe(), *file]
            model.setToolTip(0, "\n".join(facts))
            told = f"{entry.header.title}, {quiet_line(entry.header)}"
            model.setData(0, Qt.ItemDataRole.AccessibleTextRole, told)

    def modalities(self) -> list[QTreeWidgetItem]:
        return children(self.invisibleRootItem())

    def families(self) -> list[QTreeWidgetItem]:
        return [family for modality in self.modalities() for family in children(modality)]

    def models(self) -> list[QTreeWidgetItem]:
        return [model for family in self.families() for model in children(family)]

    def keep_in_view(self, item: QTreeWidgetItem) -> None:
        """Scrolls to a row, unless its family is closed: Qt would open it."""
        if item.parent() is None or parent_of(item).isExpanded():
            self.scrollToItem(item)

    @Slot(QTreeWidgetItem)
    def _leave(self, closed: QTreeWidgetItem) -> None:
        """The focus goes from a model whose family was closed to the family."""
        item = self.currentItem()
        if item is not None and item.parent() is closed:
            self.setCurrentItem(closed)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Rows are as high as the width asks for; what was in view, as the chosen model at the start, stays there."""
        item, before = self.currentItem(), event.oldSize()
        old = self.visualItemRect(item) if item is not None else QRect()
        in_view = old.bottom() > 0 and old.top() < before.height()
        super().resizeEvent(event)
        if event.size().width() != before.width():
            self.scheduleDelayedItemsLayout()
        if item is not None and (in_view or not before.isValid()):
            self.keep_in_view(item)

    def event(self, event: QEvent) -> bool:
        return claims_key(event, *RETURN_KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentItem()
        if event.key() in RETURN_KEYS and item is not None:
            self.itemClicked.emit(item, 0)
        elif item is None or item.parent() is not None or event.key() not in CLOSING_KEYS:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Of the row under the mouse, or of the one that has the focus when it is asked for by a key."""
        at = event.pos()
        item = self.itemAt(at)
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            item = self.currentItem()
            at = self.visualItemRect(item).center() if item is not None else at
        if item is not None:
            self.menu_asked.emit(item, self.viewport().mapToGlobal(at))
