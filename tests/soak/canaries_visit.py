"""Campaign, the other half of canaries.py: a canary in every personal field of a live visit and of what leads to it.

Two real presenters enrol by invitations, meet by the real service, write to each other in the call and after its
channel has closed, and open a link for a guest. Searched: every byte that passes a proxy before the service (what
WebSockets mask is unmasked), every datagram between the two, all profiles (open and closed), the call logs, a
temporary folder, all log lines, the service's disk and words. What docs/security.md names as clear, the names of the
chosen devices in devices.json, has to be there and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.media.call_log import CallLog
from app.media.devices import Taps
from app.media.events import SessionEvent
from app.presenters.around import Session
from app.presenters.base import Presenter
from app.presenters.views import ItemStage, Page, ProviderView, VisitPhase
from tests.clinic.service import RunningClinic, start_clinic
from tests.e2e.e2e_people import Clinic, start_visit, two_people
from tests.offline.offline_kit import every_byte
from tests.soak.campaign import Outcome, fast_folder
from tests.soak.planted import canary, own_temporary, search, watched_logs
from tests.soak.tapped import TappedProxy, datagrams

FIELDS = (
    "patient name", "provider name", "visit reason", "word in the call", "provider word", "word for the outbox",
    "guest name",
)  # fmt: skip
DEVICES = ("microphone", "speaker", "camera")
_PATIENCE_S = 90.0


async def visit(folder: Path, service: RunningClinic, words: dict[str, str]) -> dict[str, bytes]:
    """A visit with all of it: place -> bytes."""
    proxy, places = TappedProxy(("127.0.0.1", service.port)), {}
    names = (words["provider name"], words["patient name"])
    async with proxy.running():
        with datagrams() as sent, contextlib.closing(CallLog(folder / "lee" / "calls")) as calls:
            taps = Taps(statistics=calls.statistics)
            async with two_people(
                folder, proxy.url, service.code, taps=taps, names=names, reason=words["visit reason"]
            ) as met:
                noted(met.provider.presenter, calls)
                await chosen(met, words)
                await talked(met, words)
                await left_behind(met, words)
                places["the profiles before the end"] = profiles(folder)
    assert proxy.messages() > 10
    assert sum(data[:1] >= b"\x80" for data in sent) > 20, "no call went on"
    return places | {"the wire": proxy.wire(), "the datagrams": b"\n".join(sent)}


def noted(presenter: Presenter[ProviderView], calls: CallLog) -> None:
    """The provider's calls are logged, as app.compose has it."""
    make = presenter.env.session

    def session(*, emit: Callable[[SessionEvent], None], **given: Any) -> Session:
        def told(event: SessionEvent) -> None:
            calls.event(time.time(), event)
            emit(event)

        calls.begin()
        return make(emit=told, **given)

    presenter.env = replace(presenter.env, session=session)


async def chosen(met: Clinic, words: dict[str, str]) -> None:
    """The patient's devices are chosen by name."""
    patient = met.patient
    patient.presenter.open_sound()
    await patient.until(lambda v: v.page is Page.SOUND)
    for kind in DEVICES:
        patient.presenter.choose_device(kind, words[kind])
    await patient.until(lambda v: [row.chosen for row in v.sound.devices] == [words[kind] for kind in DEVICES])
    patient.presenter.close_sound()
    await patient.until(lambda v: v.page is Page.HOME)


async def talked(met: Clinic, words: dict[str, str]) -> None:
    """Both write in the call; a link for a guest stands there. What is its secret is a canary from then on."""
    patient, provider = met.patient, met.provider
    await start_visit(met)
    for who in (patient, provider):
        await who.until(lambda v: v.visit and v.visit.phase is VisitPhase.LIVE, _PATIENCE_S)
    patient.presenter.say_words(words["word in the call"])
    await provider.until(lambda v: v.visit.words.lines, _PATIENCE_S)
    provider.presenter.say_words(words["provider word"])
    await patient.until(lambda v: len(v.visit.words.lines) == 2, _PATIENCE_S)
    provider.presenter.invite_guest("guest", words["guest name"])
    view = await provider.until(lambda v: v.visit.guest and v.visit.guest.link, _PATIENCE_S)
    assert words["guest name"] in view.visit.guest.title
    words["guest secret"] = view.visit.guest.link.partition("#")[2]
    assert [line.text for line in view.visit.words.lines] == [words["word in the call"], words["provider word"]]


async def left_behind(met: Clinic, words: dict[str, str]) -> None:
    """A word that the call no longer takes goes through the outbox, and the provider reads it."""
    patient, provider = met.patient, met.provider
    patient.presenter._room.words.attach(lambda data: False)
    patient.presenter.say_words(words["word for the outbox"])
    await patient.until(lambda v: any(line.text == words["word for the outbox"] for line in v.visit.words.lines))
    patient.presenter.hang_up()
    await patient.until(
        lambda v: v.page is Page.HOME and v.items and v.items[0].stage is ItemStage.RECEIVED, _PATIENCE_S
    )
    await provider.until(lambda v: v.page is Page.HOME and len(v.inbox) == 1, _PATIENCE_S)
    provider.presenter.open_item(provider.view.inbox[0].submission_id)
    view = await provider.until(lambda v: v.opened and v.opened.note, _PATIENCE_S)
    assert view.opened.note.endswith(words["word for the outbox"])


def profiles(folder: Path) -> bytes:
    """Everything in the three profiles but the one file that names devices in the clear."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "devices.json")
    return b"".join(path.read_bytes() for path in found)


def run(seed: int) -> Outcome:
    outcome, began = Outcome(), time.monotonic()
    words = {field: canary(field, seed) for field in (*FIELDS, *DEVICES)}
    with fast_folder() as folder, watched_logs() as logs, own_temporary(folder) as temporary:
        people = folder / "people"
        people.mkdir()
        service = start_clinic(folder)
        try:
            places = asyncio.run(visit(people, service, words))
        finally:
            service.stop()
        named = people / "ann" / "devices.json"
        assert all(words[kind] in named.read_text() for kind in DEVICES), "the devices' names were not planted"
        assert named.stat().st_mode & 0o077 == 0
        call_logs = b"".join(path.read_bytes() for path in people.rglob("calls.jsonl"))
        assert call_logs.count(b"\n") > 4, "no call was logged"
        places |= {
            "the closed profiles": profiles(people),
            "the call logs": call_logs,
            "the temporary folder": every_byte(temporary),
            "the logs": logs.getvalue().encode(),
            "the service's disk": service.bytes_on_disk(),
            "the service's words": "".join(service.log).encode(),
        }
    search(places, words, outcome)
    outcome.seconds = time.monotonic() - began
    return outcome
