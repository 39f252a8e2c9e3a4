"""tus 1.0 at /v1/uploads: sealed blobs come in, however often the line breaks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from app.clinic import intake, tus
from app.clinic.blobs import BlobLost, StorageFull
from app.clinic.bus import Devices, InRole, changed
from app.clinic.context import ActorDep, Clinic, ClinicDep
from app.clinic.intake import Upload
from app.clinic.problems import Refusal
from app.clinic.transfer import End, Transfer
from app.clinic.writers import Claim, locked
from app.wire import API
from app.wire.base import Id
from app.wire.errors import ErrorCode
from app.wire.signed import Signed
from app.wire.trust import Role

router = APIRouter(prefix=f"{API}/uploads")

_NO_STORE = {"Cache-Control": "no-store"}


def _version(tus_resumable: Annotated[str | None, Header()] = None) -> None:
    tus.check_version(tus_resumable)


_TUS = [Depends(_version)]


@router.options("")
@router.options("/{upload_id}")
def capabilities() -> Response:
    return Response(status_code=204, headers=tus.CAPABILITIES)


@router.post("", dependencies=_TUS)
async def create(request: Request, clinic: ClinicDep, actor: ActorDep) -> Response:
    size = tus.upload_length(request.headers.get("upload-length"))
    declared = tus.metadata(request.headers.get("upload-metadata"))
    upload, new = await asyncio.to_thread(
        intake.create,
        clinic.database,
        actor.device_id,
        declared,
        size,
        clinic.now(),
        clinic.settings.device_quota_bytes,
    )
    offset = upload.synced
    if new and (_has_body(request) or size == 0):
        if _has_body(request):
            tus.check_content_type(request.headers.get("content-type"))
        offset = await _take_in(request, clinic, actor.device_id, upload.upload_id, 0)
    headers = {"Location": f"{API}/uploads/{upload.upload_id}", **_state(clinic, upload, offset)}
    return Response(status_code=201 if new else 200, headers=headers)


@router.head("/{upload_id}", dependencies=_TUS)
async def offset_of(clinic: ClinicDep, actor: ActorDep, upload_id: Id) -> Response:
    upload = await asyncio.to_thread(intake.find, clinic.database, actor.device_id, upload_id)
    await clinic.writers.settle(upload_id)
    upload = await _finish_if_whole(clinic, actor.device_id, upload_id)
    headers = {"Upload-Length": str(upload.size), **_state(clinic, upload, upload.synced), **_NO_STORE}
    return Response(status_code=200, headers=headers)


@router.patch("/{upload_id}", dependencies=_TUS)
async def append(request: Request, clinic: ClinicDep, actor: ActorDep, upload_id: Id) -> Response:
    tus.check_content_type(request.headers.get("content-type"))
    offset = tus.number("Upload-Offset", request.headers.get("upload-offset"))
    upload = await asyncio.to_thread(intake.find, clinic.database, actor.device_id, upload_id)
    offset = await _take_in(request, clinic, actor.device_id, upload_id, offset)
    return Response(status_code=204, headers=_state(clinic, replace(upload, moved_at=clinic.now()), offset))


@router.delete("/{upload_id}", dependencies=_TUS, status_code=204)
async def terminate(clinic: ClinicDep, actor: ActorDep, upload_id: Id) -> Response:
    await asyncio.to_thread(intake.find, clinic.database, actor.device_id, upload_id)
    async with clinic.writers.claim(upload_id):
        await asyncio.to_thread(intake.terminate, clinic.database, actor.device_id, upload_id)
        await asyncio.to_thread(clinic.blobs.remove, upload_id)
    return Response(status_code=204)


@router.get("/{upload_id}/receipt")
async def receipt(clinic: ClinicDep, actor: ActorDep, upload_id: Id) -> Signed:
    await _finish_if_whole(clinic, actor.device_id, upload_id)
    return await asyncio.to_thread(intake.receipt, clinic.database, actor.device_id, upload_id)


def _state(clinic: Clinic, upload: Upload, offset: int) -> dict[str, str]:
    expires = tus.expires(upload.moved_at, clinic.settings.unfinished_s) if offset < upload.size else {}
    return {"Upload-Offset": str(offset), **expires}


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


async def _take_in(request: Request, clinic: Clinic, device_id: str, upload_id: str, offset: int) -> int:
    """Writes the body from `offset` on; the new offset. Raises :class:`Refusal`."""
    async with clinic.writers.claim(upload_id) as claim:
        # Read again: the writer that was here before may have counted more.
        upload = await asyncio.to_thread(intake.find, clinic.database, device_id, upload_id)
        if offset != upload.synced:
            raise _wrong_offset(upload.synced)
        if upload.done:
            return upload.synced
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and offset + int(declared) > upload.size:
            raise Refusal(ErrorCode.TOO_LARGE, "there are more bytes than Upload-Length says")
        try:
            offset = await _transfer(request, clinic, upload, claim)
        except StorageFull:
            raise Refusal(ErrorCode.STORAGE_FULL) from None
        except BlobLost:
            await asyncio.to_thread(intake.advance, clinic.database, upload_id, 0, clinic.now())
            raise _wrong_offset(0) from None
        if offset == upload.size:
            await asyncio.to_thread(_complete, clinic, upload)
        return offset


async def _transfer(request: Request, clinic: Clinic, upload: Upload, claim: Claim) -> int:
    writer = await asyncio.to_thread(clinic.blobs.open, upload.upload_id, upload.synced)

    def advance(synced: int) -> None:
        intake.advance(clinic.database, upload.upload_id, synced, clinic.now())

    transfer = Transfer(writer, upload.synced, upload.size, advance, claim)
    end = await transfer.run(request.receive)
    if end is End.DEPOSED:
        raise locked("another transfer of this upload has taken over")
    if end is End.IDLE:
        raise Refusal(ErrorCode.BAD_REQUEST, "nothing came for too long", status=408)
    return transfer.offset


def _wrong_offset(offset: int) -> Refusal:
    detail = "the upload's offset is another; ask for it"
    return Refusal(ErrorCode.OFFSET_MISMATCH, detail, headers={"Upload-Offset": str(offset), **_NO_STORE})


async def _finish_if_whole(clinic: Clinic, device_id: str, upload_id: str) -> Upload:
    """Completes an upload whose last byte came, but whose receipt a stop of the service prevented."""
    upload = await asyncio.to_thread(intake.find, clinic.database, device_id, upload_id)
    if upload.done or upload.synced < upload.size:
        return upload
    async with clinic.writers.claim(upload_id):
        try:
            await asyncio.to_thread(_complete, clinic, upload)
        except Refusal as refusal:
            if refusal.code is not ErrorCode.HASH_MISMATCH:
                raise
    return await asyncio.to_thread(intake.find, clinic.database, device_id, upload_id)


def _complete(clinic: Clinic, upload: Upload) -> None:
    """All bytes are synced: checks the hash, signs the receipt, tells whom it concerns.

    On another hash the upload begins anew, and :class:`Refusal` HASH_MISMATCH is raised.
    """
    try:
        found = clinic.blobs.sha256(upload.upload_id)
    except BlobLost:
        found = ""
    if found != upload.sha256:
        intake.advance(clinic.database, upload.upload_id, 0, clinic.now())
        raise Refusal(ErrorCode.HASH_MISMATCH, "the upload begins anew", headers={"Upload-Offset": "0"})
    done = intake.complete(clinic.database, clinic.keys.receipt, upload.upload_id, clinic.now())
    if done.submission_complete:
        notices = [
            *changed(InRole(Role.PROVIDER), "inbox"),
            *changed(Devices(frozenset({done.device_id})), "submissions"),
        ]
        for notice in notices:
            clinic.bus.publish(notice)
