"""Who the clinic is, enrolment, signing in, devices and the care team."""

from __future__ import annotations

import ipaddress
import math

from fastapi import APIRouter, Request, Response
from starlette.requests import HTTPConnection

from app.clinic import directory, enrolment, tokens
from app.clinic.bus import Everyone, InRole, changed
from app.clinic.context import ActorDep, Clinic, ClinicDep, ProviderDep
from app.clinic.problems import Refusal
from app.wire import API
from app.wire.base import Id
from app.wire.errors import ErrorCode
from app.wire.signed import Signed
from app.wire.trust import (
    Challenge,
    ChallengeRequest,
    ClinicDocument,
    DeviceList,
    EnrolmentRequest,
    EnrolmentResult,
    Invitation,
    InvitationCreated,
    Role,
    TokenRequest,
    TokenResult,
)

router = APIRouter(prefix=API)


@router.get("/clinic")
def clinic_document(clinic: ClinicDep) -> ClinicDocument:
    return ClinicDocument(root_key=clinic.root_key, statement=clinic.settings.config.statement)


@router.post("/enrolments")
def enrol(request: Request, clinic: ClinicDep, body: EnrolmentRequest) -> EnrolmentResult:
    address = client_address(request)
    wait = clinic.tries.wait(address, clinic.monotonic())
    if wait > 0:
        raise Refusal(ErrorCode.TOO_MANY_TRIES, headers={"Retry-After": str(math.ceil(wait))})
    try:
        enrolled = enrolment.enrol(clinic.database, body, clinic.now())
    except Refusal as refusal:
        if refusal.code is ErrorCode.CODE_UNKNOWN:
            clinic.tries.wrong(address, clinic.monotonic())
        raise
    if enrolled.new:
        _publish(clinic, InRole(Role.PROVIDER), "devices")
    return enrolled.result


def client_address(request: HTTPConnection) -> str:
    """The client's address; an IPv6 client by its /64, of which it has every address."""
    text = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else text


@router.delete("/root", status_code=204)
def root_received(clinic: ClinicDep, actor: ActorDep) -> Response:
    enrolment.forget_root(clinic.database, actor.device_id)
    return Response(status_code=204)


@router.post("/challenges")
def challenge(clinic: ClinicDep, body: ChallengeRequest) -> Challenge:
    life_s = clinic.settings.challenge_s
    return Challenge(nonce=tokens.new_nonce(clinic.keys.challenge, body.device_id, clinic.now(), life_s))


@router.post("/tokens")
def token(clinic: ClinicDep, body: TokenRequest) -> TokenResult:
    return tokens.issue(clinic.database, clinic.keys.challenge, body, clinic.now(), clinic.settings.token_s)


@router.post("/invitations")
def invite(clinic: ClinicDep, _actor: ProviderDep, body: Invitation) -> InvitationCreated:
    return enrolment.invite(clinic.database, body, clinic.now())


@router.get("/devices")
def devices(clinic: ClinicDep, _actor: ProviderDep) -> DeviceList:
    return directory.devices(clinic.database)


@router.put("/devices/{device_id}/record", status_code=204)
def put_record(clinic: ClinicDep, _actor: ProviderDep, device_id: Id, body: Signed) -> Response:
    if directory.put_record(clinic.database, clinic.root_key, device_id, body):
        _publish(clinic, Everyone(), "team")
    return Response(status_code=204)


@router.get("/devices/{device_id}/record")
def record(clinic: ClinicDep, actor: ActorDep, device_id: Id) -> Signed:
    return directory.record_for(clinic.database, actor, device_id)


@router.get("/care-team")
def care_team(clinic: ClinicDep, _actor: ActorDep) -> Signed:
    return directory.care_team(clinic.database)


@router.put("/care-team", status_code=204)
def put_care_team(clinic: ClinicDep, _actor: ProviderDep, body: Signed) -> Response:
    if directory.put_care_team(clinic.database, clinic.root_key, body):
        _publish(clinic, Everyone(), "team")
    return Response(status_code=204)


def _publish(clinic: Clinic, audience: Everyone | InRole, *what: str) -> None:
    for notice in changed(audience, *what):
        clinic.bus.publish(notice)
