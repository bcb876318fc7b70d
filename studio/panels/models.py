"""The models at hand, by what they make and how, and the card that explains one of them."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QPointF, QRectF, QSize, Qt, QUrl, Slot
from PySide6.QtGui import (
    QDesktopServices,
    QFont,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QPainter,
    QPainterPath,
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
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from models.catalog import Entry
from models.checkpoint import CheckpointHeader
from models.errors import StudioError
from studio.panels.widgets import (
    GAP,
    MARGIN,
    RETURN_KEYS,
    EmptyState,
    PushButton,
    Spinner,
    claims_key,
    glyph_icon,
    grouped,
    label,
    painting_with,
)
from studio.state import Activity, Studio
from studio.theme import QUIET, QUIET_PIXELS, RADIUS, TITLE, Theme, colours

ENTRY = Qt.ItemDataRole.UserRole
THUMBNAIL = 32
ROW_HEIGHT = 44
QUIET_HEIGHT = 15
LEAST_WIDTH = 200
"""Whether something is being loaded or not: a dock does not change its width by itself."""
WORDS_LEFT = 54
WORDS_RIGHT = 12
"""Logical pixels between the edges of a row and its words."""
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
HEADING_HEIGHT = 28
MODALITIES = {"image": "Images", "sound": "Sound", "text": "Text", "video": "Video"}

Index = QModelIndex | QPersistentModelIndex


# --- a model in words ------------------------------------------------------------------------------------------------


def heading(header: CheckpointHeader) -> str:
    """The group that a model stands in: ``Images · masked convolution``."""
    modality = header.chain.modality
    return f"{MODALITIES.get(modality, modality.capitalize())} · {header.family}"


def quiet_parts(header: CheckpointHeader) -> list[str]:
    """What it learned from, what it can be told, how well it knows it."""
    parts = [header.data.get("title", ""), *(factor.summary for factor in header.factors)]
    if header.bits_per_dim is not None:
        parts.append(f"{header.bits_per_dim:.2f} bits/{header.chain.step_noun}")
    return [part for part in parts if part]


def quiet_line(header: CheckpointHeader) -> str:
    """``MNIST · 10 digits · 0.83 bits/dim``."""
    return SEPARATOR.join(quiet_parts(header))


def quiet_lines(header: CheckpointHeader, width: float, metrics: QFontMetricsF) -> list[str]:
    """The same in as many lines as a width in logical pixels asks for; no part is broken."""
    lines: list[str] = []
    for part in quiet_parts(header):
        longer = f"{lines[-1]}{SEPARATOR}{part}" if lines else part
        if lines and metrics.horizontalAdvance(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


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
        ("Architecture", escape(f"{header.architecture.replace('_', ' ')}, {header.family}")),
        ("Factorisation", factorisation(header)),
        ("Parameters", grouped(header.parameters)),
        ("Receptive field", "all earlier variables" if field is None else f"{grouped(field)} variables"),
        ("Shape", escape(chain.describe())),
        ("Steps", grouped(chain.length) if chain.length is not None else f"open, at most {grouped(chain.limit)}"),
    ]
    rows += [(f"Condition: {escape(factor.name)}", escape(factor.describe())) for factor in header.factors]
    names = (("title", "Data"), ("licence", "Licence of the data"), ("attribution", "Attribution"))
    rows += [(name, escape(data[key])) for key, name in names if data.get(key)]
    for part in ("test", "valid"):
        measured = header.likelihood.get(part, {})
        if "bits_per_dim" in measured:
            text = f"{with_error(measured, 'bits_per_dim', 3)} bits/{chain.step_noun}"
            if "nats" in measured:
                text += f"<br>{with_error(measured, 'nats', 1)} nats an example"
            if "examples" in measured:
                text += f"<br>{grouped(int(measured['examples']))} examples"
            rows.append((f"Measured, {'validation' if part == 'valid' else part} part", text))
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


# --- the list --------------------------------------------------------------------------------------------------------


class ModelDelegate(QStyledItemDelegate):
    """Headings in small letters; models as a picture, a title and a quiet line."""

    def __init__(self, studio: Studio, parent: QWidget) -> None:
        super().__init__(parent)
        self.studio = studio
        self._pictures: dict[Path, QPixmap] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        entry = index.data(ENTRY)
        if entry is None:
            return QSize(120, HEADING_HEIGHT)
        lines = self._quiet_lines(entry, self._view().viewport().width())
        return QSize(120, ROW_HEIGHT + QUIET_HEIGHT * max(0, len(lines) - 1))

    def _view(self) -> QAbstractItemView:
        view = self.parent()
        assert isinstance(view, QAbstractItemView)
        return view

    def _quiet_font(self) -> QFont:
        font = QFont(self._view().font())
        font.setPixelSize(QUIET_PIXELS - 1)
        return font

    def _quiet_lines(self, entry: Entry, width: float) -> list[str]:
        return quiet_lines(entry.header, width - WORDS_LEFT - WORDS_RIGHT, QFontMetricsF(self._quiet_font()))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        with painting_with(painter):
            theme = colours(self._view())
            rect = QRectF(option.rect)
            entry = index.data(ENTRY)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if entry is None:
                self._paint_heading(painter, theme, rect, str(index.data()))
            else:
                self._paint_model(painter, theme, rect, entry, option.state)

    def _paint_heading(self, painter: QPainter, theme: Theme, rect: QRectF, text: str) -> None:
        font = QFont(painter.font())
        font.setPixelSize(QUIET_PIXELS - 1)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(theme.quiet)
        room = rect.adjusted(MARGIN, 8, -GAP, 0)
        shown = painter.fontMetrics().elidedText(text.upper(), Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)

    def _paint_model(
        self, painter: QPainter, theme: Theme, rect: QRectF, entry: Entry, state: QStyle.StateFlag
    ) -> None:
        row = rect.adjusted(6, 1, -6, -1)
        chosen = self.studio.entry is not None and self.studio.entry.path == entry.path
        painter.setPen(Qt.PenStyle.NoPen)
        if chosen or state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(theme.chosen_fill if chosen else theme.raised)
            painter.drawRoundedRect(row, RADIUS, RADIUS)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.chosen, 1))
            painter.drawRoundedRect(row.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        picture = QRectF(row.left() + 6, row.center().y() - THUMBNAIL / 2, THUMBNAIL, THUMBNAIL)
        self._paint_picture(painter, theme, picture, entry)
        lines = self._quiet_lines(entry, rect.width())
        words = QRectF(rect.left() + WORDS_LEFT, 0, rect.width() - WORDS_LEFT - WORDS_RIGHT, 19)
        words.moveTop(row.center().y() - (words.height() + QUIET_HEIGHT * len(lines)) / 2)
        self._paint_line(painter, words, entry.header.title, theme.text)
        painter.setFont(self._quiet_font())
        words.translate(0, words.height())
        words.setHeight(QUIET_HEIGHT)
        for line in lines:
            self._paint_line(painter, words, line, theme.quiet)
            words.translate(0, QUIET_HEIGHT)

    def _paint_line(self, painter: QPainter, where: QRectF, text: str, colour: Any) -> None:
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


class ModelList(QListWidget):
    """Return and a click choose; the arrows only move the focus, so that passing over a model does not load it."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.studio = studio
        self.setAccessibleName("Models")
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """How high a row is depends on the width, of which Qt keeps no count in a list of one column."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.scheduleDelayedItemsLayout()

    def event(self, event: QEvent) -> bool:
        return claims_key(event, *RETURN_KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentItem()
        if event.key() in RETURN_KEYS and item is not None:
            self.itemClicked.emit(item)
        else:
            super().keyPressEvent(event)


class ModelsPanel(QWidget):
    """See the module."""

    NONE_AT_ALL = "No models yet. Open a checkpoint from the File menu, or drop one here."

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.setMinimumWidth(LEAST_WIDTH)
        self.studio = studio
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search models")
        self.search.setToolTip("Shows the models in whose name, family, data or conditions every word occurs")
        self.search.setClearButtonEnabled(True)
        self.search.addAction(
            glyph_icon("search", self.search, lambda theme: theme.quiet), QLineEdit.ActionPosition.LeadingPosition
        )
        self.list = ModelList(studio)
        self.delegate = ModelDelegate(studio, self.list)
        self.list.setItemDelegate(self.delegate)
        self.empty = EmptyState(self.NONE_AT_ALL)
        self.spinner = Spinner()
        self.loading_label = label(role=QUIET)
        self.loading_label.setWordWrap(True)
        self.loading_label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.cancel_button = PushButton("Cancel", tip="Give up loading (Esc)", name="Cancel loading")
        self.loading = QWidget()
        self._build()
        self.search.textChanged.connect(self._filter)
        self.list.itemClicked.connect(self._choose)
        self.list.customContextMenuRequested.connect(self._show_menu)
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
        self.pages = QStackedLayout()
        self.pages.addWidget(self.list)
        self.pages.addWidget(self.empty)
        field = QHBoxLayout()
        field.setContentsMargins(MARGIN, 2, MARGIN, 2)
        field.addWidget(self.search)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(2)
        column.addLayout(field)
        column.addLayout(self.pages, 1)
        column.addWidget(self.loading)

    # --- showing ---------------------------------------------------------------------------------------------------

    @Slot()
    def reload(self) -> None:
        """Reads the catalog again."""
        self.delegate.forget_pictures()
        self.list.clear()
        group = ""
        for entry in self.studio.catalog.entries():
            if heading(entry.header) != group:
                group = heading(entry.header)
                title = QListWidgetItem(group)
                title.setFlags(Qt.ItemFlag.NoItemFlags)
                self.list.addItem(title)
            item = QListWidgetItem(entry.header.title)
            item.setData(ENTRY, entry)
            file = [] if entry.shipped else [str(entry.path)]  # the user's own may be called as one that came along
            facts = [entry.header.title, quiet_line(entry.header), entry.header.chain.describe(), *file]
            item.setToolTip("\n".join(facts))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{entry.header.title}, {quiet_line(entry.header)}")
            self.list.addItem(item)
        self._filter(self.search.text())
        self._show_current()

    @Slot(str)
    def _filter(self, text: str) -> None:
        """Shows the models in which every word occurs, and the headings above them."""
        words = text.casefold().split()
        title: QListWidgetItem | None = None
        any_shown = False
        for row in range(self.list.count()):
            item = self.list.item(row)
            entry = item.data(ENTRY)
            if entry is None:
                title = item
                title.setHidden(True)
                continue
            header = entry.header
            haystack = " ".join((header.title, header.name, heading(header), quiet_line(header))).casefold()
            shown = all(word in haystack for word in words)
            item.setHidden(not shown)
            any_shown = any_shown or shown
            if shown and title is not None:
                title.setHidden(False)
        self.empty.setText(f"Nothing matches “{text.strip()}”." if self.list.count() else self.NONE_AT_ALL)
        self.pages.setCurrentWidget(self.list if any_shown else self.empty)

    @Slot()
    def _show_current(self) -> None:
        path = self.studio.entry.path if self.studio.entry else None
        for row in range(self.list.count()):
            entry = self.list.item(row).data(ENTRY)
            if entry is not None and entry.path == path:
                self.list.setCurrentRow(row)
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

    @Slot(QListWidgetItem)
    def _choose(self, item: QListWidgetItem) -> None:
        entry = item.data(ENTRY)
        if entry is not None:
            self.studio.choose_model(str(entry.path))

    @Slot()
    def _cancel(self) -> None:
        self.studio.cancel_loading()

    @Slot(QPoint)
    def _show_menu(self, at: QPoint) -> None:
        item = self.list.itemAt(at)
        entry = item.data(ENTRY) if item is not None else None
        if entry is None:
            return
        menu = QMenu(self)
        card = menu.addAction("Show card")
        remove = None if entry.shipped else menu.addAction("Remove from list")
        chosen = menu.exec(self.list.viewport().mapToGlobal(at))
        menu.deleteLater()
        if chosen is card:
            self._open_card(entry)
        elif remove is not None and chosen is remove:
            self.remove(entry)

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
