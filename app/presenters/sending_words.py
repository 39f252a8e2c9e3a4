"""What is said about sending: PURE. Nothing is called sent before the clinic's receipt was checked."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import date, datetime

from app.offline.life import ARRIVED, Life
from app.offline.parts import CLIP, PDF, PICTURES, VOICE
from app.offline.purposes import Purpose
from app.offline.readings import Measure, units
from app.offline.standing import Stage, WaitingFor
from app.offline.worker import SubmissionStatus
from app.presenters.clock import clock
from app.presenters.sending_views import MeasureChoice, PartKind, PurposeChoice
from app.presenters.views import ItemView

PURPOSES: dict[Purpose, tuple[str, str]] = {
    Purpose.NEW_PROBLEM: ("A new problem", "Something that you have not told the clinic about yet."),
    Purpose.WOUND_CHECK: ("A wound or skin to look at", "Photos of a wound, a rash or a mark on the skin."),
    Purpose.REFILL: ("More of my medicine", "Ask for a prescription."),
    Purpose.RESULTS: ("Results or a letter", "A report of a laboratory, a letter, an X-ray."),
    Purpose.FOLLOW_UP: ("After a visit", "How it went on after you spoke with the clinic."),
    Purpose.READINGS: ("What I measured", "Blood pressure, blood sugar, weight, temperature and others."),
}
MEASURES: dict[Measure, tuple[str, str]] = {
    Measure.BLOOD_PRESSURE: ("Blood pressure", "Upper and lower number, such as 120/80"),
    Measure.GLUCOSE: ("Blood sugar", "One number, as the device shows it"),
    Measure.WEIGHT: ("Weight", "One number, such as 72.5"),
    Measure.TEMPERATURE: ("Temperature", "One number, such as 37.2"),
    Measure.OXYGEN: ("Oxygen", "One number, such as 97"),
    Measure.PULSE: ("Pulse", "Beats in one minute, such as 72"),
}
_OLDER = {
    "photo": "Photo",
    "file": "File",
    "closer": "Sharp photo in the visit",
    "closer-clip": "Clip from the visit",
    "words": "Written message",
}
_KINDS = {
    PDF: PartKind.DOCUMENT,
    CLIP: PartKind.CLIP,
    VOICE: PartKind.VOICE,
    **dict.fromkeys(PICTURES, PartKind.PHOTO),
}
KIND_WORDS = {
    PartKind.PHOTO: "Photo",
    PartKind.DOCUMENT: "Document",
    PartKind.CLIP: "Clip with sound",
    PartKind.VOICE: "Voice message",
}


def purposes() -> tuple[PurposeChoice, ...]:
    return tuple(PurposeChoice(purpose.value, *words) for purpose, words in PURPOSES.items())


def measures() -> tuple[MeasureChoice, ...]:
    return tuple(MeasureChoice(m.value, *words, tuple(units(m).items())) for m, words in MEASURES.items())


def purpose_title(purpose: str) -> str:
    """A submission's purpose as people read it; an unknown one as it is."""
    known = {value.value: words[0] for value, words in PURPOSES.items()}
    return known.get(purpose) or _OLDER.get(purpose, purpose)


def part_kind(media_type: str) -> PartKind:
    """KeyError for a type that no draft holds."""
    return _KINDS[media_type]


def size_words(size: int) -> str:
    """ "340 KB", "1.2 MB" (SI units, as data plans count)."""
    if size < 1_000_000:
        return f"{max(1, math.ceil(size / 1000))} KB"
    return f"{size / 1_000_000:.1f} MB"


def time_words(seconds: float) -> str:
    """ "about 20 seconds", "about 3 minutes", "about 2 hours"; never less than is needed."""
    if seconds <= 5:
        return "a few seconds"
    if seconds <= 55:
        return f"about {math.ceil(seconds / 10) * 10} seconds"
    if seconds <= 90 * 60:
        minutes = math.ceil(seconds / 60)
        return f"about {minutes} minute{'s' if minutes != 1 else ''}"
    hours = math.ceil(seconds / 3600)
    return f"about {hours} hours" if hours < 48 else f"about {math.ceil(hours / 24)} days"


def weighs(size: int, rate: float | None) -> str:
    """Bytes and the time that they take at `rate` (bytes/s; None when nothing has been sent yet today)."""
    return size_words(size) if rate is None or rate <= 0 else f"{size_words(size)}, {time_words(size / rate)} to send"


def when_words(at: datetime, now: datetime) -> str:
    """Both local: "today at 14:30", "on 24 November at 14:30"."""
    away = (now.date() - at.date()).days
    day = {0: "today", 1: "yesterday"}.get(away) or "on " + at.strftime("%d %B").lstrip("0")
    return f"{day} at {clock(at)}"


def day_words(day: date, today: date) -> str:
    """ "Today", "Yesterday", "Tuesday, 24 November"."""
    known = {0: "Today", 1: "Yesterday"}.get((today - day).days)
    return known or f"{day:%A}, {day.day} {day:%B}"


def item_view(
    item: SubmissionStatus, now: datetime, *, by: str = "", originals: Collection[str] = (), unread: int = 0,
    answered: bool = False, wished: bool = False,
) -> ItemView:  # fmt: skip
    """One thing the patient sent, as the list shows it. `by`: who has opened it, if known; `originals`: submissions
    that are a photo in full size; `answered`: the person has answered the clinic's question; `wished`: all
    that the clinic has written is that it wants photos in full size, which by older versions was a question."""
    what = purpose_title(item.purpose)
    if item.submission in originals:
        what = "Photo in full size"
    elif item.answers is not None:
        what = "Your answer to the clinic"
    elif item.amends is not None:
        what = f"Added: {what[:1].lower()}{what[1:]}"
    return ItemView(
        submission_id=item.submission,
        title=f"{what}, {when_words(item.created_at.astimezone(now.tzinfo), now)}",
        stage=Stage.SEEN if wished and item.stage is Stage.NEEDS_MORE else item.stage,
        text=_item_text(item, by, unread, answered, wished),
        done=item.done,
        total=item.total,
        fraction=item.fraction,
        unread=unread,
    )


def _item_text(item: SubmissionStatus, by: str, unread: int, answered: bool, wished: bool) -> str:
    if item.stage is Stage.NEEDS_YOU:
        return item.reason or "This could not be sent. Please try again or call the clinic."
    if item.life is Life.WITHDRAWING:
        return "Being taken back. The clinic is told as soon as it can be reached."
    if item.stage is Stage.SENDING:
        left = "" if item.seconds_left is None else f", {time_words(item.seconds_left)} left"
        return f"Sending {min(item.done + 1, item.total)} of {item.total}{left}."
    if item.stage in (Stage.SAVED, Stage.WAITING):
        return _waiting(item)
    if item.stage is Stage.NEEDS_MORE and answered and not unread:
        return "You have answered the clinic's question."
    names = {"by": by or "the clinic", "By": by or "The clinic"}
    if wished and item.life in ARRIVED:
        return (_WISHED if unread else _SETTLED[Stage.SEEN]).format(**names)
    return _SETTLED[item.stage].format(**names)


def _waiting(item: SubmissionStatus) -> str:
    why = _WAITING[item.waiting_for] if item.waiting_for is not None else "It is sent soon."
    part = f" {item.done} of {item.total} parts have arrived." if item.done and item.total else ""
    return f"Saved here on this computer. {why}{part}"


_WAITING: Mapping[WaitingFor, str] = {
    WaitingFor.LINK: "Waiting because the clinic cannot be reached.",
    WaitingFor.WEAK_LINK: "Waiting because the connection is too weak. It is tried again by itself.",
    WaitingFor.SIGN_IN: "Waiting because the clinic does not know this computer. Please call the clinic.",
    WaitingFor.VISIT: "Waiting because your visit needs the connection. It is sent when there is room.",
    WaitingFor.PAUSED: "Waiting because you have stopped sending.",
    WaitingFor.METERED: "Waiting because this connection costs money.",
    WaitingFor.CLINIC: "Waiting because the clinic could not take it. It is tried again by itself.",
    WaitingFor.HELD: "It is sent when the clinic asks for it.",
    WaitingFor.GOOD_LINK: "The full photo waits for a better connection.",
    WaitingFor.PERSON: "It needs your help.",
}
_SETTLED: Mapping[Stage, str] = {
    Stage.RECEIVED: "Received by the clinic.",
    Stage.SEEN: "Opened by {by}.",
    Stage.NEEDS_MORE: "{By} asks you something.",
    Stage.ANSWERED: "Answered by {by}.",
    Stage.WITHDRAWN: "Taken back.",
}
_WISHED = "{By} asks for the photo in full size. It goes by itself."
EXPLAINS: Mapping[Stage, str] = {
    Stage.SAVED: "It is locked and safe on this computer. Nobody at the clinic has it yet.",
    Stage.WAITING: "It is locked and safe on this computer. The clinic does not have all of it yet.",
    Stage.SENDING: "It is on its way. The clinic does not have all of it yet.",
    Stage.RECEIVED: "The clinic has all of it and has signed for it. Nobody has opened it yet.",
    Stage.SEEN: "Somebody of your care team has opened it.",
    Stage.NEEDS_MORE: "Please read the question, and answer it.",
    Stage.ANSWERED: "You can read the answer at any time, without a connection too.",
    Stage.NEEDS_YOU: "It is safe on this computer, but it cannot go on without you.",
    Stage.WITHDRAWN: "The clinic has erased it, or never had it. It is gone from this computer too.",
}
