"""Sample views of every page in every state worth a look: for the gallery and for the tests of the screens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QImageWriter, QLinearGradient, QPainter

from app.presenters.views import (
    DeskView,
    InboxRow,
    ItemStage,
    ItemView,
    Level,
    NextVisit,
    OpenedItem,
    OpenedPicture,
    Page,
    PatientView,
    PersonRow,
    PhotoPhase,
    PhotoView,
    PictureState,
    ProviderView,
    ScheduleRow,
    Sentence,
    TimelineEntry,
    VisitPhase,
    VisitView,
)

NOW = datetime(2026, 11, 23, 14, 10, tzinfo=UTC)
PHONE = "555 0100"
REACHED = Sentence("The clinic can be reached.", Level.GOOD)
NOT_REACHED = Sentence("The clinic cannot be reached now. What you send is kept safe here until it can.", Level.WARN)


def figure(width: int, height: int, *, wall: str = "#8FA7A5", shirt: str = "#31566B") -> QImage:
    """A drawn head and shoulders before a wall: no photo of anyone is needed to judge a page."""
    image = QImage(width, height, QImage.Format.Format_RGB888)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    shade = QLinearGradient(0, 0, width, height)
    shade.setColorAt(0, QColor(wall).lighter(125))
    shade.setColorAt(1, QColor(wall).darker(130))
    painter.fillRect(image.rect(), shade)
    painter.setPen(Qt.PenStyle.NoPen)
    unit = min(width / 4, height / 3)
    middle = QPointF(width / 2, height * 0.42)
    painter.setBrush(QColor(shirt))
    painter.drawEllipse(QPointF(width / 2, height * 1.08), unit * 1.25, unit * 0.98)
    painter.setBrush(QColor("#C58F6D"))
    painter.drawRect(round(middle.x() - unit * 0.17), round(middle.y()), round(unit * 0.34), round(unit * 0.95))
    painter.setBrush(QColor("#D9A684"))
    painter.drawEllipse(middle, unit * 0.5, unit * 0.64)
    painter.setBrush(QColor("#4A3A31"))
    painter.drawChord(
        round(middle.x() - unit * 0.55),
        round(middle.y() - unit * 0.76),
        round(unit * 1.1),
        round(unit * 1.1),
        200,
        2480,
    )
    painter.end()
    return image


def pixels(image: QImage) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 of an RGB888 image, a copy."""
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return np.array(flat[:, : 3 * image.width()].reshape(image.height(), image.width(), 3))


def jpeg(image: QImage) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QImageWriter(buffer, QByteArray(b"jpeg"))
    writer.setQuality(88)
    writer.write(image)
    return bytes(buffer.data().data())


def visit(**changes: object) -> VisitView:
    """A live visit with everything well, changed as asked."""
    good = VisitView(
        visit_id="visit0001",
        with_name="Dr Lee",
        phase=VisitPhase.LIVE,
        link=Sentence("The connection is good.", Level.GOOD),
        other=Sentence("Dr Lee hears and sees you.", Level.GOOD),
        microphone_on=True,
        camera_on=True,
        camera_present=True,
        picture=PictureState.LIVE,
        picture_age_s=0,
        clinic_phone=PHONE,
        timeline=tuple(
            TimelineEntry(NOW + timedelta(minutes=m), text)
            for m, text in (
                (0, "The visit started with speech and picture."),
                (6, "Picture stopped: the connection became too slow."),
                (9, "Picture came back: the connection is better."),
            )
        ),
    )
    return replace(good, **changes)  # type: ignore[arg-type]


VISITS: dict[str, VisitView] = {
    "waiting": visit(
        phase=VisitPhase.WAITING,
        link=Sentence("You are in the waiting room. The clinic knows that you are here.", Level.NOTE),
        other=None,
        picture=PictureState.NONE,
        timeline=(),
    ),
    "connecting": visit(
        phase=VisitPhase.CONNECTING,
        link=Sentence("Connecting to Dr Lee.", Level.NOTE),
        other=None,
        picture=PictureState.NONE,
    ),
    "live": visit(),
    "muted": visit(
        microphone_on=False,
        camera_on=False,
        other=Sentence("Dr Lee cannot hear or see you: you chose so.", Level.NOTE),
    ),
    "no-camera": visit(
        camera_present=False, other=Sentence("Dr Lee hears you. No camera was found on your side.", Level.NOTE)
    ),
    "audio": visit(
        picture=PictureState.NONE,
        link=Sentence(
            "The connection is too slow for pictures. You can speak; pictures return by themselves.", Level.WARN
        ),
        other=Sentence("Dr Lee hears you but cannot see you.", Level.WARN),
    ),
    "frozen": visit(
        picture=PictureState.FROZEN,
        picture_age_s=12,
        link=Sentence("The connection is too slow for moving pictures.", Level.WARN),
        other=Sentence("Dr Lee hears you but cannot see you.", Level.WARN),
    ),
    "reconnecting": visit(
        phase=VisitPhase.RECONNECTING,
        picture=PictureState.FROZEN,
        picture_age_s=31,
        link=Sentence("The connection broke. Connecting again, please wait.", Level.BAD),
        other=Sentence("Dr Lee cannot hear you just now.", Level.BAD),
    ),
    "lost": visit(
        phase=VisitPhase.LOST,
        picture=PictureState.NONE,
        link=Sentence("There has been no connection for a minute.", Level.BAD),
        other=None,
    ),
    "ended": visit(
        phase=VisitPhase.ENDED,
        picture=PictureState.NONE,
        link=Sentence("The visit has ended.", Level.NOTE),
        other=None,
    ),
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


def patient_views() -> dict[str, PatientView]:
    """Name -> view, of all the patient's pages."""
    photo = jpeg(figure(1280, 960, wall="#B9A58F", shirt="#7A3B46"))
    long_next = replace(NEXT, with_name=LONG_NAME, starts_at=NOW + timedelta(days=9), reason="About " + "x" * 60)
    wrong = Sentence("This code has a wrong letter or digit. Please compare it with your invitation.", Level.BAD)
    saved = Sentence("Your photo is saved. It is sent when the clinic can be reached.", Level.GOOD)
    views = {
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
        "photo-saving": patient(Page.PHOTO, photo=PhotoView(PhotoPhase.SAVING, photo, "")),
    }
    for name, state in VISITS.items():
        views[f"visit-{name}"] = patient(Page.VISIT, visit=state)
    gone = Sentence("The microphone was unplugged. The visit goes on; plug it in again to be heard.", Level.WARN)
    views["visit-notice"] = patient(Page.VISIT, visit=visit(with_name=LONG_NAME), notice=gone)
    return views


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
    inbox = (
        InboxRow("item0001", NOW - timedelta(minutes=4), "Maria Lopez", False),
        InboxRow("item0002", NOW - timedelta(hours=3), "Tom Okafor", False),
        InboxRow("item0003", NOW - timedelta(days=1), "Anne Whitfield", True),
    )
    photo = OpenedPicture(
        "photo.jpg", "image/jpeg", jpeg(figure(1280, 960, wall="#B9A58F", shirt="#7A3B46")), "9f86d081884c7d65" * 4
    )
    opened = OpenedItem(
        "item0001", "Maria Lopez", NOW - timedelta(minutes=9), "Photo for the visit",
        "It itches since Sunday, more at night. The cream did not help.", (photo, photo),
    )  # fmt: skip
    letter = OpenedPicture("letter.pdf", "application/pdf", b"%PDF-1.7")
    views = {
        "enrol": provider(Page.ENROL),
        "day-empty": provider(Page.HOME),
        "day": provider(Page.HOME, schedule=schedule, inbox=inbox),
        "day-busy": provider(Page.HOME, schedule=schedule, inbox=inbox, busy=True, clinic=NOT_REACHED),
        **desk_views(),
        "item": provider(Page.ITEM, opened=opened),
        "item-no-picture": provider(Page.ITEM, opened=replace(opened, pictures=(letter,), note="", purpose="")),
    }
    for name, state in VISITS.items():
        views[f"visit-{name}"] = provider(Page.VISIT, visit=replace(state, with_name="Maria Lopez"))
    return views


PATIENT_STATES = (
    *("enrol", "enrol-busy", "enrol-wrong", "home-empty", "home", "home-busy", "home-offline", "home-long"),
    *("photo-preview", "photo-review", "photo-saving", "visit-notice"),
    *(f"visit-{state}" for state in VISITS),
)
PROVIDER_STATES = (
    *("enrol", "day-empty", "day", "day-busy", "item", "item-no-picture"),
    *("desk-new", "desk-busy", "desk-invited", "desk-long"),
    *(f"visit-{state}" for state in VISITS),
)
