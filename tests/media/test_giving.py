"""What moving pictures leave to an upload that waits and to another call, by the rate controller's own decisions."""

from __future__ import annotations

import pytest
from link_model import LinkSpec, Peer, PeerOptions, simulate
from rate_cases import steady
from test_outgoing import _begun, _told

from app.media.events import ConnectionState, View
from app.media.rate.giving import both, bulk_share
from app.media.rate.ladder import LADDERS, PACKET_OVERHEAD_BYTES, payload_bytes, pictures_of, room_bps
from app.presenters.visit_upload import upload_allowance


def _allowed(upload_bps: float) -> float | None:
    return upload_allowance(True, ConnectionState.CONNECTED, upload_bps)


@pytest.mark.parametrize("kbit", [64, 100, 150, 300, 600, 900])
def test_where_pictures_move_an_upload_that_waits_gets_on(kbit: float) -> None:
    outgoing, transport, events = _begun()
    now = _told(outgoing, 6.0, kbit, 2.0)
    before, told = outgoing.rung.pictures, len(events)
    assert before is not None
    assert not before.are_stills
    least = outgoing.upload_bps
    assert least < 0.06 * kbit * 1_000, "pictures take nearly all that there is"
    outgoing.set_bulk(True, now)
    beside = transport.used[-1][1].pictures
    assert beside is not None
    assert (beside.width, beside.height) == (before.width, before.height), "no key picture for it"
    allowed = _allowed(outgoing.upload_bps)
    assert allowed, "a clip of 1.5 MB must not wait for the end of the visit"
    assert outgoing.upload_bps >= least + 0.24 * before.wire_bps
    split = outgoing.decision.split
    assert beside.wire_bps + outgoing.upload_bps + split.speech_bps + split.feedback_bps <= split.link_bps + 1
    assert outgoing.rung.speech == outgoing.decision.rung.speech, "speech gives nothing"
    outgoing.set_bulk(False, now)
    assert transport.used[-1][1].pictures == before
    assert len(events) == told, "nobody chose it, so nothing is told of it"


@pytest.mark.parametrize("kbit", [16, 24, 34, 44])
def test_thin_links_and_stills_give_nothing(kbit: float) -> None:
    outgoing, transport, _ = _begun()
    now = _told(outgoing, 8.0, kbit, 2.0)
    before = outgoing.rung.pictures
    outgoing.set_bulk(True, now)
    assert transport.used[-1][1].pictures == before


def test_an_upload_gives_way_to_a_closer_look() -> None:
    outgoing, transport, _ = _begun()
    now = _told(outgoing, 6.0, 300.0, 2.0)
    outgoing.set_still_share(0.5, now)
    before = outgoing.still_bps, transport.used[-1][1], outgoing.upload_bps
    outgoing.set_bulk(True, now)
    assert (outgoing.still_bps, transport.used[-1][1], outgoing.upload_bps) == before


def test_another_call_on_the_link_gets_its_share_and_stands_in_for_it_at_one() -> None:
    outgoing, transport, _ = _begun()
    now = _told(outgoing, 6.0, 300.0, 2.0)
    before, least = outgoing.rung.pictures, outgoing.upload_bps
    outgoing.set_left(0.5, now)
    assert transport.used[-1][1].pictures.wire_bps == pytest.approx(before.wire_bps / 2, rel=0.01)
    assert outgoing.upload_bps == least, "it was left to the call, not to the outbox"
    outgoing.set_bulk(True, now)
    assert transport.used[-1][1].pictures.wire_bps == pytest.approx(0.375 * before.wire_bps, rel=0.01)
    outgoing.set_left(1.0, now)
    assert transport.used[-1][1].pictures is None
    assert _allowed(outgoing.upload_bps), "the visit's own allowance is the tighter one"
    outgoing.set_bulk(False, now)
    outgoing.set_left(0.0, now)
    assert transport.used[-1][1].pictures == before


@pytest.mark.parametrize("view", list(View))
def test_where_a_share_begins_it_carries_an_upload(view: View) -> None:
    """With the smallest video that the ladder gives there; what is left is worth a piece every second or so."""
    for kbit in range(10, 900):
        link = kbit * 1_000
        room, payload = room_bps(link, 0.0, 1.0), payload_bytes(link)
        video = pictures_of(2, view, room, payload)
        share = bulk_share(link, video)
        if kbit < 48:
            assert share == 0.0
        elif share:
            assert video is not None
            assert _allowed(share * min(room, LADDERS[view][2].most)), kbit
            assert (256 + PACKET_OVERHEAD_BYTES + 40) * 8 / link < 0.06
    assert bulk_share(1e6, None) == 0.0
    assert bulk_share(1e6, pictures_of(1, view, 20_000.0, 400)) == 0.0


@pytest.mark.parametrize("kbit", [64, 150])
def test_an_upload_gets_on_beside_speech_and_pictures_on_a_link_that_is_full(kbit: float) -> None:
    """Packet by packet through a bottleneck of just that rate; the other side of the link uploads nothing."""
    with_bulk, without = (
        simulate(LinkSpec(steady(kbit)), 30.0, peers=(PeerOptions(bulk=bulk),)).peers[0] for bulk in (_allowed, None)
    )

    def speech_p95(peer: Peer) -> float:
        delays = sorted(delay for at, delay in peer.record.speech_delays if at > 15.0)
        return delays[int(0.95 * len(delays))]

    assert with_bulk.record.bulk_bytes > 30.0 * kbit * 1_000 / 8 * 0.03, "a twentieth or so of the link"
    assert speech_p95(with_bulk) < speech_p95(without) + 0.03
    rungs = {control.decision.rung.name for at, control in with_bulk.record.decisions if at > 15.0}
    assert all(name.startswith("video") for name in rungs), "pictures go on moving"
    assert len(rungs) == 1, "and keep their size: no key picture for it"


def test_two_shares_are_one() -> None:
    assert both(0.0, 0.25) == 0.25
    assert both(0.5, 0.5) == 0.75
    assert both(1.0, 0.25) == 1.0
