"""The one button of the program: an icon and words that wrap, large enough for any finger, with a focus ring."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QEnterEvent, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy

from app.ui.style import BUTTONS, RADIUS, TARGET, Kind
from app.ui.widgets.icons import icon

_FLAGS = int(Qt.TextFlag.TextWordWrap)
_PAD, _UPRIGHT_PAD = 16, 11  # px, focus ring included
_GAP = 10


class ActionButton(QPushButton):
    """`upright` puts the icon over the words; `large` makes the page's main action stand out."""

    def __init__(
        self,
        name: str,
        label: str,
        sign: str = "",
        kind: Kind = Kind.SECONDARY,
        *,
        upright: bool = False,
        large: bool = False,
    ) -> None:
        super().__init__()
        self.setObjectName(name)
        self._label = ""
        self._sign = sign
        self._kind = kind
        self._upright = upright
        self._pad = _UPRIGHT_PAD if upright else _PAD
        self._large = large
        self._hover = False
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.set_label(label)

    def on_press(self, act: Callable[[], None]) -> None:
        """Calls `act` on every press, by mouse, finger or key."""
        self.clicked.connect(lambda _checked: act())

    def set_label(self, label: str) -> None:
        """The words on it, literally (an ampersand in a name is no shortcut)."""
        if label == self._label:
            return
        self._label = label
        self.setText(label.replace("&", "&&"))
        self.setAccessibleName(label)
        self.updateGeometry()
        self.update()

    def set_look(self, sign: str, kind: Kind) -> None:
        if (sign, kind) != (self._sign, self._kind):
            self._sign, self._kind = sign, kind
            self.update()

    def label(self) -> str:
        return self._label

    def sizeHint(self) -> QSize:
        self.ensurePolished()
        words = self._metrics().boundingRect(QRect(0, 0, 420, 1000), _FLAGS, self._label).size()
        across = words.width() + 2 * self._pad + self._beside()
        if self._upright:
            across = max(across, 108)
        return QSize(max(across, TARGET), self.heightForWidth(across))

    def minimumSizeHint(self) -> QSize:
        self.ensurePolished()
        metrics = self._metrics()
        longest = max((metrics.horizontalAdvance(word) for word in self._label.split()), default=0)
        across = max(min(longest, 420) + 2 * self._pad + self._beside() + 2, TARGET)
        return QSize(across, self.heightForWidth(max(across, self.width())))

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        room = max(width - 2 * self._pad - self._beside(), 20)
        words = (
            self._metrics().boundingRect(QRect(0, 0, room, 4000), _FLAGS, self._label).height() if self._label else 0
        )
        side = self._icon_size()
        content = side + 4 + words if self._upright and self._sign else max(words, side)
        least = 72 if self._large else TARGET
        return max(content + (20 if self._large or self._upright else 14), least)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses it too: many people know no other key for "go"."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat():
            self.click()
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        self._hover = True
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = False
        super().leaveEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        look = BUTTONS[self._kind]
        on = self.isEnabled()
        fill = look.off_fill if not on else look.hover if self._hover or self.isDown() else look.fill
        ink = look.ink if on else look.off_ink
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shape = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if self.isDown():
            shape.translate(0, 1)
        painter.setPen(QPen(QColor(look.edge if on else look.off_fill), 2))
        painter.setBrush(QColor(fill))
        painter.drawRoundedRect(shape.adjusted(1, 1, -1, -1), RADIUS, RADIUS)
        if self.hasFocus():  # a ring of the focus colour, and a line of the ink inside it for contrast with the fill
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for inset, width, colour in ((1.5, 4, look.focus), (4.5, 1.5, ink)):
                painter.setPen(QPen(QColor(colour), width))
                painter.drawRoundedRect(shape.adjusted(inset, inset, -inset, -inset), RADIUS - 1, RADIUS - 1)
        self._paint_content(painter, ink)
        painter.end()

    def _paint_content(self, painter: QPainter, ink: str) -> None:
        inner = self.rect().adjusted(self._pad, 0, -self._pad, 0)
        side = self._icon_size()
        room = QRect(0, 0, max(inner.width() - self._beside(), 20), 4000)
        words = self._metrics().boundingRect(room, _FLAGS, self._label).size() if self._label else QSize(0, 0)
        painter.setFont(self._font())
        painter.setPen(QColor(ink))
        picture = icon(self._sign, ink, side, self.devicePixelRatioF()) if self._sign else None
        if self._upright:
            top = inner.top() + (inner.height() - (side + 4 + words.height() if picture else words.height())) // 2
            if picture is not None:
                painter.drawPixmap(QPoint(inner.center().x() - side // 2, top), picture)
                top += side + 4
            box = QRect(inner.left(), top, inner.width(), words.height())
            painter.drawText(box, _FLAGS | int(Qt.AlignmentFlag.AlignHCenter), self._label)
            return
        total = self._beside() + words.width()
        left = inner.left() + max((inner.width() - total) // 2, 0)
        if picture is not None:
            painter.drawPixmap(QPoint(left, inner.center().y() - side // 2 + 1), picture)
        box = QRect(left + self._beside(), inner.top(), words.width() + 2, inner.height())
        centre = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignHCenter
        painter.drawText(box, _FLAGS | int(centre.value), self._label)

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        if self._large:
            font.setPixelSize(round(font.pixelSize() * 1.25) if font.pixelSize() > 0 else 22)
        return font

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(self._font())

    def _icon_size(self) -> int:
        if not self._sign:
            return 0
        return 32 if self._large or self._upright else 24

    def _beside(self) -> int:
        """The width which the icon takes beside the words (px)."""
        if self._upright or not self._sign:
            return 0
        return self._icon_size() + (_GAP if self._label else 0)
