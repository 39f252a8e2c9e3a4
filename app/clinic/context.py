"""What the routes work with: one object per process, and FastAPI's ways to it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import HTTPConnection

from app.clinic.blobs import Blobs
from app.clinic.bus import Bus
from app.clinic.connections import Connections
from app.clinic.database import Database
from app.clinic.guest_lines import GuestLines
from app.clinic.keys import ServiceKeys
from app.clinic.limits import WrongTries
from app.clinic.problems import Refusal
from app.clinic.settings import Settings
from app.clinic.tokens import Actor, actor_of
from app.clinic.writers import Writers
from app.wire.errors import ErrorCode
from app.wire.trust import Role


@dataclass(frozen=True)
class Clinic:
    settings: Settings
    database: Database
    blobs: Blobs
    keys: ServiceKeys
    bus: Bus
    connections: Connections
    guests: GuestLines
    writers: Writers
    tries: WrongTries

    @property
    def root_key(self) -> bytes:
        return self.settings.config.root_key

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def clinic_of(connection: HTTPConnection) -> Clinic:
    clinic = connection.app.state.clinic
    assert isinstance(clinic, Clinic)
    return clinic


ClinicDep = Annotated[Clinic, Depends(clinic_of)]

_MAX_TOKEN_TEXT = 128


def _actor(clinic: ClinicDep, authorization: Annotated[str, Header()] = "") -> Actor:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= _MAX_TOKEN_TEXT:
        raise Refusal(ErrorCode.TOKEN_INVALID, headers={"WWW-Authenticate": "Bearer"})
    return actor_of(clinic.database, token, clinic.now())


ActorDep = Annotated[Actor, Depends(_actor)]


def _provider(actor: ActorDep) -> Actor:
    if actor.role is not Role.PROVIDER:
        raise Refusal(ErrorCode.NOT_ALLOWED, "this is for providers")
    return actor


ProviderDep = Annotated[Actor, Depends(_provider)]
