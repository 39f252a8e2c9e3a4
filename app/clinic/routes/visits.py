"""The schedule and the ICE servers."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.clinic import schedule
from app.clinic.bus import Devices, VisitRemoved, changed
from app.clinic.context import ActorDep, Clinic, ClinicDep, ProviderDep
from app.clinic.turn import ice_config
from app.wire import API
from app.wire.base import Id
from app.wire.visits import IceConfig, Visit, VisitList

router = APIRouter(prefix=API)


@router.post("/visits", status_code=204)
def add_visit(clinic: ClinicDep, _actor: ProviderDep, body: Visit) -> Response:
    if schedule.add(clinic.database, body):
        _tell(clinic, body.participants)
    return Response(status_code=204)


@router.get("/visits")
def visits(clinic: ClinicDep, actor: ActorDep) -> VisitList:
    return schedule.visits_of(clinic.database, actor.device_id, clinic.now())


@router.delete("/visits/{visit_id}", status_code=204)
def remove_visit(clinic: ClinicDep, _actor: ProviderDep, visit_id: Id) -> Response:
    participants = schedule.remove(clinic.database, visit_id)
    clinic.bus.publish(VisitRemoved(visit_id))
    _tell(clinic, participants)
    return Response(status_code=204)


@router.get("/ice")
def ice(clinic: ClinicDep, actor: ActorDep) -> IceConfig:
    return ice_config(clinic.settings.ice, actor.device_id, clinic.now().timestamp())


def _tell(clinic: Clinic, participants: tuple[str, ...]) -> None:
    for notice in changed(Devices(frozenset(participants)), "visits"):
        clinic.bus.publish(notice)
