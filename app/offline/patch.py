"""One streamed tus PATCH, paced by the allowance and watched: it ends when nothing moves or a visit pauses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Collection, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import httpx
from pydantic import BaseModel

from app.offline.allowance import Allowance
from app.offline.errors import BlobAltered
from app.offline.trouble import Paused, Stalled
from app.wire.intake import TUS_VERSION

FIRST_CHUNK_BYTES = 64 * 1024
CHUNK_S = 30.0
PATCH_STATUSES = (204, 404, 409, 410, 422, 423)


class Transport(Protocol):
    """What the outbox needs of :class:`app.net.http.ClinicHttp`."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        json: BaseModel | None = None,
        deadline: float = 20.0,
        expect: Collection[int] = (200, 201, 204),
    ) -> httpx.Response: ...


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds, before a PATCH is given up.

    `piece`: for the transport to take the next piece. `answer`: after the last piece, while what the kernel still
    holds drains (a first chunk of 64 KiB at 8 kbit/s takes 64 s) and the service syncs. `pause`: into a pause.
    `ask`: between two questions how far a streamed PATCH has come; `progress`: for the answers to say more.
    """

    piece: float = 30.0
    answer: float = 90.0
    pause: float = 2.0
    ask: float = 30.0
    progress: float = 120.0
    tick: float = 0.5


@dataclass(frozen=True)
class Watched:
    """PURE: what the watchdog knows. Times in seconds of one clock."""

    moved_at: float  # the transport took a piece
    paced: bool  # the next piece waits for the allowance
    all_taken: bool

    def verdict(self, now: float, paused_since: float | None, patience: Patience) -> type[Stalled | Paused] | None:
        """Why to give up at `now`, or None."""
        if paused_since is not None and self.paced:
            return Paused if now - paused_since >= patience.pause else None
        if self.paced:
            return None
        limit = patience.answer if self.all_taken else patience.piece
        return Stalled if now - self.moved_at >= limit else None


@dataclass
class Acknowledged:
    """PURE: what the service has said of a PATCH under way. Times in seconds of one clock.

    A transport that takes pieces proves little (a proxy may swallow them): only acknowledged offsets are progress.
    """

    offset: int
    since: float  # when it last grew, or when a pause ended

    def said(self, offset: int, now: float) -> bool:
        """True when this is news."""
        if offset <= self.offset:
            return False
        self.offset, self.since = offset, now
        return True

    def stalled(self, now: float, patience: Patience) -> bool:
        return now - self.since >= patience.progress


def next_chunk(rest: int, rate: float | None) -> int:
    """How many bytes the next PATCH carries: some 30 s worth of the last one's rate (bytes/s), so that each
    acknowledged offset is news and a fast link needs two requests in all."""
    if rest < 1:
        raise ValueError("nothing is left to send")
    size = FIRST_CHUNK_BYTES if rate is None else max(FIRST_CHUNK_BYTES // 4, int(rate * CHUNK_S))
    return rest if rest <= size + size // 4 else size


def patch_deadline(size: int) -> float:
    """The whole of one PATCH in seconds: a bound far out, for what the watchdog does not see (2 kbit/s)."""
    return 120.0 + size / 250.0


class Inquiry(Protocol):
    """The other side of a running PATCH, asked beside it."""

    async def ask(self) -> int | None:
        """How many bytes the service has; None when that cannot be learned at the moment. May be cancelled."""

    async def note(self, offset: int) -> None:
        """Writes down what was learned; runs to its end."""


class _Asking:
    """The questions beside one PATCH: one at a time, and never in its way."""

    def __init__(self, inquiry: Inquiry | None, offset: int, patience: Patience) -> None:
        self._inquiry, self._patience = inquiry, patience
        self._clock = asyncio.get_running_loop().time
        self.acknowledged = Acknowledged(offset, self._clock())
        self._next = self._clock() + patience.ask
        self._task: asyncio.Task[int | None] | None = None

    async def stalled(self, paused: bool) -> bool:
        """Asks when it is time, takes in the answer, and says whether nothing has moved for too long."""
        if self._inquiry is None:
            return False
        now = self._clock()
        if paused:
            self.acknowledged.since = now
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            offset = task.result() if not task.cancelled() and task.exception() is None else None
            self._next = now + self._patience.ask
            if offset is not None and self.acknowledged.said(offset, now):
                await self._inquiry.note(offset)
        if self._task is None and now >= self._next and not paused:
            self._task = asyncio.ensure_future(self._inquiry.ask())
        return self.acknowledged.stalled(now, self._patience)

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})


class _Stream:
    """The pieces of one PATCH, and how far the transport has taken them."""

    def __init__(self, file: BinaryIO, offset: int, size: int, allowance: Allowance) -> None:
        self._file, self._offset, self._size, self._allowance = file, offset, size, allowance
        self._clock = asyncio.get_running_loop().time
        self.watched = Watched(self._clock(), paced=False, all_taken=False)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        rest = self._size
        while rest:
            self.watched = Watched(self._clock(), paced=True, all_taken=False)
            size = await self._allowance.take(rest)
            piece = await asyncio.to_thread(self._read, self._offset + self._size - rest, size)
            rest -= size
            self.watched = Watched(self._clock(), paced=False, all_taken=not rest)
            yield piece

    def _read(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        piece = self._file.read(size)
        if len(piece) != size:
            raise BlobAltered(f"the file ends before {at + size}")
        return piece


async def stream_patch(
    transport: Transport,
    location: str,
    file: BinaryIO,
    offset: int,
    size: int,
    allowance: Allowance,
    patience: Patience,
    inquiry: Inquiry | None = None,
) -> httpx.Response:
    """Sends `size` bytes of `file` from `offset`; the answer has one of PATCH_STATUSES.

    `inquiry` tells, while the bytes go on, how many the service has; without it the PATCH is watched by what the
    transport takes alone.

    Raises :class:`Stalled` or :class:`Paused` (the connection is cut then; what arrived counts: ask by HEAD),
    :class:`BlobAltered`, or what the transport raises.
    """
    stream = _Stream(file, offset, size, allowance)
    pieces = stream.pieces()
    headers = {
        "Tus-Resumable": TUS_VERSION,
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(size),
    }
    # The watchdog alone ends a request that a visit holds back, so the deadline must not count pauses: it is far out.
    request = asyncio.ensure_future(
        transport.request(
            "PATCH",
            location,
            headers=headers,
            content=pieces,
            deadline=patch_deadline(size),
            expect=PATCH_STATUSES,
        )
    )
    asking = _Asking(inquiry, offset, patience)
    try:
        reason = await _watch(request, stream, allowance, patience, asking)
    finally:
        await asking.end()
        await _end(request)
        await pieces.aclose()
    if reason is not None:
        raise reason(f"at {offset} + {size}")
    return request.result()


async def _watch(
    request: asyncio.Future[httpx.Response],
    stream: _Stream,
    allowance: Allowance,
    patience: Patience,
    asking: _Asking,
) -> type[Stalled | Paused] | None:
    clock = asyncio.get_running_loop().time
    paused_since: float | None = None
    while not request.done():
        await asyncio.wait({request}, timeout=patience.tick)
        if not allowance.paused:
            paused_since = None
        elif paused_since is None:
            paused_since = clock()
        reason = stream.watched.verdict(clock(), paused_since, patience)
        if await asking.stalled(allowance.paused) and reason is None:
            reason = Stalled
        if reason is not None and not request.done():
            return reason
    return None


async def _end(request: asyncio.Future[httpx.Response]) -> None:
    if not request.done():
        request.cancel()
        await asyncio.wait({request})
    if not request.cancelled():
        request.exception()  # seen: the caller raises it, or has a better reason
