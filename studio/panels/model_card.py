"""The card of a model: the facts of its checkpoint, and the Markdown beside it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, QUrl, Slot
from PySide6.QtGui import (
    QDesktopServices,
    QImage,
    QPalette,
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
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from models.catalog import Entry, family_of
from models.chain import NATS
from models.checkpoint import CheckpointHeader
from models.wording import grouped, reach
from studio.theme import QUIET, TITLE, colours
from studio.widgets.labels import label
from studio.widgets.layouts import GAP, MARGIN

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


# --- facts -----------------------------------------------------------------------------------------------------------


def factorisation(header: CheckpointHeader) -> str:
    """The chain as a formula, in HTML: p(x | digit) = ∏ p(x_i | x_<i, digit)."""
    given = ", ".join(escape(factor.name) for factor in header.factors)
    length = header.chain.length
    limits = f"<sub>i = 0</sub><sup>{length - 1}</sup>" if length is not None else "<sub>i ≥ 0</sub>"
    left = f"p(x | {given})" if given else "p(x)"
    return f"{left} = ∏{limits} p(x<sub>i</sub> | {', '.join(filter(None, ('x<sub>&lt;&nbsp;i</sub>', given)))})"


def duration(seconds: float) -> str:
    """A time in two units at most: ``2 h 14 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def with_error(measured: Mapping[str, float], name: str, digits: int, unit: float = 1.0) -> str:
    """A measurement with its standard error, where it has one, times ``unit``."""
    error = measured.get(f"{name}_standard_error")
    text = f"{unit * measured[name]:.{digits}f}"
    return text if error is None else f"{text} ± {unit * error:.{digits}f}"


def facts(entry: Entry) -> list[tuple[str, str]]:
    """What the card's table says, as (name, HTML); what a checkpoint does not tell is left out."""
    header = entry.header
    chain, data, field = header.chain, header.data, header.receptive_field
    rows: list[tuple[str, str]] = [
        ("Architecture", escape(f"{header.architecture.replace('_', ' ')}, {family_of(header).name}")),
        ("Factorisation", factorisation(header)),
        ("Parameters", grouped(header.parameters)),
        ("Receptive field", reach(field, chain)),
        ("Shape", escape(chain.describe())),
        ("Steps", grouped(chain.length) if chain.length is not None else f"open, at most {grouped(chain.limit)}"),
    ]
    rows += [(f"Condition: {escape(factor.name)}", escape(factor.describe())) for factor in header.factors]
    names = (("title", "Data"), ("licence", "Licence of the data"), ("attribution", "Attribution"))
    rows += [(name, escape(data[key])) for key, name in names if data.get(key)]
    for part in sorted(header.likelihood):  # the test part first, then what was measured of it in other ways
        measured = header.likelihood[part]
        if "bits_per_dim" in measured:
            said = [f"{with_error(measured, 'bits_per_dim', 3)} bits/{chain.step_noun}"]
            if NATS in measured:
                said.append(f"{with_error(measured, NATS, 2)} nats an example")
            name, unit = chain.compared_by
            if name == NATS:
                said.reverse()
            if unit != 1 and name in measured:
                said.insert(0, f"{with_error(measured, name, 2 if name == NATS else 3, unit)} {chain.compared_in}")
            text = "<br>".join(said)
            if "examples" in measured:
                text += f"<br>{grouped(int(measured['examples']))} examples"
            rows.append((f"Measured, {escape(part_title(part))}", text))
    rows += training_facts(header)
    rows.append(("File", escape(f"{entry.path.name}, {header.size_bytes / 1e6:.1f} MB")))
    return rows


def part_title(part: str) -> str:
    """What was measured, as a header calls it, in words: ``test part, digit any`` for ``test, digit any``."""
    name, comma, under = part.partition(", ")
    return f"{'validation' if name == 'valid' else name} part{comma}{under}"


def training_facts(header: CheckpointHeader) -> list[tuple[str, str]]:
    """The training record: foreign checkpoints may hold anything there."""
    rows, training, whole = [], header.training, header.training_seconds
    if isinstance(training.get("steps"), int):
        rows.append(("Training steps", grouped(training["steps"])))
    if isinstance(seconds := training.get("seconds"), int | float):
        before = f"<br>{duration(whole)} with all that led to it" if whole is not None and whole > seconds else ""
        rows.append(("Training time", duration(seconds) + before))
    if isinstance(training.get("hardware"), str):
        rows.append(("Hardware", escape(training["hardware"])))
    if isinstance(training.get("command"), str):
        rows.append(("Command", f"<code>{escape(training['command'])}</code>"))
    return rows


# --- the dialog ------------------------------------------------------------------------------------------------------


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
        # Long words out of a file are scrolled to.
        least = table.minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width()
        area.setMinimumWidth(min(least, self.width() // 2))
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
