"""The way of one transport's datagrams: ICE under DTLS-SRTP. Media goes past aiortc's queues, straight."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import ifaddr
from aiortc import RTCIceCandidate
from aiortc.rtcdtlstransport import RTCDtlsFingerprint
from aiortc.rtcicetransport import RTCIceParameters

from app.media.rtc.dtls import DtlsRole, Opener, is_connected, make_dtls, protect, seal, set_dtls_role
from app.media.rtc.errors import SDP_ERRORS, BadSrtp, NotConnected
from app.media.rtc.ice import LOOPBACK, IceAgent
from app.media.rtc.private_sctp import ThinSctp
from app.media.rtc.sdp import Remote
from app.wire.visits import IceConfig

log = logging.getLogger(__name__)

_HANDSHAKE_S = 20.0
"""DTLS repeats itself for ever towards a peer that never answers."""


class Path:
    """`on_rtp(data, now)` and `on_rtcp(data, now)` get what comes in, in clear and authenticated; `on_state()` is
    called when something changed. All on the loop.
    """

    def __init__(
        self,
        config: IceConfig,
        bind_address: str | None,
        on_rtp: Callable[[bytes, float], None],
        on_rtcp: Callable[[bytes, float], None],
        on_state: Callable[[], None],
    ) -> None:
        self._take = {"rtp": on_rtp, "rtcp": on_rtcp}
        self._on_state = on_state
        self.agent = IceAgent(config, self._on_media, bind_address)
        self._dtls = make_dtls(self.agent.transport)
        self._opener = Opener(self._dtls)
        self._dtls.on("statechange", on_state)
        self.agent.transport.on("statechange", on_state)
        self.is_started = False
        self._gave_up = False
        self.malformed = 0

    # Before

    async def gather(self) -> list[RTCIceCandidate]:
        """All candidates; the sockets are open from here on."""
        return await self.agent.gather()

    def fingerprints(self) -> list[RTCDtlsFingerprint]:
        return [f for f in self._dtls.getLocalParameters().fingerprints if f.algorithm == "sha-256"]

    def ice_parameters(self) -> RTCIceParameters:
        return self.agent.parameters

    async def accept(self, remote: Remote) -> None:
        """The other side's candidates. Raises SDP_ERRORS for ones that are none."""
        self.is_started = True
        for candidate in remote.candidates:
            await self.agent.transport.addRemoteCandidate(candidate)
        await self.agent.transport.addRemoteCandidate(None)

    async def start(self, remote: Remote, *, controlling: bool, role: DtlsRole) -> None:
        """Connects; `on_state` tells how it went."""
        self.agent.controlling = controlling
        set_dtls_role(self._dtls, role)
        try:
            await self.agent.transport.start(remote.ice)
            if self.agent.transport.state == "completed" and self._dtls.state == "new":
                async with asyncio.timeout(_HANDSHAKE_S):
                    await self._dtls.start(remote.dtls)
        except (*SDP_ERRORS, ConnectionError, TimeoutError) as exc:
            log.info("a transport did not connect: %r", exc)
            self._gave_up = True
        self._on_state()

    # While it lives

    def send(self, data: bytes) -> bool:
        """RTP or RTCP in clear; False when there is no way out at the moment."""
        try:
            return self.agent.send(protect(self._dtls, data))
        except NotConnected:
            return False

    def association(
        self,
        out: Callable[[bool, bytes], None],
        room: Callable[[bool], bool],
        take: Callable[[int, bytes], None],
        heard: Callable[[int], None],
    ) -> ThinSctp:
        """SCTP over this way, to be begun when it is connected."""
        return ThinSctp(self._dtls, out, room, take, heard)

    def send_data(self, data: bytes) -> bool:
        """An SCTP packet in clear; False when there is no way out at the moment."""
        try:
            return self.agent.send(seal(self._dtls, data))
        except NotConnected:
            return False

    def _on_media(self, data: bytes, now: float) -> None:
        try:
            kind, clear = self._opener.open(data)
        except NotConnected:
            return  # the far side was quicker; it repeats itself
        except BadSrtp:
            self.malformed += 1
            return
        self._take[kind](clear, now)

    @property
    def is_connected(self) -> bool:
        return is_connected(self._dtls)

    @property
    def is_dead(self) -> bool:
        return (
            self._gave_up
            or self._dtls.state in ("closed", "failed")
            or self.agent.transport.state in ("closed", "failed")
        )

    def address_is_gone(self) -> bool:
        """Whether the local address in use is none of this machine's any more. A relay's is not asked for."""
        host = self.agent.local_host
        if host is None or host == LOOPBACK:
            return False
        there = {ip.ip if isinstance(ip.ip, str) else ip.ip[0] for a in ifaddr.get_adapters() for ip in a.ips}
        return host not in there

    async def close(self, timeout: float) -> None:
        """DTLS says goodbye if it can; sockets are closed whatever happens. Takes about `timeout` s at most."""
        try:
            async with asyncio.timeout(timeout / 2):
                await self._dtls.stop()
        except TimeoutError:
            log.info("DTLS did not end in time")
        except (*SDP_ERRORS, ConnectionError) as exc:  # aiortc raises in half-made states
            log.info("ending DTLS: %r", exc)
        await self.agent.close(timeout / 2)
