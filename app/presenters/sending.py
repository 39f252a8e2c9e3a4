"""All of sending, for the patient's presenter: drafts, forms, readings, recordings, and what was sent."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from app.media.events import DeviceChanged
from app.offline.draft import DraftGone
from app.offline.purposes import Purpose, Quick
from app.offline.worker import OutboxWorker
from app.presenters.answering import Answering
from app.presenters.devices import Chosen
from app.presenters.drafting import Drafting
from app.presenters.items import Items
from app.presenters.measuring import Measuring
from app.presenters.photo_shot import Kept, Photo, SealedPhoto, chosen_copy
from app.presenters.quick import QuickPhotos
from app.presenters.recording import Recording
from app.presenters.sending_around import RecorderMaker, SendingAround
from app.presenters.sending_views import ComposeView, SendingView
from app.presenters.sending_words import purposes
from app.presenters.views import ItemView, Page


class SendingDesk:
    """Made with the presenter; opened once the device is enrolled."""

    def __init__(
        self,
        around: SendingAround,
        make: RecorderMaker | None,
        chosen: Callable[[], Chosen],
        device: Callable[[DeviceChanged], None],
    ) -> None:
        self._around = around
        self.drafting = Drafting(around)
        self.answering = Answering(around, self.drafting)
        self.measuring = Measuring(around, self.drafting)
        self.recording = Recording(around, self.drafting, make, chosen, device)
        self.recording.answer = self.answering.keep_recording
        if make is not None:
            self.answering.record = lambda film: self.recording.open(film, Page.FORM)
        self.items = Items(around, self.drafting)
        self.quick = QuickPhotos(around, self.drafting)
        self.drafting.about_of = self.items.about
        self._opened = False

    async def open(self, worker: OutboxWorker) -> None:
        await self.drafting.open()
        await self.answering.open()
        await self.items.open(worker)
        await self.quick.open()
        self._opened = True

    async def refresh(self) -> None:
        """The connection stands: answers first, then the forms. Raises NetError."""
        await self.items.fetch()
        await self.answering.refresh()

    def close(self) -> None:
        self.answering.close()

    def view(self) -> SendingView:
        if not self._opened:
            return SendingView()
        page = self._around.page()
        return SendingView(
            drafts=self.drafting.rows() if page is Page.HOME else (),
            purposes=purposes() if page is Page.SEND else (),
            compose=self._compose() if page is Page.SEND else None,
            form=self.answering.view(),
            reading=self.measuring.view(),
            record=self.recording.view(),
            sent=self.items.view(),
            choices=self.items.choices() if page in (Page.HOME, Page.CHOICES) else None,
        )

    def _compose(self) -> ComposeView | None:
        shown, draft = self.drafting.view(), self.drafting.draft
        if shown is None or draft is None:
            return None
        return replace(self.answering.added(shown, draft), can_record=self.recording.can_record)

    def items_shown(self) -> tuple[ItemView, ...]:
        """What was saved or sent, the newest first."""
        shown = self.items.rows()
        self.quick.settle({row.submission_id for row in shown})
        return (*self.quick.rows(), *shown)

    # The photo page

    @property
    def wants_photo(self) -> bool:
        """A photo that is taken now is for the draft."""
        return self.drafting.draft is not None

    @property
    def can_measure(self) -> bool:
        return self.drafting.draft is not None and self.drafting.draft.purpose is Purpose.WOUND_CHECK

    @property
    def page_after_photo(self) -> Page:
        return Page.FORM if self.answering.filling else Page.SEND

    async def photo_taken(self, jpeg: bytes) -> SealedPhoto | None:
        """At the shutter: a part of the draft on the page."""
        return await self.drafting.take(jpeg)

    async def photo_dropped(self, sealed: SealedPhoto) -> None:
        """One taken at one touch goes with its draft, one in a draft goes alone; what it was a part of may be gone."""
        with contextlib.suppress(DraftGone):
            draft = await self.drafting.book.draft(sealed.draft)
            if isinstance(draft.purpose, Quick):
                await self.drafting.book.discard(sealed.draft)
            else:
                await self.drafting.change(self.drafting.book.remove_part(sealed.draft, sealed.blob))

    async def photo_done(self, photo: Photo | None, sealed: SealedPhoto | None) -> bool:
        """What was taken is used, or photos from files come into the draft; None: the person thought better. False:
        refused, which is said."""
        if photo is not None and photo.picks:
            chosen = photo.chosen(self._around.rate())
            return await self.drafting.add_picks(photo.picks, chosen.side if chosen is not None else 0)
        kept = None
        if photo is not None and sealed is not None:
            kept = Kept(sealed, *chosen_copy(photo, self._around.rate()), note=photo.note)
        if self.answering.wants_photo:
            return await self.answering.keep_photo(kept)
        return kept is None or await self.drafting.keep_photo(kept) is not None
