"""A session's figures by the names and in the units of W3C webrtc-stats, cumulative.

Counts of packets and bytes are of the transport in use, those of sound and pictures last over transports. What W3C
has no name for keeps to its style (rung, frameMs, redundancy, dataBitrate).
"""

from __future__ import annotations

from typing import Any

from app.media.audio.playout import Playout
from app.media.outgoing import Outgoing
from app.media.picture_sink import PictureSink
from app.media.rate.feedback import Kind
from app.media.rtc.control import Control
from app.media.rtc.inbound import Inbound
from app.media.rtc.outbound import Outbound
from app.media.rtc.transport import PeerTransport

Statistics = dict[str, dict[str, Any]]
"""audio_in, video_in, audio_out, video_out, transport."""


def collect(
    transport: PeerTransport | None, playout: Playout, pictures: PictureSink, outgoing: Outgoing, played_s: float
) -> Statistics:
    parts: Statistics = {
        "audio_in": {**_heard(playout), "totalSamplesDuration": round(played_s, 2)},
        "video_in": {
            "framesDecoded": pictures.shown + pictures.dropped,
            "framesDropped": pictures.dropped,
            "freezeCount": pictures.freezes,
            "totalFreezesDuration": round(pictures.frozen_s, 3),
            "frameWidth": pictures.size[0],
            "frameHeight": pictures.size[1],
            "framesRendered": pictures.shown,
        },
        "audio_out": {},
        "video_out": {},
        "transport": _of_the_link(outgoing),
    }
    if transport is not None:
        inbound, outbound, control = transport.inbound, transport.outbound, transport.control
        if inbound is not None and outbound is not None and control is not None:
            _received(parts, inbound)
            _sent(parts, outbound, control)
            _carried(parts, inbound, outbound, control)
        types = transport.candidate_types()
        if types is not None:
            parts["transport"].update(localCandidateType=types[0], remoteCandidateType=types[1])
    return parts


def _heard(playout: Playout) -> dict[str, Any]:
    sound = playout.counters
    return {
        "totalSamplesReceived": sound.received,
        "concealedSamples": sound.concealed,
        "silentConcealedSamples": sound.silent_concealed,
        "concealmentEvents": sound.concealment_events,
        "insertedSamplesForDeceleration": sound.inserted,
        "removedSamplesForAcceleration": sound.cut,
        "jitterBufferDelay": round(sound.delay, 3),
        "jitterBufferTargetDelay": round(sound.target_delay, 3),
        "jitterBufferMinimumDelay": round(sound.minimum_delay, 3),
        "jitterBufferEmittedCount": sound.emitted,
        "packetsDiscarded": sound.discarded,
        "framesRecoveredByRed": sound.recovered_red,
        "framesRecoveredByFec": sound.recovered_fec,
    }


def _of_the_link(outgoing: Outgoing) -> dict[str, Any]:
    decision = outgoing.decision
    split = decision.split
    return {
        "availableOutgoingBitrate": round(split.link_bps),
        "rung": decision.rung.name,
        "speechBitrate": round(split.speech_bps),
        "picturesBitrate": round(split.pictures_bps),
        "dataBitrate": round(split.data_bps),
    }


def _received(parts: Statistics, inbound: Inbound) -> None:
    for part, stream in (("audio_in", inbound.audio), ("video_in", inbound.video)):
        parts[part].update(
            packetsReceived=stream.packets_received,
            packetsLost=stream.packets_lost,
            jitter=round(stream.jitter_s, 5),
        )
    parts["audio_in"]["redundantBlocksReceived"] = inbound.redundant_blocks
    parts["video_in"].update(
        framesReceived=inbound.frames,
        keyFramesDecoded=inbound.decoder.keys,
        framesLostToGaps=inbound.assembler.dropped,
        nackCount=inbound.nacks.requested,
        pliCount=inbound.keys_asked,
    )


def _sent(parts: Statistics, outbound: Outbound, control: Control) -> None:
    for part, stream in (("audio_out", outbound.audio), ("video_out", outbound.video)):
        parts[part].update(packetsSent=stream.packets, bytesSent=stream.octets)
        if control.fraction_lost is not None:
            parts[part]["fractionLost"] = round(control.fraction_lost, 4)
        if control.rtt_s is not None:
            parts[part]["roundTripTime"] = round(control.rtt_s, 4)
    speech, pictures = outbound.speech.speech, outbound.pictures
    parts["audio_out"].update(targetBitrate=speech.bitrate, frameMs=speech.frame_ms, redundancy=speech.redundancy)
    parts["video_out"].update(
        framesEncoded=pictures.frames,
        keyFramesEncoded=pictures.key_frames,
        frameWidth=pictures.size[0],
        frameHeight=pictures.size[1],
        targetBitrate=0 if pictures.pictures is None else pictures.pictures.bitrate,
        retransmittedPacketsSent=outbound.repaired,
        nackCount=control.nacks_received,
        pliCount=control.plis_received,
    )


def _carried(parts: Statistics, inbound: Inbound, outbound: Outbound, control: Control) -> None:
    parts["transport"].update(
        bytesSent=outbound.sent_bytes,
        packetsSent=outbound.sent_packets,
        bytesReceived=inbound.received_bytes,
        packetsReceived=inbound.received_packets,
        rtcpBytesSent=control.sent_bytes,
        probeBytesSent=outbound.by_kind[Kind.PROBE],
        bytesInFlight=outbound.in_flight,
    )
    trip = control.rtt_s if control.rtt_s is not None else outbound.log.least_trip
    if trip is not None:
        parts["transport"]["currentRoundTripTime"] = round(trip, 4)
