"""The first page of a new device: the clinic's address and the code from the invitation."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QTextCursor, QTextOption
from PySide6.QtWidgets import QFrame, QLineEdit, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from app.presenters.views import CommonCommands, PatientView, ProviderView
from app.ui import names
from app.ui.invitation import find_invitation, group_code
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.layout import Card, ScrollColumn, ground
from app.ui.widgets.text import SentenceLine, Text


class CodeField(QPlainTextEdit):
    """The code, all of it in sight on two lines, set in groups of four. Enter goes on, Tab leaves."""

    entered = Signal()
    pasted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName(names.ENROL_CODE)
        self.setTabChangesFocus(True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setInputMethodHints(Qt.InputMethodHint.ImhNoPredictiveText | Qt.InputMethodHint.ImhPreferUppercase)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.textChanged.connect(self._group_at_end)

    def sizeHint(self) -> QSize:
        self.ensurePolished()
        return QSize(600, 2 * QFontMetrics(self.font()).lineSpacing() + 40)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    def code(self) -> str:
        return group_code(self.toPlainText())

    def set_code(self, code: str) -> None:
        if code != self.toPlainText():
            self.setPlainText(code)
            self.moveCursor(QTextCursor.MoveOperation.End)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.set_code(self.code())
        super().focusOutEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        if source.hasText():
            self.pasted.emit(source.text())

    def _group_at_end(self) -> None:
        """Groups while typing goes on at the end only: in the middle the cursor must not jump."""
        cursor = self.textCursor()
        text = self.toPlainText()
        if cursor.atEnd() and not text.endswith(("-", " ")):
            grouped = group_code(text)
            if grouped != text:
                self.set_code(grouped)


class EnrolPage(QWidget):
    def __init__(self, commands: CommonCommands, *, welcome: str) -> None:
        super().__init__()
        ground(self, "page")
        self._commands = commands
        self._busy = False
        self._address = QLineEdit()
        self._address.setObjectName(names.ENROL_ADDRESS)
        self._address.setInputMethodHints(Qt.InputMethodHint.ImhUrlCharactersOnly)
        self._code = CodeField()
        self._go = ActionButton(names.ENROL_GO, self.tr("Connect to the clinic"), "", Kind.PRIMARY, large=True)
        self._error = SentenceLine(names.ENROL_ERROR)
        self._address.textEdited.connect(self._look_for_invitation)
        self._address.returnPressed.connect(self._address_done)
        self._code.pasted.connect(self._paste_code)
        self._code.entered.connect(self._enrol)
        self._code.textChanged.connect(self._show_button)
        self._address.textChanged.connect(self._show_button)
        self._go.on_press(self._enrol)
        self._lay_out(welcome)
        self._show_button()

    def show_view(self, view: PatientView | ProviderView) -> None:
        self._busy = view.busy
        self._go.set_label(self.tr("Connecting…") if view.busy else self.tr("Connect to the clinic"))
        self._address.setReadOnly(view.busy)
        self._code.setReadOnly(view.busy)
        self._error.say(view.notice)
        self._show_button()

    def first_focus(self) -> QWidget:
        return self._address if not self._address.text() else self._code

    def _lay_out(self, welcome: str) -> None:
        scroll = ScrollColumn(720)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        card = Card(28, 8)
        card.setFrameShape(QFrame.Shape.NoFrame)
        column = scroll.column
        column.addStretch(1)
        column.addWidget(Text(welcome, "title"))
        column.addWidget(
            Text(
                self.tr("Your clinic gave you an invitation with an address and a code. You can paste all of it here.")
            )
        )
        for words, field in ((self.tr("Address of the clinic"), self._address), (self.tr("Code"), self._code)):
            label = Text(words, "strong")
            label.setBuddy(field)
            field.setAccessibleName(words)
            card.body.addWidget(label)
            card.body.addWidget(field)
            card.body.addSpacing(8)
        card.body.addWidget(self._go)
        card.body.addWidget(self._error)
        column.addWidget(card)
        column.addStretch(2)

    def _show_button(self) -> None:
        self._go.setEnabled(not self._busy and bool(self._address.text().strip()) and bool(self._code.code()))

    def _look_for_invitation(self, text: str) -> None:
        found = find_invitation(text)
        if found.code:
            self._address.setText(found.address)
            self._code.set_code(found.code)

    def _paste_code(self, text: str) -> None:
        found = find_invitation(text)
        if found.code:
            self._code.set_code(found.code)
            if found.address:
                self._address.setText(found.address)
        else:
            self._code.insertPlainText(" ".join(text.split())[:200])

    def _address_done(self) -> None:
        self._code.setFocus()

    def _enrol(self) -> None:
        if self._go.isEnabled():
            self._commands.enrol(self._address.text().strip(), self._code.code())
