"""One WebRTC transport of a visit, on aiortc's ICE and DTLS: our own SDP, RTP in and out, RTCP.

A visit may use several in turn, each under its own `call` id; app/media/transports.py decides when.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Literal

import av
import numpy as np
from aiortc.rtcdtlstransport import RTCDtlsParameters
from numpy.typing import NDArray

from app.media.audio.playout import SpeechPacket
from app.media.events import PeerState
from app.media.rate.controller import Decision
from app.media.rate.feedback import RemoteFeedback, TransportFeedback
from app.media.rate.ladder import Rung
from app.media.rtc import sdp
from app.media.rtc.control import Control
from app.media.rtc.data import DataChannels
from app.media.rtc.dtls import DTLS_OVERHEAD, SRTCP_OVERHEAD, DtlsRole
from app.media.rtc.errors import SDP_ERRORS, BadSignal, NoAddress
from app.media.rtc.inbound import Inbound
from app.media.rtc.outbound import IP_UDP_BYTES, Outbound
from app.media.rtc.path import Path
from app.media.video.frames import CapturedFrame
from app.media.video.speed import Speeds
from app.wire.visits import IceConfig

_CLOSE_S = 3.0
_LOSSY = 0.025
_SILENT_S = 1.5

TransportState = Literal["new", "connected", "dead"]


@dataclass(frozen=True)
class TransportHooks:
    """What a transport tells its session; all on the loop. `picture` gives the RTP time (90 kHz) too; `data_changed`:
    whether data channels are ready.
    """

    state: Callable[[PeerTransport, TransportState], None]
    peer: Callable[[PeerTransport, PeerState], None]
    feedback: Callable[[PeerTransport, TransportFeedback | RemoteFeedback], None]
    speech: Callable[[PeerTransport, SpeechPacket, float], None]
    picture: Callable[[PeerTransport, av.VideoFrame, int], None]
    newest: Callable[[], CapturedFrame | None]
    data: Callable[[PeerTransport, str, bytes], None]
    data_changed: Callable[[PeerTransport], None]


class PeerTransport:
    """Make it, then either `offer()` and `take_answer(sdp)`, or `answer(sdp)`; `close()` ends it in any state."""

    def __init__(
        self,
        call: str,
        ice: IceConfig,
        executor: Executor,
        hooks: TransportHooks,
        decision: Decision,
        bind_address: str | None = None,
        speeds: Speeds = Speeds(),  # noqa: B008 - frozen
    ) -> None:
        self.call, self.hooks = call, hooks
        self.state: TransportState = "new"
        self.made_at = time.monotonic()
        self.heard_at: float | None = None
        self.ours = False
        self.path = Path(ice, bind_address, self._on_rtp, self._on_rtcp, self._look)
        self.outbound: Outbound | None = None
        self.inbound: Inbound | None = None
        self.control: Control | None = None
        self.data: DataChannels | None = None
        self._executor, self._decision, self._speeds = executor, decision, speeds
        self._rung: Rung = decision.rung
        self._muted = False
        self._peer_state: PeerState | None = None
        self._ssrcs = (_ssrc(), _ssrc(), _ssrc())
        self._cname = secrets.token_urlsafe(9)  # RFC 7022: short-term, says nothing of us
        self._tasks: set[asyncio.Task[None]] = set()
        self._offerer = False

    # Signalling

    async def offer(self) -> str:
        """The SDP of the offer, all candidates gathered. Raises NoAddress."""
        self._offerer = True
        return sdp.offer(await self._local("auto"))

    async def answer(self, text: str) -> str:
        """Takes an offer and gives the answer's SDP. Raises BadSignal, or NoAddress."""
        remote = sdp.read(text, "offer")
        role = _opposite(remote)
        made = sdp.answer(await self._local(role), remote)
        await self._connect(remote, role)
        return made

    async def take_answer(self, text: str) -> None:
        """Raises BadSignal."""
        remote = sdp.read(text, "answer")
        await self._connect(remote, _opposite(remote))

    async def _local(self, role: DtlsRole) -> sdp.Local:
        try:
            candidates = await self.path.gather()
        except SDP_ERRORS as exc:
            raise BadSignal(f"no addresses could be gathered: {exc!r}") from exc
        if not candidates:
            raise NoAddress("this machine has no address at the moment")
        dtls = RTCDtlsParameters(self.path.fingerprints(), role)
        return sdp.Local(self.path.ice_parameters(), candidates, dtls, *self._ssrcs, self._cname)

    async def _connect(self, remote: sdp.Remote, role: DtlsRole) -> None:
        if self.path.is_started:
            raise BadSignal("this transport has its other side already")
        self.ours = remote.ours
        formats = remote.send
        self.outbound = Outbound(
            formats, self._ssrcs, ours=self.ours, send=self.path.send, executor=self._executor,
            newest=self.hooks.newest, decision=self._decision, speeds=self._speeds,
        )  # fmt: skip
        # We wrote our own payload types into an offer; an answer mirrors the offer's.
        receive = sdp.OUR_FORMATS if self._offerer else formats
        self.inbound = Inbound(receive, self._executor, self._on_speech, self._on_picture, self._ask_key)
        self.control = Control(
            formats, self.outbound, self.inbound, cname=self._cname, send=self.path.send,
            feedback=lambda feedback: self.hooks.feedback(self, feedback),
            peer=lambda state: self.hooks.peer(self, state), ours=self.ours,
        )  # fmt: skip
        if remote.data is not None:
            self.data = DataChannels(
                self.path, self.outbound, remote.data, opens=self._offerer, ours=self.ours,
                received=lambda label, data: self.hooks.data(self, label, data),
                changed=lambda: self.hooks.data_changed(self), heard=self._on_data,
            )  # fmt: skip
        try:
            await self.path.accept(remote)
        except SDP_ERRORS as exc:
            raise BadSignal(f"the other side's addresses cannot be used: {exc!r}") from exc
        self._spawn(self.path.start(remote, controlling=self._offerer, role=role))

    # What is sent

    def use(self, decision: Decision, rung: Rung, *, muted: bool) -> None:
        """The rate decision, and the rung with what people want; `muted`: nothing but silence is fed."""
        self._decision, self._rung, self._muted = decision, rung, muted
        if self.outbound is not None and self.control is not None and self.state == "connected":
            self.outbound.use(decision, rung, muted=muted)
            self.control.link_bps = decision.split.link_bps
            if self.data is not None:
                self.data.use(decision.payload_bytes)

    def tell(self, state: PeerState) -> None:
        """What we say of ourselves; a guest would not know what to make of it."""
        self._peer_state = state
        if self.control is not None and self.ours:
            self.control.tell(state)

    def feed(self, place: int, chunk: NDArray[np.int16]) -> None:
        """20 ms of the microphone; `place` counts samples since its start."""
        if self.state == "connected" and self.outbound is not None:
            self.outbound.feed(place, chunk, time.monotonic())

    @property
    def in_flight(self) -> int:
        return 0 if self.outbound is None else self.outbound.in_flight

    # What comes in

    def _on_rtp(self, data: bytes, now: float) -> None:
        if self.state == "connected" and self.inbound is not None:
            if self.data is not None and self.heard_at is not None and now - self.heard_at > _SILENT_S:
                self.data.hurry()
            self.heard_at = now
            self.inbound.on_rtp(data, now)

    def _on_rtcp(self, data: bytes, now: float) -> None:
        if self.state == "connected" and self.inbound is not None and self.control is not None:
            self.heard_at = now
            self.inbound.received_bytes += len(data) + SRTCP_OVERHEAD + IP_UDP_BYTES
            self.control.on_rtcp(data, now)

    def _on_data(self, size: int) -> None:
        if self.state == "connected" and self.inbound is not None:
            self.heard_at = time.monotonic()
            self.inbound.received_bytes += size + DTLS_OVERHEAD + IP_UDP_BYTES

    def _on_speech(self, packet: SpeechPacket, now: float) -> None:
        self.hooks.speech(self, packet, now)

    def _on_picture(self, frame: av.VideoFrame, timestamp: int) -> None:
        self.hooks.picture(self, frame, timestamp)

    def _ask_key(self) -> None:
        if self.control is not None:
            self.control.ask_key()

    @property
    def audio_at(self) -> float | None:
        """When speech last came."""
        return None if self.inbound is None else self.inbound.audio_at

    @property
    def video_at(self) -> float | None:
        return None if self.inbound is None else self.inbound.video_at

    @property
    def told_at(self) -> float | None:
        """When the other side last told that it receives us."""
        return None if self.control is None else self.control.told_at

    def speech_wall(self, timestamp: float) -> float | None:
        """The sender's clock (s) of a speech RTP time, for lip sync."""
        return None if self.control is None else self.control.speech_clock.seconds(round(timestamp))

    @property
    def pictures_lossy(self) -> bool:
        return self.inbound is not None and self.inbound.nacks.loss > _LOSSY

    @property
    def pictures_missing_since(self) -> float | None:
        """Since when (monotonic s) something of the pictures has been missing; None: nothing is."""
        return None if self.inbound is None else self.inbound.missing_since

    def picture_wall(self, timestamp: int) -> float | None:
        return None if self.control is None else self.control.picture_clock.seconds(timestamp)

    # State

    def _look(self) -> None:
        if self.state == "dead":
            return
        if self.path.is_dead:
            self._become("dead")
        elif self.state == "new" and self.path.is_connected:
            assert self.outbound is not None
            assert self.inbound is not None
            assert self.control is not None
            self.outbound.start()
            self.inbound.start()
            self.control.start()
            if self.data is not None:
                self._spawn(self.data.start())
            self._become("connected")
            self.use(self._decision, self._rung, muted=self._muted)
            if self._peer_state is not None:
                self.tell(self._peer_state)

    def _become(self, state: TransportState) -> None:
        self.state = state
        self.hooks.state(self, state)

    def address_is_gone(self) -> bool:
        """Whether the local address in use is not this machine's any more."""
        return self.state == "connected" and self.path.address_is_gone()

    def candidate_types(self) -> tuple[str, str] | None:
        """Types (host, srflx, relay) of the local and remote candidates in use; None before there is a pair."""
        return self.path.agent.selected

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Ends it within about 3 s whatever happens; the far side sees a DTLS close if it can be reached."""
        self.state = "dead"
        if self.outbound is not None and self.inbound is not None and self.control is not None:
            await asyncio.gather(self.outbound.stop(), self.inbound.stop(), self.control.stop())
        if self.data is not None:
            await self.data.stop()
        await self.path.close(_CLOSE_S)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _opposite(remote: sdp.Remote) -> DtlsRole:
    """Our DTLS role (RFC 8842 section 5.3): who may choose is the client."""
    return "server" if remote.dtls.role == "client" else "client"


def _ssrc() -> int:
    return secrets.randbits(31) + 1
