"""RTP of pictures in: both codecs, repairs by RTX, what is asked for again, and key frames that are asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from aiortc.rtp import RtpPacket
from picture_stream import number_of, stream

from app.media.rtc.inbound import Inbound
from app.media.rtc.rtp import extensions_of
from app.media.rtc.sdp import OUR_FORMATS, Formats
from app.media.video.assembly import VideoPacket, WholeFrame
from app.media.video.codecs import VideoCodec

SSRC, RTX_SSRC = 7, 8
TYPES = {VideoCodec.VP8: OUR_FORMATS.vp8, VideoCodec.AV1: OUR_FORMATS.av1}
REPAIRS = {VideoCodec.VP8: OUR_FORMATS.rtx, VideoCodec.AV1: OUR_FORMATS.av1_rtx}


class End:
    """An `Inbound` whose whole frames are kept in place of being decoded; `turn` is RTCP's."""

    def __init__(self, formats: Formats = OUR_FORMATS, rtt: float | None = 0.1) -> None:
        self.got: list[WholeFrame] = []
        self.keys: list[float] = []
        self.now, self.rtt = 0.0, rtt
        self.inbound = Inbound(
            formats, ThreadPoolExecutor(1), lambda *_: None, lambda *_: None, lambda: self.keys.append(self.now)
        )
        self.inbound.decoder.add = self.got.append  # type: ignore[method-assign]
        self.turn(0.0)

    def turn(self, now: float) -> list[int]:
        self.now = now
        self.inbound.tick(now, self.rtt)
        return self.inbound.missing(now)

    def take(
        self, packet: VideoPacket, *, repair: bool = False, ssrc: int = SSRC, transport: int | None = None
    ) -> None:
        kinds, payload = (
            (REPAIRS, packet.sequence.to_bytes(2, "big") + packet.payload) if repair else (TYPES, packet.payload)
        )
        kind = kinds[packet.codec]
        assert kind is not None
        made = RtpPacket(
            payload_type=kind,
            marker=int(packet.marker),
            sequence_number=5 if repair else packet.sequence,
            timestamp=packet.timestamp,
            ssrc=RTX_SSRC if repair else ssrc,
            payload=payload,
        )
        made.extensions.transport_sequence_number = transport
        self.inbound.on_rtp(made.serialize(extensions_of(OUR_FORMATS.cc_id)), self.now)

    def speak(self, transport: int) -> None:
        """A packet of speech with this transport-wide number."""
        made = RtpPacket(payload_type=OUR_FORMATS.opus, sequence_number=1, timestamp=0, ssrc=9, payload=b"\xf8")
        made.extensions.transport_sequence_number = transport
        self.inbound.on_rtp(made.serialize(extensions_of(OUR_FORMATS.cc_id)), self.now)

    @property
    def numbers(self) -> list[int]:
        return [number_of(frame) for frame in self.got]


def test_each_codec_is_repaired_by_its_own_payload_type() -> None:
    for codec in VideoCodec:
        end = End()
        pictures = stream(4, codec=codec)
        lost = pictures[1][1]
        for picture in pictures:
            for packet in picture:
                if packet is not lost:
                    end.take(packet)
        assert end.turn(0.03) == [lost.sequence]
        end.take(lost, repair=True)
        assert end.numbers == [0, 1, 2, 3]
        assert {frame.codec for frame in end.got} == {codec}
        assert end.turn(1.0) == []
        assert (end.keys, end.inbound.malformed, end.inbound.frames) == ([], 0, 4)


def test_speech_tells_at_once_that_a_picture_may_be_lost() -> None:
    end = End()
    first, second, third = (picture[0] for picture in stream(3, size=300))
    end.take(first, transport=0)
    end.speak(2)
    assert end.inbound.missing_since == end.now
    assert end.turn(0.01) == [second.sequence], "number 1 is gone, and no later picture had to come to show it"
    end.take(second, repair=True, transport=3)
    assert end.inbound.missing_since is None
    end.take(third, transport=4)
    assert end.numbers == [0, 1, 2]


def test_the_lost_tail_of_a_picture_is_asked_for_in_silence() -> None:
    end = End()
    pictures = stream(2, codec=VideoCodec.AV1, size=3000)
    for packet in [*pictures[0], *pictures[1][:-1]]:
        end.take(packet)
    assert end.turn(0.1) == [], "it may be on its way"
    asked = [number for i in range(6) for number in end.turn(0.16 + i * 0.02)]
    assert asked == [pictures[1][-1].sequence]
    end.take(pictures[1][-1], repair=True)
    assert end.numbers == [0, 1]
    assert [end.turn(1 + i) for i in range(5)] == [[]] * 5
    assert end.keys == []


def test_what_was_given_up_is_not_asked_for_any_more() -> None:
    end = End()
    pictures = stream(9, key_every=4, size=300)
    for n, picture in enumerate(pictures):
        end.turn(n * 0.066)
        for packet in picture:
            if n != 3:
                end.take(packet)
    assert end.numbers == [0, 1, 2, *range(4, 9)]
    assert [end.turn(0.6 + i * 0.1) for i in range(20)] == [[]] * 20


def test_where_nothing_is_repaired_nothing_is_asked_for_but_a_key_frame() -> None:
    end = End(rtt=None)
    for n, picture in enumerate(stream(6, size=300)):
        end.turn(n * 0.066)
        if n != 2:
            end.take(picture[0])
    assert end.turn(0.4) == []
    assert len(end.keys) == end.inbound.keys_asked == 1


def test_a_decoder_that_loses_its_reference_asks_in_the_next_turn_and_until_a_key_frame_comes() -> None:
    end = End()
    pictures = stream(4, key_every=3, size=300)
    for picture in pictures[:2]:
        end.take(picture[0])
    end.inbound.decoder._lost()
    end.turn(0.02)
    end.take(pictures[2][0])
    for i in range(100):
        end.turn(0.04 + i * 0.02)
    assert len(end.keys) == 2
    end.take(pictures[3][0])
    assert end.numbers == [0, 1, 3]


def test_a_new_stream_begins_anywhere_and_a_probe_is_no_picture() -> None:
    end = End()
    for picture in stream(2):
        for packet in picture:
            end.take(packet)
    for picture in stream(2, first=30_000):
        for packet in picture:
            end.take(packet, ssrc=99)
    assert end.numbers == [0, 1, 0, 1]
    assert OUR_FORMATS.rtx is not None
    end.inbound.on_rtp(RtpPacket(payload_type=OUR_FORMATS.rtx, ssrc=RTX_SSRC, payload=b"").serialize(), 1.0)
    end.inbound.on_rtp(RtpPacket(payload_type=TYPES[VideoCodec.AV1] or 0, ssrc=99, payload=b"\x20").serialize(), 1.0)
    assert end.inbound.malformed == 1
