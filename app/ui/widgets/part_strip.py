"""The parts of an opened item, small, side by side: the one on show is framed, those on their way tell how far."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QWidget

from app.presenters.review_views import PartKind, PartRow
from app.ui import names
from app.ui.style import FOCUS, INK, LINE, OFF_FILL, QUIET, SURFACE, TEAL, TONES
from app.ui.widgets.icons import icon
from app.ui.widgets.picture import fitted
from app.ui.widgets.still import decode

_WIDE, _HIGH, _WORDS = 124, 84, 24  # px
_SIGNS = {
    PartKind.PICTURE: "photo",
    PartKind.DOCUMENT: "file",
    PartKind.CLIP: "film",
    PartKind.VOICE: "speech",
    PartKind.OTHER: "file",
}


class PartButton(QPushButton):
    def __init__(self, place: int, show: Callable[[int], None]) -> None:
        super().__init__()
        self.setObjectName(names.item_part(place))
        self.setFixedSize(_WIDE, _HIGH + _WORDS)
        self._row: PartRow | None = None
        self._current = False
        self._image = QImage()
        self._thumbnail = b""
        self.clicked.connect(lambda _checked: show(place))

    def draw(self, row: PartRow, current: bool) -> None:
        if (row, current) == (self._row, self._current):
            return
        self._row, self._current = row, current
        if row.thumbnail is not self._thumbnail:
            self._thumbnail = row.thumbnail
            self._image = decode(row.thumbnail) if row.thumbnail else QImage()
        state = f", {row.says.text}" if row.says is not None else ""
        self.setAccessibleName(f"{row.title}{state}")
        self.setToolTip(row.says.text if row.says is not None else row.title)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_WIDE, _HIGH + _WORDS)

    def paintEvent(self, event: QPaintEvent) -> None:
        row = self._row
        if row is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        room = QRect(0, 0, _WIDE, _HIGH)
        edge, width = (FOCUS, 4) if self.hasFocus() else (TEAL, 4) if self._current else (LINE, 1)
        painter.setPen(QPen(QColor(edge), width))
        painter.setBrush(QColor(SURFACE))
        painter.drawRoundedRect(QRectF(room).adjusted(2, 2, -2, -2), 6, 6)
        inner = room.adjusted(5, 5, -5, -5)
        if self._image.isNull():
            self._paint_sign(painter, _SIGNS[row.kind], QUIET, inner, 32)
        else:
            painter.drawImage(fitted(self._image.size(), inner), self._image)
            self._paint_kind(painter, row.kind, inner)
        if row.says is not None and row.fraction >= 1:
            corner = QRect(inner.right() - 25, inner.top(), 26, 26)
            self._paint_sign(painter, row.says.level.value, TONES[row.says.level].ink, corner, 22)
        if row.fraction < 1:
            bar = QRectF(inner.left(), inner.bottom() - 7, inner.width(), 7)
            painter.fillRect(bar, QColor(OFF_FILL))
            painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * row.fraction, bar.height()), QColor(TEAL))
        painter.setPen(QColor(INK))
        title = self.fontMetrics().elidedText(row.title, Qt.TextElideMode.ElideRight, _WIDE)
        painter.drawText(QRect(0, _HIGH, _WIDE, _WORDS), int(Qt.AlignmentFlag.AlignCenter.value), title)
        painter.end()

    def _paint_kind(self, painter: QPainter, kind: PartKind, room: QRect) -> None:
        """A document's page and a clip's picture look like photos: a sign in the corner tells them apart."""
        if kind is PartKind.PICTURE:
            return
        corner = QRect(room.left(), room.top(), 28, 28)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(SURFACE))
        painter.drawRoundedRect(QRectF(corner), 5, 5)
        self._paint_sign(painter, _SIGNS[kind], TEAL, corner, 22)

    def _paint_sign(self, painter: QPainter, name: str, colour: str, room: QRect, side: int) -> None:
        at = room.center() - QRect(0, 0, side, side).center()
        painter.drawPixmap(at, icon(name, colour, side, self.devicePixelRatioF()))


class PartStrip(QScrollArea):
    """Scrolls sideways."""

    def __init__(self, show: Callable[[int], None]) -> None:
        super().__init__()
        self.setObjectName(names.ITEM_PARTS)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedHeight(_HIGH + _WORDS + 18)
        self._show = show
        self._buttons: list[PartButton] = []
        inner = QWidget()
        self._line = QHBoxLayout(inner)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(8)
        self._line.addStretch(1)
        self.setWidget(inner)
        self.setWidgetResizable(True)

    def show_parts(self, rows: Sequence[PartRow], current: int) -> None:
        while len(self._buttons) > len(rows):
            gone = self._buttons.pop()
            self._line.removeWidget(gone)
            gone.hide()
            gone.setParent(None)
            gone.deleteLater()
        while len(self._buttons) < len(rows):
            made = PartButton(len(self._buttons), self._show)
            self._line.insertWidget(len(self._buttons), made)
            self._buttons.append(made)
        for place, (button, row) in enumerate(zip(self._buttons, rows, strict=True)):
            button.draw(row, place == current)
        if rows:
            self.ensureWidgetVisible(self._buttons[min(current, len(rows) - 1)], 60, 0)
