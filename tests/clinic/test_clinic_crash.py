"""Cut lines, a killed service, a full disk: what was acknowledged stays, and the upload goes on from there."""

from __future__ import annotations

import errno
import os
import resource
import socket
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.clinic import intake
from app.clinic.blobs import BlobFiles, BlobLost, StorageFull
from app.clinic.database import Database
from app.wire.errors import ErrorCode
from tests.clinic.people import Blob, Device, create, new_blob, offset_of, patch
from tests.clinic.service import RunningClinic

SIZE = 4_000_000
PATIENCE_S = 20.0


def begin_patch(device: Device, path: str, offset: int, length: int) -> socket.socket:
    """The head of a PATCH on a raw socket; the body is the caller's to send, or not."""
    line = socket.create_connection(("127.0.0.1", device.clinic.port), PATIENCE_S)
    head = (
        f"PATCH {path} HTTP/1.1\r\nHost: clinic\r\nAuthorization: Bearer {device.token}\r\n"
        f"Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n"
        f"Upload-Offset: {offset}\r\nContent-Length: {length}\r\n\r\n"
    )
    line.sendall(head.encode())
    return line


def wait_for(condition: Callable[[], bool]) -> None:
    """Asks the service again and again (each ask is a request) until it is so."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it did not come about"


def finish(device: Device, path: str, blob: Blob) -> None:
    offset = offset_of(device, path)
    assert patch(device, path, offset, blob.content[offset:]).status_code == 204
    assert device.request("GET", f"{path}/receipt").status_code == 200


def on_disk(device: Device, path: str) -> bytes:
    """Nothing where the service has not written yet: its file comes with the first bytes."""
    file = device.clinic.data / "blobs" / path.rsplit("/", 1)[1]
    return file.read_bytes() if file.exists() else b""


def test_a_cut_line_keeps_what_arrived(provider: Device) -> None:
    device, blob = provider.newcomer(), new_blob(SIZE)
    path = create(device, blob)
    for start, end in ((0, 1_500_000), (1_500_000, 1_500_001), (1_500_001, 3_333_333)):
        with begin_patch(device, path, start, SIZE - start) as line:
            line.sendall(blob.content[start:end])
            wait_for(lambda end=end: offset_of(device, path) == end)  # type: ignore[misc]
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets it
        assert offset_of(device, path) == end
        assert on_disk(device, path) == blob.content[:end]
    finish(device, path, blob)


def test_a_cut_in_the_middle_of_a_stream_leaves_a_true_offset(provider: Device) -> None:
    """The line is cut while bytes are on their way: however many counted, they are the right ones."""
    device, blob = provider.newcomer(), new_blob(SIZE)
    path = create(device, blob)
    with begin_patch(device, path, 0, SIZE) as line:
        line.sendall(blob.content[:2_000_000])
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    offset = offset_of(device, path)
    assert offset <= 2_000_000
    assert on_disk(device, path)[:offset] == blob.content[:offset]
    finish(device, path, blob)


def test_a_dead_writer_makes_way(provider: Device) -> None:
    """The old connection stays open and silent, as a line does that died without a word."""
    device, blob = provider.newcomer(), new_blob(SIZE)
    path = create(device, blob)
    with begin_patch(device, path, 0, SIZE) as line:
        line.sendall(blob.content[:700_000])
        wait_for(lambda: offset_of(device, path) == 700_000)  # HEAD has the writer sync what it holds
        assert patch(device, path, 0, b"x").status_code == 409
        finish(device, path, blob)
        line.settimeout(PATIENCE_S)
        assert line.recv(100).startswith(b"HTTP/1.1 423")


def test_a_killed_service_goes_on_from_what_was_synced(own_clinic: RunningClinic, own_provider: Device) -> None:
    device, blob = own_provider.newcomer(), new_blob(SIZE)
    path = create(device, blob)
    with begin_patch(device, path, 0, SIZE) as line:
        line.sendall(blob.content[:2_500_000])
        wait_for(lambda: offset_of(device, path) >= 2_000_000)
        acknowledged = offset_of(device, path)
        line.sendall(blob.content[2_500_000:3_000_000])
        own_clinic.kill()
    stored = on_disk(device, path)
    own_clinic.start()
    offset = offset_of(device, path)
    assert acknowledged <= offset <= len(stored)
    assert stored[:offset] == blob.content[:offset]
    finish(device, path, blob)


def test_a_kill_between_the_last_byte_and_the_receipt(own_clinic: RunningClinic, own_provider: Device) -> None:
    """The state such a kill leaves, made through the service's own functions; asking for it finishes the upload."""
    device, blob = own_provider.newcomer(), new_blob(50_000)
    path = create(device, blob)
    assert patch(device, path, 0, blob.content[:-1]).status_code == 204
    own_clinic.kill()
    upload_id = path.rsplit("/", 1)[1]
    with (own_clinic.data / "blobs" / upload_id).open("ab") as file:
        file.write(blob.content[-1:])
    database = Database(f"sqlite:///{own_clinic.data / 'clinic.db'}")
    intake.advance(database, upload_id, 50_000, datetime.now(UTC))
    database.close()
    own_clinic.start()
    assert device.request("GET", f"{path}/receipt").status_code == 200
    assert offset_of(device, path) == 50_000


def test_a_lost_file_begins_anew(provider: Device) -> None:
    device, blob = provider.newcomer(), new_blob(50_000)
    path = create(device, blob)
    patch(device, path, 0, blob.content[:20_000])
    (device.clinic.data / "blobs" / path.rsplit("/", 1)[1]).unlink()
    answer = patch(device, path, 20_000, blob.content[20_000:])
    assert (answer.status_code, answer.headers["upload-offset"]) == (409, "0")
    finish(device, path, blob)


def test_a_full_disk_loses_nothing_acknowledged(own_clinic: RunningClinic, own_provider: Device) -> None:
    """The kernel refuses to let the running service's files grow beyond 1 MiB, then lets it again."""
    device, blob = own_provider.newcomer(), new_blob(SIZE)
    path = create(device, blob)
    assert patch(device, path, 0, blob.content[:600_000]).status_code == 204
    pid = own_clinic.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024 * 1024, hard))
    answer = patch(device, path, 600_000, blob.content[600_000:])
    assert (answer.status_code, answer.json()["code"]) == (507, ErrorCode.STORAGE_FULL)
    offset = offset_of(device, path)
    assert 600_000 <= offset <= 1024 * 1024
    assert on_disk(device, path)[:offset] == blob.content[:offset]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    finish(device, path, blob)


def test_the_reserve_keeps_the_disk_from_filling(tmp_path: Path) -> None:
    with pytest.raises(StorageFull):
        BlobFiles(tmp_path, reserve=1 << 62).open("blob1", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_file_whose_sync_failed_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = BlobFiles(tmp_path, reserve=0)
    writer = files.open("blob1", 0)
    writer.write(b"counted")
    writer.sync()
    writer.write(b"lost")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", _failing)
        with pytest.raises(OSError, match="broken"):
            writer.sync()
    writer.close()
    before = (tmp_path / "blob1").stat().st_ino
    again = files.open("blob1", 7)
    again.write(b" more")
    again.sync()
    again.close()
    assert (tmp_path / "blob1").read_bytes() == b"counted more"
    assert (tmp_path / "blob1").stat().st_ino != before
    assert [path.name for path in tmp_path.iterdir()] == ["blob1"]


def _failing(_handle: int) -> None:
    raise OSError(errno.EIO, "the disk is broken")


def test_blobs_are_cut_to_what_was_counted(tmp_path: Path) -> None:
    files = BlobFiles(tmp_path, reserve=0)
    writer = files.open("blob1", 0)
    writer.write(b"0123456789")
    writer.close()
    files.open("blob1", 4).close()
    assert b"".join(files.read("blob1", 1, 4)) == b"123"
    assert (tmp_path / "blob1").stat().st_size == 4
    for lost in (lambda: files.open("blob1", 5), lambda: files.sha256("other"), lambda: files.read("other", 0, 1)):
        with pytest.raises(BlobLost):
            lost()
    with pytest.raises(ValueError, match="letters"):
        files.open("../escape", 0)
    files.remove("blob1")
    files.remove("blob1")
    assert list(tmp_path.iterdir()) == []
