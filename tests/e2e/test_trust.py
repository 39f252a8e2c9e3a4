"""The service in the middle: it can neither listen in nor speak for anybody, nor read what it keeps."""

import asyncio

import pytest

from app.presenters.views import Page, VisitPhase
from tests.clinic.service import start_clinic
from tests.e2e.e2e_people import start_visit, two_people


@pytest.mark.parametrize("how", ["keep", "resign"])
def test_a_service_that_swaps_the_fingerprint_ends_the_call(tmp_path, how):
    clinic = start_clinic(tmp_path, module=("tests.e2e.evil_clinic", how))
    try:
        asyncio.run(swapped(tmp_path, clinic))
    finally:
        clinic.stop()


async def swapped(tmp_path, service):
    async with two_people(tmp_path, service.url, service.code) as clinic:
        patient, provider = clinic.patient, clinic.provider
        await start_visit(clinic)
        view = await patient.until(lambda v: v.notice and "changed on its way" in v.notice.text)
        await patient.until(lambda v: v.page is Page.HOME and v.visit is None)
        assert "Please call the clinic" in view.notice.text
        assert not any(v.visit and v.visit.phase is VisitPhase.LIVE for v in (*patient.views, *provider.views))


def test_the_service_learns_no_name_no_reason_no_contact(tmp_path):
    clinic = start_clinic(tmp_path)
    try:
        asyncio.run(scheduled(tmp_path, clinic))
        disk = clinic.bytes_on_disk()
    finally:
        clinic.stop()
    profiles = b"".join(
        path.read_bytes() for name in ("ann", "lee", "desk") for path in (tmp_path / name).rglob("*") if path.is_file()
    )
    for clear in (b"Ann Example", b"Dr Lee", b"Rash", b"555 0100"):
        assert clear not in disk
        assert clear not in profiles


async def scheduled(tmp_path, service):
    async with two_people(tmp_path, service.url, service.code) as clinic:
        await clinic.patient.until(lambda v: v.next_visit and v.next_visit.reason == "Rash")
        await clinic.provider.until(lambda v: v.schedule and v.schedule[0].patient_name == "Ann Example")
