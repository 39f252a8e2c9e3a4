"""The bench's own link on simulated time, and the SDP that leads into it."""

from __future__ import annotations

import random

import pytest

from tests.bench.link import BadLink, Link, Losses, p95, parse, queue_down_s
from tests.bench.relay import rewritten


def _run(link: Link[int], sends: list[float], size: int = 100, until: float = 100.0) -> dict[int, float]:
    """When each packet came out, by its number."""
    out: dict[int, float] = {}

    def drain(end: float) -> None:
        while (at := link.next_at()) is not None and at <= end:
            out.update(dict.fromkeys(link.take(at), at))

    for number, moment in enumerate(sends):
        drain(moment)
        link.put(moment, number, size)
    drain(until)
    return out


def test_a_packet_takes_its_own_time_and_the_distance() -> None:
    out = _run(Link(parse({"rate": "80", "delay": "50"}), 1), [0.0, 0.0, 1.0])
    assert out == pytest.approx({0: 0.06, 1: 0.07, 2: 1.06})


def test_waiting_is_counted_without_the_packets_own_time_and_the_queue_drops_its_tail() -> None:
    link: Link[int] = Link(parse({"rate": "80", "queue_ms": "150"}), 1)
    out = _run(link, [0.0] * 20)
    assert [waited for _, waited in link.waited.packets][:3] == pytest.approx([0, 10, 20])
    assert (len(out), link.waited.dropped) == (16, 4)


def test_a_step_takes_place_between_packets_too() -> None:
    out = _run(Link(parse({"rate": "0:80,1:8"}), 1), [0.0, 2.0])
    assert out == pytest.approx({0: 0.01, 1: 2.1})


def test_an_outage_loses_what_is_in_the_link_and_all_that_comes() -> None:
    link: Link[int] = Link(parse({"rate": "80", "delay": "500", "outage": "1:2"}), 1)
    assert list(_run(link, [0.0, 0.9, 1.5, 3.0])) == [0, 3]
    assert link.waited.cut == 2


def test_jitter_keeps_the_order_unless_it_may_not() -> None:
    sends = [0.02 * n for n in range(200)]
    kept = _run(Link(parse({"rate": "1000", "delay": "100", "jitter": "30"}), 3), sends)
    mixed = _run(Link(parse({"rate": "1000", "delay": "100", "jitter": "30", "reorder": "1"}), 3), sends)
    assert list(kept) == sorted(kept)
    assert list(mixed) != sorted(mixed)
    assert sorted(mixed) == list(range(200))


@pytest.mark.parametrize(("options", "run"), [({"loss": "0.15"}, 1.18), ({"burst": "0.15,5"}, 5.0)])
def test_losses_have_the_asked_mean_and_run(options: dict[str, str], run: float) -> None:
    asked = parse(options)
    losses = Losses(asked.loss, asked.burst, random.Random(1))
    lost = [losses.next() for _ in range(50_000)]
    runs = sum(now and not before for before, now in zip([False, *lost], lost, strict=False))
    assert sum(lost) / len(lost) == pytest.approx(0.15, abs=0.015)
    assert sum(lost) / runs == pytest.approx(run, rel=0.1)


def test_the_same_seed_loses_the_same_packets() -> None:
    sends = [0.1 * n for n in range(200)]
    once, again, other = (_run(Link(parse({"loss": "0.2"}), seed), sends) for seed in (5, 5, 6))
    assert once == again
    assert set(once) != set(other)


@pytest.mark.parametrize("options", [{"rate": "fast"}, {"speed": "3"}, {"outage": "3"}, {"burst": "0.05"}])
def test_options_that_cannot_be_used_are_named(options: dict[str, str]) -> None:
    with pytest.raises(BadLink, match=next(iter(options))):
        parse(options)


def test_every_candidate_leads_into_the_link() -> None:
    sdp = (
        "v=0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 4001 typ host\r\n"
        "a=candidate:2 1 tcp 1 127.0.0.1 9 typ host tcptype active\r\na=end-of-candidates\r\n"
    )
    told = rewritten(sdp, lambda address, port: port + 1000 if address == "127.0.0.1" else 0)
    assert told == "v=0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 5001 typ host\r\na=end-of-candidates\r\n"


def test_the_nearest_rank_is_taken() -> None:
    assert p95([float(n) for n in range(1, 101)]) == 95
    assert p95([]) is None


def test_a_queue_is_down_when_nothing_waits_long_for_a_second() -> None:
    link: Link[int] = Link(parse({"rate": "0:300,20:120,40:300,60:60"}), 1)
    link.waited.packets = [(5.0, 300), (20.1, 150), (21.0, 110), (23.0, 120), (60.5, 10), (60.6, 400)]
    assert queue_down_s(link, 80) == pytest.approx(1.0)
    assert queue_down_s(Link(parse({"rate": "60"}), 1), 80) is None
