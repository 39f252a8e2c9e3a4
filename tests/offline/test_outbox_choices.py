"""What a person may ask of the outbox, with a real store and sockets: take back, put first, pause, spare data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.offline import trust
from app.offline.backup import copies
from app.offline.capture import Part, Words, save_sealed, seal_submission
from app.offline.connectivity import Change
from app.offline.life import Held, Life, LifeEvent
from app.offline.outbox import OutboxSubmission, Transfer
from app.offline.plan import Metered, Stage
from app.offline.standing import WaitingFor
from app.offline.store import StoreCore
from app.offline.worker import OutboxWorker
from app.wire.intake import PartRole, Withdrawal
from app.wire.signed import Context, verify
from tests.offline.offline_kit import CANARY, NOW, Clinic, every_byte, open_device
from tests.offline.offline_service import Fault, ScriptedClinic
from tests.offline.test_outbox_worker import Scene, play

ROOT = Path(__file__).resolve().parents[2]


def stages(s: Scene) -> dict[str, Stage]:
    return {x.submission: x.stage for x in s.worker.snapshot()}


async def rewrite(s: Scene, submission: str, sql: str, *values: object) -> None:
    """Brings a row to what other parts of the app will write there."""

    def change(core: StoreCore) -> None:
        with core._transaction() as db:
            db.execute(f"UPDATE {sql}", (*values, submission))

    await s.store.call(change)


async def kept(s: Scene, submission: str) -> OutboxSubmission:
    found = await s.store.call(StoreCore.submission, submission)
    assert found is not None
    return found


def test_taken_back_before_it_went_the_clinic_never_hears_of_it(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        await s.worker.set_paused(True)
        submission = await s.take()
        s.worker.start()
        await s.stage(Stage.SAVED)
        assert s.status().waiting_for is WaitingFor.PAUSED
        assert await s.worker.withdraw(submission)
        await s.until.holds(lambda: not list(s.blobs.iterdir()))
        await s.stage(Stage.WITHDRAWN)
        assert s.service.seen == []
        assert {b.state for b in (await kept(s, submission)).blobs} <= {Transfer.SEALED, Transfer.DROPPED}

    play(tmp_path, scene)


def test_taken_back_in_the_middle_of_its_upload_it_is_told_and_erased(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        submission = await s.take(150_000)
        original = await s.take(900)
        await rewrite(s, original, "submissions SET life = 'held', amends = ? WHERE id = ?", submission)
        s.service.faults = [Fault("PATCH", "status", path="none"), Fault("PATCH", "stall", after=70_000)]
        s.worker.start()
        await s.until.holds(lambda: stages(s).get(submission) is Stage.SENDING)
        await s.service.stalled.wait()
        await s.worker.set_paused(True)  # no pause holds a withdrawal back
        assert await s.worker.withdraw(submission)
        await s.until.holds(lambda: set(stages(s).values()) == {Stage.WITHDRAWN})
        await s.until.holds(lambda: not list(s.blobs.iterdir()))
        sender = await s.store.call(trust.sender)
        word = s.service.withdrawn[submission]
        assert verify(word.withdrawal, Context.WITHDRAWN, sender.keys.ed25519, Withdrawal).submission == submission
        assert set(s.service.withdrawn) == {submission}
        assert s.service.uploads == {}
        assert await s.worker.withdraw(submission)  # again: nothing more happens
        assert not await s.worker.withdraw("unknown00000")

    play(tmp_path, scene)


def test_a_withdrawal_that_comes_too_late_leaves_it_received_and_then_seen(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        submission = await s.take()
        s.worker.start()
        await s.stage(Stage.RECEIVED)
        s.service.open_by_provider(submission)
        s.service.faults = [Fault("POST", "status", path="/withdrawn", status=503)]
        assert await s.worker.withdraw(submission)
        await s.until.holds(lambda: s.status().waiting_for is WaitingFor.CLINIC)
        s.clock.now += 3.0
        s.worker.kick()
        await s.stage(Stage.RECEIVED)
        await s.worker.refresh_states()
        assert s.status().stage is Stage.SEEN
        assert not await s.worker.withdraw(submission)
        await s.worker.replied(submission, LifeEvent.QUESTION)
        assert s.status().stage is Stage.NEEDS_MORE
        await s.worker.replied(submission, LifeEvent.ANSWER)
        assert (s.status().stage, s.status().life) == (Stage.ANSWERED, Life.ANSWERED)

    play(tmp_path, scene)


def test_the_clinics_word_alone_that_it_was_taken_back_erases_nothing(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        submission = await s.take()
        s.service.faults = [Fault("POST", "status", path="/uploads", status=410, code="withdrawn")]
        s.worker.start()
        await s.stage(Stage.NEEDS_YOU)
        assert "taken back" in s.status().reason
        assert s.status().waiting_for is WaitingFor.PERSON
        assert len(list(s.blobs.iterdir())) == 2
        await s.worker.try_again(submission)
        await s.stage(Stage.RECEIVED)

    play(tmp_path, scene)


def test_the_one_chosen_goes_first_though_another_is_under_way_which_then_goes_on(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        big, small = await s.take(400_000), await s.take(900)
        s.service.faults = [Fault("PATCH", "stall", after=100_000, path="")]
        s.service.faults.insert(0, Fault("PATCH", "run"))  # the manifests' own
        s.service.faults.insert(0, Fault("PATCH", "run"))
        s.worker.start()
        await s.service.stalled.wait()
        await s.worker.send_first(small)
        await s.until.holds(lambda: stages(s)[small] is Stage.RECEIVED)
        assert stages(s)[big] in (Stage.SENDING, Stage.WAITING)
        assert next(x for x in s.worker.snapshot() if x.submission == small).first
        await s.until.holds(lambda: stages(s)[big] is Stage.RECEIVED)
        row = (await kept(s, big)).blobs[1]
        assert row.sent == row.size  # nothing went twice
        assert len(s.service.uploads) == 4
        month = s.worker.usage()
        assert month.sent == sum(b.size for b in ((await kept(s, big)).blobs + (await kept(s, small)).blobs))
        assert await s.store.call(StoreCore.usage, month.month) == month.sent

    play(tmp_path, scene)


def test_choices_outlive_the_worker_and_a_link_that_costs_carries_words_alone(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        submission = await s.take()
        await s.worker.set_link_metered(True)
        await s.worker.stop()
        again = OutboxWorker(s.store, s.blobs, s.http, on_change=s.until.changed, surroundings=s.worker._around)
        again.start()
        await s.until.holds(lambda: [x.done for x in again.snapshot()] == [1])  # the manifest: counts as words
        await s.until.holds(lambda: again.snapshot()[0].waiting_for is WaitingFor.METERED)
        await again.set_metered(Metered.EVERYTHING)
        await s.until.holds(lambda: again.snapshot()[0].stage is Stage.RECEIVED)
        assert [b.role for b in (await kept(s, submission)).blobs] == [PartRole.WORDS, PartRole.CONTENT]
        await again.stop()

    play(tmp_path, scene)


def test_a_held_one_goes_when_it_is_released(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        submission = await s.take()
        await rewrite(s, submission, "submissions SET life = 'held', held = 'until-asked' WHERE id = ?")
        s.worker.start()
        await s.stage(Stage.SAVED)
        await s.until.holds(lambda: s.status().waiting_for is WaitingFor.HELD)
        await s.worker.release(submission)
        await s.stage(Stage.RECEIVED)
        assert (await kept(s, submission)).held is Held.NO

    play(tmp_path, scene)


@pytest.mark.parametrize("change", [Change.NETWORK, Change.RESUMED, Change.CLOCK])
def test_another_network_cuts_what_hangs_on_the_old_one_and_asks_the_clinic_first(
    tmp_path: Path, change: Change
) -> None:
    async def scene(s: Scene) -> None:
        submission = await s.take(150_000)
        s.service.faults = [Fault("PATCH", "run"), Fault("PATCH", "stall", after=60_000)]
        s.worker.start()
        await s.service.stalled.wait()
        before = len(s.service.seen)
        s.worker.surroundings_changed(Change.STIR)  # not our way: nothing is cut
        s.worker.surroundings_changed(change)
        await s.stage(Stage.RECEIVED)
        asked = [line for line in s.service.seen[before:] if "challenges" not in line and "tokens" not in line]
        assert asked[0] == "GET /v1/submissions"
        assert all(b.tries == 0 and b.sent == b.size for b in (await kept(s, submission)).blobs)

    play(tmp_path, scene)


def test_a_copy_of_the_store_is_made_and_holds_nothing_clear(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        s.worker.start()
        await s.take()
        s.worker.kick()
        await s.erased()
        folder = s.blobs.parent / "copies"
        await s.until.holds(lambda: len(copies(folder)) == 1)
        assert CANARY not in every_byte(folder)

    play(tmp_path, scene)


INSTANCE = """
import asyncio, sys
from pathlib import Path
from app.offline.errors import ProfileInUse
from app.offline.keys import open_store_key
from app.offline.profile import Profile
from tests.offline.offline_crash import deliver
try:
    profile = Profile.open(Path(sys.argv[1]))
except ProfileInUse as exc:
    print(exc)
    sys.exit(3)
print("held", flush=True)
asyncio.run(deliver(profile, open_store_key(profile, None).secret, sys.argv[2], print))
"""


def test_of_two_processes_one_sends_and_the_other_says_so(tmp_path: Path) -> None:
    """The first hangs in its upload; a second is turned away; once the first is killed, a third delivers it, once."""
    clinic = Clinic()
    device = open_device(tmp_path / "p", clinic)
    sealed = seal_submission(
        trust.sender(device.core), [Part(CANARY * 50, "a.jpg", "image/jpeg")], Words("photo"), NOW
    )
    save_sealed(device.core, device.profile.blobs, sealed)
    device.close()
    with ScriptedClinic(clinic).in_thread() as service:
        service.faults.append(Fault("PATCH", "stall"))
        command = [sys.executable, "-c", INSTANCE, str(tmp_path / "p"), service.url]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as first:
            assert first.stdout is not None
            assert first.stdout.readline() == b"held\n"
            second = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
            assert second.returncode == 3
            assert b"already open" in second.stdout
            first.kill()
        third = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        assert third.returncode == 0, third.stderr
        assert {upload.meta.part for upload in service.uploads.values()} == {"manifest", "blob"}
        assert len(service.uploads) == 2
        assert all(upload.receipt for upload in service.uploads.values())
    assert list((tmp_path / "p" / "blobs").iterdir()) == []
