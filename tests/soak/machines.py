"""Campaign: the two pure machines and the plan alone, in a tight loop, for schedules by the million.

The worker's part is played by forty lines here (the real one is driven by simulation.py): it asks the plan what to do,
tells the machines what the clinic said, and forgets all but the rows when the app ends.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace

from tests.offline.offline_kit import NOW
from tests.soak import adapter as app
from tests.soak.campaign import Tally, Violation, main

MOST_STEPS = 4000
PROBE_S = 60.0
_HARD = (app.FailureKind.SERVER, app.FailureKind.STALLED, app.FailureKind.SIGN_IN, app.FailureKind.REFUSED)


class World:
    """A device's rows and, beside them, what the clinic has."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.submissions: list[app.OutboxSubmission] = []
        self.offsets: dict[str, int] = {}  # at the clinic, by blob; there from its creation on
        self.receipts: dict[str, int] = {}  # blob -> how often the clinic made it whole
        self.t = 1e9
        self.skew = 0.0
        self.link = self.online = True
        self.paused = False
        self.trouble = 0.5
        self.steps = 0
        self.idle_at: tuple[float, int] = (0.0, 0)

    @property
    def now(self) -> float:
        return self.t + self.skew

    def capture(self) -> None:
        number = len(self.submissions) + 1
        name = f"s{number}"
        rows = tuple(
            app.OutboxBlob(f"{name}b{i}", name, i, "blob" if i else "manifest", f"f{number}-{i}", "0" * 64, size)
            for i, size in enumerate(self.rng.choices((1, 1024, 100_000), k=self.rng.choice((1, 2, 2, 3))))
        )
        self.submissions.append(app.OutboxSubmission(name, number, NOW, "photo", None, app.Life.FINISHED, rows))

    def put(self, row: app.OutboxBlob, event: app.Event) -> app.OutboxBlob:
        at = next(i for i, one in enumerate(self.submissions) if one.submission == row.submission)
        before = self.submissions[at]
        after = self.submissions[at] = app.apply(before, row.blob, event)
        self.judge(before, after)
        return after.blobs[row.ordinal]

    def judge(self, before: app.OutboxSubmission, after: app.OutboxSubmission) -> None:
        standing = app.view(after, self.online)  # raises rather than say "received" too early
        whole = all(self.receipts.get(row.blob) for row in after.blobs)
        if standing.stage in (app.Stage.RECEIVED, app.Stage.SEEN) and not whole:
            raise Violation(f"{after.submission} is '{standing.stage}' and the clinic has not all of it")
        for old, new in zip(before.blobs, after.blobs, strict=True):
            if old.state in app.DELIVERED and (new.state not in app.DELIVERED or new.receipt != old.receipt):
                raise Violation(f"{new.blob} went from '{old.state}' to '{new.state}'")
            if new.tries > old.tries and not self.link:
                raise Violation(f"{new.blob} spent a try without a link")

    # the worker's part

    def turn(self, latest: float) -> None:
        """One piece of work, or time goes on, to `latest` at most."""
        self.steps += 1
        work = app.next_work(self.submissions, self.now, self.online, self.paused)
        if isinstance(work, app.Erase):
            self.put(work.blob, app.Erased())
        elif isinstance(work, app.Send):
            self.send(work.blob)
        elif isinstance(work, app.Probe):
            self.t = min(latest, self.t + PROBE_S * self.rng.uniform(0.02, 1.0))
            self.online = self.link
        else:
            wait = latest - self.t if work.until is None else min(latest - self.t, max(0.0, work.until - self.now))
            self.spins(wait)
            self.t += wait

    def spins(self, wait: float) -> None:
        at, count = self.idle_at
        self.idle_at = (self.t, count + 1 if at == self.t and wait == 0.0 else 0)
        if self.idle_at[1] > 2:
            raise Violation("the plan sleeps for no time, again and again")

    def send(self, row: app.OutboxBlob) -> None:
        rng = self.rng
        row = self.put(row, app.Start())
        for _ in range(8):
            self.t += 0.3
            if not self.link:
                self.online = False
                self.put(row, app.Failed(app.FailureKind.OFFLINE, self.now, rng.random(), "no link"))
                return
            if rng.random() < self.trouble * 0.5:
                self.trip(row)
                return
            row = self.exchange(row)
            if row.state is not app.Transfer.UPLOADING:
                return
        self.put(row, app.Failed(app.FailureKind.STALLED, self.now, rng.random(), "too slow"))

    def trip(self, row: app.OutboxBlob) -> None:
        """A try ends badly: refused, failed, paused, or the app ends in the middle of it."""
        rng = self.rng
        if rng.random() < 0.2:
            self.restart()
        elif self.paused:
            self.put(row, app.Failed(app.FailureKind.PAUSED, self.now, rng.random()))
        else:
            kind = rng.choice(_HARD)
            self.online = self.online and kind is not app.FailureKind.SIGN_IN
            self.put(row, app.Failed(kind, self.now, rng.random(), "no"))

    def exchange(self, row: app.OutboxBlob) -> app.OutboxBlob:
        """One request and its answer, which may be lost when the clinic has done its part already."""
        rng = self.rng
        if not row.location or row.blob not in self.offsets:
            offset = self.offsets.setdefault(row.blob, 0)
            return row if self.lost() else self.put(row, app.Located("/v1/uploads/u" + row.blob, offset))
        offset = self.offsets[row.blob]
        if row.offset != offset:
            return self.put(row, app.Progress(offset))
        if offset < row.size:
            offset = self.offsets[row.blob] = row.size if rng.random() < 0.6 else rng.randrange(offset, row.size + 1)
            if offset == row.size:
                self.receipts[row.blob] = self.receipts.get(row.blob, 0) + 1
            elif rng.random() < 0.2 * self.trouble:
                self.forget(row.blob)
                return row
            return row if self.lost() else self.put(row, app.Progress(offset))
        return row if self.lost() else self.put(row, app.Stored(b"receipt of " + row.blob.encode()))

    def lost(self) -> bool:
        return self.rng.random() < 0.3 * self.trouble

    def forget(self, blob: str) -> None:
        """The clinic drops what is not whole, or loses the tail of it."""
        if self.rng.random() < 0.5:
            del self.offsets[blob]
        else:
            self.offsets[blob] = self.rng.randrange(self.offsets[blob] + 1)

    def restart(self) -> None:
        """The app ends; at its next start the sweep calls what was under way interrupted."""
        self.online = True
        for submission in list(self.submissions):
            for row in submission.blobs:
                if row.state is app.Transfer.UPLOADING:
                    self.put(row, app.Interrupted())

    # what else happens

    def happening(self) -> None:
        rng = self.rng
        act = rng.randrange(8)
        if act <= 1 and len(self.submissions) < 4:
            self.capture()
        elif act == 2:
            self.link = not self.link
        elif act == 3:
            self.paused = not self.paused
        elif act == 4:
            self.skew += rng.choice((-1, 1)) * rng.choice((5.0, 1500.0, 86400.0, 3e6))
        elif act == 5:
            self.trouble = rng.choice((0.0, 0.3, 1.0))
        elif act == 6:
            self.submissions = [app.try_again(s) if s.life in _OPEN else s for s in self.submissions]
        else:
            self.restart()


_OPEN = (app.Life.FINISHED, app.Life.NEEDS_PERSON)


def case(seed: int, number: int, tally: Tally) -> None:
    rng = random.Random(f"{seed}/{number}")
    world = World(rng)
    world.capture()
    for _ in range(rng.randrange(3, 10)):
        until = world.t + rng.choice((1.0, 60.0, 3600.0))
        for _ in range(12):
            if world.t >= until:
                break
            world.turn(until)
        world.t = max(world.t, until)
        world.happening()
    settle(world)
    tally["submissions"] += len(world.submissions)
    tally["steps"] += world.steps


def settle(world: World) -> None:
    """The faults stop: all has to be delivered, erased, and made once at the clinic."""
    world.link, world.paused, world.trouble = True, False, 0.0
    until = world.t + 4 * app.LAST_RETRY_S
    first = world.steps
    while not all(row.state is app.Transfer.ERASED for s in world.submissions for row in s.blobs):
        if world.t >= until or world.steps - first > MOST_STEPS:
            raise Violation(f"not delivered {4 * app.LAST_RETRY_S:.0f} s after the last fault: {world.submissions}")
        needing = [s.life is app.Life.NEEDS_PERSON for s in world.submissions]
        if any(needing):
            world.submissions = [
                app.try_again(s) if needs else s for s, needs in zip(world.submissions, needing, strict=True)
            ]
        world.turn(until)
    wrong = {blob: times for blob, times in world.receipts.items() if times != 1}
    if wrong or len(world.receipts) != sum(len(s.blobs) for s in world.submissions):
        raise Violation(f"made whole at the clinic: {world.receipts}")
    if any(replace(s).life is not app.Life.RECEIVED for s in world.submissions):
        raise Violation(f"delivered and yet: {[s.life for s in world.submissions]}")


if __name__ == "__main__":
    sys.exit(main("machines", "schedules of the pure machines", case, 1_000_000))
