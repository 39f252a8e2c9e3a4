"""One visit from the waiting room to its end: presence and signed signals in, a media session driven, a view out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from app.media.devices import DeviceKind, DeviceSpec
from app.media.events import (
    Cause,
    ConnectionChanged,
    ConnectionState,
    DataReady,
    DataReceived,
    DeviceChanged,
    DevicesChanged,
    Modality,
    ModalityChanged,
    PeerChanged,
    SessionEvent,
    SignalPart,
    View,
)
from app.media.rtc.errors import BadSignal
from app.net.signalling import ForgedSignal, OldSignal, SignedSignals
from app.offline.store import Store
from app.presenters.around import Session, Surroundings
from app.presenters.chat import Chat
from app.presenters.closer import CloserAround
from app.presenters.closer_patient import PatientCloser
from app.presenters.closer_provider import ProviderCloser
from app.presenters.figures import link_figures
from app.presenters.views import PictureState, TimelineEntry, VisitPhase, VisitView, WordsView
from app.presenters.visit_devices import VisitDevices
from app.presenters.visit_phase import MEDIA_FLOWS
from app.presenters.visit_record import VisitRecord
from app.presenters.visit_sentences import (
    VisitFacts,
    link_sentence,
    misunderstood,
    other_sentence,
    stage_sentence,
    timeline_choice,
    timeline_wish,
    wish_sentence,
)
from app.presenters.visit_timeline import VisitTimeline
from app.presenters.visit_upload import upload_allowance
from app.wire.messages import Enter, Leave, Presence, SendSignal, Signal
from app.wire.visits import VisitDetails

log = logging.getLogger(__name__)

_FIGURES_S = 2.0
_FROZEN_AFTER_S = 1.5


class VisitRoom:
    """A person's side of one visit. All methods run on the I/O loop."""

    def __init__(
        self,
        details: VisitDetails,
        *,
        me: str,
        signals: SignedSignals,
        around: Surroundings,
        microphone_on: bool = True,
        camera_on: bool = True,
        words: Chat | None = None,
    ) -> None:
        provider = me == details.provider_device
        self.details = details
        self.peer_device = details.other_device(me)
        self.ended_by_other = False
        self.forged = False
        self.on_guest: Callable[[bytes], None] = lambda _sealed: None  # the other side's sealed word about a guest
        self._offerer = provider
        self._me_name = details.provider_name if provider else details.patient_name
        self._signals = signals
        self._around = around
        self._session: Session | None = None
        self.words = words
        if words is not None:
            words.attach(self._send_words)
        self._tasks: set[asyncio.Task[None]] = set()
        self._incoming: asyncio.Queue[SignalPart] = asyncio.Queue(32)
        self._figures = ""
        self._camera_missing = False
        self._bulk_waits = False
        self._devices = VisitDevices(lambda: self._session)
        facts = _first_facts(details, provider, microphone_on, camera_on)
        timeline = VisitTimeline(details.visit_id, around.wall)
        self._record = VisitRecord(facts, timeline, self._me_name, around)
        self.closer = self._make_closer(provider)

    def _make_closer(self, provider: bool) -> PatientCloser | ProviderCloser:
        out = self._around
        other = self.details.patient_name if provider else self.details.provider_name
        parts = CloserAround(lambda: self._session, out.changed, self.note, out.clock, self._me_name, other, out.file)
        return ProviderCloser(parts) if provider else PatientCloser(parts)

    @property
    def other(self) -> str:
        return self._record.facts.other

    @property
    def other_present(self) -> bool:
        """Whether the service sees the other person in the visit."""
        return self._record.facts.other_present

    @property
    def is_lost(self) -> bool:
        """The connection has been gone for so long that the visit needs another way."""
        return self._record.phase() is VisitPhase.LOST

    @property
    def session(self) -> Session | None:
        """The media session, once the other person has come."""
        return self._session

    @property
    def upload_allowance(self) -> float | None:
        """Bytes a second that bulk upload may take beside this visit; None: no bound, 0: nothing."""
        if self._record.facts.started and self._record.facts.connection in MEDIA_FLOWS and self.closer.busy:
            return 0.0  # a still goes before bulk
        spare = None if self._session is None else self._session.upload_bps
        return upload_allowance(self._record.facts.started, self._record.facts.connection, spare)

    @property
    def link_bps(self) -> float | None:
        """What our link carries in this visit, bit/s; None while no media flows."""
        if self._session is None or self._record.facts.connection not in MEDIA_FLOWS:
            return None
        return self._session.link_bps

    @property
    def pictures_wanted(self) -> bool:
        return not (self._record.facts.pictures_off or self._camera_missing)

    def set_bulk(self, waits: bool) -> None:
        """Whether something of the outbox waits: moving pictures leave it a share, but not beside a closer look."""
        waits = waits and not self.closer.busy
        if waits is not self._bulk_waits:
            self._bulk_waits = waits
            if self._session is not None:
                self._session.set_bulk(waits)

    @property
    def timeline(self) -> tuple[TimelineEntry, ...]:
        return self._record.timeline.entries

    async def keep_timeline(self, store: Store) -> None:
        """What has happened goes to the encrypted store. Raises as the store does."""
        await self._record.timeline.keep(store)

    def note(self, text: str) -> None:
        self._record.timeline.note(text)

    def enter(self, connected: bool) -> None:
        """The person comes in; without a connection the service hears of it later."""
        self.note(f"{self._me_name} opened the visit" if self._offerer else f"{self._me_name} came in")
        self.on_stream(connected)

    def on_stream(self, connected: bool) -> None:
        """The connection to the service broke or stands again."""
        self._record.set(clinic_reachable=connected)
        if connected:
            self._around.say(Enter(visit_id=self.details.visit_id))
        else:
            self._record.set(other_present=False)

    def on_presence(self, message: Presence) -> None:
        if message.device_id != self.peer_device:
            return
        self._record.set(other_present=message.present)
        if message.present:
            if self._session is None:
                self._make_session()
            else:
                self._session.signalling_back()

    def on_signal(self, message: Signal) -> None:
        """A signed step of the other side. One that is not theirs ends the visit: better none than an unsure one."""
        try:
            body = self._signals.unwrap(message.sender, message.body)
        except OldSignal as exc:
            log.info("an old signalling message was dropped: %s", exc)
            return
        except ForgedSignal as exc:
            log.info("a signalling message was refused: %s", exc)
            self.note("A message that the other person had not signed was refused")
            self.forged = True
            self._around.changed()
            return
        if body.kind == "guest":
            self.on_guest(body.sealed)
            return
        if body.kind == "bye":
            self.ended_by_other = True
            self.note(f"{self.other} left the visit")
            self._around.changed()
            return
        if self._session is None:
            self._make_session()
        try:
            self._incoming.put_nowait(SignalPart(body.kind, body.call, body.sdp))
        except asyncio.QueueFull:
            log.warning("too many signalling messages; one was dropped")

    def set_microphone(self, on: bool) -> None:
        self._record.set(microphone_on=on)
        if self._session is not None:
            self._session.set_microphone(on)

    def set_camera(self, on: bool) -> None:
        self._record.set(camera_on=on)
        if self._session is not None:
            self._session.set_camera(on)

    def set_speech_alone(self, on: bool) -> None:
        """Our own choice; pictures are off while either person's is on."""
        if on == self._record.facts.speech_alone:
            return
        self.note(timeline_choice(self._me_name, on))
        self._record.set(speech_alone=on)
        if self._session is not None:
            self._session.set_speech_alone(on)

    def set_wish(self, view: View) -> None:
        """What the other's pictures should be made for: talk, detail or motion."""
        if view is self._record.facts.wish:
            return
        self.note(timeline_wish(self._me_name, view))
        self._record.set(wish=view)
        if self._session is not None:
            self._session.set_wish(view)

    async def use_device(self, kind: DeviceKind, spec: DeviceSpec) -> None:
        """Another microphone, loudspeaker or camera, at once. Of several wishes the last one counts."""
        await self._devices.use(kind, spec)

    async def stats(self) -> dict[str, Any]:
        return await self._session.stats() if self._session is not None else {}

    async def leave(self) -> None:
        """Hangs up: says so to the other side, closes the media, leaves the room."""
        self.note("Left the visit")
        self.closer.end()
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        if self.words is not None:
            self.words.on_ready(False)
            await self.words.settle()
        self._around.say(Leave(visit_id=self.details.visit_id))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if (sentence := await self.closer.finish()) is not None:
            self._around.trouble(sentence)

    def view(self) -> VisitView:
        picture, age = self._picture()
        facts = self._record.timed()
        return VisitView(
            visit_id=self.details.visit_id,
            with_name=facts.other,
            phase=self._record.phase(),
            link=link_sentence(facts),
            other=other_sentence(facts),
            microphone_on=facts.microphone_on,
            camera_on=facts.camera_on,
            camera_present=not self._camera_missing,
            picture=picture,
            picture_age_s=age,
            clinic_phone=facts.phone,
            timeline=self.timeline,
            figures=self._figures,
            speech_alone=facts.speech_alone,
            pictures_off=facts.pictures_off,
            stage=stage_sentence(facts),
            words=WordsView() if self.words is None else self.words.view(facts),
            closer=self.closer.view(),
            wish=facts.wish,
            wished=wish_sentence(facts),
            can_look_closer=isinstance(self.closer, ProviderCloser) and self.closer.can_ask,
        )

    def _picture(self) -> tuple[PictureState, int]:
        latest = self._around.remote.latest()
        peer = self._record.facts.peer
        if latest is None or self._record.facts.pictures_off or (peer is not None and not peer.camera_on):
            return PictureState.NONE, 0
        age = self._around.clock() - latest.at
        return (PictureState.LIVE, 0) if age < _FROZEN_AFTER_S else (PictureState.FROZEN, int(age))

    def _make_session(self) -> None:
        self._record.on_started()
        session = self._around.make_session(offerer=self._offerer, send=self._send, emit=self._on_event)
        session.set_microphone(self._record.facts.microphone_on)
        session.set_camera(self._record.facts.camera_on)
        if self._record.facts.speech_alone:
            session.set_speech_alone(True)
        if self._record.facts.wish is not View.TALK:
            session.set_wish(self._record.facts.wish)
        if self._bulk_waits:
            session.set_bulk(True)
        self._session = session
        self._spawn(self._run(session))
        self._spawn(self._watch(session))

    async def _run(self, session: Session) -> None:
        await self._around.make_way()
        await session.start()
        await self._devices.on_started()
        while True:
            part = await self._incoming.get()
            try:
                await session.receive(part)
            except BadSignal as exc:
                log.info("a signalling message cannot be used: %s", exc)
                self.note("A message of the other person's app could not be used")
                self._around.trouble(misunderstood(self.other))

    async def _watch(self, session: Session) -> None:
        while True:
            await asyncio.sleep(_FIGURES_S)
            figures = link_figures(await session.stats())
            if figures != self._figures:
                self._figures = figures
                self._around.changed()

    def _spawn(self, coroutine: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the visit's session failed", exc_info=task.exception())

    def tell_of_guest(self, sealed: bytes) -> None:
        """To the other side: a guest has come, or has gone."""
        signed = self._signals.wrap(self.peer_device, "guest", "0" * 16, "", sealed)
        self._around.say(SendSignal(visit_id=self.details.visit_id, to=self.peer_device, body=signed))

    def _send(self, part: SignalPart) -> None:
        signed = self._signals.wrap(self.peer_device, part.kind, part.call, part.sdp)
        message = SendSignal(visit_id=self.details.visit_id, to=self.peer_device, body=signed)
        if not self._around.say(message):
            log.info("a signalling message waits for the clinic: %s", part.kind)

    def _send_words(self, data: bytes) -> bool:
        return self._session is not None and self._session.send_data("words", data)

    def _on_event(self, event: SessionEvent) -> None:
        match event:
            case ConnectionChanged(state=state):
                self._record.on_connection(state)
            case ModalityChanged(sending=sending, cause=cause):
                self._record.on_sending(sending, cause)
            case PeerChanged(peer=peer):
                self._record.on_peer(peer)
            case DataReady(ready=ready):
                self.closer.on_ready(ready)
                if self.words is not None:
                    self.words.on_ready(ready)
            case DataReceived(label="closer", data=data):
                self.closer.on_data(data)
            case DataReceived(label="words", data=data) if self.words is not None:
                self.words.on_message(data)
            case DevicesChanged(devices=devices):
                self._around.devices(devices)
            case DeviceChanged(kind=kind, state=state):
                if kind == "camera":
                    self._camera_missing = state != "ready"
                self._around.device(event)


def _first_facts(details: VisitDetails, provider: bool, microphone_on: bool, camera_on: bool) -> VisitFacts:
    return VisitFacts(
        other=details.patient_name if provider else details.provider_name,
        other_present=False,
        started=False,
        connection=ConnectionState.CONNECTING,
        sending=Modality.VIDEO,
        cause=Cause.START,
        microphone_on=microphone_on,
        camera_on=camera_on,
        peer=None,
        clinic_reachable=True,
        phone=details.clinic_phone,
        provider=provider,
    )
