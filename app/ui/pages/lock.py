"""Set a passphrase later, or change it; and the row of the home pages that leads there."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.presenters.views import CommonCommands, LockView, PatientView, ProviderView
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.layout import Beside, ScrollColumn, ground
from app.ui.widgets.passphrase_card import Hints, PassphraseCard
from app.ui.widgets.text import SentenceLine, Text


class LockRow(Beside):
    """Says that the key is weak, with the way out; where there is a passphrase, the way to change it, quietly.

    Not while the notice above says the same, with the same way out.
    """

    def __init__(self, open_page: Callable[[], None]) -> None:
        super().__init__(520, 12)
        self._says = SentenceLine(names.LOCK_WEAK, announce=False)
        self._open = ActionButton(names.LOCK_OPEN, "", "", Kind.SECONDARY)
        self._open.on_press(open_page)
        self.add(self._says, 1)
        self.add(self._open, 0)
        self.hide()

    def draw(self, lock: LockView | None) -> None:
        self.setVisible(lock is not None and not lock.in_notice)
        if lock is None:
            return
        self._says.say(lock.says)
        self._says.setVisible(lock.says is not None)
        self._open.set_label(self.tr("Change the passphrase") if lock.changing else self.tr("Set a passphrase"))
        self._open.set_look("", Kind.QUIET if lock.changing else Kind.SECONDARY)


class LockPage(QWidget):
    def __init__(self, commands: CommonCommands) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.LOCK)
        self._number = 0
        self._back = ActionButton(names.LOCK_BACK, self.tr("Back"), "back", Kind.SECONDARY)
        self._back.on_press(commands.close_lock)
        self._title = Text(role="title")
        self._hints = Hints()
        self._card = PassphraseCard(
            (names.LOCK_OLD, names.LOCK_FIRST, names.LOCK_AGAIN),
            commands.set_passphrase,
            show=names.LOCK_SHOW,
            fault=names.LOCK_FAULT,
            go=names.LOCK_GO,
        )
        self._lay_out()

    def show_view(self, view: PatientView | ProviderView) -> None:
        shown = view.lock
        if shown is None:
            return
        new = shown.number != self._number
        self._number = shown.number
        if new:
            self._card.empty()
        self._say(shown)
        self._back.setEnabled(not shown.checking)
        self._card.say(shown.fault)
        if shown.fault is not None and not shown.checking:
            self._again_from(new)

    def first_focus(self) -> QWidget:
        return self._card.first_focus()

    def _again_from(self, new: bool) -> None:
        """After a fault of the new one only its second typing is wanted again; else all is typed anew."""
        again = self._card.fields[2]
        if not new:
            again.clear()
        self._card.focus(self._card.first_focus() if new else again)

    def hideEvent(self, event: QHideEvent) -> None:
        self._card.empty()
        super().hideEvent(event)

    def _say(self, shown: LockView) -> None:
        self._title.say(self.tr("Change the passphrase") if shown.changing else self.tr("Set a passphrase"))
        self._hints.say(shown.hints)
        labels = (
            self.tr("The passphrase you use now") if shown.changing else "",
            self.tr("Your new passphrase"),
            self.tr("The new one once more"),
        )
        self._card.use(labels, self.tr("Use this passphrase"), checking=shown.checking)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self._back)
        head.addWidget(self._title, 1)
        scroll = ScrollColumn(720, 16)
        column = scroll.column
        column.setSpacing(12)
        for widget in (*self._hints.texts, self._card):
            column.addWidget(widget)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 12, 16, 14)
        outer.addLayout(head)
        outer.addWidget(scroll, 1)
