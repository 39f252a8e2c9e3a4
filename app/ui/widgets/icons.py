"""Our own icons: 24 x 24 outlines, drawn as SVG in any colour and size. Never the only bearer of a meaning."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_SLASH = '<path d="M4 3.5 L20.5 20"/>'
_MICROPHONE = (
    '<rect x="9" y="2.5" width="6" height="11.5" rx="3"/>'
    '<path d="M5.5 11 a6.5 6.5 0 0 0 13 0 M12 17.5 V21.5 M8.5 21.5 H15.5"/>'
)
_CAMERA = '<rect x="2.5" y="6" width="13" height="12" rx="2.5"/><path d="M15.5 10.5 L21.5 7 V17 L15.5 13.5"/>'
_HANDSET = (
    '<path d="M3 14.8 C2.4 12.4 6.6 9.2 12 9.2 C17.4 9.2 21.6 12.4 21 14.8 C20.8 15.9 20 16.6 18.9 16.4 '
    "L16.4 15.9 C15.6 15.7 15.2 15.1 15.2 14.3 V12.9 C13.2 12.3 10.8 12.3 8.8 12.9 V14.3 C8.8 15.1 8.4 15.7 7.6 15.9 "
    'L5.1 16.4 C4 16.6 3.2 15.9 3 14.8 Z"/>'
)

SHAPES: dict[str, str] = {
    "microphone": _MICROPHONE,
    "microphone-off": _MICROPHONE + _SLASH,
    "camera": _CAMERA,
    "camera-off": _CAMERA + _SLASH,
    "hang-up": _HANDSET.replace("<path", '<path fill="{colour}"'),
    "telephone": (
        '<path d="M6 3 H9.5 L11 8 L8.7 9.6 C9.8 12 12 14.2 14.4 15.3 L16 13 L21 14.5 V18 '
        'C21 19.7 19.7 21 18 21 C10 20.6 3.4 14 3 6 C3 4.3 4.3 3 6 3 Z"/>'
    ),
    "photo": (
        '<path d="M3 8.5 a2 2 0 0 1 2-2 H8 L9.5 4 H14.5 L16 6.5 H19 a2 2 0 0 1 2 2 V17.5 a2 2 0 0 '
        '1-2 2 H5 a2 2 0 0 1-2-2 Z"/>'
        '<circle cx="12" cy="12.8" r="3.8"/>'
    ),
    "file": '<path d="M6 2.5 H14 L19 7.5 V21.5 H6 Z M14 2.5 V7.5 H19 M9 12.5 H16 M9 16.5 H16"/>',
    "again": '<path d="M19.5 9 A8 8 0 1 0 20 13.5 M20 4 V9.2 H14.8"/>',
    "close": '<path d="M5.5 5.5 L18.5 18.5 M18.5 5.5 L5.5 18.5"/>',
    "back": '<path d="M20 12 H4.5 M11 5 L4 12 L11 19"/>',
    "next": '<path d="M9 5 L16 12 L9 19"/>',
    "previous": '<path d="M15 5 L8 12 L15 19"/>',
    "magnifier": (
        '<circle cx="10.5" cy="10.5" r="7"/><path d="M15.8 15.8 L21.5 21.5 M10.5 7.5 V13.5 M7.5 10.5 H13.5"/>'
    ),
    "plus": '<path d="M12 5 V19 M5 12 H19"/>',
    "minus": '<path d="M5 12 H19"/>',
    "fit": '<path d="M4 9 V4 H9 M15 4 H20 V9 M20 15 V20 H15 M9 20 H4 V15"/>',
    "good": '<circle cx="12" cy="12" r="9.5"/><path d="M7.5 12.5 L10.8 15.8 L16.8 9"/>',
    "note": '<rect x="3" y="3" width="18" height="18" rx="4"/><path d="M12 11 V17 M12 7.2 V7.3"/>',
    "warn": '<path d="M12 3 L22 20.5 H2 Z M12 9.5 V14.5 M12 17.4 V17.5"/>',
    "bad": '<path d="M8 2.5 H16 L21.5 8 V16 L16 21.5 H8 L2.5 16 V8 Z M8.5 8.5 L15.5 15.5 M15.5 8.5 L8.5 15.5"/>',
    "saved": (
        '<rect x="4.5" y="10.5" width="15" height="11" rx="2.5"/>'
        '<path d="M8 10.5 V7 a4 4 0 0 1 8 0 V10.5 M9 16 L11.2 18.2 L15.2 13.8"/>'
    ),
    "waiting": '<circle cx="12" cy="12" r="9.5"/><path d="M12 6.5 V12 L15.8 14.5"/>',
    "sending": '<path d="M12 20.5 V5 M5.5 11 L12 4.5 L18.5 11"/>',
    "received": '<path d="M3 13 L8 18 L12 14 M9.5 13.5 L11 15 L21.5 5.5 M12.6 16.6 L14 18 L21.5 10.5"/>',
    "seen": (
        '<path d="M2 12 C5 6.5 8.5 5 12 5 C15.5 5 19 6.5 22 12 C19 17.5 15.5 19 12 19 C8.5 19 5 17.5 2 12 Z"/>'
        '<circle cx="12" cy="12" r="3.2"/>'
    ),
    "person": (
        '<circle cx="12" cy="8" r="4.5"/>'
        '<path d="M3.5 21.5 C3.5 16.8 7.2 14.8 12 14.8 C16.8 14.8 20.5 16.8 20.5 21.5"/>'
    ),
    "invite": (
        '<circle cx="9.5" cy="8" r="4.2"/>'
        '<path d="M2 21 C2 16.6 5.2 14.6 9.5 14.6 C12 14.6 14.2 15.3 15.5 16.8 M19 6.5 V13.5 M15.5 10 H22.5"/>'
    ),
    "down": '<path d="M5 9 L12 16 L19 9"/>',
    "copy": '<rect x="8" y="8" width="13" height="13.5" rx="2.5"/><path d="M4.5 16 H3 V2.5 H16 V4.5"/>',
    "speech": (
        '<path d="M4 9.5 H8 L13 5 V19 L8 14.5 H4 Z M16.2 9 a4.2 4.2 0 0 1 0 6 M18.8 6.2 a8.2 8.2 0 0 1 0 11.6"/>'
    ),
    "sliders": (
        '<path d="M3 6 H9 M15 6 H21 M3 12 H5 M11 12 H21 M3 18 H12 M18 18 H21"/>'
        '<circle cx="12" cy="6" r="2.6"/><circle cx="8" cy="12" r="2.6"/><circle cx="15" cy="18" r="2.6"/>'
    ),
    "pictures": (
        '<rect x="2.5" y="4" width="19" height="16" rx="2.5"/><circle cx="8" cy="9.5" r="1.8"/>'
        '<path d="M3 17.5 L9.5 12.5 L13 15.5 L16.5 12 L21 16"/>'
    ),
    "ear": (
        '<path d="M7 9.5 a5.5 5.5 0 0 1 11 0 c0 4.2-4 4.6-4.4 8 c-0.3 2.4-1.6 4-3.6 4 c-1.9 0-3-1.3-3-3 '
        'M10 10 a2.5 2.5 0 0 1 5 0 c0 1.8-1.6 2.4-2.4 3.6"/>'
    ),
    "words": '<path d="M3 4.5 H21 V16.5 H11.5 L7 20.5 V16.5 H3 Z M7 9 H17 M7 12.5 H14"/>',
    "play": '<path d="M6.5 3.5 L20 12 L6.5 20.5 Z"/>',
    "pause": '<path d="M7.5 4 V20 M16.5 4 V20"/>',
    "film": (
        '<rect x="2.5" y="4.5" width="19" height="15" rx="2"/>'
        '<path d="M7 4.5 V19.5 M17 4.5 V19.5 M2.5 9.5 H7 M2.5 14.5 H7 M17 9.5 H21.5 M17 14.5 H21.5"/>'
    ),
    "stop": '<rect x="5" y="5" width="14" height="14" rx="2.5"/>',
    "unread": '<circle cx="12" cy="12" r="6.5" fill="{colour}"/>',
    "opened": '<path d="M3 9.5 L12 3.5 L21 9.5 V20.5 H3 Z M3.3 9.8 L12 15.5 L20.7 9.8"/>',
    "calendar": '<rect x="3" y="4.5" width="18" height="17" rx="2.5"/><path d="M3 10 H21 M8 2.5 V6.5 M16 2.5 V6.5"/>',
}


@lru_cache(maxsize=256)
def icon(name: str, colour: str, size: int, ratio: float = 1.0) -> QPixmap:
    """The icon `name` in `colour`, `size` px square at a device pixel ratio. Raises KeyError on an unknown name."""
    body = SHAPES[name].replace("{colour}", colour)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="{colour}" '
        f'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">{body}</svg>'
    )
    pixmap = QPixmap(round(size * ratio), round(size * ratio))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
