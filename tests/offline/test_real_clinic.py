"""A photo through the real service: delivered, opened by the provider, seen; also when the service dies on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.net.http import ClinicHttp, Credentials
from app.offline.capture import Capture
from app.offline.inbox import InboxReader
from app.offline.keys import DeviceKeys
from app.offline.outbox import Transfer
from app.offline.patch import Patience
from app.offline.plan import Stage
from app.offline.store import Setting, Store, StoreCore
from app.offline.worker import OutboxWorker, Surroundings
from app.wire.signed import Context, sign_bytes
from app.wire.trust import ClinicDocument
from tests.clinic.people import Device as Person
from tests.clinic.service import RunningClinic, start_clinic
from tests.offline.offline_kit import CANARY, Until, every_byte, open_device

PHOTO = CANARY + bytes(range(256)) * 1500


class Town:
    """The service, a provider with the root key, and a patient's enrolled profile."""

    def __init__(self, clinic: RunningClinic, folder: Path) -> None:
        self.clinic = clinic
        self.provider_keys = DeviceKeys.generate()
        self.provider = Person(clinic, self.provider_keys.signing, self.provider_keys.age_recipient)
        self.provider.enrol(clinic.code)
        team = self.provider.team(1)
        assert self.provider.request("PUT", "/v1/care-team", team).status_code == 204
        device = open_device(folder / "profile")
        self.keys = device.keys
        self.patient = Person(clinic, device.keys.signing, device.keys.age_recipient)
        self.patient.enrol(self.provider.invite())
        document = ClinicDocument.model_validate_json(self.patient.request("GET", "/v1/clinic").content)
        device.core.put_many(
            {
                Setting.DEVICE_ID: self.patient.device_id.encode(),
                Setting.ROOT_KEY: document.root_key,
                Setting.STATEMENT: document.statement.model_dump_json().encode(),
                Setting.CARE_TEAM: team.model_dump_json().encode(),
            }
        )
        self.profile = device.profile
        self.key = device.profile.key_file.read_bytes()
        device.core.close()

    def http(self, person: Person) -> ClinicHttp:
        def sign(nonce: bytes) -> bytes:
            return sign_bytes(nonce, Context.TOKEN, person.key)

        return ClinicHttp(self.clinic.url, None, Credentials(person.device_id, sign))

    async def open_at_the_desk(self, submission: str) -> bytes:
        async with self.http(self.provider) as http:
            reader = InboxReader(http, self.provider.device_id, self.provider_keys)
            (item,) = (await reader.rows()).items
            assert (item.submission, item.device_id) == (submission, self.patient.device_id)
            opened = await reader.open(item, {self.patient.device_id: self.keys.ed25519})
            await reader.mark_opened(submission)
        (part,) = opened.parts
        return part.data


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    clinic = start_clinic(tmp_path)
    made = Town(clinic, tmp_path)
    yield made
    made.profile.close()
    clinic.stop()
    assert CANARY not in clinic.bytes_on_disk()
    assert CANARY not in every_byte(made.profile.folder)


def test_a_photo_is_delivered_opened_and_seen(town: Town) -> None:
    async def main() -> None:
        store, until = await Store.open(town.profile.store_path, town.key), Until()
        async with town.http(town.patient) as http:
            worker = OutboxWorker(store, town.profile.blobs, http, on_change=until.changed)
            worker.start()
            submission = await Capture(store, town.profile.blobs).save_photo(
                PHOTO, name="a.jpg", media_type="image/jpeg", purpose="photo", note="It itches."
            )
            worker.kick()
            await until.holds(lambda: [s.stage for s in worker.snapshot()] == [Stage.RECEIVED])
            await until.holds(lambda: not any(town.profile.blobs.iterdir()))
            assert await town.open_at_the_desk(submission) == PHOTO
            await worker.refresh_states()
            assert [s.stage for s in worker.snapshot()] == [Stage.SEEN]
            await worker.stop()
        await store.close()

    asyncio.run(main())


def test_a_service_killed_in_the_middle_gets_the_rest_when_it_is_back(town: Town) -> None:
    async def main() -> None:
        store, until = await Store.open(town.profile.store_path, town.key), Until()
        capture = Capture(store, town.profile.blobs)
        submission = await capture.save_photo(PHOTO, name="a.jpg", media_type="image/jpeg", purpose="photo")
        async with town.http(town.patient) as http:
            asking = Surroundings(patience=Patience(ask=0.1))  # of 4 s that it takes, 30 would show nothing
            worker = OutboxWorker(store, town.profile.blobs, http, on_change=until.changed, surroundings=asking)
            worker.allowance.set(200_000)
            worker.start()
            await until.holds(lambda: any(0.1 < s.fraction < 0.9 for s in worker.snapshot()))
            await asyncio.to_thread(town.clinic.kill)
            await until.holds(lambda: [s.stage for s in worker.snapshot()] == [Stage.WAITING])
            await worker.stop()
        (row,) = await store.call(StoreCore.submissions)
        photo = row.blobs[1]
        assert (photo.state, photo.tries) == (Transfer.WAITING, 0)
        assert 0 < photo.offset < photo.size
        await asyncio.to_thread(town.clinic.start)
        async with town.http(town.patient) as http:
            worker = OutboxWorker(store, town.profile.blobs, http, on_change=until.changed)
            worker.start()
            await until.holds(lambda: [s.stage for s in worker.snapshot()] == [Stage.RECEIVED])
            assert await town.open_at_the_desk(submission) == PHOTO
            await worker.stop()
        await store.close()

    asyncio.run(main())
