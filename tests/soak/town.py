"""The real clinic service with a provider and an enrolled patient's profile, for the campaigns that need them."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.net.http import ClinicHttp, Credentials
from app.wire.intake import Manifest
from app.wire.signed import Context, sign_bytes
from tests.clinic.people import Device as Person
from tests.clinic.service import start_clinic
from tests.offline.offline_kit import Clinic, Device, open_device
from tests.offline.test_real_clinic import Town
from tests.soak import adapter as app
from tests.soak.campaign import Violation

_TLS = ssl.create_default_context()
"""Made once, before any fork: reading the system's certificates costs more than a whole delivery. Plain HTTP here."""


def enrolled(folder: Path, clinic: Clinic) -> Device:
    """A profile as it is after enrolling: nothing in it is older than the care team's list."""
    device = open_device(folder, clinic)
    device.core.put(app.Setting.RESEALED_VERSION, b"1")
    return device


@contextlib.contextmanager
def town(folder: Path) -> Iterator[Town]:
    clinic = start_clinic(folder)
    try:
        made = Town(clinic, folder)
        core = app.StoreCore(made.profile.store_path, made.key)
        core.put(app.Setting.RESEALED_VERSION, b"1")  # as after enrolling: nothing is older than the care team's list
        core.close()
        yield made
        made.profile.close()
    finally:
        clinic.stop()


def patient_http(made: Town, url: str) -> ClinicHttp:
    """The patient's side of the wire, through whatever listens at `url`."""
    return person_http(made.patient, url)


def person_http(person: Person, url: str) -> ClinicHttp:
    return ClinicHttp(
        url, _TLS, Credentials(person.device_id, lambda nonce: sign_bytes(nonce, Context.TOKEN, person.key))
    )


def enrolled_desk(folder: Path, settings: Mapping[str, bytes]) -> None:
    """A provider's profile, with the patient's (its root key and care team are the same)."""
    profile = app.Profile.open(folder)
    core = app.open_core(profile)
    core.put_many({name: settings[name] for name in (app.Setting.ROOT_KEY, app.Setting.CARE_TEAM)})
    core.close()
    profile.close()


def provider_book(made: Town, store: app.Store, http: ClinicHttp) -> app.ReplyBook:
    """The desk's replies; the one patient's record is known."""
    sick = made.patient
    vouched = app.DeviceRecord(
        device_id=sick.device_id, role=app.Role.PATIENT, ed25519=sick.public, age_recipient=sick.recipient
    )

    async def record(device_id: str) -> app.DeviceRecord:
        assert device_id == sick.device_id
        return vouched

    return app.ReplyBook(
        store, http, app.Member(made.provider.device_id, app.Role.PROVIDER, made.provider_keys, record)
    )


def patient_book(made: Town, store: app.Store, http: ClinicHttp) -> app.ReplyBook:
    return app.ReplyBook(store, http, app.Member(made.patient.device_id, app.Role.PATIENT, made.keys))


@dataclass(frozen=True)
class AtTheClinic:
    """What stands on the service's disk: submission -> its sealed files (manifest first), each checked by its hash;
    nothing of what was taken back."""

    whole: dict[str, list[bytes]]
    unfinished: int


def at_the_clinic(data: Path) -> AtTheClinic:
    """Reads the service's database and blobs folder from outside. Raises :class:`Violation` if one is not whole."""
    with contextlib.closing(sqlite3.connect(f"file:{data / 'clinic.db'}?mode=ro", uri=True)) as db:
        here = "SELECT submission FROM submissions WHERE withdrawn_at IS NULL"
        counts = dict(db.execute(f"SELECT submission, count FROM ({here}) JOIN submissions USING (submission)"))
        rows = db.execute(
            "SELECT submission, upload_id, sha256, size FROM uploads WHERE receipt_payload IS NOT NULL"
            f" AND submission IN ({here}) ORDER BY submission, part DESC"  # 'manifest' before 'blob'
        ).fetchall()
        left = db.execute(f"SELECT upload_id FROM uploads WHERE submission NOT IN ({here})").fetchall()
    if kept := [upload for (upload,) in left if (data / "blobs" / upload).exists()]:
        raise Violation(f"uploads {kept} were taken back and lie on the clinic's disk")
    found: dict[str, list[bytes]] = {}
    for submission, upload, sha256, size in rows:
        content = (data / "blobs" / upload).read_bytes()
        if len(content) != size or hashlib.sha256(content).hexdigest() != sha256:
            raise Violation(f"upload {upload} was receipted and is not whole on the clinic's disk")
        found.setdefault(submission, []).append(content)
    whole = {name: files for name, files in found.items() if len(files) == counts[name]}
    return AtTheClinic(whole, len(counts) - len(whole))


@dataclass(frozen=True)
class ReplyAt:
    """A reply as it stands in the service's database."""

    number: int
    reply: str
    submission: str
    read: bool


def replies_at(data: Path) -> list[ReplyAt]:
    with contextlib.closing(sqlite3.connect(f"file:{data / 'clinic.db'}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT number, reply, submission, read FROM replies ORDER BY number").fetchall()
    return [ReplyAt(number, reply, submission, bool(read)) for number, reply, submission, read in rows]


def opened_answer(made: Town, reply: ReplyAt) -> app.ReplyContent:
    """As the patient's device opens it."""
    made.patient.sign_in()  # its token is of another hour, in a long campaign
    answer = made.patient.request("GET", f"/v1/replies?after={reply.number - 1}")
    row = app.ReplyRows.model_validate_json(answer.content).replies[0]
    assert row.reply == reply.reply
    return app.opened_reply(row, made.keys.identity, care_team_of(made))[1]


def care_team_of(made: Town) -> app.CareTeamList:
    core = app.StoreCore(made.profile.store_path, made.key)
    try:
        return app.care_team(core)
    finally:
        core.close()


def manifest(made: Town, files: list[bytes]) -> Manifest:
    """Of one submission, as the provider's device opens it."""
    return app.open_manifest(files[0], made.provider_keys.identity, {made.patient.device_id: made.keys.ed25519})


def opened(made: Town, files: list[bytes]) -> tuple[str, list[bytes]]:
    """The note and the clear contents of one submission, as the provider's device opens them."""
    said = manifest(made, files)
    sealed = {hashlib.sha256(content).hexdigest(): content for content in files[1:]}
    identity = made.provider_keys.identity
    return said.note, [app.open_blob(sealed[named.sha256], identity, named) for named in said.blobs]
