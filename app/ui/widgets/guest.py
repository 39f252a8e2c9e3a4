"""A guest on the screen: the picture with who it is said to be, and the provider's card to invite and dismiss one."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget

from app.media.slot import FrameSlot
from app.presenters.views import GuestCommands, GuestView, PictureState
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.fields import ChoiceBox, InvitationText, labelled
from app.ui.widgets.layout import ground
from app.ui.widgets.picture import PictureWidget
from app.ui.widgets.text import SentenceLine, Text
from app.ui.words import picture_age
from app.wire.guests import GuestRole

_LONGEST_NAME = 60


class GuestPicture(QWidget):
    """The guest's picture over a caption that never goes away while it shows: nobody has verified who that is."""

    def __init__(self, slot: FrameSlot) -> None:
        super().__init__()
        ground(self, "self")
        self.picture = PictureWidget(slot, names.VISIT_GUEST_PICTURE, rounded=8)
        self.caption = Text(role="stage-small", name=names.VISIT_GUEST_TITLE)
        self.caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(3)
        column.addWidget(self.picture, 1)
        column.addWidget(self.caption, 0)
        self.hide()

    def draw(self, guest: GuestView | None) -> None:
        """The last picture stays, with its age, while the connection is away."""
        shown = guest is not None and (guest.connected or guest.picture is not PictureState.NONE)
        if guest is not None:
            frozen = guest.picture is PictureState.FROZEN
            self.caption.say(f"{guest.title}\n{picture_age(guest.picture_age_s)}" if frozen else guest.title)
            self.picture.setAccessibleName(self.tr("Picture of {name}").format(name=guest.title))
            self.picture.blank(guest.picture is PictureState.NONE)
        self.setVisible(shown)


class GuestCard(QWidget):
    """For the provider: who is to come, the link to hand over, how the guest stands."""

    def __init__(self, commands: GuestCommands) -> None:
        super().__init__()
        self._commands = commands
        self._title = Text(self.tr("A guest in this visit"), "heading")
        self._role = ChoiceBox(names.GUEST_ROLE)
        for words, role in (
            (self.tr("Interpreter"), GuestRole.INTERPRETER),
            (self.tr("Caregiver"), GuestRole.CAREGIVER),
            (self.tr("Another guest"), GuestRole.GUEST),
        ):
            self._role.add(words, role.value)
        self._role.setCurrentIndex(0)
        self._name = QLineEdit()
        self._name.setObjectName(names.GUEST_NAME)
        self._name.setMaxLength(_LONGEST_NAME)
        self._invite = ActionButton(names.GUEST_INVITE, self.tr("Invite a guest"), "invite", Kind.SECONDARY)
        self._says = SentenceLine(names.GUEST_SAYS)
        self._link = InvitationText(names.GUEST_LINK)
        self._link.setAccessibleName(self.tr("The guest's link"))
        self._copy = ActionButton(names.GUEST_COPY, self.tr("Copy the link"), "copy", Kind.SECONDARY)
        self._dismiss = ActionButton(names.GUEST_DISMISS, self.tr("Take the link back"), "hang-up", Kind.SECONDARY)
        self._invite.on_press(self._send)
        self._name.returnPressed.connect(self._send)
        self._copy.on_press(lambda: QApplication.clipboard().setText(self._link.words()))
        self._dismiss.on_press(commands.dismiss_guest)
        self._ask = QWidget()
        asks = QVBoxLayout(self._ask)
        asks.setContentsMargins(0, 0, 0, 0)
        asks.addLayout(labelled(self.tr("The guest is"), self._role))
        asks.addLayout(labelled(self.tr("Name"), self._name))
        asks.addWidget(self._invite)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self._title, self._ask, self._says, self._link, self._copy, self._dismiss):
            column.addWidget(widget)
        self.draw(None)

    def draw(self, guest: GuestView | None) -> None:
        self._ask.setVisible(guest is None)
        self._says.say(None if guest is None else guest.says)
        link = "" if guest is None else guest.link
        self._link.say(link)
        for widget in (self._link, self._copy):
            widget.setVisible(bool(link))
        self._dismiss.setVisible(guest is not None)
        self._dismiss.set_label(self.tr("Take the link back") if link else self.tr("End for the guest"))
        if guest is not None:
            self._name.clear()

    def _send(self) -> None:
        self._commands.invite_guest(self._role.currentData(), self._name.text())
