"""After a device was retired, what has not gone is sealed to the new list alone; forged lists are refused."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.net.directory import RollBack, check_team
from app.net.errors import BadAnswer
from app.offline import trust
from app.offline.capture import Part, Words, save_sealed, seal_submission
from app.offline.errors import OfflineError, SealBroken
from app.offline.files import check_blob
from app.offline.keys import DeviceKeys
from app.offline.outbox import Located, OutboxSubmission, Start, apply
from app.offline.recovery import sweep
from app.offline.reseal import reseal_submission, reseal_unsent
from app.offline.store import Setting, Store
from app.offline.vault import open_blob, open_manifest
from app.wire.intake import Manifest
from app.wire.signed import Context, Signed, sign
from app.wire.trust import CareTeamList, CareTeamMember, device_id_of
from tests.offline.offline_kit import CANARY, NOW, PATIENT, Clinic, Device, every_byte, flipped

CLEAR = CANARY * 9000
NEW = DeviceKeys.generate()


def team_of(version: int, keys: DeviceKeys) -> CareTeamList:
    member = CareTeamMember(
        device_id=device_id_of(keys.ed25519, keys.age_recipient),
        ed25519=keys.ed25519,
        age_recipient=keys.age_recipient,
    )
    return CareTeamList(version=version, issued_at=NOW, members=(member,))


def rotate(device: Device, clinic: Clinic) -> None:
    signed = sign(team_of(2, NEW), Context.CARE_TEAM, clinic.root)
    device.core.put(Setting.CARE_TEAM, signed.model_dump_json().encode())


def take(device: Device) -> OutboxSubmission:
    parts = [Part(CLEAR, "a.jpg", "image/jpeg"), Part(b"short", "b.txt", "text/plain")]
    sealed = seal_submission(trust.sender(device.core), parts, Words("wound", "It itches."), NOW)
    save_sealed(device.core, device.profile.blobs, sealed)
    found = device.core.submission(sealed.submission)
    assert found is not None
    return found


def resealed(device: Device) -> int:
    async def run() -> int:
        await asyncio.to_thread(device.core.close)
        key = device.profile.key_file.read_bytes()
        store = await Store.open(device.profile.store_path, key)
        try:
            return await reseal_unsent(store, device.profile.blobs)
        finally:
            await store.close()

    return asyncio.run(run())


def manifest_of(device: Device, submission: OutboxSubmission, keys: DeviceKeys) -> Manifest:
    data = (device.profile.blobs / submission.blobs[0].file).read_bytes()
    return open_manifest(data, keys.identity, {PATIENT: device.keys.ed25519})


def test_what_has_not_gone_is_sealed_to_the_new_list_alone(device: Device, clinic: Clinic) -> None:
    before = take(device)
    old = manifest_of(device, before, clinic.provider)
    rotate(device, clinic)
    assert resealed(device) == 1
    after = device.core.submission(before.submission)
    assert after is not None
    assert sorted(os.listdir(device.profile.blobs)) == sorted(row.file for row in after.blobs)
    assert {row.file for row in after.blobs}.isdisjoint(row.file for row in before.blobs)
    for row in after.blobs:
        check_blob(device.profile.blobs, row.file, row.sha256, row.size)
    with pytest.raises(SealBroken):
        manifest_of(device, after, clinic.provider)
    new = manifest_of(device, after, NEW)
    assert new.model_copy(update={"blobs": ()}) == old.model_copy(update={"blobs": ()})
    files = {row.blob: (device.profile.blobs / row.file).read_bytes() for row in after.blobs}
    assert [open_blob(files[named.blob], NEW.identity, named) for named in new.blobs] == [CLEAR, b"short"]
    with pytest.raises(SealBroken):
        open_blob(files[new.blobs[0].blob], clinic.provider.identity, new.blobs[0])
    assert CANARY not in every_byte(device.profile.folder)
    assert sweep(device.core, device.profile.blobs) == sweep(device.core, device.profile.blobs)


def test_it_is_done_once_for_each_list(device: Device, clinic: Clinic) -> None:
    take(device)
    assert resealed(device) == 1
    assert resealed(device) == 0
    rotate(device, clinic)
    assert resealed(device) == 1


def test_what_has_begun_to_go_keeps_its_files(device: Device, clinic: Clinic) -> None:
    before = take(device)
    going = apply(before, before.blobs[0].blob, Start())
    device.core.save_submission(before, going)
    on_its_way = apply(going, before.blobs[0].blob, Located("/v1/uploads/1", 0))
    device.core.save_submission(going, on_its_way)
    rotate(device, clinic)
    assert resealed(device) == 0
    assert device.core.submission(before.submission) == on_its_way


def test_a_damaged_file_leaves_all_as_it_was(device: Device, clinic: Clinic) -> None:
    before = take(device)
    rotate(device, clinic)
    path = device.profile.blobs / before.blobs[2].file
    flipped(path, -1)
    names = sorted(os.listdir(device.profile.blobs))
    with pytest.raises(OfflineError):
        reseal_submission(trust.sender(device.core), device.profile.blobs, before)
    assert sorted(os.listdir(device.profile.blobs)) == names
    assert device.core.submission(before.submission) == before


def test_a_damaged_item_does_not_keep_the_others_from_being_sealed_anew(
    device: Device, clinic: Clinic, caplog: pytest.LogCaptureFixture
) -> None:
    hurt, sound = take(device), take(device)
    (device.profile.blobs / hurt.blobs[1].file).unlink()
    rotate(device, clinic)
    assert resealed(device) == 1
    assert [record.message for record in caplog.records] == [
        "a damaged item is not sealed anew; the others are: BlobMissing"
    ]
    caplog.clear()
    assert device.core.submission(hurt.submission) == hurt
    after = device.core.submission(sound.submission)
    assert after is not None
    assert manifest_of(device, after, NEW).submission == sound.submission


def test_stale_and_forged_lists_are_refused(clinic: Clinic) -> None:
    root = clinic.root.public_key().public_bytes_raw()
    signed = sign(team_of(2, NEW), Context.CARE_TEAM, clinic.root)
    assert check_team(signed, root, 2).version == 2
    with pytest.raises(RollBack):
        check_team(signed, root, 3)
    forged = sign(team_of(9, NEW), Context.CARE_TEAM, Ed25519PrivateKey.generate())
    altered = Signed(payload=signed.payload.replace(b'"version":2', b'"version":9'), signature=signed.signature)
    other_use = sign(team_of(9, NEW), Context.FORMS, clinic.root)
    for bad in (forged, altered, other_use):
        with pytest.raises(BadAnswer):
            check_team(bad, root, 2)
    swapped = replace(NEW, identity=DeviceKeys.generate().identity)
    member = team_of(1, NEW).members[0].model_copy(update={"age_recipient": swapped.age_recipient})
    team = CareTeamList(version=9, issued_at=NOW, members=(member,))
    with pytest.raises(BadAnswer):
        check_team(sign(team, Context.CARE_TEAM, clinic.root), root, 2)
