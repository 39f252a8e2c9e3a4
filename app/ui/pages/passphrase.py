"""The first page of all where there is no key ring: choose a passphrase, or type the one that was chosen."""

from __future__ import annotations

from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.presenters.views import CommonCommands, PassphraseView, PatientView, ProviderView
from app.ui import names
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.layout import ScrollColumn, ground
from app.ui.widgets.passphrase_card import Hints, PassphraseCard
from app.ui.widgets.text import Text


class PassphrasePage(QWidget):
    def __init__(self, commands: CommonCommands) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.PASSPHRASE)
        self._commands = commands
        self._choosing = False
        self._question = 0
        self._title = Text(role="title", name=names.PASSPHRASE_TITLE)
        self._hints = Hints(names.passphrase_hint)
        self._card = PassphraseCard(
            (names.PASSPHRASE_FIRST, names.PASSPHRASE_AGAIN),
            self._send,
            show=names.PASSPHRASE_SHOW,
            fault=names.PASSPHRASE_FAULT,
            go=names.PASSPHRASE_GO,
            margin=28,
            spacing=8,
        )
        self._without = ActionButton(names.PASSPHRASE_WITHOUT, self.tr("Without a passphrase"))
        self._without.on_press(commands.go_without_passphrase)
        self._weaker = Text(
            self.tr("This is weaker: whoever can read this computer's disk can read what you save here."), "quiet"
        )
        self._lay_out()

    def show_view(self, view: PatientView | ProviderView) -> None:
        shown = view.passphrase
        if shown is None:
            return
        new = shown.question != self._question
        self._question, self._choosing = shown.question, shown.choosing
        if new:
            self._card.empty()
        self._say(shown)
        self._without.setEnabled(not shown.checking)
        self._card.say(shown.fault)
        if shown.fault is not None and not shown.checking:
            self._again_from(new)

    def first_focus(self) -> QWidget:
        return self._card.first_focus()

    def _again_from(self, new: bool) -> None:
        """After a fault: where to type next. What was typed first stays while the same question is asked."""
        first, again = self._card.fields
        if self._choosing and not new:
            again.clear()
        self._card.focus(again if self._choosing and not new else first)

    def hideEvent(self, event: QHideEvent) -> None:
        self._card.empty()
        super().hideEvent(event)

    def _say(self, shown: PassphraseView) -> None:
        choosing = shown.choosing
        self._title.say(self.tr("Choose a passphrase") if choosing else self.tr("Welcome back"))
        self._hints.say(shown.hints)
        if choosing:
            labels = (self.tr("Your new passphrase"), self.tr("The same once more"))
        else:
            labels = (self.tr("Your passphrase"), "")
        self._card.use(
            labels, self.tr("Use this passphrase") if choosing else self.tr("Open"), checking=shown.checking
        )
        for widget in (self._without, self._weaker):
            widget.setVisible(choosing)

    def _lay_out(self) -> None:
        scroll = ScrollColumn(720)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        column = scroll.column
        column.addStretch(1)
        for widget in (self._title, *self._hints.texts, self._card):
            column.addWidget(widget)
        other = QHBoxLayout()
        other.setSpacing(14)
        other.addWidget(self._without)
        other.addWidget(self._weaker, 1)
        column.addLayout(other)
        column.addStretch(2)

    def _send(self, first: str, again: str) -> None:
        if self._choosing:
            self._commands.choose_passphrase(first, again)
        else:
            self._commands.give_passphrase(first)
