"""The rate controller on simulated links: RFC 8867's cases scaled to thin links, and the lab's. One table."""

from __future__ import annotations

import itertools

import pytest
from link_model import LinkSpec, Peer, World, simulate, value
from rate_cases import CASES, Case, steady

from app.media.events import Cause
from app.media.rate.controller import Control, Phase
from app.media.rate.feedback import Kind
from app.media.rate.signals import standing


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
