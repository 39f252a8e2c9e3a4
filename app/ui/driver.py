"""A hand for the demo and the end-to-end tests: presses, types and reads on the real widgets of a running window.

Requests come as JSON lines, answers go as JSON lines with the request's `id` and `ok`. A press goes through Qt's own
mouse events to the place where the widget is seen; what a person could not press (hidden, covered, disabled)
is refused.

    {"id": 1, "do": "click", "name": "home.join"}
    {"id": 2, "do": "type", "name": "enrol.code", "text": "..."}      replaces what stands there
    {"id": 12, "do": "choose", "name": "desk.patient", "text": "..."} the row that says this, else one that holds it
    {"id": 3, "do": "key", "name": "enrol.code", "key": "Return"}     `name` may be left out: the widget with the focus
    {"id": 4, "do": "text", "name": "visit.link"}                     -> "text", "enabled"
    {"id": 5, "do": "visible", "name": "visit.remote"}                -> "visible"
    {"id": 6, "do": "picture", "name": "visit.remote"}                -> "number" on show, "width", "height"
    {"id": 7, "do": "wait", "name": "...", "seconds": 20, and any of "visible": true|false, "enabled": true|false,
                                                           "text_has": "...", "picture_over": n, "width_over": n}
    {"id": 8, "do": "shot", "path": "a.png"}                          -> "width", "height"
    {"id": 9, "do": "names"}                                          -> "names": all visible ones
    {"id": 10, "do": "size", "width": 800, "height": 600}
    {"id": 11, "do": "close"}
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from PySide6.QtCore import QCoreApplication, QEventLoop, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QWidget,
)

from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.fields import ChoiceBox, InvitationText
from app.ui.widgets.picture import PictureWidget
from app.ui.widgets.still import StillView
from app.ui.widgets.text import Text

_POLL_MS = 40
_MAX_LINE = 64 * 1024

Request = dict[str, Any]
Answer = dict[str, Any]


class Refused(Exception):
    """A person could not do this either, or the request makes no sense; the sentence says why."""


def attach(window: QWidget, answers: TextIO, requests: TextIO | None = None) -> Driver:
    """Drives `window` by the lines of `requests` (standard input when None). Called on the UI thread; keep the result.

    File dialogs become Qt's own from here on, since the system's cannot be driven.
    """
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    driver = Driver(window, answers)
    driver.listen(requests if requests is not None else sys.stdin)
    return driver


class Driver(QObject):
    """Acts on the UI thread; `take` is the way in for one line."""

    _line = Signal(str)
    ended = Signal()  # the stream of requests has ended

    def __init__(self, window: QWidget, answers: TextIO) -> None:
        super().__init__(window)
        self._window = window
        self._answers = answers
        self._acts: dict[str, Callable[[Request], Answer | None]] = {
            "click": self._click,
            "type": self._type,
            "choose": self._choose,
            "key": self._key,
            "text": self._text,
            "visible": self._visible,
            "picture": self._picture,
            "wait": self._wait,
            "shot": self._shot,
            "names": self._names,
            "size": self._size,
            "close": self._close,
        }
        self._line.connect(self.take, Qt.ConnectionType.QueuedConnection)

    def listen(self, requests: TextIO) -> None:
        """Reads lines in a thread of its own until the stream ends."""
        threading.Thread(target=self._read, args=(requests,), name="thinline-driver", daemon=True).start()

    def _read(self, requests: TextIO) -> None:
        try:
            for line in requests:
                if line.strip():
                    self._line.emit(line[:_MAX_LINE])
            self.ended.emit()
        except (RuntimeError, ValueError, OSError):
            return  # the window, and this object with it, went before the stream did

    def take(self, line: str) -> None:
        """Does what one line asks and answers it; a wait answers later."""
        number: object = None
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise Refused("a request is a JSON object")
            number = request.get("id")
            act = self._acts.get(str(request.get("do")))
            if act is None:
                raise Refused(f"there is no such act: {request.get('do')!r}")
            answer = act(request)
        except Refused as exc:
            self._answer(number, {"ok": False, "error": str(exc)})
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            self._answer(number, {"ok": False, "error": f"{type(exc).__name__}: {exc}"})
        else:
            if answer is not None:
                self._answer(number, {"ok": True, **answer})

    def _answer(self, number: object, answer: Answer) -> None:
        self._answers.write(json.dumps({"id": number, **answer}) + "\n")
        self._answers.flush()

    # Finding

    def _all(self) -> list[QWidget]:
        """The named widgets of the window and of the dialogs over it."""
        return [w for w in [self._window, *self._window.findChildren(QWidget)] if w.objectName()]

    def _maybe(self, name: str) -> QWidget | None:
        """The widget of that name; a visible one before a hidden one."""
        named = [w for w in self._all() if w.objectName() == name]
        return next((w for w in named if w.isVisible()), named[0] if named else None)

    def _find(self, request: Request) -> QWidget:
        widget = self._maybe(str(request["name"]))
        if widget is None:
            raise Refused(f"there is no widget named {request['name']!r}")
        return widget

    def _reachable(self, request: Request) -> tuple[QWidget, QPoint]:
        """The widget and a point on it that a person can press, after scrolling to it."""
        widget = self._find(request)
        name = request["name"]
        if not widget.isVisible():
            raise Refused(f"{name!r} is hidden")
        if not widget.isEnabled():
            raise Refused(f"{name!r} is disabled")
        modal = QApplication.activeModalWidget()
        if modal is not None and widget.window() is not modal:
            raise Refused(f"a dialog lies over {name!r}")
        parent = widget.parentWidget()
        while parent is not None:
            if isinstance(parent, QScrollArea):
                parent.ensureWidgetVisible(widget)
            parent = parent.parentWidget()
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
        point = widget.visibleRegion().boundingRect().center()
        at_point = widget.window().childAt(widget.mapTo(widget.window(), point))
        if at_point is None or (at_point is not widget and not widget.isAncestorOf(at_point)):
            raise Refused(f"something covers {name!r}")
        return widget, point

    # Acts

    def _click(self, request: Request) -> Answer:
        widget, point = self._reachable(request)
        target = widget.viewport() if isinstance(widget, StillView | QPlainTextEdit) else widget
        QTest.mouseClick(target, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)
        return {}

    def _type(self, request: Request) -> Answer:
        widget, point = self._reachable(request)
        if not isinstance(widget, QLineEdit | QPlainTextEdit | QAbstractSpinBox) or widget.isReadOnly():
            raise Refused(f"nothing can be typed into {request['name']!r}")
        text = str(request["text"])
        if any(ord(letter) > 0xFF for letter in text):  # QTest would end the whole process
            raise Refused("the hand types Latin letters (ISO 8859-1) only")
        target = widget.viewport() if isinstance(widget, QPlainTextEdit) else widget
        QTest.mouseClick(target, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)
        QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        if not isinstance(widget, QAbstractSpinBox):  # there the first key replaces what is marked
            QTest.keyClick(widget, Qt.Key.Key_Delete)
        QTest.keyClicks(widget, text)
        return {"text": said(widget)}

    def _choose(self, request: Request) -> Answer:
        """By the keyboard, as a person would: to the top, then down to the row."""
        widget, _ = self._reachable(request)
        if not isinstance(widget, ChoiceBox):
            raise Refused(f"nothing can be chosen in {request['name']!r}")
        row = _row_saying(widget, str(request["text"]))
        if not widget.choosable(row):
            raise Refused(f"{request['text']!r} cannot be chosen in {request['name']!r}")
        widget.setFocus(Qt.FocusReason.MouseFocusReason)
        QTest.keyClick(widget, Qt.Key.Key_Home)
        for _ in range(widget.count()):
            if widget.currentIndex() == row:
                break
            QTest.keyClick(widget, Qt.Key.Key_Down)
        if widget.currentIndex() != row:
            raise Refused(f"{request['text']!r} could not be reached in {request['name']!r}")
        return {"text": said(widget)}

    def _key(self, request: Request) -> Answer:
        key = getattr(Qt.Key, f"Key_{request['key']}")
        widget = self._reachable(request)[0] if "name" in request else QApplication.focusWidget() or self._window
        QTest.keyClick(widget, key)
        return {}

    def _text(self, request: Request) -> Answer:
        widget = self._find(request)
        return {"text": said(widget), "enabled": widget.isEnabled(), "visible": widget.isVisible()}

    def _visible(self, request: Request) -> Answer:
        widget = self._maybe(str(request["name"]))
        return {"visible": widget is not None and widget.isVisible()}

    def _picture(self, request: Request) -> Answer:
        widget = self._find(request)
        if isinstance(widget, PictureWidget):
            size = widget.image_size()
            return {"number": widget.number(), "width": size.width(), "height": size.height()}
        if isinstance(widget, StillView):
            size = widget.image_size()
            return {"number": int(not size.isEmpty()), "width": size.width(), "height": size.height()}
        raise Refused(f"{request['name']!r} shows no picture")

    def _shot(self, request: Request) -> Answer:
        """The window as it is on the screen, a dialog over it included."""
        picture = self._window.grab()
        modal = QApplication.activeModalWidget()
        if modal is not None:
            modal.render(picture, modal.mapToGlobal(QPoint(0, 0)) - self._window.mapToGlobal(QPoint(0, 0)))
        if not picture.save(str(request["path"]), "PNG"):
            raise Refused(f"the picture could not be written to {request['path']}")
        return {"width": picture.width(), "height": picture.height()}

    def _names(self, request: Request) -> Answer:
        return {"names": sorted({w.objectName() for w in self._all() if w.isVisible()})}

    def _size(self, request: Request) -> Answer:
        self._window.resize(int(request["width"]), int(request["height"]))
        return {"width": self._window.width(), "height": self._window.height()}

    def _close(self, request: Request) -> Answer:
        QTimer.singleShot(0, self._window.close)  # after the answer is out
        return {}

    def _wait(self, request: Request) -> None:
        until = time.monotonic() + float(request.get("seconds", 10))
        met = self._condition(request)
        timer = QTimer(self)
        timer.setInterval(_POLL_MS)

        def look() -> None:
            widget = self._maybe(str(request["name"]))
            good = met(widget)
            if good or time.monotonic() >= until:
                timer.stop()
                timer.deleteLater()
                seen = {"visible": widget is not None and widget.isVisible(), "text": said(widget) if widget else ""}
                error = {} if good else {"error": f"it did not come within {request.get('seconds', 10)} s"}
                self._answer(request.get("id"), {"ok": good, **seen, **error})

        timer.timeout.connect(look)
        timer.start()
        look()

    @staticmethod
    def _condition(request: Request) -> Callable[[QWidget | None], bool]:
        """All that the request asks for at once; text and pictures count only while they can be seen."""
        wants_visible = bool(request.get("visible", True))

        def met(widget: QWidget | None) -> bool:
            seen = widget is not None and widget.isVisible()
            if seen != wants_visible:
                return False
            if widget is None or not seen:
                return True
            enabled = "enabled" not in request or widget.isEnabled() == bool(request["enabled"])
            words = "text_has" not in request or str(request["text_has"]) in said(widget)
            over = "picture_over" not in request or (
                isinstance(widget, PictureWidget) and widget.number() > int(request["picture_over"])
            )
            wide = "width_over" not in request or (
                isinstance(widget, PictureWidget | StillView)
                and widget.image_size().width() > int(request["width_over"])
            )
            return enabled and words and over and wide

        return met


def _row_saying(box: ChoiceBox, words: str) -> int:
    """The row that says `words`, else the first that holds them; -1 when there is none."""
    rows = [box.itemText(row) for row in range(box.count())]
    if words in rows:
        return rows.index(words)
    return next((row for row, text in enumerate(rows) if words in text), -1)


def said(widget: QWidget) -> str:
    """What a widget says, as a person reads it; an invitation as it was given, without its line breaks."""
    if isinstance(widget, Text | InvitationText):
        return widget.words()
    if isinstance(widget, ActionButton):
        return widget.label()
    if isinstance(widget, QComboBox):
        return widget.currentText()
    if isinstance(widget, QLineEdit):
        return widget.displayText()  # dots for a passphrase, as a person sees it
    if isinstance(widget, QAbstractSpinBox):
        return widget.text()
    if isinstance(widget, QPlainTextEdit):
        return widget.toPlainText()
    if isinstance(widget, QLabel | QAbstractButton):
        return widget.text()
    return widget.accessibleName()
