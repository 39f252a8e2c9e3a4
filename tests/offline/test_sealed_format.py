"""docs/sealed-format.md, done: a submission opened with the `age` tool and openssl, and with Python alone.

The files are tests/vectors/sealed/, made once: they must open for ever. What the age tool seals opens here likewise.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.offline.age import AgeIdentity
from app.offline.sealing import Hashes, open_file, seal_file
from app.offline.vault import open_blob, open_manifest, padded_size

FILES = Path(__file__).parents[1] / "vectors" / "sealed"
IDENTITY = FILES / "identity.txt"
DEVICE = json.loads((FILES / "device.json").read_text())
CONTENT = {"words": "It itches since Monday.\nLínea.\n".encode(), "two-pages": bytes(range(256)) * 300, "empty": b""}
_DER_HEAD = bytes.fromhex("302a300506032b6570032100")
_MISSING = [tool for tool in ("age", "openssl") if shutil.which(tool) is None]

needs_tools = pytest.mark.skipif(
    bool(_MISSING), reason=f"not there: {', '.join(_MISSING)} (Debian packages age and openssl; packaging/setup.sh)"
)


def identity() -> AgeIdentity:
    return AgeIdentity(IDENTITY.read_text().splitlines()[-1])


def by_tool(path: Path) -> bytes:
    return subprocess.run(["age", "-d", "-i", IDENTITY, path], check=True, capture_output=True).stdout


def by_library(path: Path) -> bytes:
    return bytes(pyrage.decrypt(path.read_bytes(), [pyrage.x25519.Identity.from_str(identity().secret())]))


def text64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def openssl_says(signed: bytes, signature: bytes, folder: Path) -> None:
    """Step 5 with an ordinary tool."""
    for name, data in (
        ("device.der", _DER_HEAD + bytes.fromhex(DEVICE["ed25519"])),
        ("in", signed),
        ("sig", signature),
    ):
        (folder / name).write_bytes(data)
    command = "openssl pkeyutl -verify -pubin -keyform DER -inkey device.der -rawin -in in -sigfile sig"
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True)
    assert "Signature Verified Successfully" in done.stdout, done.stderr


def python_says(signed: bytes, signature: bytes, folder: Path) -> None:
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(DEVICE["ed25519"])).verify(signature, signed)


def follow_the_page(
    opened: Callable[[Path], bytes], verify: Callable[[bytes, bytes, Path], None], folder: Path
) -> dict[str, bytes]:
    """Name -> content; nothing of ours is used."""
    padded = opened(FILES / "manifest.age")
    line, _, zeros = padded.partition(b"\n")
    assert not zeros.strip(b"\0")
    sealed = json.loads(line)
    payload, signature = text64(sealed["manifest"]["payload"]), text64(sealed["manifest"]["signature"])
    verify(b"thinline/1 manifest\0" + payload, signature, folder)
    manifest: dict[str, Any] = json.loads(payload)
    assert sealed["signer"] == manifest["device_id"] == DEVICE["device_id"]
    by_sum = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in FILES.glob("*.age")}
    found = {}
    for blob in manifest["blobs"]:
        clear = opened(by_sum[blob["sha256"]])
        content, zeros = clear[: blob["size"]], clear[blob["size"] :]
        assert not zeros.strip(b"\0")
        assert hashlib.sha256(content).hexdigest() == blob["clear_sha256"]
        found[blob["name"]] = content
    return found


@needs_tools
def test_with_the_age_tool_and_openssl(tmp_path: Path) -> None:
    assert follow_the_page(by_tool, openssl_says, tmp_path) == CONTENT


def test_with_python_alone(tmp_path: Path) -> None:
    assert follow_the_page(by_library, python_says, tmp_path) == CONTENT


def test_with_the_app() -> None:
    signers = {DEVICE["device_id"]: bytes.fromhex(DEVICE["ed25519"])}
    manifest = open_manifest((FILES / "manifest.age").read_bytes(), identity(), signers)
    assert (manifest.purpose, manifest.note) == ("wound-check", "On the left arm.")
    for named in manifest.blobs:
        path = FILES / f"{named.name}.age"
        assert open_blob(path.read_bytes(), identity(), named) == CONTENT[named.name]
        assert open_file(path, identity(), Hashes.of(named), 1 << 20) == CONTENT[named.name]


@needs_tools
def test_a_stream_of_ours_opens_with_the_tool_and_the_reverse(tmp_path: Path) -> None:
    clear = os.urandom(200_000)
    sealed = seal_file([clear], [identity().recipient], tmp_path)
    assert by_tool(tmp_path / sealed.name) == clear.ljust(padded_size(len(clear)), b"\0")
    padded = clear.ljust(padded_size(len(clear)), b"\0")
    command = ["age", "-r", identity().recipient, "-o", tmp_path / "theirs"]
    subprocess.run(command, input=padded, check=True, capture_output=True)
    theirs = hashlib.sha256((tmp_path / "theirs").read_bytes()).hexdigest()
    said = Hashes(theirs, sealed.clear_sha256, len(clear))
    assert open_file(tmp_path / "theirs", identity(), said, len(clear)) == clear


@needs_tools
def test_the_tool_notices_a_cut_too(tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes((FILES / "two-pages.age").read_bytes()[:-100])
    with pytest.raises(subprocess.CalledProcessError):
        by_tool(tmp_path / "cut")
