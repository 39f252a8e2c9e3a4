"""Sample views of every page in every state worth a look: for the gallery and for the tests of the screens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

from app.media.closer.messages import What
from app.media.video import still_checks
from app.presenters.closer_sentences import (
    aiming_hint,
    patient_sentence,
    provider_sentence,
    recording_sentence,
    taken_hint,
)
from app.presenters.lock_page import CHANGED, OFTEN, WEAK, changing_hints, wrong_old
from app.presenters.passphrase_page import ASKED_HINTS, NOT_ALIKE, WRONG, chosen_hints
from app.presenters.sentences import WEAK_KEY
from app.presenters.sound import HINTS, SAYS, choosing_in_visit
from app.presenters.views import (
    CloserLife,
    CloserView,
    DeskView,
    DeviceRow,
    ItemStage,
    ItemView,
    Level,
    LockView,
    NextVisit,
    Page,
    PassphraseView,
    PatientView,
    PersonRow,
    PhotoPhase,
    PhotoView,
    ProviderView,
    ScheduleRow,
    Sentence,
    SoundPhase,
    SoundView,
    VisitView,
)
from app.ui.drawn import figure as figure
from app.ui.drawn import jpeg as jpeg
from app.ui.drawn import pixels as pixels
from app.ui.past_samples import PAST_STATES, past_views
from app.ui.review_samples import INBOX, ITEM_STATES, item_views
from app.ui.sending_samples import SENDING_STATES, sending_views
from app.ui.visit_samples import NOW as NOW
from app.ui.visit_samples import PHONE, PROVIDER_VISITS, VISITS, visit
from app.wire.trust import Role

REACHED = Sentence("The clinic can be reached.", Level.GOOD)
NOT_REACHED = Sentence("The clinic cannot be reached now. What you send is kept safe here until it can.", Level.WARN)


DEVICES = (
    DeviceRow("microphone", ("Built-in microphone", "Headset (USB)"), "Headset (USB)", True),
    DeviceRow("speaker", ("Built-in loudspeaker", "Headset (USB)"), "", True),
    DeviceRow("camera", ("Integrated camera",), "", True),
)
LONG_DEVICE = "Built-in microphone with a rather long name (HDA Intel PCH: ALC285 Analog)"
GONE = (
    DeviceRow("microphone", (LONG_DEVICE,), "Headset (USB)", False),
    DeviceRow("speaker", (), "", True),
    DeviceRow("camera", (), "", True),
)


def sound(phase: SoundPhase, devices: tuple[DeviceRow, ...] = DEVICES) -> SoundView:
    return SoundView(phase, SAYS[phase], HINTS[phase], devices)


SOUNDS: dict[str, SoundView] = {
    **{phase.value: sound(phase) for phase in SoundPhase if phase is not SoundPhase.IN_VISIT},
    "in-visit": SoundView(SoundPhase.IN_VISIT, choosing_in_visit("Dr Lee"), (), DEVICES),
    "gone": sound(SoundPhase.READY, GONE),
}

ITEMS = (
    ItemView("item0001", "Photo, today at 13:52", ItemStage.SENDING, "Sending 1 of 2", 1, 2, 0.46),
    ItemView("item0002", "Photo, today at 13:40", ItemStage.WAITING, "Waiting for the connection", 0, 2, 0.0),
    ItemView("item0003", "Photo, today at 13:31", ItemStage.SAVED, "Saved on this computer", 0, 2, 0.0),
    ItemView("item0004", "rash-left-arm.jpg", ItemStage.RECEIVED, "Received by the clinic", 2, 2, 1.0),
    ItemView("item0005", "Photo, Friday at 09:14", ItemStage.SEEN, "Seen by the clinic", 2, 2, 1.0),
    ItemView(
        "item0006", "letter.png", ItemStage.NEEDS_YOU, "The clinic did not take this file. It is still here.", 0, 1, 0
    ),
)
NEXT = NextVisit("visit0001", NOW + timedelta(minutes=20), "Dr Lee", "Follow-up of your skin rash", PHONE)
LONG_NAME = "Dr Maria Bartholomew-Fotheringham-Castellanos de la Fuente"


def patient(page: Page, **changes: object) -> PatientView:
    plain = PatientView(
        page=page, busy=False, clinic=REACHED, notice=None, next_visit=NEXT, visit=None, photo=None, items=()
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def provider(page: Page, **changes: object) -> ProviderView:
    plain = ProviderView(
        page=page, busy=False, clinic=REACHED, notice=None, schedule=(), inbox=(), opened=None, visit=None
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def closer(
    side: Literal["patient", "provider"],
    life: CloserLife,
    what: What = "photo",
    *,
    picture: bytes = b"",
    hint: str = "",
    left_s: float | None = None,
) -> CloserView:
    """As the presenters say it, a third of the way."""
    seen = bool(picture) or (side == "patient" and life is CloserLife.SENDING)
    if side == "provider":
        says = provider_sentence("Maria Lopez", what, life, 0.34, seen=seen, away=False)
    else:
        says = patient_sentence("Dr Lee", what, life, 0.34, saved=True, seen=seen, away=False)
    recording = (side, what, life) == ("patient", "clip", CloserLife.TAKING)
    if recording:
        says = recording_sentence(left_s)
    stop = recording and left_s != 0.0
    return CloserView("0123456789abcdef", what, life, says, hint, 0.34, picture, stop)


def patient_closers() -> dict[str, VisitView]:
    asked, sending = CloserLife.ASKED, CloserLife.SENDING
    return {
        "closer-asked": visit(closer=closer("patient", asked, hint=aiming_hint(still_checks.DARK))),
        "closer-taking": visit(closer=closer("patient", CloserLife.TAKING)),
        "closer-sending": visit(closer=closer("patient", sending, hint=taken_hint(still_checks.BLURRED, "Dr Lee"))),
        "closer-sent": visit(closer=closer("patient", CloserLife.DONE)),
        "clip-asked": visit(closer=closer("patient", asked, "clip")),
        "clip-ready": visit(closer=closer("patient", CloserLife.TAKING, "clip")),
        "clip-recording": visit(closer=closer("patient", CloserLife.TAKING, "clip", left_s=6.4)),
        "clip-saving": visit(closer=closer("patient", CloserLife.TAKING, "clip", left_s=0.0)),
        "clip-saved": visit(closer=closer("patient", CloserLife.SAVED, "clip")),
    }


def provider_closers() -> dict[str, VisitView]:
    live = replace(PROVIDER_VISITS["live"], can_look_closer=True)
    busy = replace(live, can_look_closer=False)
    photo = jpeg(figure(1280, 960, wall="#B9A58F", shirt="#7A3B46"))
    return {
        "closer-can": live,
        "closer-asked": replace(busy, closer=closer("provider", CloserLife.ASKED)),
        "closer-taking": replace(busy, closer=closer("provider", CloserLife.TAKING)),
        "closer-preview": replace(busy, closer=closer("provider", CloserLife.SENDING, picture=photo)),
        "closer-done": replace(live, closer=closer("provider", CloserLife.DONE, picture=photo)),
        "closer-refused": replace(live, closer=closer("provider", CloserLife.REFUSED)),
        "clip-asked": replace(busy, closer=closer("provider", CloserLife.ASKED, "clip")),
        "clip-taking": replace(busy, closer=closer("provider", CloserLife.TAKING, "clip")),
        "clip-saved": replace(live, closer=closer("provider", CloserLife.SAVED, "clip")),
    }


PATIENT_CLOSERS = (
    *("closer-asked", "closer-taking", "closer-sending", "closer-sent"),
    *("clip-asked", "clip-ready", "clip-recording", "clip-saving", "clip-saved"),
)
PROVIDER_CLOSERS = (
    *("closer-can", "closer-asked", "closer-taking", "closer-preview", "closer-done", "closer-refused"),
    *("clip-asked", "clip-taking", "clip-saved"),
)


def patient_views() -> dict[str, PatientView]:
    """Name -> view, of all the patient's pages."""
    photo = jpeg(figure(1280, 960, wall="#B9A58F", shirt="#7A3B46"))
    long_next = replace(NEXT, with_name=LONG_NAME, starts_at=NOW + timedelta(days=9), reason="About " + "x" * 60)
    wrong = Sentence("This code has a wrong letter or digit. Please compare it with your invitation.", Level.BAD)
    saved = Sentence("Your photo is saved. It is sent when the clinic can be reached.", Level.GOOD)
    views = {
        **{name: patient(Page.PASSPHRASE, passphrase=one) for name, one in passphrases(Role.PATIENT).items()},
        **{name: patient(page, **changes) for name, (page, changes) in locks(Role.PATIENT).items()},
        "enrol": patient(Page.ENROL, next_visit=None),
        "enrol-busy": patient(Page.ENROL, next_visit=None, busy=True),
        "enrol-wrong": patient(Page.ENROL, next_visit=None, notice=wrong),
        "home-empty": patient(Page.HOME, next_visit=None),
        "home": patient(Page.HOME, items=ITEMS[3:5]),
        "home-busy": patient(Page.HOME, busy=True),
        "home-offline": patient(Page.HOME, clinic=NOT_REACHED, notice=saved, items=ITEMS),
        "home-long": patient(Page.HOME, next_visit=long_next),
        "photo-preview": patient(Page.PHOTO, photo=PhotoView(PhotoPhase.PREVIEW, b"", "")),
        "photo-review": patient(Page.PHOTO, photo=PhotoView(PhotoPhase.REVIEW, photo, "It looks a little dark.")),
        "photo-taking": patient(Page.PHOTO, photo=PhotoView(PhotoPhase.TAKING, b"", "")),
        "photo-saving": patient(Page.PHOTO, photo=PhotoView(PhotoPhase.SAVING, photo, "")),
    }
    for name, state in {**VISITS, **patient_closers()}.items():
        views[f"visit-{name}"] = patient(Page.VISIT, visit=state)
    for name, view in SOUNDS.items():
        live = VISITS["live"] if view.phase is SoundPhase.IN_VISIT else None
        views[f"sound-{name}"] = patient(Page.SOUND, sound=view, visit=live)
    gone = Sentence("The microphone was unplugged. The visit goes on; plug it in again to be heard.", Level.WARN)
    for name, (page, changes) in sending_views().items():
        views[f"send-{name}"] = patient(page, **changes)
    for name, past in past_views(provider=False).items():
        views[name] = patient(Page.PAST_VISITS, past=past)
    views["visit-notice"] = patient(Page.VISIT, visit=visit(with_name=LONG_NAME), notice=gone)
    return views


def passphrases(role: Role) -> dict[str, PassphraseView]:
    """As the presenters ask for it: new, found too short, being tried, and asked for again."""
    new, wanted = chosen_hints(role), ASKED_HINTS
    return {
        "passphrase-new": PassphraseView(True, False, new, None, 1),
        "passphrase-fault": PassphraseView(True, False, new, NOT_ALIKE, 1),
        "passphrase-checking": PassphraseView(True, True, new, None, 1),
        "passphrase-open": PassphraseView(False, False, wanted, None, 1),
        "passphrase-wrong": PassphraseView(False, False, wanted, WRONG, 2),
    }


def locks(role: Role) -> dict[str, tuple[Page, dict[str, object]]]:
    """The weak key said at home, and the page on which a passphrase is set later, or changed."""
    weak, kept = LockView(False, WEAK, in_notice=True), LockView(True, None)
    new, other = replace(weak, hints=chosen_hints(role), number=1), replace(kept, hints=changing_hints(role), number=1)
    wrong = replace(other, fault=wrong_old(OFTEN), number=2)
    pages = {"set": new, "change": other, "fault": replace(other, fault=NOT_ALIKE), "wrong": wrong}
    pages["checking"] = replace(other, checking=True)
    shown: dict[str, tuple[Page, dict[str, object]]] = {
        "lock-weak": (Page.HOME, {"lock": weak, "notice": WEAK_KEY}),
        "lock-weak-later": (Page.HOME, {"lock": replace(weak, in_notice=False), "notice": None}),
        "lock-kept": (Page.HOME, {"lock": kept, "notice": CHANGED}),
    }
    return shown | {f"lock-{name}": (Page.LOCK, {"lock": view}) for name, view in pages.items()}


LOCKS = tuple(locks(Role.PATIENT))
PASSPHRASES = tuple(passphrases(Role.PATIENT))
PEOPLE = (
    PersonRow("device0001", "Maria Lopez", True),
    PersonRow("device0002", "Tom Okafor", True),
    PersonRow("device0003", "Anne Whitfield", False),
    PersonRow("", "Bertha Olsen", False),
)
CODE = "-".join(["1ABC", "D2EF", "G3HJ", "K4MN", "P5QR", "S6TV", "W7XY", "Z890", "1234", "5678"])
INVITATION = f"https://clinic.example:8443\n{CODE}"


def desk_views() -> dict[str, ProviderView]:
    """Name -> view, of the desk."""
    fresh = DeskView((), "", "", "")
    busy = DeskView(PEOPLE, "", "", "Dr Lee")
    invited = DeskView(PEOPLE, INVITATION, "Bertha Olsen", "Dr Lee")
    far = DeskView(PEOPLE, f"https://thinline.{'hospital-' * 4}north.example:8443\n{CODE}", LONG_NAME, LONG_NAME)
    wrong = Sentence("The clinic cannot be reached just now. Please try again in a moment.", Level.WARN)
    return {
        "desk-new": provider(Page.DESK, desk=fresh),
        "desk-busy": provider(Page.DESK, desk=busy, busy=True),
        "desk-invited": provider(Page.DESK, desk=invited),
        "desk-long": provider(Page.DESK, desk=far, notice=wrong),
    }


def provider_views() -> dict[str, ProviderView]:
    """Name -> view, of all the provider's pages."""
    schedule = (
        ScheduleRow("visit0001", NOW + timedelta(minutes=20), "Maria Lopez", "Follow-up of skin rash", True, False),
        ScheduleRow("visit0002", NOW + timedelta(minutes=50), "Tom Okafor", "Blood pressure", False, False),
        ScheduleRow("visit0003", NOW - timedelta(minutes=10), "Anne Whitfield", "", False, True),
        ScheduleRow(
            "visit0004", NOW + timedelta(days=1), LONG_NAME, "Wound after an operation on the knee", False, False
        ),
    )
    views = {
        **{name: provider(Page.PASSPHRASE, passphrase=one) for name, one in passphrases(Role.PROVIDER).items()},
        **{name: provider(page, **changes) for name, (page, changes) in locks(Role.PROVIDER).items()},
        "enrol": provider(Page.ENROL),
        "day-empty": provider(Page.HOME),
        "day": provider(Page.HOME, schedule=schedule, inbox=INBOX),
        "day-busy": provider(Page.HOME, schedule=schedule, inbox=INBOX, busy=True, clinic=NOT_REACHED),
        **desk_views(),
    }
    views |= {name: provider(Page.ITEM, opened=item) for name, item in item_views().items()}
    for name, state in {**PROVIDER_VISITS, **provider_closers()}.items():
        views[f"visit-{name}"] = provider(Page.VISIT, visit=state)
    goes_on = PROVIDER_VISITS["live"]
    views["beside-day"] = provider(Page.HOME, schedule=schedule, inbox=INBOX, visit=goes_on)
    views["beside-item"] = provider(Page.ITEM, opened=item_views()["item"], visit=goes_on)
    views["beside-muted"] = provider(Page.HOME, inbox=INBOX, visit=PROVIDER_VISITS["muted"])
    views["visit-came"] = provider(Page.VISIT, inbox=INBOX, visit=goes_on)
    for name, past in past_views(provider=True).items():
        views[name] = provider(Page.PAST_VISITS, past=past)
    views["beside-past"] = provider(Page.PAST_VISITS, past=views["past-record"].past, visit=goes_on)
    for name in ("ready", "in-visit"):
        live = PROVIDER_VISITS["live"] if name == "in-visit" else None
        views[f"sound-{name}"] = provider(Page.SOUND, sound=SOUNDS[name], visit=live)
    return views


PATIENT_STATES = (
    *PASSPHRASES,
    *LOCKS,
    *("enrol", "enrol-busy", "enrol-wrong", "home-empty", "home", "home-busy", "home-offline", "home-long"),
    *("photo-preview", "photo-review", "photo-taking", "photo-saving", "visit-notice"),
    *(f"visit-{state}" for state in (*VISITS, *PATIENT_CLOSERS)),
    *(f"sound-{state}" for state in SOUNDS),
    *SENDING_STATES,
    *PAST_STATES,
)
PROVIDER_STATES = (
    *PASSPHRASES,
    *LOCKS,
    *("enrol", "day-empty", "day", "day-busy"),
    *ITEM_STATES,
    *("desk-new", "desk-busy", "desk-invited", "desk-long"),
    *(f"visit-{state}" for state in (*VISITS, *PROVIDER_CLOSERS)),
    *("sound-ready", "sound-in-visit", "beside-day", "beside-item", "beside-muted", "visit-came"),
    *PAST_STATES,
    "beside-past",
)
