"""How things are sent: stopping for a while, and what may go over a connection that costs money."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.offline.plan import Metered
from app.presenters.views import PatientCommands, PatientView
from app.ui import sending_names as names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.compose_rows import choose_one, on_click
from app.ui.widgets.form_choices import ManyRow, OneRow
from app.ui.widgets.layout import ScrollColumn, ground
from app.ui.widgets.text import Text


class ChoicesPage(QWidget):
    def __init__(self, commands: PatientCommands) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.CHOICES)
        items = commands.items
        self._set_metered = items.set_metered
        self._back = ActionButton(names.CHOICES_BACK, self.tr("Back"), "back", Kind.SECONDARY)
        self._back.on_press(items.close_choices)
        self._paused = ManyRow(names.CHOICES_PAUSED, self.tr("Stop sending for now"))
        on_click(self._paused, items.set_paused)
        self._link = ManyRow(names.CHOICES_METERED_LINK, self.tr("This connection costs money by the amount sent"))
        on_click(self._link, items.set_link_metered)
        self._full = ManyRow(
            names.CHOICES_FULL_SIZE, self.tr("Send photos in full size too, when the connection is good")
        )
        on_click(self._full, items.set_full_size)
        self._used = Text(role="strong", name=names.CHOICES_USED)
        words = {
            Metered.SMALL: self.tr("Send words and small pictures; the rest waits for another connection"),
            Metered.EVERYTHING: self.tr("Send everything"),
            Metered.NOTHING: self.tr("Send nothing"),
        }
        self._metered = {choice: OneRow(names.metered(choice.value), text) for choice, text in words.items()}
        for choice, row in self._metered.items():
            on_click(row, partial(self._choose, choice))
        self._lay_out()

    def show_view(self, view: PatientView) -> None:
        shown = view.sending.choices if view.sending is not None else None
        if shown is None:
            return
        self._paused.setChecked(shown.paused)
        self._link.setChecked(shown.link_metered)
        self._full.setChecked(shown.full_size)
        self._over.setVisible(shown.link_metered)
        choose_one((row, choice is shown.metered) for choice, row in self._metered.items())
        self._used.say(shown.used)

    def first_focus(self) -> QWidget:
        return self._paused

    def _choose(self, choice: Metered, _checked: bool) -> None:
        self._set_metered(choice)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self._back)
        head.addWidget(Text(self.tr("How things are sent"), "title"), 1)
        self._over = QWidget()
        over = QVBoxLayout(self._over)
        over.setContentsMargins(24, 0, 0, 0)
        over.setSpacing(8)
        over.addWidget(Text(self.tr("Over this connection:"), "strong"))
        for row in self._metered.values():
            over.addWidget(row)
        scroll = ScrollColumn(margin=12)
        column = scroll.column
        column.setSpacing(12)
        column.addWidget(self._paused)
        column.addWidget(Text(self.tr("What you send is kept safe on this computer meanwhile."), "quiet"))
        column.addWidget(self._link)
        column.addWidget(self._over)
        column.addWidget(self._full)
        column.addWidget(Text(self.tr("If not, they stay on this computer until the clinic asks for them."), "quiet"))
        column.addWidget(self._used)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 12, 16, 14)
        outer.addLayout(head)
        outer.addWidget(scroll, 1)
