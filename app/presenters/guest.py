"""One guest, on the side of one app: presence and sealed steps in, a media session of its own driven, a view out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from app.media.events import (
    ConnectionChanged,
    ConnectionState,
    DeviceChanged,
    DevicesChanged,
    ModalityChanged,
    SessionEvent,
    SignalPart,
)
from app.media.rtc.errors import BadSignal
from app.media.slot import FrameSlot
from app.net.guest_signals import GuestKind, GuestSignals
from app.net.signalling import ForgedSignal, OldSignal
from app.presenters.around import Session, SessionMaker
from app.presenters.guest_sentences import GuestState, guest_sentence, guest_title, timeline_guest
from app.presenters.views import GuestView, PictureState
from app.presenters.visit_sentences import timeline_sending
from app.presenters.visit_upload import upload_allowance
from app.wire.guests import GuestRole, SendGuest
from app.wire.messages import ClientMessage

log = logging.getLogger(__name__)

_FROZEN_AFTER_S = 1.5
_NO_CALL = "0" * 8


@dataclass(frozen=True)
class GuestWho:
    """`host` is our person's name, `inviter` the provider's; `link` the URL, where it was made here."""

    guest_id: str
    name: str
    role: GuestRole
    host: str
    inviter: str
    provider: bool
    link: str = ""

    @property
    def title(self) -> str:
        return guest_title(self.name, self.role)


@dataclass(frozen=True)
class GuestAround:
    """As app.presenters.around.Surroundings; `left` is called when the guest says goodbye."""

    say: Callable[[ClientMessage], bool]
    make_session: SessionMaker
    make_way: Callable[[], Awaitable[None]]
    remote: FrameSlot
    clock: Callable[[], float]
    changed: Callable[[], None]
    note: Callable[[str], None]
    device: Callable[[DeviceChanged | DevicesChanged], None]
    left: Callable[[], None]


class GuestCall:
    """All methods run on the I/O loop."""

    def __init__(
        self,
        who: GuestWho,
        signals: GuestSignals,
        around: GuestAround,
        *,
        microphone_on: bool,
        camera_on: bool,
        speech_alone: bool,
    ) -> None:
        self.who = who
        self.state = GuestState.INVITED
        self.used = False
        self.left = 0.0
        self._signals, self._around = signals, around
        self._chosen = (microphone_on, camera_on, speech_alone)
        self._session: Session | None = None
        self._connection = ConnectionState.CONNECTING
        self._incoming: asyncio.Queue[SignalPart] = asyncio.Queue(16)
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False
        self._bulk_waits = False
        self._pictures_said: Literal["", "pictures-off", "pictures-on"] = ""
        around.note(timeline_guest(who.title, GuestState.INVITED))

    def seen(self, present: bool) -> None:
        """The service sees the guest's page, or does not any more. Media does not hang on it."""
        if self._over or not present:
            return
        if self._session is None:
            self._make_session()
        else:
            self._session.signalling_back()
            self._say_pictures(again=True)  # a page that was loaded anew, or was away, has not heard it

    def said(self, box: bytes) -> None:
        """A sealed step of the page. One that is not the guest's is dropped: the service could send any number."""
        try:
            step = self._signals.unwrap(box)
        except (OldSignal, ForgedSignal) as exc:
            log.info("a guest's step was dropped: %s", exc)
            return
        if step.kind == "bye":
            self._become(GuestState.LEFT)
            self._around.left()
            return
        if step.kind == "pictures-off" or step.kind == "pictures-on":
            log.info("a guest's page has no say over our pictures: %s", step.kind)
            return
        try:
            self._incoming.put_nowait(SignalPart(step.kind, step.call, step.sdp))
        except asyncio.QueueFull:
            log.warning("too many steps of a guest; one was dropped")

    def choose(self, *, microphone_on: bool, camera_on: bool, speech_alone: bool) -> None:
        """What our person has switched, for the guest's ears and eyes too."""
        self._chosen = (microphone_on, camera_on, speech_alone)
        session = self._session
        if session is not None:
            session.set_microphone(microphone_on)
            session.set_camera(camera_on)
            session.set_speech_alone(speech_alone)
            self._say_pictures()

    def _say_pictures(self, *, again: bool = False) -> None:
        """Speech alone is chosen for both ways: a browser hears of it by a step, as it knows none of our RTCP."""
        step: Literal["pictures-off", "pictures-on"] = "pictures-off" if self._chosen[2] else "pictures-on"
        if step != (self._pictures_said or "pictures-on") or (again and self._pictures_said):
            self._pictures_said = step
            self._say(step, _NO_CALL, "")

    def set_bulk(self, waits: bool) -> None:
        """As app.presenters.visit.VisitRoom.set_bulk: what an upload takes, it takes beside this call too."""
        if waits is not self._bulk_waits:
            self._bulk_waits = waits
            if self._session is not None:
                self._session.set_bulk(waits)

    def set_left(self, share: float) -> None:
        """0..1 of our pictures here is left to the visit's own call; 1: they stand."""
        if share != self.left:
            self.left = share
            if self._session is not None:
                self._session.set_left(share)

    async def stats(self) -> dict[str, Any]:
        return await self._session.stats() if self._session is not None else {}

    @property
    def session(self) -> Session | None:
        return self._session

    @property
    def upload_allowance(self) -> float | None:
        """Bytes a second that bulk upload may take beside this call; None: no bound, 0: nothing."""
        spare = None if self._session is None else self._session.upload_bps
        return upload_allowance(not self._over, self._connection, spare)

    async def close(self) -> None:
        """Says goodbye to the page and ends the media. A second call does nothing."""
        if self._over:
            return
        self._over = True
        if self._session is not None:
            await self._session.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._around.remote.clear()

    def view(self) -> GuestView:
        who = self.who
        return GuestView(
            guest_id=who.guest_id,
            title=who.title,
            says=guest_sentence(self.state, who.name, who.role, who.inviter, provider=who.provider),
            connected=self.state is GuestState.CONNECTED,
            picture=self._picture(),
            link="" if self.used else who.link,
            picture_age_s=self._picture_age(),
        )

    def _picture(self) -> PictureState:
        latest = self._around.remote.latest()
        if latest is None or self._chosen[2]:
            return PictureState.NONE
        fresh = self._around.clock() - latest.at < _FROZEN_AFTER_S
        return PictureState.LIVE if fresh else PictureState.FROZEN

    def _picture_age(self) -> int:
        latest = self._around.remote.latest()
        return 0 if latest is None else max(int(self._around.clock() - latest.at), 0)

    def _make_session(self) -> None:
        self.used = True
        self._around.remote.clear()
        session = self._around.make_session(offerer=True, send=self._send, emit=self._on_event)
        self._session = session
        microphone_on, camera_on, speech_alone = self._chosen
        self.choose(microphone_on=microphone_on, camera_on=camera_on, speech_alone=speech_alone)
        if self._bulk_waits:
            session.set_bulk(True)
        if self.left:
            session.set_left(self.left)
        self._become(GuestState.CONNECTING)
        self._spawn(self._run(session))

    async def _run(self, session: Session) -> None:
        await self._around.make_way()
        await session.start()
        while True:
            part = await self._incoming.get()
            try:
                await session.receive(part)
            except BadSignal as exc:
                log.info("a guest's step cannot be used: %s", exc)

    def _send(self, part: SignalPart) -> None:
        self._say(part.kind, part.call, part.sdp)

    def _say(self, kind: GuestKind, call: str, sdp: str) -> None:
        box = self._signals.wrap(kind, call, sdp)
        if not self._around.say(SendGuest(guest_id=self.who.guest_id, box=box)):
            log.info("a step for the guest waits for the clinic: %s", kind)

    def _on_event(self, event: SessionEvent) -> None:
        match event:
            case ConnectionChanged(state=state) if not self._over:
                self._connection = state
                self._become(_STATE[state])
            case ModalityChanged(sending=sending, cause=cause) if self.state is GuestState.CONNECTED:
                self._around.note(timeline_sending(self._to, sending, cause, self.who.name))
            case DeviceChanged() | DevicesChanged():
                self._around.device(event)

    @property
    def _to(self) -> str:
        return f"{self.who.host} to {self.who.name}"

    def _become(self, state: GuestState) -> None:
        if state is not self.state and self.state is not GuestState.LEFT:
            self.state = state
            self._around.note(timeline_guest(self.who.title, state))
            self._around.changed()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the session with a guest failed", exc_info=task.exception())


_STATE = {
    ConnectionState.CONNECTING: GuestState.CONNECTING,
    ConnectionState.CONNECTED: GuestState.CONNECTED,
    ConnectionState.INTERRUPTED: GuestState.AWAY,
    ConnectionState.RECONNECTING: GuestState.AWAY,
    ConnectionState.FAILED: GuestState.AWAY,
    ConnectionState.CLOSED: GuestState.AWAY,
}
