"""Drawn pictures for the gallery and the tests of the screens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QImageWriter, QLinearGradient, QPainter


def figure(width: int, height: int, *, wall: str = "#8FA7A5", shirt: str = "#31566B") -> QImage:
    """A drawn head and shoulders before a wall: no photo of anyone is needed to judge a page."""
    image = QImage(width, height, QImage.Format.Format_RGB888)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    shade = QLinearGradient(0, 0, width, height)
    shade.setColorAt(0, QColor(wall).lighter(125))
    shade.setColorAt(1, QColor(wall).darker(130))
    painter.fillRect(image.rect(), shade)
    painter.setPen(Qt.PenStyle.NoPen)
    unit = min(width / 4, height / 3)
    middle = QPointF(width / 2, height * 0.42)
    painter.setBrush(QColor(shirt))
    painter.drawEllipse(QPointF(width / 2, height * 1.08), unit * 1.25, unit * 0.98)
    painter.setBrush(QColor("#C58F6D"))
    painter.drawRect(round(middle.x() - unit * 0.17), round(middle.y()), round(unit * 0.34), round(unit * 0.95))
    painter.setBrush(QColor("#D9A684"))
    painter.drawEllipse(middle, unit * 0.5, unit * 0.64)
    painter.setBrush(QColor("#4A3A31"))
    painter.drawChord(
        round(middle.x() - unit * 0.55),
        round(middle.y() - unit * 0.76),
        round(unit * 1.1),
        round(unit * 1.1),
        200,
        2480,
    )
    painter.end()
    return image


def pixels(image: QImage) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 of an RGB888 image, a copy."""
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return np.array(flat[:, : 3 * image.width()].reshape(image.height(), image.width(), 3))


def jpeg(image: QImage) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QImageWriter(buffer, QByteArray(b"jpeg"))
    writer.setQuality(88)
    writer.write(image)
    return bytes(buffer.data().data())
