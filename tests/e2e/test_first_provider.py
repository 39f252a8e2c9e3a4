"""The first provider's own window is the desk: it invites, confirms and plans; the root key leaves the service."""

import asyncio
from datetime import UTC, datetime

from app.presenters.views import Page
from app.wire.trust import Role
from tests.clinic.service import start_clinic
from tests.e2e.e2e_people import person


def test_the_first_provider_invites_and_plans(tmp_path):
    clinic = start_clinic(tmp_path, tls="self")
    try:
        asyncio.run(invite_and_plan(tmp_path, clinic))
    finally:
        clinic.stop()


async def invite_and_plan(tmp_path, service):
    provider, patient = person(Role.PROVIDER, tmp_path / "lee"), person(Role.PATIENT, tmp_path / "ann")
    try:
        await provider.presenter.start()
        provider.presenter.enrol(service.url, service.code)
        await provider.until(lambda v: "Connected" in v.clinic.text)
        seed = provider.presenter.account.clinic.root_seed
        assert seed is not None
        assert seed not in service.bytes_on_disk()
        provider.presenter.open_desk()
        provider.presenter.invite_patient("  Ann Example ")
        view = await provider.until(lambda v: v.desk and v.desk.invitation)
        address, code = view.desk.invitation.splitlines()
        assert view.desk.invited_name == "Ann Example"
        await patient.presenter.start()
        patient.presenter.enrol(address, code)
        view = await provider.until(lambda v: v.desk and any(p.enrolled for p in v.desk.people))
        ann = view.desk.people[0]
        assert ann.name == "Ann Example"
        provider.presenter.add_visit(ann.device_id, datetime.now(UTC), 20, "Rash", "Dr Lee", "+1 555")
        view = await provider.until(lambda v: v.schedule and v.page is Page.HOME)
        assert view.schedule[0].patient_name == "Ann Example"
        view = await patient.until(lambda v: v.next_visit)
        assert (view.next_visit.with_name, view.next_visit.reason) == ("Dr Lee", "Rash")
        assert view.next_visit.clinic_phone == "+1 555"
        provider.presenter.invite_patient("")
        await provider.until(lambda v: v.notice and "whom the invitation is for" in v.notice.text)
    finally:
        await patient.presenter.stop()
        await provider.presenter.stop()


def test_a_device_whose_keys_are_not_bound_to_its_code_is_never_confirmed(tmp_path):
    """The service enrols keys of its own in the patient's place: the root does not sign for them."""
    clinic = start_clinic(tmp_path)
    try:
        asyncio.run(swapped_keys(tmp_path, clinic))
    finally:
        clinic.stop()


async def swapped_keys(tmp_path, service):
    from app.net.http import ClinicHttp
    from app.offline.keys import DeviceKeys
    from app.wire.code import EnrolmentCode
    from app.wire.trust import EnrolmentRequest, EnrolmentResult
    from tests.e2e.e2e_people import desk

    async with desk(tmp_path / "desk", service.url, service.code) as office:
        code = EnrolmentCode.parse(await office.invite(Role.PATIENT, "Ann Example"))
        thief = DeviceKeys.generate()
        async with ClinicHttp(service.url, None) as http:
            # It knows the token (the device showed it), but not the key that binds.
            request = EnrolmentRequest(
                token=code.token(), ed25519=thief.ed25519, age_recipient=thief.age_recipient, binding=bytes(32)
            )
            await http.fetch(EnrolmentResult, "POST", "/v1/enrolments", json=request, open_to_all=True)
        assert await office.vouch() == 0
        assert await office.people() == ()
