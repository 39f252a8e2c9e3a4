"""While a provider looks at something else: that the visit goes on, how it stands, and the way back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.presenters.views import Page, ProviderView
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.layout import ground
from app.ui.widgets.text import SentenceLine, Text

_BESIDE = frozenset({Page.HOME, Page.ITEM, Page.DESK, Page.PAST_VISITS, Page.LOCK})


class VisitStrip(QWidget):
    """`back`: to the visit. Shown by itself on the pages beside a visit."""

    def __init__(self, back: Callable[[], None]) -> None:
        super().__init__()
        ground(self, "dark")
        self.setObjectName(names.STRIP)
        self._title = Text(role="stage-title", name=names.STRIP_TITLE)
        self._link = SentenceLine(names.STRIP_LINK, on_stage=True)
        self._back = ActionButton(names.STRIP_BACK, self.tr("Back to the visit"), "camera", Kind.PRIMARY, large=True)
        self._back.on_press(back)
        says = QVBoxLayout()
        says.setSpacing(2)
        says.addWidget(self._title)
        says.addWidget(self._link)
        row = QHBoxLayout(self)
        row.setContentsMargins(18, 8, 14, 8)
        row.setSpacing(14)
        row.addLayout(says, 1)
        row.addWidget(self._back, 0, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    def show_view(self, view: ProviderView) -> None:
        visit = view.visit
        if visit is not None:
            on = visit.microphone_on
            self._title.say(self.tr("The visit goes on") if on else self.tr("The visit goes on. You are muted"))
            self._link.say(visit.link)
        self.setVisible(visit is not None and view.page in _BESIDE)
