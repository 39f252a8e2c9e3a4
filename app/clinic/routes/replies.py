"""Providers' answers to submissions, and the word back that they have come and were read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.clinic import replies
from app.clinic.bus import Devices, InRole, changed
from app.clinic.context import ActorDep, Clinic, ClinicDep, ProviderDep
from app.wire import API
from app.wire.base import Id
from app.wire.replies import Reply, ReplyReceiptBy, ReplyRows
from app.wire.trust import Role

router = APIRouter(prefix=f"{API}/replies")

_MAX_NUMBER = 2**31 - 1


@router.get("")
def rows(clinic: ClinicDep, actor: ActorDep, after: Annotated[int, Query(ge=0, le=_MAX_NUMBER)] = 0) -> ReplyRows:
    return replies.rows(clinic.database, actor, after)


@router.put("/{reply}", status_code=204)
def put(clinic: ClinicDep, _actor: ProviderDep, reply: Id, body: Reply) -> Response:
    done = replies.put(clinic.database, reply, body, clinic.now())
    if done.new:
        _tell(clinic, done.to)
    return Response(status_code=204)


@router.post("/{reply}/receipt", status_code=204)
def receipt(clinic: ClinicDep, actor: ActorDep, reply: Id, body: ReplyReceiptBy) -> Response:
    if replies.receipted(clinic.database, actor.device_id, reply, body):
        _tell(clinic, actor.device_id)
    return Response(status_code=204)


def _tell(clinic: Clinic, device_id: str) -> None:
    for notice in (*changed(Devices(frozenset({device_id})), "replies"), *changed(InRole(Role.PROVIDER), "replies")):
        clinic.bus.publish(notice)
