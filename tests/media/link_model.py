"""A link on simulated time, packet by packet, for the rate controller: the lab's link (shared bottleneck, drop tail,
serialised, then loss, propagation and jitter) and two peers that send as a real one does.
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from link_bottleneck import Bottleneck, Clock, LinkSpec, Packet, Schedule, value

from app.media.rate import controller
from app.media.rate.controller import Control
from app.media.rate.feedback import Kind, PacketResult, TransportFeedback
from app.media.rate.giving import bulk_share
from app.media.rate.interval import FEEDBACK_BYTES, RESULT_BYTES, feedback_interval
from app.media.rate.ladder import PACKET_OVERHEAD_BYTES, Pictures

__all__ = ["LinkSpec", "Peer", "PeerOptions", "Schedule", "World", "simulate", "value"]

TICK_S = 0.1
LOST_AFTER_S, FORGOTTEN_AFTER_S = 2.0, 5.0
_CONSENT_BYTES, _CONSENT_S = 103, 2.5
_BULK_BYTES, _BULK_WIRE_BYTES = 256, 256 + 22 + 52  # a piece of an upload, with TLS, TCP and IP


@dataclass
class PictureSource:
    """Frames of very different sizes around a mean, and a key frame at each change of size."""

    random: random.Random
    now: tuple[int, int] | None = None
    debt: float = 0.0

    def frame(self, pictures: Pictures) -> int:
        mean = pictures.bitrate / 8 / pictures.fps
        shape = (pictures.width, pictures.height)
        if shape != self.now:
            self.now = shape
            size = 2.5 * mean
        else:
            factor = 5.0 if self.random.random() < 0.02 else self.random.uniform(0.5, 1.4)
            size = max(0.15 * mean, mean * factor - 0.15 * self.debt)
        self.debt = max(-2 * mean, self.debt + size - mean)
        return int(size)


@dataclass
class Record:
    """What one peer did and met."""

    decisions: list[tuple[float, Control]] = field(default_factory=list)
    frames_sent: list[tuple[float, int]] = field(default_factory=list)
    frames_got: set[int] = field(default_factory=set)
    speech_delays: list[tuple[float, float]] = field(default_factory=list)
    probe_bits: int = 0
    skipped: int = 0
    bulk_bytes: int = 0
    rtcp_bits: int = 0


class Peer:
    """Sender and receiver of one side."""

    def __init__(self, clock: Clock, me: int, out: Bottleneck, seed: int, options: PeerOptions) -> None:
        self.clock, self.me, self.out, self.options = clock, me, out, options
        self.other: Peer | None = None
        self.record = Record()
        self.control = controller.start(options.starts)
        self._number = itertools.count()
        self._frame = itertools.count()
        self._clusters = itertools.count()
        self._sent: dict[int, Packet] = {}
        self._besides: dict[int, int] = {}
        self._rtcp = 0
        self._told = -1
        self.in_flight = 0
        self._probe = self.control.decision.probe
        self._pictures: deque[int] = deque()  # payloads that wait for the pacer
        self._pace_at, self._waiting = 0.0, False
        self._source = PictureSource(random.Random(seed))
        self._unreported: dict[int, float] = {}
        self._highest = -1
        self._recent: deque[float] = deque()
        self._heard_at: float | None = None
        self._lost = False
        for delay, what in ((0.0, self._speech), (0.0, self._tick), (0.13, self._picture), (0.2, self._feedback)):
            clock.at(options.starts + delay, what)
        clock.at(options.starts + 0.01 + me * 0.37, self._consent)
        if options.bulk is not None:
            clock.at(options.starts, self._bulk)

    def _use(self, control: Control) -> None:
        before = self.control.decision
        self.control = control
        if control.decision.probe is not None and control.decision is not before:
            self._probe = control.decision.probe
        self.record.decisions.append((self.clock.now, control))

    def _send(self, kind: Kind, size: int, cluster: int | None = None, frames: tuple[int, ...] = ()) -> None:
        now = self.clock.now
        packet = Packet(self.me, kind, size, next(self._number), now, self._arrive_there, cluster, frames)
        self._sent[packet.number] = packet
        self._besides[packet.number], self._rtcp = self._rtcp, 0
        self.in_flight += size
        self.out.put(packet)

    def _arrive_there(self, packet: Packet, now: float) -> None:
        assert self.other is not None
        other, late = self.other, now + self.options.further_s
        self.clock.at(late, lambda: other.receive(packet, late))

    # What is sent.

    def _speech(self) -> None:
        speech = self.control.decision.rung.speech
        if not self._paused():
            frame = next(self._frame)
            self.record.frames_sent.append((self.clock.now, frame))
            frames = tuple(frame - i * speech.distance for i in range(speech.redundancy + 1))
            cluster = next(self._clusters) if self._probe is not None else None
            self._send(Kind.SPEECH, speech.packet_bytes, cluster, frames)
            if self._probe is not None:
                for _ in range(self._probe.packets):
                    self._send(Kind.PROBE, self._probe.packet_bytes, cluster)
                self.record.probe_bits += self._probe.bits
                self._probe = None
        self.clock.at(self.clock.now + speech.frame_ms / 1_000, self._speech)

    def _paused(self) -> bool:
        pauses = self.options.pauses if self.me % 2 == 0 else ()
        return any(start <= self.clock.now < start + length for start, length in pauses)

    def _picture(self) -> None:
        pictures = self.control.decision.rung.pictures
        if pictures is not None and self.options.bulk is not None:
            pictures = pictures.less(self._bulk_share())
        if pictures is None or self._paused():
            self._pictures.clear()
            self._source.now = None
            self.clock.at(self.clock.now + 0.1, self._picture)
            return
        if sum(self._pictures) * 8 > max(0.6 * pictures.bitrate, 20_000):
            self.record.skipped += 1  # what would come late is not sent
        else:
            left = self._source.frame(pictures)
            pieces = -(-left // self.control.decision.payload_bytes)
            self._pictures.extend([max(30, left // pieces)] * pieces)
            self._pace()
        self.clock.at(self.clock.now + 1 / pictures.fps, self._picture)

    def _bulk_share(self) -> float:
        return bulk_share(self.control.decision.split.link_bps, self.control.decision.rung.pictures)

    def _bulk(self) -> None:
        """An upload past the pacer, as fast as it is allowed to."""
        assert self.options.bulk is not None
        parts = self.control.decision.split
        rate = self.options.bulk(parts.data_bps + self._bulk_share() * (parts.pictures_bps + parts.repair_bps))
        if rate:
            self.out.put(Packet(-3, None, _BULK_WIRE_BYTES, -1, self.clock.now, lambda *_: self._bulk_arrived()))
        self.clock.at(self.clock.now + (_BULK_BYTES / rate if rate else 0.1), self._bulk)

    def _bulk_arrived(self) -> None:
        self.record.bulk_bytes += _BULK_BYTES

    def _pace(self) -> None:
        if self._waiting or not self._pictures:
            return
        if self._pace_at > self.clock.now:
            self._waiting = True
            self.clock.at(self._pace_at, self._resume)
            return
        size = self._pictures[0] + PACKET_OVERHEAD_BYTES
        if self.in_flight + size > self.control.decision.window_bytes or self.control.decision.split.pictures_bps <= 0:
            return  # the next feedback or tick looks again
        self._pictures.popleft()
        self._pace_at = self.clock.now + size * 8 / self.control.decision.pacing_bps
        self._send(Kind.PICTURES, size)
        self._pace()

    def _resume(self) -> None:
        self._waiting = False
        self._pace()

    def _consent(self) -> None:
        self.out.put(Packet(-1, None, _CONSENT_BYTES, -1, self.clock.now, lambda *_: None))
        self.clock.at(self.clock.now + _CONSENT_S, self._consent)

    def _tick(self) -> None:
        now = self.clock.now
        while self._sent:
            number, packet = next(iter(self._sent.items()))
            if now - packet.sent_at < (FORGOTTEN_AFTER_S if number > self._told else LOST_AFTER_S):
                break
            del self._sent[number]
            self.in_flight -= packet.size if number > self._told else 0
        silent = self._heard_at is not None and now - self._heard_at > 2.0
        if silent and not self._lost:
            self._lost = True
            self._use(controller.lose(self.control, now))
        self._use(controller.tick(self.control, now, self.in_flight, self.options.wanted(now)))
        self._pace()
        self.clock.at(now + TICK_S, self._tick)

    # What arrives.

    def receive(self, packet: Packet, now: float) -> None:
        self._heard(now)
        self._recent.append(now)
        while self._recent[0] < now - 1:
            self._recent.popleft()
        clock = now * (1 + self.options.drift) + 1_000.0
        self._unreported[packet.number] = round(clock * 4_000) / 4_000
        if packet.kind is Kind.SPEECH:
            sender = self.other
            assert sender is not None
            sender.record.frames_got.update(packet.frames)
            sender.record.speech_delays.append((packet.sent_at, now - packet.sent_at))

    def _heard(self, now: float) -> None:
        self._heard_at = now
        if self._lost:
            self._lost = False
            self._use(controller.found(self.control, now))

    def _feedback(self) -> None:
        now = self.clock.now
        if self._unreported:
            arrivals, self._unreported = self._unreported, {}
            newest = max(self._highest, *arrivals)
            base, self._highest = self._highest + 1, newest
            told = {n: arrivals.get(n) for n in range(base, newest + 1)} | arrivals
            size = FEEDBACK_BYTES + RESULT_BYTES * len(told)
            self.record.rtcp_bits += size * 8
            self._rtcp += size
            self.out.put(Packet(-1, None, size, -1, now, lambda _, at: self.other_feedback(told, at)))
        link = self.control.decision.split.link_bps
        since = now - self.options.starts
        self.clock.at(now + feedback_interval(link, len(self._recent), since), self._feedback)

    def other_feedback(self, told: dict[int, float | None], now: float) -> None:
        assert self.other is not None
        self.other.take_feedback(told, now)

    def take_feedback(self, told: dict[int, float | None], now: float) -> None:
        self._heard(now)
        results = []
        for number in sorted(told):
            packet = self._sent.get(number)
            if packet is None or packet.kind is None:
                continue
            beside = self._besides.pop(number, 0)
            results.append(
                PacketResult(number, packet.sent_at, packet.size, packet.kind, told[number], packet.cluster, beside)
            )
        for number in range(self._told + 1, max(told) + 1):  # what is told lost may come late, but flies no more
            self.in_flight -= self._sent[number].size if number in self._sent else 0
        self._told = max(self._told, *told)
        feedback = TransportFeedback(now, tuple(results), None)
        self._use(controller.on_feedback(self.control, feedback, now))
        self._pace()


@dataclass
class PeerOptions:
    starts: float = 0.0
    drift: float = 0.0
    pauses: tuple[tuple[float, float], ...] = ()
    pictures: bool = True
    bulk: Callable[[float], float | None] | None = None  # bytes/s that an upload may have, of bit/s on the wire
    further_s: float = 0.0  # one way, beyond the link's own delay

    def wanted(self, now: float) -> bool:
        return self.pictures


class Tcp:
    """A greedy flow after CUBIC (RFC 9438): packets of 1,500 bytes, acknowledged over a path of its own."""

    def __init__(self, clock: Clock, out: Bottleneck, start: float, end: float, back_s: float = 0.05) -> None:
        self.clock, self.out, self.end, self.back = clock, out, end, back_s
        self.window, self.most, self.cut_at, self.threshold = 4.0, 0.0, 0.0, 1e9
        self.flying: dict[int, float] = {}
        self._next = 0
        self.delivered = 0
        clock.at(start, self._fill)

    def _fill(self) -> None:
        now = self.clock.now
        if now >= self.end:
            return
        while len(self.flying) < int(self.window):
            packet = Packet(-2, None, 1_500, self._next, now, self._arrived)
            self.flying[self._next] = now
            self._next += 1
            self.out.put(packet)

    def _arrived(self, packet: Packet, now: float) -> None:
        self.clock.at(now + self.back, lambda: self._acked(packet.number))

    def _acked(self, number: int) -> None:
        now = self.clock.now
        self.delivered += 1
        self.flying.pop(number, None)
        gone = [n for n in self.flying if n < number - 2]
        if gone:
            for n in gone:
                del self.flying[n]
            if now - self.cut_at > 0.3:
                self.most, self.cut_at = self.window, now
                self.window = self.threshold = max(2.0, self.window * 0.7)
        elif self.window < self.threshold:
            self.window += 1
        else:
            wait = (self.most * 0.3 / 0.4) ** (1 / 3)
            target = 0.4 * (now - self.cut_at - wait) ** 3 + self.most
            self.window += max(0.01, min(0.5, (target - self.window) / self.window))
        self._fill()


@dataclass
class World:
    """A finished run."""

    peers: list[Peer]
    links: tuple[Bottleneck, Bottleneck]
    seconds: float


def simulate(
    there: LinkSpec,
    seconds: float,
    back: LinkSpec | None = None,
    peers: tuple[PeerOptions, ...] = (PeerOptions(),),
    tcp: tuple[tuple[float, float], ...] = (),
    seed: int = 1,
) -> World:
    """Peers of `there` (two or more share the bottleneck), each with a peer at the other side that does the same over
    `back`; `tcp`: (start, end) of greedy flows there.
    """
    clock = Clock()
    links = Bottleneck(clock, there, seed), Bottleneck(clock, back or there, seed + 1)
    made = []
    for index, options in enumerate(peers):
        near = Peer(clock, 2 * index, links[0], seed + 10 + index, options)
        far = Peer(clock, 2 * index + 1, links[1], seed + 20 + index, options)
        near.other, far.other = far, near
        made.append(near)
    for start, end in tcp:
        Tcp(clock, links[0], start, end)
    clock.run(seconds)
    return World(made, links, seconds)
