"""Sending something to the clinic: first what it is about, then everything that goes with it, then Send."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.presenters.sending_views import ComposeView, PurposeChoice
from app.presenters.views import PatientCommands, PatientView
from app.ui import sending_names as names
from app.ui.pages.files import ask_for_files
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.compose_rows import Added, AddedRow, Sure, added_rows, on_click
from app.ui.widgets.fields import label_of
from app.ui.widgets.form_choices import ManyRow
from app.ui.widgets.layout import Card, KeyedRows, ScrollColumn, ground
from app.ui.widgets.text import SentenceLine, Text, announce

_KEEP_MS = 700
"""After the last letter: a pause, then what was written is kept."""


class PurposePanel(QWidget):
    """What is it about? One large button for each purpose, with a sentence under it."""

    def __init__(self, commands: PatientCommands) -> None:
        super().__init__()
        self._choose = commands.drafting.choose_purpose
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(12)
        self._shown: tuple[PurposeChoice, ...] = ()
        self.first: ActionButton | None = None

    def draw(self, purposes: tuple[PurposeChoice, ...]) -> None:
        """They are the same for the whole life of the page."""
        if purposes == self._shown or not purposes:
            return
        self._shown = purposes
        for place, purpose in enumerate(purposes):
            button = ActionButton(names.purpose(purpose.value), purpose.label, "", Kind.SECONDARY, large=True)
            button.setAccessibleDescription(purpose.help)
            button.on_press(partial(self._choose, purpose.value))
            self.first = self.first or button
            cell = Card(12, 6)
            cell.body.addWidget(button)
            cell.body.addWidget(Text(purpose.help, "quiet"))
            cell.body.addStretch(1)
            self._grid.addWidget(cell, place // 2, place % 2)


class NoteField(QPlainTextEdit):
    """The message. What is written is told after a pause; what the presenter says replaces only what it knows of."""

    def __init__(self, commands: PatientCommands) -> None:
        super().__init__()
        self.setObjectName(names.SEND_NOTE)
        self.setTabChangesFocus(True)
        self.setFixedHeight(116)
        self._commands = commands
        self._draft = self._told = ""
        self._pending: str | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_KEEP_MS)
        self._pause.timeout.connect(self.tell)
        self.textChanged.connect(self._pause.start)

    def draw(self, draft: str, note: str) -> None:
        if draft != self._draft:
            self._draft, self._told, self._pending = draft, note, None
            self._write(note)
            return
        if self._pending is not None:
            if note != self._pending:
                return  # a view from before what was told
            self._told, self._pending = note, None
        elif note != self._told:
            if self.toPlainText() == self._told:
                self._write(note)
            self._told = note

    def tell(self) -> None:
        """Has what stands there kept."""
        self._pause.stop()
        text = self.toPlainText()
        if self._draft and text != (self._told if self._pending is None else self._pending):
            self._pending = text
            self._commands.drafting.set_note(self._draft, text)

    def leave(self) -> None:
        self.tell()
        self._draft = ""

    def _write(self, text: str) -> None:
        self.setPlainText(text)
        self._pause.stop()


class SendPage(QWidget):
    def __init__(self, commands: PatientCommands) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.SEND)
        self._commands = commands
        drafting = commands.drafting
        self._compose: ComposeView | None = None
        self._back = ActionButton(names.SEND_BACK, self.tr("Back"), "back", Kind.SECONDARY)
        self._back.on_press(self._leave)
        self._title = Text(role="title", name=names.SEND_TITLE)
        self._discard = ActionButton(names.SEND_DISCARD, self.tr("Throw away"), "close", Kind.QUIET)
        self._discard.on_press(lambda: self._ask_discard(True))
        self._sure = Sure(
            self.tr("Throw all of this away? It cannot be brought back."),
            (names.SEND_DISCARD_YES, self.tr("Yes, throw it away")),
            (names.SEND_DISCARD_NO, self.tr("No, keep it")),
            self._discarded,
        )
        self._about = Text(role="strong", name=names.SEND_ABOUT)
        self._purposes = PurposePanel(commands)
        self._note = NoteField(commands)
        self._rows: KeyedRows[Added, AddedRow] = KeyedRows(
            lambda row: row.key, lambda row: AddedRow(row, self._open, self._remove), names.SEND_ITEMS
        )
        self._photo = ActionButton(names.SEND_PHOTO, self.tr("Take a photo"), "photo")
        self._files = ActionButton(names.SEND_FILES, self.tr("Choose photos or files"), "file")
        self._readings = ActionButton(names.SEND_READINGS, self.tr("Type what you measured"), "plus")
        self._clip = ActionButton(names.SEND_CLIP, self.tr("Record a clip"), "film")
        self._voice = ActionButton(names.SEND_VOICE, self.tr("Record your voice"), "microphone")
        self._photo.on_press(drafting.take_photo)
        self._files.on_press(self._choose_files)
        self._readings.on_press(commands.measuring.open_readings)
        self._clip.on_press(lambda: commands.recording.open_recording(True))
        self._voice.on_press(lambda: commands.recording.open_recording(False))
        self._forms: KeyedRows[tuple[str, str], ActionButton] = KeyedRows(
            lambda form: form[0], self._make_form, "send.forms"
        )
        self._urgent = ManyRow(names.SEND_URGENT, self.tr("This is urgent: please look at it first"))
        on_click(self._urgent, drafting.set_urgent)
        self._says = SentenceLine(names.SEND_SAYS)
        self._weighs = Text(role="quiet", name=names.SEND_WEIGHS)
        self._go = ActionButton(names.SEND_GO, self.tr("Send"), "sending", Kind.PRIMARY, large=True)
        self._go.on_press(self._send)
        self._lay_out()

    def show_view(self, view: PatientView) -> None:
        sending = view.sending
        if sending is None:
            return
        before, self._compose = self._compose, sending.compose
        compose = sending.compose
        self._purposes.draw(sending.purposes)
        self._purposes.setVisible(compose is None)
        for part in (self._body, self._foot, self._discard):
            part.setVisible(compose is not None)
        new = (before.draft if before else "") != (compose.draft if compose else "")
        if new:
            self._sure.hide()
            self._scroll.verticalScrollBar().setValue(0)
        if compose is None:
            self._title.say(self.tr("What is it about?"))
        else:
            self._draw(compose)
        if new and self.isVisible():
            announce(self._title, self._title.words())
            self.first_focus().setFocus()

    def first_focus(self) -> QWidget:
        return self._note if self._compose is not None else self._purposes.first or self._back

    def hideEvent(self, event: QHideEvent) -> None:
        self._note.tell()
        super().hideEvent(event)

    def _draw(self, compose: ComposeView) -> None:
        self._title.say(compose.title)
        self._about.say(compose.about)
        self._about.setVisible(bool(compose.about))
        self._note.draw(compose.draft, compose.note)
        rows = added_rows(
            compose, self.tr("All questions are answered."), self.tr("Not answered to the end yet. Please go on.")
        )
        self._rows.show_rows(rows, AddedRow.draw)
        self._with.setVisible(bool(rows))
        self._rows.setVisible(bool(rows))
        self._forms.show_rows([(f.sha256, f.title) for f in compose.offered], self._draw_form)
        for button in (self._clip, self._voice):
            button.setVisible(compose.can_record)
        self._urgent.setChecked(compose.urgent)
        self._says.say(compose.says)
        self._weighs.say(self.tr("In all: {size}.").format(size=compose.weighs) if compose.weighs else "")
        self._go.setEnabled(not compose.busy)

    def _choose_files(self) -> None:
        ask_for_files(self, self._commands.drafting.add_to_draft)

    def _make_form(self, form: tuple[str, str]) -> ActionButton:
        button = ActionButton(names.offered_form(form[0]), "", "words")
        button.on_press(lambda: self._commands.answering.open_form(form[0]))
        return button

    def _draw_form(self, button: ActionButton, form: tuple[str, str]) -> None:
        button.set_label(self.tr("Answer questions: {title}").format(title=form[1]))

    def _open(self, row: Added) -> None:
        self._commands.answering.resume_form(row.what)

    def _remove(self, row: Added) -> None:
        if row.key.startswith("part."):
            self._commands.drafting.remove_part(row.what)
        elif row.key.startswith("form."):
            self._commands.answering.remove_form(row.what)
        else:
            self._commands.measuring.remove_reading(int(row.what))

    def _leave(self) -> None:
        self._note.leave()
        self._commands.drafting.leave_send()

    def _send(self) -> None:
        self._commands.drafting.send_draft(self._note.toPlainText())

    def _ask_discard(self, ask: bool) -> None:
        self._sure.setVisible(ask)
        if ask:
            self._scroll.verticalScrollBar().setValue(0)
            self._sure.no.setFocus()

    def _discarded(self, yes: bool) -> None:
        self._ask_discard(False)
        if yes and self._compose is not None:
            self._commands.drafting.discard_draft(self._compose.draft)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self._back)
        head.addWidget(self._title, 1)
        head.addWidget(self._discard)
        self._scroll = ScrollColumn(margin=12)
        self._with = Text(self.tr("What goes with it"), "heading")
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(12)
        ways = QGridLayout()
        ways.setSpacing(8)
        for place, button in enumerate((self._photo, self._files, self._readings, self._clip, self._voice)):
            ways.addWidget(button, place // 2, place % 2)
        for part in (self._about, label_of(self._note, self.tr("Your message to the clinic")), self._note):
            body.addWidget(part)
        body.addWidget(self._with)
        body.addWidget(self._rows)
        body.addWidget(Text(self.tr("Add to it"), "heading"))
        body.addLayout(ways)
        body.addWidget(self._forms)
        body.addWidget(self._urgent)
        body.addWidget(
            Text(
                self.tr("In an emergency do not wait for an answer here: call the emergency number."),
                "quiet",
            )
        )
        for whole in (self._sure, self._purposes, self._body):
            self._scroll.column.addWidget(whole)
        self._scroll.column.addStretch(1)
        self._sure.hide()
        self._foot = QWidget()
        foot = QVBoxLayout(self._foot)
        foot.setContentsMargins(12, 0, 12, 0)
        foot.setSpacing(6)
        foot.addWidget(self._says)
        send = QHBoxLayout()
        send.setSpacing(14)
        send.addWidget(self._weighs, 1)
        send.addWidget(self._go, 1)
        foot.addLayout(send)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 12, 16, 14)
        outer.setSpacing(8)
        outer.addLayout(head)
        outer.addWidget(self._scroll, 1)
        outer.addWidget(self._foot)
