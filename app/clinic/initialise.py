"""`thinline clinic init`: makes a clinic. The root key exists in this process's memory alone, and is then gone."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from app.clinic.database import Database
from app.clinic.ids import new_id
from app.clinic.keys import make_certificate, make_receipt_key
from app.clinic.settings import (
    BLOBS_FOLDER,
    CERTIFICATE_FILE,
    CONFIG_FILE,
    DATABASE_FILE,
    RECEIPT_KEY_FILE,
    TLS_KEY_FILE,
    ClinicConfig,
    SettingsError,
    Tls,
    split_address,
    write_private,
)
from app.clinic.tables import InvitationRow, RootCopy
from app.wire.code import CodeKind, EnrolmentCode, token_hash
from app.wire.signed import Context, sign
from app.wire.trust import Role, ServiceStatement

ROOT_ASSOCIATED_DATA = b"thinline/1 root"
NONCE_BYTES = 12
FIRST_CODE_LIFE = timedelta(days=7)


class AlreadyInitialised(SettingsError):
    """The folder holds a clinic, or something else."""


@dataclass(frozen=True)
class NewClinic:
    """What the operator is told, once. `url` is what devices are given as the clinic's address."""

    url: str
    code: EnrolmentCode
    expires_at: datetime


def initialise(
    data: Path, address: str, tls: Tls, names: Sequence[str] = (), database_url: str = "", now: datetime | None = None
) -> NewClinic:
    """Makes the data folder with keys, certificate, statement, database and the first provider's code.

    `clinic.json` is written last: without it there is no clinic, and nobody has seen a code.
    Raises :class:`AlreadyInitialised` unless `data` is absent or empty, :class:`SettingsError` for a bad address.
    """
    host, _port = split_address(address)
    now = now or datetime.now(UTC)
    if data.exists() and any(data.iterdir()):
        raise AlreadyInitialised(f"{data} is not empty; a new clinic needs a folder of its own.")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    data.chmod(0o700)
    (data / BLOBS_FOLDER).mkdir(mode=0o700)
    keys = make_receipt_key(data / RECEIPT_KEY_FILE)
    certificates: tuple[bytes, ...] = ()
    if tls == "self":
        every = (host, "localhost", "127.0.0.1", *names)
        certificates = (make_certificate(every, now, data / CERTIFICATE_FILE, data / TLS_KEY_FILE),)
    root = Ed25519PrivateKey.generate()
    root_public = root.public_key().public_bytes_raw()
    statement = ServiceStatement(
        receipt_key=keys.receipt.public_key().public_bytes_raw(), tls_certificates=certificates, issued_at=now
    )
    config = ClinicConfig(
        address=address,
        tls=tls,
        database_url=database_url,
        root_key=root_public,
        statement=sign(statement, Context.STATEMENT, root),
    )
    code = EnrolmentCode.new(CodeKind.FIRST_PROVIDER, root_public)
    if not database_url:
        (data / DATABASE_FILE).touch(mode=0o600)  # SQLite gives its other files the same mode
    _fill_database(database_url or f"sqlite:///{data / DATABASE_FILE}", code, wrap_root(root, code), now)
    write_private(data / CONFIG_FILE, config.model_dump_json(indent=1).encode())
    scheme = "http" if tls == "none" else "https"
    return NewClinic(f"{scheme}://{address}", code, now + FIRST_CODE_LIFE)


def wrap_root(root: Ed25519PrivateKey, code: EnrolmentCode) -> bytes:
    """Nonce (12 bytes) and the root's seed under the code's wrapping key (ChaCha20-Poly1305, RFC 8439)."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    cipher = ChaCha20Poly1305(code.wrapping_key())
    return nonce + cipher.encrypt(nonce, root.private_bytes_raw(), ROOT_ASSOCIATED_DATA)


def _fill_database(url: str, code: EnrolmentCode, wrapped: bytes, now: datetime) -> None:
    database = Database(url)
    try:
        database.migrate()
        with database.writing() as session:
            session.add(
                InvitationRow(
                    invitation_id=new_id(),
                    token_hash=token_hash(code.token()),
                    role=Role.PROVIDER.value,
                    sealed_label=None,
                    expires_at=now + FIRST_CODE_LIFE,
                    first=True,
                    used_by=None,
                )
            )
            session.add(RootCopy(number=1, wrapped=wrapped))
        database.forget_traces()
    finally:
        database.close()
