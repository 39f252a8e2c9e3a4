"""The object names of the pages of sending; as app.ui.names."""

from __future__ import annotations

HOME_SEND = "home.send"
HOME_DRAFTS = "home.drafts"
HOME_CHOICES = "home.choices"

SEND = "send"
SEND_BACK = "send.back"
SEND_TITLE = "send.title"
SEND_ABOUT = "send.about"
SEND_DISCARD = "send.discard"
SEND_DISCARD_YES = "send.discard.yes"
SEND_DISCARD_NO = "send.discard.no"
SEND_NOTE = "send.note"
SEND_ITEMS = "send.items"
SEND_PHOTO = "send.photo"
SEND_FILES = "send.files"
SEND_READINGS = "send.readings"
SEND_CLIP = "send.clip"
SEND_VOICE = "send.voice"
SEND_URGENT = "send.urgent"
SEND_WEIGHS = "send.weighs"
SEND_SAYS = "send.says"
SEND_GO = "send.go"

READING = "reading"
READING_BACK = "reading.back"
READING_FIELD = "reading.field"
READING_UNIT = "reading.unit"
READING_NOW = "reading.now"
READING_EARLIER = "reading.earlier"
READING_DAY = "reading.day"
READING_TIME = "reading.time"
READING_ADD = "reading.add"
READING_SAYS = "reading.says"

RECORD = "record"
RECORD_SAYS = "record.says"
RECORD_START = "record.start"
RECORD_STOP = "record.stop"
RECORD_LEAVE = "record.leave"
RECORD_PREVIEW = "record.preview"

SENT = "sent"
SENT_BACK = "sent.back"
SENT_TITLE = "sent.title"
SENT_STATE = "sent.state"
SENT_EXPLAINS = "sent.explains"
SENT_ADD = "sent.add"
SENT_FIRST = "sent.first"
SENT_TRY = "sent.try"
SENT_WITHDRAW = "sent.withdraw"
SENT_WITHDRAW_YES = "sent.withdraw.yes"
SENT_WITHDRAW_NO = "sent.withdraw.no"
SENT_KEPT = "sent.kept"
SENT_SEND_KEPT = "sent.kept.send"
SENT_KEPT_WAITS = "sent.kept.waits"

CHOICES = "choices"
CHOICES_BACK = "choices.back"
CHOICES_PAUSED = "choices.paused"
CHOICES_METERED_LINK = "choices.metered"
CHOICES_FULL_SIZE = "choices.full-size"
CHOICES_USED = "choices.used"

PHOTO_SAVED = "photo.saved"
PHOTO_CARD = "photo.card"


def purpose(value: str) -> str:
    return f"send.purpose.{value}"


def draft_open(draft: str) -> str:
    return f"drafts.{draft}.open"


def draft_title(draft: str) -> str:
    return f"drafts.{draft}.title"


def added(key: str) -> str:
    """A row of what is in a draft: a part's blob, "form." and its address, "reading." and its place."""
    return f"send.added.{key}"


def added_open(key: str) -> str:
    return f"send.added.{key}.open"


def added_remove(key: str) -> str:
    return f"send.added.{key}.remove"


def offered_form(sha256: str) -> str:
    return f"send.form.{sha256}"


def measure(value: str) -> str:
    return f"reading.measure.{value}"


def photo_size(side: int) -> str:
    return f"photo.size.{side}"


def reply_text(reply: str) -> str:
    return f"sent.reply.{reply}.text"


def reply_answer(reply: str) -> str:
    return f"sent.reply.{reply}.answer"


def metered(choice: str) -> str:
    return f"choices.metered.{choice}"


def item_open(submission_id: str) -> str:
    return f"items.{submission_id}.open"
