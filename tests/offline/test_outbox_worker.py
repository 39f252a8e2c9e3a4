"""The worker with a real store, real files and real sockets: sends, survives, erases late, tells the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.net.http import ClinicHttp, Credentials
from app.offline import courier as courier_module
from app.offline import trust
from app.offline import worker as worker_module
from app.offline.capture import Capture, Part, Words, save_sealed, seal_submission
from app.offline.errors import StoreFailed, WriteFailed
from app.offline.outbox import Life, OutboxSubmission, Transfer
from app.offline.patch import Patience
from app.offline.plan import Stage
from app.offline.store import Store, StoreCore
from app.offline.worker import OutboxWorker, SubmissionStatus, Surroundings
from tests.offline.offline_kit import CANARY, NOW, PATIENT, Clinic, Until, every_byte, open_device
from tests.offline.offline_service import Fault, ScriptedClinic

QUICK = Patience(piece=1.5, answer=1.5, pause=0.05, tick=0.02)


@dataclass
class Clock:
    """A wall clock that moves only when a test moves it."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Scene:
    service: ScriptedClinic
    store: Store
    blobs: Path
    http: ClinicHttp
    until: Until = field(default_factory=Until)
    clock: Clock = field(default_factory=Clock)
    seen: list[tuple[Stage, int]] = field(default_factory=list)
    worker: OutboxWorker = field(init=False)

    def __post_init__(self) -> None:
        around = Surroundings(self.clock, lambda: 0.0, QUICK, watch=False)
        self.worker = OutboxWorker(self.store, self.blobs, self.http, on_change=self._changed, surroundings=around)

    def _changed(self) -> None:
        for status in self.worker.snapshot():
            if not self.seen or self.seen[-1] != (status.stage, status.done):
                self.seen.append((status.stage, status.done))
        self.until.changed()

    async def take(self, size: int = 5000) -> str:
        data = CANARY.ljust(size, b"x")
        return await Capture(self.store, self.blobs).save_photo(
            data, name="a.jpg", media_type="image/jpeg", purpose="wound"
        )

    def status(self) -> SubmissionStatus:
        (found,) = self.worker.snapshot()
        return found

    async def stage(self, stage: Stage) -> None:
        await self.until.holds(lambda: bool(self.worker.snapshot()) and self.status().stage is stage)

    async def erased(self) -> None:
        await self.until.holds(
            lambda: (
                all(b.state is Transfer.ERASED for s in self.worker._submissions for b in s.blobs)
                and not list(self.blobs.iterdir())
            )
        )


def play(tmp_path: Path, scene: Callable[[Scene], Awaitable[None]]) -> None:
    async def main() -> None:
        clinic = Clinic()
        device = open_device(tmp_path / "p", clinic)
        key = device.profile.key_file.read_bytes()
        device.core.close()
        async with asyncio.timeout(40), ScriptedClinic(clinic).running() as service:
            store = await Store.open(device.profile.store_path, key)
            async with ClinicHttp(service.url, None, Credentials(PATIENT, lambda nonce: b"s" * 64)) as http:
                play = Scene(service, store, device.profile.blobs, http)
                await scene(play)
                await play.worker.stop()
            await store.close()
        assert CANARY not in every_byte(device.profile.folder)
        device.profile.close()

    asyncio.run(main())


def test_a_photo_goes_its_way_and_each_stage_is_told_in_order(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        s.worker.start()
        await s.take()
        s.worker.kick()
        await s.stage(Stage.RECEIVED)
        await s.erased()
        order = [Stage.SAVED, Stage.SENDING, Stage.RECEIVED]
        assert [order.index(stage) for stage, _ in s.seen] == sorted(order.index(stage) for stage, _ in s.seen)
        assert [done for _, done in s.seen] == sorted(done for _, done in s.seen)
        assert (s.status().done, s.status().total, s.status().fraction, s.status().reason) == (2, 2, 1.0, "")
        (uploads,) = s.service.submissions().values()
        assert [u.meta.part for u in uploads] == ["manifest", "blob"]
        assert {u.meta.count for u in uploads} == {2}

    play(tmp_path, scene)


def test_without_a_link_it_waits_and_a_kick_brings_it_on(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        await s.take()
        s.service.faults = [Fault("POST", "cut", path="/challenges"), Fault("POST", "cut", path="/challenges")]
        s.worker.start()
        await s.stage(Stage.WAITING)
        assert "cannot be reached" in s.status().reason
        await s.until.holds(lambda: s.worker._courier.link.probe_at > s.clock.now)
        assert not s.worker.waits, "no visit need leave it room before the next question is due"
        s.worker.kick()  # the second cut meets the probe
        await s.until.holds(lambda: not s.service.faults)
        await s.until.holds(lambda: s.worker._courier.link.probe_at > s.clock.now)
        assert s.service.uploads == {}
        s.worker.kick()
        await s.stage(Stage.RECEIVED)
        assert all(b.tries == 0 for sub in s.worker._submissions for b in sub.blobs)

    play(tmp_path, scene)


def test_a_server_error_waits_longer_each_time_and_a_person_can_hurry_it(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        submission = await s.take()
        s.service.faults = [Fault("POST", "status", path="/uploads", status=507, code="storage-full")]
        s.worker.start()
        await s.stage(Stage.WAITING)
        first = s.worker._submissions[0].blobs[0]
        assert (first.tries, first.retry_at) == (1, s.clock.now + 2.0)
        assert "no room" in first.reason
        assert len(s.service.submissions()) == 0
        await s.worker.try_again(submission)
        await s.stage(Stage.RECEIVED)
        await s.worker.try_again(submission)
        await s.worker.try_again("unknown00000")
        assert s.status().stage is Stage.RECEIVED

    play(tmp_path, scene)


def test_a_retry_comes_due_by_itself(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        await s.take()
        s.service.faults = [Fault("POST", "status", path="/uploads", status=503)]
        s.worker.start()
        await s.stage(Stage.WAITING)
        s.clock.now += 3.0
        s.worker._courier.wake()  # what the timer does: the test's clock stands still while the loop's runs
        await s.stage(Stage.RECEIVED)

    play(tmp_path, scene)


def test_a_forged_receipt_needs_a_person_and_nothing_is_erased(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        submission = await s.take()
        s.service.receipt_key = Ed25519PrivateKey.generate()
        s.worker.start()
        await s.stage(Stage.NEEDS_YOU)
        assert "receipt does not fit" in s.status().reason
        assert len(list(s.blobs.iterdir())) == 2
        for upload in s.service.uploads.values():
            upload.receipt = None
        s.service.receipt_key = s.service.clinic.receipt
        await s.worker.try_again(submission)
        await s.stage(Stage.RECEIVED)
        assert len(s.service.uploads) == 2

    play(tmp_path, scene)


def test_the_file_goes_only_after_the_receipt_is_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    erased: list[bool] = []
    real = courier_module.erase_blob

    async def scene(s: Scene) -> None:
        def watched(folder: Path, name: str) -> None:
            core: StoreCore = s.store._core
            (row,) = (b for sub in core.submissions() for b in sub.blobs if b.file == name)
            erased.append(row.state is Transfer.STORED and bool(row.receipt))
            real(folder, name)

        monkeypatch.setattr(courier_module, "erase_blob", watched)
        await s.take()
        s.worker.start()
        await s.erased()
        assert erased == [True, True]

    play(tmp_path, scene)


def test_a_file_that_cannot_be_removed_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(s: Scene) -> None:
        def fail(folder: Path, name: str) -> None:
            raise WriteFailed("read-only")

        with monkeypatch.context() as patch:
            patch.setattr(courier_module, "erase_blob", fail)
            await s.take()
            s.worker.start()
            await s.stage(Stage.RECEIVED)
            await s.worker.stop()
        assert len(list(s.blobs.iterdir())) == 2
        again = OutboxWorker(s.store, s.blobs, s.http, on_change=s.until.changed)
        again.start()
        await s.until.holds(lambda: not list(s.blobs.iterdir()))
        await again.stop()

    play(tmp_path, scene)


def test_a_live_visit_holds_uploads_back_and_lets_them_go(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        s.worker.allowance.set(100_000)
        s.service.faults = [Fault("POST", "run", path="/uploads", run=lambda: s.worker.allowance.set(0))]
        await s.take(200_000)
        s.worker.start()
        await s.stage(Stage.WAITING)
        await s.until.holds(lambda: "visit" in s.status().reason)
        assert not any(upload.receipt for upload in s.service.uploads.values())
        assert s.worker.waits, "but for the visit it would go"
        await s.worker.set_paused(True)
        assert not s.worker.waits, "the person holds it back"
        await s.worker.set_paused(False)
        s.worker.allowance.set(None)
        await s.stage(Stage.RECEIVED)
        assert not s.worker.waits
        assert all(b.tries == 0 for sub in s.worker._submissions for b in sub.blobs)

    play(tmp_path, scene)


def test_seen_needs_the_word_of_a_member_of_the_care_team(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        submission = await s.take()
        s.worker.start()
        await s.stage(Stage.RECEIVED)
        s.service.open_by_provider(submission, Ed25519PrivateKey.generate())
        await s.worker.refresh_states()
        assert s.status().stage is Stage.RECEIVED
        s.service.open_by_provider("x" * 12)  # a true word, but for another submission
        s.service.opened[submission] = s.service.opened.pop("x" * 12)
        await s.worker.refresh_states()
        assert s.status().stage is Stage.RECEIVED
        s.service.open_by_provider(submission)
        await s.worker.refresh_states()
        await s.worker.refresh_states()
        assert s.status().stage is Stage.SEEN
        kept = await s.store.call(StoreCore.submission, submission)
        assert kept is not None
        assert kept.life is Life.OPENED

    play(tmp_path, scene)


def test_an_item_saved_while_the_rows_are_being_read_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(s: Scene) -> None:
        loop, real = asyncio.get_running_loop(), StoreCore.submissions
        part = Part(CANARY, "a.jpg", "image/jpeg")
        late = seal_submission(await s.store.call(trust.sender), [part], Words("wound"), NOW)
        readings = 0

        def read(core: StoreCore, settled: int = 50) -> tuple[OutboxSubmission, ...]:
            nonlocal readings
            found = real(core, settled)
            readings += 1
            if readings == 2:  # the sweep's is the first, the worker's own the second
                save_sealed(core, s.blobs, late)
                loop.call_soon_threadsafe(s.worker.kick)
            return found

        monkeypatch.setattr(StoreCore, "submissions", read)
        s.worker.start()
        await s.stage(Stage.RECEIVED)

    play(tmp_path, scene)


def test_several_items_go_oldest_first_and_each_once(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        taken = [await s.take(2000) for _ in range(4)]
        s.worker.start()
        await s.until.holds(lambda: [x.stage for x in s.worker.snapshot()] == [Stage.RECEIVED] * 4)
        assert list(s.service.submissions()) == taken
        assert len(s.service.uploads) == 8

    play(tmp_path, scene)


def test_a_damaged_file_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        first, second = await s.take(), await s.take()
        broken = await s.store.call(StoreCore.submission, first)
        assert broken is not None
        path = s.blobs / broken.blobs[1].file
        data = bytearray(path.read_bytes())
        data[500] ^= 1
        path.write_bytes(data)
        s.worker.start()
        stages = {first: Stage.NEEDS_YOU, second: Stage.RECEIVED}
        await s.until.holds(lambda: {x.submission: x.stage for x in s.worker.snapshot()} == stages)
        assert [x.reason for x in s.worker.snapshot()] == [
            "A saved item was damaged on this computer. Please take it again.",
            "",
        ]

    play(tmp_path, scene)


def test_a_store_that_fails_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(s: Scene) -> None:
        real = StoreCore.save_submission
        fail = [True]

        def failing(core: StoreCore, before: OutboxSubmission, after: OutboxSubmission, month: str = "") -> None:
            if fail.pop() if fail else False:
                core.close()
                raise StoreFailed("the disk failed")
            real(core, before, after, month)

        monkeypatch.setattr(StoreCore, "save_submission", failing)
        await s.take()
        s.worker.start()
        await s.until.holds(lambda: s.worker.fault != "")
        assert "disk" in s.worker.fault
        s.worker.kick()
        await s.stage(Stage.RECEIVED)
        assert s.worker.fault == ""

    play(tmp_path, scene)


def test_a_disk_that_keeps_failing_is_not_asked_in_a_busy_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(s: Scene) -> None:
        sweeps = 0

        def failing(core: StoreCore, blobs: Path, now: float) -> None:
            nonlocal sweeps
            sweeps += 1
            raise StoreFailed("the disk failed")

        monkeypatch.setattr(worker_module, "sweep", failing)
        s.worker.kick()
        s.worker.start()
        await s.until.holds(lambda: sweeps == 1 and s.worker.fault != "")
        never = asyncio.get_running_loop().create_future()
        await asyncio.wait({never}, timeout=0.1)
        assert sweeps == 1
        s.worker.kick()
        await s.until.holds(lambda: sweeps == 2)

    play(tmp_path, scene)


def test_stopped_in_the_middle_it_goes_on_at_the_next_start(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        await s.take(150_000)
        s.service.faults = [Fault("PATCH", "cut", path="none")]
        stall = Fault("PATCH", "stall", after=100)
        s.service.faults = [stall]
        s.worker.start()
        await asyncio.wait_for(s.service.stalled.wait(), 10)
        await s.worker.stop()
        again = OutboxWorker(s.store, s.blobs, s.http, on_change=s.until.changed)
        again.start()
        await s.until.holds(lambda: [x.stage for x in again.snapshot()] == [Stage.RECEIVED])
        await again.stop()
        assert len(s.service.uploads) == 2
        with pytest.raises(RuntimeError):
            again.start()

    play(tmp_path, scene)
