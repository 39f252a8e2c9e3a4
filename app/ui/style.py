"""The design tokens: colours, sizes, and the style sheet made of them.

Calm paper and ink for reading; a dark stage for pictures, so that a dim face is not lost beside a white window.
Every pair in :data:`TEXT_PAIRS` meets WCAG 2.2 AA for text (4.5 : 1), every pair in :data:`SHAPE_PAIRS` for
shapes (3 : 1); tests/ui compute it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtGui import QColor, QFontDatabase, QPalette

from app.presenters.views import Level

PAPER = "#F3F5F4"
SURFACE = "#FFFFFF"
LINE = "#C9D2D1"
FIELD_LINE = "#6B7B7E"
INK = "#14242A"
QUIET = "#48585D"
TEAL = "#0B5A5E"
TEAL_DEEP = "#084649"
TEAL_WASH = "#E3EFEE"
RED = "#A3261B"
RED_DEEP = "#841D14"
STAGE = "#10191C"
STAGE_RAISED = "#2B3A3F"
STAGE_HOVER = "#3A4B51"
STAGE_INK = "#F2F6F6"
STAGE_QUIET = "#BCC9CB"
FOCUS = "#9A4B00"
STAGE_FOCUS = "#FFC96B"
OFF_FILL = "#E2E6E5"
OFF_INK = "#56666A"
STAGE_OFF = "#1D282C"
STAGE_OFF_INK = "#93A3A6"
METER_LIT = "#1C6236"
METER_OFF = "#D6DEDC"
STAGE_METER_LIT = "#9BE0B0"
STAGE_METER_OFF = "#2B3A3F"

TARGET = 44  # px; the least side of anything to press (WCAG 2.2, 2.5.5)
RADIUS = 10
PATIENT_BASE = 18
PROVIDER_BASE = 16
COLUMN = 860  # px; longer lines are hard to read


@dataclass(frozen=True)
class Tone:
    """A level's colours: `ink` and `wash` on paper, `stage` as ink on the dark stage."""

    ink: str
    wash: str
    stage: str


TONES = {
    Level.GOOD: Tone("#1C6236", "#E5F2E9", "#9BE0B0"),
    Level.NOTE: Tone("#1D4C77", "#E5EEF6", "#A9D2F5"),
    Level.WARN: Tone("#744700", "#FCF0D9", "#FFD489"),
    Level.BAD: Tone("#93201A", "#FBE8E6", "#FFB9B2"),
}


class Kind(StrEnum):
    """What a button is for, and so how it looks."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    QUIET = "quiet"
    DANGER = "danger"
    STAGE = "stage"
    STAGE_OFF = "stage-off"  # a switch on the stage that is off: inverted, so that it is seen at once


@dataclass(frozen=True)
class ButtonColours:
    fill: str
    hover: str
    ink: str
    edge: str
    off_fill: str = OFF_FILL
    off_ink: str = OFF_INK
    focus: str = FOCUS


BUTTONS = {
    Kind.PRIMARY: ButtonColours(TEAL, TEAL_DEEP, "#FFFFFF", TEAL),
    Kind.SECONDARY: ButtonColours(SURFACE, TEAL_WASH, TEAL, TEAL),
    Kind.QUIET: ButtonColours(PAPER, TEAL_WASH, TEAL, PAPER),
    Kind.DANGER: ButtonColours(RED, RED_DEEP, "#FFFFFF", RED, focus=STAGE_FOCUS),
    Kind.STAGE: ButtonColours(
        STAGE_RAISED, STAGE_HOVER, STAGE_INK, STAGE_RAISED, STAGE_OFF, STAGE_OFF_INK, STAGE_FOCUS
    ),
    Kind.STAGE_OFF: ButtonColours(STAGE_INK, "#FFFFFF", STAGE, STAGE_INK, STAGE_OFF, STAGE_OFF_INK, STAGE_FOCUS),
}

TEXT_PAIRS: tuple[tuple[str, str], ...] = (
    (INK, PAPER),
    (INK, SURFACE),
    (QUIET, PAPER),
    (QUIET, SURFACE),
    (TEAL, PAPER),
    (TEAL, SURFACE),
    (STAGE_INK, STAGE),
    (STAGE_QUIET, STAGE),
    (STAGE_INK, STAGE_RAISED),
    *((tone.ink, tone.wash) for tone in TONES.values()),
    *((tone.ink, PAPER) for tone in TONES.values()),
    *((tone.ink, SURFACE) for tone in TONES.values()),
    *((tone.ink, TEAL_WASH) for tone in TONES.values()),
    (INK, TEAL_WASH),
    (QUIET, TEAL_WASH),
    *((tone.stage, STAGE) for tone in TONES.values()),
    *((INK, tone.wash) for tone in TONES.values()),
    *((b.ink, b.fill) for b in BUTTONS.values()),
    *((b.ink, b.hover) for b in BUTTONS.values()),
    *((b.off_ink, b.off_fill) for b in BUTTONS.values()),
)
SHAPE_PAIRS: tuple[tuple[str, str], ...] = (
    (FIELD_LINE, SURFACE),
    (FIELD_LINE, PAPER),
    (TEAL, PAPER),
    (TEAL, TEAL_WASH),
    (FOCUS, PAPER),
    (FOCUS, SURFACE),
    (STAGE_FOCUS, STAGE),
    (METER_LIT, METER_OFF),
    (METER_LIT, SURFACE),
    (STAGE_METER_LIT, STAGE_METER_OFF),
    (STAGE_METER_LIT, STAGE),
    *((TONES[level].ink, TONES[level].wash) for level in Level),
)

_FAMILIES = ("Segoe UI", "Noto Sans", "DejaVu Sans", "Liberation Sans", "Helvetica Neue", "Arial")


def font_family() -> str:
    """The first of our legible sans faces that this machine has; the system's own choice otherwise."""
    present = set(QFontDatabase.families())
    return next((name for name in _FAMILIES if name in present), "Sans Serif")


def mono_family() -> str:
    """The system's face whose letters are all of one width: for codes that are read out and compared."""
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()


def palette() -> QPalette:
    """Our own light palette: the look must not turn with the desktop's theme, whose contrast nobody has checked."""
    made = QPalette()
    roles = {
        QPalette.ColorRole.Window: PAPER,
        QPalette.ColorRole.WindowText: INK,
        QPalette.ColorRole.Base: SURFACE,
        QPalette.ColorRole.AlternateBase: PAPER,
        QPalette.ColorRole.Text: INK,
        QPalette.ColorRole.Button: SURFACE,
        QPalette.ColorRole.ButtonText: INK,
        QPalette.ColorRole.Highlight: TEAL,
        QPalette.ColorRole.HighlightedText: "#FFFFFF",
        QPalette.ColorRole.PlaceholderText: QUIET,
        QPalette.ColorRole.ToolTipBase: SURFACE,
        QPalette.ColorRole.ToolTipText: INK,
    }
    for role, colour in roles.items():
        made.setColor(role, QColor(colour))
    return made


def stylesheet(base: int) -> str:
    """The style sheet of a window whose running text is `base` px high."""
    return f"""
    QWidget {{ font-size: {base}px; color: {INK}; }}
    QMainWindow, QWidget[role="page"], QScrollArea, QWidget[role="paper"] {{ background: {PAPER}; border: none; }}
    QLabel {{ background: transparent; }}
    QLabel[role="title"] {{ font-size: {round(base * 1.7)}px; font-weight: 600; }}
    QLabel[role="heading"] {{ font-size: {round(base * 1.25)}px; font-weight: 600; }}
    QLabel[role="strong"] {{ font-weight: 600; }}
    QLabel[role="quiet"] {{ color: {QUIET}; }}
    QLabel[role="small"] {{ color: {QUIET}; font-size: {round(base * 0.88)}px; }}
    QLabel[role="stage"] {{ color: {STAGE_INK}; }}
    QLabel[role="stage-quiet"] {{ color: {STAGE_QUIET}; }}
    QLabel[role="stage-title"] {{ color: {STAGE_INK}; font-size: {round(base * 1.5)}px; font-weight: 600; }}
    QLabel[role="badge"] {{ color: {STAGE_INK}; background: {STAGE_RAISED}; border-radius: 8px; padding: 6px 12px; }}
    QLabel[role="stage-small"] {{ color: {STAGE_INK}; font-size: {round(base * 0.89)}px; }}
    QWidget[role="self"] {{ background: {STAGE_RAISED}; border-radius: 10px; }}
    QScrollArea:focus {{ border: 3px solid {FOCUS}; }}
    QFrame[role="card"] {{ background: {SURFACE}; border: 1px solid {LINE}; border-radius: {RADIUS + 4}px; }}
    QFrame[role="card"][mark="true"] {{ border: 2px solid {TEAL}; background: {TEAL_WASH}; }}
    QFrame[role="mine"] {{ background: {TEAL_WASH}; border: 1px solid {TEAL}; border-radius: {RADIUS}px; }}
    QFrame[role="theirs"] {{ background: {SURFACE}; border: 1px solid {LINE}; border-radius: {RADIUS}px; }}
    QWidget[role="dark"] {{ background: {STAGE}; }}
    QLineEdit, QPlainTextEdit, ChoiceBox, QAbstractSpinBox {{
        background: {SURFACE}; border: 2px solid {FIELD_LINE}; border-radius: {RADIUS}px;
        padding: 8px 12px; min-height: {TARGET - 16}px; font-size: {round(base * 1.1)}px;
        selection-background-color: {TEAL}; selection-color: #FFFFFF;
    }}
    QLineEdit:focus, QPlainTextEdit:focus, ChoiceBox:focus, QAbstractSpinBox:focus {{
        border: 3px solid {FOCUS}; padding: 7px 11px;
    }}
    ChoiceBox {{ combobox-popup: 0; }}
    ChoiceBox::drop-down {{ border: none; width: {TARGET}px; }}
    ChoiceBox::down-arrow, QAbstractSpinBox::up-arrow, QAbstractSpinBox::down-arrow {{ image: none; }}
    QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{
        subcontrol-origin: border; subcontrol-position: center right; border: none;
        width: {TARGET}px; height: {TARGET}px;
    }}
    QAbstractSpinBox::down-button {{ right: {TARGET}px; }}
    QAbstractSpinBox QLineEdit {{ border: none; padding: 0; background: transparent; min-height: 0; }}
    ChoiceBox QAbstractItemView {{
        background: {SURFACE}; border: 1px solid {FIELD_LINE}; outline: none;
        selection-background-color: {TEAL}; selection-color: #FFFFFF;
    }}
    ChoiceBox QAbstractItemView::item {{ min-height: {TARGET}px; padding: 0 12px; }}
    ChoiceBox QAbstractItemView::item:disabled {{ color: {OFF_INK}; background: {OFF_FILL}; }}
    ChoiceBox QAbstractItemView::item:selected {{ background: {TEAL}; color: #FFFFFF; }}
    QPlainTextEdit[role="code"] {{ font-family: "{mono_family()}"; font-size: {round(base * 1.35)}px; }}
    QFileDialog QPushButton, QFileDialog QComboBox {{ min-height: {TARGET - 12}px; padding: 4px 14px; }}
    QProgressBar {{ background: {OFF_FILL}; border: none; border-radius: 5px; min-height: 10px; max-height: 10px; }}
    QProgressBar::chunk {{ background: {TEAL}; border-radius: 5px; }}
    QSlider:horizontal {{ min-height: {TARGET}px; }}
    QSlider::groove:horizontal {{ background: {FIELD_LINE}; height: 6px; border-radius: 3px; }}
    QSlider::sub-page:horizontal {{ background: {TEAL}; border-radius: 3px; }}
    QSlider::handle:horizontal {{
        background: {TEAL}; border: 2px solid {SURFACE}; width: 22px; margin: -10px 0; border-radius: 13px;
    }}
    QSlider::handle:horizontal:focus {{ border: 3px solid {FOCUS}; }}
    QScrollBar:vertical {{ background: transparent; width: 16px; margin: 2px; }}
    QScrollBar::handle:vertical {{ background: {FIELD_LINE}; border-radius: 6px; min-height: 44px; }}
    QScrollBar:horizontal {{ background: transparent; height: 16px; margin: 2px; }}
    QScrollBar::handle:horizontal {{ background: {FIELD_LINE}; border-radius: 6px; min-width: 44px; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    """
