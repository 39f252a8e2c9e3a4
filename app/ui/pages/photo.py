"""Taking a photo: look, press, hold still, see it, then use it or take it again. Photos from files come here too."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from app.media.slot import FrameSlot
from app.presenters.views import PatientCommands, PatientView, PhotoPhase, PhotoSize, PhotoView
from app.ui import names, sending_names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.compose_rows import choose_one, on_click
from app.ui.widgets.form_choices import ManyRow, OneRow
from app.ui.widgets.layout import ground
from app.ui.widgets.picture import PictureWidget
from app.ui.widgets.still import StillView
from app.ui.widgets.text import Text

_SIDE = 240  # px


class PhotoPage(QWidget):
    def __init__(self, commands: PatientCommands, mine: FrameSlot) -> None:
        super().__init__()
        ground(self, "dark")
        self.setObjectName("photo")
        self._heading = Text(role="stage-title")
        self._hint = Text(role="stage", name=names.PHOTO_HINT)
        self._saved = Text(role="stage", name=sending_names.PHOTO_SAVED)
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
        self._choose = commands.choose_size
        self._sizes: dict[int, OneRow] = {}
        self._card = ManyRow(
            sending_names.PHOTO_CARD, self.tr("A bank card lies beside it, so that the clinic can measure")
        )
        on_click(self._card, commands.use_card)
        self._lay_out()

    def show_view(self, view: PatientView) -> None:
        photo = view.photo
        if photo is None:
            self._review.show_bytes(b"")
            self._phase = None
            return
        looking = photo.phase in (PhotoPhase.PREVIEW, PhotoPhase.TAKING)
        reviewed = photo.phase in (PhotoPhase.REVIEW, PhotoPhase.SAVING)
        self._pictures.setCurrentWidget(self._preview if looking else self._review)
        self._review.show_bytes(b"" if looking else photo.jpeg)
        self._heading.say(self._title(photo))
        self._saved.say(self._safe(photo))
        self._saved.setVisible(bool(self._saved.words()))
        self._hint.say(photo.hint)
        self._hint.setVisible(bool(photo.hint))
        self._shutter.setVisible(photo.phase is PhotoPhase.PREVIEW)
        self._card.setVisible(photo.card is not None)
        self._card.setChecked(bool(photo.card))
        self._draw_sizes(photo.sizes)
        self._side.setVisible(bool(photo.sizes) or photo.sizing)
        self._sizing.setVisible(not photo.sizes)
        several = photo.files > 1
        self._keep.set_label(
            self.tr("Use these {n} photos").format(n=photo.files) if several else self.tr("Use this photo")
        )
        self._keep.setVisible(reviewed)
        self._retake.setVisible(reviewed and not photo.files)
        for button in (self._keep, self._retake, self._cancel):
            button.setEnabled(photo.phase is not PhotoPhase.SAVING)
        if photo.phase is not self._phase:
            self._phase = photo.phase
            if self.isVisible():
                self.first_focus().setFocus()

    def first_focus(self) -> QWidget:
        if self._phase in (PhotoPhase.TAKING, PhotoPhase.OPENING):
            return self  # a second press of the key must not cancel
        return self._keep if self._phase is PhotoPhase.REVIEW else self._shutter

    def _draw_sizes(self, sizes: tuple[PhotoSize, ...]) -> None:
        if [size.side for size in sizes] != list(self._sizes):
            for row in self._sizes.values():
                self._size_rows.removeWidget(row)
                row.hide()
                row.deleteLater()
            self._sizes = {}
            for size in sizes:
                row = self._sizes[size.side] = OneRow(
                    sending_names.photo_size(size.side), f"{size.label}\n{size.detail}"
                )
                on_click(row, partial(self._chosen, size.side))
                self._size_rows.addWidget(row)
        choose_one((self._sizes[size.side], size.chosen) for size in sizes)

    def _chosen(self, side: int, _checked: bool) -> None:
        self._choose(side)

    def _title(self, photo: PhotoView) -> str:
        if photo.files and photo.phase is PhotoPhase.REVIEW:
            several = self.tr("How fine shall these {n} photos be? You see the first of them.")
            return several.format(n=photo.files) if photo.files > 1 else self.tr("How fine shall this photo be?")
        return {
            PhotoPhase.PREVIEW: self.tr("Hold it steady, in good light"),
            PhotoPhase.TAKING: self.tr("Hold still… the camera takes a sharp photo"),
            PhotoPhase.OPENING: " ".join(filter(None, (self.tr("Opening your photos…"), photo.progress))),
            PhotoPhase.REVIEW: self.tr("Is the photo good?"),
            PhotoPhase.SAVING: self.tr("Saving…"),
        }[photo.phase]

    def _safe(self, photo: PhotoView) -> str:
        if photo.phase is not PhotoPhase.REVIEW or photo.files or not photo.saved:
            return ""
        return self.tr("Saved: it is locked on this computer. Nothing is sent yet.")

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
        self._side = QWidget()
        self._side.setFixedWidth(_SIDE)
        self._side.hide()
        side = QVBoxLayout(self._side)
        side.setContentsMargins(0, 0, 0, 0)
        side.addWidget(Text(self.tr("How fine?"), "stage-title"))
        self._size_rows = QVBoxLayout()
        self._size_rows.setSpacing(8)
        side.addLayout(self._size_rows)
        self._sizing = Text(self.tr("One moment: the sizes are being worked out."), "stage")
        side.addWidget(self._sizing)
        side.addStretch(1)
        middle = QHBoxLayout()
        middle.setSpacing(14)
        middle.addLayout(self._pictures, 1)
        middle.addWidget(self._side)
        column.addLayout(middle, 1)
        column.addWidget(self._card)
        column.addWidget(self._hint)
        column.addWidget(self._saved)
        column.addLayout(buttons)
