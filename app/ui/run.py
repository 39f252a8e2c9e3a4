"""Running the application: signals of the system end it as closing its window does."""

from __future__ import annotations

import signal

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget

_LOOK_MS = 200


def execute(app: QApplication, window: QWidget) -> int:
    """Shows the window and runs until it is closed or the process is told to end (SIGTERM, SIGINT)."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: window.close())
    # Python runs its signal handlers between bytecodes, of which a waiting Qt loop has none.
    look = QTimer()
    look.timeout.connect(lambda: None)
    look.start(_LOOK_MS)
    window.show()
    return app.exec()
