"""The transports under one visit: made, exchanged, given up; and whether the visit is connected.

The offerer alone offers, so offers never cross. recovery.py decides when a new transport is due; a new one takes over
when it is connected, so an old one that comes back to life meanwhile loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from app.media import recovery
from app.media.events import ConnectionChanged, ConnectionState, SignalPart
from app.media.rtc.errors import BadSignal
from app.media.rtc.transport import PeerTransport, TransportState
from app.media.settings import MediaSettings

log = logging.getLogger(__name__)

_JUST_MADE_S = 3.0
_LIVE_S = 1.0
_SETTLE_S = 1.0
_SETTLE_STEP_S = 0.05
_ADDRESS_EVERY_S = 1.0


@dataclass(frozen=True)
class TransportsHooks:
    """`make(call, state)`: a transport, not yet offered; `taken(transport)`: it carries the visit from now on;
    `gone()`: none does; `changed(event)`: the visit's connection; `ended()`: the other side said bye.
    """

    make: Callable[[str, Callable[[PeerTransport, TransportState], None]], PeerTransport]
    send: Callable[[SignalPart], None]
    taken: Callable[[PeerTransport], None]
    gone: Callable[[], None]
    changed: Callable[[ConnectionChanged], None]
    ended: Callable[[], Coroutine[Any, Any, None]]


class Transports:
    """All calls on the loop."""

    def __init__(self, offerer: bool, settings: MediaSettings, hooks: TransportsHooks) -> None:
        self.offerer = offerer
        self._settings, self._hooks = settings, hooks
        self.current: PeerTransport | None = None
        self.pending: PeerTransport | None = None
        self._life: recovery.Life | None = None
        self._signalling = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._call = secrets.token_hex(8)
        self._address_due = 0.0

    async def start(self) -> None:
        """The offerer makes the first offer, all candidates gathered."""
        now = time.monotonic()
        self._life = recovery.begin(now, self._settings)
        self._hooks.changed(ConnectionChanged(now, ConnectionState.CONNECTING))
        if self.offerer:
            await self.renew()
        else:
            # An offer that was sent before we listened is asked for again soon.
            self._life = replace(self._life, next_try=now + self._settings.first_offer)

    async def receive(self, part: SignalPart) -> None:
        """One signalling step of the other side. Raises BadSignal when it cannot be used; the visit goes on."""
        if self._life is None:
            raise RuntimeError("the session has not been started")
        if self._closed:
            return
        handler = {"offer": self._on_offer, "answer": self._on_answer, "again": self._on_again, "bye": self._on_bye}
        await handler[part.kind](part)

    def hurry(self) -> None:
        """The signalling path works again: if media is not flowing, a new transport is made now."""
        if self._life is not None and not self._closed:
            self._life = recovery.hurry(self._life, time.monotonic())

    def say_bye(self) -> None:
        if self._life is not None and not self._closed:
            self._hooks.send(SignalPart("bye", self._call))

    async def close(self, timeout: float) -> None:
        """Ends all transports; takes `timeout` s at most."""
        self._closed = True
        found = [t for t in (self.current, self.pending) if t is not None]
        self.current = self.pending = None
        for transport in found:
            self._spawn(transport.close())
        tasks = [t for t in self._tasks if t is not asyncio.current_task()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout)
            for task in late:
                task.cancel()

    # Signalling

    async def renew(self) -> None:
        """A new transport: the offerer offers one, the other side asks for it."""
        if not self.offerer:
            self._hooks.send(SignalPart("again", self._call))
            return
        async with self._signalling:
            if self._closed or self._is_young(self.pending):
                return
            transport = self._make(secrets.token_hex(8))
            try:
                sdp = await transport.offer()
            except (BadSignal, OSError) as exc:
                log.info("no offer could be made (%s); it is tried again", exc)
                self._discard(transport)
                return
            if self._adopt(transport):
                self._hooks.send(SignalPart("offer", transport.call, sdp))

    def _is_young(self, transport: PeerTransport | None) -> bool:
        return transport is not None and time.monotonic() - transport.made_at < _JUST_MADE_S

    def _is_live(self) -> bool:
        """Whether the present transport carries: what was asked for while it did not is not needed any more."""
        heard = None if self.current is None else self.current.heard_at
        return heard is not None and time.monotonic() - heard < _LIVE_S

    async def _is_whole_again(self) -> bool:
        """Whether the old transport carries both ways again, so that the new one is not needed: after a cut the
        requests made in it arrive together with the first sound. Takes a second at most.
        """
        until = time.monotonic() + _SETTLE_S
        while self._is_live() and time.monotonic() < until:
            current = self.current
            if current is not None and current.told_at is not None and time.monotonic() - current.told_at < _LIVE_S:
                return True
            await asyncio.sleep(_SETTLE_STEP_S)
        return False

    async def _on_offer(self, part: SignalPart) -> None:
        if self.offerer:
            raise BadSignal("an offer came to the side that offers")
        async with self._signalling:
            transport = self._make(part.call)
            try:
                sdp = await transport.answer(part.sdp)
            except BadSignal:
                self._discard(transport)
                raise
            except OSError as exc:
                log.info("an offer cannot be answered now (%s); another is asked for", exc)
                self._discard(transport)
                return
            if self._adopt(transport):
                assert self._life is not None
                self._life = replace(self._life, next_try=time.monotonic() + self._settings.first_connect)
                self._hooks.send(SignalPart("answer", part.call, sdp))

    async def _on_answer(self, part: SignalPart) -> None:
        if not self.offerer:
            raise BadSignal("an answer came to the side that answers")
        async with self._signalling:
            transport = self.pending
            if transport is None or transport.call != part.call:
                return  # for a transport that was given up meanwhile
            if await self._is_whole_again():
                self._discard(transport)
                return
            try:
                await transport.take_answer(part.sdp)
            except BadSignal:
                self._discard(transport)
                raise

    async def _on_again(self, part: SignalPart) -> None:
        if not self.offerer:
            raise BadSignal("a request for an offer came to the side that does not offer")
        if self._is_young(self.current):
            return  # asked before the newest transport was seen to work
        await self.renew()

    async def _on_bye(self, _part: SignalPart) -> None:
        self._closed = True
        await self._hooks.ended()

    # Transports

    def _make(self, call: str) -> PeerTransport:
        """Not yet the pending one: a bad offer must not displace a good one."""
        return self._hooks.make(call, self._on_state)

    def _adopt(self, transport: PeerTransport) -> bool:
        """Makes it the pending one; an earlier pending one is given up. False when the session ended meanwhile."""
        if self._closed:
            self._discard(transport)
            return False
        if self.pending is not None:
            self._discard(self.pending)
        self.pending, self._call = transport, transport.call
        return True

    def _discard(self, transport: PeerTransport) -> None:
        if self.pending is transport:
            self.pending = None
        if self.current is transport:
            self.current = None
        self._spawn(transport.close())

    def _on_state(self, transport: PeerTransport, state: TransportState) -> None:
        if self._closed:
            return
        if state == "connected" and transport is self.pending:
            old, self.current, self.pending = self.current, transport, None
            transport.heard_at = time.monotonic()
            self._hooks.taken(transport)
            if old is not None:
                self._spawn(old.close())
        elif state == "dead":
            was_current = transport is self.current
            self._discard(transport)
            if was_current:
                self._hooks.gone()

    # Time

    def tick(self, now: float) -> ConnectionState:
        """The state of the visit's connection; a new transport is made when one is due."""
        assert self._life is not None
        current = self.current
        if current is not None and now >= self._address_due:
            self._address_due = now + _ADDRESS_EVERY_S
            if current.address_is_gone():
                current.heard_at = None
                if self.pending is None:  # else one is on its way already
                    log.info("the address of the transport is gone: a new transport")
                    self.hurry()
        connected = current is not None and current.state == "connected"
        heard = current.heard_at if current is not None else None
        sign = recovery.sign_of(connected, heard, self._life.live_at, now, self._settings)
        before = self._life.state
        self._life, due = recovery.step(self._life, sign, now, self._settings)
        if self._life.state is not before:
            self._hooks.changed(ConnectionChanged(now, self._life.state))
        if due:
            self._spawn(self.renew())
        return self._life.state

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
