"""Campaign: the power goes at any moment; whatever legal state the disk is in, the real recovery must keep the laws.

A scenario (one for every SCENARIO_CASES cases) runs the real code once with all its writes recorded: captures, drafts
taken up, finished and thrown away, originals held back, tries, offsets, receipts, erasures, withdrawals, replies and
forms kept, settings. A case takes a moment of it, makes one legal state of the disk, opens it twice.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.wire.intake import Receipt
from app.wire.signed import Context, sign
from tests.offline.offline_kit import NOW, PATIENT, Clinic
from tests.soak import adapter as app
from tests.soak.campaign import Tally, Violation, fast_folder, main
from tests.soak.crash_states import Disk
from tests.soak.recorder import Op, Recorder
from tests.soak.virtual import run_virtually

SCENARIO_CASES = 100
_STRIDE = 32


@dataclass(frozen=True)
class Scenario:
    """`disks`: the disk before every :data:`_STRIDE`-th operation, so that a case does not begin at the first."""

    ops: tuple[Op, ...]
    root: str
    clinic: Clinic
    disks: tuple[Disk, ...]

    def disk(self, moment: int) -> Disk:
        """As it is told to be after the first `moment` operations."""
        disk = self.disks[moment // _STRIDE].copy()
        for op in self.ops[moment - moment % _STRIDE : moment]:
            disk.apply(op)
        return disk


@functools.lru_cache(maxsize=2)
def scenario(seed: int, number: int) -> Scenario:
    rng, clinic = random.Random(f"{seed}/scenario/{number}"), Clinic()
    with fast_folder() as folder:
        root = folder / "profile"
        root.mkdir()
        (root / "blobs").mkdir()
        recorder = Recorder(str(root))
        with recorder.installed():
            _live(root, rng, clinic, recorder)
        return Scenario(tuple(recorder.ops), str(root), clinic, tuple(_disks(recorder.ops)))


def _disks(ops: Sequence[Op]) -> Iterator[Disk]:
    disk = Disk()
    for number, op in enumerate(ops):
        if number % _STRIDE == 0:
            yield disk.copy()
        disk.apply(op)
    yield disk


def _live(root: Path, rng: random.Random, clinic: Clinic, recorder: Recorder) -> None:
    """A device's days: each promise is marked in the record when it is made."""
    profile = app.Profile.open(root)
    core = app.open_core(profile)
    core.put_many(dict(clinic.settings()))
    app.device_keys(core)
    recorder.mark(("ready", None))
    core = _capture(profile, core, rng, clinic, recorder)
    for _ in range(rng.randrange(3, 9)):
        act = rng.choice((_capture, _draft, _draft, _send, _send, _withdraw, _settings, _reopen))
        core = act(profile, core, rng, clinic, recorder)
    if rng.random() < 0.5:
        core.close()
    profile.close()
    core.close()


def _capture(
    profile: app.Profile, core: app.StoreCore, rng: random.Random, clinic: Clinic, recorder: Recorder
) -> app.StoreCore:
    parts = [
        app.Part(rng.randbytes(rng.choice((10, 3000, 20_000))), "a", "image/jpeg") for _ in range(rng.randrange(3))
    ]
    sealed = app.seal_submission(app.sender(core), parts, app.Words("photo", "It itches."), NOW)
    app.save_sealed(core, profile.blobs, sealed)
    recorder.mark(("saved", (sealed.submission, tuple((blob, part.sha256) for blob, part in sealed.files))))
    return core


def _send(
    profile: app.Profile, core: app.StoreCore, rng: random.Random, clinic: Clinic, recorder: Recorder
) -> app.StoreCore:
    """What the worker writes while it sends the oldest that waits, some of the way or to its end."""
    waiting = [s for s in core.submissions() if s.life is app.Life.FINISHED]
    if not waiting:
        return core
    row = next(row for row in waiting[0].blobs if row.state not in app.DELIVERED)
    events: list[app.Event] = [app.Start(), app.Located("/v1/uploads/abc"), app.Progress(rng.randrange(row.size + 1))]
    events.append(
        app.Stored(receipt(clinic, row)) if rng.random() < 0.8 else app.Failed(app.FailureKind.SERVER, 1.0, 0.5)
    )
    for event in events:
        before = core.submission(row.submission)
        assert before is not None
        core.save_submission(before, after := app.apply(before, row.blob, event))
        if isinstance(event, app.Stored):
            recorder.mark(("receipted", (row.blob, event.receipt)))
    if isinstance(events[-1], app.Stored):
        app.erase_blob(profile.blobs, row.file)
        core.save_submission(after, app.apply(after, row.blob, app.Erased()))
        recorder.mark(("erased", row.blob))
    return core


def _draft(
    profile: app.Profile, core: app.StoreCore, rng: random.Random, clinic: Clinic, recorder: Recorder
) -> app.StoreCore:
    run_virtually(_drafting(profile, core, rng, recorder))
    return core


async def _drafting(profile: app.Profile, core: app.StoreCore, rng: random.Random, recorder: Recorder) -> None:
    """Something is taken into a draft, an old one or a new one; it may be finished, or thrown away."""
    book = app.DraftBook(app.Store(core, None), profile.blobs)  # type: ignore[arg-type]  # the loop runs it in place
    old = [one.draft for one in await book.drafts()]
    name = old[0] if old and rng.random() < 0.5 else (await book.begin(app.Purpose.WOUND_CHECK)).draft
    copy = app.Part(rng.randbytes(3000), "a.avif", "image/avif", app.PartRole.COPY)
    parts = [copy, app.Part(rng.randbytes(9000), "a.jpg", "image/jpeg", app.PartRole.ORIGINAL, of=copy.blob)]
    after = await book.add_parts(
        name, parts if rng.random() < 0.5 else [app.Part(rng.randbytes(50), "", "image/jpeg")]
    )
    recorder.mark(("taken", (name, tuple(part.named.blob for part in after.parts))))
    await book.set_note(name, "It itches. " * rng.choice((1, 700)))
    end = rng.random()
    if end < 0.15:
        recorder.mark(("throwing away", name))
        await book.discard(name)
    elif end < 0.7:
        await book.finish(name)
        recorder.mark(("finished", name))


def _withdraw(
    profile: app.Profile, core: app.StoreCore, rng: random.Random, clinic: Clinic, recorder: Recorder
) -> app.StoreCore:
    """A person takes something back; the clinic says yes."""
    found = [s for s in core.submissions() if s.life in (app.Life.FINISHED, app.Life.RECEIVED, app.Life.HELD)]
    if not found:
        return core
    before = rng.choice(found)
    after = app.withdraw(before)
    core.save_submission(before, after)
    recorder.mark(("withdrawn", before.submission))
    if after.life is app.Life.WITHDRAWING:
        before, after = after, app.taken_back(after)
        core.save_submission(before, after)
    for row in (row for row in after.blobs if row.state not in app.GONE):
        app.erase_blob(profile.blobs, row.file)
        before, after = after, app.apply(after, row.blob, app.Dropped())
        core.save_submission(before, after)
    return core


def _settings(
    profile: app.Profile, core: app.StoreCore, rng: random.Random, clinic: Clinic, recorder: Recorder
) -> app.StoreCore:
    name, value = f"setting-{rng.randrange(3)}", rng.randbytes(rng.choice((8, 9000)))
    core.put(name, value)
    recorder.mark(("setting", (name, value)))
    kind, body = rng.choice(("reply", "form")), rng.randbytes(500)
    core.put_documents(kind, {name: body, "before": None})
    recorder.mark(("document", (kind, name)))
    return core


def _reopen(
    profile: app.Profile, core: app.StoreCore, rng: random.Random, clinic: Clinic, recorder: Recorder
) -> app.StoreCore:
    core.close()
    core = app.open_core(profile)
    app.sweep(core, profile.blobs)
    return core


def receipt(clinic: Clinic, row: app.OutboxBlob) -> bytes:
    said = Receipt(
        submission=row.submission, blob=row.blob, sha256=row.sha256, size=row.size, device_id=PATIENT, received_at=NOW
    )
    return sign(said, Context.RECEIPT, clinic.receipt).model_dump_json().encode()


# one case


def case(seed: int, number: int, tally: Tally) -> None:
    told = scenario(seed, number // SCENARIO_CASES)
    rng = random.Random(f"{seed}/{number}")
    ready = next(i for i, op in enumerate(told.ops) if op.kind == "mark")
    moment = rng.randrange(0 if rng.random() < 0.05 else ready, len(told.ops) + 1)
    marks = [op.other for op in told.ops[:moment] if op.kind == "mark"]
    with fast_folder() as folder:
        _lay_out(told.disk(moment), rng, Path(told.root), folder / "profile")
        check(folder / "profile", marks, told.clinic, tally)


def _lay_out(disk: Disk, rng: random.Random, root: Path, folder: Path) -> None:
    for name in ("blobs", "strays"):
        (folder / name).mkdir(parents=True)
    for path, data in disk.crashed(rng).items():
        (folder / os.path.relpath(path, root)).write_bytes(data)


def check(folder: Path, marks: Sequence[tuple[str, object]], clinic: Clinic, tally: Tally) -> None:
    """Opens what is left, twice, and judges it."""
    profile = app.Profile.open(folder)
    try:
        try:
            core = app.open_core(profile)
        except app.OfflineError as exc:
            if not marks:
                tally["not yet set up"] += 1
                return
            raise Violation(f"the store does not open: {type(exc).__name__} {exc.detail}") from exc
        first = _judge(core, profile, marks, clinic, tally)
        core.close()
        core = app.open_core(profile)
        swept = app.sweep(core, profile.blobs)
        if (swept.strays, swept.lost, swept.interrupted) != (0, 0, 0) or core.submissions() != first:
            raise Violation(f"the second start is not like the first: {swept}")
        core.close()
    finally:
        profile.close()


def _judge(
    core: app.StoreCore, profile: app.Profile, marks: Sequence[tuple[str, object]], clinic: Clinic, tally: Tally
) -> tuple[app.OutboxSubmission, ...]:
    app.sweep(core, profile.blobs)
    found = core.submissions()
    rows = {row.blob: row for submission in found for row in submission.blobs}
    for submission in found:
        for row in submission.blobs if submission.life is not app.Life.WITHDRAWN else ():
            _judge_row(row, profile, clinic)
    thrown = {said for kind, said in marks if kind == "throwing away"}
    settings: dict[str, bytes] = {}
    for kind, said in marks:
        tally[f"promises: {kind}"] += 1
        if kind == "saved":
            submission, files = said  # type: ignore[misc]
            kept = core.submission(submission)
            if kept is None or [(row.blob, row.sha256) for row in kept.blobs] != list(files):
                raise Violation(f"{submission} was shown as saved and is not there whole")
        elif kind == "receipted":
            blob, signed = said  # type: ignore[misc]
            if rows[blob].receipt != signed or rows[blob].state not in app.DELIVERED:
                raise Violation(f"the receipt of {blob} was kept and is lost")
        elif kind == "setting":
            name, value = said  # type: ignore[misc]
            settings[name] = value
        elif kind == "taken":
            name, blobs = said  # type: ignore[misc]
            if name not in thrown and (lost := set(blobs) - set(rows) - _in_draft(core, profile, name)):
                raise Violation(f"{lost} of draft {name} were taken and are gone")
        else:
            _judge_words(core, kind, said)
    _judge_settings(core, settings)
    known = core.blob_files()
    if any(path.name not in known for path in profile.blobs.iterdir()):
        raise Violation("the sweep left a file that no row names")
    return found


def _in_draft(core: app.StoreCore, profile: app.Profile, name: str) -> set[str]:
    """The blobs of the draft's parts whose files are there whole."""
    body = core.document("draft", name)
    parts = json.loads(body)["parts"] if body is not None else []
    return {
        part["named"]["blob"]
        for part in parts
        if hashlib.sha256((profile.blobs / part["file"]).read_bytes()).hexdigest() == part["named"]["sha256"]
    }


def _judge_words(core: app.StoreCore, kind: str, said: object) -> None:
    if kind == "finished":
        if core.submission(str(said)) is None or core.document("draft", str(said)) is not None:
            raise Violation(f"{said} was finished and is a draft again")
    elif kind == "withdrawn":
        kept = core.submission(str(said))
        if kept is None or kept.life not in (app.Life.WITHDRAWING, app.Life.WITHDRAWN):
            raise Violation(f"{said} was taken back and stands again")
    elif kind == "document" and core.document(*said) is None:  # type: ignore[misc]
        raise Violation(f"{said} was kept and is gone")


def _judge_row(row: app.OutboxBlob, profile: app.Profile, clinic: Clinic) -> None:
    if row.state in app.DELIVERED:
        app.check_receipt(row.receipt, row, PATIENT, clinic.receipt_public)  # raises: stored without a receipt
    elif row.state is app.Transfer.REFUSED:
        raise Violation(f"{row.blob} is refused: {row.reason}")
    elif wrong := app.intact(row, profile.blobs):
        raise Violation(f"{row.blob} waits to be sent: {wrong}")


def _judge_settings(core: app.StoreCore, settings: dict[str, bytes]) -> None:
    """The last value that was promised, or the one being written when the power went."""
    for name, value in settings.items():
        kept = core.get(name)
        if kept is None or (kept != value and len(kept) not in (8, 9000)):
            raise Violation(f"{name} is not what was put")


if __name__ == "__main__":
    sys.exit(main("powerloss", "states of the disk after a power loss", case, 100_000))
