"""Margins, grids, rows that flow, and the scroll area of a panel."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QEvent, QMargins, QObject, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QLayout, QLayoutItem, QScrollArea, QSizePolicy, QWidget

MARGIN = 12
"""Logical pixels between a panel's edge and what it holds."""

GAP = 8


class ItemLayout(QLayout):
    """What layouts of our own share: items in order, and a height that follows from the width."""

    def __init__(self, parent: QWidget | None, spacing: int) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setSpacing(spacing)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True


class EvenGrid(ItemLayout):
    """Cells of one size, as many beside each other as fit, rows as even as they can be."""

    HINT_WIDTH = 200

    def __init__(self, parent: QWidget | None = None, spacing: int = 6) -> None:
        super().__init__(parent, spacing)
        self.setContentsMargins(QMargins())

    def heightForWidth(self, width: int) -> int:
        rows = math.ceil(len(self._items) / self.columns(width))
        return rows * self._cell().height() + max(0, rows - 1) * self.spacing()

    def sizeHint(self) -> QSize:
        """As wide as a dock is: of the height that this width asks for a layout around the grid makes its least one."""
        columns, cell = self.columns(self.HINT_WIDTH), self._cell()
        width = columns * cell.width() + (columns - 1) * self.spacing()
        return QSize(width, self.heightForWidth(width))

    def minimumSize(self) -> QSize:
        return self._cell()

    def columns(self, width: int) -> int:
        count = max(1, len(self._items))
        fitting = max(1, (width + self.spacing()) // (max(1, self._cell().width()) + self.spacing()))
        rows = math.ceil(count / min(count, fitting))
        return math.ceil(count / rows)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        columns, cell, gap = self.columns(rect.width()), self._cell(), self.spacing()
        width = (rect.width() - (columns - 1) * gap) / columns
        for number, item in enumerate(self._items):
            row, column = divmod(number, columns)
            left, right = round(column * (width + gap)), round(column * (width + gap) + width)
            top = rect.y() + row * (cell.height() + gap)
            item.setGeometry(QRect(rect.x() + left, top, right - left, cell.height()))

    def _cell(self) -> QSize:
        size = QSize(0, 0)
        for item in self._items:
            size = size.expandedTo(item.sizeHint())
        return size


class FlowLayout(ItemLayout):
    """Widgets one after another, in as many rows as the width asks for; what is hidden takes no room."""

    LEAST_WIDTH = 200

    def heightForWidth(self, width: int) -> int:
        margins = self.contentsMargins()
        places = self._places(width - margins.left() - margins.right())
        return max((place.bottom() + 1 for place in places), default=0) + margins.top() + margins.bottom()

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        return QSize(self._height(), self.heightForWidth(self.LEAST_WIDTH))

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        inner = rect.marginsRemoved(self.contentsMargins())
        for item, place in zip(self._shown(), self._places(inner.width()), strict=True):
            item.setGeometry(place.translated(inner.topLeft()))

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _height(self) -> int:
        """Of a row."""
        return max((item.sizeHint().height() for item in self._shown()), default=0)

    def _places(self, width: int) -> list[QRect]:
        places: list[QRect] = []
        height, x, y = self._height(), 0, 0
        for item in self._shown():
            size = QSize(min(item.sizeHint().width(), max(1, width)), height)
            if x and x + size.width() > width:
                x, y = 0, y + height + self.spacing()
            places.append(QRect(QPoint(x, y), size))
            x += size.width() + self.spacing()
        return places


def as_high_as_its_width_asks() -> QWidget:
    """Holds a layout of ours: a fixed height would cut off rows."""
    holder = QWidget()
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    holder.setSizePolicy(policy)
    return holder


def grid_of_cells() -> tuple[QWidget, EvenGrid]:
    """A widget with an ``EvenGrid``."""
    holder = as_high_as_its_width_asks()
    return holder, EvenGrid(holder)


class PanelScroll(QScrollArea):
    """Scrolls a panel up and down where the screen is low; never sideways, so it asks for the width that is needed.

    The bar lies in the right margin of what the content's layout holds, which has room for it also where there is none.
    So what is as high as its width asks has the same width with the bar and without. Whether there is one is decided
    here: Qt would make the content narrower until it needs none, and be told a width that no longer is.
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.content = content
        self._margins = self._layout.contentsMargins()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(content)
        content.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.content and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
            self._show_bar_if_needed()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._show_bar_if_needed()
        super().resizeEvent(event)

    def _show_bar_if_needed(self) -> None:
        layout, room = self._layout, self._right
        if layout.hasHeightForWidth():
            width = self.width() - room + layout.contentsMargins().right()
            needed = layout.totalHeightForWidth(width)
        else:
            needed = layout.totalMinimumSize().height()
        bar = needed > self.height()
        margins = QMargins(self._margins)
        margins.setRight(room - bar * self._bar_width)
        layout.setContentsMargins(margins)
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(policy.ScrollBarAlwaysOn if bar else policy.ScrollBarAlwaysOff)

    @property
    def _layout(self) -> QLayout:
        layout = self.content.layout()
        assert layout is not None
        return layout

    @property
    def _bar_width(self) -> int:
        return self.verticalScrollBar().sizeHint().width()

    @property
    def _right(self) -> int:
        """The margin with the bar."""
        return max(self._bar_width, self._margins.right())

    def minimumSizeHint(self) -> QSize:
        inside = self.content.minimumSizeHint().width() - self._layout.contentsMargins().right()
        return QSize(inside + self._right, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        return self.content.sizeHint().expandedTo(self.minimumSizeHint())


def clear(layout: QLayout) -> None:
    """Takes everything out of a layout and lets it go."""
    while layout.count():
        item: Any = layout.takeAt(0)
        if item.widget() is not None:
            item.widget().hide()
            item.widget().deleteLater()
        elif item.layout() is not None:
            clear(item.layout())
