"""A session's figures by the names and in the units of W3C webrtc-stats, cumulative for the transport in use."""

from __future__ import annotations

from typing import Any

from app.media.audio.playout import Playout
from app.media.outgoing import Outgoing
from app.media.picture_sink import PictureSink
from app.media.rtc.transport import PeerTransport


async def collect(
    transport: PeerTransport | None, playout: Playout, pictures: PictureSink, outgoing: Outgoing, played_s: float
) -> dict[str, dict[str, Any]]:
    """audio_in, video_in, audio_out, video_out, transport. Sound and picture counts last over transports."""
    parts: dict[str, dict[str, Any]] = {"audio_in": {}, "video_in": {}, "audio_out": {}, "video_out": {}}
    if transport is not None:
        parts = await transport.w3c_stats()
    sound = playout.counters
    parts["audio_in"].update(
        totalSamplesReceived=sound.received,
        concealedSamples=sound.concealed,
        silentConcealedSamples=sound.silent_concealed,
        concealmentEvents=sound.concealment_events,
        removedSamplesForAcceleration=sound.cut,
        jitterBufferDelay=round(sound.delay, 3),
        jitterBufferEmittedCount=sound.emitted,
        totalSamplesDuration=round(played_s, 2),
    )
    parts["video_in"].update(
        framesDecoded=pictures.shown + pictures.dropped,
        framesDropped=pictures.dropped,
        freezeCount=pictures.freezes,
        totalFreezesDuration=round(pictures.frozen_s, 3),
        frameWidth=pictures.size[0],
        frameHeight=pictures.size[1],
    )
    rung = outgoing.rung
    parts["audio_out"].update(targetBitrate=rung.speech_bps, rung=rung.name, frameMs=rung.frame_ms)
    parts["transport"] = {"availableOutgoingBitrate": round(outgoing.estimate_bps)}
    if outgoing.rtt_s is not None:
        parts["transport"]["currentRoundTripTime"] = outgoing.rtt_s
    if transport is not None:
        _of_transport(parts, transport, outgoing)
    return parts


def _of_transport(parts: dict[str, dict[str, Any]], transport: PeerTransport, outgoing: Outgoing) -> None:
    video = transport.video
    parts["video_in"].update(
        framesReceived=transport.frames_decoded,
        keyFramesDecoded=transport.keys_decoded,
        pliCount=transport.keys_asked,
        framesLostToGaps=transport.assembler.dropped,
    )
    parts["video_out"].update(
        framesEncoded=video.frames,
        keyFramesEncoded=video.key_frames,
        frameWidth=video.size[0],
        frameHeight=video.size[1],
        targetBitrate=video.pictures.bitrate if video.pictures is not None else 0,
    )
    parts["transport"].update(bytesSent=transport.sent_bytes, bytesReceived=transport.arrivals.bytes)
    feedback = outgoing.feedback
    if feedback is not None:
        parts["transport"].update(
            queueDelay=feedback.queue_delay_s,
            fractionLost=feedback.fraction_lost,
            receivedBitrate=feedback.received_bps,
        )
    types = transport.candidate_types()
    if types is not None:
        parts["transport"].update(localCandidateType=types[0], remoteCandidateType=types[1])
