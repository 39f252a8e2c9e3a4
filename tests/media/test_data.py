"""Data channels between two transports on real sockets: whole, in order, small, paced, bounded, and never the call's
end."""

from __future__ import annotations

import asyncio
import itertools
import random
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcsctptransport import DataChunk, HeartbeatChunk, InitChunk, SackChunk, serialize_packet
from data_pair import DataPair, data_pair
from session_pair import NONE, QUICK, SYNTHETIC, Pair, pair
from test_guest import _on_loopback

from app.media.events import DataReady, DataReceived, SignalPart
from app.media.rate.feedback import Kind
from app.media.rate.ladder import payload_bytes
from app.media.rtc import private_sctp
from app.media.rtc.data import CLOSER, DATA_OVERHEAD_BYTES, LONGEST_MESSAGE, WORDS, payload_limit
from app.media.rtc.outbound import data_size


def test_both_labels_both_ways_whole_and_in_order() -> None:
    async def run() -> None:
        async with data_pair() as both:
            chance = random.Random(3)
            messages = [chance.randbytes(size) for size in (0, 1, 163, 164, 165, 3_000, LONGEST_MESSAGE)]
            words = [b"", b"{}", "é".encode() * 1_000, b"\xff\xfe"]
            for end in (both.a, both.b):
                for message in messages:
                    assert end.data.send(CLOSER, message)
                for word in words:
                    assert end.data.send(WORDS, word)
            for end in (both.a, both.b):
                await both.until(lambda end=end: len(end.received) == len(messages) + len(words))
                assert [data for label, data in end.received if label == CLOSER] == messages
                assert [data for label, data in end.received if label == WORDS] == words
                await both.until(lambda end=end: end.data.backlog(CLOSER) + end.data.backlog(WORDS) == 0)

    asyncio.run(run())


def test_what_is_refused_is_not_kept() -> None:
    async def run() -> None:
        async with data_pair() as both:
            with pytest.raises(ValueError, match="16385"):
                both.a.data.send(WORDS, bytes(LONGEST_MESSAGE + 1))
            assert not both.a.data.send("other", b"x")
            taken = 0
            while both.a.data.send(CLOSER, bytes(LONGEST_MESSAGE)):
                taken += 1
            assert taken == 4, "64 KiB wait at most"
            assert both.a.data.backlog(CLOSER) <= 4 * LONGEST_MESSAGE + 500
            await both.until(lambda: len(both.b.received) == taken)
            await both.b.transport.close()
            assert not both.b.data.send(WORDS, b"x")

    asyncio.run(run())


@pytest.mark.parametrize("link_bps", [16_000, 24_000, 48_000, 500_000])
def test_no_packet_takes_the_link_for_longer_than_one_of_pictures(link_bps: float) -> None:
    limit = payload_limit(payload_bytes(link_bps))
    wire = data_size(bytes(28 + limit))
    assert limit + DATA_OVERHEAD_BYTES == wire
    assert wire * 8 / link_bps <= 0.06 or wire == 157, "157 bytes at the least, whatever the link"
    assert wire <= payload_bytes(link_bps) + 58


def test_at_24_kbit_speech_waits_for_one_small_packet_at_most_and_words_overtake_bulk() -> None:
    """1.5 s of speech while 16 KiB and a word are to be sent, through a model of the link behind the transport."""
    link_bps = 24_000.0

    async def run() -> tuple[list[tuple[float, int, bool]], list[tuple[str, bytes]], dict[Kind, int]]:
        async with data_pair(link_bps) as both:
            loop, done = asyncio.get_running_loop(), asyncio.Event()
            began, chunk = loop.time(), np.full(960, 500, np.int16)
            both.a.sent.clear()
            assert both.a.data.send(CLOSER, bytes(LONGEST_MESSAGE))

            def feed(count: int) -> None:
                both.a.transport.feed(count * 960, chunk)
                if count == 25:
                    assert both.a.data.send(WORDS, b"please wait")
                if count == 75:
                    done.set()
                else:
                    loop.call_at(began + (count + 1) * 0.02, feed, count + 1)

            feed(0)
            await asyncio.wait_for(done.wait(), 10)
            outbound = both.a.transport.outbound
            assert outbound is not None
            return list(both.a.sent), list(both.b.received), dict(outbound.by_kind)

    sent, received, by_kind = asyncio.run(run())
    assert received == [(WORDS, b"please wait")], "the word has come, the bulk of 5 s has not"
    assert by_kind[Kind.DATA] > 1_500
    free_at, waits = 0.0, []
    for at, size, is_data in sent:
        if not is_data:
            waits.append(max(0.0, free_at - at))
        free_at = max(at, free_at) + size * 8 / link_bps
    assert max(waits) <= 0.1, "one packet of data at most stands in the way of speech, with its own burst of RTCP"
    assert max(size for _, size, is_data in sent if is_data) <= 258
    data = [at for at, _, is_data in sent if is_data]
    gaps = [later - earlier for earlier, later in itertools.pairwise(data)]
    assert np.median(gaps) > 0.06, "one packet, then speech has its turn"


def test_an_ask_goes_with_the_words_and_what_follows_it_does_not() -> None:
    async def run() -> None:
        async with data_pair(24_000.0) as both:
            outbound = both.a.transport.outbound
            assert outbound is not None
            before = dict(outbound.by_kind)
            assert both.a.data.send(CLOSER, b'{"ask": 1}')
            await both.until(lambda: both.b.received == [(CLOSER, b'{"ask": 1}')])
            assert outbound.by_kind[Kind.DATA] == before[Kind.DATA]
            assert outbound.by_kind[Kind.WORDS] > before[Kind.WORDS]
            assert both.a.data.send(CLOSER, bytes(400))
            assert both.a.data.send(CLOSER, b'{"ask": 2}'), "in its turn: nothing overtakes on one stream"
            await both.until(lambda: len(both.b.received) == 3)
            assert outbound.by_kind[Kind.DATA] > before[Kind.DATA]
            assert both.b.received[1:] == [(CLOSER, bytes(400)), (CLOSER, b'{"ask": 2}')]

    asyncio.run(run())


def test_what_is_lost_comes_again_even_after_a_cut() -> None:
    async def run() -> None:
        async with data_pair() as both:
            chance = random.Random(5)
            for end in (both.a, both.b):
                end.lose = lambda datagram: 20 <= datagram[0] < 64 and chance.random() < 0.2
            message = chance.randbytes(LONGEST_MESSAGE)
            assert both.a.data.send(CLOSER, message)
            assert both.b.data.send(WORDS, b"hello")
            await both.until(lambda: bool(both.b.received) and bool(both.a.received), 30)
            assert both.b.received == [(CLOSER, message)]
            for end in (both.a, both.b):
                end.lose = lambda datagram: True
            assert both.a.data.send(WORDS, b"in the cut")
            sctp = both.a.data._sctp
            expired = asyncio.Event()
            stock = sctp._t3_expired
            sctp._t3_expired = lambda: (stock(), expired.set())
            sctp._t3_restart()
            await asyncio.wait_for(expired.wait(), 15)
            for end in (both.a, both.b):
                end.lose = lambda datagram: False
            both.a.data.hurry()
            await both.until(lambda: (WORDS, b"in the cut") in both.b.received, 2.0)

    asyncio.run(run())


def test_rate_control_hears_of_data_by_the_next_numbered_packet() -> None:
    async def run() -> None:
        async with data_pair() as both:
            outbound = both.a.transport.outbound
            assert outbound is not None
            assert both.a.data.send(WORDS, bytes(100))
            await both.until(lambda: bool(both.b.received))
            held = outbound._unnumbered
            assert held >= data_size(bytes(128))
            before, sent = outbound.in_flight, outbound.by_kind[Kind.SPEECH]
            for place in range(6):
                both.a.transport.feed(place * 960, np.full(960, 500, np.int16))
            speech = outbound.by_kind[Kind.SPEECH] - sent
            assert speech > 0
            assert outbound.in_flight - before == speech + held
            assert outbound._unnumbered == 0

    asyncio.run(run())


@pytest.mark.parametrize("without", ["all", "port"])
def test_a_far_side_without_data_channels_has_its_call(without: str) -> None:
    def change(text: str) -> str:
        if without == "port":
            return text.replace("a=sctp-port:5000\r\n", "")
        return text[: text.index("m=application")].replace("BUNDLE 0 1 2", "BUNDLE 0 1")

    async def run() -> None:
        both = DataPair(500_000)
        offer = await both.a.transport.offer()
        answer = await both.b.transport.answer(change(offer))
        await both.a.transport.take_answer(answer)
        await both.until(lambda: both.a.transport.state == both.b.transport.state == "connected")
        assert both.a.data is both.b.data is None
        await both.close()

    asyncio.run(run())


# Sessions


def test_a_sessions_events_and_a_new_transport_in_the_middle_of_a_message() -> None:
    async def run() -> None:
        soon = replace(QUICK, interrupted_after=0.4, renew_after=0.8, first_connect=2.0, try_gaps=(1.0,))
        async with pair(camera=NONE, settings=soon) as both:
            a, b = both.a.session, both.b.session
            await both.until(lambda: all(s.of(DataReady) and s.of(DataReady)[-1].ready for s in (both.a, both.b)))
            assert a.send_data(WORDS, b"one")
            await both.until(lambda: [e.data for e in both.b.of(DataReceived)] == [b"one"])
            assert a.send_data(CLOSER, bytes(LONGEST_MESSAGE))
            assert a.data_backlog(CLOSER) > 0
            first = a.transports.current
            for session in (a, b):
                assert session.transports.current is not None
                session.transports.current.path.agent.gate._take = lambda *_: False  # type: ignore[method-assign]
            await both.until(lambda: a.transports.current not in (None, first), 20)
            await both.until(lambda: all(s.of(DataReady)[-1].ready for s in (both.a, both.b)))
            told = [e.ready for e in both.a.of(DataReady)]
            assert told == [True, False, True], "a new transport begins with False: who sends again knows when"
            assert a.data_backlog(CLOSER) == 0, "of the present transport"
            assert b.send_data(WORDS, b"two")
            await both.until(lambda: b"two" in [e.data for e in both.a.of(DataReceived)])
            assert [e.data for e in both.b.of(DataReceived)].count(b"one") == 1
            assert not a.send_data("other", b"")
            await a.close()
            assert not a.send_data(WORDS, b"x")
            assert a.data_backlog(WORDS) == 0

    asyncio.run(run())


@pytest.mark.parametrize("guest_offers", [True, False])
def test_a_stock_peer_opens_words_or_takes_them(guest_offers: bool) -> None:
    async def run() -> None:
        both, opened = Pair(), list[Any]()
        side = both.make(not guest_offers, NONE, SYNTHETIC, QUICK)
        both.a = both.b = side
        side.deliver = False
        guest = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        heard: list[Any] = []

        def on_channel(channel: Any) -> None:
            channel.on("message", lambda text: (heard.append(text), channel.send(f"I got: {text}")))

        guest.on("datachannel", on_channel)
        guest.addTransceiver("audio")
        await side.session.start()
        if guest_offers:
            theirs = guest.createDataChannel("words")
            other = guest.createDataChannel("games")
            theirs.on("message", lambda text: (heard.append(text), theirs.send(f"I got: {text}"), other.send("x")))
            other.on("open", lambda: opened.append(other))
            _on_loopback(guest)
            await guest.setLocalDescription()
            await side.session.receive(SignalPart("offer", "00000000guest000", guest.localDescription.sdp))
            await guest.setRemoteDescription(RTCSessionDescription(side.sent[-1].sdp, "answer"))
        else:
            await guest.setRemoteDescription(RTCSessionDescription(side.sent[-1].sdp, "offer"))
            _on_loopback(guest)
            await guest.setLocalDescription()
            await side.session.receive(SignalPart("answer", side.sent[-1].call, guest.localDescription.sdp))
        await both.until(lambda: bool(side.of(DataReady)) and len(opened) == guest_offers)
        assert side.session.send_data(WORDS, "grüß Gott".encode())
        await both.until(lambda: bool(side.of(DataReceived)))
        assert heard == ["grüß Gott"], "as text, for a page"
        event = side.of(DataReceived)[0]
        assert (event.label, event.data.decode()) == (WORDS, "I got: grüß Gott")
        assert not side.session.send_data(CLOSER, b"x"), "that is among our own alone"
        await side.session.close()
        await guest.close()

    asyncio.run(run())


# A hostile far side


def _forge(both: DataPair) -> Any:
    """What sends a packet in the far side's name, through its DTLS: signed, and any chunk at all."""
    sctp = both.b.data._sctp

    def forge(chunk: Any, tag: int | None = None) -> None:
        verification = sctp._remote_verification_tag if tag is None else tag
        both.b.transport.path.send_data(serialize_packet(5000, 5000, verification, chunk))

    return forge


def _data(tsn: int, stream: int, flags: int = 3, body: bytes = b"x", protocol: int = 51) -> DataChunk:
    chunk = DataChunk(flags)
    chunk.tsn, chunk.stream_id, chunk.stream_seq, chunk.protocol, chunk.user_data = tsn, stream, 0, protocol, body
    return chunk


def _open(label: bytes, more: bytes = b"") -> bytes:
    return struct.pack("!BBHLHH", 3, 0, 0, 0, len(label), 0) + label + more


async def _seen(both: DataPair) -> None:
    """All that was sent before this has been read."""
    seen, stock = asyncio.Event(), both.a.data._sctp._heard
    both.a.data._sctp._heard = lambda size: (stock(size), seen.set() if size == 999 else None)
    both.b.transport.path.send_data(bytes(999))
    await asyncio.wait_for(seen.wait(), 5)
    both.a.data._sctp._heard = stock


def test_nonsense_in_the_peers_name_ends_no_call_and_is_bounded() -> None:
    async def run() -> None:
        async with data_pair() as both:
            sctp, forge, chance = both.a.data._sctp, _forge(both), random.Random(2)
            for number in range(60):
                both.b.transport.path.send_data(chance.randbytes(chance.randrange(1, 200)))
                gaps = SackChunk()
                gaps.cumulative_tsn, gaps.gaps = sctp._last_sacked_tsn, [(1, 65_535)] * 30
                forge(gaps)
                forge(_data(chance.randrange(2**32), number * 1_000))
                if number % 10 == 9:
                    await _seen(both)
            assert both.a.transport.state == "connected"
            assert sctp.state in ("connected", "closed")
            assert len(sctp._inbound_streams) <= private_sctp.MOST_STREAMS
            assert len(sctp._sack_misordered) <= private_sctp.MOST_AHEAD
            both.a.transport.feed(0, np.zeros(960, np.int16))
            assert both.a.transport.state == both.b.transport.state == "connected"

    asyncio.run(run())


def test_endless_channels_and_a_message_without_end_cost_no_memory() -> None:
    async def run() -> None:
        async with data_pair() as both:
            sctp, forge = both.a.data._sctp, _forge(both)
            tsn = both.b.data._sctp._local_tsn
            for number in range(40):
                forge(_data(tsn + number, 100 + number, body=_open(b"words"), protocol=50))
                forge(_data(tsn + number, 2, body=_open(b"x" * 60, b"y" * 500), protocol=50))
            await _seen(both)
            assert len(sctp._data_channels) <= private_sctp.MOST_STREAMS
            assert both.a.data.ready, "the first channel is the one that is used"
            heartbeat = HeartbeatChunk()
            heartbeat.params = [(1, bytes(1_000))]
            before = len(both.a.sent)
            forge(heartbeat)
            init = InitChunk()
            init.initiate_tag, init.initial_tsn, init.advertised_rwnd = 7, 1, 9
            forge(init, tag=0)
            await _seen(both)
            assert all(size < 200 for _, size, is_data in both.a.sent[before:] if is_data), "nothing large comes back"
            assert sctp._remote_verification_tag != 7, "a living association is not begun anew"
            first = (sctp._last_received_tsn + 1) % 2**32
            for number in range(100):
                forge(_data((first + number) % 2**32, 1, flags=0 if number else 2, body=bytes(1_000)))
                if number % 20 == 19:
                    await _seen(both)
            await _seen(both)
            assert sctp.state == "closed", "more than 64 KiB of one message"
            assert not both.a.data.ready
            assert both.a.transport.state == "connected", "the call goes on"
            assert not both.a.data.send(WORDS, b"x")

    asyncio.run(run())


def test_parts_that_make_too_long_a_message_are_dropped_and_the_next_is_taken() -> None:
    async def run() -> None:
        async with data_pair() as both:
            sctp = both.b.data._sctp
            stream = next(iter(sctp.bulk))
            for _ in range(120):
                sctp.submit(stream, 53, b"\x01" + bytes(150))
            sctp.submit(stream, 53, b"\x00end")
            sctp.submit(stream, 53, b"\x07what")
            sctp.submit(stream, 53, b"\x01go")
            sctp.submit(stream, 53, b"\x00od")
            await both.until(lambda: bool(both.a.received))
            assert both.a.received == [(CLOSER, b"good")]
            assert both.a.data.refused == 2

    asyncio.run(run())
