"""The rate controller on simulated links: RFC 8867's cases scaled to thin links, and the lab's. One table."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from link_model import LinkSpec, Peer, PeerOptions, Schedule, World, simulate, value

from app.media.events import Cause
from app.media.rate.controller import Control, Phase
from app.media.rate.feedback import Kind
from app.media.rate.signals import standing

SETTLED_S = 15.0


def steady(kbit: float) -> Schedule:
    return ((0.0, float(kbit)),)


@dataclass(frozen=True)
class Bounds:
    """What must hold of the first peer after `since`; None: not asked."""

    since: float = SETTLED_S
    queue_p95_ms: float | None = 60.0
    utilisation: float | None = None
    pictures: tuple[int, int] | None = None  # payload bit/s of pictures at the end, least and most; (0, 0): none
    rung: str | None = None  # at the end
    speech: tuple[int, int] | None = None  # payload bit/s of speech at the end, least and longest frame (ms)
    changes: int | None = None  # of the size of pictures, or between video, stills and speech alone
    dropped: float = 0.0  # share of speech packets that the queue dropped, from the start
    unheard: float = 0.0  # share of speech frames that came in no packet
    seen_by: float | None = None  # pictures are there by then
    probes: float = 0.03  # of the link


@dataclass(frozen=True)
class Case:
    name: str
    link: LinkSpec
    bounds: Bounds
    seconds: float = 30.0
    back: LinkSpec | None = None
    peers: tuple[PeerOptions, ...] = field(default_factory=lambda: (PeerOptions(),))
    tcp: tuple[tuple[float, float], ...] = ()


CASES = (
    Case("12", LinkSpec(steady(12), queue_ms=600), Bounds(queue_p95_ms=150, speech=(6_000, 120), pictures=(0, 0))),
    Case("16", LinkSpec(steady(16), queue_ms=400), Bounds(queue_p95_ms=120, speech=(9_000, 120), pictures=(0, 0))),
    Case(
        "24: a speech packet of 240 bytes alone takes 80 ms",
        LinkSpec(steady(24)),
        Bounds(
            queue_p95_ms=98,
            speech=(8_000, 60),
            rung="stills",
            pictures=(2_300, 5_000),
            utilisation=0.88,
            changes=0,
            seen_by=6.0,
        ),
    ),
    Case(
        "32",
        LinkSpec(steady(32)),
        Bounds(
            queue_p95_ms=75,
            speech=(10_000, 60),
            rung="stills",
            pictures=(3_800, 7_000),
            utilisation=0.84,
            changes=0,
            seen_by=2.5,
        ),
    ),
    Case(
        "48",
        LinkSpec(steady(48)),
        Bounds(
            speech=(12_000, 60), rung="video-320", pictures=(12_000, 17_500), utilisation=0.86, changes=0, seen_by=2.5
        ),
    ),
    Case(
        "64",
        LinkSpec(steady(64)),
        Bounds(
            speech=(12_000, 60), rung="video-320", pictures=(24_000, 34_000), utilisation=0.88, changes=0, seen_by=2.5
        ),
    ),
    Case(
        "100",
        LinkSpec(steady(100)),
        Bounds(
            speech=(16_000, 60), rung="video-480", pictures=(48_000, 58_000), utilisation=0.89, changes=0, seen_by=2.5
        ),
    ),
    Case(
        "150",
        LinkSpec(steady(150)),
        Bounds(
            speech=(20_000, 40), rung="video-640", pictures=(78_000, 105_000), utilisation=0.88, changes=0, seen_by=2.5
        ),
    ),
    Case(
        "250",
        LinkSpec(steady(250)),
        Bounds(
            speech=(20_000, 40),
            rung="video-640",
            pictures=(140_000, 190_000),
            utilisation=0.87,
            changes=0,
            seen_by=2.5,
        ),
    ),
    Case(
        "500",
        LinkSpec(steady(500)),
        Bounds(
            speech=(28_000, 20),
            rung="video-640",
            pictures=(330_000, 400_000),
            utilisation=0.87,
            changes=0,
            seen_by=2.5,
        ),
    ),
    Case(
        "1500: wider than anything we send",
        LinkSpec(steady(1500)),
        Bounds(speech=(28_000, 20), rung="video-960", pictures=(660_000, 800_000), changes=0, seen_by=2.5),
    ),
    Case(
        "250, round trip of 600 ms",
        LinkSpec(steady(250), delay=steady(300)),
        Bounds(
            speech=(24_000, 40),
            rung="video-640",
            pictures=(140_000, 170_000),
            utilisation=0.87,
            changes=0,
            seen_by=2.5,
        ),
    ),
    Case(
        "150, 5 % loss",
        LinkSpec(steady(150), loss=steady(0.05)),
        Bounds(speech=(16_000, 60), pictures=(58_000, 82_000), utilisation=0.8, changes=1, unheard=0.01, seen_by=2.5),
    ),
    Case(
        "150, 15 % loss",
        LinkSpec(steady(150), loss=steady(0.15)),
        Bounds(speech=(12_000, 60), pictures=(45_000, 68_000), utilisation=0.75, changes=1, unheard=0.02, seen_by=4.0),
    ),
    Case(
        "150, bursts of 5, 5 % mean",
        LinkSpec(steady(150), burst=(0.05, 5)),
        # Of twelve seeds the mean is 1.1 % unheard: one burst more or less is a percent.
        Bounds(speech=(10_000, 40), pictures=(48_000, 82_000), utilisation=0.75, changes=2, unheard=0.04, seen_by=4.0),
    ),
    Case(
        "64, 20 % loss",
        LinkSpec(steady(64), loss=steady(0.2)),
        Bounds(
            queue_p95_ms=80,
            speech=(7_000, 60),
            rung="video-320",
            pictures=(12_000, 19_000),
            unheard=0.03,
            changes=2,
            probes=0.04,
        ),
    ),
    Case(
        "150, jitter of 30 ms, reordered",
        LinkSpec(steady(150), jitter=30, reorder=True),
        Bounds(speech=(16_000, 40), pictures=(52_000, 112_000), utilisation=0.65, changes=2, probes=0.05),
    ),
    Case(
        "300-120-300-60-300",
        LinkSpec(((0.0, 300.0), (20.0, 120.0), (40.0, 300.0), (60.0, 60.0), (80.0, 300.0))),
        Bounds(since=5.0, rung="video-640", pictures=(130_000, 230_000), changes=3, dropped=0.004, unheard=0.005),
        seconds=100.0,
    ),
    Case(
        "variable capacity, one flow (RFC 8867 5.1)",
        LinkSpec(((0.0, 200.0), (20.0, 500.0), (40.0, 120.0), (60.0, 200.0))),
        Bounds(since=5.0, rung="video-640", pictures=(105_000, 140_000), changes=2, dropped=0.004, unheard=0.005),
        seconds=80.0,
    ),
    Case(
        "variable capacity, two flows (RFC 8867 5.2)",
        LinkSpec(((0.0, 400.0), (25.0, 200.0), (50.0, 400.0))),
        Bounds(
            since=5.0,
            queue_p95_ms=100,
            speech=(16_000, 60),
            pictures=(70_000, 210_000),
            changes=3,
            dropped=0.01,
            unheard=0.01,
        ),
        seconds=60.0,
        peers=(PeerOptions(), PeerOptions(starts=2.0)),
    ),
    Case(
        "congested feedback path (RFC 8867 5.3)",
        LinkSpec(((0.0, 200.0), (20.0, 100.0), (40.0, 200.0))),
        Bounds(since=5.0, rung="video-640", pictures=(105_000, 140_000), changes=2, dropped=0.004, unheard=0.005),
        seconds=60.0,
        back=LinkSpec(((0.0, 200.0), (15.0, 60.0), (35.0, 200.0))),
    ),
    Case(
        "a second flow comes (RFC 8867 5.4)",
        LinkSpec(steady(200)),
        Bounds(since=25.0, queue_p95_ms=90, speech=(16_000, 60), pictures=(30_000, 105_000), changes=2),
        seconds=60.0,
        peers=(PeerOptions(), PeerOptions(starts=20.0)),
    ),
    Case(
        "unequal round trips (RFC 8867 5.5)",
        LinkSpec(steady(300)),
        Bounds(
            since=25.0,
            queue_p95_ms=90,
            speech=(16_000, 60),
            pictures=(30_000, 105_000),
            changes=2,
            dropped=0.005,
            unheard=0.005,
        ),
        seconds=45.0,
        peers=(PeerOptions(), PeerOptions(starts=5.0, further_s=0.1), PeerOptions(starts=10.0, further_s=0.2)),
    ),
    Case(
        "128, buffer of 2 s, a competing TCP (RFC 8867 5.6)",
        LinkSpec(steady(128), queue_ms=2_000),
        Bounds(since=30.0, queue_p95_ms=None, speech=(12_000, 60), pictures=(0, 0), dropped=0.01, unheard=0.02),
        seconds=55.0,
        tcp=((20.0, 100.0),),
    ),
    Case(
        "media pause and resume (RFC 8867 5.8)",
        LinkSpec(steady(150)),
        Bounds(rung="video-640", pictures=(78_000, 105_000), changes=0),
        peers=(PeerOptions(pauses=((18.0, 5.0),)),),
    ),
    Case(
        "flapping Wi-Fi",
        LinkSpec(tuple((3.0 * i, 400.0 if i % 2 == 0 else 30.0) for i in range(14)), burst=(0.01, 4)),
        Bounds(queue_p95_ms=450, changes=8, dropped=0.09, unheard=0.09),
        seconds=42.0,
    ),
    Case(
        "200-60-200, buffer of 2 s",
        LinkSpec(((0.0, 200.0), (20.0, 60.0), (40.0, 200.0)), queue_ms=2_000),
        Bounds(since=5.0, queue_p95_ms=100, rung="video-640", pictures=(105_000, 140_000), changes=2),
        seconds=60.0,
    ),
    Case(
        "200 ms longer way",
        LinkSpec(steady(150), delay=((0.0, 50.0), (20.0, 250.0))),
        Bounds(since=25.0, speech=(20_000, 40), rung="video-640", pictures=(78_000, 105_000), changes=2),
        seconds=50.0,
    ),
    Case(
        "drift of 200 ppm",
        LinkSpec(steady(100)),
        Bounds(speech=(16_000, 60), rung="video-480", pictures=(48_000, 58_000), utilisation=0.89, changes=0),
        seconds=60.0,
        peers=(PeerOptions(drift=2e-4),),
    ),
    Case(
        "no pictures wanted",
        LinkSpec(steady(300)),
        Bounds(speech=(32_000, 20), pictures=(0, 0)),
        seconds=30.0,
        peers=(PeerOptions(pictures=False),),
    ),
)


def picture_changes(peer: Peer, since: float) -> int:
    """What is seen as a change and costs a key picture; the rates within a rung follow the link all the time."""
    rungs = [(t, shown(c)) for t, c in peer.record.decisions]
    return sum(a != b for (_, a), (t, b) in itertools.pairwise(rungs) if t > since)


def shown(control: Control) -> str:
    """The rung's name, one for all that are speech alone."""
    rung = control.decision.rung
    return rung.name if rung.pictures is not None else "speech"


def waits(world: World, peer: Peer, since: float) -> list[float]:
    return sorted(w for t, w, p in world.links[0].waits if t > since and p.owner == peer.me)


def carried(world: World, since: float) -> float:
    """Share of the capacity used."""
    bits = sum(p.size * 8 for t, _, p in world.links[0].waits if t > since)
    steps = int((world.seconds - since) * 10)
    return bits / sum(value(world.links[0].spec.rate, since + i / 10) * 100 for i in range(steps))


def unheard(world: World, peer: Peer, since: float) -> float:
    frames = [f for t, f in peer.record.frames_sent if since < t < world.seconds - 2]
    return sum(f not in peer.record.frames_got for f in frames) / max(1, len(frames))


def dropped(world: World, peer: Peer) -> float:
    drops = sum(p.owner == peer.me and p.kind is Kind.SPEECH for _, p in world.links[0].queue_drops)
    return drops / len(peer.record.frames_sent)


def probes(world: World, peer: Peer) -> float:
    steps = int(world.seconds * 10)
    return peer.record.probe_bits / sum(value(world.links[0].spec.rate, i / 10) * 100 for i in range(steps))


def last(peer: Peer) -> Control:
    return peer.record.decisions[-1][1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_scenario(case: Case) -> None:
    world = simulate(case.link, case.seconds, case.back, case.peers, case.tcp)
    peer, bounds = world.peers[0], case.bounds
    rung = last(peer).decision.rung
    if bounds.queue_p95_ms is not None:
        queue = waits(world, peer, bounds.since)
        assert queue[int(len(queue) * 0.95)] * 1_000 <= bounds.queue_p95_ms
    if bounds.utilisation is not None:
        assert carried(world, bounds.since) >= bounds.utilisation
    if bounds.pictures is not None:
        bitrate = rung.pictures.bitrate if rung.pictures is not None else 0
        assert bounds.pictures[0] <= bitrate <= bounds.pictures[1]
    if bounds.rung is not None:
        assert rung.name == bounds.rung
    if bounds.speech is not None:
        assert rung.speech.bitrate >= bounds.speech[0]
        assert rung.speech.frame_ms <= bounds.speech[1]
    if bounds.changes is not None:
        assert picture_changes(peer, bounds.since) <= bounds.changes
    if bounds.seen_by is not None:
        assert any(t <= bounds.seen_by and c.decision.rung.pictures is not None for t, c in peer.record.decisions)
    assert dropped(world, peer) <= bounds.dropped
    assert unheard(world, peer, bounds.since) <= bounds.unheard
    assert probes(world, peer) <= bounds.probes
    assert peer.record.rtcp_bits / world.seconds <= 0.065 * max(v for _, v in (case.back or case.link).rate) * 1_000


@pytest.mark.parametrize("low", [120.0, 60.0])
def test_after_a_step_down_the_queue_is_gone_within_two_seconds(low: float) -> None:
    for moment in (20.0, 20.14, 20.28):  # where it falls between two pictures is chance
        world = simulate(LinkSpec(((0.0, 300.0), (moment, low))), 27.0)
        late = [w for t, w, _ in world.links[0].waits if t > moment + 2.0]
        assert max(late) < 0.2
        assert dropped(world, world.peers[0]) < 0.015


@pytest.mark.parametrize("start", [3.0, 12.3])
@pytest.mark.parametrize("length", [4.0, 15.0])
def test_after_an_outage_pictures_are_back_within_three_seconds(start: float, length: float) -> None:
    world = simulate(LinkSpec(steady(150), outages=((start, length),)), start + length + 5)
    trail = world.peers[0].record.decisions
    dark = [c for t, c in trail if start + 2.5 < t < start + length]
    assert all(c.phase is Phase.BLIND and c.decision.cause is Cause.LINK_LOST for c in dark)
    assert all(c.decision.rung.pictures is None and c.decision.split.pictures_bps == 0 for c in dark)
    back = next(t for t, c in trail if t > start + length and c.decision.rung.pictures is not None)
    assert back < start + length + 3
    assert last(world.peers[0]).decision.cause is Cause.LINK_RECOVERED


def test_good_speech_within_a_second_and_a_half_of_the_first_feedback() -> None:
    for kbit, bitrate in ((24, 10_000), (32, 10_000), (48, 12_000), (100, 16_000)):
        trail = simulate(LinkSpec(steady(kbit)), 4.0).peers[0].record.decisions
        first = next(t for t, c in trail if c.history.fresh)
        soon = [c.decision.rung.speech.bitrate for t, c in trail if t <= first + 1.5]
        assert max(soon) >= bitrate, kbit


def test_the_first_probe_alone_may_queue_speech_and_briefly() -> None:
    world = simulate(LinkSpec(steady(12), queue_ms=600), 1.0)
    assert max(w for _, w, p in world.links[0].waits if p.owner == 0) < 0.3
    for kbit in (24, 48, 150):
        world = simulate(LinkSpec(steady(kbit)), 20.0)
        speech = [w for t, w, p in world.links[0].waits if p.kind is Kind.SPEECH and t > 5]
        assert max(speech) < 0.13


def test_every_change_has_its_cause() -> None:
    case = next(c for c in CASES if c.name == "300-120-300-60-300")
    trail = simulate(case.link, 60.0).peers[0].record.decisions
    changes = [
        (before.rungs.step, after.rungs.step, after.decision.cause)
        for (_, before), (_, after) in itertools.pairwise(trail)
        if shown(before) != shown(after)
    ]
    assert changes
    for old, new, cause in changes:
        assert cause in ((Cause.LINK_THIN,) if new < old else (Cause.START, Cause.LINK_RECOVERED))


def test_within_a_rung_rates_follow_the_link_and_the_size_stays() -> None:
    trail = simulate(LinkSpec(((0.0, 300.0), (20.0, 120.0))), 30.0).peers[0].record.decisions
    assert {shown(c) for t, c in trail if t > 5} == {"video-640"}
    before = next(c.decision.rung.pictures for t, c in reversed(trail) if t < 20)
    after = trail[-1][1].decision.rung.pictures
    assert before is not None
    assert after is not None
    assert after.bitrate < 0.5 * before.bitrate
    assert after.fps < before.fps


def test_a_queue_of_others_is_told_from_our_own() -> None:
    case = next(c for c in CASES if c.tcp)
    trail = simulate(case.link, 45.0, tcp=case.tcp).peers[0].record.decisions
    assert any(c.phase is Phase.SHARED for t, c in trail if t < 30)
    assert standing(trail[-1][1].queue.points) > 0.2
    ours = simulate(LinkSpec(((0.0, 200.0), (20.0, 60.0)), queue_ms=2_000), 30.0).peers[0].record.decisions
    assert all(c.phase is not Phase.SHARED for _, c in ours)


def test_the_same_trace_gives_the_same_decisions() -> None:
    one = simulate(LinkSpec(steady(100), loss=steady(0.05)), 8.0).peers[0].record.decisions
    two = simulate(LinkSpec(steady(100), loss=steady(0.05)), 8.0).peers[0].record.decisions
    assert [(t, c.decision) for t, c in one] == [(t, c.decision) for t, c in two]
