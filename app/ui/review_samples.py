"""Sample views of what a provider sees of submissions: the inbox's rows and opened items in every state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.offline.clips import SafeClip
from app.presenters.review_sentences import (
    AT_CLINIC,
    CANNOT_READ,
    NOT_HERE,
    ORIGINAL_ASKED,
    QUICK,
    SAVED_HERE,
    URGENT,
    come_sentence,
    due_sentence,
    reply_state,
    wants_words,
)
from app.presenters.review_views import (
    AnswerView,
    InboxRow,
    Letter,
    LetterRow,
    OpenedClip,
    OpenedItem,
    OpenedPicture,
    OtherItem,
    PartKind,
    PartRow,
    ReplyLine,
    Sheet,
)
from app.presenters.view_basics import Level, Sentence
from app.ui.drawn import figure, jpeg
from app.ui.visit_samples import NOW

DIGEST = "9f86d081884c7d65" * 4
ANSWER = AnswerView(quick=QUICK)
BROKEN = Sentence("This photo is damaged and cannot be opened.", Level.WARN)
LONG_NAME = "Dr Maria Bartholomew-Fotheringham-Castellanos de la Fuente"


def _ago(**time: float) -> timedelta:
    return timedelta(**time)


INBOX = (
    InboxRow(
        "item0001", NOW - _ago(minutes=4), "Maria Lopez", False, "Wound check", "3 photos, words", True, (URGENT,),
        due_sentence(NOW + _ago(hours=3, minutes=56), NOW),
    ),
    InboxRow(
        "item0002", NOW - _ago(hours=3), "Tom Okafor", False, "Readings", "words", False, (),
        due_sentence(NOW + _ago(hours=69), NOW),
    ),
    InboxRow("item0004", NOW - _ago(minutes=1), LONG_NAME, False, "", "Sealed, 1.2 MB"),
    InboxRow(
        "item0005", NOW - _ago(hours=30), "Anne Whitfield", True, "Follow-up", "1 clip, words", False,
        (Sentence("Answers your question.", Level.NOTE),), due_sentence(NOW - _ago(hours=2), NOW),
    ),
    InboxRow("item0006", NOW - _ago(hours=5), "Tom Okafor", False, "", "Sealed, 40 KB", told=(CANNOT_READ,)),
    InboxRow(
        "item0003", NOW - _ago(days=1), "Anne Whitfield", True, "Results", "1 document", answered=True
    ),
)  # fmt: skip


def clip(start: float = 0.0, total: float = 2.0) -> OpenedClip:
    """Ten pictures in two seconds, silent, in a wall that turns from dark to light."""
    shades = [f"#{40 + 16 * n:02X}8F70" for n in range(10)]
    pictures = tuple(jpeg(figure(640, 360, wall=shade, shirt="#7A3B46")) for shade in shades)
    safe = SafeClip(2.0, 640, 360, tuple(0.2 * n for n in range(10)), pictures, bytes(192_000))
    return OpenedClip("clip.mp4", safe, start, total)


def _small(wall: str) -> bytes:
    return jpeg(figure(320, 240, wall=wall, shirt="#7A3B46"))


READINGS = Letter(
    "Readings",
    (
        LetterRow("158/96 mmHg", "Blood pressure, 07:40 today"),
        LetterRow("210/118 mmHg", "Blood pressure, 13:05 today", "Unusual"),
        LetterRow("82 beats a minute", "Pulse, 13:05 today"),
    ),
)
FORM = Letter(
    "Before your visit",
    (
        LetterRow("", "Medicines", heading=True),
        LetterRow("Metformin 500 mg; Ramipril 5 mg", "Which medicines do you take?", depth=1),
        LetterRow("No answer", "Since when?", depth=1),
        LetterRow("Yes", "Have you had a fever?"),
        LetterRow("7", "Score", "Worked out, not answered."),
        LetterRow("", "Who is your family doctor?", "The patient's app could not ask this."),
    ),
)
UNREAD = Letter(
    "Words", says=Sentence("These words cannot be read: the file was damaged, or is of a newer version.", Level.WARN)
)


OF_VISIT = Sentence("From the visit of 14:00 today.", Level.NOTE)


def item_views() -> dict[str, OpenedItem]:
    """Name -> the opened item."""
    photo = OpenedPicture("photo.jpg", jpeg(figure(1280, 960, wall="#B9A58F", shirt="#7A3B46")))
    one = PartRow("blob0001", PartKind.PICTURE, "Photo 1", _small("#B9A58F"), 1.0, DIGEST, can_want=True)
    two = replace(one, blob="blob0002", title="Photo 2", thumbnail=_small("#8FA5B9"), original=ORIGINAL_ASKED,
                  can_want=False)  # fmt: skip
    item = OpenedItem(
        "item0001", "Maria Lopez", NOW - _ago(minutes=9), "Wound check",
        "It itches since Sunday, more at night. The cream did not help.", parts=(one, two),
        sheet=Sheet(0, (photo,)), answer=ANSWER,
    )  # fmt: skip
    letter = PartRow("blob0003", PartKind.DOCUMENT, "Document", fraction=1.0, sha256=DIGEST)
    film = PartRow("blob0004", PartKind.CLIP, "Clip", fraction=0.4, says=NOT_HERE)
    voice = PartRow("blob0005", PartKind.VOICE, "Voice message", fraction=1.0, sha256=DIGEST)
    page = OpenedPicture("letter.pdf", jpeg(figure(1000, 1414, wall="#FFFFFF", shirt="#DDDDDD")))
    all_kinds = (one, two, letter, film, voice)
    spoken = OpenedClip("voice.ogg", SafeClip(34.0, 0, 0, (), (), bytes(96_000)), 0.0, 34.0)
    asked = ReplyLine(
        "reply0001", "You", True, "Please send one more photo, closer and in daylight.", NOW - _ago(hours=1),
        reply_state(NOW - _ago(minutes=58), NOW - _ago(minutes=50), NOW), wants_words(1),
    )  # fmt: skip
    said = replace(asked, reply="reply0002", question=False, text=QUICK[0], state=AT_CLINIC, asks="")
    kept = replace(said, reply="reply0003", who="You", text=QUICK[3], at=NOW, state=SAVED_HERE)
    others = (OtherItem("item0009", "Open what came first"), OtherItem("item0010", "Open the originals"))
    words = replace(
        item, purpose="Written message", parts=(), sheet=None,
        note="14:19  I cannot hear you.\n14:20  Please call me: +1 555 0199. The cream is finished.",
    )  # fmt: skip
    return {
        "item": item,
        "item-clip": replace(item, purpose="Clip from the visit", note="", told=(OF_VISIT,),
                             parts=(replace(film, fraction=1.0, says=None, title="Clip", sha256=DIGEST),),
                             sheet=Sheet(0, clip=clip())),
        "item-words": words,
        "item-readings": replace(words, purpose="Readings", letters=(READINGS, FORM, UNREAD), note="", urgent=True,
                                 told=(URGENT,)),
        "item-no-picture": replace(item, parts=(replace(one, says=BROKEN, sha256="", thumbnail=b""),), note="",
                                   sheet=Sheet(0, says=BROKEN), purpose=""),
        "item-coming": replace(item, parts=all_kinds, sheet=Sheet(3, says=NOT_HERE), urgent=True, told=(URGENT,),
                               says=come_sentence(7, 9, 5_400_000, True)),
        "item-document": replace(item, parts=all_kinds, sheet=Sheet(2, (page, page)), letters=(READINGS,)),
        "item-voice": replace(item, parts=all_kinds, sheet=Sheet(4, clip=spoken)),
        "item-answered": replace(
            item, parts=(replace(one, wanted=True), two), others=others, replies=(asked, said, kept),
            told=(Sentence("Answers your question.", Level.NOTE),),
            answer=replace(ANSWER, draft="Please keep it dry.", asks=wants_words(1), number=1),
        ),
    }  # fmt: skip


ITEM_STATES = (
    *("item", "item-clip", "item-words", "item-readings", "item-no-picture", "item-coming", "item-document"),
    *("item-voice", "item-answered"),
)
