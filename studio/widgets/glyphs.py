"""Icons that are drawn, in the colours of the theme and at any size."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPainterPath, QPen, QPixmap, QPixmapCache
from PySide6.QtWidgets import QWidget

from studio.theme import Theme, colours, mixed
from studio.widgets.painting import painting_with

GLYPH_SIDE = 24.0
"""The square that the glyphs are drawn in."""


def _triangle(path: QPainterPath, left: float, right: float) -> None:
    """A filled triangle that points from x = left to x = right."""
    path.moveTo(left, 5)
    path.lineTo(left, 19)
    path.lineTo(right, 12)
    path.closeSubpath()


def _chevron(path: QPainterPath, back: float, tip: float) -> None:
    path.moveTo(back, 6)
    path.lineTo(tip, 12)
    path.lineTo(back, 18)


def _cross(path: QPainterPath, *lines: tuple[float, float, float, float]) -> None:
    for x1, y1, x2, y2 in lines:
        path.moveTo(x1, y1)
        path.lineTo(x2, y2)


def _lock(stroke: QPainterPath, fill: QPainterPath, *, closed: bool) -> None:
    fill.addRoundedRect(QRectF(5.5, 11, 13, 9), 2, 2)
    stroke.moveTo(8, 11)
    stroke.lineTo(8, 8)
    stroke.arcTo(QRectF(8, 4, 8, 8), 180, -180 if closed else -150)
    if closed:
        stroke.lineTo(16, 11)


def _loudspeaker(fill: QPainterPath) -> None:
    corners = ((3.0, 9.5), (7.0, 9.5), (12.0, 5.0), (12.0, 19.0), (7.0, 14.5), (3.0, 14.5))
    fill.addPolygon([QPointF(*corner) for corner in corners])
    fill.closeSubpath()


def glyph_paths(name: str) -> tuple[QPainterPath, QPainterPath]:
    """A glyph as a path to stroke and a path to fill, in a square of GLYPH_SIDE."""
    stroke, fill = QPainterPath(), QPainterPath()
    match name:
        case "start":
            stroke.moveTo(6, 5.5)
            stroke.lineTo(6, 18.5)
            _triangle(fill, 19, 9)
        case "end":
            stroke.moveTo(18, 5.5)
            stroke.lineTo(18, 18.5)
            _triangle(fill, 5, 15)
        case "back":
            _chevron(stroke, 14.5, 9)
        case "forward":
            _chevron(stroke, 9.5, 15)
        case "far back":
            _chevron(stroke, 11, 5.5)
            _chevron(stroke, 18, 12.5)
        case "far forward":
            _chevron(stroke, 6, 11.5)
            _chevron(stroke, 13, 18.5)
        case "down":
            stroke.moveTo(6.5, 9.5)
            stroke.lineTo(12, 15)
            stroke.lineTo(17.5, 9.5)
        case "play":
            _triangle(fill, 7, 19)
        case "pause":
            fill.addRoundedRect(QRectF(6, 5, 4, 14), 1, 1)
            fill.addRoundedRect(QRectF(14, 5, 4, 14), 1, 1)
        case "new":
            _cross(stroke, (12, 5, 12, 19), (5, 12, 19, 12))
        case "dice":
            stroke.addRoundedRect(QRectF(4, 4, 16, 16), 3, 3)
            for at in ((8.5, 8.5), (15.5, 8.5), (12.0, 12.0), (8.5, 15.5), (15.5, 15.5)):
                fill.addEllipse(QPointF(*at), 1.4, 1.4)
        case "locked":
            _lock(stroke, fill, closed=True)
        case "unlocked":
            _lock(stroke, fill, closed=False)
        case "last":
            stroke.arcMoveTo(QRectF(5, 5, 14, 14), 150)
            stroke.arcTo(QRectF(5, 5, 14, 14), 150, -300)
            fill.moveTo(3, 6)
            fill.lineTo(10, 8.5)
            fill.lineTo(4.5, 13)
            fill.closeSubpath()
        case "loud":
            _loudspeaker(fill)
            for reach in (4.0, 7.5):
                area = QRectF(12 - reach, 12 - reach, 2 * reach, 2 * reach).translated(2, 0)
                stroke.arcMoveTo(area, 45)
                stroke.arcTo(area, 45, -90)
        case "muted":
            _loudspeaker(fill)
            _cross(stroke, (15.5, 9, 21, 15), (21, 9, 15.5, 15))
        case "card":
            stroke.addEllipse(QPointF(12, 12), 8, 8)
            stroke.moveTo(12, 11.5)
            stroke.lineTo(12, 16)
            fill.addEllipse(QPointF(12, 8.2), 1.2, 1.2)
        case "search":
            stroke.addEllipse(QPointF(10.5, 10.5), 5.5, 5.5)
            stroke.moveTo(14.8, 14.8)
            stroke.lineTo(19.5, 19.5)
        case "pencil":
            stroke.moveTo(5, 19)
            for corner in ((6, 14.5), (15.5, 5), (19, 8.5), (9.5, 18), (5, 19)):
                stroke.lineTo(*corner)
            _cross(stroke, (13, 7.5, 16.5, 11))
        case "filter":
            _cross(stroke, (4.5, 7, 19.5, 7), (7.5, 12, 16.5, 12), (10.5, 17, 13.5, 17))
        case _:
            raise ValueError(f"there is no glyph {name!r}")
    return stroke, fill


def paint_glyph(painter: QPainter, name: str, rect: QRectF, colour: QColor) -> None:
    """Paints a glyph into the largest square in the middle of rect."""
    side = min(rect.width(), rect.height())
    stroke, fill = glyph_paths(name)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.center().x() - side / 2, rect.center().y() - side / 2)
    painter.scale(side / GLYPH_SIDE, side / GLYPH_SIDE)
    painter.fillPath(fill, colour)
    pen = QPen(colour, 2)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.strokePath(stroke, pen)
    painter.restore()


class GlyphEngine(QIconEngine):
    """Paints a glyph at any size and in the colours that its owner is shown in at that moment."""

    def __init__(self, name: str, owner: QWidget, colour: Callable[[Theme], QColor]) -> None:
        super().__init__()
        self.name = name
        # Weak: the owner holds its icon, and the icon its engine.
        self.owner = weakref.ref(owner)
        self.colour = colour

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        owner = self.owner()
        if owner is None:
            return
        with painting_with(painter):
            paint_glyph(painter, self.name, QRectF(rect), self._colour(owner, mode))

    def _colour(self, owner: QWidget, mode: QIcon.Mode) -> QColor:
        theme = colours(owner)
        colour = self.colour(theme)
        return mixed(colour, theme.panel, 0.65) if mode is QIcon.Mode.Disabled else colour

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """Kept, as the icons of files are: a walk that begins changes a dozen buttons at once."""
        pixmap, owner = QPixmap(size), self.owner()
        pixmap.fill(Qt.GlobalColor.transparent)
        if owner is None or size.isEmpty():
            return pixmap
        key = f"glyph {self.name} {self._colour(owner, mode).rgba():x} {size.width()} {size.height()}"
        if not QPixmapCache.find(key, pixmap):
            with QPainter(pixmap) as painter:
                self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
            QPixmapCache.insert(key, pixmap)
        return pixmap

    def clone(self) -> QIconEngine:
        owner = self.owner()
        assert owner is not None
        return GlyphEngine(self.name, owner, self.colour)


def glyph_icon(name: str, owner: QWidget, colour: Callable[[Theme], QColor] = lambda theme: theme.text) -> QIcon:
    """An icon that follows the theme of the widget that shows it."""
    return QIcon(GlyphEngine(name, owner, colour))
