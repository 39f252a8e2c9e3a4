"""Session descriptions: ours read by us, a browser's read and answered, malformed ones refused in one way."""

from __future__ import annotations

import random

import pytest
from aiortc import RTCIceCandidate
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.sdp import SessionDescription

from app.media.rtc import sdp
from app.media.rtc.errors import BadSignal
from app.media.video.codecs import VideoCodec

FINGERPRINT = ":".join(["A1"] * 32)
BROWSER = f"""v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1 2
a=extmap-allow-mixed
a=msid-semantic: WMS stream
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2122260223 10.77.0.2 40000 typ host generation 0 network-id 1
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=ice-options:trickle
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:stream audio
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:1234567 cname:abc
m=video 9 UDP/TLS/RTP/SAVPF 96 97 102
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=mid:1
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=recvonly
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=mid:2
a=sctp-port:5000
""".replace("\n", "\r\n")


def local(role: str = "auto") -> sdp.Local:
    return sdp.Local(
        RTCIceParameters("ufra", "p" * 22),
        [RTCIceCandidate(1, "f", "10.77.0.1", 5000, 1, "udp", "host")],
        RTCDtlsParameters([RTCDtlsFingerprint("sha-256", FINGERPRINT)], role),
        11,
        22,
        33,
        "cname",
    )


def test_our_offer_read_by_us_says_everything() -> None:
    text = sdp.offer(local())
    remote = sdp.read(text, "offer")
    assert remote.ours
    assert remote.send == sdp.OUR_FORMATS
    assert remote.data == sdp.DataPort(5000, 16_384)
    assert (remote.ice.usernameFragment, remote.ice.password) == ("ufra", "p" * 22)
    assert {(c.ip, c.port) for c in remote.candidates} == {("10.77.0.1", 5000)}
    assert remote.dtls.fingerprints[0].value == FINGERPRINT
    for line in (
        "a=group:BUNDLE 0 1 2",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "a=sctp-port:5000",
        "a=max-message-size:16384",
        "a=maxptime:120",
        "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 111/111",
        "a=fmtp:111 minptime=10;useinbandfec=1;maxaveragebitrate=24000",
        "a=rtcp-fb:96 transport-cc",
        "a=rtcp-fb:111 transport-cc",
        "m=video 9 UDP/TLS/RTP/SAVPF 45 46 96 97",
        "a=rtpmap:45 AV1/90000",
        "a=fmtp:45 level-idx=5;profile=0;tier=0;x-google-start-bitrate=60",
        "a=rtcp-fb:45 nack pli",
        "a=rtcp-fb:45 transport-cc",
        "a=rtpmap:46 rtx/90000",
        "a=fmtp:46 apt=45",
        "a=rtpmap:96 VP8/90000",
        "a=fmtp:96 x-google-start-bitrate=60",
        "a=fmtp:97 apt=96",
        "a=ssrc-group:FID 22 33",
        f"a=extmap:3 {sdp.TRANSPORT_CC}",
    ):
        assert line in text.split("\r\n"), line


def test_an_answer_mirrors_a_browsers_payload_types_and_refuses_what_we_do_not_know() -> None:
    remote = sdp.read(BROWSER, "offer")
    assert not remote.ours
    assert remote.send == sdp.Formats(111, 63, 96, 97, 3, transport_cc=True, nack=True)
    text = sdp.answer(local("client"), remote)
    parsed = SessionDescription.parse(text)
    assert [(m.kind, m.port, m.direction) for m in parsed.media] == [
        ("audio", 9, "sendrecv"),
        ("video", 9, "sendonly"),
        ("application", 9, None),
    ]
    assert [m.rtp.muxId for m in parsed.media] == ["0", "1", "2"]
    assert "a=group:BUNDLE 0 1 2\r\n" in text
    assert "a=setup:active" in text
    assert remote.data == sdp.DataPort(5000, 65_536), "RFC 8841 section 6.1: untold"
    answered = sdp.read(text, "answer")
    assert answered.dtls.role == "client"
    assert answered.send == remote.send


WITH_AV1 = BROWSER.replace("SAVPF 96 97 102", "SAVPF 96 97 47 48 45 46 102").replace(
    "a=rtpmap:102",
    "".join(
        f"a=rtpmap:{number} AV1/90000\r\na=rtcp-fb:{number} nack\r\n"
        f"a=fmtp:{number} level-idx=5;profile={profile};tier=0\r\n"
        f"a=rtpmap:{number + 1} rtx/90000\r\na=fmtp:{number + 1} apt={number}\r\n"
        for number, profile in ((47, 1), (45, 0))
    )
    + "a=rtpmap:102",
)
"""As Chromium offers it: VP8 first, AV1 in two profiles."""


def test_av1_is_taken_in_the_profile_that_we_decode_each_codec_with_its_own_repairs() -> None:
    remote = sdp.read(WITH_AV1, "offer")
    assert (remote.send.av1, remote.send.av1_rtx) == (45, 46)
    assert list(remote.send.video.items()) == [(45, VideoCodec.AV1), (96, VideoCodec.VP8)]
    assert remote.send.repairs == {46: 45, 97: 96}
    assert [remote.send.repair_of(number) for number in (45, 96, 102)] == [46, 97, None]
    text = sdp.answer(local("client"), remote)
    assert "m=video 9 UDP/TLS/RTP/SAVPF 45 46 96 97\r\n" in text
    assert "a=fmtp:45 level-idx=5;profile=0;tier=0;x-google-start-bitrate=60\r\n" in text
    assert sdp.read(text, "answer").send == remote.send


def test_a_guest_with_av1_alone_still_has_its_pictures_taken() -> None:
    text = "\r\n".join(
        line for line in WITH_AV1.split("\r\n") if not line.startswith(("a=rtpmap:96", "a=rtcp-fb:96", "a=fmtp:97"))
    )
    remote = sdp.read(text, "offer")
    assert (remote.send.vp8, remote.send.rtx, remote.send.av1) == (None, None, 45)
    assert remote.send.nack
    assert sdp.read(sdp.answer(local("client"), remote), "answer").send == remote.send


@pytest.mark.parametrize(
    ("change", "port"),
    [
        (("m=application 9", "m=application 0"), None),
        (("a=sctp-port:5000\r\n", ""), None),
        (("a=sctp-port:5000", "a=sctp-port:0"), None),
        (("a=sctp-port:5000", "a=sctp-port:70000"), None),
        (("UDP/DTLS/SCTP webrtc", "UDP/TLS/OTHER webrtc"), None),
        (("webrtc-datachannel", "something-else"), None),
        (("a=sctp-port:5000", "a=sctp-port:7"), sdp.DataPort(7, 65_536)),
        (("a=sctp-port:5000", "a=sctp-port:5000\r\na=max-message-size:99"), sdp.DataPort(5000, 99)),
        (("a=sctp-port:5000", "a=sctp-port:5000\r\na=max-message-size:0"), sdp.DataPort(5000, 0xFFFFFFFF)),
    ],
)
def test_data_channels_are_taken_where_they_can_be_and_else_refused_alone(
    change: tuple[str, str], port: sdp.DataPort | None
) -> None:
    assert change[0] in BROWSER
    remote = sdp.read(BROWSER.replace(*change), "offer")
    assert remote.data == port
    answered = SessionDescription.parse(sdp.answer(local("client"), remote)).media
    assert [m.port for m in answered] == [9, 9, 9 if port else 0]
    assert (sdp.read(sdp.answer(local("client"), remote), "answer").data is None) == (port is None)


def test_an_offer_of_data_alone_or_of_two_associations() -> None:
    second = BROWSER[BROWSER.index("m=application") :].replace("a=mid:2", "a=mid:3")
    answered = SessionDescription.parse(sdp.answer(local("client"), sdp.read(BROWSER + second, "offer"))).media
    assert [(m.rtp.muxId, m.port) for m in answered] == [("0", 9), ("1", 9), ("2", 9), ("3", 0)]
    alone = BROWSER.replace("opus/48000", "other/48000").replace("VP8/90000", "other/90000")
    with pytest.raises(BadSignal, match="neither speech nor pictures"):
        sdp.answer(local("client"), sdp.read(alone, "offer"))


@pytest.mark.parametrize(
    ("without", "lost"),
    [
        ("a=rtcp-fb:111 transport-cc\r\n|a=rtcp-fb:96 transport-cc\r\n", "transport_cc"),
        ("a=fmtp:63 111/111\r\n", "red"),
        ("a=fmtp:97 apt=96\r\n", "rtx"),
        ("a=rtpmap:96 VP8/90000\r\n", "vp8"),
    ],
)
def test_what_a_guest_does_not_name_is_not_used(without: str, lost: str) -> None:
    text = BROWSER
    for part in without.split("|"):
        assert part in text
        text = text.replace(part, "")
    if lost == "vp8":  # aiortc's grammar wants its parameters gone too
        text = "\r\n".join(line for line in text.split("\r\n") if not line.startswith("a=rtcp-fb:96"))
    assert not getattr(sdp.read(text, "offer").send, lost)


def test_a_guests_longest_packet_is_minded() -> None:
    assert sdp.read(BROWSER, "offer").send.longest_frame_ms == 120
    limited = BROWSER.replace("a=rtpmap:111", "a=maxptime:40\r\na=rtpmap:111")
    assert sdp.read(limited, "offer").send.longest_frame_ms == 40


@pytest.mark.parametrize(
    "change",
    [
        ("a=ice-ufrag:abcd\r\n", ""),
        ("a=setup:actpass\r\n", ""),
        ("m=audio 9", "m=audio 0"),
        (f"a=fingerprint:sha-256 {FINGERPRINT}\r\n", ""),
        ("a=candidate:1 1 udp", "a=candidate:1"),
        ("v=0", "v=x"),
    ],
)
def test_an_offer_that_cannot_be_used_is_a_bad_signal(change: tuple[str, str]) -> None:
    text = BROWSER.replace(*change)
    if change[0] == "m=audio 9":
        text = text.replace("m=video 9", "m=video 0")
    with pytest.raises(BadSignal):
        sdp.read(text, "offer")


def test_an_answer_without_a_role_and_endless_text_are_refused() -> None:
    with pytest.raises(BadSignal, match="role"):
        sdp.read(BROWSER, "answer")
    with pytest.raises(BadSignal, match="longer"):
        sdp.read(BROWSER + "a=x\r\n" * 20_000, "offer")


def test_mutated_descriptions_are_read_or_refused_never_anything_else() -> None:
    chance = random.Random(1)
    samples = [BROWSER, WITH_AV1, sdp.offer(local())]
    for _ in range(1_500):
        text = list(chance.choice(samples))
        for _ in range(chance.randint(1, 8)):
            place = chance.randrange(len(text))
            match chance.randrange(4):
                case 0:
                    text[place] = chr(chance.randrange(1, 300))
                case 1:
                    del text[place : place + chance.randrange(1, 40)]
                case 2:
                    text[place:place] = text[place : place + chance.randrange(1, 200)]
                case _:
                    text[place] = chance.choice("\r\n 0-9:/=")
            if not text:
                break
        try:
            remote = sdp.read("".join(text), chance.choice(["offer", "answer"]))
            sdp.answer(local("client"), remote)
        except BadSignal:
            pass
