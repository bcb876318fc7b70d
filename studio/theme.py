"""The look of the studio: semantic colours in a dark and a light set, one flat style for every widget.

Blue is what is chosen and what is sampled, amber is *now*; everything else is quiet grey. A widget that paints itself
asks ``colours(self)`` each time it paints, as Qt has it do when they change; one that keeps what it painted makes that
anew on ``QEvent.Type.PaletteChange``.

A widget gets a role by a property, ``set_role(widget, QUIET)``: labels ``title``, ``quiet``; buttons ``primary``,
``link``, ``sign``; containers ``panel``, ``stage``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QDir, QObject, QRectF, Qt, Slot
from PySide6.QtGui import QBrush, QColor, QFont, QGuiApplication, QIcon, QPainter, QPalette, QPen, QPixmap, QTransform
from PySide6.QtWidgets import QApplication, QWidget

import assets
from studio.settings import APPEARANCES

TEXT_PIXELS = 13
QUIET_PIXELS = 12
RADIUS = 6

TITLE, QUIET, PANEL, STAGE = "title", "quiet", "panel", "stage"
PRIMARY, LINK, SIGN = "primary", "link", "sign"

ICONS = Path(assets.__file__).parent / "icons"
"""Drawings in a grey that stands out from the dark theme and the light one; the style sheet calls them ``icons:``."""

HATCH_PITCH = 7.0
"""Logical pixels between the lines of a hatch, measured along an edge."""


@dataclass(frozen=True)
class Theme:
    """Colours by what they mean."""

    dark: bool
    window: QColor
    """The stage behind a canvas."""
    panel: QColor
    raised: QColor
    """Buttons and fields."""
    raised_hover: QColor
    line: QColor
    """Frames and separators."""
    border: QColor
    """The edge of a button or a field."""
    text: QColor
    quiet: QColor
    chosen: QColor
    """Blue: what is chosen or sampled."""
    chosen_fill: QColor
    """The ground of a chosen row or tile."""
    primary: QColor
    """The ground of the one obvious button."""
    on_primary: QColor
    now: QColor
    """Amber: the step at the cursor, the drawn value."""
    hatch: QColor
    """The lines over what is not drawn yet."""
    area: QColor
    """A quiet filled curve."""
    danger: QColor


def _theme(dark: bool, **names: str) -> Theme:
    return Theme(dark=dark, **{name: QColor(value) for name, value in names.items()})


DARK = _theme(
    True,
    window="#121317",
    panel="#1b1c21",
    raised="#272a31",
    raised_hover="#30343d",
    line="#2c2e36",
    border="#3a3e48",
    text="#e3e5ea",
    quiet="#8f949f",
    chosen="#57a4ff",
    chosen_fill="#243f63",
    primary="#2b78e0",
    on_primary="#ffffff",
    now="#f5a03c",
    hatch="#33363f",
    area="#4a4f5a",
    danger="#f2686b",
)
LIGHT = _theme(
    False,
    window="#eceef1",
    panel="#f9fafb",
    raised="#ffffff",
    raised_hover="#f0f2f5",
    line="#d9dce2",
    border="#c5c9d1",
    text="#1d2026",
    quiet="#646a76",
    chosen="#1a6fdc",
    chosen_fill="#d4e5fb",
    primary="#1f6fd8",
    on_primary="#ffffff",
    now="#dd7700",
    hatch="#cdd1d8",
    area="#b3b8c2",
    danger="#c8323a",
)


THEMES = dict(zip(APPEARANCES, (None, LIGHT, DARK), strict=True))
"""None: the system's choice."""


def system_theme() -> Theme:
    """The system's choice; dark where it has none."""
    return LIGHT if QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Light else DARK


def colours(widget: QWidget) -> Theme:
    """The theme that a widget is shown in."""
    return DARK if widget.palette().color(QPalette.ColorRole.Window).lightness() < 128 else LIGHT


def apply_theme(app: QApplication, theme: Theme | None = None) -> None:
    """Gives the application its style and colours: those of ``theme``, or the system's, which it then follows."""
    follower = app.findChild(_Follower)
    if follower is None:
        follower = _Follower(app)
        QGuiApplication.styleHints().colorSchemeChanged.connect(follower.follow)
        app.setStyle("Fusion")
        QDir.setSearchPaths("icons", [str(ICONS)])
        app.setWindowIcon(QIcon("icons:studio.svg"))
        font = app.font()
        font.setPixelSize(TEXT_PIXELS)
        app.setFont(tabular(font))
    follower.follows_system = theme is None
    scheme = Qt.ColorScheme
    wanted = scheme.Unknown if theme is None else scheme.Dark if theme.dark else scheme.Light
    QGuiApplication.styleHints().setColorScheme(wanted)  # for the window's frame and the system's own dialogs
    _dress(app, theme or system_theme())


class _Follower(QObject):
    """Dresses the application again when the system changes between dark and light."""

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self.app = app
        self.follows_system = True

    @Slot()
    def follow(self) -> None:
        if self.follows_system:
            _dress(self.app, system_theme())


def _dress(app: QApplication, theme: Theme) -> None:
    app.setPalette(palette(theme))
    app.setStyleSheet(style_sheet(theme))


def small(font: QFont) -> QFont:
    """The font in the size of the least important words, and of those within a plot."""
    font = QFont(font)
    font.setPixelSize(QUIET_PIXELS - 1)
    return font


def tabular(font: QFont) -> QFont:
    """The font with digits of one width, so that numbers do not jitter."""
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def set_role(widget: QWidget, role: str) -> None:
    """Gives a widget one of the roles of the style sheet."""
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def palette(theme: Theme) -> QPalette:
    role = QPalette.ColorRole
    result = QPalette()
    for name, colour in {
        role.Window: theme.panel,
        role.WindowText: theme.text,
        role.Base: theme.raised,
        role.AlternateBase: theme.panel,
        role.Text: theme.text,
        role.PlaceholderText: theme.quiet,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.danger,
        role.Highlight: theme.primary,
        role.HighlightedText: theme.on_primary,
        role.Link: theme.chosen,
        role.Accent: theme.chosen,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.Light: theme.border,
        role.Midlight: theme.line,
        role.Mid: theme.line,
        role.Dark: theme.line,
        role.Shadow: theme.window,
    }.items():
        result.setColor(name, colour)
    faint = mixed(theme.quiet, theme.panel, 0.4)
    for name in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, name, faint)
    result.setColor(QPalette.ColorGroup.Disabled, role.Highlight, theme.line)
    return result


def mixed(colour: QColor, other: QColor, amount: float) -> QColor:
    """``amount`` 0 … 1 of the way from a colour to another."""
    keep = 1 - amount
    return QColor(
        round(colour.red() * keep + other.red() * amount),
        round(colour.green() * keep + other.green() * amount),
        round(colour.blue() * keep + other.blue() * amount),
    )


def faded(colour: QColor, alpha: float) -> QColor:
    """The colour with an opacity of 0 … 1."""
    result = QColor(colour)
    result.setAlphaF(alpha)
    return result


def style_sheet(theme: Theme) -> str:
    """One compact sheet; what it does not name is left to Fusion and the palette."""
    c = {name: colour.name() for name, colour in vars(theme).items() if isinstance(colour, QColor)}
    faint = mixed(theme.quiet, theme.panel, 0.4).name()
    warned = mixed(theme.panel, theme.danger, 0.12).name()
    pressed = mixed(theme.raised, theme.window, 0.5).name()
    primary_hover = mixed(theme.primary, QColor("white"), 0.1).name()
    primary_pressed = mixed(theme.primary, QColor("black"), 0.12).name()
    primary_off = mixed(theme.primary, theme.panel, 0.7).name()
    return f"""
QMainWindow, QMainWindow::separator {{ background: {c["line"]}; }}
QMainWindow::separator {{ width: 1px; height: 1px; }}
QMainWindow::separator:hover {{ background: {c["chosen"]}; }}
QMenuBar {{ background: {c["panel"]}; padding: 2px 6px; }}
QMenuBar::item {{ padding: 4px 9px; border-radius: 4px; }}
QMenuBar::item:selected {{ background: {c["raised_hover"]}; }}
QMenu {{ background: {c["raised"]}; border: 1px solid {c["border"]}; padding: 4px; }}
QMenu::item {{ padding: 5px 24px 5px 22px; border-radius: 4px; }}
QMenu::item:selected {{ background: {c["chosen_fill"]}; color: {c["text"]}; }}
QMenu::item:disabled {{ color: {faint}; }}
QMenu::indicator {{ width: 16px; height: 16px; margin-left: 4px; }}
QMenu::indicator:checked {{ image: url(icons:tick.svg); }}
QMenu::separator {{ height: 1px; background: {c["line"]}; margin: 4px 6px; }}
QStatusBar {{ background: {c["panel"]}; color: {c["quiet"]}; font-size: {QUIET_PIXELS}px; }}
QStatusBar QLabel {{ color: {c["quiet"]}; font-size: {QUIET_PIXELS}px; padding: 0 8px; }}
QStatusBar::item {{ border: none; }}
#banner {{ background: {warned}; color: {c["text"]}; padding: 7px 16px; border-left: 3px solid {c["danger"]}; }}
QDockWidget {{
  font-weight: 600; titlebar-close-icon: url(icons:close.svg); titlebar-normal-icon: url(icons:float.svg);
}}
QDockWidget::title {{ background: {c["panel"]}; padding: 7px 8px; text-align: left; }}
QDockWidget::close-button, QDockWidget::float-button {{
  background: transparent; border: none; border-radius: 4px; padding: 0; icon-size: 16px;
}}
QDockWidget::close-button:hover, QDockWidget::float-button:hover {{ background: {c["raised_hover"]}; }}
QMainWindow > QTabBar {{ background: {c["panel"]}; }}
QMainWindow > QTabBar::tab {{
  background: {c["panel"]}; color: {c["quiet"]}; border: none; border-top: 2px solid {c["panel"]}; padding: 5px 12px;
}}
QMainWindow > QTabBar::tab:selected {{
  background: {c["raised"]}; color: {c["text"]}; border-top-color: {c["chosen"]};
}}
QMainWindow > QTabBar::tab:hover:!selected {{ color: {c["text"]}; }}
QToolTip {{ background: {c["raised"]}; color: {c["text"]}; border: 1px solid {c["border"]}; padding: 3px 5px; }}
QLabel[role="{TITLE}"] {{ font-weight: 600; }}
QLabel[role="{QUIET}"] {{ color: {c["quiet"]}; font-size: {QUIET_PIXELS}px; }}
QWidget[role="{PANEL}"] {{ background: {c["panel"]}; }}
QWidget[role="{STAGE}"] {{ background: {c["window"]}; }}
QPushButton, QToolButton {{
  background: {c["raised"]}; border: 1px solid {c["border"]}; border-radius: {RADIUS}px; padding: 4px 10px;
}}
QPushButton:hover, QToolButton:hover {{ background: {c["raised_hover"]}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {pressed}; }}
QPushButton:focus, QToolButton:focus {{ border-color: {c["chosen"]}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {faint}; border-color: {c["line"]}; }}
QPushButton:checked, QToolButton:checked {{ background: {c["chosen_fill"]}; border-color: {c["chosen"]}; }}
QPushButton[role="{PRIMARY}"] {{
  background: {c["primary"]}; border-color: {c["primary"]}; color: {c["on_primary"]}; font-weight: 600;
  padding: 6px 18px;
}}
QPushButton[role="{PRIMARY}"]:hover {{ background: {primary_hover}; border-color: {primary_hover}; }}
QPushButton[role="{PRIMARY}"]:pressed {{ background: {primary_pressed}; border-color: {primary_pressed}; }}
QPushButton[role="{PRIMARY}"]:focus {{ border-color: {c["text"]}; }}
QPushButton[role="{PRIMARY}"]:disabled {{ background: {primary_off}; border-color: {primary_off}; color: {faint}; }}
QToolButton[role="{SIGN}"] {{ padding: 4px; }}
QPushButton[role="{LINK}"], QToolButton[role="{LINK}"] {{
  color: {c["chosen"]}; padding: 2px 8px; font-size: {QUIET_PIXELS}px;
}}
QPushButton[role="{LINK}"]:disabled, QToolButton[role="{LINK}"]:disabled {{
  background: transparent; color: {faint}; border-color: {c["line"]};
}}
QDialog QToolButton {{ padding: 3px; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QFileDialog {{
  backward-icon: url(icons:back.svg); forward-icon: url(icons:forward.svg);
  filedialog-parent-directory-icon: url(icons:parent.svg); filedialog-new-directory-icon: url(icons:folder-new.svg);
  filedialog-listview-icon: url(icons:list.svg); filedialog-detailedview-icon: url(icons:details.svg);
}}
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox {{
  background: {c["raised"]}; border: 1px solid {c["border"]}; border-radius: {RADIUS}px; padding: 3px 7px;
  selection-background-color: {c["primary"]}; selection-color: {c["on_primary"]};
}}
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus {{ border-color: {c["chosen"]}; }}
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {{ color: {faint}; }}
QAbstractSpinBox {{ qproperty-alignment: "AlignRight | AlignVCenter"; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 20px; border: none; background: transparent; }}
QAbstractSpinBox::up-arrow {{ image: url(icons:up.svg); width: 11px; height: 11px; }}
QAbstractSpinBox::down-arrow {{ image: url(icons:down.svg); width: 11px; height: 11px; }}
QComboBox QLineEdit {{ background: transparent; border: none; padding: 0; }}
QComboBox::drop-down {{ width: 22px; border: none; background: transparent; }}
QComboBox::down-arrow {{ image: url(icons:down.svg); width: 14px; height: 14px; }}
QComboBox QAbstractItemView {{
  background: {c["raised"]}; border: 1px solid {c["border"]}; selection-background-color: {c["chosen_fill"]};
  selection-color: {c["text"]}; outline: none;
}}
QSlider {{ min-height: 18px; }}
QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {c["line"]}; }}
QSlider::sub-page:horizontal {{ height: 4px; border-radius: 2px; background: {c["chosen"]}; }}
QSlider::sub-page:horizontal:disabled {{ background: {c["line"]}; }}
QSlider::handle:horizontal {{
  width: 12px; height: 12px; margin: -5px 0; border-radius: 7px; border: 1px solid {c["border"]};
  background: {"#e8eaee" if theme.dark else "#ffffff"};
}}
QSlider::handle:horizontal:focus {{ border: 2px solid {c["chosen"]}; width: 10px; height: 10px; }}
QCheckBox::indicator, QRadioButton::indicator, QGroupBox::indicator {{
  width: 14px; height: 14px; background: {c["raised"]}; border: 1px solid {c["border"]};
}}
QCheckBox::indicator, QGroupBox::indicator {{ border-radius: 4px; }}
QRadioButton::indicator {{ border-radius: 8px; }}
QCheckBox::indicator:hover, QRadioButton::indicator:hover, QGroupBox::indicator:hover,
QCheckBox::indicator:focus, QRadioButton::indicator:focus {{ border-color: {c["chosen"]}; }}
QCheckBox::indicator:checked, QGroupBox::indicator:checked, QCheckBox::indicator:indeterminate,
QRadioButton::indicator:checked {{ background: {c["primary"]}; border-color: {c["primary"]}; }}
QCheckBox::indicator:checked, QGroupBox::indicator:checked {{ image: url(icons:check.svg); }}
QCheckBox::indicator:indeterminate {{ image: url(icons:dash.svg); }}
QRadioButton::indicator:checked {{ image: url(icons:dot.svg); }}
QCheckBox::indicator:checked:disabled, QRadioButton::indicator:checked:disabled {{
  background: {c["border"]}; border-color: {c["border"]};
}}
QHeaderView {{ background: {c["panel"]}; }}
QHeaderView::section {{
  background: {c["panel"]}; color: {c["quiet"]}; border: none; border-bottom: 1px solid {c["line"]}; padding: 3px 6px;
}}
QScrollArea, QAbstractScrollArea {{ border: none; }}
QPlainTextEdit {{
  background: {c["raised"]}; border: 1px solid {c["border"]}; border-radius: {RADIUS}px; padding: 2px;
  selection-background-color: {c["primary"]}; selection-color: {c["on_primary"]};
}}
QPlainTextEdit:focus {{ border-color: {c["chosen"]}; }}
QListView, QTreeView {{ background: {c["panel"]}; outline: none; }}
QListView::item:selected, QTreeView::item:selected {{ background: {c["chosen_fill"]}; color: {c["text"]}; }}
QScrollBar {{ background: transparent; }}
QScrollBar:vertical {{ width: 10px; }}
QScrollBar:horizontal {{ height: 10px; }}
QScrollBar::handle {{ background: {c["border"]}; border-radius: 3px; margin: 2px; min-height: 24px; min-width: 24px; }}
QScrollBar::handle:hover {{ background: {c["quiet"]}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QProgressBar {{ background: {c["line"]}; border: none; border-radius: 2px; max-height: 4px; }}
QProgressBar::chunk {{ background: {c["chosen"]}; border-radius: 2px; }}
"""


def hatch_brush(theme: Theme, ratio: float) -> QBrush:
    """Diagonal lines for what is not drawn yet, on the stage's colour; ``ratio``: device pixels per logical pixel.

    The brush is in device pixels: paint with it under a painter scaled by 1 / ratio.
    """
    side = max(4, round(HATCH_PITCH * ratio))
    tile = QPixmap(side, side)
    tile.fill(theme.window)
    with QPainter(tile) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.hatch, ratio))
        for offset in (-side, 0, side):
            painter.drawLine(offset, side, offset + side, 0)
    return QBrush(tile)


def fill_hatched(painter: QPainter, rect: QRectF, theme: Theme) -> None:
    """Hatches a rectangle in the painter's coordinates."""
    ratio = painter.device().devicePixelRatioF()
    brush = hatch_brush(theme, ratio)
    brush.setTransform(QTransform.fromScale(1 / ratio, 1 / ratio))
    painter.fillRect(rect, brush)


def style_plot(plot: Any, theme: Theme) -> None:
    """Gives a pyqtgraph ``PlotWidget`` or ``PlotItem`` the theme's background, quiet axes and small labels."""
    if hasattr(plot, "setBackground"):
        plot.setBackground(theme.window)
        plot = plot.getPlotItem()
    font = tabular(small(QApplication.font()))
    for name in ("left", "bottom"):
        axis = plot.getAxis(name)
        axis.setPen(QPen(theme.line, 0))
        axis.setTextPen(QPen(theme.quiet))
        axis.setTickFont(font)
