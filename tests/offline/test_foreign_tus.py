"""Our uploader against foreign tus servers, and a foreign client against our service: all real processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.clinic.ids import new_id
from app.offline.allowance import Allowance
from app.offline.files import write_blob
from app.offline.outbox import OutboxBlob
from app.offline.trouble import NotReceipted
from app.offline.uploader import TusServer, Uploader, UploadJob
from app.offline.vault import seal
from tests.clinic.people import Device, new_blob
from tests.clinic.service import start_clinic
from tests.offline.foreign_tus import PlainTus, node, python_server, served, why_no_node
from tests.offline.offline_kit import PATIENT, Clinic
from tests.offline.test_uploader import Told

NODE = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node() or "node is there")
FOREIGN = TusServer(path="/files", receipts=False, asks=False, filetype=True)
SERVERS = [pytest.param("node", marks=NODE), "python"]


class Other:
    """A foreign server, a sealed file, and an uploader to it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.stored = folder / "stored"
        self.folder = folder
        self.http = PlainTus(url)
        self.uploader = Uploader(self.http, folder, Allowance(), server=FOREIGN)
        self.told = Told()

    def job(self, size: int, location: str = "") -> tuple[UploadJob, bytes]:
        sealed = seal(bytes(range(256)) * (size // 256), [Clinic().provider.age_recipient])
        name = write_blob(self.folder, sealed.ciphertext)
        row = OutboxBlob(new_id(), new_id(), 0, "manifest", name, sealed.sha256, len(sealed.ciphertext))
        return UploadJob(replace(row, location=location), 1, PATIENT, b""), sealed.ciphertext

    def whole(self, content: bytes) -> int:
        """How many of the server's files are exactly these bytes."""
        return sum(path.read_bytes() == content for path in self.stored.iterdir() if path.is_file())


@pytest.fixture(params=SERVERS)
def other(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[Callable[[Other], Awaitable[None]]], None]]:
    (tmp_path / "stored").mkdir()
    stored = tmp_path / "stored"
    command = (
        node("serve.mjs", tmp_path, str(stored), "3600000") if request.param == "node" else python_server(stored, "5")
    )
    with served(command) as url:

        def run(scene: Callable[[Other], Awaitable[None]]) -> None:
            async def main() -> None:
                async with asyncio.timeout(60):
                    bench = Other(tmp_path, url)
                    try:
                        await scene(bench)
                    finally:
                        await bench.http.close()

            asyncio.run(main())

        yield run


def test_it_is_delivered_whole_but_never_called_received(other: Callable[..., None]) -> None:
    async def scene(bench: Other) -> None:
        for size in (2_000, 300_000):
            job, content = bench.job(size)
            with pytest.raises(NotReceipted):
                await bench.uploader.send(job, bench.told)
            assert bench.whole(content) == 1
            assert (bench.folder / job.row.file).exists()

    other(scene)


def test_a_cut_goes_on_where_the_server_says(other: Callable[..., None]) -> None:
    async def scene(bench: Other) -> None:
        job, content = bench.job(300_000)
        bench.http.cut_after = 40_000
        with pytest.raises(NotReceipted):
            await bench.uploader.send(job, bench.told)
        assert bench.whole(content) == 1
        assert "HEAD" in bench.http.asked
        assert bench.http.asked.count("POST") == 1

    other(scene)


def test_what_the_server_forgot_is_created_anew(other: Callable[..., None]) -> None:
    async def scene(bench: Other) -> None:
        job, content = bench.job(300_000, location="/files/0123456789abcdef0123456789abcdef")
        with pytest.raises(NotReceipted):
            await bench.uploader.send(job, bench.told)
        assert bench.http.asked[:2] == ["HEAD", "POST"]
        assert bench.whole(content) == 1

    other(scene)


@NODE
@pytest.mark.parametrize("together", [False, True])
def test_the_usual_client_works_with_our_service(tmp_path: Path, together: bool) -> None:
    clinic = start_clinic(tmp_path)
    try:
        provider = Device(clinic)
        provider.enrol(clinic.code)
        patient, blob = provider.newcomer(), new_blob(300_000)
        (tmp_path / "sealed").write_bytes(blob.content)
        metadata = dict(pair.split(" ") for pair in blob.metadata().split(","))
        words = {
            "endpoint": f"{clinic.url}/v1/uploads",
            "token": patient.token,
            "file": str(tmp_path / "sealed"),
            "metadata": {name: _text(value) for name, value in metadata.items()},
            "chunk": 70_000,
            "together": together,
        }
        done = subprocess.run(
            node("send.mjs", tmp_path, json.dumps(words)), capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        path = done.stdout.strip().removeprefix(clinic.url)
        assert patient.request("GET", f"{path}/receipt").status_code == 200
        assert provider.request("GET", f"/v1/submissions/{blob.submission}/blobs/{blob.blob}").content == blob.content
    finally:
        clinic.stop()


def _text(value: str) -> str:
    import base64

    return base64.b64decode(value).decode()
