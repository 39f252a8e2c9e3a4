"""A level meter: blocks that light up as far as the sound reaches, calm enough to sit beside a face."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.media.levels import Levels
from app.ui.style import METER_LIT, METER_OFF, STAGE_METER_LIT, STAGE_METER_OFF

LevelKind = Literal["microphone", "speaker"]

_LOOK_MS = 83  # twelve looks a second
_FLOOR_DBFS, _TOP_DBFS = -54.0, -9.0
_FALL = 1.2  # shares of the whole scale a second: up at once, down gently
_STALE_S = 0.6
_HEARD = 0.12  # a share of the scale: less than this is a quiet room
_GAP = 3


def share(dbfs: float) -> float:
    """How far along the meter a level stands, 0..1."""
    return min(max((dbfs - _FLOOR_DBFS) / (_TOP_DBFS - _FLOOR_DBFS), 0.0), 1.0)


@dataclass(frozen=True)
class MeterWords:
    """`name` names the meter; `heard` and `quiet` say in words what it shows."""

    name: str
    heard: str
    quiet: str


class LevelMeter(QWidget):
    """Looks at `levels` some twelve times a second while it is visible; paints when a block goes on or off.

    `upright`: blocks from the bottom to the top, for the place beside a button. `clock`: monotonic seconds.
    """

    def __init__(
        self,
        levels: Levels,
        kind: LevelKind,
        name: str,
        words: MeterWords,
        *,
        blocks: int = 16,
        upright: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(words.name)
        self._levels, self._kind, self._words = levels, kind, words
        self._blocks, self._upright, self._clock = blocks, upright, clock
        self._shown, self._looked_at = 0.0, 0.0
        self._off = False
        fixed, wide = QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding
        self.setSizePolicy(fixed if upright else wide, wide if upright else fixed)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._say()

    def lit(self) -> int:
        """How many blocks are on."""
        return 0 if self._off else round(self._shown * self._blocks)

    def switch_off(self, off: bool) -> None:
        """Shows nothing: who is muted must not think to be heard."""
        if off != self._off:
            self._off = off
            self._say()
            self.update()

    def look(self) -> None:
        """Takes the newest level; the timer does this."""
        now = self._clock()
        level = self._levels.read(self._kind)
        target = share(level.rms_dbfs) if now - level.at < _STALE_S else 0.0
        before = self.lit()
        fallen = self._shown - _FALL * max(now - self._looked_at, 0.0)
        self._shown, self._looked_at = max(target, fallen, 0.0), now
        if self.lit() != before:
            self._say()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(14, 56) if self._upright else QSize(240, 18)

    def minimumSizeHint(self) -> QSize:
        return QSize(14, 40) if self._upright else QSize(80, 18)

    def showEvent(self, event: QShowEvent) -> None:
        self._shown = 0.0
        self.look()
        self._timer.start()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        lit, unlit = (STAGE_METER_LIT, STAGE_METER_OFF) if self._upright else (METER_LIT, METER_OFF)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        mirrored = not self._upright and self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        for place in range(self._blocks):
            painter.setBrush(QColor(lit if place < self.lit() else unlit))
            painter.drawRoundedRect(self._block(self._blocks - 1 - place if mirrored else place), 2, 2)
        painter.end()

    def _block(self, place: int) -> QRectF:
        """Where a block lies, counted from the left or from the bottom (px)."""
        along = self.height() if self._upright else self.width()
        size = (along - _GAP * (self._blocks - 1)) / self._blocks
        start = place * (size + _GAP)
        if self._upright:
            return QRectF(0, self.height() - start - size, self.width(), size)
        return QRectF(start, 0, size, self.height())

    def _say(self) -> None:
        words = self._words.heard if not self._off and self._shown > _HEARD else self._words.quiet
        if words != self.accessibleDescription():
            self.setAccessibleDescription(words)
