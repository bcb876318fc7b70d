"""The models at hand as a family tree, by what they make and how, and the card that explains one of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

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
    QUrl,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDesktopServices,
    QFont,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
    QResizeEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextTable,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLayoutItem,
    QLineEdit,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTextBrowser,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from models.catalog import Entry, Family, family_of
from models.chain import ImageChain
from models.checkpoint import CheckpointHeader
from models.condition import Category
from models.errors import StudioError
from studio.panels.widgets import (
    GAP,
    MARGIN,
    RETURN_KEYS,
    EmptyState,
    ItemLayout,
    PushButton,
    Spinner,
    ToolButton,
    claims_key,
    clear,
    glyph_icon,
    grouped,
    label,
    paint_focus_frame,
    paint_glyph,
    painting,
    painting_with,
)
from studio.state import Activity, Studio
from studio.theme import LINK, QUIET, QUIET_PIXELS, RADIUS, TITLE, Theme, colours, set_role

ENTRY = Qt.ItemDataRole.UserRole
FAMILY = Qt.ItemDataRole.UserRole + 1
"""What a row stands for: an ``Entry``, a ``Family``; one that is neither is the heading of a modality."""
OPEN_MODELS = 12
"""With more models than these, families begin closed: the tree is seen at a glance, and each model two clicks away."""
THUMBNAIL = 32
ROW_HEIGHT = 44
TITLE_HEIGHT = 19
QUIET_HEIGHT = 15
HEADING_HEIGHT = 28
FAMILY_HEIGHT = 27
LEAST_WIDTH = 200
"""Whether something is being loaded or not: a dock does not change its width by itself."""
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
CHIP_HEIGHT = 22
CHIP_PADDING = 9
CHIP_GAP = 5
MAX_CHIPS = 12
"""Data sets to filter by, the most common ones; others are found by searching."""
FILTER_WIDTH = 34
SEPARATOR = " · "
MAX_CARD_CHARACTERS = 200_000
CARD_SIZE = QSize(1120, 780)
CARD_MARGIN = 20
CARD_INDENT = 18
LEADING = 3
HEADING_MARGIN = 18
CELL_PADDING = 5
"""Logical pixels within a card."""
LARGEST_HEADING = 3
"""A heading of level n is 3 - n steps of Qt's ladder of sizes above the text."""
MODALITIES = {"image": "Images", "sound": "Sound", "text": "Text", "video": "Video"}

Index = QModelIndex | QPersistentModelIndex


# --- a model in words ------------------------------------------------------------------------------------------------


def modality_title(header: CheckpointHeader) -> str:
    modality = header.chain.modality
    return MODALITIES.get(modality, modality.capitalize())


def heading(header: CheckpointHeader) -> str:
    """Where a model stands in the tree: ``Images · masked convolution``."""
    return f"{modality_title(header)}{SEPARATOR}{family_of(header).name}"


def likelihood(header: CheckpointHeader) -> str:
    return "" if header.bits_per_dim is None else f"{header.bits_per_dim:.2f} bits/{header.chain.step_noun}"


def quiet_line(header: CheckpointHeader) -> str:
    """What it learned from, what it can be told, how well it knows it: ``MNIST · 10 digits · 0.83 bits/dim``."""
    parts = [header.data.get("title", ""), *(factor.summary for factor in header.factors), likelihood(header)]
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
    parts = [more, data, *(factor.summary for factor in header.factors), likelihood(header)]
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


def haystack(header: CheckpointHeader) -> str:
    """All that a search looks at, in small letters: the values of the conditions are among it."""
    conditions = (factor.describe() for factor in header.factors)
    told = (header.title, header.name, header.architecture, heading(header), family_of(header).about)
    return " ".join((*told, quiet_line(header), header.chain.describe(), *conditions)).casefold()


def data_origin(header: CheckpointHeader) -> str:
    """The data set that a model's data were made from: ``MNIST`` for ``MNIST, binarised``."""
    return header.data.get("title", "").partition(",")[0]


def is_binary(header: CheckpointHeader) -> bool:
    return header.chain.alphabet.levels == 2


def has_classes(header: CheckpointHeader) -> bool:
    return any(isinstance(factor, Category) for factor in header.factors)


def has_colour(header: CheckpointHeader) -> bool:
    return isinstance(header.chain, ImageChain) and header.chain.channels > 1


TRAITS: Mapping[str, tuple[str, Callable[[CheckpointHeader], bool]]] = {
    "binary": ("Shows models whose variables are bits", is_binary),
    "conditional": ("Shows models that can be told a class", has_classes),
    "colour": ("Shows models of images in colour", has_colour),
}
"""What a model can be filtered by beside its data: with a tool tip, and whether a model has it."""


def factorisation(header: CheckpointHeader) -> str:
    """The chain as a formula, in HTML: p(x | digit) = ∏ p(x_i | x_<i, digit)."""
    given = ", ".join(escape(factor.name) for factor in header.factors)
    length = header.chain.length
    limits = f"<sub>i = 0</sub><sup>{length - 1}</sup>" if length is not None else "<sub>i ≥ 0</sub>"
    left = f"p(x | {given})" if given else "p(x)"
    return f"{left} = ∏{limits} p(x<sub>i</sub> | {', '.join(filter(None, ('x<sub>&lt; i</sub>', given)))})"


def duration(seconds: float) -> str:
    """A time in two units at most: ``2 h 14 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def with_error(measured: Mapping[str, float], name: str, digits: int) -> str:
    """A measurement with its standard error, where it has one."""
    error = measured.get(f"{name}_standard_error")
    text = f"{measured[name]:.{digits}f}"
    return text if error is None else f"{text} ± {error:.{digits}f}"


def facts(entry: Entry) -> list[tuple[str, str]]:
    """What the card's table says, as (name, HTML); what a checkpoint does not tell is left out."""
    header = entry.header
    chain, data, field = header.chain, header.data, header.receptive_field
    rows: list[tuple[str, str]] = [
        ("Architecture", escape(f"{header.architecture.replace('_', ' ')}, {family_of(header).name}")),
        ("Factorisation", factorisation(header)),
        ("Parameters", grouped(header.parameters)),
        ("Receptive field", "all earlier variables" if field is None else f"{grouped(field)} variables"),
        ("Shape", escape(chain.describe())),
        ("Steps", grouped(chain.length) if chain.length is not None else f"open, at most {grouped(chain.limit)}"),
    ]
    rows += [(f"Condition: {escape(factor.name)}", escape(factor.describe())) for factor in header.factors]
    names = (("title", "Data"), ("licence", "Licence of the data"), ("attribution", "Attribution"))
    rows += [(name, escape(data[key])) for key, name in names if data.get(key)]
    for part in sorted(header.likelihood):  # the test part first, then what was measured of it in other ways
        measured = header.likelihood[part]
        if "bits_per_dim" in measured:
            text = f"{with_error(measured, 'bits_per_dim', 3)} bits/{chain.step_noun}"
            if "nats" in measured:
                text += f"<br>{with_error(measured, 'nats', 1)} nats an example"
            if "examples" in measured:
                text += f"<br>{grouped(int(measured['examples']))} examples"
            rows.append((f"Measured, {escape('validation' if part == 'valid' else part)} part", text))
    rows += training_facts(header.training)
    rows.append(("File", escape(f"{entry.path.name}, {header.size_bytes / 1e6:.1f} MB")))
    return rows


def training_facts(training: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The training record: foreign checkpoints may hold anything there."""
    rows = []
    if isinstance(training.get("steps"), int):
        rows.append(("Training steps", grouped(training["steps"])))
    if isinstance(training.get("seconds"), int | float):
        rows.append(("Training time", duration(training["seconds"])))
    if isinstance(training.get("hardware"), str):
        rows.append(("Hardware", escape(training["hardware"])))
    if isinstance(training.get("command"), str):
        rows.append(("Command", f"<code>{escape(training['command'])}</code>"))
    return rows


# --- the card --------------------------------------------------------------------------------------------------------


class CardBrowser(QTextBrowser):
    """Markdown with the images of its own folder; nothing is fetched from anywhere else."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder.resolve()
        self._images: dict[QUrl, QImage] = {}
        self.setOpenLinks(False)
        # A bar that came with the last line would take width from images that were fitted before.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.document().setDocumentMargin(CARD_MARGIN)
        self.document().setIndentWidth(CARD_INDENT)
        self.anchorClicked.connect(self._follow)

    def show_card(self, markdown: str) -> None:
        self.setMarkdown(markdown)
        self._dress()
        self.moveCursor(QTextCursor.MoveOperation.Start)

    def _dress(self) -> None:
        """Room around headings, paragraphs and tables: Qt's Markdown has none."""
        block = self.document().begin()
        while block.isValid():
            cursor, layout = QTextCursor(block), block.blockFormat()
            level = layout.headingLevel()
            layout.setLineHeight(LEADING, QTextBlockFormat.LineHeightTypes.LineDistanceHeight.value)
            if level:
                first = block == self.document().begin()
                layout.setTopMargin(0 if first else HEADING_MARGIN)
                layout.setBottomMargin(GAP)
                size = QTextCharFormat()
                size.setProperty(QTextFormat.Property.FontSizeAdjustment, max(0, LARGEST_HEADING - level))
                cursor.select(QTextCursor.SelectionType.BlockUnderCursor)
                cursor.mergeCharFormat(size)
            elif cursor.currentTable() is None:
                layout.setTopMargin(0)
                listed = block.textList() is not None and block.next().textList() is not None
                layout.setBottomMargin(GAP // 2 if listed else GAP)
            QTextCursor(block).setBlockFormat(layout)
            block = block.next()
        line = colours(self).border
        for frame in self.document().rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                look = frame.format().toTableFormat()
                look.setBorder(1)
                look.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
                look.setBorderBrush(line)
                look.setBorderCollapse(True)
                look.setCellSpacing(0)
                look.setCellPadding(CELL_PADDING)
                look.setTopMargin(GAP // 2)
                look.setBottomMargin(MARGIN)
                frame.setFormat(look)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        for name, image in self._images.items():
            self.document().addResource(QTextDocument.ResourceType.ImageResource.value, name, self._fitted(image))
        self.document().markContentsDirty(0, self.document().characterCount())
        super().resizeEvent(event)

    def _fitted(self, image: QImage) -> QImage:
        """An image in device pixels, no wider than the text."""
        ratio = self.devicePixelRatioF()
        width = min(image.width(), self.viewport().width() - 2 * CARD_MARGIN)
        fitted = image.scaledToWidth(max(1, round(width * ratio)), Qt.TransformationMode.SmoothTransformation)
        fitted.setDevicePixelRatio(ratio)
        return fitted

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        name = QUrl(name)
        if (name.scheme() not in ("", "file")) or name.host():
            return None
        path = (self.folder / (name.toLocalFile() or name.path())).resolve()
        if not path.is_relative_to(self.folder) or not path.is_file():
            return None
        image = QImage(str(path))
        if image.isNull():
            return None
        self._images[name] = image
        return self._fitted(image)

    @Slot(QUrl)
    def _follow(self, link: QUrl) -> None:
        """A link that the user clicks opens where such links open."""
        if link.scheme() in ("http", "https"):
            QDesktopServices.openUrl(link)
        elif link.hasFragment():
            self.scrollToAnchor(link.fragment())


class ModelCardDialog(QDialog):
    """The facts of a checkpoint at the left, its card at the right."""

    def __init__(self, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(entry.header.title)
        self.resize(CARD_SIZE.boundedTo(self.screen().availableSize() * 0.9))
        self.setSizeGripEnabled(True)
        grid = QGridLayout()
        grid.setHorizontalSpacing(MARGIN)
        grid.setVerticalSpacing(GAP)
        grid.setColumnStretch(1, 1)
        for row, (name, html) in enumerate(facts(entry)):
            value = label()
            value.setTextFormat(Qt.TextFormat.RichText)
            value.setText(html)
            value.setWordWrap(True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setAccessibleName(name)
            name_label = label(name, QUIET)
            name_label.setWordWrap(True)
            grid.addWidget(name_label, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1, Qt.AlignmentFlag.AlignTop)
        title = label(entry.header.title, TITLE)
        title.setWordWrap(True)
        table = QWidget()
        column = QVBoxLayout(table)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(MARGIN)
        column.addWidget(title)
        column.addLayout(grid)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidget(table)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setMinimumWidth(table.minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width())
        area.setAccessibleName("Facts")
        self.browser = CardBrowser(entry.card.parent if entry.card is not None else entry.path.parent)
        self.browser.setAccessibleName("Model card")
        self.browser.viewport().setBackgroundRole(QPalette.ColorRole.Window)
        self.browser.show_card(card_text(entry))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        row_layout = QHBoxLayout()
        row_layout.setSpacing(0)
        row_layout.addWidget(area, 3)
        row_layout.addWidget(self.browser, 5)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, MARGIN)
        outer.addLayout(row_layout, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(MARGIN, 0, MARGIN, 0)
        foot.addWidget(buttons)
        outer.addLayout(foot)


def card_text(entry: Entry) -> str:
    """The card's Markdown, or why there is none."""
    if entry.card is None:
        return f"*There is no card beside {entry.path.name}. A Markdown file of the same name would be shown here.*"
    try:
        with entry.card.open(encoding="utf-8") as file:
            return file.read(MAX_CARD_CHARACTERS)
    except (OSError, UnicodeError):
        return f"*The card {entry.card.name} cannot be read.*"


# --- the tree --------------------------------------------------------------------------------------------------------


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

    def _quiet_font(self) -> QFont:
        font = QFont(self.tree.font())
        font.setPixelSize(QUIET_PIXELS - 1)
        return font

    def _words(self, entry: Entry, width: float) -> tuple[str, list[str]]:
        title, parts = row_words(entry.header)
        return title, fitted_lines(parts, width - WORDS_LEFT - WORDS_RIGHT, QFontMetricsF(self._quiet_font()))

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
        font = self._quiet_font()
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
        painter.setFont(self._quiet_font())
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
        painter.setFont(self._quiet_font())
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
        painter.setFont(self._quiet_font())
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


WAVE_BARS = (0.06, 0.12, 0.3, 0.55, 0.95, 0.7, 1.0, 0.62, 0.8, 0.45, 0.28, 0.16, 0.08)
BAR_SHARE = 0.62
GRID_SIDE = 4
GRID_DRAWN = 10
LINKS = 4
LINKS_DRAWN = 3


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


CLOSING_KEYS = (Qt.Key.Key_Left, Qt.Key.Key_Minus)
"""By which Qt closes what has the focus."""


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


# --- filters ---------------------------------------------------------------------------------------------------------


class Chip(ToolButton):
    """A small word that is blue while it is on."""

    def __init__(self, text: str, tip: str) -> None:
        super().__init__(text, tip=tip, name=f"Filter: {text}")
        self.setCheckable(True)

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(QUIET_PIXELS - 1)
        return font

    def sizeHint(self) -> QSize:
        width = QFontMetricsF(self._font()).horizontalAdvance(self.text())
        return QSize(math.ceil(width) + 2 * CHIP_PADDING, CHIP_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(CHIP_HEIGHT, CHIP_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            theme, on = colours(self), self.isChecked()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            fill = theme.chosen_fill if on else theme.raised_hover if self.underMouse() else theme.raised
            painter.setBrush(fill)
            painter.setPen(QPen(theme.chosen if on or self.hasFocus() else theme.border, 1))
            painter.drawRoundedRect(rect, rect.height() / 2, rect.height() / 2)
            painter.setFont(self._font())
            painter.setPen(theme.text if on or self.underMouse() else theme.quiet)
            room = rect.adjusted(CHIP_PADDING - 1, 0, 1 - CHIP_PADDING, 0)
            text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, math.ceil(room.width()))
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, text)


class Flow(ItemLayout):
    """Widgets one after another, in as many rows as the width asks for; what is hidden takes no room."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, CHIP_GAP)

    def heightForWidth(self, width: int) -> int:
        margins = self.contentsMargins()
        places = self._places(width - margins.left() - margins.right())
        return max((place.bottom() + 1 for place in places), default=0) + margins.top() + margins.bottom()

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        return QSize(CHIP_HEIGHT, self.heightForWidth(LEAST_WIDTH))

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        inner = rect.marginsRemoved(self.contentsMargins())
        for item, place in zip(self._shown(), self._places(inner.width()), strict=True):
            item.setGeometry(place.translated(inner.topLeft()))

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _places(self, width: int) -> list[QRect]:
        places: list[QRect] = []
        x = y = 0
        for item in self._shown():
            size = item.sizeHint().boundedTo(QSize(max(1, width), CHIP_HEIGHT))
            if x and x + size.width() > width:
                x, y = 0, y + CHIP_HEIGHT + self.spacing()
            places.append(QRect(QPoint(x, y), size))
            x += size.width() + self.spacing()
        return places


class Filters(QWidget):
    """Chips for the data sets and the traits that tell the models at hand apart.

    Folded, only those that are on stay in view: nothing filters unseen. A model passes if it has learned from one of
    the data sets that are on, or none is, and has all traits that are on.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.data: dict[str, Chip] = {}
        self.traits: dict[str, Chip] = {}
        self.unfolded = False
        self.flow = Flow(self)
        self.flow.setContentsMargins(MARGIN, 4, MARGIN, 4)
        self.hide()

    def chips(self) -> list[Chip]:
        return [*self.data.values(), *self.traits.values()]

    def on(self) -> int:
        """How many chips are on."""
        return sum(chip.isChecked() for chip in self.chips())

    def offer(self, headers: Sequence[CheckpointHeader]) -> None:
        """Chips for these models; those that were on stay so while there are models for them."""
        counts = Counter(map(data_origin, headers))
        common = [origin for origin, count in counts.most_common(MAX_CHIPS) if origin and count < len(headers)]
        data = sorted(common, key=str.casefold)
        traits = [name for name, (_, has) in TRAITS.items() if 0 < sum(map(has, headers)) < len(headers)]
        if (data, traits) == (list(self.data), list(self.traits)):
            return
        were_on = {chip.text() for chip in self.chips() if chip.isChecked()}
        clear(self.flow)
        self.data = {origin: self._chip(origin, f"Shows models that have learned from {origin}") for origin in data}
        self.traits = {name: self._chip(name, TRAITS[name][0]) for name in traits}
        for chip in self.chips():
            chip.setChecked(chip.text() in were_on)
            chip.toggled.connect(self._show)
            chip.toggled.connect(self.changed)
        self._show()

    def _chip(self, text: str, tip: str) -> Chip:
        chip = Chip(text, tip)
        self.flow.addWidget(chip)
        return chip

    def passes(self, header: CheckpointHeader) -> bool:
        origins = [origin for origin, chip in self.data.items() if chip.isChecked()]
        traits = [TRAITS[name][1] for name, chip in self.traits.items() if chip.isChecked()]
        return (not origins or data_origin(header) in origins) and all(has(header) for has in traits)

    def clear(self) -> None:
        for chip in self.chips():
            chip.setChecked(False)

    @Slot(bool)
    def unfold(self, unfolded: bool) -> None:
        self.unfolded = unfolded
        self._show()

    @Slot()
    def _show(self) -> None:
        for chip in self.chips():
            chip.setVisible(self.unfolded or chip.isChecked())
        self.setVisible(any(not chip.isHidden() for chip in self.chips()))
        self.updateGeometry()


# --- the panel --------------------------------------------------------------------------------------------------------


def family_key(item: QTreeWidgetItem) -> str:
    """Under which the profile remembers whether a family is open."""
    return f"{parent_of(item).text(0)}/{item.text(0)}"


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
        self.search = QLineEdit()
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
        self.cancel_button.clicked.connect(self._cancel)
        studio.catalog_changed.connect(self.reload)
        studio.model_changed.connect(self._show_current)
        studio.activity_changed.connect(self._show_activity)
        self.reload()
        self._show_activity()

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
        """Reads the catalog again."""
        entries = self.studio.catalog.entries()
        self.list.delegate.forget_pictures()
        self.list.clear()
        opening = QSignalBlocker(self.list)  # of modalities: nobody's choice
        for modality, of_modality in groupby(entries, lambda entry: modality_title(entry.header)):
            top = QTreeWidgetItem(self.list, [modality])
            top.setExpanded(True)
            for family, of_family in groupby(of_modality, lambda entry: family_of(entry.header)):
                self._add_family(top, family, list(of_family))
        opening.unblock()
        self.filters.offer([entry.header for entry in entries])
        self.filter_button.setEnabled(bool(self.filters.chips()))
        self._filter()
        self._show_current()

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
        """Opens the family of the chosen model and brings it into view."""
        path = self.studio.entry.path if self.studio.entry else None
        for model in self.list.models():
            if model.data(0, ENTRY).path == path:
                parent_of(model).setExpanded(True)
                self.list.setCurrentItem(model)
                self.list.keep_in_view(model)
        self.list.viewport().update()
        self._show_activity()

    @Slot()
    def _show_activity(self) -> None:
        studio = self.studio
        loading = studio.activity is Activity.LOADING and studio.entry is not None
        if loading and studio.entry is not None:
            self.loading_label.setText(f"Loading {studio.entry.header.title}…")
        self.loading.setVisible(loading)

    # --- doing -----------------------------------------------------------------------------------------------------

    @Slot(QTreeWidgetItem)
    def _choose(self, item: QTreeWidgetItem) -> None:
        """Chooses a model; opens or closes a family."""
        entry = item.data(0, ENTRY)
        if entry is not None:
            self.studio.choose_model(str(entry.path))
        elif item.data(0, FAMILY) is not None:
            item.setExpanded(not item.isExpanded())

    @Slot()
    def _cancel(self) -> None:
        self.studio.cancel_loading()

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
            self.remove(entry)
        elif chosen in (open_all, close_all):
            self.open_all(chosen is open_all)

    def open_all(self, opened: bool) -> None:
        """Opens or closes all families."""
        for family in self.list.families():
            family.setExpanded(opened)

    def remove(self, entry: Entry) -> None:
        """Takes a model that the user added off the list; its file stays."""
        try:
            self.studio.catalog.remove(entry.path)
        except StudioError as error:
            self.studio.error.emit(str(error))
        self.studio.catalog_changed.emit()

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
