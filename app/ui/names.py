"""The object names of every widget that a person uses or reads: the demo and the tests find them by these."""

from __future__ import annotations

PASSPHRASE = "passphrase"  # noqa: S105 - the page
PASSPHRASE_TITLE = "passphrase.title"  # noqa: S105
PASSPHRASE_FIRST = "passphrase.first"  # noqa: S105
PASSPHRASE_AGAIN = "passphrase.again"  # noqa: S105
PASSPHRASE_SHOW = "passphrase.show"  # noqa: S105
PASSPHRASE_FAULT = "passphrase.fault"  # noqa: S105
PASSPHRASE_GO = "passphrase.go"  # noqa: S105
PASSPHRASE_WITHOUT = "passphrase.without"  # noqa: S105

LOCK = "lock"
LOCK_BACK = "lock.back"
LOCK_OLD = "lock.old"
LOCK_FIRST = "lock.first"
LOCK_AGAIN = "lock.again"
LOCK_SHOW = "lock.show"
LOCK_FAULT = "lock.fault"
LOCK_GO = "lock.go"
LOCK_WEAK = "lock.weak"  # on the home pages
LOCK_OPEN = "lock.open"

ENROL_ADDRESS = "enrol.address"
ENROL_CODE = "enrol.code"
ENROL_GO = "enrol.go"
ENROL_ERROR = "enrol.error"

NOTICE = "notice"
NOTICE_TEXT = "notice.text"
NOTICE_DISMISS = "notice.dismiss"
NOTICE_LOCK = "notice.lock"
CLINIC_STATE = "clinic.state"

HOME = "home"
HOME_WHEN = "home.when"
HOME_WITH = "home.with"
HOME_REASON = "home.reason"
HOME_PHONE = "home.phone"
HOME_JOIN = "home.join"
HOME_PHOTO = "home.photo"
HOME_FILE = "home.file"
HOME_ITEMS = "home.items"
HOME_NOTHING_SENT = "home.items.none"

OPEN_SOUND = "sound.open"  # on the home pages
SOUND = "sound"
SOUND_BACK = "sound.back"
SOUND_TURN = "sound.turn"
SOUND_VISIT = "sound.visit"
SOUND_SAYS = "sound.says"
SOUND_HINTS = "sound.hints"
SOUND_START = "sound.start"
SOUND_STOP = "sound.stop"
SOUND_HEARD = "sound.heard"
SOUND_NOT_HEARD = "sound.not-heard"
SOUND_LEVEL = "sound.level"

FILE_DIALOG = "file"
FILE_PATH = "file.path"
FILE_OPEN = "file.open"
FILE_CANCEL = "file.cancel"

PHOTO_PREVIEW = "photo.preview"
PHOTO_REVIEW = "photo.review"
PHOTO_HINT = "photo.hint"
PHOTO_SHUTTER = "photo.shutter"
PHOTO_KEEP = "photo.keep"
PHOTO_RETAKE = "photo.retake"
PHOTO_CANCEL = "photo.cancel"

VISIT_WITH = "visit.with"
VISIT_LINK = "visit.link"
VISIT_OTHER = "visit.other"
VISIT_WISHED = "visit.wished"
VISIT_REMOTE = "visit.remote"
VISIT_SELF = "visit.self"
VISIT_SELF_STATE = "visit.self.state"
VISIT_AGE = "visit.age"
VISIT_PHASE = "visit.phase"
VISIT_MUTE = "visit.mute"
VISIT_CAMERA = "visit.camera"
VISIT_SPEECH_ALONE = "visit.speech-alone"
VISIT_STAGE = "visit.stage"
VISIT_LEVEL = "visit.level"
VISIT_SOUND = "visit.sound"
VISIT_TRY_SOUND = "visit.try-sound"
VISIT_PHOTO = "visit.photo"
VISIT_FILE = "visit.file"
VISIT_HANGUP = "visit.hangup"
VISIT_LOST = "visit.lost"
VISIT_LOST_PHONE = "visit.lost.phone"
VISIT_LOST_PHOTO = "visit.lost.photo"
VISIT_WORDS = "visit.words"
VISIT_INBOX = "visit.inbox"
VISIT_TO_GUEST = "visit.to-guest"
STRIP = "strip"
STRIP_TITLE = "strip.title"
STRIP_LINK = "strip.link"
STRIP_BACK = "strip.back"
WORDS = "words"
WORDS_TITLE = "words.title"
WORDS_CLOSE = "words.close"
WORDS_NONE = "words.none"
WORDS_LINES = "words.lines"
WORDS_FIELD = "words.field"
WORDS_SEND = "words.send"
VISIT_TIMELINE = "visit.timeline"
VISIT_FIGURES = "visit.figures"
VISIT_GUEST = "visit.guest"
VISIT_GUEST_PICTURE = "visit.guest.picture"
VISIT_GUEST_TITLE = "visit.guest.title"
GUEST_ROLE = "guest.role"
GUEST_NAME = "guest.name"
GUEST_INVITE = "guest.invite"
GUEST_SAYS = "guest.says"
GUEST_LINK = "guest.link"
GUEST_COPY = "guest.copy"
GUEST_DISMISS = "guest.dismiss"
GUEST_CLOSE = "guest.close"

CLOSER = "closer.look"  # provider
CLOSER_SAYS = "closer.says"
CLOSER_HINT = "closer.hint"
CLOSER_WITHDRAW = "closer.withdraw"
CLOSER_OPEN = "closer.open"
CLOSER_DONE = "closer.done"
CLOSER_PICTURE = "closer.picture"
CLOSER_VIEW_SAYS = "closer.view.says"
CLOSER_VIEW_FIT = "closer.view.fit"
CLOSER_VIEW_CLOSER = "closer.view.closer"
CLOSER_VIEW_FURTHER = "closer.view.further"
CLOSER_VIEW_BACK = "closer.view.back"
CLOSER_QUESTION = "closer.question"  # patient
CLOSER_PREVIEW = "closer.preview"
CLOSER_AIM = "closer.aim"
CLOSER_AGREE = "closer.agree"
CLOSER_NOT_NOW = "closer.not-now"

DAY = "day"
SCHEDULE = "schedule"
SCHEDULE_NONE = "schedule.none"
INBOX = "inbox"
INBOX_NONE = "inbox.none"
INBOX_COUNT = "inbox.count"

DESK = "desk"
DESK_OPEN_INVITE = "desk.open.invite"
DESK_OPEN_PLAN = "desk.open.plan"
DESK_BACK = "desk.back"
DESK_NAME = "desk.name"
DESK_INVITE = "desk.invite"
DESK_INVITED = "desk.invited"
DESK_INVITATION = "desk.invitation"
DESK_COPY = "desk.copy"
DESK_PATIENT = "desk.patient"
DESK_NOBODY = "desk.patient.none"
DESK_DAY = "desk.day"
DESK_WHEN = "desk.when"
DESK_NO_TIME = "desk.when.none"
DESK_NOW = "desk.now"
DESK_MINUTES = "desk.minutes"
DESK_REASON = "desk.reason"
DESK_MY_NAME = "desk.myname"
DESK_PHONE = "desk.phone"
DESK_ADD = "desk.add"

CLIP_ASK = "closer.clip"
CLIP_STOP = "closer.clip.stop"
CLIP_PICTURE = "clip.picture"
CLIP_PLAY = "clip.play"
CLIP_SLIDER = "clip.slider"
CLIP_TIME = "clip.time"
CLIP_SAVE = "clip.save"
CLIP_NOTE = "clip.note"

ITEM_BACK = "item.back"
ITEM_PATIENT = "item.patient"
ITEM_TIME = "item.time"
ITEM_PURPOSE = "item.purpose"
ITEM_NOTE = "item.note"
ITEM_SEALED = "item.sealed"
ITEM_COUNT = "item.count"
ITEM_PREVIOUS = "item.previous"
ITEM_NEXT = "item.next"
ITEM_FIT = "item.fit"
ITEM_CLOSER = "item.closer"
ITEM_FURTHER = "item.further"
ITEM_SAYS = "item.says"
ITEM_TO_ANSWER = "item.to-answer"
ITEM_OTHERS = "item.others"
ITEM_MESSAGE = "item.message"
ITEM_AGAIN = "item.again"
ITEM_PARTS = "item.parts"
ITEM_LETTERS = "item.letters"
ITEM_ORIGINAL = "item.original"
ITEM_WANT = "item.want"
ITEM_REPLIES = "item.replies"
ITEM_ANSWER = "item.answer"
ANSWER_FIELD = "answer.field"
ANSWER_SEND = "answer.send"
ANSWER_ASK = "answer.ask"
ANSWER_WANTS = "answer.wants"


def passphrase_hint(place: int) -> str:
    """A sentence over the fields, counted from 0."""
    return f"passphrase.hint.{place}"


def visit_view(view: str) -> str:
    """The button of one of app.media.events.View, on the provider's stage."""
    return f"visit.view.{view}"


def words_line(key: str) -> str:
    return f"words.{key}"


def words_text(key: str) -> str:
    return f"words.{key}.text"


def words_state(key: str) -> str:
    return f"words.{key}.state"


def words_quick(place: int) -> str:
    """A phrase for one press, counted from 0."""
    return f"words.quick.{place}"


def sent_title(submission_id: str) -> str:
    return f"items.{submission_id}.title"


def sent_text(submission_id: str) -> str:
    return f"items.{submission_id}.text"


def sent_progress(submission_id: str) -> str:
    return f"items.{submission_id}.progress"


def sent_again(submission_id: str) -> str:
    return f"items.{submission_id}.again"


def schedule_start(visit_id: str) -> str:
    return f"schedule.{visit_id}.start"


def schedule_patient(visit_id: str) -> str:
    return f"schedule.{visit_id}.patient"


def schedule_state(visit_id: str) -> str:
    return f"schedule.{visit_id}.state"


def inbox_open(submission_id: str) -> str:
    return f"inbox.{submission_id}.open"


def inbox_patient(submission_id: str) -> str:
    return f"inbox.{submission_id}.patient"


def inbox_state(submission_id: str) -> str:
    return f"inbox.{submission_id}.state"


def item_picture(index: int) -> str:
    """The opened item's picture, counted from 0."""
    return f"item.picture.{index}"


def item_part(place: int) -> str:
    """The button of one part of the opened item, counted from 0."""
    return f"item.part.{place}"


def item_told(place: int) -> str:
    return f"item.told.{place}"


def item_other(submission_id: str) -> str:
    """Opens a submission of the same matter."""
    return f"item.other.{submission_id}"


def answer_quick(place: int) -> str:
    """A phrase to begin an answer with, counted from 0."""
    return f"answer.quick.{place}"


def reply_text(reply: str) -> str:
    return f"reply.{reply}.text"


def reply_state(reply: str) -> str:
    return f"reply.{reply}.state"


def inbox_holds(submission_id: str) -> str:
    return f"inbox.{submission_id}.holds"


def inbox_told(submission_id: str, place: int) -> str:
    return f"inbox.{submission_id}.told.{place}"


def inbox_due(submission_id: str) -> str:
    return f"inbox.{submission_id}.due"


def device_choice(kind: str) -> str:
    """The list of the microphones, the loudspeakers (`speaker`) or the cameras."""
    return f"device.{kind}"


def device_note(kind: str) -> str:
    return f"device.{kind}.note"


def device_level(kind: str) -> str:
    return f"device.{kind}.level"


FORM = "form"
FORM_TITLE = "form.title"
FORM_CLOSE = "form.close"
FORM_PROGRESS = "form.progress"
FORM_GROUP = "form.group"
FORM_BEFORE = "form.before"
FORM_QUESTION = "form.question"
FORM_HELP = "form.help"
FORM_OPTIONAL = "form.optional"
FORM_HINT = "form.hint"
FORM_SAYS = "form.says"
FORM_BACK = "form.back"
FORM_NEXT = "form.next"
FORM_FINISH = "form.finish"
FORM_ADD_ROW = "form.row.add"
FORM_ADD_ANSWER = "form.answer.add"
FORM_ADD_FILE = "form.file.add"
FORM_CHOOSE_FILE = "form.file.choose"
FORM_RECORD_CLIP = "form.file.clip"
FORM_RECORD_VOICE = "form.file.voice"
FORM_OTHER = "form.other"
FORM_READ = "form.read"


def form_choice(key: str) -> str:
    return f"form.choice.{key}"


def form_text(number: int) -> str:
    return f"form.text.{number}"


def form_remove(number: int) -> str:
    return f"form.remove.{number}"


def form_change(key: str) -> str:
    return f"form.change.{key}"
