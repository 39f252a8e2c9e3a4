"""A visit's media as one object: sources in, sinks out, signalling as messages, events out. No Qt.

Everything public is called on one asyncio loop. Transports come and go under a session (recovery.py says when);
what is sent follows the link (rate/controller.py says how).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from app.media import recovery
from app.media.audio.playout import Playout
from app.media.devices import DeviceSpec, Sinks, Sources
from app.media.equipment import Equipment
from app.media.events import (
    ConnectionChanged,
    ConnectionState,
    DeviceChanged,
    PeerChanged,
    SessionEvent,
    SignalPart,
)
from app.media.outgoing import Outgoing
from app.media.picture_sink import PictureSink
from app.media.rtc.errors import BadSignal
from app.media.rtc.report import LinkReport
from app.media.rtc.transport import PeerTransport, TransportHooks, TransportState
from app.media.settings import MediaSettings
from app.media.statistics import collect
from app.media.video.frames import CapturedFrame
from app.wire.visits import IceConfig

log = logging.getLogger(__name__)

_TICK_S = 0.25
_JUST_MADE_S = 3.0
_CLOSE_S = 5.0


class VisitSession:
    """`send` carries a signalling step to the other side, `emit` takes events; both are called on the loop.

    The offerer alone offers, so offers never cross. `bind_address`: the only local address to use for media.
    """

    def __init__(
        self,
        *,
        offerer: bool,
        ice: IceConfig,
        sources: Sources,
        sinks: Sinks,
        send: Callable[[SignalPart], None],
        emit: Callable[[SessionEvent], None],
        settings: MediaSettings = MediaSettings(),  # noqa: B008 - frozen
        bind_address: str | None = None,
    ) -> None:
        self.offerer = offerer
        self.sinks = sinks
        self.settings = settings
        self._ice, self._sources, self._send, self._emit = ice, sources, send, emit
        self._bind_address = bind_address
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="media")
        self._current: PeerTransport | None = None
        self._pending: PeerTransport | None = None
        self._life: recovery.Life | None = None
        self._signalling = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ticker: asyncio.Task[None] | None = None
        self._closed = False
        self._microphone_on = True
        self._call = secrets.token_hex(8)
        self.playout = Playout()
        self.outgoing = Outgoing(settings, emit)
        self._pictures = PictureSink(sinks, self._executor)
        self._equipment: Equipment | None = None

    # Life

    async def start(self) -> None:
        """Opens the devices; the offerer makes the first offer (all candidates gathered)."""
        if self._loop is not None:
            raise RuntimeError("the session was started before")
        self._loop = asyncio.get_running_loop()
        now = time.monotonic()
        self._life = recovery.begin(now, self.settings)
        self._emit(ConnectionChanged(now, ConnectionState.CONNECTING))
        self._equipment = Equipment(self.sinks, self.playout, self.settings, self._feed, self._on_device)
        self._equipment.open(self._sources)
        self.outgoing.begin(now, camera=self._sources.camera.kind != "none")
        self._spawn(self._pictures.run())
        self._ticker = self._loop.create_task(self._tick())
        if self.offerer:
            await self._renew()
        else:
            # An offer that was sent before we listened is asked for again soon.
            self._life = replace(self._life, next_try=now + self.settings.first_offer)

    async def receive(self, part: SignalPart) -> None:
        """One signalling step of the other side. Raises BadSignal when it cannot be used; the session goes on."""
        if self._life is None:
            raise RuntimeError("the session has not been started")
        if self._closed:
            return
        handler = {"offer": self._on_offer, "answer": self._on_answer, "again": self._on_again, "bye": self._on_bye}
        await handler[part.kind](part)

    def signalling_back(self) -> None:
        """The signalling path works again: if media is not flowing, a new transport is made now."""
        if self._life is not None and not self._closed:
            self._life = recovery.hurry(self._life, time.monotonic())

    async def close(self) -> None:
        """Says bye, frees the devices, ends the transports. Takes 5 s at most; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._life is not None:
            self._send(SignalPart("bye", self._call))
        await self._end()

    async def _end(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        transports = [t for t in (self._current, self._pending) if t is not None]
        self._current = self._pending = None
        for transport in transports:
            self._spawn(transport.close())
        equipment, self._equipment = self._equipment, None
        if equipment is not None:
            self._spawn(equipment.close())
        self._pictures.stop()
        tasks = list(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_CLOSE_S)
            for task in late:
                task.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._emit(ConnectionChanged(time.monotonic(), ConnectionState.CLOSED))

    # Signalling

    async def _renew(self) -> None:
        """A new transport: the offerer offers one, the other side asks for it."""
        if not self.offerer:
            self._send(SignalPart("again", self._call))
            return
        async with self._signalling:
            if self._closed or self._is_young(self._pending):
                return
            transport = self._new_transport(secrets.token_hex(8))
            try:
                sdp = await transport.offer()
            except (BadSignal, OSError):
                log.exception("no offer could be made; it is tried again")
                self._discard(transport)
                return
            if self._adopt(transport):
                self._send(SignalPart("offer", transport.call, sdp))

    def _is_young(self, transport: PeerTransport | None) -> bool:
        return transport is not None and time.monotonic() - transport.made_at < _JUST_MADE_S

    async def _on_offer(self, part: SignalPart) -> None:
        if self.offerer:
            raise BadSignal("an offer came to the side that offers")
        async with self._signalling:
            transport = self._new_transport(part.call)
            try:
                sdp = await transport.answer(part.sdp)
            except BadSignal:
                self._discard(transport)
                raise
            if self._adopt(transport):
                assert self._life is not None
                self._life = replace(self._life, next_try=time.monotonic() + self.settings.first_connect)
                self._send(SignalPart("answer", part.call, sdp))

    async def _on_answer(self, part: SignalPart) -> None:
        if not self.offerer:
            raise BadSignal("an answer came to the side that answers")
        async with self._signalling:
            transport = self._pending
            if transport is None or transport.call != part.call:
                return  # for a transport that was given up meanwhile
            try:
                await transport.take_answer(part.sdp)
            except BadSignal:
                self._discard(transport)
                raise

    async def _on_again(self, part: SignalPart) -> None:
        if not self.offerer:
            raise BadSignal("a request for an offer came to the side that does not offer")
        if self._is_young(self._current):
            return  # asked before the newest transport was seen to work
        await self._renew()

    async def _on_bye(self, _part: SignalPart) -> None:
        self._closed = True
        await self._end()

    # Transports

    def _new_transport(self, call: str) -> PeerTransport:
        """Not yet the pending one: a bad offer must not displace a good one."""
        hooks = TransportHooks(
            state=self._on_transport, report=self._on_report, sound=self._on_sound, picture=self._on_picture,
            newest=self._newest,
        )  # fmt: skip
        return PeerTransport(call, self._ice, self._executor, hooks, self.outgoing.rung, self._bind_address)

    def _adopt(self, transport: PeerTransport) -> bool:
        """Makes it the pending one; an earlier pending one is given up. False when the session ended meanwhile."""
        if self._closed:
            self._discard(transport)
            return False
        if self._pending is not None:
            self._discard(self._pending)
        self._pending, self._call = transport, transport.call
        return True

    def _discard(self, transport: PeerTransport) -> None:
        if self._pending is transport:
            self._pending = None
        if self._current is transport:
            self._current = None
        self._spawn(transport.close())

    def _on_transport(self, transport: PeerTransport, state: TransportState) -> None:
        if self._closed:
            return
        if state == "connected" and transport is self._pending:
            old, self._current, self._pending = self._current, transport, None
            transport.heard_at = time.monotonic()
            self.playout.restart()
            self.outgoing.attach(transport, time.monotonic())
            if old is not None:
                self._spawn(old.close())
        elif state == "dead":
            if transport is self._current:
                self.outgoing.detach()
            self._discard(transport)

    # Media in

    def _on_sound(self, transport: PeerTransport, timestamp: int, samples: NDArray[np.int16]) -> None:
        if transport is self._current:
            self.playout.push(timestamp, samples)

    def _on_picture(self, transport: PeerTransport, frame: av.VideoFrame) -> None:
        if transport is self._current:
            self._pictures.show(frame)

    def _on_report(self, transport: PeerTransport, report: LinkReport) -> None:
        if transport is self._current and not self._closed:
            now = time.monotonic()
            if self.outgoing.on_report(report, now):
                self._emit(PeerChanged(now, report.state))

    # Media out

    def set_microphone(self, on: bool) -> None:
        """Off sends silence: the other side still hears that we are there."""
        self._microphone_on = on
        self.outgoing.set_microphone(on, time.monotonic())

    def set_camera(self, on: bool) -> None:
        self.outgoing.set_camera(on, time.monotonic())

    def still(self) -> NDArray[np.uint8] | None:
        """The camera's newest picture at full size, RGB (height, width, 3) uint8; None while there is none."""
        return None if self._equipment is None else self._equipment.still()

    async def use_camera(self, spec: DeviceSpec) -> None:
        """Another camera, or none; pictures go on by themselves when it gives some."""
        await self._open_equipment().use_camera(spec)
        self.outgoing.set_camera_present(spec.kind != "none", time.monotonic())

    async def use_microphone(self, spec: DeviceSpec) -> None:
        await self._open_equipment().use_microphone(spec)

    async def use_speaker(self, spec: DeviceSpec) -> None:
        await self._open_equipment().use_speaker(spec)

    def _open_equipment(self) -> Equipment:
        if self._equipment is None:
            raise RuntimeError("the session has not been started, or is over")
        return self._equipment

    async def stats(self) -> dict[str, dict[str, Any]]:
        """W3C getStats names and units: audio_in, video_in, audio_out, video_out, transport; cumulative."""
        seconds = 0.0 if self._equipment is None else self._equipment.played_s
        return await collect(self._current, self.playout, self._pictures, self.outgoing, seconds)

    def _newest(self) -> CapturedFrame | None:
        return None if self._equipment is None else self._equipment.newest()

    def _feed(self, place: int, chunk: NDArray[np.int16]) -> None:
        if self._current is not None:
            self._current.audio.feed(place, chunk if self._microphone_on else np.zeros_like(chunk))

    def _on_device(self, changed: DeviceChanged) -> None:
        self._emit(changed)
        if changed.kind == "camera":
            self.outgoing.set_camera_present(changed.state == "ready", changed.at)

    # Time

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            try:
                await self._tick_once(time.monotonic())
            except Exception:  # a mistake of ours in one tick must not end the watch over the visit
                log.exception("a tick of the session failed")

    async def _tick_once(self, now: float) -> None:
        self.outgoing.tick(now)
        self._watch_life(now)
        if self._current is not None and not self.outgoing.has_reports(now):
            await self._listen_to_rtcp(self._current, now)

    async def _listen_to_rtcp(self, transport: PeerTransport, now: float) -> None:
        """Guests without our link channel (browsers): RTCP receiver reports are all that is known of the link."""
        news = await transport.rtcp_news()
        if news is not None and transport is self._current:
            self.outgoing.on_rtcp(news[0], news[1], now)

    def _watch_life(self, now: float) -> None:
        assert self._life is not None
        current = self._current
        connected = current is not None and current.state == "connected"
        heard = current.heard_at if current is not None else None
        sign = recovery.sign_of(connected, heard, self._life.live_at, now, self.settings)
        before = self._life.state
        self._life, renew = recovery.step(self._life, sign, now, self.settings)
        if self._life.state is not before:
            self._emit(ConnectionChanged(now, self._life.state))
            if self._life.state is ConnectionState.INTERRUPTED:
                self.outgoing.interrupted(now)
        if renew:
            self._spawn(self._renew())

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
