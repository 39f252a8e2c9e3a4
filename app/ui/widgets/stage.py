"""The stage of a visit: the other person large, oneself small, and what stands there when there is no picture."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.media.slot import FrameSlot
from app.ui import names
from app.ui.style import STAGE_QUIET, Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.icons import icon
from app.ui.widgets.layout import ground
from app.ui.widgets.picture import PictureWidget
from app.ui.widgets.text import Text, announce
from app.ui.widgets.view_choice import ViewChoice

_EDGE = 12
_SIGN = 88
_ROOM_FOR_SIGN, _ROOM_FOR_MORE, _ROOM_FOR_TITLE = 280, 200, 110  # px


class SelfView(QWidget):
    """One's own picture, as in a looking-glass, with a caption that says what of oneself goes out."""

    def __init__(self, mine: FrameSlot) -> None:
        super().__init__()
        ground(self, "self")
        self.picture = PictureWidget(mine, names.VISIT_SELF, mirror=True, rounded=8)
        self.picture.setAccessibleName(self.tr("Your own picture"))
        self.caption = Text(role="stage-small", name=names.VISIT_SELF_STATE)
        self.caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(3)
        column.addWidget(self.picture, 1)
        column.addWidget(self.caption, 0)

    def show_state(self, *, microphone_on: bool, camera_on: bool, camera_present: bool, pictures_off: bool) -> None:
        seen = camera_on and camera_present and not pictures_off
        self.picture.setVisible(seen)
        if not camera_present:
            words = self.tr("No camera")
        elif pictures_off:
            words = self.tr("Your picture is off")
        else:
            words = self.tr("You") if camera_on else self.tr("Your camera is off")
        if not microphone_on:
            words = self.tr("You are muted") if seen else self.tr("{camera}. You are muted").format(camera=words)
        self.caption.say(words)


class Placeholder(QWidget):
    """A sign and words in the middle of the stage, and a sentence of the presenter's; while waiting, a thing to do."""

    def __init__(self) -> None:
        super().__init__()
        self._sign = QLabel()
        self._sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = Text(role="stage-title", name=names.VISIT_PHASE)
        self._more = Text(role="stage-quiet")
        self._says = Text(role="stage", name=names.VISIT_STAGE)
        self.try_sound = ActionButton(
            names.VISIT_TRY_SOUND, self.tr("Try your microphone and loudspeaker"), "ear", Kind.STAGE
        )
        column = QVBoxLayout(self)
        column.setSpacing(7)
        column.addStretch(1)
        column.addWidget(self._sign)
        for widget in (self._title, self._more, self._says):
            widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(widget)
        self.try_sound.setMaximumWidth(460)
        column.addWidget(self.try_sound)
        column.addStretch(1)

    def say(self, sign: str, title: str, more: str = "", says: str = "") -> None:
        """`says` is the presenter's sentence; a screen reader speaks it when it is new."""
        self._sign.setPixmap(icon(sign, STAGE_QUIET, _SIGN, self.devicePixelRatioF()))
        self._title.say(title)
        self._more.say(more)
        new = says != self._says.words()
        self._says.say(says)
        self._says.setVisible(bool(says))
        self._fit()
        if new:
            announce(self._says, says)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room the words go before the sign."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self._sign.setVisible(self.height() > _ROOM_FOR_SIGN)
        self._more.setVisible(bool(self._more.words()) and self.height() > _ROOM_FOR_MORE)
        # In the least of room the sentence alone, which says more.
        self._title.setVisible(not self._says.words() or self.height() > _ROOM_FOR_TITLE)


class Stage(QWidget):
    """Lays the pictures: remote over all, self in the lower corner, the age of a frozen picture above."""

    def __init__(self, remote: FrameSlot, mine: FrameSlot) -> None:
        super().__init__()
        ground(self, "dark")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.remote = PictureWidget(remote, names.VISIT_REMOTE)
        self.remote.setParent(self)
        self.placeholder = Placeholder()
        self.placeholder.setParent(self)
        self.mine = SelfView(mine)
        self.mine.setParent(self)
        self.age = Text(role="badge", name=names.VISIT_AGE)
        self.age.setParent(self)
        self.age.setWordWrap(False)
        self.age.hide()
        self._over: QWidget | None = None
        self._choice: ViewChoice | None = None
        self._choice_on = False
        self._guest: QWidget | None = None
        self._guest_caption: Text | None = None
        self._guest_large = False

    def set_guest(self, guest: QWidget, caption: Text) -> None:
        """A third picture, in the upper corner, with its caption: shown and hidden by itself."""
        guest.setParent(self)
        guest.stackUnder(self.mine)
        guest.hide()
        self._guest, self._guest_caption = guest, caption

    def show_guest_large(self, on: bool) -> None:
        """Over the whole stage, where the other person has no picture."""
        self._guest_large = on
        self.arrange()

    def set_choice(self, choice: ViewChoice) -> None:
        """In the lower corner, beside oneself: shown and hidden by :meth:`show_choice`; never over the guest, whose
        caption says that nobody has verified who it is."""
        choice.setParent(self)
        choice.hide()
        self._choice = choice

    def show_choice(self, on: bool) -> None:
        if self._choice is not None:
            self._choice_on = on
            self.arrange()

    def set_over(self, over: QWidget) -> None:
        """A card that lies over the middle when it is visible (the way on when the link is lost)."""
        over.setParent(self)
        over.hide()
        self._over = over

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 200)

    def show_age(self, words: str) -> None:
        """The badge over a frozen picture; an empty text hides it."""
        self.age.say(words)
        self.age.setVisible(bool(words))
        self.arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()

    def _guest_corner(self, whole: QRect, across: int) -> QRect:
        """Where there is little height the picture gives way, not the words, which then have wider lines."""
        room = whole.height() - 2 * _EDGE
        for wide in (across, across * 3 // 2):
            words = self._guest_caption.heightForWidth(wide - 8) if self._guest_caption is not None else 0
            tall = across * 3 // 4 + words + 11
            if tall <= room:
                break
        return QRect(whole.right() - wide - _EDGE, _EDGE, wide, min(tall, room))

    def arrange(self) -> None:
        """Puts everything in its place; to be called when something was shown, hidden or has new words."""
        whole = self.rect()
        self.remote.setGeometry(whole)
        across = min(max(whole.width() // 4, 150), 300)
        caption = self.mine.caption.heightForWidth(across - 8)
        picture = across * 3 // 4 + 3 if self.mine.picture.isVisibleTo(self) else 6
        high = picture + caption + 8
        self.mine.setGeometry(whole.right() - across - _EDGE, whole.bottom() - high - _EDGE, across, high)
        beside = across + 2 * _EDGE if whole.width() > 2 * across + 260 else 0
        # In a narrow stage the words stand above one's own picture, in a wide one beside it.
        above = 0 if beside or not self.mine.isVisibleTo(self) else high + _EDGE
        self.placeholder.setGeometry(QRect(beside, 0, whole.width() - 2 * beside, whole.height() - above))
        if self._choice is not None:
            self._choice.fit(self.mine.x() - 2 * _EDGE)
            self._choice.move(_EDGE, whole.bottom() - self._choice.height() - _EDGE)
        if self._guest is not None:
            corner = self._guest_corner(whole, across)
            if corner.intersects(self.mine.geometry()):
                corner.moveLeft(_EDGE)
            self._guest.setGeometry(whole if self._guest_large else corner)
        if self._choice is not None:
            shown = self._guest if self._guest is not None and not self._guest.isHidden() else None
            covers = (
                shown is not None and not self._guest_large and shown.geometry().intersects(self._choice.geometry())
            )
            self._choice.setVisible(self._choice_on and not covers)
        self.age.adjustSize()
        self.age.move(_EDGE, _EDGE)
        if self._over is not None:
            width = min(whole.width() - 2 * _EDGE, 560)
            height = min(
                max(self._over.heightForWidth(width), self._over.sizeHint().height()), whole.height() - 2 * _EDGE
            )
            self._over.setGeometry((whole.width() - width) // 2, (whole.height() - height) // 2, width, height)
