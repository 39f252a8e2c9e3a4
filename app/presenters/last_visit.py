"""The last visit that this device knows of: the service forgets it half a day after its end, a follow-up names it.

A document of the store (which is encrypted), kind "visit", id "last": its id and its time, nothing else of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import ValidationError

from app.offline.store import Store, StoreCore
from app.wire.base import Id, UtcTime, WireModel
from app.wire.visits import VisitDetails

_KIND, _LAST = "visit", "last"


class PastVisit(WireModel):
    """A visit that has begun."""

    visit_id: Id
    starts_at: UtcTime


def last_visit(known: PastVisit | None, visits: Iterable[VisitDetails], now: datetime) -> PastVisit | None:
    """The latest that began by `now`; `known` counts among them."""
    begun = [PastVisit(visit_id=v.visit_id, starts_at=v.starts_at) for v in visits if v.starts_at <= now]
    found = [*begun, *([known] if known is not None else [])]
    return max(found, key=lambda visit: visit.starts_at, default=None)


async def kept_visit(store: Store) -> PastVisit | None:
    """What :func:`keep_visit` kept. Raises StoreFailed."""
    body = await store.call(StoreCore.document, _KIND, _LAST)
    try:
        return None if body is None else PastVisit.model_validate_json(body)
    except ValidationError:
        return None


async def keep_visit(store: Store, visit: PastVisit) -> None:
    await store.call(StoreCore.put_documents, _KIND, {_LAST: visit.model_dump_json().encode()})
