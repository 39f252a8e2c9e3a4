"""PURE: RTP packets of VP8 to whole frames, in order; what is missing too long costs a key frame, not a stall."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.media.video.vp8 import is_key_frame, is_usable_key_frame, starts_frame

MAX_PACKETS = 512
WAIT_FOR_REPAIR_S = 0.4
ASK_AGAIN_S = 1.0


@dataclass(frozen=True)
class VideoPacket:
    """`sequence` is the 16-bit RTP number, `timestamp` RTP time, `data` VP8 without its descriptor."""

    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    data: bytes


@dataclass(frozen=True)
class WholeFrame:
    data: bytes
    timestamp: int
    key: bool


@dataclass
class FrameAssembler:
    """Feed packets in any order with their arrival (s); get whole frames in order, and the wish for a key frame."""

    _packets: dict[int, VideoPacket] = field(default_factory=dict)
    _next: int | None = None  # the 16-bit number of the next packet to use; None: wait for a key frame
    _highest: int | None = None
    _stuck_since: float | None = None
    _asked_at: float | None = None
    dropped: int = 0

    def add(self, packet: VideoPacket, now: float) -> tuple[list[WholeFrame], bool]:
        if self._next is not None and _distance(self._next, packet.sequence) < 0:
            return [], False  # already used or given up
        if self._highest is None or _distance(self._highest, packet.sequence) > 0:
            self._highest = packet.sequence
        self._packets[packet.sequence] = packet
        self._bound()
        if self._next is None:
            self._next = self._find_key()
        frames = self._take()
        if self._next is not None and frames:
            self._stuck_since = None
        return frames, self._wants_key(now)

    def _take(self) -> list[WholeFrame]:
        frames: list[WholeFrame] = []
        while self._next is not None and (whole := self._frame_at(self._next)) is not None:
            frame, length = whole
            for i in range(length):
                del self._packets[(self._next + i) & 0xFFFF]
            self._next = (self._next + length) & 0xFFFF
            if frame.key and not is_usable_key_frame(frame.data):
                self.dropped += 1
                self._next = None  # what follows builds on it
                break
            frames.append(frame)
        return frames

    def _frame_at(self, start: int) -> tuple[WholeFrame, int] | None:
        first = self._packets.get(start)
        parts: list[bytes] = []
        sequence = start
        while first is not None and (packet := self._packets.get(sequence)) is not None:
            if packet.timestamp != first.timestamp:
                break
            parts.append(packet.data)
            if packet.marker:
                data = b"".join(parts)
                return WholeFrame(data, first.timestamp, is_key_frame(data)), len(parts)
            sequence = (sequence + 1) & 0xFFFF
        return None

    def _wants_key(self, now: float) -> bool:
        """Something is missing: wait a moment for its repair, then go on from the next key frame."""
        if self._next is not None:
            if not self._packets or (self._next in self._packets and self._is_running_on()):
                self._stuck_since = None
                return False
            if self._stuck_since is None:
                self._stuck_since = now
            if now - self._stuck_since < WAIT_FOR_REPAIR_S:
                return False
            self._give_up()
            if self._next is not None:
                return False
        if self._asked_at is not None and now - self._asked_at < ASK_AGAIN_S:
            return False
        self._asked_at = now
        return True

    def _is_running_on(self) -> bool:
        """Whether all there is from the next packet on has no hole: the frame is merely not complete yet."""
        assert self._next is not None
        assert self._highest is not None
        return all((self._next + i) & 0xFFFF in self._packets for i in range(_distance(self._next, self._highest) + 1))

    def _give_up(self) -> None:
        self._stuck_since = None
        self.dropped += 1
        self._next = self._find_key()

    def _find_key(self) -> int | None:
        """The start of the newest key frame that is there, from its first packet on; drops what is older."""
        starts = [s for s, p in self._packets.items() if starts_frame(p.payload) and is_usable_key_frame(p.data)]
        if not starts:
            return None
        assert self._highest is not None
        newest = min(starts, key=lambda s: _distance(s, self._highest or 0))
        for sequence in [s for s in self._packets if _distance(newest, s) < 0]:
            del self._packets[sequence]
        return newest

    def _bound(self) -> None:
        if len(self._packets) > MAX_PACKETS:
            self._packets.clear()
            self._next = self._highest = self._stuck_since = None
            self.dropped += 1


def _distance(a: int, b: int) -> int:
    """How far b is ahead of a on the 16-bit circle (RFC 1982), -32768..32767."""
    return ((b - a + 0x8000) & 0xFFFF) - 0x8000
