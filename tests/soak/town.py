"""The real clinic service with a provider and an enrolled patient's profile, for the campaigns that need them."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.net.http import ClinicHttp, Credentials
from app.wire.signed import Context, sign_bytes
from tests.clinic.people import Device as Person
from tests.clinic.service import start_clinic
from tests.offline.offline_kit import Clinic, Device, open_device
from tests.offline.test_real_clinic import Town
from tests.soak import adapter as app
from tests.soak.campaign import Violation


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
        url, None, Credentials(person.device_id, lambda nonce: sign_bytes(nonce, Context.TOKEN, person.key))
    )


@dataclass(frozen=True)
class AtTheClinic:
    """What stands on the service's disk: submission -> its sealed files (manifest first), each checked by its hash."""

    whole: dict[str, list[bytes]]
    unfinished: int


def at_the_clinic(data: Path) -> AtTheClinic:
    """Reads the service's database and blobs folder from outside. Raises :class:`Violation` if one is not whole."""
    with contextlib.closing(sqlite3.connect(f"file:{data / 'clinic.db'}?mode=ro", uri=True)) as db:
        counts = dict(db.execute("SELECT submission, count FROM submissions").fetchall())
        rows = db.execute(
            "SELECT submission, upload_id, sha256, size FROM uploads WHERE receipt_payload IS NOT NULL"
            " ORDER BY submission, part DESC"  # 'manifest' before 'blob'
        ).fetchall()
    found: dict[str, list[bytes]] = {}
    for submission, upload, sha256, size in rows:
        content = (data / "blobs" / upload).read_bytes()
        if len(content) != size or hashlib.sha256(content).hexdigest() != sha256:
            raise Violation(f"upload {upload} was receipted and is not whole on the clinic's disk")
        found.setdefault(submission, []).append(content)
    whole = {name: files for name, files in found.items() if len(files) == counts[name]}
    return AtTheClinic(whole, len(counts) - len(whole))


def opened(made: Town, files: list[bytes]) -> tuple[str, list[bytes]]:
    """The note and the clear contents of one submission, as the provider's device opens them."""
    identity = made.provider_keys.identity
    manifest = app.open_manifest(files[0], identity, {made.patient.device_id: made.keys.ed25519})
    sealed = {hashlib.sha256(content).hexdigest(): content for content in files[1:]}
    return manifest.note, [app.open_blob(sealed[named.sha256], identity, named) for named in manifest.blobs]
