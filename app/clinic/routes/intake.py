"""Submissions: where mine stand, the providers' inbox, the sealed blobs, word that one was opened or is withdrawn."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Response
from starlette.responses import StreamingResponse

from app.clinic import inbox, withdrawals
from app.clinic.blobs import BlobLost
from app.clinic.bus import Devices, InRole, changed
from app.clinic.context import ActorDep, Clinic, ClinicDep, ProviderDep
from app.clinic.problems import Refusal
from app.clinic.ranges import RangeNotSatisfiable, parse_range
from app.wire import API
from app.wire.base import Id
from app.wire.errors import ErrorCode
from app.wire.intake import Inbox, OpenedBy, SubmissionRows, WithdrawnBy
from app.wire.trust import Role

router = APIRouter(prefix=API)


@router.get("/submissions")
def submissions(clinic: ClinicDep, actor: ActorDep) -> SubmissionRows:
    return inbox.own(clinic.database, actor.device_id)


@router.get("/inbox")
def complete(clinic: ClinicDep, _actor: ProviderDep) -> Inbox:
    return inbox.inbox(clinic.database)


@router.get("/submissions/{submission}/blobs/{blob}", response_model=None)
def blob(
    clinic: ClinicDep,
    actor: ActorDep,
    submission: Id,
    blob: Id,
    range_: Annotated[str | None, Header(alias="Range")] = None,
) -> Response:
    stored = inbox.blob_for(clinic.database, actor, submission, blob)
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{stored.sha256}"', "Cache-Control": "no-store"}
    try:
        wanted = parse_range(range_, stored.size)
    except RangeNotSatisfiable:
        beyond = {"Content-Range": f"bytes */{stored.size}"}
        raise Refusal(ErrorCode.BAD_REQUEST, "the range is not there", status=416, headers=beyond) from None
    start, stop = wanted or (0, stored.size)
    headers["Content-Length"] = str(stop - start)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{stored.size}"
    try:
        pieces = clinic.blobs.read(stored.name, start, stop)
    except BlobLost:
        raise Refusal(ErrorCode.INTERNAL, "the blob is not in the store") from None
    return StreamingResponse(pieces, 206 if wanted is not None else 200, headers, "application/octet-stream")


@router.post("/submissions/{submission}/opened", status_code=204)
def opened(clinic: ClinicDep, _actor: ProviderDep, submission: Id, body: OpenedBy) -> Response:
    owner = inbox.mark_opened(clinic.database, submission, body)
    if owner is not None:
        _tell(clinic, owner)
    return Response(status_code=204)


@router.post("/submissions/{submission}/withdrawn", status_code=204)
async def withdrawn(clinic: ClinicDep, actor: ActorDep, submission: Id, body: WithdrawnBy) -> Response:
    """204 when nothing of it is on the disk any more, after a power cut too."""
    taken = await asyncio.to_thread(
        withdrawals.withdraw, clinic.database, actor.device_id, submission, body, clinic.now()
    )
    if taken.new:
        _tell(clinic, actor.device_id)
    for upload_id in taken.uploads:
        # Deposes whoever writes it: from here on every writer finds that it is withdrawn.
        async with clinic.writers.claim(upload_id):
            await asyncio.to_thread(clinic.blobs.remove, upload_id)
    await asyncio.to_thread(withdrawals.erased, clinic.database, submission, clinic.now())
    return Response(status_code=204)


def _tell(clinic: Clinic, owner: str) -> None:
    notices = [*changed(Devices(frozenset({owner})), "submissions"), *changed(InRole(Role.PROVIDER), "inbox")]
    for notice in notices:
        clinic.bus.publish(notice)
