"""The desk against a service that lies: who is who rests on keys and codes, never on its word."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.net.errors import Unreachable
from app.offline.keys import DeviceKeys
from app.presenters import desk as desk_module
from app.presenters.account import Clinic
from app.presenters.desk import Desk, DeskError
from app.wire.code import EnrolmentCode
from app.wire.signed import Context, verify
from app.wire.trust import (
    CareTeamList,
    DeviceList,
    DeviceRecord,
    DeviceRow,
    InvitationCreated,
    Role,
    device_id_of,
)

SEED = bytes(range(32))
ROOT = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()


class Service:
    """What a service keeps and answers; a test may change `rows` as it likes."""

    def __init__(self):
        self.rows, self.records, self.invitations, self.team = {}, {}, [], None
        self.cut = None

    async def fetch(self, model, method, path, *, json=None, deadline=20.0, open_to_all=False):
        if path == "/v1/invitations":
            self.invitations.append(json)
            return InvitationCreated(invitation_id="invitation1")
        assert path == "/v1/devices"
        assert model is DeviceList
        return DeviceList(devices=tuple(self.rows.values()))

    async def request(self, method, path, *, json=None, **_):
        if self.cut == path.rsplit("/", 1)[-1]:
            self.cut = None
            raise Unreachable("cut")
        if path == "/v1/care-team":
            self.team = json
        elif path.endswith("/record"):
            device = path.split("/")[3]
            self.records[device] = json
            if device in self.rows:
                self.rows[device] = self.rows[device].model_copy(update={"record": json})
        else:
            raise AssertionError(path)


class Memory:
    """The store's settings."""

    def __init__(self):
        self.kept = {}

    async def get(self, name):
        return self.kept.get(name)

    async def put(self, name, value):
        self.kept[name] = value


class RootAccount:
    """The account of the device that holds the root key, on a scripted service."""

    def __init__(self, service):
        self.keys = DeviceKeys.generate()
        me = device_id_of(self.keys.ed25519, self.keys.age_recipient)
        self.clinic = Clinic("http://127.0.0.1:1", me, Role.PROVIDER, ROOT, SEED)
        self.http, self.store, self.team = service, Memory(), None

    def team_key(self, device_id):
        members = self.team.members if self.team is not None else ()
        return next((m.ed25519 for m in members if m.device_id == device_id), None)

    async def refresh_team(self):
        return False

    async def keep_team(self, signed, team):
        self.team = team

    async def record(self, device_id):
        signed = self.http.records.get(device_id)
        return verify(signed, Context.DEVICE_RECORD, ROOT, DeviceRecord) if signed is not None else None


def enrolled(service, code_text, keys=None, **lies):
    """A device that used a code; `lies` are what the service makes of its row."""
    keys = keys or DeviceKeys.generate()
    code = EnrolmentCode.parse(code_text)
    label = service.invitations[-1].sealed_label
    row = DeviceRow(
        device_id=device_id_of(keys.ed25519, keys.age_recipient),
        role=Role.PATIENT,
        ed25519=keys.ed25519,
        age_recipient=keys.age_recipient,
        binding=code.binding(keys.ed25519, keys.age_recipient),
        invitation_id="invitation1",
        sealed_label=label,
        record=None,
    ).model_copy(update=lies)
    service.rows[row.device_id] = row
    return row


@pytest.fixture
def clinic():
    service = Service()
    return service, Desk(RootAccount(service))


def run(coroutine):
    return asyncio.run(coroutine)


def test_who_enrolled_with_a_code_of_ours_is_confirmed_by_name(clinic):
    service, desk = clinic

    async def scenario():
        await desk.open()
        row = enrolled(service, await desk.invite(Role.PATIENT, "Anna"))
        assert [(p.name, p.vouched) for p in await desk.people()] == [("Anna", False)]
        assert await desk.vouch() == 1
        assert [(p.device_id, p.name, p.vouched) for p in await desk.people()] == [(row.device_id, "Anna", True)]

    run(scenario())


def test_one_patients_label_on_anothers_row_names_nobody(clinic):
    service, desk = clinic

    async def scenario():
        await desk.open()
        anna = enrolled(service, await desk.invite(Role.PATIENT, "Anna"))
        mallory = enrolled(service, await desk.invite(Role.PATIENT, "Mallory"))
        await desk.vouch()
        service.rows[mallory.device_id] = service.rows[mallory.device_id].model_copy(
            update={"sealed_label": anna.sealed_label}
        )
        assert [p.name for p in await desk.people()] == ["Anna"]

    run(scenario())


def test_one_patients_id_on_anothers_keys_is_not_signed(clinic):
    service, desk = clinic

    async def scenario():
        await desk.open()
        anna = enrolled(service, await desk.invite(Role.PATIENT, "Anna"))
        await desk.vouch()
        before = service.records[anna.device_id]
        enrolled(service, await desk.invite(Role.PATIENT, "Mallory"), device_id=anna.device_id)
        assert await desk.vouch() == 0
        assert service.records[anna.device_id] == before

    run(scenario())


def test_a_patient_is_not_made_a_provider_by_the_services_word(clinic):
    service, desk = clinic

    async def scenario():
        await desk.open()
        row = enrolled(service, await desk.invite(Role.PATIENT, "Anna"), role=Role.PROVIDER)
        await desk.vouch()
        assert verify(service.records[row.device_id], Context.DEVICE_RECORD, ROOT, DeviceRecord).role is Role.PATIENT
        assert len(desk._account.team.members) == 1

    run(scenario())


def test_a_code_works_once_whatever_the_service_says(clinic):
    service, desk = clinic

    async def scenario():
        await desk.open()
        code = await desk.invite(Role.PROVIDER, "Dr Lee")
        enrolled(service, code)
        assert await desk.vouch() == 1
        thief = enrolled(service, code)
        assert await desk.vouch() == 0
        assert thief.device_id not in service.records
        assert len(desk._account.team.members) == 2

    run(scenario())


def test_an_old_code_is_not_vouched_for(clinic, monkeypatch):
    service, desk = clinic

    async def scenario():
        await desk.open()
        enrolled(service, await desk.invite(Role.PATIENT, "Anna"))

        class Later(datetime):
            @classmethod
            def now(cls, zone=None):
                return datetime.now(zone) + timedelta(days=30)

        monkeypatch.setattr(desk_module, "datetime", Later)
        assert await desk.vouch() == 0

    run(scenario())


@pytest.mark.parametrize("cut", ["care-team", "record"])
def test_a_lost_answer_at_the_very_first_opening_is_made_good(clinic, cut):
    service, desk = clinic

    async def scenario():
        service.cut = cut
        with pytest.raises(Unreachable):
            await desk.open()
        await desk.open()
        assert desk._account.clinic.device_id in service.records
        assert service.team is not None

    run(scenario())


def test_an_unconfirmed_patient_gets_no_visit(clinic):
    service, desk = clinic

    async def scenario():
        await desk.open()
        row = enrolled(service, await desk.invite(Role.PATIENT, "Anna"))
        me = desk._account.clinic.device_id
        with pytest.raises(DeskError, match="vouched"):
            await desk.add_visit(row.device_id, me, datetime.now(UTC), 20, "Rash", "Dr Lee", "")
        with pytest.raises(DeskError, match="too long"):
            await desk.add_visit(row.device_id, me, datetime.now(UTC), 20, "R" * 501, "Dr Lee", "")
        with pytest.raises(DeskError, match="too long"):
            await desk.invite(Role.PATIENT, "N" * 201)

    run(scenario())


def test_a_retired_device_leaves_the_next_list_and_never_comes_back(clinic):
    service, desk = clinic

    async def scenario():
        await desk.open()
        lost = enrolled(service, await desk.invite(Role.PROVIDER, "Dr Lee"), role=Role.PROVIDER)
        await desk.vouch()
        assert desk._account.team.version == 2
        assert await desk.retire(lost.device_id) == 3
        new = enrolled(service, await desk.invite(Role.PROVIDER, "Dr Lee again"), role=Role.PROVIDER)
        assert await desk.vouch() == 1
        team = verify(service.team, Context.CARE_TEAM, ROOT, CareTeamList)
        me = desk._account.clinic.device_id
        assert (team.version, [m.device_id for m in team.members]) == (4, [me, new.device_id])
        # A service that has "lost" its record would have the device vouched for, and put back, once more.
        service.rows[lost.device_id] = service.rows[lost.device_id].model_copy(update={"record": None})
        assert await desk.vouch() == 0
        assert len(desk._account.team.members) == 2

    run(scenario())


def test_who_cannot_be_retired(clinic):
    service, desk = clinic

    async def scenario():
        await desk.open()
        patient = enrolled(service, await desk.invite(Role.PATIENT, "Anna"))
        await desk.vouch()
        for device in (patient.device_id, "nobody000001", desk._account.clinic.device_id):
            with pytest.raises(DeskError):
                await desk.retire(device)
        assert desk._account.team.version == 1

    run(scenario())


def test_a_lost_answer_to_retiring_is_made_good_by_asking_again(clinic):
    service, desk = clinic

    async def scenario():
        await desk.open()
        lost = enrolled(service, await desk.invite(Role.PROVIDER, "Dr Lee"), role=Role.PROVIDER)
        await desk.vouch()
        service.cut = "care-team"
        with pytest.raises(Unreachable):
            await desk.retire(lost.device_id)
        assert await desk.retire(lost.device_id) == 3

    run(scenario())
