"""Sample views of one visit in every state worth a look, with its words and its guest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.media.events import Cause, ConnectionState, Modality, PeerState, View
from app.media.words import State
from app.presenters.guest_sentences import GuestState, guest_sentence, guest_title
from app.presenters.views import (
    GuestView,
    Level,
    PictureState,
    Sentence,
    TimelineEntry,
    VisitPhase,
    VisitView,
    WordsLine,
    WordsView,
)
from app.presenters.visit_sentences import (
    TIMELINE_CONNECTION,
    VisitFacts,
    link_sentence,
    other_sentence,
    stage_sentence,
    timeline_back,
    timeline_choice,
    timeline_sending,
    wish_sentence,
)
from app.presenters.words_sentences import line_state, quick_phrases
from app.ui.drawn import figure as figure
from app.ui.drawn import jpeg as jpeg
from app.ui.drawn import pixels as pixels
from app.wire.guests import GuestRole

NOW = datetime(2026, 11, 23, 14, 10, tzinfo=UTC)
PHONE = "555 0100"


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
                (0, TIMELINE_CONNECTION[ConnectionState.CONNECTED]),
                (0, timeline_sending("Maria Lopez", Modality.VIDEO, Cause.START, "Dr Lee")),
                (6, timeline_sending("Maria Lopez", Modality.AUDIO, Cause.LINK_THIN, "Dr Lee")),
                (9, timeline_choice("Maria Lopez", True)),
                (9, timeline_sending("Dr Lee", Modality.AUDIO, Cause.OTHER_CHOSE, "Maria Lopez")),
                (11, timeline_back(46)),
            )
        ),
    )
    return replace(good, **changes)  # type: ignore[arg-type]


PEER = PeerState(
    microphone_on=True, camera_on=True, sending=Modality.VIDEO, cause=Cause.START, hears_us=True, sees_us=True
)
FACTS = VisitFacts(
    other="Dr Lee",
    other_present=True,
    started=True,
    connection=ConnectionState.CONNECTED,
    sending=Modality.VIDEO,
    cause=Cause.START,
    microphone_on=True,
    camera_on=True,
    peer=PEER,
    clinic_reachable=True,
    phone=PHONE,
)


def said_of(facts: VisitFacts, **changes: object) -> VisitView:
    """A visit whose sentences are the presenter's own, of `facts`."""
    changes.setdefault("words", WordsView((), quick_phrases(facts, "")))
    return visit(
        with_name=facts.other,
        link=link_sentence(facts),
        other=other_sentence(facts),
        stage=stage_sentence(facts),
        microphone_on=facts.microphone_on,
        camera_on=facts.camera_on,
        speech_alone=facts.speech_alone,
        pictures_off=facts.pictures_off,
        wish=facts.wish if facts.provider else View.TALK,
        wished=None if facts.provider else wish_sentence(facts),
        **changes,
    )


def written(facts: VisitFacts, *, ready: bool = True) -> WordsView:
    """A conversation in which the last line is under way."""
    last = State.SENDING if ready else State.WAITING
    rows = (
        (False, "Can you hear me now? I see you, but there is no sound.", State.READ, 7),
        (True, "I cannot hear you.", State.DELIVERED, 8),
        (False, "Please hold the photo of the cream to the camera, then call me.", State.READ, 8),
        (True, "It is in the kitchen, I fetch it now.", last, 9),
    )
    lines = tuple(
        WordsLine(f"line{n}", mine, text, NOW + timedelta(minutes=at), line_state(state, facts, ready))
        for n, (mine, text, state, at) in enumerate(rows)
    )
    return WordsView(lines, quick_phrases(facts, "" if ready else "+1 555 0199"))


def guest(state: GuestState, *, provider: bool) -> GuestView:
    connected, away = state is GuestState.CONNECTED, state is GuestState.AWAY
    link = "" if connected or away or not provider else "https://clinic.example:8443/guest/#AAECAwQFBgcICQoLDA0ODw"
    return GuestView(
        guest_id="guest0001",
        title=guest_title("Ana Reyes", GuestRole.INTERPRETER),
        says=guest_sentence(state, "Ana Reyes", GuestRole.INTERPRETER, "Dr Lee", provider=provider),
        connected=connected,
        picture=PictureState.LIVE if connected else PictureState.FROZEN if away else PictureState.NONE,
        picture_age_s=9 if away else 0,
        link=link,
    )


def unsteady(facts: VisitFacts) -> dict[str, VisitView]:
    """Name -> a visit whose sound or whose connection goes, comes back, or stays away."""
    peer, none, frozen = facts.peer or PEER, PictureState.NONE, PictureState.FROZEN
    again = VisitPhase.RECONNECTING

    def cut(state: ConnectionState, seconds: float) -> VisitFacts:
        return replace(facts, connection=state, gone_s=seconds)

    return {
        "interrupted": said_of(cut(ConnectionState.INTERRUPTED, 4), phase=again, picture=frozen, picture_age_s=4),
        "reconnecting": said_of(cut(ConnectionState.RECONNECTING, 31), phase=again, picture=frozen, picture_age_s=31),
        "words": said_of(replace(facts, peer=replace(peer, hears_us=False)), words=written(facts)),
        "words-cut": said_of(
            cut(ConnectionState.RECONNECTING, 31),
            phase=again,
            picture=frozen,
            picture_age_s=31,
            words=written(cut(ConnectionState.RECONNECTING, 31), ready=False),
        ),
        "back": said_of(replace(facts, back_s=2.0)),
        "lost": said_of(cut(ConnectionState.FAILED, 70), phase=VisitPhase.LOST, picture=none),
        "ended": said_of(cut(ConnectionState.CLOSED, 0), phase=VisitPhase.ENDED, picture=none),
    }


def visits(facts: VisitFacts = FACTS) -> dict[str, VisitView]:
    """Name -> a visit in that state, seen by one of the two."""
    peer, none, frozen = facts.peer or PEER, PictureState.NONE, PictureState.FROZEN
    thin = replace(facts, sending=Modality.AUDIO, cause=Cause.LINK_THIN, peer=replace(peer, sees_us=False))
    both = replace(thin, peer=replace(peer, sees_us=False, sending=Modality.AUDIO, cause=Cause.LINK_THIN))
    still = replace(facts, sending=Modality.STILLS, cause=Cause.LINK_THIN)
    stills = replace(still, peer=replace(peer, sending=Modality.STILLS, cause=Cause.LINK_THIN))
    chose = replace(facts, sending=Modality.AUDIO, cause=Cause.CHOSEN, speech_alone=True)
    theirs = replace(peer, speech_alone=True, sending=Modality.AUDIO, cause=Cause.CHOSEN)
    waits = replace(facts, started=False, other_present=False, peer=None)
    return {
        "waiting": said_of(waits, phase=VisitPhase.WAITING, picture=none, timeline=()),
        "connecting": said_of(replace(waits, other_present=True), phase=VisitPhase.CONNECTING, picture=none),
        "live": said_of(facts),
        "muted": said_of(
            replace(facts, microphone_on=False, camera_on=False, peer=replace(peer, sees_us=False, hears_us=False))
        ),
        "no-camera": said_of(replace(facts, peer=replace(peer, sees_us=False)), camera_present=False),
        "audio": said_of(both, picture=none),
        "frozen": said_of(both, picture=frozen, picture_age_s=12),
        "stills": said_of(stills, picture_age_s=6),
        "stills-mine": said_of(still),
        "speech-mine": said_of(chose, picture=none),
        "speech-theirs": said_of(replace(facts, cause=Cause.OTHER_CHOSE, peer=theirs), picture=none),
        "speech-both": said_of(replace(chose, peer=theirs, microphone_on=False, camera_on=False), picture=none),
        **unsteady(facts),
        "wished": said_of(replace(facts, wish=View.DETAIL, peer=replace(peer, wish=View.DETAIL))),
        "guest": said_of(facts, guest=guest(GuestState.CONNECTED, provider=facts.provider)),
        "guest-away": said_of(facts, guest=guest(GuestState.AWAY, provider=facts.provider)),
        "guest-words": said_of(
            facts, guest=guest(GuestState.CONNECTED, provider=facts.provider), words=written(facts)
        ),
        "guest-invited": said_of(facts, guest=guest(GuestState.INVITED, provider=facts.provider)),
    }


VISITS = visits()
PROVIDER_VISITS = visits(replace(FACTS, other="Maria Lopez", provider=True))
