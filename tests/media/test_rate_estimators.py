"""The estimators of the rate controller, one by one."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from app.media.rate import trendline
from app.media.rate.acknowledged import acknowledged
from app.media.rate.capacity import LARGEST_BYTES, LEAST_BYTES, Capacity, train
from app.media.rate.feedback import (
    MOST_RESULTS,
    Kind,
    PacketResult,
    RemoteFeedback,
    TransportFeedback,
)
from app.media.rate.history import KEPT_S, History
from app.media.rate.interval import feedback_interval
from app.media.rate.link import Link
from app.media.rate.loss import Loss
from app.media.rate.queue import Point, QueueDelay
from app.media.rate.signals import Signals, standing


def speech(number: int, sent: float, delay: float | None, size: int = 150) -> PacketResult:
    return PacketResult(number, sent, size, Kind.SPEECH, None if delay is None else 1_000 + sent + delay)


def row(count: int, every: float = 0.02, delay: float = 0.05, start: int = 0) -> list[PacketResult]:
    return [speech(start + i, (start + i) * every, delay) for i in range(count)]


def at(points: list[tuple[float, float]]) -> list[Point]:
    return [Point(t, q, 150, i) for i, (t, q) in enumerate(points)]


def test_transmission_is_no_queue_but_waiting_is() -> None:
    capacity = 16_000.0
    packets = [
        speech(i, i * 0.12, 0.05 + size * 8 / capacity, size) for i, size in enumerate([100, 180, 140, 178] * 4)
    ]
    queue = QueueDelay().add(tuple(packets), capacity)
    assert max(p.queued_s for p in queue.points) < 0.015
    late = speech(99, 2.0, 0.05 + 150 * 8 / capacity + 0.2)
    assert queue.add((late,), capacity).points[-1].queued_s == pytest.approx(0.2, abs=0.03)


def test_clock_drift_is_no_queue() -> None:
    queue = QueueDelay()
    for i in range(3_000):
        sent = i * 0.1
        queue = queue.add((PacketResult(i, sent, 150, Kind.SPEECH, sent * (1 + 2e-4) + 7.0),), 64_000.0)
    assert queue.points[-1].queued_s < 0.015


def test_jitter_is_measured_and_a_rebase_forgets_the_old_path() -> None:
    jitter = random.Random(1)
    queue = QueueDelay().add(tuple(speech(i, i * 0.02, 0.2 + jitter.gauss(0, 0.03)) for i in range(300)), 1e5)
    assert 0.015 < queue.noise_s < 0.045
    moved = queue.rebase().add((speech(999, 10.0, 0.9),), 1e5)
    assert moved.points[-1].queued_s == 0
    with pytest.raises(ValueError, match="received"):
        queue.add((speech(1, 0.0, None),), 1e5)


def test_points_stay_few_and_in_the_order_of_arrival() -> None:
    queue = QueueDelay()
    for i in range(100):
        queue = queue.add((speech(2 * i + 1, i * 0.1, 0.05), speech(2 * i, i * 0.1, 0.09)), 1e5)
    arrivals = [p.arrived_at for p in queue.points]
    assert arrivals == sorted(arrivals)
    assert arrivals[-1] - arrivals[0] <= 2.0


def test_the_busy_rate_is_the_capacity_and_a_free_link_tells_none() -> None:
    points = [Point(i * 0.05, 0.1, 500, i) for i in range(30)]  # 80 kbit/s without a pause, behind a queue
    rates = acknowledged([], points, 0.0, 0.0)
    assert rates.busy_bps == pytest.approx(82_400), "RTCP is 3 % as a rule"
    assert rates.delivered_bps == pytest.approx(80_000)
    free = [p._replace(queued_s=0.0) for p in points]
    assert acknowledged([], free, 0.0, 0.0).busy_bps is None
    assert acknowledged([], points, 0.0, 0.2).busy_bps == pytest.approx(103_000), "what is lost behind has used it"
    assert acknowledged([], [], 0.0, 0.0).delivered_bps is None


def test_a_lost_feedback_message_does_not_make_the_link_look_thin() -> None:
    points = [Point(i * 0.05, 0.1, 500, i) for i in range(30)]
    torn = points[:10] + points[18:]  # nobody told of eight packets, received or lost
    for kept in (points, torn):
        rates = acknowledged([], kept, 0.0, 0.0)
        assert rates.busy_bps == pytest.approx(82_400)
        assert rates.delivered_bps == pytest.approx(80_000)
    lost = [p._replace(size=0) if 10 <= p.number < 18 else p for p in points]
    rates = acknowledged([], lost, 0.0, 0.0)
    assert rates.busy_bps == pytest.approx(82_400 * 21 / 29), "what was told lost did not use it"


def test_in_a_drain_what_is_not_seen_busy_lowers_what_the_link_is_held_to_carry_a_little_only() -> None:
    """We send little then: taken for what the link carries, 60 kbit/s became 22."""
    link = Link(bps=30_000.0, held_bps=54_000.0, failed_bps=60_000.0)
    unseen = Signals(0.1, 0.0, False, 0.0, 18_000.0, 18_000.0, None)
    for _ in range(6):
        link = link.drain(unseen)
    assert link.bps <= 30_000
    assert link.held_bps == pytest.approx(0.9 * 0.8 * 60_000)
    assert link.drain(replace(unseen, busy_bps=20_000.0)).held_bps == pytest.approx(18_000, rel=0.03)


def test_rtcp_took_its_part_of_a_busy_link_too() -> None:
    """At 60 kbit/s, just after a fall from 300, feedback of before was a third: the link was held to carry 38."""
    points = [Point(i * 0.032, 0.1, 160, i, 80) for i in range(30)]
    rates = acknowledged([], points, 0.0, 0.0)
    assert rates.busy_bps == pytest.approx(60_000)
    assert rates.delivered_bps == pytest.approx(40_000), "of what was numbered"
    queue = QueueDelay().add((PacketResult(0, 0.0, 150, Kind.SPEECH, 1.0, None, 70),), 1e5)
    assert queue.points[-1].beside == 70


def test_sent_spans_are_known() -> None:
    rates = acknowledged(row(50), [], 0.0, 0.0)
    assert rates.sent_bps == pytest.approx(60_000, rel=0.05)


def test_the_trendline_finds_a_rising_queue_early_and_no_jitter() -> None:
    rising = at([(i * 0.03, i * 0.02) for i in range(12)])
    assert trendline.slope(rising) == pytest.approx(0.667, rel=0.01)
    assert trendline.overuse(rising, 0.0)
    assert not trendline.overuse(at([(i * 0.03, 0.02 * (i % 2)) for i in range(12)]), 0.0)
    assert not trendline.overuse(at([(i * 0.03, 0.3) for i in range(30)]), 0.0), "standing, not rising"
    assert trendline.slope([]) == 0


def test_standing_is_what_all_but_the_luckiest_packets_waited() -> None:
    assert standing([]) == 0
    assert standing(at([(i * 0.02, 0.1) for i in range(20)])) == 0.1
    assert standing(at([(i * 0.02, 0.2 if i % 3 == 0 else 0.0) for i in range(20)])) == 0


def lossy(lost: set[int], queue: float = 0.0, every: float = 0.02, count: int = 600) -> Loss:
    packets = tuple(speech(i, i * every, None if i in lost else 0.05 + queue) for i in range(count))
    points = [Point(1_000 + i * every, queue, 150, i) for i in range(count) if i not in lost]
    loss = Loss()
    for end in range(50, count + 1, 50):
        loss = loss.add(packets[max(0, end - 120) : end], [p for p in points if p.number < end])
    return loss


def test_random_loss_and_its_runs() -> None:
    single = lossy({i for i in range(600) if i % 10 == 5})
    assert single.random == pytest.approx(0.1, abs=0.03)
    assert single.burst == 1
    runs = lossy({i for i in range(600) if i % 50 < 5 and i >= 5})
    assert runs.random == pytest.approx(0.1, abs=0.05)
    assert runs.burst == pytest.approx(5, abs=0.8)
    assert lossy(set()).random == 0


def test_what_a_full_queue_drops_is_not_random() -> None:
    loss = lossy({i for i in range(600) if i % 4 == 1}, queue=0.3)
    assert loss.random == 0
    assert loss.congestion > 0.15


def test_an_outage_is_no_loss() -> None:
    assert lossy(set(range(200, 240)), every=0.02).random == 0


def test_a_late_packet_is_not_lost() -> None:
    first = TransportFeedback(1.0, (speech(0, 0.0, 0.05), speech(1, 0.02, None), speech(2, 0.04, 0.05)), None)
    second = TransportFeedback(1.1, (speech(1, 0.02, 0.12), speech(3, 0.06, 0.05)), None)
    history = History().add(first).add(second)
    assert [p.number for p in history.packets] == [0, 1, 2, 3]
    assert [p.number for p in history.fresh] == [1, 3]
    assert all(p.arrived_at is not None for p in history.packets)
    assert history.add(TransportFeedback(1.2, (), None)).fresh == ()
    assert history.add(first).fresh == (), "told twice"


def test_the_history_is_bounded() -> None:
    history = History()
    for block in range(20):
        results = tuple(row(50, start=block * 50))
        history = history.add(TransportFeedback(100.0, results, None))
    assert history.packets[-1].sent_at - history.packets[0].sent_at <= KEPT_S


def burst(
    cluster: int, number: int, sent: float, bps: float, count: int = 3, jitter: float = 0.0
) -> list[PacketResult]:
    shake = random.Random(cluster)
    packets = []
    for i in range(count + 1):
        arrived = 1_000 + sent + 0.05 + i * 200 * 8 / bps + shake.gauss(0, jitter)
        packets.append(PacketResult(number + i, sent, 200, Kind.PROBE if i else Kind.SPEECH, arrived, cluster))
    return packets


def test_a_train_reads_the_capacity_and_the_two_lowest_of_four_count() -> None:
    capacity = Capacity()
    packets: list[PacketResult] = []
    for cluster, bps in enumerate((100_000, 400_000, 98_000, 102_000)):
        packets += burst(cluster, 10 * cluster, cluster * 0.5, bps)
        capacity = capacity.add(tuple(packets), cluster * 0.5, 4)
    assert [round(r.bps, -3) for r in capacity.readings] == [100_000, 400_000, 98_000, 102_000]
    assert capacity.lowest(2.0, 0.001) == pytest.approx(99_000, rel=0.01)
    assert not capacity.noisy(2.0, 0.001)
    assert capacity.lowest(60.0, 0.001) is None
    assert capacity.forget().lowest(2.0, 0.001) is None


def test_jitter_makes_readings_a_cautious_mean() -> None:
    capacity, packets = Capacity(), list[PacketResult]()
    for cluster in range(10):
        packets += burst(cluster, 10 * cluster, cluster * 0.5, 100_000, jitter=0.03)
        capacity = capacity.add(tuple(packets), cluster * 0.5, 4)
    assert capacity.noisy(5.0, 0.03)
    assert 40_000 < (capacity.lowest(5.0, 0.03) or 0) < 120_000


def test_pairs_that_agree_are_believed_though_speech_waits_by_turns() -> None:
    """At 12 kbit/s RTCP makes every other packet of speech wait: noise in the queue, and none in the readings."""
    agreeing, quarrelling = Capacity(), Capacity()
    for cluster in range(4):
        pair = burst(cluster, 10 * cluster, cluster * 2.0, 12_000 + 150 * cluster, count=1)
        agreeing = agreeing.add(tuple(pair), cluster * 2.0, 2)
        pair = burst(cluster, 10 * cluster, cluster * 2.0, 12_000 * (1 + cluster % 2), count=1)
        quarrelling = quarrelling.add(tuple(pair), cluster * 2.0, 2)
    noise_s = 0.1
    assert len(agreeing.readings) == 4
    assert not agreeing.noisy(8.0, noise_s)
    assert agreeing.lowest(8.0, noise_s) == pytest.approx(12_000, rel=0.02)
    assert quarrelling.noisy(8.0, noise_s)


def test_half_a_train_or_a_torn_one_says_nothing() -> None:
    whole = burst(1, 0, 0.0, 100_000)
    assert not Capacity().add(tuple(whole[:2]), 0.1, 4).readings, "the rest may yet be told of"
    lost = [whole[0], *(PacketResult(p.number, 0.0, 200, Kind.PROBE, None, 1) for p in whole[1:])]
    assert not Capacity().add(tuple(lost), 0.1, 4).readings
    torn = [whole[0], *(PacketResult(p.number, 0.2, 200, Kind.PROBE, p.arrived_at, 1) for p in whole[1:])]
    assert not Capacity().add(tuple(torn), 0.1, 4).readings


def test_trains_keep_their_bounds() -> None:
    for size in (1, 70, 200, 300, 1_000, 3_000, 50_000):
        probe = train(size)
        assert LEAST_BYTES <= probe.packet_bytes <= LARGEST_BYTES
        assert 1 <= probe.packets <= 12
        assert probe.bits <= max(size, LEAST_BYTES) * 8


def test_feedback_stays_within_five_percent_of_our_own_link() -> None:
    for link in (14_000, 24_000, 48_000, 100_000, 300_000, 2_000_000):
        packets = 8 + link / 8_000
        interval = feedback_interval(link, packets)
        cost = (64 + 2 * packets * interval) * 8 / interval
        assert interval in (0.05, 0.1, 1.0) or cost <= 0.05 * link
    assert feedback_interval(11_000) == 1.0
    assert feedback_interval(300_000) == 0.1
    assert feedback_interval(2_000_000) == 0.05
    assert feedback_interval(13_000, 8, 1.0) < feedback_interval(13_000, 8, 10.0)
    with pytest.raises(ValueError, match="positive"):
        feedback_interval(0.0)


@pytest.mark.parametrize(
    "bad",
    [
        {"number": -1},
        {"size": 0},
        {"size": 70_000},
        {"sent_at": float("nan")},
        {"arrived_at": float("inf")},
    ],
)
def test_malformed_results_are_refused(bad: dict[str, float]) -> None:
    good = {"number": 1, "sent_at": 0.0, "size": 100, "kind": Kind.SPEECH, "arrived_at": 1.0}
    with pytest.raises(ValueError, match=r"size|number|arrived"):
        PacketResult(**(good | bad))  # type: ignore[arg-type]


def test_malformed_feedback_is_refused() -> None:
    with pytest.raises(ValueError, match="order"):
        TransportFeedback(1.0, (speech(2, 0.0, 0.1), speech(1, 0.0, 0.1)), None)
    with pytest.raises(ValueError, match="before it was sent"):
        TransportFeedback(1.0, (speech(2, 5.0, 0.1),), None)
    with pytest.raises(ValueError, match="too many"):
        TransportFeedback(99.0, tuple(speech(i, 0.0, 0.1) for i in range(MOST_RESULTS + 1)), None)
    with pytest.raises(ValueError, match="plain"):
        TransportFeedback(float("nan"), (), None)
    with pytest.raises(ValueError, match="fraction"):
        RemoteFeedback(1.0, None, 1.5, None, 0.0)
    with pytest.raises(ValueError, match="finite"):
        RemoteFeedback(1.0, -1.0, None, None, 0.0)
