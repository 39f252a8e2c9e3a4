"""A submission is taken back: nothing of it stays, nothing of it comes again, and who was first is never in doubt."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.clinic import withdrawals
from app.clinic.database import Database
from app.clinic.ids import new_id
from app.wire.errors import ErrorCode
from app.wire.intake import Inbox, Opened, OpenedBy, SubmissionRow, SubmissionRows, Withdrawal, WithdrawnBy
from app.wire.signed import Context, sign
from tests.clinic.dying import POINTS
from tests.clinic.people import Blob, Device, create, deliver, new_blob, patch, tus
from tests.clinic.service import RunningClinic, start_clinic
from tests.clinic.test_clinic_crash import begin_patch, offset_of, wait_for


def word(device: Device, submission: str, **changes: Any) -> WithdrawnBy:
    said = Withdrawal(submission=submission, device_id=device.device_id, withdrawn_at=datetime.now(UTC))
    signed = sign(said.model_copy(update=changes), Context.WITHDRAWN, device.key)
    return WithdrawnBy(signer=device.device_id, withdrawal=signed)


def withdraw(device: Device, submission: str) -> httpx.Response:
    return device.request("POST", f"/v1/submissions/{submission}/withdrawn", word(device, submission))


def opened_by(provider: Device, submission: str) -> OpenedBy:
    said = Opened(submission=submission, device_id=provider.device_id, opened_at=datetime.now(UTC))
    return OpenedBy(signer=provider.device_id, opened=sign(said, Context.OPENED, provider.key))


def open_it(provider: Device, submission: str) -> httpx.Response:
    return provider.request("POST", f"/v1/submissions/{submission}/opened", opened_by(provider, submission))


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def row(device: Device, submission: str) -> SubmissionRow | None:
    rows = SubmissionRows.model_validate_json(device.request("GET", "/v1/submissions").content).submissions
    return next((one for one in rows if one.submission == submission), None)


def in_inbox(provider: Device, submission: str) -> bool:
    items = Inbox.model_validate_json(provider.request("GET", "/v1/inbox").content).items
    return any(item.submission == submission for item in items)


def bundle(device: Device) -> tuple[Blob, Blob, str]:
    """Two blobs of one submission, complete at the service, and the path of the second."""
    first = new_blob(5000, count=2)
    second = new_blob(70_000, "blob", 2, first.submission)
    deliver(device, [first])
    path = create(device, second)
    assert patch(device, path, 0, second.content).status_code == 204
    return first, second, path


def on_disk(clinic: RunningClinic, *blobs: Blob) -> bool:
    everything = clinic.bytes_on_disk()
    return any(blob.content[:64] in everything for blob in blobs)


def test_what_is_taken_back_is_gone_and_stays_gone(provider: Device) -> None:
    patient = provider.newcomer()
    first, second, path = bundle(patient)
    assert on_disk(patient.clinic, first, second)
    assert in_inbox(provider, first.submission)
    for _ in range(2):  # the answer may be lost: again is the same
        assert withdraw(patient, first.submission).status_code == 204
    assert not on_disk(patient.clinic, first, second)
    assert not in_inbox(provider, first.submission)
    assert row(patient, first.submission) == SubmissionRow(submission=first.submission, complete=True, withdrawn=True)
    gone = (410, ErrorCode.WITHDRAWN)
    more = new_blob(10, "blob", 2, first.submission)
    for blob in (second, more):
        assert code(patient.request("POST", "/v1/uploads", headers=blob.creation())) == gone
    assert code(patch(patient, path, 0, b"x")) == gone
    assert patient.request("HEAD", path, headers=tus({})).status_code == 410
    assert code(patient.request("GET", f"{path}/receipt")) == gone
    assert code(provider.request("GET", f"/v1/submissions/{first.submission}/blobs/{first.blob}")) == gone
    assert code(open_it(provider, first.submission)) == gone


def test_an_unfinished_one_is_taken_back_under_its_writer(provider: Device) -> None:
    patient = provider.newcomer()
    blob = new_blob(2_000_000)
    path = create(patient, blob)
    with begin_patch(patient, path, 0, 2_000_000) as line:
        line.sendall(blob.content[:600_000])
        wait_for(lambda: offset_of(patient, path) == 600_000)
        assert withdraw(patient, blob.submission).status_code == 204
        line.settimeout(20)
        assert line.recv(100).startswith(b"HTTP/1.1 423")
    assert not on_disk(patient.clinic, blob)
    assert code(patch(patient, path, 600_000, blob.content[600_000:])) == (410, ErrorCode.WITHDRAWN)
    assert row(patient, blob.submission) == SubmissionRow(submission=blob.submission, complete=False, withdrawn=True)


def test_an_opened_one_is_not_taken_back(provider: Device) -> None:
    patient = provider.newcomer()
    blob = new_blob(100)
    deliver(patient, [blob])
    assert open_it(provider, blob.submission).status_code == 204
    assert code(withdraw(patient, blob.submission)) == (409, ErrorCode.ALREADY_OPENED)
    state = row(patient, blob.submission)
    assert state is not None
    assert (state.withdrawn, state.opened is not None) == (False, True)
    assert on_disk(patient.clinic, blob)


def test_an_unknown_one_leaves_a_tombstone(provider: Device) -> None:
    patient, other = provider.newcomer(), provider.newcomer()
    blob = new_blob(100)
    assert withdraw(patient, blob.submission).status_code == 204
    assert code(patient.request("POST", "/v1/uploads", headers=blob.creation())) == (410, ErrorCode.WITHDRAWN)
    assert other.request("POST", "/v1/uploads", headers=blob.creation()).status_code == 404
    assert withdraw(other, blob.submission).status_code == 404


def test_only_its_own_device_takes_it_back(provider: Device) -> None:
    patient, other = provider.newcomer(), provider.newcomer()
    blob = new_blob(100)
    deliver(patient, [blob])
    path = f"/v1/submissions/{blob.submission}/withdrawn"
    assert withdraw(other, blob.submission).status_code == 404
    for wrong in (
        word(other, blob.submission),
        word(patient, new_id()),
        word(patient, blob.submission, device_id=other.device_id),
        word(patient, blob.submission).model_copy(update={"signer": other.device_id}),
    ):
        assert code(patient.request("POST", path, wrong)) == (400, ErrorCode.SIGNATURE_INVALID)
    assert provider.request("POST", path, word(patient, blob.submission)).status_code == 400
    assert in_inbox(provider, blob.submission)


def test_opening_and_taking_back_have_one_winner(provider: Device) -> None:
    patient = provider.newcomer()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(8):
            blob = new_blob(100)
            deliver(patient, [blob])
            opening = pool.submit(open_it, provider, blob.submission)
            taking = pool.submit(withdraw, patient, blob.submission)
            answers = {opening.result().status_code, taking.result().status_code}
            assert answers in ({204, 410}, {409, 204}), answers
            state = row(patient, blob.submission)
            assert state is not None
            assert state.withdrawn == (taking.result().status_code == 204)
            assert (state.opened is not None) == (opening.result().status_code == 204)


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_while_erasing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """Wherever the service dies: after the next start the bytes are gone, and the word said again is answered well."""
    monkeypatch.setenv("THINLINE_TEST_DIE_AT", point)
    clinic = start_clinic(tmp_path, module=("tests.clinic.dying",))
    try:
        provider = Device(clinic)
        provider.enrol(clinic.code)
        patient = provider.newcomer()
        first, second, path = bundle(patient)
        with pytest.raises(httpx.TransportError):
            withdraw(patient, first.submission)
        clinic.kill()
        clinic.module = ("app.clinic",)
        clinic.start()
        assert not on_disk(clinic, first, second)
        assert list((clinic.data / "blobs").iterdir()) == []
        assert code(patch(patient, path, 0, b"x")) == (410, ErrorCode.WITHDRAWN)
        assert withdraw(patient, first.submission).status_code == 204
    finally:
        clinic.stop()


def test_a_file_without_an_upload_is_erased_at_the_start(own_clinic: RunningClinic, own_provider: Device) -> None:
    blob = new_blob(3000)
    path = create(own_provider.newcomer(), blob)
    kept = path.rsplit("/", 1)[1]
    own_clinic.kill()
    blobs = own_clinic.data / "blobs"
    (blobs / "lost00000001").write_bytes(b"left behind by a kill in a sweep")
    (blobs / kept).write_bytes(blob.content[:10])
    own_clinic.start()
    assert [one.name for one in blobs.iterdir()] == [kept]


def test_tombstones_of_a_device_are_bounded(
    own_clinic: RunningClinic, own_provider: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the service's own functions, with a small bound."""
    patient = own_provider.newcomer()
    monkeypatch.setattr(withdrawals, "MAX_TOMBSTONES", 3)
    database = Database(f"sqlite:///{own_clinic.data / 'clinic.db'}")
    names = [new_id() for _ in range(6)]
    for name in names:
        withdrawals.withdraw(database, patient.device_id, name, word(patient, name), datetime.now(UTC))
        withdrawals.erased(database, name, datetime.now(UTC))
    database.close()
    rows = SubmissionRows.model_validate_json(patient.request("GET", "/v1/submissions").content).submissions
    assert {one.submission for one in rows} == set(names[-3:])


def test_an_older_database_is_brought_up_to_date(own_clinic: RunningClinic, own_provider: Device) -> None:
    """What stood in the first tables is whole after the second migration, down and up again."""
    from alembic import command
    from alembic.config import Config

    patient, blob = own_provider.newcomer(), new_blob(1000)
    path = create(patient, blob)
    patch(patient, path, 0, blob.content[:400])
    own_clinic.stop()
    database = Database(f"sqlite:///{own_clinic.data / 'clinic.db'}")
    config = Config()
    config.set_main_option("script_location", str(Path(withdrawals.__file__).parent / "migrations"))
    with database._writer.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    database.close()
    with sqlite3.connect(own_clinic.data / "clinic.db") as raw:
        columns = {one[1] for one in raw.execute("PRAGMA table_info(submissions)")}
    raw.close()
    assert "withdrawn_at" not in columns
    own_clinic.start()
    assert patch(patient, path, 400, blob.content[400:]).status_code == 204
    assert withdraw(patient, blob.submission).status_code == 204
