"""Painting on widgets: an error while painting is told once instead of ending the program, and a focus frame."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QWidget

from studio.theme import RADIUS, Theme, colours, faded

_told: set[tuple[str, int | None]] = set()


def tell_once(error: Exception) -> None:
    """Reports an error like one that nobody caught, once for each line that raises it: a painting is done again."""
    line = traceback.extract_tb(error.__traceback__)[-1]
    if (line.filename, line.lineno) not in _told:
        _told.add((line.filename, line.lineno))
        sys.excepthook(type(error), error, error.__traceback__)


@contextmanager
def painting(widget: QWidget) -> Iterator[QPainter]:
    """The painter of a ``paintEvent``. It always ends, since one that is left active takes the program down with it.

    What fails is reported once, and leaves the widget blank.
    """
    painter = QPainter(widget)
    try:
        yield painter
    except Exception as error:
        painter.resetTransform()
        painter.setClipping(False)
        painter.fillRect(widget.rect(), colours(widget).panel)
        tell_once(error)
    finally:
        painter.end()


@contextmanager
def painting_with(painter: QPainter) -> Iterator[None]:
    """The same for a painter that Qt brings, to a delegate or an item of a scene: it goes back as it came."""
    painter.save()
    try:
        yield
    except Exception as error:
        tell_once(error)
    finally:
        painter.restore()


def paint_focus_frame(painter: QPainter, rect: QRectF, theme: Theme) -> None:
    """The frame of a painted widget that has the keyboard."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(faded(theme.chosen, 0.8), 1))
    painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
