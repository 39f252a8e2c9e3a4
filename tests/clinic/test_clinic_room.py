"""Room at the service: what a device may have there, and how long an upload waits to be gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from app.clinic.cli import main
from app.wire.errors import ErrorCode
from tests.clinic.people import Blob, Device, create, deliver, new_blob, offset_of, patch, tus
from tests.clinic.service import RunningClinic, start_clinic
from tests.clinic.test_clinic_crash import wait_for
from tests.clinic.test_clinic_withdrawals import code, open_it, withdraw

MIB = 1024 * 1024


@pytest.fixture
def small(tmp_path: Path) -> Iterator[RunningClinic]:
    """A clinic that gives each device one mebibyte."""
    running = start_clinic(tmp_path, args=("--device-quota", "1"))
    yield running
    running.stop()


def creation(device: Device, blob: Blob) -> tuple[int, str]:
    answer = device.request("POST", "/v1/uploads", headers=blob.creation())
    return answer.status_code, answer.json()["code"] if answer.content else ""


def test_one_device_cannot_fill_the_disk(small: RunningClinic) -> None:
    provider = Device(small)
    provider.enrol(small.code)
    patient, other = provider.newcomer(), provider.newcomer()
    assert creation(patient, new_blob(MIB + 1)) == (413, ErrorCode.TOO_LARGE)
    first, second, third = new_blob(MIB // 2), new_blob(MIB // 2), new_blob(1)
    deliver(patient, [first])
    declared = create(patient, second)  # counts from its declaration on, not from its bytes
    full = (507, ErrorCode.STORAGE_FULL)
    assert creation(patient, third) == full
    assert creation(other, third)[0] == 201
    assert patient.request("POST", "/v1/uploads", headers=second.creation()).status_code == 200
    assert open_it(provider, first.submission).status_code == 204
    fourth = new_blob(MIB // 2)
    assert creation(patient, fourth)[0] == 201
    assert creation(patient, new_blob(1)) == full
    assert withdraw(patient, fourth.submission).status_code == 204
    assert creation(patient, new_blob(1))[0] == 201
    assert patient.request("DELETE", declared, headers=tus({})).status_code == 204
    assert creation(patient, new_blob(MIB // 2 - 1))[0] == 201


def test_an_unfinished_upload_says_when_it_expires(patient: Device) -> None:
    blob = new_blob(1000)
    made = patient.request("POST", "/v1/uploads", headers=blob.creation())
    path = made.headers["location"]
    head = patient.request("HEAD", path, headers=tus({}))
    part = patch(patient, path, 0, blob.content[:500])
    for answer in (made, head, part):
        left = parsedate_to_datetime(answer.headers["upload-expires"]) - datetime.now(UTC)
        assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    whole = patch(patient, path, 500, blob.content[500:])
    assert "upload-expires" not in whole.headers
    assert "upload-expires" not in patient.request("HEAD", path, headers=tus({})).headers


def test_what_nobody_goes_on_with_is_swept_and_a_received_one_never(
    own_clinic: RunningClinic, own_provider: Device
) -> None:
    patient = own_provider.newcomer()
    done = new_blob(2000, count=2)
    deliver(patient, [done])
    half, alone = new_blob(2000, "blob", 2, done.submission), new_blob(2000)
    paths = [create(patient, half), create(patient, alone)]
    for path, blob in zip(paths, (half, alone), strict=True):
        patch(patient, path, 0, blob.content[:700])
    own_clinic.stop()
    own_clinic.args = ("--unfinished-days", "0.000001")  # a tenth of a second
    own_clinic.start()
    for path in paths:
        wait_for(lambda path=path: patient.request("HEAD", path, headers=tus({})).status_code == 404)  # type: ignore[misc]
    wait_for(lambda: len(list((own_clinic.data / "blobs").iterdir())) == 1)
    assert done.content in own_clinic.bytes_on_disk()
    own_clinic.stop()
    own_clinic.args = ()
    own_clinic.start()
    deliver(patient, [half, alone])  # created anew
    assert own_provider.request("GET", f"/v1/submissions/{done.submission}/blobs/{half.blob}").content == half.content


def test_an_upload_that_goes_on_is_not_swept(own_clinic: RunningClinic, own_provider: Device) -> None:
    from app.clinic.database import Database
    from app.clinic.sweeps import forget_if_stale, stale

    patient, blob = own_provider.newcomer(), new_blob(1000)
    path = create(patient, blob)
    before = datetime.now(UTC)
    database = Database(f"sqlite:///{own_clinic.data / 'clinic.db'}")
    name = path.rsplit("/", 1)[1]
    assert stale(database, before) == (name,)
    patch(patient, path, 0, blob.content[:100])
    assert stale(database, before) == ()
    assert not forget_if_stale(database, name, before)
    patch(patient, path, 100, blob.content[100:])
    assert not forget_if_stale(database, name, datetime.now(UTC) + timedelta(days=400))
    assert offset_of(patient, path) == 1000
    database.close()


@pytest.mark.parametrize("words", [("--device-quota", "0"), ("--unfinished-days", "-1")])
def test_bounds_of_nothing_are_refused(
    own_clinic: RunningClinic, capsys: pytest.CaptureFixture[str], words: tuple[str, str]
) -> None:
    assert main(["serve", "--data", str(own_clinic.data), *words]) == 1
    assert "more than nothing" in capsys.readouterr().err


def test_a_terminated_upload_leaves_no_bytes(patient: Device) -> None:
    blob = new_blob(3000)
    path = create(patient, blob)
    patch(patient, path, 0, blob.content[:2000])
    assert patient.request("DELETE", path, headers=tus({})).status_code == 204
    assert not (patient.clinic.data / "blobs" / path.rsplit("/", 1)[1]).exists()
    assert patient.request("HEAD", path, headers=tus({})).status_code == 404
    deliver(patient, [blob])
    done = patient.request("POST", "/v1/uploads", headers=blob.creation()).headers["location"]
    assert code(patient.request("DELETE", done, headers=tus({}))) == (403, ErrorCode.NOT_ALLOWED)
