"""The visits of this device: fetched, opened, believed when a provider of the care team has signed them, and kept
sealed for the time without a link."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from pydantic import ValidationError

from app.offline.errors import SealBroken
from app.offline.store import StoreCore
from app.offline.vault import open_document
from app.presenters.account import Account
from app.wire import API
from app.wire.signed import Context, SignatureError, verify
from app.wire.visits import SealedVisit, Visit, VisitDetails, VisitList

log = logging.getLogger(__name__)


async def fetch_visits(account: Account) -> tuple[VisitDetails, ...]:
    """Asks the clinic and keeps the answer, sealed as it came. Raises NetError."""
    rows = await account.http.fetch(VisitList, "GET", f"{API}/visits")
    await account.store.call(
        StoreCore.put_visits, {row.visit_id: row.model_dump_json().encode() for row in rows.visits}
    )
    return _opened(account, rows.visits)


async def kept_visits(account: Account) -> tuple[VisitDetails, ...]:
    """What was known when there was a link last."""
    rows: list[Visit] = []
    for visit_id, data in (await account.store.call(StoreCore.visits)).items():
        try:
            rows.append(Visit.model_validate_json(data))
        except ValidationError:
            log.warning("a kept visit is unreadable: %s", visit_id)
    return _opened(account, rows)


def _opened(account: Account, rows: Iterable[Visit]) -> tuple[VisitDetails, ...]:
    found = []
    for row in rows:
        try:
            found.append(_open(account, row))
        except (SealBroken, SignatureError) as exc:
            log.warning("a visit is not shown: %s", exc)
    return tuple(sorted(found, key=lambda details: details.starts_at))


def _open(account: Account, row: Visit) -> VisitDetails:
    sealed = open_document(row.sealed, account.keys.identity, SealedVisit)
    key = account.team_key(sealed.signer)
    if key is None:
        raise SignatureError("its signer is not of the care team")
    details = verify(sealed.details, Context.VISIT, key, VisitDetails)
    me = account.clinic.device_id
    if details.visit_id != row.visit_id or me not in (details.patient_device, details.provider_device):
        raise SignatureError("its details belong to another visit")
    return details
