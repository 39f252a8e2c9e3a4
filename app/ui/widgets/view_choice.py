"""What the provider wishes to see: a face that talks, detail, or movement; one of three, in a corner of the stage."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.media.events import View
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.layout import ground
from app.ui.widgets.text import Text

_GAP = 4  # px


class ViewChoice(QWidget):
    """`wish` is called with the one that was pressed."""

    def __init__(self, wish: Callable[[View], None]) -> None:
        super().__init__()
        ground(self, "self")
        self._see = Text(self.tr("See:"), "stage")
        self._see.setWordWrap(False)
        words = {
            View.TALK: (self.tr("Talk"), self.tr("See talk: the usual picture")),
            View.DETAIL: (self.tr("Detail"), self.tr("See detail: sharper, and moving less")),
            View.MOTION: (self.tr("Movement"), self.tr("See movement: smaller, and moving more")),
        }
        self._buttons: dict[View, ActionButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(_GAP, _GAP, _GAP, _GAP)
        row.setSpacing(_GAP)
        row.addWidget(self._see)
        for view, (label, told) in words.items():
            button = ActionButton(names.visit_view(view), label, "", Kind.STAGE)
            button.setCheckable(True)
            button.setAutoExclusive(True)
            button.setAccessibleName(told)
            button.setToolTip(told)
            button.on_press(partial(wish, view))
            self._buttons[view] = button
            row.addWidget(button)

    def draw(self, chosen: View) -> None:
        for view, button in self._buttons.items():
            button.setChecked(view is chosen)
            button.set_look("", Kind.STAGE_OFF if view is chosen else Kind.STAGE)

    def fit(self, room: int) -> None:
        """Takes its size within `room` px; where it is narrow the first word gives way."""
        buttons = [button.sizeHint().width() for button in self._buttons.values()]
        whole = sum(buttons) + self._see.sizeHint().width() + 3 * _GAP + 2 * _GAP
        if self._see.isHidden() == (whole <= room):  # not else: each change asks for a new layout
            self._see.setVisible(whole <= room)
        if self.size() != self.sizeHint():
            self.resize(self.sizeHint())
