"""Taking a photo: look, press, see it, then use it or take it again."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from app.media.slot import FrameSlot
from app.presenters.views import PatientCommands, PatientView, PhotoPhase, PhotoView
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.layout import ground
from app.ui.widgets.picture import PictureWidget
from app.ui.widgets.still import StillView
from app.ui.widgets.text import Text


class PhotoPage(QWidget):
    def __init__(self, commands: PatientCommands, mine: FrameSlot) -> None:
        super().__init__()
        ground(self, "dark")
        self.setObjectName("photo")
        self._heading = Text(role="stage-title")
        self._hint = Text(role="stage", name=names.PHOTO_HINT)
        self._preview = PictureWidget(mine, names.PHOTO_PREVIEW)
        self._preview.setAccessibleName(self.tr("What the camera sees"))
        self._review = StillView(names.PHOTO_REVIEW, zoomable=False)
        self._review.setAccessibleName(self.tr("The photo you took"))
        self._shutter = ActionButton(names.PHOTO_SHUTTER, self.tr("Take the photo"), "photo", Kind.PRIMARY, large=True)
        self._keep = ActionButton(names.PHOTO_KEEP, self.tr("Use this photo"), "good", Kind.PRIMARY, large=True)
        self._retake = ActionButton(names.PHOTO_RETAKE, self.tr("Take again"), "again", Kind.STAGE, large=True)
        self._cancel = ActionButton(names.PHOTO_CANCEL, self.tr("Cancel"), "close", Kind.STAGE, large=True)
        self._shutter.on_press(commands.shutter)
        self._keep.on_press(commands.keep_photo)
        self._retake.on_press(commands.retake)
        self._cancel.on_press(commands.cancel_photo)
        self._phase: PhotoPhase | None = None
        self._lay_out()

    def show_view(self, view: PatientView) -> None:
        photo = view.photo
        if photo is None:
            self._review.show_bytes(b"")
            self._phase = None
            return
        looking = photo.phase is PhotoPhase.PREVIEW
        self._pictures.setCurrentWidget(self._preview if looking else self._review)
        self._review.show_bytes(b"" if looking else photo.jpeg)
        self._heading.say(self._title(photo))
        self._hint.say(photo.hint)
        self._hint.setVisible(bool(photo.hint))
        self._shutter.setVisible(looking)
        for button in (self._keep, self._retake):
            button.setVisible(not looking)
        for button in (self._keep, self._retake, self._cancel):
            button.setEnabled(photo.phase is not PhotoPhase.SAVING)
        if photo.phase is not self._phase:
            self._phase = photo.phase
            if self.isVisible():
                self.first_focus().setFocus()

    def first_focus(self) -> QWidget:
        return self._keep if self._phase is PhotoPhase.REVIEW else self._shutter

    def _title(self, photo: PhotoView) -> str:
        return {
            PhotoPhase.PREVIEW: self.tr("Hold it steady, in good light"),
            PhotoPhase.REVIEW: self.tr("Is the photo good?"),
            PhotoPhase.SAVING: self.tr("Saving…"),
        }[photo.phase]

    def _lay_out(self) -> None:
        self._pictures = QStackedLayout()
        self._pictures.addWidget(self._preview)
        self._pictures.addWidget(self._review)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self._shutter, 2)
        buttons.addWidget(self._keep, 2)
        buttons.addWidget(self._retake, 1)
        buttons.addWidget(self._cancel, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 12)
        column.setSpacing(8)
        column.addWidget(self._heading)
        column.addLayout(self._pictures, 1)
        column.addWidget(self._hint)
        column.addLayout(buttons)
