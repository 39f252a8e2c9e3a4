"""Campaign: 1,006 submissions through a proxy that spoils every fourth exchange: exactly 1,006 at the real service.

(1,006 forms became 1,514 rows elsewhere: getodk/collect 3391.) `--count` is the number of submissions.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter

from tests.offline.offline_kit import NOW
from tests.offline.test_real_clinic import Town
from tests.soak import adapter as app
from tests.soak.campaign import LOGS, Outcome, Violation, fast_folder, sentence
from tests.soak.faulty_proxy import FaultyProxy
from tests.soak.town import at_the_clinic, opened, patient_http, town

COUNT = 1006
FAULT = 0.25
PRESSED = 5
_DONE = (app.Stage.RECEIVED, app.Stage.SEEN)


def clear(number: int) -> bytes:
    return f"item {number} ".encode() * (1 + number % 40)


def capture(made: Town, count: int) -> dict[str, int]:
    """`count` items saved by the real code: submission -> its number."""
    core = app.StoreCore(made.profile.store_path, made.key)
    sender, saved = app.sender(core), {}
    for number in range(count):
        parts = [app.Part(clear(number), "a.jpg", "image/jpeg")]
        sealed = app.seal_submission(sender, parts, app.Words("photo", f"note {number}"), NOW)
        app.save_sealed(core, made.profile.blobs, sealed)
        saved[sealed.submission] = number
    core.close()
    return saved


async def deliver(made: Town, count: int, seed: int, patience: float) -> Counter[tuple[str, str]]:
    rng = random.Random(seed)
    proxy = FaultyProxy(("127.0.0.1", made.clinic.port), rng, FAULT)
    store = await app.Store.open(made.profile.store_path, made.key)
    moved = asyncio.Event()
    quick = app.Patience(piece=1.0, answer=1.0, pause=0.5, tick=0.1)
    around = app.Surroundings(patience=quick, watch=False)
    try:
        async with asyncio.timeout(patience), proxy.running(), patient_http(made, proxy.url) as http:
            worker = app.OutboxWorker(store, made.profile.blobs, http, on_change=moved.set, surroundings=around)
            worker.start()
            await _until_all(worker, store, count, moved)
            await worker.stop()
    finally:
        await store.close()
    return proxy.seen


async def _until_all(worker: app.OutboxWorker, store: app.Store, count: int, moved: asyncio.Event) -> None:
    """Until all is received. A person who does not wait presses "try again" whenever nothing moves."""
    while True:
        moved.clear()
        try:
            async with asyncio.timeout(0.2):
                await moved.wait()
        except TimeoutError:
            await _press(worker)
        statuses = worker.snapshot()
        if statuses and all(status.stage in _DONE for status in statuses):
            kept = await store.call(app.StoreCore.submissions, 2 * count)
            if len(kept) >= count and all(row.state is app.Transfer.ERASED for s in kept for row in s.blobs):
                return


async def _press(worker: app.OutboxWorker) -> None:
    """Those that ask for it, and the first few that wait: without a link all of a thousand do."""
    statuses = worker.snapshot()
    waiting = [status for status in statuses if status.stage is app.Stage.WAITING][:PRESSED]
    for status in [*waiting, *(status for status in statuses if status.stage is app.Stage.NEEDS_YOU)]:
        await worker.try_again(status.submission)


def judge(made: Town, saved: dict[str, int]) -> None:
    found = at_the_clinic(made.clinic.data)
    if set(found.whole) != set(saved) or found.unfinished:
        raise Violation(f"{len(saved)} saved, {len(found.whole)} whole and {found.unfinished} in part at the clinic")
    for submission, number in saved.items():
        note, parts = opened(made, found.whole[submission])
        if (note, parts) != (f"note {number}", [clear(number)]):
            raise Violation(f"{submission} opens to something else than was taken")


def run(count: int, seed: int, patience: float) -> Outcome:
    outcome, began = Outcome(cases=count), time.monotonic()
    app.short_deadlines(1.0)
    with fast_folder() as folder, town(folder) as made:
        try:
            saved = capture(made, count)
            seen = asyncio.run(deliver(made, count, seed, patience))
            judge(made, saved)
            outcome.tally["exchanges"] = sum(seen.values())
            outcome.tally["spoiled"] = sum(times for (_, fault), times in seen.items() if fault)
            outcome.tally["kinds of exchange and fault"] = sum(1 for (_, fault) in seen if fault)
        except (Violation, TimeoutError) as exc:
            outcome.violations.append(f"seed {seed}: {exc!r}")
    outcome.seconds = time.monotonic() - began
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.service")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    outcome = run(given.count, given.seed, 4 * 3600.0)
    LOGS.mkdir(exist_ok=True)
    (LOGS / "service.log").write_text("".join(f"{line}\n" for line in outcome.violations))
    print(sentence("service", "submissions, each exactly once at the clinic", outcome), flush=True)
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
