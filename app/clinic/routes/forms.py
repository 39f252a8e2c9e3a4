"""The questionnaires: the signed list, and each definition by its SHA-256."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from app.clinic import forms
from app.clinic.bus import Everyone, changed
from app.clinic.context import ActorDep, ClinicDep, ProviderDep
from app.clinic.problems import Refusal
from app.wire import API
from app.wire.base import Sha256Hex
from app.wire.errors import ErrorCode
from app.wire.signed import Signed

router = APIRouter(prefix=f"{API}/forms")

FHIR_JSON = "application/fhir+json"


@router.get("")
def newest(clinic: ClinicDep, _actor: ActorDep) -> Signed:
    return forms.newest(clinic.database)


@router.put("", status_code=204)
def put_set(clinic: ClinicDep, _actor: ProviderDep, body: Signed) -> Response:
    if forms.put_set(clinic.database, clinic.root_key, body):
        for notice in changed(Everyone(), "forms"):
            clinic.bus.publish(notice)
    return Response(status_code=204)


@router.get("/{sha256}")
def form(clinic: ClinicDep, _actor: ActorDep, sha256: Sha256Hex) -> Response:
    headers = {"ETag": f'"{sha256}"', "Cache-Control": "no-store"}
    return Response(forms.form(clinic.database, sha256), headers=headers, media_type=FHIR_JSON)


@router.put("/{sha256}", status_code=204)
async def put_form(request: Request, clinic: ClinicDep, _actor: ProviderDep, sha256: Sha256Hex) -> Response:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FHIR_JSON:
        raise Refusal(ErrorCode.BAD_REQUEST, f"the content type has to be {FHIR_JSON}", status=415)
    body = await request.body()
    await asyncio.to_thread(forms.put_form, clinic.database, sha256, body)
    return Response(status_code=204)
