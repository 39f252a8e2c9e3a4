"""PURE: what is said to a provider about what patients sent: one plain sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from app.offline.parts import CLIP, PDF, PICTURES, VOICE
from app.offline.purposes import Purpose, purpose_of
from app.presenters.clock import clock
from app.presenters.review_views import PartKind
from app.presenters.view_basics import Level, Sentence
from app.wire.intake import Manifest, ManifestBlob, PartRole
from app.wire.visits import VisitDetails

URGENT_WITHIN = timedelta(hours=4)
ANSWER_WITHIN = {
    Purpose.NEW_PROBLEM: timedelta(hours=24),
    Purpose.WOUND_CHECK: timedelta(hours=24),
    Purpose.REFILL: timedelta(hours=48),
    Purpose.RESULTS: timedelta(hours=72),
    Purpose.FOLLOW_UP: timedelta(hours=48),
    Purpose.READINGS: timedelta(hours=72),
}
"""When an answer is due, counted from when the clinic received the item."""
OTHER_WITHIN = timedelta(hours=24)

QUICK = (
    "Thank you. Please go on as before.",
    "Please call us to make an appointment.",
    "Please send one more photo, closer and in daylight.",
    "If it gets worse, call us or go to the emergency department.",
)
"""Phrases to begin an answer with; none is sent by a press."""

CANNOT_READ = Sentence("This item cannot be opened: it was damaged or altered on its way.", Level.BAD)
URGENT = Sentence("Urgent, says the patient.", Level.WARN)
TAKEN_BACK = "The patient has taken this back. It cannot be opened any more."
PREPARING = Sentence("Being made ready to look at …", Level.NOTE)
NOT_HERE = Sentence("Not here yet.", Level.NOTE)
UNKNOWN_KIND = Sentence("This kind of file cannot be shown here.", Level.WARN)
SAVED_HERE = Sentence("Saved here, sealed. It is sent as soon as the clinic can be reached.", Level.NOTE)
AT_CLINIC = Sentence("At the clinic. It has not arrived at the patient's device yet.", Level.NOTE)
REFUSED = Sentence("Not delivered: the patient has taken this item back.", Level.WARN)
NOT_VOUCHED = Sentence(
    "The patient's device has not been confirmed by the clinic yet: it cannot be answered.", Level.WARN
)
ORIGINAL_ASKED = Sentence("The original was asked for.", Level.NOTE)
ORIGINAL_HERE = Sentence("The original has come.", Level.GOOD)
BY_COLLEAGUE = Sentence("Sent by a colleague.", Level.NOTE)


class Relation(StrEnum):
    """What a submission is to one that came before."""

    NONE = "none"
    ADDS = "adds"
    ANSWERS = "answers"
    ORIGINALS = "originals"


def relation(manifest: Manifest) -> Relation:
    if manifest.answers is not None:
        return Relation.ANSWERS
    if manifest.amends is None:
        return Relation.NONE
    only = manifest.blobs and all(blob.role is PartRole.ORIGINAL for blob in manifest.blobs)
    return Relation.ORIGINALS if only else Relation.ADDS


_RELATION = {
    Relation.ADDS: "Adds to what came {when}.",
    Relation.ANSWERS: "Answers your question.",
    Relation.ORIGINALS: "Originals for what came {when}.",
}


def told(manifest: Manifest, first_at: datetime | None, now: datetime) -> tuple[Sentence, ...]:
    """What must be known of a submission beside its purpose. `first_at`: when what it amends was received."""
    said = [URGENT] if manifest.urgent else []
    words = _RELATION.get(relation(manifest))
    if words is not None:
        said.append(Sentence(words.format(when=moment(first_at, now) if first_at else "before"), Level.NOTE))
    return tuple(said)


def of_visit(manifest: Manifest, visits: Iterable[VisitDetails], now: datetime) -> tuple[Sentence, ...]:
    """Which visit it belongs to; nothing when this device does not know the visit, or it was another patient's."""
    whose = (manifest.visit_id, manifest.device_id)
    at = next((one.starts_at for one in visits if (one.visit_id, one.patient_device) == whose), None)
    return () if at is None else (Sentence(f"From the visit of {moment(at, now)}.", Level.NOTE),)


def due_at(manifest: Manifest, received_at: datetime) -> datetime:
    known = purpose_of(manifest.purpose)
    within = ANSWER_WITHIN[known] if known is not None else OTHER_WITHIN
    return received_at + (min(URGENT_WITHIN, within) if manifest.urgent else within)


def due_sentence(due: datetime, now: datetime) -> Sentence:
    if now > due:
        return Sentence(f"An answer was due {moment(due, now)}.", Level.WARN)
    return Sentence(f"Answer by {moment(due, now)}.", Level.NOTE)


def moment(at: datetime, now: datetime) -> str:
    """ "14:30 today", "14:30 tomorrow", "14:30 on 24 November"; both local."""
    at, now = at.astimezone(), now.astimezone()
    near = {0: "today", 1: "tomorrow", -1: "yesterday"}.get((at.date() - now.date()).days)
    return f"{clock(at)} {near}" if near else f"{clock(at)} on {at.day} {at:%B}"


def size_words(size: int) -> str:
    """ "40 KB", "1.2 MB", "37 MB": what is sealed is a little larger than what is in it."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1000))} KB"
    return f"{size / 1_000_000:.1f} MB" if size < 10_000_000 else f"{round(size / 1_000_000)} MB"


def sealed_words(size: int) -> str:
    return f"Sealed, {size_words(size)}"


_KINDS = {PDF: PartKind.DOCUMENT, CLIP: PartKind.CLIP, VOICE: PartKind.VOICE}
_NAMES = {
    PartKind.PICTURE: ("photo", "photos"),
    PartKind.DOCUMENT: ("document", "documents"),
    PartKind.CLIP: ("clip", "clips"),
    PartKind.VOICE: ("voice message", "voice messages"),
    PartKind.OTHER: ("file", "files"),
}


def kind_of(blob: ManifestBlob) -> PartKind:
    """By the sender's word; whether it is true, the decoding will tell."""
    if blob.media_type in PICTURES:
        return PartKind.PICTURE
    return _KINDS.get(blob.media_type, PartKind.OTHER)


def shown(manifest: Manifest) -> tuple[ManifestBlob, ...]:
    """What is looked at or heard: neither words nor thumbnails."""
    beside = (PartRole.WORDS, PartRole.THUMBNAIL)
    return tuple(blob for blob in manifest.blobs if blob.role not in beside)


def holds_words(manifest: Manifest) -> str:
    """ "3 photos, 1 document, words"."""
    kinds = [kind_of(blob) for blob in shown(manifest)]
    said = [_counted(kind, kinds.count(kind)) for kind in PartKind if kind in kinds]
    if manifest.note or any(blob.role is PartRole.WORDS for blob in manifest.blobs):
        said.append("words")
    return ", ".join(said)


def _counted(kind: PartKind, count: int) -> str:
    one, many = _NAMES[kind]
    return f"{count} {one if count == 1 else many}"


def part_titles(blobs: Sequence[ManifestBlob]) -> tuple[str, ...]:
    """ "Photo 1", "Photo 2", "Document": numbered within each kind when there are several."""
    kinds = [kind_of(blob) for blob in blobs]
    titles = []
    for place, kind in enumerate(kinds):
        name = _NAMES[kind][0].capitalize()
        titles.append(f"{name} {kinds[: place + 1].count(kind)}" if kinds.count(kind) > 1 else name)
    return tuple(titles)


def wants_words(count: int) -> str:
    """The originals that an answer asks for; empty for none."""
    return "" if not count else f"Asks for the original of {count} photo{'s' if count > 1 else ''}."


def come_sentence(done: int, total: int, left: int, cut: bool) -> Sentence | None:
    """How far an opened item has come: parts here of all, bytes left; None when all is here."""
    if done >= total:
        return None
    text = f"{done} of {total} parts are here, {size_words(left)} to come."
    if cut:
        return Sentence(f"{text} The connection is cut; it goes on by itself.", Level.WARN)
    return Sentence(text, Level.NOTE)


def reply_state(come: datetime | None, read: datetime | None, now: datetime) -> Sentence:
    """Of an own reply that the service has: what the patient's device has signed."""
    if read is not None:
        return Sentence(f"Read by the patient, {moment(read, now)}.", Level.GOOD)
    if come is not None:
        return Sentence(f"Arrived at the patient's device, {moment(come, now)}.", Level.GOOD)
    return AT_CLINIC


def purpose_words(purpose: str) -> str:
    """A submission's purpose as a provider reads it; an unknown one as it is."""
    return _PURPOSE.get(purpose, purpose)


_PURPOSE = {
    "photo": "Photo",
    "file": "File",
    "closer": "Sharp photo in the visit",
    "closer-clip": "Clip from the visit",
    "words": "Written message",
    "new-problem": "New problem",
    "wound-check": "Wound check",
    "refill": "Prescription refill",
    "results": "Results",
    "follow-up": "Follow-up",
    "readings": "Readings",
}
