"""The list of the clips of a take, beside the plots of the one that is heard."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPen

from studio.canvas.clip import Clip
from studio.canvas.sample_list import SampleList
from studio.state import Studio
from studio.theme import Theme


class ClipList(SampleList):
    """All clips of a take as small waves, one below the other; the selected one is heard."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.clips: list[Clip] = []
        self.span = 1
        """Steps that the width of a row stands for."""
        self.setAccessibleName("Clips")

    @property
    def rows(self) -> int:
        return len(self.clips)

    def paint_content(self, painter: QPainter, room: QRectF, n: int, theme: Theme) -> None:
        wave = self.clips[n].wave
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
