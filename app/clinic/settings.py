"""The service's settings: frozen, read once at start. `clinic.json` in the data folder is written by `init`."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.wire.base import Bytes64
from app.wire.signed import Signed
from app.wire.visits import IceServer

Tls = Literal["self", "public", "none"]

CONFIG_FILE = "clinic.json"
DATABASE_FILE = "clinic.db"
RECEIPT_KEY_FILE = "receipt.key"
CERTIFICATE_FILE = "tls.crt"
TLS_KEY_FILE = "tls.key"
BLOBS_FOLDER = "blobs"


class SettingsError(Exception):
    """The service cannot start with these settings; `str()` is one sentence for the operator."""


class ClinicConfig(BaseModel):
    """What `init` decided, in `clinic.json` (mode 0600). `database_url` is empty for SQLite in the data folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str
    tls: Tls
    database_url: str = ""
    root_key: Bytes64
    statement: Signed


class IceSettings(BaseModel):
    """The `--ice` file: an IceConfig, and coturn's shared secret where credentials are made per device.

    `turn_secret` (coturn's static-auth-secret) applies to every turn: or turns: server without a fixed username.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    servers: tuple[IceServer, ...] = ()
    policy: Literal["all", "relay"] = "all"
    turn_secret: str | None = None
    turn_ttl_s: int = Field(default=12 * 3600, ge=60)


@dataclass(frozen=True)
class Settings:
    """Everything the running service goes by. Times in seconds, sizes in bytes."""

    data: Path
    config: ClinicConfig
    host: str
    port: int
    behind_proxy: bool = False
    certificate: Path | None = None
    tls_key: Path | None = None
    ice: IceSettings = field(default_factory=IceSettings)
    log_level: str = "info"
    reserve_bytes: int = 64 * 1024 * 1024  # uploads stop before the disk is full, so that the database can go on
    device_quota_bytes: int = 4 * 1024**3  # declared by one device and not yet opened by a provider
    unfinished_s: float = 30 * 86400.0  # an upload that has not gone on for so long is swept
    sweep_s: float = 3600.0
    challenge_s: float = 120.0
    token_s: int = 600
    wrong_tries_per_address: int = 10
    wrong_tries_in_all: int = 300
    wrong_tries_period_s: float = 600.0

    @property
    def database_url(self) -> str:
        return self.config.database_url or f"sqlite:///{self.data / DATABASE_FILE}"

    @property
    def url_scheme(self) -> str:
        return "https" if self.certificate is not None else "http"


def split_address(address: str) -> tuple[str, int]:
    """`HOST:PORT` or `[IPv6]:PORT` -> (host, port); raises :class:`SettingsError`."""
    host, colon, port = address.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) <= 65535 or any(c in host for c in "/@ "):
        raise SettingsError("The address has to look like clinic.example:8443.")
    return host, int(port)


def load_config(data: Path) -> ClinicConfig:
    """Raises :class:`SettingsError` when `data` holds no clinic."""
    try:
        return ClinicConfig.model_validate_json((data / CONFIG_FILE).read_bytes())
    except FileNotFoundError:
        raise SettingsError(f"There is no clinic in {data}; make one with 'thinline clinic init'.") from None
    except (OSError, ValidationError) as exc:
        raise SettingsError(f"{data / CONFIG_FILE} cannot be read ({type(exc).__name__}).") from None


def load_ice(path: Path) -> IceSettings:
    try:
        return IceSettings.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError) as exc:
        raise SettingsError(f"{path} is no ICE settings file ({type(exc).__name__}).") from None


def write_private(path: Path, content: bytes) -> None:
    """Writes a new file with mode 0600, synced, all or nothing."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes names in `folder` last through a power cut (fsync(2) on the directory)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
