"""The square of a code of two numbers: a point in it is chosen, over a map of what is drawn where if there is one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QLabel, QSizePolicy, QToolTip, QWidget

from studio.code_map import CodeMap, Place
from studio.theme import QUIET, QUIET_PIXELS, RADIUS, Theme, colours, faded, set_role
from studio.widgets.controls import claims_key, next_drag
from studio.widgets.painting import paint_focus_frame, painting

ARROWS = {
    Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1),
}  # fmt: skip

DARK_CLASSES = "#ff77bc #07b5eb #ffea33 #9871f2 #0967ac #984376 #6bf8ef #83c730 #e05516 #07925e"
LIGHT_CLASSES = "#876600 #0d5e72 #7324a0 #00a63d #39c4f0 #f89caf #c5bc3a #4572e7 #9d0f37 #c94eac"
"""Colours of classes, as far from each other and from amber as ten can be to any eyes, the colour-blind's among them.

For those they differ in brightness. Clothes whose codes are neighbours have the most different ones.
"""
DOT_EDGE = QColor(0, 0, 0, 190)
"""Around a dot: it parts one from the next, and from the map behind them."""
MOST_CLASSES = len(DARK_CLASSES.split())
LONGEST_IN_LEGEND = 20
"""Characters of a name."""
WORD_JOINER = "\N{WORD JOINER}"
"""Takes no room, and no line breaks at it."""


def class_colours(names: Sequence[str], theme: Theme) -> dict[str | None, QColor]:
    """A colour for each class, none of them amber; none for more classes than can be told apart."""
    colours_of_classes = (DARK_CLASSES if theme.dark else LIGHT_CLASSES).split()
    return dict(zip(names, map(QColor, colours_of_classes), strict=False)) if len(names) <= MOST_CLASSES else {}


def unbroken(name: str) -> str:
    """As markup that stands in one line: ``T-shirt/top`` could break at its hyphen."""
    return re.sub(r"([-/])", rf"\1{WORD_JOINER}", escape(name)).replace(" ", "&nbsp;")


class ClassLegend(QLabel):
    """Which class has which colour, in a few lines; hidden where there are none, too many, or names too long."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Sequence[str] = ()
        self.setWordWrap(True)
        self.setContentsMargins(round(Pad.INSET), 0, round(Pad.INSET), 0)
        self.setTextFormat(Qt.TextFormat.RichText)
        set_role(self, QUIET)
        self.hide()

    def show_names(self, names: Sequence[str]) -> None:
        fits = len(names) <= MOST_CLASSES and all(len(name) <= LONGEST_IN_LEGEND for name in names)
        self.names = names if fits else ()
        self.setVisible(bool(self.names))
        self._dress()

    def _dress(self) -> None:
        parts = [
            f'<span style="color: {colour.name()}">●</span>&nbsp;{unbroken(str(name))}'
            for name, colour in class_colours(self.names, colours(self)).items()
        ]
        self.setText(f'<span style="font-size: {QUIET_PIXELS - 1}px">{"&nbsp; ".join(parts)}</span>')

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange and self.names:
            self._dress()
        super().changeEvent(event)


class Pad(QWidget):
    """The square -1 … 1 of a two-dimensional code, with the chosen point; it is clicked, dragged, and moved by keys."""

    moved = Signal(float, float, int)
    """Where to, first across and then up, and the number of the drag."""

    STEP = 0.05
    """Of an arrow key."""
    SIDE = 256
    """Logical pixels that it asks for."""
    LEAST, MOST = 90, 320
    POINT = 5.0
    INSET = 6.0
    DOT = 3.0
    """Radius of what stands for an image."""
    NEAR = 9
    """Logical pixels from a dot at which a tool tip tells of it."""
    OPACITY = (0.33, 0.45)
    """Of the map's picture, on a light ground and on a dark one."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.name = name
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.point = (0.0, 0.0)
        self._drag: int | None = None
        self.show_map(None)

    def show_point(self, x: float, y: float) -> None:
        if (x, y) != self.point:
            self.point = (x, y)
            self.update()

    def show_map(self, code_map: CodeMap | None) -> None:
        self.map = code_map
        self._ground: tuple[object, QPixmap] | None = None
        tip = f"{self.name}: click or drag; the arrow keys move it, too"
        if code_map is not None:
            tip += ". Behind it is what was drawn where"
            tip += ", and a dot where the code of each of some validation images lies" if code_map.places else ""
        self.setToolTip(tip)
        self.update()

    @property
    def square(self) -> QRectF:
        side = min(self.width(), self.height()) - 2 * self.INSET
        return QRectF((self.width() - side) / 2, self.INSET, side, side)

    def place_of(self, x: float, y: float) -> QPointF:
        """Where a code lies in the widget."""
        square = self.square
        return QPointF(
            square.left() + (x + 1) / 2 * square.width(),
            square.top() + (1 - y) / 2 * square.height(),
        )

    def nearest(self, at: QPointF) -> Place | None:
        """The dot that a tool tip there tells of: under the mouse, or the nearest beside it."""

        def distance(place: Place) -> float:
            away = self.place_of(place.x, place.y) - at
            return QPointF.dotProduct(away, away)

        found = min(self.map.places, key=distance, default=None) if self.map is not None else None
        return found if found is not None and distance(found) <= self.NEAR**2 else None

    def _emit(self, x: float, y: float) -> None:
        """Two decimals are as fine as a hand, and as can be read."""
        x, y = (round(min(1.0, max(-1.0, value)), 2) for value in (x, y))
        self.moved.emit(x, y, self._drag if self._drag is not None else next_drag())

    def _emit_at(self, at: QPointF) -> None:
        square = self.square
        self._emit(2 * (at.x() - square.left()) / square.width() - 1, 1 - 2 * (at.y() - square.top()) / square.height())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag = next_drag()
            self._emit_at(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag is not None:
            self._emit_at(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag = None

    def event(self, event: QEvent) -> bool:
        if claims_key(event, *ARROWS):
            return True
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self.nearest(QPointF(event.pos()))
            if place is not None:
                self._tell_of(place, event.globalPos())
                return True
        return super().event(event)

    def _tell_of(self, place: Place, at: QPoint) -> None:
        dot = self.place_of(place.x, place.y).toPoint()
        # As rich text, which a name from a file could otherwise turn it into.
        text = f"<span>{escape(place.name or 'a validation image')} at {place.x:+.2f}, {place.y:+.2f}</span>"
        # Another one for another dot: it goes as soon as the mouse leaves this one.
        QToolTip.showText(at, text, self, QRect(dot, dot).adjusted(-self.NEAR, -self.NEAR, self.NEAR, self.NEAR))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = ARROWS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self._emit(self.point[0] + self.STEP * step[0], self.point[1] + self.STEP * step[1])

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, square = colours(self), self.square
            painter.drawPixmap(QPointF(0, 0), self._painted_ground(theme))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            at = self.place_of(*self.point)
            painter.setPen(QPen(faded(theme.now, 0.5 if self.map is None else 0.8), 1))
            painter.drawLine(QPointF(at.x(), square.top()), QPointF(at.x(), square.bottom()))
            painter.drawLine(QPointF(square.left(), at.y()), QPointF(square.right(), at.y()))
            painter.setPen(QPen(theme.window, 1.5))
            painter.setBrush(theme.now)
            painter.drawEllipse(at, self.POINT, self.POINT)
            if self.hasFocus():
                paint_focus_frame(painter, square, theme)

    def _painted_ground(self, theme: Theme) -> QPixmap:
        """What lies behind the point. Kept, since a drag paints over hundreds of dots again and again."""
        ratio = self.devicePixelRatioF()
        key = (self.size(), ratio, theme.dark)
        if self._ground is None or self._ground[0] != key:
            pixmap = QPixmap(self.size() * ratio)
            pixmap.setDevicePixelRatio(ratio)
            pixmap.fill(Qt.GlobalColor.transparent)
            with QPainter(pixmap) as painter:
                self._paint_ground(painter, theme, ratio)
            self._ground = key, pixmap
        return self._ground[1]

    def _paint_ground(self, painter: QPainter, theme: Theme, ratio: float) -> None:
        square = self.square
        middle = square.center()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.window)
        painter.drawRoundedRect(square, RADIUS, RADIUS)
        if self.map is not None:
            self._paint_picture(painter, self.map, theme, ratio)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.border, 1))
        painter.drawRoundedRect(square, RADIUS, RADIUS)
        painter.setPen(QPen(theme.line, 1))
        painter.drawLine(QPointF(middle.x(), square.top()), QPointF(middle.x(), square.bottom()))
        painter.drawLine(QPointF(square.left(), middle.y()), QPointF(square.right(), middle.y()))
        if self.map is not None:
            self._paint_places(painter, self.map, theme)

    def _paint_picture(self, painter: QPainter, code_map: CodeMap, theme: Theme, ratio: float) -> None:
        square = self.square
        rounded = QPainterPath()
        rounded.addRoundedRect(square, RADIUS, RADIUS)
        painter.save()
        painter.setClipPath(rounded)
        painter.setOpacity(self.OPACITY[theme.dark])
        picture = code_map.picture.scaled(
            (square.size() * ratio).toSize(),
            Qt.AspectRatioMode.IgnoreAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        painter.drawImage(square, picture)
        painter.restore()

    def _paint_places(self, painter: QPainter, code_map: CodeMap, theme: Theme) -> None:
        fills = class_colours(code_map.names, theme)
        painter.setPen(QPen(DOT_EDGE, 0.8))
        for place in code_map.places:
            painter.setBrush(fills.get(place.name, theme.quiet))
            painter.drawEllipse(self.place_of(place.x, place.y), self.DOT, self.DOT)

    def sizeHint(self) -> QSize:
        return QSize(self.SIDE, self.SIDE)

    def minimumSizeHint(self) -> QSize:
        return QSize(self.LEAST, self.LEAST)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return min(width, self.MOST)
