"""A guest that is not ours: a stock peer without the link channel, as a browser would be."""

from __future__ import annotations

import asyncio

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack, VideoStreamTrack
from session_pair import NONE, QUICK, SYNTHETIC, Pair

from app.media.events import ConnectionState, SignalPart
from app.media.rate.feedback import Kind, RemoteFeedback


def _on_loopback(pc: RTCPeerConnection) -> None:
    """A machine with no other address has no candidates (aioice leaves 127.0.0.1 out)."""
    connection = pc.getTransceivers()[0].receiver.transport.transport._connection
    gather = connection.get_component_candidates
    connection.get_component_candidates = lambda component, addresses: gather(component, ["127.0.0.1"])


@pytest.mark.parametrize("guest_offers", [True, False])
def test_a_stock_peer_is_seen_and_heard_and_sees_us(guest_offers: bool) -> None:
    async def run() -> None:
        both = Pair()
        side = both.make(not guest_offers, SYNTHETIC, NONE, QUICK)
        both.a = both.b = side
        side.deliver = False
        guest = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        got = {"audio": 0, "video": 0}

        async def drain(track: MediaStreamTrack) -> None:
            try:
                while True:
                    await track.recv()
                    got[track.kind] += 1
                    both.note()
            except MediaStreamError:
                return

        drains: list[asyncio.Task[None]] = []
        guest.on("track", lambda track: drains.append(asyncio.ensure_future(drain(track))))
        guest.addTrack(AudioStreamTrack())
        guest.addTrack(VideoStreamTrack())
        await side.session.start()
        if guest_offers:
            _on_loopback(guest)
            await guest.setLocalDescription()
            await side.session.receive(SignalPart("offer", "00000000guest000", guest.localDescription.sdp))
            await guest.setRemoteDescription(RTCSessionDescription(side.sent[-1].sdp, "answer"))
        else:
            await guest.setRemoteDescription(RTCSessionDescription(side.sent[-1].sdp, "offer"))
            _on_loopback(guest)
            await guest.setLocalDescription()
            part = SignalPart("answer", side.sent[-1].call, guest.localDescription.sdp)
            await side.session.receive(part)
        await both.until(lambda: side.states[-1] is ConnectionState.CONNECTED)
        await both.until(lambda: side.pictures >= 5 and got["audio"] >= 20 and got["video"] >= 10, timeout=20)
        # Receiver reports and REMB stand in for the transport-wide feedback that this guest does not know.
        await both.until(lambda: isinstance(side.session.outgoing.feedback, RemoteFeedback))
        transport = side.session.transports.current
        assert transport is not None
        assert not transport.ours
        assert transport.outbound is not None
        assert transport.in_flight == 0
        assert transport.outbound.by_kind[Kind.PROBE] == 0, "a guest that tells of nothing gets no probes"
        await both.until(lambda: side.session.outgoing.rung.pictures is not None)
        await side.session.close()
        await guest.close()
        await asyncio.gather(*drains)

    asyncio.run(run())
