"""What happens goes to whom it concerns, whichever process holds their connection.

In this process now; with several, `publish` also goes to the others (PostgreSQL's LISTEN/NOTIFY) and nothing
that publishes or listens changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from app.wire.messages import Changed
from app.wire.trust import Role


@dataclass(frozen=True)
class Everyone:
    """All connected devices."""


@dataclass(frozen=True)
class InRole:
    role: Role


@dataclass(frozen=True)
class Devices:
    device_ids: frozenset[str]


Audience = Everyone | InRole | Devices


@dataclass(frozen=True)
class Notice:
    """Something for these devices to fetch again."""

    audience: Audience
    message: Changed


@dataclass(frozen=True)
class VisitRemoved:
    visit_id: str


Event = Notice | VisitRemoved


class Bus:
    """Events in, to every subscriber on the event loop, in order of publication."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscribers: list[Callable[[Event], None]] = []

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """`subscriber` is called on the loop and must not block."""
        self._subscribers.append(subscriber)

    def publish(self, event: Event) -> None:
        """From any thread. After the commit of what it tells of, never before."""
        if self._loop is None:
            raise RuntimeError("the bus has not been started")
        self._loop.call_soon_threadsafe(self._deliver, event)

    def _deliver(self, event: Event) -> None:
        for subscriber in self._subscribers:
            subscriber(event)


def changed(audience: Audience, *what: str) -> list[Notice]:
    return [Notice(audience, Changed.model_validate({"what": one})) for one in what]
