"""The visit: the other person, what the connection does in words, and the few things to press."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.media.events import View
from app.media.levels import Levels
from app.media.slot import FrameSlot
from app.presenters.views import (
    GuestCommands,
    Level,
    PatientView,
    PictureState,
    ProviderView,
    Sentence,
    VisitCommands,
    VisitPhase,
    VisitView,
    WordsView,
)
from app.ui import names
from app.ui.pages.files import ask_for_files
from app.ui.pages.sound import meter_words
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.closer_patient import CloserAnswers, CloserPatient
from app.ui.widgets.closer_provider import CloserAsks, CloserProvider
from app.ui.widgets.guest import GuestCard, GuestPicture
from app.ui.widgets.layout import FlowRow, ground
from app.ui.widgets.lost_card import LostCard
from app.ui.widgets.meter import LevelMeter
from app.ui.widgets.stage import Stage
from app.ui.widgets.text import SentenceLine, Text
from app.ui.widgets.view_choice import ViewChoice
from app.ui.widgets.visit_side import VisitSide
from app.ui.widgets.words_panel import WordsPanel
from app.ui.words import picture_age

_TALKING = (VisitPhase.CONNECTING, VisitPhase.LIVE, VisitPhase.RECONNECTING)

_ROOM_FOR_PANEL, _ROOM_FOR_WORDS, _ROOM_FOR_BOTH = 760, 900, 1_120  # px
_ROOM_FOR_CARD, _ROOM_FOR_CARD_ASIDE = 560, 680  # px
_WORDS_WIDE = 344  # px


class VisitPage(QWidget):
    """`photo` and `files`: the patient's commands to send something; None for a provider. `timeline`: show what
    happened. `levels`: how loud the microphone is, shown beside its button. `guest`: a guest's pictures; `guests`: the
    provider's commands about one. `asks` and `answers`: looking closer, as the provider or as the patient. `wish`: the
    provider's command for what the pictures should be made for. `inbox`: the provider's way to what patients sent."""

    def __init__(
        self,
        commands: VisitCommands,
        remote: FrameSlot,
        mine: FrameSlot,
        *,
        photo: Callable[[], None] | None = None,
        files: Callable[[list[Path]], None] | None = None,
        timeline: bool = False,
        levels: Levels,
        guest: FrameSlot | None = None,
        guests: GuestCommands | None = None,
        asks: CloserAsks | None = None,
        answers: CloserAnswers | None = None,
        wish: Callable[[View], None] | None = None,
        inbox: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        ground(self, "dark")
        self.setObjectName("visit")
        self._commands = commands
        self._visit: VisitView | None = None
        self._with = Text(role="stage-title", name=names.VISIT_WITH)
        self._link = SentenceLine(names.VISIT_LINK, on_stage=True)
        self._other = SentenceLine(names.VISIT_OTHER, on_stage=True)
        self._wished = SentenceLine(names.VISIT_WISHED, on_stage=True)
        self._guest = SentenceLine(names.VISIT_GUEST, on_stage=True)
        self._guest_picture = GuestPicture(guest or FrameSlot())
        guest_card = GuestCard(guests) if guests is not None else None
        self._side = VisitSide(guest_card, lambda: self._open_guest(False)) if timeline else None
        self._stage = Stage(remote, mine)
        self._stage.set_guest(self._guest_picture, self._guest_picture.caption)
        self._choice = ViewChoice(wish) if wish is not None else None
        if self._choice is not None:
            self._stage.set_choice(self._choice)
        self._lost = LostCard(photo)
        self._stage.set_over(self._lost)
        self._closer: CloserProvider | CloserPatient | None = None
        if asks is not None:
            self._closer = CloserProvider(self._stage, asks)
        elif answers is not None:
            self._closer = CloserPatient(self._stage, mine, answers)
        self._mute = ActionButton(names.VISIT_MUTE, self.tr("Mute"), "microphone", Kind.STAGE, upright=True)
        self._camera = ActionButton(names.VISIT_CAMERA, self.tr("Stop camera"), "camera", Kind.STAGE, upright=True)
        self._level = LevelMeter(
            levels, "microphone", names.VISIT_LEVEL, meter_words(self, "microphone"), blocks=6, upright=True
        )
        self._speech = ActionButton(
            names.VISIT_SPEECH_ALONE, self.tr("Speech alone"), "speech", Kind.STAGE, upright=True
        )
        self._sound = ActionButton(names.VISIT_SOUND, self.tr("Sound and camera"), "sliders", Kind.STAGE)
        self._photo = ActionButton(names.VISIT_PHOTO, self.tr("Photo"), "photo", Kind.STAGE, upright=True)
        self._file = ActionButton(names.VISIT_FILE, self.tr("Send a file"), "file", Kind.STAGE, upright=True)
        self._write = ActionButton(names.VISIT_WORDS, self.tr("Write"), "words", Kind.STAGE)
        self._words = WordsPanel(commands.say_words, lambda: self._open_words(False))
        self._words.hide()
        self._words_closed = False  # by the person, in this visit: it does not come up by itself again
        self._inbox = ActionButton(names.VISIT_INBOX, self.tr("Sent by patients"), "", Kind.STAGE)
        self._guests = ActionButton(names.VISIT_TO_GUEST, self.tr("Guest"), "person", Kind.STAGE)
        self._guest_open = False  # by the person: where there is not room for all, the guest goes before the words
        self._hangup = ActionButton(names.VISIT_HANGUP, self.tr("Hang up"), "hang-up", Kind.DANGER, upright=True)
        self._mute.on_press(self._switch_microphone)
        self._camera.on_press(self._switch_camera)
        self._speech.on_press(self._switch_speech)
        self._write.on_press(lambda: self._open_words(self._words.isHidden()))
        self._sound.on_press(commands.open_sound)
        self._stage.placeholder.try_sound.on_press(commands.open_sound)
        self._hangup.on_press(commands.hang_up)
        if photo is not None:
            self._photo.on_press(photo)
        if files is not None:
            self._file.on_press(partial(self._choose, files))
        if inbox is not None:
            self._inbox.on_press(inbox)
        self._inbox.setVisible(inbox is not None)
        self._guests.on_press(lambda: self._open_guest(True))
        self._lay_out([b for b, used in ((self._photo, photo), (self._file, files)) if used])

    def show_view(self, view: PatientView | ProviderView) -> None:
        visit = view.visit
        if isinstance(view, ProviderView):
            new = sum(not row.opened for row in view.inbox)
            self._inbox.set_label(
                self.tr("Sent by patients ({n})").format(n=new) if new else self.tr("Sent by patients")
            )
        if visit is None or visit == self._visit:
            return
        if self._visit is None or self._visit.visit_id != visit.visit_id:
            self._words_closed = self._guest_open = False
            self._words.begin()
            self._words.hide()
        self._draw(visit)

    def _draw(self, visit: VisitView) -> None:
        self._visit = visit
        self._draw_words(visit)
        self._with.say(visit.with_name)
        self._link.say(visit.link)
        self._other.say(visit.other)
        self._wished.say(visit.wished)
        self._draw_controls(visit)
        self._draw_stage(visit)
        self._draw_guest(visit)
        if self._closer is not None:
            self._closer.draw(visit)
        if self._side is not None:
            self._side.draw(visit)
        self._share_out()

    def put_away(self, view: PatientView | ProviderView) -> None:
        """Another page is shown: what was written leaves the widgets with the visit."""
        if view.visit is None and self._visit is not None:
            self._words.begin()
            self._draw(_without_words(self._visit))
            self._visit = None

    def first_focus(self) -> QWidget:
        """The page itself: a stray press of the space bar must neither mute nor hang up."""
        return self

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window what happened gives way to what is happening."""
        super().resizeEvent(event)
        self._share_out()

    def _share_out(self) -> None:
        """Written words stand beside the picture, in a narrow window in its place; what happened gives way to them,
        and with it the guest, who is a press away."""
        wide, writing = self.width() >= _ROOM_FOR_WORDS, not self._words.isHidden()
        self._lost.spare(self.height() < (_ROOM_FOR_CARD_ASIDE if writing else _ROOM_FOR_CARD))
        self._words.setMinimumWidth(_WORDS_WIDE if wide else 0)
        self._words.setMaximumWidth(_WORDS_WIDE if wide else self.width())
        fits = self.width() >= (_ROOM_FOR_BOTH if writing else _ROOM_FOR_PANEL)
        instead = self._guest_open and not fits and self._side is not None
        self._left.setVisible(not instead and (wide or not writing))
        if self._side is not None:
            self._side.setVisible(fits or instead)
            self._side.stand_alone(instead)
            self._guests.setVisible(self._side.guest is not None and not fits)

    def _open_words(self, on: bool) -> None:
        self._words.setVisible(on)
        self._words_closed = not on
        if on:
            self._guest_open = False
            self._words.read()
            self._words.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self._share_out()
        self._draw_unread()

    def _open_guest(self, on: bool) -> None:
        """Words come up again by themselves when the person is done with the guest."""
        self._guest_open = on
        if on:
            self._words.hide()
        self._share_out()
        self._draw_unread()
        if on and self._side is not None:
            self._side.first_focus().setFocus(Qt.FocusReason.OtherFocusReason)

    def _draw_words(self, visit: VisitView) -> None:
        """What the other person writes comes up by itself, where it covers nothing and nobody has closed it."""
        new = self._words.show_words(visit.words, visit.with_name)
        free = not self._words_closed and not self._guest_open
        if new and free and self.window().width() >= _ROOM_FOR_WORDS:
            self._words.show()
            self._words.read()
            self._share_out()
        self._draw_unread()

    def _draw_unread(self) -> None:
        unread = self._words.unread
        self._write.set_label(self.tr("{n} new").format(n=unread) if unread else self.tr("Write"))
        self._write.set_look("words", Kind.STAGE_OFF if unread else Kind.STAGE)

    def _draw_controls(self, visit: VisitView) -> None:
        on = visit.microphone_on
        self._mute.set_label(self.tr("Mute") if on else self.tr("Unmute"))
        self._mute.set_look("microphone" if on else "microphone-off", Kind.STAGE if on else Kind.STAGE_OFF)
        self._level.switch_off(not on)
        sending = visit.camera_on and visit.camera_present
        self._camera.set_label(self._camera_label(visit))
        self._camera.set_look("camera" if sending else "camera-off", Kind.STAGE if sending else Kind.STAGE_OFF)
        alone = visit.speech_alone
        self._speech.set_label(self.tr("Pictures again") if alone else self.tr("Speech alone"))
        self._speech.set_look("pictures" if alone else "speech", Kind.STAGE_OFF if alone else Kind.STAGE)
        over = visit.phase is VisitPhase.ENDED
        self._camera.setEnabled(visit.camera_present and not over)
        for button in (self._mute, self._speech, self._sound):
            button.setEnabled(not over)
        self._hangup.set_label(self.tr("Hang up") if visit.phase in _TALKING else self.tr("Leave"))

    def _camera_label(self, visit: VisitView) -> str:
        if not visit.camera_present:
            return self.tr("No camera")
        if visit.pictures_off:  # what the camera will do when the pictures come back
            return self.tr("Keep camera off") if visit.camera_on else self.tr("Allow camera")
        return self.tr("Stop camera") if visit.camera_on else self.tr("Start camera")

    def _draw_stage(self, visit: VisitView) -> None:
        stage = self._stage
        showing = visit.picture is not PictureState.NONE and visit.phase is not VisitPhase.ENDED
        lost = visit.phase is VisitPhase.LOST
        stage.remote.blank(not showing)
        stage.remote.setAccessibleName(self.tr("Picture of {name}").format(name=visit.with_name))
        stage.placeholder.setVisible(not showing and not lost)
        stage.placeholder.say(*self._placeholder(visit), visit.stage.text if visit.stage is not None else "")
        stage.placeholder.try_sound.setVisible(visit.phase is VisitPhase.WAITING)
        stage.mine.show_state(
            microphone_on=visit.microphone_on,
            camera_on=visit.camera_on,
            camera_present=visit.camera_present,
            pictures_off=visit.pictures_off,
        )
        stage.mine.setVisible(visit.phase is not VisitPhase.ENDED and not lost)
        self._lost.draw(visit)
        self._lost.setVisible(lost)
        if self._choice is not None:
            self._choice.draw(visit.wish)
            stage.show_choice(showing and not lost)
        frozen = showing and visit.picture is PictureState.FROZEN
        stage.show_age(picture_age(max(visit.picture_age_s, 0)) if frozen else "")

    def _draw_guest(self, visit: VisitView) -> None:
        self._guest.say(None if visit.guest is None else visit.guest.says)
        self._guest_picture.draw(visit.guest)
        self._stage.show_guest_large(visit.picture is PictureState.NONE)
        self._guests.set_look("person", Kind.STAGE if visit.guest is None else Kind.STAGE_OFF)

    def _placeholder(self, visit: VisitView) -> tuple[str, str, str]:
        name = visit.with_name
        waiting = self.tr("The visit starts as soon as you are both here.")
        live = self.tr("Speech alone") if visit.pictures_off else self.tr("No picture just now")
        return {
            VisitPhase.WAITING: ("waiting", self.tr("Waiting for {name}").format(name=name), waiting),
            VisitPhase.CONNECTING: ("person", self.tr("Connecting to {name}").format(name=name), ""),
            VisitPhase.LIVE: ("speech", live, ""),
            VisitPhase.RECONNECTING: ("again", self.tr("Connecting again"), ""),
            VisitPhase.LOST: ("warn", "", ""),
            VisitPhase.ENDED: ("good", self.tr("The visit has ended"), ""),
        }[visit.phase]

    def _choose(self, files: Callable[[list[Path]], None]) -> None:
        ask_for_files(self, files)

    def _switch_microphone(self) -> None:
        if self._visit is not None:
            self._commands.set_microphone(not self._visit.microphone_on)

    def _switch_camera(self) -> None:
        if self._visit is not None:
            self._commands.set_camera(not self._visit.camera_on)

    def _switch_speech(self) -> None:
        if self._visit is not None:
            self._commands.set_speech_alone(not self._visit.speech_alone)

    def _lay_out(self, ways: Sequence[QWidget]) -> None:
        says = QVBoxLayout()
        says.setSpacing(4)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._with, 1)
        for button in (self._inbox, self._guests, self._write, self._sound):
            head.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        says.addLayout(head)
        says.addWidget(self._link)
        says.addWidget(self._other)
        says.addWidget(self._wished)
        says.addWidget(self._guest)
        mute = QWidget()
        beside = QHBoxLayout(mute)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(5)
        beside.addWidget(self._mute)
        beside.addWidget(self._level)
        controls = FlowRow(6)
        look = (self._closer.look, self._closer.film) if isinstance(self._closer, CloserProvider) else ()
        for control in (mute, self._camera, self._speech, *look, *ways, self._hangup):
            controls.add(control)
        self._left = QWidget()
        left = QVBoxLayout(self._left)
        left.setContentsMargins(16, 12, 16, 10)
        left.setSpacing(10)
        left.addLayout(says)
        left.addWidget(self._closer or self._stage, 1)
        left.addWidget(controls)
        sides = QHBoxLayout(self)
        sides.setContentsMargins(0, 0, 0, 0)
        sides.setSpacing(0)
        sides.addWidget(self._left, 1)
        sides.addWidget(self._words)
        if self._side is not None:
            sides.addWidget(self._side)
        else:
            self._guests.hide()


def _without_words(visit: VisitView) -> VisitView:
    """A visit that is over, with nothing of a person in it."""
    nothing = Sentence("", Level.NOTE)
    return replace(
        visit, with_name="", phase=VisitPhase.ENDED, link=nothing, other=None, picture=PictureState.NONE, timeline=(),
        figures="", closer=None, stage=None, words=WordsView(), guest=None, wished=None, clinic_phone="",
    )  # fmt: skip
