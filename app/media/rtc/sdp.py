"""Session descriptions (RFC 8866, RFC 9429): ours written, theirs read into what the transport needs. One BUNDLE.

The grammar is aiortc's; whatever it raises for malformed text becomes BadSignal.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from aiortc import RTCIceCandidate
from aiortc.rtcdtlstransport import RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
)
from aiortc.rtcsctptransport import RTCSctpCapabilities
from aiortc.sdp import GroupDescription, MediaDescription, SessionDescription, SsrcDescription

from app.media.rtc.errors import SDP_ERRORS, BadSignal
from app.media.video.codecs import VideoCodec

TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
OURS = "a=x-thinline:1"
"""Session attribute by which two of us know each other: RTCP APP state, probes and long frames are understood."""
LONGEST_SDP = 60_000
_MOST_CANDIDATES = 64
_MOST_MEDIA = 16

_OPUS_PT, _RED_PT, _VP8_PT, _RTX_PT, _AV1_PT, _AV1_RTX_PT, _CC_ID = 111, 63, 96, 97, 45, 46, 3
_OPUS_FMTP: dict[str, int | str | None] = {
    "minptime": 10,
    "useinbandfec": 1,
    "maxaveragebitrate": 24_000,
}
"""RFC 7587 section 6.1. The rate is for guests (two of us follow the link): a browser's own 32 kbit/s leave pictures
too little of a thin link, and with 20 its losses came unrepaired. No `usedtx`: a browser that sends nothing in silence
cuts the beginnings of words off (STOI .954 became .982). Measured with Chromium at 64 and 150 kbit/s.
"""
_START_KBPS = 60
"""libwebrtc's word in the codec's parameters: a browser begins a call at 300 kbit/s; then a thin link's queue is full
for five seconds, and playout takes ten more to recover. From here, too, its probes find a wide link in a second.
"""
_AV1_FMTP: dict[str, int | str | None] = {"level-idx": 5, "profile": 0, "tier": 0}
"""What we decode: up to 1920 x 1080 (level 3.1) of profile 0, as Chromium writes it."""
MAX_PTIME = 120
_DATA_PROFILES = ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP")
_DATA_CHANNEL, _SCTP_PORT = "webrtc-datachannel", 5000
LONGEST_MESSAGE = 16_384
"""On a data channel, in bytes: what we say that we take."""
_UNTOLD_MESSAGE, _MOST_MESSAGE = 65_536, 0xFFFFFFFF  # RFC 8841 section 6.1; 0 means any size


@dataclass(frozen=True)
class Formats:
    """RTP payload types of one direction, None where the format is not to be used; `rtx` repairs `vp8`, `av1_rtx`
    repairs `av1` (RFC 4588 section 8.6: one payload type for each). `cc_id`: the id of the header extension with the
    transport-wide sequence number.
    """

    opus: int | None = None
    red: int | None = None
    vp8: int | None = None
    rtx: int | None = None
    cc_id: int | None = None
    transport_cc: bool = False
    nack: bool = False
    longest_frame_ms: int = MAX_PTIME
    av1: int | None = None
    av1_rtx: int | None = None

    @property
    def video(self) -> dict[int, VideoCodec]:
        """The codec of each payload type of pictures, the preferred first."""
        both = ((self.av1, VideoCodec.AV1), (self.vp8, VideoCodec.VP8))
        return {number: codec for number, codec in both if number is not None}

    @property
    def repairs(self) -> dict[int, int]:
        """Payload type of a repair -> payload type of what it repairs."""
        both = ((self.av1_rtx, self.av1), (self.rtx, self.vp8))
        return {rtx: number for rtx, number in both if rtx is not None and number is not None}

    def repair_of(self, payload_type: int) -> int | None:
        """The payload type that repairs this one's packets, if any does."""
        return next((rtx for rtx, number in self.repairs.items() if number == payload_type), None)


@dataclass(frozen=True)
class DataPort:
    """Where the other side takes data channels (RFC 8841): its SCTP port, and the longest message in bytes."""

    port: int
    longest: int


@dataclass(frozen=True)
class Local:
    """What we say of ourselves. `dtls.role`: `auto` in an offer."""

    ice: RTCIceParameters
    candidates: list[RTCIceCandidate]
    dtls: RTCDtlsParameters
    audio_ssrc: int
    video_ssrc: int
    rtx_ssrc: int
    cname: str


@dataclass(frozen=True)
class Remote:
    """What the other side says. `send`: formats that it takes from us; `ours`: it is a Thinline too; `data`: None when
    it has no data channels.
    """

    ice: RTCIceParameters
    candidates: tuple[RTCIceCandidate, ...]
    dtls: RTCDtlsParameters
    send: Formats
    ours: bool
    data: DataPort | None = None
    media: tuple[MediaDescription, ...] = field(repr=False, default=())


OUR_FORMATS = Formats(
    _OPUS_PT, _RED_PT, _VP8_PT, _RTX_PT, _CC_ID, transport_cc=True, nack=True, av1=_AV1_PT, av1_rtx=_AV1_RTX_PT
)


def offer(local: Local) -> str:
    """Audio (Opus, RED) and video (AV1, VP8, each with RTX), both ways, and data channels; all candidates in it."""
    audio = _media("audio", "0", local, OUR_FORMATS)
    video = _media("video", "1", local, OUR_FORMATS)
    return _whole(local, [audio, video, _data_media("2", local)], ["0", "1", "2"])


def answer(local: Local, remote: Remote) -> str:
    """To an offer that was read: its payload types, what we do not know is refused (port 0, RFC 3264 section 6)."""
    taken = {"audio": remote.send.opus is not None, "video": bool(remote.send.video)}
    media, mids, has_data = [], [], False
    for theirs in remote.media:
        mid = theirs.rtp.muxId
        if not has_data and _data_port(theirs) is not None:
            has_data = True
            mine = _data_media(mid, local)
            mine.profile = theirs.profile
            mids.append(mid)
        elif theirs.port and taken.get(theirs.kind, False):
            taken[theirs.kind] = False  # the first of each kind
            mine = _media(theirs.kind, mid, local, remote.send)
            mine.direction = _REVERSED[theirs.direction or "sendrecv"]
            mids.append(mid)
        else:
            mine = MediaDescription(theirs.kind, 0, theirs.profile, theirs.fmt)
            mine.rtp.muxId, mine.direction, mine.ice = mid, "inactive", RTCIceParameters()
        media.append(mine)
    if len(mids) <= has_data:
        raise BadSignal("the offer has neither speech nor pictures that we know")
    return _whole(local, media, mids)


_REVERSED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


def read(text: str, kind: str) -> Remote:
    """`kind` is offer or answer. Raises BadSignal for anything that cannot be used."""
    if len(text) > LONGEST_SDP:
        raise BadSignal(f"the {kind} is longer than {LONGEST_SDP} characters")
    try:
        return _read(text, kind)
    except (*SDP_ERRORS, StopIteration) as exc:  # the last for parameters of a payload type that has no name
        raise BadSignal(f"the {kind} cannot be used: {exc!r}") from exc


def _read(text: str, kind: str) -> Remote:
    session = SessionDescription.parse(text)
    live = [m for m in session.media if m.port and m.kind in ("audio", "video")]
    if not live or len(session.media) > _MOST_MEDIA:
        raise BadSignal(f"the {kind} has no usable media")
    first = live[0]
    if first.ice is None or not first.ice.usernameFragment or not first.ice.password:
        raise BadSignal(f"the {kind} has no ICE credentials")
    if first.dtls is None or not first.dtls.fingerprints:
        raise BadSignal(f"the {kind} has no DTLS fingerprint")
    if kind == "answer" and first.dtls.role == "auto":
        raise BadSignal("the answer does not choose a DTLS role")
    audio = next((m for m in live if m.kind == "audio"), None)
    video = next((m for m in live if m.kind == "video"), None)
    return Remote(
        first.ice,
        tuple(c for m in live for c in m.ice_candidates)[:_MOST_CANDIDATES],
        first.dtls,
        _formats(audio, video, _maxptime(text)),
        OURS in text,
        next((port for port in map(_data_port, session.media) if port is not None), None),
        tuple(session.media),
    )


def _formats(audio: MediaDescription | None, video: MediaDescription | None, maxptime: int) -> Formats:
    opus = _codec(audio, "opus", lambda c: c.clockRate == 48_000)
    red = None
    if opus is not None:
        chain = f"{opus.payloadType}/{opus.payloadType}"  # RFC 2198 section 5
        red = _codec(audio, "red", lambda c: chain in c.parameters)
    vp8 = _codec(video, "vp8", lambda c: c.clockRate == 90_000)
    av1 = _codec(video, "av1", lambda c: c.clockRate == 90_000 and str(c.parameters.get("profile", 0)) == "0")
    # RTCP feedback and the extension may be told for one of the two alone; the transport is one.
    both = [m for m in (audio, video) if m is not None]
    cc_id = next((e.id for m in both for e in m.rtp.headerExtensions if e.uri == TRANSPORT_CC and 0 < e.id < 15), None)
    words = {(f.type, f.parameter) for c in (opus, av1, vp8) if c is not None for f in c.rtcpFeedback}
    return Formats(
        _number(opus),
        _number(red),
        _number(vp8),
        _number(_rtx(video, vp8)),
        cc_id,
        transport_cc=cc_id is not None and ("transport-cc", None) in words,
        nack=("nack", None) in words,
        longest_frame_ms=max(20, min(maxptime, MAX_PTIME)),
        av1=_number(av1),
        av1_rtx=_number(_rtx(video, av1)),
    )


def _rtx(video: MediaDescription | None, of: RTCRtpCodecParameters | None) -> RTCRtpCodecParameters | None:
    if of is None:
        return None
    return _codec(video, "rtx", lambda c: str(c.parameters.get("apt")) == str(of.payloadType))


def _data_port(media: MediaDescription) -> DataPort | None:
    """None for other media, a refused one, and one whose SCTP port cannot be used."""
    if media.kind != "application" or not media.port or media.profile not in _DATA_PROFILES:
        return None
    port = media.sctp_port or 0
    if _DATA_CHANNEL not in media.fmt or not 0 < port < 0x10000:
        return None
    told = media.sctpCapabilities
    longest = _UNTOLD_MESSAGE if told is None else told.maxMessageSize
    return DataPort(port, longest if longest > 0 else _MOST_MESSAGE)


def _number(codec: RTCRtpCodecParameters | None) -> int | None:
    return None if codec is None else codec.payloadType


def _codec(
    media: MediaDescription | None, name: str, fits: Callable[[RTCRtpCodecParameters], bool]
) -> RTCRtpCodecParameters | None:
    found = [] if media is None else media.rtp.codecs
    return next((c for c in found if c.name.lower() == name and fits(c)), None)


def _maxptime(text: str) -> int:
    """RFC 8866 section 6.4; RFC 7587 section 6.1: 120 ms unless told."""
    found = re.search(r"^a=maxptime:(\d{1,5})\s*$", text, re.MULTILINE)
    return int(found.group(1)) if found else MAX_PTIME


def _media(kind: str, mid: str, local: Local, formats: Formats) -> MediaDescription:
    codecs = _codecs(kind, formats)
    media = MediaDescription(kind, 9, "UDP/TLS/RTP/SAVPF", [c.payloadType for c in codecs])
    media.host, media.direction, media.msid = "0.0.0.0", "sendrecv", f"{local.cname} {local.cname}-{kind}"  # noqa: S104
    media.rtp.muxId, media.rtp.codecs = mid, codecs
    if formats.cc_id is not None:
        media.rtp.headerExtensions = [RTCRtpHeaderExtensionParameters(formats.cc_id, TRANSPORT_CC)]
    media.rtcp_port, media.rtcp_host, media.rtcp_mux = 9, "0.0.0.0", True  # noqa: S104 - RFC 8829's word for none
    if kind == "audio":
        ssrcs = [local.audio_ssrc]
    else:
        ssrcs = [local.video_ssrc] + ([local.rtx_ssrc] if formats.repairs else [])
    if len(ssrcs) > 1:
        media.ssrc_group = [GroupDescription("FID", list(ssrcs))]
    media.ssrc = [SsrcDescription(ssrc, cname=local.cname, msid=media.msid) for ssrc in ssrcs]
    media.ice, media.dtls = local.ice, local.dtls
    media.ice_candidates, media.ice_candidates_complete = list(local.candidates), True
    return media


def _data_media(mid: str, local: Local) -> MediaDescription:
    media = MediaDescription("application", 9, _DATA_PROFILES[0], [_DATA_CHANNEL])
    media.host = "0.0.0.0"  # noqa: S104 - RFC 8829's word for none
    media.rtp.muxId, media.sctp_port = mid, _SCTP_PORT
    media.sctpCapabilities = RTCSctpCapabilities(LONGEST_MESSAGE)
    media.ice, media.dtls = local.ice, local.dtls
    media.ice_candidates, media.ice_candidates_complete = list(local.candidates), True
    return media


def _codecs(kind: str, formats: Formats) -> list[RTCRtpCodecParameters]:
    cc = [RTCRtcpFeedback("transport-cc")] if formats.cc_id is not None else []
    found: list[RTCRtpCodecParameters] = []
    if kind == "audio" and formats.opus is not None:
        found.append(RTCRtpCodecParameters("audio/opus", 48_000, 2, formats.opus, list(cc), dict(_OPUS_FMTP)))
        if formats.red is not None:
            fmtp: dict[str, int | str | None] = {f"{formats.opus}/{formats.opus}": None}
            found.append(RTCRtpCodecParameters("audio/red", 48_000, 2, formats.red, [], fmtp))
    if kind == "video":
        for number, codec in formats.video.items():
            feedback = [RTCRtcpFeedback("nack"), RTCRtcpFeedback("nack", "pli"), RTCRtcpFeedback("ccm", "fir"), *cc]
            feedback.append(RTCRtcpFeedback("goog-remb"))
            name, fmtp = f"video/{codec.value}", dict(_AV1_FMTP) if codec is VideoCodec.AV1 else {}
            fmtp["x-google-start-bitrate"] = _START_KBPS
            found.append(RTCRtpCodecParameters(name, 90_000, None, number, feedback, fmtp))
            rtx = formats.repair_of(number)
            if rtx is not None:
                found.append(RTCRtpCodecParameters("video/rtx", 90_000, None, rtx, [], {"apt": number}))
    return found


def _whole(local: Local, media: list[MediaDescription], mids: list[str]) -> str:
    session = SessionDescription()
    session.origin = f"- {secrets.randbits(62)} 2 IN IP4 0.0.0.0"
    session.group = [GroupDescription("BUNDLE", list(mids))]
    session.msid_semantic = [GroupDescription("WMS", ["*"])]
    session.media = media
    lines = str(session).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("m="))
    lines.insert(first, OURS)
    return "\r\n".join(_with_ptime(lines)) + "\r\n"


def _with_ptime(lines: list[str]) -> list[str]:
    """aiortc's grammar has no ptime: 60 ms is what we send most, 120 the longest that we take (RFC 7587)."""
    found: list[str] = []
    for line in lines:
        found.append(line)
        if line.startswith("a=rtpmap:") and " opus/48000" in line:
            found += ["a=ptime:60", f"a=maxptime:{MAX_PTIME}"]
    return found
