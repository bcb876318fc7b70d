"""A piano's keys on the screen, played with the mouse and with the computer's keys."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.theme import QUIET_PIXELS, colours
from studio.widgets.painting import paint_focus_frame, painting

LETTERS = "awsedftgyhujkolp"
"""Of the computer's keys, from the lowest C on: the middle row is white, the upper one black."""
LOWER, HIGHER = "z", "x"
OCTAVE = 12
WHITE = (0, 2, 4, 5, 7, 9, 11)
"""Semitones above a C."""
LEAST_KEY = 17
"""Logical pixels of a white key's width: as many octaves are shown as have room."""
BLACK_SHARE, BLACK_HEIGHT = 0.62, 0.6
"""Of a white key's width and height."""
IVORY, EBONY = QColor("#f4f2ec"), QColor("#22242a")


class Keyboard(QWidget):
    """Keys from a C upwards; one sounds at a time, and the last one that was pressed counts."""

    pressed = Signal(int)
    """A key, as a MIDI number: 60 is the C in the middle."""
    released = Signal()

    def __init__(self, low: int, high: int) -> None:
        """low, high: the MIDI numbers of the lowest and the highest key that there is."""
        super().__init__()
        self.low, self.high = low, high
        self.first = 48
        """The C on the left."""
        self.sounding: int | None = None
        self._held: list[str] = []
        """The letters that are down, the last one last."""
        self.setAccessibleName("Keyboard")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            f"Click the keys, or play {LETTERS[0].upper()} to {LETTERS[-1].upper()} of the computer's keyboard: the "
            f"middle row is white, the upper one black; {LOWER.upper()} and {HIGHER.upper()} go an octave down and up"
        )

    # --- where keys are --------------------------------------------------------------------------------------------

    @property
    def octaves(self) -> int:
        return max(1, self.width() // (len(WHITE) * LEAST_KEY))

    def shift(self, octaves: int) -> None:
        """Shows keys further down or up."""
        lowest, highest = self.low // OCTAVE * OCTAVE, (self.high - OCTAVE * self.octaves) // OCTAVE * OCTAVE + OCTAVE
        self.first = min(max(lowest, self.first + OCTAVE * octaves), max(lowest, highest))
        self.update()

    def shown_keys(self) -> list[tuple[int, QRectF]]:
        """The keys that are shown, white ones first: what is painted later lies above."""
        wide, high = self.width() / (len(WHITE) * self.octaves), float(self.height())
        white, black = [], []
        for octave in range(self.octaves):
            for place, semitone in enumerate(WHITE):
                left = (octave * len(WHITE) + place) * wide
                key = self.first + OCTAVE * octave + semitone
                white.append((key, QRectF(left, 0, wide, high)))
                if semitone + 1 not in WHITE and semitone != WHITE[-1]:
                    half = BLACK_SHARE * wide / 2
                    black.append((key + 1, QRectF(left + wide - half, 0, 2 * half, BLACK_HEIGHT * high)))
        return [(key, rect) for key, rect in white + black if self.low <= key <= self.high]

    def key_at(self, place: QPointF) -> int | None:
        return next((key for key, rect in reversed(self.shown_keys()) if rect.contains(place)), None)

    # --- playing ---------------------------------------------------------------------------------------------------

    def press(self, key: int) -> None:
        if key != self.sounding and self.low <= key <= self.high:
            self.sounding = key
            self.update()
            self.pressed.emit(key)

    def release(self) -> None:
        if self.sounding is not None:
            self.sounding = None
            self.update()
            self.released.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        key = self.key_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and key is not None:
            self.press(key)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        key = self.key_at(event.position())
        if event.buttons() & Qt.MouseButton.LeftButton and key is not None:
            self.press(key)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.release()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._letter(event):
            event.accept()
            return True
        return super().event(event)

    @staticmethod
    def _letter(event: QKeyEvent) -> str:
        """The letter of one of the computer's keys that are played, or nothing."""
        modified = event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
        letter = chr(event.key()).lower() if 0 < event.key() < 128 else ""
        return letter if not modified and letter and letter in LETTERS + LOWER + HIGHER else ""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        letter = self._letter(event)
        if not letter:
            super().keyPressEvent(event)
        elif letter in LOWER + HIGHER:
            self.shift(1 if letter == HIGHER else -1)
        elif not event.isAutoRepeat():
            self._held.append(letter)
            self.press(self.first + LETTERS.index(letter))

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        letter = self._letter(event)
        if letter not in self._held or event.isAutoRepeat():
            super().keyReleaseEvent(event)
            return
        self._held.remove(letter)
        if self._held:
            self.press(self.first + LETTERS.index(self._held[-1]))
        else:
            self.release()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """A key whose release somebody else hears must not sound for ever."""
        self._held.clear()
        self.release()
        super().focusOutEvent(event)

    # --- painting --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme = colours(self)
            font = self.font()
            font.setPixelSize(QUIET_PIXELS - 2)
            painter.setFont(font)
            for key, rect in self.shown_keys():
                black = key % OCTAVE not in WHITE
                painter.setPen(QPen(theme.border, 1))
                painter.setBrush(theme.now if key == self.sounding else EBONY if black else IVORY)
                painter.drawRect(rect.adjusted(0.5, 0.5, -0.5, -0.5))
                if key % OCTAVE == 0:
                    painter.setPen(QColor("#6a6e78"))
                    painter.drawText(
                        rect.adjusted(0, 0, 0, -3),
                        Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom,
                        f"C{key // OCTAVE - 1}",
                    )
            if self.hasFocus():
                paint_focus_frame(painter, QRectF(self.rect()), theme)

    def sizeHint(self) -> QSize:
        return QSize(2 * len(WHITE) * LEAST_KEY, 76)
