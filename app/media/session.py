"""A visit's media as one object: sources in, sinks out, signalling as messages, events out. No Qt.

Everything public is called on one asyncio loop. Transports come and go under a session (transports.py);
what is sent follows the link and the people (outgoing.py).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from app.media.audio.playout import Playout, SpeechPacket
from app.media.clip.bounds import Clip
from app.media.clip.taking import ClipTaking
from app.media.devices import DeviceSpec, Sinks, Sources
from app.media.events import (
    ConnectionChanged,
    ConnectionState,
    DataReady,
    DataReceived,
    DeviceChanged,
    DevicesChanged,
    PeerChanged,
    PeerState,
    SessionEvent,
    SignalPart,
    View,
)
from app.media.lip_sync import LipSync
from app.media.outgoing import Outgoing
from app.media.picture_sink import PictureSink
from app.media.rate.feedback import RemoteFeedback, TransportFeedback
from app.media.rtc.data import CLOSER
from app.media.rtc.transport import PeerTransport, TransportHooks, TransportState
from app.media.settings import MediaSettings
from app.media.shared import Seat, SharedEquipment
from app.media.statistics import Statistics, collect
from app.media.transports import Transports, TransportsHooks
from app.media.video.frames import CapturedFrame
from app.wire.visits import IceConfig

log = logging.getLogger(__name__)

_TICK_S = 0.1
_STATISTICS_S = 0.4
_CLOSE_S = 5.0


class VisitSession:
    """`send` carries a signalling step to the other side, `emit` takes events; both are called on the loop.

    `bind_address`: the only local address to use for media. `devices`: shared with other sessions of the same visit
    (a guest's); of its own without.
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
        devices: SharedEquipment | None = None,
    ) -> None:
        self.sinks = sinks
        self.settings = settings
        self._ice, self._sources, self._emit = ice, sources, emit
        self._bind_address = bind_address
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="media")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._tickers: list[asyncio.Task[None]] = []
        self._closed = False
        self._microphone_on = True
        self._data_ready = False
        self.playout = Playout()
        self.outgoing = Outgoing(emit)
        self.transports = Transports(
            offerer,
            settings,
            TransportsHooks(self._make_transport, send, self._taken, self._gone, self._changed, self._end),
        )
        self._pictures = PictureSink(sinks, self._executor)
        self._lips = LipSync(self.playout, self._speaker_delay)
        self._devices = devices if devices is not None else SharedEquipment()
        self._equipment: Seat | None = None
        self._clip: ClipTaking | None = None

    # Life

    async def start(self) -> None:
        """Opens the devices; the offerer makes the first offer (all candidates gathered)."""
        if self._loop is not None:
            raise RuntimeError("the session was started before")
        self._loop = asyncio.get_running_loop()
        self.outgoing.begin(time.monotonic(), camera=self._sources.camera.kind != "none")
        self._equipment = self._devices.take(
            self.sinks, self._sources, self.settings, self.playout, self._feed, self._on_device
        )
        self._spawn(self._pictures.run())
        self._tickers = [
            self._loop.create_task(self._every(_TICK_S, self._tick)),
            self._loop.create_task(self._every(_STATISTICS_S, self._tell_statistics)),
        ]
        await self.transports.start()

    async def receive(self, part: SignalPart) -> None:
        """One signalling step of the other side. Raises BadSignal when it cannot be used; the session goes on."""
        await self.transports.receive(part)

    def signalling_back(self) -> None:
        """The signalling path works again: if media is not flowing, a new transport is made now."""
        self.transports.hurry()

    async def close(self) -> None:
        """Says bye, frees the devices, ends the transports. Takes 5 s at most; a second call does nothing."""
        if not self._closed:
            self.transports.say_bye()
            await self._end()

    async def _end(self) -> None:
        if self._closed:
            return
        self._closed = True
        for ticker in self._tickers:
            ticker.cancel()
        if self._clip is not None:
            self._clip.end()
        equipment, self._equipment = self._equipment, None
        if equipment is not None:
            self._spawn(equipment.close())
        self._pictures.stop()
        self._lips.stop()
        await self.transports.close(_CLOSE_S)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_CLOSE_S)
            for task in late:
                task.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._emit(ConnectionChanged(time.monotonic(), ConnectionState.CLOSED))

    # Transports

    def _make_transport(self, call: str, state: Callable[[PeerTransport, TransportState], None]) -> PeerTransport:
        hooks = TransportHooks(
            state=state, peer=self._on_peer, feedback=self._on_feedback, speech=self._on_speech,
            picture=self._on_picture, newest=self._newest, data=self._on_data, data_changed=self._on_data_changed,
        )  # fmt: skip
        return PeerTransport(
            call, self._ice, self._executor, hooks, self.outgoing.decision, self._bind_address, self.settings.speeds
        )

    def _taken(self, transport: PeerTransport) -> None:
        self.playout.restart()
        self._lips.restart(transport)
        self.outgoing.attach(transport, time.monotonic())
        self._tell_data(False)
        self._on_data_changed(transport)

    def _gone(self) -> None:
        self.outgoing.detach()
        self._tell_data(False)

    def _changed(self, event: ConnectionChanged) -> None:
        self._emit(event)
        if event.state is ConnectionState.INTERRUPTED:
            self.outgoing.interrupted(event.at)
        elif event.state is ConnectionState.CONNECTED:
            self.outgoing.resumed(event.at)

    def _is_current(self, transport: PeerTransport) -> bool:
        return transport is self.transports.current and not self._closed

    # Media in

    def _on_speech(self, transport: PeerTransport, packet: SpeechPacket, now: float) -> None:
        if self._is_current(transport):
            self.playout.push(packet, now)

    def _on_picture(self, transport: PeerTransport, frame: av.VideoFrame, timestamp: int) -> None:
        """Shown when the speech of the same moment is heard, if that is a little later; never the other way round."""
        if self._is_current(transport):
            self._lips.show(frame, timestamp, self._pictures.show)

    def _on_peer(self, transport: PeerTransport, state: PeerState) -> None:
        if self._is_current(transport):
            now = time.monotonic()
            if self.outgoing.on_peer_state(state, now):
                self._emit(PeerChanged(now, state))

    def _on_feedback(self, transport: PeerTransport, feedback: TransportFeedback | RemoteFeedback) -> None:
        if not self._is_current(transport):
            return
        if isinstance(feedback, TransportFeedback):
            self.outgoing.on_feedback(feedback, feedback.at)
        else:
            self.outgoing.on_remote(feedback, feedback.at)

    # Data

    def send_data(self, label: str, data: bytes) -> bool:
        """On the channel "words" or "closer". False, and nothing kept, when no transport carries data now, the far
        side has no such channel, or too much waits on it. Raises ValueError for more than 16 KiB.
        """
        channels = None if self.transports.current is None else self.transports.current.data
        return channels is not None and channels.send(label, data)

    def data_backlog(self, label: str) -> int:
        """Bytes handed over and not yet acknowledged by the far side's SCTP; of the present transport."""
        channels = None if self.transports.current is None else self.transports.current.data
        return 0 if channels is None else channels.backlog(label)

    def set_still_share(self, share: float) -> None:
        """0..1 of what our moving pictures may take goes to a sharp still that is on its way; 1: they stand."""
        self.outgoing.set_still_share(share, time.monotonic())

    def set_bulk(self, waits: bool) -> None:
        """Whether something waits for bulk upload: moving pictures leave it a share where the link carries one."""
        self.outgoing.set_bulk(waits, time.monotonic())

    def set_left(self, share: float) -> None:
        """0..1 of what our pictures may take is left to another call on the same link; 1: they stand."""
        self.outgoing.set_left(share, time.monotonic())

    @property
    def link_bps(self) -> float | None:
        """What the link carries from us as far as is known, bit/s on the wire; None: no media flows."""
        return None if self.transports.current is None else self.outgoing.decision.split.link_bps

    @property
    def still_bps(self) -> float | None:
        """What a still on the channel "closer" may take now, bit/s on the wire; None: no media flows."""
        return None if self.transports.current is None else self.outgoing.still_bps

    def _on_data(self, transport: PeerTransport, label: str, data: bytes) -> None:
        if self._is_current(transport):
            self._emit(DataReceived(time.monotonic(), label, data))

    def _on_data_changed(self, transport: PeerTransport) -> None:
        if self._is_current(transport):
            self._tell_data(transport.data is not None and transport.data.ready)

    def _tell_data(self, ready: bool) -> None:
        if ready != self._data_ready and not self._closed:
            self._data_ready = ready
            self._emit(DataReady(time.monotonic(), ready))

    def _speaker_delay(self) -> float:
        return 0.0 if self._equipment is None else self._equipment.speaker_delay_s

    # Media out

    def set_microphone(self, on: bool) -> None:
        """Off sends silence: the other side still hears that we are there."""
        self._microphone_on = on
        self.outgoing.set_microphone(on, time.monotonic())

    def set_camera(self, on: bool) -> None:
        self.outgoing.set_camera(on, time.monotonic())

    def set_speech_alone(self, on: bool) -> None:
        """No pictures either way while it is on, by our person's choice; the other side hears who chose."""
        self.outgoing.set_speech_alone(on, time.monotonic())

    def set_wish(self, view: View) -> None:
        """What the other side's pictures should be made for; their app follows it."""
        self.outgoing.set_wish(view, time.monotonic())

    def still(self) -> NDArray[np.uint8] | None:
        """The camera's newest picture at full size, RGB (height, width, 3) uint8; None while there is none."""
        return None if self._equipment is None else self._equipment.still()

    async def best_still(self) -> NDArray[np.uint8] | None:
        """As :meth:`still`, in the camera's largest mode and the sharpest of several; the pictures stand about a
        second meanwhile. Where there is no such mode it is :meth:`still`.
        """
        return None if self._equipment is None else await self._equipment.best_still()

    async def record_clip(self, begun: Callable[[], None]) -> Clip | None:
        """Ten seconds of camera and microphone at the camera's quality, whatever the link carries; `begun` is called
        when it begins. Ends early, with what there is, when the session is closed. None: the camera gave no picture,
        there is too little of it, or one is being recorded already. When it is cancelled nothing is kept.
        """
        if self._equipment is None or self._clip is not None:
            return None
        self._clip = ClipTaking(self._equipment, begun)
        try:
            return await self._clip.run()
        finally:
            self._clip = None

    async def use_camera(self, spec: DeviceSpec) -> None:
        """Another camera, or none; pictures go on by themselves when it gives some."""
        await self._open_equipment().use_camera(spec)
        self.outgoing.set_camera_present(spec.kind != "none", time.monotonic())

    async def use_microphone(self, spec: DeviceSpec) -> None:
        await self._open_equipment().use_microphone(spec)

    async def use_speaker(self, spec: DeviceSpec) -> None:
        await self._open_equipment().use_speaker(spec)

    def _open_equipment(self) -> Seat:
        if self._equipment is None:
            raise RuntimeError("the session has not been started, or is over")
        return self._equipment

    @property
    def upload_bps(self) -> float | None:
        """What bulk upload may take beside this visit, bit/s on the wire; None: no media flows, so no bound."""
        if self.transports.current is None:
            return None
        return 0.0 if self.data_backlog(CLOSER) else self.outgoing.upload_bps

    def _newest(self) -> CapturedFrame | None:
        return None if self._equipment is None else self._equipment.newest()

    def _feed(self, place: int, chunk: NDArray[np.int16]) -> None:
        heard = chunk if self._microphone_on else np.zeros_like(chunk)
        if self.transports.current is not None:
            self.transports.current.feed(place, heard)
        if self._clip is not None:
            self._clip.hear(place, heard)

    def _on_device(self, changed: DeviceChanged | DevicesChanged) -> None:
        self._emit(changed)
        if isinstance(changed, DeviceChanged) and changed.kind == "camera":
            self.outgoing.set_camera_present(changed.state == "ready", changed.at)

    # Statistics and time

    async def stats(self) -> Statistics:
        """W3C getStats names and units: audio_in, video_in, audio_out, video_out, transport; cumulative."""
        seconds = 0.0 if self._equipment is None else self._equipment.played_s
        return collect(self.transports.current, self.playout, self._pictures, self.outgoing, seconds)

    async def _tell_statistics(self) -> None:
        self.sinks.taps.statistics(time.time(), await self.stats())

    async def _tick(self) -> None:
        now = time.monotonic()
        self.outgoing.tick(now)
        self.transports.tick(now)

    async def _every(self, seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception:  # a mistake of ours in one tick must not end the watch over the visit
                log.exception("a tick of the session failed")

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
