"""Consent freshness, RFC 7675: sending ends 30 s after the last check that the peer has answered.

Each check is a transaction of its own, sent once; an answer counts however late it comes. aioice's own waits 500 ms
for it, and ended healthy calls on long round trips (aioice issue 58).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

from aioice import stun

from app.media.rtc import private_ice

INTERVAL_S = 5.0
EXPIRY_S = 30.0
"""RFC 7675 section 5.1."""
OVERDUE_S = 10.0
OVERDUE_INTERVAL_S = 1.0
"""After 10 s without an answer a check goes out each second. The RFC's floor is 4 s between checks; but six checks in
30 s all fail once in 450 times at 20 % loss each way, which would end one visit of 20 minutes in three.
"""
CHANNEL_S = 200.0
"""A TURN permission lasts 300 s (RFC 8656 section 9), and aioice renews its channels after 500 s only."""
CHANNEL_RETRY_S = 20.0


class Consent:
    """For one aioice.Connection; `run()` ends, and closes the connection, when consent has expired. `clock`: s."""

    def __init__(
        self,
        connection: Any,
        clock: Callable[[], float] = time.monotonic,
        interval_s: float = INTERVAL_S,
        expiry_s: float = EXPIRY_S,
        overdue_s: float = OVERDUE_S,
    ) -> None:
        self._connection, self._clock = connection, clock
        self._interval_s, self._expiry_s, self._overdue_s = interval_s, expiry_s, overdue_s
        self._checks: dict[bytes, _Check] = {}
        self._binding: asyncio.Task[None] | None = None
        self._bind_at = clock() + CHANNEL_S
        self.answered_at: float | None = None
        """When the newest answered check was sent; None before the checks begin."""
        self.round_trip_s: float | None = None
        """Of the newest answer."""

    async def run(self) -> None:
        self.answered_at = self._clock()
        try:
            while await self._wait():
                self._ask()
        finally:
            for check in list(self._checks.values()):
                check.forget()
            if self._binding is not None:
                self._binding.cancel()
        await private_ice.end(self._connection)

    async def _wait(self) -> bool:
        """Until the next check is due; False when consent has expired."""
        assert self.answered_at is not None
        overdue = self._clock() - self.answered_at >= self._overdue_s
        interval = self._interval_s * (OVERDUE_INTERVAL_S / INTERVAL_S if overdue else 1.0)
        interval *= 0.8 + 0.4 * random.random()  # noqa: S311 - spread, not secrecy
        left = self.answered_at + self._expiry_s - self._clock()
        await asyncio.sleep(max(0.0, min(interval, left)))
        return self._clock() < self.answered_at + self._expiry_s

    def _ask(self) -> None:
        now = self._clock()
        for check in [check for check in self._checks.values() if check.sent_at <= now - self._expiry_s]:
            check.forget()
        pair = private_ice.nominated(self._connection)
        if pair is None:
            return
        check = _Check(self, pair, private_ice.check_request(self._connection, pair), now)
        self._checks[check.transaction_id] = check
        self._renew_channel(pair, now)

    def _renew_channel(self, pair: Any, now: float) -> None:
        relay = private_ice.relay_of(pair)
        if relay is None or now < self._bind_at or self._binding is not None:
            return

        async def bind() -> None:
            try:
                await private_ice.bind_channel(relay, pair.remote_addr)
                self._bind_at = now + CHANNEL_S
            except (stun.TransactionError, OSError):
                self._bind_at = now + CHANNEL_RETRY_S
            finally:
                self._binding = None

        self._binding = asyncio.get_running_loop().create_task(bind())

    def answered(self, check: _Check, message: Any, address: Any) -> None:
        if address != check.pair.remote_addr or not private_ice.is_success(self._connection, message):
            return
        check.forget()
        now = self._clock()
        self.round_trip_s = now - check.sent_at
        if self.answered_at is None or check.sent_at > self.answered_at:
            self.answered_at = check.sent_at

    def forget(self, transaction_id: bytes) -> None:
        self._checks.pop(transaction_id, None)


class _Check:
    """Stands among the protocol's transactions as one of aioice's would."""

    def __init__(self, consent: Consent, pair: Any, request: Any, now: float) -> None:
        self._consent = consent
        self.pair, self.sent_at = pair, now
        self.transaction_id: bytes = request.transaction_id
        pair.protocol.transactions[self.transaction_id] = self
        pair.protocol.send_stun(request, pair.remote_addr)

    def response_received(self, message: Any, address: Any) -> None:
        self._consent.answered(self, message, address)

    def forget(self) -> None:
        self.pair.protocol.transactions.pop(self.transaction_id, None)
        self._consent.forget(self.transaction_id)
