"""A clinic with two people of whom one sends, for the tests of sending."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from app.presenters.views import Page
from app.wire.trust import Role
from tests.clinic.service import start_clinic
from tests.e2e.e2e_people import Clinic, Person, person, two_people


@contextlib.asynccontextmanager
async def clinic(tmp_path: Path) -> AsyncIterator[Clinic]:
    service = start_clinic(tmp_path, tls="self")
    try:
        async with two_people(tmp_path, service.url, service.code) as made:
            await made.patient.until(lambda v: v.next_visit)
            try:
                yield made
            finally:
                await made.patient.presenter.stop()  # perhaps another one than it began with
    finally:
        service.stop()


async def begin(patient: Person, purpose: str) -> None:
    patient.presenter.drafting.open_send()
    await patient.until(lambda v: v.page is Page.SEND and v.sending.purposes and v.sending.compose is None)
    patient.presenter.drafting.choose_purpose(purpose)
    await patient.until(lambda v: v.sending.compose)


async def reopened(patient: Person, tmp_path: Path) -> Person:
    """The app ends and begins again."""
    await patient.presenter.stop()
    again = person(Role.PATIENT, tmp_path / "ann")
    await again.presenter.start()
    await again.until(lambda v: v.page is Page.HOME)
    return again
