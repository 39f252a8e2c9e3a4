"""PURE: RTP packets to whole frames, in order. What is missing is waited for as long as that is the best that can
happen (patience.py); then a key frame is asked for, and nothing that builds on what is missing is ever handed on.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.media.rtc.unwrap import Unwrapper
from app.media.video.codecs import BadPayload, VideoCodec
from app.media.video.patience import REORDERED_S, Rhythm, ask_again_wait, repair_wait
from app.media.video.payloads import PAYLOAD_FORMATS

MAX_PACKETS = 512


@dataclass(frozen=True)
class VideoPacket:
    """`sequence`: the 16-bit RTP number, `timestamp`: RTP time. `starts`: it may be a picture's first packet, `key`:
    it is the first of a key frame that may be decoded. An empty payload is padding.
    """

    sequence: int
    timestamp: int
    marker: bool
    codec: VideoCodec
    payload: bytes
    starts: bool
    key: bool

    @classmethod
    def read(cls, codec: VideoCodec, sequence: int, timestamp: int, marker: bool, payload: bytes) -> VideoPacket:
        """Raises BadPayload."""
        form = PAYLOAD_FORMATS[codec]
        if payload:
            form.check(payload)
        starts, key = form.starts_frame(payload), form.starts_key_frame(payload)
        return cls(sequence, timestamp, marker, codec, payload, starts, key)

    @property
    def picture(self) -> tuple[int, VideoCodec]:
        """What all packets of one picture have in common."""
        return self.timestamp, self.codec


@dataclass(frozen=True)
class WholeFrame:
    """`data` as the codec's decoder takes it; `timestamp`: RTP time."""

    codec: VideoCodec
    data: bytes
    timestamp: int
    key: bool


class FrameAssembler:
    """Feed packets in any order with their arrival (s), and `tick` it in between: both give whole frames in order,
    and whether to ask for a key frame now. `rtt_s`: the round trip; None: the other side repairs nothing.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self.restart()

    def restart(self) -> None:
        """Another stream: its numbers and times begin anywhere."""
        self._packets: dict[int, tuple[VideoPacket, float]] = {}
        self._numbers, self._times = Unwrapper(16), Unwrapper(32)
        self._rhythm = Rhythm()
        self._next: int | None = None  # the number of the next packet to use; None: wait for a key frame
        self._newest: tuple[int, VideoPacket, float] | None = None
        self._codec: VideoCodec | None = None
        self._stuck_since: float | None = None
        self._asked: tuple[float, int] | None = None  # when last, and how often in a row

    def need_key(self) -> None:
        """The decoder lost its reference: what comes is of no use before a key frame."""
        self._next = self._stuck_since = None

    @property
    def stuck_since(self) -> float | None:
        """Since when something has been missing, while what follows it is there."""
        return self._stuck_since

    @property
    def wanted_from(self) -> int | None:
        """The 16-bit number of the next packet that is of use; None while any may be."""
        return None if self._next is None else self._next & 0xFFFF

    def worth_repairing_s(self, rtt_s: float | None) -> float:
        """For so long after it was missed a packet is of use: until the next picture and its repair."""
        return self._rhythm.silence_s + repair_wait(rtt_s)

    def tail(self, now: float) -> int | None:
        """The 16-bit number after the newest packet, when that ends no picture and nothing has followed for long."""
        if self._newest is None:
            return None
        number, packet, at = self._newest
        late = now - at >= self._rhythm.tail_wait_s
        return (number + 1) & 0xFFFF if late and not packet.marker and packet.payload else None

    def add(self, packet: VideoPacket, now: float, rtt_s: float | None) -> tuple[list[WholeFrame], bool]:
        number = self._numbers.add(packet.sequence)
        if self._newest is not None and abs(number - self._newest[0]) > MAX_PACKETS:
            self.dropped += 1
            self.restart()
            number = self._numbers.add(packet.sequence)
        timestamp = self._times.add(packet.timestamp)
        if number in self._packets or (self._next is not None and number < self._next):
            return [], False  # a copy, already used, or given up
        if self._newest is None or number > self._newest[0]:
            self._newest = number, packet, now
            if packet.payload:
                self._rhythm.add(timestamp, now)
        self._packets[number] = packet, now
        self._bound()
        return self.tick(now, rtt_s)

    def tick(self, now: float, rtt_s: float | None) -> tuple[list[WholeFrame], bool]:
        """Time goes on without a packet."""
        frames = self._take()
        if frames:
            self._stuck_since = None
        if self._next is not None:
            if not self._is_stuck(now):
                self._stuck_since = None
                return frames, False
            if self._stuck_since is None:
                self._stuck_since = now
            patient = now < self._waits_until(self._stuck_since) + repair_wait(rtt_s)
            if self._goes_on_behind(now - self._stuck_since >= REORDERED_S, patient):
                self._stuck_since = now
                return frames + self._take(), False
            if patient:
                return frames, False
        return frames, self._newest is not None and self._asks(now, rtt_s)

    # Whole frames

    def _take(self) -> list[WholeFrame]:
        frames: list[WholeFrame] = []
        while True:
            if self._next is None:
                self._go_on_from(self._newest_key(whole=False))
            if self._next is None or (run := self._picture_at(self._next)) is None:
                return frames
            start, self._next = self._next, self._next + len(run)
            for number in range(start, self._next):
                del self._packets[number]
            parts = [packet.payload for packet in run if packet.payload]
            if not parts:
                continue  # padding between two pictures
            frame = self._read(run[0], parts)
            if frame is None:
                self.dropped += 1
                self._next = None  # what follows builds on it
                continue
            if frame.key:
                self._asked = None
            frames.append(frame)

    def _read(self, first: VideoPacket, parts: list[bytes]) -> WholeFrame | None:
        """None for what is broken, must not be decoded, or builds on pictures of another codec."""
        form = PAYLOAD_FORMATS[first.codec]
        try:
            data = form.depacketize(parts)
            key = form.read_frame(data)
        except BadPayload:
            return None
        if not key and first.codec is not self._codec:
            return None
        self._codec = first.codec
        return WholeFrame(first.codec, data, first.timestamp, key)

    def _picture_at(self, start: int) -> list[VideoPacket] | None:
        """All packets of the picture that begins with this one, up to its marker or the next picture; None: they are
        not all there.
        """
        run: list[VideoPacket] = []
        while (found := self._packets.get(start + len(run))) is not None:
            packet = found[0]
            if run and packet.picture != run[0].picture:
                return run
            run.append(packet)
            if packet.marker or not run[0].payload:
                return run
        return None

    # What is missing

    def _is_stuck(self, now: float) -> bool:
        """Whether something is missing: a hole, or a picture that has been silent for long before its end."""
        if not self._packets:
            return False
        assert self._next is not None
        assert self._newest is not None
        hole = len(self._packets) < self._newest[0] - self._next + 1
        return hole or self.tail(now) is not None

    def _waits_until(self, stuck_since: float) -> float:
        """From when on the time of a repair counts: nothing better comes before the next picture has begun, and a
        repair of the picture waited for says that others follow.
        """
        assert self._next is not None
        progress = stuck_since
        before: VideoPacket | None = None
        for number in sorted(self._packets):
            packet, at = self._packets[number]
            behind = before is not None and (before.marker or before.picture != packet.picture)
            if behind or (packet.starts and number > self._next):
                return max(progress, at)
            before, progress = packet, max(progress, at)
        return max(progress, stuck_since + self._rhythm.silence_s)

    def _goes_on_behind(self, reordered: bool, patient: bool) -> bool:
        """A key frame behind the hole ends the wait: at once when all of it is there, else when patience ends."""
        start = self._newest_key(whole=True) if reordered else None
        if start is None and not patient:
            start = self._newest_key(whole=False)
        if start is None or start == self._next:
            return False
        self.dropped += 1
        self._go_on_from(start)
        return True

    def _newest_key(self, *, whole: bool) -> int | None:
        starts = [number for number, (packet, _) in self._packets.items() if packet.key]
        return max((s for s in starts if not whole or self._picture_at(s) is not None), default=None)

    def _go_on_from(self, start: int | None) -> None:
        """What is older is of no use any more."""
        self._next = start
        if start is not None:
            self._packets = {number: kept for number, kept in self._packets.items() if number >= start}

    def _asks(self, now: float, rtt_s: float | None) -> bool:
        assert self._newest is not None
        at, often = self._asked or (0.0, 0)
        heard = self._newest[2] > at
        if self._asked is not None and now - at < ask_again_wait(rtt_s, often - 1, heard=heard):
            return False
        self._asked = now, 1 if heard else often + 1
        return True

    def _bound(self) -> None:
        if len(self._packets) > MAX_PACKETS:
            self.dropped += 1
            self._next = self._stuck_since = None
            for number in sorted(self._packets)[: MAX_PACKETS // 2]:
                del self._packets[number]
