"""PURE: what has come of which part, what is to be kept and what to say of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.media.closer.messages import BadCloser, Chunk, Have, Part

MOST_TRIES = 3
_TELL_BYTES = 2_000
_TELL_S = 0.5
_AGAIN_S = 1.0


@dataclass(frozen=True)
class Incoming:
    """`told`: the offset that was last told; `told_at` (s) when. `tries`: how often its SHA-256 did not hold."""

    part: Part
    offset: int = 0
    told: int = 0
    told_at: float = 0.0
    again_at: float | None = None
    tries: int = 0
    whole: bool = False

    @property
    def given_up(self) -> bool:
        return self.tries >= MOST_TRIES

    def have(self, *, again: bool = False) -> Have:
        return Have(ask=self.part.ask, part=self.part.part, offset=self.offset, again=again, whole=self.whole)


@dataclass(frozen=True)
class Verdict:
    """`keep`: append the chunk's bytes from this one on, or None; `check`: all are there, look at the SHA-256; `tell`:
    send this.
    """

    keep: int | None = None
    check: bool = False
    tell: Have | None = None


def offered(entry: Incoming | None, part: Part, now: float) -> tuple[Incoming, Have]:
    """A part is announced, or announced again on a new transport; the answer says where to go on.

    Raises BadCloser when it is another content under a known name.
    """
    if entry is None:
        entry = Incoming(part)
    elif entry.part != part:
        raise BadCloser("another content under the same name")
    entry = replace(entry, told=entry.offset, told_at=now, again_at=None)
    return entry, entry.have()


def arrived(entry: Incoming, chunk: Chunk, now: float) -> tuple[Incoming, Verdict]:
    """A chunk of this part. What is here already is passed over, and what leaves a gap is asked for again."""
    end = chunk.offset + len(chunk.data)
    if end > entry.part.size:
        raise BadCloser("more bytes than were announced")
    if entry.whole or entry.given_up or end <= entry.offset:
        return entry, Verdict()
    if chunk.offset > entry.offset:
        if entry.again_at is not None and now - entry.again_at < _AGAIN_S:
            return entry, Verdict()
        return replace(entry, again_at=now), Verdict(tell=entry.have(again=True))
    keep = entry.offset - chunk.offset
    entry = replace(entry, offset=end, again_at=None)
    if end == entry.part.size:
        return entry, Verdict(keep, check=True)
    if end - entry.told >= _TELL_BYTES:
        return replace(entry, told=end, told_at=now), Verdict(keep, tell=entry.have())
    return entry, Verdict(keep)


def checked(entry: Incoming, good: bool, now: float) -> tuple[Incoming, Have | None]:
    """All bytes are there and were hashed. Not `good`: all of it again, a few times."""
    if good:
        entry = replace(entry, whole=True, told=entry.offset, told_at=now)
        return entry, entry.have()
    entry = replace(entry, offset=0, told=0, told_at=now, tries=entry.tries + 1)
    return entry, None if entry.given_up else entry.have(again=True)


def due(entry: Incoming, now: float) -> tuple[Incoming, Have | None]:
    """What has come and was not told for a while."""
    if entry.whole or entry.offset == entry.told or now - entry.told_at < _TELL_S:
        return entry, None
    return replace(entry, told=entry.offset, told_at=now), entry.have()
