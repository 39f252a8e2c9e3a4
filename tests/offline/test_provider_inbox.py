"""The provider opens what came: only what that device sealed, whole, and only in memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from app.net.errors import BadAnswer, Unreachable
from app.net.http import ClinicHttp, Credentials
from app.offline.capture import Part, SealedSubmission, Words, seal_submission
from app.offline.errors import SealBroken
from app.offline.inbox import InboxReader, SubmissionIncomplete, SubmissionTooLarge
from app.offline.keys import DeviceKeys
from app.offline.trust import Sender
from app.wire.intake import BlobRow, InboxItem, OpenedBy
from tests.offline.offline_kit import NOW, PATIENT, PROVIDER, Clinic
from tests.offline.offline_service import Fault, ScriptedClinic

PICTURES = (b"first" * 100, b"second" * 60_000)


@dataclass
class Desk:
    service: ScriptedClinic
    reader: InboxReader
    patient: DeviceKeys
    sealed: SealedSubmission
    item: InboxItem

    def devices(self) -> dict[str, bytes]:
        return {PATIENT: self.patient.ed25519}


def seal_as(clinic: Clinic, keys: DeviceKeys, device_id: str = PATIENT) -> SealedSubmission:
    parts = [Part(data, f"{n}.jpg", "image/jpeg") for n, data in enumerate(PICTURES)]
    return seal_submission(Sender(device_id, keys, clinic.team()), parts, Words("wound", "It itches."), NOW)


def deliver(service: ScriptedClinic, sealed: SealedSubmission) -> InboxItem:
    rows = []
    for number, (blob, part) in enumerate(sealed.files):
        service.blobs[sealed.submission, blob] = part.ciphertext
        kind = "blob" if number else "manifest"
        rows.append(BlobRow(blob=blob, part=kind, sha256=part.sha256, size=len(part.ciphertext)))
    return InboxItem(submission=sealed.submission, device_id=PATIENT, received_at=NOW, blobs=tuple(rows))


def at_desk(scene: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        clinic = Clinic()
        async with asyncio.timeout(30), ScriptedClinic(clinic).running() as service:
            patient = DeviceKeys.generate()
            sealed = seal_as(clinic, patient)
            item = deliver(service, sealed)
            async with ClinicHttp(service.url, None, Credentials(PROVIDER, lambda nonce: b"s" * 64)) as http:
                await scene(Desk(service, InboxReader(http, PROVIDER, clinic.provider), patient, sealed, item))

    asyncio.run(main())


@pytest.mark.parametrize("ranges", [True, False])
def test_a_submission_opens_to_what_was_taken(ranges: bool) -> None:
    async def scene(d: Desk) -> None:
        d.service.serve_ranges = ranges
        told: list[float] = []
        opened = await d.reader.open(d.item, d.devices(), told.append)
        assert tuple(part.data for part in opened.parts) == PICTURES
        assert [part.name for part in opened.parts] == ["0.jpg", "1.jpg"]
        assert (opened.manifest.note, opened.manifest.device_id) == ("It itches.", PATIENT)
        assert told == sorted(told)
        assert told[-1] == 1.0

    at_desk(scene)


def test_a_cut_costs_one_range() -> None:
    async def scene(d: Desk) -> None:
        d.service.faults = [Fault("GET", "cut", path="/blobs/"), Fault("GET", "cut", path="/blobs/")]
        opened = await d.reader.open(d.item, d.devices())
        assert opened.parts[1].data == PICTURES[1]
        d.service.faults = [Fault("GET", "cut", path="/blobs/") for _ in range(3)]
        with pytest.raises(Unreachable):
            await d.reader.open(d.item, d.devices())

    at_desk(scene)


def test_an_unknown_or_another_device_is_not_believed() -> None:
    async def scene(d: Desk) -> None:
        for devices in ({}, {PATIENT: DeviceKeys.generate().ed25519}):
            with pytest.raises(SealBroken):
                await d.reader.open(d.item, devices)
        impostor = DeviceKeys.generate()
        other = deliver(d.service, seal_as(d.service.clinic, impostor, "impostor0001"))
        with pytest.raises(SealBroken):  # known, but not the device that the service names
            await d.reader.open(other, {**d.devices(), "impostor0001": impostor.ed25519})

    at_desk(scene)


def test_what_the_service_alters_drops_or_adds_is_noticed() -> None:
    async def scene(d: Desk) -> None:
        name, data = d.item.blobs[2].blob, d.service.blobs[d.item.submission, d.item.blobs[2].blob]
        altered = bytearray(data)
        altered[-1] ^= 1
        d.service.blobs[d.item.submission, name] = bytes(altered)
        with pytest.raises(SealBroken):
            await d.reader.open(d.item, d.devices())
        row = d.item.blobs[2].model_copy(update={"sha256": hashlib.sha256(altered).hexdigest()})
        for blobs in (
            d.item.blobs[:2],
            (*d.item.blobs[:2], row),
            (*d.item.blobs, row.model_copy(update={"blob": "extra0000001"})),
            d.item.blobs[1:],
            (d.item.blobs[0], *d.item.blobs),
        ):
            with pytest.raises(SubmissionIncomplete):
                await d.reader.open(d.item.model_copy(update={"blobs": blobs}), d.devices())

    at_desk(scene)


def test_a_submission_under_another_name_is_noticed() -> None:
    async def scene(d: Desk) -> None:
        renamed = d.item.model_copy(update={"submission": "another00001"})
        for row in d.item.blobs:
            d.service.blobs["another00001", row.blob] = d.service.blobs[d.item.submission, row.blob]
        with pytest.raises(SealBroken):
            await d.reader.open(renamed, d.devices())

    at_desk(scene)


def test_sizes_are_bounded_before_anything_is_fetched() -> None:
    async def scene(d: Desk) -> None:
        huge = d.item.blobs[1].model_copy(update={"size": 10**9})
        manifest = d.item.blobs[0].model_copy(update={"size": 10**7})
        for blobs in ((d.item.blobs[0], huge), (manifest, d.item.blobs[1])):
            with pytest.raises(SubmissionTooLarge):
                await d.reader.open(d.item.model_copy(update={"blobs": blobs}), d.devices())
        assert not [line for line in d.service.seen if "/blobs/" in line]

    at_desk(scene)


def test_a_blob_of_another_length_than_its_row() -> None:
    async def scene(d: Desk) -> None:
        name = d.item.blobs[1].blob
        d.service.blobs[d.item.submission, name] = b"short"
        with pytest.raises(BadAnswer):
            await d.reader.open(d.item, d.devices())

    at_desk(scene)


def test_a_malformed_inbox_is_a_bad_answer_and_opening_is_told_signed() -> None:
    async def scene(d: Desk) -> None:
        routes = d.service._routes()
        routes["GET", "/v1/inbox"] = lambda r, b: (200, {}, b'{"items": [{"submission": "x"}]}')
        d.service._routes = lambda: routes  # type: ignore[method-assign]
        with pytest.raises(BadAnswer):
            await d.reader.rows()
        told: list[bytes] = []

        def take(request: object, body: bytes, submission: str) -> tuple[int, dict[str, str], bytes]:
            told.append(body)
            return 204, {}, b""

        d.service._routes = lambda: {("POST", "/v1/submissions/([a-z0-9]+)/opened"): take}  # type: ignore[method-assign]
        await d.reader.mark_opened(d.item.submission)
        from app.offline.opened import holds

        assert holds(OpenedBy.model_validate_json(told[0]), d.item.submission, d.service.clinic.team())

    at_desk(scene)
