"""What the patient's and the provider's presenter have in common: the account, its connection, one visit, notices."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from app.net.address import AddressError
from app.net.errors import NetError
from app.net.events import EventStream
from app.net.signalling import SignedSignals
from app.offline.errors import OfflineError
from app.presenters.account import Account
from app.presenters.around import Filing, Session, Surroundings
from app.presenters.environment import Environment, command
from app.presenters.lock_page import LockPage
from app.presenters.refresh import Refresh
from app.presenters.schedule import fetch_visits, kept_visits
from app.presenters.sentences import clinic_sentence, visit_over
from app.presenters.sound_page import SoundPage
from app.presenters.views import Level, Page, PatientView, ProviderView, Sentence
from app.presenters.visit import VisitRoom
from app.presenters.words_page import WordsPage
from app.wire import API
from app.wire.code import CodeError
from app.wire.messages import Changed, ClientMessage, Presence, ServerMessage, Signal
from app.wire.trust import Role
from app.wire.visits import IceConfig, VisitDetails

log = logging.getLogger(__name__)

V = TypeVar("V", PatientView, ProviderView)

_TICK_S, _MAX_PRESENT = 1.0, 1000
_STAYS = frozenset({Page.ITEM, Page.DESK, Page.PAST_VISITS, Page.LOCK})
"""What is read or written there does not end with the visit."""


class Presenter(SoundPage, WordsPage, LockPage, Generic[V]):
    """State on the I/O loop, frozen views out. Commands come from the UI thread (:func:`command`)."""

    role: Role

    def __init__(self, env: Environment, loop: asyncio.AbstractEventLoop, publish: Callable[[V], None]) -> None:
        self.env = env
        self.loop = loop
        self._publish: Callable[[V], None] = publish
        self._account: Account | None = None
        self._stream: EventStream | None = None
        self._page = Page.ENROL
        self._busy = self._stopping = False
        self._notice: Sentence | None = None
        self._clinic_error: NetError | None = None
        self._clinic_known = False
        self._visits: tuple[VisitDetails, ...] = ()
        self._present: set[tuple[str, str]] = set()
        self._room: VisitRoom | None = None
        self._ice = IceConfig()
        self._microphone_on = self._camera_on = True
        self._tasks: set[asyncio.Task[None]] = set()
        self.refresh_visits = Refresh(self._fetch_visits)
        self._refresh_all = Refresh(self._fetch_all)
        self._begin_sound()
        self._begin_passphrase()

    # Life

    async def start(self) -> None:
        """Opens the profile, by a passphrase if need be, and shows the first page; errors are shown, not raised."""
        async with self._opening:
            if not self._stopping and await self._open_account():
                await self._show_first()

    async def _show_first(self) -> None:
        await self._load_choice()
        if self.account.enrolled:
            if self.account.clinic.role is not self.role:
                self.say(f"This profile belongs to a {self.account.clinic.role.value}.", Level.BAD)
                return
            await self._begin()
        self.changed()

    async def _open_account(self) -> bool:
        try:
            self._account = await Account.open(self.env.folder, self.env.ring, self.ask_passphrase)
        except OfflineError as exc:
            if not self._stopping:
                log.error("the profile does not open: %s", exc.detail)
                self._answered()
                self.say(str(exc), Level.BAD)
            return False
        self._answered()
        return not self._stopping

    async def stop(self) -> None:
        """Hangs up, lets go of the profile. Takes a few seconds at most; a second call does nothing."""
        if self._stopping:
            return
        self._stopping = True
        await self._stop_asking()
        if self._room is not None:
            await self._end_visit()
        await self._sound_check.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._account is not None:
            await self._finish()
            await self._account.close()

    @property
    def account(self) -> Account:
        if self._account is None:
            raise RuntimeError("the profile is not open")
        return self._account

    @property
    def folder(self) -> Path:
        return self.account.profile.folder

    @property
    def ready(self) -> bool:
        return self._account is not None and self._account.enrolled and self._stream is not None

    # Commands of both windows

    @command
    def enrol(self, address: str, code: str) -> None:
        if not self._busy and (self._account is None or not self._account.enrolled):
            self.spawn(self._enrol(address, code))

    @command
    def dismiss_notice(self) -> None:
        self._notice = None
        self.changed()

    @command
    def set_microphone(self, on: bool) -> None:
        self._microphone_on = on
        if self._room is not None:
            self._room.set_microphone(on)

    @command
    def set_camera(self, on: bool) -> None:
        self._camera_on = on
        if self._room is not None:
            self._room.set_camera(on)

    @command
    def set_speech_alone(self, on: bool) -> None:
        if self._room is not None:
            self._room.set_speech_alone(on)

    @command
    def hang_up(self) -> None:
        if self._room is not None:
            self.spawn(self._end_visit())

    # What the two differ in

    @abstractmethod
    def view(self) -> V: ...

    async def _opened(self) -> None:
        """The device is enrolled: start what runs beside the connection."""

    async def _finish(self) -> None:
        """The counterpart of :meth:`_opened`."""

    async def _refresh(self) -> None:
        """The connection stands: fetch what may have changed, the care team first. May raise NetError."""

    def _on_changed(self, message: Changed) -> None:
        """Something at the clinic has changed."""

    def file_in_visit(self, visit_id: str) -> Filing | None:
        """Seals what was taken in that visit into the outbox; None where there is none."""

    async def _after_visit(self) -> None:
        """The visit has ended and its devices are free again."""

    # Showing

    def changed(self) -> None:
        """Publishes the present state."""
        room = self._room
        if room is not None and not self._stopping and (room.ended_by_other or room.forged):
            self._room_is_over(room)
        self._publish(self.view())

    def say(self, text: str, level: Level = Level.NOTE) -> None:
        self._notice = Sentence(text, level)
        self.changed()

    async def visit_stats(self) -> dict[str, Any]:
        """W3C getStats names of the visit under way (app.media.session); empty when there is none."""
        return await self._room.stats() if self._room is not None else {}

    def clinic_state(self) -> Sentence:
        return clinic_sentence(self._clinic_error, known=self._clinic_known)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Runs a coroutine; what goes wrong in it is said in its own sentence."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def wish(self, refresh: Refresh) -> None:
        """Fetches again, unless a fetch that will do has yet to begin: a flood of news makes one task."""
        if not refresh.wished:
            self.spawn(refresh())

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None or self._stopping:
            return
        self._busy = False
        if isinstance(error, (NetError, OfflineError)):
            log.info("%s: %s", type(error).__name__, error.detail if hasattr(error, "detail") else "")
            self.say(str(error), Level.WARN)
        else:
            # A validation error quotes what did not fit, which may be a name: its type and place are enough.
            shown = None if isinstance(error, ValidationError) else error
            log.error("a task failed: %s", type(error).__name__, exc_info=shown)
            self.say("Something went wrong in the app. What was saved is safe.", Level.BAD)

    # Enrolment and connection

    async def _enrol(self, address: str, code: str) -> None:
        self._busy, self._notice = True, None
        self.changed()
        try:
            async with self._opening:  # a person may be quicker than the profile
                if self._account is None or self._account.enrolled:
                    return
            await self.account.enrol(address, code, self.role)
            await self._begin()
            self._say_weak_key()
        except (AddressError, CodeError) as exc:
            self._notice = Sentence(f"{str(exc)[:1].upper()}{str(exc)[1:]}", Level.WARN)
        finally:
            self._busy = False
            self.changed()

    async def _begin(self) -> None:
        self._page = Page.HOME
        self._visits = await kept_visits(self.account)
        await self._opened()
        self._stream = EventStream(self.account.http, self._on_message, self._on_stream, self._on_fault)
        self.spawn(self._stream.run())
        self.spawn(self._ticks())

    def _on_stream(self, error: NetError | None) -> None:
        self._clinic_known, self._clinic_error = True, error
        if error is None:
            self.wish(self._refresh_all)
        else:
            self._present.clear()
        if self._room is not None:
            self._room.on_stream(error is None)
        self.changed()

    def _on_fault(self, error: NetError) -> None:
        """One message of the service could not be read; the connection stands."""
        self.say(str(error), Level.WARN)

    async def _fetch_all(self) -> None:
        try:
            await self.account.confirm_root()
            self._ice = await self.account.http.fetch(IceConfig, "GET", f"{API}/ice")
            await self._refresh()
            await self.refresh_visits()
        except NetError as exc:
            log.info("refreshing: %s", exc)  # the connection's own state is what the screen shows
        self.changed()

    async def _fetch_visits(self) -> None:
        self._visits = await fetch_visits(self.account)
        self.changed()

    def _on_message(self, message: ServerMessage) -> None:
        match message:
            case Presence():
                self._on_presence(message)
            case Signal():
                if self._room is not None and self._room.details.visit_id == message.visit_id:
                    self._room.on_signal(message)
            case Changed(what="visits"):
                self.wish(self.refresh_visits)
            case Changed(what="team"):
                self.wish(self._refresh_all)
            case Changed():
                self._on_changed(message)
            case _:
                log.info("the clinic says %s", message.type)

    def _on_presence(self, message: Presence) -> None:
        key = (message.visit_id, message.device_id)
        if not message.present:
            self._present.discard(key)
        elif len(self._present) < _MAX_PRESENT:
            self._present.add(key)
        if self._room is not None and self._room.details.visit_id == message.visit_id:
            self._room.on_presence(message)
        self.changed()

    async def _ticks(self) -> None:
        """While a visit is on, ages of pictures are shown (they change without an event), and what has happened is
        kept, so that it outlives the app."""
        while True:
            await asyncio.sleep(_TICK_S)
            if (room := self._room) is not None:
                self.changed()
                await room.keep_timeline(self.account.store)
                await self._mind_words(room)

    # One visit

    async def enter_visit(self, visit_id: str) -> None:
        if self._room is not None and self._room.details.visit_id == visit_id:
            self._back_to_visit()
            return
        details = next((d for d in self._visits if d.visit_id == visit_id), None)
        if details is None or self._room is not None or self._stream is None:
            return
        key = await self.account.peer_key(details)
        if key is None:
            self.say("The other person's device has not been confirmed by the clinic yet.", Level.WARN)
            return
        me, peer = self.account.clinic.device_id, details.other_device(self.account.clinic.device_id)
        signals = SignedSignals(
            visit_id, me, self.account.keys.signing, {peer: key}, lambda: time.time_ns() // 1_000_000
        )
        words = await self._open_words(visit_id)
        if self._room is not None:
            return  # entered meanwhile
        self.env.remote.clear()
        self._notice = None
        self._room = VisitRoom(
            details,
            me=me,
            signals=signals,
            around=self._surroundings(visit_id),
            microphone_on=self._microphone_on,
            camera_on=self._camera_on,
            words=words,
        )
        self._page = Page.VISIT
        self._room.enter(self._stream.connected)
        if (visit_id, peer) in self._present:
            self._room.on_presence(Presence(visit_id=visit_id, device_id=peer, present=True))
        self.changed()

    def _surroundings(self, visit_id: str) -> Surroundings:
        return Surroundings(
            say=self._tell,
            make_session=self._make_session,
            make_way=self.make_way,
            remote=self.env.remote,
            clock=self.env.clock,
            wall=self.env.wall,
            changed=self.changed,
            device=self.on_device,
            devices=self.on_devices,
            trouble=lambda sentence: self.say(sentence.text, sentence.level),
            file=self.file_in_visit(visit_id),
        )

    def _make_session(self, **given: Any) -> Session:
        return self.env.session(ice=self._ice, chosen=self.chosen_for_visit(), **given)

    def _tell(self, message: ClientMessage) -> bool:
        return self._stream is not None and self._stream.send(message)

    def _room_is_over(self, room: VisitRoom) -> None:
        self._notice = visit_over(room.other, forged=room.forged)
        room.ended_by_other = room.forged = False
        self.spawn(self._end_visit())

    async def _end_visit(self) -> None:
        room, self._room = self._room, None
        if room is None:
            return
        if self._page not in _STAYS:
            self._page = Page.HOME
        self.changed()
        await room.leave()
        await room.keep_timeline(self.account.store)
        await self._end_words(room)
        await self._after_visit()
        self.changed()
