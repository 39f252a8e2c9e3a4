"""A guest that is not ours: a stock peer without the link channel, as a browser would be."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack, VideoStreamTrack
from session_pair import NONE, QUICK, SYNTHETIC, Pair

from app.media.events import ConnectionState, SignalPart
from app.media.rate import controller
from app.media.rate.ladder import SPEECH_ONLY
from app.media.rtc import private
from app.media.rtc.transport import configuration
from app.wire.visits import IceConfig


@pytest.mark.parametrize("guest_offers", [True, False])
def test_a_stock_peer_is_seen_and_heard_and_sees_us(guest_offers: bool) -> None:
    async def run() -> None:
        both = Pair()
        side = both.make(not guest_offers, SYNTHETIC, NONE, QUICK)
        both.a = both.b = side
        side.deliver = False
        guest = RTCPeerConnection(configuration(IceConfig()))
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
            private.prepare_ice(guest, "127.0.0.1")
            await guest.setLocalDescription()
            await side.session.receive(SignalPart("offer", "00000000guest000", guest.localDescription.sdp))
            await guest.setRemoteDescription(RTCSessionDescription(side.sent[-1].sdp, "answer"))
        else:
            await guest.setRemoteDescription(RTCSessionDescription(side.sent[-1].sdp, "offer"))
            private.prepare_ice(guest, "127.0.0.1")
            await guest.setLocalDescription()
            part = SignalPart("answer", side.sent[-1].call, guest.localDescription.sdp)
            await side.session.receive(part)
        await both.until(lambda: side.states[-1] is ConnectionState.CONNECTED)
        await both.until(lambda: side.pictures >= 5 and got["audio"] >= 20 and got["video"] >= 10, timeout=20)
        # RTCP stands in for the reports that a guest does not send.
        await both.until(lambda: side.session.outgoing.feedback is not None)
        assert side.session.outgoing.rtt_s is None or side.session.outgoing.rtt_s < 2
        assert side.session.outgoing.rung.pictures is not None
        # A guest never gets a probe, not even when the link allows speech alone.
        side.session.outgoing._control = controller.start(time.monotonic(), SPEECH_ONLY)
        side.session.outgoing.tick(time.monotonic())
        transport = side.session._current
        assert transport is not None
        heard = got["audio"]
        await both.until(lambda: got["audio"] >= heard + 30)
        assert transport.probe_every is None
        assert transport.probes_sent == 0
        await side.session.close()
        await guest.close()
        await asyncio.gather(*drains)

    asyncio.run(run())
