"""Sample views of the pages of sending, in every state worth a look."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.offline.plan import Metered
from app.presenters.sending_views import (
    AnsweredForm,
    ChoicesView,
    ComposeView,
    DraftRow,
    OfferedForm,
    PartKind,
    PartRow,
    ReadingRow,
    ReadingView,
    RecordPhase,
    RecordView,
    ReplyView,
    SendingView,
    SentView,
)
from app.presenters.sending_words import EXPLAINS, day_words, measures, purposes
from app.presenters.view_basics import Level, Sentence
from app.presenters.views import ItemStage, ItemView, Page, PhotoPhase, PhotoSize, PhotoView
from app.ui.drawn import figure, jpeg
from app.ui.form_samples import form_views
from app.ui.visit_samples import NOW

DAYS = tuple((day, day_words(day, NOW.date())) for day in (NOW.date() - timedelta(days=away) for away in range(31)))
USED = "Data used for sending this month: 12.4 MB."
CHOICES = ChoicesView(False, False, Metered.SMALL, USED)
DRAFTS = (DraftRow("draft0001", "A wound or skin to look at", "Not sent yet. Last changed today at 13:20."),)
EMPTY = ComposeView(
    "draft0002", "A new problem", "", (), (), (OfferedForm("f0", "Before your visit"),), (), "", False, ""
)
FULL = replace(
    EMPTY,
    draft="draft0001",
    title="A wound or skin to look at",
    parts=(
        PartRow("p1", PartKind.PHOTO, "Photo 1", "photo · 118 KB", jpeg(figure(240, 180, wall="#B9A58F"))),
        PartRow("p2", PartKind.DOCUMENT, "Document 1", "letter-of-the-hospital.pdf · 340 KB"),
        PartRow("p3", PartKind.CLIP, "Clip with sound 1", "clip.mp4 · 3.4 MB"),
        PartRow("p4", PartKind.VOICE, "Voice message 1", "voice.ogg · 96 KB"),
    ),
    forms=(AnsweredForm("http://f|1", "About your skin", False, True),),
    readings=(ReadingRow(0, "Temperature", "37.8 °C, today at 13:15"),),
    note="The wound is warm and red since Sunday.",
    urgent=True,
    weighs="4.5 MB, about 3 minutes to send",
    filled=True,
)
REFUSED = Sentence("holiday.heic: This photo is damaged and cannot be opened.", Level.WARN)
REPLIES = (
    ReplyView(
        "reply0002", "Dr Lee asks you", NOW - timedelta(minutes=12),
        "Is it warm to the touch? Please send one more photo, from further away.", True, True,
    ),
    ReplyView(
        "reply0001", "Dr Lee answers", NOW - timedelta(days=1),
        "This looks as it should after three days. Please keep it dry, and send a photo on Friday.", False, False,
    ),
)  # fmt: skip
SIZES = (
    PhotoSize(640, "Small: quick to send", "38 KB, about 10 seconds", False),
    PhotoSize(1024, "Medium", "74 KB, about 20 seconds", False),
    PhotoSize(2048, "Fine: small marks can be seen", "186 KB, about 50 seconds", True),
)


def item(stage: ItemStage, text: str, done: int = 7, unread: int = 0) -> ItemView:
    return ItemView("item0001", "A wound, today at 13:20", stage, text, done, 7, done / 7, unread)


def sent(stage: ItemStage, text: str, **changes: object) -> SentView:
    plain = SentView(item(stage, text), (), EXPLAINS[stage], can_add=True)
    return replace(plain, **changes)  # type: ignore[arg-type]


SENT: dict[str, SentView] = {
    "sending": replace(
        sent(ItemStage.SENDING, "Sending 3 of 7, about 2 minutes left.", can_withdraw=True, can_first=True),
        item=item(ItemStage.SENDING, "Sending 3 of 7, about 2 minutes left.", 2),
        kept="In full size (4.2 MB) it stays on this computer, and is sent when the clinic asks for it.",
    ),
    "waits": sent(
        ItemStage.RECEIVED,
        "Received by the clinic.",
        kept="The full photo (4.2 MB) waits here for a better connection. Then it goes by itself.",
        kept_waits=True,
    ),
    "withdraw": sent(ItemStage.RECEIVED, "Received by the clinic.", can_withdraw=True, asks_withdraw=True),
    "question": sent(ItemStage.NEEDS_MORE, "Dr Lee asks you something.", replies=REPLIES),
    "answered": sent(ItemStage.ANSWERED, "Answered by Dr Lee.", replies=REPLIES[1:]),
    "stuck": sent(
        ItemStage.NEEDS_YOU, "The clinic did not take this file. It is still here.", can_try=True, can_withdraw=True
    ),
}


def sending_views() -> dict[str, tuple[Page, dict[str, object]]]:
    """Name -> page and what differs from a plain view of the patient's."""
    plain = SendingView(purposes=purposes(), choices=CHOICES)
    doubt = Sentence("A temperature of 41.5 °C is unusual. Is this right?", Level.WARN)
    added = Sentence("Added. You can add another one, or go back.", Level.GOOD)
    portrait = jpeg(figure(1280, 960, wall="#B9A58F"))
    photo = PhotoView(PhotoPhase.REVIEW, portrait, "", SIZES, saved=True)
    fresh = PhotoView(PhotoPhase.REVIEW, portrait, "It looks a little dark.", sizing=True, saved=True)
    files = PhotoView(PhotoPhase.REVIEW, portrait, "", SIZES, files=3)
    opening = PhotoView(PhotoPhase.OPENING, b"", "", progress="Photo 2 of 3")
    card = PhotoView(PhotoPhase.PREVIEW, b"", "The card cannot be seen. Lay all of it beside the place.", (), True)
    recording = Sentence("Recording. 2:14 left. Press “Done” when you have finished.", Level.GOOD)
    ready = Sentence("Press the button to record what you want to say. You have up to 3 minutes.", Level.NOTE)
    record = RecordView(True, RecordPhase.RECORDING, recording, 0.26)
    made: dict[str, tuple[Page, dict[str, object]]] = {
        "purposes": (Page.SEND, {"sending": plain}),
        "empty": (Page.SEND, {"sending": replace(plain, compose=EMPTY)}),
        "full": (Page.SEND, {"sending": replace(plain, compose=FULL)}),
        "refused": (Page.SEND, {"sending": replace(plain, compose=replace(EMPTY, says=REFUSED))}),
        "form": (Page.FORM, {"sending": replace(plain, form=form_views()["one"])}),
        "reading": (Page.READING, {"sending": replace(plain, reading=ReadingView(measures(), days=DAYS))}),
        "reading-doubt": (
            Page.READING,
            {"sending": replace(plain, reading=ReadingView(measures(), "temperature", doubt, True, days=DAYS))},
        ),
        "reading-added": (
            Page.READING,
            {"sending": replace(plain, reading=ReadingView(measures(), "blood-pressure", added, added=1, days=DAYS))},
        ),
        "record-clip": (Page.RECORD, {"sending": replace(plain, record=record)}),
        "record-voice": (
            Page.RECORD,
            {"sending": replace(plain, record=RecordView(False, RecordPhase.READY, ready))},
        ),
        "choices": (Page.CHOICES, {"sending": plain}),
        "choices-metered": (
            Page.CHOICES,
            {"sending": replace(plain, choices=ChoicesView(True, True, Metered.SMALL, USED))},
        ),
        "photo-sizes": (Page.PHOTO, {"photo": photo, "sending": plain}),
        "photo-fresh": (Page.PHOTO, {"photo": fresh, "sending": plain}),
        "photo-files": (Page.PHOTO, {"photo": files, "sending": plain}),
        "photo-opening": (Page.PHOTO, {"photo": opening, "sending": plain}),
        "photo-card": (Page.PHOTO, {"photo": card, "sending": plain}),
        "home": (
            Page.HOME,
            {
                "sending": replace(plain, drafts=DRAFTS),
                "items": (item(ItemStage.NEEDS_MORE, "Dr Lee asks you something.", unread=1),),
            },
        ),
    }
    for name, view in SENT.items():
        made[f"sent-{name}"] = (Page.SENT, {"sending": replace(plain, sent=view)})
    return made


SENDING_STATES = tuple(f"send-{name}" for name in sending_views())
