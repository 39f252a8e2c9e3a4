"""The uploader against a clinic that cuts, stalls, lies and forgets: over real sockets, by the real transport."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.net.errors import BadAnswer, NotTheClinic, Refused, Unreachable
from app.net.http import ClinicHttp, Credentials
from app.offline.allowance import Allowance
from app.offline.errors import BlobAltered, BlobMissing
from app.offline.files import write_blob
from app.offline.outbox import OutboxBlob
from app.offline.patch import Patience
from app.offline.receipts import ReceiptWrong
from app.offline.trouble import Conflict, HashMismatch, NoReceiptYet, Paused, Stalled, TooLargeForClinic
from app.offline.uploader import Uploader, UploadJob
from app.offline.vault import seal
from app.wire.intake import Receipt
from app.wire.signed import Context, Signed, verify
from tests.offline.offline_kit import PATIENT, Clinic
from tests.offline.offline_service import Fault, ScriptedClinic

QUICK = Patience(piece=1.5, answer=1.5, pause=0.1, tick=0.05)


class Told:
    """The listener: what was written down."""

    def __init__(self) -> None:
        self.locations: list[str] = []
        self.offsets: list[int] = []

    async def located(self, location: str, offset: int) -> None:
        self.locations.append(location)
        self.offsets.append(offset)

    async def progress(self, offset: int) -> None:
        self.offsets.append(offset)


class Bench:
    """A sealed file, the clinic, and an uploader to it."""

    def __init__(self, folder: Path, service: ScriptedClinic, size: int, patience: Patience) -> None:
        sealed = seal(bytes(range(256)) * (size // 256), [service.clinic.provider.age_recipient])
        self.ciphertext = sealed.ciphertext
        self.folder = folder
        name = write_blob(folder, sealed.ciphertext)
        self.row = OutboxBlob("b" * 12, "s" * 12, 0, "manifest", name, sealed.sha256, len(sealed.ciphertext))
        self.service = service
        self.told = Told()
        self.allowance = Allowance()
        self.http = ClinicHttp(service.url, None, Credentials(PATIENT, lambda nonce: b"s" * 64))
        self.uploader = Uploader(self.http, folder, self.allowance, patience)

    async def send(self, location: str = "") -> bytes:
        from dataclasses import replace

        job = UploadJob(replace(self.row, location=location), 1, PATIENT, self.service.clinic.receipt_public)
        return await self.uploader.send(job, self.told)

    def whole(self) -> bool:
        (upload,) = self.service.uploads.values()
        return bytes(upload.data) == self.ciphertext


def run(
    folder: Path, scene: Callable[[Bench], Awaitable[None]], *, size: int = 300_000, patience: Patience = QUICK
) -> None:
    async def main() -> None:
        async with asyncio.timeout(30), ScriptedClinic(Clinic()).running() as service:
            bench = Bench(folder, service, size, patience)
            async with bench.http:
                await scene(bench)

    asyncio.run(main())


def test_a_blob_arrives_whole_and_its_receipt_is_returned(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        text = await bench.send()
        receipt = verify(
            Signed.model_validate_json(text), Context.RECEIPT, bench.service.clinic.receipt_public, Receipt
        )
        assert receipt.sha256 == bench.row.sha256
        assert bench.whole()
        assert bench.told.offsets == sorted(bench.told.offsets)
        assert bench.told.offsets[-1] == bench.row.size
        assert (bench.folder / bench.row.file).read_bytes() == bench.ciphertext

    run(tmp_path, scene)


@pytest.mark.parametrize("after", [0, 1, 50_000])
def test_after_a_cut_it_goes_on_where_the_clinic_says(tmp_path: Path, after: int) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.faults = [Fault("PATCH", "cut", after=after)]
        await bench.send()
        assert bench.whole()
        cut = bench.service.seen.index(next(s for s in bench.service.seen if s.startswith("PATCH")))
        assert bench.service.seen[cut + 1].startswith("HEAD")

    run(tmp_path, scene)


def test_a_lost_answer_to_the_last_piece_is_not_sent_again(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.faults = [Fault("PATCH", "drop-answer")]
        await bench.send()
        assert bench.whole()
        assert sum(s.startswith("PATCH") for s in bench.service.seen) == 1

    run(tmp_path, scene, size=20_000)


def test_a_stalled_link_is_given_up_and_resumed(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.faults = [Fault("PATCH", "stall", after=10_000)]
        await bench.send()
        assert bench.service.stalled.is_set()
        assert bench.whole()

    run(tmp_path, scene)


def test_a_link_that_never_moves_ends_in_stalled(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.faults = [Fault("PATCH", "cut") for _ in range(9)]
        with pytest.raises(Stalled):
            await bench.send()

    run(tmp_path, scene)


def test_a_clinic_that_is_gone_is_unreachable(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.faults = [Fault("PATCH", "cut", after=70_000), Fault("HEAD", "cut")]
        with pytest.raises(Unreachable):
            await bench.send()
        await bench.send(bench.told.locations[-1])
        assert bench.whole()
        assert len(bench.told.locations) == 1

    run(tmp_path, scene)


@pytest.mark.parametrize("method", ["POST", "PATCH", "GET"])
def test_a_server_error_is_passed_on_and_the_next_try_ends_well(tmp_path: Path, method: str) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.faults = [Fault(method, "status", path="/uploads", status=503)]
        with pytest.raises(Refused) as caught:
            await bench.send()
        assert caught.value.status == 503
        await bench.send(bench.told.locations[-1] if bench.told.locations else "")
        assert bench.whole()

    run(tmp_path, scene)


@pytest.mark.parametrize("method", ["POST", "PATCH", "GET"])
def test_a_captive_portal_is_not_the_clinic(tmp_path: Path, method: str) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.faults = [Fault(method, "portal", path="/uploads")]
        with pytest.raises(NotTheClinic):
            await bench.send()
        await bench.send(bench.told.locations[-1] if bench.told.locations else "")
        assert bench.whole()

    run(tmp_path, scene)


def test_a_box_that_swallows_everything_is_no_progress(tmp_path: Path) -> None:
    """All bytes are taken, the line stays open, no offset moves: only acknowledged offsets count."""

    async def scene(bench: Bench) -> None:
        bench.service.faults = [Fault("PATCH", "swallow")]
        await bench.send()
        assert bench.whole()
        seen = [s.split(" ")[0] for s in bench.service.seen]
        assert seen[seen.index("PATCH") + 1] == "HEAD"  # asked beside the first PATCH, and again after its end
        assert seen.count("PATCH") == 2
        assert bench.told.offsets == sorted(bench.told.offsets)

    run(tmp_path, scene, patience=Patience(piece=60, answer=60, ask=0.2, progress=1.0, tick=0.05))


def test_one_patch_carries_the_whole_and_its_progress_is_what_the_clinic_says(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.allowance.set(300_000)  # so that it takes a second
        await bench.send()
        assert sum(s.startswith("PATCH") for s in bench.service.seen) == 1
        assert any(0 < offset < bench.row.size for offset in bench.told.offsets)

    run(tmp_path, scene, patience=Patience(ask=0.1, tick=0.05))


def test_a_small_file_goes_with_its_creation(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.with_creation = True
        await bench.send()
        assert [s.split(" ")[0] for s in bench.service.seen if "/uploads" in s] == ["POST", "GET"]
        assert bench.whole()

    run(tmp_path, scene, size=2_000)


def test_a_small_file_waits_for_its_turn_in_a_visit(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.with_creation = True
        bench.allowance.set(200_000)
        await bench.send()
        assert [s.split(" ")[0] for s in bench.service.seen if "/uploads" in s] == ["POST", "PATCH", "GET"]

    run(tmp_path, scene, size=2_000)


def test_a_wrong_offset_is_asked_for_again(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        def lose() -> None:  # the service has lost the last bytes that it had acknowledged
            (upload,) = bench.service.uploads.values()
            del upload.data[1000:]

        bench.service.faults = [
            Fault("PATCH", "cut", after=100),
            Fault("HEAD", "run", run=lambda: None),
            Fault("PATCH", "status", status=409, code="offset-mismatch"),
            Fault("HEAD", "run", run=lose),
        ]
        await bench.send()
        assert bench.whole()

    run(tmp_path, scene)


def test_an_upload_that_the_clinic_forgot_is_created_anew(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        await bench.send("/v1/uploads/gone1234")
        assert bench.service.seen.count("HEAD /v1/uploads/gone1234") == 1
        assert bench.whole()

        bench.service.uploads.clear()
        bench.service.faults = [Fault("PATCH", "run", run=bench.service.uploads.clear)]
        await bench.send()
        assert bench.whole()

    run(tmp_path, scene)


def test_a_token_that_runs_out_under_a_stream_is_renewed(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.faults = [Fault("PATCH", "status", status=401, code="token-invalid")]
        await bench.send()
        assert bench.service.seen.count("POST /v1/tokens") == 2
        assert bench.whole()

    run(tmp_path, scene)


def test_a_token_that_ran_out_before_a_resume_is_renewed(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.faults = [Fault("PATCH", "cut", after=70_000), Fault("HEAD", "cut")]
        with pytest.raises(Unreachable):
            await bench.send()
        bench.service.faults = [
            Fault("HEAD", "status", status=401, code="token-invalid"),
            Fault("GET", "status", path="/receipt", status=401, code="token-invalid"),
        ]
        await bench.send(bench.told.locations[-1])
        assert bench.whole()
        bench.service.faults = [Fault("HEAD", "status", status=401), Fault("HEAD", "status", status=401)]
        with pytest.raises(Refused):
            await bench.send(bench.told.locations[-1])

    run(tmp_path, scene)


@pytest.mark.parametrize(("status", "error"), [(409, Conflict), (413, TooLargeForClinic)])
def test_what_the_clinic_will_never_take_is_refused(tmp_path: Path, status: int, error: type[Exception]) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.faults = [Fault("POST", "status", path="/uploads", status=status, code="too-large")]
        with pytest.raises(error):
            await bench.send()

    run(tmp_path, scene)


def test_bytes_altered_on_the_way_are_sent_again(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        def flip() -> None:
            (upload,) = bench.service.uploads.values()
            upload.data[100] ^= 1

        bench.service.faults = [Fault("PATCH", "run", run=flip)]
        with pytest.raises(HashMismatch):
            await bench.send()
        assert bench.told.offsets[-1] == 0
        await bench.send(bench.told.locations[-1])
        assert bench.whole()

    run(tmp_path, scene, size=20_000)


def test_a_receipt_that_is_not_there_yet(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.faults = [Fault("GET", "status", path="/receipt", status=404, code="not-found")]
        with pytest.raises(NoReceiptYet):
            await bench.send()
        await bench.send(bench.told.locations[-1])

    run(tmp_path, scene, size=2_000)


@pytest.mark.parametrize(
    "change",
    [
        {"submission": "x" * 12},
        {"blob": "x" * 12},
        {"sha256": "0" * 64},
        {"size": 1},
        {"device_id": "another00001"},
    ],
)
def test_a_receipt_for_something_else_does_not_count(tmp_path: Path, change: dict[str, object]) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.receipt_changes = change
        with pytest.raises(ReceiptWrong):
            await bench.send()
        assert (bench.folder / bench.row.file).exists()

    run(tmp_path, scene, size=2_000)


def test_a_forged_receipt_does_not_count(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.service.receipt_key = Ed25519PrivateKey.generate()
        with pytest.raises(ReceiptWrong):
            await bench.send()

    run(tmp_path, scene, size=2_000)


@pytest.mark.parametrize("location", ["http://elsewhere/", "/v1/uploads/../tokens", "/v1/uploads/", ""])
def test_a_location_outside_of_the_uploads_is_refused(tmp_path: Path, location: str) -> None:
    async def scene(bench: Bench) -> None:
        bench.service._create = lambda request, body: (201, {"Location": location}, b"")  # type: ignore[method-assign]
        with pytest.raises(BadAnswer):
            await bench.send()

    run(tmp_path, scene, size=2_000)


def test_a_damaged_or_missing_file_is_never_sent(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        path = bench.folder / bench.row.file
        data = bytearray(bench.ciphertext)
        data[-1] ^= 1
        path.write_bytes(data)
        with pytest.raises(BlobAltered):
            await bench.send()
        assert bench.service.seen == []
        path.unlink()
        with pytest.raises(BlobMissing):  # the clinic is asked whether it has it all
            await bench.send()
        assert [word.split(" ")[0] for word in bench.service.seen if "uploads" in word] == ["POST"]
        assert not bench.whole()

    run(tmp_path, scene, size=2_000)


def test_a_live_visit_pauses_an_upload_and_lets_it_go_on(tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        bench.allowance.set(200_000)
        bench.service.faults = [Fault("POST", "run", path="/uploads", run=lambda: bench.allowance.set(0))]
        with pytest.raises(Paused):
            await bench.send()
        assert not bench.whole()
        bench.allowance.set(None)
        await bench.send(bench.told.locations[-1])
        assert bench.whole()

    run(tmp_path, scene)
