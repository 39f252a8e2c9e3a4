"""Campaign: one flipped bit, or a file cut at a page, anywhere in a profile: it is noticed; the other items still go.

End to end on a copied profile: the real store, sweep, worker and uploader, against the model of the clinic. A case
with an even number flips a bit, one with an odd number cuts a file short (at each 4 KiB page in turn, and elsewhere).
"""

from __future__ import annotations

import asyncio
import functools
import random
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.offline.offline_kit import NOW, Clinic
from tests.soak import adapter as app
from tests.soak.campaign import Tally, Violation, fast_folder, main
from tests.soak.clinic_model import ModelClinic
from tests.soak.town import enrolled
from tests.soak.virtual import run_virtually, virtual_surroundings
from tests.virtual_loop import passes

PAGE = 4096
PATIENCE_S = 600.0


@dataclass(frozen=True)
class Original:
    """A closed profile with three items (six sealed files), and one whose log was never merged (a sudden end)."""

    clinic: Clinic
    closed: Path
    sudden: Path
    files: dict[str, str]  # sealed file -> its submission


@functools.cache
def original() -> Original:
    base = Path(tempfile.mkdtemp(prefix="thinline-soak-damage-"))
    clinic, rng = Clinic(), random.Random("damage")
    device = enrolled(base / "profile", clinic)
    app.back_up(device.core, base / "profile" / "copies", 1e9)
    for size in (400, 9000, 40_000):
        parts = [app.Part(rng.randbytes(size), "a", "image/jpeg")]
        sealed = app.seal_submission(app.sender(device.core), parts, app.Words("photo"), NOW)
        app.save_sealed(device.core, device.profile.blobs, sealed)
    files = {row.file: row.submission for s in device.core.submissions() for row in s.blobs}
    shutil.copytree(base / "profile", base / "sudden")
    device.close()
    return Original(clinic, base / "profile", base / "sudden", files)


def case(seed: int, number: int, tally: Tally) -> None:
    told, rng = original(), random.Random(f"{seed}/{number}")
    with fast_folder() as place:
        folder = place / "profile"
        shutil.copytree(told.sudden if number % 20 >= 18 else told.closed, folder)
        if number % 5 == 0:
            shutil.rmtree(folder / "copies")
        target = _target(folder, rng)
        what = _cut(target, rng, number) if number % 2 else _flip(target, rng)
        judge(folder, target, what, tally)


def judge(folder: Path, target: Path, what: str, tally: Tally) -> None:
    """`target` in `folder`, a copy of the original, has been damaged: `what` says how."""
    told, name = original(), str(target.relative_to(folder))
    if name.startswith("blobs/"):
        run_virtually(_sealed_file(folder, told, name.removeprefix("blobs/"), tally, what))
    else:
        run_virtually(_database(folder, told, tally, f"{what} of {name}"))


def _target(folder: Path, rng: random.Random) -> Path:
    """A file of the profile by its size: every byte is as likely as any other."""
    files = sorted([*(folder / "blobs").iterdir(), *folder.glob("store.db*")])
    return rng.choices(files, [path.stat().st_size for path in files])[0]


def _flip(path: Path, rng: random.Random) -> str:
    data = bytearray(path.read_bytes())
    at, bit = rng.randrange(len(data)), rng.randrange(8)
    data[at] ^= 1 << bit
    path.write_bytes(data)
    return f"bit {bit} of byte {at}"


def _cut(path: Path, rng: random.Random, number: int) -> str:
    size = path.stat().st_size
    pages = list(range(0, size, PAGE))
    length = pages[number // 2 % len(pages)] if number % 3 else rng.randrange(size)
    with open(path, "r+b") as file:
        file.truncate(length)
    return f"length {length} of {size}"


async def _deliver(folder: Path, told: Original) -> tuple[ModelClinic, dict[str, app.Stage], dict[str, str]]:
    """All that can go goes; the stages and reasons in the end. Raises what opening the store raises."""
    profile = app.Profile.open(folder)
    try:
        app.mend(profile.store_path, profile.key_file.read_bytes(), folder / "copies")
        store = app.Store(app.open_core(profile), None)  # type: ignore[arg-type]  # the loop runs it in place
        model = ModelClinic(told.clinic, random.Random(0), Tally())
        worker = app.OutboxWorker(store, profile.blobs, model, surroundings=virtual_surroundings())
        worker.start()
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_S
        open_stages = (app.Stage.SAVED, app.Stage.SENDING, app.Stage.WAITING)
        await passes(1.0)
        while any(s.stage in open_stages for s in worker.snapshot()) and loop.time() < until:
            await passes(5.0)
        statuses = worker.snapshot()
        await worker.stop()
        await store.call(app.StoreCore.close)
        fault = {"": worker.fault} if worker.fault else {}
        return model, {s.submission: s.stage for s in statuses}, {s.submission: s.reason for s in statuses} | fault
    finally:
        profile.close()


async def _sealed_file(folder: Path, told: Original, name: str, tally: Tally, what: str) -> None:
    model, stages, reasons = await _deliver(folder, told)
    hurt = told.files[name]
    whole = set(told.files.values()) - {hurt}
    if stages.get(hurt) is not app.Stage.NEEDS_YOU or not reasons[hurt]:
        raise Violation(f"{what} of a sealed file: its item is '{stages.get(hurt)}', {reasons.get(hurt)!r}")
    if set(model.whole()) != whole or any(stages[name] is not app.Stage.RECEIVED for name in whole):
        raise Violation(f"{what} of a sealed file: the others stand at {stages}")
    tally["in sealed files: noticed, the others went"] += 1


async def _database(folder: Path, told: Original, tally: Tally, what: str) -> None:
    """Every item is there and goes, by the copy of the store where need be; without a copy it may refuse to open, and
    then nothing is touched. The items are newer than the copy: they come back by their manifests.
    """
    copies = (folder / "copies").exists()
    before = {path.name: path.read_bytes() for path in (folder / "blobs").iterdir()}
    try:
        model, stages, reasons = await _deliver(folder, told)
    except app.OfflineError as exc:
        after = {path.name: path.read_bytes() for path in (folder / "blobs").iterdir()}
        if after != before or not str(exc) or copies:
            raise Violation(f"{what}: refused, and yet files were touched, or a copy was not used") from exc
        tally["in the database: no copy, refused, nothing touched"] += 1
        return
    if "" in reasons:
        raise Violation(f"{what}: {reasons['']}")
    expected = set(told.files.values())
    if set(model.whole()) != expected or any(stages.get(name) is not app.Stage.RECEIVED for name in expected):
        raise Violation(f"{what}: not noticed, and items are lost: {sorted(stages.values())} of {len(expected)}")
    restored = (folder / "store.db.damaged").exists()
    tally["in the database: " + ("copy put back, all went" if restored else "mended or without effect, all went")] += 1


if __name__ == "__main__":
    sys.exit(main("damage", "flipped bits and cut files", case, 20_000))
