"""The list of the clips of a take, beside the plots of the one that is heard."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from studio.canvas.clip import Clip
from studio.state import Studio
from studio.theme import Theme, colours
from studio.widgets.controls import claims_key
from studio.widgets.painting import painting

CLIP_HEIGHT, CLIPS_WIDTH = 40, 168


class ClipList(QWidget):
    """All clips of a take as small waves, one below the other; the selected one is heard."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self.clips: list[Clip] = []
        self.span = 1
        """Steps that the width of a row stands for."""
        self.setAccessibleName("Clips")

    def sizeHint(self) -> QSize:
        return QSize(CLIPS_WIDTH, CLIP_HEIGHT * len(self.clips))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._studio.select(int(event.position().y() // CLIP_HEIGHT))

    def event(self, event: QEvent) -> bool:
        return claims_key(event, Qt.Key.Key_Up, Qt.Key.Key_Down) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down choose the clip that is heard."""
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if steps is None:
            super().keyPressEvent(event)
        else:
            self._studio.select(self._studio.selected + steps)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            painter.fillRect(event.rect(), theme.window)
            first, last = event.rect().top() // CLIP_HEIGHT, event.rect().bottom() // CLIP_HEIGHT
            for n in range(first, min(last + 1, len(self.clips))):
                self._paint_row(painter, n, theme)

    def _paint_row(self, painter: QPainter, n: int, theme: Theme) -> None:
        row = QRectF(2, n * CLIP_HEIGHT + 2, self.width() - 4, CLIP_HEIGHT - 4)
        chosen = n == self._studio.selected
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.chosen if chosen else theme.line, 1))
        painter.setBrush(theme.chosen_fill if chosen else theme.panel)
        painter.drawRoundedRect(row.adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(theme.text if chosen else theme.quiet)
        painter.drawText(row.adjusted(8, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, str(n))
        wave, room = self.clips[n].wave, row.adjusted(30, 4, -8, -4)
        count = min(int(room.width() * len(wave) / max(self.span, len(wave))), len(wave))
        if count < 1:
            return
        low, high, _ = wave.columns(0, len(wave), count)
        x = room.left() + np.arange(count)
        middle, reach = room.center().y(), room.height() / 2
        top = middle - np.maximum(high, 0.02) * reach
        bottom = middle - np.minimum(low, -0.02) * reach
        painter.setPen(QPen(theme.chosen, 1))
        corners = np.stack([np.stack([x, top], 1), np.stack([x, bottom], 1)], 1).reshape(-1, 2).tolist()
        painter.drawLines([QPointF(a, b) for a, b in corners])
