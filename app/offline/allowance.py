"""How fast bulk upload may go at the moment: a live visit paces it or stops it between two pieces."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

PIECE_BYTES = 16 * 1024
SMALLEST_PIECE_BYTES = 256
BURST_S = 0.1
"""With a rate set, no piece is longer than this on the link: bulk comes in small packets behind speech. The smallest,
with the headers of TLS and TCP, takes a link of 48 kbit/s for less than 60 ms."""


@dataclass(frozen=True)
class Bucket:
    """PURE: a pacer. `free_at` is when the next piece may go (s, the caller's clock)."""

    rate: float | None  # bytes/s; None: no bound; 0: nothing
    free_at: float = 0.0

    def piece(self, wanted: int) -> int:
        """How many of `wanted` bytes the next piece may have."""
        if self.rate is None:
            return min(wanted, PIECE_BYTES)
        return min(wanted, max(SMALLEST_PIECE_BYTES, min(PIECE_BYTES, int(self.rate * BURST_S))))

    def wait(self, now: float) -> float | None:
        """Seconds until a piece may go; None: not before the rate changes."""
        if self.rate == 0:
            return None
        return 0.0 if self.rate is None else max(0.0, self.free_at - now)

    def spend(self, size: int, now: float) -> Bucket:
        """After a piece of `size` bytes went at `now`."""
        if not self.rate:
            return self
        return Bucket(self.rate, max(now, self.free_at) + size / self.rate)

    def at_rate(self, rate: float | None, now: float) -> Bucket:
        """Another rate from now on: what went ahead of the old one is waited for at the new one."""
        ahead = max(0.0, self.free_at - now) * (self.rate or 0.0)
        return Bucket(rate, now + ahead / rate if rate else 0.0)


class Allowance:
    """Shared by the session (sets it) and the uploader (asks it); on the I/O loop alone."""

    def __init__(self, rate: float | None = None) -> None:
        self._bucket = Bucket(rate)
        self._changed = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    @property
    def rate(self) -> float | None:
        return self._bucket.rate

    @property
    def paused(self) -> bool:
        return self._bucket.rate == 0

    def set(self, rate: float | None) -> None:
        """Bytes a second; None: no bound; 0: pause at once. Takes effect before the next piece."""
        if rate is not None and rate < 0:
            raise ValueError("a rate is not negative")
        if rate == self._bucket.rate:
            return
        self._bucket = self._bucket.at_rate(rate, asyncio.get_running_loop().time())
        self._changed.set()
        self._changed = asyncio.Event()
        for listener in self._listeners:
            listener()

    def on_change(self, listener: Callable[[], None]) -> None:
        """`listener` is called after every change of the rate."""
        self._listeners.append(listener)

    async def take(self, wanted: int) -> int:
        """Waits until a piece may go; returns its size, 1..`wanted`."""
        if wanted < 1:
            raise ValueError("a piece has a byte at least")
        clock = asyncio.get_running_loop().time
        while (wait := self._bucket.wait(clock())) is None or wait > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()
        size = self._bucket.piece(wanted)
        self._bucket = self._bucket.spend(size, clock())
        return size
